//! Models against their references, and the invariants that packing, chunks and pages must keep.
mod adapters;
mod assets;
mod chameleon;
mod goldens;
mod gpu;
mod input;
mod invariants;
mod kimi_vl;
mod runner;
mod tiny;

pub use goldens::logits_of;
