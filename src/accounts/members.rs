//! Members of the current workspace and their roles. There is always one owner, who alone can hand the workspace over.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgExecutor;
use utoipa::ToSchema;

use super::{Admin, Reader, Role, Session, db};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{List, Page};
use crate::ids::{AccountId, WorkspaceId};
use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(super) struct MemberRow {
    pub account_id: AccountId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    pub last_login_at: Option<DateTime<Utc>>,
}

/// Addresses of the workspace's members who may sign in: of all, or of those among `only`.
pub async fn member_addresses(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    only: Option<&[AccountId]>,
) -> Result<Vec<(AccountId, String)>> {
    Ok(db::list_addresses(db, workspace_id, only).await?)
}

/// Members of the workspace
#[utoipa::path(get, path = "/api/members", tag = "accounts", params(Page), responses((status = 200, body = List<MemberRow>)))]
pub(super) async fn list_members(
    State(state): State<AppState>,
    session: Session<Reader>,
    Query(page): Query<Page>,
) -> Result<Json<List<MemberRow>>> {
    let rows = db::list_members(&state.db, session.workspace_id, page.after()?, page.fetch()?).await?;
    Ok(Json(List::cut(rows, &page, |m| m.account_id)?))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct UpdateMember {
    /// `owner` hands the workspace over: the owner becomes an admin
    role: Role,
}

/// Change a member's role
#[utoipa::path(patch, path = "/api/members/{account_id}", tag = "accounts", params(("account_id" = AccountId, Path)), request_body = UpdateMember,
    responses((status = 200, body = MemberRow), (status = 403), (status = 404), (status = 409)))]
pub(super) async fn update_member(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(account_id): Path<AccountId>,
    Json(body): Json<UpdateMember>,
) -> Result<Json<MemberRow>> {
    let mut tx = state.db.begin().await?;
    let current = db::lock_member(&mut *tx, session.workspace_id, account_id).await?.ok_or_else(not_found)?;
    match (current, body.role) {
        (Role::Owner, Role::Owner) => {}
        (Role::Owner, _) => return Err(one_owner()),
        (_, Role::Owner) if session.role != Role::Owner => {
            return Err(Error::new(Code::Forbidden, "Only the owner can hand the workspace over."));
        }
        (_, Role::Owner) => {
            // this order, for at most one owner is allowed at any time
            db::set_role(&mut *tx, session.workspace_id, session.account_id, Role::Admin).await?;
            db::set_role(&mut *tx, session.workspace_id, account_id, Role::Owner).await?;
        }
        (_, role) => db::set_role(&mut *tx, session.workspace_id, account_id, role).await?,
    }
    session.audit(&mut *tx, "member.update", ("account", account_id), json!({"from": current, "to": body.role})).await?;
    let member = db::get_member(&mut *tx, session.workspace_id, account_id).await?;
    tx.commit().await?;
    Ok(Json(member))
}

/// Remove a member; their sessions in this workspace end
#[utoipa::path(delete, path = "/api/members/{account_id}", tag = "accounts", params(("account_id" = AccountId, Path)),
    responses((status = 204), (status = 404), (status = 409)))]
pub(super) async fn remove_member(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(account_id): Path<AccountId>,
) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    let role = db::lock_member(&mut *tx, session.workspace_id, account_id).await?.ok_or_else(not_found)?;
    if role == Role::Owner {
        return Err(one_owner());
    }
    db::delete_member(&mut *tx, session.workspace_id, account_id).await?;
    session.audit(&mut *tx, "member.remove", ("account", account_id), json!({"role": role})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn not_found() -> Error {
    Error::not_found("Member not found.")
}

fn one_owner() -> Error {
    Error::new(Code::Conflict, "A workspace always has an owner: make another member the owner first.")
}
