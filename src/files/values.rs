//! File values as workflows pass them on: read by what they point to, made of what a node produced.

use bytes::Bytes;
use futures::stream;
use serde_json::Value;

use super::check::FileName;
use super::resolve::{Resolved, Scope, fair_name};
use super::source::Source;
use super::{FileKind, TransferMethod, store};
use crate::error::Result;
use crate::ids::WorkspaceId;
use crate::state::AppState;

/// The bytes behind a file value: of the workspace's own file, else of its URL.
pub async fn read_value(state: &AppState, workspace_id: WorkspaceId, file: &Value) -> Result<Bytes> {
    Source::of_value(file).read(state, workspace_id).await
}

/// Keeps what a node made, under a name that fits the bytes; gives the file value.
pub async fn keep_value(state: &AppState, scope: &Scope, name: &str, mime_type: &str, bytes: Bytes) -> Result<Value> {
    let name = FileName::parse(&fitting_name(name, mime_type, &bytes), &state.config.blocked_extensions)?;
    let mut stored = store::take(state, scope.workspace_id, name, stream::iter([Ok(bytes)])).await?;
    // a name without a known extension says less than its maker
    if stored.content.mime_type == OCTETS && is_media_type(mime_type) && !mime_type.starts_with("image/") {
        mime_type.clone_into(&mut stored.content.mime_type);
    }
    // a run in the terminal is of no app
    let app_id = Some(scope.app_id).filter(|id| !id.0.is_nil());
    let row = store::record(state, scope, app_id, stored).await?;
    Ok(Resolved::of_row(row, TransferMethod::ToolFile, None).output_json(state, scope.workspace_id))
}

const OCTETS: &str = "application/octet-stream";

/// Pictures are named after what they are: a picture with another extension, or an extension without its picture, would be
/// refused.
fn fitting_name(name: &str, mime_type: &str, bytes: &[u8]) -> String {
    let named = fair_name(name, Some(mime_type));
    let sniffed = infer::get(bytes).map(|kind| kind.extension()).filter(|e| FileKind::of_extension(e) == FileKind::Image);
    let is_svg = || String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).contains("<svg");
    let extension = match (sniffed, named.extension.as_str()) {
        (Some("jpg"), "jpeg") => return named.name,
        (Some(is), named_as) if is == named_as => return named.name,
        (Some(is), _) => is,
        (None, "svg") if is_svg() => return named.name,
        (None, named_as) if FileKind::of_extension(named_as) == FileKind::Image => "bin",
        (None, _) => return named.name,
    };
    format!("{}.{extension}", named.name)
}

fn is_media_type(text: &str) -> bool {
    let good = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c));
    text.split_once('/').is_some_and(|(kind, subtype)| good(kind) && good(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_what_the_bytes_are() {
        let png = b"\x89PNG\r\n\x1a\n0000000000000000";
        let cases: [(&str, &str, &[u8], &str); 15] = [
            ("a.png", "image/png", png, "a.png"),
            ("chart", "image/png", png, "chart.png"),
            ("chart.jpg", "image/jpeg", png, "chart.jpg.png"),
            ("photo.jpeg", "", b"\xff\xd8\xff\xe0aaaa", "photo.jpeg"),
            ("download", "image/png", b"an error page", "download.png.bin"),
            ("a.svg", "image/svg+xml", b"<svg xmlns=''/>", "a.svg"),
            ("a.svg", "image/svg+xml", b"nothing", "a.svg.bin"),
            ("report", "application/pdf", b"%PDF-1.7", "report.pdf"),
            ("../x/y.txt", "text/plain", b"t", ".._x_y.txt"),
            ("", "", b"t", "file"),
            ("x", "application/octet-stream", b"t", "x"),
            ("notes", "text/plain", b"t", "notes.txt"),
            ("sound", "audio/mpeg", b"t", "sound.mp3"),
            ("x", "application/json", b"t", "x.json"),
            ("data.csv", "text/html", b"t", "data.csv"),
        ];
        for (name, mime_type, bytes, expected) in cases {
            assert_eq!(fitting_name(name, mime_type, bytes), expected, "{name}");
        }
    }

    #[test]
    fn only_media_types_are_kept_as_such() {
        for (text, good) in
            [("text/x-log", true), ("application/vnd.a+json", true), ("", false), ("text", false), ("a/b; c", false), ("a/\n", false)]
        {
            assert_eq!(is_media_type(text), good, "{text:?}");
        }
    }
}
