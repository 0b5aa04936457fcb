//! A model without weights that answers with a fixed cycle of tokens, for measuring what everything around a model
//! costs. It takes the whole way through scheduler, cache blocks and sampler. Chosen by `"architectures": ["AshlarNull"]`
//! in a `config.json` that lies beside a tokenizer; nothing else leads here.

use std::path::Path;
use std::sync::Arc;

use super::batch::{Batch, Pixels, VisualFeatures};
use super::models::{CausalModel, Loaded, Model, ModelInfo};
use super::ops::cache::KvCache;
use super::ops::{Backend, Result, Tensor, bail};
use super::tokenizer::{ChatTemplate, GenerationConfig, Tokenizer};
use super::weights::read_json;

pub const ARCHITECTURE: &str = "AshlarNull";

/// The null model of a folder whose `config.json` asks for it; `None` for any other checkpoint.
pub fn load(path: &Path) -> anyhow::Result<Option<Loaded>> {
    let config = path.join("config.json");
    if !config.is_file() {
        return Ok(None);
    }
    let config = read_json(&config)?;
    if config["architectures"][0] != ARCHITECTURE {
        return Ok(None);
    }
    let tokenizer = Arc::new(Tokenizer::from_file(&path.join("tokenizer.json"))?);
    let context_length = config["max_position_embeddings"].as_u64().unwrap_or(4096) as usize;
    let is_text = |id| std::str::from_utf8(tokenizer.token_bytes(id)).is_ok_and(|text| text.chars().any(char::is_alphabetic));
    let model = NullModel::new(tokenizer.n_tokens(), context_length, is_text);
    let template = path.join("chat_template.jinja");
    let chat_template = match template.is_file() {
        true => Some(ChatTemplate { source: std::fs::read_to_string(&template)?, ..ChatTemplate::default() }),
        false => None,
    };
    let model = Model::Causal(Box::new(model));
    Ok(Some(Loaded {
        model,
        backend: Backend::cpu(1),
        held_bytes: 0,
        tokenizer,
        generation: GenerationConfig::default(),
        chat_template,
        add_bos: None,
        input: None,
        pictures: None,
        targets: Vec::new(),
    }))
}

pub struct NullModel {
    info: ModelInfo,
    /// Ids of the cycle, in order.
    cycle: Vec<u32>,
}

impl NullModel {
    /// Cycles through at most 64 of the ids for which `is_text` holds.
    pub fn new(vocab_size: usize, context_length: usize, is_text: impl Fn(u32) -> bool) -> Self {
        let cycle: Vec<u32> = (0..vocab_size as u32).filter(|id| is_text(*id)).take(64).collect();
        let info = ModelInfo {
            architecture: ARCHITECTURE.to_owned(),
            n_layers: 1,
            hidden_size: 1,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 1,
            latent: None,
            vocab_size,
            context_length,
            n_parameters: 0,
            weight_bytes: 0,
            vision: false,
        };
        Self { info, cycle }
    }
}

impl CausalModel for NullModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor> {
        let width = self.info.vocab_size;
        let mut logits = vec![0.0f32; batch.logit_rows.len() * width];
        for (row, at) in logits.chunks_exact_mut(width).zip(&batch.logit_rows) {
            let last = cache.resolve(batch.ids[*at as usize])?;
            let next = self.cycle.iter().position(|id| *id == last).map_or(0, |i| (i + 1) % self.cycle.len());
            row[self.cycle[next] as usize] = 1.0;
        }
        Tensor::from_vec(logits, batch.logit_rows.len(), width)
    }

    fn encode(&self, _: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        bail!("the null model takes no pictures")
    }
}
