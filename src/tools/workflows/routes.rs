//! The console's routes over workflows as tools.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{ParameterSetting, check_entry, db, describe, unusable};
use crate::accounts::{Admin, Session};
use crate::apps::{self, AppHead, AppMode};
use crate::error::{Code, Error, OnConstraint, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::http::text;
use crate::ids::{AppId, WorkflowToolId};
use crate::state::AppState;
use crate::tools::ToolInfo;
use crate::tools::providers::check_description;

const MAX_TOOLS: usize = 200;
/// Providers of models refuse longer names.
const NAME_CHARS: usize = 60;
const LABEL_CHARS: usize = 100;

/// A workflow that apps of this workspace can call as a tool.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::tools) struct WorkflowTool {
    #[schema(value_type = uuid::Uuid)]
    id: WorkflowToolId,
    app_id: AppId,
    app_name: String,
    /// What models call it
    name: String,
    label: String,
    description: String,
    /// What was said of its inputs; of others their labels are shown
    parameters: Vec<ParameterSetting>,
    /// As the published version makes it; null when that is no tool
    tool: Option<ToolInfo>,
    /// Why it can't be called
    error: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::tools) struct CreateWorkflowTool {
    /// A published app of mode `workflow` that begins with a start node
    app_id: AppId,
    /// Letters, digits and underscores
    name: String,
    /// For people; without it the app's name
    label: Option<String>,
    /// For the model: what the tool does, when to use it
    description: String,
    #[serde(default)]
    parameters: Vec<ParameterSetting>,
}

/// What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::tools) struct UpdateWorkflowTool {
    name: Option<String>,
    label: Option<String>,
    description: Option<String>,
    parameters: Option<Vec<ParameterSetting>>,
}

/// The workspace's workflows that are tools
#[utoipa::path(get, path = "/api/tools/workflows", tag = "tools", responses((status = 200, body = List<WorkflowTool>)))]
pub(in crate::tools) async fn list_workflow_tools(
    State(state): State<AppState>,
    session: Session<Admin>,
) -> Result<Json<List<WorkflowTool>>> {
    let rows = db::list(&state.db, session.workspace_id, None).await?;
    Ok(Json(List::whole(rows.into_iter().map(shown).collect::<Result<_>>()?)))
}

/// Make a tool of a published workflow
///
/// Calling it runs what is published of the app at that moment.
#[utoipa::path(post, path = "/api/tools/workflows", tag = "tools", request_body = CreateWorkflowTool,
    responses((status = 201, body = WorkflowTool), (status = 400), (status = 404), (status = 409)))]
pub(in crate::tools) async fn create_workflow_tool(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<CreateWorkflowTool>,
) -> Result<(StatusCode, Json<WorkflowTool>)> {
    let app = AppHead::find(&state.db, session.workspace_id, body.app_id).await?;
    let name = check_name(&body.name)?;
    let label = text::line("label", body.label.as_deref().unwrap_or(&app.name), LABEL_CHARS)?;
    let description = check_description(&body.description)?;
    if app.mode != AppMode::Workflow {
        return Err(unusable(format!("the app \"{}\" is no workflow", app.name)).param("app_id"));
    }
    let version_id = app.version_id.ok_or_else(|| unusable(format!("the app \"{}\" is not published", app.name)).param("app_id"))?;
    let config = apps::find_version_config(&state.db, session.workspace_id, app.id, version_id).await?.unwrap_or_default();
    check_entry(&config).map_err(|error| error.param("app_id"))?;
    check_parameters(&config, &body.parameters)?;
    let id = WorkflowToolId::new();
    let mut tx = state.db.begin().await?;
    db::delete_orphans(&mut *tx, session.workspace_id).await?;
    if db::list(&mut *tx, session.workspace_id, None).await?.len() >= MAX_TOOLS {
        return Err(Error::new(Code::Conflict, format!("This workspace has {MAX_TOOLS} workflows as tools already; remove one first.")));
    }
    let row = db::NewTool {
        id,
        workspace_id: session.workspace_id,
        app_id: app.id,
        name: &name,
        label: &label,
        description: &description,
        parameters: &json!(body.parameters),
        created_by: session.account_id,
    };
    let inserted = db::insert(&mut *tx, row).await;
    let is_tool = || Error::new(Code::Conflict, format!("The app \"{}\" is a tool already.", app.name)).param("app_id");
    match &inserted {
        Err(sqlx::Error::Database(refusal)) if refusal.constraint() == Some("workflow_tools_workspace_id_app_id_key") => {
            return Err(is_tool());
        }
        _ => inserted.on_constraint("workflow_tools_workspace_id_name_key", || taken(&name))?,
    }
    session.audit(&mut *tx, "workflow_tool.create", ("workflow_tool", id), json!({"name": name, "app_id": app.id})).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, find(&state, &session, id).await?))
}

/// One workflow that is a tool
#[utoipa::path(get, path = "/api/tools/workflows/{workflow_tool_id}", tag = "tools", params(("workflow_tool_id" = uuid::Uuid, Path,)),
    responses((status = 200, body = WorkflowTool), (status = 404)))]
pub(in crate::tools) async fn get_workflow_tool(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<WorkflowToolId>,
) -> Result<Json<WorkflowTool>> {
    find(&state, &session, id).await
}

/// Change how a workflow looks as a tool
#[utoipa::path(patch, path = "/api/tools/workflows/{workflow_tool_id}", tag = "tools", params(("workflow_tool_id" = uuid::Uuid, Path,)),
    request_body = UpdateWorkflowTool, responses((status = 200, body = WorkflowTool), (status = 404), (status = 409)))]
pub(in crate::tools) async fn update_workflow_tool(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<WorkflowToolId>,
    Json(body): Json<UpdateWorkflowTool>,
) -> Result<Json<WorkflowTool>> {
    let before = db::list(&state.db, session.workspace_id, Some(id)).await?.pop().ok_or_else(missing)?;
    let name = body.name.as_deref().map(check_name).transpose()?;
    let label = body.label.as_deref().map(|label| text::line("label", label, LABEL_CHARS)).transpose()?;
    let description = body.description.as_deref().map(check_description).transpose()?;
    if let Some(parameters) = &body.parameters {
        check_parameters(before.config.as_ref().unwrap_or(&Value::Null), parameters)?;
    }
    let parameters = body.parameters.map(|parameters| json!(parameters));
    let change = db::ChangedTool {
        name: name.as_deref(),
        label: label.as_deref(),
        description: description.as_deref(),
        parameters: parameters.as_ref(),
    };
    let mut tx = state.db.begin().await?;
    db::delete_orphans(&mut *tx, session.workspace_id).await?;
    let changed = db::update(&mut *tx, session.workspace_id, id, change).await;
    if !changed.on_constraint("workflow_tools_workspace_id_name_key", || taken(name.as_deref().unwrap_or(&before.name)))? {
        return Err(missing());
    }
    let detail = json!({"name": name, "label": label, "parameters_changed": parameters.is_some()});
    session.audit(&mut *tx, "workflow_tool.update", ("workflow_tool", id), detail).await?;
    tx.commit().await?;
    find(&state, &session, id).await
}

/// Let a workflow be a tool no more; the app stays
#[utoipa::path(delete, path = "/api/tools/workflows/{workflow_tool_id}", tag = "tools", params(("workflow_tool_id" = uuid::Uuid, Path,)),
    responses((status = 204), (status = 404)))]
pub(in crate::tools) async fn delete_workflow_tool(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<WorkflowToolId>,
) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    if !db::delete(&mut *tx, session.workspace_id, id).await? {
        return Err(missing());
    }
    session.audit(&mut *tx, "workflow_tool.delete", ("workflow_tool", id), json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(state: &AppState, session: &Session<Admin>, id: WorkflowToolId) -> Result<Json<WorkflowTool>> {
    let row = db::list(&state.db, session.workspace_id, Some(id)).await?.pop().ok_or_else(missing)?;
    shown(row).map(Json)
}

fn shown(row: db::Row) -> Result<WorkflowTool> {
    let (tool, error) = match describe(&row) {
        Ok(tool) => (Some(tool), None),
        Err(error) => (None, Some(error.message)),
    };
    Ok(WorkflowTool {
        id: row.id,
        app_id: row.app_id,
        app_name: row.app_name,
        name: row.name,
        label: row.label,
        description: row.description,
        parameters: serde_json::from_value(row.parameters).map_err(Error::internal)?,
        tool,
        error,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn missing() -> Error {
    Error::not_found("Workflow tool not found.")
}

fn taken(name: &str) -> Error {
    Error::new(Code::Conflict, format!("This workspace has a workflow named \"{name}\" as a tool already.")).param("name")
}

/// What every provider of models takes as the name of a function.
fn check_name(name: &str) -> Result<String> {
    let name = text::line("name", name, NAME_CHARS)?;
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(name);
    }
    Err(Error::invalid("name", "name may hold letters, digits and underscores only: models call the tool by it."))
}

/// They must be inputs of the published form, each once.
fn check_parameters(config: &Value, parameters: &[ParameterSetting]) -> Result<()> {
    let features = apps::workflow_features(config)?;
    for (i, parameter) in parameters.iter().enumerate() {
        let at = |field: &str| format!("parameters[{i}].{field}");
        if !features.form().any(|(_, field)| field.variable == parameter.name) {
            let message = format!("The workflow's start node has no input \"{}\".", parameter.name);
            return Err(Error::invalid(at("name"), message));
        }
        if parameters[..i].iter().any(|other| other.name == parameter.name) {
            return Err(Error::invalid(at("name"), format!("The input \"{}\" is named twice.", parameter.name)));
        }
        check_description(&parameter.description).map_err(|error| error.param(at("description")))?;
    }
    Ok(())
}
