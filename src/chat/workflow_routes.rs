//! The workflow routes of the service API. Workflow apps can be kept but not run yet: every other app is refused as in Dify.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::payload::{Params, Payload};
use super::{db, not_workflow_app, service_caller};
use crate::accounts::ServiceApp;
use crate::error::{Code, Error, Result};
use crate::state::AppState;

async fn refuse(state: &AppState, app: &ServiceApp) -> Error {
    match db::conversations::find_mode(&state.db, app.workspace_id, app.app_id).await {
        Ok(Some(mode)) if mode.is_workflow() => {
            Error::new(Code::AppUnavailable, "Apps of this mode can't be run by this version of the server yet.")
        }
        Ok(_) => not_workflow_app(),
        Err(error) => error.into(),
    }
}

async fn refuse_body(state: AppState, app: ServiceApp, payload: Payload) -> Result<Json<Value>> {
    service_caller(&state, &app, Some(payload.required_user()?)).await?;
    Err(refuse(&state, &app).await)
}

/// Run a workflow.
#[utoipa::path(post, path = "/v1/workflows/run", tag = "Workflows", responses((status = 400)))]
pub(super) async fn run_workflow(State(state): State<AppState>, app: ServiceApp, payload: Payload) -> Result<Json<Value>> {
    refuse_body(state, app, payload).await
}

/// Run one published version of a workflow.
#[utoipa::path(post, path = "/v1/workflows/{workflow_id}/run", tag = "Workflows", params(("workflow_id" = String, Path)), responses((status = 400)))]
pub(super) async fn run_workflow_version(State(state): State<AppState>, app: ServiceApp, payload: Payload) -> Result<Json<Value>> {
    refuse_body(state, app, payload).await
}

/// Stop a workflow.
#[utoipa::path(post, path = "/v1/workflows/tasks/{task_id}/stop", tag = "Workflows", params(("task_id" = String, Path)), responses((status = 400)))]
pub(super) async fn stop_workflow(State(state): State<AppState>, app: ServiceApp, payload: Payload) -> Result<Json<Value>> {
    refuse_body(state, app, payload).await
}

/// What a run came to.
#[utoipa::path(get, path = "/v1/workflows/run/{workflow_run_id}", tag = "Workflows", params(("workflow_run_id" = String, Path)), responses((status = 400)))]
pub(super) async fn get_workflow_run(State(state): State<AppState>, app: ServiceApp) -> Result<Json<Value>> {
    Err(refuse(&state, &app).await)
}

/// Runs of the app.
#[utoipa::path(get, path = "/v1/workflows/logs", tag = "Workflows", responses((status = 400)))]
pub(super) async fn list_workflow_logs(State(state): State<AppState>, app: ServiceApp) -> Result<Json<Value>> {
    Err(refuse(&state, &app).await)
}

/// Follow a run.
#[utoipa::path(get, path = "/v1/workflow/{workflow_run_id}/events", tag = "Workflows", params(("workflow_run_id" = String, Path), ("user" = String, Query)), responses((status = 400)))]
pub(super) async fn follow_workflow_run(State(state): State<AppState>, app: ServiceApp, params: Params) -> Result<Json<Value>> {
    service_caller(&state, &app, Some(params.required_user()?)).await?;
    Err(refuse(&state, &app).await)
}
