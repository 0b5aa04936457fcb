//! GPU kernels of the engine and what they need to run: a device with one stream, memory that is handed out without
//! asking the driver, matrix products, graphs. Knows no model.
//!
//! Everything that is launched on a `Device` runs in order, so memory given back is safe to hand out again at once:
//! whoever gets it is launched later. The feature `device` needs nvcc to build; the driver and cuBLAS are looked up when a
//! device is opened, so that a program built with it still starts where there is none.
#![cfg(feature = "device")]

pub mod attention;
mod decode_attention;
mod device;
mod graph;
pub mod lora;
mod matmul;
mod memory;
pub mod mla;
pub mod moe;
pub mod rows;
pub mod sampler;
mod skinny;
pub mod vision;

pub use half::bf16;

pub use decode_attention::{DecodeAttention, FreshTokens, HeadNorms};
pub use device::{Device, Dim, LaunchConfig};
pub use graph::Graph;
pub use matmul::{HeadMatmul, HeadRows, Matmul, Scales};
pub use memory::{Buffer, Pinned, Pool, Slice};
pub use skinny::{Epilogue, Norm, Skinny};

/// What can go wrong on a device.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("no NVIDIA driver was found (libcuda.so.1); install it, or run on the CPU with `--device cpu`")]
    NoDriver,
    #[error("the driver sees no NVIDIA GPU; run on the CPU with `--device cpu`")]
    NoDevice,
    #[error("there is no GPU {index}: the driver sees {count}")]
    NoSuchDevice { index: usize, count: usize },
    #[error("the GPU has compute capability {major}.{minor}; 8.0 (Ampere) or newer is needed")]
    TooOld { major: i32, minor: i32 },
    #[error("cuBLAS was not found (libcublasLt.so); install the CUDA runtime libraries")]
    NoBlas,
    /// Recoverable: whatever was asked for is refused, everything else goes on.
    #[error("out of GPU memory: {wanted} bytes wanted, {available} available")]
    OutOfMemory { wanted: usize, available: usize },
    #[error("{what}: {cause}")]
    Driver { what: &'static str, cause: String },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

fn driver(what: &'static str) -> impl FnOnce(cudarc::driver::result::DriverError) -> Error {
    move |error| Error::Driver { what, cause: error.to_string() }
}
