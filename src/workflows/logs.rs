//! `/v1/workflows/logs`: the runs of an app.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::runs::{self, Filter, LogRow};
use crate::accounts::ServiceApp;
use crate::apps::{AppHead, AppMode};
use crate::error::{Code, Error, Result};
use crate::http::payload::Params;
use crate::ids::WorkflowRunId;
use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogPage {
    page: i64,
    limit: i64,
    total: i64,
    has_more: bool,
    data: Vec<Entry>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Entry {
    id: WorkflowRunId,
    workflow_run: LoggedRun,
    #[schema(value_type = Option<Object>)]
    details: Option<Value>,
    created_from: String,
    created_by_role: &'static str,
    created_by_account: Option<Account>,
    created_by_end_user: Option<EndUser>,
    created_at: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct LoggedRun {
    id: WorkflowRunId,
    version: String,
    status: String,
    triggered_from: String,
    error: Option<String>,
    elapsed_time: f64,
    total_tokens: i64,
    total_steps: i32,
    created_at: i64,
    finished_at: Option<i64>,
    exceptions_count: i32,
}

#[derive(Debug, Serialize, ToSchema)]
struct Account {
    id: Uuid,
    name: String,
    email: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct EndUser {
    id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    is_anonymous: bool,
    session_id: String,
}

impl From<LogRow> for Entry {
    fn from(row: LogRow) -> Self {
        let account = row.account_id.map(|id| Account {
            id: id.0,
            name: row.account_name.unwrap_or_default(),
            email: row.account_email.unwrap_or_default(),
        });
        let end_user = row.end_user_id.map(|id| EndUser {
            id: id.0,
            kind: row.end_user_type.unwrap_or_default(),
            is_anonymous: row.is_anonymous.unwrap_or_default(),
            session_id: row.session_id.unwrap_or_default(),
        });
        Self {
            id: row.id,
            workflow_run: LoggedRun {
                id: row.id,
                version: row.version.unwrap_or_default(),
                status: row.status,
                triggered_from: row.triggered_from.to_string(),
                error: row.error,
                elapsed_time: row.elapsed_s,
                total_tokens: row.total_tokens,
                total_steps: row.total_steps,
                created_at: row.created_at.timestamp(),
                finished_at: row.finished_at.map(|at| at.timestamp()),
                exceptions_count: row.exceptions_count,
            },
            details: None,
            created_from: row.source.to_string(),
            created_by_role: if account.is_some() { "account" } else { "end_user" },
            created_by_account: account,
            created_by_end_user: end_user,
            created_at: row.created_at.timestamp(),
        }
    }
}

/// The runs of an app, newest first.
#[utoipa::path(get, path = "/v1/workflows/logs", tag = "Workflows", params(("keyword" = Option<String>, Query), ("status" = Option<String>, Query), ("created_at__before" = Option<String>, Query), ("created_at__after" = Option<String>, Query), ("created_by_end_user_session_id" = Option<String>, Query), ("created_by_account" = Option<String>, Query), ("page" = Option<i64>, Query), ("limit" = Option<i64>, Query)), responses((status = 200, body = LogPage)))]
pub(super) async fn list_workflow_logs(State(state): State<AppState>, app: ServiceApp, params: Params) -> Result<Json<LogPage>> {
    let head = AppHead::find(&state.db, app.workspace_id, app.app_id).await?;
    if head.mode != AppMode::Workflow {
        return Err(Error::new(Code::NotWorkflowApp, "Please check if your app mode matches the right API route."));
    }
    let (page, limit) = (params.int("page", 1, 1..=99_999)?, params.int("limit", 20, 1..=100)?);
    let status = params.get("status");
    if status.is_some_and(|status| {
        !matches!(status, "succeeded" | "failed" | "stopped" | "running" | "paused" | "partial-succeeded" | "scheduled")
    }) {
        return Err(Error::invalid(
            "status",
            "status must be one of succeeded, failed, stopped, partial-succeeded, running, paused, scheduled.",
        ));
    }
    let account_id = match params.get("created_by_account") {
        Some(email) => {
            let found = runs::find_member(&state.db, app.workspace_id, email).await?;
            Some(found.ok_or_else(|| Error::new(Code::InvalidParam, format!("Account not found: {email}")))?)
        }
        None => None,
    };
    let filter = Filter {
        keyword: params.get("keyword"),
        status,
        before: time(&params, "created_at__before")?,
        after: time(&params, "created_at__after")?,
        session_id: params.get("created_by_end_user_session_id"),
        account_id,
    };
    let (rows, total) = runs::list_logs(&state.db, app.workspace_id, app.app_id, &filter, limit, (page - 1) * limit).await?;
    let data = rows.into_iter().map(Entry::from).collect();
    Ok(Json(LogPage { page, limit, total, has_more: total > page * limit, data }))
}

/// ISO 8601: a time, or a day.
fn time(params: &Params, name: &str) -> Result<Option<DateTime<Utc>>> {
    let Some(text) = params.get(name) else { return Ok(None) };
    // a plus sign that was not escaped
    let text = text.replace(' ', if text.contains('T') { "+" } else { "T" });
    let whole = DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
    let local = || NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc());
    let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").map(|day| day.and_time(Default::default()).and_utc());
    let time = whole.or_else(|_| local()).or_else(|_| day());
    time.map(Some).map_err(|_| Error::invalid(name, format!("{name} must be a time like 2026-01-31T12:00:00Z.")))
}
