//! What nodes need from the world around a run. The server implements it over its slices (`workflows::server_host`);
//! tests and benchmarks of the runtime over nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::event::{Form, FormAnswer, NodeRecord, NodeUsage};
use super::nodes::NodeError;
use super::vars::Vars;
use crate::catalog::{Model, ModelRef};
use crate::engine::request::{Detail, Message, Video};
pub use crate::sandbox::Language;
use crate::tools::{ToolInfo, ToolOutput, ToolRef};

/// Errors are those of the node that asked. What a host does not provide is refused.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// The model of that name in the run's workspace; `ModelNotExistError` when there is none.
    async fn model(&self, _reference: &ModelRef) -> Result<Model, NodeError> {
        Err(missing("models"))
    }

    /// For [`crate::engine::request::Request::cache_salt`]: the workspace.
    fn cache_salt(&self) -> u128 {
        0
    }

    /// Past messages of the conversation, oldest first, at most `window` exchanges; none outside conversations.
    async fn history(&self, _window: Option<u32>) -> Result<Vec<Message>, NodeError> {
        Ok(Vec::new())
    }

    /// The bytes of a file value.
    async fn read_file(&self, _file: &Value) -> Result<Bytes, NodeError> {
        Err(missing("files"))
    }

    /// What a model sees of a video.
    async fn read_clip(&self, _file: &Value, _detail: Detail) -> Result<Video, NodeError> {
        Err(missing("videos"))
    }

    /// Keeps what a node produced; gives the file value.
    async fn save_file(&self, _name: &str, _mime_type: &str, _bytes: Bytes) -> Result<Value, NodeError> {
        Err(missing("files"))
    }

    /// The text of a document.
    async fn extract_text(&self, _file: &Value) -> Result<String, NodeError> {
        Err(missing("documents"))
    }

    /// What `main` of the user's code gives for these inputs.
    async fn run_code(&self, _language: Language, _code: &str, _inputs: Vars) -> Result<Vars, NodeError> {
        Err(missing("code"))
    }

    async fn send(&self, _request: HttpRequest) -> Result<HttpResponse, NodeError> {
        Err(missing("HTTP requests"))
    }

    /// What a tool takes, and what it is.
    async fn find_tool(&self, _tool: &ToolRef) -> Result<ToolInfo, NodeError> {
        Err(missing("tools"))
    }

    /// `once`: names the call, if it is the only one of its node: made again after a crash, it may give what it came to
    /// before.
    async fn invoke_tool(&self, _tool: &ToolRef, _arguments: Vars, _once: Option<Uuid>) -> Result<Invoked, NodeError> {
        Err(missing("tools"))
    }

    /// Chunks of knowledge that answer a query, as items of `result`.
    async fn retrieve(&self, _query: Retrieval) -> Result<Vec<Value>, NodeError> {
        Err(missing("knowledge"))
    }

    /// Shows a form to people; the same form when it is asked again for the same execution.
    async fn open_form(&self, _form: NewForm) -> Result<OpenForm, NodeError> {
        Err(missing("forms"))
    }

    /// Keeps what a finished node gave, before anything builds on it. Conversation variables among its writes are set.
    async fn commit(&self, record: &NodeRecord) -> Result<(), NodeError>;
}

fn missing(what: &str) -> NodeError {
    NodeError::new("UnavailableError", format!("This run can't use {what}."))
}

/// For graphs that need nothing from outside; keeps nothing.
pub struct NoHost;

#[async_trait]
impl Host for NoHost {
    async fn commit(&self, _record: &NodeRecord) -> Result<(), NodeError> {
        Ok(())
    }
}

/// What a call of a tool gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Invoked {
    pub output: ToolOutput,
    /// What models cost on the way: of workflows.
    pub usage: NodeUsage,
}

/// A request to a place that users name.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub params: Vec<(String, String)>,
    pub body: HttpBody,
    pub connect_timeout: Duration,
    pub read_timeout: Duration,
    pub write_timeout: Duration,
    pub verify_tls: bool,
    /// Of the answer.
    pub max_bytes: usize,
}

impl HttpRequest {
    /// Asks for what lies there.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: "GET".to_owned(),
            url: url.into(),
            headers: Vec::new(),
            params: Vec::new(),
            body: HttpBody::None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            verify_tls: true,
            max_bytes: 10 << 20,
        }
    }
}

/// The headers say what it is; only of a multipart body the sender does, who makes up the boundary.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpBody {
    None,
    Bytes(Bytes),
    File { filename: String, bytes: Bytes },
    Form(Vec<(String, String)>),
    Multipart(Vec<HttpPart>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpPart {
    pub name: String,
    pub content: HttpPartContent,
}

#[derive(Debug, Clone, PartialEq)]
pub enum HttpPartContent {
    Text(String),
    File { filename: String, mime_type: String, bytes: Bytes },
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpResponse {
    pub status: u16,
    /// Names in lower case; values of headers that came again are joined by commas.
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
    /// After redirects.
    pub url: String,
}

/// What a knowledge node asks; `config` is the node's data.
#[derive(Debug, Clone)]
pub struct Retrieval {
    pub query: String,
    pub attachments: Vec<Value>,
    pub dataset_ids: Vec<String>,
    pub config: Value,
}

/// A form that a node wants answered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewForm {
    pub execution_id: Uuid,
    pub node_id: String,
    pub node_title: String,
    pub form_content: String,
    pub inputs: Value,
    pub actions: Value,
    /// The node's `delivery_methods`.
    pub delivery_methods: Value,
    pub resolved_default_values: Vars,
    pub expires_in: Duration,
}

/// A form that people were asked to fill in.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenForm {
    pub state: FormState,
    /// How it went out to them, as the app's maker is shown it.
    pub delivery: Vars,
}

/// One that went out to nobody.
impl From<FormState> for OpenForm {
    fn from(state: FormState) -> Self {
        Self { state, delivery: Vars::new() }
    }
}

/// Where a form stands.
#[derive(Debug, Clone, PartialEq)]
pub enum FormState {
    Waiting(Form),
    Answered(FormAnswer),
    TimedOut { expiration_time: i64 },
}
