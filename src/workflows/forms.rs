//! Forms that a run asks people to fill in: opened by a node, shown and answered through a token, closed when their time is
//! up. The first valid answer wins.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::db::{forms as db, runs};
use super::event::{Form, FormAnswer};
use super::host::{FormState, NewForm};
use super::job;
use super::nodes::fill_in;
use super::run_host::LONGEST_WAIT;
use super::run_row::NewRun;
use crate::error::{Code, Error, Result};
use crate::files::{self, FileKind, InputFile, Scope, TransferMethod, UploadRules};
use crate::ids::{AppId, HumanInputFormId, MessageId, WorkflowRunId, WorkspaceId};
use crate::state::AppState;

/// The page of the web app.
const WEB_APP: &str = "webapp";

/// Shows a form; where it stands, when its node asked before.
pub async fn open(state: &AppState, run: &NewRun, new: NewForm) -> Result<FormState> {
    let id = Uuid::now_v7();
    let channels = channels(&new.delivery_methods);
    let on_page = channels.iter().any(|channel| channel == WEB_APP);
    // 32 random bytes: whoever has it may answer
    let token = on_page.then(|| hex::encode(rand::random::<[u8; 32]>()));
    let expires_at = Utc::now() + new.expires_in.min(LONGEST_WAIT);
    let (execution_id, recipients) = (new.execution_id, new.delivery_methods.clone());
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
        recipients: &recipients,
        expires_at,
    };
    stand(&db::open(&state.db, run.workspace_id, row).await?)
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

/// Where a stored form stands.
fn stand(row: &db::Row) -> Result<FormState> {
    Ok(match (row.status.as_str(), &row.answer) {
        ("answered", Some(answer)) => FormState::Answered(serde_json::from_value(answer.clone()).map_err(anyhow::Error::from)?),
        ("expired", _) => FormState::TimedOut { expiration_time: row.expires_at.timestamp() },
        _ => FormState::Waiting(form_of(row)?),
    })
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
    open_still(row)
}

/// A waiting form of a run.
pub async fn find_in_run(state: &AppState, workspace_id: WorkspaceId, run_id: WorkflowRunId, id: HumanInputFormId) -> Result<db::Row> {
    let rows = db::list(&state.db, workspace_id, &[run_id.0]).await?;
    open_still(rows.into_iter().find(|row| row.id == id.0).ok_or_else(not_found)?)
}

fn not_found() -> Error {
    Error::not_found("Form not found")
}

fn open_still(row: db::Row) -> Result<db::Row> {
    match row.status.as_str() {
        "answered" => Err(submitted(&row)),
        "waiting" if row.expires_at > Utc::now() => Ok(row),
        _ => Err(expired()),
    }
}

fn submitted(row: &db::Row) -> Error {
    Error::new(Code::FormSubmitted, format!("This form has already been submitted by another user, form_id={}", row.id))
}

fn expired() -> Error {
    Error::new(Code::FormExpired, "This form has expired.")
}

/// Takes an answer; the run goes on in the background.
pub async fn answer(state: &AppState, scope: &Scope, row: &db::Row, inputs: &Map<String, Value>, action: &str) -> Result<()> {
    let answer = read_answer(state, scope, form_of(row)?, inputs, action).await?;
    let answer = serde_json::to_value(answer).map_err(anyhow::Error::from)?;
    let mut tx = state.db.begin().await?;
    let is_first = db::answer(&mut tx, scope.workspace_id, row, &answer, scope.owner).await?;
    tx.commit().await?;
    if !is_first {
        return Err(if row.expires_at > Utc::now() { submitted(row) } else { expired() });
    }
    job::wake(state);
    Ok(())
}

/// What a form's node is told of an answer; refused when the answer does not fit the form.
pub async fn read_answer(state: &AppState, scope: &Scope, form: Form, inputs: &Map<String, Value>, action: &str) -> Result<FormAnswer> {
    let action_text = action_title(&form.actions, action)
        .ok_or_else(|| Error::new(Code::InvalidFormData, format!("Invalid action: '{action}' is not one of the form's actions")))?;
    let submitted_data = read_inputs(state, scope, &form.inputs, inputs).await?;
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

/// The values of the form's own inputs, checked by their types.
async fn read_inputs(state: &AppState, scope: &Scope, form: &Value, given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let defined: Vec<(&str, &Value)> =
        form.as_array().into_iter().flatten().filter_map(|input| Some((input.get("output_variable_name")?.as_str()?, input))).collect();
    let missing: Vec<&str> = defined.iter().map(|(name, _)| *name).filter(|name| given.get(*name).is_none_or(Value::is_null)).collect();
    if !missing.is_empty() {
        return Err(Error::new(Code::InvalidFormData, format!("Missing required inputs: {}", missing.join(", "))));
    }
    let mut values = Map::new();
    for (name, input) in defined {
        let value = crate::apps::inputs::without_nul(&given[name]);
        let kind = input.get("type").and_then(Value::as_str).unwrap_or("paragraph");
        let wrong = |what: &str| Error::new(Code::InvalidFormData, format!("Invalid value for input '{name}': must be {what}"));
        let value = match kind {
            "file" | "file-list" => {
                let items: Vec<&Value> = match (&value, kind) {
                    (Value::Object(_), "file") => vec![&value],
                    (Value::Array(items), "file-list") => items.iter().collect(),
                    (_, "file") => return Err(wrong("a file")),
                    _ => return Err(wrong("a list of files")),
                };
                let files: Vec<InputFile> =
                    items.into_iter().map(|item| InputFile::of_value(item, name)).collect::<Result<_>>().map_err(form_data)?;
                let resolved = files::resolve(state, scope, Some(&upload_rules(input, kind)), name, &files).await.map_err(form_data)?;
                let mut shown: Vec<Value> = resolved.iter().map(|file| file.output_json(state, scope.workspace_id)).collect();
                if kind == "file" { shown.pop().unwrap_or_default() } else { Value::Array(shown) }
            }
            "select" => {
                let options = input.pointer("/option_source/value").and_then(Value::as_array);
                let is_option = |text: &Value| options.is_none_or(|options| options.is_empty() || options.contains(text));
                match &value {
                    Value::String(_) if is_option(&value) => value,
                    _ => return Err(wrong("one of the options")),
                }
            }
            _ if value.is_string() => value,
            _ => return Err(wrong("a text")),
        };
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// Whatever is wrong with a file is wrong with the form's data.
fn form_data(error: Error) -> Error {
    if error.code == Code::InvalidParam { Error::new(Code::InvalidFormData, error.message) } else { error }
}

fn upload_rules(input: &Value, kind: &str) -> UploadRules {
    fn list<T: serde::de::DeserializeOwned>(input: &Value, key: &str) -> Vec<T> {
        input.get(key).and_then(|list| serde_json::from_value(list.clone()).ok()).unwrap_or_default()
    }
    let extensions: Vec<String> = list(input, "allowed_file_extensions");
    UploadRules {
        kinds: list::<FileKind>(input, "allowed_file_types"),
        extensions: extensions.iter().map(|extension| extension.trim_start_matches('.').to_ascii_lowercase()).collect(),
        methods: list::<TransferMethod>(input, "allowed_file_upload_methods"),
        number_limit: match kind {
            "file" => 1,
            _ => input.get("number_limits").and_then(Value::as_u64).filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok()).unwrap_or(10),
        },
        detail: Default::default(),
    }
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
