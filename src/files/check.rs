//! What an upload must be before it is kept: a fair name, an extension that is not blocked, and bytes that are what the
//! extension says.

use std::io::Cursor;

use image::{ImageFormat, ImageReader};

use super::FileKind;
use crate::config::Config;
use crate::error::{Code, Error, Result};

/// Longest file name, in bytes, as file systems have it.
const MAX_NAME: usize = 255;

/// A file name with its extension in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    pub name: String,
    /// Without dot; empty when there is none.
    pub extension: String,
}

impl FileName {
    pub fn parse(name: &str, blocked: &[String]) -> Result<Self> {
        if name.is_empty() {
            return Err(Error::new(Code::FilenameNotExists, "The specified filename does not exist.").param("file"));
        }
        if name.contains(['/', '\\']) || name.chars().any(char::is_control) || matches!(name, "." | "..") {
            return Err(Error::invalid("file", "The file name must not contain '/', '\\' or control characters."));
        }
        if name.len() > MAX_NAME {
            return Err(Error::invalid("file", format!("The file name must be at most {MAX_NAME} bytes long.")));
        }
        let extension = name.rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_lowercase());
        if blocked.iter().any(|b| b.trim().trim_start_matches('.').eq_ignore_ascii_case(&extension)) && !extension.is_empty() {
            let text = format!("Files with the extension .{extension} may not be uploaded here.");
            return Err(Error::new(Code::FileExtensionBlocked, text).param("file"));
        }
        Ok(Self { name: name.to_owned(), extension })
    }

    pub fn kind(&self) -> FileKind {
        FileKind::of_extension(&self.extension)
    }
}

/// What the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub mime_type: String,
    /// Width and height of a raster picture.
    pub pixels: Option<(u32, u32)>,
}

/// Compares the first bytes with the extension. `head` holds at least the first 8 KiB of the file; of a picture, all of it.
pub fn content(name: &FileName, head: &[u8], config: &Config) -> Result<Content> {
    let by_extension = || mime_guess::from_ext(&name.extension).first_raw().unwrap_or("application/octet-stream").to_owned();
    let sniffed = infer::get(head);
    if name.kind() != FileKind::Image {
        // a picture under another name would slip past the limits for pictures
        let is_picture = sniffed.is_some_and(|t| t.matcher_type() == infer::MatcherType::Image);
        let mime_type = match sniffed {
            Some(found) if is_picture => found.mime_type().to_owned(),
            _ => by_extension(),
        };
        return Ok(Content { mime_type, pixels: None });
    }
    if name.extension == "svg" {
        let start = String::from_utf8_lossy(&head[..head.len().min(4096)]);
        return if start.contains("<svg") {
            Ok(Content { mime_type: "image/svg+xml".into(), pixels: None })
        } else {
            Err(mismatch(name, None))
        };
    }
    let found = sniffed.map(|t| t.mime_type());
    let expected = match name.extension.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        _ => "image/gif",
    };
    if found != Some(expected) {
        return Err(mismatch(name, found));
    }
    let pixels = dimensions(head, config)?;
    Ok(Content { mime_type: expected.to_owned(), pixels: Some(pixels) })
}

/// Size of a picture from its header, before anything is decoded.
pub fn dimensions(bytes: &[u8], config: &Config) -> Result<(u32, u32)> {
    let broken = || Error::new(Code::UnsupportedFileType, "The picture is damaged: its header can't be read.").param("file");
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| broken())?;
    if !matches!(
        reader.format(),
        Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif | ImageFormat::Bmp | ImageFormat::Tiff)
    ) {
        return Err(broken());
    }
    let (width, height) = reader.into_dimensions().map_err(|_| broken())?;
    let megapixels = u64::from(width) * u64::from(height) / 1_000_000;
    if width == 0 || height == 0 {
        return Err(broken());
    }
    if megapixels > u64::from(config.max_image_megapixels) {
        let text = format!("The picture has {width} × {height} pixels, more than the limit of {} megapixels.", config.max_image_megapixels);
        return Err(Error::new(Code::FileTooLarge, text).param("file"));
    }
    Ok((width, height))
}

fn mismatch(name: &FileName, found: Option<&str>) -> Error {
    let found = found.unwrap_or("no picture that we know");
    let text = format!("File type not allowed: the file is named .{} but holds {found}.", name.extension);
    Error::new(Code::UnsupportedFileType, text).param("file")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        config: Config,
    }

    fn config() -> Config {
        Flags::parse_from(["test", "--max-image-megapixels", "1"]).config
    }

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::RgbImage::new(width, height).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn check(name: &str, bytes: &[u8]) -> Result<Content> {
        content(&FileName::parse(name, &[])?, bytes, &config())
    }

    #[test]
    fn pictures_are_what_they_say() {
        assert_eq!(check("a.PNG", &picture(3, 2, ImageFormat::Png)).unwrap().pixels, Some((3, 2)));
        assert_eq!(check("a.jpeg", &picture(1, 1, ImageFormat::Jpeg)).unwrap().mime_type, "image/jpeg");
        for (name, bytes) in
            [("a.png", b"just text".to_vec()), ("a.png", picture(1, 1, ImageFormat::Jpeg)), ("a.gif", vec![]), ("a.svg", vec![0xff; 9])]
        {
            assert_eq!(check(name, &bytes).unwrap_err().code, Code::UnsupportedFileType, "{name}");
        }
        let png = picture(9, 9, ImageFormat::Png);
        assert_eq!(check("a.png", &png[..20]).unwrap_err().code, Code::UnsupportedFileType);
        assert_eq!(check("a.svg", b"<?xml version='1.0'?><svg xmlns=''/>").unwrap().mime_type, "image/svg+xml");
        assert_eq!(check("a.txt", b"text").unwrap().mime_type, "text/plain");
        assert_eq!(check("a.txt", &png).unwrap().mime_type, "image/png");
        assert_eq!(check("noextension", b"x").unwrap().mime_type, "application/octet-stream");
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        // header of a 60000 × 60000 picture: 33 bytes of file, 10 GB of pixels
        let mut bomb = picture(1, 1, ImageFormat::Png);
        bomb[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        let error = check("a.png", &bomb).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (Code::FileTooLarge, Some("file")), "{}", error.message);
    }

    /// PNG's checksum.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes
            .iter()
            .fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())))
    }

    #[test]
    fn names_are_checked() {
        let blocked = vec!["exe".to_owned(), ".SH".to_owned()];
        let code = |name: &str| FileName::parse(name, &blocked).unwrap_err().code;
        assert_eq!(code(""), Code::FilenameNotExists);
        for name in ["a/b.png", "a\\b.png", "a\0.png", "a\n.png", "..", &"x".repeat(256)] {
            assert_eq!(code(name), Code::InvalidParam, "{name:?}");
        }
        assert_eq!((code("a.EXE"), code("a.png.sh")), (Code::FileExtensionBlocked, Code::FileExtensionBlocked));
        assert_eq!(FileName::parse("图片.PNG", &blocked).unwrap().extension, "png");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), name in "[a-z]{0,3}\\.(png|jpg|gif|webp|svg|txt|pdf)") {
            let _ = check(&name, &bytes);
            let _ = check("a.png", &[&b"\x89PNG\r\n\x1a\n"[..], &bytes].concat());
        }
    }
}
