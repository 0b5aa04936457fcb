//! End users: the people behind an app's caller, known by the `user` value it sends. They sign in nowhere.

use serde::Serialize;
use sqlx::PgPool;

use super::db;
use crate::error::{Error, Result};
use crate::ids::{AppId, EndUserId, WorkspaceId};

/// The `user` of a caller that names none.
pub const DEFAULT_USER: &str = "DEFAULT-USER";

/// Which door they came through; the same `user` behind two doors is two people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "kebab-case")]
#[sqlx(type_name = "text", rename_all = "kebab-case")]
pub enum EndUserType {
    ServiceApi,
    Browser,
}

#[derive(Debug, Clone)]
pub struct EndUser {
    pub id: EndUserId,
    /// The caller's `user` value
    pub session_id: String,
    pub is_anonymous: bool,
}

/// How the caller named an end user; empty when it is gone.
pub async fn session_id(db: &PgPool, workspace_id: WorkspaceId, id: EndUserId) -> Result<String> {
    Ok(db::find_end_user_session_id(db, workspace_id, id).await?.unwrap_or_default())
}

/// The end user that `user` names, made on first sight. No `user`, or an empty one, is the shared [`DEFAULT_USER`].
pub async fn resolve(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId, kind: EndUserType, user: Option<&str>) -> Result<EndUser> {
    let session_id = user.filter(|u| !u.is_empty()).unwrap_or(DEFAULT_USER);
    if session_id.chars().count() > 255 || session_id.contains('\0') {
        return Err(Error::invalid("user", "user must be at most 255 characters long, without NUL."));
    }
    let is_anonymous = session_id == DEFAULT_USER;
    let id = db::find_or_insert_end_user(db, workspace_id, app_id, kind, session_id, is_anonymous).await?;
    Ok(EndUser { id, session_id: session_id.to_owned(), is_anonymous })
}
