//! `/v1/end-users/{id}`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::db::conversations;
use super::feedback::iso;
use crate::accounts::ServiceApp;
use crate::error::{Code, Error, Result};
use crate::http::extract::Path;
use crate::ids::{AppId, EndUserId, WorkspaceId};
use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EndUser {
    id: EndUserId,
    tenant_id: WorkspaceId,
    app_id: AppId,
    r#type: String,
    external_user_id: Option<String>,
    name: Option<String>,
    is_anonymous: bool,
    session_id: String,
    /// ISO 8601
    created_at: String,
    updated_at: String,
}

/// One end user of the app.
#[utoipa::path(get, path = "/v1/end-users/{end_user_id}", tag = "End users", params(("end_user_id" = String, Path)), responses((status = 200, body = EndUser)))]
pub(super) async fn get_end_user(State(state): State<AppState>, app: ServiceApp, Path(id): Path<String>) -> Result<Json<EndUser>> {
    let row = match id.parse() {
        Ok(id) => conversations::find_end_user(&state.db, app.workspace_id, app.app_id, id).await?,
        Err(_) => None,
    };
    let row = row.ok_or_else(|| Error::new(Code::EndUserNotFound, "End user not found."))?;
    Ok(Json(EndUser {
        id: row.id,
        tenant_id: app.workspace_id,
        app_id: app.app_id,
        r#type: row.kind,
        external_user_id: row.external_user_id,
        name: row.name,
        is_anonymous: row.is_anonymous,
        session_id: row.session_id,
        created_at: iso(row.created_at),
        updated_at: iso(row.updated_at),
    }))
}
