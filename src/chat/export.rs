//! What the log's file says of a message.

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::Value;

use super::db::logs::MessageRow;
use crate::http::export;

/// A message as a line of the file.
#[derive(Serialize)]
pub(super) struct Line {
    message_id: String,
    conversation_id: Option<String>,
    created_at: String,
    source: String,
    user: Option<String>,
    inputs: Value,
    query: String,
    answer: String,
    status: String,
    error: Option<String>,
    model: Option<String>,
    prompt_tokens: i32,
    completion_tokens: i32,
    cached_tokens: i32,
    total_price: f64,
    currency: String,
    latency_s: f64,
    time_to_first_token_s: Option<f64>,
    user_rating: Option<String>,
    user_comment: Option<String>,
    member_rating: Option<String>,
    member_comment: Option<String>,
    annotated: bool,
}

impl From<MessageRow> for Line {
    fn from(row: MessageRow) -> Self {
        Self {
            message_id: row.id.to_string(),
            conversation_id: row.conversation_id.map(|id| id.to_string()),
            created_at: row.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            source: row.source,
            user: row.session_id.or(row.account_name),
            inputs: row.inputs,
            query: row.query,
            answer: row.answer,
            status: row.status,
            error: row.error,
            model: row.model_provider.zip(row.model_name).map(|(provider, name)| format!("{provider}/{name}")),
            prompt_tokens: row.prompt_tokens,
            completion_tokens: row.completion_tokens,
            cached_tokens: row.cached_tokens,
            total_price: row.total_price,
            currency: row.currency,
            latency_s: row.latency_s,
            time_to_first_token_s: row.time_to_first_token_s,
            user_rating: row.user_rating,
            user_comment: row.user_comment,
            member_rating: row.member_rating,
            member_comment: row.member_comment,
            annotated: row.annotation_id.is_some() || row.saved_annotation_id.is_some(),
        }
    }
}

impl export::Line for Line {
    const STEM: &str = "messages";
    const COLUMNS: &[&str] = &[
        "message_id",
        "conversation_id",
        "created_at",
        "source",
        "user",
        "inputs",
        "query",
        "answer",
        "status",
        "error",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "cached_tokens",
        "total_price",
        "currency",
        "latency_s",
        "time_to_first_token_s",
        "user_rating",
        "user_comment",
        "member_rating",
        "member_comment",
        "annotated",
    ];
}
