use std::arch::x86_64::*;

use super::super::matrix::{Shape, TILE};
use super::super::rows::{BLOCK, GROUP};
use super::{Expanded, Task};

/// How a tile is read, at compile time.
trait Layout {
    const BITS: usize;
    const GROUPS: usize;
    const SUPER: bool;
    const MIN: bool;
    /// Scales are `f32` as in [`Expanded`].
    const WIDE: bool = false;
}

struct Packed<const BITS: usize, const GROUPS: usize, const SUPER: bool, const MIN: bool>;

impl<const BITS: usize, const GROUPS: usize, const SUPER: bool, const MIN: bool> Layout for Packed<BITS, GROUPS, SUPER, MIN> {
    const BITS: usize = BITS;
    const GROUPS: usize = GROUPS;
    const SUPER: bool = SUPER;
    const MIN: bool = MIN;
}

struct Wide<const GROUPS: usize, const MIN: bool>;

impl<const GROUPS: usize, const MIN: bool> Layout for Wide<GROUPS, MIN> {
    const BITS: usize = 8;
    const GROUPS: usize = GROUPS;
    const SUPER: bool = false;
    const MIN: bool = MIN;
    const WIDE: bool = true;
}

/// All rows of `task`, straight from the packed tile: good for few rows.
///
/// # Safety
/// As [`run`](super::run).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
pub(super) unsafe fn few_rows(task: &Task) {
    let Shape { bits, groups, is_super, has_minimum, .. } = task.shape;
    let (codes, scales) = (task.codes.as_ptr(), task.scales.as_ptr());
    unsafe {
        match (bits, groups, is_super, has_minimum) {
            (4, 1, false, false) => all::<Packed<4, 1, false, false>>(task, codes, scales),
            (4, 1, false, true) => all::<Packed<4, 1, false, true>>(task, codes, scales),
            (5, 1, false, false) => all::<Packed<5, 1, false, false>>(task, codes, scales),
            (5, 1, false, true) => all::<Packed<5, 1, false, true>>(task, codes, scales),
            (8, 1, false, false) => all::<Packed<8, 1, false, false>>(task, codes, scales),
            (4, 1, true, true) => all::<Packed<4, 1, true, true>>(task, codes, scales),
            (5, 1, true, true) => all::<Packed<5, 1, true, true>>(task, codes, scales),
            (4, 2, true, false) => all::<Packed<4, 2, true, false>>(task, codes, scales),
            (4, 2, true, true) => all::<Packed<4, 2, true, true>>(task, codes, scales),
            (6, 2, true, false) => all::<Packed<6, 2, true, false>>(task, codes, scales),
            _ => unreachable!("no format has this shape"),
        }
    }
}

/// All rows of `task` with an expanded tile.
///
/// # Safety
/// As [`run`](super::run); `tile` holds the task's tile; `task.row` is a multiple of sixteen.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
pub(super) unsafe fn rows(task: &Task, tile: &Expanded) {
    unsafe {
        match (task.shape.groups, task.shape.has_minimum) {
            (1, false) => all::<Wide<1, false>>(task, tile.codes, tile.scales.cast()),
            (1, true) => all::<Wide<1, true>>(task, tile.codes, tile.scales.cast()),
            (_, false) => all::<Wide<2, false>>(task, tile.codes, tile.scales.cast()),
            (_, true) => all::<Wide<2, true>>(task, tile.codes, tile.scales.cast()),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
unsafe fn all<L: Layout>(task: &Task, codes: *const u8, scales: *const u8) {
    unsafe {
        let mut row = 0;
        while row + 8 <= task.m {
            block::<L, 8>(task, codes, scales, row);
            row += 8;
        }
        if row + 4 <= task.m {
            block::<L, 4>(task, codes, scales, row);
            row += 4;
        }
        if row + 2 <= task.m {
            block::<L, 2>(task, codes, scales, row);
            row += 2;
        }
        if row < task.m {
            block::<L, 1>(task, codes, scales, row);
        }
    }
}

/// `MR` rows: a block's eight weight vectors stay in registers for all of them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")]
unsafe fn block<L: Layout, const MR: usize>(task: &Task, codes: *const u8, scales: *const u8, row: usize) {
    let blocks = task.x.k() / BLOCK;
    let first = task.row + row;
    let (offsets, totals) = task.x.sums(L::GROUPS);
    // Rows of a group of sixteen lie next to each other: one pointer and fixed distances for all.
    let (start, lane) = (task.x.at(first, 0) - first % GROUP, first % GROUP);
    let len = blocks * GROUP;
    let x = task.x.codes()[start * BLOCK..][..len * BLOCK][lane * BLOCK..].as_ptr();
    let x_scales = task.x.scales()[start..][..len][lane..].as_ptr();
    let offsets = offsets[start * L::GROUPS..][..len * L::GROUPS][lane..].as_ptr();
    let totals = totals[start * L::GROUPS..][..len * L::GROUPS][lane..].as_ptr();
    // Activations bring the sum for an offset of 128.
    let shift = _mm_cvtsi32_si128(if L::WIDE || L::BITS == 8 || L::MIN { 0 } else { (128 / task.shape.offset as i32).ilog2() as i32 });
    let mut sums = [_mm512_setzero_ps(); MR];
    for b in 0..blocks {
        // SAFETY: a tile has `blocks` blocks of codes and their scales; a row of activations as many blocks.
        unsafe {
            let w = load_codes::<L>(codes, b);
            let (d, m) = load_scales::<L>(scales, b);
            let x = x.add(b * GROUP * BLOCK).cast::<i32>();
            for g in 0..L::GROUPS {
                let at = (b * L::GROUPS + g) * GROUP;
                let mut dots = [_mm512_setzero_si512(); MR];
                for r in 0..MR {
                    if !L::MIN {
                        let offset = _mm512_set1_epi32(*offsets.add(at + r));
                        dots[r] = if L::WIDE || L::BITS == 8 { offset } else { _mm512_sra_epi32(offset, shift) };
                    }
                }
                // Column by column, so that neighbouring instructions do not wait for each other.
                for v in g * 8 / L::GROUPS..(g + 1) * 8 / L::GROUPS {
                    for r in 0..MR {
                        let x = _mm512_set1_epi32(x.add(r * BLOCK / 4 + v).read_unaligned());
                        dots[r] = _mm512_dpbusd_epi32(dots[r], w[v], x);
                    }
                }
                for r in 0..MR {
                    let scale = _mm512_set1_ps(*x_scales.add(b * GROUP + r));
                    let dot = _mm512_cvtepi32_ps(dots[r]);
                    sums[r] = _mm512_fmadd_ps(dot, _mm512_mul_ps(d[g], scale), sums[r]);
                    if L::MIN {
                        let total = _mm512_set1_ps(*totals.add(at + r));
                        sums[r] = _mm512_fmadd_ps(m[g], total, sums[r]);
                    }
                }
            }
        }
    }
    let mask = ((1u32 << task.columns) - 1) as __mmask16;
    for r in 0..MR {
        // SAFETY: masked to the columns that exist.
        unsafe {
            if let Some(bias) = task.bias {
                sums[r] = _mm512_add_ps(sums[r], _mm512_maskz_loadu_ps(mask, bias.as_ptr()));
            }
            _mm512_mask_storeu_ps(task.out.add((row + r) * task.out_stride), mask, sums[r]);
        }
    }
}

/// The codes of block `b` as bytes: vector `v` holds columns `4v..4v+4` of the sixteen rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load_codes<L: Layout>(codes: *const u8, b: usize) -> [__m512i; 8] {
    unsafe {
        let p = codes.add(b * TILE * BLOCK * L::BITS / 8).cast::<__m512i>();
        let load = |i: usize| _mm512_loadu_si512(p.add(i));
        if L::BITS == 8 {
            return std::array::from_fn(load);
        }
        // Far enough ahead for memory to answer; the address need not exist.
        for line in 0..4 {
            _mm_prefetch::<_MM_HINT_T0>(p.cast::<i8>().wrapping_add(2048 + line * 64));
        }
        let nibble = _mm512_set1_epi8(15);
        let mut w: [__m512i; 8] = std::array::from_fn(|v| {
            let bytes = load(v % 4);
            let bytes = if v < 4 { bytes } else { _mm512_srli_epi16::<4>(bytes) };
            _mm512_and_si512(bytes, nibble)
        });
        if L::BITS == 5 {
            let bits = load(4);
            let sixteen = _mm512_set1_epi8(16);
            for (v, w) in w.iter_mut().enumerate() {
                // Bit v of every byte moves to bit 4; neighbours that slip in are masked off.
                let bit = if v <= 4 {
                    _mm512_sll_epi16(bits, _mm_cvtsi32_si128(4 - v as i32))
                } else {
                    _mm512_srl_epi16(bits, _mm_cvtsi32_si128(v as i32 - 4))
                };
                *w = _mm512_or_si512(*w, _mm512_and_si512(bit, sixteen));
            }
        }
        if L::BITS == 6 {
            let both = _mm512_set1_epi8(48);
            for (v, w) in w.iter_mut().enumerate() {
                let bits = load(4 + v / 4);
                // Bits 2(v%4).. of every byte move to bit 4.
                let from = 2 * (v as i32 % 4);
                let bit = if from <= 4 {
                    _mm512_sll_epi16(bits, _mm_cvtsi32_si128(4 - from))
                } else {
                    _mm512_srl_epi16(bits, _mm_cvtsi32_si128(from - 4))
                };
                *w = _mm512_or_si512(*w, _mm512_and_si512(bit, both));
            }
        }
        w
    }
}

/// Scales and minima of the groups of block `b`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,f16c")]
unsafe fn load_scales<L: Layout>(scales: *const u8, b: usize) -> ([__m512; 2], [__m512; 2]) {
    let parts = 1 + L::MIN as usize;
    let mut d = [_mm512_setzero_ps(); 2];
    let mut m = [_mm512_setzero_ps(); 2];
    unsafe {
        let half = |p: *const u8| _mm512_cvtph_ps(_mm256_loadu_si256(p.cast()));
        if L::WIDE {
            let p = scales.cast::<f32>().add(b * L::GROUPS * parts * TILE);
            for g in 0..L::GROUPS {
                d[g] = _mm512_loadu_ps(p.add(g * parts * TILE));
                if L::MIN {
                    m[g] = _mm512_loadu_ps(p.add(g * parts * TILE + TILE));
                }
            }
        } else if L::SUPER {
            let unit = parts * (2 * TILE + 8 * L::GROUPS * TILE);
            let p = scales.add(b / 8 * unit);
            let unit_d = half(p);
            let unit_m = if L::MIN { half(p.add(2 * TILE)) } else { unit_d };
            for g in 0..L::GROUPS {
                let p = p.add(parts * (2 * TILE + (b % 8 * L::GROUPS + g) * TILE));
                let factor = _mm512_cvtepi8_epi32(_mm_loadu_si128(p.cast()));
                d[g] = _mm512_mul_ps(unit_d, _mm512_cvtepi32_ps(factor));
                if L::MIN {
                    let factor = _mm512_cvtepu8_epi32(_mm_loadu_si128(p.add(TILE).cast()));
                    m[g] = _mm512_mul_ps(unit_m, _mm512_cvtepi32_ps(factor));
                }
            }
        } else {
            let p = scales.add(b * parts * 2 * TILE);
            d[0] = half(p);
            if L::MIN {
                m[0] = half(p.add(2 * TILE));
            }
        }
    }
    (d, m)
}
