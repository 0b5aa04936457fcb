//! The tile unit: a product of sixteen rows, sixteen columns and a block of activations in one instruction.
//!
//! The intrinsics are not stable, so the instructions are written as assembly; the compiler never uses tiles itself.

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::super::matrix::TILE;
use super::super::rows::{BLOCK, GROUP};
use super::{Expanded, Task};

/// Whether this machine has int8 tiles and the operating system lets this process use them.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let has_leaf = __cpuid(0).eax >= 7 && __cpuid(1).ecx >> 27 & 1 == 1;
        let tiles = has_leaf && __cpuid_count(7, 0).edx >> 24 & 3 == 3;
        // SAFETY: OSXSAVE, checked above, says that XGETBV exists.
        tiles && unsafe { tile_state_enabled() } && ask_for_tiles()
    })
}

/// The operating system saves tile configuration and data (bits 17 and 18).
#[target_feature(enable = "xsave")]
fn tile_state_enabled() -> bool {
    // SAFETY: register 0 always exists.
    unsafe { _xgetbv(0) >> 17 & 3 == 3 }
}

/// Linux gives tile data only to processes that ask (`arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`).
#[cfg(target_os = "linux")]
fn ask_for_tiles() -> bool {
    let result: isize;
    // SAFETY: a system call without pointers.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") 158isize => result,
            in("rdi") 0x1023,
            in("rsi") 18,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn ask_for_tiles() -> bool {
    false
}

/// Shapes of the eight tiles, as `ldtilecfg` reads them.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    column_bytes: [u16; 16],
    rows: [u8; 16],
}

/// A tile of integer sums: sixteen rows by sixteen columns.
#[repr(C, align(64))]
struct Dots([i32; GROUP * TILE]);

/// All rows of `task`, sixteen at a time, with an expanded tile of *signed* codes.
///
/// # Safety
/// As [`run`](super::run), on a machine where [`is_available`]; `task.row` is a multiple of sixteen.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn rows(task: &Task, tile: &Expanded) {
    let groups = task.shape.groups;
    let mut config = TileConfig { palette: 1, start_row: 0, reserved: [0; 14], column_bytes: [0; 16], rows: [0; 16] };
    // Tile 0: sums; 1: activations, rows of a group's codes; 2: weights, four columns of the group in each row.
    for (i, (rows, bytes)) in [(GROUP, 64), (GROUP, BLOCK / groups), (BLOCK / groups / 4, 64)].into_iter().enumerate() {
        config.rows[i] = rows as u8;
        config.column_bytes[i] = bytes as u16;
    }
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, readonly));
        for row in (0..task.m).step_by(GROUP) {
            match (groups, task.shape.has_minimum) {
                (1, false) => sixteen::<1, false>(task, tile, row),
                (1, true) => sixteen::<1, true>(task, tile, row),
                (_, false) => sixteen::<2, false>(task, tile, row),
                (_, true) => sixteen::<2, true>(task, tile, row),
            }
        }
        asm!("tilerelease", options(nostack, nomem));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn sixteen<const GROUPS: usize, const MIN: bool>(task: &Task, tile: &Expanded, row: usize) {
    let blocks = task.x.k() / BLOCK;
    let start = task.x.at(task.row + row, 0);
    let len = blocks * GROUP;
    let x = task.x.codes()[start * BLOCK..][..len * BLOCK].as_ptr();
    let x_scales = task.x.scales()[start..][..len].as_ptr();
    let totals = task.x.sums(GROUPS).1[start * GROUPS..][..len * GROUPS].as_ptr();
    let parts = 1 + MIN as usize;
    let steps = blocks * GROUPS;
    // The integer product of a group runs while the one before it is scaled.
    let mut dots = [Dots([0; GROUP * TILE]), Dots([0; GROUP * TILE])];
    let multiply = |step: usize, dots: &mut Dots| {
        // SAFETY: a step reads a group's columns of sixteen rows of activations and of the tile, and writes `dots`.
        unsafe {
            let (b, g) = (step / GROUPS, step % GROUPS);
            asm!(
                "tilezero tmm0",
                "tileloadd tmm1, [{x} + {x_stride}*1]",
                "tileloadd tmm2, [{w} + {stride}*1]",
                "tdpbssd tmm0, tmm1, tmm2",
                "tilestored [{dots} + {stride}*1], tmm0",
                x = in(reg) x.add(b * GROUP * BLOCK + g * BLOCK / GROUPS),
                x_stride = in(reg) BLOCK,
                w = in(reg) tile.codes.add((b * GROUPS + g) * BLOCK / GROUPS * TILE),
                stride = in(reg) 64usize,
                dots = in(reg) dots.0.as_mut_ptr(),
                options(nostack),
            );
        }
    };
    multiply(0, &mut dots[0]);
    let mut sums = [_mm512_setzero_ps(); GROUP];
    for step in 0..steps {
        if step + 1 < steps {
            multiply(step + 1, &mut dots[(step + 1) % 2]);
        }
        // SAFETY: sixteen scales for each block of activations, sixteen totals and sixteen weight scales for each group.
        unsafe {
            let scales = tile.scales.add(step * parts * TILE);
            let d = _mm512_loadu_ps(scales);
            let m = if MIN { _mm512_loadu_ps(scales.add(TILE)) } else { d };
            let dots = dots[step % 2].0.as_ptr();
            for r in 0..GROUP {
                let dot = _mm512_cvtepi32_ps(_mm512_load_si512(dots.add(r * TILE).cast()));
                let scale = _mm512_set1_ps(*x_scales.add(step / GROUPS * GROUP + r));
                sums[r] = _mm512_fmadd_ps(dot, _mm512_mul_ps(d, scale), sums[r]);
                if MIN {
                    sums[r] = _mm512_fmadd_ps(m, _mm512_set1_ps(*totals.add(step * GROUP + r)), sums[r]);
                }
            }
        }
    }
    let mask = ((1u32 << task.columns) - 1) as __mmask16;
    for (r, sum) in sums.iter_mut().enumerate().take(task.m - row) {
        // SAFETY: masked to the columns that exist.
        unsafe {
            if let Some(bias) = task.bias {
                *sum = _mm512_add_ps(*sum, _mm512_maskz_loadu_ps(mask, bias.as_ptr()));
            }
            _mm512_mask_storeu_ps(task.out.add((row + r) * task.out_stride), mask, *sum);
        }
    }
}
