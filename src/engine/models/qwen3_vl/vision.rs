//! The vision tower: patches of many images of all sizes, packed end to end, to rows of the text model's width.

use ashlar_kernels::vision::interpolate_positions;
use candle_core::{Tensor, bail};

use super::config::VisionConfig;
use crate::engine::{
    batch::{Pixels, VisualFeatures},
    ops::{
        self, Activation, Backend, LayerNorm, Linear, Result,
        attention::{self, Heads},
        rope::Angles,
    },
    weights::{LoadError, Scope},
};

const NORM_EPS: f64 = 1e-6;
const ROPE_THETA: f32 = 10_000.0;

pub struct VisionTower {
    config: VisionConfig,
    patch_embed: Linear,
    /// `[side², width]`
    positions: Vec<f32>,
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
    fc1: Linear,
    fc2: Linear,
}

impl Merger {
    fn load(scope: &Scope<'_>, norm_width: usize, joined: usize, out: usize) -> Result<Self, LoadError> {
        Ok(Self {
            norm: layer_norm(scope, "norm", norm_width)?,
            fc1: scope.linear("linear_fc1", joined, joined, true)?,
            fc2: scope.linear("linear_fc2", out, joined, true)?,
        })
    }

    fn forward(&self, backend: &Backend, x: &Tensor, joined: usize) -> Result<Tensor> {
        let x = self.norm.forward(backend, x)?.reshape(((), joined))?;
        let x = self.fc1.forward(backend, &x)?;
        // The exact GELU here, the tanh form in the blocks.
        ops::activate(backend, Activation::GeluErf, &x)?;
        self.fc2.forward(backend, &x)
    }
}

fn layer_norm(scope: &Scope<'_>, name: &str, width: usize) -> Result<LayerNorm, LoadError> {
    let scope = scope.pp(name);
    Ok(LayerNorm::new(scope.values("weight", &[width])?, scope.values("bias", &[width])?, NORM_EPS)?)
}

impl VisionTower {
    pub fn load(config: VisionConfig, scope: &Scope<'_>) -> Result<Self, LoadError> {
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
        Ok(Self {
            patch_embed,
            positions: scope.values("pos_embed.weight", &[config.position_side * config.position_side, d])?,
            blocks,
            merger: Merger::load(&scope.pp("merger"), d, joined, out)?,
            deepstack,
            config,
        })
    }

    pub fn forward(&self, backend: &Backend, pixels: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        let VisionConfig { hidden_size: d, n_heads, spatial_merge_size: merge, .. } = self.config;
        let patch_dim = self.config.patch_dim();
        let n_patches = pixels.iter().map(|p| p.grid.iter().product::<usize>()).sum::<usize>();
        let mut patches = Vec::with_capacity(n_patches * patch_dim);
        let mut cu_seqlens = vec![0u32];
        let mut coordinates = Vec::with_capacity(n_patches);
        let mut positions = Vec::with_capacity(n_patches * d);
        for image in pixels {
            let [t, h, w] = image.grid;
            if image.patches.len() != t * h * w * patch_dim || h % merge != 0 || w % merge != 0 || t * h * w == 0 {
                bail!("{} values are not a grid of {:?} patches", image.patches.len(), image.grid);
            }
            patches.extend_from_slice(&image.patches);
            let table = interpolate_positions(&self.positions, self.config.position_side, d, h, w, merge);
            for _ in 0..t {
                // Each frame is a segment of its own.
                cu_seqlens.push(cu_seqlens.last().copied().unwrap_or(0) + (h * w) as u32);
                positions.extend_from_slice(&table);
                coordinates.extend(merge_block_order(h, w, merge));
            }
        }
        let x = self.patch_embed.forward(backend, &ops::tensor(patches, &[n_patches, patch_dim])?)?;
        ops::add(backend, &x, &ops::tensor(positions, &[n_patches, d])?)?;

        let head_dim = d / n_heads;
        let heads = Heads { n_heads, n_kv_heads: n_heads, head_dim };
        let quarter = head_dim / 4;
        let inverse: Vec<f32> = (0..quarter).map(|j| 1.0 / ROPE_THETA.powf((2 * j) as f32 / (head_dim / 2) as f32)).collect();
        // The first half of the angles turns by the row, the second by the column of the patch.
        let angles = Angles::new(n_patches, head_dim / 2, |patch, i| {
            let (row, col) = coordinates[patch];
            (if i < quarter { row } else { col }) as f32 * inverse[i % quarter]
        });

        let joined = d * merge * merge;
        let mut deepstack = Vec::new();
        for (index, block) in self.blocks.iter().enumerate() {
            let qkv = block.qkv.forward(backend, &block.norm1.forward(backend, &x)?)?;
            angles.rotate(backend, &qkv, 0, 2 * n_heads, head_dim)?;
            let attended = attention::segments(backend, &qkv, heads, &cu_seqlens)?;
            let h = block.norm2.add_forward(backend, &x, &block.proj.forward(backend, &attended)?)?;
            let h = block.fc1.forward(backend, &h)?;
            ops::activate(backend, self.config.activation, &h)?;
            ops::add(backend, &x, &block.fc2.forward(backend, &h)?)?;
            for (merger, _) in self.deepstack.iter().zip(&self.config.deepstack_after).filter(|(_, after)| **after == index) {
                deepstack.push(merger.forward(backend, &x.reshape(((), joined))?, joined)?);
            }
        }
        let merged = self.merger.forward(backend, &x, joined)?;
        let mut start = 0;
        pixels
            .iter()
            .map(|image| {
                let n = image.grid.iter().product::<usize>() / (merge * merge);
                // Copies, so that an image kept in a cache doesn't keep the rest of its batch.
                let part = |t: &Tensor| if n == t.dims2()?.0 { Ok(t.clone()) } else { t.narrow(0, start, n)?.force_contiguous() };
                let features = VisualFeatures { embeddings: part(&merged)?, deepstack: deepstack.iter().map(part).collect::<Result<_>>()? };
                start += n;
                Ok(features)
            })
            .collect()
    }
}

/// (row, column) of each patch of a frame, in the order of pixels and positions: blocks of `merge`×`merge`, row by row.
fn merge_block_order(h: usize, w: usize, merge: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..h / merge).flat_map(move |block_row| {
        (0..w / merge).flat_map(move |block_col| {
            (0..merge).flat_map(move |r| (0..merge).map(move |c| (block_row * merge + r, block_col * merge + c)))
        })
    })
}
