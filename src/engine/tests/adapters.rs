//! Adapters over the whole engine: side by side in one batch, prefixes that are nobody else's, and what the host keeps.

use std::path::{Path, PathBuf};

use super::{Answer, read, tiny};
use crate::engine::host::{BUNDLED, Engines, HostOptions, Loaded, Status};
use crate::engine::request::{Failure, Input, Request};
use crate::engine::{Engine, EngineOptions};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/adapters").join(name)
}

fn request(first: u32, n: u32) -> Request {
    let mut request = Request::new(Input::Tokens((0..n).map(|i| 300 + first + i * 3 % 700).collect()));
    request.max_tokens = Some(24);
    request.sampling.ignore_eos = true;
    request
}

async fn answer(engine: &Engine, request: Request) -> Answer {
    read(engine.submit(request).await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn side_by_side_each_says_what_it_says_alone() {
    let base = Engine::load(&tiny(), &EngineOptions::default()).unwrap();
    let [a, b] = ["tiny_a", "tiny_b"].map(|name| base.with_adapter(&golden(name)).unwrap());
    let asked: Vec<(&Engine, Request)> =
        (0..12).map(|i| ([&base, &a, &b][i % 3], request(i as u32 / 3 * 40, 20 + 17 * (i as u32 / 3)))).collect();
    let mut alone = Vec::new();
    for (i, (engine, request)) in asked.iter().enumerate() {
        alone.push(answer(engine, Request { cache_salt: 1 + i as u128, ..request.clone() }).await.text);
    }
    for three in alone.chunks(3) {
        assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2], "adapters change what is said: {three:?}");
    }
    for round in ["cold", "cached"] {
        let together = futures::future::join_all(asked.iter().map(|(engine, request)| answer(engine, request.clone()))).await;
        assert_eq!(together.iter().map(|answer| answer.text.clone()).collect::<Vec<_>>(), alone, "{round}");
        assert_eq!(together.iter().any(|answer| answer.done.usage.cached_tokens > 0), round == "cached");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_found_by_its_own_adapter_only() {
    let base = Engine::load(&tiny(), &EngineOptions::default()).unwrap();
    let [a, b] = ["tiny_a", "tiny_b"].map(|name| base.with_adapter(&golden(name)).unwrap());
    let n_cached = async |engine: &Engine| answer(engine, request(0, 200)).await.done.usage.cached_tokens;
    for engine in [&a, &b, &base] {
        assert_eq!(n_cached(engine).await, 0);
        assert!(n_cached(engine).await > 100);
    }
    // The same content, read again, is the same adapter.
    drop(a);
    assert!(n_cached(&base.with_adapter(&golden("tiny_a")).unwrap()).await > 100);
}

/// A models folder with the bundled model's two adapters and the copies of one.
fn host(n_copies: usize, max_adapters: usize, bases: &[(&str, &str)]) -> (tempfile::TempDir, Engines) {
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: String| {
        std::fs::create_dir_all(dir.path().join("models").join(&to)).unwrap();
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            std::fs::copy(golden(from).join(file), dir.path().join("models").join(&to).join(file)).unwrap();
        }
    };
    copy("tiny_a", "a".into());
    copy("tiny_b", "team/b".into());
    copy("llama_all", "lost".into());
    (0..n_copies).for_each(|i| copy("tiny_a", format!("copy{i}")));
    let engines = Engines::new(HostOptions {
        models_dir: dir.path().join("models"),
        data_dir: dir.path().to_owned(),
        default_model: None,
        adapter_bases: bases.iter().map(|(adapter, base)| ((*adapter).to_owned(), (*base).to_owned())).collect(),
        engine: EngineOptions { kv_cache_mb: Some(64), max_adapters, ..EngineOptions::default() },
    });
    (dir, engines)
}

fn ready(engines: &Engines) -> Vec<String> {
    engines.list().into_iter().filter(|model| model.status == Status::Ready).map(|model| model.name).collect()
}

async fn llm(engines: &Engines, name: &str) -> Engine {
    match engines.ready(name).await {
        Ok(Loaded::Llm(engine)) => engine,
        Ok(_) => panic!("{name} writes no text"),
        Err(failure) => panic!("{name}: {failure}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_is_a_model_that_loads_its_base() {
    let (dir, engines) = host(0, 8, &[]);
    let adapter = engines.get("team/b").unwrap();
    let base = engines.get(BUNDLED).unwrap();
    assert_eq!(adapter.parent.as_deref(), Some(BUNDLED));
    assert_eq!((adapter.kind, adapter.features, adapter.context_size), (base.kind, base.features, base.context_size));
    assert_eq!((adapter.architecture, base.parent), (base.architecture, None));
    assert!(
        matches!(&engines.get("lost").unwrap().status, Status::Refused(why) if why.contains("ashlar/LLAMA") && why.contains("--adapter-base lost="))
    );

    let engine = llm(&engines, "team/b").await;
    assert_eq!(ready(&engines), [BUNDLED, "team/b"]);
    assert!(engine.is_of(&llm(&engines, BUNDLED).await) && engine.is_of(&llm(&engines, "a").await), "one model for all");
    let memory = |name: &str| engines.get(name).unwrap().memory_bytes.unwrap();
    assert!(memory("team/b") < memory(BUNDLED) / 10);
    let said = answer(&engine, request(0, 30)).await.text;
    assert_ne!(said, answer(&llm(&engines, BUNDLED).await, request(0, 30)).await.text);

    assert!(engines.unload("a"));
    assert_eq!(ready(&engines), [BUNDLED, "team/b"], "the base stays");
    assert!(engines.unload(BUNDLED));
    assert!(ready(&engines).is_empty(), "its adapters go with it");
    assert_eq!(answer(&llm(&engines, "team/b").await, request(0, 30)).await.text, said, "and come back with it");

    // A broken one fails by itself.
    std::fs::write(dir.path().join("models/a/adapter_model.safetensors"), "torn").unwrap();
    let Err(failure) = engines.ready("a").await else { panic!("it is broken") };
    assert!(failure.to_string().contains("adapter_model.safetensors"), "{failure}");
    assert!(matches!(engines.get("a").unwrap().status, Status::Failed(_)));
    assert_eq!(answer(&llm(&engines, "team/b").await, request(0, 30)).await.text, said);
    std::fs::write(dir.path().join("models/a/adapter_config.json"), r#"{"peft_type": "LORA", "use_dora": true}"#).unwrap();
    assert!(matches!(&engines.get("a").unwrap().status, Status::Refused(why) if why.contains("`use_dora`")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_names_a_base() {
    let (_dir, engines) = host(0, 8, &[("lost", BUNDLED), ("a", "nowhere")]);
    assert_eq!(engines.get("lost").unwrap().parent.as_deref(), Some(BUNDLED));
    assert!(matches!(&engines.get("a").unwrap().status, Status::Refused(why) if why.contains("nowhere")));
    // It is of another model after all.
    let Err(failure) = engines.ready("lost").await else { panic!("it does not fit") };
    assert!(failure.to_string().contains("tensor"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adapter_asked_longest_ago_makes_room() {
    let (_dir, engines) = host(3, 2, &[]);
    drop(llm(&engines, "copy0").await);
    let held = llm(&engines, "copy1").await;
    drop(llm(&engines, "copy0").await);
    drop(llm(&engines, "copy2").await);
    assert_eq!(ready(&engines), [BUNDLED, "copy1", "copy2"], "the older one is in use");
    let other = llm(&engines, "copy2").await;
    let Err(Failure::Overloaded { reason, .. }) = engines.ready("copy0").await else { panic!("all are in use") };
    assert_eq!(reason, "every adapter of ashlar-tiny that may be in memory (2, `--max-adapters`) is in use");
    // A running answer is a use, whoever let go of the handle.
    let generation = held.submit(Request { max_tokens: Some(2000), ..request(0, 30) }).await.unwrap();
    drop((held, other));
    drop(llm(&engines, "copy0").await);
    assert_eq!(ready(&engines), [BUNDLED, "copy0", "copy1"]);
    drop(generation);
}
