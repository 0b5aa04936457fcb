//! Attention of packed variable-length sequences: which kernel serves which head size on which GPU, and how it is launched.

use std::cmp::Reverse;
use std::ffi::c_void;
use std::mem::MaybeUninit;

use cudarc::driver::sys;

use super::{Device, Error, LaunchConfig, Result, driver, launch};

/// Tokens of a block of a paged cache.
pub const BLOCK_ROWS: usize = 32;
/// Bytes of a bf16 value.
const VALUE_BYTES: usize = 2;

/// Rows of heads in device memory: head `h` of row `r` starts `r * stride + h * head size` elements (bf16) after `ptr`, which
/// is a multiple of 16, as `stride` and head sizes are of 8.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    pub ptr: u64,
    pub stride: usize,
    /// How many rows are there to read, for a paged cache all of its blocks'.
    pub len: usize,
}

/// Where the keys and values of a sequence are. Addresses of `i32` arrays on the device.
#[derive(Debug, Clone, Copy)]
pub enum Keys {
    /// Rows `cu_seqlens[s] .. cu_seqlens[s + 1]`.
    Contiguous { cu_seqlens: u64 },
    /// Caches `[n_blocks, 32, n_kv_heads, head size]` through `block_tables` `[n_sequences, max_blocks]`; sequence `s` has
    /// `context_lens[s]` keys.
    Paged { block_tables: u64, max_blocks: usize, context_lens: u64 },
}

/// One attention over packed sequences. Every sequence has at least as many keys as query rows.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// bf16 `[rows, n_heads, value_dim]`; rows of no tile keep what they hold.
    pub out: u64,
    pub q: Rows,
    pub k: Rows,
    pub v: Rows,
    pub n_heads: usize,
    /// Divides `n_heads`; query head `h` uses key-value head `h / (n_heads / n_kv_heads)`.
    pub n_kv_heads: usize,
    /// Size of query and key heads, see [`tile_rows`].
    pub head_dim: usize,
    /// Size of value heads.
    pub value_dim: usize,
    /// Device address of `i32`: query rows of sequence `s` are `cu_seqlens[s] .. cu_seqlens[s + 1]`.
    pub cu_seqlens: u64,
    pub keys: Keys,
    /// Device address of the [`tiles`] of these sequences.
    pub tiles: u64,
    pub n_tiles: usize,
    /// The last query row of a sequence sees all its keys, the one before it one less, and so on.
    pub causal: bool,
    /// Of the scores before the softmax.
    pub scale: f32,
}

/// A kernel for head sizes up to its own.
#[derive(Debug, Clone, Copy)]
struct Kernel {
    name: &'static str,
    hopper: bool,
    head_dim: usize,
    value_dim: usize,
    /// Query rows of a tile and keys of a round.
    tile: (usize, usize),
    threads: u32,
    shared: u32,
}

const fn sm80(name: &'static str, head_dim: usize, value_dim: usize, round: usize) -> Kernel {
    let shared = VALUE_BYTES * ((128 + round) * (head_dim + 8) + round * (value_dim + 8));
    Kernel { name, hopper: false, head_dim, value_dim, tile: (128, round), threads: 128, shared: shared as u32 }
}

/// `warpgroups` compute; there is room for `stages` tiles of keys and of values.
const fn sm90(name: &'static str, dims: (usize, usize), warpgroups: usize, round: usize, stages: usize) -> Kernel {
    let (head_dim, value_dim) = dims;
    let rows = 64 * warpgroups;
    let tiles = VALUE_BYTES * (rows * head_dim + stages * round * (head_dim + value_dim));
    let shared = 1024 + tiles + 8 * (2 + 4 * stages) + 32;
    let threads = 128 * (warpgroups as u32 + 1);
    Kernel { name, hopper: true, head_dim, value_dim, tile: (rows, round), threads, shared: shared as u32 }
}

/// The first that fits is taken. Shapes as in the kernels' files.
const KERNELS: [Kernel; 10] = [
    sm90("attention_sm90_d64", (64, 64), 3, 128, 4),
    sm90("attention_sm90_d80", (80, 80), 3, 96, 4),
    sm90("attention_sm90_d128", (128, 128), 2, 128, 2),
    sm90("attention_sm90_d192_128", (192, 128), 2, 128, 2),
    sm80("attention_sm80_d32", 32, 32, 128),
    sm80("attention_sm80_d64", 64, 64, 128),
    sm80("attention_sm80_d80", 80, 80, 64),
    sm80("attention_sm80_d96", 96, 96, 64),
    sm80("attention_sm80_d128", 128, 128, 64),
    sm80("attention_sm80_d192_128", 192, 128, 64),
];

/// Columns in the 128 bytes of a swizzle pattern, and in the 32 bytes of what 80-wide heads have beyond.
pub(crate) const MAIN_COLUMNS: usize = 64;
const TAIL_COLUMNS: usize = 16;

impl Kernel {
    fn of(device: &Device, head_dim: usize, value_dim: usize) -> Result<Self> {
        let fits = |kernel: &&Self| {
            (device.is_hopper() || !kernel.hopper)
                && head_dim <= kernel.head_dim
                && value_dim <= kernel.value_dim
                // The kernels for heads above 64 and up to 80 read columns from 64 on.
                && (kernel.head_dim != MAIN_COLUMNS + TAIL_COLUMNS || head_dim.min(value_dim) > MAIN_COLUMNS)
        };
        let divisible = head_dim > 0 && value_dim > 0 && head_dim.is_multiple_of(8) && value_dim.is_multiple_of(8);
        KERNELS.iter().filter(|_| divisible).find(fits).copied().ok_or_else(|| Error::Driver {
            what: "choosing an attention kernel",
            cause: format!("there is none for keys of {head_dim} and values of {value_dim}"),
        })
    }

    const fn has_tail(&self) -> bool {
        !self.head_dim.is_multiple_of(MAIN_COLUMNS)
    }
}

/// Query rows of a tile. Head sizes are multiples of 8 up to 128, or up to 192 with values up to 128.
pub fn tile_rows(device: &Device, head_dim: usize, value_dim: usize) -> Result<usize> {
    Ok(Kernel::of(device, head_dim, value_dim)?.tile.0)
}

/// The work list of sequences of so many (query rows, keys): (sequence, number of the tile in it), the longest first when
/// causal, so that the short ones fill the gaps at the end.
pub fn tiles(lengths: impl IntoIterator<Item = (usize, usize)>, tile_rows: usize, causal: bool) -> Vec<[i32; 2]> {
    let mut tiles = Vec::new();
    for (sequence, (rows, keys)) in lengths.into_iter().enumerate() {
        for tile in 0..rows.div_ceil(tile_rows) {
            let visible = if causal { keys.saturating_sub(rows) + ((tile + 1) * tile_rows).min(rows) } else { keys };
            tiles.push((visible, [sequence as i32, tile as i32]));
        }
    }
    tiles.sort_by_key(|&(visible, _)| Reverse(visible));
    tiles.into_iter().map(|(_, tile)| tile).collect()
}

impl Attention {
    /// # Safety
    /// All addresses are of this device and hold what their fields say until the kernel has run.
    pub unsafe fn launch(&self, device: &Device) -> Result<()> {
        if self.n_tiles == 0 {
            return Ok(());
        }
        let kernel = Kernel::of(device, self.head_dim, self.value_dim)?;
        // SAFETY: the caller's.
        unsafe { if kernel.hopper { self.launch_sm90(device, &kernel) } else { self.launch_sm80(device, &kernel) } }
    }

    /// (block tables, their width, context lengths, key offsets), null where they do not apply.
    fn key_places(&self) -> (u64, i32, u64, u64) {
        match self.keys {
            Keys::Contiguous { cu_seqlens } => (0, 0, 0, cu_seqlens),
            Keys::Paged { block_tables, max_blocks, context_lens } => (block_tables, max_blocks as i32, context_lens, 0),
        }
    }

    unsafe fn launch_sm80(&self, device: &Device, kernel: &Kernel) -> Result<()> {
        let (block_tables, max_blocks, context_lens, cu_seqlens_k) = self.key_places();
        let config =
            LaunchConfig { grid: (self.n_tiles as u32, self.n_heads as u32, 1), block: (kernel.threads, 1, 1), shared: kernel.shared };
        // SAFETY: the kernel's parameters; their addresses are the caller's.
        unsafe {
            launch!(
                device,
                kernel.name,
                config,
                self.out,
                self.q.ptr,
                self.k.ptr,
                self.v.ptr,
                self.tiles,
                self.cu_seqlens,
                cu_seqlens_k,
                block_tables,
                context_lens,
                max_blocks,
                self.q.stride as i32,
                self.k.stride as i32,
                self.v.stride as i32,
                self.n_heads as i32,
                self.n_kv_heads as i32,
                self.head_dim as i32,
                self.value_dim as i32,
                i32::from(self.causal),
                self.scale,
            )
        }
    }

    unsafe fn launch_sm90(&self, device: &Device, kernel: &Kernel) -> Result<()> {
        let (tile_rows, round) = kernel.tile;
        let k_rows = if matches!(self.keys, Keys::Paged { .. }) { BLOCK_ROWS } else { round };
        let sources = [
            (self.q, self.n_heads, self.head_dim, tile_rows),
            (self.k, self.n_kv_heads, self.head_dim, k_rows),
            (self.v, self.n_kv_heads, self.value_dim, k_rows),
        ];
        let mut maps = Vec::with_capacity(2 * sources.len());
        for columns in [MAIN_COLUMNS, TAIL_COLUMNS] {
            if columns == MAIN_COLUMNS || kernel.has_tail() {
                for (rows, heads, dim, box_rows) in sources {
                    maps.push(tensor_map(rows, heads, dim, columns, box_rows)?);
                }
            }
        }
        let (mut block_tables, mut max_blocks, mut context_lens, mut cu_seqlens_k) = self.key_places();
        let (mut out, mut tiles, mut cu_seqlens) = (self.out, self.tiles, self.cu_seqlens);
        let (mut n_tiles, mut n_heads, mut n_kv_heads) = (self.n_tiles as i32, self.n_heads as i32, self.n_kv_heads as i32);
        let (mut value_dim, mut causal, mut scale) = (self.value_dim as i32, i32::from(self.causal), self.scale);
        let mut arguments: Vec<*mut c_void> = maps.iter_mut().map(|map| (&raw mut *map).cast()).collect();
        arguments.extend([
            (&raw mut out).cast::<c_void>(),
            (&raw mut tiles).cast(),
            (&raw mut cu_seqlens).cast(),
            (&raw mut cu_seqlens_k).cast(),
            (&raw mut block_tables).cast(),
            (&raw mut context_lens).cast(),
            (&raw mut n_tiles).cast(),
            (&raw mut max_blocks).cast(),
            (&raw mut n_heads).cast(),
            (&raw mut n_kv_heads).cast(),
            (&raw mut value_dim).cast(),
            (&raw mut causal).cast(),
            (&raw mut scale).cast(),
        ]);
        let blocks = (self.n_tiles * self.n_heads).min(device.n_processors());
        let config = LaunchConfig { shared: kernel.shared, ..LaunchConfig::row(blocks, kernel.threads) };
        // SAFETY: the kernel's parameters in order; their addresses are the caller's.
        unsafe { device.launch(kernel.name, config, &mut arguments) }
    }
}

/// Describes (column, head, row) boxes of `columns` and `box_rows` to the copy engine, which fills what lies outside with
/// zeros.
pub(crate) fn tensor_map(rows: Rows, heads: usize, dim: usize, columns: usize, box_rows: usize) -> Result<sys::CUtensorMap> {
    let sizes = [dim as u64, heads as u64, rows.len as u64];
    let strides = [(dim * VALUE_BYTES) as u64, (rows.stride * VALUE_BYTES) as u64];
    let boxes = [columns as u32, 1, box_rows as u32];
    let element_strides = [1u32; 3];
    let swizzle = if columns == MAIN_COLUMNS {
        sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_128B
    } else {
        sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_32B
    };
    let mut map = MaybeUninit::uninit();
    // SAFETY: the arrays have one entry for each of the three dimensions (strides all but the innermost); `map` is written.
    unsafe {
        sys::cuTensorMapEncodeTiled(
            map.as_mut_ptr(),
            sys::CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
            3,
            rows.ptr as *mut c_void,
            sizes.as_ptr(),
            strides.as_ptr(),
            boxes.as_ptr(),
            element_strides.as_ptr(),
            sys::CUtensorMapInterleave::CU_TENSOR_MAP_INTERLEAVE_NONE,
            swizzle,
            sys::CUtensorMapL2promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
            sys::CUtensorMapFloatOOBfill::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
        )
        .result()
        .map_err(driver("describing rows to the GPU"))?;
        Ok(map.assume_init())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_row_once_with_the_longest_first() {
        assert_eq!(tiles([(130, 130), (0, 5), (1, 400)], 128, true), [[2, 0], [0, 1], [0, 0]]);
        assert_eq!(tiles([(130, 130), (300, 300)], 128, false), [[1, 0], [1, 1], [1, 2], [0, 0], [0, 1]]);
    }

    #[test]
    fn shared_memory_is_what_the_kernels_say() {
        let shared = |name| KERNELS.iter().find(|kernel| kernel.name == name).map(|kernel| kernel.shared);
        assert_eq!(shared("attention_sm90_d64"), Some(156_848));
        assert_eq!(shared("attention_sm90_d192_128"), Some(214_128));
        assert_eq!(shared("attention_sm80_d128"), Some(69_632));
    }
}
