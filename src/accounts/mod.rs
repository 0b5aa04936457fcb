//! Who may do what: accounts, workspaces, members, sessions and API keys; the extractors that guard every route.
//!
//! - People come with a session cookie: [`Session`], whose type parameter is the least role that the route needs.
//!   A method that changes something also needs the `X-CSRF-Token` header; the extractor checks it, so no route can forget.
//! - Programs come with a key in `Authorization`: [`ServiceApp`] (`app-…`), [`DatasetKey`] (`dataset-…`),
//!   [`ModelKey`] (`sk-…`), [`OpenAiCaller`] (either of the two that the OpenAI routes take).
//! - Every token is random and stored as a hash; passwords are stored with Argon2id.
//! - Another workspace's object is "not found": every statement in `db.rs` carries the workspace.
//!
//! Knows nothing of what apps, files or models are; an app is here only what a key opens.

pub mod admin;
mod api_keys;
mod audit;
mod caller;
mod client;
mod db;
pub mod end_users;
mod invitation_mail;
mod invitations;
mod members;
mod password;
mod profile;
mod role;
mod session;
mod setup;
mod throttle;
mod workspaces;

use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use api_keys::{KeyKind, NewKey, create_key};
pub use audit::{Entry, record};
pub use caller::{DatasetKey, Door, ModelKey, OpenAiCaller, ServiceApp};
pub use client::ClientIp;
pub use invitation_mail::add_job_handlers;
pub use members::member_addresses;
pub use role::{Admin, Editor, Member, Owner, Reader, Role};
pub use session::Session;
pub use throttle::count_visit;

use crate::error::Result;
use crate::ids::AccountId;
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(setup::get_setup, setup::set_up))
        .routes(routes!(session::get_session, session::sign_in, session::switch_workspace, session::sign_out))
        .routes(routes!(profile::update_account))
        .routes(routes!(profile::change_password))
        .routes(routes!(workspaces::create_workspace))
        .routes(routes!(workspaces::get_workspace, workspaces::update_workspace))
        .routes(routes!(members::list_members))
        .routes(routes!(members::update_member, members::remove_member))
        .routes(routes!(invitations::list_invitations, invitations::create_invitation))
        .routes(routes!(invitations::delete_invitation))
        .routes(routes!(invitations::get_invitation, invitations::accept_invitation))
        .routes(routes!(audit::list_audit_log))
        .routes(routes!(api_keys::list_app_keys, api_keys::create_app_key))
        .routes(routes!(api_keys::delete_app_key))
        .routes(routes!(api_keys::list_keys, api_keys::create_workspace_key))
        .routes(routes!(api_keys::delete_key))
}

/// How an account is shown to others.
pub async fn email_and_name(db: &PgPool, id: AccountId) -> Result<(String, String)> {
    let account = db::get_account(db, id).await?;
    Ok((account.email, account.name))
}

/// What is stored of a session token, invitation or API key: enough to find it, useless to whoever reads the table.
/// The tokens are random (≥ 140 bits), so a fast hash without salt is right.
pub fn hash_token(token: &str) -> [u8; 32] {
    blake3::hash(token.as_bytes()).into()
}

/// 256 random bits, safe in a URL and a cookie.
fn random_token() -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}
