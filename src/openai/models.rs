//! `GET /v1/models`, and which model a request's `model` means.

use axum::extract::State;
use serde_json::{Value, json};

use crate::accounts::{ModelKey, OpenAiCaller};
use crate::catalog::{self, Model};
use crate::engine::host::Kind;
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path};
use crate::ids::WorkspaceId;
use crate::state::AppState;

/// The llm that `model` names.
pub(super) async fn resolve(state: &AppState, workspace_id: WorkspaceId, model: Option<&str>) -> Result<Model> {
    resolve_kind(state, workspace_id, model, Kind::Llm).await
}

/// The model of this kind that `model` names; `default` is the workspace's default of the kind.
pub(super) async fn resolve_kind(state: &AppState, workspace_id: WorkspaceId, model: Option<&str>, kind: Kind) -> Result<Model> {
    let id =
        model.map(str::trim).filter(|id| !id.is_empty()).ok_or_else(|| Error::invalid("model", "you must provide a model parameter."))?;
    let model = match id {
        "default" => catalog::resolve_default(state, workspace_id, kind).await?,
        id => catalog::resolve_id(state, workspace_id, id).await?,
    };
    if model.kind() != kind {
        let message = format!("The model '{id}' is a {} model; this endpoint needs a {} model.", model.kind().as_str(), kind.as_str());
        return Err(Error::new(Code::ModelNotSupported, message).param("model"));
    }
    Ok(model)
}

/// For endpoints where an app can't answer.
pub(super) fn model_key(caller: &OpenAiCaller) -> Result<ModelKey> {
    match caller {
        OpenAiCaller::Model(key) => Ok(*key),
        OpenAiCaller::App(_) => {
            Err(Error::new(Code::ModelNotSupported, "With an app's key only /v1/chat/completions answers; use a key that starts with sk-."))
        }
    }
}

/// The models this key can use
#[utoipa::path(get, path = "/v1/models", tag = "openai", responses((status = 200, body = Value), (status = 401)))]
pub(super) async fn list_openai_models(State(state): State<AppState>, caller: OpenAiCaller) -> Result<Json<Value>> {
    Ok(Json(json!({"object": "list", "data": list(&state, &caller).await?})))
}

/// One model
#[utoipa::path(get, path = "/v1/models/{*model}", tag = "openai", params(("model" = String, Path,)),
    responses((status = 200, body = Value), (status = 401), (status = 404)))]
pub(super) async fn get_openai_model(State(state): State<AppState>, caller: OpenAiCaller, Path(id): Path<String>) -> Result<Json<Value>> {
    let canonical = match &caller {
        OpenAiCaller::Model(key) if id == "default" => {
            catalog::resolve_default(&state, key.workspace_id, Kind::Llm).await?.reference().to_string()
        }
        OpenAiCaller::Model(key) => catalog::resolve_id(&state, key.workspace_id, &id).await?.reference().to_string(),
        OpenAiCaller::App(_) => id.clone(),
    };
    let found = list(&state, &caller).await?.into_iter().find(|m| m["id"] == canonical.as_str());
    let missing =
        || Error::new(Code::ModelNotFound, format!("The model '{id}' does not exist or you do not have access to it.")).param("model");
    found.map(Json).ok_or_else(missing)
}

async fn list(state: &AppState, caller: &OpenAiCaller) -> Result<Vec<Value>> {
    let entry = |id: &str, created: i64, owner: &str| json!({"id": id, "object": "model", "created": created, "owned_by": owner});
    match caller {
        OpenAiCaller::App(app) => Ok(vec![entry(&app.app_id.to_string(), 0, "ashlar")]),
        OpenAiCaller::Model(key) => {
            let models = catalog::list(state, key.workspace_id).await?;
            let of = |m: &catalog::Listed| {
                let mut entry = entry(&m.reference.to_string(), m.created, &m.reference.provider);
                if let Some(parent) = &m.parent {
                    entry["root"] = json!(m.reference.name);
                    entry["parent"] = json!(parent.to_string());
                }
                entry
            };
            Ok(models.iter().map(of).collect())
        }
    }
}
