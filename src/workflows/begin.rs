//! From a call to a run: the version, the checked inputs, the system variables.

use std::sync::Arc;

use chrono::Utc;
use serde_json::{Map, Value, json};

use super::run_row::{Creator, NewRun, Source, TriggeredFrom};
use super::vars::Vars;
use super::version::Version;
use crate::apps::{AppHead, AppMode, inputs};
use crate::error::{Code, Error, Result};
use crate::files::{self, InputFile, Scope};
use crate::ids::{AppId, AppVersionId, ConversationId, TaskId, WorkflowRunId, WorkspaceId};
use crate::state::AppState;

/// Files that one run may be sent.
const NUMBER_LIMIT: usize = 10;

/// What is published of the app, or one of its versions.
pub async fn version(state: &AppState, app: &AppHead, pinned: Option<&str>) -> Result<Arc<Version>> {
    let id = match pinned {
        Some("draft") => {
            let text = "Cannot use draft workflow version. Workflow ID: draft. Please use a published workflow version or leave workflow_id empty.";
            return Err(Error::new(Code::BadRequest, text));
        }
        Some(text) => {
            let id = text.parse().map_err(|_| Error::new(Code::BadRequest, format!("Invalid workflow_id format: '{text}'. ")))?;
            return Version::load(state, app.workspace_id, app.id, AppVersionId(id))
                .await?
                .ok_or_else(|| Error::not_found(format!("Workflow not found with id: {text}")));
        }
        None => app.version_id.ok_or_else(not_published)?,
    };
    Version::load(state, app.workspace_id, app.id, id).await?.ok_or_else(not_published)
}

fn not_published() -> Error {
    Error::new(Code::InvalidParam, "Workflow not published")
}

/// 403 for workflows that begin with a trigger.
pub fn refuse_triggered(version: &Version) -> Result<()> {
    if !version.is_triggered {
        return Ok(());
    }
    let text = "This workflow starts with a trigger: it runs when that fires, and can't be called through the API.";
    Err(Error::new(Code::TriggerWorkflowUnavailable, text))
}

/// What a caller sent, checked against the version's form and upload settings: the inputs, and `sys.files`.
pub async fn check(
    state: &AppState,
    scope: &Scope,
    version: &Version,
    given: &Map<String, Value>,
    files: &[InputFile],
) -> Result<(Map<String, Value>, Vec<Value>)> {
    let mut inputs = inputs::validate(version.features.form(), given)?;
    let mut rules = version.features.file_upload.rules();
    if let Some(rules) = &mut rules {
        rules.number_limit = rules.number_limit.min(NUMBER_LIMIT);
    }
    let files = files::resolve(state, scope, rules.as_ref(), "files", files).await?;
    inputs::resolve_files(state, scope, version.features.form(), &mut inputs).await?;
    Ok((inputs, files.iter().map(|file| file.output_json(state, scope.workspace_id)).collect()))
}

/// A run of a workflow app that its callers asked for. `inputs` and `files` are checked.
pub fn workflow_run(
    app: &AppHead,
    version: &Version,
    draft_config: Option<Value>,
    creator: Creator,
    source: Source,
    inputs: Map<String, Value>,
    files: Vec<Value>,
) -> NewRun {
    new_run((app.workspace_id, app.id, version.id), draft_config, creator, source, inputs, files)
}

/// A run of a workflow app, or of its draft, at the start node: with the system variables beside the inputs.
pub fn new_run(
    (workspace_id, app_id, version_id): (WorkspaceId, AppId, Option<AppVersionId>),
    draft_config: Option<Value>,
    creator: Creator,
    source: Source,
    inputs: Map<String, Value>,
    files: Vec<Value>,
) -> NewRun {
    let (id, created_at) = (WorkflowRunId::new(), Utc::now());
    let mut all = inputs;
    let system: [(&str, Value); 6] = [
        ("sys.files", Value::Array(files)),
        ("sys.user_id", json!(creator.user())),
        ("sys.app_id", json!(app_id)),
        ("sys.workflow_id", json!(version_id.map_or(app_id.0, |id| id.0))),
        ("sys.workflow_run_id", json!(id)),
        ("sys.timestamp", json!(created_at.timestamp())),
    ];
    all.extend(system.map(|(name, value)| (name.to_owned(), value)));
    NewRun {
        id,
        workspace_id,
        app_id,
        version_id,
        draft_config,
        mode: AppMode::Workflow,
        triggered_from: if source == Source::Debugger { TriggeredFrom::Debugging } else { TriggeredFrom::AppRun },
        source,
        entry_node_id: None,
        inputs: all as Vars,
        creator,
        conversation_id: None,
        message_id: None,
        call_depth: 0,
        task_id: TaskId::new(),
        created_at,
    }
}

/// What a chatflow is asked.
pub struct Question {
    pub query: String,
    pub files: Vec<Value>,
    /// None: the caller holds the conversation.
    pub conversation_id: Option<ConversationId>,
    /// 1 in the first turn.
    pub dialogue_count: i64,
}

/// A run of a chatflow, or of its draft, that answers a question; its message is for the caller to name.
pub fn chatflow_run(
    (workspace_id, app_id, version_id): (WorkspaceId, AppId, Option<AppVersionId>),
    draft_config: Option<Value>,
    creator: Creator,
    source: Source,
    inputs: Map<String, Value>,
    question: Question,
) -> NewRun {
    let Question { query, files, conversation_id, dialogue_count } = question;
    let id = WorkflowRunId::new();
    let mut inputs: Vars = inputs;
    let system: [(&str, Value); 8] = [
        ("sys.query", json!(query)),
        ("sys.files", Value::Array(files)),
        ("sys.conversation_id", conversation_id.map_or_else(|| json!(""), |id| json!(id))),
        ("sys.dialogue_count", json!(dialogue_count)),
        ("sys.user_id", json!(creator.user())),
        ("sys.app_id", json!(app_id)),
        ("sys.workflow_id", json!(version_id.map_or(app_id.0, |id| id.0))),
        ("sys.workflow_run_id", json!(id)),
    ];
    inputs.extend(system.map(|(name, value)| (name.to_owned(), value)));
    NewRun {
        id,
        workspace_id,
        app_id,
        version_id,
        draft_config,
        mode: AppMode::AdvancedChat,
        triggered_from: if source == Source::Debugger { TriggeredFrom::Debugging } else { TriggeredFrom::AppRun },
        source,
        entry_node_id: None,
        inputs,
        creator,
        conversation_id,
        message_id: None,
        call_depth: 0,
        task_id: TaskId::new(),
        created_at: Utc::now(),
    }
}
