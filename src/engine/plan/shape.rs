//! The sizes of a model that memory and speed depend on, and what follows from them: bytes that must be read, operations
//! that must be done. A multiply-add counts two operations; norms, rotations and activations count nothing, as they take no
//! share that shows.

use std::path::Path;

use crate::engine::{
    models::{decoder, decoder::Family, qwen3_vl},
    weights::{Checkpoint, LoadError},
};

/// The numbers of a checkpoint that memory and speed depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub architecture: String,
    pub n_parameters: u64,
    /// As stored; what serving keeps in memory.
    pub weight_bytes: u64,
    pub n_layers: u64,
    pub hidden_size: u64,
    pub intermediate_size: u64,
    pub n_heads: u64,
    pub n_kv_heads: u64,
    pub head_dim: u64,
    pub vocab_size: u64,
    pub context_length: u64,
    pub vision: Option<VisionShape>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VisionShape {
    pub depth: u64,
    pub hidden_size: u64,
    pub intermediate_size: u64,
    pub head_dim: u64,
    pub patch_dim: u64,
    /// Patches that become one token.
    pub merge: u64,
    /// Rows of text width that a token carries: its embedding and the DeepStack features.
    pub rows_per_token: u64,
}

/// How the decoder's matrices are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    Stored,
    /// 8-bit floats with an f32 scale for each output; embedding, head and vision tower stay as stored.
    Fp8,
}

impl Shape {
    /// Reads headers only.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let checkpoint = Checkpoint::open(path)?;
        let architecture = checkpoint.architecture.clone();
        let (text, vision) = match architecture.as_str() {
            "LlamaForCausalLM" => (decoder::Config::read(&checkpoint.fields(), Family::Llama, &architecture)?, None),
            "Qwen2ForCausalLM" => (decoder::Config::read(&checkpoint.fields(), Family::Qwen2, &architecture)?, None),
            "Qwen3ForCausalLM" => (decoder::Config::read(&checkpoint.fields(), Family::Qwen3, &architecture)?, None),
            // The picture tokenizer is a part of the weights; it runs on the CPU.
            "ChameleonForConditionalGeneration" => (decoder::Config::read(&checkpoint.fields(), Family::Chameleon, &architecture)?, None),
            "Qwen3VLForConditionalGeneration" => {
                let config = qwen3_vl::config::Config::read(&checkpoint)?;
                let vision = VisionShape {
                    depth: config.vision.depth as u64,
                    hidden_size: config.vision.hidden_size as u64,
                    intermediate_size: config.vision.intermediate_size as u64,
                    head_dim: (config.vision.hidden_size / config.vision.n_heads) as u64,
                    patch_dim: config.vision.patch_dim() as u64,
                    merge: (config.vision.spatial_merge_size * config.vision.spatial_merge_size) as u64,
                    rows_per_token: 1 + config.vision.deepstack_after.len() as u64,
                };
                (config.text, Some(vision))
            }
            _ => {
                return Err(LoadError::unsupported(
                    &architecture,
                    "the planner knows decoders: Llama, Qwen2, Qwen3, Qwen3-VL and Chameleon",
                ));
            }
        };
        Ok(Self {
            architecture,
            n_parameters: checkpoint.weights.n_parameters(),
            weight_bytes: checkpoint.weights.n_bytes(),
            n_layers: text.n_layers as u64,
            hidden_size: text.hidden_size as u64,
            intermediate_size: text.intermediate_size as u64,
            n_heads: text.n_heads as u64,
            n_kv_heads: text.n_kv_heads as u64,
            head_dim: text.head_dim as u64,
            vocab_size: text.vocab_size as u64,
            context_length: text.context_length as u64,
            vision,
        })
    }

    /// Numbers in the matrices of all blocks.
    pub fn decoder_parameters(&self) -> u64 {
        let attention = (2 * self.n_heads + 2 * self.n_kv_heads) * self.head_dim;
        self.n_layers * self.hidden_size * (attention + 3 * self.intermediate_size)
    }

    /// Numbers in the head, whether or not the embedding shares them.
    pub fn head_parameters(&self) -> u64 {
        self.vocab_size * self.hidden_size
    }

    fn stored_bytes(&self, n_parameters: u64) -> u64 {
        (u128::from(n_parameters) * u128::from(self.weight_bytes) / u128::from(self.n_parameters.max(1))) as u64
    }

    fn decoder_bytes(&self, precision: Precision) -> u64 {
        match precision {
            Precision::Stored => self.stored_bytes(self.decoder_parameters()),
            Precision::Fp8 => {
                let outputs = (self.n_heads + 2 * self.n_kv_heads) * self.head_dim + 2 * self.hidden_size + 2 * self.intermediate_size;
                self.decoder_parameters() + self.n_layers * outputs * 4
            }
        }
    }

    /// All weights as they lie in memory.
    pub fn held_bytes(&self, precision: Precision) -> u64 {
        self.weight_bytes - self.decoder_bytes(Precision::Stored) + self.decoder_bytes(precision)
    }

    /// K and V of one token in all layers.
    pub fn kv_bytes_per_token(&self, number_bytes: u64) -> u64 {
        2 * self.n_layers * self.n_kv_heads * self.head_dim * number_bytes
    }

    /// What a step reads at least that decodes `batch` sequences of `context` tokens: the decoder and the head once, and
    /// every sequence's keys and values.
    pub fn decode_bytes(&self, batch: u64, context: u64, precision: Precision, kv_number_bytes: u64) -> u64 {
        self.step_weight_bytes(precision) + batch * context * self.kv_bytes_per_token(kv_number_bytes)
    }

    /// Weights that every step of the decoder reads.
    pub fn step_weight_bytes(&self, precision: Precision) -> u64 {
        self.decoder_bytes(precision) + self.stored_bytes(self.head_parameters())
    }

    /// Operations of the blocks over `n_new` tokens of one sequence behind `n_cached` others; attention is causal, and each
    /// token sees itself.
    pub fn decoder_flops(&self, n_cached: u64, n_new: u64) -> f64 {
        let keys = n_new as f64 * n_cached as f64 + n_new as f64 * (n_new as f64 + 1.0) / 2.0;
        2.0 * self.decoder_parameters() as f64 * n_new as f64 + 4.0 * (self.n_layers * self.n_heads * self.head_dim) as f64 * keys
    }

    /// Operations of the head for rows that sample.
    pub fn head_flops(&self, n_rows: u64) -> f64 {
        2.0 * self.head_parameters() as f64 * n_rows as f64
    }

    /// Operations of the vision tower over one picture (or frame) of `n_patches`, which attends to itself both ways.
    pub fn vision_flops(&self, n_patches: u64) -> f64 {
        let Some(v) = &self.vision else { return 0.0 };
        let (n, d) = (n_patches as f64, v.hidden_size as f64);
        let joined = (v.merge * v.hidden_size) as f64;
        let embed = 2.0 * n * v.patch_dim as f64 * d;
        let block = 2.0 * n * d * (4.0 * d + 2.0 * v.intermediate_size as f64) + 4.0 * n * n * d;
        let merger = 2.0 * n / v.merge as f64 * joined * (joined + self.hidden_size as f64);
        embed + v.depth as f64 * block + v.rows_per_token as f64 * merger
    }

    /// What a step of `n_tokens` holds at its widest point, the gated MLP of a layer: the residual, attention's output, the
    /// normed input, the gate-up row and its product, the rotary angles; then the logits of `n_logits` rows.
    pub fn activation_bytes(&self, n_tokens: u64, n_logits: u64, number_bytes: u64) -> u64 {
        let row = (2 * self.hidden_size + self.n_heads * self.head_dim + 3 * self.intermediate_size) * number_bytes;
        n_tokens * (row + angle_bytes(self.head_dim)) + n_logits * self.vocab_size * 4
    }

    /// What encoding `n_patches` holds at its widest point, the attention or the MLP of a block: the residual with the
    /// normed input, the fused query-key-value row and attention's output, or with the normed input and the hidden row; the
    /// rotary angles; and the rows for the text model, which gather from block to block.
    pub fn vision_bytes(&self, n_patches: u64, number_bytes: u64) -> u64 {
        let Some(v) = &self.vision else { return 0 };
        let row = (5 * v.hidden_size).max(2 * v.hidden_size + v.intermediate_size) * number_bytes;
        n_patches * (row + angle_bytes(v.head_dim)) + self.feature_bytes(n_patches / v.merge, number_bytes)
    }

    /// What `n_tokens` visual tokens take in the encoder cache.
    pub fn feature_bytes(&self, n_tokens: u64, number_bytes: u64) -> u64 {
        self.vision.as_ref().map_or(0, |vision| n_tokens * vision.rows_per_token * self.hidden_size * number_bytes)
    }
}

impl Shape {
    /// What the decode kernel's splits leave for `n_sequences` sequences: a head's values, maximum and sum for each of 32.
    pub fn partial_bytes(&self, n_sequences: u64) -> u64 {
        n_sequences * self.n_heads * 32 * (self.head_dim + 2) * 4
    }
}

/// Cosine and sine of half a head's angles, f32.
fn angle_bytes(head_dim: u64) -> u64 {
    head_dim / 2 * 8
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn qwen3_vl_8b() -> Shape {
        Shape {
            architecture: "Qwen3VLForConditionalGeneration".into(),
            n_parameters: 8_767_123_696,
            weight_bytes: 17_534_247_392,
            n_layers: 36,
            hidden_size: 4096,
            intermediate_size: 12288,
            n_heads: 32,
            n_kv_heads: 8,
            head_dim: 128,
            vocab_size: 151_936,
            context_length: 262_144,
            vision: Some(VisionShape {
                depth: 27,
                hidden_size: 1152,
                intermediate_size: 4304,
                head_dim: 72,
                patch_dim: 1536,
                merge: 4,
                rows_per_token: 4,
            }),
        }
    }

    /// `value` has `digits` when rounded as they are.
    fn assert_rounds_to(value: f64, digits: &str) {
        let decimals = digits.split('.').nth(1).map_or(0, str::len);
        assert_eq!(format!("{value:.decimals$}"), digits);
    }

    #[test]
    fn a_decode_step_of_an_8b_reads_15_14_gb_and_147456_bytes_a_token() {
        let shape = qwen3_vl_8b();
        assert_eq!(shape.decoder_parameters(), 36 * (4096 * 6144 + 4096 * 4096 + 3 * 4096 * 12288));
        assert_rounds_to(shape.step_weight_bytes(Precision::Stored) as f64 / 1e9, "15.14");
        assert_eq!(shape.kv_bytes_per_token(2), 147_456);
        // Milliseconds at 3.35 TB/s.
        let step_ms = |batch, context| shape.decode_bytes(batch, context, Precision::Stored, 2) as f64 / 3.35e12 * 1e3;
        assert_rounds_to(step_ms(1, 1024), "4.56");
        assert_rounds_to(step_ms(64, 1024), "7.40");
        assert_rounds_to(step_ms(256, 1024), "16.1");
    }

    #[test]
    fn prefill_takes_14_to_19_gflop_a_token() {
        let shape = qwen3_vl_8b();
        let per_token = |n: u64| shape.decoder_flops(0, n) / n as f64 / 1e9;
        assert_rounds_to(per_token(1024), "14.2");
        assert_rounds_to(per_token(4096), "15.1");
        assert_rounds_to(per_token(16_384), "18.7");
        let (whole, parts) = (shape.decoder_flops(0, 4096), shape.decoder_flops(0, 1024) + shape.decoder_flops(1024, 3072));
        assert!((whole - parts).abs() < 1e-9 * whole, "chunks add up");
        assert_eq!(shape.head_flops(1), 2.0 * 151_936.0 * 4096.0);
    }

    #[test]
    fn pictures_take_one_to_fifty_tflop() {
        let shape = qwen3_vl_8b();
        assert_rounds_to(shape.vision_flops(4096) / 1e12, "5.8");
        assert_rounds_to(shape.vision_flops(16_384) / 1e12, "48");
        assert_rounds_to(shape.vision_flops(1024) / 1e12, "1.06");
        assert_eq!(Shape { vision: None, ..shape }.vision_flops(1024), 0.0);
    }

    #[test]
    fn fp8_halves_the_decoder_only() {
        let shape = qwen3_vl_8b();
        let scales = 36 * (6144 + 2 * 4096 + 2 * 12288) * 4;
        assert_eq!(shape.held_bytes(Precision::Stored) - shape.held_bytes(Precision::Fp8), shape.decoder_parameters() - scales);
        assert_eq!(shape.held_bytes(Precision::Stored), shape.weight_bytes);
    }

    #[test]
    fn a_picture_of_a_megapixel_keeps_32_mib_of_features() {
        let shape = qwen3_vl_8b();
        assert_eq!(shape.feature_bytes(1024, 2), 32 << 20);
        assert_eq!(shape.vision_bytes(4096, 2), 4096 * ((2 * 1152 + 4304) * 2 + 288) + (32 << 20));
    }
}
