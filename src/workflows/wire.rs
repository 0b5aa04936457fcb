//! The events of a run, byte for byte as the service API's contract wants them. An event is serialised once, into the bytes
//! that the client, the log and later readers get.

use std::sync::{Arc, LazyLock};

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::event::{Container, Form, MODEL_CALL, NodeRecord, NodeStart, Round, RunEnd, RunEvent, StartReason, Summary};
use super::run_row::{Creator, NewRun, Source};
use super::value;
use super::vars::{Selector, Vars};
use crate::error::Error;

/// Writes the events of one run: what all of them share is put together once.
#[derive(Debug, Clone)]
pub struct Wire {
    run_id: String,
    workflow_id: String,
    created_at: i64,
    created_by: Value,
    /// Of chatflows.
    message_id: Option<String>,
    /// Between the event's name and its data.
    common: String,
    /// The same without the run, for the few events that lack it in chatflows.
    plain: String,
    /// Of errors, which have no task.
    of_errors: String,
    /// Visitors of an app's page see that nodes work, not what they work on: prompts are the maker's.
    hides_values: bool,
}

#[derive(Serialize)]
struct NodeStarted<'a> {
    id: &'a uuid::Uuid,
    node_id: &'a str,
    node_type: &'a str,
    title: &'a str,
    index: u32,
    predecessor_node_id: Option<&'a str>,
    inputs: Option<()>,
    inputs_truncated: bool,
    created_at: i64,
    extras: Empty,
    iteration_id: Option<&'a str>,
    loop_id: Option<&'a str>,
    agent_strategy: Option<()>,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct NodeFinished<'a> {
    id: &'a uuid::Uuid,
    node_id: &'a str,
    node_type: &'a str,
    title: &'a str,
    index: u32,
    predecessor_node_id: Option<&'a str>,
    inputs: &'a Vars,
    inputs_truncated: bool,
    process_data: &'a Vars,
    process_data_truncated: bool,
    outputs: &'a Vars,
    outputs_truncated: bool,
    status: &'a str,
    error: Option<&'a str>,
    elapsed_time: f64,
    execution_metadata: Vars,
    created_at: i64,
    finished_at: i64,
    files: Vec<&'a Value>,
    iteration_id: Option<&'a str>,
    loop_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_index: Option<u32>,
}

#[derive(Serialize)]
struct ContainerFinished<'a> {
    id: &'a uuid::Uuid,
    node_id: &'a str,
    node_type: &'a str,
    title: &'a str,
    outputs: &'a Vars,
    outputs_truncated: bool,
    created_at: i64,
    extras: Empty,
    inputs: &'a Vars,
    inputs_truncated: bool,
    status: &'a str,
    error: Option<&'a str>,
    elapsed_time: f64,
    total_tokens: u64,
    execution_metadata: Vars,
    finished_at: i64,
    steps: usize,
}

#[derive(Serialize)]
struct WorkflowFinished<'a> {
    id: &'a str,
    workflow_id: &'a str,
    status: &'a str,
    outputs: Option<&'a Vars>,
    error: Option<&'a str>,
    elapsed_time: f64,
    total_tokens: u64,
    total_steps: u32,
    created_by: &'a Value,
    created_at: i64,
    finished_at: i64,
    exceptions_count: u32,
    files: Vec<&'a Value>,
}

impl Wire {
    /// Of a workflow app's run.
    pub fn of_workflow(run: &NewRun) -> Self {
        let common = format!("\",\"workflow_run_id\":\"{}\",\"task_id\":\"{}\"", run.id, run.task_id);
        let of_errors = format!("\",\"workflow_run_id\":\"{}\"", run.id);
        Self::new(run, None, common.clone(), common, of_errors)
    }

    /// Of a chatflow's run; `created_at` is its message's.
    pub fn of_chat(run: &NewRun, created_at: i64) -> Self {
        let id = |id: Option<String>| id.unwrap_or_default();
        let (conversation, message) = (id(run.conversation_id.map(|id| id.to_string())), id(run.message_id.map(|id| id.to_string())));
        let of_errors = format!("\",\"conversation_id\":\"{conversation}\",\"message_id\":\"{message}\",\"created_at\":{created_at}");
        let plain = format!("{of_errors},\"task_id\":\"{}\"", run.task_id);
        let common = format!("{plain},\"workflow_run_id\":\"{}\"", run.id);
        Self::new(run, Some(message), common, plain, of_errors)
    }

    fn new(run: &NewRun, message_id: Option<String>, common: String, plain: String, of_errors: String) -> Self {
        let created_by = match &run.creator {
            Creator::EndUser { id, user } => json!({"id": id, "user": user}),
            Creator::Account { id, name, email } => json!({"id": id, "name": name, "email": email}),
            Creator::Nobody => json!({}),
        };
        Self {
            run_id: run.id.to_string(),
            workflow_id: run.version_id.map(|id| id.to_string()).unwrap_or_else(|| run.app_id.to_string()),
            created_at: run.created_at.timestamp(),
            created_by,
            message_id,
            common,
            plain,
            of_errors,
            hides_values: run.source == Source::WebApp,
        }
    }

    fn shown<'a>(&self, vars: &'a Vars) -> &'a Vars {
        static NONE: LazyLock<Vars> = LazyLock::new(Vars::new);
        if self.hides_values { &NONE } else { vars }
    }

    /// What happened, but for texts and the end of the run.
    pub fn event(&self, event: &RunEvent) -> Option<Bytes> {
        Some(match event {
            RunEvent::Started { inputs, reason } => self.started(inputs, *reason),
            RunEvent::NodeStarted(start) => self.node_started(start),
            RunEvent::NodeFinished(record) => self.node_finished("node_finished", record, None),
            RunEvent::NodeRetry { record, retry_index } => self.node_finished("node_retry", record, Some(*retry_index)),
            RunEvent::ContainerStarted { start, inputs, length } => {
                let kind = kind(&start.node_type);
                let data = json!({"id": start.execution_id, "node_id": start.node_id, "node_type": start.node_type, "title": start.title,
                    "created_at": seconds(start.started_at), "extras": {}, "metadata": {format!("{kind}_length"): length},
                    "inputs": self.shown(inputs), "inputs_truncated": false});
                self.with_data(&format!("{kind}_started"), &data)
            }
            RunEvent::ContainerNext { start, index, previous } => {
                let kind = kind(&start.node_type);
                let mut data = json!({"id": start.execution_id, "node_id": start.node_id, "node_type": start.node_type, "title": start.title,
                    "index": index, "created_at": chrono::Utc::now().timestamp(), "extras": {}});
                if kind == "loop" && !self.hides_values {
                    data["pre_loop_output"] = previous.clone().unwrap_or_default();
                }
                self.with_data(&format!("{kind}_next"), &data)
            }
            RunEvent::ContainerFinished { record, steps } => self.container_finished(record, *steps),
            RunEvent::Reasoning { node_id, text, is_final } => {
                let data = json!({"message_id": self.message_id, "reasoning": text, "node_id": node_id, "is_final": is_final});
                self.write("reasoning_chunk", &self.plain, &data)
            }
            RunEvent::AgentLog(log) => {
                let data = json!({"node_execution_id": log.node_execution_id, "id": log.id, "label": log.label, "parent_id": log.parent_id,
                    "error": log.error, "status": log.status, "data": if self.hides_values { &Value::Null } else { &log.data }, "metadata": log.metadata, "node_id": log.node_id});
                self.write("agent_log", &self.plain, &data)
            }
            RunEvent::HumanInputRequired(form) => self.with_data("human_input_required", &**form),
            RunEvent::HumanInputFilled(answer) => self.with_data("human_input_form_filled", answer),
            RunEvent::HumanInputTimeout { node_id, node_title, expiration_time } => {
                let data = json!({"node_id": node_id, "node_title": node_title, "expiration_time": expiration_time});
                self.with_data("human_input_form_timeout", &data)
            }
            RunEvent::Text { .. } | RunEvent::Paused { .. } | RunEvent::Finished(_) => return None,
        })
    }

    pub fn started(&self, inputs: &Vars, reason: StartReason) -> Bytes {
        #[derive(Serialize)]
        struct Started<'a> {
            id: &'a str,
            workflow_id: &'a str,
            inputs: &'a Vars,
            created_at: i64,
            reason: StartReason,
        }
        let data = Started { id: &self.run_id, workflow_id: &self.workflow_id, inputs, created_at: self.created_at, reason };
        self.with_data("workflow_started", &data)
    }

    pub fn node_started(&self, start: &NodeStart) -> Bytes {
        let (iteration_id, loop_id) = containers(start.round.as_ref());
        let data = NodeStarted {
            id: &start.execution_id,
            node_id: &start.node_id,
            node_type: &start.node_type,
            title: &start.title,
            index: start.index,
            predecessor_node_id: start.predecessor_node_id.as_deref(),
            inputs: None,
            inputs_truncated: false,
            created_at: seconds(start.started_at),
            extras: Empty {},
            iteration_id,
            loop_id,
            agent_strategy: None,
        };
        self.with_data("node_started", &data)
    }

    pub fn node_finished(&self, name: &str, record: &NodeRecord, retry_index: Option<u32>) -> Bytes {
        let start = &record.start;
        let (iteration_id, loop_id) = containers(start.round.as_ref());
        let data = NodeFinished {
            id: &start.execution_id,
            node_id: &start.node_id,
            node_type: &start.node_type,
            title: &start.title,
            index: start.index,
            predecessor_node_id: start.predecessor_node_id.as_deref(),
            inputs: self.shown(&record.inputs),
            inputs_truncated: false,
            process_data: self.shown(&record.process_data),
            process_data_truncated: false,
            outputs: self.shown(&record.outputs),
            outputs_truncated: false,
            status: record.status.as_str(),
            error: record.error.as_ref().map(|error| error.message.as_str()),
            elapsed_time: record.elapsed_s,
            execution_metadata: self.metadata(record),
            created_at: seconds(start.started_at),
            finished_at: seconds(record.finished_at),
            files: files(self.shown(&record.outputs)),
            iteration_id,
            loop_id,
            retry_index,
        };
        self.with_data(name, &data)
    }

    pub fn container_finished(&self, record: &NodeRecord, steps: usize) -> Bytes {
        let start = &record.start;
        let data = ContainerFinished {
            id: &start.execution_id,
            node_id: &start.node_id,
            node_type: &start.node_type,
            title: &start.title,
            outputs: self.shown(&record.outputs),
            outputs_truncated: false,
            created_at: seconds(start.started_at),
            extras: Empty {},
            inputs: self.shown(&record.inputs),
            inputs_truncated: false,
            status: record.status.as_str(),
            error: record.error.as_ref().map(|error| error.message.as_str()),
            elapsed_time: record.elapsed_s,
            total_tokens: record.usage.total_tokens,
            execution_metadata: self.metadata(record),
            finished_at: seconds(record.finished_at),
            steps,
        };
        self.with_data(&format!("{}_completed", kind(&start.node_type)), &data)
    }

    /// A piece of a workflow's outputs.
    pub fn text_chunk(&self, selector: &Selector, text: &str) -> Bytes {
        #[derive(Serialize)]
        struct Chunk<'a> {
            text: &'a str,
            from_variable_selector: &'a Selector,
        }
        self.with_data("text_chunk", &Chunk { text, from_variable_selector: selector })
    }

    /// Every piece so far is void; this stands instead.
    pub fn text_replace(&self, text: &str) -> Bytes {
        self.with_data("text_replace", &json!({"text": text}))
    }

    pub fn paused(&self, forms: &[Arc<Form>], summary: &Summary) -> Bytes {
        let data = json!({
            "workflow_run_id": self.run_id, "paused_nodes": paused_nodes(forms), "outputs": {}, "reasons": pause_reasons(forms), "status": "paused",
            "created_at": self.created_at, "elapsed_time": summary.elapsed_s, "total_tokens": summary.usage.total_tokens,
            "total_steps": summary.total_steps,
        });
        self.with_data("workflow_paused", &data)
    }

    pub fn finished(&self, end: &RunEnd, finished_at: i64) -> Bytes {
        let data = WorkflowFinished {
            id: &self.run_id,
            workflow_id: &self.workflow_id,
            status: end.status.as_str(),
            outputs: shown_outputs(end),
            error: end.error.as_deref(),
            elapsed_time: end.summary.elapsed_s,
            total_tokens: end.summary.usage.total_tokens,
            total_steps: end.summary.total_steps,
            created_by: &self.created_by,
            created_at: self.created_at,
            finished_at,
            exceptions_count: end.summary.exceptions_count,
            files: files(&end.outputs),
        };
        self.with_data("workflow_finished", &data)
    }

    pub fn error(&self, error: &Error) -> Bytes {
        let mut out = BytesMut::with_capacity(256);
        out.extend_from_slice(b"data: {\"event\":\"error");
        out.extend_from_slice(self.of_errors.as_bytes());
        let head = format!(",\"code\":\"{}\",\"status\":{},\"message\":", error.code.as_str(), error.code.status().as_u16());
        out.extend_from_slice(head.as_bytes());
        put(&mut out, &error.message);
        out.extend_from_slice(b"}\n\n");
        out.freeze()
    }

    fn metadata(&self, record: &NodeRecord) -> Vars {
        if self.hides_values { Vars::new() } else { metadata(record) }
    }

    fn with_data(&self, name: &str, data: &impl Serialize) -> Bytes {
        self.write(name, &self.common, data)
    }

    fn write(&self, name: &str, common: &str, data: &impl Serialize) -> Bytes {
        let mut out = BytesMut::with_capacity(512);
        out.extend_from_slice(b"data: {\"event\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(common.as_bytes());
        out.extend_from_slice(b",\"data\":");
        put(&mut out, data);
        out.extend_from_slice(b"}\n\n");
        out.freeze()
    }
}

fn put(out: &mut BytesMut, value: &impl Serialize) {
    // values from JSON and plain structs always serialise, and memory is the writer
    let written = serde_json::to_writer(out.writer(), value);
    debug_assert!(written.is_ok(), "{written:?}");
}

/// None of a run that gave nothing because it did not come to its end.
pub fn shown_outputs(end: &RunEnd) -> Option<&Vars> {
    use super::event::RunStatus as S;
    (!end.outputs.is_empty() || matches!(end.status, S::Succeeded | S::PartialSucceeded)).then_some(&end.outputs)
}

/// `human_input_required.data`, also an element of `reasons` of a pause.
pub fn form_fields(form: &Form) -> Map<String, Value> {
    match serde_json::to_value(form) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

pub fn paused_nodes(forms: &[Arc<Form>]) -> Vec<&str> {
    forms.iter().map(|form| form.node_id.as_str()).collect()
}

/// `reasons` of a pause.
pub fn pause_reasons(forms: &[Arc<Form>]) -> Vec<Value> {
    let reason = |form: &Arc<Form>| {
        let mut fields = Map::from_iter([("TYPE".to_owned(), json!("human_input_required"))]);
        fields.extend(form_fields(form));
        Value::Object(fields)
    };
    forms.iter().map(reason).collect()
}

fn kind(node_type: &str) -> &'static str {
    if node_type == "loop" { "loop" } else { "iteration" }
}

#[expect(clippy::cast_possible_truncation, reason = "Unix seconds")]
fn seconds(time: f64) -> i64 {
    time as i64
}

/// The innermost iteration and loop around a node.
fn containers(round: Option<&Round>) -> (Option<&str>, Option<&str>) {
    let of = |container: Container| rounds(round).find(|round| round.container == container).map(|round| round.container_id.as_str());
    (of(Container::Iteration), of(Container::Loop))
}

fn rounds(round: Option<&Round>) -> impl Iterator<Item = &Round> {
    std::iter::successors(round, |round| round.outer.as_deref())
}

/// `execution_metadata`.
fn metadata(record: &NodeRecord) -> Vars {
    let mut metadata = Vars::new();
    if record.usage.total_tokens > 0 {
        metadata.insert("total_tokens".into(), record.usage.total_tokens.into());
        metadata.insert("total_price".into(), price(record.usage.total_price).into());
        metadata.insert("currency".into(), record.usage.currency.as_str().into());
    }
    metadata.extend(record.metadata.iter().filter(|(key, _)| !is_internal(key)).map(|(key, value)| (key.clone(), value.clone())));
    for (container, id, index) in [(Container::Iteration, "iteration_id", "iteration_index"), (Container::Loop, "loop_id", "loop_index")] {
        if let Some(round) = rounds(record.start.round.as_ref()).find(|round| round.container == container) {
            metadata.insert(id.into(), round.container_id.as_str().into());
            metadata.insert(index.into(), round.index.into());
        }
    }
    metadata
}

/// Kept for resuming, and for the log.
fn is_internal(key: &str) -> bool {
    matches!(key, "rounds" | "failed_rounds" | MODEL_CALL)
}

/// As prices are shown everywhere: plain decimal text.
pub fn price(value: f64) -> String {
    let text = format!("{value:.10}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".into() } else { text.to_owned() }
}

/// The files among some outputs.
pub fn files(outputs: &Vars) -> Vec<&Value> {
    outputs.values().flat_map(value::files).collect()
}

/// What a failed run says where it is an error.
pub fn run_failed(error: Option<&str>) -> String {
    format!("Run failed: {}", error.unwrap_or_default())
}
