//! Workflows as tools: made and changed in the console, called by tool nodes, agent nodes and agent apps, each call a run of
//! its own that survives the process, stops with its caller and ends where workflows call each other in a circle.

use std::time::Duration;

use ashlar::state::{AppState, Redis};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted::{self, PROVIDER, Provider};
use crate::support::{Client, Role, TestApp, eventually};

const CALLS: &str = include_str!("../fixtures/workflows/calls-a-workflow.yml");

fn node(id: &str, data: Value) -> Value {
    json!({"id": id, "type": "custom", "data": data})
}

/// The nodes one after the other.
fn chain(nodes: Vec<Value>) -> Value {
    let edges: Vec<_> =
        nodes.windows(2).map(|pair| json!({"source": pair[0]["id"], "sourceHandle": "source", "target": pair[1]["id"]})).collect();
    json!({"graph": {"nodes": nodes, "edges": edges}, "features": {}})
}

fn start(variables: Value) -> Value {
    node("s", json!({"type": "start", "title": "Start", "variables": variables}))
}

fn end(outputs: &[(&str, &str, &str)]) -> Value {
    let output = |(name, kind, path): &(&str, &str, &str)| json!({"variable": name, "value_type": kind, "value_selector": path.split('.').collect::<Vec<_>>()});
    node("e", json!({"type": "end", "title": "End", "outputs": outputs.iter().map(output).collect::<Vec<_>>()}))
}

fn template(text: &str, variables: &[(&str, &str)]) -> Value {
    let variable = |(name, path): &(&str, &str)| json!({"variable": name, "value_selector": path.split('.').collect::<Vec<_>>()});
    node(
        "t",
        json!({"type": "template-transform", "title": "Words", "template": text, "variables": variables.iter().map(variable).collect::<Vec<_>>()}),
    )
}

/// Calls a workflow of the workspace.
fn call(tool: &str, parameters: Value) -> Value {
    let data = json!({"type": "tool", "title": "Call", "provider_type": "workflow", "provider_id": "", "provider_name": tool, "tool_name": tool,
        "tool_label": tool, "tool_configurations": {}, "tool_parameters": parameters});
    node("c", data)
}

fn greeting() -> Value {
    let form = json!([
        {"variable": "city", "label": "City", "type": "text-input", "required": true, "max_length": 48},
        {"variable": "times", "label": "Times", "type": "number", "default": 1},
    ]);
    let words = template("{% for i in range(times) %}Hello {{ city }}! {% endfor %}", &[("city", "s.city"), ("times", "s.times")]);
    chain(vec![start(form), words, end(&[("greeting", "string", "t.output"), ("n", "number", "s.times")])])
}

struct App {
    id: Uuid,
    client: Client,
}

async fn publish(app: &TestApp, mode: &str, config: Value) -> App {
    let (id, _, token) = scripted::publish_config(&app.state.db, app.home.id, mode, &config).await;
    App { id, client: app.with_key(&token) }
}

/// Publishes a workflow and makes a tool of it.
async fn tool(app: &TestApp, name: &str, config: Value) -> (App, Value) {
    let made = publish(app, "workflow", config).await;
    let body = json!({"app_id": made.id, "name": name, "description": format!("Does {name}.")});
    let tool = app.client(Role::Admin).post("/api/tools/workflows", body).await.ok();
    (made, tool)
}

async fn run(client: &Client, inputs: Value) -> Value {
    client.post("/v1/workflows/run", json!({"inputs": inputs, "user": "u-7"})).await.ok()["data"].clone()
}

/// Status, depth and tokens of an app's runs, oldest first.
async fn runs(app: &TestApp, id: Uuid) -> Vec<(String, i32, i64)> {
    sqlx::query_as("select status, call_depth, total_tokens from workflow_runs where app_id = $1 order by created_at")
        .bind(id)
        .fetch_all(&app.state.db)
        .await
        .unwrap()
}

#[sqlx::test]
async fn workflows_become_tools_and_change(db: PgPool) {
    let app = TestApp::start(db).await;
    let admin = app.client(Role::Admin);
    let flow = publish(&app, "workflow", greeting()).await;
    let body = json!({"app_id": flow.id, "name": "greet", "label": "Greeting", "description": "Greets a city.",
        "parameters": [{"name": "city", "description": "Any place", "form": "llm"}, {"name": "times", "form": "form"}]});
    let made = admin.post("/api/tools/workflows", body.clone()).await.ok();
    let info = &made["tool"];
    assert_eq!(
        (&info["provider_type"], &info["provider_id"], &info["name"], &info["label"]),
        (&json!("workflow"), &made["id"], &json!("greet"), &json!("Greeting"))
    );
    assert_eq!(
        info["parameters"],
        json!([
            {"name": "city", "label": "City", "description": "Any place", "required": true, "form": "llm", "schema": {"type": "string"}},
            {"name": "times", "label": "Times", "description": "Times", "required": false, "form": "form", "schema": {"type": "number", "default": 1}},
        ])
    );
    assert_eq!(
        info["output_variables"],
        json!([{"name": "greeting", "schema": {"type": "string"}}, {"name": "n", "schema": {"type": "number"}}])
    );
    let path = format!("/api/tools/workflows/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.ok(), made);
    let all = app.client(Role::Editor).get("/api/tools").await.ok();
    let listed = all["data"].as_array().unwrap().iter().find(|provider| provider["provider_type"] == "workflow").unwrap();
    assert_eq!((&listed["id"], &listed["name"], &listed["tools"][0]), (&made["id"], &json!("greet"), info));
    let tried = json!({"provider_type": "workflow", "tool_name": "greet", "arguments": {"city": "Oslo"}});
    app.client(Role::Editor).post("/api/tools/call", tried).await.refused(404, "not_found");

    // what can't be one, and names that are taken
    let refused = async |change: Value, code: &str, param: &str| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let status = if code == "conflict" { 409 } else { 400 };
        let error = admin.post("/api/tools/workflows", body).await.refused(status, code)["error"].clone();
        assert_eq!(error["param"], param, "{error}");
    };
    let other = publish(&app, "workflow", greeting()).await;
    refused(json!({"app_id": other.id}), "conflict", "name").await;
    refused(json!({"name": "greet_too"}), "conflict", "app_id").await;
    refused(json!({"app_id": other.id, "name": "greet-me"}), "invalid_param", "name").await;
    refused(
        json!({"app_id": other.id, "name": "x", "parameters": [{"name": "town", "form": "llm"}]}),
        "invalid_param",
        "parameters[0].name",
    )
    .await;
    let twice = json!([{"name": "city", "form": "llm"}, {"name": "city", "form": "form"}]);
    refused(json!({"app_id": other.id, "name": "x", "parameters": twice}), "invalid_param", "parameters[1].name").await;
    let chat = publish(&app, "chat", json!({})).await;
    refused(json!({"app_id": chat.id, "name": "x"}), "bad_request", "app_id").await;
    let hook = publish(&app, "workflow", chain(vec![node("w", json!({"type": "trigger-webhook"})), end(&[])])).await;
    refused(json!({"app_id": hook.id, "name": "x"}), "bad_request", "app_id").await;
    let draft = app.seed_app(&app.home, "Draft", "workflow").await;
    refused(json!({"app_id": draft, "name": "x"}), "bad_request", "app_id").await;
    let foreign = app.seed_app(&app.foreign, "Theirs", "workflow").await;
    admin.post("/api/tools/workflows", json!({"app_id": foreign, "name": "x", "description": ""})).await.refused(404, "not_found");
    app.foreigner().get(&path).await.refused(404, "not_found");

    let changed = admin.patch(&path, json!({"name": "welcome", "parameters": []})).await.ok();
    assert_eq!((&changed["tool"]["name"], &changed["label"]), (&json!("welcome"), &json!("Greeting")));
    assert_eq!(changed["tool"]["parameters"][1]["form"], "llm", "what nothing is said of is the model's");
    let second = admin.post("/api/tools/workflows", json!({"app_id": other.id, "name": "greet", "description": ""})).await.ok();
    let second_path = format!("/api/tools/workflows/{}", second["id"].as_str().unwrap());
    admin.patch(&second_path, json!({"name": "welcome"})).await.refused(409, "conflict");
    admin.patch(&second_path, json!({"parameters": [{"name": "town", "form": "llm"}]})).await.refused(400, "invalid_param");

    // with its app it goes, and its name is free again
    app.client(Role::Editor).delete(&format!("/api/apps/{}", flow.id)).await.ok();
    admin.get(&path).await.refused(404, "not_found");
    assert_eq!(admin.get("/api/tools/workflows").await.ok()["data"].as_array().unwrap().len(), 1);
    admin.patch(&second_path, json!({"name": "welcome"})).await.ok();
    admin.delete(&second_path).await.ok();
    admin.delete(&second_path).await.refused(404, "not_found");
    let actions: Vec<String> = sqlx::query_scalar("select action from audit_log where action like 'workflow_tool.%' order by created_at")
        .fetch_all(&app.state.db)
        .await
        .unwrap();
    let expected = ["create", "update", "create", "update", "delete"].map(|action| format!("workflow_tool.{action}"));
    assert_eq!(actions, expected);
}

#[sqlx::test]
async fn a_tool_node_runs_what_is_published(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let (inner, _) = tool(&app, "greet", greeting()).await;
    let imported = editor.post("/api/apps/import", json!({"yaml": CALLS})).await.ok();
    let outer: Uuid = imported["app"]["id"].as_str().unwrap().parse().unwrap();
    editor.post(&format!("/api/apps/{outer}/publish"), json!({})).await.ok();
    let key = app.seed_key(&app.home, ashlar::accounts::NewKey::App(ashlar::ids::AppId(outer))).await;
    let client = app.with_key(&key);
    let data = run(&client, json!({"place": "Oslo"})).await;
    let greeting_text = "Hello the city of Oslo! Hello the city of Oslo! ";
    let given = json!({"greeting": greeting_text, "n": 2});
    assert_eq!(data["status"], "succeeded", "{data}");
    assert_eq!(
        (&data["outputs"]["greeting"], &data["outputs"]["json"], &data["outputs"]["files"]),
        (&json!(greeting_text), &json!([given]), &json!([]))
    );
    assert_eq!(serde_json::from_str::<Value>(data["outputs"]["text"].as_str().unwrap()).unwrap(), given);

    // a run of its own, for the same user, in its own app's log
    assert_eq!(runs(&app, inner.id).await, [("succeeded".to_owned(), 1, 0)]);
    let log = inner.client.get("/v1/workflows/logs").await.ok();
    assert_eq!(
        (&log["data"][0]["workflow_run"]["triggered_from"], &log["data"][0]["created_by_end_user"]["session_id"]),
        (&json!("app-run"), &json!("u-7"))
    );
    let inputs: Value =
        sqlx::query_scalar("select inputs from workflow_runs where app_id = $1").bind(inner.id).fetch_one(&app.state.db).await.unwrap();
    assert_eq!((&inputs["sys.user_id"], &inputs["sys.workflow_run_id"]), (&json!("u-7"), &log["data"][0]["id"]));

    // another version, with another form
    let shown = editor.get(&format!("/api/apps/{}", inner.id)).await.ok();
    let form = json!([{"variable": "city", "type": "text-input", "required": true}, {"variable": "who", "label": "Who", "type": "text-input", "required": true}]);
    let config = chain(vec![start(form), template("Bye {{ city }}", &[("city", "s.city")]), end(&[("greeting", "string", "t.output")])]);
    editor.put(&format!("/api/apps/{}/draft", inner.id), json!({"config": config, "revision": shown["draft_revision"]})).await.ok();
    editor.post(&format!("/api/apps/{}/publish", inner.id), json!({})).await.ok();
    let data = run(&client, json!({"place": "Oslo"})).await;
    assert_eq!((&data["status"], &data["error"]), (&json!("failed"), &json!("Failed to invoke tool: argument \"who\" is required")));
    editor.delete(&format!("/api/apps/{}", inner.id)).await.ok();
    let data = run(&client, json!({"place": "Oslo"})).await;
    assert!(data["error"].as_str().unwrap().contains("has no workflow \"greet\" as a tool"), "{data}");
}

#[sqlx::test]
async fn what_models_take_inside_counts_for_the_caller(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    Provider::start(&app.state.db, app.home.id).await;
    let model = json!({"type": "llm", "title": "Say", "model": {"provider": PROVIDER, "name": "echo", "mode": "chat", "completion_params": {}},
        "prompt_template": [{"role": "user", "text": "{{#s.q#}}"}], "context": {"enabled": false}, "vision": {"enabled": false}});
    let form = json!([{"variable": "q", "type": "paragraph", "required": true}]);
    let (inner, _) = tool(&app, "say", chain(vec![start(form), node("m", model), end(&[("said", "string", "m.text")])])).await;
    let caller = call("say", json!({"q": {"type": "constant", "value": "one two three"}}));
    let outer = publish(&app, "workflow", chain(vec![start(json!([])), caller, end(&[("said", "string", "c.said")])])).await;
    let data = run(&outer.client, json!({})).await;
    assert_eq!((&data["outputs"]["said"], &data["total_tokens"]), (&json!("one two three"), &json!(14)));
    assert_eq!(runs(&app, inner.id).await, [("succeeded".to_owned(), 1, 14)]);
}

#[sqlx::test]
async fn failures_are_the_callers_and_tried_again_as_new_runs(db: PgPool) {
    let app = TestApp::start(db).await;
    let (inner, _) = tool(&app, "break", chain(vec![start(json!([])), template("{% if %}", &[]), end(&[])])).await;
    let mut caller = call("break", json!({}));
    caller["data"]["retry_config"] = json!({"retry_enabled": true, "max_retries": 2, "retry_interval": 1});
    let config = chain(vec![start(json!([])), caller, end(&[])]);
    let outer = publish(&app, "workflow", config.clone()).await;
    let data = run(&outer.client, json!({})).await;
    assert_eq!(data["status"], "failed");
    assert!(
        data["error"].as_str().unwrap().starts_with("Failed to invoke tool: ") && data["error"].as_str().unwrap().contains("syntax"),
        "{data}"
    );
    let failed = ("failed".to_owned(), 1, 0);
    assert_eq!(runs(&app, inner.id).await, [failed.clone(), failed.clone(), failed]);

    let mut config = config;
    config["graph"]["nodes"][1]["data"]["error_strategy"] = json!("default-value");
    config["graph"]["nodes"][1]["data"]["default_value"] = json!([{"key": "text", "type": "string", "value": "instead"}]);
    config["graph"]["nodes"][2] = end(&[("text", "string", "c.text"), ("why", "string", "c.error_type")]);
    let outer = publish(&app, "workflow", config).await;
    let data = run(&outer.client, json!({})).await;
    assert_eq!(
        (&data["status"], &data["outputs"]),
        (&json!("partial-succeeded"), &json!({"text": "instead", "why": "ToolRuntimeInvocationError"}))
    );
}

#[sqlx::test]
async fn a_circle_ends_at_the_fifth_call(db: PgPool) {
    let app = TestApp::start(db).await;
    let (flow, _) = tool(&app, "again", chain(vec![start(json!([])), call("again", json!({})), end(&[])])).await;
    let data = run(&flow.client, json!({})).await;
    assert_eq!(data["status"], "failed");
    assert!(data["error"].as_str().unwrap().contains("Max workflow call depth 5 reached at \"App\""), "{data}");
    let found = runs(&app, flow.id).await;
    assert!(found.iter().all(|run| run.0 == "failed"));
    assert_eq!(found.iter().map(|run| run.1).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[sqlx::test]
async fn files_go_in_and_out_as_they_are(db: PgPool) {
    let app = TestApp::start(db).await;
    let form = json!([
        {"variable": "doc", "type": "file", "required": true, "allowed_file_types": ["document"]},
        {"variable": "more", "type": "file-list", "allowed_file_types": ["document"]},
    ]);
    let (_, _) =
        tool(&app, "pass", chain(vec![start(form.clone()), end(&[("doc", "file", "s.doc"), ("more", "array[file]", "s.more")])])).await;
    let parameters = json!({"doc": {"type": "variable", "value": ["s", "doc"]}, "more": {"type": "variable", "value": ["s", "more"]}});
    let mut wide = form.clone();
    wide[0]["allowed_file_types"] = json!([]);
    let outer = chain(vec![start(wide), call("pass", parameters), end(&[("files", "array[file]", "c.files"), ("doc", "file", "c.doc")])]);
    let outer = publish(&app, "workflow", outer).await;
    let upload = async |name: &str| {
        let reply = outer.client.multipart("/v1/files/upload", &[("user", "u-7")], &[("file", name, "text/plain", b"hello")]).await.ok();
        json!({"type": if name.ends_with("txt") { "document" } else { "custom" }, "transfer_method": "local_file", "upload_file_id": reply["id"]})
    };
    let data = run(&outer.client, json!({"doc": upload("a.txt").await, "more": [upload("b.txt").await, upload("c.txt").await]})).await;
    assert_eq!(data["status"], "succeeded", "{data}");
    let names: Vec<_> = data["outputs"]["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap()).collect();
    assert_eq!((names, &data["outputs"]["doc"]["filename"]), (vec!["a.txt", "b.txt", "c.txt"], &json!("a.txt")));
    let n: i64 = sqlx::query_scalar("select count(*) from files").fetch_one(&app.state.db).await.unwrap();
    assert_eq!(n, 3, "nothing is copied");

    let data = run(&outer.client, json!({"doc": upload("a.bin").await})).await;
    assert_eq!(data["error"], "Failed to invoke tool: doc in input form does not take files like a.bin");
}

/// Goes over `n` items, one after the other.
fn long(n: usize) -> Value {
    let inside = |id: &str, data: Value| json!({"id": id, "type": "custom", "parentId": "i", "data": data});
    let iteration = json!({"type": "iteration", "title": "Each", "start_node_id": "i0", "iterator_selector": ["env", "items"], "output_selector": ["it", "output"]});
    let item = json!({"type": "template-transform", "title": "Item", "template": "<{{ x }}>", "variables": [{"variable": "x", "value_selector": ["i", "item"]}]});
    let mut config = chain(vec![start(json!([])), node("i", iteration), end(&[("all", "array[string]", "i.output")])]);
    let graph = &mut config["graph"];
    graph["nodes"].as_array_mut().unwrap().extend([inside("i0", json!({"type": "iteration-start"})), inside("it", item)]);
    graph["edges"].as_array_mut().unwrap().push(json!({"source": "i0", "sourceHandle": "source", "target": "it"}));
    config["environment_variables"] = json!([{"name": "items", "value_type": "array[number]", "value": (0..n).collect::<Vec<_>>()}]);
    config
}

async fn replica(app: &TestApp) -> AppState {
    let config = (*app.state.config).clone();
    let redis = Redis::connect(config.redis_url.as_deref().unwrap(), &config.redis_prefix).await.unwrap();
    let secrets = ashlar::secrets::Secrets::open(None, app.data_dir.path()).unwrap();
    AppState::new(config, app.state.db.clone(), redis, secrets).unwrap()
}

#[sqlx::test]
async fn a_call_survives_its_process(db: PgPool) {
    let app = TestApp::start(db).await;
    let (inner, _) = tool(&app, "long", long(450)).await;
    let outer =
        publish(&app, "workflow", chain(vec![start(json!([])), call("long", json!({})), end(&[("all", "array[string]", "c.all")])])).await;
    let body = json!({"inputs": {}, "user": "u-7", "response_mode": "streaming"});
    let stream = outer.client.stream("/v1/workflows/run", body).await;
    let items = || async {
        let n: i64 = sqlx::query_scalar("select count(*) from node_runs where node_id = 'it'").fetch_one(&app.state.db).await.unwrap();
        n
    };
    eventually("the called run is under way", || async { items().await > 3 }).await;
    ashlar::workflows::job::give_up(&app.state).await;
    drop(stream);
    let before = items().await;
    assert!(before < 450, "it was broken off");
    let made_before: Vec<Uuid> = sqlx::query_scalar("select id from node_runs where node_id = 'it' and status = 'succeeded'")
        .fetch_all(&app.state.db)
        .await
        .unwrap();
    let times = async || {
        let rows: Vec<chrono::DateTime<chrono::Utc>> =
            sqlx::query_scalar("select finished_at from node_runs where id = any($1) order by id")
                .bind(&made_before)
                .fetch_all(&app.state.db)
                .await
                .unwrap();
        rows
    };
    let finished_before = times().await;

    let other = replica(&app).await;
    assert_eq!(ashlar::chat::take_up_runs(&other).await.unwrap(), 2, "both go on elsewhere");
    eventually("the caller ends", || async { runs(&app, outer.id).await[0].0 == "succeeded" }).await;
    assert_eq!(runs(&app, inner.id).await, [("succeeded".to_owned(), 1, 0)], "no second run was begun");
    assert_eq!((items().await, times().await), (450, finished_before), "nothing ran twice");
    let outputs: Value =
        sqlx::query_scalar("select outputs from workflow_runs where app_id = $1").bind(outer.id).fetch_one(&app.state.db).await.unwrap();
    assert_eq!(outputs["all"][449], "<449>");
}

#[sqlx::test]
async fn what_was_called_stops_with_its_caller(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    Provider::start(&app.state.db, app.home.id).await;
    let model = json!({"type": "llm", "title": "Say", "model": {"provider": PROVIDER, "name": "slow", "mode": "chat", "completion_params": {}},
        "prompt_template": [{"role": "user", "text": "Go on."}], "context": {"enabled": false}, "vision": {"enabled": false}});
    let (inner, _) = tool(&app, "slow", chain(vec![start(json!([])), node("m", model), end(&[("said", "string", "m.text")])])).await;
    let outer = publish(&app, "workflow", chain(vec![start(json!([])), call("slow", json!({})), end(&[])])).await;
    let mut stream = outer.client.stream("/v1/workflows/run", json!({"inputs": {}, "user": "u-7", "response_mode": "streaming"})).await;
    let task = loop {
        let event = stream.next().await.unwrap();
        if event.event.is_none() {
            break event.json()["task_id"].as_str().unwrap().to_owned();
        }
    };
    eventually("the called run is under way", || async { runs(&app, inner.id).await.first().is_some_and(|run| run.0 == "running") }).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    outer.client.post(&format!("/v1/workflows/tasks/{task}/stop"), json!({"user": "u-7"})).await.ok();
    eventually("both are stopped", || async {
        runs(&app, inner.id).await[0].0 == "stopped" && runs(&app, outer.id).await[0].0 == "stopped"
    })
    .await;
}

#[sqlx::test]
async fn a_tool_does_not_wait_for_people(db: PgPool) {
    let app = TestApp::start(db).await;
    let form = json!({"type": "human-input", "title": "Ask", "form_content": "Right?", "inputs": [], "timeout": 1, "timeout_unit": "day",
        "user_actions": [{"id": "ok", "title": "OK", "button_style": "primary"}],
        "delivery_methods": [{"id": "w", "type": "webapp", "enabled": true, "config": {}}]});
    let mut config = chain(vec![start(json!([])), node("h", form), end(&[])]);
    config["graph"]["edges"][1]["sourceHandle"] = json!("ok");
    let (inner, _) = tool(&app, "ask", config).await;
    let outer = publish(&app, "workflow", chain(vec![start(json!([])), call("ask", json!({})), end(&[])])).await;
    let data = run(&outer.client, json!({})).await;
    assert_eq!(data["error"], "Failed to invoke tool: The workflow \"App\" waits for a person, which a tool can't.");
    eventually("nobody is asked any more", || async { runs(&app, inner.id).await[0].0 == "stopped" }).await;
}

/// Answers what the scripted model `caller` asks for.
fn evaluating() -> Value {
    let form = json!([{"variable": "expression", "label": "Expression", "type": "text-input", "required": true}]);
    chain(vec![start(form), template("{{ e }} is known", &[("e", "s.expression")]), end(&[("result", "string", "t.output")])])
}

#[sqlx::test]
async fn agents_call_workflows(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let provider = Provider::start(&app.state.db, app.home.id).await;
    let (inner, made) = tool(&app, "eval_expression", evaluating()).await;
    let observed = json!({"result": "6*7 is known"});
    let seen_by_model = || {
        let calls = provider.calls();
        let last = calls.last().unwrap()["messages"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["role"], "tool", "{last}");
        serde_json::from_str::<Value>(last["content"].as_str().unwrap()).unwrap()
    };

    // a node of a workflow
    let tool = json!({"enabled": true, "type": "workflow", "provider_name": "eval_expression", "tool_name": "eval_expression", "tool_label": "Evaluate",
        "settings": {}, "parameters": {"expression": {"auto": 1, "value": null}}, "extra": {"description": ""}});
    let agent = json!({"type": "agent", "title": "Agent", "agent_strategy_provider_name": "langgenius/agent/agent", "agent_strategy_name": "function_calling",
        "agent_parameters": {
            "model": {"type": "constant", "value": {"provider": PROVIDER, "model": "caller", "model_type": "llm", "mode": "chat", "completion_params": {}}},
            "tools": {"type": "constant", "value": [tool]},
            "query": {"type": "constant", "value": "6*7?"}}});
    let outer = publish(&app, "workflow", chain(vec![start(json!([])), node("a", agent), end(&[("text", "string", "a.text")])])).await;
    let data = run(&outer.client, json!({})).await;
    assert_eq!(data["status"], "succeeded", "{data}");
    assert!(data["outputs"]["text"].as_str().unwrap().ends_with("It is 42."), "{data}");
    assert_eq!(seen_by_model(), observed);
    let told = &provider.calls()[0]["tools"][0]["function"];
    assert_eq!((&told["description"], &told["parameters"]["required"]), (&json!("Does eval_expression."), &json!(["expression"])));
    assert_eq!(runs(&app, inner.id).await, [("succeeded".to_owned(), 1, 0)]);

    // an agent app
    let tool = json!({"enabled": true, "provider_id": made["id"], "provider_type": "workflow", "provider_name": "eval_expression",
        "tool_name": "eval_expression", "tool_label": "Evaluate", "tool_parameters": {}});
    let config = json!({"agent_mode": {"enabled": true, "strategy": "function_call", "max_iteration": 3, "tools": [tool]}});
    let (_, token) = scripted::publish(&app.state.db, app.home.id, "agent-chat", PROVIDER, "caller", config).await;
    let body = json!({"query": "6*7?", "inputs": {}, "user": "u-9", "response_mode": "streaming", "auto_generate_name": false});
    let events = app.with_key(&token).stream("/v1/chat-messages", body).await.rest().await;
    let last = events.last().unwrap().json();
    assert_eq!(last["event"], "message_end", "{last}");
    assert_eq!(seen_by_model(), observed);
    let thought =
        events.iter().map(|event| event.json()).find(|event| event["observation"].as_str().is_some_and(|text| !text.is_empty())).unwrap();
    assert!(thought["observation"].as_str().unwrap().contains("6*7 is known"), "{thought}");
    assert_eq!(runs(&app, inner.id).await.len(), 2);
    let log = inner.client.get("/v1/workflows/logs").await.ok();
    assert_eq!(
        (&log["data"][0]["created_by_end_user"]["session_id"], &log["data"][0]["created_from"]),
        (&json!("u-9"), &json!("service-api"))
    );
}
