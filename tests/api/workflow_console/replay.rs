//! The draft run again from one of its nodes on.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{Studio, ended, given, outcome};
use crate::support::TestApp;
use crate::workflows::{answer, child, city, end, graph, node, start, template, whole};

/// start → a → b → end, and beside it start → i (an iteration over letters) → end.
fn config() -> Value {
    let iteration = json!({"type": "iteration", "title": "Each", "start_node_id": "i0", "iterator_selector": ["env", "letters"], "output_selector": ["it", "output"]});
    let nodes = vec![
        start(city()),
        node("a", template("A", "{{ c }}!", &[("c", "s.city")])),
        node("b", template("B", "<{{ a }}>", &[("a", "a.output")])),
        node("i", iteration),
        child("i0", "i", json!({"type": "iteration-start"})),
        child("it", "i", template("Item", "{{ x }}{{ x }}", &[("x", "i.item")])),
        end(&[("b", "b.output"), ("i", "i.output"), ("user", "sys.user_id")]),
    ];
    let mut config = graph(nodes, &["s>a", "a>b", "b>e", "s>i", "i0>it", "i>e"]);
    config["environment_variables"] = json!([{"name": "letters", "value_type": "array[string]", "value": ["x", "y"]}]);
    config
}

#[sqlx::test]
async fn a_run_begins_again_in_the_middle(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &config()).await;
    let first = studio.run(json!({"city": "Oslo"})).await;
    let run_id = first[0]["workflow_run_id"].as_str().unwrap();
    let (status, outputs) = outcome(&first);
    assert_eq!((status, &outputs["b"], &outputs["i"]), ("succeeded", &json!("<Oslo!>"), &json!(["xx", "yy"])));

    let replay = async |node: &str, overrides: Vec<Value>| {
        whole(studio.stream("/draft/run", json!({"from": {"run_id": run_id, "node_id": node}, "overrides": overrides})).await).await
    };
    let again = replay("b", vec![given("a.output", json!("Rome?"))]).await;
    assert_eq!(ended(&again), ["b", "e"]);
    let (status, outputs) = outcome(&again);
    assert_eq!((status, &outputs["b"], &outputs["i"]), ("succeeded", &json!("<Rome?>"), &json!(["xx", "yy"])));
    // the new run has all of its nodes
    let new_id = again[0]["workflow_run_id"].as_str().unwrap();
    assert_ne!(new_id, run_id);
    let nodes = studio.get(&format!("/runs/{new_id}/nodes")).await;
    let nodes = nodes["data"].as_array().unwrap();
    let kept: Vec<&str> =
        nodes.iter().filter(|n| n["metadata"]["kept_from_run_id"] == *run_id).map(|n| n["node_id"].as_str().unwrap()).collect();
    assert_eq!((nodes.len(), kept.len()), (7, 5), "{kept:?}");
    let a = nodes.iter().find(|n| n["node_id"] == "a").unwrap();
    assert_eq!(a["outputs"]["output"], "Rome?");
    assert_eq!(studio.get(&format!("/runs/{run_id}/nodes")).await["data"][1]["outputs"]["output"].as_str().map(str::len), Some(5));

    // a node inside of a container runs with it; the inputs are those of the earlier run
    let again = replay("it", Vec::new()).await;
    assert_eq!(ended(&again), ["it", "it", "i", "e"]);
    assert_eq!(outcome(&again).1["b"], "<Oslo!>");
    let again = replay("s", Vec::new()).await;
    assert_eq!((ended(&again).len(), &outcome(&again).1["b"]), (7, &json!("<Oslo!>")));

    // a changed draft goes on over what the old one gave
    let mut changed = config();
    changed["graph"]["nodes"][2]["data"]["template"] = json!("[{{ a }}]");
    let body = json!({"from": {"run_id": run_id, "node_id": "b"}, "config": changed});
    let again = whole(studio.stream("/draft/run", body).await).await;
    assert_eq!(outcome(&again).1["b"], "[Oslo!]");
}

#[sqlx::test]
async fn a_replay_that_means_nothing_is_refused(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &config()).await;
    let first = studio.run(json!({"city": "Oslo"})).await;
    let run_id = first[0]["workflow_run_id"].as_str().unwrap();
    let from = |node: &str| json!({"run_id": run_id, "node_id": node});
    let cases = [
        (json!({"from": from("x")}), "from.node_id"),
        (json!({"from": {"run_id": uuid::Uuid::now_v7(), "node_id": "b"}}), "from.run_id"),
        (json!({"from": from("b"), "inputs": {"city": "x"}}), "inputs"),
        (json!({"from": from("b"), "overrides": [given("b.output", json!("x"))]}), "overrides[0].selector"),
        (json!({"from": from("b"), "overrides": [given("a", json!("x"))]}), "overrides[0].selector"),
    ];
    for (body, param) in cases {
        let refused = studio.editor.post(&studio.path("/draft/run"), body.clone()).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], param, "{body}");
    }
    // another app's run is nobody's here
    let other = Studio::of(&app, "workflow", &config()).await;
    other.editor.post(&other.path("/draft/run"), json!({"from": from("b")})).await.refused(400, "invalid_param");
}

#[sqlx::test]
async fn a_chatflow_s_answer_is_made_again_in_its_conversation(db: PgPool) {
    let app = TestApp::start(db).await;
    let nodes = vec![
        start(city()),
        node("t", template("Say", "{{ q }} in {{ c }}", &[("q", "sys.query"), ("c", "s.city")])),
        node("u", template("Mark", "{{ t }}!", &[("t", "t.output")])),
        answer("a", "{{#u.output#}} ({{#sys.dialogue_count#}})"),
    ];
    let flow = Studio::of(&app, "advanced-chat", &graph(nodes, &["s>t", "t>u", "u>a"])).await;
    let first = whole(flow.stream("/preview", json!({"query": "rain", "inputs": {"city": "Oslo"}})).await).await;
    let text =
        |events: &[Value]| -> String { events.iter().filter(|e| e["event"] == "message").map(|e| e["answer"].as_str().unwrap()).collect() };
    assert_eq!(text(&first), "rain in Oslo! (1)");
    let run_id = first.iter().find_map(|e| e["workflow_run_id"].as_str()).unwrap();
    let body = json!({"from": {"run_id": run_id, "node_id": "u"}, "overrides": [given("t.output", json!("sun"))]});
    let again = whole(flow.stream("/preview", body).await).await;
    assert_eq!((text(&again).as_str(), ended(&again)), ("sun! (2)", vec!["u", "a"]));
    assert_eq!(again[0]["conversation_id"], first[0]["conversation_id"]);
    let body = json!({"from": {"run_id": run_id, "node_id": "t"}, "overrides": [given("sys.query", json!("fog"))]});
    assert_eq!(text(&whole(flow.stream("/preview", body).await).await), "fog in Oslo! (3)");
    flow.editor.post(&flow.path("/preview"), json!({"overrides": [given("t.output", json!("x"))]})).await.refused(400, "invalid_param");
}
