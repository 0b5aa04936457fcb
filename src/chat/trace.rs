//! What was done for an answer, span by span: kept with the message, and shown in the log as a waterfall. Chatflows keep none:
//! their run's nodes tell.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agents::Event;
use crate::catalog::{ModelRef, Usage};

/// One thing that was done. Times are seconds since the question came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Span {
    pub kind: SpanKind,
    /// Of a model as `provider/name`, of a tool as the model calls it; empty of the rest
    pub name: String,
    pub start_s: f64,
    pub duration_s: f64,
    /// Of a model that answered
    pub call: Option<ModelCall>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// The question was checked, its files read, the prompt written
    Prepare,
    Model,
    Tool,
}

/// What a model's call took. Times are seconds from the call on; 0 where a provider does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelCall {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    /// Prompt tokens that came from the prefix cache
    pub cached_tokens: u32,
    /// Prompt tokens that stand for pictures
    pub image_tokens: u32,
    /// Until the prompt was made ready
    pub prepare_s: f64,
    /// How long it waited for its turn after that
    pub queue_s: f64,
    /// Until the first token
    pub first_token_s: f64,
}

impl ModelCall {
    fn of(usage: &Usage) -> Self {
        let detail = usage.detail;
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cached_tokens: detail.cached_tokens,
            image_tokens: detail.image_tokens,
            prepare_s: rounded(detail.prepare_s),
            queue_s: rounded(detail.queue_s),
            first_token_s: rounded(detail.first_token_s),
        }
    }
}

/// To microseconds.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// The spans as they come.
pub(super) struct Trace {
    started: Instant,
    model: String,
    /// When the model was asked that has not answered yet.
    asked: Option<Instant>,
    spans: Vec<Span>,
    /// The tool calls of the round: their names, and when each began.
    calls: Vec<(String, Instant)>,
}

impl Trace {
    pub fn new(started: Instant) -> Self {
        Self { started, model: String::new(), asked: None, spans: Vec::new(), calls: Vec::new() }
    }

    pub fn model_asked(&mut self, model: &ModelRef) {
        self.model = format!("{}/{}", model.provider, model.name);
        self.asked = Some(Instant::now());
    }

    pub fn model_answered(&mut self, usage: &Usage) {
        let asked = self.asked.take().unwrap_or(self.started);
        // the call itself knows best how long it took: it may have been asked a moment before
        let took_s = if usage.detail.total_s > 0.0 { usage.detail.total_s } else { asked.elapsed().as_secs_f64() };
        self.push(SpanKind::Model, self.model.clone(), took_s, Some(ModelCall::of(usage)), None);
    }

    /// What an agent does.
    pub fn watch(&mut self, event: &Event) {
        match event {
            Event::RoundStarted { .. } => self.asked = Some(Instant::now()),
            Event::Thought { calls, usage, .. } => {
                self.model_answered(usage);
                self.calls = calls.iter().map(|call| (call.name.clone(), Instant::now())).collect();
            }
            Event::CallStarted { index, .. } => {
                if let Some((_, began)) = self.calls.get_mut(*index) {
                    *began = Instant::now();
                }
            }
            Event::CallEnded { index, observed, .. } => {
                if let Some((name, began)) = self.calls.get(*index).cloned() {
                    self.push(SpanKind::Tool, name, began.elapsed().as_secs_f64(), None, observed.as_ref().err().cloned());
                }
            }
            Event::Text(_) | Event::RoundEnded { .. } => {}
        }
    }

    /// All spans in the order in which they began. A model that was broken off says so with `error`, if that is why.
    pub fn finish(mut self, error: Option<&str>) -> Vec<Span> {
        if let Some(asked) = self.asked.take() {
            self.push(SpanKind::Model, self.model.clone(), asked.elapsed().as_secs_f64(), None, error.map(str::to_owned));
        }
        self.spans.sort_by(|one, other| one.start_s.total_cmp(&other.start_s));
        if let Some(first_s) = self.spans.first().map(|span| span.start_s) {
            let before = Span { kind: SpanKind::Prepare, name: String::new(), start_s: 0.0, duration_s: first_s, call: None, error: None };
            self.spans.insert(0, before);
        }
        self.spans
    }

    /// A span that ends now.
    fn push(&mut self, kind: SpanKind, name: String, took_s: f64, call: Option<ModelCall>, error: Option<String>) {
        let now_s = self.started.elapsed().as_secs_f64();
        let start_s = (now_s - took_s).max(0.0);
        self.spans.push(Span { kind, name, start_s: rounded(start_s), duration_s: rounded(now_s - start_s), call, error });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::agents::Call;

    #[test]
    fn an_agents_rounds_and_calls_are_spans_in_order() {
        let mut trace = Trace::new(Instant::now() - Duration::from_secs(10));
        trace.model_asked(&ModelRef { provider: "local".into(), name: "tiny".into() });
        trace.watch(&Event::RoundStarted { round: 1 });
        let call = Call { id: "1".into(), name: "clock".into(), arguments: Ok(Default::default()) };
        let usage = Usage { prompt_tokens: 7, ..Usage::default() };
        trace.watch(&Event::Thought { round: 1, thought: String::new(), calls: vec![call], usage: Box::new(usage) });
        trace.watch(&Event::CallStarted { round: 1, index: 0 });
        trace.watch(&Event::CallEnded { round: 1, index: 0, observed: Err("no battery".into()) });
        trace.watch(&Event::RoundStarted { round: 2 });
        let spans = trace.finish(Some("gone"));
        let shown: Vec<_> = spans.iter().map(|span| (span.kind, span.name.as_str(), span.error.as_deref())).collect();
        assert_eq!(
            shown,
            [
                (SpanKind::Prepare, "", None),
                (SpanKind::Model, "local/tiny", None),
                (SpanKind::Tool, "clock", Some("no battery")),
                (SpanKind::Model, "local/tiny", Some("gone")),
            ]
        );
        assert!(spans[0].duration_s >= 10.0 && spans[1].start_s >= 10.0, "{spans:?}");
        assert_eq!(spans[1].call.map(|call| call.prompt_tokens), Some(7));
    }
}
