//! Qwen3-VL, dense: a vision tower whose merged rows replace placeholder embeddings, with features of inner blocks added
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
        let vision = VisionTower::load(config.vision, layout, &model.pp("visual"))?;
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
