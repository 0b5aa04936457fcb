//! Agents whose model knows no functions: it writes thoughts and actions, reads observations, and ends with its answer.
//!
//! ```text
//! Thought: I need the weather.
//! Action: {"action": "weather", "action_input": {"city": "Rome"}}
//! Observation: Sunny.
//! Thought: I know enough.
//! FinalAnswer: It is sunny.
//! ```

use serde_json::{Map, Value, json};

use super::{Call, Event, Outcome, Task, Tools, Watcher};
use crate::catalog::think::{Piece, Splitter};
use crate::engine::request::{Failure, Message, Part, Role, Tool};

/// The model must not make up what it observes.
const STOP: &str = "Observation:";
const THOUGHT: &str = "Thought:";
const ACTION: &str = "Action:";
const ANSWERS: [&str; 2] = ["FinalAnswer:", "Final Answer:"];

pub(super) async fn run(task: &Task, tools: &dyn Tools, watch: &Watcher<'_>) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let mut scratchpad = String::new();
    for round in 1.. {
        watch(Event::RoundStarted { round });
        let is_last = round > task.rounds();
        let mut request = task.request(messages(task, &scratchpad, is_last), &[]);
        request.stop.push(STOP.to_owned());
        let (mut splitter, mut finder) = (Splitter::default(), AnswerFinder::default());
        let mut take = |pieces: Vec<Piece>, outcome: &mut Outcome| {
            for piece in pieces {
                if let Piece::Text(text) = piece
                    && let Some(text) = finder.push(&text)
                {
                    say(text, outcome, watch);
                }
            }
        };
        let answer = task.model.answer(request, |piece| take(splitter.push(piece), &mut outcome)).await?;
        let (pieces, split) = splitter.finish();
        take(pieces, &mut outcome);
        outcome.usage.add(&answer.usage);
        let step = match finder.began {
            true => Step { thought: thought_before(&split.text, &ANSWERS), next: Next::Answer(None) },
            false => read(&split.text, &task.tools),
        };
        let calls = match step.next {
            Next::Call(call) if !is_last => vec![call],
            // what it wanted to do can't be done any more
            Next::Call(_) => {
                say(step.thought.clone(), &mut outcome, watch);
                Vec::new()
            }
            Next::Answer(text) => {
                say(text.unwrap_or_default(), &mut outcome, watch);
                Vec::new()
            }
        };
        watch(Event::Thought { round, thought: step.thought.clone(), calls: calls.clone(), usage: Box::new(answer.usage) });
        let [call] = calls.as_slice() else { break };
        let observed = task.call(round, &calls, tools, watch).await;
        outcome.keep(&observed);
        let action = json!({"action": call.name, "action_input": call.arguments.clone().unwrap_or_default()});
        let observation = observed.first().map(|observed| task.shown(observed)).unwrap_or_default();
        scratchpad.push_str(&format!("{THOUGHT} {}\n{ACTION} {action}\n{STOP} {observation}\n", step.thought));
    }
    Ok(outcome)
}

fn say(text: String, outcome: &mut Outcome, watch: &Watcher<'_>) {
    if !text.is_empty() {
        outcome.text.push_str(&text);
        watch(Event::Text(text));
    }
}

/// The task's messages with the rules of the game before and the steps so far after them.
fn messages(task: &Task, scratchpad: &str, is_last: bool) -> Vec<Message> {
    let mut messages = task.messages.clone();
    let rules = rules(&task.tools);
    match messages.first_mut().filter(|first| first.role == Role::System) {
        Some(system) => system.content.push(Part::Text(format!("\n\n{rules}"))),
        None => messages.insert(0, Message::text(Role::System, rules)),
    }
    let go_on = match is_last {
        true => "No more actions are possible. Write the FinalAnswer now, from what you know.",
        false => "Go on.",
    };
    if !scratchpad.is_empty() {
        messages.push(Message::text(Role::Assistant, scratchpad));
        messages.push(Message::text(Role::User, go_on));
    }
    messages
}

fn rules(tools: &[Tool]) -> String {
    let tool = |tool: &Tool| json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters}).to_string();
    let list: Vec<String> = tools.iter().map(tool).collect();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    format!(
        "You can use these tools, each described by a JSON object with the JSON Schema of its parameters:\n{}\n\n\
         Work in steps. Write each step in this form, and nothing after it:\n\
         {THOUGHT} what you know and what is missing\n\
         {ACTION} {{\"action\": one of [{}], \"action_input\": {{parameters of the tool}}}}\n\n\
         You will then be told what the tool gave:\n{STOP} what the tool gave\n\n\
         When you know enough, or when no tool helps, write instead:\n\
         {THOUGHT} why you can answer\n{} your answer to the user",
        list.join("\n"),
        names.join(", "),
        ANSWERS[0],
    )
}

struct Step {
    thought: String,
    next: Next,
}

enum Next {
    Call(Call),
    /// With what is left to say.
    Answer(Option<String>),
}

/// What the model wrote, without an answer that was found while it was written.
fn read(text: &str, tools: &[Tool]) -> Step {
    let Some((at, action)) = find_action(text) else {
        // no action: the whole of it is the answer
        let thought = thought_before(text, &[]);
        return Step { thought: String::new(), next: Next::Answer(Some(thought)) };
    };
    let thought = thought_before(&text[..at], &[ACTION]);
    let name = action["action"].as_str().unwrap_or_default().trim().to_owned();
    let input = action.get("action_input").cloned().unwrap_or_default();
    let lower = name.to_lowercase();
    if lower.contains("final") && lower.contains("answer") {
        let answer = input.as_str().map_or_else(|| input.to_string(), str::to_owned);
        return Step { thought, next: Next::Answer(Some(answer)) };
    }
    let arguments = arguments(input, tools.iter().find(|tool| tool.name == name));
    Step { thought, next: Next::Call(Call { id: String::new(), name, arguments }) }
}

/// Where the first JSON object with an action is.
fn find_action(text: &str) -> Option<(usize, Map<String, Value>)> {
    text.match_indices('{').find_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Map<String, Value>>();
        values.next()?.ok().filter(|object| object.get("action").is_some_and(Value::is_string)).map(|object| (at, object))
    })
}

fn arguments(input: Value, tool: Option<&Tool>) -> Result<Map<String, Value>, String> {
    let text = match input {
        Value::Object(arguments) => return Ok(arguments),
        Value::Null => return Ok(Map::new()),
        Value::String(text) => text,
        other => other.to_string(),
    };
    if let Ok(arguments) = serde_json::from_str(&text) {
        return Ok(arguments);
    }
    // the one parameter is meant
    let properties = tool.and_then(|tool| tool.parameters.get("properties")).and_then(Value::as_object);
    match properties.map(|properties| properties.keys().collect::<Vec<_>>()).as_deref() {
        Some([only]) => Ok(Map::from_iter([((*only).clone(), Value::String(text))])),
        _ => Err("action_input must be a JSON object with the tool's parameters.".to_owned()),
    }
}

/// The thought in a text that ends where one of these labels begins.
fn thought_before(text: &str, labels: &[&str]) -> String {
    let end = labels.iter().filter_map(|label| text.rfind(label)).min().unwrap_or(text.len());
    let thought = text[..end].trim().trim_end_matches("```json").trim_end_matches("```").trim();
    thought.strip_prefix(THOUGHT).unwrap_or(thought).trim().to_owned()
}

/// Finds the answer in a text while it is being written.
#[derive(Default)]
struct AnswerFinder {
    /// Until the answer begins.
    before: String,
    has_action: bool,
    began: bool,
    has_text: bool,
}

impl AnswerFinder {
    /// What of the piece belongs to the answer.
    fn push(&mut self, piece: &str) -> Option<String> {
        let text = if self.began {
            piece
        } else {
            self.before.push_str(piece);
            // what comes after an action is no answer
            self.has_action |= piece.contains('}') && find_action(&self.before).is_some();
            if self.has_action {
                return None;
            }
            let found = ANSWERS.iter().filter_map(|label| Some((self.before.find(label)?, label.len()))).min();
            let (at, length) = found?;
            self.began = true;
            &self.before[at + length..]
        };
        let text = if self.has_text { text } else { text.trim_start() };
        self.has_text |= !text.is_empty();
        (!text.is_empty()).then(|| text.to_owned())
    }
}
