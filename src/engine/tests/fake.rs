//! A stand-in for a model whose answers depend, to the bit, on every token of a sequence, on every feature row of its
//! pictures and on what the cache holds for each of them: one wrong slot or row and it says something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::engine::batch::{Batch, Pixels, VisualFeatures};
use crate::engine::models::{CausalModel, Loaded, Model, ModelInfo};
use crate::engine::ops::cache::{BLOCK_SIZE, KvCache};
use crate::engine::ops::{Backend, Error, Result, Tensor, bail};
use crate::engine::tokenizer::{GenerationConfig, Tokenizer};

pub struct Fake {
    info: ModelInfo,
    eos: u32,
    /// The next forward fails.
    pub fails: Arc<AtomicBool>,
    /// So many forwards find no memory.
    pub n_oom: Arc<AtomicU32>,
    /// The next forward panics.
    pub panics: Arc<AtomicBool>,
    /// Nanoseconds to spend on each row.
    pub row_ns: u64,
}

fn mix(a: u64, b: u64) -> u64 {
    let x = (a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^ x >> 29
}

impl Fake {
    pub fn new(vocab_size: usize, eos: u32) -> Self {
        let info = ModelInfo {
            architecture: "Fake".to_owned(),
            n_layers: 1,
            hidden_size: 1,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 1,
            latent: None,
            vocab_size,
            context_length: 2048,
            n_parameters: 0,
            weight_bytes: 0,
            vision: true,
        };
        Self { info, eos, fails: Arc::default(), n_oom: Arc::default(), panics: Arc::default(), row_ns: 0 }
    }

    /// With the tokenizer and the chat template of the bundled model.
    pub fn loaded(self) -> Loaded {
        let tokenizer = Arc::new(Tokenizer::from_file(&super::tiny().join("tokenizer.json")).unwrap());
        let source = std::fs::read_to_string(super::tiny().join("chat_template.jinja")).unwrap();
        let chat_template = Some(crate::engine::tokenizer::ChatTemplate { source, ..Default::default() });
        let generation = GenerationConfig { eos: vec![self.eos], ..Default::default() };
        Loaded {
            model: Model::Causal(Box::new(self)),
            backend: Backend::cpu(1),
            held_bytes: 0,
            tokenizer,
            generation,
            chat_template,
            add_bos: None,
            input: None,
            pictures: None,
            targets: Vec::new(),
        }
    }
}

impl CausalModel for Fake {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn forward(&self, batch: &Batch, cache: &mut KvCache) -> Result<Tensor> {
        if self.fails.swap(false, Ordering::Relaxed) {
            bail!("told to fail");
        }
        if self.n_oom.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
            return Err(Error::OutOfMemory);
        }
        assert!(!self.panics.swap(false, Ordering::Relaxed), "told to panic");
        std::thread::sleep(std::time::Duration::from_nanos(self.row_ns * batch.ids.len() as u64));
        let ids: Vec<u32> = batch.ids.iter().map(|id| cache.resolve(*id)).collect::<Result<_>>()?;
        let layer = cache.layer(0);
        let mut rows: Vec<u64> =
            ids.iter().zip(&batch.positions).map(|(id, p)| mix(u64::from(*id), mix(p[0].into(), p[2].into()))).collect();
        for span in &batch.visual {
            let features = span.features.embeddings.to_vec()?;
            for i in 0..span.len {
                rows[span.row_start + i] = mix(rows[span.row_start + i], features[span.feature_start + i].to_bits().into());
            }
        }
        // A row is remembered as 48 bits in two floats that hold whole numbers exactly.
        for (row, slot) in rows.iter().zip(&batch.slot_mapping) {
            layer.k[*slot as usize] = (row & 0xff_ffff) as f32;
            layer.v[*slot as usize] = (row >> 24 & 0xff_ffff) as f32;
        }
        let mut logits = Vec::with_capacity(batch.logit_rows.len() * self.info.vocab_size);
        for &row in &batch.logit_rows {
            let sequence = batch.cu_seqlens.partition_point(|start| *start <= row) - 1;
            let n_after = batch.cu_seqlens[sequence + 1] - 1 - row;
            let mut state = 1;
            for index in 0..(batch.context_lens[sequence] - n_after) as usize {
                let slot = batch.block_tables[sequence][index / BLOCK_SIZE] as usize * BLOCK_SIZE + index % BLOCK_SIZE;
                state = mix(state, layer.k[slot] as u64 | (layer.v[slot] as u64) << 24);
            }
            for id in 0..self.info.vocab_size as u64 {
                logits.push((mix(state, id) >> 44) as f32 / 65_536.0);
            }
            // An end now and then.
            if state % 50 == 0 {
                let end = logits.len() - self.info.vocab_size + self.eos as usize;
                logits[end] = 100.0;
            }
        }
        Tensor::from_vec(logits, batch.logit_rows.len(), self.info.vocab_size)
    }

    fn encode(&self, pixels: &[Pixels]) -> Result<Vec<VisualFeatures>> {
        let encoded = pixels.iter().map(|pixels| {
            let rows: Vec<f32> = (0..pixels.n_tokens).map(|i| f32::from(pixels.hash[i % 32]) + i as f32).collect();
            let embeddings = Tensor::from_vec(rows, pixels.n_tokens, 1)?;
            Ok(VisualFeatures { embeddings, deepstack: Vec::new() })
        });
        encoded.collect()
    }
}
