//! Pictures as tokens: how long a picture takes to become ids and ids to become a picture, and whole pictures drawn by the
//! engine, several at a time.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use super::model::{ModelArgs, Opened};
use super::peaks::Peaks;
use super::workload::{self, Prompt};
use super::{print_json, print_line};
use crate::engine::Engine;
use crate::engine::models::chameleon::Pictures;
use crate::engine::request::{Done, Event, Input, Modalities, Request, Sampling};
use crate::engine::weights::Checkpoint;

#[derive(Debug, Clone, Args, Serialize)]
pub struct PicturesBench {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Pictures that are drawn together
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    pub batch: Vec<usize>,
    /// Words that ask for each
    #[arg(long, default_value_t = 64)]
    pub prompt_words: usize,
    /// Pictures that become ids, and ids that become pictures
    #[arg(long, default_value_t = 3)]
    pub runs: usize,
    /// Only these: leave the decoder that draws alone
    #[arg(long)]
    pub tokenizer_only: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Figures<'a> {
    settings: &'a PicturesBench,
    tokenizer: Tokenizer,
    batches: Vec<Drawn>,
}

#[derive(Debug, Serialize)]
struct Tokenizer {
    /// Side of a picture, pixels.
    resolution: usize,
    codes: usize,
    threads: usize,
    /// The best of the runs.
    encode_ms: f64,
    decode_ms: f64,
}

#[derive(Debug, Serialize)]
struct Drawn {
    batch: usize,
    /// Mean time between two codes of a picture.
    step_ms: f64,
    codes_per_s: f64,
    /// What a step must read at the memory's speed, by its time.
    roofline_share: f64,
    /// Until the last code of the last picture.
    engine_s: f64,
    /// Until the last picture is there.
    whole_s: f64,
}

/// Rows of one picture in a step: the whole prompt and an empty one. With pictures in the prompt there would be a third.
const ROWS: usize = 2;

pub async fn run(args: PicturesBench) -> Result<()> {
    ensure!(args.runs > 0 && !args.batch.contains(&0), "runs and batches must be above 0");
    let model = args.model.clone();
    let n_runs = args.runs;
    let (opened, peaks, tokenizer) = tokio::task::spawn_blocking(move || {
        let opened = model.open()?;
        let tokenizer = tokenizer(&opened, n_runs)?;
        anyhow::Ok((opened, model.peaks()?, tokenizer))
    })
    .await??;
    let mut batches = Vec::new();
    if !args.tokenizer_only {
        let most = args.batch.iter().copied().max().unwrap_or(1);
        let n_tokens = most * ROWS * (tokenizer.codes + args.prompt_words * 2 + 64);
        let engine = args.model.load(&opened, n_tokens as u64, most).await?;
        for &batch in &args.batch {
            batches.push(draw(&args, &opened, peaks, &engine, &tokenizer, batch).await?);
        }
    }
    let figures = Figures { settings: &args, tokenizer, batches };
    if args.json {
        return print_json(&figures);
    }
    let Tokenizer { resolution, codes, threads, encode_ms, decode_ms } = figures.tokenizer;
    print_line(format_args!(
        "{resolution}×{resolution} pixels, {codes} codes, {threads} threads: to codes {encode_ms:.0} ms, to pixels {decode_ms:.0} ms"
    ));
    if !figures.batches.is_empty() {
        print_line("batch   step ms   codes/s  of floor  engine s   whole s");
    }
    for b in &figures.batches {
        let Drawn { batch, step_ms, codes_per_s, roofline_share, engine_s, whole_s } = b;
        print_line(format_args!(
            "{batch:5}  {step_ms:8.3}  {codes_per_s:8.1}  {:6.1} %  {engine_s:8.2}  {whole_s:8.2}",
            roofline_share * 100.0
        ));
    }
    Ok(())
}

fn tokenizer(opened: &Opened, n_runs: usize) -> Result<Tokenizer> {
    let checkpoint = Checkpoint::open(opened.path())?;
    ensure!(checkpoint.architecture == "ChameleonForConditionalGeneration", "the model's pictures are no tokens of its vocabulary");
    let pictures = Pictures::load(&checkpoint, checkpoint.fields().size("vocab_size")?)?;
    ensure!(pictures.can_write(), "the checkpoint holds no weights named `model.vqmodel.decoder`");
    let side = pictures.resolution();
    let (mut encode_s, mut decode_s) = (f64::INFINITY, f64::INFINITY);
    for seed in 0..n_runs {
        let picture = workload::picture([side as u32, side as u32], seed as u64)?;
        let start = Instant::now();
        let ids = pictures.encode("picture", &picture)?;
        encode_s = encode_s.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        pictures.decode(&ids[1..ids.len() - 1])?;
        decode_s = decode_s.min(start.elapsed().as_secs_f64());
    }
    Ok(Tokenizer {
        resolution: side,
        codes: pictures.n_codes(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        encode_ms: encode_s * 1e3,
        decode_ms: decode_s * 1e3,
    })
}

async fn draw(args: &PicturesBench, opened: &Opened, peaks: Peaks, engine: &Engine, tokenizer: &Tokenizer, batch: usize) -> Result<Drawn> {
    let prompt = Prompt { n_tokens: args.prompt_words, n_shared: 0, images: &[], image_seed: 0, output_tokens: 0 };
    let start = Instant::now();
    let mut running = JoinSet::new();
    for index in 0..batch {
        // No two batches share a prefix.
        let index = batch * 4096 + index;
        let sampling = Sampling { seed: Some(index as u64), ..engine.default_sampling() };
        let request = Request::new(Input::Chat(vec![workload::message(index, &prompt)?]));
        running.spawn(picture(engine.clone(), Request { modalities: Modalities::Image, sampling, ..request }));
    }
    let mut all = Vec::new();
    while let Some(done) = running.join_next().await {
        all.push(done??);
    }
    let whole_s = start.elapsed().as_secs_f64();
    let n_steps = (tokenizer.codes - 1) as f64;
    let step_s = all.iter().map(|done| (done.timing.total_s - done.timing.time_to_first_token_s) / n_steps).sum::<f64>() / batch as f64;
    let rows = (batch * ROWS) as u64;
    let context = (args.prompt_words + tokenizer.codes / 2) as u64;
    let n_bytes = opened.shape.decode_bytes(rows, context, opened.precision(), opened.device().number_bytes()) as f64;
    Ok(Drawn {
        batch,
        step_ms: step_s * 1e3,
        codes_per_s: batch as f64 / step_s,
        roofline_share: n_bytes / (peaks.gbps * 1e9) / step_s,
        engine_s: all.iter().map(|done| done.timing.total_s).fold(0.0, f64::max),
        whole_s,
    })
}

async fn picture(engine: Engine, request: Request) -> Result<Done> {
    let mut generation = engine.submit(request).await?;
    let mut n_images = 0;
    while let Some(event) = generation.next().await {
        match event? {
            Event::Image(_) => n_images += 1,
            Event::Done(done) if n_images == 1 => return Ok(done),
            Event::Done(done) => bail!("the engine drew {n_images} pictures and ended with {:?}", done.finish_reason),
            Event::Text { .. } | Event::ToolCall(_) => {}
        }
    }
    None.context("the generation ended without saying why")
}
