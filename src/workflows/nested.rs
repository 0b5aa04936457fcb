//! A workflow that is called as a tool: a run of its own, recorded like any other, that the caller waits for.
//!
//! - A caller that is taken up after a crash asks again. A call that says what it is for (`once`) then finds the run that it
//!   began before, wherever that goes on by now, and nothing that finished runs twice.
//! - A caller that is stopped stops what it called. One that moves to another process does not: what it called moves too.
//! - Runs know how many others stand around them, so that workflows that call each other in a circle come to an end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::db::runs::{self, Row};
use super::event::NodeUsage;
use super::host::Invoked;
use super::job::{self, Launch};
use super::record::Recorder;
use super::run::RunOutcome;
use super::run_row::{Creator, NewRun, Source};
use super::teller::Face;
use super::vars::Vars;
use super::version::Version;
use super::{begin, value};
use crate::accounts::{self, end_users};
use crate::apps::config::{Field, FieldKind};
use crate::apps::{AppHead, inputs};
use crate::error::{Code, Error, Result};
use crate::files::{FileKind, Owner, Scope};
use crate::ids::{AppId, TaskId, WorkflowRunId, WorkspaceId};
use crate::state::AppState;
use crate::tools::{FileContent, Tool, ToolError, ToolFile, ToolOutput};

/// Calls that may stand in each other.
const MAX_DEPTH: u32 = 5;
/// How often a run is looked at that goes on in another process.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Runs that one call may have begun before: a node is not retried more often.
const MAX_EARLIER: u32 = 16;

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    pub workspace_id: WorkspaceId,
    pub creator: Creator,
    pub source: Source,
    /// Calls that stand around it: 0 unless it is called itself.
    pub depth: u32,
    /// Cancelled when the caller goes on in another process.
    pub moved: CancellationToken,
}

impl Caller {
    pub fn of_run(run: &NewRun, moved: CancellationToken) -> Self {
        let creator = run.creator.clone();
        Self { workspace_id: run.workspace_id, creator, source: run.source, depth: run.call_depth, moved }
    }

    /// Whoever's call is answered without a run: an agent's user.
    pub async fn of_scope(state: &AppState, scope: &Scope, source: Source) -> Result<Self> {
        let creator = match scope.owner {
            Owner::EndUser(id) => {
                let user = end_users::session_id(&state.db, scope.workspace_id, id).await?;
                Creator::EndUser { id, user }
            }
            Owner::Account(id) => {
                let (email, name) = accounts::email_and_name(&state.db, id).await?;
                Creator::Account { id, name, email }
            }
            Owner::Nobody => Creator::Nobody,
        };
        Ok(Self { workspace_id: scope.workspace_id, creator, source, depth: 0, moved: CancellationToken::new() })
    }

    fn scope(&self, app_id: AppId) -> Scope {
        Scope { workspace_id: self.workspace_id, app_id, owner: self.creator.owner() }
    }
}

/// Runs what is published of the workflow behind `tool` to its end. `once`: names the call, if it may be asked for again.
pub async fn call(state: &AppState, caller: &Caller, tool: &Tool, arguments: Vars, once: Option<Uuid>) -> Result<Invoked, ToolError> {
    let not_called = || ToolError::NotFound(format!("\"{}\" is no workflow.", tool.info.name));
    let app_id = tool.workflow().ok_or_else(not_called)?;
    if caller.depth >= MAX_DEPTH {
        let text = format!(
            "Max workflow call depth {MAX_DEPTH} reached at \"{}\": workflows call each other as tools too deep, or in a circle.",
            tool.info.label
        );
        return Err(ToolError::Failed(text));
    }
    let refused = |error: Error| match error.code {
        Code::NotFound => ToolError::NotFound(error.message),
        _ if error.code.status().is_server_error() => ToolError::Internal(error),
        _ => ToolError::Failed(error.message),
    };
    let app = AppHead::find(&state.db, caller.workspace_id, app_id).await.map_err(refused)?;
    let (id, earlier) = match once {
        Some(once) => earlier(state, caller.workspace_id, app_id, once).await?,
        None => (WorkflowRunId::new(), None),
    };
    let ended = match earlier {
        Some(row) => {
            let guard = Guard::new(state, caller, app_id, row.task_id);
            guard.settle(elsewhere(state, caller.workspace_id, app_id, id).await.map_err(refused)?)
        }
        None => begin_run(state, caller, &app, id, tool.arguments(arguments)?).await.map_err(refused)?,
    };
    ended.invoked(tool)
}

/// The id of the call's run, and the run if it is there already. One that failed is not asked again: its caller tries anew.
async fn earlier(
    state: &AppState,
    workspace_id: WorkspaceId,
    app_id: AppId,
    once: Uuid,
) -> Result<(WorkflowRunId, Option<Row>), ToolError> {
    for n in 0..MAX_EARLIER {
        let id = WorkflowRunId(Uuid::new_v5(&once, format!("{app_id}/{n}").as_bytes()));
        match runs::find(&state.db, workspace_id, app_id, id).await? {
            Some(row) if matches!(row.status.as_str(), "failed" | "stopped") => {}
            found => return Ok((id, found)),
        }
    }
    Err(ToolError::Failed(format!("The workflow failed {MAX_EARLIER} times.")))
}

/// How a called run came out.
struct Ended {
    status: String,
    outputs: Vars,
    error: Option<String>,
    usage: NodeUsage,
}

impl Ended {
    fn of_outcome(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Ended(end) => {
                Self { status: end.status.as_str().to_owned(), outputs: end.outputs, error: end.error, usage: end.summary.usage }
            }
            RunOutcome::Paused { outputs, summary, .. } => Self { status: "paused".to_owned(), outputs, error: None, usage: summary.usage },
        }
    }

    fn of_row(row: Row) -> Self {
        let outputs = match row.outputs {
            Some(Value::Object(outputs)) => outputs,
            _ => Vars::new(),
        };
        let usage = NodeUsage { total_tokens: row.total_tokens.unsigned_abs(), ..NodeUsage::default() };
        Self { status: row.status, outputs, error: row.error, usage }
    }

    fn invoked(self, tool: &Tool) -> Result<Invoked, ToolError> {
        let label = &tool.info.label;
        match self.status.as_str() {
            "succeeded" | "partial-succeeded" => Ok(Invoked { output: output(self.outputs), usage: self.usage }),
            "paused" => Err(ToolError::Failed(format!("The workflow \"{label}\" waits for a person, which a tool can't."))),
            "stopped" => Err(ToolError::Failed(format!("The workflow \"{label}\" was stopped."))),
            _ => Err(ToolError::Failed(self.error.unwrap_or_else(|| format!("The workflow \"{label}\" failed.")))),
        }
    }
}

async fn begin_run(state: &AppState, caller: &Caller, app: &AppHead, id: WorkflowRunId, arguments: Vars) -> Result<Ended> {
    let version = begin::version(state, app, None).await?;
    begin::refuse_triggered(&version)?;
    let inputs = check(state, caller, app.id, &version, &arguments).await?;
    let run = begin::workflow_run(app, &version, None, caller.creator.clone(), caller.source, inputs, Vec::new());
    let mut run = NewRun { id, call_depth: caller.depth + 1, ..run };
    run.inputs.insert("sys.workflow_run_id".to_owned(), json!(id));
    let run = Arc::new(run);
    let face = Face::of_workflow(&run);
    let launch =
        Launch { run: Arc::clone(&run), version, conversation_variables: Vars::new(), face, slot: None, streams: false, kept: Vec::new() };
    let started = job::start(state, launch).await?;
    let guard = Guard::new(state, caller, app.id, run.task_id);
    drop(started.frames);
    let ended = match started.outcome.await {
        Ok(outcome) => Ended::of_outcome(outcome),
        // another process has it now
        Err(_) => elsewhere(state, caller.workspace_id, app.id, id).await?,
    };
    Ok(guard.settle(ended))
}

/// Waits for a run that this process does not run, or not any more.
async fn elsewhere(state: &AppState, workspace_id: WorkspaceId, app_id: AppId, id: WorkflowRunId) -> Result<Ended> {
    loop {
        let gone = || Error::not_found("The called workflow's run is gone.");
        let row = runs::find(&state.db, workspace_id, app_id, id).await?.ok_or_else(gone)?;
        if row.is_over() || row.status == "paused" {
            return Ok(Ended::of_row(row));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the workflow's form makes of the arguments. Files that the caller has are taken as they are.
async fn check(state: &AppState, caller: &Caller, app_id: AppId, version: &Version, arguments: &Vars) -> Result<Map<String, Value>> {
    let form = || version.features.form();
    let mut inputs = inputs::validate(form(), arguments)?;
    let (kept, fetched): (Vec<_>, Vec<_>) =
        form().partition(|(_, field)| inputs.get(&field.variable).is_some_and(|value| !value::files(value).is_empty()));
    for (kind, field) in kept {
        check_files(kind, field, &inputs[&field.variable])?;
    }
    inputs::resolve_files(state, &caller.scope(app_id), fetched, &mut inputs).await?;
    Ok(inputs)
}

fn check_files(kind: FieldKind, field: &Field, given: &Value) -> Result<()> {
    let rules = field.upload_rules(kind);
    for file in value::files(given) {
        let text = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default();
        let extension = text("extension").trim_start_matches('.');
        let file_kind = serde_json::from_value(json!(text("type"))).unwrap_or_else(|_| FileKind::of_extension(extension));
        if !rules.takes(file_kind, extension) {
            let message = format!("{} in input form does not take files like {}", field.variable, text("filename"));
            return Err(Error::new(Code::InvalidParam, message));
        }
    }
    Ok(())
}

/// As tools give it: the outputs as text, as JSON and by their names, and the files among them.
fn output(outputs: Vars) -> ToolOutput {
    let file = |file: &Value| {
        let text = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        ToolFile { name: text("filename"), mime_type: text("mime_type"), content: FileContent::Kept(file.clone()) }
    };
    let files = outputs.values().flat_map(value::files).map(file).collect();
    let variables = outputs.iter().filter(|(name, _)| !matches!(name.as_str(), "text" | "json" | "files"));
    let variables = variables.map(|(name, value)| (name.clone(), value.clone())).collect();
    let whole = Value::Object(outputs);
    ToolOutput { text: value::text(&whole), json: vec![whole], files, variables }
}

/// Stops the called run when the caller breaks off, unless both go on elsewhere.
struct Guard {
    state: AppState,
    workspace_id: WorkspaceId,
    app_id: AppId,
    task_id: TaskId,
    moved: CancellationToken,
    armed: bool,
}

impl Guard {
    fn new(state: &AppState, caller: &Caller, app_id: AppId, task_id: TaskId) -> Self {
        let (workspace_id, moved) = (caller.workspace_id, caller.moved.clone());
        Self { state: state.clone(), workspace_id, app_id, task_id, moved, armed: true }
    }

    /// A run that waits for a person is stopped: nobody would ask for what it gives.
    fn settle(mut self, ended: Ended) -> Ended {
        self.armed = ended.status == "paused";
        ended
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.armed || self.moved.is_cancelled() || Recorder::of(&self.state).giving_up.is_cancelled() {
            return;
        }
        // without a runtime the process ends, and its runs go on in another
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (state, workspace_id, app_id, task_id) = (self.state.clone(), self.workspace_id, self.app_id, self.task_id);
        runtime.spawn(async move {
            state.live.stop(task_id.0, app_id.0).await;
            if let Err(error) = job::stop_waiting(&state, workspace_id, app_id, task_id).await {
                error.log();
            }
        });
    }
}
