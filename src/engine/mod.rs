//! The inference engine: text and images in, a stream of tokens out.
//!
//! [`Engine::submit`] prepares a request off the engine thread (template, tokens, pixels), one thread per device then runs
//! `schedule → launch → commit` over packed batches. It knows no HTTP, SQL or Redis.

mod adapter;
pub mod batch;
mod blocks;
mod cache;
mod constraint;
mod embedder;
pub mod host;
pub mod image;
mod metrics;
mod modality;
pub mod models;
mod null;
pub mod ops;
pub mod plan;
mod prepare;
pub mod request;
pub mod reserve;
pub mod sampler;
mod scheduler;
mod sequence;
pub mod shapes;
#[cfg(test)]
mod tests;
mod text;
pub mod tokenizer;
pub mod weights;
mod worker;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::sync::Semaphore;

use adapter::Adapter;
pub use embedder::{EmbedInput, Embedded, Embedder, Reranker, Scored};
pub use metrics::Snapshot;
pub use scheduler::Limits;

use constraint::Grammars;
use metrics::Metrics;
use modality::Masks;
use models::{Loaded, Model, ModelInfo, chameleon::Pictures};
use ops::cache::{BLOCK_SIZE, KvCache, MAX_SLOTS};
use ops::{Backend, DeviceOptions};
use request::{Failure, Generation, Input, Request, Sampling, Tool};
use reserve::Budget;
use scheduler::Scheduler;
use sequence::SequenceId;
use text::Text;
pub use text::python;
use tokenizer::GenerationConfig;
use weights::Target;
use worker::{Command, Mode, Worker};

/// Pixels of prepared requests that may wait in memory at once, MiB.
const MAX_PIXELS_MB: u32 = 1024;
const DEFAULT_QUEUE_LIMIT: usize = 256;

/// How models are run.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    pub device: DeviceOptions,
    /// Memory of the KV cache, MiB; `None` = 512 on the CPU, what is left on a GPU.
    pub kv_cache_mb: Option<usize>,
    /// Share of a GPU's memory that may be used, by this process and others.
    pub gpu_memory: f64,
    /// Requests that may wait; 0 = 256.
    pub queue_limit: usize,
    /// Adapters that may be in memory beside the model. A GPU sets room aside for as many of rank 16.
    pub max_adapters: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { device: DeviceOptions::default(), kv_cache_mb: None, gpu_memory: 0.9, queue_limit: 0, max_adapters: 8 }
    }
}

impl EngineOptions {
    /// Positions that a model made for `context_length` has with these options, before its cache is sized.
    pub fn context_size(&self, context_length: usize) -> usize {
        context_length
    }
}

/// A model in memory, with an adapter or without, and the thread that runs it. Cheap to clone; the last handle lets running
/// generations end and then frees the model.
#[derive(Clone)]
pub struct Engine(Arc<Handle>, Option<Arc<Adapter>>);

struct Handle {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    /// Pictures being decoded at once.
    decoders: Arc<Semaphore>,
    /// MiB of pixels in memory.
    pixels: Arc<Semaphore>,
}

/// What preparing a request needs to know of the model.
struct Shared {
    /// Labels its metrics.
    name: String,
    backend: Backend,
    /// Layers that adapters may change.
    targets: Vec<Target>,
    info: ModelInfo,
    text: Text,
    generation: GenerationConfig,
    /// How pictures are prepared; `None` = the model takes none.
    input: Option<Box<dyn models::VisionInput>>,
    /// For models whose pictures are tokens, with the sets of ids that text and pictures are made of.
    pictures: Option<(Arc<Pictures>, Arc<Masks>)>,
    /// Tokens of prompt and answer together.
    context_size: usize,
    /// As `context_size`, for sequences whose pictures are guided.
    guided_context_size: usize,
    kv_bytes: u64,
    /// Of the weights, where they are.
    held_bytes: u64,
    grammars: OnceLock<std::result::Result<Grammars, String>>,
    metrics: Arc<Metrics>,
    next_id: AtomicU64,
}

impl Shared {
    /// Built when first asked for: the vocabulary's trie takes a moment and memory.
    fn grammars(&self) -> Result<&Grammars, Failure> {
        let grammars =
            self.grammars.get_or_init(|| Grammars::new(self.text.tokenizer(), &self.generation.eos).map_err(|e| format!("{e:#}")));
        grammars.as_ref().map_err(|error| Failure::Unsupported(format!("structured output: {error}")))
    }
}

impl Engine {
    /// Loads a checkpoint folder or GGUF file and starts its thread. Blocks; takes seconds for large models.
    pub fn load(path: &Path, options: &EngineOptions) -> Result<Self> {
        let loaded = match null::load(path)? {
            Some(loaded) => loaded,
            None => models::load(path, &Backend::open(&options.device)?)?,
        };
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self::start(&name, loaded, options, Limits::default())
    }

    /// Starts a thread for a loaded model. `name` labels its metrics.
    fn start(name: &str, loaded: Loaded, options: &EngineOptions, limits: Limits) -> Result<Self> {
        let budget = reserve::reserve(&loaded, options, &limits)?;
        let mode = Mode { pipelined: loaded.backend.is_async(), checks: false };
        Self::start_with(name, loaded, budget, options, limits, mode)
    }

    fn start_with(name: &str, loaded: Loaded, budget: Budget, options: &EngineOptions, limits: Limits, mode: Mode) -> Result<Self> {
        let Model::Causal(model) = loaded.model else { bail!("not a model that generates text") };
        let (info, backend, n_blocks) = (model.info().clone(), &loaded.backend, budget.n_blocks);
        let queue_limit = if options.queue_limit == 0 { DEFAULT_QUEUE_LIMIT } else { options.queue_limit };
        let text = Text::new(Arc::clone(&loaded.tokenizer), loaded.chat_template.as_ref(), loaded.add_bos)
            .context("the chat template can't be used")?;
        let metrics = Arc::new(Metrics::new(queue_limit, n_blocks, name));
        let (commands, receiver) = mpsc::channel();
        let worker = Worker {
            model,
            backend: loaded.backend.clone(),
            tokenizer: loaded.tokenizer,
            // The queue is bounded where requests are accepted.
            scheduler: Scheduler::new(
                n_blocks,
                Limits { max_waiting: usize::MAX, max_running: limits.max_running.min(MAX_SLOTS), ..limits },
            ),
            kv: KvCache::new(backend, info.cache_shape(), n_blocks)?,
            encoder: cache::EncoderCache::new(budget.encoder_cache_bytes),
            commands: receiver,
            metrics: Arc::clone(&metrics),
            jobs: HashMap::new(),
            batch: batch::Batch::default(),
            in_flight: None,
            committed: None,
            free_since: None,
            mode,
        };
        let pictures = loaded.pictures.map(|pictures| {
            let masks = Masks::new(&pictures.vocabulary, text.tokenizer().n_tokens());
            (pictures, Arc::new(masks))
        });
        let n_guide_tokens = pictures.as_ref().map_or(0, |(pictures, _)| pictures.n_tokens());
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            backend: loaded.backend.clone(),
            targets: loaded.targets,
            guided_context_size: scheduler::group_context_size(n_blocks, n_guide_tokens).min(info.context_length),
            context_size: info.context_length.min(n_blocks * BLOCK_SIZE),
            kv_bytes: (n_blocks * info.cache_shape().block_bytes(backend)) as u64,
            held_bytes: loaded.held_bytes,
            info,
            text,
            generation: loaded.generation,
            input: loaded.input,
            pictures,
            grammars: OnceLock::new(),
            metrics,
            next_id: AtomicU64::new(0),
        });
        std::thread::Builder::new().name("engine".to_owned()).spawn(move || worker.run()).context("starting the engine thread")?;
        let n_decoders = std::thread::available_parallelism().map_or(1, usize::from);
        let handle = Handle {
            shared,
            commands,
            decoders: Arc::new(Semaphore::new(n_decoders)),
            pixels: Arc::new(Semaphore::new(MAX_PIXELS_MB as usize)),
        };
        Ok(Self(Arc::new(handle), None))
    }

    /// Starts a generation. What is wrong with the request is an error here, before anything streams.
    pub async fn submit(&self, request: Request) -> Result<Generation, Failure> {
        let submitted = Instant::now();
        let Handle { shared, decoders, pixels, commands } = &*self.0;
        let Some(slot) = shared.metrics.queue_slot() else {
            return Err(shared.metrics.overloaded(scheduler::QueueFull));
        };
        shared.check(&request)?;
        let request = if prepare::moves(&request.input) {
            let (shared, mut request) = (Arc::clone(shared), request);
            let clips = tokio::task::spawn_blocking(move || shared.fit_clips(&mut request.input).map(|()| request));
            clips.await.map_err(|error| Failure::Internal(Arc::new(error.into())))??
        } else {
            request
        };
        let pixel_mb = shared.pixel_bytes(&request)?.div_ceil(1 << 20) as u32;
        let closed = |_| Failure::Unloaded;
        let (memory, decoder) = match pixel_mb {
            0 => (None, None),
            mb => {
                let memory = Arc::clone(pixels).acquire_many_owned(mb.min(MAX_PIXELS_MB)).await.map_err(closed)?;
                (Some(memory), Some(Arc::clone(decoders).acquire_owned().await.map_err(closed)?))
            }
        };
        let shared = Arc::clone(shared);
        let adapter = self.1.clone();
        let prepared = tokio::task::spawn_blocking(move || {
            let _decoder = decoder;
            let id = SequenceId(shared.next_id.fetch_add(1, Ordering::Relaxed));
            shared.prepare(id, request, adapter, submitted, slot, memory)
        });
        let (job, generation) = prepared.await.map_err(|error| Failure::Internal(Arc::new(error.into())))??;
        commands.send(Command::Run(Box::new(job))).map_err(|_| Failure::Unloaded)?;
        Ok(generation)
    }

    pub fn info(&self) -> &ModelInfo {
        &self.0.shared.info
    }

    /// Tokens of prompt and answer together.
    pub fn context_size(&self) -> usize {
        self.0.shared.context_size
    }

    /// Ids from 100 up to this one are ordinary tokens, for made-up prompts.
    pub fn n_plain_tokens(&self) -> usize {
        let tokenizer = self.0.shared.text.tokenizer();
        tokenizer.special_tokens().values().map(|id| *id as usize).filter(|id| *id > 100).min().unwrap_or(tokenizer.n_tokens())
    }

    /// How the checkpoint wants to be sampled when nobody says otherwise.
    pub fn default_sampling(&self) -> Sampling {
        let generation = &self.0.shared.generation;
        let plain = match self.0.shared.pictures {
            // What the family's own code does; its checkpoints say nothing.
            Some(_) => Sampling { temperature: 0.7, top_p: 0.9, repetition_penalty: 1.2, ..Sampling::default() },
            None => Sampling::default(),
        };
        Sampling {
            temperature: generation.temperature.unwrap_or(plain.temperature),
            top_p: generation.top_p.unwrap_or(plain.top_p),
            top_k: generation.top_k.unwrap_or(plain.top_k),
            repetition_penalty: generation.repetition_penalty.unwrap_or(plain.repetition_penalty),
            ..plain
        }
    }

    /// Tokens that a prompt takes, pictures by their headers. May take milliseconds for long texts.
    pub fn count_tokens(&self, input: &Input, tools: &[Tool]) -> Result<usize, Failure> {
        if !prepare::moves(input) {
            return self.0.shared.count_tokens(input, tools);
        }
        let mut input = input.clone();
        self.0.shared.fit_clips(&mut input)?;
        self.0.shared.count_tokens(&input, tools)
    }

    /// Width and height of the pictures it writes; `None` = it writes none.
    pub fn picture_size(&self) -> Option<usize> {
        self.0.shared.pictures.as_ref().filter(|(pictures, _)| pictures.can_write()).map(|(pictures, _)| pictures.resolution())
    }

    /// Tokens of one block of the KV cache.
    pub const BLOCK_TOKENS: usize = BLOCK_SIZE;

    /// The most that one step may have: rows, and sequences.
    pub fn step_limits() -> (usize, usize) {
        let limits = Limits::default();
        (limits.max_step_tokens, limits.max_running.min(MAX_SLOTS))
    }

    /// What it runs on.
    pub fn backend(&self) -> &Backend {
        &self.0.shared.backend
    }

    /// Of the KV cache.
    pub fn kv_bytes(&self) -> u64 {
        self.0.shared.kv_bytes
    }

    /// Weights and KV cache; of a handle with an adapter, the adapter's alone.
    pub fn memory_bytes(&self) -> u64 {
        match &self.1 {
            Some(adapter) => adapter.updates.n_bytes() as u64,
            None => self.0.shared.held_bytes + self.0.shared.kv_bytes,
        }
    }

    pub fn metrics(&self) -> Snapshot {
        self.0.shared.metrics.snapshot()
    }

    /// Breaks off everything that runs or waits; later requests fail with [`Failure::Unloaded`].
    pub fn shutdown(&self) {
        // The thread is gone already if nobody listens.
        let _ = self.0.commands.send(Command::Stop);
    }
}
