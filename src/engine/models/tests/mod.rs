//! Models against their references, and the invariants that packing, chunks and pages must keep.
mod assets;
mod chameleon;
mod goldens;
mod gpu;
mod input;
mod invariants;
mod runner;
mod tiny;
