//! The inference engine: text and images in, a stream of tokens out.
//!
//! `submit` prepares a request off the engine thread (template, tokens, pixels), one thread per device then runs
//! `schedule → forward → commit` over packed batches. It knows no HTTP, SQL or Redis.

pub mod batch;
mod blocks;
pub mod host;
pub mod image;
pub mod models;
pub mod ops;
mod pending;
pub mod request;
pub mod sampler;
mod scheduler;
mod sequence;
pub mod tokenizer;
pub mod weights;

pub use pending::{Embedded, Embedder, Engine, EngineOptions};
