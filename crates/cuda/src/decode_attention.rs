//! Attention of one new token a sequence over its paged keys and values.

use super::{Device, Error, LaunchConfig, Result, arguments};

/// Work on the new tokens that the kernel does before it attends: norms of the heads of queries and keys, rotation, and
/// writing keys and values to the cache.
#[derive(Debug, Clone, Copy)]
pub struct FreshTokens {
    pub norms: HeadNorms,
    /// `(cos, sin)` f32 pairs `[rows, d / 2]`, of elements `i` and `i + d / 2`.
    pub angles: u64,
    /// i32 `[rows]`: block × 32 + row within the block; below zero: not written.
    pub slots: u64,
}

/// Norms over each head of queries and of keys: RMSNorms with weights bf16 `[d]`, or where there are biases LayerNorms with
/// weights and biases bf16 `[heads, d]`. Addresses; 0 = none.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeadNorms {
    pub q_weight: u64,
    pub q_bias: u64,
    pub k_weight: u64,
    pub k_bias: u64,
    pub eps: f32,
}

/// Blocks that share the splits of one of `pairs` (row, key-value head) or (row, tile of heads), when `places` blocks run at once: what fills all
/// places in one go, or with more pairs than that few blocks that leave few places empty in their last go.
pub(crate) fn depth(pairs: usize, places: usize) -> usize {
    let one_go = places / pairs;
    if one_go > 1 {
        return one_go.min(MAX_SPLITS);
    }
    let filled = |depth: usize| {
        let blocks = pairs * depth;
        blocks * 100 / blocks.next_multiple_of(places)
    };
    (1..=4).find(|depth| filled(*depth) >= 90).or_else(|| (1..=4).rev().max_by_key(|depth| filled(*depth))).unwrap_or(1)
}

/// One query row a sequence; addresses are on the device. To the bit, a row's result depends on its own sequence only, and on
/// whether there are more pairs of row and key-value head than [`DecodeAttention::MAX_LONE_PAIRS`].
#[derive(Debug, Clone, Copy)]
pub struct DecodeAttention {
    pub rows: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    /// One of [`DecodeAttention::DIMS`].
    pub dim: usize,
    /// bf16 `[rows, n_heads · dim]`.
    pub out: u64,
    /// bf16 `[rows, (n_heads + 2 n_kv_heads) · dim]`: queries, keys, values. Without `fresh` only the queries are read.
    pub qkv: u64,
    /// With: the new tokens are as the projection left them. Without: queries are ready, keys and values are in the cache.
    pub fresh: Option<FreshTokens>,
    /// bf16 `[n_blocks, 32, n_kv_heads, dim]` each.
    pub k_cache: u64,
    pub v_cache: u64,
    /// i32 `[rows, max_blocks]`.
    pub block_tables: u64,
    pub max_blocks: usize,
    /// i32 `[rows]`: tokens with the new one; 0 for a row that only pads the batch.
    pub context_lens: u64,
    /// [`DecodeAttention::partials_len`] bytes.
    pub partials: u64,
    /// i32 `[rows · n_kv_heads]`, zeroed once; the kernel leaves zeros.
    pub tickets: u64,
    /// Of the scores.
    pub scale: f32,
}

/// The kernel's numbers: see `kernels/decode_attention.cu`.
pub(crate) const MAX_SPLITS: usize = 32;
const THREADS: u32 = 256;
/// Query heads that share a key-value head, at most, in the kernels that are not wide.
const NARROW_GROUP: usize = 8;
/// That a multiprocessor runs at once.
const BLOCKS_AT_ONCE: usize = 2;
/// Blocks that give each other what they attended to.
const CLUSTER: usize = 16;

impl DecodeAttention {
    pub const DIMS: [usize; 5] = [32, 64, 80, 96, 128];
    /// Query heads that share a key-value head, at most.
    pub const MAX_GROUP: usize = 16;
    /// Pairs of row and key-value head up to which sequences of one to two thousand tokens are cut into more splits.
    pub const MAX_LONE_PAIRS: usize = 8;

    /// Bytes of partial results for `rows` rows.
    pub fn partials_len(rows: usize, n_heads: usize, dim: usize) -> usize {
        rows * n_heads * MAX_SPLITS * (dim + 2) * size_of::<f32>()
    }

    /// Whether there is a kernel for heads of this shape.
    pub fn is_possible(n_heads: usize, n_kv_heads: usize, dim: usize) -> bool {
        Self::DIMS.contains(&dim) && n_kv_heads > 0 && n_heads.is_multiple_of(n_kv_heads) && n_heads / n_kv_heads <= Self::MAX_GROUP
    }

    fn pairs(&self) -> usize {
        self.rows * self.n_kv_heads
    }

    fn is_lone(&self) -> bool {
        self.pairs() <= Self::MAX_LONE_PAIRS
    }

    fn kernel(&self) -> String {
        let form = if self.fresh.is_some() { "fused" } else { "plain" };
        let width = if self.n_heads / self.n_kv_heads > NARROW_GROUP { "_wide" } else { "" };
        let spread = if self.is_lone() { "_lone" } else { "" };
        format!("decode_attention_{form}_d{}{width}{spread}", self.dim)
    }

    /// With `depth` blocks for each pair.
    fn config(&self, device: &Device, depth: usize) -> LaunchConfig {
        let d = self.dim;
        let stages = if device.is_hopper() && !self.is_lone() { 3 } else { 2 };
        // Between rows in shared memory: powers of two are swizzled there, others padded.
        let stride = if d.is_power_of_two() { d } else { d + 8 };
        LaunchConfig {
            grid: (self.n_kv_heads as u32, self.rows as u32, depth as u32),
            block: (THREADS, 1, 1),
            shared: (stages * 256 * stride + 4 * d + 128 * (d + 4)) as u32,
        }
    }

    /// Blocks for each pair, where they all run at once as clusters.
    fn depth_in_clusters(&self, device: &Device) -> Result<Option<usize>> {
        if !device.is_hopper() || !self.is_lone() {
            return Ok(None);
        }
        for depth in [MAX_SPLITS, CLUSTER] {
            let at_once = device.clusters_at_once(&self.kernel(), (1, 1, CLUSTER as u32), self.config(device, depth))?;
            if self.pairs() * depth <= at_once * CLUSTER {
                return Ok(Some(depth));
            }
        }
        Ok(None)
    }

    /// Launches it. One recorded launch serves all lengths.
    ///
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until it has run; block tables and slots name blocks
    /// that exist.
    pub unsafe fn launch(&self, device: &Device) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        if !Self::is_possible(self.n_heads, self.n_kv_heads, self.dim) {
            return Err(Error::Driver { what: "attending to a cache", cause: format!("there is no kernel for {self:?}") });
        }
        let fresh = self.fresh.unwrap_or(FreshTokens { norms: HeadNorms::default(), angles: 0, slots: 0 });
        let (depth, cluster) = match self.depth_in_clusters(device)? {
            Some(depth) => (depth, CLUSTER),
            None => (depth(self.pairs(), device.n_processors() * BLOCKS_AT_ONCE), 1),
        };
        // SAFETY: the arguments have the kernel's types; the caller answers for the addresses.
        unsafe {
            device.launch_clusters(
                &self.kernel(),
                (1, 1, cluster as u32),
                self.config(device, depth),
                &mut arguments!(
                    self.out,
                    self.qkv,
                    fresh.norms.q_weight,
                    fresh.norms.q_bias,
                    fresh.norms.k_weight,
                    fresh.norms.k_bias,
                    fresh.angles,
                    fresh.slots,
                    self.k_cache,
                    self.v_cache,
                    self.block_tables,
                    self.context_lens,
                    self.partials,
                    self.tickets,
                    self.n_heads as i32,
                    self.n_kv_heads as i32,
                    self.max_blocks as i32,
                    self.scale,
                    fresh.norms.eps,
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn blocks_fill_the_places() {
        for (pairs, want) in [(8, 32), (64, 4), (128, 2), (192, 4), (256, 1), (320, 3), (512, 1), (2048, 1)] {
            assert_eq!(depth(pairs, 264), want, "{pairs} pairs");
        }
    }
}
