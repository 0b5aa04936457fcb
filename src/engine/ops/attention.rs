//! Attention over packed rows: causal through the paged cache, or bidirectional inside segments.

use ashlar_kernels::{self as kernels, attention::View};
use candle_core::{Result, Tensor};

use super::{
    Backend,
    cache::{BLOCK_SIZE, LayerCache},
    change_values, tensor, with_values,
};
use crate::engine::batch::Batch;

/// Heads of an attention layer. Query head `h` uses key-value head `h / (n_heads / n_kv_heads)`.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_dim: usize,
}

impl Heads {
    /// Width of a fused row of queries, keys and values.
    pub fn qkv_width(&self) -> usize {
        (self.n_heads + 2 * self.n_kv_heads) * self.head_dim
    }

    fn scale(&self) -> f32 {
        (self.head_dim as f32).powf(-0.5)
    }
}

/// RMS norm of every head of queries and keys, in place, in fused rows.
pub fn norm_heads(backend: &Backend, qkv: &Tensor, heads: Heads, q_weight: &[f32], k_weight: &[f32], eps: f32) -> Result<()> {
    let (rows, stride) = qkv.dims2()?;
    let Heads { n_heads, n_kv_heads, head_dim: dim } = heads;
    change_values(qkv, |x| {
        let q = kernels::rows::Heads { rows, stride, heads: n_heads, dim };
        kernels::rows::rms_norm_heads(&backend.pool, x, q, q_weight, eps);
        let k = kernels::rows::Heads { rows, stride, heads: n_kv_heads, dim };
        kernels::rows::rms_norm_heads(&backend.pool, &mut x[n_heads * dim..], k, k_weight, eps);
    })
}

/// Copies keys and values of fused rows to their slots in the cache.
pub fn store(qkv: &Tensor, heads: Heads, slots: &[u32], layer: &mut LayerCache) -> Result<()> {
    let width = heads.n_kv_heads * heads.head_dim;
    let first = heads.n_heads * heads.head_dim;
    with_values(qkv, |x| {
        for (row, slot) in x.chunks_exact(heads.qkv_width()).zip(slots) {
            let to = *slot as usize * width..(*slot as usize + 1) * width;
            layer.k[to.clone()].copy_from_slice(&row[first..first + width]);
            layer.v[to].copy_from_slice(&row[first + width..]);
        }
    })
}

/// Causal attention of the batch's rows to the cached rows of their sequences, their own among them: `[rows, heads · d]`.
pub fn paged(backend: &Backend, qkv: &Tensor, heads: Heads, batch: &Batch, layer: &LayerCache) -> Result<Tensor> {
    let (rows, stride) = qkv.dims2()?;
    let Heads { n_heads, n_kv_heads, head_dim: dim } = heads;
    let sequences: Vec<_> = (batch.cu_seqlens.windows(2).zip(&batch.context_lens).zip(&batch.block_tables))
        .map(|((rows, context_len), block_table)| kernels::attention::Sequence {
            rows: rows[0] as usize..rows[1] as usize,
            context_len: *context_len as usize,
            block_table,
        })
        .collect();
    let cache = kernels::attention::PagedKv { keys: &layer.k, values: &layer.v, block_size: BLOCK_SIZE, heads: n_kv_heads, dim };
    let mut out = kernels::memory::for_overwrite(rows * n_heads * dim);
    with_values(qkv, |x| {
        let queries = View::new(x, kernels::rows::Heads { rows, stride, heads: n_heads, dim });
        kernels::attention::paged(&backend.pool, queries, &cache, &sequences, heads.scale(), &mut out);
    })?;
    tensor(out, &[rows, n_heads * dim])
}

/// Bidirectional attention inside each segment `cu_seqlens[i]..cu_seqlens[i + 1]` of fused rows: `[rows, heads · d]`.
pub fn segments(backend: &Backend, qkv: &Tensor, heads: Heads, cu_seqlens: &[u32]) -> Result<Tensor> {
    let (rows, stride) = qkv.dims2()?;
    let Heads { n_heads, n_kv_heads, head_dim: dim } = heads;
    let mut out = kernels::memory::for_overwrite(rows * n_heads * dim);
    with_values(qkv, |x| {
        let view = |first: usize, heads: usize| View::new(&x[first * dim..], kernels::rows::Heads { rows, stride, heads, dim });
        let (q, k, v) = (view(0, n_heads), view(n_heads, n_kv_heads), view(n_heads + n_kv_heads, n_kv_heads));
        kernels::attention::varlen(&backend.pool, q, k, v, cu_seqlens, false, heads.scale(), &mut out);
    })?;
    tensor(out, &[rows, n_heads * dim])
}
