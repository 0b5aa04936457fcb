//! `agent`: a model that calls tools until it can answer ([`crate::agents`]).

mod log;
#[cfg(test)]
mod tests;
mod tools;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use self::log::Log;
use self::tools::{AgentTool, HostTools, value_of_parameter};
use super::llm::RETRIEVER_RESOURCES;
use super::llm::call::{failed, failed_at, node_usage, request};
use super::llm::knowledge;
use super::llm::memory::{Memory, fit};
use super::llm::model::{Chosen, ModelSettings};
use super::{Context, FieldError, NodeError, Outcome, read};
use crate::agents::{self, Event, Strategy, Task};
use crate::engine::request::{Input, Message, Role};
use crate::workflows::value;
use crate::workflows::vars::Vars;

/// Rounds when the node does not say.
const DEFAULT_ITERATIONS: u32 = 5;

#[derive(Debug)]
pub struct Agent {
    strategy: Strategy,
    parameters: BTreeMap<String, Value>,
    memory: Option<Memory>,
}

/// As the file has it.
#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    agent_strategy_name: String,
    #[serde(default)]
    agent_parameters: BTreeMap<String, Value>,
    memory: Option<Memory>,
}

impl Agent {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        if data.get("agent_node_kind").is_some_and(|kind| !kind.is_null()) {
            return Err(FieldError::new("agent_node_kind", "agent apps can't be called from workflows here: use an agent strategy"));
        }
        let parsed: Data = read(data)?;
        let name: String = parsed.agent_strategy_name.to_lowercase().chars().filter(char::is_ascii_alphabetic).collect();
        let strategy = match name.as_str() {
            "functioncalling" | "functioncall" => Strategy::FunctionCall,
            "react" | "cot" => Strategy::React,
            _ => {
                let message = format!("'{}' is not available on this server: use function_calling or ReAct", parsed.agent_strategy_name);
                return Err(FieldError::new("agent_strategy_name", message));
            }
        };
        let node = Self { strategy, parameters: parsed.agent_parameters, memory: parsed.memory };
        let at = |name: &str, error: FieldError| {
            let dot = if error.field.starts_with('[') { "" } else { "." };
            FieldError::new(format!("agent_parameters.{name}.value{dot}{}", error.field), error.message)
        };
        if let Some(model) = node.constant("model") {
            let model: ModelSettings = read(model).map_err(|error| at("model", error))?;
            model.check("agent_parameters.model.value")?;
        }
        if let Some(tools) = node.constant("tools") {
            read::<Vec<AgentTool>>(tools).map_err(|error| at("tools", error))?;
        }
        Ok(node)
    }

    /// The value of a parameter that is no variable.
    fn constant(&self, name: &str) -> Option<&Value> {
        let parameter = self.parameters.get(name)?;
        parameter.get("value").filter(|value| !value.is_null() && parameter["type"] == "constant")
    }

    fn parameter(&self, name: &str, context: &Context) -> Value {
        self.parameters.get(name).map(|given| value_of_parameter(given, &context.pool)).unwrap_or_default()
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let mut outcome = Outcome::default();
        match self.answer(context, &mut outcome).await {
            Ok(()) => Ok(outcome),
            Err(error) => Err(failed_at(outcome, error)),
        }
    }

    async fn answer(&self, context: &Context, outcome: &mut Outcome) -> Result<(), NodeError> {
        let bad = |name: &str, why: &str| NodeError::new("AgentNodeError", format!("agent_parameters.{name}: {why}"));
        let query = value::text(&self.parameter("query", context));
        let max_iterations = match self.parameter("maximum_iterations", context) {
            Value::Null => DEFAULT_ITERATIONS,
            given => {
                let number = given.as_f64().or_else(|| given.as_str()?.trim().parse().ok()).filter(|n| (1.0..=99.0).contains(n));
                number.ok_or_else(|| bad("maximum_iterations", &format!("must be a number from 1 to 99, not {given}")))? as u32
            }
        };
        outcome.inputs.insert("query".into(), json!(query));
        outcome.inputs.insert("maximum_iterations".into(), json!(max_iterations));
        let model: ModelSettings = read(&self.parameter("model", context)).map_err(|error| bad("model", &error.message))?;
        let chosen = model.open(context).await?;
        chosen.describe(&mut outcome.inputs);
        let messages = self.messages(context, &chosen, &query, outcome).await?;
        // their arguments are filled in one by one
        let tools = self.constant("tools").cloned().unwrap_or_else(|| self.parameter("tools", context));
        let tools: Vec<AgentTool> = match tools {
            Value::Null => Vec::new(),
            given => read(&given).map_err(|error| bad(&format!("tools{}", error.field), &error.message))?,
        };
        let tools = HostTools::find(context, &tools).await?;
        let task = Task {
            strategy: self.strategy,
            request: request(&chosen, context, Input::Chat(Vec::new()))?,
            model: chosen.model,
            messages,
            tools: tools.kit.tools(),
            max_iterations,
        };
        let log = Log::new(context, &task.model.reference());
        let watch = |event: Event| match event {
            Event::Text(text) => context.out.text(context, "text", text),
            event => log.take(&event),
        };
        let ended = agents::run(&task, &tools, &watch).await;
        outcome.usage = node_usage(&log.usage());
        outcome.usage.add(&tools.usage());
        outcome.metadata.insert("agent_log".into(), json!(log.entries()));
        let ended = ended.map_err(failed)?;
        let mut json = log.entries();
        json.extend(if ended.json.is_empty() { vec![json!({"data": []})] } else { ended.json });
        outcome.outputs = Vars::from_iter([
            ("text".to_owned(), Value::String(ended.text)),
            ("usage".to_owned(), json!(ended.usage)),
            ("files".to_owned(), Value::Array(ended.files)),
            ("json".to_owned(), Value::Array(json)),
        ]);
        Ok(())
    }

    async fn messages(&self, context: &Context, chosen: &Chosen, query: &str, outcome: &mut Outcome) -> Result<Vec<Message>, NodeError> {
        let mut instruction = value::text(&self.parameter("instruction", context));
        outcome.inputs.insert("instruction".into(), json!(instruction));
        let knowledge = knowledge::of_value(&self.parameter("context", context))?;
        if !knowledge.text.is_empty() {
            instruction.push_str(&format!("\n\nUse what is known where it helps:\n<context>\n{}\n</context>", knowledge.text));
        }
        if !knowledge.resources.is_empty() {
            outcome.metadata.insert(RETRIEVER_RESOURCES.into(), json!(knowledge.resources));
        }
        let history = match &self.memory {
            Some(memory) => memory.recall(chosen, context).await?,
            None => Vec::new(),
        };
        let instruction = instruction.trim();
        let messages = fit(chosen, &history, |history| {
            let system = (!instruction.is_empty()).then(|| Message::text(Role::System, instruction));
            system.into_iter().chain(history.iter().cloned()).chain([Message::text(Role::User, query)]).collect()
        });
        messages.await
    }
}
