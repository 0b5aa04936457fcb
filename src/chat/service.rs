//! `/v1/chat-messages` and `/v1/completion-messages`: ask, stop, follow.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_stream::wrappers::UnboundedReceiverStream;
use utoipa::ToSchema;

use super::chatflow::{self, Asker, Told};
use super::events::Metadata;
use super::generate::{self, App, Ask, Started};
use super::{Caller, app_unavailable, db, follow, not_chat_app, require_chat, require_mode, service_caller};
use crate::accounts::ServiceApp;
use crate::apps::{AppHead, AppMode, RunnableApp};
use crate::error::{Code, Error, Result};
use crate::files::InputFile;
use crate::http::extract::Path;
use crate::http::payload::{Params, Payload, parse_uuid};
use crate::http::sse;
use crate::ids::{ConversationId, TaskId};
use crate::state::AppState;
use crate::workflows::run_row::Creator;
use crate::workflows::{begin, job, wire};

/// A question to a chat app. Unknown fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChatRequest {
    query: String,
    /// Values of the app's form; may be empty
    inputs: Map<String, Value>,
    /// `streaming` or `blocking` (the default)
    response_mode: Option<ResponseMode>,
    /// The conversation to go on with; empty or null starts one
    conversation_id: Option<String>,
    #[serde(default)]
    files: Vec<InputFile>,
    /// Let the model name a new conversation
    #[serde(default = "yes")]
    auto_generate_name: bool,
    /// Chatflows: the published version that answers, in place of the current one
    workflow_id: Option<String>,
    /// Who asks, unique inside the app
    #[serde(default)]
    #[schema(required = true, value_type = String)]
    #[expect(dead_code, reason = "documentation: Payload takes it out of the body")]
    user: Option<String>,
}

/// A call of a completion app.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CompletionRequest {
    #[serde(default)]
    query: String,
    inputs: Map<String, Value>,
    response_mode: Option<ResponseMode>,
    #[serde(default)]
    files: Vec<InputFile>,
    #[serde(default)]
    #[schema(required = true, value_type = String)]
    #[expect(dead_code, reason = "documentation: Payload takes it out of the body")]
    user: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ResponseMode {
    Streaming,
    Blocking,
}

fn yes() -> bool {
    true
}

/// The answer in blocking mode.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BlockingAnswer {
    event: &'static str,
    task_id: TaskId,
    id: crate::ids::MessageId,
    message_id: crate::ids::MessageId,
    /// Chat apps only
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<ConversationId>,
    mode: &'static str,
    answer: String,
    #[schema(value_type = Object)]
    metadata: Metadata,
    created_at: i64,
}

/// `{"user": "…"}`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documentation: Payload reads it")]
pub(super) struct UserBody {
    user: String,
}

/// Ask a chat app.
///
/// With `response_mode: streaming` the answer is a stream of server-sent events. Send `X-Ashlar-Resume: true` to get event
/// ids for resuming at `/v1/chat-messages/{task_id}/events`.
#[utoipa::path(post, path = "/v1/chat-messages", tag = "Chat", request_body = ChatRequest, responses((status = 200, body = BlockingAnswer)))]
pub(super) async fn create_chat_message(
    State(state): State<AppState>,
    app: ServiceApp,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response> {
    let end_user = app.end_user(&state, Some(payload.required_user()?)).await?;
    let caller = Caller::end_user(end_user.id, app.door);
    let body: ChatRequest = payload.fields()?;
    let head = AppHead::find(&state.db, app.workspace_id, app.app_id).await?;
    if !head.mode.is_chat() {
        return Err(not_chat_app());
    }
    let conversation_id = body.conversation_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
    let conversation_id = conversation_id.map(|id| parse_uuid("conversation_id", id).map(ConversationId)).transpose()?;
    let ask =
        Ask { query: body.query, inputs: body.inputs, files: body.files, conversation_id, auto_generate_name: body.auto_generate_name };
    if head.mode == AppMode::AdvancedChat {
        let pinned = body.workflow_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
        let version = begin::version(&state, &head, pinned).await?;
        let creator = Creator::EndUser { id: end_user.id, user: end_user.session_id };
        let asker = Asker { caller, creator, source: caller.source, draft_config: None, replay: None };
        let started = chatflow::start(&state, &head, version, asker, ask).await?;
        return answer_of_run(started, body.response_mode, &headers).await;
    }
    let app = published(&state, &app, |_| Ok(())).await?;
    answer(&state, &app, &caller, ask, body.response_mode, &headers).await
}

/// Call a completion app.
#[utoipa::path(post, path = "/v1/completion-messages", tag = "Completion", request_body = CompletionRequest, responses((status = 200, body = BlockingAnswer)))]
pub(super) async fn create_completion_message(
    State(state): State<AppState>,
    app: ServiceApp,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response> {
    let caller = service_caller(&state, &app, Some(payload.required_user()?)).await?;
    let body: CompletionRequest = payload.fields()?;
    let app = published(&state, &app, |mode| if mode == AppMode::Completion { Ok(()) } else { Err(app_unavailable()) }).await?;
    let ask = Ask { query: body.query, inputs: body.inputs, files: body.files, conversation_id: None, auto_generate_name: false };
    answer(&state, &app, &caller, ask, body.response_mode, &headers).await
}

/// The app with what is published of it.
pub(super) async fn published(state: &AppState, app: &ServiceApp, check: impl FnOnce(AppMode) -> Result<()>) -> Result<App> {
    let app = RunnableApp::published(&state.db, app.workspace_id, app.app_id).await?;
    check(app.mode)?;
    Ok(App { config: app.model_config()?, max_active_requests: app.max_active_requests.unsigned_abs(), app })
}

async fn answer(
    state: &AppState,
    app: &App,
    caller: &Caller,
    ask: Ask,
    mode: Option<ResponseMode>,
    headers: &HeaderMap,
) -> Result<Response> {
    if app.mode == AppMode::AgentChat && mode != Some(ResponseMode::Streaming) {
        return Err(Error::new(Code::InvalidParam, "Agent Chat App does not support blocking mode"));
    }
    let started = generate::start(state, app, caller, ask).await?;
    if mode == Some(ResponseMode::Streaming) {
        return Ok(stream(started, sse::wants_ids(headers)));
    }
    let Started { message_id, conversation_id, task_id, created_at, outcome, frames } = started;
    drop(frames);
    let answer = outcome.await.map_err(|_| Error::internal(anyhow::anyhow!("the answering task broke off")))??;
    let body = BlockingAnswer {
        event: "message",
        task_id,
        id: message_id,
        message_id,
        conversation_id,
        mode: app.app.mode.as_str(),
        answer: answer.text,
        metadata: answer.metadata,
        created_at,
    };
    Ok(json_response(&body))
}

/// A question of a caller that waits for the answer.
pub struct Question {
    /// Empty for completion apps
    pub query: String,
    pub inputs: Map<String, Value>,
    pub files: Vec<InputFile>,
    pub conversation_id: Option<ConversationId>,
}

pub struct Answered {
    pub text: String,
    pub message_id: crate::ids::MessageId,
    pub conversation_id: Option<ConversationId>,
}

/// Asks what is published of the app, whatever its kind, and waits for the whole answer. Dropping the future stops it.
pub async fn ask_once(state: &AppState, app: &ServiceApp, user: &str, question: Question) -> Result<Answered> {
    let Question { query, inputs, files, conversation_id } = question;
    let ask = Ask { query, inputs, files, conversation_id, auto_generate_name: false };
    let end_user = app.end_user(state, Some(user)).await?;
    let caller = Caller::end_user(end_user.id, app.door);
    let head = AppHead::find(&state.db, app.workspace_id, app.app_id).await?;
    if head.mode == AppMode::AdvancedChat {
        let version = begin::version(state, &head, None).await?;
        let creator = Creator::EndUser { id: end_user.id, user: end_user.session_id };
        let asker = Asker { caller, creator, source: caller.source, draft_config: None, replay: None };
        let started = chatflow::start(state, &head, version, asker, ask).await?;
        let task_id = started.task_id;
        let stop = state.live.stop_unless_settled(task_id.0, caller.id());
        let (message_id, conversation_id) = (started.message_id, started.conversation_id);
        let text = match started.told().await? {
            Told::Answer(answer) => answer.text,
            Told::Failed(error) => return Err(stop.settle(error)),
            Told::Paused { .. } => {
                job::stop_waiting(state, app.workspace_id, app.app_id, task_id).await?;
                return Err(Error::new(Code::CompletionRequest, "The app waits for a person, which this caller can't."));
            }
        };
        return Ok(stop.settle(Answered { text, message_id, conversation_id }));
    }
    let app = published(state, app, |_| Ok(())).await?;
    let Started { message_id, conversation_id, task_id, outcome, frames, .. } = generate::start(state, &app, &caller, ask).await?;
    drop(frames);
    let stop = state.live.stop_unless_settled(task_id.0, caller.id());
    let answer = outcome.await.map_err(|_| Error::internal(anyhow::anyhow!("the answering task broke off")))?;
    Ok(Answered { text: stop.settle(answer)?.text, message_id, conversation_id })
}

/// The answer of a chatflow's run.
async fn answer_of_run(started: chatflow::Started, mode: Option<ResponseMode>, headers: &HeaderMap) -> Result<Response> {
    if mode == Some(ResponseMode::Streaming) {
        return Ok(sse::frames(UnboundedReceiverStream::new(started.frames), sse::wants_ids(headers), true));
    }
    let (task_id, message_id, conversation_id, created_at, run_id) =
        (started.task_id, started.message_id, started.conversation_id, started.created_at, started.run_id);
    let mode = AppMode::AdvancedChat.as_str();
    let body = match started.told().await? {
        Told::Failed(error) => return Err(error),
        Told::Answer(answer) => {
            let body = BlockingAnswer {
                event: "message",
                task_id,
                id: message_id,
                message_id,
                conversation_id,
                mode,
                answer: answer.text,
                metadata: answer.metadata,
                created_at,
            };
            serde_json::to_value(body).map_err(anyhow::Error::from)?
        }
        Told::Paused { answer, forms, summary } => json!({
            "event": "workflow_paused", "task_id": task_id, "id": message_id, "message_id": message_id, "conversation_id": conversation_id,
            "mode": mode, "answer": answer, "metadata": {}, "created_at": created_at, "workflow_run_id": run_id,
            "data": {
                "id": message_id, "mode": mode, "conversation_id": conversation_id, "message_id": message_id, "workflow_run_id": run_id,
                "answer": answer, "metadata": {}, "created_at": created_at, "paused_nodes": wire::paused_nodes(&forms),
                "reasons": wire::pause_reasons(&forms), "status": "paused", "elapsed_time": summary.elapsed_s,
                "total_tokens": summary.usage.total_tokens, "total_steps": summary.total_steps,
            },
        }),
    };
    Ok(json_response(&body))
}

fn json_response(body: &impl Serialize) -> Response {
    let mut response = axum::Json(body).into_response();
    let json = axum::http::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, json);
    response
}

/// The started answer as events.
pub(super) fn stream(started: Started, ids: bool) -> Response {
    sse::frames(UnboundedReceiverStream::new(started.frames), ids, false)
}

/// Stop a streaming answer. Always succeeds; does nothing for tasks that are unknown or another user's.
#[utoipa::path(post, path = "/v1/chat-messages/{task_id}/stop", tag = "Chat", params(("task_id" = String, Path)), request_body = UserBody, responses((status = 200)))]
pub(super) async fn stop_chat_message(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(task_id): Path<String>,
    payload: Payload,
) -> Result<axum::Json<Value>> {
    let caller = service_caller(&state, &app, Some(payload.required_user()?)).await?;
    require_chat(&state, &app).await?;
    if let Ok(task_id) = task_id.parse()
        && let Some(row) = db::messages::find_by_task(&state.db, app.workspace_id, app.app_id, &caller, task_id).await?
        && row.status == "paused"
    {
        job::stop_waiting(&state, app.workspace_id, app.app_id, task_id).await?;
    }
    Ok(stop(&state, &caller, &task_id).await)
}

/// Stop a streaming answer.
#[utoipa::path(post, path = "/v1/completion-messages/{task_id}/stop", tag = "Completion", params(("task_id" = String, Path)), request_body = UserBody, responses((status = 200)))]
pub(super) async fn stop_completion_message(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(task_id): Path<String>,
    payload: Payload,
) -> Result<axum::Json<Value>> {
    let caller = service_caller(&state, &app, Some(payload.required_user()?)).await?;
    require_mode(&state, &app, AppMode::Completion, app_unavailable).await?;
    Ok(stop(&state, &caller, &task_id).await)
}

async fn stop(state: &AppState, caller: &Caller, task_id: &str) -> axum::Json<Value> {
    if let Ok(task) = task_id.parse() {
        state.live.stop(task, caller.id()).await;
    }
    axum::Json(json!({"result": "success"}))
}

/// Go on with a stream that broke.
///
/// Sends the events after the one that `Last-Event-ID` names (all without it), then those to come. When the log of events
/// is lost, a `message_replace` brings the stored answer instead.
#[utoipa::path(get, path = "/v1/chat-messages/{task_id}/events", tag = "Chat", params(("task_id" = String, Path), ("user" = String, Query), ("Last-Event-ID" = Option<u64>, Header)), responses((status = 200, content_type = "text/event-stream")))]
pub(super) async fn follow_chat_message(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(task_id): Path<TaskId>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response> {
    let caller = service_caller(&state, &app, Some(params.required_user()?)).await?;
    require_chat(&state, &app).await?;
    resume(&state, &app, &caller, task_id, &headers).await
}

/// Go on with a stream that broke.
#[utoipa::path(get, path = "/v1/completion-messages/{task_id}/events", tag = "Completion", params(("task_id" = String, Path), ("user" = String, Query), ("Last-Event-ID" = Option<u64>, Header)), responses((status = 200, content_type = "text/event-stream")))]
pub(super) async fn follow_completion_message(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(task_id): Path<TaskId>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response> {
    let caller = service_caller(&state, &app, Some(params.required_user()?)).await?;
    require_mode(&state, &app, AppMode::Completion, app_unavailable).await?;
    resume(&state, &app, &caller, task_id, &headers).await
}

async fn resume(state: &AppState, app: &ServiceApp, caller: &Caller, task_id: TaskId, headers: &HeaderMap) -> Result<Response> {
    let after = sse::last_event_id(headers)?.unwrap_or(0);
    let row = db::messages::find_by_task(&state.db, app.workspace_id, app.app_id, caller, task_id).await?;
    let row = row.ok_or_else(|| Error::not_found("Message Not Exists."))?;
    let frames = follow::follow(state.clone(), app.workspace_id, app.app_id, *caller, row, after);
    Ok(sse::frames(frames, true, false))
}
