//! GGUF files, versions 2 and 3: header, metadata, tensor places; and the tokenizer that their metadata holds.
//!
//! The whole header is untrusted: counts are bounded by what is left of the file before anything is reserved.

use std::{collections::BTreeMap, path::Path};

use memmap2::Mmap;
use serde_json::{Value, json};

use super::{Checkpoint, Entry, LoadError, RowOrder, Weights, map_file};
use crate::engine::ops::{Format, bytes_for};

/// Metadata values; numbers keep their sign and kind, arrays stay arrays.
type Metadata = BTreeMap<String, Value>;

pub(super) fn open(path: &Path) -> Result<Checkpoint, LoadError> {
    let map = map_file(path)?;
    let header = Header::parse(&map).map_err(|why| LoadError::corrupt(path, why))?;
    let name = header.metadata.get("general.architecture").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (architecture, permuted) = match name.as_str() {
        "llama" => ("LlamaForCausalLM", true),
        "qwen2" => ("Qwen2ForCausalLM", false),
        "qwen3" => ("Qwen3ForCausalLM", false),
        "qwen3moe" => ("Qwen3MoeForCausalLM", false),
        "" => return Err(LoadError::corrupt(path, "metadata `general.architecture` is missing")),
        _ => return Err(LoadError::unsupported(&name, "of GGUF files, the architectures llama, qwen2, qwen3 and qwen3moe are read")),
    };
    let config = config(path, &name, architecture, &header)?;
    let gguf_tokenizer = GgufTokenizer::read(&header.metadata);
    let weights = weights(path, map, header, permuted.then_some(&config))?;
    Ok(Checkpoint { path: path.to_owned(), config, architecture: architecture.to_owned(), gguf_tokenizer, weights })
}

/// The fields of `config.json` that the metadata stand for.
fn config(path: &Path, name: &str, architecture: &str, header: &Header) -> Result<Value, LoadError> {
    let get = |key: &str| header.metadata.get(&format!("{name}.{key}")).cloned().unwrap_or_default();
    let tokens = header.metadata.get("tokenizer.ggml.tokens").and_then(Value::as_array).map(Vec::len);
    let embedding = header.tensors.iter().find(|t| t.name == "token_embd.weight");
    let vocab_size = match embedding {
        Some(t) if t.shape.len() == 2 => t.shape[0],
        _ => return Err(LoadError::corrupt(path, "tensor `token_embd.weight` is missing or not a matrix")),
    };
    if tokens.is_some_and(|n| n > vocab_size) {
        return Err(LoadError::corrupt(path, format!("the tokenizer has more tokens than the embedding's {vocab_size} rows")));
    }
    let n_heads = get("attention.head_count");
    let head_dim = match get("attention.key_length") {
        Value::Null => match (get("embedding_length").as_u64(), n_heads.as_u64()) {
            (Some(h), Some(n)) if n > 0 => json!(h / n),
            _ => Value::Null,
        },
        value => value,
    };
    if get("rope.dimension_count").as_u64().is_some_and(|d| Some(d) != head_dim.as_u64()) {
        return Err(LoadError::unsupported(name, "it rotates only a part of each head"));
    }
    if architecture != "Qwen3MoeForCausalLM" && get("expert_count").as_u64().is_some_and(|n| n > 0) {
        return Err(LoadError::unsupported(name, "it is a mixture of experts"));
    }
    let scaling = match get("rope.scaling.type").as_str() {
        None | Some("none") => Value::Null,
        Some(other) => json!({ "rope_type": other }),
    };
    let token = |key: &str| header.metadata.get(&format!("tokenizer.ggml.{key}")).cloned().unwrap_or_default();
    let heads_kv = get("attention.head_count_kv");
    Ok(json!({
        "architectures": [architecture],
        "hidden_size": get("embedding_length"),
        "intermediate_size": get("feed_forward_length"),
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": n_heads,
        "num_key_value_heads": if heads_kv.is_null() { n_heads.clone() } else { heads_kv },
        "head_dim": head_dim,
        "vocab_size": vocab_size,
        "max_position_embeddings": get("context_length"),
        "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
        "rope_theta": get("rope.freq_base"),
        "rope_scaling": scaling,
        "attention_bias": header.tensors.iter().any(|t| t.name == "blk.0.attn_q.bias"),
        "num_experts": get("expert_count"),
        "num_experts_per_tok": get("expert_used_count"),
        "moe_intermediate_size": get("expert_feed_forward_length"),
        "norm_topk_prob": true,
        "tie_word_embeddings": !header.tensors.iter().any(|t| t.name == "output.weight"),
        "bos_token_id": token("bos_token_id"),
        "eos_token_id": token("eos_token_id"),
    }))
}

fn weights(path: &Path, map: Mmap, header: Header, permuted: Option<&Value>) -> Result<Weights, LoadError> {
    let mut entries = BTreeMap::new();
    for tensor in header.tensors {
        let Some(start) = header.data_start.checked_add(tensor.offset).filter(|s| *s <= map.len()) else {
            return Err(LoadError::corrupt(path, format!("tensor `{}` starts after the end of the file", tensor.name)));
        };
        let Some(n_bytes) = bytes_for(tensor.format, &tensor.shape) else {
            return Err(LoadError::corrupt(
                path,
                format!("tensor `{}` has rows that are not whole blocks of {:?}", tensor.name, tensor.format),
            ));
        };
        if n_bytes > map.len() - start {
            return Err(LoadError::corrupt(path, format!("the file ends inside tensor `{}`", tensor.name)));
        }
        let heads = match (permuted, tensor.name.rsplit_once('.')) {
            (Some(config), Some((stem, _))) if stem.ends_with(".attn_q") => config["num_attention_heads"].as_u64(),
            (Some(config), Some((stem, _))) if stem.ends_with(".attn_k") => config["num_key_value_heads"].as_u64(),
            _ => None,
        };
        let rows = match heads {
            None => RowOrder::AsStored,
            Some(n) => {
                let n_heads = n as usize;
                let n_rows = tensor.shape.first().copied().unwrap_or(0);
                if n_heads == 0 || n_rows == 0 || n_rows % (2 * n_heads) != 0 {
                    return Err(LoadError::corrupt(path, format!("tensor `{}` has {n_rows} rows for {n} heads", tensor.name)));
                }
                RowOrder::InterleavedHeads { n_heads }
            }
        };
        let entry = Entry { file: 0, format: tensor.format, shape: tensor.shape, range: start..start + n_bytes, rows };
        if entries.insert(hugging_face_name(&tensor.name), entry).is_some() {
            return Err(LoadError::corrupt(path, format!("tensor `{}` is there twice", tensor.name)));
        }
    }
    Ok(Weights {
        path: path.to_owned(),
        files: vec![(path.to_owned(), map)],
        entries,
        used: Default::default(),
        targets: Default::default(),
        is_gguf: true,
    })
}

/// `blk.3.attn_q.weight` → `model.layers.3.self_attn.q_proj.weight`. Unknown names stay.
fn hugging_face_name(name: &str) -> String {
    let layer = || {
        let (index, rest) = name.strip_prefix("blk.")?.split_once('.')?;
        let (stem, kind) = rest.rsplit_once('.')?;
        let stem = match stem {
            "attn_norm" => "input_layernorm",
            "attn_q" => "self_attn.q_proj",
            "attn_k" => "self_attn.k_proj",
            "attn_v" => "self_attn.v_proj",
            "attn_output" => "self_attn.o_proj",
            "attn_q_norm" => "self_attn.q_norm",
            "attn_k_norm" => "self_attn.k_norm",
            "ffn_norm" => "post_attention_layernorm",
            "ffn_gate" => "mlp.gate_proj",
            "ffn_up" => "mlp.up_proj",
            "ffn_down" => "mlp.down_proj",
            "ffn_gate_inp" => "mlp.gate",
            "ffn_gate_exps" => "mlp.experts.gate_proj",
            "ffn_up_exps" => "mlp.experts.up_proj",
            "ffn_down_exps" => "mlp.experts.down_proj",
            _ => return None,
        };
        Some(format!("model.layers.{index}.{stem}.{kind}"))
    };
    match name {
        "token_embd.weight" => "model.embed_tokens.weight".into(),
        "output_norm.weight" => "model.norm.weight".into(),
        "output.weight" => "lm_head.weight".into(),
        "rope_freqs.weight" => "model.rope_freqs.weight".into(),
        _ => layer().unwrap_or_else(|| name.to_owned()),
    }
}

struct Header {
    metadata: Metadata,
    tensors: Vec<TensorPlace>,
    /// Where offsets count from.
    data_start: usize,
}

struct TensorPlace {
    name: String,
    format: Format,
    shape: Vec<usize>,
    offset: usize,
}

type Parsed<T> = Result<T, String>;

impl Header {
    fn parse(bytes: &[u8]) -> Parsed<Self> {
        let mut r = Reader { bytes, at: 0 };
        if r.take(4)? != b"GGUF" {
            return Err("not a GGUF file: it does not start with `GGUF`".into());
        }
        let version = r.u32()?;
        if !(2..=3).contains(&version) {
            return Err(format!("GGUF version {version}; versions 2 and 3 (little-endian) are read"));
        }
        // The smallest tensor entry takes 24 bytes, the smallest metadata entry 13.
        let n_tensors = r.count(24, "tensors")?;
        let n_metadata = r.count(13, "metadata entries")?;
        let mut metadata = Metadata::new();
        for _ in 0..n_metadata {
            let key = r.string()?;
            let kind = r.u32()?;
            let value = r.value(kind, &key)?;
            metadata.insert(key, value);
        }
        let mut tensors = Vec::with_capacity(n_tensors);
        for _ in 0..n_tensors {
            let name = r.string()?;
            let n_dims = r.u32()?;
            if !(1..=4).contains(&n_dims) {
                return Err(format!("tensor `{name}` has {n_dims} dimensions"));
            }
            let mut shape = Vec::new();
            for _ in 0..n_dims {
                let d = r.u64()?;
                if d == 0 || d > 1 << 40 {
                    return Err(format!("tensor `{name}` has a dimension of {d}"));
                }
                shape.push(d as usize);
            }
            // The file lists the fastest dimension first.
            shape.reverse();
            let kind = r.u32()?;
            let format =
                Format::from_ggml(kind).ok_or_else(|| format!("tensor `{name}` has type {kind}, which is not read ({})", readable()))?;
            let offset = usize::try_from(r.u64()?).map_err(|_| format!("tensor `{name}` starts after the end of the file"))?;
            tensors.push(TensorPlace { name, format, shape, offset });
        }
        let alignment = metadata.get("general.alignment").map_or(Some(32), Value::as_u64);
        let alignment = match alignment {
            Some(a) if a.is_power_of_two() && a <= 1 << 20 => a as usize,
            _ => return Err("metadata `general.alignment` is not a sensible power of two".into()),
        };
        Ok(Self { metadata, tensors, data_start: r.at.next_multiple_of(alignment) })
    }
}

fn readable() -> &'static str {
    "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1 and Q2_K to Q6_K are"
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Parsed<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| format!("the file ends inside its header (at byte {})", self.bytes.len()))?;
        let part = &self.bytes[self.at..end];
        self.at = end;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn u32(&mut self) -> Parsed<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Parsed<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of things that take at least `min_bytes` each: no more than the rest of the file can hold.
    fn count(&mut self, min_bytes: usize, what: &str) -> Parsed<usize> {
        let n = self.u64()?;
        let room = (self.bytes.len() - self.at) / min_bytes;
        if n > room as u64 { Err(format!("claims {n} {what}, more than fit in the file")) } else { Ok(n as usize) }
    }

    fn string(&mut self) -> Parsed<String> {
        let n = self.count(1, "characters in a string")?;
        let bytes = self.take(n)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| format!("a string before byte {} is not UTF-8", self.at))
    }

    fn value(&mut self, kind: u32, key: &str) -> Parsed<Value> {
        if kind != 9 {
            return self.scalar(kind, key);
        }
        let kind = self.u32()?;
        let min_bytes = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            _ => return Err(format!("metadata `{key}` is an array of type {kind}, which is not read")),
        };
        let n = self.count(min_bytes, "array elements")?;
        (0..n).map(|_| self.scalar(kind, key)).collect::<Parsed<Vec<_>>>().map(Value::Array)
    }

    fn scalar(&mut self, kind: u32, key: &str) -> Parsed<Value> {
        Ok(match kind {
            0 => json!(self.array::<1>()?[0]),
            1 => json!(i8::from_le_bytes(self.array()?)),
            2 => json!(u16::from_le_bytes(self.array()?)),
            3 => json!(i16::from_le_bytes(self.array()?)),
            4 => json!(self.u32()?),
            5 => json!(i32::from_le_bytes(self.array()?)),
            6 => json!(f32::from_le_bytes(self.array()?)),
            7 => json!(self.array::<1>()?[0] != 0),
            8 => Value::String(self.string()?),
            10 => json!(self.u64()?),
            11 => json!(i64::from_le_bytes(self.array()?)),
            12 => json!(f64::from_le_bytes(self.array()?)),
            _ => return Err(format!("metadata `{key}` has type {kind}, which is not read")),
        })
    }
}

/// What a GGUF file says about its tokenizer: byte-pair encodings of the GPT-2 kind.
pub struct GgufTokenizer {
    model: String,
    pre: String,
    tokens: Vec<String>,
    types: Vec<u64>,
    merges: Vec<String>,
    names: BTreeMap<String, u64>,
    pub add_bos: Option<bool>,
    pub chat_template: Option<String>,
}

impl GgufTokenizer {
    fn read(metadata: &Metadata) -> Option<Self> {
        let get = |key: &str| metadata.get(&format!("tokenizer.ggml.{key}"));
        let strings = |key: &str| -> Vec<String> {
            let list = get(key).and_then(Value::as_array);
            list.into_iter().flatten().map(|v| v.as_str().unwrap_or_default().to_owned()).collect()
        };
        let names = [
            ("bos_token", "bos_token_id"),
            ("eos_token", "eos_token_id"),
            ("pad_token", "padding_token_id"),
            ("unk_token", "unknown_token_id"),
        ];
        Some(Self {
            model: get("model")?.as_str()?.to_owned(),
            pre: get("pre").and_then(Value::as_str).unwrap_or("default").to_owned(),
            tokens: strings("tokens"),
            types: get("token_type").and_then(Value::as_array).into_iter().flatten().map(|v| v.as_u64().unwrap_or(1)).collect(),
            merges: strings("merges"),
            names: names.iter().filter_map(|(name, key)| Some(((*name).to_owned(), get(key)?.as_u64()?))).collect(),
            add_bos: get("add_bos_token").and_then(Value::as_bool),
            chat_template: metadata.get("tokenizer.chat_template").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// `bos_token` → its text, and so on.
    pub fn special_names(&self) -> impl Iterator<Item = (String, String)> {
        self.names.iter().filter_map(|(name, id)| Some((name.clone(), self.tokens.get(*id as usize)?.clone())))
    }

    /// The same tokenizer as `tokenizer.json`.
    pub fn to_json(&self, path: &Path) -> Result<String, LoadError> {
        if self.model != "gpt2" {
            let why = format!("its tokenizer is of kind `{}`; put the model's tokenizer.json beside the file", self.model);
            return Err(LoadError::corrupt(path, why));
        }
        let (normalizer, pre_tokenizer) = pre_tokenizer(&self.pre).ok_or_else(|| {
            LoadError::corrupt(
                path,
                format!("its pre-tokenizer `{}` is not known; put the model's tokenizer.json beside the file", self.pre),
            )
        })?;
        // Types: 3 control, 4 user-defined.
        let added: Vec<_> = (self.tokens.iter().zip(&self.types).enumerate())
            .filter(|(_, (_, kind))| matches!(kind, 3 | 4))
            .map(|(id, (content, kind))| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": *kind == 3})
            })
            .collect();
        let vocab: serde_json::Map<_, _> = self.tokens.iter().enumerate().map(|(id, t)| (t.clone(), json!(id))).collect();
        if vocab.len() != self.tokens.len() {
            return Err(LoadError::corrupt(path, "its tokenizer has the same token twice"));
        }
        let merges = self.merges.iter().map(|m| m.split_once(' ').map(|(a, b)| json!([a, b]))).collect::<Option<Vec<_>>>();
        let merges = merges.ok_or_else(|| LoadError::corrupt(path, "its tokenizer has a merge that is not two tokens"))?;
        let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                      "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                      "ignore_merges": self.pre.starts_with("llama"), "vocab": vocab, "merges": merges},
        });
        Ok(json.to_string())
    }
}

/// Normaliser and pre-tokenizer by the name that converters give them.
fn pre_tokenizer(name: &str) -> Option<(Value, Value)> {
    let byte_level = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex});
    let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
    let sequence = |list: Vec<Value>| json!({"type": "Sequence", "pretokenizers": list});
    const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const LLAMA3: &str =
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    Some(match name {
        "smollm" => (Value::Null, sequence(vec![json!({"type": "Digits", "individual_digits": true}), byte_level(true)])),
        "qwen2" => (json!({"type": "NFC"}), sequence(vec![split(QWEN2), byte_level(false)])),
        "llama-bpe" | "llama3" | "llama-v3" => (Value::Null, sequence(vec![split(LLAMA3), byte_level(false)])),
        "gpt-2" | "gpt2" => (Value::Null, byte_level(true)),
        _ => return None,
    })
}
