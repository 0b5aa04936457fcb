//! One question answered: everything checked, the rows committed, then a task of its own that outlives the client.
//!
//! 1. [`start`] checks the question and gets the model to take it (its refusals are HTTP errors), then commits question
//!    and empty answer. Only then is a stream opened.
//! 2. [`Run`] reads the model, sends each piece as an event and saves the text now and then.
//! 3. The finished row is committed before the last event is sent: what a client saw end is in the database.

mod agent;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use self::agent::{Agent, Thinking};
use super::db::{conversations, messages, thoughts};
use super::events::{AnnotationAccount, AnnotationReply, EventWriter, Metadata};
use super::prompt::{self, Question, Turn};
use super::trace::{Span, Trace};
use super::{Caller, naming};
use crate::agents;
use crate::apps::config::ModelConfig;
use crate::apps::inputs::without_nul;
use crate::apps::moderation::OutputWatch;
use crate::apps::{self, AppMode, RunnableApp, annotations, inputs};
use crate::catalog::fit::{Newest, prompt_budget};
use crate::catalog::{self, Model, ModelRef, Prices, Usage};
use crate::engine::request::{Detail, Event, Failure, Format, Generation, Image, Input, Message, Modalities, Request, Role};
use crate::error::{Code, Error, Result};
use crate::files::{self, AnswerFile, InputFile, Resolved, Scope, Side};
use crate::ids::{AnnotationId, ConversationId, MessageId, TaskId, WorkspaceId};
use crate::live::{Frame, Slot, Task};
use crate::state::AppState;

/// How often a running answer is saved: what a kill −9 can lose.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How long the last event waits for a database that is away; the row is written later in any case.
pub(super) const FINISH_PATIENCE: Duration = Duration::from_secs(5);
const FINISH_GIVE_UP: Duration = Duration::from_secs(600);
/// Past exchanges that are looked at when the app sets no window.
const HISTORY_LIMIT: u32 = 200;

/// Names this process in the rows it works on.
pub(super) static REPLICA: LazyLock<String> = LazyLock::new(|| format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple()));

/// An app with the settings that answer: published, or a draft.
pub struct App {
    pub app: RunnableApp,
    pub config: ModelConfig,
    /// 0 = no limit
    pub max_active_requests: u32,
}

impl std::ops::Deref for App {
    type Target = RunnableApp;

    fn deref(&self) -> &RunnableApp {
        &self.app
    }
}

/// What a caller asks.
pub struct Ask {
    pub query: String,
    pub inputs: Map<String, Value>,
    pub files: Vec<InputFile>,
    pub conversation_id: Option<ConversationId>,
    pub auto_generate_name: bool,
}

/// A running answer. Dropping it does not stop it.
pub struct Started {
    pub message_id: MessageId,
    pub conversation_id: Option<ConversationId>,
    pub task_id: TaskId,
    /// Unix seconds
    pub created_at: i64,
    pub frames: mpsc::UnboundedReceiver<Frame>,
    pub outcome: oneshot::Receiver<Result<Answer>>,
}

pub struct Answer {
    pub text: String,
    pub metadata: Metadata,
}

/// Who answers.
pub(super) enum Source {
    /// Moderation or an annotation, with a text that stands already
    Canned {
        text: String,
        annotation: Option<(AnnotationId, AnnotationReply)>,
    },
    Model {
        model: Model,
        generation: Generation,
        messages: Vec<Message>,
    },
    Agent(Box<Agent>),
}

pub async fn start(state: &AppState, app: &App, caller: &Caller, ask: Ask) -> Result<Started> {
    let prepared = prepare(state, app, caller, ask).await?;
    let source = match prepared.canned(state, app).await? {
        Some(source) => source,
        None => ask_model(state, app, caller, &prepared).await?,
    };
    begin(state, app, caller, prepared, source).await
}

/// A question that was checked.
pub(super) struct Prepared {
    pub conversation: Option<conversations::Row>,
    pub query: String,
    pub inputs: Map<String, Value>,
    /// Of the message.
    pub files: Vec<Resolved>,
    /// Of the form's file inputs.
    pub input_files: Vec<Resolved>,
    auto_generate_name: bool,
    pub message_id: MessageId,
    pub task_id: TaskId,
    pub slot: Option<Slot>,
    pub started: Instant,
}

pub(super) async fn prepare(state: &AppState, app: &App, caller: &Caller, ask: Ask) -> Result<Prepared> {
    let conversation = match ask.conversation_id {
        Some(id) => {
            let row = conversations::find(&state.db, app.workspace_id, app.id, caller, id).await?;
            let row = row.ok_or_else(|| Error::not_found("Conversation Not Exists."))?;
            if row.status != "normal" {
                return Err(Error::new(Code::ConversationCompleted, "The conversation has ended. Please start a new conversation."));
            }
            Some(row)
        }
        None => None,
    };
    let query = ask.query.replace('\0', "");
    let mut inputs = inputs::validate(app.config.form(), &ask.inputs)?;
    let scope = Scope { workspace_id: app.workspace_id, app_id: app.id, owner: caller.owner() };
    let rules = app.config.file_upload.rules();
    let files = files::resolve(state, &scope, rules.as_ref(), "files", &ask.files).await?;
    let input_files = inputs::resolve_files(state, &scope, app.config.form(), &mut inputs).await?;
    let (message_id, task_id) = (MessageId::new(), TaskId::new());
    let slot = apps::claim_slot(state, app.id, app.max_active_requests, task_id).await?;
    let auto_generate_name = ask.auto_generate_name;
    Ok(Prepared { conversation, query, inputs, files, input_files, auto_generate_name, message_id, task_id, slot, started: Instant::now() })
}

/// The rows of a question, committed.
pub(super) struct Inserted {
    pub conversation_id: Option<ConversationId>,
    /// Unix seconds
    pub created_at: i64,
    /// Finds a name for the conversation once there is an answer.
    pub naming: Option<naming::Job>,
}

impl Prepared {
    /// Moderation or an annotation, with the text that answers in place of the app.
    pub async fn canned(&self, state: &AppState, app: &App) -> Result<Option<Source>> {
        if let Some(preset) = app.config.sensitive_word_avoidance.check_inputs(&self.inputs, &self.query) {
            return Ok(Some(Source::Canned { text: preset.to_owned(), annotation: None }));
        }
        if !app.mode.is_chat() {
            return Ok(None);
        }
        let found = annotations::find_reply(state, app.workspace_id, app.id, &app.annotation_reply, &self.query).await?;
        Ok(found.map(|found| {
            let (id, name) = found.account.map(|(id, name)| (id.to_string(), name)).unwrap_or_default();
            let reply = AnnotationReply { id: found.id.to_string(), account: AnnotationAccount { id, name } };
            Source::Canned { text: found.answer, annotation: Some((found.id, reply)) }
        }))
    }

    /// Commits question and empty answer, and the conversation that they open.
    pub async fn insert(&self, state: &AppState, app: &App, caller: &Caller, model: Option<&ModelRef>) -> Result<Inserted> {
        let inputs = Value::Object(self.inputs.clone());
        let conversation_id = match &self.conversation {
            Some(row) => Some(row.id),
            None => app.mode.is_chat().then(ConversationId::new),
        };
        let name = first_name(&self.query);
        let introduction = introduction(app, &inputs);
        let new_conversation = (self.conversation.is_none() && conversation_id.is_some())
            .then_some(messages::NewConversation { name: &name, introduction: introduction.as_deref() });
        let parent_message_id = match &self.conversation {
            Some(row) => messages::find_last_id(&state.db, app.workspace_id, row.id).await?,
            None => None,
        };
        let names_conversation = new_conversation.is_some() && self.auto_generate_name;
        let row = messages::NewMessage {
            id: self.message_id,
            task_id: self.task_id,
            app_id: app.id,
            app_version_id: app.version_id,
            conversation_id,
            new_conversation,
            parent_message_id,
            inputs: &inputs,
            query: &self.query,
            replica: &REPLICA,
            model: model.map(|r| (r.provider.as_str(), r.name.as_str())),
        };
        let created_at = if self.files.is_empty() && self.input_files.is_empty() {
            messages::insert(&state.db, app.workspace_id, caller, row).await?
        } else {
            let attached: Vec<Resolved> = self.files.iter().chain(&self.input_files).cloned().collect();
            let mut tx = state.db.begin().await?;
            let created_at = messages::insert(&mut *tx, app.workspace_id, caller, row).await?;
            files::insert_message_files(&mut tx, app.workspace_id, self.message_id, &attached).await?;
            tx.commit().await?;
            created_at
        };
        let naming = conversation_id.filter(|_| names_conversation).map(|id| naming::Job {
            workspace_id: app.workspace_id,
            conversation_id: id,
            old_name: name,
            model: app.config.model.reference(),
            query: self.query.clone(),
        });
        Ok(Inserted { conversation_id, created_at: created_at.timestamp(), naming })
    }
}

/// Commits the question and starts the task that answers it.
pub(super) async fn begin(state: &AppState, app: &App, caller: &Caller, prepared: Prepared, source: Source) -> Result<Started> {
    let reference = match &source {
        Source::Model { model, .. } => Some(model.reference()),
        Source::Agent(agent) => Some(agent.task.model.reference()),
        Source::Canned { .. } => None,
    };
    let Inserted { conversation_id, created_at, naming } = prepared.insert(state, app, caller, reference.as_ref()).await?;
    let Prepared { message_id, task_id, slot, started, .. } = prepared;
    let (task, frames) = state.live.open(task_id.0, caller.id());
    let (done, outcome) = oneshot::channel();
    let run = Run {
        state: state.clone(),
        workspace_id: app.workspace_id,
        scope: Scope { workspace_id: app.workspace_id, app_id: app.id, owner: caller.owner() },
        message_id,
        events: EventWriter::new(conversation_id, message_id, task_id, created_at),
        task,
        watch: app.config.sensitive_word_avoidance.watch_output(),
        answer: String::new(),
        pictures: Vec::new(),
        started,
        first_text: None,
        thinking: None,
        trace: Trace::new(started),
    };
    let state = state.clone();
    tokio::spawn(async move {
        let outcome = run.answer(source).await;
        drop(slot);
        let answer = outcome.as_ref().map(|answer| answer.text.clone()).unwrap_or_default();
        // a streaming caller does not wait for it
        let _ = done.send(outcome);
        if let Some(job) = naming {
            naming::run(&state, job, &answer).await;
        }
    });
    Ok(Started { message_id, conversation_id, task_id, created_at, frames, outcome })
}

async fn ask_model(state: &AppState, app: &App, caller: &Caller, prepared: &Prepared) -> Result<Source> {
    let Prepared { conversation, query, inputs, .. } = prepared;
    let model = catalog::resolve(state, app.workspace_id, &app.config.model.reference()).await.map_err(wire)?;
    let detail = app.config.file_upload.rules().map_or(Detail::High, |rules| rules.detail);
    let mut media = Vec::new();
    for file in prepared.files.iter().chain(&prepared.input_files) {
        media.extend(files::seen_of_file(state, app.workspace_id, file, detail).await?);
    }
    let question = Question { config: &app.config, is_chat: app.mode.is_chat(), inputs, query, media: &media };
    let modalities = if app.mode == AppMode::AgentChat { Modalities::Text } else { model.modalities() };
    let history = match conversation {
        Some(row) => history(state, app, row.id, modalities).await?,
        None => Vec::new(),
    };
    let prompt = fit(&model, &question, &history).await.map_err(|f| wire(f.into()))?;
    let messages = match &prompt.input {
        Input::Chat(messages) => messages.clone(),
        Input::Text(text) => vec![Message::text(Role::User, text)],
        Input::Tokens(_) => Vec::new(),
    };
    let mut request = Request::new(prompt.input);
    app.config.model.completion_params.apply(&mut request)?;
    request.stop.extend(prompt.stop);
    request.cache_salt = app.workspace_id.0.as_u128();
    if app.mode == AppMode::AgentChat {
        let scope = Scope { workspace_id: app.workspace_id, app_id: app.id, owner: caller.owner() };
        let agent = Agent::prepare(state, &app.config, &scope, caller.source, model, request, messages).await?;
        return Ok(Source::Agent(Box::new(agent)));
    }
    if request.format == Format::Text {
        request.modalities = modalities;
    }
    let generation = model.generate(request).await.map_err(|f| wire(f.into()))?;
    Ok(Source::Model { model, generation, messages })
}

/// Failures of a model in the service API's words.
pub fn wire(mut error: Error) -> Error {
    match error.code {
        Code::ContextOverflow => {
            error.code = Code::InvalidParam;
            error.message = format!("Query or prefix prompt is too long: {}", error.message);
        }
        Code::Overloaded => error.code = Code::RateLimit,
        Code::ModelNotFound => {
            error.code = Code::ModelNotSupported;
            error.param = None;
        }
        _ => {}
    }
    error
}

/// The newest exchanges that the app remembers, oldest first, with their pictures and videos; those of answers for a model
/// that writes pictures.
async fn history(state: &AppState, app: &App, conversation_id: ConversationId, modalities: Modalities) -> Result<Vec<Turn>> {
    let window = &app.config.memory.window;
    let limit = if window.enabled { window.size.min(HISTORY_LIMIT) } else { HISTORY_LIMIT };
    let mut exchanges = messages::list_exchanges(&state.db, app.workspace_id, conversation_id, i64::from(limit)).await?;
    exchanges.reverse();
    let ids: Vec<_> = exchanges.iter().map(|e| e.id).collect();
    let seen = |side, detail| files::seen_of_messages(state, app.workspace_id, &ids, side, detail);
    let mut media = match app.config.file_upload.rules() {
        Some(rules) => seen(Side::Question, rules.detail).await?,
        None => Default::default(),
    };
    let mut drawn = match modalities {
        Modalities::Text => Default::default(),
        Modalities::TextAndImages | Modalities::Image => seen(Side::Answer, Detail::High).await?,
    };
    let turn = |e: messages::Exchange| Turn {
        media: media.remove(&e.id).unwrap_or_default(),
        drawn: drawn.remove(&e.id).unwrap_or_default(),
        query: e.query,
        answer: e.answer,
    };
    Ok(exchanges.into_iter().map(turn).collect())
}

/// The prompt with as many of the newest exchanges as the model's context holds beside the answer.
pub(super) async fn fit(model: &Model, question: &Question<'_>, history: &[Turn]) -> Result<prompt::Prompt, Failure> {
    let budget = prompt_budget(model, question.config.model.completion_params.max_tokens);
    let n_media = question.media.len() + history.iter().map(|t| t.media.len() + t.drawn.len()).sum::<usize>();
    // No text has more tokens than bytes, and templates add a few to each message: most prompts need no counting.
    let surely_fits = n_media == 0 && prompt::text_bytes(question, history) + 16 * (2 * history.len() + 4) <= budget;
    if surely_fits {
        return Ok(prompt::build(question, history));
    }
    let mut newest = Newest::of(history.len());
    while let Some(n) = newest.to_try() {
        newest.tried(count(model, question, &history[history.len() - n..]).await? <= budget);
    }
    Ok(prompt::build(question, &history[history.len() - newest.that_fit()..]))
}

async fn count(model: &Model, question: &Question<'_>, history: &[Turn]) -> Result<usize, Failure> {
    match prompt::build(question, history).input {
        Input::Chat(messages) => model.count_tokens(&messages, &[]).await,
        Input::Text(text) => model.count_tokens(&[Message::text(Role::User, text)], &[]).await,
        Input::Tokens(tokens) => Ok(tokens.len()),
    }
}

/// The first 20 characters of the question.
fn first_name(query: &str) -> String {
    let mut chars = query.chars();
    let name: String = chars.by_ref().take(20).collect();
    if chars.next().is_some() { format!("{name}…") } else { name }
}

fn introduction(app: &App, inputs: &Value) -> Option<String> {
    let opening = &app.config.opening_statement;
    let inputs = inputs.as_object()?;
    (app.mode.is_chat() && !opening.is_empty()).then(|| prompt::fill_inputs(opening, inputs))
}

/// What comes from a model, or from an agent.
enum Happened {
    Text(String),
    Picture(Image),
    Agent(agents::Event),
    Done(Usage),
}

/// How the model's part ended.
enum End {
    Done(Usage),
    Stopped { n_pieces: u32 },
    Moderated { n_pieces: u32 },
    Failed(Error),
}

/// The task behind one answer.
struct Run {
    state: AppState,
    workspace_id: WorkspaceId,
    /// Whose the pictures are that the model draws.
    scope: Scope,
    message_id: MessageId,
    events: EventWriter,
    task: Task,
    watch: Option<OutputWatch>,
    answer: String,
    pictures: Vec<AnswerFile>,
    started: Instant,
    first_text: Option<Instant>,
    /// Of agents.
    thinking: Option<Thinking>,
    trace: Trace,
}

/// How the row will read.
struct Finished {
    status: &'static str,
    error: Option<Error>,
    metadata: Metadata,
    annotation_id: Option<AnnotationId>,
}

impl Run {
    async fn answer(mut self, source: Source) -> Result<Answer> {
        let finished = match source {
            Source::Canned { text, annotation } => {
                self.task.send(self.events.message(&text));
                self.answer = text;
                let (annotation_id, annotation_reply) = annotation.unzip();
                let usage = Some(self.timed(Usage::default()));
                let metadata = Metadata { annotation_reply, usage, ..Metadata::default() };
                Finished { status: "normal", error: None, metadata, annotation_id }
            }
            Source::Model { model, generation, messages } => {
                self.trace.model_asked(&model.reference());
                let end = self.read(happenings(generation, model.prices())).await;
                self.conclude(&model, &messages, end).await
            }
            Source::Agent(agent) => {
                self.thinking = Some(Thinking::new(self.message_id, agent.labels()));
                self.trace.model_asked(&agent.task.model.reference());
                let end = self.read(agent.happenings()).await;
                self.conclude(&agent.task.model, &agent.task.messages, end).await
            }
        };
        self.commit(finished).await
    }

    /// Sends what the model writes until it is done, stopped, or takes too long.
    async fn read(&mut self, happenings: impl Stream<Item = Result<Happened, Failure>>) -> End {
        tokio::pin!(happenings);
        let stop = self.task.stop_token();
        let limit_s = self.state.config.generation_timeout_s;
        let deadline = tokio::time::sleep(Duration::from_secs(limit_s));
        tokio::pin!(deadline);
        let mut save = tokio::time::interval_at(tokio::time::Instant::now() + SAVE_EVERY, SAVE_EVERY);
        save.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut saving: Option<JoinHandle<()>> = None;
        let mut saved = 0;
        let mut n_pieces = 0;
        let end = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break End::Stopped { n_pieces },
                () = &mut deadline => {
                    let message = format!("The answer took longer than the {limit_s} seconds that this server allows.");
                    break End::Failed(Error::new(Code::CompletionRequest, message));
                }
                _ = save.tick() => {
                    // a slow database must not hold the stream up
                    if saving.as_ref().is_none_or(JoinHandle::is_finished) {
                        let text = (self.answer.len() > saved).then(|| self.answer.clone());
                        saved = self.answer.len();
                        let thoughts = self.thinking.as_mut().map(Thinking::unsaved).unwrap_or_default();
                        saving = Some(tokio::spawn(save_progress(self.state.clone(), self.workspace_id, self.message_id, text, thoughts)));
                    }
                }
                happened = happenings.next() => match happened {
                    Some(Ok(Happened::Text(text))) => {
                        if text.is_empty() {
                            continue;
                        }
                        n_pieces += 1;
                        self.first_text.get_or_insert_with(Instant::now);
                        if let Some(preset) = self.watch.as_mut().and_then(|w| w.push(&text)) {
                            self.answer = preset.to_owned();
                            break End::Moderated { n_pieces };
                        }
                        self.answer.push_str(&text);
                        let event = if self.thinking.is_some() { self.events.agent_message(&text) } else { self.events.message(&text) };
                        self.task.send(event);
                    }
                    Some(Ok(Happened::Picture(image))) => match self.keep(image).await {
                        Ok(file) => {
                            self.task.send(self.events.message_file(&file));
                            self.pictures.push(file);
                        }
                        Err(error) => break End::Failed(error),
                    },
                    Some(Ok(Happened::Agent(event))) => {
                        self.trace.watch(&event);
                        if let Some(thinking) = &mut self.thinking {
                            thinking.take(event, &self.events).into_iter().for_each(|event| self.task.send(event));
                        }
                    }
                    Some(Ok(Happened::Done(usage))) => break End::Done(usage),
                    Some(Err(failure)) => break End::Failed(wire(failure.into())),
                    None => break End::Failed(Error::internal(anyhow::anyhow!("the model's stream ended without an end"))),
                }
            }
        };
        if let Some(saving) = saving {
            // its write must not come after the last one
            let _ = saving.await;
        }
        end
    }

    /// Keeps a picture that the model drew, as a file of whoever asked.
    async fn keep(&self, image: Image) -> Result<AnswerFile> {
        let value = files::keep_value(&self.state, &self.scope, "picture.png", &image.mime_type, image.bytes).await?;
        Ok(AnswerFile::of_value(&value))
    }

    async fn conclude(&mut self, model: &Model, messages: &[Message], end: End) -> Finished {
        let mut finished = Finished { status: "normal", error: None, metadata: Metadata::default(), annotation_id: None };
        let usage = match end {
            End::Done(usage) => {
                if self.thinking.is_none() {
                    self.trace.model_answered(&usage);
                }
                usage
            }
            // the model did not get to say what it took
            End::Stopped { n_pieces } => {
                finished.status = "stopped";
                self.spent(model, messages, n_pieces).await
            }
            End::Moderated { n_pieces } => {
                self.task.send(self.events.message_replace(&self.answer, ""));
                self.spent(model, messages, n_pieces).await
            }
            End::Failed(error) => {
                finished.status = "error";
                finished.error = Some(error);
                let rounds = self.thinking.as_ref().map(|thinking| thinking.usage.clone());
                rounds.unwrap_or_else(|| Usage::new(Default::default(), &model.prices()))
            }
        };
        finished.metadata.usage = Some(self.timed(usage));
        finished
    }

    /// What a model that was broken off took: an estimate; of an agent the rounds that it finished.
    async fn spent(&self, model: &Model, messages: &[Message], n_pieces: u32) -> Usage {
        match &self.thinking {
            Some(thinking) if thinking.usage.total_tokens > 0 => thinking.usage.clone(),
            _ => Usage::new(estimate(model, messages, n_pieces).await, &model.prices()),
        }
    }

    fn timed(&self, usage: Usage) -> Usage {
        let seconds = |d: Duration| (d.as_secs_f64() * 1e6).round() / 1e6;
        let latency = self.started.elapsed();
        let first = self.first_text.map(|t| t - self.started);
        Usage {
            latency: seconds(latency),
            time_to_first_token: first.map(seconds),
            time_to_generate: first.map(|f| seconds(latency - f)),
            ..usage
        }
    }

    /// Writes the row, then the last event.
    async fn commit(mut self, finished: Finished) -> Result<Answer> {
        let Finished { status, error, metadata, annotation_id } = finished;
        if let Some(error) = &error {
            error.log();
        }
        let mut kept = self.thinking.take().map(Thinking::into_kept).unwrap_or_default();
        kept.files.append(&mut self.pictures);
        let trace = self.trace.finish(error.as_ref().map(|error| error.message.as_str()));
        let row = FinishedRow {
            state: self.state.clone(),
            workspace_id: self.workspace_id,
            id: self.message_id,
            answer: self.answer.replace('\0', ""),
            status,
            error: error.as_ref().map(|e| (e.code.as_str(), e.message.clone())),
            usage: metadata.usage.clone().unwrap_or_default(),
            metadata: serde_json::to_value(&metadata).unwrap_or_default(),
            annotation_id,
            kept,
            trace,
        };
        let writing = tokio::spawn(row.write());
        let error = match tokio::time::timeout(FINISH_PATIENCE, writing).await {
            Ok(_) => error,
            // it goes on trying, and the next reader of the row sees the answer
            Err(_) => error.or_else(|| Some(Error::unavailable("database", anyhow::anyhow!("the answer could not be saved in time")))),
        };
        match error {
            Some(error) => {
                self.task.send(self.events.error(&error));
                Err(error)
            }
            None => {
                self.task.send(self.events.message_end(&metadata));
                Ok(Answer { text: self.answer, metadata })
            }
        }
    }
}

/// The message's text and an agent's rounds, as far as they are.
async fn save_progress(state: AppState, workspace_id: WorkspaceId, id: MessageId, text: Option<String>, thoughts: Vec<thoughts::Row>) {
    let mut saved = match text {
        Some(text) => messages::save_progress(&state.db, workspace_id, id, &text.replace('\0', "")).await,
        None => messages::beat(&state.db, workspace_id, id).await,
    };
    for thought in &thoughts {
        if saved.is_ok() {
            saved = thoughts::save(&state.db, workspace_id, thought).await;
        }
    }
    if let Err(error) = saved {
        tracing::warn!(message.id = %id, %error, "a running answer could not be saved");
    }
}

async fn estimate(model: &Model, messages: &[Message], n_pieces: u32) -> crate::engine::request::Usage {
    let prompt_tokens = model.count_tokens(messages, &[]).await.unwrap_or(0);
    crate::engine::request::Usage {
        prompt_tokens: u32::try_from(prompt_tokens).unwrap_or(u32::MAX),
        completion_tokens: n_pieces,
        ..Default::default()
    }
}

/// How a message ended.
pub(super) struct FinishedRow {
    pub state: AppState,
    pub workspace_id: WorkspaceId,
    pub id: MessageId,
    pub answer: String,
    pub status: &'static str,
    pub error: Option<(&'static str, String)>,
    pub usage: Usage,
    pub metadata: Value,
    pub annotation_id: Option<AnnotationId>,
    pub kept: Kept,
    /// None of chatflows.
    pub trace: Vec<Span>,
}

/// What an answer leaves behind beside its text.
#[derive(Default)]
pub(super) struct Kept {
    pub thoughts: Vec<thoughts::Row>,
    pub files: Vec<AnswerFile>,
}

impl FinishedRow {
    /// Tries until the database takes it, for minutes.
    pub async fn write(self) {
        let started = Instant::now();
        let mut pause = Duration::from_millis(50);
        let trace = without_nul(&serde_json::to_value(&self.trace).unwrap_or_default());
        loop {
            let ending = messages::Ending {
                answer: &self.answer,
                status: self.status,
                error: self.error.as_ref().map(|(code, text)| (*code, text.as_str())),
                usage: &self.usage,
                metadata: &self.metadata,
                trace: &trace,
                annotation_id: self.annotation_id,
            };
            match self.try_write(&ending).await {
                Ok(()) => return,
                Err(error) if started.elapsed() > FINISH_GIVE_UP => {
                    tracing::error!(message.id = %self.id, %error, "a finished answer could not be saved; giving up");
                    return;
                }
                Err(error) => tracing::warn!(message.id = %self.id, %error, "a finished answer could not be saved; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn try_write(&self, ending: &messages::Ending<'_>) -> Result<()> {
        let Kept { thoughts, files } = &self.kept;
        if thoughts.is_empty() && files.is_empty() {
            return Ok(messages::finish(&self.state.db, self.workspace_id, self.id, ending).await?);
        }
        let mut tx = self.state.db.begin().await?;
        for thought in thoughts {
            thoughts::save(&mut *tx, self.workspace_id, thought).await?;
        }
        files::insert_answer_files(&mut tx, self.workspace_id, self.id, files).await?;
        messages::finish(&mut *tx, self.workspace_id, self.id, ending).await?;
        Ok(tx.commit().await?)
    }
}

/// A model's generation; no tools are offered.
fn happenings(generation: Generation, prices: Prices) -> impl Stream<Item = Result<Happened, Failure>> {
    generation.filter_map(move |event| {
        let happened = match event {
            Ok(Event::Text { text, .. }) => Some(Ok(Happened::Text(text))),
            Ok(Event::ToolCall(_)) => None,
            Ok(Event::Image(image)) => Some(Ok(Happened::Picture(image))),
            Ok(Event::Done(done)) => Some(Ok(Happened::Done(Usage::of(&done, &prices)))),
            Err(failure) => Some(Err(failure)),
        };
        std::future::ready(happened)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_named_after_its_question_at_first() {
        assert_eq!(first_name("short"), "short");
        assert_eq!(first_name("exactly twenty chars"), "exactly twenty chars");
        assert_eq!(first_name("这是一个超过二十个字符的问题,需要在这里被截断"), "这是一个超过二十个字符的问题,需要在这里…");
    }
}
