use std::arch::x86_64::*;

use super::super::matrix::TILE;
use super::super::rows::{BLOCK, GROUP};
use super::{Expanded, Task};

/// All rows of `task` with 256-bit vectors.
macro_rules! kernel {
    ($rows:ident, $block:ident, $features:literal, $vnni:literal) => {
        /// # Safety
        /// As [`run`](super::run); `tile` holds the task's tile; `task.row` is a multiple of sixteen.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $rows(task: &Task, tile: &Expanded) {
            unsafe {
                match (task.shape.groups, task.shape.has_minimum) {
                    (1, false) => all::<1, false>(task, tile),
                    (1, true) => all::<1, true>(task, tile),
                    (_, false) => all::<2, false>(task, tile),
                    (_, true) => all::<2, true>(task, tile),
                }
            }

            #[target_feature(enable = $features)]
            unsafe fn all<const GROUPS: usize, const MIN: bool>(task: &Task, tile: &Expanded) {
                unsafe {
                    let mut row = 0;
                    while row + 4 <= task.m {
                        $block::<GROUPS, MIN, 4>(task, tile, row);
                        row += 4;
                    }
                    if row + 2 <= task.m {
                        $block::<GROUPS, MIN, 2>(task, tile, row);
                        row += 2;
                    }
                    if row < task.m {
                        $block::<GROUPS, MIN, 1>(task, tile, row);
                    }
                }
            }
        }

        #[target_feature(enable = $features)]
        unsafe fn $block<const GROUPS: usize, const MIN: bool, const MR: usize>(task: &Task, tile: &Expanded, row: usize) {
            let blocks = task.x.k() / BLOCK;
            let (offsets, totals) = task.x.sums(GROUPS);
            let first = task.row + row;
            let parts = 1 + MIN as usize;
            let ones = _mm256_set1_epi16(1);
            let flip = _mm256_set1_epi8(-128);
            // Eight of the sixteen columns at a time.
            for half in 0..2 {
                let mut sums = [_mm256_setzero_ps(); MR];
                for b in 0..blocks {
                    let start = task.x.at(first, b);
                    for group in 0..GROUPS {
                        let sum_at = GROUPS * (start - first % GROUP) + group * GROUP + first % GROUP;
                        let mut dots = [_mm256_setzero_si256(); MR];
                        if $vnni && !MIN {
                            for r in 0..MR {
                                dots[r] = _mm256_set1_epi32(offsets[sum_at + r]);
                            }
                        }
                        for quad in group * 8 / GROUPS..(group + 1) * 8 / GROUPS {
                            // SAFETY: the tile has eight vectors of 64 bytes for each block, and a row of
                            // activations four bytes for each.
                            unsafe {
                                let w = tile.codes.add(b * BLOCK * TILE + quad * 64 + half * 32);
                                let w = _mm256_loadu_si256(w.cast());
                                for r in 0..MR {
                                    let x = task.x.codes().as_ptr();
                                    let x = x.add((start + r) * BLOCK + quad * 4);
                                    let x = _mm256_set1_epi32(x.cast::<i32>().read_unaligned());
                                    dots[r] = if $vnni {
                                        dpbusd(dots[r], w, x)
                                    } else {
                                        // Pairs of products must fit 16 bits: with an offset, move the sign of the
                                        // weight to the activation; without, codes are below 32.
                                        let pairs = if MIN {
                                            _mm256_maddubs_epi16(w, x)
                                        } else {
                                            let w = _mm256_xor_si256(w, flip);
                                            _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w))
                                        };
                                        _mm256_add_epi32(dots[r], _mm256_madd_epi16(pairs, ones))
                                    };
                                }
                            }
                        }
                        // SAFETY: sixteen scales, and minima, for each group.
                        unsafe {
                            let scales = (b * GROUPS + group) * parts * TILE + half * 8;
                            let d = _mm256_loadu_ps(tile.scales.add(scales));
                            for r in 0..MR {
                                let scale = task.x.scales()[start + r];
                                let scale = _mm256_mul_ps(d, _mm256_set1_ps(scale));
                                sums[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[r]), scale, sums[r]);
                                if MIN {
                                    let m = _mm256_loadu_ps(tile.scales.add(scales + TILE));
                                    sums[r] = _mm256_fmadd_ps(m, _mm256_set1_ps(totals[sum_at + r]), sums[r]);
                                }
                            }
                        }
                    }
                }
                let columns = task.columns.saturating_sub(half * 8).min(8);
                let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                let mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(columns as i32), lanes);
                for r in 0..MR {
                    // SAFETY: masked to the columns that exist.
                    unsafe {
                        if let Some(bias) = task.bias {
                            let bias = _mm256_maskload_ps(bias.as_ptr().wrapping_add(half * 8), mask);
                            sums[r] = _mm256_add_ps(sums[r], bias);
                        }
                        let out = task.out.wrapping_add((row + r) * task.out_stride + half * 8);
                        _mm256_maskstore_ps(out, mask, sums[r]);
                    }
                }
            }
        }
    };
}

/// # Safety
/// The machine has AVX-VNNI. (Only reached from the kernel that is compiled for it.)
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn dpbusd(sum: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
    _mm256_dpbusd_avx_epi32(sum, unsigned, signed)
}

kernel!(rows, block, "avx2,fma", false);
kernel!(rows_vnni, block_vnni, "avx2,fma,avxvnni", true);
