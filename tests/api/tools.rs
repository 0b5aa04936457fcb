//! Tools of a workspace: built in, from OpenAPI documents, of MCP servers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ashlar::ids::WorkspaceId;
use ashlar::tools::{FileContent, ProviderType, ToolError, ToolRef, Toolbox};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult, PaginatedRequestParams, ResourceContents,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};
use sqlx::PgPool;

use crate::support::{Client, Role, TestApp};

async fn with_local_networks(db: PgPool) -> TestApp {
    TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()]).await
}

async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn call(client: &Client, provider_type: &str, provider: &str, tool: &str, arguments: Value) -> Value {
    let body = json!({"provider_type": provider_type, "provider_id": provider, "tool_name": tool, "arguments": arguments});
    client.post("/api/tools/call", body).await.ok()
}

#[sqlx::test]
async fn built_in_tools_are_listed_and_called(db: PgPool) {
    let app = with_local_networks(db).await;
    let editor = app.client(Role::Editor);
    let list = editor.get("/api/tools").await.ok();
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["time", "maths", "webscraper", "json_process", "regex"]);
    let current_time = &list["data"][0]["tools"][0];
    assert_eq!((&current_time["name"], &current_time["parameters"][1]["form"]), (&json!("current_time"), &json!("form")));

    let made = call(&editor, "plugin", "langgenius/maths/maths", "eval_expression", json!({"expression": "6 * 7"})).await;
    assert_eq!((&made["ok"], &made["text"]), (&json!(true), &json!("The result of the expression \"6 * 7\" is 42")));
    let parsed = call(&editor, "builtin", "json_process", "parse", json!({"content": {"a": [1, 2]}, "json_filter": "$.a[*]"})).await;
    assert_eq!((&parsed["text"], &parsed["json"]), (&json!("[1, 2]"), &json!([[1, 2]])));

    let body = json!({"provider_type": "builtin", "provider_id": "time", "tool_name": "weekday", "arguments": {"year": 2024, "month": 1}});
    let refused = editor.post("/api/tools/call", body).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "arguments.day");
    for (provider_type, provider) in [("builtin", "duckduckgo"), ("api", "nope"), ("mcp", "nope"), ("workflow", "x")] {
        let body = json!({"provider_type": provider_type, "provider_id": provider, "tool_name": "x"});
        editor.post("/api/tools/call", body).await.refused(404, "not_found");
    }
}

#[sqlx::test]
async fn web_pages_are_read_through_the_guard(db: PgPool) {
    let app = with_local_networks(db).await;
    let editor = app.client(Role::Editor);
    let page = |headers: HeaderMap| async move {
        let agent = headers.get(header::USER_AGENT).unwrap().to_str().unwrap().to_owned();
        ([(header::CONTENT_TYPE, "text/html")], format!("<title>Hello</title><nav>Menu</nav><main><p>I am <b>{agent}</b>.</p></main>"))
    };
    let router = axum::Router::new()
        .route("/page", axum::routing::get(page))
        .route("/old", axum::routing::get(|| async { axum::response::Redirect::permanent("/page") }))
        .route("/inside", axum::routing::get(|| async { axum::response::Redirect::temporary("http://127.0.0.2:1/") }))
        .route("/pdf", axum::routing::get(|| async { ([(header::CONTENT_TYPE, "application/pdf")], "%PDF") }));
    let url = serve(router).await;
    let read = |path: &str, agent: &str| {
        call(&editor, "builtin", "webscraper", "webscraper", json!({"url": format!("{url}{path}"), "user_agent": agent}))
    };
    assert_eq!(read("/old", "Robot").await["text"], "# Hello\n\nI am **Robot**.");
    assert!(read("/page", "").await["text"].as_str().unwrap().contains("Ashlar/"));
    for (path, expected) in
        [("/none", "HTTP status 404"), ("/pdf", "not a web page"), ("/inside", "'127.0.0.2', an address inside a private")]
    {
        let failed = read(path, "").await;
        assert!(failed["ok"] == false && failed["error"].as_str().unwrap().contains(expected), "{failed}");
    }
    let body =
        json!({"provider_type": "builtin", "provider_id": "webscraper", "tool_name": "webscraper", "arguments": {"url": "nonsense"}});
    editor.post("/api/tools/call", body).await.refused(400, "invalid_param");
}

/// Answers with what it was asked, or as the path says.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    match uri.path() {
        "/v1/teapot" => {
            let key = headers.get("x-key").map_or("", |v| v.to_str().unwrap()).to_owned();
            return (StatusCode::IM_A_TEAPOT, format!("no coffee for {key}")).into_response();
        }
        "/v1/picture" => return ([(header::CONTENT_TYPE, "image/png")], Bytes::from_static(b"\x89PNG\r\n")).into_response(),
        "/v1/large" => return vec![b'x'; 11 << 20].into_response(),
        "/v1/slow" => tokio::time::sleep(Duration::from_secs(5)).await,
        "/v1/away" => {
            return axum::response::Redirect::temporary(&format!(
                "http://localhost:{}/v1/seen",
                headers["host"].to_str().unwrap().split_once(':').unwrap().1
            ))
            .into_response();
        }
        _ => {}
    }
    let headers: Map<String, Value> =
        headers.iter().filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?)))).collect();
    let body = String::from_utf8_lossy(&body).into_owned();
    Json(json!({"method": method.as_str(), "uri": uri.to_string(), "headers": headers, "body": body})).into_response()
}

fn document(server: &str) -> String {
    format!(
        "openapi: 3.0.3
info: {{title: Echo, version: '1', description: Says it again}}
servers: [{{url: '{server}/v1'}}]
paths:
  /items/{{id}}:
    post:
      operationId: add_item
      summary: Add an item
      parameters:
      - {{name: id, in: path, required: true, schema: {{type: string}}}}
      - {{name: tag, in: query, schema: {{type: array, items: {{type: string}}}}}}
      - {{name: X-Trace, in: header, schema: {{type: string}}}}
      - {{name: lang, in: cookie, schema: {{type: string}}}}
      requestBody: {{content: {{application/json: {{schema: {{type: object, required: [name], properties: {{name: {{type: string}}, n: {{type: integer}}}}}}}}}}}}
  /form: {{post: {{operationId: send_form, requestBody: {{content: {{application/x-www-form-urlencoded: {{schema: {{type: object, properties: {{a: {{type: string}}, b: {{type: array}}}}}}}}}}}}}}}}
  /upload: {{post: {{operationId: upload, requestBody: {{content: {{multipart/form-data: {{schema: {{type: object, properties: {{a: {{type: string}}}}}}}}}}}}}}}}
  /teapot: {{get: {{}}}}
  /picture: {{get: {{}}}}
  /large: {{get: {{}}}}
  /slow: {{get: {{}}}}
  /away: {{get: {{}}}}
"
    )
}

#[sqlx::test]
async fn operations_of_a_document_are_called(db: PgPool) {
    let app = with_local_networks(db).await;
    let (admin, editor) = (app.client(Role::Admin), app.client(Role::Editor));
    let url = serve(axum::Router::new().fallback(echo)).await;
    let preview = admin.post("/api/tools/openapi/preview", json!({"document": document(&url)})).await.ok();
    assert_eq!((&preview["title"], &preview["servers"]), (&json!("Echo"), &json!([format!("{url}/v1")])));
    assert_eq!(preview["tools"].as_array().unwrap().len(), 8);
    assert_eq!(admin.get("/api/tools/openapi").await.ok()["data"], json!([]));

    let auth = json!({"type": "header", "name": "X-Key", "scheme": "custom"});
    let body = json!({"name": "Echo", "document": document(&url), "auth": auth, "api_key": "sesame-key", "timeout_ms": 1000});
    let made = admin.post("/api/tools/openapi", body).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let id = made.ok()["id"].as_str().unwrap().to_owned();
    let listed = editor.get("/api/tools").await.ok();
    assert_eq!((&listed["data"][5]["provider_type"], &listed["data"][5]["tools"][0]["name"]), (&json!("api"), &json!("add_item")));

    let arguments = json!({"id": "a/b c", "tag": ["x", "y&z"], "X-Trace": "t1", "lang": "en", "name": "N", "n": "5"});
    // by name, as imported files have it
    let answer = call(&editor, "api", "Echo", "add_item", arguments).await;
    let seen = &answer["json"][0];
    assert_eq!((&seen["method"], &seen["uri"]), (&json!("POST"), &json!("/v1/items/a%2Fb%20c?tag=x&tag=y%26z")), "{answer}");
    let headers = &seen["headers"];
    assert_eq!((&headers["x-key"], &headers["x-trace"], &headers["cookie"]), (&json!("sesame-key"), &json!("t1"), &json!("lang=en")));
    assert_eq!((&headers["content-type"], &seen["body"]), (&json!("application/json"), &json!("{\"name\":\"N\",\"n\":5}")));
    assert!(answer["text"].as_str().unwrap().starts_with("{\"method\":"));

    let form = call(&editor, "api", &id, "send_form", json!({"a": "1 2", "b": ["x", "y"]})).await;
    assert_eq!(form["json"][0]["body"], "a=1+2&b=x&b=y");
    let upload = call(&editor, "api", &id, "upload", json!({"a": "text"})).await;
    assert!(upload["json"][0]["headers"]["content-type"].as_str().unwrap().starts_with("multipart/form-data; boundary="));
    let picture = call(&editor, "api", &id, "get_picture", json!({})).await;
    assert_eq!(picture["files"], json!([{"name": "picture.png", "mime_type": "image/png", "size": 6}]));
    // the key stays behind at another server
    let away = call(&editor, "api", &id, "get_away", json!({})).await;
    assert!(
        away["ok"] == false && away["error"].as_str().unwrap().contains("'localhost'") || away["json"][0]["headers"].get("x-key").is_none(),
        "{away}"
    );

    for (tool, expected) in [
        ("get_teapot", "HTTP status 418: no coffee for …"),
        ("get_large", "larger than the limit"),
        ("get_slow", "did not answer completely within 1 s"),
    ] {
        let failed = call(&editor, "api", &id, tool, json!({})).await;
        assert!(failed["ok"] == false && failed["error"].as_str().unwrap().contains(expected), "{tool}: {failed}");
    }
    let body = |arguments: Value| json!({"provider_type": "api", "provider_id": id, "tool_name": "add_item", "arguments": arguments});
    for (param, arguments) in
        [("name", json!({"id": "1"})), ("id", json!({"id": "..", "name": "x"})), ("n", json!({"id": "1", "name": "x", "n": "many"}))]
    {
        let refused = editor.post("/api/tools/call", body(arguments)).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], format!("arguments.{param}"));
    }
}

#[sqlx::test]
async fn openapi_providers_are_changed_and_keep_their_key(db: PgPool) {
    let app = with_local_networks(db).await;
    let admin = app.client(Role::Admin);
    let url = serve(axum::Router::new().fallback(echo)).await;
    let served = document(&url);
    let files = serve(axum::Router::new().route("/spec.yaml", axum::routing::get(move || async move { served }))).await;
    let spec = format!("{files}/spec.yaml");
    let body = json!({"name": "Echo", "document_url": spec, "auth": {"type": "query", "name": "key"}, "api_key": "sesame-key"});
    let made = admin.post("/api/tools/openapi", body.clone()).await.ok();
    assert_eq!((&made["document_url"], &made["has_api_key"], &made["timeout_ms"]), (&json!(spec), &json!(true), &json!(60_000)));
    assert!(made["document"].as_str().unwrap().starts_with("openapi: 3.0.3"));
    let id = made["id"].as_str().unwrap();
    let path = format!("/api/tools/openapi/{id}");
    assert_eq!(call(&admin, "api", id, "send_form", json!({})).await["json"][0]["uri"], "/v1/form?key=sesame-key");
    admin.post("/api/tools/openapi", body).await.refused(409, "conflict");

    // the key does not follow to another server, and never comes out
    let elsewhere = document("http://127.0.0.1:9");
    let refused = admin.patch(&path, json!({"document": elsewhere})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "api_key");
    let moved = admin.patch(&path, json!({"document": elsewhere, "api_key": "other-key"})).await.ok();
    assert_eq!((&moved["document_url"], &moved["has_api_key"]), (&Value::Null, &json!(true)));
    let opened = admin.patch(&path, json!({"auth": {"type": "none"}, "name": "Open", "description": " d "})).await.ok();
    assert_eq!((&opened["has_api_key"], &opened["name"], &opened["description"]), (&json!(false), &json!("Open"), &json!("d")));
    let stored: Vec<String> = sqlx::query_scalar(
        "select to_jsonb(t)::text from (select detail::text from audit_log union all select to_jsonb(p)::text from tool_providers p) t",
    )
    .fetch_all(&app.state.db)
    .await
    .unwrap();
    assert!(stored.len() >= 4 && !stored.concat().contains("sesame") && !stored.concat().contains("other-key"));

    for (param, body) in [
        ("document", json!({"name": "x"})),
        ("document", json!({"name": "x", "document": "openapi: 2"})),
        ("document", json!({"name": "x", "document": document("http://10.0.0.1")})),
        ("document_url", json!({"name": "x", "document": "x", "document_url": spec})),
        ("document_url", json!({"name": "x", "document_url": "http://127.0.0.2/x"})),
        ("name", json!({"name": " ", "document": document(&url)})),
        ("timeout_ms", json!({"name": "x", "document": document(&url), "timeout_ms": 1})),
        ("api_key", json!({"name": "x", "document": document(&url), "auth": {"type": "header"}})),
        ("auth", json!({"name": "x", "document": document(&url), "api_key": "k"})),
        ("auth.name", json!({"name": "x", "document": document(&url), "auth": {"type": "header", "name": "two words"}, "api_key": "k"})),
        ("api_key", json!({"name": "x", "document": document(&url), "auth": {"type": "header"}, "api_key": "ключ"})),
    ] {
        let refused = admin.post("/api/tools/openapi", body.clone()).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], param, "{body}: {refused}");
    }

    // another workspace sees and calls nothing of it
    let stranger = app.foreigner();
    stranger.get(&path).await.refused(404, "not_found");
    stranger.patch(&path, json!({"name": "Mine"})).await.refused(404, "not_found");
    stranger.delete(&path).await.refused(404, "not_found");
    for provider in [id, "Open"] {
        let body = json!({"provider_type": "api", "provider_id": provider, "tool_name": "send_form"});
        stranger.post("/api/tools/call", body).await.refused(404, "not_found");
    }
    assert_eq!(stranger.get("/api/tools").await.ok()["data"].as_array().unwrap().len(), 5);
    admin.get(&format!("/api/tools/mcp/{id}")).await.refused(404, "not_found");
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    admin.get(&path).await.refused(404, "not_found");
}

/// An MCP server with a session per connection: it counts, draws, fails, and takes its time.
#[derive(Clone, Default)]
struct Counter {
    count: Arc<AtomicUsize>,
    tools: Arc<Mutex<Vec<&'static str>>>,
}

fn object(value: Value) -> Arc<Map<String, Value>> {
    Arc::new(value.as_object().unwrap().clone())
}

impl ServerHandler for Counter {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(&self, page: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        let input = json!({"type": "object", "required": ["by"], "properties": {"by": {"$ref": "#/$defs/By"}}, "$defs": {"By": {"type": "integer", "description": "How much"}}});
        let output = json!({"type": "object", "properties": {"total": {"type": "integer"}}});
        let tools: Vec<_> = self
            .tools
            .lock()
            .unwrap()
            .iter()
            .map(|name| Tool::new(*name, format!("Does {name}"), object(input.clone())).with_raw_output_schema(object(output.clone())))
            .collect();
        // one per page
        let at: usize = page.and_then(|p| p.cursor).map_or(0, |c| c.parse().unwrap());
        let mut result = ListToolsResult::with_all_items(tools.get(at).cloned().into_iter().collect());
        result.next_cursor = (at + 1 < tools.len()).then(|| (at + 1).to_string());
        Ok(result)
    }

    async fn call_tool(&self, call: CallToolRequestParams, _: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let arguments = call.arguments.unwrap_or_default();
        let mut result = match call.name.as_ref() {
            "count" => {
                let by = usize::try_from(arguments["by"].as_u64().unwrap()).unwrap();
                let total = self.count.fetch_add(by, Ordering::SeqCst) + by;
                let mut result = CallToolResult::success(vec![ContentBlock::text(format!("now {total}"))]);
                result.structured_content = Some(json!({"total": total, "more": arguments}));
                result
            }
            "draw" => CallToolResult::success(vec![
                ContentBlock::text("{\"kind\": \"png\"}"),
                ContentBlock::image(base64::engine::general_purpose::STANDARD.encode(b"\x89PNG"), "image/png"),
                ContentBlock::resource(ResourceContents::blob("AAEC", "file:///out/data.bin")),
            ]),
            "slow" => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                CallToolResult::success(Vec::new())
            }
            "fail" => CallToolResult::error(vec![ContentBlock::text("out of numbers")]),
            other => return Err(ErrorData::invalid_params(format!("no tool {other}"), None)),
        };
        result.meta = None;
        Ok(result.into())
    }
}

/// The URL of a server that wants `x-token: open`, and its tools, which may be changed. Each session counts for itself.
pub async fn mcp_server(sessions: bool) -> (String, Arc<Mutex<Vec<&'static str>>>) {
    let tools = Arc::new(Mutex::new(vec!["count", "draw", "fail", "slow", "vanish"]));
    let shared = Arc::clone(&tools);
    let factory = move || Ok(Counter { count: Arc::default(), tools: Arc::clone(&shared) });
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = sessions;
    config.json_response = !sessions;
    let service = StreamableHttpService::new(factory, Arc::new(LocalSessionManager::default()), config);
    let door =
        async |State(()): State<()>, request: Request, next: Next| match request.headers().get("x-token").is_some_and(|t| t == "open") {
            true => next.run(request).await,
            false => StatusCode::UNAUTHORIZED.into_response(),
        };
    let router = axum::Router::new().nest_service("/mcp", service).layer(axum::middleware::from_fn_with_state((), door));
    (format!("{}/mcp", serve(router).await), tools)
}

#[sqlx::test]
pub async fn mcp_servers_are_added_refreshed_and_called(db: PgPool) {
    let app = with_local_networks(db).await;
    let (admin, editor) = (app.client(Role::Admin), app.client(Role::Editor));
    for sessions in [true, false] {
        let (url, tools) = mcp_server(sessions).await;
        let refused = admin.post("/api/tools/mcp", json!({"name": "Counter", "url": url})).await.refused(400, "invalid_param");
        assert!(refused["error"]["message"].as_str().unwrap().contains("asks for authorization"), "{refused}");
        let body = json!({"name": "Counter", "url": url, "headers": {"X-Token": "open"}, "timeout_ms": 2000});
        let made = admin.post("/api/tools/mcp", body).await.ok();
        assert_eq!((&made["header_names"], made["tools"].as_array().unwrap().len()), (&json!(["X-Token"]), 5));
        let count = &made["tools"][0];
        let schema = json!({"type": "integer", "description": "How much"});
        assert_eq!((&count["parameters"][0]["name"], &count["parameters"][0]["schema"]), (&json!("by"), &schema));
        assert_eq!(count["output_variables"], json!([{"name": "total", "schema": {"type": "integer"}}]));
        let id = made["id"].as_str().unwrap();

        let counted = call(&editor, "mcp", "Counter", "count", json!({"by": "3", "extra": [1]})).await;
        assert_eq!((&counted["text"], &counted["variables"]), (&json!("now 3"), &json!({"total": 3})), "{counted}");
        assert_eq!(counted["json"], json!([{"total": 3, "more": {"by": 3, "extra": [1]}}]));
        let drawn = call(&editor, "mcp", id, "draw", json!({"by": 1})).await;
        assert_eq!(drawn["json"], json!([{"kind": "png"}]));
        let files = json!([{"name": "image-2.png", "mime_type": "image/png", "size": 4}, {"name": "data.bin", "mime_type": "application/octet-stream", "size": 3}]);
        assert_eq!(drawn["files"], files);
        for (tool, expected) in [("fail", "out of numbers"), ("vanish", "no tool vanish"), ("slow", "did not answer within 2 s")] {
            let failed = call(&editor, "mcp", id, tool, json!({"by": 1})).await;
            assert!(failed["ok"] == false && failed["error"].as_str().unwrap().contains(expected), "{tool}: {failed}");
        }

        *tools.lock().unwrap() = vec!["count"];
        let path = format!("/api/tools/mcp/{id}");
        assert_eq!(admin.get(&path).await.ok()["tools"].as_array().unwrap().len(), 5);
        assert_eq!(admin.post(&format!("{path}/refresh"), json!({})).await.ok()["tools"].as_array().unwrap().len(), 1);
        let body = json!({"provider_type": "mcp", "provider_id": id, "tool_name": "draw"});
        editor.post("/api/tools/call", body).await.refused(404, "not_found");

        // headers are meant for one server, and never come out
        let moved = admin.patch(&path, json!({"url": "http://127.0.0.1:9/mcp"})).await.refused(400, "invalid_param");
        assert_eq!(moved["error"]["param"], "headers");
        let unreachable =
            admin.patch(&path, json!({"url": "http://127.0.0.1:9/mcp?key=hidden", "headers": null})).await.refused(400, "invalid_param");
        let message = unreachable["error"]["message"].as_str().unwrap();
        assert!(message.contains("could not be read") && !message.contains("hidden"), "{message}");
        let renamed = admin.patch(&path, json!({"name": "Renamed", "timeout_ms": 3000})).await.ok();
        assert_eq!(
            (&renamed["name"], &renamed["timeout_ms"], &renamed["header_names"]),
            (&json!("Renamed"), &json!(3000), &json!(["X-Token"]))
        );
        let stored: String =
            sqlx::query_scalar("select string_agg(to_jsonb(p)::text, '') from tool_providers p").fetch_one(&app.state.db).await.unwrap();
        assert!(!stored.contains("\"open\""));

        app.foreigner().get(&path).await.refused(404, "not_found");
        app.foreigner().post(&format!("{path}/refresh"), json!({})).await.refused(404, "not_found");
        let body = json!({"provider_type": "mcp", "provider_id": id, "tool_name": "count", "arguments": {"by": 1}});
        app.foreigner().post("/api/tools/call", body).await.refused(404, "not_found");
        assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    }
    for (param, body) in [
        ("url", json!({"name": "x", "url": "nonsense"})),
        ("url", json!({"name": "x", "url": "http://10.0.0.1/mcp"})),
        ("url", json!({"name": "x", "url": "http://u:p@127.0.0.1/mcp"})),
        ("headers.Host", json!({"name": "x", "url": "http://127.0.0.1:9/mcp", "headers": {"Host": "x"}})),
        ("headers.a b", json!({"name": "x", "url": "http://127.0.0.1:9/mcp", "headers": {"a b": "x"}})),
        ("headers.a", json!({"name": "x", "url": "http://127.0.0.1:9/mcp", "headers": {"a": "x\ny"}})),
    ] {
        let refused = admin.post("/api/tools/mcp", body).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], param, "{refused}");
    }
    let no_mcp = serve(axum::Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "nothing") })).await;
    let refused = admin.post("/api/tools/mcp", json!({"name": "x", "url": no_mcp})).await.refused(400, "invalid_param");
    assert!(refused["error"]["message"].as_str().unwrap().contains("404"), "{refused}");
}

#[sqlx::test]
async fn one_run_keeps_its_connection(db: PgPool) {
    let app = with_local_networks(db).await;
    let admin = app.client(Role::Admin);
    let (url, _) = mcp_server(true).await;
    let made = admin.post("/api/tools/mcp", json!({"name": "Counter", "url": url, "headers": {"x-token": "open"}})).await.ok();
    let tool = |name: &str| ToolRef {
        provider_type: ProviderType::Mcp,
        provider_id: made["id"].as_str().unwrap().into(),
        provider_name: String::new(),
        tool_name: name.into(),
    };
    let by = |n: u64| Map::from_iter([("by".to_owned(), json!(n))]);
    let run = Toolbox::new(&app.state, WorkspaceId(app.home.id));
    let count = run.find(&tool("count")).await.unwrap();
    let for_model = count.info.for_model(&Map::new());
    assert_eq!(
        for_model.parameters,
        json!({"type": "object", "properties": {"by": {"type": "integer", "description": "How much"}}, "required": ["by"]})
    );
    assert_eq!(count.info.for_model(&by(1)).parameters["properties"], json!({}));
    // the server counts per session
    let totals = futures::future::join_all([run.call(&count, by(1)), run.call(&count, by(1))]).await;
    let mut texts: Vec<_> = totals.into_iter().map(|r| r.unwrap().text).collect();
    texts.sort();
    assert_eq!(texts, ["now 1", "now 2"]);
    let other = Toolbox::new(&app.state, WorkspaceId(app.home.id));
    assert_eq!(other.call(&count, by(5)).await.unwrap().text, "now 5");
    let drawn = run.invoke(&tool("draw"), by(1)).await.unwrap();
    assert_eq!(drawn.files[0].content, FileContent::Bytes(Bytes::from_static(b"\x89PNG")));
    let foreign = Toolbox::new(&app.state, WorkspaceId(app.foreign.id));
    assert!(matches!(foreign.find(&tool("count")).await, Err(ToolError::NotFound(_))));
}

/// A session that the server has forgotten is opened again.
#[sqlx::test]
async fn a_restarted_mcp_server_is_connected_again(db: PgPool) {
    let app = with_local_networks(db).await;
    let tools = Arc::new(Mutex::new(vec!["count"]));
    let start = |listener: tokio::net::TcpListener, tools: Arc<Mutex<Vec<&'static str>>>| {
        let factory = move || Ok(Counter { count: Arc::default(), tools: Arc::clone(&tools) });
        let service = StreamableHttpService::new(factory, Arc::new(LocalSessionManager::default()), StreamableHttpServerConfig::default());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await.unwrap() })
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = start(listener, Arc::clone(&tools));
    let body = json!({"name": "Counter", "url": format!("http://{address}/mcp"), "timeout_ms": 5000});
    app.client(Role::Admin).post("/api/tools/mcp", body).await.ok();
    let tool = ToolRef {
        provider_type: ProviderType::Mcp,
        provider_id: String::new(),
        provider_name: "Counter".into(),
        tool_name: "count".into(),
    };
    let by = || Map::from_iter([("by".to_owned(), json!(1))]);
    let run = Toolbox::new(&app.state, WorkspaceId(app.home.id));
    assert_eq!(run.invoke(&tool, by()).await.unwrap().text, "now 1");
    assert_eq!(run.invoke(&tool, by()).await.unwrap().text, "now 2");
    server.abort();
    let _ = server.await;
    // the listener's port is free at once, and nobody answers there
    assert!(run.invoke(&tool, by()).await.is_err());
    let server = start(tokio::net::TcpListener::bind(address).await.unwrap(), tools);
    assert_eq!(run.invoke(&tool, by()).await.unwrap().text, "now 1");
    server.abort();
}
