//! The running choices of one request as one stream of events, and what they add up to.

use std::pin::Pin;
use std::time::Duration;

use futures::stream::{SelectAll, Stream};
use futures::{StreamExt, stream};

use crate::apps::moderation::OutputWatch;
use crate::catalog::Model;
use crate::engine::request::{Done, Event, FinishReason, Generation, Image, Request, TokenLogprob, ToolCall, Usage};
use crate::error::{Code, Error, Result};
use crate::live::Slot;
use crate::state::AppState;

type ChoiceEvents = Pin<Box<dyn Stream<Item = (usize, Result<Event, Error>)> + Send>>;

/// Events of several choices, each with the choice's index.
pub(super) type Events = SelectAll<ChoiceEvents>;

/// Starts every request; a refusal of one is the refusal of all. Dropping the result cancels them.
pub(super) async fn start(state: &AppState, model: &Model, requests: Vec<Request>) -> Result<Events> {
    let generations = futures::future::try_join_all(requests.into_iter().map(|request| model.generate(request))).await?;
    let limit_s = state.config.generation_timeout_s;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(limit_s);
    let choice =
        |(index, generation)| -> ChoiceEvents { Box::pin(bounded(generation, deadline, limit_s).map(move |event| (index, event))) };
    Ok(generations.into_iter().enumerate().map(choice).collect())
}

/// Ends with `Done` or an error.
fn bounded(generation: Generation, deadline: tokio::time::Instant, limit_s: u64) -> impl Stream<Item = Result<Event, Error>> + Send {
    // One timer for the whole answer: setting one for every event would take the runtime's lock on timers twice each time.
    let running = Some((generation, Box::pin(tokio::time::sleep_until(deadline))));
    stream::unfold(running, move |running| async move {
        let (mut generation, mut timer) = running?;
        let event = tokio::select! {
            biased;
            event = generation.next() => match event {
                Some(event) => event.map_err(Error::from),
                None => Err(Error::internal(anyhow::anyhow!("the model's stream ended without an end"))),
            },
            () = &mut timer => {
                let message = format!("The answer took longer than the {limit_s} seconds that this server allows.");
                Err(Error::new(Code::CompletionRequest, message))
            }
        };
        let over = !matches!(event, Ok(Event::Text { .. } | Event::ToolCall(_) | Event::Image(_)));
        Some((event, (!over).then_some((generation, timer))))
    })
}

/// A text that stands already, as events.
pub(super) fn canned(text: String) -> Events {
    let done = Done { finish_reason: FinishReason::ContentFilter, usage: Usage::default(), timing: Default::default() };
    let events = [Ok(Event::Text { text, logprobs: Vec::new() }), Ok(Event::Done(done))];
    let choice: ChoiceEvents = Box::pin(stream::iter(events).map(|e| (0, e)));
    stream::select_all([choice])
}

/// The one choice that somebody else writes.
pub(super) fn written(events: Pin<Box<dyn Stream<Item = Result<Event>> + Send>>) -> Events {
    let choice: ChoiceEvents = Box::pin(events.map(|event| (0, event)));
    stream::select_all([choice])
}

/// Puts an app's moderation between the model and the caller: at the first forbidden word the choice ends.
pub(super) fn watched(events: Events, mut watch: OutputWatch) -> Events {
    let mut moderated = false;
    let watched = events.filter_map(move |(index, event)| {
        let passed = match event {
            _ if moderated => None,
            Ok(Event::Text { text, logprobs }) => match watch.push(&text) {
                None => Some(Ok(Event::Text { text, logprobs })),
                Some(_) => {
                    moderated = true;
                    Some(Ok(Event::Done(Done {
                        finish_reason: FinishReason::ContentFilter,
                        usage: Usage::default(),
                        timing: Default::default(),
                    })))
                }
            },
            other => Some(other),
        };
        futures::future::ready(passed.map(|event| (index, event)))
    });
    let boxed: ChoiceEvents = Box::pin(watched);
    stream::select_all([boxed])
}

/// Keeps an app's place until the answer is over.
pub(super) fn holding(events: Events, slot: Slot) -> Events {
    let held: ChoiceEvents = Box::pin(events.map(move |event| {
        let _held = &slot;
        event
    }));
    stream::select_all([held])
}

/// Only the first tool call of each choice, for callers that can't take several.
pub(super) fn one_call(events: Events) -> Events {
    let mut called = Vec::new();
    let filtered = events.filter(move |(index, event)| {
        let is_call = matches!(event, Ok(Event::ToolCall(_)));
        let keep = !is_call || !called.contains(index);
        if is_call && keep {
            called.push(*index);
        }
        futures::future::ready(keep)
    });
    let boxed: ChoiceEvents = Box::pin(filtered);
    stream::select_all([boxed])
}

/// A whole choice.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub text: String,
    pub logprobs: Vec<TokenLogprob>,
    pub calls: Vec<ToolCall>,
    pub images: Vec<Image>,
    pub done: Option<Done>,
}

/// Every choice, whole.
pub(super) async fn collect(mut events: Events, n: usize) -> Result<Vec<Choice>> {
    let mut choices: Vec<Choice> = (0..n).map(|_| Choice::default()).collect();
    while let Some((index, event)) = events.next().await {
        let Some(choice) = choices.get_mut(index) else { continue };
        match event? {
            Event::Text { text, logprobs } => {
                choice.text.push_str(&text);
                choice.logprobs.extend(logprobs);
            }
            Event::ToolCall(call) => choice.calls.push(call),
            Event::Image(image) => choice.images.push(image),
            Event::Done(done) => choice.done = Some(done),
        }
    }
    Ok(choices)
}

/// What all choices took. `n_per_prompt` choices read the same prompt, which counts once.
#[derive(Debug, Default)]
pub(super) struct Total {
    usage: Usage,
    n_per_prompt: usize,
}

impl Total {
    pub(super) fn new(n_per_prompt: usize) -> Self {
        Self { usage: Usage::default(), n_per_prompt }
    }

    pub(super) fn add(&mut self, index: usize, usage: &Usage) {
        self.usage.completion_tokens += usage.completion_tokens;
        if index.is_multiple_of(self.n_per_prompt) {
            self.usage.prompt_tokens += usage.prompt_tokens;
            self.usage.cached_tokens += usage.cached_tokens;
            self.usage.image_tokens += usage.image_tokens;
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let Usage { prompt_tokens, completion_tokens, cached_tokens, image_tokens } = self.usage;
        serde_json::json!({
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": cached_tokens, "image_tokens": image_tokens, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
        })
    }
}
