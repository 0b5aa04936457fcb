//! Agent-chat apps: the question goes to an agent with the app's tools. What it thinks and does is told as it happens, and
//! kept, a row a round.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::super::db::thoughts::Row;
use super::super::events::EventWriter;
use super::{Happened, Kept};
use crate::agents::toolkit::Toolkit;
use crate::agents::{self, Call, Event, Observation, Strategy, Task, Tools};
use crate::apps::config::{AgentStrategy, ModelConfig};
use crate::catalog::{Model, Usage};
use crate::engine::request::{Failure, Message, Request};
use crate::error::{Error, Result};
use crate::files::{self, AnswerFile, FileKind, Scope};
use crate::ids::{MessageId, ThoughtId};
use crate::outbound::Limits;
use crate::state::AppState;
use crate::tools::{FileContent, Form, Tool, ToolError, ToolFile, Toolbox};
use crate::workflows::nested::{self, Caller};
use crate::workflows::run_row::Source as RunSource;

const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// An agent that is about to work.
pub(in crate::chat) struct Agent {
    pub task: Task,
    tools: AppTools,
}

impl Agent {
    /// `messages`: the app's prompt with history and question.
    pub async fn prepare(
        state: &AppState,
        config: &ModelConfig,
        scope: &Scope,
        source: RunSource,
        model: Model,
        request: Request,
        messages: Vec<Message>,
    ) -> Result<Self> {
        let (wanted, errors) = config.agent_mode.tools();
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let toolbox = Toolbox::new(state, scope.workspace_id);
        let mut tools =
            AppTools { state: state.clone(), scope: *scope, caller: None, toolbox, kit: Toolkit::default(), found: HashMap::new() };
        for wanted in wanted {
            let tool = tools.toolbox.find(&wanted.tool).await.map_err(|error| match error {
                ToolError::Internal(error) => error,
                other => Error::invalid("agent_mode.tools", format!("agent_mode.tools: {other}")),
            })?;
            let is_authors = |name: &str| tool.info.parameters.iter().any(|p| p.name == name && p.form == Form::Form);
            let settings = wanted.tool_parameters.into_iter().filter(|(name, _)| is_authors(name)).collect();
            if tool.workflow().is_some() && tools.caller.is_none() {
                tools.caller = Some(Caller::of_scope(state, scope, source).await?);
            }
            let name = tools.kit.add(&tool.info, "", settings);
            tools.found.insert(name, tool);
        }
        let strategy = match config.agent_mode.strategy {
            AgentStrategy::FunctionCall => Strategy::FunctionCall,
            AgentStrategy::React => Strategy::React,
        };
        let max_iterations = config.agent_mode.max_iteration;
        let task = Task { model, strategy, request, messages, tools: tools.kit.tools(), max_iterations };
        Ok(Self { task, tools })
    }

    /// What people call the tools.
    pub fn labels(&self) -> HashMap<String, String> {
        self.tools.kit.labels().collect()
    }

    /// Works, and tells.
    pub(super) fn happenings(&self) -> impl Stream<Item = Result<Happened, Failure>> {
        let (sender, mut events) = mpsc::unbounded_channel();
        async_stream::stream! {
            let watch = move |event| {
                // whoever listens is this stream
                let _ = sender.send(event);
            };
            let work = agents::run(&self.task, &self.tools, &watch);
            tokio::pin!(work);
            let ended = loop {
                let next = tokio::select! {
                    biased;
                    Some(event) = events.recv() => Ok(event),
                    ended = &mut work => Err(ended),
                };
                match next {
                    Ok(event) => yield Ok(told(event)),
                    Err(ended) => break ended,
                }
            };
            while let Ok(event) = events.try_recv() {
                yield Ok(told(event));
            }
            yield ended.map(|outcome| Happened::Done(outcome.usage));
        }
    }
}

fn told(event: Event) -> Happened {
    match event {
        Event::Text(text) => Happened::Text(text),
        event => Happened::Agent(event),
    }
}

/// The tools of an app, called for whoever asked.
struct AppTools {
    state: AppState,
    scope: Scope,
    /// For workflows among the tools.
    caller: Option<Caller>,
    toolbox: Toolbox,
    kit: Toolkit,
    /// By the names that the model uses.
    found: HashMap<String, Tool>,
}

#[async_trait]
impl Tools for AppTools {
    async fn call(&self, name: &str, arguments: Map<String, Value>) -> Result<Observation, String> {
        let (Some(entry), Some(tool)) = (self.kit.find(name), self.found.get(name)) else {
            return Err(format!("There is no tool named {name:?}."));
        };
        let arguments = entry.arguments(arguments);
        let called = match &self.caller {
            Some(caller) if tool.workflow().is_some() => {
                nested::call(&self.state, caller, tool, arguments, None).await.map(|invoked| invoked.output)
            }
            _ => self.toolbox.call(tool, arguments).await,
        };
        let output = called.map_err(|error| {
            if let ToolError::Internal(cause) = &error {
                cause.log();
            }
            error.to_string()
        })?;
        let mut files = Vec::with_capacity(output.files.len());
        for file in output.files {
            files.push(self.keep(file).await.map_err(|error| {
                error.log();
                error.message
            })?);
        }
        Ok(Observation { text: output.text, json: output.json, files })
    }
}

impl AppTools {
    /// Links of tools expire: what they lead to is kept.
    async fn keep(&self, file: ToolFile) -> Result<Value> {
        let bytes = match file.content {
            FileContent::Kept(value) => return Ok(value),
            FileContent::Bytes(bytes) => bytes,
            FileContent::Url(url) => {
                let extension = file.name.rsplit_once('.').map_or("", |(_, extension)| extension);
                let max_bytes = FileKind::of_extension(extension).limit_mb(&self.state.config) << 20;
                let fetched = self.state.outbound.get(&url, Limits { max_bytes, timeout: FETCH_TIMEOUT }).await;
                let refused =
                    |refusal| Error::invalid("url", format!("The tool's file '{}' could not be fetched: it {refusal}.", file.name));
                fetched.map_err(refused)?.1
            }
        };
        files::keep_value(&self.state, &self.scope, &file.name, &file.mime_type, bytes).await
    }
}

/// What an agent has thought and done so far.
pub(super) struct Thinking {
    message_id: MessageId,
    labels: HashMap<String, String>,
    rows: Vec<Row>,
    /// Rows before this one are saved as they stay.
    n_saved: usize,
    /// Of the round that runs.
    calls: Vec<(Call, String)>,
    files: Vec<AnswerFile>,
    pub usage: Usage,
}

impl Thinking {
    pub fn new(message_id: MessageId, labels: HashMap<String, String>) -> Self {
        let (rows, calls, files) = (Vec::new(), Vec::new(), Vec::new());
        Self { message_id, labels, rows, n_saved: 0, calls, files, usage: Usage::default() }
    }

    /// Notes what happened; gives the events that tell of it.
    pub fn take(&mut self, event: Event, writer: &EventWriter) -> Vec<Bytes> {
        if let Event::RoundStarted { round } = event {
            self.rows.push(Row {
                id: ThoughtId::new(),
                message_id: self.message_id,
                position: i32::try_from(round).unwrap_or(i32::MAX),
                thought: String::new(),
                tool: String::new(),
                tool_labels: json!({}),
                tool_input: String::new(),
                observation: String::new(),
                files: json!([]),
                created_at: chrono::DateTime::from(std::time::SystemTime::now()),
            });
        }
        let Some(row) = self.rows.last_mut() else { return Vec::new() };
        match event {
            Event::RoundStarted { .. } => vec![writer.agent_thought(row)],
            Event::Thought { thought, calls, usage, .. } => {
                self.usage.add(&usage);
                row.thought = thought.replace('\0', "");
                row.tool = calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>().join(";");
                let label = |name: &str| self.labels.get(name).map_or(name, String::as_str).to_owned();
                row.tool_labels = calls.iter().map(|call| (call.name.clone(), json!({"en_US": label(&call.name)}))).collect();
                if !calls.is_empty() {
                    let input = |call: &Call| (call.name.clone(), Value::Object(call.arguments.clone().unwrap_or_default()));
                    row.tool_input = Value::Object(calls.iter().map(input).collect()).to_string();
                }
                self.calls = calls.into_iter().map(|call| (call, String::new())).collect();
                vec![writer.agent_thought(row)]
            }
            Event::CallEnded { index, observed, .. } => {
                let Some((_, text)) = self.calls.get_mut(index) else { return Vec::new() };
                let made = match observed {
                    Ok(Observation { text: said, json, files }) => {
                        *text = if said.is_empty() && !json.is_empty() { Value::Array(json).to_string() } else { said };
                        files.iter().map(AnswerFile::of_value).collect()
                    }
                    Err(message) => {
                        *text = message;
                        Vec::new()
                    }
                };
                let events = made.iter().map(|file| writer.message_file(file)).collect();
                if let Some(ids) = row.files.as_array_mut() {
                    ids.extend(made.iter().map(|file| json!(file.id)));
                }
                self.files.extend(made);
                events
            }
            Event::RoundEnded { .. } => {
                let observed = self.calls.drain(..).map(|(call, text)| (call.name, Value::String(text.replace('\0', ""))));
                row.observation = Value::Object(observed.collect()).to_string();
                vec![writer.agent_thought(row)]
            }
            Event::CallStarted { .. } | Event::Text(_) => Vec::new(),
        }
    }

    /// Rows that changed since this was asked last; the newest may change again.
    pub fn unsaved(&mut self) -> Vec<Row> {
        let rows = self.rows[self.n_saved..].to_vec();
        self.n_saved = self.rows.len().saturating_sub(1);
        rows
    }

    pub fn into_kept(self) -> Kept {
        Kept { thoughts: self.rows, files: self.files }
    }
}
