//! Published apps as MCP servers, asked with the client of the same protocol.

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted::{self, PROVIDER, Provider};
use crate::support::{Role, Server, TestApp};
use crate::workflows::{greeting, publish};

async fn start(db: PgPool) -> (Server, Provider) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let provider = Provider::start(&app.state.db, app.home.id).await;
    (app.spawn().await, provider)
}

/// Switches the app's server on; gives its URL.
async fn switch_on(server: &Server, id: Uuid) -> String {
    let editor = server.app.client(Role::Editor);
    let change = json!({"enable_mcp": true, "name": "Museum companion", "description": "Knows the museum."});
    let app = editor.patch(&format!("/api/apps/{id}"), change).await.ok();
    server.url(&format!("/mcp/{}", app["mcp_code"].as_str().unwrap()))
}

fn call(arguments: &Value) -> CallToolRequestParams {
    let arguments: Map<String, Value> = arguments.as_object().unwrap().clone();
    CallToolRequestParams::new("museum_companion").with_arguments(arguments)
}

fn text(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|block| block.as_text()).map(|text| text.text.clone()).collect()
}

#[sqlx::test]
async fn a_chat_app_is_one_tool(db: PgPool) {
    let (server, _provider) = start(db).await;
    let form = json!([{"select": {"variable": "tone", "label": "Tone", "required": true, "options": ["warm", "cool"]}}]);
    let config = json!({"user_input_form": form, "pre_prompt": "Be {{tone}}."});
    let (id, _) = scripted::publish(&server.app.state.db, server.app.home.id, "chat", PROVIDER, "echo", config).await;
    let url = switch_on(&server, id).await;
    let client = ().serve(StreamableHttpClientTransport::from_uri(url)).await.unwrap();

    let tools = client.list_all_tools().await.unwrap();
    assert_eq!((tools.len(), tools[0].name.as_ref(), tools[0].description.as_deref()), (1, "museum_companion", Some("Knows the museum.")));
    let schema = Value::Object((*tools[0].input_schema).clone());
    assert_eq!(schema["required"], json!(["tone", "query"]));
    assert_eq!(schema["properties"]["tone"], json!({"type": "string", "enum": ["warm", "cool"], "description": "Tone"}));

    let answer = client.call_tool(call(&json!({"query": "what is this?", "tone": "warm"}))).await.unwrap();
    assert_eq!((text(&answer).as_str(), answer.is_error), ("what is this?", Some(false)));
    let structured = answer.structured_content.clone().unwrap();
    // the conversation goes on
    let more = json!({"query": "and that?", "tone": "warm", "conversation_id": structured["conversation_id"]});
    let again = client.call_tool(call(&more)).await.unwrap();
    assert_eq!(again.structured_content.unwrap()["conversation_id"], structured["conversation_id"]);
    let log = server.app.client(Role::Editor).get(&format!("/api/apps/{id}/conversations?source=mcp")).await.ok();
    assert_eq!((log["data"].as_array().unwrap().len(), &log["data"][0]["message_count"]), (1, &json!(2)));

    // what is wrong is told to the model that called
    for (wrong, said) in [
        (json!({"query": "x", "tone": "loud"}), "tone in input form must be one of"),
        (json!({"tone": "warm"}), "query"),
        (json!({"query": "x", "tone": "warm", "conversation_id": "nonsense"}), "conversation_id"),
    ] {
        let refused = client.call_tool(call(&wrong)).await.unwrap();
        assert!(refused.is_error == Some(true) && text(&refused).contains(said), "{wrong}: {}", text(&refused));
    }
    assert!(client.call_tool(CallToolRequestParams::new("another")).await.is_err());
    client.cancel().await.unwrap();
}

#[sqlx::test]
async fn a_workflow_gives_its_outputs(db: PgPool) {
    let (server, _provider) = start(db).await;
    let flow = publish(&server.app, &server.app.home, "workflow", greeting()).await;
    let url = switch_on(&server, flow.id).await;
    let client = ().serve(StreamableHttpClientTransport::from_uri(url)).await.unwrap();
    let result = client.call_tool(call(&json!({"city": "Oslo"}))).await.unwrap();
    assert_eq!((text(&result).as_str(), result.structured_content.clone()), ("Hello Oslo", Some(json!({"text": "Hello Oslo"}))));
    let refused = client.call_tool(call(&json!({}))).await.unwrap();
    assert!(refused.is_error == Some(true) && text(&refused).contains("city is required"), "{}", text(&refused));
    let runs = server.app.client(Role::Editor).get(&format!("/api/apps/{}/runs?source=mcp", flow.id)).await.ok();
    assert_eq!(runs["data"].as_array().unwrap().len(), 1);
    client.cancel().await.unwrap();
}

#[sqlx::test]
async fn only_a_server_that_is_on_answers(db: PgPool) {
    let (server, _provider) = start(db).await;
    let (id, _) = scripted::publish(&server.app.state.db, server.app.home.id, "chat", PROVIDER, "echo", json!({})).await;
    let url = switch_on(&server, id).await;
    let path = url.split_once("/mcp/").unwrap().1.to_owned();
    let anonymous = server.app.anonymous();
    let editor = server.app.client(Role::Editor);
    editor.patch(&format!("/api/apps/{id}"), json!({"enable_mcp": false})).await.ok();
    anonymous.post(&format!("/mcp/{path}"), json!({})).await.refused(404, "not_found");
    editor.patch(&format!("/api/apps/{id}"), json!({"enable_mcp": true})).await.ok();
    editor.post(&format!("/api/apps/{id}/mcp/renew"), json!({})).await.ok();
    anonymous.post(&format!("/mcp/{path}"), json!({})).await.refused(404, "not_found");
    anonymous.post("/mcp/none", json!({})).await.refused(404, "not_found");
    server.app.client(Role::Normal).post(&format!("/api/apps/{id}/mcp/renew"), json!({})).await.refused(403, "forbidden");
}
