//! Names of conversations, found by the model.

use super::ask::{Aside, ask};
use super::db::conversations;
use crate::catalog::ModelRef;
use crate::engine::request::{Format, Message, Priority, Role};
use crate::ids::{ConversationId, WorkspaceId};
use crate::state::AppState;

/// Asked in these words because the bundled model learned them; larger ones need no more.
const INSTRUCTIONS: &str = "Write a short title for this conversation.";
/// Characters of each side of the exchange that are read: the start says what it is about.
const MOST_CHARS: usize = 2000;
/// Characters of a name.
const LONGEST: usize = 75;

/// A new conversation that keeps its provisional name until the model has found one.
pub struct Job {
    pub workspace_id: WorkspaceId,
    pub conversation_id: ConversationId,
    pub old_name: String,
    pub model: ModelRef,
    pub query: String,
}

/// In the background, after `answer` was given: a failure leaves the name as it is.
pub async fn run(state: &AppState, job: Job, answer: &str) {
    let Some(name) = title(state, job.workspace_id, &job.model, &job.query, answer).await else { return };
    let named = conversations::name_automatically(&state.db, job.workspace_id, job.conversation_id, &job.old_name, &name).await;
    if let Err(error) = named {
        tracing::warn!(conversation.id = %job.conversation_id, %error, "a conversation could not be named");
    }
}

/// None when the model fails or says nothing of use. An empty `answer` is left out.
pub async fn title(state: &AppState, workspace_id: WorkspaceId, model: &ModelRef, query: &str, answer: &str) -> Option<String> {
    let start = |text: &str| text.trim().chars().take(MOST_CHARS).collect::<String>();
    let prompt = match answer.trim() {
        "" => format!("{INSTRUCTIONS}\n\nUser: {}", start(query)),
        answer => format!("user: {}\nassistant: {}\n\n{INSTRUCTIONS}", start(query), start(answer)),
    };
    let messages = vec![Message::text(Role::User, prompt)];
    let aside = Aside { messages, format: Format::Text, max_tokens: 40, priority: Priority::Batch };
    match ask(state, workspace_id, model, aside).await {
        Ok(text) => clean(&text),
        Err(error) => {
            tracing::info!(%error, "no name for a conversation");
            None
        }
    }
}

fn clean(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = line.trim_matches(|c: char| c == '#' || c == '*' || c.is_whitespace() || "\"'`“”‘’《》「」".contains(c));
    let line: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_clean_line() {
        assert_eq!(clean("\n  \"A red circle\"\nand more").as_deref(), Some("A red circle"));
        assert_eq!(clean("## **Kochen**").as_deref(), Some("Kochen"));
        assert_eq!(clean("《红色的圆》").as_deref(), Some("红色的圆"));
        assert_eq!(clean(" \n\"\" "), None);
        assert_eq!(clean(&"x".repeat(200)).map(|t| t.len()), Some(LONGEST));
    }
}
