//! Chameleon: a decoder that reads and writes pictures as tokens of its own vocabulary. Text and pictures are one sequence
//! of ids, so that the decoder ([`decoder`](super::decoder)) knows nothing of pictures; this is what turns them to ids and
//! back.

mod config;
mod pictures;
mod vocabulary;
mod vq;

pub use pictures::{Pictures, no_decoder};
pub use vocabulary::Vocabulary;
