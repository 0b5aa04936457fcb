//! One node run by itself: with the values that its maker gives it, without a run around it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::event::{Form, NodeRecord, RunEvent, StartReason};
use super::graph::Flow;
use super::host::Host;
use super::mask::Mask;
use super::run::{Limits, Run, View};
use super::run_row::NewRun;
use super::vars::Pool;
use super::wire::Wire;
use crate::live::Task;

/// A node about to run.
pub struct Step {
    /// Recorded nowhere: names the step in its events.
    pub run: NewRun,
    /// The node alone.
    pub flow: Arc<Flow>,
    pub pool: Pool,
    pub host: Arc<dyn Host>,
    pub mask: Arc<Mask>,
}

/// How it came out.
pub enum Stepped {
    /// Ended, well or not.
    Ended(Box<NodeRecord>),
    /// Waits for a person.
    Asks(Arc<Form>),
    /// Was stopped before it began.
    Stopped,
}

impl Step {
    /// Runs the node and tells what happens, without the run that is none. `keep` is called with the node's record before its
    /// end is told.
    pub async fn execute<F: Future<Output = ()>>(
        self,
        task: &mut Task,
        stop: CancellationToken,
        keep: impl Fn(NodeRecord) -> F,
    ) -> Stepped {
        let wire = Wire::of_workflow(&self.run);
        let node_id = self.flow.entry_node().id.clone();
        let (sender, mut events) = mpsc::unbounded_channel();
        let run = Run {
            run_id: self.run.id.0,
            flow: self.flow,
            pool: self.pool,
            limits: Limits::default(),
            host: self.host,
            finished: HashMap::new(),
            reason: StartReason::Initial,
            stop,
            view: View { mask: self.mask, every_text: true },
        };
        let watch = async {
            let mut stepped = Stepped::Stopped;
            while let Some(event) = events.recv().await {
                let bytes = match &event {
                    RunEvent::Started { .. } => None,
                    RunEvent::Finished(_) => break,
                    RunEvent::Paused { forms, .. } => {
                        for form in forms {
                            wire.event(&RunEvent::HumanInputRequired(Arc::clone(form))).into_iter().for_each(|bytes| task.send(bytes));
                            stepped = Stepped::Asks(Arc::clone(form));
                        }
                        break;
                    }
                    RunEvent::Text { selector, text } => Some(wire.text_chunk(selector, text)),
                    RunEvent::NodeFinished(record) | RunEvent::ContainerFinished { record, .. } if record.key == node_id => {
                        keep((**record).clone()).await;
                        stepped = Stepped::Ended(Box::new((**record).clone()));
                        wire.event(&event)
                    }
                    event => wire.event(event),
                };
                bytes.into_iter().for_each(|bytes| task.send(bytes));
            }
            stepped
        };
        let (_, stepped) = tokio::join!(run.execute(sender), watch);
        stepped
    }
}
