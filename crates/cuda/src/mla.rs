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

/// Rows that [`Fresh::absorb`] and [`LatentDecode::launch_values`] are for.
pub const MAX_FEW_ROWS: usize = 8;
/// Widest part of a head that [`Fresh::absorb`] takes besides the rotated one.
const MAX_NOPE: usize = 128;

fn no_kernel(what: &'static str, shape: &impl std::fmt::Debug) -> Error {
    Error::Driver { what, cause: format!("there is no kernel for {shape:?}") }
}

/// What [`Fresh`] and [`Gather`] need to know of the heads of queries and keys.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    pub n: usize,
    /// Values of a head besides the rotated ones, which follow them; a multiple of 8.
    pub nope: usize,
}

/// New rows, as the projections left them: their latents are normalised and put into the cache with the rotated part of the
/// keys, and the queries are rotated.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    pub heads: Heads,
    /// `ROW` values of each row, so many apart; a multiple of 8.
    pub latents: u64,
    pub latents_stride: usize,
    /// `[heads, nope + ROPE]` of each row, so many values apart; a multiple of 8. The last `ROPE` values of a head are rotated.
    pub queries: u64,
    pub queries_stride: usize,
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

/// Where the rotated parts of queries go: that of head `h` of row `r` is `r · row_stride + h · head_stride` values after `ptr`.
/// May be where they come from.
#[derive(Debug, Clone, Copy)]
pub struct Turned {
    pub ptr: u64,
    /// Multiples of 8.
    pub row_stride: usize,
    pub head_stride: usize,
}

/// What the kernels know as `Fresh`.
#[repr(C)]
#[derive(Clone, Copy)]
struct FreshArgument {
    cache: u64,
    turned: u64,
    queries: u64,
    latents: u64,
    norm: u64,
    angles: u64,
    slots: u64,
    n_heads: i32,
    nope: i32,
    queries_stride: i32,
    latents_stride: i32,
    turned_stride: i32,
    turned_head_stride: i32,
    eps: f32,
}

impl Fresh {
    fn argument(&self, turned: Turned) -> Result<FreshArgument> {
        let strides = [self.heads.nope, self.queries_stride, self.latents_stride, turned.row_stride, turned.head_stride];
        if !strides.iter().all(|n| n.is_multiple_of(8)) {
            return Err(no_kernel("storing latents", &(self, turned)));
        }
        let [nope, queries_stride, latents_stride, turned_stride, turned_head_stride] = strides.map(|n| n as i32);
        Ok(FreshArgument {
            cache: self.cache,
            turned: turned.ptr,
            queries: self.queries,
            latents: self.latents,
            norm: self.norm,
            angles: self.angles,
            slots: self.slots,
            n_heads: self.heads.n as i32,
            nope,
            queries_stride,
            latents_stride,
            turned_stride,
            turned_head_stride,
            eps: self.eps,
        })
    }

    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until it has run; slots are in the cache.
    pub unsafe fn store(&self, device: &Device, rows: usize, turned: Turned) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        // A warp for the latent, four lanes for each head and for the keys.
        let threads = 32 + (4 * (self.heads.n + 1)).next_multiple_of(32).min(480);
        // SAFETY: the kernel's parameters; addresses are the caller's.
        unsafe { launch!(device, "mla_store", LaunchConfig::row(rows, threads as u32), self.argument(turned)?) }
    }

    /// As [`store`](Self::store), of up to [`MAX_FEW_ROWS`], and makes of their queries what attends to latents: `absorbed`
    /// `[rows, heads, ROW]`, by `weight` `[heads, LATENT, nope]`.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn absorb(&self, device: &Device, rows: usize, weight: u64, absorbed: u64) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let n = self.heads.n;
        if rows > MAX_FEW_ROWS || self.heads.nope > MAX_NOPE {
            return Err(no_kernel("absorbing queries", &(self, rows)));
        }
        let turned = Turned { ptr: absorbed + (LATENT * size_of::<u16>()) as u64, row_stride: n * ROW, head_stride: ROW };
        let config = LaunchConfig::row(n * ABSORB_SLICES + rows, ABSORB_THREADS);
        // SAFETY: as above.
        unsafe { launch!(device, "mla_absorb", config, absorbed, weight, self.argument(turned)?, rows as i32) }
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
            return Err(no_kernel("gathering latents", self));
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
const FIXED: usize = 21_504;
const STAGE: usize = 37_392;
const MIN_STAGES: usize = 2;
const ABSORB_THREADS: u32 = 128;
const ABSORB_SLICES: usize = 8;
const JOIN_THREADS: u32 = 256;
const JOIN_VALUES: usize = 32;

/// What makes values of the latents that were attended to.
#[derive(Debug, Clone, Copy)]
pub struct Values {
    /// `[n_heads, dim, LATENT]`.
    pub weight: u64,
    pub dim: usize,
    /// `[rows, n_heads, dim]`.
    pub out: u64,
}

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
        let join = LaunchConfig { grid: (self.n_heads as u32, self.rows as u32, 1), block: (LATENT as u32 / 4, 1, 1), shared: 0 };
        // SAFETY: the kernels' parameters; addresses are the caller's.
        unsafe {
            let depth = self.attend(device, self.out)?;
            launch!(device, "mla_join", join, self.out, self.partials, self.context_lens, self.n_heads as i32, depth)
        }
    }

    /// As [`launch`](Self::launch), of up to [`MAX_FEW_ROWS`], and makes values of the result, which is not written itself.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn launch_values(&self, device: &Device, values: &Values) -> Result<()> {
        if self.rows == 0 || self.n_heads == 0 {
            return Ok(());
        }
        if self.rows > MAX_FEW_ROWS || values.dim == 0 {
            return Err(no_kernel("making values of latents", &(self, values)));
        }
        let slices = values.dim.div_ceil(JOIN_VALUES);
        let join = LaunchConfig { grid: ((self.n_heads * slices) as u32, self.rows as u32, 1), block: (JOIN_THREADS, 1, 1), shared: 0 };
        let (n_heads, dim) = (self.n_heads as i32, values.dim as i32);
        // SAFETY: as above.
        unsafe {
            let depth = self.attend(device, 0)?;
            launch!(device, "mla_join_values", join, values.out, self.partials, self.context_lens, values.weight, n_heads, dim, depth)
        }
    }

    /// Returns the grid's depth, by which the parts are known that have to be joined.
    unsafe fn attend(&self, device: &Device, out: u64) -> Result<i32> {
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
        // SAFETY: the kernel's parameters; addresses are the caller's.
        unsafe {
            launch!(
                device,
                "mla_decode",
                config,
                out,
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
        }
        Ok(depth as i32)
    }
}
