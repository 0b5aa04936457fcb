//! Invitations: a link that lets one person in, once, for a week. Whoever has it can use it; only its hash is stored.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::client::SameOrigin;
use super::password::NewPassword;
use super::session::{self, CurrentSession, Origin, SetCookie};
use super::{Admin, Entry, Role, Session, audit, db, hash_token, invitation_mail, profile, random_token};
use crate::error::{Code, Error, OnConstraint, Result};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{List, Page};
use crate::http::text;
use crate::ids::{AccountId, InvitationId};
use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Invitation {
    pub id: InvitationId,
    pub email: String,
    pub role: Role,
    pub expires_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

/// Invitations not accepted yet
#[utoipa::path(get, path = "/api/invitations", tag = "accounts", params(Page), responses((status = 200, body = List<Invitation>)))]
pub(super) async fn list_invitations(
    State(state): State<AppState>,
    session: Session<Admin>,
    Query(page): Query<Page>,
) -> Result<Json<List<Invitation>>> {
    let rows = db::list_invitations(&state.db, session.workspace_id, page.after()?, page.fetch()?).await?;
    Ok(Json(List::cut(rows, &page, |i| i.id)?))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct CreateInvitation {
    email: String,
    /// Any but `owner`
    role: Role,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CreatedInvitation {
    #[serde(flatten)]
    invitation: Invitation,
    /// The link to send; shown only now
    url: String,
    /// A mail with the link is on its way
    is_mailed: bool,
}

/// Invite somebody; a second invitation of the same address replaces the first
#[utoipa::path(post, path = "/api/invitations", tag = "accounts", request_body = CreateInvitation,
    responses((status = 201, body = CreatedInvitation), (status = 409)))]
pub(super) async fn create_invitation(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<CreateInvitation>,
) -> Result<(StatusCode, Json<CreatedInvitation>)> {
    let email = text::email("email", &body.email)?;
    if body.role == Role::Owner {
        return Err(Error::invalid("role", "role must not be owner: invite an admin, then hand the workspace over."));
    }
    if db::is_member(&state.db, session.workspace_id, &email).await? {
        return Err(Error::new(Code::Conflict, "This person is a member of the workspace already.").param("email"));
    }
    let token = random_token();
    let mut tx = state.db.begin().await?;
    let invitation =
        db::upsert_invitation(&mut *tx, session.workspace_id, session.account_id, &email, body.role, &hash_token(&token)).await?;
    session.audit(&mut *tx, "invitation.create", ("invitation", invitation.id), json!({"email": email, "role": body.role})).await?;
    let is_mailed = invitation_mail::enqueue(&state, &mut tx, &session, invitation.id, &token).await?;
    tx.commit().await?;
    let url = format!("{}/invite?token={token}", state.config.base_url());
    Ok((StatusCode::CREATED, Json(CreatedInvitation { invitation, url, is_mailed })))
}

/// Withdraw an invitation
#[utoipa::path(delete, path = "/api/invitations/{invitation_id}", tag = "accounts", params(("invitation_id" = InvitationId, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn delete_invitation(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    if !db::delete_invitation(&mut *tx, session.workspace_id, id).await? {
        return Err(Error::not_found("Invitation not found."));
    }
    session.audit(&mut *tx, "invitation.delete", ("invitation", id), json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InvitationToken {
    /// From the link
    token: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct InvitationPreview {
    workspace_name: String,
    email: String,
    role: Role,
    /// Accept with the account's password; otherwise with a name and a new password
    account_exists: bool,
}

/// What an invitation link invites to
#[utoipa::path(get, path = "/api/invitations/accept", tag = "accounts", security(()), params(InvitationToken),
    responses((status = 200, body = InvitationPreview), (status = 404)))]
pub(super) async fn get_invitation(State(state): State<AppState>, Query(query): Query<InvitationToken>) -> Result<Json<InvitationPreview>> {
    let open = db::find_open_invitation(&state.db, &hash_token(&query.token)).await?.ok_or_else(no_longer_valid)?;
    let account_exists = db::find_account(&state.db, &open.email).await?.is_some();
    Ok(Json(InvitationPreview { workspace_name: open.workspace_name, email: open.email, role: open.role, account_exists }))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct AcceptInvitation {
    token: String,
    /// Needed when the address has no account yet
    name: Option<String>,
    password: String,
}

/// Join the workspace and sign in
#[utoipa::path(post, path = "/api/invitations/accept", tag = "accounts", security(()), request_body = AcceptInvitation,
    responses((status = 200, body = CurrentSession), (status = 401), (status = 404), (status = 429)))]
pub(super) async fn accept_invitation(
    State(state): State<AppState>,
    _: SameOrigin,
    origin: Origin,
    Json(body): Json<AcceptInvitation>,
) -> Result<(SetCookie, Json<CurrentSession>)> {
    let token_hash = hash_token(&body.token);
    let open = db::find_open_invitation(&state.db, &token_hash).await?.ok_or_else(no_longer_valid)?;
    let existing = db::find_account(&state.db, &open.email).await?;
    let newcomer = match existing {
        Some(_) => None,
        None => {
            let name = text::line("name", body.name.as_deref().unwrap_or_default(), profile::NAME_CHARS)?;
            Some((name, NewPassword::parse("password", body.password.clone())?.hash().await?))
        }
    };
    let known = match existing {
        Some(_) => Some(session::check_password(&state, &open.email, body.password, &origin).await?),
        None => None,
    };

    let mut tx = state.db.begin().await?;
    // whoever marks it first has used it
    let used = db::use_invitation(&mut *tx, &token_hash).await?.ok_or_else(no_longer_valid)?;
    let account_id = match (known, newcomer) {
        (Some(id), _) => id,
        (None, Some((name, password_hash))) => {
            let id = AccountId::new();
            db::insert_account(&mut *tx, id, &used.email, &name, &password_hash, None).await.on_constraint("accounts_email_key", || {
                Error::new(Code::Conflict, "An account with this address was made just now: try again.")
            })?;
            id
        }
        (None, None) => return Err(no_longer_valid()),
    };
    db::insert_member(&mut *tx, used.workspace_id, account_id, used.role).await?;
    db::note_sign_in(&mut *tx, account_id).await?;
    let entry = Entry {
        action: "invitation.accept",
        target_type: "invitation",
        target_id: used.id.to_string(),
        detail: json!({"email": used.email, "role": used.role}),
    };
    audit::record(&mut *tx, used.workspace_id, Some(account_id), origin.ip, entry).await?;
    let token = session::start(&mut tx, account_id, used.workspace_id, &origin).await?;
    tx.commit().await?;
    session::hand_out(&state, token).await
}

fn no_longer_valid() -> Error {
    Error::not_found("This invitation is no longer valid: it was used, withdrawn or has expired. Ask for a new one.")
}
