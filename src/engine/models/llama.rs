//! Text-only causal models: Llama (SmolLM2 among them), Qwen2 and Qwen3, dense.

use candle_core::{Tensor, bail};

use super::{
    CausalModel, ModelInfo,
    decoder::{Config, Decoder},
};
use crate::engine::{
    batch::{Batch, Pixels, VisualFeatures},
    ops::{Backend, Result, cache::KvCache},
    weights::{Checkpoint, LoadError},
};

pub struct Llama {
    info: ModelInfo,
    backend: Backend,
    decoder: Decoder,
}

impl Llama {
    pub fn load(checkpoint: &Checkpoint, config: Config, info: ModelInfo, backend: &Backend) -> Result<Self, LoadError> {
        let root = checkpoint.weights.root();
        let decoder = Decoder::load(config, &root.pp("model"), &root)?;
        Ok(Self { info, backend: backend.clone(), decoder })
    }
}

impl CausalModel for Llama {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor> {
        let x = self.decoder.embed(&batch.ids)?;
        self.decoder.forward(&self.backend, x, batch, cache, |_, _| Ok(()))
    }

    fn encode(&self, _: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        bail!("{} takes no images", self.info.architecture)
    }
}
