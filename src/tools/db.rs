//! SQL of tool providers. `workspace_id` is in every statement.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::{PgExecutor, Result};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::{AccountId, ToolProviderId, WorkspaceId};
use crate::state::AppState;

/// A custom provider or an MCP server, without its document.
pub struct ProviderRow {
    pub id: ToolProviderId,
    pub kind: String,
    pub name: String,
    pub description: String,
    pub url: Option<String>,
    pub auth: Value,
    pub secret_sealed: Option<Vec<u8>>,
    pub timeout_ms: i32,
    pub tools: Value,
    pub tools_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl ProviderRow {
    /// What `tools` holds for this kind.
    pub fn tools<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        serde_json::from_value(self.tools.clone()).map_err(Error::internal)
    }

    pub fn unseal(&self, state: &AppState) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.secret_sealed.as_deref().map(|sealed| state.secrets.unseal(sealed, self.id.0.as_bytes())).transpose()?)
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.timeout_ms).unwrap_or(0))
    }
}

/// By id, else by the first of `names` that one has.
pub async fn find_provider(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    kind: &str,
    id: Option<Uuid>,
    names: &[&str],
) -> Result<Option<ProviderRow>> {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    sqlx::query_as!(
        ProviderRow,
        r#"select id as "id: ToolProviderId", kind, name, description, url, auth, secret_sealed, timeout_ms, tools, tools_at, created_at, updated_at
           from tool_providers where workspace_id = $1 and kind = $2 and (id = $3 or name = any ($4))
           order by (id = $3) desc nulls last, array_position($4, name) limit 1"#,
        workspace_id.0,
        kind,
        id,
        &names,
    )
    .fetch_optional(db)
    .await
}

/// By name. `kind`: of that kind only; `id`: that one only.
pub async fn list_providers(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    kind: Option<&str>,
    id: Option<ToolProviderId>,
) -> Result<Vec<ProviderRow>> {
    sqlx::query_as!(
        ProviderRow,
        r#"select id as "id: ToolProviderId", kind, name, description, url, auth, secret_sealed, timeout_ms, tools, tools_at, created_at, updated_at
           from tool_providers
           where workspace_id = $1 and ($2::text is null or kind = $2) and ($3::uuid is null or id = $3) order by kind, name"#,
        workspace_id.0,
        kind,
        id.map(|id| id.0),
    )
    .fetch_all(db)
    .await
}

pub async fn count_providers(db: impl PgExecutor<'_>, workspace_id: WorkspaceId) -> Result<i64> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from tool_providers where workspace_id = $1"#, workspace_id.0).fetch_one(db).await
}

pub async fn find_document(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ToolProviderId) -> Result<Option<String>> {
    sqlx::query_scalar!("select document from tool_providers where workspace_id = $1 and id = $2", workspace_id.0, id.0)
        .fetch_optional(db)
        .await
        .map(Option::flatten)
}

pub struct NewProvider<'a> {
    pub id: ToolProviderId,
    pub workspace_id: WorkspaceId,
    pub kind: &'a str,
    pub name: &'a str,
    pub description: &'a str,
    pub document: Option<&'a str>,
    pub url: Option<&'a str>,
    pub auth: &'a Value,
    pub secret_sealed: Option<&'a [u8]>,
    pub timeout_ms: i32,
    pub tools: &'a Value,
    pub created_by: AccountId,
}

pub async fn insert_provider(db: impl PgExecutor<'_>, row: NewProvider<'_>) -> Result<()> {
    sqlx::query!(
        "insert into tool_providers (id, workspace_id, kind, name, description, document, url, auth, secret_sealed, timeout_ms, tools, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        row.id.0,
        row.workspace_id.0,
        row.kind,
        row.name,
        row.description,
        row.document,
        row.url,
        row.auth,
        row.secret_sealed,
        row.timeout_ms,
        row.tools,
        row.created_by.0,
    )
    .execute(db)
    .await
    .map(drop)
}

pub struct ChangedProvider<'a> {
    pub id: ToolProviderId,
    pub workspace_id: WorkspaceId,
    pub name: &'a str,
    pub description: &'a str,
    /// Else it stays, with what it says.
    pub document: Option<&'a str>,
    pub url: Option<&'a str>,
    pub auth: &'a Value,
    /// Else the secret stays.
    pub set_secret: bool,
    pub secret_sealed: Option<&'a [u8]>,
    pub timeout_ms: i32,
    /// Else they stay.
    pub tools: Option<&'a Value>,
}

pub async fn update_provider(db: impl PgExecutor<'_>, row: ChangedProvider<'_>) -> Result<bool> {
    sqlx::query!(
        "update tool_providers set name = $3, description = $4, document = coalesce($5, document), url = $6, auth = $7,
             secret_sealed = case when $8 then $9 else secret_sealed end, timeout_ms = $10, tools = coalesce($11, tools),
             tools_at = case when $11::jsonb is null then tools_at else now() end, updated_at = now()
         where workspace_id = $1 and id = $2",
        row.workspace_id.0,
        row.id.0,
        row.name,
        row.description,
        row.document,
        row.url,
        row.auth,
        row.set_secret,
        row.secret_sealed,
        row.timeout_ms,
        row.tools,
    )
    .execute(db)
    .await
    .map(|done| done.rows_affected() > 0)
}

/// What a server lists now.
pub async fn replace_tools(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ToolProviderId, tools: &Value) -> Result<bool> {
    sqlx::query!("update tool_providers set tools = $3, tools_at = now() where workspace_id = $1 and id = $2", workspace_id.0, id.0, tools)
        .execute(db)
        .await
        .map(|done| done.rows_affected() > 0)
}

pub async fn delete_provider(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, kind: &str, id: ToolProviderId) -> Result<bool> {
    sqlx::query!("delete from tool_providers where workspace_id = $1 and kind = $2 and id = $3", workspace_id.0, kind, id.0)
        .execute(db)
        .await
        .map(|done| done.rows_affected() > 0)
}
