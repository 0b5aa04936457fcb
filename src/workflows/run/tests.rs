//! The runtime over small graphs, with a host that counts commits and can fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Limits, Run, RunOutcome, View};
use crate::workflows::event::{NodeRecord, NodeStatus, RunEnd, RunEvent, RunStatus, StartReason};
use crate::workflows::graph::Flow;
use crate::workflows::host::Host;
use crate::workflows::nodes::NodeError;
use crate::workflows::vars::Pool;

/// Keeps the records in order; fails from a number of commits on, as a process that dies does.
#[derive(Default)]
struct Kept {
    records: Mutex<Vec<NodeRecord>>,
    fails_after: Option<usize>,
}

#[async_trait]
impl Host for Kept {
    async fn commit(&self, record: &NodeRecord) -> Result<(), NodeError> {
        let mut records = self.records.lock().unwrap();
        if self.fails_after.is_some_and(|n| records.len() >= n) {
            return Err(NodeError::internal("the process is gone"));
        }
        records.push(record.clone());
        Ok(())
    }
}

fn node(id: &str, data: Value) -> Value {
    json!({"id": id, "type": "custom", "data": data})
}

fn child(id: &str, parent: &str, data: Value) -> Value {
    json!({"id": id, "type": "custom", "parentId": parent, "data": data})
}

fn edges(list: &[&str]) -> Vec<Value> {
    let edge = |text: &&str| {
        let (source, target) = text.split_once('>').unwrap();
        let (source, handle) = source.split_once(':').unwrap_or((source, "source"));
        json!({"source": source, "sourceHandle": handle, "target": target})
    };
    list.iter().map(edge).collect()
}

fn template(text: &str, variables: &[(&str, &str)]) -> Value {
    let variables: Vec<Value> = variables
        .iter()
        .map(|(name, selector)| json!({"variable": name, "value_selector": selector.split('.').collect::<Vec<_>>()}))
        .collect();
    json!({"type": "template-transform", "template": text, "variables": variables})
}

fn end(outputs: &[(&str, &str)]) -> Value {
    let outputs: Vec<Value> = outputs
        .iter()
        .map(|(name, selector)| json!({"variable": name, "value_selector": selector.split('.').collect::<Vec<_>>()}))
        .collect();
    json!({"type": "end", "outputs": outputs})
}

fn start() -> Value {
    node("s", json!({"type": "start", "title": "Start", "variables": [{"variable": "q"}]}))
}

/// Iterates over `s.list` and gives `<item>` for each item; an item 0 fails.
fn iteration(extra: Value) -> Vec<Value> {
    let mut data =
        json!({"type": "iteration", "start_node_id": "istart", "iterator_selector": ["s", "list"], "output_selector": ["t", "output"]});
    data.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    vec![
        start(),
        node("i", data),
        child("istart", "i", json!({"type": "iteration-start"})),
        child("t", "i", template("<{{ 6 // x }}>", &[("x", "i.item")])),
        node("e", end(&[("out", "i.output")])),
    ]
}

const ITERATION_EDGES: &[&str] = &["s>i", "i>e", "istart>t"];

struct Ran {
    outcome: RunOutcome,
    events: Vec<RunEvent>,
}

impl Ran {
    fn end(&self) -> &RunEnd {
        match &self.outcome {
            RunOutcome::Ended(end) => end,
            paused => panic!("{paused:?}"),
        }
    }

    /// One word an event.
    fn story(&self) -> Vec<String> {
        self.events.iter().map(word).collect()
    }
}

fn word(event: &RunEvent) -> String {
    match event {
        RunEvent::Started { .. } => "run".into(),
        RunEvent::NodeStarted(start) => format!("+{}", start.node_id),
        RunEvent::NodeFinished(record) if record.status == NodeStatus::Succeeded => format!("-{}", record.start.node_id),
        RunEvent::NodeFinished(record) => format!("-{} {}", record.start.node_id, record.status.as_str()),
        RunEvent::NodeRetry { record, retry_index } => format!("~{}{retry_index}", record.start.node_id),
        RunEvent::ContainerStarted { start, length, .. } => format!("+{}({length})", start.node_id),
        RunEvent::ContainerNext { start, index, .. } => format!("{}[{index}]", start.node_id),
        RunEvent::ContainerFinished { record, steps } => format!("-{}({steps}) {}", record.start.node_id, record.status.as_str()),
        RunEvent::Text { text, .. } => format!("'{text}'"),
        RunEvent::Finished(end) => end.status.as_str().into(),
        other => format!("{other:?}"),
    }
}

async fn run_with(nodes: Vec<Value>, edge_list: &[&str], inputs: Value, host: Arc<Kept>, finished: Vec<NodeRecord>) -> Ran {
    let flow = Flow::build(&json!({"nodes": nodes, "edges": edges(edge_list)}), None).unwrap();
    let mut pool = Pool::default();
    for (name, value) in inputs.as_object().unwrap() {
        pool.set("s", name, value.clone());
    }
    run_flow(flow, pool, host, finished.into_iter().map(|record| (record.key.clone(), Arc::new(record))).collect()).await
}

async fn run_flow(flow: Arc<Flow>, pool: Pool, host: Arc<Kept>, finished: HashMap<String, Arc<NodeRecord>>) -> Ran {
    let (events, mut received) = mpsc::unbounded_channel();
    let run = Run {
        run_id: Uuid::nil(),
        flow,
        pool,
        limits: Limits::default(),
        host,
        finished,
        reason: StartReason::Initial,
        stop: CancellationToken::new(),
        view: View::default(),
    };
    let outcome = run.execute(events).await;
    let mut events = Vec::new();
    while let Ok(event) = received.try_recv() {
        events.push(event);
    }
    Ran { outcome, events }
}

async fn run(nodes: Vec<Value>, edge_list: &[&str], inputs: Value) -> Ran {
    run_with(nodes, edge_list, inputs, Arc::default(), Vec::new()).await
}

#[tokio::test]
async fn a_chain_runs_in_order_and_streams_its_output() {
    let nodes = vec![start(), node("t", template("Hello {{ q }}", &[("q", "s.q")])), node("e", end(&[("out", "t.output"), ("q", "s.q")]))];
    let ran = run(nodes, &["s>t", "t>e"], json!({"q": "you"})).await;
    assert_eq!(ran.story(), ["run", "+s", "-s", "+t", "'Hello you'", "'\n'", "'you'", "-t", "+e", "-e", "succeeded"]);
    assert_eq!(json!(ran.end().outputs), json!({"out": "Hello you", "q": "you"}));
    assert_eq!(ran.end().summary.total_steps, 3);
}

#[tokio::test]
async fn a_join_waits_for_all_its_branches() {
    let nodes = vec![
        start(),
        node("a", template("a", &[])),
        node("b", template("b", &[])),
        node("j", template("{{ a }}{{ b }}", &[("a", "a.output"), ("b", "b.output")])),
        node("e", end(&[("out", "j.output")])),
    ];
    let ran = run(nodes, &["s>a", "s>b", "a>j", "b>j", "j>e"], json!({})).await;
    assert_eq!(ran.end().outputs["out"], "ab");
    assert_eq!(ran.story().iter().filter(|word| *word == "+j").count(), 1);
}

#[tokio::test]
async fn a_failure_ends_the_run_and_names_its_node() {
    let nodes = vec![start(), node("t", template("{{ 1 // 0 }}", &[])), node("e", end(&[]))];
    let ran = run(nodes, &["s>t", "t>e"], json!({})).await;
    assert_eq!(ran.story(), ["run", "+s", "-s", "+t", "-t failed", "failed"]);
    assert!(ran.end().error.is_some());
}

#[tokio::test]
async fn error_strategies_take_over() {
    let fail_branch = |strategy: Value| {
        let mut data = template("{{ 1 // 0 }}", &[]);
        data.as_object_mut().unwrap().extend(strategy.as_object().unwrap().clone());
        vec![
            start(),
            node("t", data),
            node("ok", end(&[("out", "t.output")])),
            node("bad", end(&[("kind", "t.error_type"), ("out", "t.output")])),
        ]
    };
    let edges = &["s>t", "t>ok", "t:fail-branch>bad"];
    let ran = run(fail_branch(json!({"error_strategy": "fail-branch"})), edges, json!({})).await;
    assert_eq!(ran.end().status, RunStatus::PartialSucceeded);
    assert_eq!(json!(ran.end().outputs), json!({"kind": "TemplateTransformNodeError", "out": null}));
    assert_eq!(ran.end().summary.exceptions_count, 1);

    let defaults = json!({"error_strategy": "default-value", "default_value": [{"key": "output", "type": "string", "value": "d"}]});
    let ran = run(fail_branch(defaults), &["s>t", "t>ok"], json!({})).await;
    assert_eq!(ran.end().outputs["out"], "d");
    assert!(ran.story().contains(&"-t exception".to_owned()));
}

#[tokio::test]
async fn rounds_of_an_iteration_run_in_order_and_keep_it() {
    let ran = run(iteration(json!({})), ITERATION_EDGES, json!({"list": [1, 2, 3]})).await;
    assert_eq!(
        ran.story(),
        [
            "run",
            "+s",
            "-s",
            "+i(3)",
            "i[0]",
            "+t",
            "-t",
            "i[1]",
            "+t",
            "-t",
            "i[2]",
            "+t",
            "-t",
            "-i(3) succeeded",
            "'- <6>\n- <3>\n- <2>'",
            "+e",
            "-e",
            "succeeded"
        ]
    );
    assert_eq!(ran.end().outputs["out"], json!(["<6>", "<3>", "<2>"]));
    let parallel = run(iteration(json!({"is_parallel": true, "parallel_nums": 2})), ITERATION_EDGES, json!({"list": [1, 2, 3]})).await;
    assert_eq!(parallel.end().outputs["out"], json!(["<6>", "<3>", "<2>"]));
    let empty = run(iteration(json!({})), ITERATION_EDGES, json!({"list": []})).await;
    assert_eq!(empty.end().outputs["out"], json!([]));
    let no_list = run(iteration(json!({})), ITERATION_EDGES, json!({"list": "x"})).await;
    assert_eq!(no_list.end().error.as_deref(), Some("iterator_selector: s.list is not a list."));
}

#[tokio::test]
async fn failed_rounds_do_what_the_iteration_says() {
    let cases = [
        ("terminated", None),
        ("continue-on-error", Some(json!(["<6>", null, "<2>"]))),
        ("remove-abnormal-output", Some(json!(["<6>", "<2>"]))),
    ];
    for (mode, expected) in cases {
        let ran = run(iteration(json!({"error_handle_mode": mode})), ITERATION_EDGES, json!({"list": [1, 0, 3]})).await;
        match expected {
            Some(outputs) => assert_eq!(ran.end().outputs["out"], outputs, "{mode}"),
            None => assert_eq!(ran.end().status, RunStatus::Failed, "{mode}"),
        }
    }
}

#[tokio::test]
async fn a_loop_counts_its_rounds() {
    let nodes = vec![
        start(),
        node(
            "l",
            json!({"type": "loop", "start_node_id": "lstart", "loop_count": 3,
                   "loop_variables": [{"label": "n", "var_type": "number", "value_type": "constant", "value": "5"}]}),
        ),
        child("lstart", "l", json!({"type": "loop-start"})),
        child("t", "l", template("{{ n }}", &[("n", "l.n")])),
        node("e", end(&[("n", "l.n"), ("rounds", "l.loop_round"), ("inner", "t.output")])),
    ];
    let ran = run(nodes, &["s>l", "lstart>t", "l>e"], json!({})).await;
    assert_eq!(json!(ran.end().outputs), json!({"n": 5, "rounds": 3, "inner": null}));
    let story = ran.story();
    assert_eq!(story.iter().filter(|word| word.starts_with("l[")).collect::<Vec<_>>(), ["l[1]", "l[2]"]);
}

#[tokio::test]
async fn a_run_goes_on_where_its_process_died() {
    let nodes = || iteration(json!({}));
    let inputs = json!({"list": [1, 2, 3]});
    let whole = run(nodes(), ITERATION_EDGES, inputs.clone()).await;
    let n_commits = 6;
    for died_after in 0..n_commits {
        let first = Arc::new(Kept { fails_after: Some(died_after), ..Kept::default() });
        run_with(nodes(), ITERATION_EDGES, inputs.clone(), Arc::clone(&first), Vec::new()).await;
        let kept = first.records.lock().unwrap().clone();
        assert_eq!(kept.len(), died_after);
        let second = Arc::new(Kept::default());
        let resumed = run_with(nodes(), ITERATION_EDGES, inputs.clone(), Arc::clone(&second), kept.clone()).await;
        assert_eq!(resumed.end().outputs, whole.end().outputs);
        assert_eq!(resumed.end().summary.total_steps, whole.end().summary.total_steps);
        // nothing that finished ran again
        let ids = |records: &[NodeRecord]| records.iter().map(|r| r.start.execution_id).collect::<Vec<_>>();
        let again = ids(&second.records.lock().unwrap());
        assert!(ids(&kept).iter().all(|id| !again.contains(id)));
        assert_eq!(kept.len() + again.len(), n_commits);
    }
}

#[tokio::test]
async fn steps_and_stopping_are_limits() {
    let flow = |nodes: Vec<Value>, list: &[&str]| Flow::build(&json!({"nodes": nodes, "edges": edges(list)}), None).unwrap();
    let mut pool = Pool::default();
    pool.set("s", "list", json!(vec![1; 50]));
    let run = |flow, limits, stop| Run {
        run_id: Uuid::nil(),
        flow,
        pool: pool.clone(),
        limits,
        host: Arc::new(Kept::default()) as Arc<dyn Host>,
        finished: HashMap::new(),
        reason: StartReason::Initial,
        stop,
        view: View::default(),
    };
    let (events, _received) = mpsc::unbounded_channel();
    let few = Limits { max_steps: 10, ..Limits::default() };
    let RunOutcome::Ended(end) =
        run(flow(iteration(json!({})), ITERATION_EDGES), few, CancellationToken::new()).execute(events.clone()).await
    else {
        panic!("paused")
    };
    assert_eq!(end.status, RunStatus::Failed);
    assert!(end.error.as_deref().is_some_and(|e| e.contains("10 steps")), "{end:?}");

    let stop = CancellationToken::new();
    stop.cancel();
    let stopped = run(flow(iteration(json!({})), ITERATION_EDGES), Limits::default(), stop).execute(events).await;
    let RunOutcome::Ended(end) = stopped else { panic!("paused") };
    assert_eq!(end.status, RunStatus::Stopped);
}

#[test]
fn circles_and_missing_parts_are_errors_that_name_them() {
    let build = |nodes: Vec<Value>, list: &[&str]| Flow::build(&json!({"nodes": nodes, "edges": edges(list)}), None).map(|_| ());
    let message = |nodes, list| build(nodes, list).unwrap_err().to_string();
    let t = || node("t", template("", &[]));
    let u = || node("u", template("", &[]));
    assert!(message(vec![start(), t(), u()], &["s>t", "t>u", "u>t"]).contains("circle"));
    assert_eq!(message(vec![t()], &[]), "graph.nodes: there is no start node: add one");
    assert_eq!(
        message(vec![start(), node("x", json!({"type": "warp", "title": "W"}))], &["s>x"]),
        "Node 'W' (x), type: nodes of type 'warp' can't run here: this server does not know them: replace the node"
    );
    assert!(
        message(vec![start(), node("l", json!({"type": "loop", "loop_count": 1000}))], &["s>l"]).contains("loop_count: must be between")
    );
    assert!(message(vec![start(), node("l", json!({"type": "loop", "loop_count": 3}))], &["s>l"]).contains("start_node_id"));
    // nothing leads there
    assert_eq!(build(vec![start(), node("x", json!({"type": "warp"}))], &[]), Ok(()));
}

/// What graphon, the engine behind Dify, makes of the same graphs (`tools/goldens/workflows.py`): the same outputs, the same
/// texts, the same order of events. Texts are compared as a whole: graphon's place in the order is its reader's.
#[tokio::test]
async fn graphs_run_as_in_the_reference() {
    #[derive(serde::Deserialize)]
    struct Golden {
        name: String,
        graph: Value,
        inputs: Value,
        conversation: Value,
        story: Vec<String>,
        outputs: Option<serde_json::Map<String, Value>>,
        status: String,
    }
    let goldens: Vec<Golden> = serde_json::from_str(include_str!("../../../tests/goldens/workflows/graphs.json")).unwrap();
    assert!(goldens.len() >= 20);
    for golden in goldens {
        let mut pool = Pool::default();
        for (name, value) in golden.inputs.as_object().unwrap() {
            pool.set("start", name, value.clone());
        }
        for (name, value) in golden.conversation.as_object().unwrap() {
            pool.set("conversation", name, value.clone());
        }
        let flow = Flow::build(&golden.graph, None).unwrap();
        let ran = run_flow(flow, pool, Arc::default(), HashMap::new()).await;
        let split = |words: Vec<String>| -> (Vec<String>, String) {
            let (texts, others): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.starts_with('\''));
            (others, texts.iter().map(|text| &text[1..text.len() - 1]).collect())
        };
        // the number of rounds is told by both, elsewhere
        let story = ran.story().into_iter().map(|word| match (word.strip_prefix('-'), word.split_once('(')) {
            (Some(_), Some((id, rest))) => format!("{id}{}", rest.split_once(')').unwrap().1),
            _ => word,
        });
        let (mut words, text) = split(story.collect());
        assert_eq!((words.remove(0), words.pop()), ("run".into(), Some(golden.status.clone())), "{}", golden.name);
        let (expected_words, expected_text) = split(golden.story);
        assert_eq!((words, text), (expected_words, expected_text), "{}", golden.name);
        if let Some(mut outputs) = golden.outputs {
            // an object of graphon's own
            outputs.remove("files");
            let mut own = ran.end().outputs.clone();
            own.remove("files");
            assert_eq!(own, outputs, "{}", golden.name);
        }
    }
}
