//! `POST /v1/completions`: continues a text.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{self, Choice, Total};
use super::body::{self, SamplingBody, invalid, unsupported};
use super::chat::{choices, finite};
use super::models;
use super::stream::Writer;
use crate::accounts::OpenAiCaller;
use crate::engine::request::{Event, Input, Request, TokenLogprob};
use crate::error::Result;
use crate::http::extract::Json;
use crate::state::AppState;

/// Prompts of one request.
const MAX_PROMPTS: usize = 128;

#[derive(Deserialize)]
struct CompletionBody {
    model: Option<String>,
    prompt: Value,
    /// Read from the same JSON by itself: flattened, a wrong field would lose its path.
    #[serde(skip)]
    sampling: SamplingBody,
    logprobs: Option<u8>,
    echo: Option<bool>,
    suffix: Option<String>,
    best_of: Option<u32>,
}

/// Continue a text
///
/// OpenAI's older endpoint, without a chat template. Needs an `sk-…` key.
#[utoipa::path(post, path = "/v1/completions", tag = "openai", request_body = Value,
    responses((status = 200, body = Value), (status = 400), (status = 401), (status = 404), (status = 429)))]
pub(super) async fn create_completion(State(state): State<AppState>, caller: OpenAiCaller, body: Bytes) -> Result<Response> {
    let key = models::model_key(&caller)?;
    let body = CompletionBody { sampling: body::parse(&body)?, ..body::parse(&body)? };
    let (stream, n) = (body.sampling.streams()?, body.sampling.choices()? as usize);
    if body.suffix.as_ref().is_some_and(|s| !s.is_empty()) {
        return Err(unsupported("suffix", "these models only continue a text"));
    }
    if body.best_of.is_some_and(|best_of| best_of as usize != n) {
        return Err(unsupported("best_of", "ask for 'n' choices and pick one"));
    }
    if body.logprobs.is_some_and(|n| n > 20) {
        return Err(invalid("logprobs", "it must be between 0 and 20"));
    }
    let prompts = prompts(&body.prompt)?;
    let echo = body.echo.unwrap_or(false);
    if echo && (body.logprobs.is_some() || prompts.iter().any(|p| !matches!(p, Input::Text(_)))) {
        return Err(unsupported("echo", "only prompts of text are echoed, and without 'logprobs'"));
    }
    let model = models::resolve(&state, key.workspace_id, body.model.as_deref()).await?;
    let mut requests = Vec::new();
    let mut echoes = Vec::new();
    for prompt in prompts {
        let echoed = match &prompt {
            Input::Text(text) if echo => text.clone(),
            _ => String::new(),
        };
        echoes.extend(std::iter::repeat_n(echoed, n));
        let mut request = Request::new(prompt);
        request.sampling = model.default_sampling().await?.unwrap_or_else(body::openai_sampling);
        // OpenAI's default for this endpoint
        request.max_tokens = Some(16);
        body.sampling.apply(&mut request)?;
        request.logprobs = body.logprobs;
        request.cache_salt = key.workspace_id.0.as_u128();
        requests.extend(choices(&request, n));
    }
    let n_choices = requests.len();
    let events = answer::start(&state, &model, requests).await?;
    let id = format!("cmpl-{}", Uuid::new_v4().simple());
    let created = Utc::now().timestamp();
    let model = model.reference().to_string();
    let wants_logprobs = body.logprobs.is_some();
    if stream {
        let mut offsets = vec![0; n_choices];
        let choice = move |index: usize, event: Event| {
            // the echo comes before the first text
            let echoed = echoes.get_mut(index).map(std::mem::take).unwrap_or_default();
            let offset = offsets.get_mut(index).map(|o: &mut usize| std::mem::replace(o, *o + chars_of(&event))).unwrap_or(0);
            match event {
                Event::Text { text, logprobs } => ChunkChoice {
                    index,
                    text: echoed + &text,
                    logprobs: wants_logprobs.then(|| logprobs_json(&logprobs, offset)),
                    finish_reason: None,
                },
                Event::ToolCall(_) | Event::Image(_) => ChunkChoice { index, text: echoed, logprobs: None, finish_reason: None },
                Event::Done(done) => ChunkChoice { index, text: echoed, logprobs: None, finish_reason: Some(done.finish_reason.as_str()) },
            }
        };
        let include_usage = body.sampling.include_usage();
        let writer =
            Writer { id, object: "text_completion", created, model, include_usage, n_choices, n_per_prompt: n, opening: None, choice };
        return Ok(writer.response(events));
    }
    let collected = answer::collect(events, n_choices).await?;
    let mut total = Total::new(n);
    for (index, choice) in collected.iter().enumerate() {
        if let Some(done) = &choice.done {
            total.add(index, &done.usage);
        }
    }
    let whole = |(index, choice): (usize, &Choice)| {
        let logprobs = if wants_logprobs { logprobs_json(&choice.logprobs, 0) } else { Value::Null };
        let reason = choice.done.as_ref().map(|d| d.finish_reason.as_str());
        json!({"index": index, "text": format!("{}{}", echoes[index], choice.text), "logprobs": logprobs, "finish_reason": reason})
    };
    let choices: Vec<_> = collected.iter().enumerate().map(whole).collect();
    let answer =
        json!({"id": id, "object": "text_completion", "created": created, "model": model, "choices": choices, "usage": total.json()});
    Ok(Json(answer).into_response())
}

/// An entry of a chunk's `choices`.
#[derive(Serialize)]
struct ChunkChoice {
    index: usize,
    text: String,
    logprobs: Option<Value>,
    finish_reason: Option<&'static str>,
}

/// A text, texts, token ids, or lists of token ids.
fn prompts(value: &Value) -> Result<Vec<Input>> {
    let wrong = || invalid("prompt", "it must be a string, an array of strings, an array of token ids or an array of such arrays");
    let tokens = |ids: &[Value]| -> Result<Input> {
        let ids: Option<Vec<u32>> = ids.iter().map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect();
        ids.filter(|ids| !ids.is_empty()).map(Input::Tokens).ok_or_else(wrong)
    };
    let prompts = match value {
        Value::String(text) => vec![Input::Text(text.clone())],
        Value::Array(entries) if entries.first().is_some_and(Value::is_number) => vec![tokens(entries)?],
        Value::Array(entries) if !entries.is_empty() => {
            let entry = |entry: &Value| match entry {
                Value::String(text) => Ok(Input::Text(text.clone())),
                Value::Array(ids) => tokens(ids),
                _ => Err(wrong()),
            };
            entries.iter().map(entry).collect::<Result<_>>()?
        }
        _ => return Err(wrong()),
    };
    if prompts.len() > MAX_PROMPTS {
        return Err(invalid("prompt", format_args!("a request can have {MAX_PROMPTS} prompts at most")));
    }
    Ok(prompts)
}

fn chars_of(event: &Event) -> usize {
    if let Event::Text { text, .. } = event { text.chars().count() } else { 0 }
}

fn logprobs_json(logprobs: &[TokenLogprob], offset: usize) -> Value {
    let mut at = offset;
    let mut offsets = Vec::with_capacity(logprobs.len());
    for token in logprobs {
        offsets.push(at);
        at += token.token.chars().count();
    }
    let top = |t: &TokenLogprob| -> Value {
        t.top.iter().map(|(token, _, lp)| (token.clone(), json!(finite(*lp)))).collect::<serde_json::Map<_, _>>().into()
    };
    json!({
        "tokens": logprobs.iter().map(|t| t.token.as_str()).collect::<Vec<_>>(),
        "token_logprobs": logprobs.iter().map(|t| finite(t.logprob)).collect::<Vec<_>>(),
        "top_logprobs": logprobs.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}
