//! The vision tower: patches of many images of all sizes, packed end to end, to rows of the text model's width.

use super::config::VisionConfig;
use crate::engine::{
    batch::{Pixels, VisualFeatures},
    ops::{
        Activation, Backend, LayerNorm, Linear, Result, Tensor,
        attention::{self, Heads, Segments},
        vision::{Grid, Interpolation, PatchLayout, PositionTable, patches},
    },
    weights::{LoadError, Scope},
};

const NORM_EPS: f64 = 1e-6;
const ROPE_THETA: f32 = 10_000.0;

pub struct VisionTower {
    config: VisionConfig,
    backend: Backend,
    layout: PatchLayout,
    patch_embed: Linear,
    positions: PositionTable,
    blocks: Vec<Block>,
    merger: Merger,
    deepstack: Vec<Merger>,
}

struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

/// Joins `merge²` neighbouring patches into one row for the text model. The main one normalises patches, the DeepStack
/// ones normalise joined rows: the width of the norm's weight tells.
struct Merger {
    norm: LayerNorm,
    norm_width: usize,
    fc1: Linear,
    fc2: Linear,
}

impl Merger {
    fn load(scope: &Scope<'_>, norm_width: usize, joined: usize, out: usize) -> Result<Self, LoadError> {
        Ok(Self {
            norm: layer_norm(scope, "norm", norm_width)?,
            norm_width,
            fc1: scope.linear("linear_fc1", joined, joined, true)?,
            fc2: scope.linear("linear_fc2", out, joined, true)?,
        })
    }

    fn forward(&self, backend: &Backend, x: &Tensor, joined: usize) -> Result<Tensor> {
        let x = self.norm.forward(backend, &x.reshape(self.norm_width)?)?.reshape(joined)?;
        // The exact GELU here, the tanh form in the blocks.
        let x = self.fc1.forward_activated(backend, &x, Activation::GeluErf)?;
        self.fc2.forward(backend, &x)
    }
}

fn layer_norm(scope: &Scope<'_>, name: &str, width: usize) -> Result<LayerNorm, LoadError> {
    let scope = scope.pp(name);
    Ok(LayerNorm::new(scope.backend(), scope.values("weight", &[width])?, scope.values("bias", &[width])?, NORM_EPS)?)
}

impl VisionTower {
    pub fn load(config: VisionConfig, layout: PatchLayout, scope: &Scope<'_>) -> Result<Self, LoadError> {
        let VisionConfig { hidden_size: d, intermediate_size: i, patch_size: p, temporal_patch_size: t, .. } = config;
        let joined = d * config.spatial_merge_size * config.spatial_merge_size;
        let out = config.out_hidden_size;
        let blocks = (0..config.depth)
            .map(|index| {
                let block = scope.pp("blocks").pp(index);
                let (attn, mlp) = (block.pp("attn"), block.pp("mlp"));
                Ok(Block {
                    norm1: layer_norm(&block, "norm1", d)?,
                    qkv: attn.linear("qkv", 3 * d, d, true)?,
                    proj: attn.linear("proj", d, d, true)?,
                    norm2: layer_norm(&block, "norm2", d)?,
                    fc1: mlp.linear("linear_fc1", i, d, true)?,
                    fc2: mlp.linear("linear_fc2", d, i, true)?,
                })
            })
            .collect::<Result<_, LoadError>>()?;
        let deepstack = (0..config.deepstack_after.len())
            .map(|j| Merger::load(&scope.pp("deepstack_merger_list").pp(j), joined, joined, out))
            .collect::<Result<_, _>>()?;
        // A 3-D convolution whose kernel is its stride is a matrix product with the flattened kernel.
        let patch_embed = scope.pp("patch_embed").convolution("proj", &[d, config.in_channels, t, p, p])?;
        let side = config.position_side;
        let table = scope.values("pos_embed.weight", &[side * side, d])?;
        Ok(Self {
            backend: scope.backend().clone(),
            layout,
            patch_embed,
            positions: PositionTable::new(scope.backend(), table, side, d, Interpolation::Bilinear)?,
            blocks,
            merger: Merger::load(&scope.pp("merger"), d, joined, out)?,
            deepstack,
            config,
        })
    }

    pub fn forward(&self, pixels: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        let VisionConfig { hidden_size: d, n_heads, spatial_merge_size: merge, .. } = self.config;
        let backend = &self.backend;
        let grid = Grid::new(backend, pixels, merge)?;
        let patches = patches(backend, pixels, &self.layout)?;
        let x = self.patch_embed.forward(backend, &patches)?;
        drop(patches);
        self.positions.add_to(backend, &x, &grid)?;

        let head_dim = d / n_heads;
        let heads = Heads { n_heads, n_kv_heads: n_heads, head_dim };
        let angles = grid.angles(backend, ROPE_THETA, head_dim)?;
        let segments = Segments::new(backend, grid.cu_seqlens.clone())?;
        let joined = d * merge * merge;
        let mut deepstack = Vec::new();
        for (index, block) in self.blocks.iter().enumerate() {
            let qkv = block.qkv.forward(backend, &block.norm1.forward(backend, &x)?)?;
            angles.rotate(backend, &qkv, 2 * n_heads, head_dim)?;
            let attended = attention::segments(backend, &qkv, heads, &segments)?;
            drop(qkv);
            block.proj.forward_add(backend, &attended, &x)?;
            drop(attended);
            let h = block.norm2.forward(backend, &x)?;
            let h = block.fc1.forward_activated(backend, &h, self.config.activation)?;
            block.fc2.forward_add(backend, &h, &x)?;
            drop(h);
            for (merger, _) in self.deepstack.iter().zip(&self.config.deepstack_after).filter(|(_, after)| **after == index) {
                deepstack.push(merger.forward(backend, &x, joined)?);
            }
        }
        let merged = self.merger.forward(backend, &x, joined)?;
        let mut start = 0;
        pixels
            .iter()
            .map(|image| {
                let n = image.grid.iter().product::<usize>() / (merge * merge);
                // Copies, so that an image kept in a cache doesn't keep the rest of its batch.
                let part = |t: &Tensor| backend.keep_rows(t, start, n);
                let features = VisualFeatures { embeddings: part(&merged)?, deepstack: deepstack.iter().map(part).collect::<Result<_>>()? };
                start += n;
                Ok(features)
            })
            .collect()
    }
}
