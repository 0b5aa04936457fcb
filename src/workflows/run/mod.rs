//! Running a graph.
//!
//! - Edges are unknown, taken or skipped; a node is ready when all its incoming edges are decided and one is taken. Ready
//!   nodes run side by side in the task of the run ([`scope`]); the children of iterations and loops are graphs that run
//!   inside their container's turn.
//! - Texts stream to the caller in the order of the answers that they belong to, as soon as it is certain that the answer
//!   will be reached ([`responses`]).
//! - A finished node is committed before its successors start. To resume, run the same graph again with the records of the
//!   nodes that finished: they are taken as they are, without running and without events.

mod iteration;
mod r#loop;
mod node;
mod responses;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::event::{Form, NodeRecord, NodeStart, NodeStatus, NodeUsage, Round, RunEnd, RunEvent, RunStatus, StartReason, Summary};
use super::graph::Flow;
use super::host::Host;
use super::mask::Mask;
use super::vars::{Pool, SYSTEM, Vars};

/// What one run may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_steps: u32,
    pub max_time: Duration,
    /// Of a rendered template.
    pub template_chars: usize,
    /// What one node may give, as JSON.
    pub output_bytes: usize,
    /// Rounds of an iteration at a time.
    pub parallel_rounds: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_steps: 500, max_time: Duration::from_secs(1200), template_chars: 400_000, output_bytes: 10 << 20, parallel_rounds: 50 }
    }
}

/// A run that is about to begin, or to go on.
pub struct Run {
    pub run_id: Uuid,
    pub flow: Arc<Flow>,
    /// System, environment and conversation variables, and the inputs under the id of the entry node.
    pub pool: Pool,
    pub limits: Limits,
    pub host: Arc<dyn Host>,
    /// Nodes that finished before, by [`NodeRecord::key`].
    pub finished: HashMap<String, Arc<NodeRecord>>,
    pub reason: StartReason,
    /// Cancel it to stop the run.
    pub stop: CancellationToken,
    pub view: View,
}

/// What watchers of a run see.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// What they must not.
    pub mask: Arc<Mask>,
    /// Every text as it is made, whether an answer shows it or not: of a node that is tried alone.
    pub every_text: bool,
}

/// How running a graph came out.
#[derive(Debug, Clone, PartialEq)]
pub enum RunOutcome {
    Ended(RunEnd),
    /// Waits for people; run it again when they have answered.
    Paused {
        forms: Vec<Arc<Form>>,
        outputs: Vars,
        summary: Summary,
    },
}

impl Run {
    /// Runs to the end or to a pause. Everything that happens is sent to `events`, the outcome last.
    pub async fn execute(self, events: mpsc::UnboundedSender<RunEvent>) -> RunOutcome {
        let started = Instant::now();
        let mut inputs = self.pool.vars(&self.flow.entry_node().id).map(|vars| (**vars).clone()).unwrap_or_default();
        if let Some(system) = self.pool.vars(SYSTEM) {
            inputs.extend(system.iter().map(|(name, value)| (format!("{SYSTEM}.{name}"), value.clone())));
        }
        let _ = events.send(RunEvent::Started { inputs: Arc::new(inputs), reason: self.reason });
        let shared = Arc::new(Shared {
            run_id: self.run_id,
            host: self.host,
            limits: self.limits,
            finished: self.finished,
            events: events.clone(),
            steps: AtomicU32::new(0),
            totals: Mutex::default(),
            running: Mutex::default(),
            view: self.view,
        });
        let place = Place::default();
        let end = tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            end = scope::run(Arc::clone(&shared), self.flow, self.pool, place) => Some(end),
            () = tokio::time::sleep(self.limits.max_time) => {
                Some(FlowEnd::Failed(format!("The run took longer than the {} seconds that are allowed.", self.limits.max_time.as_secs())))
            }
        };
        shared.stop_running("").await;
        let summary = shared.summary(started);
        let outcome = match end {
            Some(FlowEnd::Paused { forms, outputs }) => RunOutcome::Paused { forms, outputs, summary },
            Some(FlowEnd::Done(done)) => {
                let status = if summary.exceptions_count > 0 { RunStatus::PartialSucceeded } else { RunStatus::Succeeded };
                RunOutcome::Ended(RunEnd { status, outputs: done.response, error: None, summary })
            }
            Some(FlowEnd::Failed(error)) => {
                RunOutcome::Ended(RunEnd { status: RunStatus::Failed, outputs: Vars::new(), error: Some(error), summary })
            }
            None => RunOutcome::Ended(RunEnd { status: RunStatus::Stopped, outputs: Vars::new(), error: None, summary }),
        };
        let _ = events.send(match outcome.clone() {
            RunOutcome::Paused { forms, outputs, summary } => RunEvent::Paused { forms, outputs, summary },
            RunOutcome::Ended(end) => RunEvent::Finished(end),
        });
        outcome
    }
}

/// What all parts of a run share.
struct Shared {
    run_id: Uuid,
    host: Arc<dyn Host>,
    limits: Limits,
    finished: HashMap<String, Arc<NodeRecord>>,
    events: mpsc::UnboundedSender<RunEvent>,
    steps: AtomicU32,
    totals: Mutex<Totals>,
    /// Nodes that began and did not end, by key.
    running: Mutex<BTreeMap<String, Arc<NodeStart>>>,
    view: View,
}

#[derive(Default)]
struct Totals {
    usage: NodeUsage,
    exceptions_count: u32,
}

impl Shared {
    fn emit(&self, mut event: RunEvent) {
        if let RunEvent::ContainerStarted { inputs, .. } = &mut event {
            self.view.mask.vars(inputs);
        }
        // nobody may be listening any more
        let _ = self.events.send(event);
    }

    /// The number of the next step, from 1; none when the run has had all it may have.
    fn next_step(&self) -> Option<u32> {
        let step = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        (step <= self.limits.max_steps).then_some(step)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Arc<NodeStart>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a node's cost to the run's. Containers have no cost of their own.
    fn count(&self, record: &NodeRecord, is_container: bool) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_container {
            totals.usage.add(&record.usage);
        }
        if record.status == NodeStatus::Exception {
            totals.exceptions_count += 1;
        }
        let failed_rounds = record.metadata.get(node::FAILED_ROUNDS).and_then(Value::as_u64).unwrap_or_default();
        totals.exceptions_count += u32::try_from(failed_rounds).unwrap_or(u32::MAX);
    }

    /// What the children of a container that finished in an earlier process took.
    fn count_inside(&self, key: &str) {
        let prefix = format!("{key}[");
        for record in self.finished.values().filter(|record| record.key.starts_with(&prefix)) {
            self.steps.fetch_add(1, Ordering::Relaxed);
            self.count(record, record.start.is_container());
        }
    }

    fn summary(&self, started: Instant) -> Summary {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        Summary {
            elapsed_s: started.elapsed().as_secs_f64(),
            total_steps: self.steps.load(Ordering::Relaxed).min(self.limits.max_steps),
            exceptions_count: totals.exceptions_count,
            usage: totals.usage.clone(),
        }
    }

    /// Tells of the nodes under a prefix of keys that they were broken off.
    async fn stop_running(&self, prefix: &str) {
        let stopped: Vec<(String, Arc<NodeStart>)> = {
            let mut running = self.running();
            let keys: Vec<String> = running.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
            keys.into_iter().filter_map(|key| running.remove_entry(&key)).collect()
        };
        for (key, start) in stopped {
            let record = Arc::new(node::broken_off(key, &start));
            if let Err(error) = self.host.commit(&record).await {
                tracing::warn!(run.id = %self.run_id, node.id = record.start.node_id, %error, "a stopped node could not be recorded");
            }
            self.emit(RunEvent::NodeFinished(record));
        }
    }
}

/// Where in a run a graph lies: which rounds of which containers.
#[derive(Debug, Clone, Default)]
struct Place {
    /// Of the keys of its nodes: `container[3]/`.
    prefix: String,
    round: Option<Arc<Round>>,
}

/// How one graph of a run came out.
enum FlowEnd {
    Done(FlowDone),
    Paused {
        forms: Vec<Arc<Form>>,
        outputs: Vars,
    },
    /// The text of the failed node.
    Failed(String),
}

struct FlowDone {
    pool: Pool,
    /// Of answers and ends.
    response: Vars,
    writes: Vec<super::event::Write>,
    usage: NodeUsage,
    /// A loop-end node was reached.
    loop_ended: bool,
}

/// Adds a node's part to the outputs: answers go on where the one before ended.
fn merge_response(outputs: &mut Vars, part: &Vars) {
    for (name, value) in part {
        match (name.as_str(), outputs.get_mut(name), value) {
            ("answer", Some(Value::String(text)), Value::String(more)) => text.push_str(more),
            ("files", Some(Value::Array(files)), Value::Array(more)) => files.extend(more.iter().cloned()),
            _ => {
                outputs.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Unix seconds.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
