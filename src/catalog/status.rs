//! What the engine is doing right now: the models in memory with their counters, and the machine they share.
//!
//! Counters only grow; whoever draws rates asks again and divides.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};
use utoipa::ToSchema;

use crate::accounts::{Admin, Session};
use crate::engine::Engine;
use crate::engine::host::{Kind, Loaded};
use crate::engine::ops::Device;
use crate::error::{Error, Result};
use crate::http::extract::Json;
use crate::state::AppState;

/// The engine at one moment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EngineStatus {
    at: DateTime<Utc>,
    /// `cpu` or `cuda`
    device: &'static str,
    /// What the CPU calls itself
    cpu: String,
    n_cpus: usize,
    /// Bytes of the machine's memory
    memory_total_bytes: u64,
    memory_available_bytes: u64,
    /// Bytes that this process holds
    process_bytes: u64,
    /// Null while no model is on one
    gpu: Option<Gpu>,
    /// Rows that a step may have, prompts and answers together
    max_step_tokens: usize,
    /// Sequences that may run at once
    max_running: usize,
    models: Vec<EngineModel>,
}

/// The GPU that models are on.
#[derive(Debug, Serialize, ToSchema)]
struct Gpu {
    name: String,
    /// Bytes of its memory
    memory_total_bytes: u64,
    /// Of those, in use by any process
    memory_used_bytes: u64,
}

impl Gpu {
    /// Of a model; `None` on a CPU.
    fn of(model: &Loaded) -> Option<Self> {
        let backend = model.backend();
        let memory = backend.memory().inspect_err(|error| tracing::warn!(%error, "the GPU does not say what memory it has")).ok()??;
        let used = memory.total.saturating_sub(memory.free);
        Some(Self { name: backend.name().to_owned(), memory_total_bytes: memory.total as u64, memory_used_bytes: used as u64 })
    }
}

/// A model in memory.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EngineModel {
    name: String,
    #[schema(value_type = String)]
    kind: Kind,
    /// Weights and caches
    memory_bytes: u64,
    /// Null for models that write no text
    llm: Option<LlmStatus>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LlmStatus {
    /// Bytes of the KV cache
    kv_bytes: u64,
    /// Tokens that the KV cache holds
    kv_tokens: u64,
    /// Of those, in use by running sequences
    kv_used_tokens: u64,
    /// Of those, kept for prompts that begin alike
    kv_reusable_tokens: u64,
    /// Encoded pictures that are kept, bytes
    encoder_bytes: u64,
    /// Requests being prepared or waiting
    n_queued: u64,
    n_running: u64,
    n_finished: u64,
    n_cancelled: u64,
    n_failed: u64,
    n_preempted: u64,
    n_steps: u64,
    /// Rows of all steps
    n_step_tokens: u64,
    n_prompt_tokens: u64,
    /// Prompt tokens that the cache spared
    n_cached_tokens: u64,
    n_completion_tokens: u64,
    /// Pictures that were encoded already
    n_picture_hits: u64,
    n_picture_misses: u64,
    mean_queue_s: f64,
    mean_first_token_s: f64,
    mean_decode_step_s: f64,
}

impl LlmStatus {
    fn of(engine: &Engine) -> Self {
        let s = engine.metrics();
        let tokens = |n_blocks: u64| n_blocks * Engine::BLOCK_TOKENS as u64;
        Self {
            kv_bytes: engine.kv_bytes(),
            kv_tokens: tokens(s.n_blocks),
            kv_used_tokens: tokens(s.n_used_blocks),
            kv_reusable_tokens: tokens(s.n_indexed_blocks),
            encoder_bytes: s.encoder_bytes,
            n_queued: s.n_queued,
            n_running: s.n_running,
            n_finished: s.n_finished,
            n_cancelled: s.n_cancelled,
            n_failed: s.n_failed,
            n_preempted: s.n_preempted,
            n_steps: s.n_steps,
            n_step_tokens: s.n_step_tokens,
            n_prompt_tokens: s.n_prompt_tokens,
            n_cached_tokens: s.n_cached_tokens,
            n_completion_tokens: s.n_completion_tokens,
            n_picture_hits: s.n_encoder_hits,
            n_picture_misses: s.n_encoder_misses,
            mean_queue_s: s.mean_queue_s,
            mean_first_token_s: s.mean_first_token_s,
            mean_decode_step_s: s.mean_decode_step_s,
        }
    }
}

/// Bytes of this machine's memory.
pub(super) fn total_memory() -> u64 {
    System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram())).total_memory()
}

/// The machine's memory, the process's share, and the name of the CPU.
fn machine() -> (System, u64, String) {
    let ram = MemoryRefreshKind::nothing().with_ram();
    let mut system = System::new_with_specifics(RefreshKind::nothing().with_memory(ram));
    system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    let own = Pid::from_u32(std::process::id());
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, ProcessRefreshKind::nothing().with_memory());
    let process_bytes = system.process(own).map_or(0, sysinfo::Process::memory);
    let cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default();
    (system, process_bytes, cpu)
}

/// What the engine is doing
#[utoipa::path(get, path = "/api/engine", tag = "models", responses((status = 200, body = EngineStatus)))]
pub(super) async fn get_engine(State(state): State<AppState>, _session: Session<Admin>) -> Result<Json<EngineStatus>> {
    // reading the system's tables takes a while
    let (system, process_bytes, cpu) = tokio::task::spawn_blocking(machine).await.map_err(Error::internal)?;
    let (max_step_tokens, max_running) = Engine::step_limits();
    let in_memory = state.engines.in_memory();
    let gpu = in_memory.iter().find_map(|(_, loaded)| Gpu::of(loaded));
    let mut models: Vec<_> = in_memory
        .into_iter()
        .map(|(name, loaded)| EngineModel {
            name,
            kind: loaded.kind(),
            memory_bytes: loaded.memory_bytes(),
            llm: if let Loaded::Llm(engine) = &loaded { Some(LlmStatus::of(engine)) } else { None },
        })
        .collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(EngineStatus {
        at: Utc::now(),
        device: if state.config.device == Device::Cpu { "cpu" } else { "cuda" },
        cpu,
        n_cpus: system.cpus().len(),
        memory_total_bytes: system.total_memory(),
        memory_available_bytes: system.available_memory(),
        process_bytes,
        gpu,
        max_step_tokens,
        max_running,
        models,
    }))
}
