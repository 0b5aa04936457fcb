//! BERT and XLM-RoBERTa encoders: sentence embeddings and cross-encoder scores, packed without padding, no KV cache.

use std::{collections::BTreeMap, path::Path};

use tokenizers::{TruncationParams, TruncationStrategy};

use crate::engine::{
    ops::{
        Activation, Backend, LayerNorm, Linear, Matrix, Result, Tensor,
        attention::{self, Heads, Segments},
        bail,
    },
    tokenizer::Tokenizer,
    weights::{Checkpoint, Fields, LoadError, Scope, Weights, read_json},
};

/// Token ids and which of two texts each belongs to, cut to what the model reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    pub ids: Vec<u32>,
    pub types: Vec<u32>,
}

/// The two position schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Bert,
    /// Positions start behind the padding id; the classifier has two layers.
    Roberta,
}

struct Config {
    hidden_size: usize,
    intermediate_size: usize,
    n_layers: usize,
    heads: Heads,
    vocab_size: usize,
    n_positions: usize,
    n_types: usize,
    eps: f64,
    activation: Activation,
    first_position: usize,
}

impl Config {
    fn read(fields: &Fields<'_>, family: Family, architecture: &str) -> Result<Self, LoadError> {
        if fields.text("position_embedding_type").is_some_and(|t| t != "absolute") {
            return Err(LoadError::unsupported(architecture, "its positions are not absolute"));
        }
        if fields.flag("is_decoder", false)? {
            return Err(LoadError::unsupported(architecture, "it is a decoder"));
        }
        let (hidden_size, n_heads) = (fields.size("hidden_size")?, fields.size("num_attention_heads")?);
        if hidden_size % n_heads != 0 {
            return Err(fields.error("num_attention_heads", format!("{hidden_size} values can't be shared by {n_heads} heads")));
        }
        let activation = fields.text("hidden_act").unwrap_or("gelu");
        let first_position = match family {
            Family::Bert => 0,
            Family::Roberta => fields.value("pad_token_id").as_u64().unwrap_or(1) as usize + 1,
        };
        let n_positions = fields.size("max_position_embeddings")?;
        if first_position >= n_positions {
            return Err(fields.error("max_position_embeddings", "leaves no positions"));
        }
        Ok(Self {
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            n_layers: fields.size("num_hidden_layers")?,
            heads: Heads { n_heads, n_kv_heads: n_heads, head_dim: hidden_size / n_heads },
            vocab_size: fields.size("vocab_size")?,
            n_positions,
            n_types: fields.optional_size("type_vocab_size")?.unwrap_or(1),
            eps: fields.optional_number("layer_norm_eps")?.unwrap_or(1e-12),
            activation: Activation::from_name(activation)
                .ok_or_else(|| LoadError::unsupported(architecture, format!("unknown activation `{activation}`")))?,
            first_position,
        })
    }
}

struct Layer {
    qkv: Linear,
    attention_out: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    out: Linear,
    norm: LayerNorm,
}

/// Embeddings and blocks.
struct Encoder {
    backend: Backend,
    config: Config,
    words: Matrix,
    positions: Matrix,
    types: Matrix,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

/// Old files call the weight `gamma` and the bias `beta`.
fn layer_norm(scope: &Scope<'_>, width: usize, eps: f64) -> Result<LayerNorm, LoadError> {
    let scope = scope.pp("LayerNorm");
    let (weight, bias) = if scope.contains("gamma") { ("gamma", "beta") } else { ("weight", "bias") };
    Ok(LayerNorm::new(scope.backend(), scope.values(weight, &[width])?, scope.values(bias, &[width])?, eps)?)
}

impl Encoder {
    fn load(checkpoint: &Checkpoint, family: Family, backend: &Backend) -> Result<Self, LoadError> {
        let config = Config::read(&checkpoint.fields(), family, &checkpoint.architecture)?;
        let root = checkpoint.weights.root(backend);
        let prefixed = ["bert", "roberta", "model"].map(|p| root.pp(p));
        let scope = prefixed.into_iter().find(|s| s.contains("embeddings.word_embeddings.weight")).unwrap_or(root);
        let (h, i, eps) = (config.hidden_size, config.intermediate_size, config.eps);
        let embeddings = scope.pp("embeddings");
        let layers = (0..config.n_layers)
            .map(|index| {
                let layer = scope.pp("encoder.layer").pp(index);
                let (attention, output) = (layer.pp("attention"), layer.pp("output"));
                Ok(Layer {
                    qkv: attention.pp("self").fused(&[("query", h), ("key", h), ("value", h)], h, true)?,
                    attention_out: attention.pp("output").linear("dense", h, h, true)?,
                    attention_norm: layer_norm(&attention.pp("output"), h, eps)?,
                    intermediate: layer.pp("intermediate").linear("dense", i, h, true)?,
                    out: output.linear("dense", h, i, true)?,
                    norm: layer_norm(&output, h, eps)?,
                })
            })
            .collect::<Result<_, LoadError>>()?;
        Ok(Self {
            backend: backend.clone(),
            words: embeddings.matrix("word_embeddings.weight", config.vocab_size, h)?,
            positions: embeddings.matrix("position_embeddings.weight", config.n_positions, h)?,
            types: embeddings.matrix("token_type_embeddings.weight", config.n_types, h)?,
            norm: layer_norm(&embeddings, h, eps)?,
            layers,
            config,
        })
    }

    /// Tokens that fit the position table.
    fn max_tokens(&self) -> usize {
        self.config.n_positions - self.config.first_position
    }

    /// Hidden rows of all texts end to end, and where each starts.
    fn forward(&self, texts: &[Encoding]) -> Result<(Tensor, Vec<u32>)> {
        let (mut ids, mut types, mut positions, mut cu_seqlens) = (Vec::new(), Vec::new(), Vec::new(), vec![0u32]);
        for text in texts {
            if text.ids.is_empty() || text.ids.len() > self.max_tokens() || text.types.len() != text.ids.len() {
                bail!("a text of {} tokens; the model reads 1 to {}", text.ids.len(), self.max_tokens());
            }
            ids.extend_from_slice(&text.ids);
            types.extend(text.types.iter().map(|t| (*t).min(self.config.n_types as u32 - 1)));
            positions.extend((0..text.ids.len()).map(|i| (self.config.first_position + i) as u32));
            cu_seqlens.push(ids.len() as u32);
        }
        let backend = &self.backend;
        let x = self.words.gather(backend, &ids)?;
        backend.add(&x, &self.positions.gather(backend, &positions)?)?;
        backend.add(&x, &self.types.gather(backend, &types)?)?;
        let mut x = self.norm.forward(backend, &x)?;
        let segments = Segments::new(backend, cu_seqlens)?;
        for layer in &self.layers {
            let qkv = layer.qkv.forward(backend, &x)?;
            let attended = attention::segments(backend, &qkv, self.config.heads, &segments)?;
            x = layer.attention_norm.add_forward(backend, &x, &layer.attention_out.forward(backend, &attended)?)?;
            let h = layer.intermediate.forward_activated(backend, &x, self.config.activation)?;
            x = layer.norm.add_forward(backend, &x, &layer.out.forward(backend, &h)?)?;
        }
        Ok((x, segments.cu_seqlens))
    }
}

/// How the rows of a text become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    Mean,
    First,
    Last,
    Max,
}

/// A sentence encoder: text to vector.
pub struct EmbeddingModel {
    encoder: Encoder,
    pooling: Pooling,
    dense: Vec<(Linear, Option<Activation>)>,
    normalize: bool,
    dim: usize,
    max_tokens: usize,
    tokenizer: tokenizers::Tokenizer,
    /// Texts that the model wants before queries, passages, …, by name.
    pub prompts: BTreeMap<String, String>,
    weight_bytes: u64,
}

impl EmbeddingModel {
    pub fn load(checkpoint: &Checkpoint, family: Family, tokenizer: &Tokenizer, backend: &Backend) -> Result<Self, LoadError> {
        let encoder = Encoder::load(checkpoint, family, backend)?;
        let folder = checkpoint.folder();
        let mut model = Self {
            pooling: Pooling::Mean,
            dense: Vec::new(),
            normalize: false,
            dim: encoder.config.hidden_size,
            max_tokens: max_tokens(folder, encoder.max_tokens())?,
            tokenizer: tokenizer.inner().clone(),
            prompts: BTreeMap::new(),
            weight_bytes: checkpoint.weights.n_bytes(),
            encoder,
        };
        model.read_modules(folder)?;
        let prompts = folder.join("config_sentence_transformers.json");
        if prompts.exists() {
            let json = read_json(&prompts)?;
            let prompts = json["prompts"].as_object().into_iter().flatten();
            model.prompts = prompts.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect();
        }
        truncate(&mut model.tokenizer, model.max_tokens, TruncationStrategy::LongestFirst, folder)?;
        Ok(model)
    }

    /// `modules.json` lists what follows the encoder.
    fn read_modules(&mut self, folder: &Path) -> Result<(), LoadError> {
        let path = folder.join("modules.json");
        if !path.exists() {
            return Ok(());
        }
        let json = read_json(&path)?;
        for module in json.as_array().into_iter().flatten() {
            let kind = module["type"].as_str().and_then(|t| t.rsplit('.').next()).unwrap_or_default();
            let at = module["path"].as_str().unwrap_or_default();
            if at.contains("..") || Path::new(at).is_absolute() {
                return Err(LoadError::corrupt(&path, format!("module path `{at}` leaves the folder")));
            }
            let at = folder.join(at);
            match kind {
                "Transformer" => {}
                "Pooling" => self.pooling = pooling(&at.join("config.json"))?,
                "Normalize" => self.normalize = true,
                "Dense" => {
                    let layer = dense(&self.encoder.backend, &at, self.dim)?;
                    self.dim = layer.0.n_out();
                    self.dense.push(layer);
                }
                other => return Err(LoadError::corrupt(&path, format!("module `{other}` is not supported"))),
            }
        }
        Ok(())
    }

    /// Bytes of the checkpoint's tensors.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// Length of the vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Tokens of one text that are read; the rest is cut off.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Ids below this are tokens.
    pub fn vocab_size(&self) -> usize {
        self.encoder.config.vocab_size
    }

    pub fn encode(&self, text: &str) -> Result<Encoding, anyhow::Error> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|e| anyhow::anyhow!("tokenising: {e}"))?;
        Ok(Encoding { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() })
    }

    /// One vector a text, all texts in one packed batch.
    pub fn embed(&self, texts: &[Encoding]) -> Result<Vec<Vec<f32>>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let (x, cu_seqlens) = self.encoder.forward(texts)?;
        let width = self.encoder.config.hidden_size;
        let x = x.to_vec()?;
        let rows = |w: &[u32]| &x[w[0] as usize * width..w[1] as usize * width];
        let mut pooled = cu_seqlens.windows(2).flat_map(|w| self.pooling.pool(rows(w), width)).collect::<Vec<f32>>();
        if !self.dense.is_empty() {
            let backend = &self.encoder.backend;
            let mut x = backend.tensor(pooled, texts.len(), width)?;
            for (layer, activation) in &self.dense {
                x = match activation {
                    Some(activation) => layer.forward_activated(backend, &x, *activation)?,
                    None => layer.forward(backend, &x)?,
                };
            }
            pooled = x.to_vec()?;
        }
        let mut vectors: Vec<Vec<f32>> = pooled.chunks(self.dim).map(<[f32]>::to_vec).collect();
        if self.normalize {
            for vector in &mut vectors {
                let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
                vector.iter_mut().for_each(|v| *v /= norm);
            }
        }
        Ok(vectors)
    }
}

impl Pooling {
    fn pool(self, rows: &[f32], width: usize) -> Vec<f32> {
        match self {
            Self::First => rows[..width].to_vec(),
            Self::Last => rows[rows.len() - width..].to_vec(),
            Self::Mean => {
                let n = (rows.len() / width) as f32;
                let mut sum = vec![0.0; width];
                for row in rows.chunks_exact(width) {
                    sum.iter_mut().zip(row).for_each(|(s, v)| *s += v);
                }
                sum.iter_mut().for_each(|s| *s /= n);
                sum
            }
            Self::Max => {
                let mut max = vec![f32::NEG_INFINITY; width];
                for row in rows.chunks_exact(width) {
                    max.iter_mut().zip(row).for_each(|(m, v)| *m = m.max(*v));
                }
                max
            }
        }
    }
}

fn pooling(path: &Path) -> Result<Pooling, LoadError> {
    let json = read_json(path)?;
    let by_name = |name: &str| match name {
        "mean" => Some(Pooling::Mean),
        "cls" => Some(Pooling::First),
        "lasttoken" => Some(Pooling::Last),
        "max" => Some(Pooling::Max),
        _ => None,
    };
    if let Some(name) = json["pooling_mode"].as_str() {
        return by_name(name).ok_or_else(|| LoadError::corrupt(path, format!("pooling `{name}` is not supported")));
    }
    let flags = json.as_object().into_iter().flatten().filter(|(name, on)| name.starts_with("pooling_mode_") && **on == true);
    let names: Vec<_> =
        flags.map(|(name, _)| name.trim_start_matches("pooling_mode_").trim_end_matches("_tokens").trim_end_matches("_token")).collect();
    match names.as_slice() {
        [name] => by_name(name).ok_or_else(|| LoadError::corrupt(path, format!("pooling `{name}` is not supported"))),
        _ => Err(LoadError::corrupt(path, "expected exactly one kind of pooling")),
    }
}

/// A dense layer behind the pooling, from a folder of its own.
fn dense(backend: &Backend, folder: &Path, n_in: usize) -> Result<(Linear, Option<Activation>), LoadError> {
    let path = folder.join("config.json");
    let json = read_json(&path)?;
    let fields = Fields::new(path, &json);
    if fields.size("in_features")? != n_in {
        return Err(fields.error("in_features", format!("expected {n_in}, the width before this layer")));
    }
    let n_out = fields.size("out_features")?;
    let function = fields.text("activation_function").unwrap_or("torch.nn.modules.activation.Tanh");
    let activation = match function.rsplit('.').next().unwrap_or_default() {
        "Identity" => None,
        name => Some(
            Activation::from_name(&name.to_lowercase())
                .ok_or_else(|| fields.error("activation_function", format!("`{name}` is not supported")))?,
        ),
    };
    let weights = Weights::open_safetensors(folder, &[folder.join("model.safetensors")])?;
    let linear = weights.root(backend).linear("linear", n_out, n_in, fields.flag("bias", true)?)?;
    Ok((linear, activation))
}

fn max_tokens(folder: &Path, limit: usize) -> Result<usize, LoadError> {
    for (file, field) in [("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")] {
        let path = folder.join(file);
        if path.exists()
            && let Some(n) = read_json(&path)?[field].as_f64()
            && n >= 1.0
        {
            // Some files say 1e30 for "no limit".
            return Ok((n.min(limit as f64)) as usize);
        }
    }
    Ok(limit)
}

fn truncate(
    tokenizer: &mut tokenizers::Tokenizer,
    max_length: usize,
    strategy: TruncationStrategy,
    folder: &Path,
) -> Result<(), LoadError> {
    let truncation = TruncationParams { max_length, strategy, ..TruncationParams::default() };
    match tokenizer.with_truncation(Some(truncation)) {
        Ok(_) => Ok(()),
        Err(e) => Err(LoadError::corrupt(folder, format!("texts can't be cut to {max_length} tokens: {e}"))),
    }
}

/// A cross-encoder: how well a document answers a query.
pub struct RerankModel {
    encoder: Encoder,
    /// The layer between the first row and the score, with its tanh.
    dense: Linear,
    classifier: Linear,
    max_tokens: usize,
    tokenizer: tokenizers::Tokenizer,
    weight_bytes: u64,
}

impl RerankModel {
    pub fn load(checkpoint: &Checkpoint, family: Family, tokenizer: &Tokenizer, backend: &Backend) -> Result<Self, LoadError> {
        let encoder = Encoder::load(checkpoint, family, backend)?;
        let h = encoder.config.hidden_size;
        let root = checkpoint.weights.root(backend);
        let n_labels = checkpoint.config["id2label"].as_object().map_or(1, serde_json::Map::len);
        if n_labels != 1 {
            let why = format!("it sorts into {n_labels} classes; a reranker gives one score");
            return Err(LoadError::unsupported(&checkpoint.architecture, why));
        }
        let (dense, classifier) = match family {
            Family::Bert => (root.pp("bert.pooler").linear("dense", h, h, true)?, root.linear("classifier", 1, h, true)?),
            Family::Roberta => {
                let head = root.pp("classifier");
                (head.linear("dense", h, h, true)?, head.linear("out_proj", 1, h, true)?)
            }
        };
        let folder = checkpoint.folder();
        let max_tokens = max_tokens(folder, encoder.max_tokens())?;
        let mut tokenizer = tokenizer.inner().clone();
        // The document gives way, never the query.
        truncate(&mut tokenizer, max_tokens, TruncationStrategy::OnlySecond, folder)?;
        Ok(Self { encoder, dense, classifier, max_tokens, tokenizer, weight_bytes: checkpoint.weights.n_bytes() })
    }

    /// Bytes of the checkpoint's tensors.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// Tokens of a query with its frame and an empty document.
    pub fn n_query_tokens(&self, query: &str) -> Result<usize, anyhow::Error> {
        self.encode(query, "").map(|e| e.ids.len()).or_else(|_| {
            let mut whole = self.tokenizer.clone();
            whole.with_truncation(None).map_err(|e| anyhow::anyhow!("tokenising: {e}"))?;
            Ok(whole.encode_fast(query, true).map_err(|e| anyhow::anyhow!("tokenising: {e}"))?.len())
        })
    }

    /// Tokens of query and document together that are read; the document's rest is cut off.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Fails when the query alone is too long.
    pub fn encode(&self, query: &str, document: &str) -> Result<Encoding, anyhow::Error> {
        let encoding = self.tokenizer.encode_fast((query, document), true).map_err(|e| anyhow::anyhow!("tokenising: {e}"))?;
        if encoding.len() > self.max_tokens {
            anyhow::bail!("the query alone is longer than the {} tokens this model reads", self.max_tokens);
        }
        Ok(Encoding { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() })
    }

    /// One raw score a pair, all pairs in one packed batch. A sigmoid makes it a number in 0..1.
    pub fn score(&self, pairs: &[Encoding]) -> Result<Vec<f32>> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let (x, cu_seqlens) = self.encoder.forward(pairs)?;
        let backend = &self.encoder.backend;
        let first = backend.take_rows(&x, &cu_seqlens[..pairs.len()])?;
        let h = self.dense.forward_activated(backend, &first, Activation::Tanh)?;
        self.classifier.forward(backend, &h)?.to_vec()
    }
}
