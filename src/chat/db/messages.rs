//! Messages, their files and their feedback.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::chat::Caller;
use crate::ids::{AccountId, AnnotationId, AppId, AppVersionId, ConversationId, EndUserId, FeedbackId, MessageId, TaskId, WorkspaceId};

/// A question about to be answered, and the conversation it opens if it opens one.
pub struct NewMessage<'a> {
    pub id: MessageId,
    pub task_id: TaskId,
    pub app_id: AppId,
    pub app_version_id: Option<AppVersionId>,
    /// None in completion apps
    pub conversation_id: Option<ConversationId>,
    /// Set when `conversation_id` is to be made
    pub new_conversation: Option<NewConversation<'a>>,
    pub parent_message_id: Option<MessageId>,
    pub inputs: &'a Value,
    pub query: &'a str,
    pub replica: &'a str,
    pub model: Option<(&'a str, &'a str)>,
}

pub struct NewConversation<'a> {
    pub name: &'a str,
    pub introduction: Option<&'a str>,
}

/// One statement: the question and its conversation. Gives the creation time.
pub async fn insert(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    caller: &Caller,
    message: NewMessage<'_>,
) -> sqlx::Result<DateTime<Utc>> {
    let new = message.new_conversation.as_ref();
    sqlx::query_scalar!(
        r#"with made as (
             insert into conversations (id, workspace_id, app_id, app_version_id, end_user_id, account_id, source, name, inputs, introduction, message_count)
             select $2, $1, $3, $4, $5, $6, $7, $8, $9, $10, 1 where $11
           ), touched as (
             update conversations set message_count = message_count + 1, updated_at = now()
             where workspace_id = $1 and id = $2 and not $11
           )
           insert into messages (id, workspace_id, app_id, app_version_id, conversation_id, parent_message_id, end_user_id, account_id, source,
                                 task_id, inputs, query, replica, heartbeat_at, model_provider, model_name)
           values ($12, $1, $3, $4, $2, $13, $5, $6, $7, $14, $15, $16, $17, now(), $18, $19)
           returning created_at"#,
        workspace_id.0,
        message.conversation_id.map(|id| id.0),
        message.app_id.0,
        message.app_version_id.map(|id| id.0),
        caller.end_user.map(|id| id.0),
        caller.account.map(|id| id.0),
        caller.source.to_string(),
        new.map(|c| c.name),
        message.inputs,
        new.and_then(|c| c.introduction),
        new.is_some(),
        message.id.0,
        message.parent_message_id.map(|id| id.0),
        message.task_id.0,
        message.inputs,
        message.query,
        message.replica,
        message.model.map(|m| m.0),
        message.model.map(|m| m.1),
    )
    .fetch_one(db)
    .await
}

/// What a running answer has so far; also the sign of life of its replica.
pub async fn save_progress(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: MessageId, answer: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update messages set answer = $3, heartbeat_at = now(), updated_at = now() where workspace_id = $1 and id = $2",
        workspace_id.0,
        id.0,
        answer,
    )
    .execute(db)
    .await
    .map(drop)
}

/// The sign of life alone.
pub async fn beat(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: MessageId) -> sqlx::Result<()> {
    sqlx::query!("update messages set heartbeat_at = now() where workspace_id = $1 and id = $2", workspace_id.0, id.0)
        .execute(db)
        .await
        .map(drop)
}

/// What a run has answered so far. The run gives the signs of life.
pub async fn save_answer(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: MessageId, answer: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update messages set answer = $3, updated_at = now() where workspace_id = $1 and id = $2 and status = 'running'",
        workspace_id.0,
        id.0,
        answer,
    )
    .execute(db)
    .await
    .map(drop)
}

/// A run answers it, and goes on should this process die: no sign of life is missed.
pub async fn leave_to_run(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: MessageId) -> sqlx::Result<()> {
    sqlx::query!("update messages set heartbeat_at = null where workspace_id = $1 and id = $2", workspace_id.0, id.0)
        .execute(db)
        .await
        .map(drop)
}

/// Its run waits for people.
pub async fn pause(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: MessageId, answer: &str, metadata: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "update messages set answer = $3, status = 'paused', metadata = $4, heartbeat_at = null, updated_at = now() where workspace_id = $1 and id = $2",
        workspace_id.0,
        id.0,
        answer,
        metadata,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Its run goes on. Gives when the message was made; none when it is gone.
pub async fn reopen(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: MessageId) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        "update messages set status = 'running', error = null, error_code = null, finished_at = null, heartbeat_at = null, updated_at = now()
         where workspace_id = $1 and id = $2 returning created_at",
        workspace_id.0,
        id.0,
    )
    .fetch_optional(db)
    .await
}

/// How an answer ended.
pub struct Ending<'a> {
    pub answer: &'a str,
    pub status: &'static str,
    pub error: Option<(&'a str, &'a str)>,
    pub usage: &'a crate::catalog::Usage,
    pub metadata: &'a Value,
    pub trace: &'a Value,
    pub annotation_id: Option<AnnotationId>,
}

/// Overrules what others may have noted meanwhile (a replica out of touch for a while was taken for dead).
pub async fn finish(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: MessageId, ending: &Ending<'_>) -> sqlx::Result<()> {
    let usage = ending.usage;
    sqlx::query!(
        r#"update messages set answer = $3, status = $4, error_code = $5, error = $6, prompt_tokens = $7, completion_tokens = $8, cached_tokens = $9,
             prompt_unit_price = $10::text::numeric, completion_unit_price = $11::text::numeric, price_unit = $12::text::numeric,
             total_price = $13::text::numeric, currency = $14, latency_s = $15, time_to_first_token_s = $16, time_to_generate_s = $17,
             metadata = $18, annotation_id = $19, trace = $20, finished_at = now(), updated_at = now(), heartbeat_at = null
           where workspace_id = $1 and id = $2"#,
        workspace_id.0,
        id.0,
        ending.answer,
        ending.status,
        ending.error.map(|e| e.0),
        ending.error.map(|e| e.1),
        i32::try_from(usage.prompt_tokens).unwrap_or(i32::MAX),
        i32::try_from(usage.completion_tokens).unwrap_or(i32::MAX),
        i32::try_from(usage.detail.cached_tokens).unwrap_or(i32::MAX),
        usage.prompt_unit_price,
        usage.completion_unit_price,
        usage.prompt_price_unit,
        usage.total_price,
        usage.currency,
        usage.latency,
        usage.time_to_first_token,
        usage.time_to_generate,
        ending.metadata,
        ending.annotation_id.map(|id| id.0),
        ending.trace,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Marks answers whose replica gave no sign of life for `stale_s` seconds, of every workspace. Gives their number.
pub async fn interrupt_stale(db: impl PgExecutor<'_>, stale_s: f64, error: &str) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "update messages set status = 'interrupted', error_code = 'interrupted', error = $2, finished_at = now(), updated_at = now()
         where status = 'running' and heartbeat_at < now() - make_interval(secs => $1)",
        stale_s,
        error,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// A past exchange, with the pictures of its question.
pub struct Exchange {
    pub id: MessageId,
    pub query: String,
    pub answer: String,
}

/// The newest `limit` answered exchanges, newest first.
pub async fn list_exchanges(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    limit: i64,
) -> sqlx::Result<Vec<Exchange>> {
    sqlx::query_as!(
        Exchange,
        r#"select id as "id: MessageId", query, answer from messages
           where workspace_id = $1 and conversation_id = $2 and answer <> '' and status <> 'running'
           order by created_at desc, id desc limit $3"#,
        workspace_id.0,
        conversation_id.0,
        limit,
    )
    .fetch_all(db)
    .await
}

/// A message as histories show it.
pub struct Row {
    pub id: MessageId,
    pub task_id: TaskId,
    pub conversation_id: Option<ConversationId>,
    pub parent_message_id: Option<MessageId>,
    pub inputs: Value,
    pub query: String,
    pub answer: String,
    pub status: String,
    pub error: Option<String>,
    pub error_code: Option<String>,
    pub metadata: Value,
    pub prompt_tokens: i32,
    pub completion_tokens: i32,
    pub latency_s: f64,
    pub total_price: Option<String>,
    pub currency: String,
    pub rating: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// A message of this caller.
pub async fn find(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    caller: &Caller,
    id: MessageId,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"select m.id as "id: MessageId", m.task_id as "task_id: TaskId", m.conversation_id as "conversation_id: ConversationId",
             m.parent_message_id as "parent_message_id: MessageId", m.inputs, m.query, m.answer, m.status, m.error, m.error_code, m.metadata,
             m.prompt_tokens, m.completion_tokens, m.latency_s, trim_scale(m.total_price)::text as total_price, m.currency,
             f.rating as "rating?", m.created_at
           from messages m left join feedbacks f on f.message_id = m.id and f.from_source = 'user'
           where m.workspace_id = $1 and m.app_id = $2 and m.id = $3
             and m.end_user_id is not distinct from $4 and m.account_id is not distinct from $5"#,
        workspace_id.0,
        app_id.0,
        id.0,
        caller.end_user.map(|id| id.0),
        caller.account.map(|id| id.0),
    )
    .fetch_optional(db)
    .await
}

/// The message that a task of this caller answers.
pub async fn find_by_task(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    caller: &Caller,
    task_id: TaskId,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"select m.id as "id: MessageId", m.task_id as "task_id: TaskId", m.conversation_id as "conversation_id: ConversationId",
             m.parent_message_id as "parent_message_id: MessageId", m.inputs, m.query, m.answer, m.status, m.error, m.error_code, m.metadata,
             m.prompt_tokens, m.completion_tokens, m.latency_s, trim_scale(m.total_price)::text as total_price, m.currency,
             null::text as rating, m.created_at
           from messages m
           where m.workspace_id = $1 and m.app_id = $2 and m.task_id = $3
             and m.end_user_id is not distinct from $4 and m.account_id is not distinct from $5"#,
        workspace_id.0,
        app_id.0,
        task_id.0,
        caller.end_user.map(|id| id.0),
        caller.account.map(|id| id.0),
    )
    .fetch_optional(db)
    .await
}

/// Messages of a conversation older than `before`, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    before: Option<(DateTime<Utc>, MessageId)>,
    limit: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select m.id as "id: MessageId", m.task_id as "task_id: TaskId", m.conversation_id as "conversation_id: ConversationId",
             m.parent_message_id as "parent_message_id: MessageId", m.inputs, m.query, m.answer, m.status, m.error, m.error_code, m.metadata,
             m.prompt_tokens, m.completion_tokens, m.latency_s, trim_scale(m.total_price)::text as total_price, m.currency,
             f.rating as "rating?", m.created_at
           from messages m left join feedbacks f on f.message_id = m.id and f.from_source = 'user'
           where m.workspace_id = $1 and m.conversation_id = $2
             and ($3::timestamptz is null or (m.created_at, m.id) < ($3, $4))
           order by m.created_at desc, m.id desc limit $5"#,
        workspace_id.0,
        conversation_id.0,
        before.map(|b| b.0),
        before.map(|b| b.1.0),
        limit,
    )
    .fetch_all(db)
    .await
}

/// When a message of the conversation was made: its place in the order.
pub async fn find_place(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    id: MessageId,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        "select created_at from messages where workspace_id = $1 and conversation_id = $2 and id = $3",
        workspace_id.0,
        conversation_id.0,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// The newest message of a conversation.
pub async fn find_last_id(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
) -> sqlx::Result<Option<MessageId>> {
    sqlx::query_scalar!(
        r#"select id as "id: MessageId" from messages where workspace_id = $1 and conversation_id = $2 order by created_at desc, id desc limit 1"#,
        workspace_id.0,
        conversation_id.0,
    )
    .fetch_optional(db)
    .await
}

/// Writes what the end user thinks of a message, over what was there.
pub async fn upsert_feedback(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    end_user_id: EndUserId,
    message: &Row,
    rating: &str,
    content: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into feedbacks (id, workspace_id, app_id, conversation_id, message_id, rating, content, from_source, from_end_user_id)
         values ($1, $2, $3, $4, $5, $6, $7, 'user', $8)
         on conflict (message_id, from_source) do update set rating = excluded.rating, content = excluded.content, updated_at = now()",
        FeedbackId::new().0,
        workspace_id.0,
        app_id.0,
        message.conversation_id.map(|id| id.0),
        message.id.0,
        rating,
        content,
        end_user_id.0,
    )
    .execute(db)
    .await
    .map(drop)
}

/// False when there was none.
pub async fn delete_feedback(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, message_id: MessageId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "delete from feedbacks where workspace_id = $1 and message_id = $2 and from_source = 'user'",
        workspace_id.0,
        message_id.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub struct FeedbackRow {
    pub id: FeedbackId,
    pub conversation_id: Option<ConversationId>,
    pub message_id: MessageId,
    pub rating: String,
    pub content: Option<String>,
    pub from_source: String,
    pub from_end_user_id: Option<EndUserId>,
    pub from_account_id: Option<AccountId>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Newest first.
pub async fn list_feedbacks(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    limit: i64,
    offset: i64,
) -> sqlx::Result<Vec<FeedbackRow>> {
    sqlx::query_as!(
        FeedbackRow,
        r#"select id as "id: FeedbackId", conversation_id as "conversation_id: ConversationId", message_id as "message_id: MessageId", rating,
             content, from_source, from_end_user_id as "from_end_user_id: EndUserId", from_account_id as "from_account_id: AccountId",
             created_at, updated_at
           from feedbacks where workspace_id = $1 and app_id = $2 order by created_at desc, id desc limit $3 offset $4"#,
        workspace_id.0,
        app_id.0,
        limit,
        offset,
    )
    .fetch_all(db)
    .await
}
