//! One node at work in a world of a few models, files and messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::catalog::{Model, ModelRef};
use crate::engine::request::Message;
use crate::tools::{ToolInfo, ToolOutput, ToolRef};
use crate::workflows::event::{NodeRecord, NodeUsage, RunEvent};
use crate::workflows::graph::{Node, OnError};
use crate::workflows::host::{Host, Invoked, Retrieval};
use crate::workflows::nodes::{Context, Kind, NodeError, Out, Outcome};
use crate::workflows::run::Limits;
use crate::workflows::vars::{Pool, Vars};

/// The host of the node.
#[derive(Default)]
pub struct World {
    pub models: HashMap<String, Model>,
    pub history: Vec<Message>,
    /// By file name.
    pub files: HashMap<String, Bytes>,
    pub knowledge: Vec<Value>,
    pub asked: Mutex<Vec<Retrieval>>,
    pub tools: Vec<ToolInfo>,
    /// Calls of tools; each gives its arguments as text.
    pub called: Mutex<Vec<(ToolRef, Vars)>>,
    /// Of each call.
    pub tool_usage: NodeUsage,
}

impl World {
    /// With one model, named `m`.
    pub fn with(model: Model) -> Self {
        Self { models: HashMap::from([("m".to_owned(), model)]), ..Self::default() }
    }

    /// Runs the node with these data.
    pub async fn run(self, data: Value, pool: Pool) -> Ran {
        Arc::new(self).run_shared(data, pool).await
    }

    pub async fn run_shared(self: Arc<Self>, data: Value, pool: Pool) -> Ran {
        let type_name = data["type"].as_str().unwrap().to_owned();
        let kind = Kind::parse(&type_name, &data).unwrap();
        let node = Node {
            id: "node".into(),
            title: type_name.clone(),
            type_name,
            kind,
            on_error: OnError::Fail,
            retry: None,
            inside: None,
            data: Arc::new(data),
        };
        let ((deltas, mut pieces), (events, mut happened)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let context = Context {
            host: self,
            limits: Limits::default(),
            node: Arc::new(node),
            execution_id: Uuid::nil(),
            pool,
            out: Out { deltas, events, mask: Arc::default() },
        };
        let result = context.node.kind.run(&context).await;
        drop(context);
        let mut ran = Ran { result, streamed: Vec::new(), events: Vec::new() };
        while let Some(delta) = pieces.recv().await {
            assert_eq!(delta.selector.to_string(), "node.text");
            ran.streamed.push(delta.text);
        }
        while let Some(event) = happened.recv().await {
            ran.events.push(event);
        }
        ran
    }
}

#[async_trait]
impl Host for World {
    async fn model(&self, reference: &ModelRef) -> Result<Model, NodeError> {
        let found = self.models.get(&reference.name).cloned();
        found.ok_or_else(|| NodeError::new("ModelNotExistError", format!("There is no model {reference}.")))
    }

    fn cache_salt(&self) -> u128 {
        7
    }

    async fn history(&self, window: Option<u32>) -> Result<Vec<Message>, NodeError> {
        let n = window.map_or(usize::MAX, |n| 2 * n as usize).min(self.history.len());
        Ok(self.history[self.history.len() - n..].to_vec())
    }

    async fn read_file(&self, file: &Value) -> Result<Bytes, NodeError> {
        Ok(self.files[file["filename"].as_str().unwrap()].clone())
    }

    async fn retrieve(&self, query: Retrieval) -> Result<Vec<Value>, NodeError> {
        self.asked.lock().unwrap().push(query);
        Ok(self.knowledge.clone())
    }

    async fn find_tool(&self, tool: &ToolRef) -> Result<ToolInfo, NodeError> {
        let found = self.tools.iter().find(|info| info.name == tool.tool_name).cloned();
        found.ok_or_else(|| NodeError::new("ToolRuntimeResolutionError", format!("There is no tool {}.", tool.tool_name)))
    }

    async fn invoke_tool(&self, tool: &ToolRef, arguments: Vars, once: Option<Uuid>) -> Result<Invoked, NodeError> {
        assert_eq!(once, None, "a model may ask for the same twice and mean it");
        let text = Value::Object(arguments.clone()).to_string();
        self.called.lock().unwrap().push((tool.clone(), arguments));
        let output = ToolOutput { text, json: vec![json!({"from": tool.tool_name})], ..ToolOutput::default() };
        Ok(Invoked { output, usage: self.tool_usage.clone() })
    }

    async fn commit(&self, _record: &NodeRecord) -> Result<(), NodeError> {
        Ok(())
    }
}

/// How it came out.
pub struct Ran {
    pub result: Result<Outcome, NodeError>,
    /// Pieces of the output `text`.
    pub streamed: Vec<String>,
    pub events: Vec<RunEvent>,
}

impl Ran {
    #[track_caller]
    pub fn outcome(&self) -> &Outcome {
        self.result.as_ref().unwrap_or_else(|error| panic!("{}: {}", error.kind, error.message))
    }

    #[track_caller]
    pub fn output(&self, name: &str) -> Value {
        self.outcome().outputs.get(name).cloned().unwrap_or_else(|| panic!("no output {name}"))
    }

    #[track_caller]
    pub fn error(&self) -> &NodeError {
        self.result.as_ref().expect_err("a failure")
    }
}

/// `model` of a node's data.
pub fn model_data(params: Value) -> Value {
    json!({"provider": "p", "name": "m", "mode": "chat", "completion_params": params})
}

pub fn pool(values: &[(&str, Value)]) -> Pool {
    let mut pool = Pool::default();
    for (path, value) in values {
        let (node, variable) = path.split_once('.').unwrap();
        pool.set(node, variable, value.clone());
    }
    pool
}

/// A square of one colour on white, and its file value.
pub fn picture(color: [u8; 3]) -> (Bytes, Value) {
    let picture = image::RgbImage::from_fn(96, 96, |x, y| match (24..72).contains(&x) && (24..72).contains(&y) {
        true => image::Rgb(color),
        false => image::Rgb([255; 3]),
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let file = json!({"dify_model_identity": "__dify__file__", "type": "image", "filename": "square.png", "extension": ".png",
        "mime_type": "image/png", "transfer_method": "local_file"});
    (bytes.into_inner().into(), file)
}
