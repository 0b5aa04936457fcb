//! The paged KV cache: per layer K and V as blocks of rows, written by slot and read through block tables.

use super::{Backend, Place, Result};

/// Token rows of one block.
pub const BLOCK_SIZE: usize = 32;

/// Storage of every layer: K and V `[n_blocks, BLOCK_SIZE, n_kv_heads, head_dim]`, token-major inside a block; f32 on the
/// CPU, bf16 on a GPU.
pub struct KvCache(pub(super) Storage);

pub(super) enum Storage {
    Cpu(Vec<LayerCache>),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::PagedCache),
}

pub struct LayerCache {
    pub k: Vec<f32>,
    pub v: Vec<f32>,
}

/// What one token takes in the cache.
#[derive(Debug, Clone, Copy)]
pub struct CacheShape {
    pub n_layers: usize,
    pub n_kv_heads: usize,
    pub head_dim: usize,
}

impl CacheShape {
    /// Bytes of one block over all layers.
    pub fn block_bytes(&self, backend: &Backend) -> usize {
        2 * self.n_layers * self.n_kv_heads * self.head_dim * backend.number_bytes() * BLOCK_SIZE
    }
}

impl Backend {
    /// Bytes of one number of activations and caches.
    pub fn number_bytes(&self) -> usize {
        match &self.0 {
            Place::Cpu(_) => 4,
            #[cfg(feature = "cuda")]
            Place::Cuda(_) => 2,
        }
    }
}

impl KvCache {
    pub fn new(backend: &Backend, shape: CacheShape, n_blocks: usize) -> Result<Self> {
        let storage = match &backend.0 {
            Place::Cpu(_) => {
                let n = n_blocks * BLOCK_SIZE * shape.n_kv_heads * shape.head_dim;
                Storage::Cpu((0..shape.n_layers).map(|_| LayerCache { k: vec![0.0; n], v: vec![0.0; n] }).collect())
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Storage::Cuda(cuda.paged_cache(shape, n_blocks)?),
        };
        Ok(Self(storage))
    }
}

#[cfg(test)]
impl KvCache {
    /// A layer of a cache on the CPU.
    pub fn layer(&mut self, index: usize) -> &mut LayerCache {
        match &mut self.0 {
            Storage::Cpu(layers) => &mut layers[index],
            #[cfg(feature = "cuda")]
            Storage::Cuda(_) => panic!("the cache is on the GPU"),
        }
    }
}
