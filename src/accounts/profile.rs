//! One's own account.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::password::{self, NewPassword};
use super::{Session, db, throttle};
use crate::error::{Error, Result};
use crate::http::extract::Json;
use crate::http::text;
use crate::ids::AccountId;
use crate::state::AppState;

/// Longest name of an account or a workspace.
pub(super) const NAME_CHARS: usize = 80;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Account {
    pub id: AccountId,
    pub email: String,
    pub name: String,
    /// Of the console, as a BCP 47 tag
    pub language: String,
    pub theme: Theme,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(super) enum Theme {
    System,
    Light,
    Dark,
}

/// A BCP 47 tag as far as its form goes: letters, then subtags.
pub(super) fn language(tag: &str) -> Result<String> {
    let mut parts = tag.split('-');
    let primary = parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && p.chars().all(|c| c.is_ascii_alphabetic()));
    if primary && tag.len() <= 35 && parts.all(|p| (2..=8).contains(&p.len()) && p.chars().all(|c| c.is_ascii_alphanumeric())) {
        return Ok(tag.to_owned());
    }
    Err(Error::invalid("language", "language must be a language tag such as en-US or zh-Hans."))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct UpdateAccount {
    name: Option<String>,
    language: Option<String>,
    theme: Option<Theme>,
}

/// Change one's name, language or theme
#[utoipa::path(patch, path = "/api/account", tag = "accounts", request_body = UpdateAccount, responses((status = 200, body = Account)))]
pub(super) async fn update_account(
    State(state): State<AppState>,
    session: Session,
    Json(body): Json<UpdateAccount>,
) -> Result<Json<Account>> {
    let name = body.name.map(|n| text::line("name", &n, NAME_CHARS)).transpose()?;
    let language = body.language.map(|l| language(&l)).transpose()?;
    Ok(Json(db::update_account(&state.db, session.account_id, name.as_deref(), language.as_deref(), body.theme).await?))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct ChangePassword {
    current_password: String,
    new_password: String,
}

/// Change one's password; every other session of the account ends
#[utoipa::path(put, path = "/api/account/password", tag = "accounts", request_body = ChangePassword,
    responses((status = 204), (status = 400), (status = 429)))]
pub(super) async fn change_password(
    State(state): State<AppState>,
    session: Session,
    Json(body): Json<ChangePassword>,
) -> Result<StatusCode> {
    let new = NewPassword::parse("new_password", body.new_password)?;
    let (email, hash) = db::get_credentials(&state.db, session.account_id).await?;
    throttle::count_try(&state.redis, &email, session.ip.0).await?;
    if !password::verify(body.current_password, Some(hash)).await? {
        return Err(Error::invalid("current_password", "current_password is wrong."));
    }
    throttle::forget_tries(&state.redis, &email).await;
    let hash = new.hash().await?;
    let mut tx = state.db.begin().await?;
    db::set_password(&mut *tx, session.account_id, &hash, Some(session.id)).await?;
    session.audit(&mut *tx, "account.change_password", ("account", session.account_id), json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        for good in ["en", "en-US", "zh-Hans", "zh-Hans-CN"] {
            assert!(language(good).is_ok(), "{good}");
        }
        for bad in ["", "e", "english", "en_US", "en-", "en-\0\0", "中文"] {
            assert!(language(bad).is_err(), "{bad:?}");
        }
    }
}
