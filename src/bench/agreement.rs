//! How far a model's logits are from another's that is taken as right: a quantised form against the full one, say. Every
//! way through the model is compared: alone, packed with others, in chunks behind its own cache, token by token.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::model::ModelArgs;
use super::prefill::{causal, pixels};
use super::{print_json, print_line, workload};
use crate::engine::batch::{Batch, VisualFeatures, VisualSpan};
use crate::engine::models::{Loaded, Prompt};
use crate::engine::ops::cache::{BLOCK_SIZE, KvCache};

#[derive(Debug, Clone, Args, Serialize)]
pub struct AgreementBench {
    #[command(flatten)]
    model: ModelArgs,
    /// Folder or GGUF file of the model that is taken as right, run on the CPU [default: the model itself]
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Prompts, of different lengths
    #[arg(long, default_value_t = 4)]
    prompts: usize,
    /// Tokens of the longest prompt, pictures not counted
    #[arg(long, default_value_t = 128)]
    prompt_tokens: usize,
    /// One picture in each prompt, of these sizes in turn, pixels
    #[arg(long, value_parser = workload::parse_size, value_delimiter = ',')]
    image_size: Vec<[u32; 2]>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures<'a> {
    settings: &'a AgreementBench,
    /// Least cosine of an encoded picture's row; `None` without pictures.
    picture_cosine: Option<f64>,
    ways: Vec<Difference>,
}

/// Of many rows of logits.
#[derive(Debug, Serialize)]
struct Difference {
    way: &'static str,
    rows: usize,
    largest: f64,
    least_cosine: f64,
    /// Kullback-Leibler divergence from the reference, nats.
    mean_kl: f64,
    largest_kl: f64,
    /// Rows whose best token leads by more than [`CLEAR`], and those of them with another best token.
    clear: usize,
    clear_and_other: usize,
}

/// Logits that are compared: the last rows of each prompt.
const TAIL: usize = 8;
/// A lead in the reference that another number format must not turn.
const CLEAR: f32 = 0.1;

struct Sequence {
    prompt: Prompt,
    features: Vec<Arc<VisualFeatures>>,
    blocks: Vec<u32>,
}

impl Sequence {
    fn len(&self) -> usize {
        self.prompt.ids.len()
    }

    /// All of it in one step.
    fn whole(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.len()).collect()
    }
}

pub fn run(args: &AgreementBench) -> Result<()> {
    ensure!(args.prompts > 0 && args.prompt_tokens > 2 * TAIL, "at least one prompt of more than {} tokens", 2 * TAIL);
    let opened = args.model.open()?;
    let loaded = args.model.load_model(opened.path())?;
    let other = match &args.reference {
        Some(path) => Some(args.model.load_reference(path)?),
        None if args.model.is_plain() => None,
        None => Some(args.model.load_reference(opened.path())?),
    };
    let reference = other.as_ref().unwrap_or(&loaded);
    let (ours, right) = (sequences(args, &loaded)?, sequences(args, reference)?);
    let n_rows = |loaded: &Loaded| causal(loaded).map(|model| model.info().vocab_size);
    ensure!(n_rows(&loaded)? == n_rows(reference)?, "the two models have different vocabularies");
    ensure!(ours.iter().zip(&right).all(|(a, b)| a.prompt.ids == b.prompt.ids), "the two models read prompts differently");

    let expected = alone(reference, &right)?;
    let whole: Vec<_> = ours.iter().map(Sequence::whole).collect();
    let halves: Vec<_> = ours.iter().map(|s| vec![0..s.len() / 2, s.len() / 2..s.len()]).collect();
    let token_by_token = |s: &Sequence| {
        let first = s.len() - TAIL;
        std::iter::once(0..first).chain((first..s.len()).map(|i| i..i + 1)).collect()
    };
    let tokens: Vec<Vec<Range<usize>>> = ours.iter().map(token_by_token).collect();
    let ways = vec![
        difference("alone", &expected, &alone(&loaded, &ours)?),
        difference("packed", &expected, &steps(&loaded, &ours, &whole)?),
        difference("in chunks", &expected, &steps(&loaded, &ours, &halves)?),
        difference("token by token", &expected, &steps(&loaded, &ours, &tokens)?),
    ];
    let figures = Figures { settings: args, picture_cosine: picture_cosine(&right, &ours)?, ways };
    if args.json {
        return print_json(&figures);
    }
    if let Some(cosine) = figures.picture_cosine {
        print_line(format_args!("encoded pictures: least cosine {cosine:.6}"));
    }
    print_line("way               rows    largest     cosine    mean KL     max KL   clear  other");
    for d in &figures.ways {
        print_line(format_args!(
            "{:<14}  {:6}  {:9.5}  {:9.6}  {:9.2e}  {:9.2e}  {:6}  {:5}",
            d.way, d.rows, d.largest, d.least_cosine, d.mean_kl, d.largest_kl, d.clear, d.clear_and_other
        ));
    }
    Ok(())
}

/// The same prompts for every model with the same vocabulary.
fn sequences(args: &AgreementBench, loaded: &Loaded) -> Result<Vec<Sequence>> {
    let model = causal(loaded)?;
    let n_ids = model.info().vocab_size.min(1000) as u32;
    let mut next_block = 0;
    (0..args.prompts)
        .map(|index| {
            let n = args.prompt_tokens - (args.prompt_tokens / 2) * index / args.prompts;
            let mut ids: Vec<u32> = (0..n as u32).map(|i| (i + 31 * index as u32).wrapping_mul(7919) % n_ids).collect();
            let (mut prompt, mut features) = (Prompt::text(ids.clone()), Vec::new());
            if !args.image_size.is_empty() {
                let picture = pixels(loaded, args.image_size[index % args.image_size.len()], index as u64)?;
                let input = loaded.input.as_ref().context("the model takes no pictures")?;
                ids.insert(n / 4, input.image_token_id());
                prompt = input.lay_out(&ids, std::slice::from_ref(&picture))?;
                features = model.encode(&[picture])?.into_iter().map(Arc::new).collect();
            }
            let n_blocks = prompt.ids.len().div_ceil(BLOCK_SIZE) as u32;
            next_block += n_blocks;
            Ok(Sequence { prompt, features, blocks: (next_block - n_blocks..next_block).collect() })
        })
        .collect()
}

fn alone(loaded: &Loaded, sequences: &[Sequence]) -> Result<Vec<Vec<f32>>> {
    let mut all = Vec::new();
    for sequence in sequences {
        all.extend(steps(loaded, std::slice::from_ref(sequence), &[sequence.whole()])?);
    }
    Ok(all)
}

/// Logits of the last rows of each sequence, which are computed range by range, all sequences together.
fn steps(loaded: &Loaded, sequences: &[Sequence], ranges: &[Vec<Range<usize>>]) -> Result<Vec<Vec<f32>>> {
    let model = causal(loaded)?;
    let n_blocks = sequences.iter().flat_map(|s| &s.blocks).max().map_or(0, |block| *block as usize + 1);
    let mut cache = KvCache::new(&loaded.backend, model.info().cache_shape(), n_blocks)?;
    let mut tails = vec![Vec::new(); sequences.len()];
    for step in 0..ranges.iter().map(Vec::len).max().unwrap_or(0) {
        let (batch, owners) = batch(sequences, ranges, step);
        if owners.is_empty() {
            // Rows that nobody compares; a step gives at least one.
            model.forward(&Batch { logit_rows: vec![0], ..batch }, &mut cache)?;
            continue;
        }
        for (owner, row) in owners.into_iter().zip(model.forward(&batch, &mut cache)?.to_rows()?) {
            tails[owner].push(row);
        }
    }
    Ok(tails.into_iter().flatten().collect())
}

/// One step of every sequence's `step`-th range, and whose each of the wanted rows is.
fn batch(sequences: &[Sequence], ranges: &[Vec<Range<usize>>], step: usize) -> (Batch, Vec<usize>) {
    let mut batch = Batch { cu_seqlens: vec![0], ..Batch::default() };
    let mut owners = Vec::new();
    for (owner, (sequence, ranges)) in sequences.iter().zip(ranges).enumerate() {
        let Some(range) = ranges.get(step) else { continue };
        let first = batch.ids.len();
        for i in range.clone() {
            if i + TAIL >= sequence.len() {
                batch.logit_rows.push(batch.ids.len() as u32);
                owners.push(owner);
            }
            batch.ids.push(sequence.prompt.ids[i] as i32);
            batch.positions.push(sequence.prompt.positions[i]);
            batch.slot_mapping.push(sequence.blocks[i / BLOCK_SIZE] * BLOCK_SIZE as u32 + (i % BLOCK_SIZE) as u32);
        }
        for placement in &sequence.prompt.visual {
            // placement ∩ range
            let start = placement.row_start.max(range.start);
            let end = (placement.row_start + placement.len).min(range.end);
            if start < end {
                batch.visual.push(VisualSpan {
                    features: Arc::clone(&sequence.features[placement.media]),
                    feature_start: placement.feature_start + start - placement.row_start,
                    row_start: first + start - range.start,
                    len: end - start,
                });
            }
        }
        batch.cu_seqlens.push(batch.ids.len() as u32);
        batch.context_lens.push(range.end as u32);
        batch.block_tables.push(sequence.blocks[..range.end.div_ceil(BLOCK_SIZE)].to_vec());
    }
    (batch, owners)
}

fn picture_cosine(right: &[Sequence], ours: &[Sequence]) -> Result<Option<f64>> {
    let mut least: Option<f64> = None;
    for (right, ours) in right.iter().zip(ours).flat_map(|(a, b)| a.features.iter().zip(&b.features)) {
        let all = |f: &VisualFeatures| -> Result<Vec<Vec<f32>>> {
            let tensors = std::iter::once(&f.embeddings).chain(&f.deepstack).map(|t| t.to_rows());
            Ok(tensors.collect::<Result<Vec<_>, _>>()?.concat())
        };
        for (a, b) in all(right)?.iter().zip(&all(ours)?) {
            least = Some(least.unwrap_or(1.0).min(cosine(a, b)));
        }
    }
    Ok(least)
}

fn difference(way: &'static str, expected: &[Vec<f32>], found: &[Vec<f32>]) -> Difference {
    let mut d = Difference {
        way,
        rows: expected.len(),
        largest: 0.0,
        least_cosine: 1.0,
        mean_kl: 0.0,
        largest_kl: 0.0,
        clear: 0,
        clear_and_other: 0,
    };
    for (a, b) in expected.iter().zip(found) {
        let largest = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        // A row that is not a number is as far as can be.
        d.largest = d.largest.max(if b.iter().all(|v| v.is_finite()) { largest } else { f64::INFINITY });
        d.least_cosine = d.least_cosine.min(cosine(a, b));
        let kl = divergence(a, b);
        d.mean_kl += kl / expected.len() as f64;
        d.largest_kl = d.largest_kl.max(kl);
        let (best, lead) = lead(a);
        if lead > CLEAR {
            d.clear += 1;
            d.clear_and_other += usize::from(self::lead(b).0 != best);
        }
    }
    d
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}

/// `Σ p(a) · (ln p(a) − ln p(b))` of the distributions that the logits stand for.
fn divergence(a: &[f32], b: &[f32]) -> f64 {
    let log_sum = |logits: &[f32]| {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        f64::from(max) + logits.iter().map(|v| f64::from(v - max).exp()).sum::<f64>().ln()
    };
    let (sum_a, sum_b) = (log_sum(a), log_sum(b));
    let terms = a.iter().zip(b).map(|(a, b)| {
        let (a, b) = (f64::from(*a) - sum_a, f64::from(*b) - sum_b);
        a.exp() * (a - b)
    });
    terms.sum::<f64>().max(0.0)
}

/// The best token, the lowest of equals, and how far it is ahead of the next.
fn lead(logits: &[f32]) -> (usize, f32) {
    let (mut best, mut first, mut second) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (i, v) in logits.iter().enumerate() {
        if *v > first {
            (best, second, first) = (i, first, *v);
        } else {
            second = second.max(*v);
        }
    }
    (best, first - second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_is_that_of_the_softmaxes() {
        assert!(divergence(&[0.0, 1.0, -2.0], &[5.0, 6.0, 3.0]) < 1e-9, "logits may be shifted");
        let (p, q) = (0.75f32, 0.5f32);
        let expected = f64::from(p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln());
        assert!((divergence(&[p.ln(), (1.0 - p).ln()], &[0.0, 0.0]) - expected).abs() < 1e-6);
    }

    #[test]
    fn a_lead_is_over_the_second_best() {
        assert_eq!(lead(&[1.0, 4.0, 3.0, 4.0]), (1, 0.0));
        assert_eq!(lead(&[1.0, 4.0, 3.5]), (1, 0.5));
    }
}
