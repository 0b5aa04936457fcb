//! What nodes get from this server: models, files, code, tools and HTTP, each of the run's workspace.
//!
//! It keeps nothing: records, forms and conversations belong to whoever runs a workflow. By itself it serves a node that is
//! tried out.

mod http;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::event::NodeRecord;
use super::forms;
use super::host::{FormState, Host, HttpRequest, HttpResponse, Invoked, Language, NewForm, OpenForm, Retrieval};
use super::nested::{self, Caller};
use super::nodes::NodeError;
use super::run_host::LONGEST_WAIT;
use super::value;
use super::vars::Vars;
use crate::catalog::{self, Model, ModelRef};
use crate::documents;
use crate::engine::request::{Detail, Video};
use crate::error::Error;
use crate::files::{self, Scope};
use crate::sandbox::{Call, SandboxError};
use crate::state::AppState;
use crate::tools::{ToolError, ToolInfo, ToolRef, Toolbox};

pub struct ServerHost {
    state: AppState,
    scope: Scope,
    /// For workflows that are called as tools.
    caller: Caller,
    tools: Toolbox,
    answer: Option<GivenAnswer>,
}

/// The answer to the form of a node that is tried.
pub struct GivenAnswer {
    pub inputs: Map<String, Value>,
    pub action: String,
}

impl ServerHost {
    /// `scope`: whose run it is, and of which app. Files that nodes make are theirs.
    pub fn new(state: &AppState, scope: Scope, caller: Caller) -> Self {
        Self { state: state.clone(), tools: Toolbox::new(state, scope.workspace_id), scope, caller, answer: None }
    }

    /// A node that asks a person gets this answer.
    pub fn answering(self, answer: Option<GivenAnswer>) -> Self {
        Self { answer, ..self }
    }
}

#[async_trait]
impl Host for ServerHost {
    async fn model(&self, reference: &ModelRef) -> Result<Model, NodeError> {
        catalog::resolve(&self.state, self.scope.workspace_id, reference).await.map_err(failed("ModelNotExistError"))
    }

    fn cache_salt(&self) -> u128 {
        self.scope.workspace_id.0.as_u128()
    }

    async fn read_file(&self, file: &Value) -> Result<Bytes, NodeError> {
        files::read_value(&self.state, self.scope.workspace_id, file).await.map_err(failed(FILE_ERROR))
    }

    async fn read_clip(&self, file: &Value, detail: Detail) -> Result<Video, NodeError> {
        files::seen_of_value(&self.state, self.scope.workspace_id, file, detail).await.map_err(failed(FILE_ERROR))
    }

    async fn save_file(&self, name: &str, mime_type: &str, bytes: Bytes) -> Result<Value, NodeError> {
        files::keep_value(&self.state, &self.scope, name, mime_type, bytes).await.map_err(failed(FILE_ERROR))
    }

    async fn extract_text(&self, file: &Value) -> Result<String, NodeError> {
        let attribute = |name| value::file_attribute(file, name).and_then(|v| v.as_str().map(str::to_owned)).filter(|v| !v.is_empty());
        let name = attribute("name").unwrap_or_else(|| "file".to_owned());
        // links often lack the extension that the file has
        let extension = attribute("extension").filter(|_| !name.contains('.')).unwrap_or_default();
        let bytes = self.read_file(file).await?;
        let limits = documents::Limits::default();
        let extracted = documents::extract_in_background(bytes, name + &extension, attribute("mime_type"), limits).await;
        extracted.map(|extracted| extracted.text).map_err(|error| NodeError::new("TextExtractionError", error.to_string()))
    }

    async fn run_code(&self, language: Language, code: &str, inputs: Vars) -> Result<Vars, NodeError> {
        let call = Call { language, code: code.to_owned(), inputs };
        self.state.sandbox().run(call).await.map_err(|error| {
            if let SandboxError::Unavailable(reason) = &error {
                tracing::error!(error.cause = reason, "code nodes can't run");
            }
            NodeError::new("CodeExecutionError", error.to_string())
        })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NodeError> {
        http::send(&self.state.outbound, request).await
    }

    async fn find_tool(&self, tool: &ToolRef) -> Result<ToolInfo, NodeError> {
        let found = self.tools.find(tool).await;
        found.map(|tool| tool.info).map_err(|error| tool_failed("ToolRuntimeResolutionError", error))
    }

    async fn invoke_tool(&self, tool: &ToolRef, arguments: Vars, once: Option<Uuid>) -> Result<Invoked, NodeError> {
        let failed = |error| tool_failed("ToolRuntimeInvocationError", error);
        let tool = self.tools.find(tool).await.map_err(failed)?;
        if tool.workflow().is_some() {
            return nested::call(&self.state, &self.caller, &tool, arguments, once).await.map_err(failed);
        }
        let output = self.tools.call(&tool, arguments).await.map_err(failed)?;
        Ok(Invoked { output, ..Invoked::default() })
    }

    async fn retrieve(&self, query: Retrieval) -> Result<Vec<Value>, NodeError> {
        if query.dataset_ids.is_empty() {
            return Ok(Vec::new());
        }
        let message = "Knowledge bases are not available in this version: empty the node's dataset_ids, or remove the node.";
        Err(NodeError::new("KnowledgeRetrievalNodeError", message))
    }

    /// Nobody but those who watch sees it.
    async fn open_form(&self, new: NewForm) -> Result<OpenForm, NodeError> {
        let (id, expires_at) = (new.execution_id, Utc::now() + new.expires_in.min(LONGEST_WAIT));
        let form = forms::form_without_page(new, id, expires_at);
        let Some(answer) = &self.answer else { return Ok(FormState::Waiting(form).into()) };
        let read = forms::read_answer(&self.state, &self.scope, form, &answer.inputs, &answer.action).await;
        read.map(|answer| FormState::Answered(answer).into()).map_err(failed("InvalidFormData"))
    }

    async fn commit(&self, _record: &NodeRecord) -> Result<(), NodeError> {
        Ok(())
    }
}

fn tool_failed(kind: &'static str, error: ToolError) -> NodeError {
    match error {
        ToolError::Internal(error) => failed(kind)(error),
        ToolError::Argument { .. } => NodeError::new("ToolParameterError", error.to_string()),
        other => NodeError::new(kind, other.to_string()),
    }
}

const FILE_ERROR: &str = "FileError";

/// An error of a slice as a node reports it. The server's own faults are logged, and not told.
fn failed(kind: &'static str) -> impl Fn(Error) -> NodeError {
    move |error| {
        error.log();
        if error.code.status().is_server_error() { NodeError::internal(error.message) } else { NodeError::new(kind, error.message) }
    }
}
