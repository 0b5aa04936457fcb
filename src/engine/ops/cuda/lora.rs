//! Adapters on the GPU: their matrices in bf16, and a table that says where those of each layer are.

use ashlar_cuda::Slice;
use ashlar_cuda::lora::{Layer, LowRank, RANK_STEP};

use super::super::lora::StoredUpdate;
use super::super::{Error, Format, Result, Step, Stored, Tensor, bail, to_f32};
use super::{Cuda, DType, bf16_bytes};

/// Where a matrix begins.
const ALIGNMENT: usize = 16;

/// An adapter's matrices as the GPU wants them, one behind the other, still on the host.
pub struct PackedUpdates {
    bytes: Vec<u8>,
    /// With offsets in place of addresses.
    layers: Vec<Layer>,
}

/// An adapter on the GPU.
pub struct Updates {
    layers: Slice,
    _matrices: Slice,
    max_rank: usize,
}

impl Updates {
    /// The address of its layers.
    pub fn layers(&self) -> u64 {
        self.layers.ptr()
    }

    /// The largest rank of a part, filled up.
    pub fn max_rank(&self) -> usize {
        self.max_rank
    }
}

impl PackedUpdates {
    pub fn new(n_layers: usize, stored: &[StoredUpdate<'_>]) -> Result<Self> {
        let mut packed = Self { bytes: Vec::new(), layers: vec![Layer::default(); n_layers] };
        for (index, layer) in packed.layers.iter_mut().enumerate() {
            let mut parts: Vec<_> = stored.iter().filter(|update| update.layer == index).collect();
            parts.sort_by_key(|update| update.part);
            if parts.is_empty() {
                continue;
            }
            let mut stacked = Vec::new();
            for update in &parts {
                if !update.n_in.is_multiple_of(8) || !update.n_out.is_multiple_of(8) {
                    bail!(
                        "there are no GPU kernels for adapters of layers with {} inputs and {} outputs: multiples of 8; run it with `--device cpu`",
                        update.n_in,
                        update.n_out
                    );
                }
                let rank = update.rank.next_multiple_of(RANK_STEP);
                stacked.extend(numbers(&update.a, update.n_in)?);
                stacked.resize(stacked.len() + (rank - update.rank) * update.n_in * DType::Bf16.size(), 0);
                let b = numbers(&update.b, update.rank)?;
                let row = update.rank * DType::Bf16.size();
                let padding = (rank - update.rank) * DType::Bf16.size();
                let wide =
                    b.chunks_exact(row).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0, padding))).collect::<Vec<u8>>();
                layer.b[update.part] = push(&mut packed.bytes, &wide);
                layer.rank[update.part] = rank as i32;
                layer.scale[update.part] = update.scale;
            }
            layer.a = push(&mut packed.bytes, &stacked);
        }
        Ok(packed)
    }

    /// Memory that it takes on the GPU.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len() + self.layers.len() * size_of::<Layer>()
    }
}

/// Appends a matrix; where it begins.
fn push(bytes: &mut Vec<u8>, matrix: &[u8]) -> u64 {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    let at = bytes.len() as u64;
    bytes.extend_from_slice(matrix);
    at
}

fn numbers(stored: &Stored<'_>, cols: usize) -> Result<Vec<u8>> {
    Ok(match stored.format {
        Format::Bf16 => stored.bytes.to_vec(),
        _ => bf16_bytes(&to_f32(stored, cols)?),
    })
}

impl Cuda {
    pub fn place_updates(&self, packed: &PackedUpdates) -> Result<Updates> {
        let device = &self.0.device;
        let matrices = self.0.adapters.take(packed.bytes.len())?;
        let layers = self.0.adapters.take(packed.layers.len() * size_of::<Layer>())?;
        device.upload(matrices.ptr(), &packed.bytes)?;
        let moved =
            packed.layers.iter().map(|layer| Layer { a: layer.a + matrices.ptr(), b: layer.b.map(|b| b + matrices.ptr()), ..*layer });
        device.upload(layers.ptr(), &moved.flat_map(Layer::to_bytes).collect::<Vec<u8>>())?;
        let ranks = packed.layers.iter().flat_map(|layer| layer.rank);
        Ok(Updates { layers, _matrices: matrices, max_rank: ranks.max().unwrap_or(0) as usize })
    }

    /// Adds the updates of layer `index`, whose parts have so many outputs, to rows of `y`.
    pub fn update(&self, index: usize, widths: &[usize], x: &Tensor, y: &Tensor, step: &Step<'_>) -> Result<()> {
        let inputs = self.inputs(step)?;
        if widths.iter().sum::<usize>() != y.width || x.rows != inputs.shape.rows || y.rows != x.rows {
            bail!("the updates of a layer of {widths:?} outputs don't fit [{}, {}]", y.rows, y.width);
        }
        let update = LowRank {
            layer: index,
            x: x.bf16()?,
            n_in: x.width,
            y: y.bf16()?,
            n_out: widths,
            tiles: inputs.adapter_tiles(),
            n_tiles: inputs.shape.n_adapter_tiles,
            rows: inputs.adapter_rows(),
            n_listed: inputs.shape.n_adapter_rows,
            max_rank: inputs.shape.adapter_rank,
        };
        let scratch = self.0.scratch.take(update.scratch())?;
        // SAFETY: addresses and shapes are the tensors', the step's and the adapters'; all outlive the launches before the next.
        unsafe { update.launch(&self.0.device, scratch.ptr()) }.map_err(Error::from)
    }
}
