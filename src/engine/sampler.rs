//! What one generation has drawn so far, and how its next token is to be chosen: plans the rows that [`ops::sampling`]
//! draws from.
//!
//! [`ops::sampling`]: super::ops::sampling

use std::collections::HashMap;

use super::ops::sampling::{Edit, SampleRow};
use super::request::Sampling;

/// Sampling state of one sequence.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    seed: u64,
    n_logprobs: Option<u8>,
    /// Not drawn before `sampling.min_tokens`.
    stop_ids: Vec<u32>,
    /// Biases, the prompt's tokens if they matter, what was drawn and the stop tokens if they are held back.
    edits: Vec<Edit>,
    /// Where in `edits` an id stands.
    places: HashMap<u32, usize>,
    n_drawn: u32,
}

impl Sampler {
    pub fn new(sampling: Sampling, n_logprobs: Option<u8>, stop_ids: Vec<u32>, prompt: &[u32]) -> Self {
        let seed = sampling.seed.unwrap_or_else(rand::random);
        let mut sampler = Self { sampling, seed, n_logprobs, stop_ids, edits: Vec::new(), places: HashMap::new(), n_drawn: 0 };
        for (id, bias) in sampler.sampling.logit_bias.clone() {
            sampler.edit(id).bias += bias;
        }
        if sampler.sampling.repetition_penalty != 1.0 {
            for &id in prompt {
                sampler.edit(id).in_prompt = true;
            }
        }
        if sampler.sampling.min_tokens > 0 {
            for id in sampler.stop_ids.clone() {
                sampler.edit(id);
            }
        }
        sampler
    }

    /// How the token at `position` is to be chosen, once all before it are [accepted](Self::accept).
    pub fn plan(&self, position: u64, slot: u32, mask: Option<Vec<u32>>) -> SampleRow {
        let s = &self.sampling;
        let mut edits = self.edits.clone();
        if self.n_drawn < s.min_tokens {
            for id in &self.stop_ids {
                edits[self.places[id]].bias = f32::NEG_INFINITY;
            }
        }
        SampleRow {
            temperature: s.temperature,
            top_k: s.top_k,
            top_p: s.top_p,
            min_p: s.min_p,
            repetition_penalty: s.repetition_penalty,
            presence_penalty: s.presence_penalty,
            frequency_penalty: s.frequency_penalty,
            seed: self.seed,
            position,
            slot,
            mask,
            edits,
            n_logprobs: self.n_logprobs,
        }
    }

    /// As [`plan`](Self::plan), for a token of a picture: what was said before does not count there.
    pub fn plan_code(&self, position: u64, slot: u32, mask: Vec<u32>) -> SampleRow {
        let s = &self.sampling;
        let (temperature, top_k, top_p, min_p) = (s.temperature, s.top_k, s.top_p, s.min_p);
        SampleRow { temperature, top_k, top_p, min_p, seed: self.seed, mask: Some(mask), ..SampleRow::greedy(position, slot) }
    }

    /// Counts a drawn token.
    pub fn accept(&mut self, id: u32) {
        self.n_drawn += 1;
        if self.counts_tokens() {
            self.edit(id).n_drawn += 1;
        }
    }

    fn counts_tokens(&self) -> bool {
        let s = &self.sampling;
        s.repetition_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0
    }

    fn edit(&mut self, id: u32) -> &mut Edit {
        let place = *self.places.entry(id).or_insert(self.edits.len());
        if place == self.edits.len() {
            self.edits.push(Edit::none(id));
        }
        &mut self.edits[place]
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::cache::{CacheShape, KvCache};
    use super::super::ops::{Backend, Tensor, sampling};
    use super::*;

    /// Draws `n` tokens from the same logits.
    fn draws(sampling: Sampling, logits: &[f32], n: u64) -> Vec<u32> {
        let mut sampler = Sampler::new(Sampling { seed: Some(1), ..sampling }, None, vec![0], &[2, 3]);
        let backend = Backend::cpu(1);
        let mut cache = KvCache::new(&backend, CacheShape { n_layers: 0, key_width: 0, value_width: 0 }, 0).unwrap();
        let logits = Tensor::from_vec(logits.to_vec(), 1, logits.len()).unwrap();
        let draw = |position| {
            let row = sampler.plan(position, 0, None);
            let drawn = sampling::sample(&backend, &logits, logits.width(), &[row], &mut cache).unwrap();
            let id = drawn.wait().unwrap().remove(0).unwrap().id;
            sampler.accept(id);
            id
        };
        (0..n).map(draw).collect()
    }

    #[test]
    fn penalties_count_the_right_tokens() {
        // Tokens 2 and 3 are in the prompt, 0 ends an answer.
        let repetition = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        assert_eq!(draws(repetition, &[1.0, 1.1, 2.0, -1.0], 2), [1, 0], "2.0 / 2 < 1.1, then 1 was said too");
        let counts = Sampling { frequency_penalty: 0.5, presence_penalty: 0.25, ..Sampling::default() };
        let said = draws(counts, &[1.0, 0.0, 2.0, 0.0], 4);
        assert_eq!(said, [2, 2, 0, 2], "2.0, 1.25, then 0.75 < 1.0, then 0.25 < 0.75");
        let bias = Sampling { logit_bias: vec![(1, 5.0), (2, -100.0)], ..Sampling::default() };
        assert_eq!(draws(bias, &[1.0, 0.0, 2.0], 1), [1]);
        let late_end = Sampling { min_tokens: 2, ..Sampling::default() };
        assert_eq!(draws(late_end, &[9.0, 1.0], 3), [1, 1, 0]);
    }
}
