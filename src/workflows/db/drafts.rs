//! What members last saw the nodes of their drafts do, and the values they put in place of what came out.

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use crate::ids::{AccountId, AppId, WorkflowRunId, WorkspaceId};

/// Whose draft: each member has values of their own.
#[derive(Debug, Clone, Copy)]
pub struct Maker {
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    pub account_id: AccountId,
}

/// A node's last run.
pub struct Row {
    pub node_id: String,
    /// JSON text.
    pub record: String,
    /// None of a node that was tried alone.
    pub run_id: Option<WorkflowRunId>,
    pub updated_at: DateTime<Utc>,
}

/// The last runs of some nodes (none: all), one by one: each may be large.
pub fn list<'a>(db: impl PgExecutor<'a> + 'a, maker: Maker, nodes: Option<&'a [String]>) -> BoxStream<'a, sqlx::Result<Row>> {
    sqlx::query_as!(
        Row,
        r#"select d.node_id, coalesce(d.record::text, n.record::text) as "record!", n.run_id as "run_id?: WorkflowRunId", d.updated_at
           from draft_nodes d left join node_runs n on n.workspace_id = d.workspace_id and n.id = d.node_run_id
           where d.workspace_id = $1 and d.app_id = $2 and d.account_id = $3 and ($4::text[] is null or d.node_id = any($4))
           order by d.node_id"#,
        maker.workspace_id.0,
        maker.app_id.0,
        maker.account_id.0,
        nodes as Option<&[String]>,
    )
    .fetch(db)
}

/// Makes the nodes of a run, as they ran last in it, the last runs; what was put in place of their values goes.
pub async fn keep_run(tx: &mut PgConnection, maker: Maker, run_id: WorkflowRunId) -> sqlx::Result<()> {
    sqlx::query!(
        "with newest as (
           select distinct on (node_id) node_id, id from node_runs where workspace_id = $1 and run_id = $4
           order by node_id, index desc, finished_at desc
         ), replaced as (
           delete from draft_values v using newest
           where v.workspace_id = $1 and v.app_id = $2 and v.account_id = $3 and v.node_id = newest.node_id
         )
         insert into draft_nodes (workspace_id, app_id, account_id, node_id, node_run_id)
         select $1, $2, $3, node_id, id from newest
         on conflict (app_id, account_id, node_id) do update set node_run_id = excluded.node_run_id, record = null, bytes = 0, updated_at = now()",
        maker.workspace_id.0,
        maker.app_id.0,
        maker.account_id.0,
        run_id.0,
    )
    .execute(tx)
    .await
    .map(drop)
}

/// Makes `record` (JSON text) a node's last run; what was put in place of its values goes.
pub async fn keep_record(tx: &mut PgConnection, maker: Maker, node_id: &str, record: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "with replaced as (
           delete from draft_values where workspace_id = $1 and app_id = $2 and account_id = $3 and node_id = $4
         )
         insert into draft_nodes (workspace_id, app_id, account_id, node_id, record, bytes)
         values ($1, $2, $3, $4, $5::text::json, octet_length($5))
         on conflict (app_id, account_id, node_id) do update set node_run_id = null, record = excluded.record, bytes = excluded.bytes,
           updated_at = now()",
        maker.workspace_id.0,
        maker.app_id.0,
        maker.account_id.0,
        node_id,
        record,
    )
    .execute(tx)
    .await
    .map(drop)
}

/// Forgets nodes that the draft has no more, and the oldest records beyond `max_bytes`.
pub async fn trim(tx: &mut PgConnection, maker: Maker, nodes: &[String], max_bytes: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "with gone as (
           delete from draft_values where workspace_id = $1 and app_id = $2 and account_id = $3 and node_id <> all($4)
         ), sized as (
           select node_id, sum(bytes) over (order by updated_at desc, node_id) as total from draft_nodes
           where workspace_id = $1 and app_id = $2 and account_id = $3
         )
         delete from draft_nodes d using sized
         where d.workspace_id = $1 and d.app_id = $2 and d.account_id = $3 and d.node_id = sized.node_id
           and (d.node_id <> all($4) or (sized.total > $5 and d.bytes > 0))",
        maker.workspace_id.0,
        maker.app_id.0,
        maker.account_id.0,
        nodes,
        max_bytes,
    )
    .execute(tx)
    .await
    .map(drop)
}

/// A value that a member put in place of another.
pub struct Edit {
    pub node_id: String,
    pub name: String,
    pub value: Value,
    pub updated_at: DateTime<Utc>,
}

pub async fn list_edits(db: impl PgExecutor<'_>, maker: Maker, nodes: Option<&[String]>) -> sqlx::Result<Vec<Edit>> {
    sqlx::query_as!(
        Edit,
        "select node_id, name, value, updated_at from draft_values
         where workspace_id = $1 and app_id = $2 and account_id = $3 and ($4::text[] is null or node_id = any($4))
         order by node_id, name",
        maker.workspace_id.0,
        maker.app_id.0,
        maker.account_id.0,
        nodes as Option<&[String]>,
    )
    .fetch_all(db)
    .await
}

/// Puts a value (JSON text) in place of another. False when all of the member's would take more than `max_bytes`.
pub async fn edit(db: impl PgExecutor<'_>, maker: Maker, (node_id, name): (&str, &str), value: &str, max_bytes: i64) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into draft_values (workspace_id, app_id, account_id, node_id, name, value, bytes)
         select $1, $2, $3, $4, $5, $6::text::json, octet_length($6)
         where octet_length($6) + (
           select coalesce(sum(bytes), 0) from draft_values
           where workspace_id = $1 and app_id = $2 and account_id = $3 and (node_id, name) <> ($4, $5)) <= $7
         on conflict (app_id, account_id, node_id, name) do update set value = excluded.value, bytes = excluded.bytes, updated_at = now()",
        maker.workspace_id.0,
        maker.app_id.0,
        maker.account_id.0,
        node_id,
        name,
        value,
        max_bytes,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes an edited value back. False when there is none.
pub async fn reset(db: impl PgExecutor<'_>, maker: Maker, node_id: &str, name: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "delete from draft_values where workspace_id = $1 and app_id = $2 and account_id = $3 and node_id = $4 and name = $5",
        maker.workspace_id.0,
        maker.app_id.0,
        maker.account_id.0,
        node_id,
        name,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets everything of one node, or of all.
pub async fn clear(db: impl PgExecutor<'_>, maker: Maker, node_id: Option<&str>) -> sqlx::Result<()> {
    sqlx::query!(
        "with gone as (
           delete from draft_values where workspace_id = $1 and app_id = $2 and account_id = $3 and ($4::text is null or node_id = $4)
         )
         delete from draft_nodes where workspace_id = $1 and app_id = $2 and account_id = $3 and ($4::text is null or node_id = $4)",
        maker.workspace_id.0,
        maker.app_id.0,
        maker.account_id.0,
        node_id,
    )
    .execute(db)
    .await
    .map(drop)
}

/// How the variables of a run's conversation stand: (name, value).
pub async fn conversation_of(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    run_id: WorkflowRunId,
) -> sqlx::Result<Vec<(String, Value)>> {
    let rows = sqlx::query!(
        "select v.name, v.value from conversation_variables v join workflow_runs r on r.conversation_id = v.conversation_id
         where v.workspace_id = $1 and r.workspace_id = $1 and r.id = $2 order by v.name",
        workspace_id.0,
        run_id.0,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
}
