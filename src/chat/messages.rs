//! `/v1/messages`: the history of a conversation.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::conversations::{self, CursorPage};
use super::db::messages::{self, Row};
use super::db::thoughts;
use super::require_chat;
use crate::accounts::ServiceApp;
use crate::error::{Error, Result};
use crate::files;
use crate::http::payload::Params;
use crate::ids::{ConversationId, MessageId};
use crate::state::AppState;
use crate::workflows::forms;

/// A question and its answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Message {
    id: MessageId,
    conversation_id: Option<ConversationId>,
    parent_message_id: Option<MessageId>,
    #[schema(value_type = Object)]
    inputs: Value,
    query: String,
    answer: String,
    feedback: Option<Feedback>,
    #[schema(value_type = Vec<Object>)]
    retriever_resources: Vec<Value>,
    created_at: i64,
    #[schema(value_type = Vec<Object>)]
    agent_thoughts: Vec<Value>,
    #[schema(value_type = Vec<Object>)]
    message_files: Vec<Value>,
    /// `normal`, `error` or `paused`
    status: &'static str,
    error: Option<String>,
    #[schema(value_type = Vec<Object>)]
    extra_contents: Vec<Value>,
    message_tokens: i32,
    answer_tokens: i32,
    total_tokens: i32,
    provider_response_latency: f64,
    total_price: Option<String>,
    currency: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Feedback {
    rating: String,
}

impl Message {
    fn new(row: Row, files: Vec<Value>, agent_thoughts: Vec<Value>, extra_contents: Vec<Value>) -> Self {
        let (status, error) = match row.status.as_str() {
            "error" | "interrupted" => ("error", row.error),
            "paused" => ("paused", None),
            _ => ("normal", None),
        };
        let resources = row.metadata.get("retriever_resources").and_then(Value::as_array).cloned().unwrap_or_default();
        Self {
            id: row.id,
            conversation_id: row.conversation_id,
            parent_message_id: row.parent_message_id,
            inputs: if row.inputs.is_object() { row.inputs } else { Value::Object(Map::new()) },
            query: row.query,
            answer: row.answer,
            feedback: row.rating.map(|rating| Feedback { rating }),
            retriever_resources: resources,
            created_at: row.created_at.timestamp(),
            agent_thoughts,
            message_files: files,
            status,
            error,
            extra_contents,
            message_tokens: row.prompt_tokens,
            answer_tokens: row.completion_tokens,
            total_tokens: row.prompt_tokens.saturating_add(row.completion_tokens),
            provider_response_latency: row.latency_s,
            total_price: row.total_price,
            currency: Some(row.currency),
        }
    }
}

fn thought_json(row: thoughts::Row) -> Value {
    json!({
        "id": row.id,
        "chain_id": null,
        "message_id": row.message_id,
        "position": row.position,
        "thought": row.thought,
        "tool": row.tool,
        "tool_labels": row.tool_labels,
        "tool_input": row.tool_input,
        "created_at": row.created_at.timestamp(),
        "observation": row.observation,
        "files": row.files,
    })
}

/// The newest messages of a conversation, or those before `first_id`; oldest first inside the page.
#[utoipa::path(get, path = "/v1/messages", tag = "Conversations", params(("conversation_id" = String, Query), ("user" = Option<String>, Query), ("first_id" = Option<String>, Query), ("limit" = Option<i64>, Query)), responses((status = 200, body = CursorPage<Message>)))]
pub(super) async fn list_messages(State(state): State<AppState>, app: ServiceApp, params: Params) -> Result<Json<CursorPage<Message>>> {
    require_chat(&state, &app).await?;
    let limit = params.int("limit", 20, 1..=100)?;
    let first_id = params.uuid("first_id")?.map(MessageId);
    let Some(id) = params.uuid("conversation_id")?.map(ConversationId) else {
        return Ok(Json(CursorPage::cut(Vec::<Message>::new(), limit, |m| m)));
    };
    let conversation = conversations::find(&state, &app, params.user(), id).await?;
    let before = match first_id {
        Some(id) => {
            let place = messages::find_place(&state.db, app.workspace_id, conversation.id, id).await?;
            Some((place.ok_or_else(|| Error::not_found("First Message Not Exists."))?, id))
        }
        None => None,
    };
    let mut rows = messages::list(&state.db, app.workspace_id, conversation.id, before, limit + 1).await?;
    let has_more = rows.len() > usize::try_from(limit).unwrap_or(0);
    if has_more {
        rows.pop();
    }
    rows.reverse();
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut attached: HashMap<MessageId, Vec<Value>> = HashMap::new();
    for file in files::list_message_files(&state, app.workspace_id, &ids).await? {
        attached.entry(file.message_id()).or_default().push(file.service_json(&state));
    }
    let mut extra_contents = forms::extra_contents(&state, app.workspace_id, &ids).await?;
    let mut thoughts: HashMap<MessageId, Vec<Value>> = HashMap::new();
    for thought in thoughts::list(&state.db, app.workspace_id, &ids).await? {
        thoughts.entry(thought.message_id).or_default().push(thought_json(thought));
    }
    let data = rows.into_iter().map(|row| {
        let files = attached.remove(&row.id).unwrap_or_default();
        let extra_contents = extra_contents.remove(&row.id).unwrap_or_default();
        let thoughts = thoughts.remove(&row.id).unwrap_or_default();
        Message::new(row, files, thoughts, extra_contents)
    });
    Ok(Json(CursorPage::new(limit, has_more, data.collect())))
}
