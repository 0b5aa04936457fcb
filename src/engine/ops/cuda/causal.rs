//! Attention on the GPU: the paged cache, the step's causal attention, segments of vision towers and encoders.

use ashlar_cuda::{Buffer, attention, decode_attention, rows};

use super::super::attention::{Causal, Heads, Segments};
use super::super::cache::{BLOCK_SIZE, CacheShape};
use super::super::{Result, Step, Tensor, bail};
use super::inputs::tile_list;
use super::{Cuda, DType};
use crate::engine::ops::rope::Angles;

/// K and V of every layer, `[n_blocks, BLOCK_SIZE, n_kv_heads, head_dim]` bf16, and the tokens sampled last.
pub struct PagedCache {
    values: Buffer,
    /// Bytes of K, or of V, of one layer.
    part: usize,
    n_blocks: usize,
    last_tokens: Buffer,
}

impl PagedCache {
    fn keys(&self, layer: usize) -> u64 {
        self.values.ptr() + (2 * layer * self.part) as u64
    }

    fn values(&self, layer: usize) -> u64 {
        self.keys(layer) + self.part as u64
    }

    /// i32 of each slot.
    pub fn last_tokens(&self) -> u64 {
        self.last_tokens.ptr()
    }
}

/// Tiles of segments on the GPU.
pub struct Tiles {
    cu_seqlens: Tensor,
    tiles: Tensor,
    n_tiles: usize,
    n_segments: usize,
}

impl Cuda {
    pub fn paged_cache(&self, shape: CacheShape, n_blocks: usize) -> Result<PagedCache> {
        let part = n_blocks * BLOCK_SIZE * shape.n_kv_heads * shape.head_dim * DType::Bf16.size();
        let device = self.device();
        Ok(PagedCache {
            values: Buffer::zeros(device, 2 * shape.n_layers * part)?,
            part,
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
        let (q_norm, k_norm, eps) = match norms {
            Some(norms) => (norms.q.bf16()?, norms.k.bf16()?, norms.eps),
            None => (0, 0, 0.0),
        };
        let (keys, values) = (cache.keys(*index), cache.values(*index));
        let decode = decode_attention::Decode {
            qkv: qkv.bf16()?,
            out: out.bf16()?,
            keys,
            values,
            block_tables: inputs.block_tables(),
            context_lens: inputs.context_lens(),
            rows: shape.n_decode,
            table_width: shape.table_width,
            n_heads,
            n_kv_heads,
            head_dim,
            scale: heads.scale(),
            workspace: &self.0.attention,
        };
        if shape.is_decode() {
            let fused = decode_attention::Fused { q_norm, k_norm, eps, angles: angles.ptr(DType::F32)?, slots: inputs.slots() };
            decode.launch_fused(self.device(), &fused)?;
            return Ok(out);
        }
        rows::rope_store(
            self.device(),
            &rows::RopeStore {
                qkv: qkv.bf16()?,
                q_norm,
                k_norm,
                angles: angles.ptr(DType::F32)?,
                slots: inputs.slots(),
                keys,
                values,
                rows: shape.rows,
                n_heads,
                n_kv_heads,
                head_dim,
                eps,
            },
        )?;
        if shape.n_decode > 0 {
            decode.launch(self.device())?;
        }
        attention::Prefill {
            q: qkv.bf16()?,
            q_stride: qkv.width,
            out: out.bf16()?,
            rows: shape.rows,
            n_heads,
            n_kv_heads,
            head_dim,
            scale: heads.scale(),
            causal: true,
            cu_seqlens: inputs.cu_seqlens(),
            tiles: inputs.tiles(),
            n_tiles: shape.n_tiles,
            source: attention::Source::Paged {
                keys,
                values,
                n_blocks: cache.n_blocks,
                block_tables: inputs.block_tables(),
                table_width: shape.table_width,
                context_lens: inputs.context_lens(),
            },
        }
        .launch(self.device())?;
        Ok(out)
    }

    pub fn tiles(&self, cu_seqlens: &[u32]) -> Result<Tiles> {
        let tiles = tile_list(cu_seqlens);
        Ok(Tiles {
            cu_seqlens: self.integers(cu_seqlens)?,
            n_tiles: tiles.len() / 2,
            tiles: self.integers(&tiles)?,
            n_segments: cu_seqlens.len() - 1,
        })
    }

    pub fn segments(&self, qkv: &Tensor, heads: Heads, segments: &Segments) -> Result<Tensor> {
        let Some(tiles) = &segments.device else { bail!("the segments are on another device") };
        let Heads { n_heads, n_kv_heads, head_dim } = heads;
        let out = self.scratch(qkv.rows, n_heads * head_dim)?;
        let q = qkv.bf16()?;
        let k = q + (n_heads * head_dim * DType::Bf16.size()) as u64;
        let v = k + (n_kv_heads * head_dim * DType::Bf16.size()) as u64;
        attention::Prefill {
            q,
            q_stride: qkv.width,
            out: out.bf16()?,
            rows: qkv.rows,
            n_heads,
            n_kv_heads,
            head_dim,
            scale: heads.scale(),
            causal: false,
            cu_seqlens: tiles.cu_seqlens.ptr(DType::F32)?,
            tiles: tiles.tiles.ptr(DType::F32)?,
            n_tiles: tiles.n_tiles,
            source: attention::Source::Packed { k, v, stride: qkv.width },
        }
        .launch(self.device())?;
        Ok(out)
    }
}
