//! The signatures that [`host`](super::host) calls, until the embedder stands here.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};

use super::request::Failure;

pub struct Embedder {}

/// One vector a text, and the tokens read.
pub struct Embedded {
    pub vectors: Vec<Vec<f32>>,
    pub n_tokens: usize,
}

impl Embedder {
    pub fn load(_: &Path) -> Result<Self> {
        bail!("this build has no embedder")
    }

    pub async fn embed(self: &Arc<Self>, _: Vec<String>) -> Result<Embedded, Failure> {
        Err(Failure::Unloaded)
    }

    pub fn memory_bytes(&self) -> u64 {
        0
    }
}
