//! `/v1/conversations/{id}/variables`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::conversations::{self, CursorPage};
use super::db::conversations::{self as db, VariableRow};
use crate::accounts::ServiceApp;
use crate::apps::inputs::without_nul;
use crate::error::{Code, Error, Result};
use crate::http::extract::Path;
use crate::http::payload::{Params, Payload};
use crate::ids::{ConversationId, ConversationVariableId};
use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Variable {
    id: ConversationVariableId,
    name: String,
    value_type: String,
    /// Always text, or null
    value: Option<String>,
    description: String,
    created_at: i64,
    updated_at: i64,
}

impl From<VariableRow> for Variable {
    fn from(row: VariableRow) -> Self {
        let value = match row.value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        let value_type = if matches!(row.value_type.as_str(), "integer" | "float") { "number".into() } else { row.value_type };
        Self {
            id: row.id,
            name: row.name,
            value_type,
            value,
            description: row.description,
            created_at: row.created_at.timestamp(),
            updated_at: row.updated_at.timestamp(),
        }
    }
}

/// What a conversation remembers.
#[utoipa::path(get, path = "/v1/conversations/{conversation_id}/variables", tag = "Conversations", params(("conversation_id" = ConversationId, Path), ("user" = Option<String>, Query), ("last_id" = Option<String>, Query), ("limit" = Option<i64>, Query), ("variable_name" = Option<String>, Query)), responses((status = 200, body = CursorPage<Variable>)))]
pub(super) async fn list_variables(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(id): Path<ConversationId>,
    params: Params,
) -> Result<Json<CursorPage<Variable>>> {
    let limit = params.int("limit", 20, 1..=100)?;
    let name = params.get("variable_name");
    let is_name = |n: &str| n.chars().count() <= 255 && n.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if name.is_some_and(|n| !is_name(n)) {
        return Err(Error::invalid("variable_name", "variable_name may hold letters, digits, '-', '_' and '.', at most 255 of them."));
    }
    let last_id = params.uuid("last_id")?.map(ConversationVariableId);
    let conversation = conversations::find(&state, &app, params.user(), id).await?;
    let after = match last_id {
        Some(id) => {
            let row = db::find_variable(&state.db, app.workspace_id, conversation.id, id).await?;
            let row = row.ok_or_else(|| Error::not_found("Conversation Variable Not Exists."))?;
            Some((row.created_at, row.id))
        }
        None => None,
    };
    let rows = db::list_variables(&state.db, app.workspace_id, conversation.id, name, after, limit + 1).await?;
    Ok(Json(CursorPage::cut(rows, limit, Variable::from)))
}

#[derive(Debug, serde::Deserialize, ToSchema)]
pub(super) struct UpdateVariable {
    #[serde(default)]
    value: Value,
}

/// Change what a conversation remembers.
#[utoipa::path(put, path = "/v1/conversations/{conversation_id}/variables/{variable_id}", tag = "Conversations", params(("conversation_id" = ConversationId, Path), ("variable_id" = ConversationVariableId, Path)), request_body = UpdateVariable, responses((status = 200, body = Variable)))]
pub(super) async fn update_variable(
    State(state): State<AppState>,
    app: ServiceApp,
    Path((id, variable_id)): Path<(ConversationId, ConversationVariableId)>,
    payload: Payload,
) -> Result<Json<Variable>> {
    let user = payload.user.clone();
    let UpdateVariable { value } = payload.fields()?;
    let conversation = conversations::find(&state, &app, user.as_deref(), id).await?;
    let variable = db::find_variable(&state.db, app.workspace_id, conversation.id, variable_id).await?;
    let variable = variable.ok_or_else(|| Error::not_found("Conversation Variable Not Exists."))?;
    if !fits(&variable.value_type, &value) {
        let (name, expected) = (&variable.name, &variable.value_type);
        let message = format!("Type mismatch: variable '{name}' expects {expected}, but got {} type", type_name(&value));
        return Err(Error::new(Code::BadRequest, message));
    }
    let row = db::update_variable(&state.db, app.workspace_id, variable.id, &without_nul(&value)).await?;
    Ok(Json(row.into()))
}

fn fits(value_type: &str, value: &Value) -> bool {
    if let Some(item) = value_type.strip_prefix("array[").and_then(|t| t.strip_suffix(']')) {
        return value.as_array().is_some_and(|items| items.iter().all(|i| fits(item, i)));
    }
    match value_type {
        "string" | "secret" => value.is_string(),
        "number" | "integer" | "float" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" | "file" => value.is_object(),
        _ => true,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_must_have_their_type() {
        for (value_type, good, bad) in [
            ("string", json!("x"), json!(1)),
            ("number", json!(1.5), json!("1")),
            ("array[string]", json!(["a"]), json!(["a", 1])),
            ("array[any]", json!([1, "a"]), json!({})),
            ("object", json!({}), json!([])),
            ("boolean", json!(true), json!("true")),
        ] {
            assert!(fits(value_type, &good) && !fits(value_type, &bad), "{value_type}");
        }
    }
}
