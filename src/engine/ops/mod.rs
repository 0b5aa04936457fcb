//! The tensor operations that models are written in; the only place that knows which device runs them.
//!
//! Activations are packed rows, [`Tensor`]. On the CPU they are f32 and each operation calls `ashlar_kernels` on the slices
//! behind them. On a GPU they are bf16 and each operation is one or two launches of `ashlar_cuda`'s kernels, in order on
//! one stream; nothing waits for the GPU but reading values. Operations are as coarse as the GPU's kernels: a norm with the
//! product behind it, a product with the residual it is added to. Knows no model.

pub mod attention;
pub mod cache;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod linear;
pub mod lora;
pub mod mla;
pub mod moe;
mod norm;
pub mod rope;
pub mod sampling;
mod step;
mod tensor;
pub mod vision;

use ashlar_kernels as kernels;

use cache::KvCache;
use cpu::Cpu;
pub use device::{Device, DeviceMemory, DeviceOptions, Quantization, Reserve, StepLimits};
pub use linear::{Format, Linear, Matrix, Stored, bytes_for, to_f32};
pub use norm::{LayerNorm, RmsNorm};
pub use step::Step;
pub use tensor::Tensor;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    #[error("{0}")]
    Invalid(String),
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Cuda(#[from] ashlar_cuda::Error),
    /// What a device says that has no room, for the engine's tests.
    #[cfg(test)]
    #[error("told to be out of memory")]
    OutOfMemory,
}

impl Error {
    /// The device has no room for this step; a smaller one may go through.
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda(ashlar_cuda::Error::OutOfMemory { .. }) => true,
            #[cfg(test)]
            Self::OutOfMemory => true,
            _ => false,
        }
    }
}

/// The results of operations; loading has its own errors.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Returns [`Error::Invalid`] with a formatted message.
macro_rules! bail {
    ($($message:tt)*) => { return Err($crate::engine::ops::Error::Invalid(format!($($message)*)).into()) };
}
pub(crate) use bail;

/// Where operations run. Cheap to clone.
#[derive(Clone)]
pub struct Backend(Place);

#[derive(Clone)]
enum Place {
    Cpu(Cpu),
    #[cfg(feature = "cuda")]
    Cuda(cuda::Cuda),
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

    fn apply(self, cpu: &Cpu, x: &Tensor) -> Result<()> {
        use kernels::rows::Activation as Kernel;
        let kernel = match self {
            Self::Silu => Kernel::Silu,
            Self::GeluTanh => Kernel::GeluTanh,
            Self::GeluErf => Kernel::GeluErf,
            Self::Tanh => return x.change_values(|x| x.iter_mut().for_each(|v| *v = v.tanh())),
            Self::Relu => return x.change_values(|x| x.iter_mut().for_each(|v| *v = v.max(0.0))),
        };
        x.change_values(|x| kernels::rows::activate(&cpu.pool, kernel, x))
    }
}

impl Backend {
    /// Values `[rows, width]` on the device.
    pub fn tensor(&self, values: Vec<f32>, rows: usize, width: usize) -> Result<Tensor> {
        match &self.0 {
            Place::Cpu(_) => Tensor::from_vec(values, rows, width),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.tensor(&values, rows, width),
        }
    }

    /// Applies the function in place.
    pub fn activate(&self, activation: Activation, x: &Tensor) -> Result<()> {
        match &self.0 {
            Place::Cpu(cpu) => activation.apply(cpu, x),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.activate(activation, x),
        }
    }

    /// Another tensor of the same values.
    pub fn copy(&self, x: &Tensor) -> Result<Tensor> {
        match &self.0 {
            Place::Cpu(cpu) => {
                let mut out = kernels::memory::for_overwrite(x.rows * x.width);
                x.with_values(|x| kernels::rows::copy(&cpu.pool, &mut out, x))?;
                Tensor::from_vec(out, x.rows, x.width)
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.copy(x),
        }
    }

    /// `x += y`.
    pub fn add(&self, x: &Tensor, y: &Tensor) -> Result<()> {
        match &self.0 {
            Place::Cpu(cpu) => y.with_values(|y| x.change_values(|x| kernels::rows::add(&cpu.pool, x, y)))?,
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.add(x, y),
        }
    }

    /// The given rows of `x`, in order.
    pub fn take_rows(&self, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        if let Some(row) = rows.iter().find(|r| **r as usize >= x.rows) {
            bail!("row {row} of {}", x.rows);
        }
        match &self.0 {
            Place::Cpu(_) => {
                let width = x.width;
                let mut out = Vec::with_capacity(rows.len() * width);
                x.with_values(|x| rows.iter().for_each(|row| out.extend_from_slice(&x[*row as usize * width..][..width])))?;
                Tensor::from_vec(out, rows.len(), width)
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.take_rows(x, rows),
        }
    }

    /// The rows of `x` whose logits the step wants, in order.
    pub fn select_rows(&self, x: &Tensor, step: &Step<'_>) -> Result<Tensor> {
        match &self.0 {
            Place::Cpu(_) => self.take_rows(x, &step.batch.logit_rows),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.select_rows(x, step),
        }
    }

    /// Puts visual rows into the batch's rows: their embeddings over the placeholders' (`layer` `None`), or what DeepStack
    /// adds behind a text layer.
    pub fn place_visual_rows(&self, x: &Tensor, step: &Step<'_>, layer: Option<usize>) -> Result<()> {
        if step.batch.visual.is_empty() {
            return Ok(());
        }
        match &self.0 {
            Place::Cpu(cpu) => {
                for span in &step.batch.visual {
                    let (source, adds) = match layer {
                        None => (Some(&span.features.embeddings), false),
                        Some(layer) => (span.features.deepstack.get(layer), true),
                    };
                    let Some(source) = source else { continue };
                    let (start, from, len, width) = (span.row_start, span.feature_start, span.len, x.width);
                    if width != source.width || start + len > x.rows || from + len > source.rows {
                        bail!("visual rows {from}+{len} of {} do not fit rows {start}+{len} of {}", source.rows, x.rows);
                    }
                    source.with_values(|source| {
                        let source = &source[from * width..(from + len) * width];
                        x.change_values(|x| {
                            let x = &mut x[start * width..(start + len) * width];
                            if adds { kernels::rows::add(&cpu.pool, x, source) } else { x.copy_from_slice(source) }
                        })
                    })??;
                }
                Ok(())
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.place_visual_rows(x, step, layer),
        }
    }

    /// A copy of `rows` rows from `start` that outlives the step.
    pub fn keep_rows(&self, x: &Tensor, start: usize, rows: usize) -> Result<Tensor> {
        if start + rows > x.rows {
            bail!("rows {start}+{rows} of {}", x.rows);
        }
        match &self.0 {
            Place::Cpu(_) if rows == x.rows => Ok(x.clone()),
            Place::Cpu(_) => {
                let values = x.with_values(|x_values| x_values[start * x.width..(start + rows) * x.width].to_vec())?;
                Tensor::from_vec(values, rows, x.width)
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.keep_rows(x, start, rows),
        }
    }

    /// Runs `work`, which launches the whole of a step. On a GPU a step that only decodes is recorded once for its number
    /// of rows and replayed from then on.
    pub fn run_step(&self, step: &Step<'_>, cache: &mut KvCache, work: impl FnOnce(&mut KvCache) -> Result<Tensor>) -> Result<Tensor> {
        match &self.0 {
            Place::Cpu(_) => {
                debug_assert_eq!(step.batch.ids.len(), step.batch.positions.len());
                work(cache)
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.run_step(step, || work(cache)),
        }
    }
}
