//! Chatflows (advanced-chat): a question answered by a run of the app's workflow.
//!
//! The run is `workflows`'; here are the message around it, its events, the conversation's past and its variables. The
//! message's last state is committed before the run's, so that a process that dies in between loses neither.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::db::{conversations, messages};
use super::events::{EventWriter, Metadata};
use super::generate::{self, Answer, App, Ask, FINISH_PATIENCE, FinishedRow, Kept};
use super::{Caller, naming};
use crate::apps::moderation::OutputWatch;
use crate::apps::{AppHead, RunnableApp};
use crate::catalog::Usage;
use crate::engine::request::{Detail, Message, Role};
use crate::error::{Code, Error, Result};
use crate::files::{self, Side};
use crate::ids::{ConversationId, MessageId, TaskId, WorkflowRunId, WorkspaceId};
use crate::live::Frame;
use crate::state::AppState;
use crate::workflows::begin::{self, Question};
use crate::workflows::event::{Form, MODEL_CALL, NodeRecord, RunEvent, RunStatus, Summary};
use crate::workflows::job::{self, Launch};
use crate::workflows::replay::Replay;
use crate::workflows::run::RunOutcome;
use crate::workflows::run_row::{Creator, NewRun, Source};
use crate::workflows::teller::{Face, History, Teller};
use crate::workflows::vars::{Selector, Vars};
use crate::workflows::version::{ConversationVariable, Version};
use crate::workflows::wire::{self, Wire};

/// Exchanges that a node may look back on when it sets no window.
const HISTORY_LIMIT: u32 = 200;

/// A running answer. Dropping it does not stop it.
pub struct Started {
    pub message_id: MessageId,
    pub conversation_id: Option<ConversationId>,
    pub task_id: TaskId,
    /// Unix seconds
    pub created_at: i64,
    pub frames: mpsc::UnboundedReceiver<Frame>,
    pub run_id: Option<WorkflowRunId>,
    outcome: Outcome,
}

enum Outcome {
    Canned(oneshot::Receiver<Result<Answer>>),
    Run { told: oneshot::Receiver<Told>, outcome: oneshot::Receiver<RunOutcome> },
}

/// What a blocking caller gets.
pub enum Told {
    Answer(Box<Answer>),
    Failed(Error),
    Paused { answer: String, forms: Vec<Arc<Form>>, summary: Summary },
}

impl Started {
    /// How it came out.
    pub async fn told(self) -> Result<Told> {
        let broken = |_| Error::internal(anyhow::anyhow!("the answering task broke off"));
        match self.outcome {
            Outcome::Canned(answer) => answer.await.map_err(broken)?.map(|answer| Told::Answer(Box::new(answer))),
            Outcome::Run { told, outcome } => {
                // only then is it recorded
                outcome.await.map_err(broken)?;
                told.await.map_err(broken)
            }
        }
    }
}

/// Who asks, through which door; of a draft, the draft.
pub struct Asker {
    pub caller: Caller,
    pub creator: Creator,
    pub source: Source,
    pub draft_config: Option<Value>,
    /// Where the run begins in the middle of an earlier one.
    pub replay: Option<Replay>,
}

pub async fn start(state: &AppState, head: &AppHead, version: Arc<Version>, asker: Asker, ask: Ask) -> Result<Started> {
    let flow = version.flow(None)?;
    drop(flow);
    let app = App {
        app: RunnableApp {
            id: head.id,
            workspace_id: head.workspace_id,
            name: head.name.clone(),
            mode: head.mode,
            version_id: version.id,
            config: Value::Null,
            max_active_requests: 0,
            annotation_reply: head.annotation_reply.clone(),
        },
        // what an earlier run was asked is not asked for again
        config: if asker.replay.is_some() { version.features.clone().without_form() } else { version.features.clone() },
        max_active_requests: if asker.draft_config.is_none() { head.max_active_requests } else { 0 },
    };
    let mut prepared = generate::prepare(state, &app, &asker.caller, ask).await?;
    if let Some(replay) = &asker.replay {
        prepared.inputs = replay.form();
    }
    if let Some(canned) = prepared.canned(state, &app).await? {
        let started = generate::begin(state, &app, &asker.caller, prepared, canned).await?;
        return Ok(Started {
            message_id: started.message_id,
            conversation_id: started.conversation_id,
            task_id: started.task_id,
            created_at: started.created_at,
            frames: started.frames,
            run_id: None,
            outcome: Outcome::Canned(started.outcome),
        });
    }
    let inserted = prepared.insert(state, &app, &asker.caller, None).await?;
    let conversation_id = inserted.conversation_id.ok_or_else(|| Error::internal(anyhow::anyhow!("a chatflow has conversations")))?;
    let begun = begin(state, &version, asker, &app, &mut prepared, conversation_id, inserted.created_at, inserted.naming).await;
    begun.inspect_err(|error| {
        // the question stands, and says why it has no answer
        let row = FinishedRow {
            state: state.clone(),
            workspace_id: app.workspace_id,
            id: prepared.message_id,
            answer: String::new(),
            status: "error",
            error: Some((error.code.as_str(), error.message.clone())),
            usage: Usage::default(),
            metadata: json!({}),
            annotation_id: None,
            kept: Kept::default(),
            trace: Vec::new(),
        };
        tokio::spawn(row.write());
    })
}

#[expect(clippy::too_many_arguments, reason = "the second half of one function")]
async fn begin(
    state: &AppState,
    version: &Arc<Version>,
    asker: Asker,
    app: &App,
    prepared: &mut generate::Prepared,
    conversation_id: ConversationId,
    created_at: i64,
    naming: Option<naming::Job>,
) -> Result<Started> {
    let conversation_variables = variables(state, app.workspace_id, conversation_id, &version.conversation_variables).await?;
    let turn = conversations::count_messages(&state.db, app.workspace_id, conversation_id).await?;
    let question = Question {
        query: prepared.query.clone(),
        files: prepared.files.iter().map(|file| file.output_json(state, app.workspace_id)).collect(),
        conversation_id: Some(conversation_id),
        dialogue_count: turn.into(),
    };
    let of = (app.workspace_id, app.id, version.id);
    let mut run = begin::chatflow_run(of, asker.draft_config, asker.creator, asker.source, prepared.inputs.clone(), question);
    run.message_id = Some(prepared.message_id);
    run.task_id = prepared.task_id;
    let mut kept = Vec::new();
    if let Some(replay) = asker.replay {
        run.inputs = replay.inputs(&run.inputs);
        kept = replay.records_of(run.id);
    }
    let run = Arc::new(run);
    let id = run.id;
    let (told, outcome_told) = oneshot::channel();
    let mut teller = ChatTeller::new(state, &run, created_at, version);
    teller.started = prepared.started;
    teller.naming = naming;
    teller.told = Some(told);
    let face = face(state, &run, teller, asker.caller.id(), version);
    let slot = prepared.slot.take();
    let launch = Launch { run, version: Arc::clone(version), conversation_variables, face, slot, streams: true, kept };
    let started = job::start(state, launch).await?;
    // from here on the run answers for the message
    messages::leave_to_run(&state.db, app.workspace_id, prepared.message_id).await?;
    Ok(Started {
        message_id: prepared.message_id,
        conversation_id: Some(conversation_id),
        task_id: prepared.task_id,
        created_at,
        frames: started.frames,
        run_id: Some(id),
        outcome: Outcome::Run { told: outcome_told, outcome: started.outcome },
    })
}

/// The conversation's variables as they stand; those that it lacks are made.
async fn variables(
    state: &AppState,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    declared: &[ConversationVariable],
) -> Result<Vars> {
    if declared.is_empty() {
        return Ok(Vars::new());
    }
    conversations::add_variables(&state.db, workspace_id, conversation_id, declared).await?;
    let mut rows = conversations::list_variables(&state.db, workspace_id, conversation_id, None, None, 10_000).await?;
    rows.retain(|row| declared.iter().any(|variable| variable.name == row.name));
    Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
}

fn face(state: &AppState, run: &NewRun, teller: ChatTeller, owner: uuid::Uuid, version: &Version) -> Face {
    let history = ConversationHistory {
        state: state.clone(),
        workspace_id: run.workspace_id,
        conversation_id: run.conversation_id,
        message_id: run.message_id,
        detail: version.features.file_upload.rules().map_or(Detail::High, |rules| rules.detail),
    };
    Face { teller: Box::new(teller), history: Some(Arc::new(history)), owner }
}

/// The face of a run that is taken up again, and the variables of its conversation.
pub fn face_of(state: AppState, run: Arc<NewRun>, version: Arc<Version>, sent_text: String) -> BoxFuture<'static, Result<(Face, Vars)>> {
    Box::pin(async move {
        let (Some(message_id), Some(conversation_id)) = (run.message_id, run.conversation_id) else {
            return Ok((Face::of_workflow(&run), Vars::new()));
        };
        let created_at = messages::reopen(&state.db, run.workspace_id, message_id).await?.unwrap_or(run.created_at);
        let conversation_variables = variables(&state, run.workspace_id, conversation_id, &version.conversation_variables).await?;
        let mut teller = ChatTeller::new(&state, &run, created_at.timestamp(), &version);
        teller.recall(&sent_text);
        let owner = run.creator.end_user_id().map(|id| id.0).or(run.creator.account_id().map(|id| id.0)).unwrap_or_default();
        Ok((face(&state, &run, teller, owner, &version), conversation_variables))
    })
}

/// What a node's model took and wrote, where the node tells.
pub(super) fn usage_of(record: &NodeRecord) -> Option<Usage> {
    let usage = record.outputs.get("usage").or_else(|| record.process_data.get("usage"))?;
    let mut usage: Usage = serde_json::from_value(usage.clone()).ok()?;
    if let Some(detail) = record.metadata.get(MODEL_CALL) {
        usage.detail = serde_json::from_value(detail.clone()).unwrap_or_default();
    }
    Some(usage)
}

/// The events and the message of a run.
struct ChatTeller {
    state: AppState,
    workspace_id: WorkspaceId,
    message_id: MessageId,
    wire: Wire,
    events: EventWriter,
    answer: String,
    watch: Option<OutputWatch>,
    /// The preset text took the answer's place.
    is_moderated: bool,
    metadata: Metadata,
    usage: Usage,
    started: Instant,
    first_text: Option<Instant>,
    saved_bytes: usize,
    saving: Option<JoinHandle<()>>,
    naming: Option<naming::Job>,
    told: Option<oneshot::Sender<Told>>,
}

impl ChatTeller {
    fn new(state: &AppState, run: &NewRun, created_at: i64, version: &Version) -> Self {
        let message_id = run.message_id.unwrap_or(MessageId(run.id.0));
        Self {
            state: state.clone(),
            workspace_id: run.workspace_id,
            message_id,
            wire: Wire::of_chat(run, created_at),
            events: EventWriter::new(run.conversation_id, message_id, run.task_id, created_at),
            answer: String::new(),
            watch: version.features.sensitive_word_avoidance.watch_output(),
            is_moderated: false,
            metadata: Metadata::default(),
            usage: Usage::default(),
            started: Instant::now(),
            first_text: None,
            saved_bytes: 0,
            saving: None,
            naming: None,
            told: None,
        }
    }

    /// What was sent by an earlier process.
    fn recall(&mut self, text: &str) {
        if let Some(preset) = self.watch.as_mut().and_then(|watch| watch.push(text)) {
            self.answer = preset.to_owned();
            self.is_moderated = true;
        } else {
            text.clone_into(&mut self.answer);
        }
        self.saved_bytes = self.answer.len();
    }

    /// Tokens, reasoning and citations of a node.
    fn account(&mut self, record: &NodeRecord) {
        match usage_of(record) {
            Some(usage) => self.usage.add(&usage),
            None => self.usage.total_tokens += u32::try_from(record.usage.total_tokens).unwrap_or(u32::MAX),
        }
        if record.start.node_type == "knowledge-retrieval" {
            for item in record.outputs.get("result").and_then(Value::as_array).into_iter().flatten() {
                let mut resource = item.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
                for key in ["title", "content", "files", "summary"] {
                    resource.insert(key.into(), item.get(key).cloned().unwrap_or_default());
                }
                resource.insert("position".into(), json!(self.metadata.retriever_resources.len() + 1));
                self.metadata.retriever_resources.push(Value::Object(resource));
            }
        }
    }

    async fn saved(&mut self) {
        if let Some(saving) = self.saving.take() {
            // its write must not come after the last one
            let _ = saving.await;
        }
    }

    async fn finish(&mut self, status: &'static str, error: Option<&Error>, metadata: &Metadata) {
        let row = FinishedRow {
            state: self.state.clone(),
            workspace_id: self.workspace_id,
            id: self.message_id,
            answer: self.answer.replace('\0', ""),
            status,
            error: error.map(|error| (error.code.as_str(), error.message.clone())),
            usage: metadata.usage.clone().unwrap_or_default(),
            metadata: serde_json::to_value(metadata).unwrap_or_default(),
            annotation_id: None,
            kept: Kept::default(),
            trace: Vec::new(),
        };
        // it goes on trying when the database is away for longer
        let _ = tokio::time::timeout(FINISH_PATIENCE, tokio::spawn(row.write())).await;
    }

    fn tell_caller(&mut self, told: impl FnOnce(&mut Self) -> Told) {
        if let Some(sender) = self.told.take() {
            let told = told(self);
            // a streaming caller does not wait for it
            let _ = sender.send(told);
        }
    }
}

#[async_trait]
impl Teller for ChatTeller {
    fn tell(&mut self, event: &RunEvent) -> Option<Bytes> {
        match event {
            RunEvent::NodeFinished(record) => self.account(record),
            RunEvent::Reasoning { node_id, text, .. } => {
                let all = self.metadata.reasoning.entry(node_id.clone()).or_insert_with(|| Value::String(String::new()));
                if let Value::String(all) = all {
                    all.push_str(text);
                }
            }
            _ => {}
        }
        self.wire.event(event)
    }

    fn recall_node(&mut self, record: &NodeRecord) {
        self.account(record);
    }

    fn text(&mut self, selector: &Selector, piece: &str) -> Option<Bytes> {
        if self.is_moderated {
            return None;
        }
        self.first_text.get_or_insert_with(Instant::now);
        if let Some(preset) = self.watch.as_mut().and_then(|watch| watch.push(piece)) {
            self.answer = preset.to_owned();
            self.is_moderated = true;
            return Some(self.events.message_replace(&self.answer, "output_moderation"));
        }
        self.answer.push_str(piece);
        Some(self.events.message_from(&selector.0, piece))
    }

    fn replace(&mut self, text: &str) -> Option<Bytes> {
        if self.is_moderated {
            return None;
        }
        text.clone_into(&mut self.answer);
        Some(self.events.message_replace(text, ""))
    }

    async fn beat(&mut self) {
        // a slow database must not hold the stream up
        if self.answer.len() != self.saved_bytes && self.saving.as_ref().is_none_or(JoinHandle::is_finished) {
            self.saved_bytes = self.answer.len();
            let (state, workspace_id, id, text) = (self.state.clone(), self.workspace_id, self.message_id, self.answer.replace('\0', ""));
            self.saving = Some(tokio::spawn(async move {
                if let Err(error) = messages::save_answer(&state.db, workspace_id, id, &text).await {
                    tracing::warn!(message.id = %id, %error, "a running answer could not be saved");
                }
            }));
        }
    }

    async fn close(&mut self, outcome: &RunOutcome) -> Vec<Bytes> {
        self.saved().await;
        let mut usage = self.usage.clone();
        usage.latency = self.started.elapsed().as_secs_f64();
        usage.time_to_first_token = self.first_text.map(|first| (first - self.started).as_secs_f64());
        usage.time_to_generate = self.first_text.map(|first| first.elapsed().as_secs_f64());
        let metadata = Metadata { usage: Some(usage), ..self.metadata.clone() };
        let end = match outcome {
            RunOutcome::Paused { forms, summary, .. } => {
                let answer = self.answer.replace('\0', "");
                let metadata = serde_json::to_value(&metadata).unwrap_or_default();
                if let Err(error) = messages::pause(&self.state.db, self.workspace_id, self.message_id, &answer, &metadata).await {
                    tracing::warn!(message.id = %self.message_id, %error, "a waiting answer could not be saved");
                }
                self.tell_caller(|teller| Told::Paused { answer: teller.answer.clone(), forms: forms.clone(), summary: summary.clone() });
                return vec![self.wire.paused(forms, summary)];
            }
            RunOutcome::Ended(end) => end,
        };
        let finished = self.wire.finished(end, Utc::now().timestamp());
        let message_end = self.events.message_end_with(&metadata, &wire::files(&end.outputs));
        match end.status {
            RunStatus::Failed => {
                let error = Error::new(Code::InvalidParam, wire::run_failed(end.error.as_deref()));
                self.finish("error", Some(&error), &metadata).await;
                let event = self.events.error(&error);
                self.tell_caller(|_| Told::Failed(error));
                vec![finished, event]
            }
            RunStatus::Stopped => {
                self.finish("stopped", None, &metadata).await;
                self.tell_caller(|teller| Told::Answer(Box::new(Answer { text: teller.answer.clone(), metadata })));
                vec![finished, message_end]
            }
            _ => {
                self.finish("normal", None, &metadata).await;
                if let Some(job) = self.naming.take() {
                    let (state, answer) = (self.state.clone(), self.answer.clone());
                    tokio::spawn(async move { naming::run(&state, job, &answer).await });
                }
                self.tell_caller(|teller| Told::Answer(Box::new(Answer { text: teller.answer.clone(), metadata })));
                vec![message_end, finished]
            }
        }
    }
}

/// Past exchanges of a conversation, without the one that is being answered.
struct ConversationHistory {
    state: AppState,
    workspace_id: WorkspaceId,
    conversation_id: Option<ConversationId>,
    message_id: Option<MessageId>,
    detail: Detail,
}

#[async_trait]
impl History for ConversationHistory {
    async fn messages(&self, window: Option<u32>) -> Result<Vec<Message>> {
        let Some(conversation_id) = self.conversation_id else { return Ok(Vec::new()) };
        let limit = window.unwrap_or(HISTORY_LIMIT).min(HISTORY_LIMIT);
        // one more: it may be the one that is being answered
        let mut exchanges = messages::list_exchanges(&self.state.db, self.workspace_id, conversation_id, i64::from(limit) + 1).await?;
        exchanges.retain(|exchange| Some(exchange.id) != self.message_id);
        exchanges.truncate(limit as usize);
        exchanges.reverse();
        let ids: Vec<_> = exchanges.iter().map(|exchange| exchange.id).collect();
        let mut media = files::seen_of_messages(&self.state, self.workspace_id, &ids, Side::Question, self.detail).await?;
        let mut past = Vec::with_capacity(2 * exchanges.len());
        for exchange in exchanges {
            let mut question = Message::text(Role::User, exchange.query);
            question.content.extend(media.remove(&exchange.id).unwrap_or_default());
            past.extend([question, Message::text(Role::Assistant, exchange.answer)]);
        }
        Ok(past)
    }
}
