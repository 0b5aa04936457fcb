//! Annotations: answers that people wrote for questions; with annotation replies on, a question close enough to one of them
//! gets that answer instead of the model's.
//!
//! A question matches by its text (case and white space aside), and by the embedding of an embedding model where one is there.
//! Embeddings are made by a job; until it is done, and where there is no embedding model, the text alone decides.

mod db;
mod routes;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;

pub use routes::save_of_message;
pub(super) use routes::{console_routes, service_routes};

use crate::catalog::{self, ModelRef};
use crate::error::Result;
use crate::ids::{AccountId, AnnotationId, AppId, JobId, WorkspaceId};
use crate::jobs::{self, Handlers, Job};
use crate::state::AppState;

const JOB: &str = "annotation_embeddings";
/// Questions embedded in one call.
const BATCH: i64 = 64;

/// `apps.annotation_reply`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Settings {
    pub enabled: bool,
    /// Least cosine similarity, 0 to 1
    pub score_threshold: f32,
    /// Null = the workspace's default embedding model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_model: Option<ModelRef>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: false, score_threshold: 0.9, embedding_model: None }
    }
}

impl Settings {
    pub(super) fn of(column: &Value) -> Self {
        serde_json::from_value(column.clone()).unwrap_or_default()
    }
}

/// An annotation that answers a question.
#[derive(Debug, Clone)]
pub struct Reply {
    pub id: AnnotationId,
    pub question: String,
    pub answer: String,
    /// 1 for an equal text.
    pub score: f32,
    /// Who wrote it, with the name.
    pub account: Option<(AccountId, String)>,
}

/// The annotation that answers `query`, if replies are on and one does; counts the hit.
pub async fn find_reply(
    state: &AppState,
    workspace_id: WorkspaceId,
    app_id: AppId,
    settings: &Settings,
    query: &str,
) -> Result<Option<Reply>> {
    if !settings.enabled || query.trim().is_empty() {
        return Ok(None);
    }
    let found = match db::find_by_text(&state.db, workspace_id, app_id, &normalized(query)).await? {
        Some(id) => Some((id, 1.0)),
        None => closest(state, workspace_id, app_id, settings, query).await?,
    };
    let Some((id, score)) = found else { return Ok(None) };
    let hit = db::count_hit(&state.db, workspace_id, app_id, id).await?;
    Ok(hit.map(|row| Reply {
        id,
        question: row.question,
        answer: row.answer,
        score,
        account: row.account_id.map(|account_id| (account_id, row.account_name.unwrap_or_default())),
    }))
}

/// By embedding. Without an embedding model nothing is close; that must not cost the caller the model's answer.
async fn closest(
    state: &AppState,
    workspace_id: WorkspaceId,
    app_id: AppId,
    settings: &Settings,
    query: &str,
) -> Result<Option<(AnnotationId, f32)>> {
    if !db::any_embedded(&state.db, workspace_id, app_id).await? {
        return Ok(None);
    }
    let embedded = match catalog::embed(state, workspace_id, settings.embedding_model.as_ref(), vec![query.to_owned()]).await {
        Ok(embedded) => embedded,
        Err(error) => {
            tracing::warn!(app.id = %app_id, error.cause = %error, "a question could not be embedded; annotations match by text only");
            return Ok(None);
        }
    };
    let Some(query) = embedded.vectors.first() else { return Ok(None) };
    let candidates = db::list_embeddings(&state.db, workspace_id, app_id, &embedded.model.to_string()).await?;
    let scored = candidates.into_iter().map(|(id, bytes)| (id, cosine(query, &floats(&bytes))));
    Ok(scored.filter(|(_, score)| *score >= settings.score_threshold).max_by(|a, b| a.1.total_cmp(&b.1)))
}

/// Lower case, white space runs as one space. Must do what `db::find_by_text` does.
fn normalized(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return 0.0;
    }
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 { dot(a, b) / norms } else { 0.0 }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

fn bytes(floats: &[f32]) -> Vec<u8> {
    floats.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Adds the job that embeds what is not embedded yet. One try: its error is what the status route shows.
async fn enqueue(tx: &mut PgConnection, workspace_id: WorkspaceId, app_id: AppId, enable: bool) -> Result<JobId> {
    let payload = serde_json::json!({"app_id": app_id, "enable": enable});
    let id = jobs::enqueue(&mut *tx, Some(workspace_id.0), JOB, payload).await?;
    db::set_max_attempts(&mut *tx, workspace_id, JobId(id), 1).await?;
    Ok(JobId(id))
}

/// What a worker runs for this slice.
pub fn add_job_handlers(handlers: &mut Handlers, state: &AppState) {
    let state = state.clone();
    handlers.add(JOB, move |job| run_job(state.clone(), job));
}

#[derive(Deserialize)]
struct Payload {
    app_id: AppId,
    enable: bool,
}

async fn run_job(state: AppState, job: Job) -> anyhow::Result<()> {
    let payload: Payload = serde_json::from_value(job.payload)?;
    let Some(workspace_id) = job.workspace_id.map(WorkspaceId) else { return Ok(()) };
    let Some(settings) = db::find_settings(&state.db, workspace_id, payload.app_id).await? else { return Ok(()) };
    let settings = Settings::of(&settings);
    if !payload.enable || !settings.enabled {
        return Ok(());
    }
    let embed = async |texts| {
        let embedded = catalog::embed(&state, workspace_id, settings.embedding_model.as_ref(), texts).await;
        embedded.map_err(|e| anyhow::anyhow!("{} Until then annotations match by their text.", e.message))
    };
    // also finds out, with nothing to embed, that there is no model
    let model = embed(vec!["ok".to_owned()]).await?.model.to_string();
    loop {
        let rows = db::list_unembedded(&state.db, workspace_id, payload.app_id, &model, BATCH).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let embedded = embed(rows.iter().map(|row| row.1.clone()).collect()).await?;
        anyhow::ensure!(
            embedded.vectors.len() == rows.len(),
            "the embedding model gave {} vectors for {} texts",
            embedded.vectors.len(),
            rows.len()
        );
        for ((id, question), vector) in rows.iter().zip(&embedded.vectors) {
            db::set_embedding(&state.db, workspace_id, *id, question, &bytes(vector), &model).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_survive_storage_and_compare() {
        let (a, b) = (vec![1.0, 2.0, -0.5], vec![2.0, 4.0, -1.0]);
        assert_eq!(floats(&bytes(&a)), a);
        assert!((cosine(&a, &b) - 1.0).abs() < 1e-6);
        assert_eq!(cosine(&a, &[1.0]), 0.0);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), 0.0);
    }

    #[test]
    fn questions_are_compared_without_case_and_white_space() {
        assert_eq!(normalized("  What IS\tthis? \n"), "what is this?");
    }
}
