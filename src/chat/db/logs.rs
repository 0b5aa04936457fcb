//! Conversations and messages as the console's log lists them: of every caller of the app.

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use serde_json::Value;
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::ids::{AccountId, AnnotationId, AppId, ConversationId, EndUserId, FeedbackId, MessageId, WorkspaceId};

/// What the log may be narrowed to.
#[derive(Debug, Default, Clone)]
pub struct Filter {
    pub conversation_id: Option<ConversationId>,
    /// In questions and answers, or an id.
    pub keyword: Option<String>,
    pub created_after: Option<DateTime<Utc>>,
    pub created_before: Option<DateTime<Utc>>,
    /// Without it, what the console's preview was asked stays out.
    pub source: Option<String>,
    /// `like` or `dislike`, by an end user or a member.
    pub rating: Option<String>,
    pub annotated: Option<bool>,
    pub failed: Option<bool>,
    /// Part of how the caller names the end user.
    pub user: Option<String>,
}

/// A conversation and what came of its messages.
#[derive(Debug, sqlx::FromRow)]
pub struct ConversationRow {
    pub id: ConversationId,
    pub name: String,
    pub source: String,
    pub message_count: i32,
    pub end_user_id: Option<EndUserId>,
    pub session_id: Option<String>,
    pub account_id: Option<AccountId>,
    pub account_name: Option<String>,
    pub failures: i64,
    pub total_tokens: i64,
    pub user_likes: i64,
    pub user_dislikes: i64,
    pub member_likes: i64,
    pub member_dislikes: i64,
    pub annotations: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

const CONVERSATIONS: &str =
    "select c.id, c.name, c.source, c.message_count, c.end_user_id, u.session_id, c.account_id, a.name as account_name,
      s.*, c.created_at, c.updated_at
    from conversations c left join end_users u on u.id = c.end_user_id left join accounts a on a.id = c.account_id,
    lateral (
      select count(*) filter (where m.status in ('error', 'interrupted')) as failures,
        coalesce(sum(m.prompt_tokens + m.completion_tokens), 0)::bigint as total_tokens,
        count(*) filter (where fu.rating = 'like') as user_likes, count(*) filter (where fu.rating = 'dislike') as user_dislikes,
        count(*) filter (where fa.rating = 'like') as member_likes, count(*) filter (where fa.rating = 'dislike') as member_dislikes,
        count(*) filter (where m.annotation_id is not null or exists (select from annotations n where n.message_id = m.id)) as annotations
      from messages m left join feedbacks fu on fu.message_id = m.id and fu.from_source = 'user'
        left join feedbacks fa on fa.message_id = m.id and fa.from_source = 'admin'
      where m.workspace_id = c.workspace_id and m.conversation_id = c.id
    ) s where c.deleted_at is null";

const RATED: &str = "exists (select from feedbacks f where f.message_id = m.id and f.rating = ";
const ANNOTATED: &str = "(m.annotation_id is not null or exists (select from annotations n where n.message_id = m.id))";
const FAILED: &str = "m.status in ('error', 'interrupted')";

/// Those with the newest messages first, behind `after`. Times are of the last message.
pub async fn list_conversations(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    filter: &Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<ConversationRow>> {
    let mut query = QueryBuilder::new(CONVERSATIONS);
    query.push(" and c.workspace_id = ").push_bind(workspace_id.0).push(" and c.app_id = ").push_bind(app_id.0);
    if let Some(id) = filter.conversation_id {
        query.push(" and c.id = ").push_bind(id.0);
    }
    narrow(&mut query, filter, "c", "c.updated_at");
    let mut messages: Vec<&str> = Vec::new();
    if let Some(keyword) = &filter.keyword {
        let pattern = containing(keyword);
        query.push(" and (c.name ilike ").push_bind(pattern.clone());
        query.push(" or c.id::text = ").push_bind(keyword.to_lowercase());
        of_a_message(&mut query, " or ").push("(m.query ilike ").push_bind(pattern.clone());
        query.push(" or m.answer ilike ").push_bind(pattern).push(")))");
    }
    if let Some(rating) = &filter.rating {
        of_a_message(&mut query, " and ").push(RATED).push_bind(rating.clone()).push("))");
    }
    for (condition, wanted) in [(ANNOTATED, filter.annotated), (FAILED, filter.failed)] {
        match wanted {
            Some(true) => messages.push(condition),
            Some(false) => {
                of_a_message(&mut query, " and not ").push(condition).push(")");
            }
            None => {}
        }
    }
    for condition in messages {
        of_a_message(&mut query, " and ").push(condition).push(")");
    }
    if let Some((time, id)) = after {
        query.push(" and (c.updated_at, c.id) < (").push_bind(time).push(", ").push_bind(id).push(")");
    }
    query.push(" order by c.updated_at desc, c.id desc limit ").push_bind(limit);
    query.build_query_as().fetch_all(db).await
}

/// Some message of the conversation is such that …; close the parenthesis.
fn of_a_message<'a>(query: &'a mut QueryBuilder<Postgres>, before: &str) -> &'a mut QueryBuilder<Postgres> {
    query.push(before).push("exists (select from messages m where m.workspace_id = c.workspace_id and m.conversation_id = c.id and ")
}

/// What conversations and messages have in common.
fn narrow(query: &mut QueryBuilder<Postgres>, filter: &Filter, of: &str, time: &str) {
    match &filter.source {
        Some(source) => query.push(format_args!(" and {of}.source = ")).push_bind(source.clone()),
        None => query.push(format_args!(" and {of}.source <> 'debugger'")),
    };
    if let Some(after) = filter.created_after {
        query.push(format_args!(" and {time} >= ")).push_bind(after);
    }
    if let Some(before) = filter.created_before {
        query.push(format_args!(" and {time} <= ")).push_bind(before);
    }
    if let Some(user) = &filter.user {
        let pattern = containing(user);
        query.push(" and (u.session_id ilike ").push_bind(pattern.clone()).push(" or a.name ilike ").push_bind(pattern).push(")");
    }
}

/// What `ilike` finds `text` with, wherever it stands.
fn containing(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// A message with all that is known of it.
#[derive(Debug, sqlx::FromRow)]
pub struct MessageRow {
    pub id: MessageId,
    pub conversation_id: Option<ConversationId>,
    pub source: String,
    pub inputs: Value,
    pub query: String,
    pub answer: String,
    pub status: String,
    pub error: Option<String>,
    pub error_code: Option<String>,
    pub model_provider: Option<String>,
    pub model_name: Option<String>,
    pub prompt_tokens: i32,
    pub completion_tokens: i32,
    pub cached_tokens: i32,
    pub total_price: f64,
    pub currency: String,
    pub latency_s: f64,
    pub time_to_first_token_s: Option<f64>,
    pub time_to_generate_s: Option<f64>,
    pub metadata: Value,
    pub trace: Value,
    pub annotation_id: Option<AnnotationId>,
    pub saved_annotation_id: Option<AnnotationId>,
    pub user_rating: Option<String>,
    pub user_comment: Option<String>,
    pub member_rating: Option<String>,
    pub member_comment: Option<String>,
    pub end_user_id: Option<EndUserId>,
    pub session_id: Option<String>,
    pub account_id: Option<AccountId>,
    pub account_name: Option<String>,
    pub version_number: Option<i32>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

const MESSAGES: &str =
    "select m.id, m.conversation_id, m.source, m.inputs, m.query, m.answer, m.status, m.error, m.error_code, m.model_provider,
      m.model_name, m.prompt_tokens, m.completion_tokens, m.cached_tokens, m.total_price::float8 as total_price, m.currency, m.latency_s,
      m.time_to_first_token_s, m.time_to_generate_s, m.metadata, m.trace, m.annotation_id,
      (select n.id from annotations n where n.message_id = m.id limit 1) as saved_annotation_id,
      fu.rating as user_rating, fu.content as user_comment, fa.rating as member_rating, fa.content as member_comment, m.end_user_id,
      u.session_id, m.account_id, a.name as account_name, v.number as version_number, m.created_at, m.finished_at
    from messages m left join end_users u on u.id = m.end_user_id left join accounts a on a.id = m.account_id
      left join app_versions v on v.id = m.app_version_id
      left join conversations c on c.id = m.conversation_id
      left join feedbacks fu on fu.message_id = m.id and fu.from_source = 'user'
      left join feedbacks fa on fa.message_id = m.id and fa.from_source = 'admin'
    where c.deleted_at is null";

fn messages(workspace_id: WorkspaceId, app_id: AppId, filter: &Filter) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(MESSAGES);
    query.push(" and m.workspace_id = ").push_bind(workspace_id.0).push(" and m.app_id = ").push_bind(app_id.0);
    match filter.conversation_id {
        // whoever opens a conversation sees it, wherever it was held
        Some(id) => {
            query.push(" and m.conversation_id = ").push_bind(id.0);
        }
        None => narrow(&mut query, filter, "m", "m.created_at"),
    }
    if let Some(keyword) = &filter.keyword {
        let pattern = containing(keyword);
        query.push(" and (m.query ilike ").push_bind(pattern.clone()).push(" or m.answer ilike ").push_bind(pattern.clone());
        query.push(" or m.inputs::text ilike ").push_bind(pattern);
        query.push(" or m.id::text = ").push_bind(keyword.to_lowercase()).push(")");
    }
    if let Some(rating) = &filter.rating {
        query.push(" and ").push(RATED).push_bind(rating.clone()).push(")");
    }
    for (condition, wanted) in [(ANNOTATED, filter.annotated), (FAILED, filter.failed)] {
        if let Some(wanted) = wanted {
            query.push(if wanted { " and " } else { " and not " }).push(condition);
        }
    }
    query
}

/// Newest first, behind `after`.
pub async fn list_messages(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    filter: &Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<MessageRow>> {
    let mut query = messages(workspace_id, app_id, filter);
    if let Some((time, id)) = after {
        query.push(" and (m.created_at, m.id) < (").push_bind(time).push(", ").push_bind(id).push(")");
    }
    query.push(" order by m.created_at desc, m.id desc limit ").push_bind(limit);
    query.build_query_as().fetch_all(db).await
}

pub async fn find_message(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    id: MessageId,
) -> sqlx::Result<Option<MessageRow>> {
    let mut query = QueryBuilder::new(MESSAGES);
    query.push(" and m.workspace_id = ").push_bind(workspace_id.0).push(" and m.app_id = ").push_bind(app_id.0);
    query.push(" and m.id = ").push_bind(id.0);
    query.build_query_as().fetch_optional(db).await
}

/// All of them, one by one, newest first.
pub fn stream_messages(
    db: sqlx::PgPool,
    workspace_id: WorkspaceId,
    app_id: AppId,
    filter: Filter,
) -> BoxStream<'static, sqlx::Result<MessageRow>> {
    let rows = async_stream::stream! {
        let mut query = messages(workspace_id, app_id, &filter);
        query.push(" order by m.created_at desc, m.id desc");
        let mut rows = query.build_query_as::<MessageRow>().fetch(&db);
        while let Some(row) = futures::StreamExt::next(&mut rows).await {
            yield row;
        }
    };
    Box::pin(rows)
}

/// Writes what a member thinks of a message, over what members thought; without a rating takes it back. False when there is no
/// such message.
pub async fn set_member_feedback(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    message_id: MessageId,
    account_id: AccountId,
    rating: Option<&str>,
    comment: Option<&str>,
) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        r#"with found as (
             select id, conversation_id from messages where workspace_id = $1 and app_id = $2 and id = $3
           ), gone as (
             delete from feedbacks where workspace_id = $1 and message_id = $3 and from_source = 'admin' and $6::text is null
           ), written as (
             insert into feedbacks (id, workspace_id, app_id, conversation_id, message_id, rating, content, from_source, from_account_id)
             select $4, $1, $2, conversation_id, id, $6, $7, 'admin', $5 from found where $6 is not null
             on conflict (message_id, from_source) do update set rating = excluded.rating, content = excluded.content,
               from_account_id = excluded.from_account_id, updated_at = now()
           )
           select exists (select from found) as "found!""#,
        workspace_id.0,
        app_id.0,
        message_id.0,
        FeedbackId::new().0,
        account_id.0,
        rating,
        comment,
    )
    .fetch_one(db)
    .await?;
    Ok(found)
}
