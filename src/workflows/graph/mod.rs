//! A workflow's graph as it runs: the nodes that can be reached from where the run starts, read into their kinds, with the
//! children of iterations and loops as graphs of their own inside their container.
//!
//! Built from the `graph` section of the DSL. What is no part of a run (notes, editor leftovers, nodes that nothing leads
//! to) is passed over; what would make a run meaningless is an error that names node and field.

mod check;
mod finding;
mod outputs;
mod read;
mod references;

use std::sync::Arc;

use serde_json::Value;

use super::nodes::Kind;
use super::vars::Vars;

pub use check::{Issue, Severity, check};
pub use outputs::{Outputs, outputs};
pub use read::{GraphError, NodeRef, entries, nodes, trigger_kinds};
pub use references::{Needed, Reference, needed, references};

/// Nodes of one level and how they follow each other.
#[derive(Debug)]
pub struct Flow {
    pub nodes: Vec<Arc<Node>>,
    pub edges: Vec<Edge>,
    /// For each node the edges that lead to it.
    pub incoming: Vec<Vec<usize>>,
    /// For each node the edges that leave it, in the file's order.
    pub outgoing: Vec<Vec<usize>>,
    /// Where this level starts.
    pub entry: usize,
}

/// From one node's handle to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub handle: String,
}

#[derive(Debug)]
pub struct Node {
    pub id: String,
    /// As the file writes it: `llm`, `if-else`, …
    pub type_name: String,
    pub title: String,
    pub kind: Kind,
    pub on_error: OnError,
    /// Of kinds that can be tried again.
    pub retry: Option<Retry>,
    /// The children of an iteration or a loop.
    pub inside: Option<Arc<Flow>>,
    /// The node's data, whole.
    pub data: Arc<Value>,
}

/// What happens after a failure.
#[derive(Debug, Clone, PartialEq)]
pub enum OnError {
    /// The run fails.
    Fail,
    /// The flow goes on at [`FAIL_BRANCH`].
    FailBranch,
    /// The flow goes on with these outputs.
    Default(Vars),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub max_retries: u32,
    pub interval_ms: u64,
}

/// The handle of edges that say none, and of success.
pub const SOURCE: &str = "source";
/// Success of a node with a fail branch; an older spelling of [`SOURCE`].
pub const SUCCESS_BRANCH: &str = "success-branch";
pub const FAIL_BRANCH: &str = "fail-branch";

impl Flow {
    /// Reads a `graph` section for a run that starts at `entry`, or at the one start node.
    pub fn build(graph: &Value, entry: Option<&str>) -> Result<Arc<Self>, GraphError> {
        read::build(graph, entry)
    }

    /// One node by itself, with what lies inside of it, wherever in the graph it is.
    pub fn of_node(graph: &Value, id: &str) -> Result<Arc<Self>, GraphError> {
        read::build_one(graph, id)
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    /// The node of that id, however deep it lies.
    pub fn find_deep(&self, id: &str) -> Option<&Arc<Node>> {
        self.nodes.iter().find_map(|node| if node.id == id { Some(node) } else { node.inside.as_ref()?.find_deep(id) })
    }

    /// The node of this level that has that id, or around the node that has it.
    pub fn find_around(&self, id: &str) -> Option<usize> {
        let holds = |node: &Arc<Node>| node.id == id || node.inside.as_ref().is_some_and(|inside| inside.find_deep(id).is_some());
        self.nodes.iter().position(holds)
    }

    /// A node and those that edges lead to from it, by their places.
    pub fn downstream(&self, from: usize) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len()];
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut reached[at], true) {
                open.extend(self.outgoing[at].iter().map(|edge| self.edges[*edge].to));
            }
        }
        reached
    }

    pub fn entry_node(&self) -> &Arc<Node> {
        &self.nodes[self.entry]
    }

    /// Every node, containers before their children.
    pub fn walk(&self, visit: &mut impl FnMut(&Arc<Node>)) {
        for node in &self.nodes {
            visit(node);
            if let Some(inside) = &node.inside {
                inside.walk(visit);
            }
        }
    }
}

impl Node {
    /// Whether it decides which of its edges are taken.
    pub fn is_branch(&self) -> bool {
        self.kind.is_branch() || self.on_error == OnError::FailBranch
    }
}
