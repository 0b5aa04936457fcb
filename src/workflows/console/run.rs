//! The draft run, from its start or from one of its nodes on; runs stopped and followed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_stream::wrappers::UnboundedReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::draft::{Draft, workflow_head};
use super::publish;
use crate::accounts::{Editor, Session};
use crate::apps::AppMode;
use crate::error::{Code, Error, Result};
use crate::files::InputFile;
use crate::http::extract::{Json, Path, Query};
use crate::http::sse;
use crate::ids::{AppId, WorkflowRunId};
use crate::state::AppState;
use crate::workflows::db::runs::{self, Row};
use crate::workflows::event::NodeRecord;
use crate::workflows::given::{GivenVariable, with_files};
use crate::workflows::job::{self, Launch};
use crate::workflows::replay::{Replay, ReplayFrom};
use crate::workflows::routes::{self, BlockingRun, Follow, ResponseMode};
use crate::workflows::run_row::{NewRun, Source};
use crate::workflows::teller::Face;
use crate::workflows::vars::Vars;
use crate::workflows::{begin, graph};

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RunDraft {
    /// Values of the start node's form; of a workflow with triggers, what the trigger brings
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    files: Vec<InputFile>,
    /// The workflow as it is in the studio; without it the saved draft runs
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// Of a workflow with several triggers: where it starts
    entry_node_id: Option<String>,
    /// `streaming` (the default) or `blocking`
    response_mode: Option<ResponseMode>,
    /// Begin in the middle: what does not follow the node stays as it was in an earlier run, whose inputs are taken
    from: Option<ReplayFrom>,
    /// With `from`: values in place of those of the earlier run
    #[serde(default)]
    overrides: Vec<GivenVariable>,
}

/// Run the draft of a workflow. Chatflows are asked through their preview.
///
/// The answer is a stream of the events of `/v1/workflows/run`, or with `blocking` what the run came to.
#[utoipa::path(post, path = "/api/apps/{app_id}/draft/run", tag = "workflows", params(("app_id" = AppId, Path)), request_body = RunDraft,
    responses((status = 200, body = BlockingRun), (status = 400), (status = 404)))]
pub(super) async fn run_draft(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    headers: HeaderMap,
    Json(mut body): Json<RunDraft>,
) -> Result<Response> {
    let draft = Draft::load(&state, &session, app_id, body.config.take()).await?;
    if draft.head.mode != AppMode::Workflow {
        return Err(Error::new(Code::NotWorkflowApp, "A chatflow is asked: use its preview."));
    }
    let entry = body.entry_node_id.as_deref();
    if let Some(entry) = entry.filter(|entry| !graph::entries(draft.graph()).is_ok_and(|all| all.iter().any(|(id, _)| id == entry))) {
        return Err(Error::invalid("entry_node_id", format!("entry_node_id: {entry} is neither a start node nor a trigger.")));
    }
    // what is wrong with the graph is told by node and field
    draft.version.flow(entry).map_err(|error| publish::problems(&draft.section, draft.head.mode).unwrap_or(error))?;
    let (run, kept) = match body.from.take() {
        Some(from) => in_the_middle(&state, &draft, &from, &mut body).await?,
        None => (from_the_start(&state, &draft, &mut body).await?, Vec::new()),
    };
    let run = Arc::new(run);
    let streams = body.response_mode != Some(ResponseMode::Blocking);
    let (version, face) = (Arc::clone(&draft.version), Face::of_workflow(&run));
    let launch = Launch { run: Arc::clone(&run), version, conversation_variables: Vars::new(), face, slot: None, streams, kept };
    let started = job::start(&state, launch).await?;
    if streams {
        return Ok(sse::frames(UnboundedReceiverStream::new(started.frames), sse::wants_ids(&headers), true));
    }
    routes::blocking(&run, started).await
}

async fn from_the_start(state: &AppState, draft: &Draft, body: &mut RunDraft) -> Result<NewRun> {
    if !body.overrides.is_empty() {
        return Err(Error::invalid("overrides", "overrides: there is nothing to replace without from."));
    }
    let scope = draft.scope();
    let given = std::mem::take(&mut body.inputs);
    let (inputs, files) = if draft.version.is_triggered {
        let mut inputs = Map::new();
        for (name, value) in given {
            let value = with_files(state, &scope, value, &format!("inputs.{name}")).await?;
            inputs.insert(name, value);
        }
        (inputs, Vec::new())
    } else {
        begin::check(state, &scope, &draft.version, &given, &body.files).await?
    };
    let mut run = new_run(state, draft, inputs, files).await?;
    run.entry_node_id = body.entry_node_id.take();
    Ok(run)
}

/// A run that begins at a node, with what an earlier run left before it.
async fn in_the_middle(state: &AppState, draft: &Draft, from: &ReplayFrom, body: &mut RunDraft) -> Result<(NewRun, Vec<NodeRecord>)> {
    if !body.inputs.is_empty() || !body.files.is_empty() || body.entry_node_id.is_some() {
        return Err(Error::invalid("inputs", "inputs: with from, those of the earlier run are taken; replace them with overrides."));
    }
    let overrides = std::mem::take(&mut body.overrides);
    let (earlier, replay) = Replay::load(state, &draft.scope(), &draft.version, from, overrides).await?;
    let fresh = new_run(state, draft, Map::new(), Vec::new()).await?;
    let run = NewRun { inputs: replay.inputs(&fresh.inputs), entry_node_id: earlier.entry_node_id, ..fresh };
    let kept = replay.records_of(run.id);
    Ok((run, kept))
}

async fn new_run(state: &AppState, draft: &Draft, inputs: Map<String, Value>, files: Vec<Value>) -> Result<NewRun> {
    let creator = draft.creator(state).await?;
    let section = Some(draft.section.clone());
    Ok(begin::workflow_run(&draft.head, &draft.version, section, creator, Source::Debugger, inputs, files))
}

/// A run of the app.
pub(super) async fn run_row<R>(state: &AppState, session: &Session<R>, app_id: AppId, id: WorkflowRunId) -> Result<Row> {
    workflow_head(state, session, app_id).await?;
    runs::find(&state.db, session.workspace_id, app_id, id).await?.ok_or_else(run_not_found)
}

pub(super) fn run_not_found() -> Error {
    Error::not_found("Run not found.")
}

/// Stop a run, whoever started it
#[utoipa::path(post, path = "/api/apps/{app_id}/runs/{run_id}/stop", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn stop_run(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id)): Path<(AppId, WorkflowRunId)>,
) -> Result<StatusCode> {
    let row = run_row(&state, &session, app_id, run_id).await?;
    // a chatflow's run is its asker's, a workflow's run is its app's
    let asker = row.end_user_id.map(|id| id.0).or(row.account_id.map(|id| id.0)).filter(|_| row.mode == AppMode::AdvancedChat);
    state.live.stop(row.task_id.0, asker.unwrap_or(app_id.0)).await;
    job::stop_waiting(&state, session.workspace_id, app_id, row.task_id).await?;
    session.audit(&state.db, "workflow_run.stop", ("workflow_run", run_id), json!({"app_id": app_id})).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FollowQuery {
    /// What happened so far comes first
    #[serde(default)]
    include_state_snapshot: bool,
    /// Go on when the run waits for people
    #[serde(default)]
    continue_on_pause: bool,
}

/// Follow a run: its events from now on, or behind the one that `Last-Event-ID` names
#[utoipa::path(get, path = "/api/apps/{app_id}/runs/{run_id}/events", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path), FollowQuery, ("Last-Event-ID" = Option<u64>, Header)),
    responses((status = 200, content_type = "text/event-stream"), (status = 404)))]
pub(super) async fn follow_run(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id)): Path<(AppId, WorkflowRunId)>,
    Query(query): Query<FollowQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let row = run_row(&state, &session, app_id, run_id).await?;
    let wanted = Follow { snapshot: query.include_state_snapshot, past_pauses: query.continue_on_pause };
    routes::events(&state, row, &headers, wanted).await
}
