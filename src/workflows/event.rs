//! What happens in a run, in order: the one type that a run yields, the database keeps and event streams are made of.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::vars::{Selector, Vars};

#[derive(Debug, Clone)]
pub enum RunEvent {
    Started {
        inputs: Arc<Vars>,
        reason: StartReason,
    },
    NodeStarted(Arc<NodeStart>),
    /// The record says how it ended.
    NodeFinished(Arc<NodeRecord>),
    /// A try failed and another follows: the first has `retry_index` 1.
    NodeRetry {
        record: Arc<NodeRecord>,
        retry_index: u32,
    },
    /// An iteration or a loop begins.
    ContainerStarted {
        start: Arc<NodeStart>,
        inputs: Vars,
        length: usize,
    },
    /// A round begins. `previous` is what the round before gave, of loops.
    ContainerNext {
        start: Arc<NodeStart>,
        index: usize,
        previous: Option<Value>,
    },
    /// `steps`: rounds.
    ContainerFinished {
        record: Arc<NodeRecord>,
        steps: usize,
    },
    /// A piece of the output, in its place.
    Text {
        selector: Selector,
        text: String,
    },
    /// A piece of a model's thoughts, of nodes that keep them apart.
    Reasoning {
        node_id: String,
        text: String,
        is_final: bool,
    },
    AgentLog(AgentLog),
    /// A node waits for a person.
    HumanInputRequired(Arc<Form>),
    HumanInputFilled(FormAnswer),
    HumanInputTimeout {
        node_id: String,
        node_title: String,
        expiration_time: i64,
    },
    /// Nothing more can be done until a person answers.
    Paused {
        forms: Vec<Arc<Form>>,
        outputs: Vars,
        summary: Summary,
    },
    Finished(RunEnd),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartReason {
    Initial,
    Resumption,
}

/// A node that began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeStart {
    /// Of this node in this place of this run: the same when it runs again after a crash.
    pub execution_id: Uuid,
    pub node_id: String,
    pub node_type: String,
    pub title: String,
    /// 1 for the run's first node.
    pub index: u32,
    pub predecessor_node_id: Option<String>,
    pub round: Option<Round>,
    /// Unix seconds.
    pub started_at: f64,
}

impl NodeStart {
    pub fn is_container(&self) -> bool {
        matches!(self.node_type.as_str(), "iteration" | "loop")
    }
}

/// Which rounds of which containers a node belongs to; the innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    pub container: Container,
    pub container_id: String,
    pub index: usize,
    pub outer: Option<Arc<Round>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    Iteration,
    Loop,
}

/// A node that ended, with everything that a run needs to go on from there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeRecord {
    #[serde(flatten)]
    pub start: NodeStart,
    /// Names the node and its place in the run: `node`, or `iteration[3]/node`.
    pub key: String,
    pub status: NodeStatus,
    pub inputs: Vars,
    pub process_data: Vars,
    pub outputs: Arc<Vars>,
    /// Where a branch went on.
    pub handle: Option<String>,
    /// Conversation and loop variables that it set.
    pub writes: Vec<Write>,
    /// What it adds to the run's outputs: answers, ends, and containers with answers inside.
    #[serde(default)]
    pub response: Vars,
    pub error: Option<NodeFailure>,
    /// Before the one that the rest tells of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<FailedTry>,
    pub usage: NodeUsage,
    /// `execution_metadata` beyond what the other fields say.
    pub metadata: Vars,
    pub elapsed_s: f64,
    /// Unix seconds.
    pub finished_at: f64,
}

/// A try that failed and that another one followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedTry {
    pub error: NodeFailure,
    pub inputs: Vars,
    pub process_data: Vars,
    pub outputs: Arc<Vars>,
    pub elapsed_s: f64,
    /// Unix seconds.
    pub finished_at: f64,
}

impl FailedTry {
    /// `elapsed`: of this try alone.
    pub fn of(record: &NodeRecord, elapsed: Duration) -> Self {
        Self {
            error: record.error.clone().unwrap_or_default(),
            inputs: record.inputs.clone(),
            process_data: record.process_data.clone(),
            outputs: Arc::clone(&record.outputs),
            elapsed_s: elapsed.as_secs_f64(),
            finished_at: record.finished_at,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeStatus {
    Succeeded,
    Failed,
    /// Failed, and its error strategy took over.
    Exception,
    Stopped,
    /// A try that another one follows.
    Retry,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFailure {
    /// `error_type` of fail branches.
    pub kind: String,
    pub message: String,
}

/// A variable outside the node's own outputs that it set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Write {
    pub selector: Selector,
    pub value: Value,
}

/// In a node's metadata: how long its model took for which part of the call ([`crate::catalog::CallDetail`]).
pub const MODEL_CALL: &str = "model_call";

/// What model calls cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeUsage {
    pub total_tokens: u64,
    pub total_price: f64,
    pub currency: String,
}

impl NodeUsage {
    pub fn add(&mut self, other: &Self) {
        self.total_tokens += other.total_tokens;
        self.total_price += other.total_price;
        if self.currency.is_empty() {
            self.currency.clone_from(&other.currency);
        }
    }
}

/// A step of an agent; sent again with the same id when its status changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentLog {
    pub node_execution_id: Uuid,
    pub node_id: String,
    pub id: String,
    pub label: String,
    pub parent_id: Option<String>,
    pub error: Option<String>,
    /// `start`, `success`, `error`
    pub status: String,
    pub data: Value,
    pub metadata: Value,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Form {
    pub form_id: Uuid,
    pub node_id: String,
    pub node_title: String,
    /// Markdown with variables filled in.
    pub form_content: String,
    pub inputs: Value,
    pub actions: Value,
    pub display_in_ui: bool,
    pub form_token: Option<String>,
    pub approval_channels: Vec<String>,
    pub resolved_default_values: Vars,
    /// Unix seconds.
    pub expiration_time: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormAnswer {
    pub node_id: String,
    pub node_title: String,
    pub rendered_content: String,
    pub action_id: String,
    pub action_text: String,
    pub submitted_data: Vars,
}

/// Sums over a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub elapsed_s: f64,
    pub total_steps: u32,
    pub exceptions_count: u32,
    pub usage: NodeUsage,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    pub status: RunStatus,
    pub outputs: Vars,
    pub error: Option<String>,
    pub summary: Summary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    Scheduled,
    Running,
    Succeeded,
    Failed,
    Stopped,
    PartialSucceeded,
    Paused,
}

impl RunStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::PartialSucceeded => "partial-succeeded",
            Self::Paused => "paused",
        }
    }
}

impl NodeStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Exception => "exception",
            Self::Stopped => "stopped",
            Self::Retry => "retry",
        }
    }
}
