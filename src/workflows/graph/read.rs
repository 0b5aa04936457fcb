//! From the DSL's `graph` section to a [`Flow`].

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::{Edge, Flow, Node, OnError, Retry, SOURCE};
use crate::workflows::nodes::{Kind, default_outputs};

/// Nodes a graph may have; the largest public ones have a few hundred.
const MAX_NODES: usize = 2000;
/// How deep containers may lie in each other.
const MAX_DEPTH: usize = 5;
const MAX_RETRIES: u64 = 10;
const MAX_RETRY_INTERVAL_MS: u64 = 60_000;

/// Why a graph can't run. The text is for the app's maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphError {
    pub node_id: Option<String>,
    pub title: Option<String>,
    /// Path inside the node's data, or of the graph.
    pub field: String,
    pub message: String,
}

impl GraphError {
    pub(super) fn of_graph(field: &str, message: impl Into<String>) -> Self {
        Self { node_id: None, title: None, field: field.to_owned(), message: message.into() }
    }

    pub(super) fn of_node(raw: &Raw<'_>, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (node_id, title) = (Some(raw.id.to_owned()), Some(raw.title().to_owned()));
        Self { node_id, title, field: field.into(), message: message.into() }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.node_id, &self.title) {
            (Some(id), Some(title)) => write!(f, "Node '{title}' ({id}), {}: {}", self.field, self.message),
            _ => write!(f, "{}: {}", self.field, self.message),
        }
    }
}

impl std::error::Error for GraphError {}

/// A node as the file has it.
pub(super) struct Raw<'a> {
    pub id: &'a str,
    pub data: &'a Value,
    pub parent: Option<&'a str>,
}

impl<'a> Raw<'a> {
    pub fn type_name(&self) -> &'a str {
        self.data.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    pub fn title(&self) -> &'a str {
        self.data.get("title").and_then(Value::as_str).filter(|t| !t.is_empty()).unwrap_or(self.type_name())
    }

    fn flag(&self, key: &str) -> bool {
        self.data.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Where the children of a container start.
    pub fn is_inner_start(&self) -> bool {
        matches!(self.type_name(), "iteration-start" | "loop-start") || self.flag("isIterationStart") || self.flag("isLoopStart")
    }
}

/// The file's nodes without notes, by id.
pub(super) struct RawGraph<'a> {
    pub nodes: Vec<Raw<'a>>,
    by_id: HashMap<&'a str, usize>,
    /// (source, handle, target)
    pub edges: Vec<(&'a str, &'a str, &'a str)>,
}

impl<'a> RawGraph<'a> {
    pub fn read(graph: &'a Value) -> Result<Self, GraphError> {
        let list = |key: &str| match graph.get(key) {
            None | Some(Value::Null) => Ok(&[][..]),
            Some(Value::Array(items)) => Ok(items.as_slice()),
            Some(_) => Err(GraphError::of_graph(&format!("graph.{key}"), "must be a list")),
        };
        let mut nodes: Vec<Raw<'a>> = Vec::new();
        let mut by_id = HashMap::new();
        for (i, node) in list("nodes")?.iter().enumerate() {
            let data = node.get("data").unwrap_or(&Value::Null);
            let is_note = node.get("type").and_then(Value::as_str) == Some("custom-note")
                || data.get("type").and_then(Value::as_str).unwrap_or_default().is_empty();
            if is_note && data.is_object() {
                continue;
            }
            let Some(id) = node.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()) else {
                return Err(GraphError::of_graph(&format!("graph.nodes[{i}].id"), "must be text that is not empty"));
            };
            if !data.is_object() {
                return Err(GraphError::of_graph(&format!("graph.nodes[{i}].data"), format!("of node {id} must be an object with a type")));
            }
            if by_id.insert(id, nodes.len()).is_some() {
                return Err(GraphError::of_graph(&format!("graph.nodes[{i}].id"), format!("{id} is the id of two nodes")));
            }
            let text = |value: Option<&'a Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty());
            let inside = |flag: &str, key: &str| text(data.get(key)).filter(|_| data.get(flag).and_then(Value::as_bool) != Some(false));
            let parent = text(node.get("parentId"))
                .or_else(|| inside("isInIteration", "iteration_id"))
                .or_else(|| inside("isInLoop", "loop_id"))
                .filter(|parent| *parent != id);
            nodes.push(Raw { id, data, parent });
        }
        // a parent that is gone is an editor's leftover: the node stands at the top
        nodes.iter_mut().filter(|node| node.parent.is_some_and(|p| !by_id.contains_key(p))).for_each(|node| node.parent = None);
        if nodes.len() > MAX_NODES {
            return Err(GraphError::of_graph("graph.nodes", format!("has {} nodes; at most {MAX_NODES} are allowed", nodes.len())));
        }
        let mut edges = Vec::new();
        for (i, edge) in list("edges")?.iter().enumerate() {
            let end = |key: &str| {
                edge.get(key)
                    .and_then(Value::as_str)
                    .ok_or_else(|| GraphError::of_graph(&format!("graph.edges[{i}].{key}"), "must be the id of a node"))
            };
            let handle = edge.get("sourceHandle").and_then(Value::as_str).filter(|h| !h.is_empty()).unwrap_or(SOURCE);
            edges.push((end("source")?, handle, end("target")?));
        }
        Ok(Self { nodes, by_id, edges })
    }

    pub fn get(&self, id: &str) -> Option<&Raw<'a>> {
        self.by_id.get(id).map(|i| &self.nodes[*i])
    }

    /// Ids of what lies directly in a container, or at the top.
    fn children(&self, parent: Option<&str>) -> impl Iterator<Item = &Raw<'a>> {
        self.nodes.iter().filter(move |raw| raw.parent == parent)
    }

    /// Whether a node lies inside of a container, however deep.
    pub fn is_around(&self, node: &Raw<'_>, container: &str) -> bool {
        let mut parent = node.parent;
        // a chain of parents is no longer than there are nodes
        for _ in 0..self.nodes.len() {
            match parent {
                Some(id) if id == container => return true,
                Some(id) => parent = self.get(id).and_then(|node| node.parent),
                None => return false,
            }
        }
        false
    }

    /// Where a run may start: the start node, triggers, data sources.
    pub fn entries(&self) -> impl Iterator<Item = &Raw<'a>> {
        self.children(None).filter(|raw| is_entry(raw.type_name()))
    }

    /// Edges inside one level; others (to notes, across levels, to nodes that are gone) mean nothing.
    pub fn is_live_edge(&self, source: &str, target: &str) -> bool {
        match (self.get(source), self.get(target)) {
            (Some(a), Some(b)) => a.parent == b.parent && source != target,
            _ => false,
        }
    }
}

fn is_entry(type_name: &str) -> bool {
    type_name == "start" || type_name == "datasource" || type_name.starts_with("trigger-")
}

/// Ids and types of the nodes where a run may start.
pub fn entries(graph: &Value) -> Result<Vec<(String, String)>, GraphError> {
    let raw = RawGraph::read(graph)?;
    Ok(raw.entries().map(|node| (node.id.to_owned(), node.type_name().to_owned())).collect())
}

/// Ids and data of the triggers of one type (`trigger-webhook`, …).
pub fn trigger_kinds<'a>(graph: &'a Value, type_name: &str) -> Result<Vec<(&'a str, &'a Value)>, GraphError> {
    let raw = RawGraph::read(graph)?;
    Ok(raw.nodes.iter().filter(|node| node.parent.is_none() && node.type_name() == type_name).map(|node| (node.id, node.data)).collect())
}

/// A node as it is named to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRef<'a> {
    pub id: &'a str,
    pub type_name: &'a str,
    pub title: &'a str,
    pub data: &'a Value,
    /// The container that it lies in.
    pub parent: Option<&'a str>,
}

/// Every node of a graph, whether it can be reached or not; notes left out.
pub fn nodes(graph: &Value) -> Result<Vec<NodeRef<'_>>, GraphError> {
    let raw = RawGraph::read(graph)?;
    let named = raw.nodes.iter().map(|raw| NodeRef {
        id: raw.id,
        type_name: raw.type_name(),
        title: raw.title(),
        data: raw.data,
        parent: raw.parent,
    });
    Ok(named.collect())
}

pub(super) fn build_one(graph: &Value, id: &str) -> Result<Arc<Flow>, GraphError> {
    let raw = RawGraph::read(graph)?;
    let member = raw.get(id).ok_or_else(|| GraphError::of_graph("graph.nodes", format!("there is no node {id}")))?;
    let node = Arc::new(node(&raw, member, 0)?);
    Ok(Arc::new(Flow { nodes: vec![node], edges: Vec::new(), incoming: vec![Vec::new()], outgoing: vec![Vec::new()], entry: 0 }))
}

pub(super) fn build(graph: &Value, entry: Option<&str>) -> Result<Arc<Flow>, GraphError> {
    let raw = RawGraph::read(graph)?;
    let entry = match entry {
        Some(id) => raw
            .entries()
            .find(|node| node.id == id)
            .ok_or_else(|| GraphError::of_graph("graph.nodes", format!("there is no start or trigger node {id}")))?,
        None => {
            let mut starts = raw.entries().filter(|node| node.type_name() == "start");
            let first = starts.next().or_else(|| raw.entries().next());
            let first = first.ok_or_else(|| GraphError::of_graph("graph.nodes", "there is no start node: add one"))?;
            if let Some(second) = starts.next() {
                return Err(GraphError::of_node(second, "type", "a workflow has one start node only: remove this one"));
            }
            first
        }
    };
    flow(&raw, None, entry.id, 0).map(Arc::new)
}

fn flow(raw: &RawGraph<'_>, parent: Option<&str>, entry: &str, depth: usize) -> Result<Flow, GraphError> {
    let mut after: HashMap<&str, Vec<&str>> = HashMap::new();
    for (source, _, target) in &raw.edges {
        if raw.is_live_edge(source, target) && raw.get(source).is_some_and(|node| node.parent == parent) {
            after.entry(source).or_default().push(target);
        }
    }
    // what can be reached, in the file's order
    let mut reached = HashSet::from([entry]);
    let mut open = vec![entry];
    while let Some(id) = open.pop() {
        for target in after.get(id).into_iter().flatten() {
            if reached.insert(target) {
                open.push(target);
            }
        }
    }
    let members: Vec<&Raw<'_>> = raw.nodes.iter().filter(|node| reached.contains(node.id)).collect();
    let index: HashMap<&str, usize> = members.iter().enumerate().map(|(i, node)| (node.id, i)).collect();

    let mut flow = Flow {
        nodes: Vec::with_capacity(members.len()),
        edges: Vec::new(),
        incoming: vec![Vec::new(); members.len()],
        outgoing: vec![Vec::new(); members.len()],
        entry: index.get(entry).copied().unwrap_or_default(),
    };
    for (source, handle, target) in &raw.edges {
        let (Some(&from), Some(&to)) = (index.get(source), index.get(target)) else { continue };
        if source == target {
            continue;
        }
        let edge = Edge { from, to, handle: (*handle).to_owned() };
        flow.incoming[to].push(flow.edges.len());
        flow.outgoing[from].push(flow.edges.len());
        flow.edges.push(edge);
    }
    if let Some(i) = on_a_circle(&flow) {
        return Err(GraphError::of_node(members[i], "edges", "the edges lead in a circle: use a loop node to repeat steps"));
    }
    for member in members {
        let node = node(raw, member, depth)?;
        flow.nodes.push(Arc::new(node));
    }
    Ok(flow)
}

fn node(raw: &RawGraph<'_>, member: &Raw<'_>, depth: usize) -> Result<Node, GraphError> {
    let kind = Kind::parse(member.type_name(), member.data).map_err(|error| GraphError::of_node(member, error.field, error.message))?;
    let inside = match kind.start_node_id() {
        Some(start) => Some(Arc::new(inside(raw, member, start, depth)?)),
        None => None,
    };
    let retry = if kind.can_retry() { retry(member.data) } else { None };
    let on_error = match member.data.get("error_strategy").and_then(Value::as_str) {
        Some("fail-branch") => OnError::FailBranch,
        Some("default-value") => {
            let defaults = default_outputs(member.data).map_err(|error| GraphError::of_node(member, error.field, error.message))?;
            OnError::Default(defaults)
        }
        _ => OnError::Fail,
    };
    Ok(Node {
        id: member.id.to_owned(),
        type_name: member.type_name().to_owned(),
        title: member.title().to_owned(),
        kind,
        on_error,
        retry,
        inside,
        data: Arc::new(member.data.clone()),
    })
}

fn inside(raw: &RawGraph<'_>, container: &Raw<'_>, start: &str, depth: usize) -> Result<Flow, GraphError> {
    if depth >= MAX_DEPTH {
        return Err(GraphError::of_node(
            container,
            "parentId",
            format!("iterations and loops lie more than {MAX_DEPTH} deep in each other"),
        ));
    }
    let children = || raw.children(Some(container.id));
    let found = children().find(|child| child.id == start).or_else(|| children().find(|child| child.is_inner_start()));
    let entry = found.ok_or_else(|| GraphError::of_node(container, "start_node_id", "the node inside to start with is missing"))?;
    flow(raw, Some(container.id), entry.id, depth + 1)
}

fn retry(data: &Value) -> Option<Retry> {
    let config = data.get("retry_config")?;
    let number = |key: &str| config.get(key).and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    if config.get("retry_enabled").and_then(Value::as_bool) != Some(true) {
        return None;
    }
    let max_retries = number("max_retries").unwrap_or(3).min(MAX_RETRIES);
    let interval_ms = number("retry_interval").unwrap_or(1000).min(MAX_RETRY_INTERVAL_MS);
    (max_retries > 0).then(|| Retry { max_retries: u32::try_from(max_retries).unwrap_or(u32::MAX), interval_ms })
}

/// A node of a circle, if there is one (Kahn's algorithm).
fn on_a_circle(flow: &Flow) -> Option<usize> {
    let mut open_edges: Vec<usize> = flow.incoming.iter().map(Vec::len).collect();
    let mut free: Vec<usize> = (0..open_edges.len()).filter(|i| open_edges[*i] == 0).collect();
    let mut n_done = 0;
    while let Some(i) = free.pop() {
        n_done += 1;
        for edge in &flow.outgoing[i] {
            let to = flow.edges[*edge].to;
            open_edges[to] -= 1;
            if open_edges[to] == 0 {
                free.push(to);
            }
        }
    }
    if n_done == open_edges.len() { None } else { (0..open_edges.len()).find(|i| open_edges[*i] > 0) }
}
