//! Workflows: graphs of nodes, imported from Dify's files or drawn in the console, run, recorded and resumed.
//!
//! - [`graph`], [`vars`], [`value`], [`template`], [`run`], [`event`] and [`nodes`] are the runtime: pure, without SQL or
//!   HTTP. A run yields [`event::RunEvent`]s and asks a [`host::Host`] for everything outside of it.
//! - A finished node is committed before its successors start, so a run that lost its process goes on where it was: the
//!   same graph is walked again over the outputs of the nodes that finished.
//! - [`triggers`] begin runs by themselves: requests to webhooks, schedules. [`nested`] runs are called by others, as tools.

pub mod begin;
pub mod cli;
mod console;
mod db;
mod diff;
mod display;
mod drafts;
pub mod event;
pub mod follow;
mod form_inputs;
mod form_mail;
mod form_page;
pub mod forms;
pub mod given;
pub mod graph;
pub mod host;
pub mod job;
mod logs;
pub mod mask;
pub mod nested;
pub mod nodes;
pub mod record;
pub mod replay;
mod routes;
pub mod run;
mod run_host;
pub mod run_row;
mod sent;
pub mod server_host;
pub mod statistics;
mod step;
pub mod teller;
pub mod template;
pub mod triggers;
pub mod value;
pub mod vars;
pub mod version;
pub mod wire;

use std::collections::HashMap;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::ids::{MessageId, WorkflowRunId, WorkspaceId};
use crate::state::AppState;

pub use console::check_publishable;
pub use form_mail::add_job_handlers;
pub use routes::run_to_end;

/// The runs that answer these messages.
pub async fn runs_of_messages(
    state: &AppState,
    workspace_id: WorkspaceId,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, WorkflowRunId>> {
    let ids: Vec<_> = messages.iter().map(|id| id.0).collect();
    let rows = db::runs::find_by_messages(&state.db, workspace_id, &ids).await?;
    Ok(rows.into_iter().map(|(run, message)| (MessageId(message), WorkflowRunId(run))).collect())
}

/// The console's routes, and those of pages that are open to anyone.
pub fn console_routes() -> OpenApiRouter<AppState> {
    console::routes().merge(triggers::console_routes()).merge(form_page::routes())
}

/// What visitors of an app's page may call of the service API.
pub fn visitor_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(routes::run_workflow))
        .routes(routes!(routes::stop_workflow))
        .routes(routes!(routes::follow_workflow_run))
}

/// The service API.
pub fn service_routes() -> OpenApiRouter<AppState> {
    visitor_routes()
        .routes(routes!(routes::run_workflow_version))
        .routes(routes!(routes::get_workflow_run))
        .routes(routes!(routes::get_form))
        .routes(routes!(routes::answer_form))
        .routes(routes!(logs::list_workflow_logs))
}
