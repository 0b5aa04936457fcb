//! Where a workspace keeps secrets, without their values.

use ashlar::secrets::Secrets;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Client, Role, TestApp};
use crate::tools::mcp_server;

const DOCUMENT: &str = r#"{"openapi": "3.0.3", "info": {"title": "Echo", "version": "1"}, "servers": [{"url": "https://example.org"}],
    "paths": {"/a": {"get": {"operationId": "a", "responses": {}}}}}"#;

async fn listed(client: &Client) -> Vec<Value> {
    client.get("/api/secrets").await.ok()["data"].as_array().unwrap().clone()
}

fn names(places: &[Value]) -> Vec<(&str, &str)> {
    places.iter().map(|place| (place["kind"].as_str().unwrap(), place["name"].as_str().unwrap())).collect()
}

#[sqlx::test]
async fn secrets_are_listed_where_they_are_kept(db: PgPool) {
    let app = TestApp::start_with(db.clone(), |config| config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let admin = app.client(Role::Admin);
    assert_eq!(listed(&admin).await, [] as [Value; 0]);

    let provider = json!({"name": "openrouter", "base_url": "https://example.org/v1", "api_key": "sk-one-two"});
    let provider = admin.post("/api/providers", provider).await.ok();
    admin.post("/api/providers", json!({"name": "open", "base_url": "https://example.org/v1"})).await.ok();
    let auth = json!({"type": "header", "name": "X-Key", "scheme": "custom"});
    admin.post("/api/tools/openapi", json!({"name": "Echo", "document": DOCUMENT, "auth": auth, "api_key": "sesame"})).await.ok();
    let (url, _) = mcp_server(true).await;
    admin.post("/api/tools/mcp", json!({"name": "Counter", "url": url, "headers": {"X-Token": "open"}})).await.ok();

    let flow = admin.post("/api/apps", json!({"name": "Flow", "mode": "workflow"})).await.ok();
    let path = format!("/api/apps/{}", flow["id"].as_str().unwrap());
    let mut config = flow["draft"].clone();
    let variable = |name: &str, kind: &str, value: &str| json!({"id": name, "name": name, "value_type": kind, "value": value});
    config["environment_variables"] =
        json!([variable("KEY", "secret", "s3cret"), variable("EMPTY", "secret", ""), variable("URL", "string", "https://example.org")]);
    admin.put(&format!("{path}/draft"), json!({"config": config, "revision": flow["draft_revision"]})).await.ok();

    let places = listed(&admin).await;
    assert_eq!(names(&places), [("provider", "openrouter"), ("api", "Echo"), ("mcp", "Counter"), ("environment_variable", "KEY")]);
    assert_eq!((&places[0]["id"], &places[0]["created_at"]), (&provider["id"], &provider["created_at"]));
    assert_eq!(places[2]["headers"], json!(["X-Token"]));
    assert_eq!((&places[3]["id"], &places[3]["app"]), (&flow["id"], &json!({"name": "Flow", "mode": "workflow"})));
    assert!(places.iter().all(|place| place["is_readable"] == true), "{places:?}");
    let text = json!(places).to_string();
    assert!(["sk-one-two", "sesame", "open\"", "s3cret"].iter().all(|value| !text.contains(value)), "{text}");
    // another workspace's
    assert_eq!(listed(&app.foreigner()).await, [] as [Value; 0]);

    // of a database that was restored without its instance key
    let id = Uuid::parse_str(provider["id"].as_str().unwrap()).unwrap();
    let foreign = Secrets::new([9; 32]).seal(b"sk-one-two", id.as_bytes());
    sqlx::query("update providers set api_key_sealed = $1 where id = $2").bind(foreign).bind(id).execute(&db).await.unwrap();
    assert_eq!(listed(&admin).await[0]["is_readable"], false);
}
