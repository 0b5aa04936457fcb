//! Requests to webhooks: held against the node, recorded as a run, answered. The run goes on by itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::answer;
use super::db::{self, Addressee};
use super::webhook::{Accepted, Webhook};
use super::{Started, TriggerKind, request, triggered_run};
use crate::accounts::{self, ClientIp};
use crate::apps::{AppHead, AppMode, RunnableApp};
use crate::error::{Code, Error, Result};
use crate::files::{self, Owner, Scope};
use crate::http::extract::Path;
use crate::ids::WorkflowRunId;
use crate::state::AppState;
use crate::workflows::graph;
use crate::workflows::run_row::NewRun;
use crate::workflows::vars::{Pool, SYSTEM, Vars};
use crate::workflows::version::Version;
use crate::workflows::{job, record};

pub use request::BODY_LIMIT;

/// How senders say that a delivery is one they made before; the second is that of Standard Webhooks.
const KEY_HEADERS: [&str; 2] = ["idempotency-key", "webhook-id"];
const MAX_KEY: usize = 255;
/// Requests of one address, a minute.
const REQUESTS: i64 = 1200;
/// Of the answer.
const RUN_ID: HeaderName = HeaderName::from_static("x-workflow-run-id");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Start a published workflow by its webhook
///
/// The request is what the trigger's node says it is: method, content type, headers, parameters, body. The answer comes when
/// the run is recorded, before it begins, with the run's id in `X-Workflow-Run-Id`. A delivery with an `Idempotency-Key` (or
/// `Webhook-Id`) of the last day starts no second run.
#[utoipa::path(method(get, post, put, patch, delete, head), path = "/triggers/webhook/{webhook_id}", tag = "triggers", security(()),
    params(("webhook_id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Object, description = "As the node says"), (status = 400), (status = 404), (status = 405), (status = 413), (status = 415), (status = 429)))]
pub(super) async fn receive_webhook(
    State(state): State<AppState>,
    ip: ClientIp,
    Path(webhook_id): Path<String>,
    request: Request,
) -> Result<Response> {
    let addressee = find(&state, ip, &webhook_id).await?;
    if !addressee.enabled {
        return Err(Error::not_found("This webhook is switched off."));
    }
    let head = AppHead::find(&state.db, addressee.workspace_id, addressee.app_id).await?;
    let version_id = head.version_id.filter(|_| head.mode == AppMode::Workflow).ok_or_else(not_published)?;
    let version = Version::load(&state, head.workspace_id, head.id, version_id).await?.ok_or_else(not_published)?;
    receive(&state, &addressee, &version, None, request).await
}

/// Start the draft of a workflow by its webhook
///
/// As the webhook itself, for trying a workflow out before it is published.
#[utoipa::path(method(get, post, put, patch, delete, head), path = "/triggers/webhook-debug/{webhook_id}", tag = "triggers", security(()),
    params(("webhook_id" = String, Path)),
    responses((status = 200, body = Object, description = "As the node says"), (status = 400), (status = 404), (status = 405), (status = 413), (status = 415), (status = 429)))]
pub(super) async fn receive_debug_webhook(
    State(state): State<AppState>,
    ip: ClientIp,
    Path(webhook_id): Path<String>,
    request: Request,
) -> Result<Response> {
    let addressee = find(&state, ip, &webhook_id).await?;
    let app = RunnableApp::draft(&state, addressee.workspace_id, addressee.app_id, None).await?;
    let version = Arc::new(Version::open(&state, addressee.workspace_id, None, app.config.clone())?);
    receive(&state, &addressee, &version, Some(app.config), request).await
}

async fn find(state: &AppState, ClientIp(ip): ClientIp, webhook_id: &str) -> Result<Addressee> {
    accounts::count_visit(&state.redis, "webhook", ip, REQUESTS).await?;
    let unknown = || Error::not_found("There is no webhook of this address.");
    db::find_webhook(&state.db, webhook_id).await?.ok_or_else(unknown)
}

fn not_published() -> Error {
    Error::not_found("The workflow of this webhook is not published.")
}

async fn receive(state: &AppState, addressee: &Addressee, version: &Version, draft: Option<Value>, request: Request) -> Result<Response> {
    let webhook = webhook(version, &addressee.node_id)?;
    let expected = webhook.method.as_str();
    if request.method().as_str() != expected {
        let text = format!("HTTP method mismatch. Expected {expected}, got {}", request.method());
        let allow = [(header::ALLOW, HeaderValue::from_static(expected))];
        return Ok((allow, Error::new(Code::MethodNotAllowed, text)).into_response());
    }
    let key = if draft.is_some() { None } else { delivery_key(request.headers())? };
    let delivery = request::read(state, &webhook, request).await?;
    let accepted = webhook.check(&delivery)?;
    let earlier = match &key {
        Some(key) => db::find_delivery(&state.db, addressee.workspace_id, addressee.id, key).await?,
        None => None,
    };
    // of a delivery that came again the files are there already
    let files = if earlier.is_none() { keep_files(state, addressee, &accepted).await? } else { Vec::new() };
    let outputs = webhook.outputs(&delivery, accepted, files);
    let (node_id, version_id) = (addressee.node_id.clone(), version.id);
    let started = Started { workspace_id: addressee.workspace_id, app_id: addressee.app_id, node_id, version_id, draft };
    let mut run = triggered_run(started, TriggerKind::Webhook, outputs);
    let earlier = match earlier {
        Some(earlier) => Some(earlier),
        None => begin_run(state, addressee, &run, key.as_deref()).await?,
    };
    if let Some(earlier) = earlier {
        run.inputs.insert(format!("{SYSTEM}.workflow_run_id"), json!(earlier));
    }
    let mut response = answer(&webhook, &pool(&run));
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&earlier.unwrap_or(run.id).to_string()) {
        headers.insert(RUN_ID, id);
    }
    if earlier.is_some() {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// What the version's node says.
fn webhook(version: &Version, node_id: &str) -> Result<Webhook> {
    let nodes = graph::trigger_kinds(version.graph(), TriggerKind::Webhook.node_type()).unwrap_or_default();
    let gone = || Error::not_found("The workflow has no such webhook any more.");
    let (_, data) = nodes.into_iter().find(|(id, _)| *id == node_id).ok_or_else(gone)?;
    Webhook::parse(data).map_err(|error| {
        let text = format!("The webhook's node can't be read: {}: {}.", error.field, error.message);
        Error::new(Code::AppUnavailable, text)
    })
}

/// How the sender tells this delivery from others.
fn delivery_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some((name, value)) = KEY_HEADERS.iter().find_map(|name| Some((*name, headers.get(*name)?))) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Error::invalid(name, format!("The header {name} must hold 1 to {MAX_KEY} printable ASCII characters."))),
    }
}

/// Keeps the files of a request, as values.
async fn keep_files(state: &AppState, addressee: &Addressee, accepted: &Accepted) -> Result<Vec<Value>> {
    let scope = Scope { workspace_id: addressee.workspace_id, app_id: addressee.app_id, owner: Owner::Nobody };
    let mut values = Vec::with_capacity(accepted.files.len());
    for file in &accepted.files {
        let kept = files::keep_value(state, &scope, &file.file_name, &file.mime_type, file.bytes.clone()).await;
        values.push(kept.map_err(|error| match error.code.status().is_server_error() {
            true => error,
            false => Error::new(error.code, format!("{}: {}", file.field, error.message)).param(&file.field),
        })?);
    }
    Ok(values)
}

/// Records the run; gives the one that the delivery began before, if it did.
async fn begin_run(state: &AppState, addressee: &Addressee, run: &NewRun, key: Option<&str>) -> Result<Option<WorkflowRunId>> {
    let mut tx = state.db.begin().await?;
    if let Some(key) = key
        && !db::insert_delivery(&mut *tx, addressee.workspace_id, addressee.id, key, run.id).await?
    {
        tx.rollback().await?;
        return Ok(db::find_delivery(&state.db, addressee.workspace_id, addressee.id, key).await?);
    }
    record::schedule(&mut tx, run).await?;
    tx.commit().await?;
    job::wake(state);
    Ok(None)
}

/// What the answer may show: what came in, and the system variables.
fn pool(run: &NewRun) -> Pool {
    let (mut system, mut outputs) = (Vars::new(), Vars::new());
    for (name, value) in &run.inputs {
        match name.strip_prefix(SYSTEM).and_then(|rest| rest.strip_prefix('.')) {
            Some(name) => system.insert(name.to_owned(), value.clone()),
            None => outputs.insert(name.clone(), value.clone()),
        };
    }
    let mut pool = Pool::default();
    pool.set_all(SYSTEM, Arc::new(system));
    if let Some(node_id) = &run.entry_node_id {
        pool.set_all(node_id, Arc::new(outputs));
    }
    pool
}
