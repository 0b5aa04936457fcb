//! Nodes of the draft tried alone.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{Studio, ended, given};
use crate::scripted::{PROVIDER, Provider};
use crate::support::{Role, TestApp};
use crate::workflows::{asking, child, city, end, graph, greeting, long, names, node, start, until, whole};

fn told(list: &Value) -> Vec<String> {
    let one = |v: &Value| {
        let selector: Vec<&str> = v["selector"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
        format!("{} ({}) {}", selector.join("."), v["type"].as_str().unwrap_or("?"), v["value"])
    };
    list["data"].as_array().unwrap().iter().map(one).collect()
}

#[sqlx::test]
async fn a_node_says_what_it_needs_and_runs_alone(db: PgPool) {
    let app = TestApp::start(db).await;
    let mut config = greeting();
    config["environment_variables"] = json!([{"name": "key", "value_type": "secret", "value": "hunter22"}]);
    config["graph"]["nodes"][1]["data"]["variables"] = json!([
        {"variable": "c", "value_selector": ["s", "city"]}, {"variable": "k", "value_selector": ["env", "key"]},
        {"variable": "f", "value_selector": ["sys", "files"]}]);
    let studio = Studio::of(&app, "workflow", &config).await;
    let needed = studio.get("/draft/nodes/t/variables").await;
    assert_eq!(told(&needed), ["s.city (string) null", r#"env.key (secret) "********""#, "sys.files (array[file]) []"]);
    let city = &needed["data"][0];
    assert_eq!(
        (&city["title"], &city["is_known"], &city["field"]),
        (&json!("Start"), &json!(false), &json!("variables[0].value_selector"))
    );

    let tried = studio.try_node("t", json!({"variables": [given("s.city", json!("Oslo"))]})).await;
    assert_eq!((&tried["status"], &tried["node_run"]["outputs"]), (&json!("succeeded"), &json!({"output": "Hello Oslo"})));
    assert_eq!(tried["node_run"]["inputs"], json!({"c": "Oslo", "k": "********", "f": []}));
    let last = studio.get("/draft/nodes/t/last-run").await;
    assert_eq!((&last["id"], &last["outputs"], &last["run_id"]), (&tried["node_run"]["id"], &tried["node_run"]["outputs"], &Value::Null));
    // recorded as a run nowhere
    assert_eq!(studio.get("/runs").await["data"], json!([]));

    // what follows reads it
    let needed = studio.get("/draft/nodes/e/variables").await;
    assert_eq!(told(&needed), [r#"t.output (string) "Hello Oslo""#]);
    let tried = studio.try_node("e", json!({})).await;
    assert_eq!(tried["node_run"]["outputs"], json!({"text": "Hello Oslo"}));

    // each member has values of their own
    let owner = app.client(Role::Owner);
    assert_eq!(told(&owner.get(&studio.path("/draft/nodes/e/variables")).await.ok()), ["t.output (string) null"]);
    owner.get(&studio.path("/draft/nodes/t/last-run")).await.refused(404, "not_found");

    // a start node is its form
    assert_eq!(told(&studio.get("/draft/nodes/s/variables").await), ["s.city (string) null"]);
    let path = studio.path("/draft/nodes/s/run");
    assert_eq!(studio.editor.post(&path, json!({})).await.refused(400, "invalid_param")["error"]["param"], "inputs.city");
    let tried = studio.try_node("s", json!({"variables": [given("s.city", json!("Rome"))]})).await;
    assert_eq!(tried["node_run"]["outputs"]["city"], "Rome");
    assert_eq!(studio.try_node("s", json!({})).await["node_run"]["outputs"]["city"], "Rome");
    assert_eq!(studio.try_node("t", json!({})).await["node_run"]["outputs"]["output"], "Hello Rome");
}

#[sqlx::test]
async fn values_that_do_not_fit_are_refused(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &greeting()).await;
    let path = |node: &str| studio.path(&format!("/draft/nodes/{node}/run"));
    let cases = [
        (given("s.city", json!(1)), "variables[0].value", "s.city is of type string, not number."),
        (given("s", json!(1)), "variables[0].selector", "must be a list of at least two names"),
        (given("s.city.x.y", json!(1)), "", ""),
    ];
    for (variable, param, part) in cases {
        let reply = studio.editor.post(&path("t"), json!({"variables": [variable], "response_mode": "blocking"})).await;
        if param.is_empty() {
            // a variable that is not there becomes what is given
            assert_eq!(reply.ok()["node_run"]["inputs"]["c"], json!({"x": {"y": 1}}));
            continue;
        }
        let refused = reply.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], param);
        assert!(refused["error"]["message"].as_str().unwrap().contains(part), "{refused}");
    }
    studio.editor.post(&path("gone"), json!({})).await.refused(404, "not_found");
    studio.editor.get(&studio.path("/draft/nodes/gone/variables")).await.refused(404, "not_found");
    let mut broken = greeting();
    broken["graph"]["nodes"][1]["data"] = json!({"type": "code", "title": "Bad", "code_language": "cobol"});
    let refused = studio.editor.post(&path("t"), json!({"config": broken})).await.refused(400, "invalid_workflow");
    assert_eq!(refused["error"]["details"]["issues"][0]["field"], "code_language");
    // a node that fails has a last run too
    let mut failing = greeting();
    failing["graph"]["nodes"][1]["data"]["template"] = json!("{% if %}");
    let tried = studio.try_node("t", json!({"config": failing})).await;
    assert_eq!((&tried["status"], &tried["node_run"]["error_type"]), (&json!("failed"), &json!("TemplateTransformNodeError")));
    assert_eq!(studio.get("/draft/nodes/t/last-run").await["status"], "failed");
}

#[sqlx::test]
async fn containers_run_what_lies_inside(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &long(2)).await;
    let events = whole(studio.stream("/draft/nodes/i/run", json!({})).await).await;
    assert_eq!(ended(&events), ["it", "it", "i"]);
    assert_eq!(names(&events)[0], "iteration_started");
    assert_eq!(names(&events).last(), Some(&"iteration_completed"), "a step has no run around it");
    assert_eq!(studio.get("/draft/nodes/i/last-run").await["outputs"]["output"], json!(["<0>", "<1>"]));
    // and one of those inside by itself
    assert_eq!(told(&studio.get("/draft/nodes/it/variables").await), ["i.item (?) null"]);
    let tried = studio.try_node("it", json!({"variables": [given("i.item", json!("x"))]})).await;
    assert_eq!(tried["node_run"]["outputs"]["output"], "<x>");
    let refused = studio.editor.post(&studio.path("/draft/nodes/i0/run"), json!({})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "node_id");

    // a loop, and an assigner inside of it
    let set = json!({"type": "assigner", "title": "Count", "version": "2", "items": [
        {"variable_selector": ["l", "n"], "input_type": "constant", "operation": "+=", "value": 2}]});
    let counting = json!({"type": "loop", "title": "Loop", "start_node_id": "l0", "loop_count": 3, "break_conditions": [],
        "loop_variables": [{"id": "1", "label": "n", "var_type": "number", "value_type": "variable", "value": ["s", "city"]}]});
    let nodes = vec![
        start(json!([{"variable": "city", "label": "City", "type": "number", "required": false}])),
        node("l", counting),
        child("l0", "l", json!({"type": "loop-start"})),
        child("a", "l", set),
        end(&[("n", "l.n")]),
    ];
    let studio = Studio::of(&app, "workflow", &graph(nodes, &["s>l", "l0>a", "l>e"])).await;
    assert_eq!(told(&studio.get("/draft/nodes/l/variables").await), ["s.city (number) null"]);
    let tried = studio.try_node("l", json!({"variables": [given("s.city", json!(1))]})).await;
    assert_eq!(tried["node_run"]["outputs"], json!({"n": 7, "loop_round": 3}));
    let tried = studio.try_node("a", json!({"variables": [given("l.n", json!(40))]})).await;
    assert_eq!(tried["node_run"]["process_data"]["n"], 42);
}

#[sqlx::test]
async fn a_model_s_text_streams_while_its_node_is_tried(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let model = json!({"type": "llm", "title": "Say", "model": {"provider": "local", "name": "default", "mode": "chat",
        "completion_params": {"temperature": 0, "max_tokens": 12}},
        "prompt_template": [{"role": "user", "text": "{{#s.city#}}"}], "context": {"enabled": false}, "vision": {"enabled": false}});
    let nodes = vec![start(city()), node("m", model), end(&[("text", "m.text")])];
    let studio = Studio::of(&app, "workflow", &graph(nodes, &["s>m", "m>e"])).await;
    let body = json!({"variables": [given("s.city", json!("hello"))]});
    let events = whole(studio.stream("/draft/nodes/m/run", body).await).await;
    let shown = names(&events);
    assert_eq!((shown[0], shown[1], shown.last()), ("node_started", "text_chunk", Some(&"node_finished")));
    let text: String = events.iter().filter(|e| e["event"] == "text_chunk").map(|e| e["data"]["text"].as_str().unwrap()).collect();
    let finished = &events.last().unwrap()["data"];
    assert_eq!((&finished["outputs"]["text"], finished["status"].as_str()), (&json!(text), Some("succeeded")));
    assert!(!text.is_empty() && finished["execution_metadata"]["total_tokens"].as_u64().unwrap() > 0);
    let last = studio.get("/draft/nodes/m/last-run").await;
    assert_eq!((&last["outputs"]["text"], &last["usage"]["total_tokens"]), (&json!(text), &finished["execution_metadata"]["total_tokens"]));
    // the whole draft says the same
    let events = studio.run(json!({"city": "hello"})).await;
    assert_eq!(super::outcome(&events).1["text"], json!(text));
    let nodes = studio.get(&format!("/runs/{}/nodes", events[0]["workflow_run_id"].as_str().unwrap())).await;
    assert_eq!(nodes["data"][1]["usage"], last["usage"]);
}

#[sqlx::test]
async fn a_node_that_asks_shows_its_form_and_takes_an_answer(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &asking(false)).await;
    let variables = json!([given("s.city", json!("Oslo"))]);
    let tried = studio.try_node("h", json!({"variables": variables})).await;
    assert_eq!((&tried["status"], &tried["node_run"]), (&json!("paused"), &Value::Null));
    assert_eq!((&tried["form"]["form_content"], &tried["form"]["form_token"]), (&json!("Is Oslo right? {{#$output.note#}}"), &Value::Null));
    let events = whole(studio.stream("/draft/nodes/h/run", json!({"variables": variables})).await).await;
    assert_eq!(names(&events), ["node_started", "human_input_required"]);
    let body = json!({"variables": variables, "form": {"inputs": {"note": "Yes"}, "action": "ok"}});
    let tried = studio.try_node("h", body).await;
    assert_eq!((&tried["node_run"]["handle"], &tried["node_run"]["outputs"]["note"]), (&json!("ok"), &json!("Yes")));
    let body = json!({"variables": variables, "form": {"inputs": {}, "action": "ok"}});
    let tried = studio.try_node("h", body).await;
    assert_eq!((&tried["status"], &tried["node_run"]["error"]), (&json!("failed"), &json!("Missing required inputs: note")));
    let forms: i64 = sqlx::query_scalar("select count(*) from human_input_forms").fetch_one(&app.state.db).await.unwrap();
    assert_eq!(forms, 0, "nobody else is asked");
}

#[sqlx::test]
async fn a_step_is_stopped(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    Provider::start(&app.state.db, app.home.id).await;
    let model = json!({"type": "llm", "title": "Say", "model": {"provider": PROVIDER, "name": "slow", "mode": "chat", "completion_params": {}},
        "prompt_template": [{"role": "user", "text": "hi"}], "context": {"enabled": false}, "vision": {"enabled": false}});
    let studio = Studio::of(&app, "workflow", &graph(vec![start(json!([])), node("m", model), end(&[])], &["s>m", "m>e"])).await;
    let mut stream = studio.stream("/draft/nodes/m/run", json!({})).await;
    let next = until(&mut stream, "text_chunk").await;
    let path = studio.path(&format!("/draft/tasks/{}/stop", next["task_id"].as_str().unwrap()));
    // somebody else's is left alone
    app.client(Role::Owner).post(&path, json!({})).await.ok();
    studio.editor.post(&path, json!({})).await.ok();
    let events = crate::workflows::data(&stream.rest().await);
    assert_eq!(events.last().unwrap()["data"]["status"], "stopped");
    assert_eq!(studio.get("/draft/nodes/m/last-run").await["status"], "stopped");
}
