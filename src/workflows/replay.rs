//! Running again from one node on: nodes that don't follow it keep what they gave in an earlier run, the node and everything
//! behind it runs again.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::runs::{self, Row};
use super::event::{NodeRecord, NodeUsage};
use super::given::{GivenVariable, with_files};
use super::graph::Flow;
use super::job;
use super::vars::{SYSTEM, Selector, Vars};
use super::version::Version;
use crate::error::{Error, Result};
use crate::files::Scope;
use crate::ids::WorkflowRunId;
use crate::state::AppState;

/// `metadata` of a node that did not run: the run that it was taken from.
const KEPT_FROM: &str = "kept_from_run_id";

/// System variables that are a run's own, whatever it was taken from.
const OWN: [&str; 7] = ["user_id", "app_id", "workflow_id", "workflow_run_id", "timestamp", "conversation_id", "dialogue_count"];

/// Where a run begins in the middle of an earlier one.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct ReplayFrom {
    pub run_id: WorkflowRunId,
    /// It and everything behind it runs again
    pub node_id: String,
}

/// A value in place of the one that the earlier run had.
#[derive(Debug, Clone)]
pub struct Override {
    pub selector: Selector,
    pub value: Value,
}

/// A run that begins in the middle.
#[derive(Debug, Default)]
pub struct Replay {
    /// What the earlier run was asked.
    inputs: Vars,
    /// System variables that were replaced.
    replaced: HashSet<String>,
    /// Nodes before `from`.
    kept: Vec<NodeRecord>,
}

impl Replay {
    /// Of a run of the app in `scope`, whose row comes along.
    pub async fn load(
        state: &AppState,
        scope: &Scope,
        version: &Version,
        from: &ReplayFrom,
        overrides: Vec<GivenVariable>,
    ) -> Result<(Row, Self)> {
        let earlier = runs::find(&state.db, scope.workspace_id, scope.app_id, from.run_id).await?;
        let missing = || Error::invalid("from.run_id", format!("from.run_id: the app has no run {}.", from.run_id));
        let earlier = earlier.ok_or_else(missing)?;
        let flow = version.flow(earlier.entry_node_id.as_deref())?;
        let records = job::finished_records(state, scope.workspace_id, earlier.id).await?;
        let mut replay = Self::new(&flow, &from.node_id, (earlier.id, earlier.begun().inputs, records))?;
        let mut given = Vec::new();
        for (i, GivenVariable { selector, value }) in overrides.into_iter().enumerate() {
            let value = with_files(state, scope, value, &format!("overrides[{i}].value")).await?;
            given.push(Override { selector, value });
        }
        replay.apply(given)?;
        Ok((earlier, replay))
    }

    /// `records`: the finished nodes of the earlier run. A node inside of a container stands for the container.
    fn new(flow: &Flow, from: &str, (earlier, inputs, records): (WorkflowRunId, Vars, Vec<NodeRecord>)) -> Result<Self> {
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
        Ok(Self { inputs, replaced: HashSet::new(), kept: kept.collect() })
    }

    /// Puts other values in the place of what nodes gave, or of system variables.
    fn apply(&mut self, overrides: Vec<Override>) -> Result<()> {
        for (i, Override { selector, value }) in overrides.into_iter().enumerate() {
            let at = |what: String| Error::invalid(format!("overrides[{i}].selector"), format!("overrides[{i}].selector: {what}"));
            let [node, variable, keys @ ..] = selector.0.as_slice() else {
                return Err(at("must be a list of at least two names: a node's id and a variable.".into()));
            };
            let vars = match self.kept.iter_mut().find(|record| record.key == *node) {
                _ if node == SYSTEM => {
                    self.replaced.insert(variable.clone());
                    &mut self.inputs
                }
                Some(record) => Arc::make_mut(&mut record.outputs),
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

    /// What the new run is asked; `fresh` are inputs that were made for it.
    pub fn inputs(&self, fresh: &Vars) -> Vars {
        let mut inputs = self.inputs.clone();
        for name in OWN.into_iter().filter(|name| !self.replaced.contains(*name)) {
            let name = format!("{SYSTEM}.{name}");
            match fresh.get(&name) {
                Some(value) => inputs.insert(name, value.clone()),
                None => inputs.shift_remove(&name),
            };
        }
        inputs
    }

    /// Of those, the values of the form.
    pub fn form(&self) -> Vars {
        let prefix = format!("{SYSTEM}.");
        self.inputs.iter().filter(|(name, _)| !name.starts_with(&prefix)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A system variable of the earlier run, or what stands in its place.
    pub fn system(&self, name: &str) -> Option<&Value> {
        self.inputs.get(&format!("{SYSTEM}.{name}"))
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
        let fresh = Vars::from_iter([("sys.user_id", "new"), ("sys.query", "")].map(|(name, value)| (name.to_owned(), json!(value))));
        assert_eq!(Value::Object(replay.inputs(&fresh)), json!({"sys.query": "q", "sys.user_id": "new"}));
        replay.apply(vec![with("sys.user_id", json!("u"))]).unwrap();
        assert_eq!(replay.inputs(&fresh)["sys.user_id"], "u");
        for (path, why) in [("d.output", "runs again"), ("a", "at least two names"), ("a.output.n.x", "no object around 'x'")] {
            let error = replay.apply(vec![with(path, json!(1))]).unwrap_err();
            assert!(error.message.contains(why) && error.param.as_deref() == Some("overrides[0].selector"), "{path}: {}", error.message);
        }
    }
}
