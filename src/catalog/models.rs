//! The list of models that a workspace can use, loading and unloading local ones; Dify's list of models by type.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{LOCAL, ModelRef, Prices, db, hub, resolve_default, resolve_local};
use crate::accounts::{Admin, DatasetKey, Member, Session};
use crate::engine::host::{Features, Kind, Status};
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::List;
use crate::ids::WorkspaceId;
use crate::state::AppState;

/// A model of the catalog.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(super) struct ModelInfo {
    /// `local` or the name of a provider
    pub provider: String,
    pub name: String,
    /// Of an adapter, the local model it is for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// `llm`, `text-embedding` or `rerank`
    #[schema(value_type = String)]
    pub kind: Kind,
    /// Of local models, as the checkpoint names it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Of `vision`, `tools`, `structured_output`
    pub features: Vec<&'static str>,
    /// Tokens of prompt and answer together
    pub context_size: usize,
    /// `available` (not in memory), `loading`, `ready`, `failed` or `refused`
    pub status: &'static str,
    /// Why it failed or is refused
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of local models, bytes of their files
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_bytes: Option<u64>,
    /// Bytes that it holds in memory
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    pub is_default: bool,
    /// It can be deleted: it lies in the models folder
    pub deletable: bool,
    /// Of remote models
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
}

/// The wire names of what a model can do.
pub(super) fn feature_names(features: Features) -> Vec<&'static str> {
    let all = [
        (features.vision, "vision"),
        (features.tools, "tools"),
        (features.structured_output, "structured_output"),
        (features.image_output, "image_output"),
    ];
    all.into_iter().filter_map(|(has, name)| has.then_some(name)).collect()
}

impl ModelInfo {
    fn of_local(model: crate::engine::host::LocalModel, models_dir: &std::path::Path) -> Self {
        let (status, reason) = match model.status {
            Status::Available => ("available", None),
            Status::Loading => ("loading", None),
            Status::Ready => ("ready", None),
            Status::Failed(reason) => ("failed", Some(reason)),
            Status::Refused(reason) => ("refused", Some(reason)),
        };
        Self {
            provider: LOCAL.into(),
            name: model.name,
            parent: model.parent,
            kind: model.kind,
            architecture: model.architecture,
            features: feature_names(model.features),
            context_size: model.context_size,
            status,
            reason,
            weight_bytes: Some(model.weight_bytes),
            memory_bytes: model.memory_bytes,
            is_default: false,
            deletable: model.path.starts_with(models_dir),
            prices: None,
        }
    }

    fn of_row(row: db::ListedModel) -> Result<Self> {
        let has = |name: &str| row.features.iter().any(|f| f == name);
        Ok(Self {
            kind: row.kind.parse().map_err(|()| Error::internal(anyhow::anyhow!("unknown kind of model in the database")))?,
            parent: None,
            architecture: None,
            features: feature_names(Features {
                vision: has("vision"),
                tools: has("tools"),
                structured_output: has("structured_output"),
                ..Features::default()
            }),
            context_size: usize::try_from(row.context_size).unwrap_or(0),
            status: "ready",
            reason: None,
            weight_bytes: None,
            memory_bytes: None,
            is_default: false,
            deletable: false,
            prices: Some(Prices {
                prompt_unit_price: row.prompt_unit_price,
                completion_unit_price: row.completion_unit_price,
                price_unit: row.price_unit,
                currency: row.currency,
            }),
            provider: row.provider,
            name: row.name,
        })
    }
}

/// Every model of the process and of the workspace's providers; the defaults are marked.
async fn all(state: &AppState, workspace_id: WorkspaceId) -> Result<Vec<ModelInfo>> {
    let models_dir = state.config.models_dir();
    let mut models: Vec<_> = state.engines.list().into_iter().map(|model| ModelInfo::of_local(model, &models_dir)).collect();
    for row in db::list_models(&state.db, workspace_id).await? {
        models.push(ModelInfo::of_row(row)?);
    }
    for kind in [Kind::Llm, Kind::TextEmbedding, Kind::Rerank] {
        // a workspace without a model of this kind has no default either
        let Ok(default) = resolve_default(state, workspace_id, kind).await.map(|m| m.reference()) else { continue };
        for model in models.iter_mut().filter(|m| m.kind == kind) {
            model.is_default = model.provider == default.provider && model.name == default.name;
        }
    }
    Ok(models)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `llm`, `text-embedding` or `rerank`
    kind: Option<String>,
}

/// The models this workspace can use
#[utoipa::path(get, path = "/api/models", tag = "models", params(Filter), responses((status = 200, body = List<ModelInfo>)))]
pub(super) async fn list_models(
    State(state): State<AppState>,
    session: Session<Member>,
    Query(filter): Query<Filter>,
) -> Result<Json<List<ModelInfo>>> {
    let kind: Option<Kind> = match filter.kind.as_deref().filter(|k| !k.is_empty()) {
        Some(text) => Some(text.parse().map_err(|()| Error::invalid("kind", "kind must be llm, text-embedding or rerank."))?),
        None => None,
    };
    let mut models = all(&state, session.workspace_id).await?;
    models.retain(|m| kind.is_none_or(|k| k == m.kind));
    Ok(Json(List::whole(models)))
}

/// Bring a local model into memory
///
/// Returns at once; ask again until its status is `ready` or `failed`.
#[utoipa::path(post, path = "/api/models/local/{name}/load", tag = "models", params(("name" = String, Path,)),
    responses((status = 200, body = ModelInfo), (status = 404)))]
pub(super) async fn load_model(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(name): Path<String>,
) -> Result<Json<ModelInfo>> {
    let model = resolve_local(&state.engines, &name)?.reference();
    state.engines.start_loading(&model.name)?;
    session.audit(&state.db, "model.load", ("model", &model), json!({})).await?;
    one(&state, session.workspace_id, &model).await
}

/// Take a local model out of memory
///
/// Answers that are being written are finished first. The next request for the model loads it again.
#[utoipa::path(post, path = "/api/models/local/{name}/unload", tag = "models", params(("name" = String, Path,)),
    responses((status = 200, body = ModelInfo), (status = 404)))]
pub(super) async fn unload_model(
    State(state): State<AppState>,
    session: Session<Admin>,
    Path(name): Path<String>,
) -> Result<Json<ModelInfo>> {
    let model = resolve_local(&state.engines, &name)?.reference();
    state.engines.unload(&model.name);
    session.audit(&state.db, "model.unload", ("model", &model), json!({})).await?;
    one(&state, session.workspace_id, &model).await
}

/// Delete a local model from the models folder
///
/// Answers that are being written are finished first.
#[utoipa::path(delete, path = "/api/models/local/{name}", tag = "models", params(("name" = String, Path,)),
    responses((status = 204), (status = 400), (status = 404)))]
pub(super) async fn delete_model(State(state): State<AppState>, session: Session<Admin>, Path(name): Path<String>) -> Result<StatusCode> {
    let reference = ModelRef::local(&name);
    let model = state.engines.get(&name).ok_or_else(|| super::not_found(&reference))?;
    let models_dir = state.config.models_dir();
    if !model.path.starts_with(&models_dir) {
        let message = format!("{} is not in the models folder: it is part of the program, or was given by its path.", model.name);
        return Err(Error::invalid("name", message));
    }
    state.engines.unload(&model.name);
    let deleted = model.name.clone();
    let removed = tokio::task::spawn_blocking(move || hub::remove(&models_dir, &deleted)).await.map_err(Error::internal)?;
    let (_, freed_bytes) = removed.map_err(Error::internal)?;
    session.audit(&state.db, "model.delete", ("model", ModelRef::local(model.name)), json!({"freed_bytes": freed_bytes})).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn one(state: &AppState, workspace_id: WorkspaceId, model: &ModelRef) -> Result<Json<ModelInfo>> {
    let found = all(state, workspace_id).await?.into_iter().find(|m| m.provider == model.provider && m.name == model.name);
    found.map(Json).ok_or_else(|| super::not_found(model))
}

/// Models by type, in the service API's shape
#[utoipa::path(get, path = "/v1/workspaces/current/models/model-types/{model_type}", tag = "service-api",
    params(("model_type" = String, Path, description = "llm, text-embedding, rerank, speech2text, tts or moderation")),
    responses((status = 200, body = Value)))]
pub(super) async fn list_models_by_type(
    State(state): State<AppState>,
    key: DatasetKey,
    Path(model_type): Path<String>,
) -> Result<Json<Value>> {
    let kind: Option<Kind> = match model_type.as_str() {
        "speech2text" | "tts" | "moderation" => None,
        text => Some(text.parse().map_err(|()| {
            Error::invalid(
                "model_type",
                format!("'{text}' is not a model type: llm, text-embedding, rerank, speech2text, tts, moderation."),
            )
        })?),
    };
    let mut providers: Vec<Value> = Vec::new();
    for model in all(&state, key.workspace_id).await?.iter().filter(|m| Some(m.kind) == kind && m.status != "refused") {
        let entry = service_model(model, &model_type);
        match providers.iter_mut().find(|p| p["provider"] == model.provider.as_str()) {
            Some(provider) => {
                if let Some(models) = provider["models"].as_array_mut() {
                    models.push(entry);
                }
            }
            None => providers.push(json!({
                "tenant_id": key.workspace_id,
                "provider": model.provider,
                "label": label(&model.provider),
                "icon_small": null,
                "icon_small_dark": null,
                "status": "active",
                "models": [entry],
            })),
        }
    }
    Ok(Json(json!({"data": providers})))
}

fn service_model(model: &ModelInfo, model_type: &str) -> Value {
    let features: Vec<_> = model
        .features
        .iter()
        .flat_map(|f| match *f {
            "tools" => ["tool-call", "stream-tool-call"].as_slice(),
            "structured_output" => ["structured-output"].as_slice(),
            _ => ["vision"].as_slice(),
        })
        .collect();
    json!({
        "model": model.name,
        "label": label(&model.name),
        "model_type": model_type,
        "features": features,
        "fetch_from": if model.provider == LOCAL { "predefined-model" } else { "customizable-model" },
        "model_properties": {"context_size": model.context_size, "mode": "chat"},
        "deprecated": false,
        "status": if model.status == "failed" { "no-configure" } else { "active" },
        "load_balancing_enabled": false,
        "has_invalid_load_balancing_configs": false,
    })
}

fn label(text: &str) -> Value {
    json!({"en_US": text, "zh_Hans": text})
}
