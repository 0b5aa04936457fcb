//! A request as text, for the app's maker: what was sent, without the key.

use std::fmt::Write;

use url::{Url, form_urlencoded};

use crate::workflows::host::{HttpBody, HttpPartContent, HttpRequest};

/// Stands for the boundary that the sender makes up.
const BOUNDARY: &str = "----boundary";

/// `secret_header`: the header whose value is shown as asterisks.
pub(super) fn text(request: &HttpRequest, secret_header: Option<&str>) -> String {
    let body = body(&request.body);
    let mut text = String::new();
    let (host, path) = target(&request.url, &request.params);
    let mut line = |args: std::fmt::Arguments<'_>| {
        // memory is the writer
        let _ = text.write_fmt(args);
        text.push_str("\r\n");
    };
    line(format_args!("{} {path} HTTP/1.1", request.method));
    line(format_args!("Host: {host}"));
    for (name, value) in &request.headers {
        if secret_header.is_some_and(|secret| secret.eq_ignore_ascii_case(name)) {
            line(format_args!("{name}: {}", "*".repeat(value.chars().count())));
        } else {
            line(format_args!("{name}: {value}"));
        }
    }
    if matches!(request.body, HttpBody::Multipart(_)) {
        line(format_args!("Content-Type: multipart/form-data; boundary={BOUNDARY}"));
    }
    if !body.is_empty() {
        line(format_args!("Content-Length: {}", body.len()));
    }
    line(format_args!(""));
    text + &body
}

/// Host, and path with its query.
fn target(url: &str, params: &[(String, String)]) -> (String, String) {
    let Ok(url) = Url::parse(url) else { return (url.to_owned(), "/".to_owned()) };
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut query = url.query().unwrap_or_default().to_owned();
    if !params.is_empty() {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish());
    }
    let path = url.path();
    (host, if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })
}

fn body(body: &HttpBody) -> String {
    match body {
        HttpBody::None => String::new(),
        HttpBody::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        HttpBody::File { bytes, .. } => format!("<binary_content: size={} bytes>", bytes.len()),
        HttpBody::Form(fields) => form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish(),
        HttpBody::Multipart(parts) => {
            let mut text = String::new();
            for part in parts {
                // memory is the writer
                let _ = write!(text, "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", part.name);
                let _ = match &part.content {
                    HttpPartContent::Text(value) => write!(text, "{value}\r\n"),
                    HttpPartContent::File { filename, mime_type, bytes } => {
                        write!(text, "<file_content_binary: '{filename}', type='{mime_type}', size={} bytes>\r\n", bytes.len())
                    }
                };
            }
            text + "--" + BOUNDARY + "--\r\n"
        }
    }
}
