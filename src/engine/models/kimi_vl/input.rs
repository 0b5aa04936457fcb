//! From pictures and token ids to what the towers take: scaling down, filling up, placeholder runs. Pure functions over one
//! request, run on the preparation pool.

use std::sync::Arc;

use ashlar_kernels::vision::{Rgb, resize_bicubic};

use super::config::Config;
use crate::engine::{
    batch::Pixels,
    image,
    models::{Placement, Prompt, VisionInput, check_places, content_hash, normalization},
    ops::vision::PatchLayout,
    request::{Detail, Failure, Image},
    weights::{Checkpoint, Fields, LoadError, read_json},
};

/// Patches of a side: the tower has no positions beyond.
const MAX_SIDE_PATCHES: usize = 512;
/// Pixels of a picture asked about with `detail: low`.
const LOW_DETAIL_PIXELS: usize = 512 * 512;
/// Pixels of a picture when the caller doesn't say: about 1300 tokens.
const AUTO_DETAIL_PIXELS: usize = 1024 * 1024;

/// How one checkpoint wants its pictures and prompts.
pub struct Input {
    patches: PatchLayout,
    /// Patches of a picture before it is filled up.
    max_patches: usize,
    image_token_id: u32,
}

impl Input {
    pub fn load(checkpoint: &Checkpoint, config: &Config) -> Result<Self, LoadError> {
        let path = checkpoint.folder().join("preprocessor_config.json");
        let json = read_json(&path)?;
        let fields = Fields::new(path, &json);
        if fields.optional_size("patch_size")?.is_some_and(|size| size != config.vision.patch_size) {
            return Err(fields.error("patch_size", format!("expected {}, as in config.json", config.vision.patch_size)));
        }
        if !fields.flag("pad_input", false)? {
            return Err(fields.error("pad_input", "pictures are filled up to whole tokens, never cropped: expected true"));
        }
        Ok(Self {
            patches: PatchLayout {
                size: config.vision.patch_size,
                temporal: 1,
                merge: config.vision.merge,
                normalization: normalization(&fields)?,
            },
            max_patches: fields.optional_size("in_token_limit")?.unwrap_or(4096),
            image_token_id: config.image_token_id,
        })
    }

    fn limit_for(&self, detail: Detail) -> usize {
        let patches = |pixels: usize| self.max_patches.min(pixels / (self.patches.size * self.patches.size));
        match detail {
            Detail::Low => patches(LOW_DETAIL_PIXELS),
            Detail::Auto => patches(AUTO_DETAIL_PIXELS),
            Detail::High => self.max_patches,
        }
    }

    /// Height and width that a picture is scaled down to, and those that it is then filled up to.
    fn sizes(&self, name: &str, h: usize, w: usize, limit: usize) -> Result<[(usize, usize); 2], Failure> {
        let PatchLayout { size, merge, .. } = self.patches;
        let n_patches = (w / size) * (h / size);
        let scaled = if n_patches > limit {
            let scale = (limit as f64 / n_patches as f64).sqrt();
            (((h as f64 * scale) as usize).max(1), ((w as f64 * scale) as usize).max(1))
        } else {
            (h, w)
        };
        let filled = (scaled.0.next_multiple_of(size * merge), scaled.1.next_multiple_of(size * merge));
        if filled.0.max(filled.1) / size >= MAX_SIDE_PATCHES {
            let most = (MAX_SIDE_PATCHES - merge) * size;
            let message = format!("the picture is {w}×{h} pixels: no side may be longer than {most} after scaling");
            return Err(Failure::Invalid { field: name.to_owned(), message });
        }
        Ok([scaled, filled])
    }
}

impl VisionInput for Input {
    fn patch_layout(&self) -> PatchLayout {
        self.patches
    }

    fn max_patches(&self) -> usize {
        // Filled up by less than a token on each side.
        let side = self.max_patches.isqrt();
        self.max_patches + 2 * self.patches.merge * side
    }

    fn image_token_id(&self) -> u32 {
        self.image_token_id
    }

    fn video_token_id(&self) -> Option<u32> {
        None
    }

    fn n_image_tokens(&self, name: &str, width: usize, height: usize, detail: Detail) -> Result<usize, Failure> {
        let [_, (h, w)] = self.sizes(name, height, width, self.limit_for(detail))?;
        let side = self.patches.size * self.patches.merge;
        Ok(h * w / (side * side))
    }

    fn image(&self, name: &str, image: &Image) -> Result<Pixels, Failure> {
        let limit = self.limit_for(image.detail);
        let rgb = image::decode(name, &image.bytes, true)?;
        let [scaled, (h, w)] = self.sizes(name, rgb.height, rgb.width, limit)?;
        let scaled = if scaled == (rgb.height, rgb.width) { rgb } else { resize_bicubic(&rgb, scaled.1, scaled.0) };
        let grid = [1, h / self.patches.size, w / self.patches.size];
        Ok(Pixels {
            rgb: Arc::new(fill_up(&scaled, h, w)),
            grid,
            n_tokens: grid[1] * grid[2] / (self.patches.merge * self.patches.merge),
            frame_times_s: Vec::new(),
            hash: content_hash(&format!("kimi_vl {:?} {limit}", self.patches), std::iter::once(image)),
        })
    }

    /// Positions are plain 0, 1, 2, … over all tokens.
    fn lay_out(&self, ids: &[u32], media: &[Pixels]) -> Result<Prompt, Failure> {
        check_places(ids.iter().filter(|id| **id == self.image_token_id).count(), media.len())?;
        let mut prompt = Prompt::default();
        let (mut position, mut next) = (0, media.iter().enumerate());
        for &id in ids {
            let pixels = if id == self.image_token_id { next.next() } else { None };
            let len = pixels.map_or(1, |(_, pixels)| pixels.n_tokens);
            if let Some((media, _)) = pixels {
                prompt.visual.push(Placement { media, feature_start: 0, row_start: prompt.ids.len(), len });
            }
            (0..len).for_each(|_| prompt.push_text(id, &mut position));
        }
        Ok(prompt)
    }
}

/// Black to the right and below.
fn fill_up(image: &Rgb, height: usize, width: usize) -> Vec<u8> {
    let mut out = vec![0; 3 * height * width];
    for (to, from) in out.chunks_exact_mut(3 * width).zip(image.data.chunks_exact(3 * image.width)) {
        to[..from.len()].copy_from_slice(from);
    }
    out
}
