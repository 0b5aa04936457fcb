//! `POST /v1/chat/completions`.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{self, Choice, Events, Total};
use super::body::{self, MessageBody, SamplingBody, ToolBody, invalid, unsupported};
use super::models;
use super::stream::Writer;
use crate::accounts::{Editor, OpenAiCaller, ServiceApp, Session};
use crate::chat::as_model::{self, Asked};
use crate::engine::request::{Event, Image, Input, Modalities, Request, TokenLogprob, ToolCall};
use crate::error::Result;
use crate::http::extract::Json;
use crate::ids::WorkspaceId;
use crate::state::AppState;

#[derive(Deserialize)]
struct ChatBody {
    model: Option<String>,
    messages: Vec<MessageBody>,
    /// Read from the same JSON by itself: flattened, a wrong field would lose its path.
    #[serde(skip)]
    sampling: SamplingBody,
    max_completion_tokens: Option<u32>,
    tools: Option<Vec<ToolBody>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<Value>,
    logprobs: Option<bool>,
    top_logprobs: Option<u8>,
    functions: Option<Value>,
    function_call: Option<Value>,
    audio: Option<Value>,
    modalities: Option<Vec<String>>,
    /// With an app's key: the app's inputs. `metadata` is read where it is missing.
    inputs: Option<Map<String, Value>>,
    metadata: Option<Map<String, Value>>,
}

/// Answer a conversation
///
/// OpenAI's endpoint. With an `sk-…` key `model` names a model of the catalog (`provider/name`, a bare name, or `default`);
/// with an `app-…` key the app answers, whatever `model` says: its prompt comes first, `inputs` (or `metadata`) fill its
/// form, and the parameters given here go before the app's. A chatflow runs with the parameters of its own nodes.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "openai", request_body = Value,
    responses((status = 200, body = Value), (status = 400), (status = 401), (status = 404), (status = 429)))]
pub(super) async fn create_chat_completion(State(state): State<AppState>, caller: OpenAiCaller, body: Bytes) -> Result<Response> {
    match caller {
        OpenAiCaller::Model(key) => answer(&state, Asker::Workspace(key.workspace_id), body).await,
        OpenAiCaller::App(app) => answer(&state, Asker::App(app), body).await,
    }
}

/// Ask any model of the catalog, as `/v1/chat/completions` does with a key
#[utoipa::path(post, path = "/api/playground/chat/completions", tag = "models", request_body = Value,
    responses((status = 200, body = Value), (status = 400), (status = 404), (status = 429)))]
pub(super) async fn create_playground_completion(State(state): State<AppState>, session: Session<Editor>, body: Bytes) -> Result<Response> {
    answer(&state, Asker::Workspace(session.workspace_id), body).await
}

/// Whose models answer.
enum Asker {
    Workspace(WorkspaceId),
    /// The app itself is the model.
    App(ServiceApp),
}

async fn answer(state: &AppState, asker: Asker, body: Bytes) -> Result<Response> {
    let sampling = body::parse(&body)?;
    let mut body = ChatBody { sampling, ..body::parse(&body)? };
    refuse_unsupported(&body)?;
    let (stream, n) = (body.sampling.streams()?, body.sampling.choices()? as usize);
    let logprobs = logprobs(&body)?;
    let modalities = modalities(body.modalities.as_deref())?;
    let tools = body::tools(body.tools.take().unwrap_or_default())?;
    let tool_choice = body::tool_choice(body.tool_choice.as_ref(), &tools)?;
    let messages = body::messages(state, std::mem::take(&mut body.messages)).await?;

    let mut slot = None;
    let (model, mut request, watch) = match asker {
        Asker::Workspace(workspace_id) => {
            let model = models::resolve(state, workspace_id, body.model.as_deref()).await?;
            let mut request = Request::new(Input::Chat(messages));
            request.sampling = model.default_sampling().await?.unwrap_or_else(body::openai_sampling);
            (model, request, None)
        }
        Asker::App(app) => match of_app(state, app, messages, &mut body).await? {
            Asked::Model(call) => {
                slot = call.slot;
                (call.model, call.request, call.watch)
            }
            Asked::Flow(call) => {
                let mut events = answer::written(call.events);
                if let Some(watch) = call.watch {
                    events = answer::watched(events, watch);
                }
                return respond(events, &body, Shape { n: 1, stream, model: app.app_id.to_string() }).await;
            }
            Asked::Canned(text) => {
                return respond(answer::canned(text), &body, Shape { n: 1, stream, model: app.app_id.to_string() }).await;
            }
        },
    };
    body.sampling.apply(&mut request)?;
    if let Some(max_tokens) = body.max_completion_tokens {
        request.max_tokens = Some(body::at_least_one("max_completion_tokens", max_tokens)?);
    }
    if body.response_format.is_some() {
        request.format = body::response_format(body.response_format.as_ref())?;
    }
    request.tools = tools;
    request.tool_choice = tool_choice;
    request.logprobs = logprobs;
    request.modalities = modalities;
    let (workspace_id, name) = match asker {
        Asker::Workspace(workspace_id) => (workspace_id, model.reference().to_string()),
        Asker::App(app) => (app.workspace_id, app.app_id.to_string()),
    };
    request.cache_salt = workspace_id.0.as_u128();
    let mut events = answer::start(state, &model, choices(&request, n)).await?;
    if let Some(slot) = slot {
        events = answer::holding(events, slot);
    }
    if let Some(watch) = watch {
        events = answer::watched(events, watch);
    }
    if body.parallel_tool_calls == Some(false) {
        events = answer::one_call(events);
    }
    respond(events, &body, Shape { n, stream, model: name }).await
}

async fn of_app(state: &AppState, app: ServiceApp, messages: Vec<crate::engine::request::Message>, body: &mut ChatBody) -> Result<Asked> {
    if body.sampling.choices()? != 1 {
        return Err(unsupported("n", "an app gives one answer"));
    }
    if body.tools.is_some() {
        return Err(unsupported("tools", "an app has its own tools"));
    }
    let inputs = body.inputs.take().or(body.metadata.take()).unwrap_or_default();
    as_model::ask(state, &app, messages, inputs).await
}

/// `n` samples of one request; each has a seed of its own.
pub(super) fn choices(request: &Request, n: usize) -> Vec<Request> {
    let choice = |i: usize| {
        let mut request = request.clone();
        request.sampling.seed = request.sampling.seed.map(|seed| seed.wrapping_add(i as u64));
        request
    };
    (0..n).map(choice).collect()
}

fn refuse_unsupported(body: &ChatBody) -> Result<()> {
    if body.functions.is_some() || body.function_call.is_some() {
        return Err(unsupported("functions", "use 'tools' and 'tool_choice'"));
    }
    if body.audio.is_some() {
        return Err(unsupported("audio", "answers are text and pictures"));
    }
    Ok(())
}

/// What the answer may hold: text unless pictures are asked for too.
fn modalities(names: Option<&[String]>) -> Result<Modalities> {
    let Some(names) = names else { return Ok(Modalities::Text) };
    let mut found = (false, false);
    for (i, name) in names.iter().enumerate() {
        match name.as_str() {
            "text" => found.0 = true,
            "image" => found.1 = true,
            _ => return Err(unsupported(format!("modalities[{i}]"), "answers are 'text', or 'text' and 'image'")),
        }
    }
    match found {
        (true, false) => Ok(Modalities::Text),
        (true, true) => Ok(Modalities::TextAndImages),
        (false, true) => Ok(Modalities::Image),
        (false, false) => Err(invalid("modalities", "it must have at least one entry")),
    }
}

fn logprobs(body: &ChatBody) -> Result<Option<u8>> {
    match (body.logprobs.unwrap_or(false), body.top_logprobs) {
        (false, Some(n)) if n > 0 => Err(invalid("top_logprobs", "it is only allowed when 'logprobs' is true")),
        (false, _) => Ok(None),
        (true, Some(n)) if n > 20 => Err(invalid("top_logprobs", "it must be between 0 and 20")),
        (true, n) => Ok(Some(n.unwrap_or(0))),
    }
}

/// How the answer is sent.
struct Shape {
    n: usize,
    stream: bool,
    model: String,
}

async fn respond(events: Events, body: &ChatBody, shape: Shape) -> Result<Response> {
    let id = format!("chatcmpl-{}", Uuid::new_v4().simple());
    let created = Utc::now().timestamp();
    let Shape { n, stream, model } = shape;
    let wants_logprobs = body.logprobs.unwrap_or(false);
    if stream {
        let (mut n_calls, mut n_images) = (vec![0; n], vec![0; n]);
        let writer = Writer {
            id,
            object: "chat.completion.chunk",
            created,
            model,
            include_usage: body.sampling.include_usage(),
            n_choices: n,
            n_per_prompt: n,
            opening: Some(|index| ChunkChoice::new(index, Delta::Opening { role: "assistant", content: "", refusal: () })),
            choice: move |index, event| chunk_choice(index, event, wants_logprobs, &mut n_calls, &mut n_images),
        };
        return Ok(writer.response(events));
    }
    let choices = answer::collect(events, n).await?;
    let mut total = Total::new(n);
    for (index, choice) in choices.iter().enumerate() {
        if let Some(done) = &choice.done {
            total.add(index, &done.usage);
        }
    }
    let choices: Vec<_> = choices.iter().enumerate().map(|(index, choice)| whole(index, choice, wants_logprobs)).collect();
    let answer =
        json!({"id": id, "object": "chat.completion", "created": created, "model": model, "choices": choices, "usage": total.json()});
    Ok(Json(answer).into_response())
}

/// An entry of a chunk's `choices`.
#[derive(Serialize)]
struct ChunkChoice {
    index: usize,
    delta: Delta,
    logprobs: Option<Value>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Delta {
    Opening { role: &'static str, content: &'static str, refusal: () },
    Text { content: String },
    Call { tool_calls: [Value; 1] },
    Image { images: [Value; 1] },
    End {},
}

impl ChunkChoice {
    fn new(index: usize, delta: Delta) -> Self {
        Self { index, delta, logprobs: None, finish_reason: None }
    }
}

fn chunk_choice(index: usize, event: Event, wants_logprobs: bool, n_calls: &mut [usize], n_images: &mut [usize]) -> ChunkChoice {
    match event {
        Event::Text { text, logprobs } => ChunkChoice {
            logprobs: wants_logprobs.then(|| logprobs_json(&logprobs)),
            ..ChunkChoice::new(index, Delta::Text { content: text })
        },
        Event::ToolCall(call) => {
            let nth = n_calls.get_mut(index).map(|n| std::mem::replace(n, *n + 1)).unwrap_or(0);
            let mut call = call_json(&call);
            call["index"] = json!(nth);
            ChunkChoice::new(index, Delta::Call { tool_calls: [call] })
        }
        Event::Image(image) => {
            let nth = n_images.get_mut(index).map(|n| std::mem::replace(n, *n + 1)).unwrap_or(0);
            ChunkChoice::new(index, Delta::Image { images: [image_json(nth, &image)] })
        }
        Event::Done(done) => ChunkChoice { finish_reason: Some(done.finish_reason.as_str()), ..ChunkChoice::new(index, Delta::End {}) },
    }
}

fn whole(index: usize, choice: &Choice, wants_logprobs: bool) -> Value {
    let content = if choice.text.is_empty() && !choice.calls.is_empty() { Value::Null } else { json!(choice.text) };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
    if !choice.calls.is_empty() {
        message["tool_calls"] = choice.calls.iter().map(call_json).collect();
    }
    if !choice.images.is_empty() {
        message["images"] = choice.images.iter().enumerate().map(|(nth, image)| image_json(nth, image)).collect();
    }
    let logprobs = if wants_logprobs { logprobs_json(&choice.logprobs) } else { Value::Null };
    let reason = choice.done.as_ref().map(|d| d.finish_reason.as_str());
    json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason})
}

fn call_json(call: &ToolCall) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

/// OpenAI's chat answers have no pictures; this is the form that others gave them.
fn image_json(index: usize, image: &Image) -> Value {
    let url = format!("data:{};base64,{}", image.mime_type, STANDARD.encode(&image.bytes));
    json!({"type": "image_url", "index": index, "image_url": {"url": url}})
}

fn logprobs_json(logprobs: &[TokenLogprob]) -> Value {
    let top = |(token, bytes, logprob): &(String, Vec<u8>, f32)| json!({"token": token, "logprob": finite(*logprob), "bytes": bytes});
    let entry = |t: &TokenLogprob| json!({"token": t.token, "logprob": finite(t.logprob), "bytes": t.bytes, "top_logprobs": t.top.iter().map(top).collect::<Vec<_>>()});
    json!({"content": logprobs.iter().map(entry).collect::<Vec<_>>(), "refusal": null})
}

/// JSON has no infinity; OpenAI writes −9999 for what is out of reach.
pub(super) fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { -9999.0 }
}
