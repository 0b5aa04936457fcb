//! The paged KV cache: per layer K and V, or latents that stand for both, as blocks of rows, written by slot and read
//! through block tables; and the token that each running sequence drew last, so that the next step need not wait for the
//! host to see it.

use super::{Backend, Place, Result, bail};

/// Token rows of one block.
pub const BLOCK_SIZE: usize = 32;
/// Sequences whose last tokens are remembered at once.
pub const MAX_SLOTS: usize = 1024;

/// The id that stands in a batch for the token that was drawn last in this slot; ids of tokens are not negative.
pub fn last_token(slot: u32) -> i32 {
    -(slot as i32) - 1
}

/// Storage of every layer: K `[n_blocks, BLOCK_SIZE, key_width]` and V `[n_blocks, BLOCK_SIZE, value_width]`, token-major
/// inside a block; f32 on the CPU, bf16 on a GPU.
pub struct KvCache(pub(super) Storage);

pub(super) enum Storage {
    Cpu(CpuCache),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::PagedCache),
}

pub(super) struct CpuCache {
    pub layers: Vec<LayerCache>,
    /// `[MAX_SLOTS]`
    pub last_tokens: Vec<u32>,
}

pub struct LayerCache {
    pub k: Vec<f32>,
    /// Empty if the keys are latents.
    pub v: Vec<f32>,
}

/// What one token takes in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheShape {
    pub n_layers: usize,
    /// Numbers of all heads' keys, or of a latent.
    pub key_width: usize,
    /// Numbers of all heads' values; 0 for latents, which hold them.
    pub value_width: usize,
}

impl CacheShape {
    /// Bytes of one block over all layers.
    pub fn block_bytes(&self, backend: &Backend) -> usize {
        self.n_layers * (self.key_width + self.value_width) * backend.number_bytes() * BLOCK_SIZE
    }
}

impl KvCache {
    pub fn new(backend: &Backend, shape: CacheShape, n_blocks: usize) -> Result<Self> {
        let storage = match &backend.0 {
            Place::Cpu(_) => {
                let rows = |width: usize| vec![0.0; n_blocks * BLOCK_SIZE * width];
                let layers = (0..shape.n_layers).map(|_| LayerCache { k: rows(shape.key_width), v: rows(shape.value_width) }).collect();
                Storage::Cpu(CpuCache { layers, last_tokens: vec![0; MAX_SLOTS] })
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Storage::Cuda(cuda.paged_cache(shape, n_blocks)?),
        };
        Ok(Self(storage))
    }

    pub(super) fn cpu(&mut self) -> Result<&mut CpuCache> {
        match &mut self.0 {
            Storage::Cpu(cache) => Ok(cache),
            #[cfg(feature = "cuda")]
            Storage::Cuda(_) => bail!("expected a cache on the CPU"),
        }
    }

    /// The token that a batch's id stands for; see [`last_token`]. On the CPU: a GPU looks for itself.
    pub fn resolve(&self, id: i32) -> Result<u32> {
        if id >= 0 {
            return Ok(id as u32);
        }
        let last_tokens = match &self.0 {
            Storage::Cpu(cache) => &cache.last_tokens,
            #[cfg(feature = "cuda")]
            Storage::Cuda(_) => bail!("expected a cache on the CPU"),
        };
        match last_tokens.get(-(id + 1) as usize) {
            Some(token) => Ok(*token),
            None => bail!("id {id} names none of the cache's {MAX_SLOTS} slots"),
        }
    }
}

#[cfg(test)]
impl KvCache {
    /// A layer of a cache on the CPU.
    pub fn layer(&mut self, index: usize) -> &mut LayerCache {
        match &mut self.0 {
            Storage::Cpu(cache) => &mut cache.layers[index],
            #[cfg(feature = "cuda")]
            Storage::Cuda(_) => panic!("the cache is on the GPU"),
        }
    }
}
