//! The engine under load, without anything around it: made-up requests, all at once or as they would come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::model::{ModelArgs, Opened, peak_resident_bytes};
use super::peaks::Peaks;
use super::workload::{self, Prompt};
use super::{Spread, print_json, print_line};
use crate::engine::plan;
use crate::engine::request::{Event, Request, Usage};
use crate::engine::{Engine, Limits, Snapshot};

#[derive(Debug, Clone, Args, Serialize)]
pub struct EngineBench {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Tokens of each prompt, pictures not counted
    #[arg(long, default_value_t = 512)]
    pub prompt_tokens: usize,
    /// Tokens at the beginning that all prompts share
    #[arg(long, default_value_t = 0)]
    pub shared_tokens: usize,
    /// Tokens of each answer; the end of sequence is ignored
    #[arg(long, default_value_t = 128)]
    pub output_tokens: u32,
    #[arg(long, default_value_t = 16)]
    pub requests: usize,
    /// Requests running at once; 0 = all
    #[arg(long, default_value_t = 1)]
    pub concurrency: usize,
    /// Requests that arrive in a second, at random moments, however many are running
    #[arg(long, conflicts_with = "concurrency")]
    pub rate: Option<f64>,
    /// Pictures in each prompt
    #[arg(long, default_value_t = 0)]
    pub images: usize,
    /// Size of the pictures, pixels: 448, 640x480; of several, requests take turns
    #[arg(long, value_parser = workload::parse_size, value_delimiter = ',', default_value = "512")]
    pub image_size: Vec<[u32; 2]>,
    /// Every request asks about the same pictures
    #[arg(long)]
    pub same_images: bool,
    /// Prompts from an eighth of the length to the whole
    #[arg(long)]
    pub mixed: bool,
    /// Requests of the same kind before the measurement
    #[arg(long, default_value_t = 1)]
    pub warmup: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Figures<'a> {
    settings: &'a EngineBench,
    load_s: f64,
    wall_s: f64,
    /// From submitting to the first text.
    first_token_ms: Spread,
    /// Mean time between two tokens of a request.
    between_tokens_ms: Spread,
    /// Every single wait for the next token.
    gap_ms: Spread,
    /// From submitting to the end.
    request_ms: Spread,
    prompt_tokens: u64,
    output_tokens: u64,
    requests_per_s: f64,
    /// All prompt tokens by the whole time.
    prompt_tokens_per_s: f64,
    /// All sampled tokens by the whole time.
    output_tokens_per_s: f64,
    /// Prompt tokens of a request by its time to first token.
    prefill_tokens_per_s: f64,
    /// Tokens of all running requests together while they decode.
    decode_tokens_per_s: f64,
    cached_tokens: u64,
    image_tokens: u64,
    encoder_hits: u64,
    encoder_misses: u64,
    preemptions: u64,
    steps: u64,
    /// Rows of a step, on average.
    mean_step_rows: f64,
    mean_decode_step_ms: f64,
    /// Steps launched while the one before was on the device, and those of them that came too late to keep it busy.
    overlapped_steps: u64,
    late_steps: u64,
    #[serde(flatten)]
    bounds: Bounds,
    /// Weights and KV cache.
    engine_bytes: u64,
    /// In use on the device by everybody; `None` on the CPU.
    device_used_bytes: Option<u64>,
    /// What the planner says to that.
    device_planned_bytes: Option<u64>,
    peak_resident_bytes: u64,
}

/// The work that was asked for against what the machine can do.
#[derive(Debug, Serialize)]
struct Bounds {
    peak_tflops: f64,
    peak_gbps: f64,
    /// Operations of decoder, attention, head and vision tower; nothing that a cache saved.
    tflop: f64,
    /// Share of the peak compute rate over the whole run.
    mfu: f64,
    /// Weights once a step, keys and values once a sampled token, by the whole time.
    read_gbps: f64,
    /// Prompts at the peak compute rate, then all answers together at the peak memory rate.
    floor_s: f64,
    /// That floor by the time it took.
    roofline_share: f64,
}

/// Times of one request.
struct Timed {
    first_s: f64,
    /// Between tokens, seconds.
    gaps: Vec<f64>,
    total_s: f64,
    usage: Usage,
}

impl Timed {
    fn decode_s(&self) -> f64 {
        self.total_s - self.first_s
    }
}

pub async fn run(args: EngineBench) -> Result<()> {
    ensure!(args.requests > 0 && args.prompt_tokens > 0, "requests and tokens must be above 0");
    ensure!(args.rate.is_none_or(|rate| rate > 0.0), "the rate must be above 0");
    let model = args.model.clone();
    let (opened, peaks) = tokio::task::spawn_blocking(move || anyhow::Ok((model.open()?, model.peaks()?))).await??;
    let largest = args.image_size.iter().map(|[w, h]| w.div_ceil(32) * h.div_ceil(32)).max().unwrap_or(0);
    let request_tokens = args.prompt_tokens as u64 + u64::from(args.output_tokens) + args.images as u64 * u64::from(largest) + 32;
    let at_once = if args.rate.is_some() || args.concurrency == 0 { args.requests } else { args.concurrency };
    let started = Instant::now();
    let engine = args.model.load(&opened, request_tokens * at_once as u64, args.requests + args.warmup).await?;
    let load_s = started.elapsed().as_secs_f64();

    // Pages of the weights are touched, buffers grow.
    let warm = (0..args.warmup).map(|i| request(&engine, &args, usize::MAX - i)).collect::<Result<Vec<_>>>()?;
    all(&engine, warm, args.warmup.max(1), None).await?;
    let before = engine.metrics();
    let requests = (0..args.requests).map(|i| request(&engine, &args, i)).collect::<Result<Vec<_>>>()?;
    let started = Instant::now();
    let timed = all(&engine, requests, at_once, args.rate).await?;
    let wall_s = started.elapsed().as_secs_f64();
    let after = engine.metrics();

    let sum = |f: fn(&Usage) -> u32| timed.iter().map(|t| u64::from(f(&t.usage))).sum::<u64>();
    let (prompt_tokens, output_tokens) = (sum(|u| u.prompt_tokens), sum(|u| u.completion_tokens));
    let prefill_s: f64 = timed.iter().map(|t| t.first_s).sum();
    let decode_s: f64 = timed.iter().map(Timed::decode_s).sum();
    let steps = after.n_steps - before.n_steps;
    let per_token = |t: &Timed| t.decode_s() / f64::from(t.usage.completion_tokens.max(2) - 1);
    let device_used_bytes = args.model.open_device()?.memory()?.map(|memory| (memory.total - memory.free) as u64);
    let plan = plan::serving(&opened.shape, opened.device(), opened.precision(), None, Limits::default().max_step_tokens as u64, 0);
    let figures = Figures {
        settings: &args,
        load_s,
        wall_s,
        first_token_ms: Spread::of(timed.iter().map(|t| t.first_s).collect()),
        between_tokens_ms: Spread::of(timed.iter().map(per_token).collect()),
        gap_ms: Spread::of(timed.iter().flat_map(|t| t.gaps.iter().copied()).collect()),
        request_ms: Spread::of(timed.iter().map(|t| t.total_s).collect()),
        prompt_tokens,
        output_tokens,
        requests_per_s: args.requests as f64 / wall_s,
        prompt_tokens_per_s: prompt_tokens as f64 / wall_s,
        output_tokens_per_s: output_tokens as f64 / wall_s,
        prefill_tokens_per_s: prompt_tokens as f64 / prefill_s.max(1e-9),
        decode_tokens_per_s: (output_tokens - timed.len() as u64) as f64 * at_once as f64 / decode_s.max(1e-9),
        cached_tokens: sum(|u| u.cached_tokens),
        image_tokens: sum(|u| u.image_tokens),
        encoder_hits: after.n_encoder_hits - before.n_encoder_hits,
        encoder_misses: after.n_encoder_misses - before.n_encoder_misses,
        preemptions: after.n_preempted - before.n_preempted,
        steps,
        mean_step_rows: (after.n_step_tokens - before.n_step_tokens) as f64 / steps.max(1) as f64,
        mean_decode_step_ms: after.mean_decode_step_s * 1e3,
        overlapped_steps: after.n_overlapped_steps - before.n_overlapped_steps,
        late_steps: after.n_late_steps - before.n_late_steps,
        bounds: bounds(&args, &opened, peaks, &timed, &Run { before, after, at_once, wall_s }),
        engine_bytes: engine.memory_bytes(),
        device_used_bytes,
        device_planned_bytes: device_used_bytes.map(|_| plan.fixed() + engine.kv_bytes()),
        peak_resident_bytes: peak_resident_bytes(),
    };
    if args.json { print_json(&figures) } else { print(&figures) }
}

/// What the engine counted and the clock said.
struct Run {
    before: Snapshot,
    after: Snapshot,
    at_once: usize,
    wall_s: f64,
}

fn bounds(args: &EngineBench, opened: &Opened, peaks: Peaks, timed: &[Timed], run: &Run) -> Bounds {
    let Run { before, after, at_once, wall_s } = *run;
    let shape = &opened.shape;
    let merge = shape.vision.as_ref().map_or(1, |vision| vision.merge);
    let (mut prompt_flops, mut answer_flops, mut vision_flops, mut kv_tokens) = (0.0, 0.0, 0.0, 0u64);
    for t in timed {
        let (prompt, cached) = (u64::from(t.usage.prompt_tokens), u64::from(t.usage.cached_tokens));
        let n_out = u64::from(t.usage.completion_tokens.max(1));
        prompt_flops += shape.decoder_flops(cached, prompt - cached) + shape.head_flops(1);
        answer_flops += shape.decoder_flops(prompt, n_out - 1) + shape.head_flops(n_out - 1);
        // The pictures of a request have one size.
        let n_patches = u64::from(t.usage.image_tokens) * merge / args.images.max(1) as u64;
        vision_flops += shape.vision_flops(n_patches) * args.images as f64;
        kv_tokens += (n_out - 1) * prompt + n_out * (n_out - 1) / 2;
    }
    let (hits, misses) = (after.n_encoder_hits - before.n_encoder_hits, after.n_encoder_misses - before.n_encoder_misses);
    vision_flops *= misses as f64 / (hits + misses).max(1) as f64;
    let kv_bytes = (kv_tokens * shape.kv_bytes_per_token(opened.device().number_bytes())) as f64;
    let step_bytes = shape.step_weight_bytes(at_once.min(args.requests) as u64, opened.precision()) as f64;
    let flops = prompt_flops + answer_flops + vision_flops;
    let rounds = args.requests.div_ceil(at_once.min(args.requests)) as f64;
    let decode_bytes = kv_bytes + rounds * f64::from(args.output_tokens - 1) * step_bytes;
    let floor_s = (prompt_flops + vision_flops) / (peaks.tflops * 1e12) + decode_bytes / (peaks.gbps * 1e9);
    Bounds {
        peak_tflops: peaks.tflops,
        peak_gbps: peaks.gbps,
        tflop: flops / 1e12,
        mfu: flops / wall_s / (peaks.tflops * 1e12),
        read_gbps: (kv_bytes + (after.n_steps - before.n_steps) as f64 * step_bytes) / wall_s / 1e9,
        floor_s,
        roofline_share: floor_s / wall_s,
    }
}

fn print(f: &Figures<'_>) -> Result<()> {
    let spread = |name: &str, s: &Spread| {
        print_line(format_args!("{name:<15} mean {:9.2} ms   p50 {:9.2}   p99 {:9.2}", s.mean, s.p50, s.p99));
    };
    print_line(format_args!(
        "{} requests, {} prompt tokens ({} of pictures), {} output tokens; loaded in {:.2} s, ran {:.3} s",
        f.settings.requests, f.prompt_tokens, f.image_tokens, f.output_tokens, f.load_s, f.wall_s
    ));
    spread("first token", &f.first_token_ms);
    spread("between tokens", &f.between_tokens_ms);
    spread("single gaps", &f.gap_ms);
    spread("whole request", &f.request_ms);
    print_line(format_args!("requests {:10.2} /s", f.requests_per_s));
    print_line(format_args!(
        "prompt   {:10.1} tok/s of a request until its first token, {:.1} of all by the whole time",
        f.prefill_tokens_per_s, f.prompt_tokens_per_s
    ));
    print_line(format_args!(
        "decode   {:10.1} tok/s of all while they decode, {:.1} by the whole time",
        f.decode_tokens_per_s, f.output_tokens_per_s
    ));
    print_line(format_args!(
        "steps    {:10} of {:.1} rows, decoding ones {:.2} ms; {} overlapped, {} of them late; {} preemptions",
        f.steps, f.mean_step_rows, f.mean_decode_step_ms, f.overlapped_steps, f.late_steps, f.preemptions
    ));
    print_line(format_args!(
        "caches   {:10} prompt tokens; pictures: {} encoded, {} from the cache",
        f.cached_tokens, f.encoder_misses, f.encoder_hits
    ));
    let b = &f.bounds;
    print_line(format_args!(
        "compute  {:10.2} TFLOP, {:.1} % of {:.2} TFLOP/s; read at least {:.1} GB/s of {:.1}",
        b.tflop,
        b.mfu * 100.0,
        b.peak_tflops,
        b.read_gbps,
        b.peak_gbps
    ));
    print_line(format_args!(
        "floor    {:10.3} s for this load on this machine: {:.1} % of it reached",
        b.floor_s,
        b.roofline_share * 100.0
    ));
    print_line(format_args!(
        "memory   {:10.2} GB in weights and KV cache, {:.2} GB resident at most",
        f.engine_bytes as f64 / 1e9,
        f.peak_resident_bytes as f64 / 1e9
    ));
    if let (Some(used), Some(planned)) = (f.device_used_bytes, f.device_planned_bytes) {
        print_line(format_args!(
            "device   {:10.2} GB in use, {:.2} GB planned ({:+.1} %)",
            used as f64 / 1e9,
            planned as f64 / 1e9,
            (planned as f64 / used as f64 - 1.0) * 100.0
        ));
    }
    Ok(())
}

/// The same request for the same index.
fn request(engine: &Engine, args: &EngineBench, index: usize) -> Result<Request> {
    let n_tokens = match args.mixed {
        true => (args.prompt_tokens / 8).max(1) * (1 + index % 8),
        false => args.prompt_tokens,
    };
    let images = vec![args.image_size[index % args.image_size.len()]; args.images];
    let prompt = Prompt {
        n_tokens,
        n_shared: args.shared_tokens,
        images: &images,
        image_seed: if args.same_images { (index % args.image_size.len()) as u64 } else { index as u64 },
        output_tokens: args.output_tokens,
    };
    workload::request(engine, index, &prompt)
}

/// Runs the requests, `at_once` of them together or as they arrive at `rate` a second.
async fn all(engine: &Engine, requests: Vec<Request>, at_once: usize, rate: Option<f64>) -> Result<Vec<Timed>> {
    let places = Arc::new(Semaphore::new(at_once));
    let mut random = StdRng::seed_from_u64(0);
    let mut arrival_s = 0.0;
    let started = tokio::time::Instant::now();
    let mut running = JoinSet::new();
    for request in requests {
        if let Some(rate) = rate {
            // Gaps of a Poisson process.
            arrival_s -= (1.0 - random.random::<f64>()).ln() / rate;
        }
        let (engine, places) = (engine.clone(), Arc::clone(&places));
        let arrival = started + Duration::from_secs_f64(arrival_s);
        running.spawn(async move {
            tokio::time::sleep_until(arrival).await;
            let _place = places.acquire().await?;
            time(&engine, request).await
        });
    }
    let mut timed = Vec::new();
    while let Some(one) = running.join_next().await {
        timed.push(one??);
    }
    Ok(timed)
}

async fn time(engine: &Engine, request: Request) -> Result<Timed> {
    let started = Instant::now();
    let mut generation = engine.submit(request).await?;
    let (mut first_s, mut gaps, mut last) = (None, Vec::new(), started);
    while let Some(event) = generation.next().await {
        let event = event?;
        let now = Instant::now();
        match event {
            Event::Done(done) => {
                let first_s = first_s.unwrap_or(done.timing.time_to_first_token_s);
                return Ok(Timed { first_s, gaps, total_s: (now - started).as_secs_f64(), usage: done.usage });
            }
            _ => match first_s {
                None => first_s = Some((now - started).as_secs_f64()),
                Some(_) => gaps.push((now - last).as_secs_f64()),
            },
        }
        last = now;
    }
    bail!("the generation broke off after {:?}", last - started)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: EngineBench,
    }

    #[tokio::test]
    async fn counts_what_was_asked_for() {
        let flags = "bench --shape qwen3-vl-tiny --threads 1 --peak-tflops 1 --peak-gbps 100 --prompt-tokens 16 --output-tokens 4 \
                     --requests 4 --rate 200 --images 2 --image-size 256,320x448";
        let args = Command::try_parse_from(flags.split(' ').filter(|flag| !flag.is_empty())).unwrap().args;
        let opened = args.model.open().unwrap();
        let engine = args.model.load(&opened, 4096, 8).await.unwrap();
        let requests = (0..4).map(|i| request(&engine, &args, i).unwrap()).collect();
        let before = engine.metrics();
        let timed = all(&engine, requests, 4, args.rate).await.unwrap();
        let image_tokens: Vec<u32> = timed.iter().map(|t| t.usage.image_tokens).collect();
        assert_eq!(image_tokens.iter().sum::<u32>(), 2 * (2 * 64 + 2 * 140), "{image_tokens:?}");
        for t in &timed {
            assert_eq!(t.usage.completion_tokens, 4);
            assert!(t.first_s > 0.0 && t.first_s + t.gaps.iter().sum::<f64>() <= t.total_s + 1e-9);
        }
        let run = Run { before, after: engine.metrics(), at_once: 4, wall_s: 1.0 };
        let bounds = bounds(&args, &opened, args.model.peaks().unwrap(), &timed, &run);
        let vision = 4.0 * (opened.shape.vision_flops(256) + opened.shape.vision_flops(560));
        let text = 2.0 * opened.shape.decoder_parameters() as f64 * timed.iter().map(|t| f64::from(t.usage.prompt_tokens + 3)).sum::<f64>();
        let least = (vision + text + opened.shape.head_flops(16)) / 1e12;
        assert!((least..1.2 * least).contains(&bounds.tflop), "{} of {least}", bounds.tflop);
        assert!((bounds.mfu - bounds.tflop).abs() < 1e-9, "a peak of one and a second");
    }
}
