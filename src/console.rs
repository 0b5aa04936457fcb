//! The web console, embedded in the binary: files of `web/dist`, and its page for every path of its own.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::headers::{ETag, HeaderMapExt, IfNoneMatch};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::{Error, render_dify};

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// What a page of ours may load.
macro_rules! policy {
    () => {
        "default-src 'self'; img-src 'self' data: blob: https: http:; media-src 'self' data: blob: https: http:; style-src 'self' 'unsafe-inline'; base-uri 'none'; object-src 'none'"
    };
}

/// The router's fallback.
pub async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let of_api = ["api", "v1", "files", "triggers", "mcp"]
        .iter()
        .find(|prefix| path.strip_prefix(**prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if let Some(prefix) = of_api {
        let response = Error::not_found("The requested URL was not found on the server.").into_response();
        return if matches!(*prefix, "v1" | "triggers") { render_dify(response).await } else { response };
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Error::new(crate::error::Code::MethodNotAllowed, "Only GET is possible here.").into_response();
    }
    // Names under assets/ carry a hash of their content.
    if let Some(file) = Dist::get(path) {
        let forever = path.starts_with("assets/");
        return respond(file, if forever { "public, max-age=31536000, immutable" } else { "no-cache" }, &request);
    }
    if path.starts_with("assets/") {
        return Error::not_found("There is no such file.").into_response();
    }
    match Dist::get("index.html") {
        Some(page) => {
            let mut response = respond(page, "no-cache", &request);
            if path.starts_with("a/") {
                let_others_embed(&mut response);
            }
            response
        }
        None => {
            (StatusCode::NOT_FOUND, "This binary was built without the console: build web/ (npm ci && npm run build), then build again.\n")
                .into_response()
        }
    }
}

/// The pages of published apps stand in frames of other sites.
fn let_others_embed(response: &mut Response) {
    let headers = response.headers_mut();
    headers.remove(header::X_FRAME_OPTIONS);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(concat!(policy!(), "; frame-ancestors *")));
}

/// Of a file's content. Weak, since it stands for the file as it is and compressed.
fn tag(hash: &[u8; 32]) -> Option<ETag> {
    format!("W/\"{}\"", hex::encode(&hash[..16])).parse().ok()
}

/// Whether the browser has it.
fn is_known(headers: &HeaderMap, tag: &ETag) -> bool {
    headers.typed_get::<IfNoneMatch>().is_some_and(|asked| !asked.precondition_passes(tag))
}

fn respond(file: EmbeddedFile, cache: &'static str, request: &Request) -> Response {
    let tag = tag(&file.metadata.sha256_hash());
    let known = tag.as_ref().is_some_and(|tag| is_known(request.headers(), tag));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { file.data.into_owned().into_response() };
    let headers = response.headers_mut();
    if let Ok(mime) = HeaderValue::from_str(file.metadata.mimetype()) {
        headers.insert(header::CONTENT_TYPE, mime);
    }
    if let Some(tag) = tag {
        headers.typed_insert(tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(concat!(policy!(), "; frame-ancestors 'none'")));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_has_is_known() {
        let own = tag(&[7; 32]).expect("a tag");
        let sent = "07".repeat(16);
        let known = |asked: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, asked.parse().expect("a header"));
            is_known(&headers, &own)
        };
        for asked in [format!("W/\"{sent}\""), format!("\"{sent}\""), format!("\"other\", W/\"{sent}\""), "*".to_owned()] {
            assert!(known(asked.clone()), "{asked}");
        }
        assert!(!known("W/\"other\"".to_owned()));
        assert!(!is_known(&HeaderMap::new(), &own));
    }
}
