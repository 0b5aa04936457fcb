//! The least scheduler that can run a model: sequences with their own blocks, steps made by hand.

use std::{ops::Range, path::PathBuf, sync::Arc};

use safetensors::SafeTensors;

use crate::engine::{
    batch::{Batch, Pixels, VisualFeatures, VisualSpan},
    models::{CausalModel, Loaded, Model, Prompt, load},
    ops::{
        Backend,
        cache::{BLOCK_SIZE, KvCache},
        lora::{AdapterRows, Updates},
    },
};

pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn load_model(path: &str) -> Loaded {
    load(&repository(path), &Backend::cpu(2)).unwrap_or_else(|e| panic!("{e}"))
}

pub fn causal(loaded: &Loaded) -> &dyn CausalModel {
    match &loaded.model {
        Model::Causal(model) => model.as_ref(),
        Model::Embedding(_) | Model::Rerank(_) => panic!("not a causal model"),
    }
}

/// A cache with `n_blocks` blocks for this model.
pub fn cache(model: &dyn CausalModel, n_blocks: usize) -> KvCache {
    KvCache::new(&Backend::cpu(1), model.info().cache_shape(), n_blocks).unwrap()
}

/// A sequence: its prompt, what was generated, its blocks.
pub struct Sequence {
    pub prompt: Prompt,
    pub features: Vec<Arc<VisualFeatures>>,
    pub blocks: Vec<u32>,
    pub generated: Vec<u32>,
    pub adapter: Option<Arc<Updates>>,
}

impl Sequence {
    /// Encodes the pictures, alone.
    pub fn new(model: &dyn CausalModel, prompt: Prompt, media: &[Pixels], blocks: Vec<u32>) -> Self {
        let features = if media.is_empty() { Vec::new() } else { model.encode(media).unwrap() };
        Self { prompt, features: features.into_iter().map(Arc::new).collect(), blocks, generated: Vec::new(), adapter: None }
    }

    pub fn len(&self) -> usize {
        self.prompt.ids.len() + self.generated.len()
    }

    fn id(&self, i: usize) -> u32 {
        self.prompt.ids.get(i).copied().unwrap_or_else(|| self.generated[i - self.prompt.ids.len()])
    }

    fn position(&self, i: usize) -> [u32; 3] {
        self.prompt.positions.get(i).copied().unwrap_or([(i as i64 + self.prompt.delta) as u32; 3])
    }
}

/// One packed step over the given token ranges; the logits of the last row of each.
pub fn step(model: &dyn CausalModel, cache: &mut KvCache, rows: &[(&Sequence, Range<usize>)]) -> Vec<Vec<f32>> {
    let mut batch = batch(rows);
    batch.logit_rows = batch.cu_seqlens[1..].iter().map(|end| end - 1).collect();
    model.forward(&batch, cache).unwrap().to_rows().unwrap()
}

/// As [`step`], with the logits of every row.
pub fn step_all(model: &dyn CausalModel, cache: &mut KvCache, rows: &[(&Sequence, Range<usize>)]) -> Vec<Vec<f32>> {
    let mut batch = batch(rows);
    batch.logit_rows = (0..batch.ids.len() as u32).collect();
    model.forward(&batch, cache).unwrap().to_rows().unwrap()
}

fn batch(rows: &[(&Sequence, Range<usize>)]) -> Batch {
    let mut batch = Batch { cu_seqlens: vec![0], ..Batch::default() };
    for (sequence, range) in rows {
        let first = batch.ids.len();
        for i in range.clone() {
            batch.ids.push(sequence.id(i) as i32);
            batch.positions.push(sequence.position(i));
            batch.slot_mapping.push(sequence.blocks[i / BLOCK_SIZE] * BLOCK_SIZE as u32 + (i % BLOCK_SIZE) as u32);
        }
        if let Some(updates) = &sequence.adapter {
            let rows = first as u32..batch.ids.len() as u32;
            match batch.adapters.iter_mut().find(|group| Arc::ptr_eq(&group.updates, updates)) {
                Some(group) => group.rows.extend(rows),
                None => batch.adapters.push(AdapterRows { updates: Arc::clone(updates), rows: rows.collect() }),
            }
        }
        for placement in &sequence.prompt.visual {
            // The part of the placement inside the chunk.
            let start = placement.row_start.max(range.start);
            let end = (placement.row_start + placement.len).min(range.end);
            if start < end {
                batch.visual.push(VisualSpan {
                    features: sequence.features[placement.media].clone(),
                    feature_start: placement.feature_start + start - placement.row_start,
                    row_start: first + start - range.start,
                    len: end - start,
                });
            }
        }
        batch.cu_seqlens.push(batch.ids.len() as u32);
        batch.context_lens.push(range.end as u32);
        batch.block_tables.push(sequence.blocks.clone());
    }
    batch
}

/// The largest logits, best first; ties go to the lowest id.
pub fn top(logits: &[f32], n: usize) -> Vec<(u32, f32)> {
    let mut order: Vec<_> = logits.iter().copied().enumerate().map(|(i, v)| (i as u32, v)).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    order.truncate(n);
    order
}

/// Whole prefill, then up to `n` greedy tokens; stops behind an end token. Returns the first logits too.
pub fn greedy(model: &dyn CausalModel, cache: &mut KvCache, sequence: &mut Sequence, n: usize, eos: &[u32]) -> Vec<f32> {
    let first = step(model, cache, &[(sequence, 0..sequence.len())]).remove(0);
    let mut logits = first.clone();
    for _ in 0..n {
        let id = top(&logits, 1)[0].0;
        sequence.generated.push(id);
        if eos.contains(&id) || sequence.generated.len() == n {
            break;
        }
        let last = sequence.len() - 1;
        logits = step(model, cache, &[(sequence, last..last + 1)]).remove(0);
    }
    first
}

/// Tensors of a golden file, as f32 rows of the last dimension.
pub struct Expected(Vec<u8>);

impl Expected {
    pub fn open(folder: &str) -> Self {
        Self(std::fs::read(repository(folder).join("expected.safetensors")).unwrap())
    }

    pub fn rows(&self, name: &str) -> Vec<Vec<f32>> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap();
        let width = tensor.shape().last().copied().unwrap_or(1);
        let values: Vec<f32> = match tensor.dtype() {
            safetensors::Dtype::U8 => tensor.data().iter().map(|v| f32::from(*v)).collect(),
            _ => tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        };
        values.chunks(width).map(<[f32]>::to_vec).collect()
    }
}

/// The largest difference of two tables of the same shape.
pub fn difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let rows = a.iter().zip(b);
    rows.flat_map(|(a, b)| {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs())
    })
    .fold(0.0, f32::max)
}
