//! Runs listed, looked at, with their nodes and whole values.

use serde_json::{Value, json};
use sqlx::PgPool;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Studio, outcome};
use crate::scripted;
use crate::support::TestApp;
use crate::workflows::{end, graph, greeting, long, node, start, template};

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect()
}

#[sqlx::test]
async fn runs_are_listed_and_narrowed(db: PgPool) {
    let app = TestApp::start(db).await;
    let (app_id, version, token) = scripted::publish_config(&app.state.db, app.home.id, "workflow", &greeting()).await;
    let studio = Studio { editor: app.client(crate::support::Role::Editor), app_id, path: format!("/api/apps/{app_id}") };
    let mut drafts = Vec::new();
    for city in ["Oslo", "Rome"] {
        let events = studio.run(json!({"city": city})).await;
        drafts.push(events[0]["workflow_run_id"].as_str().unwrap().to_owned());
    }
    let key = app.with_key(&token);
    let published = key.post("/v1/workflows/run", json!({"inputs": {"city": "Paris"}, "user": "ann"})).await.ok();
    let published = published["workflow_run_id"].as_str().unwrap();

    let all = studio.get("/runs").await;
    assert_eq!((ids(&all), &all["next_cursor"]), (vec![published, &drafts[1], &drafts[0]], &Value::Null));
    let newest = &all["data"][0];
    assert_eq!((&newest["version_id"], &newest["version_number"]), (&json!(version), &json!(1)));
    assert_eq!((&newest["created_by"]["type"], &newest["created_by"]["name"]), (&json!("end_user"), &json!("ann")));
    assert_eq!(all["data"][1]["created_by"]["type"], "account");
    assert_eq!((&newest["status"], &newest["total_steps"], &newest["error"]), (&json!("succeeded"), &json!(3), &Value::Null));

    for (query, n) in [
        ("?triggered_from=debugging", 2),
        ("?triggered_from=app-run", 1),
        ("?source=service-api", 1),
        ("?source=web-app", 0),
        ("?status=succeeded", 3),
        ("?status=failed", 0),
        ("?keyword=rome", 1),
        ("?keyword=Hello", 3),
        ("?keyword=ann", 1),
        ("?keyword=%25", 0),
        ("?created_after=2020-01-01T00:00:00Z", 3),
        ("?created_before=2020-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(ids(&studio.get(&format!("/runs{query}")).await).len(), n, "{query}");
    }
    let by_id = studio.get(&format!("/runs?keyword={published}")).await;
    assert_eq!(ids(&by_id), [published]);
    let first = studio.get("/runs?limit=2").await;
    let rest = studio.get(&format!("/runs?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((ids(&first).len(), ids(&rest)), (2, vec![drafts[0].as_str()]));
    for query in ["?status=odd", "?triggered_from=x", "?source=x", "?created_after=soon", "?limit=0", "?cursor=x"] {
        studio.editor.get(&studio.path(&format!("/runs{query}"))).await.refused(400, "invalid_param");
    }
    let other = Studio::of(&app, "workflow", &greeting()).await;
    assert!(ids(&other.get("/runs").await).is_empty());
    other.editor.get(&other.path(&format!("/runs/{published}"))).await.refused(404, "not_found");
    app.foreigner().get(&studio.path("/runs")).await.refused(404, "not_found");
}

#[sqlx::test]
async fn runs_come_as_a_file(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &greeting()).await;
    for city in ["=Oslo", "Rome, \"eternal\""] {
        studio.run(json!({"city": city})).await;
    }
    let csv = studio.editor.get(&studio.path("/runs/export?format=csv")).await;
    assert!(csv.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"runs.csv\""));
    let rows = csv.csv();
    assert_eq!(rows.len(), 2);
    let inputs: Value = serde_json::from_str(&rows[0]["inputs"]).unwrap();
    assert_eq!(inputs["city"], "Rome, \"eternal\"", "newest first");
    assert_eq!((rows[1]["status"].as_str(), rows[1]["total_steps"].as_str()), ("succeeded", "3"));

    let jsonl = studio.editor.get(&studio.path("/runs/export?format=jsonl&keyword=oslo")).await;
    let lines = jsonl.json_lines();
    assert_eq!((lines.len(), &lines[0]["inputs"]["city"]), (1, &json!("=Oslo")));
    assert!(rows[0].keys().all(|column| lines[0].get(column).is_some()), "{:?}", rows[0].keys());
    let none = studio.editor.get(&studio.path("/runs/export?format=csv&published=true")).await.text();
    assert_eq!(none.lines().count(), 1, "the columns alone");
    studio.editor.get(&studio.path("/runs/export?format=csv&status=odd")).await.refused(400, "invalid_param");
    app.foreigner().get(&studio.path("/runs/export?format=csv")).await.refused(404, "not_found");
}

#[sqlx::test]
async fn a_run_has_its_graph_and_its_nodes(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &long(3)).await;
    let events = studio.run(json!({})).await;
    let run_id = events[0]["workflow_run_id"].as_str().unwrap();
    let run = studio.get(&format!("/runs/{run_id}")).await;
    assert_eq!(run["graph"]["nodes"].as_array().unwrap().len(), 6);
    assert_eq!((&run["outputs"]["all"], &run["outputs_truncated"]), (&json!(["<0>", "<1>", "<2>"]), &json!(false)));
    assert!(run["inputs"]["sys.workflow_run_id"] == run_id && run["inputs_truncated"] == false);

    let nodes = studio.get(&format!("/runs/{run_id}/nodes")).await;
    let nodes = nodes["data"].as_array().unwrap();
    let told: Vec<_> = nodes.iter().map(|n| (n["node_id"].as_str().unwrap(), n["index"].as_u64().unwrap())).collect();
    assert_eq!(told, [("s", 1), ("n", 2), ("i", 3), ("it", 4), ("it", 5), ("it", 6), ("e", 7)]);
    let item = &nodes[4];
    assert_eq!(item["rounds"], json!([{"container": "iteration", "node_id": "i", "index": 1}]));
    assert_eq!((&item["inputs"], &item["outputs"]), (&json!({"x": 1}), &json!({"output": "<1>"})));
    assert_eq!((&item["status"], &item["error"], &item["retries"]), (&json!("succeeded"), &Value::Null, &json!([])));
    assert_eq!((&nodes[6]["predecessor_node_id"], &nodes[6]["usage"]["total_tokens"]), (&json!("i"), &json!(0)));

    // page by page, and without values
    let (mut cursor, mut paged) = (String::new(), Vec::new());
    loop {
        let page = studio.get(&format!("/runs/{run_id}/nodes?limit=3&values=false&cursor={cursor}")).await;
        paged.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(paged.iter().map(|n| &n["id"]).collect::<Vec<_>>(), nodes.iter().map(|n| &n["id"]).collect::<Vec<_>>());
    assert!(paged.iter().all(|n| n["inputs"].is_null() && n["outputs"].is_null()));
    let one = studio.get(&format!("/runs/{run_id}/nodes/{}", item["id"].as_str().unwrap())).await;
    assert_eq!(one, *item);
    studio.editor.get(&studio.path(&format!("/runs/{run_id}/nodes/{}", uuid::Uuid::now_v7()))).await.refused(404, "not_found");
}

#[sqlx::test]
async fn large_values_are_cut_and_there_as_a_whole(db: PgPool) {
    let app = TestApp::start(db).await;
    let nodes = vec![
        start(json!([])),
        node("t", template("Long", "{% for i in range(15000) %}0123456789{% endfor %}", &[])),
        end(&[("text", "t.output")]),
    ];
    let studio = Studio::of(&app, "workflow", &graph(nodes, &["s>t", "t>e"])).await;
    let events = studio.run(json!({})).await;
    assert_eq!(outcome(&events).1["text"].as_str().unwrap().len(), 150_000);
    let run_id = events[0]["workflow_run_id"].as_str().unwrap();
    let run = studio.get(&format!("/runs/{run_id}")).await;
    assert_eq!((run["outputs"]["text"].as_str().unwrap().chars().count(), &run["outputs_truncated"]), (100_001, &json!(true)));
    let whole = studio.get(&format!("/runs/{run_id}/values/outputs?pointer=/text")).await;
    assert_eq!(whole.as_str().unwrap().len(), 150_000);
    let nodes = studio.get(&format!("/runs/{run_id}/nodes")).await;
    let long = &nodes["data"][1];
    assert_eq!((&long["outputs_truncated"], &long["inputs_truncated"]), (&json!(true), &json!(false)));
    let values = format!("/runs/{run_id}/nodes/{}/values", long["id"].as_str().unwrap());
    assert_eq!(studio.get(&format!("{values}/outputs")).await["output"].as_str().unwrap().len(), 150_000);
    assert_eq!(studio.get(&format!("{values}/inputs")).await, json!({}));
    for rest in ["/odd", "/outputs?pointer=/x", "/outputs?pointer=output"] {
        studio.editor.get(&studio.path(&format!("{values}{rest}"))).await.refused(404, "not_found");
    }
    // what is kept for the next step is the whole
    let variable = studio.get("/draft/variables/t/output").await;
    assert_eq!(variable["value"].as_str().unwrap().len(), 150_000);
    let list = studio.get("/draft/variables").await;
    let listed = list["data"].as_array().unwrap().iter().find(|v| v["node_id"] == "t").unwrap();
    assert!(listed["value_truncated"] == true && listed["value"].as_str().unwrap().len() < 3000);
}

#[sqlx::test]
async fn tries_that_failed_are_kept_with_their_node(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let server = MockServer::start().await;
    Mock::given(path("/a")).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(path("/a")).respond_with(ResponseTemplate::new(200).set_body_string("at last")).mount(&server).await;
    let call = json!({"type": "http-request", "title": "Call", "method": "get", "url": format!("{}/a", server.uri()), "authorization": {"type": "no-auth"},
        "headers": "", "params": "", "body": {"type": "none", "data": []}, "retry_config": {"retry_enabled": true, "max_retries": 3, "retry_interval": 10}});
    let nodes = vec![start(json!([])), node("h", call), end(&[("text", "h.body")])];
    let studio = Studio::of(&app, "workflow", &graph(nodes, &["s>h", "h>e"])).await;
    let events = studio.run(json!({})).await;
    assert_eq!(outcome(&events), ("succeeded", &json!({"text": "at last"})));
    let nodes = studio.get(&format!("/runs/{}/nodes", events[0]["workflow_run_id"].as_str().unwrap())).await;
    let call = &nodes["data"][1];
    let retries = call["retries"].as_array().unwrap();
    assert_eq!((call["status"].as_str(), retries.len()), (Some("succeeded"), 2));
    assert_eq!((&retries[0]["error"], &retries[0]["outputs"]["status_code"]), (&json!("Request failed with status code 503"), &json!(503)));
    assert_eq!(retries[1]["error_type"], "HTTPResponseCodeError");
    assert!(retries[0]["process_data"]["request"].as_str().unwrap().starts_with("GET /a"));
}
