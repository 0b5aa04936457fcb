use crate::buffer::Buffer;
use crate::cpu::{Kernel, dispatch};
use crate::pool::{Pool, Shards};
use crate::simd::Simd;

/// Numbers that share a scale.
pub(super) const BLOCK: usize = 32;
/// Rows that are stored together.
pub(super) const GROUP: usize = 16;

/// Rows of activations `[m, k]` as signed bytes, ready for any number of [`QMatrix`](super::QMatrix) products.
///
/// Keep one and [`quantize`](QRows::quantize) into it again: it reuses its memory.
#[derive(Default)]
pub struct QRows {
    m: usize,
    k: usize,
    /// `[m/16][k/32][16][32]`: block by block, the codes of sixteen rows, so that a kernel reads on through memory. Rows
    /// past `m` hold anything.
    codes: Buffer,
    /// `[m/16][k/32][16]`: the number that a code of one stands for.
    scales: Buffer,
    sums32: Sums,
    sums16: Sums,
}

/// Sums of the codes of each block of 32, `[m/16][k/32][16]`, or of its halves, `[m/16][k/32][2][16]`, as the kernels
/// want them.
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
        (self.m, self.k) = (x.len() / k, k);
        let blocks = k / BLOCK;
        let groups = self.m.div_ceil(GROUP);
        let n = groups * blocks * GROUP;
        self.codes.resize(n * BLOCK);
        for (buffer, n) in [
            (&mut self.scales, n),
            (&mut self.sums32.offsets, n),
            (&mut self.sums32.totals, n),
            (&mut self.sums16.offsets, 2 * n),
            (&mut self.sums16.totals, 2 * n),
        ] {
            buffer.resize(n * size_of::<f32>());
        }
        let codes = Shards::<i8>::new(self.codes.as_mut_slice());
        let scales = Shards::<f32>::new(self.scales.as_mut_slice());
        let offsets32 = Shards::<i32>::new(self.sums32.offsets.as_mut_slice());
        let totals32 = Shards::<f32>::new(self.sums32.totals.as_mut_slice());
        let offsets16 = Shards::<i32>::new(self.sums16.offsets.as_mut_slice());
        let totals16 = Shards::<f32>::new(self.sums16.totals.as_mut_slice());
        let grain = (256 / (blocks * GROUP)).max(1);
        pool.parallel_for(groups, grain, &|start, end| {
            for group in start..end {
                let (at, n) = (group * blocks * GROUP, blocks * GROUP);
                let rows = &x[group * GROUP * k..];
                // SAFETY: groups do not overlap.
                unsafe {
                    let quantize = Quantize {
                        x: &rows[..rows.len().min(GROUP * k)],
                        k,
                        codes: codes.slice(at * BLOCK, n * BLOCK),
                        scales: scales.slice(at, n),
                        offsets32: offsets32.slice(at, n),
                        totals32: totals32.slice(at, n),
                        offsets16: offsets16.slice(2 * at, 2 * n),
                        totals16: totals16.slice(2 * at, 2 * n),
                    };
                    dispatch(pool.level(), quantize);
                }
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
        assert!(row < self.m);
        assert_eq!(out.len(), self.k);
        for (b, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let at = self.at(row, b);
            let codes = &self.codes()[at * BLOCK..][..BLOCK];
            for (out, &code) in out.iter_mut().zip(codes) {
                *out = self.scales()[at] * f32::from(code);
            }
        }
    }

    /// Index of block `b` of row `row` in the scales, and, times 32, in the codes.
    pub(super) fn at(&self, row: usize, b: usize) -> usize {
        (row / GROUP * (self.k / BLOCK) + b) * GROUP + row % GROUP
    }

    pub(super) fn codes(&self) -> &[i8] {
        self.codes.as_slice()
    }

    pub(super) fn scales(&self) -> &[f32] {
        self.scales.as_slice()
    }

    /// Offsets and totals of whole blocks (`groups == 1`) or of their halves (`groups == 2`). With [`QRows::at`] taken apart
    /// into `b16 + r`, `r < 16`, that of group `g` is `groups * b16 + 16 * g + r`.
    pub(super) fn sums(&self, groups: usize) -> (&[i32], &[f32]) {
        let sums = if groups == 1 { &self.sums32 } else { &self.sums16 };
        (sums.offsets.as_slice(), sums.totals.as_slice())
    }
}

/// Up to sixteen rows.
struct Quantize<'a> {
    x: &'a [f32],
    k: usize,
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
        for (r, row) in self.x.chunks_exact(self.k).enumerate() {
            for (b, x) in row.chunks_exact(BLOCK).enumerate() {
                let at = b * GROUP + r;
                let at16 = 2 * b * GROUP + r;
                // SAFETY: 32 numbers; the other slices are indexed with checks or have 32 codes for each scale.
                unsafe {
                    let x = x.as_ptr();
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
                    let codes = self.codes[at * BLOCK..][..BLOCK].as_mut_ptr();
                    S::store_i8(codes, lo);
                    S::store_i8(codes.add(16), hi);
                    // Sums of small integers: exact.
                    let (sum_lo, sum_hi) = (S::reduce_add(lo), S::reduce_add(hi));
                    let sum = sum_lo + sum_hi;
                    self.scales[at] = scale;
                    self.offsets32[at] = -128 * sum as i32;
                    self.totals32[at] = scale * sum;
                    self.offsets16[at16] = -128 * sum_lo as i32;
                    self.offsets16[at16 + GROUP] = -128 * sum_hi as i32;
                    self.totals16[at16] = scale * sum_lo;
                    self.totals16[at16 + GROUP] = scale * sum_hi;
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn clamp<S: Simd>(x: S::V) -> S::V {
    unsafe { S::max(S::splat(-127.0), S::min(x, S::splat(127.0))) }
}
