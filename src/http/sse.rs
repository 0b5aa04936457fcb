//! Server-sent events: a response body made of ready events, with a keep-alive while there are none.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

use crate::error::Error;
use crate::live::Frame;

/// Silence after which a ping is sent, so that proxies keep the connection.
const PING_AFTER: Duration = Duration::from_secs(10);
const PING: Bytes = Bytes::from_static(b"event: ping\n\n");
const COMMENT: Bytes = Bytes::from_static(b": ping\n\n");
/// Ready events are joined up to this size: one write for many.
const JOIN_BYTES: usize = 16 << 10;

/// A task's frames as a response. With `ids` every event carries its number, for `Last-Event-ID`. `greet`: a ping comes first.
pub fn frames(frames: impl Stream<Item = Frame> + Send + 'static, ids: bool, greet: bool) -> Response {
    let greeting = futures::stream::iter(greet.then_some(PING));
    response(greeting.chain(frames.map(move |frame| if ids { with_id(frame) } else { frame.bytes })))
}

/// Ordinary clients get no `id:` lines, as in Dify; those that mean to resume say so.
pub fn wants_ids(headers: &HeaderMap) -> bool {
    headers.contains_key("last-event-id") || headers.get("x-ashlar-resume").is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// The number in `Last-Event-ID`; none without the header or with an empty one.
pub fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    match headers.get("last-event-id").map(|v| v.to_str().unwrap_or("?").trim()) {
        None | Some("") => Ok(None),
        Some(text) => {
            let number =
                text.parse().map_err(|_| Error::invalid("Last-Event-ID", "Last-Event-ID must be the id of an event of this stream."))?;
            Ok(Some(number))
        }
    }
}

fn with_id(frame: Frame) -> Bytes {
    let mut out = format!("id: {}\n", frame.number).into_bytes();
    out.extend_from_slice(&frame.bytes);
    out.into()
}

/// A stream of whole events as a response.
pub fn response(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    respond(events, PING)
}

/// The same for clients that take every event for data: silence is filled with comments.
pub fn response_with_comments(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    respond(events, COMMENT)
}

fn respond(events: impl Stream<Item = Bytes> + Send + 'static, ping: Bytes) -> Response {
    let mut response = Response::new(Body::from_stream(Pinged::new(Box::pin(events), PING_AFTER, ping)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx would hold events back
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Pinged<S> {
    events: Option<S>,
    ping: Bytes,
    ping_after: Duration,
    silent_since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<S> Pinged<S> {
    fn new(events: S, ping_after: Duration, ping: Bytes) -> Self {
        Self { events: Some(events), ping, ping_after, silent_since: Instant::now(), timer: Box::pin(tokio::time::sleep(ping_after)) }
    }
}

impl<S: Stream<Item = Bytes> + Unpin> Stream for Pinged<S> {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut first = None;
        let mut joined: Option<BytesMut> = None;
        while let Some(events) = self.events.as_mut() {
            match Pin::new(events).poll_next(cx) {
                Poll::Ready(Some(event)) => match (&mut joined, &first) {
                    (None, None) => first = Some(event),
                    (None, Some(before)) => {
                        let mut buffer = BytesMut::with_capacity(1 << 10);
                        buffer.extend_from_slice(before);
                        buffer.extend_from_slice(&event);
                        joined = Some(buffer);
                    }
                    (Some(buffer), _) => {
                        buffer.extend_from_slice(&event);
                        if buffer.len() >= JOIN_BYTES {
                            break;
                        }
                    }
                },
                Poll::Ready(None) => self.events = None,
                Poll::Pending => break,
            }
        }
        if let Some(ready) = joined.map(BytesMut::freeze).or(first) {
            self.silent_since = Instant::now();
            return Poll::Ready(Some(Ok(ready)));
        }
        if self.events.is_none() {
            return Poll::Ready(None);
        }
        // The timer is not moved for every event: when it fires early it is set to where it should be.
        while self.timer.as_mut().poll(cx).is_ready() {
            let due = self.silent_since + self.ping_after;
            let now = Instant::now();
            if due <= now {
                self.silent_since = now;
                let next = now + self.ping_after;
                self.timer.as_mut().reset(next);
                return Poll::Ready(Some(Ok(self.ping.clone())));
            }
            self.timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::UnboundedReceiverStream;

    use super::*;

    #[tokio::test]
    async fn silence_is_filled_with_pings_and_ready_events_are_joined() {
        let (sender, receiver) = mpsc::unbounded_channel();
        let after = Duration::from_millis(100);
        let mut body = Pinged::new(UnboundedReceiverStream::new(receiver), after, PING);
        sender.send(Bytes::from_static(b"data: 1\n\n")).unwrap();
        sender.send(Bytes::from_static(b"data: 2\n\n")).unwrap();
        assert_eq!(body.next().await.unwrap().unwrap(), "data: 1\n\ndata: 2\n\n");
        let before = Instant::now();
        assert_eq!(body.next().await.unwrap().unwrap(), PING);
        assert!(before.elapsed() >= after);
        tokio::time::sleep(after / 2).await;
        sender.send(Bytes::from_static(b"data: 3\n\n")).unwrap();
        let before = Instant::now();
        assert_eq!(body.next().await.unwrap().unwrap(), "data: 3\n\n");
        assert_eq!(body.next().await.unwrap().unwrap(), PING);
        assert!(before.elapsed() >= after, "an event puts the ping off");
        drop(sender);
        assert!(body.next().await.is_none());
    }
}
