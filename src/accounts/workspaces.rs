//! Workspaces: the tenants. Everything else belongs to one.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::session::WorkspaceRole;
use super::{Admin, Role, Session, db, profile};
use crate::error::Result;
use crate::http::extract::Json;
use crate::http::text;
use crate::ids::WorkspaceId;
use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
    pub default_models: DefaultModels,
}

/// Models that new apps and features of the workspace start with; a missing kind means the instance's default.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DefaultModels {
    #[serde(skip_serializing_if = "Option::is_none")]
    llm: Option<ModelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_embedding: Option<ModelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank: Option<ModelName>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct ModelName {
    /// `local` or the name of one of the workspace's providers
    provider: String,
    name: String,
}

impl DefaultModels {
    fn checked(self) -> Result<Self> {
        for (kind, model) in [("llm", &self.llm), ("text-embedding", &self.text_embedding), ("rerank", &self.rerank)] {
            if let Some(model) = model {
                text::line(&format!("default_models.{kind}.provider"), &model.provider, 200)?;
                text::line(&format!("default_models.{kind}.name"), &model.name, 200)?;
            }
        }
        Ok(self)
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct CreateWorkspace {
    name: String,
}

/// Make another workspace, as its owner
#[utoipa::path(post, path = "/api/workspaces", tag = "accounts", request_body = CreateWorkspace,
    responses((status = 201, body = WorkspaceRole)))]
pub(super) async fn create_workspace(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<CreateWorkspace>,
) -> Result<(StatusCode, Json<WorkspaceRole>)> {
    let name = text::line("name", &body.name, profile::NAME_CHARS)?;
    let id = WorkspaceId::new();
    let mut tx = state.db.begin().await?;
    db::insert_workspace(&mut *tx, id, &name).await?;
    db::insert_member(&mut *tx, id, session.account_id, Role::Owner).await?;
    session.audit(&mut *tx, "workspace.create", ("workspace", id), json!({"name": name})).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(WorkspaceRole { id, name, role: Role::Owner })))
}

/// The current workspace
#[utoipa::path(get, path = "/api/workspace", tag = "accounts", responses((status = 200, body = Workspace)))]
pub(super) async fn get_workspace(State(state): State<AppState>, session: Session) -> Result<Json<Workspace>> {
    Ok(Json(db::get_workspace(&state.db, session.workspace_id).await?))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct UpdateWorkspace {
    name: Option<String>,
    /// Replaces all of them
    default_models: Option<DefaultModels>,
}

/// Rename the current workspace or choose its default models
#[utoipa::path(patch, path = "/api/workspace", tag = "accounts", request_body = UpdateWorkspace, responses((status = 200, body = Workspace)))]
pub(super) async fn update_workspace(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<UpdateWorkspace>,
) -> Result<Json<Workspace>> {
    let name = body.name.map(|n| text::line("name", &n, profile::NAME_CHARS)).transpose()?;
    let models = body.default_models.map(DefaultModels::checked).transpose()?;
    let mut tx = state.db.begin().await?;
    let workspace = db::update_workspace(&mut *tx, session.workspace_id, name.as_deref(), models).await?;
    session.audit(&mut *tx, "workspace.update", ("workspace", workspace.id), json!({"name": workspace.name})).await?;
    tx.commit().await?;
    Ok(Json(workspace))
}
