//! The audit log: who did what in the console, when, from where.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgExecutor;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Admin, ClientIp, Session, db};
use crate::error::Result;
use crate::http::extract::{Json, Query};
use crate::http::page::{List, Page};
use crate::ids::{AccountId, WorkspaceId};
use crate::state::AppState;

/// Something that somebody did.
#[derive(Debug)]
pub struct Entry {
    /// `noun.verb`: `app.publish`
    pub action: &'static str,
    pub target_type: &'static str,
    pub target_id: String,
    /// What a reader needs beside it; no secrets
    pub detail: Value,
}

/// Writes an entry; with a session at hand, call [`Session::audit`].
pub async fn record(
    executor: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    account_id: Option<AccountId>,
    ip: ClientIp,
    entry: Entry,
) -> Result<()> {
    Ok(db::insert_audit(executor, workspace_id, account_id, ip.0.map(|ip| ip.to_string()), entry).await?)
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(super) struct AuditRow {
    pub id: Uuid,
    pub action: String,
    pub target_type: String,
    pub target_id: String,
    pub detail: Value,
    /// Null when the account is gone or a command did it
    pub account_id: Option<AccountId>,
    pub account_name: Option<String>,
    pub account_email: Option<String>,
    pub ip: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// What was done in the console, newest first
#[utoipa::path(get, path = "/api/audit-log", tag = "accounts", params(Page), responses((status = 200, body = List<AuditRow>)))]
pub(super) async fn list_audit_log(
    State(state): State<AppState>,
    session: Session<Admin>,
    Query(page): Query<Page>,
) -> Result<Json<List<AuditRow>>> {
    let rows = db::list_audit(&state.db, session.workspace_id, page.after()?, page.fetch()?).await?;
    Ok(Json(List::cut(rows, &page, |e| e.id)?))
}
