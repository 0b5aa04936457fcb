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
mod step;
pub mod teller;
pub mod template;
pub mod triggers;
pub mod value;
pub mod vars;
pub mod version;
pub mod wire;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub use console::check_publishable;
pub use form_mail::add_job_handlers;

/// The console's routes, and those of pages that are open to anyone.
pub fn console_routes() -> OpenApiRouter<AppState> {
    console::routes().merge(triggers::console_routes()).merge(form_page::routes())
}

/// The service API.
pub fn service_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(routes::run_workflow))
        .routes(routes!(routes::run_workflow_version))
        .routes(routes!(routes::stop_workflow))
        .routes(routes!(routes::get_workflow_run))
        .routes(routes!(routes::follow_workflow_run))
        .routes(routes!(routes::get_form))
        .routes(routes!(routes::answer_form))
        .routes(routes!(logs::list_workflow_logs))
}
