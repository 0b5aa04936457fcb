//! SQL of providers and their models. `workspace_id` is in every statement.

use sqlx::{PgExecutor, Result};

use super::ModelRef;
use crate::engine::host::Kind;
use crate::ids::{ProviderId, WorkspaceId};

/// A remote model with what is needed to call it.
pub struct ModelRow {
    pub provider_id: ProviderId,
    pub provider: String,
    pub base_url: String,
    pub api_key_sealed: Option<Vec<u8>>,
    pub timeout_ms: i32,
    pub max_retries: i32,
    pub name: String,
    pub kind: String,
    pub context_size: i32,
    pub features: Vec<String>,
    pub prompt_unit_price: f64,
    pub completion_unit_price: f64,
    pub price_unit: f64,
    pub currency: String,
}

pub async fn find_model(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, provider: &str, name: &str) -> Result<Option<ModelRow>> {
    sqlx::query_as!(
        ModelRow,
        r#"select p.id as "provider_id: ProviderId", p.name as provider, p.base_url, p.api_key_sealed, p.timeout_ms, p.max_retries,
                  m.name, m.kind, m.context_size, m.features, m.prompt_unit_price::float8 as "prompt_unit_price!",
                  m.completion_unit_price::float8 as "completion_unit_price!", m.price_unit::float8 as "price_unit!", m.currency
           from providers p join provider_models m on m.provider_id = p.id and m.workspace_id = p.workspace_id
           where p.workspace_id = $1 and p.name = $2 and m.name = $3"#,
        workspace_id.0,
        provider,
        name,
    )
    .fetch_optional(db)
    .await
}

pub async fn provider_exists(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, name: &str) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from providers where workspace_id = $1 and name = $2) as "exists!""#,
        workspace_id.0,
        name
    )
    .fetch_one(db)
    .await
}

/// What the workspace chose as its default model of a kind.
pub async fn find_default(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, kind: Kind) -> Result<Option<ModelRef>> {
    let chosen = sqlx::query_scalar!(r#"select default_models -> $2::text from workspaces where id = $1"#, workspace_id.0, kind.as_str())
        .fetch_optional(db)
        .await?;
    Ok(chosen.flatten().and_then(|json| serde_json::from_value(json).ok()))
}
