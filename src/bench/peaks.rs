//! What the machine can do at most, through the same operations that models are written in: the rates that every other
//! figure is held against.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

use crate::engine::ops::{Backend, Format, Linear, Stored, Tensor};

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Peaks {
    /// Of a large matrix product, 10¹² operations a second.
    pub tflops: f64,
    /// Of reading two large vectors and writing one, 10⁹ bytes a second.
    pub gbps: f64,
}

/// Sides of the matrices: the product of the largest takes about a millisecond on a large GPU.
const SIDES: [usize; 3] = [1024, 2048, 8192];
/// Larger products are not tried once one took this long.
const ENOUGH_S: f64 = 0.02;
/// A number of the matrices: 2⁻⁷ in bf16.
const WEIGHT: u16 = 0x3c00;
/// Rows and width of what is added: far more than any cache holds.
const VECTOR: [usize; 2] = [16_384, 4096];

/// What the measurement takes on a device.
pub const SCRATCH_BYTES: usize = 1 << 30;

pub fn measure(backend: &Backend) -> Result<Peaks> {
    let mut tflops = 0f64;
    for side in SIDES {
        let weight = Stored { format: Format::Bf16, rows: side, bytes: WEIGHT.to_le_bytes().repeat(side * side).into() };
        let linear = Linear::new(backend, &[weight], side, None)?;
        let x = backend.tensor(vec![0.01; side * side], side, side)?;
        let seconds = best_of(backend, 3, 4, || Ok(linear.forward(backend, &x)?))?;
        tflops = tflops.max(2.0 * (side as f64).powi(3) / seconds / 1e12);
        if seconds > ENOUGH_S {
            break;
        }
    }
    let [rows, width] = VECTOR;
    let x = backend.tensor(vec![0.0; rows * width], rows, width)?;
    let y = backend.tensor(vec![1.0; rows * width], rows, width)?;
    let seconds = best_of(backend, 3, 4, || {
        backend.add(&x, &y)?;
        Ok(x.clone())
    })?;
    Ok(Peaks { tflops, gbps: 3.0 * x.n_bytes() as f64 / seconds / 1e9 })
}

/// Seconds of one `work`: the best of `n` runs of `inner` each, after one that is not counted.
pub fn best_of(backend: &Backend, n: usize, inner: usize, mut work: impl FnMut() -> Result<Tensor>) -> Result<f64> {
    finish(backend, &work()?)?;
    let mut best = f64::INFINITY;
    for _ in 0..n {
        let started = Instant::now();
        for _ in 1..inner {
            work()?;
        }
        finish(backend, &work()?)?;
        best = best.min(started.elapsed().as_secs_f64() / inner as f64);
    }
    Ok(best)
}

/// Waits until the device has computed `x` and everything before it.
fn finish(backend: &Backend, x: &Tensor) -> Result<()> {
    backend.take_rows(x, &[0])?.to_vec()?;
    Ok(())
}
