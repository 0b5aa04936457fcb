//! What is wrong with a draft, and that it is not published while something is.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::Studio;
use crate::scripted::{PROVIDER, Provider};
use crate::support::{Role, TestApp};
use crate::workflows::{end, graph, greeting, node, start, template};

fn told(issues: &Value) -> Vec<String> {
    let one = |issue: &Value| {
        let text = |key: &str| issue[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}: {}", text("severity"), text("node_id"), text("field"), text("message"))
    };
    issues.as_array().unwrap().iter().map(one).collect()
}

fn llm(provider: &str, name: &str) -> Value {
    json!({"type": "llm", "title": "Ask", "model": {"provider": provider, "name": name, "mode": "chat", "completion_params": {}},
        "prompt_template": [{"role": "user", "text": "{{#s.q#}}"}], "context": {"enabled": false}, "vision": {"enabled": false}})
}

#[sqlx::test]
async fn everything_is_told_at_once(db: PgPool) {
    let app = TestApp::start(db).await;
    Provider::start(&app.state.db, app.home.id).await;
    let tool = json!({"type": "tool", "title": "Tool", "provider_type": "mcp", "provider_id": "desk", "provider_name": "desk", "tool_name": "find",
        "tool_parameters": {}, "tool_configurations": {}});
    let nodes = vec![
        start(json!([{"variable": "q", "label": "Q", "type": "text-input", "required": true}])),
        node("m", llm("elsewhere", "gpt")),
        node("n", llm(PROVIDER, "echo")),
        node("u", llm(PROVIDER, "none")),
        node("x", llm("", "")),
        node("tool", tool),
        node("k", json!({"type": "knowledge-retrieval", "title": "Look", "query_variable_selector": ["s", "q"], "dataset_ids": ["d1"]})),
        node("lost", template("Lost", "", &[])),
        end(&[("text", "n.text"), ("odd", "n.odd")]),
    ];
    let studio = Studio::of(&app, "workflow", &graph(nodes, &["s>m", "m>n", "n>u", "u>x", "x>tool", "tool>k", "k>e"])).await;
    let checked = studio.editor.post(&studio.path("/draft/check"), json!({})).await.ok();
    assert_eq!(checked["can_publish"], false);
    assert_eq!(
        told(&checked["data"]),
        [
            "error x model: no model is chosen: choose one",
            "warning lost edges: nothing leads here: the node never runs",
            "warning e outputs[1].value_selector: the variable n.odd does not exist: 'Ask' gives text, reasoning_content, usage, finish_reason, files",
            "warning m model: This workspace has no model provider \"elsewhere\". Add it under Settings, or choose another model.",
            "warning u model: The model \"scripted/none\" does not exist or you do not have access to it.",
            "warning tool tool_name: This workspace has no MCP server \"desk\": add one of that name, or choose another tool.",
            "warning k dataset_ids: Knowledge bases are not available in this version: remove them.",
        ]
    );
    let fine = studio.editor.post(&studio.path("/draft/check"), json!({"config": greeting()})).await.ok();
    assert_eq!(fine, json!({"data": [], "can_publish": true}));
    app.client(Role::Normal).post(&studio.path("/draft/check"), json!({})).await.refused(403, "forbidden");

    // published it is not
    let refused = studio.editor.post(&studio.path("/publish"), json!({})).await.refused(400, "invalid_workflow");
    assert_eq!(refused["error"]["message"], "The workflow has an error. Node 'Ask' (x), model: no model is chosen: choose one.");
    assert_eq!(refused["error"]["details"]["issues"], checked["data"]);
    let revision = studio.get("").await["draft_revision"].clone();
    let body = json!({"config": greeting(), "revision": revision});
    studio.editor.put(&studio.path("/draft"), body).await.ok();
    assert_eq!(studio.editor.post(&studio.path("/publish"), json!({"name": "Two"})).await.ok()["number"], 2);
}

#[sqlx::test]
async fn an_empty_draft_is_an_error_and_not_a_crash(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    for mode in ["workflow", "advanced-chat"] {
        let created = editor.post("/api/apps", json!({"name": "New", "mode": mode})).await.ok();
        let path = format!("/api/apps/{}", created["id"].as_str().unwrap());
        let checked = editor.post(&format!("{path}/draft/check"), json!({})).await.ok();
        assert!(checked["data"].is_array(), "{checked}");
    }
    let studio = Studio::of(&app, "workflow", &json!({"graph": {"nodes": "x"}})).await;
    let checked = studio.editor.post(&studio.path("/draft/check"), json!({})).await.ok();
    assert_eq!(told(&checked["data"]), ["error  graph.nodes: must be a list"]);
    studio.editor.post(&studio.path("/publish"), json!({})).await.refused(400, "invalid_workflow");
}
