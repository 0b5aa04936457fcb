//! `tiktoken.model`, the vocabulary of Kimi's checkpoints: each token's bytes in base64 and its rank. The same tokenizer is
//! put together as a `tokenizer.json`, as for GGUF files.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{LoadError, read_text};
use crate::engine::tokenizer::byte_alphabet;

pub const FILE: &str = "tiktoken.model";

/// Ids behind the ranks that are kept for special tokens.
const N_SPECIAL: usize = 256;
/// Special tokens by their place behind the ranks, for folders that do not list them.
const SPECIAL: &[(usize, &str)] = &[
    (0, "[BOS]"),
    (1, "[EOS]"),
    (2, "<|im_end|>"),
    (3, "<|im_user|>"),
    (4, "<|im_assistant|>"),
    (10, "<|im_system|>"),
    (17, "<|im_middle|>"),
    (18, "<|media_start|>"),
    (19, "<|media_content|>"),
    (20, "<|media_end|>"),
    (21, "<|media_pad|>"),
    (254, "[UNK]"),
    (255, "[PAD]"),
];

/// Runs of Han; words, cut where small letters end and capitals begin, with what stands before them and an English
/// contraction; up to three digits; punctuation with the line ends behind it; line ends; spaces.
const PATTERN: &str = concat!(
    r"[\p{Han}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// The tokenizer of a folder with such a file. `tokenizer_config` names special tokens by id (`added_tokens_decoder`).
pub fn to_json(path: &Path, tokenizer_config: &Value) -> Result<String, LoadError> {
    let ranks = read_ranks(path)?;
    let alphabet = alphabet();
    let text = |bytes: &[u8]| bytes.iter().map(|b| alphabet[*b as usize]).collect::<String>();
    let vocab: serde_json::Map<_, _> = ranks.iter().enumerate().map(|(rank, bytes)| (text(bytes), json!(rank))).collect();
    let merges: Vec<_> = merges(&ranks).into_iter().map(|(left, right)| json!([text(left), text(right)])).collect();

    let mut names: BTreeMap<usize, String> = match tokenizer_config["added_tokens_decoder"].as_object() {
        Some(list) => list.iter().filter_map(|(id, token)| Some((id.parse().ok()?, token["content"].as_str()?.to_owned()))).collect(),
        None => SPECIAL.iter().map(|(place, name)| (ranks.len() + place, (*name).to_owned())).collect(),
    };
    let added: Vec<_> = (ranks.len()..ranks.len() + N_SPECIAL)
        .map(|id| {
            let content = names.remove(&id).unwrap_or_else(|| format!("<|reserved_token_{id}|>"));
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                   "special": true})
        })
        .collect();
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let split = json!({"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": false});
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": null, "decoder": byte_level,
        // A piece that is a token is not cut, as in tiktoken.
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
                  "fuse_unk": false, "byte_fallback": false, "ignore_merges": true, "vocab": vocab, "merges": merges},
    });
    Ok(json.to_string())
}

/// The bytes of each token, by rank.
fn read_ranks(path: &Path) -> Result<Vec<Vec<u8>>, LoadError> {
    let text = read_text(path)?;
    let mut ranks = Vec::new();
    for (i, line) in text.lines().filter(|line| !line.is_empty()).enumerate() {
        let token = line.split_once(' ').filter(|(_, rank)| rank.trim().parse() == Ok(i));
        let bytes = token.and_then(|(token, _)| BASE64_STANDARD.decode(token).ok()).filter(|bytes| !bytes.is_empty());
        ranks.push(bytes.ok_or_else(|| LoadError::corrupt(path, format!("line {} is not a token and the rank {i}", i + 1)))?);
    }
    Ok(ranks)
}

/// Every way to put a token together from two others, in the order of the tokens: tiktoken joins the pair that makes the
/// lowest rank, whichever pair it is.
fn merges(ranks: &[Vec<u8>]) -> Vec<(&[u8], &[u8])> {
    let by_bytes: HashMap<&[u8], usize> = ranks.iter().enumerate().map(|(rank, bytes)| (bytes.as_slice(), rank)).collect();
    let mut merges = Vec::new();
    for token in ranks {
        let first = merges.len();
        for at in 1..token.len() {
            let (left, right) = token.split_at(at);
            if by_bytes.contains_key(left) && by_bytes.contains_key(right) {
                merges.push((left, right));
            }
        }
        merges[first..].sort_by_key(|(left, right)| (by_bytes[left], by_bytes[right]));
    }
    merges
}

/// GPT-2's printable stand-in for each byte.
fn alphabet() -> [char; 256] {
    let mut alphabet = ['\0'; 256];
    for (c, byte) in ('\0'..).zip(byte_alphabet()) {
        if let Some(byte) = byte {
            alphabet[byte as usize] = c;
        }
    }
    alphabet
}
