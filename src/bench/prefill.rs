//! Packed prompts through the decoder and packed pictures through the vision tower, without the engine around them.

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use super::model::ModelArgs;
use super::peaks::{self, Peaks};
use super::{print_json, print_line, workload};
use crate::engine::batch::{Batch, Pixels};
use crate::engine::models::{CausalModel, Loaded, Model};
use crate::engine::ops::cache::{BLOCK_SIZE, KvCache};
use crate::engine::plan::Shape;

#[derive(Debug, Clone, Args, Serialize)]
pub struct PrefillBench {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Tokens of a batch
    #[arg(long, default_value_t = 8192)]
    pub tokens: usize,
    /// Lengths of the prompts that a batch is made of
    #[arg(long, value_delimiter = ',', default_value = "128,1024,8192")]
    pub lengths: Vec<usize>,
    /// Patches of a batch of pictures
    #[arg(long, default_value_t = 16_384)]
    pub patches: usize,
    /// Sizes of the pictures that a batch is made of, pixels
    #[arg(long, value_parser = workload::parse_size, value_delimiter = ',', default_value = "448,1024,2048")]
    pub image_size: Vec<[u32; 2]>,
    /// Times each is measured; the fastest counts
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Figures<'a> {
    settings: &'a PrefillBench,
    peaks: Peaks,
    batches: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    /// `8 prompts of 1024`
    what: String,
    /// Tokens, or patches.
    rows: usize,
    ms: f64,
    rows_per_s: f64,
    /// By the peak, the utilisation of the processor (MFU).
    tflops: f64,
}

pub fn run(args: &PrefillBench) -> Result<()> {
    ensure!(args.tokens > 0 && args.repeats > 0, "tokens and repeats must be above 0");
    let (opened, peaks) = (args.model.open()?, args.model.peaks()?);
    let loaded = args.model.load_model(opened.path())?;
    let mut batches = Vec::new();
    for &length in args.lengths.iter().filter(|length| **length > 0) {
        batches.push(prompts(args, &opened.shape, &loaded, length)?);
    }
    if loaded.input.is_some() {
        for &size in &args.image_size {
            batches.push(pictures(args, &opened.shape, &loaded, size)?);
        }
    }
    let figures = Figures { settings: args, peaks, batches };
    if args.json {
        return print_json(&figures);
    }
    print_line(format_args!("peak: {:.2} TFLOP/s", peaks.tflops));
    print_line("batch                                  rows         ms     rows/s   TFLOP/s     MFU");
    for b in &figures.batches {
        let what = &b.what;
        print_line(format_args!(
            "{what:<34} {:8}  {:9.2}  {:9.1}  {:8.2}  {:5.1} %",
            b.rows,
            b.ms,
            b.rows_per_s,
            b.tflops,
            b.tflops / peaks.tflops * 100.0
        ));
    }
    Ok(())
}

pub fn causal(loaded: &Loaded) -> Result<&dyn CausalModel> {
    let Model::Causal(model) = &loaded.model else { bail!("not a chat model") };
    Ok(model.as_ref())
}

fn prompts(args: &PrefillBench, shape: &Shape, loaded: &Loaded, length: usize) -> Result<Measured> {
    let n = (args.tokens / length).max(1);
    let lengths = vec![length; n];
    let seconds = prompts_s(loaded, &lengths, args.repeats)?;
    let flops = n as f64 * (shape.decoder_flops(0, length as u64) + shape.head_flops(1));
    Ok(Measured::new(format!("{n} prompts of {length}"), n * length, seconds, flops))
}

fn pictures(args: &PrefillBench, shape: &Shape, loaded: &Loaded, size: [u32; 2]) -> Result<Measured> {
    let one = pixels(loaded, size, 0)?;
    let n_patches: usize = one.grid.iter().product();
    let n = (args.patches / n_patches.max(1)).max(1);
    let pixels = (0..n).map(|i| pixels(loaded, size, i as u64)).collect::<Result<Vec<_>>>()?;
    let seconds = pictures_s(loaded, &pixels, args.repeats)?;
    let flops = n as f64 * shape.vision_flops(n_patches as u64);
    Ok(Measured::new(format!("{n} pictures of {}x{}", size[0], size[1]), n * n_patches, seconds, flops))
}

impl Measured {
    fn new(what: String, rows: usize, seconds: f64, flops: f64) -> Self {
        Self { what, rows, ms: seconds * 1e3, rows_per_s: rows as f64 / seconds, tflops: flops / seconds / 1e12 }
    }
}

/// Seconds of one packed step over whole prompts of these lengths.
pub fn prompts_s(loaded: &Loaded, lengths: &[usize], repeats: usize) -> Result<f64> {
    let model = causal(loaded)?;
    let info = model.info();
    let n_blocks = lengths.iter().map(|length| length.div_ceil(BLOCK_SIZE)).sum();
    let mut cache = KvCache::new(&loaded.backend, info.cache_shape(), n_blocks)?;
    let batch = batch(lengths, info.vocab_size.min(1000) as u32);
    peaks::best_of(&loaded.backend, repeats, 1, || Ok(model.forward(&batch, &mut cache)?))
}

/// Seconds of encoding these pictures as one packed batch.
pub fn pictures_s(loaded: &Loaded, pixels: &[Pixels], repeats: usize) -> Result<f64> {
    let model = causal(loaded)?;
    peaks::best_of(&loaded.backend, repeats, 1, || {
        let Some(last) = model.encode(pixels)?.pop() else { bail!("no pictures") };
        Ok(last.embeddings)
    })
}

/// A picture as the tower takes it.
pub fn pixels(loaded: &Loaded, size: [u32; 2], seed: u64) -> Result<Pixels> {
    let Some(input) = &loaded.input else { bail!("the model takes no pictures") };
    Ok(input.image("picture", &workload::picture(size, seed)?)?)
}

/// Whole prompts of these lengths end to end, each in blocks of its own.
fn batch(lengths: &[usize], n_ids: u32) -> Batch {
    let mut batch = Batch { cu_seqlens: vec![0], ..Batch::default() };
    let mut next_block = 0;
    for &len in lengths {
        let blocks: Vec<u32> = (next_block..next_block + len.div_ceil(BLOCK_SIZE) as u32).collect();
        next_block += blocks.len() as u32;
        for i in 0..len {
            // Any ids will do; neighbours differ.
            let id = (batch.ids.len() as u32).wrapping_mul(7919) % n_ids;
            batch.ids.push(id as i32);
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
