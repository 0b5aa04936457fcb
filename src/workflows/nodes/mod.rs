//! The kinds of nodes: what each one's data says, what it does, what it gives. One file a kind, one variant of [`Kind`], one
//! arm of each `match`.
//!
//! A node reads the pool as it was when the node started and asks the [`Host`] for everything outside the run; it knows no
//! SQL, no HTTP and not what follows it.

mod agent;
mod answer;
mod assigner;
mod code;
pub mod condition;
mod document_extractor;
mod end;
mod http_request;
mod human_input;
mod if_else;
mod iteration;
mod knowledge_retrieval;
pub mod lenient;
mod list_operator;
pub mod llm;
mod r#loop;
mod parameter_extractor;
mod question_classifier;
mod start;
mod template_transform;
#[cfg(test)]
mod testing;
mod tool;
mod variable_aggregator;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::event::{AgentLog, Form, NodeUsage, RunEvent, Write};
use super::graph::Node;
use super::host::Host;
use super::mask::Mask;
use super::run::Limits;
use super::template::Template;
use super::triggers::schedule::Schedule;
use super::triggers::webhook::Webhook;
use super::value;
use super::vars::{Pool, Selector, Vars};

pub use http_request::{REQUEST_ERROR as HTTP_REQUEST_ERROR, SIZE_ERROR as HTTP_SIZE_ERROR};
pub use human_input::{Piece, TIMEOUT_HANDLE, fill_in, pieces};
pub use iteration::{ErrorHandling, Iteration};
pub use r#loop::{Loop, VariableSource};

/// What a node is, with its data read.
#[derive(Debug)]
pub enum Kind {
    Start(start::Start),
    /// Webhook, schedule: what the trigger brought is the run's input.
    Trigger,
    End(end::End),
    Answer(answer::Answer),
    IfElse(if_else::IfElse),
    TemplateTransform(template_transform::TemplateTransform),
    VariableAggregator(variable_aggregator::VariableAggregator),
    Assigner(assigner::Assigner),
    Code(code::Code),
    HttpRequest(http_request::HttpRequest),
    DocumentExtractor(document_extractor::DocumentExtractor),
    HumanInput(human_input::HumanInput),
    Tool(tool::Tool),
    ListOperator(list_operator::ListOperator),
    Llm(Box<llm::Llm>),
    QuestionClassifier(question_classifier::QuestionClassifier),
    ParameterExtractor(parameter_extractor::ParameterExtractor),
    KnowledgeRetrieval(knowledge_retrieval::KnowledgeRetrieval),
    Agent(agent::Agent),
    Iteration(Iteration),
    Loop(Loop),
    /// Where the children of a container start: does nothing.
    InnerStart,
    LoopEnd,
}

/// Why a node's data can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path inside the node's data.
    pub field: String,
    pub message: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Kind {
    pub fn parse(type_name: &str, data: &Value) -> Result<Self, FieldError> {
        Ok(match type_name {
            "start" => Self::Start(read(data)?),
            "trigger-webhook" => Webhook::parse(data).map(|_| Self::Trigger)?,
            "trigger-schedule" => Schedule::parse(data).map(|_| Self::Trigger)?,
            "end" => Self::End(read(data)?),
            "answer" => Self::Answer(read(data)?),
            "if-else" => Self::IfElse(if_else::IfElse::parse(data)?),
            "template-transform" => Self::TemplateTransform(read(data)?),
            "variable-aggregator" | "variable-assigner" => Self::VariableAggregator(read(data)?),
            "assigner" => Self::Assigner(assigner::Assigner::parse(data)?),
            "code" => Self::Code(code::Code::parse(data)?),
            "http-request" => Self::HttpRequest(http_request::HttpRequest::parse(data)?),
            "document-extractor" => Self::DocumentExtractor(read(data)?),
            "tool" => Self::Tool(tool::Tool::parse(data)?),
            "human-input" => Self::HumanInput(human_input::HumanInput::parse(data)?),
            "list-operator" => Self::ListOperator(read(data)?),
            "llm" => Self::Llm(Box::new(llm::Llm::parse(data)?)),
            "question-classifier" => Self::QuestionClassifier(question_classifier::QuestionClassifier::parse(data)?),
            "parameter-extractor" => Self::ParameterExtractor(parameter_extractor::ParameterExtractor::parse(data)?),
            "knowledge-retrieval" => Self::KnowledgeRetrieval(read(data)?),
            "agent" => Self::Agent(agent::Agent::parse(data)?),
            "iteration" => Self::Iteration(read(data)?),
            "loop" => Self::Loop(r#loop::Loop::parse(data)?),
            "iteration-start" | "loop-start" => Self::InnerStart,
            "loop-end" => Self::LoopEnd,
            other => return Err(FieldError::new("type", unsupported(other))),
        })
    }

    pub fn is_branch(&self) -> bool {
        matches!(self, Self::IfElse(_) | Self::HumanInput(_) | Self::QuestionClassifier(_))
    }

    /// Iterations and loops: the child to start with.
    pub fn start_node_id(&self) -> Option<&str> {
        match self {
            Self::Iteration(node) => Some(&node.start_node_id),
            Self::Loop(node) => Some(&node.start_node_id),
            _ => None,
        }
    }

    /// Whether a failure may be tried again.
    pub fn can_retry(&self) -> bool {
        matches!(self, Self::Code(_) | Self::HttpRequest(_) | Self::Tool(_) | Self::Llm(_))
    }

    /// What of it streams to the caller, in pieces: answers and outputs.
    pub fn response(&self) -> Option<Template> {
        match self {
            Self::Answer(node) => Some(node.template()),
            Self::End(node) => Some(node.template()),
            _ => None,
        }
    }

    /// Conversation variables that it sets: text that shows one can't stream before.
    pub fn written_variables(&self) -> Vec<&Selector> {
        match self {
            Self::Assigner(node) => node.targets(),
            _ => Vec::new(),
        }
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        match self {
            Self::Start(node) => Ok(node.run(context)),
            Self::Trigger => Ok(start::entry_outputs(context)),
            Self::End(node) => Ok(node.run(context)),
            Self::Answer(node) => Ok(node.run(context)),
            Self::IfElse(node) => node.run(context),
            Self::TemplateTransform(node) => node.run(context),
            Self::VariableAggregator(node) => Ok(node.run(context)),
            Self::Assigner(node) => node.run(context),
            Self::Code(node) => node.run(context).await,
            Self::HttpRequest(node) => node.run(context).await,
            Self::DocumentExtractor(node) => node.run(context).await,
            Self::HumanInput(node) => node.run(context).await,
            Self::Tool(node) => node.run(context).await,
            Self::ListOperator(node) => node.run(context),
            Self::Llm(node) => node.run(context).await,
            Self::QuestionClassifier(node) => node.run(context).await,
            Self::ParameterExtractor(node) => node.run(context).await,
            Self::KnowledgeRetrieval(node) => node.run(context).await,
            Self::Agent(node) => node.run(context).await,
            Self::InnerStart | Self::LoopEnd => Ok(Outcome::default()),
            Self::Iteration(_) | Self::Loop(_) => Err(NodeError::internal("a container has no work of its own")),
        }
    }
}

/// Why nodes of that type don't run here, and what does.
fn unsupported(type_name: &str) -> String {
    let reason = match type_name {
        "datasource" => "they begin knowledge pipelines, which this server does not run: begin with a start node that takes files",
        "knowledge-index" => {
            "they end knowledge pipelines, which this server does not run: add documents to a dataset, by hand or by its API"
        }
        "trigger-plugin" => "they need a plugin, and this server has none: let the service call a trigger-webhook node",
        "knowledge-retrieval-v2" => "the format is an experiment that was never released: use a knowledge-retrieval node",
        _ => "this server does not know them: replace the node",
    };
    format!("nodes of type '{type_name}' can't run here: {reason}")
}

/// What a node works with.
pub struct Context {
    pub host: Arc<dyn Host>,
    pub limits: Limits,
    pub node: Arc<Node>,
    pub execution_id: Uuid,
    /// As it was when the node started.
    pub pool: Pool,
    pub out: Out,
}

/// Where a running node's pieces go.
#[derive(Debug, Clone)]
pub struct Out {
    pub(super) deltas: mpsc::UnboundedSender<Delta>,
    pub(super) events: mpsc::UnboundedSender<RunEvent>,
    /// What must not be shown.
    pub(super) mask: Arc<Mask>,
}

/// A piece of an output while it is being made.
#[derive(Debug)]
pub struct Delta {
    pub selector: Selector,
    pub text: String,
}

impl Out {
    /// A piece of the output `variable`: callers see it when it is certain that it is theirs. The pieces of one output add up
    /// to its final value.
    pub fn text(&self, context: &Context, variable: &str, text: impl Into<String>) {
        let delta = Delta { selector: Selector::new(&context.node.id, variable), text: text.into() };
        // the run may be over
        let _ = self.deltas.send(delta);
    }

    /// A piece of a model's thoughts.
    pub fn reasoning(&self, context: &Context, text: impl Into<String>, is_final: bool) {
        self.event(RunEvent::Reasoning { node_id: context.node.id.clone(), text: text.into(), is_final });
    }

    pub fn agent_log(&self, mut log: AgentLog) {
        self.mask.agent_log(&mut log);
        self.event(RunEvent::AgentLog(log));
    }

    /// Anything else that callers see.
    pub fn event(&self, event: RunEvent) {
        let _ = self.events.send(event);
    }
}

/// What a node gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// As shown to the app's maker.
    pub inputs: Vars,
    /// Likewise.
    pub process_data: Vars,
    pub outputs: Vars,
    /// Branches: the handle whose edges are taken.
    pub handle: Option<String>,
    pub writes: Vec<Write>,
    /// What it adds to the run's outputs.
    pub response: Vars,
    pub usage: NodeUsage,
    /// For `execution_metadata`.
    pub metadata: Vars,
    /// It waits for a person instead; everything else is void.
    pub waits_for: Option<Arc<Form>>,
}

/// Why a node failed, in words for the app's maker.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeError {
    /// `error_type` of fail branches: `HTTPRequestNodeError`, …
    pub kind: String,
    pub message: String,
    pub partial: Box<Partial>,
}

/// What a node that failed had by then.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Partial {
    pub inputs: Vars,
    pub process_data: Vars,
    pub outputs: Vars,
    pub usage: NodeUsage,
}

impl NodeError {
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), ..Self::default() }
    }

    /// A fault of the server, not of the app.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalError", message)
    }

    pub fn with_inputs(mut self, inputs: Vars) -> Self {
        self.partial.inputs = inputs;
        self
    }

    pub fn with_process_data(mut self, process_data: Vars) -> Self {
        self.partial.process_data = process_data;
        self
    }

    pub fn with_outputs(mut self, outputs: Vars) -> Self {
        self.partial.outputs = outputs;
        self
    }

    pub fn with_usage(mut self, usage: NodeUsage) -> Self {
        self.partial.usage = usage;
        self
    }
}

impl std::fmt::Display for NodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// Reads a node's data; nulls read as absent.
pub fn read<T: DeserializeOwned>(data: &Value) -> Result<T, FieldError> {
    let data = without_nulls(data);
    serde_path_to_error::deserialize(&data).map_err(|error| {
        let path = error.path().to_string();
        FieldError::new(if path == "." { "data".to_owned() } else { path }, error.into_inner().to_string())
    })
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v))).collect()),
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        plain => plain.clone(),
    }
}

/// The outputs of error strategy `default-value`. Values that are no strings may be given as their JSON text.
pub fn default_outputs(data: &Value) -> Result<Vars, FieldError> {
    let mut outputs = Map::new();
    for (i, item) in data.get("default_value").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let at = |key: &str| format!("default_value[{i}].{key}");
        let key = item.get("key").and_then(Value::as_str).ok_or_else(|| FieldError::new(at("key"), "must be the name of an output"))?;
        let kind = item.get("type").and_then(Value::as_str).unwrap_or("string").to_lowercase();
        let value = match item.get("value") {
            Some(Value::String(text)) if kind != "string" => match text.trim() {
                "" => value::zero(&kind),
                text => serde_json::from_str(text)
                    .map_err(|_| FieldError::new(at("value"), format!("must be a {kind} written as JSON, not '{text}'")))?,
            },
            Some(value) => value.clone(),
            None => value::zero(&kind),
        };
        outputs.insert(key.to_owned(), value);
    }
    Ok(outputs)
}
