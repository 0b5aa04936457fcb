//! Kimi-VL: MoonViT, whose merged rows replace placeholder embeddings, in front of a decoder of latent attention and experts.

pub mod config;
pub mod input;
mod vision;

use super::{CausalModel, ModelInfo, decoder::Decoder};
use crate::engine::{
    batch::{Batch, Pixels, VisualFeatures},
    ops::{Backend, Result, Tensor, cache::KvCache, vision::PatchLayout},
    weights::{Checkpoint, LoadError},
};
use config::Config;
use vision::VisionTower;

/// For folders without one: what the published template writes.
pub const CHAT_TEMPLATE: &str = include_str!("chat_template.jinja");

pub struct KimiVl {
    info: ModelInfo,
    vision: VisionTower,
    text: Decoder,
}

impl KimiVl {
    pub fn load(
        checkpoint: &Checkpoint,
        config: Config,
        layout: PatchLayout,
        info: ModelInfo,
        backend: &Backend,
    ) -> Result<Self, LoadError> {
        // Towers are a small part of the work and lose more than decoders do.
        let full = backend.without_quantization();
        let vision = VisionTower::load(config.vision, layout, config.text.hidden_size, &checkpoint.weights.root(&full))?;
        let language = checkpoint.weights.root(backend);
        let language = language.pp("language_model");
        let text = Decoder::load(config.text, &language.pp("model"), &language)?;
        Ok(Self { info, vision, text })
    }
}

impl CausalModel for KimiVl {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor> {
        self.text.forward(batch, cache)
    }

    fn encode(&self, pixels: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        self.vision.forward(pixels)
    }
}
