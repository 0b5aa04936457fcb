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

/// Whether it can be an animation: every GIF, and WebP files that say so in their header.
pub fn may_move(bytes: &[u8]) -> bool {
    const ANIMATION: u8 = 1 << 1;
    let is_animated_webp = || bytes.get(8..16) == Some(b"WEBPVP8X") && bytes.get(20).is_some_and(|flags| flags & ANIMATION != 0);
    bytes.starts_with(b"GIF8") || is_animated_webp()
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

#[cfg(test)]
mod tests {
    use image::{ImageEncoder, ImageFormat, RgbImage, RgbaImage};

    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Vec::new();
        picture.write_to(&mut Cursor::new(&mut out), format).unwrap();
        out
    }

    fn refusal(bytes: &[u8]) -> String {
        match decode("messages[0].content[1]", bytes, true) {
            Err(Failure::Invalid { field, message }) => {
                assert_eq!(field, "messages[0].content[1]");
                message
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_a_picture_is_refused_by_its_content() {
        assert!(refusal(b"").contains("empty"));
        assert!(refusal(b"just some text in a file named .png").contains("not a picture"));
        assert!(refusal(b"<svg xmlns='http://www.w3.org/2000/svg'/>").contains("not a picture"));
    }

    #[test]
    fn truncated_pictures_are_refused_or_decoded_but_never_crash() {
        let picture = DynamicImage::ImageRgb8(RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, 7])));
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff] {
            let bytes = encoded(&picture, format);
            for n in (0..bytes.len()).step_by(37) {
                let _ = decode("picture", &bytes[..n], true);
            }
            let whole = decode("picture", &bytes, true).unwrap();
            assert_eq!((whole.width, whole.height), (40, 30), "{format:?}");
        }
    }

    /// A PNG header that claims 60000 × 60000 pixels in a few bytes.
    #[test]
    fn a_bomb_is_refused_by_its_header() {
        let small = encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
        let mut bomb = small.clone();
        bomb[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        let mut crc = 0xFFFF_FFFFu32;
        for byte in &bomb[12..29] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            }
        }
        bomb[29..33].copy_from_slice(&(!crc).to_be_bytes());
        let message = refusal(&bomb);
        assert!(message.contains("60000×60000"), "{message}");
    }

    #[test]
    fn one_pixel_grey_16_bit_and_transparent_pictures_become_rgb() {
        let one = decode("p", &encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png), true).unwrap();
        assert_eq!((one.width, one.height, one.data), (1, 1, vec![0, 0, 0]));
        let grey =
            decode("p", &encoded(&DynamicImage::ImageLuma8(image::GrayImage::from_pixel(2, 1, image::Luma([9]))), ImageFormat::Png), true);
        assert_eq!(grey.unwrap().data, [9; 6]);
        let deep = image::ImageBuffer::<image::Rgb<u16>, _>::from_pixel(1, 1, image::Rgb([65535, 32896, 0]));
        assert_eq!(decode("p", &encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png), true).unwrap().data, [255, 128, 0]);
        let clear = RgbaImage::from_raw(3, 1, vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128]).unwrap();
        let flat = decode("p", &encoded(&DynamicImage::ImageRgba8(clear), ImageFormat::Png), true).unwrap();
        assert_eq!(flat.data, [10, 20, 30, 255, 255, 255, 127, 127, 127]);
    }

    #[test]
    fn exif_orientation_turns_the_picture_upright() {
        // Orientation 6: turn right by 90 degrees.
        let exif = [b"II*\0\x08\0\0\0\x01\0".as_slice(), &[0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0], &[0; 4]].concat();
        let mut bytes = Vec::new();
        let mut encoder = codecs::png::PngEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(&[255, 0, 0, 0, 0, 255], 2, 1, image::ExtendedColorType::Rgb8).unwrap();
        let upright = decode("p", &bytes, true).unwrap();
        assert_eq!((upright.width, upright.height, upright.data), (1, 2, vec![255, 0, 0, 0, 0, 255]));
        assert_eq!(decode("p", &bytes, false).unwrap().width, 2);
    }

    #[test]
    fn an_animation_is_its_first_frame_as_a_picture_and_all_frames_as_a_clip() {
        let mut bytes = Vec::new();
        {
            let mut encoder = codecs::gif::GifEncoder::new(&mut bytes);
            for i in 0..3u8 {
                let frame = RgbaImage::from_pixel(4, 4, image::Rgba([80 * i, 0, 0, 255]));
                let delay = image::Delay::from_numer_denom_ms(200, 1);
                encoder.encode_frame(image::Frame::from_parts(frame, 0, 0, delay)).unwrap();
            }
        }
        assert_eq!(decode("p", &bytes, true).unwrap().data[..3], [0, 0, 0]);
        let gif = Image { bytes: bytes.into(), mime_type: "image/gif".into(), detail: Detail::Auto };
        let clip = frames("p", &gif).unwrap().unwrap();
        assert_eq!(clip.timestamps_s, [0.0, 0.2, 0.4]);
        let last = decode("p", &clip.frames[2].bytes, true).unwrap();
        assert_eq!(last.data[..3], [160, 0, 0]);
        let still = Image { bytes: encoded(&DynamicImage::new_rgb8(2, 2), ImageFormat::Png).into(), ..gif };
        assert!(frames("p", &still).unwrap().is_none());
    }
}
