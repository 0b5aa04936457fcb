//! The runs of an app, of its draft and of its versions: listed, looked at one by one, and all in a file.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::draft::workflow_head;
use super::run::{run_not_found, run_row};
use crate::accounts::{Editor, Session};
use crate::apps::{self, AppMode};
use crate::error::{Error, Result};
use crate::http::export::{self, ExportQuery};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{List, Page};
use crate::ids::{AppId, AppVersionId, ConversationId, MessageId, TaskId, WorkflowRunId};
use crate::state::AppState;
use crate::workflows::db::console::{self as db, Filter, RunRow, WholeRunRow};
use crate::workflows::display::{self, DETAIL};
use crate::workflows::vars::Vars;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
    /// scheduled, running, paused, succeeded, failed, stopped or partial-succeeded
    status: Option<String>,
    /// debugging (the draft), app-run, webhook or schedule
    triggered_from: Option<String>,
    /// debugger, service-api, web-app or mcp
    source: Option<String>,
    /// Only what others ran: no runs of the draft
    #[serde(default)]
    published: bool,
    created_after: Option<DateTime<Utc>>,
    created_before: Option<DateTime<Utc>>,
    /// In inputs, outputs or the caller's name; or a run's id
    keyword: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// One line of the list of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunSummary {
    id: WorkflowRunId,
    /// Null of a draft, and of a version that is gone
    version_id: Option<AppVersionId>,
    version_number: Option<i32>,
    mode: AppMode,
    /// scheduled, running, paused, succeeded, failed, stopped or partial-succeeded
    status: String,
    /// debugging, app-run, webhook or schedule
    triggered_from: String,
    /// debugger, service-api, web-app or mcp
    source: String,
    error: Option<String>,
    /// Without the times it waited for people
    elapsed_s: f64,
    total_tokens: i64,
    /// Of the models that it asked
    total_price: f64,
    currency: Option<String>,
    total_steps: i32,
    /// Nodes and rounds that failed without failing the run
    exceptions_count: i32,
    /// Null of a trigger's run
    created_by: Option<RunCreator>,
    /// Of chatflows
    conversation_id: Option<ConversationId>,
    message_id: Option<MessageId>,
    task_id: TaskId,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

/// Who a run is for.
#[derive(Debug, Serialize, ToSchema)]
struct RunCreator {
    /// account or end_user
    #[serde(rename = "type")]
    kind: &'static str,
    id: uuid::Uuid,
    /// Of an end user: as the caller named it
    name: String,
}

impl From<RunRow> for RunSummary {
    fn from(row: RunRow) -> Self {
        let created_by = match (row.end_user_id, row.account_id) {
            (Some(id), _) => Some(RunCreator { kind: "end_user", id: id.0, name: row.session_id.unwrap_or_default() }),
            (None, Some(id)) => Some(RunCreator { kind: "account", id: id.0, name: row.account_name.unwrap_or_default() }),
            (None, None) => None,
        };
        Self {
            id: row.id,
            version_id: row.app_version_id,
            version_number: row.version_number,
            mode: row.mode,
            status: row.status,
            triggered_from: row.triggered_from.to_string(),
            source: row.source.to_string(),
            error: row.error,
            elapsed_s: row.elapsed_s,
            total_tokens: row.total_tokens,
            total_price: row.total_price,
            currency: row.currency,
            total_steps: row.total_steps,
            exceptions_count: row.exceptions_count,
            created_by,
            conversation_id: row.conversation_id,
            message_id: row.message_id,
            task_id: row.task_id,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

const STATUSES: [&str; 7] = ["scheduled", "running", "paused", "succeeded", "failed", "stopped", "partial-succeeded"];
const TRIGGERS: [&str; 4] = ["debugging", "app-run", "webhook", "schedule"];
const SOURCES: [&str; 4] = ["debugger", "service-api", "web-app", "mcp"];

impl RunsQuery {
    fn filter(&self) -> Result<Filter> {
        let keyword = self.keyword.as_deref().map(|keyword| keyword.replace('\0', "")).filter(|keyword| !keyword.is_empty());
        Ok(Filter {
            status: one_of("status", &self.status, &STATUSES)?,
            triggered_from: one_of("triggered_from", &self.triggered_from, &TRIGGERS)?,
            source: one_of("source", &self.source, &SOURCES)?,
            published: self.published,
            created_after: self.created_after,
            created_before: self.created_before,
            keyword,
        })
    }
}

/// The value of a filter; an empty one is none.
fn one_of(name: &str, value: &Option<String>, known: &[&str]) -> Result<Option<String>> {
    match value.as_deref().filter(|value| !value.is_empty()) {
        Some(value) if !known.contains(&value) => Err(Error::invalid(name, format!("{name} must be one of {}.", known.join(", ")))),
        value => Ok(value.map(str::to_owned)),
    }
}

/// The runs of an app, newest first
#[utoipa::path(get, path = "/api/apps/{app_id}/runs", tag = "workflows", params(("app_id" = AppId, Path), RunsQuery),
    responses((status = 200, body = List<RunSummary>), (status = 404)))]
pub(super) async fn list_runs(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Query(query): Query<RunsQuery>,
) -> Result<Json<List<RunSummary>>> {
    workflow_head(&state, &session, app_id).await?;
    let page = Page { limit: query.limit, cursor: query.cursor.clone() };
    let rows = db::list_runs(&state.db, session.workspace_id, app_id, &query.filter()?, page.after()?, page.fetch()?).await?;
    Ok(Json(List::cut(rows.into_iter().map(RunSummary::from).collect(), &page, |run| run.id)?))
}

/// A run as a line of the file.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    summary: RunSummary,
    user: Option<String>,
    inputs: Value,
    outputs: Option<Value>,
}

impl From<WholeRunRow> for Line {
    fn from(row: WholeRunRow) -> Self {
        let summary = RunSummary::from(row.run);
        Self { user: summary.created_by.as_ref().map(|by| by.name.clone()), summary, inputs: row.inputs, outputs: row.outputs }
    }
}

impl export::Line for Line {
    const STEM: &str = "runs";
    const COLUMNS: &[&str] = &[
        "id",
        "created_at",
        "finished_at",
        "status",
        "error",
        "triggered_from",
        "source",
        "user",
        "version_number",
        "inputs",
        "outputs",
        "elapsed_s",
        "total_steps",
        "exceptions_count",
        "total_tokens",
        "total_price",
        "currency",
        "conversation_id",
        "message_id",
    ];
}

/// All runs that the list shows, as a file
#[utoipa::path(get, path = "/api/apps/{app_id}/runs/export", tag = "workflows", params(("app_id" = AppId, Path), ExportQuery, RunsQuery),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 404)))]
pub(super) async fn export_runs(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Query(ExportQuery { format }): Query<ExportQuery>,
    Query(query): Query<RunsQuery>,
) -> Result<Response> {
    let app = workflow_head(&state, &session, app_id).await?;
    let rows = db::stream_runs(state.db.clone(), session.workspace_id, app_id, query.filter()?);
    Ok(export::respond(&app.name, format, rows.map_ok(Line::from)))
}

/// A run with what it was asked and came to, and the graph that it ran.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowRun)]
pub(super) struct Run {
    #[serde(flatten)]
    summary: RunSummary,
    #[schema(value_type = Object)]
    inputs: Vars,
    /// Ask for the whole
    inputs_truncated: bool,
    #[schema(value_type = Option<Object>)]
    outputs: Option<Vars>,
    outputs_truncated: bool,
    /// Of its version or draft; null when that is gone
    #[schema(value_type = Option<Object>)]
    graph: Option<Value>,
}

/// One run
#[utoipa::path(get, path = "/api/apps/{app_id}/runs/{run_id}", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path)), responses((status = 200, body = Run), (status = 404)))]
pub(super) async fn get_run(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id)): Path<(AppId, WorkflowRunId)>,
) -> Result<Json<Run>> {
    let row = run_row(&state, &session, app_id, run_id).await?;
    let summary = db::find_run(&state.db, session.workspace_id, app_id, run_id).await?.ok_or_else(run_not_found)?;
    let config = match (row.config, row.app_version_id) {
        (Some(config), _) => Some(config),
        (None, Some(id)) => apps::find_version_config(&state.db, session.workspace_id, app_id, id).await?,
        (None, None) => None,
    };
    let (inputs, inputs_truncated) = display::shown(&object(row.inputs), DETAIL);
    let outputs = row.outputs.filter(Value::is_object).map(|outputs| display::shown(&object(outputs), DETAIL));
    let outputs_truncated = outputs.as_ref().is_some_and(|(_, is_cut)| *is_cut);
    Ok(Json(Run {
        summary: summary.into(),
        inputs,
        inputs_truncated,
        outputs: outputs.map(|(outputs, _)| outputs),
        outputs_truncated,
        graph: config.and_then(|mut config| config.get_mut("graph").map(Value::take)),
    }))
}

fn object(value: Value) -> Vars {
    match value {
        Value::Object(vars) => vars,
        _ => Vars::new(),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ValueQuery {
    /// JSON pointer into the value (`/text`, `/items/0`); without it all of it
    #[serde(default)]
    pointer: String,
}

impl ValueQuery {
    /// What the pointer names.
    pub(super) fn of(&self, value: Value) -> Result<Json<Value>> {
        let mut value = value;
        let found = value.pointer_mut(&self.pointer).map(Value::take);
        found.map(Json).ok_or_else(|| Error::not_found("There is no value at this pointer."))
    }
}

/// The whole of what a run was asked (`inputs`) or came to (`outputs`)
#[utoipa::path(get, path = "/api/apps/{app_id}/runs/{run_id}/values/{field}", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path), ("field" = String, Path), ValueQuery),
    responses((status = 200, body = Object), (status = 404)))]
pub(super) async fn get_run_value(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id, field)): Path<(AppId, WorkflowRunId, String)>,
    Query(query): Query<ValueQuery>,
) -> Result<Json<Value>> {
    let row = run_row(&state, &session, app_id, run_id).await?;
    let value = match field.as_str() {
        "inputs" => row.inputs,
        "outputs" => row.outputs.unwrap_or_default(),
        _ => return Err(Error::not_found("A run has inputs and outputs.")),
    };
    query.of(value)
}
