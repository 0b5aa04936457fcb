//! Latent attention on the GPU. Rows that decode attend to the latents themselves; prompts make keys and values of all
//! cached rows of their sequence first, which costs less than attending to latents once a chunk has many rows.

use ashlar_cuda::attention::{Attention, Keys, Rows};
use ashlar_cuda::mla::{self, Fresh, Gather, LatentDecode, Turned};
use ashlar_cuda::{Buffer, HeadMatmul, HeadRows};

use super::super::mla::{Columns, LatentHeads};
use super::super::{Result, RmsNorm, Step, Stored, Tensor, bail, to_f32};
use super::{Cuda, DType, PagedCache, bf16_bytes, lock};
use crate::engine::ops::rope::Angles;

/// Widest heads of the attention kernel for prompts.
const MAX_QUERY_DIM: usize = 192;
const MAX_VALUE_DIM: usize = 128;

/// What makes keys and values of latents, bf16.
pub struct LatentWeights {
    heads: LatentHeads,
    /// `[n_heads, nope_dim, latent_dim]`, and each head's turned over.
    keys: Buffer,
    queries: Buffer,
    /// `[n_heads, value_dim, latent_dim]`
    values: Buffer,
}

impl LatentWeights {
    pub fn heads(&self) -> LatentHeads {
        self.heads
    }
}

/// Says so if there are no kernels for such heads.
pub fn check(heads: &LatentHeads) -> Result<()> {
    let LatentHeads { nope_dim, rope_dim, value_dim, latent_dim, .. } = *heads;
    if (latent_dim, rope_dim) != (mla::LATENT, mla::ROPE) {
        bail!(
            "there are no GPU kernels for latents of {latent_dim} + {rope_dim} values, only for {} + {}; run it with `--device cpu`",
            mla::LATENT,
            mla::ROPE
        );
    }
    let is_served = |dim: usize, max: usize| dim > 0 && dim <= max && dim.is_multiple_of(8);
    if !is_served(heads.query_dim(), MAX_QUERY_DIM) || !is_served(value_dim, MAX_VALUE_DIM) || !nope_dim.is_multiple_of(8) {
        bail!("there are no GPU kernels for heads of {} and {value_dim} values; run it with `--device cpu`", heads.query_dim());
    }
    Ok(())
}

fn offset(ptr: u64, values: usize) -> u64 {
    ptr + (values * DType::Bf16.size()) as u64
}

impl Cuda {
    /// `up` is `[n_heads · (nope_dim + value_dim), latent_dim]`: each head's keys, then its values.
    pub fn latent_weights(&self, heads: LatentHeads, up: &Stored<'_>) -> Result<LatentWeights> {
        check(&heads)?;
        let LatentHeads { nope_dim, value_dim, latent_dim, .. } = heads;
        let (mut keys, mut queries, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for head in to_f32(up, latent_dim)?.chunks_exact((nope_dim + value_dim) * latent_dim) {
            let (of_keys, of_values) = head.split_at(nope_dim * latent_dim);
            keys.extend_from_slice(of_keys);
            queries.extend((0..latent_dim).flat_map(|column| of_keys.iter().skip(column).step_by(latent_dim)));
            values.extend_from_slice(of_values);
        }
        let buffer = |values: &[f32]| Buffer::from_bytes(self.device(), &bf16_bytes(values));
        Ok(LatentWeights { heads, keys: buffer(&keys)?, queries: buffer(&queries)?, values: buffer(&values)? })
    }

    /// Norms and turns, puts the rows' latents into the cache, and attends: `[rows, heads · value_dim]`.
    pub fn latent_attention(
        &self,
        (weights, norm): (&LatentWeights, &RmsNorm),
        (queries, latents): (&Columns, &Columns),
        angles: &Angles,
        layer: usize,
        step: &Step<'_>,
        cache: &PagedCache,
    ) -> Result<Tensor> {
        let Angles::Cuda(angles) = angles else { bail!("the angles are on another device") };
        let inputs = self.inputs(step)?;
        let LatentHeads { n_heads, nope_dim, value_dim, .. } = weights.heads;
        let (rows, n_decode, query_dim) = (queries.of.rows, inputs.shape.n_decode, weights.heads.query_dim());
        let out = self.scratch(rows, n_heads * value_dim)?;
        let (q, out_at, angles) = (offset(queries.of.bf16()?, queries.first), out.bf16()?, angles.ptr(DType::F32)?);
        let (latents_at, norm_weight, cache) = (offset(latents.of.bf16()?, latents.first), norm.weight.bf16()?, cache.keys(layer));
        let heads = mla::Heads { n: n_heads, nope: nope_dim };
        let (q_stride, latents_stride) = (queries.of.width, latents.of.width);
        // Rows from `first` on.
        let fresh = |first: usize| Fresh {
            heads,
            latents: offset(latents_at, first * latents_stride),
            latents_stride,
            queries: offset(q, first * q_stride),
            queries_stride: q_stride,
            norm: norm_weight,
            eps: norm.eps,
            angles: angles + (first * mla::ROPE * size_of::<f32>()) as u64,
            slots: inputs.slots() + (first * size_of::<i32>()) as u64,
            cache,
        };
        let by_head = |ptr: u64, dim: usize| HeadRows { ptr, row_stride: n_heads * dim, head_stride: dim };
        if n_decode > 0 {
            let absorbed = self.scratch(n_decode, n_heads * mla::ROW)?;
            let absorbed = absorbed.bf16()?;
            let Some(partials) = lock(&self.0.steps).as_ref().map(|steps| steps.decoding.partials()) else {
                bail!("no memory was reserved for steps")
            };
            let decode = |out: u64| LatentDecode {
                rows: n_decode,
                n_heads,
                out,
                queries: absorbed,
                cache,
                block_tables: inputs.block_tables(),
                max_blocks: inputs.shape.table_width,
                context_lens: inputs.context_lens(),
                partials,
                scale: weights.heads.scale(),
            };
            let device = self.device();
            // SAFETY: addresses and shapes are the tensors', the step's and the cache's; tables and slots name its blocks.
            unsafe {
                if n_decode <= mla::MAX_FEW_ROWS {
                    fresh(0).absorb(device, n_decode, weights.queries.ptr(), absorbed)?;
                    let values = mla::Values { weight: weights.values.ptr(), dim: value_dim, out: out_at };
                    decode(0).launch_values(device, &values)?;
                } else {
                    let context = self.scratch(n_decode, n_heads * mla::LATENT)?;
                    let context = context.bf16()?;
                    let product = |n_in: usize, n_out: usize, x: HeadRows, weight: &Buffer, y: HeadRows| HeadMatmul {
                        rows: n_decode,
                        n_heads,
                        n_out,
                        n_in,
                        x,
                        weight: weight.ptr(),
                        y,
                    };
                    let x = HeadRows { ptr: q, row_stride: q_stride, head_stride: query_dim };
                    let turned = Turned { ptr: offset(absorbed, mla::LATENT), row_stride: n_heads * mla::ROW, head_stride: mla::ROW };
                    fresh(0).store(device, n_decode, turned)?;
                    product(nope_dim, mla::LATENT, x, &weights.queries, by_head(absorbed, mla::ROW)).launch(device)?;
                    decode(context).launch(device)?;
                    product(mla::LATENT, value_dim, by_head(context, mla::LATENT), &weights.values, by_head(out_at, value_dim))
                        .launch(device)?;
                }
            }
        }
        if rows == n_decode {
            return Ok(out);
        }
        let prompts = offset(q, n_decode * q_stride);
        let turned = Turned { ptr: offset(prompts, nope_dim), row_stride: q_stride, head_stride: query_dim };
        // SAFETY: as above.
        unsafe { fresh(n_decode).store(self.device(), rows - n_decode, turned) }?;
        for group in &inputs.groups {
            let n_keys = group.n_keys;
            let gathered = self.scratch(n_keys, mla::LATENT)?;
            let (keys, values) = (self.scratch(n_keys, n_heads * query_dim)?, self.scratch(n_keys, n_heads * value_dim)?);
            let (keys_at, values_at) = (keys.bf16()?, values.bf16()?);
            let gather = Gather {
                heads,
                cache,
                block_tables: inputs.block_tables() + (group.first * inputs.shape.table_width * size_of::<i32>()) as u64,
                max_blocks: inputs.shape.table_width,
                n_sequences: group.n_sequences,
                cu_seqlens: inputs.group_keys(group),
                latents: gathered.bf16()?,
                keys: keys_at,
            };
            let shared = HeadRows { ptr: gathered.bf16()?, row_stride: mla::LATENT, head_stride: 0 };
            let product = |n_out: usize, weight: &Buffer, y: HeadRows| HeadMatmul {
                rows: n_keys,
                n_heads,
                n_out,
                n_in: mla::LATENT,
                x: shared,
                weight: weight.ptr(),
                y,
            };
            let attention = Attention {
                out: out_at,
                q: Rows { ptr: q, stride: q_stride, len: rows },
                k: Rows { ptr: keys_at, stride: n_heads * query_dim, len: n_keys },
                v: Rows { ptr: values_at, stride: n_heads * value_dim, len: n_keys },
                n_heads,
                n_kv_heads: n_heads,
                head_dim: query_dim,
                value_dim,
                cu_seqlens: inputs.cu_seqlens(),
                // Tiles count all sequences of the step, the keys of the group those from its first on.
                keys: Keys::Contiguous { cu_seqlens: inputs.group_keys(group) - (group.first * size_of::<i32>()) as u64 },
                tiles: inputs.tiles() + (group.first_tile * size_of::<[i32; 2]>()) as u64,
                n_tiles: group.n_tiles,
                causal: true,
                scale: weights.heads.scale(),
            };
            // SAFETY: as above.
            unsafe {
                gather.launch(self.device(), n_keys)?;
                product(nope_dim, &weights.keys, by_head(keys_at, query_dim)).launch(self.device())?;
                product(value_dim, &weights.values, by_head(values_at, value_dim)).launch(self.device())?;
                attention.launch(self.device())?;
            }
        }
        Ok(out)
    }
}
