//! CPU kernels of the engine: number crunching on plain slices.
//!
//! | module | what |
//! | --- | --- |
//! | [`Linear`] | a linear layer, dense or quantised: what models hold |
//! | [`quant`] | int8 dot products on GGUF block formats |
//! | [`dense`] | `f32`, `f16` and `bf16` weights |
//! | [`experts`] | mixtures of experts: routing, and the MLPs of all rows' experts as grouped products |
//! | [`low_rank`] | what adapters (LoRA) add to a linear layer, rows with different ones side by side |
//! | [`conv`] | feature maps: convolutions, group norms |
//! | [`attention`] | packed sequences, contiguous or through a paged cache |
//! | [`latent`] | multi-head latent attention, absorbed and expanded |
//! | [`rows`] | norms, rotary embeddings, activations, softmax |
//! | [`sampling`] | passes over rows of logits |
//! | [`vision`] | resampling, patches, position tables |
//! | [`Pool`] | the threads and the instruction set that all of them run on |
//!
//! Tensors are row-major and packed end to end: nothing is padded. Shapes are written `[rows, columns]`.
//!
//! Three promises, each tested: a row of a result does not depend on the other rows of the call (*alone == batched*,
//! *chunked == whole*), nor on the number of threads, nor on the instruction set: the same bits everywhere. They hold
//! because every output element is one chain of fused multiply-adds in an order fixed by the weights' shape alone.
//!
//! This crate knows no tensors of a framework, no models, no sequences beyond their lengths. It is a crate of its own so
//! that the development profile can compile it, and little else, with full optimisation (`docs/adr/0002`).

#![expect(clippy::needless_range_loop, reason = "register tiles are indexed by row and column, as in the formulas")]

mod buffer;
mod cpu;
mod linear;
mod math;
mod pool;
mod simd;

pub mod attention;
pub mod conv;
pub mod dense;
pub mod experts;
pub mod latent;
pub mod low_rank;
pub mod memory;
pub mod quant;
pub mod rows;
pub mod sampling;
pub mod vision;

pub use cpu::Level;
pub use linear::{Error, Input, Linear, grouped};
pub use pool::Pool;
