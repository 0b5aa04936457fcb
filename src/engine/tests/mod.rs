//! The engine as a whole: the invariants with an exact stand-in for a model, and the bundled model against its goldens.
mod adapters;
mod bundled;
mod chameleon;
mod fake;
mod goldens;
mod invariants;

use std::path::{Path, PathBuf};

use super::request::{Done, Event, Failure, Generation, Image, ToolCall};
use super::reserve::Budget;
use super::worker::Mode;

/// Steps one after the other, as on the CPU, and each launched before the one before it is committed, as on a device
/// that computes by itself. Both look at every invariant after every step.
const MODES: [Mode; 2] = [Mode { pipelined: false, checks: true }, Mode { pipelined: true, checks: true }];

pub(super) fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ashlar-tiny")
}

/// All that a generation gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub images: Vec<Image>,
    pub n_logprobs: usize,
    pub done: Done,
}

pub(super) async fn read(mut generation: Generation) -> Result<Answer, Failure> {
    let (mut text, mut calls, mut images, mut n_logprobs) = (String::new(), Vec::new(), Vec::new(), 0);
    while let Some(event) = generation.next().await {
        match event? {
            Event::Text { text: piece, logprobs } => {
                text.push_str(&piece);
                n_logprobs += logprobs.len();
            }
            Event::ToolCall(call) => calls.push(call),
            Event::Image(image) => images.push(image),
            Event::Done(done) => return Ok(Answer { text, calls, images, n_logprobs, done }),
        }
    }
    panic!("the generation ended without saying why");
}

/// So many blocks, and room for a few pictures.
fn budget(n_blocks: usize) -> Budget {
    Budget { n_blocks, encoder_cache_bytes: 256 << 20 }
}
