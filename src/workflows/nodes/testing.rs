//! A host for tests of nodes: notes what it was asked, gives what was prepared.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Context, NodeError, Out, Outcome};
use crate::tools::{ToolInfo, ToolRef};
use crate::workflows::event::{NodeRecord, RunEvent};
use crate::workflows::graph::Flow;
use crate::workflows::host::{Host, HttpRequest, HttpResponse, Invoked, Language, NewForm, OpenForm};
use crate::workflows::run::Limits;
use crate::workflows::value;
use crate::workflows::vars::{Pool, Vars};

/// Id of the node that is tried.
pub const NODE: &str = "node";
pub const EXECUTION: Uuid = Uuid::from_u128(7);

#[derive(Default)]
pub struct Double {
    pub sent: Mutex<Vec<HttpRequest>>,
    pub answers: Mutex<VecDeque<Result<HttpResponse, NodeError>>>,
    /// By file name.
    pub files: HashMap<&'static str, &'static [u8]>,
    /// By file name.
    pub texts: HashMap<&'static str, Result<&'static str, &'static str>>,
    /// Name, media type, bytes.
    pub saved: Mutex<Vec<(String, String, Bytes)>>,
    pub tool: Option<ToolInfo>,
    pub tool_result: Mutex<Option<Result<Invoked, NodeError>>>,
    pub tool_calls: Mutex<Vec<(ToolRef, Vars, Option<Uuid>)>>,
    pub code_result: Mutex<Option<Result<Vars, NodeError>>>,
    pub code_calls: Mutex<Vec<(Language, String, Vars)>>,
    pub forms: Mutex<Vec<NewForm>>,
    pub form: Mutex<Option<OpenForm>>,
}

impl Double {
    pub fn answering(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Arc<Self> {
        let double = Self::default();
        double.answers.lock().unwrap().push_back(Ok(answer(status, headers, body)));
        Arc::new(double)
    }
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> HttpResponse {
    let headers: BTreeMap<_, _> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HttpResponse { status, headers, body: Bytes::copy_from_slice(body), url: "http://service.test/a/report.pdf?x=1".into() }
}

/// A file value.
pub fn file(name: &str, mime_type: &str) -> Value {
    json!({"dify_model_identity": "__dify__file__", "type": "document", "transfer_method": "local_file", "filename": name,
           "extension": ".bin", "mime_type": mime_type, "size": 3, "related_id": "r", "url": "http://x/y"})
}

fn name_of(file: &Value) -> String {
    value::file_attribute(file, "name").and_then(|name| name.as_str().map(str::to_owned)).unwrap()
}

#[async_trait]
impl Host for Double {
    async fn read_file(&self, file: &Value) -> Result<Bytes, NodeError> {
        let name = name_of(file);
        self.files.get(name.as_str()).map(|bytes| Bytes::from_static(bytes)).ok_or_else(|| NodeError::new("FileError", "gone"))
    }

    async fn save_file(&self, name: &str, mime_type: &str, bytes: Bytes) -> Result<Value, NodeError> {
        self.saved.lock().unwrap().push((name.to_owned(), mime_type.to_owned(), bytes));
        Ok(file(name, mime_type))
    }

    async fn extract_text(&self, file: &Value) -> Result<String, NodeError> {
        match self.texts[name_of(file).as_str()] {
            Ok(text) => Ok(text.to_owned()),
            Err(message) => Err(NodeError::new("DocumentExtractorError", message)),
        }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NodeError> {
        self.sent.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().expect("an answer was prepared")
    }

    async fn run_code(&self, language: Language, code: &str, inputs: Vars) -> Result<Vars, NodeError> {
        self.code_calls.lock().unwrap().push((language, code.to_owned(), inputs));
        self.code_result.lock().unwrap().take().expect("a result was prepared")
    }

    async fn find_tool(&self, _tool: &ToolRef) -> Result<ToolInfo, NodeError> {
        self.tool.clone().ok_or_else(|| NodeError::new("ToolRuntimeResolutionError", "there is no such tool"))
    }

    async fn invoke_tool(&self, tool: &ToolRef, arguments: Vars, once: Option<Uuid>) -> Result<Invoked, NodeError> {
        self.tool_calls.lock().unwrap().push((tool.clone(), arguments, once));
        self.tool_result.lock().unwrap().take().expect("a result was prepared")
    }

    async fn open_form(&self, form: NewForm) -> Result<OpenForm, NodeError> {
        self.forms.lock().unwrap().push(form);
        Ok(self.form.lock().unwrap().clone().expect("a form was prepared"))
    }

    async fn commit(&self, _record: &NodeRecord) -> Result<(), NodeError> {
        Ok(())
    }
}

fn flow(data: &Value) -> Result<Arc<Flow>, String> {
    let graph = json!({
        "nodes": [{"id": "start", "data": {"type": "start"}}, {"id": NODE, "data": data}],
        "edges": [{"source": "start", "target": NODE}],
    });
    Flow::build(&graph, None).map_err(|error| format!("{}: {}", error.field, error.message))
}

/// Why a node of this data can't run.
pub fn refusal(data: &Value) -> String {
    flow(data).expect_err("the data can't be read")
}

pub async fn run(host: &Arc<Double>, data: &Value, pool: &Pool) -> Result<Outcome, NodeError> {
    run_with_events(host, data, pool).await.0
}

pub async fn run_with_events(host: &Arc<Double>, data: &Value, pool: &Pool) -> (Result<Outcome, NodeError>, Vec<RunEvent>) {
    let flow = flow(data).unwrap();
    let node = Arc::clone(&flow.nodes[flow.find(NODE).unwrap()]);
    let (deltas, _deltas) = mpsc::unbounded_channel();
    let (events, mut received) = mpsc::unbounded_channel();
    let context = Context {
        host: Arc::clone(host) as Arc<dyn Host>,
        limits: Limits::default(),
        node: Arc::clone(&node),
        execution_id: EXECUTION,
        pool: pool.clone(),
        out: Out { deltas, events, mask: Arc::default() },
    };
    let result = node.kind.run(&context).await;
    drop(context);
    let mut seen = Vec::new();
    while let Some(event) = received.recv().await {
        seen.push(event);
    }
    (result, seen)
}
