//! The job queue in PostgreSQL: enqueued in the transaction that makes a job true, claimed by a committed update, kept by a
//! heartbeat, retried with backoff. Handlers are idempotent: a job whose worker died runs again. Knows no feature.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::{PgExecutor, PgPool};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

const HEARTBEAT: Duration = Duration::from_secs(5);
/// A job whose heartbeat is older than this has lost its worker.
const LOST_AFTER_S: f64 = 20.0;
const POLL: Duration = Duration::from_millis(500);
/// How long it can be seen how a job ended.
const KEPT_DAYS: i32 = 30;
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// A claimed job.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Job {
    pub id: Uuid,
    pub workspace_id: Option<Uuid>,
    pub kind: String,
    pub payload: Value,
    /// 1 on the first try.
    pub attempts: i32,
    pub max_attempts: i32,
}

type Run = Arc<dyn Fn(Job) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send + Sync>;

/// What runs which kind of job.
#[derive(Clone, Default)]
pub struct Handlers(HashMap<&'static str, Run>);

impl Handlers {
    pub fn add<F, R>(&mut self, kind: &'static str, handler: F)
    where
        F: Fn(Job) -> R + Send + Sync + 'static,
        R: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.0.insert(kind, Arc::new(move |job| Box::pin(handler(job))));
    }
}

/// Adds a job; give the caller's transaction, so that the job exists exactly when its reason does.
pub async fn enqueue(db: impl PgExecutor<'_>, workspace_id: Option<Uuid>, kind: &str, payload: Value) -> sqlx::Result<Uuid> {
    let id = Uuid::now_v7();
    sqlx::query!("insert into jobs (id, workspace_id, kind, payload) values ($1, $2, $3, $4)", id, workspace_id, kind, payload)
        .execute(db)
        .await?;
    Ok(id)
}

/// Adds a job for each payload, each tried up to `max_attempts` times; likewise in the caller's transaction.
pub async fn enqueue_all(
    db: impl PgExecutor<'_>,
    workspace_id: Option<Uuid>,
    kind: &str,
    payloads: &[Value],
    max_attempts: i32,
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = payloads.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query!(
        "insert into jobs (id, workspace_id, kind, payload, max_attempts)
         select id, $3, $4, payload, $5 from unnest($1::uuid[], $2::jsonb[]) as new (id, payload)",
        &ids,
        payloads,
        workspace_id,
        kind,
        max_attempts
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What a handler fails with when another try would not help.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct GiveUp(pub String);

/// Runs jobs until `stop`, at most `concurrency` at once; running ones are finished first.
pub async fn work(db: PgPool, handlers: Handlers, concurrency: usize, stop: CancellationToken) {
    let worker = Uuid::now_v7().to_string();
    let running = TaskTracker::new();
    let mut forget = tokio::time::interval(FORGET_EVERY);
    while !stop.is_cancelled() {
        let claimed = if running.len() < concurrency { claim(&db, &worker, &handlers).await } else { Ok(None) };
        match claimed {
            Ok(Some(job)) => {
                running.spawn(run(db.clone(), handlers.clone(), job));
                continue;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error = %error, "jobs can't be claimed right now"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = forget.tick() => {
                if let Err(error) = forget_old(&db).await {
                    tracing::warn!(error = %error, "jobs that ended long ago can't be deleted right now");
                }
            }
        }
    }
    running.close();
    running.wait().await;
}

/// Runs every job that is due, one after the other: for tests and for commands that must not leave work behind.
pub async fn drain(db: &PgPool, handlers: &Handlers) -> sqlx::Result<usize> {
    let mut n = 0;
    while let Some(job) = claim(db, "drain", handlers).await? {
        run(db.clone(), handlers.clone(), job).await;
        n += 1;
    }
    Ok(n)
}

/// Deletes jobs that ended long ago. Gives their number.
pub async fn forget_old(db: &PgPool) -> sqlx::Result<u64> {
    let done = sqlx::query!("delete from jobs where finished_at < now() - make_interval(days => $1)", KEPT_DAYS).execute(db).await?;
    Ok(done.rows_affected())
}

async fn claim(db: &PgPool, worker: &str, handlers: &Handlers) -> sqlx::Result<Option<Job>> {
    let kinds: Vec<String> = handlers.0.keys().map(|kind| (*kind).to_owned()).collect();
    sqlx::query_as!(
        Job,
        "update jobs set status = 'running', claimed_by = $1, heartbeat_at = now(), attempts = attempts + 1
         where id = (
             select id from jobs
             where kind = any($2)
               and (status = 'queued' and run_at <= now()
                    or status = 'running' and heartbeat_at < now() - make_interval(secs => $3))
             order by run_at for update skip locked limit 1)
         returning id, workspace_id, kind, payload, attempts, max_attempts",
        worker,
        &kinds,
        LOST_AFTER_S
    )
    .fetch_optional(db)
    .await
}

async fn run(db: PgPool, handlers: Handlers, job: Job) {
    let Some(handler) = handlers.0.get(job.kind.as_str()) else { return };
    let mut work = tokio::spawn(handler(job.clone()));
    let result = loop {
        tokio::select! {
            result = &mut work => break result.unwrap_or_else(|panic| Err(anyhow::anyhow!("the job panicked: {panic}"))),
            () = tokio::time::sleep(HEARTBEAT) => {
                let beat = sqlx::query!("update jobs set heartbeat_at = now() where id = $1", job.id).execute(&db).await;
                if let Err(error) = beat {
                    tracing::warn!(job.id = %job.id, error = %error, "a job's heartbeat failed");
                }
            }
        }
    };
    if let Err(error) = finish(&db, &job, result).await {
        // The row stays 'running' and is claimed again when its heartbeat is old.
        tracing::warn!(job.id = %job.id, error = %error, "a job's end could not be stored");
    }
}

async fn finish(db: &PgPool, job: &Job, result: anyhow::Result<()>) -> sqlx::Result<()> {
    let Err(error) = result else {
        sqlx::query!("update jobs set status = 'completed', error = null, finished_at = now() where id = $1", job.id).execute(db).await?;
        return Ok(());
    };
    let text = format!("{error:#}");
    tracing::warn!(job.id = %job.id, job.kind = job.kind, job.attempts = job.attempts, error = text, "a job failed");
    if job.attempts >= job.max_attempts || error.is::<GiveUp>() {
        sqlx::query!("update jobs set status = 'error', error = $2, finished_at = now() where id = $1", job.id, text).execute(db).await?;
    } else {
        let wait_s = 2f64.powi(job.attempts.clamp(0, 9));
        sqlx::query!(
            "update jobs set status = 'queued', error = $2, run_at = now() + make_interval(secs => $3) where id = $1",
            job.id,
            text,
            wait_s
        )
        .execute(db)
        .await?;
    }
    Ok(())
}
