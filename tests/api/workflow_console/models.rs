//! Models of files from elsewhere replaced by the workspace's, and remembered.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::scripted::{PROVIDER, Provider};
use crate::support::{Role, TestApp};

const FILE: &str = r"
version: 0.6.0
kind: app
app: {name: From elsewhere, mode: workflow}
dependencies:
  - {type: marketplace, value: {marketplace_plugin_unique_identifier: 'langgenius/openai:1.0.0@abc'}}
  - {type: marketplace, value: {marketplace_plugin_unique_identifier: 'acme/search:1.0.0@abc'}}
workflow:
  features:
    suggested_questions_after_answer: {enabled: true, model: {provider: langgenius/openai/openai, name: gpt-4o-mini, mode: chat, completion_params: {}}}
  graph:
    nodes:
      - {id: s, data: {type: start, title: Start, variables: []}}
      - {id: m, data: {type: llm, title: Say, model: {provider: langgenius/openai/openai, name: gpt-4o, mode: chat, completion_params: {}}, prompt_template: [{role: user, text: hi}], context: {enabled: false}}}
      - {id: a, data: {type: agent, title: Act, agent_strategy_name: function_calling, agent_parameters: {model: {type: constant, value: {provider: langgenius/openai/openai, model: gpt-4o, model_type: llm}}, tools: {type: constant, value: [{enabled: true, type: builtin, provider_name: acme/search/search, tool_name: search}]}, query: {type: constant, value: hi}}}}
      - {id: e, data: {type: end, title: End, outputs: []}}
    edges:
      - {source: s, target: m}
      - {source: m, target: a}
      - {source: a, target: e}
";

fn models(draft: &Value) -> [String; 3] {
    let at = |pointer: &str, name: &str| {
        let model = draft.pointer(pointer).unwrap();
        format!("{}/{}", model["provider"].as_str().unwrap(), model[name].as_str().unwrap())
    };
    [
        at("/features/suggested_questions_after_answer/model", "name"),
        at("/graph/nodes/1/data/model", "name"),
        at("/graph/nodes/2/data/agent_parameters/model/value", "model"),
    ]
}

fn model(provider: &str, name: Option<&str>) -> Value {
    json!({"provider": provider, "name": name})
}

#[sqlx::test]
async fn an_import_tells_what_is_missing_and_remembers_what_was_chosen(db: PgPool) {
    let app = TestApp::start(db).await;
    Provider::start(&app.state.db, app.home.id).await;
    let editor = app.client(Role::Editor);
    let imported = editor.post("/api/apps/import", json!({"yaml": FILE})).await.ok();
    assert_eq!(imported["status"], "completed_with_warnings");
    let missing = &imported["missing"];
    let named: Vec<_> = missing["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["name"].as_str().unwrap(), m["places"].as_array().unwrap().len()))
        .collect();
    assert_eq!(named, [("gpt-4o-mini", 1), ("gpt-4o", 2)]);
    let places = &missing["models"][1]["places"];
    assert_eq!(places[1], json!({"node_id": "a", "title": "Act", "field": "agent_parameters.model.value"}));
    assert_eq!(missing["models"][0]["places"][0]["node_id"], Value::Null);
    assert_eq!((&missing["tools"][0]["tool_name"], &missing["plugins"]), (&json!("search"), &json!(["acme/search", "langgenius/openai"])));
    assert_eq!(imported["mapped"], json!([]));

    let id = imported["app"]["id"].as_str().unwrap();
    let path = format!("/api/apps/{id}/draft/map-models");
    let openai = "langgenius/openai/openai";
    let mappings = json!([
        {"from": model(openai, Some("gpt-4o")), "to": model(PROVIDER, Some("echo"))},
        {"from": model(openai, None), "to": model("local", Some("default"))},
    ]);
    let mapped = editor.post(&path, json!({"mappings": mappings})).await.ok();
    assert_eq!(models(&mapped["app"]["draft"]), ["local/default", "scripted/echo", "scripted/echo"]);
    assert_eq!(
        mapped["mapped"][1],
        json!({"from": {"provider": openai, "name": "gpt-4o"}, "to": {"provider": PROVIDER, "name": "echo"}, "places": 2})
    );
    assert_eq!((&mapped["missing"]["models"], &mapped["app"]["draft_revision"]), (&json!([]), &json!(2)));

    // the next import does it by itself
    let again = editor.post("/api/apps/import", json!({"yaml": FILE})).await.ok();
    assert_eq!(models(&again["app"]["draft"]), ["local/default", "scripted/echo", "scripted/echo"]);
    assert_eq!(
        (again["mapped"].as_array().unwrap().len(), &again["missing"]["models"], &again["missing"]["plugins"]),
        (2, &json!([]), &json!(["acme/search"]))
    );
    // in this workspace
    let foreign = app.foreigner().post("/api/apps/import", json!({"yaml": FILE})).await.ok();
    assert_eq!(foreign["missing"]["models"].as_array().unwrap().len(), 2);

    let list = editor.get("/api/model-mappings").await.ok();
    let listed: Vec<_> = list["data"].as_array().unwrap().iter().map(|m| (&m["from"]["name"], &m["to"]["name"])).collect();
    assert_eq!(listed, [(&Value::Null, &json!("default")), (&json!("gpt-4o"), &json!("echo"))]);
    let changed = json!({"from": model(openai, Some("gpt-4o")), "to": model(PROVIDER, Some("small"))});
    let list = editor.put("/api/model-mappings", changed).await.ok();
    assert_eq!((list["data"].as_array().unwrap().len(), &list["data"][1]["to"]["name"]), (2, &json!("small")));
    let path_of = |n: usize| format!("/api/model-mappings/{}", list["data"][n]["id"].as_str().unwrap());
    app.foreigner().delete(&path_of(0)).await.refused(404, "not_found");
    editor.delete(&path_of(0)).await.ok();
    editor.delete(&path_of(0)).await.refused(404, "not_found");
    let third = editor.post("/api/apps/import", json!({"yaml": FILE})).await.ok();
    assert_eq!(models(&third["app"]["draft"])[..2], ["langgenius/openai/openai/gpt-4o-mini", "scripted/small"]);
}

#[sqlx::test]
async fn mappings_lead_to_what_there_is(db: PgPool) {
    let app = TestApp::start(db).await;
    Provider::start(&app.state.db, app.home.id).await;
    let editor = app.client(Role::Editor);
    let imported = editor.post("/api/apps/import", json!({"yaml": FILE})).await.ok();
    let path = format!("/api/apps/{}/draft/map-models", imported["app"]["id"].as_str().unwrap());
    let from = || model("langgenius/openai/openai", Some("gpt-4o"));
    let cases = [
        (json!([]), "mappings"),
        (json!([{"from": from(), "to": model("nowhere", Some("x"))}]), "mappings[0].to"),
        (json!([{"from": from(), "to": model(PROVIDER, Some("x"))}]), "mappings[0].to"),
        (json!([{"from": from(), "to": model("nowhere", None)}]), "mappings[0].to"),
        (json!([{"from": model(" ", None), "to": model(PROVIDER, None)}]), "mappings[0].from.provider"),
        (
            json!([{"from": from(), "to": model(PROVIDER, Some("echo"))}, {"from": from(), "to": model(PROVIDER, Some("small"))}]),
            "mappings[1].from",
        ),
    ];
    for (mappings, param) in cases {
        let refused = editor.post(&path, json!({"mappings": mappings})).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], param, "{refused}");
    }
    let good = json!([{"from": from(), "to": model(PROVIDER, Some("echo"))}]);
    let stale = editor.post(&path, json!({"mappings": good, "revision": 7})).await.refused(409, "conflict");
    assert_eq!(stale["error"]["param"], "revision");
    editor.post(&path, json!({"mappings": good, "revision": 1, "remember": false})).await.ok();
    assert_eq!(editor.get("/api/model-mappings").await.ok()["data"], json!([]));
    app.foreigner().post(&path, json!({"mappings": good})).await.refused(404, "not_found");
    app.client(Role::Normal).get("/api/model-mappings").await.refused(403, "forbidden");

    // basic apps too
    let yaml = "version: 0.6.0\napp: {name: Chat, mode: chat}\nmodel_config: {model: {provider: acme/x/x, name: big, mode: chat, completion_params: {}}}";
    let chat = editor.post("/api/apps/import", json!({"yaml": yaml})).await.ok();
    let path = format!("/api/apps/{}/draft/map-models", chat["app"]["id"].as_str().unwrap());
    let body = json!({"mappings": [{"from": model("acme/x/x", None), "to": model(PROVIDER, Some("echo"))}]});
    assert_eq!(editor.post(&path, body).await.ok()["app"]["draft"]["model"]["provider"], PROVIDER);
}
