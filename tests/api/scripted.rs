//! A provider that follows a script: an OpenAI-compatible server on a port of its own. What it writes depends on the
//! model's name: `echo` repeats the question word by word, `slow` goes on for 20 s, `broken` breaks off, `busy` is busy,
//! `long` finds every prompt too long, `caller` calls the calculator before it answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Json, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// Name of the provider in the workspace it was added to.
pub const PROVIDER: &str = "scripted";

/// What a question for a title says.
pub const TITLE: &str = "Write a short title";

pub struct Provider {
    /// Bodies of the calls so far.
    pub calls: Arc<Mutex<Vec<Value>>>,
}

impl Provider {
    /// Starts the server and adds it to the workspace.
    pub async fn start(db: &PgPool, workspace_id: Uuid) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new().route("/v1/chat/completions", post(complete)).with_state(Arc::clone(&calls));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let id = Uuid::now_v7();
        sqlx::query("insert into providers (id, workspace_id, name, base_url, max_retries) values ($1, $2, $3, $4, 0)")
            .bind(id)
            .bind(workspace_id)
            .bind(PROVIDER)
            .bind(&url)
            .execute(db)
            .await
            .unwrap();
        for (model, context_size) in
            [("echo", 8192), ("small", 64), ("slow", 8192), ("broken", 8192), ("busy", 8192), ("long", 8192), ("caller", 8192)]
        {
            sqlx::query(
                "insert into provider_models (id, workspace_id, provider_id, name, kind, context_size, features, prompt_unit_price, completion_unit_price)
                 values ($1, $2, $3, $4, 'llm', $5, '{vision,tools}', 2, 10)",
            )
            .bind(Uuid::now_v7())
            .bind(workspace_id)
            .bind(id)
            .bind(model)
            .bind(context_size)
            .execute(db)
            .await
            .unwrap();
        }
        Self { calls }
    }

    pub fn calls(&self) -> Vec<Value> {
        self.calls.lock().unwrap().clone()
    }
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

async fn complete(State(calls): State<Arc<Mutex<Vec<Value>>>>, Json(body): Json<Value>) -> Response {
    calls.lock().unwrap().push(body.clone());
    let model = body["model"].as_str().unwrap().to_owned();
    if model == "busy" {
        let error = json!({"error": {"message": "Slow down.", "type": "rate_limit_error"}});
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")], axum::Json(error)).into_response();
    }
    if model == "long" {
        let error = json!({"error": {"message": "Too long.", "type": "invalid_request_error", "code": "context_length_exceeded"}});
        return (StatusCode::BAD_REQUEST, axum::Json(error)).into_response();
    }
    let messages = body["messages"].as_array().unwrap();
    let calls_tool = model == "caller" && body.get("tools").is_some() && messages.last().unwrap()["role"] != "tool";
    let question = text_of(&messages.last().unwrap()["content"]);
    let words: Vec<String> = match model.as_str() {
        _ if body.get("response_format").is_some_and(|f| f["type"] == "json_schema") => {
            vec!["[\"One?\", \"Two?\",".into(), " \"Three?\"]".into()]
        }
        _ if question.contains(TITLE) => vec!["\"A scripted title\"".into()],
        "caller" if calls_tool => vec!["Let me compute.".into()],
        "caller" => vec!["It is ".into(), "42.".into()],
        "slow" => (0..400).map(|n| format!("word{n} ")).collect(),
        _ => question.split_inclusive(' ').map(str::to_owned).collect(),
    };
    let usage = json!({"prompt_tokens": 11, "completion_tokens": words.len(), "total_tokens": 11 + words.len()});
    let stream = async_stream::stream! {
        let chunk = |delta: Value, finish: Value| json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        for (n, word) in words.iter().enumerate() {
            if model == "slow" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if model == "broken" && n == 2 {
                // so that what was written is on its way
                tokio::time::sleep(Duration::from_millis(100)).await;
                yield Err(std::io::Error::other("cut"));
                return;
            }
            yield Ok(format!("data: {}\n\n", chunk(json!({"content": word}), Value::Null)));
        }
        if calls_tool {
            let function = json!({"name": "eval_expression", "arguments": "{\"expression\": \"6*7\"}"});
            let call = json!({"index": 0, "id": "call_1", "type": "function", "function": function});
            yield Ok(format!("data: {}\n\n", chunk(json!({"tool_calls": [call]}), Value::Null)));
        }
        yield Ok(format!("data: {}\n\n", chunk(json!({}), json!("stop"))));
        yield Ok(format!("data: {}\n\n", json!({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage})));
        yield Ok("data: [DONE]\n\n".to_owned());
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

/// An app of the workspace that answers with `model`, with `config` in its draft and published, and its key.
pub async fn publish(db: &PgPool, workspace_id: Uuid, mode: &str, provider: &str, model: &str, mut config: Value) -> (Uuid, String) {
    if config["model"].is_null() {
        config["model"] = json!({"provider": provider, "name": model, "mode": "chat", "completion_params": {"temperature": 0}});
    }
    let (id, _, token) = publish_config(db, workspace_id, mode, &config).await;
    (id, token)
}

/// An app of the workspace with exactly this config in its draft and published: its id, its version's and its key.
pub async fn publish_config(db: &PgPool, workspace_id: Uuid, mode: &str, config: &Value) -> (Uuid, Uuid, String) {
    let (id, version) = (Uuid::now_v7(), Uuid::now_v7());
    let token = format!("app-{}", Uuid::new_v4().simple());
    sqlx::query("insert into apps (id, workspace_id, name, mode, draft) values ($1, $2, 'App', $3, $4)")
        .bind(id)
        .bind(workspace_id)
        .bind(mode)
        .bind(config)
        .execute(db)
        .await
        .unwrap();
    sqlx::query("insert into app_versions (id, workspace_id, app_id, number, config) values ($1, $2, $3, 1, $4)")
        .bind(version)
        .bind(workspace_id)
        .bind(id)
        .bind(config)
        .execute(db)
        .await
        .unwrap();
    sqlx::query("update apps set published_version_id = $1 where id = $2").bind(version).bind(id).execute(db).await.unwrap();
    sqlx::query("insert into api_keys (id, workspace_id, kind, app_id, token_hash, hint) values ($1, $2, 'app', $3, $4, 'app-…')")
        .bind(Uuid::now_v7())
        .bind(workspace_id)
        .bind(id)
        .bind(ashlar::accounts::hash_token(&token).as_slice())
        .execute(db)
        .await
        .unwrap();
    (id, version, token)
}
