//! Custom tool providers of a workspace: an OpenAPI document and how its requests are authorised. The key goes in and never comes out.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use url::Url;
use utoipa::ToSchema;

use super::openapi::{Auth, Document, MAX_DOCUMENT, Operation, Scheme, parse};
use super::{ToolInfo, db};
use crate::accounts::{Admin, Session};
use crate::error::{Code, Error, OnConstraint, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::http::text;
use crate::ids::ToolProviderId;
use crate::outbound::Limits;
use crate::state::AppState;

pub(super) const KIND: &str = "api";
/// Providers and servers together.
const MAX_PROVIDERS: i64 = 200;
const NAME_CHARS: usize = 100;
const DESCRIPTION_CHARS: usize = 2000;

/// A custom tool provider.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenapiProvider {
    #[schema(value_type = uuid::Uuid)]
    id: ToolProviderId,
    /// What an app's `provider_name` holds
    name: String,
    description: String,
    /// Where the document came from, if from a URL
    document_url: Option<String>,
    auth: Auth,
    /// The key itself is never shown
    has_api_key: bool,
    /// For a whole call
    timeout_ms: i32,
    tools: Vec<ToolInfo>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A custom tool provider with its document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenapiProviderDetail {
    #[serde(flatten)]
    provider: OpenapiProvider,
    /// As it was given
    document: String,
}

/// What a document would give.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenapiPreview {
    title: String,
    description: String,
    /// The servers that its tools call
    servers: BTreeSet<String>,
    tools: Vec<ToolInfo>,
    /// The document itself, for one that was given as a URL
    document: String,
}

/// Either of the two.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct OpenapiSource {
    /// JSON or YAML
    document: Option<String>,
    document_url: Option<String>,
}

/// Either `document` or `document_url`.
#[derive(Deserialize, ToSchema)]
pub(super) struct CreateOpenapiProvider {
    name: String,
    #[serde(default)]
    description: String,
    /// JSON or YAML
    document: Option<String>,
    document_url: Option<String>,
    #[serde(default)]
    auth: Auth,
    api_key: Option<String>,
    #[serde(default = "timeout_ms")]
    timeout_ms: i32,
}

fn timeout_ms() -> i32 {
    60_000
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
pub(super) struct UpdateOpenapiProvider {
    name: Option<String>,
    description: Option<String>,
    document: Option<String>,
    /// Read again, also when it is the URL of before
    document_url: Option<String>,
    auth: Option<Auth>,
    /// Null takes the key away
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    api_key: Option<Option<String>>,
    timeout_ms: Option<i32>,
}

/// Tells null from absent.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// What an OpenAPI document would give as tools
#[utoipa::path(post, path = "/api/tools/openapi/preview", tag = "tools", request_body = OpenapiSource,
    responses((status = 200, body = OpenapiPreview)))]
pub(super) async fn preview_openapi(
    State(state): State<AppState>,
    _session: Session<Admin>,
    Json(body): Json<OpenapiSource>,
) -> Result<Json<OpenapiPreview>> {
    let source = load(&state, body.document, body.document_url).await?.ok_or_else(no_document)?;
    let tools = source.parsed.operations.iter().map(|o| o.info("", "")).collect();
    let servers = source.parsed.operations.iter().map(|o| o.server.clone()).collect();
    let Document { title, description, .. } = source.parsed;
    Ok(Json(OpenapiPreview { title, description, servers, tools, document: source.text }))
}

/// The workspace's custom tool providers
#[utoipa::path(get, path = "/api/tools/openapi", tag = "tools", responses((status = 200, body = List<OpenapiProvider>)))]
pub(super) async fn list_openapi_providers(State(state): State<AppState>, session: Session<Admin>) -> Result<Json<List<OpenapiProvider>>> {
    let rows = db::list_providers(&state.db, session.workspace_id, Some(KIND), None).await?;
    Ok(Json(List::whole(rows.into_iter().map(shown).collect::<Result<_>>()?)))
}

/// Add a custom tool provider
#[utoipa::path(post, path = "/api/tools/openapi", tag = "tools", request_body = CreateOpenapiProvider,
    responses((status = 201, body = OpenapiProviderDetail), (status = 409)))]
pub(super) async fn create_openapi_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<CreateOpenapiProvider>,
) -> Result<(StatusCode, Json<OpenapiProviderDetail>)> {
    let name = check_name(&body.name)?;
    let description = check_description(&body.description)?;
    check_timeout(body.timeout_ms)?;
    let key = check_key(&body.auth, body.api_key.as_deref())?;
    if body.auth != Auth::None && key.is_none() {
        return Err(Error::invalid("api_key", "api_key is needed for this auth."));
    }
    let source = load(&state, body.document, body.document_url).await?.ok_or_else(no_document)?;
    let id = ToolProviderId::new();
    let sealed = key.map(|key| state.secrets.seal(key.as_bytes(), id.0.as_bytes()));
    check_room(&state, &session).await?;
    let mut tx = state.db.begin().await?;
    let row = db::NewProvider {
        id,
        workspace_id: session.workspace_id,
        kind: KIND,
        name: &name,
        description: &description,
        document: Some(&source.text),
        url: source.url.as_deref(),
        auth: &json!(body.auth),
        secret_sealed: sealed.as_deref(),
        timeout_ms: body.timeout_ms,
        tools: &json!(source.parsed.operations),
        created_by: session.account_id,
    };
    db::insert_provider(&mut *tx, row).await.on_constraint("tool_providers_workspace_id_kind_name_key", || taken(&name))?;
    let detail = json!({"name": name, "kind": KIND, "tools": source.parsed.operations.len()});
    session.audit(&mut *tx, "tool_provider.create", ("tool_provider", id), detail).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, find(&state, &session, id).await?))
}

/// One custom tool provider with its document
#[utoipa::path(get, path = "/api/tools/openapi/{tool_provider_id}", tag = "tools", params(("tool_provider_id" = uuid::Uuid, Path,)),
    responses((status = 200, body = OpenapiProviderDetail), (status = 404)))]
pub(super) async fn get_openapi_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ToolProviderId>,
) -> Result<Json<OpenapiProviderDetail>> {
    find(&state, &session, id).await
}

/// Change a custom tool provider
#[utoipa::path(patch, path = "/api/tools/openapi/{tool_provider_id}", tag = "tools", params(("tool_provider_id" = uuid::Uuid, Path,)),
    request_body = UpdateOpenapiProvider, responses((status = 200, body = OpenapiProviderDetail), (status = 404), (status = 409)))]
pub(super) async fn update_openapi_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ToolProviderId>,
    Json(body): Json<UpdateOpenapiProvider>,
) -> Result<Json<OpenapiProviderDetail>> {
    let before = row(&state, &session, id).await?;
    let name = body.name.as_deref().map_or(Ok(before.name.clone()), check_name)?;
    let description = body.description.as_deref().map_or(Ok(before.description.clone()), check_description)?;
    let timeout_ms = body.timeout_ms.unwrap_or(before.timeout_ms);
    check_timeout(timeout_ms)?;
    let old_auth: Auth = serde_json::from_value(before.auth.clone()).map_err(Error::internal)?;
    let auth = body.auth.unwrap_or(old_auth);
    let source = load(&state, body.document, body.document_url).await?;
    if let (Some(source), None) = (&source, &body.api_key) {
        let old: Vec<Operation> = before.tools()?;
        // a key is meant for the servers it was given for
        let known: BTreeSet<_> = old.iter().filter_map(|o| origin(&o.server)).collect();
        let strange = source.parsed.operations.iter().find(|o| origin(&o.server).is_none_or(|origin| !known.contains(&origin)));
        if let Some(operation) = strange.filter(|_| before.secret_sealed.is_some()) {
            let message = format!("The document calls another server, {}: give its api_key too (null for none).", operation.server);
            return Err(Error::invalid("api_key", message));
        }
    }
    let key = check_key(&auth, body.api_key.as_ref().and_then(Option::as_deref))?;
    let has_key = if body.api_key.is_some() { key.is_some() } else { before.secret_sealed.is_some() };
    if auth != Auth::None && !has_key {
        return Err(Error::invalid("api_key", "api_key is needed for this auth."));
    }
    let sealed = key.map(|key| state.secrets.seal(key.as_bytes(), id.0.as_bytes()));
    let tools = source.as_ref().map(|s| json!(s.parsed.operations));
    let mut tx = state.db.begin().await?;
    let row = db::ChangedProvider {
        id,
        workspace_id: session.workspace_id,
        name: &name,
        description: &description,
        document: source.as_ref().map(|s| s.text.as_str()),
        url: source.as_ref().map_or(before.url.as_deref(), |s| s.url.as_deref()),
        auth: &json!(auth),
        set_secret: body.api_key.is_some() || auth == Auth::None,
        secret_sealed: sealed.as_deref(),
        timeout_ms,
        tools: tools.as_ref(),
    };
    let changed = db::update_provider(&mut *tx, row).await.on_constraint("tool_providers_workspace_id_kind_name_key", || taken(&name))?;
    if !changed {
        return Err(missing());
    }
    let detail = json!({"name": name, "kind": KIND, "document_changed": source.is_some(), "api_key_changed": body.api_key.is_some()});
    session.audit(&mut *tx, "tool_provider.update", ("tool_provider", id), detail).await?;
    tx.commit().await?;
    find(&state, &session, id).await
}

/// Remove a custom tool provider with its tools
#[utoipa::path(delete, path = "/api/tools/openapi/{tool_provider_id}", tag = "tools", params(("tool_provider_id" = uuid::Uuid, Path,)),
    responses((status = 204), (status = 404)))]
pub(super) async fn delete_openapi_provider(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ToolProviderId>,
) -> Result<StatusCode> {
    remove(&state, &session, KIND, id).await?.then_some(StatusCode::NO_CONTENT).ok_or_else(missing)
}

/// Whether there was one to remove.
pub(super) async fn remove(state: &AppState, session: &Session<Admin>, kind: &'static str, id: ToolProviderId) -> Result<bool> {
    let mut tx = state.db.begin().await?;
    if !db::delete_provider(&mut *tx, session.workspace_id, kind, id).await? {
        return Ok(false);
    }
    session.audit(&mut *tx, "tool_provider.delete", ("tool_provider", id), json!({"kind": kind})).await?;
    tx.commit().await?;
    Ok(true)
}

async fn row(state: &AppState, session: &Session<Admin>, id: ToolProviderId) -> Result<db::ProviderRow> {
    db::list_providers(&state.db, session.workspace_id, Some(KIND), Some(id)).await?.pop().ok_or_else(missing)
}

async fn find(state: &AppState, session: &Session<Admin>, id: ToolProviderId) -> Result<Json<OpenapiProviderDetail>> {
    let provider = shown(row(state, session, id).await?)?;
    let document = db::find_document(&state.db, session.workspace_id, id).await?.ok_or_else(missing)?;
    Ok(Json(OpenapiProviderDetail { provider, document }))
}

fn shown(row: db::ProviderRow) -> Result<OpenapiProvider> {
    let operations: Vec<Operation> = row.tools()?;
    let (id, auth) = (row.id.to_string(), serde_json::from_value(row.auth).map_err(Error::internal)?);
    Ok(OpenapiProvider {
        tools: operations.iter().map(|o| o.info(&id, &row.name)).collect(),
        id: row.id,
        name: row.name,
        description: row.description,
        document_url: row.url,
        auth,
        has_api_key: row.secret_sealed.is_some(),
        timeout_ms: row.timeout_ms,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// A document as it was given or fetched.
struct Source {
    text: String,
    url: Option<String>,
    parsed: Document,
}

/// None: neither was given.
async fn load(state: &AppState, document: Option<String>, url: Option<String>) -> Result<Option<Source>> {
    let (text, url) = match (document.filter(|d| !d.trim().is_empty()), url.filter(|u| !u.trim().is_empty())) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(Error::invalid("document_url", "Give either document or document_url, not both.")),
        (Some(text), None) => (text, None),
        (None, Some(url)) => {
            let limits = Limits { max_bytes: MAX_DOCUMENT as u64, timeout: Duration::from_secs(30) };
            let (head, bytes) = state.outbound.get(url.trim(), limits).await.map_err(|refusal| refusal.into_error("document_url"))?;
            let text = String::from_utf8(bytes.into())
                .map_err(|_| Error::invalid("document_url", "The URL in document_url does not lead to text."))?;
            (text, Some((url.trim().to_owned(), head.url)))
        }
    };
    let parsed = parse(&text, url.as_ref().map(|(_, from)| from))?;
    for operation in &parsed.operations {
        let server = Url::parse(&operation.server).map_err(Error::internal)?;
        let refused = |refusal| Error::invalid("document", format!("The server {} {refusal}.", operation.server));
        state.outbound.check(&server).map_err(refused)?;
    }
    Ok(Some(Source { text, url: url.map(|(given, _)| given), parsed }))
}

fn no_document() -> Error {
    Error::invalid("document", "Give document (JSON or YAML) or document_url.")
}

fn missing() -> Error {
    Error::not_found("Custom tool provider not found.")
}

pub(super) fn taken(name: &str) -> Error {
    Error::new(Code::Conflict, format!("This workspace has one named \"{name}\" already.")).param("name")
}

/// One line without what would hide in an app's file.
pub(super) fn check_name(name: &str) -> Result<String> {
    text::line("name", name, NAME_CHARS)
}

pub(super) fn check_description(description: &str) -> Result<String> {
    let description = description.trim();
    if description.chars().count() > DESCRIPTION_CHARS {
        return Err(Error::invalid("description", format!("description must be at most {DESCRIPTION_CHARS} characters long.")));
    }
    Ok(description.to_owned())
}

pub(super) fn check_timeout(timeout_ms: i32) -> Result<()> {
    if (100..=600_000).contains(&timeout_ms) {
        Ok(())
    } else {
        Err(Error::invalid("timeout_ms", "timeout_ms must be between 100 and 600000."))
    }
}

pub(super) async fn check_room(state: &AppState, session: &Session<Admin>) -> Result<()> {
    if db::count_providers(&state.db, session.workspace_id).await? < MAX_PROVIDERS {
        return Ok(());
    }
    Err(Error::new(Code::Conflict, format!("This workspace has {MAX_PROVIDERS} tool providers already; remove one first.")))
}

/// The key, if there is one, and only where `auth` has a place for it.
fn check_key<'a>(auth: &Auth, key: Option<&'a str>) -> Result<Option<&'a str>> {
    let key = key.map(str::trim).filter(|k| !k.is_empty());
    match auth {
        Auth::None if key.is_some() => {
            return Err(Error::invalid("auth", "auth must say where the api_key goes: a header or a query parameter."));
        }
        Auth::None => {}
        Auth::Header { name, .. } => {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| Error::invalid("auth.name", "auth.name must be the name of a header."))?;
        }
        Auth::Query { name } => drop(text::line("auth.name", name, 100)?),
    }
    // user:password goes through base64
    let encoded = |key: &str| key.contains(':') && matches!(auth, Auth::Header { scheme: Scheme::Basic, .. });
    if let Some(key) = key
        && (key.len() > 4096 || !key.bytes().all(|b| (0x20..0x7f).contains(&b)) && !encoded(key))
    {
        return Err(Error::invalid("api_key", "api_key must be at most 4096 printable ASCII characters."));
    }
    Ok(key)
}

/// Scheme, host and port.
pub(super) fn origin(url: &str) -> Option<String> {
    Url::parse(url).ok().map(|u| u.origin().ascii_serialization())
}
