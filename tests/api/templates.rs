//! The templates that come with the program: each becomes an app, is published and answers with the bundled model.

use ashlar::accounts::NewKey;
use ashlar::ids::AppId;
use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Client, Role, TestApp};

/// A red square in the middle of white.
fn picture() -> Vec<u8> {
    let image = image::RgbImage::from_fn(96, 96, |x, y| {
        let inside = (24..72).contains(&x) && (24..72).contains(&y);
        image::Rgb(if inside { [220, 30, 30] } else { [255, 255, 255] })
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A file as calls name it.
async fn upload(client: &Client, kind: &str) -> Value {
    let (name, mime_type, bytes) = match kind {
        "image" => ("square.png", "image/png", picture()),
        _ => ("note.txt", "text/plain", b"Mary pays the red bill on Monday.".to_vec()),
    };
    let reply = client.multipart("/v1/files/upload", &[("user", "u")], &[("file", name, mime_type, &bytes)]).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    json!({"type": kind, "transfer_method": "local_file", "upload_file_id": reply.json()["id"]})
}

/// What somebody who knows nothing of the app would fill in: defaults and first options, text and files where there are none.
async fn inputs(client: &Client) -> Value {
    let parameters = client.get("/v1/parameters").await.ok();
    let mut inputs = json!({});
    for entry in parameters["user_input_form"].as_array().unwrap() {
        let (kind, field) = entry.as_object().unwrap().iter().next().unwrap();
        let kind_of_file = field["allowed_file_types"][0].as_str().unwrap_or("document");
        let value = match kind.as_str() {
            "file" => upload(client, kind_of_file).await,
            "file-list" => json!([upload(client, kind_of_file).await, upload(client, kind_of_file).await]),
            "select" => field["options"][0].clone(),
            _ => json!("A red square and two blue circles."),
        };
        inputs[field["variable"].as_str().unwrap()] = value;
    }
    inputs
}

/// The answer, or the outputs as text.
async fn run(client: &Client, mode: &str, vision: bool) -> String {
    let kind = if vision { "image" } else { "document" };
    let parameters = client.get("/v1/parameters").await.ok();
    let takes_files = parameters["file_upload"]["enabled"] == true || parameters["file_upload"]["image"]["enabled"] == true;
    let files = if takes_files { json!([upload(client, kind).await]) } else { json!([]) };
    let inputs = inputs(client).await;
    let ask = |query: &str| json!({"query": query, "inputs": inputs, "files": files, "user": "u", "response_mode": "blocking"});
    match mode {
        "workflow" => {
            let body = client.post("/v1/workflows/run", json!({"inputs": inputs, "user": "u", "response_mode": "blocking"})).await.ok();
            assert_eq!(body["data"]["status"], "succeeded", "{}", body["data"]["error"]);
            body["data"]["outputs"].to_string()
        }
        "completion" => client.post("/v1/completion-messages", ask("")).await.ok()["answer"].as_str().unwrap().to_owned(),
        "agent-chat" => {
            let body = json!({"query": "What is 17 * 23?", "inputs": inputs, "user": "u", "response_mode": "streaming"});
            let events = client.stream("/v1/chat-messages", body).await.rest().await;
            let events: Vec<_> = events.iter().map(crate::support::Event::json).collect();
            assert_eq!(events.last().unwrap()["event"], "message_end", "{events:#?}");
            events.iter().filter(|event| event["event"] == "agent_message").map(|event| event["answer"].as_str().unwrap()).collect()
        }
        _ => client.post("/v1/chat-messages", ask("What is in the picture?")).await.ok()["answer"].as_str().unwrap().to_owned(),
    }
}

#[sqlx::test]
async fn every_template_becomes_an_app_that_answers(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let editor = app.client(Role::Editor);
    let templates = editor.get("/api/templates").await.ok();
    let templates = templates["data"].as_array().unwrap();
    assert!(templates.len() >= 12);
    assert!(templates.iter().filter(|template| template["vision"] == true).count() >= 6);
    for mode in ["chat", "completion", "agent-chat", "advanced-chat", "workflow"] {
        assert!(templates.iter().any(|template| template["mode"] == mode), "no template of mode {mode}");
    }
    for template in templates {
        let id = template["id"].as_str().unwrap();
        for language in ["en-US", "zh-Hans"] {
            let texts = &template["texts"][language];
            assert!(
                texts["name"].as_str().is_some_and(|name| !name.is_empty()) && texts["description"].as_str().is_some(),
                "{id}: {texts}"
            );
        }
        let made = editor.post(&format!("/api/templates/{id}/apps"), json!({})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{id}: {}", made.text());
        let made = made.json();
        assert_eq!((&made["name"], &made["mode"]), (&template["texts"]["en-US"]["name"], &template["mode"]), "{id}");
        let app_id = made["id"].as_str().unwrap();
        if ["workflow", "advanced-chat"].contains(&made["mode"].as_str().unwrap()) {
            let check = editor.post(&format!("/api/apps/{app_id}/draft/check"), json!({})).await.ok();
            assert_eq!(check["data"], json!([]), "{id}");
        }
        let published = editor.post(&format!("/api/apps/{app_id}/publish"), json!({})).await;
        assert!(published.status.is_success(), "{id}: {}", published.text());
        let key = app.seed_key(&app.home, NewKey::App(AppId(app_id.parse().unwrap()))).await;
        let answer = run(&app.with_key(&key), made["mode"].as_str().unwrap(), template["vision"] == true).await;
        assert!(!answer.trim().is_empty(), "{id} says nothing");
        eprintln!("{id}: {}", answer.chars().take(160).collect::<String>());
    }
}

#[sqlx::test]
async fn an_app_of_a_template_carries_the_name_that_was_asked_for(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let body = json!({"name": "看图助手", "description": "聊聊你的图片"});
    let made = editor.post("/api/templates/picture-chat/apps", body).await.json();
    assert_eq!((&made["name"], &made["description"]), (&json!("看图助手"), &json!("聊聊你的图片")));
    assert_eq!(made["draft"]["file_upload"]["image"]["enabled"], true);
    editor.post("/api/templates/nothing/apps", json!({})).await.refused(404, "not_found");
    editor.post("/api/templates/catalog/apps", json!({})).await.refused(404, "not_found");
    editor.post("/api/templates/picture-chat/apps", json!({"name": "a\nb"})).await.refused(400, "invalid_param");
    editor.post("/api/templates/picture-chat/apps", json!({"description": "x".repeat(2001)})).await.refused(400, "invalid_param");
    assert_eq!(app.foreigner().get("/api/apps").await.ok()["data"], json!([]), "it belongs to the workspace");
}
