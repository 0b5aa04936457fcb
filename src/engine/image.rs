//! Pictures from outside to 8-bit RGB: limits before decoding, orientation, transparency. Knows no model; which size a
//! model wants and how it is cut into patches is the model's business.
//!
//! Decoding is slow and memory-hungry: callers run it on a bounded pool, never on the engine thread.

use std::io::Cursor;

use ashlar_kernels::vision::{Rgb, flatten_on_white};
use bytes::Bytes;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageReader, Limits, codecs, metadata::Orientation};

use super::request::{Detail, Failure, Image, Video};

/// What a picture may be before it is decoded.
pub const MAX_PIXELS: u64 = 64 << 20;
/// What decoding one picture may take. 64 Mpx of 16-bit RGBA are 512 MiB.
const MAX_DECODER_BYTES: u64 = 640 << 20;
/// Frames taken from one animation.
const MAX_FRAMES: usize = 768;
/// Pixels of all frames of one animation together, as RGBA in memory: 512 MiB.
const MAX_ANIMATION_PIXELS: u64 = 128 << 20;

fn invalid(name: &str, message: impl std::fmt::Display) -> Failure {
    Failure::Invalid { field: name.to_owned(), message: message.to_string() }
}

/// Opens the picture and checks its header: format by content (not by name or MIME type), size in pixels.
fn open<'a>(name: &str, bytes: &'a [u8]) -> Result<ImageReader<Cursor<&'a [u8]>>, Failure> {
    if bytes.is_empty() {
        return Err(invalid(name, "the file is empty"));
    }
    let reader = || {
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| invalid(name, e))?;
        if reader.format().is_none() {
            return Err(invalid(name, "not a picture in PNG, JPEG, WebP, GIF, BMP or TIFF format"));
        }
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_DECODER_BYTES);
        reader.limits(limits);
        Ok(reader)
    };
    let (width, height) = reader()?.into_dimensions().map_err(|e| invalid(name, format!("the picture can't be read: {e}")))?;
    if width == 0 || height == 0 {
        return Err(invalid(name, format!("the picture is empty ({width}×{height} pixels)")));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        let limit = MAX_PIXELS >> 20;
        return Err(invalid(name, format!("the picture has {width}×{height} pixels, more than the {limit} million allowed")));
    }
    reader()
}

/// Width and height as stored, from the header alone.
pub fn dimensions(name: &str, bytes: &[u8]) -> Result<(u32, u32), Failure> {
    open(name, bytes)?.into_dimensions().map_err(|e| invalid(name, format!("the picture can't be read: {e}")))
}

/// Decodes a picture (the first frame of an animation), upright by its EXIF orientation if `upright`. `name` says in
/// errors which one it is.
pub fn decode(name: &str, bytes: &[u8], upright: bool) -> Result<Rgb, Failure> {
    let unreadable = |e: image::ImageError| invalid(name, format!("the picture can't be decoded: {e}"));
    let mut decoder = open(name, bytes)?.into_decoder().map_err(unreadable)?;
    let orientation = if upright { decoder.orientation().unwrap_or(Orientation::NoTransforms) } else { Orientation::NoTransforms };
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);
    Ok(to_rgb(picture))
}

fn to_rgb(picture: DynamicImage) -> Rgb {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if picture.color().has_alpha() {
        return flatten_on_white(width, height, &picture.into_rgba8());
    }
    Rgb { width, height, data: picture.into_rgb8().into_raw() }
}

/// The frames of an animated GIF or WebP as a clip of PNG pictures with their times; `None` for still pictures.
pub fn frames(name: &str, image: &Image) -> Result<Option<Video>, Failure> {
    let unreadable = |e: image::ImageError| invalid(name, format!("the animation can't be decoded: {e}"));
    let reader = open(name, &image.bytes)?;
    let format = reader.format();
    let (width, height) = reader.into_dimensions().map_err(unreadable)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    let cursor = Cursor::new(&image.bytes[..]);
    let frames = match format {
        Some(image::ImageFormat::Gif) => {
            let mut decoder = codecs::gif::GifDecoder::new(cursor).map_err(unreadable)?;
            decoder.set_limits(limits).map_err(unreadable)?;
            decoder.into_frames()
        }
        Some(image::ImageFormat::WebP) => {
            let mut decoder = codecs::webp::WebPDecoder::new(cursor).map_err(unreadable)?;
            if !decoder.has_animation() {
                return Ok(None);
            }
            decoder.set_limits(limits).map_err(unreadable)?;
            decoder.into_frames()
        }
        _ => return Ok(None),
    };
    let max = MAX_FRAMES.min((MAX_ANIMATION_PIXELS / (u64::from(width) * u64::from(height))).max(1) as usize);
    let mut clip = Video { frames: Vec::new(), timestamps_s: Vec::new() };
    let mut at_ms = 0.0;
    for frame in frames.take(max) {
        let frame = frame.map_err(unreadable)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        clip.timestamps_s.push(at_ms / 1000.0);
        // Browsers play frames without a delay at 10 a second.
        at_ms += if numerator == 0 { 100.0 } else { numerator as f32 / denominator.max(1) as f32 };
        let mut png = Vec::new();
        frame.into_buffer().write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).map_err(unreadable)?;
        clip.frames.push(Image { bytes: Bytes::from(png), mime_type: "image/png".into(), detail: Detail::Auto });
    }
    Ok(if clip.frames.len() > 1 { Some(clip) } else { None })
}
