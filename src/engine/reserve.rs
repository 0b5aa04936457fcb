//! How much memory a model gets before its first request: room for the largest step, as measured by running one, and the
//! rest for the KV cache. Nothing on the way of a request asks the device for memory.

use std::sync::Arc;

use anyhow::{Result, bail};

use super::batch::{Batch, Pixels};
use super::models::{CausalModel, Loaded, Model};
use super::ops::attention::Heads;
use super::ops::cache::{BLOCK_SIZE, KvCache};
use super::ops::{Backend, Device, Reserve, StepLimits};
use super::weights::Target;
use super::{EngineOptions, Limits};

/// KV cache on the CPU when the options name no size, bytes.
const CPU_KV_BYTES: usize = 512 << 20;
/// Blocks below which a cache is of no use.
const MIN_BLOCKS: usize = 16;
/// Room beside what the profile found: pools are cut in pieces.
const SLACK_BYTES: usize = 64 << 20;
/// Encoded pictures kept for reuse, bytes.
pub const fn encoder_cache_bytes(device: Device) -> usize {
    match device {
        Device::Cpu => 256 << 20,
        Device::Cuda => 1 << 30,
    }
}

/// Rank of the adapters that there is room for.
pub const ADAPTER_RANK: usize = 16;

/// What an adapter of all these layers takes on a GPU.
fn adapter_bytes(targets: &[Target]) -> usize {
    let parts = targets.iter().flat_map(|target| target.parts.iter().map(|part| target.n_in + part.n_out));
    // Its table besides.
    parts.map(|n| ADAPTER_RANK * n * 2 + 64).sum()
}

/// What a model may use.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Blocks of the KV cache.
    pub n_blocks: usize,
    /// Encoded pictures kept for reuse, bytes.
    pub encoder_cache_bytes: usize,
}

/// Sets memory aside for a causal model on its device.
pub fn reserve(loaded: &Loaded, options: &EngineOptions, limits: &Limits) -> Result<Budget> {
    let Model::Causal(model) = &loaded.model else { bail!("not a model that generates text") };
    let (info, backend) = (model.info(), &loaded.backend);
    let block_bytes = info.cache_shape().block_bytes(backend);
    // Nobody can use more than a full house of the longest sequences.
    let most = limits.max_running * info.context_length.div_ceil(BLOCK_SIZE);
    let encoder_cache_bytes = encoder_cache_bytes(backend.device());
    let budget = |kv_bytes: usize| {
        let n_blocks = (kv_bytes / block_bytes).min(most).max(MIN_BLOCKS);
        Budget { n_blocks, encoder_cache_bytes }
    };
    let Some(memory) = backend.memory()? else {
        let kv_bytes = options.kv_cache_mb.map_or(CPU_KV_BYTES, |mb| mb << 20);
        return Ok(budget(kv_bytes));
    };

    let picture = largest_picture(loaded, limits);
    let row_bytes =
        picture.as_ref().map_or(0, |picture| picture.n_tokens * info.hidden_size * backend.number_bytes() * (1 + MAX_DEEPSTACK));
    let kept = if picture.is_some() { encoder_cache_bytes + 2 * row_bytes } else { 0 };
    let steps = StepLimits {
        max_rows: limits.max_step_tokens.max(limits.max_running),
        max_sequences: limits.max_running,
        max_blocks: info.context_length.div_ceil(BLOCK_SIZE),
        heads: Heads { n_heads: info.n_heads, n_kv_heads: info.n_kv_heads, head_dim: info.head_dim },
        latent: info.latent,
        vocab_size: info.vocab_size,
    };
    backend.reserve(&Reserve { scratch: memory.free / 2, kept, steps: Some(steps) })?;
    profile(model.as_ref(), backend, steps.max_rows, picture)?;
    let scratch = backend.scratch_peak() + SLACK_BYTES;
    backend.reserve(&Reserve { scratch, kept, steps: Some(steps) })?;
    let adapter_bytes = options.max_adapters * adapter_bytes(&loaded.targets);
    backend.reserve_adapters(adapter_bytes)?;

    let Some(memory) = backend.memory()? else { bail!("the GPU is gone") };
    let others = (memory.total as f64 * (1.0 - options.gpu_memory)) as usize;
    let kv_bytes = options.kv_cache_mb.map_or(memory.free.saturating_sub(others), |mb| mb << 20);
    if kv_bytes < MIN_BLOCKS * block_bytes {
        bail!(
            "no room for a KV cache: {} MiB of {} MiB are free beside the model and its steps; use a smaller model, `--quantization fp8`, or a larger `--gpu-memory`",
            memory.free >> 20,
            memory.total >> 20
        );
    }
    let budget = budget(kv_bytes);
    tracing::info!(
        gpu.total_bytes = memory.total,
        gpu.used_bytes = memory.total - memory.free,
        model.weight_bytes = info.weight_bytes,
        steps.scratch_bytes = scratch,
        pictures.kept_bytes = kept,
        adapters.bytes = adapter_bytes,
        kv.bytes = budget.n_blocks * block_bytes,
        "GPU memory set aside"
    );
    Ok(budget)
}

/// DeepStack layers of the known models.
const MAX_DEEPSTACK: usize = 3;

/// A step of the most rows, at the end of the longest context if that matters, and the largest picture through the vision tower: what they leave is the scratch pool's peak.
fn profile(model: &dyn CausalModel, backend: &Backend, rows: usize, picture: Option<Pixels>) -> Result<()> {
    let info = model.info();
    let longest = rows.min(info.context_length);
    let n_blocks = longest.div_ceil(BLOCK_SIZE);
    // As many sequences as it takes. Nobody reads what they say: they share blocks.
    let lengths: Vec<usize> = (0..rows).step_by(longest).map(|first| longest.min(rows - first)).collect();
    // Prompts of latent attention make keys and values of all that is cached.
    let context = |length: usize| if info.latent.is_some() { info.context_length } else { length };
    let table = |length: usize| (0..context(length).div_ceil(BLOCK_SIZE)).map(|block| (block % n_blocks) as u32).collect();
    let mut cache = KvCache::new(backend, info.cache_shape(), n_blocks)?;
    let places = || lengths.iter().flat_map(|length| 0..*length as u32);
    let batch = Batch {
        ids: vec![0; rows],
        positions: places().map(|i| [i; 3]).collect(),
        cu_seqlens: (0..=lengths.len()).map(|i| (i * longest).min(rows) as u32).collect(),
        context_lens: lengths.iter().map(|length| context(*length) as u32).collect(),
        slot_mapping: places().collect(),
        block_tables: lengths.iter().map(|length| table(*length)).collect(),
        logit_rows: vec![rows as u32 - 1],
        visual: Vec::new(),
        adapters: Vec::new(),
    };
    // Reading the logits waits for the step, so that the cache may go.
    model.forward(&batch, &mut cache)?.to_vec()?;
    if let Some(picture) = picture {
        let features = model.encode(&[picture])?;
        features[0].embeddings.to_vec()?;
    }
    Ok(())
}

/// A picture of as many patches as one call of the vision tower may get.
fn largest_picture(loaded: &Loaded, limits: &Limits) -> Option<Pixels> {
    let input = loaded.input.as_ref()?;
    let layout = input.patch_layout();
    let n_patches = limits.max_step_patches.max(input.max_patches());
    let side = n_patches.isqrt().next_multiple_of(layout.merge);
    Some(Pixels {
        rgb: Arc::new(vec![0; 3 * side * side * layout.size * layout.size]),
        grid: [1, side, side],
        n_tokens: side * side / (layout.merge * layout.merge),
        frame_times_s: Vec::new(),
        hash: [0; 32],
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::models;

    #[test]
    fn a_step_may_have_more_rows_than_the_context() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/chameleon");
        let loaded = models::load(&folder, &Backend::cpu(1)).unwrap();
        let Model::Causal(model) = &loaded.model else { panic!("not a chat model") };
        assert_eq!(model.info().context_length, 512);
        for rows in [100, 512, 1200] {
            profile(model.as_ref(), &loaded.backend, rows, None).unwrap();
        }
    }
}
