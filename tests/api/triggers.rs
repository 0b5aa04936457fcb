//! Triggers: what webhooks take and refuse, that nothing delivered is lost or doubled, when schedules fire, and that both
//! follow what is published.

use std::collections::BTreeSet;

use ashlar::workflows::triggers::clock;
use axum::body::Body;
use axum::http::{Method, Request, header};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted;
use crate::support::{Reply, Role, TestApp, eventually};

const WEBHOOK: &str = include_str!("../fixtures/workflows/webhook.yml");
const SCHEDULE: &str = include_str!("../fixtures/workflows/schedule.yml");

fn node(id: &str, data: Value) -> Value {
    json!({"id": id, "type": "custom", "data": data})
}

/// A webhook whose outputs are those of the run.
fn hook(mut data: Value, outputs: &[&str]) -> Value {
    data["type"] = json!("trigger-webhook");
    data["title"] = json!("Hook");
    let outputs: Vec<_> = outputs.iter().map(|path| json!({"variable": path, "value_selector": selector(path)})).collect();
    let nodes = vec![node("w", data), node("e", json!({"type": "end", "title": "End", "outputs": outputs}))];
    json!({"graph": {"nodes": nodes, "edges": [{"source": "w", "sourceHandle": "source", "target": "e"}]}, "features": {}})
}

fn selector(path: &str) -> Vec<&str> {
    ["w"].into_iter().chain(path.split('.')).collect()
}

struct Hooked {
    id: Uuid,
    /// Paths of the two addresses.
    path: String,
    debug_path: String,
}

/// A published workflow with one webhook.
async fn publish(app: &TestApp, config: Value) -> Hooked {
    let (id, ..) = scripted::publish_config(&app.state.db, app.home.id, "workflow", &config).await;
    let trigger = one_trigger(app, id).await;
    let path = |key: &str| trigger[key].as_str().unwrap().strip_prefix(&app.state.config.base_url()).unwrap().to_owned();
    Hooked { id, path: path("webhook_url"), debug_path: path("webhook_debug_url") }
}

/// Imports a file and publishes it, as people do.
async fn import(app: &TestApp, yaml: &str) -> Uuid {
    let editor = app.client(Role::Editor);
    let imported = editor.post("/api/apps/import", json!({"yaml": yaml})).await.ok();
    let id: Uuid = imported["app"]["id"].as_str().unwrap().parse().unwrap();
    editor.post(&format!("/api/apps/{id}/publish"), json!({})).await.ok();
    id
}

async fn triggers(app: &TestApp, id: Uuid) -> Vec<Value> {
    app.client(Role::Editor).get(&format!("/api/apps/{id}/triggers")).await.ok()["data"].as_array().unwrap().clone()
}

async fn one_trigger(app: &TestApp, id: Uuid) -> Value {
    let mut all = triggers(app, id).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn switch(app: &TestApp, id: Uuid, trigger: &Value, enabled: bool) -> Value {
    let path = format!("/api/apps/{id}/triggers/{}", trigger["id"].as_str().unwrap());
    app.client(Role::Editor).patch(&path, json!({"enabled": enabled})).await.ok()
}

async fn send(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.anonymous().send(request.body(body.into()).unwrap()).await
}

fn run_id(reply: &Reply) -> Uuid {
    assert!(reply.status.is_success(), "{}: {}", reply.status, reply.text());
    reply.headers["x-workflow-run-id"].to_str().unwrap().parse().unwrap()
}

/// Lets the run that was recorded run; its outputs.
async fn outputs(app: &TestApp, id: Uuid) -> Value {
    ashlar::chat::take_up_runs(&app.state).await.unwrap();
    let find = || async {
        let row: (String, Option<Value>) =
            sqlx::query_as("select status, outputs from workflow_runs where id = $1").bind(id).fetch_one(&app.state.db).await.unwrap();
        row
    };
    eventually("the run ends", || async { !matches!(find().await.0.as_str(), "scheduled" | "running") }).await;
    let (status, outputs) = find().await;
    assert_eq!(status, "succeeded");
    outputs.unwrap()
}

async fn n_runs(app: &TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from workflow_runs").fetch_one(&app.state.db).await.unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[sqlx::test]
async fn a_webhook_of_a_file_runs_what_is_published(db: PgPool) {
    let app = TestApp::start(db).await;
    let id = import(&app, WEBHOOK).await;
    let trigger = one_trigger(&app, id).await;
    assert_eq!(
        (&trigger["kind"], &trigger["node_id"], &trigger["title"], &trigger["enabled"], &trigger["published"], &trigger["error"]),
        (&json!("webhook"), &json!("1760000000001"), &json!("Order paid"), &json!(true), &json!(true), &Value::Null)
    );
    let url = trigger["webhook_url"].as_str().unwrap();
    assert_eq!(trigger["webhook_debug_url"], url.replace("/webhook/", "/webhook-debug/"));
    let path = url.strip_prefix(&app.state.config.base_url()).unwrap();
    let body = json!({"order": {"id": "A-7"}, "items": ["x", "y"]}).to_string();
    let reply = send(
        &app,
        Method::POST,
        &format!("{path}?attempt=2"),
        &[("x-shop", "North"), ("content-type", "application/json; charset=utf-8")],
        body,
    )
    .await;
    assert_eq!((reply.status.as_u16(), reply.json()), (202, json!({"taken": "North"})));

    // the run was there before the answer, and waits for whoever is free
    let run = run_id(&reply);
    let row: (String, String, String, Option<String>) =
        sqlx::query_as("select status, triggered_from, source, replica from workflow_runs where id = $1")
            .bind(run)
            .fetch_one(&app.state.db)
            .await
            .unwrap();
    assert_eq!((row.0.as_str(), row.1.as_str(), row.2.as_str(), row.3), ("scheduled", "webhook", "service-api", None));
    assert_eq!(outputs(&app, run).await, json!({"text": "A-7 of North, 2 items, attempt 2", "method": "POST"}));
    assert!(one_trigger(&app, id).await["last_fired_at"].is_string());

    let key = app.seed_key(&app.home, ashlar::accounts::NewKey::App(ashlar::ids::AppId(id))).await;
    let client = app.with_key(&key);
    let logs = client.get("/v1/workflows/logs").await.ok();
    let logged = &logs["data"][0]["workflow_run"];
    assert_eq!((&logged["id"], &logged["triggered_from"], &logged["status"]), (&json!(run), &json!("webhook"), &json!("succeeded")));
    client.post("/v1/workflows/run", json!({"inputs": {}, "user": "u"})).await.refused(403, "trigger_workflow_service_mode_unavailable");
    // addresses stay here
    let file = app.client(Role::Editor).get(&format!("/api/apps/{id}/export")).await.text();
    assert!(!file.contains("elsewhere.example") && !file.contains(path), "{file}");
}

#[sqlx::test]
async fn each_content_type_is_read(db: PgPool) {
    let app = TestApp::start(db).await;
    let declared = |content_type: &str, body: Value| json!({"method": "post", "content_type": content_type, "body": body});
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(1, 1).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();

    let body = json!([{"name": "n", "type": "number"}, {"name": "flags", "type": "array[boolean]"}, {"name": "gone"}]);
    let json_hook = publish(&app, hook(declared("application/json", body), &["n", "flags", "gone", "_webhook_raw.body"])).await;
    let reply = send(&app, Method::POST, &json_hook.path, &[JSON], r#"{"n": 1.5, "flags": [true], "more": "é"}"#).await;
    assert_eq!(reply.json(), json!({"status": "success", "message": "Webhook processed successfully"}));
    let expected = json!({"n": 1.5, "flags": [true], "gone": null, "_webhook_raw.body": {"n": 1.5, "flags": [true], "more": "é"}});
    assert_eq!(outputs(&app, run_id(&reply)).await, expected);
    let reply = send(&app, Method::POST, &json_hook.path, &[("content-type", "application/cloudevents+json")], "[1]").await;
    assert_eq!(outputs(&app, run_id(&reply)).await["_webhook_raw.body"], json!([1]));
    // who sends nothing need not say what it is
    let reply = send(&app, Method::POST, &json_hook.path, &[], "").await;
    assert_eq!(outputs(&app, run_id(&reply)).await["n"], Value::Null);

    let body = json!([{"name": "n", "type": "number", "required": true}, {"name": "yes", "type": "boolean"}]);
    let form = publish(&app, hook(declared("application/x-www-form-urlencoded", body), &["n", "yes", "_webhook_raw.body"])).await;
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let reply = send(&app, Method::POST, &form.path, &headers, "n=7&yes=true&note=a+b%C3%A9&n=8").await;
    let expected = json!({"n": 7, "yes": true, "_webhook_raw.body": {"n": 7, "yes": true, "note": "a bé"}});
    assert_eq!(outputs(&app, run_id(&reply)).await, expected);

    let body = json!([{"name": "doc", "type": "file", "required": true}, {"name": "n", "type": "number"}]);
    let parts = publish(&app, hook(declared("multipart/form-data", body), &["doc", "n", "_webhook_raw.files"])).await;
    let files = [("doc", "notes.txt", "text/plain", &b"hello"[..]), ("picture", "dot", "image/png", &png[..])];
    let reply = app.anonymous().multipart(&parts.path, &[("n", "3")], &files).await;
    let out = outputs(&app, run_id(&reply)).await;
    assert_eq!(
        (&out["n"], &out["doc"]["filename"], &out["doc"]["size"], &out["doc"]["type"]),
        (&json!(3), &json!("notes.txt"), &json!(5), &json!("document"))
    );
    let picture = &out["_webhook_raw.files"]["picture"];
    assert_eq!((&picture["filename"], &picture["mime_type"]), (&json!("dot.png"), &json!("image/png")));
    // they are the workspace's, and no person's
    let owners: Vec<(Uuid, Option<Uuid>, Option<Uuid>)> =
        sqlx::query_as("select workspace_id, end_user_id, account_id from files where app_id = $1")
            .bind(parts.id)
            .fetch_all(&app.state.db)
            .await
            .unwrap();
    assert_eq!(owners, [(app.home.id, None, None), (app.home.id, None, None)]);

    let body = json!([{"name": "content", "type": "string", "required": true}]);
    let text = publish(&app, hook(declared("text/plain", body), &["content"])).await;
    let reply = send(&app, Method::POST, &text.path, &[("content-type", "text/plain; charset=gbk")], &b"\xc4\xe3\xba\xc3"[..]).await;
    assert_eq!(outputs(&app, run_id(&reply)).await, json!({"content": "你好"}));

    let body = json!([{"name": "content", "type": "file", "required": true}]);
    let octets = publish(&app, hook(declared("application/octet-stream", body), &["content"])).await;
    let reply = send(&app, Method::POST, &octets.path, &[("content-type", "application/octet-stream")], &b"%PDF-1.7 none"[..]).await;
    let out = outputs(&app, run_id(&reply)).await;
    assert_eq!((&out["content"]["filename"], &out["content"]["mime_type"]), (&json!("body.pdf"), &json!("application/pdf")));

    for method in ["get", "put", "patch", "delete", "head"] {
        let flow = publish(&app, hook(json!({"method": method, "params": [{"name": "q"}]}), &["q", "_webhook_raw.method"])).await;
        let name = method.to_uppercase();
        let reply = send(&app, name.parse().unwrap(), &format!("{}?q=x", flow.path), &[], "").await;
        assert_eq!(outputs(&app, run_id(&reply)).await, json!({"q": "x", "_webhook_raw.method": name}));
    }
}

#[sqlx::test]
async fn what_does_not_fit_is_refused_by_name(db: PgPool) {
    let app = TestApp::start(db).await;
    let data = json!({
        "method": "post", "content_type": "application/json",
        "headers": [{"name": "X-Token", "required": true}],
        "params": [{"name": "page", "type": "number", "required": true}],
        "body": [{"name": "user", "type": "object", "required": true}, {"name": "tags", "type": "array[string]"}],
    });
    let flow = publish(&app, hook(data, &[])).await;
    let (good_path, token) = (format!("{}?page=1", flow.path), ("x-token", "t"));
    let good = json!({"user": {}}).to_string();
    let refused = async |path: &str, headers: &[(&str, &str)], body: &str, param: &str, message: &str| {
        let body = send(&app, Method::POST, path, headers, body.to_owned()).await.refused(400, "invalid_param");
        assert_eq!((&body["params"], &body["message"]), (&json!(param), &json!(message)));
    };
    refused(&good_path, &[JSON], &good, "X-Token", "Required header missing: X-Token").await;
    refused(&flow.path, &[JSON, token], &good, "page", "Required parameter missing: page").await;
    let bad = format!("{}?page=one", flow.path);
    refused(&bad, &[JSON, token], &good, "page", "Parameter 'page' validation failed: Cannot convert 'one' to number").await;
    refused(&good_path, &[JSON, token], "{}", "user", "Required body parameter missing: user").await;
    refused(&good_path, &[JSON, token], r#"{"user": "Ann"}"#, "user", "Parameter 'user' validation failed: Expected object, got string")
        .await;
    let message = "Parameter 'tags' validation failed: Expected array of strings, got array";
    refused(&good_path, &[JSON, token], r#"{"user": {}, "tags": [1]}"#, "tags", message).await;
    refused(&good_path, &[JSON, token], "{\"user\": ", "body", "Invalid JSON body: EOF while parsing a value at line 1 column 9").await;

    let reply = send(&app, Method::PUT, &good_path, &[JSON, token], good.clone()).await;
    assert_eq!(reply.refused(405, "method_not_allowed")["message"], "HTTP method mismatch. Expected POST, got PUT");
    assert_eq!(reply.headers[header::ALLOW], "POST");
    let reply = send(&app, Method::POST, &good_path, &[("content-type", "text/plain"), token], good.clone()).await;
    assert_eq!(reply.refused(415, "unsupported_media_type")["message"], "Content-type mismatch. Expected application/json, got text/plain");
    let large = send(&app, Method::POST, &good_path, &[JSON, token], vec![b' '; (10 << 20) + 1]).await;
    assert_eq!(large.refused(413, "file_too_large")["message"], "Webhook request too large: at most 10 MB are allowed.");
    let reply = send(&app, Method::POST, "/triggers/webhook/nonsense", &[JSON], "").await;
    assert_eq!(reply.refused(404, "not_found")["message"], "There is no webhook of this address.");
    send(&app, Method::OPTIONS, &flow.path, &[], "").await.refused(405, "method_not_allowed");
    send(&app, Method::GET, "/triggers/none", &[], "").await.refused(404, "not_found");
    assert_eq!(n_runs(&app).await, 0);

    // a body as large as is allowed is taken whole
    let text = "x".repeat((10 << 20) - 100);
    let reply = send(&app, Method::POST, &good_path, &[JSON, token], json!({"user": {"text": text}}).to_string()).await;
    outputs(&app, run_id(&reply)).await;

    // files that the server does not take
    let form = json!({"method": "post", "content_type": "multipart/form-data", "body": [{"name": "doc", "type": "file"}]});
    let form = publish(&app, hook(form, &["doc"])).await;
    let reply = app.anonymous().multipart(&form.path, &[], &[("doc", "empty.txt", "text/plain", b"")]).await;
    assert_eq!(reply.refused(400, "invalid_param")["params"], "doc");
    let many: Vec<_> = (0..21).map(|_| ("doc", "a.txt", "text/plain", &b"x"[..])).collect();
    app.anonymous().multipart(&form.path, &[], &many).await.refused(400, "too_many_files");
}

#[sqlx::test]
async fn a_delivery_that_comes_again_starts_no_second_run(db: PgPool) {
    let app = TestApp::start(db).await;
    let data = json!({"method": "post", "body": [{"name": "n", "type": "number"}], "response_body": "{\"n\": \"{{#w.n#}}\", \"run\": \"{{#sys.workflow_run_id#}}\"}"});
    let flow = publish(&app, hook(data.clone(), &["n"])).await;
    let deliver = async |path: &str, name: &str, key: &str| send(&app, Method::POST, path, &[JSON, (name, key)], r#"{"n": 1}"#).await;
    let first = deliver(&flow.path, "idempotency-key", "k-1").await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let again = deliver(&flow.path, "idempotency-key", "k-1").await;
    assert_eq!((again.json(), &again.headers["idempotency-replayed"]), (first.json(), &"true".parse().unwrap()));
    assert_eq!(first.json(), json!({"n": "1", "run": run_id(&first)}));
    assert_eq!(run_id(&first), run_id(&again));
    // the same by the name of Standard Webhooks
    assert_eq!(run_id(&deliver(&flow.path, "webhook-id", "k-1").await), run_id(&first));
    assert_ne!(run_id(&deliver(&flow.path, "webhook-id", "k-2").await), run_id(&first));
    // another webhook's keys are its own
    let other = publish(&app, hook(data, &["n"])).await;
    assert_ne!(run_id(&deliver(&other.path, "idempotency-key", "k-1").await), run_id(&first));
    assert_eq!(n_runs(&app).await, 3);
    let refusal = deliver(&flow.path, "idempotency-key", &"k".repeat(256)).await.refused(400, "invalid_param");
    assert_eq!(refusal["params"], "idempotency-key");

    // many at once
    let replies = futures::future::join_all((0..16).map(|_| deliver(&flow.path, "idempotency-key", "k-3"))).await;
    let runs: BTreeSet<Uuid> = replies.iter().map(run_id).collect();
    let fresh = replies.iter().filter(|reply| !reply.headers.contains_key("idempotency-replayed")).count();
    assert_eq!((runs.len(), fresh, n_runs(&app).await), (1, 1, 4));

    // a key of the day before yesterday means nothing
    sqlx::query("update webhook_deliveries set created_at = now() - interval '2 days'").execute(&app.state.db).await.unwrap();
    let later = deliver(&flow.path, "idempotency-key", "k-1").await;
    assert_ne!(run_id(&later), run_id(&first));
    assert_eq!(run_id(&deliver(&flow.path, "idempotency-key", "k-1").await), run_id(&later));
}

#[sqlx::test]
async fn many_deliveries_at_once_all_run(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, hook(json!({"method": "post", "body": [{"name": "n", "type": "number"}]}), &["n"])).await;
    let one = |n: usize| send(&app, Method::POST, &flow.path, &[JSON], json!({"n": n}).to_string());
    let replies = futures::future::join_all((0..40).map(one)).await;
    let runs: BTreeSet<Uuid> = replies.iter().map(run_id).collect();
    assert_eq!(runs.len(), 40);
    eventually("all have run", || async {
        ashlar::chat::take_up_runs(&app.state).await.unwrap();
        let done: i64 =
            sqlx::query_scalar("select count(*) from workflow_runs where status = 'succeeded'").fetch_one(&app.state.db).await.unwrap();
        done == 40
    })
    .await;
    let seen: Vec<Value> = sqlx::query_scalar("select outputs from workflow_runs").fetch_all(&app.state.db).await.unwrap();
    let seen: BTreeSet<u64> = seen.iter().map(|outputs| outputs["n"].as_u64().unwrap()).collect();
    assert_eq!(seen, (0..40).collect());
}

#[sqlx::test]
async fn an_address_that_delivers_too_often_waits(db: PgPool) {
    let app = TestApp::start(db).await;
    let (flood, other) = (app.anonymous(), app.anonymous());
    for _ in 0..1200 {
        flood.get("/triggers/webhook/guess").await.refused(404, "not_found");
    }
    let reply = flood.get("/triggers/webhook/guess").await;
    reply.refused(429, "too_many_requests");
    assert!(reply.headers.contains_key(header::RETRY_AFTER));
    other.get("/triggers/webhook/guess").await.refused(404, "not_found");
}

#[sqlx::test]
async fn webhooks_are_switched_and_renewed(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, hook(json!({"method": "get"}), &[])).await;
    let trigger = one_trigger(&app, flow.id).await;
    assert_eq!(switch(&app, flow.id, &trigger, false).await["enabled"], false);
    let refusal = send(&app, Method::GET, &flow.path, &[], "").await.refused(404, "not_found");
    assert_eq!(refusal["message"], "This webhook is switched off.");
    // the draft can be tried out all the same
    assert_eq!(send(&app, Method::GET, &flow.debug_path, &[], "").await.status, 200);
    switch(&app, flow.id, &trigger, true).await;
    assert_eq!(send(&app, Method::GET, &flow.path, &[], "").await.status, 200);

    let path = format!("/api/apps/{}/triggers/{}/renew-url", flow.id, trigger["id"].as_str().unwrap());
    let renewed = app.client(Role::Editor).post(&path, json!({})).await.ok();
    assert_ne!(renewed["webhook_url"], trigger["webhook_url"]);
    assert_eq!(renewed["id"], trigger["id"]);
    send(&app, Method::GET, &flow.path, &[], "").await.refused(404, "not_found");
    send(&app, Method::GET, &flow.debug_path, &[], "").await.refused(404, "not_found");
    let url = renewed["webhook_url"].as_str().unwrap().strip_prefix(&app.state.config.base_url()).unwrap().to_owned();
    assert_eq!(send(&app, Method::GET, &url, &[], "").await.status, 200);
    let actions: Vec<String> = sqlx::query_scalar("select action from audit_log where action like 'trigger.%' order by created_at")
        .fetch_all(&app.state.db)
        .await
        .unwrap();
    assert_eq!(actions, ["trigger.update", "trigger.update", "trigger.renew_url"]);

    let wrong = app.client(Role::Editor);
    wrong.patch(&format!("/api/apps/{}/triggers/{}", flow.id, Uuid::now_v7()), json!({"enabled": true})).await.refused(404, "not_found");
    let foreigner = app.foreigner();
    foreigner.get(&format!("/api/apps/{}/triggers", flow.id)).await.refused(404, "not_found");
    foreigner.post(&path, json!({})).await.refused(404, "not_found");
    app.client(Role::Normal).get(&format!("/api/apps/{}/triggers", flow.id)).await.refused(403, "forbidden");
}

#[sqlx::test]
async fn a_browser_s_cookies_are_not_recorded(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, hook(json!({"method": "get", "headers": [{"name": "Cookie"}]}), &["Cookie"])).await;
    let request = Request::get(&flow.path).body(Body::empty()).unwrap();
    let reply = app.client(Role::Owner).send(request).await;
    assert_eq!(outputs(&app, run_id(&reply)).await, json!({"Cookie": null}));
    let inputs: String = sqlx::query_scalar("select inputs::text from workflow_runs").fetch_one(&app.state.db).await.unwrap();
    assert!(!inputs.contains("ashlar_session"), "{inputs}");
}

#[sqlx::test]
async fn the_debug_address_runs_the_draft(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let made = editor.post("/api/apps", json!({"name": "Hooked", "mode": "workflow"})).await.ok();
    let id: Uuid = made["id"].as_str().unwrap().parse().unwrap();
    let draft = |value: &str| hook(json!({"method": "get", "params": [{"name": value}]}), &[value]);
    let saved = editor.put(&format!("/api/apps/{id}/draft"), json!({"config": draft("a"), "revision": made["draft_revision"]})).await.ok();
    let trigger = one_trigger(&app, id).await;
    assert_eq!((&trigger["published"], &trigger["enabled"]), (&json!(false), &json!(true)));
    let path = |trigger: &Value, key: &str| trigger[key].as_str().unwrap().strip_prefix(&app.state.config.base_url()).unwrap().to_owned();
    let (url, debug_url) = (path(&trigger, "webhook_url"), path(&trigger, "webhook_debug_url"));
    let refusal = send(&app, Method::GET, &url, &[], "").await.refused(404, "not_found");
    assert_eq!(refusal["message"], "The workflow of this webhook is not published.");
    let reply = send(&app, Method::GET, &format!("{debug_url}?a=1"), &[("idempotency-key", "k")], "").await;
    assert_eq!(outputs(&app, run_id(&reply)).await, json!({"a": "1"}));
    // whoever tries something out means it each time
    let again = send(&app, Method::GET, &format!("{debug_url}?a=1"), &[("idempotency-key", "k")], "").await;
    assert_ne!(run_id(&again), run_id(&reply));

    editor.post(&format!("/api/apps/{id}/publish"), json!({})).await.ok();
    assert_eq!(path(&one_trigger(&app, id).await, "webhook_url"), url, "the address stays");
    editor.put(&format!("/api/apps/{id}/draft"), json!({"config": draft("b"), "revision": saved["draft_revision"]})).await.ok();
    let reply = send(&app, Method::GET, &format!("{url}?a=2&b=3"), &[], "").await;
    assert_eq!(outputs(&app, run_id(&reply)).await, json!({"a": "2"}));
    let reply = send(&app, Method::GET, &format!("{debug_url}?a=2&b=3"), &[], "").await;
    assert_eq!(outputs(&app, run_id(&reply)).await, json!({"b": "3"}));
    let kinds: Vec<String> =
        sqlx::query_scalar("select triggered_from from workflow_runs order by created_at").fetch_all(&app.state.db).await.unwrap();
    assert_eq!(kinds, ["debugging", "debugging", "webhook", "debugging"]);
}

#[sqlx::test]
async fn webhooks_follow_what_is_published(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let id = import(&app, WEBHOOK).await;
    let trigger = one_trigger(&app, id).await;
    let path = trigger["webhook_url"].as_str().unwrap().strip_prefix(&app.state.config.base_url()).unwrap().to_owned();
    let body = json!({"order": {"id": 1}}).to_string();
    let deliver = async || send(&app, Method::POST, &path, &[JSON, ("x-shop", "s")], body.clone()).await;
    let first = editor.get(&format!("/api/apps/{id}/versions")).await.ok()["data"][0]["id"].as_str().unwrap().to_owned();

    // a version without it: the address leads nowhere
    let shown = editor.get(&format!("/api/apps/{id}")).await.ok();
    let without = hook(json!({"method": "get"}), &[]);
    editor.put(&format!("/api/apps/{id}/draft"), json!({"config": without, "revision": shown["draft_revision"]})).await.ok();
    assert_eq!(triggers(&app, id).await.len(), 2, "one is published, one is drafted");
    editor.post(&format!("/api/apps/{id}/publish"), json!({})).await.ok();
    assert_eq!(one_trigger(&app, id).await["node_id"], "w");
    assert_eq!(deliver().await.refused(404, "not_found")["message"], "The workflow has no such webhook any more.");

    // the old version again: the same address
    editor.post(&format!("/api/apps/{id}/versions/{first}/restore"), json!({})).await.ok();
    editor.post(&format!("/api/apps/{id}/publish"), json!({})).await.ok();
    assert_eq!(one_trigger(&app, id).await["webhook_url"], trigger["webhook_url"]);
    assert_eq!(deliver().await.status, 202);

    // a copy has its own
    let copy = editor.post(&format!("/api/apps/{id}/duplicate"), json!({})).await.ok()["id"].as_str().unwrap().parse().unwrap();
    assert_ne!(one_trigger(&app, copy).await["webhook_url"], trigger["webhook_url"]);

    assert_eq!(editor.delete(&format!("/api/apps/{id}")).await.status, 204);
    assert_eq!(deliver().await.refused(404, "not_found")["message"], "There is no webhook of this address.");
    editor.get(&format!("/api/apps/{id}/triggers")).await.refused(404, "not_found");
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// Moves the schedules of an app to a time that has passed.
async fn make_due(app: &TestApp, id: Uuid) {
    sqlx::query("update triggers set next_fire_at = now() - interval '3 days' where app_id = $1 and next_fire_at is not null")
        .bind(id)
        .execute(&app.state.db)
        .await
        .unwrap();
}

#[sqlx::test]
async fn schedules_fire_once_at_their_times(db: PgPool) {
    let app = TestApp::start(db).await;
    let id = import(&app, SCHEDULE).await;
    // nobody has looked at it: the clock finds what was published
    assert_eq!(clock::tick(&app.state).await.unwrap(), 0);
    let shown: Vec<(String, String, DateTime<Utc>)> =
        sqlx::query_as("select node_id, cron, next_fire_at from triggers where app_id = $1 order by node_id")
            .bind(id)
            .fetch_all(&app.state.db)
            .await
            .unwrap();
    assert_eq!(
        shown.iter().map(|row| (row.0.as_str(), row.1.as_str())).collect::<Vec<_>>(),
        [("daily", "0 9 * * 1-5"), ("monthly", "30 18 15,L * *")]
    );
    let list = triggers(&app, id).await;
    let daily = list.iter().find(|trigger| trigger["node_id"] == "daily").unwrap();
    assert_eq!(
        (&daily["kind"], &daily["cron_expression"], &daily["timezone"], &daily["webhook_url"], &daily["last_fired_at"]),
        (&json!("schedule"), &json!("0 9 * * 1-5"), &json!("Asia/Shanghai"), &Value::Null, &Value::Null)
    );
    let next = time(&daily["next_fire_at"]);
    assert_eq!(next.format("%H:%M:%S").to_string(), "01:00:00");
    assert!(next > Utc::now() && next < Utc::now() + chrono::Duration::days(4));

    // however many processes look, and however many times were missed, each fires once
    make_due(&app, id).await;
    let fired = futures::future::join_all((0..8).map(|_| clock::tick(&app.state))).await;
    assert_eq!(fired.into_iter().map(Result::unwrap).sum::<usize>(), 2);
    assert_eq!((n_runs(&app).await, clock::tick(&app.state).await.unwrap()), (2, 0));
    let runs: Vec<(Uuid, String, String, String)> =
        sqlx::query_as("select id, entry_node_id, triggered_from, status from workflow_runs order by entry_node_id")
            .fetch_all(&app.state.db)
            .await
            .unwrap();
    let begun: Vec<_> = runs.iter().map(|run| (run.1.as_str(), run.2.as_str(), run.3.as_str())).collect();
    assert_eq!(begun, [("daily", "schedule", "scheduled"), ("monthly", "schedule", "scheduled")]);
    for run in &runs {
        let text = outputs(&app, run.0).await["text"].as_str().unwrap().to_owned();
        let at: i64 = text.strip_prefix("at ").unwrap().parse().unwrap();
        assert!((Utc::now().timestamp() - at).abs() < 60, "{text}");
    }
    let list = triggers(&app, id).await;
    assert!(list.iter().all(|trigger| time(&trigger["next_fire_at"]) > Utc::now() && trigger["last_fired_at"].is_string()), "{list:?}");
}

#[sqlx::test]
async fn schedules_follow_what_is_published(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let id = import(&app, SCHEDULE).await;
    let next = async |node: &str| {
        let found: Option<DateTime<Utc>> = sqlx::query_scalar("select next_fire_at from triggers where app_id = $1 and node_id = $2")
            .bind(id)
            .bind(node)
            .fetch_one(&app.state.db)
            .await
            .unwrap();
        found
    };
    clock::tick(&app.state).await.unwrap();

    // published again as it was: a time that has come is not lost
    make_due(&app, id).await;
    editor.post(&format!("/api/apps/{id}/publish"), json!({})).await.ok();
    assert_eq!(clock::tick(&app.state).await.unwrap(), 2);

    // switched off, it waits; what passes meanwhile is not made up for
    let list = triggers(&app, id).await;
    let daily = list.iter().find(|trigger| trigger["node_id"] == "daily").unwrap();
    assert_eq!(switch(&app, id, daily, false).await["next_fire_at"], Value::Null);
    make_due(&app, id).await;
    assert_eq!(clock::tick(&app.state).await.unwrap(), 1);
    let back = switch(&app, id, daily, true).await;
    assert!(time(&back["next_fire_at"]) > Utc::now());
    assert_eq!(clock::tick(&app.state).await.unwrap(), 0);

    // another time, and a schedule that can't be read
    let shown = editor.get(&format!("/api/apps/{id}")).await.ok();
    let mut draft = shown["draft"].clone();
    draft["graph"]["nodes"][0]["data"]["cron_expression"] = json!("*/5 * * * *");
    draft["graph"]["nodes"][1]["data"]["timezone"] = json!("Mars/Base");
    let saved = editor.put(&format!("/api/apps/{id}/draft"), json!({"config": draft, "revision": shown["draft_revision"]})).await.ok();
    let refused = editor.post(&format!("/api/apps/{id}/publish"), json!({})).await.refused(400, "invalid_workflow");
    let issue = &refused["error"]["details"]["issues"][0];
    assert_eq!(
        (&issue["node_id"], &issue["field"], &issue["message"]),
        (&json!("monthly"), &json!("timezone"), &json!("'Mars/Base' is no time zone: write one like Asia/Shanghai"))
    );
    draft["graph"]["nodes"][1]["data"]["timezone"] = json!("Europe/Oslo");
    editor.put(&format!("/api/apps/{id}/draft"), json!({"config": draft, "revision": saved["draft_revision"]})).await.ok();
    make_due(&app, id).await;
    editor.post(&format!("/api/apps/{id}/publish"), json!({})).await.ok();
    assert_eq!(clock::tick(&app.state).await.unwrap(), 0, "the old times are void");
    assert!(next("daily").await.unwrap() < Utc::now() + chrono::Duration::minutes(6));
    assert!(next("monthly").await.is_some());

    // a schedule that is published no more does not fire, nor does one of a deleted app
    let shown = editor.get(&format!("/api/apps/{id}")).await.ok();
    let mut draft = shown["draft"].clone();
    draft["graph"]["nodes"][0]["id"] = json!("other");
    draft["graph"]["edges"][0]["source"] = json!("other");
    editor.put(&format!("/api/apps/{id}/draft"), json!({"config": draft, "revision": shown["draft_revision"]})).await.ok();
    make_due(&app, id).await;
    editor.post(&format!("/api/apps/{id}/publish"), json!({})).await.ok();
    assert_eq!(clock::tick(&app.state).await.unwrap(), 1, "the other one is as it was, and due");
    assert_eq!(next("daily").await, None);
    assert!(next("other").await.is_some());
    make_due(&app, id).await;
    assert_eq!(editor.delete(&format!("/api/apps/{id}")).await.status, 204);
    assert_eq!(clock::tick(&app.state).await.unwrap(), 0);
    assert_eq!(next("other").await, None);
    assert_eq!(n_runs(&app).await, 4);
}

#[sqlx::test]
async fn a_schedule_has_no_url_and_its_run_survives_the_process_that_fired_it(db: PgPool) {
    let app = TestApp::start(db).await;
    let id = import(&app, SCHEDULE).await;
    let list = triggers(&app, id).await;
    let path = format!("/api/apps/{id}/triggers/{}/renew-url", list[0]["id"].as_str().unwrap());
    app.client(Role::Editor).post(&path, json!({})).await.refused(400, "bad_request");

    make_due(&app, id).await;
    assert_eq!(clock::tick(&app.state).await.unwrap(), 2);
    // the process ends before it has taken them up; another one does
    ashlar::workflows::job::give_up(&app.state).await;
    let redis_url = app.state.config.redis_url.clone().unwrap();
    let redis = ashlar::state::Redis::connect(&redis_url, &app.state.config.redis_prefix).await.unwrap();
    let secrets = ashlar::secrets::Secrets::open(None, &app.state.config.data_dir).unwrap();
    let other = ashlar::state::AppState::new((*app.state.config).clone(), app.state.db.clone(), redis, secrets).unwrap();
    assert_eq!(ashlar::chat::take_up_runs(&other).await.unwrap(), 2);
    eventually("both have run", || async {
        let done: i64 =
            sqlx::query_scalar("select count(*) from workflow_runs where status = 'succeeded'").fetch_one(&app.state.db).await.unwrap();
        done == 2
    })
    .await;
}
