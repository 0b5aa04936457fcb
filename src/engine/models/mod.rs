//! Architectures: pure functions of weights, a packed [`Batch`] and the KV cache. No sequence, no scheduler in here.

use candle_core::{Result, Tensor};

use super::batch::{Batch, Pixels, VisualFeatures};
use super::ops::cache::KvCache;

/// What a loaded causal model is, for scheduling, planning and the catalog.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// `config.json`'s architecture or GGUF's `general.architecture`.
    pub architecture: String,
    pub n_layers: usize,
    pub hidden_size: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_dim: usize,
    /// Rows of the logits; ids at or above `n_tokens` (the tokenizer's size) are never sampled.
    pub vocab_size: usize,
    /// Positions the checkpoint was made for.
    pub context_length: usize,
    pub n_parameters: u64,
    pub weight_bytes: u64,
    /// Takes images (and frames of video).
    pub vision: bool,
}

/// A text decoder, with or without a vision tower in front. Called by the engine thread only.
pub trait CausalModel: Send {
    fn info(&self) -> &ModelInfo;

    /// Runs one packed step, writing K and V of its rows into `cache`. Returns `[n_logits, vocab]` f32, rows as in
    /// `batch.logit_rows`.
    fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor>;

    /// Encodes many images of all sizes as one packed batch; outputs in the same order. Text-only models refuse.
    fn encode(&self, pixels: &[Pixels]) -> Result<Vec<VisualFeatures>>;
}
