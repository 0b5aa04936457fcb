//! Multi-head latent attention (`kernels/mla.cu`): the cache holds one row a token, the latent that keys and values are made
//! of and the rotated part of the keys that all heads share. Addresses are on the device, numbers are bf16.
//!
//! One new row a sequence attends to the latents themselves ([`LatentDecode`]), with queries multiplied by what would make
//! keys of them. Prompts gather the cached rows ([`Gather`]) and make keys and values.

use super::decode_attention::{MAX_SPLITS, depth};
use super::{Device, Error, LaunchConfig, Result, launch};

/// Values of a latent, of the shared part of the keys, and of both in the cache.
pub const LATENT: usize = 512;
pub const ROPE: usize = 64;
pub const ROW: usize = LATENT + ROPE;

/// What [`Store`] and [`Gather`] need to know of the heads of queries and keys.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    pub n: usize,
    /// Values of a head besides the rotated ones, which follow them; a multiple of 8.
    pub nope: usize,
}

/// Puts the latents of new rows into the cache, normalised and rotated, and rotates the queries.
#[derive(Debug, Clone, Copy)]
pub struct Store {
    pub heads: Heads,
    /// `[rows, ROW]`, as the projection left them.
    pub latents: u64,
    /// `[rows, heads, nope + ROPE]`; the last `ROPE` values of a head are rotated.
    pub queries: u64,
    /// Where these go: head `h` of row `r` to `turned + (r · heads + h) · turned_stride` values. May be in place.
    pub turned: u64,
    /// A multiple of 8.
    pub turned_stride: usize,
    /// `[LATENT]`.
    pub norm: u64,
    pub eps: f32,
    /// `(cos, sin)` f32 pairs `[rows, ROPE / 2]`, of elements `i` and `i + ROPE / 2`.
    pub angles: u64,
    /// i32 `[rows]`: block × 32 + row within the block; below zero: not written.
    pub slots: u64,
    /// `[n_blocks, 32, ROW]`.
    pub cache: u64,
}

impl Store {
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until it has run; slots are in the cache.
    pub unsafe fn launch(&self, device: &Device, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        if !self.heads.nope.is_multiple_of(8) || !self.turned_stride.is_multiple_of(8) {
            return Err(Error::Driver { what: "storing latents", cause: format!("there is no kernel for {self:?}") });
        }
        // A warp for the latent, four lanes for each head and for the keys.
        let threads = 32 + (4 * (self.heads.n + 1)).next_multiple_of(32).min(480);
        let config = LaunchConfig::row(rows, threads as u32);
        // SAFETY: the kernel's parameters; addresses are the caller's.
        unsafe {
            launch!(
                device,
                "mla_store",
                config,
                self.cache,
                self.turned,
                self.queries,
                self.latents,
                self.norm,
                self.angles,
                self.slots,
                self.heads.n as i32,
                self.heads.nope as i32,
                self.turned_stride as i32,
                self.eps,
            )
        }
    }
}

/// Lays out all cached rows of sequences one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Gather {
    pub heads: Heads,
    /// `[n_blocks, 32, ROW]`.
    pub cache: u64,
    /// i32 `[n_sequences, max_blocks]`.
    pub block_tables: u64,
    pub max_blocks: usize,
    pub n_sequences: usize,
    /// i32 `[n_sequences + 1]`: where each sequence's rows begin and end.
    pub cu_seqlens: u64,
    /// Written: `[rows, LATENT]`.
    pub latents: u64,
    /// Written: the last `ROPE` values of every head of `[rows, heads, nope + ROPE]`.
    pub keys: u64,
}

impl Gather {
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until it has run; `rows` is the last of `cu_seqlens`.
    pub unsafe fn launch(&self, device: &Device, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        if !self.heads.nope.is_multiple_of(8) {
            return Err(Error::Driver { what: "gathering latents", cause: format!("there is no kernel for {self:?}") });
        }
        let config = LaunchConfig::row(rows, 192);
        // SAFETY: the kernel's parameters; addresses are the caller's.
        unsafe {
            launch!(
                device,
                "mla_gather",
                config,
                self.latents,
                self.keys,
                self.cache,
                self.block_tables,
                self.cu_seqlens,
                self.n_sequences as i32,
                self.max_blocks as i32,
                self.heads.n as i32,
                self.heads.nope as i32,
            )
        }
    }
}

/// One query row a sequence attends to the sequence's cached rows, whose latents are the values too. A row's result depends
/// on its own sequence only, to the bit.
#[derive(Debug, Clone, Copy)]
pub struct LatentDecode {
    pub rows: usize,
    pub n_heads: usize,
    /// `[rows, n_heads, LATENT]`.
    pub out: u64,
    /// `[rows, n_heads, ROW]`.
    pub queries: u64,
    /// `[n_blocks, 32, ROW]`.
    pub cache: u64,
    /// i32 `[rows, max_blocks]`.
    pub block_tables: u64,
    pub max_blocks: usize,
    /// i32 `[rows]`: tokens with the new one; 0 for a row that only pads the batch.
    pub context_lens: u64,
    /// [`LatentDecode::partials_len`] bytes.
    pub partials: u64,
    /// Of the scores.
    pub scale: f32,
}

/// The kernel's numbers: see `kernels/mla.cu`.
const TILE_HEADS: usize = 16;
const THREADS: u32 = 288;
const FIXED: usize = 22_016;
const STAGE: usize = 37_392;
const MIN_STAGES: usize = 2;

impl LatentDecode {
    /// Bytes of partial results for `rows` rows.
    pub fn partials_len(rows: usize, n_heads: usize) -> usize {
        rows * n_heads * MAX_SPLITS * (LATENT + 2) * size_of::<f32>()
    }

    /// Launches it. One recorded launch serves all lengths.
    ///
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until it has run; block tables name blocks that exist.
    pub unsafe fn launch(&self, device: &Device) -> Result<()> {
        if self.rows == 0 || self.n_heads == 0 {
            return Ok(());
        }
        let stages = device.max_shared().saturating_sub(FIXED) / STAGE;
        if stages < MIN_STAGES {
            return Err(Error::Driver { what: "attending to latents", cause: "the GPU has too little shared memory".to_owned() });
        }
        let tiles = self.n_heads.div_ceil(TILE_HEADS);
        let depth = depth(self.rows * tiles, device.n_processors());
        let config = LaunchConfig {
            grid: (tiles as u32, self.rows as u32, depth as u32),
            block: (THREADS, 1, 1),
            shared: (FIXED + stages * STAGE) as u32,
        };
        let join = LaunchConfig { grid: (self.n_heads as u32, self.rows as u32, 1), block: (LATENT as u32 / 4, 1, 1), shared: 0 };
        // SAFETY: the kernels' parameters; addresses are the caller's.
        unsafe {
            launch!(
                device,
                "mla_decode",
                config,
                self.out,
                self.queries,
                self.cache,
                self.block_tables,
                self.context_lens,
                self.partials,
                self.n_heads as i32,
                self.max_blocks as i32,
                self.scale,
                stages as i32,
            )?;
            launch!(device, "mla_join", join, self.out, self.partials, self.context_lens, self.n_heads as i32)
        }
    }
}
