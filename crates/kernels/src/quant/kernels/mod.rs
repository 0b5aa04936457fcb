//! One tile of weights (sixteen rows) times rows of activations.
//!
//! Every kernel computes, for an output element and its groups `g` in order,
//! `sum = fma(dot_g, d_g · scale, sum)` and, with minima, `sum = fma(m_g, total_g, sum)`, where `dot_g` is the exact integer
//! dot product of codes less their offset, `scale` and `total_g` those of the activations. That is why all agree bit by bit.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::cell::RefCell;

use half::f16;

use super::matrix::{Shape, TILE};
use super::rows::{BLOCK, QRows};
use crate::Level;
use crate::buffer::Buffer;
use crate::cpu::{Kernel, dispatch};
use crate::simd::Simd;

/// The rectangle of the output that a tile and some rows make.
pub(super) struct Task<'a> {
    pub shape: Shape,
    pub codes: &'a [u8],
    pub scales: &'a [u8],
    pub x: &'a QRows,
    /// First row of `x`, a multiple of sixteen, and how many.
    pub row: usize,
    pub m: usize,
    /// From the tile's first column on.
    pub bias: Option<&'a [f32]>,
    /// Columns of the tile that exist, at most sixteen.
    pub columns: usize,
    /// The element of the first row and column.
    pub out: *mut f32,
    pub out_stride: usize,
}

thread_local! {
    /// A tile's codes as bytes and its scales as `f32`.
    static SCRATCH: RefCell<(Buffer, Buffer)> = RefCell::default();
}

/// Computes `task` with the instructions of `level`.
///
/// # Safety
/// The machine has `level`; `task.out` is valid for `m` rows of `columns` numbers that nobody else touches.
pub(super) unsafe fn run(level: Level, task: &Task) {
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx512 && (task.m <= 8 || task.m <= 16 && task.shape.bits == 8) {
        // Unpacking in registers saves the way through memory.
        unsafe { avx512::few_rows(task) };
        return;
    }
    SCRATCH.with_borrow_mut(|(codes, scales)| {
        let shape = task.shape;
        let blocks = task.x.k() / BLOCK;
        let scale_len = blocks * shape.groups * shape.parts() * TILE;
        scales.resize(scale_len * size_of::<f32>());
        let scales = scales.as_mut_slice::<f32>();
        // Tiles multiply signed codes; the others take unsigned ones, 8-bit codes where they are.
        let signed = level == Level::Amx;
        let codes = if shape.bits == 8 && !signed {
            None
        } else {
            codes.resize(blocks * BLOCK * TILE);
            Some(codes.as_mut_slice::<u8>())
        };
        let mut expanded = Expanded { codes: task.codes.as_ptr(), scales: scales.as_ptr() };
        if let Some(codes) = &codes {
            expanded.codes = codes.as_ptr();
        }
        // SAFETY: the buffers have the sizes that `Expand` asks for.
        unsafe {
            dispatch(level, Expand { task, codes, signed, scales });
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Amx => amx::rows(task, &expanded),
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => avx512::rows(task, &expanded),
                #[cfg(target_arch = "x86_64")]
                Level::AvxVnni => avx2::rows_vnni(task, &expanded),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => avx2::rows(task, &expanded),
                _ => portable::rows(task, &expanded),
            }
        }
    });
}

/// A tile in its simplest form.
///
/// Codes: for each block of 32 columns eight vectors of four columns by sixteen rows. The offset, where there is one, is 128,
/// or taken off already where codes are signed.
/// Scales: for each block and group sixteen scales, then sixteen minima where there are any.
struct Expanded {
    codes: *const u8,
    scales: *const f32,
}

/// Unpacks a tile.
struct Expand<'a> {
    task: &'a Task<'a>,
    /// Not for unsigned 8-bit codes, which are used where they are.
    codes: Option<&'a mut [u8]>,
    /// Codes less their offset, as two's complement.
    signed: bool,
    scales: &'a mut [f32],
}

impl Kernel for Expand<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let shape = self.task.shape;
        if let Some(codes) = self.codes {
            let add = if shape.offset > 0 { 128 - shape.offset as u8 } else { 0 };
            let source = self.task.codes;
            for (from, to) in source.chunks_exact(shape.block_bytes()).zip(codes.chunks_exact_mut(BLOCK * TILE)) {
                match shape.bits {
                    4 => expand4(from, to, add),
                    5 => expand5(from, to, add),
                    6 => expand6(from, to, add),
                    _ => to.copy_from_slice(from),
                }
                if self.signed && shape.offset > 0 {
                    to.iter_mut().for_each(|code| *code ^= 0x80);
                }
            }
        }
        let per_unit = shape.unit_blocks() * shape.groups;
        let parts = shape.parts();
        for (from, to) in self.task.scales.chunks_exact(shape.unit_bytes()).zip(self.scales.chunks_exact_mut(per_unit * parts * TILE)) {
            // SAFETY: a unit has the bytes that `Shape::unit_bytes` lists.
            unsafe {
                let d = S::load_f16(from.as_ptr().cast::<f16>());
                let m = if shape.has_minimum { S::load_f16(from.as_ptr().cast::<f16>().add(TILE)) } else { S::zero() };
                if !shape.is_super {
                    S::store(to.as_mut_ptr(), d);
                    if shape.has_minimum {
                        S::store(to.as_mut_ptr().add(TILE), m);
                    }
                    continue;
                }
                let groups = from[2 * TILE * parts..].chunks_exact(TILE * parts);
                for (from, to) in groups.zip(to.chunks_exact_mut(TILE * parts)) {
                    let mut factors = [0.0; TILE];
                    for (factor, &byte) in factors.iter_mut().zip(from) {
                        *factor = f32::from(byte as i8);
                    }
                    S::store(to.as_mut_ptr(), S::mul(d, S::load(factors.as_ptr())));
                    if shape.has_minimum {
                        for (factor, &byte) in factors.iter_mut().zip(&from[TILE..]) {
                            *factor = f32::from(byte);
                        }
                        S::store(to.as_mut_ptr().add(TILE), S::mul(m, S::load(factors.as_ptr())));
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn expand4(from: &[u8], to: &mut [u8], add: u8) {
    let (low, high) = to.split_at_mut(256);
    for ((byte, low), high) in from.iter().zip(low).zip(high) {
        *low = (byte & 15) + add;
        *high = (byte >> 4) + add;
    }
}

#[inline(always)]
fn expand5(from: &[u8], to: &mut [u8], add: u8) {
    let (nibbles, bits) = from.split_at(256);
    expand4(nibbles, to, add);
    for (v, to) in to.chunks_exact_mut(64).enumerate() {
        add_bits(to, bits, v, 0x0101_0101_0101_0101);
    }
}

#[inline(always)]
fn expand6(from: &[u8], to: &mut [u8], add: u8) {
    let (nibbles, bits) = from.split_at(256);
    expand4(nibbles, to, add);
    for (v, to) in to.chunks_exact_mut(64).enumerate() {
        add_bits(to, &bits[v / 4 * 64..], v % 4 * 2, 0x0303_0303_0303_0303);
    }
}

/// Adds 16 times the bits `mask << shift` of every byte of `bits`; eight bytes at a time, which compilers vectorise.
#[inline(always)]
fn add_bits(to: &mut [u8], bits: &[u8], shift: usize, mask: u64) {
    let (to, _) = to.as_chunks_mut::<8>();
    let (bits, _) = bits.as_chunks::<8>();
    for (to, bits) in to.iter_mut().zip(bits) {
        // Bytes do not carry into each other: codes end below 256.
        let high = (u64::from_le_bytes(*bits) >> shift & mask) << 4;
        *to = (u64::from_le_bytes(*to) + high).to_le_bytes();
    }
}
