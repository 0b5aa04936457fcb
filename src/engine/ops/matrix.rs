//! Weight matrices in the formats of checkpoints, and linear layers made of them.

use std::sync::Arc;

pub use ashlar_kernels::quant::Format;
use ashlar_kernels::{self as kernels, Input};
use candle_core::{Error, Result, Tensor, bail};

use super::{Backend, tensor, with_values};

/// A weight matrix `[rows, cols]`, laid out once for the device. Clones share it.
#[derive(Clone)]
pub struct Matrix(Arc<kernels::Linear>);

impl Matrix {
    /// From `rows · cols` numbers stored row by row in `format`, little-endian.
    pub fn new(format: Format, rows: usize, cols: usize, bytes: &[u8]) -> Result<Self> {
        Ok(Self(Arc::new(kernels::Linear::from_gguf(format, bytes, rows, cols).map_err(Error::wrap)?)))
    }

    pub fn rows(&self) -> usize {
        self.0.n()
    }

    pub fn cols(&self) -> usize {
        self.0.k()
    }

    /// Memory it takes.
    pub fn n_bytes(&self) -> usize {
        self.0.n_bytes()
    }

    /// All numbers, row by row.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = kernels::memory::for_overwrite(self.rows() * self.cols());
        for (i, row) in out.chunks_exact_mut(self.cols()).enumerate() {
            self.0.read_row(i, row);
        }
        out
    }

    /// Rows by number: `[ids, cols]` (an embedding table).
    pub fn gather(&self, ids: &[u32]) -> Result<Tensor> {
        let mut out = kernels::memory::for_overwrite(ids.len() * self.cols());
        for (id, row) in ids.iter().zip(out.chunks_exact_mut(self.cols())) {
            if *id as usize >= self.rows() {
                bail!("token id {id} is outside the {} rows of the embedding", self.rows());
            }
            self.0.read_row(*id as usize, row);
        }
        tensor(out, &[ids.len(), self.cols()])
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

/// `y = x · Wᵀ + b`. `W` may be in several pieces, outputs side by side: layers over one input that are stored in
/// different formats.
pub struct Linear {
    pieces: Vec<Matrix>,
    bias: Option<Vec<f32>>,
    n_out: usize,
    n_in: usize,
}

impl Linear {
    /// All matrices have the same number of columns; `bias` is as long as their rows together.
    pub fn new(pieces: Vec<Matrix>, bias: Option<Vec<f32>>) -> Self {
        let n_out = pieces.iter().map(Matrix::rows).sum();
        let n_in = pieces.first().map_or(0, Matrix::cols);
        debug_assert!(pieces.iter().all(|p| p.cols() == n_in));
        debug_assert!(bias.as_ref().is_none_or(|b| b.len() == n_out));
        Self { pieces, bias, n_out, n_in }
    }

    /// `x` is `[rows, in]`, the result `[rows, out]`.
    pub fn forward(&self, backend: &Backend, x: &Tensor) -> Result<Tensor> {
        let n = x.elem_count() / self.n_in;
        if n * self.n_in != x.elem_count() {
            bail!("a linear layer of {} inputs got {:?}", self.n_in, x.dims());
        }
        let mut out = kernels::memory::for_overwrite(n * self.n_out);
        with_values(x, |x| {
            let x = Input::new(x, self.n_in);
            if let [piece] = self.pieces.as_slice() {
                piece.0.matmul(&backend.pool, &x, self.bias.as_deref(), &mut out);
                return;
            }
            let mut column = 0;
            for piece in &self.pieces {
                let width = piece.rows();
                let bias = self.bias.as_ref().map(|b| &b[column..column + width]);
                if n == 1 {
                    piece.0.matmul(&backend.pool, &x, bias, &mut out[column..column + width]);
                } else {
                    let mut part = kernels::memory::for_overwrite(n * width);
                    piece.0.matmul(&backend.pool, &x, bias, &mut part);
                    for (from, to) in part.chunks_exact(width).zip(out.chunks_exact_mut(self.n_out)) {
                        to[column..column + width].copy_from_slice(from);
                    }
                }
                column += width;
            }
        })?;
        tensor(out, &[n, self.n_out])
    }

    /// Width of the result.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Memory it takes.
    pub fn n_bytes(&self) -> usize {
        self.pieces.iter().map(Matrix::n_bytes).sum::<usize>() + self.bias.as_ref().map_or(0, |b| 4 * b.len())
    }
}
