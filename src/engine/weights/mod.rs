//! Checkpoints on disk: Hugging Face folders of safetensors and GGUF files, memory-mapped, read by name; and folders of
//! made-up weights for measurements.
//!
//! Both formats look alike from here on: Hugging Face tensor names, `config.json`'s field names, rotate-half layout of
//! query and key rows. Files come from strangers: every count and offset is checked, errors name the file and the tensor.
//! Knows no architecture: what is asked for, and in which shape, is the business of `models`.

mod gguf;
pub mod peft;
pub mod random;
#[cfg(test)]
mod tests;
pub mod tiktoken;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    ops::Range,
    path::{Path, PathBuf},
    sync::Mutex,
};

use memmap2::Mmap;
use serde_json::Value;

use super::ops::lora::Adapted;
use super::ops::moe::{Experts, StoredExpert};
use super::ops::{self, Backend, Device, Format, Linear, Matrix, Stored, bytes_for};

pub use gguf::GgufTokenizer;
pub use peft::Target;

/// Why a checkpoint can't be loaded. The text is shown to people: it names the file and what is wrong in it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: {why}", path.display())]
    Corrupt { path: PathBuf, why: String },
    #[error("{}: field `{field}`: {why}", path.display())]
    Config { path: PathBuf, field: String, why: String },
    #[error("{}: tensor `{tensor}` of shape {shape:?} is missing", path.display())]
    Missing { path: PathBuf, tensor: String, shape: Vec<usize> },
    #[error("{}: tensor `{tensor}` has shape {found:?}, the configuration asks for {expected:?}", path.display())]
    Shape { path: PathBuf, tensor: String, expected: Vec<usize>, found: Vec<usize> },
    #[error("{}: {} tensor(s) that `{architecture}` has no place for: {}", path.display(), names.len(), first(names))]
    Extra { path: PathBuf, architecture: String, names: Vec<String> },
    #[error("architecture `{architecture}` is not supported: {why}")]
    Unsupported { architecture: String, why: String },
    #[error("{0}")]
    Compute(#[from] ops::Error),
}

fn first(names: &[String]) -> String {
    let shown = names.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > 4 { format!("{shown}, …") } else { shown }
}

impl LoadError {
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn corrupt(path: &Path, why: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), why: why.into() }
    }

    pub(super) fn unsupported(architecture: &str, why: impl Into<String>) -> Self {
        Self::Unsupported { architecture: architecture.to_owned(), why: why.into() }
    }
}

/// The largest JSON file that is read from a checkpoint (tokenizers of large vocabularies take some 30 MB).
const MAX_JSON_BYTES: u64 = 256 << 20;

/// An opened checkpoint: configuration and tensors by name. Nothing is read from the tensors yet.
pub struct Checkpoint {
    /// The folder, or the GGUF file.
    pub path: PathBuf,
    /// `config.json`, or the same fields made from GGUF metadata.
    pub config: Value,
    /// `architectures[0]` of `config.json` (GGUF files get the matching name).
    pub architecture: String,
    /// From GGUF metadata, used when no `tokenizer.json` lies beside the file.
    pub gguf_tokenizer: Option<GgufTokenizer>,
    pub weights: Weights,
}

impl Checkpoint {
    /// Opens a folder with `config.json` and safetensors, a folder with one GGUF file, or a GGUF file.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let meta = std::fs::metadata(path).map_err(LoadError::io(path))?;
        if meta.is_file() {
            return gguf::open(path);
        }
        let is_folder_of_tensors = |name: &&str| path.join(name).exists();
        if ["model.safetensors", "model.safetensors.index.json", random::FILE].iter().any(is_folder_of_tensors) {
            return Self::open_folder(path);
        }
        let mut ggufs = Vec::new();
        for entry in std::fs::read_dir(path).map_err(LoadError::io(path))? {
            let file = entry.map_err(LoadError::io(path))?.path();
            let is_gguf = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf"));
            let is_projector = file.file_name().is_some_and(|n| n.to_string_lossy().contains("mmproj"));
            if is_gguf && !is_projector {
                ggufs.push(file);
            }
        }
        match ggufs.as_slice() {
            [file] => gguf::open(file),
            [] => Err(LoadError::corrupt(path, "holds neither model.safetensors, model.safetensors.index.json nor a .gguf file")),
            _ => Err(LoadError::corrupt(path, "holds several .gguf files: name one of them")),
        }
    }

    fn open_folder(path: &Path) -> Result<Self, LoadError> {
        let config = read_json(&path.join("config.json"))?;
        let architecture = config["architectures"][0].as_str().map(str::to_owned).ok_or_else(|| LoadError::Config {
            path: path.join("config.json"),
            field: "architectures".into(),
            why: "expected a list with the architecture's name".into(),
        })?;
        let weights = match path.join(random::FILE).exists() {
            true => random::open(path)?,
            false => Weights::open_safetensors(path, &weight_files(path)?)?,
        };
        Ok(Self { path: path.to_owned(), config, architecture, gguf_tokenizer: None, weights })
    }

    /// The folder that holds the side files (tokenizer, templates).
    pub fn folder(&self) -> &Path {
        if self.weights.is_gguf { self.path.parent().unwrap_or(Path::new(".")) } else { &self.path }
    }

    /// Where the configuration was read, for messages.
    pub fn config_path(&self) -> PathBuf {
        if self.weights.is_gguf { self.path.clone() } else { self.path.join("config.json") }
    }

    /// A reader of `config.json` that names the field it misses.
    pub fn fields(&self) -> Fields<'_> {
        Fields { path: self.config_path(), prefix: String::new(), value: &self.config }
    }
}

/// The safetensors files of a folder: those that its index names, or the only one.
fn weight_files(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let index = path.join("model.safetensors.index.json");
    if !index.exists() {
        return Ok(vec![path.join("model.safetensors")]);
    }
    let index_json = read_json(&index)?;
    let map = index_json["weight_map"].as_object().ok_or_else(|| LoadError::Config {
        path: index.clone(),
        field: "weight_map".into(),
        why: "expected a map from tensor to file".into(),
    })?;
    let mut files = std::collections::BTreeSet::new();
    for (tensor, file) in map {
        let name = file.as_str().filter(|n| is_plain_file_name(n)).ok_or_else(|| LoadError::Config {
            path: index.clone(),
            field: format!("weight_map.{tensor}"),
            why: "expected the name of a file in this folder".into(),
        })?;
        files.insert(path.join(name));
    }
    Ok(files.into_iter().collect())
}

fn is_plain_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\']) && name != ".." && name != "."
}

/// Reads one JSON file of a checkpoint.
pub fn read_json(path: &Path) -> Result<Value, LoadError> {
    let text = read_text(path)?;
    serde_json::from_str(&text).map_err(|e| LoadError::corrupt(path, format!("not valid JSON: {e}")))
}

/// Reads one text file of a checkpoint.
pub fn read_text(path: &Path) -> Result<String, LoadError> {
    let meta = std::fs::metadata(path).map_err(LoadError::io(path))?;
    if meta.len() > MAX_JSON_BYTES {
        return Err(LoadError::corrupt(path, format!("{} bytes are more than the {MAX_JSON_BYTES} allowed", meta.len())));
    }
    std::fs::read_to_string(path).map_err(LoadError::io(path))
}

/// Fields of a JSON object, with errors that name file and field.
#[derive(Clone)]
pub struct Fields<'a> {
    path: PathBuf,
    prefix: String,
    value: &'a Value,
}

impl<'a> Fields<'a> {
    pub fn new(path: PathBuf, value: &'a Value) -> Self {
        Self { path, prefix: String::new(), value }
    }

    pub fn object(&self, field: &str) -> Result<Fields<'a>, LoadError> {
        match &self.value[field] {
            value @ Value::Object(_) => Ok(Fields { path: self.path.clone(), prefix: self.name(field) + ".", value }),
            _ => Err(self.error(field, "expected an object")),
        }
    }

    pub fn value(&self, field: &str) -> &'a Value {
        &self.value[field]
    }

    /// Sizes that a machine can have; also keeps products of a few of them inside `usize`.
    pub fn size(&self, field: &str) -> Result<usize, LoadError> {
        self.optional_size(field)?.ok_or_else(|| self.error(field, "is missing"))
    }

    pub fn optional_size(&self, field: &str) -> Result<Option<usize>, LoadError> {
        match &self.value[field] {
            Value::Null => Ok(None),
            value => match value.as_u64() {
                Some(n) if (1..=1 << 31).contains(&n) => Ok(Some(n as usize)),
                _ => Err(self.error(field, "expected a positive number of sensible size")),
            },
        }
    }

    pub fn number(&self, field: &str) -> Result<f64, LoadError> {
        self.optional_number(field)?.ok_or_else(|| self.error(field, "is missing"))
    }

    pub fn optional_number(&self, field: &str) -> Result<Option<f64>, LoadError> {
        match &self.value[field] {
            Value::Null => Ok(None),
            value => value.as_f64().filter(|n| n.is_finite()).map(Some).ok_or_else(|| self.error(field, "expected a number")),
        }
    }

    pub fn flag(&self, field: &str, default: bool) -> Result<bool, LoadError> {
        match &self.value[field] {
            Value::Null => Ok(default),
            Value::Bool(b) => Ok(*b),
            _ => Err(self.error(field, "expected true or false")),
        }
    }

    pub fn text(&self, field: &str) -> Option<&'a str> {
        self.value[field].as_str()
    }

    /// A list of whole numbers.
    pub fn sizes(&self, field: &str) -> Result<Vec<usize>, LoadError> {
        let list = self.value[field].as_array().ok_or_else(|| self.error(field, "expected a list of numbers"))?;
        list.iter()
            .map(|v| v.as_u64().filter(|n| *n <= 1 << 31).map(|n| n as usize))
            .collect::<Option<_>>()
            .ok_or_else(|| self.error(field, "expected a list of numbers"))
    }

    pub fn error(&self, field: &str, why: impl Into<String>) -> LoadError {
        LoadError::Config { path: self.path.clone(), field: self.name(field), why: why.into() }
    }

    fn name(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }
}

/// The tensors of a checkpoint.
pub struct Weights {
    /// For messages about tensors that are in no file.
    path: PathBuf,
    files: Vec<(PathBuf, Mmap)>,
    entries: BTreeMap<String, Entry>,
    used: Mutex<HashSet<String>>,
    /// Layers that adapters may change, by their numbers.
    targets: Mutex<Vec<Target>>,
    is_gguf: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    file: usize,
    format: Format,
    /// Slowest dimension first.
    shape: Vec<usize>,
    /// Bytes of the file.
    range: Range<usize>,
    rows: RowOrder,
}

/// How the rows of a stored matrix are ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
enum RowOrder {
    AsStored,
    /// Each head's rows interleave the two rotary halves (GGUF's `llama`): row 2j is j, row 2j+1 is j + d/2.
    InterleavedHeads {
        n_heads: usize,
    },
}

impl Weights {
    /// The tensors of these files; `folder` is for messages.
    pub fn open_safetensors(folder: &Path, paths: &[PathBuf]) -> Result<Self, LoadError> {
        let mut files = Vec::new();
        let mut entries = BTreeMap::new();
        for path in paths {
            let map = map_file(path)?;
            let (header_len, metadata) = safetensors::SafeTensors::read_metadata(&map)
                .map_err(|e| LoadError::corrupt(path, format!("not a valid safetensors file: {e}")))?;
            for (name, info) in metadata.tensors() {
                let format = match info.dtype {
                    safetensors::Dtype::F32 => Format::F32,
                    safetensors::Dtype::F16 => Format::F16,
                    safetensors::Dtype::BF16 => Format::Bf16,
                    // Index buffers that some exporters save; no architecture reads them.
                    safetensors::Dtype::I64 | safetensors::Dtype::I32 | safetensors::Dtype::U8 | safetensors::Dtype::BOOL => continue,
                    other => {
                        let why = format!("tensor `{name}` has type {other:?}; F32, F16 and BF16 are read");
                        return Err(LoadError::corrupt(path, why));
                    }
                };
                // The header ends after its 8-byte length and `header_len` bytes; offsets count from there.
                let start = 8 + header_len;
                let range = start + info.data_offsets.0..start + info.data_offsets.1;
                let n_bytes = bytes_for(format, &info.shape);
                if range.end > map.len() || n_bytes != Some(range.len()) {
                    return Err(LoadError::corrupt(path, format!("tensor `{name}` does not fit its place in the file")));
                }
                let entry = Entry { file: files.len(), format, shape: info.shape.clone(), range, rows: RowOrder::AsStored };
                if entries.insert(name.clone(), entry).is_some() {
                    return Err(LoadError::corrupt(path, format!("tensor `{name}` is also in another file")));
                }
            }
            files.push((path.clone(), map));
        }
        Ok(Self { path: folder.to_owned(), files, entries, used: Mutex::default(), targets: Mutex::default(), is_gguf: false })
    }

    /// The layers that adapters may change, of what was loaded.
    pub fn take_targets(&self) -> Vec<Target> {
        std::mem::take(&mut *self.targets.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The root of the tensor names.
    pub fn root<'a>(&'a self, backend: &'a Backend) -> Scope<'a> {
        Scope { weights: self, backend, prefix: String::new() }
    }

    pub fn is_gguf(&self) -> bool {
        self.is_gguf
    }

    /// Parameters of all tensors.
    pub fn n_parameters(&self) -> u64 {
        self.entries.values().map(|e| e.shape.iter().product::<usize>() as u64).sum()
    }

    /// Bytes of all tensors as stored.
    pub fn n_bytes(&self) -> u64 {
        self.entries.values().map(|e| e.range.len() as u64).sum()
    }

    /// Refuses tensors that nothing asked for: they mean another variant of the architecture, whose answers would be wrong.
    pub fn check_all_used(&self, architecture: &str, ignored: &[&str]) -> Result<(), LoadError> {
        let is_ignored = |name: &str| ignored.iter().any(|i| name.contains(i));
        let names: Vec<_> = self.unused().into_iter().filter(|name| !is_ignored(name)).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(LoadError::Extra { path: self.path.clone(), architecture: architecture.to_owned(), names })
    }

    /// Tensors that nothing asked for, by name.
    fn unused(&self) -> Vec<String> {
        let used = self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.entries.keys().filter(|name| !used.contains(*name)).cloned().collect()
    }

    fn mark(&self, name: &str) {
        self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(name.to_owned());
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<&Entry, LoadError> {
        let entry = self.entries.get(name).ok_or_else(|| LoadError::Missing {
            path: self.path.clone(),
            tensor: name.to_owned(),
            shape: shape.to_vec(),
        })?;
        if entry.shape != shape {
            return Err(LoadError::Shape {
                path: self.files[entry.file].0.clone(),
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found: entry.shape.clone(),
            });
        }
        self.mark(name);
        Ok(entry)
    }

    /// Matrix `index` of a stack `[n, rows, …]` of them.
    fn slice(&self, entry: &Entry, index: usize) -> &[u8] {
        let len = entry.range.len() / entry.shape[0];
        &self.files[entry.file].1[entry.range.clone()][index * len..][..len]
    }

    fn bytes(&self, entry: &Entry) -> Cow<'_, [u8]> {
        let bytes = &self.files[entry.file].1[entry.range.clone()];
        match entry.rows {
            RowOrder::AsStored => Cow::Borrowed(bytes),
            RowOrder::InterleavedHeads { n_heads } => {
                let n_rows = entry.shape[0];
                let row = bytes.len() / n_rows;
                let d = n_rows / n_heads;
                let mut out = Vec::with_capacity(bytes.len());
                for i in 0..n_rows {
                    let (head, within) = (i / d, i % d);
                    let stored = head * d + 2 * (within % (d / 2)) + within / (d / 2);
                    out.extend_from_slice(&bytes[stored * row..(stored + 1) * row]);
                }
                Cow::Owned(out)
            }
        }
    }
}

fn map_file(path: &Path) -> Result<Mmap, LoadError> {
    let file = std::fs::File::open(path).map_err(LoadError::io(path))?;
    // SAFETY: the map is read-only. Another process that truncates the file while it is loaded could raise SIGBUS; model
    // files are placed whole (written under another name, then renamed) and not edited.
    unsafe { Mmap::map(&file) }.map_err(LoadError::io(path))
}

/// A linear layer whose row `i` is row `stored(i)` of the file.
pub struct Permuted<'a> {
    pub name: &'a str,
    pub n_out: usize,
    pub bias: bool,
    pub stored: &'a dyn Fn(usize) -> usize,
}

/// A prefix of tensor names, as the modules of the reference implementation nest.
#[derive(Clone)]
pub struct Scope<'a> {
    weights: &'a Weights,
    backend: &'a Backend,
    prefix: String,
}

impl<'w> Scope<'w> {
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Self { prefix: format!("{}{name}.", self.prefix), ..*self }
    }

    /// Where the tensors go.
    pub fn backend(&self) -> &Backend {
        self.backend
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.weights.entries.contains_key(&self.name(name))
    }

    /// A tensor of any shape as f32: norms, biases, small tables.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let name = self.name(name);
        let entry = self.weights.find(&name, shape)?;
        let cols = shape.last().copied().unwrap_or(1);
        let rows = shape.iter().product::<usize>() / cols.max(1);
        Ok(ops::to_f32(&Stored { format: entry.format, rows, bytes: self.weights.bytes(entry) }, cols)?)
    }

    /// Values of a tensor that may be absent.
    pub fn optional_values(&self, name: &str, shape: &[usize]) -> Result<Option<Vec<f32>>, LoadError> {
        if self.contains(name) { self.values(name, shape).map(Some) } else { Ok(None) }
    }

    /// `weight` `[out, in]` and, if `bias`, `bias` `[out]` of a linear layer.
    pub fn linear(&self, name: &str, n_out: usize, n_in: usize, bias: bool) -> Result<Linear, LoadError> {
        self.fused(&[(name, n_out)], n_in, bias)
    }

    /// Several linear layers over the same input as one, outputs side by side.
    pub fn fused(&self, parts: &[(&str, usize)], n_in: usize, bias: bool) -> Result<Linear, LoadError> {
        let (mut matrices, mut biases) = (Vec::new(), Vec::new());
        for (name, n_out) in parts {
            let scope = self.pp(name);
            self.put_beside(&mut matrices, scope.stored("weight", *n_out, n_in)?);
            if bias {
                biases.extend(scope.values("bias", &[*n_out])?);
            }
        }
        Ok(Linear::new(self.backend, &matrices, n_in, bias.then_some(biases))?)
    }

    /// As [`fused`](Self::fused), of layers with rows in another order.
    pub fn permuted(&self, parts: &[Permuted<'_>], n_in: usize) -> Result<Linear, LoadError> {
        let (mut matrices, mut biases) = (Vec::new(), Vec::new());
        for Permuted { name, n_out, bias, stored } in parts {
            let scope = self.pp(name);
            let whole = scope.stored("weight", *n_out, n_in)?;
            let row = whole.bytes.len() / n_out;
            let bytes = (0..*n_out).flat_map(|i| &whole.bytes[stored(i) * row..][..row]).copied().collect::<Vec<u8>>();
            self.put_beside(&mut matrices, Stored { bytes: bytes.into(), ..whole });
            let values = if *bias { scope.values("bias", &[*n_out])? } else { vec![0.0; *n_out] };
            biases.extend((0..*n_out).map(|i| values[stored(i)]));
        }
        let bias = parts.iter().any(|part| part.bias).then_some(biases);
        Ok(Linear::new(self.backend, &matrices, n_in, bias)?)
    }

    /// On the CPU neighbours in the same format become one matrix, so that one call reads them all; a GPU's copy of them is
    /// one matrix anyway.
    fn put_beside<'a>(&self, matrices: &mut Vec<Stored<'a>>, next: Stored<'a>) {
        match matrices.last_mut() {
            Some(last) if last.format == next.format && self.backend.device() == Device::Cpu => {
                last.rows += next.rows;
                last.bytes.to_mut().extend_from_slice(&next.bytes);
            }
            _ => matrices.push(next),
        }
    }

    /// As [`fused`](Self::fused), layers that adapters may change.
    pub fn adapted(&self, parts: &[(&str, usize)], n_in: usize, bias: bool) -> Result<Adapted, LoadError> {
        let linear = self.fused(parts, n_in, bias)?;
        Ok(self.target(linear, parts.iter().map(|(name, n_out)| peft::Part::new(&self.name(name), *n_out)).collect(), n_in))
    }

    /// As [`permuted`](Self::permuted), layers that adapters may change.
    pub fn adapted_permuted(&self, parts: &[Permuted<'_>], n_in: usize) -> Result<Adapted, LoadError> {
        let linear = self.permuted(parts, n_in)?;
        let part = |Permuted { name, n_out, stored, .. }: &Permuted<'_>| peft::Part {
            order: Some((0..*n_out).map(stored).collect()),
            ..peft::Part::new(&self.name(name), *n_out)
        };
        Ok(self.target(linear, parts.iter().map(part).collect(), n_in))
    }

    fn target(&self, linear: Linear, parts: Vec<peft::Part>, n_in: usize) -> Adapted {
        let widths = parts.iter().map(|part| part.n_out).collect();
        let mut targets = self.weights.targets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        targets.push(Target { parts, n_in });
        Adapted::new(linear, targets.len() - 1, widths)
    }

    /// A matrix as the file has it.
    pub fn stored(&self, name: &str, rows: usize, cols: usize) -> Result<Stored<'w>, LoadError> {
        let entry = self.weights.find(&self.name(name), &[rows, cols])?;
        Ok(Stored { format: entry.format, rows, bytes: self.weights.bytes(entry) })
    }

    /// The experts of a layer: tensors of their own, one tensor for each kind (GGUF), or gate and up together in one, inputs
    /// before outputs (Qwen3-VL).
    pub fn experts(&self, n: usize, hidden: usize, width: usize) -> Result<Experts, LoadError> {
        let weights = self.weights;
        let find = |name: &str, shape: &[usize]| weights.find(&self.name(name), shape);
        let slice = |entry: &Entry, i: usize, rows: usize| Stored { format: entry.format, rows, bytes: weights.slice(entry, i).into() };
        if self.contains("gate_up_proj") {
            let (gate_up, down) = (find("gate_up_proj", &[n, hidden, 2 * width])?, find("down_proj", &[n, width, hidden])?);
            return Ok(Experts::new(self.backend, n, hidden, width, |i| {
                let gate_up = slice(gate_up, i, hidden);
                Ok(StoredExpert {
                    gate: gate_up.transposed(2 * width, 0..width)?,
                    up: gate_up.transposed(2 * width, width..2 * width)?,
                    down: slice(down, i, width).transposed(hidden, 0..hidden)?,
                })
            })?);
        }
        if self.contains("gate_proj.weight") {
            let (gate, up) = (find("gate_proj.weight", &[n, width, hidden])?, find("up_proj.weight", &[n, width, hidden])?);
            let down = find("down_proj.weight", &[n, hidden, width])?;
            return Ok(Experts::new(self.backend, n, hidden, width, |i| {
                Ok(StoredExpert { gate: slice(gate, i, width), up: slice(up, i, width), down: slice(down, i, hidden) })
            })?);
        }
        let experts = (0..n)
            .map(|i| {
                let scope = self.pp(i);
                let matrix = |name: &str, rows: usize, cols: usize| -> Result<Stored<'_>, LoadError> {
                    let entry = weights.find(&scope.name(name), &[rows, cols])?;
                    Ok(Stored { format: entry.format, rows, bytes: weights.bytes(entry) })
                };
                let (gate, up) = (matrix("gate_proj.weight", width, hidden)?, matrix("up_proj.weight", width, hidden)?);
                Ok(StoredExpert { gate, up, down: matrix("down_proj.weight", hidden, width)? })
            })
            .collect::<Result<Vec<_>, LoadError>>()?;
        Ok(Experts::new(self.backend, n, hidden, width, |i| Ok(experts[i].clone()))?)
    }

    /// A convolution whose kernel is its stride, as a linear layer over flattened patches: `weight` `[out, …]`, `bias`.
    pub fn convolution(&self, name: &str, shape: &[usize]) -> Result<Linear, LoadError> {
        let scope = self.pp(name);
        let entry = self.weights.find(&scope.name("weight"), shape)?;
        let (rows, cols) = (shape[0], shape[1..].iter().product());
        let stored = Stored { format: entry.format, rows, bytes: self.weights.bytes(entry) };
        Ok(Linear::new(self.backend, &[stored], cols, Some(scope.values("bias", &[rows])?))?)
    }

    /// A matrix by its full tensor name, read row by row or multiplied with.
    pub fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix, LoadError> {
        let entry = self.weights.find(&self.name(name), &[rows, cols])?;
        Ok(Matrix::new(self.backend, &Stored { format: entry.format, rows, bytes: self.weights.bytes(entry) }, cols)?)
    }

    /// The layer that gives logits: never in fewer bits than the checkpoint has.
    pub fn head(&self, name: &str, n_out: usize, n_in: usize) -> Result<Linear, LoadError> {
        Ok(Linear::tied(&self.pp(name).matrix("weight", n_out, n_in)?))
    }
}
