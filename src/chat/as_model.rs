//! The app as a model: one answer to a conversation that the caller holds, as the OpenAI API asks for it. Stores nothing.

use std::pin::Pin;

use futures::Stream;
use serde_json::{Map, Value};

use super::flow_as_model;
use super::generate::{self, App};
use super::prompt::{Question, Turn};
use super::service;
use crate::accounts::ServiceApp;
use crate::apps::moderation::OutputWatch;
use crate::apps::{self, AppHead, AppMode, inputs};
use crate::catalog::{self, Model};
use crate::engine::request::{Event, Input, Message, Part, Request, Role};
use crate::error::{Code, Error, Result};
use crate::ids::TaskId;
use crate::live::Slot;
use crate::state::AppState;

/// What is to be done for an answer.
pub enum Asked {
    Model(Box<ModelCall>),
    /// A chatflow runs.
    Flow(FlowCall),
    /// The app's moderation answers.
    Canned(String),
}

/// A call of the app's model.
pub struct ModelCall {
    pub model: Model,
    pub request: Request,
    pub watch: Option<OutputWatch>,
    /// One of the app's places for running requests; keep it while the answer is written.
    pub slot: Option<Slot>,
}

/// A run that writes an answer.
pub struct FlowCall {
    /// Ends with `Done` or an error.
    pub events: Pin<Box<dyn Stream<Item = Result<Event>> + Send>>,
    pub watch: Option<OutputWatch>,
}

/// The published app's prompt over `messages`: the last one is the question, those before it are the history. The caller's
/// system messages follow the app's own.
pub async fn ask(state: &AppState, app: &ServiceApp, messages: Vec<Message>, inputs: Map<String, Value>) -> Result<Asked> {
    let head = AppHead::find(&state.db, app.workspace_id, app.app_id).await?;
    if head.mode == AppMode::AdvancedChat {
        return flow_as_model::ask(state, &head, split(messages)?, inputs).await;
    }
    let app = service::published(state, app, refuse_workflows).await?;
    if app.mode == AppMode::AgentChat && !app.config.agent_mode.tools().0.is_empty() {
        return Err(Error::new(Code::ModelNotSupported, "An agent with tools answers at /v1/chat-messages, not as a model."));
    }
    let inputs = inputs::validate(app.config.form(), &inputs)?;
    let Conversation { system, mut history, query, media } = split(messages)?;
    refuse_media(&app, &media)?;
    if let Some(preset) = app.config.sensitive_word_avoidance.check_inputs(&inputs, &query) {
        return Ok(Asked::Canned(preset.to_owned()));
    }
    let window = &app.config.memory.window;
    if window.enabled {
        let surplus = history.len().saturating_sub(window.size as usize);
        history.drain(..surplus);
    }
    let slot = apps::claim_slot(state, app.id, app.max_active_requests, TaskId::new()).await?;
    let model = catalog::resolve(state, app.workspace_id, &app.config.model.reference()).await?;
    let question = Question { config: &app.config, is_chat: app.mode.is_chat(), inputs: &inputs, query: &query, media: &media };
    let prompt = generate::fit(&model, &question, &history).await?;
    let mut input = prompt.input;
    if let Input::Chat(messages) = &mut input {
        let at = messages.iter().take_while(|m| m.role == Role::System).count();
        messages.splice(at..at, system);
    }
    let mut request = Request::new(input);
    app.config.model.completion_params.apply(&mut request)?;
    request.stop.extend(prompt.stop);
    Ok(Asked::Model(Box::new(ModelCall { model, request, watch: app.config.sensitive_word_avoidance.watch_output(), slot })))
}

/// They answer no question.
fn refuse_workflows(mode: AppMode) -> Result<()> {
    if !mode.is_workflow() {
        return Ok(());
    }
    Err(Error::new(Code::AppUnavailable, "A workflow can't be called as a model: run it at /v1/workflows/run."))
}

fn refuse_media(app: &App, media: &[Part]) -> Result<()> {
    if !media.is_empty() && app.config.file_upload.rules().is_none() {
        return Err(Error::invalid("messages", "This app takes no pictures: switch vision on in its settings and publish it."));
    }
    Ok(())
}

/// What a caller's messages say.
pub(super) struct Conversation {
    pub system: Vec<Message>,
    pub history: Vec<Turn>,
    pub query: String,
    pub media: Vec<Part>,
}

fn split(messages: Vec<Message>) -> Result<Conversation> {
    let mut system = Vec::new();
    let mut turns: Vec<Turn> = Vec::new();
    // whether the last turn waits for its answer
    let mut open = false;
    for (i, message) in messages.into_iter().enumerate() {
        let (text, media) = text_and_media(&message);
        match (message.role, turns.last_mut()) {
            (Role::System, _) => system.push(message),
            (Role::Tool, _) => {
                return Err(Error::invalid(format!("messages[{i}].role"), "An app calls its own tools: send no tool messages."));
            }
            (Role::User, Some(turn)) if open => {
                turn.query.push('\n');
                turn.query.push_str(&text);
                turn.media.extend(media);
            }
            (Role::User, _) => {
                turns.push(Turn { query: text, media, answer: String::new(), drawn: Vec::new() });
                open = true;
            }
            (Role::Assistant, Some(turn)) => {
                turn.answer.push_str(&text);
                open = false;
            }
            // a greeting before the first question
            (Role::Assistant, None) => system.push(Message::text(Role::Assistant, text)),
        }
    }
    match turns.pop() {
        Some(Turn { query, media, .. }) if open => Ok(Conversation { system, history: turns, query, media }),
        _ => Err(Error::invalid("messages", "The last message must be the user's question.")),
    }
}

fn text_and_media(message: &Message) -> (String, Vec<Part>) {
    let mut text = String::new();
    let mut media = Vec::new();
    for part in &message.content {
        match part {
            Part::Text(piece) => text.push_str(piece),
            Part::Image(_) | Part::Video(_) => media.push(part.clone()),
        }
    }
    (text, media)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_history_and_a_question() {
        let messages = [
            (Role::System, "Be brief."),
            (Role::Assistant, "Hello!"),
            (Role::User, "a"),
            (Role::User, "b"),
            (Role::Assistant, "c"),
            (Role::User, "d"),
        ];
        let split = split(messages.into_iter().map(|(role, text)| Message::text(role, text)).collect()).unwrap();
        assert_eq!(split.history, [Turn { query: "a\nb".into(), media: vec![], answer: "c".into(), drawn: vec![] }]);
        assert_eq!((split.query.as_str(), split.system.len()), ("d", 2));
    }

    #[test]
    fn the_question_comes_last() {
        let of = |roles: &[Role]| split(roles.iter().map(|role| Message::text(*role, "x")).collect());
        assert!(of(&[Role::User, Role::Assistant]).is_err());
        assert!(of(&[Role::System]).is_err());
        assert_eq!(of(&[Role::Tool]).err().unwrap().param.as_deref(), Some("messages[0].role"));
    }
}
