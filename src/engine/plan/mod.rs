//! What a model needs in memory, worked out from its shape: for serving (weights, KV cache, activations, what fits) and
//! for training (weights, gradients, optimizer states, ZeRO stages). Pure arithmetic, as tables that can be checked by hand.

mod shape;
mod training;

use std::{fmt::Write as _, path::Path};

use anyhow::Result;

use super::reserve::ADAPTER_RANK;
use super::shapes;
pub use shape::{Precision, Shape};

use super::ops::Device;
use training::{training_activations, training_state};

/// `ashlar plan`
#[derive(Debug, Clone, clap::Args)]
pub struct PlanArgs {
    /// A checkpoint folder, a GGUF file, a shape such as qwen3-vl-8b, or a number of parameters such as 7B (training table only)
    pub model: String,
    /// Memory to fit into, such as 24GB or 80GiB
    #[arg(long, value_parser = parse_bytes)]
    pub memory: Option<u64>,
    /// Tokens of one step (prefill chunks and decode rows together)
    #[arg(long, default_value_t = 8192)]
    pub step_tokens: u64,
    /// Adapters (LoRA) in memory beside the model
    #[arg(long, default_value_t = 0)]
    pub adapters: u64,
    /// Rank of these adapters, of all linear layers
    #[arg(long, default_value_t = ADAPTER_RANK as u64)]
    pub adapter_rank: u64,
    /// What it is to run on: the server's own `--device`
    #[arg(skip)]
    pub device: Device,
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

/// Bytes of a number of an adapter: bf16, as they are saved.
const ADAPTER_NUMBER_BYTES: u64 = 2;
/// Rows of a step that sample, at most.
const MAX_LOGITS: u64 = 256;
/// Patches that one step encodes, at most: four pictures of 1 Mpx.
const MAX_STEP_PATCHES: u64 = 16_384;
/// Patches of a picture of 16 Mpx.
const MAX_PICTURE_PATCHES: u64 = 65_536;
/// The driver's context, cuBLAS and the kernels.
const GPU_CONTEXT_BYTES: u64 = 700 << 20;

/// What serving takes, part by part as the engine reports it, and what then fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Serving {
    pub weights: u64,
    /// The widest point of a step: the decoder's, or the vision tower's where that is larger. They run one after the other.
    pub workspace: u64,
    /// What the tower's widest point takes; 0 without a tower.
    pub vision: u64,
    /// Encoded pictures that are kept, and on a GPU those that a step reads; 0 without a tower.
    pub encoder_cache: u64,
    /// What a GPU's driver, libraries and decoding steps take besides; 0 on the CPU.
    pub device: u64,
    /// What adapters take.
    pub adapters: u64,
    pub kv_per_token: u64,
    /// Tokens of KV cache in the memory that is left; `None` without a limit.
    pub kv_tokens: Option<u64>,
}

impl Serving {
    /// Bytes besides the KV cache.
    pub fn fixed(&self) -> u64 {
        self.weights + self.workspace + self.encoder_cache + self.device + self.adapters
    }
}

/// Patches that go through the tower together: as many as a step may have, on a GPU those of the largest picture.
fn max_patches(device: Device) -> u64 {
    match device {
        Device::Cpu => MAX_STEP_PATCHES,
        Device::Cuda => MAX_PICTURE_PATCHES,
    }
}

/// Of a model; `adapters` is what they take.
pub fn serving(shape: &Shape, device: Device, precision: Precision, memory: Option<u64>, step_tokens: u64, adapters: u64) -> Serving {
    let number_bytes = device.number_bytes();
    let step_tokens = step_tokens.min(shape.context_length.max(1));
    let n_patches = max_patches(device);
    let vision = shape.vision_bytes(n_patches, number_bytes);
    let (mut kept, mut on_device) = (super::reserve::encoder_cache_bytes(device) as u64, 0);
    if device == Device::Cuda {
        kept += 2 * shape.feature_bytes(n_patches / shape.vision.as_ref().map_or(1, |vision| vision.merge), number_bytes);
        on_device = GPU_CONTEXT_BYTES + shape.partial_bytes(MAX_LOGITS);
    }
    let mut plan = Serving {
        weights: shape.held_bytes(precision),
        workspace: shape.activation_bytes(step_tokens, MAX_LOGITS, number_bytes).max(vision),
        vision,
        encoder_cache: if shape.vision.is_some() { kept } else { 0 },
        device: on_device,
        adapters,
        kv_per_token: shape.kv_bytes_per_token(number_bytes),
        kv_tokens: None,
    };
    plan.kv_tokens = memory.map(|m| m.saturating_sub(plan.fixed()) / plan.kv_per_token.max(1));
    plan
}

/// The tables of `ashlar plan`.
pub fn render(args: &PlanArgs) -> Result<String> {
    let mut out = String::new();
    let path = Path::new(&args.model);
    if let Some(n_parameters) = parse_parameters(&args.model).filter(|_| !path.exists()) {
        training_table(&mut out, n_parameters, args.gpus);
        return Ok(out);
    }
    let named = if path.exists() { None } else { shapes::folder(&args.model)? };
    let shape = Shape::read(named.as_ref().map_or(path, |folder| folder.path()))?;
    serving_table(&mut out, &shape, args);
    if args.train {
        out.push('\n');
        training_table(&mut out, shape.n_parameters, args.gpus);
        let (b, s) = (args.batch, args.sequence);
        line(&mut out, "Activations kept", &[training_activations(&shape, b, s, false)], &format!("{b} × {s} tokens, fused attention"));
        line(&mut out, "  with checkpointing", &[training_activations(&shape, b, s, true)], "each layer's input, one layer recomputed");
    }
    Ok(out)
}

fn line(out: &mut String, name: &str, bytes: &[u64], how: &str) {
    let cells: String = bytes.iter().map(|bytes| format!("{:>12}", format_bytes(*bytes))).collect();
    let row = format!("{name:<24}{cells}   {how}");
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", row.trim_end());
}

fn serving_table(out: &mut String, shape: &Shape, args: &PlanArgs) {
    let n = args.device.number_bytes();
    let columns: &[(&str, Precision)] = match args.device {
        Device::Cpu => &[("", Precision::Stored)],
        Device::Cuda => &[("as stored", Precision::Stored), ("fp8", Precision::Fp8)],
    };
    let adapters = args.adapters * ADAPTER_NUMBER_BYTES * shape.adapter_parameters(args.adapter_rank);
    let plans: Vec<Serving> =
        columns.iter().map(|(_, precision)| serving(shape, args.device, *precision, args.memory, args.step_tokens, adapters)).collect();
    let part = |f: fn(&Serving) -> u64| plans.iter().map(f).collect::<Vec<_>>();
    let active = match &shape.experts {
        None => String::new(),
        Some(experts) => {
            let active = format_count(shape.active_parameters() + shape.head_parameters());
            format!(", of which a token goes through {active} ({} of {} experts)", experts.top_k, experts.n_experts)
        }
    };
    let _ = writeln!(out, "{}, {} parameters{active}", shape.architecture, format_count(shape.n_parameters));
    if columns.len() > 1 {
        let _ = writeln!(out, "{:<24}{}", "", columns.iter().map(|(name, _)| format!("{name:>12}")).collect::<String>());
    }
    line(out, "Weights", &part(|p| p.weights), "");
    let kv = match &shape.latent {
        None => format!("2 × {} layers × {} KV heads × {} × {n} B", shape.n_layers, shape.n_kv_heads, shape.head_dim),
        Some(l) => format!("{} layers × a latent of {} + {} × {n} B", shape.n_layers, l.latent_dim, l.rope_dim),
    };
    line(out, "KV cache per token", &part(|p| p.kv_per_token), &kv);
    let step_tokens = args.step_tokens.min(shape.context_length);
    line(out, "Workspace", &part(|p| p.workspace), &format!("a step of {step_tokens} tokens, {MAX_LOGITS} rows of logits"));
    if shape.vision.is_some() {
        line(out, "  vision tower", &part(|p| p.vision), &format!("{} patches in a step", max_patches(args.device)));
        line(out, "Encoder cache", &part(|p| p.encoder_cache), "pictures that are asked about again");
    }
    if args.adapters > 0 {
        line(out, "Adapters", &part(|p| p.adapters), &format!("{} of rank {}, of all linear layers", args.adapters, args.adapter_rank));
    }
    if args.device == Device::Cuda {
        line(out, "Device", &part(|p| p.device), "driver, libraries, what decoding steps leave between their kernels");
    }
    let contexts = std::iter::successors(Some(1024), |context| Some(context * 4)).take_while(|c| *c <= shape.context_length.max(1024));
    match args.memory {
        Some(memory) => {
            line(out, "Memory", &vec![memory; plans.len()], "");
            if plans.iter().all(|plan| plan.kv_tokens == Some(0)) {
                let _ = writeln!(out, "The model does not fit.");
                return;
            }
            let tokens = |plan: &Serving| plan.kv_tokens.unwrap_or(0);
            let cells = |f: &dyn Fn(&Serving) -> u64| plans.iter().map(|plan| format!("{:>12}", f(plan))).collect::<String>();
            let _ = writeln!(out, "{:<24}{}   tokens", "Room for KV cache", cells(&tokens));
            let _ = writeln!(out, "\nSequences at once with a context of");
            for context in contexts {
                let _ = writeln!(out, "{context:>22}  {}", cells(&|plan| tokens(plan) / context));
            }
        }
        None => {
            let _ = writeln!(out, "\nAll of it for one sequence with a context of");
            for context in contexts {
                line(
                    out,
                    &format!("{context:>22}"),
                    &part(Serving::fixed).iter().zip(&plans).map(|(fixed, plan)| fixed + context * plan.kv_per_token).collect::<Vec<_>>(),
                    "",
                );
            }
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
    use super::shape::tests::qwen3_vl_8b;
    use super::*;

    #[test]
    fn what_fits_is_what_weights_workspace_and_encoder_cache_leave() {
        let shape = qwen3_vl_8b();
        let plan = |memory| serving(&shape, Device::Cuda, Precision::Stored, memory, 8192, 0);
        let steps = shape.activation_bytes(8192, 256, 2).max(shape.vision_bytes(65_536, 2));
        let kept = (1 << 30) + 2 * 16_384 * 4 * 4096 * 2;
        let fixed = 17_534_247_392 + steps + kept + (700 << 20) + 256 * 32 * 32 * 130 * 4;
        assert_eq!(plan(Some(80_000_000_000)).kv_tokens, Some((80_000_000_000 - fixed) / 147_456));
        assert_eq!(plan(Some(10_000_000_000)).kv_tokens, Some(0));
        assert_eq!(plan(None).kv_tokens, None);
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
        let device = Device::Cpu;
        let args = PlanArgs {
            model,
            memory: Some(1 << 30),
            step_tokens: 8192,
            adapters: 2,
            adapter_rank: 16,
            device,
            train: true,
            gpus: 8,
            batch: 1,
            sequence: 512,
        };
        let text = render(&args).unwrap();
        assert!(text.contains("2 × 8 layers × 2 KV heads × 64 × 4 B"), "{text}");
        assert!(text.contains("2 of rank 16"), "{text}");
        assert!(text.contains("vision tower") && text.contains("checkpointing"), "{text}");
        let training = render(&PlanArgs { model: "7B".into(), ..args.clone() }).unwrap();
        assert!(training.contains("112.0 GB"), "{training}");
        let named = render(&PlanArgs { model: "qwen3-vl-tiny".into(), device: Device::Cuda, ..args }).unwrap();
        assert!(named.contains("fp8") && named.contains("2 × 4 layers × 2 KV heads × 64 × 2 B"), "{named}");
    }
}
