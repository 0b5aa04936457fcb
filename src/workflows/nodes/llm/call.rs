//! The call itself: a request as nodes make it, and a model's failure as nodes report it.

use serde_json::{Value, json};

use super::model::{Chosen, Mode};
use crate::catalog::Usage;
use crate::engine::request::{Failure, Input, Message, Part, Priority, Request, Role};
use crate::error::Error;
use crate::workflows::event::{MODEL_CALL, NodeUsage};
use crate::workflows::nodes::{Context, NodeError, Outcome, Partial};

/// A request with the node's parameters.
pub fn request(chosen: &Chosen, context: &Context, input: Input) -> Result<Request, NodeError> {
    let mut request = Request::new(input);
    chosen.params.apply(&mut request).map_err(|error| NodeError::new("LLMNodeError", error.message))?;
    request.priority = Priority::Workflow;
    request.cache_salt = context.host.cache_salt();
    Ok(request)
}

/// What a node asks in its own words: messages, or one text for a model that continues texts.
pub fn input(chosen: &Chosen, messages: Vec<Message>) -> Input {
    let has_pictures = messages.iter().any(|m| m.content.iter().any(|part| !matches!(part, Part::Text(_))));
    if chosen.mode == Mode::Chat || has_pictures {
        return Input::Chat(messages);
    }
    let line = |message: &Message| match message.role {
        Role::System => text_of(message),
        Role::User | Role::Tool => format!("Human: {}", text_of(message)),
        Role::Assistant => format!("Assistant: {}", text_of(message)),
    };
    let lines: Vec<String> = messages.iter().map(line).collect();
    Input::Text(format!("{}\n\nAssistant:", lines.join("\n\n")))
}

pub fn text_of(message: &Message) -> String {
    message.content.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
}

/// A model's failure under the names that Dify's files know.
pub fn failed(failure: Failure) -> NodeError {
    let kind = match &failure {
        Failure::Invalid { .. } | Failure::ContextOverflow { .. } | Failure::ContextRefused(_) | Failure::Unsupported(_) => {
            "InvokeBadRequestError"
        }
        Failure::Overloaded { .. } => "InvokeRateLimitError",
        Failure::Provider { status: Some(401 | 403), .. } => "InvokeAuthorizationError",
        Failure::Provider { status: Some(429), .. } => "InvokeRateLimitError",
        Failure::Provider { status: Some(400..=499), .. } => "InvokeBadRequestError",
        Failure::Provider { status: None, .. } => "InvokeConnectionError",
        Failure::Provider { .. } | Failure::Unloaded => "InvokeServerUnavailableError",
        Failure::Internal(_) => "InternalError",
    };
    let error = Error::from(failure);
    error.log();
    NodeError::new(kind, error.message)
}

/// The failure with what the node had by then.
pub fn failed_at(outcome: Outcome, error: NodeError) -> NodeError {
    let Outcome { inputs, process_data, usage, .. } = outcome;
    let outputs = error.partial.outputs.clone();
    NodeError { partial: Box::new(Partial { inputs, process_data, outputs, usage }), ..error }
}

/// Notes what a call of the node's model took.
pub fn account(outcome: &mut Outcome, usage: &Usage) {
    outcome.usage = node_usage(usage);
    outcome.process_data.insert("usage".into(), json!(usage));
    outcome.metadata.insert(MODEL_CALL.into(), json!(usage.detail));
}

pub fn node_usage(usage: &Usage) -> NodeUsage {
    NodeUsage {
        total_tokens: u64::from(usage.total_tokens),
        total_price: usage.total_price.parse().unwrap_or(0.0),
        currency: usage.currency.clone(),
    }
}

/// A prompt as `process_data` shows it; pictures by their type and size.
pub fn shown(messages: &[Message]) -> Value {
    let message = |message: &Message| {
        let files = message.content.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Image(image) => Some(json!({"type": "image", "mime_type": image.mime_type, "size": image.bytes.len()})),
            Part::Video(video) => Some(json!({"type": "video", "frames": video.frames.len()})),
        });
        let mut shown = json!({"role": message.role, "text": text_of(message), "files": files.collect::<Vec<_>>()});
        if !message.tool_calls.is_empty() {
            shown["tool_calls"] = json!(message.tool_calls);
        }
        shown
    };
    messages.iter().map(message).collect()
}
