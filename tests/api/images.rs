//! Pictures in answers, from a tiny Chameleon (`tests/goldens/chameleon`, 32×32 pixels).

use std::path::Path;

use ashlar::accounts::NewKey;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::scripted;
use crate::support::{Client, Event, TestApp};
use crate::workflows::{blocking, end, graph, node, start};

const IMAGES: &str = "/v1/images/generations";
const CHAT: &str = "/v1/chat/completions";
/// Id of the token that begins a picture.
const BEGIN: &str = "69";

async fn with_chameleon(db: PgPool) -> (TestApp, Client) {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let app = TestApp::start_with(db, |config| config.models_dir = Some(goldens)).await;
    let key = app.seed_key(&app.home, NewKey::Model).await;
    let client = app.with_key(&key);
    (app, client)
}

fn size(png: &[u8]) -> (u32, u32) {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png).unwrap();
    (picture.width(), picture.height())
}

fn png_of(image: &Value) -> Vec<u8> {
    assert_eq!(image["type"], "image_url", "{image}");
    let url = image["image_url"]["url"].as_str().unwrap();
    STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap()
}

#[sqlx::test]
async fn pictures_are_drawn_from_a_prompt(db: PgPool) {
    let (app, client) = with_chameleon(db).await;
    let ask = json!({"model": "chameleon", "prompt": "A red hat", "n": 2, "seed": 7, "size": "auto", "user": "u"});
    let drawn = client.post(IMAGES, ask.clone()).await.ok();
    let pictures: Vec<_> =
        drawn["data"].as_array().unwrap().iter().map(|d| STANDARD.decode(d["b64_json"].as_str().unwrap()).unwrap()).collect();
    assert_eq!((pictures.len(), size(&pictures[0]), size(&pictures[1])), (2, (32, 32), (32, 32)));
    assert_ne!(pictures[0], pictures[1], "each has a seed of its own");
    assert_eq!((&drawn["size"], &drawn["output_format"]), (&json!("32x32"), &json!("png")));
    let usage = &drawn["usage"];
    assert_eq!((&usage["output_tokens"], &usage["input_tokens_details"]["image_tokens"]), (&json!(2 * 65), &json!(0)));
    assert_eq!(client.post(IMAGES, ask).await.ok()["data"], drawn["data"], "the same seed draws the same");

    let kept = json!({"model": "local/chameleon", "prompt": "A red hat", "seed": 7, "response_format": "url", "size": "32x32"});
    let kept = client.post(IMAGES, kept).await.ok();
    let url = kept["data"][0]["url"].as_str().unwrap();
    let path = url.find("/files/").map(|at| &url[at..]).unwrap();
    let file = app.anonymous().get(path).await;
    assert_eq!((file.status, file.body.as_ref()), (StatusCode::OK, pictures[0].as_slice()), "{url}");

    let base = json!({"model": "chameleon", "prompt": "x"});
    for (param, more) in [
        ("size", json!({"size": "1024x1024"})),
        ("n", json!({"n": 11})),
        ("response_format", json!({"response_format": "svg"})),
        ("output_format", json!({"output_format": "webp"})),
        ("background", json!({"background": "transparent"})),
        ("stream", json!({"stream": true})),
        ("prompt", json!({"prompt": " "})),
        ("model", json!({"model": "chameleon_swin"})),
    ] {
        let mut body = base.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = client.post(IMAGES, body).await;
        assert_eq!((reply.status, reply.json()["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some(param)), "{}", reply.text());
    }
    client.post(IMAGES, json!({"model": "nothing", "prompt": "x"})).await.refused(404, "model_not_found");
}

#[sqlx::test]
async fn chat_answers_hold_pictures_when_they_are_asked_for(db: PgPool) {
    let (_app, client) = with_chameleon(db).await;
    let ask = |more: Value| {
        let mut body = json!({"model": "chameleon", "messages": [{"role": "user", "content": "Draw a hat"}], "temperature": 0,
            "logit_bias": {BEGIN: 100}, "max_tokens": 70, "modalities": ["text", "image"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let whole = client.post(CHAT, ask(json!({}))).await.ok();
    let message = &whole["choices"][0]["message"];
    let images = message["images"].as_array().unwrap();
    assert_eq!((images.len(), size(&png_of(&images[0]))), (1, (32, 32)));

    let events = client.stream(CHAT, ask(json!({"stream": true}))).await.rest().await;
    let chunks: Vec<Value> = events.iter().filter(|e| e.data != "[DONE]").map(Event::json).collect();
    let streamed: Vec<_> = chunks.iter().filter_map(|c| c["choices"][0]["delta"]["images"].as_array()).flatten().collect();
    assert_eq!((streamed.len(), png_of(streamed[0])), (1, png_of(&images[0])));

    // the answer goes back as it came, and the model sees its picture
    let history = json!([{"role": "user", "content": "Draw a hat"}, message, {"role": "user", "content": "And now?"}]);
    let next = client.post(CHAT, ask(json!({"messages": history, "modalities": ["text"]}))).await.ok();
    assert_eq!(next["usage"]["prompt_tokens_details"]["image_tokens"], 66, "{next}");
    assert_eq!(next["choices"][0]["message"].get("images"), None, "nobody asked for pictures");

    let reply = client.post(CHAT, ask(json!({"modalities": ["text", "audio"]}))).await;
    assert_eq!((reply.status, &reply.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("modalities[1]")));
    let reply = client.post(CHAT, ask(json!({"model": "chameleon_swin"}))).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("model.vqmodel.decoder"), "{}", reply.text());
}

#[sqlx::test]
async fn apps_send_their_pictures_as_files(db: PgPool) {
    let (app, _) = with_chameleon(db).await;
    // As good as any token at such a temperature, the one that begins a picture comes sooner or later.
    let config = |seed: u32| {
        json!({"model": {"provider": "local", "name": "chameleon", "mode": "chat",
            "completion_params": {"temperature": 2, "top_p": 1, "max_tokens": 150, "seed": seed}}})
    };
    for seed in 0..40 {
        let (_, token) = scripted::publish(&app.state.db, app.home.id, "chat", "local", "chameleon", config(seed)).await;
        let client = app.with_key(&token);
        let ask = json!({"query": "Draw", "inputs": {}, "user": "u", "response_mode": "streaming", "auto_generate_name": false});
        let events: Vec<Value> = client.stream("/v1/chat-messages", ask).await.rest().await.iter().map(Event::json).collect();
        let end = events.last().unwrap();
        assert_eq!(end["event"], "message_end", "{end}");
        let Some(file) = events.iter().find(|event| event["event"] == "message_file") else { continue };
        assert_eq!((&file["type"], &file["belongs_to"]), (&json!("image"), &json!("assistant")), "{file}");

        let conversation = end["conversation_id"].as_str().unwrap();
        let messages = client.get(&format!("/v1/messages?user=u&conversation_id={conversation}")).await.ok();
        let files = messages["data"][0]["message_files"].as_array().unwrap();
        assert_eq!((&files[0]["id"], &files[0]["belongs_to"]), (&file["id"], &json!("assistant")), "{messages}");
        let url = files[0]["url"].as_str().unwrap();
        let picture = app.anonymous().get(&url[url.find("/files/").unwrap()..]).await;
        assert_eq!((picture.status, size(&picture.body)), (StatusCode::OK, (32, 32)));

        // A token for each byte, a mark for each message, and one in front; asked again the model sees what it drew.
        let n_pictures = events.iter().filter(|event| event["event"] == "message_file").count();
        let answer = messages["data"][0]["answer"].as_str().unwrap();
        let ask = json!({"query": "Again", "inputs": {}, "user": "u", "conversation_id": conversation});
        let again = client.post("/v1/chat-messages", ask).await.ok();
        let n_tokens = 1 + ("Draw".len() + 1) + (answer.len() + n_pictures * 66 + 1) + ("Again".len() + 1);
        assert_eq!(again["metadata"]["usage"]["prompt_tokens"], n_tokens, "{again}");
        return;
    }
    panic!("no picture came");
}

#[sqlx::test]
async fn an_llm_node_gives_its_pictures_as_files(db: PgPool) {
    let (app, _) = with_chameleon(db).await;
    for seed in 0..20 {
        // at such a temperature a picture comes sooner or later
        let model = json!({"type": "llm", "title": "Draw", "context": {"enabled": false}, "vision": {"enabled": false},
            "model": {"provider": "local", "name": "chameleon", "mode": "chat",
                "completion_params": {"temperature": 2, "top_p": 1, "max_tokens": 400, "seed": seed}},
            "prompt_template": [{"role": "user", "text": "Draw"}]});
        let nodes = vec![start(json!([])), node("m", model), end(&[("drawn", "m.files")])];
        let flow = crate::workflows::publish(&app, &app.home, "workflow", graph(nodes, &["s>m", "m>e"])).await;
        let run = flow.client.post("/v1/workflows/run", blocking(json!({}))).await.ok();
        assert_eq!(run["data"]["status"], "succeeded", "{run}");
        let Some(file) = run["data"]["outputs"]["drawn"].get(0) else { continue };
        assert_eq!((&file["type"], &file["mime_type"]), (&json!("image"), &json!("image/png")), "{file}");
        let url = file["url"].as_str().unwrap();
        let picture = app.anonymous().get(&url[url.find("/files/").unwrap()..]).await;
        assert_eq!((picture.status, size(&picture.body)), (StatusCode::OK, (32, 32)));
        return;
    }
    panic!("no picture came");
}
