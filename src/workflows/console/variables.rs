//! The variables of a draft: what its nodes last gave, its conversation, system and environment variables; edited and taken
//! back.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::draft::{Draft, workflow_head};
use super::run::run_row;
use crate::accounts::{Editor, Session};
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::ids::{AppId, WorkflowRunId};
use crate::secrets::HIDDEN;
use crate::state::AppState;
use crate::workflows::drafts::{self, Maker, Values};
use crate::workflows::given::with_files;
use crate::workflows::graph;
use crate::workflows::value;
use crate::workflows::vars::{CONVERSATION, ENVIRONMENT, SYSTEM, Selector};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum VariableKind {
    Node,
    Conversation,
    System,
    Environment,
}

/// A variable of the draft.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DraftVariable {
    kind: VariableKind,
    /// Or `conversation`, `sys`, `env`
    node_id: String,
    name: String,
    /// The node's
    title: Option<String>,
    /// As the DSL writes it
    #[serde(rename = "type")]
    type_name: String,
    /// Secrets are asterisks
    #[schema(value_type = Object)]
    value: Value,
    /// Less than all is shown: ask for the variable
    value_truncated: bool,
    /// It was put in the place of what the node gave
    is_edited: bool,
    /// That the value is of; null of one that was edited or tried alone
    run_id: Option<WorkflowRunId>,
    /// Null where nothing has run yet
    updated_at: Option<DateTime<Utc>>,
}

/// The variables of the draft, each member's own: what the nodes last gave, conversation, system and environment variables
#[utoipa::path(get, path = "/api/apps/{app_id}/draft/variables", tag = "workflows", params(("app_id" = AppId, Path)),
    responses((status = 200, body = List<DraftVariable>), (status = 404)))]
pub(super) async fn list_draft_variables(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
) -> Result<Json<List<DraftVariable>>> {
    let draft = Draft::load(&state, &session, app_id, None).await?;
    let previews = drafts::previews(&state, draft.maker).await?;
    let nodes = draft.nodes()?;
    let mut variables: Vec<DraftVariable> = Vec::new();
    for preview in previews {
        let kind = match preview.node_id.as_str() {
            SYSTEM => VariableKind::System,
            CONVERSATION => VariableKind::Conversation,
            _ => VariableKind::Node,
        };
        let node = nodes.iter().find(|node| node.id == preview.node_id);
        let is_declared = || draft.version.conversation_variables.iter().any(|variable| variable.name == preview.name);
        // what the draft has no more is nobody's business
        if (kind == VariableKind::Node && node.is_none()) || (kind == VariableKind::Conversation && !is_declared()) {
            continue;
        }
        let declared = draft.type_of(&Selector::new(&preview.node_id, &preview.name));
        variables.push(DraftVariable {
            kind,
            title: node.map(|node| node.title.to_owned()),
            type_name: declared.unwrap_or_else(|| preview.type_name.to_owned()),
            value: preview.value,
            value_truncated: preview.is_cut,
            is_edited: preview.is_edited,
            run_id: preview.run_id.filter(|_| !preview.is_edited),
            updated_at: Some(preview.updated_at),
            node_id: preview.node_id,
            name: preview.name,
        });
    }
    for variable in &draft.version.conversation_variables {
        let is_there = variables.iter().any(|known| known.kind == VariableKind::Conversation && known.name == variable.name);
        if !is_there {
            variables.push(untouched(VariableKind::Conversation, &variable.name, &variable.value_type, variable.value.clone()));
        }
    }
    for (name, type_name, value) in draft.environment() {
        let value = if type_name == "secret" { json!(HIDDEN) } else { value };
        variables.push(untouched(VariableKind::Environment, name, type_name, value));
    }
    Ok(Json(List::whole(variables)))
}

/// As the draft declares it.
fn untouched(kind: VariableKind, name: &str, type_name: &str, value: Value) -> DraftVariable {
    let prefix = if kind == VariableKind::Conversation { CONVERSATION } else { ENVIRONMENT };
    DraftVariable {
        kind,
        node_id: prefix.to_owned(),
        name: name.to_owned(),
        title: None,
        type_name: type_name.to_owned(),
        value,
        value_truncated: false,
        is_edited: false,
        run_id: None,
        updated_at: None,
    }
}

/// One variable, whole.
async fn load(state: &AppState, draft: &Draft, node_id: &str, name: &str) -> Result<DraftVariable> {
    let nothing = || Error::not_found(format!("The draft has no variable {node_id}.{name}: nothing gave it yet."));
    let selector = Selector::new(node_id, name);
    let declared = draft.type_of(&selector);
    if node_id == ENVIRONMENT {
        let (_, type_name, value) = draft.environment().find(|(known, ..)| *known == name).ok_or_else(nothing)?;
        let value = if type_name == "secret" { json!(HIDDEN) } else { value };
        return Ok(untouched(VariableKind::Environment, name, type_name, value));
    }
    let values = Values::load(state, draft.maker, &[node_id.to_owned()]).await?;
    let edited = values.edits.get(&(node_id.to_owned(), name.to_owned()));
    let given = values.given.get(node_id).and_then(|given| Some((given, given.outputs.get(name)?)));
    let (value, updated_at, run_id) = match (edited, given) {
        (Some((value, at)), _) => (value.clone(), Some(*at), None),
        (None, Some((given, value))) => (value.clone(), Some(given.updated_at), given.run_id),
        (None, None) => {
            let initial = draft.version.conversation_variables.iter().find(|known| node_id == CONVERSATION && known.name == name);
            (initial.ok_or_else(nothing)?.value.clone(), None, None)
        }
    };
    Ok(DraftVariable {
        kind: match node_id {
            SYSTEM => VariableKind::System,
            CONVERSATION => VariableKind::Conversation,
            _ => VariableKind::Node,
        },
        node_id: node_id.to_owned(),
        name: name.to_owned(),
        title: draft.title(&selector),
        type_name: declared.unwrap_or_else(|| value::type_name(&value).to_owned()),
        value,
        value_truncated: false,
        is_edited: edited.is_some(),
        run_id,
        updated_at,
    })
}

/// One variable of the draft, whole
#[utoipa::path(get, path = "/api/apps/{app_id}/draft/variables/{node_id}/{name}", tag = "workflows",
    params(("app_id" = AppId, Path), ("node_id" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = DraftVariable), (status = 404)))]
pub(super) async fn get_draft_variable(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, node_id, name)): Path<(AppId, String, String)>,
) -> Result<Json<DraftVariable>> {
    let draft = Draft::load(&state, &session, app_id, None).await?;
    Ok(Json(load(&state, &draft, &node_id, &name).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct EditVariable {
    #[schema(value_type = Object)]
    value: Value,
}

/// Put a value in the place of what a node gave: nodes that are tried alone read it, until the node runs again
#[utoipa::path(put, path = "/api/apps/{app_id}/draft/variables/{node_id}/{name}", tag = "workflows",
    params(("app_id" = AppId, Path), ("node_id" = String, Path), ("name" = String, Path)), request_body = EditVariable,
    responses((status = 200, body = DraftVariable), (status = 400), (status = 404)))]
pub(super) async fn edit_draft_variable(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, node_id, name)): Path<(AppId, String, String)>,
    Json(body): Json<EditVariable>,
) -> Result<Json<DraftVariable>> {
    let draft = Draft::load(&state, &session, app_id, None).await?;
    check_place(&state, &draft, &node_id, &name).await?;
    let value = with_files(&state, &draft.scope(), body.value, "value").await?;
    if let Some(type_name) = draft.type_of(&Selector::new(&node_id, &name))
        && !value.is_null()
        && !value::fits(&type_name, &value)
    {
        let text = format!("value: {node_id}.{name} is of type {type_name}, not {}.", value::type_name(&value));
        return Err(Error::invalid("value", text));
    }
    drafts::edit(&state, draft.maker, &node_id, &name, &value).await?;
    Ok(Json(load(&state, &draft, &node_id, &name).await?))
}

/// Whether there can be a variable of that name.
async fn check_place(state: &AppState, draft: &Draft, node_id: &str, name: &str) -> Result<()> {
    match node_id {
        SYSTEM => return Ok(()),
        ENVIRONMENT => return Err(Error::invalid("node_id", "Environment variables are changed in the draft itself.")),
        CONVERSATION => {
            let is_declared = draft.version.conversation_variables.iter().any(|variable| variable.name == name);
            return if is_declared { Ok(()) } else { Err(Error::not_found(format!("The draft has no conversation variable {name}."))) };
        }
        _ => {}
    }
    let node = draft.node(node_id)?;
    if graph::outputs(node.type_name, node.data).may_have(name) {
        return Ok(());
    }
    let values = Values::load(state, draft.maker, &[node_id.to_owned()]).await?;
    if values.given.get(node_id).is_some_and(|given| given.outputs.contains_key(name)) {
        return Ok(());
    }
    Err(Error::not_found(format!("Node {node_id} gives no variable {name}.")))
}

/// Take an edited value back: the variable is again what the node last gave
#[utoipa::path(post, path = "/api/apps/{app_id}/draft/variables/{node_id}/{name}/reset", tag = "workflows",
    params(("app_id" = AppId, Path), ("node_id" = String, Path), ("name" = String, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn reset_draft_variable(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, node_id, name)): Path<(AppId, String, String)>,
) -> Result<StatusCode> {
    let maker = maker(&state, &session, app_id).await?;
    if drafts::reset(&state, maker, &node_id, &name).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::not_found(format!("{node_id}.{name} was not edited.")))
}

/// Forget what a node of the draft last gave
#[utoipa::path(delete, path = "/api/apps/{app_id}/draft/variables/{node_id}", tag = "workflows",
    params(("app_id" = AppId, Path), ("node_id" = String, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn clear_node_variables(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, node_id)): Path<(AppId, String)>,
) -> Result<StatusCode> {
    let maker = maker(&state, &session, app_id).await?;
    drafts::clear(&state, maker, Some(&node_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget what all nodes of the draft last gave
#[utoipa::path(delete, path = "/api/apps/{app_id}/draft/variables", tag = "workflows", params(("app_id" = AppId, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn clear_draft_variables(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
) -> Result<StatusCode> {
    let maker = maker(&state, &session, app_id).await?;
    drafts::clear(&state, maker, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take what the nodes of a run gave for the draft, as if the run had been one of the draft: of a published run that went wrong,
/// of one that a trigger started
#[utoipa::path(post, path = "/api/apps/{app_id}/runs/{run_id}/take-values", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn take_run_values(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id)): Path<(AppId, WorkflowRunId)>,
) -> Result<StatusCode> {
    let row = run_row(&state, &session, app_id, run_id).await?;
    let draft = Draft::load(&state, &session, app_id, None).await?;
    drafts::take_run(&state, draft.maker, &row.begun(), Some(&draft.section)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn maker(state: &AppState, session: &Session<Editor>, app_id: AppId) -> Result<Maker> {
    workflow_head(state, session, app_id).await?;
    Ok(Maker { workspace_id: session.workspace_id, app_id, account_id: session.account_id })
}
