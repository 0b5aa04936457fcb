//! The paged KV cache: per layer K and V as blocks of rows, written by slot and read through block tables.

/// Token rows of one block.
pub const BLOCK_SIZE: usize = 32;

/// Storage of every layer: K and V `[n_blocks, BLOCK_SIZE, n_kv_heads, head_dim]`, f32, token-major inside a block.
pub struct KvCache {
    layers: Vec<LayerCache>,
}

pub struct LayerCache {
    pub k: Vec<f32>,
    pub v: Vec<f32>,
}

impl KvCache {
    pub fn new(n_layers: usize, n_blocks: usize, n_kv_heads: usize, head_dim: usize) -> Self {
        let n = n_blocks * BLOCK_SIZE * n_kv_heads * head_dim;
        let layers = (0..n_layers).map(|_| LayerCache { k: vec![0.0; n], v: vec![0.0; n] }).collect();
        Self { layers }
    }

    pub fn layer(&mut self, index: usize) -> &mut LayerCache {
        &mut self.layers[index]
    }
}
