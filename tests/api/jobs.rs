//! The job queue against a real database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ashlar::jobs::{self, Handlers};
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

fn counting(kind: &'static str, fail_first: usize) -> (Handlers, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut handlers = Handlers::default();
    let counter = runs.clone();
    handlers.add(kind, move |_| {
        let nth = counter.fetch_add(1, Ordering::SeqCst);
        async move { if nth < fail_first { Err(anyhow::anyhow!("not yet")) } else { Ok(()) } }
    });
    (handlers, runs)
}

async fn status(db: &PgPool) -> String {
    sqlx::query_scalar("select status || coalesce(': ' || error, '') from jobs").fetch_one(db).await.unwrap()
}

#[sqlx::test]
async fn a_job_of_a_rolled_back_transaction_never_was(db: PgPool) {
    let mut tx = db.begin().await.unwrap();
    jobs::enqueue(&mut *tx, None, "count", json!({})).await.unwrap();
    tx.rollback().await.unwrap();
    let (handlers, runs) = counting("count", 0);
    assert_eq!(jobs::drain(&db, &handlers).await.unwrap(), 0);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[sqlx::test]
async fn a_failed_job_waits_and_is_given_up_after_its_last_try(db: PgPool) {
    jobs::enqueue(&db, None, "count", json!({})).await.unwrap();
    let (handlers, runs) = counting("count", usize::MAX);
    for attempt in 1..=5 {
        assert_eq!(jobs::drain(&db, &handlers).await.unwrap(), 1);
        assert_eq!(runs.load(Ordering::SeqCst), attempt);
        // not due yet
        assert_eq!(jobs::drain(&db, &handlers).await.unwrap(), 0);
        sqlx::query("update jobs set run_at = now()").execute(&db).await.unwrap();
    }
    assert_eq!(status(&db).await, "error: not yet");
}

#[sqlx::test]
async fn a_job_that_gives_up_is_not_tried_again(db: PgPool) {
    jobs::enqueue_all(&db, None, "count", &[json!({"n": 1}), json!({"n": 2})], 9).await.unwrap();
    let mut handlers = Handlers::default();
    handlers.add("count", |job| async move {
        if job.payload["n"] == 1 { Err(jobs::GiveUp("never".into()).into()) } else { Err(anyhow::anyhow!("not yet")) }
    });
    assert_eq!(jobs::drain(&db, &handlers).await.unwrap(), 2);
    let left: Vec<(String, String, i32)> =
        sqlx::query_as("select status, error, max_attempts from jobs order by payload ->> 'n'").fetch_all(&db).await.unwrap();
    assert_eq!(left, [("error".into(), "never".into(), 9), ("queued".into(), "not yet".into(), 9)]);
}

#[sqlx::test]
async fn a_job_whose_worker_died_runs_again(db: PgPool) {
    jobs::enqueue(&db, None, "count", json!({})).await.unwrap();
    sqlx::query("update jobs set status = 'running', claimed_by = 'gone', heartbeat_at = now() - interval '1 minute'")
        .execute(&db)
        .await
        .unwrap();
    let (handlers, runs) = counting("count", 0);
    assert_eq!(jobs::drain(&db, &handlers).await.unwrap(), 1);
    assert_eq!((runs.load(Ordering::SeqCst), status(&db).await.as_str()), (1, "completed"));
}

#[sqlx::test]
async fn two_workers_run_each_job_once_and_stop_when_told(db: PgPool) {
    for _ in 0..20 {
        jobs::enqueue(&db, None, "count", json!({})).await.unwrap();
    }
    let (handlers, runs) = counting("count", 0);
    let stop = CancellationToken::new();
    let workers = [0, 1].map(|_| tokio::spawn(jobs::work(db.clone(), handlers.clone(), 4, stop.clone())));
    let left = async || sqlx::query_scalar::<_, i64>("select count(*) from jobs where status <> 'completed'").fetch_one(&db).await.unwrap();
    while left().await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    for worker in workers {
        tokio::time::timeout(Duration::from_secs(5), worker).await.unwrap().unwrap();
    }
    assert_eq!(runs.load(Ordering::SeqCst), 20);
}

#[sqlx::test]
async fn what_ended_long_ago_is_forgotten(db: PgPool) {
    for (kind, status, finished) in
        [("old", "completed", Some(31)), ("failed", "error", Some(40)), ("new", "completed", Some(29)), ("due", "queued", None)]
    {
        sqlx::query(
            "insert into jobs (id, kind, payload, status, created_at, finished_at)
             values (gen_random_uuid(), $1, '{}', $2, now() - interval '50 days', now() - make_interval(days => $3))",
        )
        .bind(kind)
        .bind(status)
        .bind(finished)
        .execute(&db)
        .await
        .unwrap();
    }
    assert_eq!(jobs::forget_old(&db).await.unwrap(), 2);
    let left: Vec<String> = sqlx::query_scalar("select kind from jobs order by kind").fetch_all(&db).await.unwrap();
    assert_eq!(left, ["due", "new"]);
}
