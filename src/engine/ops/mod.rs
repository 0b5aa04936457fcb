//! The tensor operations that models are written in; the only place that knows which device runs them.
//!
//! Activations are f32 [`Tensor`]s, contiguous, packed `[rows, width]`. On the CPU each operation reaches the slices
//! behind them and calls `ashlar_kernels`; nothing is copied but results. Knows no model.

pub mod attention;
pub mod cache;
mod matrix;
pub mod rope;

use std::sync::Arc;

use ashlar_kernels as kernels;
use candle_core::{CpuStorage, DType, Device, Error, InplaceOp1, Layout, Storage, Tensor, bail};

pub use matrix::{Format, Linear, Matrix, bytes_for};

/// The results of operations; loading has its own errors.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where operations run: the CPU and its threads.
#[derive(Clone)]
pub struct Backend {
    pool: Arc<kernels::Pool>,
}

impl Backend {
    /// `n_threads` threads, the caller's among them.
    pub fn cpu(n_threads: usize) -> Self {
        kernels::memory::keep_freed_memory();
        Self { pool: Arc::new(kernels::Pool::new(n_threads)) }
    }

    pub fn n_threads(&self) -> usize {
        self.pool.n_threads()
    }
}

/// Activation functions; the two GELUs are not interchangeable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Silu,
    GeluTanh,
    GeluErf,
    Tanh,
    Relu,
}

impl Activation {
    /// By the name that `config.json` uses.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "silu" | "swish" => Some(Self::Silu),
            "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" => Some(Self::GeluTanh),
            "gelu" => Some(Self::GeluErf),
            "relu" => Some(Self::Relu),
            "tanh" => Some(Self::Tanh),
            _ => None,
        }
    }
}

/// A tensor of these values on the device.
pub fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Calls `f` with the values of a contiguous f32 tensor, without copying them.
pub fn with_values<R>(t: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = t.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("expected a tensor on the CPU") };
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("expected a contiguous tensor") };
    Ok(f(&storage.as_slice::<f32>()?[start..end]))
}

/// Calls `f` with the values of a contiguous f32 tensor to change them in place.
fn change_values(t: &Tensor, f: impl FnOnce(&mut [f32])) -> Result<()> {
    struct Change<F>(std::cell::Cell<Option<F>>);

    impl<F: FnOnce(&mut [f32])> InplaceOp1 for Change<F> {
        fn name(&self) -> &'static str {
            "change values"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            let CpuStorage::F32(values) = storage else { bail!("expected f32 values") };
            let Some((start, end)) = layout.contiguous_offsets() else { bail!("expected a contiguous tensor") };
            if let Some(f) = self.0.take() {
                f(&mut values[start..end]);
            }
            Ok(())
        }
    }

    debug_assert_eq!(t.dtype(), DType::F32);
    t.inplace_op1(&Change(std::cell::Cell::new(Some(f))))
}

/// `x · rsqrt(mean(x²) + eps) · weight` of every row.
pub struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

impl RmsNorm {
    pub fn new(weight: Vec<f32>, eps: f64) -> Result<Self> {
        let n = weight.len();
        Ok(Self { weight: tensor(weight, &[n])?, eps: eps as f32 })
    }

    pub fn forward(&self, backend: &Backend, x: &Tensor) -> Result<Tensor> {
        let mut out = kernels::memory::for_overwrite(x.elem_count());
        with_values(x, |x| with_values(&self.weight, |w| kernels::rows::rms_norm(&backend.pool, x, w, self.eps, &mut out)))??;
        tensor(out, x.dims())
    }

    /// `residual += x`, then the norm of that sum.
    pub fn add_forward(&self, backend: &Backend, residual: &Tensor, x: &Tensor) -> Result<Tensor> {
        let mut out = kernels::memory::for_overwrite(x.elem_count());
        with_values(x, |x| {
            with_values(&self.weight, |w| {
                change_values(residual, |residual| kernels::rows::add_rms_norm(&backend.pool, residual, x, w, self.eps, &mut out))
            })
        })???;
        tensor(out, x.dims())
    }
}

/// Layer normalisation with biased variance, weight and bias.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, eps: f64) -> Result<Self> {
        let n = weight.len();
        Ok(Self { weight: tensor(weight, &[n])?, bias: tensor(bias, &[n])?, eps: eps as f32 })
    }

    /// Rows are as wide as the weight, whatever the shape of `x`.
    pub fn forward(&self, backend: &Backend, x: &Tensor) -> Result<Tensor> {
        let mut out = kernels::memory::for_overwrite(x.elem_count());
        with_values(x, |x| {
            with_values(&self.weight, |w| {
                with_values(&self.bias, |b| kernels::rows::layer_norm(&backend.pool, x, w, Some(b), self.eps, &mut out))
            })
        })???;
        tensor(out, x.dims())
    }

    /// `residual += x`, then the norm of that sum.
    pub fn add_forward(&self, backend: &Backend, residual: &Tensor, x: &Tensor) -> Result<Tensor> {
        add(backend, residual, x)?;
        self.forward(backend, residual)
    }
}

/// `x += y`.
pub fn add(backend: &Backend, x: &Tensor, y: &Tensor) -> Result<()> {
    with_values(y, |y| change_values(x, |x| kernels::rows::add(&backend.pool, x, y)))?
}

/// `silu(gate) ⊙ up` of rows that hold gate, then up.
pub fn silu_mul(backend: &Backend, gate_up: &Tensor) -> Result<Tensor> {
    let (rows, width) = gate_up.dims2()?;
    let width = width / 2;
    let mut out = kernels::memory::for_overwrite(rows * width);
    with_values(gate_up, |gate_up| kernels::rows::silu_mul(&backend.pool, gate_up, width, &mut out))?;
    tensor(out, &[rows, width])
}

/// Applies the function in place.
pub fn activate(backend: &Backend, activation: Activation, x: &Tensor) -> Result<()> {
    use kernels::rows::Activation as Kernel;
    let kernel = match activation {
        Activation::Silu => Kernel::Silu,
        Activation::GeluTanh => Kernel::GeluTanh,
        Activation::GeluErf => Kernel::GeluErf,
        Activation::Tanh => return change_values(x, |x| x.iter_mut().for_each(|v| *v = v.tanh())),
        Activation::Relu => return change_values(x, |x| x.iter_mut().for_each(|v| *v = v.max(0.0))),
    };
    change_values(x, |x| kernels::rows::activate(&backend.pool, kernel, x))
}

/// Copies `len` rows of `source` from `source_start` over rows of `x` from `start`.
pub fn replace_rows(x: &Tensor, start: usize, source: &Tensor, source_start: usize, len: usize) -> Result<()> {
    let (from, to) = rows(x, start, source, source_start, len)?;
    with_values(source, |source| change_values(x, |x| x[to].copy_from_slice(&source[from])))?
}

/// Adds `len` rows of `source` from `source_start` to rows of `x` from `start`.
pub fn add_rows(backend: &Backend, x: &Tensor, start: usize, source: &Tensor, source_start: usize, len: usize) -> Result<()> {
    let (from, to) = rows(x, start, source, source_start, len)?;
    with_values(source, |source| change_values(x, |x| kernels::rows::add(&backend.pool, &mut x[to], &source[from])))?
}

type Span = std::ops::Range<usize>;

fn rows(x: &Tensor, start: usize, source: &Tensor, source_start: usize, len: usize) -> Result<(Span, Span)> {
    let ((n, width), (n_source, source_width)) = (x.dims2()?, source.dims2()?);
    if width != source_width || start + len > n || source_start + len > n_source {
        bail!("rows {source_start}+{len} of {:?} do not fit rows {start}+{len} of {:?}", source.dims(), x.dims());
    }
    Ok((source_start * width..(source_start + len) * width, start * width..(start + len) * width))
}

/// The given rows of `x`, in order.
pub fn select_rows(x: &Tensor, rows: &[u32]) -> Result<Tensor> {
    let (n, width) = x.dims2()?;
    if let Some(row) = rows.iter().find(|r| **r as usize >= n) {
        bail!("row {row} of {n}");
    }
    let mut out = Vec::with_capacity(rows.len() * width);
    with_values(x, |x| {
        for row in rows {
            out.extend_from_slice(&x[*row as usize * width..][..width]);
        }
    })?;
    tensor(out, &[rows.len(), width])
}
