//! Schedules: each process looks every second for those whose time has come.
//!
//! A due schedule is locked, its run recorded as scheduled and its next time set in one transaction, and a schedule that
//! another process has in hand is passed over. So a time that has come fires once, however many processes look and wherever
//! one of them breaks off. Times that pass while no process runs, or while the database is away, fire once together: the
//! next time counts from now.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::schedule::Schedule;
use super::{Started, TriggerKind, db, register, triggered_run};
use crate::error::Result;
use crate::state::AppState;
use crate::workflows::vars::Vars;
use crate::workflows::{job, record};

const EVERY: Duration = Duration::from_secs(1);
/// Schedules of one transaction.
const AT_ONCE: i64 = 100;
const CLEAN_EVERY: Duration = Duration::from_secs(600);

/// Fires what is due, for as long as the process lives.
pub async fn work(state: AppState) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cleaned: Option<Instant> = None;
    loop {
        every.tick().await;
        if let Err(error) = tick(&state).await {
            tracing::debug!(%error, "triggers can't be looked at right now");
            continue;
        }
        if cleaned.is_none_or(|at| at.elapsed() > CLEAN_EVERY) {
            cleaned = Some(Instant::now());
            if let Err(error) = db::delete_old_deliveries(&state.db).await {
                tracing::warn!(%error, "old deliveries of webhooks could not be removed");
            }
        }
    }
}

/// One look: brings the triggers in step with what is published, then fires those that are due. Gives their number.
pub async fn tick(state: &AppState) -> Result<usize> {
    register::follow_published(state).await?;
    let mut n_fired = 0;
    loop {
        let n = fire(state).await?;
        n_fired += n;
        if n < usize::try_from(AT_ONCE).unwrap_or(usize::MAX) {
            break;
        }
    }
    if n_fired > 0 {
        job::wake(state);
    }
    Ok(n_fired)
}

async fn fire(state: &AppState) -> Result<usize> {
    let mut tx = state.db.begin().await?;
    let due = db::lock_due(&mut tx, AT_ONCE).await?;
    let mut next = Vec::with_capacity(due.len());
    for schedule in &due {
        let started = Started {
            workspace_id: schedule.workspace_id,
            app_id: schedule.app_id,
            node_id: schedule.node_id.clone(),
            version_id: Some(schedule.version_id),
            draft: None,
        };
        record::schedule(&mut tx, &triggered_run(started, TriggerKind::Schedule, Vars::new())).await?;
        let zone = schedule.timezone.parse().unwrap_or(chrono_tz::Tz::UTC);
        let read = Schedule::new(&schedule.cron, zone).ok();
        next.push((schedule.id, read.and_then(|read| read.next_after(schedule.now))));
    }
    if !due.is_empty() {
        db::advance(&mut tx, &next).await?;
    }
    tx.commit().await?;
    Ok(due.len())
}
