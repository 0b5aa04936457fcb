//! Made-up adapters for measurements, of all layers of a model that adapters may change.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::engine::Engine;
use crate::engine::weights::peft;
use crate::engine::weights::random::{FILE, RandomWeights};

#[derive(Debug, Clone, Args, Serialize)]
pub struct AdapterArgs {
    /// Made-up adapters (LoRA) that take turns among the sequences; 0: the model alone
    #[arg(long, default_value_t = 0)]
    pub adapters: usize,
    /// Their rank
    #[arg(long, default_value_t = 16)]
    pub adapter_rank: usize,
}

impl AdapterArgs {
    /// A handle for each adapter, or the model's own.
    pub fn handles(&self, engine: &Engine) -> Result<Vec<Engine>> {
        if self.adapters == 0 {
            return Ok(vec![engine.clone()]);
        }
        (0..self.adapters as u64).map(|seed| self.make(engine, seed)).collect()
    }

    fn make(&self, engine: &Engine, seed: u64) -> Result<Engine> {
        let folder = tempfile::tempdir()?;
        let mut tensors = BTreeMap::new();
        for target in engine.adapter_targets() {
            for part in &target.parts {
                let module = format!("base_model.model.model.{}", part.name);
                tensors.insert(format!("{module}.lora_A.weight"), vec![self.adapter_rank, target.n_in]);
                tensors.insert(format!("{module}.lora_B.weight"), vec![part.n_out, self.adapter_rank]);
            }
        }
        let config = json!({"peft_type": "LORA", "r": self.adapter_rank, "lora_alpha": self.adapter_rank, "target_modules": "all-linear"});
        std::fs::write(folder.path().join(peft::CONFIG), config.to_string())?;
        std::fs::write(folder.path().join(FILE), serde_json::to_string(&RandomWeights { seed, tensors })?)?;
        engine.with_adapter(folder.path())
    }
}
