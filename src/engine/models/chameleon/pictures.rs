//! Pictures to ids of the vocabulary, for prompts, and ids that the model wrote back to pictures. Runs where it may take
//! seconds, never on the engine thread.

use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::image::{ImageEncoder, codecs::png::PngEncoder};
use ashlar_kernels::{Pool, conv::FeatureMap, vision::resize_lanczos};
use bytes::Bytes;
use lru::LruCache;

use super::config::VqConfig;
use super::vocabulary::{END_OF_TURN, Vocabulary};
use super::vq::{Decoder, Encoder};
use crate::engine::image;
use crate::engine::ops::{self, Backend};
use crate::engine::request::{Detail, Failure, Image};
use crate::engine::tokenizer::ChatTemplate;
use crate::engine::weights::{Checkpoint, Fields, LoadError, read_json};

/// Longest side over shortest side at most.
const MAX_ASPECT: usize = 200;
/// Pictures whose codes are remembered.
const N_REMEMBERED: usize = 256;

/// A checkpoint's picture tokenizer.
pub struct Pictures {
    pub vocabulary: Vocabulary,
    pub(in crate::engine::models) encoder: Encoder,
    pub(in crate::engine::models) decoder: Option<Decoder>,
    normalization: Normalization,
    /// Of a picture in pixels, and in codes.
    resolution: usize,
    side: usize,
    /// Ids by content, so that a picture that comes back with every turn of a conversation is encoded once.
    remembered: Mutex<LruCache<[u8; 32], Arc<[u32]>>>,
    /// Every core's thread, and about a gigabyte, for whoever computes.
    pool: Mutex<Pool>,
}

/// `(value · factor − mean) / std` of each of three channels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Normalization {
    factor: f32,
    mean: [f32; 3],
    std: [f32; 3],
}

impl Pictures {
    /// The weights stay on the CPU.
    pub fn load(checkpoint: &Checkpoint, vocab_size: usize) -> Result<Self, LoadError> {
        let config = VqConfig::read(checkpoint)?;
        let vocabulary = Vocabulary::read(checkpoint, config.n_codes, vocab_size)?;
        let backend = Backend::cpu(1);
        let scope = checkpoint.weights.root(&backend).pp("model").pp("vqmodel");
        Ok(Self {
            vocabulary,
            encoder: Encoder::load(&config, &scope)?,
            decoder: Decoder::load(&config, &scope)?,
            normalization: Normalization::read(checkpoint, config.resolution)?,
            resolution: config.resolution,
            side: config.side(),
            remembered: Mutex::new(LruCache::new(const { std::num::NonZeroUsize::new(N_REMEMBERED).unwrap() })),
            pool: Mutex::new(Pool::new(std::thread::available_parallelism().map_or(1, usize::from))),
        })
    }

    /// The checkpoint can turn codes to pixels.
    pub fn can_write(&self) -> bool {
        self.decoder.is_some()
    }

    /// Width and height of the pictures it writes.
    pub fn resolution(&self) -> usize {
        self.resolution
    }

    /// Codes of one picture.
    pub fn n_codes(&self) -> usize {
        self.side * self.side
    }

    /// Ids that one picture takes, the marks around it among them.
    pub fn n_tokens(&self) -> usize {
        self.n_codes() + 2
    }

    /// How a conversation is written where the checkpoint has no template of its own: turns with a mark behind each.
    pub fn chat_template(&self) -> ChatTemplate {
        let source = format!(
            "<s>{{% for message in messages %}}{{% if message.content is string %}}{{{{ message.content }}}}{{% else %}}\
             {{% for part in message.content %}}{{{{ part.text if part.type == 'text' else '<image>' }}}}{{% endfor %}}{{% endif %}}\
             {{{{ '\\n' if message.role == 'system' else '{END_OF_TURN}' }}}}{{% endfor %}}"
        );
        ChatTemplate { source, ..ChatTemplate::default() }
    }

    /// The ids that stand for a picture in a prompt: begin, codes, end. `name` says in errors which one it is.
    pub fn encode(&self, name: &str, picture: &Image) -> Result<Arc<[u32]>, Failure> {
        let hash = *blake3::hash(&picture.bytes).as_bytes();
        if let Some(ids) = lock(&self.remembered).get(&hash) {
            return Ok(Arc::clone(ids));
        }
        let pixels = self.pixels_of(name, picture)?;
        let codes = {
            let pool = lock(&self.pool);
            self.encoder.forward(&pool, &FeatureMap::from_planes(&pixels, 3, self.resolution, self.resolution))
        };
        let Vocabulary { begin_image, end_image, .. } = self.vocabulary;
        let ids = codes.iter().map(|code| self.vocabulary.id(*code));
        let ids: Arc<[u32]> = [begin_image].into_iter().chain(ids).chain([end_image]).collect();
        lock(&self.remembered).put(hash, Arc::clone(&ids));
        Ok(ids)
    }

    /// The picture that the ids of its codes stand for, as PNG.
    pub fn decode(&self, ids: &[u32]) -> Result<Image, Failure> {
        let Some(decoder) = &self.decoder else { return Err(no_decoder()) };
        let codes: Vec<u32> = ids.iter().filter_map(|id| self.vocabulary.code(*id)).collect();
        if codes.len() != self.n_codes() {
            return Err(internal(ops::Error::Invalid(format!("{} codes are no picture of {}", codes.len(), self.n_codes()))));
        }
        let pixels = {
            let pool = lock(&self.pool);
            decoder.forward(&pool, &codes, self.side)
        };
        png(pixels.values(), self.resolution).map_err(|error| Failure::Internal(Arc::new(error.into())))
    }

    /// `[3, resolution, resolution]`: the middle of the picture, its shorter side as long as it may be.
    pub(in crate::engine::models) fn pixels_of(&self, name: &str, picture: &Image) -> Result<Vec<f32>, Failure> {
        let rgb = image::decode(name, &picture.bytes, true)?;
        let (w, h, side) = (rgb.width, rgb.height, self.resolution);
        let (short, long) = (w.min(h), w.max(h));
        if long > MAX_ASPECT * short {
            let message = format!("the picture is {w}×{h} pixels: one side is more than {MAX_ASPECT} times the other");
            return Err(Failure::Invalid { field: name.to_owned(), message });
        }
        let resized = side * long / short;
        let (width, height) = if w <= h { (side, resized) } else { (resized, side) };
        let resized = resize_lanczos(&rgb, width, height);
        let (top, left) = ((height - side) / 2, (width - side) / 2);
        let Normalization { factor, mean, std } = self.normalization;
        let mut pixels = Vec::with_capacity(3 * side * side);
        for channel in 0..3 {
            for y in top..top + side {
                let row = &resized.data[(y * width + left) * 3..][..side * 3];
                pixels.extend(row.chunks_exact(3).map(|p| (f32::from(p[channel]) * factor - mean[channel]) / std[channel]));
            }
        }
        Ok(pixels)
    }
}

impl Normalization {
    /// From `preprocessor_config.json`; what the family's processor does where that is missing.
    fn read(checkpoint: &Checkpoint, resolution: usize) -> Result<Self, LoadError> {
        let path = checkpoint.folder().join("preprocessor_config.json");
        let json = if path.exists() { read_json(&path)? } else { serde_json::Value::Null };
        let fields = Fields::new(path, &json);
        let channels = |name: &str| match fields.value(name).as_array() {
            None => Ok([1.0; 3]),
            Some(list) => match list.iter().map(|v| v.as_f64().map(|v| v as f32)).collect::<Option<Vec<_>>>().as_deref() {
                Some([r, g, b]) => Ok([*r, *g, *b]),
                _ => Err(fields.error(name, "expected three numbers")),
            },
        };
        if fields.value("crop_size").is_object() {
            let size = fields.object("crop_size")?;
            for side in ["height", "width"] {
                if size.optional_size(side)?.is_some_and(|n| n != resolution) {
                    return Err(size.error(side, format!("the picture tokenizer takes {resolution} pixels")));
                }
            }
        }
        let normalization = Self {
            factor: fields.optional_number("rescale_factor")?.unwrap_or(0.0078) as f32,
            mean: channels("image_mean")?,
            std: channels("image_std")?,
        };
        if normalization.std.contains(&0.0) {
            return Err(fields.error("image_std", "must not be zero"));
        }
        Ok(normalization)
    }
}

/// Red, green and blue of each pixel, −1 black and 1 white.
fn png(rgb: &[f32], side: usize) -> Result<Image, ::image::ImageError> {
    let levels: Vec<u8> = rgb.iter().map(|x| ((x.clamp(-1.0, 1.0) + 1.0) / 2.0 * 255.0) as u8).collect();
    let mut bytes = Vec::new();
    PngEncoder::new(Cursor::new(&mut bytes)).write_image(&levels, side as u32, side as u32, ::image::ExtendedColorType::Rgb8)?;
    Ok(Image { bytes: Bytes::from(bytes), mime_type: "image/png".to_owned(), detail: Detail::Auto })
}

/// Why a checkpoint without a decoder refuses.
pub fn no_decoder() -> Failure {
    Failure::Unsupported(
        "this checkpoint reads pictures but can't write any: its files hold no weights named `model.vqmodel.decoder`".to_owned(),
    )
}

fn internal(error: ops::Error) -> Failure {
    Failure::Internal(Arc::new(error.into()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
