//! One call, from our side: the request goes in, the reply comes out within the limits, the process is killed either way.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::time::{Instant, timeout, timeout_at};

use super::pool::{Pool, Process};
use super::{Call, Language, Options, SandboxError};

/// For booting an interpreter, which takes tens of milliseconds on an idle machine.
const BOOT_LIMIT: Duration = Duration::from_secs(20);
/// A waiting process may have been killed from outside: another is tried, but not for ever.
const TRIES: usize = 3;

/// A process that has locked itself down says so with this byte, else `-` and why it could not.
pub(super) const READY: u8 = b'+';
pub(super) const REFUSED: u8 = b'-';

/// What a process answers.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Result(Map<String, Value>),
    Error(String),
    OutOfMemory(()),
}

pub(super) async fn run(pool: &Pool, options: &Options, call: &Call) -> Result<Map<String, Value>, SandboxError> {
    let request = json!({"code": call.code, "inputs": call.inputs}).to_string();
    for _ in 0..TRIES {
        let mut running = Running::new(pool.take(call.language).await.map_err(SandboxError::Unavailable)?, pool)?;
        if !running.boot().await? {
            continue;
        }
        let deadline = Instant::now() + options.time_limit;
        return match timeout_at(deadline, running.answer(request.as_bytes(), call.language, options)).await {
            Ok(result) => result,
            Err(_) => Err(SandboxError::TimedOut(options.time_limit)),
        };
    }
    Err(SandboxError::Unavailable("its processes are killed as soon as they start; is the machine out of memory?".to_owned()))
}

/// A process in use: killed and reaped when this is dropped, whatever happens to the call.
struct Running<'a> {
    pool: &'a Pool,
    child: Option<Child>,
    requests: Option<pipe::Sender>,
    replies: pipe::Receiver,
}

impl<'a> Running<'a> {
    fn new(Process { child, stdin, stdout }: Process, pool: &'a Pool) -> Result<Self, SandboxError> {
        let pipes = |stdin: ChildStdin, stdout: ChildStdout| {
            let requests = pipe::Sender::from_owned_fd(OwnedFd::from(stdin))?;
            std::io::Result::Ok((requests, pipe::Receiver::from_owned_fd(OwnedFd::from(stdout))?))
        };
        match pipes(stdin, stdout) {
            Ok((requests, replies)) => Ok(Self { pool, child: Some(child), requests: Some(requests), replies }),
            Err(error) => {
                pool.bury(child);
                Err(SandboxError::Unavailable(format!("its pipes can't be watched: {error}")))
            }
        }
    }

    /// Waits until the process is ready; false when it died before.
    async fn boot(&mut self) -> Result<bool, SandboxError> {
        let late = || SandboxError::Unavailable(format!("the interpreter did not start within {} s", BOOT_LIMIT.as_secs()));
        let said = async {
            match self.replies.read_u8().await {
                Ok(READY) => Ok(self.is_alive()),
                Ok(REFUSED) => {
                    let mut reason = String::new();
                    (&mut self.replies).take(4096).read_to_string(&mut reason).await.ok();
                    Err(SandboxError::Unavailable(reason))
                }
                Ok(_) => Err(SandboxError::Unavailable("the interpreter writes to its output before it is asked".to_owned())),
                Err(_) => Ok(false),
            }
        };
        timeout(BOOT_LIMIT, said).await.map_err(|_| late())?
    }

    /// A process that waited for long may have been killed meanwhile.
    fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    async fn answer(&mut self, request: &[u8], language: Language, options: &Options) -> Result<Map<String, Value>, SandboxError> {
        if let Some(mut requests) = self.requests.take() {
            // a process that is dead by now shows as an empty reply; closing the pipe ends the request
            requests.write_all(request).await.ok();
        }
        let mut reply = Vec::new();
        let limit = options.output_bytes as u64 + 1;
        (&mut self.replies).take(limit).read_to_end(&mut reply).await.ok();
        if reply.len() > options.output_bytes {
            return Err(SandboxError::OutputTooLarge(options.output_bytes));
        }
        if reply.is_empty() {
            return Err(match (self.fatal_signal().await, language) {
                // this program ends so when an allocation outside the code's heap fails
                (Some(Signal::SIGABRT), Language::JavaScript) => SandboxError::OutOfMemory(options.memory_mb),
                (signal, _) => SandboxError::Code(epitaph(signal)),
            });
        }
        match serde_json::from_slice(&reply) {
            Ok(Reply::Result(result)) => Ok(result),
            Ok(Reply::Error(message)) => Err(SandboxError::Code(message)),
            Ok(Reply::OutOfMemory(())) => Err(SandboxError::OutOfMemory(options.memory_mb)),
            Err(error) => Err(SandboxError::Code(format!("the result can't be read as JSON: {error}"))),
        }
    }

    /// What ended a process without a word. Its pipe closes a moment before its status is there.
    async fn fatal_signal(&mut self) -> Option<Signal> {
        let child = self.child.as_mut()?;
        for _ in 0..50 {
            if let Ok(Some(status)) = child.try_wait() {
                return Signal::try_from(status.signal()?).ok();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        None
    }
}

fn epitaph(signal: Option<Signal>) -> String {
    match signal {
        Some(Signal::SIGSEGV | Signal::SIGBUS) => "the interpreter crashed (SIGSEGV): is there recursion without an end?".to_owned(),
        Some(Signal::SIGXCPU) => "the code used up its processor time".to_owned(),
        Some(signal) => format!("the interpreter was ended by {signal}"),
        None => "the code ended the interpreter before main returned".to_owned(),
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            self.pool.bury(child);
        }
    }
}
