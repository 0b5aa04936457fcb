use half::f16;

use super::format::{Format, unpack};
use super::kernels::{self, Task};
use super::rows::{BLOCK, GROUP, QRows};
use crate::Level;
use crate::buffer::Buffer;
use crate::pool::{Pool, Shards};

/// Rows of weights that are interleaved.
pub(super) const TILE: usize = 16;
/// Numbers of a super-block, which share the `f16` scale of the K formats.
pub(super) const SUPER: usize = 256;
/// Rows of input that one task multiplies with a tile.
const M_BLOCK: usize = 256;

/// How codes and scales of a format are laid out in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bits of a code: 4, 5, 6 or 8.
    pub bits: usize,
    /// Scales of a block of 32: one or two.
    pub groups: usize,
    /// Scales are bytes times an `f16` of the super-block; otherwise `f16`.
    pub is_super: bool,
    /// Groups have a minimum.
    pub has_minimum: bool,
    /// Subtracted from a code: a power of two up to 128, or nothing when there are minima.
    pub offset: usize,
}

impl Shape {
    fn of(format: Format) -> Shape {
        let shape = |bits, groups, is_super, has_minimum, offset| Shape { bits, groups, is_super, has_minimum, offset };
        match format {
            Format::F32 | Format::F16 | Format::Bf16 => unreachable!("not a block format"),
            Format::Q4_0 => shape(4, 1, false, false, 8),
            Format::Q4_1 => shape(4, 1, false, true, 0),
            Format::Q5_0 => shape(5, 1, false, false, 16),
            Format::Q5_1 => shape(5, 1, false, true, 0),
            Format::Q8_0 | Format::Q8_1 => shape(8, 1, false, false, 128),
            Format::Q2K => shape(4, 2, true, true, 0),
            Format::Q3K => shape(4, 2, true, false, 4),
            Format::Q4K => shape(4, 1, true, true, 0),
            Format::Q5K => shape(5, 1, true, true, 0),
            Format::Q6K => shape(6, 2, true, false, 32),
        }
    }

    /// Bytes of a tile's codes for one block of 32 columns.
    pub(super) fn block_bytes(self) -> usize {
        TILE * BLOCK * self.bits / 8
    }

    /// Scale and, if any, minimum.
    pub(super) fn parts(self) -> usize {
        1 + usize::from(self.has_minimum)
    }

    /// Blocks of 32 that the unit of [`Shape::unit_bytes`] covers.
    pub(super) fn unit_blocks(self) -> usize {
        if self.is_super { SUPER / BLOCK } else { 1 }
    }

    /// Bytes of a tile's scales for a super-block or, without one, a block.
    ///
    /// Block: `d` of the sixteen rows as `f16`, then their minima. Super-block: the same, then for each group sixteen
    /// scale bytes and sixteen minimum bytes.
    pub(super) fn unit_bytes(self) -> usize {
        let groups = if self.is_super { self.unit_blocks() * self.groups } else { 0 };
        self.parts() * (2 * TILE + groups * TILE)
    }

    fn scale_bytes(self, blocks: usize) -> usize {
        blocks / self.unit_blocks() * self.unit_bytes()
    }
}

/// The quantised weights `[n, k]` of a linear layer.
///
/// Rows are interleaved by sixteen, so that a vector register holds four neighbouring columns of sixteen rows, which is
/// what `vpdpbusd` multiplies. 4-, 5- and 6-bit codes stay packed: the low four bits of columns `c` and `c + 16` share a
/// byte, the bits above follow in planes of their own. Scales keep the file's precision, so nothing is rounded again.
#[derive(Clone)]
pub struct QMatrix {
    n: usize,
    k: usize,
    format: Format,
    shape: Shape,
    codes: Buffer,
    scales: Buffer,
}

impl QMatrix {
    /// Repacks the rows of a GGUF tensor of a block format. `None` if `bytes` is not `[n, k]` in `format`, `k` is not a
    /// whole number of blocks, or the format is not a block format.
    pub fn from_gguf(format: Format, bytes: &[u8], n: usize, k: usize) -> Option<QMatrix> {
        let is_block = format.block_len() > 1 && k > 0 && k.is_multiple_of(format.block_len());
        if !is_block || Some(bytes.len()) != n.checked_mul(format.n_bytes(k)) {
            return None;
        }
        let shape = Shape::of(format);
        let (tiles, blocks) = (n.div_ceil(TILE), k / BLOCK);
        let tile_codes = blocks * shape.block_bytes();
        let tile_scales = shape.scale_bytes(blocks);
        let mut codes = Buffer::zeroed(tiles * tile_codes);
        let mut scales = Buffer::zeroed(tiles * tile_scales);

        // Loading is the one place without a pool: models load before there is one.
        let n_threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(8);
        let per_thread = tiles.div_ceil(n_threads).max(1);
        std::thread::scope(|scope| {
            let row_bytes = format.n_bytes(k);
            for ((codes, scales), bytes) in codes
                .as_mut_slice::<u8>()
                .chunks_mut(per_thread * tile_codes)
                .zip(scales.as_mut_slice::<u8>().chunks_mut(per_thread * tile_scales))
                .zip(bytes.chunks(per_thread * TILE * row_bytes))
            {
                scope.spawn(move || {
                    for ((codes, scales), rows) in
                        codes.chunks_exact_mut(tile_codes).zip(scales.chunks_exact_mut(tile_scales)).zip(bytes.chunks(TILE * row_bytes))
                    {
                        for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
                            pack_row(format, shape, row, lane, codes, scales);
                        }
                    }
                });
            }
        });
        Some(QMatrix { n, k, format, shape, codes, scales })
    }

    /// Quantises `[n, k]` numbers to `Q8_0`; `k` is a multiple of 32.
    pub fn quantize_q8_0(weights: &[f32], n: usize, k: usize) -> Option<QMatrix> {
        if k == 0 || !k.is_multiple_of(BLOCK) || weights.len() != n * k {
            return None;
        }
        let mut bytes = Vec::with_capacity(Format::Q8_0.n_bytes(n * k));
        for block in weights.chunks_exact(BLOCK) {
            let largest = block.iter().fold(0.0f32, |a, x| a.max(x.abs()));
            let d = largest / 127.0;
            let inverse = if d > 0.0 { 1.0 / d } else { 0.0 };
            bytes.extend_from_slice(&f16::from_f32(d).to_le_bytes());
            bytes.extend(block.iter().map(|x| (x * inverse).round() as i8 as u8));
        }
        QMatrix::from_gguf(Format::Q8_0, &bytes, n, k)
    }

    /// Outputs of the layer.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Inputs of the layer.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The format the weights came in.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Memory that the weights take.
    pub fn n_bytes(&self) -> usize {
        self.codes.len() + self.scales.len()
    }

    /// Row `row` of the weights as numbers, exactly those of the file.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.n);
        assert_eq!(out.len(), self.k);
        let (tile, lane) = (row / TILE, row % TILE);
        let blocks = self.k / BLOCK;
        let shape = self.shape;
        let codes = &self.tile_codes(tile)[..blocks * shape.block_bytes()];
        let scales = self.tile_scales(tile);
        let half = |at: usize| f16::from_le_bytes([scales[at], scales[at + 1]]).to_f32();
        for (b, (out, codes)) in out.chunks_exact_mut(BLOCK).zip(codes.chunks_exact(shape.block_bytes())).enumerate() {
            let unit = b / shape.unit_blocks() * shape.unit_bytes();
            let d = half(unit + 2 * lane);
            let m = if shape.has_minimum { half(unit + 2 * (TILE + lane)) } else { 0.0 };
            for (i, out) in out.iter_mut().enumerate() {
                let (mut scale, mut minimum) = (d, m);
                if shape.is_super {
                    let group = b % shape.unit_blocks() * shape.groups + i * shape.groups / BLOCK;
                    let at = unit + shape.parts() * (2 * TILE + group * TILE) + lane;
                    scale *= f32::from(scales[at] as i8);
                    if shape.has_minimum {
                        minimum *= f32::from(scales[at + TILE]);
                    }
                }
                let code = f32::from(code(shape, codes, lane, i));
                *out = scale * (code - shape.offset as f32) + minimum;
            }
        }
    }

    /// `out = x · Wᵀ + bias`: `x` is `[m, k]`, `bias` `[n]`, `out` `[m, n]`.
    pub fn matmul(&self, pool: &Pool, x: &QRows, bias: Option<&[f32]>, out: &mut [f32]) {
        assert_eq!(x.k(), self.k);
        assert_eq!(out.len(), x.m() * self.n);
        assert!(bias.is_none_or(|bias| bias.len() == self.n));
        let (m, n) = (x.m(), self.n);
        if m == 0 {
            return;
        }
        // Few tiles (a narrow layer) are cut in rows too, so that every thread has work.
        let wanted = (4 * pool.n_threads()).div_ceil(n.div_ceil(TILE).max(1));
        let rows = m.div_ceil(wanted).next_multiple_of(GROUP).clamp(GROUP, M_BLOCK);
        let out = Shards::new(out);
        pool.parallel_for(self.n_tasks(m, rows), 1, &|start, end| {
            for task in start..end {
                // SAFETY: `out` has room for the product, tasks write disjoint rectangles of it.
                unsafe { self.task(pool.level(), task, rows, x, bias, out.as_ptr()) };
            }
        });
    }

    /// Pieces into which a product of `m` rows of input is cut, each of at most `rows` of them, a multiple of 16.
    pub(crate) fn n_tasks(&self, m: usize, rows: usize) -> usize {
        self.n.div_ceil(TILE) * m.div_ceil(rows)
    }

    /// Piece `task` of the product.
    ///
    /// # Safety
    /// `out` is `[m, n]`; nobody else writes the piece.
    pub(crate) unsafe fn task(&self, level: Level, task: usize, rows: usize, x: &QRows, bias: Option<&[f32]>, out: *mut f32) {
        let (m, n) = (x.m(), self.n);
        let tiles = n.div_ceil(TILE);
        let (tile, row) = (task % tiles, task / tiles * rows);
        let column = tile * TILE;
        // SAFETY: the rectangle lies in `out`.
        unsafe {
            kernels::run(
                level,
                &Task {
                    shape: self.shape,
                    codes: self.tile_codes(tile),
                    scales: self.tile_scales(tile),
                    x,
                    row,
                    m: rows.min(m - row),
                    bias: bias.map(|bias| &bias[column..]),
                    columns: TILE.min(n - column),
                    out: out.add(row * n + column),
                    out_stride: n,
                },
            );
        }
    }

    fn tile_codes(&self, tile: usize) -> &[u8] {
        let len = self.k / BLOCK * self.shape.block_bytes();
        &self.codes.as_slice()[tile * len..][..len]
    }

    fn tile_scales(&self, tile: usize) -> &[u8] {
        let len = self.shape.scale_bytes(self.k / BLOCK);
        &self.scales.as_slice()[tile * len..][..len]
    }
}

/// Where column `i` of a block lies for row `lane` of a tile of bytes: four neighbouring columns of a row together.
fn position(lane: usize, i: usize) -> usize {
    i / 4 * 64 + lane * 4 + i % 4
}

/// The code of column `i` of a block, in memory laid out as [`pack_row`] does.
fn code(shape: Shape, block: &[u8], lane: usize, i: usize) -> u8 {
    if shape.bits == 8 {
        return block[position(lane, i)];
    }
    let mut code = block[position(lane, i % 16)] >> (i / 16 * 4) & 15;
    let within = position(lane, i) % 64;
    match shape.bits {
        5 => code |= (block[256 + within] >> (i / 4) & 1) << 4,
        6 => code |= (block[256 + i / 16 * 64 + within] >> (i / 4 % 4 * 2) & 3) << 4,
        _ => {}
    }
    code
}

/// Puts a row of the file into lane `lane` of a tile whose bytes are zero there.
///
/// Codes, for each block of 32 columns: vectors of 64 bytes that hold four columns of sixteen rows. 8 bits: eight vectors.
/// Fewer: four vectors whose low nibbles are columns 0..16 and high nibbles columns 16..32; then bit 4 of all eight
/// vectors, one bit of a byte each (5 bits), or bits 4 and 5 of vectors 0..4 and of 4..8, two bits of a byte each.
fn pack_row(format: Format, shape: Shape, row: &[u8], lane: usize, codes: &mut [u8], scales: &mut [u8]) {
    let per_block = format.block_len() / BLOCK;
    for (at, bytes) in row.chunks_exact(format.block_bytes()).enumerate() {
        let block = unpack(format, bytes);
        for b in 0..per_block {
            let target = (at * per_block + b) * shape.block_bytes();
            let target = &mut codes[target..][..shape.block_bytes()];
            for (i, &code) in block.codes[b * BLOCK..][..BLOCK].iter().enumerate() {
                if shape.bits == 8 {
                    target[position(lane, i)] = code;
                    continue;
                }
                target[position(lane, i % 16)] |= (code & 15) << (i / 16 * 4);
                let within = position(lane, i) % 64;
                match shape.bits {
                    5 => target[256 + within] |= (code >> 4) << (i / 4),
                    6 => target[256 + i / 16 * 64 + within] |= (code >> 4) << (i / 4 % 4 * 2),
                    _ => {}
                }
            }
        }
        let unit = &mut scales[at * shape.unit_bytes()..][..shape.unit_bytes()];
        unit[2 * lane..][..2].copy_from_slice(&block.d.to_le_bytes());
        if shape.has_minimum {
            unit[2 * (TILE + lane)..][..2].copy_from_slice(&block.m.to_le_bytes());
        }
        if shape.is_super {
            for group in 0..shape.unit_blocks() * shape.groups {
                let at = shape.parts() * (2 * TILE + group * TILE) + lane;
                unit[at] = block.scales[group] as u8;
                if shape.has_minimum {
                    unit[at + TILE] = block.minima[group];
                }
            }
        }
    }
}
