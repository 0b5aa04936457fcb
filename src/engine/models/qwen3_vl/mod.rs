//! Qwen3-VL, dense: a vision tower whose merged rows replace placeholder embeddings, with features of inner blocks added
//! after the first text layers (DeepStack), and positions on three axes.

pub mod config;
pub mod input;
mod vision;

use candle_core::Tensor;

use super::{CausalModel, ModelInfo, decoder::Decoder};
use crate::engine::{
    batch::{Batch, Pixels, VisualFeatures},
    ops::{self, Backend, Result, cache::KvCache},
    weights::{Checkpoint, LoadError},
};
use config::Config;
use vision::VisionTower;

pub struct Qwen3Vl {
    info: ModelInfo,
    backend: Backend,
    vision: VisionTower,
    text: Decoder,
}

impl Qwen3Vl {
    pub fn load(checkpoint: &Checkpoint, config: Config, info: ModelInfo, backend: &Backend) -> Result<Self, LoadError> {
        let root = checkpoint.weights.root();
        let model = root.pp("model");
        let vision = VisionTower::load(config.vision, &model.pp("visual"))?;
        let text = Decoder::load(config.text, &model.pp("language_model"), &root)?;
        Ok(Self { info, backend: backend.clone(), vision, text })
    }
}

impl CausalModel for Qwen3Vl {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor> {
        let x = self.text.embed(&batch.ids)?;
        for span in &batch.visual {
            ops::replace_rows(&x, span.row_start, &span.features.embeddings, span.feature_start, span.len)?;
        }
        self.text.forward(&self.backend, x, batch, cache, |layer, x| {
            for span in &batch.visual {
                if let Some(features) = span.features.deepstack.get(layer) {
                    ops::add_rows(&self.backend, x, span.row_start, features, span.feature_start, span.len)?;
                }
            }
            Ok(())
        })
    }

    fn encode(&self, pixels: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        self.vision.forward(&self.backend, pixels)
    }
}
