//! What an answer took: tokens, money, time.

use serde::{Deserialize, Serialize};

use super::Prices;
use crate::engine::request::{self, Done};

/// `usage` of the service API: prices are decimal strings, times are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub prompt_unit_price: String,
    pub prompt_price_unit: String,
    pub prompt_price: String,
    pub completion_tokens: u32,
    pub completion_unit_price: String,
    pub completion_price_unit: String,
    pub completion_price: String,
    pub total_tokens: u32,
    pub total_price: String,
    pub currency: String,
    pub latency: f64,
    pub time_to_first_token: Option<f64>,
    pub time_to_generate: Option<f64>,
    /// Not part of what callers are told.
    #[serde(skip)]
    pub detail: CallDetail,
}

/// What a model tells of a call beyond the service API's `usage`; zero for what a provider does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallDetail {
    /// Prompt tokens that came from the prefix cache.
    pub cached_tokens: u32,
    /// Prompt tokens that stand for pictures.
    pub image_tokens: u32,
    /// Seconds until the prompt was made ready.
    pub prepare_s: f64,
    /// Seconds that it waited for its turn.
    pub queue_s: f64,
    /// Seconds from the call to its first token, and to its end.
    pub first_token_s: f64,
    pub total_s: f64,
}

impl Default for Usage {
    /// No model was asked.
    fn default() -> Self {
        let zero = || "0".to_owned();
        Self {
            prompt_tokens: 0,
            prompt_unit_price: zero(),
            prompt_price_unit: zero(),
            prompt_price: zero(),
            completion_tokens: 0,
            completion_unit_price: zero(),
            completion_price_unit: zero(),
            completion_price: zero(),
            total_tokens: 0,
            total_price: zero(),
            currency: "USD".into(),
            latency: 0.0,
            time_to_first_token: None,
            time_to_generate: None,
            detail: CallDetail::default(),
        }
    }
}

impl Usage {
    /// Of a call that ended.
    pub fn of(done: &Done, prices: &Prices) -> Self {
        let (tokens, timing) = (done.usage, done.timing);
        let detail = CallDetail {
            cached_tokens: tokens.cached_tokens,
            image_tokens: tokens.image_tokens,
            prepare_s: timing.prepare_s,
            queue_s: timing.queue_s,
            first_token_s: timing.time_to_first_token_s,
            total_s: timing.total_s,
        };
        Self { detail, ..Self::new(tokens, prices) }
    }

    pub fn new(tokens: request::Usage, prices: &Prices) -> Self {
        let price = |n: u32, unit_price: f64| f64::from(n) * unit_price * prices.price_unit;
        let prompt = price(tokens.prompt_tokens, prices.prompt_unit_price);
        let completion = price(tokens.completion_tokens, prices.completion_unit_price);
        let unit = |unit_price: f64| if unit_price == 0.0 { "0".to_owned() } else { decimal(prices.price_unit) };
        Self {
            prompt_tokens: tokens.prompt_tokens,
            prompt_unit_price: decimal(prices.prompt_unit_price),
            prompt_price_unit: unit(prices.prompt_unit_price),
            prompt_price: decimal(prompt),
            completion_tokens: tokens.completion_tokens,
            completion_unit_price: decimal(prices.completion_unit_price),
            completion_price_unit: unit(prices.completion_unit_price),
            completion_price: decimal(completion),
            total_tokens: tokens.prompt_tokens + tokens.completion_tokens,
            total_price: decimal(prompt + completion),
            currency: prices.currency.clone(),
            ..Self::default()
        }
    }
}

impl Usage {
    /// Together with what a later call took: counts, prices and times add up.
    pub fn add(&mut self, later: &Self) {
        let sum = |one: &str, other: &str| decimal(one.parse().unwrap_or(0.0) + other.parse().unwrap_or(0.0));
        let first = self.total_tokens == 0;
        *self = Self {
            prompt_tokens: self.prompt_tokens.saturating_add(later.prompt_tokens),
            prompt_price: sum(&self.prompt_price, &later.prompt_price),
            completion_tokens: self.completion_tokens.saturating_add(later.completion_tokens),
            completion_price: sum(&self.completion_price, &later.completion_price),
            total_tokens: self.total_tokens.saturating_add(later.total_tokens),
            total_price: sum(&self.total_price, &later.total_price),
            latency: ((self.latency + later.latency) * 1e3).round() / 1e3,
            time_to_first_token: if first { later.time_to_first_token } else { self.time_to_first_token },
            time_to_generate: self.time_to_generate.or(later.time_to_generate),
            detail: CallDetail {
                cached_tokens: self.detail.cached_tokens.saturating_add(later.detail.cached_tokens),
                image_tokens: self.detail.image_tokens.saturating_add(later.detail.image_tokens),
                ..later.detail
            },
            // the unit prices of one model are the same in every call
            ..later.clone()
        };
    }
}

/// Plain decimal text with at most ten places, as the database keeps prices.
fn decimal(value: f64) -> String {
    let text = format!("{value:.10}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".into() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_plain_decimals() {
        let prices = Prices { prompt_unit_price: 0.15, completion_unit_price: 0.6, ..Prices::default() };
        let tokens = request::Usage { prompt_tokens: 1000, completion_tokens: 10, ..request::Usage::default() };
        let usage = Usage::new(tokens, &prices);
        assert_eq!(
            [&usage.prompt_unit_price, &usage.prompt_price_unit, &usage.prompt_price, &usage.completion_price, &usage.total_price],
            ["0.15", "0.000001", "0.00015", "0.000006", "0.000156"]
        );
        let free = Usage::new(tokens, &Prices::default());
        assert_eq!([&free.prompt_unit_price, &free.prompt_price_unit, &free.total_price], ["0", "0", "0"]);
        assert_eq!(free.total_tokens, 1010);
        assert_eq!(decimal(120.0), "120");
        let mut sum = Usage::default();
        sum.add(&Usage { latency: 0.25, ..usage.clone() });
        sum.add(&Usage { latency: 0.5, ..usage.clone() });
        assert_eq!((sum.total_tokens, sum.total_price.as_str(), sum.latency), (2020, "0.000312", 0.75));
        assert_eq!(sum.prompt_unit_price, "0.15");
    }
}
