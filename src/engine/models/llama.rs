//! Text-only causal models: Llama (SmolLM2 among them), Qwen2, Qwen3 (dense and MoE) and DeepSeek-V3 (Moonlight).

use super::{
    CausalModel, ModelInfo,
    decoder::{Config, Decoder},
};
use crate::engine::{
    batch::{Batch, Pixels, VisualFeatures},
    ops::{Backend, Result, Tensor, bail, cache::KvCache},
    weights::{Checkpoint, LoadError},
};

pub struct Llama {
    info: ModelInfo,
    decoder: Decoder,
}

impl Llama {
    pub fn load(checkpoint: &Checkpoint, config: Config, info: ModelInfo, backend: &Backend) -> Result<Self, LoadError> {
        let root = checkpoint.weights.root(backend);
        let decoder = Decoder::load(config, &root.pp("model"), &root)?;
        Ok(Self { info, decoder })
    }
}

impl CausalModel for Llama {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor> {
        self.decoder.forward(batch, cache)
    }

    fn encode(&self, _: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        bail!("{} takes no images", self.info.architecture)
    }
}
