//! Qwen3-VL, dense and MoE: a vision tower whose merged rows replace placeholder embeddings, with features of inner blocks added
//! after the first text layers (DeepStack), and positions on three axes.

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

pub struct Qwen3Vl {
    info: ModelInfo,
    vision: VisionTower,
    text: Decoder,
}

impl Qwen3Vl {
    pub fn load(
        checkpoint: &Checkpoint,
        config: Config,
        layout: PatchLayout,
        info: ModelInfo,
        backend: &Backend,
    ) -> Result<Self, LoadError> {
        let root = checkpoint.weights.root(backend);
        let model = root.pp("model");
        // Towers are a small part of the work and lose more than decoders do.
        let full = backend.without_quantization();
        let vision = VisionTower::load(config.vision, layout, &checkpoint.weights.root(&full).pp("model").pp("visual"))?;
        let text = Decoder::load(config.text, &model.pp("language_model"), &root)?;
        Ok(Self { info, vision, text })
    }
}

impl CausalModel for Qwen3Vl {
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
