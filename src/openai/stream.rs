//! Writing a stream: chunks as OpenAI's, a last chunk with usage when asked for, `[DONE]`; an error ends it early.

use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Events, Total};
use crate::engine::request::Event;
use crate::http::sse;

const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// What all chunks of one answer share, and how each event looks. A busy server writes tens of thousands of chunks a
/// second: what they share is put together once, and an entry of `choices` is a type rather than a tree of values.
pub(super) struct Writer<Choice, Write> {
    pub id: String,
    pub object: &'static str,
    pub created: i64,
    pub model: String,
    pub include_usage: bool,
    pub n_choices: usize,
    pub n_per_prompt: usize,
    /// What the choice of this index begins with.
    pub opening: Option<fn(usize) -> Choice>,
    /// The `choices` entry of an event.
    pub choice: Write,
}

impl<Choice, Write> Writer<Choice, Write>
where
    Choice: Serialize + Send + 'static,
    Write: FnMut(usize, Event) -> Choice + Send + 'static,
{
    pub(super) fn response(mut self, mut events: Events) -> Response {
        let head = self.head();
        let include_usage = self.include_usage;
        let chunk = move |choices: &[Choice], usage: &Value| data(&head, choices, include_usage.then_some(usage));
        let body = async_stream::stream! {
            let mut total = Total::new(self.n_per_prompt);
            if let Some(opening) = self.opening {
                for index in 0..self.n_choices {
                    yield chunk(&[opening(index)], &Value::Null);
                }
            }
            while let Some((index, event)) = events.next().await {
                match event {
                    Ok(event) => {
                        if let Event::Done(done) = &event {
                            total.add(index, &done.usage);
                        }
                        yield chunk(&[(self.choice)(index, event)], &Value::Null);
                    }
                    Err(error) => {
                        error.log();
                        yield format!("data: {}\n\n", error.openai_body()).into();
                        return;
                    }
                }
            }
            if include_usage {
                yield chunk(&[], &total.json());
            }
            yield DONE;
        };
        sse::response_with_comments(body)
    }

    /// A chunk up to its choices.
    fn head(&self) -> String {
        let common = json!({"id": self.id, "object": self.object, "created": self.created, "model": self.model}).to_string();
        format!("data: {},\"choices\":", common.trim_end_matches('}'))
    }
}

fn data(head: &str, choices: &[impl Serialize], usage: Option<&Value>) -> Bytes {
    let mut out = BytesMut::with_capacity(head.len() + 160);
    out.extend_from_slice(head.as_bytes());
    put_json(&mut out, choices);
    if let Some(usage) = usage {
        out.extend_from_slice(b",\"usage\":");
        put_json(&mut out, usage);
    }
    out.extend_from_slice(b"}\n\n");
    out.freeze()
}

fn put_json(out: &mut BytesMut, value: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(out.writer(), value);
    debug_assert!(written.is_ok(), "choices and usage are plain JSON");
}
