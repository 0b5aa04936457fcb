//! Versions compared.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::Studio;
use crate::support::{Role, TestApp};
use crate::workflows::greeting;

#[sqlx::test]
async fn versions_are_compared_with_each_other_and_the_draft(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &greeting()).await;
    let first: uuid::Uuid =
        sqlx::query_scalar("select id from app_versions where app_id = $1").bind(studio.app_id).fetch_one(&app.state.db).await.unwrap();
    let diff = async |a: &str, b: &str| app.client(Role::Normal).get(&studio.path(&format!("/versions/{a}/diff/{b}"))).await;
    let first = first.to_string();
    let same = diff(&first, "draft").await.ok();
    assert_eq!((&same["layout_only"], &same["nodes"]), (&json!(true), &json!({"added": [], "removed": [], "changed": []})));

    let mut changed = greeting();
    changed["graph"]["nodes"][1]["data"]["template"] = json!("Bye {{ c }}");
    changed["graph"]["nodes"][0]["position"] = json!({"x": 1, "y": 2});
    changed["environment_variables"] = json!([{"id": "1", "name": "key", "value_type": "secret", "value": "hunter22"}]);
    studio.editor.put(&studio.path("/draft"), json!({"config": changed, "revision": 1})).await.ok();
    let second = studio.editor.post(&studio.path("/publish"), json!({})).await.ok();
    let found = diff(&first, second["id"].as_str().unwrap()).await.ok();
    let nodes = found["nodes"]["changed"].as_array().unwrap();
    let told: Vec<_> = nodes.iter().map(|n| (n["id"].as_str().unwrap(), n["layout_only"].as_bool().unwrap())).collect();
    assert_eq!(told, [("s", true), ("t", false)]);
    assert_eq!(
        nodes[1]["changes"],
        json!([{"path": "/data/template", "kind": "changed", "before": "Hello {{ c }}", "after": "Bye {{ c }}", "truncated": false}])
    );
    assert_eq!(found["variables"], json!([{"list": "environment", "name": "key", "kind": "added", "changes": []}]));
    assert!(!found.to_string().contains("hunter22"));
    let back = diff("draft", &first).await.ok();
    assert_eq!(
        (&back["nodes"]["changed"][1]["changes"][0]["after"], &back["variables"][0]["kind"]),
        (&json!("Hello {{ c }}"), &json!("removed"))
    );

    for (a, b) in [("odd", "draft"), (first.as_str(), "0190a000-0000-7000-8000-000000000000")] {
        diff(a, b).await.refused(404, "not_found");
    }
    app.foreigner().get(&studio.path("/versions/draft/diff/draft")).await.refused(404, "not_found");
    let chat = Studio::of(&app, "chat", &json!({"pre_prompt": "a"})).await;
    chat.editor.put(&chat.path("/draft"), json!({"config": {"pre_prompt": "b"}, "revision": 1})).await.ok();
    let version: Value = chat.get("/versions").await;
    let found = chat.get(&format!("/versions/{}/diff/draft", version["data"][0]["id"].as_str().unwrap())).await;
    assert_eq!(found["others"][0]["path"], "/pre_prompt");
}
