//! What a file is: by its first bytes, its extension, its type, in this order of trust.

use super::Problem;
use super::{archive, ole, plain};

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Pdf,
    Docx,
    Pptx,
    Xlsx,
    Xls,
    /// odt, ods and odp are one format.
    OpenDocument,
    Epub,
    Html,
    Csv,
    /// A message as it is sent (eml).
    Mail,
    /// A message as Outlook saves it (msg).
    OutlookMail,
    /// WebVTT and SubRip.
    Subtitles,
    /// Whatever is text as it is: Markdown, source code, JSON, YAML, XML, properties.
    Plain,
}

/// For error messages.
pub const SUPPORTED: &str = "pdf, docx, pptx, xlsx, xls, ods, odt, odp, epub, html, md, csv, tsv, eml, msg, vtt, srt, json, yaml, xml, properties, txt and source code";

pub fn detect(bytes: &[u8], name: &str, mime_type: Option<&str>) -> Result<Format, Problem> {
    let extension = name.rsplit_once('.').map_or(name, |(_, extension)| extension).trim().to_ascii_lowercase();
    let named = by_extension(&extension).or_else(|| mime_type.and_then(by_mime_type));
    // a PDF may begin with what a printer or a proxy put before it
    let early = &bytes[..bytes.len().min(1024)];
    if bytes.starts_with(b"%PDF-") || named == Some(Format::Pdf) && memchr::memmem::find(early, b"%PDF-").is_some() {
        return Ok(Format::Pdf);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return archive::format(bytes, named);
    }
    if bytes.starts_with(ole::MAGIC) {
        return ole::format(bytes);
    }
    if bytes.starts_with(b"{\\rtf") {
        return Err(Problem::Convert { from: "RTF", to: "docx" });
    }
    match named {
        Some(format @ (Format::Html | Format::Csv | Format::Mail | Format::Subtitles | Format::Plain)) => Ok(format),
        Some(Format::Pdf) => Err(Problem::damaged("PDF", "it does not begin like one")),
        Some(Format::Xls) if plain::is_text(bytes) => Ok(sniff_table(bytes)),
        Some(format) => Err(Problem::damaged(format.name(), "it does not begin like one")),
        None if plain::is_text(bytes) => Ok(sniff_text(bytes)),
        None => Err(Problem::Unsupported),
    }
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Docx => "Word",
            Self::Pptx => "PowerPoint",
            Self::Xlsx | Self::Xls => "Excel",
            Self::OpenDocument => "OpenDocument",
            Self::Epub => "EPUB",
            Self::OutlookMail => "Outlook message",
            Self::Html | Self::Csv | Self::Mail | Self::Subtitles | Self::Plain => "text",
        }
    }
}

/// None for what is unknown here; it may still be text.
fn by_extension(extension: &str) -> Option<Format> {
    Some(match extension {
        "pdf" => Format::Pdf,
        "docx" | "docm" | "dotx" => Format::Docx,
        "pptx" | "pptm" | "ppsx" => Format::Pptx,
        "xlsx" | "xlsm" => Format::Xlsx,
        "xls" => Format::Xls,
        "odt" | "ods" | "odp" | "ott" => Format::OpenDocument,
        "epub" => Format::Epub,
        "html" | "htm" | "xhtml" => Format::Html,
        "csv" | "tsv" => Format::Csv,
        "eml" => Format::Mail,
        "msg" => Format::OutlookMail,
        "vtt" | "srt" => Format::Subtitles,
        "txt" | "md" | "markdown" | "mdx" | "json" | "jsonl" | "yaml" | "yml" | "xml" | "properties" | "toml" | "ini" | "log" => {
            Format::Plain
        }
        _ => return None,
    })
}

fn by_mime_type(mime_type: &str) -> Option<Format> {
    let essence = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match essence.as_str() {
        "application/pdf" => Format::Pdf,
        "text/html" | "application/xhtml+xml" => Format::Html,
        "text/csv" | "text/tab-separated-values" => Format::Csv,
        "message/rfc822" => Format::Mail,
        "text/vtt" | "application/x-subrip" => Format::Subtitles,
        "application/json" | "application/yaml" | "application/xml" => Format::Plain,
        // text/plain says nothing that looking does not
        text if text.starts_with("text/") && text != "text/plain" => Format::Plain,
        _ => return None,
    })
}

/// Programs export "Excel" files that are web pages or tables with tabs.
fn sniff_table(bytes: &[u8]) -> Format {
    if sniff_text(bytes) == Format::Html { Format::Html } else { Format::Csv }
}

fn sniff_text(bytes: &[u8]) -> Format {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(512)]).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") { Format::Html } else { Format::Plain }
}
