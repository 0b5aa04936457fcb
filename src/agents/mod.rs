//! Agents: a model that calls tools until it can answer. The `agent` node and agent-chat apps run the same loop.
//!
//! A round is one answer of the model and the calls it asked for, side by side; what they gave is shown to it in the next.
//! Models with tools call functions ([`Strategy::FunctionCall`]); others write their calls as JSON in a text of thoughts,
//! actions and observations ([`Strategy::React`]). After the rounds that are allowed the model must answer without tools.
//!
//! Knows models; not where tools come from ([`Tools`]), nor apps and workflows.

mod function_call;
mod react;
#[cfg(test)]
mod tests;
pub mod toolkit;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use serde_json::{Map, Value};

use crate::catalog::fit::prompt_budget;
use crate::catalog::{Model, Usage};
use crate::engine::request::{Failure, Input, Message, Request, Tool};

/// Most rounds that an app may allow.
pub const MAX_ITERATIONS: u32 = 99;
/// Calls of one round that run at a time.
const PARALLEL_CALLS: usize = 8;
/// Calls of one round; what is more is not made.
const MAX_CALLS: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    FunctionCall,
    React,
}

impl Strategy {
    /// Models without tools reason in text, whatever is wished.
    pub fn of(self, model: &Model) -> Self {
        if model.features().tools { self } else { Self::React }
    }
}

/// What an agent is to do, and with what.
pub struct Task {
    pub model: Model,
    pub strategy: Strategy,
    /// Sampling, limits, priority and salt. Input and tools come with the rounds.
    pub request: Request,
    /// Instructions, history, and the question last.
    pub messages: Vec<Message>,
    pub tools: Vec<Tool>,
    /// Rounds with tools.
    pub max_iterations: u32,
}

/// The tools of an agent.
#[async_trait]
pub trait Tools: Send + Sync {
    /// Calls one of the task's tools. The error is for the model, which may try something else.
    async fn call(&self, name: &str, arguments: Map<String, Value>) -> Result<Observation, String>;
}

/// What a tool gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observation {
    /// For the model.
    pub text: String,
    pub json: Vec<Value>,
    /// File values.
    pub files: Vec<Value>,
}

/// A call that the model asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub id: String,
    pub name: String,
    /// As the model wrote them, if that could be read.
    pub arguments: Result<Map<String, Value>, String>,
}

/// What happens, in order. Calls of one round end in any order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The model is asked. The first round is 1.
    RoundStarted {
        round: u32,
    },
    /// A piece of what the agent says to the user. The pieces add up to [`Outcome::text`].
    Text(String),
    /// The model has answered; without calls this was the last round.
    Thought {
        round: u32,
        thought: String,
        calls: Vec<Call>,
        usage: Box<Usage>,
    },
    CallStarted {
        round: u32,
        index: usize,
    },
    CallEnded {
        round: u32,
        index: usize,
        observed: Result<Observation, String>,
    },
    /// What all calls gave is known.
    RoundEnded {
        round: u32,
    },
}

/// Where events go.
pub type Watcher<'a> = dyn Fn(Event) + Send + Sync + 'a;

/// What became of the task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    pub text: String,
    /// Of all tools.
    pub json: Vec<Value>,
    pub files: Vec<Value>,
    pub usage: Usage,
}

/// Runs the agent to its answer. Dropping the future stops it.
pub async fn run(task: &Task, tools: &dyn Tools, watch: &Watcher<'_>) -> Result<Outcome, Failure> {
    match task.strategy.of(&task.model) {
        Strategy::FunctionCall => function_call::run(task, tools, watch).await,
        Strategy::React => react::run(task, tools, watch).await,
    }
}

impl Task {
    fn rounds(&self) -> u32 {
        self.max_iterations.clamp(1, MAX_ITERATIONS)
    }

    fn request(&self, messages: Vec<Message>, tools: &[Tool]) -> Request {
        Request { input: Input::Chat(messages), tools: tools.to_vec(), ..self.request.clone() }
    }

    /// Makes the calls of a round; what each gave, in their order.
    async fn call(&self, round: u32, calls: &[Call], tools: &dyn Tools, watch: &Watcher<'_>) -> Vec<Result<Observation, String>> {
        let one = move |index: usize| async move {
            watch(Event::CallStarted { round, index });
            let observed = self.call_one(&calls[index], tools).await;
            watch(Event::CallEnded { round, index, observed: observed.clone() });
            observed
        };
        let observed = stream::iter((0..calls.len()).map(one)).buffered(PARALLEL_CALLS).collect().await;
        watch(Event::RoundEnded { round });
        observed
    }

    async fn call_one(&self, call: &Call, tools: &dyn Tools) -> Result<Observation, String> {
        if !self.tools.iter().any(|tool| tool.name == call.name) {
            let names: Vec<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
            return Err(format!("There is no tool named {:?}. The tools are: {}.", call.name, names.join(", ")));
        }
        tools.call(&call.name, call.arguments.clone()?).await
    }

    /// An observation as the model reads it: no longer than leaves room for what else it must read.
    fn shown(&self, observed: &Result<Observation, String>) -> String {
        let text = match observed {
            Ok(observation) if observation.text.is_empty() => match observation.json.as_slice() {
                [] if observation.files.is_empty() => "The tool gave nothing.".to_owned(),
                [] => format!("The tool made {} file(s), which the user sees.", observation.files.len()),
                [one] => one.to_string(),
                many => Value::Array(many.to_vec()).to_string(),
            },
            Ok(observation) => observation.text.clone(),
            Err(message) => format!("Error: {message}"),
        };
        // half of the prompt, at four bytes a token
        let room = prompt_budget(&self.model, self.request.max_tokens) * 2;
        if text.len() <= room {
            return text;
        }
        let end = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        format!("{}\n[cut: the rest is too long]", &text[..end])
    }
}

impl Outcome {
    /// Takes what the calls of a round gave.
    fn keep(&mut self, observed: &[Result<Observation, String>]) {
        for observation in observed.iter().flatten() {
            self.json.extend(observation.json.iter().cloned());
            self.files.extend(observation.files.iter().cloned());
        }
    }
}

impl Call {
    /// As JSON text.
    pub fn arguments_text(&self) -> String {
        match &self.arguments {
            Ok(arguments) => Value::Object(arguments.clone()).to_string(),
            Err(_) => "{}".to_owned(),
        }
    }
}
