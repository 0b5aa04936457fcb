//! From pictures and token ids to what the towers take: resizing, patches, placeholder runs, three-axis positions.
//! Pure functions over one request, run on the preparation pool.

use std::sync::Arc;

use ashlar_kernels::vision::{Rgb, resize_bicubic};

use super::config::Config;
use crate::engine::{
    batch::Pixels,
    image,
    models::{Placement, Prompt, VisionInput, check_places, content_hash, normalization},
    ops::vision::PatchLayout,
    request::{Detail, Failure, Image, Video},
    tokenizer::Tokenizer,
    weights::{Checkpoint, Fields, LoadError, read_json},
};

/// Longest side over shortest side at most.
const MAX_ASPECT: usize = 200;
/// Pixels of a picture asked about with `detail: low`.
const LOW_DETAIL_PIXELS: usize = 512 * 512;
/// Pixels of a picture when the caller doesn't say: about 1024 tokens.
const AUTO_DETAIL_PIXELS: usize = 1024 * 1024;
/// Frames of a clip at most, and per second.
const MAX_FRAMES: usize = 768;
const MIN_FRAMES: usize = 4;
const FRAMES_PER_SECOND: f64 = 2.0;

/// Bounds of `height · width` (times frames for clips).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelLimits {
    pub min: usize,
    pub max: usize,
}

/// How one checkpoint wants its pictures and prompts.
#[derive(Clone)]
pub struct Input {
    patches: PatchLayout,
    image_limits: PixelLimits,
    video_limits: PixelLimits,
    image_token_id: u32,
    video_token_id: u32,
    vision_start_token_id: u32,
    vision_end_token_id: u32,
    /// Reads the timestamps between the frames of a clip.
    tokenizer: Arc<Tokenizer>,
}

impl Input {
    pub fn load(checkpoint: &Checkpoint, config: &Config, tokenizer: Arc<Tokenizer>) -> Result<Self, LoadError> {
        let path = checkpoint.folder().join("preprocessor_config.json");
        let json = read_json(&path)?;
        let fields = Fields::new(path, &json);
        let agree = |name: &str, expected: usize| match fields.optional_size(name)? {
            Some(n) if n != expected => Err(fields.error(name, format!("{n} here, {expected} in config.json"))),
            _ => Ok(()),
        };
        agree("patch_size", config.vision.patch_size)?;
        agree("temporal_patch_size", config.vision.temporal_patch_size)?;
        agree("merge_size", config.vision.spatial_merge_size)?;
        let image_limits = limits(&fields, PixelLimits { min: 1 << 16, max: 1 << 24 })?;
        let video_path = checkpoint.folder().join("video_preprocessor_config.json");
        let video_default = PixelLimits { min: 4096, max: 25_165_824 };
        let video_limits = if video_path.exists() {
            let json = read_json(&video_path)?;
            limits(&Fields::new(video_path, &json), video_default)?
        } else {
            video_default
        };
        let patches = PatchLayout {
            size: config.vision.patch_size,
            temporal: config.vision.temporal_patch_size,
            merge: config.vision.spatial_merge_size,
            normalization: normalization(&fields)?,
        };
        Ok(Self {
            patches,
            image_limits,
            video_limits,
            image_token_id: config.image_token_id,
            video_token_id: config.video_token_id,
            vision_start_token_id: config.vision_start_token_id,
            vision_end_token_id: config.vision_end_token_id,
            tokenizer,
        })
    }

    /// Side of the square that one token stands for.
    fn factor(&self) -> usize {
        self.patches.size * self.patches.merge
    }

    fn limits_for(&self, detail: Detail) -> PixelLimits {
        let PixelLimits { min, max } = self.image_limits;
        let max = match detail {
            Detail::Low => max.min(LOW_DETAIL_PIXELS),
            Detail::Auto => max.min(AUTO_DETAIL_PIXELS),
            Detail::High => max,
        };
        PixelLimits { min: min.min(max), max }
    }

    fn image_pixels(&self, name: &str, rgb: &Rgb, limits: PixelLimits, hash: [u8; 32]) -> Result<Pixels, Failure> {
        let (h, w) = self.image_size(name, rgb.height, rgb.width, limits)?;
        let resized = resize_bicubic(rgb, w, h);
        Ok(self.pixels(resized.data, 1, h, w, Vec::new(), hash))
    }

    fn pixels(&self, rgb: Vec<u8>, t: usize, h: usize, w: usize, frame_times_s: Vec<f32>, hash: [u8; 32]) -> Pixels {
        let grid = [t, h / self.patches.size, w / self.patches.size];
        let n_tokens = grid.iter().product::<usize>() / (self.patches.merge * self.patches.merge);
        Pixels { rgb: Arc::new(rgb), grid, n_tokens, frame_times_s, hash }
    }

    fn hash<'a>(&self, files: impl Iterator<Item = &'a Image>, limits: PixelLimits) -> [u8; 32] {
        content_hash(&format!("qwen3_vl {:?} {limits:?}", self.patches), files)
    }

    /// Height and width that a picture is resized to: multiples of `factor`, the ratio kept as well as that allows, the
    /// area inside the limits.
    fn image_size(&self, name: &str, h: usize, w: usize, limits: PixelLimits) -> Result<(usize, usize), Failure> {
        check_aspect(name, h, w)?;
        let (factor, area) = (self.factor(), (h * w) as f64);
        let (mut h_out, mut w_out) = (nearest_multiple(h, factor), nearest_multiple(w, factor));
        if h_out * w_out > limits.max {
            let beta = (area / limits.max as f64).sqrt();
            h_out = factor.max(floor_multiple(h as f64 / beta, factor));
            w_out = factor.max(floor_multiple(w as f64 / beta, factor));
        } else if h_out * w_out < limits.min {
            let beta = (limits.min as f64 / area).sqrt();
            h_out = ceil_multiple(h as f64 * beta, factor);
            w_out = ceil_multiple(w as f64 * beta, factor);
        }
        Ok((h_out, w_out))
    }

    /// As [`Self::image_size`], for the area of all `n_frames` frames together.
    fn video_size(&self, name: &str, n_frames: usize, h: usize, w: usize) -> Result<(usize, usize), Failure> {
        let (factor, PixelLimits { min, max }) = (self.factor(), self.video_limits);
        let (mut h, mut w) = (h, w);
        if h < factor || w < factor {
            let scale = (factor as f64 / h as f64).max(factor as f64 / w as f64);
            (h, w) = ((h as f64 * scale) as usize, (w as f64 * scale) as usize);
        }
        check_aspect(name, h, w)?;
        let (mut h_out, mut w_out) = (nearest_multiple(h, factor), nearest_multiple(w, factor));
        let t = nearest_multiple(n_frames, self.patches.temporal);
        let area = (n_frames * h * w) as f64;
        if t * h_out * w_out > max {
            let beta = (area / max as f64).sqrt();
            h_out = factor.max(floor_multiple(h as f64 / beta, factor));
            w_out = factor.max(floor_multiple(w as f64 / beta, factor));
        } else if t * h_out * w_out < min {
            let beta = (min as f64 / area).sqrt();
            h_out = ceil_multiple(h as f64 * beta, factor);
            w_out = ceil_multiple(w as f64 * beta, factor);
        }
        Ok((h_out, w_out))
    }

    /// Checks a clip and chooses the frames to look at.
    fn sample(&self, name: &str, video: &Video) -> Result<Sampled, Failure> {
        let fail = |message: String| Failure::Invalid { field: name.to_owned(), message };
        if video.frames.is_empty() {
            return Err(fail("the clip has no frames".into()));
        }
        if video.frames.len() != video.timestamps_s.len() {
            return Err(fail(format!("{} frames have {} timestamps", video.frames.len(), video.timestamps_s.len())));
        }
        if video.timestamps_s.iter().any(|t| !t.is_finite() || *t < 0.0) || !video.timestamps_s.is_sorted() {
            return Err(fail("the timestamps of the frames must not be negative and must not go back".into()));
        }
        let mut chosen = sample_frames(&video.timestamps_s);
        // The area counts before the filling-up.
        let n_counted = chosen.len().max(self.patches.temporal);
        // The last frame fills up the last group.
        while !chosen.len().is_multiple_of(self.patches.temporal) {
            chosen.push(chosen.last().copied().unwrap_or(0));
        }
        Ok(Sampled { chosen, n_counted })
    }
}

impl VisionInput for Input {
    fn max_patches(&self) -> usize {
        self.image_limits.max / (self.patches.size * self.patches.size)
    }

    fn patch_layout(&self) -> PatchLayout {
        self.patches
    }

    fn image_token_id(&self) -> u32 {
        self.image_token_id
    }

    fn video_token_id(&self) -> Option<u32> {
        Some(self.video_token_id)
    }

    fn image(&self, name: &str, image: &Image) -> Result<Pixels, Failure> {
        let limits = self.limits_for(image.detail);
        let rgb = image::decode(name, &image.bytes, true)?;
        self.image_pixels(name, &rgb, limits, self.hash(std::iter::once(image), limits))
    }

    fn n_image_tokens(&self, name: &str, width: usize, height: usize, detail: Detail) -> Result<usize, Failure> {
        let (h, w) = self.image_size(name, height, width, self.limits_for(detail))?;
        Ok(h * w / (self.factor() * self.factor()))
    }

    fn n_video_tokens(&self, name: &str, video: &Video) -> Result<usize, Failure> {
        let sampled = self.sample(name, video)?;
        let (w, h) = image::dimensions(&format!("{name}.frames[0]"), &video.frames[0].bytes)?;
        let (h, w) = self.video_size(name, sampled.n_counted, h as usize, w as usize)?;
        Ok(sampled.chosen.len() / self.patches.temporal * h * w / (self.factor() * self.factor()))
    }

    /// Prepares one clip: samples about two frames a second, resizes them to one size, cuts pairs of frames into patches.
    fn video(&self, name: &str, video: &Video) -> Result<Pixels, Failure> {
        let Sampled { chosen, n_counted } = self.sample(name, video)?;
        let n_sampled = chosen.len();
        let mut resized: Vec<Rgb> = Vec::with_capacity(n_sampled);
        let mut size = None;
        for (i, index) in chosen.iter().enumerate() {
            if i > 0 && chosen[i - 1] == *index {
                let same = resized[i - 1].clone();
                resized.push(same);
                continue;
            }
            let frame = image::decode(&format!("{name}.frames[{index}]"), &video.frames[*index].bytes, true)?;
            let (h, w) = match size {
                Some(size) => size,
                None => *size.insert(self.video_size(name, n_counted, frame.height, frame.width)?),
            };
            resized.push(resize_bicubic(&frame, w, h));
        }
        let (h, w) = size.unwrap_or((0, 0));
        let times = chosen
            .chunks(self.patches.temporal)
            .map(|group| (video.timestamps_s[group[0]] + video.timestamps_s[group[group.len() - 1]]) / 2.0)
            .collect();
        let rgb = resized.into_iter().flat_map(|frame| frame.data).collect();
        let hash = self.hash(chosen.iter().map(|i| &video.frames[*i]), self.video_limits);
        Ok(self.pixels(rgb, n_sampled / self.patches.temporal, h, w, times, hash))
    }

    /// Turns the ids of a rendered chat, with one placeholder for each picture or clip, into the prompt: as many
    /// placeholders as the vision tower gives rows, clips as one run for each pair of frames with its time before it, and
    /// every token's three positions. `media` are in order of appearance.
    fn lay_out(&self, ids: &[u32], media: &[Pixels]) -> Result<Prompt, Failure> {
        let n_placeholders = ids.iter().filter(|id| **id == self.image_token_id || **id == self.video_token_id).count();
        check_places(n_placeholders, media.len())?;
        let mut prompt = Prompt::default();
        let mut position = 0;
        let mut next = media.iter().enumerate();
        for &id in ids {
            if id != self.image_token_id && id != self.video_token_id {
                prompt.push_text(id, &mut position);
                continue;
            }
            let Some((index, pixels)) = next.next() else { continue };
            let merge = self.patches.merge;
            let [t, h, w] = [pixels.grid[0], pixels.grid[1] / merge, pixels.grid[2] / merge];
            let is_video = !pixels.frame_times_s.is_empty();
            if is_video != (id == self.video_token_id) {
                let message = "the chat template put a clip where a picture belongs, or the other way round".into();
                return Err(Failure::Invalid { field: "messages".into(), message });
            }
            for frame in 0..t {
                if is_video {
                    let time = format!("<{:.1} seconds>", pixels.frame_times_s[frame]);
                    let time = self.tokenizer.encode(&time, false).map_err(|e| Failure::Internal(Arc::new(e)))?;
                    time.into_iter().for_each(|id| prompt.push_text(id, &mut position));
                    prompt.push_text(self.vision_start_token_id, &mut position);
                }
                let len = h * w;
                prompt.visual.push(Placement { media: index, feature_start: frame * len, row_start: prompt.ids.len(), len });
                for row in 0..h {
                    for col in 0..w {
                        prompt.ids.push(id);
                        prompt.positions.push([position, position + row as u32, position + col as u32]);
                    }
                }
                position += h.max(w) as u32;
                if is_video {
                    prompt.push_text(self.vision_end_token_id, &mut position);
                }
            }
        }
        prompt.delta = i64::from(position) - prompt.ids.len() as i64;
        Ok(prompt)
    }
}

/// Frames of a clip to look at.
struct Sampled {
    chosen: Vec<usize>,
    /// Of them, before the last group was filled up.
    n_counted: usize,
}

fn limits(fields: &Fields<'_>, default: PixelLimits) -> Result<PixelLimits, LoadError> {
    let (mut min, mut max) = (fields.optional_size("min_pixels")?, fields.optional_size("max_pixels")?);
    if fields.value("size").is_object() {
        let size = fields.object("size")?;
        min = size.optional_size("shortest_edge")?.or(min);
        max = size.optional_size("longest_edge")?.or(max);
    }
    let limits = PixelLimits { min: min.unwrap_or(default.min), max: max.unwrap_or(default.max) };
    if limits.min > limits.max {
        return Err(fields.error("size", "the smallest area is larger than the largest"));
    }
    Ok(limits)
}

fn check_aspect(name: &str, h: usize, w: usize) -> Result<(), Failure> {
    if h.max(w) > MAX_ASPECT * h.min(w) {
        let message = format!("the picture is {w}×{h} pixels: one side is more than {MAX_ASPECT} times the other");
        return Err(Failure::Invalid { field: name.to_owned(), message });
    }
    Ok(())
}

/// Half goes to the even multiple.
fn nearest_multiple(n: usize, factor: usize) -> usize {
    (n as f64 / factor as f64).round_ties_even() as usize * factor
}

fn floor_multiple(n: f64, factor: usize) -> usize {
    (n / factor as f64).floor() as usize * factor
}

fn ceil_multiple(n: f64, factor: usize) -> usize {
    (n / factor as f64).ceil() as usize * factor
}

/// Which frames to look at: about two a second, at least four, at most 768, evenly spread, first and last among them.
fn sample_frames(timestamps_s: &[f32]) -> Vec<usize> {
    let n = timestamps_s.len();
    let span = f64::from(timestamps_s[n - 1] - timestamps_s[0]);
    // A clip of n frames lasts one frame longer than from its first to its last time.
    let duration = if n > 1 { span * n as f64 / (n - 1) as f64 } else { 0.0 };
    // Times are f32: a whole number may come out a hair below itself.
    let wanted = (duration * FRAMES_PER_SECOND + 1e-3) as usize;
    let count = wanted.clamp(MIN_FRAMES, MAX_FRAMES).min(n);
    if count == 1 {
        return vec![0];
    }
    (0..count).map(|i| (i as f64 * (n - 1) as f64 / (count - 1) as f64).round_ties_even() as usize).collect()
}
