//! The first run: one account, the owner of the first workspace.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::client::SameOrigin;
use super::password::NewPassword;
use super::session::{self, CurrentSession, Origin, SetCookie};
use super::{Role, admin, db, profile};
use crate::error::{Code, Error, Result};
use crate::http::extract::Json;
use crate::http::text;
use crate::ids::AccountId;
use crate::state::AppState;

#[derive(Serialize, ToSchema)]
pub(super) struct Setup {
    /// No account exists yet
    needed: bool,
    version: &'static str,
}

/// Whether this server waits for its first account
#[utoipa::path(get, path = "/api/setup", tag = "accounts", security(()), responses((status = 200, body = Setup)))]
pub(super) async fn get_setup(State(state): State<AppState>) -> Result<Json<Setup>> {
    Ok(Json(Setup { needed: !db::any_account(&state.db).await?, version: env!("CARGO_PKG_VERSION") }))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct SetUp {
    email: String,
    name: String,
    password: String,
    workspace_name: Option<String>,
    /// Of the console: en-US (default), zh-Hans, …
    language: Option<String>,
}

/// Make the first account
#[utoipa::path(post, path = "/api/setup", tag = "accounts", security(()), request_body = SetUp,
    responses((status = 201, body = CurrentSession), (status = 409, description = "setup_done")))]
pub(super) async fn set_up(
    State(state): State<AppState>,
    _: SameOrigin,
    origin: Origin,
    Json(body): Json<SetUp>,
) -> Result<(StatusCode, (SetCookie, Json<CurrentSession>))> {
    let done = || Error::new(Code::SetupDone, "This server is set up already: sign in.");
    let email = text::email("email", &body.email)?;
    let name = text::line("name", &body.name, profile::NAME_CHARS)?;
    let language = body.language.map(|l| profile::language(&l)).transpose()?;
    let workspace_name = body.workspace_name.map(|n| text::line("workspace_name", &n, profile::NAME_CHARS)).transpose()?;
    let password = NewPassword::parse("password", body.password)?;
    // before the costly hash; again below, where it counts
    if db::any_account(&state.db).await? {
        return Err(done());
    }
    let password_hash = password.hash().await?;

    let mut tx = state.db.begin().await?;
    db::lock_setup(&mut *tx).await?;
    if db::any_account(&mut *tx).await? {
        return Err(done());
    }
    // the command line may have made it, to import an app into
    let workspace_id = admin::find_or_make_workspace(&mut tx, None).await?.id;
    if workspace_name.is_some() {
        db::update_workspace(&mut *tx, workspace_id, workspace_name.as_deref(), None).await?;
    }
    let account_id = AccountId::new();
    db::insert_account(&mut *tx, account_id, &email, &name, &password_hash, language.as_deref()).await?;
    db::insert_member(&mut *tx, workspace_id, account_id, Role::Owner).await?;
    db::note_sign_in(&mut *tx, account_id).await?;
    let token = session::start(&mut tx, account_id, workspace_id, &origin).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, session::hand_out(&state, token).await?))
}
