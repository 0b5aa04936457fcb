//! A run followed from outside its task: from the log; from what is stored when there is no log.

use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::time::Instant;

use super::db::runs::{self, Row};
use super::event::{NodeRecord, NodeStatus, RunEnd, RunStatus, StartReason, Summary};
use super::job::stored_forms;
use super::run_row::NewRun;
use super::vars::Vars;
use super::wire::Wire;
use crate::apps::AppMode;
use crate::error::{Error, Result};
use crate::live::{Frame, Step};
use crate::state::AppState;

const POLL: Duration = Duration::from_millis(200);
/// Looks at the log of a run that is over before its last events count as lost.
const LAST_LOOKS: u32 = 10;
/// A follower of a run in which nothing happens leaves.
const IDLE: Duration = Duration::from_secs(300);

/// What a follower wants.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Number of the event that it has.
    pub after: u64,
    /// Go on when the run waits for people.
    pub past_pauses: bool,
    /// What comes from now on: a run that waits already is waited for.
    pub from_now: bool,
}

/// What to tell of a run whose log is lost: `is_first` when the follower has no event yet.
pub type Stored = fn(&Row, is_first: bool) -> Vec<Bytes>;

/// The events of a run behind one of them, to its end or its pause.
pub fn follow(state: AppState, mut row: Row, wanted: Wanted, stored: Stored) -> impl Stream<Item = Frame> + Send {
    async_stream::stream! {
        let mut after = wanted.after;
        let mut last_looks = 0;
        let mut is_lost = false;
        let mut heard = Instant::now();
        let mut told = !wanted.from_now;
        loop {
            let log = if is_lost { None } else { state.live.follow(row.task_id.0, after).await.ok().flatten() };
            if let Some(mut log) = log {
                loop {
                    match log.next().await {
                        Ok(Step::Frames(frames)) => {
                            heard = Instant::now();
                            for frame in frames {
                                after = frame.number;
                                told = true;
                                yield frame;
                            }
                        }
                        Ok(Step::Gap) => {
                            is_lost = true;
                            break;
                        }
                        Ok(Step::End | Step::Idle) | Err(_) => break,
                    }
                }
            }
            match runs::find(&state.db, row.workspace_id, row.app_id, row.id).await {
                Ok(Some(now)) => row = now,
                Ok(None) => return,
                Err(error) => tracing::debug!(%error, "a follower can't see how its run stands"),
            }
            let has_all = after >= u64::try_from(row.last_event).unwrap_or_default();
            let is_waiting = row.status == "paused" && !wanted.past_pauses && told;
            if (row.is_over() || is_waiting) && has_all && !is_lost {
                return;
            }
            if row.is_over() || is_waiting {
                last_looks += 1;
                if is_lost || last_looks > LAST_LOOKS {
                    for (number, bytes) in (after + 1..).zip(stored(&row, after == 0)) {
                        yield Frame { number, bytes };
                    }
                    return;
                }
            } else if heard.elapsed() > IDLE {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The end or the pause of a run, from its row.
pub fn stored_outcome(row: &Row, _is_first: bool) -> Vec<Bytes> {
    vec![outcome(row, &wire_of(&row.begun()))]
}

/// What writes a run's events, by the kind of its app.
pub fn wire_of(run: &NewRun) -> Wire {
    match run.mode {
        AppMode::AdvancedChat => Wire::of_chat(run, run.created_at.timestamp()),
        _ => Wire::of_workflow(run),
    }
}

/// `workflow_finished` or `workflow_paused`.
pub fn outcome(row: &Row, wire: &Wire) -> Bytes {
    if row.status == "paused" {
        return wire.paused(&stored_forms(row.forms.as_ref()), &summary(row));
    }
    wire.finished(&end(row), row.finished_at.unwrap_or(row.created_at).timestamp())
}

fn summary(row: &Row) -> Summary {
    let mut summary = Summary {
        elapsed_s: row.elapsed_s,
        total_steps: row.total_steps.unsigned_abs(),
        exceptions_count: row.exceptions_count.unsigned_abs(),
        ..Summary::default()
    };
    summary.usage.total_tokens = row.total_tokens.unsigned_abs();
    summary
}

fn end(row: &Row) -> RunEnd {
    let known = [RunStatus::Succeeded, RunStatus::Failed, RunStatus::Stopped, RunStatus::PartialSucceeded];
    RunEnd {
        status: known.into_iter().find(|status| status.as_str() == row.status).unwrap_or(RunStatus::Running),
        outputs: row.outputs.as_ref().and_then(|outputs| outputs.as_object().cloned()).unwrap_or_default(),
        error: row.error.clone(),
        summary: summary(row),
    }
}

/// The state of a run from its records, when its log is lost: how it started, its finished nodes, what it waits for.
pub async fn snapshot(state: &AppState, row: &Row, wire: &Wire) -> Result<Vec<Bytes>> {
    let inputs = row.inputs.as_object().cloned().unwrap_or_else(Vars::new);
    let mut events = vec![wire.started(&inputs, StartReason::Initial)];
    for text in runs::list_records(&state.db, row.workspace_id, row.id).await? {
        let record: NodeRecord = serde_json::from_str(&text).map_err(|error| Error::internal(anyhow::Error::from(error)))?;
        if record.status == NodeStatus::Retry {
            continue;
        }
        if matches!(record.start.node_type.as_str(), "iteration" | "loop") {
            let rounds = record.metadata.get("rounds").and_then(serde_json::Value::as_u64).unwrap_or_default();
            events.push(wire.container_finished(&record, usize::try_from(rounds).unwrap_or_default()));
        } else {
            events.push(wire.node_started(&record.start));
            events.push(wire.node_finished("node_finished", &record, None));
        }
    }
    if row.status == "paused" {
        let forms = stored_forms(row.forms.as_ref());
        events.extend(forms.iter().filter_map(|form| wire.event(&super::event::RunEvent::HumanInputRequired(form.clone()))));
        events.push(outcome(row, wire));
    }
    Ok(events)
}
