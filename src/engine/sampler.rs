//! Chooses one token from a row of logits. Order: mask → bias → repetition, presence, frequency penalties →
//! temperature → top-k → top-p → min-p → draw.
//!
//! The draw is a function of (seed, position) alone, so a preempted or replayed sequence draws the same tokens. Nothing
//! here sorts or copies a whole row unless a parameter asks for it.

use std::collections::{HashMap, HashSet};

use ashlar_kernels::sampling as kernel;

use super::request::Sampling;

/// Sampling state of one sequence.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    seed: u64,
    /// Alternatives to report; `None` = no log-probabilities.
    n_logprobs: Option<usize>,
    /// Not sampled before `sampling.min_tokens`.
    stop_ids: Vec<u32>,
    /// Prompt tokens, kept only for the repetition penalty.
    prompt: HashSet<u32>,
    /// How often each token was sampled.
    counts: HashMap<u32, u32>,
    n_sampled: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    pub id: u32,
    pub logprobs: Option<Logprobs>,
}

/// Natural logs of the softmax of the raw logits, before mask, penalties and temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct Logprobs {
    pub chosen: f32,
    /// The most likely tokens, best first.
    pub top: Vec<(u32, f32)>,
}

/// Buffers that live across tokens.
#[derive(Debug, Default)]
pub struct Scratch {
    row: Vec<f32>,
    candidates: Vec<(f32, u32)>,
}

/// One row offers a choice: the logits, which of them are real tokens, which are allowed.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub logits: &'a [f32],
    /// Ids at or above it are rows of padding.
    pub n_tokens: usize,
    /// Allowed ids, 32 a word; `None` = all.
    pub mask: Option<&'a [u32]>,
    /// Index the sampled token will have in its sequence.
    pub position: u64,
}

impl Sampler {
    pub fn new(sampling: Sampling, n_logprobs: Option<u8>, stop_ids: Vec<u32>, prompt: &[u32]) -> Self {
        let seed = sampling.seed.unwrap_or_else(rand::random);
        let prompt = if sampling.repetition_penalty == 1.0 { HashSet::new() } else { prompt.iter().copied().collect() };
        let n_logprobs = n_logprobs.map(usize::from);
        Self { sampling, seed, n_logprobs, stop_ids, prompt, counts: HashMap::new(), n_sampled: 0 }
    }

    /// `None` if no token is possible: all are masked, or the model gave no finite number.
    pub fn sample(&mut self, row: Row<'_>, scratch: &mut Scratch) -> Option<Drawn> {
        let logits = &row.logits[..row.n_tokens.min(row.logits.len())];
        let Scratch { row: changed, candidates } = scratch;
        let chosen = if self.changes_logits(row.mask) {
            changed.clear();
            changed.extend_from_slice(logits);
            self.change(changed, row.mask);
            self.choose(changed, row.position, candidates)?
        } else {
            self.choose(logits, row.position, candidates)?
        };
        self.n_sampled += 1;
        if self.counts_tokens() {
            *self.counts.entry(chosen).or_default() += 1;
        }
        let logprobs = self.n_logprobs.map(|n| logprobs(row.logits, logits.len(), chosen, n, candidates));
        Some(Drawn { id: chosen, logprobs })
    }

    fn counts_tokens(&self) -> bool {
        let s = &self.sampling;
        s.repetition_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0
    }

    fn changes_logits(&self, mask: Option<&[u32]>) -> bool {
        mask.is_some() || !self.sampling.logit_bias.is_empty() || self.counts_tokens() || self.n_sampled < self.sampling.min_tokens
    }

    fn change(&self, logits: &mut [f32], mask: Option<&[u32]>) {
        let s = &self.sampling;
        if let Some(mask) = mask {
            kernel::apply_mask(logits, mask);
        }
        if self.n_sampled < s.min_tokens {
            for &id in &self.stop_ids {
                if let Some(x) = logits.get_mut(id as usize) {
                    *x = f32::NEG_INFINITY;
                }
            }
        }
        for &(id, bias) in &s.logit_bias {
            if let Some(x) = logits.get_mut(id as usize) {
                *x += bias;
            }
        }
        if s.repetition_penalty != 1.0 {
            for &id in self.prompt.iter().chain(self.counts.keys().filter(|id| !self.prompt.contains(id))) {
                if let Some(x) = logits.get_mut(id as usize) {
                    *x = if *x > 0.0 { *x / s.repetition_penalty } else { *x * s.repetition_penalty };
                }
            }
        }
        if s.presence_penalty != 0.0 || s.frequency_penalty != 0.0 {
            for (&id, &count) in &self.counts {
                if let Some(x) = logits.get_mut(id as usize) {
                    *x -= s.presence_penalty + s.frequency_penalty * count as f32;
                }
            }
        }
    }

    fn choose(&self, logits: &[f32], position: u64, candidates: &mut Vec<(f32, u32)>) -> Option<u32> {
        let s = &self.sampling;
        if s.temperature <= 0.0 || s.top_k == 1 {
            return kernel::argmax(logits).map(|id| id as u32);
        }
        let max = kernel::max(logits);
        if max == f32::NEG_INFINITY {
            return None;
        }
        let top_k = if s.top_k == 0 { usize::MAX } else { s.top_k as usize };
        let u = uniform(self.seed, position);
        let inv_temperature = 1.0 / s.temperature;
        if top_k >= logits.len() && s.top_p >= 1.0 && s.min_p <= 0.0 {
            return Some(kernel::draw(logits, max, inv_temperature, u) as u32);
        }

        let cut = Cut { logits, max, temperature: s.temperature, top_k, top_p: f64::from(s.top_p), min_p: s.min_p };
        cut.collect(candidates);
        let weight = |x: f32| f64::from((x - max) * inv_temperature).exp();
        if s.top_p < 1.0 {
            // The nucleus of what top-k left: up to and with the token that crosses.
            let total = if top_k >= logits.len() {
                kernel::exp_sum(logits, max, inv_temperature)
            } else {
                candidates.iter().map(|&(x, _)| weight(x)).sum()
            };
            let mut mass = 0.0;
            let keep = candidates.iter().position(|&(x, _)| {
                mass += weight(x);
                mass >= f64::from(s.top_p) * total
            });
            candidates.truncate(keep.map_or(candidates.len(), |last| last + 1));
        }
        if s.min_p > 0.0 {
            let keep = candidates.iter().position(|&(x, _)| weight(x) < f64::from(s.min_p));
            candidates.truncate(keep.unwrap_or(candidates.len()).max(1));
        }
        let mut target = u * candidates.iter().map(|&(x, _)| weight(x)).sum::<f64>();
        for &(x, id) in candidates.iter() {
            target -= weight(x);
            if target < 0.0 {
                return Some(id);
            }
        }
        candidates.last().map(|&(_, id)| id)
    }
}

/// The part of a row that top-k, top-p and min-p may keep.
struct Cut<'a> {
    logits: &'a [f32],
    max: f32,
    temperature: f32,
    top_k: usize,
    top_p: f64,
    min_p: f32,
}

impl Cut<'_> {
    /// Fills `out` with the best tokens, best first, lowest id first among equals: at least all that the filters keep.
    ///
    /// The kept set is always a prefix of the sorted row, so it is enough to gather everything within a distance of the
    /// maximum, and to widen the distance until the prefix is certainly inside: rarely more than one pass.
    fn collect(&self, out: &mut Vec<(f32, u32)>) {
        let inv_temperature = 1.0 / self.temperature;
        let limits_k = self.top_k < self.logits.len();
        let total = if !limits_k && self.top_p < 1.0 { kernel::exp_sum(self.logits, self.max, inv_temperature) } else { 0.0 };
        let min_p_distance = if self.min_p > 0.0 { -self.min_p.ln() } else { f32::INFINITY };
        let mut distance = 8.0f32.max(if min_p_distance.is_finite() { min_p_distance + 1e-3 } else { 0.0 });
        loop {
            let all = distance > 1e3;
            let threshold = if all { f32::MIN } else { self.max - distance * self.temperature };
            out.clear();
            kernel::collect_above(self.logits, threshold, out);
            let enough = if limits_k {
                out.len() >= self.top_k || (self.top_p >= 1.0 && min_p_distance <= distance)
            } else if min_p_distance <= distance {
                true
            } else {
                let mass: f64 = out.iter().map(|&(x, _)| f64::from((x - self.max) * inv_temperature).exp()).sum();
                // A hair more than needed, so that rounding cannot leave the crossing token out.
                mass >= self.top_p * total * (1.0 + 1e-6)
            };
            if enough || all {
                break;
            }
            distance *= 4.0;
        }
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if out.len() > self.top_k {
            out.select_nth_unstable_by(self.top_k, order);
            out.truncate(self.top_k);
        }
        out.sort_unstable_by(order);
    }
}

fn logprobs(row: &[f32], n_tokens: usize, chosen: u32, n: usize, candidates: &mut Vec<(f32, u32)>) -> Logprobs {
    let max = kernel::max(row);
    let log_sum = max + kernel::exp_sum(row, max, 1.0).ln() as f32;
    let mut top = Vec::new();
    if n > 0 {
        let logits = &row[..n_tokens];
        let cut = Cut { logits, max, temperature: 1.0, top_k: n, top_p: 1.0, min_p: 0.0 };
        cut.collect(candidates);
        top.extend(candidates.iter().map(|&(x, id)| (id, x - log_sum)));
    }
    Logprobs { chosen: row[chosen as usize] - log_sum, top }
}

/// A number in `[0, 1)` that depends on nothing but its arguments.
fn uniform(seed: u64, position: u64) -> f64 {
    let words = philox(seed, position);
    let bits = u64::from(words[0]) << 32 | u64::from(words[1]);
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3").
fn philox(key: u64, counter: u64) -> [u32; 4] {
    let mut c = [counter as u32, (counter >> 32) as u32, 0, 0];
    let mut k = [key as u32, (key >> 32) as u32];
    for _ in 0..10 {
        let a = u64::from(c[0]) * 0xd251_1f53;
        let b = u64::from(c[2]) * 0xcd9e_8d57;
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(0x9e37_79b9), k[1].wrapping_add(0xbb67_ae85)];
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(sampling: Sampling) -> Sampler {
        Sampler::new(Sampling { seed: Some(1), ..sampling }, None, vec![0], &[2, 3])
    }

    fn draw(sampler: &mut Sampler, logits: &[f32], position: u64) -> u32 {
        let row = Row { logits, n_tokens: logits.len(), mask: None, position };
        sampler.sample(row, &mut Scratch::default()).unwrap().id
    }

    /// What is drawn, and how often, in 4000 positions.
    fn histogram(sampling: &Sampling, logits: &[f32]) -> HashMap<u32, f64> {
        let mut counts = HashMap::new();
        for position in 0..4000 {
            *counts.entry(draw(&mut sampler(sampling.clone()), logits, position)).or_default() += 1.0 / 4000.0;
        }
        counts
    }

    fn ln(weights: &[f32]) -> Vec<f32> {
        weights.iter().map(|w| w.ln()).collect()
    }

    #[test]
    fn philox_matches_its_published_vectors() {
        assert_eq!(philox(0, 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    }

    #[test]
    fn greedy_takes_the_lowest_of_equal_ids_and_never_padding() {
        let mut s = sampler(Sampling::default());
        assert_eq!(draw(&mut s, &[0.0, 3.0, 3.0, 1.0], 0), 1);
        let row = Row { logits: &[0.0, 1.0, 9.0], n_tokens: 2, mask: None, position: 0 };
        assert_eq!(s.sample(row, &mut Scratch::default()).unwrap().id, 1);
        let masked = Row { mask: Some(&[0]), ..row };
        assert_eq!(s.sample(masked, &mut Scratch::default()), None);
        let masked = Row { mask: Some(&[0b001]), ..row };
        assert_eq!(s.sample(masked, &mut Scratch::default()).unwrap().id, 0);
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits = ln(&[0.1, 0.2, 0.3, 0.4]);
        let plain = histogram(&Sampling { temperature: 1.0, ..Sampling::default() }, &logits);
        for (id, want) in [0.1, 0.2, 0.3, 0.4].into_iter().enumerate() {
            assert!((plain[&(id as u32)] - want).abs() < 0.03, "{plain:?}");
        }
        // Temperature 0.5 squares the weights.
        let cold = histogram(&Sampling { temperature: 0.5, ..Sampling::default() }, &logits);
        assert!((cold[&3] - 0.16 / 0.30).abs() < 0.03, "{cold:?}");
        let filtered = histogram(&Sampling { temperature: 1.0, top_k: 3, top_p: 0.999, min_p: 0.6, ..Sampling::default() }, &logits);
        assert!((filtered[&3] - 0.4 / 0.7).abs() < 0.03 && filtered.len() == 2, "{filtered:?}");
    }

    #[test]
    fn each_filter_keeps_what_it_should() {
        let logits = ln(&[0.05, 0.4, 0.1, 0.3, 0.15]);
        let kept = |sampling: Sampling| {
            let mut ids: Vec<u32> = histogram(&Sampling { temperature: 1.0, ..sampling }, &logits).into_keys().collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(kept(Sampling { top_k: 2, ..Sampling::default() }), [1, 3]);
        assert_eq!(kept(Sampling { top_p: 0.69, ..Sampling::default() }), [1, 3]);
        assert_eq!(kept(Sampling { top_p: 0.71, ..Sampling::default() }), [1, 3, 4]);
        assert_eq!(kept(Sampling { min_p: 0.3, ..Sampling::default() }), [1, 3, 4]);
        assert_eq!(kept(Sampling { top_k: 3, top_p: 0.5, ..Sampling::default() }), [1, 3]);
        assert_eq!(kept(Sampling { top_p: 1e-6, ..Sampling::default() }), [1]);
    }

    #[test]
    fn fast_filters_equal_a_full_sort_on_wide_rows() {
        let mut state = 5u32;
        let logits: Vec<f32> = (0..5000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 24) as f32 * 60.0
            })
            .collect();
        let mut sorted: Vec<(f32, u32)> = logits.iter().copied().zip(0..).collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for temperature in [0.3f32, 1.0, 8.0] {
            for (top_k, top_p) in [(5, 1.0), (3000, 1.0), (0, 0.5), (0, 0.99), (40, 0.9), (4999, 0.9999)] {
                let mut want = sorted.clone();
                if top_k > 0 {
                    want.truncate(top_k);
                }
                let weights: Vec<f64> = want.iter().map(|x| f64::from((x.0 - sorted[0].0) / temperature).exp()).collect();
                let total: f64 = weights.iter().sum();
                let mut mass = 0.0;
                let crossing = weights.iter().position(|w| {
                    mass += w;
                    mass >= top_p * total
                });
                let n = if top_p < 1.0 { crossing.map_or(want.len(), |i| i + 1) } else { want.len() };
                let mut s = sampler(Sampling { temperature, top_k: top_k as u32, top_p: top_p as f32, ..Sampling::default() });
                let mut scratch = Scratch::default();
                let row = Row { logits: &logits, n_tokens: logits.len(), mask: None, position: 3 };
                let id = s.sample(row, &mut scratch).unwrap().id;
                let got = &scratch.candidates;
                assert!(got.len().abs_diff(n) <= 1, "{temperature} {top_k} {top_p}: {} {n}", got.len());
                assert!(got.iter().zip(&want).all(|(a, b)| a == b));
                assert!(got.iter().any(|(_, other)| *other == id));
            }
        }
    }

    #[test]
    fn penalties_count_the_right_tokens() {
        // Tokens 2 and 3 are in the prompt.
        let mut s = sampler(Sampling { repetition_penalty: 2.0, ..Sampling::default() });
        assert_eq!(draw(&mut s, &[1.0, 1.1, 2.0, -1.0], 0), 1, "2.0 / 2 < 1.1");
        assert_eq!(draw(&mut s, &[1.0, 1.1, 1.9, -1.0], 1), 0, "now 1 was said too");
        let mut s = sampler(Sampling { frequency_penalty: 0.5, presence_penalty: 0.25, ..Sampling::default() });
        let said: Vec<u32> = (0..4).map(|p| draw(&mut s, &[1.0, 0.0, 2.0, 0.0], p)).collect();
        assert_eq!(said, [2, 2, 0, 2], "2.0, 1.25, then 0.75 < 1.0, then 0.25 < 0.75");
        let mut s = sampler(Sampling { logit_bias: vec![(1, 5.0), (2, -100.0)], ..Sampling::default() });
        assert_eq!(draw(&mut s, &[1.0, 0.0, 2.0], 0), 1);
        let mut s = sampler(Sampling { min_tokens: 2, ..Sampling::default() });
        assert_eq!((0..3).map(|p| draw(&mut s, &[9.0, 1.0], p)).collect::<Vec<_>>(), [1, 1, 0]);
    }

    #[test]
    fn a_seed_and_a_position_decide_the_draw() {
        let logits: Vec<f32> = (0..200).map(|i| (i % 7) as f32 * 0.1).collect();
        let sampling = Sampling { temperature: 1.0, seed: Some(42), ..Sampling::default() };
        let run = |seed| {
            let mut s = Sampler::new(Sampling { seed: Some(seed), ..sampling.clone() }, None, vec![], &[]);
            (0..50).map(|p| draw(&mut s, &logits, p)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        // A replay that starts later draws what the first run drew there.
        let mut s = Sampler::new(Sampling { seed: Some(1), ..sampling.clone() }, None, vec![], &[]);
        assert_eq!(draw(&mut s, &logits, 30), run(1)[30]);
    }

    #[test]
    fn logprobs_are_of_the_raw_distribution() {
        let logits = ln(&[0.1, 0.2, 0.3, 0.4]);
        let mut s = Sampler::new(Sampling { temperature: 0.2, logit_bias: vec![(0, 50.0)], ..Sampling::default() }, Some(2), vec![], &[]);
        let row = Row { logits: &logits, n_tokens: 4, mask: None, position: 0 };
        let drawn = s.sample(row, &mut Scratch::default()).unwrap();
        let got = drawn.logprobs.unwrap();
        assert_eq!(drawn.id, 0);
        assert!((got.chosen - 0.1f32.ln()).abs() < 1e-5);
        assert_eq!(got.top.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 2]);
        assert!((got.top[1].1 - 0.3f32.ln()).abs() < 1e-5);
    }
}
