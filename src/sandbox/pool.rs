//! Processes that wait for their one call.
//!
//! One thread starts and reaps them all: a process gets its parent-death signal when the *thread* that started it ends, and this
//! one lives as long as the pool. How many wait follows use: one more after each call that found none ready, one fewer after a
//! minute in which no call came.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::sync::oneshot;

use super::python::Python;
use super::{Language, Options};

/// After so long without a call one waiting process fewer is kept, down to one.
const QUIET: Duration = Duration::from_secs(60);

/// A started process; whether it is ready shows in its output.
pub struct Process {
    pub child: Child,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
}

pub struct Pool {
    orders: Sender<Order>,
    waiting: Arc<[Mutex<Waiting>; 2]>,
    most: usize,
}

struct Waiting {
    processes: VecDeque<Process>,
    target: usize,
    last_call: Instant,
}

enum Order {
    /// Start processes until as many wait as should
    Fill(Language),
    Start(Language, oneshot::Sender<Result<Process, String>>),
    Bury(Child),
    FindPython(oneshot::Sender<Result<Python, String>>),
}

impl Pool {
    pub fn start(options: &Options) -> Self {
        let new = || Mutex::new(Waiting { processes: VecDeque::new(), target: 1, last_call: Instant::now() });
        let waiting = Arc::new([new(), new()]);
        let (orders, inbox) = channel();
        let keeper = Keeper { options: options.clone(), waiting: waiting.clone(), python: None, dying: Vec::new() };
        // without the thread every order fails, and so does every call, with a message
        if let Err(error) = std::thread::Builder::new().name("sandbox-pool".to_owned()).spawn(move || keeper.run(&inbox)) {
            tracing::error!(%error, "the thread of the code sandbox does not start");
        }
        for language in [Language::JavaScript, Language::Python3] {
            orders.send(Order::Fill(language)).ok();
        }
        Self { orders, waiting, most: options.parallel }
    }

    /// A process that has run nothing. Its successor is started at once.
    pub async fn take(&self, language: Language) -> Result<Process, String> {
        let found = {
            let mut waiting = lock(&self.waiting, language);
            waiting.last_call = Instant::now();
            let ready = waiting.processes.iter().position(is_ready);
            if ready.is_none() {
                waiting.target = (waiting.target + 1).min(self.most);
            }
            // one that still boots is further than one that does not exist yet
            waiting.processes.remove(ready.unwrap_or(0))
        };
        let process = match found {
            Some(process) => Ok(process),
            None => self.ask(|reply| Order::Start(language, reply)).await,
        };
        self.orders.send(Order::Fill(language)).ok();
        process
    }

    pub async fn python(&self) -> Result<Python, String> {
        self.ask(Order::FindPython).await
    }

    /// Kills a process and all of its group; its thread reaps it.
    pub fn bury(&self, child: Child) {
        end(&child);
        self.orders.send(Order::Bury(child)).ok();
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Order) -> Result<T, String> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).ok();
        answer.await.unwrap_or_else(|_| Err("the sandbox's own thread has ended".to_owned()))
    }
}

fn lock(waiting: &[Mutex<Waiting>; 2], language: Language) -> MutexGuard<'_, Waiting> {
    waiting[language as usize].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether it has said something; it is read later.
fn is_ready(process: &Process) -> bool {
    let mut output = [PollFd::new(process.stdout.as_fd(), PollFlags::POLLIN)];
    poll(&mut output, PollTimeout::ZERO).is_ok_and(|n| n > 0)
}

/// The child has not been waited for, so that its id is still its own. It leads its group from early on; before, there is no
/// group of that id.
fn end(child: &Child) {
    let pid = Pid::from_raw(child.id().cast_signed());
    killpg(pid, Signal::SIGKILL).ok();
    kill(pid, Signal::SIGKILL).ok();
}

/// What the pool's thread works with.
struct Keeper {
    options: Options,
    waiting: Arc<[Mutex<Waiting>; 2]>,
    /// Looked for once; a failure is looked at again, since somebody may have installed it.
    python: Option<Python>,
    dying: Vec<Child>,
}

impl Keeper {
    fn run(mut self, inbox: &Receiver<Order>) {
        loop {
            let pause = if self.dying.is_empty() { QUIET / 4 } else { Duration::from_millis(5) };
            match inbox.recv_timeout(pause) {
                Ok(Order::Fill(language)) => self.fill(language),
                Ok(Order::Start(language, reply)) => {
                    if let Err(Ok(process)) = reply.send(self.spawn(language)) {
                        // the caller has gone
                        end(&process.child);
                        self.dying.push(process.child);
                    }
                }
                Ok(Order::Bury(child)) => self.dying.push(child),
                Ok(Order::FindPython(reply)) => {
                    reply.send(self.python()).ok();
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.trim(Language::Python3);
                    self.trim(Language::JavaScript);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.dying.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        }
        self.close();
    }

    fn fill(&mut self, language: Language) {
        loop {
            let waiting = lock(&self.waiting, language);
            if waiting.processes.len() >= waiting.target {
                return;
            }
            drop(waiting);
            match self.spawn(language) {
                Ok(process) => lock(&self.waiting, language).processes.push_back(process),
                // the next call gets the message
                Err(error) => {
                    tracing::debug!(%error, "no process for the code sandbox");
                    return;
                }
            }
        }
    }

    fn trim(&mut self, language: Language) {
        let mut waiting = lock(&self.waiting, language);
        if waiting.target > 1 && waiting.last_call.elapsed() > QUIET {
            waiting.target -= 1;
            // the next one goes after another while
            waiting.last_call = Instant::now();
            let target = waiting.target;
            let surplus = waiting.processes.len().saturating_sub(target);
            for process in waiting.processes.drain(..surplus) {
                end(&process.child);
                self.dying.push(process.child);
            }
        }
    }

    /// Nothing in here may block for long: calls wait for it. No closure runs between fork and exec, so that the standard
    /// library uses `posix_spawn`: a fork would copy the page tables of all loaded models.
    fn spawn(&mut self, language: Language) -> Result<Process, String> {
        let mut command = Command::new(&self.options.program);
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.arg("sandbox").args(["--parent", &std::process::id().to_string()]);
        command.args(["--memory-mb", &self.options.memory_mb.to_string()]);
        command.args(["--seconds", &self.options.time_limit.as_secs().to_string()]);
        if language == Language::Python3 {
            let python = self.python()?;
            command.arg("--python").arg(&python.program).arg("--loader").arg(&python.loader);
            if let Some(packages) = &python.packages {
                command.arg("--packages").arg(packages);
            }
            for path in &python.readable {
                command.arg("--readable").arg(path);
            }
        }
        let mut child = command.spawn().map_err(|error| format!("{} can't be started: {error}", self.options.program.display()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Process { child, stdin, stdout }),
            _ => Err("the process has no pipes".to_owned()),
        }
    }

    fn python(&mut self) -> Result<Python, String> {
        if self.python.is_none() {
            self.python = Some(Python::find(self.options.python.as_deref(), self.options.python_packages.as_deref())?);
        }
        self.python.clone().ok_or_else(|| "there is no python3".to_owned())
    }

    /// Kills and reaps everything. Processes still in use are killed by whoever uses them.
    fn close(mut self) {
        for waiting in self.waiting.iter() {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            self.dying.extend(waiting.processes.drain(..).map(|process| process.child));
        }
        for mut child in self.dying {
            end(&child);
            child.wait().ok();
        }
    }
}
