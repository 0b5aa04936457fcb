//! Chooses one token from each row of logits. Order: mask → bias → repetition, presence, frequency penalties →
//! temperature → top-k → top-p → min-p → draw.
//!
//! The draw is a function of (seed, position) alone, so a preempted or replayed sequence draws the same tokens; it walks
//! the kept tokens by ascending id. What a row needs comes as plain numbers: sequences are not known here. Nothing sorts
//! or copies a whole row unless a parameter asks for it.

use std::cell::RefCell;
use std::sync::OnceLock;

use super::cache::KvCache;
use super::cpu::Cpu;
use super::{Backend, Place, Result, Tensor, bail};
use ashlar_kernels as kernels;

/// How one row's token is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// 0 = the most likely token.
    pub temperature: f32,
    /// 0 = no limit.
    pub top_k: u32,
    pub top_p: f32,
    pub min_p: f32,
    pub repetition_penalty: f32,
    pub presence_penalty: f32,
    pub frequency_penalty: f32,
    pub seed: u64,
    /// Index the token will have in its sequence.
    pub position: u64,
    /// Where the cache remembers the token.
    pub slot: u32,
    /// Allowed ids, 32 a word; `None` = all.
    pub mask: Option<Vec<u32>>,
    /// At most one for each id.
    pub edits: Vec<Edit>,
    /// Alternatives to report; `None` = no log-probabilities.
    pub n_logprobs: Option<u8>,
}

impl SampleRow {
    /// The most likely token.
    pub fn greedy(position: u64, slot: u32) -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: 0,
            position,
            slot,
            mask: None,
            edits: Vec::new(),
            n_logprobs: None,
        }
    }
}

/// What changes the logit of one id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edit {
    pub id: u32,
    /// Added before the penalties; negative infinity forbids the id.
    pub bias: f32,
    /// Counts for the repetition penalty, as every drawn token does.
    pub in_prompt: bool,
    /// How often it was drawn.
    pub n_drawn: u32,
}

impl Edit {
    /// Changes nothing.
    pub fn none(id: u32) -> Self {
        Self { id, bias: 0.0, in_prompt: false, n_drawn: 0 }
    }
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

/// Tokens that the device draws.
pub struct Pending(Tokens);

enum Tokens {
    Cpu(Vec<Option<Drawn>>),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::Draws),
}

impl Pending {
    /// Whether [`Self::wait`] returns at once.
    pub fn is_ready(&self) -> bool {
        match &self.0 {
            Tokens::Cpu(_) => true,
            #[cfg(feature = "cuda")]
            Tokens::Cuda(draws) => draws.is_ready(),
        }
    }

    /// One for each row, in order. `None` where no token is possible: all are masked, or the model gave no finite number.
    pub fn wait(self) -> Result<Vec<Option<Drawn>>> {
        match self.0 {
            Tokens::Cpu(drawn) => Ok(drawn),
            #[cfg(feature = "cuda")]
            Tokens::Cuda(draws) => draws.wait(),
        }
    }
}

/// Draws a token from each of the first rows of `logits` `[rows or more, width]`, f32, and remembers it in the row's slot of
/// the cache. Ids at or above `n_tokens` are padding. The logits may be changed.
pub fn sample(backend: &Backend, logits: &Tensor, n_tokens: usize, rows: &[SampleRow], cache: &mut KvCache) -> Result<Pending> {
    if logits.rows < rows.len() {
        bail!("the model gave {} rows of logits for {}", logits.rows, rows.len());
    }
    match &backend.0 {
        Place::Cpu(cpu) => Ok(Pending(Tokens::Cpu(on_cpu(cpu, logits, n_tokens, rows, &mut cache.cpu()?.last_tokens)?))),
        #[cfg(feature = "cuda")]
        Place::Cuda(cuda) => Ok(Pending(Tokens::Cuda(cuda.sample(logits, n_tokens, rows, cache)?))),
    }
}

/// Rows of logits that decide a token together: `out = none + image · (image row − none) + text · (out − image row)`.
#[derive(Debug, Clone, Copy)]
pub struct Guide {
    /// The whole prompt's row, which is changed.
    pub row: usize,
    pub image_row: usize,
    pub none_row: usize,
    pub image: f32,
    pub text: f32,
}

/// Changes rows of logits by others that are compared with them.
pub fn guide(backend: &Backend, logits: &Tensor, guides: &[Guide]) -> Result<()> {
    if guides.is_empty() {
        return Ok(());
    }
    match &backend.0 {
        Place::Cpu(_) => logits.change_values(|values| {
            for Guide { row, image_row, none_row, image, text } in guides {
                for i in 0..logits.width {
                    let [f, m, u] = [row, image_row, none_row].map(|row| values[row * logits.width + i]);
                    values[row * logits.width + i] = u + image * (m - u) + text * (f - m);
                }
            }
        }),
        #[cfg(feature = "cuda")]
        Place::Cuda(cuda) => cuda.guide(logits, guides),
    }
}

fn on_cpu(cpu: &Cpu, logits: &Tensor, n_tokens: usize, rows: &[SampleRow], last_tokens: &mut [u32]) -> Result<Vec<Option<Drawn>>> {
    let width = logits.width;
    let drawn: Vec<OnceLock<Option<Drawn>>> = rows.iter().map(|_| OnceLock::new()).collect();
    logits.with_values(|logits| {
        cpu.pool.run(rows.len(), &|i| {
            drawn[i].get_or_init(|| rows[i].draw(&logits[i * width..][..width], n_tokens));
        });
    })?;
    let drawn: Vec<Option<Drawn>> = drawn.into_iter().map(|drawn| drawn.into_inner().flatten()).collect();
    for (row, drawn) in rows.iter().zip(&drawn) {
        if let (Some(drawn), Some(last)) = (drawn, last_tokens.get_mut(row.slot as usize)) {
            *last = drawn.id;
        }
    }
    Ok(drawn)
}

/// Buffers that live across tokens.
#[derive(Debug, Default)]
struct Scratch {
    row: Vec<f32>,
    candidates: Vec<(f32, u32)>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl SampleRow {
    fn draw(&self, logits: &[f32], n_tokens: usize) -> Option<Drawn> {
        SCRATCH.with_borrow_mut(|Scratch { row, candidates }| {
            let real = &logits[..n_tokens.min(logits.len())];
            let id = if self.mask.is_some() || !self.edits.is_empty() {
                row.clear();
                row.extend_from_slice(real);
                self.change(row);
                self.choose(row, candidates)?
            } else {
                self.choose(real, candidates)?
            };
            let logprobs = self.n_logprobs.map(|n| logprobs(logits, real.len(), id, n.into(), candidates));
            Some(Drawn { id, logprobs })
        })
    }

    fn change(&self, logits: &mut [f32]) {
        if let Some(mask) = &self.mask {
            kernels::sampling::apply_mask(logits, mask);
        }
        for edit in &self.edits {
            let Some(x) = logits.get_mut(edit.id as usize) else { continue };
            *x += edit.bias;
            if edit.in_prompt || edit.n_drawn > 0 {
                *x = if *x > 0.0 { *x / self.repetition_penalty } else { *x * self.repetition_penalty };
            }
            if edit.n_drawn > 0 {
                *x -= self.presence_penalty + self.frequency_penalty * edit.n_drawn as f32;
            }
        }
    }

    fn choose(&self, logits: &[f32], candidates: &mut Vec<(f32, u32)>) -> Option<u32> {
        if self.temperature <= 0.0 || self.top_k == 1 {
            return kernels::sampling::argmax(logits).map(|id| id as u32);
        }
        let max = kernels::sampling::max(logits);
        if max == f32::NEG_INFINITY {
            return None;
        }
        let top_k = if self.top_k == 0 { usize::MAX } else { self.top_k as usize };
        let u = uniform(self.seed, self.position);
        let inv_temperature = 1.0 / self.temperature;
        if top_k >= logits.len() && self.top_p >= 1.0 && self.min_p <= 0.0 {
            return Some(kernels::sampling::draw(logits, max, inv_temperature, u) as u32);
        }

        let cut = Cut { logits, max, temperature: self.temperature, top_k, top_p: f64::from(self.top_p), min_p: self.min_p };
        cut.collect(candidates);
        let weight = |x: f32| f64::from((x - max) * inv_temperature).exp();
        if self.top_p < 1.0 {
            // The nucleus of what top-k left: up to and with the token that crosses.
            let total = if top_k >= logits.len() {
                kernels::sampling::exp_sum(logits, max, inv_temperature)
            } else {
                candidates.iter().map(|&(x, _)| weight(x)).sum()
            };
            let mut mass = 0.0;
            let keep = candidates.iter().position(|&(x, _)| {
                mass += weight(x);
                mass >= f64::from(self.top_p) * total
            });
            candidates.truncate(keep.map_or(candidates.len(), |last| last + 1));
        }
        if self.min_p > 0.0 {
            let keep = candidates.iter().position(|&(x, _)| weight(x) < f64::from(self.min_p));
            candidates.truncate(keep.unwrap_or(candidates.len()).max(1));
        }
        // The kept set is known: from here on its order is that of the ids.
        candidates.sort_unstable_by_key(|&(_, id)| id);
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
        let total = if !limits_k && self.top_p < 1.0 { kernels::sampling::exp_sum(self.logits, self.max, inv_temperature) } else { 0.0 };
        let min_p_distance = if self.min_p > 0.0 { -self.min_p.ln() } else { f32::INFINITY };
        let mut distance = 8.0f32.max(if min_p_distance.is_finite() { min_p_distance + 1e-3 } else { 0.0 });
        loop {
            let all = distance > 1e3;
            let threshold = if all { f32::MIN } else { self.max - distance * self.temperature };
            out.clear();
            kernels::sampling::collect_above(self.logits, threshold, out);
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

/// Logs of one row, of which ids below `n_tokens` may be reported.
fn logprobs(row: &[f32], n_tokens: usize, chosen: u32, n: usize, candidates: &mut Vec<(f32, u32)>) -> Logprobs {
    let max = kernels::sampling::max(row);
    let log_sum = max + kernels::sampling::exp_sum(row, max, 1.0).ln() as f32;
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
    use std::collections::HashMap;

    use super::super::cache::{CacheShape, last_token};
    use super::*;

    /// A greedy row that changes nothing.
    fn plain() -> SampleRow {
        SampleRow { seed: 1, ..SampleRow::greedy(0, 0) }
    }

    fn warm() -> SampleRow {
        SampleRow { temperature: 1.0, ..plain() }
    }

    fn draw(row: &SampleRow, logits: &[f32]) -> Option<u32> {
        row.draw(logits, logits.len()).map(|drawn| drawn.id)
    }

    /// What is drawn, and how often, in 4000 positions.
    fn histogram(row: &SampleRow, logits: &[f32]) -> HashMap<u32, f64> {
        let mut counts = HashMap::new();
        for position in 0..4000 {
            *counts.entry(draw(&SampleRow { position, ..row.clone() }, logits).unwrap()).or_default() += 1.0 / 4000.0;
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
        assert_eq!(draw(&plain(), &[0.0, 3.0, 3.0, 1.0]), Some(1));
        let of_two = |row: SampleRow| row.draw(&[0.0, 1.0, 9.0], 2).map(|drawn| drawn.id);
        assert_eq!(of_two(plain()), Some(1));
        assert_eq!(of_two(SampleRow { mask: Some(vec![0]), ..plain() }), None);
        assert_eq!(of_two(SampleRow { mask: Some(vec![0b001]), ..plain() }), Some(0));
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits = ln(&[0.1, 0.2, 0.3, 0.4]);
        let drawn = histogram(&warm(), &logits);
        for (id, want) in [0.1, 0.2, 0.3, 0.4].into_iter().enumerate() {
            assert!((drawn[&(id as u32)] - want).abs() < 0.03, "{drawn:?}");
        }
        // Temperature 0.5 squares the weights.
        let cold = histogram(&SampleRow { temperature: 0.5, ..warm() }, &logits);
        assert!((cold[&3] - 0.16 / 0.30).abs() < 0.03, "{cold:?}");
        let filtered = histogram(&SampleRow { top_k: 3, top_p: 0.999, min_p: 0.6, ..warm() }, &logits);
        assert!((filtered[&3] - 0.4 / 0.7).abs() < 0.03 && filtered.len() == 2, "{filtered:?}");
    }

    #[test]
    fn the_draw_walks_kept_tokens_by_id() {
        let logits = ln(&[0.1, 0.05, 0.5, 0.35]);
        let row = SampleRow { top_k: 3, ..warm() };
        let cumulated = [(0.1 / 0.95, 0), (0.6 / 0.95, 2), (1.0, 3)];
        for position in 0..200 {
            let u = uniform(row.seed, position);
            let want = cumulated.iter().find(|(until, _)| u < *until).unwrap().1;
            assert_eq!(draw(&SampleRow { position, ..row.clone() }, &logits), Some(want), "{u}");
        }
    }

    #[test]
    fn each_filter_keeps_what_it_should() {
        let logits = ln(&[0.05, 0.4, 0.1, 0.3, 0.15]);
        let kept = |row: SampleRow| {
            let mut ids: Vec<u32> = histogram(&row, &logits).into_keys().collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(kept(SampleRow { top_k: 2, ..warm() }), [1, 3]);
        assert_eq!(kept(SampleRow { top_p: 0.69, ..warm() }), [1, 3]);
        assert_eq!(kept(SampleRow { top_p: 0.71, ..warm() }), [1, 3, 4]);
        assert_eq!(kept(SampleRow { min_p: 0.3, ..warm() }), [1, 3, 4]);
        assert_eq!(kept(SampleRow { top_k: 3, top_p: 0.5, ..warm() }), [1, 3]);
        assert_eq!(kept(SampleRow { top_p: 1e-6, ..warm() }), [1]);
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
                let row = SampleRow { temperature, top_k: top_k as u32, top_p: top_p as f32, position: 3, ..plain() };
                let mut got = Vec::new();
                let id = row.choose(&logits, &mut got).unwrap();
                assert!(got.len().abs_diff(n) <= 1, "{temperature} {top_k} {top_p}: {} {n}", got.len());
                want.truncate(got.len());
                want.sort_by_key(|(_, id)| *id);
                assert_eq!(got, want);
                assert!(got.iter().any(|(_, other)| *other == id));
            }
        }
    }

    #[test]
    fn a_seed_and_a_position_decide_the_draw() {
        let logits: Vec<f32> = (0..200).map(|i| (i % 7) as f32 * 0.1).collect();
        let run = |seed| (0..50).map(|position| draw(&SampleRow { seed, position, ..warm() }, &logits)).collect::<Vec<_>>();
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn edits_bias_first_and_penalise_then() {
        let penalties = SampleRow { repetition_penalty: 2.0, presence_penalty: 0.5, frequency_penalty: 0.25, ..plain() };
        let edits = vec![
            Edit { bias: -3.0, in_prompt: true, ..Edit::none(0) },
            Edit { in_prompt: true, ..Edit::none(1) },
            Edit { bias: 1.0, n_drawn: 2, ..Edit::none(2) },
            Edit { bias: f32::NEG_INFINITY, n_drawn: 1, ..Edit::none(3) },
            Edit::none(4),
            Edit { n_drawn: 1, ..Edit::none(99) },
        ];
        let mut logits = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        SampleRow { edits, mask: Some(vec![0b11_111]), ..penalties }.change(&mut logits);
        let nothing = f32::NEG_INFINITY;
        assert_eq!(logits, [-4.0, 0.5, 0.0, nothing, 1.0, nothing]);
    }

    #[test]
    fn the_cache_remembers_what_was_drawn() {
        let backend = Backend::cpu(2);
        let shape = CacheShape { n_layers: 0, key_width: 0, value_width: 0 };
        let mut cache = KvCache::new(&backend, shape, 0).unwrap();
        let logits = Tensor::from_vec(vec![0.0, 2.0, 1.0, 5.0, 4.0, 3.0], 2, 3).unwrap();
        let rows = [SampleRow { slot: 2, ..plain() }, SampleRow { slot: 0, ..plain() }];
        let drawn = sample(&backend, &logits, 3, &rows, &mut cache).unwrap();
        assert!(drawn.is_ready());
        let ids: Vec<u32> = drawn.wait().unwrap().into_iter().map(|drawn| drawn.unwrap().id).collect();
        assert_eq!(ids, [1, 0]);
        assert_eq!([0, 1, 2].map(|slot| cache.resolve(last_token(slot)).unwrap()), [0, 0, 1]);
        assert_eq!(cache.resolve(7).unwrap(), 7);
        assert!(cache.resolve(i32::MIN).is_err());
        let [first, second] = rows;
        assert!(sample(&backend, &logits, 3, &[first.clone(), first, second], &mut cache).is_err());
    }

    #[test]
    fn logprobs_are_of_the_raw_distribution() {
        let logits = ln(&[0.1, 0.2, 0.3, 0.4]);
        let edits = vec![Edit { bias: 50.0, ..Edit::none(0) }];
        let row = SampleRow { temperature: 0.2, edits, n_logprobs: Some(2), ..plain() };
        let drawn = row.draw(&logits, 4).unwrap();
        let got = drawn.logprobs.unwrap();
        assert_eq!(drawn.id, 0);
        assert!((got.chosen - 0.1f32.ln()).abs() < 1e-5);
        assert_eq!(got.top.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 2]);
        assert!((got.top[1].1 - 0.3f32.ln()).abs() < 1e-5);
    }
}
