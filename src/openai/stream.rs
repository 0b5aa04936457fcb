//! Writing a stream: chunks as OpenAI's, a last chunk with usage when asked for, `[DONE]`; an error ends it early.

use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};

use super::answer::{Events, Total};
use crate::engine::request::Event;
use crate::http::sse;

const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// What all chunks of one answer share, and how each event looks.
type WriteChoice = Box<dyn FnMut(usize, &Event) -> Value + Send>;

pub(super) struct Writer {
    pub id: String,
    pub object: &'static str,
    pub created: i64,
    pub model: String,
    pub include_usage: bool,
    pub n_choices: usize,
    pub n_per_prompt: usize,
    /// What a choice begins with.
    pub opening: Option<fn() -> Value>,
    /// The `choices` entry of an event.
    pub choice: WriteChoice,
}

impl Writer {
    pub(super) fn response(mut self, mut events: Events) -> Response {
        let body = async_stream::stream! {
            let mut total = Total::new(self.n_per_prompt);
            if let Some(opening) = self.opening {
                for index in 0..self.n_choices {
                    let mut choice = opening();
                    choice["index"] = json!(index);
                    yield self.chunk(json!([choice]), Value::Null);
                }
            }
            while let Some((index, event)) = events.next().await {
                match event {
                    Ok(event) => {
                        if let Event::Done(done) = &event {
                            total.add(index, &done.usage);
                        }
                        let choice = (self.choice)(index, &event);
                        yield self.chunk(json!([choice]), Value::Null);
                    }
                    Err(error) => {
                        error.log();
                        yield data(&error.openai_body());
                        return;
                    }
                }
            }
            if self.include_usage {
                yield self.chunk(json!([]), total.json());
            }
            yield DONE;
        };
        sse::response_with_comments(body)
    }

    fn chunk(&self, choices: Value, usage: Value) -> Bytes {
        let mut chunk = json!({"id": self.id, "object": self.object, "created": self.created, "model": self.model, "choices": choices});
        if self.include_usage {
            chunk["usage"] = usage;
        }
        data(&chunk)
    }
}

fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}
