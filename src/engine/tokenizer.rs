//! Text to token ids and back, and what the checkpoint says about its special tokens, chat template and generation.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::weights::{Checkpoint, Fields, LoadError, read_json, read_text, tiktoken};

/// A checkpoint's tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Bytes of each id as they appear in text; empty for special tokens and holes.
    token_bytes: Vec<Vec<u8>>,
    special: BTreeMap<String, u32>,
}

impl Tokenizer {
    pub fn from_file(path: &Path) -> Result<Self, LoadError> {
        Self::from_json(path, read_text(path)?.as_bytes())
    }

    /// `path` is for messages.
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self, LoadError> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|e| LoadError::corrupt(path, format!("not a tokenizer this version reads: {e}")))?;
        // Some files carry the padding and truncation of their training.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| LoadError::corrupt(path, format!("truncation can't be turned off: {e}")))?;
        Ok(Self::new(inner))
    }

    fn new(inner: tokenizers::Tokenizer) -> Self {
        let added = inner.get_added_tokens_decoder();
        let special: BTreeMap<_, _> = added.iter().filter(|(_, t)| t.special).map(|(id, t)| (t.content.clone(), *id)).collect();
        let byte_level = is_byte_level(&inner);
        let n = inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        let alphabet = byte_alphabet();
        let mut token_bytes = vec![Vec::new(); n];
        for (token, id) in inner.get_vocab(false) {
            token_bytes[id as usize] = if byte_level {
                byte_level_bytes(&token, &alphabet)
            } else if let Some(byte) = byte_token(&token) {
                vec![byte]
            } else {
                token.replace('\u{2581}', " ").into_bytes()
            };
        }
        for (id, token) in added {
            token_bytes[id as usize] = if token.special { Vec::new() } else { token.content.clone().into_bytes() };
        }
        Self { inner, token_bytes, special }
    }

    /// Ids of the text. Special tokens written in it become their ids. `add_special` also applies the tokenizer's own
    /// frame (a leading BOS, `[CLS] … [SEP]`): for plain text, not for rendered chat templates.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>, anyhow::Error> {
        let encoding = self.inner.encode_fast(text, add_special).map_err(|e| anyhow::anyhow!("tokenising: {e}"))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Ids of text from outside: special tokens written in it stay ordinary characters.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, anyhow::Error> {
        let mut ids = Vec::new();
        let mut rest = text;
        while let Some((at, _)) = self.find_special(rest) {
            // A cut inside the marker keeps it from being recognised.
            let cut = at + rest[at..].chars().next().map_or(1, char::len_utf8);
            ids.extend(self.encode(&rest[..cut], false)?);
            rest = &rest[cut..];
        }
        ids.extend(self.encode(rest, false)?);
        Ok(ids)
    }

    /// Where the first special token stands in the text, and its id.
    pub fn find_special(&self, text: &str) -> Option<(usize, u32)> {
        self.special.iter().filter_map(|(s, id)| text.find(s.as_str()).map(|at| (at, *id))).min()
    }

    /// Text of ids, special tokens left out unless asked for.
    pub fn decode(&self, ids: &[u32], special: bool) -> Result<String, anyhow::Error> {
        self.inner.decode(ids, !special).map_err(|e| anyhow::anyhow!("detokenising: {e}"))
    }

    /// The bytes an id adds to the text; empty for special tokens and ids outside the vocabulary.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.token_bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// One more than the largest id. The model's logits may have more columns: those are never sampled.
    pub fn n_tokens(&self) -> usize {
        self.token_bytes.len()
    }

    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Text and id of every special token.
    pub fn special_tokens(&self) -> &BTreeMap<String, u32> {
        &self.special
    }

    pub fn is_special(&self, id: u32) -> bool {
        self.special.values().any(|s| *s == id)
    }

    /// For encodings with offsets and pairs.
    pub(super) fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }
}

fn is_byte_level(inner: &tokenizers::Tokenizer) -> bool {
    let json = serde_json::to_value(inner.get_decoder()).unwrap_or_default();
    fn has(value: &Value) -> bool {
        value["type"] == "ByteLevel" || value["decoders"].as_array().is_some_and(|list| list.iter().any(has))
    }
    has(&json)
}

/// `<0x0A>` of SentencePiece vocabularies.
fn byte_token(token: &str) -> Option<u8> {
    let hex = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if hex.len() == 2 { u8::from_str_radix(hex, 16).ok() } else { None }
}

/// The byte that each of GPT-2's printable stand-ins is for, by code point; all lie below 512.
pub(super) fn byte_alphabet() -> [Option<u8>; 512] {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut alphabet = [None; 512];
    let mut next = 256;
    for byte in 0..=255u8 {
        if printable(byte) {
            alphabet[byte as usize] = Some(byte);
        } else {
            alphabet[next] = Some(byte);
            next += 1;
        }
    }
    alphabet
}

fn byte_level_bytes(token: &str, alphabet: &[Option<u8>; 512]) -> Vec<u8> {
    let mut out = Vec::with_capacity(token.len());
    for c in token.chars() {
        match alphabet.get(c as usize).copied().flatten() {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

/// What ends a generation and how to sample when the caller says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GenerationConfig {
    /// Ids that end a generation: the union of every file's opinion, ascending.
    pub eos: Vec<u32>,
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub top_k: Option<u32>,
    pub repetition_penalty: Option<f32>,
}

/// The chat template and the names it may use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatTemplate {
    /// Jinja source.
    pub source: String,
    /// `bos_token`, `eos_token`, …: text by name.
    pub tokens: BTreeMap<String, String>,
}

/// Everything about text that lies beside the weights.
pub struct TextFiles {
    pub tokenizer: Tokenizer,
    pub generation: GenerationConfig,
    /// `None`: the model only continues text.
    pub chat_template: Option<ChatTemplate>,
    /// A BOS token is put before plain prompts.
    pub add_bos: Option<u32>,
}

impl TextFiles {
    pub fn load(checkpoint: &Checkpoint) -> Result<Self, LoadError> {
        let folder = checkpoint.folder();
        let file = folder.join("tokenizer.json");
        let gguf = checkpoint.gguf_tokenizer.as_ref();
        let optional = |name: &str| -> Result<Option<Value>, LoadError> {
            let path = folder.join(name);
            if path.exists() { read_json(&path).map(Some) } else { Ok(None) }
        };
        let tokenizer_config = optional("tokenizer_config.json")?.unwrap_or_default();
        let ranks = folder.join(tiktoken::FILE);
        let tokenizer = match gguf {
            _ if file.exists() => Tokenizer::from_file(&file)?,
            Some(gguf) => Tokenizer::from_json(&checkpoint.path, gguf.to_json(&checkpoint.path)?.as_bytes())?,
            None if ranks.exists() => Tokenizer::from_json(&ranks, tiktoken::to_json(&ranks, &tokenizer_config)?.as_bytes())?,
            None => return Err(LoadError::corrupt(&file, "is missing: the tokenizer is read from it")),
        };
        let generation_config = optional("generation_config.json")?.unwrap_or_default();

        let mut tokens = BTreeMap::new();
        for name in ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"] {
            let value = &tokenizer_config[name];
            if let Some(text) = value.as_str().or_else(|| value["content"].as_str()) {
                tokens.insert(name.to_owned(), text.to_owned());
            }
        }
        if let Some(gguf) = gguf {
            for (name, text) in gguf.special_names() {
                tokens.entry(name).or_insert(text);
            }
        }

        let mut eos = Vec::new();
        let mut add_ids = |value: &Value| match value {
            Value::Array(list) => eos.extend(list.iter().filter_map(Value::as_u64).map(|id| id as u32)),
            value => eos.extend(value.as_u64().map(|id| id as u32)),
        };
        add_ids(&generation_config["eos_token_id"]);
        add_ids(&checkpoint.config["eos_token_id"]);
        add_ids(&checkpoint.config["text_config"]["eos_token_id"]);
        eos.extend(tokens.get("eos_token").and_then(|t| tokenizer.id(t)));
        // Templates end each turn with these, whatever the files call "eos"; Kimi's begin the next one with the last two.
        for token in ["<|im_end|>", "<|eot_id|>", "<|im_user|>", "<|im_assistant|>"] {
            eos.extend(tokenizer.special.get(token));
        }
        eos.retain(|id| (*id as usize) < tokenizer.n_tokens());
        eos.sort_unstable();
        eos.dedup();

        let path = folder.join("generation_config.json");
        let fields = Fields::new(path, &generation_config);
        let number = |name: &str| fields.optional_number(name).map(|v| v.map(|v| v as f32));
        let sampled = fields.flag("do_sample", false)?;
        let generation = GenerationConfig {
            eos,
            temperature: if sampled { number("temperature")? } else { None },
            top_p: if sampled { number("top_p")? } else { None },
            top_k: if sampled { number("top_k")?.map(|k| k as u32) } else { None },
            repetition_penalty: number("repetition_penalty")?,
        };
        let add_bos = match tokenizer_config["add_bos_token"].as_bool().or(gguf.and_then(|g| g.add_bos)) {
            Some(true) => tokens.get("bos_token").and_then(|t| tokenizer.id(t)),
            _ => None,
        };
        let source = chat_template(folder, &tokenizer_config, gguf)?;
        Ok(Self { tokenizer, generation, chat_template: source.map(|source| ChatTemplate { source, tokens }), add_bos })
    }
}

fn chat_template(
    folder: &Path,
    tokenizer_config: &Value,
    gguf: Option<&super::weights::GgufTokenizer>,
) -> Result<Option<String>, LoadError> {
    let jinja = folder.join("chat_template.jinja");
    if jinja.exists() {
        return read_text(&jinja).map(Some);
    }
    let json = folder.join("chat_template.json");
    if json.exists() {
        return Ok(read_json(&json)?["chat_template"].as_str().map(str::to_owned));
    }
    let named = match &tokenizer_config["chat_template"] {
        Value::String(source) => Some(source.clone()),
        Value::Array(list) => {
            let default = list.iter().find(|t| t["name"] == "default").or(list.first());
            default.and_then(|t| t["template"].as_str()).map(str::to_owned)
        }
        _ => None,
    };
    Ok(named.or_else(|| gguf.and_then(|g| g.chat_template.clone())))
}
