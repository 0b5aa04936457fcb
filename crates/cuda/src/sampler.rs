//! Drawing tokens (`kernels/sampler.cu`): what decides the draws goes to the device in one copy, the results come back in
//! another, and nobody waits until they are asked for.

use std::sync::{Arc, Mutex, PoisonError};

use crate::device::Event;
use crate::{Buffer, Device, LaunchConfig, Pinned, Result, launch};

/// Alternatives of a token that can be reported.
pub const MAX_TOP: usize = 20;

const THREADS: u32 = 1024;
/// Four-byte words of the kernel's `SampleParams`, `Edit` and `SampleResult`.
const PARAMS_WORDS: usize = 16;
const EDIT_WORDS: usize = 5;
const RESULT_WORDS: usize = 3 + 2 * MAX_TOP;
/// Least bytes of a stage, so that few steps need a larger one.
const MIN_STAGE: usize = 256 << 10;

/// How one row's token is drawn.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// 0 = the best token.
    pub temperature: f32,
    /// 0 = off.
    pub top_k: u32,
    pub top_p: f32,
    pub min_p: f32,
    pub repetition: f32,
    pub presence: f32,
    pub frequency: f32,
    pub seed: u64,
    pub position: u64,
    /// The token goes to `last_tokens[slot]` as well.
    pub slot: u32,
    /// Allowed ids, 32 a word; `None` = all.
    pub mask: Option<&'a [u32]>,
    /// At most one for each id.
    pub edits: Vec<Edit>,
    /// Alternatives to report, up to [`MAX_TOP`]; `None` = no log-probabilities.
    pub n_logprobs: Option<u8>,
}

/// What changes the logit of one id.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    pub id: u32,
    pub bias: f32,
    pub n_drawn: u32,
    pub in_prompt: bool,
}

/// f32 rows of `width` in device memory, of which ids below `n_tokens` can be drawn. They are changed.
#[derive(Debug, Clone, Copy)]
pub struct Logits {
    pub ptr: u64,
    pub width: usize,
    pub n_tokens: usize,
}

/// What one row gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// `None`: no token is possible.
    pub id: Option<u32>,
    /// Of the softmax of the raw logits, as are those in `top`; meaningless if none were asked for.
    pub logprob: f32,
    /// Best first.
    pub top: Vec<(u32, f32)>,
}

/// Rows of logits that decide a token together: `row = none + image · (image_row − none_row) + text · (row − image_row)`.
#[derive(Debug, Clone, Copy)]
pub struct Guide {
    /// The row that is changed; it is in no other guide.
    pub row: u32,
    pub image_row: u32,
    pub none_row: u32,
    pub image: f32,
    pub text: f32,
}

impl Guide {
    /// As the kernel reads them.
    pub fn bytes(guides: &[Self]) -> Vec<u8> {
        let words = |g: &Self| [g.row, g.image_row, g.none_row, g.image.to_bits(), g.text.to_bits()];
        guides.iter().flat_map(words).flat_map(u32::to_le_bytes).collect()
    }
}

/// Changes rows of `logits` by `n` guides (on the device).
///
/// # Safety
/// The addresses are valid until the launch has run, and the guides name rows that are there.
pub unsafe fn guide(device: &Device, logits: Logits, guides: u64, n: usize) -> Result<()> {
    if n == 0 {
        return Ok(());
    }
    let config = LaunchConfig { grid: (logits.width.div_ceil(1024) as u32, n as u32, 1), block: (256, 1, 1), shared: 0 };
    // SAFETY: the kernel's parameters; addresses are the caller's.
    unsafe { launch!(device, "guide", config, logits.ptr, logits.width as i32, guides) }
}

/// Draws tokens on one device. Keeps its memory from step to step.
pub struct Sampler {
    device: Device,
    idle: Arc<Mutex<Vec<Stage>>>,
}

/// Memory of one step: what is sent, where it goes with the results behind it, and where those come back to.
struct Stage {
    sent: Pinned,
    on_device: Buffer,
    received: Pinned,
}

impl Stage {
    fn new(device: &Device, sent: usize, received: usize) -> Result<Self> {
        let (sent, received) = (sent.max(MIN_STAGE).next_power_of_two(), received.max(MIN_STAGE).next_power_of_two());
        Ok(Self {
            sent: Pinned::new(device, sent)?,
            on_device: Buffer::new(device, sent + received)?,
            received: Pinned::new(device, received)?,
        })
    }

    fn fits(&self, sent: usize, received: usize) -> bool {
        self.sent.bytes().len() >= sent && self.received.bytes().len() >= received
    }
}

/// Tokens on their way. The device is waited for when it is dropped: its memory is used again.
pub struct Drawing {
    done: Event,
    n_rows: usize,
    stage: Option<Stage>,
    idle: Arc<Mutex<Vec<Stage>>>,
}

impl Sampler {
    pub fn new(device: &Device) -> Self {
        Self { device: device.clone(), idle: Arc::default() }
    }

    /// Draws a token from each row; `last_tokens` is the address of one i32 for each slot.
    pub fn sample(&self, logits: Logits, rows: &[Row<'_>], last_tokens: u64) -> Result<Drawing> {
        let mask_words = logits.n_tokens.min(logits.width).div_ceil(32);
        let n_masks = rows.iter().filter(|row| row.mask.is_some()).count();
        let n_edits: usize = rows.iter().map(|row| row.edits.len()).sum();
        // Sections: parameters, masks, edits; aligned to 8 bytes, as the parameters must be.
        let masks_at = 4 * PARAMS_WORDS * rows.len();
        let edits_at = masks_at + 4 * mask_words * n_masks;
        let n_sent = edits_at + 4 * EDIT_WORDS * n_edits;
        let n_received = 4 * RESULT_WORDS * rows.len();
        let idle = lock(&self.idle).pop().filter(|stage| stage.fits(n_sent, n_received));
        let mut stage = match idle {
            Some(stage) => stage,
            None => Stage::new(&self.device, n_sent, n_received)?,
        };
        fill(&mut stage.sent.bytes_mut()[..n_sent], rows, mask_words);
        let sent = stage.on_device.ptr();
        let results = sent + stage.sent.bytes().len() as u64;
        self.device.upload(sent, &stage.sent.bytes()[..n_sent])?;
        if !rows.is_empty() {
            let config = LaunchConfig::row(rows.len(), THREADS);
            let (masks, edits) = (sent + masks_at as u64, sent + edits_at as u64);
            let (width, n_tokens) = (logits.width as i32, logits.n_tokens as i32);
            // SAFETY: the types are the kernel's, and every section is as long as `fill` made it.
            unsafe { launch!(self.device, "sample", config, logits.ptr, width, n_tokens, sent, masks, edits, last_tokens, results) }?;
        }
        self.device.start_download(&mut stage.received.bytes_mut()[..n_received], results)?;
        Ok(Drawing { done: self.device.record()?, n_rows: rows.len(), stage: Some(stage), idle: Arc::clone(&self.idle) })
    }
}

/// Writes the sections one behind the other.
fn fill(bytes: &mut [u8], rows: &[Row<'_>], mask_words: usize) {
    let mut at = bytes.chunks_exact_mut(4);
    let mut write = |word: u32| {
        if let Some(place) = at.next() {
            place.copy_from_slice(&word.to_le_bytes());
        }
    };
    let (mut n_masks, mut n_edits) = (0, 0);
    for row in rows {
        let mask_row = if row.mask.is_some() { n_masks } else { u32::MAX };
        let words: [u32; PARAMS_WORDS] = [
            row.temperature.to_bits(),
            row.top_p.to_bits(),
            row.min_p.to_bits(),
            row.top_k,
            row.seed as u32,
            (row.seed >> 32) as u32,
            row.position as u32,
            (row.position >> 32) as u32,
            row.slot,
            mask_row,
            n_edits,
            row.edits.len() as u32,
            row.n_logprobs.map_or(u32::MAX, |n| u32::from(n).min(MAX_TOP as u32)),
            row.presence.to_bits(),
            row.frequency.to_bits(),
            row.repetition.to_bits(),
        ];
        words.into_iter().for_each(&mut write);
        n_masks += u32::from(row.mask.is_some());
        n_edits += row.edits.len() as u32;
    }
    for mask in rows.iter().filter_map(|row| row.mask) {
        mask.iter().copied().chain(std::iter::repeat(0)).take(mask_words).for_each(&mut write);
    }
    for edit in rows.iter().flat_map(|row| &row.edits) {
        [edit.id, edit.bias.to_bits(), edit.n_drawn, edit.in_prompt.into(), 0].into_iter().for_each(&mut write);
    }
}

impl Drawing {
    /// Whether [`Self::wait`] returns at once.
    pub fn is_ready(&self) -> bool {
        self.done.is_reached()
    }

    /// One for each row, in order.
    pub fn wait(self) -> Result<Vec<Outcome>> {
        self.done.wait()?;
        let Some(stage) = &self.stage else { return Ok(Vec::new()) };
        Ok(stage.received.bytes().chunks_exact(4 * RESULT_WORDS).take(self.n_rows).map(outcome).collect())
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        // A stage whose work failed may still be written to: it is not used again.
        if self.done.wait().is_ok()
            && let Some(stage) = self.stage.take()
        {
            lock(&self.idle).push(stage);
        }
    }
}

fn outcome(bytes: &[u8]) -> Outcome {
    let word = |i: usize| u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]);
    let n_top = (word(2) as usize).min(MAX_TOP);
    Outcome {
        id: (word(0) as i32 >= 0).then(|| word(0)),
        logprob: f32::from_bits(word(1)),
        top: (0..n_top).map(|i| (word(3 + i), f32::from_bits(word(3 + MAX_TOP + i)))).collect(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
