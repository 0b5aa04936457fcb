//! Adapters of the bundled model as models of their own: listed, asked side by side, broken, without a base.

use std::path::Path;

use ashlar::accounts::NewKey;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::scripted;
use crate::support::{Client, Role, TestApp};

const CHAT: &str = "/v1/chat/completions";

/// Copies a golden adapter into the models folder.
fn install(app: &TestApp, golden: &str, name: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/adapters").join(golden);
    let to = app.state.config.models_dir().join(name);
    std::fs::create_dir_all(&to).unwrap();
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

async fn with_adapters(db: PgPool) -> (TestApp, Client) {
    let app = TestApp::start_with_model(db).await;
    install(&app, "tiny_a", "a");
    install(&app, "tiny_b", "team/b");
    let key = app.seed_key(&app.home, NewKey::Model).await;
    let client = app.with_key(&key);
    (app, client)
}

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Count to nine."}], "temperature": 0, "max_tokens": 24, "logprobs": true})
}

/// The answer's tokens with their log-probabilities, which tell adapters apart that choose the same words.
async fn answer(client: &Client, model: &str) -> String {
    let reply = client.post(CHAT, ask(model)).await.ok();
    assert_eq!(reply["model"], format!("local/{}", if model == "default" { "ashlar-tiny" } else { model }));
    reply["choices"][0]["logprobs"]["content"].to_string()
}

#[sqlx::test]
async fn adapters_are_listed_beside_their_base(db: PgPool) {
    let (app, client) = with_adapters(db).await;
    let list = client.get("/v1/models").await.ok();
    let entry = |id: &str| list["data"].as_array().unwrap().iter().find(|m| m["id"] == id).unwrap_or_else(|| panic!("no {id} in {list}"));
    let adapter = entry("local/team/b");
    assert_eq!(
        (&adapter["object"], &adapter["root"], &adapter["parent"]),
        (&json!("model"), &json!("team/b"), &json!("local/ashlar-tiny"))
    );
    assert_eq!(entry("local/ashlar-tiny").get("parent"), None);
    assert_eq!(client.get("/v1/models/team/b").await.ok()["parent"], "local/ashlar-tiny");

    let admin = app.client(Role::Admin);
    let models = admin.get("/api/models?kind=llm").await.ok();
    let of = |name: &str| models["data"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap().clone();
    let (adapter, base) = (of("a"), of("ashlar-tiny"));
    assert_eq!(adapter["parent"], "ashlar-tiny");
    for field in ["kind", "features", "context_size", "architecture"] {
        assert_eq!(adapter[field], base[field], "{field}");
    }
    assert_eq!((&adapter["status"], base.get("parent")), (&json!("available"), None));
}

#[sqlx::test]
async fn asked_side_by_side_each_answers_for_itself(db: PgPool) {
    let (app, client) = with_adapters(db).await;
    let models = ["default", "a", "team/b"];
    let mut alone = Vec::new();
    for model in models {
        alone.push(answer(&client, model).await);
    }
    assert!(alone[0] != alone[1] && alone[1] != alone[2] && alone[0] != alone[2], "{alone:?}");
    let together = futures::future::join_all((0..12).map(|i| answer(&client, models[i % 3]))).await;
    for (i, answer) in together.iter().enumerate() {
        assert_eq!(*answer, alone[i % 3], "{}", models[i % 3]);
    }

    // Unloading one leaves the others; unloading the base takes its adapters along.
    let admin = app.client(Role::Admin);
    let status = async |name: &str| {
        let list = admin.get("/api/models").await.ok();
        list["data"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap()["status"].clone()
    };
    admin.post("/api/models/local/a/unload", json!({})).await.ok();
    assert_eq!(
        (status("a").await, status("team/b").await, status("ashlar-tiny").await),
        (json!("available"), json!("ready"), json!("ready"))
    );
    admin.post("/api/models/local/ashlar-tiny/unload", json!({})).await.ok();
    assert_eq!(status("team/b").await, "available");
    assert_eq!(answer(&client, "a").await, alone[1], "and asking brings both back");
    assert_eq!(status("ashlar-tiny").await, "ready");
}

#[sqlx::test]
async fn apps_use_adapters_like_any_model(db: PgPool) {
    let (app, client) = with_adapters(db).await;
    let model = json!({"provider": "local", "name": "team/b", "mode": "chat", "completion_params": {"temperature": 0, "max_tokens": 24}});
    let (_, key) = scripted::publish(&app.state.db, app.home.id, "chat", "local", "team/b", json!({"model": model})).await;
    let sent = json!({"query": "Count to nine.", "inputs": {}, "user": "me", "response_mode": "blocking"});
    let reply = app.with_key(&key).post("/v1/chat-messages", sent).await.ok();
    let asked = client.post(CHAT, ask("team/b")).await.ok();
    assert_eq!(reply["answer"], asked["choices"][0]["message"]["content"]);
}

#[sqlx::test]
async fn broken_adapters_are_one_clear_error(db: PgPool) {
    let (app, client) = with_adapters(db).await;
    let folder = app.state.config.models_dir();
    install(&app, "llama_all", "lost");
    install(&app, "tiny_a", "dora");
    let config = std::fs::read_to_string(folder.join("dora/adapter_config.json")).unwrap();
    std::fs::write(folder.join("dora/adapter_config.json"), config.replace(r#""use_dora": false"#, r#""use_dora": true"#)).unwrap();
    install(&app, "tiny_a", "torn");
    std::fs::write(folder.join("torn/adapter_model.safetensors"), "torn").unwrap();
    for (name, words) in
        [("lost", "ashlar/LLAMA"), ("dora", "adapter_config.json: field `use_dora`"), ("torn", "adapter_model.safetensors")]
    {
        let refused = client.post(CHAT, ask(name)).await.refused(400, "model_currently_not_support");
        assert!(refused["error"]["message"].as_str().unwrap().contains(words), "{refused}");
    }
    let list = client.get("/v1/models").await.ok();
    assert!(list["data"].as_array().unwrap().iter().all(|m| m["id"] != "local/lost" && m["id"] != "local/dora"), "{list}");
    assert!(!answer(&client, "default").await.is_empty(), "the base goes on");
}
