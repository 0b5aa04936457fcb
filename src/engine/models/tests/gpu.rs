//! Small random models of every family and the bundled one on a GPU, in bf16, against the references: every row of logits
//! points the same way, and no clear choice is another. Where there is no GPU each test says so and passes.

use std::ops::Range;

use super::adapters::{self, Base};
use super::goldens::{Texts, encodings, facts, open_on};
use super::runner::{Expected, Sequence, difference, repository, step, step_all};
use super::tiny::{cases, prepare};
use crate::engine::models::{CausalModel, Model, Prompt, load};
use crate::engine::ops::attention::Heads;
use crate::engine::ops::cache::KvCache;
use crate::engine::ops::{Backend, Device, DeviceOptions, Reserve, StepLimits};
use crate::engine::shapes;

/// Of rows that the reference computed in f32.
const LEAST_COSINE: f32 = 0.999;
/// A lead that bf16 must not turn.
const CLEAR: f32 = 0.1;

fn gpu() -> Option<Backend> {
    let backend = Backend::open(&DeviceOptions { device: Device::Cuda, ..DeviceOptions::default() });
    let opened = backend.inspect_err(|error| eprintln!("skipped, no GPU to run on: {error}")).ok()?;
    opened.reserve(&Reserve { scratch: 512 << 20, kept: 64 << 20, steps: None }).unwrap();
    Some(opened)
}

/// Room for steps of this model, and a cache.
fn prepare_steps(backend: &Backend, model: &dyn CausalModel) -> KvCache {
    let info = model.info();
    let heads = Heads { n_heads: info.n_heads, n_kv_heads: info.n_kv_heads, head_dim: info.head_dim };
    let steps = StepLimits { max_rows: 1024, max_sequences: 64, max_blocks: 32, heads, latent: info.latent, vocab_size: info.vocab_size };
    backend.reserve(&Reserve { scratch: 512 << 20, kept: 64 << 20, steps: Some(steps) }).unwrap();
    KvCache::new(backend, info.cache_shape(), 32).unwrap()
}

fn cosines(what: &str, ours: &[Vec<f32>], reference: &[Vec<f32>]) -> Vec<f32> {
    assert_eq!(ours.len(), reference.len(), "{what}");
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    ours.iter().zip(reference).map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).collect()
}

fn assert_agree(what: &str, ours: &[Vec<f32>], reference: &[Vec<f32>]) {
    for (i, cosine) in cosines(what, ours, reference).into_iter().enumerate() {
        assert!(cosine >= LEAST_COSINE, "{what}: row {i} has a cosine of {cosine}");
    }
}

/// Mixtures of experts: where two experts are nearly as good as each other rounding may choose the other, in few rows.
fn assert_mostly_agree(what: &str, ours: &[Vec<f32>], reference: &[Vec<f32>]) {
    let cosines = cosines(what, ours, reference);
    let n_off = cosines.iter().filter(|cosine| **cosine < LEAST_COSINE).count();
    assert!(n_off <= 1.max(cosines.len() / 10), "{what}: {n_off} of {} rows point elsewhere", cosines.len());
    assert!(cosines.iter().all(|cosine| *cosine > 0.9), "{what}: {cosines:?}");
}

fn assert_same_choices(what: &str, ours: &[Vec<f32>], reference: &[Vec<f32>]) {
    let best = |row: &[f32]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
    for (i, (ours, theirs)) in ours.iter().zip(reference).enumerate() {
        let first = best(theirs);
        let second = theirs.iter().enumerate().filter(|(id, _)| *id != first).map(|(_, v)| *v).fold(f32::MIN, f32::max);
        if theirs[first] - second > CLEAR {
            assert_eq!(best(ours), first, "{what}: row {i}");
        }
    }
}

/// Token by token: the first as it is, the second while it is recorded, the others replayed.
fn one_by_one(model: &dyn CausalModel, kv: &mut KvCache, sequence: &Sequence, tokens: Range<usize>) -> Vec<Vec<f32>> {
    tokens.flat_map(|at| step(model, kv, &[(sequence, at..at + 1)])).collect()
}

fn check_text_model(folder: &str) {
    let Some(backend) = gpu() else { return };
    let (Model::Causal(model), ..) = open_on(folder, &backend).unwrap() else { panic!("not a causal model") };
    let (texts, expected) = (facts::<Texts>(folder), Expected::open(folder));
    for (i, prompt) in texts.prompts.iter().enumerate() {
        let want = expected.rows(&format!("logits.{i}"));
        let mut kv = prepare_steps(&backend, model.as_ref());
        let sequence = Sequence::new(model.as_ref(), Prompt::text(prompt.clone()), &[], (0..8).rev().collect());
        let whole = step_all(model.as_ref(), &mut kv, &[(&sequence, 0..prompt.len())]);
        assert_agree(&format!("{folder}, prompt {i}"), &whole, &want);
        assert_same_choices(&format!("{folder}, prompt {i}"), &whole, &want);
        let mut kv = prepare_steps(&backend, model.as_ref());
        let steps = one_by_one(model.as_ref(), &mut kv, &sequence, 0..prompt.len());
        assert_agree(&format!("{folder}, prompt {i}, token by token"), &steps, &want);
        assert_same_choices(&format!("{folder}, prompt {i}, token by token"), &steps, &want);
    }
}

#[test]
fn qwen3_matches() {
    check_text_model("tests/goldens/qwen3");
}

#[test]
fn chameleon_matches_with_norms_in_front_and_behind() {
    check_text_model("tests/goldens/chameleon");
    check_text_model("tests/goldens/chameleon_swin");
}

#[test]
fn mixtures_of_experts_match() {
    for folder in ["tests/goldens/qwen3_moe", "tests/goldens/qwen3_moe_unnormalised"] {
        let Some(backend) = gpu() else { return };
        let (Model::Causal(model), ..) = open_on(folder, &backend).unwrap() else { panic!("not a causal model") };
        let (texts, expected) = (facts::<Texts>(folder), Expected::open(folder));
        for (i, prompt) in texts.prompts.iter().enumerate() {
            let want = expected.rows(&format!("logits.{i}"));
            let mut kv = prepare_steps(&backend, model.as_ref());
            let sequence = Sequence::new(model.as_ref(), Prompt::text(prompt.clone()), &[], (0..8).rev().collect());
            let whole = step_all(model.as_ref(), &mut kv, &[(&sequence, 0..prompt.len())]);
            assert_mostly_agree(&format!("{folder}, prompt {i}"), &whole, &want);
            let mut kv = prepare_steps(&backend, model.as_ref());
            let steps = one_by_one(model.as_ref(), &mut kv, &sequence, 0..prompt.len());
            assert_mostly_agree(&format!("{folder}, prompt {i}, token by token"), &steps, &want);
        }
    }
}

#[test]
fn sentence_encoders_match() {
    for (folder, tensor) in [("tests/goldens/bert", "mean"), ("tests/goldens/xlm_roberta", "vectors")] {
        let Some(backend) = gpu() else { return };
        let (Model::Embedding(model), ..) = open_on(folder, &backend).unwrap() else { panic!("not an embedder") };
        assert_agree(folder, &model.embed(&encodings(folder)).unwrap(), &Expected::open(folder).rows(tensor));
    }
}

#[test]
fn cross_encoders_match() {
    for folder in ["tests/goldens/bert_reranker", "tests/goldens/xlm_roberta_reranker"] {
        let Some(backend) = gpu() else { return };
        let (Model::Rerank(model), ..) = open_on(folder, &backend).unwrap() else { panic!("not a reranker") };
        let scores = model.score(&encodings(folder)).unwrap();
        let worst = difference(&[scores], &[Expected::open(folder).rows("scores").concat()]);
        assert!(worst < 0.02, "{folder}: scores differ by {worst}");
    }
}

/// Pictures alone and together, prompts whole, in chunks, behind each other's cache and packed.
#[test]
fn the_bundled_model_agrees_with_the_cpu_on_every_path() {
    let Some(backend) = gpu() else { return };
    let path = repository("models/ashlar-tiny");
    let (here, there) = (load(&path, &backend).unwrap(), load(&path, &Backend::cpu(2)).unwrap());
    let (Model::Causal(gpu), Model::Causal(cpu)) = (&here.model, &there.model) else { panic!("not a causal model") };
    for case in cases().iter().take(12) {
        let (media, prompt) = prepare(&there, case);
        let n = prompt.ids.len();
        let mut kv = KvCache::new(&there.backend, cpu.info().cache_shape(), 16).unwrap();
        let reference = Sequence::new(cpu.as_ref(), prompt.clone(), &media, (0..16).collect());
        let want = step(cpu.as_ref(), &mut kv, &[(&reference, 0..n)]);

        let mut kv = prepare_steps(&backend, gpu.as_ref());
        let sequence = Sequence::new(gpu.as_ref(), prompt, &media, (0..16).rev().collect());
        let whole = step(gpu.as_ref(), &mut kv, &[(&sequence, 0..n)]);
        assert_agree(&case.name, &whole, &want);
        assert_same_choices(&case.name, &whole, &want);
        step(gpu.as_ref(), &mut kv, &[(&sequence, 0..n / 2)]);
        let chunked = step(gpu.as_ref(), &mut kv, &[(&sequence, n / 2..n)]);
        assert_agree(&format!("{}, in chunks", case.name), &chunked, &want);
        // The cache still holds the first half.
        let cached = step(gpu.as_ref(), &mut kv, &[(&sequence, n - 1..n)]);
        assert_agree(&format!("{}, cached", case.name), &cached, &want);
    }
}

/// Whole, in chunks, behind a cached prefix, token by token, beside a sequence that decodes.
fn check_paths(what: &str, model: &dyn CausalModel, kv: &mut KvCache, sequence: &Sequence, want: &[Vec<f32>]) {
    let n = want.len();
    let whole = step_all(model, kv, &[(sequence, 0..n)]);
    assert_mostly_agree(what, &whole, want);
    let mut chunked = step_all(model, kv, &[(sequence, 0..n / 2)]);
    chunked.extend(step_all(model, kv, &[(sequence, n / 2..n)]));
    assert_mostly_agree(&format!("{what}, in chunks"), &chunked, want);
    let tail = one_by_one(model, kv, sequence, n - 8..n);
    assert_mostly_agree(&format!("{what}, token by token"), &tail, &want[n - 8..]);
    // The last token, and in another sequence of the same blocks the second half.
    let mixed = step_all(model, kv, &[(sequence, n - 1..n), (sequence, n / 2..n)]);
    assert_mostly_agree(&format!("{what}, mixed"), &mixed, &[&want[n - 1..], &want[n / 2..]].concat());
}

/// Every row on every path.
#[test]
fn models_with_experts_agree_with_the_cpu() {
    for shape in ["qwen3-vl-moe-tiny", "kimi-vl-tiny"] {
        let Some(backend) = gpu() else { return };
        let folder = shapes::folder(shape).unwrap().unwrap();
        let (here, there) = (load(folder.path(), &backend).unwrap(), load(folder.path(), &Backend::cpu(2)).unwrap());
        let (Model::Causal(gpu), Model::Causal(cpu)) = (&here.model, &there.model) else { panic!("not a causal model") };
        for case in cases().iter().take(4) {
            let what = format!("{shape}, {}", case.name);
            let (media, prompt) = prepare(&there, case);
            let n = prompt.ids.len();
            let mut kv = KvCache::new(&there.backend, cpu.info().cache_shape(), 32).unwrap();
            let reference = Sequence::new(cpu.as_ref(), prompt.clone(), &media, (0..16).collect());
            let want = step_all(cpu.as_ref(), &mut kv, &[(&reference, 0..n)]);

            let mut kv = prepare_steps(&backend, gpu.as_ref());
            let sequence = Sequence::new(gpu.as_ref(), prompt, &media, (0..16).rev().collect());
            check_paths(&what, gpu.as_ref(), &mut kv, &sequence, &want);
        }
    }
}

/// Nine heads of 64 values for three of keys.
#[test]
fn smollm2_agrees_with_the_cpu() {
    let Some(backend) = gpu() else { return };
    let (real, made_up) = (repository("assets/smollm2-135m-instruct"), shapes::folder("smollm2-135m").unwrap().unwrap());
    // where the real one was not fetched, its shape will do
    let path = if real.exists() { real.as_path() } else { made_up.path() };
    let (here, there) = (load(path, &backend).unwrap(), load(path, &Backend::cpu(2)).unwrap());
    let (Model::Causal(gpu), Model::Causal(cpu)) = (&here.model, &there.model) else { panic!("not a causal model") };
    let prompt = Prompt::text(here.tokenizer.encode("The capital of France is Paris, and the capital of Italy is", false).unwrap());
    let n = prompt.ids.len();
    let logits = |model: &dyn CausalModel, mut kv: KvCache| {
        let sequence = Sequence::new(model, prompt.clone(), &[], (0..8).collect());
        step_all(model, &mut kv, &[(&sequence, 0..n)])
    };
    let want = logits(cpu.as_ref(), KvCache::new(&there.backend, cpu.info().cache_shape(), 8).unwrap());
    let ours = logits(gpu.as_ref(), prepare_steps(&backend, gpu.as_ref()));
    assert_agree("SmolLM2", &ours, &want);
}

#[test]
fn adapters_match() {
    for name in ["qwen3", "qwen3_vl", "tiny_a", "tiny_b"] {
        let Some(backend) = gpu() else { return };
        backend.reserve_adapters(16 << 20).unwrap();
        let adapters::Golden { base, prompts } = adapters::golden(name);
        let base = Base::open(&repository(&base), &backend);
        let (model, updates) = (base.model.as_ref(), base.adapter(name));
        for (i, prompt) in prompts.iter().enumerate() {
            let what = format!("{name}, prompt {i}");
            let want = adapters::expected(name).rows(&format!("logits.{i}"));
            let sequence = adapters::sequence(model, prompt, (0..8).rev().collect(), Some(&updates));
            let whole = step_all(model, &mut prepare_steps(&backend, model), &[(&sequence, 0..prompt.len())]);
            assert_agree(&what, &whole, &want);
            assert_same_choices(&what, &whole, &want);
            let steps = one_by_one(model, &mut prepare_steps(&backend, model), &sequence, 0..prompt.len());
            assert_agree(&format!("{what}, token by token"), &steps, &want);
        }
    }
}

/// Two adapters and none in one step, which is recorded and then replayed with the adapters exchanged.
#[test]
fn recorded_steps_take_other_adapters() {
    let Some(backend) = gpu() else { return };
    backend.reserve_adapters(16 << 20).unwrap();
    let path = repository("models/ashlar-tiny");
    let logits = |backend: &Backend, kv: &dyn Fn(&dyn CausalModel) -> KvCache| {
        let base = Base::open(&path, backend);
        let model = base.model.as_ref();
        let mut kv = kv(model);
        let adapters = [None, Some(base.adapter("tiny_a")), Some(base.adapter("tiny_b"))];
        let mut sequences: Vec<Sequence> = (0..5)
            .map(|i| {
                let ids: Vec<u32> = (0..40).map(|j| 300 + i * 50 + j * 3).collect();
                adapters::sequence(model, &ids, (i * 2..i * 2 + 2).collect(), None)
            })
            .collect();
        let mut all = Vec::new();
        for from in [0, 30, 31, 32, 33, 34, 35] {
            for (i, sequence) in sequences.iter_mut().enumerate() {
                sequence.adapter.clone_from(&adapters[(i + from) % 3]);
            }
            let to = if from == 0 { 30 } else { from + 1 };
            all.extend(step(model, &mut kv, &sequences.iter().map(|sequence| (sequence, from..to)).collect::<Vec<_>>()));
        }
        all
    };
    let cpu = Backend::cpu(2);
    let want = logits(&cpu, &|model| KvCache::new(&cpu, model.info().cache_shape(), 32).unwrap());
    let ours = logits(&backend, &|model| prepare_steps(&backend, model));
    assert_agree("exchanged adapters", &ours, &want);
    assert_same_choices("exchanged adapters", &ours, &want);
}

#[test]
fn heads_that_no_kernel_serves_are_refused_by_name() {
    let Some(backend) = gpu() else { return };
    for (folder, size) in [("tests/goldens/qwen2", "12 values"), ("tests/goldens/llama", "8 values")] {
        let (Model::Causal(model), ..) = open_on(folder, &backend).unwrap() else { panic!("not a causal model") };
        let info = model.info();
        let heads = Heads { n_heads: info.n_heads, n_kv_heads: info.n_kv_heads, head_dim: info.head_dim };
        let steps = StepLimits { max_rows: 64, max_sequences: 4, max_blocks: 4, heads, latent: info.latent, vocab_size: info.vocab_size };
        let error = backend.reserve(&Reserve { scratch: 64 << 20, kept: 0, steps: Some(steps) }).unwrap_err().to_string();
        assert!(error.contains(size), "{error}");
    }
    let Err(error) = open_on("tests/goldens/deepseek_v3", &backend) else { panic!("no kernel knows such latents") };
    assert!(error.to_string().contains("latents of 16 + 8 values"), "{error}");
}
