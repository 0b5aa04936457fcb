//! Kernels against plain references, and the promise that bits depend on nothing but the row.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod attention;
mod conv;
mod experts;
mod formats;
mod latent;
mod low_rank;
mod matmul;
mod rows;

use ashlar_kernels::{Level, Pool};

/// SplitMix64: numbers that look random and never change.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Roughly normal, variance one.
    pub fn normal(&mut self) -> f32 {
        let sum = (0..12).map(|_| (self.bits() >> 40) as f32 / (1u64 << 24) as f32).sum::<f32>();
        sum - 6.0
    }

    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }
}

/// One pool for each instruction set of this machine, with differing numbers of threads.
pub fn pools() -> Vec<Pool> {
    let levels = Level::available();
    levels.into_iter().enumerate().map(|(i, level)| Pool::with_level(i % 3 + 1, level)).collect()
}

pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[track_caller]
pub fn assert_close(got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(error <= tolerance * want.abs().max(1.0), "element {i}: {got} instead of {want}");
    }
}
