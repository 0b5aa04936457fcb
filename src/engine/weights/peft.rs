//! Adapters as PEFT saves them: `adapter_config.json` and `adapter_model.safetensors` in a folder, low-rank updates by the
//! names of a model's modules. What changes a model in another way is refused by the name of its field or tensor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fancy_regex::Regex;
use serde_json::Value;

use super::{Fields, LoadError, Weights, random, read_json};
use crate::engine::ops::Stored;
use crate::engine::ops::lora::{MAX_RANK, StoredUpdate};

pub const CONFIG: &str = "adapter_config.json";
pub const WEIGHTS: &str = "adapter_model.safetensors";

/// A layer of a model that adapters may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Modules whose outputs lie side by side.
    pub parts: Vec<Part>,
    pub n_in: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From `layers.` on: what stands in front differs between versions of the reference library.
    pub name: String,
    pub n_out: usize,
    /// Which of the file's rows stands where; `None`: in order.
    pub order: Option<Vec<usize>>,
}

impl Part {
    /// `path` is the module's whole name.
    pub fn new(path: &str, n_out: usize) -> Self {
        let name = path.find("layers.").map_or(path, |at| &path[at..]);
        Self { name: name.to_owned(), n_out, order: None }
    }
}

/// What an `adapter_config.json` says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The model it was made for, as its maker named it: a repository or a path.
    pub base: Option<String>,
    pub rank: usize,
    alpha: f64,
    /// Scaled by the root of the rank.
    rank_stabilised: bool,
    rank_pattern: Vec<(Regex, usize)>,
    alpha_pattern: Vec<(Regex, f64)>,
    targets: Targets,
}

/// The modules that `target_modules` names.
#[derive(Debug, Clone)]
enum Targets {
    All,
    /// The last parts of their names.
    Named(Vec<String>),
    Matching(Box<Regex>),
}

impl Config {
    /// `path` is for messages.
    pub fn read(path: &Path, json: &Value) -> Result<Self, LoadError> {
        let fields = Fields::new(path.to_owned(), json);
        match fields.text("peft_type") {
            Some("LORA") => {}
            Some(other) => return Err(fields.error("peft_type", format!("`{other}` adapters can't be used, only `LORA`"))),
            None => return Err(fields.error("peft_type", "expected `LORA`")),
        }
        if let Some(other) = fields.text("task_type").filter(|task| *task != "CAUSAL_LM") {
            return Err(fields.error("task_type", format!("expected `CAUSAL_LM`, not `{other}`: adapters are for models that write text")));
        }
        if fields.text("bias").is_some_and(|bias| bias != "none") {
            return Err(fields.error("bias", "trained biases can't be used: expected `none`"));
        }
        let refused = [
            ("use_dora", "weights in magnitude and direction (DoRA) can't be used"),
            ("fan_in_fan_out", "matrices with inputs before outputs can't be used"),
            ("lora_bias", "trained biases can't be used"),
            ("modules_to_save", "modules that were trained as a whole can't be used"),
            ("trainable_token_indices", "trained embeddings can't be used"),
            ("target_parameters", "adapters of routed experts can't be used"),
            ("layer_replication", "a model with repeated layers can't be built"),
            ("use_qalora", "grouped inputs (QALoRA) can't be used"),
            ("use_bdlora", "block-diagonal matrices (BD-LoRA) can't be used"),
            ("kasa_config", "singular values between its matrices (KaSA) can't be used"),
            ("alora_invocation_tokens", "adapters that begin at a token (aLoRA) can't be used"),
        ];
        for (field, why) in refused {
            let is_set = match fields.value(field) {
                Value::Null | Value::Bool(false) => false,
                Value::Array(list) => !list.is_empty(),
                Value::Object(map) => !map.is_empty(),
                _ => true,
            };
            if is_set {
                return Err(fields.error(field, why));
            }
        }
        let rank = fields.size("r")?;
        let rank_pattern = patterns(&fields, "rank_pattern")?
            .into_iter()
            .map(|(regex, value)| match value.as_u64() {
                Some(rank) if rank > 0 => Ok((regex, rank as usize)),
                _ => Err(fields.error("rank_pattern", "expected a positive rank for each pattern")),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let alpha_pattern = patterns(&fields, "alpha_pattern")?
            .into_iter()
            .map(|(regex, value)| match value.as_f64() {
                Some(alpha) => Ok((regex, alpha)),
                None => Err(fields.error("alpha_pattern", "expected a number for each pattern")),
            })
            .collect::<Result<Vec<_>, _>>()?;
        for (field, rank) in std::iter::once(("r", rank)).chain(rank_pattern.iter().map(|(_, rank)| ("rank_pattern", *rank))) {
            if rank > MAX_RANK {
                return Err(fields.error(field, format!("a rank of {rank} is more than the {MAX_RANK} allowed")));
            }
        }
        Ok(Self {
            base: fields.text("base_model_name_or_path").map(str::to_owned).filter(|base| !base.is_empty()),
            rank,
            alpha: fields.number("lora_alpha")?,
            rank_stabilised: fields.flag("use_rslora", false)?,
            rank_pattern,
            alpha_pattern,
            targets: Targets::read(&fields)?,
        })
    }

    /// Rank and scale of the module of that name.
    fn of(&self, module: &str) -> (usize, f32) {
        let rank = first_match(&self.rank_pattern, module).unwrap_or(self.rank);
        let alpha = first_match(&self.alpha_pattern, module).unwrap_or(self.alpha);
        let divisor = if self.rank_stabilised { (rank as f64).sqrt() } else { rank as f64 };
        (rank, (alpha / divisor) as f32)
    }
}

impl Targets {
    fn read(fields: &Fields<'_>) -> Result<Self, LoadError> {
        const FIELD: &str = "target_modules";
        match fields.value(FIELD) {
            Value::String(all) if all.eq_ignore_ascii_case("all-linear") => Ok(Self::All),
            Value::String(pattern) => match Regex::new(&format!("^(?:{pattern})$")) {
                Ok(regex) => Ok(Self::Matching(Box::new(regex))),
                Err(error) => Err(fields.error(FIELD, format!("not a valid regular expression: {error}"))),
            },
            Value::Array(list) if !list.is_empty() => {
                let names: Option<_> = list.iter().map(|name| name.as_str().map(str::to_owned)).collect();
                names.map(Self::Named).ok_or_else(|| fields.error(FIELD, "expected a list of names"))
            }
            _ => Err(fields.error(FIELD, "expected a list of names, a regular expression or `all-linear`")),
        }
    }

    fn contain(&self, module: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => {
                names.iter().any(|name| module.strip_suffix(name.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.')))
            }
            Self::Matching(regex) => regex.is_match(module).unwrap_or(false),
        }
    }
}

/// Patterns of module names: each means the end of a name, from a dot on.
fn patterns<'a>(fields: &Fields<'a>, field: &str) -> Result<Vec<(Regex, &'a Value)>, LoadError> {
    let map = match fields.value(field) {
        Value::Null => return Ok(Vec::new()),
        Value::Object(map) => map,
        _ => return Err(fields.error(field, "expected an object")),
    };
    map.iter()
        .map(|(pattern, value)| match Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$")) {
            Ok(regex) => Ok((regex, value)),
            Err(error) => Err(fields.error(field, format!("`{pattern}` is not a valid regular expression: {error}"))),
        })
        .collect()
}

fn first_match<T: Copy>(patterns: &[(Regex, T)], module: &str) -> Option<T> {
    patterns.iter().find(|(regex, _)| regex.is_match(module).unwrap_or(false)).map(|(_, value)| *value)
}

/// An opened adapter.
pub struct Peft {
    config: Config,
    weights: Weights,
    file: PathBuf,
    /// Name of the content.
    pub hash: [u8; 32],
}

impl Peft {
    pub fn open(folder: &Path) -> Result<Self, LoadError> {
        let path = folder.join(CONFIG);
        let json = read_json(&path)?;
        let config = Config::read(&path, &json)?;
        let file = folder.join(WEIGHTS);
        let weights = match folder.join(random::FILE).exists() {
            true => random::open(folder)?,
            false => Weights::open_safetensors(folder, std::slice::from_ref(&file))?,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(json.to_string().as_bytes());
        for (_, bytes) in &weights.files {
            hasher.update(bytes);
        }
        Ok(Self { config, weights, file, hash: *hasher.finalize().as_bytes() })
    }

    /// Its updates of a model with these layers.
    pub fn updates(&self, targets: &[Target]) -> Result<Vec<StoredUpdate<'_>>, LoadError> {
        let mut places = BTreeMap::new();
        for (layer, target) in targets.iter().enumerate() {
            let mut column = 0;
            for (i, part) in target.parts.iter().enumerate() {
                places.insert(part.name.as_str(), (layer, i, column, target.n_in, part));
                column += part.n_out;
            }
        }
        let mut updates = Vec::new();
        for tensor in self.weights.entries.keys() {
            if tensor.ends_with(".lora_B.weight") {
                // Looked for with its other half.
                continue;
            }
            let Some(module) = tensor.strip_prefix("base_model.model.").and_then(|name| name.strip_suffix(".lora_A.weight")) else {
                return Err(self.refused(tensor, unknown_tensor(tensor)));
            };
            if !self.config.targets.contain(module) {
                return Err(self.refused(tensor, "`target_modules` does not name its module"));
            }
            let Some(&(layer, number, column, n_in, part)) = decoder_name(module).and_then(|name| places.get(name)) else {
                return Err(self.refused(tensor, unknown_module(module)));
            };
            let (rank, scale) = self.config.of(module);
            let a = self.matrix(tensor, rank, n_in)?;
            let mut b = self.matrix(&format!("base_model.model.{module}.lora_B.weight"), part.n_out, rank)?;
            if let Some(order) = &part.order {
                let row = b.bytes.len() / part.n_out;
                let bytes: Vec<u8> = order.iter().flat_map(|from| &b.bytes[from * row..][..row]).copied().collect();
                b.bytes = bytes.into();
            }
            updates.push(StoredUpdate { layer, part: number, column, n_in, n_out: part.n_out, rank, scale, a, b });
        }
        if let Some(lonely) = self.weights.unused().first() {
            return Err(self.refused(lonely, "its other half, `lora_A`, is missing"));
        }
        if updates.is_empty() {
            return Err(LoadError::corrupt(&self.file, "it holds no tensors"));
        }
        Ok(updates)
    }

    fn matrix(&self, tensor: &str, rows: usize, cols: usize) -> Result<Stored<'_>, LoadError> {
        let entry = self.weights.find(tensor, &[rows, cols])?;
        Ok(Stored { format: entry.format, rows, bytes: self.weights.bytes(entry) })
    }

    fn refused(&self, tensor: &str, why: &str) -> LoadError {
        LoadError::corrupt(&self.file, format!("tensor `{tensor}`: {why}"))
    }
}

/// A module's name from `layers.` on, if the decoder stands in front of it.
fn decoder_name(module: &str) -> Option<&str> {
    let at = module.find("layers.")?;
    let in_front = module[..at].split_terminator('.');
    in_front.into_iter().all(|part| matches!(part, "model" | "language_model")).then_some(&module[at..])
}

fn unknown_tensor(name: &str) -> &'static str {
    if name.contains("lora_magnitude") {
        "weights in magnitude and direction (DoRA) can't be used"
    } else if name.contains("lora_embedding") {
        "adapters of embeddings can't be used"
    } else if name.ends_with(".bias") {
        "trained biases can't be used"
    } else {
        "expected only `base_model.model.….lora_A.weight` and `….lora_B.weight`"
    }
}

fn unknown_module(module: &str) -> &'static str {
    if module.contains("experts.") || module.ends_with(".experts") || module.ends_with("mlp.gate") {
        "adapters of routed experts can't be used"
    } else if module.contains("visual") || module.contains("vision") || module.contains("projector") {
        "adapters of vision towers can't be used"
    } else if module.contains("embed_tokens") {
        "adapters of embeddings can't be used"
    } else if module.contains("lm_head") {
        "adapters of the head can't be used"
    } else if module.ends_with("kv_b_proj") {
        "adapters of `kv_b_proj` can't be used: latent attention folds it into its queries"
    } else {
        "the model has no such module"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(more: &Value) -> Result<Config, String> {
        let mut json = json!({"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]});
        for (field, value) in more.as_object().unwrap() {
            json[field] = value.clone();
        }
        Config::read(Path::new("adapter_config.json"), &json).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_no_plain_lora_is_refused_by_field() {
        assert!(read(&json!({"bias": "none", "use_dora": false, "modules_to_save": null, "rank_pattern": {}})).is_ok());
        for (field, value) in [
            ("peft_type", json!("LOHA")),
            ("peft_type", Value::Null),
            ("task_type", json!("SEQ_CLS")),
            ("bias", json!("all")),
            ("use_dora", json!(true)),
            ("fan_in_fan_out", json!(true)),
            ("modules_to_save", json!(["lm_head"])),
            ("target_parameters", json!(["mlp.experts.down_proj"])),
            ("r", json!(0)),
            ("r", json!(257)),
            ("r", json!("8")),
            ("lora_alpha", Value::Null),
            ("rank_pattern", json!({"q_proj": 0})),
            ("rank_pattern", json!({"q_proj": 512})),
            ("rank_pattern", json!({"(": 4})),
            ("alpha_pattern", json!({"q_proj": "much"})),
            ("alpha_pattern", json!([])),
            ("target_modules", Value::Null),
            ("target_modules", json!([])),
            ("target_modules", json!([1])),
            ("target_modules", json!("(")),
        ] {
            let refused = read(&json!({field: value})).unwrap_err();
            assert!(refused.contains(&format!("adapter_config.json: field `{field}`")), "{field} {value}: {refused}");
        }
    }

    #[test]
    fn patterns_decide_rank_and_scale() {
        let config = read(&json!({
            "rank_pattern": {"layers.1.self_attn.q_proj": 2, "k_proj": 4}, "alpha_pattern": {"k_proj": 8, r"^model\.layers\.0\..*": 1},
        }));
        let config = config.unwrap();
        for (module, rank, scale) in [
            ("model.layers.0.mlp.up_proj", 8, 0.125),
            ("model.layers.1.self_attn.q_proj", 2, 8.0),
            ("model.layers.11.self_attn.q_proj", 8, 2.0),
            ("model.layers.2.self_attn.k_proj", 4, 2.0),
        ] {
            assert_eq!(config.of(module), (rank, scale), "{module}");
        }
        let (rank, scale) = read(&json!({"use_rslora": true, "r": 16})).unwrap().of("model.layers.0.mlp.up_proj");
        assert_eq!((rank, scale), (16, 4.0));
    }

    #[test]
    fn targets_are_names_a_pattern_or_all() {
        let module = "model.language_model.layers.3.self_attn.q_proj";
        for (targets, is_target) in [
            (json!("all-linear"), true),
            (json!(["k_proj", "q_proj"]), true),
            (json!(["self_attn.q_proj"]), true),
            (json!(["_proj"]), false),
            (json!(["k_proj"]), false),
            (json!(r".*language_model.*\.(q|v)_proj"), true),
            (json!(r"(?!.*visual).*q_proj"), true),
            (json!("q_proj"), false),
        ] {
            assert_eq!(read(&json!({"target_modules": targets})).unwrap().targets.contain(module), is_target, "{targets}");
        }
    }

    #[test]
    fn decoders_are_found_under_all_their_names() {
        for module in ["model.layers.0.a", "layers.0.a", "model.language_model.layers.0.a", "language_model.model.layers.0.a"] {
            assert_eq!(decoder_name(module), Some("layers.0.a"), "{module}");
        }
        for module in ["model.visual.layers.0.a", "vision_tower.encoder.layers.0.a", "lm_head"] {
            assert_eq!(decoder_name(module), None, "{module}");
        }
    }
}
