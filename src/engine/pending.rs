//! The signatures that [`host`](super::host) calls, until the engine core and the embedder stand here.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};

use super::request::{Failure, Generation, Input, Request, Tool};

#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    pub threads: Option<usize>,
    pub kv_cache_mb: usize,
    pub queue_limit: usize,
}

impl EngineOptions {
    pub fn context_size(&self, context_length: usize) -> usize {
        context_length
    }
}

#[derive(Clone)]
pub struct Engine {}

impl Engine {
    pub fn load(_: &Path, _: &EngineOptions) -> Result<Self> {
        bail!("this build has no engine")
    }

    pub async fn submit(&self, _: Request) -> Result<Generation, Failure> {
        Err(Failure::Unloaded)
    }

    pub fn count_tokens(&self, _: &Input, _: &[Tool]) -> Result<usize, Failure> {
        Err(Failure::Unloaded)
    }

    pub fn memory_bytes(&self) -> u64 {
        0
    }
}

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
