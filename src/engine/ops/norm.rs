//! Norms of rows.

use ashlar_kernels as kernels;

use super::{Backend, Place, Result, Tensor};

/// `x · rsqrt(mean(x²) + eps) · weight` of every row.
pub struct RmsNorm {
    pub(super) weight: Tensor,
    pub(super) eps: f32,
}

impl RmsNorm {
    pub fn new(backend: &Backend, weight: Vec<f32>, eps: f64) -> Result<Self> {
        let n = weight.len();
        Ok(Self { weight: backend.constant(weight, 1, n)?, eps: eps as f32 })
    }

    pub fn forward(&self, backend: &Backend, x: &Tensor) -> Result<Tensor> {
        match &backend.0 {
            Place::Cpu(cpu) => {
                let mut out = kernels::memory::for_overwrite(x.rows * x.width);
                x.with_values(|x| self.weight.with_values(|w| kernels::rows::rms_norm(&cpu.pool, x, w, self.eps, &mut out)))??;
                Tensor::from_vec(out, x.rows, x.width)
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.rms_norm(x, &self.weight, self.eps),
        }
    }

    /// `x += ` the norm of `y`.
    pub fn add_to(&self, backend: &Backend, x: &Tensor, y: &Tensor) -> Result<()> {
        match &backend.0 {
            Place::Cpu(_) => backend.add(x, &self.forward(backend, y)?),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.add_rms_norm(x, y, &self.weight, self.eps),
        }
    }
}

/// Layer normalisation with biased variance, weight and bias.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    pub fn new(backend: &Backend, weight: Vec<f32>, bias: Vec<f32>, eps: f64) -> Result<Self> {
        let n = weight.len();
        Ok(Self { weight: backend.constant(weight, 1, n)?, bias: backend.constant(bias, 1, n)?, eps: eps as f32 })
    }

    /// Rows are as wide as the weight, whatever the shape of `x`.
    pub fn forward(&self, backend: &Backend, x: &Tensor) -> Result<Tensor> {
        match &backend.0 {
            Place::Cpu(cpu) => {
                let mut out = kernels::memory::for_overwrite(x.rows * x.width);
                x.with_values(|x| {
                    self.weight
                        .with_values(|w| self.bias.with_values(|b| kernels::rows::layer_norm(&cpu.pool, x, w, Some(b), self.eps, &mut out)))
                })???;
                Tensor::from_vec(out, x.rows, x.width)
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.layer_norm(x, None, &self.weight, &self.bias, self.eps),
        }
    }

    /// The norm of `x + y`. `x` may be overwritten.
    pub fn add_forward(&self, backend: &Backend, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        match &backend.0 {
            Place::Cpu(cpu) => {
                y.with_values(|y| x.change_values(|x| kernels::rows::add(&cpu.pool, x, y)))??;
                self.forward(backend, x)
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.layer_norm(x, Some(y), &self.weight, &self.bias, self.eps),
        }
    }
}

impl Backend {
    /// Values `[rows, width]` that are part of the model.
    pub(super) fn constant(&self, values: Vec<f32>, rows: usize, width: usize) -> Result<Tensor> {
        match &self.0 {
            Place::Cpu(_) => Tensor::from_vec(values, rows, width),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.constant(&values, rows, width),
        }
    }
}
