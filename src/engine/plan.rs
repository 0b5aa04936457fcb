//! What a model needs in memory, worked out from its shape: for serving (weights, KV cache, activations, what fits) and
//! for training (weights, gradients, optimizer states, ZeRO stages). Pure arithmetic, as tables that can be checked by hand.

use std::{fmt::Write as _, path::Path};

use super::{
    models::{decoder, decoder::Family, qwen3_vl},
    weights::{Checkpoint, LoadError},
};

/// `ashlar model plan`
#[derive(Debug, Clone, clap::Args)]
pub struct PlanArgs {
    /// A checkpoint folder, a GGUF file, or a number of parameters such as 7B (training table only)
    pub model: String,
    /// Memory to fit into, such as 24GB or 80GiB
    #[arg(long, value_parser = parse_bytes)]
    pub memory: Option<u64>,
    /// Tokens of one step (prefill chunks and decode rows together)
    #[arg(long, default_value_t = 8192)]
    pub step_tokens: u64,
    /// Bytes of one number in the KV cache and activations: 4 on the CPU, 2 in bf16 on a GPU
    #[arg(long, default_value_t = 4)]
    pub number_bytes: u64,
    /// Show what training the model would take
    #[arg(long)]
    pub train: bool,
    /// GPUs that share the training state
    #[arg(long, default_value_t = 8)]
    pub gpus: u64,
    /// Sequences of one training step on one GPU
    #[arg(long, default_value_t = 1)]
    pub batch: u64,
    /// Tokens of one training sequence
    #[arg(long, default_value_t = 4096)]
    pub sequence: u64,
}

/// The numbers of a checkpoint that memory depends on.
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
    pub hidden_size: u64,
    pub intermediate_size: u64,
    pub patch_dim: u64,
    /// Patches that become one token.
    pub merge: u64,
    /// Rows of text width that a token carries: its embedding and the DeepStack features.
    pub rows_per_token: u64,
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
            "Qwen3VLForConditionalGeneration" => {
                let config = qwen3_vl::config::Config::read(&checkpoint)?;
                let vision = VisionShape {
                    hidden_size: config.vision.hidden_size as u64,
                    intermediate_size: config.vision.intermediate_size as u64,
                    patch_dim: config.vision.patch_dim() as u64,
                    merge: (config.vision.spatial_merge_size * config.vision.spatial_merge_size) as u64,
                    rows_per_token: 1 + config.vision.deepstack_after.len() as u64,
                };
                (config.text, Some(vision))
            }
            _ => return Err(LoadError::unsupported(&architecture, "the planner knows decoders: Llama, Qwen2, Qwen3 and Qwen3-VL")),
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

    /// K and V of one token in all layers.
    pub fn kv_bytes_per_token(&self, number_bytes: u64) -> u64 {
        2 * self.n_layers * self.n_kv_heads * self.head_dim * number_bytes
    }

    /// What a step of `n_tokens` holds at its widest point, inside one layer: residual and normed rows, the fused query-key-value
    /// row and attention's output, or the fused gate-up row and its product; and the logits of `n_logits` rows.
    pub fn activation_bytes(&self, n_tokens: u64, n_logits: u64, number_bytes: u64) -> u64 {
        let attention = (2 * self.n_heads + 2 * self.n_kv_heads) * self.head_dim;
        let mlp = 3 * self.intermediate_size;
        n_tokens * (2 * self.hidden_size + attention.max(mlp)) * number_bytes + n_logits * self.vocab_size * 4
    }

    /// What encoding `n_patches` holds at its widest point, and the rows that stay for the text model.
    pub fn vision_bytes(&self, n_patches: u64, number_bytes: u64) -> u64 {
        let Some(vision) = &self.vision else { return 0 };
        let widest = (4 * vision.hidden_size).max(vision.intermediate_size);
        let kept = n_patches / vision.merge * vision.rows_per_token * self.hidden_size;
        (n_patches * (vision.patch_dim + 2 * vision.hidden_size + widest) + kept) * number_bytes
    }
}

/// What serving takes and what then fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Serving {
    pub weights: u64,
    pub activations: u64,
    /// Peak of the vision tower at 4096 patches (one picture of 1 Mpx), 0 without one.
    pub vision: u64,
    pub kv_per_token: u64,
    /// Tokens of KV cache in the memory that is left; `None` without a limit.
    pub kv_tokens: Option<u64>,
}

/// Patches of the picture that the vision peak is worked out for: 1024×1024 pixels at 16×16.
const PEAK_PATCHES: u64 = 4096;

pub fn serving(shape: &Shape, memory: Option<u64>, step_tokens: u64, number_bytes: u64) -> Serving {
    let weights = shape.weight_bytes;
    let step_tokens = step_tokens.min(shape.context_length.max(1));
    let activations = shape.activation_bytes(step_tokens, 256, number_bytes);
    let vision = shape.vision_bytes(PEAK_PATCHES, number_bytes);
    let kv_per_token = shape.kv_bytes_per_token(number_bytes);
    // The tower and the decoder run one after the other: the larger counts.
    let kv_tokens = memory.map(|m| m.saturating_sub(weights + activations.max(vision)) / kv_per_token.max(1));
    Serving { weights, activations, vision, kv_per_token, kv_tokens }
}

/// Bytes of the training state on one GPU, AdamW in mixed precision: bf16 weights (2) and gradients (2), f32 master
/// weights, first and second moments (4 + 4 + 4): 16 bytes a parameter before activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingState {
    pub weights: u64,
    pub gradients: u64,
    pub optimizer: u64,
}

impl TrainingState {
    pub fn total(&self) -> u64 {
        self.weights + self.gradients + self.optimizer
    }
}

/// ZeRO stage 0 shares nothing, 1 the optimizer states, 2 also the gradients, 3 also the weights.
pub fn training_state(n_parameters: u64, zero_stage: u8, n_gpus: u64) -> TrainingState {
    let share = |bytes: u64, from_stage: u8| if zero_stage >= from_stage { bytes.div_ceil(n_gpus.max(1)) } else { bytes };
    TrainingState { weights: share(2 * n_parameters, 3), gradients: share(2 * n_parameters, 2), optimizer: share(12 * n_parameters, 1) }
}

/// Activations kept for the backward pass, bf16, without tensor parallelism: `s·b·h·34` bytes a layer with a fused attention
/// kernel (which keeps no score matrix), or the `2·s·b·h` of each layer's input plus one layer recomputed with full
/// checkpointing (Korthikanti et al., 2022).
pub fn training_activations(shape: &Shape, batch: u64, sequence: u64, checkpointing: bool) -> u64 {
    let tokens = batch * sequence;
    let layer = 34 * tokens * shape.hidden_size;
    let logits = tokens * shape.vocab_size * 4;
    logits + if checkpointing { shape.n_layers * 2 * tokens * shape.hidden_size + layer } else { shape.n_layers * layer }
}

/// The tables of `ashlar model plan`.
pub fn render(args: &PlanArgs) -> Result<String, LoadError> {
    let mut out = String::new();
    if let Some(n_parameters) = parse_parameters(&args.model).filter(|_| !Path::new(&args.model).exists()) {
        training_table(&mut out, n_parameters, args.gpus);
        return Ok(out);
    }
    let shape = Shape::read(Path::new(&args.model))?;
    serving_table(&mut out, &shape, args);
    if args.train {
        out.push('\n');
        training_table(&mut out, shape.n_parameters, args.gpus);
        let (b, s) = (args.batch, args.sequence);
        line(&mut out, "Activations kept", training_activations(&shape, b, s, false), &format!("{b} × {s} tokens, fused attention"));
        line(&mut out, "  with checkpointing", training_activations(&shape, b, s, true), "each layer's input, one layer recomputed");
    }
    Ok(out)
}

fn line(out: &mut String, name: &str, bytes: u64, how: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{name:<24}{:>12}   {how}", format_bytes(bytes));
}

fn serving_table(out: &mut String, shape: &Shape, args: &PlanArgs) {
    let n = args.number_bytes;
    let plan = serving(shape, args.memory, args.step_tokens, n);
    let _ = writeln!(out, "{}, {} parameters", shape.architecture, format_count(shape.n_parameters));
    line(out, "Weights", plan.weights, "as stored");
    let kv = format!("2 × {} layers × {} KV heads × {} × {n} B", shape.n_layers, shape.n_kv_heads, shape.head_dim);
    line(out, "KV cache per token", plan.kv_per_token, &kv);
    line(
        out,
        "Activations",
        plan.activations,
        &format!("a step of {} tokens, 256 rows of logits", args.step_tokens.min(shape.context_length)),
    );
    if shape.vision.is_some() {
        line(out, "Vision tower", plan.vision, &format!("peak at {PEAK_PATCHES} patches (a picture of 1 Mpx)"));
    }
    if let (Some(memory), Some(kv_tokens)) = (args.memory, plan.kv_tokens) {
        line(out, "Memory", memory, "");
        if kv_tokens == 0 {
            let _ = writeln!(out, "The model does not fit.");
            return;
        }
        let _ = writeln!(out, "Room for {kv_tokens} tokens of KV cache:\n{:>12}  sequences at once", "context");
        let mut context = 1024;
        while context <= shape.context_length.max(1024) {
            let _ = writeln!(out, "{context:>12}  {}", kv_tokens / context);
            context *= 4;
        }
    } else {
        let _ = writeln!(out, "\n{:>12}  one sequence, weights included", "context");
        let mut context = 1024;
        while context <= shape.context_length.max(1024) {
            let total = plan.weights + plan.activations.max(plan.vision) + context * plan.kv_per_token;
            let _ = writeln!(out, "{context:>12}  {}", format_bytes(total));
            context *= 4;
        }
    }
}

fn training_table(out: &mut String, n_parameters: u64, gpus: u64) {
    let _ = writeln!(
        out,
        "Training {} parameters with AdamW in mixed precision, per GPU of {gpus}, before activations",
        format_count(n_parameters)
    );
    let _ = writeln!(out, "{:<10}{:>12}{:>12}{:>12}{:>12}", "ZeRO", "weights", "gradients", "optimizer", "total");
    for (stage, name) in ["none", "1", "2", "3"].into_iter().enumerate() {
        let state = training_state(n_parameters, stage as u8, gpus);
        let cells = [state.weights, state.gradients, state.optimizer, state.total()].map(format_bytes);
        let _ = writeln!(out, "{name:<10}{:>12}{:>12}{:>12}{:>12}", cells[0], cells[1], cells[2], cells[3]);
    }
}

/// Powers of ten, as memory and parameters are sold: 112 GB.
fn format_bytes(bytes: u64) -> String {
    let (value, unit) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => (bytes as f64 / 1e3, "kB"),
        1_000_000..1_000_000_000 => (bytes as f64 / 1e6, "MB"),
        _ => (bytes as f64 / 1e9, "GB"),
    };
    format!("{value:.1} {unit}")
}

fn format_count(n: u64) -> String {
    match n {
        0..1_000_000 => n.to_string(),
        1_000_000..1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.2}B", n as f64 / 1e9),
    }
}

/// `7B`, `135M`
fn parse_parameters(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.len().checked_sub(1).filter(|i| text.is_char_boundary(*i))?);
    let unit = match unit {
        "B" | "b" => 1e9,
        "M" | "m" => 1e6,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    (number > 0.0 && number * unit < 1e16).then_some((number * unit) as u64)
}

/// `24GB`, `80GiB`, `512M`, `1000000`
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let unit: u64 = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        other => return Err(format!("unknown unit `{other}`: use MB, GB, MiB or GiB")),
    };
    let number: f64 = text[..split].trim().parse().map_err(|_| format!("`{text}` is not a size such as 24GB"))?;
    let bytes = number * unit as f64;
    if !(1.0..1e18).contains(&bytes) { Err(format!("`{text}` is not a sensible size")) } else { Ok(bytes as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qwen3_vl_8b() -> Shape {
        Shape {
            architecture: "Qwen3VLForConditionalGeneration".into(),
            n_parameters: 8_760_000_000,
            weight_bytes: 17_520_000_000,
            n_layers: 36,
            hidden_size: 4096,
            intermediate_size: 12288,
            n_heads: 32,
            n_kv_heads: 8,
            head_dim: 128,
            vocab_size: 151_936,
            context_length: 262_144,
            vision: Some(VisionShape { hidden_size: 1152, intermediate_size: 4304, patch_dim: 1536, merge: 4, rows_per_token: 4 }),
        }
    }

    #[test]
    fn training_7b_with_adamw_takes_112_gb_before_activations() {
        let state = training_state(7_000_000_000, 0, 1);
        assert_eq!(state, TrainingState { weights: 14_000_000_000, gradients: 14_000_000_000, optimizer: 84_000_000_000 });
        assert_eq!(format_bytes(state.total()), "112.0 GB");
    }

    #[test]
    fn zero_stages_share_optimizer_then_gradients_then_weights() {
        let totals = [0, 1, 2, 3].map(|stage| training_state(7_000_000_000, stage, 8).total());
        // 112, 28 + 84/8, 14 + (14 + 84)/8, 112/8
        assert_eq!(totals, [112_000_000_000, 38_500_000_000, 26_250_000_000, 14_000_000_000]);
    }

    #[test]
    fn kv_cache_of_an_8b_takes_147456_bytes_a_token() {
        assert_eq!(qwen3_vl_8b().kv_bytes_per_token(2), 147_456);
    }

    #[test]
    fn a_picture_of_a_megapixel_keeps_32_mib_of_features() {
        let shape = qwen3_vl_8b();
        let kept = 1024 * 4 * 4096 * 2;
        assert_eq!(kept, 32 << 20);
        assert_eq!(shape.vision_bytes(4096, 2), 4096 * (1536 + 2 * 1152 + 4 * 1152) * 2 + kept);
    }

    #[test]
    fn what_fits_is_what_weights_and_workspace_leave() {
        let shape = qwen3_vl_8b();
        let plan = serving(&shape, Some(80_000_000_000), 8192, 2);
        let workspace = plan.activations.max(plan.vision);
        assert_eq!(plan.kv_tokens, Some((80_000_000_000 - 17_520_000_000 - workspace) / 147_456));
        assert_eq!(serving(&shape, Some(10_000_000_000), 8192, 2).kv_tokens, Some(0));
        assert_eq!(serving(&shape, None, 8192, 2).kv_tokens, None);
    }

    #[test]
    fn checkpointing_keeps_far_less() {
        let shape = qwen3_vl_8b();
        let (all, checkpointed) = (training_activations(&shape, 1, 4096, false), training_activations(&shape, 1, 4096, true));
        let logits = 4096 * 151_936 * 4;
        assert_eq!(all - logits, 36 * 34 * 4096 * 4096);
        assert_eq!(checkpointed - logits, (36 * 2 + 34) * 4096 * 4096);
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse_bytes("24GB").unwrap(), 24_000_000_000);
        assert_eq!(parse_bytes("80 GiB").unwrap(), 80 << 30);
        assert_eq!(parse_bytes("1.5g").unwrap(), 1_500_000_000);
        for bad in ["", "GB", "-1GB", "10 apples", "1e30GB"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_parameters("7B"), Some(7_000_000_000));
        assert_eq!(parse_parameters("models/7B"), None);
        assert_eq!(parse_parameters("é"), None);
    }

    #[test]
    fn the_bundled_model_has_a_table() {
        let model = format!("{}/models/ashlar-tiny", env!("CARGO_MANIFEST_DIR"));
        let args =
            PlanArgs { model, memory: Some(1 << 30), step_tokens: 8192, number_bytes: 4, train: true, gpus: 8, batch: 1, sequence: 512 };
        let text = render(&args).unwrap();
        assert!(text.contains("2 × 8 layers × 2 KV heads × 64 × 4 B"), "{text}");
        assert!(text.contains("Vision tower") && text.contains("checkpointing"), "{text}");
        let training = render(&PlanArgs { model: "7B".into(), ..args }).unwrap();
        assert!(training.contains("112.0 GB"), "{training}");
    }
}
