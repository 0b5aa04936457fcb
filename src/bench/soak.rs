//! Random requests for a while, many of them abandoned, in a cache too small for all: afterwards every block must be free
//! and memory where it was.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use tokio::task::JoinSet;

use super::model::{ModelArgs, resident_bytes};
use super::print_json;
use super::workload::{self, Prompt};
use crate::engine::Engine;
use crate::engine::request::{Event, Failure};

#[derive(Debug, Clone, Args, Serialize)]
pub struct SoakBench {
    #[command(flatten)]
    model: ModelArgs,
    /// How long requests are sent
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Requests open at once
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// Tokens of a prompt, at most
    #[arg(long, default_value_t = 1024)]
    prompt_tokens: usize,
    /// Tokens of an answer, at most
    #[arg(long, default_value_t = 256)]
    output_tokens: u32,
    /// Share of requests that are abandoned at some token
    #[arg(long, default_value_t = 0.3)]
    aborts: f64,
    /// Share of requests with a picture, if the model takes them
    #[arg(long, default_value_t = 0.3)]
    images: f64,
    /// Share of the cache that all open requests would need, so that some are preempted
    #[arg(long, default_value_t = 0.2)]
    cache: f64,
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Serialize)]
struct Figures<'a> {
    settings: &'a SoakBench,
    finished: u64,
    abandoned: u64,
    /// For want of memory on the device.
    refused: u64,
    preemptions: u64,
    steps: u64,
    output_tokens: u64,
    /// Blocks that nobody holds and that were not given back.
    leaked_blocks: u64,
    /// Resident after a quarter of the time, and at the end.
    resident_early_bytes: u64,
    resident_late_bytes: u64,
    /// Free on the device at the same times; `None` on the CPU.
    device_free_early_bytes: Option<usize>,
    device_free_late_bytes: Option<usize>,
}

/// Steps of a new shape are recorded on the device: a few hundred kB each, and there is a limited number of shapes.
const RECORDED_BYTES: usize = 64 << 20;
/// Time in which an engine that has nothing to do must have seen it.
const SETTLE: Duration = Duration::from_secs(10);

/// Prints the figures as JSON; fails when something is not given back.
pub async fn run(args: SoakBench) -> Result<()> {
    ensure!(args.concurrency > 0 && args.prompt_tokens > 0 && args.output_tokens > 0, "requests and tokens must be above 0");
    let model = args.model.clone();
    let opened = tokio::task::spawn_blocking(move || model.open()).await??;
    let request_tokens = args.prompt_tokens as f64 + f64::from(args.output_tokens);
    let n_tokens = args.concurrency as f64 * request_tokens / 2.0 * args.cache;
    let engine = args.model.load_tight(&opened, n_tokens.max(request_tokens + 1024.0) as u64, args.concurrency).await?;

    let device = args.model.open_device()?;
    let device_free = || anyhow::Ok(device.memory()?.map(|memory| memory.free));
    let started = Instant::now();
    let (total, mut early) = (Duration::from_secs(args.seconds), None);
    let mut running = JoinSet::new();
    let (mut index, mut ends) = (0, [0; 3]);
    while started.elapsed() < total || !running.is_empty() {
        while started.elapsed() < total && running.len() < args.concurrency {
            running.spawn(one(engine.clone(), args.clone(), index));
            index += 1;
        }
        if let Some(done) = running.join_next().await {
            ends[done?? as usize] += 1;
        }
        if early.is_none() && started.elapsed() > total / 4 {
            early = Some((resident_bytes(), device_free()?));
        }
    }
    let settling = Instant::now();
    let idle = loop {
        let now = engine.metrics();
        if (now.n_running, now.n_queued, now.n_used_blocks) == (0, 0, 0) || settling.elapsed() > SETTLE {
            break now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let [finished, abandoned, refused] = ends;
    let late = (resident_bytes(), device_free()?);
    let early = early.unwrap_or(late);
    print_json(&Figures {
        settings: &args,
        finished,
        abandoned,
        refused,
        preemptions: idle.n_preempted,
        steps: idle.n_steps,
        output_tokens: idle.n_completion_tokens,
        leaked_blocks: idle.n_used_blocks,
        resident_early_bytes: early.0,
        resident_late_bytes: late.0,
        device_free_early_bytes: early.1,
        device_free_late_bytes: late.1,
    })?;
    ensure!(idle.n_running == 0 && idle.n_queued == 0, "{} sequences run and {} wait, of nobody", idle.n_running, idle.n_queued);
    if let (Some(early), Some(late)) = (early.1, late.1) {
        ensure!(late + RECORDED_BYTES >= early, "{early} bytes were free on the device, now {late}");
    }
    ensure!(idle.n_used_blocks == 0, "{} blocks were not given back", idle.n_used_blocks);
    ensure!(idle.n_failed == refused, "{} generations failed, {refused} of them for want of memory", idle.n_failed);
    Ok(())
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Finished,
    Abandoned,
    Refused,
}

async fn one(engine: Engine, args: SoakBench, index: usize) -> Result<End> {
    let mut random = StdRng::seed_from_u64(args.seed.wrapping_mul(1 << 32).wrapping_add(index as u64));
    let size = [32 * random.random_range(2..24), 32 * random.random_range(2..24)];
    let with_image = engine.info().vision && random.random_bool(args.images.clamp(0.0, 1.0));
    let prompt = Prompt {
        n_tokens: random.random_range(1..=args.prompt_tokens),
        // Some find the beginning of others in the cache.
        n_shared: if random.random_bool(0.5) { args.prompt_tokens / 2 } else { 0 },
        images: if with_image { &[size] } else { &[] },
        // Some ask about the picture of others.
        image_seed: random.random_range(0..64),
        output_tokens: random.random_range(1..=args.output_tokens),
    };
    let abandoned_at = random.random_bool(args.aborts.clamp(0.0, 1.0)).then(|| random.random_range(0..prompt.output_tokens));
    let mut request = workload::request(&engine, index, &prompt)?;
    if random.random_bool(0.5) {
        request.sampling.temperature = 1.0;
        request.sampling.top_p = 0.9;
        request.sampling.frequency_penalty = 0.5;
    }
    let mut generation = engine.submit(request).await?;
    let mut n_read = 0;
    while abandoned_at != Some(n_read) {
        match generation.next().await {
            Some(Ok(Event::Done(_))) => return Ok(End::Finished),
            Some(Err(Failure::Overloaded { .. })) => return Ok(End::Refused),
            Some(event) => _ = event?,
            None => bail!("a generation broke off after {n_read} pieces"),
        }
        n_read += 1;
    }
    Ok(End::Abandoned)
}
