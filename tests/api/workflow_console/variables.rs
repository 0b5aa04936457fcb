//! The draft's variables: listed, edited, taken back, cleared.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{Studio, given};
use crate::scripted;
use crate::support::{Role, TestApp};
use crate::workflows::{end, graph, greeting, node, parrot, start, template, whole};

#[sqlx::test]
async fn values_of_runs_are_edited_and_taken_back(db: PgPool) {
    let app = TestApp::start(db).await;
    let mut config = greeting();
    config["environment_variables"] =
        json!([{"name": "key", "value_type": "secret", "value": "hunter22"}, {"name": "n", "value_type": "number", "value": "3"}]);
    let studio = Studio::of(&app, "workflow", &config).await;
    assert_eq!(studio.variables().await, [r#"env.key="********""#, "env.n=3"]);
    let run = studio.run(json!({"city": "Oslo"})).await;
    let list = studio.get("/draft/variables").await;
    let list = list["data"].as_array().unwrap();
    let find = |node: &str, name: &str| list.iter().find(|v| v["node_id"] == node && v["name"] == name).unwrap();
    let output = find("t", "output");
    assert_eq!((&output["kind"], &output["type"], &output["title"]), (&json!("node"), &json!("string"), &json!("Greet")));
    assert_eq!((&output["run_id"], &output["is_edited"]), (&run[0]["workflow_run_id"], &json!(false)));
    assert_eq!((&find("sys", "user_id")["kind"], &find("env", "key")["kind"]), (&json!("system"), &json!("environment")));

    let path = |rest: &str| studio.path(&format!("/draft/variables/{rest}"));
    let edited = studio.editor.put(&path("t/output"), json!({"value": "Goodbye"})).await.ok();
    assert_eq!((&edited["value"], &edited["is_edited"], &edited["run_id"]), (&json!("Goodbye"), &json!(true), &Value::Null));
    assert_eq!(studio.try_node("e", json!({})).await["node_run"]["outputs"]["text"], "Goodbye");
    // what is given with a step comes first
    let tried = studio.try_node("e", json!({"variables": [given("t.output", json!("Well"))]})).await;
    assert_eq!(tried["node_run"]["outputs"]["text"], "Well");
    assert!(studio.variables().await.contains(&r#"t.output*="Goodbye""#.to_owned()));
    studio.editor.post(&path("t/output/reset"), json!({})).await.ok();
    studio.editor.post(&path("t/output/reset"), json!({})).await.refused(404, "not_found");
    assert_eq!(studio.get("/draft/variables/t/output").await["value"], "Hello Oslo");

    let refused = studio.editor.put(&path("t/output"), json!({"value": 5})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["message"], "value: t.output is of type string, not number.");
    studio.editor.put(&path("t/odd"), json!({"value": 5})).await.refused(404, "not_found");
    studio.editor.put(&path("gone/output"), json!({"value": 5})).await.refused(404, "not_found");
    studio.editor.put(&path("env/key"), json!({"value": "x"})).await.refused(400, "invalid_param");
    studio.editor.put(&path("conversation/x"), json!({"value": "x"})).await.refused(404, "not_found");
    studio.editor.get(&path("t/odd")).await.refused(404, "not_found");
    assert_eq!(studio.get("/draft/variables/env/key").await["value"], "********");

    // a new run is the newest truth
    studio.editor.put(&path("t/output"), json!({"value": "Goodbye"})).await.ok();
    studio.run(json!({"city": "Rome"})).await;
    let variable = studio.get("/draft/variables/t/output").await;
    assert_eq!((&variable["value"], &variable["is_edited"]), (&json!("Hello Rome"), &json!(false)));
    // for who ran it
    assert_eq!(app.client(Role::Admin).get(&studio.path("/draft/variables")).await.ok()["data"].as_array().unwrap().len(), 2);

    studio.editor.delete(&path("t")).await.ok();
    studio.editor.get(&path("t/output")).await.refused(404, "not_found");
    assert_eq!(studio.get("/draft/variables/s/city").await["value"], "Rome");
    studio.editor.delete(&studio.path("/draft/variables")).await.ok();
    assert_eq!(studio.variables().await, [r#"env.key="********""#, "env.n=3"]);
    app.foreigner().delete(&studio.path("/draft/variables")).await.refused(404, "not_found");
}

#[sqlx::test]
async fn conversation_variables_stand_as_they_were_left(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = Studio::of(&app, "advanced-chat", &parrot()).await;
    assert_eq!(flow.variables().await, [r#"conversation.said=["nothing"]"#]);
    let ask = |query: &str| given("sys.query", json!(query));
    // a node that sets one, alone
    let tried = flow.try_node("v", json!({"variables": [ask("one")]})).await;
    assert_eq!(tried["node_run"]["process_data"]["said"], json!(["nothing", "one"]));
    assert_eq!(flow.get("/draft/variables/conversation/said").await["value"], json!(["nothing", "one"]));
    flow.editor.put(&flow.path("/draft/variables/conversation/said"), json!({"value": ["x"]})).await.ok();
    let tried = flow.try_node("v", json!({"variables": [ask("two")]})).await;
    assert_eq!(tried["node_run"]["process_data"]["said"], json!(["x", "two"]));
    let refused =
        flow.editor.put(&flow.path("/draft/variables/conversation/said"), json!({"value": [1]})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["message"], "value: conversation.said is of type array[string], not array[number].");
    // system variables too
    flow.editor.put(&flow.path("/draft/variables/sys/query"), json!({"value": "three"})).await.ok();
    assert_eq!(flow.try_node("t", json!({})).await["node_run"]["outputs"]["output"], "You said three");
    whole(flow.stream("/preview", json!({"query": "four"})).await).await;
    assert_eq!(flow.get("/draft/variables/sys/query").await["value"], "four");
    assert_eq!(flow.get("/draft/variables/conversation/said").await["value"], json!(["nothing", "four"]));
}

#[sqlx::test]
async fn what_is_kept_is_bounded(db: PgPool) {
    let app = TestApp::start(db).await;
    let big = "{% for i in range(399) %}".to_owned() + &"x".repeat(1000) + "{% endfor %}";
    let nodes = vec![start(json!([])), node("t", template("Big", &big, &[])), end(&[("text", "t.output")])];
    let studio = Studio::of(&app, "workflow", &graph(nodes, &["s>t", "t>e"])).await;
    studio.try_node("t", json!({})).await;
    // as if there were many
    sqlx::query("update draft_nodes set bytes = 64 << 20").execute(&app.state.db).await.unwrap();
    studio.try_node("e", json!({"variables": [given("t.output", json!("x"))]})).await;
    let kept: Vec<String> = sqlx::query_scalar("select node_id from draft_nodes order by node_id").fetch_all(&app.state.db).await.unwrap();
    assert_eq!(kept, ["e"], "the oldest goes");
    sqlx::query("insert into draft_values (workspace_id, app_id, account_id, node_id, name, value, bytes) select workspace_id, app_id, account_id, 's', 'x', '1', 16 << 20 from draft_nodes")
        .execute(&app.state.db)
        .await
        .unwrap();
    let path = studio.path("/draft/variables/t/output");
    let refused = studio.editor.put(&path, json!({"value": "x"})).await.refused(400, "invalid_param");
    assert!(refused["error"]["message"].as_str().unwrap().contains("16 MB"), "{refused}");
    // nodes that are gone from the draft go with the next step
    sqlx::query("insert into draft_nodes (workspace_id, app_id, account_id, node_id, record) select workspace_id, app_id, account_id, 'old', record from draft_nodes where node_id = 'e'")
        .execute(&app.state.db)
        .await
        .unwrap();
    studio.run(json!({})).await;
    let kept: Vec<String> = sqlx::query_scalar("select node_id from draft_nodes order by node_id").fetch_all(&app.state.db).await.unwrap();
    assert_eq!(kept, ["e", "s", "sys", "t"]);
}

#[sqlx::test]
async fn the_values_of_any_run_are_taken_for_the_draft(db: PgPool) {
    let app = TestApp::start(db).await;
    let (app_id, _, token) = scripted::publish_config(&app.state.db, app.home.id, "workflow", &greeting()).await;
    let studio = Studio { editor: app.client(Role::Editor), app_id, path: format!("/api/apps/{app_id}") };
    let reply = app.with_key(&token).post("/v1/workflows/run", json!({"inputs": {"city": "Bern"}, "user": "ann"})).await.ok();
    assert_eq!(studio.variables().await, [""; 0]);
    let path = studio.path(&format!("/runs/{}/take-values", reply["workflow_run_id"].as_str().unwrap()));
    app.foreigner().post(&path, json!({})).await.refused(404, "not_found");
    studio.editor.post(&path, json!({})).await.ok();
    assert!(studio.variables().await.contains(&r#"t.output="Hello Bern""#.to_owned()));
    assert_eq!(studio.get("/draft/variables/sys/user_id").await["value"], "ann");
    assert_eq!(studio.try_node("e", json!({})).await["node_run"]["outputs"]["text"], "Hello Bern");
}
