//! Forms that runs wait for, as the console shows and answers them: those of the draft, whatever their delivery.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::run::run_row;
use crate::accounts::{Editor, Session};
use crate::error::{Code, Error, Result};
use crate::files::{Owner, Scope};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::ids::{AppId, HumanInputFormId, WorkflowRunId};
use crate::state::AppState;
use crate::workflows::db::forms as db;
use crate::workflows::db::recipients::{self, MailStatus};
use crate::workflows::forms;
use crate::workflows::run_row::TriggeredFrom;
use crate::workflows::vars::Vars;

/// A form of a run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunForm)]
pub(super) struct RunForm {
    id: HumanInputFormId,
    node_id: String,
    node_title: String,
    /// waiting, answered or expired
    status: String,
    /// `webapp`, `email`
    channels: Vec<String>,
    /// Those it went to by e-mail
    recipients: Vec<FormRecipient>,
    /// Markdown
    form_content: String,
    #[schema(value_type = Vec<Object>)]
    inputs: Value,
    #[schema(value_type = Vec<Object>)]
    actions: Value,
    #[schema(value_type = Object)]
    resolved_default_values: Vars,
    /// What was answered
    #[schema(value_type = Option<Object>)]
    answer: Option<Value>,
    answered_at: Option<DateTime<Utc>>,
    /// Address of the recipient whose link was used; null for the form's own link, the console and the API
    answered_by: Option<String>,
    expires_at: DateTime<Utc>,
}

/// Somebody whom a form was sent to.
#[derive(Debug, Serialize, ToSchema)]
struct FormRecipient {
    email: String,
    status: MailStatus,
    /// Why the mail was not sent, or not yet
    error: Option<String>,
    sent_at: Option<DateTime<Utc>>,
}

impl FormRecipient {
    fn of(row: &recipients::Row) -> Self {
        Self { email: row.email.clone(), status: row.status, error: row.error.clone(), sent_at: row.sent_at }
    }
}

/// The forms that a run asked people to fill in, and how they went out
#[utoipa::path(get, path = "/api/apps/{app_id}/runs/{run_id}/forms", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path)), responses((status = 200, body = List<RunForm>), (status = 404)))]
pub(super) async fn list_run_forms(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id)): Path<(AppId, WorkflowRunId)>,
) -> Result<Json<List<RunForm>>> {
    run_row(&state, &session, app_id, run_id).await?;
    let rows = db::list(&state.db, session.workspace_id, &[run_id.0]).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let asked = recipients::list(&state.db, session.workspace_id, &ids).await?;
    let forms = rows.into_iter().map(|row| {
        let form = forms::form_of(&row)?;
        Ok(RunForm {
            channels: form.approval_channels,
            recipients: asked.iter().filter(|r| r.form_id == row.id).map(FormRecipient::of).collect(),
            answered_at: row.answered_at,
            answered_by: asked.iter().find(|r| Some(r.id) == row.answered_through).map(|r| r.email.clone()),
            id: HumanInputFormId(row.id),
            node_id: form.node_id,
            node_title: form.node_title,
            status: row.status,
            form_content: form.form_content,
            inputs: form.inputs,
            actions: form.actions,
            resolved_default_values: form.resolved_default_values,
            answer: row.answer,
            expires_at: row.expires_at,
        })
    });
    Ok(Json(List::whole(forms.collect::<Result<_>>()?)))
}

/// An answer to a form.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct AnswerForm {
    /// Values of the form's inputs
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// Id of one of its actions
    pub action: String,
}

/// Answer a form of a draft's run. The run goes on in the background: follow its events.
#[utoipa::path(post, path = "/api/apps/{app_id}/runs/{run_id}/forms/{form_id}", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path), ("form_id" = HumanInputFormId, Path)), request_body = AnswerForm,
    responses((status = 204), (status = 400), (status = 403), (status = 404), (status = 412)))]
pub(super) async fn answer_run_form(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id, form_id)): Path<(AppId, WorkflowRunId, HumanInputFormId)>,
    Json(body): Json<AnswerForm>,
) -> Result<StatusCode> {
    let run = run_row(&state, &session, app_id, run_id).await?;
    if run.triggered_from != TriggeredFrom::Debugging {
        let text = "This run is not one of the draft: its form is answered by those whom it was sent to.";
        return Err(Error::new(Code::Forbidden, text));
    }
    let row = forms::find_in_run(&state, session.workspace_id, run_id, form_id).await?;
    let scope = Scope { workspace_id: session.workspace_id, app_id, owner: Owner::Account(session.account_id) };
    forms::answer(&state, &scope, &row, None, &body.inputs, &body.action).await?;
    session.audit(&state.db, "workflow_run.answer_form", ("workflow_run", run_id), json!({"form_id": form_id})).await?;
    Ok(StatusCode::NO_CONTENT)
}
