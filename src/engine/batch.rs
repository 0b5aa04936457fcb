//! One packed step: every row of every sequence end to end, described by integers. Nothing is padded past this file.

use std::ops::Range;
use std::sync::Arc;

use super::ops::Tensor;
use super::ops::cache::{self, BLOCK_SIZE};
use super::ops::lora::{AdapterRows, Updates};
use super::scheduler::{Scheduler, Step};
use super::sequence::SequenceId;

/// Rows of many sequences, `n_tokens` in all. Ranges of sequence `i`: rows `cu_seqlens[i]..cu_seqlens[i + 1]`.
#[derive(Debug, Default)]
pub struct Batch {
    /// `[n_tokens]`; visual placeholder rows hold the placeholder id. Negative: the token that a slot of the cache
    /// remembers, see [`last_token`](super::ops::cache::last_token).
    pub ids: Vec<i32>,
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
    /// Rows that have an adapter, those of each together.
    pub adapters: Vec<AdapterRows>,
}

impl Batch {
    /// Packs a step. `features` gives the encoded form of a sequence's visual input, `adapter` a sequence's adapter; `None` if the
    /// step is broken.
    pub(super) fn fill(
        &mut self,
        step: &Step,
        scheduler: &Scheduler,
        features: impl Fn(SequenceId, usize) -> Option<Arc<VisualFeatures>>,
        adapter: impl Fn(SequenceId) -> Option<Arc<Updates>>,
    ) -> Option<()> {
        self.ids.clear();
        self.positions.clear();
        self.cu_seqlens.clear();
        self.context_lens.clear();
        self.slot_mapping.clear();
        self.logit_rows.clear();
        self.visual.clear();
        self.adapters.clear();
        self.cu_seqlens.push(0);
        self.block_tables.resize_with(step.chunks.len(), Vec::new);
        for (chunk, table) in step.chunks.iter().zip(&mut self.block_tables) {
            let sequence = scheduler.sequence(chunk.id)?;
            let first_row = self.ids.len();
            let end = chunk.start + chunk.len;
            // Whoever follows gets its leader's token.
            let slot = sequence.leader.and_then(|leader| scheduler.sequence(leader)?.slot).unwrap_or(chunk.slot);
            for index in chunk.start..end {
                self.ids.push(sequence.tokens.get(index).map_or(cache::last_token(slot), |id| *id as i32));
                self.positions.push(sequence.position(index));
                let block = sequence.blocks[index / BLOCK_SIZE];
                self.slot_mapping.push(block * BLOCK_SIZE as u32 + (index % BLOCK_SIZE) as u32);
            }
            self.cu_seqlens.push(self.ids.len() as u32);
            self.context_lens.push(end as u32);
            table.clear();
            table.extend_from_slice(&sequence.blocks[..end.div_ceil(BLOCK_SIZE)]);
            if chunk.samples {
                self.logit_rows.push(self.ids.len() as u32 - 1);
            }
            if let Some(updates) = adapter(chunk.id) {
                give_adapter(&mut self.adapters, updates, first_row as u32..self.ids.len() as u32);
            }
            for run in &sequence.visuals {
                if let Some((start, len)) = run.within(chunk.start, end) {
                    self.visual.push(VisualSpan {
                        features: features(chunk.id, run.input)?,
                        feature_start: run.feature_start + start - run.start,
                        row_start: first_row + start - chunk.start,
                        len,
                    });
                }
            }
        }
        Some(())
    }
}

fn give_adapter(adapters: &mut Vec<AdapterRows>, updates: Arc<Updates>, rows: Range<u32>) {
    match adapters.iter_mut().find(|group| Arc::ptr_eq(&group.updates, &updates)) {
        Some(group) => group.rows.extend(rows),
        None => adapters.push(AdapterRows { updates, rows: rows.collect() }),
    }
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
        std::iter::once(&self.embeddings).chain(&self.deepstack).map(Tensor::n_bytes).sum()
    }
}

/// One image or clip ready for the vision tower: frames of the size its model wants.
#[derive(Debug, Clone)]
pub struct Pixels {
    /// `[n_frames, height, width, 3]`; a still picture is one frame, whatever its patches make of it.
    pub rgb: Arc<Vec<u8>>,
    /// Grid (t, h, w) in patches.
    pub grid: [usize; 3],
    /// Placeholder tokens it takes in the prompt.
    pub n_tokens: usize,
    /// Seconds of each group of frames from the start of the clip, `grid[0]` of them; empty for pictures.
    pub frame_times_s: Vec<f32>,
    /// Content hash: file bytes and preprocessing settings.
    pub hash: [u8; 32],
}
