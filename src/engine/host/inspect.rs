//! What a checkpoint is, from its header alone: `config.json` of a folder or the metadata of a GGUF file. No weights are read.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use candle_core::quantized::gguf_file;
use serde_json::Value;

use super::super::null;
use super::super::weights::{peft, random, tiktoken};
use super::{Features, Kind};

/// A checkpoint's header, or why this engine can't run it.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    pub kind: Kind,
    pub architecture: Option<String>,
    pub features: Features,
    /// Positions the checkpoint was made for.
    pub context_length: usize,
    pub weight_bytes: u64,
    /// A sentence for people.
    pub refused: Option<String>,
    /// What an adapter says of itself; `None`: it is a model.
    pub adapter: Option<Adapter>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// The model it was made for, as its maker named it.
    pub base: Option<String>,
    pub rank: usize,
}

impl Checkpoint {
    fn refused(architecture: Option<String>, weight_bytes: u64, reason: impl Into<String>) -> Self {
        let refused = Some(reason.into());
        Self { kind: Kind::Llm, architecture, features: Features::default(), context_length: 0, weight_bytes, refused, adapter: None }
    }
}

/// What the header of a safetensors file may take, as its own library has it.
const MAX_HEADER_BYTES: u64 = 100 << 20;

/// Architectures of `config.json` and GGUF that the engine has, and what they are for.
const ARCHITECTURES: &[(&str, Kind)] = &[
    ("Qwen3VLForConditionalGeneration", Kind::Llm),
    ("Qwen3VLMoeForConditionalGeneration", Kind::Llm),
    ("KimiVLForConditionalGeneration", Kind::Llm),
    ("ChameleonForConditionalGeneration", Kind::Llm),
    ("LlamaForCausalLM", Kind::Llm),
    ("Qwen2ForCausalLM", Kind::Llm),
    ("Qwen3ForCausalLM", Kind::Llm),
    ("Qwen3MoeForCausalLM", Kind::Llm),
    ("DeepseekV3ForCausalLM", Kind::Llm),
    ("BertModel", Kind::TextEmbedding),
    ("BertForMaskedLM", Kind::TextEmbedding),
    ("RobertaModel", Kind::TextEmbedding),
    ("RobertaForMaskedLM", Kind::TextEmbedding),
    ("XLMRobertaModel", Kind::TextEmbedding),
    ("XLMRobertaForMaskedLM", Kind::TextEmbedding),
    ("BertForSequenceClassification", Kind::Rerank),
    ("RobertaForSequenceClassification", Kind::Rerank),
    ("XLMRobertaForSequenceClassification", Kind::Rerank),
    ("llama", Kind::Llm),
    ("qwen2", Kind::Llm),
    ("qwen3", Kind::Llm),
    ("qwen3moe", Kind::Llm),
];

/// Name and path of everything below `dir` that looks like a model: folders with a `config.json` or an `adapter_config.json`, GGUF files, two
/// levels deep.
pub fn places(dir: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    walk(dir, "", 0, &mut found);
    found
}

fn walk(dir: &Path, prefix: &str, depth: usize, found: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            let ggufs = ggufs(&path);
            // several quantisations in one folder are a model each; a config.json beside them describes them all
            let several = ggufs.len() > 1 && weight_bytes(&path, "safetensors") == 0;
            if !several && (ggufs.len() == 1 || ["config.json", peft::CONFIG].iter().any(|name| path.join(name).exists())) {
                found.push((format!("{prefix}{name}"), path));
            } else if depth < 2 {
                walk(&path, &format!("{prefix}{name}/"), depth + 1, found);
            }
        } else if let Some(stem) = name.strip_suffix(".gguf") {
            found.push((format!("{prefix}{stem}"), path));
        }
    }
}

/// The GGUF files right in `dir`, by name.
fn ggufs(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "gguf")).collect();
    files.sort();
    files
}

/// Changes whenever the header may have.
pub(super) fn changed_at(path: &Path) -> SystemTime {
    let of = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    of(path).max(of(&path.join("config.json"))).max(of(&path.join(peft::CONFIG)))
}

/// The header of a folder or GGUF file. Never fails: what can't be read is refused with the reason.
pub fn read(path: &Path) -> Checkpoint {
    if path.is_dir() { folder(path) } else { gguf(path) }.unwrap_or_else(|e| Checkpoint::refused(None, 0, format!("{e:#}")))
}

fn folder(path: &Path) -> Result<Checkpoint> {
    if path.join(peft::CONFIG).exists() {
        return adapter(path);
    }
    let safetensors = random::n_bytes(path).unwrap_or_else(|| weight_bytes(path, "safetensors"));
    if safetensors == 0
        && let [file, rest @ ..] = ggufs(path).as_slice()
    {
        anyhow::ensure!(rest.is_empty(), "the folder holds {} GGUF files; keep one of them", rest.len() + 1);
        return gguf(file);
    }
    let config: Value = read_json(&path.join("config.json"))?;
    let mut checkpoint = from_config(&config, safetensors);
    let is_weightless = checkpoint.architecture.as_deref() == Some(null::ARCHITECTURE);
    if checkpoint.refused.is_none() && !is_weightless {
        if safetensors == 0 {
            checkpoint.refused = Some(if weight_bytes(path, "bin") > 0 {
                "its weights are pickled .bin files, which may run code; get the .safetensors ones".into()
            } else {
                "the folder holds no .safetensors weights".into()
            });
        } else if !["tokenizer.json", tiktoken::FILE].iter().any(|name| path.join(name).exists()) {
            checkpoint.refused = Some("tokenizer.json is missing".into());
        } else if let Some(missing) = missing_shard(path)? {
            checkpoint.refused = Some(format!("the weight file {missing} is missing: the download was not finished"));
        }
    }
    checkpoint.features.tools = checkpoint.kind == Kind::Llm && template_of(path).contains("tools");
    checkpoint.features.image_output =
        checkpoint.refused.is_none() && config["vq_config"].is_object() && has_tensor(path, "model.vqmodel.decoder.conv_in.weight")?;
    Ok(checkpoint)
}

fn adapter(path: &Path) -> Result<Checkpoint> {
    let weight_bytes = std::fs::metadata(path.join(peft::WEIGHTS)).map_or(0, |meta| meta.len());
    let mut checkpoint = from_adapter_config(&read_json(&path.join(peft::CONFIG))?, weight_bytes);
    if checkpoint.refused.is_none() && weight_bytes == 0 {
        checkpoint.refused = Some(if path.join("adapter_model.bin").exists() {
            "its weights are a pickled .bin file, which may run code; get adapter_model.safetensors".into()
        } else {
            format!("the folder holds no {}", peft::WEIGHTS)
        });
    }
    Ok(checkpoint)
}

/// What an `adapter_config.json` alone says.
pub fn from_adapter_config(config: &Value, weight_bytes: u64) -> Checkpoint {
    let (refused, adapter) = match peft::Config::read(Path::new(peft::CONFIG), config) {
        Ok(config) => (None, Adapter { base: config.base, rank: config.rank }),
        Err(error) => (Some(error.to_string()), Adapter { base: None, rank: 0 }),
    };
    let (kind, features) = (Kind::Llm, Features::default());
    Checkpoint { kind, architecture: None, features, context_length: 0, weight_bytes, refused, adapter: Some(adapter) }
}

/// What a `config.json` alone says; `model pull` asks before it downloads weights.
pub fn from_config(config: &Value, weight_bytes: u64) -> Checkpoint {
    let architecture = config["architectures"][0].as_str().map(str::to_owned);
    let Some(name) = &architecture else {
        return Checkpoint::refused(None, weight_bytes, "config.json names no architecture (`architectures`)");
    };
    let Some(kind) = supported(name) else { return Checkpoint::refused(architecture.clone(), weight_bytes, unsupported(name)) };
    if let Some(method) = config["quantization_config"]["quant_method"].as_str() {
        return Checkpoint::refused(
            architecture.clone(),
            weight_bytes,
            format!("its weights are quantised with {method}, which is not supported; take the unquantised model or a GGUF file"),
        );
    }
    let text = if config["text_config"].is_object() { &config["text_config"] } else { config };
    let context_length = text["max_position_embeddings"].as_u64().unwrap_or(0) as usize;
    Checkpoint {
        kind,
        features: Features {
            vision: config["vision_config"].is_object() || config["vq_config"].is_object(),
            structured_output: kind == Kind::Llm,
            ..Features::default()
        },
        architecture,
        context_length,
        weight_bytes,
        refused: None,
        adapter: None,
    }
}

fn gguf(path: &Path) -> Result<Checkpoint> {
    let mut file = std::io::BufReader::new(std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?);
    let weight_bytes = file.get_ref().metadata()?.len();
    let content = gguf_file::Content::read(&mut file).context("not a readable GGUF file")?;
    let text = |key: &str| content.metadata.get(key).and_then(|v| v.to_string().ok()).cloned();
    let architecture = text("general.architecture").context("the GGUF header names no architecture (`general.architecture`)")?;
    if content.metadata.get("split.count").and_then(integer).is_some_and(|n| n > 1) {
        return Ok(Checkpoint::refused(
            Some(architecture),
            weight_bytes,
            "it is split over several GGUF files; join them with llama-gguf-split --merge",
        ));
    }
    let Some(kind) = supported(&architecture) else {
        let reason = unsupported(&architecture);
        return Ok(Checkpoint::refused(Some(architecture), weight_bytes, reason));
    };
    let context_length = content.metadata.get(&format!("{architecture}.context_length")).and_then(integer).unwrap_or(0) as usize;
    let template = text("tokenizer.chat_template").unwrap_or_default();
    Ok(Checkpoint {
        kind,
        features: Features {
            tools: kind == Kind::Llm && template.contains("tools"),
            structured_output: kind == Kind::Llm,
            ..Features::default()
        },
        architecture: Some(architecture),
        context_length,
        weight_bytes,
        refused: None,
        adapter: None,
    })
}

/// Why a model of this architecture can't be run; `None` when it can.
pub fn refusal_of(architecture: &str) -> Option<String> {
    supported(architecture).is_none().then(|| unsupported(architecture))
}

/// The architecture that the beginning of a GGUF file names, if it is there.
pub fn gguf_architecture(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes.strip_prefix(b"GGUF")?.get(12..)?;
    let mut take = |n: usize| -> Option<&[u8]> {
        let (taken, left) = rest.split_at_checked(n)?;
        rest = left;
        Some(taken)
    };
    let n_pairs = u64::from_le_bytes(take(8)?.try_into().ok()?);
    for _ in 0..n_pairs {
        let n = u64::from_le_bytes(take(8)?.try_into().ok()?);
        let is_it = take(usize::try_from(n).ok()?)? == b"general.architecture";
        let width = match u32::from_le_bytes(take(4)?.try_into().ok()?) {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => usize::try_from(u64::from_le_bytes(take(8)?.try_into().ok()?)).ok()?,
            // an array; writers put the architecture before them
            _ => return None,
        };
        let value = take(width)?;
        if is_it {
            return String::from_utf8(value.to_vec()).ok();
        }
    }
    None
}

fn integer(value: &gguf_file::Value) -> Option<u64> {
    value.to_u64().ok().or_else(|| value.to_u32().ok().map(u64::from)).or_else(|| value.to_u16().ok().map(u64::from))
}

fn supported(architecture: &str) -> Option<Kind> {
    let found = ARCHITECTURES.iter().find(|(name, _)| *name == architecture);
    found.map(|(_, kind)| *kind).or((architecture == null::ARCHITECTURE).then_some(Kind::Llm))
}

fn unsupported(architecture: &str) -> String {
    let known: Vec<_> = ARCHITECTURES.iter().map(|(name, _)| *name).collect();
    format!("the architecture {architecture} is not supported; supported are {}", known.join(", "))
}

/// Bytes of the files right in `dir` with that extension.
fn weight_bytes(dir: &Path, extension: &str) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let files = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == extension));
    files.filter_map(|p| std::fs::metadata(p).ok()).map(|m| m.len()).sum()
}

/// The first file that the shard index names and the folder lacks.
fn missing_shard(dir: &Path) -> Result<Option<String>> {
    let path = dir.join("model.safetensors.index.json");
    if !path.exists() {
        return Ok(None);
    }
    let index = read_json(&path)?;
    let mut shards: Vec<_> = index["weight_map"].as_object().into_iter().flatten().filter_map(|(_, file)| file.as_str()).collect();
    shards.sort_unstable();
    shards.dedup();
    Ok(shards.into_iter().find(|file| !dir.join(file).exists()).map(str::to_owned))
}

/// Whether the weights of a folder have a tensor of that name.
fn has_tensor(dir: &Path, name: &str) -> Result<bool> {
    for (file, list) in [("model.safetensors.index.json", "weight_map"), (random::FILE, "tensors")] {
        if dir.join(file).exists() {
            return Ok(read_json(&dir.join(file))?[list].get(name).is_some());
        }
    }
    let mut file = std::fs::File::open(dir.join("model.safetensors")).context("opening model.safetensors")?;
    let mut length = [0; 8];
    file.read_exact(&mut length).context("reading model.safetensors")?;
    let mut header = Vec::new();
    file.take(u64::from_le_bytes(length).min(MAX_HEADER_BYTES)).read_to_end(&mut header).context("reading model.safetensors")?;
    let header: Value = serde_json::from_slice(&header).context("the header of model.safetensors is not valid JSON")?;
    Ok(header.get(name).is_some())
}

/// The chat template, wherever the checkpoint keeps it; empty when it has none.
fn template_of(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("chat_template.jinja")).unwrap_or_else(|_| {
        let in_config = |file: &str| read_json(&dir.join(file)).map(|json| json["chat_template"].to_string());
        in_config("chat_template.json").or_else(|_| in_config("tokenizer_config.json")).unwrap_or_default()
    })
}

fn read_json(path: &Path) -> Result<Value> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {name}"))?;
    serde_json::from_str(&text).with_context(|| format!("{name} is not valid JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn write(dir: &Path, name: &str, content: &str) {
        std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        std::fs::write(dir.join(name), content).unwrap();
    }

    #[test]
    fn the_bundled_model_is_an_llm_that_sees_and_calls_tools() {
        let found = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/ashlar-tiny")));
        assert_eq!(found.refused, None);
        assert_eq!(found.architecture.as_deref(), Some("Qwen3VLForConditionalGeneration"));
        assert_eq!((found.kind, found.context_length), (Kind::Llm, 4096));
        assert_eq!(found.features, Features { vision: true, tools: true, structured_output: true, image_output: false });
        assert!(found.weight_bytes > 20_000_000);
    }

    #[test]
    fn a_chameleon_writes_pictures_if_its_weights_have_a_decoder() {
        for (name, image_output) in [("chameleon", true), ("chameleon_swin", false)] {
            let found = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name));
            assert_eq!(found.refused, None);
            assert_eq!(found.features, Features { vision: true, tools: false, structured_output: true, image_output });
        }
    }

    #[test]
    fn a_vocabulary_of_ranks_is_a_tokenizer() {
        let dir = tempfile::tempdir().unwrap();
        let config = json!({
            "architectures": ["KimiVLForConditionalGeneration"], "text_config": {"max_position_embeddings": 131_072}, "vision_config": {},
        });
        for (name, content) in [("config.json", config.to_string().as_str()), ("tiktoken.model", "YQ== 0\n"), ("model.safetensors", "x")] {
            write(dir.path(), name, content);
        }
        let found = read(dir.path());
        assert_eq!((found.refused, found.features.vision, found.context_length), (None, true, 131_072));
    }

    #[test]
    fn refusals_say_why() {
        let dir = tempfile::tempdir().unwrap();
        let llama = json!({"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 2048}).to_string();
        type Files<'a> = &'a [(&'a str, &'a str)];
        let cases: [(&str, Files, &str); 7] = [
            ("mamba", &[("config.json", r#"{"architectures": ["MambaForCausalLM"]}"#)], "MambaForCausalLM is not supported"),
            ("empty", &[("config.json", "{}")], "names no architecture"),
            ("broken", &[("config.json", "{")], "config.json is not valid JSON"),
            ("pickled", &[("config.json", &llama), ("pytorch_model.bin", "x")], "pickled"),
            ("bare", &[("config.json", &llama)], "no .safetensors weights"),
            ("mute", &[("config.json", &llama), ("model.safetensors", "x")], "tokenizer.json is missing"),
            (
                "half",
                &[
                    ("config.json", &llama),
                    ("tokenizer.json", "{}"),
                    ("model-1.safetensors", "x"),
                    ("model.safetensors.index.json", r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#),
                ],
                "model-2.safetensors is missing",
            ),
        ];
        for (name, files, why) in cases {
            for (file, content) in files {
                write(&dir.path().join(name), file, content);
            }
            let refused = read(&dir.path().join(name)).refused.unwrap();
            assert!(refused.contains(why), "{name}: {refused}");
        }
        write(dir.path(), "text.gguf", "not a gguf");
        assert!(read(&dir.path().join("text.gguf")).refused.unwrap().contains("not a readable GGUF file"));
        let mut names: Vec<_> = places(dir.path()).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["bare", "broken", "empty", "half", "mamba", "mute", "pickled", "text"]);
    }

    #[test]
    fn a_gguf_names_its_architecture_in_its_first_bytes() {
        let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        let count = 2u64.to_le_bytes();
        let header = [b"GGUF", &3u32.to_le_bytes()[..], &count, &count].concat();
        let version = [string("general.quantization_version"), vec![4, 0, 0, 0, 2, 0, 0, 0]].concat();
        let architecture = [string("general.architecture"), vec![8, 0, 0, 0], string("mamba")].concat();
        let whole = [header, version, architecture].concat();
        assert_eq!(gguf_architecture(&whole).as_deref(), Some("mamba"));
        for n in 0..whole.len() {
            assert_eq!(gguf_architecture(&whole[..n]), None);
        }
        assert!(refusal_of("mamba").unwrap().contains("mamba") && refusal_of("llama").is_none());
    }

    #[test]
    fn models_of_an_owner_carry_its_name() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "Qwen/Qwen3-0.6B/config.json", "{}");
        write(dir.path(), "Qwen/Qwen3-0.6B-GGUF/q8.gguf", "");
        write(dir.path(), "Qwen/two/config.json", "{}");
        write(dir.path(), "Qwen/two/a.gguf", "");
        write(dir.path(), "Qwen/two/b.gguf", "");
        write(dir.path(), ".incomplete/x/config.json", "{}");
        let mut names: Vec<_> = places(dir.path()).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B-GGUF", "Qwen/two/a", "Qwen/two/b"]);
    }
}
