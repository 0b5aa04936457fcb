//! Models of the process and providers of a workspace, as the console sees them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use ashlar::accounts::NewKey;
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Client, Role, TestApp, eventually};

/// The entry of that name in `GET /api/models`.
async fn model(client: &Client, name: &str) -> Value {
    let list = client.get("/api/models").await.ok();
    list["data"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap_or_else(|| panic!("no {name} in {list}")).clone()
}

fn write(dir: &Path, name: &str, content: &str) {
    std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
    std::fs::write(dir.join(name), content).unwrap();
}

#[sqlx::test]
async fn local_models_load_and_unload(db: PgPool) {
    let app = TestApp::start(db).await;
    let admin = app.client(Role::Admin);
    let before = model(&admin, "ashlar-tiny").await;
    assert_eq!((&before["status"], &before["provider"], &before["is_default"]), (&json!("available"), &json!("local"), &json!(true)));
    assert_eq!(before["features"], json!(["vision", "tools", "structured_output"]));
    assert_eq!((&before["architecture"], before.get("memory_bytes")), (&json!("Qwen3VLForConditionalGeneration"), None));

    let loading = admin.post("/api/models/local/ashlar-tiny/load", json!({})).await.ok();
    assert!(["loading", "ready"].contains(&loading["status"].as_str().unwrap()), "{loading}");
    eventually("the model is ready", || async { model(&admin, "ashlar-tiny").await["status"] == "ready" }).await;
    // weights and the cache of keys and values
    assert!(model(&admin, "ashlar-tiny").await["memory_bytes"].as_u64().unwrap() > 24_000_000);
    admin.post("/api/models/local/default/load", json!({})).await.ok();

    let unloaded = admin.post("/api/models/local/ashlar-tiny/unload", json!({})).await.ok();
    assert_eq!((&unloaded["status"], unloaded.get("memory_bytes")), (&json!("available"), None));
    for action in ["load", "unload"] {
        admin.post(&format!("/api/models/local/nope/{action}"), json!({})).await.refused(404, "model_not_found");
    }
}

#[sqlx::test]
async fn folders_that_cannot_run_say_why(db: PgPool) {
    let app = TestApp::start(db).await;
    let admin = app.client(Role::Admin);
    let dir = app.state.config.models_dir();
    let llama = json!({"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 2048}).to_string();
    write(&dir, "mamba/config.json", r#"{"architectures": ["MambaForCausalLM"]}"#);
    write(&dir, "pickled/config.json", &llama);
    write(&dir, "pickled/pytorch_model.bin", "x");
    write(&dir, "text.gguf", "not a gguf");
    write(&dir, "torn/config.json", &llama);
    write(&dir, "torn/tokenizer.json", "{}");
    write(&dir, "torn/model.safetensors", "x");
    // a model that was just copied in is there
    for (name, why) in [("mamba", "MambaForCausalLM"), ("pickled", "pickled"), ("text", "GGUF")] {
        let found = model(&admin, name).await;
        assert_eq!(found["status"], "refused", "{found}");
        assert!(found["reason"].as_str().unwrap().contains(why), "{found}");
        admin.post(&format!("/api/models/local/{name}/load"), json!({})).await.refused(400, "model_currently_not_support");
    }
    // its header is right, its weights are not
    admin.post("/api/models/local/torn/load", json!({})).await.ok();
    eventually("loading fails", || async { model(&admin, "torn").await["status"] == "failed" }).await;
    assert!(!model(&admin, "torn").await["reason"].as_str().unwrap().is_empty());
}

/// A provider with two models that wants a key; the keys it was called with.
async fn stand_in() -> (String, Arc<Mutex<Vec<String>>>) {
    let keys = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&keys);
    let models = move |headers: HeaderMap| {
        let key = headers.get("authorization").map_or(String::new(), |v| v.to_str().unwrap().to_owned());
        seen.lock().unwrap().push(key.clone());
        async move {
            if key == "Bearer sk-remote-secret" {
                (StatusCode::OK, Json(json!({"data": [{"id": "m-1"}, {"id": "m-2"}]})))
            } else {
                // some providers repeat the key
                (StatusCode::UNAUTHORIZED, Json(json!({"error": {"message": format!("Incorrect API key provided: {key}")}})))
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/v1/models", axum::routing::get(models));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, keys)
}

async fn with_local_networks(db: PgPool) -> TestApp {
    TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await
}

#[sqlx::test]
async fn providers_are_added_changed_and_removed(db: PgPool) {
    let app = with_local_networks(db).await;
    let admin = app.client(Role::Admin);
    let (url, _) = stand_in().await;
    let models = json!([{"name": "m-1", "features": ["vision"], "context_size": 4096, "prices": {"prompt_unit_price": 2.5}}, {"name": "e-1", "kind": "text-embedding"}]);
    let made = admin.post("/api/providers", json!({"name": "Remote", "base_url": format!("{url}/"), "models": models})).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made = made.ok();
    assert_eq!((&made["base_url"], &made["has_api_key"]), (&json!(url), &json!(false)));
    assert_eq!(made["models"].as_array().unwrap().len(), 2);
    let path = format!("/api/providers/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.ok(), made);
    assert_eq!(admin.get("/api/providers").await.ok()["data"], json!([made]));
    let listed = model(&admin, "m-1").await;
    assert_eq!((&listed["provider"], &listed["context_size"], &listed["features"]), (&json!("Remote"), &json!(4096), &json!(["vision"])));
    assert_eq!(listed["prices"]["prompt_unit_price"], json!(2.5));
    let embedders = admin.get("/api/models?kind=text-embedding").await.ok();
    assert!(embedders["data"].as_array().unwrap().iter().any(|m| m["name"] == "e-1"));
    admin.get("/api/models?kind=smell").await.refused(400, "invalid_param");

    let changed = admin.patch(&path, json!({"name": "Renamed", "timeout_ms": 5000, "models": [{"name": "m-2"}]})).await.ok();
    assert_eq!((&changed["name"], &changed["timeout_ms"], &changed["models"][0]["name"]), (&json!("Renamed"), &json!(5000), &json!("m-2")));
    admin.post("/api/providers", json!({"name": "Renamed", "base_url": url})).await.refused(409, "conflict");
    for (param, body) in [
        ("name", json!({"name": "local", "base_url": url})),
        ("name", json!({"name": "", "base_url": url})),
        ("base_url", json!({"name": "x", "base_url": "nonsense"})),
        ("base_url", json!({"name": "x", "base_url": "http://user:pw@127.0.0.1/v1"})),
        ("timeout_ms", json!({"name": "x", "base_url": url, "timeout_ms": 1})),
        ("max_retries", json!({"name": "x", "base_url": url, "max_retries": 99})),
        ("api_key", json!({"name": "x", "base_url": url, "api_key": "two words"})),
        ("models[1].name", json!({"name": "x", "base_url": url, "models": [{"name": "a"}, {"name": "a"}]})),
    ] {
        let refused = admin.post("/api/providers", body).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], param, "{refused}");
    }

    app.foreigner().get(&path).await.refused(404, "not_found");
    app.foreigner().delete(&path).await.refused(404, "not_found");
    assert_eq!(app.foreigner().get("/api/providers").await.ok()["data"], json!([]));
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    admin.get(&path).await.refused(404, "not_found");
}

#[sqlx::test]
async fn a_key_goes_in_and_never_comes_out(db: PgPool) {
    let app = with_local_networks(db).await;
    let admin = app.client(Role::Owner);
    let ((url, keys), (other_url, other_keys)) = (stand_in().await, stand_in().await);
    let secret = "sk-remote-secret";
    let made = admin.post("/api/providers", json!({"name": "P", "base_url": url, "api_key": secret})).await;
    let id = made.ok()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/providers/{id}");
    let tested = admin.post(&format!("{path}/test"), json!({})).await;
    assert_eq!(tested.ok(), json!({"ok": true, "models": ["m-1", "m-2"]}));
    for reply in
        [&made, &tested, &admin.get(&path).await, &admin.get("/api/providers").await, &admin.patch(&path, json!({"max_retries": 0})).await]
    {
        assert!(reply.status.is_success() && !reply.text().contains(secret), "{}", reply.text());
    }
    let sealed: Vec<u8> = sqlx::query_scalar("select api_key_sealed from providers where id = $1")
        .bind(id.parse::<Uuid>().unwrap())
        .fetch_one(&app.state.db)
        .await
        .unwrap();
    assert!(sealed.len() > secret.len() && !sealed.windows(6).any(|w| secret.as_bytes().windows(6).any(|s| s == w)));
    let audit: Vec<String> = sqlx::query_scalar("select to_jsonb(a)::text from audit_log a").fetch_all(&app.state.db).await.unwrap();
    assert!(!audit.is_empty() && !audit.concat().contains(secret));

    // a key does not follow to another server
    let refused = admin.patch(&path, json!({"base_url": other_url})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "api_key");
    admin.patch(&path, json!({"base_url": format!("{url}/sub")})).await.ok();
    let moved = admin.patch(&path, json!({"base_url": other_url, "api_key": "sk-other"})).await.ok();
    assert_eq!((&moved["base_url"], &moved["has_api_key"]), (&json!(other_url), &json!(true)));
    let wrong = admin.post(&format!("{path}/test"), json!({})).await;
    assert_eq!(wrong.ok()["ok"], false);
    assert!(wrong.ok()["error"].as_str().unwrap().contains("401") && !wrong.text().contains("sk-other"), "{}", wrong.text());
    assert_eq!(*other_keys.lock().unwrap(), ["Bearer sk-other"]);
    assert_eq!(*keys.lock().unwrap(), ["Bearer sk-remote-secret"]);
    let without = admin.patch(&path, json!({"api_key": null})).await.ok();
    assert_eq!(without["has_api_key"], false);

    // a sealed key opens in its own row only
    admin.patch(&path, json!({"api_key": "sk-other"})).await.ok();
    let copy = admin.post("/api/providers", json!({"name": "Copy", "base_url": other_url})).await.ok()["id"].as_str().unwrap().to_owned();
    let copied = "update providers set api_key_sealed = (select api_key_sealed from providers where name = 'P') where name = 'Copy'";
    sqlx::query(copied).execute(&app.state.db).await.unwrap();
    assert!(!admin.post(&format!("/api/providers/{copy}/test"), json!({})).await.status.is_success());
    assert_eq!(other_keys.lock().unwrap().len(), 1, "nothing was sent");
}

#[sqlx::test]
async fn providers_inside_private_networks_are_refused(db: PgPool) {
    let app = TestApp::start(db).await;
    let admin = app.client(Role::Admin);
    let addresses = [
        "http://127.0.0.1:8000/v1",
        "http://[::1]/v1",
        "http://169.254.169.254/",
        "http://10.1.2.3/v1",
        "http://[::ffff:10.0.0.1]/v1",
        "ftp://1.1.1.1/",
    ];
    for url in addresses {
        let refused = admin.post("/api/providers", json!({"name": "P", "base_url": url})).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], "base_url", "{url}");
    }
    // a name is looked up when it is called
    let named = admin.post("/api/providers", json!({"name": "P", "base_url": "http://localhost:9/v1", "max_retries": 0})).await;
    if named.status.is_success() {
        let tested = admin.post(&format!("/api/providers/{}/test", named.ok()["id"].as_str().unwrap()), json!({})).await.ok();
        assert_eq!(tested["ok"], false);
        assert!(tested["error"].as_str().unwrap().contains("private"), "{tested}");
    }
}

#[sqlx::test]
async fn only_admins_manage_models(db: PgPool) {
    let app = TestApp::start(db).await;
    for role in Role::ALL {
        let client = app.client(role);
        client.get("/api/models").await.ok();
        let may = matches!(role, Role::Owner | Role::Admin);
        for status in [
            client.get("/api/providers").await.status,
            client.post("/api/providers", json!({"name": role.as_str(), "base_url": "http://192.0.2.1/v1"})).await.status,
            client.post("/api/models/local/ashlar-tiny/unload", json!({})).await.status,
        ] {
            assert_eq!(status != StatusCode::FORBIDDEN, may, "{role:?}: {status}");
        }
    }
    assert_eq!(app.anonymous().get("/api/models").await.status, StatusCode::UNAUTHORIZED);
}

#[sqlx::test]
async fn models_are_listed_by_type(db: PgPool) {
    let app = TestApp::start(db).await;
    let client = app.with_key(&app.seed_key(&app.home, NewKey::Dataset).await);
    let path = "/v1/workspaces/current/models/model-types";
    let list = client.get(&format!("{path}/llm")).await.ok();
    let provider = &list["data"][0];
    assert_eq!(
        (&provider["provider"], &provider["status"], &provider["tenant_id"]),
        (&json!("local"), &json!("active"), &json!(app.home.id))
    );
    let model = &provider["models"][0];
    assert_eq!((&model["model"], &model["model_type"], &model["status"]), (&json!("ashlar-tiny"), &json!("llm"), &json!("active")));
    assert_eq!((&model["model_properties"]["mode"], &model["label"]["en_US"]), (&json!("chat"), &json!("ashlar-tiny")));
    for model_type in ["text-embedding", "rerank", "speech2text", "tts", "moderation"] {
        assert_eq!(client.get(&format!("{path}/{model_type}")).await.ok(), json!({"data": []}), "{model_type}");
    }
    client.get(&format!("{path}/smell")).await.refused(400, "invalid_param");
}
