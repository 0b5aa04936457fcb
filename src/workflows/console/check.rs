//! What is wrong with a draft: with its graph, and with what it asks of the workspace.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::draft::Draft;
use crate::accounts::{Editor, Session};
use crate::apps::AppMode;
use crate::apps::models::missing::{self, At, Missing};
use crate::error::Result;
use crate::http::extract::{Json, Path};
use crate::ids::{AppId, WorkspaceId};
use crate::state::AppState;
use crate::workflows::graph::{self, Issue, Severity};

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct CheckDraft {
    /// The workflow as it is in the studio; without it the saved draft is looked at
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checked {
    /// Errors first
    data: Vec<Issue>,
    /// There are no errors
    can_publish: bool,
}

/// Everything that is wrong with the draft of a workflow, and what is probably a mistake
#[utoipa::path(post, path = "/api/apps/{app_id}/draft/check", tag = "workflows", params(("app_id" = AppId, Path)), request_body = CheckDraft,
    responses((status = 200, body = Checked), (status = 400), (status = 404)))]
pub(super) async fn check_draft(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<CheckDraft>,
) -> Result<Json<Checked>> {
    let draft = Draft::load(&state, &session, app_id, body.config).await?;
    let data = issues(&state, session.workspace_id, &draft.section, draft.head.mode).await?;
    let can_publish = data.iter().all(|issue| issue.severity != Severity::Error);
    Ok(Json(Checked { data, can_publish }))
}

/// All that can be said of a workflow section, errors first.
pub(super) async fn issues(state: &AppState, workspace_id: WorkspaceId, section: &Value, mode: AppMode) -> Result<Vec<Issue>> {
    let mut issues = graph::check(section, mode.is_chat());
    let Missing { models, tools, knowledge, plugins: _ } = missing::find(state, workspace_id, section).await?;
    let mut warn = |at: At, message: String| {
        issues.push(Issue { severity: Severity::Warning, node_id: at.node_id, title: at.title, field: at.field, message, finding: None });
    };
    for missing in models {
        missing.places.into_iter().for_each(|at| warn(at, missing.message.clone()));
    }
    for missing in tools {
        missing.places.into_iter().for_each(|at| warn(at, missing.message.clone()));
    }
    for missing in knowledge {
        warn(missing.at, missing.message);
    }
    // in the order in which they were found otherwise
    issues.sort_by_key(|issue| issue.severity != Severity::Error);
    Ok(issues)
}
