//! Operations on an NVIDIA GPU. Everything is launched on one stream and returns before it has run; results of a step lie
//! in a scratch pool whose memory is reused as soon as a tensor is dropped, which the order of the stream makes safe.

mod causal;
mod experts;
mod inputs;
mod latent;
mod lora;
mod memory;
mod sampling;
mod weight;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ashlar_cuda::lora::LowRank;
use ashlar_cuda::sampler::Sampler;
use ashlar_cuda::{Buffer, Device, Graph, Pool, rows, vision};

pub use causal::{PagedCache, Tiles};
pub use experts::{Experts, Layer, Router, Shared};
pub use inputs::Inputs;
use inputs::{Shape, Stages};
pub use latent::LatentWeights;
pub use lora::{PackedUpdates, Updates};
pub use memory::Memory;
use memory::{DType, bf16_bytes, f32_bytes};
pub use sampling::Draws;
pub use weight::Weight;

use super::cache::{KvCache, Storage};
use super::vision::{Grid, Interpolation, PatchLayout, PositionTable};
use super::{Activation, DeviceMemory, Quantization, Reserve, Result, Step, Tensor, bail};
use crate::engine::batch::{Batch, Pixels};

/// A GPU as models see it. Clones share everything.
#[derive(Clone)]
pub struct Cuda(Arc<State>, Option<Quantization>);

struct State {
    device: Device,
    /// Results of operations.
    scratch: Pool,
    /// What outlives a step: encoded pictures.
    kept: Pool,
    adapters: Pool,
    steps: Mutex<Option<Steps>>,
    graphs: Mutex<HashMap<Shape, Recorded>>,
    sampler: Sampler,
}

/// Memory that steps of a decoder find at the same addresses each time.
struct Steps {
    stages: Stages,
    /// f32 `[max_sequences, vocab]`
    logits: Arc<Buffer>,
    decoding: causal::Workspace,
}

/// A step that only decodes, recorded.
struct Recorded {
    /// `None` after the first run, which warms up what launches lazily.
    graph: Option<Graph>,
    rows: usize,
    width: usize,
}

impl Cuda {
    /// Opens GPU `index`. There is no room for steps until [`Cuda::reserve`].
    pub fn open(index: usize, quantization: Option<Quantization>) -> Result<Self> {
        let device = Device::open(index)?;
        if quantization == Some(Quantization::Fp8) && device.capability() < (9, 0) {
            let (major, minor) = device.capability();
            bail!("FP8 needs compute capability 9.0 (Hopper) or newer, this GPU has {major}.{minor}: leave out `--quantization fp8`");
        }
        let state = State {
            scratch: Pool::new(&device, 0)?,
            kept: Pool::new(&device, 0)?,
            adapters: Pool::new(&device, 0)?,
            steps: Mutex::default(),
            graphs: Mutex::default(),
            sampler: Sampler::new(&device),
            device,
        };
        Ok(Self(Arc::new(state), quantization))
    }

    pub fn without_quantization(&self) -> Self {
        Self(Arc::clone(&self.0), None)
    }

    pub fn memory(&self) -> Result<DeviceMemory> {
        let (free, total) = self.0.device.free_memory()?;
        Ok(DeviceMemory { free, total })
    }

    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Sets memory aside, in place of what was. Nothing of it may be in use.
    pub fn reserve(&self, reserve: &Reserve) -> Result<()> {
        let device = &self.0.device;
        lock(&self.0.graphs).clear();
        *lock(&self.0.steps) = None;
        device.synchronize()?;
        // Steps were measured without adapters.
        let of_adapters = reserve.steps.as_ref().map_or(0, |steps| LowRank::max_scratch(steps.max_rows));
        self.0.scratch.resize(device, reserve.scratch + of_adapters)?;
        self.0.kept.resize(device, reserve.kept)?;
        if let Some(limits) = &reserve.steps {
            *lock(&self.0.steps) = Some(Steps {
                stages: Stages::new(device, limits)?,
                logits: Arc::new(Buffer::new(device, limits.max_sequences * limits.vocab_size * DType::F32.size())?),
                decoding: causal::Workspace::new(device, limits)?,
            });
        }
        Ok(())
    }

    /// Sets memory aside for adapters, none of which may be there yet.
    pub fn reserve_adapters(&self, n_bytes: usize) -> Result<()> {
        Ok(self.0.adapters.resize(&self.0.device, n_bytes)?)
    }

    /// The most that operations have used of the scratch pool since it was reserved, bytes.
    pub fn scratch_peak(&self) -> usize {
        self.0.scratch.peak()
    }

    fn scratch(&self, rows: usize, width: usize) -> Result<Tensor> {
        Tensor::in_pool(&self.0.device, &self.0.scratch, rows, width, DType::Bf16)
    }

    pub fn tensor(&self, values: &[f32], rows: usize, width: usize) -> Result<Tensor> {
        let out = self.scratch(rows, width)?;
        self.0.device.upload(out.bf16()?, &bf16_bytes(values))?;
        Ok(out)
    }

    pub fn constant(&self, values: &[f32], rows: usize, width: usize) -> Result<Tensor> {
        let buffer = Arc::new(Buffer::from_bytes(&self.0.device, &bf16_bytes(values))?);
        Ok(Tensor::in_buffer(&self.0.device, buffer, rows, width, DType::Bf16))
    }

    pub fn f32_constant(&self, values: &[f32], rows: usize, width: usize) -> Result<Tensor> {
        let buffer = Arc::new(Buffer::from_bytes(&self.0.device, &f32_bytes(values))?);
        Ok(Tensor::in_buffer(&self.0.device, buffer, rows, width, DType::F32))
    }

    /// Integers that one operation reads.
    fn integers(&self, values: &[u32]) -> Result<Tensor> {
        let out = Tensor::in_pool(&self.0.device, &self.0.scratch, values.len(), 1, DType::F32)?;
        self.0.device.upload(out.ptr(DType::F32)?, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
        Ok(out)
    }

    pub fn activate(&self, activation: Activation, x: &Tensor) -> Result<()> {
        let kind = match activation {
            Activation::Silu => rows::Activation::Silu,
            Activation::GeluTanh => rows::Activation::GeluTanh,
            Activation::GeluErf => rows::Activation::GeluErf,
            Activation::Tanh => rows::Activation::Tanh,
            Activation::Relu => rows::Activation::Relu,
        };
        // SAFETY: addresses and shapes are the tensors'.
        Ok(unsafe { rows::activate(&self.0.device, x.bf16()?, kind, x.rows * x.width) }?)
    }

    pub fn rms_norm(&self, x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
        let out = self.scratch(x.rows, x.width)?;
        // SAFETY: addresses and shapes are the tensors'.
        unsafe { rows::rms_norm(&self.0.device, out.bf16()?, x.bf16()?, weight.bf16()?, x.rows, x.width, eps) }?;
        Ok(out)
    }

    /// `x += ` the norm of `y`.
    pub fn add_rms_norm(&self, x: &Tensor, y: &Tensor, weight: &Tensor, eps: f32) -> Result<()> {
        if (x.rows, x.width) != (y.rows, y.width) {
            bail!("[{}, {}] can't be added to [{}, {}]", y.rows, y.width, x.rows, x.width);
        }
        // SAFETY: addresses and shapes are the tensors'.
        Ok(unsafe { rows::rms_norm_onto(&self.0.device, x.bf16()?, y.bf16()?, weight.bf16()?, x.rows, x.width, eps) }?)
    }

    /// Of `x`, or of `x + y`.
    pub fn layer_norm(&self, x: &Tensor, y: Option<&Tensor>, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
        let out = self.scratch(x.rows, x.width)?;
        let y = y.map(Tensor::bf16).transpose()?;
        let norm = rows::LayerNorm { x: x.bf16()?, y, weight: weight.bf16()?, bias: bias.bf16()?, eps };
        // SAFETY: addresses and shapes are the tensors'.
        unsafe { norm.launch(&self.0.device, out.bf16()?, x.rows, x.width) }?;
        Ok(out)
    }

    pub fn copy(&self, x: &Tensor) -> Result<Tensor> {
        let out = self.scratch(x.rows, x.width)?;
        self.0.device.copy(out.bf16()?, x.bf16()?, x.rows * x.width * DType::Bf16.size())?;
        Ok(out)
    }

    pub fn add(&self, x: &Tensor, y: &Tensor) -> Result<()> {
        if (x.rows, x.width) != (y.rows, y.width) {
            bail!("[{}, {}] can't be added to [{}, {}]", y.rows, y.width, x.rows, x.width);
        }
        // SAFETY: addresses and shapes are the tensors'.
        Ok(unsafe { rows::add(&self.0.device, x.bf16()?, y.bf16()?, x.rows * x.width) }?)
    }

    pub fn take_rows(&self, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        let out = self.scratch(rows.len(), x.width)?;
        let numbers = self.integers(rows)?;
        // SAFETY: addresses and shapes are the tensors', the numbers were checked.
        unsafe { rows::gather_rows(&self.0.device, out.bf16()?, x.bf16()?, numbers.ptr(DType::F32)?, rows.len(), x.width) }?;
        Ok(out)
    }

    pub fn gather(&self, weight: &Weight, ids: &[u32], cols: usize) -> Result<Tensor> {
        let out = self.scratch(ids.len(), cols)?;
        let numbers = self.integers(ids)?;
        // SAFETY: addresses and shapes are the tensors', the ids were checked.
        unsafe { rows::gather_rows(&self.0.device, out.bf16()?, weight.bf16()?, numbers.ptr(DType::F32)?, ids.len(), cols) }?;
        Ok(out)
    }

    pub fn embed(&self, weight: &Weight, step: &Step<'_>, cache: &KvCache, n_vocab: usize, cols: usize) -> Result<Tensor> {
        let (inputs, cache) = (self.inputs(step)?, paged(cache)?);
        let n = inputs.shape.rows;
        let out = self.scratch(n, cols)?;
        let embed = rows::Embed { table: weight.bf16()?, n_vocab, ids: inputs.ids(), last_tokens: cache.last_tokens() };
        // SAFETY: addresses and shapes are the tensors' and the step's.
        unsafe { embed.launch(&self.0.device, out.bf16()?, n, cols) }?;
        Ok(out)
    }

    pub fn select_rows(&self, x: &Tensor, step: &Step<'_>) -> Result<Tensor> {
        let inputs = self.inputs(step)?;
        if inputs.shape.selects_all() {
            return Ok(x.clone());
        }
        let out = self.scratch(inputs.shape.n_logits, x.width)?;
        let (from, rows, n) = (x.bf16()?, inputs.logit_rows(), inputs.shape.n_logits);
        // SAFETY: addresses and shapes are the tensors' and the step's.
        unsafe { rows::gather_rows(&self.0.device, out.bf16()?, from, rows, n, x.width) }?;
        Ok(out)
    }

    pub fn place_visual_rows(&self, x: &Tensor, step: &Step<'_>, layer: Option<usize>) -> Result<()> {
        let inputs = self.inputs(step)?;
        let level = layer.map_or(0, |layer| layer + 1);
        let Some((spans, n_spans, longest)) = inputs.spans(level) else { return Ok(()) };
        // SAFETY: addresses and shapes are the tensors' and the step's.
        Ok(unsafe { rows::visual_rows(&self.0.device, x.bf16()?, spans, n_spans, longest, x.width, layer.is_some()) }?)
    }

    pub fn keep_rows(&self, x: &Tensor, start: usize, rows: usize) -> Result<Tensor> {
        let out = Tensor::in_pool(&self.0.device, &self.0.kept, rows, x.width, DType::Bf16)?;
        let row = (x.width * DType::Bf16.size()) as u64;
        self.0.device.copy(out.bf16()?, x.bf16()? + start as u64 * row, rows * row as usize)?;
        Ok(out)
    }

    /// Cosines and sines `[rows, half]` as pairs of f32.
    pub fn text_angles(&self, frequencies: Option<&Frequencies>, step: &Step<'_>, half: usize) -> Result<Tensor> {
        let (Some(frequencies), inputs) = (frequencies, self.inputs(step)?) else { bail!("the frequencies are on another device") };
        let n = inputs.shape.rows;
        let out = Tensor::in_pool(&self.0.device, &self.0.scratch, n, 2 * half, DType::F32)?;
        let (inverse, axes) = (frequencies.inverse.ptr(), frequencies.axes.ptr());
        // SAFETY: addresses and shapes are the tensors' and the step's.
        unsafe { rows::text_angles(&self.0.device, out.ptr(DType::F32)?, inputs.positions(), inverse, axes, n, half) }?;
        Ok(out)
    }

    pub fn frequencies(&self, inverse: &[f32], axes: &[usize]) -> Result<Frequencies> {
        let axes: Vec<u8> = axes.iter().map(|axis| *axis as u8).collect();
        Ok(Frequencies {
            inverse: Buffer::from_bytes(&self.0.device, &f32_bytes(inverse))?,
            axes: Buffer::from_bytes(&self.0.device, &axes)?,
        })
    }

    pub fn rope(&self, x: &Tensor, angles: &Tensor, n_heads: usize, head_dim: usize) -> Result<()> {
        // SAFETY: addresses and shapes are the tensors'.
        Ok(unsafe { rows::rope(&self.0.device, x.bf16()?, angles.ptr(DType::F32)?, x.rows, x.width, n_heads, head_dim) }?)
    }

    /// Places of patches as groups of four integers.
    pub fn places(&self, places: &[[u32; 4]]) -> Result<Tensor> {
        self.integers(places.as_flattened())
    }

    pub fn vision_angles(&self, grid: &Grid, inverse: &[f32]) -> Result<Tensor> {
        let (n, quarter) = (grid.places.len(), inverse.len());
        let places = places(grid)?;
        let frequencies = self.integers(&inverse.iter().map(|f| f.to_bits()).collect::<Vec<_>>())?;
        let out = Tensor::in_pool(&self.0.device, &self.0.scratch, n, 4 * quarter, DType::F32)?;
        let frequencies = frequencies.ptr(DType::F32)?;
        // SAFETY: addresses and shapes are the tensors'.
        unsafe { vision::vision_angles(&self.0.device, out.ptr(DType::F32)?, places, frequencies, n, quarter) }?;
        Ok(out)
    }

    pub fn add_positions(&self, x: &Tensor, table: &PositionTable, grid: &Grid) -> Result<()> {
        if (x.rows, x.width) != (grid.places.len(), table.table.width) {
            bail!("positions of {} for {} patches don't fit [{}, {}]", table.table.width, grid.places.len(), x.rows, x.width);
        }
        let positions = vision::Positions {
            table: table.table.ptr(DType::F32)?,
            side: table.side,
            width: x.width,
            interpolation: match table.interpolation {
                Interpolation::Bilinear => vision::Interpolation::Bilinear,
                Interpolation::Bicubic => vision::Interpolation::Bicubic,
            },
        };
        // SAFETY: addresses and shapes are the tensors'.
        Ok(unsafe { positions.add(&self.0.device, x.bf16()?, places(grid)?, x.rows) }?)
    }

    /// Only the frames' bytes cross to the GPU.
    pub fn patches(&self, pixels: &[Pixels], layout: &PatchLayout) -> Result<Tensor> {
        let n: usize = pixels.iter().map(|image| image.grid.iter().product::<usize>()).sum();
        let out = self.scratch(n, layout.width())?;
        let mut at = out.bf16()?;
        for image in pixels {
            let [_, h, w] = image.grid;
            let (height, width) = (h * layout.size, w * layout.size);
            let rgb = self.0.scratch.take(image.rgb.len())?;
            self.0.device.upload(rgb.ptr(), &image.rgb)?;
            let patches = vision::Patches {
                n_frames: image.rgb.len() / (3 * height * width),
                height,
                width,
                patch: layout.size,
                temporal: layout.temporal,
                merge: layout.merge,
                mean: layout.normalization.mean.map(|m| m * 255.0),
                std: layout.normalization.std.map(|s| s * 255.0),
            };
            // SAFETY: `out` has room for the patches of all pictures, `rgb` holds this one's frames.
            unsafe { patches.launch(&self.0.device, at, rgb.ptr()) }?;
            at += (image.grid.iter().product::<usize>() * layout.width() * DType::Bf16.size()) as u64;
        }
        Ok(out)
    }

    pub fn send(&self, batch: &Batch) -> Result<Inputs> {
        match &mut *lock(&self.0.steps) {
            Some(steps) => steps.stages.send(&self.0.device, batch),
            None => bail!("no memory was reserved for steps"),
        }
    }

    fn inputs<'a>(&self, step: &'a Step<'_>) -> Result<&'a Inputs> {
        match &step.device {
            Some(inputs) => Ok(inputs),
            None => bail!("the step was not sent to the GPU"),
        }
    }

    /// Runs a step's launches, or replays them. The second step of a shape is recorded: the first loads what is loaded
    /// lazily and chooses algorithms.
    pub fn run_step(&self, step: &Step<'_>, work: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
        let inputs = self.inputs(step)?;
        if !inputs.shape.is_decode() {
            return work();
        }
        let mut graphs = lock(&self.0.graphs);
        match graphs.get_mut(&inputs.shape) {
            None => {
                let logits = work()?;
                graphs.insert(inputs.shape, Recorded { graph: None, rows: logits.rows, width: logits.width });
                Ok(logits)
            }
            Some(Recorded { graph: Some(graph), rows, width }) => {
                graph.launch()?;
                self.logits_tensor(*rows, *width)
            }
            Some(recorded) => {
                let (graph, logits) = Graph::capture(&self.0.device, work)?;
                graph.launch()?;
                recorded.graph = Some(graph);
                Ok(logits)
            }
        }
    }

    /// Room for logits: the same each time, unless there are more rows than sequences.
    fn logits_tensor(&self, rows: usize, width: usize) -> Result<Tensor> {
        let device = &self.0.device;
        let steps = lock(&self.0.steps);
        match steps.as_ref().filter(|steps| rows * width * DType::F32.size() <= steps.logits.len()) {
            Some(steps) => Ok(Tensor::in_buffer(device, Arc::clone(&steps.logits), rows, width, DType::F32)),
            None => Tensor::in_pool(device, &self.0.scratch, rows, width, DType::F32),
        }
    }
}

fn places(grid: &Grid) -> Result<u64> {
    match &grid.device {
        Some(places) => places.ptr(DType::F32),
        None => bail!("the grid is on another device"),
    }
}

fn paged(cache: &KvCache) -> Result<&PagedCache> {
    match &cache.0 {
        Storage::Cuda(cache) => Ok(cache),
        Storage::Cpu(_) => bail!("the cache is on another device"),
    }
}

/// Inverse frequencies and axes of a decoder.
pub struct Frequencies {
    inverse: Buffer,
    axes: Buffer,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
