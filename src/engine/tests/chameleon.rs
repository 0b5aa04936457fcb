//! Pictures in answers, on the CPU and on a GPU where there is one, with a tiny Chameleon (`tools/goldens/chameleon.py`): 64 codes a picture, 512 positions.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Answer, MODES, budget, read};
use crate::engine::models::{self, CausalModel, Model, chameleon::Pictures};
use crate::engine::ops::cache::{BLOCK_SIZE, KvCache};
use crate::engine::ops::{Backend, Device, DeviceOptions};
use crate::engine::request::{
    Detail, Event, Failure, FinishReason, Format, Guidance, Image, Input, Message, Modalities, Part, Request, Role, Sampling,
};
use crate::engine::sequence::SequenceId;
use crate::engine::worker::{Command, Mode, Output};
use crate::engine::{Engine, EngineOptions, Handle, Limits, batch::Batch};

const N_CODES: usize = 64;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

fn loaded() -> models::Loaded {
    models::load(&folder("chameleon"), &Backend::cpu(1)).unwrap()
}

fn engine(n_blocks: usize, limits: Limits, mode: Mode) -> Engine {
    Engine::start_with("test", loaded(), budget(n_blocks), &EngineOptions::default(), limits, mode).unwrap()
}

fn roomy() -> Engine {
    engine(200, Limits::default(), MODES[0])
}

fn ask(text: &str, modalities: Modalities) -> Request {
    Request { modalities, ..Request::new(Input::Chat(vec![Message::text(Role::User, text)])) }
}

fn warm(seed: u64) -> Sampling {
    Sampling { temperature: 0.7, top_p: 0.9, repetition_penalty: 1.2, seed: Some(seed), ..Sampling::default() }
}

fn picture() -> Image {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/green-star.png");
    Image { bytes: std::fs::read(path).unwrap().into(), mime_type: "image/png".into(), detail: Detail::Auto }
}

/// A question about a picture.
fn look(text: &str, modalities: Modalities) -> Request {
    let content = vec![Part::Image(picture()), Part::Text(text.to_owned())];
    let message = Message { content, ..Message::text(Role::User, "") };
    Request { modalities, ..Request::new(Input::Chat(vec![message])) }
}

async fn answer(engine: &Engine, request: Request) -> Answer {
    read(engine.submit(request).await.unwrap()).await.unwrap()
}

/// Logits of the last of these tokens, nothing cached.
fn logits(model: &dyn CausalModel, ids: &[u32]) -> Vec<f32> {
    all_logits(model, ids, 1).remove(0)
}

/// Logits of the last `n` of these tokens, nothing cached.
fn all_logits(model: &dyn CausalModel, ids: &[u32], n_logits: u32) -> Vec<Vec<f32>> {
    let n_blocks = ids.len().div_ceil(BLOCK_SIZE);
    let mut cache = KvCache::new(&Backend::cpu(1), model.info().cache_shape(), n_blocks).unwrap();
    let n = ids.len() as u32;
    let batch = Batch {
        ids: ids.iter().map(|id| *id as i32).collect(),
        positions: (0..n).map(|i| [i; 3]).collect(),
        cu_seqlens: vec![0, n],
        context_lens: vec![n],
        slot_mapping: (0..n).collect(),
        block_tables: vec![(0..n_blocks as u32).collect()],
        logit_rows: (n - n_logits..n).collect(),
        visual: Vec::new(),
        adapters: Vec::new(),
    };
    model.forward(&batch, &mut cache).unwrap().to_rows().unwrap()
}

/// The three prompts that decide a picture: the whole one, its pictures alone, and nothing.
fn three_prompts(pictures: &Pictures, prompt: &[u32]) -> [Vec<u32>; 3] {
    let vocabulary = &pictures.vocabulary;
    let marks = [vocabulary.bos, vocabulary.begin_image, vocabulary.end_image];
    let wordless = prompt.iter().copied().filter(|id| marks.contains(id) || vocabulary.code(*id).is_some()).collect();
    [prompt.to_vec(), wordless, vec![vocabulary.bos, vocabulary.begin_image]]
}

/// The picture behind a prompt that ends with a begin mark, by the formula, one whole sequence at a time.
fn by_hand(model: &dyn CausalModel, pictures: &Pictures, prompt: &[u32], Guidance { image, text }: Guidance) -> Vec<u32> {
    let vocabulary = &pictures.vocabulary;
    let [mut full, mut wordless, mut none] = three_prompts(pictures, prompt);
    let mut codes = Vec::new();
    for _ in 0..N_CODES {
        let [f, i, u] = [&full, &wordless, &none].map(|ids| logits(model, ids));
        let guided = |id: u32| {
            let id = id as usize;
            u[id] + image * (i[id] - u[id]) + text * (f[id] - i[id])
        };
        let mut ids = vocabulary.code_ids().to_vec();
        ids.sort_unstable();
        let best = ids.into_iter().reduce(|best, id| if guided(id) > guided(best) { id } else { best }).unwrap();
        [&mut full, &mut wordless, &mut none].into_iter().for_each(|ids| ids.push(best));
        codes.push(best);
    }
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_what_three_prompts_together_say() {
    let loaded = loaded();
    let (Model::Causal(model), Some(pictures)) = (&loaded.model, &loaded.pictures) else { panic!("no chat model with pictures") };
    let tokenizer = &loaded.tokenizer;
    let vocabulary = &pictures.vocabulary;
    let turn = |ids: Vec<u32>| [vec![vocabulary.bos], ids, vec![vocabulary.end_of_turn.unwrap(), vocabulary.begin_image]].concat();
    let words = tokenizer.encode("a red square", false).unwrap();
    let seen = pictures.encode("picture", &picture()).unwrap();
    let engine = roomy();
    for guidance in [Guidance::default(), Guidance::NONE, Guidance { image: 2.0, text: 1.5 }] {
        for (prompt, request) in [
            (turn(words.clone()), ask("a red square", Modalities::Image)),
            (turn([&seen[..], &words].concat()), look("a red square", Modalities::Image)),
        ] {
            let codes = by_hand(model.as_ref(), pictures, &prompt, guidance);
            let answer = answer(&engine, Request { guidance, ..request }).await;
            assert_eq!(answer.images, [pictures.decode(&codes).unwrap()], "{guidance:?}");
            assert_eq!((answer.text.as_str(), answer.done.finish_reason), ("", FinishReason::Stop));
            let usage = answer.done.usage;
            assert_eq!((usage.prompt_tokens as usize, usage.completion_tokens as usize), (prompt.len(), N_CODES + 1));
            assert_eq!(usage.image_tokens as usize, if prompt.len() > 60 { pictures.n_tokens() } else { 0 });
        }
    }
}

fn workload() -> Vec<Request> {
    let begin = loaded().pictures.unwrap().vocabulary.begin_image;
    let often = vec![(begin, 3.0)];
    let mut all = Vec::new();
    for seed in 0..3 {
        let sampling = warm(seed);
        let eager = Sampling { logit_bias: often.clone(), ..sampling.clone() };
        all.extend([
            Request { sampling: sampling.clone(), max_tokens: Some(60), ..ask("words", Modalities::Text) },
            Request { sampling: sampling.clone(), ..ask("a picture", Modalities::Image) },
            Request { sampling: sampling.clone(), ..look("another one", Modalities::Image) },
            Request { sampling: eager.clone(), max_tokens: Some(230), ..ask("both", Modalities::TextAndImages) },
            Request { sampling: eager, max_tokens: Some(150), guidance: Guidance::NONE, ..look("both", Modalities::TextAndImages) },
        ]);
    }
    all
}

fn said(answers: &[Answer]) -> Vec<(String, Vec<Image>, FinishReason)> {
    answers.iter().map(|a| (a.text.clone(), a.images.clone(), a.done.finish_reason)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_changes_what_is_drawn_from_a_seed() {
    let requests = workload();
    let mut alone = Vec::new();
    for (i, request) in requests.iter().enumerate() {
        alone.push(answer(&roomy(), Request { cache_salt: i as u128, ..request.clone() }).await);
    }
    assert!(alone.iter().any(|a| a.images.len() > 1 && !a.text.is_empty()), "words and pictures in turn");
    let pictures: std::collections::HashSet<_> = alone.iter().flat_map(|a| &a.images).map(|image| image.bytes.clone()).collect();
    assert!(pictures.len() > 12, "other seeds and prompts give other pictures");
    let alone = said(&alone);
    for mode in MODES {
        for (name, n_blocks, limits) in [
            ("batched", 400, Limits::default()),
            ("in chunks", 400, Limits { max_step_tokens: 20, max_running: 12, ..Limits::default() }),
            ("preempted", 40, Limits::default()),
        ] {
            let engine = engine(n_blocks, limits, mode);
            let all = requests.iter().map(|request| answer(&engine, request.clone()));
            assert_eq!(said(&futures::future::join_all(all).await), alone, "{name}, {mode:?}");
            assert!(engine.metrics().n_preempted > 0 || name != "preempted", "the pool was too large to test preemption");
            let again = answer(&engine, requests[2].clone()).await;
            assert_eq!(said(std::slice::from_ref(&again))[0], alone[2], "with a cached prefix, {mode:?}");
            assert!(again.done.usage.cached_tokens >= 64 || name == "preempted");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_begins_only_where_it_is_wanted_and_has_room() {
    let engine = roomy();
    let begin = loaded().pictures.unwrap().vocabulary.begin_image;
    let sampling = Sampling { logit_bias: vec![(begin, 100.0)], ..Sampling::default() };
    let words = answer(&engine, Request { sampling: sampling.clone(), max_tokens: Some(40), ..ask("hi", Modalities::Text) }).await;
    assert!(words.images.is_empty());
    let n_picture = N_CODES as u32 + 2;
    for (max_tokens, n) in [(n_picture - 1, 0), (n_picture, 1), (2 * n_picture + 10, 2)] {
        let sampling = Sampling { ignore_eos: true, ..sampling.clone() };
        let both = answer(&engine, Request { sampling, max_tokens: Some(max_tokens), ..ask("hi", Modalities::TextAndImages) }).await;
        assert_eq!((both.images.len(), both.done.usage.completion_tokens), (n, max_tokens));
        assert_eq!(both.done.finish_reason, FinishReason::Length);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_before_a_picture_come_before_it() {
    let loaded = loaded();
    let (letter, begin) = (loaded.tokenizer.id("a").unwrap(), loaded.pictures.unwrap().vocabulary.begin_image);
    // The letter first; said once it is less likely than a picture.
    let sampling = Sampling { logit_bias: vec![(letter, 60.0), (begin, 50.0)], frequency_penalty: 2.0, ..Sampling::default() };
    let request = Request {
        // The letter may be the beginning of the stop string: it is held back.
        stop: vec!["aaaaaaaaaaaaaaaaaaaaaaaaaab".into()],
        max_tokens: Some(100),
        sampling,
        ..ask("hi", Modalities::TextAndImages)
    };
    let mut generation = roomy().submit(request).await.unwrap();
    let (mut before, mut n_images) = (String::new(), 0);
    while let Some(event) = generation.next().await {
        match event.unwrap() {
            Event::Text { text, .. } if n_images == 0 => before.push_str(&text),
            Event::Image(_) => n_images += 1,
            _ => {}
        }
    }
    assert!(n_images == 1 && !before.is_empty() && before.chars().all(|c| c == 'a'), "{n_images} behind {before:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_in_the_middle_of_a_picture_leaves_nothing_behind() {
    for mode in MODES {
        let engine = engine(200, Limits::default(), mode);
        let generations = [ask("a", Modalities::Image), look("b", Modalities::Image)].map(|request| engine.submit(request));
        let generations = futures::future::join_all(generations).await;
        let is_idle = |m: crate::engine::Snapshot| m.n_running == 0 && m.n_used_blocks == 0 && m.n_waiting == 0;
        drop(generations);
        let started = std::time::Instant::now();
        while !is_idle(engine.metrics()) || engine.metrics().n_cancelled + engine.metrics().n_finished < 2 {
            assert!(started.elapsed().as_secs() < 20, "{:?}", engine.metrics());
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_drawn_is_refused() {
    let refusal = async |engine: &Engine, request: Request| match engine.submit(request).await {
        Err(failure) => failure.to_string(),
        Ok(_) => panic!("not refused"),
    };
    let engine = roomy();
    let image = ask("x", Modalities::Image);
    assert!(refusal(&engine, Request { format: Format::JsonObject, ..image.clone() }).await.contains("modalities"));
    assert!(refusal(&engine, Request { max_tokens: Some(70), ..image.clone() }).await.contains("max_tokens"));
    assert!(matches!(engine.submit(ask(&"long ".repeat(95), Modalities::Image)).await, Err(Failure::ContextOverflow { .. })));
    let hand_written = Request::new(Input::Text("<image>".into()));
    assert!(refusal(&engine, hand_written).await.contains("placeholders"));

    // With a cache for one sequence alone there are words, but no pictures.
    let narrow = self::engine(16, Limits::default(), MODES[0]);
    let begin = loaded().pictures.unwrap().vocabulary.begin_image;
    let eager = Sampling { logit_bias: vec![(begin, 100.0)], ignore_eos: true, ..Sampling::default() };
    let long = "word ".repeat(40);
    let words = answer(&narrow, Request { sampling: eager, max_tokens: Some(80), ..ask(&long, Modalities::TextAndImages) }).await;
    assert_eq!((words.images.len(), words.done.usage.completion_tokens), (0, 80));
    assert!(matches!(narrow.submit(ask(&long, Modalities::Image)).await, Err(Failure::ContextOverflow { .. })));

    let device = DeviceOptions { device: Device::Cpu, threads: Some(1), ..DeviceOptions::default() };
    let options = EngineOptions { device, ..EngineOptions::default() };
    let blind = Engine::load(&folder("chameleon_swin"), &options).unwrap();
    assert_eq!((blind.picture_size(), engine.picture_size()), (None, Some(32)));
    assert!(refusal(&blind, image.clone()).await.contains("model.vqmodel.decoder"));
    let tiny = Engine::load(&super::tiny(), &options).unwrap();
    assert!(refusal(&tiny, image).await.contains("text only"));
}

/// The first picture of an answer, as the engine thread hands it out.
async fn codes_of(engine: &Engine, request: Request) -> Vec<u32> {
    let Handle { shared, commands, .. } = &*engine.0;
    let id = SequenceId(shared.next_id.fetch_add(1, Ordering::Relaxed));
    let (mut job, _generation) = shared.prepare(id, request, None, Instant::now(), shared.metrics.queue_slot().unwrap(), None).unwrap();
    let (events, mut handed_out) = tokio::sync::mpsc::channel(1024);
    job.events = events;
    commands.send(Command::Run(Box::new(job))).unwrap();
    while let Some(output) = handed_out.recv().await {
        if let Output::Picture(ids) = output.unwrap() {
            return ids;
        }
    }
    panic!("no picture came");
}

/// Each code that a GPU takes is as good as the best, by what the CPU says of all three prompts with the codes before it.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_drawn_on_a_gpu() {
    let device = DeviceOptions { device: Device::Cuda, ..DeviceOptions::default() };
    if let Err(error) = Backend::open(&device) {
        return eprintln!("skipped, no GPU to run on: {error}");
    }
    let options = EngineOptions { device, kv_cache_mb: Some(64), ..EngineOptions::default() };
    let engine = Engine::load(&folder("chameleon"), &options).unwrap();
    let loaded = loaded();
    let (Model::Causal(model), Some(pictures)) = (&loaded.model, &loaded.pictures) else { panic!("no chat model with pictures") };
    let vocabulary = &pictures.vocabulary;
    let words = loaded.tokenizer.encode("a red square", false).unwrap();
    let turn = |ids: &[u32]| [&[vocabulary.bos], ids, &[vocabulary.end_of_turn.unwrap(), vocabulary.begin_image]].concat();
    let seen = [&pictures.encode("picture", &picture()).unwrap()[..], &words].concat();
    for guidance in [Guidance::default(), Guidance::NONE, Guidance { image: 2.0, text: 1.5 }] {
        for (prompt, request) in
            [(turn(&words), ask("a red square", Modalities::Image)), (turn(&seen), look("a red square", Modalities::Image))]
        {
            let codes = codes_of(&engine, Request { guidance, ..request }).await;
            assert_eq!(codes.len(), N_CODES);
            let [full, wordless, none] = three_prompts(pictures, &prompt).map(|prompt| {
                let behind = [&prompt[..], &codes[..N_CODES - 1]].concat();
                all_logits(model.as_ref(), &behind, N_CODES as u32)
            });
            for (i, code) in codes.iter().enumerate() {
                let guided = |id: &u32| {
                    let [f, m, u] = [&full, &wordless, &none].map(|rows| rows[i][*id as usize]);
                    u + guidance.image * (m - u) + guidance.text * (f - m)
                };
                let all: Vec<f32> = vocabulary.code_ids().iter().map(guided).collect();
                let best = all.iter().copied().fold(f32::MIN, f32::max);
                let mean = all.iter().sum::<f32>() / all.len() as f32;
                assert!(best - guided(code) < 0.1 * (best - mean), "{guidance:?}, code {i}: {} of {best}, mean {mean}", guided(code));
            }
        }
    }

    let drawn = |seed: u64| Request { sampling: warm(seed), ..look("another one", Modalities::Image) };
    let first = codes_of(&engine, drawn(3)).await;
    assert!(first.iter().all(|id| vocabulary.code(*id).is_some()), "nothing but codes");
    assert_eq!(codes_of(&engine, drawn(3)).await, first, "the same seed draws the same");
    assert_ne!(codes_of(&engine, drawn(4)).await, first, "another seed draws another");
    for answer in futures::future::join_all(workload().into_iter().map(|request| answer(&engine, request))).await {
        let n_codes: usize = answer.images.len() * (N_CODES + 1);
        assert!(answer.done.usage.completion_tokens as usize >= n_codes && answer.images.iter().all(|image| !image.bytes.is_empty()));
    }
    assert!(engine.metrics().n_overlapped_steps > 100, "steps of groups are launched ahead");
}
