//! Forms that a run asks people to fill in: opened by a node, shown and answered through a token, closed when their time is
//! up. The first valid answer wins.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::forms::{self as db, AnsweredBy};
use super::db::{recipients, runs};
use super::event::{Form, FormAnswer};
use super::host::{FormState, NewForm, OpenForm};
use super::nodes::fill_in;
use super::run_host::LONGEST_WAIT;
use super::run_row::{NewRun, Source};
use super::vars::Vars;
use super::{form_inputs, form_mail, job};
use crate::error::{Code, Error, Result};
use crate::files::Scope;
use crate::ids::{AppId, HumanInputFormId, MessageId, WorkflowRunId, WorkspaceId};
use crate::mail::MailError;
use crate::state::AppState;

/// The page of the web app.
const WEB_APP: &str = "webapp";

/// What stands before whoever would answer a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FormStanding)]
pub enum Standing {
    Waiting,
    Answered,
    /// Its time was up
    Expired,
    /// The run that asked was stopped or failed meanwhile
    RunEnded,
}

impl Standing {
    pub fn of(row: &db::Row) -> Self {
        match row.status.as_str() {
            "answered" => Self::Answered,
            "waiting" if row.expires_at > Utc::now() => {
                if row.is_run_open {
                    Self::Waiting
                } else {
                    Self::RunEnded
                }
            }
            _ => Self::Expired,
        }
    }

    /// Lets pass who may answer.
    pub fn admit(self, form_id: Uuid) -> Result<()> {
        match self {
            Self::Waiting => Ok(()),
            Self::Answered => {
                let text = format!("This form has already been submitted by another user, form_id={form_id}");
                Err(Error::new(Code::FormSubmitted, text))
            }
            Self::Expired => Err(Error::new(Code::FormExpired, "This form has expired.")),
            Self::RunEnded => Err(Error::new(Code::FormExpired, "This form has expired: the run that asked is over.")),
        }
    }
}

/// Sends a form on its way to people; where it stands, when its node asked before. A form that reaches nobody is refused: its run
/// would wait in vain.
pub async fn open(state: &AppState, run: &NewRun, new: NewForm) -> Result<OpenForm> {
    let id = Uuid::now_v7();
    let channels = channels(&new.delivery_methods);
    // whoever tries a draft sees its forms, wherever they go
    let on_page = channels.iter().any(|channel| channel == WEB_APP) || run.source == Source::Debugger;
    let token = on_page.then(new_token);
    let expires_at = Utc::now() + new.expires_in.min(LONGEST_WAIT);
    let (execution_id, delivery_methods) = (new.execution_id, new.delivery_methods.clone());
    let form =
        Form { display_in_ui: on_page, form_token: token.clone(), approval_channels: channels, ..form_without_page(new, id, expires_at) };
    let form = serde_json::to_value(form).map_err(anyhow::Error::from)?;
    let row = db::NewForm {
        id,
        app_id: run.app_id,
        run_id: run.id,
        execution_id,
        token: token.as_deref(),
        form: &form,
        recipients: &delivery_methods,
        expires_at,
    };
    let mut tx = state.db.begin().await?;
    let (id, is_new) = db::open(&mut *tx, run.workspace_id, row).await?;
    if is_new {
        let mailed = form_mail::address(state, &mut tx, run, id, &delivery_methods).await?;
        if !on_page && let Some(problem) = mailed.nobody() {
            return Err(Error::new(Code::BadRequest, format!("The form reaches nobody: {problem}.")));
        }
    }
    let row = db::find(&mut *tx, run.workspace_id, id).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    let delivery = delivery(state, run.workspace_id, &row).await?;
    Ok(OpenForm { state: stand(&row)?, delivery })
}

/// A form that is shown to nobody but those who watch its run.
pub fn form_without_page(new: NewForm, id: Uuid, expires_at: DateTime<Utc>) -> Form {
    Form {
        form_id: id,
        node_id: new.node_id,
        node_title: new.node_title,
        form_content: new.form_content,
        inputs: new.inputs,
        actions: new.actions,
        display_in_ui: false,
        form_token: None,
        approval_channels: Vec::new(),
        resolved_default_values: new.resolved_default_values,
        expiration_time: expires_at.timestamp(),
    }
}

/// 32 random bytes: whoever has it may answer.
pub fn new_token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// Where a stored form stands.
fn stand(row: &db::Row) -> Result<FormState> {
    Ok(match (row.status.as_str(), &row.answer) {
        ("answered", Some(answer)) => FormState::Answered(serde_json::from_value(answer.clone()).map_err(anyhow::Error::from)?),
        ("expired", _) => FormState::TimedOut { expiration_time: row.expires_at.timestamp() },
        _ => FormState::Waiting(form_of(row)?),
    })
}

/// How a form went out, for the node's process data: callers see it too, so nobody is named.
async fn delivery(state: &AppState, workspace_id: WorkspaceId, row: &db::Row) -> Result<Vars> {
    let mut shown = Vec::new();
    for channel in form_of(row)?.approval_channels {
        let mut told = json!({"type": channel});
        if channel == form_mail::CHANNEL {
            let tally = recipients::tally(&state.db, workspace_id, row.id).await?;
            told["recipients"] = json!(tally.recipients);
            told["sent"] = json!(tally.sent);
            told["failed"] = json!(tally.failed);
            if !state.mail.is_configured() {
                told["problem"] = json!(MailError::NotConfigured.to_string());
            }
        }
        shown.push(told);
    }
    Ok(Vars::from_iter([("delivery".to_owned(), Value::Array(shown))]))
}

pub fn form_of(row: &db::Row) -> Result<Form> {
    Ok(serde_json::from_value(row.form.clone()).map_err(anyhow::Error::from)?)
}

/// The types of the delivery methods that are switched on.
fn channels(methods: &Value) -> Vec<String> {
    let enabled = methods.as_array().into_iter().flatten().filter(|method| method.get("enabled") != Some(&Value::Bool(false)));
    enabled.filter_map(|method| method.get("type")?.as_str()).map(str::to_owned).collect()
}

/// The waiting form that a token of this app opens.
pub async fn find(state: &AppState, workspace_id: WorkspaceId, app_id: AppId, token: &str) -> Result<db::Row> {
    let row = db::find_by_token(&state.db, workspace_id, app_id, token).await?.ok_or_else(not_found)?;
    Standing::of(&row).admit(row.id)?;
    Ok(row)
}

/// A waiting form of a run.
pub async fn find_in_run(state: &AppState, workspace_id: WorkspaceId, run_id: WorkflowRunId, id: HumanInputFormId) -> Result<db::Row> {
    let rows = db::list(&state.db, workspace_id, &[run_id.0]).await?;
    let row = rows.into_iter().find(|row| row.id == id.0).ok_or_else(not_found)?;
    Standing::of(&row).admit(row.id)?;
    Ok(row)
}

fn not_found() -> Error {
    Error::not_found("Form not found")
}

/// Takes an answer; the run goes on in the background. `recipient_id`: through whose link it came, if not the form's own.
pub async fn answer(
    state: &AppState,
    scope: &Scope,
    row: &db::Row,
    recipient_id: Option<Uuid>,
    inputs: &Map<String, Value>,
    action: &str,
) -> Result<()> {
    Standing::of(row).admit(row.id)?;
    let answer = read_answer(state, scope, form_of(row)?, inputs, action).await?;
    let answer = serde_json::to_value(answer).map_err(anyhow::Error::from)?;
    let mut tx = state.db.begin().await?;
    let by = AnsweredBy { owner: scope.owner, recipient_id };
    if !db::answer(&mut tx, scope.workspace_id, row, &answer, by).await? {
        let row = db::find(&mut *tx, scope.workspace_id, row.id).await?.ok_or_else(not_found)?;
        Standing::of(&row).admit(row.id)?;
        // by the database's clock
        return Standing::Expired.admit(row.id);
    }
    tx.commit().await?;
    job::wake(state);
    Ok(())
}

/// What a form's node is told of an answer; refused when the answer does not fit the form.
pub async fn read_answer(state: &AppState, scope: &Scope, form: Form, inputs: &Map<String, Value>, action: &str) -> Result<FormAnswer> {
    let action_text = action_title(&form.actions, action)
        .ok_or_else(|| Error::new(Code::InvalidFormData, format!("Invalid action: '{action}' is not one of the form's actions")))?;
    let submitted_data = form_inputs::read(state, scope, &form.inputs, inputs).await?;
    Ok(FormAnswer {
        rendered_content: fill_in(&form.form_content, &submitted_data),
        node_id: form.node_id,
        node_title: form.node_title,
        action_id: action.to_owned(),
        action_text,
        submitted_data,
    })
}

fn action_title(actions: &Value, id: &str) -> Option<String> {
    let action = actions.as_array()?.iter().find(|action| action.get("id").and_then(Value::as_str) == Some(id))?;
    Some(action.get("title").and_then(Value::as_str).unwrap_or(id).to_owned())
}

/// `extra_contents` of messages: the forms that their runs asked people to fill in.
pub async fn extra_contents(state: &AppState, workspace_id: WorkspaceId, messages: &[MessageId]) -> Result<HashMap<MessageId, Vec<Value>>> {
    let messages: Vec<Uuid> = messages.iter().map(|id| id.0).collect();
    let of_run: HashMap<Uuid, Uuid> = runs::find_by_messages(&state.db, workspace_id, &messages).await?.into_iter().collect();
    let mut contents: HashMap<MessageId, Vec<Value>> = HashMap::new();
    if of_run.is_empty() {
        return Ok(contents);
    }
    let ids: Vec<Uuid> = of_run.keys().copied().collect();
    for row in db::list(&state.db, workspace_id, &ids).await? {
        if let Some(message) = of_run.get(&row.run_id.0) {
            contents.entry(MessageId(*message)).or_default().push(extra_content(&row)?);
        }
    }
    Ok(contents)
}

fn extra_content(row: &db::Row) -> Result<Value> {
    let form = form_of(row)?;
    let submission = row.answer.as_ref().map(|answer| {
        let field = |key: &str| answer.get(key).cloned().unwrap_or_default();
        json!({"node_id": field("node_id"), "node_title": field("node_title"), "rendered_content": field("rendered_content"),
            "action_id": field("action_id"), "action_text": field("action_text")})
    });
    Ok(json!({
        "workflow_run_id": row.run_id, "submitted": row.status == "answered", "type": "human_input",
        "form_definition": {
            "form_id": form.form_id, "node_id": form.node_id, "node_title": form.node_title, "form_content": form.form_content,
            "inputs": form.inputs, "actions": form.actions, "display_in_ui": form.display_in_ui, "form_token": form.form_token,
            "resolved_default_values": form.resolved_default_values, "expiration_time": form.expiration_time,
        },
        "form_submission_data": submission,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_those_switched_on() {
        let methods = json!([{"type": "webapp", "enabled": true}, {"type": "email", "enabled": false}, {"type": "slack"}]);
        assert_eq!(channels(&methods), ["webapp", "slack"]);
        assert!(channels(&Value::Null).is_empty());
    }

    #[test]
    fn actions_have_titles() {
        let actions = json!([{"id": "ok", "title": "Fine"}, {"id": "bare"}]);
        assert_eq!(action_title(&actions, "ok").as_deref(), Some("Fine"));
        assert_eq!(action_title(&actions, "bare").as_deref(), Some("bare"));
        assert_eq!(action_title(&actions, "no"), None);
    }
}
