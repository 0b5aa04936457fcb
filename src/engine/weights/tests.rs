//! Checkpoints as strangers make them: every broken file gives an error that says where, none a panic.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::engine::{models, ops::Backend};

/// A GGUF writer, just enough for tests.
#[derive(Default)]
struct Gguf {
    metadata: Vec<u8>,
    n_metadata: u64,
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

impl Gguf {
    fn entry(&mut self, key: &str, kind: u32, value: &[u8]) {
        string(&mut self.metadata, key);
        self.metadata.extend(kind.to_le_bytes());
        self.metadata.extend(value);
        self.n_metadata += 1;
    }

    fn number(&mut self, key: &str, value: u32) {
        self.entry(key, 4, &value.to_le_bytes());
    }

    fn float(&mut self, key: &str, value: f32) {
        self.entry(key, 6, &value.to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        let mut out = Vec::new();
        string(&mut out, value);
        self.entry(key, 8, &out);
    }

    fn texts(&mut self, key: &str, values: &[&str]) {
        let mut out = 8u32.to_le_bytes().to_vec();
        out.extend((values.len() as u64).to_le_bytes());
        values.iter().for_each(|v| string(&mut out, v));
        self.entry(key, 9, &out);
    }

    /// `shape` slowest first, f32 values from a counter.
    fn tensor(&mut self, name: &str, shape: &[u64]) {
        let n: u64 = shape.iter().product();
        let bytes = (0..n).flat_map(|i| ((i % 13) as f32 / 13.0 - 0.5).to_le_bytes()).collect();
        self.tensors.push((name.into(), shape.iter().rev().copied().collect(), 0, bytes));
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend(self.n_metadata.to_le_bytes());
        out.extend(&self.metadata);
        let mut offset = 0u64;
        for (name, shape, kind, bytes) in &self.tensors {
            string(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset += (bytes.len() as u64).next_multiple_of(32);
        }
        for (_, _, _, bytes) in &self.tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            out.extend(bytes);
        }
        out
    }
}

/// A folder of safetensors and the same weights as GGUF, whose experts are one tensor for each kind.
#[test]
fn experts_of_a_gguf_file_are_those_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/qwen3_moe_unnormalised");
    let mut config = read_json(&golden.join("config.json")).unwrap();
    config["norm_topk_prob"] = json!(true);
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    std::fs::copy(golden.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();

    let bytes = std::fs::read(golden.join("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut g = Gguf::default();
    g.text("general.architecture", "qwen3moe");
    for (key, value) in [
        ("block_count", 2),
        ("context_length", 256),
        ("embedding_length", 32),
        ("feed_forward_length", 48),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
        ("attention.key_length", 16),
        ("expert_count", 8),
        ("expert_used_count", 3),
        ("expert_feed_forward_length", 24),
    ] {
        g.number(&format!("qwen3moe.{key}"), value);
    }
    g.float("qwen3moe.attention.layer_norm_rms_epsilon", 1e-6);
    g.float("qwen3moe.rope.freq_base", 1e6);
    let mut add = |name: &str, from: &[String]| {
        let parts: Vec<_> = from.iter().map(|name| tensors.tensor(name).unwrap()).collect();
        let mut shape: Vec<u64> = parts[0].shape().iter().rev().map(|d| *d as u64).collect();
        if parts.len() > 1 {
            shape.push(parts.len() as u64);
        }
        g.tensors.push((name.into(), shape, 0, parts.iter().flat_map(|part| part.data().to_vec()).collect()));
    };
    add("token_embd.weight", &["model.embed_tokens.weight".into()]);
    add("output_norm.weight", &["model.norm.weight".into()]);
    add("output.weight", &["lm_head.weight".into()]);
    for i in 0..2 {
        let layer = |name: &str| format!("model.layers.{i}.{name}.weight");
        for (ours, theirs) in [
            ("attn_norm", "input_layernorm"),
            ("attn_q", "self_attn.q_proj"),
            ("attn_k", "self_attn.k_proj"),
            ("attn_v", "self_attn.v_proj"),
            ("attn_output", "self_attn.o_proj"),
            ("attn_q_norm", "self_attn.q_norm"),
            ("attn_k_norm", "self_attn.k_norm"),
            ("ffn_norm", "post_attention_layernorm"),
            ("ffn_gate_inp", "mlp.gate"),
        ] {
            add(&format!("blk.{i}.{ours}.weight"), &[layer(theirs)]);
        }
        for kind in ["gate", "up", "down"] {
            let experts: Vec<_> = (0..8).map(|e| layer(&format!("mlp.experts.{e}.{kind}_proj"))).collect();
            add(&format!("blk.{i}.ffn_{kind}_exps.weight"), &experts);
        }
    }
    let gguf = tempfile::tempdir().unwrap();
    assert_eq!(models::tests::logits_of(folder.path()), models::tests::logits_of(&write(gguf.path(), &g.bytes())));
}

/// One layer, width 8, two heads of 4, eight tokens.
fn tiny_llama() -> Gguf {
    let mut g = Gguf::default();
    g.text("general.architecture", "llama");
    for (key, value) in [
        ("block_count", 1),
        ("context_length", 64),
        ("embedding_length", 8),
        ("feed_forward_length", 16),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
    ] {
        g.number(&format!("llama.{key}"), value);
    }
    g.float("llama.attention.layer_norm_rms_epsilon", 1e-5);
    g.text("tokenizer.ggml.model", "gpt2");
    g.text("tokenizer.ggml.pre", "gpt-2");
    g.texts("tokenizer.ggml.tokens", &["a", "b", "c", "ab", "Ġ", "<|x|>", "d", "e"]);
    g.texts("tokenizer.ggml.merges", &["a b"]);
    g.tensor("token_embd.weight", &[8, 8]);
    g.tensor("output_norm.weight", &[8]);
    for (name, shape) in [
        ("attn_norm", vec![8]),
        ("attn_q", vec![8, 8]),
        ("attn_k", vec![4, 8]),
        ("attn_v", vec![4, 8]),
        ("attn_output", vec![8, 8]),
        ("ffn_norm", vec![8]),
        ("ffn_gate", vec![16, 8]),
        ("ffn_up", vec![16, 8]),
        ("ffn_down", vec![8, 16]),
    ] {
        g.tensor(&format!("blk.0.{name}.weight"), &shape);
    }
    g
}

fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn load(path: &Path) -> Result<(), LoadError> {
    models::load(path, &Backend::cpu(1)).map(drop)
}

#[test]
fn a_whole_gguf_file_loads_with_the_tokenizer_of_its_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &tiny_llama().bytes());
    let loaded = models::load(&path, &Backend::cpu(1)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.tokenizer.encode("abc", false).unwrap(), [3, 2]);
    // A folder with one GGUF file is that file.
    load(folder.path()).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn query_and_key_rows_are_brought_to_rotate_half_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &tiny_llama().bytes());
    let checkpoint = Checkpoint::open(&path).unwrap();
    let rows = |name: &str, n: usize| checkpoint.weights.root(&Backend::cpu(1)).values(name, &[n, 8]).unwrap();
    let counter = |row: usize| (0..8).map(move |i| ((row * 8 + i) % 13) as f32 / 13.0 - 0.5);
    let q = rows("model.layers.0.self_attn.q_proj.weight", 8);
    // Two heads of four rows: stored 0 1 2 3 is (0 of the first half, 0 of the second, 1, 1).
    let expected: Vec<f32> = [0, 2, 1, 3, 4, 6, 5, 7].into_iter().flat_map(counter).collect();
    assert_eq!(q, expected);
    let v = rows("model.layers.0.self_attn.v_proj.weight", 4);
    assert_eq!(v, (0..4).flat_map(counter).collect::<Vec<_>>());
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = tiny_llama().bytes();
    for n in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
        let path = write(folder.path(), &bytes[..n]);
        let error = load(&path).expect_err("a cut file must not load").to_string();
        assert!(error.contains("model.gguf"), "cut at {n}: {error}");
    }
}

#[test]
fn errors_name_the_tensor_and_the_shape() {
    let folder = tempfile::tempdir().unwrap();
    let mut missing = tiny_llama();
    missing.tensors.retain(|t| t.0 != "blk.0.attn_v.weight");
    let error = load(&write(folder.path(), &missing.bytes())).unwrap_err().to_string();
    assert!(error.contains("model.layers.0.self_attn.v_proj.weight") && error.contains("[4, 8]"), "{error}");

    let mut wrong = tiny_llama();
    wrong.tensors.retain(|t| t.0 != "output_norm.weight");
    wrong.tensor("output_norm.weight", &[9]);
    let error = load(&write(folder.path(), &wrong.bytes())).unwrap_err().to_string();
    assert!(error.contains("model.norm.weight") && error.contains("[9]") && error.contains("[8]"), "{error}");

    let mut extra = tiny_llama();
    extra.tensor("blk.0.attn_sinks.weight", &[2]);
    let error = load(&write(folder.path(), &extra.bytes())).unwrap_err().to_string();
    assert!(error.contains("blk.0.attn_sinks.weight"), "{error}");
}

#[test]
fn unknown_architectures_and_tokenizers_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = Gguf::default();
    other.text("general.architecture", "mamba");
    let error = load(&write(folder.path(), &other.bytes())).unwrap_err().to_string();
    assert!(error.contains("mamba") && error.contains("llama"), "{error}");

    let mut bytes = tiny_llama();
    bytes.text("tokenizer.ggml.pre", "deepseek-v9");
    let error = load(&write(folder.path(), &bytes.bytes())).unwrap_err().to_string();
    assert!(error.contains("deepseek-v9") && error.contains("tokenizer.json"), "{error}");

    std::fs::remove_file(folder.path().join("model.gguf")).unwrap();
    let config = json!({"architectures": ["MixtralForCausalLM"]});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), safetensors_of(&[])).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(
        matches!(&error, LoadError::Unsupported { architecture, why } if architecture == "MixtralForCausalLM" && why.contains("Kimi-VL")),
        "{error}"
    );
}

#[test]
fn counts_larger_than_the_file_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = tiny_llama().bytes();
    // Tensor count, metadata count, first key's length.
    for at in [8, 16, 24] {
        for value in [u64::MAX, 1 << 60, 1 << 33] {
            let mut broken = bytes.clone();
            broken[at..at + 8].copy_from_slice(&value.to_le_bytes());
            assert!(load(&write(folder.path(), &broken)).is_err(), "{value} at {at}");
        }
    }
}

fn safetensors_of(tensors: &[(&str, Vec<usize>)]) -> Vec<u8> {
    let data: BTreeMap<&str, (Vec<usize>, Vec<u8>)> =
        tensors.iter().map(|(name, shape)| (*name, (shape.clone(), vec![0u8; 4 * shape.iter().product::<usize>()]))).collect();
    let views = data.iter().map(|(name, (shape, bytes))| {
        (*name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn broken_safetensors_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("config.json"), json!({"architectures": ["LlamaForCausalLM"]}).to_string()).unwrap();
    let whole = safetensors_of(&[("a", vec![3, 4]), ("b", vec![5])]);
    for n in 0..whole.len() {
        std::fs::write(at("model.safetensors"), &whole[..n]).unwrap();
        assert!(Checkpoint::open(folder.path()).is_err(), "cut at {n}");
    }
    std::fs::write(at("model.safetensors"), &whole).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!((checkpoint.weights.n_parameters(), checkpoint.weights.n_bytes()), (17, 68));

    // An index must not lead out of the folder.
    for file in ["../secret.safetensors", "/etc/passwd", "..", ""] {
        std::fs::write(at("model.safetensors.index.json"), json!({"weight_map": {"a": file}}).to_string()).unwrap();
        let error = Checkpoint::open(folder.path()).map(drop).unwrap_err().to_string();
        assert!(error.contains("weight_map.a"), "{file}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Flipped bytes may make another valid file, never a crash.
    #[test]
    fn flipped_bytes_never_panic(flips in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..6)) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = tiny_llama().bytes();
        // Mostly the header, where it hurts.
        let n = bytes.len() as f64 * 0.4;
        for (at, value) in flips {
            bytes[(at * n) as usize] = value;
        }
        let _ = load(&write(folder.path(), &bytes));
    }
}

#[test]
fn made_up_weights_are_of_the_usual_scale_and_always_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("config.json", r#"{"architectures": ["Any"]}"#);
    write(
        "random_weights.json",
        r#"{"seed": 7, "tensors": {"a.weight": [600, 512], "b.weight": [600, 512], "norm.weight": [512], "norm.bias": [512]}}"#,
    );
    let read = || {
        let checkpoint = Checkpoint::open(dir.path()).unwrap();
        let backend = Backend::cpu(1);
        let root = checkpoint.weights.root(&backend);
        let tensor = |name: &str, shape: &[usize]| root.values(name, shape).unwrap();
        [tensor("a.weight", &[600, 512]), tensor("b.weight", &[600, 512]), tensor("norm.weight", &[512]), tensor("norm.bias", &[512])]
    };
    let [a, b, norm, bias] = read();
    assert_eq!([a.clone(), b.clone(), norm.clone(), bias.clone()], read());
    let deviation = |values: &[f32], mean: f32| (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt();
    for values in [&a, &b, &bias] {
        assert!((0.018..0.022).contains(&deviation(values, 0.0)));
    }
    assert!(norm.iter().all(|v| (0.94..1.06).contains(v)) && deviation(&norm, 1.0) > 0.02);
    assert_ne!(a, b);
    let rows: std::collections::HashSet<Vec<u32>> = a.chunks(512).map(|row| row.iter().map(|v| v.to_bits()).collect()).collect();
    assert_eq!(rows.len(), 600, "no two rows are equal");
    let n_bytes = random::n_bytes(dir.path()).unwrap();
    assert_eq!((n_bytes, Checkpoint::open(dir.path()).unwrap().weights.n_bytes()), (2 * (2 * 600 * 512 + 2 * 512), n_bytes));
    write("random_weights.json", r#"{"seed": 7, "tensors": {"a.weight": [4294967296, 4294967296]}}"#);
    assert!(Checkpoint::open(dir.path()).is_err_and(|e| e.to_string().contains("a.weight")));
}
