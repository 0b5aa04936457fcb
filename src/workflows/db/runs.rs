//! Runs and their nodes, read; runs claimed.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, QueryBuilder};
use uuid::Uuid;

use crate::apps::AppMode;
use crate::ids::{AccountId, AppId, AppVersionId, ConversationId, EndUserId, MessageId, TaskId, WorkflowRunId, WorkspaceId};
use crate::workflows::run_row::{Creator, NewRun, Source, TriggeredFrom};
use crate::workflows::vars::Vars;

/// A run as it stands.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: WorkflowRunId,
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    pub app_version_id: Option<AppVersionId>,
    pub config: Option<Value>,
    pub mode: AppMode,
    pub triggered_from: TriggeredFrom,
    pub source: Source,
    pub entry_node_id: Option<String>,
    pub inputs: Value,
    pub status: String,
    pub outputs: Option<Value>,
    pub error: Option<String>,
    pub elapsed_s: f64,
    pub total_tokens: i64,
    pub total_steps: i32,
    pub exceptions_count: i32,
    pub end_user_id: Option<EndUserId>,
    pub account_id: Option<AccountId>,
    pub conversation_id: Option<ConversationId>,
    pub message_id: Option<MessageId>,
    pub call_depth: i32,
    pub task_id: TaskId,
    pub sent_text: String,
    pub last_event: i64,
    pub forms: Option<Value>,
    pub resumed_nodes: i32,
    pub vain_resumptions: i32,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub user: Option<String>,
    pub account_name: Option<String>,
    pub account_email: Option<String>,
    /// Of a claimed run: whether it waited for people and did not break off.
    pub was_paused: bool,
    /// Of a claimed run: whether nobody worked on it before.
    pub is_new: bool,
}

impl Row {
    pub fn creator(&self) -> Creator {
        match (self.end_user_id, self.account_id) {
            (Some(id), _) => Creator::EndUser { id, user: self.user.clone().unwrap_or_default() },
            (None, Some(id)) => {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                Creator::Account { id, name: text(&self.account_name), email: text(&self.account_email) }
            }
            (None, None) => Creator::Nobody,
        }
    }

    pub fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "scheduled" | "running" | "paused")
    }

    /// As it was when it began.
    pub fn begun(&self) -> NewRun {
        NewRun {
            id: self.id,
            workspace_id: self.workspace_id,
            app_id: self.app_id,
            version_id: self.app_version_id,
            draft_config: self.config.clone(),
            mode: self.mode,
            triggered_from: self.triggered_from,
            source: self.source,
            entry_node_id: self.entry_node_id.clone(),
            inputs: match &self.inputs {
                Value::Object(inputs) => inputs.clone(),
                _ => Vars::new(),
            },
            creator: self.creator(),
            conversation_id: self.conversation_id,
            message_id: self.message_id,
            call_depth: self.call_depth.unsigned_abs(),
            task_id: self.task_id,
            created_at: self.created_at,
        }
    }
}

const COLUMNS: &str =
    "r.id, r.workspace_id, r.app_id, r.app_version_id, r.config, r.mode, r.triggered_from, r.source, r.entry_node_id, r.inputs, r.status,
    r.outputs, r.error, r.elapsed_s, r.total_tokens, r.total_steps, r.exceptions_count, r.end_user_id, r.account_id, r.conversation_id,
    r.message_id, r.call_depth, r.task_id, r.sent_text, r.last_event, r.forms, r.resumed_nodes, r.vain_resumptions, r.created_at, r.finished_at,
    u.session_id as user, a.name as account_name, a.email as account_email";
const JOINED: &str = " left join end_users u on u.id = r.end_user_id left join accounts a on a.id = r.account_id";

/// A run of the app.
pub async fn find(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, id: WorkflowRunId) -> sqlx::Result<Option<Row>> {
    let mut query = QueryBuilder::new("select ");
    query.push(COLUMNS).push(", false as was_paused, false as is_new from workflow_runs r").push(JOINED);
    query.push(" where r.workspace_id = ").push_bind(workspace_id.0).push(" and r.app_id = ").push_bind(app_id.0);
    query.push(" and r.id = ").push_bind(id.0);
    query.build_query_as().fetch_optional(db).await
}

/// Whether the task is this end user's.
pub async fn is_of_end_user(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    task_id: TaskId,
    end_user_id: EndUserId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from workflow_runs where workspace_id = $1 and task_id = $2 and end_user_id = $3) as "is!""#,
        workspace_id.0,
        task_id.0,
        end_user_id.0
    )
    .fetch_one(db)
    .await
}

/// Runs that answer these messages: (run, message).
pub async fn find_by_messages(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, messages: &[Uuid]) -> sqlx::Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        r#"select id, message_id as "message_id!" from workflow_runs where workspace_id = $1 and message_id = any($2)"#,
        workspace_id.0,
        messages
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.message_id)).collect())
}

/// Takes over what nobody runs: scheduled runs, and running ones whose replica gave no sign of life for `stale_s` seconds.
pub async fn claim(db: &mut PgConnection, replica: &str, stale_s: f64, limit: i64) -> sqlx::Result<Vec<Row>> {
    let mut query = QueryBuilder::new(
        "with due as (
           select id, forms is not null and status = 'scheduled' as was_paused, replica is null as is_new from workflow_runs
           where status in ('running', 'scheduled')
             and (status = 'scheduled' or heartbeat_at is null or heartbeat_at < now() - make_interval(secs => ",
    );
    query.push_bind(stale_s).push(")) order by created_at limit ").push_bind(limit);
    query.push(" for update skip locked), r as (update workflow_runs w set status = 'running', replica = ").push_bind(replica.to_owned());
    query.push(", heartbeat_at = now() from due where w.id = due.id returning w.*, due.was_paused, due.is_new) select ");
    query.push(COLUMNS).push(", r.was_paused, r.is_new from r").push(JOINED);
    query.build_query_as().fetch_all(db).await
}

/// Gives back what a replica runs, so that others need not wait for its silence.
pub async fn release(db: impl PgExecutor<'_>, replica: &str) -> sqlx::Result<u64> {
    let done =
        sqlx::query!("update workflow_runs set heartbeat_at = null where replica = $1 and status = 'running'", replica).execute(db).await?;
    Ok(done.rows_affected())
}

/// Notes how far a run had come when it was taken over. Gives how many resumptions in a row found it no further.
pub async fn note_resumption(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: WorkflowRunId, n_nodes: i32) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        "update workflow_runs set resumed_nodes = $3, vain_resumptions = case when resumed_nodes = $3 then vain_resumptions + 1 else 0 end
         where workspace_id = $1 and id = $2 returning vain_resumptions",
        workspace_id.0,
        id.0,
        n_nodes
    )
    .fetch_one(db)
    .await
}

/// Stops a run that nobody runs at the moment.
pub async fn stop_waiting(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, task_id: TaskId) -> sqlx::Result<()> {
    sqlx::query!(
        "with stopped as (
           update workflow_runs set status = 'stopped', finished_at = now(), heartbeat_at = null, forms = null
           where workspace_id = $1 and app_id = $2 and task_id = $3 and status in ('paused', 'scheduled') returning message_id
         )
         -- a chatflow's answer waits with its run
         update messages m set status = 'stopped', finished_at = now(), updated_at = now() from stopped
         where m.workspace_id = $1 and m.id = stopped.message_id and m.status = 'paused'",
        workspace_id.0,
        app_id.0,
        task_id.0
    )
    .execute(db)
    .await
    .map(drop)
}

/// The records of a run's nodes, in the order in which they began, as JSON texts.
pub async fn list_records(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, run_id: WorkflowRunId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select record::text as "record!" from node_runs where workspace_id = $1 and run_id = $2 order by index, created_at"#,
        workspace_id.0,
        run_id.0
    )
    .fetch_all(db)
    .await
}

/// What the log of an app's runs may be narrowed to.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    pub keyword: Option<&'a str>,
    pub status: Option<&'a str>,
    pub before: Option<DateTime<Utc>>,
    pub after: Option<DateTime<Utc>>,
    pub session_id: Option<&'a str>,
    pub account_id: Option<AccountId>,
}

#[derive(Debug, sqlx::FromRow)]
pub struct LogRow {
    pub id: WorkflowRunId,
    pub version: Option<String>,
    pub status: String,
    pub triggered_from: TriggeredFrom,
    pub source: Source,
    pub error: Option<String>,
    pub elapsed_s: f64,
    pub total_tokens: i64,
    pub total_steps: i32,
    pub exceptions_count: i32,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub end_user_id: Option<EndUserId>,
    pub end_user_type: Option<String>,
    pub is_anonymous: Option<bool>,
    pub session_id: Option<String>,
    pub account_id: Option<AccountId>,
    pub account_name: Option<String>,
    pub account_email: Option<String>,
}

/// Newest first, without runs of drafts; and how many there are in all.
pub async fn list_logs(
    db: impl PgExecutor<'_> + Copy,
    workspace_id: WorkspaceId,
    app_id: AppId,
    filter: &Filter<'_>,
    limit: i64,
    offset: i64,
) -> sqlx::Result<(Vec<LogRow>, i64)> {
    let narrowed = |query: &mut QueryBuilder<sqlx::Postgres>| {
        query.push(" from workflow_runs r left join end_users u on u.id = r.end_user_id left join accounts a on a.id = r.account_id");
        query.push(" left join app_versions v on v.id = r.app_version_id");
        query.push(" where r.workspace_id = ").push_bind(workspace_id.0).push(" and r.app_id = ").push_bind(app_id.0);
        query.push(" and r.triggered_from <> 'debugging'");
        if let Some(status) = filter.status {
            query.push(" and r.status = ").push_bind(status.to_owned());
        }
        if let Some(before) = filter.before {
            query.push(" and r.created_at <= ").push_bind(before);
        }
        if let Some(after) = filter.after {
            query.push(" and r.created_at >= ").push_bind(after);
        }
        if let Some(session_id) = filter.session_id {
            query.push(" and u.session_id = ").push_bind(session_id.to_owned());
        }
        if let Some(account_id) = filter.account_id {
            query.push(" and r.account_id = ").push_bind(account_id.0);
        }
        if let Some(keyword) = filter.keyword {
            let pattern = super::containing(keyword);
            query.push(" and (r.inputs::text ilike ").push_bind(pattern.clone());
            query.push(" or r.outputs::text ilike ").push_bind(pattern.clone());
            query.push(" or u.session_id ilike ").push_bind(pattern);
            query.push(" or r.id::text = ").push_bind(keyword.to_lowercase()).push(")");
        }
    };
    let mut count = QueryBuilder::new("select count(*)");
    narrowed(&mut count);
    let total: i64 = count.build_query_scalar().fetch_one(db).await?;
    let mut query = QueryBuilder::new(
        "select r.id, v.number::text as version, r.status, r.triggered_from, r.source, r.error, r.elapsed_s, r.total_tokens, r.total_steps,
           r.exceptions_count, r.created_at, r.finished_at, r.end_user_id, u.type as end_user_type, u.is_anonymous, u.session_id,
           r.account_id, a.name as account_name, a.email as account_email",
    );
    narrowed(&mut query);
    query.push(" order by r.created_at desc, r.id desc limit ").push_bind(limit).push(" offset ").push_bind(offset);
    Ok((query.build_query_as().fetch_all(db).await?, total))
}

/// A member by e-mail address.
pub async fn find_member(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, email: &str) -> sqlx::Result<Option<AccountId>> {
    sqlx::query_scalar!(
        r#"select a.id as "id: AccountId" from accounts a join members m on m.account_id = a.id where m.workspace_id = $1 and lower(a.email) = lower($2)"#,
        workspace_id.0,
        email
    )
    .fetch_optional(db)
    .await
}
