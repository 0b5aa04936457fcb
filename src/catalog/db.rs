//! SQL of providers and their models. `workspace_id` is in every statement.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, Result};

use super::ModelRef;
use super::providers::{Provider, ProviderModel};
use crate::engine::host::Kind;
use crate::ids::{AccountId, ProviderId, WorkspaceId};

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

/// A remote model in lists.
pub struct ListedModel {
    pub provider: String,
    pub name: String,
    pub kind: String,
    pub context_size: i32,
    pub features: Vec<String>,
    pub prompt_unit_price: f64,
    pub completion_unit_price: f64,
    pub price_unit: f64,
    pub currency: String,
    pub created_at: DateTime<Utc>,
}

/// The remote models that `id` may mean: as `provider/name` or by name alone.
pub async fn find_references(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: &str) -> Result<Vec<ModelRef>> {
    sqlx::query_as!(
        ModelRef,
        "select p.name as provider, m.name from providers p
         join provider_models m on m.provider_id = p.id and m.workspace_id = p.workspace_id
         where p.workspace_id = $1 and (m.name = $2 or p.name || '/' || m.name = $2) order by p.name",
        workspace_id.0,
        id,
    )
    .fetch_all(db)
    .await
}

pub async fn list_models(db: impl PgExecutor<'_>, workspace_id: WorkspaceId) -> Result<Vec<ListedModel>> {
    sqlx::query_as!(
        ListedModel,
        r#"select p.name as provider, m.name, m.kind, m.context_size, m.features, m.prompt_unit_price::float8 as "prompt_unit_price!",
                  m.completion_unit_price::float8 as "completion_unit_price!", m.price_unit::float8 as "price_unit!", m.currency, m.created_at
           from providers p join provider_models m on m.provider_id = p.id and m.workspace_id = p.workspace_id
           where p.workspace_id = $1 order by p.name, m.name"#,
        workspace_id.0,
    )
    .fetch_all(db)
    .await
}

/// The workspace's providers by name, or the one of that id.
pub(super) async fn list_providers(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: Option<ProviderId>) -> Result<Vec<Provider>> {
    let rows = sqlx::query!(
        r#"select p.id as "id: ProviderId", p.name, p.base_url, p.api_key_sealed is not null as "has_api_key!", p.timeout_ms, p.max_retries,
                  p.created_at, p.updated_at,
                  coalesce((
                      select jsonb_agg(jsonb_build_object(
                          'name', m.name, 'kind', m.kind, 'context_size', m.context_size, 'features', m.features,
                          'prices', jsonb_build_object('prompt_unit_price', m.prompt_unit_price::float8,
                              'completion_unit_price', m.completion_unit_price::float8, 'price_unit', m.price_unit::float8, 'currency', m.currency)
                      ) order by m.name)
                      from provider_models m where m.workspace_id = p.workspace_id and m.provider_id = p.id
                  ), '[]') as "models!: Json<Vec<ProviderModel>>"
           from providers p where p.workspace_id = $1 and ($2::uuid is null or p.id = $2) order by p.name"#,
        workspace_id.0,
        id.map(|id| id.0),
    )
    .fetch_all(db)
    .await?;
    let providers = rows.into_iter().map(|row| Provider {
        id: row.id,
        name: row.name,
        base_url: row.base_url,
        has_api_key: row.has_api_key,
        timeout_ms: row.timeout_ms,
        max_retries: row.max_retries,
        models: row.models.0,
        created_at: row.created_at,
        updated_at: row.updated_at,
    });
    Ok(providers.collect())
}

/// How to reach a provider.
pub struct EndpointRow {
    pub base_url: String,
    pub api_key_sealed: Option<Vec<u8>>,
    pub timeout_ms: i32,
    pub max_retries: i32,
}

pub async fn find_endpoint(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ProviderId) -> Result<Option<EndpointRow>> {
    sqlx::query_as!(
        EndpointRow,
        "select base_url, api_key_sealed, timeout_ms, max_retries from providers where workspace_id = $1 and id = $2",
        workspace_id.0,
        id.0,
    )
    .fetch_optional(db)
    .await
}

pub struct NewProvider<'a> {
    pub id: ProviderId,
    pub workspace_id: WorkspaceId,
    pub name: &'a str,
    pub base_url: &'a str,
    pub api_key_sealed: Option<&'a [u8]>,
    pub timeout_ms: i32,
    pub max_retries: i32,
    pub created_by: AccountId,
}

pub async fn insert_provider(db: impl PgExecutor<'_>, row: NewProvider<'_>) -> Result<()> {
    sqlx::query!(
        "insert into providers (id, workspace_id, name, base_url, api_key_sealed, timeout_ms, max_retries, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        row.id.0,
        row.workspace_id.0,
        row.name,
        row.base_url,
        row.api_key_sealed,
        row.timeout_ms,
        row.max_retries,
        row.created_by.0,
    )
    .execute(db)
    .await
    .map(drop)
}

pub struct ChangedProvider<'a> {
    pub id: ProviderId,
    pub workspace_id: WorkspaceId,
    pub name: &'a str,
    pub base_url: &'a str,
    /// Else the key stays.
    pub set_api_key: bool,
    pub api_key_sealed: Option<&'a [u8]>,
    pub timeout_ms: i32,
    pub max_retries: i32,
}

pub async fn update_provider(db: impl PgExecutor<'_>, row: ChangedProvider<'_>) -> Result<()> {
    sqlx::query!(
        "update providers set name = $3, base_url = $4, api_key_sealed = case when $5 then $6 else api_key_sealed end, timeout_ms = $7,
             max_retries = $8, updated_at = now()
         where workspace_id = $1 and id = $2",
        row.workspace_id.0,
        row.id.0,
        row.name,
        row.base_url,
        row.set_api_key,
        row.api_key_sealed,
        row.timeout_ms,
        row.max_retries,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Makes `models` the provider's models; those that stay keep their ids.
pub(super) async fn replace_models(
    db: &mut PgConnection,
    workspace_id: WorkspaceId,
    id: ProviderId,
    models: &[ProviderModel],
) -> Result<()> {
    let names: Vec<_> = models.iter().map(|m| m.name.clone()).collect();
    sqlx::query!(
        "delete from provider_models where workspace_id = $1 and provider_id = $2 and name <> all ($3)",
        workspace_id.0,
        id.0,
        &names,
    )
    .execute(&mut *db)
    .await?;
    for model in models {
        let features: Vec<_> = model.features.iter().map(|f| f.as_str().to_owned()).collect();
        sqlx::query!(
            "insert into provider_models (id, workspace_id, provider_id, name, kind, context_size, features, prompt_unit_price,
                 completion_unit_price, price_unit, currency)
             values ($1, $2, $3, $4, $5, $6, $7, $8::float8::numeric, $9::float8::numeric, $10::float8::numeric, $11)
             on conflict (provider_id, name) do update set kind = excluded.kind, context_size = excluded.context_size,
                 features = excluded.features, prompt_unit_price = excluded.prompt_unit_price,
                 completion_unit_price = excluded.completion_unit_price, price_unit = excluded.price_unit, currency = excluded.currency",
            uuid::Uuid::now_v7(),
            workspace_id.0,
            id.0,
            model.name,
            model.kind.as_str(),
            model.context_size,
            &features,
            model.prices.prompt_unit_price,
            model.prices.completion_unit_price,
            model.prices.price_unit,
            model.prices.currency,
        )
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Whether it was there.
pub async fn delete_provider(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ProviderId) -> Result<bool> {
    let done = sqlx::query!("delete from providers where workspace_id = $1 and id = $2", workspace_id.0, id.0).execute(db).await?;
    Ok(done.rows_affected() > 0)
}
