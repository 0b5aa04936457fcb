//! A stream followed from outside the task that makes it: from the log, or from the stored message when there is no log.

use std::time::Duration;

use futures::Stream;

use super::db::messages::{self, Row};
use super::events::EventWriter;
use super::{Caller, INTERRUPTED};
use crate::error::{Code, Error};
use crate::ids::{AppId, WorkspaceId};
use crate::live::{Frame, Step};
use crate::state::AppState;

const POLL: Duration = Duration::from_millis(300);
/// Failing looks at the database before a follower gives up.
const PATIENCE: u32 = 100;

/// The events of `row`'s task behind number `after`, to its end.
pub fn follow(
    state: AppState,
    workspace_id: WorkspaceId,
    app_id: AppId,
    caller: Caller,
    mut row: Row,
    mut after: u64,
) -> impl Stream<Item = Frame> + Send {
    async_stream::stream! {
        let mut failures = 0;
        // a log with a gap is of no more use
        let mut log_is_whole = true;
        // the log comes a moment after the row: one more look before it counts as lost
        let mut looked = false;
        loop {
            let log = if log_is_whole { state.live.follow(row.task_id.0, after).await.ok().flatten() } else { None };
            if let Some(mut log) = log {
                loop {
                    match log.next().await {
                        Ok(Step::Frames(frames)) => {
                            for frame in frames {
                                after = frame.number;
                                yield frame;
                            }
                        }
                        Ok(Step::End) => return,
                        Ok(Step::Gap) => {
                            log_is_whole = false;
                            break;
                        }
                        // the writer may be gone without a word
                        Ok(Step::Idle) | Err(_) => break,
                    }
                }
                match row.status.as_str() {
                    "running" => {}
                    "paused" if log_is_whole => return,
                    // finished, and its log has no end: the end was lost
                    _ => log_is_whole = false,
                }
            } else if row.status != "running" && (looked || !log_is_whole) {
                for frame in stored(&row, after) {
                    yield frame;
                }
                return;
            }
            looked = true;
            tokio::time::sleep(POLL).await;
            match messages::find_by_task(&state.db, workspace_id, app_id, &caller, row.task_id).await {
                Ok(Some(now)) => {
                    failures = 0;
                    row = now;
                }
                // deleted
                Ok(None) => return,
                Err(error) => {
                    failures += 1;
                    if failures > PATIENCE {
                        yield Frame { number: after + 1, bytes: writer(&row).error(&error.into()) };
                        return;
                    }
                }
            }
        }
    }
}

fn writer(row: &Row) -> EventWriter {
    EventWriter::new(row.conversation_id, row.id, row.task_id, row.created_at.timestamp())
}

/// What is left to tell of a finished message to a client that has the events up to `after`.
fn stored(row: &Row, after: u64) -> Vec<Frame> {
    let writer = writer(row);
    let mut events = Vec::new();
    if after > 0 {
        events.push(writer.message_replace(&row.answer, ""));
    } else if !row.answer.is_empty() {
        events.push(writer.message(&row.answer));
    }
    match row.status.as_str() {
        "error" | "interrupted" => {
            let message = row.error.clone().unwrap_or_else(|| INTERRUPTED.into());
            events.push(writer.error(&Error::new(code(row), message)));
        }
        "paused" => {}
        // read into its type: the database does not keep the order of keys
        _ => events.push(writer.message_end(&serde_json::from_value(row.metadata.clone()).unwrap_or_default())),
    }
    (after + 1..).zip(events).map(|(number, bytes)| Frame { number, bytes }).collect()
}

/// What a failed message failed with; the names are those of the codes that [`generate`](super::generate) meets.
fn code(row: &Row) -> Code {
    use Code as C;
    let known = [
        C::InvalidParam,
        C::CompletionRequest,
        C::RateLimit,
        C::ProviderNotInitialized,
        C::ProviderQuotaExceeded,
        C::ModelNotSupported,
        C::Unavailable,
    ];
    known.into_iter().find(|code| Some(code.as_str()) == row.error_code.as_deref()).unwrap_or(C::Internal)
}
