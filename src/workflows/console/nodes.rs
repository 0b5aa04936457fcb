//! What the nodes of a run took, did and gave.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::run::run_row;
use super::runs::ValueQuery;
use crate::accounts::{Editor, Session};
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{List, Page};
use crate::ids::{AppId, WorkflowRunId};
use crate::state::AppState;
use crate::workflows::db::console as db;
use crate::workflows::display::{self, DETAIL};
use crate::workflows::event::{Container, FailedTry, NodeRecord, NodeUsage, Round};
use crate::workflows::value;
use crate::workflows::vars::Vars;

/// Of one page of nodes; a page with large values ends early.
const PAGE_BYTES: usize = 8 << 20;

/// A node of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeRun {
    /// Of this node in this place of the run
    id: Uuid,
    node_id: String,
    node_type: String,
    title: String,
    /// 1 for the run's first node
    index: u32,
    predecessor_node_id: Option<String>,
    /// succeeded, failed, exception (failed, and its error strategy took over) or stopped
    status: &'static str,
    error: Option<String>,
    error_type: Option<String>,
    /// Null where values were not asked for
    #[schema(value_type = Option<Object>)]
    inputs: Option<Vars>,
    /// Less than all is shown: ask for the whole
    inputs_truncated: bool,
    #[schema(value_type = Option<Object>)]
    process_data: Option<Vars>,
    process_data_truncated: bool,
    #[schema(value_type = Option<Object>)]
    outputs: Option<Vars>,
    outputs_truncated: bool,
    /// Where a branch went on
    handle: Option<String>,
    usage: NodeUsage,
    #[schema(value_type = Object)]
    metadata: Vars,
    /// The rounds of the iterations and loops around it, the outermost first
    rounds: Vec<RoundOf>,
    /// Tries that failed before
    retries: Vec<NodeTry>,
    elapsed_s: f64,
    created_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
}

/// One round of a container.
#[derive(Debug, Serialize, ToSchema)]
struct RoundOf {
    container: Container,
    node_id: String,
    /// From 0
    index: usize,
}

/// A try that failed and that another one followed.
#[derive(Debug, Serialize, ToSchema)]
struct NodeTry {
    error: String,
    error_type: String,
    #[schema(value_type = Object)]
    inputs: Vars,
    #[schema(value_type = Object)]
    process_data: Vars,
    #[schema(value_type = Object)]
    outputs: Vars,
    elapsed_s: f64,
    finished_at: DateTime<Utc>,
}

impl NodeRun {
    pub(super) fn of(record: NodeRecord, with_values: bool) -> Self {
        let shown = |vars: &Vars| match with_values {
            true => {
                let (vars, is_cut) = display::shown(vars, DETAIL);
                (Some(vars), is_cut)
            }
            false => (None, false),
        };
        let (inputs, inputs_truncated) = shown(&record.inputs);
        let (process_data, process_data_truncated) = shown(&record.process_data);
        let (outputs, outputs_truncated) = shown(&record.outputs);
        let (metadata, _) = display::shown(&record.metadata, DETAIL);
        let (error, error_type) = record.error.map(|error| (error.message, error.kind)).unzip();
        let start = record.start;
        Self {
            id: start.execution_id,
            node_id: start.node_id,
            node_type: start.node_type,
            title: start.title,
            index: start.index,
            predecessor_node_id: start.predecessor_node_id,
            status: record.status.as_str(),
            error,
            error_type,
            inputs,
            inputs_truncated,
            process_data,
            process_data_truncated,
            outputs,
            outputs_truncated,
            handle: record.handle,
            usage: record.usage,
            metadata,
            rounds: rounds(start.round.as_ref()),
            retries: record.retries.into_iter().map(|retry| NodeTry::of(retry, with_values)).collect(),
            elapsed_s: record.elapsed_s,
            created_at: time(start.started_at),
            finished_at: time(record.finished_at),
        }
    }

    /// Bytes of its values.
    fn size(&self) -> usize {
        let values = [&self.inputs, &self.process_data, &self.outputs];
        values.into_iter().flatten().flat_map(|vars| vars.values()).map(value::size).sum()
    }
}

impl NodeTry {
    fn of(retry: FailedTry, with_values: bool) -> Self {
        let shown = |vars: &Vars| if with_values { display::shown(vars, DETAIL).0 } else { Vars::new() };
        Self {
            inputs: shown(&retry.inputs),
            process_data: shown(&retry.process_data),
            outputs: shown(&retry.outputs),
            error: retry.error.message,
            error_type: retry.error.kind,
            elapsed_s: retry.elapsed_s,
            finished_at: time(retry.finished_at),
        }
    }
}

fn rounds(round: Option<&Round>) -> Vec<RoundOf> {
    let inner_first = std::iter::successors(round, |round| round.outer.as_deref());
    let of = |round: &Round| RoundOf { container: round.container, node_id: round.container_id.clone(), index: round.index };
    let mut rounds: Vec<RoundOf> = inner_first.map(of).collect();
    rounds.reverse();
    rounds
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds of our time fit")]
fn time(seconds: f64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros((seconds * 1e6) as i64).unwrap_or_default()
}

fn read(record: &str) -> Result<NodeRecord> {
    Ok(serde_json::from_str(record).map_err(anyhow::Error::from)?)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NodesQuery {
    /// Inputs, process data and outputs too (yes)
    values: Option<bool>,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// The nodes of a run that ended, in the order in which they began. A page may end early where values are large.
#[utoipa::path(get, path = "/api/apps/{app_id}/runs/{run_id}/nodes", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path), NodesQuery), responses((status = 200, body = List<NodeRun>), (status = 404)))]
pub(super) async fn list_run_nodes(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id)): Path<(AppId, WorkflowRunId)>,
    Query(query): Query<NodesQuery>,
) -> Result<Json<List<NodeRun>>> {
    run_row(&state, &session, app_id, run_id).await?;
    let page = Page { limit: query.limit, cursor: query.cursor };
    let with_values = query.values.unwrap_or(true);
    let (after, fetched) = (page.after()?, page.fetch()?);
    let limit = usize::try_from(fetched - 1).unwrap_or(0);
    let mut records = db::list_nodes(&state.db, session.workspace_id, run_id, after, fetched);
    let (mut nodes, mut bytes): (Vec<NodeRun>, usize) = (Vec::new(), 0);
    let mut has_more = false;
    while let Some(record) = records.try_next().await? {
        if nodes.len() == limit || bytes > PAGE_BYTES {
            has_more = true;
            break;
        }
        let node = NodeRun::of(read(&record)?, with_values);
        bytes += node.size();
        nodes.push(node);
    }
    let next_cursor = nodes.last().filter(|_| has_more).map(|node| node.id.to_string());
    Ok(Json(List { data: nodes, next_cursor }))
}

async fn find<R>(state: &AppState, session: &Session<R>, (app_id, run_id, id): (AppId, WorkflowRunId, Uuid)) -> Result<NodeRecord> {
    run_row(state, session, app_id, run_id).await?;
    let record = db::find_node(&state.db, session.workspace_id, run_id, id).await?;
    read(&record.ok_or_else(|| Error::not_found("The run has no such node."))?)
}

/// One node of a run
#[utoipa::path(get, path = "/api/apps/{app_id}/runs/{run_id}/nodes/{node_run_id}", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path), ("node_run_id" = Uuid, Path)),
    responses((status = 200, body = NodeRun), (status = 404)))]
pub(super) async fn get_run_node(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(ids): Path<(AppId, WorkflowRunId, Uuid)>,
) -> Result<Json<NodeRun>> {
    Ok(Json(NodeRun::of(find(&state, &session, ids).await?, true)))
}

/// The whole of a node's `inputs`, `process_data` or `outputs`
#[utoipa::path(get, path = "/api/apps/{app_id}/runs/{run_id}/nodes/{node_run_id}/values/{field}", tag = "workflows",
    params(("app_id" = AppId, Path), ("run_id" = WorkflowRunId, Path), ("node_run_id" = Uuid, Path), ("field" = String, Path), ValueQuery),
    responses((status = 200, body = Object), (status = 404)))]
pub(super) async fn get_run_node_value(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, run_id, id, field)): Path<(AppId, WorkflowRunId, Uuid, String)>,
    Query(query): Query<ValueQuery>,
) -> Result<Json<Value>> {
    let record = find(&state, &session, (app_id, run_id, id)).await?;
    let vars = match field.as_str() {
        "inputs" => record.inputs,
        "process_data" => record.process_data,
        "outputs" => Arc::unwrap_or_clone(record.outputs),
        _ => return Err(Error::not_found("A node has inputs, process_data and outputs.")),
    };
    query.of(Value::Object(vars))
}
