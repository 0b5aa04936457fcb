//! Chat apps over the bundled model: pictures in, words out, and what a real engine refuses. Nothing here is scripted.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::routing::get;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted;
use crate::support::{Client, Event, Role, TestApp};

const RED_CIRCLE: &[u8] = include_bytes!("../../docs/pictures/red-circle.png");
const BLUE_SQUARE: &[u8] = include_bytes!("../../docs/pictures/blue-square.png");

fn sees() -> Value {
    json!({"file_upload": {"enabled": true, "allowed_file_types": ["image"], "number_limits": 4,
        "allowed_file_upload_methods": ["local_file", "remote_url"]}})
}

/// The key of an app that answers with the bundled model.
async fn publish(app: &TestApp, config: Value) -> (Uuid, Client) {
    let (id, token) = scripted::publish(&app.state.db, app.home.id, "chat", "local", "default", config).await;
    (id, app.with_key(&token))
}

async fn upload(client: &Client, name: &str, bytes: &[u8]) -> Value {
    let reply = client.multipart("/v1/files/upload", &[("user", "u")], &[("file", name, "image/png", bytes)]).await.ok();
    json!({"type": "image", "transfer_method": "local_file", "upload_file_id": reply["id"]})
}

fn question(query: &str, files: Value) -> Value {
    json!({"query": query, "inputs": {}, "user": "u", "files": files, "auto_generate_name": false})
}

fn streaming(query: &str, files: Value) -> Value {
    let mut body = question(query, files);
    body["response_mode"] = "streaming".into();
    body
}

fn text(events: &[Event]) -> String {
    events.iter().map(Event::json).filter(|e| e["event"] == "message").map(|e| e["answer"].as_str().unwrap().to_owned()).collect()
}

#[sqlx::test]
async fn the_model_sees_a_red_circle(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let (_, client) = publish(&app, sees()).await;
    let red = upload(&client, "red-circle.png", RED_CIRCLE).await;
    let blue = upload(&client, "blue-square.png", BLUE_SQUARE).await;

    let answer = client.post("/v1/chat-messages", question("What color is the circle?", json!([red]))).await.ok();
    assert!(answer["answer"].as_str().unwrap().to_lowercase().contains("red"), "{answer}");
    let usage = &answer["metadata"]["usage"];
    assert!(usage["prompt_tokens"].as_u64().unwrap() > 10 && usage["completion_tokens"].as_u64().unwrap() > 0, "{usage}");
    assert!(usage["time_to_first_token"].as_f64().unwrap() <= usage["latency"].as_f64().unwrap(), "{usage}");

    let events = client.stream("/v1/chat-messages", streaming("圆形是什么颜色的?", json!([red]))).await.rest().await;
    assert!(text(&events).contains('红'), "{events:?}");
    assert_eq!(events.last().unwrap().json()["event"], "message_end");

    let same = "Is the second picture showing the same shapes as the first?";
    let pair = client.post("/v1/chat-messages", question(same, json!([red, red]))).await.ok();
    assert!(pair["answer"].as_str().unwrap().starts_with("Yes"), "{pair}");
    let one = client.post("/v1/chat-messages", question(same, json!([blue]))).await.ok();
    let tokens = |answer: &Value| answer["metadata"]["usage"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens(&pair) > tokens(&one) + 30, "both pictures are in the prompt: {pair} {one}");

    // the picture stays part of the conversation
    let first = client.post("/v1/chat-messages", question("What is in the picture?", json!([red]))).await.ok();
    let mut next = question("What color is the circle?", json!([]));
    next["conversation_id"] = first["conversation_id"].clone();
    let answer = client.post("/v1/chat-messages", next).await.ok();
    assert!(answer["answer"].as_str().unwrap().to_lowercase().contains("red"), "{answer}");
}

#[sqlx::test]
async fn bad_pictures_are_told(db: PgPool) {
    let app = TestApp::start_with(db, |config| {
        config.no_model = false;
        config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    app.state.engines.load("default").await.unwrap();
    let (_, client) = publish(&app, sees()).await;

    // a picture that lies elsewhere
    let router = axum::Router::new()
        .route("/red.png", get(|| async { ([(header::CONTENT_TYPE, "image/png")], RED_CIRCLE) }))
        .route("/text.png", get(|| async { ([(header::CONTENT_TYPE, "image/png")], "not a picture") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let remote = |path: &str| json!([{"type": "image", "transfer_method": "remote_url", "url": format!("http://{address}/{path}")}]);
    let answer = client.post("/v1/chat-messages", question("What color is the circle?", remote("red.png"))).await.ok();
    assert!(answer["answer"].as_str().unwrap().to_lowercase().contains("red"), "{answer}");
    for path in ["text.png", "missing.png"] {
        let reply = client.post("/v1/chat-messages", question("What is it?", remote(path))).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}: {}", reply.text());
        assert!(reply.json()["message"].as_str().is_some_and(|m| !m.is_empty()));
    }

    // text that calls itself a picture is refused when it comes, or at the latest when it is to be seen
    let reply = client.multipart("/v1/files/upload", &[("user", "u")], &[("file", "note.png", "image/png", b"just text")]).await;
    if reply.status.is_success() {
        let file = json!([{"type": "image", "transfer_method": "local_file", "upload_file_id": reply.json()["id"]}]);
        let reply = client.post("/v1/chat-messages", question("What is it?", file)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text());
    } else {
        assert!(reply.status.is_client_error(), "{}", reply.text());
    }

    let mut pixel = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(1, 1, image::Rgb([200, 0, 0])).write_to(&mut pixel, image::ImageFormat::Png).unwrap();
    let pixel = upload(&client, "pixel.png", pixel.get_ref()).await;
    let reply = client.post("/v1/chat-messages", question("What color is it?", json!([pixel]))).await;
    assert!(!reply.ok()["answer"].as_str().unwrap().is_empty());
}

#[sqlx::test]
async fn too_long_and_too_many_are_refused(db: PgPool) {
    let app = TestApp::start_with(db, |config| {
        config.no_model = false;
        config.queue_limit = 1;
    })
    .await;
    app.state.engines.load("default").await.unwrap();
    let (_, client) = publish(&app, json!({})).await;

    let long = "word ".repeat(6000);
    let refusal = client.post("/v1/chat-messages", question(&long, json!([]))).await.refused(400, "invalid_param");
    assert!(refusal["message"].as_str().unwrap().starts_with("Query or prefix prompt is too long"), "{refusal}");

    // a history that does not fit is cut, and the question still answered
    let mut body = question(&"eagle fridge pharmacy ".repeat(250), json!([]));
    for _ in 0..4 {
        let answer = client.post("/v1/chat-messages", body.clone()).await.ok();
        body["conversation_id"] = answer["conversation_id"].clone();
    }

    // more callers than the queue holds
    let callers = (0..24).map(|n| {
        let client = client.clone();
        async move { client.post("/v1/chat-messages", question(&format!("Repeat: {n} eagle fridge pharmacy"), json!([]))).await }
    });
    let replies = futures::future::join_all(callers).await;
    let refused: Vec<_> = replies.iter().filter(|r| r.status != StatusCode::OK).collect();
    assert!(!refused.is_empty() && refused.len() < replies.len(), "{} refused", refused.len());
    for reply in refused {
        reply.refused(429, "rate_limit_error");
        let wait: u64 = reply.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait));
    }
    client.post("/v1/chat-messages", question("hello", json!([]))).await.ok();
}

#[sqlx::test]
async fn an_answer_is_finished_when_its_client_leaves(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let model = json!({"provider": "local", "name": "default", "mode": "chat", "completion_params": {"temperature": 0, "max_tokens": 200}});
    let (_, client) = publish(&app, json!({"model": model})).await;
    let words = "eagle fridge pharmacy deer mouse wheel ".repeat(5);
    let ask = format!("Repeat: {}", words.trim());
    let mut stream = client.stream("/v1/chat-messages", streaming(&ask, json!([]))).await;
    let event = stream.next().await.unwrap().json();
    drop(stream);
    let id: Uuid = event["message_id"].as_str().unwrap().parse().unwrap();
    let mut row = (String::new(), String::new(), None, None);
    for _ in 0..400 {
        row = sqlx::query_as::<_, (String, String, Option<f64>, Option<f64>)>(
            "select status, answer, time_to_first_token_s::float8, latency_s::float8 from messages where id = $1",
        )
        .bind(id)
        .fetch_one(&app.state.db)
        .await
        .unwrap();
        if row.0 != "running" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(row.0, "normal");
    assert!(row.1.chars().count() > 50, "{}", row.1);
    // text goes out as it is written, not when all of it is there
    let (first, whole) = (row.2.unwrap(), row.3.unwrap());
    assert!(first < whole * 0.6, "first text after {first} s of {whole} s");
}

#[sqlx::test]
async fn the_model_names_conversations_and_suggests_questions(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let (_, client) = publish(&app, json!({"suggested_questions_after_answer": {"enabled": true}})).await;
    let query = "How do I connect the fridge?";
    let answer = client.post("/v1/chat-messages", json!({"query": query, "inputs": {}, "user": "u"})).await.ok();
    let mut name = String::new();
    for _ in 0..200 {
        let list = client.get("/v1/conversations?user=u").await.ok();
        name = list["data"][0]["name"].as_str().unwrap().to_owned();
        if !name.ends_with('…') {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(name.to_lowercase().contains("fridge") && !name.ends_with('…') && name.len() < 40, "{name:?} for {answer}");

    let path = format!("/v1/conversations/{}/name", answer["conversation_id"].as_str().unwrap());
    let renamed = client.post(&path, json!({"auto_generate": true, "user": "u"})).await.ok();
    assert!(renamed["name"].as_str().unwrap().to_lowercase().contains("fridge"), "{renamed}");

    let path = format!("/v1/messages/{}/suggested?user=u", answer["message_id"].as_str().unwrap());
    let suggested = client.get(&path).await.ok();
    let questions: Vec<_> = suggested["data"].as_array().unwrap().iter().map(|q| q.as_str().unwrap()).collect();
    assert_eq!(questions.len(), 3, "{suggested}");
    assert!(questions.iter().all(|q| q.ends_with('?') && q.contains("fridge")), "{suggested}");
}

#[sqlx::test]
async fn annotations_and_moderation_answer_before_the_model(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let preset = |text: &str| json!({"enabled": true, "preset_response": text});
    let (id, client) = publish(
        &app,
        json!({"sensitive_word_avoidance": {"enabled": true, "type": "keywords", "config": {
        "keywords": "forbidden\npharmacy", "inputs_config": {"enabled": false}, "outputs_config": preset("Withdrawn.")}}}),
    )
    .await;
    sqlx::query("update apps set annotation_reply = $2 where id = $1")
        .bind(id)
        .bind(json!({"enabled": true, "score_threshold": 0.9}))
        .execute(&app.state.db)
        .await
        .unwrap();
    let editor = app.client(Role::Editor);
    let made =
        editor.post(&format!("/api/apps/{id}/annotations"), json!({"question": "Who made you?", "answer": "The people here."})).await;
    let made = made.ok();

    let events = client.stream("/v1/chat-messages", streaming("  who made  you?", json!([]))).await.rest().await;
    assert_eq!(text(&events), "The people here.");
    let end = events.last().unwrap().json();
    let reply = &end["metadata"]["annotation_reply"];
    assert_eq!((&reply["id"], &reply["account"]["id"]), (&made["id"], &json!(app.home.account_id(Role::Editor))));
    assert_eq!(end["metadata"]["usage"]["total_tokens"], 0);
    let hits: i32 =
        sqlx::query_scalar("select hit_count from annotations where app_id = $1").bind(id).fetch_one(&app.state.db).await.unwrap();
    assert_eq!(hits, 1);

    // another question goes to the model, and what it writes is watched
    let events = client.stream("/v1/chat-messages", streaming("Say: eagle fridge pharmacy", json!([]))).await.rest().await;
    let names: Vec<_> = events.iter().map(|e| e.json()["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names[names.len() - 2..], ["message_replace", "message_end"], "{names:?}");
    assert_eq!(events[events.len() - 2].json()["answer"], "Withdrawn.");
    assert!(!text(&events).contains("pharmacy"));
}
