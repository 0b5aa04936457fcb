//! Runs at work: a task each, which outlives the client that asked for it; and the claiming of runs that nobody works on.
//!
//! A run is committed before its first event is sent, each finished node before its successors start, the end before the
//! last event. When a process dies, its runs stop giving signs of life, and whichever process sees that first takes them
//! over: the same graph over the nodes that finished.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::db::{forms, runs};
use super::drafts;
use super::event::{NodeRecord, NodeStatus, RunEnd, RunEvent, RunStatus, StartReason, Summary};
use super::graph::Flow;
use super::mask::Mask;
use super::nested::Caller;
use super::record::{self, Ended, Paused, Progress, REPLICA, Recorder, STALE, Unrecorded};
use super::replay;
use super::run::{Limits, Run, RunOutcome, View};
use super::run_host::RunHost;
use super::run_row::NewRun;
use super::sent::{Send, SentText};
use super::server_host::ServerHost;
use super::teller::{Face, Teller};
use super::vars::{CONVERSATION, ENVIRONMENT, Pool, SYSTEM, Vars};
use super::version::Version;
use crate::error::{Code, Error, Result};
use crate::ids::{AppId, TaskId, WorkflowRunId, WorkspaceId};
use crate::live::{Frame, Slot, Task};
use crate::state::AppState;

/// How often what was sent is saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);
const CLAIM_EVERY: Duration = Duration::from_secs(1);
const CLAIMED_AT_ONCE: i64 = 32;
/// Resumptions that find no node more finished than the one before: then the run itself is what kills its processes.
const VAIN_RESUMPTIONS: i32 = 5;

/// A run that is about to begin.
pub struct Launch {
    pub run: Arc<NewRun>,
    pub version: Arc<Version>,
    /// As they stand.
    pub conversation_variables: Vars,
    pub face: Face,
    /// One of the app's places for running requests.
    pub slot: Option<Slot>,
    /// The caller reads events. Else a run that is over within a second needs no log of them.
    pub streams: bool,
    /// Of a run that begins in the middle: the nodes before, as an earlier run left them.
    pub kept: Vec<NodeRecord>,
}

/// A running run. Dropping it does not stop it.
pub struct Started {
    pub task_id: TaskId,
    pub frames: mpsc::UnboundedReceiver<Frame>,
    /// How it came out, and when; it breaks off when another process has taken the run over.
    pub outcome: oneshot::Receiver<RunOutcome>,
}

/// Commits the run and starts it.
pub async fn start(state: &AppState, launch: Launch) -> Result<Started> {
    let Launch { run, version, conversation_variables, face, slot, streams, kept } = launch;
    let flow = version.flow(run.entry_node_id.as_deref())?;
    let recorder = Recorder::of(state);
    if kept.is_empty() {
        recorder.begin(Arc::clone(&run)).await.map_err(unrecorded)?;
    } else {
        record::begin_in_the_middle(&state.db, &run, &kept).await?;
    }
    let (mut task, frames) = state.live.open(run.task_id.0, face.owner);
    if !streams {
        task.hold_log();
    }
    let (done, outcome) = oneshot::channel();
    let task_id = run.task_id;
    let work = Work::new(state, run, recorder, task, face.teller, SentText::default(), 0.0, done);
    let go = Go {
        pool: pool(&flow, &work.run.inputs, &version, conversation_variables),
        flow,
        finished: by_key(kept),
        reason: StartReason::Initial,
        mask: Arc::clone(&version.mask),
    };
    let host = work.host(face.history);
    tokio::spawn(async move {
        work.execute(go, host).await;
        drop(slot);
    });
    Ok(Started { task_id, frames, outcome })
}

fn unrecorded(error: Unrecorded) -> Error {
    match error {
        Unrecorded::Away => Error::unavailable("database", error),
        other => Error::internal(other),
    }
}

/// What a run works on: inputs under the entry's id, and the variables around them.
pub(super) fn pool(flow: &Flow, all: &Vars, version: &Version, conversation_variables: Vars) -> Pool {
    let (mut inputs, mut system) = (Vars::new(), Vars::new());
    for (name, value) in all {
        match name.strip_prefix(SYSTEM).and_then(|rest| rest.strip_prefix('.')) {
            Some(name) => system.insert(name.to_owned(), value.clone()),
            None => inputs.insert(name.clone(), value.clone()),
        };
    }
    let mut pool = Pool::default();
    pool.set_all(SYSTEM, Arc::new(system));
    pool.set_all(ENVIRONMENT, Arc::clone(&version.environment));
    pool.set_all(CONVERSATION, Arc::new(conversation_variables));
    pool.set_all(&flow.entry_node().id, Arc::new(inputs));
    for variable in &version.conversation_variables {
        pool.declare(CONVERSATION, &variable.name, &variable.value_type);
    }
    pool
}

/// What is executed.
struct Go {
    flow: Arc<Flow>,
    pool: Pool,
    finished: HashMap<String, Arc<NodeRecord>>,
    reason: StartReason,
    mask: Arc<Mask>,
}

/// One run in this process.
struct Work {
    state: AppState,
    run: Arc<NewRun>,
    recorder: Arc<Recorder>,
    task: Task,
    teller: Box<dyn Teller>,
    sent: SentText,
    /// Bytes of text and number of events at the last save.
    saved: (usize, u64),
    /// Of earlier processes.
    elapsed_s: f64,
    lost: CancellationToken,
    done: Option<oneshot::Sender<RunOutcome>>,
}

impl Work {
    #[expect(clippy::too_many_arguments, reason = "the parts of one thing, put together in two places")]
    fn new(
        state: &AppState,
        run: Arc<NewRun>,
        recorder: Arc<Recorder>,
        task: Task,
        teller: Box<dyn Teller>,
        sent: SentText,
        elapsed_s: f64,
        done: oneshot::Sender<RunOutcome>,
    ) -> Self {
        let saved = (sent.text().len(), task.sent());
        let lost = CancellationToken::new();
        Self { state: state.clone(), run, recorder, task, teller, sent, saved, elapsed_s, lost, done: Some(done) }
    }

    fn host(&self, history: Option<Arc<dyn super::teller::History>>) -> RunHost {
        RunHost {
            state: self.state.clone(),
            run: Arc::clone(&self.run),
            recorder: Arc::clone(&self.recorder),
            history,
            outside: ServerHost::new(&self.state, self.run.scope(), Caller::of_run(&self.run, self.lost.clone())),
            lost: self.lost.clone(),
        }
    }

    async fn execute(mut self, go: Go, host: RunHost) {
        let _alive = self.recorder.keep_alive(self.run.id);
        let (sender, events) = mpsc::unbounded_channel();
        let run = Run {
            run_id: self.run.id.0,
            flow: go.flow,
            pool: go.pool,
            limits: Limits::default(),
            host: Arc::new(host),
            finished: go.finished,
            reason: go.reason,
            stop: self.task.stop_token(),
            view: View { mask: go.mask, every_text: false },
        };
        let (lost, giving_up) = (self.lost.clone(), self.recorder.giving_up.clone());
        tokio::select! {
            biased;
            () = lost.cancelled() => {
                tracing::warn!(run.id = %self.run.id, "a workflow run is another process's now");
                self.task.leave();
            }
            () = giving_up.cancelled() => self.task.leave(),
            _ = async { tokio::join!(run.execute(sender), self.pump(events)) } => {}
        }
    }

    /// Tells and records what happens, in order, until the outcome.
    async fn pump(&mut self, mut events: mpsc::UnboundedReceiver<RunEvent>) {
        let mut save = tokio::time::interval_at(Instant::now() + SAVE_EVERY, SAVE_EVERY);
        save.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    None => return,
                    Some(RunEvent::Finished(end)) => return self.close(RunOutcome::Ended(end)).await,
                    Some(RunEvent::Paused { forms, outputs, summary }) => return self.close(RunOutcome::Paused { forms, outputs, summary }).await,
                    Some(RunEvent::Text { selector, text }) => {
                        let bytes = match self.sent.push(&text) {
                            Send::Nothing => None,
                            Send::Piece(piece) => self.teller.text(&selector, &piece),
                            Send::Replace(text) => self.teller.replace(&text),
                        };
                        self.send(bytes);
                    }
                    Some(event) => {
                        let bytes = self.teller.tell(&event);
                        self.send(bytes);
                    }
                },
                _ = save.tick() => self.save().await,
            }
        }
    }

    fn send(&mut self, bytes: Option<bytes::Bytes>) {
        if let Some(bytes) = bytes {
            self.task.send(bytes);
        }
    }

    async fn save(&mut self) {
        self.task.open_log();
        let now = (self.sent.text().len(), self.task.sent());
        if now != self.saved {
            self.saved = now;
            let (run_id, sent_text, last_event) = (self.run.id, self.sent.text().to_owned(), self.task.sent());
            self.recorder.progress(Progress { run_id, sent_text, last_event });
        }
        self.teller.beat().await;
    }

    /// Records how the run came out, then tells it.
    async fn close(&mut self, mut outcome: RunOutcome) {
        match &mut outcome {
            RunOutcome::Ended(end) => end.summary.elapsed_s += self.elapsed_s,
            RunOutcome::Paused { summary, .. } => summary.elapsed_s += self.elapsed_s,
        }
        let is_complete = match &outcome {
            RunOutcome::Ended(end) => matches!(end.status, RunStatus::Succeeded | RunStatus::PartialSucceeded),
            RunOutcome::Paused { .. } => true,
        };
        if is_complete && let Send::Replace(text) = self.sent.finish() {
            let bytes = self.teller.replace(&text);
            self.send(bytes);
        }
        // Its message is finished first: a run that is over is not taken up again.
        let mut last = Vec::new();
        if let RunOutcome::Paused { forms, .. } = &outcome {
            self.task.open_log();
            self.task.leave();
            last.extend(forms.iter().filter_map(|form| self.teller.tell(&RunEvent::HumanInputRequired(Arc::clone(form)))));
        }
        last.extend(self.teller.close(&outcome).await);
        let last_event = self.task.sent() + last.len() as u64;
        let run_id = self.run.id;
        let recorded = match &outcome {
            RunOutcome::Ended(end) => self.recorder.end(Ended { run_id, end: end.clone(), last_event, finished_at: Utc::now() }).await,
            RunOutcome::Paused { forms, summary, .. } => {
                let sent_text = self.sent.text().to_owned();
                self.recorder.pause(Paused { run_id, forms: forms.clone(), summary: summary.clone(), sent_text, last_event }).await
            }
        };
        if let Err(error) = recorded {
            // it is taken up again, here or elsewhere, and comes to its end there
            tracing::error!(run.id = %run_id, %error, "how a workflow run came out could not be recorded");
            return self.task.leave();
        }
        if self.run.is_of_draft()
            && let Err(error) = drafts::keep_run(&self.state, &self.run).await
        {
            tracing::warn!(run.id = %run_id, %error, "what the run of a draft gave could not be kept for its maker");
        }
        for bytes in last {
            self.task.send(bytes);
        }
        if let Some(done) = self.done.take() {
            // a streaming caller does not wait for it
            let _ = done.send(outcome);
        }
    }
}

/// Makes the face of a run that is taken up again, by its kind of app, from the text that was sent of it; and gives the
/// variables of its conversation.
pub type FaceOf = fn(AppState, Arc<NewRun>, Arc<Version>, String) -> BoxFuture<'static, Result<(Face, Vars)>>;

struct Wake(Notify);

/// Looks for runs to claim at once.
pub fn wake(state: &AppState) {
    state.parts.get(|| Wake(Notify::new())).0.notify_one();
}

/// Claims runs that nobody works on, as long as the process lives: scheduled ones, those whose form was settled, those whose
/// process died.
pub async fn work(state: AppState, face_of: FaceOf) {
    let wake = state.parts.get(|| Wake(Notify::new()));
    loop {
        match claim(&state, face_of).await {
            Ok(n) if n >= usize::try_from(CLAIMED_AT_ONCE).unwrap_or(usize::MAX) => continue,
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "workflow runs can't be claimed right now"),
        }
        tokio::select! {
            () = tokio::time::sleep(CLAIM_EVERY) => {}
            () = wake.0.notified() => {}
        }
    }
}

/// One look: closes forms whose time is up, takes up what is due. Gives the number of runs taken up.
pub async fn claim(state: &AppState, face_of: FaceOf) -> Result<usize> {
    let mut tx = state.db.begin().await?;
    forms::expire(&mut tx).await?;
    let rows = runs::claim(&mut tx, &REPLICA, STALE.as_secs_f64(), CLAIMED_AT_ONCE).await?;
    tx.commit().await?;
    let n = rows.len();
    for row in rows {
        // from now on it is ours
        let alive = Recorder::of(state).keep_alive(row.id);
        let state = state.clone();
        tokio::spawn(async move {
            let run_id = row.id;
            if let Err(error) = resume(&state, row, face_of).await {
                tracing::error!(run.id = %run_id, %error, "a workflow run could not be taken up");
                // a fault of the server may pass: the run stays without a sign of life, and is claimed again
                if !error.code.status().is_server_error() {
                    let end =
                        RunEnd { status: RunStatus::Failed, outputs: Vars::new(), error: Some(error.message), summary: Summary::default() };
                    let ended = Ended { run_id, end, last_event: 0, finished_at: Utc::now() };
                    if let Err(error) = Recorder::of(&state).end(ended).await {
                        tracing::error!(run.id = %run_id, %error, "how a workflow run came out could not be recorded");
                    }
                }
            }
            drop(alive);
        });
    }
    Ok(n)
}

async fn resume(state: &AppState, row: runs::Row, face_of: FaceOf) -> Result<()> {
    let run = Arc::new(row.begun());
    let version = version_of(state, &run).await?;
    let finished = finished_records(state, run.workspace_id, run.id).await?;
    let n_nodes = i32::try_from(finished.len()).unwrap_or(i32::MAX);
    let vain = runs::note_resumption(&state.db, run.workspace_id, run.id, n_nodes).await?;
    let (mut face, conversation_variables) = face_of(state.clone(), Arc::clone(&run), Arc::clone(&version), row.sent_text.clone()).await?;
    finished.iter().filter(|record| !replay::is_kept(record)).for_each(|record| face.teller.recall_node(record));
    let (task, sent) = if row.is_new {
        (state.live.open(run.task_id.0, face.owner).0, SentText::default())
    } else {
        let last = u64::try_from(row.last_event).unwrap_or_default();
        let (task, _) = state.live.reopen(run.task_id.0, face.owner, last, !row.was_paused).await;
        (task, SentText::after(row.sent_text, row.was_paused))
    };
    let (done, _) = oneshot::channel();
    let mut work = Work::new(state, Arc::clone(&run), Recorder::of(state), task, face.teller, sent, row.elapsed_s, done);
    let flow = if vain >= VAIN_RESUMPTIONS {
        Err(format!("The server broke down {vain} times at this point of the run; it is not tried again."))
    } else {
        version.flow(run.entry_node_id.as_deref()).map_err(|error| error.message)
    };
    match flow {
        Ok(flow) => {
            let reason = if row.is_new { StartReason::Initial } else { StartReason::Resumption };
            let finished = by_key(finished);
            let pool = pool(&flow, &run.inputs, &version, conversation_variables);
            let go = Go { pool, flow, finished, reason, mask: Arc::clone(&version.mask) };
            let host = work.host(face.history);
            work.execute(go, host).await;
        }
        Err(error) => {
            let summary = Summary { total_steps: n_nodes.unsigned_abs(), ..Summary::default() };
            work.close(RunOutcome::Ended(RunEnd { status: RunStatus::Failed, outputs: Vars::new(), error: Some(error), summary })).await;
        }
    }
    Ok(())
}

/// The nodes of a run that finished, in the order in which they began.
pub(super) async fn finished_records(state: &AppState, workspace_id: WorkspaceId, run_id: WorkflowRunId) -> Result<Vec<NodeRecord>> {
    let mut finished = Vec::new();
    for text in runs::list_records(&state.db, workspace_id, run_id).await? {
        let record: NodeRecord = serde_json::from_str(&text)
            .map_err(|error| Error::new(Code::AppUnavailable, format!("What a node gave can't be read any more: {error}.")))?;
        if matches!(record.status, NodeStatus::Succeeded | NodeStatus::Exception) {
            finished.push(record);
        }
    }
    Ok(finished)
}

fn by_key(records: Vec<NodeRecord>) -> HashMap<String, Arc<NodeRecord>> {
    records.into_iter().map(|record| (record.key.clone(), Arc::new(record))).collect()
}

/// The version that a run began with. One that is gone reads as an empty one: its run fails and says so.
async fn version_of(state: &AppState, run: &NewRun) -> Result<Arc<Version>> {
    if let Some(config) = &run.draft_config {
        return Version::open(state, run.workspace_id, None, config.clone()).map(Arc::new);
    }
    let version = match run.version_id {
        Some(id) => Version::load(state, run.workspace_id, run.app_id, id).await?,
        None => None,
    };
    match version {
        Some(version) => Ok(version),
        None => Version::read(None, Value::Null).map(Arc::new),
    }
}

/// Stops working on every run of this process, so that other processes take them up at once.
pub async fn give_up(state: &AppState) {
    Recorder::of(state).giving_up.cancel();
    match runs::release(&state.db, &REPLICA).await {
        Ok(0) => {}
        Ok(n) => tracing::info!(runs = n, "workflow runs are left for the next process"),
        Err(error) => tracing::warn!(%error, "workflow runs could not be handed on; they are taken up when they are missed"),
    }
}

/// Stops a run that waits, for people or for a process.
pub async fn stop_waiting(state: &AppState, workspace_id: WorkspaceId, app_id: AppId, task_id: TaskId) -> Result<()> {
    runs::stop_waiting(&state.db, workspace_id, app_id, task_id).await?;
    Ok(())
}

/// The JSON of a stored form list.
pub fn stored_forms(forms: Option<&Value>) -> Vec<Arc<super::event::Form>> {
    forms.and_then(|forms| serde_json::from_value(forms.clone()).ok()).unwrap_or_default()
}
