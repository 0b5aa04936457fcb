//! Architectures: pure functions of weights, a packed [`Batch`] and the KV cache. No sequence, no scheduler in here.
//!
//! [`load`] turns a checkpoint's architecture name into one of them, or says why it can't.

pub mod bert;
pub mod chameleon;
pub mod decoder;
pub mod kimi_vl;
mod llama;
pub mod mla;
pub mod moe;
pub mod qwen3_vl;
#[cfg(test)]
pub mod tests;

use std::{path::Path, sync::Arc};

use super::{
    batch::{Batch, Pixels, VisualFeatures},
    ops::{
        Backend, Result, Tensor,
        cache::{CacheShape, KvCache},
        mla::LatentHeads,
        vision::{Normalization, PatchLayout},
    },
    request::{Detail, Failure, Image, Video},
    tokenizer::{ChatTemplate, GenerationConfig, TextFiles, Tokenizer},
    weights::{Checkpoint, Fields, LoadError, Target},
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
    /// The cached keys are latents of such heads, which hold the values too.
    pub latent: Option<LatentHeads>,
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
        let width = self.n_kv_heads * self.head_dim;
        CacheShape { n_layers: self.n_layers, key_width: width, value_width: if self.latent.is_some() { 0 } else { width } }
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

/// How a model wants its pictures and prompts: pure functions over one request.
pub trait VisionInput: Send + Sync {
    /// How the vision tower cuts frames.
    fn patch_layout(&self) -> PatchLayout;

    /// Patches of the largest picture.
    fn max_patches(&self) -> usize;

    /// The placeholder that the chat template writes once for each picture.
    fn image_token_id(&self) -> u32;

    /// The placeholder that the chat template writes once for each clip; `None`: the model takes none.
    fn video_token_id(&self) -> Option<u32>;

    /// Token rows that a picture of this size takes, without decoding it. `name` says in errors which one it is
    /// (`messages[1].content[0]`).
    fn n_image_tokens(&self, name: &str, width: usize, height: usize, detail: Detail) -> Result<usize, Failure>;

    /// Prepares one picture.
    fn image(&self, name: &str, image: &Image) -> Result<Pixels, Failure>;

    /// Token rows that a clip takes, without decoding its frames.
    fn n_video_tokens(&self, _name: &str, _video: &Video) -> Result<usize, Failure> {
        Err(no_clips())
    }

    /// Prepares one clip.
    fn video(&self, _name: &str, _video: &Video) -> Result<Pixels, Failure> {
        Err(no_clips())
    }

    /// Turns the ids of a rendered chat, with one placeholder for each picture or clip, into the prompt. `media` are in order
    /// of appearance.
    fn lay_out(&self, ids: &[u32], media: &[Pixels]) -> Result<Prompt, Failure>;
}

fn no_clips() -> Failure {
    Failure::Unsupported("this model takes pictures, no clips".to_owned())
}

/// Refuses a prompt that has not one placeholder for each picture.
fn check_places(n_placeholders: usize, n_media: usize) -> Result<(), Failure> {
    if n_placeholders == n_media {
        return Ok(());
    }
    Err(Failure::Invalid {
        field: "messages".into(),
        message: format!("the prompt has {n_placeholders} places for pictures, the request has {n_media} pictures"),
    })
}

/// Name of a content: file bytes and every setting that changes the pixels.
fn content_hash<'a>(settings: &str, files: impl Iterator<Item = &'a Image>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(settings.as_bytes());
    for file in files {
        hasher.update(&(file.bytes.len() as u64).to_le_bytes());
        hasher.update(&file.bytes);
    }
    *hasher.finalize().as_bytes()
}

/// `image_mean` and `image_std` of a preprocessor's configuration.
fn normalization(fields: &Fields<'_>) -> Result<Normalization, LoadError> {
    let channel = |name: &str| -> Result<[f32; 3], LoadError> {
        let list = fields.value(name).as_array().cloned().unwrap_or_default();
        match list.iter().map(|v| v.as_f64().map(|v| v as f32)).collect::<Option<Vec<_>>>().as_deref() {
            Some([]) => Ok([0.5; 3]),
            Some([r, g, b]) => Ok([*r, *g, *b]),
            _ => Err(fields.error(name, "expected three numbers")),
        }
    };
    let normalization = Normalization { mean: channel("image_mean")?, std: channel("image_std")? };
    if normalization.std.contains(&0.0) {
        return Err(fields.error("image_std", "must not be zero"));
    }
    Ok(normalization)
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
    pub input: Option<Box<dyn VisionInput>>,
    /// For models whose pictures are tokens.
    pub pictures: Option<Arc<chameleon::Pictures>>,
    /// Layers that adapters may change.
    pub targets: Vec<Target>,
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
    KimiVl,
    Chameleon,
    Embedding(bert::Family),
    Rerank(bert::Family),
}

impl Architecture {
    fn find(name: &str) -> Result<Self, LoadError> {
        if let Some(family) = Family::of_text(name) {
            return Ok(Self::Text(family));
        }
        Ok(match name {
            "Qwen3VLForConditionalGeneration" | "Qwen3VLMoeForConditionalGeneration" => Self::Qwen3Vl,
            "KimiVLForConditionalGeneration" => Self::KimiVl,
            "ChameleonForConditionalGeneration" => Self::Chameleon,
            "BertModel" | "BertForMaskedLM" => Self::Embedding(bert::Family::Bert),
            "RobertaModel" | "XLMRobertaModel" | "RobertaForMaskedLM" | "XLMRobertaForMaskedLM" => Self::Embedding(bert::Family::Roberta),
            "BertForSequenceClassification" => Self::Rerank(bert::Family::Bert),
            "RobertaForSequenceClassification" | "XLMRobertaForSequenceClassification" => Self::Rerank(bert::Family::Roberta),
            _ => return Err(LoadError::unsupported(name, KNOWN)),
        })
    }
}

const KNOWN: &str = "this version runs Llama, Qwen2, Qwen3 and Qwen3-VL (dense and MoE), DeepSeek-V3 (Moonlight), Kimi-VL and Chameleon \
                     as chat models and BERT and XLM-RoBERTa as embedders and rerankers";

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
        chat_template: text.chat_template.or_else(|| chat_template(&checkpoint.architecture)),
        add_bos: text.add_bos,
        input,
        pictures,
        targets: checkpoint.weights.take_targets(),
    })
}

/// Of folders without one, for families whose published template is known.
fn chat_template(architecture: &str) -> Option<ChatTemplate> {
    (architecture == "KimiVLForConditionalGeneration")
        .then(|| ChatTemplate { source: kimi_vl::CHAT_TEMPLATE.to_owned(), ..ChatTemplate::default() })
}

struct Parts {
    model: Model,
    input: Option<Box<dyn VisionInput>>,
    pictures: Option<Arc<chameleon::Pictures>>,
}

fn load_model(checkpoint: &Checkpoint, tokenizer: &Arc<Tokenizer>, backend: &Backend) -> Result<Parts, LoadError> {
    let mut input: Option<Box<dyn VisionInput>> = None;
    let mut pictures = None;
    let model = match Architecture::find(&checkpoint.architecture)? {
        Architecture::Text(family) => {
            let config = decoder::Config::read(&checkpoint.fields(), family, &checkpoint.architecture)?;
            let info = info(checkpoint, &config, false);
            Model::Causal(Box::new(llama::Llama::load(checkpoint, config, info, backend)?))
        }
        Architecture::Qwen3Vl => {
            let config = qwen3_vl::config::Config::read(checkpoint)?;
            let layout = input.insert(Box::new(qwen3_vl::input::Input::load(checkpoint, &config, tokenizer.clone())?)).patch_layout();
            let info = info(checkpoint, &config.text, true);
            Model::Causal(Box::new(qwen3_vl::Qwen3Vl::load(checkpoint, config, layout, info, backend)?))
        }
        Architecture::KimiVl => {
            let config = kimi_vl::config::Config::read(checkpoint)?;
            let layout = input.insert(Box::new(kimi_vl::input::Input::load(checkpoint, &config)?)).patch_layout();
            let info = info(checkpoint, &config.text, true);
            Model::Causal(Box::new(kimi_vl::KimiVl::load(checkpoint, config, layout, info, backend)?))
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
        latent: config.latent.as_ref().map(|latent| latent.heads),
        vocab_size: config.vocab_size,
        context_length: config.context_length,
        n_parameters: checkpoint.weights.n_parameters(),
        weight_bytes: checkpoint.weights.n_bytes(),
        vision,
    }
}
