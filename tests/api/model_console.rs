//! Local models in the console: downloads, plans, deletion, the engine's state, and the playground.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::support::{Client, Event, Role, TestApp, eventually};

/// A hub with the bundled model's files. Weights come a piece at a time, each when `gate` lets one through.
#[derive(Clone)]
struct Hub {
    files: Arc<Vec<(String, Vec<u8>)>>,
    gate: Arc<Semaphore>,
}

const PIECE: usize = 4 << 20;

impl Hub {
    async fn start() -> (Self, String) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ashlar-tiny");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
        });
        let hub = Self { files: Arc::new(files.collect()), gate: Arc::new(Semaphore::new(0)) };
        let router = Router::new()
            .route("/api/models/{owner}/{name}/revision/{revision}", get(listing))
            .route("/{owner}/{name}/resolve/{revision}/{file}", get(resolve))
            .with_state(hub.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (hub, url)
    }
}

async fn listing(State(hub): State<Hub>, Path((_, name, _)): Path<(String, String, String)>) -> Response<Body> {
    if name == "missing" {
        return Response::builder().status(404).body(Body::empty()).unwrap();
    }
    let sibling = |(name, bytes): &(String, Vec<u8>)| json!({"rfilename": name, "size": bytes.len(), "lfs": {"sha256": hex::encode(Sha256::digest(bytes)), "size": bytes.len()}});
    let siblings: Vec<_> = hub.files.iter().map(sibling).collect();
    Response::new(Body::from(json!({"sha": "c0ffee", "siblings": siblings}).to_string()))
}

async fn resolve(
    State(hub): State<Hub>,
    Path((_, _, _, name)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let bytes = hub.files.iter().find(|(n, _)| *n == name).unwrap().1.clone();
    let total = bytes.len();
    let range = headers.get("range").map(|v| v.to_str().unwrap().strip_prefix("bytes=").unwrap().to_owned());
    let (status, first, last) = match &range {
        None => (StatusCode::OK, 0, total - 1),
        Some(range) => {
            let (first, last) = range.split_once('-').unwrap();
            (StatusCode::PARTIAL_CONTENT, first.parse().unwrap(), last.parse::<usize>().unwrap().min(total - 1))
        }
    };
    let part = bytes[first..=last].to_vec();
    let held = name.ends_with(".safetensors") && part.len() > 1 << 20;
    let gate = Arc::clone(&hub.gate);
    let pieces = async_stream::stream! {
        for piece in part.chunks(PIECE) {
            if held {
                gate.acquire().await.unwrap().forget();
            }
            yield Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece));
        }
    };
    Response::builder()
        .status(status)
        .header("content-range", format!("bytes {first}-{last}/{total}"))
        .header("content-length", last + 1 - first)
        .body(Body::from_stream(pieces))
        .unwrap()
}

async fn start(db: PgPool) -> (TestApp, Client, Hub) {
    let (hub, url) = Hub::start().await;
    let app = TestApp::start_with(db, |config| config.hf_endpoint = url.parse().unwrap()).await;
    let admin = app.client(Role::Admin);
    (app, admin, hub)
}

async fn pull(client: &Client) -> Value {
    client.get("/api/model-pulls").await.ok()["data"][0].clone()
}

#[sqlx::test]
async fn a_model_is_pulled_watched_stopped_and_pulled_on(db: PgPool) {
    let (app, admin, hub) = start(db).await;
    let started = admin.post("/api/model-pulls", json!({"model": "https://huggingface.co/o/tiny/"})).await;
    assert_eq!(started.status, StatusCode::CREATED);
    let started = started.json();
    assert_eq!((&started["model"], &started["status"]), (&json!("o/tiny"), &json!("running")));
    admin.post("/api/model-pulls", json!({"model": "o/tiny"})).await.refused(409, "conflict");
    hub.gate.add_permits(2);
    eventually("bytes come in", || async {
        let pull = pull(&admin).await;
        pull["done_bytes"].as_u64().unwrap() > PIECE as u64 && pull["total_bytes"].as_u64().unwrap() > 20 << 20
    })
    .await;

    // others neither see it nor stop it
    let path = format!("/api/model-pulls/{}", started["id"].as_str().unwrap());
    assert_eq!(app.foreigner().get("/api/model-pulls").await.ok()["data"], json!([]));
    app.foreigner().delete(&path).await.refused(404, "not_found");
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    admin.delete(&path).await.refused(404, "not_found");
    assert_eq!(admin.get("/api/model-pulls").await.ok()["data"], json!([]));

    // what came is kept
    hub.gate.add_permits(100);
    eventually("the lock is free again", || async {
        admin.post("/api/model-pulls", json!({"model": "o/tiny"})).await;
        eventually("the pull ends", || async { pull(&admin).await["status"] != "running" }).await;
        pull(&admin).await["status"] == "done"
    })
    .await;
    let done = pull(&admin).await;
    assert_eq!(done["done_bytes"], done["total_bytes"]);
    let models = admin.get("/api/models").await.ok();
    let model = models["data"].as_array().unwrap().iter().find(|model| model["name"] == "o/tiny").unwrap().clone();
    assert_eq!((&model["status"], &model["deletable"]), (&json!("available"), &json!(true)));
    assert!(model["weight_bytes"].as_u64().unwrap() > 20 << 20);

    admin.post("/api/models/local/o%2Ftiny/load", json!({})).await.ok();
    let names = || async {
        let engine = admin.get("/api/engine").await.ok();
        engine["models"].as_array().unwrap().iter().map(|model| model["name"].clone()).collect::<Vec<_>>()
    };
    eventually("it is in memory", || async { names().await == ["o/tiny"] }).await;
    assert_eq!(admin.delete("/api/models/local/o%2Ftiny").await.status, StatusCode::NO_CONTENT);
    assert!(names().await.is_empty() && !app.state.config.models_dir().join("o").exists());
    admin.delete("/api/models/local/o%2Ftiny").await.refused(404, "model_not_found");
    admin.delete("/api/models/local/ashlar-tiny").await.refused(400, "invalid_param");
    let log = admin.get("/api/audit-log").await.ok();
    assert_eq!(log["data"][0]["action"], "model.delete");
}

#[sqlx::test]
async fn a_pull_that_can_not_be_says_why(db: PgPool) {
    let (_, admin, _) = start(db).await;
    for model in ["", "tiny", "a/b/c", "../x/y"] {
        let refused = admin.post("/api/model-pulls", json!({"model": model})).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], "model", "{model}");
    }
    admin.post("/api/model-pulls", json!({"model": "o/m", "files": vec!["x"; 17]})).await.refused(400, "invalid_param");
    admin.post("/api/model-pulls", json!({"model": "o/missing"})).await.json();
    eventually("it fails", || async { pull(&admin).await["status"] == "failed" }).await;
    assert!(pull(&admin).await["error"].as_str().unwrap().contains("there is no model o/missing"));
}

#[sqlx::test]
async fn a_plan_is_made_of_local_models_shapes_and_models_of_the_hub(db: PgPool) {
    let (_, admin, _) = start(db).await;
    let local = admin.get("/api/model-plan?model=ashlar-tiny&device=cpu&memory_bytes=1000000000").await.ok();
    assert_eq!((&local["device"], &local["vision"], &local["memory_bytes"]), (&json!("cpu"), &json!(true), &json!(1_000_000_000)));
    let option = &local["options"][0];
    let n = |name: &str| option[name].as_u64().unwrap();
    assert_eq!(n("fixed_bytes"), n("weight_bytes") + n("workspace_bytes") + n("encoder_cache_bytes") + n("device_bytes"));
    assert_eq!(n("kv_tokens"), (1_000_000_000 - n("fixed_bytes")) / n("kv_bytes_per_token"));
    // the headers alone are enough: the weights never come, the gate is shut
    let remote = admin.get("/api/model-plan?model=o/tiny&device=cpu&memory_bytes=1000000000").await.ok();
    assert_eq!((&remote["options"], &remote["n_parameters"]), (&local["options"], &local["n_parameters"]));

    let shape = admin.get("/api/model-plan?model=qwen3-vl-8b&device=cuda&memory_bytes=24000000000").await.ok();
    assert_eq!(shape["options"].as_array().unwrap().len(), 2);
    assert!(shape["options"][1]["weight_bytes"].as_u64().unwrap() < shape["options"][0]["weight_bytes"].as_u64().unwrap());
    assert_eq!(admin.get("/api/model-plan?model=o/missing").await.refused(400, "model_currently_not_support")["error"]["param"], "model");
    for query in ["model=nothing", "model=ashlar-tiny&device=tpu", "model=ashlar-tiny&memory_bytes=0"] {
        admin.get(&format!("/api/model-plan?{query}")).await.refused(400, "invalid_param");
    }
}

#[sqlx::test]
async fn the_playground_streams_and_the_engine_counts(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let (editor, admin) = (app.client(Role::Editor), app.client(Role::Admin));
    let before = admin.get("/api/engine").await.ok();
    assert_eq!((&before["device"], &before["models"][0]["name"]), (&json!("cpu"), &json!("ashlar-tiny")));
    assert_eq!(before["gpu"], Value::Null);
    assert!(before["memory_total_bytes"].as_u64() > before["process_bytes"].as_u64() && before["max_running"].as_u64() > Some(1));

    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(64, 64, image::Rgb([200, 30, 30])).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.flush().unwrap();
    let url = format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(png.into_inner()));
    let content = json!([{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is in the picture?"}]);
    let body = json!({"model": "local/ashlar-tiny", "messages": [{"role": "user", "content": content}], "temperature": 0, "max_tokens": 20,
        "stream": true, "stream_options": {"include_usage": true}});
    let events = editor.stream("/api/playground/chat/completions", body).await.rest().await;
    let chunks: Vec<_> = events[..events.len() - 1].iter().map(Event::json).collect();
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert!(!text.is_empty());
    let usage = &chunks.last().unwrap()["usage"];
    assert!(usage["prompt_tokens_details"]["image_tokens"].as_u64().unwrap() > 0);

    eventually("the answer is counted", || async { admin.get("/api/engine").await.ok()["models"][0]["llm"]["n_finished"] == 1 }).await;
    let after = admin.get("/api/engine").await.ok();
    let llm = &after["models"][0]["llm"];
    assert_eq!((&llm["n_finished"], &llm["n_completion_tokens"]), (&json!(1), &usage["completion_tokens"]));
    assert_eq!((&llm["n_picture_misses"], &llm["n_picture_hits"]), (&json!(1), &json!(0)));
    assert!(llm["kv_tokens"].as_u64() > llm["kv_reusable_tokens"].as_u64() && llm["n_steps"].as_u64() > Some(1));

    let wrong = json!({"model": "local/nothing", "messages": [{"role": "user", "content": "Hi"}]});
    editor.post("/api/playground/chat/completions", wrong).await.refused(404, "model_not_found");
    let wrong = json!({"model": "local/ashlar-tiny", "messages": [], "temperature": 9});
    editor.post("/api/playground/chat/completions", wrong).await.refused(400, "invalid_param");
}
