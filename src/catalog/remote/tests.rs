//! The client against a stand-in provider that answers by script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use serde_json::{Value, json};

use super::*;
use crate::engine::request::{FinishReason, Role};

/// What the stand-in does with one request.
#[derive(Clone)]
struct Script {
    status: u16,
    headers: Vec<(&'static str, String)>,
    chunks: Vec<String>,
    end: End,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Whole,
    /// The connection breaks.
    Broken,
    /// Nothing more comes.
    Silence,
}

impl Script {
    fn stream(chunks: &[&str]) -> Self {
        let headers = vec![("content-type", "text/event-stream".to_owned())];
        Self { status: 200, headers, chunks: chunks.iter().map(|c| (*c).to_owned()).collect(), end: End::Whole }
    }

    fn json(status: u16, body: Value) -> Self {
        Self { status, headers: vec![("content-type", "application/json".to_owned())], chunks: vec![body.to_string()], end: End::Whole }
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn end(self, end: End) -> Self {
        Self { end, ..self }
    }
}

#[derive(Clone)]
struct StandIn {
    scripts: Arc<Mutex<VecDeque<Script>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    /// Set when a response body is dropped, by the client or at its end.
    dropped: Arc<tokio::sync::Notify>,
    url: Url,
}

struct Call {
    path: String,
    authorization: Option<String>,
    body: Value,
}

impl StandIn {
    async fn start(scripts: Vec<Script>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
        let stand_in = Self { scripts: Arc::new(Mutex::new(scripts.into())), calls: Arc::default(), dropped: Arc::default(), url };
        let router = Router::new().fallback(answer).with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        stand_in
    }

    fn model(&self, max_retries: u32) -> RemoteModel {
        let endpoint = Endpoint {
            http: Outbound::new(&["127.0.0.0/8".parse().unwrap()]).unwrap(),
            base_url: self.url.clone(),
            api_key: Some("sk-secret".into()),
            timeout: Duration::from_millis(400),
            max_retries,
        };
        RemoteModel {
            provider: "p".into(),
            name: "m".into(),
            kind: Kind::Llm,
            features: Features::default(),
            context_size: 1000,
            prices: Prices::default(),
            endpoint: Arc::new(endpoint),
        }
    }

    fn n_calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

struct OnDrop(Arc<tokio::sync::Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn answer(State(stand_in): State<StandIn>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    stand_in.calls.lock().unwrap().push(Call {
        path: uri.path().to_owned(),
        authorization: headers.get("authorization").map(|v| v.to_str().unwrap().to_owned()),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let script = stand_in.scripts.lock().unwrap().pop_front().expect("a script for every call");
    let dropped = OnDrop(stand_in.dropped.clone());
    let body = async_stream::stream! {
        let _dropped = dropped;
        for chunk in script.chunks {
            yield Ok::<_, std::io::Error>(Bytes::from(chunk));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        match script.end {
            End::Whole => {}
            End::Broken => yield Err(std::io::Error::other("broken")),
            End::Silence => std::future::pending::<()>().await,
        }
    };
    let mut response = Response::builder().status(script.status);
    for (name, value) in script.headers {
        response = response.header(name, value);
    }
    response.body(Body::from_stream(body)).unwrap()
}

fn hello() -> Request {
    Request::new(Input::Chat(vec![Message::text(Role::User, "Hello")]))
}

async fn text_of(generation: Generation) -> Result<(String, crate::engine::request::Done), Failure> {
    let mut text = String::new();
    let mut generation = generation;
    while let Some(event) = generation.next().await {
        match event? {
            Event::Text { text: piece, .. } => text.push_str(&piece),
            Event::Done(done) => return Ok((text, done)),
            Event::ToolCall(call) => text.push_str(&call.name),
            Event::Image(_) => {}
        }
    }
    panic!("a generation ends with Done or a failure; got {text:?}");
}

const HI: &str = "data: {\"choices\": [{\"delta\": {\"content\": \"Hi\"}}]}\n\n";
const STOP: &str = "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 5, \"completion_tokens\": 1}}\n\n";

#[tokio::test]
async fn streams_whatever_the_chunks() {
    let split =
        ["data: {\"choices\": [{\"del", "ta\": {\"content\": \"H", "i\"}}]}\r", "\n\r\n: ping\n\n", STOP, USAGE, "data: [DONE]\n\n"];
    let stand_in = StandIn::start(vec![Script::stream(&split)]).await;
    let (text, done) = text_of(stand_in.model(0).generate(hello()).await.unwrap()).await.unwrap();
    assert_eq!((text.as_str(), done.finish_reason, done.usage.prompt_tokens), ("Hi", FinishReason::Stop, 5));
    let calls = stand_in.calls.lock().unwrap();
    assert_eq!(calls[0].path, "/v1/chat/completions");
    assert_eq!(calls[0].authorization.as_deref(), Some("Bearer sk-secret"));
    assert_eq!(calls[0].body["messages"][0]["content"], "Hello");
    assert!(done.timing.time_to_first_token_s > 0.0 && done.timing.total_s >= done.timing.time_to_first_token_s);
}

#[tokio::test]
async fn an_answer_without_streaming_is_taken() {
    let body = json!({"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 1}});
    let stand_in = StandIn::start(vec![Script::json(200, body)]).await;
    assert_eq!(text_of(stand_in.model(0).generate(hello()).await.unwrap()).await.unwrap().0, "Hi");
}

#[tokio::test]
async fn a_busy_provider_is_asked_again() {
    let busy = |status| Script::json(status, json!({"error": {"message": "busy"}}));
    let stand_in = StandIn::start(vec![busy(503), busy(429).header("retry-after", "0.1"), Script::stream(&[HI, STOP])]).await;
    let started = Instant::now();
    assert_eq!(text_of(stand_in.model(2).generate(hello()).await.unwrap()).await.unwrap().0, "Hi");
    assert_eq!(stand_in.n_calls(), 3);
    assert!(started.elapsed() > Duration::from_millis(300), "pauses between tries");

    let stand_in = StandIn::start(vec![busy(429), busy(429)]).await;
    let failure = stand_in.model(1).generate(hello()).await.err().unwrap();
    assert!(matches!(&failure, Failure::Provider { status: Some(429), message } if message.contains("busy")), "{failure}");
    assert_eq!(Error::from(failure).code, crate::error::Code::RateLimit);
}

#[tokio::test]
async fn a_long_pause_is_not_waited_for() {
    let stand_in = StandIn::start(vec![Script::json(429, json!({})).header("retry-after", "3600")]).await;
    assert!(stand_in.model(5).generate(hello()).await.is_err());
    assert_eq!(stand_in.n_calls(), 1);
}

#[tokio::test]
async fn a_refusal_is_final_and_never_shows_the_key() {
    let body = json!({"error": {"message": "Incorrect API key provided: sk-secret.", "code": "invalid_api_key"}});
    let stand_in = StandIn::start(vec![Script::json(401, body)]).await;
    let failure = stand_in.model(3).generate(hello()).await.err().unwrap();
    assert_eq!(failure.to_string(), "The model provider answered 401 Unauthorized: Incorrect API key provided: ***.");
    assert_eq!(stand_in.n_calls(), 1);
    assert_eq!(Error::from(failure).code, crate::error::Code::ProviderNotInitialized);
}

#[tokio::test]
async fn what_breaks_before_the_first_token_is_tried_again_and_after_it_fails() {
    let role = "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"\"}}]}\n\n";
    let early = Script::stream(&[role]).end(End::Broken);
    let late = Script::stream(&[HI]).end(End::Broken);
    let stand_in = StandIn::start(vec![early, late]).await;
    let mut generation = stand_in.model(3).generate(hello()).await.unwrap();
    assert!(matches!(generation.next().await, Some(Ok(Event::Text { .. }))));
    assert!(matches!(generation.next().await, Some(Err(Failure::Provider { .. }))));
    assert!(generation.next().await.is_none());
    assert_eq!(stand_in.n_calls(), 2);
}

#[tokio::test]
async fn an_answer_cut_short_is_a_failure() {
    let stand_in = StandIn::start(vec![Script::stream(&[HI, "data: [DONE]\n\n"])]).await;
    let failure = text_of(stand_in.model(0).generate(hello()).await.unwrap()).await.unwrap_err();
    assert!(failure.to_string().contains("before the answer was finished"), "{failure}");
}

#[tokio::test]
async fn silence_ends_in_a_failure() {
    let stand_in = StandIn::start(vec![Script::stream(&[]).end(End::Silence), Script::stream(&[HI]).end(End::Silence)]).await;
    let started = Instant::now();
    let failure = stand_in.model(0).generate(hello()).await.err().unwrap();
    assert!(failure.to_string().contains("sent nothing for 400 ms"), "{failure}");
    let failure = text_of(stand_in.model(0).generate(hello()).await.unwrap()).await.unwrap_err();
    assert!(failure.to_string().contains("sent nothing for 400 ms"), "{failure}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn dropping_the_generation_hangs_up() {
    let mut script = Script::stream(&[]);
    script.chunks = vec![HI.to_owned(); 10_000];
    let stand_in = StandIn::start(vec![script]).await;
    let mut generation = stand_in.model(0).generate(hello()).await.unwrap();
    generation.next().await.unwrap().unwrap();
    drop(generation);
    tokio::time::timeout(Duration::from_secs(5), stand_in.dropped.notified()).await.expect("the provider sees the client leave");
}

#[tokio::test]
async fn private_addresses_need_permission() {
    let mut model = StandIn::start(vec![]).await.model(2);
    Arc::get_mut(&mut model.endpoint).unwrap().http = Outbound::new(&[]).unwrap();
    let failure = model.generate(hello()).await.err().unwrap();
    assert!(failure.to_string().contains("--allow-network"), "{failure}");
}

#[tokio::test]
async fn embeddings_come_back_in_order() {
    let page = |n: usize| {
        let data: Vec<_> = (0..n).rev().map(|i| json!({"index": i, "embedding": [i as f32, 1.0]})).collect();
        Script::json(200, json!({"data": data, "usage": {"prompt_tokens": 2 * n}}))
    };
    let stand_in = StandIn::start(vec![page(32), page(8)]).await;
    let embedded = stand_in.model(0).embed(vec![String::from("x").into(); 40]).await.unwrap();
    assert_eq!((embedded.vectors.len(), embedded.n_tokens), (40, 80));
    assert_eq!((embedded.vectors[31][0], embedded.vectors[33][0]), (31.0, 1.0));

    let stand_in = StandIn::start(vec![page(1)]).await;
    assert!(stand_in.model(0).embed(vec![String::from("x").into(); 2]).await.err().unwrap().to_string().contains("fewer vectors"));
}

#[tokio::test]
async fn lists_models_and_says_when_it_is_no_provider() {
    let stand_in = StandIn::start(vec![
        Script::json(200, json!({"object": "list", "data": [{"id": "a"}, {"id": "b"}]})),
        Script::json(200, json!({"hello": 1})),
        Script { headers: vec![("content-type", "text/html".into())], ..Script::stream(&["<html>"]) },
    ])
    .await;
    let endpoint = stand_in.model(0).endpoint;
    assert_eq!(endpoint.list_models().await.unwrap(), ["a", "b"]);
    assert!(endpoint.list_models().await.unwrap_err().to_string().contains("no list of models"));
    assert!(endpoint.list_models().await.unwrap_err().to_string().contains("not JSON"));
}

#[tokio::test]
async fn reranked_scores_stand_in_the_documents_order() {
    let body = json!({"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]});
    let stand_in = StandIn::start(vec![Script::json(200, body), Script::json(200, json!({"results": []}))]).await;
    let documents = ["a".to_owned(), "b".to_owned()];
    assert_eq!(stand_in.model(0).rerank("q", &documents).await.unwrap().scores, [0.1, 0.9]);
    assert!(stand_in.model(0).rerank("q", &documents).await.is_err());
}
