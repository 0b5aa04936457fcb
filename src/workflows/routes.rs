//! `/v1/workflows/…`, `/v1/workflow/{id}/events`, `/v1/form/human_input/{token}`: run, stop, look, follow, answer.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_stream::wrappers::UnboundedReceiverStream;
use utoipa::ToSchema;

use super::db::runs::{self, Row};
use super::follow::{self, Wanted};
use super::job::{self, Launch, Started};
use super::run::RunOutcome;
use super::run_row::{Creator, NewRun};
use super::teller::Face;
use super::vars::Vars;
use super::wire;
use super::{begin, forms};
use crate::accounts::{Door, ServiceApp};
use crate::apps::{AppHead, AppMode};
use crate::error::{Code, Error, Result};
use crate::files::{InputFile, Owner, Scope};
use crate::http::extract::Path;
use crate::http::payload::{Params, Payload};
use crate::http::sse;
use crate::ids::{TaskId, WorkflowRunId};
use crate::live::Frame;
use crate::state::AppState;

/// A call of a workflow. Unknown fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RunRequest {
    /// Values of the start node's form; may be empty
    inputs: Map<String, Value>,
    /// `streaming` or `blocking` (the default)
    response_mode: Option<ResponseMode>,
    #[serde(default)]
    files: Vec<InputFile>,
    /// Who asks, unique inside the app
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

/// What a run came to, in blocking mode.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BlockingRun {
    task_id: TaskId,
    workflow_run_id: WorkflowRunId,
    data: RunData,
}

#[derive(Debug, Serialize, ToSchema)]
struct RunData {
    id: WorkflowRunId,
    workflow_id: String,
    /// `succeeded`, `failed`, `stopped`, `partial-succeeded` or `paused`
    status: &'static str,
    #[schema(value_type = Option<Object>)]
    outputs: Option<Vars>,
    error: Option<String>,
    elapsed_time: f64,
    total_tokens: u64,
    total_steps: u32,
    created_at: i64,
    finished_at: Option<i64>,
    /// Of paused runs
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_nodes: Option<Vec<String>>,
    /// Of paused runs: the forms that they wait for
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    reasons: Option<Vec<Value>>,
}

async fn workflow_app(state: &AppState, app: &ServiceApp) -> Result<AppHead> {
    let head = AppHead::find(&state.db, app.workspace_id, app.app_id).await?;
    if head.mode == AppMode::Workflow { Ok(head) } else { Err(not_workflow_app()) }
}

fn not_workflow_app() -> Error {
    Error::new(Code::NotWorkflowApp, "Please check if your app mode matches the right API route.")
}

/// Run the published version of a workflow.
///
/// With `response_mode: streaming` the run is a stream of server-sent events. Send `X-Ashlar-Resume: true` to get event ids
/// for resuming at `/v1/workflow/{workflow_run_id}/events`.
#[utoipa::path(post, path = "/v1/workflows/run", tag = "Workflows", request_body = RunRequest, responses((status = 200, body = BlockingRun)))]
pub(super) async fn run_workflow(State(state): State<AppState>, app: ServiceApp, headers: HeaderMap, payload: Payload) -> Result<Response> {
    run(&state, &app, None, &headers, payload).await
}

/// Run one published version of a workflow.
#[utoipa::path(post, path = "/v1/workflows/{workflow_id}/run", tag = "Workflows", params(("workflow_id" = String, Path)), request_body = RunRequest, responses((status = 200, body = BlockingRun)))]
pub(super) async fn run_workflow_version(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(workflow_id): Path<String>,
    headers: HeaderMap,
    payload: Payload,
) -> Result<Response> {
    run(&state, &app, Some(&workflow_id), &headers, payload).await
}

async fn run(state: &AppState, app: &ServiceApp, pinned: Option<&str>, headers: &HeaderMap, payload: Payload) -> Result<Response> {
    let end_user = app.end_user(state, Some(payload.required_user()?)).await?;
    let source = app.door.into();
    let body: RunRequest = payload.fields()?;
    let app = workflow_app(state, app).await?;
    let version = begin::version(state, &app, pinned).await?;
    begin::refuse_triggered(&version)?;
    let scope = Scope { workspace_id: app.workspace_id, app_id: app.id, owner: Owner::EndUser(end_user.id) };
    let (inputs, files) = begin::check(state, &scope, &version, &body.inputs, &body.files).await?;
    let creator = Creator::EndUser { id: end_user.id, user: end_user.session_id };
    let run = Arc::new(begin::workflow_run(&app, &version, None, creator, source, inputs, files));
    let slot = app.claim_slot(state, run.task_id).await?;
    let face = Face::of_workflow(&run);
    let streams = body.response_mode == Some(ResponseMode::Streaming);
    let launch = Launch { run: Arc::clone(&run), version, conversation_variables: Vars::new(), face, slot, streams, kept: Vec::new() };
    let started = job::start(state, launch).await?;
    if streams {
        return Ok(sse::frames(UnboundedReceiverStream::new(started.frames), sse::wants_ids(headers), true));
    }
    blocking(&run, started).await
}

/// Runs what is published of a workflow for a caller that waits for its outputs. Dropping the future stops the run.
pub async fn run_to_end(state: &AppState, app: &ServiceApp, user: &str, inputs: &Map<String, Value>) -> Result<Vars> {
    let end_user = app.end_user(state, Some(user)).await?;
    let head = workflow_app(state, app).await?;
    let version = begin::version(state, &head, None).await?;
    begin::refuse_triggered(&version)?;
    let scope = Scope { workspace_id: head.workspace_id, app_id: head.id, owner: Owner::EndUser(end_user.id) };
    let (inputs, files) = begin::check(state, &scope, &version, inputs, &[]).await?;
    let creator = Creator::EndUser { id: end_user.id, user: end_user.session_id };
    let run = Arc::new(begin::workflow_run(&head, &version, None, creator, app.door.into(), inputs, files));
    let slot = head.claim_slot(state, run.task_id).await?;
    let face = Face::of_workflow(&run);
    let launch =
        Launch { run: Arc::clone(&run), version, conversation_variables: Vars::new(), face, slot, streams: false, kept: Vec::new() };
    let started = job::start(state, launch).await?;
    let guard = state.live.stop_unless_settled(run.task_id.0, head.id.0);
    drop(started.frames);
    let outcome = started.outcome.await.map_err(|_| Error::internal(anyhow::anyhow!("the run's task broke off")))?;
    match guard.settle(outcome) {
        RunOutcome::Ended(end) => match end.error.as_deref() {
            Some(error) if wire::shown_outputs(&end).is_none_or(Map::is_empty) => Err(Error::new(Code::CompletionRequest, error)),
            _ => Ok(end.outputs),
        },
        RunOutcome::Paused { .. } => {
            job::stop_waiting(state, head.workspace_id, head.id, run.task_id).await?;
            Err(Error::new(Code::CompletionRequest, "The workflow waits for a person, which this caller can't."))
        }
    }
}

/// The answer once the run has come out.
pub(super) async fn blocking(run: &NewRun, started: Started) -> Result<Response> {
    drop(started.frames);
    let outcome = started.outcome.await.map_err(|_| Error::internal(anyhow::anyhow!("the run's task broke off")))?;
    let (id, workflow_id) = (run.id, run.version_id.map_or(run.app_id.0, |id| id.0).to_string());
    let created_at = run.created_at.timestamp();
    let data = match outcome {
        RunOutcome::Ended(end) => RunData {
            id,
            workflow_id,
            status: end.status.as_str(),
            elapsed_time: end.summary.elapsed_s,
            total_tokens: end.summary.usage.total_tokens,
            total_steps: end.summary.total_steps,
            created_at,
            finished_at: Some(chrono::Utc::now().timestamp()),
            outputs: wire::shown_outputs(&end).cloned(),
            error: end.error,
            paused_nodes: None,
            reasons: None,
        },
        RunOutcome::Paused { forms, outputs, summary } => RunData {
            id,
            workflow_id,
            status: "paused",
            outputs: Some(outputs),
            error: None,
            elapsed_time: summary.elapsed_s,
            total_tokens: summary.usage.total_tokens,
            total_steps: summary.total_steps,
            created_at,
            finished_at: None,
            paused_nodes: Some(wire::paused_nodes(&forms).into_iter().map(str::to_owned).collect()),
            reasons: Some(wire::pause_reasons(&forms)),
        },
    };
    let mut response = axum::Json(BlockingRun { task_id: run.task_id, workflow_run_id: id, data }).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    Ok(response)
}

/// Stop a run of this app, whoever started it. Always succeeds.
#[utoipa::path(post, path = "/v1/workflows/tasks/{task_id}/stop", tag = "Workflows", params(("task_id" = String, Path)), responses((status = 200)))]
pub(super) async fn stop_workflow(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(task_id): Path<String>,
    payload: Payload,
) -> Result<axum::Json<Value>> {
    let user = payload.required_user()?;
    let head = workflow_app(&state, &app).await?;
    let Ok(task_id) = task_id.parse::<TaskId>() else { return Ok(axum::Json(json!({"result": "success"}))) };
    let may_stop = match app.door {
        // a key's holder answers for all of the app's users
        Door::Key | Door::Mcp => true,
        Door::Site => {
            let visitor = app.end_user(&state, Some(user)).await?;
            runs::is_of_end_user(&state.db, app.workspace_id, task_id, visitor.id).await?
        }
    };
    if may_stop {
        state.live.stop(task_id.0, head.id.0).await;
        job::stop_waiting(&state, app.workspace_id, head.id, task_id).await?;
    }
    Ok(axum::Json(json!({"result": "success"})))
}

async fn find_run(state: &AppState, app: &ServiceApp, id: &str, missing: &str) -> Result<Row> {
    let head = AppHead::find(&state.db, app.workspace_id, app.app_id).await?;
    if !head.mode.is_workflow() {
        return Err(not_workflow_app());
    }
    let row = match id.parse() {
        Ok(id) => runs::find(&state.db, app.workspace_id, app.app_id, id).await?,
        Err(_) => None,
    };
    row.ok_or_else(|| Error::not_found(missing))
}

/// How a run stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunDetail {
    id: WorkflowRunId,
    workflow_id: String,
    /// `scheduled`, `running`, `paused`, `succeeded`, `failed`, `stopped` or `partial-succeeded`
    status: String,
    /// JSON text
    inputs: Option<String>,
    #[schema(value_type = Object)]
    outputs: Value,
    error: Option<String>,
    total_steps: i32,
    total_tokens: i64,
    created_at: i64,
    finished_at: Option<i64>,
    elapsed_time: Option<f64>,
}

/// How a run of the app stands.
#[utoipa::path(get, path = "/v1/workflows/run/{workflow_run_id}", tag = "Workflows", params(("workflow_run_id" = String, Path)), responses((status = 200, body = RunDetail)))]
pub(super) async fn get_workflow_run(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(id): Path<String>,
) -> Result<axum::Json<RunDetail>> {
    let row = find_run(&state, &app, &id, "Workflow run not found.").await?;
    Ok(axum::Json(RunDetail {
        id: row.id,
        workflow_id: row.app_version_id.map_or(row.app_id.0, |id| id.0).to_string(),
        inputs: Some(row.inputs.to_string()),
        outputs: row.outputs.filter(Value::is_object).unwrap_or_else(|| json!({})),
        error: row.error,
        total_steps: row.total_steps,
        total_tokens: row.total_tokens,
        created_at: row.created_at.timestamp(),
        finished_at: row.finished_at.map(|at| at.timestamp()),
        elapsed_time: Some(row.elapsed_s),
        status: row.status,
    }))
}

/// Follow a run: its events from now on, or behind the one that `Last-Event-ID` names.
///
/// A run that is over gives its `workflow_finished` event. Ends at the end of the run, when it waits for people (unless
/// `continue_on_pause`), and after 300 s without an event.
#[utoipa::path(get, path = "/v1/workflow/{workflow_run_id}/events", tag = "Workflows", params(("workflow_run_id" = String, Path), ("user" = String, Query), ("include_state_snapshot" = Option<bool>, Query), ("continue_on_pause" = Option<bool>, Query), ("Last-Event-ID" = Option<u64>, Header)), responses((status = 200, content_type = "text/event-stream")))]
pub(super) async fn follow_workflow_run(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(id): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response> {
    let end_user = app.end_user(&state, Some(params.required_user()?)).await?;
    let row = find_run(&state, &app, &id, "Workflow run not found").await?;
    if row.end_user_id != Some(end_user.id) {
        return Err(Error::not_found("Workflow run not found"));
    }
    let wanted = Follow { snapshot: flag(&params, "include_state_snapshot")?, past_pauses: flag(&params, "continue_on_pause")? };
    events(&state, row, &headers, wanted).await
}

/// How a run is followed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Follow {
    /// What happened so far comes first.
    pub snapshot: bool,
    /// Goes on when the run waits for people.
    pub past_pauses: bool,
}

/// A run's events, from now on or behind the one that `Last-Event-ID` names.
pub(super) async fn events(state: &AppState, row: Row, headers: &HeaderMap, wanted: Follow) -> Result<Response> {
    let Follow { snapshot, past_pauses } = wanted;
    let resumed = sse::last_event_id(headers)?;
    let ids = sse::wants_ids(headers);
    let mut response = match resumed {
        None if row.is_over() => {
            // as from a task of its own
            let run = NewRun { task_id: TaskId(row.id.0), ..row.begun() };
            let bytes = follow::outcome(&row, &follow::wire_of(&run));
            let number = u64::try_from(row.last_event).unwrap_or_default();
            sse::frames(futures::stream::iter([Frame { number, bytes }]), ids, false)
        }
        _ => {
            let logged = state.live.last_number(row.task_id.0).await.ok().flatten();
            let (told, after) = match (resumed, snapshot, logged) {
                (Some(after), ..) => (Vec::new(), after),
                // the whole log says more than the records
                (None, true, Some(_)) => (Vec::new(), 0),
                (None, true, None) => (follow::snapshot(state, &row, &follow::wire_of(&row.begun())).await?, row.last_event.unsigned_abs()),
                (None, false, logged) => (Vec::new(), logged.unwrap_or_default()),
            };
            let from_now = resumed.is_none() && !snapshot;
            let told = told.into_iter().map(move |bytes| Frame { number: after, bytes });
            let events = follow::follow(state.clone(), row, Wanted { after, past_pauses, from_now }, follow::stored_outcome);
            sse::frames(futures::stream::iter(told).chain(events), ids, false)
        }
    };
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    Ok(response)
}

fn flag(params: &Params, name: &str) -> Result<bool> {
    match params.get(name).map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "0" | "no" | "off") => Ok(false),
        Some("true" | "1" | "yes" | "on") => Ok(true),
        Some(_) => Err(Error::invalid(name, format!("{name} must be true or false."))),
    }
}

/// What a form shows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FormPage {
    /// Markdown
    form_content: String,
    #[schema(value_type = Vec<Object>)]
    inputs: Value,
    #[schema(value_type = Object)]
    resolved_default_values: Vars,
    #[schema(value_type = Vec<Object>)]
    user_actions: Value,
    expiration_time: i64,
}

/// A form that a run waits for.
#[utoipa::path(get, path = "/v1/form/human_input/{form_token}", tag = "Workflows", params(("form_token" = String, Path)), responses((status = 200, body = FormPage)))]
pub(super) async fn get_form(State(state): State<AppState>, app: ServiceApp, Path(token): Path<String>) -> Result<axum::Json<FormPage>> {
    let row = forms::find(&state, app.workspace_id, app.app_id, &token).await?;
    let form = forms::form_of(&row)?;
    Ok(axum::Json(FormPage {
        form_content: form.form_content,
        inputs: form.inputs,
        resolved_default_values: form.resolved_default_values,
        user_actions: form.actions,
        expiration_time: form.expiration_time,
    }))
}

/// An answer to a form.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct FormAnswer {
    /// Values of the form's inputs
    inputs: Map<String, Value>,
    /// Id of one of its actions
    action: String,
    #[serde(default)]
    #[schema(required = true, value_type = String)]
    #[expect(dead_code, reason = "documentation: Payload takes it out of the body")]
    user: Option<String>,
}

/// Answer a form. The run goes on in the background: follow it at `/v1/workflow/{workflow_run_id}/events`.
#[utoipa::path(post, path = "/v1/form/human_input/{form_token}", tag = "Workflows", params(("form_token" = String, Path)), request_body = FormAnswer, responses((status = 200)))]
pub(super) async fn answer_form(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(token): Path<String>,
    payload: Payload,
) -> Result<axum::Json<Value>> {
    let end_user = app.end_user(&state, Some(payload.required_user()?)).await?;
    let body: FormAnswer = payload.fields()?;
    let row = forms::find(&state, app.workspace_id, app.app_id, &token).await?;
    let scope = Scope { workspace_id: app.workspace_id, app_id: app.app_id, owner: Owner::EndUser(end_user.id) };
    forms::answer(&state, &scope, &row, None, &body.inputs, &body.action).await?;
    Ok(axum::Json(json!({})))
}
