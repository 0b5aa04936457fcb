//! Keeping the rows of triggers in step with what is published.
//!
//! Apps don't know of triggers. An app's row says of which version its triggers are; when that is not the published one,
//! whoever sees it first brings them in step: the clock, about a second later, or the console when it shows them. So it is
//! the same whether a version was published in the console, by the command line or in an import, and a deleted app's
//! schedules end.

use serde_json::Value;

use super::TriggerKind;
use super::db::{self, Behind, NewSchedule, NewTrigger};
use super::schedule::Schedule;
use crate::error::Result;
use crate::ids::{AppId, WorkspaceId};
use crate::state::AppState;
use crate::workflows::graph;
use crate::workflows::version::Version;

/// Apps of one look.
const AT_ONCE: i64 = 100;

/// Brings the triggers of all apps in step.
pub async fn follow_published(state: &AppState) -> Result<()> {
    for behind in db::list_behind(&state.db, AT_ONCE).await? {
        // one that fails must not keep others from firing
        if let Err(error) = follow(state, &behind).await {
            tracing::warn!(app.id = %behind.app_id, %error, "the triggers of an app could not be brought in step with what is published");
        }
    }
    Ok(())
}

/// Brings the triggers of one app in step.
pub async fn follow(state: &AppState, behind: &Behind) -> Result<()> {
    let Behind { workspace_id, app_id, version_id } = *behind;
    let version = match version_id {
        Some(id) => match Version::load(state, workspace_id, app_id, id).await {
            // it would be no other the next time
            Err(error) if !error.code.status().is_server_error() => {
                tracing::warn!(app.id = %app_id, %error, "a published workflow can't be read: it has no triggers");
                None
            }
            loaded => loaded?,
        },
        None => None,
    };
    let graph = version.as_ref().map_or(&Value::Null, |version| version.graph());
    let nodes = nodes(graph);
    let now = chrono::Utc::now();
    let schedules: Vec<_> = nodes
        .iter()
        .filter(|node| node.kind == TriggerKind::Schedule)
        .filter_map(|node| {
            let schedule = Schedule::parse(node.data).ok()?;
            let next_fire_at = schedule.next_after(now);
            Some(NewSchedule { node_id: node.id, timezone: schedule.zone.name(), cron: schedule.expression, next_fire_at })
        })
        .collect();
    let mut tx = state.db.begin().await?;
    // also keeps the next publication out until this one is in step
    if !db::follow(&mut *tx, workspace_id, app_id, version_id).await? {
        return Ok(());
    }
    db::insert_missing(&mut *tx, workspace_id, app_id, &new(&nodes)).await?;
    db::replace_schedules(&mut *tx, workspace_id, app_id, &schedules).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives nodes their rows, so that a webhook has its address before it is published.
pub async fn insert_missing(state: &AppState, workspace_id: WorkspaceId, app_id: AppId, nodes: &[Node<'_>]) -> Result<()> {
    Ok(db::insert_missing(&state.db, workspace_id, app_id, &new(nodes)).await?)
}

fn new<'a>(nodes: &[Node<'a>]) -> Vec<NewTrigger<'a>> {
    let webhook_id = |kind| (kind == TriggerKind::Webhook).then(webhook_id);
    nodes.iter().map(|node| NewTrigger { node_id: node.id, kind: node.kind, webhook_id: webhook_id(node.kind) }).collect()
}

/// 144 random bits, safe in a URL: who knows it may start the workflow.
pub fn webhook_id() -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>())
}

/// A trigger in a graph.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    pub id: &'a str,
    pub kind: TriggerKind,
    pub data: &'a Value,
}

/// The triggers of a `graph` section; none of one that can't be read.
pub fn nodes(graph: &Value) -> Vec<Node<'_>> {
    let of_kind = |kind: TriggerKind| {
        let found = graph::trigger_kinds(graph, kind.node_type()).unwrap_or_default();
        found.into_iter().map(move |(id, data)| Node { id, kind, data })
    };
    TriggerKind::ALL.into_iter().flat_map(of_kind).collect()
}
