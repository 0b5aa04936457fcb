//! Adapters (LoRA): what they add to a decoder's linear layers, for the rows of a step that have one.
//!
//! `y += scale · (x · Aᵀ) · Bᵀ`, rows of many adapters side by side. Rows without one are not touched, and a step without
//! any runs what it would run if there were none.

use std::sync::Arc;

use ashlar_kernels::{self as kernels, low_rank};

use super::linear::on_cpu;
use super::{Backend, Linear, Place, Result, RmsNorm, Step, Stored, Tensor, bail};

/// Widest update of a layer.
pub const MAX_RANK: usize = 256;

/// An adapter's matrices for one part of an [`Adapted`] layer as a file stores them: `a` `[rank, n_in]`, `b` `[n_out, rank]`.
pub struct StoredUpdate<'a> {
    /// Number of the layer.
    pub layer: usize,
    /// Number of the part, and its first output.
    pub part: usize,
    pub column: usize,
    pub n_in: usize,
    pub n_out: usize,
    pub rank: usize,
    pub scale: f32,
    pub a: Stored<'a>,
    pub b: Stored<'a>,
}

/// An adapter's updates of all layers, where a device wants them.
pub struct Updates {
    held: Held,
    n_bytes: usize,
}

enum Held {
    /// By the number of the layer.
    Cpu(Vec<Vec<low_rank::LowRank>>),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::Updates),
}

impl std::fmt::Debug for Updates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Updates").field("n_bytes", &self.n_bytes).finish_non_exhaustive()
    }
}

impl Updates {
    /// Memory they take.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }
}

/// Updates on their way to the device. Made on any thread; put in place by the one that runs steps.
pub struct Prepared(Packed);

enum Packed {
    Cpu(Updates),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::PackedUpdates),
}

impl Prepared {
    /// Of a model with `n_layers` adapted layers.
    pub fn new(backend: &Backend, n_layers: usize, stored: &[StoredUpdate<'_>]) -> Result<Self> {
        match &backend.0 {
            Place::Cpu(_) => {
                let mut layers: Vec<Vec<low_rank::LowRank>> = (0..n_layers).map(|_| Vec::new()).collect();
                let mut n_bytes = 0;
                for update in stored {
                    let matrix = |stored: &Stored<'_>, cols: usize| -> Result<_> {
                        match on_cpu(stored, cols)? {
                            kernels::Linear::Dense(matrix) => Ok(matrix),
                            kernels::Linear::Quantized(_) => bail!("adapters are not quantised"),
                        }
                    };
                    let (a, b) = (matrix(&update.a, update.n_in)?, matrix(&update.b, update.rank)?);
                    n_bytes += a.n_bytes() + b.n_bytes();
                    layers[update.layer].push(low_rank::LowRank { a, b, scale: update.scale, column: update.column });
                }
                Ok(Self(Packed::Cpu(Updates { held: Held::Cpu(layers), n_bytes })))
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(_) => Ok(Self(Packed::Cuda(super::cuda::PackedUpdates::new(n_layers, stored)?))),
        }
    }

    /// Between two steps.
    pub fn place(self, backend: &Backend) -> Result<Updates> {
        match (self.0, &backend.0) {
            (Packed::Cpu(updates), Place::Cpu(_)) => Ok(updates),
            #[cfg(feature = "cuda")]
            (Packed::Cuda(packed), Place::Cuda(cuda)) => {
                let n_bytes = packed.n_bytes();
                Ok(Updates { held: Held::Cuda(cuda.place_updates(&packed)?), n_bytes })
            }
            #[cfg(feature = "cuda")]
            _ => bail!("the adapter is for another device"),
        }
    }
}

/// Rows of a step that have the same adapter.
#[derive(Debug, Clone)]
pub struct AdapterRows {
    pub updates: Arc<Updates>,
    /// Ascending.
    pub rows: Vec<u32>,
}

#[cfg(feature = "cuda")]
impl AdapterRows {
    pub(super) fn on_gpu(&self) -> Result<&super::cuda::Updates> {
        match &self.updates.held {
            Held::Cuda(updates) => Ok(updates),
            Held::Cpu(_) => bail!("the adapter is on another device"),
        }
    }
}

/// A linear layer that adapters may change.
pub struct Adapted {
    linear: Linear,
    /// Number of the layer in [`Updates`].
    index: usize,
    /// Outputs of its parts, side by side.
    widths: Vec<usize>,
}

impl Adapted {
    pub fn new(linear: Linear, index: usize, widths: Vec<usize>) -> Self {
        Self { linear, index, widths }
    }

    /// The layer without what adapters add.
    #[cfg(feature = "cuda")]
    pub(super) fn linear(&self) -> &Linear {
        &self.linear
    }

    /// Whether rows of the step have updates of this layer. On a GPU, whether they have any: a recorded step is replayed
    /// with other adapters.
    pub(super) fn is_changed(&self, step: &Step<'_>) -> bool {
        step.batch.adapters.iter().any(|group| match &group.updates.held {
            Held::Cpu(layers) => !layers[self.index].is_empty(),
            #[cfg(feature = "cuda")]
            Held::Cuda(_) => true,
        })
    }

    /// Adds the updates of `x` to `y`, rows of this layer's results or what they were added to.
    fn update(&self, backend: &Backend, x: &Tensor, y: &Tensor, step: &Step<'_>) -> Result<()> {
        if !self.is_changed(step) {
            return Ok(());
        }
        match &backend.0 {
            Place::Cpu(cpu) => {
                debug_assert_eq!(self.widths.iter().sum::<usize>(), y.width);
                #[cfg_attr(not(feature = "cuda"), expect(clippy::unnecessary_filter_map, reason = "there are other places with CUDA"))]
                let groups: Vec<_> = step
                    .batch
                    .adapters
                    .iter()
                    .filter_map(|group| match &group.updates.held {
                        Held::Cpu(layers) => Some(low_rank::Group { rows: &group.rows, updates: &layers[self.index] }),
                        #[cfg(feature = "cuda")]
                        Held::Cuda(_) => None,
                    })
                    .collect();
                x.with_values(|x_values| {
                    y.change_values(|y_values| low_rank::add(&cpu.pool, &groups, x_values, x.width, y_values, y.width))
                })?
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.update(self.index, &self.widths, x, y, step),
        }
    }

    /// `x` is `[rows, in]`, the result `[rows, out]`.
    pub fn forward(&self, backend: &Backend, x: &Tensor, step: &Step<'_>) -> Result<Tensor> {
        let y = self.linear.forward(backend, x)?;
        self.update(backend, x, &y, step)?;
        Ok(y)
    }

    /// The layer over the norm of `x`.
    pub fn forward_normed(&self, backend: &Backend, x: &Tensor, norm: &RmsNorm, step: &Step<'_>) -> Result<Tensor> {
        match self.is_changed(step) {
            false => self.linear.forward_normed(backend, x, norm),
            true => self.forward(backend, &norm.forward(backend, x)?, step),
        }
    }

    /// `residual += ` the layer over `x`.
    pub fn forward_add(&self, backend: &Backend, x: &Tensor, residual: &Tensor, step: &Step<'_>) -> Result<()> {
        self.linear.forward_add(backend, x, residual)?;
        self.update(backend, x, residual, step)
    }

    /// `x += ` the layer `down` over `silu(gate) ⊙ up`, where this layer over the norm of `x` gives rows of gate, then up.
    pub fn add_gated(&self, backend: &Backend, x: &Tensor, norm: &RmsNorm, down: &Self, step: &Step<'_>) -> Result<()> {
        match self.is_changed(step) || down.is_changed(step) {
            false => self.linear.add_gated(backend, x, norm, &down.linear),
            true => self.add_gated_of(backend, &norm.forward(backend, x)?, x, down, step),
        }
    }

    /// As [`add_gated`](Self::add_gated), of rows that are normed already.
    pub(super) fn add_gated_of(&self, backend: &Backend, normed: &Tensor, x: &Tensor, down: &Self, step: &Step<'_>) -> Result<()> {
        down.forward_add(backend, &backend.silu_mul(&self.forward(backend, normed, step)?)?, x, step)
    }

    /// The layer `down` over `silu(gate) ⊙ up`, where this layer over `x` itself gives rows of gate, then up.
    pub fn gated(&self, backend: &Backend, x: &Tensor, down: &Self, step: &Step<'_>) -> Result<Tensor> {
        match self.is_changed(step) || down.is_changed(step) {
            false => self.linear.gated(backend, x, &down.linear),
            true => down.forward(backend, &backend.silu_mul(&self.forward(backend, x, step)?)?, step),
        }
    }
}
