//! The console's log of an app: conversations and messages of all its callers, what members think of them, and the files that
//! hold them all.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::db::logs::{self as db, ConversationRow, Filter, MessageRow};
use super::db::thoughts;
use super::export::Line;
use super::feedback::Rating;
use super::trace::Span;
use crate::accounts::{Editor, Session};
use crate::apps::{AppHead, annotations};
use crate::error::{Error, Result};
use crate::files;
use crate::http::export::{self, ExportQuery};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{List, Page};
use crate::ids::{AnnotationId, AppId, ConversationId, MessageId, ThoughtId, WorkflowRunId, WorkspaceId};
use crate::state::AppState;
use crate::workflows;

const SOURCES: [&str; 4] = ["service-api", "web-app", "mcp", "debugger"];
/// Characters of what a member says of an answer.
const COMMENT_CHARS: usize = 2000;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Messages of this conversation, wherever it was held
    conversation_id: Option<ConversationId>,
    /// In questions and answers; or an id
    keyword: Option<String>,
    /// Of conversations: their last message
    created_after: Option<DateTime<Utc>>,
    created_before: Option<DateTime<Utc>>,
    /// service-api, web-app, mcp or debugger (the console's preview); without it all but the debugger's
    source: Option<String>,
    /// like or dislike, whoever gave it
    rating: Option<Rating>,
    /// Answered by an annotation, or made one
    annotated: Option<bool>,
    failed: Option<bool>,
    /// Part of how the caller names the end user
    user: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

impl LogQuery {
    fn filter(&self) -> Result<Filter> {
        let text = |text: &Option<String>| text.as_deref().map(|text| text.trim().replace('\0', "")).filter(|text| !text.is_empty());
        let source = text(&self.source);
        if source.as_deref().is_some_and(|source| !SOURCES.contains(&source)) {
            return Err(Error::invalid("source", format!("source must be one of {}.", SOURCES.join(", "))));
        }
        Ok(Filter {
            conversation_id: self.conversation_id,
            keyword: text(&self.keyword),
            created_after: self.created_after,
            created_before: self.created_before,
            source,
            rating: self.rating.map(|rating| rating.as_str().to_owned()),
            annotated: self.annotated,
            failed: self.failed,
            user: text(&self.user),
        })
    }

    fn page(&self) -> Page {
        Page { limit: self.limit, cursor: self.cursor.clone() }
    }
}

/// Where a page ends: `microseconds-id`. What changes meanwhile does not move it.
struct Place(DateTime<Utc>, Uuid);

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (micros, id) = text.split_once('-').ok_or(())?;
        let time = DateTime::from_timestamp_micros(micros.parse().map_err(|_| ())?).ok_or(())?;
        Ok(Self(time, id.parse().map_err(|_| ())?))
    }
}

fn place(time: DateTime<Utc>, id: Uuid) -> String {
    format!("{}-{id}", time.timestamp_micros())
}

/// Who asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Asker {
    /// end_user or account
    #[serde(rename = "type")]
    kind: &'static str,
    id: Uuid,
    /// Of an end user: as the caller named it
    name: String,
}

impl Asker {
    fn of(end_user: Option<(Uuid, Option<String>)>, account: Option<(Uuid, Option<String>)>) -> Option<Self> {
        let (kind, (id, name)) = end_user.map(|found| ("end_user", found)).or(account.map(|found| ("account", found)))?;
        Some(Self { kind, id, name: name.unwrap_or_default() })
    }
}

/// A conversation in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogConversation {
    id: ConversationId,
    name: String,
    /// service-api, web-app, mcp or debugger
    source: String,
    asked_by: Option<Asker>,
    message_count: i32,
    /// Messages that failed
    failures: i64,
    total_tokens: i64,
    user_likes: i64,
    user_dislikes: i64,
    member_likes: i64,
    member_dislikes: i64,
    /// Messages that an annotation answered, or that were made one
    annotations: i64,
    created_at: DateTime<Utc>,
    /// Of the last message
    updated_at: DateTime<Utc>,
}

impl From<ConversationRow> for LogConversation {
    fn from(row: ConversationRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            source: row.source,
            asked_by: Asker::of(row.end_user_id.map(|id| (id.0, row.session_id)), row.account_id.map(|id| (id.0, row.account_name))),
            message_count: row.message_count,
            failures: row.failures,
            total_tokens: row.total_tokens,
            user_likes: row.user_likes,
            user_dislikes: row.user_dislikes,
            member_likes: row.member_likes,
            member_dislikes: row.member_dislikes,
            annotations: row.annotations,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The conversations of an app, those with the newest messages first
#[utoipa::path(get, path = "/api/apps/{app_id}/conversations", tag = "logs", params(("app_id" = AppId, Path), LogQuery),
    responses((status = 200, body = List<LogConversation>), (status = 404)))]
pub(super) async fn list_log_conversations(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Query(query): Query<LogQuery>,
) -> Result<Json<List<LogConversation>>> {
    AppHead::find(&state.db, session.workspace_id, app_id).await?;
    let page = query.page();
    let after = page.after::<Place>()?.map(|Place(time, id)| (time, id));
    let rows = db::list_conversations(&state.db, session.workspace_id, app_id, &query.filter()?, after, page.fetch()?).await?;
    let rows = rows.into_iter().map(LogConversation::from).collect();
    Ok(Json(List::cut(rows, &page, |row| place(row.updated_at, row.id.0))?))
}

/// One conversation, whoever held it
#[utoipa::path(get, path = "/api/apps/{app_id}/conversations/{conversation_id}", tag = "logs",
    params(("app_id" = AppId, Path), ("conversation_id" = ConversationId, Path)), responses((status = 200, body = LogConversation), (status = 404)))]
pub(super) async fn get_log_conversation(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, id)): Path<(AppId, ConversationId)>,
) -> Result<Json<LogConversation>> {
    for source in [None, Some("debugger".to_owned())] {
        let filter = Filter { conversation_id: Some(id), source, ..Filter::default() };
        if let Some(row) = db::list_conversations(&state.db, session.workspace_id, app_id, &filter, None, 1).await?.pop() {
            return Ok(Json(row.into()));
        }
    }
    Err(Error::not_found("Conversation not found."))
}

/// What somebody thinks of an answer.
#[derive(Debug, Serialize, ToSchema)]
struct LogFeedback {
    /// like or dislike
    rating: String,
    comment: Option<String>,
}

/// A round of an agent.
#[derive(Debug, Serialize, ToSchema)]
struct LogThought {
    id: ThoughtId,
    position: i32,
    thought: String,
    /// Names, separated by semicolons
    tool: String,
    /// JSON text, by tool
    tool_input: String,
    /// JSON text, by tool
    observation: String,
}

/// A message in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogMessage {
    id: MessageId,
    conversation_id: Option<ConversationId>,
    /// service-api, web-app, mcp or debugger
    source: String,
    asked_by: Option<Asker>,
    /// Of the app's published version; null of a draft
    version_number: Option<i32>,
    #[schema(value_type = Object)]
    inputs: Value,
    query: String,
    answer: String,
    /// running, normal, stopped, error, interrupted or paused
    status: String,
    error: Option<String>,
    error_code: Option<String>,
    model: Option<LogModel>,
    prompt_tokens: i32,
    completion_tokens: i32,
    /// Prompt tokens that came from the prefix cache
    cached_tokens: i32,
    total_price: f64,
    currency: String,
    latency_s: f64,
    time_to_first_token_s: Option<f64>,
    time_to_generate_s: Option<f64>,
    /// What was done; of chatflows the run's nodes tell
    trace: Vec<Span>,
    thoughts: Vec<LogThought>,
    /// Of question and answer, as `/v1/messages` gives them
    #[schema(value_type = Vec<Object>)]
    files: Vec<Value>,
    #[schema(value_type = Vec<Object>)]
    retriever_resources: Vec<Value>,
    /// Of chatflows
    run_id: Option<WorkflowRunId>,
    user_feedback: Option<LogFeedback>,
    member_feedback: Option<LogFeedback>,
    /// The one that answered
    annotation_id: Option<AnnotationId>,
    /// The one that was made of it
    saved_annotation_id: Option<AnnotationId>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct LogModel {
    provider: String,
    name: String,
}

/// The rows with what lies in other tables.
async fn with_parts(state: &AppState, workspace_id: WorkspaceId, rows: Vec<MessageRow>) -> Result<Vec<LogMessage>> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut attached: HashMap<MessageId, Vec<Value>> = HashMap::new();
    for file in files::list_message_files(state, workspace_id, &ids).await? {
        attached.entry(file.message_id()).or_default().push(file.service_json(state));
    }
    let mut thoughts: HashMap<MessageId, Vec<LogThought>> = HashMap::new();
    for row in thoughts::list(&state.db, workspace_id, &ids).await? {
        let (tool_input, observation) = (row.tool_input, row.observation);
        let thought = LogThought { id: row.id, position: row.position, thought: row.thought, tool: row.tool, tool_input, observation };
        thoughts.entry(row.message_id).or_default().push(thought);
    }
    let mut runs = workflows::runs_of_messages(state, workspace_id, &ids).await?;
    let message = |row: MessageRow| {
        let feedback = |rating: Option<String>, comment| rating.map(|rating| LogFeedback { rating, comment });
        let resources = row.metadata.get("retriever_resources").and_then(Value::as_array).cloned();
        LogMessage {
            asked_by: Asker::of(row.end_user_id.map(|id| (id.0, row.session_id)), row.account_id.map(|id| (id.0, row.account_name))),
            version_number: row.version_number,
            model: row.model_provider.zip(row.model_name).map(|(provider, name)| LogModel { provider, name }),
            trace: serde_json::from_value(row.trace).unwrap_or_default(),
            thoughts: thoughts.remove(&row.id).unwrap_or_default(),
            files: attached.remove(&row.id).unwrap_or_default(),
            retriever_resources: resources.unwrap_or_default(),
            run_id: runs.remove(&row.id),
            user_feedback: feedback(row.user_rating, row.user_comment),
            member_feedback: feedback(row.member_rating, row.member_comment),
            id: row.id,
            conversation_id: row.conversation_id,
            source: row.source,
            inputs: row.inputs,
            query: row.query,
            // its links to files may have expired
            answer: files::renewed(state, &row.answer),
            status: row.status,
            error: row.error,
            error_code: row.error_code,
            prompt_tokens: row.prompt_tokens,
            completion_tokens: row.completion_tokens,
            cached_tokens: row.cached_tokens,
            total_price: row.total_price,
            currency: row.currency,
            latency_s: row.latency_s,
            time_to_first_token_s: row.time_to_first_token_s,
            time_to_generate_s: row.time_to_generate_s,
            annotation_id: row.annotation_id,
            saved_annotation_id: row.saved_annotation_id,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    };
    Ok(rows.into_iter().map(message).collect())
}

/// The messages of an app or of one conversation, newest first
#[utoipa::path(get, path = "/api/apps/{app_id}/messages", tag = "logs", params(("app_id" = AppId, Path), LogQuery),
    responses((status = 200, body = List<LogMessage>), (status = 404)))]
pub(super) async fn list_log_messages(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Query(query): Query<LogQuery>,
) -> Result<Json<List<LogMessage>>> {
    AppHead::find(&state.db, session.workspace_id, app_id).await?;
    let page = query.page();
    let after = page.after::<Place>()?.map(|Place(time, id)| (time, id));
    let rows = db::list_messages(&state.db, session.workspace_id, app_id, &query.filter()?, after, page.fetch()?).await?;
    let rows = List::cut(rows, &page, |row| place(row.created_at, row.id.0))?;
    Ok(Json(List { data: with_parts(&state, session.workspace_id, rows.data).await?, next_cursor: rows.next_cursor }))
}

/// One message
#[utoipa::path(get, path = "/api/apps/{app_id}/messages/{message_id}", tag = "logs",
    params(("app_id" = AppId, Path), ("message_id" = MessageId, Path)), responses((status = 200, body = LogMessage), (status = 404)))]
pub(super) async fn get_log_message(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, id)): Path<(AppId, MessageId)>,
) -> Result<Json<LogMessage>> {
    load(&state, session.workspace_id, app_id, id).await
}

async fn load(state: &AppState, workspace_id: WorkspaceId, app_id: AppId, id: MessageId) -> Result<Json<LogMessage>> {
    let row = db::find_message(&state.db, workspace_id, app_id, id).await?.ok_or_else(message_not_found)?;
    with_parts(state, workspace_id, vec![row]).await?.pop().map(Json).ok_or_else(message_not_found)
}

fn message_not_found() -> Error {
    Error::not_found("Message not found.")
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RateMessage {
    /// Null takes it back
    rating: Option<Rating>,
    comment: Option<String>,
}

/// Say what you think of an answer, in place of what members said before
#[utoipa::path(put, path = "/api/apps/{app_id}/messages/{message_id}/feedback", tag = "logs",
    params(("app_id" = AppId, Path), ("message_id" = MessageId, Path)), request_body = RateMessage,
    responses((status = 200, body = LogMessage), (status = 400), (status = 404)))]
pub(super) async fn rate_message(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, id)): Path<(AppId, MessageId)>,
    Json(body): Json<RateMessage>,
) -> Result<Json<LogMessage>> {
    let comment = body.comment.map(|text| text.replace('\0', "").trim().to_owned()).filter(|text| !text.is_empty());
    if comment.as_ref().is_some_and(|text| text.chars().count() > COMMENT_CHARS) {
        return Err(Error::invalid("comment", format!("comment must be at most {COMMENT_CHARS} characters long.")));
    }
    let rating = body.rating.map(Rating::as_str);
    let (workspace_id, account_id) = (session.workspace_id, session.account_id);
    if !db::set_member_feedback(&state.db, workspace_id, app_id, id, account_id, rating, comment.as_deref()).await? {
        return Err(message_not_found());
    }
    load(&state, workspace_id, app_id, id).await
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct AnnotateMessage {
    question: String,
    answer: String,
}

/// Make an answer, or a better one, the app's answer to the question from now on
#[utoipa::path(put, path = "/api/apps/{app_id}/messages/{message_id}/annotation", tag = "logs",
    params(("app_id" = AppId, Path), ("message_id" = MessageId, Path)), request_body = AnnotateMessage,
    responses((status = 200, body = LogMessage), (status = 400), (status = 404)))]
pub(super) async fn annotate_message(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, id)): Path<(AppId, MessageId)>,
    Json(body): Json<AnnotateMessage>,
) -> Result<Json<LogMessage>> {
    let row = db::find_message(&state.db, session.workspace_id, app_id, id).await?.ok_or_else(message_not_found)?;
    let by = (session.account_id, row.saved_annotation_id);
    annotations::save_of_message(&state, session.workspace_id, app_id, id, by, body.question, body.answer).await?;
    load(&state, session.workspace_id, app_id, id).await
}

/// All messages that the log shows, as a file
#[utoipa::path(get, path = "/api/apps/{app_id}/messages/export", tag = "logs", params(("app_id" = AppId, Path), ExportQuery, LogQuery),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 404)))]
pub(super) async fn export_messages(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Query(ExportQuery { format }): Query<ExportQuery>,
    Query(query): Query<LogQuery>,
) -> Result<Response> {
    let app = AppHead::find(&state.db, session.workspace_id, app_id).await?;
    let rows = db::stream_messages(state.db.clone(), session.workspace_id, app_id, query.filter()?);
    Ok(export::respond(&app.name, format, rows.map_ok(Line::from)))
}
