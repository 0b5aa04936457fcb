//! The HTTP layer with next to no model behind it: the real router over the real PostgreSQL and Redis, the null model, and
//! clients on the loopback interface that do as little as they can.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::serve::Listener;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use crate::accounts::hash_token;
use crate::config::Config;
use crate::http::listen::listen;
use crate::runtime::Runtime;
use crate::server;

const MODEL: &str = "null";

#[derive(Debug, Clone, Args)]
pub struct HttpBench {
    #[command(flatten)]
    config: Config,
    /// Streams open at once
    #[arg(long, default_value_t = 100)]
    pub streams: usize,
    /// Requests of each client in the latency part
    #[arg(long, default_value_t = 10)]
    pub rounds: usize,
    /// Pause of a client between two requests of the latency part, milliseconds
    #[arg(long, default_value_t = 2000)]
    pub pause_ms: u64,
    /// Tokens of each answer in the throughput part
    #[arg(long, default_value_t = 1000)]
    pub tokens: u32,
    /// Folder with the tokenizer.json that the null model uses
    #[arg(long, default_value = "models/ashlar-tiny")]
    pub tokenizer: std::path::PathBuf,
}

#[derive(Debug, Serialize)]
struct Figures {
    streams: usize,
    first_event_p50_ms: f64,
    first_event_p99_ms: f64,
    events: usize,
    events_per_s: f64,
}

/// Prints the figures as JSON.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub async fn run(args: HttpBench) -> Result<()> {
    let mut config = args.config.clone();
    ensure!(args.streams > 0 && args.rounds > 0, "streams and rounds must be above 0");
    let models = tempfile::tempdir()?;
    let folder = models.path().join(MODEL);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("config.json"), json!({"architectures": ["AshlarNull"], "max_position_embeddings": 8192}).to_string())?;
    for file in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] {
        let from = args.tokenizer.join(file);
        if from.is_file() {
            std::fs::copy(&from, folder.join(file)).with_context(|| format!("copying {}", from.display()))?;
        }
    }
    // what it measures with is thrown away
    let data = tempfile::tempdir()?;
    config.data_dir = data.path().to_owned();
    config.models_dir = Some(models.path().to_owned());
    config.default_model = Some(MODEL.into());
    config.queue_limit = config.queue_limit.max(args.streams * 2);
    let runtime = Runtime::start(config).await?;
    let short = seed(&runtime.state.db, 16).await?;
    let long = seed(&runtime.state.db, args.tokens).await?;
    let (address, serving) = serve(&runtime).await?;
    // loads the model
    chat(address, &short, "warm").await?;

    let mut clients = JoinSet::new();
    for n in 0..args.streams {
        let (key, streams, rounds, pause_ms) = (short.clone(), args.streams, args.rounds, args.pause_ms);
        clients.spawn(async move {
            // spread over the pause, so that requests do not come in waves
            tokio::time::sleep(Duration::from_millis(pause_ms * n as u64 / streams as u64)).await;
            let mut firsts = Vec::new();
            for _ in 0..rounds {
                firsts.push(chat(address, &key, &format!("u-{n}")).await?.first);
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
            anyhow::Ok(firsts)
        });
    }
    let mut firsts = Vec::new();
    while let Some(client) = clients.join_next().await {
        firsts.extend(client??);
    }
    firsts.sort();
    let at = |q: f64| firsts.get(((firsts.len() - 1) as f64 * q).round() as usize).map_or(0.0, |d| d.as_secs_f64() * 1e3);

    let started = Instant::now();
    let mut clients = JoinSet::new();
    for n in 0..args.streams {
        let key = long.clone();
        clients.spawn(async move { chat(address, &key, &format!("u-{n}")).await });
    }
    let mut events = 0;
    while let Some(client) = clients.join_next().await {
        events += client??.events;
    }
    let figures = Figures {
        streams: args.streams,
        first_event_p50_ms: at(0.5),
        first_event_p99_ms: at(0.99),
        events,
        events_per_s: events as f64 / started.elapsed().as_secs_f64(),
    };
    println!("{}", serde_json::to_string_pretty(&figures)?);
    serving.abort();
    runtime.stop().await;
    Ok(())
}

/// A workspace with a published app on the null model; gives the app's key.
async fn seed(db: &sqlx::PgPool, max_tokens: u32) -> Result<String> {
    let params = json!({"temperature": 0, "max_tokens": max_tokens});
    let config = json!({"model": {"provider": "local", "name": MODEL, "mode": "chat", "completion_params": params}});
    seed_app(db, "chat", &config).await
}

/// A workspace with a published app; gives the app's key.
pub(super) async fn seed_app(db: &sqlx::PgPool, mode: &str, config: &serde_json::Value) -> Result<String> {
    let [workspace, app, version, key] = std::array::from_fn(|_| Uuid::now_v7());
    let token = format!("app-{}", Uuid::new_v4().simple());
    sqlx::query("insert into workspaces (id, name) values ($1, 'bench')").bind(workspace).execute(db).await?;
    sqlx::query("insert into apps (id, workspace_id, name, mode, draft) values ($1, $2, 'bench', $3, $4)")
        .bind(app)
        .bind(workspace)
        .bind(mode)
        .bind(config)
        .execute(db)
        .await?;
    sqlx::query("insert into app_versions (id, workspace_id, app_id, number, config) values ($1, $2, $3, 1, $4)")
        .bind(version)
        .bind(workspace)
        .bind(app)
        .bind(config)
        .execute(db)
        .await?;
    sqlx::query("update apps set published_version_id = $1 where workspace_id = $2 and id = $3")
        .bind(version)
        .bind(workspace)
        .bind(app)
        .execute(db)
        .await?;
    sqlx::query("insert into api_keys (id, workspace_id, kind, app_id, token_hash, hint) values ($1, $2, 'app', $3, $4, 'bench')")
        .bind(key)
        .bind(workspace)
        .bind(app)
        .bind(hash_token(&token).as_slice())
        .execute(db)
        .await?;
    Ok(token)
}

/// The real router on a free port of the loopback interface.
pub(super) async fn serve(runtime: &Runtime) -> Result<(SocketAddr, JoinHandle<std::io::Result<()>>)> {
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let service = server::router(runtime.state.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, service).await });
    Ok((address, serving))
}

pub(super) struct Asked {
    pub first: Duration,
    pub events: usize,
}

async fn chat(address: SocketAddr, key: &str, user: &str) -> Result<Asked> {
    let body = json!({"query": "go", "inputs": {}, "user": user, "response_mode": "streaming", "auto_generate_name": false}).to_string();
    ask(address, "/v1/chat-messages", key, &body).await
}

/// One streaming request on a connection of its own, read to its last event.
pub(super) async fn ask(address: SocketAddr, path: &str, key: &str, body: &str) -> Result<Asked> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let started = Instant::now();
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await?;
    let mut first = None;
    let mut events = 0;
    let mut buffer = vec![0; 64 << 10];
    // what may be the start of a marker cut in two
    let mut kept = 0;
    const MARKER: &[u8] = b"data: {";
    loop {
        let n = socket.read(&mut buffer[kept..]).await?;
        if n == 0 {
            break;
        }
        let filled = kept + n;
        let found = buffer[..filled].windows(MARKER.len()).filter(|w| *w == MARKER).count();
        if found > 0 {
            first.get_or_insert_with(|| started.elapsed());
        }
        events += found;
        kept = filled.min(MARKER.len() - 1);
        buffer.copy_within(filled - kept..filled, 0);
    }
    let first = first.with_context(|| format!("no event came: {}", String::from_utf8_lossy(&buffer[..kept])))?;
    Ok(Asked { first, events })
}
