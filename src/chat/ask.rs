//! One small question to a model, on the side of a conversation.

use std::time::Duration;

use crate::catalog::{self, ModelRef};
use crate::engine::request::{Event, Format, Input, Message, Priority, Request};
use crate::error::{Code, Error, Result};
use crate::ids::WorkspaceId;
use crate::state::AppState;

const TIMEOUT: Duration = Duration::from_secs(60);

/// What is asked, and what the answer must look like.
pub struct Aside {
    pub messages: Vec<Message>,
    pub format: Format,
    pub max_tokens: u32,
    pub priority: Priority,
}

/// The whole answer.
pub async fn ask(state: &AppState, workspace_id: WorkspaceId, model: &ModelRef, aside: Aside) -> Result<String> {
    let model = catalog::resolve(state, workspace_id, model).await?;
    let mut request = Request::new(Input::Chat(aside.messages));
    request.format = aside.format;
    request.max_tokens = Some(aside.max_tokens);
    request.priority = aside.priority;
    request.cache_salt = workspace_id.0.as_u128();
    let answer = async {
        let mut generation = model.generate(request).await?;
        let mut text = String::new();
        while let Some(event) = generation.next().await {
            if let Event::Text { text: piece, .. } = event? {
                text.push_str(&piece);
            }
        }
        Ok(text)
    };
    match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::new(Code::CompletionRequest, "The model took too long.")),
    }
}
