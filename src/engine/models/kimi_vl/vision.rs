//! MoonViT and the projector: patches of many images of all sizes, packed end to end, to rows of the text model's width.
//!
//! The published code keeps patches row by row and joins neighbours in the end. Here they stand in blocks of neighbours from
//! the start, as in Qwen3-VL: nothing but the order differs, and the same kernels serve both towers.

use super::config::VisionConfig;
use crate::engine::{
    batch::{Pixels, VisualFeatures},
    ops::{
        Activation, Backend, LayerNorm, Linear, Result,
        attention::{self, Heads, Segments},
        vision::{Grid, Interpolation, PatchLayout, PositionTable, patches},
    },
    weights::{LoadError, Permuted, Scope},
};

const NORM_EPS: f64 = 1e-5;
const ROPE_THETA: f32 = 10_000.0;

pub struct VisionTower {
    config: VisionConfig,
    backend: Backend,
    layout: PatchLayout,
    patch_embed: Linear,
    positions: PositionTable,
    blocks: Vec<Block>,
    norm: LayerNorm,
    projector: Projector,
}

struct Block {
    norm0: LayerNorm,
    qkv: Linear,
    o: Linear,
    norm1: LayerNorm,
    fc0: Linear,
    fc1: Linear,
}

/// Norms patches, joins `merge²` neighbours and takes them to the text model's width.
struct Projector {
    norm: LayerNorm,
    linear_1: Linear,
    linear_2: Linear,
}

fn layer_norm(scope: &Scope<'_>, name: &str, width: usize) -> Result<LayerNorm, LoadError> {
    let scope = scope.pp(name);
    Ok(LayerNorm::new(scope.backend(), scope.values("weight", &[width])?, scope.values("bias", &[width])?, NORM_EPS)?)
}

/// Where the file has row `row` of a fused query-key-value matrix. There pair `2j` of a head turns by the column and pair
/// `2j + 1` by the row, the two numbers of a pair side by side; here a head rotates halves, of which the first quarter turns
/// by the row and the second by the column.
fn stored_row(row: usize, hidden_size: usize, head_dim: usize) -> usize {
    if row >= 2 * hidden_size {
        return row;
    }
    let (half, quarter, i) = (head_dim / 2, head_dim / 4, row % head_dim);
    let (pair, part) = (i % half, i / half);
    let stored_pair = if pair < quarter { 2 * pair + 1 } else { 2 * (pair - quarter) };
    row - i + 2 * stored_pair + part
}

impl VisionTower {
    pub fn load(config: VisionConfig, layout: PatchLayout, out: usize, root: &Scope<'_>) -> Result<Self, LoadError> {
        let VisionConfig { hidden_size: d, intermediate_size: i, n_heads, patch_size: p, merge, position_side: side, .. } = config;
        let (tower, projector) = (root.pp("vision_tower"), root.pp("multi_modal_projector"));
        let (encoder, joined) = (tower.pp("encoder"), d * merge * merge);
        let blocks = (0..config.depth)
            .map(|index| {
                let block = encoder.pp("blocks").pp(index);
                let mlp = block.pp("mlp");
                let qkv = Permuted { name: "wqkv", n_out: 3 * d, bias: true, stored: &|row| stored_row(row, d, d / n_heads) };
                Ok(Block {
                    norm0: layer_norm(&block, "norm0", d)?,
                    qkv: block.permuted(&[qkv], d)?,
                    o: block.linear("wo", d, d, true)?,
                    norm1: layer_norm(&block, "norm1", d)?,
                    fc0: mlp.linear("fc0", i, d, true)?,
                    fc1: mlp.linear("fc1", d, i, true)?,
                })
            })
            .collect::<Result<_, LoadError>>()?;
        let patch_embed = tower.pp("patch_embed");
        let table = patch_embed.values("pos_emb.weight", &[side, side, d])?;
        Ok(Self {
            backend: root.backend().clone(),
            layout,
            patch_embed: patch_embed.convolution("proj", &[d, 3, p, p])?,
            positions: PositionTable::new(root.backend(), table, side, d, Interpolation::Bicubic)?,
            blocks,
            norm: layer_norm(&encoder, "final_layernorm", d)?,
            projector: Projector {
                norm: layer_norm(&projector, "pre_norm", d)?,
                linear_1: projector.linear("linear_1", joined, joined, true)?,
                linear_2: projector.linear("linear_2", out, joined, true)?,
            },
            config,
        })
    }

    pub fn forward(&self, pixels: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        let VisionConfig { hidden_size: d, n_heads, merge, .. } = self.config;
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
        for block in &self.blocks {
            let qkv = block.qkv.forward(backend, &block.norm0.forward(backend, &x)?)?;
            angles.rotate(backend, &qkv, 2 * n_heads, head_dim)?;
            let attended = attention::segments(backend, &qkv, heads, &segments)?;
            drop(qkv);
            block.o.forward_add(backend, &attended, &x)?;
            drop(attended);
            let h = block.fc0.forward_activated(backend, &block.norm1.forward(backend, &x)?, Activation::GeluTanh)?;
            block.fc1.forward_add(backend, &h, &x)?;
        }
        let x = self.norm.forward(backend, &x)?;
        let x = self.projector.norm.forward(backend, &x)?.reshape(d * merge * merge)?;
        // The exact GELU here, the tanh form in the blocks.
        let x = self.projector.linear_1.forward_activated(backend, &x, Activation::GeluErf)?;
        let rows = self.projector.linear_2.forward(backend, &x)?;
        let mut start = 0;
        pixels
            .iter()
            .map(|image| {
                let n = image.grid.iter().product::<usize>() / (merge * merge);
                // A copy, so that an image kept in a cache doesn't keep the rest of its batch.
                let features = VisualFeatures { embeddings: backend.keep_rows(&rows, start, n)?, deepstack: Vec::new() };
                start += n;
                Ok(features)
            })
            .collect()
    }
}
