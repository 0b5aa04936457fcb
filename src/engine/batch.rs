//! One packed step: every row of every sequence end to end, described by integers. Nothing is padded past this file.

use std::sync::Arc;

use candle_core::Tensor;

/// Rows of many sequences, `n_tokens` in all. Ranges of sequence `i`: rows `cu_seqlens[i]..cu_seqlens[i + 1]`.
#[derive(Debug, Default)]
pub struct Batch {
    /// `[n_tokens]`; visual placeholder rows hold the placeholder id.
    pub ids: Vec<u32>,
    /// `[n_tokens]` positions on the (t, h, w) axes; equal on all three for text-only models.
    pub positions: Vec<[u32; 3]>,
    /// `[n_seqs + 1]`, starts with 0.
    pub cu_seqlens: Vec<u32>,
    /// `[n_seqs]` keys of each sequence after this step (cached + new).
    pub context_lens: Vec<u32>,
    /// `[n_tokens]` where each row's K and V go: `block * block_size + offset`.
    pub slot_mapping: Vec<u32>,
    /// `[n_seqs]` blocks of each sequence, in order, enough for `context_lens`.
    pub block_tables: Vec<Vec<u32>>,
    /// `[n_logits]` rows whose logits are wanted, ascending.
    pub logit_rows: Vec<u32>,
    /// Visual rows of this step: which rows of which encoded image go to which rows of the batch.
    pub visual: Vec<VisualSpan>,
}

/// `len` rows from `feature_start` of one encoder output replace batch rows from `row_start`.
#[derive(Debug, Clone)]
pub struct VisualSpan {
    pub features: Arc<VisualFeatures>,
    pub feature_start: usize,
    pub row_start: usize,
    pub len: usize,
}

/// What the vision tower gives for one image or clip; kept in the encoder cache.
#[derive(Debug)]
pub struct VisualFeatures {
    /// `[n_tokens, hidden]`, replaces the placeholder embeddings.
    pub embeddings: Tensor,
    /// One `[n_tokens, hidden]` per DeepStack layer, added after text layers 0, 1, ….
    pub deepstack: Vec<Tensor>,
}

impl VisualFeatures {
    pub fn n_bytes(&self) -> usize {
        std::iter::once(&self.embeddings).chain(&self.deepstack).map(|t| t.elem_count() * t.dtype().size_in_bytes()).sum()
    }
}

/// One image or clip ready for the vision tower: normalised patches in the order its model wants.
#[derive(Debug, Clone)]
pub struct Pixels {
    /// `[n_patches, patch_dim]` row-major, f32.
    pub patches: Arc<Vec<f32>>,
    /// Grid (t, h, w) in patches.
    pub grid: [usize; 3],
    /// Placeholder tokens it takes in the prompt.
    pub n_tokens: usize,
    /// Seconds of each group of frames from the start of the clip, `grid[0]` of them; empty for pictures.
    pub frame_times_s: Vec<f32>,
    /// Content hash: file bytes and preprocessing settings.
    pub hash: [u8; 32],
}
