//! The forms of a run, for its app's makers: who was asked, whether the mail reached them, who answered.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::db::recipients::MailStatus;
use super::db::{forms, recipients, runs};
use super::event::FormAnswer;
use super::forms::{Standing, form_of};
use crate::accounts::{Editor, Session};
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::ids::{AppId, WorkflowRunId};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_run_forms))
}

/// A form that a run asked people to fill in.
#[derive(Debug, Serialize, ToSchema)]
struct RunForm {
    id: Uuid,
    node_id: String,
    node_title: String,
    standing: Standing,
    /// `webapp`, `email`
    channels: Vec<String>,
    /// Those it went to by e-mail
    recipients: Vec<FormRecipient>,
    expires_at: DateTime<Utc>,
    answered_at: Option<DateTime<Utc>>,
    /// Title of the action that was chosen
    action: Option<String>,
    /// Address of the recipient whose link was used; null for the form's own link and the API
    answered_by: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FormRecipient {
    email: String,
    status: MailStatus,
    /// Why the mail was not sent, or not yet
    error: Option<String>,
    sent_at: Option<DateTime<Utc>>,
}

/// Forms that a run of the app asked people to fill in, and how they went out
#[utoipa::path(get, path = "/api/apps/{app_id}/workflow-runs/{workflow_run_id}/forms", tag = "forms",
    params(("app_id" = AppId, Path), ("workflow_run_id" = WorkflowRunId, Path)), responses((status = 200, body = List<RunForm>), (status = 404)))]
async fn list_run_forms(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id)): Path<(AppId, WorkflowRunId)>,
) -> Result<Json<List<RunForm>>> {
    let workspace_id = session.workspace_id;
    let run = runs::find(&state.db, workspace_id, app_id, run_id).await?;
    run.ok_or_else(|| Error::not_found("Workflow run not found."))?;
    let rows = forms::list(&state.db, workspace_id, &[run_id.0]).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let asked = recipients::list(&state.db, workspace_id, &ids).await?;
    let shown = rows.iter().map(|row| run_form(row, &asked)).collect::<Result<_>>()?;
    Ok(Json(List::whole(shown)))
}

fn run_form(row: &forms::Row, asked: &[recipients::Row]) -> Result<RunForm> {
    let form = form_of(row)?;
    let answer: Option<FormAnswer> = row.answer.clone().map(serde_json::from_value).transpose().map_err(anyhow::Error::from)?;
    let shown =
        |r: &recipients::Row| FormRecipient { email: r.email.clone(), status: r.status, error: r.error.clone(), sent_at: r.sent_at };
    Ok(RunForm {
        id: row.id,
        node_id: form.node_id,
        node_title: form.node_title,
        standing: Standing::of(row),
        channels: form.approval_channels,
        recipients: asked.iter().filter(|r| r.form_id == row.id).map(shown).collect(),
        expires_at: row.expires_at,
        answered_at: row.answered_at,
        action: answer.map(|answer| answer.action_text),
        answered_by: asked.iter().find(|r| Some(r.id) == row.answered_through).map(|r| r.email.clone()),
    })
}
