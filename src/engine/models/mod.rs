//! Architectures: pure functions of weights, a packed [`Batch`] and the KV cache. No sequence, no scheduler in here.
//!
//! [`load`] turns a checkpoint's architecture name into one of them, or says why it can't.

pub mod bert;
pub mod chameleon;
pub mod decoder;
mod llama;
pub mod qwen3_vl;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use super::{
    batch::{Batch, Pixels, VisualFeatures},
    ops::{
        Backend, Result, Tensor,
        cache::{CacheShape, KvCache},
    },
    tokenizer::{ChatTemplate, GenerationConfig, TextFiles, Tokenizer},
    weights::{Checkpoint, LoadError},
};
use decoder::Family;

/// What a loaded causal model is, for scheduling, planning and the catalog.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// `config.json`'s architecture; GGUF files get the matching name.
    pub architecture: String,
    pub n_layers: usize,
    pub hidden_size: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_dim: usize,
    /// Rows of the logits; ids at or above `n_tokens` (the tokenizer's size) are never sampled.
    pub vocab_size: usize,
    /// Positions the checkpoint was made for.
    pub context_length: usize,
    pub n_parameters: u64,
    pub weight_bytes: u64,
    /// Takes images (and frames of video).
    pub vision: bool,
}

impl ModelInfo {
    /// What one token takes in the cache.
    pub fn cache_shape(&self) -> CacheShape {
        CacheShape { n_layers: self.n_layers, n_kv_heads: self.n_kv_heads, head_dim: self.head_dim }
    }
}

/// A text decoder, with or without a vision tower in front. Called by the engine thread only.
pub trait CausalModel: Send {
    fn info(&self) -> &ModelInfo;

    /// Runs one packed step, writing K and V of its rows into `cache`. Returns `[n_logits, vocab]` f32, rows as in
    /// `batch.logit_rows`.
    fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor>;

    /// Encodes many images of all sizes as one packed batch; outputs in the same order. Text-only models refuse.
    fn encode(&self, pixels: &[Pixels]) -> Result<Vec<VisualFeatures>>;
}

/// A prompt as the scheduler takes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    pub ids: Vec<u32>,
    /// One for each id: on the axes (t, h, w); equal on all three but for visual tokens.
    pub positions: Vec<[u32; 3]>,
    /// The token that will stand at index `i` of the sequence, behind the prompt, has position `i + delta` on all axes.
    pub delta: i64,
    /// Which rows stand for which rows of which picture, in order.
    pub visual: Vec<Placement>,
}

impl Prompt {
    /// A prompt without pictures: position `i` for token `i`.
    pub fn text(ids: Vec<u32>) -> Self {
        let positions = (0..ids.len() as u32).map(|i| [i; 3]).collect();
        Self { ids, positions, delta: 0, visual: Vec::new() }
    }

    fn push_text(&mut self, id: u32, position: &mut u32) {
        self.ids.push(id);
        self.positions.push([*position; 3]);
        *position += 1;
    }
}

/// `len` rows from `feature_start` of medium `media` stand at the prompt's rows from `row_start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub media: usize,
    pub feature_start: usize,
    pub row_start: usize,
    pub len: usize,
}

/// A checkpoint, loaded.
pub struct Loaded {
    pub model: Model,
    /// Where it runs.
    pub backend: Backend,
    /// Memory of its weights there.
    pub held_bytes: u64,
    pub tokenizer: Arc<Tokenizer>,
    pub generation: GenerationConfig,
    /// `None`: the model only continues text.
    pub chat_template: Option<ChatTemplate>,
    /// Put before plain prompts.
    pub add_bos: Option<u32>,
    /// How pictures are prepared, for models that take them.
    pub input: Option<qwen3_vl::input::Input>,
    /// For models whose pictures are tokens.
    pub pictures: Option<Arc<chameleon::Pictures>>,
}

pub enum Model {
    Causal(Box<dyn CausalModel>),
    Embedding(bert::EmbeddingModel),
    Rerank(bert::RerankModel),
}

/// What this version runs, by the name in `architectures`.
enum Architecture {
    Text(Family),
    Qwen3Vl,
    Chameleon,
    Embedding(bert::Family),
    Rerank(bert::Family),
}

impl Architecture {
    fn find(name: &str) -> Result<Self, LoadError> {
        Ok(match name {
            "LlamaForCausalLM" => Self::Text(Family::Llama),
            "Qwen2ForCausalLM" => Self::Text(Family::Qwen2),
            "Qwen3ForCausalLM" => Self::Text(Family::Qwen3),
            "Qwen3VLForConditionalGeneration" => Self::Qwen3Vl,
            "ChameleonForConditionalGeneration" => Self::Chameleon,
            "BertModel" | "BertForMaskedLM" => Self::Embedding(bert::Family::Bert),
            "RobertaModel" | "XLMRobertaModel" | "RobertaForMaskedLM" | "XLMRobertaForMaskedLM" => Self::Embedding(bert::Family::Roberta),
            "BertForSequenceClassification" => Self::Rerank(bert::Family::Bert),
            "RobertaForSequenceClassification" | "XLMRobertaForSequenceClassification" => Self::Rerank(bert::Family::Roberta),
            _ => return Err(LoadError::unsupported(name, why_not(name))),
        })
    }
}

fn why_not(name: &str) -> String {
    let known = "this version runs Llama, Qwen2, Qwen3, Qwen3-VL (dense) and Chameleon as chat models and BERT and XLM-RoBERTa as embedders and rerankers";
    if name.contains("Moe") { format!("mixtures of experts are not there yet; {known}") } else { known.to_owned() }
}

/// Loads the checkpoint in a folder, or a GGUF file, for the backend.
pub fn load(path: &Path, backend: &Backend) -> Result<Loaded, LoadError> {
    let checkpoint = Checkpoint::open(path)?;
    // Refused before anything else is read.
    Architecture::find(&checkpoint.architecture)?;
    let mut text = TextFiles::load(&checkpoint)?;
    let tokenizer = Arc::new(text.tokenizer);
    let free = |backend: &Backend| backend.memory().map(|memory| memory.map(|memory| memory.free as u64));
    let before = free(backend)?;
    let Parts { model, input, pictures } = load_model(&checkpoint, &tokenizer, backend)?;
    let held_bytes = match (before, free(backend)?) {
        (Some(before), Some(after)) => before.saturating_sub(after),
        _ => checkpoint.weights.n_bytes(),
    };
    if let Some(pictures) = &pictures {
        text.generation.eos.extend(pictures.vocabulary.end_of_turn);
        text.chat_template.get_or_insert_with(|| pictures.chat_template());
        text.add_bos.get_or_insert(pictures.vocabulary.bos);
    }
    Ok(Loaded {
        model,
        backend: backend.clone(),
        held_bytes,
        tokenizer,
        generation: text.generation,
        chat_template: text.chat_template,
        add_bos: text.add_bos,
        input,
        pictures,
    })
}

struct Parts {
    model: Model,
    input: Option<qwen3_vl::input::Input>,
    pictures: Option<Arc<chameleon::Pictures>>,
}

fn load_model(checkpoint: &Checkpoint, tokenizer: &Arc<Tokenizer>, backend: &Backend) -> Result<Parts, LoadError> {
    let (mut input, mut pictures) = (None, None);
    let model = match Architecture::find(&checkpoint.architecture)? {
        Architecture::Text(family) => {
            let config = decoder::Config::read(&checkpoint.fields(), family, &checkpoint.architecture)?;
            let info = info(checkpoint, &config, false);
            Model::Causal(Box::new(llama::Llama::load(checkpoint, config, info, backend)?))
        }
        Architecture::Qwen3Vl => {
            let config = qwen3_vl::config::Config::read(checkpoint)?;
            let layout = input.insert(qwen3_vl::input::Input::load(checkpoint, &config, tokenizer.clone())?).patch_layout();
            let info = info(checkpoint, &config.text, true);
            Model::Causal(Box::new(qwen3_vl::Qwen3Vl::load(checkpoint, config, layout, info, backend)?))
        }
        Architecture::Chameleon => {
            let config = decoder::Config::read(&checkpoint.fields(), Family::Chameleon, &checkpoint.architecture)?;
            pictures = Some(Arc::new(chameleon::Pictures::load(checkpoint, config.vocab_size)?));
            let info = info(checkpoint, &config, true);
            Model::Causal(Box::new(llama::Llama::load(checkpoint, config, info, backend)?))
        }
        Architecture::Embedding(family) => Model::Embedding(bert::EmbeddingModel::load(checkpoint, family, tokenizer, backend)?),
        Architecture::Rerank(family) => Model::Rerank(bert::RerankModel::load(checkpoint, family, tokenizer, backend)?),
    };
    let ignored: &[&str] = match &model {
        // Frequencies are computed; tied heads are saved twice by some exporters.
        // A picture tokenizer without a decoder has no use for what leads into it.
        Model::Causal(_) => &["rotary_emb.inv_freq", "lm_head.weight", "post_quant_conv"],
        // Heads of the pre-training that embeddings are not made with.
        Model::Embedding(_) => &["pooler.", "cls.", "lm_head.", "position_ids"],
        Model::Rerank(_) => &["position_ids"],
    };
    checkpoint.weights.check_all_used(&checkpoint.architecture, ignored)?;
    Ok(Parts { model, input, pictures })
}

fn info(checkpoint: &Checkpoint, config: &decoder::Config, vision: bool) -> ModelInfo {
    ModelInfo {
        architecture: checkpoint.architecture.clone(),
        n_layers: config.n_layers,
        hidden_size: config.hidden_size,
        n_heads: config.n_heads,
        n_kv_heads: config.n_kv_heads,
        head_dim: config.head_dim,
        vocab_size: config.vocab_size,
        context_length: config.context_length,
        n_parameters: checkpoint.weights.n_parameters(),
        weight_bytes: checkpoint.weights.n_bytes(),
        vision,
    }
}
