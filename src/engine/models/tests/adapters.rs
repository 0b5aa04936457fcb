//! Adapters against what PEFT computes with them, and side by side: a row's result is the same whatever other rows have.

use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;

use super::runner::{Expected, Sequence, cache, difference, repository, step, step_all};
use crate::engine::models::{CausalModel, Model, Parts, Prompt, load_model};
use crate::engine::ops::Backend;
use crate::engine::ops::lora::{Prepared, Updates};
use crate::engine::tokenizer::Tokenizer;
use crate::engine::weights::peft::Peft;
use crate::engine::weights::{Checkpoint, LoadError, Target};

pub const ALL: [&str; 9] =
    ["llama_all", "llama_some", "llama_queries", "qwen3", "qwen3_vl", "deepseek_v3", "deepseek_v3_groups", "tiny_a", "tiny_b"];

fn folder(name: &str) -> String {
    format!("tests/goldens/adapters/{name}")
}

/// A model that takes adapters.
pub struct Base {
    pub model: Box<dyn CausalModel>,
    backend: Backend,
    targets: Vec<Target>,
}

impl Base {
    pub fn open(path: &Path, backend: &Backend) -> Self {
        let tokenizer = Arc::new(Tokenizer::from_file(&repository("models/ashlar-tiny/tokenizer.json")).unwrap());
        let checkpoint = Checkpoint::open(path).unwrap_or_else(|e| panic!("{e}"));
        let Parts { model, .. } = load_model(&checkpoint, &tokenizer, backend).unwrap_or_else(|e| panic!("{e}"));
        let Model::Causal(model) = model else { panic!("not a causal model") };
        Self { model, backend: backend.clone(), targets: checkpoint.weights.take_targets() }
    }

    fn on_cpu(folder: &str) -> Self {
        Self::open(&repository(folder), &Backend::cpu(2))
    }

    fn place(&self, folder: &Path) -> Result<Arc<Updates>, LoadError> {
        let peft = Peft::open(folder)?;
        let prepared = Prepared::new(&self.backend, self.targets.len(), &peft.updates(&self.targets)?)?;
        Ok(Arc::new(prepared.place(&self.backend)?))
    }

    pub fn adapter(&self, name: &str) -> Arc<Updates> {
        self.place(&repository(&folder(name))).unwrap_or_else(|e| panic!("{e}"))
    }
}

pub fn sequence(model: &dyn CausalModel, ids: &[u32], blocks: Vec<u32>, adapter: Option<&Arc<Updates>>) -> Sequence {
    Sequence { adapter: adapter.cloned(), ..Sequence::new(model, Prompt::text(ids.to_vec()), &[], blocks) }
}

#[derive(Deserialize)]
pub struct Golden {
    pub base: String,
    pub prompts: Vec<Vec<u32>>,
}

pub fn golden(name: &str) -> Golden {
    let text = std::fs::read_to_string(repository(&folder(name)).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub fn expected(name: &str) -> Expected {
    Expected::open(&folder(name))
}

#[test]
fn logits_are_those_of_the_reference() {
    for name in ALL {
        let Golden { base, prompts } = golden(name);
        let base = Base::on_cpu(&base);
        let (model, updates) = (base.model.as_ref(), base.adapter(name));
        let expected = expected(name);
        for (i, ids) in prompts.iter().enumerate() {
            let adapted = sequence(model, ids, (0..4).collect(), Some(&updates));
            let logits = step_all(model, &mut cache(model, 4), &[(&adapted, 0..ids.len())]);
            let worst = difference(&logits, &expected.rows(&format!("logits.{i}")));
            assert!(worst < 2e-4, "{name}, prompt {i}: a logit differs by {worst}");
        }
    }
}

/// Sequences with three adapters and with none, scattered over the cache.
fn mixed(model: &dyn CausalModel, adapters: &[Arc<Updates>]) -> Vec<Sequence> {
    let lengths = [40, 1, 17, 33, 64, 5, 20, 2];
    let one = |(i, n): (usize, usize)| {
        let ids: Vec<u32> = (0..n).map(|j| ((i * 31 + j * 7) % 96) as u32).collect();
        let blocks = (0..4).map(|block| i as u32 + block * lengths.len() as u32).collect();
        sequence(model, &ids, blocks, adapters.get(i % 4))
    };
    lengths.into_iter().enumerate().map(one).collect()
}

#[test]
fn alone_equals_batched_with_three_adapters_and_none() {
    let base = Base::on_cpu("tests/goldens/llama");
    let model = base.model.as_ref();
    let all = mixed(model, &["llama_all", "llama_some", "llama_queries"].map(|name| base.adapter(name)));
    let alone: Vec<_> = all.iter().map(|s| step(model, &mut cache(model, 32), &[(s, 0..s.len())]).remove(0)).collect();
    let plain = sequence(model, &all[0].prompt.ids, all[0].blocks.clone(), None);
    let plain = step(model, &mut cache(model, 32), &[(&plain, 0..plain.len())]);
    assert_ne!(plain[0], alone[0], "the adapter changes what the model says");

    let whole: Vec<_> = all.iter().map(|s| (s, 0..s.len())).collect();
    assert_eq!(step(model, &mut cache(model, 32), &whole), alone, "packed together");
    for chunk in [1, 3, 16] {
        let mut kv = cache(model, 32);
        let mut done = vec![0; all.len()];
        let mut last = vec![Vec::new(); all.len()];
        while done.iter().zip(&all).any(|(done, s)| *done < s.len()) {
            let rows: Vec<_> = (0..all.len())
                .filter(|i| done[*i] < all[*i].len())
                .map(|i| (i, done[i]..(done[i] + chunk + i).min(all[i].len())))
                .collect();
            let logits = step(model, &mut kv, &rows.iter().map(|(i, range)| (&all[*i], range.clone())).collect::<Vec<_>>());
            for ((i, range), logits) in rows.into_iter().zip(logits) {
                done[i] = range.end;
                last[i] = logits;
            }
        }
        assert_eq!(last, alone, "in chunks of {chunk}");
    }
}

/// A copy of the model with the adapter's updates inside its weights.
fn merge(model: &Path, adapter: &Path, scale: f32, into: &Path) {
    let read = |folder: &Path, file: &str| std::fs::read(folder.join(file)).unwrap();
    let (weights, updates) = (read(model, "model.safetensors"), read(adapter, "adapter_model.safetensors"));
    let (weights, updates) = (SafeTensors::deserialize(&weights).unwrap(), SafeTensors::deserialize(&updates).unwrap());
    let values =
        |view: &TensorView<'_>| -> Vec<f32> { view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect() };
    let merged: Vec<(String, Vec<usize>, Vec<u8>)> = weights
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let mut w = values(&view);
            let half = |which: &str| updates.tensor(&format!("base_model.model.{}.lora_{which}.weight", name.trim_end_matches(".weight")));
            if let (Ok(a), Ok(b)) = (half("A"), half("B")) {
                let (rank, n_in) = (a.shape()[0], a.shape()[1]);
                let (a, b) = (values(&a), values(&b));
                for (i, w) in w.iter_mut().enumerate() {
                    let (row, col) = (i / n_in, i % n_in);
                    *w += scale * (0..rank).map(|r| b[row * rank + r] * a[r * n_in + col]).sum::<f32>();
                }
            }
            (name, view.shape().to_vec(), w.into_iter().flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    let views = merged.iter().map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    std::fs::write(into.join("model.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
    std::fs::copy(model.join("config.json"), into.join("config.json")).unwrap();
}

#[test]
fn merged_weights_say_about_the_same() {
    let dir = tempfile::tempdir().unwrap();
    merge(&repository("tests/goldens/llama"), &repository(&folder("llama_all")), 2.0, dir.path());
    let (base, merged) = (Base::on_cpu("tests/goldens/llama"), Base::open(dir.path(), &Backend::cpu(2)));
    let updates = base.adapter("llama_all");
    let ids = &golden("llama_all").prompts[1];
    let logits = |base: &Base, updates: Option<&Arc<Updates>>| {
        let model = base.model.as_ref();
        step_all(model, &mut cache(model, 4), &[(&sequence(model, ids, (0..4).collect(), updates), 0..ids.len())])
    };
    let worst = difference(&logits(&base, Some(&updates)), &logits(&merged, None));
    assert!(worst < 5e-4, "a logit differs by {worst}");
}

#[test]
fn adapters_that_do_not_fit_say_why() {
    let base = Base::on_cpu("tests/goldens/llama");
    let source = repository(&folder("llama_queries"));
    let config = std::fs::read_to_string(source.join("adapter_config.json")).unwrap();
    let bytes = std::fs::read(source.join("adapter_model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    type Rename = dyn Fn(&str) -> Option<String>;
    // A file of the adapter's tensors with other names, and a configuration with other words.
    let refused = |rename: &Rename, from: &str, to: &str| {
        let dir = tempfile::tempdir().unwrap();
        let named: Vec<_> = tensors.tensors().into_iter().filter_map(|(name, view)| Some((rename(&name)?, view))).collect();
        std::fs::write(dir.path().join("adapter_model.safetensors"), safetensors::serialize(named, None).unwrap()).unwrap();
        std::fs::write(dir.path().join("adapter_config.json"), config.replace(from, to)).unwrap();
        base.place(dir.path()).unwrap_err().to_string()
    };
    let same = |name: &str| Some(name.to_owned());
    let all = ("\"q_proj\"\n  ]", "\"q_proj\", \"k_proj\", \"qkv\", \"0.up_proj\", \"lm_head\"\n  ]");
    let cases: [(&Rename, &str, &str); 8] = [
        (&|name| Some(name.replace("q_proj", "v_proj")), "`target_modules` does not name its module", "lora_A"),
        (&|name| Some(name.replace("q_proj", "k_proj")), "shape", "k_proj.lora_B"),
        (&|name| Some(name.replace("model.layers", "visual.layers").replace("q_proj", "qkv")), "vision towers", "visual"),
        (&|name| Some(name.replace("self_attn.q_proj", "mlp.experts.0.up_proj")), "routed experts", "experts.0"),
        (&|name| Some(name.replace("layers.2.", "layers.7.")), "no such module", "layers.7"),
        (&|name| Some(name.replace("lora_A.weight", "lora_magnitude_vector")), "DoRA", "lora_magnitude_vector"),
        (&|name| Some(name.to_owned()).filter(|name| !name.contains("layers.1.self_attn.q_proj.lora_B")), "missing", "layers.1"),
        (&|name| Some(name.to_owned()).filter(|name| !name.contains("layers.1.self_attn.q_proj.lora_A")), "lora_A", "layers.1"),
    ];
    for (rename, why, what) in cases {
        let message = refused(rename, all.0, all.1);
        assert!(message.contains(why) && message.contains(what), "{message}");
    }
    for (from, to, why) in [
        ("\"r\": 20", "\"r\": 21", "[21, 72]"),
        ("\"use_dora\": false", "\"use_dora\": true", "field `use_dora`"),
        ("\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\"", "field `peft_type`"),
    ] {
        let message = refused(&same, from, to);
        assert!(message.contains(why), "{message}");
    }
    let message = refused(&|_| None, "", "");
    assert!(message.contains("no tensors"), "{message}");
    let nothing = tempfile::tempdir().unwrap();
    assert!(base.place(nothing.path()).unwrap_err().to_string().contains("adapter_config.json"));
}
