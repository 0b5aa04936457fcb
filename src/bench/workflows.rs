//! Workflow runs with nothing in them (start → end) over HTTP: the real router over the real PostgreSQL and Redis, every run
//! recorded, clients on the loopback interface.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Spread, http, print_json};
use crate::config::Config;
use crate::runtime::Runtime;

#[derive(Debug, Clone, Args)]
pub struct WorkflowsBench {
    #[command(flatten)]
    config: Config,
    /// Clients at once
    #[arg(long, default_value_t = 50)]
    clients: usize,
    /// Seconds of the throughput part
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Requests of each client in the latency part
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Pause of a client between two requests of the latency part, milliseconds
    #[arg(long, default_value_t = 200)]
    pause_ms: u64,
}

#[derive(Debug, Serialize)]
struct Figures {
    clients: usize,
    runs: usize,
    runs_recorded: i64,
    nodes_recorded: i64,
    runs_per_s: f64,
    blocking_answer_ms: Spread,
    /// Streaming, each client with a pause between its requests
    first_event_ms: Spread,
}

/// Prints the figures as JSON.
pub async fn run(args: WorkflowsBench) -> Result<()> {
    ensure!(args.clients > 0 && args.rounds > 0 && args.seconds > 0, "clients, rounds and seconds must be above 0");
    let mut config = args.config.clone();
    // what it measures with is thrown away
    let data = tempfile::tempdir()?;
    config.data_dir = data.path().to_owned();
    let runtime = Runtime::start(config).await?;
    let graph = json!({
        "nodes": [{"id": "s", "data": {"type": "start", "title": "Start", "variables": [{"variable": "q", "type": "text-input"}]}},
                  {"id": "e", "data": {"type": "end", "title": "End", "outputs": [{"variable": "q", "value_selector": ["s", "q"]}]}}],
        "edges": [{"source": "s", "target": "e"}],
    });
    let key = http::seed_app(&runtime.state.db, "workflow", &json!({"graph": graph, "features": {}})).await?;
    let (address, serving) = http::serve(&runtime).await?;
    let streamed = json!({"inputs": {"q": "hello"}, "user": "bench", "response_mode": "streaming"}).to_string();
    http::ask(address, "/v1/workflows/run", &key, &streamed).await?;

    let mut clients = JoinSet::new();
    for n in 0..args.clients {
        let (key, body, args) = (key.clone(), streamed.clone(), args.clone());
        clients.spawn(async move {
            // spread over the pause, so that requests do not come in waves
            tokio::time::sleep(Duration::from_millis(args.pause_ms * n as u64 / args.clients as u64)).await;
            let mut firsts = Vec::new();
            for _ in 0..args.rounds {
                firsts.push(http::ask(address, "/v1/workflows/run", &key, &body).await?.first.as_secs_f64());
                tokio::time::sleep(Duration::from_millis(args.pause_ms)).await;
            }
            anyhow::Ok(firsts)
        });
    }
    let firsts = gathered(clients).await?;

    let before = count(&runtime.state.db).await?;
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..args.clients {
        let (key, until) = (key.clone(), started + Duration::from_secs(args.seconds));
        clients.spawn(async move { blocking(address, &key, until).await });
    }
    let times = gathered(clients).await?;
    let elapsed = started.elapsed().as_secs_f64();
    let after = count(&runtime.state.db).await?;
    let figures = Figures {
        clients: args.clients,
        runs: times.len(),
        runs_recorded: after.0 - before.0,
        nodes_recorded: after.1 - before.1,
        runs_per_s: times.len() as f64 / elapsed,
        blocking_answer_ms: Spread::of(times),
        first_event_ms: Spread::of(firsts),
    };
    print_json(&figures)?;
    serving.abort();
    runtime.stop().await;
    Ok(())
}

async fn gathered(mut clients: JoinSet<Result<Vec<f64>>>) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    while let Some(client) = clients.join_next().await {
        all.extend(client??);
    }
    Ok(all)
}

/// Finished runs, and their nodes.
async fn count(db: &sqlx::PgPool) -> Result<(i64, i64)> {
    let runs = "select (select count(*) from workflow_runs where status = 'succeeded'), (select count(*) from node_runs where status = 'succeeded')";
    Ok(sqlx::query_as(runs).fetch_one(db).await?)
}

/// One run after the other on one connection; gives their seconds.
async fn blocking(address: SocketAddr, key: &str, until: Instant) -> Result<Vec<f64>> {
    let body = json!({"inputs": {"q": "hello"}, "user": "bench"}).to_string();
    let request = format!(
        "POST /v1/workflows/run HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut buffer = Vec::with_capacity(8 << 10);
    while Instant::now() < until {
        let started = Instant::now();
        socket.write_all(request.as_bytes()).await?;
        buffer.clear();
        let answer = loop {
            ensure!(socket.read_buf(&mut buffer).await? > 0, "the server closed the connection");
            let Some(head) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let headers = std::str::from_utf8(&buffer[..head])?;
            let length = headers.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
            if buffer.len() >= head + 4 + length.context("an answer without a length")? {
                break std::str::from_utf8(&buffer)?;
            }
        };
        ensure!(answer.contains("\"succeeded\""), "a run did not succeed: {answer}");
        times.push(started.elapsed().as_secs_f64());
    }
    Ok(times)
}
