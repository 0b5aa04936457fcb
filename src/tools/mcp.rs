//! Tools of MCP servers, over streamable HTTP, through the official SDK.
//!
//! The SDK gets the guarded client, so that its requests go where outbound requests may go and nowhere else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::ServiceError;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ContentBlock, Implementation, PaginatedRequestParams,
    ProtocolVersion, ResourceContents,
};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService};
use rmcp::transport::DynamicTransportError;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::schema::Resolver;
use super::{FileContent, Form, OutputVariable, Parameter, ProviderType, ToolError, ToolFile, ToolInfo, ToolOutput, db};
use crate::error::Error;
use crate::ids::ToolProviderId;
use crate::outbound::{Outbound, Refusal};
use crate::state::AppState;

/// Tools that one server may have.
const MAX_TOOLS: usize = 500;
/// What a server's list of tools may take as JSON, in bytes.
const MAX_LIST: usize = 2 << 20;
/// Largest answer, in bytes.
const MAX_ANSWER: usize = 20 << 20;
/// Characters of a server's error that are shown.
const MAX_QUOTE: usize = 1000;

/// A tool as its server describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerTool {
    pub name: String,
    pub title: Option<String>,
    pub description: String,
    pub input_schema: Value,
    pub output_schema: Option<Value>,
}

impl ServerTool {
    pub fn info(&self, provider_id: &str, provider_name: &str) -> ToolInfo {
        ToolInfo {
            provider_type: ProviderType::Mcp,
            provider_id: provider_id.into(),
            provider_name: provider_name.into(),
            name: self.name.clone(),
            label: self.title.clone().unwrap_or_else(|| self.name.clone()),
            description: self.description.clone(),
            parameters: self.parameters(),
            output_variables: self.output_schema.as_ref().map(properties).unwrap_or_default().into_iter().map(variable).collect(),
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let required = self.input_schema.get("required").and_then(Value::as_array);
        let parameter = |(name, schema): (String, Value)| Parameter {
            label: schema.get("title").and_then(Value::as_str).unwrap_or(&name).to_owned(),
            description: schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
            required: required.is_some_and(|names| names.iter().any(|n| n == &name)),
            form: Form::Llm,
            schema,
            name,
        };
        properties(&self.input_schema).into_iter().map(parameter).collect()
    }
}

/// The properties of an object schema, each standing alone; one that can't allows anything.
fn properties(schema: &Value) -> Vec<(String, Value)> {
    let mut resolver = Resolver::new(schema);
    let found = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    found.map(|(name, property)| (name.clone(), resolver.schema(property).unwrap_or_else(|_| json!({})))).collect()
}

fn variable((name, schema): (String, Value)) -> OutputVariable {
    OutputVariable { name, schema }
}

/// How to reach a server.
pub struct Server {
    id: ToolProviderId,
    /// In messages
    name: String,
    url: Url,
    headers: HashMap<HeaderName, HeaderValue>,
    timeout: Duration,
    outbound: Outbound,
}

impl Server {
    pub fn open(state: &AppState, row: &db::ProviderRow) -> Result<Self, Error> {
        let url = row.url.as_deref().unwrap_or_default();
        let headers = row.unseal(state)?.map(|json| serde_json::from_slice(&json)).transpose().map_err(Error::internal)?;
        Self::new(state, row.id, &row.name, url, &headers.unwrap_or_default(), row.timeout())
    }

    /// `headers` were checked when they were given.
    pub fn new(
        state: &AppState,
        id: ToolProviderId,
        name: &str,
        url: &str,
        headers: &HashMap<String, String>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let header = |(name, value): (&String, &String)| {
            let mut value = HeaderValue::from_str(value).map_err(Error::internal)?;
            value.set_sensitive(true);
            Ok::<_, Error>((HeaderName::from_bytes(name.as_bytes()).map_err(Error::internal)?, value))
        };
        Ok(Self {
            id,
            name: name.to_owned(),
            url: url.parse().map_err(Error::internal)?,
            headers: headers.iter().map(header).collect::<Result<_, _>>()?,
            timeout,
            outbound: state.outbound.clone(),
        })
    }

    /// What the server offers now.
    pub async fn list_tools(&self) -> Result<Vec<ServerTool>, ToolError> {
        self.within(async {
            let client = self.connect().await?;
            let (mut tools, mut cursor) = (Vec::new(), None);
            loop {
                let page = client.list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor))).await;
                let page = page.map_err(|error| self.service_error(error))?;
                let done = page.tools.is_empty();
                tools.extend(page.tools.into_iter().map(|tool| ServerTool {
                    name: tool.name.into_owned(),
                    title: tool.title,
                    description: tool.description.unwrap_or_default().into_owned(),
                    input_schema: Value::Object(tool.input_schema.as_ref().clone()),
                    output_schema: tool.output_schema.map(|schema| Value::Object(schema.as_ref().clone())),
                }));
                if tools.len() > MAX_TOOLS {
                    return Err(ToolError::Failed(format!("{} has more than {MAX_TOOLS} tools.", self.title())));
                }
                cursor = page.next_cursor;
                if cursor.is_none() || done {
                    break;
                }
            }
            if serde_json::to_vec(&tools).map_err(Error::internal)?.len() > MAX_LIST {
                return Err(ToolError::Failed(format!("{} describes its tools at more than {} MB.", self.title(), MAX_LIST >> 20)));
            }
            Ok(tools)
        })
        .await
    }

    async fn call(&self, client: &Client, tool: &ToolInfo, arguments: Map<String, Value>) -> Result<ToolOutput, ToolError> {
        let mut params = CallToolRequestParams::new(tool.name.clone());
        params.arguments = Some(arguments);
        let result = client.peer().call_tool(params).await.map_err(|error| self.service_error(error))?;
        output(result, tool)
    }

    async fn connect(&self) -> Result<Client, ToolError> {
        match self.start(ClientLifecycleMode::Initialize).await {
            // the protocol's versions from 2026 on have no handshake, and servers may speak those alone
            Err(ClientInitializeError::JsonRpcError(_) | ClientInitializeError::NoCompatibleProtocolVersion { .. }) => {
                let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
                self.start(ClientLifecycleMode::Discover { preferred_versions }).await.map_err(|error| self.initialize_error(error))
            }
            other => other.map_err(|error| self.initialize_error(error)),
        }
    }

    async fn start(&self, lifecycle: ClientLifecycleMode) -> Result<Client, ClientInitializeError> {
        let http = self.outbound.client_for(&self.url).map_err(|refusal| ClientInitializeError::ConnectionClosed(refusal.to_string()))?;
        let config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str())
            .custom_headers(self.headers.clone())
            .max_sse_event_size(MAX_ANSWER)
            .max_json_response_size(MAX_ANSWER);
        let me = ClientConfig::new(ClientCapabilities::default(), Implementation::new("Ashlar", env!("CARGO_PKG_VERSION")));
        me.serve_with_lifecycle(StreamableHttpClientTransport::with_client(http, config), lifecycle).await
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, ToolError>>) -> Result<T, ToolError> {
        let late = |_| ToolError::Unreachable(format!("{} did not answer within {} s.", self.title(), self.timeout.as_secs_f32()));
        tokio::time::timeout(self.timeout, work).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    fn title(&self) -> String {
        format!("The MCP server \"{}\"", self.name)
    }

    fn initialize_error(&self, error: ClientInitializeError) -> ToolError {
        match &error {
            _ if error.is_authorization_required() || error.auth_challenge().is_some() => self.unauthorized(),
            ClientInitializeError::TransportError { error, .. } => self.transport_error(error),
            ClientInitializeError::JsonRpcError(error) => {
                ToolError::Failed(format!("{} refused to start: {}", self.title(), self.quoted(&error.message)))
            }
            ClientInitializeError::ConnectionClosed(text) => ToolError::Unreachable(format!("{} can't be reached: {text}.", self.title())),
            _ => ToolError::Failed(format!("{} does not speak MCP over streamable HTTP: {error}.", self.title())),
        }
    }

    fn service_error(&self, error: ServiceError) -> ToolError {
        match &error {
            _ if error.auth_challenge().is_some() => self.unauthorized(),
            ServiceError::McpError(error) => {
                ToolError::Failed(format!("{} answered with an error: {}", self.title(), self.quoted(&error.message)))
            }
            ServiceError::TransportSend(error) => self.transport_error(error),
            ServiceError::TransportClosed => ToolError::Unreachable(format!("{} closed the connection.", self.title())),
            _ => ToolError::Failed(format!("{} gave no usable answer: {error}.", self.title())),
        }
    }

    /// Never the client's own text, which holds the URL, and URLs of MCP servers often hold a key.
    fn transport_error(&self, error: &DynamicTransportError) -> ToolError {
        let title = self.title();
        match error.error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
            Some(StreamableHttpError::Client(error)) => match Refusal::from(error) {
                Refusal::Status(401 | 403) => self.unauthorized(),
                Refusal::Status(status) => ToolError::Failed(format!("{title} answered with HTTP status {status}; is its URL right?")),
                refusal => ToolError::refused(&title, refusal),
            },
            Some(StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_)) => self.unauthorized(),
            Some(StreamableHttpError::UnexpectedServerResponse(text)) if text.starts_with("HTTP 401") || text.starts_with("HTTP 403") => {
                self.unauthorized()
            }
            Some(other) => ToolError::Failed(format!("{title} gave no usable answer: {}.", self.quoted(&other.to_string()))),
            None => ToolError::Unreachable(format!("{title} can't be reached.")),
        }
    }

    /// A server's own words, without the header values that some servers repeat.
    fn quoted(&self, text: &str) -> String {
        let secrets = self.headers.values().filter_map(|value| value.to_str().ok()).filter(|value| value.len() >= 4);
        let text = secrets.fold(text.trim().to_owned(), |text, secret| text.replace(secret, "…"));
        text.chars().take(MAX_QUOTE).collect()
    }

    fn unauthorized(&self) -> ToolError {
        ToolError::Failed(format!("{} asks for authorization: give it the header it wants, as in Authorization: Bearer …", self.title()))
    }
}

type Client = RunningService<rmcp::RoleClient, ClientConfig>;

/// The servers that one run has talked to. A server may keep state between the calls of a connection, so a run keeps its own.
#[derive(Default)]
pub struct Connections {
    open: Mutex<HashMap<ToolProviderId, Slot>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Arc<Client>>>>;

impl Connections {
    pub async fn call(&self, server: &Server, tool: &ToolInfo, arguments: Map<String, Value>) -> Result<ToolOutput, ToolError> {
        server
            .within(async {
                let slot = self.slot(server.id);
                let client = {
                    let mut held = slot.lock().await;
                    match held.as_ref().filter(|client| !client.is_closed() && !client.peer().is_transport_closed()) {
                        Some(client) => Arc::clone(client),
                        None => Arc::clone(held.insert(Arc::new(server.connect().await?))),
                    }
                };
                let result = server.call(&client, tool, arguments).await;
                // it may have been carried out: the next call connects anew, this one is not repeated
                if matches!(result, Err(ToolError::Unreachable(_))) {
                    slot.lock().await.take_if(|held| Arc::ptr_eq(held, &client));
                }
                result
            })
            .await
    }

    fn slot(&self, id: ToolProviderId) -> Slot {
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(open.entry(id).or_default())
    }
}

fn output(result: CallToolResult, tool: &ToolInfo) -> Result<ToolOutput, ToolError> {
    let mut output = ToolOutput::default();
    let mut texts = Vec::new();
    for (n, block) in result.content.into_iter().enumerate() {
        match block {
            ContentBlock::Text(text) => texts.push(text.text),
            ContentBlock::Image(image) => output.files.push(file(&named("image", n, &image.mime_type), &image.mime_type, &image.data)?),
            ContentBlock::Audio(audio) => output.files.push(file(&named("audio", n, &audio.mime_type), &audio.mime_type, &audio.data)?),
            ContentBlock::Resource(embedded) => match embedded.resource {
                ResourceContents::TextResourceContents { text, .. } => texts.push(text),
                ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                    let mime_type = mime_type.unwrap_or_else(|| "application/octet-stream".into());
                    let name = uri
                        .rsplit('/')
                        .next()
                        .filter(|name| name.contains('.'))
                        .map_or_else(|| named("file", n, &mime_type), str::to_owned);
                    output.files.push(file(&name, &mime_type, &blob)?);
                }
                _ => {}
            },
            ContentBlock::ResourceLink(link) if link.uri.starts_with("https://") || link.uri.starts_with("http://") => {
                let mime_type = link.mime_type.unwrap_or_else(|| "application/octet-stream".into());
                output.files.push(ToolFile { name: link.name, mime_type, content: FileContent::Url(link.uri) });
            }
            // only its server can read it
            ContentBlock::ResourceLink(link) => texts.push(link.uri),
            _ => {}
        }
    }
    output.text = texts.join("\n");
    if result.is_error == Some(true) {
        let text = if output.text.trim().is_empty() { "The tool failed without saying why.".to_owned() } else { output.text };
        return Err(ToolError::Failed(text));
    }
    match result.structured_content {
        Some(structured) => {
            let promised = |name: &str| tool.output_variables.iter().any(|v| v.name == name);
            output.variables = structured
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(name, _)| promised(name))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            if output.text.is_empty() {
                output.text = structured.to_string();
            }
            output.json.push(structured);
        }
        // servers from before structured content write JSON as text
        None => {
            output.json.extend(texts.iter().filter_map(|t| serde_json::from_str(t).ok()).filter(|v: &Value| v.is_object() || v.is_array()))
        }
    }
    Ok(output)
}

fn named(what: &str, n: usize, mime_type: &str) -> String {
    let extension = mime_guess::get_mime_extensions_str(mime_type).and_then(|all| all.first());
    extension.map_or_else(|| format!("{what}-{}", n + 1), |extension| format!("{what}-{}.{extension}", n + 1))
}

fn file(name: &str, mime_type: &str, data: &str) -> Result<ToolFile, ToolError> {
    let bytes = STANDARD.decode(data.trim()).map_err(|e| ToolError::Failed(format!("The tool sent a broken file {name:?}: {e}.")))?;
    Ok(ToolFile { name: name.to_owned(), mime_type: mime_type.to_owned(), content: FileContent::Bytes(bytes.into()) })
}
