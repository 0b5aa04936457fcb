//! The console's view of an app's triggers: addresses, next times, a switch each.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::TriggerKind;
use super::db::{self, Behind, Row};
use super::register::{self, Node};
use super::schedule::Schedule;
use super::webhook::Webhook;
use crate::accounts::{Editor, Session};
use crate::apps::{AppHead, AppMode, RunnableApp};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::ids::{AppId, TriggerId};
use crate::state::AppState;
use crate::workflows::version::Version;

/// A trigger node of an app's draft or published version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trigger {
    #[schema(value_type = uuid::Uuid)]
    id: TriggerId,
    kind: TriggerKind,
    node_id: String,
    title: String,
    /// Else it does not fire
    enabled: bool,
    /// Whether the published version has it; else it can be tried out only
    published: bool,
    /// Of webhooks: starts the published version. Who knows it may
    webhook_url: Option<String>,
    /// Of webhooks: starts the draft
    webhook_debug_url: Option<String>,
    /// Of schedules, as published
    cron_expression: Option<String>,
    timezone: Option<String>,
    next_fire_at: Option<DateTime<Utc>>,
    last_fired_at: Option<DateTime<Utc>>,
    /// Why it can't fire: the node's field and what is wrong with it
    error: Option<String>,
}

/// The triggers of an app
#[utoipa::path(get, path = "/api/apps/{app_id}/triggers", tag = "triggers", params(("app_id" = AppId, Path)),
    responses((status = 200, body = List<Trigger>), (status = 404)))]
pub(super) async fn list_triggers(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
) -> Result<Json<List<Trigger>>> {
    Ok(Json(List::whole(list(&state, &session, app_id, None).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct UpdateTrigger {
    enabled: bool,
}

/// Switch a trigger on or off
///
/// A schedule that is switched on fires at its next time; those that passed while it was off are not made up for.
#[utoipa::path(patch, path = "/api/apps/{app_id}/triggers/{trigger_id}", tag = "triggers",
    params(("app_id" = AppId, Path), ("trigger_id" = uuid::Uuid, Path,)), request_body = UpdateTrigger,
    responses((status = 200, body = Trigger), (status = 404)))]
pub(super) async fn update_trigger(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, id)): Path<(AppId, TriggerId)>,
    Json(body): Json<UpdateTrigger>,
) -> Result<Json<Trigger>> {
    let row = find(&state, &session, app_id, id).await?;
    let next = if body.enabled && !row.enabled { next_fire_at(&row) } else { None };
    let mut tx = state.db.begin().await?;
    if !db::switch(&mut *tx, session.workspace_id, id, body.enabled, next).await? {
        return Err(missing());
    }
    session.audit(&mut *tx, "trigger.update", ("app", app_id), json!({"trigger_id": id, "enabled": body.enabled})).await?;
    tx.commit().await?;
    shown(&state, &session, app_id, id).await
}

fn next_fire_at(row: &Row) -> Option<DateTime<Utc>> {
    let schedule = Schedule::new(row.cron.as_deref()?, row.timezone.as_deref()?.parse().ok()?).ok()?;
    schedule.next_after(Utc::now())
}

/// Give a webhook another URL; the one of before stops working at once
#[utoipa::path(post, path = "/api/apps/{app_id}/triggers/{trigger_id}/renew-url", tag = "triggers",
    params(("app_id" = AppId, Path), ("trigger_id" = uuid::Uuid, Path,)), responses((status = 200, body = Trigger), (status = 400), (status = 404)))]
pub(super) async fn renew_webhook_url(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, id)): Path<(AppId, TriggerId)>,
) -> Result<Json<Trigger>> {
    find(&state, &session, app_id, id).await?;
    let mut tx = state.db.begin().await?;
    if !db::readdress(&mut *tx, session.workspace_id, id, &register::webhook_id()).await? {
        return Err(Error::new(Code::BadRequest, "A schedule has no URL: only a webhook's can be renewed."));
    }
    session.audit(&mut *tx, "trigger.renew_url", ("app", app_id), json!({"trigger_id": id})).await?;
    tx.commit().await?;
    shown(&state, &session, app_id, id).await
}

fn missing() -> Error {
    Error::not_found("Trigger not found.")
}

/// A trigger of that app, which exists.
async fn find(state: &AppState, session: &Session<Editor>, app_id: AppId, id: TriggerId) -> Result<Row> {
    AppHead::find(&state.db, session.workspace_id, app_id).await?;
    db::list(&state.db, session.workspace_id, app_id, Some(id)).await?.pop().ok_or_else(missing)
}

async fn shown(state: &AppState, session: &Session<Editor>, app_id: AppId, id: TriggerId) -> Result<Json<Trigger>> {
    list(state, session, app_id, Some(id)).await?.pop().map(Json).ok_or_else(missing)
}

/// Triggers of the published version and of the draft, in step with both. `id`: that one only.
async fn list(state: &AppState, session: &Session<Editor>, app_id: AppId, id: Option<TriggerId>) -> Result<Vec<Trigger>> {
    let workspace_id = session.workspace_id;
    let head = AppHead::find(&state.db, workspace_id, app_id).await?;
    if head.mode != AppMode::Workflow {
        return Ok(Vec::new());
    }
    register::follow(state, &Behind { workspace_id, app_id, version_id: head.version_id }).await?;
    let published = match head.version_id {
        Some(version_id) => Version::load(state, workspace_id, app_id, version_id).await?,
        None => None,
    };
    let draft = RunnableApp::draft(state, workspace_id, app_id, None).await?.config;
    let published = register::nodes(published.as_ref().map_or(&Value::Null, |version| version.graph()));
    let drafted = register::nodes(draft.get("graph").unwrap_or(&Value::Null));
    register::insert_missing(state, workspace_id, app_id, &drafted).await?;
    let rows = db::list(&state.db, workspace_id, app_id, id).await?;
    let base_url = state.config.base_url();
    let of = |nodes: &[Node<'_>], row: &Row| nodes.iter().position(|node| node.id == row.node_id && node.kind == row.kind);
    let triggers = rows.into_iter().filter_map(|row| {
        let in_published = of(&published, &row).map(|at| published[at]);
        // a row of neither waits for its node to come back
        let node = in_published.or_else(|| of(&drafted, &row).map(|at| drafted[at]))?;
        Some(trigger(row, node, in_published.is_some(), &base_url))
    });
    Ok(triggers.collect())
}

fn trigger(row: Row, node: Node<'_>, published: bool, base_url: &str) -> Trigger {
    let read = match node.kind {
        TriggerKind::Webhook => Webhook::parse(node.data).map(drop),
        TriggerKind::Schedule => Schedule::parse(node.data).map(drop),
    };
    let url = |path: &str| row.webhook_id.as_ref().map(|id| format!("{base_url}/triggers/{path}/{id}"));
    let title = node.data.get("title").and_then(Value::as_str).unwrap_or_default();
    Trigger {
        webhook_url: url("webhook"),
        webhook_debug_url: url("webhook-debug"),
        id: row.id,
        kind: row.kind,
        node_id: row.node_id,
        title: title.to_owned(),
        enabled: row.enabled,
        published,
        cron_expression: row.cron,
        timezone: row.timezone,
        next_fire_at: row.next_fire_at.filter(|_| row.enabled),
        last_fired_at: row.last_fired_at,
        error: read.err().map(|error| format!("{}: {}", error.field, error.message)),
    }
}
