//! The sizes of a model that memory and speed depend on, and what follows from them: bytes that must be read, operations
//! that must be done. A multiply-add counts two operations; norms, rotations and activations count nothing, as they take no
//! share that shows.

use std::path::Path;

use crate::engine::{
    models::{decoder, decoder::Family, kimi_vl, mla, moe, qwen3_vl},
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
    /// Of a layer without experts.
    pub intermediate_size: u64,
    pub n_heads: u64,
    /// Of what is cached: with latent attention one head as wide as a latent.
    pub n_kv_heads: u64,
    pub head_dim: u64,
    pub latent: Option<LatentShape>,
    pub experts: Option<ExpertsShape>,
    pub vocab_size: u64,
    pub context_length: u64,
    pub vision: Option<VisionShape>,
}

/// Latent attention: what is cached holds keys and values.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentShape {
    pub nope_dim: u64,
    pub rope_dim: u64,
    pub value_dim: u64,
    pub latent_dim: u64,
    /// Width that queries go through.
    pub q_rank: Option<u64>,
}

/// Layers with experts in place of the MLP.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpertsShape {
    pub n_layers: u64,
    pub n_experts: u64,
    /// Experts of a token.
    pub top_k: u64,
    pub intermediate_size: u64,
    /// Of what every token goes through besides; 0 without.
    pub shared_intermediate_size: u64,
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
    /// 8-bit floats with an f32 scale for each output; embedding, head, routed experts and vision tower stay as stored.
    Fp8,
}

impl Shape {
    /// Reads headers only.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let checkpoint = Checkpoint::open(path)?;
        let architecture = checkpoint.architecture.clone();
        let (text, vision) = match architecture.as_str() {
            // The picture tokenizer is a part of the weights; it runs on the CPU.
            "ChameleonForConditionalGeneration" => (decoder::Config::read(&checkpoint.fields(), Family::Chameleon, &architecture)?, None),
            "Qwen3VLForConditionalGeneration" | "Qwen3VLMoeForConditionalGeneration" => {
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
            "KimiVLForConditionalGeneration" => {
                let config = kimi_vl::config::Config::read(&checkpoint)?;
                let vision = VisionShape {
                    depth: config.vision.depth as u64,
                    hidden_size: config.vision.hidden_size as u64,
                    intermediate_size: config.vision.intermediate_size as u64,
                    head_dim: (config.vision.hidden_size / config.vision.n_heads) as u64,
                    patch_dim: 3 * (config.vision.patch_size * config.vision.patch_size) as u64,
                    merge: (config.vision.merge * config.vision.merge) as u64,
                    rows_per_token: 1,
                };
                (config.text, Some(vision))
            }
            other => match Family::of_text(other) {
                Some(family) => (decoder::Config::read(&checkpoint.fields(), family, &architecture)?, None),
                None => {
                    return Err(LoadError::unsupported(
                        &architecture,
                        "the planner knows decoders: Llama, Qwen, DeepSeek, Kimi and Chameleon",
                    ));
                }
            },
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
            latent: text.latent.as_ref().map(LatentShape::of),
            experts: text.moe.as_ref().map(ExpertsShape::of),
            vocab_size: text.vocab_size as u64,
            context_length: text.context_length as u64,
            vision,
        })
    }

    /// Numbers in the matrices of all blocks.
    pub fn decoder_parameters(&self) -> u64 {
        self.common_parameters() + self.experts.as_ref().map_or(0, |experts| self.expert_parameters(experts.n_experts))
    }

    /// Numbers of the blocks' matrices that a token goes through.
    pub fn active_parameters(&self) -> u64 {
        self.common_parameters() + self.experts.as_ref().map_or(0, |experts| self.expert_parameters(experts.top_k))
    }

    /// Of the blocks, routed experts left out.
    fn common_parameters(&self) -> u64 {
        let (h, heads) = (self.hidden_size, self.n_heads);
        let attention = match &self.latent {
            None => h * (2 * heads + 2 * self.n_kv_heads) * self.head_dim,
            Some(l) => {
                let query = heads * (l.nope_dim + l.rope_dim);
                let queries = l.q_rank.map_or(h * query, |rank| rank * (h + query));
                queries + h * self.head_dim + l.latent_dim * heads * (l.nope_dim + l.value_dim) + heads * l.value_dim * h
            }
        };
        let n_expert_layers = self.experts.as_ref().map_or(0, |experts| experts.n_layers);
        let dense = (self.n_layers - n_expert_layers) * 3 * h * self.intermediate_size;
        let beside = self.experts.as_ref().map_or(0, |e| e.n_layers * h * (e.n_experts + 3 * e.shared_intermediate_size));
        self.n_layers * attention + dense + beside
    }

    /// Of an adapter of this rank of all layers that adapters may change.
    pub fn adapter_parameters(&self, rank: u64) -> u64 {
        let (h, heads, i) = (self.hidden_size, self.n_heads, self.intermediate_size);
        let attention = match &self.latent {
            None => {
                let (query, key) = (heads * self.head_dim, self.n_kv_heads * self.head_dim);
                2 * (h + query) + 2 * (h + key)
            }
            Some(l) => {
                let query = heads * (l.nope_dim + l.rope_dim);
                let queries = l.q_rank.map_or(h + query, |rank| (h + rank) + (rank + query));
                queries + (h + self.head_dim) + (heads * l.value_dim + h)
            }
        };
        let (n_expert_layers, shared) = self
            .experts
            .as_ref()
            .map_or((0, 0), |e| (e.n_layers, if e.shared_intermediate_size > 0 { h + e.shared_intermediate_size } else { 0 }));
        rank * (self.n_layers * attention + 3 * ((self.n_layers - n_expert_layers) * (h + i) + n_expert_layers * shared))
    }

    /// Of so many routed experts a layer.
    fn expert_parameters(&self, n: u64) -> u64 {
        self.experts.as_ref().map_or(0, |experts| experts.n_layers * n * 3 * self.hidden_size * experts.intermediate_size)
    }

    /// Experts of a layer that `n_rows` tokens go to, if each chooses as it likes.
    fn experts_in_use(&self, n_rows: u64) -> u64 {
        self.experts.as_ref().map_or(0, |experts| {
            let idle = (1.0 - experts.top_k as f64 / experts.n_experts as f64).powi(n_rows as i32);
            (experts.n_experts as f64 * (1.0 - idle)).ceil() as u64
        })
    }

    /// Numbers in the head, whether or not the embedding shares them.
    pub fn head_parameters(&self) -> u64 {
        self.vocab_size * self.hidden_size
    }

    fn stored_bytes(&self, n_parameters: u64) -> u64 {
        (u128::from(n_parameters) * u128::from(self.weight_bytes) / u128::from(self.n_parameters.max(1))) as u64
    }

    /// Of the blocks, routed experts left out.
    fn common_bytes(&self, precision: Precision) -> u64 {
        match precision {
            Precision::Stored => self.stored_bytes(self.common_parameters()),
            Precision::Fp8 => {
                let outputs = (self.n_heads + 2 * self.n_kv_heads) * self.head_dim + 2 * self.hidden_size + 2 * self.intermediate_size;
                self.common_parameters() + self.n_layers * outputs * 4
            }
        }
    }

    /// All weights as they lie in memory.
    pub fn held_bytes(&self, precision: Precision) -> u64 {
        self.weight_bytes - self.common_bytes(Precision::Stored) + self.common_bytes(precision)
    }

    /// K and V, or the latent, of one token in all layers.
    pub fn kv_bytes_per_token(&self, number_bytes: u64) -> u64 {
        let parts = if self.latent.is_some() { 1 } else { 2 };
        parts * self.n_layers * self.n_kv_heads * self.head_dim * number_bytes
    }

    /// What a step reads at least that decodes `batch` sequences of `context` tokens: the decoder and the head once, and
    /// every sequence's keys and values.
    pub fn decode_bytes(&self, batch: u64, context: u64, precision: Precision, kv_number_bytes: u64) -> u64 {
        self.step_weight_bytes(batch, precision) + batch * context * self.kv_bytes_per_token(kv_number_bytes)
    }

    /// Weights that a step of the decoder reads: of the experts those that its rows choose.
    pub fn step_weight_bytes(&self, n_rows: u64, precision: Precision) -> u64 {
        let experts = self.expert_parameters(self.experts_in_use(n_rows));
        self.common_bytes(precision) + self.stored_bytes(experts + self.head_parameters())
    }

    /// Operations of the blocks over `n_new` tokens of one sequence behind `n_cached` others; attention is causal, and each
    /// token sees itself.
    pub fn decoder_flops(&self, n_cached: u64, n_new: u64) -> f64 {
        let keys = n_new as f64 * n_cached as f64 + n_new as f64 * (n_new as f64 + 1.0) / 2.0;
        // A key's product with a query, and a value's with its weight.
        let per_key = self.latent.as_ref().map_or(2 * self.head_dim, |l| l.nope_dim + l.rope_dim + l.value_dim);
        2.0 * self.active_parameters() as f64 * n_new as f64 + 2.0 * (self.n_layers * self.n_heads * per_key) as f64 * keys
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
    /// normed input, the gate-up row and its product, or of each chosen expert these and the input; the rotary angles; then
    /// the logits of `n_logits` rows.
    pub fn activation_bytes(&self, n_tokens: u64, n_logits: u64, number_bytes: u64) -> u64 {
        let (values, rotary) = self.latent.as_ref().map_or((self.head_dim, self.head_dim), |l| (l.value_dim, l.rope_dim));
        let experts = self.experts.as_ref().map_or(0, |e| e.top_k * (self.hidden_size + 3 * e.intermediate_size));
        let row = (2 * self.hidden_size + self.n_heads * values + (3 * self.intermediate_size).max(experts)) * number_bytes;
        n_tokens * (row + angle_bytes(rotary)) + n_logits * self.vocab_size * 4
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

impl LatentShape {
    fn of(config: &mla::Config) -> Self {
        let heads = config.heads;
        Self {
            nope_dim: heads.nope_dim as u64,
            rope_dim: heads.rope_dim as u64,
            value_dim: heads.value_dim as u64,
            latent_dim: heads.latent_dim as u64,
            q_rank: config.q_rank.map(|rank| rank as u64),
        }
    }
}

impl ExpertsShape {
    fn of(config: &moe::Config) -> Self {
        Self {
            n_layers: config.layers.iter().filter(|has_experts| **has_experts).count() as u64,
            n_experts: config.n_experts as u64,
            top_k: config.top_k as u64,
            intermediate_size: config.intermediate_size as u64,
            shared_intermediate_size: config.shared_intermediate_size.unwrap_or(0) as u64,
        }
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
            latent: None,
            experts: None,
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

    fn kimi_vl() -> Shape {
        Shape {
            architecture: "KimiVLForConditionalGeneration".into(),
            n_parameters: 16_407_000_000,
            weight_bytes: 32_814_000_000,
            n_layers: 27,
            hidden_size: 2048,
            intermediate_size: 11_264,
            n_heads: 16,
            n_kv_heads: 1,
            head_dim: 576,
            latent: Some(LatentShape { nope_dim: 128, rope_dim: 64, value_dim: 128, latent_dim: 512, q_rank: None }),
            experts: Some(ExpertsShape { n_layers: 26, n_experts: 64, top_k: 6, intermediate_size: 1408, shared_intermediate_size: 2816 }),
            vocab_size: 163_840,
            context_length: 131_072,
            vision: None,
        }
    }

    #[test]
    fn a_token_goes_through_a_sixth_of_kimis_decoder_and_keeps_a_latent() {
        let shape = kimi_vl();
        assert_rounds_to(shape.active_parameters() as f64 / 1e9, "2.24");
        assert_rounds_to(shape.decoder_parameters() as f64 / 1e9, "15.29");
        assert_eq!(shape.kv_bytes_per_token(2), 31_104);
        assert_eq!(shape.experts_in_use(1), 6);
        assert_eq!(shape.experts_in_use(1000), 64);
        assert!(shape.step_weight_bytes(1, Precision::Stored) < shape.step_weight_bytes(8, Precision::Stored));
        let all = shape.stored_bytes(shape.decoder_parameters() + shape.head_parameters());
        assert!(shape.step_weight_bytes(1000, Precision::Stored).abs_diff(all) <= 2);
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
        assert_rounds_to(shape.step_weight_bytes(1, Precision::Stored) as f64 / 1e9, "15.14");
        assert_eq!(shape.kv_bytes_per_token(2), 147_456);
        // Milliseconds at 3.35 TB/s.
        let step_ms = |batch, context| shape.decode_bytes(batch, context, Precision::Stored, 2) as f64 / 3.35e12 * 1e3;
        assert_rounds_to(step_ms(1, 1024), "4.56");
        assert_rounds_to(step_ms(64, 1024), "7.40");
        assert_rounds_to(step_ms(256, 1024), "16.1");
    }

    #[test]
    fn an_adapter_of_rank_16_has_43_7_million_numbers() {
        // A layer: q and o 4096 + 4096, k and v 4096 + 1024, gate, up and down 4096 + 12288.
        assert_eq!(qwen3_vl_8b().adapter_parameters(16), 16 * 36 * (2 * 8192 + 2 * 5120 + 3 * 16_384));
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
