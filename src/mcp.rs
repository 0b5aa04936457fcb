//! Published apps as MCP servers with one tool each, over streamable HTTP: `/mcp/{mcp_code}`.
//!
//! The tool takes what the app's form asks for (and a question, where the app answers questions) and gives what the app answers or
//! the workflow comes to. Whoever has the address may call it; how often is limited by address. There are no sessions: any replica
//! answers any request.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};

use crate::accounts::{self, ClientIp, Door, ServiceApp};
use crate::apps::config::FieldKind;
use crate::apps::{self, AppMode, Publication, RunnableApp, inputs};
use crate::chat::{self, Question};
use crate::error::{Code, Error, Result};
use crate::files::{FileKind, InputFile, TransferMethod};
use crate::ids::ConversationId;
use crate::state::AppState;
use crate::workflows;

/// Requests of one address, a minute.
const REQUESTS: i64 = 240;
/// The end user behind every call: MCP names none.
const USER: &str = "mcp";
/// Names of the tool's own arguments, which a form's variables of the same names give way to.
const QUERY: &str = "query";
const FILES: &str = "files";
const CONVERSATION: &str = "conversation_id";

pub fn router(state: &AppState) -> Router<AppState> {
    let mut config = StreamableHttpServerConfig::default().disable_allowed_hosts();
    config.legacy_session_mode = false;
    config.json_response = true;
    let handler = AppServer { state: state.clone() };
    let service = StreamableHttpService::new(move || Ok(handler.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new().route_service("/mcp/{mcp_code}", service).route_layer(middleware::from_fn_with_state(state.clone(), admit))
}

async fn admit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let entered = async {
        let ClientIp(ip) = ClientIp::from_request_parts(&mut parts, &state).await?;
        accounts::count_visit(&state.redis, "mcp", ip, REQUESTS).await?;
        let missing = || Error::not_found("There is no MCP server here: the address is incomplete, or the app's server was switched off.");
        let Path(code) = Path::<String>::from_request_parts(&mut parts, &state).await.map_err(|_| missing())?;
        let (workspace_id, app_id) = apps::find_published(&state.db, &code, Publication::Mcp).await?.ok_or_else(missing)?;
        Ok::<_, Error>(ServiceApp { workspace_id, app_id, door: Door::Mcp })
    };
    match entered.await {
        Ok(app) => {
            parts.extensions.insert(app);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => error.into_response(),
    }
}

#[derive(Clone)]
struct AppServer {
    state: AppState,
}

impl ServerHandler for AppServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("ashlar", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let app = self.app(&context).await?;
        let described = RunnableApp::published(&self.state.db, app.workspace_id, app.app_id).await;
        let tool = match described {
            Ok(published) => describe(&self.state, &app, &published).await.map_err(refusal)?,
            // nothing is published: nothing to call
            Err(error) if error.code == Code::AppUnavailable => return Ok(ListToolsResult::with_all_items(Vec::new())),
            Err(error) => return Err(refusal(error)),
        };
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(&self, call: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let app = self.app(&context).await?;
        let published = RunnableApp::published(&self.state.db, app.workspace_id, app.app_id).await.map_err(refusal)?;
        let name = tool_name(&published.name);
        if call.name != name {
            return Err(ErrorData::invalid_params(format!("There is no tool {:?} here, only {name:?}.", call.name), None));
        }
        let answered = answer(&self.state, &app, &published, call.arguments.unwrap_or_default());
        let answered = tokio::select! {
            answered = answered => answered,
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("The call was cancelled.", None)),
        };
        let result = match answered {
            Ok((text, structured)) => {
                let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
                result.structured_content = Some(structured);
                result
            }
            // the model that called may try again, better
            Err(error) => {
                error.log();
                CallToolResult::error(vec![ContentBlock::text(error.message)])
            }
        };
        Ok(result.into())
    }
}

impl AppServer {
    async fn app(&self, context: &RequestContext<RoleServer>) -> Result<ServiceApp, ErrorData> {
        let parts = context.extensions.get::<axum::http::request::Parts>();
        parts.and_then(|parts| parts.extensions.get::<ServiceApp>()).copied().ok_or_else(|| ErrorData::internal_error("no app", None))
    }
}

fn refusal(error: Error) -> ErrorData {
    error.log();
    if error.code.status().is_client_error() {
        ErrorData::invalid_params(error.message, None)
    } else {
        ErrorData::internal_error(error.message, None)
    }
}

/// The app's name as tools are named: letters, digits and underscores, at most 60.
fn tool_name(name: &str) -> String {
    let words =
        name.to_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
    let name: String = words.chars().take(60).collect();
    if name.is_empty() { "ask".to_owned() } else { name }
}

async fn describe(state: &AppState, app: &ServiceApp, published: &RunnableApp) -> Result<Tool> {
    let about = apps::description(&state.db, app.workspace_id, app.app_id).await?;
    let description = if about.trim().is_empty() { published.name.clone() } else { about };
    let schema = input_schema(published)?;
    Ok(Tool::new(tool_name(&published.name), description, Arc::new(schema)).with_title(published.name.clone()))
}

fn input_schema(app: &RunnableApp) -> Result<Map<String, Value>> {
    let features = app.model_config()?;
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let link = || json!({"type": "string", "format": "uri", "description": "Address of a file on the web"});
    for (kind, field) in features.form() {
        let mut schema = match kind {
            FieldKind::File => link(),
            FieldKind::FileList => json!({"type": "array", "items": link()}),
            _ => inputs::schema(kind, field),
        };
        if let (Some(label), Some(schema)) = (field.label.as_str().filter(|label| !label.is_empty()), schema.as_object_mut()) {
            schema.insert("description".into(), json!(label));
        }
        properties.insert(field.variable.clone(), schema);
        if field.required {
            required.push(json!(field.variable));
        }
    }
    if app.mode.is_chat() {
        properties.insert(QUERY.into(), json!({"type": "string", "description": "The question"}));
        properties.insert(
            CONVERSATION.into(),
            json!({"type": "string", "description": "To go on with a conversation: its id, as an earlier call gave it"}),
        );
        required.push(json!(QUERY));
    }
    if app.mode != AppMode::Workflow && features.file_upload.rules().is_some() {
        properties.insert(
            FILES.into(),
            json!({"type": "array", "items": link(), "description": "Addresses of pictures and other files to look at"}),
        );
    }
    let schema = json!({"type": "object", "properties": properties, "required": required});
    Ok(schema.as_object().cloned().unwrap_or_default())
}

/// A file at an address.
fn file_at(url: &str) -> InputFile {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let kind = match path.rsplit_once('.').map(|(_, extension)| FileKind::of_extension(extension)) {
        None | Some(FileKind::Custom) => FileKind::Image,
        Some(kind) => kind,
    };
    InputFile { kind, transfer_method: TransferMethod::RemoteUrl, url: Some(url.to_owned()), upload_file_id: None }
}

/// Text for a model, and the same as JSON.
async fn answer(state: &AppState, app: &ServiceApp, published: &RunnableApp, mut arguments: Map<String, Value>) -> Result<(String, Value)> {
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let links =
        |value: &Value| -> Vec<InputFile> { value.as_array().into_iter().flatten().filter_map(Value::as_str).map(file_at).collect() };
    let mut question = Question { query: String::new(), inputs: Map::new(), files: Vec::new(), conversation_id: None };
    if published.mode.is_chat() {
        let query = text(arguments.remove(QUERY)).filter(|query| !query.trim().is_empty());
        question.query = query.ok_or_else(|| Error::invalid(QUERY, "query: ask something."))?;
        let given = text(arguments.remove(CONVERSATION)).filter(|id| !id.trim().is_empty());
        let parsed = given.map(|id| {
            id.trim()
                .parse::<ConversationId>()
                .map_err(|_| Error::invalid(CONVERSATION, "conversation_id must be the id of an earlier call."))
        });
        question.conversation_id = parsed.transpose()?;
    }
    let features = published.model_config()?;
    for (kind, field) in features.form() {
        let Some(value) = arguments.get_mut(&field.variable) else { continue };
        match kind {
            FieldKind::File => {
                if let Some(url) = value.as_str() {
                    *value = json!(file_at(url));
                }
            }
            FieldKind::FileList => *value = json!(links(value)),
            _ => {}
        }
    }
    if published.mode != AppMode::Workflow && features.file_upload.rules().is_some() {
        question.files = arguments.remove(FILES).map(|files| links(&files)).unwrap_or_default();
    }
    question.inputs = arguments;
    if published.mode == AppMode::Workflow {
        let outputs = workflows::run_to_end(state, app, USER, &question.inputs).await?;
        let text = match outputs.values().next() {
            Some(Value::String(only)) if outputs.len() == 1 => only.clone(),
            _ => Value::Object(outputs.clone()).to_string(),
        };
        return Ok((text, Value::Object(outputs)));
    }
    let answered = chat::ask_once(state, app, USER, question).await?;
    let mut structured = json!({"answer": answered.text, "message_id": answered.message_id});
    if let Some(id) = answered.conversation_id {
        structured[CONVERSATION] = json!(id);
    }
    Ok((answered.text, structured))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_named_after_their_apps() {
        assert_eq!(tool_name("Museum companion (v2)"), "museum_companion_v2");
        assert_eq!(tool_name("博物馆"), "ask");
        assert_eq!(tool_name(&"long ".repeat(30)).len(), 60);
    }

    #[test]
    fn a_link_without_a_known_ending_is_a_picture() {
        assert_eq!(file_at("https://a.b/c").kind, FileKind::Image);
        assert_eq!(file_at("https://a.b/c.pdf?x=1.png").kind, FileKind::Document);
    }
}
