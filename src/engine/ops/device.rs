//! Devices: which one runs a model, and what is set aside on it.

use serde::Serialize;

use super::attention::Heads;
use super::cpu::Cpu;
use super::mla::LatentHeads;
use super::{Backend, Error, Place, Result};

/// What a model runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// f32 activations and KV cache
    Cpu,
    /// An NVIDIA GPU: bf16 activations and KV cache
    Cuda,
}

impl Device {
    /// Bytes of one number in activations and KV cache.
    pub const fn number_bytes(self) -> u64 {
        match self {
            Self::Cpu => 4,
            Self::Cuda => 2,
        }
    }
}

/// What this program was built for.
impl Default for Device {
    fn default() -> Self {
        if cfg!(feature = "cuda") { Self::Cuda } else { Self::Cpu }
    }
}

/// Formats of a decoder's matrices that are not the checkpoint's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantization {
    /// 8-bit floats (e4m3): weights scaled by output, activations by token; on GPUs from Hopper on
    Fp8,
}

/// Which device, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeviceOptions {
    pub device: Device,
    /// Number of the GPU.
    pub gpu: usize,
    /// CPU threads; `None` = as many as there are cores.
    pub threads: Option<usize>,
    /// `None` = as the checkpoint has them (bf16 on a GPU).
    pub quantization: Option<Quantization>,
}

/// What the steps of one model may take, set aside before the first.
#[derive(Debug, Clone, Copy)]
pub struct Reserve {
    /// Results of operations, bytes.
    pub scratch: usize,
    /// Rows that outlive their step, bytes.
    pub kept: usize,
    /// Of decoders; encoders have no steps.
    pub steps: Option<StepLimits>,
}

/// The largest step of a decoder.
#[derive(Debug, Clone, Copy)]
pub struct StepLimits {
    pub max_rows: usize,
    pub max_sequences: usize,
    /// Blocks of the longest sequence.
    pub max_blocks: usize,
    pub heads: Heads,
    /// Of latent attention.
    pub latent: Option<LatentHeads>,
    pub vocab_size: usize,
}

/// A device's own memory, bytes.
#[derive(Debug, Clone, Copy)]
pub struct DeviceMemory {
    pub free: usize,
    pub total: usize,
}

impl Backend {
    /// Opens the device; says what to do when it is not there.
    pub fn open(options: &DeviceOptions) -> Result<Self> {
        match options.device {
            Device::Cpu => {
                if options.quantization.is_some() {
                    return Err(Error::Invalid("FP8 is for GPUs; on the CPU use a quantised GGUF file".to_owned()));
                }
                Ok(Self::cpu(options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)))
            }
            #[cfg(feature = "cuda")]
            Device::Cuda => Ok(Self(Place::Cuda(super::cuda::Cuda::open(options.gpu, options.quantization)?))),
            #[cfg(not(feature = "cuda"))]
            Device::Cuda => Err(Error::Invalid(
                "this program was built without GPU support: build it with `cargo build --release --features cuda`, or use `--device cpu`"
                    .to_owned(),
            )),
        }
    }

    /// `n_threads` threads, the caller's among them.
    pub fn cpu(n_threads: usize) -> Self {
        Self(Place::Cpu(Cpu::new(n_threads)))
    }

    /// The same device, with matrices as the checkpoint has them.
    pub fn without_quantization(&self) -> Self {
        match &self.0 {
            Place::Cpu(_) => self.clone(),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Self(Place::Cuda(cuda.without_quantization())),
        }
    }

    pub fn device(&self) -> Device {
        match &self.0 {
            Place::Cpu(_) => Device::Cpu,
            #[cfg(feature = "cuda")]
            Place::Cuda(_) => Device::Cuda,
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        match &self.0 {
            Place::Cpu(_) => "CPU",
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.device().name(),
        }
    }

    /// Launches return before they have run.
    pub fn is_async(&self) -> bool {
        self.device() != Device::Cpu
    }

    /// Bytes of one number of activations and caches.
    pub fn number_bytes(&self) -> usize {
        self.device().number_bytes() as usize
    }

    /// Sets memory aside on a GPU, in place of what was. Nothing of it may be in use. The CPU takes memory as it goes.
    pub fn reserve(&self, reserve: &Reserve) -> Result<()> {
        match &self.0 {
            Place::Cpu(_) => {
                debug_assert!(reserve.steps.is_none_or(|steps| steps.max_rows > 0));
                Ok(())
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.reserve(reserve),
        }
    }

    /// Sets memory aside for adapters on a GPU, before the first is placed. The CPU takes memory as it goes.
    pub fn reserve_adapters(&self, n_bytes: usize) -> Result<()> {
        match &self.0 {
            Place::Cpu(_) => {
                debug_assert!(n_bytes < usize::MAX / 2);
                Ok(())
            }
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.reserve_adapters(n_bytes),
        }
    }

    /// The device's own memory; `None` for the CPU.
    pub fn memory(&self) -> Result<Option<DeviceMemory>> {
        match &self.0 {
            Place::Cpu(_) => Ok(None),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.memory().map(Some),
        }
    }

    /// Waits until everything launched so far has run.
    pub fn synchronize(&self) -> Result<()> {
        match &self.0 {
            Place::Cpu(_) => Ok(()),
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => Ok(cuda.device().synchronize()?),
        }
    }

    /// The most that operations have taken of the reserved scratch memory, bytes; 0 on the CPU.
    pub fn scratch_peak(&self) -> usize {
        match &self.0 {
            Place::Cpu(_) => 0,
            #[cfg(feature = "cuda")]
            Place::Cuda(cuda) => cuda.scratch_peak(),
        }
    }
}
