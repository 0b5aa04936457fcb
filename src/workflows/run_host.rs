//! The host of a recorded run: commits go to the recorder, forms to their table, the past to its conversation; everything
//! else is asked of the slices.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::event::NodeRecord;
use super::forms;
use super::host::{Host, HttpRequest, HttpResponse, Invoked, Language, NewForm, OpenForm, Retrieval};
use super::nodes::NodeError;
use super::record::{Recorder, Unrecorded};
use super::run_row::NewRun;
use super::server_host::ServerHost;
use super::teller::History;
use super::vars::Vars;
use crate::catalog::{Model, ModelRef};
use crate::engine::request::{Detail, Message, Video};
use crate::state::AppState;
use crate::tools::{ToolInfo, ToolRef};

pub struct RunHost {
    pub state: AppState,
    pub run: Arc<NewRun>,
    pub recorder: Arc<Recorder>,
    pub history: Option<Arc<dyn History>>,
    /// The slices.
    pub outside: ServerHost,
    /// Cancelled when the run is another process's now.
    pub lost: CancellationToken,
}

#[async_trait]
impl Host for RunHost {
    async fn commit(&self, record: &NodeRecord) -> Result<(), NodeError> {
        match self.recorder.node(&self.run, record).await {
            Ok(()) => Ok(()),
            // nothing may follow: whoever has the run now goes on from the last node that it knows
            Err(Unrecorded::Lost) => {
                self.lost.cancel();
                std::future::pending().await
            }
            Err(error) => {
                tracing::error!(run.id = %self.run.id, node.id = record.start.node_id, %error, "what a node gave could not be recorded");
                Err(NodeError::internal("What the node gave could not be stored."))
            }
        }
    }

    async fn open_form(&self, form: NewForm) -> Result<OpenForm, NodeError> {
        forms::open(&self.state, &self.run, form).await.map_err(|error| {
            if !error.code.status().is_server_error() {
                return NodeError::new("HumanInputError", error.message);
            }
            error.log();
            NodeError::internal("The form could not be stored.")
        })
    }

    async fn history(&self, window: Option<u32>) -> Result<Vec<Message>, NodeError> {
        let Some(history) = &self.history else { return Ok(Vec::new()) };
        history.messages(window).await.map_err(|error| {
            error.log();
            NodeError::internal("The conversation could not be read.")
        })
    }

    async fn model(&self, reference: &ModelRef) -> Result<Model, NodeError> {
        self.outside.model(reference).await
    }

    fn cache_salt(&self) -> u128 {
        self.outside.cache_salt()
    }

    async fn read_file(&self, file: &Value) -> Result<Bytes, NodeError> {
        self.outside.read_file(file).await
    }

    async fn read_clip(&self, file: &Value, detail: Detail) -> Result<Video, NodeError> {
        self.outside.read_clip(file, detail).await
    }

    async fn save_file(&self, name: &str, mime_type: &str, bytes: Bytes) -> Result<Value, NodeError> {
        self.outside.save_file(name, mime_type, bytes).await
    }

    async fn extract_text(&self, file: &Value) -> Result<String, NodeError> {
        self.outside.extract_text(file).await
    }

    async fn run_code(&self, language: Language, code: &str, inputs: Vars) -> Result<Vars, NodeError> {
        self.outside.run_code(language, code, inputs).await
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NodeError> {
        self.outside.send(request).await
    }

    async fn find_tool(&self, tool: &ToolRef) -> Result<ToolInfo, NodeError> {
        self.outside.find_tool(tool).await
    }

    async fn invoke_tool(&self, tool: &ToolRef, arguments: Vars, once: Option<Uuid>) -> Result<Invoked, NodeError> {
        self.outside.invoke_tool(tool, arguments, once).await
    }

    async fn retrieve(&self, query: Retrieval) -> Result<Vec<Value>, NodeError> {
        self.outside.retrieve(query).await
    }
}

/// Longest time that a form may wait, whatever its node says.
pub const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);
