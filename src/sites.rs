//! Published apps as pages that anyone with the link may use: `/a/{site_code}`.
//!
//! A visitor needs no account: a signed cookie tells one from another, and each is an end user of the app, apart from those that
//! the app's API knows. Behind this door stand the service API's own handlers (`/api/site/v1/…`), those that a caller may use for
//! itself; the rest of `/v1`, what lets a key's holder look at others, is not there. How often an address may ask is limited.
//!
//! Knows nothing of prompts, models or runs.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum_extra::extract::CookieJar;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::accounts::{self, ClientIp, Door, ServiceApp};
use crate::apps::{self, Publication, SitePage};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::payload::KnownUser;
use crate::ids::AppId;
use crate::state::AppState;
use crate::{chat, files, workflows};

const CODE_HEADER: &str = "x-site-code";
const VISITOR_HEADER: &str = "x-site-visitor";
const COOKIE: &str = "ashlar_visitor";
/// Seconds that a browser is remembered.
const COOKIE_S: u32 = 400 * 24 * 3600;
/// Requests of one address, a minute; an office may share one.
const VISITS: i64 = 600;
/// Questions, runs and uploads among them.
const ASKS: i64 = 60;

/// The page's own route.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(open_site))
}

/// The service API as visitors have it; whoever joins it puts [`admit`] before it.
pub fn visitor_routes() -> OpenApiRouter<AppState> {
    let service = OpenApiRouter::default().merge(chat::visitor_routes()).merge(workflows::visitor_routes()).merge(files::visitor_routes());
    let mut site = OpenApiRouter::default().nest("/api/site", service);
    for item in site.get_openapi_mut().paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten() {
            operation.operation_id = operation.operation_id.take().map(|id| format!("site_{id}"));
            operation.tags = Some(vec!["site".to_owned()]);
            operation.security = Some(vec![SecurityRequirement::default()]);
        }
    }
    site
}

/// One browser, told from others by a token that only we can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Visitor(Uuid);

impl Visitor {
    fn token(self, state: &AppState) -> String {
        format!("{}.{}", self.0.simple(), state.secrets.sign(&Self::signed(self.0)))
    }

    fn signed(id: Uuid) -> String {
        format!("site-visitor/{id}")
    }

    fn of_token(state: &AppState, token: &str) -> Option<Self> {
        let (id, signature) = token.split_once('.')?;
        let id = Uuid::parse_str(id).ok()?;
        state.secrets.verify(&Self::signed(id), signature).then_some(Self(id))
    }

    /// By the header, which pages in frames of other sites send as browsers keep their cookies from them; else by the cookie.
    fn of_headers(state: &AppState, headers: &HeaderMap) -> Option<Self> {
        let given = headers.get(VISITOR_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let token = given.or_else(|| CookieJar::from_headers(headers).get(COOKIE).map(|cookie| cookie.value().to_owned()))?;
        Self::of_token(state, &token)
    }

    /// What the app calls them: another name in each app, so that nobody can follow a visitor from one to the next.
    fn user(self, state: &AppState, app_id: AppId) -> String {
        let mut name = state.secrets.sign(&format!("site-visitor/{}/{app_id}", self.0));
        name.truncate(24);
        format!("visitor-{name}")
    }
}

/// Lets a visitor through to the service API's handlers, as the end user that they are.
pub async fn admit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match enter(&state, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => error.into_response(),
    }
}

async fn enter(state: &AppState, parts: &mut Parts) -> Result<()> {
    let ClientIp(ip) = ClientIp::from_request_parts(parts, state).await?;
    accounts::count_visit(&state.redis, "site", ip, VISITS).await?;
    let code = parts.headers.get(CODE_HEADER).and_then(|value| value.to_str().ok()).ok_or_else(no_such_site)?;
    let app = find(state, code).await?;
    let visitor = Visitor::of_headers(state, &parts.headers).ok_or_else(|| {
        Error::new(Code::Unauthorized, "This page does not know you any more: load it again, and let it keep its cookie.")
    })?;
    if parts.method == Method::POST && !parts.uri.path().contains("/stop") {
        accounts::count_visit(&state.redis, "site-asks", ip, ASKS).await?;
    }
    parts.extensions.insert(KnownUser(visitor.user(state, app.app_id)));
    parts.extensions.insert(app);
    Ok(())
}

async fn find(state: &AppState, code: &str) -> Result<ServiceApp> {
    let found = apps::find_published(&state.db, code, Publication::Site).await?;
    let (workspace_id, app_id) = found.ok_or_else(no_such_site)?;
    Ok(ServiceApp { workspace_id, app_id, door: Door::Site })
}

fn no_such_site() -> Error {
    Error::not_found("There is no app here: the link is incomplete, or the app's page was closed.")
}

/// An app's page, and who opened it.
#[derive(Debug, Serialize, ToSchema)]
struct OpenedSite {
    #[serde(flatten)]
    page: SitePage,
    /// Says who you are in place of the cookie, as the header `X-Site-Visitor`: for pages in frames, whose cookies browsers hold back
    visitor: String,
}

/// Open the page of a published app; a browser without a visitor's cookie gets one
#[utoipa::path(get, path = "/api/sites/{site_code}", tag = "site", security(()), params(("site_code" = String, Path)),
    responses((status = 200, body = OpenedSite), (status = 400), (status = 404), (status = 429)))]
async fn open_site(
    State(state): State<AppState>,
    ip: ClientIp,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<(AppendHeaders<[(HeaderName, String); 2]>, Json<OpenedSite>)> {
    accounts::count_visit(&state.redis, "site", ip.0, VISITS).await?;
    let app = find(&state, &code).await?;
    let page = SitePage::of(&state, app.workspace_id, app.app_id).await?;
    let visitor = Visitor::of_headers(&state, &headers).unwrap_or_else(|| Visitor(Uuid::new_v4())).token(&state);
    // a frame of another site gets a cookie of its own, where the connection is safe
    let is_https = state.config.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
    let rules = if is_https { "SameSite=None; Secure; Partitioned" } else { "SameSite=Lax" };
    let cookie = format!("{COOKIE}={visitor}; HttpOnly; Path=/api/; Max-Age={COOKIE_S}; {rules}");
    let headers = AppendHeaders([(SET_COOKIE, cookie), (header::CACHE_CONTROL, "no-store".to_owned())]);
    Ok((headers, Json(OpenedSite { page, visitor })))
}
