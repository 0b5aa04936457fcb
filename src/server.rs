//! Joins every slice's routes into one router: console API under `/api`, service and OpenAI APIs under `/v1`.
//!
//! A slice is joined by one `.merge(…)` line in the surface it belongs to; what a surface's errors look like, its body limit
//! and its CORS rule are said here and nowhere else.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{self, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, PathItem};
use utoipa_axum::router::OpenApiRouter;

use crate::accounts;
use crate::apps;
use crate::catalog;
use crate::chat;
use crate::error::{Code, Error, render_dify, render_openai};
use crate::files;
use crate::http::measure;
use crate::jobs::Handlers;
use crate::openai;
use crate::state::AppState;
use crate::{console, health, mcp, secret_list, sites, tools, workflows};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Largest JSON body of the console and service APIs; routes that take files set their own.
const JSON_LIMIT: usize = 8 << 20;

/// The console API, errors in our own shape.
fn console() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .merge(accounts::routes())
        .merge(apps::console_routes())
        .merge(files::console_routes())
        .merge(catalog::routes())
        .merge(tools::routes())
        .merge(workflows::console_routes())
        .merge(chat::console_routes())
        .merge(openai::console_routes())
        .merge(sites::routes())
        .merge(secret_list::routes())
}

/// The service API, errors in Dify's shape.
fn service() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .route("/v1", get(welcome))
        .route("/v1/", get(welcome))
        .merge(apps::service_routes())
        .merge(files::service_routes())
        .merge(catalog::service_routes())
        .merge(workflows::service_routes())
        .merge(chat::routes())
}

/// The OpenAI API, errors in OpenAI's shape.
fn openai() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().merge(openai::routes())
}

/// The addresses that others call to start workflows, errors in Dify's shape.
fn triggers() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().merge(workflows::triggers::public_routes())
}

/// The description of every route: what `ashlar openapi` prints.
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new().title("Ashlar").version(VERSION).build();
    let mut document = OpenApiBuilder::new().info(info).build();
    let surfaces =
        [(console(), SESSION), (sites::visitor_routes(), SESSION), (service(), API_KEY), (triggers(), API_KEY), (openai(), API_KEY)];
    for (surface, scheme) in surfaces {
        let mut surface = surface.into_openapi();
        surface.paths.paths.values_mut().for_each(|item| secure(item, scheme));
        document.merge(surface);
    }
    let components = document.components.get_or_insert_default();
    let cookie = ApiKeyValue::with_description("ashlar_session", "Methods that change something also need X-CSRF-Token");
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme(API_KEY, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    document
}

/// Names of the two ways in, in the OpenAPI document.
const SESSION: &str = "session";
const API_KEY: &str = "api_key";

/// Says of every operation that it needs `scheme`, unless it says otherwise itself (`security(())`: open to anyone).
fn secure(item: &mut PathItem, scheme: &str) {
    for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten() {
        operation.security.get_or_insert_with(|| vec![SecurityRequirement::new::<_, [&str; 0], _>(scheme, [])]);
    }
}

/// What runs the jobs of the queue; a slice adds its own kinds here.
pub fn job_handlers(state: &AppState) -> Handlers {
    let mut handlers = Handlers::default();
    accounts::add_job_handlers(&mut handlers, state);
    apps::annotations::add_job_handlers(&mut handlers, state);
    workflows::add_job_handlers(&mut handlers, state);
    handlers
}

/// `ashlar openapi`.
#[expect(clippy::print_stdout, reason = "this command's output")]
pub fn print_openapi() -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(&openapi())?);
    Ok(())
}

/// The whole HTTP surface of one process.
pub fn router(state: AppState) -> Router {
    let console = surface(console(), JSON_LIMIT);
    let visitors = surface(sites::visitor_routes(), JSON_LIMIT).layer(middleware::from_fn_with_state(state.clone(), sites::admit));
    let service = surface(service(), JSON_LIMIT).layer(map_response(render_dify));
    let triggers = surface(triggers(), workflows::triggers::BODY_LIMIT).layer(map_response(render_dify));
    let openai = surface(openai(), openai::BODY_LIMIT).layer(map_response(render_openai));
    let v1 = service.merge(openai).layer(cors()).layer(stamp("x-version", VERSION)).layer(stamp("x-env", "PRODUCTION"));

    Router::new()
        .merge(console)
        .merge(visitors)
        .merge(mcp::router(&state))
        .merge(triggers)
        .merge(v1)
        .merge(health::routes())
        .fallback(console::serve.layer(CompressionLayer::new()))
        .layer(middleware::from_fn(measure::measure))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http().on_failure(()))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(state)
}

/// What all surfaces have in common. Errors leave it in the console's shape; a layer around it writes another.
fn surface(routes: OpenApiRouter<AppState>, body_limit: usize) -> Router<AppState> {
    let (router, _) = routes.split_for_parts();
    router
        .method_not_allowed_fallback(|| async { Error::new(Code::MethodNotAllowed, "The method is not allowed for the requested URL.") })
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(DefaultBodyLimit::max(body_limit))
}

fn after_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied()).unwrap_or("panic");
    Error::internal(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}

async fn welcome() -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({"welcome": "Dify OpenAPI", "api_version": "v1", "server_version": VERSION}))
}

/// `/v1` is called from pages of any origin; it never looks at cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_headers(AllowHeaders::mirror_request())
        .allow_methods([Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS, Method::PATCH])
        .expose_headers(["x-version", "x-env", "x-trace-id", "x-request-id"].map(HeaderName::from_static))
}

fn stamp(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(HeaderName::from_static(name), HeaderValue::from_static(value))
}
