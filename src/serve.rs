//! `ashlar serve`: the whole server, from nothing to the last drained stream.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::serve::Listener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::engine::host::DEFAULT;
use crate::http::listen::listen;
use crate::runtime::Runtime;
use crate::state::AppState;
use crate::{chat, jobs, server, telemetry, workflows};

/// Streams get this long to end after a stop signal.
const DRAIN: Duration = Duration::from_secs(30);
const CONCURRENT_JOBS: usize = 4;

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(config: Config) -> Result<()> {
    let started = Instant::now();
    telemetry::prometheus();
    // First, so that a port that is taken is said before anything is started.
    let listener = listen(config.listen).with_context(|| format!("listening on {}; choose another --listen", config.listen))?;
    let address = listener.local_addr().context("reading the listening address")?;
    let mut config = config;
    config.listen = address;

    let runtime = Runtime::start(config).await?;
    let state = runtime.state.clone();
    // the first code node finds a process that is ready
    state.sandbox();
    if !state.config.no_model
        && let Err(error) = state.engines.start_loading(DEFAULT)
    {
        tracing::error!(error = %error, "the default model can't be loaded; calls to it fail until another is chosen");
    }
    let stop_jobs = CancellationToken::new();
    let jobs = tokio::spawn(jobs::work(state.db.clone(), server::job_handlers(&state), CONCURRENT_JOBS, stop_jobs.clone()));

    let sweeper = tokio::spawn(chat::sweep_interrupted(state.db.clone()));
    let runs = tokio::spawn(chat::work_on_runs(state.clone()));
    let clock = tokio::spawn(workflows::triggers::clock::work(state.clone()));

    let (stopping, stopped) = watch::channel(false);
    tokio::spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping: no new requests; running streams get {} s", DRAIN.as_secs());
        stopping.send_replace(true);
    });
    greet(&state.config.base_url(), setup_needed(&state).await?, started.elapsed());

    let mut drain = stopped.clone();
    let graceful = async move {
        drain.wait_for(|stop| *stop).await.ok();
    };
    let mut deadline = stopped.clone();
    // with the caller's address, which limits on guessing passwords count by
    let service = server::router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        served = axum::serve(listener, service).with_graceful_shutdown(graceful) => served.context("serving")?,
        () = async { deadline.wait_for(|stop| *stop).await.ok(); tokio::time::sleep(DRAIN).await; } => {
            tracing::warn!("some streams did not end in time; their answers so far are stored");
        }
    }
    sweeper.abort();
    clock.abort();
    runs.abort();
    workflows::job::give_up(&state).await;
    stop_jobs.cancel();
    jobs.await.context("ending the job worker")?;
    drop(state);
    runtime.stop().await;
    Ok(())
}

async fn setup_needed(state: &AppState) -> Result<bool> {
    let accounts: bool =
        sqlx::query_scalar("select exists (select from accounts)").fetch_one(&state.db).await.context("counting accounts")?;
    Ok(!accounts)
}

async fn wait_for_signal() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[expect(clippy::print_stdout, reason = "the first thing a person reads, also when logs go elsewhere")]
fn greet(url: &str, setup_needed: bool, elapsed: Duration) {
    println!("\n  Ashlar {} is up ({:.1} s)\n", env!("CARGO_PKG_VERSION"), elapsed.as_secs_f64());
    println!("  Console   {url}");
    println!("  API       {url}/v1");
    if setup_needed {
        println!("\n  No account yet. Open the console to make the first one, or run:\n");
        println!("    ashlar admin create --email you@example.com");
    }
    println!();
}
