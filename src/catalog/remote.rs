//! Models behind an OpenAI-compatible HTTP API.

use crate::engine::Embedded;
use crate::engine::host::{Features, Kind};
use crate::engine::request::{Failure, Generation, Message, Part, Request, Tool};
use crate::error::Result;
use crate::state::AppState;

use super::Prices;
use super::db::ModelRow;

/// A model of a workspace's provider, with what is needed to call it.
#[derive(Clone)]
pub struct RemoteModel {
    pub provider: String,
    pub name: String,
    pub kind: Kind,
    pub features: Features,
    pub context_size: usize,
    pub prices: Prices,
}

impl RemoteModel {
    pub(super) fn open(_state: &AppState, row: ModelRow) -> Result<Self> {
        let has = |feature: &str| row.features.iter().any(|f| f == feature);
        Ok(Self {
            kind: row.kind.parse().unwrap_or(Kind::Llm),
            features: Features { vision: has("vision"), tools: has("tools"), structured_output: has("structured_output") },
            context_size: usize::try_from(row.context_size).unwrap_or(0),
            prices: Prices {
                prompt_unit_price: row.prompt_unit_price,
                completion_unit_price: row.completion_unit_price,
                price_unit: row.price_unit,
                currency: row.currency,
            },
            provider: row.provider,
            name: row.name,
        })
    }

    pub(super) async fn generate(&self, _request: Request) -> Result<Generation, Failure> {
        Err(Failure::Provider { status: None, message: "remote providers are not called yet".into() })
    }

    pub(super) async fn embed(&self, _texts: Vec<String>) -> Result<Embedded, Failure> {
        Err(Failure::Provider { status: None, message: "remote providers are not called yet".into() })
    }
}

/// About four bytes of UTF-8 make a token in Latin scripts, about three (one character) in CJK; a picture is taken for 1,000.
pub(super) fn estimate_tokens(messages: &[Message], tools: &[Tool]) -> usize {
    let of_text = |text: &str| text.chars().map(|c| if c.is_ascii() { 0.25 } else { 0.8 }).sum::<f64>().ceil() as usize;
    let of_part = |part: &Part| match part {
        Part::Text(text) => of_text(text),
        Part::Image(_) => 1000,
        Part::Video(video) => 1000 * video.frames.len(),
    };
    let of_message = |m: &Message| {
        4 + m.content.iter().map(of_part).sum::<usize>() + m.tool_calls.iter().map(|c| of_text(&c.arguments) + 8).sum::<usize>()
    };
    let of_tool = |t: &Tool| of_text(&t.description) + of_text(&t.parameters.to_string()) + 8;
    messages.iter().map(of_message).sum::<usize>() + tools.iter().map(of_tool).sum::<usize>()
}
