//! SQL of workflows as tools.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgExecutor, Result};
use uuid::Uuid;

use crate::ids::{AccountId, AppId, WorkflowToolId, WorkspaceId};

/// A workflow tool with what is published of its app.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: WorkflowToolId,
    pub app_id: AppId,
    pub app_name: String,
    pub name: String,
    pub label: String,
    pub description: String,
    pub parameters: Value,
    /// None when nothing is published.
    pub config: Option<Value>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// By name, without those of apps that are gone. `id`: that one only.
pub async fn list(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: Option<WorkflowToolId>) -> Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select t.id as "id: WorkflowToolId", t.app_id as "app_id: AppId", a.name as app_name, t.name, t.label, t.description, t.parameters,
             v.config as "config?", t.created_at, t.updated_at
           from workflow_tools t join apps a on a.id = t.app_id left join app_versions v on v.id = a.published_version_id
           where t.workspace_id = $1 and a.deleted_at is null and ($2::uuid is null or t.id = $2) order by t.name"#,
        workspace_id.0,
        id.map(|id| id.0),
    )
    .fetch_all(db)
    .await
}

/// By id, else by the first of `names` that one has.
pub async fn find(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: Option<Uuid>, names: &[String]) -> Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"select t.id as "id: WorkflowToolId", t.app_id as "app_id: AppId", a.name as app_name, t.name, t.label, t.description, t.parameters,
             v.config as "config?", t.created_at, t.updated_at
           from workflow_tools t join apps a on a.id = t.app_id left join app_versions v on v.id = a.published_version_id
           where t.workspace_id = $1 and a.deleted_at is null and (t.id = $2 or t.name = any($3))
           order by (t.id = $2) desc nulls last, array_position($3, t.name) limit 1"#,
        workspace_id.0,
        id,
        names,
    )
    .fetch_optional(db)
    .await
}

pub struct NewTool<'a> {
    pub id: WorkflowToolId,
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    pub name: &'a str,
    pub label: &'a str,
    pub description: &'a str,
    pub parameters: &'a Value,
    pub created_by: AccountId,
}

pub async fn insert(db: impl PgExecutor<'_>, row: NewTool<'_>) -> Result<()> {
    sqlx::query!(
        "insert into workflow_tools (id, workspace_id, app_id, name, label, description, parameters, created_by) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        row.id.0,
        row.workspace_id.0,
        row.app_id.0,
        row.name,
        row.label,
        row.description,
        row.parameters,
        row.created_by.0,
    )
    .execute(db)
    .await
    .map(drop)
}

/// New values; none = unchanged.
pub struct ChangedTool<'a> {
    pub name: Option<&'a str>,
    pub label: Option<&'a str>,
    pub description: Option<&'a str>,
    pub parameters: Option<&'a Value>,
}

pub async fn update(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: WorkflowToolId, change: ChangedTool<'_>) -> Result<bool> {
    sqlx::query!(
        "update workflow_tools set name = coalesce($3, name), label = coalesce($4, label), description = coalesce($5, description),
           parameters = coalesce($6, parameters), updated_at = now()
         where workspace_id = $1 and id = $2",
        workspace_id.0,
        id.0,
        change.name,
        change.label,
        change.description,
        change.parameters,
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() == 1)
}

pub async fn delete(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: WorkflowToolId) -> Result<bool> {
    sqlx::query!("delete from workflow_tools where workspace_id = $1 and id = $2", workspace_id.0, id.0)
        .execute(db)
        .await
        .map(|done| done.rows_affected() == 1)
}

/// Those of deleted apps, whose names are free again.
pub async fn delete_orphans(db: impl PgExecutor<'_>, workspace_id: WorkspaceId) -> Result<()> {
    sqlx::query!(
        "delete from workflow_tools t using apps a where t.workspace_id = $1 and a.id = t.app_id and a.deleted_at is not null",
        workspace_id.0
    )
    .execute(db)
    .await
    .map(drop)
}
