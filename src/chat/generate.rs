//! One question answered: everything checked, the rows committed, then a task of its own that outlives the client.
//!
//! 1. [`start`] checks the question and gets the model to take it (its refusals are HTTP errors), then commits question
//!    and empty answer. Only then is a stream opened.
//! 2. [`Run`] reads the model, sends each piece as an event and saves the text now and then.
//! 3. The finished row is committed before the last event is sent: what a client saw end is in the database.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::db::{conversations, messages};
use super::events::{AnnotationAccount, AnnotationReply, EventWriter, Metadata};
use super::prompt::{self, Question, Turn};
use super::usage::Usage;
use super::{Caller, naming};
use crate::apps::config::FieldKind;
use crate::apps::config::ModelConfig;
use crate::apps::moderation::OutputWatch;
use crate::apps::{RunnableApp, annotations, inputs};
use crate::catalog::{self, Model};
use crate::engine::request::{Detail, Event, Failure, Generation, Image, Input, Message, Request, Role};
use crate::error::{Code, Error, Result};
use crate::files::{self, InputFile, Resolved, Scope};
use crate::ids::{AnnotationId, ConversationId, MessageId, TaskId, WorkspaceId};
use crate::live::{Frame, Slot, Task};
use crate::state::AppState;

/// How often a running answer is saved: what a kill −9 can lose.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How long the last event waits for a database that is away; the row is written later in any case.
const FINISH_PATIENCE: Duration = Duration::from_secs(5);
const FINISH_GIVE_UP: Duration = Duration::from_secs(600);
/// Past exchanges that are looked at when the app sets no window.
const HISTORY_LIMIT: u32 = 200;
/// Tokens kept free for the answer when the app does not say how many.
const ANSWER_RESERVE: usize = 1024;

/// Names this process in the rows it works on.
static REPLICA: LazyLock<String> = LazyLock::new(|| format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple()));

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
enum Source {
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
}

pub async fn start(state: &AppState, app: &App, caller: &Caller, ask: Ask) -> Result<Started> {
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
    let mut attached = files::resolve(state, &scope, rules.as_ref(), "files", &ask.files).await?;
    attached.extend(resolve_file_inputs(state, app, &scope, &mut inputs).await?);

    let message_id = MessageId::new();
    let task_id = TaskId::new();
    let slot = claim_slot(state, app, task_id).await?;
    let started = Instant::now();
    let source = choose_source(state, app, conversation.as_ref(), &inputs, &query, &attached).await?;

    let inputs = Value::Object(inputs);
    let conversation_id = match &conversation {
        Some(row) => Some(row.id),
        None => app.mode.is_chat().then(ConversationId::new),
    };
    let name = first_name(&query);
    let introduction = introduction(app, &inputs);
    let new_conversation = (conversation.is_none() && conversation_id.is_some())
        .then_some(messages::NewConversation { name: &name, introduction: introduction.as_deref() });
    let parent_message_id = match &conversation {
        Some(row) => messages::find_last_id(&state.db, app.workspace_id, row.id).await?,
        None => None,
    };
    let names_conversation = new_conversation.is_some() && ask.auto_generate_name;
    let reference = match &source {
        Source::Model { model, .. } => Some(model.reference()),
        Source::Canned { .. } => None,
    };
    let row = messages::NewMessage {
        id: message_id,
        task_id,
        app_id: app.id,
        app_version_id: app.version_id,
        conversation_id,
        new_conversation,
        parent_message_id,
        inputs: &inputs,
        query: &query,
        replica: &REPLICA,
        model: reference.as_ref().map(|r| (r.provider.as_str(), r.name.as_str())),
    };
    let created_at = if attached.is_empty() {
        messages::insert(&state.db, app.workspace_id, caller, row).await?
    } else {
        let mut tx = state.db.begin().await?;
        let created_at = messages::insert(&mut *tx, app.workspace_id, caller, row).await?;
        files::insert_message_files(&mut tx, app.workspace_id, message_id, &attached).await?;
        tx.commit().await?;
        created_at
    }
    .timestamp();

    let (task, frames) = state.live.open(task_id.0, caller.id());
    let (done, outcome) = oneshot::channel();
    let run = Run {
        state: state.clone(),
        workspace_id: app.workspace_id,
        message_id,
        events: EventWriter::new(conversation_id, message_id, task_id, created_at),
        task,
        watch: app.config.sensitive_word_avoidance.watch_output(),
        answer: String::new(),
        started,
        first_text: None,
    };
    let after = conversation_id.filter(|_| names_conversation).map(|id| naming::Job {
        workspace_id: app.workspace_id,
        conversation_id: id,
        old_name: name,
        model: app.config.model.reference(),
        query,
    });
    let state = state.clone();
    tokio::spawn(async move {
        let outcome = run.answer(source).await;
        drop(slot);
        let answer = outcome.as_ref().map(|answer| answer.text.clone()).unwrap_or_default();
        // a streaming caller does not wait for it
        let _ = done.send(outcome);
        if let Some(job) = after {
            naming::run(&state, job, &answer).await;
        }
    });
    Ok(Started { message_id, conversation_id, task_id, created_at, frames, outcome })
}

/// Values of file inputs: checked like `files`, kept in the inputs as the service API shows them.
async fn resolve_file_inputs(state: &AppState, app: &App, scope: &Scope, inputs: &mut Map<String, Value>) -> Result<Vec<Resolved>> {
    let mut all = Vec::new();
    for (kind, field) in app.config.form() {
        let name = &field.variable;
        let given = match (kind, inputs.get(name)) {
            (FieldKind::File, Some(value @ Value::Object(_))) => vec![InputFile::of_value(value, name)?],
            (FieldKind::FileList, Some(Value::Array(values))) => {
                values.iter().map(|v| InputFile::of_value(v, name)).collect::<Result<_>>()?
            }
            _ => continue,
        };
        let resolved = files::resolve(state, scope, Some(&field.upload_rules(kind)), name, &given).await?;
        let mut shown: Vec<Value> = resolved.iter().map(|file| file.output_json(state, app.workspace_id)).collect();
        let value = if kind == FieldKind::File { shown.pop().unwrap_or_default() } else { Value::Array(shown) };
        inputs.insert(name.clone(), value);
        all.extend(resolved);
    }
    Ok(all)
}

pub(super) async fn claim_slot(state: &AppState, app: &App, task_id: TaskId) -> Result<Option<Slot>> {
    let max = app.max_active_requests;
    if max == 0 {
        return Ok(None);
    }
    let slot = state.live.claim_slot(app.id.0, task_id.0, max).await;
    slot.map(Some).ok_or_else(|| {
        let message =
            format!("Too many requests. Please try again later. The current maximum concurrent requests allowed for {} is {max}.", app.id);
        Error::new(Code::TooManyRequests, message).retry_after(1)
    })
}

async fn choose_source(
    state: &AppState,
    app: &App,
    conversation: Option<&conversations::Row>,
    inputs: &Map<String, Value>,
    query: &str,
    attached: &[Resolved],
) -> Result<Source> {
    if let Some(preset) = app.config.sensitive_word_avoidance.check_inputs(inputs, query) {
        return Ok(Source::Canned { text: preset.to_owned(), annotation: None });
    }
    if app.mode.is_chat()
        && let Some(found) = annotations::find_reply(state, app.workspace_id, app.id, &app.annotation_reply, query).await?
    {
        let (id, name) = found.account.map(|(id, name)| (id.to_string(), name)).unwrap_or_default();
        let reply = AnnotationReply { id: found.id.to_string(), account: AnnotationAccount { id, name } };
        return Ok(Source::Canned { text: found.answer, annotation: Some((found.id, reply)) });
    }
    let model = catalog::resolve(state, app.workspace_id, &app.config.model.reference()).await.map_err(wire)?;
    let detail = app.config.file_upload.rules().map_or(Detail::High, |rules| rules.detail);
    let images: Vec<Image> = attached.iter().filter_map(|file| file.image(detail)).collect();
    let question = Question { config: &app.config, is_chat: app.mode.is_chat(), inputs, query, images: &images };
    let history = match conversation {
        Some(row) => history(state, app, row.id).await?,
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

/// The newest exchanges that the app remembers, oldest first, with their pictures.
async fn history(state: &AppState, app: &App, conversation_id: ConversationId) -> Result<Vec<Turn>> {
    let window = &app.config.memory.window;
    let limit = if window.enabled { window.size.min(HISTORY_LIMIT) } else { HISTORY_LIMIT };
    let mut exchanges = messages::list_exchanges(&state.db, app.workspace_id, conversation_id, i64::from(limit)).await?;
    exchanges.reverse();
    let mut images = match app.config.file_upload.rules() {
        Some(rules) => {
            let ids: Vec<_> = exchanges.iter().map(|e| e.id).collect();
            files::images_of_messages(state, app.workspace_id, &ids, rules.detail).await?
        }
        None => Default::default(),
    };
    let turn = |e: messages::Exchange| Turn { images: images.remove(&e.id).unwrap_or_default(), query: e.query, answer: e.answer };
    Ok(exchanges.into_iter().map(turn).collect())
}

/// The prompt with as many of the newest exchanges as the model's context holds beside the answer.
pub(super) async fn fit(model: &Model, question: &Question<'_>, history: &[Turn]) -> Result<prompt::Prompt, Failure> {
    let context = model.context_size();
    let wanted = question.config.model.completion_params.max_tokens.map_or(ANSWER_RESERVE, |n| n as usize);
    let budget = context - wanted.min(context / 2);
    let pictures = question.images.len() + history.iter().map(|t| t.images.len()).sum::<usize>();
    // No text has more tokens than bytes, and templates add a few to each message: most prompts need no counting.
    let surely_fits = pictures == 0 && prompt::text_bytes(question, history) + 16 * (2 * history.len() + 4) <= budget;
    if history.is_empty() || surely_fits || count(model, question, history).await? <= budget {
        return Ok(prompt::build(question, history));
    }
    // [0, fits) exchanges are known to fit or are what is left in any case; [over, ..) do not.
    let (mut fits, mut over) = (0, history.len());
    while over - fits > 1 {
        let middle = usize::midpoint(fits, over);
        if count(model, question, &history[history.len() - middle..]).await? <= budget {
            fits = middle;
        } else {
            over = middle;
        }
    }
    Ok(prompt::build(question, &history[history.len() - fits..]))
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

/// How the model's part ended.
enum End {
    Done { usage: crate::engine::request::Usage },
    Stopped { n_pieces: u32 },
    Moderated { n_pieces: u32 },
    Failed(Error),
}

/// The task behind one answer.
struct Run {
    state: AppState,
    workspace_id: WorkspaceId,
    message_id: MessageId,
    events: EventWriter,
    task: Task,
    watch: Option<OutputWatch>,
    answer: String,
    started: Instant,
    first_text: Option<Instant>,
}

/// How the row will read.
struct Finished {
    status: &'static str,
    error: Option<Error>,
    metadata: Metadata,
    cached_tokens: u32,
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
                Finished { status: "normal", error: None, metadata, cached_tokens: 0, annotation_id }
            }
            Source::Model { model, generation, messages } => {
                let end = self.read(generation).await;
                self.conclude(&model, &messages, end).await
            }
        };
        self.commit(finished).await
    }

    /// Sends what the model writes until it is done, stopped, or takes too long.
    async fn read(&mut self, mut generation: Generation) -> End {
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
                        saving = Some(tokio::spawn(save_progress(self.state.clone(), self.workspace_id, self.message_id, text)));
                    }
                }
                event = generation.next() => match event {
                    Some(Ok(Event::Text { text, .. })) => {
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
                        self.task.send(self.events.message(&text));
                    }
                    // no tools are offered
                    Some(Ok(Event::ToolCall(_))) => {}
                    Some(Ok(Event::Done(done))) => break End::Done { usage: done.usage },
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

    async fn conclude(&mut self, model: &Model, messages: &[Message], end: End) -> Finished {
        let mut finished = Finished { status: "normal", error: None, metadata: Metadata::default(), cached_tokens: 0, annotation_id: None };
        let tokens = match end {
            End::Done { usage } => usage,
            // the model did not get to say what it took
            End::Stopped { n_pieces } => {
                finished.status = "stopped";
                estimate(model, messages, n_pieces).await
            }
            End::Moderated { n_pieces } => {
                self.task.send(self.events.message_replace(&self.answer, ""));
                estimate(model, messages, n_pieces).await
            }
            End::Failed(error) => {
                finished.status = "error";
                finished.error = Some(error);
                Default::default()
            }
        };
        finished.cached_tokens = tokens.cached_tokens;
        finished.metadata.usage = Some(self.timed(Usage::new(tokens, &model.prices())));
        finished
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
        let Finished { status, error, metadata, cached_tokens, annotation_id } = finished;
        if let Some(error) = &error {
            error.log();
        }
        let row = FinishedRow {
            state: self.state.clone(),
            workspace_id: self.workspace_id,
            id: self.message_id,
            answer: self.answer.replace('\0', ""),
            status,
            error: error.as_ref().map(|e| (e.code.as_str(), e.message.clone())),
            usage: metadata.usage.clone().unwrap_or_default(),
            cached_tokens,
            metadata: serde_json::to_value(&metadata).unwrap_or_default(),
            annotation_id,
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

async fn save_progress(state: AppState, workspace_id: WorkspaceId, id: MessageId, text: Option<String>) {
    let saved = match text {
        Some(text) => messages::save_progress(&state.db, workspace_id, id, &text.replace('\0', "")).await,
        None => messages::beat(&state.db, workspace_id, id).await,
    };
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

struct FinishedRow {
    state: AppState,
    workspace_id: WorkspaceId,
    id: MessageId,
    answer: String,
    status: &'static str,
    error: Option<(&'static str, String)>,
    usage: Usage,
    cached_tokens: u32,
    metadata: Value,
    annotation_id: Option<AnnotationId>,
}

impl FinishedRow {
    /// Tries until the database takes it, for minutes.
    async fn write(self) {
        let started = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let ending = messages::Ending {
                answer: &self.answer,
                status: self.status,
                error: self.error.as_ref().map(|(code, text)| (*code, text.as_str())),
                usage: &self.usage,
                cached_tokens: self.cached_tokens,
                metadata: &self.metadata,
                annotation_id: self.annotation_id,
            };
            match messages::finish(&self.state.db, self.workspace_id, self.id, &ending).await {
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
