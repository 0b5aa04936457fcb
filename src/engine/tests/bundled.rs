//! The bundled model through the whole engine, and a made-up one with experts and latents: pictures in caches, batches,
//! seeds, tool calls.

use std::io::Cursor;
use std::path::Path;

use super::{Answer, MODES, budget, read, tiny};
use crate::engine::request::{Detail, FinishReason, Image, Input, Message, Part, Request, Role, Tool, ToolChoice};
use crate::engine::worker::Mode;
use crate::engine::{Engine, EngineOptions, Limits, models, ops::Backend, shapes};

fn engine(limits: Limits, n_blocks: usize, mode: Mode) -> Engine {
    engine_of(&tiny(), limits, n_blocks, mode)
}

fn engine_of(path: &Path, limits: Limits, n_blocks: usize, mode: Mode) -> Engine {
    let loaded = models::load(path, &Backend::cpu(2)).unwrap();
    Engine::start_with("test", loaded, budget(n_blocks), &EngineOptions::default(), limits, mode).unwrap()
}

/// A square of one colour on white.
fn square(color: [u8; 3]) -> Part {
    let picture = image::RgbImage::from_fn(96, 96, |x, y| match (24..72).contains(&x) && (24..72).contains(&y) {
        true => image::Rgb(color),
        false => image::Rgb([255; 3]),
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    Part::Image(Image { bytes: bytes.into_inner().into(), mime_type: "image/png".to_owned(), detail: Detail::Auto })
}

fn about(color: [u8; 3], question: &str) -> Request {
    let content = vec![square(color), Part::Text(question.to_owned())];
    let mut request = Request::new(Input::Chat(vec![Message { content, ..Message::text(Role::User, "") }]));
    request.max_tokens = Some(24);
    request
}

async fn ask(engine: &Engine, request: Request) -> Answer {
    read(engine.submit(request).await.unwrap()).await.unwrap()
}

const RED: [u8; 3] = [230, 20, 20];
const BLUE: [u8; 3] = [20, 40, 230];
// Longer than a block, so that text and picture fill cacheable blocks.
const QUESTION: &str =
    "Please look at the picture carefully and then tell me, in one word only, what color is the square that you can see?";

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_about_another_picture_are_another_prompt() {
    let engine = engine(Limits::default(), 200, MODES[0]);
    let red = ask(&engine, about(RED, QUESTION)).await;
    let blue = ask(&engine, about(BLUE, QUESTION)).await;
    assert!(red.text.to_lowercase().contains("red"), "{red:?}");
    assert!(blue.text.to_lowercase().contains("blue"), "{blue:?}");
    assert_eq!(blue.done.usage.cached_tokens, 0, "nothing before the picture fills a block");
    let again = ask(&engine, about(RED, QUESTION)).await;
    assert_eq!(again.text, red.text);
    assert!(again.done.usage.cached_tokens >= 32 && again.done.usage.image_tokens > 0);
    assert_eq!(engine.metrics().n_encoder_misses, 2, "a cached picture is not encoded again");
}

#[tokio::test(flavor = "multi_thread")]
async fn company_chunks_and_preemption_change_no_word() {
    check_company_chunks_and_preemption(&tiny()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_with_experts_and_latents() {
    let folder = shapes::folder("kimi-vl-tiny").unwrap().unwrap();
    check_company_chunks_and_preemption(folder.path()).await;
}

async fn check_company_chunks_and_preemption(path: &Path) {
    let requests = || {
        (0..6u8).map(|i| {
            let mut request = about([i * 40, 255 - i * 40, 90], if i % 2 == 0 { QUESTION } else { "图中是什么颜色？" });
            request.sampling.ignore_eos = true;
            request.sampling.temperature = if i < 3 { 0.0 } else { 0.7 };
            request.sampling.seed = Some(u64::from(i));
            request
        })
    };
    let single = engine_of(path, Limits::default(), 200, MODES[0]);
    let mut alone = Vec::new();
    for (i, request) in requests().enumerate() {
        alone.push(ask(&single, Request { cache_salt: i as u128, ..request }).await.text);
    }
    let chunked = Limits { max_step_tokens: 17, max_running: 4, ..Limits::default() };
    for mode in MODES {
        let cases = [("batched", Limits::default(), 200), ("chunked", chunked.clone(), 200), ("preempted", Limits::default(), 16)];
        for (name, limits, n_blocks) in cases {
            let engine = engine_of(path, limits, n_blocks, mode);
            let answers = futures::future::join_all(requests().map(|request| ask(&engine, request))).await;
            let texts: Vec<String> = answers.into_iter().map(|answer| answer.text).collect();
            assert_eq!(texts, alone, "{name}, {mode:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_calls_a_tool_it_must_call() {
    let engines = MODES.map(|mode| engine(Limits::default(), 200, mode));
    let mut request = Request::new(Input::Chat(vec![Message::text(Role::User, "What is the weather in Paris?")]));
    request.tools = vec![Tool {
        name: "get_weather".to_owned(),
        description: "Get the current weather of a city".to_owned(),
        parameters: serde_json::json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    }];
    request.tool_choice = ToolChoice::Required;
    request.max_tokens = Some(100);
    for engine in &engines {
        let answer = ask(engine, request.clone()).await;
        assert_eq!(answer.done.finish_reason, FinishReason::ToolCalls, "{answer:?}");
        assert_eq!(answer.calls[0].name, "get_weather");
        let arguments: serde_json::Value = serde_json::from_str(&answer.calls[0].arguments).unwrap();
        assert!(arguments["city"].is_string());
    }
}
