//! The recorder: what all runs of this process write goes through one task, which gathers it and writes many runs' rows in
//! one transaction. Each caller waits until its own part is committed.
//!
//! A short run writes a handful of rows; committing each by itself would cost more than running it. While one transaction
//! is under way the next one fills up, so that the number of transactions follows the database's speed and not the load's.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::db::batch::{self, NodeRow, SetVariable};
use super::event::{Form, NodeRecord, RunEnd, Summary};
use super::run_row::NewRun;
use super::vars::CONVERSATION;
use crate::ids::WorkflowRunId;
use crate::state::AppState;

/// Writes of one transaction.
const BATCH: usize = 512;
/// Signs of life; a run without one for [`STALE`] is taken over.
const BEAT_EVERY: Duration = Duration::from_secs(1);
pub const STALE: Duration = Duration::from_secs(5);
/// How long a write is tried while the database is away.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names this process in the rows of the runs that it works on.
pub static REPLICA: LazyLock<String> = LazyLock::new(|| format!("{}-{}", std::process::id(), Uuid::new_v4().simple()));

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub run_id: WorkflowRunId,
    pub end: RunEnd,
    pub last_event: u64,
    pub finished_at: DateTime<Utc>,
}

/// A run that waits for people.
#[derive(Debug)]
pub struct Paused {
    pub run_id: WorkflowRunId,
    pub forms: Vec<Arc<Form>>,
    pub summary: Summary,
    pub sent_text: String,
    pub last_event: u64,
}

/// What a running run has sent.
#[derive(Debug)]
pub struct Progress {
    pub run_id: WorkflowRunId,
    pub sent_text: String,
    pub last_event: u64,
}

#[derive(Debug)]
enum Write {
    Start(Arc<NewRun>),
    Node { row: NodeRow, variables: Vec<SetVariable> },
    Progress(Progress),
    Pause(Paused),
    End(Ended),
}

impl Write {
    fn run_id(&self) -> Uuid {
        match self {
            Self::Start(run) => run.id.0,
            Self::Node { row, .. } => row.run_id.0,
            Self::Progress(progress) => progress.run_id.0,
            Self::Pause(pause) => pause.run_id.0,
            Self::End(end) => end.run_id.0,
        }
    }
}

/// Why something was not recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unrecorded {
    #[error("another process has taken the run over")]
    Lost,
    #[error("the database refused it: {0}")]
    Refused(Arc<sqlx::Error>),
    #[error("the database is away")]
    Away,
}

struct Entry {
    write: Write,
    done: oneshot::Sender<Result<(), Unrecorded>>,
}

/// One per process; see [`Recorder::of`].
pub struct Recorder {
    writes: mpsc::UnboundedSender<Entry>,
    active: Arc<Mutex<HashSet<Uuid>>>,
    /// Cancelled when this process gives its runs up.
    pub giving_up: CancellationToken,
    _beating: DropGuard,
}

impl Recorder {
    /// This process's.
    pub fn of(state: &AppState) -> Arc<Self> {
        state.parts.get(|| Self::start(state.db.clone()))
    }

    fn start(db: PgPool) -> Self {
        let (writes, entries) = mpsc::unbounded_channel();
        let active = Arc::new(Mutex::new(HashSet::new()));
        let ended = CancellationToken::new();
        tokio::spawn(write(db.clone(), entries));
        let beating = beat(db, Arc::clone(&active));
        let token = ended.clone();
        tokio::spawn(async move { token.run_until_cancelled(beating).await });
        Self { writes, active, giving_up: CancellationToken::new(), _beating: ended.drop_guard() }
    }

    /// A run that begins here.
    pub async fn begin(&self, run: Arc<NewRun>) -> Result<(), Unrecorded> {
        self.put(Write::Start(run)).await
    }

    /// Gives signs of life of a run until the guard is dropped.
    pub fn keep_alive(&self, run_id: WorkflowRunId) -> Alive {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).insert(run_id.0);
        Alive { active: Arc::clone(&self.active), run_id }
    }

    /// A node that finished, with the conversation variables that it set.
    pub async fn node(&self, run: &NewRun, record: &NodeRecord) -> Result<(), Unrecorded> {
        let sets = record.writes.iter().filter(|set| set.selector.node() == CONVERSATION);
        let variables = sets.filter_map(|set| {
            let (name, value) = (set.selector.variable().to_owned(), set.value.clone());
            Some(SetVariable { workspace_id: run.workspace_id, conversation_id: run.conversation_id?, name, value })
        });
        // written out here and not by the one task that writes for all
        let row = NodeRow::new(run.workspace_id, run.id, record);
        self.put(Write::Node { row, variables: variables.collect() }).await
    }

    /// Does not wait: the next one says more.
    pub fn progress(&self, progress: Progress) {
        let (done, _) = oneshot::channel();
        let _ = self.writes.send(Entry { write: Write::Progress(progress), done });
    }

    pub async fn pause(&self, paused: Paused) -> Result<(), Unrecorded> {
        self.put(Write::Pause(paused)).await
    }

    pub async fn end(&self, ended: Ended) -> Result<(), Unrecorded> {
        self.put(Write::End(ended)).await
    }

    async fn put(&self, write: Write) -> Result<(), Unrecorded> {
        let (done, result) = oneshot::channel();
        let sent = self.writes.send(Entry { write, done });
        if sent.is_err() {
            return Err(Unrecorded::Away);
        }
        result.await.unwrap_or(Err(Unrecorded::Away))
    }
}

/// A run that this process works on.
pub struct Alive {
    active: Arc<Mutex<HashSet<Uuid>>>,
    run_id: WorkflowRunId,
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run_id.0);
    }
}

async fn beat(db: PgPool, active: Arc<Mutex<HashSet<Uuid>>>) {
    let mut tick = tokio::time::interval(BEAT_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let runs: Vec<Uuid> = active.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        if runs.is_empty() {
            continue;
        }
        let beaten = async { batch::beat(&mut *db.acquire().await?, &REPLICA, &runs).await };
        if let Err(error) = beaten.await {
            tracing::warn!(%error, runs = runs.len(), "running workflows could not give a sign of life");
        }
    }
}

async fn write(db: PgPool, mut entries: mpsc::UnboundedReceiver<Entry>) {
    let mut gathered = Vec::with_capacity(BATCH);
    while entries.recv_many(&mut gathered, BATCH).await > 0 {
        // what is ready to be written joins in
        tokio::task::yield_now().await;
        while gathered.len() < BATCH {
            let Ok(entry) = entries.try_recv() else { break };
            gathered.push(entry);
        }
        write_all(&db, &mut gathered).await;
    }
}

async fn write_all(db: &PgPool, entries: &mut Vec<Entry>) {
    let writes: Vec<&Write> = entries.iter().map(|entry| &entry.write).collect();
    match patiently(db, &writes).await {
        Ok(own) => {
            for entry in entries.drain(..) {
                let result = if own.contains(&entry.write.run_id()) { Ok(()) } else { Err(Unrecorded::Lost) };
                let _ = entry.done.send(result);
            }
        }
        Err(Unrecorded::Refused(_)) if entries.len() > 1 => {
            // one that the database refuses must not take the others along
            for entry in entries.drain(..) {
                let result = match patiently(db, &[&entry.write]).await {
                    Ok(own) if own.contains(&entry.write.run_id()) => Ok(()),
                    Ok(_) => Err(Unrecorded::Lost),
                    Err(error) => Err(error),
                };
                let _ = entry.done.send(result);
            }
        }
        Err(error) => {
            for entry in entries.drain(..) {
                let _ = entry.done.send(Err(error.clone()));
            }
        }
    }
}

/// Tries again while the database is away.
async fn patiently(db: &PgPool, writes: &[&Write]) -> Result<HashSet<Uuid>, Unrecorded> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        let error = match transaction(db, writes).await {
            Ok(own) => return Ok(own),
            Err(error) => error,
        };
        match &error {
            sqlx::Error::PoolClosed => return Err(Unrecorded::Away),
            // shutting down or starting; two replicas in each other's way
            sqlx::Error::Database(refusal) if !refusal.code().is_some_and(|code| code.starts_with("57P") || code == "40P01") => {
                return Err(Unrecorded::Refused(Arc::new(error)));
            }
            _ if started.elapsed() > PATIENCE => return Err(Unrecorded::Away),
            _ => tracing::warn!(%error, writes = writes.len(), "workflow runs can't be recorded; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// Gives the runs that are this process's.
async fn transaction(db: &PgPool, writes: &[&Write]) -> sqlx::Result<HashSet<Uuid>> {
    let (mut starts, mut nodes, mut variables, mut progress, mut pauses, mut ends) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::Start(run) => starts.push(&**run),
            Write::Node { row, variables: set } => {
                nodes.push(row);
                variables.extend(set.iter().map(|set| (row.run_id.0, set)));
            }
            Write::Progress(saved) => progress.push(saved),
            Write::Pause(pause) => pauses.push(pause),
            Write::End(end) => ends.push(end),
        }
    }
    newest_only(&mut nodes, |row| row.id);
    newest_only(&mut variables, |(_, set)| (set.conversation_id, set.name.as_str()));
    newest_only(&mut progress, |saved| saved.run_id);

    let mut own = HashSet::new();
    let mut tx = db.begin().await?;
    if !starts.is_empty() {
        batch::insert_running(&mut tx, &REPLICA, &starts).await?;
        own.extend(starts.iter().map(|run| run.id.0));
    }
    if !nodes.is_empty() {
        own.extend(batch::insert_nodes(&mut tx, &REPLICA, &nodes).await?);
    }
    let variables: Vec<_> = variables.into_iter().filter(|(run, _)| own.contains(run)).map(|(_, set)| set).collect();
    if !variables.is_empty() {
        batch::set_variables(&mut tx, &variables).await?;
    }
    if !progress.is_empty() {
        batch::save_progress(&mut tx, &REPLICA, &progress).await?;
    }
    if !pauses.is_empty() {
        own.extend(batch::pause(&mut tx, &REPLICA, &pauses).await?);
    }
    if !ends.is_empty() {
        own.extend(batch::end(&mut tx, &REPLICA, &ends).await?);
    }
    tx.commit().await?;
    Ok(own)
}

/// One row a key: a statement must not touch a row twice.
fn newest_only<T, K: std::hash::Hash + Eq>(rows: &mut Vec<T>, key: impl Fn(&T) -> K) {
    if rows.len() < 2 {
        return;
    }
    let mut seen = HashSet::new();
    let mut kept: Vec<T> = rows.drain(..).rev().filter(|row| seen.insert(key(row))).collect();
    kept.reverse();
    *rows = kept;
}

/// The value for the caller's error log.
impl Unrecorded {
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost)
    }
}

/// Inserts a run that begins here, with nodes that it need not run: all of it or nothing.
pub async fn begin_in_the_middle(db: &PgPool, run: &NewRun, kept: &[NodeRecord]) -> sqlx::Result<()> {
    let rows: Vec<NodeRow> = kept.iter().map(|record| NodeRow::new(run.workspace_id, run.id, record)).collect();
    let mut tx = db.begin().await?;
    batch::insert_running(&mut tx, &REPLICA, &[run]).await?;
    batch::insert_nodes(&mut tx, &REPLICA, &rows.iter().collect::<Vec<_>>()).await?;
    tx.commit().await
}

/// Inserts a run that whichever process is free begins: for triggers, in the transaction of what triggered it.
pub async fn schedule(tx: &mut sqlx::PgConnection, run: &NewRun) -> sqlx::Result<()> {
    batch::insert_scheduled(tx, &[run]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_key_is_kept() {
        let mut rows = vec![("a", 1), ("b", 1), ("a", 2), ("c", 1)];
        newest_only(&mut rows, |row| row.0);
        assert_eq!(rows, [("b", 1), ("a", 2), ("c", 1)]);
    }

    #[test]
    fn a_write_names_its_run() {
        let run_id = WorkflowRunId::new();
        let progress = Write::Progress(Progress { run_id, sent_text: String::new(), last_event: 0 });
        assert_eq!(progress.run_id(), run_id.0);
    }
}
