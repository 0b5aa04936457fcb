//! `/api/model-mappings`, and the models of a draft replaced.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::db;
use super::mappings::{self, Mapped, Mapping, ModelName};
use super::missing::{self, Missing};
use crate::accounts::{Editor, Session};
use crate::apps::routes::{App, draft_conflict, load};
use crate::apps::{self, not_found};
use crate::catalog::{self, LOCAL, ModelRef};
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::http::text;
use crate::ids::{AppId, ModelMappingId, WorkspaceId};
use crate::state::AppState;

const NAME_CHARS: usize = 200;
/// Of one call.
const MAX_MAPPINGS: usize = 200;

pub fn console_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_model_mappings, put_model_mapping))
        .routes(routes!(delete_model_mapping))
        .routes(routes!(map_models))
}

/// A remembered mapping.
#[derive(Debug, Serialize, ToSchema)]
struct ModelMapping {
    id: ModelMappingId,
    #[serde(flatten)]
    mapping: Mapping,
    created_by_name: Option<String>,
    updated_at: DateTime<Utc>,
}

/// Which models run in place of those that imported files name
#[utoipa::path(get, path = "/api/model-mappings", tag = "apps", responses((status = 200, body = List<ModelMapping>)))]
async fn list_model_mappings(State(state): State<AppState>, session: Session<Editor>) -> Result<Json<List<ModelMapping>>> {
    let rows = db::list_mappings(&state.db, session.workspace_id).await?;
    let mapping = |row: db::MappingRow| ModelMapping {
        id: row.id,
        mapping: row.mapping,
        created_by_name: row.created_by_name,
        updated_at: row.updated_at,
    };
    Ok(Json(List::whole(rows.into_iter().map(mapping).collect())))
}

/// Remember a mapping; one of the same model is replaced
#[utoipa::path(put, path = "/api/model-mappings", tag = "apps", request_body = Mapping,
    responses((status = 200, body = List<ModelMapping>), (status = 400)))]
async fn put_model_mapping(
    State(state): State<AppState>,
    session: Session<Editor>,
    Json(body): Json<Mapping>,
) -> Result<Json<List<ModelMapping>>> {
    let mapping = check(&state, session.workspace_id, body, "").await?;
    let mut tx = state.db.begin().await?;
    db::put_mappings(&mut *tx, session.workspace_id, session.account_id, std::slice::from_ref(&mapping)).await?;
    session.audit(&mut *tx, "model_mapping.put", ("model_mapping", &mapping.from.provider), json!(mapping)).await?;
    tx.commit().await?;
    list_model_mappings(State(state), session).await
}

/// Forget a mapping
#[utoipa::path(delete, path = "/api/model-mappings/{mapping_id}", tag = "apps", params(("mapping_id" = ModelMappingId, Path)),
    responses((status = 204), (status = 404)))]
async fn delete_model_mapping(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(id): Path<ModelMappingId>,
) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    if !db::delete_mapping(&mut *tx, session.workspace_id, id).await? {
        return Err(Error::not_found("Mapping not found."));
    }
    session.audit(&mut *tx, "model_mapping.delete", ("model_mapping", id), json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
struct MapModels {
    mappings: Vec<Mapping>,
    /// `draft_revision` that the mappings were chosen for; without it they go into the draft as it is
    revision: Option<i64>,
    /// Whether the next import does the same by itself (yes)
    remember: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MappedModels {
    app: App,
    mapped: Vec<Mapped>,
    /// What the draft still names and the workspace does not have
    missing: Missing,
}

/// Replace models everywhere in the draft; 409 when someone else changed it meanwhile
#[utoipa::path(post, path = "/api/apps/{app_id}/draft/map-models", tag = "apps", params(("app_id" = AppId, Path)), request_body = MapModels,
    responses((status = 200, body = MappedModels), (status = 400), (status = 404), (status = 409)))]
async fn map_models(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<MapModels>,
) -> Result<Json<MappedModels>> {
    let workspace_id = session.workspace_id;
    let row = apps::db::find_app(&state.db, workspace_id, app_id).await?.ok_or_else(not_found)?;
    if body.mappings.is_empty() || body.mappings.len() > MAX_MAPPINGS {
        return Err(Error::invalid("mappings", format!("mappings must hold 1 to {MAX_MAPPINGS} mappings.")));
    }
    let mut checked: Vec<Mapping> = Vec::new();
    for (i, mapping) in body.mappings.into_iter().enumerate() {
        let mapping = check(&state, workspace_id, mapping, &format!("mappings[{i}].")).await?;
        if checked.iter().any(|known| known.from == mapping.from) {
            let at = format!("mappings[{i}].from");
            return Err(Error::invalid(&at, format!("{at}: the same model is mapped twice.")));
        }
        checked.push(mapping);
    }
    let mut draft = row.draft;
    let mapped = mappings::apply(&mut draft, |reference| mappings::choose(&checked, reference));
    let mut tx = state.db.begin().await?;
    let revision = body.revision.unwrap_or(row.draft_revision);
    if !apps::db::replace_draft(&mut *tx, workspace_id, app_id, revision, &draft).await? {
        return Err(draft_conflict(row.draft_revision));
    }
    if body.remember.unwrap_or(true) {
        db::put_mappings(&mut *tx, workspace_id, session.account_id, &checked).await?;
    }
    session.audit(&mut *tx, "app.map_models", ("app", app_id), json!({"mapped": mapped})).await?;
    tx.commit().await?;
    let missing = missing::find(&state, workspace_id, &draft).await?;
    let Json(app) = load(&state, workspace_id, app_id).await?;
    Ok(Json(MappedModels { app, mapped, missing }))
}

/// A mapping to something that the workspace has. `at`: where it stands in the body.
async fn check(state: &AppState, workspace_id: WorkspaceId, mapping: Mapping, at: &str) -> Result<Mapping> {
    let name = |name: ModelName, field: &str| -> Result<ModelName> {
        let provider = text::line(&format!("{at}{field}.provider"), &name.provider, NAME_CHARS)?;
        let model = name.name.filter(|name| !name.is_empty());
        let model = model.map(|name| text::line(&format!("{at}{field}.name"), &name, NAME_CHARS)).transpose()?;
        Ok(ModelName { provider, name: model })
    };
    let mapping = Mapping { from: name(mapping.from, "from")?, to: name(mapping.to, "to")? };
    let to = &mapping.to;
    let refused = |message: String| Error::invalid(format!("{at}to"), format!("{at}to: {message}"));
    match &to.name {
        Some(name) => {
            let reference = ModelRef { provider: to.provider.clone(), name: name.clone() };
            // whatever kind it is: what it runs in place of says which is needed
            let found = catalog::resolve(state, workspace_id, &reference).await;
            let is_default = reference.provider == LOCAL && reference.name == crate::engine::host::DEFAULT;
            if let Err(error) = found
                && !is_default
            {
                return Err(if error.code.status().is_server_error() { error } else { refused(error.message) });
            }
        }
        None => {
            let providers = apps::db::provider_names(&state.db, workspace_id).await?;
            if to.provider != LOCAL && !providers.contains(&to.provider) {
                return Err(refused(format!("this workspace has no model provider \"{}\": add it first.", to.provider)));
            }
        }
    }
    Ok(mapping)
}
