//! Videos and animations through every door, seen by the bundled model. They are made by ffmpeg from the pictures of the docs.

use ashlar::accounts::NewKey;
use ashlar::engine::host::DEFAULT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::scripted;
use crate::support::{Client, TestApp};
use crate::workflows::{blocking, end, graph, node, publish, start};

/// Two seconds of a picture.
async fn video(name: &str) -> Vec<u8> {
    video_of(name, "2").await
}

async fn video_of(name: &str, seconds: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let picture = format!("{}/docs/pictures/red-circle.png", env!("CARGO_MANIFEST_DIR"));
    let path = folder.path().join(name);
    let mut command = tokio::process::Command::new("ffmpeg");
    command.args(["-v", "error", "-loop", "1", "-framerate", "4", "-t", seconds, "-i", &picture]);
    if !name.ends_with(".gif") {
        command.args(["-pix_fmt", "yuv420p"]);
    }
    assert!(command.arg(&path).status().await.unwrap().success());
    std::fs::read(path).unwrap()
}

async fn upload(client: &Client, name: &str, mime_type: &str, bytes: &[u8]) -> Value {
    let kind = mime_type.split('/').next().unwrap();
    let reply = client.multipart("/v1/files/upload", &[("user", "u-7")], &[("file", name, mime_type, bytes)]).await.ok();
    json!({"type": kind, "transfer_method": "local_file", "upload_file_id": reply["id"]})
}

fn question(query: &str, files: Value) -> Value {
    json!({"query": query, "inputs": {}, "user": "u-7", "files": files, "auto_generate_name": false})
}

fn prompt_tokens(answer: &Value) -> u64 {
    answer["metadata"]["usage"]["prompt_tokens"].as_u64().unwrap()
}

#[sqlx::test]
async fn a_chat_app_sees_videos_and_goes_on_seeing_them(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let config = json!({"file_upload": {"enabled": true, "allowed_file_types": ["image", "video"], "number_limits": 4,
        "allowed_file_upload_methods": ["local_file"]}});
    let (_, token) = scripted::publish(&app.state.db, app.home.id, "chat", "local", "default", config).await;
    let client = app.with_key(&token);
    let colour = "What color is the circle?";
    let alone = client.post("/v1/chat-messages", question(colour, json!([]))).await.ok();
    for (name, mime_type) in [("a.mp4", "video/mp4"), ("a.webm", "video/webm"), ("a.gif", "image/gif")] {
        let file = upload(&client, name, mime_type, &video(name).await).await;
        let answer = client.post("/v1/chat-messages", question(colour, json!([file]))).await.ok();
        assert!(answer["answer"].as_str().unwrap().to_lowercase().contains("red"), "{name}: {answer}");
        // two pairs of frames at least, each with its time
        assert!(prompt_tokens(&answer) > prompt_tokens(&alone) + 2 * 16, "{name}: {answer}");
        let mut next = question(colour, json!([]));
        next["conversation_id"] = answer["conversation_id"].clone();
        let next = client.post("/v1/chat-messages", next).await.ok();
        assert!(prompt_tokens(&next) > prompt_tokens(&answer), "{name}: {next}");
    }

    let broken = upload(&client, "b.mp4", "video/mp4", b"\0\0\0\x18ftypisom and nothing else").await;
    let refused = client.post("/v1/chat-messages", question(colour, json!([broken]))).await.refused(400, "invalid_param");
    assert!(refused["message"].as_str().unwrap().starts_with("The video 'b.mp4' can't be seen by a model: "), "{refused}");
}

#[sqlx::test]
async fn a_model_sees_video_urls(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let client = app.with_key(&app.seed_key(&app.home, NewKey::Model).await);
    let see = |url: String| {
        json!({"model": DEFAULT, "temperature": 0, "messages": [{"role": "user", "content": [
            {"type": "video_url", "video_url": {"url": url}}, {"type": "text", "text": "What color is the circle?"}]}]})
    };
    let url = format!("data:video/mp4;base64,{}", STANDARD.encode(video("a.mp4").await));
    let answer = client.post("/v1/chat/completions", see(url)).await.ok();
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().to_lowercase().contains("red"), "{answer}");
    let url = format!("data:video/mp4;base64,{}", STANDARD.encode("#EXTM3U\nfile:///etc/passwd"));
    let refused = client.post("/v1/chat/completions", see(url)).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["param"]), (400, &json!("messages[0].content[0].video_url.url")));
}

#[sqlx::test]
async fn an_llm_node_sees_videos(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let form = json!([{"variable": "clip", "label": "Clip", "type": "file", "required": true, "allowed_file_types": ["video"],
        "allowed_file_upload_methods": ["local_file"], "allowed_file_extensions": []}]);
    let model = json!({"type": "llm", "title": "See", "context": {"enabled": false},
        "model": {"provider": "local", "name": "default", "mode": "chat", "completion_params": {"temperature": 0}},
        "prompt_template": [{"role": "user", "text": "What color is the circle?"}],
        "vision": {"enabled": true, "configs": {"variable_selector": ["s", "clip"], "detail": "high"}}});
    let flow =
        publish(&app, &app.home, "workflow", graph(vec![start(form), node("m", model), end(&[("said", "m.text")])], &["s>m", "m>e"])).await;
    let clip = upload(&flow.client, "a.mp4", "video/mp4", &video("a.mp4").await).await;
    let run = flow.client.post("/v1/workflows/run", blocking(json!({"clip": clip}))).await.ok();
    assert_eq!(run["data"]["status"], "succeeded", "{run}");
    assert!(run["data"]["outputs"]["said"].as_str().unwrap().to_lowercase().contains("red"), "{run}");
}

#[sqlx::test]
async fn a_conversation_outlives_the_link_of_its_video(db: PgPool) {
    let app = TestApp::start_with(db, |config| {
        config.no_model = false;
        config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    app.state.engines.load(DEFAULT).await.unwrap();
    let server = wiremock::MockServer::start().await;
    let answer = wiremock::ResponseTemplate::new(200).set_body_bytes(video("a.mp4").await);
    wiremock::Mock::given(wiremock::matchers::path("/a.mp4")).respond_with(answer).mount(&server).await;
    let config = json!({"file_upload": {"enabled": true, "allowed_file_types": ["video"], "number_limits": 1,
        "allowed_file_upload_methods": ["remote_url"]}});
    let (_, token) = scripted::publish(&app.state.db, app.home.id, "chat", "local", "default", config).await;
    let client = app.with_key(&token);
    let file = json!({"type": "video", "transfer_method": "remote_url", "url": format!("{}/a.mp4", server.uri())});
    let seen = client.post("/v1/chat-messages", question("What color is the circle?", json!([file]))).await.ok();
    assert!(seen["answer"].as_str().unwrap().to_lowercase().contains("red"), "{seen}");

    // another link, so that the clip kept of the first one does not help
    let gone = format!("{}/gone.mp4", server.uri());
    sqlx::query("update message_files set url = $1").bind(&gone).execute(&app.state.db).await.unwrap();
    let mut next = question("What color is the circle?", json!([]));
    next["conversation_id"] = seen["conversation_id"].clone();
    let next = client.post("/v1/chat-messages", next).await.ok();
    assert!(prompt_tokens(&next) < prompt_tokens(&seen) + 40, "the clip is not seen any more: {next}");
}

#[sqlx::test]
async fn a_model_without_clips_sees_frames_of_a_video(db: PgPool) {
    let goldens = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let app = TestApp::start_with(db, |config| config.models_dir = Some(goldens)).await;
    let client = app.with_key(&app.seed_key(&app.home, NewKey::Model).await);
    let see = async |seconds: &str| {
        let url = format!("data:video/mp4;base64,{}", STANDARD.encode(video_of("a.mp4", seconds).await));
        let body = json!({"model": "chameleon", "max_tokens": 1, "messages": [{"role": "user", "content": [
            {"type": "video_url", "video_url": {"url": url}}, {"type": "text", "text": "And?"}]}]});
        client.post("/v1/chat/completions", body).await
    };
    // a picture of this model is 64 tokens between two marks
    let answer = see("2").await.ok();
    assert_eq!(answer["usage"]["prompt_tokens_details"]["image_tokens"], 4 * 66, "{answer}");
    // forty frames are too many: every third is seen, which this model has no room for
    let refused = see("20").await.refused(400, "context_length_exceeded");
    let message = refused["error"]["message"].as_str().unwrap();
    let n_tokens: usize = message.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).max().unwrap();
    assert!((14 * 66..20 * 66).contains(&n_tokens), "fourteen frames and their times: {message}");
}
