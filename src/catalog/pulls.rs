//! Pulling models from the console: downloads of this process that administrators start, watch and stop.
//!
//! A pull belongs to the workspace that asked for it; the model it brings is everybody's. What came before a stop, a failure or a
//! restart stays on the disk, and the next pull of the model goes on from there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::AbortHandle;
use utoipa::ToSchema;

use super::hub::{Hub, Progress, Repo};
use crate::accounts::{Admin, Session};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::http::text;
use crate::ids::{PullId, WorkspaceId};
use crate::state::AppState;

/// Pulls that run at once in this process.
const MAX_RUNNING: usize = 4;
/// Pulls that are over and still shown.
const MAX_OVER: usize = 20;
/// Patterns of one pull.
const MAX_FILES: usize = 16;

/// The pulls of this process.
#[derive(Default)]
struct Pulls(Mutex<Vec<Entry>>);

struct Entry {
    id: PullId,
    workspace_id: WorkspaceId,
    model: String,
    started_at: DateTime<Utc>,
    progress: Arc<Progress>,
    outcome: Outcome,
    task: Option<AbortHandle>,
}

enum Outcome {
    Running,
    Done,
    Failed(String),
}

/// A download of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pull {
    id: PullId,
    /// `OWNER/NAME`, with `@REVISION` where one was asked for
    model: String,
    /// `running`, `done` or `failed`
    status: &'static str,
    /// Why it failed, with what can be done
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    done_bytes: u64,
    /// 0 until the hub has said what there is
    total_bytes: u64,
    started_at: DateTime<Utc>,
}

impl Entry {
    fn is_running(&self) -> bool {
        matches!(self.outcome, Outcome::Running)
    }

    fn show(&self) -> Pull {
        let (done_bytes, total_bytes) = self.progress.bytes();
        let (status, error) = match &self.outcome {
            Outcome::Running => ("running", None),
            Outcome::Done => ("done", None),
            Outcome::Failed(reason) => ("failed", Some(reason.clone())),
        };
        Pull { id: self.id, model: self.model.clone(), status, error, done_bytes, total_bytes, started_at: self.started_at }
    }
}

impl Pulls {
    fn of(state: &AppState) -> Arc<Self> {
        state.parts.get(Self::default)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, id: PullId, outcome: Outcome) {
        let mut entries = self.entries();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id == id) {
            entry.outcome = outcome;
            entry.task = None;
        }
        let n_over = entries.iter().filter(|entry| !entry.is_running()).count();
        let mut surplus = n_over.saturating_sub(MAX_OVER);
        entries.retain(|entry| {
            let drop = surplus > 0 && !entry.is_running();
            surplus -= usize::from(drop);
            !drop
        });
    }
}

/// Downloads of models, the newest first
#[utoipa::path(get, path = "/api/model-pulls", tag = "models", responses((status = 200, body = List<Pull>)))]
pub(super) async fn list_pulls(State(state): State<AppState>, session: Session<Admin>) -> Result<Json<List<Pull>>> {
    let pulls = Pulls::of(&state);
    let entries = pulls.entries();
    let own = entries.iter().rev().filter(|entry| entry.workspace_id == session.workspace_id);
    Ok(Json(List::whole(own.map(Entry::show).collect())))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreatePull {
    /// `OWNER/NAME` on the hub, with `@REVISION` for a branch, tag or commit
    model: String,
    /// Fetch only files that match, such as `*Q4_K_M.gguf`
    #[serde(default)]
    files: Vec<String>,
}

impl CreatePull {
    fn read(&self) -> Result<(Repo, Vec<String>)> {
        if self.files.len() > MAX_FILES {
            return Err(Error::invalid("files", format!("files may name at most {MAX_FILES} patterns.")));
        }
        let files = self.files.iter().map(|file| text::line("files", file, 200)).collect::<Result<_>>()?;
        Ok((repo(&self.model)?, files))
    }
}

/// `OWNER/NAME[@REVISION]`, also out of a link to the model's page.
pub(super) fn repo(model: &str) -> Result<Repo> {
    let model = model.trim();
    let path = model.strip_prefix("https://huggingface.co/").unwrap_or(model).trim_end_matches('/');
    path.parse().map_err(|reason| Error::invalid("model", format!("model: {reason}.")))
}

/// Begin to download a model
///
/// Returns at once; look at the list for how far it is.
#[utoipa::path(post, path = "/api/model-pulls", tag = "models", request_body = CreatePull,
    responses((status = 201, body = Pull), (status = 400), (status = 409), (status = 429)))]
pub(super) async fn create_pull(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<CreatePull>,
) -> Result<(StatusCode, Json<Pull>)> {
    let (repo, files) = body.read()?;
    let model = if repo.revision == "main" { repo.to_string() } else { format!("{repo}@{}", repo.revision) };
    let hub = Hub::new(&state.config, Progress::silent());
    let progress = Arc::clone(&hub.progress);
    let pulls = Pulls::of(&state);
    let shown = {
        let mut entries = pulls.entries();
        let running: Vec<_> = entries.iter().filter(|entry| entry.is_running()).collect();
        if running.iter().any(|entry| entry.model.split('@').next() == model.split('@').next()) {
            return Err(Error::new(Code::Conflict, format!("{repo} is being pulled already.")).param("model"));
        }
        if running.len() >= MAX_RUNNING {
            let message = format!("{MAX_RUNNING} models are being pulled already: wait for one, or stop it.");
            return Err(Error::new(Code::TooManyRequests, message).retry_after(60));
        }
        let id = PullId::new();
        let task = tokio::spawn({
            let (pulls, model) = (Arc::clone(&pulls), model.clone());
            async move {
                let outcome = match hub.pull(&repo, &files).await {
                    Ok(_) => Outcome::Done,
                    Err(error) => {
                        tracing::warn!(model.name = model, error.cause = format!("{error:#}"), "a model could not be pulled");
                        Outcome::Failed(format!("{error:#}"))
                    }
                };
                pulls.finish(id, outcome);
            }
        });
        let (workspace_id, started_at, task) = (session.workspace_id, Utc::now(), Some(task.abort_handle()));
        // an earlier try of the same model has said what it had to say
        entries.retain(|entry| entry.workspace_id != workspace_id || entry.model != model);
        let entry = Entry { id, workspace_id, model, started_at, progress, outcome: Outcome::Running, task };
        let shown = entry.show();
        entries.push(entry);
        shown
    };
    session.audit(&state.db, "model.pull", ("model", &shown.model), json!({})).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Stop a download, or forget one that is over
///
/// What came so far stays: the next pull of the model goes on from there.
#[utoipa::path(delete, path = "/api/model-pulls/{pull_id}", tag = "models", params(("pull_id" = PullId, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn delete_pull(State(state): State<AppState>, session: Session<Admin>, Path(pull_id): Path<PullId>) -> Result<StatusCode> {
    let pulls = Pulls::of(&state);
    let mut entries = pulls.entries();
    let at = entries.iter().position(|entry| entry.id == pull_id && entry.workspace_id == session.workspace_id);
    let entry = entries.remove(at.ok_or_else(|| Error::not_found("There is no such download."))?);
    if let Some(task) = entry.task {
        task.abort();
    }
    Ok(StatusCode::NO_CONTENT)
}
