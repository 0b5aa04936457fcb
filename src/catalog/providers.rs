//! Remote providers of a workspace: base URL, key, models. The key goes in and never comes out.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use url::Url;
use utoipa::ToSchema;

use super::remote::Endpoint;
use super::{LOCAL, Prices, db};
use crate::accounts::{Admin, Session};
use crate::engine::host::Kind;
use crate::error::{Code, Error, OnConstraint, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::ids::ProviderId;
use crate::state::AppState;

const MAX_MODELS: usize = 500;

/// A remote provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
pub(super) struct Provider {
    #[schema(value_type = uuid::Uuid)]
    pub id: ProviderId,
    /// What an app's `model.provider` holds
    pub name: String,
    pub base_url: String,
    /// The key itself is never shown
    pub has_api_key: bool,
    /// Longest silence, in milliseconds
    pub timeout_ms: i32,
    pub max_retries: i32,
    pub models: Vec<ProviderModel>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A model that a provider has.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderModel {
    /// As the provider names it
    pub name: String,
    /// `llm`, `text-embedding` or `rerank`
    #[serde(default = "llm")]
    #[schema(value_type = String)]
    pub kind: Kind,
    #[serde(default = "context_size")]
    pub context_size: i32,
    #[serde(default)]
    pub features: Vec<Feature>,
    #[serde(default)]
    pub prices: Prices,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Feature {
    Vision,
    Tools,
    StructuredOutput,
}

impl Feature {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Tools => "tools",
            Self::StructuredOutput => "structured_output",
        }
    }
}

fn llm() -> Kind {
    Kind::Llm
}

fn context_size() -> i32 {
    32_768
}

#[derive(Deserialize, ToSchema)]
pub(super) struct CreateProvider {
    name: String,
    base_url: String,
    api_key: Option<String>,
    #[serde(default = "timeout_ms")]
    timeout_ms: i32,
    #[serde(default = "max_retries")]
    max_retries: i32,
    #[serde(default)]
    models: Vec<ProviderModel>,
}

fn timeout_ms() -> i32 {
    120_000
}

fn max_retries() -> i32 {
    2
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
pub(super) struct UpdateProvider {
    name: Option<String>,
    base_url: Option<String>,
    /// Null takes the key away
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    api_key: Option<Option<String>>,
    timeout_ms: Option<i32>,
    max_retries: Option<i32>,
    /// Replaces the list
    models: Option<Vec<ProviderModel>>,
}

/// Tells null from absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

/// The workspace's remote providers
#[utoipa::path(get, path = "/api/providers", tag = "models", responses((status = 200, body = List<Provider>)))]
pub(super) async fn list_providers(State(state): State<AppState>, session: Session<Admin>) -> Result<Json<List<Provider>>> {
    Ok(Json(List::whole(db::list_providers(&state.db, session.workspace_id, None).await?)))
}

/// Add a remote provider
#[utoipa::path(post, path = "/api/providers", tag = "models", request_body = CreateProvider,
    responses((status = 201, body = Provider), (status = 409)))]
pub(super) async fn create_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<CreateProvider>,
) -> Result<(StatusCode, Json<Provider>)> {
    let name = check_name(&body.name)?;
    let base_url = check_base_url(&state, &body.base_url)?;
    check_limits(body.timeout_ms, body.max_retries)?;
    check_models(&body.models)?;
    let id = ProviderId::new();
    let sealed = seal(&state, id, body.api_key.as_deref())?;
    let mut tx = state.db.begin().await?;
    let row = db::NewProvider {
        id,
        workspace_id: session.workspace_id,
        name: &name,
        base_url: &base_url,
        api_key_sealed: sealed.as_deref(),
        timeout_ms: body.timeout_ms,
        max_retries: body.max_retries,
        created_by: session.account_id,
    };
    db::insert_provider(&mut *tx, row).await.on_constraint("providers_workspace_id_name_key", || taken(&name))?;
    db::replace_models(&mut tx, session.workspace_id, id, &body.models).await?;
    session.audit(&mut *tx, "provider.create", ("provider", id), json!({"name": name, "base_url": base_url})).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, find(&state, &session, id).await?))
}

/// One provider
#[utoipa::path(get, path = "/api/providers/{provider_id}", tag = "models", params(("provider_id" = uuid::Uuid, Path,)),
    responses((status = 200, body = Provider), (status = 404)))]
pub(super) async fn get_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ProviderId>,
) -> Result<Json<Provider>> {
    find(&state, &session, id).await
}

/// Change a provider
#[utoipa::path(patch, path = "/api/providers/{provider_id}", tag = "models", params(("provider_id" = uuid::Uuid, Path,)),
    request_body = UpdateProvider, responses((status = 200, body = Provider), (status = 404), (status = 409)))]
pub(super) async fn update_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ProviderId>,
    Json(body): Json<UpdateProvider>,
) -> Result<Json<Provider>> {
    let before = find(&state, &session, id).await?.0;
    let name = body.name.as_deref().map_or(Ok(before.name), check_name)?;
    // a key is meant for one server: it does not follow to another
    let base_url = body.base_url.as_deref().map_or(Ok(before.base_url.clone()), |url| check_base_url(&state, url))?;
    let moved = origin(&base_url) != origin(&before.base_url);
    if moved && before.has_api_key && body.api_key.is_none() {
        return Err(Error::invalid("api_key", "The base URL names another server: give its api_key too (null for none)."));
    }
    let (timeout_ms, max_retries) = (body.timeout_ms.unwrap_or(before.timeout_ms), body.max_retries.unwrap_or(before.max_retries));
    check_limits(timeout_ms, max_retries)?;
    if let Some(models) = &body.models {
        check_models(models)?;
    }
    let sealed = match &body.api_key {
        Some(key) => seal(&state, id, key.as_deref())?,
        None => None,
    };
    let mut tx = state.db.begin().await?;
    let row = db::ChangedProvider {
        id,
        workspace_id: session.workspace_id,
        name: &name,
        base_url: &base_url,
        set_api_key: body.api_key.is_some(),
        api_key_sealed: sealed.as_deref(),
        timeout_ms,
        max_retries,
    };
    db::update_provider(&mut *tx, row).await.on_constraint("providers_workspace_id_name_key", || taken(&name))?;
    if let Some(models) = &body.models {
        db::replace_models(&mut tx, session.workspace_id, id, models).await?;
    }
    let detail = json!({"name": name, "base_url": base_url, "api_key_changed": body.api_key.is_some()});
    session.audit(&mut *tx, "provider.update", ("provider", id), detail).await?;
    tx.commit().await?;
    find(&state, &session, id).await
}

/// Remove a provider with its models
#[utoipa::path(delete, path = "/api/providers/{provider_id}", tag = "models", params(("provider_id" = uuid::Uuid, Path,)),
    responses((status = 204), (status = 404)))]
pub(super) async fn delete_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ProviderId>,
) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    if !db::delete_provider(&mut *tx, session.workspace_id, id).await? {
        return Err(missing());
    }
    session.audit(&mut *tx, "provider.delete", ("provider", id), json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a provider answered.
#[derive(Serialize, ToSchema)]
pub(super) struct ProviderTest {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What the provider lists
    models: Vec<String>,
}

/// Ask a provider for its models
#[utoipa::path(post, path = "/api/providers/{provider_id}/test", tag = "models", params(("provider_id" = uuid::Uuid, Path,)),
    responses((status = 200, body = ProviderTest), (status = 404)))]
pub(super) async fn test_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ProviderId>,
) -> Result<Json<ProviderTest>> {
    let row = db::find_endpoint(&state.db, session.workspace_id, id).await?.ok_or_else(missing)?;
    let endpoint = Endpoint::open(&state, &id, &row.base_url, row.api_key_sealed.as_deref(), row.timeout_ms.min(20_000), row.max_retries)?;
    Ok(Json(match endpoint.list_models().await {
        Ok(models) => ProviderTest { ok: true, error: None, models },
        Err(failure) => ProviderTest { ok: false, error: Some(failure.to_string()), models: Vec::new() },
    }))
}

async fn find(state: &AppState, session: &Session<Admin>, id: ProviderId) -> Result<Json<Provider>> {
    db::list_providers(&state.db, session.workspace_id, Some(id)).await?.pop().map(Json).ok_or_else(missing)
}

fn missing() -> Error {
    Error::not_found("Provider not found.")
}

fn taken(name: &str) -> Error {
    Error::new(Code::Conflict, format!("This workspace has a provider named \"{name}\" already.")).param("name")
}

fn check_name(name: &str) -> Result<String> {
    let name = name.trim();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ' ');
    if name.is_empty() || name.chars().count() > 100 || !name.chars().all(plain) || name.starts_with('/') || name.ends_with('/') {
        return Err(Error::invalid("name", "name must be 1 to 100 letters, digits, spaces, '-', '_', '.' or inner '/'."));
    }
    if name.eq_ignore_ascii_case(LOCAL) {
        return Err(Error::invalid("name", "\"local\" is the name of this server's own models; choose another."));
    }
    Ok(name.to_owned())
}

/// Without a trailing slash. A private address is refused here already, where a person reads why.
fn check_base_url(state: &AppState, text: &str) -> Result<String> {
    let invalid = |message: &str| Error::invalid("base_url", message.to_owned());
    let url = Url::parse(text.trim()).map_err(|_| invalid("base_url must be a URL, as in https://api.example.com/v1."))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("base_url must not hold a user name or password; use api_key."));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("base_url must end with its path, without '?' and '#'."));
    }
    state.outbound.check(&url).map_err(|refusal| refusal.into_error("base_url"))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<url::Origin> {
    Url::parse(url).ok().map(|u| u.origin())
}

fn check_limits(timeout_ms: i32, max_retries: i32) -> Result<()> {
    if !(100..=3_600_000).contains(&timeout_ms) {
        return Err(Error::invalid("timeout_ms", "timeout_ms must be between 100 and 3600000."));
    }
    if !(0..=10).contains(&max_retries) {
        return Err(Error::invalid("max_retries", "max_retries must be between 0 and 10."));
    }
    Ok(())
}

fn check_models(models: &[ProviderModel]) -> Result<()> {
    if models.len() > MAX_MODELS {
        return Err(Error::invalid("models", format!("A provider can have {MAX_MODELS} models at most.")));
    }
    for (i, model) in models.iter().enumerate() {
        let invalid =
            |field: &str, message: &str| Err(Error::invalid(format!("models[{i}].{field}"), format!("models[{i}].{field} {message}")));
        if model.name.trim().is_empty() || model.name.chars().count() > 200 {
            return invalid("name", "must have 1 to 200 characters.");
        }
        if models[..i].iter().any(|m| m.name == model.name) {
            return invalid("name", "is in the list twice.");
        }
        if !(1..=100_000_000).contains(&model.context_size) {
            return invalid("context_size", "must be between 1 and 100000000.");
        }
        let prices = &model.prices;
        if [prices.prompt_unit_price, prices.completion_unit_price, prices.price_unit].iter().any(|p| !(0.0..1e9).contains(p)) {
            return invalid("prices", "must not be negative.");
        }
        if prices.currency.len() != 3 || !prices.currency.chars().all(|c| c.is_ascii_uppercase()) {
            return invalid("prices.currency", "must be a three-letter code, as in USD.");
        }
    }
    Ok(())
}

/// Bound to the provider: a sealed key copied to another row does not open.
fn seal(state: &AppState, id: ProviderId, key: Option<&str>) -> Result<Option<Vec<u8>>> {
    let Some(key) = key.map(str::trim).filter(|k| !k.is_empty()) else { return Ok(None) };
    if key.len() > 4096 || !key.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Err(Error::invalid("api_key", "api_key must be at most 4096 printable ASCII characters without spaces."));
    }
    Ok(Some(state.secrets.seal(key.as_bytes(), id.0.as_bytes())))
}
