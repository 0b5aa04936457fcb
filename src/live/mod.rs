//! Running tasks (generations) as the rest of the world sees them: their frames for the client that started them, a log
//! in Redis that any replica can follow and a client can resume from, stop requests, and slots that bound how many of an
//! app run at once.
//!
//! The client that started a task is fed through a channel of this process and never waits for Redis. Frames go to the
//! log in batches, many tasks in one pipeline; a log that Redis loses is a gap that [`Follower`] reports. Nothing here
//! knows what a frame says, nor any table: a finished task's truth is in PostgreSQL.

mod log;
mod slots;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use redis::AsyncCommands;
use redis::aio::ConnectionManager;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub use log::{Follower, Step};
pub use slots::Slot;

/// How long a stop request for a task of another replica is remembered.
const STOP_FLAG_S: u64 = 600;
/// How often flags are looked at, for stop requests that the channel lost.
const STOP_POLL: Duration = Duration::from_secs(1);

/// More events than a process sends between two writes of the log.
const PASSED_OVER: u64 = 10_000;

/// Cheap to clone; one per process.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

struct Shared {
    client: redis::Client,
    connection: ConnectionManager,
    prefix: Arc<str>,
    running: Mutex<HashMap<Uuid, Running>>,
    openings: AtomicU64,
    log: mpsc::UnboundedSender<log::Entry>,
    _listener: DropGuard,
}

struct Running {
    /// A task that goes on is opened again, perhaps before the one that left it is dropped.
    opening: u64,
    owner: Uuid,
    stop: CancellationToken,
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, HashMap<Uuid, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, name: impl std::fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    /// False when this process does not run the task.
    fn stop(&self, task: Uuid, owner: Uuid) -> bool {
        match self.running().get(&task) {
            Some(running) if running.owner == owner => {
                running.stop.cancel();
                true
            }
            // somebody else's: nothing happens, here or elsewhere
            Some(_) => true,
            None => false,
        }
    }
}

/// One piece of a task's stream: whole server-sent events, numbered from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub number: u64,
    pub bytes: Bytes,
}

/// Stops a task when it is dropped, unless the task ended by itself.
pub struct StopGuard {
    live: Live,
    task: Uuid,
    owner: Uuid,
    is_settled: bool,
}

impl StopGuard {
    /// It ended by itself, with this.
    pub fn settle<T>(mut self, ended: T) -> T {
        self.is_settled = true;
        ended
    }
}

impl Drop for StopGuard {
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        // without a runtime the process ends
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (live, task, owner) = (self.live.clone(), self.task, self.owner);
        runtime.spawn(async move { live.stop(task, owner).await });
    }
}

impl Live {
    /// For a caller that waits for a task and may go away.
    pub fn stop_unless_settled(&self, task: Uuid, owner: Uuid) -> StopGuard {
        StopGuard { live: self.clone(), task, owner, is_settled: false }
    }

    /// Starts the log writer and the listener for stop requests; both end with the last clone.
    pub fn start(client: redis::Client, connection: ConnectionManager, prefix: &str) -> Self {
        let (log, entries) = mpsc::unbounded_channel();
        let ended = CancellationToken::new();
        let prefix: Arc<str> = prefix.into();
        tokio::spawn(log::write(entries, connection.clone(), Arc::clone(&prefix)));
        let shared = Arc::new(Shared {
            client,
            connection,
            prefix,
            running: Mutex::default(),
            openings: AtomicU64::new(0),
            log,
            _listener: ended.clone().drop_guard(),
        });
        let listener = listen(Arc::downgrade(&shared));
        tokio::spawn(async move { ended.run_until_cancelled(listener).await });
        Self { shared }
    }

    /// Opens the stream of a task that `owner` may stop. The receiver may be dropped at any time.
    pub fn open(&self, id: Uuid, owner: Uuid) -> (Task, mpsc::UnboundedReceiver<Frame>) {
        let (client, frames) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let opening = self.shared.openings.fetch_add(1, Ordering::Relaxed);
        self.shared.running().insert(id, Running { opening, owner, stop: stop.clone() });
        (Task { shared: Arc::clone(&self.shared), id, opening, sent: 0, accounted: 0, held: None, goes_on: false, client, stop }, frames)
    }

    /// Opens the stream of a task again, behind event `last` or the last one of its log. With `after_crash` some events may
    /// have reached clients and not the log: numbers that they may have had are passed over.
    pub async fn reopen(&self, id: Uuid, owner: Uuid, last: u64, after_crash: bool) -> (Task, mpsc::UnboundedReceiver<Frame>) {
        let (mut task, frames) = self.open(id, owner);
        let logged = match self.last_number(id).await {
            Ok(number) => number.unwrap_or(0),
            Err(error) => {
                tracing::warn!(task.id = %id, %error, "the log of a task that goes on can't be read");
                0
            }
        };
        task.accounted = logged.max(last);
        task.sent = if after_crash { task.accounted + PASSED_OVER } else { task.accounted };
        (task, frames)
    }

    /// The number of the last event in a task's log; none when there is no log.
    pub async fn last_number(&self, task: Uuid) -> redis::RedisResult<Option<u64>> {
        let key = self.shared.key(format_args!("events:{task}"));
        let newest: redis::streams::StreamRangeReply = self.shared.connection.clone().xrevrange_count(key, "+", "-", 1).await?;
        Ok(newest.ids.first().and_then(|entry| entry.id.split('-').next()?.parse().ok()))
    }

    /// Asks whichever replica runs the task to stop it. A task that is unknown or somebody else's is left alone.
    pub async fn stop(&self, task: Uuid, owner: Uuid) {
        if self.shared.stop(task, owner) {
            return;
        }
        let mut connection = self.shared.connection.clone();
        let flag = self.shared.key(format_args!("stop:{task}"));
        let sent: redis::RedisResult<()> = redis::pipe()
            .set_ex(flag, owner.to_string(), STOP_FLAG_S)
            .ignore()
            .publish(self.shared.key("stop"), format!("{task} {owner}"))
            .ignore()
            .query_async(&mut connection)
            .await;
        if let Err(error) = sent {
            tracing::warn!(task.id = %task, %error, "could not pass on a stop request");
        }
    }

    /// Follows the log of a task from behind event `after`; none when there is no log (not begun, over for long, lost).
    pub async fn follow(&self, task: Uuid, after: u64) -> redis::RedisResult<Option<Follower>> {
        let key = self.shared.key(format_args!("events:{task}"));
        Follower::open(&self.shared.client, key, after).await
    }

    /// Takes one of `max` slots of `group` for `task`; none when all are taken. Without Redis there is no limit.
    pub async fn claim_slot(&self, group: Uuid, task: Uuid, max: u32) -> Option<Slot> {
        let key = self.shared.key(format_args!("active:{group}"));
        slots::claim(self.shared.connection.clone(), key, task, max).await
    }
}

/// The writing end of a task's stream. Dropping it ends the stream, and its log unless the task was left.
pub struct Task {
    shared: Arc<Shared>,
    pub id: Uuid,
    opening: u64,
    sent: u64,
    /// Every number up to this one is an event of the log or passed over.
    accounted: u64,
    /// What is kept from the log for now.
    held: Option<Vec<log::Entry>>,
    goes_on: bool,
    client: mpsc::UnboundedSender<Frame>,
    stop: CancellationToken,
}

impl Task {
    /// Keeps everything from the log until [`Task::open_log`]: a task that ends before has no log.
    pub fn hold_log(&mut self) {
        self.held.get_or_insert_default();
    }

    pub fn open_log(&mut self) {
        for entry in self.held.take().into_iter().flatten() {
            let _ = self.shared.log.send(entry);
        }
    }

    /// The task goes on later or elsewhere: its log has no end yet.
    pub fn leave(&mut self) {
        self.goes_on = true;
    }

    /// Number of the last event sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends one whole server-sent event (or several). Never waits.
    pub fn send(&mut self, bytes: Bytes) {
        self.sent += 1;
        let frame = Frame { number: self.sent, bytes };
        let first = self.accounted + 1;
        self.accounted = self.sent;
        // both may be gone: the client left, the process ends
        let entry = log::Entry { task: self.id, first, frame: frame.clone(), end: false };
        match &mut self.held {
            Some(held) => held.push(entry),
            None => _ = self.shared.log.send(entry),
        }
        let _ = self.client.send(frame);
    }

    /// Cancelled when the owner asked to stop.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let mut running = self.shared.running();
        if running.get(&self.id).is_some_and(|running| running.opening == self.opening) {
            running.remove(&self.id);
        }
        drop(running);
        if self.held.is_none() && !self.goes_on {
            let frame = Frame { number: self.sent, bytes: Bytes::new() };
            let _ = self.shared.log.send(log::Entry { task: self.id, first: self.sent, frame, end: true });
        }
    }
}

/// Hears stop requests of other replicas. Looks at the flags too: a message published while this was not connected is lost.
async fn listen(shared: Weak<Shared>) {
    loop {
        if let Err(error) = listen_once(&shared).await {
            tracing::debug!(%error, "the channel of stop requests broke; connecting again");
        }
        if shared.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn listen_once(shared: &Weak<Shared>) -> redis::RedisResult<()> {
    let Some(strong) = shared.upgrade() else { return Ok(()) };
    let (client, channel) = (strong.client.clone(), strong.key("stop"));
    drop(strong);
    let mut pubsub = client.get_async_pubsub().await?;
    pubsub.subscribe(channel).await?;
    let mut messages = pubsub.into_on_message();
    let mut poll = tokio::time::interval(STOP_POLL);
    loop {
        tokio::select! {
            message = messages.next() => {
                let (Some(message), Some(shared)) = (message, shared.upgrade()) else { return Ok(()) };
                let text: String = message.get_payload()?;
                if let Some((task, owner)) = text.split_once(' ').and_then(|(t, o)| Some((t.parse().ok()?, o.parse().ok()?))) {
                    shared.stop(task, owner);
                }
            }
            _ = poll.tick() => {
                let Some(shared) = shared.upgrade() else { return Ok(()) };
                check_flags(&shared).await?;
            }
        }
    }
}

async fn check_flags(shared: &Shared) -> redis::RedisResult<()> {
    let tasks: Vec<Uuid> = shared.running().keys().copied().collect();
    if tasks.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = tasks.iter().map(|task| shared.key(format_args!("stop:{task}"))).collect();
    let flags: Vec<Option<String>> = shared.connection.clone().mget(keys).await?;
    for (task, owner) in tasks.into_iter().zip(flags) {
        if let Some(owner) = owner.and_then(|o| o.parse().ok()) {
            shared.stop(task, owner);
        }
    }
    Ok(())
}
