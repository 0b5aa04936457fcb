//! Attention on the GPU: the paged cache, the step's causal attention, segments of vision towers and encoders.

use std::sync::Mutex;

use ashlar_cuda::attention::{Attention, Keys, Rows};
use ashlar_cuda::mla::LatentDecode;
use ashlar_cuda::rows::RopeStore;
use ashlar_cuda::{Buffer, DecodeAttention, Device, FreshTokens, HeadNorms, attention};

use super::super::StepLimits;
use super::super::attention::{self as ops, Causal, Heads, Segments};
use super::super::cache::{BLOCK_SIZE, CacheShape, MAX_SLOTS};
use super::super::{Result, Step, Tensor, bail};
use super::{Cuda, DType, lock};
use crate::engine::ops::rope::Angles;

/// What the decode kernel leaves between its blocks.
pub struct Workspace {
    partials: Buffer,
    tickets: Buffer,
}

impl Workspace {
    pub fn new(device: &Device, limits: &StepLimits) -> Result<Self> {
        let Heads { n_heads, n_kv_heads, head_dim } = limits.heads;
        let rows = limits.max_sequences + 8;
        let partials = match limits.latent {
            Some(_) => LatentDecode::partials_len(rows, n_heads),
            None => DecodeAttention::partials_len(rows, n_heads, head_dim),
        };
        Ok(Self { partials: Buffer::new(device, partials)?, tickets: Buffer::zeros(device, rows * n_kv_heads * size_of::<i32>())? })
    }

    pub fn partials(&self) -> u64 {
        self.partials.ptr()
    }
}

/// K and V of every layer, `[n_blocks, BLOCK_SIZE, width]` bf16, and the tokens sampled last.
pub struct PagedCache {
    values: Buffer,
    /// Bytes of K and of V of one layer.
    key_bytes: usize,
    value_bytes: usize,
    n_blocks: usize,
    last_tokens: Buffer,
}

impl PagedCache {
    pub fn keys(&self, layer: usize) -> u64 {
        self.values.ptr() + (layer * (self.key_bytes + self.value_bytes)) as u64
    }

    fn values(&self, layer: usize) -> u64 {
        self.keys(layer) + self.key_bytes as u64
    }

    /// i32 of each slot.
    pub fn last_tokens(&self) -> u64 {
        self.last_tokens.ptr()
    }
}

/// Segments on the GPU.
pub struct Tiles {
    cu_seqlens: Tensor,
    /// Made by the first layer that attends.
    lists: Mutex<Option<TileList>>,
}

struct TileList {
    tile_rows: usize,
    n_tiles: usize,
    tiles: Tensor,
}

impl Cuda {
    pub fn paged_cache(&self, shape: CacheShape, n_blocks: usize) -> Result<PagedCache> {
        let bytes = |width: usize| n_blocks * BLOCK_SIZE * width * DType::Bf16.size();
        let (key_bytes, value_bytes) = (bytes(shape.key_width), bytes(shape.value_width));
        let device = self.device();
        Ok(PagedCache {
            values: Buffer::zeros(device, shape.n_layers * (key_bytes + value_bytes))?,
            key_bytes,
            value_bytes,
            n_blocks,
            last_tokens: Buffer::zeros(device, MAX_SLOTS * size_of::<i32>())?,
        })
    }

    pub fn causal(&self, layer: &Causal<'_>, qkv: &Tensor, step: &Step<'_>, cache: &PagedCache) -> Result<Tensor> {
        let inputs = self.inputs(step)?;
        let shape = inputs.shape;
        let Causal { heads, norms, angles: Angles::Cuda(angles), layer: index } = layer else { bail!("the angles are on another device") };
        let Heads { n_heads, n_kv_heads, head_dim } = *heads;
        let out = self.scratch(qkv.rows, n_heads * head_dim)?;
        let norms = norms.map_or_else(|| Ok(HeadNorms::default()), head_norms)?;
        let (keys, values, angles) = (cache.keys(*index), cache.values(*index), angles.ptr(DType::F32)?);
        let (partials, tickets) = match &*lock(&self.0.steps) {
            Some(steps) => (steps.decoding.partials.ptr(), steps.decoding.tickets.ptr()),
            None => bail!("no memory was reserved for steps"),
        };
        let decode = DecodeAttention {
            rows: shape.n_decode,
            n_heads,
            n_kv_heads,
            dim: head_dim,
            out: out.bf16()?,
            qkv: qkv.bf16()?,
            fresh: None,
            k_cache: keys,
            v_cache: values,
            block_tables: inputs.block_tables(),
            max_blocks: shape.table_width,
            context_lens: inputs.context_lens(),
            partials,
            tickets,
            scale: heads.scale(),
        };
        if shape.is_decode() {
            let fresh = FreshTokens { norms, angles, slots: inputs.slots() };
            // SAFETY: addresses and shapes are the tensors', the step's and the cache's; tables and slots name its blocks.
            unsafe { DecodeAttention { fresh: Some(fresh), ..decode }.launch(self.device()) }?;
            return Ok(out);
        }
        let store = RopeStore {
            qkv: qkv.bf16()?,
            norms,
            angles,
            slots: inputs.slots(),
            k_cache: keys,
            v_cache: values,
            n_heads,
            n_kv_heads,
            dim: head_dim,
        };
        let in_cache = |ptr| Rows { ptr, stride: n_kv_heads * head_dim, len: cache.n_blocks * BLOCK_SIZE };
        let prefill = Attention {
            out: out.bf16()?,
            q: Rows { ptr: qkv.bf16()?, stride: qkv.width, len: qkv.rows },
            k: in_cache(keys),
            v: in_cache(values),
            n_heads,
            n_kv_heads,
            head_dim,
            value_dim: head_dim,
            cu_seqlens: inputs.cu_seqlens(),
            keys: Keys::Paged { block_tables: inputs.block_tables(), max_blocks: shape.table_width, context_lens: inputs.context_lens() },
            tiles: inputs.tiles(),
            n_tiles: shape.n_tiles,
            causal: true,
            scale: heads.scale(),
        };
        // SAFETY: as above.
        unsafe {
            store.launch(self.device(), shape.rows)?;
            decode.launch(self.device())?;
            prefill.launch(self.device())?;
        }
        Ok(out)
    }

    pub fn tiles(&self, cu_seqlens: &[u32]) -> Result<Tiles> {
        Ok(Tiles { cu_seqlens: self.integers(cu_seqlens)?, lists: Mutex::default() })
    }

    pub fn segments(&self, qkv: &Tensor, heads: Heads, segments: &Segments) -> Result<Tensor> {
        let Some(device_segments) = &segments.device else { bail!("the segments are on another device") };
        let Heads { n_heads, n_kv_heads, head_dim } = heads;
        let tile_rows = attention::tile_rows(self.device(), head_dim, head_dim)?;
        let mut lists = lock(&device_segments.lists);
        let (tiles, n_tiles) = match &mut *lists {
            Some(list) if list.tile_rows == tile_rows => (list.tiles.ptr(DType::F32)?, list.n_tiles),
            list => {
                let lengths = segments.cu_seqlens.windows(2).map(|rows| (rows[1] - rows[0]) as usize);
                let tiles = attention::tiles(lengths.map(|len| (len, len)), tile_rows, false);
                let integers = self.integers(&tiles.iter().flatten().map(|n| *n as u32).collect::<Vec<_>>())?;
                let list = list.insert(TileList { tile_rows, n_tiles: tiles.len(), tiles: integers });
                (list.tiles.ptr(DType::F32)?, list.n_tiles)
            }
        };
        let out = self.scratch(qkv.rows, n_heads * head_dim)?;
        let q = qkv.bf16()?;
        let after = |heads: usize| q + (heads * head_dim * DType::Bf16.size()) as u64;
        let rows = |ptr| Rows { ptr, stride: qkv.width, len: qkv.rows };
        let cu_seqlens = device_segments.cu_seqlens.ptr(DType::F32)?;
        let attention = Attention {
            out: out.bf16()?,
            q: rows(q),
            k: rows(after(n_heads)),
            v: rows(after(n_heads + n_kv_heads)),
            n_heads,
            n_kv_heads,
            head_dim,
            value_dim: head_dim,
            cu_seqlens,
            keys: Keys::Contiguous { cu_seqlens },
            tiles,
            n_tiles,
            causal: false,
            scale: heads.scale(),
        };
        // SAFETY: addresses and shapes are the tensors'.
        unsafe { attention.launch(self.device()) }?;
        Ok(out)
    }
}

fn head_norms(norms: &ops::HeadNorms) -> Result<HeadNorms> {
    let (q_weight, k_weight) = (norms.q.bf16()?, norms.k.bf16()?);
    let (q_bias, k_bias) = match &norms.biases {
        Some([q, k]) => (q.bf16()?, k.bf16()?),
        None => (0, 0),
    };
    Ok(HeadNorms { q_weight, q_bias, k_weight, k_bias, eps: norms.eps })
}
