//! Attention over packed rows: causal through the paged cache, or bidirectional inside segments.

use ashlar_kernels::{self as kernels, attention::View};

#[cfg(feature = "cuda")]
use super::bail;
use super::cache::{BLOCK_SIZE, KvCache, LayerCache, Storage};
use super::cpu::Cpu;
use super::rope::Angles;
use super::{Backend, Place, Result, Step, Tensor};
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

    pub(super) fn scale(&self) -> f32 {
        (self.head_dim as f32).powf(-0.5)
    }
}

/// Norms over each head of queries and of keys, before the rotation: RMS norms, or layer norms where there are biases.
pub struct HeadNorms {
    pub(super) q: Tensor,
    pub(super) k: Tensor,
    /// Of queries and of keys.
    pub(super) biases: Option<[Tensor; 2]>,
    pub(super) eps: f32,
}

impl HeadNorms {
    /// Weights of `head_dim` numbers.
    pub fn new(backend: &Backend, q: Vec<f32>, k: Vec<f32>, eps: f64) -> Result<Self> {
        let (n_q, n_k) = (q.len(), k.len());
        Ok(Self { q: backend.constant(q, 1, n_q)?, k: backend.constant(k, 1, n_k)?, biases: None, eps: eps as f32 })
    }

    /// Layer norms with a row of weights and biases for each head: `[weight, bias]` of `n_heads · head_dim` numbers.
    pub fn layer(backend: &Backend, q: [Vec<f32>; 2], k: [Vec<f32>; 2], eps: f64) -> Result<Self> {
        let constant = |values: Vec<f32>| {
            let n = values.len();
            backend.constant(values, 1, n)
        };
        let ([q, q_bias], [k, k_bias]) = (q, k);
        let biases = Some([constant(q_bias)?, constant(k_bias)?]);
        Ok(Self { q: constant(q)?, k: constant(k)?, biases, eps: eps as f32 })
    }

    fn apply(&self, cpu: &Cpu, qkv: &Tensor, heads: Heads) -> Result<()> {
        let Heads { n_heads, n_kv_heads, head_dim: dim } = heads;
        let [q_bias, k_bias] = self.biases.as_ref().map_or([None, None], |[q, k]| [Some(q), Some(k)]);
        for (first, heads, weight, bias) in [(0, n_heads, &self.q, q_bias), (n_heads, n_kv_heads, &self.k, k_bias)] {
            let layout = kernels::rows::Heads { rows: qkv.rows, stride: qkv.width, heads, dim };
            weight.with_values(|weight| match bias {
                None => qkv.change_values(|x| kernels::rows::rms_norm_heads(&cpu.pool, &mut x[first * dim..], layout, weight, self.eps)),
                Some(bias) => bias.with_values(|bias| {
                    qkv.change_values(|x| {
                        kernels::rows::layer_norm_heads(&cpu.pool, &mut x[first * dim..], layout, weight, bias, self.eps);
                    })
                })?,
            })??;
        }
        Ok(())
    }
}

/// The causal attention of one layer, from fused rows of queries, keys and values.
pub struct Causal<'a> {
    pub heads: Heads,
    pub norms: Option<&'a HeadNorms>,
    pub angles: &'a Angles,
    /// Of the layer in the cache.
    pub layer: usize,
}

impl Causal<'_> {
    /// Norms and turns queries and keys, puts keys and values into the cache, and lets every row attend to the cached rows
    /// of its sequence, its own among them: `[rows, heads · d]`. `qkv` is overwritten.
    pub fn forward(&self, backend: &Backend, qkv: &Tensor, step: &Step<'_>, cache: &mut KvCache) -> Result<Tensor> {
        match (&backend.0, &mut cache.0) {
            (Place::Cpu(cpu), Storage::Cpu(cache)) => {
                if let Some(norms) = self.norms {
                    norms.apply(cpu, qkv, self.heads)?;
                }
                let Heads { n_heads, n_kv_heads, head_dim } = self.heads;
                // Queries and keys lie side by side in a fused row: both turn in one call.
                self.angles.rotate(backend, qkv, n_heads + n_kv_heads, head_dim)?;
                let layer = &mut cache.layers[self.layer];
                store(qkv, self.heads, &step.batch.slot_mapping, layer)?;
                paged(cpu, qkv, self.heads, step.batch, layer)
            }
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Storage::Cuda(cache)) => cuda.causal(self, qkv, step, cache),
            #[cfg(feature = "cuda")]
            _ => bail!("the cache is on another device"),
        }
    }
}

/// Copies keys and values of fused rows to their slots in the cache.
fn store(qkv: &Tensor, heads: Heads, slots: &[u32], layer: &mut LayerCache) -> Result<()> {
    let width = heads.n_kv_heads * heads.head_dim;
    let first = heads.n_heads * heads.head_dim;
    qkv.with_values(|x| {
        for (row, slot) in x.chunks_exact(heads.qkv_width()).zip(slots) {
            let to = *slot as usize * width..(*slot as usize + 1) * width;
            layer.k[to.clone()].copy_from_slice(&row[first..first + width]);
            layer.v[to].copy_from_slice(&row[first + width..]);
        }
    })
}

/// The sequences of a batch as kernels see them.
pub(super) fn sequences(batch: &Batch) -> Vec<kernels::attention::Sequence<'_>> {
    (batch.cu_seqlens.windows(2).zip(&batch.context_lens).zip(&batch.block_tables))
        .map(|((rows, context_len), block_table)| kernels::attention::Sequence {
            rows: rows[0] as usize..rows[1] as usize,
            context_len: *context_len as usize,
            block_table,
        })
        .collect()
}

fn paged(cpu: &Cpu, qkv: &Tensor, heads: Heads, batch: &Batch, layer: &LayerCache) -> Result<Tensor> {
    let Heads { n_heads, n_kv_heads, head_dim: dim } = heads;
    let cache = kernels::attention::PagedKv { keys: &layer.k, values: &layer.v, block_size: BLOCK_SIZE, heads: n_kv_heads, dim };
    let mut out = kernels::memory::for_overwrite(qkv.rows * n_heads * dim);
    qkv.with_values(|x| {
        let queries = View::new(x, kernels::rows::Heads { rows: qkv.rows, stride: qkv.width, heads: n_heads, dim });
        kernels::attention::paged(&cpu.pool, queries, &cache, &sequences(batch), heads.scale(), &mut out);
    })?;
    Tensor::from_vec(out, qkv.rows, n_heads * dim)
}

/// Bidirectional attention inside each segment `cu_seqlens[i]..cu_seqlens[i + 1]` of fused rows: `[rows, heads · d]`.
pub fn segments(backend: &Backend, qkv: &Tensor, heads: Heads, segments: &Segments) -> Result<Tensor> {
    let Heads { n_heads, n_kv_heads, head_dim: dim } = heads;
    match &backend.0 {
        Place::Cpu(cpu) => {
            let (rows, stride) = (qkv.rows, qkv.width);
            let mut out = kernels::memory::for_overwrite(rows * n_heads * dim);
            qkv.with_values(|x| {
                let view = |first: usize, heads: usize| View::new(&x[first * dim..], kernels::rows::Heads { rows, stride, heads, dim });
                let (q, k, v) = (view(0, n_heads), view(n_heads, n_kv_heads), view(n_heads + n_kv_heads, n_kv_heads));
                kernels::attention::varlen(&cpu.pool, q, k, v, &segments.cu_seqlens, false, heads.scale(), &mut out);
            })?;
            Tensor::from_vec(out, rows, n_heads * dim)
        }
        #[cfg(feature = "cuda")]
        Place::Cuda(cuda) => cuda.segments(qkv, heads, segments),
    }
}

/// Where each segment of packed rows starts, `[n + 1]`, on the device once for all layers.
pub struct Segments {
    pub cu_seqlens: Vec<u32>,
    #[cfg(feature = "cuda")]
    pub(super) device: Option<super::cuda::Tiles>,
}

impl Segments {
    pub fn new(backend: &Backend, cu_seqlens: Vec<u32>) -> Result<Self> {
        match &backend.0 {
            Place::Cpu(_) => Ok(Self {
                cu_seqlens,
                #[cfg(feature = "cuda")]
                device: None,
            }),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => {
                let device = Some(cuda.tiles(&cu_seqlens)?);
                Ok(Self { cu_seqlens, device })
            }
        }
    }
}
