//! Which model is measured, and with which settings of the engine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use tempfile::TempDir;

use super::peaks::{self, Peaks};
use crate::engine::models::{self, Loaded};
use crate::engine::ops::{Backend, Device, DeviceOptions, Quantization, Reserve};
use crate::engine::plan::{Precision, Shape};
use crate::engine::reserve;
use crate::engine::{Engine, EngineOptions, Limits, shapes};

#[derive(Debug, Clone, Args, Serialize)]
pub struct ModelArgs {
    /// Folder of a checkpoint, or a GGUF file
    #[arg(long, required_unless_present = "shape", conflicts_with = "shape")]
    model: Option<PathBuf>,
    /// Made-up weights of a known shape, such as qwen3-vl-2b
    #[arg(long)]
    shape: Option<String>,
    /// What it runs on [default: cuda in programs built for it]
    #[arg(long, value_enum, default_value_t)]
    device: Device,
    /// Number of the GPU
    #[arg(long, default_value_t = 0)]
    gpu: usize,
    /// Hold the decoder's matrices in another format than the checkpoint's
    #[arg(long, value_enum)]
    quantization: Option<Quantization>,
    /// CPU threads [default: the number of cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Memory of the KV cache, MiB [default: what the load needs on the CPU, what is left on a GPU]
    #[arg(long)]
    kv_cache_mb: Option<usize>,
    /// Compute rate to compare with, TFLOP/s [default: that of a large matrix product, measured]
    #[arg(long)]
    peak_tflops: Option<f64>,
    /// Memory rate to compare with, GB/s [default: that of adding large vectors, measured]
    #[arg(long)]
    peak_gbps: Option<f64>,
}

/// The model's files, and what can be said before it is loaded.
pub struct Opened {
    path: PathBuf,
    pub shape: Shape,
    precision: Precision,
    device: Device,
    /// Deleted when the measurement is over.
    _folder: Option<TempDir>,
}

impl Opened {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    pub fn device(&self) -> Device {
        self.device
    }
}

impl ModelArgs {
    fn device_options(&self) -> DeviceOptions {
        DeviceOptions { device: self.device, gpu: self.gpu, threads: self.threads, quantization: self.quantization }
    }

    fn options(&self) -> EngineOptions {
        EngineOptions { device: self.device_options(), kv_cache_mb: self.kv_cache_mb, ..EngineOptions::default() }
    }

    /// On the CPU, as stored: computed as the reference is.
    pub fn is_plain(&self) -> bool {
        self.device == Device::Cpu && self.quantization.is_none()
    }

    /// The device alone.
    pub fn open_device(&self) -> Result<Backend> {
        Ok(Backend::open(&DeviceOptions { quantization: None, ..self.device_options() })?)
    }

    /// The model without an engine around it, with memory set aside for its largest steps.
    pub fn load_model(&self, path: &Path) -> Result<Loaded> {
        let loaded = models::load(path, &Backend::open(&self.device_options())?)?;
        reserve::reserve(&loaded, &self.options(), &Limits::default())?;
        Ok(loaded)
    }

    /// As [`load_model`](Self::load_model), on the CPU and as stored.
    pub fn load_reference(&self, path: &Path) -> Result<Loaded> {
        Ok(models::load(path, &Backend::open(&DeviceOptions { threads: self.threads, device: Device::Cpu, ..DeviceOptions::default() })?)?)
    }

    pub fn open(&self) -> Result<Opened> {
        let (path, folder) = match (&self.model, &self.shape) {
            (Some(path), _) => (path.clone(), None),
            (None, name) => {
                let name = name.as_deref().unwrap_or_default();
                let known = || format!("no shape is called `{name}`; there are {}", shapes::names().collect::<Vec<_>>().join(", "));
                let folder = shapes::folder(name)?.with_context(known)?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let precision = if self.quantization.is_some() { Precision::Fp8 } else { Precision::Stored };
        Ok(Opened { shape: Shape::read(&path)?, path, precision, device: self.device, _folder: folder })
    }

    /// What the machine can do, as the settings say or as measured. Blocks for a second or so.
    pub fn peaks(&self) -> Result<Peaks> {
        match (self.peak_tflops, self.peak_gbps) {
            (Some(tflops), Some(gbps)) => Ok(Peaks { tflops, gbps }),
            (tflops, gbps) => {
                let backend = self.open_device()?;
                backend.reserve(&Reserve { scratch: peaks::SCRATCH_BYTES, kept: 0, steps: None })?;
                let measured = peaks::measure(&backend)?;
                Ok(Peaks { tflops: tflops.unwrap_or(measured.tflops), gbps: gbps.unwrap_or(measured.gbps) })
            }
        }
    }

    /// The engine over the model, with room for `n_tokens` in its cache unless the settings name a size or a GPU has more,
    /// and for as many waiting requests.
    pub async fn load(&self, opened: &Opened, n_tokens: u64, n_requests: usize) -> Result<Engine> {
        let enough = (self.device == Device::Cpu).then(|| self.kv_mb(opened, n_tokens));
        self.load_with(opened, self.kv_cache_mb.or(enough), n_requests).await
    }

    /// As [`load`](Self::load), with no more room than that.
    pub async fn load_tight(&self, opened: &Opened, n_tokens: u64, n_requests: usize) -> Result<Engine> {
        self.load_with(opened, Some(self.kv_cache_mb.unwrap_or_else(|| self.kv_mb(opened, n_tokens))), n_requests).await
    }

    fn kv_mb(&self, opened: &Opened, n_tokens: u64) -> usize {
        let needed = n_tokens * opened.shape.kv_bytes_per_token(opened.device().number_bytes());
        // A tenth to spare: blocks are not full, and a sequence is admitted with a few in hand.
        (needed + needed / 10).div_ceil(1 << 20) as usize + 16
    }

    async fn load_with(&self, opened: &Opened, kv_cache_mb: Option<usize>, n_requests: usize) -> Result<Engine> {
        let options = EngineOptions { kv_cache_mb, queue_limit: n_requests + 1, ..self.options() };
        let path = opened.path.clone();
        tokio::task::spawn_blocking(move || Engine::load(&path, &options)).await?
    }
}

/// The most memory that this process has had resident, bytes; 0 where the system doesn't say.
pub fn peak_resident_bytes() -> u64 {
    status_bytes("VmHWM:")
}

/// Memory that this process has resident, bytes; 0 where the system doesn't say.
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

fn status_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
