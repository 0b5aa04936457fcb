//! What packing is worth: prompts of mixed lengths, with pictures of mixed sizes, against the same padded to the largest.
//! Both forms go through the same model code; the padded one only has the rows that a padded batch would have.

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::model::ModelArgs;
use super::prefill::{pictures_s, pixels, prompts_s};
use super::{print_json, print_line, workload};

#[derive(Debug, Clone, Args, Serialize)]
pub struct PackingBench {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Prompts in the batch
    #[arg(long, default_value_t = 8)]
    pub prompts: usize,
    /// Tokens of the longest prompt; the others are evenly shorter, down to an eighth of it
    #[arg(long, default_value_t = 512)]
    pub prompt_tokens: usize,
    /// One picture before each prompt, of these sizes in turn, pixels
    #[arg(long, value_parser = workload::parse_size, value_delimiter = ',')]
    pub image_size: Vec<[u32; 2]>,
    /// Times each form is measured; the fastest counts
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Figures<'a> {
    settings: &'a PackingBench,
    /// Of the decoder: text and pictures.
    packed_rows: usize,
    padded_rows: usize,
    packed_patches: usize,
    padded_patches: usize,
    packed_s: f64,
    padded_s: f64,
    packed_tokens_per_s: f64,
    /// Real tokens only: padding is no work anybody asked for.
    padded_tokens_per_s: f64,
    speedup: f64,
    /// Share of the padded form's rows that packing leaves out.
    rows_avoided: f64,
    patches_avoided: f64,
}

pub fn run(args: &PackingBench) -> Result<()> {
    ensure!(args.prompts > 0 && args.prompt_tokens >= 8 && args.repeats > 0, "prompts, tokens and repeats are too few");
    let opened = args.model.open()?;
    let loaded = args.model.load_model(opened.path())?;
    let n_text = |i: usize| args.prompt_tokens - (args.prompt_tokens * 7 / 8) * i / (args.prompts - 1).max(1);
    let mut lengths: Vec<usize> = (0..args.prompts).map(n_text).collect();
    let (mut packed_s, mut padded_s, mut packed_patches, mut padded_patches) = (0.0, 0.0, 0, 0);
    if !args.image_size.is_empty() {
        let size = |i: usize| args.image_size[i % args.image_size.len()];
        let pictures = (0..args.prompts).map(|i| pixels(&loaded, size(i), i as u64)).collect::<Result<Vec<_>>>()?;
        for (length, picture) in lengths.iter_mut().zip(&pictures) {
            *length += picture.n_tokens;
            packed_patches += picture.grid.iter().product::<usize>();
        }
        packed_s += pictures_s(&loaded, &pictures, args.repeats)?;
        let largest = pictures.iter().max_by_key(|p| p.grid.iter().product::<usize>()).context("no pictures")?;
        padded_patches = largest.grid.iter().product::<usize>() * args.prompts;
        padded_s += pictures_s(&loaded, &vec![largest.clone(); args.prompts], args.repeats)?;
    }
    let longest = lengths.iter().copied().max().unwrap_or(0);
    packed_s += prompts_s(&loaded, &lengths, args.repeats)?;
    padded_s += prompts_s(&loaded, &vec![longest; args.prompts], args.repeats)?;
    let (packed_rows, padded_rows) = (lengths.iter().sum::<usize>(), longest * args.prompts);
    let avoided = |packed: usize, padded: usize| 1.0 - packed as f64 / padded.max(1) as f64;
    let f = Figures {
        settings: args,
        packed_rows,
        padded_rows,
        packed_patches,
        padded_patches,
        packed_s,
        padded_s,
        packed_tokens_per_s: packed_rows as f64 / packed_s,
        padded_tokens_per_s: packed_rows as f64 / padded_s,
        speedup: padded_s / packed_s,
        rows_avoided: avoided(packed_rows, padded_rows),
        patches_avoided: if padded_patches == 0 { 0.0 } else { avoided(packed_patches, padded_patches) },
    };
    if args.json {
        return print_json(&f);
    }
    print_line(format_args!("{} prompts of {} to {longest} tokens", args.prompts, lengths.iter().min().copied().unwrap_or(0)));
    let form = |name: &str, rows: usize, patches: usize, seconds: f64, rate: f64| {
        print_line(format_args!("{name}  {rows:7} rows  {patches:7} patches  {seconds:8.3} s  {rate:9.1} real tok/s"));
    };
    form("packed", f.packed_rows, f.packed_patches, f.packed_s, f.packed_tokens_per_s);
    form("padded", f.padded_rows, f.padded_patches, f.padded_s, f.padded_tokens_per_s);
    print_line(format_args!(
        "packed is {:.2} times as fast; {:.1} % of rows and {:.1} % of patches avoided",
        f.speedup,
        f.rows_avoided * 100.0,
        f.patches_avoided * 100.0
    ));
    Ok(())
}
