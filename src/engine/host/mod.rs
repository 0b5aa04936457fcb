//! The local models of this process: what lies in the models folder, what is loaded, and what each takes in memory.
//!
//! [`Engines`] is one per process and cheap to clone. Folders are looked at anew on every question, so a model that was
//! just copied in is there; a model is loaded when it is asked for first, or by [`Engines::load`]. Whoever holds a
//! [`Loaded`] keeps the model alive: unloading ends with the last running generation. No SQL, no HTTP in here.
//!
//! An adapter is a model of its own name: loading it loads its base once, both go when the base is unloaded, and the adapter of
//! a base that was asked longest ago makes room for another.

mod adapters;
pub(super) mod bundled;
pub mod inspect;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::Shared;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::ops::Backend;
use super::request::Failure;
use super::{Embedder, Engine, EngineOptions, Reranker};
use inspect::Checkpoint;

/// Name of the model that comes with the program.
pub const BUNDLED: &str = "ashlar-tiny";
/// Name that stands for the configured or bundled default model.
pub const DEFAULT: &str = "default";

/// Where models lie and how they are run.
#[derive(Debug, Clone)]
pub struct HostOptions {
    pub models_dir: PathBuf,
    /// The bundled model is unpacked below this folder on first use.
    pub data_dir: PathBuf,
    /// A name in `models_dir` or a path; `None` = the bundled model.
    pub default_model: Option<String>,
    /// Adapters and the models they are for, where their own configurations don't say.
    pub adapter_bases: Vec<(String, String)>,
    pub engine: EngineOptions,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Llm,
    TextEmbedding,
    Rerank,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::TextEmbedding => "text-embedding",
            Self::Rerank => "rerank",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Llm, Self::TextEmbedding, Self::Rerank].into_iter().find(|k| k.as_str() == text).ok_or(())
    }
}

/// What an llm can do besides text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    pub vision: bool,
    /// The chat template knows tools.
    pub tools: bool,
    pub structured_output: bool,
    /// Its answers may hold pictures.
    pub image_output: bool,
}

/// Where a local model stands. Reasons are sentences for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Can be loaded.
    Available,
    Loading,
    Ready,
    /// Loading it went wrong.
    Failed(String),
    /// Not a model this engine can run.
    Refused(String),
}

/// One entry of the models folder.
#[derive(Debug, Clone)]
pub struct LocalModel {
    /// Path below the models folder, without `.gguf`: `ashlar-tiny`, `Qwen/Qwen3-VL-2B-Instruct`.
    pub name: String,
    pub path: PathBuf,
    /// Of an adapter: the model it is for, which decides what stands below, but for the bytes.
    pub parent: Option<String>,
    pub kind: Kind,
    /// As `config.json` or the GGUF header has it.
    pub architecture: Option<String>,
    pub features: Features,
    /// Positions, prompt and answer together.
    pub context_size: usize,
    /// Bytes of the weight files.
    pub weight_bytes: u64,
    pub status: Status,
    /// Bytes held in memory (weights and caches); `None` unless ready.
    pub memory_bytes: Option<u64>,
    pub is_default: bool,
}

/// A model in memory.
#[derive(Clone)]
pub enum Loaded {
    Llm(Engine),
    Embedder(Arc<Embedder>),
    Reranker(Arc<Reranker>),
}

impl Loaded {
    fn load(found: &Found, options: &EngineOptions) -> Result<Self> {
        Ok(match found.checkpoint.kind {
            Kind::Llm => Self::Llm(Engine::load(&found.path, options)?),
            Kind::TextEmbedding => Self::Embedder(Arc::new(Embedder::load(&found.path, &options.device)?)),
            Kind::Rerank => Self::Reranker(Arc::new(Reranker::load(&found.path, &options.device)?)),
        })
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Llm(_) => Kind::Llm,
            Self::Embedder(_) => Kind::TextEmbedding,
            Self::Reranker(_) => Kind::Rerank,
        }
    }

    /// Of weights and caches.
    pub fn memory_bytes(&self) -> u64 {
        match self {
            Self::Llm(engine) => engine.memory_bytes(),
            Self::Embedder(embedder) => embedder.memory_bytes(),
            Self::Reranker(reranker) => reranker.memory_bytes(),
        }
    }

    /// What it runs on.
    pub fn backend(&self) -> &Backend {
        match self {
            Self::Llm(engine) => engine.backend(),
            Self::Embedder(embedder) => embedder.backend(),
            Self::Reranker(reranker) => reranker.backend(),
        }
    }
}

/// The registry of local models. Cheap to clone.
#[derive(Clone)]
pub struct Engines(Arc<Inner>);

struct Inner {
    options: HostOptions,
    slots: Mutex<HashMap<String, Slot>>,
    /// Counts what was asked.
    clock: AtomicU64,
    headers: Mutex<HashMap<PathBuf, (SystemTime, Arc<Checkpoint>)>>,
}

struct Slot {
    state: State,
    /// Of an adapter.
    base: Option<String>,
    /// When it was asked for last, by [`Inner::clock`].
    used: u64,
}

enum State {
    Loading(Outcome),
    Ready(Loaded),
    Failed(String),
}

type LoadResult = Result<Loaded, String>;

/// What loading comes to. It is with those who wait for it alone: nothing else keeps a model in use.
type Outcome = Shared<oneshot::Receiver<LoadResult>>;

/// A checkpoint on disk.
#[derive(Clone)]
struct Found {
    name: String,
    path: PathBuf,
    checkpoint: Arc<Checkpoint>,
    /// Of an adapter: its base, or why there is none.
    base: Option<Result<Arc<Found>, String>>,
}

impl Found {
    /// The checkpoint that answers: an adapter's base.
    fn model(&self) -> &Found {
        match &self.base {
            Some(Ok(base)) => base,
            _ => self,
        }
    }

    fn refused(&self) -> Option<String> {
        let own = self.checkpoint.refused.clone();
        own.or_else(|| match &self.base {
            None => None,
            Some(Err(reason)) => Some(reason.clone()),
            Some(Ok(base)) => {
                base.checkpoint.refused.as_ref().map(|reason| format!("its base model \"{}\" can't be run here: {reason}", base.name))
            }
        })
    }
}

impl Engines {
    pub fn new(options: HostOptions) -> Self {
        Self(Arc::new(Inner { options, slots: Mutex::default(), clock: AtomicU64::new(0), headers: Mutex::default() }))
    }

    /// Every model of the folder and the bundled one, by name. Reads the disk.
    pub fn list(&self) -> Vec<LocalModel> {
        let default = self.default_name();
        self.scan().iter().map(|found| self.describe(found, &default)).collect()
    }

    /// The model of that name (`default` included); `None` when there is none. Reads the disk.
    pub fn get(&self, name: &str) -> Option<LocalModel> {
        let default = self.default_name();
        let found = self.find(if name == DEFAULT { &default } else { name })?;
        Some(self.describe(&found, &default))
    }

    /// Every model in memory, by name.
    pub fn in_memory(&self) -> Vec<(String, Loaded)> {
        let slots = self.slots();
        let ready = slots.iter().filter_map(|(name, slot)| match &slot.state {
            State::Ready(loaded) => Some((name.clone(), loaded.clone())),
            _ => None,
        });
        ready.collect()
    }

    /// What `default` stands for.
    pub fn default_name(&self) -> String {
        match &self.0.options.default_model {
            None => BUNDLED.to_owned(),
            Some(name) if Path::new(name).exists() => path_name(Path::new(name)),
            Some(name) => name.clone(),
        }
    }

    /// The model in memory; loads it when it is not. A model that failed to load is not tried again by this.
    pub async fn ready(&self, name: &str) -> Result<Loaded, Failure> {
        self.loaded(name, false).await
    }

    /// Loads a model, again if it failed before, and waits until it is ready.
    pub async fn load(&self, name: &str) -> Result<(), Failure> {
        self.loaded(name, true).await.map(drop)
    }

    /// Starts loading without waiting; says nothing when it is loaded or on its way.
    pub fn start_loading(&self, name: &str) -> Result<(), Failure> {
        self.begin(name, true).map(drop)
    }

    /// Lets go of a model and its adapters. Generations that run on it end first. `false` when it was not in memory.
    pub fn unload(&self, name: &str) -> bool {
        let name = if name == DEFAULT { self.default_name() } else { name.to_owned() };
        let mut slots = self.slots();
        match slots.get(&name).map(|slot| &slot.state) {
            Some(State::Ready(_)) => {
                slots.retain(|other, slot| *other != name && !(slot.base.as_ref() == Some(&name) && matches!(slot.state, State::Ready(_))));
                true
            }
            Some(State::Failed(_)) => {
                slots.remove(&name);
                false
            }
            _ => false,
        }
    }

    async fn loaded(&self, name: &str, retry: bool) -> Result<Loaded, Failure> {
        match self.begin(name, retry)? {
            Begun::Ready(loaded) => Ok(loaded),
            Begun::Loading(outcome) => {
                let result = outcome.await.unwrap_or_else(|_| Err("loading broke off".into()));
                result.map_err(|reason| failed(name, &reason))
            }
        }
    }

    fn begin(&self, name: &str, retry: bool) -> Result<Begun, Failure> {
        let name = if name == DEFAULT { self.default_name() } else { name.to_owned() };
        if let Some(begun) = self.begun(&mut self.slots(), &name, retry)? {
            return Ok(begun);
        }
        let found = self.find(&name).ok_or_else(|| Failure::Unsupported(format!("there is no local model \"{name}\"")))?;
        if let Some(reason) = found.refused() {
            return Err(Failure::Unsupported(format!("the model \"{name}\" can't be run here: {reason}")));
        }
        let mut slots = self.slots();
        // another caller may have begun while the disk was read
        if let Some(begun) = self.begun(&mut slots, &name, true)? {
            return Ok(begun);
        }
        let base = found.base.as_ref().map(|_| found.model().name.clone());
        if let Some(base) = &base {
            adapters::make_room(&mut slots, base, self.0.options.engine.max_adapters)?;
        }
        let (done, outcome) = oneshot::channel();
        let outcome = outcome.shared();
        slots.insert(name.clone(), Slot { state: State::Loading(outcome.clone()), base, used: self.tick() });
        drop(slots);
        let host = self.clone();
        let spawned = std::thread::Builder::new().name(format!("load {name}")).spawn(move || host.run_load(&found, done));
        if let Err(e) = spawned {
            self.slots().remove(&name);
            return Err(Failure::Internal(Arc::new(anyhow::Error::new(e).context("starting a thread to load a model"))));
        }
        Ok(Begun::Loading(outcome))
    }

    /// How far a model is; `None`: it is to be loaded.
    fn begun(&self, slots: &mut HashMap<String, Slot>, name: &str, retry: bool) -> Result<Option<Begun>, Failure> {
        let Some(slot) = slots.get_mut(name) else { return Ok(None) };
        slot.used = self.tick();
        match &slot.state {
            State::Ready(loaded) => Ok(Some(Begun::Ready(loaded.clone()))),
            State::Loading(outcome) => Ok(Some(Begun::Loading(outcome.clone()))),
            State::Failed(reason) if !retry => Err(failed(name, reason)),
            State::Failed(_) => Ok(None),
        }
    }

    fn tick(&self) -> u64 {
        self.0.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn load_now(&self, found: &Found) -> Result<Loaded> {
        match &found.base {
            Some(base) => self.load_adapter(found, base),
            None => {
                let mut options = self.0.options.engine.clone();
                // Room for adapters is for those who have any.
                if !self.scan().iter().any(|other| matches!(&other.base, Some(Ok(base)) if base.name == found.name)) {
                    options.max_adapters = 0;
                }
                Loaded::load(found, &options)
            }
        }
    }

    /// On a thread of its own. Leaves the slot ready or failed, then tells who waits.
    fn run_load(&self, found: &Found, done: oneshot::Sender<LoadResult>) {
        let started = std::time::Instant::now();
        let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.load_now(found)));
        let mut result = match loaded {
            Ok(result) => result.map_err(|e| format!("{e:#}")),
            Err(_) => Err("the loader crashed; the log says where".to_owned()),
        };
        let mut slots = self.slots();
        let base = slots.get(&found.name).and_then(|slot| slot.base.clone());
        if let (Ok(loaded), Some(base)) = (&result, &base)
            && !adapters::has_base(&slots, base, loaded)
        {
            result = Err(format!("its base model \"{base}\" was unloaded meanwhile"));
        }
        let state = match &result {
            Ok(loaded) => {
                let memory = loaded.memory_bytes();
                tracing::info!(
                    model.name = found.name,
                    model.memory_bytes = memory,
                    load.seconds = started.elapsed().as_secs_f64(),
                    "model loaded"
                );
                State::Ready(loaded.clone())
            }
            Err(reason) => {
                tracing::error!(model.name = found.name, error.cause = reason, "model failed to load");
                State::Failed(reason.clone())
            }
        };
        let base_is_gone = base.as_ref().is_some_and(|base| !slots.get(base).is_some_and(|slot| matches!(slot.state, State::Ready(_))));
        match base_is_gone {
            // Not the adapter's fault: it is tried again.
            true => _ = slots.remove(&found.name),
            false => _ = slots.insert(found.name.clone(), Slot { state, base, used: self.tick() }),
        }
        drop(slots);
        // Nobody may wait for it.
        let _ = done.send(result);
    }

    fn describe(&self, found: &Found, default: &str) -> LocalModel {
        let checkpoint = &found.model().checkpoint;
        let (status, memory_bytes) = match (found.refused(), self.slots().get(&found.name).map(|slot| &slot.state)) {
            (Some(reason), _) => (Status::Refused(reason), None),
            (None, None) => (Status::Available, None),
            (None, Some(State::Loading(_))) => (Status::Loading, None),
            (None, Some(State::Ready(loaded))) => (Status::Ready, Some(loaded.memory_bytes())),
            (None, Some(State::Failed(reason))) => (Status::Failed(reason.clone()), None),
        };
        LocalModel {
            name: found.name.clone(),
            path: found.path.clone(),
            parent: found.base.as_ref().and_then(|base| base.as_ref().ok()).map(|base| base.name.clone()),
            kind: checkpoint.kind,
            architecture: checkpoint.architecture.clone(),
            features: checkpoint.features,
            context_size: self.0.options.engine.context_size(checkpoint.context_length),
            weight_bytes: found.checkpoint.weight_bytes,
            status,
            memory_bytes,
            is_default: found.name == default,
        }
    }

    fn find(&self, name: &str) -> Option<Found> {
        self.scan().into_iter().find(|found| found.name == name)
    }

    /// The models folder, the bundled model unless the folder has one of its name, and a default given by path.
    fn scan(&self) -> Vec<Found> {
        let mut places = inspect::places(&self.0.options.models_dir);
        if let Some(path) = self.0.options.default_model.as_deref().map(Path::new).filter(|p| p.exists()) {
            places.retain(|(name, _)| *name != path_name(path));
            places.push((path_name(path), path.to_owned()));
        }
        if !places.iter().any(|(name, _)| name == BUNDLED) {
            match bundled::path(&self.0.options.data_dir) {
                Ok(path) => places.push((BUNDLED.to_owned(), path)),
                Err(e) => tracing::warn!(error.cause = format!("{e:#}"), "the bundled model can't be unpacked"),
            }
        }
        places.sort();
        let mut found: Vec<_> =
            places.into_iter().map(|(name, path)| Found { checkpoint: self.header(&path), name, path, base: None }).collect();
        let bases: Vec<_> = found.iter().map(|adapter| self.base_of(adapter, &found)).collect();
        found.iter_mut().zip(bases).for_each(|(found, base)| found.base = base);
        found
    }

    /// The checkpoint's header, read again only when the file changed.
    fn header(&self, path: &Path) -> Arc<Checkpoint> {
        let changed = inspect::changed_at(path);
        let mut headers = lock(&self.0.headers);
        match headers.get(path) {
            Some((at, checkpoint)) if *at == changed => checkpoint.clone(),
            _ => {
                let checkpoint = Arc::new(inspect::read(path));
                headers.insert(path.to_owned(), (changed, checkpoint.clone()));
                checkpoint
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        lock(&self.0.slots)
    }
}

enum Begun {
    Ready(Loaded),
    Loading(Outcome),
}

fn failed(name: &str, reason: &str) -> Failure {
    Failure::Unsupported(format!("the model \"{name}\" could not be loaded: {reason}"))
}

/// A panic while the lock was held leaves the map whole: every change to it is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of a model given by path: its last part, without `.gguf`.
fn path_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    name.strip_suffix(".gguf").map(str::to_owned).unwrap_or(name)
}
