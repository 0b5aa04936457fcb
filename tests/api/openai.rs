//! OpenAI's API over the bundled model, MiniLM and a scripted provider.

use std::path::{Path, PathBuf};

use ashlar::accounts::NewKey;
use ashlar::engine::host::{DEFAULT, Loaded};
use ashlar::ids::AppId;
use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted::Provider;
use crate::support::{Client, Role, TestApp, eventually};

const CHAT: &str = "/v1/chat/completions";

async fn with_model(db: PgPool) -> (TestApp, Client) {
    let app = TestApp::start_with_model(db).await;
    let key = app.seed_key(&app.home, NewKey::Model).await;
    let client = app.with_key(&key);
    (app, client)
}

/// A chat request with greedy sampling; `more` goes over it.
fn ask(content: impl Into<Value>, more: Value) -> Value {
    let mut body = json!({"model": DEFAULT, "messages": [{"role": "user", "content": content.into()}], "temperature": 0});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn content(reply: &Value) -> &str {
    reply["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("no text in {reply}"))
}

fn picture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures").join(name)).unwrap()
}

/// Refusals of a bad field name its path.
async fn refused_field(client: &Client, path: &str, body: Value, param: &str) {
    let reply = client.post(path, body).await;
    let error = &reply.json()["error"];
    assert_eq!((reply.status, error["param"].as_str()), (StatusCode::BAD_REQUEST, Some(param)), "{}", reply.text());
    assert_eq!(error["type"], "invalid_request_error");
    assert!(!error["message"].as_str().unwrap().is_empty(), "{error}");
}

#[sqlx::test]
async fn a_chat_is_answered_whole_and_as_chunks(db: PgPool) {
    let (_app, client) = with_model(db).await;
    let whole = client.post(CHAT, ask("Make this upper case: light update", json!({}))).await.ok();
    assert_eq!((&whole["object"], &whole["model"]), (&json!("chat.completion"), &json!("local/ashlar-tiny")));
    assert!(whole["id"].as_str().unwrap().starts_with("chatcmpl-") && whole["created"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!(whole["choices"].as_array().unwrap().len(), 1);
    let choice = &whole["choices"][0];
    assert_eq!((&choice["index"], &choice["finish_reason"], &choice["logprobs"]), (&json!(0), &json!("stop"), &Value::Null));
    assert_eq!((&choice["message"]["role"], &choice["message"]["refusal"]), (&json!("assistant"), &Value::Null));
    assert_eq!(content(&whole), "LIGHT UPDATE");
    let usage = &whole["usage"];
    assert!(usage["prompt_tokens"].as_u64().unwrap() > 5 && usage["completion_tokens"].as_u64().unwrap() > 3, "{usage}");
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap())
    );

    let streamed = ask("Make this upper case: light update", json!({"stream": true, "stream_options": {"include_usage": true}}));
    let stream = client.stream(CHAT, streamed).await;
    assert_eq!((stream.status, stream.headers["content-type"].to_str().unwrap()), (StatusCode::OK, "text/event-stream; charset=utf-8"));
    let events = stream.rest().await;
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(last.data, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|e| e.json()).collect();
    assert!(chunks.iter().all(|c| c["object"] == "chat.completion.chunk" && c["id"] == chunks[0]["id"] && c["model"] == whole["model"]));
    let [first, middle @ .., finish, usage_chunk] = chunks.as_slice() else { panic!("{chunks:?}") };
    assert_eq!((&first["choices"][0]["delta"]["role"], &first["choices"][0]["delta"]["content"]), (&json!("assistant"), &json!("")));
    let text: String = middle.iter().map(|c| c["choices"][0]["delta"]["content"].as_str().unwrap()).collect();
    assert_eq!(text, "LIGHT UPDATE");
    assert!(middle.len() > 1, "in pieces: {middle:?}");
    assert!(middle.iter().chain([first]).all(|c| c["choices"][0]["finish_reason"].is_null() && c["usage"].is_null()));
    assert_eq!((&finish["choices"][0]["delta"], &finish["choices"][0]["finish_reason"]), (&json!({}), &json!("stop")));
    assert_eq!(usage_chunk["choices"], json!([]));
    for count in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert_eq!(usage_chunk["usage"][count], usage[count], "{count}");
    }

    // without being asked for, usage is not in the stream
    let events = client.stream(CHAT, ask("Hi", json!({"stream": true}))).await.rest().await;
    assert!(events.iter().all(|e| !e.data.contains("\"usage\"")));
}

#[sqlx::test]
async fn pictures_are_seen(db: PgPool) {
    let (app, client) = with_model(db).await;
    let see = |url: String, question: &str| {
        ask(json!([{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]), json!({}))
    };
    let data = |name: &str| format!("data:image/png;base64,{}", STANDARD.encode(picture(name)));
    let reply = client.post(CHAT, see(data("red-circle.png"), "What color is the circle?")).await.ok();
    assert!(content(&reply).to_lowercase().contains("red"), "{reply}");
    assert!(reply["usage"]["prompt_tokens_details"]["image_tokens"].as_u64().unwrap() > 0, "{reply}");
    let reply = client.post(CHAT, see(data("blue-square.png"), "What color is the square?")).await.ok();
    assert!(content(&reply).to_lowercase().contains("blue"), "{reply}");

    let path = "messages[0].content[0].image_url.url";
    for url in [
        "http://127.0.0.1:9/x.png",
        "http://[::1]/x.png",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/x.png",
        "file:///etc/passwd",
        "",
    ] {
        refused_field(&client, CHAT, see(url.into(), "?"), path).await;
    }
    refused_field(&client, CHAT, see("data:image/png;base64,###".into(), "?"), path).await;
    refused_field(&client, CHAT, see("data:text/plain;base64,eA==".into(), "?"), path).await;
    let not_a_picture = client.post(CHAT, see(format!("data:image/png;base64,{}", STANDARD.encode("just text")), "?")).await;
    assert_eq!(not_a_picture.status, StatusCode::BAD_REQUEST, "{}", not_a_picture.text());
    drop(app);
}

#[sqlx::test]
async fn pictures_are_fetched_where_the_operator_allows_it(db: PgPool) {
    let app = TestApp::start_with(db, |config| {
        config.no_model = false;
        config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let client = app.with_key(&app.seed_key(&app.home, NewKey::Model).await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = || async { ([("content-type", "image/png")], picture("red-circle.png")) };
    let pictures = axum::Router::new().route("/red.png", axum::routing::get(serve));
    let task = tokio::spawn(async move { axum::serve(listener, pictures).await.unwrap() });
    let see = |file: &str| {
        let url = format!("http://{address}/{file}");
        ask(json!([{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What color is the circle?"}]), json!({}))
    };
    let reply = client.post(CHAT, see("red.png")).await.ok();
    assert!(content(&reply).to_lowercase().contains("red"), "{reply}");
    refused_field(&client, CHAT, see("missing.png"), "messages[0].content[0].image_url.url").await;
    task.abort();
}

fn tools() -> Value {
    let tool = |name: &str, parameter: &str| {
        json!({"type": "function", "function": {"name": name, "description": "A tool", "parameters": {
            "type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter], "additionalProperties": false}}})
    };
    json!([tool("get_weather", "city"), tool("search", "query")])
}

#[sqlx::test]
async fn chosen_tools_are_called(db: PgPool) {
    let (_app, client) = with_model(db).await;
    let named = json!({"type": "function", "function": {"name": "search"}});
    for (choice, names) in [(json!("required"), ["get_weather", "search"].as_slice()), (named, ["search"].as_slice())] {
        let body = ask("What is the weather in Paris?", json!({"tools": tools(), "tool_choice": choice, "max_tokens": 200}));
        let reply = client.post(CHAT, body.clone()).await.ok();
        let [call] = reply["choices"][0]["message"]["tool_calls"].as_array().unwrap().as_slice() else { panic!("{reply}") };
        assert!(!call["id"].as_str().unwrap().is_empty() && call["type"] == "function");
        let name = call["function"]["name"].as_str().unwrap();
        assert!(names.contains(&name), "{call}");
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        let parameter = if name == "search" { "query" } else { "city" };
        assert!(arguments[parameter].is_string() && arguments.as_object().unwrap().len() == 1, "{arguments}");
        assert_eq!(reply["choices"][0]["finish_reason"], "tool_calls");

        let mut streamed = body;
        streamed["stream"] = json!(true);
        let events = client.stream(CHAT, streamed).await.rest().await;
        let chunks: Vec<Value> = events.iter().filter(|e| e.data != "[DONE]").map(|e| e.json()).collect();
        let calls: Vec<_> = chunks.iter().filter_map(|c| c["choices"][0]["delta"]["tool_calls"].get(0)).collect();
        assert_eq!((&calls[0]["index"], &calls[0]["function"]["name"]), (&json!(0), &json!(name)));
        assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    }
    let quiet =
        client.post(CHAT, ask("Echo this text: hello", json!({"tools": tools(), "tool_choice": "none", "max_tokens": 40}))).await.ok();
    assert!(quiet["choices"][0]["message"]["tool_calls"].is_null(), "{quiet}");

    // the answer of a tool goes back
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{\"query\": \"goose\"}"}});
    let answered = json!({"model": DEFAULT, "temperature": 0, "max_tokens": 40, "tools": tools(), "messages": [
        {"role": "user", "content": "Search the knowledge base for goose."},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "{\"results\": 7234}"}]});
    assert!(content(&client.post(CHAT, answered).await.ok()).contains("7234"));

    refused_field(&client, CHAT, ask("x", json!({"tool_choice": "required"})), "tool_choice").await;
    let unknown = json!({"tools": tools(), "tool_choice": {"type": "function", "function": {"name": "nope"}}});
    refused_field(&client, CHAT, ask("x", unknown), "tool_choice.function.name").await;
}

#[sqlx::test]
async fn formats_hold(db: PgPool) {
    let (_app, client) = with_model(db).await;
    let schema = json!({"type": "object", "properties": {"color": {"enum": ["red", "green"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["color", "count"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "shape", "schema": schema, "strict": true}});
    // at a high temperature only the grammar can keep it valid
    for seed in 0..3 {
        let more = json!({"response_format": format, "temperature": 1.5, "seed": seed, "max_tokens": 200});
        let reply = client.post(CHAT, ask("Tell me about a shape.", more)).await.ok();
        let answer: Value = serde_json::from_str(content(&reply)).unwrap_or_else(|e| panic!("{e}: {reply}"));
        assert!(["red", "green"].contains(&answer["color"].as_str().unwrap()), "{answer}");
        assert!(answer["count"].as_i64().is_some_and(|n| (0..=9).contains(&n)), "{answer}");
        assert_eq!(answer.as_object().unwrap().len(), 2);
    }
    let question = "Extract the following parameters as JSON: time, city\nText: We arrive at 15:00.";
    let reply = client.post(CHAT, ask(question, json!({"response_format": {"type": "json_object"}, "max_tokens": 200}))).await.ok();
    assert!(serde_json::from_str::<Value>(content(&reply)).unwrap().is_object(), "{reply}");

    refused_field(&client, CHAT, ask("x", json!({"response_format": {"type": "xml"}})), "response_format.type").await;
    let bare = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}});
    refused_field(&client, CHAT, ask("x", bare), "response_format.json_schema.schema").await;
}

#[sqlx::test]
async fn logprobs_are_those_of_the_text(db: PgPool) {
    let (_app, client) = with_model(db).await;
    let reply = client.post(CHAT, ask("Make this upper case: light update", json!({"logprobs": true, "top_logprobs": 5}))).await.ok();
    let tokens = reply["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let bytes: Vec<u8> = tokens.iter().flat_map(|t| t["bytes"].as_array().unwrap().iter().map(|b| b.as_u64().unwrap() as u8)).collect();
    assert_eq!(String::from_utf8(bytes).unwrap(), content(&reply), "the tokens spell the text");
    for token in tokens {
        let top = token["top_logprobs"].as_array().unwrap();
        let logprobs: Vec<f64> = top.iter().map(|t| t["logprob"].as_f64().unwrap()).collect();
        assert_eq!(top.len(), 5);
        assert!(logprobs.is_sorted_by(|a, b| a >= b), "{logprobs:?}");
        let sum: f64 = logprobs.iter().map(|lp| lp.exp()).sum();
        assert!(sum <= 1.0 + 1e-4 && sum > 0.2, "{sum}");
        // greedy: the likeliest was taken
        assert_eq!((&top[0]["token"], &top[0]["logprob"]), (&token["token"], &token["logprob"]));
    }
    refused_field(&client, CHAT, ask("x", json!({"top_logprobs": 3})), "top_logprobs").await;
    refused_field(&client, CHAT, ask("x", json!({"logprobs": true, "top_logprobs": 21})), "top_logprobs").await;
}

#[sqlx::test]
async fn sampling_parameters_do_what_they_say(db: PgPool) {
    let (_app, client) = with_model(db).await;
    let texts = |reply: &Value| -> Vec<String> {
        reply["choices"].as_array().unwrap().iter().map(|c| c["message"]["content"].as_str().unwrap().to_owned()).collect()
    };
    let two = ask("Who are you?", json!({"n": 2, "seed": 7, "temperature": 1.8, "max_tokens": 24}));
    let (first, second) = (client.post(CHAT, two.clone()).await.ok(), client.post(CHAT, two.clone()).await.ok());
    assert_eq!(texts(&first).len(), 2);
    assert_eq!(texts(&first), texts(&second), "a seed repeats");
    assert_ne!(texts(&first)[0], texts(&first)[1], "choices differ");
    let one = client.post(CHAT, ask("Who are you?", json!({"max_tokens": 1}))).await.ok();
    let counted = client.post(CHAT, ask("Who are you?", json!({"max_tokens": 1, "n": 2}))).await.ok();
    assert_eq!(one["usage"]["prompt_tokens"], counted["usage"]["prompt_tokens"], "the prompt counts once");

    let stopped = client.post(CHAT, ask("Make this upper case: light update", json!({"stop": [" UP"]}))).await.ok();
    assert_eq!((content(&stopped), &stopped["choices"][0]["finish_reason"]), ("LIGHT", &json!("stop")));
    for limit in ["max_tokens", "max_completion_tokens"] {
        let cut = client.post(CHAT, ask("Make this upper case: light update", json!({limit: 2}))).await.ok();
        assert_eq!((&cut["choices"][0]["finish_reason"], &cut["usage"]["completion_tokens"]), (&json!("length"), &json!(2)), "{cut}");
    }

    // token 43 is the "L" that this answer begins with
    let banned =
        client.post(CHAT, ask("Make this upper case: light update", json!({"logit_bias": {"43": -100}, "max_tokens": 8}))).await.ok();
    assert!(!content(&banned).starts_with('L'), "{banned}");
    let forced = client.post(CHAT, ask("Hi", json!({"logit_bias": {"43": 100}, "max_tokens": 6}))).await.ok();
    assert_eq!(content(&forced), "LLLLLL");
    let penalised = json!({"logit_bias": {"43": 3}, "presence_penalty": 2, "frequency_penalty": 2, "max_tokens": 12});
    let plain = json!({"logit_bias": {"43": 3}, "max_tokens": 12});
    let echo = "Echo this text: LLLLLLLLLL";
    let (with, without) = (client.post(CHAT, ask(echo, penalised)).await.ok(), client.post(CHAT, ask(echo, plain)).await.ok());
    assert_ne!(content(&with), content(&without), "penalties change a repetition");
}

#[sqlx::test]
async fn refusals_have_openais_shape_and_name_the_field(db: PgPool) {
    let (app, client) = with_model(db).await;
    for (param, more) in [
        ("temperature", json!({"temperature": 3})),
        ("temperature", json!({"temperature": "warm"})),
        ("top_p", json!({"top_p": 1.5})),
        ("stream_options.include_usage", json!({"stream": true, "stream_options": {"include_usage": 1}})),
        ("presence_penalty", json!({"presence_penalty": 9})),
        ("n", json!({"n": 0})),
        ("max_tokens", json!({"max_tokens": 0})),
        ("stop", json!({"stop": [""]})),
        ("logit_bias.x", json!({"logit_bias": {"x": 1}})),
        ("logit_bias.5", json!({"logit_bias": {"5": 101}})),
        ("stream_options", json!({"stream_options": {"include_usage": true}})),
        ("messages", json!({"messages": []})),
        ("messages[0].role", json!({"messages": [{"role": "robot", "content": "x"}]})),
        ("messages[0].content", json!({"messages": [{"role": "user", "content": 5}]})),
        ("messages[1].content", json!({"messages": [{"role": "user", "content": "x"}, {"role": "user"}]})),
        ("messages[0].content[0].type", json!({"messages": [{"role": "user", "content": [{"type": "smell"}]}]})),
        ("messages[0].tool_call_id", json!({"messages": [{"role": "tool", "content": "x"}]})),
        ("functions", json!({"functions": []})),
    ] {
        refused_field(&client, CHAT, ask("x", more), param).await;
    }
    let broken = axum::http::Request::post(CHAT).header("content-type", "application/json").body("{\"model\":".into()).unwrap();
    assert_eq!(client.send(broken).await.refused(400, "invalid_value")["error"]["type"], "invalid_request_error");

    let unknown = client.post(CHAT, ask("x", json!({"model": "gpt-nope"}))).await.refused(404, "model_not_found");
    assert_eq!((&unknown["error"]["param"], &unknown["error"]["type"]), (&json!("model"), &json!("invalid_request_error")));
    assert!(unknown["error"]["message"].as_str().unwrap().contains("gpt-nope"));
    for caller in [app.anonymous(), app.with_key("sk-wrong"), app.client(Role::Owner)] {
        let refused = caller.post(CHAT, ask("x", json!({}))).await.refused(401, "invalid_api_key");
        assert_eq!(refused["error"]["type"], "authentication_error");
    }
    assert_eq!(client.call(Method::DELETE, CHAT, None).await.status, StatusCode::METHOD_NOT_ALLOWED);

    for stream in [false, true] {
        let long = ask("word ".repeat(9000), json!({"stream": stream}));
        let refused = client.post(CHAT, long).await.refused(400, "context_length_exceeded");
        assert_eq!(refused["error"]["type"], "invalid_request_error");
    }
}

#[sqlx::test]
async fn an_app_answers_as_a_model(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let provider = Provider::start(&app.state.db, app.home.id).await;
    let id = app.seed_app(&app.home, "Clerk", "chat").await;
    let version = Uuid::now_v7();
    let config = json!({"pre_prompt": "Be kind to {{who}}.", "user_input_form": [{"text-input": {"variable": "who", "label": "w", "required": true}}],
        "model": {"provider": "scripted", "name": "echo", "mode": "chat", "completion_params": {"temperature": 0.25}}});
    sqlx::query("insert into app_versions (id, workspace_id, app_id, number, config) values ($1, $2, $3, 1, $4)")
        .bind(version)
        .bind(app.home.id)
        .bind(id)
        .bind(&config)
        .execute(&app.state.db)
        .await
        .unwrap();
    sqlx::query("update apps set published_version_id = $1 where id = $2").bind(version).bind(id).execute(&app.state.db).await.unwrap();
    let client = app.with_key(&app.seed_key(&app.home, NewKey::App(AppId(id))).await);

    let body = json!({"model": "anything", "messages": [{"role": "user", "content": "one two three"}], "inputs": {"who": "cats"}});
    let reply = client.post(CHAT, body.clone()).await.ok();
    assert_eq!((content(&reply), &reply["model"]), ("one two three", &json!(id.to_string())));
    let call = provider.calls().pop().unwrap();
    assert_eq!(call["messages"][0], json!({"role": "system", "content": "Be kind to cats."}), "the app's prompt comes first");
    assert_eq!(call["temperature"], json!(0.25));
    let events = client.stream(CHAT, ask("a b", json!({"stream": true, "metadata": {"who": "dogs"}}))).await.rest().await;
    assert_eq!(events.last().unwrap().data, "[DONE]");
    assert_eq!(provider.calls().pop().unwrap()["messages"][0]["content"], "Be kind to dogs.");
    assert_eq!(client.post(CHAT, ask("x", json!({}))).await.status, StatusCode::BAD_REQUEST, "a form that is not filled in");

    let listed = client.get("/v1/models").await.ok();
    assert_eq!(listed["data"].as_array().unwrap().iter().map(|m| &m["id"]).collect::<Vec<_>>(), [&json!(id.to_string())]);
    assert!(!client.post("/v1/embeddings", json!({"model": "x", "input": "y"})).await.status.is_success());
}

#[sqlx::test]
async fn a_chatflow_answers_as_a_model(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let provider = Provider::start(&app.state.db, app.home.id).await;
    let llm = json!({"type": "llm", "title": "Say", "model": {"provider": "scripted", "name": "echo", "mode": "chat", "completion_params": {}},
        "prompt_template": [{"role": "system", "text": "Be kind to {{#s.who#}}."}],
        "memory": {"window": {"enabled": true, "size": 1}, "query_prompt_template": "{{#sys.query#}}"},
        "vision": {"enabled": true, "configs": {"variable_selector": ["sys", "files"], "detail": "high"}}});
    let form = json!([{"variable": "who", "label": "w", "type": "text-input", "required": true}]);
    let config = json!({"features": {"file_upload": {"enabled": true, "allowed_file_types": ["image"], "allowed_file_upload_methods": ["local_file"], "number_limits": 3},
            "sensitive_word_avoidance": {"enabled": true, "type": "keywords", "config": {"keywords": "bomb",
                "inputs_config": {"enabled": true, "preset_response": "Not that."}, "outputs_config": {"enabled": false}}}},
        "graph": {"nodes": [{"id": "s", "data": {"type": "start", "title": "Start", "variables": form}}, {"id": "m", "data": llm},
                            {"id": "a", "data": {"type": "answer", "title": "Answer", "answer": "{{#m.text#}} ({{#sys.dialogue_count#}})"}}],
                  "edges": [{"source": "s", "target": "m"}, {"source": "m", "target": "a"}]}});
    let (id, _, token) = crate::scripted::publish_config(&app.state.db, app.home.id, "advanced-chat", &config).await;
    let client = app.with_key(&token);
    let messages = json!([
        {"role": "user", "content": "forgotten"}, {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": "before"}, {"role": "assistant", "content": "Well"},
        {"role": "user", "content": [{"type": "text", "text": "one two three"}, {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{}", STANDARD.encode(picture("red-circle.png")))}}]}]);
    let body = json!({"model": "any", "messages": messages, "inputs": {"who": "cats"}, "temperature": 0.9});
    let reply = client.post(CHAT, body).await.ok();
    assert_eq!((content(&reply), &reply["model"]), ("one two three (3)", &json!(id.to_string())));
    let usage = &reply["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(11), &json!(3)), "{reply}");
    let call = provider.calls().pop().unwrap();
    let said: Vec<_> = call["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(said, ["system", "user", "assistant", "user"], "one exchange is remembered: {call}");
    assert_eq!(call["messages"][0]["content"], "Be kind to cats.");
    assert!(call["messages"][3]["content"].to_string().contains("data:image/png;base64,"), "{call}");
    let (status, mode): (String, String) =
        sqlx::query_as("select status, mode from workflow_runs where app_id = $1").bind(id).fetch_one(&app.state.db).await.unwrap();
    assert_eq!((status.as_str(), mode.as_str()), ("succeeded", "advanced-chat"));
    let messages: i64 = sqlx::query_scalar("select count(*) from messages").fetch_one(&app.state.db).await.unwrap();
    assert_eq!(messages, 0, "the caller holds the conversation");

    let events = client.stream(CHAT, ask("a b", json!({"stream": true, "inputs": {"who": "dogs"}}))).await.rest().await;
    let texts: String =
        events[..events.len() - 1].iter().filter_map(|e| e.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect();
    assert_eq!((texts.as_str(), events.last().unwrap().data.as_str()), ("a b (1)", "[DONE]"));

    let moderated = client.post(CHAT, ask("a bomb", json!({"inputs": {"who": "cats"}}))).await.ok();
    assert_eq!((content(&moderated), &moderated["choices"][0]["finish_reason"]), ("Not that.", &json!("content_filter")));
    refused_field(&client, CHAT, ask("x", json!({})), "inputs.who").await;
    refused_field(&client, CHAT, ask("x", json!({"n": 2, "inputs": {"who": "x"}})), "n").await;
    let mut failing = config;
    failing["graph"]["nodes"][1]["data"]["model"]["name"] = json!("broken");
    let (_, _, token) = crate::scripted::publish_config(&app.state.db, app.home.id, "advanced-chat", &failing).await;
    let failed = app.with_key(&token).post(CHAT, ask("one two three", json!({"inputs": {"who": "x"}}))).await;
    assert!(!failed.status.is_success());
}

#[sqlx::test]
async fn a_remote_model_answers_behind_the_same_call(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let provider = Provider::start(&app.state.db, app.home.id).await;
    let client = app.with_key(&app.seed_key(&app.home, NewKey::Model).await);
    for model in ["scripted/echo", "echo"] {
        let reply = client.post(CHAT, ask("one two", json!({"model": model}))).await.ok();
        assert_eq!((content(&reply), &reply["model"]), ("one two", &json!("scripted/echo")));
        assert_eq!(
            reply["usage"],
            json!({"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13,
            "prompt_tokens_details": reply["usage"]["prompt_tokens_details"], "completion_tokens_details": reply["usage"]["completion_tokens_details"]})
        );
    }
    assert_eq!(provider.calls()[0]["model"], "echo");
    let events = client.stream(CHAT, ask("one two", json!({"model": "echo", "stream": true}))).await.rest().await;
    let text: String = events
        .iter()
        .filter(|e| e.data != "[DONE]")
        .filter_map(|e| Some(e.json()["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(text, "one two");
    client.post(CHAT, ask("x", json!({"model": "busy"}))).await.refused(429, "rate_limit_exceeded");
    client.post(CHAT, ask("x", json!({"model": "long"}))).await.refused(400, "context_length_exceeded");
    let foreign = app.with_key(&app.seed_key(&app.foreign, NewKey::Model).await);
    foreign.post(CHAT, ask("x", json!({"model": "echo"}))).await.refused(404, "model_not_found");

    // after the first words a failure is an error event and no [DONE]
    let events = client.stream(CHAT, ask("one two three four", json!({"model": "broken", "stream": true}))).await.rest().await;
    assert!(events.last().unwrap().json()["error"]["message"].is_string(), "{events:?}");
}

#[sqlx::test]
async fn texts_are_continued(db: PgPool) {
    let (_app, client) = with_model(db).await;
    let path = "/v1/completions";
    let one = client.post(path, json!({"model": DEFAULT, "prompt": "red circle", "temperature": 0, "max_tokens": 4})).await.ok();
    assert_eq!((&one["object"], one["choices"].as_array().unwrap().len()), (&json!("text_completion"), 1));
    let text = one["choices"][0]["text"].as_str().unwrap();
    let body = json!({"model": DEFAULT, "prompt": ["red circle", "blue"], "n": 2, "temperature": 0, "max_tokens": 4, "echo": true});
    let many = client.post(path, body).await.ok();
    let texts: Vec<&str> = many["choices"].as_array().unwrap().iter().map(|c| c["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 4);
    assert!(
        texts[0] == format!("red circle{text}") && texts[1] == texts[0] && texts[2].starts_with("blue") && texts[3] == texts[2],
        "{texts:?}"
    );
    let indexes: Vec<_> = many["choices"].as_array().unwrap().iter().map(|c| c["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [0, 1, 2, 3]);

    let tokens = json!({"model": DEFAULT, "prompt": [[40, 41], [42]], "temperature": 0, "max_tokens": 2, "logprobs": 2});
    let tokens = client.post(path, tokens).await.ok();
    assert_eq!(tokens["choices"].as_array().unwrap().len(), 2);
    assert_eq!(tokens["usage"]["prompt_tokens"], 3);
    assert_eq!(tokens["choices"][0]["logprobs"]["tokens"].as_array().unwrap().len(), 2);
    refused_field(&client, path, json!({"model": DEFAULT, "prompt": [99_999_999]}), "prompt").await;
    refused_field(&client, path, json!({"model": DEFAULT, "prompt": []}), "prompt").await;
    refused_field(&client, path, json!({"model": DEFAULT, "prompt": "x", "suffix": "y"}), "suffix").await;

    let events = client
        .stream(path, json!({"model": DEFAULT, "prompt": "red circle", "temperature": 0, "max_tokens": 4, "stream": true}))
        .await
        .rest()
        .await;
    let streamed: String =
        events.iter().filter(|e| e.data != "[DONE]").map(|e| e.json()["choices"][0]["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!((streamed.as_str(), events.last().unwrap().data.as_str()), (text, "[DONE]"));
}

/// The folder of MiniLM, which `make test` fetches.
fn assets() -> PathBuf {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    assert!(
        assets.join("all-minilm-l6-v2/model.safetensors").exists(),
        "{} lacks all-minilm-l6-v2: run tools/fetch-assets.sh",
        assets.display()
    );
    assets
}

#[sqlx::test]
async fn texts_become_vectors(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.models_dir = Some(assets())).await;
    let client = app.with_key(&app.seed_key(&app.home, NewKey::Model).await);
    let path = "/v1/embeddings";
    let input = json!(["A cat sleeps.", "A kitten naps.", "Interest rates rose."]);
    let reply = client.post(path, json!({"model": "all-minilm-l6-v2", "input": input})).await.ok();
    let vectors: Vec<Vec<f64>> =
        reply["data"].as_array().unwrap().iter().map(|d| serde_json::from_value(d["embedding"].clone()).unwrap()).collect();
    assert_eq!((vectors.len(), vectors[0].len(), &reply["object"], &reply["data"][2]["index"]), (3, 384, &json!("list"), &json!(2)));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    assert!((dot(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-4, "of length 1");
    assert!(dot(&vectors[0], &vectors[1]) > dot(&vectors[0], &vectors[2]) + 0.3);
    assert!(reply["usage"]["prompt_tokens"].as_u64().unwrap() > 9 && reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"]);

    let encoded = client.post(path, json!({"model": DEFAULT, "input": "A cat sleeps.", "encoding_format": "base64"})).await.ok();
    let bytes = STANDARD.decode(encoded["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let floats: Vec<f32> = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(&floats.iter().map(|f| f64::from(*f)).collect::<Vec<_>>(), &vectors[0]));

    // [CLS] a cat sleeps . [SEP]
    let ids = json!([101, 1037, 4937, 25126, 1012, 102]);
    for input in [ids.clone(), json!([ids])] {
        let reply = client.post(path, json!({"model": DEFAULT, "input": input})).await.ok();
        assert!(close(&serde_json::from_value::<Vec<f64>>(reply["data"][0]["embedding"].clone()).unwrap(), &vectors[0]));
    }
    refused_field(&client, path, json!({"model": DEFAULT, "input": [[101, 9_999_999]]}), "input[0]").await;
    refused_field(&client, path, json!({"model": DEFAULT, "input": ["x", ""]}), "input[1]").await;
    refused_field(&client, path, json!({"model": DEFAULT, "input": []}), "input").await;
    refused_field(&client, path, json!({"model": DEFAULT, "input": "x", "encoding_format": "hex"}), "encoding_format").await;
    refused_field(&client, path, json!({"model": DEFAULT, "input": "x", "dimensions": 7}), "dimensions").await;
    let not_a_chat_model = client.post(CHAT, ask("x", json!({"model": "all-minilm-l6-v2"}))).await;
    assert_eq!((not_a_chat_model.status, &not_a_chat_model.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("model")));
}

#[sqlx::test]
async fn models_are_listed(db: PgPool) {
    let app = TestApp::start(db).await;
    Provider::start(&app.state.db, app.home.id).await;
    let client = app.with_key(&app.seed_key(&app.home, NewKey::Model).await);
    let list = client.get("/v1/models").await.ok();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert!(list["object"] == "list" && ids.contains(&"local/ashlar-tiny") && ids.contains(&"scripted/echo"), "{list}");
    for id in ["local/ashlar-tiny", "ashlar-tiny", "default"] {
        let one = client.get(&format!("/v1/models/{id}")).await.ok();
        assert_eq!((&one["id"], &one["object"], &one["owned_by"]), (&json!("local/ashlar-tiny"), &json!("model"), &json!("local")));
    }
    client.get("/v1/models/nope").await.refused(404, "model_not_found");
    let foreign = app.with_key(&app.seed_key(&app.foreign, NewKey::Model).await);
    foreign.get("/v1/models/scripted/echo").await.refused(404, "model_not_found");
}

#[sqlx::test]
async fn a_client_that_leaves_frees_its_sequence(db: PgPool) {
    let (app, client) = with_model(db).await;
    let Loaded::Llm(engine) = app.state.engines.ready(DEFAULT).await.unwrap() else { panic!("not an llm") };
    let mut stream = client.stream(CHAT, ask("Hi", json!({"stream": true, "ignore_eos": true, "max_tokens": 3000}))).await;
    for _ in 0..3 {
        stream.next().await.unwrap();
    }
    eventually("it runs", || async { engine.metrics().n_running == 1 }).await;
    drop(stream);
    eventually("the sequence is gone", || async { engine.metrics().n_running == 0 && engine.metrics().n_cancelled == 1 }).await;
    assert!(engine.metrics().n_completion_tokens < 3000);
}
