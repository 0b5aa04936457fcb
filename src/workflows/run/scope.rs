//! One graph being run: the whole workflow, or one round of a container.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;

use super::node::{self, NodeEnd};
use super::responses::Responses;
use super::{FlowDone, FlowEnd, Place, Shared, merge_response};
use crate::workflows::event::{Form, NodeRecord, NodeStatus, NodeUsage, RunEvent, Write};
use crate::workflows::graph::{FAIL_BRANCH, Flow, Node, SOURCE, SUCCESS_BRANCH};
use crate::workflows::nodes::{Delta, Kind};
use crate::workflows::vars::{Pool, Selector, Vars};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EdgeState {
    Unknown,
    Taken,
    Skipped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeState {
    Waiting,
    Running,
    Done,
    Skipped,
}

/// Where every edge and node of the graph stands.
pub(super) struct States {
    pub edges: Vec<EdgeState>,
    pub nodes: Vec<NodeState>,
}

struct Scope {
    shared: Arc<Shared>,
    flow: Arc<Flow>,
    place: Place,
    pool: Pool,
    states: States,
    responses: Responses,
    deltas: mpsc::UnboundedSender<Delta>,
    running: FuturesUnordered<BoxFuture<'static, (usize, NodeEnd)>>,
    // what the graph gives
    response: Vars,
    writes: Vec<Write>,
    usage: NodeUsage,
    loop_ended: bool,
    forms: Vec<Arc<Form>>,
}

/// Runs the graph from its entry until nothing is left to do.
pub(super) fn run(shared: Arc<Shared>, flow: Arc<Flow>, pool: Pool, place: Place) -> BoxFuture<'static, FlowEnd> {
    Box::pin(async move {
        let (deltas, mut pieces) = mpsc::unbounded_channel();
        let states = States { edges: vec![EdgeState::Unknown; flow.edges.len()], nodes: vec![NodeState::Waiting; flow.nodes.len()] };
        let mut scope = Scope {
            responses: Responses::new(&flow),
            shared,
            flow,
            place,
            pool,
            states,
            deltas,
            running: FuturesUnordered::new(),
            response: Vars::new(),
            writes: Vec::new(),
            usage: NodeUsage::default(),
            loop_ended: false,
            forms: Vec::new(),
        };
        match scope.work(&mut pieces).await {
            Err(error) => {
                // their futures are dropped with the scope
                scope.running.clear();
                scope.shared.stop_running(&scope.place.prefix).await;
                FlowEnd::Failed(error)
            }
            Ok(()) if !scope.forms.is_empty() => FlowEnd::Paused { forms: scope.forms, outputs: scope.response },
            Ok(()) => FlowEnd::Done(FlowDone {
                pool: scope.pool,
                response: scope.response,
                writes: scope.writes,
                usage: scope.usage,
                loop_ended: scope.loop_ended,
            }),
        }
    })
}

impl Scope {
    async fn work(&mut self, pieces: &mut mpsc::UnboundedReceiver<Delta>) -> Result<(), String> {
        let texts = self.responses.begin(&self.flow, &self.states, &self.pool);
        self.send(texts);
        self.start(self.flow.entry, None);
        loop {
            tokio::select! {
                biased;
                Some(piece) = pieces.recv() => self.take_piece(piece),
                end = self.running.next() => {
                    let Some((index, end)) = end else { return Ok(()) };
                    // what a node sent comes before its end
                    while let Ok(piece) = pieces.try_recv() {
                        self.take_piece(piece);
                    }
                    self.take_end(index, end)?;
                }
            }
        }
    }

    fn start(&mut self, index: usize, predecessor: Option<&str>) {
        self.states.nodes[index] = NodeState::Running;
        let node = Arc::clone(&self.flow.nodes[index]);
        let shared = Arc::clone(&self.shared);
        let (pool, place, deltas) = (self.pool.clone(), self.place.clone(), self.deltas.clone());
        let predecessor = predecessor.map(str::to_owned);
        self.running.push(Box::pin(async move { (index, node::execute(shared, node, pool, place, predecessor, deltas).await) }));
    }

    fn take_piece(&mut self, piece: Delta) {
        if self.shared.view.every_text {
            self.shared.emit(RunEvent::Text { selector: piece.selector, text: piece.text });
            return;
        }
        let texts = self.responses.piece(piece, &self.flow, &self.states, &self.pool);
        self.send(texts);
    }

    fn send(&self, texts: Vec<(Selector, String)>) {
        for (selector, text) in texts {
            self.shared.emit(RunEvent::Text { selector, text });
        }
    }

    fn take_end(&mut self, index: usize, end: NodeEnd) -> Result<(), String> {
        let node = Arc::clone(&self.flow.nodes[index]);
        match end {
            NodeEnd::Finished { record, is_news } => {
                self.shared.count(&record, node.inside.is_some());
                self.finish(index, &node, &record, is_news);
                Ok(())
            }
            NodeEnd::Silent => {
                self.states.nodes[index] = NodeState::Done;
                self.decide_edges(index, SOURCE, false);
                self.go_on(index, &node);
                Ok(())
            }
            NodeEnd::Failed(record) => {
                self.tell_end(&node, &record);
                Err(record.error.as_ref().map(|error| error.message.clone()).unwrap_or_default())
            }
            NodeEnd::Paused(forms) => {
                self.forms.extend(forms);
                Ok(())
            }
            NodeEnd::Refused(error) => Err(error),
        }
    }

    fn finish(&mut self, index: usize, node: &Arc<Node>, record: &Arc<NodeRecord>, is_news: bool) {
        self.states.nodes[index] = NodeState::Done;
        self.pool.set_all(&node.id, Arc::clone(&record.outputs));
        for write in &record.writes {
            self.pool.set(write.selector.node(), write.selector.variable(), write.value.clone());
        }
        self.writes.extend(record.writes.iter().cloned());
        self.usage.add(&record.usage);
        merge_response(&mut self.response, &record.response);
        self.loop_ended |= matches!(node.kind, Kind::LoopEnd);
        let failed_over = record.status == NodeStatus::Exception && node.is_branch();
        let handle = match &record.handle {
            _ if failed_over => FAIL_BRANCH,
            Some(handle) => handle,
            None => SOURCE,
        };
        self.decide_edges(index, handle, node.is_branch());
        // what shows its output comes before a node's end, and behind that of a container
        let is_container = node.inside.is_some();
        if is_news && is_container {
            self.tell_end(node, record);
        }
        let texts = self.responses.finished(index, &self.flow, &self.states, &self.pool);
        self.send(texts);
        if is_news && !is_container {
            self.tell_end(node, record);
        }
        self.go_on(index, node);
    }

    fn tell_end(&self, node: &Node, record: &Arc<NodeRecord>) {
        let record = Arc::clone(record);
        self.shared.emit(match node.inside {
            Some(_) => {
                let steps = record.metadata.get(node::ROUNDS).and_then(serde_json::Value::as_u64).unwrap_or_default();
                RunEvent::ContainerFinished { record, steps: usize::try_from(steps).unwrap_or_default() }
            }
            None => RunEvent::NodeFinished(record),
        });
    }

    /// A branch takes the edges of its handle, everything else all of its edges.
    fn decide_edges(&mut self, index: usize, handle: &str, is_branch: bool) {
        let mut skipped = Vec::new();
        for &edge in &self.flow.outgoing[index] {
            let own = self.flow.edges[edge].handle.as_str();
            let is_taken = !is_branch || own == handle || (handle == SOURCE && own == SUCCESS_BRANCH);
            self.states.edges[edge] = if is_taken { EdgeState::Taken } else { EdgeState::Skipped };
            if !is_taken {
                skipped.push(edge);
            }
        }
        // a node that only skipped edges lead to is skipped, and its edges are
        while let Some(edge) = skipped.pop() {
            let to = self.flow.edges[edge].to;
            if self.flow.incoming[to].iter().any(|e| self.states.edges[*e] != EdgeState::Skipped) {
                continue;
            }
            self.states.nodes[to] = NodeState::Skipped;
            for &next in &self.flow.outgoing[to] {
                self.states.edges[next] = EdgeState::Skipped;
                skipped.push(next);
            }
        }
    }

    /// Starts what became ready: behind this node, or behind what it skipped.
    fn go_on(&mut self, index: usize, node: &Node) {
        for next in self.ready_behind(index) {
            self.start(next, Some(&node.id));
        }
    }

    fn ready_behind(&self, index: usize) -> Vec<usize> {
        let mut ready = Vec::new();
        let mut open = vec![index];
        let mut seen = vec![false; self.flow.nodes.len()];
        while let Some(at) = open.pop() {
            for &edge in self.flow.outgoing[at].iter().rev() {
                let to = self.flow.edges[edge].to;
                if std::mem::replace(&mut seen[to], true) {
                    continue;
                }
                match self.states.nodes[to] {
                    NodeState::Waiting if self.is_ready(to) => ready.push(to),
                    NodeState::Skipped => open.push(to),
                    _ => {}
                }
            }
        }
        ready.sort_unstable_by_key(|to| self.flow.incoming[*to].iter().copied().min());
        ready
    }

    fn is_ready(&self, index: usize) -> bool {
        let mut states = self.flow.incoming[index].iter().map(|edge| self.states.edges[*edge]);
        let mut is_taken = false;
        states.all(|state| {
            is_taken |= state == EdgeState::Taken;
            state != EdgeState::Unknown
        }) && is_taken
    }
}
