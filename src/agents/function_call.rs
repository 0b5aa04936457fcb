//! Agents whose model calls functions.

use serde_json::{Map, Value};

use super::{Call, Event, MAX_CALLS, Outcome, Task, Tools, Watcher};
use crate::catalog::think::without_thoughts;
use crate::engine::request::{Failure, Message, Role, ToolCall};

pub(super) async fn run(task: &Task, tools: &dyn Tools, watch: &Watcher<'_>) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let mut messages = task.messages.clone();
    for round in 1.. {
        watch(Event::RoundStarted { round });
        // in the last round there is nothing to call
        let offered = if round > task.rounds() { &[][..] } else { &task.tools[..] };
        let says = |piece: &str, outcome: &mut Outcome| {
            outcome.text.push_str(piece);
            watch(Event::Text(piece.to_owned()));
        };
        let mut begins = !outcome.text.is_empty();
        let answer = task
            .model
            .answer(task.request(messages.clone(), offered), |piece| {
                // what was said before a call stands on a line of its own
                if std::mem::take(&mut begins) {
                    says("\n", &mut outcome);
                }
                says(piece, &mut outcome);
            })
            .await?;
        outcome.usage.add(&answer.usage);
        let asked = if round > task.rounds() { &[][..] } else { &answer.tool_calls[..answer.tool_calls.len().min(MAX_CALLS)] };
        let calls: Vec<Call> = asked.iter().map(read).collect();
        watch(Event::Thought { round, thought: answer.text.clone(), calls: calls.clone(), usage: Box::new(answer.usage) });
        if calls.is_empty() {
            break;
        }
        let observed = task.call(round, &calls, tools, watch).await;
        outcome.keep(&observed);
        messages.push(Message { tool_calls: asked.to_vec(), ..Message::text(Role::Assistant, without_thoughts(&answer.text)) });
        for (call, observed) in calls.into_iter().zip(&observed) {
            let (id, name) = (Some(call.id), Some(call.name));
            messages.push(Message { tool_call_id: id, name, ..Message::text(Role::Tool, task.shown(observed)) });
        }
    }
    Ok(outcome)
}

fn read(call: &ToolCall) -> Call {
    let arguments = match call.arguments.trim() {
        "" => Ok(Map::new()),
        text => match serde_json::from_str(text) {
            Ok(Value::Object(arguments)) => Ok(arguments),
            Ok(_) => Err("The arguments must be a JSON object.".to_owned()),
            Err(error) => Err(format!("The arguments are not JSON: {error}.")),
        },
    };
    Call { id: call.id.clone(), name: call.name.clone(), arguments }
}
