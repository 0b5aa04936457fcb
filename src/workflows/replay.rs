//! Running again from one node on: nodes that don't follow it keep what they gave in an earlier run, the node and everything
//! behind it runs again.

use serde_json::{Value, json};
use uuid::Uuid;

use super::event::{NodeRecord, NodeUsage};
use super::graph::Flow;
use super::vars::{SYSTEM, Selector, Vars};
use crate::error::{Error, Result};
use crate::ids::WorkflowRunId;

/// `metadata` of a node that did not run: the run that it was taken from.
const KEPT_FROM: &str = "kept_from_run_id";

/// A value in place of the one that the earlier run had.
#[derive(Debug, Clone)]
pub struct Override {
    pub selector: Selector,
    pub value: Value,
}

/// A run that begins in the middle.
#[derive(Debug, Default)]
pub struct Replay {
    /// Of the earlier run: what it was asked, and its nodes before `from`, as nodes of the new run.
    pub inputs: Vars,
    pub kept: Vec<NodeRecord>,
}

impl Replay {
    /// `records`: the finished nodes of the earlier run. A node inside of a container stands for the container.
    pub fn new(flow: &Flow, from: &str, (earlier, inputs, records): (WorkflowRunId, Vars, Vec<NodeRecord>)) -> Result<Self> {
        let at = flow.find_around(from).ok_or_else(|| {
            Error::invalid("from.node_id", format!("from.node_id: no node {from} can be reached from the start of this graph."))
        })?;
        let runs_again = flow.downstream(at);
        let stays = |record: &NodeRecord| flow.find(outermost(record)).is_some_and(|node| !runs_again[node]);
        let kept = records.into_iter().filter(stays).map(|mut record| {
            // it costs nothing again
            record.usage = NodeUsage::default();
            record.metadata.insert(KEPT_FROM.into(), json!(earlier));
            record
        });
        Ok(Self { inputs, kept: kept.collect() })
    }

    /// Puts other values in the place of what nodes gave, or of system variables.
    pub fn apply(&mut self, overrides: Vec<Override>) -> Result<()> {
        for (i, Override { selector, value }) in overrides.into_iter().enumerate() {
            let at = |what: String| Error::invalid(format!("overrides[{i}].selector"), format!("overrides[{i}].selector: {what}"));
            let [node, variable, keys @ ..] = selector.0.as_slice() else {
                return Err(at("must be a list of at least two names: a node's id and a variable.".into()));
            };
            let vars = match self.kept.iter_mut().find(|record| record.key == *node) {
                _ if node == SYSTEM => &mut self.inputs,
                Some(record) => std::sync::Arc::make_mut(&mut record.outputs),
                None => {
                    return Err(at(format!("node {node} runs again or did not run before: only what stays can be replaced.")));
                }
            };
            let name = if node == SYSTEM { format!("{SYSTEM}.{variable}") } else { variable.clone() };
            let place = vars.entry(name).or_insert(Value::Null);
            set(place, keys, value).map_err(|key| at(format!("{selector} can't be set: there is no object around '{key}'.")))?;
        }
        Ok(())
    }

    /// Makes the kept nodes those of `run_id`.
    pub fn records_of(self, run_id: WorkflowRunId) -> Vec<NodeRecord> {
        let own = |mut record: NodeRecord| {
            record.start.execution_id = Uuid::new_v5(&run_id.0, record.key.as_bytes());
            record
        };
        self.kept.into_iter().map(own).collect()
    }
}

/// Whether a run took this over from an earlier one.
pub fn is_kept(record: &NodeRecord) -> bool {
    record.metadata.contains_key(KEPT_FROM)
}

/// The node of the top level that a record is of, or lies inside of.
fn outermost(record: &NodeRecord) -> &str {
    let rounds = std::iter::successors(record.start.round.as_ref(), |round| round.outer.as_deref());
    rounds.last().map_or(&record.start.node_id, |round| &round.container_id)
}

/// Sets what lies under `keys`; gives the key that has no object around it.
pub fn set<'a>(place: &mut Value, keys: &'a [String], value: Value) -> Result<(), &'a str> {
    let Some((key, rest)) = keys.split_first() else {
        *place = value;
        return Ok(());
    };
    if place.is_null() {
        *place = json!({});
    }
    let Some(map) = place.as_object_mut() else { return Err(key) };
    set(map.entry(key.clone()).or_insert(Value::Null), rest, value)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::workflows::event::{Container, NodeStart, NodeStatus, Round};

    /// s → a → (b | c) → d, with an iteration i behind s that holds t.
    fn flow() -> Arc<Flow> {
        let node = |id: &str, data: Value| json!({"id": id, "data": data});
        let plain = || json!({"type": "template-transform", "template": ""});
        let edge = |text: &str| text.split_once('>').map(|(a, b)| json!({"source": a, "target": b})).unwrap();
        let edges = ["s>a", "a>b", "a>c", "b>d", "c>d", "s>i", "i0>t"].map(edge);
        let graph = json!({
            "nodes": [
                node("s", json!({"type": "start"})), node("a", plain()), node("b", plain()), node("c", plain()), node("d", plain()),
                node("i", json!({"type": "iteration", "start_node_id": "i0"})),
                {"id": "i0", "parentId": "i", "data": {"type": "iteration-start"}}, {"id": "t", "parentId": "i", "data": plain()},
            ],
            "edges": edges,
        });
        Flow::build(&graph, None).unwrap()
    }

    fn record(key: &str, node_id: &str, inside: Option<&str>) -> NodeRecord {
        let round = inside.map(|id| Round { container: Container::Iteration, container_id: id.into(), index: 0, outer: None });
        NodeRecord {
            start: NodeStart {
                execution_id: Uuid::nil(),
                node_id: node_id.into(),
                node_type: "template-transform".into(),
                title: String::new(),
                index: 1,
                predecessor_node_id: None,
                round,
                started_at: 0.0,
            },
            key: key.into(),
            status: NodeStatus::Succeeded,
            inputs: Vars::new(),
            process_data: Vars::new(),
            outputs: Arc::new(Vars::from_iter([("output".to_owned(), json!({"n": 1}))])),
            handle: None,
            writes: Vec::new(),
            response: Vars::new(),
            error: None,
            retries: Vec::new(),
            usage: NodeUsage { total_tokens: 5, ..NodeUsage::default() },
            metadata: Vars::new(),
            elapsed_s: 0.0,
            finished_at: 0.0,
        }
    }

    fn replay(from: &str) -> Result<Replay> {
        let records = ["s", "a", "b", "c", "d", "i"].map(|id| record(id, id, None)).into_iter().chain([record("i[0]/t", "t", Some("i"))]);
        Replay::new(&flow(), from, (WorkflowRunId::new(), Vars::new(), records.collect()))
    }

    #[test]
    fn what_does_not_follow_stays() {
        let kept = |from: &str| replay(from).unwrap().kept.into_iter().map(|record| record.key).collect::<Vec<_>>();
        assert_eq!(kept("b"), ["s", "a", "c", "i", "i[0]/t"]);
        assert_eq!(kept("s"), [""; 0]);
        // a node inside runs with its container
        assert_eq!(kept("t"), ["s", "a", "b", "c", "d"]);
        assert_eq!(replay("x").unwrap_err().param.as_deref(), Some("from.node_id"));
        let replay = replay("d").unwrap();
        assert!(replay.kept.iter().all(|record| record.usage.total_tokens == 0 && is_kept(record)));
        let run_id = WorkflowRunId::new();
        assert_eq!(replay.records_of(run_id)[1].start.execution_id, Uuid::new_v5(&run_id.0, b"a"));
    }

    #[test]
    fn values_are_put_in_the_place_of_others() {
        let mut replay = replay("d").unwrap();
        let with = |path: &str, value: Value| Override { selector: Selector(path.split('.').map(str::to_owned).collect()), value };
        replay.apply(vec![with("a.output.n", json!(2)), with("a.new", json!("x")), with("sys.query", json!("q"))]).unwrap();
        let a = replay.kept.iter().find(|record| record.key == "a").unwrap();
        assert_eq!(Value::Object((*a.outputs).clone()), json!({"output": {"n": 2}, "new": "x"}));
        assert_eq!(replay.inputs["sys.query"], "q");
        for (path, why) in [("d.output", "runs again"), ("a", "at least two names"), ("a.output.n.x", "no object around 'x'")] {
            let error = replay.apply(vec![with(path, json!(1))]).unwrap_err();
            assert!(error.message.contains(why) && error.param.as_deref() == Some("overrides[0].selector"), "{path}: {}", error.message);
        }
    }
}
