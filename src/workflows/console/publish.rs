//! Publishing, of apps of every kind: the route stands here because a workflow whose graph has errors is not published, and
//! only here is known what graphs need.

use axum::extract::State;
use serde_json::{Value, json};

use super::check;
use crate::accounts::{Editor, Session};
use crate::apps::{self, AppMode, AppVersion, PublishApp};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path};
use crate::ids::AppId;
use crate::state::AppState;
use crate::workflows::graph::{self, GraphError, Issue, Severity};

/// Make a version of the draft and give it to callers. The draft of a workflow must have no errors: `error.details.issues` names
/// them.
#[utoipa::path(post, path = "/api/apps/{app_id}/publish", tag = "apps", params(("app_id" = AppId, Path)), request_body = PublishApp,
    responses((status = 200, body = AppVersion), (status = 400), (status = 404)))]
pub(super) async fn publish_app(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<PublishApp>,
) -> Result<Json<AppVersion>> {
    match apps::publish(&state, &session, app_id, body, check_publishable).await {
        Err(error) if error.code == Code::InvalidWorkflow => {
            // the same list as that of the check
            let (mode, section) = apps::find_config(&state.db, session.workspace_id, app_id, None).await?;
            let issues = check::issues(&state, session.workspace_id, &section, mode).await?;
            Err(error.details(json!({"issues": issues})))
        }
        published => published.map(Json),
    }
}

/// Refuses a workflow with errors.
pub fn check_publishable(mode: AppMode, config: &Value) -> Result<()> {
    if !mode.is_workflow() {
        return Ok(());
    }
    match problems(config, mode) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What keeps a workflow section from running, as one error that lists it; none when nothing does.
pub(super) fn problems(section: &Value, mode: AppMode) -> Option<Error> {
    let issues = graph::check(section, mode.is_chat());
    let errors: Vec<&Issue> = issues.iter().filter(|issue| issue.severity == Severity::Error).collect();
    let first = errors.first()?;
    let message = match errors.len() {
        1 => format!("The workflow has an error. {}", told(first)),
        n => format!("The workflow has {n} errors. The first: {}", told(first)),
    };
    Some(Error::new(Code::InvalidWorkflow, message).details(json!({"issues": issues})))
}

/// What is wrong with one node, or with the list of nodes.
pub(super) fn of_graph(error: GraphError) -> Error {
    let issue = Issue::of(Severity::Error, error);
    Error::new(Code::InvalidWorkflow, told(&issue)).details(json!({"issues": [issue]}))
}

fn told(issue: &Issue) -> String {
    match (&issue.title, &issue.node_id) {
        (Some(title), Some(id)) => format!("Node '{title}' ({id}), {}: {}.", issue.field, issue.message),
        _ => format!("{}: {}.", issue.field, issue.message),
    }
}
