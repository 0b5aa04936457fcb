//! Made-up requests: tokens drawn at random, pictures of coloured squares. The same request for the same index.

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::engine::Engine;
use crate::engine::request::{Detail, Image, Input, Message, Part, Request, Role};

/// What one request asks.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    /// Tokens of text, without what a chat template adds.
    pub n_tokens: usize,
    /// Of those, how many all requests begin with.
    pub n_shared: usize,
    /// Width and height of each picture, pixels.
    pub images: &'a [[u32; 2]],
    /// Which pictures: requests with the same number show the same ones.
    pub image_seed: u64,
    pub output_tokens: u32,
}

pub fn request(engine: &Engine, index: usize, prompt: &Prompt<'_>) -> Result<Request> {
    let mut shared = StdRng::seed_from_u64(0);
    let mut own = StdRng::seed_from_u64((index as u64).wrapping_add(1));
    let input = if prompt.images.is_empty() {
        let n_shared = prompt.n_shared.min(prompt.n_tokens);
        let limit = engine.info().vocab_size.min(engine.n_plain_tokens()) as u32;
        ensure!(limit > 100, "the vocabulary is too small");
        let ids = (0..n_shared).map(|_| shared.random_range(100..limit)).collect::<Vec<_>>();
        Input::Tokens(ids.into_iter().chain((n_shared..prompt.n_tokens).map(|_| own.random_range(100..limit))).collect())
    } else {
        Input::Chat(vec![message(index, prompt)?])
    };
    let mut request = Request::new(input);
    request.max_tokens = Some(prompt.output_tokens);
    request.sampling.ignore_eos = true;
    Ok(request)
}

/// Pictures, then words of a letter each: about a token.
pub fn message(index: usize, prompt: &Prompt<'_>) -> Result<Message> {
    let mut shared = StdRng::seed_from_u64(0);
    let mut own = StdRng::seed_from_u64((index as u64).wrapping_add(1));
    let mut words = Vec::new();
    for i in 0..prompt.n_tokens {
        let random = if i < prompt.n_shared { &mut shared } else { &mut own };
        words.push(char::from(random.random_range(b'a'..=b'z')).to_string());
    }
    let mut content = Vec::new();
    for (i, size) in prompt.images.iter().enumerate() {
        content.push(Part::Image(picture(*size, prompt.image_seed.wrapping_mul(64).wrapping_add(i as u64))?));
    }
    content.push(Part::Text(words.join(" ")));
    Ok(Message { content, ..Message::text(Role::User, "") })
}

/// Coloured squares, as PNG.
pub fn picture([width, height]: [u32; 2], seed: u64) -> Result<Image> {
    let mut random = StdRng::seed_from_u64(seed);
    let colors: Vec<[u8; 3]> = (0..64).map(|_| random.random()).collect();
    let (cell_width, cell_height) = (width.div_ceil(8).max(1), height.div_ceil(8).max(1));
    let pixels = image::RgbImage::from_fn(width, height, |x, y| image::Rgb(colors[(y / cell_height * 8 + x / cell_width) as usize % 64]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, image::ImageFormat::Png).context("encoding a picture")?;
    Ok(Image { bytes: bytes.into_inner().into(), mime_type: "image/png".to_owned(), detail: Detail::High })
}

/// `448` or `640x480`
pub fn parse_size(text: &str) -> Result<[u32; 2], String> {
    let (width, height) = text.split_once('x').unwrap_or((text, text));
    let side = |s: &str| s.parse().ok().filter(|n| (1..=8192).contains(n));
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok([width, height]),
        _ => Err(format!("`{text}` is not a size such as 448 or 640x480")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_side_or_two() {
        assert_eq!(parse_size("448"), Ok([448, 448]));
        assert_eq!(parse_size("640x480"), Ok([640, 480]));
        for bad in ["", "x", "0", "640x", "9000", "1x2x3"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_same_seed_is_the_same_picture() {
        assert_eq!(picture([40, 24], 7).unwrap(), picture([40, 24], 7).unwrap());
        assert_ne!(picture([40, 24], 7).unwrap(), picture([40, 24], 8).unwrap());
    }
}
