//! One node's turn: tried, tried again, replaced by its error strategy, committed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Place, Shared, iteration, r#loop, now};
use crate::workflows::event::{FailedTry, Form, NodeFailure, NodeRecord, NodeStart, NodeStatus, NodeUsage, RunEvent};
use crate::workflows::graph::{Node, OnError};
use crate::workflows::nodes::{Context, Delta, Kind, NodeError, Out, Outcome};
use crate::workflows::value;
use crate::workflows::vars::{Pool, Vars};

/// Metadata of containers: how many rounds they had. Not shown.
pub(super) const ROUNDS: &str = "rounds";
/// Likewise: how many of them failed without failing the container.
pub(super) const FAILED_ROUNDS: &str = "failed_rounds";

pub(super) enum NodeEnd {
    /// `is_news`: it ran now, not in an earlier process.
    Finished {
        record: Arc<NodeRecord>,
        is_news: bool,
    },
    /// The start inside a container: nothing to tell.
    Silent,
    Failed(Arc<NodeRecord>),
    Paused(Vec<Arc<Form>>),
    /// It never began; says why.
    Refused(String),
}

/// How the inside of a container came out.
pub(super) enum Inside {
    Done(Box<Outcome>),
    Failed(NodeError),
    Paused(Vec<Arc<Form>>),
}

pub(super) async fn execute(
    shared: Arc<Shared>,
    node: Arc<Node>,
    pool: Pool,
    place: Place,
    predecessor_node_id: Option<String>,
    deltas: mpsc::UnboundedSender<Delta>,
) -> NodeEnd {
    if matches!(node.kind, Kind::InnerStart) {
        return NodeEnd::Silent;
    }
    let Some(index) = shared.next_step() else {
        return NodeEnd::Refused(format!("The run was ended: it took more than the {} steps that are allowed.", shared.limits.max_steps));
    };
    let key = format!("{}{}", place.prefix, node.id);
    if let Some(record) = shared.finished.get(&key) {
        if node.inside.is_some() {
            shared.count_inside(&key);
        }
        return NodeEnd::Finished { record: Arc::clone(record), is_news: false };
    }
    let start = Arc::new(NodeStart {
        execution_id: Uuid::new_v5(&shared.run_id, key.as_bytes()),
        node_id: node.id.clone(),
        node_type: node.type_name.clone(),
        title: node.title.clone(),
        index,
        predecessor_node_id,
        round: place.round.clone().map(|round| (*round).clone()),
        started_at: now(),
    });
    let turn = Turn { key, start, clock: Instant::now() };
    shared.running().insert(turn.key.clone(), Arc::clone(&turn.start));
    let end = match &node.kind {
        Kind::Iteration(data) => {
            turn.settle_inside(&shared, &node, iteration::run(&shared, &node, data, &pool, &turn.key, &turn.start).await).await
        }
        Kind::Loop(data) => {
            turn.settle_inside(&shared, &node, r#loop::run(&shared, &node, data, &pool, &turn.key, &turn.start).await).await
        }
        _ => {
            shared.emit(RunEvent::NodeStarted(Arc::clone(&turn.start)));
            let out = Out { deltas, events: shared.events.clone(), mask: Arc::clone(&shared.view.mask) };
            let context = Context {
                host: Arc::clone(&shared.host),
                limits: shared.limits,
                node: Arc::clone(&node),
                execution_id: turn.start.execution_id,
                pool,
                out,
            };
            turn.try_and_settle(&shared, &node, &context).await
        }
    };
    // a node that waits is in nobody's way
    shared.running().remove(&turn.key);
    end
}

/// A node that ran when the run was broken off.
pub(super) fn broken_off(key: String, start: &NodeStart) -> NodeRecord {
    NodeRecord {
        start: start.clone(),
        key,
        status: NodeStatus::Stopped,
        inputs: Vars::new(),
        process_data: Vars::new(),
        outputs: Arc::default(),
        handle: None,
        writes: Vec::new(),
        response: Vars::new(),
        error: None,
        retries: Vec::new(),
        usage: NodeUsage::default(),
        metadata: Vars::new(),
        elapsed_s: (now() - start.started_at).max(0.0),
        finished_at: now(),
    }
}

struct Turn {
    key: String,
    start: Arc<NodeStart>,
    clock: Instant,
}

impl Turn {
    async fn try_and_settle(&self, shared: &Shared, node: &Node, context: &Context) -> NodeEnd {
        let mut retries = Vec::new();
        loop {
            let clock = Instant::now();
            // a fault in one node must not take the run's task along
            let result = AssertUnwindSafe(node.kind.run(context)).catch_unwind().await;
            let result = result.unwrap_or_else(|_| Err(NodeError::internal("The node broke down: a fault of the server, not of the app.")));
            // what a trigger brought was bounded when it came
            let max_bytes = if matches!(node.kind, Kind::Trigger) { usize::MAX } else { shared.limits.output_bytes };
            let mut result = result.and_then(|outcome| within_limits(outcome, max_bytes));
            shared.view.mask.result(&mut result);
            let error = match result {
                Ok(Outcome { waits_for: Some(form), .. }) => return NodeEnd::Paused(vec![form]),
                Ok(outcome) => return self.settle(shared, NodeRecord { retries, ..self.success(outcome) }).await,
                Err(error) => error,
            };
            let n_tries = u32::try_from(retries.len()).unwrap_or(u32::MAX);
            let Some(retry) = node.retry.filter(|retry| n_tries < retry.max_retries) else {
                return self.settle(shared, NodeRecord { retries, ..self.failure(node, error) }).await;
            };
            let record = NodeRecord { status: NodeStatus::Retry, ..self.failed(error) };
            retries.push(FailedTry::of(&record, clock.elapsed()));
            tokio::time::sleep(Duration::from_millis(retry.interval_ms)).await;
            shared.emit(RunEvent::NodeRetry { record: Arc::new(record), retry_index: n_tries + 1 });
        }
    }

    async fn settle_inside(&self, shared: &Shared, node: &Node, inside: Inside) -> NodeEnd {
        let mut result = match inside {
            Inside::Paused(forms) => return NodeEnd::Paused(forms),
            Inside::Done(outcome) => within_limits(*outcome, shared.limits.output_bytes),
            Inside::Failed(error) => Err(error),
        };
        shared.view.mask.result(&mut result);
        let record = match result {
            Ok(outcome) => self.success(outcome),
            Err(error) => self.failure(node, error),
        };
        self.settle(shared, record).await
    }

    /// Commits the record: only then may anything build on it.
    async fn settle(&self, shared: &Shared, record: NodeRecord) -> NodeEnd {
        let record = Arc::new(record);
        if let Err(error) = shared.host.commit(&record).await {
            return NodeEnd::Failed(Arc::new(self.failed(error)));
        }
        if record.status == NodeStatus::Failed { NodeEnd::Failed(record) } else { NodeEnd::Finished { record, is_news: true } }
    }

    fn success(&self, outcome: Outcome) -> NodeRecord {
        NodeRecord {
            status: NodeStatus::Succeeded,
            inputs: outcome.inputs,
            process_data: outcome.process_data,
            outputs: Arc::new(outcome.outputs),
            handle: outcome.handle,
            writes: outcome.writes,
            response: outcome.response,
            usage: outcome.usage,
            metadata: outcome.metadata,
            ..self.empty()
        }
    }

    fn failed(&self, error: NodeError) -> NodeRecord {
        NodeRecord {
            status: NodeStatus::Failed,
            inputs: error.partial.inputs,
            process_data: error.partial.process_data,
            outputs: Arc::new(error.partial.outputs),
            error: Some(NodeFailure { kind: error.kind, message: error.message }),
            usage: error.partial.usage,
            ..self.empty()
        }
    }

    /// After the last try: what the node's error strategy makes of it.
    fn failure(&self, node: &Node, error: NodeError) -> NodeRecord {
        let defaults = match &node.on_error {
            OnError::Fail => return self.failed(error),
            OnError::FailBranch => Vars::new(),
            OnError::Default(defaults) => defaults.clone(),
        };
        let mut record = NodeRecord { status: NodeStatus::Exception, ..self.failed(error) };
        let mut outputs = defaults;
        if let Some(error) = &record.error {
            outputs.insert("error_message".into(), Value::String(error.message.clone()));
            outputs.insert("error_type".into(), Value::String(error.kind.clone()));
        }
        record.outputs = Arc::new(outputs);
        record.metadata.insert(
            "error_strategy".into(),
            Value::from(if node.on_error == OnError::FailBranch { "fail-branch" } else { "default-value" }),
        );
        record
    }

    fn empty(&self) -> NodeRecord {
        NodeRecord { elapsed_s: self.clock.elapsed().as_secs_f64(), ..broken_off(self.key.clone(), &self.start) }
    }
}

fn within_limits(outcome: Outcome, max_bytes: usize) -> Result<Outcome, NodeError> {
    let bytes: usize = outcome.outputs.values().map(value::size).sum();
    if bytes <= max_bytes {
        return Ok(outcome);
    }
    let message = format!("The node's outputs take {bytes} bytes; at most {max_bytes} are allowed.");
    Err(NodeError::new("OutputTooLargeError", message).with_inputs(outcome.inputs).with_usage(outcome.usage))
}
