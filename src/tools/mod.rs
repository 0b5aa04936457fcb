//! Tools that apps call: built in, custom ones from an OpenAPI document, those of MCP servers.
//!
//! A [`ToolRef`] names a tool as Dify's files do. A [`Toolbox`] lives as long as one run: [`Toolbox::find`] says what the tool is
//! ([`ToolInfo`]), [`Toolbox::call`] calls it. Everything that leaves the process goes through [`crate::outbound`].
//!
//! Knows no models, and of workflows only what they take and give: a tool of [`ProviderType::Workflow`] is found here, and called by
//! whoever runs workflows.

mod arguments;
mod builtin;
mod db;
mod mcp;
mod openapi;
mod providers;
mod routes;
mod schema;
mod servers;
mod workflows;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::engine::request::Tool as ModelTool;
use crate::error::{Code, Error};
use crate::ids::{AppId, WorkspaceId};
use crate::outbound::Refusal;
use crate::state::AppState;

/// The console's routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(routes::list_tools))
        .routes(routes!(routes::call_tool))
        .routes(routes!(providers::preview_openapi))
        .routes(routes!(providers::list_openapi_providers, providers::create_openapi_provider))
        .routes(routes!(providers::get_openapi_provider, providers::update_openapi_provider, providers::delete_openapi_provider))
        .routes(routes!(servers::list_mcp_servers, servers::create_mcp_server))
        .routes(routes!(servers::get_mcp_server, servers::update_mcp_server, servers::delete_mcp_server))
        .routes(routes!(servers::refresh_mcp_server))
        .routes(routes!(workflows::routes::list_workflow_tools, workflows::routes::create_workflow_tool))
        .routes(routes!(
            workflows::routes::get_workflow_tool,
            workflows::routes::update_workflow_tool,
            workflows::routes::delete_workflow_tool
        ))
}

/// Who provides a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderType {
    /// This server. Dify's files also say `plugin`.
    #[serde(alias = "plugin")]
    Builtin,
    /// An OpenAPI document of the workspace.
    Api,
    /// An MCP server of the workspace.
    Mcp,
    /// A published workflow of the workspace; not called by a [`Toolbox`].
    Workflow,
}

impl ProviderType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Api => "api",
            Self::Mcp => "mcp",
            Self::Workflow => "workflow",
        }
    }
}

/// How apps name a tool. Either name of the provider may be missing, and its id may be one of another installation, or of a
/// plugin (`langgenius/time/time`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ToolRef {
    pub provider_type: ProviderType,
    #[serde(default)]
    pub provider_id: String,
    #[serde(default)]
    pub provider_name: String,
    pub tool_name: String,
}

/// What a tool is, for people, for forms and for models.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolInfo {
    pub provider_type: ProviderType,
    pub provider_id: String,
    pub provider_name: String,
    pub name: String,
    pub label: String,
    pub description: String,
    pub parameters: Vec<Parameter>,
    /// Beside `text`, `json` and `files`, which every tool has
    pub output_variables: Vec<OutputVariable>,
}

/// One argument of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Parameter {
    pub name: String,
    pub label: String,
    pub description: String,
    pub required: bool,
    pub form: Form,
    /// JSON Schema of the value, with its default and choices
    #[schema(value_type = Object)]
    pub schema: Value,
}

/// Who fills in a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// The model, call by call.
    Llm,
    /// The author of the app, once.
    Form,
}

/// A value that a tool gives under a name of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutputVariable {
    pub name: String,
    #[schema(value_type = Object)]
    pub schema: Value,
}

impl ToolInfo {
    pub fn reference(&self) -> ToolRef {
        ToolRef {
            provider_type: self.provider_type,
            provider_id: self.provider_id.clone(),
            provider_name: self.provider_name.clone(),
            tool_name: self.name.clone(),
        }
    }

    /// What a model is told: the parameters that are its to fill in. `settings` are those that the author of the app fixed.
    pub fn for_model(&self, settings: &Map<String, Value>) -> ModelTool {
        let open = || self.parameters.iter().filter(|p| p.form == Form::Llm && !settings.contains_key(&p.name));
        let described = |p: &Parameter| {
            let mut schema = p.schema.clone();
            if let Some(object) = schema.as_object_mut().filter(|_| !p.description.is_empty()) {
                object.entry("description").or_insert_with(|| json!(p.description));
            }
            (p.name.clone(), schema)
        };
        let properties: Map<String, Value> = open().map(described).collect();
        let required: Vec<_> = open().filter(|p| p.required).map(|p| &p.name).collect();
        ModelTool {
            name: self.name.clone(),
            description: self.description.clone(),
            parameters: json!({"type": "object", "properties": properties, "required": required}),
        }
    }
}

/// What a call gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolOutput {
    pub text: String,
    pub json: Vec<Value>,
    pub files: Vec<ToolFile>,
    /// Those that [`ToolInfo::output_variables`] promises
    pub variables: Map<String, Value>,
}

impl ToolOutput {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// A file that a tool made or points to.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolFile {
    pub name: String,
    pub mime_type: String,
    pub content: FileContent,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FileContent {
    Bytes(Bytes),
    /// Not fetched; to be fetched through [`crate::outbound`] only.
    Url(String),
    /// A file of the workspace already, as a value.
    Kept(Value),
}

/// Why a call gave nothing. The text is for the author of the app and for the model, and holds no secrets.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ToolError {
    #[error("{0}")]
    NotFound(String),
    #[error("argument \"{name}\" {message}")]
    Argument { name: String, message: String },
    /// The tool ran, or its server answered, and said no.
    #[error("{0}")]
    Failed(String),
    /// Whoever runs the tool could not be reached, or took too long.
    #[error("{0}")]
    Unreachable(String),
    /// Ours, not the tool's.
    #[error("{}", .0.message)]
    Internal(Error),
}

impl ToolError {
    fn argument(name: &str, message: impl Into<String>) -> Self {
        Self::Argument { name: name.to_owned(), message: message.into() }
    }

    fn refused(what: &str, refusal: Refusal) -> Self {
        let text = format!("{what} {refusal}");
        match refusal {
            Refusal::Timeout(_) | Refusal::Unreachable(_) => Self::Unreachable(text),
            _ => Self::Failed(text),
        }
    }
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}

impl From<sqlx::Error> for ToolError {
    fn from(error: sqlx::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<ToolError> for Error {
    fn from(error: ToolError) -> Self {
        let text = error.to_string();
        match error {
            ToolError::NotFound(_) => Self::not_found(text),
            ToolError::Argument { name, .. } => Self::invalid(format!("arguments.{name}"), text),
            ToolError::Failed(_) | ToolError::Unreachable(_) => Self::new(Code::BadRequest, text),
            ToolError::Internal(error) => error,
        }
    }
}

/// A tool that was found, ready to be called.
#[derive(Clone)]
pub struct Tool {
    pub info: ToolInfo,
    target: Target,
}

#[derive(Clone)]
enum Target {
    Builtin(&'static builtin::Definition),
    Api { operation: Arc<openapi::Operation>, provider: Arc<openapi::Provider> },
    Mcp { server: Arc<mcp::Server> },
    Workflow { app_id: AppId },
}

impl Tool {
    /// The app whose published workflow the tool is.
    pub fn workflow(&self) -> Option<AppId> {
        match self.target {
            Target::Workflow { app_id } => Some(app_id),
            _ => None,
        }
    }

    /// What is given for its parameters, made to fit them, with their defaults.
    pub fn arguments(&self, given: Map<String, Value>) -> Result<Map<String, Value>, ToolError> {
        Ok(arguments::prepare(&self.info.parameters, given)?.known)
    }
}

/// The tools of one workspace as one run sees them: what it connects to stays connected until it is dropped.
pub struct Toolbox {
    state: AppState,
    workspace_id: WorkspaceId,
    connections: mcp::Connections,
}

impl Toolbox {
    pub fn new(state: &AppState, workspace_id: WorkspaceId) -> Self {
        Self { state: state.clone(), workspace_id, connections: mcp::Connections::default() }
    }

    /// What a reference means. A tool that Dify has as a plugin and this server has not is looked for among the workspace's own
    /// providers: the tool of that name of the custom provider, or MCP server, that has the plugin's name.
    pub async fn find(&self, tool: &ToolRef) -> Result<Tool, ToolError> {
        match tool.provider_type {
            ProviderType::Builtin => match builtin::find(tool) {
                Ok((provider, definition)) => Ok(Tool { info: definition.info(provider), target: Target::Builtin(definition) }),
                Err(missing) => self.find_stand_in(tool).await?.ok_or(missing),
            },
            ProviderType::Api => self.find_operation(tool).await,
            ProviderType::Mcp => self.find_served(tool).await,
            ProviderType::Workflow => {
                let (info, app_id) = workflows::find(&self.state, self.workspace_id, tool).await?;
                Ok(Tool { info, target: Target::Workflow { app_id } })
            }
        }
    }

    async fn find_stand_in(&self, tool: &ToolRef) -> Result<Option<Tool>, ToolError> {
        let plain = |name: &str| builtin::plain_name(name).to_owned();
        let named = |provider_type| ToolRef {
            provider_type,
            provider_id: plain(&tool.provider_id),
            provider_name: plain(&tool.provider_name),
            tool_name: tool.tool_name.clone(),
        };
        let found = match self.find_operation(&named(ProviderType::Api)).await {
            Err(ToolError::NotFound(_)) => self.find_served(&named(ProviderType::Mcp)).await,
            found => found,
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(ToolError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Of a custom provider.
    async fn find_operation(&self, tool: &ToolRef) -> Result<Tool, ToolError> {
        let row = self.row(tool).await?;
        let operations: Vec<openapi::Operation> = row.tools()?;
        // other installations keep names that models would refuse
        let plain = openapi::plain_name(&tool.tool_name);
        let found = operations.into_iter().find(|o| o.name == tool.tool_name || o.name == plain).ok_or_else(|| missing_tool(&row, tool))?;
        let info = found.info(&row.id.to_string(), &row.name);
        let target = Target::Api { operation: Arc::new(found), provider: Arc::new(openapi::Provider::open(&self.state, &row)?) };
        Ok(Tool { info, target })
    }

    /// Of an MCP server.
    async fn find_served(&self, tool: &ToolRef) -> Result<Tool, ToolError> {
        let row = self.row(tool).await?;
        let tools: Vec<mcp::ServerTool> = row.tools()?;
        let found = tools.into_iter().find(|t| t.name == tool.tool_name).ok_or_else(|| missing_tool(&row, tool))?;
        let info = found.info(&row.id.to_string(), &row.name);
        Ok(Tool { info, target: Target::Mcp { server: Arc::new(mcp::Server::open(&self.state, &row)?) } })
    }

    /// Calls a tool with the author's settings and the model's arguments together. What is no text is read as what the parameter's
    /// schema says; what is left out gets its default.
    pub async fn call(&self, tool: &Tool, arguments: Map<String, Value>) -> Result<ToolOutput, ToolError> {
        let arguments::Prepared { known, rest } = arguments::prepare(&tool.info.parameters, arguments)?;
        match &tool.target {
            Target::Builtin(definition) => definition.call(&self.state, known).await,
            Target::Api { operation, provider } => openapi::call(&self.state.outbound, provider, operation, known).await,
            // its schema may allow more than it names
            Target::Mcp { server } => self.connections.call(server, &tool.info, known.into_iter().chain(rest).collect()).await,
            Target::Workflow { .. } => {
                Err(ToolError::NotFound(format!("\"{}\" is a workflow, which can't be called from here.", tool.info.name)))
            }
        }
    }

    pub async fn invoke(&self, tool: &ToolRef, arguments: Map<String, Value>) -> Result<ToolOutput, ToolError> {
        self.call(&self.find(tool).await?, arguments).await
    }

    /// The provider that a reference means: by id, else by either name.
    async fn row(&self, tool: &ToolRef) -> Result<db::ProviderRow, ToolError> {
        let id = Uuid::parse_str(&tool.provider_id).ok();
        let names = [tool.provider_id.as_str(), tool.provider_name.as_str()];
        let found = db::find_provider(&self.state.db, self.workspace_id, tool.provider_type.as_str(), id, &names).await?;
        found.ok_or_else(|| {
            let name = names.iter().rev().find(|n| !n.is_empty()).unwrap_or(&"");
            let what = if tool.provider_type == ProviderType::Mcp { "MCP server" } else { "custom tool provider" };
            ToolError::NotFound(format!("This workspace has no {what} \"{name}\": add one of that name, or choose another tool."))
        })
    }
}

fn missing_tool(row: &db::ProviderRow, tool: &ToolRef) -> ToolError {
    ToolError::NotFound(format!("The provider \"{}\" has no tool \"{}\".", row.name, tool.tool_name))
}
