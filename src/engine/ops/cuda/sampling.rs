//! Drawing tokens on the GPU: rows as the kernel takes them, and what it gives back.

use ashlar_cuda::sampler::{self, Drawing, Edit, Logits, Outcome, Row};

use super::super::cache::KvCache;
use super::super::sampling::{Drawn, Guide, Logprobs, SampleRow};
use super::super::{Result, Tensor, bail};
use super::{Cuda, DType, paged};

/// Tokens that the GPU draws.
pub struct Draws {
    drawing: Drawing,
    /// Which rows asked for log-probabilities.
    wants_logprobs: Vec<bool>,
}

impl Cuda {
    pub fn sample(&self, logits: &Tensor, n_tokens: usize, rows: &[SampleRow], cache: &KvCache) -> Result<Draws> {
        let logits = Logits { ptr: logits.ptr(DType::F32)?, width: logits.width, n_tokens };
        let wants_logprobs = rows.iter().map(|row| row.n_logprobs.is_some()).collect();
        let rows: Vec<Row<'_>> = rows.iter().map(row).collect();
        Ok(Draws { drawing: self.0.sampler.sample(logits, &rows, paged(cache)?.last_tokens())?, wants_logprobs })
    }
}

impl Cuda {
    pub fn guide(&self, logits: &Tensor, guides: &[Guide]) -> Result<()> {
        if let Some(guide) = guides.iter().find(|g| g.row.max(g.image_row).max(g.none_row) >= logits.rows) {
            bail!("{guide:?} names a row that is none of {}", logits.rows);
        }
        let guides: Vec<_> = guides
            .iter()
            .map(|g| sampler::Guide {
                row: g.row as u32,
                image_row: g.image_row as u32,
                none_row: g.none_row as u32,
                image: g.image,
                text: g.text,
            })
            .collect();
        let bytes = sampler::Guide::bytes(&guides);
        let sent = self.0.scratch.take(bytes.len())?;
        self.0.device.upload(sent.ptr(), &bytes)?;
        let logits = Logits { ptr: logits.ptr(DType::F32)?, width: logits.width, n_tokens: logits.width };
        // SAFETY: the addresses are the tensor's and the pool's, the rows were checked.
        Ok(unsafe { sampler::guide(&self.0.device, logits, sent.ptr(), guides.len()) }?)
    }
}

impl Draws {
    pub fn is_ready(&self) -> bool {
        self.drawing.is_ready()
    }

    pub fn wait(self) -> Result<Vec<Option<Drawn>>> {
        let outcomes = self.drawing.wait()?.into_iter().zip(self.wants_logprobs);
        let drawn = outcomes.map(|(Outcome { id, logprob, top }, wants_logprobs)| {
            Some(Drawn { id: id?, logprobs: wants_logprobs.then_some(Logprobs { chosen: logprob, top }) })
        });
        Ok(drawn.collect())
    }
}

fn row(row: &SampleRow) -> Row<'_> {
    let edits = row.edits.iter().map(|edit| Edit { id: edit.id, bias: edit.bias, n_drawn: edit.n_drawn, in_prompt: edit.in_prompt });
    Row {
        temperature: row.temperature,
        top_k: row.top_k,
        top_p: row.top_p,
        min_p: row.min_p,
        repetition: row.repetition_penalty,
        presence: row.presence_penalty,
        frequency: row.frequency_penalty,
        seed: row.seed,
        position: row.position,
        slot: row.slot,
        mask: row.mask.as_deref(),
        edits: edits.collect(),
        n_logprobs: row.n_logprobs,
    }
}
