//! Names of conversations, found by the model.

use super::ask::{Aside, ask};
use super::db::conversations;
use crate::catalog::ModelRef;
use crate::engine::request::{Format, Message, Priority, Role};
use crate::ids::{ConversationId, WorkspaceId};
use crate::state::AppState;

const INSTRUCTIONS: &str = "You name conversations. Read the user's first message and answer with a title for the conversation \
    and nothing else: at most eight words, in the language of the message, without quotation marks.";
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

/// In the background: a failure leaves the name as it is.
pub async fn run(state: &AppState, job: Job) {
    let Some(name) = title(state, job.workspace_id, &job.model, &job.query).await else { return };
    let named = conversations::name_automatically(&state.db, job.workspace_id, job.conversation_id, &job.old_name, &name).await;
    if let Err(error) = named {
        tracing::warn!(conversation.id = %job.conversation_id, %error, "a conversation could not be named");
    }
}

/// None when the model fails or says nothing of use.
pub async fn title(state: &AppState, workspace_id: WorkspaceId, model: &ModelRef, query: &str) -> Option<String> {
    // the start says what it is about
    let query: String = query.chars().take(2000).collect();
    let messages = vec![Message::text(Role::System, INSTRUCTIONS), Message::text(Role::User, query)];
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
