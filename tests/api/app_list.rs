//! The list of apps: filters, orders, pages, tags.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Client, Role, TestApp};

async fn create(client: &Client, name: &str, tags: &[&str]) -> String {
    let id = client.post("/api/apps", json!({"name": name, "mode": "chat"})).await.json()["id"].as_str().unwrap().to_owned();
    client.patch(&format!("/api/apps/{id}"), json!({"tags": tags})).await.ok();
    id
}

/// The names of every page, two at a time.
async fn names(client: &Client, query: &str) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let escaped = cursor.replace('@', "%40").replace('=', "%3D").replace(' ', "%20");
        let page = client.get(&format!("/api/apps?limit=2&cursor={escaped}&{query}")).await.ok();
        names.extend(page["data"].as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return names,
        }
    }
}

#[sqlx::test]
async fn apps_come_in_the_order_that_is_asked_for(db: PgPool) {
    let app = TestApp::start(db).await;
    let (editor, admin) = (app.client(Role::Editor), app.client(Role::Admin));
    let mut ids = Vec::new();
    for name in ["beech", "Ash", "cedar", "alder", "Ash"] {
        ids.push(create(&editor, name, &[]).await);
    }
    create(&admin, "birch", &[]).await;
    editor.patch(&format!("/api/apps/{}", ids[0]), json!({"description": "the oldest"})).await.ok();

    assert_eq!(names(&editor, "").await, ["birch", "Ash", "alder", "cedar", "Ash", "beech"]);
    assert_eq!(names(&editor, "sort=name").await, ["alder", "Ash", "Ash", "beech", "birch", "cedar"]);
    assert_eq!(names(&editor, "sort=updated").await, ["beech", "birch", "Ash", "alder", "cedar", "Ash"]);
    assert_eq!(names(&editor, "mine=true&sort=name").await, ["alder", "Ash", "Ash", "beech", "cedar"]);
    assert_eq!(names(&editor, "keyword=A").await.len(), 4);
    editor.get("/api/apps?sort=size").await.refused(400, "invalid_param");
    let cursor = editor.get("/api/apps?limit=1").await.ok()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(editor.get(&format!("/api/apps?sort=name&cursor={cursor}")).await.refused(400, "invalid_param")["error"]["param"], "cursor");
}

#[sqlx::test]
async fn tags_are_counted_renamed_and_removed(db: PgPool) {
    let app = TestApp::start(db).await;
    let (editor, reader) = (app.client(Role::Editor), app.client(Role::Normal));
    let first = create(&editor, "First", &["vision", "demo", "demo"]).await;
    create(&editor, "Second", &["demo", "a/b"]).await;
    let list = || async { editor.get("/api/tags").await.ok()["data"].clone() };
    let tag = |name: &str, n: u64| json!({"name": name, "n_apps": n});
    assert_eq!(list().await, json!([tag("a/b", 1), tag("demo", 2), tag("vision", 1)]));
    assert_eq!(names(&editor, "tag=demo").await, ["Second", "First"]);

    assert_eq!(editor.patch("/api/tags/a%2Fb", json!({"name": "Other"})).await.ok(), tag("Other", 1));
    // two become one
    assert_eq!(editor.patch("/api/tags/vision", json!({"name": "demo"})).await.ok(), tag("demo", 2));
    assert_eq!(editor.get(&format!("/api/apps/{first}")).await.ok()["tags"], json!(["demo"]));
    editor.patch("/api/tags/demo", json!({"name": " "})).await.refused(400, "invalid_param");
    editor.patch("/api/tags/none", json!({"name": "x"})).await.refused(404, "not_found");
    app.foreigner().patch("/api/tags/demo", json!({"name": "theirs"})).await.refused(404, "not_found");
    app.foreigner().delete("/api/tags/demo").await.refused(404, "not_found");
    assert_eq!(reader.delete("/api/tags/demo").await.status, 403);

    assert_eq!(editor.delete("/api/tags/demo").await.status, 204);
    assert_eq!(list().await, json!([tag("Other", 1)]));
    editor.delete("/api/tags/demo").await.refused(404, "not_found");
    let actions = app.client(Role::Admin).get("/api/audit-log").await.ok();
    let actions: Vec<Value> = actions["data"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions[..3], ["tag.delete", "tag.rename", "tag.rename"].map(Value::from));
}
