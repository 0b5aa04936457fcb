//! What end users think of answers: `/v1/messages/{id}/feedbacks`, `/v1/app/feedbacks`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::db::messages;
use super::service_caller;
use crate::accounts::ServiceApp;
use crate::error::{Code, Error, Result};
use crate::http::extract::Path;
use crate::http::payload::{Params, Payload};
use crate::ids::{AccountId, AppId, ConversationId, EndUserId, FeedbackId, MessageId};
use crate::state::AppState;

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rating {
    Like,
    Dislike,
}

impl Rating {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Like => "like",
            Self::Dislike => "dislike",
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateFeedback {
    /// Null takes the feedback back
    rating: Option<Rating>,
    content: Option<String>,
}

/// Rate an answer; a second call overwrites.
#[utoipa::path(post, path = "/v1/messages/{message_id}/feedbacks", tag = "Feedback", params(("message_id" = MessageId, Path)), request_body = CreateFeedback, responses((status = 200)))]
pub(super) async fn create_feedback(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(id): Path<MessageId>,
    payload: Payload,
) -> Result<Json<Value>> {
    let caller = service_caller(&state, &app, Some(payload.required_user()?)).await?;
    let body: CreateFeedback = payload.fields()?;
    let message = messages::find(&state.db, app.workspace_id, app.app_id, &caller, id).await?;
    let (Some(message), Some(end_user)) = (message, caller.end_user) else { return Err(Error::not_found("Message Not Exists.")) };
    match body.rating.map(Rating::as_str) {
        Some(rating) => {
            let content = body.content.map(|c| c.replace('\0', ""));
            messages::upsert_feedback(&state.db, app.workspace_id, app.app_id, end_user, &message, rating, content.as_deref()).await?;
        }
        None => {
            if !messages::delete_feedback(&state.db, app.workspace_id, message.id).await? {
                return Err(Error::new(Code::InvalidParam, "rating cannot be None when feedback not exists"));
            }
        }
    }
    Ok(Json(json!({"result": "success"})))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Feedbacks {
    data: Vec<Feedback>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Feedback {
    id: FeedbackId,
    app_id: AppId,
    conversation_id: Option<ConversationId>,
    message_id: MessageId,
    rating: String,
    content: Option<String>,
    from_source: String,
    from_end_user_id: Option<EndUserId>,
    from_account_id: Option<AccountId>,
    /// ISO 8601
    created_at: String,
    updated_at: String,
}

/// All feedback on the app, newest first.
#[utoipa::path(get, path = "/v1/app/feedbacks", tag = "Feedback", params(("page" = Option<i64>, Query), ("limit" = Option<i64>, Query)), responses((status = 200, body = Feedbacks)))]
pub(super) async fn list_feedbacks(State(state): State<AppState>, app: ServiceApp, params: Params) -> Result<Json<Feedbacks>> {
    let page = params.int("page", 1, 1..=99_999)?;
    let limit = params.int("limit", 20, 1..=101)?;
    let rows = messages::list_feedbacks(&state.db, app.workspace_id, app.app_id, limit, (page - 1) * limit).await?;
    let data = rows.into_iter().map(|row| Feedback {
        id: row.id,
        app_id: app.app_id,
        conversation_id: row.conversation_id,
        message_id: row.message_id,
        rating: row.rating,
        content: row.content,
        from_source: row.from_source,
        from_end_user_id: row.from_end_user_id,
        from_account_id: row.from_account_id,
        created_at: iso(row.created_at),
        updated_at: iso(row.updated_at),
    });
    Ok(Json(Feedbacks { data: data.collect() }))
}

/// As Dify writes times that are not Unix seconds: UTC without an offset.
pub(super) fn iso(time: chrono::DateTime<chrono::Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}
