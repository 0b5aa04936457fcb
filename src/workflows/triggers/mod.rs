//! Triggers: what starts a published workflow without being asked, a request to its address ([`receive`]) or the time of
//! day ([`clock`]).
//!
//! - A trigger is a node of a graph. Its row in `triggers` gives it what a graph can't hold: an address, a switch, the next
//!   time. Rows follow the published versions ([`register`]): whoever publishes knows nothing of them.
//! - Both kinds do the same: a run is recorded as scheduled, in the transaction that makes it true, and whichever process is
//!   free takes it up. So a request that was answered is never lost, and a time never fires twice.
//! - [`webhook`] and [`schedule`] read what nodes say, and know no SQL or HTTP.

mod answer;
pub mod clock;
mod console;
mod db;
mod parameters;
mod receive;
mod register;
mod request;
pub mod schedule;
pub mod webhook;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::begin;
use super::run_row::{Creator, NewRun, Source, TriggeredFrom};
use super::vars::Vars;
use crate::ids::{AppId, AppVersionId, WorkspaceId};
use crate::state::AppState;

pub use receive::BODY_LIMIT;

/// The addresses of webhooks.
pub fn public_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(receive::receive_webhook)).routes(routes!(receive::receive_debug_webhook))
}

/// The console's routes.
pub fn console_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(console::list_triggers))
        .routes(routes!(console::update_trigger))
        .routes(routes!(console::renew_webhook_url))
}

/// What makes a trigger fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum TriggerKind {
    /// A request to its address
    Webhook,
    /// The time
    Schedule,
}

impl TriggerKind {
    const ALL: [Self; 2] = [Self::Webhook, Self::Schedule];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Schedule => "schedule",
        }
    }

    /// The type of its nodes.
    const fn node_type(self) -> &'static str {
        match self {
            Self::Webhook => "trigger-webhook",
            Self::Schedule => "trigger-schedule",
        }
    }
}

/// Which graph a trigger starts.
struct Started {
    workspace_id: WorkspaceId,
    app_id: AppId,
    node_id: String,
    /// None: the draft, whose config is `draft`.
    version_id: Option<AppVersionId>,
    draft: Option<Value>,
}

/// A run that begins at the trigger's node, with what the trigger brought.
fn triggered_run(started: Started, kind: TriggerKind, inputs: Vars) -> NewRun {
    let Started { workspace_id, app_id, node_id, version_id, draft } = started;
    let (source, triggered_from) = match (&draft, kind) {
        (Some(_), _) => (Source::Debugger, TriggeredFrom::Debugging),
        (None, TriggerKind::Webhook) => (Source::ServiceApi, TriggeredFrom::Webhook),
        (None, TriggerKind::Schedule) => (Source::ServiceApi, TriggeredFrom::Schedule),
    };
    let run = begin::new_run((workspace_id, app_id, version_id), draft, Creator::Nobody, source, inputs, Vec::new());
    NewRun { entry_node_id: Some(node_id), triggered_from, ..run }
}
