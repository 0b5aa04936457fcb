//! A chatflow as a model: a run over the conversation that the caller holds. The run is recorded; there is no conversation and no
//! message of it.

use std::sync::Arc;

use async_stream::stream;
use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::as_model::{Asked, Conversation, FlowCall};
use super::chatflow::usage_of;
use super::prompt::Turn;
use crate::apps::{self, AppHead};
use crate::engine::request::{Done, Event, FinishReason, Message, Part, Role, Usage};
use crate::error::{Code, Error, Result};
use crate::files::{self, Owner, Scope};
use crate::ids::TaskId;
use crate::state::AppState;
use crate::workflows::begin::{self, Question};
use crate::workflows::event::{NodeRecord, RunEnd, RunEvent, RunStatus};
use crate::workflows::job::{self, Launch, Started};
use crate::workflows::run::RunOutcome;
use crate::workflows::run_row::{Creator, NewRun, Source};
use crate::workflows::teller::{Face, History, Teller};
use crate::workflows::vars::Selector;
use crate::workflows::wire;

/// Starts a run that answers the conversation's question.
pub(super) async fn ask(state: &AppState, head: &AppHead, conversation: Conversation, inputs: Map<String, Value>) -> Result<Asked> {
    let version = begin::version(state, head, None).await?;
    let scope = Scope { workspace_id: head.workspace_id, app_id: head.id, owner: Owner::Nobody };
    let (inputs, _) = begin::check(state, &scope, &version, &inputs, &[]).await?;
    let Conversation { system, history, query, media } = conversation;
    if !media.is_empty() && version.features.file_upload.rules().is_none() {
        return Err(Error::invalid("messages", "This app takes no pictures: switch file upload on in its features and publish it."));
    }
    let moderation = &version.features.sensitive_word_avoidance;
    if let Some(preset) = moderation.check_inputs(&inputs, &query) {
        return Ok(Asked::Canned(preset.to_owned()));
    }
    let task_id = TaskId::new();
    let slot = apps::claim_slot(state, head.id, head.max_active_requests, task_id).await?;
    // of a video its frames are what came
    let images = media.into_iter().flat_map(|part| match part {
        Part::Image(image) => vec![image],
        Part::Video(video) => video.frames,
        Part::Text(_) => Vec::new(),
    });
    let mut pictures = Vec::new();
    for image in images {
        pictures.push(files::keep_value(state, &scope, "picture", &image.mime_type, image.bytes).await?);
    }
    let question =
        Question { query, files: pictures, conversation_id: None, dialogue_count: i64::try_from(history.len() + 1).unwrap_or(i64::MAX) };
    let of = (head.workspace_id, head.id, version.id);
    let run = begin::chatflow_run(of, None, Creator::Nobody, Source::ServiceApi, inputs, question);
    let run = Arc::new(NewRun { task_id, ..run });
    let watch = moderation.watch_output();
    let conversation_variables = version.conversation_variables.iter().map(|v| (v.name.clone(), v.value.clone())).collect();
    let (pieces, received) = mpsc::unbounded_channel();
    let teller = ModelTeller { pieces, usage: Usage::default() };
    let face = Face { teller: Box::new(teller), history: Some(Arc::new(CallersHistory { system, turns: history })), owner: head.id.0 };
    let started = job::start(state, Launch { run, version, conversation_variables, face, slot, streams: false, kept: Vec::new() }).await?;
    Ok(Asked::Flow(FlowCall { events: Box::pin(events(received, started)), watch }))
}

/// What the model would have said, and how the run came out once that is recorded.
fn events(mut pieces: mpsc::UnboundedReceiver<Piece>, started: Started) -> impl Stream<Item = Result<Event>> + Send {
    stream! {
        let mut usage = Usage::default();
        while let Some(piece) = pieces.recv().await {
            match piece {
                Piece::Text(text) => yield Ok(Event::Text { text, logprobs: Vec::new() }),
                Piece::Usage(all) => usage = all,
            }
        }
        yield match started.outcome.await {
            Ok(RunOutcome::Ended(RunEnd { status: RunStatus::Failed, error, .. })) => {
                Err(Error::new(Code::InvalidParam, wire::run_failed(error.as_deref())))
            }
            Ok(RunOutcome::Ended(_)) => Ok(Event::Done(Done { finish_reason: FinishReason::Stop, usage, timing: Default::default() })),
            Ok(RunOutcome::Paused { forms, .. }) => {
                let title = forms.first().map(|form| form.node_title.clone()).unwrap_or_default();
                let text = format!("The app waits for a person at \"{title}\": ask it at /v1/chat-messages, where answers may wait.");
                Err(Error::new(Code::ModelNotSupported, text))
            }
            Err(_) => Err(Error::internal(anyhow::anyhow!("the answering task broke off"))),
        };
    }
}

enum Piece {
    Text(String),
    Usage(Usage),
}

struct ModelTeller {
    pieces: mpsc::UnboundedSender<Piece>,
    usage: Usage,
}

impl ModelTeller {
    fn account(&mut self, record: &NodeRecord) {
        if let Some(usage) = usage_of(record) {
            self.usage.prompt_tokens += usage.prompt_tokens;
            self.usage.completion_tokens += usage.completion_tokens;
        }
    }

    /// The caller may have left; the run goes on to its end.
    fn send(&self, piece: Piece) {
        let _ = self.pieces.send(piece);
    }
}

#[async_trait]
impl Teller for ModelTeller {
    fn tell(&mut self, event: &RunEvent) -> Option<Bytes> {
        if let RunEvent::NodeFinished(record) = event {
            self.account(record);
        }
        None
    }

    fn text(&mut self, _selector: &Selector, piece: &str) -> Option<Bytes> {
        self.send(Piece::Text(piece.to_owned()));
        None
    }

    /// Nothing is taken back: what replaces texts is a run that goes on in another process, and it has no caller.
    fn replace(&mut self, _text: &str) -> Option<Bytes> {
        None
    }

    async fn close(&mut self, _outcome: &RunOutcome) -> Vec<Bytes> {
        self.send(Piece::Usage(self.usage));
        Vec::new()
    }
}

/// The conversation up to the question, as the caller sent it.
struct CallersHistory {
    system: Vec<Message>,
    turns: Vec<Turn>,
}

#[async_trait]
impl History for CallersHistory {
    async fn messages(&self, window: Option<u32>) -> Result<Vec<Message>> {
        let first = window.map_or(0, |window| self.turns.len().saturating_sub(window as usize));
        let exchanges = self.turns.iter().skip(first).flat_map(|turn| {
            let mut question = Message::text(Role::User, turn.query.clone());
            question.content.extend(turn.media.iter().cloned());
            [question, Message::text(Role::Assistant, turn.answer.clone())]
        });
        Ok(self.system.iter().cloned().chain(exchanges).collect())
    }
}
