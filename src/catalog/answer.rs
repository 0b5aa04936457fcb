//! One generation read to its end.

use std::time::{Duration, Instant};

use super::{Model, Usage};
use crate::engine::request::{Event, Failure, FinishReason, Image, Request, ToolCall};

/// What a model said in the end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub text: String,
    pub tool_calls: Vec<ToolCall>,
    pub images: Vec<Image>,
    pub finish_reason: FinishReason,
    pub usage: Usage,
}

impl Model {
    /// Generates to the end; `on_text` sees each piece of text as it comes. Dropping the future cancels.
    pub async fn answer(&self, request: Request, mut on_text: impl FnMut(&str) + Send) -> Result<Answer, Failure> {
        let started = Instant::now();
        let mut first_text = None;
        let mut generation = self.generate(request).await?;
        let (mut text, mut tool_calls, mut images) = (String::new(), Vec::new(), Vec::new());
        while let Some(event) = generation.next().await {
            match event? {
                Event::Text { text: piece, .. } if piece.is_empty() => {}
                Event::Text { text: piece, .. } => {
                    first_text.get_or_insert_with(Instant::now);
                    on_text(&piece);
                    text.push_str(&piece);
                }
                Event::ToolCall(call) => tool_calls.push(call),
                Event::Image(image) => images.push(image),
                Event::Done(done) => {
                    let usage = timed(Usage::of(&done, &self.prices()), started, first_text);
                    return Ok(Answer { text, tool_calls, images, finish_reason: done.finish_reason, usage });
                }
            }
        }
        Err(Failure::Internal(std::sync::Arc::new(anyhow::anyhow!("the model's stream ended without an end"))))
    }
}

fn timed(usage: Usage, started: Instant, first_text: Option<Instant>) -> Usage {
    let seconds = |d: Duration| (d.as_secs_f64() * 1e3).round() / 1e3;
    let latency = started.elapsed();
    let first = first_text.map(|at| at - started);
    Usage {
        latency: seconds(latency),
        time_to_first_token: first.map(seconds),
        time_to_generate: first.map(|first| seconds(latency - first)),
        ..usage
    }
}
