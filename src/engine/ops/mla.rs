//! Multi-head latent attention through the paged cache, which holds one row a token and layer: the normed latent that keys
//! and values are made of, then the rotated key that all heads share.
//!
//! Long chunks compute keys and values, short ones attend to the latents themselves
//! ([`kernels::latent`]): a prompt cut in chunks gives the same numbers but for rounding.

use ashlar_kernels::{self as kernels, attention::PagedLatents, rows::Pairing};
pub use kernels::latent::LatentHeads;

use super::attention::sequences;
use super::cache::{BLOCK_SIZE, KvCache, Storage};
use super::rope::Angles;
use super::{Backend, Error, Place, Result, RmsNorm, Step, Stored, Tensor, bail};

/// Neighbouring columns of rows, from `first` on.
pub struct Columns {
    pub of: Tensor,
    pub first: usize,
}

impl Columns {
    /// On the CPU, `width` of them without what stands beside them.
    fn values(&self, width: usize) -> Result<Vec<f32>> {
        self.of.with_values(|x| x.chunks_exact(self.of.width).flat_map(|row| &row[self.first..][..width]).copied().collect())
    }
}

/// The attention of a layer between its projections.
pub struct LatentAttention {
    up: Up,
    /// Over the latent.
    norm: RmsNorm,
}

/// What makes keys and values of latents.
enum Up {
    Cpu(kernels::latent::LatentAttention),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::LatentWeights),
}

impl Up {
    fn heads(&self) -> LatentHeads {
        match self {
            Self::Cpu(up) => up.heads(),
            #[cfg(feature = "cuda")]
            Self::Cuda(up) => up.heads(),
        }
    }
}

impl LatentAttention {
    /// `up` is `[n_heads · (nope_dim + value_dim), latent_dim]`: each head's keys, then its values.
    pub fn new(backend: &Backend, heads: LatentHeads, norm: RmsNorm, up: &Stored<'_>) -> Result<Self> {
        match &backend.0 {
            Place::Cpu(_) => {
                let up = kernels::latent::LatentAttention::from_gguf(heads, up.format, &up.bytes);
                Ok(Self { up: Up::Cpu(up.map_err(|e| Error::Invalid(e.to_string()))?), norm })
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Ok(Self { up: Up::Cuda(cuda.latent_weights(heads, up)?), norm }),
        }
    }

    /// Norms and turns, puts the rows' latents into the cache, and lets every row attend to the cached rows of its
    /// sequence, its own among them: `[rows, heads · value_dim]`. `queries` are `[rows, heads · (nope_dim + rope_dim)]`,
    /// `latents` `[rows, latent_dim + rope_dim]`; both may be overwritten.
    pub fn forward(
        &self,
        backend: &Backend,
        (queries, latents): (&Columns, &Columns),
        angles: &Angles,
        layer: usize,
        step: &Step<'_>,
        cache: &mut KvCache,
    ) -> Result<Tensor> {
        let heads = self.up.heads();
        let (width, query_dim) = (heads.cached_dim(), heads.query_dim());
        let (rows, n_values) = (queries.of.rows, heads.n_heads * query_dim);
        if latents.of.rows != rows || latents.of.width < latents.first + width || queries.of.width < queries.first + n_values {
            bail!("latent attention got rows of {} and {}, not of {n_values} and {width}", queries.of.width, latents.of.width);
        }
        match (&backend.0, &mut cache.0, &self.up, angles) {
            (Place::Cpu(cpu), Storage::Cpu(cache), Up::Cpu(up), Angles::Cpu { cos, sin }) => {
                let layer = &mut cache.layers[layer];
                let one = |stride: usize, dim: usize| kernels::rows::Heads { rows, stride, heads: 1, dim };
                let rotate = |x: &mut [f32], stride: usize| {
                    kernels::rows::rope(&cpu.pool, x, one(stride, heads.rope_dim), cos, sin, Pairing::Halves);
                };
                let mut fresh = latents.values(width)?;
                self.norm.weight.with_values(|weight| {
                    kernels::rows::rms_norm_heads(&cpu.pool, &mut fresh, one(width, heads.latent_dim), weight, self.norm.eps);
                })?;
                rotate(&mut fresh[heads.latent_dim..], width);
                for (row, slot) in fresh.chunks_exact(width).zip(&step.batch.slot_mapping) {
                    layer.k[*slot as usize * width..][..width].copy_from_slice(row);
                }
                let mut queries = queries.values(n_values)?;
                (0..heads.n_heads).for_each(|head| rotate(&mut queries[head * query_dim + heads.nope_dim..], n_values));
                let mut out = kernels::memory::for_overwrite(rows * heads.n_heads * heads.value_dim);
                let cached = PagedLatents { latents: &layer.k, block_size: BLOCK_SIZE, dim: width, value_dim: heads.latent_dim };
                up.attend(&cpu.pool, &queries, &cached, &sequences(step.batch), &mut out);
                Tensor::from_vec(out, rows, heads.n_heads * heads.value_dim)
            }
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Storage::Cuda(cache), Up::Cuda(up), angles) => {
                cuda.latent_attention((up, &self.norm), (queries, latents), angles, layer, step, cache)
            }
            #[cfg(feature = "cuda")]
            _ => bail!("the cache is on another device"),
        }
    }
}
