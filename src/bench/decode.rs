//! Steps that only decode, in the steady state: a fixed number of sequences, all of the same length.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use super::adapters::AdapterArgs;
use super::model::{ModelArgs, Opened};
use super::peaks::Peaks;
use super::workload::{self, Prompt};
use super::{print_json, print_line};
use crate::engine::Engine;
use crate::engine::request::{Event, Request};

#[derive(Debug, Clone, Args, Serialize)]
pub struct DecodeBench {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Sequences that decode together
    #[arg(long, value_delimiter = ',', default_value = "1,8,64,256")]
    pub batch: Vec<usize>,
    /// Tokens of each sequence, half-way through the measurement
    #[arg(long, default_value_t = 1024)]
    pub context: usize,
    /// Steps that are measured
    #[arg(long, default_value_t = 64)]
    pub steps: usize,
    #[command(flatten)]
    pub adapters: AdapterArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Figures<'a> {
    settings: &'a DecodeBench,
    peaks: Peaks,
    batches: Vec<Steady>,
}

#[derive(Debug, Serialize)]
struct Steady {
    batch: usize,
    /// Tokens of a sequence, on average over what was measured.
    context: f64,
    /// Median time between two tokens.
    step_ms: f64,
    p99_ms: f64,
    tokens_per_s: f64,
    /// What a step must read, by its time.
    read_gbps: f64,
    /// What a step must read or compute at the peak rates, whichever takes longer.
    floor_ms: f64,
    /// The floor by the step's time.
    roofline_share: f64,
}

/// Tokens that a sequence may have sampled before the last of its batch began, at most.
const HEAD_START: usize = 4096;

pub async fn run(args: DecodeBench) -> Result<()> {
    ensure!(args.context > args.steps && args.steps >= 8, "the context must be longer than the steps, of which 8 are the least");
    ensure!(!args.batch.is_empty() && !args.batch.contains(&0), "batches must be above 0");
    let model = args.model.clone();
    let (opened, peaks) = tokio::task::spawn_blocking(move || anyhow::Ok((model.open()?, model.peaks()?))).await??;
    let most = args.batch.iter().copied().max().unwrap_or(1);
    let n_tokens = most * (args.context + args.steps + 32);
    let engine = args.model.load(&opened, n_tokens as u64, most).await?;
    let adapters = args.adapters.clone();
    let engines = tokio::task::spawn_blocking(move || adapters.handles(&engine)).await??;
    let mut batches = Vec::new();
    for &batch in &args.batch {
        batches.push(steady(&args, &opened, peaks, &engines, batch).await?);
    }
    let figures = Figures { settings: &args, peaks, batches };
    if args.json {
        return print_json(&figures);
    }
    print_line(format_args!("peaks: {:.2} TFLOP/s, {:.1} GB/s", peaks.tflops, peaks.gbps));
    print_line("batch  context   step ms     p99 ms     tok/s      GB/s   floor ms  of floor");
    for b in &figures.batches {
        print_line(format_args!(
            "{:5}  {:7.0}  {:8.3}  {:9.3}  {:8.1}  {:8.1}  {:9.3}  {:6.1} %",
            b.batch,
            b.context,
            b.step_ms,
            b.p99_ms,
            b.tokens_per_s,
            b.read_gbps,
            b.floor_ms,
            b.roofline_share * 100.0
        ));
    }
    Ok(())
}

/// `engines` are handles of one model that take turns.
async fn steady(args: &DecodeBench, opened: &Opened, peaks: Peaks, engines: &[Engine], batch: usize) -> Result<Steady> {
    let engine = &engines[0];
    let n_tokens = args.context - args.steps / 2;
    let room = engine.context_size().saturating_sub(n_tokens);
    let prompt = Prompt { n_tokens, n_shared: 0, images: &[], image_seed: 0, output_tokens: room.min(HEAD_START + args.steps) as u32 };
    let n_started = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    for index in 0..batch {
        // No two batches share a prefix.
        let request = workload::request(engine, batch * 4096 + index, &prompt)?;
        running.spawn(follow(engines[index % engines.len()].clone(), request, Arc::clone(&n_started), batch, args.steps));
    }
    let (mut gaps, mut n_behind) = (Vec::new(), 0);
    while let Some(one) = running.join_next().await {
        let (one, behind) = one??;
        gaps.extend(one);
        n_behind += behind;
    }
    gaps.sort_by(f64::total_cmp);
    let (step_s, p99_s) = (gaps[gaps.len() / 2], gaps[gaps.len() * 99 / 100]);
    let context = args.context as f64 + n_behind as f64 / batch as f64;
    let shape = &opened.shape;
    let n_bytes = shape.decode_bytes(batch as u64, context as u64, opened.precision(), opened.device().number_bytes()) as f64;
    let flops = batch as f64 * (shape.decoder_flops(context as u64, 1) + shape.head_flops(1));
    let floor_s = (n_bytes / (peaks.gbps * 1e9)).max(flops / (peaks.tflops * 1e12));
    Ok(Steady {
        batch,
        context,
        step_ms: step_s * 1e3,
        p99_ms: p99_s * 1e3,
        tokens_per_s: batch as f64 / step_s,
        read_gbps: n_bytes / step_s / 1e9,
        floor_ms: floor_s * 1e3,
        roofline_share: floor_s / step_s,
    })
}

/// Waits between tokens once every sequence of the batch decodes, and the tokens sampled before. Ends the sequence then.
async fn follow(engine: Engine, request: Request, n_started: Arc<AtomicUsize>, batch: usize, steps: usize) -> Result<(Vec<f64>, usize)> {
    let mut generation = engine.submit(request).await?;
    let (mut last, mut n_before, mut gaps) = (None::<Instant>, 0, Vec::new());
    while let Some(event) = generation.next().await {
        if let Event::Done(_) = event? {
            break;
        }
        let now = Instant::now();
        match last {
            None => _ = n_started.fetch_add(1, Ordering::Relaxed),
            Some(last) if n_started.load(Ordering::Relaxed) == batch => gaps.push((now - last).as_secs_f64()),
            Some(_) => n_before += 1,
        }
        if gaps.len() == steps {
            return Ok((gaps, n_before));
        }
        last = Some(now);
    }
    bail!("a sequence ended after {} of {steps} steps: the KV cache or the context is too small for the batch of {batch}", gaps.len())
}
