//! Whether a model fits: what `ashlar plan` works out, for models of this machine and, before they are downloaded, of the hub.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::hub::{Hub, Progress};
use super::pulls::repo;
use crate::accounts::{Admin, Session};
use crate::engine::ops::Device;
use crate::engine::plan::{self, Precision, Shape};
use crate::engine::shapes;
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Query};
use crate::state::AppState;

/// Tokens of one step: the engine's own limit.
const STEP_TOKENS: u64 = 8192;
/// No machine has more.
const MAX_MEMORY_BYTES: u64 = 1 << 50;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanQuery {
    /// A local model, `OWNER/NAME` on the hub, or a shape such as `qwen3-vl-8b`
    model: String,
    /// Which of a repository's files, such as `*Q4_K_M.gguf`
    file: Option<String>,
    /// Memory to fit into [default: on the CPU all of this machine's]
    memory_bytes: Option<u64>,
    /// `cpu` or `cuda` [default: what local models run on]
    device: Option<String>,
}

/// What a model takes in memory, in bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelPlan {
    model: String,
    architecture: String,
    n_parameters: u64,
    /// Of those, what one token goes through
    n_active_parameters: u64,
    /// Tokens of prompt and answer together
    context_length: u64,
    vision: bool,
    /// `cpu` or `cuda`
    device: &'static str,
    memory_bytes: Option<u64>,
    /// One for each way of holding the weights
    options: Vec<PlanOption>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanOption {
    /// `stored` or `fp8`
    precision: &'static str,
    weight_bytes: u64,
    /// What a step takes at its widest point
    workspace_bytes: u64,
    /// Encoded pictures that are kept
    encoder_cache_bytes: u64,
    /// Driver and libraries of a GPU
    device_bytes: u64,
    /// All of these together
    fixed_bytes: u64,
    kv_bytes_per_token: u64,
    /// Tokens of KV cache in the memory that is left; null without a limit
    kv_tokens: Option<u64>,
}

/// Whether a model fits, and how much then
#[utoipa::path(get, path = "/api/model-plan", tag = "models", params(PlanQuery),
    responses((status = 200, body = ModelPlan), (status = 400)))]
pub(super) async fn get_model_plan(
    State(state): State<AppState>,
    _session: Session<Admin>,
    Query(query): Query<PlanQuery>,
) -> Result<Json<ModelPlan>> {
    let device = match query.device.as_deref() {
        None | Some("") => state.config.device,
        Some("cpu") => Device::Cpu,
        Some("cuda") => Device::Cuda,
        Some(_) => return Err(Error::invalid("device", "device must be cpu or cuda.")),
    };
    if query.memory_bytes.is_some_and(|bytes| bytes == 0 || bytes > MAX_MEMORY_BYTES) {
        return Err(Error::invalid("memory_bytes", "memory_bytes must be between 1 and 2^50."));
    }
    let memory_bytes = query.memory_bytes.or_else(|| (device == Device::Cpu).then(super::status::total_memory));
    let shape = find_shape(&state, &query).await?;
    let precisions: &[_] = match device {
        Device::Cpu => &[("stored", Precision::Stored)],
        Device::Cuda => &[("stored", Precision::Stored), ("fp8", Precision::Fp8)],
    };
    let option = |(name, precision): &(&'static str, Precision)| {
        let plan = plan::serving(&shape, device, *precision, memory_bytes, STEP_TOKENS, 0);
        PlanOption {
            precision: name,
            weight_bytes: plan.weights,
            workspace_bytes: plan.workspace,
            encoder_cache_bytes: plan.encoder_cache,
            device_bytes: plan.device,
            fixed_bytes: plan.fixed(),
            kv_bytes_per_token: plan.kv_per_token,
            kv_tokens: plan.kv_tokens,
        }
    };
    Ok(Json(ModelPlan {
        options: precisions.iter().map(option).collect(),
        model: query.model,
        n_parameters: shape.n_parameters,
        n_active_parameters: shape.active_parameters() + shape.head_parameters(),
        context_length: shape.context_length,
        vision: shape.vision.is_some(),
        device: if device == Device::Cpu { "cpu" } else { "cuda" },
        memory_bytes,
        architecture: shape.architecture,
    }))
}

async fn find_shape(state: &AppState, query: &PlanQuery) -> Result<Shape> {
    let model = query.model.trim();
    let unsupported = |error: &dyn std::fmt::Display| Error::new(Code::ModelNotSupported, format!("{model}: {error}.")).param("model");
    let read = async |path: std::path::PathBuf| {
        let read = tokio::task::spawn_blocking(move || Shape::read(&path)).await.map_err(Error::internal)?;
        read.map_err(|error| unsupported(&error))
    };
    if let Some(local) = state.engines.get(model) {
        return read(local.path).await;
    }
    if shapes::names().any(|name| name == model) {
        let folder = shapes::folder(model).map_err(Error::internal)?.ok_or_else(|| unsupported(&"there is no such shape"))?;
        return read(folder.path().to_owned()).await;
    }
    let repo = repo(model)?;
    let files: Vec<_> = query.file.iter().filter(|file| !file.trim().is_empty()).cloned().collect();
    let outline = Hub::new(&state.config, Progress::silent()).outline(&repo, &files).await;
    let outline = outline.map_err(|error| Error::new(Code::ModelNotSupported, format!("{error:#}")).param("model"))?;
    read(outline.path().to_owned()).await
}
