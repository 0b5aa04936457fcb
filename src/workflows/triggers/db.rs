//! SQL of triggers and of webhooks' deliveries.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::TriggerKind;
use crate::ids::{AppId, AppVersionId, TriggerId, WorkflowRunId, WorkspaceId};

/// A trigger of an app.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: TriggerId,
    pub node_id: String,
    pub kind: TriggerKind,
    pub enabled: bool,
    pub webhook_id: Option<String>,
    pub cron: Option<String>,
    pub timezone: Option<String>,
    pub next_fire_at: Option<DateTime<Utc>>,
    pub last_fired_at: Option<DateTime<Utc>>,
}

/// Those that the app has or had. `id`: that one only.
pub async fn list(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, id: Option<TriggerId>) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select t.id as "id: TriggerId", t.node_id, t.kind as "kind: TriggerKind", t.enabled, t.webhook_id, t.cron, t.timezone, t.next_fire_at,
             (select r.created_at from workflow_runs r
              where r.workspace_id = $1 and r.app_id = $2 and r.entry_node_id = t.node_id and r.triggered_from = t.kind
              order by r.created_at desc limit 1) as last_fired_at
           from triggers t where t.workspace_id = $1 and t.app_id = $2 and ($3::uuid is null or t.id = $3) order by t.id"#,
        workspace_id.0,
        app_id.0,
        id.map(|id| id.0),
    )
    .fetch_all(db)
    .await
}

/// A node that gets a row, unless it has one.
pub struct NewTrigger<'a> {
    pub node_id: &'a str,
    pub kind: TriggerKind,
    pub webhook_id: Option<String>,
}

pub async fn insert_missing(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, new: &[NewTrigger<'_>]) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into triggers (id, workspace_id, app_id, node_id, kind, webhook_id)
         select id, $1, $2, node_id, kind, webhook_id from unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) as t (id, node_id, kind, webhook_id)
         on conflict (app_id, node_id, kind) do nothing",
        workspace_id.0,
        app_id.0,
        &new.iter().map(|_| TriggerId::new().0).collect::<Vec<_>>(),
        &new.iter().map(|t| t.node_id) .collect::<Vec<_>>() as &[&str],
        &new.iter().map(|t| t.kind.as_str()).collect::<Vec<_>>() as &[&str],
        &new.iter().map(|t| t.webhook_id.clone()).collect::<Vec<_>>() as &[Option<String>],
    )
    .execute(db)
    .await
    .map(drop)
}

/// False when there is no such trigger. `next_fire_at`: else it stays.
pub async fn switch(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    id: TriggerId,
    enabled: bool,
    next_fire_at: Option<DateTime<Utc>>,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "update triggers set enabled = $3, next_fire_at = coalesce($4, next_fire_at), updated_at = now() where workspace_id = $1 and id = $2",
        workspace_id.0,
        id.0,
        enabled,
        next_fire_at,
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Gives a webhook another address. False when there is no such webhook.
pub async fn readdress(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: TriggerId, webhook_id: &str) -> sqlx::Result<bool> {
    sqlx::query!(
        "update triggers set webhook_id = $3, updated_at = now() where workspace_id = $1 and id = $2 and kind = 'webhook'",
        workspace_id.0,
        id.0,
        webhook_id,
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// What the address of a webhook leads to.
#[derive(Debug, Clone)]
pub struct Addressee {
    pub id: TriggerId,
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    pub node_id: String,
    pub enabled: bool,
}

/// For whoever knows the address, which stands for the permission that a workspace is elsewhere.
pub async fn find_webhook(db: impl PgExecutor<'_>, webhook_id: &str) -> sqlx::Result<Option<Addressee>> {
    sqlx::query_as!(
        Addressee,
        r#"select t.id as "id: TriggerId", t.workspace_id as "workspace_id: WorkspaceId", t.app_id as "app_id: AppId", t.node_id, t.enabled
           from triggers t join apps a on a.id = t.app_id join workspaces w on w.id = t.workspace_id
           where t.webhook_id = $1 and a.deleted_at is null and a.status = 'normal' and w.status = 'normal'"#,
        webhook_id
    )
    .fetch_optional(db)
    .await
}

/// The run that a delivery of the last day began.
pub async fn find_delivery(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    id: TriggerId,
    key: &str,
) -> sqlx::Result<Option<WorkflowRunId>> {
    sqlx::query_scalar!(
        r#"select run_id as "run_id: WorkflowRunId" from webhook_deliveries
           where workspace_id = $1 and trigger_id = $2 and key = $3 and created_at > now() - interval '1 day'"#,
        workspace_id.0,
        id.0,
        key
    )
    .fetch_optional(db)
    .await
}

/// False when it was delivered before, which is waited for.
pub async fn insert_delivery(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    id: TriggerId,
    key: &str,
    run_id: WorkflowRunId,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "insert into webhook_deliveries as d (workspace_id, trigger_id, key, run_id) values ($1, $2, $3, $4)
         on conflict (trigger_id, key) do update set run_id = excluded.run_id, created_at = now()
         where d.created_at <= now() - interval '1 day'",
        workspace_id.0,
        id.0,
        key,
        run_id.0
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() == 1)
}

pub async fn delete_old_deliveries(db: impl PgExecutor<'_>) -> sqlx::Result<u64> {
    let done = sqlx::query!("delete from webhook_deliveries where created_at <= now() - interval '1 day'").execute(db).await?;
    Ok(done.rows_affected())
}

/// An app whose triggers are those of another version than the published one.
pub struct Behind {
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    /// None: nothing is published, or the app is gone.
    pub version_id: Option<AppVersionId>,
}

pub async fn list_behind(db: impl PgExecutor<'_>, limit: i64) -> sqlx::Result<Vec<Behind>> {
    // in the words of the index that holds them
    sqlx::query_as!(
        Behind,
        r#"select workspace_id as "workspace_id: WorkspaceId", id as "app_id: AppId",
             case when deleted_at is null then published_version_id end as "version_id: AppVersionId"
           from apps
           where mode = 'workflow' and (case when deleted_at is null then published_version_id end) is distinct from triggers_version_id
           order by id limit $1"#,
        limit
    )
    .fetch_all(db)
    .await
}

/// Notes which version the triggers are of. False when another one is published by now.
pub async fn follow(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    version_id: Option<AppVersionId>,
) -> sqlx::Result<bool> {
    sqlx::query!(
        "update apps set triggers_version_id = $3
         where workspace_id = $1 and id = $2 and (case when deleted_at is null then published_version_id end) is not distinct from $3",
        workspace_id.0,
        app_id.0,
        version_id.map(|id| id.0)
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// A schedule of the published version.
pub struct NewSchedule<'a> {
    pub node_id: &'a str,
    pub cron: String,
    pub timezone: &'static str,
    /// Counted from now.
    pub next_fire_at: Option<DateTime<Utc>>,
}

/// The app's schedules are these. One that stays as it was keeps its next time, so that a time that has come is not lost.
pub async fn replace_schedules(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    schedules: &[NewSchedule<'_>],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update triggers t set cron = g.cron, timezone = g.timezone, updated_at = now(),
           next_fire_at = case when t.cron = g.cron and t.timezone = g.timezone then coalesce(t.next_fire_at, g.next_fire_at) else g.next_fire_at end
         from (select o.id, n.cron, n.timezone, n.next_fire_at
               from triggers o left join unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[]) as n (node_id, cron, timezone, next_fire_at)
                 on n.node_id = o.node_id
               where o.workspace_id = $1 and o.app_id = $2 and o.kind = 'schedule') g
         where t.id = g.id",
        workspace_id.0,
        app_id.0,
        &schedules.iter().map(|s| s.node_id).collect::<Vec<_>>() as &[&str],
        &schedules.iter().map(|s| s.cron.as_str()).collect::<Vec<_>>() as &[&str],
        &schedules.iter().map(|s| s.timezone).collect::<Vec<_>>() as &[&str],
        &schedules.iter().map(|s| s.next_fire_at).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
    )
    .execute(db)
    .await
    .map(drop)
}

/// A schedule whose time has come.
pub struct Due {
    pub id: TriggerId,
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    pub node_id: String,
    pub version_id: AppVersionId,
    pub cron: String,
    pub timezone: String,
    /// By the database's clock, which all processes share.
    pub now: DateTime<Utc>,
}

/// Locks schedules that are due and that no other process has in hand.
pub async fn lock_due(db: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Due>> {
    sqlx::query_as!(
        Due,
        r#"select t.id as "id: TriggerId", t.workspace_id as "workspace_id: WorkspaceId", t.app_id as "app_id: AppId", t.node_id,
             a.published_version_id as "version_id!: AppVersionId", t.cron as "cron!", t.timezone as "timezone!", now() as "now!"
           from triggers t join apps a on a.id = t.app_id join workspaces w on w.id = t.workspace_id
           where t.enabled and t.next_fire_at <= now() and t.cron is not null and t.timezone is not null
             and a.deleted_at is null and a.status = 'normal' and w.status = 'normal' and a.published_version_id = a.triggers_version_id
           order by t.next_fire_at limit $1 for update of t skip locked"#,
        limit
    )
    .fetch_all(db)
    .await
}

/// The next times of locked schedules, and none for those that have none left.
pub async fn advance(db: &mut PgConnection, next: &[(TriggerId, Option<DateTime<Utc>>)]) -> sqlx::Result<()> {
    sqlx::query!(
        "update triggers t set next_fire_at = n.next_fire_at
         from unnest($1::uuid[], $2::timestamptz[]) as n (id, next_fire_at) where t.id = n.id",
        &next.iter().map(|(id, _)| id.0).collect::<Vec<uuid::Uuid>>(),
        &next.iter().map(|(_, at)| *at).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
    )
    .execute(db)
    .await
    .map(drop)
}
