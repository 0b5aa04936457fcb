//! `/v1/conversations`: list, delete, rename.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::db::conversations::{self, Order, Row};
use super::{naming, require_chat, service_caller};
use crate::accounts::ServiceApp;
use crate::apps::RunnableApp;
use crate::error::{Code, Error, Result};
use crate::http::extract::Path;
use crate::http::payload::{Params, Payload};
use crate::ids::ConversationId;
use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Conversation {
    id: ConversationId,
    name: String,
    #[schema(value_type = Object)]
    inputs: Value,
    status: String,
    introduction: Option<String>,
    /// Unix seconds
    created_at: i64,
    updated_at: i64,
}

impl From<Row> for Conversation {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            inputs: row.inputs,
            status: row.status,
            introduction: row.introduction,
            created_at: row.created_at.timestamp(),
            updated_at: row.updated_at.timestamp(),
        }
    }
}

/// A page by cursor.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CursorPage<T> {
    limit: i64,
    has_more: bool,
    data: Vec<T>,
}

impl<T> CursorPage<T> {
    pub(super) fn new(limit: i64, has_more: bool, data: Vec<T>) -> Self {
        Self { limit, has_more, data }
    }

    /// Out of up to `limit + 1` rows.
    pub(super) fn cut<R>(mut rows: Vec<R>, limit: i64, item: impl FnMut(R) -> T) -> Self {
        let wanted = usize::try_from(limit).unwrap_or(0);
        let has_more = rows.len() > wanted;
        rows.truncate(wanted);
        Self { limit, has_more, data: rows.into_iter().map(item).collect() }
    }
}

/// The conversation of this `user`, or 404.
pub(super) async fn find(state: &AppState, app: &ServiceApp, user: Option<&str>, id: ConversationId) -> Result<Row> {
    require_chat(state, app).await?;
    let caller = service_caller(state, app, user).await?;
    let row = conversations::find(&state.db, app.workspace_id, app.app_id, &caller, id).await?;
    row.ok_or_else(|| Error::not_found("Conversation Not Exists."))
}

/// A user's conversations, `last_id` being the last of the page before.
#[utoipa::path(get, path = "/v1/conversations", tag = "Conversations", params(("user" = Option<String>, Query), ("last_id" = Option<String>, Query), ("limit" = Option<i64>, Query), ("sort_by" = Option<String>, Query)), responses((status = 200, body = CursorPage<Conversation>)))]
pub(super) async fn list_conversations(
    State(state): State<AppState>,
    app: ServiceApp,
    params: Params,
) -> Result<Json<CursorPage<Conversation>>> {
    require_chat(&state, &app).await?;
    let limit = params.int("limit", 20, 1..=100)?;
    let order = match params.get("sort_by").unwrap_or("-updated_at") {
        "created_at" => Order { by_update: false, descending: false },
        "-created_at" => Order { by_update: false, descending: true },
        "updated_at" => Order { by_update: true, descending: false },
        "-updated_at" => Order { by_update: true, descending: true },
        _ => return Err(Error::invalid("sort_by", "sort_by must be one of created_at, -created_at, updated_at, -updated_at.")),
    };
    let last_id = params.uuid("last_id")?.map(ConversationId);
    let caller = service_caller(&state, &app, params.user()).await?;
    let after = match last_id {
        Some(id) => {
            let row = conversations::find(&state.db, app.workspace_id, app.app_id, &caller, id).await?;
            Some(row.ok_or_else(|| Error::not_found("Last Conversation Not Exists."))?)
        }
        None => None,
    };
    let Some(end_user) = caller.end_user else { return Err(Error::not_found("Not found.")) };
    let rows = conversations::list(&state.db, app.workspace_id, app.app_id, end_user, order, after.as_ref(), limit + 1).await?;
    Ok(Json(CursorPage::cut(rows, limit, Conversation::from)))
}

/// Delete a conversation.
#[utoipa::path(delete, path = "/v1/conversations/{conversation_id}", tag = "Conversations", params(("conversation_id" = ConversationId, Path)), request_body = super::service::UserBody, responses((status = 204)))]
pub(super) async fn delete_conversation(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(id): Path<ConversationId>,
    payload: Payload,
) -> Result<StatusCode> {
    let row = find(&state, &app, payload.user.as_deref(), id).await?;
    conversations::delete(&state.db, app.workspace_id, row.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RenameConversation {
    name: Option<String>,
    /// Let the model find the name
    #[serde(default)]
    auto_generate: bool,
}

/// Name a conversation, or let the model do it.
#[utoipa::path(post, path = "/v1/conversations/{conversation_id}/name", tag = "Conversations", params(("conversation_id" = ConversationId, Path)), request_body = RenameConversation, responses((status = 200, body = Conversation)))]
pub(super) async fn rename_conversation(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(id): Path<ConversationId>,
    payload: Payload,
) -> Result<Json<Conversation>> {
    let user = payload.user.clone();
    let body: RenameConversation = payload.fields()?;
    let name = body.name.as_deref().map(|n| n.replace('\0', "")).filter(|n| !n.trim().is_empty());
    let row = match name {
        _ if body.auto_generate => {
            let row = find(&state, &app, user.as_deref(), id).await?;
            let query = conversations::find_first_query(&state.db, app.workspace_id, row.id).await?;
            let query = query.ok_or_else(|| Error::invalid("auto_generate", "The conversation has no message to be named after."))?;
            let published = RunnableApp::published(&state.db, app.workspace_id, app.app_id).await?;
            let model = published.model_config()?.model.reference();
            let title = naming::title(&state, app.workspace_id, &model, &query, "").await.unwrap_or(row.name);
            conversations::rename(&state.db, app.workspace_id, row.id, &title).await?
        }
        Some(name) => {
            let row = find(&state, &app, user.as_deref(), id).await?;
            conversations::rename(&state.db, app.workspace_id, row.id, &name).await?
        }
        None => return Err(Error::new(Code::InvalidParam, "name is required when auto_generate is false")),
    };
    Ok(Json(row.into()))
}
