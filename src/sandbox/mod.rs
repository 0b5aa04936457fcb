//! Runs people's Python and JavaScript, each call in a process of its own that has locked itself down before it sees the code.
//!
//! A call takes a process from a pool of ones that have booted their interpreter, applied their limits, Landlock and seccomp to
//! themselves and run nothing yet; it is used once and killed. The processes are this program again, as `ashlar sandbox`
//! (`child`). Why it is done this way: `docs/adr/0022-sandbox.md`.
//!
//! This module uses nothing of ours and knows no workflow: code and inputs go in, a mapping or a reason comes out.
//! [`check_outputs`] then holds the mapping against what a node declares.

mod call;
pub mod child;
mod examine;
mod outputs;
mod pool;
mod python;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, Value};
use thiserror::Error;
use tokio::sync::Semaphore;

pub use examine::examine;
pub use outputs::{Output, OutputKind, Outputs, check_outputs};
use pool::Pool;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, clap::ValueEnum)]
pub enum Language {
    #[serde(rename = "python3")]
    #[value(name = "python3")]
    Python3,
    #[serde(rename = "javascript")]
    #[value(name = "javascript")]
    JavaScript,
}

/// Code that defines `main`, and what it is called with: Python `main(**inputs)`, JavaScript `main(inputs)`.
#[derive(Debug, Clone)]
pub struct Call {
    pub language: Language,
    pub code: String,
    pub inputs: Map<String, Value>,
}

/// Settings and limits. Each limit is for one call.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is started as `PROGRAM sandbox`: this program
    pub program: PathBuf,
    /// The interpreter; without it the usual places are tried
    pub python: Option<PathBuf>,
    /// Folder of packages for it, besides the standard library
    pub python_packages: Option<PathBuf>,
    pub time_limit: Duration,
    /// Of the heap in JavaScript, of the address space in Python
    pub memory_mb: u64,
    /// Largest result, as JSON
    pub output_bytes: usize,
    /// Calls that run at the same time
    pub parallel: usize,
    /// Calls that may wait
    pub queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            program: "/proc/self/exe".into(),
            python: None,
            python_packages: None,
            time_limit: Duration::from_secs(15),
            memory_mb: 512,
            output_bytes: 8 << 20,
            parallel: std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 64),
            queue: 50,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SandboxError {
    /// The message is the code's own: a traceback that begins at the code's first frame.
    #[error("{0}")]
    Code(String),
    #[error("the code ran longer than {} s and was stopped", .0.as_secs_f32())]
    TimedOut(Duration),
    #[error("the code needs more than the {0} MB of memory a call may use")]
    OutOfMemory(u64),
    #[error("the result is larger than {0} bytes")]
    OutputTooLarge(usize),
    /// This machine can't run code safely; the text says what to do.
    #[error("code cannot run on this machine: {0}")]
    Unavailable(String),
    #[error("{0} calls are waiting for the code sandbox already: try again later")]
    Busy(usize),
}

/// The one sandbox of a process. Clones share it; when the last is dropped, its processes end.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    pool: Pool,
    running: Semaphore,
    /// Calls that run or wait
    admitted: AtomicUsize,
}

impl Sandbox {
    /// Starts the pool's thread, which starts one process of each language in the background.
    pub fn start(mut options: Options) -> Self {
        options.parallel = options.parallel.max(1);
        let pool = Pool::start(&options);
        let running = Semaphore::new(options.parallel);
        Self { inner: Arc::new(Inner { options, pool, running, admitted: AtomicUsize::new(0) }) }
    }

    /// Runs `call` in a fresh process and gives what its `main` returned. Dropping the future kills the process.
    pub async fn run(&self, call: Call) -> Result<Map<String, Value>, SandboxError> {
        let Inner { options, pool, running, .. } = &*self.inner;
        let _place = self.inner.admit()?;
        let _turn = running.acquire().await.map_err(|_| SandboxError::Unavailable("the sandbox is closed".to_owned()))?;
        call::run(pool, options, &call).await
    }

    /// Which interpreter runs Python, and its version.
    pub async fn python(&self) -> Result<String, SandboxError> {
        self.inner.pool.python().await.map(|python| python.to_string()).map_err(SandboxError::Unavailable)
    }
}

impl Inner {
    fn admit(&self) -> Result<Place<'_>, SandboxError> {
        let limit = self.options.parallel + self.options.queue;
        self.admitted
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1))
            .map_err(|_| SandboxError::Busy(self.options.queue))?;
        Ok(Place(&self.admitted))
    }
}

/// One of the places among the calls that run or wait.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
