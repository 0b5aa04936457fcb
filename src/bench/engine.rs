//! The engine without anything around it: made-up prompts of a given length into a real checkpoint.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use futures::stream::{self, StreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use crate::engine::batch::Batch;
use crate::engine::models::{self, Model};
use crate::engine::ops::Backend;
use crate::engine::ops::cache::{BLOCK_SIZE, KvCache};
use crate::engine::request::{Detail, Event, Image, Input, Message, Part, Request, Role, Usage};
use crate::engine::{Engine, EngineOptions};

#[derive(Debug, Clone, Args, Serialize)]
pub struct EngineBench {
    /// Folder of a checkpoint, or a GGUF file
    #[arg(long)]
    pub model: PathBuf,
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
    /// Requests running at once
    #[arg(long, default_value_t = 1)]
    pub concurrency: usize,
    /// Pictures in each prompt
    #[arg(long, default_value_t = 0)]
    pub images: usize,
    /// Side of the pictures, pixels
    #[arg(long, default_value_t = 512)]
    pub image_side: u32,
    /// Every request asks about the same pictures
    #[arg(long)]
    pub same_images: bool,
    /// Prompts from an eighth of the length to the whole
    #[arg(long)]
    pub mixed: bool,
    /// CPU threads [default: the number of cores]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Memory of the KV cache, MiB
    #[arg(long, default_value_t = 1024)]
    pub kv_cache_mb: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Mean and percentiles of some durations, milliseconds.
#[derive(Debug, Serialize)]
struct Spread {
    mean: f64,
    p50: f64,
    p99: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |q: f64| values.get(((values.len() as f64 - 1.0) * q).round() as usize).copied().unwrap_or(0.0) * 1e3;
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64 * 1e3;
        Self { mean, p50: at(0.5), p99: at(0.99) }
    }
}

#[derive(Debug, Serialize)]
struct Figures<'a> {
    settings: &'a EngineBench,
    load_s: f64,
    wall_s: f64,
    /// From submitting to the first token.
    first_token_ms: Spread,
    /// Mean time between two tokens of a request.
    between_tokens_ms: Spread,
    prompt_tokens: u64,
    output_tokens: u64,
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
    mean_decode_step_ms: f64,
}

/// Times of one request.
struct Timed {
    first_s: f64,
    /// From the first token to the last.
    decode_s: f64,
    usage: Usage,
}

pub async fn run(args: EngineBench) -> Result<()> {
    ensure!(args.requests > 0 && args.concurrency > 0 && args.prompt_tokens > 0, "requests, concurrency and tokens must be above 0");
    let options = EngineOptions { threads: args.threads, kv_cache_mb: args.kv_cache_mb, queue_limit: args.requests + 1 };
    let started = Instant::now();
    let path = args.model.clone();
    let engine = tokio::task::spawn_blocking(move || Engine::load(&path, &options)).await??;
    let load_s = started.elapsed().as_secs_f64();

    // One short request first: pages of the weights are touched, buffers grow.
    let mut warm = request(&engine, &args, usize::MAX)?;
    warm.max_tokens = Some(args.output_tokens.min(4));
    time(&engine, warm).await?;
    let before = engine.metrics();

    let requests = (0..args.requests).map(|i| request(&engine, &args, i)).collect::<Result<Vec<_>>>()?;
    let started = Instant::now();
    let mut running = stream::iter(requests).map(|request| time(&engine, request)).buffer_unordered(args.concurrency);
    let mut timed = Vec::new();
    while let Some(one) = running.next().await {
        timed.push(one?);
    }
    let wall_s = started.elapsed().as_secs_f64();
    let after = engine.metrics();

    let sum = |f: fn(&Usage) -> u32| timed.iter().map(|t| u64::from(f(&t.usage))).sum::<u64>();
    let (prompt_tokens, output_tokens) = (sum(|u| u.prompt_tokens), sum(|u| u.completion_tokens));
    let prefill_s: f64 = timed.iter().map(|t| t.first_s).sum();
    let decode_s: f64 = timed.iter().map(|t| t.decode_s).sum();
    let figures = Figures {
        settings: &args,
        load_s,
        wall_s,
        first_token_ms: Spread::of(timed.iter().map(|t| t.first_s).collect()),
        between_tokens_ms: Spread::of(timed.iter().map(|t| t.decode_s / (t.usage.completion_tokens.max(2) - 1) as f64).collect()),
        prompt_tokens,
        output_tokens,
        prompt_tokens_per_s: prompt_tokens as f64 / wall_s,
        output_tokens_per_s: output_tokens as f64 / wall_s,
        prefill_tokens_per_s: prompt_tokens as f64 / prefill_s.max(1e-9),
        decode_tokens_per_s: (output_tokens - timed.len() as u64) as f64 * args.concurrency as f64 / decode_s.max(1e-9),
        cached_tokens: sum(|u| u.cached_tokens),
        image_tokens: sum(|u| u.image_tokens),
        encoder_hits: after.n_encoder_hits - before.n_encoder_hits,
        encoder_misses: after.n_encoder_misses - before.n_encoder_misses,
        preemptions: after.n_preempted - before.n_preempted,
        steps: after.n_steps - before.n_steps,
        mean_decode_step_ms: after.mean_decode_step_s * 1e3,
    };
    print(&figures, args.json)
}

#[expect(clippy::print_stdout, reason = "the report of a command")]
fn print(figures: &Figures<'_>, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(figures)?);
        return Ok(());
    }
    let f = figures;
    println!(
        "{} requests, {} at once, {} prompt tokens, {} output tokens",
        f.settings.requests, f.settings.concurrency, f.prompt_tokens, f.output_tokens
    );
    println!("loaded in {:.2} s, ran {:.2} s, {} steps, {} preemptions", f.load_s, f.wall_s, f.steps, f.preemptions);
    println!("first token     mean {:8.1} ms   p50 {:8.1}   p99 {:8.1}", f.first_token_ms.mean, f.first_token_ms.p50, f.first_token_ms.p99);
    println!(
        "between tokens  mean {:8.2} ms   p50 {:8.2}   p99 {:8.2}",
        f.between_tokens_ms.mean, f.between_tokens_ms.p50, f.between_tokens_ms.p99
    );
    println!(
        "prompt  {:10.1} tok/s of a request until its first token, {:.1} of all by the whole time",
        f.prefill_tokens_per_s, f.prompt_tokens_per_s
    );
    println!("decode  {:10.1} tok/s of all while they decode, {:.1} by the whole time", f.decode_tokens_per_s, f.output_tokens_per_s);
    println!(
        "prefix cache gave {} tokens; pictures: {} tokens, {} encoded, {} from the cache",
        f.cached_tokens, f.image_tokens, f.encoder_misses, f.encoder_hits
    );
    Ok(())
}

/// The same request for the same index.
fn request(engine: &Engine, args: &EngineBench, index: usize) -> Result<Request> {
    let mut shared = StdRng::seed_from_u64(0);
    let mut own = StdRng::seed_from_u64((index as u64).wrapping_add(1));
    let n_tokens = match args.mixed {
        true => (args.prompt_tokens / 8).max(1) * (1 + index % 8),
        false => args.prompt_tokens,
    };
    let input = if args.images == 0 {
        let n_shared = args.shared_tokens.min(n_tokens);
        let limit = engine.info().vocab_size.min(engine.n_plain_tokens()) as u32;
        ensure!(limit > 100, "the vocabulary is too small");
        let ids = (0..n_shared).map(|_| shared.random_range(100..limit)).collect::<Vec<_>>();
        Input::Tokens(ids.into_iter().chain((n_shared..n_tokens).map(|_| own.random_range(100..limit))).collect())
    } else {
        let words: Vec<String> = (0..n_tokens).map(|_| char::from(own.random_range(b'a'..=b'z')).to_string()).collect();
        let mut content = Vec::new();
        for i in 0..args.images {
            let seed = if args.same_images { i } else { index.wrapping_mul(args.images).wrapping_add(i) };
            content.push(Part::Image(picture(args.image_side, seed as u64)?));
        }
        content.push(Part::Text(words.join(" ")));
        Input::Chat(vec![Message { content, ..Message::text(Role::User, "") }])
    };
    let mut request = Request::new(input);
    request.max_tokens = Some(args.output_tokens);
    request.sampling.ignore_eos = true;
    Ok(request)
}

/// A picture of coloured squares, as PNG.
fn picture(side: u32, seed: u64) -> Result<Image> {
    let mut random = StdRng::seed_from_u64(seed);
    let colors: Vec<[u8; 3]> = (0..64).map(|_| random.random()).collect();
    let cell = side.div_ceil(8).max(1);
    let pixels = image::RgbImage::from_fn(side, side, |x, y| image::Rgb(colors[(y / cell * 8 + x / cell) as usize % 64]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, image::ImageFormat::Png).context("encoding a picture")?;
    Ok(Image { bytes: bytes.into_inner().into(), mime_type: "image/png".to_owned(), detail: Detail::Auto })
}

async fn time(engine: &Engine, request: Request) -> Result<Timed> {
    let started = Instant::now();
    let mut generation = engine.submit(request).await?;
    let mut last = started;
    while let Some(event) = generation.next().await {
        match event? {
            Event::Done(done) => {
                let first_s = done.timing.time_to_first_token_s;
                return Ok(Timed { first_s, decode_s: done.timing.total_s - first_s, usage: done.usage });
            }
            _ => last = Instant::now(),
        }
    }
    bail!("the generation broke off after {:?}", last - started)
}

#[derive(Debug, Clone, Args, Serialize)]
pub struct PackingBench {
    /// Folder of a checkpoint, or a GGUF file
    #[arg(long)]
    pub model: PathBuf,
    /// Prompts in the batch
    #[arg(long, default_value_t = 8)]
    pub prompts: usize,
    /// Tokens of the longest prompt; the others are evenly shorter, down to an eighth of it
    #[arg(long, default_value_t = 512)]
    pub prompt_tokens: usize,
    /// Times each form is measured; the fastest counts
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
    /// CPU threads [default: the number of cores]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct PackingFigures<'a> {
    settings: &'a PackingBench,
    real_tokens: usize,
    padded_tokens: usize,
    packed_s: f64,
    padded_s: f64,
    packed_tokens_per_s: f64,
    /// Real tokens only: padding is no work anybody asked for.
    padded_tokens_per_s: f64,
    speedup: f64,
}

/// Both forms go through the same model code; the padded one only has the rows that a padded batch would have.
#[expect(clippy::print_stdout, reason = "the report of a command")]
pub fn run_packing(args: &PackingBench) -> Result<()> {
    ensure!(args.prompts > 0 && args.prompt_tokens >= 8 && args.repeats > 0, "prompts, tokens and repeats are too few");
    let n_threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let backend = Backend::cpu(n_threads);
    let Model::Causal(model) = models::load(&args.model, &backend)?.model else { bail!("not a chat model") };
    let info = model.info();
    let lengths: Vec<usize> =
        (0..args.prompts).map(|i| args.prompt_tokens - (args.prompt_tokens * 7 / 8) * i / (args.prompts - 1).max(1)).collect();
    let padded = vec![args.prompt_tokens; args.prompts];
    let n_blocks = args.prompts * args.prompt_tokens.div_ceil(BLOCK_SIZE);
    let mut cache = KvCache::new(&backend, info.cache_shape(), n_blocks)?;
    let mut fastest = |lengths: &[usize]| -> Result<Duration> {
        let batch = prompts(lengths, info.vocab_size.min(1000) as u32);
        let mut best = Duration::MAX;
        for _ in 0..args.repeats {
            let started = Instant::now();
            model.forward(&batch, &mut cache)?;
            best = best.min(started.elapsed());
        }
        Ok(best)
    };
    let (packed_s, padded_s) = (fastest(&lengths)?.as_secs_f64(), fastest(&padded)?.as_secs_f64());
    let real_tokens = lengths.iter().sum::<usize>();
    let figures = PackingFigures {
        settings: args,
        real_tokens,
        padded_tokens: padded.iter().sum(),
        packed_s,
        padded_s,
        packed_tokens_per_s: real_tokens as f64 / packed_s,
        padded_tokens_per_s: real_tokens as f64 / padded_s,
        speedup: padded_s / packed_s,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        let f = &figures;
        println!("{} prompts of {} to {} tokens", args.prompts, lengths.last().copied().unwrap_or(0), args.prompt_tokens);
        println!("packed  {:6} rows  {:8.3} s  {:9.1} real tok/s", f.real_tokens, f.packed_s, f.packed_tokens_per_s);
        println!("padded  {:6} rows  {:8.3} s  {:9.1} real tok/s", f.padded_tokens, f.padded_s, f.padded_tokens_per_s);
        println!("packed is {:.2} times as fast", f.speedup);
    }
    Ok(())
}

/// Whole prompts of these lengths end to end, each in blocks of its own.
fn prompts(lengths: &[usize], n_ids: u32) -> Batch {
    let mut batch = Batch { cu_seqlens: vec![0], ..Batch::default() };
    let mut random = StdRng::seed_from_u64(7);
    let mut next_block = 0;
    for &len in lengths {
        let blocks: Vec<u32> = (next_block..next_block + len.div_ceil(BLOCK_SIZE) as u32).collect();
        next_block += blocks.len() as u32;
        for i in 0..len {
            batch.ids.push(random.random_range(0..n_ids) as i32);
            batch.positions.push([i as u32; 3]);
            batch.slot_mapping.push(blocks[i / BLOCK_SIZE] * BLOCK_SIZE as u32 + (i % BLOCK_SIZE) as u32);
        }
        batch.cu_seqlens.push(batch.ids.len() as u32);
        batch.context_lens.push(len as u32);
        batch.logit_rows.push(batch.ids.len() as u32 - 1);
        batch.block_tables.push(blocks);
    }
    batch
}
