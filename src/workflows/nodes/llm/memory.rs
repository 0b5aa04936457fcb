//! `memory` of a node: past exchanges of the conversation, as many as the model's context leaves room for.

use serde::Deserialize;

use super::call::failed;
use super::model::Chosen;
use crate::apps::config::Window;
use crate::catalog::fit::{Newest, prompt_budget};
use crate::engine::request::{Message, Part, Role};
use crate::workflows::nodes::{Context, NodeError};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Memory {
    role_prefix: RolePrefix,
    window: Window,
    /// The question that follows the history; empty = what the user asked.
    pub query_prompt_template: String,
}

/// Who speaks, in models that continue a text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RolePrefix {
    user: String,
    assistant: String,
}

impl Memory {
    /// The newest exchanges, oldest first, with pictures only for models that see them.
    pub async fn recall(&self, chosen: &Chosen, context: &Context) -> Result<Vec<Message>, NodeError> {
        let mut history = context.host.history(self.window.enabled.then_some(self.window.size)).await?;
        if !chosen.model.features().vision {
            for message in &mut history {
                message.content.retain(|part| matches!(part, Part::Text(_)));
            }
        }
        // an exchange begins with a question
        let first = history.iter().position(|message| message.role == Role::User).unwrap_or(history.len());
        history.drain(..first);
        Ok(history)
    }

    /// The history as lines of a text, with the roles' own names.
    pub fn lines(&self, history: &[Message]) -> String {
        let or = |name: &str, otherwise: &str| if name.is_empty() { otherwise.to_owned() } else { name.to_owned() };
        lines(history, &or(&self.role_prefix.user, "Human"), &or(&self.role_prefix.assistant, "Assistant"))
    }
}

fn lines(history: &[Message], user: &str, assistant: &str) -> String {
    let line = |message: &Message| {
        let speaker = match message.role {
            Role::User => user,
            Role::Assistant => assistant,
            Role::System | Role::Tool => return None,
        };
        let content = message.content.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Image(_) => "[image]",
            Part::Video(_) => "[video]",
        });
        Some(format!("{speaker}: {}", content.collect::<Vec<_>>().join("\n")))
    };
    history.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// The prompt that `build` makes with as many of the newest exchanges as fit beside the answer.
pub async fn fit(
    chosen: &Chosen,
    history: &[Message],
    build: impl Fn(&[Message]) -> Vec<Message> + Send + Sync,
) -> Result<Vec<Message>, NodeError> {
    let starts: Vec<usize> = (0..history.len()).filter(|i| history[*i].role == Role::User).collect();
    let newest_messages = |n: usize| if n == 0 { &[][..] } else { &history[starts[starts.len() - n]..] };
    let budget = prompt_budget(&chosen.model, chosen.params.max_tokens);
    let whole = build(history);
    if surely_fits(&whole, budget) {
        return Ok(whole);
    }
    let mut newest = Newest::of(starts.len());
    while let Some(n) = newest.to_try() {
        let prompt = build(newest_messages(n));
        newest.tried(chosen.model.count_tokens(&prompt, &[]).await.map_err(failed)? <= budget);
    }
    Ok(build(newest_messages(newest.that_fit())))
}

/// No text has more tokens than bytes, and templates add a few to each message: most prompts need no counting.
fn surely_fits(messages: &[Message], budget: usize) -> bool {
    let mut size = 64;
    for message in messages {
        size += 16;
        for part in &message.content {
            match part {
                Part::Text(text) => size += text.len(),
                Part::Image(_) | Part::Video(_) => return false,
            }
        }
    }
    size <= budget
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_reads_as_lines() {
        let history = [Message::text(Role::User, "a"), Message::text(Role::Assistant, "b"), Message::text(Role::System, "never")];
        assert_eq!(Memory::default().lines(&history), "Human: a\nAssistant: b");
        let memory: Memory = serde_json::from_value(serde_json::json!({"role_prefix": {"user": "U", "assistant": ""}})).unwrap();
        assert_eq!(memory.lines(&history), "U: a\nAssistant: b");
    }
}
