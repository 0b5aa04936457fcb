//! The GPU's kernels against their CPU twins. Where there is no GPU, each test says so and passes.
//!
//! Sizes are modest, so that the whole runs under `compute-sanitizer` too.
#![cfg(feature = "device")]

mod attention;
mod decode_attention;
mod lora;
mod mla;
mod moe;
mod rows;
mod sampler;
mod skinny;
mod vision;

use std::sync::OnceLock;

use ashlar_cuda::{Buffer, Device};
use half::bf16;

/// The GPU that all tests share, if there is one.
fn device() -> Option<&'static Device> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    let device = DEVICE.get_or_init(|| match Device::open(0) {
        Ok(device) => Some(device),
        Err(error) => {
            eprintln!("skipped, no GPU to run on: {error}");
            None
        }
    });
    device.as_ref()
}

/// Types that are nothing but their bytes.
///
/// # Safety
/// No padding, and any bytes are a value.
unsafe trait Plain: Copy {}
// SAFETY: numbers.
unsafe impl Plain for u8 {}
// SAFETY: numbers.
unsafe impl Plain for u32 {}
// SAFETY: numbers.
unsafe impl Plain for i32 {}
// SAFETY: numbers.
unsafe impl Plain for f32 {}
// SAFETY: numbers.
unsafe impl Plain for bf16 {}
// SAFETY: an array has no padding of its own.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: `Plain` values are bytes through and through.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

fn upload<T: Plain>(device: &Device, values: &[T]) -> Buffer {
    Buffer::from_bytes(device, bytes_of(values)).expect("the GPU has room for a test")
}

fn download<T: Plain>(device: &Device, buffer: &Buffer) -> Vec<T> {
    let mut bytes = vec![0u8; buffer.len()];
    device.download(&mut bytes, buffer.ptr()).expect("the kernels of the test ran");
    // SAFETY: any bytes are a `Plain` value, and the reads need no alignment.
    bytes.chunks_exact(size_of::<T>()).map(|chunk| unsafe { chunk.as_ptr().cast::<T>().read_unaligned() }).collect()
}

/// Numbers that are the same in every run.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    /// Between -1 and 1.
    fn unit(&mut self) -> f32 {
        self.next() as f32 / (1 << 23) as f32 - 1.0
    }

    /// `n` values between `-scale` and `scale` that bf16 has exactly.
    fn values(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| bf16::from_f32(self.unit() * scale).to_f32()).collect()
    }
}

fn to_bf16(values: &[f32]) -> Vec<bf16> {
    values.iter().map(|x| bf16::from_f32(*x)).collect()
}

/// A bf16 result against f32 numbers: a rounding or two apart.
#[track_caller]
fn assert_close(what: &str, got: &[bf16], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let size = want.iter().map(|x| x.abs()).sum::<f32>() / want.len().max(1) as f32;
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (got.to_f32() - want).abs();
        assert!(error <= 0.006 * (want.abs() + 0.1 * size), "{what}: {got} at {i}, {want} expected");
    }
}
