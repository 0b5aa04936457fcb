//! Sentence encoders and cross-encoders behind an async call: texts are tokenised and run in packed batches on blocking
//! threads, one batch at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use serde::Serialize;

use super::models::bert::{EmbeddingModel, Encoding, RerankModel};
use super::models::{self, Model};
use super::ops::{Backend, DeviceOptions, Reserve};
use super::request::Failure;

/// Tokens of one packed batch; a longer text still goes through alone.
const BATCH_TOKENS: usize = 8192;

/// A sentence encoder in memory.
pub struct Embedder {
    model: EmbeddingModel,
    backend: Backend,
    /// Batches take turns: two at once would only share the cores and double the memory.
    turn: Mutex<()>,
}

/// What one vector is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EmbedInput {
    Text(String),
    /// Ids of the model's own tokenizer, taken as they are: with whatever marks the beginning and the end.
    Tokens(Vec<u32>),
}

impl From<String> for EmbedInput {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// One vector a text, and the tokens read.
pub struct Embedded {
    pub vectors: Vec<Vec<f32>>,
    pub n_tokens: usize,
}

/// What a batch takes on a GPU at most: 8192 tokens through a large encoder are a few hundred MB.
const SCRATCH_BYTES: usize = 1 << 30;

fn open(options: &DeviceOptions) -> Result<Backend> {
    let backend = Backend::open(&DeviceOptions { quantization: None, ..*options })?;
    backend.reserve(&Reserve { scratch: SCRATCH_BYTES, kept: 0, steps: None })?;
    Ok(backend)
}

impl Embedder {
    /// Loads a checkpoint folder. Blocks.
    pub fn load(path: &Path, options: &DeviceOptions) -> Result<Self> {
        let backend = open(options)?;
        match models::load(path, &backend)?.model {
            Model::Embedding(model) => Ok(Self { model, backend, turn: Mutex::default() }),
            _ => bail!("{} is not an embedding model", path.display()),
        }
    }

    /// Length of the vectors.
    pub fn dim(&self) -> usize {
        self.model.dim()
    }

    /// Tokens of one text that are read; the rest is cut off.
    pub fn max_tokens(&self) -> usize {
        self.model.max_tokens()
    }

    /// Texts and lists of ids longer than [`max_tokens`](Self::max_tokens) are cut.
    pub async fn embed(self: &Arc<Self>, inputs: Vec<EmbedInput>) -> Result<Embedded, Failure> {
        let this = Arc::clone(self);
        let vocab_size = this.model.vocab_size();
        for (i, input) in inputs.iter().enumerate() {
            let EmbedInput::Tokens(ids) = input else { continue };
            if let Some(id) = ids.iter().find(|id| **id as usize >= vocab_size) {
                let message = format!("{id} is no token of this model, which has {vocab_size}: send text, or ids of its own tokenizer");
                return Err(Failure::Invalid { field: format!("input[{i}]"), message });
            }
        }
        blocking(move || {
            let encode = |input: EmbedInput| match input {
                EmbedInput::Text(text) => this.model.encode(&text),
                EmbedInput::Tokens(mut ids) => {
                    ids.truncate(this.model.max_tokens());
                    Ok(Encoding { types: vec![0; ids.len()], ids })
                }
            };
            let encodings = inputs.into_iter().map(encode).collect::<Result<Vec<_>>>()?;
            let n_tokens = encodings.iter().map(|e| e.ids.len()).sum();
            let vectors = in_batches(&encodings, &this.turn, |batch| Ok(this.model.embed(batch)?))?;
            Ok(Embedded { vectors, n_tokens })
        })
        .await
    }

    /// Bytes of its weights.
    pub fn memory_bytes(&self) -> u64 {
        self.model.weight_bytes()
    }

    /// What it runs on.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }
}

/// A cross-encoder in memory.
pub struct Reranker {
    model: RerankModel,
    backend: Backend,
    turn: Mutex<()>,
}

/// One score in 0..1 a document, and the tokens read.
pub struct Scored {
    pub scores: Vec<f32>,
    pub n_tokens: usize,
}

impl Reranker {
    /// Loads a checkpoint folder. Blocks.
    pub fn load(path: &Path, options: &DeviceOptions) -> Result<Self> {
        let backend = open(options)?;
        match models::load(path, &backend)?.model {
            Model::Rerank(model) => Ok(Self { model, backend, turn: Mutex::default() }),
            _ => bail!("{} is not a reranker", path.display()),
        }
    }

    /// How well each document answers the query. Long documents are cut; a query that leaves them no room is refused.
    pub async fn score(self: &Arc<Self>, query: String, documents: Vec<String>) -> Result<Scored, Failure> {
        let this = Arc::clone(self);
        let n_query = this.model.n_query_tokens(&query).map_err(internal)?;
        if n_query >= this.model.max_tokens() {
            let message = format!("has {n_query} tokens, the model reads {} with the document", this.model.max_tokens());
            return Err(Failure::Invalid { field: "query".into(), message });
        }
        blocking(move || {
            let pairs = documents.iter().map(|document| this.model.encode(&query, document)).collect::<Result<Vec<_>>>()?;
            let n_tokens = pairs.iter().map(|e| e.ids.len()).sum();
            let scores = in_batches(&pairs, &this.turn, |batch| Ok(this.model.score(batch)?))?;
            Ok(Scored { scores: scores.into_iter().map(|s| 1.0 / (1.0 + (-s).exp())).collect(), n_tokens })
        })
        .await
    }

    /// Bytes of its weights.
    pub fn memory_bytes(&self) -> u64 {
        self.model.weight_bytes()
    }

    /// What it runs on.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }
}

fn internal(error: anyhow::Error) -> Failure {
    Failure::Internal(Arc::new(error))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(internal),
        Err(error) => Err(internal(error.into())),
    }
}

/// Runs texts in packed batches of bounded size, results in the order of the texts.
fn in_batches<T>(texts: &[Encoding], turn: &Mutex<()>, run: impl Fn(&[Encoding]) -> Result<Vec<T>>) -> Result<Vec<T>> {
    let mut out = Vec::with_capacity(texts.len());
    let mut start = 0;
    while start < texts.len() {
        let mut end = start + 1;
        let mut n_tokens = texts[start].ids.len();
        while end < texts.len() && n_tokens + texts[end].ids.len() <= BATCH_TOKENS {
            n_tokens += texts[end].ids.len();
            end += 1;
        }
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        out.extend(run(&texts[start..end])?);
        start = end;
    }
    Ok(out)
}
