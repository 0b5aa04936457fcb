//! API keys: making, showing once, deleting; the extractors that take them.

use ashlar::accounts::admin::{self, CreateKeyArgs, WorkspaceKey};
use ashlar::accounts::{DatasetKey, NewKey, OpenAiCaller, ServiceApp, hash_token};
use ashlar::error::{render_dify, render_openai};
use ashlar::ids::AppId;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware::map_response;
use axum::routing::get;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Client, PrivateRedis, Reply, Role, TestApp, eventually};

/// A route behind each extractor.
fn probe(app: &TestApp) -> Client {
    let router = Router::new()
        .route("/app", get(|app: ServiceApp| async move { app.app_id.to_string() }))
        .route("/dataset", get(|key: DatasetKey| async move { key.workspace_id.to_string() }))
        .layer(map_response(render_dify))
        .merge(
            Router::new()
                .route("/openai", get(|caller: OpenAiCaller| async move { format!("{caller:?}") }))
                .layer(map_response(render_openai)),
        )
        .with_state(app.state.clone());
    app.calling(router)
}

async fn call(app: &TestApp, path: &str, authorization: &str) -> Reply {
    let bearer = (!authorization.is_empty()).then(|| authorization.to_owned());
    Client { bearer, ..probe(app) }.get(path).await
}

#[sqlx::test]
async fn a_key_is_shown_once_and_stored_as_a_hash(db: PgPool) {
    let app = TestApp::start(db).await;
    let app_id = app.seed_app(&app.home, "Chat", "chat").await;
    let path = format!("/api/apps/{app_id}/keys");
    let reply = app.client(Role::Editor).post(&path, json!({"name": " Production "})).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let made = reply.json();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("app-") && token.len() == 28);
    assert_eq!(made["name"], "Production");
    assert_eq!(made["hint"], format!("app-…{}", &token[24..]));
    assert!(made["last_used_at"].is_null());

    let listed = app.client(Role::Editor).get(&path).await;
    assert_eq!(listed.ok()["data"][0]["id"], made["id"]);
    assert!(!listed.text().contains(token));
    let stored: (Vec<u8>, Value) =
        sqlx::query_as("select token_hash, to_jsonb(k) - 'token_hash' from api_keys k").fetch_one(&app.state.db).await.unwrap();
    assert_eq!(stored.0, hash_token(token));
    assert!(!stored.1.to_string().contains(token));

    app.client(Role::Editor).post(&path, json!({"name": "a\u{0}"})).await.refused(400, "invalid_param");
    app.client(Role::Editor).post(&path, json!({"name": "x".repeat(81)})).await.refused(400, "invalid_param");
}

#[sqlx::test]
async fn workspace_keys_have_their_kinds(db: PgPool) {
    let app = TestApp::start(db).await;
    let admin = app.client(Role::Admin);
    for (kind, prefix, length) in [("dataset", "dataset-", 32), ("model", "sk-", 51)] {
        let made = admin.post("/api/keys", json!({"kind": kind, "name": "k"})).await.ok();
        let token = made["token"].as_str().unwrap();
        assert!(token.starts_with(prefix) && token.len() == length, "{token}");
    }
    admin.post("/api/keys", json!({"kind": "app"})).await.refused(400, "invalid_param");
    let kinds: Vec<Value> = admin.get("/api/keys").await.ok()["data"].as_array().unwrap().iter().map(|k| k["kind"].clone()).collect();
    assert_eq!(kinds, [json!("dataset"), json!("model")]);
}

#[sqlx::test]
async fn an_app_has_at_most_ten_keys(db: PgPool) {
    let app = TestApp::start(db).await;
    let app_id = app.seed_app(&app.home, "Chat", "chat").await;
    let (client, path) = (app.client(Role::Owner), format!("/api/apps/{app_id}/keys"));
    let replies = futures::future::join_all((0..12).map(|_| client.post(&path, json!({})))).await;
    assert_eq!(replies.iter().filter(|r| r.status == 201).count(), 10);
    assert_eq!(replies.iter().filter(|r| r.status == 409).count(), 2);
    // another app has its own ten
    let other = app.seed_app(&app.home, "Other", "chat").await;
    client.post(&format!("/api/apps/{other}/keys"), json!({})).await.ok();
}

#[sqlx::test]
async fn a_deleted_key_dies_at_once_although_cached(db: PgPool) {
    let app = TestApp::start(db).await;
    let app_id = app.seed_app(&app.home, "Chat", "chat").await;
    let (client, path) = (app.client(Role::Editor), format!("/api/apps/{app_id}/keys"));
    let made = client.post(&path, json!({})).await.ok();
    let authorization = format!("Bearer {}", made["token"].as_str().unwrap());
    assert_eq!(call(&app, "/app", &authorization).await.text(), app_id.to_string());

    // it is cached: the row may go behind its back, and for a while nothing is noticed
    let cached: i64 = redis::cmd("EXISTS")
        .arg(app.state.redis.key(format_args!("api-key:{}", hex::encode(hash_token(made["token"].as_str().unwrap())))))
        .query_async(&mut app.state.redis.connection.clone())
        .await
        .unwrap();
    assert_eq!(cached, 1);
    let key_path = format!("{path}/{}", made["id"].as_str().unwrap());
    client.delete(&key_path).await.ok();
    call(&app, "/app", &authorization).await.refused(401, "unauthorized");
    client.delete(&key_path).await.refused(404, "not_found");
}

#[sqlx::test]
async fn keys_of_one_place_are_missing_in_another(db: PgPool) {
    let app = TestApp::start(db).await;
    let (one, two) = (app.seed_app(&app.home, "One", "chat").await, app.seed_app(&app.home, "Two", "chat").await);
    let client = app.client(Role::Owner);
    let made = client.post(&format!("/api/apps/{one}/keys"), json!({})).await.ok();
    let id = made["id"].as_str().unwrap();
    client.delete(&format!("/api/apps/{two}/keys/{id}")).await.refused(404, "not_found");
    client.delete(&format!("/api/keys/{id}")).await.refused(404, "not_found");
    sqlx::query("update apps set deleted_at = now() where id = $1").bind(two).execute(&app.state.db).await.unwrap();
    client.get(&format!("/api/apps/{two}/keys")).await.refused(404, "not_found");
    client.post(&format!("/api/apps/{two}/keys"), json!({})).await.refused(404, "not_found");
}

#[sqlx::test]
async fn last_use_is_noted(db: PgPool) {
    let app = TestApp::start(db).await;
    let app_id = app.seed_app(&app.home, "Chat", "chat").await;
    let token = app.seed_key(&app.home, NewKey::App(AppId(app_id))).await;
    call(&app, "/app", &format!("Bearer {token}")).await;
    let (client, path) = (app.client(Role::Editor), format!("/api/apps/{app_id}/keys"));
    eventually("last_used_at is set", || async { client.get(&path).await.ok()["data"][0]["last_used_at"].is_string() }).await;
}

#[sqlx::test]
async fn an_app_key_is_checked_in_the_order_of_the_contract(db: PgPool) {
    let app = TestApp::start(db).await;
    let app_id = app.seed_app(&app.home, "Chat", "chat").await;
    let token = app.seed_key(&app.home, NewKey::App(AppId(app_id))).await;
    let dataset = app.seed_key(&app.home, NewKey::Dataset).await;
    let missing = "Authorization header must be provided and start with 'Bearer'";
    for (authorization, message) in [
        (String::new(), missing),
        (token.clone(), missing),
        (format!("Basic {token}"), "Authorization scheme must be 'Bearer'"),
        ("Bearer app-unknown".into(), "Access token is invalid"),
        ("Bearer ".into(), "Access token is invalid"),
        (format!("Bearer {dataset}"), "Access token is invalid"),
    ] {
        let reply = call(&app, "/app", &authorization).await;
        assert_eq!(reply.json(), json!({"code": "unauthorized", "message": message, "status": 401}), "{authorization}");
        assert_eq!(reply.headers[header::WWW_AUTHENTICATE], "Bearer realm=\"api\"");
    }
    let authorization = format!("bEARER {token}");
    assert_eq!(call(&app, "/app", &authorization).await.text(), app_id.to_string());

    // each later fault hides behind the earlier one
    for (change, message) in [
        ("update workspaces set status = 'archived'", "The workspace's status is archived."),
        ("update apps set enable_api = false", "The app's API service has been disabled."),
        ("update apps set status = 'disabled'", "The app's status is abnormal."),
        ("update apps set deleted_at = now()", "The app no longer exists."),
    ] {
        sqlx::query(change).execute(&app.state.db).await.unwrap();
        let reply = call(&app, "/app", &authorization).await;
        assert_eq!(reply.json(), json!({"code": "forbidden", "message": message, "status": 403}));
    }
}

#[sqlx::test]
async fn each_door_takes_its_own_keys(db: PgPool) {
    let app = TestApp::start(db).await;
    let app_id = app.seed_app(&app.home, "Chat", "chat").await;
    let tokens = [
        app.seed_key(&app.home, NewKey::App(AppId(app_id))).await,
        app.seed_key(&app.home, NewKey::Dataset).await,
        app.seed_key(&app.home, NewKey::Model).await,
    ];
    for (path, opens) in [("/app", [true, false, false]), ("/dataset", [false, true, false]), ("/openai", [true, false, true])] {
        for (token, opens) in tokens.iter().zip(opens) {
            let status = call(&app, path, &format!("Bearer {token}")).await.status;
            assert_eq!(status, if opens { 200 } else { 401 }, "{path} {token}");
        }
    }
    let reply = call(&app, "/openai", "Bearer sk-unknown").await;
    assert_eq!(reply.json()["error"]["type"], "authentication_error");
    sqlx::query("update workspaces set status = 'archived'").execute(&app.state.db).await.unwrap();
    call(&app, "/openai", &format!("Bearer {}", tokens[2])).await.refused(403, "forbidden");
    call(&app, "/dataset", &format!("Bearer {}", tokens[1])).await.refused(403, "forbidden");
}

#[sqlx::test]
async fn keys_work_without_redis(db: PgPool) {
    let mut redis = PrivateRedis::start().await;
    let app = TestApp::start_with(db, |config| config.redis_url = Some(redis.url())).await;
    let app_id = app.seed_app(&app.home, "Chat", "chat").await;
    let client = app.client(Role::Editor);
    let made = client.post(&format!("/api/apps/{app_id}/keys"), json!({})).await.ok();
    let authorization = format!("Bearer {}", made["token"].as_str().unwrap());
    redis.kill();
    assert_eq!(call(&app, "/app", &authorization).await.text(), app_id.to_string());
    client.delete(&format!("/api/apps/{app_id}/keys/{}", made["id"].as_str().unwrap())).await.ok();
    call(&app, "/app", &authorization).await.refused(401, "unauthorized");
    redis.restart().await;
    call(&app, "/app", &authorization).await.refused(401, "unauthorized");
}

#[sqlx::test]
async fn keys_are_made_on_the_command_line(db: PgPool) {
    let app = TestApp::start(db).await;
    let app_id = app.seed_app(&app.home, "Chat", "chat").await;
    let args = |app: Option<&str>, kind| CreateKeyArgs { app: app.map(str::to_owned), kind, workspace: None, name: String::new() };
    let make = async |args: CreateKeyArgs| admin::create_api_key(&app.state.db, &args).await;
    for wanted in ["Chat", &app_id.to_string()] {
        let token = make(args(Some(wanted), None)).await.unwrap();
        assert_eq!(call(&app, "/app", &format!("Bearer {token}")).await.text(), app_id.to_string());
    }
    assert!(make(args(None, Some(WorkspaceKey::Model))).await.unwrap().starts_with("sk-"));
    assert_eq!(make(args(Some("Nothing"), None)).await.unwrap_err().code.as_str(), "not_found");
    app.seed_app(&app.foreign, "Chat", "chat").await;
    assert_eq!(make(args(Some("Chat"), None)).await.unwrap_err().code.as_str(), "conflict");
    let in_home = CreateKeyArgs { workspace: Some("home".into()), ..args(Some("Chat"), None) };
    make(in_home).await.unwrap();
    assert!(make(CreateKeyArgs { workspace: Some(Uuid::nil().to_string()), ..args(None, Some(WorkspaceKey::Dataset)) }).await.is_err());
}
