//! Forms that runs wait for.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::files::Owner;
use crate::ids::{AppId, WorkflowRunId, WorkspaceId};

pub struct NewForm<'a> {
    pub id: Uuid,
    pub app_id: AppId,
    pub run_id: WorkflowRunId,
    pub execution_id: Uuid,
    pub token: Option<&'a str>,
    pub form: &'a Value,
    /// The delivery methods.
    pub recipients: &'a Value,
    pub expires_at: DateTime<Utc>,
}

pub struct Row {
    pub id: Uuid,
    pub run_id: WorkflowRunId,
    pub form: Value,
    pub status: String,
    pub answer: Option<Value>,
    pub answered_at: Option<DateTime<Utc>>,
    /// The recipient whose link it was.
    pub answered_through: Option<Uuid>,
    pub expires_at: DateTime<Utc>,
    /// An answer would still move something.
    pub is_run_open: bool,
}

/// The form of a node that asks, and whether it is a new one; the one that is there already when the node asked before.
pub async fn open(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, form: NewForm<'_>) -> sqlx::Result<(Uuid, bool)> {
    let id = sqlx::query_scalar!(
        "insert into human_input_forms as f (id, workspace_id, app_id, run_id, execution_id, token, form, recipients, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         -- changes nothing, but gives the row
         on conflict (execution_id) do update set execution_id = f.execution_id
         returning id",
        form.id,
        workspace_id.0,
        form.app_id.0,
        form.run_id.0,
        form.execution_id,
        form.token,
        form.form,
        form.recipients,
        form.expires_at,
    )
    .fetch_one(db)
    .await?;
    Ok((id, id == form.id))
}

pub async fn find(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"select f.id, f.run_id as "run_id: WorkflowRunId", f.form, f.status, f.answer, f.answered_at, f.answered_through, f.expires_at,
                  r.status in ('scheduled', 'running', 'paused') as "is_run_open!"
           from human_input_forms f join workflow_runs r on r.id = f.run_id
           where f.workspace_id = $1 and f.id = $2"#,
        workspace_id.0,
        id
    )
    .fetch_optional(db)
    .await
}

/// The form that a token opens.
pub async fn find_by_token(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, token: &str) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"select f.id, f.run_id as "run_id: WorkflowRunId", f.form, f.status, f.answer, f.answered_at, f.answered_through, f.expires_at,
                  r.status in ('scheduled', 'running', 'paused') as "is_run_open!"
           from human_input_forms f join workflow_runs r on r.id = f.run_id
           where f.workspace_id = $1 and f.app_id = $2 and f.token = $3"#,
        workspace_id.0,
        app_id.0,
        token
    )
    .fetch_optional(db)
    .await
}

/// Where a link leads.
pub struct Link {
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    pub form_id: Uuid,
    /// Whose link it is; none: the form's own.
    pub recipient_id: Option<Uuid>,
}

/// The token stands for the permission that a workspace is elsewhere.
pub async fn find_link(db: impl PgExecutor<'_>, token: &str) -> sqlx::Result<Option<Link>> {
    sqlx::query_as!(
        Link,
        r#"select workspace_id as "workspace_id!: WorkspaceId", app_id as "app_id!: AppId", id as "form_id!", null::uuid as "recipient_id?"
           from human_input_forms where token = $1
           union all
           select f.workspace_id, f.app_id, f.id, r.id from human_input_recipients r join human_input_forms f on f.id = r.form_id
           where r.token = $1"#,
        token
    )
    .fetch_optional(db)
    .await
}

/// Forms of some runs, in the order in which they were opened.
pub async fn list(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, runs: &[Uuid]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select f.id, f.run_id as "run_id: WorkflowRunId", f.form, f.status, f.answer, f.answered_at, f.answered_through, f.expires_at,
                  r.status in ('scheduled', 'running', 'paused') as "is_run_open!"
           from human_input_forms f join workflow_runs r on r.id = f.run_id
           where f.workspace_id = $1 and f.run_id = any($2) order by f.created_at, f.id"#,
        workspace_id.0,
        runs
    )
    .fetch_all(db)
    .await
}

/// Who answers, and through whose link.
#[derive(Debug, Clone, Copy)]
pub struct AnsweredBy {
    pub owner: Owner,
    pub recipient_id: Option<Uuid>,
}

/// The first answer wins: false when it was not the first, too late, or its run is over. The run goes on.
pub async fn answer(tx: &mut PgConnection, workspace_id: WorkspaceId, form: &Row, answer: &Value, by: AnsweredBy) -> sqlx::Result<bool> {
    lock_runs(tx, &[form.run_id.0]).await?;
    let (end_user_id, account_id) = match by.owner {
        Owner::EndUser(id) => (Some(id.0), None),
        Owner::Account(id) => (None, Some(id.0)),
        Owner::Nobody => (None, None),
    };
    let done = sqlx::query!(
        "update human_input_forms f
         set status = 'answered', answer = $3, answered_by = $4, answered_by_account = $5, answered_through = $6, answered_at = now()
         from workflow_runs r
         where f.workspace_id = $1 and f.id = $2 and f.status = 'waiting' and f.expires_at > now()
           and r.id = f.run_id and r.status in ('scheduled', 'running', 'paused')",
        workspace_id.0,
        form.id,
        answer,
        end_user_id,
        account_id,
        by.recipient_id,
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    go_on(tx, &[form.run_id.0]).await?;
    Ok(true)
}

/// Closes forms whose time is up, of every workspace; their runs go on. Gives their number.
pub async fn expire(tx: &mut PgConnection) -> sqlx::Result<usize> {
    let due = sqlx::query!("select id, run_id from human_input_forms where status = 'waiting' and expires_at <= now() limit 1000")
        .fetch_all(&mut *tx)
        .await?;
    if due.is_empty() {
        return Ok(0);
    }
    let (ids, runs): (Vec<Uuid>, Vec<Uuid>) = due.into_iter().map(|row| (row.id, row.run_id)).unzip();
    lock_runs(tx, &runs).await?;
    let runs = sqlx::query_scalar!(
        "update human_input_forms set status = 'expired' where id = any($1) and status = 'waiting' returning run_id",
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    go_on(tx, &runs).await?;
    Ok(runs.len())
}

/// Before their forms are settled: a run that is being paused sees it then, or is seen paused.
async fn lock_runs(tx: &mut PgConnection, runs: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("select id from workflow_runs where id = any($1) order by id for no key update", runs).fetch_all(tx).await.map(drop)
}

async fn go_on(tx: &mut PgConnection, runs: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("update workflow_runs set status = 'scheduled' where id = any($1) and status = 'paused'", runs).execute(tx).await.map(drop)
}
