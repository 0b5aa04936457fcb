//! Models for tests of what is built on models: the bundled one, and one behind a provider that follows a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Json, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Model, RemoteModel, resolve_local};
use crate::engine::EngineOptions;
use crate::engine::host::{DEFAULT, Engines, Features, HostOptions};

/// The model inside the binary, in an engine of its own.
pub fn bundled() -> Model {
    let nowhere = std::env::temp_dir().join("ashlar-tests-without-models");
    let engine = EngineOptions { kv_cache_mb: Some(64), ..EngineOptions::default() };
    let engines = Engines::new(HostOptions {
        models_dir: nowhere.clone(),
        data_dir: nowhere,
        default_model: None,
        adapter_bases: Vec::new(),
        engine,
    });
    resolve_local(&engines, DEFAULT).expect("it is bundled")
}

/// What the provider does with one request.
#[derive(Debug, Clone)]
pub enum Turn {
    /// Writes these pieces.
    Says(Vec<&'static str>),
    /// Writes a text and calls tools: name and arguments.
    Calls(&'static str, Vec<(&'static str, Value)>),
    Fails(u16),
}

/// The bodies of the calls so far.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<Value>>>);

impl Calls {
    pub fn all(&self) -> Vec<Value> {
        self.0.lock().expect("no test panics with it").clone()
    }

    /// Role and text of the messages of the last one.
    pub fn last_messages(&self) -> Vec<(String, String)> {
        let last = self.all().pop().expect("a call");
        let text = |content: &Value| match content {
            Value::Array(parts) => parts.iter().map(|p| p["text"].as_str().unwrap_or("[picture]")).collect::<Vec<_>>().join("|"),
            content => content.as_str().unwrap_or_default().to_owned(),
        };
        let messages = last["messages"].as_array().expect("a chat").iter();
        messages.map(|m| (m["role"].as_str().unwrap_or_default().to_owned(), text(&m["content"]))).collect()
    }
}

#[derive(Clone)]
struct Script {
    turns: Arc<Mutex<VecDeque<Turn>>>,
    calls: Calls,
}

pub fn features(names: &[&str]) -> Features {
    let has = |name| names.contains(&name);
    Features { vision: has("vision"), tools: has("tools"), structured_output: has("structured_output"), ..Features::default() }
}

/// A model that answers one turn after the other.
pub async fn scripted(features: Features, context_size: usize, turns: Vec<Turn>) -> (Model, Calls) {
    let script = Script { turns: Arc::new(Mutex::new(turns.into())), calls: Calls::default() };
    let router = Router::new().fallback(answer).with_state(script.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Model::Remote(RemoteModel::for_tests(&url, features, context_size)), script.calls)
}

async fn answer(State(script): State<Script>, uri: Uri, Json(body): Json<Value>) -> Response {
    script.calls.0.lock().expect("no test panics with it").push(body);
    let turn = script.turns.lock().expect("no test panics with it").pop_front().expect("a turn for every call");
    let chunk = |delta: Value, finish: Option<&str>| {
        // chats come as deltas, plain completions as text
        let choice = match uri.path().ends_with("/chat/completions") {
            true => json!({"index": 0, "delta": delta, "finish_reason": finish}),
            false => json!({"index": 0, "text": delta["content"], "finish_reason": finish}),
        };
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let mut chunks = match turn {
        Turn::Fails(status) => {
            let error = json!({"error": {"message": "No.", "type": "server_error"}});
            return (StatusCode::from_u16(status).expect("a status"), axum::Json(error)).into_response();
        }
        Turn::Says(pieces) => {
            let mut chunks: Vec<String> = pieces.iter().map(|piece| chunk(json!({"content": piece}), None)).collect();
            chunks.push(chunk(json!({}), Some("stop")));
            chunks
        }
        Turn::Calls(text, calls) => {
            let mut chunks = vec![chunk(json!({"content": text}), None)];
            for (i, (name, arguments)) in calls.iter().enumerate() {
                let function = json!({"name": name, "arguments": arguments.to_string()});
                let call = json!({"index": i, "id": format!("call_{i}"), "type": "function", "function": function});
                chunks.push(chunk(json!({"tool_calls": [call]}), None));
            }
            chunks.push(chunk(json!({}), Some("tool_calls")));
            chunks
        }
    };
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15});
    chunks.push(format!("data: {}\n\n", json!({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage})));
    chunks.push("data: [DONE]\n\n".to_owned());
    let stream = futures::stream::iter(chunks.into_iter().map(Ok::<_, std::convert::Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}
