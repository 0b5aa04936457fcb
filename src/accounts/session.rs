//! Sessions: signing in and out, the cookie, and the extractor that every console route takes.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, State};
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::AppendHeaders;
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use super::client::SameOrigin;
use super::profile::Account;
use super::role::{Member, Needs};
use super::{ClientIp, Entry, Role, audit, db, hash_token, password, random_token, throttle};
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::http::extract::Json;
use crate::ids::{AccountId, SessionId, WorkspaceId};
use crate::state::AppState;

const COOKIE: &str = "ashlar_session";
const CSRF_HEADER: &str = "x-csrf-token";

/// A session ends when it was not used for [`db::IDLE_DAYS`], and after this in any case.
const MAX_AGE_DAYS: i64 = 30;

/// A signed-in member of a workspace whose role satisfies `R`.
///
/// Fails with 401 without a live session, with 403 when the role does not reach or a changing method lacks the CSRF header.
#[derive(Debug, Clone)]
pub struct Session<R = Member> {
    pub id: SessionId,
    pub account_id: AccountId,
    pub workspace_id: WorkspaceId,
    pub role: Role,
    pub ip: ClientIp,
    csrf_token: String,
    needs: PhantomData<R>,
}

impl<R> Session<R> {
    /// Notes in the audit log that this person did `action` (`app.publish`) to a `target` (`("app", id)`).
    /// Call it in the transaction that does it.
    pub async fn audit(
        &self,
        executor: impl PgExecutor<'_>,
        action: &'static str,
        (target_type, target_id): (&'static str, impl ToString + Send),
        detail: Value,
    ) -> Result<()> {
        let entry = Entry { action, target_type, target_id: target_id.to_string(), detail };
        audit::record(executor, self.workspace_id, Some(self.account_id), self.ip, entry).await
    }
}

impl<R: Needs> FromRequestParts<AppState> for Session<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let nobody = || Error::new(Code::Unauthorized, "Please sign in.");
        let token = cookie(&parts.headers).ok_or_else(nobody)?;
        let found = db::find_session(&state.db, &hash_token(&token)).await?.ok_or_else(nobody)?;
        if !parts.method.is_safe() {
            let given = parts.headers.get(CSRF_HEADER).map_or(&b""[..], |v| v.as_bytes());
            if !bool::from(given.ct_eq(found.csrf_token.as_bytes())) {
                return Err(Error::new(Code::Forbidden, "The X-CSRF-Token header must be the csrf_token of GET /api/session."));
            }
        }
        if !R::allows(found.role) {
            return Err(Error::new(Code::Forbidden, "Your role in this workspace does not allow this."));
        }
        if found.stale {
            // a write now and then, not one a request, and no caller waits for it
            let (db, id) = (state.db.clone(), found.id);
            tokio::spawn(async move {
                if let Err(e) = db::touch_session(&db, id).await {
                    tracing::warn!(error.cause = %e, "the last use of a session could not be noted");
                }
            });
        }
        Ok(Self {
            id: found.id,
            account_id: found.account_id,
            workspace_id: found.workspace_id,
            role: found.role,
            ip: ClientIp::of(parts, &state.config.trusted_proxies),
            csrf_token: found.csrf_token,
            needs: PhantomData,
        })
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers).get(COOKIE).map(|c| c.value().to_owned())
}

/// The header that brings a session to the browser, or with an age of 0 takes it away.
pub(super) type SetCookie = AppendHeaders<[(HeaderName, String); 1]>;

fn set_cookie(config: &Config, token: &str, max_age_s: i64) -> SetCookie {
    let secure = if config.public_url.as_ref().is_some_and(|url| url.scheme() == "https") { "; Secure" } else { "" };
    AppendHeaders([(SET_COOKIE, format!("{COOKIE}={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age_s}{secure}"))])
}

/// What a new session keeps of the request that made it.
pub(super) struct Origin {
    pub ip: ClientIp,
    pub user_agent: Option<String>,
}

impl FromRequestParts<AppState> for Origin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let user_agent = parts.headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).map(|v| v.chars().take(300).collect());
        Ok(Self { ip: ClientIp::of(parts, &state.config.trusted_proxies), user_agent })
    }
}

/// A new session's row; gives the token for the cookie.
pub(super) async fn start(db: &mut PgConnection, account_id: AccountId, workspace_id: WorkspaceId, origin: &Origin) -> Result<String> {
    let token = random_token();
    let id = SessionId::new();
    db::insert_session(
        &mut *db,
        db::NewSession {
            id,
            token_hash: &hash_token(&token),
            csrf_token: &random_token(),
            account_id,
            workspace_id,
            user_agent: origin.user_agent.as_deref(),
            ip: origin.ip.0.map(|ip| ip.to_string()),
            max_age_days: MAX_AGE_DAYS,
        },
    )
    .await?;
    let entry = Entry { action: "session.create", target_type: "session", target_id: id.to_string(), detail: json!({}) };
    audit::record(db, workspace_id, Some(account_id), origin.ip, entry).await?;
    Ok(token)
}

/// Cookie and body that tell the browser about the session of `token`.
pub(super) async fn hand_out(state: &AppState, token: String) -> Result<(SetCookie, Json<CurrentSession>)> {
    let found = db::find_session(&state.db, &hash_token(&token)).await?;
    let found = found.ok_or_else(|| Error::new(Code::Unauthorized, "The session ended."))?;
    let body = describe(state, found.account_id, found.workspace_id, found.csrf_token).await?;
    Ok((set_cookie(&state.config, &token, MAX_AGE_DAYS * 24 * 3600), Json(body)))
}

/// One of the account's workspaces.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct WorkspaceRole {
    pub id: WorkspaceId,
    pub name: String,
    pub role: Role,
}

/// Who is signed in, and where.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct CurrentSession {
    account: Account,
    workspace: WorkspaceRole,
    /// Every workspace of the account, to switch between
    workspaces: Vec<WorkspaceRole>,
    /// Send it as `X-CSRF-Token` with every request that changes something
    csrf_token: String,
    /// Version of the server
    version: &'static str,
}

async fn describe(state: &AppState, account_id: AccountId, workspace_id: WorkspaceId, csrf_token: String) -> Result<CurrentSession> {
    let account = db::get_account(&state.db, account_id).await?;
    let workspaces = db::list_workspaces_of(&state.db, account_id).await?;
    let workspace = workspaces.iter().find(|w| w.id == workspace_id).cloned().ok_or_else(|| Error::not_found("Workspace not found."))?;
    Ok(CurrentSession { account, workspace, workspaces, csrf_token, version: env!("CARGO_PKG_VERSION") })
}

/// Who is signed in
#[utoipa::path(get, path = "/api/session", tag = "accounts", responses((status = 200, body = CurrentSession)))]
pub(super) async fn get_session(State(state): State<AppState>, session: Session) -> Result<Json<CurrentSession>> {
    Ok(Json(describe(&state, session.account_id, session.workspace_id, session.csrf_token).await?))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct SignIn {
    email: String,
    password: String,
}

/// Sign in
#[utoipa::path(post, path = "/api/session", tag = "accounts", security(()), request_body = SignIn,
    responses((status = 200, body = CurrentSession), (status = 401), (status = 429)))]
pub(super) async fn sign_in(
    State(state): State<AppState>,
    _: SameOrigin,
    origin: Origin,
    Json(body): Json<SignIn>,
) -> Result<(SetCookie, Json<CurrentSession>)> {
    let account_id = check_password(&state, &body.email, body.password, &origin).await?;
    let workspace_id = db::find_workspace_to_enter(&state.db, account_id).await?;
    let workspace_id = workspace_id.ok_or_else(|| {
        Error::new(Code::Forbidden, "Your account is not a member of any workspace. Ask an administrator for an invitation.")
    })?;
    let mut tx = state.db.begin().await?;
    db::note_sign_in(&mut *tx, account_id).await?;
    let token = start(&mut tx, account_id, workspace_id, &origin).await?;
    tx.commit().await?;
    hand_out(&state, token).await
}

/// The account whose e-mail and password these are; 401 with the same words whatever is wrong with them.
pub(super) async fn check_password(state: &AppState, email: &str, given: String, origin: &Origin) -> Result<AccountId> {
    let email = email.trim();
    throttle::count_try(&state.redis, email, origin.ip.0).await?;
    let found = if email.contains('\0') { None } else { db::find_account(&state.db, email).await? };
    let right = password::verify(given, found.as_ref().map(|a| a.password_hash.clone())).await?;
    match found {
        Some(account) if right && account.active => {
            throttle::forget_tries(&state.redis, email).await;
            Ok(account.id)
        }
        None if !db::any_account(&state.db).await? => {
            Err(Error::new(Code::SetupNeeded, "There is no account yet: set up this server first."))
        }
        _ => Err(Error::new(Code::Unauthorized, "The e-mail address or the password is wrong.")),
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct SwitchWorkspace {
    workspace_id: WorkspaceId,
}

/// Switch to another workspace of the account
#[utoipa::path(patch, path = "/api/session", tag = "accounts", request_body = SwitchWorkspace,
    responses((status = 200, body = CurrentSession), (status = 404)))]
pub(super) async fn switch_workspace(
    State(state): State<AppState>,
    session: Session,
    Json(body): Json<SwitchWorkspace>,
) -> Result<Json<CurrentSession>> {
    if !db::move_session(&state.db, session.id, session.account_id, body.workspace_id).await? {
        return Err(Error::not_found("Workspace not found."));
    }
    Ok(Json(describe(&state, session.account_id, body.workspace_id, session.csrf_token).await?))
}

/// Sign out
#[utoipa::path(delete, path = "/api/session", tag = "accounts", responses((status = 204)))]
pub(super) async fn sign_out(State(state): State<AppState>, session: Session) -> Result<(StatusCode, SetCookie)> {
    db::delete_session(&state.db, session.id).await?;
    Ok((StatusCode::NO_CONTENT, set_cookie(&state.config, "", 0)))
}
