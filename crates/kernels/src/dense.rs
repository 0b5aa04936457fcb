//! Matrix products with floating-point weights.

use half::{bf16, f16};

use crate::Level;
use crate::cpu::{Kernel, dispatch};
use crate::pool::{Pool, Shards};
use crate::simd::{LANES, Simd};

/// Rows of a matrix that are stored interleaved, one per lane.
const TILE: usize = LANES;
/// Tiles that one task computes side by side.
const PANEL: usize = 3;
/// Columns of weights that are used for all rows of an input before the next are read: of many rows a panel of them stays
/// in the first-level cache, of few it is read in long runs.
const K_BLOCK: usize = 128;
const K_BLOCK_OF_FEW: usize = 2048;
const MANY_ROWS: usize = 16;
/// Rows of input that are used for all panels before the next are read.
pub(crate) const M_BLOCK: usize = 256;

/// The weights `[n, k]` of a linear layer, in `f32` or widened to it on the fly.
///
/// Stored as tiles of sixteen rows, element by element: `[n/16][k][16]`, the last tile filled up with zeros.
#[derive(Clone)]
pub struct Matrix {
    n: usize,
    k: usize,
    weights: Weights,
}

#[derive(Clone)]
enum Weights {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

impl Matrix {
    /// Weights from `[n, k]` row-major numbers.
    pub fn from_f32(weights: &[f32], n: usize, k: usize) -> Matrix {
        Matrix { n, k, weights: Weights::F32(interleave(weights, n, k, 0.0)) }
    }

    /// As [`Matrix::from_f32`]; kept at 16 bits.
    pub fn from_f16(weights: &[f16], n: usize, k: usize) -> Matrix {
        Matrix { n, k, weights: Weights::F16(interleave(weights, n, k, f16::ZERO)) }
    }

    /// As [`Matrix::from_f32`]; kept at 16 bits.
    pub fn from_bf16(weights: &[bf16], n: usize, k: usize) -> Matrix {
        Matrix { n, k, weights: Weights::Bf16(interleave(weights, n, k, bf16::ZERO)) }
    }

    /// Outputs of the layer.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Inputs of the layer.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Memory that the weights take.
    pub fn n_bytes(&self) -> usize {
        match &self.weights {
            Weights::F32(weights) => size_of_val(weights.as_slice()),
            Weights::F16(weights) => size_of_val(weights.as_slice()),
            Weights::Bf16(weights) => size_of_val(weights.as_slice()),
        }
    }

    /// Row `row` of the weights, `k` numbers.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.n);
        assert_eq!(out.len(), self.k);
        let at = |i: usize| ((row / TILE) * self.k + i) * TILE + row % TILE;
        for (i, out) in out.iter_mut().enumerate() {
            *out = match &self.weights {
                Weights::F32(weights) => weights[at(i)],
                Weights::F16(weights) => weights[at(i)].to_f32(),
                Weights::Bf16(weights) => weights[at(i)].to_f32(),
            };
        }
    }

    /// `out = x · Wᵀ + bias`: `x` is `[m, k]`, `bias` `[n]`, `out` `[m, n]`.
    pub fn matmul(&self, pool: &Pool, x: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        assert!(self.k > 0 && x.len().is_multiple_of(self.k), "x has whole rows");
        assert_eq!(out.len(), x.len() / self.k * self.n);
        assert!(bias.is_none_or(|bias| bias.len() == self.n));
        let m = x.len() / self.k;
        // Few panels (a narrow layer) are cut in rows too, so that every thread has work.
        let wanted = (4 * pool.n_threads()).div_ceil(self.n.div_ceil(PANEL * TILE).max(1));
        let rows = m.div_ceil(wanted).next_multiple_of(8).clamp(8, M_BLOCK);
        let out = Shards::new(out);
        pool.parallel_for(self.n_tasks(m, rows), 1, &|start, end| {
            for task in start..end {
                // SAFETY: `out` has room for the product, tasks write disjoint rectangles of it.
                unsafe { self.task(pool.level(), task, rows, x, bias, out.as_ptr()) };
            }
        });
    }

    /// `x · Wᵀ`, `[m, n]`, by the calling thread; `x` is `[m, k]`.
    pub(crate) fn multiply(&self, level: Level, x: &[f32]) -> Vec<f32> {
        let m = x.len() / self.k;
        let mut out = vec![0.0; m * self.n];
        for task in 0..self.n_tasks(m, M_BLOCK) {
            // SAFETY: `out` has room for the product, and nobody else has it.
            unsafe { self.task(level, task, M_BLOCK, x, None, out.as_mut_ptr()) };
        }
        out
    }

    /// Pieces into which a product of `m` rows of input is cut, each of at most `rows` of them.
    pub(crate) fn n_tasks(&self, m: usize, rows: usize) -> usize {
        self.n.div_ceil(PANEL * TILE) * m.div_ceil(rows)
    }

    /// Piece `task` of the product.
    ///
    /// # Safety
    /// `out` is `[m, n]`; nobody else writes the piece.
    pub(crate) unsafe fn task(&self, level: Level, task: usize, rows: usize, x: &[f32], bias: Option<&[f32]>, out: *mut f32) {
        match &self.weights {
            Weights::F32(weights) => unsafe { self.panel(level, weights, task, rows, x, bias, out) },
            Weights::F16(weights) => unsafe { self.panel(level, weights, task, rows, x, bias, out) },
            Weights::Bf16(weights) => unsafe { self.panel(level, weights, task, rows, x, bias, out) },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a task and its operands")]
    unsafe fn panel<W: Element>(
        &self,
        level: Level,
        weights: &[W],
        task: usize,
        rows: usize,
        x: &[f32],
        bias: Option<&[f32]>,
        out: *mut f32,
    ) {
        let (n, k) = (self.n, self.k);
        let (m, panels) = (x.len() / k, n.div_ceil(PANEL * TILE));
        let (panel, row) = (task % panels, task / panels * rows);
        let column = panel * PANEL * TILE;
        // SAFETY: the panel's tiles exist, the rectangle lies in `out`.
        unsafe {
            dispatch(
                level,
                Panel {
                    weights: weights.as_ptr().add(column * k),
                    columns: (n - column).min(PANEL * TILE),
                    k,
                    part: (0, k),
                    x: x.as_ptr().add(row * k),
                    x_stride: k,
                    m: rows.min(m - row),
                    bias: bias.map(|bias| bias.as_ptr().add(column)),
                    out: out.add(row * n + column),
                    out_stride: n,
                    onto: false,
                },
            );
        }
    }
}

/// A panel of an `f32` matrix with rows that need not lie behind each other: for convolutions, whose rows overlap.
pub(crate) struct Strided<'a> {
    pub matrix: &'a Matrix,
    /// Which of the matrix's panels.
    pub panel: usize,
    /// Columns of the matrix that the rows are multiplied with.
    pub part: (usize, usize),
    /// `m` rows of as many numbers, `x_stride` apart.
    pub x: *const f32,
    pub x_stride: usize,
    pub m: usize,
    pub bias: &'a [f32],
    /// The first element of the panel's first column of output; rows are as long as the matrix has rows.
    pub out: *mut f32,
    /// The product is added to what `out` holds; otherwise it takes its place.
    pub onto: bool,
}

impl Strided<'_> {
    /// # Safety
    /// All rows of `x` exist, and nobody else writes the panel's part of `out`.
    pub(crate) unsafe fn run(self, level: Level) {
        let Matrix { n, k, weights: Weights::F32(weights) } = self.matrix else { unreachable!("convolutions are in f32") };
        let column = self.panel * PANEL * TILE;
        // SAFETY: the panel's tiles exist; the rest is the caller's.
        unsafe {
            dispatch(
                level,
                Panel {
                    weights: weights.as_ptr().add(column * k),
                    columns: (n - column).min(PANEL * TILE),
                    k: *k,
                    part: self.part,
                    x: self.x,
                    x_stride: self.x_stride,
                    m: self.m,
                    bias: Some(self.bias.as_ptr().add(column)),
                    out: self.out.add(column),
                    out_stride: *n,
                    onto: self.onto,
                },
            );
        }
    }

    pub(crate) fn n_panels(matrix: &Matrix) -> usize {
        matrix.n.div_ceil(PANEL * TILE)
    }
}

/// `[n, k]` → `[n/16][k][16]`.
fn interleave<T: Copy>(weights: &[T], n: usize, k: usize, zero: T) -> Vec<T> {
    assert_eq!(weights.len(), n * k);
    let mut tiles = vec![zero; n.next_multiple_of(TILE) * k];
    for (tile, rows) in tiles.chunks_exact_mut(TILE * k).zip(weights.chunks(TILE * k)) {
        // Sixteen columns at a time, so that both sides stay in cache.
        for start in (0..k).step_by(TILE) {
            for (lane, row) in rows.chunks_exact(k).enumerate() {
                for i in start..(start + TILE).min(k) {
                    tile[i * TILE + lane] = row[i];
                }
            }
        }
    }
    tiles
}

/// A stored number that widens to `f32`.
trait Element: Copy + Sync {
    unsafe fn load<S: Simd>(p: *const Self) -> S::V;
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const f32) -> S::V {
        unsafe { S::load(p) }
    }
}

impl Element for f16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const f16) -> S::V {
        unsafe { S::load_f16(p) }
    }
}

impl Element for bf16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const bf16) -> S::V {
        unsafe { S::load_bf16(p) }
    }
}

/// A rectangle of the output: `m` rows by up to three tiles of columns.
struct Panel<W> {
    weights: *const W,
    columns: usize,
    k: usize,
    /// Columns of the weights, those that x is multiplied with.
    part: (usize, usize),
    x: *const f32,
    x_stride: usize,
    m: usize,
    /// Added with the last column of the weights.
    bias: Option<*const f32>,
    out: *mut f32,
    out_stride: usize,
    /// Added to what `out` holds.
    onto: bool,
}

impl<W: Element> Kernel for Panel<W> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        unsafe {
            let (mut k, end) = self.part;
            let block = if self.m < MANY_ROWS { K_BLOCK_OF_FEW } else { K_BLOCK };
            while k < end {
                let k_end = (k + block).min(end);
                if S::REGISTERS >= 32 && self.columns > 2 * TILE {
                    self.rows::<S, 3, 8>(0, k, k_end);
                } else if S::REGISTERS >= 32 && self.columns > TILE {
                    self.rows::<S, 2, 8>(0, k, k_end);
                } else {
                    let mut column = 0;
                    while column < self.columns {
                        if S::REGISTERS >= 32 {
                            self.rows::<S, 1, 8>(column, k, k_end);
                        } else {
                            self.rows::<S, 1, 6>(column, k, k_end);
                        }
                        column += TILE;
                    }
                }
                k = k_end;
            }
        }
    }
}

impl<W: Element> Panel<W> {
    /// All rows, `MR` at a time, for `NT` tiles from `column` on and the columns `k..k_end` of the weights.
    #[inline(always)]
    unsafe fn rows<S: Simd, const NT: usize, const MR: usize>(&self, column: usize, k: usize, k_end: usize) {
        unsafe {
            let mut row = 0;
            while row + MR <= self.m {
                self.block::<S, NT, MR>(row, column, k, k_end);
                row += MR;
            }
            while row + 4 <= self.m {
                self.block::<S, NT, 4>(row, column, k, k_end);
                row += 4;
            }
            if row + 2 <= self.m {
                self.block::<S, NT, 2>(row, column, k, k_end);
                row += 2;
            }
            if row < self.m {
                self.block::<S, NT, 1>(row, column, k, k_end);
            }
        }
    }

    /// `MR` rows by `NT` tiles, in registers. A later block of `k` goes on from what an earlier one left in `out`, so
    /// every element stays one chain of multiply-adds over `k`.
    #[inline(always)]
    unsafe fn block<S: Simd, const NT: usize, const MR: usize>(&self, row: usize, column: usize, k: usize, k_end: usize) {
        unsafe {
            let lanes = |tile: usize| (self.columns - column - tile * TILE).min(TILE);
            let out = self.out.add(row * self.out_stride + column);
            let mut sums = [[S::zero(); NT]; MR];
            if self.onto || k > self.part.0 {
                for r in 0..MR {
                    for t in 0..NT {
                        sums[r][t] = load_lanes::<S>(out.add(r * self.out_stride + t * TILE), lanes(t));
                    }
                }
            }
            let weights = self.weights.add(column * self.k);
            let x = self.x.add(row * self.x_stride);
            for i in k..k_end {
                let mut w = [S::zero(); NT];
                for t in 0..NT {
                    w[t] = W::load::<S>(weights.add((t * self.k + i) * TILE));
                }
                for r in 0..MR {
                    let x = S::splat(*x.add(r * self.x_stride + i - self.part.0));
                    for t in 0..NT {
                        sums[r][t] = S::fma(x, w[t], sums[r][t]);
                    }
                }
            }
            for r in 0..MR {
                for t in 0..NT {
                    let mut sum = sums[r][t];
                    if let Some(bias) = self.bias
                        && k_end == self.k
                    {
                        let bias = load_lanes::<S>(bias.add(column + t * TILE), lanes(t));
                        sum = S::add(sum, bias);
                    }
                    store_lanes::<S>(out.add(r * self.out_stride + t * TILE), lanes(t), sum);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn load_lanes<S: Simd>(p: *const f32, n: usize) -> S::V {
    unsafe { if n == LANES { S::load(p) } else { S::load_first(p, n) } }
}

#[inline(always)]
unsafe fn store_lanes<S: Simd>(p: *mut f32, n: usize, v: S::V) {
    unsafe { if n == LANES { S::store(p, v) } else { S::store_first(p, n, v) } }
}
