//! A node of the draft tried alone: what it needs, run, its last run.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::draft::Draft;
use super::forms::AnswerForm;
use super::nodes::NodeRun;
use super::publish;
use crate::accounts::{Editor, Session};
use crate::apps::inputs;
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::http::sse;
use crate::ids::{AppId, TaskId, WorkflowRunId};
use crate::secrets::HIDDEN;
use crate::state::AppState;
use crate::workflows::begin;
use crate::workflows::display::{self, PREVIEW};
use crate::workflows::drafts::{self, Values};
use crate::workflows::event::{Form, NodeRecord};
use crate::workflows::given::{GivenVariable, with_files};
use crate::workflows::graph::{self, Flow, Needed};
use crate::workflows::nested::Caller;
use crate::workflows::replay;
use crate::workflows::routes::ResponseMode;
use crate::workflows::run_row::Source;
use crate::workflows::server_host::{GivenAnswer, ServerHost};
use crate::workflows::step::{Step, Stepped};
use crate::workflows::value;
use crate::workflows::vars::{CONVERSATION, ENVIRONMENT, Pool, SYSTEM, Selector, Vars};

/// A variable that a node reads.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeVariable {
    /// A node's id (or `sys`, `env`, `conversation`), a variable, keys inside of it
    #[schema(value_type = Vec<String>)]
    selector: Selector,
    /// Of the node that it is of
    title: Option<String>,
    /// As the DSL writes it; null where it is not known
    #[serde(rename = "type")]
    type_name: Option<String>,
    /// What it last held, or was set to; cut when it is long
    #[schema(value_type = Object)]
    value: Value,
    value_truncated: bool,
    /// There is a value: the node can run without being given one
    is_known: bool,
    /// Where it is read: in this node or one inside of it
    read_by_node_id: String,
    field: String,
}

/// What a node of the draft reads, with the values that are there
#[utoipa::path(get, path = "/api/apps/{app_id}/draft/nodes/{node_id}/variables", tag = "workflows",
    params(("app_id" = AppId, Path), ("node_id" = String, Path)), responses((status = 200, body = List<NodeVariable>), (status = 404)))]
pub(super) async fn list_node_variables(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, node_id)): Path<(AppId, String)>,
) -> Result<Json<List<NodeVariable>>> {
    let draft = Draft::load(&state, &session, app_id, None).await?;
    draft.node(&node_id)?;
    let needed = graph::needed(draft.graph(), &node_id).map_err(publish::of_graph)?;
    let pool = known(&state, &draft, &node_id, &needed).await?;
    let variable = |Needed { selector, node_id, field }: Needed| {
        let found = pool.get(&selector).map(std::borrow::Cow::into_owned);
        let type_name = draft.type_of(&selector).or_else(|| found.as_ref().map(|value| value::type_name(value).to_owned()));
        let is_known = found.is_some();
        let (value, value_truncated) = match found {
            Some(_) if type_name.as_deref() == Some("secret") => (json!(HIDDEN), false),
            Some(value) => display::shown_value(&value, PREVIEW),
            None => (Value::Null, false),
        };
        NodeVariable {
            title: draft.title(&selector),
            selector,
            type_name,
            value,
            value_truncated,
            is_known,
            read_by_node_id: node_id,
            field,
        }
    };
    Ok(Json(List::whole(needed.into_iter().map(variable).collect())))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RunNode {
    /// Values for what the node reads; the rest is as it last was
    #[serde(default)]
    variables: Vec<GivenVariable>,
    /// Of a node that asks a person: the answer; without it the form is given
    form: Option<AnswerForm>,
    /// The workflow as it is in the studio; without it the saved draft's node runs
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// `streaming` (the default) or `blocking`
    response_mode: Option<ResponseMode>,
}

/// What came of a node that was tried.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeTried {
    /// succeeded, failed, exception, stopped or paused (it asks a person)
    status: &'static str,
    node_run: Option<NodeRun>,
    /// Of paused ones: the form
    #[schema(value_type = Option<Object>)]
    form: Option<Arc<Form>>,
}

/// Run one node of the draft by itself; containers run what lies inside of them.
///
/// The answer is a stream of the events that the node has in a run, or with `blocking` what came of it. It becomes the node's
/// last run. Stop it with its `task_id`.
#[utoipa::path(post, path = "/api/apps/{app_id}/draft/nodes/{node_id}/run", tag = "workflows",
    params(("app_id" = AppId, Path), ("node_id" = String, Path)), request_body = RunNode,
    responses((status = 200, body = NodeTried), (status = 400), (status = 404)))]
pub(super) async fn run_node(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, node_id)): Path<(AppId, String)>,
    headers: HeaderMap,
    Json(body): Json<RunNode>,
) -> Result<Response> {
    let draft = Draft::load(&state, &session, app_id, body.config).await?;
    let node = draft.node(&node_id)?;
    if matches!(node.type_name, "iteration-start" | "loop-start") {
        return Err(Error::invalid("node_id", "There is nothing to run: the node marks where a round begins."));
    }
    let flow = Flow::of_node(draft.graph(), &node_id).map_err(publish::of_graph)?;
    let needed = graph::needed(draft.graph(), &node_id).map_err(publish::of_graph)?;
    let mut pool = known(&state, &draft, &node_id, &needed).await?;
    give(&state, &draft, &node_id, &mut pool, body.variables).await?;
    let creator = draft.creator(&state).await?;
    let run = begin::workflow_run(&draft.head, &draft.version, None, creator, Source::Debugger, Map::new(), Vec::new());
    let answer = body.form.map(|AnswerForm { inputs, action }| GivenAnswer { inputs, action });
    let host = Arc::new(ServerHost::new(&state, draft.scope(), Caller::of_run(&run, CancellationToken::new())).answering(answer));
    let conversation = pool.vars(CONVERSATION).map(|vars| (**vars).clone()).unwrap_or_default();
    let (mut task, frames) = state.live.open(run.task_id.0, session.account_id.0);
    let step = Step { run, flow, pool, host, mask: Arc::clone(&draft.version.mask) };
    let (done, outcome) = oneshot::channel();
    tokio::spawn(async move {
        let stop = task.stop_token();
        let keep = |record: NodeRecord| keep(&state, &draft, &conversation, record);
        let stepped = step.execute(&mut task, stop, keep).await;
        // a streaming caller does not wait for it
        let _ = done.send(stepped);
    });
    if body.response_mode != Some(ResponseMode::Blocking) {
        return Ok(sse::frames(UnboundedReceiverStream::new(frames), sse::wants_ids(&headers), true));
    }
    drop(frames);
    let stepped = outcome.await.map_err(|_| Error::internal(anyhow::anyhow!("the node's task broke off")))?;
    let tried = match stepped {
        Stepped::Ended(record) => NodeTried { status: record.status.as_str(), node_run: Some(NodeRun::of(*record, true)), form: None },
        Stepped::Asks(form) => NodeTried { status: "paused", node_run: None, form: Some(form) },
        Stepped::Stopped => NodeTried { status: "stopped", node_run: None, form: None },
    };
    Ok(axum::Json(tried).into_response())
}

async fn keep(state: &AppState, draft: &Draft, conversation: &Vars, record: NodeRecord) {
    let mut set = conversation.clone();
    let writes = record.writes.iter().filter(|write| write.selector.node() == CONVERSATION);
    set.extend(writes.map(|write| (write.selector.variable().to_owned(), write.value.clone())));
    let changed = (set != *conversation).then_some(&set);
    if let Err(error) = drafts::keep_step(state, draft.maker, &draft.section, &record, changed).await {
        tracing::warn!(app.id = %draft.maker.app_id, %error, "what a tried node gave could not be kept for its maker");
    }
}

/// The variables of a step as far as they are known: the draft's own, and what nodes last gave.
async fn known(state: &AppState, draft: &Draft, node_id: &str, needed: &[Needed]) -> Result<Pool> {
    let mut nodes: Vec<String> = needed.iter().map(|needed| needed.selector.node().to_owned()).collect();
    nodes.extend([SYSTEM, CONVERSATION].map(str::to_owned));
    nodes.sort();
    nodes.dedup();
    let values = Values::load(state, draft.maker, &nodes).await?;
    let mut pool = Pool::default();
    for id in nodes.iter().filter(|id| ![SYSTEM, ENVIRONMENT, CONVERSATION].contains(&id.as_str())) {
        if let Some(vars) = values.of(id) {
            pool.set_all(id, Arc::new(vars));
        }
    }
    let maker = draft.maker;
    let mut system = Vars::from_iter([
        ("files".to_owned(), json!([])),
        ("user_id".to_owned(), json!(maker.account_id)),
        ("app_id".to_owned(), json!(maker.app_id)),
        ("workflow_id".to_owned(), json!(maker.app_id)),
        ("timestamp".to_owned(), json!(chrono::Utc::now().timestamp())),
    ]);
    system.extend(values.of(SYSTEM).unwrap_or_default());
    pool.set_all(SYSTEM, Arc::new(system));
    pool.set_all(ENVIRONMENT, Arc::clone(&draft.version.environment));
    let kept = values.of(CONVERSATION).unwrap_or_default();
    for variable in &draft.version.conversation_variables {
        // one whose type was changed begins anew
        let value = kept.get(&variable.name).filter(|value| value::fits(&variable.value_type, value)).unwrap_or(&variable.value);
        pool.set(CONVERSATION, &variable.name, value.clone());
        pool.declare(CONVERSATION, &variable.name, &variable.value_type);
    }
    declare_loops(draft, node_id, &mut pool)?;
    Ok(pool)
}

/// The types of the variables of the loops around a node: assigners go by them.
fn declare_loops(draft: &Draft, node_id: &str, pool: &mut Pool) -> Result<()> {
    let nodes = draft.nodes()?;
    let mut parent = nodes.iter().find(|node| node.id == node_id).and_then(|node| node.parent);
    for _ in 0..nodes.len() {
        let Some(around) = parent.and_then(|id| nodes.iter().find(|node| node.id == id)) else { return Ok(()) };
        if around.type_name == "loop" {
            for (name, kind) in graph::outputs(around.type_name, around.data).variables {
                pool.declare(around.id, &name, &kind);
            }
        }
        parent = around.parent;
    }
    Ok(())
}

/// Puts what the maker gives into the pool.
async fn give(state: &AppState, draft: &Draft, node_id: &str, pool: &mut Pool, given: Vec<GivenVariable>) -> Result<()> {
    let is_start = draft.node(node_id)?.type_name == "start";
    let mut form = Map::new();
    for (i, GivenVariable { selector, value }) in given.into_iter().enumerate() {
        let refused = |what: &str, why: String| {
            let at = format!("variables[{i}].{what}");
            Error::invalid(&at, format!("{at}: {why}"))
        };
        let [node, name, keys @ ..] = selector.0.as_slice() else {
            return Err(refused("selector", "must be a list of at least two names: a node's id and a variable.".into()));
        };
        if is_start && node == node_id {
            form.insert(name.clone(), value);
            continue;
        }
        let value = with_files(state, &draft.scope(), value, &format!("variables[{i}].value")).await?;
        if let Some(type_name) = draft.type_of(&selector).filter(|type_name| !value.is_null() && !value::fits(type_name, &value)) {
            return Err(refused("value", format!("{selector} is of type {type_name}, not {}.", value::type_name(&value))));
        }
        let mut whole = pool.get_or_null(&Selector::new(node, name));
        replay::set(&mut whole, keys, value)
            .map_err(|key| refused("selector", format!("{selector} can't be set: there is no object around '{key}'.")))?;
        pool.set(node, name, whole);
    }
    if is_start {
        fill_in_form(state, draft, node_id, pool, form).await?;
    }
    Ok(())
}

/// The form of a start node, checked as a call's is; what is not given is as it last was.
async fn fill_in_form(state: &AppState, draft: &Draft, node_id: &str, pool: &mut Pool, given: Map<String, Value>) -> Result<()> {
    let mut inputs: Vars = pool.vars(node_id).map(|vars| (**vars).clone()).unwrap_or_default();
    inputs.retain(|name, _| draft.version.features.form().any(|(_, field)| field.variable == *name));
    let mut form: Vec<_> = draft.version.features.form().collect();
    form.retain(|(_, field)| given.contains_key(&field.variable) || !inputs.contains_key(&field.variable));
    let mut checked = inputs::validate(form.clone(), &given)?;
    inputs::resolve_files(state, &draft.scope(), form, &mut checked).await?;
    inputs.extend(checked);
    pool.set_all(node_id, Arc::new(inputs));
    Ok(())
}

/// Stop a node that is tried, or a run of one's own
#[utoipa::path(post, path = "/api/apps/{app_id}/draft/tasks/{task_id}/stop", tag = "workflows",
    params(("app_id" = AppId, Path), ("task_id" = TaskId, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn stop_node(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, task_id)): Path<(AppId, TaskId)>,
) -> Result<StatusCode> {
    super::draft::workflow_head(&state, &session, app_id).await?;
    state.live.stop(task_id.0, session.account_id.0).await;
    Ok(StatusCode::NO_CONTENT)
}

/// A node's last run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LastRun {
    #[serde(flatten)]
    node_run: NodeRun,
    /// Null where the node was tried alone
    run_id: Option<WorkflowRunId>,
}

/// What a node of the draft last did, in a run of one's own or tried alone; 404 when it did nothing yet
#[utoipa::path(get, path = "/api/apps/{app_id}/draft/nodes/{node_id}/last-run", tag = "workflows",
    params(("app_id" = AppId, Path), ("node_id" = String, Path)), responses((status = 200, body = LastRun), (status = 404)))]
pub(super) async fn get_last_run(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, node_id)): Path<(AppId, String)>,
) -> Result<Json<LastRun>> {
    let draft = Draft::load(&state, &session, app_id, None).await?;
    draft.node(&node_id)?;
    let last = drafts::last_run(&state, draft.maker, &node_id).await?;
    let (record, run_id) = last.ok_or_else(|| Error::not_found("The node has not run yet."))?;
    Ok(Json(LastRun { node_run: NodeRun::of(record, true), run_id }))
}
