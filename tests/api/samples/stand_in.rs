//! The services that sample files call, on a port of this machine: a few pages and interfaces, and the tools of plugins as MCP
//! servers at `/mcp/{plugin}`.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};

/// Plugin, tool, what its output promises beside text.
pub const TOOLS: &[(&str, &str, &[&str])] = &[
    ("comfyui", "txt2img", &[]),
    ("duckduckgo", "ddgo_search", &[]),
    ("google_translate", "translate", &[]),
    ("hexinfo_db_query", "sql_query", &[]),
    ("jina", "jina_reader", &[]),
    ("mineru", "parse-pdf", &["images"]),
    ("searxng", "searxng_search", &[]),
    ("wikipedia", "wikipedia_search", &[]),
];

/// Large models, by what they write: what code behind them reads, which the bundled model is too small to write.
pub const WRITES: &[(&str, &str)] = &[
    ("couplets", r#"{"top": "春风送暖千家乐", "bottom": "瑞雪迎春万户欢", "banner": "春意盎然", "summary": "春"}"#),
    ("analysis", r#"{"summary": "Praise of a wall.", "sentiment": "positive", "key_topics": ["wall"], "word_count_estimate": "~4 words"}"#),
    ("text", "It was a bright cold day."),
    ("code", "```python\nprint(42)\n```"),
];

/// Says what the model of that name writes.
async fn complete(Json(body): Json<Value>) -> impl IntoResponse {
    let text = WRITES.iter().find(|(model, _)| body["model"] == *model).map_or("", |(_, text)| text);
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let (text, stop) = (chunk(json!({"content": text}), Value::Null), chunk(json!({}), json!("stop")));
    ([(header::CONTENT_TYPE, "text/event-stream")], format!("data: {text}\n\ndata: {stop}\n\ndata: [DONE]\n\n"))
}

/// Starts it; gives its URL.
pub async fn start() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut router = Router::new()
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route(
            "/page",
            get(|| async { ([(header::CONTENT_TYPE, "text/html")], "<title>Stone</title><main><p>An ashlar is cut stone.</p></main>") }),
        )
        .route(
            "/post",
            post(|headers: HeaderMap, body: String| async move {
                Json(json!({"data": body, "type": headers.get("content-type").map(|v| v.to_str().unwrap_or_default().to_owned())}))
            }),
        )
        .route("/llm/v1/chat/completions", post(complete))
        .route("/v1/sandbox/run", post(|| async { Json(json!({"code": 0, "data": {"error": "", "stdout": "42\n"}})) }))
        .route(
            "/api/climate",
            get(|| async {
                let months: Vec<_> =
                    (1..=12).map(|month| json!({"month": month, "maxTemp": 2 * month, "minTemp": month, "rainfall": 10})).collect();
                Json(json!({"data": {"beginYear": 1991, "endYear": 2020, "data": months}}))
            }),
        )
        .route("/v1/datasets/{*rest}", any(|| async { Json(json!({"data": [], "has_more": false})) }));
    for (plugin, _, _) in TOOLS {
        let (plugin, url) = (*plugin, url.clone());
        let mut config = StreamableHttpServerConfig::default();
        config.legacy_session_mode = false;
        config.json_response = true;
        let factory = move || Ok(Plugin { name: plugin, url: url.clone() });
        router = router
            .nest_service(&format!("/mcp/{plugin}"), StreamableHttpService::new(factory, Arc::new(LocalSessionManager::default()), config));
    }
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[derive(Clone)]
struct Plugin {
    name: &'static str,
    url: String,
}

fn object(value: Value) -> Arc<Map<String, Value>> {
    Arc::new(value.as_object().unwrap().clone())
}

fn png() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(8, 8).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

impl ServerHandler for Plugin {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        let tools = TOOLS.iter().filter(|(plugin, _, _)| *plugin == self.name).map(|(_, tool, promised)| {
            let made = Tool::new(*tool, "Stands in for a plugin", object(json!({"type": "object", "properties": {}})));
            let properties: Map<String, Value> = promised.iter().map(|name| ((*name).to_owned(), json!({"type": "array"}))).collect();
            if promised.is_empty() {
                made
            } else {
                made.with_raw_output_schema(object(json!({"type": "object", "properties": properties})))
            }
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(&self, call: CallToolRequestParams, _: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let argument =
            |name: &str| call.arguments.as_ref().and_then(|all| all.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut structured = None;
        let content = match call.name.as_ref() {
            "txt2img" => vec![ContentBlock::image(STANDARD.encode(png()), "image/png")],
            "ddgo_search" => (0..5)
                .map(|n| ContentBlock::text(json!({"title": format!("Stone {n}"), "href": format!("{}/page", self.url)}).to_string()))
                .collect(),
            "translate" => vec![ContentBlock::text(format!("[{}] {}", argument("dest"), argument("content")))],
            "sql_query" => vec![ContentBlock::text("| rank | level |\n| --- | --- |\n| 1 | 2-1 |")],
            "jina_reader" => vec![ContentBlock::text(json!({"data": {"content": format!("Read from {}", argument("url"))}}).to_string())],
            "parse-pdf" => {
                structured = Some(json!({"images": [{"preview_url": format!("{}/page", self.url)}]}));
                vec![ContentBlock::text("# A parsed document")]
            }
            "searxng_search" => vec![ContentBlock::text(format!("{}/page", self.url))],
            "wikipedia_search" => vec![ContentBlock::text(format!("{} is a subject of interest.", argument("query")))],
            other => return Err(ErrorData::invalid_params(format!("no tool {other}"), None)),
        };
        let mut result = CallToolResult::success(content);
        result.structured_content = structured;
        Ok(result.into())
    }
}
