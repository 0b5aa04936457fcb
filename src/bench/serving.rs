//! What everything around the model costs: the same load through the real server (router, keys, PostgreSQL, Redis, JSON,
//! base64, server-sent events, clients on the loopback interface) and straight into the engine that the server uses.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::workload::{self, Prompt};
use super::{http, print_json};
use crate::accounts::hash_token;
use crate::config::Config;
use crate::engine::host::{DEFAULT, Loaded};
use crate::engine::request::{Event, Input, Message, Part, Request};
use crate::engine::{Engine, shapes};
use crate::runtime::Runtime;

#[derive(Debug, Clone, Args)]
pub struct ServingBench {
    #[command(flatten)]
    config: Config,
    /// Folder of a checkpoint, or a GGUF file
    #[arg(long, required_unless_present = "shape", conflicts_with = "shape")]
    model: Option<PathBuf>,
    /// Made-up weights of a known shape, such as qwen3-vl-2b
    #[arg(long)]
    shape: Option<String>,
    /// Requests, all at once
    #[arg(long, default_value_t = 256)]
    requests: usize,
    /// Tokens of each prompt, pictures not counted
    #[arg(long, default_value_t = 128)]
    prompt_tokens: usize,
    /// Tokens of each answer; the end of sequence is ignored
    #[arg(long, default_value_t = 128)]
    output_tokens: u32,
    /// Pictures in each prompt
    #[arg(long, default_value_t = 0)]
    images: usize,
    /// Size of the pictures, pixels
    #[arg(long, value_parser = workload::parse_size, default_value = "448")]
    image_size: [u32; 2],
    /// Times that each way is measured, in turns; the fastest counts
    #[arg(long, default_value_t = 3)]
    repeats: usize,
}

#[derive(Debug, Serialize)]
struct Figures {
    requests: usize,
    images: usize,
    output_tokens: u32,
    engine: Way,
    server: Way,
    /// Share of the engine's throughput that is lost.
    overhead: f64,
}

/// The fastest round of one way to the engine.
#[derive(Debug, Serialize)]
struct Way {
    total_s: f64,
    tokens_per_s: f64,
    /// Until every request is with the engine.
    all_submitted_s: f64,
    n_steps: u64,
    /// Steps launched when the device had nothing left to do.
    n_late_steps: u64,
}

/// Prints the figures as JSON.
pub async fn run(args: ServingBench) -> Result<()> {
    ensure!(args.requests > 0 && args.repeats > 0 && args.output_tokens > 0, "requests, repeats and tokens must be above 0");
    let folder = args.shape.as_deref().map(shapes::folder).transpose()?.flatten();
    let path = match (&args.model, &folder) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => bail!("no shape is called so; there are {}", shapes::names().collect::<Vec<_>>().join(", ")),
    };
    // What it measures with is thrown away.
    let data = tempfile::tempdir()?;
    let mut config = args.config.clone();
    config.data_dir = data.path().to_owned();
    config.models_dir = Some(data.path().join("models"));
    config.default_model = Some(path.display().to_string());
    config.queue_limit = config.queue_limit.max(args.requests + 1);
    let runtime = Runtime::start(config).await?;
    let key = seed(&runtime.state.db).await?;
    let (address, serving) = http::serve(&runtime).await?;
    let Loaded::Llm(engine) = runtime.state.engines.ready(DEFAULT).await? else { bail!("not a chat model") };

    let (mut direct, mut served): (Option<Way>, Option<Way>) = (None, None);
    // The first round of each warms up. No two rounds share a prompt or a picture.
    for round in 0..=args.repeats {
        let messages = |way: usize| -> Result<Vec<Message>> {
            let first = (2 * round + way) * args.requests;
            (first..first + args.requests).map(|index| message(&args, index)).collect()
        };
        let requests: Vec<Request> = messages(0)?.into_iter().map(|message| request(&args, message)).collect();
        let way = measure(&args, &engine, requests.into_iter().map(|request| answer(engine.clone(), request))).await?;
        keep_faster(&mut direct, way, round);

        let bodies: Vec<String> = messages(1)?.iter().map(|message| body(&args, message)).collect();
        let ask = |body: String| {
            let key = key.clone();
            async move {
                let asked = http::ask(address, "/v1/chat/completions", &key, &body).await?;
                ensure!(asked.events > 1, "an answer has no text");
                // The first event, the role, comes before any token.
                Ok(asked.first)
            }
        };
        let way = measure(&args, &engine, bodies.into_iter().map(ask)).await?;
        keep_faster(&mut served, way, round);
    }
    serving.abort();
    drop(engine);
    runtime.stop().await;
    let (engine, server) = direct.zip(served).context("nothing was measured")?;
    let overhead = 1.0 - engine.total_s / server.total_s;
    print_json(&Figures { requests: args.requests, images: args.images, output_tokens: args.output_tokens, engine, server, overhead })
}

fn keep_faster(best: &mut Option<Way>, way: Way, round: usize) {
    if round > 0 && best.as_ref().is_none_or(|best| way.total_s < best.total_s) {
        *best = Some(way);
    }
}

/// Runs all clients at once. Each gives the time that it took to reach the engine.
async fn measure<C>(args: &ServingBench, engine: &Engine, clients: impl Iterator<Item = C>) -> Result<Way>
where
    C: Future<Output = Result<Duration>> + Send + 'static,
{
    let before = engine.metrics();
    let started = Instant::now();
    let mut running = JoinSet::new();
    for client in clients {
        running.spawn(async move {
            let waited = started.elapsed();
            anyhow::Ok(waited + client.await?)
        });
    }
    let mut all_submitted = Duration::ZERO;
    while let Some(submitted) = running.join_next().await {
        all_submitted = all_submitted.max(submitted??);
    }
    let total_s = started.elapsed().as_secs_f64();
    let after = engine.metrics();
    Ok(Way {
        total_s,
        tokens_per_s: args.requests as f64 * f64::from(args.output_tokens) / total_s,
        all_submitted_s: all_submitted.as_secs_f64(),
        n_steps: after.n_steps - before.n_steps,
        n_late_steps: after.n_late_steps - before.n_late_steps,
    })
}

fn message(args: &ServingBench, index: usize) -> Result<Message> {
    let images = vec![args.image_size; args.images];
    let prompt =
        Prompt { n_tokens: args.prompt_tokens, n_shared: 0, images: &images, image_seed: index as u64, output_tokens: args.output_tokens };
    workload::message(index, &prompt)
}

fn request(args: &ServingBench, message: Message) -> Request {
    let mut request = Request::new(Input::Chat(vec![message]));
    request.max_tokens = Some(args.output_tokens);
    request.sampling.ignore_eos = true;
    request
}

/// The same request as OpenAI's clients write it.
fn body(args: &ServingBench, message: &Message) -> String {
    let parts = message.content.iter().filter_map(|part| match part {
        Part::Text(text) => Some(json!({"type": "text", "text": text})),
        Part::Image(image) => {
            let url = format!("data:{};base64,{}", image.mime_type, STANDARD.encode(&image.bytes));
            Some(json!({"type": "image_url", "image_url": {"url": url, "detail": image.detail}}))
        }
        Part::Video(_) => None,
    });
    json!({
        "model": DEFAULT, "messages": [{"role": "user", "content": parts.collect::<Vec<Value>>()}], "stream": true,
        "temperature": 0, "max_tokens": args.output_tokens, "ignore_eos": true,
    })
    .to_string()
}

/// Reads an answer to its end; the time it took to submit the request.
async fn answer(engine: Engine, request: Request) -> Result<Duration> {
    let (started, n_tokens) = (Instant::now(), request.max_tokens);
    let mut generation = engine.submit(request).await?;
    let submitted = started.elapsed();
    while let Some(event) = generation.next().await {
        if let Event::Done(done) = event? {
            ensure!(Some(done.usage.completion_tokens) == n_tokens, "an answer is not as long as asked for");
            return Ok(submitted);
        }
    }
    bail!("the generation broke off")
}

/// A workspace and a key to its models.
async fn seed(db: &sqlx::PgPool) -> Result<String> {
    let (workspace, token) = (Uuid::now_v7(), format!("sk-{}", Uuid::new_v4().simple()));
    sqlx::query("insert into workspaces (id, name) values ($1, 'bench')").bind(workspace).execute(db).await?;
    sqlx::query("insert into api_keys (id, workspace_id, kind, token_hash, hint) values ($1, $2, 'model', $3, 'bench')")
        .bind(Uuid::now_v7())
        .bind(workspace)
        .bind(hash_token(&token).as_slice())
        .execute(db)
        .await
        .context("making a key")?;
    Ok(token)
}
