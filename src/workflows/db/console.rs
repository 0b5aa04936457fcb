//! Runs and their nodes as the console lists them.

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use serde_json::Value;
use sqlx::{PgExecutor, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::apps::AppMode;
use crate::ids::{AccountId, AppId, AppVersionId, ConversationId, EndUserId, MessageId, TaskId, WorkflowRunId, WorkspaceId};
use crate::workflows::run_row::{Source, TriggeredFrom};

/// What the list of an app's runs may be narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    pub status: Option<String>,
    pub triggered_from: Option<String>,
    pub source: Option<String>,
    /// No runs of the draft.
    pub published: bool,
    pub created_after: Option<DateTime<Utc>>,
    pub created_before: Option<DateTime<Utc>>,
    /// In inputs, outputs or the caller's name; or an id.
    pub keyword: Option<String>,
}

#[derive(Debug, sqlx::FromRow)]
pub struct RunRow {
    pub id: WorkflowRunId,
    pub app_version_id: Option<AppVersionId>,
    pub version_number: Option<i32>,
    pub mode: AppMode,
    pub status: String,
    pub triggered_from: TriggeredFrom,
    pub source: Source,
    pub error: Option<String>,
    pub elapsed_s: f64,
    pub total_tokens: i64,
    pub total_price: f64,
    pub currency: Option<String>,
    pub total_steps: i32,
    pub exceptions_count: i32,
    pub task_id: TaskId,
    pub conversation_id: Option<ConversationId>,
    pub message_id: Option<MessageId>,
    pub end_user_id: Option<EndUserId>,
    pub session_id: Option<String>,
    pub account_id: Option<AccountId>,
    pub account_name: Option<String>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "r.id, r.app_version_id, v.number as version_number, r.mode, r.status, r.triggered_from, r.source, r.error,
      r.elapsed_s, r.total_tokens, r.total_price, r.currency, r.total_steps, r.exceptions_count, r.task_id, r.conversation_id, r.message_id, r.end_user_id,
      u.session_id, r.account_id, a.name as account_name, r.created_at, r.finished_at";

/// `more`: columns beside those of a [`RunRow`].
fn select(more: &str) -> QueryBuilder<Postgres> {
    QueryBuilder::new(format!(
        "select {COLUMNS}{more} from workflow_runs r left join end_users u on u.id = r.end_user_id
           left join accounts a on a.id = r.account_id left join app_versions v on v.id = r.app_version_id"
    ))
}

fn narrow(query: &mut QueryBuilder<Postgres>, workspace_id: WorkspaceId, app_id: AppId, filter: &Filter) {
    query.push(" where r.workspace_id = ").push_bind(workspace_id.0).push(" and r.app_id = ").push_bind(app_id.0);
    for (column, value) in [("status", &filter.status), ("triggered_from", &filter.triggered_from), ("source", &filter.source)] {
        if let Some(value) = value {
            query.push(" and r.").push(column).push(" = ").push_bind(value.clone());
        }
    }
    if filter.published {
        query.push(" and r.triggered_from <> 'debugging'");
    }
    if let Some(time) = filter.created_after {
        query.push(" and r.created_at >= ").push_bind(time);
    }
    if let Some(time) = filter.created_before {
        query.push(" and r.created_at <= ").push_bind(time);
    }
    if let Some(keyword) = &filter.keyword {
        let pattern = super::containing(keyword);
        query.push(" and (r.inputs::text ilike ").push_bind(pattern.clone());
        query.push(" or r.outputs::text ilike ").push_bind(pattern.clone());
        query.push(" or u.session_id ilike ").push_bind(pattern.clone());
        query.push(" or a.name ilike ").push_bind(pattern);
        query.push(" or r.id::text = ").push_bind(keyword.to_lowercase()).push(")");
    }
}

/// Newest first, after the run `after`.
pub async fn list_runs(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    filter: &Filter,
    after: Option<WorkflowRunId>,
    limit: i64,
) -> sqlx::Result<Vec<RunRow>> {
    let mut query = select("");
    narrow(&mut query, workspace_id, app_id, filter);
    if let Some(after) = after {
        query.push(" and (r.created_at, r.id) < (select created_at, id from workflow_runs where workspace_id = ").push_bind(workspace_id.0);
        query.push(" and id = ").push_bind(after.0).push(")");
    }
    query.push(" order by r.created_at desc, r.id desc limit ").push_bind(limit);
    query.build_query_as().fetch_all(db).await
}

/// A run with what it was asked and came to.
#[derive(Debug, sqlx::FromRow)]
pub struct WholeRunRow {
    #[sqlx(flatten)]
    pub run: RunRow,
    pub inputs: Value,
    pub outputs: Option<Value>,
}

/// All of them, newest first.
pub fn stream_runs(db: PgPool, workspace_id: WorkspaceId, app_id: AppId, filter: Filter) -> BoxStream<'static, sqlx::Result<WholeRunRow>> {
    let rows = async_stream::stream! {
        let mut query = select(", r.inputs, r.outputs");
        narrow(&mut query, workspace_id, app_id, &filter);
        query.push(" order by r.created_at desc, r.id desc");
        let mut rows = query.build_query_as::<WholeRunRow>().fetch(&db);
        while let Some(row) = futures::StreamExt::next(&mut rows).await {
            yield row;
        }
    };
    Box::pin(rows)
}

pub async fn find_run(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    id: WorkflowRunId,
) -> sqlx::Result<Option<RunRow>> {
    let mut query = select("");
    query.push(" where r.workspace_id = ").push_bind(workspace_id.0).push(" and r.app_id = ").push_bind(app_id.0);
    query.push(" and r.id = ").push_bind(id.0);
    query.build_query_as().fetch_optional(db).await
}

/// Records (JSON texts) of a run's nodes behind the node `after`, in the order in which they began, one by one: each may be
/// large.
pub fn list_nodes<'a>(
    db: impl PgExecutor<'a> + 'a,
    workspace_id: WorkspaceId,
    run_id: WorkflowRunId,
    after: Option<Uuid>,
    limit: i64,
) -> BoxStream<'a, sqlx::Result<String>> {
    sqlx::query_scalar!(
        r#"select record::text as "record!" from node_runs
           where workspace_id = $1 and run_id = $2
             and ($3::uuid is null or (index, id) > (select n.index, n.id from node_runs n where n.workspace_id = $1 and n.id = $3))
           order by index, id limit $4"#,
        workspace_id.0,
        run_id.0,
        after,
        limit,
    )
    .fetch(db)
}

/// The record (JSON text) of one node of a run.
pub async fn find_node(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    run_id: WorkflowRunId,
    id: Uuid,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"select record::text as "record!" from node_runs where workspace_id = $1 and run_id = $2 and id = $3"#,
        workspace_id.0,
        run_id.0,
        id,
    )
    .fetch_optional(db)
    .await
}
