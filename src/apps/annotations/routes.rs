//! Annotations over HTTP: the service API's routes and the console's.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{JOB, Settings, db, enqueue};
use crate::accounts::{Editor, Reader, ServiceApp, Session};
use crate::apps::not_found;
use crate::catalog::ModelRef;
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{List, Page};
use crate::ids::{AccountId, AnnotationId, AppId, JobId, MessageId, WorkspaceId};
use crate::state::AppState;

/// Characters of a question or answer.
const MAX_CHARS: usize = 20_000;

pub fn service_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(service_list, service_create))
        .routes(routes!(service_update, service_delete))
        .routes(routes!(service_switch))
        .routes(routes!(service_status))
}

pub fn console_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_annotations, create_annotation))
        .routes(routes!(update_annotation, delete_annotation))
        .routes(routes!(set_annotation_reply))
}

#[derive(Deserialize, ToSchema)]
struct Content {
    question: String,
    answer: String,
}

impl Content {
    fn checked(&self) -> Result<(String, String)> {
        let clean = |name: &str, text: &str| {
            let text = text.replace('\0', "").trim().to_owned();
            if text.is_empty() || text.chars().count() > MAX_CHARS {
                return Err(Error::invalid(name, format!("{name} must have 1 to {MAX_CHARS} characters.")));
            }
            Ok(text)
        };
        Ok((clean("question", &self.question)?, clean("answer", &self.answer)?))
    }
}

fn annotation_not_found() -> Error {
    Error::not_found("Annotation not found")
}

async fn create(
    state: &AppState,
    workspace_id: WorkspaceId,
    app_id: AppId,
    by: (Option<AccountId>, Option<MessageId>),
    content: Content,
) -> Result<db::AnnotationRow> {
    let (question, answer) = content.checked()?;
    let mut tx = state.db.begin().await?;
    let settings = db::find_settings(&mut *tx, workspace_id, app_id).await?.ok_or_else(not_found)?;
    let row = db::insert(&mut *tx, workspace_id, app_id, by, (&question, &answer)).await?;
    if Settings::of(&settings).enabled {
        enqueue(&mut tx, workspace_id, app_id, true).await?;
    }
    tx.commit().await?;
    Ok(row)
}

/// Keeps an answer for a question that a message asked: in place of the annotation that was made of the message before, if there
/// is one.
pub async fn save_of_message(
    state: &AppState,
    workspace_id: WorkspaceId,
    app_id: AppId,
    message_id: MessageId,
    (account_id, before): (AccountId, Option<AnnotationId>),
    question: String,
    answer: String,
) -> Result<()> {
    let content = Content { question, answer };
    match before {
        Some(id) => update(state, workspace_id, app_id, id, content).await?,
        None => create(state, workspace_id, app_id, (Some(account_id), Some(message_id)), content).await?,
    };
    Ok(())
}

async fn update(
    state: &AppState,
    workspace_id: WorkspaceId,
    app_id: AppId,
    id: AnnotationId,
    content: Content,
) -> Result<db::AnnotationRow> {
    let (question, answer) = content.checked()?;
    let mut tx = state.db.begin().await?;
    let settings = db::find_settings(&mut *tx, workspace_id, app_id).await?.ok_or_else(not_found)?;
    let row = db::update(&mut *tx, workspace_id, app_id, id, (&question, &answer)).await?.ok_or_else(annotation_not_found)?;
    if Settings::of(&settings).enabled {
        enqueue(&mut tx, workspace_id, app_id, true).await?;
    }
    tx.commit().await?;
    Ok(row)
}

/// Stores the settings; the job makes the embeddings they need.
async fn switch(state: &AppState, workspace_id: WorkspaceId, app_id: AppId, settings: Settings) -> Result<JobId> {
    if !(0.0..=1.0).contains(&settings.score_threshold) {
        return Err(Error::invalid("score_threshold", "score_threshold must be between 0 and 1."));
    }
    let mut tx = state.db.begin().await?;
    let value = serde_json::to_value(&settings).map_err(Error::internal)?;
    if !db::set_settings(&mut *tx, workspace_id, app_id, &value).await? {
        return Err(not_found());
    }
    let job_id = enqueue(&mut tx, workspace_id, app_id, settings.enabled).await?;
    tx.commit().await?;
    Ok(job_id)
}

fn service_annotation(row: &db::AnnotationRow) -> Value {
    json!({"id": row.id, "question": row.question, "answer": row.answer, "hit_count": row.hit_count, "created_at": row.created_at.timestamp()})
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ServicePage {
    page: Option<i64>,
    limit: Option<i64>,
    keyword: Option<String>,
}

/// Annotations of the app
#[utoipa::path(get, path = "/v1/apps/annotations", tag = "service", params(ServicePage), responses((status = 200, body = Object)))]
async fn service_list(State(state): State<AppState>, app: ServiceApp, Query(query): Query<ServicePage>) -> Result<Json<Value>> {
    let within = |name: &str, value: Option<i64>, default: i64, max: i64| match value.unwrap_or(default) {
        value if (1..=max).contains(&value) => Ok(value),
        _ => Err(Error::invalid(name, format!("{name} must be between 1 and {max}."))),
    };
    let (page, limit) = (within("page", query.page, 1, 99_999)?, within("limit", query.limit, 20, 100)?);
    let keyword = query.keyword.filter(|k| !k.is_empty()).map(|k| k.replace('\0', ""));
    let total = db::count(&state.db, app.workspace_id, app.app_id, keyword.as_deref()).await?;
    let rows = db::list(&state.db, app.workspace_id, app.app_id, keyword.as_deref(), (limit, (page - 1) * limit)).await?;
    let data: Vec<Value> = rows.iter().map(service_annotation).collect();
    Ok(Json(json!({"data": data, "has_more": page * limit < total, "limit": limit, "total": total, "page": page})))
}

/// Add an annotation
#[utoipa::path(post, path = "/v1/apps/annotations", tag = "service", request_body = Content, responses((status = 201, body = Object)))]
async fn service_create(State(state): State<AppState>, app: ServiceApp, Json(body): Json<Content>) -> Result<(StatusCode, Json<Value>)> {
    let row = create(&state, app.workspace_id, app.app_id, (None, None), body).await?;
    Ok((StatusCode::CREATED, Json(service_annotation(&row))))
}

/// Change an annotation
#[utoipa::path(put, path = "/v1/apps/annotations/{annotation_id}", tag = "service", params(("annotation_id" = AnnotationId, Path)),
    request_body = Content, responses((status = 200, body = Object), (status = 404)))]
async fn service_update(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(id): Path<String>,
    Json(body): Json<Content>,
) -> Result<Json<Value>> {
    let id = id.parse().map_err(|_| annotation_not_found())?;
    Ok(Json(service_annotation(&update(&state, app.workspace_id, app.app_id, id, body).await?)))
}

/// Delete an annotation
#[utoipa::path(delete, path = "/v1/apps/annotations/{annotation_id}", tag = "service", params(("annotation_id" = AnnotationId, Path)),
    responses((status = 204), (status = 404)))]
async fn service_delete(State(state): State<AppState>, app: ServiceApp, Path(id): Path<String>) -> Result<StatusCode> {
    let id = id.parse().map_err(|_| annotation_not_found())?;
    let deleted = db::delete(&state.db, app.workspace_id, app.app_id, id).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(annotation_not_found()) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    Enable,
    Disable,
}

#[derive(Deserialize, ToSchema)]
struct Switch {
    score_threshold: f32,
    embedding_provider_name: String,
    embedding_model_name: String,
}

/// Switch annotation replies on or off
#[utoipa::path(post, path = "/v1/apps/annotation-reply/{action}", tag = "service", params(("action" = inline(Action), Path)),
    request_body = Switch, responses((status = 200, body = Object)))]
async fn service_switch(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(action): Path<Action>,
    Json(body): Json<Switch>,
) -> Result<Json<Value>> {
    let named = !body.embedding_provider_name.is_empty() && !body.embedding_model_name.is_empty();
    let model = named.then_some(ModelRef { provider: body.embedding_provider_name, name: body.embedding_model_name });
    let settings = Settings { enabled: action == Action::Enable, score_threshold: body.score_threshold, embedding_model: model };
    let job_id = switch(&state, app.workspace_id, app.app_id, settings).await?;
    Ok(Json(json!({"job_id": job_id, "job_status": "waiting"})))
}

/// How far switching annotation replies is
#[utoipa::path(get, path = "/v1/apps/annotation-reply/{action}/status/{job_id}", tag = "service",
    params(("action" = inline(Action), Path), ("job_id" = inline(JobId), Path)), responses((status = 200, body = Object), (status = 400)))]
async fn service_status(State(state): State<AppState>, app: ServiceApp, Path(path): Path<(Action, String)>) -> Result<Json<Value>> {
    let unknown = || Error::invalid("job_id", "The job does not exist.");
    let id = path.1.parse().map_err(|_| unknown())?;
    let (status, error) = db::find_job(&state.db, app.workspace_id, app.app_id, JOB, id).await?.ok_or_else(unknown)?;
    let status = match status.as_str() {
        "queued" => "waiting",
        "running" => "processing",
        other => other,
    };
    Ok(Json(json!({"job_id": id, "job_status": status, "error_msg": error.unwrap_or_default()})))
}

/// An answer that a person wrote.
#[derive(Serialize, ToSchema)]
struct Annotation {
    id: AnnotationId,
    question: String,
    answer: String,
    hit_count: i32,
    created_at: DateTime<Utc>,
    /// Null when it came through the API
    created_by_name: Option<String>,
}

impl From<db::AnnotationRow> for Annotation {
    fn from(row: db::AnnotationRow) -> Self {
        let created_by_name = row.account_name;
        Self {
            id: row.id,
            question: row.question,
            answer: row.answer,
            hit_count: row.hit_count,
            created_at: row.created_at,
            created_by_name,
        }
    }
}

/// Annotations of an app, newest first
#[utoipa::path(get, path = "/api/apps/{app_id}/annotations", tag = "annotations", params(("app_id" = AppId, Path), Page),
    responses((status = 200, body = List<Annotation>), (status = 404)))]
async fn list_annotations(
    State(state): State<AppState>,
    session: Session<Reader>,
    Path(app_id): Path<AppId>,
    Query(page): Query<Page>,
) -> Result<Json<List<Annotation>>> {
    db::find_settings(&state.db, session.workspace_id, app_id).await?.ok_or_else(not_found)?;
    let rows = db::list_before(&state.db, session.workspace_id, app_id, page.after()?, page.fetch()?).await?;
    Ok(Json(List::cut(rows.into_iter().map(Annotation::from).collect(), &page, |annotation| annotation.id)?))
}

/// Add an annotation
#[utoipa::path(post, path = "/api/apps/{app_id}/annotations", tag = "annotations", params(("app_id" = AppId, Path)),
    request_body = Content, responses((status = 201, body = Annotation), (status = 404)))]
async fn create_annotation(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<Content>,
) -> Result<(StatusCode, Json<Annotation>)> {
    let row = create(&state, session.workspace_id, app_id, (Some(session.account_id), None), body).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Change an annotation
#[utoipa::path(put, path = "/api/apps/{app_id}/annotations/{annotation_id}", tag = "annotations",
    params(("app_id" = AppId, Path), ("annotation_id" = AnnotationId, Path)), request_body = Content,
    responses((status = 200, body = Annotation), (status = 404)))]
async fn update_annotation(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, id)): Path<(AppId, AnnotationId)>,
    Json(body): Json<Content>,
) -> Result<Json<Annotation>> {
    Ok(Json(update(&state, session.workspace_id, app_id, id, body).await?.into()))
}

/// Delete an annotation
#[utoipa::path(delete, path = "/api/apps/{app_id}/annotations/{annotation_id}", tag = "annotations",
    params(("app_id" = AppId, Path), ("annotation_id" = AnnotationId, Path)), responses((status = 204), (status = 404)))]
async fn delete_annotation(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, id)): Path<(AppId, AnnotationId)>,
) -> Result<StatusCode> {
    let deleted = db::delete(&state.db, session.workspace_id, app_id, id).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(annotation_not_found()) }
}

#[derive(Deserialize, ToSchema)]
struct SetAnnotationReply {
    enabled: bool,
    /// Least cosine similarity, 0 to 1 (0.9)
    score_threshold: Option<f32>,
}

/// Switch annotation replies on or off, with the workspace's default embedding model
#[utoipa::path(put, path = "/api/apps/{app_id}/annotation-reply", tag = "annotations", params(("app_id" = AppId, Path)),
    request_body = SetAnnotationReply, responses((status = 200, body = Settings), (status = 404)))]
async fn set_annotation_reply(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<SetAnnotationReply>,
) -> Result<Json<Settings>> {
    let stored = db::find_settings(&state.db, session.workspace_id, app_id).await?.ok_or_else(not_found)?;
    let stored = Settings::of(&stored);
    let score_threshold = body.score_threshold.unwrap_or(stored.score_threshold);
    let settings = Settings { enabled: body.enabled, score_threshold, ..stored };
    switch(&state, session.workspace_id, app_id, settings.clone()).await?;
    Ok(Json(settings))
}
