//! What the machine can do at most, through the same operations that models are written in: the rates that every other
//! figure is held against.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

use crate::engine::ops::{Backend, Device, Format, Linear, Stored, Tensor};

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Peaks {
    /// Of a large matrix product, 10¹² operations a second.
    pub tflops: f64,
    /// Of copying a large vector, read and written bytes together, 10⁹ a second.
    pub gbps: f64,
}

/// Sides of the matrices: the product of the largest takes about a millisecond on a large GPU.
const SIDES: [usize; 3] = [1024, 2048, 8192];
/// Larger products are not tried once one took this long.
const ENOUGH_S: f64 = 0.02;
/// Rows and width of what is copied: far more than any cache holds, and on a GPU far more than a launch costs.
const CPU_VECTOR: [usize; 2] = [16_384, 4096];
const GPU_VECTOR: [usize; 2] = [131_072, 4096];

/// Numbers between −1 and 1: processors are faster, and draw less power, on equal ones.
fn noise(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(n).collect()
}

/// What the measurement takes on a device.
pub const SCRATCH_BYTES: usize = 3 << 30;

pub fn measure(backend: &Backend) -> Result<Peaks> {
    let mut tflops = 0f64;
    for side in SIDES {
        let numbers = noise(side * side);
        // The upper half of an f32 is a bf16.
        let bytes: Vec<u8> = numbers.iter().flat_map(|v| [v.to_le_bytes()[2], v.to_le_bytes()[3]]).collect();
        let weight = Stored { format: Format::Bf16, rows: side, bytes: bytes.into() };
        let linear = Linear::new(backend, &[weight], side, None)?;
        let x = backend.tensor(numbers, side, side)?;
        let seconds = best_of(backend, 3, 4, || Ok(linear.forward(backend, &x)?))?;
        tflops = tflops.max(2.0 * (side as f64).powi(3) / seconds / 1e12);
        if seconds > ENOUGH_S {
            break;
        }
    }
    let [rows, width] = match backend.device() {
        Device::Cpu => CPU_VECTOR,
        Device::Cuda => GPU_VECTOR,
    };
    let x = backend.tensor(noise(rows * width), rows, width)?;
    let seconds = best_of(backend, 3, 4, || Ok(backend.copy(&x)?))?;
    Ok(Peaks { tflops, gbps: 2.0 * x.n_bytes() as f64 / seconds / 1e9 })
}

/// Seconds of one `work`: the best of `n` runs of `inner` each, after one that is not counted.
pub fn best_of(backend: &Backend, n: usize, inner: usize, mut work: impl FnMut() -> Result<Tensor>) -> Result<f64> {
    work()?;
    backend.synchronize()?;
    let mut best = f64::INFINITY;
    for _ in 0..n {
        let started = Instant::now();
        for _ in 1..inner {
            work()?;
        }
        work()?;
        backend.synchronize()?;
        best = best.min(started.elapsed().as_secs_f64() / inner as f64);
    }
    Ok(best)
}
