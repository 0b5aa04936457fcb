//! The console's side of workflows: what a studio needs to build one. The draft is run, whole or from one node on, its nodes
//! are tried alone, their values looked at and edited; runs are read; graphs are checked, compared and published.
//!
//! Each member has last runs and values of their own ([`super::drafts`]).

mod check;
mod diff;
mod draft;
mod forms;
mod nodes;
mod publish;
mod run;
mod runs;
mod step;
mod variables;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub use publish::check_publishable;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(run::run_draft))
        .routes(routes!(run::stop_run))
        .routes(routes!(run::follow_run))
        .routes(routes!(forms::list_run_forms))
        .routes(routes!(forms::answer_run_form))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::export_runs))
        .routes(routes!(runs::get_run))
        .routes(routes!(runs::get_run_value))
        .routes(routes!(nodes::list_run_nodes))
        .routes(routes!(nodes::get_run_node))
        .routes(routes!(nodes::get_run_node_value))
        .routes(routes!(step::run_node))
        .routes(routes!(step::stop_node))
        .routes(routes!(step::list_node_variables))
        .routes(routes!(step::get_last_run))
        .routes(routes!(variables::list_draft_variables, variables::clear_draft_variables))
        .routes(routes!(variables::clear_node_variables))
        .routes(routes!(variables::get_draft_variable, variables::edit_draft_variable))
        .routes(routes!(variables::reset_draft_variable))
        .routes(routes!(variables::take_run_values))
        .routes(routes!(check::check_draft))
        .routes(routes!(publish::publish_app))
        .routes(routes!(diff::diff_versions))
}
