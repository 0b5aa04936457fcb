//! Workflows and chatflows through the service API: events, blocking answers, stop, detail, logs, following, resuming.

use std::time::Duration;

use ashlar::state::{AppState, Redis};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted;
use crate::support::{Client, Event, EventStream, TestApp, Workspace, eventually};

pub fn node(id: &str, data: Value) -> Value {
    json!({"id": id, "type": "custom", "data": data})
}

pub fn child(id: &str, parent: &str, data: Value) -> Value {
    json!({"id": id, "type": "custom", "parentId": parent, "data": data})
}

pub fn edges(list: &[&str]) -> Vec<Value> {
    let edge = |text: &&str| {
        let (source, target) = text.split_once('>').unwrap();
        let (source, handle) = source.split_once(':').unwrap_or((source, "source"));
        json!({"source": source, "sourceHandle": handle, "target": target})
    };
    list.iter().map(edge).collect()
}

pub fn start(variables: Value) -> Value {
    node("s", json!({"type": "start", "title": "Start", "variables": variables}))
}

pub fn template(title: &str, text: &str, variables: &[(&str, &str)]) -> Value {
    let variables: Vec<Value> = variables
        .iter()
        .map(|(name, selector)| json!({"variable": name, "value_selector": selector.split('.').collect::<Vec<_>>()}))
        .collect();
    json!({"type": "template-transform", "title": title, "template": text, "variables": variables})
}

pub fn end(outputs: &[(&str, &str)]) -> Value {
    let outputs: Vec<Value> = outputs
        .iter()
        .map(|(name, selector)| json!({"variable": name, "value_selector": selector.split('.').collect::<Vec<_>>()}))
        .collect();
    node("e", json!({"type": "end", "title": "End", "outputs": outputs}))
}

pub fn graph(nodes: Vec<Value>, list: &[&str]) -> Value {
    json!({"graph": {"nodes": nodes, "edges": edges(list)}, "features": {}})
}

pub fn city() -> Value {
    json!([{"variable": "city", "label": "City", "type": "text-input", "required": true, "max_length": 48}])
}

/// start → template → end
pub fn greeting() -> Value {
    let nodes = vec![start(city()), node("t", template("Greet", "Hello {{ c }}", &[("c", "s.city")])), end(&[("text", "t.output")])];
    graph(nodes, &["s>t", "t>e"])
}

/// Goes over `n` items, one after the other.
pub fn long(n: usize) -> Value {
    let source = format!("{{{{ range({n}) | list | length }}}}");
    let iteration = json!({"type": "iteration", "title": "Each", "start_node_id": "i0", "iterator_selector": ["env", "items"], "output_selector": ["it", "output"]});
    let nodes = vec![
        start(json!([])),
        node("n", template("Count", &source, &[])),
        node("i", iteration),
        child("i0", "i", json!({"type": "iteration-start"})),
        child("it", "i", template("Item", "<{{ x }}>", &[("x", "i.item")])),
        end(&[("all", "i.output"), ("n", "n.output")]),
    ];
    let mut config = graph(nodes, &["s>n", "n>i", "i0>it", "i>e"]);
    config["environment_variables"] = json!([{"name": "items", "value_type": "array[number]", "value": (0..n).collect::<Vec<_>>()}]);
    config
}

pub struct App {
    pub id: Uuid,
    version: Uuid,
    pub client: Client,
}

/// A published app and its key.
pub async fn publish(app: &TestApp, workspace: &Workspace, mode: &str, config: Value) -> App {
    let (id, version, token) = scripted::publish_config(&app.state.db, workspace.id, mode, &config).await;
    App { id, version, client: app.with_key(&token) }
}

pub fn streaming(inputs: Value) -> Value {
    json!({"inputs": inputs, "user": "u-7", "response_mode": "streaming"})
}

pub fn blocking(inputs: Value) -> Value {
    json!({"inputs": inputs, "user": "u-7"})
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Names of the data events.
pub fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

/// The data events of a whole stream, whose first event is a ping.
pub async fn whole(stream: EventStream) -> Vec<Value> {
    assert_eq!(stream.status, StatusCode::OK);
    assert_eq!(stream.headers[header::CONTENT_TYPE], "text/event-stream; charset=utf-8");
    let events = stream.rest().await;
    assert_eq!((events[0].event.as_deref(), events[0].data.as_str()), (Some("ping"), ""));
    assert!(events.iter().skip(1).all(|event| event.id.is_none()), "no ids for ordinary clients");
    data(&events)
}

pub fn data(events: &[Event]) -> Vec<Value> {
    events.iter().filter(|event| event.event.is_none()).map(Event::json).collect()
}

#[sqlx::test]
async fn a_stream_has_the_contracts_events(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", greeting()).await;
    let events = whole(flow.client.stream("/v1/workflows/run", streaming(json!({"city": "Oslo", "other": 1}))).await).await;
    assert_eq!(
        names(&events),
        [
            "workflow_started",
            "node_started",
            "node_finished",
            "node_started",
            "text_chunk",
            "node_finished",
            "node_started",
            "node_finished",
            "workflow_finished"
        ]
    );
    for event in &events {
        assert_eq!(keys(event), ["event", "workflow_run_id", "task_id", "data"]);
    }
    let (run_id, workflow_id) = (events[0]["workflow_run_id"].as_str().unwrap(), flow.version.to_string());
    let started = &events[0]["data"];
    assert_eq!(keys(started), ["id", "workflow_id", "inputs", "created_at", "reason"]);
    assert_eq!((&started["id"], &started["workflow_id"], &started["reason"]), (&json!(run_id), &json!(workflow_id), &json!("initial")));
    assert_eq!(
        keys(&started["inputs"]),
        ["city", "sys.files", "sys.user_id", "sys.app_id", "sys.workflow_id", "sys.workflow_run_id", "sys.timestamp"]
    );
    assert_eq!((&started["inputs"]["sys.user_id"], &started["inputs"]["sys.workflow_run_id"]), (&json!("u-7"), &json!(run_id)));
    let node_started = &events[3]["data"];
    assert_eq!(
        keys(node_started),
        [
            "id",
            "node_id",
            "node_type",
            "title",
            "index",
            "predecessor_node_id",
            "inputs",
            "inputs_truncated",
            "created_at",
            "extras",
            "iteration_id",
            "loop_id",
            "agent_strategy"
        ]
    );
    assert_eq!(
        (&node_started["node_id"], &node_started["title"], &node_started["index"], &node_started["predecessor_node_id"]),
        (&json!("t"), &json!("Greet"), &json!(2), &json!("s"))
    );
    let finished = &events[5]["data"];
    assert_eq!(
        keys(finished),
        [
            "id",
            "node_id",
            "node_type",
            "title",
            "index",
            "predecessor_node_id",
            "inputs",
            "inputs_truncated",
            "process_data",
            "process_data_truncated",
            "outputs",
            "outputs_truncated",
            "status",
            "error",
            "elapsed_time",
            "execution_metadata",
            "created_at",
            "finished_at",
            "files",
            "iteration_id",
            "loop_id"
        ]
    );
    assert_eq!((&finished["id"], &finished["status"], &finished["error"]), (&node_started["id"], &json!("succeeded"), &Value::Null));
    assert_eq!((&finished["outputs"], &finished["execution_metadata"]), (&json!({"output": "Hello Oslo"}), &json!({})));
    assert_eq!(events[4]["data"], json!({"text": "Hello Oslo", "from_variable_selector": ["t", "output"]}));
    let end = &events[8]["data"];
    assert_eq!(
        keys(end),
        [
            "id",
            "workflow_id",
            "status",
            "outputs",
            "error",
            "elapsed_time",
            "total_tokens",
            "total_steps",
            "created_by",
            "created_at",
            "finished_at",
            "exceptions_count",
            "files"
        ]
    );
    assert_eq!((&end["status"], &end["outputs"], &end["total_steps"]), (&json!("succeeded"), &json!({"text": "Hello Oslo"}), &json!(3)));
    assert_eq!((keys(&end["created_by"]), &end["created_by"]["user"]), (vec!["id", "user"], &json!("u-7")));

    // and the run is recorded, as is each of its nodes
    let detail = flow.client.get(&format!("/v1/workflows/run/{run_id}")).await.ok();
    assert_eq!(
        keys(&detail),
        [
            "id",
            "workflow_id",
            "status",
            "inputs",
            "outputs",
            "error",
            "total_steps",
            "total_tokens",
            "created_at",
            "finished_at",
            "elapsed_time"
        ]
    );
    assert_eq!((&detail["status"], &detail["outputs"]), (&json!("succeeded"), &json!({"text": "Hello Oslo"})));
    let inputs: Value = serde_json::from_str(detail["inputs"].as_str().unwrap()).unwrap();
    assert_eq!((&inputs["city"], keys(&inputs)), (&json!("Oslo"), keys(&started["inputs"])));
    let nodes: Vec<(String, String)> = sqlx::query_as("select key, status from node_runs where run_id = $1::uuid order by index")
        .bind(run_id)
        .fetch_all(&app.state.db)
        .await
        .unwrap();
    assert_eq!(nodes, [("s", "succeeded"), ("t", "succeeded"), ("e", "succeeded")].map(|(k, s)| (k.to_owned(), s.to_owned())));
}

#[sqlx::test]
async fn blocking_is_the_default_and_a_failed_run_is_a_200(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", greeting()).await;
    let reply = flow.client.post("/v1/workflows/run", blocking(json!({"city": "Oslo"}))).await;
    assert_eq!(reply.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
    let body = reply.ok();
    assert_eq!(keys(&body), ["task_id", "workflow_run_id", "data"]);
    assert_eq!(
        keys(&body["data"]),
        ["id", "workflow_id", "status", "outputs", "error", "elapsed_time", "total_tokens", "total_steps", "created_at", "finished_at"]
    );
    assert_eq!((&body["data"]["status"], &body["data"]["outputs"]), (&json!("succeeded"), &json!({"text": "Hello Oslo"})));

    let nodes = vec![start(json!([])), node("t", template("Bad", "{% if %}", &[])), end(&[])];
    let failing = publish(&app, &app.home, "workflow", graph(nodes, &["s>t", "t>e"])).await;
    let body = failing.client.post("/v1/workflows/run", blocking(json!({}))).await.ok();
    assert_eq!((&body["data"]["status"], &body["data"]["outputs"]), (&json!("failed"), &Value::Null));
    assert!(body["data"]["error"].as_str().unwrap().contains("syntax"), "{body}");
    let events = whole(failing.client.stream("/v1/workflows/run", streaming(json!({}))).await).await;
    let last: Vec<_> = events.iter().rev().take(2).map(|event| (event["event"].as_str().unwrap(), &event["data"]["status"])).collect();
    assert_eq!(last, [("workflow_finished", &json!("failed")), ("node_finished", &json!("failed"))]);
}

#[sqlx::test]
async fn calls_are_refused_in_the_contracts_words(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", greeting()).await;
    let run = async |path: &str, body: Value| flow.client.post(path, body).await;
    let refusal = run("/v1/workflows/run", blocking(json!({}))).await.refused(400, "invalid_param");
    assert_eq!(refusal["message"], "city is required in input form");
    let refusal = run("/v1/workflows/run", json!({"inputs": {"city": "x"}})).await.refused(400, "invalid_param");
    assert_eq!(refusal["message"], "Arg user must be provided.");
    let by_version = |id: &str| format!("/v1/workflows/{id}/run");
    let body = blocking(json!({"city": "Rome"}));
    let one = run(&by_version(&flow.version.to_string()), body.clone()).await.ok();
    assert_eq!(one["data"]["outputs"]["text"], "Hello Rome");
    run(&by_version("draft"), body.clone()).await.refused(400, "bad_request");
    let refusal = run(&by_version("nonsense"), body.clone()).await.refused(400, "bad_request");
    assert_eq!(refusal["message"], "Invalid workflow_id format: 'nonsense'. ");
    let unknown = Uuid::now_v7();
    let refusal = run(&by_version(&unknown.to_string()), body.clone()).await.refused(404, "not_found");
    assert_eq!(refusal["message"], format!("Workflow not found with id: {unknown}"));
    let other = publish(&app, &app.home, "workflow", greeting()).await;
    run(&by_version(&other.version.to_string()), body.clone()).await.refused(404, "not_found");

    sqlx::query("update apps set published_version_id = null where id = $1").bind(other.id).execute(&app.state.db).await.unwrap();
    let refusal = other.client.post("/v1/workflows/run", body.clone()).await.refused(400, "invalid_param");
    assert_eq!(refusal["message"], "Workflow not published");
    other.client.get("/v1/parameters").await.refused(400, "app_unavailable");
    let triggered = graph(vec![node("w", json!({"type": "trigger-webhook", "title": "Hook"})), end(&[])], &["w>e"]);
    let triggered = publish(&app, &app.home, "workflow", triggered).await;
    triggered.client.post("/v1/workflows/run", body.clone()).await.refused(403, "trigger_workflow_service_mode_unavailable");
    let circle =
        graph(vec![start(json!([])), node("a", template("A", "", &[])), node("b", template("B", "", &[]))], &["s>a", "a>b", "b>a"]);
    let broken = publish(&app, &app.home, "workflow", circle).await;
    broken.client.post("/v1/workflows/run", blocking(json!({}))).await.refused(400, "app_unavailable");
    let chat = publish(&app, &app.home, "chat", json!({})).await;
    for path in ["/v1/workflows/run", "/v1/workflows/tasks/x/stop"] {
        chat.client.post(path, body.clone()).await.refused(400, "not_workflow_app");
    }
    chat.client.get("/v1/workflows/logs").await.refused(400, "not_workflow_app");
    chat.client.get(&format!("/v1/workflows/run/{unknown}")).await.refused(400, "not_workflow_app");
    let refusal = flow.client.get(&format!("/v1/workflows/run/{unknown}")).await.refused(404, "not_found");
    assert_eq!(refusal["message"], "Workflow run not found.");
    flow.client.post("/v1/chat-messages", json!({"query": "x", "inputs": {}, "user": "u"})).await.refused(400, "not_chat_app");
    let stopped = flow.client.post("/v1/workflows/tasks/nonsense/stop", json!({"user": "u"})).await.ok();
    assert_eq!(stopped, json!({"result": "success"}));
}

#[sqlx::test]
async fn places_for_running_requests_are_counted(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", long(400)).await;
    sqlx::query("update apps set max_active_requests = 1 where id = $1").bind(flow.id).execute(&app.state.db).await.unwrap();
    let stream = flow.client.stream("/v1/workflows/run", streaming(json!({}))).await;
    let refusal = flow.client.post("/v1/workflows/run", blocking(json!({}))).await.refused(429, "too_many_requests");
    assert!(refusal["message"].as_str().unwrap().ends_with(&format!("allowed for {} is 1.", flow.id)), "{refusal}");
    whole(stream).await;
    eventually("the place is free", || async { flow.client.post("/v1/workflows/run", blocking(json!({}))).await.status == StatusCode::OK })
        .await;
}

#[sqlx::test]
async fn iterations_have_events_of_their_own(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", long(2)).await;
    let events = whole(flow.client.stream("/v1/workflows/run", streaming(json!({}))).await).await;
    let of_iteration: Vec<&Value> = events.iter().filter(|event| event["data"]["node_id"] == "i").collect();
    let shown: Vec<&str> = of_iteration.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(shown, ["iteration_started", "iteration_next", "iteration_next", "iteration_completed"]);
    let started = &of_iteration[0]["data"];
    assert_eq!(keys(started), ["id", "node_id", "node_type", "title", "created_at", "extras", "metadata", "inputs", "inputs_truncated"]);
    assert_eq!((&started["metadata"], &started["node_type"]), (&json!({"iteration_length": 2}), &json!("iteration")));
    assert_eq!(keys(&of_iteration[1]["data"]), ["id", "node_id", "node_type", "title", "index", "created_at", "extras"]);
    assert_eq!((&of_iteration[1]["data"]["index"], &of_iteration[2]["data"]["index"]), (&json!(0), &json!(1)));
    let completed = &of_iteration[3]["data"];
    assert_eq!(
        keys(completed),
        [
            "id",
            "node_id",
            "node_type",
            "title",
            "outputs",
            "outputs_truncated",
            "created_at",
            "extras",
            "inputs",
            "inputs_truncated",
            "status",
            "error",
            "elapsed_time",
            "total_tokens",
            "execution_metadata",
            "finished_at",
            "steps"
        ]
    );
    assert_eq!((&completed["steps"], &completed["outputs"]["output"]), (&json!(2), &json!(["<0>", "<1>"])));
    let children: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "node_finished" && event["data"]["node_id"] == "it")
        .map(|event| &event["data"])
        .collect();
    let places: Vec<_> = children.iter().map(|child| (&child["iteration_id"], &child["execution_metadata"]["iteration_index"])).collect();
    assert_eq!(places, [(&json!("i"), &json!(0)), (&json!("i"), &json!(1))]);
}

/// Reads up to an event of that name.
pub async fn until(stream: &mut EventStream, name: &str) -> Value {
    loop {
        let event = stream.next().await.unwrap_or_else(|| panic!("the stream ended before {name}"));
        if event.event.is_none() && event.json()["event"] == name {
            return event.json();
        }
    }
}

#[sqlx::test]
async fn anybody_of_the_app_stops_a_run(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", long(450)).await;
    let mut stream = flow.client.stream("/v1/workflows/run", streaming(json!({}))).await;
    let next = until(&mut stream, "iteration_next").await;
    let task = next["task_id"].as_str().unwrap();
    let other = publish(&app, &app.home, "workflow", greeting()).await;
    other.client.post(&format!("/v1/workflows/tasks/{task}/stop"), json!({"user": "u"})).await.ok();
    let reply = flow.client.post(&format!("/v1/workflows/tasks/{task}/stop"), json!({"user": "somebody else"})).await.ok();
    assert_eq!(reply, json!({"result": "success"}));
    let finished = until(&mut stream, "workflow_finished").await;
    assert_eq!(finished["data"]["status"], "stopped");
    assert!(stream.next().await.is_none());
    let detail = flow.client.get(&format!("/v1/workflows/run/{}", next["workflow_run_id"].as_str().unwrap())).await.ok();
    assert_eq!(detail["status"], "stopped");
}

#[sqlx::test]
async fn the_log_is_narrowed(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", greeting()).await;
    for (city, user) in [("Oslo", "ann"), ("Rome", "bob"), ("Paris", "ann")] {
        flow.client.post("/v1/workflows/run", json!({"inputs": {"city": city}, "user": user})).await.ok();
    }
    let list = async |query: &str| flow.client.get(&format!("/v1/workflows/logs{query}")).await.ok();
    let all = list("").await;
    assert_eq!(keys(&all), ["page", "limit", "total", "has_more", "data"]);
    assert_eq!((&all["total"], &all["has_more"], all["data"].as_array().unwrap().len()), (&json!(3), &json!(false), 3));
    let entry = &all["data"][0];
    assert_eq!(
        keys(entry),
        ["id", "workflow_run", "details", "created_from", "created_by_role", "created_by_account", "created_by_end_user", "created_at"]
    );
    assert_eq!(
        keys(&entry["workflow_run"]),
        [
            "id",
            "version",
            "status",
            "triggered_from",
            "error",
            "elapsed_time",
            "total_tokens",
            "total_steps",
            "created_at",
            "finished_at",
            "exceptions_count"
        ]
    );
    assert_eq!(keys(&entry["created_by_end_user"]), ["id", "type", "is_anonymous", "session_id"]);
    assert_eq!((&entry["created_from"], &entry["created_by_role"]), (&json!("service-api"), &json!("end_user")));
    assert_eq!(entry["workflow_run"]["triggered_from"], "app-run");
    for (query, total) in [
        ("?keyword=oslo", 1),
        ("?keyword=hello", 3),
        ("?keyword=%25", 0),
        ("?status=succeeded", 3),
        ("?status=failed", 0),
        ("?created_by_end_user_session_id=ann", 2),
        ("?created_at__before=2020-01-01T00:00:00Z", 0),
        ("?created_at__after=2020-01-01", 3),
        ("?limit=2&page=2", 3),
    ] {
        assert_eq!(list(query).await["total"], total, "{query}");
    }
    let page = list("?limit=2").await;
    assert_eq!((page["has_more"].as_bool(), page["data"].as_array().unwrap().len()), (Some(true), 2));
    let refusal = flow.client.get("/v1/workflows/logs?created_by_account=no@where.org").await.refused(400, "invalid_param");
    assert_eq!(refusal["message"], "Account not found: no@where.org");
    for query in ["?page=0", "?limit=101", "?created_at__after=soon", "?status=odd"] {
        flow.client.get(&format!("/v1/workflows/logs{query}")).await.refused(400, "invalid_param");
    }
    let other = publish(&app, &app.home, "workflow", greeting()).await;
    assert_eq!(other.client.get("/v1/workflows/logs").await.ok()["total"], 0);
}

pub async fn follow(client: &Client, path: &str, after: Option<&str>) -> EventStream {
    let mut request = Request::get(path);
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    EventStream::new(client.open(request.body(axum::body::Body::empty()).unwrap()).await)
}

#[sqlx::test]
async fn a_run_is_followed_by_its_caller_only(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", long(300)).await;
    let mut stream = flow.client.stream("/v1/workflows/run", streaming(json!({}))).await;
    let first = until(&mut stream, "workflow_started").await;
    let run_id = first["workflow_run_id"].as_str().unwrap();
    let path = |user: &str, query: &str| format!("/v1/workflow/{run_id}/events?user={user}{query}");
    let refusal = follow(&flow.client, &path("u-8", ""), None).await.reply().await.refused(404, "not_found");
    assert_eq!(refusal["message"], "Workflow run not found");
    flow.client.get(&format!("/v1/workflow/{run_id}/events")).await.refused(400, "invalid_param");
    let other = publish(&app, &app.home, "workflow", greeting()).await;
    follow(&other.client, &path("u-7", ""), None).await.reply().await.refused(404, "not_found");
    follow(&flow.client, &path("u-7", "&continue_on_pause=perhaps"), None).await.reply().await.refused(400, "invalid_param");

    until(&mut stream, "iteration_next").await;
    let snapshot = follow(&flow.client, &path("u-7", "&include_state_snapshot=true"), None).await;
    let from_now = follow(&flow.client, &path("u-7", ""), None).await;
    let (rest, snapshot, from_now) = tokio::join!(stream.rest(), snapshot.rest(), from_now.rest());
    let (rest, snapshot, from_now) = (data(&rest), data(&snapshot), data(&from_now));
    assert_eq!(snapshot[0], first);
    assert_eq!(snapshot.last(), rest.last());
    assert!(snapshot.ends_with(&rest), "the whole run is told again");
    assert!(rest.ends_with(&from_now) && !from_now.is_empty());

    // over: one event, whose task is the run
    let over = follow(&flow.client, &path("u-7", ""), None).await;
    assert_eq!(over.headers[header::CACHE_CONTROL], "no-cache");
    let over = data(&over.rest().await);
    assert_eq!((names(&over), &over[0]["task_id"]), (vec!["workflow_finished"], &json!(run_id)));
    assert_eq!(over[0]["data"]["outputs"], rest.last().unwrap()["data"]["outputs"]);
    // unless more was asked for
    let again = follow(&flow.client, &path("u-7", ""), Some("0")).await.rest().await;
    assert_eq!(data(&again), snapshot);
    assert_eq!(again[0].id.as_deref(), Some("1"));
    let last = (again.len() - 2).to_string();
    assert_eq!(follow(&flow.client, &path("u-7", ""), Some(&last)).await.rest().await, again[again.len() - 2..]);
}

/// Another process over the same servers.
async fn replica(app: &TestApp) -> AppState {
    let config = (*app.state.config).clone();
    let redis = Redis::connect(config.redis_url.as_deref().unwrap(), &config.redis_prefix).await.unwrap();
    let secrets = ashlar::secrets::Secrets::open(None, app.data_dir.path()).unwrap();
    AppState::new(config, app.state.db.clone(), redis, secrets).unwrap()
}

#[sqlx::test]
async fn a_run_goes_on_in_another_process(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", long(300)).await;
    let request = Request::post("/v1/workflows/run")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-ashlar-resume", "true")
        .body(axum::body::Body::from(streaming(json!({})).to_string()))
        .unwrap();
    let mut stream = EventStream::new(flow.client.open(request).await);
    let mut told = Vec::new();
    while told.len() < 60 {
        told.extend(stream.next().await.filter(|event| event.event.is_none()));
    }
    ashlar::workflows::job::give_up(&app.state).await;
    while let Some(event) = stream.next().await {
        told.push(event);
    }
    assert!(told.iter().all(|event| event.json()["event"] != "workflow_finished"), "it was broken off");
    let run_id = told[0].json()["workflow_run_id"].as_str().unwrap().to_owned();
    let finished = "select count(*), count(distinct id), min(finished_at) from node_runs where run_id = $1::uuid and status = 'succeeded'";
    let before: (i64, i64, chrono::DateTime<chrono::Utc>) = sqlx::query_as(finished).bind(&run_id).fetch_one(&app.state.db).await.unwrap();

    let other = replica(&app).await;
    let client = Client::of(ashlar::server::router(other.clone()), &flow.client);
    let last = told.last().unwrap().id.clone().unwrap();
    let path = format!("/v1/workflow/{run_id}/events?user=u-7");
    let followed = follow(&client, &path, Some(&last)).await;
    assert_eq!(ashlar::chat::take_up_runs(&other).await.unwrap(), 1);
    let followed = followed.rest().await;
    let events = data(&followed);
    assert_eq!((names(&events)[0], &events[0]["data"]["reason"]), ("workflow_started", &json!("resumption")));
    let end = &events.last().unwrap()["data"];
    assert_eq!((&end["status"], end["outputs"]["all"].as_array().unwrap().len()), (&json!("succeeded"), 300));
    assert_eq!(end["outputs"]["all"][299], "<299>");
    // no node that finished ran again, and none was told twice
    let ended = |events: &[Value]| -> Vec<String> {
        let ended = events.iter().filter(|event| event["event"] == "node_finished" && event["data"]["status"] == "succeeded");
        ended.map(|event| event["data"]["id"].as_str().unwrap().to_owned()).collect()
    };
    let (first, second) = (ended(&data(&told)), ended(&events));
    assert!(first.iter().all(|id| !second.contains(id)));
    assert!(!first.is_empty() && before.0 >= i64::try_from(first.len()).unwrap());
    let after: (i64, i64, chrono::DateTime<chrono::Utc>) = sqlx::query_as(finished).bind(&run_id).fetch_one(&app.state.db).await.unwrap();
    // start, count, 300 items, the iteration, end
    assert_eq!((after.0, after.1, after.2), (304, 304, before.2));
    assert_eq!(ashlar::chat::take_up_runs(&other).await.unwrap(), 0);
}

#[sqlx::test]
async fn the_form_is_the_start_nodes(db: PgPool) {
    let app = TestApp::start(db).await;
    let mut config = greeting();
    config["features"] = json!({"opening_statement": "Hi", "file_upload": {"enabled": true, "allowed_file_types": ["image"]}});
    let flow = publish(&app, &app.home, "workflow", config).await;
    let parameters = flow.client.get("/v1/parameters").await.ok();
    assert_eq!(parameters["opening_statement"], "Hi");
    assert_eq!(parameters["file_upload"]["allowed_file_types"], json!(["image"]));
    let field = &parameters["user_input_form"][0]["text-input"];
    assert_eq!((&field["variable"], &field["max_length"]), (&json!("city"), &json!(48)));
    assert_eq!(flow.client.get("/v1/info").await.ok()["mode"], "workflow");
    assert_eq!(flow.client.get("/v1/meta").await.ok(), json!({"tool_icons": {}}));
}

pub fn answer(id: &str, text: &str) -> Value {
    node(id, json!({"type": "answer", "title": "Answer", "answer": text}))
}

/// Answers "You said …", and remembers the query in a conversation variable.
pub fn parrot() -> Value {
    let set = json!({"type": "assigner", "title": "Keep", "version": "2", "items": [
        {"variable_selector": ["conversation", "said"], "input_type": "variable", "operation": "append", "value": ["sys", "query"]}]});
    let nodes = vec![
        start(json!([])),
        node("t", template("Say", "You said {{ q }}", &[("q", "sys.query")])),
        node("v", set),
        answer("a", "{{#t.output#}} ({{#sys.dialogue_count#}})"),
    ];
    let mut config = graph(nodes, &["s>t", "t>v", "v>a"]);
    config["conversation_variables"] =
        json!([{"id": "x", "name": "said", "value_type": "array[string]", "value": ["nothing"], "description": "All of it"}]);
    config["features"] = json!({"opening_statement": "Ask me"});
    config
}

fn ask(query: &str) -> Value {
    json!({"query": query, "inputs": {}, "user": "u-7", "response_mode": "streaming", "auto_generate_name": false})
}

#[sqlx::test]
async fn a_chatflow_answers_with_messages_around_its_run(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "advanced-chat", parrot()).await;
    let events = whole(flow.client.stream("/v1/chat-messages", ask("hello")).await).await;
    let shown: Vec<&str> = names(&events).into_iter().filter(|name| !name.starts_with("node_")).collect();
    let messages = shown.iter().filter(|name| **name == "message").count();
    assert!(messages >= 1);
    assert_eq!((shown[0], &shown[shown.len() - 2..]), ("workflow_started", &["message_end", "workflow_finished"][..]));
    for event in &events {
        let common = ["event", "conversation_id", "message_id", "created_at", "task_id"];
        assert_eq!(keys(event)[..5], common, "{event}");
        if event.get("data").is_some() {
            assert_eq!(keys(event)[5..], ["workflow_run_id", "data"]);
        }
    }
    let of = |name: &str| events.iter().find(|event| event["event"] == name).unwrap();
    let message = of("message");
    assert_eq!(keys(message)[5..], ["id", "answer", "from_variable_selector"]);
    assert_eq!((&message["id"], &message["from_variable_selector"]), (&message["message_id"], &json!(["t", "output"])));
    let text: String = events.iter().filter(|e| e["event"] == "message").map(|e| e["answer"].as_str().unwrap()).collect();
    assert_eq!(text, "You said hello (1)");
    let message_end = of("message_end");
    assert_eq!(keys(message_end)[5..], ["id", "metadata", "files"]);
    assert_eq!(keys(&message_end["metadata"]), ["annotation_reply", "retriever_resources", "usage", "reasoning"]);
    let inputs = &of("workflow_started")["data"]["inputs"];
    assert_eq!(
        keys(inputs),
        [
            "sys.query",
            "sys.files",
            "sys.conversation_id",
            "sys.dialogue_count",
            "sys.user_id",
            "sys.app_id",
            "sys.workflow_id",
            "sys.workflow_run_id"
        ]
    );
    assert_eq!(of("workflow_finished")["data"]["outputs"], json!({"answer": text, "files": []}));

    let conversation = message["conversation_id"].as_str().unwrap();
    let mut body = ask("again");
    body["conversation_id"] = json!(conversation);
    body["response_mode"] = json!("blocking");
    let second = flow.client.post("/v1/chat-messages", body.clone()).await.ok();
    assert_eq!(keys(&second), ["event", "task_id", "id", "message_id", "conversation_id", "mode", "answer", "metadata", "created_at"]);
    assert_eq!((&second["mode"], &second["answer"]), (&json!("advanced-chat"), &json!("You said again (2)")));
    body["user"] = json!("u-8");
    flow.client.post("/v1/chat-messages", body).await.refused(404, "not_found");

    let history = flow.client.get(&format!("/v1/messages?conversation_id={conversation}&user=u-7")).await.ok();
    let answers: Vec<_> = history["data"].as_array().unwrap().iter().map(|m| (&m["answer"], &m["status"], &m["extra_contents"])).collect();
    let (normal, nothing) = (json!("normal"), json!([]));
    assert_eq!(answers, [(&json!(text), &normal, &nothing), (&json!("You said again (2)"), &normal, &nothing)]);

    let variables = format!("/v1/conversations/{conversation}/variables");
    let kept = flow.client.get(&format!("{variables}?user=u-7")).await.ok()["data"][0].clone();
    assert_eq!((&kept["name"], &kept["value_type"], &kept["description"]), (&json!("said"), &json!("array[string]"), &json!("All of it")));
    assert_eq!(kept["value"], r#"["nothing","hello","again"]"#);
    let one = format!("{variables}/{}", kept["id"].as_str().unwrap());
    let changed = flow.client.put(&one, json!({"value": ["reset"], "user": "u-7"})).await.ok();
    assert_eq!(changed["value"], r#"["reset"]"#);
    let refusal = flow.client.put(&one, json!({"value": "x", "user": "u-7"})).await.refused(400, "bad_request");
    assert_eq!(refusal["message"], "Type mismatch: variable 'said' expects array[string], but got string type");
    let run_id = of("workflow_started")["workflow_run_id"].as_str().unwrap();
    assert_eq!(flow.client.get(&format!("/v1/workflows/run/{run_id}")).await.ok()["status"], "succeeded");
}

#[sqlx::test]
async fn a_failing_chatflow_ends_in_an_error(db: PgPool) {
    let app = TestApp::start(db).await;
    let nodes = vec![start(json!([])), node("t", template("Bad", "{% if %}", &[])), answer("a", "{{#t.output#}}")];
    let flow = publish(&app, &app.home, "advanced-chat", graph(nodes, &["s>t", "t>a"])).await;
    let events = whole(flow.client.stream("/v1/chat-messages", ask("x")).await).await;
    let shown = names(&events);
    assert_eq!(shown[shown.len() - 2..], ["workflow_finished", "error"]);
    let error = events.last().unwrap();
    assert_eq!(keys(error), ["event", "conversation_id", "message_id", "created_at", "code", "status", "message"]);
    assert_eq!((&error["code"], &error["status"]), (&json!("invalid_param"), &json!(400)));
    assert!(error["message"].as_str().unwrap().starts_with("Run failed: "), "{error}");
    let refusal =
        flow.client.post("/v1/chat-messages", json!({"query": "x", "inputs": {}, "user": "u-7"})).await.refused(400, "invalid_param");
    assert!(refusal["message"].as_str().unwrap().starts_with("Run failed: "), "{refusal}");
    let conversation = error["conversation_id"].as_str().unwrap();
    let history = flow.client.get(&format!("/v1/messages?conversation_id={conversation}&user=u-7")).await.ok();
    assert_eq!((&history["data"][0]["status"], &history["data"][0]["error"]), (&json!("error"), &error["message"]));
}

#[sqlx::test]
async fn moderation_answers_in_a_chatflows_place(db: PgPool) {
    let app = TestApp::start(db).await;
    let mut config = parrot();
    config["features"]["sensitive_word_avoidance"] = json!({"enabled": true, "type": "keywords", "config": {"keywords": "bomb\nnever",
        "inputs_config": {"enabled": true, "preset_response": "No."}, "outputs_config": {"enabled": true, "preset_response": "Gone."}}});
    let flow = publish(&app, &app.home, "advanced-chat", config.clone()).await;
    let events = whole(flow.client.stream("/v1/chat-messages", ask("a bomb")).await).await;
    assert_eq!(names(&events), ["message", "message_end"]);
    assert_eq!(events[0]["answer"], "No.");
    config["features"]["sensitive_word_avoidance"]["config"]["inputs_config"]["enabled"] = json!(false);
    let flow = publish(&app, &app.home, "advanced-chat", config).await;
    let events = whole(flow.client.stream("/v1/chat-messages", ask("never")).await).await;
    let replaced = events.iter().find(|event| event["event"] == "message_replace").unwrap();
    assert_eq!((&replaced["answer"], &replaced["reason"]), (&json!("Gone."), &json!("output_moderation")));
    let reply = flow.client.post("/v1/chat-messages", json!({"query": "never", "inputs": {}, "user": "u-7"})).await.ok();
    assert_eq!(reply["answer"], "Gone.");
}

#[sqlx::test]
async fn a_chatflow_goes_on_in_another_process(db: PgPool) {
    let app = TestApp::start(db).await;
    let mut config = long(300);
    let nodes = config["graph"]["nodes"].as_array_mut().unwrap();
    nodes.pop();
    nodes.push(answer("a", "{{#n.output#}} items, "));
    nodes.push(answer("e", "the last {{#i.output#}}"));
    config["graph"]["edges"] = json!(edges(&["s>n", "n>a", "a>i", "i0>it", "i>e"]));
    let flow = publish(&app, &app.home, "advanced-chat", config).await;
    let mut stream = flow.client.stream("/v1/chat-messages", ask("go")).await;
    let message = until(&mut stream, "message").await;
    assert_eq!(message["answer"], "300");
    until(&mut stream, "iteration_next").await;
    ashlar::workflows::job::give_up(&app.state).await;
    let told = data(&stream.rest().await);
    assert!(told.iter().all(|event| event["event"] != "message_end"));
    let other = replica(&app).await;
    let client = Client::of(ashlar::server::router(other.clone()), &flow.client);
    assert_eq!(ashlar::chat::take_up_runs(&other).await.unwrap(), 1);
    let path = format!("/v1/chat-messages/{}/events?user=u-7", message["task_id"].as_str().unwrap());
    let events = data(&follow(&client, &path, None).await.rest().await);
    let shown = names(&events);
    assert_eq!(shown[shown.len() - 2..], ["message_end", "workflow_finished"]);
    // as a client puts the text together
    let mut text = String::new();
    for event in &events {
        match event["event"].as_str().unwrap() {
            "message" => text.push_str(event["answer"].as_str().unwrap()),
            "message_replace" => text = event["answer"].as_str().unwrap().to_owned(),
            _ => {}
        }
    }
    assert_eq!(events.last().unwrap()["data"]["outputs"]["answer"], json!(text));
    assert!(text.starts_with("300 items, the last - <0>\n- <1>"), "{text}");
    let conversation = message["conversation_id"].as_str().unwrap();
    let history = client.get(&format!("/v1/messages?conversation_id={conversation}&user=u-7")).await.ok();
    assert_eq!((&history["data"][0]["status"], &history["data"][0]["answer"]), (&json!("normal"), &json!(text)));
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// A form between start and end: `ok` gives the note, `no` and the timeout give texts of their own.
pub fn asking(answers: bool) -> Value {
    let form = json!({
        "type": "human-input", "title": "Check", "form_content": "Is {{#s.city#}} right? {{#$output.note#}}",
        "inputs": [{"type": "paragraph", "output_variable_name": "note", "default": {"type": "constant", "selector": [], "value": "none"}}],
        "user_actions": [{"id": "ok", "title": "Fine", "button_style": "primary"}, {"id": "no", "title": "No", "button_style": "default"}],
        "delivery_methods": [{"id": "1", "type": "webapp", "enabled": true, "config": {}}], "timeout": 1, "timeout_unit": "hour",
    });
    let last = |id: &str, text: &str| {
        let reference = format!("{{{{#{text}#}}}}");
        let selector: Vec<&str> = text.split('.').collect();
        match answers {
            true => answer(id, &reference),
            false => node(id, json!({"type": "end", "title": "End", "outputs": [{"variable": "said", "value_selector": selector}]})),
        }
    };
    let nodes = vec![
        start(city()),
        node("before", template("Before", "Asking. ", &[])),
        node("h", form),
        last("yes", "h.note"),
        last("no", "h.__action_value"),
        last("late", "before.output"),
    ];
    let mut config = graph(nodes, &["s>before", "before>h", "h:ok>yes", "h:no>no", "h:__timeout__>late"]);
    if answers {
        let nodes = config["graph"]["nodes"].as_array_mut().unwrap();
        nodes.push(answer("first", "{{#before.output#}}"));
        config["graph"]["edges"] = json!(edges(&["s>before", "before>first", "first>h", "h:ok>yes", "h:no>no", "h:__timeout__>late"]));
    }
    config
}

#[sqlx::test]
async fn a_run_waits_for_a_person(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", asking(false)).await;
    let events = whole(flow.client.stream("/v1/workflows/run", streaming(json!({"city": "Oslo"}))).await).await;
    let shown = names(&events);
    assert_eq!(shown[shown.len() - 2..], ["human_input_required", "workflow_paused"]);
    let required = &events[events.len() - 2]["data"];
    assert_eq!(
        keys(required),
        [
            "form_id",
            "node_id",
            "node_title",
            "form_content",
            "inputs",
            "actions",
            "display_in_ui",
            "form_token",
            "approval_channels",
            "resolved_default_values",
            "expiration_time"
        ]
    );
    assert_eq!(required["form_content"], "Is Oslo right? {{#$output.note#}}");
    let paused = &events.last().unwrap()["data"];
    assert_eq!(
        keys(paused),
        ["workflow_run_id", "paused_nodes", "outputs", "reasons", "status", "created_at", "elapsed_time", "total_tokens", "total_steps"]
    );
    assert_eq!((&paused["paused_nodes"], &paused["outputs"], &paused["status"]), (&json!(["h"]), &json!({}), &json!("paused")));
    assert_eq!((&paused["reasons"][0]["TYPE"], &paused["reasons"][0]["form_id"]), (&json!("human_input_required"), &required["form_id"]));
    let run_id = events[0]["workflow_run_id"].as_str().unwrap();
    let detail = flow.client.get(&format!("/v1/workflows/run/{run_id}")).await.ok();
    assert_eq!((&detail["status"], &detail["finished_at"], &detail["outputs"]), (&json!("paused"), &Value::Null, &json!({})));
    assert_eq!(ashlar::chat::take_up_runs(&app.state).await.unwrap(), 0, "it waits");

    let path = format!("/v1/form/human_input/{}", required["form_token"].as_str().unwrap());
    let form = flow.client.get(&path).await.ok();
    assert_eq!(keys(&form), ["form_content", "inputs", "resolved_default_values", "user_actions", "expiration_time"]);
    assert_eq!((&form["resolved_default_values"], &form["user_actions"][0]["title"]), (&json!({"note": "none"}), &json!("Fine")));
    let other = publish(&app, &app.home, "workflow", greeting()).await;
    other.client.get(&path).await.refused(404, "not_found");
    flow.client.get("/v1/form/human_input/nonsense").await.refused(404, "not_found");
    let answer = async |body: Value| flow.client.post(&path, body).await;
    let refusal = answer(json!({"inputs": {}, "action": "ok", "user": "boss"})).await.refused(400, "invalid_form_data");
    assert_eq!(refusal["message"], "Missing required inputs: note");
    answer(json!({"inputs": {"note": "x"}, "action": "maybe", "user": "boss"})).await.refused(400, "invalid_form_data");
    answer(json!({"inputs": {"note": 1}, "action": "ok", "user": "boss"})).await.refused(400, "invalid_form_data");
    answer(json!({"inputs": {"note": "x"}, "action": "ok"})).await.refused(400, "invalid_param");

    // who follows past the pause sees the rest; who replays sees the pause
    let events_path = |query: &str| format!("/v1/workflow/{run_id}/events?user=u-7{query}");
    let replayed = data(&follow(&flow.client, &events_path("&include_state_snapshot=true"), None).await.rest().await);
    assert_eq!(replayed, events);
    let following = follow(&flow.client, &events_path("&continue_on_pause=true"), None).await;
    assert_eq!(answer(json!({"inputs": {"note": "Looks good"}, "action": "ok", "user": "boss"})).await.ok(), json!({}));
    let late = answer(json!({"inputs": {"note": "x"}, "action": "no", "user": "u"})).await.refused(412, "human_input_form_submitted");
    let text = format!("This form has already been submitted by another user, form_id={}", required["form_id"].as_str().unwrap());
    assert_eq!(late["message"], text);
    flow.client.get(&path).await.refused(412, "human_input_form_submitted");
    assert_eq!(ashlar::chat::take_up_runs(&app.state).await.unwrap(), 1);
    let rest = data(&following.rest().await);
    let shown = names(&rest);
    assert_eq!((shown[0], &rest[0]["data"]["reason"]), ("workflow_started", &json!("resumption")));
    let filled = &rest.iter().find(|event| event["event"] == "human_input_form_filled").unwrap()["data"];
    assert_eq!(keys(filled), ["node_id", "node_title", "rendered_content", "action_id", "action_text", "submitted_data"]);
    assert_eq!(
        (&filled["rendered_content"], &filled["action_text"], &filled["submitted_data"]),
        (&json!("Is Oslo right? Looks good"), &json!("Fine"), &json!({"note": "Looks good"}))
    );
    let end = rest.last().unwrap();
    assert_eq!((&end["event"], &end["data"]["outputs"]), (&json!("workflow_finished"), &json!({"said": "Looks good"})));
    assert!(rest.iter().all(|event| event["data"]["node_id"] != "before"), "nothing runs twice");
}

#[sqlx::test]
async fn a_form_that_nobody_answers_expires(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", asking(false)).await;
    let body = flow.client.post("/v1/workflows/run", blocking(json!({"city": "Oslo"}))).await.ok();
    assert_eq!((&body["data"]["status"], &body["data"]["finished_at"]), (&json!("paused"), &Value::Null));
    assert_eq!((&body["data"]["paused_nodes"], &body["data"]["reasons"][0]["node_title"]), (&json!(["h"]), &json!("Check")));
    sqlx::query("update human_input_forms set expires_at = now() - interval '1 second'").execute(&app.state.db).await.unwrap();
    let path = format!("/v1/form/human_input/{}", body["data"]["reasons"][0]["form_token"].as_str().unwrap());
    flow.client.get(&path).await.refused(412, "human_input_form_expired");
    flow.client.post(&path, json!({"inputs": {"note": "x"}, "action": "ok", "user": "u"})).await.refused(412, "human_input_form_expired");
    let run_id = body["workflow_run_id"].as_str().unwrap();
    let following = follow(&flow.client, &format!("/v1/workflow/{run_id}/events?user=u-7"), None).await;
    assert_eq!(ashlar::chat::take_up_runs(&app.state).await.unwrap(), 1);
    let rest = data(&following.rest().await);
    let timeout = &rest.iter().find(|event| event["event"] == "human_input_form_timeout").unwrap()["data"];
    assert_eq!(keys(timeout), ["node_id", "node_title", "expiration_time"]);
    assert_eq!(rest.last().unwrap()["data"]["outputs"], json!({"said": "Asking. "}));

    // one that is stopped meanwhile is waited for no longer
    let body = flow.client.post("/v1/workflows/run", blocking(json!({"city": "Oslo"}))).await.ok();
    flow.client.post(&format!("/v1/workflows/tasks/{}/stop", body["task_id"].as_str().unwrap()), json!({"user": "u"})).await.ok();
    let detail = flow.client.get(&format!("/v1/workflows/run/{}", body["workflow_run_id"].as_str().unwrap())).await.ok();
    assert_eq!(detail["status"], "stopped");
}

#[sqlx::test]
async fn a_chatflow_waits_for_a_person(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "advanced-chat", asking(true)).await;
    let question = json!({"query": "go", "inputs": {"city": "Oslo"}, "user": "u-7", "auto_generate_name": false});
    let paused = flow.client.post("/v1/chat-messages", question).await.ok();
    assert_eq!(
        keys(&paused),
        ["event", "task_id", "id", "message_id", "conversation_id", "mode", "answer", "metadata", "created_at", "workflow_run_id", "data"]
    );
    assert_eq!((&paused["event"], &paused["answer"]), (&json!("workflow_paused"), &json!("Asking. ")));
    assert_eq!(
        keys(&paused["data"]),
        [
            "id",
            "mode",
            "conversation_id",
            "message_id",
            "workflow_run_id",
            "answer",
            "metadata",
            "created_at",
            "paused_nodes",
            "reasons",
            "status",
            "elapsed_time",
            "total_tokens",
            "total_steps"
        ]
    );
    let history = format!("/v1/messages?conversation_id={}&user=u-7", paused["conversation_id"].as_str().unwrap());
    let message = flow.client.get(&history).await.ok()["data"][0].clone();
    assert_eq!((&message["status"], &message["answer"]), (&json!("paused"), &json!("Asking. ")));
    let extra = &message["extra_contents"][0];
    assert_eq!(keys(extra), ["workflow_run_id", "submitted", "type", "form_definition", "form_submission_data"]);
    assert_eq!((&extra["submitted"], &extra["form_submission_data"]), (&json!(false), &Value::Null));
    let path = format!("/v1/form/human_input/{}", extra["form_definition"]["form_token"].as_str().unwrap());
    flow.client.post(&path, json!({"inputs": {"note": "Done."}, "action": "ok", "user": "boss"})).await.ok();
    let task = format!("/v1/chat-messages/{}/events?user=u-7", paused["task_id"].as_str().unwrap());
    assert_eq!(ashlar::chat::take_up_runs(&app.state).await.unwrap(), 1);
    // callers see a running answer as a normal one
    eventually("the answer is complete", || async { flow.client.get(&history).await.ok()["data"][0]["answer"] == "Asking. Done." }).await;
    let message = flow.client.get(&history).await.ok()["data"][0].clone();
    assert_eq!(message["status"], "normal");
    let extra = &message["extra_contents"][0];
    assert_eq!((&extra["submitted"], &extra["form_submission_data"]["action_text"]), (&json!(true), &json!("Fine")));
    let told = data(&follow(&flow.client, &task, None).await.rest().await);
    let text: String = told.iter().filter(|e| e["event"] == "message").map(|e| e["answer"].as_str().unwrap()).collect();
    assert_eq!(text, "Asking. Done.", "nothing was sent twice");
    let shown = names(&told);
    assert!(shown.contains(&"workflow_paused"));
    assert_eq!(shown[shown.len() - 2..], ["message_end", "workflow_finished"]);
}
