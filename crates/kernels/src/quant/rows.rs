use crate::buffer::Buffer;
use crate::cpu::{Kernel, dispatch};
use crate::pool::{Pool, Shards};
use crate::simd::Simd;

/// Numbers that share a scale.
pub(super) const BLOCK: usize = 32;

/// Rows of activations `[m, k]` as signed bytes, ready for any number of [`QMatrix`](super::QMatrix) products.
///
/// Keep one and [`quantize`](QRows::quantize) into it again: it reuses its memory.
#[derive(Default)]
pub struct QRows {
    m: usize,
    k: usize,
    /// `[m, k]`
    codes: Buffer,
    /// `[m, k/32]`: the number that a code of one stands for.
    scales: Buffer,
    sums32: Sums,
    sums16: Sums,
}

/// Sums of the codes of each group of 32 or 16, as the kernels want them.
#[derive(Default)]
pub(super) struct Sums {
    /// `-128 · Σ codes`: takes the offset of 128 out of a dot product with symmetric weights.
    offsets: Buffer,
    /// `scale · Σ codes`: what a weight group's minimum is multiplied with.
    totals: Buffer,
}

impl QRows {
    /// Quantises `x`, rows of `k` numbers; `k` is a multiple of 32. An infinite or NaN number makes its row's
    /// products NaN.
    pub fn quantize(&mut self, pool: &Pool, x: &[f32], k: usize) {
        assert!(k > 0 && k.is_multiple_of(BLOCK), "rows have whole blocks of 32");
        assert!(x.len().is_multiple_of(k), "x has whole rows");
        let m = x.len() / k;
        let blocks = m * k / BLOCK;
        (self.m, self.k) = (m, k);
        self.codes.resize(m * k);
        for (buffer, n) in [
            (&mut self.scales, blocks),
            (&mut self.sums32.offsets, blocks),
            (&mut self.sums32.totals, blocks),
            (&mut self.sums16.offsets, 2 * blocks),
            (&mut self.sums16.totals, 2 * blocks),
        ] {
            buffer.resize(n * size_of::<f32>());
        }
        let codes = Shards::<i8>::new(self.codes.as_mut_slice());
        let scales = Shards::<f32>::new(self.scales.as_mut_slice());
        let offsets32 = Shards::<i32>::new(self.sums32.offsets.as_mut_slice());
        let totals32 = Shards::<f32>::new(self.sums32.totals.as_mut_slice());
        let offsets16 = Shards::<i32>::new(self.sums16.offsets.as_mut_slice());
        let totals16 = Shards::<f32>::new(self.sums16.totals.as_mut_slice());
        pool.parallel_for(blocks, 256, &|start, end| {
            let n = end - start;
            // SAFETY: pieces do not overlap.
            unsafe {
                dispatch(
                    pool.level(),
                    Quantize {
                        x: &x[start * BLOCK..end * BLOCK],
                        codes: codes.slice(start * BLOCK, n * BLOCK),
                        scales: scales.slice(start, n),
                        offsets32: offsets32.slice(start, n),
                        totals32: totals32.slice(start, n),
                        offsets16: offsets16.slice(2 * start, 2 * n),
                        totals16: totals16.slice(2 * start, 2 * n),
                    },
                );
            }
        });
    }

    /// Number of rows.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Numbers of a row.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Row `row` as the numbers that its codes stand for.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        let codes = &self.codes.as_slice::<i8>()[row * self.k..][..self.k];
        let scales = &self.scales.as_slice::<f32>()[row * self.k / BLOCK..];
        assert_eq!(out.len(), self.k);
        for (i, out) in out.iter_mut().enumerate() {
            *out = scales[i / BLOCK] * f32::from(codes[i]);
        }
    }

    pub(super) fn codes(&self) -> &[i8] {
        self.codes.as_slice()
    }

    pub(super) fn scales(&self) -> &[f32] {
        self.scales.as_slice()
    }

    /// Offsets and totals of the groups of 32 (`groups == 1` per block) or 16 (`groups == 2`).
    pub(super) fn sums(&self, groups: usize) -> (&[i32], &[f32]) {
        let sums = if groups == 1 { &self.sums32 } else { &self.sums16 };
        (sums.offsets.as_slice(), sums.totals.as_slice())
    }
}

struct Quantize<'a> {
    x: &'a [f32],
    codes: &'a mut [i8],
    scales: &'a mut [f32],
    offsets32: &'a mut [i32],
    totals32: &'a mut [f32],
    offsets16: &'a mut [i32],
    totals16: &'a mut [f32],
}

impl Kernel for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for b in 0..self.scales.len() {
            // SAFETY: the slices have 32 numbers, one scale, one and two sums for each block.
            unsafe {
                let x = self.x.as_ptr().add(b * BLOCK);
                let (lo, hi) = (S::load(x), S::load(x.add(16)));
                let largest = S::reduce_max(S::max(S::abs(lo), S::abs(hi)));
                let is_finite = S::reduce_add(S::add(S::sub(lo, lo), S::sub(hi, hi))) == 0.0;
                let inverse = 127.0 / largest;
                let (scale, inverse) = match (is_finite, inverse.is_finite()) {
                    (true, true) => (largest / 127.0, inverse),
                    // Nothing but zeros, or next to it.
                    (true, false) => (0.0, 0.0),
                    (false, _) => (f32::NAN, 0.0),
                };
                let inverse = S::splat(inverse);
                let lo = clamp::<S>(S::round(S::mul(lo, inverse)));
                let hi = clamp::<S>(S::round(S::mul(hi, inverse)));
                let codes = self.codes.as_mut_ptr().add(b * BLOCK);
                S::store_i8(codes, lo);
                S::store_i8(codes.add(16), hi);
                // Sums of small integers: exact.
                let (sum_lo, sum_hi) = (S::reduce_add(lo), S::reduce_add(hi));
                let sum = sum_lo + sum_hi;
                *self.scales.get_unchecked_mut(b) = scale;
                *self.offsets32.get_unchecked_mut(b) = -128 * sum as i32;
                *self.totals32.get_unchecked_mut(b) = scale * sum;
                *self.offsets16.get_unchecked_mut(2 * b) = -128 * sum_lo as i32;
                *self.offsets16.get_unchecked_mut(2 * b + 1) = -128 * sum_hi as i32;
                *self.totals16.get_unchecked_mut(2 * b) = scale * sum_lo;
                *self.totals16.get_unchecked_mut(2 * b + 1) = scale * sum_hi;
            }
        }
    }
}

#[inline(always)]
unsafe fn clamp<S: Simd>(x: S::V) -> S::V {
    unsafe { S::max(S::splat(-127.0), S::min(x, S::splat(127.0))) }
}
