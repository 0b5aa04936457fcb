//! How many rows of prompts a step may have, by what steps took so far.

use super::Limits;

/// Prompt rows of a step that the time targets may not push below.
const MIN_CHUNK: usize = 32;
/// Prompt rows of the first steps, before anything was measured.
const FIRST_CHUNK: usize = 512;

/// Measured cost of steps.
#[derive(Debug, Default)]
pub(super) struct Pace {
    decode_step_s: Option<f64>,
    prompt_token_s: Option<f64>,
}

impl Pace {
    pub fn observe(&mut self, n_decode: usize, n_prompt: usize, seconds: f64) {
        let mix = |old: Option<f64>, new: f64| Some(old.map_or(new, |old| 0.75 * old + 0.25 * new));
        if n_prompt == 0 {
            self.decode_step_s = mix(self.decode_step_s, seconds);
        } else {
            let decode_s = if n_decode > 0 { self.decode_step_s.unwrap_or(0.0) } else { 0.0 };
            self.prompt_token_s = mix(self.prompt_token_s, (seconds - decode_s).max(0.0) / n_prompt as f64);
        }
    }

    pub fn n_prompt_tokens(&self, limits: &Limits, n_decode: usize) -> usize {
        let room = limits.max_step_tokens.saturating_sub(n_decode);
        let Some(token_s) = self.prompt_token_s else { return room.min(FIRST_CHUNK) };
        let time_s = match n_decode {
            0 => limits.idle_step_s,
            _ => limits.target_step_s - self.decode_step_s.unwrap_or(0.0),
        };
        let n = (time_s / token_s.max(1e-9)).max(0.0) as usize;
        n.max(MIN_CHUNK).min(room)
    }
}
