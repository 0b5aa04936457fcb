//! How a run is told to those who follow it, and what else must be kept of it: workflow apps and chatflows differ in this.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use super::event::{NodeRecord, RunEvent};
use super::run::RunOutcome;
use super::run_row::NewRun;
use super::vars::Selector;
use super::wire::Wire;
use crate::engine::request::Message;
use crate::error::Result;

/// The caller's side of one run. Bytes are whole server-sent events.
#[async_trait]
pub trait Teller: Send + 'static {
    /// Anything but texts and the outcome.
    fn tell(&mut self, event: &RunEvent) -> Option<Bytes>;

    /// A piece of the output.
    fn text(&mut self, selector: &Selector, piece: &str) -> Option<Bytes>;

    /// Every piece so far is void; `text` stands instead.
    fn replace(&mut self, text: &str) -> Option<Bytes>;

    /// A node that finished in an earlier process of the run.
    fn recall_node(&mut self, _record: &NodeRecord) {}

    /// About once a second while the run runs.
    async fn beat(&mut self) {}

    /// The last events. What must be kept is kept before this returns.
    async fn close(&mut self, outcome: &RunOutcome) -> Vec<Bytes>;
}

/// Past messages of the conversation that a run belongs to.
#[async_trait]
pub trait History: Send + Sync + 'static {
    /// Oldest first, at most `window` exchanges.
    async fn messages(&self, window: Option<u32>) -> Result<Vec<Message>>;
}

/// What a run shows and is shown, by the kind of app.
pub struct Face {
    pub teller: Box<dyn Teller>,
    pub history: Option<Arc<dyn History>>,
    /// Who may stop the run.
    pub owner: Uuid,
}

impl Face {
    /// Of a workflow app's run.
    pub fn of_workflow(run: &NewRun) -> Self {
        // any user of the app may stop any of its runs
        Self { teller: Box::new(WorkflowTeller { wire: Wire::of_workflow(run) }), history: None, owner: run.app_id.0 }
    }
}

struct WorkflowTeller {
    wire: Wire,
}

#[async_trait]
impl Teller for WorkflowTeller {
    fn tell(&mut self, event: &RunEvent) -> Option<Bytes> {
        self.wire.event(event)
    }

    fn text(&mut self, selector: &Selector, piece: &str) -> Option<Bytes> {
        Some(self.wire.text_chunk(selector, piece))
    }

    fn replace(&mut self, text: &str) -> Option<Bytes> {
        Some(self.wire.text_replace(text))
    }

    async fn close(&mut self, outcome: &RunOutcome) -> Vec<Bytes> {
        vec![match outcome {
            RunOutcome::Ended(end) => self.wire.finished(end, chrono::Utc::now().timestamp()),
            RunOutcome::Paused { forms, summary, .. } => self.wire.paused(forms, summary),
        }]
    }
}
