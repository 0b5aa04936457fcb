//! Mixtures of experts: which experts a row goes to, and the gated MLPs of all rows' experts as two grouped products over
//! rows sorted by expert. No expert has a capacity: every row gets what it chose.
//!
//! A row's result is summed in the order of its own choice, so it does not depend on the rows beside it.

use std::ops::Range;

use crate::linear::{Linear, grouped};
use crate::memory::for_overwrite;
use crate::pool::{Pool, Shards};
use crate::rows;

/// Rows whose experts run together: each expert's weights are read once for so many, and their products stay small.
const CHUNK_ROWS: usize = 1024;

/// How a row's router logits become a choice of experts and their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Routing {
    pub n_experts: usize,
    /// Experts of a row.
    pub top_k: usize,
    pub scoring: Scoring,
    /// Weights of a row add up to one, before `scale`.
    pub normalize: bool,
    pub scale: f32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Scoring {
    /// The softmax over all experts.
    Softmax,
    /// A sigmoid of each logit. `bias` is added for choosing only; the experts lie in `n_groups` groups of which the
    /// `top_groups` with the largest sums of their two best are chosen from.
    Sigmoid { bias: Vec<f32>, n_groups: usize, top_groups: usize },
}

/// Experts and their weights, `[rows, top_k]` each, the best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    pub experts: Vec<u32>,
    pub weights: Vec<f32>,
}

impl Routing {
    /// `logits` is `[rows, n_experts]` and is overwritten.
    pub fn choose(&self, pool: &Pool, logits: &mut [f32]) -> Choice {
        assert!(self.top_k <= self.n_experts && logits.len().is_multiple_of(self.n_experts));
        let n_rows = logits.len() / self.n_experts;
        match self.scoring {
            Scoring::Softmax => rows::softmax(pool, logits, self.n_experts),
            Scoring::Sigmoid { .. } => logits.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
        }
        let mut choice = Choice { experts: Vec::with_capacity(n_rows * self.top_k), weights: Vec::with_capacity(n_rows * self.top_k) };
        let mut picks = vec![0.0; self.n_experts];
        for scores in logits.chunks_exact(self.n_experts) {
            let epsilon = match &self.scoring {
                Scoring::Softmax => {
                    picks.copy_from_slice(scores);
                    0.0
                }
                Scoring::Sigmoid { bias, n_groups, top_groups } => {
                    picks.iter_mut().zip(scores).zip(bias).for_each(|((pick, score), bias)| *pick = score + bias);
                    keep_best_groups(&mut picks, *n_groups, *top_groups);
                    1e-20
                }
            };
            let first = choice.weights.len();
            for _ in 0..self.top_k {
                let best = take_largest(&mut picks);
                choice.experts.push(best as u32);
                choice.weights.push(scores[best]);
            }
            let weights = &mut choice.weights[first..];
            let sum = if self.normalize { weights.iter().sum::<f32>() + epsilon } else { 1.0 };
            weights.iter_mut().for_each(|weight| *weight = *weight / sum * self.scale);
        }
        choice
    }
}

/// The largest number's place, the first of equals; it becomes NaN, which is never the largest.
fn take_largest(values: &mut [f32]) -> usize {
    let mut best = None;
    for (i, value) in values.iter().enumerate() {
        if !value.is_nan() && best.is_none_or(|best: usize| *value > values[best]) {
            best = Some(i);
        }
    }
    // A row of NaNs chooses somebody: its result is NaN whoever that is.
    let best = best.unwrap_or(0);
    values[best] = f32::NAN;
    best
}

fn keep_best_groups(picks: &mut [f32], n_groups: usize, top_groups: usize) {
    if top_groups >= n_groups {
        return;
    }
    let size = picks.len() / n_groups;
    let sum_of_two = |group: &[f32]| {
        let (mut first, mut second) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        for &pick in group {
            if pick > first {
                (first, second) = (pick, first);
            } else if pick > second {
                second = pick;
            }
        }
        first + second
    };
    let mut sums: Vec<f32> = picks.chunks_exact(size).map(sum_of_two).collect();
    let kept: Vec<usize> = (0..top_groups).map(|_| take_largest(&mut sums)).collect();
    for (i, group) in picks.chunks_exact_mut(size).enumerate() {
        if !kept.contains(&i) {
            group.fill(f32::NEG_INFINITY);
        }
    }
}

/// The gated MLPs of a layer's experts: `down( silu(gate) ⊙ up )`.
#[derive(Clone)]
pub struct Experts {
    /// `[2·width, hidden]` each, gate first.
    gate_up: Vec<Linear>,
    /// `[hidden, width]` each.
    down: Vec<Linear>,
}

impl Experts {
    /// One of each for every expert.
    pub fn new(gate_up: Vec<Linear>, down: Vec<Linear>) -> Experts {
        assert!(gate_up.len() == down.len() && gate_up.iter().zip(&down).all(|(a, b)| a.n() == 2 * b.k() && a.k() == b.n()));
        Experts { gate_up, down }
    }

    /// Memory that the weights take.
    pub fn n_bytes(&self) -> usize {
        self.gate_up.iter().chain(&self.down).map(Linear::n_bytes).sum()
    }

    /// `out[t] += Σ_j weights[t, j] · expert_{experts[t, j]}(x[t])`; `x` and `out` are `[rows, hidden]`.
    pub fn add(&self, pool: &Pool, x: &[f32], choice: &Choice, out: &mut [f32]) {
        let Some(hidden) = self.gate_up.first().map(Linear::k) else { return };
        assert!(x.len() == out.len() && x.len().is_multiple_of(hidden));
        let n_rows = x.len() / hidden;
        if n_rows == 0 {
            return;
        }
        let top_k = choice.experts.len() / n_rows;
        for start in (0..n_rows).step_by(CHUNK_ROWS) {
            let rows = start..(start + CHUNK_ROWS).min(n_rows);
            let pairs = rows.start * top_k..rows.end * top_k;
            let part = rows.start * hidden..rows.end * hidden;
            self.add_chunk(pool, &x[part.clone()], choice, pairs, &mut out[part]);
        }
    }

    fn add_chunk(&self, pool: &Pool, x: &[f32], choice: &Choice, pairs: Range<usize>, out: &mut [f32]) {
        let (hidden, width) = (self.gate_up[0].k(), self.down[0].k());
        let (experts, weights) = (&choice.experts[pairs.clone()], &choice.weights[pairs]);
        let (n_pairs, n_rows) = (experts.len(), x.len() / hidden);
        let top_k = n_pairs / n_rows;
        let (starts, places) = sort_by_expert(experts, self.gate_up.len());

        let mut gathered = for_overwrite(n_pairs * hidden);
        {
            let gathered = Shards::new(&mut gathered);
            pool.parallel_for(n_pairs, (1 << 14) / hidden + 1, &|start, end| {
                for pair in start..end {
                    // SAFETY: every pair has a place of its own.
                    let to = unsafe { gathered.slice(places[pair] * hidden, hidden) };
                    to.copy_from_slice(&x[pair / top_k * hidden..][..hidden]);
                }
            });
        }
        let mut gate_up = for_overwrite(n_pairs * 2 * width);
        grouped(pool, &self.gate_up, &starts, &gathered, &mut gate_up);
        let mut product = for_overwrite(n_pairs * width);
        rows::silu_mul(pool, &gate_up, width, &mut product);
        drop(gate_up);
        // As wide as what was gathered.
        let mut results = gathered;
        grouped(pool, &self.down, &starts, &product, &mut results);

        let out = Shards::new(out);
        pool.parallel_for(n_rows, (1 << 12) / hidden + 1, &|start, end| {
            for row in start..end {
                // SAFETY: rows do not overlap.
                let out = unsafe { out.slice(row * hidden, hidden) };
                let (weights, places) = (&weights[row * top_k..][..top_k], &places[row * top_k..][..top_k]);
                add_weighted(out, weights, places, &results);
            }
        });
    }
}

/// Where each expert's rows start, `[n_experts + 1]`, and the place of each pair among the sorted.
fn sort_by_expert(experts: &[u32], n_experts: usize) -> (Vec<usize>, Vec<usize>) {
    let mut starts = vec![0; n_experts + 1];
    for &expert in experts {
        starts[expert as usize + 1] += 1;
    }
    for i in 0..n_experts {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let places = experts
        .iter()
        .map(|&expert| {
            let place = next[expert as usize];
            next[expert as usize] += 1;
            place
        })
        .collect();
    (starts, places)
}

/// `out += Σ_j weights[j] · results[places[j]]`, summed in the order of `j`.
fn add_weighted(out: &mut [f32], weights: &[f32], places: &[usize], results: &[f32]) {
    const WIDTH: usize = 32;
    let hidden = out.len();
    for (block, out) in out.chunks_mut(WIDTH).enumerate() {
        let mut sums = [0.0f32; WIDTH];
        for (weight, place) in weights.iter().zip(places) {
            let from = &results[place * hidden + block * WIDTH..][..out.len()];
            sums.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
        }
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out += sum);
    }
}
