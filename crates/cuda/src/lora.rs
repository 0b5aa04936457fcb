//! Low-rank updates of a linear layer's outputs (`kernels/lora.cu`), rows with different adapters side by side.

use super::{Device, Error, LaunchConfig, Result, launch};

/// Rows of a tile.
pub const TILE_ROWS: usize = 16;
/// Ranks are filled up to multiples of this with zeros.
pub const RANK_STEP: usize = 16;
pub const MAX_RANK: usize = 256;
/// Parts of a layer.
pub const MAX_PARTS: usize = 3;

const THREADS: u32 = 256;
/// Columns that a block adds to.
const BLOCK_COLUMNS: usize = 256;
/// Inner values of a piece, and pieces at most, where few rows leave most of the GPU idle.
const PIECE: usize = 512;
const MAX_PIECES: usize = 16;
/// Rows up to which the inner dimension is cut.
const FEW_ROWS: usize = 512;

/// An adapter's matrices for one layer, as the kernels read it. All of them together are what a [`Tile`] points to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub struct Layer {
    /// bf16 `[sum of ranks, n_in]`.
    pub a: u64,
    /// Of each part bf16 `[n_out, rank]`.
    pub b: [u64; MAX_PARTS],
    /// Multiples of [`RANK_STEP`]; 0 for parts that are left alone.
    pub rank: [i32; MAX_PARTS],
    pub scale: [f32; MAX_PARTS],
}

impl Layer {
    pub fn to_bytes(self) -> [u8; size_of::<Self>()] {
        let mut bytes = [0; size_of::<Self>()];
        let words = std::iter::once(self.a).chain(self.b).flat_map(u64::to_le_bytes);
        let numbers = self.rank.into_iter().flat_map(i32::to_le_bytes).chain(self.scale.into_iter().flat_map(f32::to_le_bytes));
        bytes.iter_mut().zip(words.chain(numbers)).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// Up to [`TILE_ROWS`] rows of one adapter, neighbours in the list of rows: address of its layers, first, number.
pub type Tile = [u32; 4];

pub fn tile(layers: u64, first: usize, n_rows: usize) -> Tile {
    [layers as u32, (layers >> 32) as u32, first as u32, n_rows as u32]
}

/// `y += scale · (x · Aᵀ) · Bᵀ` for the listed rows.
#[derive(Debug, Clone)]
pub struct LowRank<'a> {
    /// Number of the layer in every adapter.
    pub layer: usize,
    /// bf16 `[rows, n_in]`, multiples of 8.
    pub x: u64,
    pub n_in: usize,
    /// bf16 `[rows, sum of n_out]`.
    pub y: u64,
    /// Columns of each part, side by side, multiples of 8.
    pub n_out: &'a [usize],
    /// [`Tile`] `[n_tiles]`.
    pub tiles: u64,
    pub n_tiles: usize,
    /// i32 `[n_listed]`: the tiles' rows.
    pub rows: u64,
    pub n_listed: usize,
    /// No part of an adapter has a larger one.
    pub max_rank: usize,
}

impl LowRank<'_> {
    fn pieces(&self) -> usize {
        if self.n_listed <= FEW_ROWS { self.n_in.div_ceil(PIECE).clamp(1, MAX_PIECES) } else { 1 }
    }

    fn stride(&self) -> usize {
        self.n_out.len() * self.max_rank
    }

    /// Bytes that it needs besides.
    pub fn scratch(&self) -> usize {
        self.pieces() * self.n_listed * self.stride() * size_of::<f32>()
    }

    /// The most that updates of up to so many rows need.
    pub fn max_scratch(max_rows: usize) -> usize {
        (MAX_PIECES * FEW_ROWS).max(max_rows) * MAX_PARTS * MAX_RANK * size_of::<f32>()
    }

    pub fn is_possible(&self) -> bool {
        (1..=MAX_PARTS).contains(&self.n_out.len())
            && self.n_in.is_multiple_of(8)
            && self.n_out.iter().all(|n| n.is_multiple_of(8))
            && (1..=MAX_RANK).contains(&self.max_rank)
    }

    /// Two kernels: to the ranks, and back.
    ///
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until the kernels have run, as is `scratch`.
    pub unsafe fn launch(&self, device: &Device, scratch: u64) -> Result<()> {
        if self.n_tiles == 0 {
            return Ok(());
        }
        if !self.is_possible() {
            return Err(Error::Driver { what: "adding an adapter", cause: format!("there is no kernel for {self:?}") });
        }
        let (pieces, stride) = (self.pieces(), self.stride());
        let n_out = |part: usize| self.n_out.get(part).copied().unwrap_or(0);
        let blocks = |part: usize| n_out(part).div_ceil(BLOCK_COLUMNS);
        let (layer, n_listed, stride) = (self.layer as i32, self.n_listed as i32, stride as i32);
        let narrow = LaunchConfig { grid: (self.n_tiles as u32, pieces as u32, 1), block: (THREADS, 1, 1), shared: 0 };
        let n_blocks = blocks(0) + blocks(1) + blocks(2);
        let wide = LaunchConfig { grid: (n_blocks as u32, self.n_tiles as u32, 1), block: (THREADS, 1, 1), shared: 0 };
        // SAFETY: the arguments have the kernels' types; the caller answers for the addresses.
        unsafe {
            launch!(device, "lora_shrink", narrow, scratch, self.x, self.tiles, self.rows, layer, self.n_in as i32, n_listed, stride)?;
            launch!(
                device,
                "lora_expand",
                wide,
                self.y,
                scratch,
                self.tiles,
                self.rows,
                layer,
                self.n_out.iter().sum::<usize>() as i32,
                n_listed,
                stride,
                pieces as i32,
                blocks(0) as i32,
                (blocks(0) + blocks(1)) as i32,
                n_out(0) as i32,
                (n_out(0) + n_out(1)) as i32,
                n_out(0) as i32,
                n_out(1) as i32,
                n_out(2) as i32,
            )
        }
    }
}
