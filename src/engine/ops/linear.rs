//! Weight matrices in the formats of checkpoints, and linear layers made of them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

pub use ashlar_kernels::quant::Format;
use ashlar_kernels::{self as kernels, Input};

use super::cache::KvCache;
use super::cpu::Cpu;
use super::step::Step;
use super::{Activation, Backend, Error, Place, Result, RmsNorm, Tensor, bail};

/// A weight matrix `[rows, cols]` where a device wants it. Clones share it.
#[derive(Clone)]
pub struct Matrix {
    data: Data,
    rows: usize,
    cols: usize,
}

#[derive(Clone)]
enum Data {
    Cpu(Arc<kernels::Linear>),
    #[cfg(feature = "cuda")]
    Cuda(Arc<super::cuda::Weight>),
}

/// Rows of a matrix as a checkpoint stores them.
#[derive(Clone)]
pub struct Stored<'a> {
    pub format: Format,
    pub rows: usize,
    /// Little-endian, row by row.
    pub bytes: Cow<'a, [u8]>,
}

impl Stored<'_> {
    /// Columns of this matrix, which has `cols`, as the rows of another.
    pub fn transposed(&self, cols: usize, columns: Range<usize>) -> Result<Stored<'static>> {
        if self.format.block_len() > 1 {
            bail!("a matrix in {:?} can't be transposed", self.format);
        }
        let rows = columns.len();
        let bytes = match self.format.block_bytes() {
            2 => transpose::<2>(&self.bytes, self.rows, cols, columns),
            _ => transpose::<4>(&self.bytes, self.rows, cols, columns),
        };
        Ok(Stored { format: self.format, rows, bytes: bytes.into() })
    }
}

/// Columns of `rows` rows of `cols` numbers of `N` bytes.
fn transpose<const N: usize>(bytes: &[u8], rows: usize, cols: usize, columns: Range<usize>) -> Vec<u8> {
    let (numbers, _) = bytes.as_chunks::<N>();
    let mut out = vec![[0; N]; columns.len() * rows];
    // Thirty-two rows at a time, so that both sides stay in cache.
    for first in (0..rows).step_by(32) {
        let block = first..(first + 32).min(rows);
        for (to, column) in out.chunks_exact_mut(rows).zip(columns.clone()) {
            to[block.clone()].iter_mut().zip(numbers[first * cols..].chunks_exact(cols)).for_each(|(to, row)| *to = row[column]);
        }
    }
    out.into_flattened()
}

/// All numbers of a stored matrix of `cols` columns, row by row.
pub fn to_f32(stored: &Stored<'_>, cols: usize) -> Result<Vec<f32>> {
    let matrix = on_cpu(stored, cols)?;
    let mut out = kernels::memory::for_overwrite(stored.rows * cols);
    for (i, row) in out.chunks_exact_mut(cols.max(1)).enumerate() {
        matrix.read_row(i, row);
    }
    Ok(out)
}

pub(super) fn on_cpu(stored: &Stored<'_>, cols: usize) -> Result<kernels::Linear> {
    kernels::Linear::from_gguf(stored.format, &stored.bytes, stored.rows, cols).map_err(|e| Error::Invalid(e.to_string()))
}

impl Matrix {
    pub fn new(backend: &Backend, stored: &Stored<'_>, cols: usize) -> Result<Self> {
        let data = match &backend.0 {
            Place::Cpu(_) => Data::Cpu(Arc::new(on_cpu(stored, cols)?)),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Data::Cuda(Arc::new(cuda.weight(std::slice::from_ref(stored), cols)?)),
        };
        Ok(Self { data, rows: stored.rows, cols })
    }

    /// Rows by number: `[ids, cols]` (an embedding table).
    pub fn gather(&self, backend: &Backend, ids: &[u32]) -> Result<Tensor> {
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.rows) {
            bail!("id {id} is outside the {} rows of the embedding", self.rows);
        }
        match (&backend.0, &self.data) {
            (Place::Cpu(_), Data::Cpu(matrix)) => {
                let mut out = kernels::memory::for_overwrite(ids.len() * self.cols);
                for (id, row) in ids.iter().zip(out.chunks_exact_mut(self.cols)) {
                    matrix.read_row(*id as usize, row);
                }
                Tensor::from_vec(out, ids.len(), self.cols)
            }
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Data::Cuda(weight)) => cuda.gather(weight, ids, self.cols),
            #[cfg(feature = "cuda")]
            _ => bail!("the embedding is on another device"),
        }
    }

    /// The rows of the step's tokens: `[n_tokens, cols]`.
    pub fn embed(&self, backend: &Backend, step: &Step<'_>, cache: &KvCache) -> Result<Tensor> {
        match (&backend.0, &self.data) {
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Data::Cuda(weight)) => cuda.embed(weight, step, cache, self.rows, self.cols),
            _ => {
                let ids: Vec<u32> = step.batch.ids.iter().map(|id| cache.resolve(*id)).collect::<Result<_>>()?;
                self.gather(backend, &ids)
            }
        }
    }
}

/// Bytes of a tensor of this shape; `None` if its rows are not whole blocks or the size overflows.
pub fn bytes_for(format: Format, shape: &[usize]) -> Option<usize> {
    let n = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
    let row = shape.last().copied().unwrap_or(1);
    if !row.is_multiple_of(format.block_len()) {
        return None;
    }
    (n / format.block_len()).checked_mul(format.block_bytes())
}

/// `y = x · Wᵀ + b`.
pub struct Linear {
    weight: Weight,
    n_out: usize,
    n_in: usize,
}

enum Weight {
    /// `W` may be in several pieces, outputs side by side: layers over one input that are stored in different formats.
    Cpu { pieces: Vec<Arc<kernels::Linear>>, bias: Option<Vec<f32>> },
    #[cfg(feature = "cuda")]
    Cuda { weight: Arc<super::cuda::Weight>, bias: Option<Tensor> },
}

impl Linear {
    /// The matrices' outputs lie side by side; `bias` is as long as their rows together.
    pub fn new(backend: &Backend, parts: &[Stored<'_>], n_in: usize, bias: Option<Vec<f32>>) -> Result<Self> {
        let n_out = parts.iter().map(|part| part.rows).sum();
        debug_assert!(bias.as_ref().is_none_or(|b| b.len() == n_out));
        let weight = match &backend.0 {
            Place::Cpu(_) => {
                let pieces = parts.iter().map(|part| on_cpu(part, n_in).map(Arc::new)).collect::<Result<_>>()?;
                Weight::Cpu { pieces, bias }
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => {
                let bias = bias.map(|bias| cuda.constant(&bias, 1, n_out)).transpose()?;
                Weight::Cuda { weight: Arc::new(cuda.linear_weight(parts, n_in)?), bias }
            }
        };
        Ok(Self { weight, n_out, n_in })
    }

    /// A layer that shares its weight with an embedding table.
    pub fn tied(matrix: &Matrix) -> Self {
        let weight = match &matrix.data {
            Data::Cpu(piece) => Weight::Cpu { pieces: vec![Arc::clone(piece)], bias: None },
            #[cfg(feature = "cuda")]
            Data::Cuda(weight) => Weight::Cuda { weight: Arc::clone(weight), bias: None },
        };
        Self { weight, n_out: matrix.rows, n_in: matrix.cols }
    }

    /// Width of the result.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// The matrix on the GPU, of a layer without a bias.
    #[cfg(feature = "cuda")]
    pub(super) fn cuda_weight(&self) -> Result<&super::cuda::Weight> {
        match &self.weight {
            Weight::Cuda { weight, bias: None } => Ok(weight),
            Weight::Cuda { .. } => bail!("expected a layer without a bias"),
            Weight::Cpu { .. } => bail!("the layer is on another device"),
        }
    }

    fn check(&self, x: &Tensor) -> Result<()> {
        if x.width != self.n_in {
            bail!("a linear layer of {} inputs got rows of {}", self.n_in, x.width);
        }
        Ok(())
    }

    /// `x` is `[rows, in]`, the result `[rows, out]`.
    pub fn forward(&self, backend: &Backend, x: &Tensor) -> Result<Tensor> {
        self.check(x)?;
        match (&backend.0, &self.weight) {
            (Place::Cpu(cpu), Weight::Cpu { pieces, bias }) => on_pieces(cpu, pieces, bias.as_deref(), x, self.n_out),
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Weight::Cuda { weight, bias }) => cuda.linear(weight, bias.as_ref(), x, self.n_out),
            #[cfg(feature = "cuda")]
            _ => bail!("the layer is on another device"),
        }
    }

    /// The layer over the norm of `x`.
    pub fn forward_normed(&self, backend: &Backend, x: &Tensor, norm: &RmsNorm) -> Result<Tensor> {
        match (&backend.0, &self.weight) {
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Weight::Cuda { weight, bias }) => cuda.normed_linear(weight, bias.as_ref(), x, norm, self.n_out),
            _ => self.forward(backend, &norm.forward(backend, x)?),
        }
    }

    /// `x += ` the layer `down` over `silu(gate) ⊙ up`, where this layer over the norm of `x` gives rows of gate, then up.
    pub fn add_gated(&self, backend: &Backend, x: &Tensor, norm: &RmsNorm, down: &Self) -> Result<()> {
        match (&backend.0, &self.weight, &down.weight) {
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Weight::Cuda { weight, bias }, Weight::Cuda { weight: down, bias: down_bias }) => {
                cuda.add_gated((weight, bias.as_ref()), (down, down_bias.as_ref()), x, norm, self.n_out / 2)
            }
            (Place::Cpu(cpu), _, _) => {
                let gate_up = self.forward_normed(backend, x, norm)?;
                down.forward_add(backend, &silu_mul(cpu, &gate_up)?, x)
            }
            #[cfg(feature = "cuda")]
            _ => bail!("the layer is on another device"),
        }
    }

    /// The layer `down` over `silu(gate) ⊙ up`, where this layer over `x` itself gives rows of gate, then up.
    pub fn gated(&self, backend: &Backend, x: &Tensor, down: &Self) -> Result<Tensor> {
        match (&backend.0, &self.weight) {
            (Place::Cpu(cpu), _) => down.forward(backend, &silu_mul(cpu, &self.forward(backend, x)?)?),
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Weight::Cuda { weight, bias }) => {
                self.check(x)?;
                down.forward(backend, &cuda.gated(weight, bias.as_ref(), x, self.n_out / 2)?)
            }
            #[cfg(feature = "cuda")]
            _ => bail!("the layer is on another device"),
        }
    }

    /// `residual += ` the layer over `x`.
    pub fn forward_add(&self, backend: &Backend, x: &Tensor, residual: &Tensor) -> Result<()> {
        match (&backend.0, &self.weight) {
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Weight::Cuda { weight, bias }) => {
                self.check(x)?;
                cuda.add_linear(weight, bias.as_ref(), x, residual)
            }
            (Place::Cpu(cpu), _) => {
                let y = self.forward(backend, x)?;
                y.with_values(|y| residual.change_values(|x| kernels::rows::add(&cpu.pool, x, y)))?
            }
            #[cfg(feature = "cuda")]
            _ => bail!("the layer is on another device"),
        }
    }

    /// The activation of the layer over `x`.
    pub fn forward_activated(&self, backend: &Backend, x: &Tensor, activation: Activation) -> Result<Tensor> {
        match (&backend.0, &self.weight) {
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Weight::Cuda { weight, bias }) => {
                self.check(x)?;
                cuda.activated_linear(weight, bias.as_ref(), x, activation, self.n_out)
            }
            _ => {
                let y = self.forward(backend, x)?;
                backend.activate(activation, &y)?;
                Ok(y)
            }
        }
    }

    /// The layer over the norm of `x`, as f32: `[rows, out]`. The result lives until the next call.
    pub fn logits(&self, backend: &Backend, x: &Tensor, norm: &RmsNorm) -> Result<Tensor> {
        match (&backend.0, &self.weight) {
            #[cfg(feature = "cuda")]
            (Place::Cuda(cuda), Weight::Cuda { weight, .. }) => cuda.logits(weight, x, norm, self.n_out),
            _ => self.forward_normed(backend, x, norm),
        }
    }
}

impl Backend {
    /// `silu(gate) ⊙ up` of rows of gate, then up.
    pub(super) fn silu_mul(&self, gate_up: &Tensor) -> Result<Tensor> {
        match &self.0 {
            Place::Cpu(cpu) => silu_mul(cpu, gate_up),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.silu_mul(gate_up),
        }
    }
}

fn silu_mul(cpu: &Cpu, gate_up: &Tensor) -> Result<Tensor> {
    let (rows, width) = (gate_up.rows, gate_up.width / 2);
    let mut out = kernels::memory::for_overwrite(rows * width);
    gate_up.with_values(|gate_up| kernels::rows::silu_mul(&cpu.pool, gate_up, width, &mut out))?;
    Tensor::from_vec(out, rows, width)
}

fn on_pieces(cpu: &Cpu, pieces: &[Arc<kernels::Linear>], bias: Option<&[f32]>, x: &Tensor, n_out: usize) -> Result<Tensor> {
    let n = x.rows;
    let mut out = kernels::memory::for_overwrite(n * n_out);
    x.with_values(|values| {
        let input = Input::new(values, x.width);
        let mut column = 0;
        for piece in pieces {
            let width = piece.n();
            let bias = bias.map(|b| &b[column..column + width]);
            if n == 1 || width == n_out {
                piece.matmul(&cpu.pool, &input, bias, &mut out[column..][..n * width]);
            } else {
                let mut part = kernels::memory::for_overwrite(n * width);
                piece.matmul(&cpu.pool, &input, bias, &mut part);
                for (from, to) in part.chunks_exact(width).zip(out.chunks_exact_mut(n_out)) {
                    to[column..column + width].copy_from_slice(from);
                }
            }
            column += width;
        }
    })?;
    Tensor::from_vec(out, n, n_out)
}
