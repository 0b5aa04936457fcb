//! Two versions of an app compared, or one and the draft.

use axum::extract::State;

use crate::accounts::{Reader, Session};
use crate::apps;
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path};
use crate::ids::{AppId, AppVersionId};
use crate::state::AppState;
use crate::workflows::diff::{Diff, diff};

/// What leads from one version to another
#[utoipa::path(get, path = "/api/apps/{app_id}/versions/{version_id}/diff/{other}", tag = "apps",
    params(("app_id" = AppId, Path), ("version_id" = String, Path, description = "A version's id, or `draft`"),
        ("other" = String, Path, description = "A version's id, or `draft`")),
    responses((status = 200, body = Diff), (status = 404)))]
pub(super) async fn diff_versions(
    State(state): State<AppState>,
    session: Session<Reader>,
    Path((app_id, before, after)): Path<(AppId, String, String)>,
) -> Result<Json<Diff>> {
    let read = async |version: &str| -> Result<serde_json::Value> {
        let id = match version {
            "draft" => None,
            id => Some(id.parse::<AppVersionId>().map_err(|_| Error::not_found("Version not found."))?),
        };
        Ok(apps::find_config(&state.db, session.workspace_id, app_id, id).await?.1)
    };
    Ok(Json(diff(&read(&before).await?, &read(&after).await?)))
}
