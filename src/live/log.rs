//! A task's log: a Redis stream whose entries hold one or more whole server-sent events.
//!
//! An entry's id is `<number of its last event>-<1 for the last entry>`, its fields `f` (the first number that it accounts
//! for: its first event's, or that of the first number passed over before it) and `d` (the bytes of all). So a reader that
//! has event n asks for what follows id `n`, and sees by `f` when some are missing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, AsyncConnectionConfig};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Frame;

/// How long events are gathered before they are written.
const COALESCE: Duration = Duration::from_millis(25);
/// Events written in one pipeline; memory is bounded by what arrives while one is under way.
const BATCH: usize = 32_768;
/// A log without a writer is dropped after this many seconds …
const RUNNING_TTL_S: i64 = 1800;
/// … and a finished one after this many.
const FINISHED_TTL_S: i64 = 600;
/// How long a follower waits before it reports [`Step::Idle`].
const BLOCK_MS: usize = 1000;

pub(super) struct Entry {
    pub task: Uuid,
    /// The first number that it accounts for.
    pub first: u64,
    pub frame: Frame,
    pub end: bool,
}

struct Chunk {
    first: u64,
    last: u64,
    bytes: BytesMut,
    end: bool,
}

/// Writes entries until every sender is gone. What can't be written is dropped: followers see the gap.
pub(super) async fn write(mut entries: mpsc::UnboundedReceiver<Entry>, mut connection: ConnectionManager, prefix: Arc<str>) {
    let mut batch = Vec::new();
    let mut failing = false;
    while entries.recv_many(&mut batch, BATCH).await > 0 {
        tokio::time::sleep(COALESCE).await;
        while batch.len() < BATCH {
            let Ok(entry) = entries.try_recv() else { break };
            batch.push(entry);
        }
        let mut chunks: HashMap<Uuid, Chunk> = HashMap::new();
        for Entry { task, first, frame, end } in batch.drain(..) {
            let chunk = chunks.entry(task).or_insert_with(|| Chunk { first, last: 0, bytes: BytesMut::new(), end: false });
            chunk.last = frame.number;
            chunk.bytes.extend_from_slice(&frame.bytes);
            chunk.end |= end;
        }
        let mut pipe = redis::pipe();
        for (task, Chunk { first, last, bytes, end }) in chunks {
            let key = format!("{prefix}events:{task}");
            let id = format!("{last}-{}", u8::from(end));
            pipe.cmd("XADD").arg(&key).arg(id).arg("f").arg(first).arg("d").arg(&bytes[..]).ignore();
            pipe.expire(&key, if end { FINISHED_TTL_S } else { RUNNING_TTL_S }).ignore();
        }
        let written: redis::RedisResult<()> = pipe.query_async(&mut connection).await;
        match written {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "the event log can't be written; streams go on, but can't be resumed from here");
                }
                failing = true;
            }
        }
    }
}

/// A reader of one task's log, on a connection of its own (its reads block).
pub struct Follower {
    connection: MultiplexedConnection,
    key: String,
    after: u64,
    over: bool,
}

/// What a [`Follower`] sees next.
#[derive(Debug, PartialEq)]
pub enum Step {
    Frames(Vec<Frame>),
    /// Nothing for a second. The writer may be busy, or gone without a word.
    Idle,
    /// Events are missing: Redis lost them.
    Gap,
    /// The task is over and every event was read.
    End,
}

impl Follower {
    pub(super) async fn open(client: &redis::Client, key: String, after: u64) -> redis::RedisResult<Option<Self>> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_millis(BLOCK_MS as u64 + 2000)));
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let exists: bool = connection.exists(&key).await?;
        Ok(exists.then_some(Self { connection, key, after, over: false }))
    }

    pub async fn next(&mut self) -> redis::RedisResult<Step> {
        if self.over {
            return Ok(Step::End);
        }
        let options = StreamReadOptions::default().block(BLOCK_MS).count(256);
        let reply: Option<StreamReadReply> = self.connection.xread_options(&[&self.key], &[self.after.to_string()], &options).await?;
        let entries = reply.and_then(|r| r.keys.into_iter().next()).map(|k| k.ids).unwrap_or_default();
        if entries.is_empty() {
            return Ok(Step::Idle);
        }
        let mut frames = Vec::new();
        for entry in entries {
            let first: u64 = entry.get("f").unwrap_or_default();
            let data: Vec<u8> = entry.get("d").unwrap_or_default();
            self.over = entry.id.ends_with("-1");
            if data.is_empty() {
                // only the end; it carries the number of the last event
                if first > self.after {
                    return Ok(Step::Gap);
                }
                continue;
            }
            if first > self.after + 1 {
                self.over = false;
                return if frames.is_empty() { Ok(Step::Gap) } else { Ok(Step::Frames(frames)) };
            }
            let data = Bytes::from(data);
            let events: Vec<Bytes> = split_events(&data).collect();
            let last: u64 = entry.id.split('-').next().and_then(|number| number.parse().ok()).unwrap_or_default();
            for (number, bytes) in (last + 1 - (events.len() as u64).min(last)..).zip(events) {
                if number > self.after {
                    self.after = number;
                    frames.push(Frame { number, bytes });
                }
            }
        }
        Ok(if frames.is_empty() && self.over { Step::End } else { Step::Frames(frames) })
    }
}

/// Events end with an empty line and hold none inside (their JSON is on one line).
fn split_events(data: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let end = rest + data[rest..].windows(2).position(|w| w == b"\n\n")? + 2;
        let event = data.slice(rest..end);
        rest = end;
        Some(event)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_split_at_empty_lines() {
        let data = Bytes::from_static(b"data: {\"a\":\"x\\n\\ny\"}\n\nevent: ping\n\ndata: {}\n\n");
        let events: Vec<_> = split_events(&data).collect();
        assert_eq!(events, [&b"data: {\"a\":\"x\\n\\ny\"}\n\n"[..], b"event: ping\n\n", b"data: {}\n\n"]);
    }
}
