//! Chat and completion apps through the service API: events, blocking answers, stop, resume, history, faults.

use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted::{self, PROVIDER, Provider, TITLE};
use crate::support::{Client, Event, EventStream, Role, TestApp};

/// A server with a scripted provider.
struct Chat {
    app: TestApp,
    provider: Provider,
}

/// A published app with its key.
struct Published {
    id: Uuid,
    client: Client,
}

impl Chat {
    async fn start(db: PgPool) -> Self {
        let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
        let provider = Provider::start(&app.state.db, app.home.id).await;
        Self { app, provider }
    }

    fn db(&self) -> &PgPool {
        &self.app.state.db
    }

    async fn publish(&self, mode: &str, model: &str, config: Value) -> Published {
        publish(&self.app, mode, model, config).await
    }

    async fn row(&self, message_id: &Value) -> (String, String, Option<String>) {
        let id: Uuid = message_id.as_str().unwrap().parse().unwrap();
        sqlx::query_as("select status, answer, error from messages where id = $1").bind(id).fetch_one(self.db()).await.unwrap()
    }

    /// The row once it is no longer running.
    async fn finished(&self, message_id: &Value) -> (String, String, Option<String>) {
        for _ in 0..200 {
            let row = self.row(message_id).await;
            if row.0 != "running" {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("still running");
    }
}

async fn publish(app: &TestApp, mode: &str, model: &str, config: Value) -> Published {
    let (id, token) = scripted::publish(&app.state.db, app.home.id, mode, PROVIDER, model, config).await;
    Published { id, client: app.with_key(&token) }
}

fn ask(query: &str) -> Value {
    json!({"query": query, "inputs": {}, "user": "u-1", "response_mode": "streaming"})
}

fn blocking(query: &str) -> Value {
    json!({"query": query, "inputs": {}, "user": "u-1"})
}

/// The answer that the events spell.
fn text(events: &[Event]) -> String {
    events.iter().map(Event::json).filter(|e| e["event"] == "message").map(|e| e["answer"].as_str().unwrap().to_owned()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn first(stream: &mut EventStream) -> Value {
    assert_eq!(stream.status, StatusCode::OK);
    stream.next().await.unwrap().json()
}

#[sqlx::test]
async fn a_stream_has_the_contracts_events(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({"pre_prompt": "Be kind."})).await;
    let stream = app.client.stream("/v1/chat-messages", ask("a small blue circle")).await;
    assert_eq!(stream.status, StatusCode::OK);
    assert_eq!(stream.headers[header::CONTENT_TYPE], "text/event-stream; charset=utf-8");
    let events = stream.rest().await;
    assert!(events.iter().all(|e| e.id.is_none() && e.event.is_none()), "no id: and event: lines for ordinary clients");
    assert_eq!(text(&events), "a small blue circle");
    let (last, deltas) = events.split_last().unwrap();
    for delta in deltas {
        let delta = delta.json();
        assert_eq!(
            keys(&delta),
            ["event", "conversation_id", "message_id", "created_at", "task_id", "id", "answer", "from_variable_selector"]
        );
        assert_eq!(delta["id"], delta["message_id"]);
        assert_eq!(delta["from_variable_selector"], json!([]));
    }
    let end = last.json();
    assert_eq!(keys(&end), ["event", "conversation_id", "message_id", "created_at", "task_id", "id", "metadata", "files"]);
    assert_eq!(end["event"], "message_end");
    assert_eq!(keys(&end["metadata"]), ["annotation_reply", "retriever_resources", "usage", "reasoning"]);
    let usage = &end["metadata"]["usage"];
    assert_eq!(
        keys(usage),
        [
            "prompt_tokens",
            "prompt_unit_price",
            "prompt_price_unit",
            "prompt_price",
            "completion_tokens",
            "completion_unit_price",
            "completion_price_unit",
            "completion_price",
            "total_tokens",
            "total_price",
            "currency",
            "latency",
            "time_to_first_token",
            "time_to_generate"
        ]
    );
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"], &usage["total_tokens"]), (&json!(11), &json!(4), &json!(15)));
    assert_eq!((&usage["prompt_price"], &usage["total_price"]), (&json!("0.000022"), &json!("0.000062")));
    assert!(usage["latency"].is_f64() && usage["time_to_first_token"].is_f64());

    let (status, answer, error) = chat.row(&end["message_id"]).await;
    assert_eq!((status.as_str(), answer.as_str(), error), ("normal", "a small blue circle", None));
    let sent = &chat.provider.calls()[0]["messages"];
    assert_eq!(sent[0], json!({"role": "system", "content": "Be kind."}));
    assert_eq!(sent[1]["role"], "user");
}

#[sqlx::test]
async fn blocking_is_the_default_and_names_its_mode(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({})).await;
    let reply = app.client.post("/v1/chat-messages", blocking("hello there")).await;
    assert_eq!(reply.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
    let body = reply.ok();
    assert_eq!(keys(&body), ["event", "task_id", "id", "message_id", "conversation_id", "mode", "answer", "metadata", "created_at"]);
    assert_eq!((&body["event"], &body["mode"], &body["answer"]), (&json!("message"), &json!("chat"), &json!("hello there")));

    let app = chat.publish("completion", "echo", json!({"pre_prompt": "Translate: {{text}}"})).await;
    let body = json!({"inputs": {"text": "猫"}, "user": 7, "files": null});
    let config = json!({"pre_prompt": "Translate: {{text}}", "user_input_form": [{"text-input": {"variable": "text", "label": "t", "required": true}}]});
    let form = chat.publish("completion", "echo", config).await;
    let answer = form.client.post("/v1/completion-messages", body).await.ok();
    assert_eq!(keys(&answer), ["event", "task_id", "id", "message_id", "mode", "answer", "metadata", "created_at"]);
    assert_eq!((&answer["mode"], &answer["answer"]), (&json!("completion"), &json!("Translate: 猫")));
    form.client.post("/v1/completion-messages", json!({"inputs": {}, "user": "u"})).await.refused(400, "invalid_param");
    app.client.post("/v1/chat-messages", blocking("x")).await.refused(400, "not_chat_app");
    let events =
        form.client.stream("/v1/completion-messages", json!({"inputs": {"text": "x"}, "user": "u", "response_mode": "streaming"})).await;
    let events = events.rest().await;
    assert!(events.iter().all(|e| e.json().get("conversation_id").is_none()));
}

#[sqlx::test]
async fn a_conversation_goes_on_and_is_named(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({"opening_statement": "Hi!", "memory": {"window": {"enabled": true, "size": 1}}})).await;
    let one = app.client.post("/v1/chat-messages", blocking("the first question of this conversation")).await.ok();
    let id = one["conversation_id"].as_str().unwrap().to_owned();
    let again = |query: &str| json!({"query": query, "inputs": {}, "user": "u-1", "conversation_id": id, "auto_generate_name": false});
    let two = app.client.post("/v1/chat-messages", again("two")).await.ok();
    assert_eq!(two["conversation_id"], id.as_str());
    app.client.post("/v1/chat-messages", again("three")).await.ok();
    let calls = chat.provider.calls();
    let asked = |text: &str| calls.iter().find(|c| c["messages"].as_array().unwrap().last().unwrap()["content"] == text).cloned();
    assert_eq!(asked("two").unwrap()["messages"].as_array().unwrap().len(), 3, "question, answer, question");
    let three = asked("three").unwrap();
    assert_eq!(three["messages"][0]["content"], "two", "the window keeps the newest exchange");

    for _ in 0..100 {
        if app.client.get("/v1/conversations?user=u-1").await.ok()["data"][0]["name"] == "A scripted title" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let list = app.client.get("/v1/conversations?user=u-1&pinned=false&last_id=").await.ok();
    assert_eq!(keys(&list), ["limit", "has_more", "data"]);
    let conversation = &list["data"][0];
    assert_eq!(keys(conversation), ["id", "name", "inputs", "status", "introduction", "created_at", "updated_at"]);
    assert_eq!((&conversation["name"], &conversation["introduction"]), (&json!("A scripted title"), &json!("Hi!")));

    let page = app.client.get(&format!("/v1/messages?conversation_id={id}&user=u-1&limit=2")).await.ok();
    let queries =
        |page: &Value| page["data"].as_array().unwrap().iter().map(|m| m["query"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!((queries(&page), &page["has_more"]), (vec!["two".into(), "three".into()], &json!(true)));
    let first_id = page["data"][0]["id"].as_str().unwrap();
    let older = app.client.get(&format!("/v1/messages?conversation_id={id}&user=u-1&limit=2&first_id={first_id}")).await.ok();
    assert_eq!((queries(&older), &older["has_more"]), (vec!["the first question of this conversation".into()], &json!(false)));
    let message = &older["data"][0];
    assert_eq!(
        keys(message),
        [
            "id",
            "conversation_id",
            "parent_message_id",
            "inputs",
            "query",
            "answer",
            "feedback",
            "retriever_resources",
            "created_at",
            "agent_thoughts",
            "message_files",
            "status",
            "error",
            "extra_contents",
            "message_tokens",
            "answer_tokens",
            "total_tokens",
            "provider_response_latency",
            "total_price",
            "currency"
        ]
    );
    assert_eq!((&message["status"], &message["error"], &message["feedback"]), (&json!("normal"), &Value::Null, &Value::Null));

    // somebody else sees none of it
    let foreign = json!({"query": "x", "inputs": {}, "user": "u-2", "conversation_id": id});
    assert_eq!(app.client.post("/v1/chat-messages", foreign).await.refused(404, "not_found")["message"], "Conversation Not Exists.");
    app.client.get(&format!("/v1/messages?conversation_id={id}&user=u-2")).await.refused(404, "not_found");
    assert_eq!(app.client.get("/v1/conversations?user=u-2").await.ok()["data"], json!([]));
    let other = chat.publish("chat", "echo", json!({})).await;
    other.client.get(&format!("/v1/messages?conversation_id={id}&user=u-1")).await.refused(404, "not_found");

    let path = format!("/v1/conversations/{id}");
    let renamed = app.client.post(&format!("{path}/name"), json!({"name": "Mine", "user": "u-1"})).await.ok();
    assert_eq!(renamed["name"], "Mine");
    let refusal = app.client.post(&format!("{path}/name"), json!({"user": "u-1"})).await.refused(400, "invalid_param");
    assert_eq!(refusal["message"], "name is required when auto_generate is false");
    let renamed = app.client.post(&format!("{path}/name"), json!({"auto_generate": true, "user": "u-1"})).await.ok();
    assert_eq!(renamed["name"], "A scripted title");
    assert_eq!(app.client.delete(&path).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let delete = async |user: &str| app.client.call(axum::http::Method::DELETE, &path, Some(json!({"user": user}))).await;
    delete("u-2").await.refused(404, "not_found");
    let gone = delete("u-1").await;
    assert_eq!((gone.status, gone.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(app.client.get("/v1/conversations?user=u-1").await.ok()["data"], json!([]));
    delete("u-1").await.refused(404, "not_found");
}

#[sqlx::test]
async fn a_stream_is_stopped_by_its_owner_only(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "slow", json!({})).await;
    let mut stream = app.client.stream("/v1/chat-messages", ask("go")).await;
    let event = first(&mut stream).await;
    let path = format!("/v1/chat-messages/{}/stop", event["task_id"].as_str().unwrap());
    let success = json!({"result": "success"});
    assert_eq!(app.client.post(&path, json!({"user": "u-2"})).await.ok(), success);
    assert_eq!(app.client.post("/v1/chat-messages/nonsense/stop", json!({"user": "u-1"})).await.ok(), success);
    let refusal = app.client.post(&path, json!({})).await.refused(400, "invalid_param");
    assert_eq!(refusal["message"], "Arg user must be provided.");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(chat.row(&event["message_id"]).await.0, "running");
    assert_eq!(app.client.post(&path, json!({"user": "u-1"})).await.ok(), success);
    let rest = stream.rest().await;
    let end = rest.last().unwrap().json();
    assert_eq!(end["event"], "message_end");
    assert!(end["metadata"]["usage"]["completion_tokens"].as_u64().unwrap() > 0);
    let (status, answer, _) = chat.row(&event["message_id"]).await;
    assert_eq!(status, "stopped");
    assert!(answer.starts_with("word0 ") && answer.len() < 400 * 6);
    let history =
        app.client.get(&format!("/v1/messages?conversation_id={}&user=u-1", event["conversation_id"].as_str().unwrap())).await.ok();
    assert_eq!(history["data"][0]["status"], "normal");
}

#[sqlx::test]
async fn any_replica_stops_and_follows(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "slow", json!({})).await;
    let mut stream = app.client.stream("/v1/chat-messages", ask("go")).await;
    let event = first(&mut stream).await;
    // another process's state over the same servers
    let config = (*chat.app.state.config).clone();
    let redis = ashlar::state::Redis::connect(config.redis_url.as_deref().unwrap(), &config.redis_prefix).await.unwrap();
    let secrets = ashlar::secrets::Secrets::open(None, chat.app.data_dir.path()).unwrap();
    let other = ashlar::state::AppState::new(config, chat.db().clone(), redis, secrets).unwrap();
    let replica = Client::of(ashlar::server::router(other), &app.client);
    let task = event["task_id"].as_str().unwrap();
    let request = Request::get(format!("/v1/chat-messages/{task}/events?user=u-1")).body(axum::body::Body::empty()).unwrap();
    let mut followed = EventStream::new(replica.open(request).await);
    assert_eq!(followed.next().await.unwrap().json(), event);
    replica.post(&format!("/v1/chat-messages/{task}/stop"), json!({"user": "u-1"})).await.ok();
    let (rest, followed) = (stream.rest().await, followed.rest().await);
    assert_eq!(rest.last().unwrap().json()["event"], "message_end");
    let data = |events: &[Event]| events.iter().map(|e| e.data.clone()).collect::<Vec<_>>();
    assert_eq!(data(&rest), data(&followed));
}

#[sqlx::test]
async fn a_broken_stream_is_resumed(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({})).await;
    let request = Request::post("/v1/chat-messages")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-ashlar-resume", "true")
        .body(axum::body::Body::from(ask("one two three four five").to_string()))
        .unwrap();
    let events = EventStream::new(app.client.open(request).await).rest().await;
    let numbers: Vec<_> = events.iter().map(|e| e.id.clone().unwrap()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6"]);
    let task = events[0].json()["task_id"].as_str().unwrap().to_owned();
    let follow = async |after: Option<&str>, user: &str| {
        let mut request = Request::get(format!("/v1/chat-messages/{task}/events?user={user}"));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        EventStream::new(app.client.open(request.body(axum::body::Body::empty()).unwrap()).await)
    };
    assert_eq!(follow(None, "u-1").await.rest().await, events);
    assert_eq!(follow(Some("4"), "u-1").await.rest().await, events[4..]);
    assert_eq!(follow(Some("6"), "u-1").await.rest().await, []);
    follow(Some("x"), "u-1").await.reply().await.refused(400, "invalid_param");
    follow(None, "u-2").await.reply().await.refused(404, "not_found");

    // Redis lost the log: the stored message tells the rest
    let mut redis = chat.app.state.redis.connection.clone();
    let key = chat.app.state.redis.key(format!("events:{task}"));
    let _: () = redis::cmd("DEL").arg(key).query_async(&mut redis).await.unwrap();
    let events_without_log = follow(Some("2"), "u-1").await.rest().await;
    assert_eq!(events_without_log[0].json()["event"], "message_replace");
    assert_eq!(events_without_log[0].json()["answer"], "one two three four five");
    assert_eq!(events_without_log[1].data, events[5].data);
    let whole = follow(None, "u-1").await.rest().await;
    assert_eq!(text(&whole), "one two three four five");
}

#[sqlx::test]
async fn an_answer_is_stored_when_the_client_leaves(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({})).await;
    let mut stream = app.client.stream("/v1/chat-messages", ask(&"many words ".repeat(50))).await;
    let event = first(&mut stream).await;
    drop(stream);
    let (status, answer, _) = chat.finished(&event["message_id"]).await;
    assert_eq!((status.as_str(), answer), ("normal", "many words ".repeat(50)));
}

#[sqlx::test]
async fn failures_before_the_stream_are_http_errors_and_after_it_events(db: PgPool) {
    let chat = Chat::start(db).await;
    let busy = chat.publish("chat", "busy", json!({})).await;
    let reply = busy.client.post("/v1/chat-messages", ask("x")).await;
    reply.refused(429, "rate_limit_error");
    let missing = chat.publish("chat", "nowhere", json!({})).await;
    missing.client.post("/v1/chat-messages", ask("x")).await.refused(400, "model_currently_not_support");
    let n: i64 = sqlx::query_scalar("select count(*) from messages").fetch_one(chat.db()).await.unwrap();
    assert_eq!(n, 0, "a refused question leaves no row");

    let broken = chat.publish("chat", "broken", json!({})).await;
    let events = broken.client.stream("/v1/chat-messages", ask("one two three four")).await.rest().await;
    let error = events.last().unwrap().json();
    assert_eq!(keys(&error), ["event", "conversation_id", "message_id", "created_at", "code", "status", "message"]);
    assert_eq!((&error["event"], &error["code"], &error["status"]), (&json!("error"), &json!("completion_request_error"), &json!(400)));
    let (status, answer, message) = chat.row(&error["message_id"]).await;
    assert_eq!((status.as_str(), answer.as_str()), ("error", "one two "));
    assert!(message.is_some());
    broken.client.post("/v1/chat-messages", blocking("one two three")).await.refused(400, "completion_request_error");
}

#[sqlx::test]
async fn moderation_answers_instead_of_the_model(db: PgPool) {
    let chat = Chat::start(db).await;
    let preset = |text: &str| json!({"enabled": true, "preset_response": text});
    let config = json!({"sensitive_word_avoidance": {"enabled": true, "type": "keywords", "config": {
        "keywords": "forbidden", "inputs_config": preset("Not that."), "outputs_config": preset("Withdrawn.")}}});
    let app = chat.publish("chat", "echo", config).await;
    let events = app.client.stream("/v1/chat-messages", ask("a FORBIDDEN word")).await.rest().await;
    assert_eq!(text(&events), "Not that.");
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].json()["metadata"]["usage"]["total_tokens"], 0);
    assert!(chat.provider.calls().iter().all(|c| c["messages"][0]["content"].as_str().unwrap().contains(TITLE)));

    let config = json!({"pre_prompt": "x", "sensitive_word_avoidance": {"enabled": true, "type": "keywords", "config": {
        "keywords": "forbidden", "inputs_config": {"enabled": false}, "outputs_config": preset("Withdrawn.")}}});
    let app = chat.publish("chat", "echo", config).await;
    let events = app.client.stream("/v1/chat-messages", ask("some quite forbidden words here")).await.rest().await;
    let names: Vec<_> = events.iter().map(|e| e.json()["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["message", "message", "message_replace", "message_end"]);
    let replaced = events[2].json();
    assert_eq!((&replaced["answer"], &replaced["reason"]), (&json!("Withdrawn."), &json!("")));
    assert_eq!(chat.row(&replaced["message_id"]).await.1, "Withdrawn.");
}

#[sqlx::test]
async fn slots_bound_what_runs_at_once(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "slow", json!({})).await;
    sqlx::query("update apps set max_active_requests = 1 where id = $1").bind(app.id).execute(chat.db()).await.unwrap();
    let mut stream = app.client.stream("/v1/chat-messages", ask("go")).await;
    let event = first(&mut stream).await;
    let refusal = app.client.post("/v1/chat-messages", ask("x")).await;
    assert!(refusal.headers.contains_key(header::RETRY_AFTER));
    let message =
        format!("Too many requests. Please try again later. The current maximum concurrent requests allowed for {} is 1.", app.id);
    assert_eq!(refusal.refused(429, "too_many_requests")["message"], message);
    app.client.post(&format!("/v1/chat-messages/{}/stop", event["task_id"].as_str().unwrap()), json!({"user": "u-1"})).await.ok();
    stream.rest().await;
    for _ in 0..50 {
        let mut next = app.client.stream("/v1/chat-messages", ask("x")).await;
        if next.status == StatusCode::OK {
            let event = first(&mut next).await;
            app.client.post(&format!("/v1/chat-messages/{}/stop", event["task_id"].as_str().unwrap()), json!({"user": "u-1"})).await.ok();
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the slot is not given back");
}

#[sqlx::test]
async fn feedback_and_suggestions(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({"suggested_questions_after_answer": {"enabled": true}})).await;
    let answer = app.client.post("/v1/chat-messages", blocking("hello")).await.ok();
    let id = answer["message_id"].as_str().unwrap();
    let path = format!("/v1/messages/{id}/feedbacks");
    let rate = |rating: Value| json!({"rating": rating, "content": "c", "user": "u-1"});
    let refusal = app.client.post(&path, rate(Value::Null)).await.refused(400, "invalid_param");
    assert_eq!(refusal["message"], "rating cannot be None when feedback not exists");
    app.client.post(&path, rate(json!("love"))).await.refused(400, "invalid_param");
    for rating in ["like", "dislike"] {
        assert_eq!(app.client.post(&path, rate(json!(rating))).await.ok(), json!({"result": "success"}));
    }
    let stranger = json!({"rating": "like", "user": "u-2"});
    assert_eq!(app.client.post(&path, stranger).await.refused(404, "not_found")["message"], "Message Not Exists.");
    let all = app.client.get("/v1/app/feedbacks?limit=101").await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
    assert_eq!((&all["data"][0]["rating"], &all["data"][0]["from_source"]), (&json!("dislike"), &json!("user")));
    assert!(all["data"][0]["created_at"].as_str().unwrap().contains('T'));
    let history =
        app.client.get(&format!("/v1/messages?conversation_id={}&user=u-1", answer["conversation_id"].as_str().unwrap())).await.ok();
    assert_eq!(history["data"][0]["feedback"], json!({"rating": "dislike"}));
    app.client.post(&path, rate(Value::Null)).await.ok();
    assert_eq!(app.client.get("/v1/app/feedbacks").await.ok()["data"], json!([]));

    let suggested = app.client.get(&format!("/v1/messages/{id}/suggested?user=u-1")).await.ok();
    assert_eq!(suggested, json!({"result": "success", "data": ["One?", "Two?", "Three?"]}));
    app.client.get(&format!("/v1/messages/{id}/suggested")).await.refused(400, "invalid_param");
    app.client.get(&format!("/v1/messages/{}/suggested?user=u-1", Uuid::now_v7())).await.refused(404, "not_found");
    let off = chat.publish("chat", "echo", json!({})).await;
    let answer = off.client.post("/v1/chat-messages", blocking("hello")).await.ok();
    let reply = off.client.get(&format!("/v1/messages/{}/suggested?user=u-1", answer["id"].as_str().unwrap())).await;
    assert_eq!(reply.refused(400, "bad_request")["message"], "Suggested Questions Is Disabled.");
}

#[sqlx::test]
async fn pages_of_conversations_are_walked(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({})).await;
    let mut made = Vec::new();
    for n in 0..5 {
        let body = json!({"query": format!("q{n}"), "inputs": {}, "user": "walker", "auto_generate_name": false});
        made.push(app.client.post("/v1/chat-messages", body).await.ok()["conversation_id"].as_str().unwrap().to_owned());
    }
    for (sort, expected) in [("created_at", made.clone()), ("-updated_at", made.iter().rev().cloned().collect())] {
        let (mut seen, mut last) = (Vec::new(), String::new());
        loop {
            let page = app.client.get(&format!("/v1/conversations?user=walker&limit=2&sort_by={sort}&last_id={last}")).await.ok();
            seen.extend(page["data"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()));
            last = seen.last().unwrap().clone();
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!(seen, expected, "{sort}");
    }
    for bad in ["limit=0", "limit=101", "limit=x", "sort_by=name", "last_id=x"] {
        app.client.get(&format!("/v1/conversations?user=walker&{bad}")).await.refused(400, "invalid_param");
    }
    let reply = app.client.get(&format!("/v1/conversations?user=walker&last_id={}", Uuid::now_v7())).await;
    assert_eq!(reply.refused(404, "not_found")["message"], "Last Conversation Not Exists.");
    assert_eq!(app.client.get("/v1/messages?user=walker&conversation_id=").await.ok()["data"], json!([]));
}

#[sqlx::test]
async fn bad_bodies_get_clear_answers(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({})).await;
    let send = async |content_type: Option<&str>, body: &[u8]| {
        let mut request = Request::post("/v1/chat-messages");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        app.client.send(request.body(axum::body::Body::from(body.to_vec())).unwrap()).await
    };
    const JSON: Option<&str> = Some("application/json");
    send(None, b"{}").await.refused(415, "unsupported_media_type");
    send(Some("text/plain"), b"{}").await.refused(415, "unsupported_media_type");
    let broken = send(JSON, b"{\"query\": ").await.refused(400, "bad_request");
    assert_eq!(broken["message"], "Invalid JSON payload received or JSON payload is empty.");
    send(JSON, b"").await.refused(400, "bad_request");
    send(JSON, b"{\"query\": \"\xff\xfe\", \"inputs\": {}, \"user\": \"u\"}").await.refused(400, "bad_request");
    send(JSON, b"[1]").await.refused(400, "invalid_param");
    for (body, word) in [
        (json!({"query": "x", "inputs": {}}), "user"),
        (json!({"query": "x", "inputs": {}, "user": ""}), "user"),
        (json!({"inputs": {}, "user": "u"}), "query"),
        (json!({"query": 5, "inputs": {}, "user": "u"}), "query"),
        (json!({"query": "x", "user": "u"}), "inputs"),
        (json!({"query": "x", "inputs": [], "user": "u"}), "inputs"),
        (json!({"query": "x", "inputs": {}, "user": "u", "response_mode": "fast"}), "response_mode"),
        (json!({"query": "x", "inputs": {}, "user": "u", "conversation_id": "x"}), "conversation_id"),
        (json!({"query": "x", "inputs": {}, "user": "u", "files": "x"}), "files"),
    ] {
        let refusal = app.client.post("/v1/chat-messages", body.clone()).await.refused(400, "invalid_param");
        assert!(refusal["message"].as_str().unwrap().contains(word), "{body}: {refusal}");
    }
    let tolerated = json!({"query": "nul\u{0} is fine", "inputs": {"other": 1}, "user": 5, "conversation_id": "", "files": null,
        "auto_generate_name": null, "response_mode": null, "trace_id": "t", "whatever": 1});
    assert_eq!(app.client.post("/v1/chat-messages", tolerated).await.ok()["answer"], "nul is fine");
    assert_eq!(app.client.get("/v1/conversations?user=5").await.ok()["data"].as_array().unwrap().len(), 1);
    app.client.post("/v1/completion-messages", json!({"inputs": {}, "user": "u"})).await.refused(400, "app_unavailable");
    app.client.post("/v1/workflows/run", json!({"inputs": {}, "user": "u"})).await.refused(400, "not_workflow_app");
    let reply = chat.app.with_key("app-unknown").post("/v1/chat-messages", blocking("x")).await;
    reply.refused(401, "unauthorized");
    assert_eq!(reply.headers[header::WWW_AUTHENTICATE], "Bearer realm=\"api\"");
}

#[sqlx::test]
async fn a_long_history_is_cut_and_a_long_question_refused(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "small", json!({})).await;
    let mut id = Value::Null;
    for n in 0..6 {
        let query = format!("{n} {}", "word ".repeat(8).trim());
        let body = json!({"query": query, "inputs": {}, "user": "u-1", "conversation_id": id, "auto_generate_name": false});
        id = app.client.post("/v1/chat-messages", body).await.ok()["conversation_id"].clone();
    }
    let calls = chat.provider.calls();
    let sent = calls.last().unwrap()["messages"].as_array().unwrap();
    assert!(sent.len() < 11 && sent.len() % 2 == 1, "{sent:?}");
    assert!(sent.last().unwrap()["content"].as_str().unwrap().starts_with('5'));
}

#[sqlx::test]
async fn audio_ends_with_the_contracts_refusals(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({})).await;
    let upload = async |content_type: &str, bytes: &[u8]| {
        app.client.multipart("/v1/audio-to-text", &[("user", "u")], &[("file", "a.wav", content_type, bytes)]).await
    };
    app.client.multipart("/v1/audio-to-text", &[("user", "u")], &[]).await.refused(400, "no_audio_uploaded");
    upload("audio/mpeg", b"x").await.refused(415, "unsupported_audio_type");
    upload("audio/wav", b"x").await.refused(400, "provider_not_support_speech_to_text");
    upload("audio/wav", &vec![0; (30 << 20) + 1]).await.refused(413, "audio_too_large");
    let speak = async |body: Value| app.client.post("/v1/text-to-audio", body).await.refused(400, "invalid_param")["message"].clone();
    assert_eq!(speak(json!({"user": "u"})).await, "Text is required");
    assert_eq!(speak(json!({"text": "hello"})).await, "TTS is not enabled");
}

#[sqlx::test]
async fn variables_and_end_users_are_read_by_their_app(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({})).await;
    let answer = app.client.post("/v1/chat-messages", blocking("hello")).await.ok();
    let conversation: Uuid = answer["conversation_id"].as_str().unwrap().parse().unwrap();
    let variable = Uuid::now_v7();
    sqlx::query("insert into conversation_variables (id, workspace_id, conversation_id, name, value_type, value) values ($1, $2, $3, 'count', 'integer', '3')")
        .bind(variable)
        .bind(chat.app.home.id)
        .bind(conversation)
        .execute(chat.db())
        .await
        .unwrap();
    let path = format!("/v1/conversations/{conversation}/variables");
    let list = app.client.get(&format!("{path}?user=u-1&variable_name=count")).await.ok();
    assert_eq!((&list["data"][0]["value"], &list["data"][0]["value_type"]), (&json!("3"), &json!("number")));
    app.client.get(&format!("{path}?user=u-2")).await.refused(404, "not_found");
    app.client.get(&format!("{path}?user=u-1&variable_name=a%27b")).await.refused(400, "invalid_param");
    let one = format!("{path}/{variable}");
    assert_eq!(app.client.put(&one, json!({"value": 4, "user": "u-1"})).await.ok()["value"], "4");
    let refusal = app.client.put(&one, json!({"value": "4", "user": "u-1"})).await.refused(400, "bad_request");
    assert_eq!(refusal["message"], "Type mismatch: variable 'count' expects integer, but got string type");

    let end_user: Uuid = sqlx::query_scalar("select id from end_users where session_id = 'u-1' and app_id = $1")
        .bind(app.id)
        .fetch_one(chat.db())
        .await
        .unwrap();
    let found = app.client.get(&format!("/v1/end-users/{end_user}")).await.ok();
    assert_eq!((&found["type"], &found["session_id"], &found["is_anonymous"]), (&json!("service-api"), &json!("u-1"), &json!(false)));
    let other = chat.publish("chat", "echo", json!({})).await;
    other.client.get(&format!("/v1/end-users/{end_user}")).await.refused(404, "end_user_not_found");
    other.client.get("/v1/end-users/x").await.refused(404, "end_user_not_found");
}

#[sqlx::test]
async fn the_console_previews_drafts_and_unsaved_settings(db: PgPool) {
    let chat = Chat::start(db).await;
    let app = chat.publish("chat", "echo", json!({"pre_prompt": "draft"})).await;
    let path = format!("/api/apps/{}/preview", app.id);
    let editor = chat.app.client(Role::Editor);
    let events = editor.stream(&path, json!({"query": "one two"})).await.rest().await;
    assert_eq!(text(&events), "one two");
    let config = json!({"pre_prompt": "unsaved", "model": {"provider": PROVIDER, "name": "echo"}});
    let conversation = events[0].json()["conversation_id"].clone();
    let body = json!({"query": "three", "config": config, "conversation_id": conversation});
    let events = editor.stream(&path, body).await.rest().await;
    assert_eq!(text(&events), "three");
    let calls = chat.provider.calls();
    assert_eq!(calls.last().unwrap()["messages"][0]["content"], "unsaved");
    assert_eq!(calls.last().unwrap()["messages"].as_array().unwrap().len(), 4);
    let sources: Vec<String> = sqlx::query_scalar("select distinct source from messages").fetch_all(chat.db()).await.unwrap();
    assert_eq!(sources, ["debugger"]);
    let bad = json!({"query": "x", "config": {"model": {"completion_params": {"temperature": 9}}}});
    let refusal = editor.post(&path, bad).await.refused(400, "invalid_param");
    assert_eq!(refusal["error"]["param"], "model.completion_params.temperature");
    chat.app.foreigner().post(&path, json!({"query": "x"})).await.refused(404, "not_found");
    chat.app.client(Role::DatasetOperator).post(&path, json!({"query": "x"})).await.refused(403, "forbidden");
}
