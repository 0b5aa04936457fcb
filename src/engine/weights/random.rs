//! Made-up weights, for measuring a model without downloading it: a folder whose `random_weights.json` lists the names and
//! shapes of tensors in place of weight files. From here on they look like any other bf16 checkpoint.
//!
//! Every tensor is a window of one repeating block of noise, so that a model of any size costs the memory of its largest
//! tensor while it loads, and the time to copy it.

use std::{collections::BTreeMap, path::Path};

use memmap2::MmapMut;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Entry, Format, LoadError, RowOrder, Weights, bytes_for, read_json};

pub const FILE: &str = "random_weights.json";

/// Numbers after which the noise repeats. Prime, so that no two rows of a matrix are equal before that many rows.
const PERIOD: usize = (1 << 19) - 1;
/// Standard deviation of matrices and biases, as models are initialised.
const SCALE: f32 = 0.02;
/// Norm weights lie this close to 1.
const NORM_SPREAD: f32 = 0.05;
/// More than any tensor of a model that one machine runs.
const MAX_TENSOR_BYTES: usize = 16 << 30;

/// Contents of `random_weights.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RandomWeights {
    pub seed: u64,
    /// Shape by name, slowest dimension first.
    pub tensors: BTreeMap<String, Vec<usize>>,
}

/// What the tensors of such a folder take; `None` for any other folder.
pub fn n_bytes(folder: &Path) -> Option<u64> {
    let path = folder.join(FILE);
    let list: RandomWeights = path.exists().then(|| serde_json::from_value(read_json(&path).ok()?).ok())??;
    let sizes = list.tensors.values().map(|shape| bytes_for(Format::Bf16, shape).map(|n| n as u64));
    sizes.sum()
}

/// The tensors that `random_weights.json` in `folder` lists.
pub(super) fn open(folder: &Path) -> Result<Weights, LoadError> {
    let path = folder.join(FILE);
    let list: RandomWeights = serde_json::from_value(read_json(&path)?).map_err(|e| LoadError::corrupt(&path, e.to_string()))?;
    let mut random = StdRng::seed_from_u64(list.seed);
    let mut longest = [0, 0];
    let mut entries = BTreeMap::new();
    for (name, shape) in list.tensors {
        let n_bytes = bytes_for(Format::Bf16, &shape).filter(|n| *n <= MAX_TENSOR_BYTES);
        let n_bytes = n_bytes.ok_or_else(|| LoadError::corrupt(&path, format!("tensor `{name}` of shape {shape:?} is too large")))?;
        let is_norm = shape.len() == 1 && !name.ends_with("bias");
        let file = usize::from(is_norm);
        // Windows start at whole cache lines.
        let start = 64 * random.random_range(0..PERIOD / 32);
        longest[file] = longest[file].max(start + n_bytes);
        entries.insert(name, Entry { file, format: Format::Bf16, shape, range: start..start + n_bytes, rows: RowOrder::AsStored });
    }
    let mut files = Vec::new();
    // The spread of a uniform distribution is √3 times its standard deviation.
    for (n_bytes, center, spread) in [(longest[0], 0.0, SCALE * 3f32.sqrt()), (longest[1], 1.0, NORM_SPREAD)] {
        let block: Vec<u8> = (0..PERIOD).flat_map(|_| bf16(center + random.random_range(-spread..spread)).to_le_bytes()).collect();
        let mut map = MmapMut::map_anon(n_bytes.max(1)).map_err(LoadError::io(&path))?;
        map.par_chunks_mut(block.len()).for_each(|part| part.copy_from_slice(&block[..part.len()]));
        files.push((path.clone(), map.make_read_only().map_err(LoadError::io(&path))?));
    }
    Ok(Weights { path: folder.to_owned(), files, entries, used: Default::default(), targets: Default::default(), is_gguf: false })
}

/// The upper half of the f32, rounded towards zero.
fn bf16(value: f32) -> u16 {
    (value.to_bits() >> 16) as u16
}
