//! What came back: text, or a file that is kept.

use encoding_rs::{Encoding, UTF_8};
use serde_json::{Map, Value};
use url::Url;

use super::super::{Context, NodeError};
use super::{MAX_FILE_BYTES, MAX_TEXT_BYTES, SIZE_ERROR, outputs};
use crate::outbound::disposition_filename;
use crate::workflows::host::HttpResponse;
use crate::workflows::vars::Vars;

/// The status, and the node's outputs.
pub(super) async fn outputs_of(context: &Context, response: HttpResponse) -> Result<(u16, Vars), NodeError> {
    let is_file = is_file(&response);
    let (what, most) = if is_file { ("File", MAX_FILE_BYTES) } else { ("Text", MAX_TEXT_BYTES) };
    if response.body.len() > most {
        let message = format!(
            "{what} size is too large, max size is {:.2} MB, but current size is {}.",
            megabytes(most),
            readable(response.body.len())
        );
        return Err(NodeError::new(SIZE_ERROR, message));
    }
    let headers = response.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>();
    let status = response.status;
    if !is_file {
        return Ok((status, outputs(status, text(&response), headers, Vec::new())));
    }
    let (name, mime_type) = name_and_type(&response);
    let file = context.host.save_file(&name, &mime_type, response.body).await?;
    Ok((status, outputs(status, String::new(), headers, vec![file])))
}

fn header<'a>(response: &'a HttpResponse, name: &str) -> &'a str {
    response.headers.get(name).map_or("", String::as_str)
}

/// Without parameters, lower case.
fn media_type(response: &HttpResponse) -> String {
    let value = header(response, "content-type");
    value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase()
}

/// An attachment, or of a media type that is no text. Files without bytes are none.
fn is_file(response: &HttpResponse) -> bool {
    if response.body.is_empty() {
        return false;
    }
    let disposition = header(response, "content-disposition");
    let is_attachment = disposition.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("attachment"));
    if is_attachment || disposition_filename(disposition).is_some() {
        return true;
    }
    match media_type(response).split_once('/') {
        Some(("image" | "audio" | "video" | "font" | "model", _)) => true,
        Some(("application", subtype)) => !is_text(subtype, &response.body),
        _ => false,
    }
}

/// `application/…` that is text: by its name, or by what it begins with.
fn is_text(subtype: &str, body: &[u8]) -> bool {
    const NAMES: [&str; 6] = ["json", "xml", "javascript", "x-www-form-urlencoded", "yaml", "graphql"];
    const MARKERS: [&str; 7] = ["{", "[", "<", "function", "var ", "const ", "let "];
    // office documents: archives that happen to be named after XML
    if NAMES.iter().any(|name| subtype.contains(name)) && !subtype.contains("openxmlformats") {
        return true;
    }
    let start = &body[..body.len().min(1024)];
    let start = match std::str::from_utf8(start) {
        Ok(text) => text,
        // the cut may go through a character
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    MARKERS.iter().any(|marker| start.contains(marker))
}

/// By the charset of the content type, else as UTF-8; what is not decodable is replaced.
fn text(response: &HttpResponse) -> String {
    let parameters = header(response, "content-type").split(';').skip(1);
    let charset = parameters.filter_map(|p| p.split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case("charset"));
    let encoding = charset.and_then(|(_, name)| Encoding::for_label(name.trim().trim_matches(['"', '\'']).as_bytes())).unwrap_or(UTF_8);
    encoding.decode(&response.body).0.into_owned()
}

/// From the disposition, else the URL; the type of a name that the server gave goes before its content type.
fn name_and_type(response: &HttpResponse) -> (String, String) {
    let given = disposition_filename(header(response, "content-disposition"));
    let by_name = |name: &str| mime_guess::from_path(name).first_raw().map(str::to_owned);
    let content_type = Some(media_type(response)).filter(|t| !t.is_empty());
    let of_url = Url::parse(&response.url).ok().and_then(|url| {
        let last = url.path_segments()?.next_back()?.to_owned();
        percent_encoding::percent_decode_str(&last).decode_utf8().ok().map(|name| name.into_owned())
    });
    let name = given.clone().or(of_url).filter(|name| !name.is_empty()).unwrap_or_else(|| "file".to_owned());
    let mime_type = given.as_deref().and_then(by_name).or(content_type).or_else(|| by_name(&name));
    (name, mime_type.unwrap_or_else(|| "application/octet-stream".to_owned()))
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn readable(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{:.2} KB", bytes as f64 / 1024.0),
        _ => format!("{:.2} MB", megabytes(bytes)),
    }
}
