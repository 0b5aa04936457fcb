//! MCP servers of a workspace: URL, headers, the tools they listed last. Header values go in and never come out.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

use super::mcp::{Server, ServerTool};
use super::providers::{check_description, check_name, check_room, check_timeout, given, origin, remove, taken};
use super::{ToolError, ToolInfo, db};
use crate::accounts::{Admin, Session};
use crate::error::{Error, OnConstraint, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::ids::ToolProviderId;
use crate::state::AppState;

pub(super) const KIND: &str = "mcp";
const MAX_HEADERS: usize = 20;
/// The protocol's own, or the HTTP client's.
const RESERVED: &[&str] = &[
    "accept",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "host",
    "last-event-id",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
];

/// An MCP server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct McpServer {
    #[schema(value_type = uuid::Uuid)]
    id: ToolProviderId,
    /// What an app's `provider_name` holds
    name: String,
    description: String,
    url: String,
    /// The values are never shown
    header_names: Vec<String>,
    /// For a whole call
    timeout_ms: i32,
    /// As listed last
    tools: Vec<ToolInfo>,
    tools_refreshed_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct CreateMcpServer {
    name: String,
    #[serde(default)]
    description: String,
    /// Of its streamable HTTP endpoint, as in `https://example.com/mcp`
    url: String,
    /// Sent with every request
    #[serde(default)]
    #[schema(value_type = HashMap<String, String>)]
    headers: BTreeMap<String, String>,
    #[serde(default = "timeout_ms")]
    timeout_ms: i32,
}

fn timeout_ms() -> i32 {
    60_000
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
pub(super) struct UpdateMcpServer {
    name: Option<String>,
    description: Option<String>,
    url: Option<String>,
    /// Replaces all of them; null takes them away
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<HashMap<String, String>>)]
    headers: Option<Option<BTreeMap<String, String>>>,
    timeout_ms: Option<i32>,
}

/// The workspace's MCP servers
#[utoipa::path(get, path = "/api/tools/mcp", tag = "tools", responses((status = 200, body = List<McpServer>)))]
pub(super) async fn list_mcp_servers(State(state): State<AppState>, session: Session<Admin>) -> Result<Json<List<McpServer>>> {
    let rows = db::list_providers(&state.db, session.workspace_id, Some(KIND), None).await?;
    Ok(Json(List::whole(rows.into_iter().map(shown).collect::<Result<_>>()?)))
}

/// Add an MCP server, which is asked for its tools
#[utoipa::path(post, path = "/api/tools/mcp", tag = "tools", request_body = CreateMcpServer,
    responses((status = 201, body = McpServer), (status = 409)))]
pub(super) async fn create_mcp_server(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<CreateMcpServer>,
) -> Result<(StatusCode, Json<McpServer>)> {
    let name = check_name(&body.name)?;
    let description = check_description(&body.description)?;
    let url = check_url(&state, &body.url)?;
    check_headers(&body.headers)?;
    check_timeout(body.timeout_ms)?;
    check_room(&state, &session).await?;
    let id = ToolProviderId::new();
    let headers: HashMap<String, String> = body.headers.into_iter().collect();
    let server = Server::new(&state, id, &name, &url, &headers, Duration::from_millis(u64::try_from(body.timeout_ms).unwrap_or(0)))?;
    let tools = list(&server).await?;
    let sealed = seal(&state, id, &headers)?;
    let mut tx = state.db.begin().await?;
    let row = db::NewProvider {
        id,
        workspace_id: session.workspace_id,
        kind: KIND,
        name: &name,
        description: &description,
        document: None,
        url: Some(&url),
        auth: &names(&headers),
        secret_sealed: sealed.as_deref(),
        timeout_ms: body.timeout_ms,
        tools: &json!(tools),
        created_by: session.account_id,
    };
    db::insert_provider(&mut *tx, row).await.on_constraint("tool_providers_workspace_id_kind_name_key", || taken(&name))?;
    let detail = json!({"name": name, "kind": KIND, "host": host(&url), "tools": tools.len()});
    session.audit(&mut *tx, "tool_provider.create", ("tool_provider", id), detail).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(shown(find(&state, &session, id).await?)?)))
}

/// One MCP server
#[utoipa::path(get, path = "/api/tools/mcp/{mcp_server_id}", tag = "tools", params(("mcp_server_id" = uuid::Uuid, Path,)),
    responses((status = 200, body = McpServer), (status = 404)))]
pub(super) async fn get_mcp_server(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ToolProviderId>,
) -> Result<Json<McpServer>> {
    Ok(Json(shown(find(&state, &session, id).await?)?))
}

/// Change an MCP server; asked for its tools again when its URL or headers change
#[utoipa::path(patch, path = "/api/tools/mcp/{mcp_server_id}", tag = "tools", params(("mcp_server_id" = uuid::Uuid, Path,)),
    request_body = UpdateMcpServer, responses((status = 200, body = McpServer), (status = 404), (status = 409)))]
pub(super) async fn update_mcp_server(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ToolProviderId>,
    Json(body): Json<UpdateMcpServer>,
) -> Result<Json<McpServer>> {
    let before = find(&state, &session, id).await?;
    let name = body.name.as_deref().map_or(Ok(before.name.clone()), check_name)?;
    let description = body.description.as_deref().map_or(Ok(before.description.clone()), check_description)?;
    let timeout_ms = body.timeout_ms.unwrap_or(before.timeout_ms);
    check_timeout(timeout_ms)?;
    let old_url = before.url.clone().unwrap_or_default();
    let url = body.url.as_deref().map_or(Ok(old_url.clone()), |url| check_url(&state, url))?;
    // headers are meant for one server
    if origin(&url) != origin(&old_url) && before.secret_sealed.is_some() && body.headers.is_none() {
        return Err(Error::invalid("headers", "The URL names another server: give its headers too (null for none)."));
    }
    let new_headers: Option<HashMap<String, String>> = body.headers.map(|headers| headers.unwrap_or_default().into_iter().collect());
    if let Some(headers) = &new_headers {
        check_headers(headers)?;
    }
    let headers = match &new_headers {
        Some(headers) => headers.clone(),
        None => before.unseal(&state)?.map(|json| serde_json::from_slice(&json)).transpose().map_err(Error::internal)?.unwrap_or_default(),
    };
    let tools = if url != old_url || new_headers.is_some() {
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        Some(json!(list(&Server::new(&state, id, &name, &url, &headers, timeout)?).await?))
    } else {
        None
    };
    let sealed = seal(&state, id, &headers)?;
    let mut tx = state.db.begin().await?;
    let row = db::ChangedProvider {
        id,
        workspace_id: session.workspace_id,
        name: &name,
        description: &description,
        document: None,
        url: Some(&url),
        auth: &names(&headers),
        set_secret: new_headers.is_some(),
        secret_sealed: sealed.as_deref(),
        timeout_ms,
        tools: tools.as_ref(),
    };
    let changed = db::update_provider(&mut *tx, row).await.on_constraint("tool_providers_workspace_id_kind_name_key", || taken(&name))?;
    if !changed {
        return Err(missing());
    }
    let detail = json!({"name": name, "kind": KIND, "host": host(&url), "headers_changed": new_headers.is_some()});
    session.audit(&mut *tx, "tool_provider.update", ("tool_provider", id), detail).await?;
    tx.commit().await?;
    Ok(Json(shown(find(&state, &session, id).await?)?))
}

/// Remove an MCP server
#[utoipa::path(delete, path = "/api/tools/mcp/{mcp_server_id}", tag = "tools", params(("mcp_server_id" = uuid::Uuid, Path,)),
    responses((status = 204), (status = 404)))]
pub(super) async fn delete_mcp_server(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ToolProviderId>,
) -> Result<StatusCode> {
    remove(&state, &session, KIND, id).await?.then_some(StatusCode::NO_CONTENT).ok_or_else(missing)
}

/// Ask an MCP server for its tools again
#[utoipa::path(post, path = "/api/tools/mcp/{mcp_server_id}/refresh", tag = "tools", params(("mcp_server_id" = uuid::Uuid, Path,)),
    responses((status = 200, body = McpServer), (status = 404)))]
pub(super) async fn refresh_mcp_server(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<ToolProviderId>,
) -> Result<Json<McpServer>> {
    let before = find(&state, &session, id).await?;
    let tools = list(&Server::open(&state, &before)?).await?;
    if !db::replace_tools(&state.db, session.workspace_id, id, &json!(tools)).await? {
        return Err(missing());
    }
    Ok(Json(shown(find(&state, &session, id).await?)?))
}

/// What the server lists; a failure is the URL's.
async fn list(server: &Server) -> Result<Vec<ServerTool>> {
    server.list_tools().await.map_err(|error| match error {
        ToolError::Internal(error) => error,
        other => Error::invalid("url", other.to_string()),
    })
}

async fn find(state: &AppState, session: &Session<Admin>, id: ToolProviderId) -> Result<db::ProviderRow> {
    db::list_providers(&state.db, session.workspace_id, Some(KIND), Some(id)).await?.pop().ok_or_else(missing)
}

fn missing() -> Error {
    Error::not_found("MCP server not found.")
}

fn shown(row: db::ProviderRow) -> Result<McpServer> {
    let tools: Vec<ServerTool> = row.tools()?;
    let id = row.id.to_string();
    let header_names = row.auth["headers"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(McpServer {
        tools: tools.iter().map(|t| t.info(&id, &row.name)).collect(),
        id: row.id,
        name: row.name,
        description: row.description,
        url: row.url.unwrap_or_default(),
        header_names,
        timeout_ms: row.timeout_ms,
        tools_refreshed_at: row.tools_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn names(headers: &HashMap<String, String>) -> Value {
    let mut names: Vec<_> = headers.keys().collect();
    names.sort();
    json!({"headers": names})
}

fn seal(state: &AppState, id: ToolProviderId, headers: &HashMap<String, String>) -> Result<Option<Vec<u8>>> {
    if headers.is_empty() {
        return Ok(None);
    }
    let json = serde_json::to_vec(headers).map_err(Error::internal)?;
    Ok(Some(state.secrets.seal(&json, id.0.as_bytes())))
}

/// A private address is refused here already, where a person reads why.
fn check_url(state: &AppState, text: &str) -> Result<String> {
    let invalid = |message: &str| Error::invalid("url", message.to_owned());
    let url = Url::parse(text.trim()).map_err(|_| invalid("url must be a URL, as in https://example.com/mcp."))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("url must not hold a user name or password; use headers."));
    }
    if url.as_str().len() > 2000 || url.fragment().is_some() {
        return Err(invalid("url must be at most 2000 characters long, without '#'."));
    }
    state.outbound.check(&url).map_err(|refusal| refusal.into_error("url"))?;
    Ok(url.into())
}

fn check_headers<'a>(headers: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<()> {
    for (n, (name, value)) in headers.into_iter().enumerate() {
        let at = format!("headers.{name}");
        if n == MAX_HEADERS {
            return Err(Error::invalid("headers", format!("An MCP server can have {MAX_HEADERS} headers at most.")));
        }
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(Error::invalid(at, format!("{name:?} is not the name of a header.")));
        }
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Error::invalid(at, format!("The header {name} is set by this server and can't be given.")));
        }
        if value.is_empty() || value.len() > 4096 || !value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Err(Error::invalid(at, format!("The value of the header {name} must be 1 to 4096 printable ASCII characters.")));
        }
    }
    Ok(())
}

/// For the audit log: the rest of a URL may hold a key.
fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}
