//! Reading a request as a webhook's node expects it.

use std::collections::BTreeMap;

use axum::body::Body as HttpBody;
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::webhook::{Body, ContentType, Delivery, FormFile, Webhook};
use crate::error::{Code, Error, Result};
use crate::state::AppState;

/// Largest body.
pub const BODY_LIMIT: usize = 10 << 20;
/// Files of one request.
const MAX_FILES: usize = 20;

/// Reads what `webhook` takes. The method is known to be right.
pub async fn read(state: &AppState, webhook: &Webhook, request: Request) -> Result<Delivery> {
    let (parts, body) = request.into_parts();
    let given = media_type(&parts.headers);
    let wrong = || {
        let given = given.as_deref().unwrap_or("none");
        let text = format!("Content-type mismatch. Expected {}, got {given}", webhook.content_type.as_str());
        Error::new(Code::UnsupportedMediaType, text).param("Content-Type")
    };
    if given.as_deref().is_some_and(|given| !webhook.content_type.takes(given)) {
        return Err(wrong());
    }
    // with its extensions, which hold the limit
    let bytes = whole(state, Request::from_parts(parts.clone(), body)).await?;
    // who sends nothing need not say what it is
    if given.is_none() && !bytes.is_empty() && webhook.content_type != ContentType::Json {
        return Err(wrong());
    }
    let method = parts.method.as_str().to_owned();
    let headers = headers(&parts.headers);
    let query = first_of_each(form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned());
    let body = match webhook.content_type {
        ContentType::Json => Body::Json(json_body(&bytes)?),
        ContentType::Urlencoded => Body::Form { fields: first_of_each(form_urlencoded::parse(&bytes).into_owned()), files: Vec::new() },
        ContentType::Multipart if bytes.is_empty() => Body::Form { fields: BTreeMap::new(), files: Vec::new() },
        ContentType::Multipart => multipart(state, parts, bytes).await?,
        ContentType::Text => Body::Text(text(&parts.headers, &bytes)),
        ContentType::Octets => Body::File((!bytes.is_empty()).then(|| octets(bytes))),
    };
    Ok(Delivery { method, headers, query, body })
}

/// `Content-Type` without parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

async fn whole(state: &AppState, request: Request) -> Result<Bytes> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
            let text = format!("Webhook request too large: at most {} MB are allowed.", BODY_LIMIT >> 20);
            Error::new(Code::FileTooLarge, text).param("body")
        }
        _ => Error::new(Code::BadRequest, "The request broke off before its body was read.").param("body"),
    })
}

/// As servers of Python write them, for workflows that come from there. Cookies stay out: those of this server would let
/// whoever reads the run act as the person whose browser sent it.
fn headers(given: &HeaderMap) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for name in given.keys().filter(|name| **name != header::COOKIE) {
        let values: Vec<_> = given.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(capitalised(name.as_str()), values.join(",").replace('\0', ""));
    }
    headers
}

/// `x-event-name` as `X-Event-Name`.
fn capitalised(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn first_of_each(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        fields.entry(name.replace('\0', "")).or_insert_with(|| value.replace('\0', ""));
    }
    fields
}

fn json_body(bytes: &[u8]) -> Result<Value> {
    if bytes.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(bytes).map_err(|error| Error::invalid("body", format!("Invalid JSON body: {error}")))
}

/// In the character set that the request names.
fn text(headers: &HeaderMap, bytes: &[u8]) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let charset = value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let encoding = charset.and_then(|charset| encoding_rs::Encoding::for_label(charset.as_bytes())).unwrap_or(encoding_rs::UTF_8);
    encoding.decode(bytes).0.into_owned()
}

/// A body that is a file; its bytes say of which type.
fn octets(bytes: Bytes) -> FormFile {
    let kind = infer::get(&bytes);
    let mime_type = kind.map_or("application/octet-stream", |kind| kind.mime_type()).to_owned();
    let file_name = format!("body.{}", kind.map_or("bin", |kind| kind.extension()));
    FormFile { field: "raw".to_owned(), file_name, mime_type, bytes }
}

async fn multipart(state: &AppState, parts: Parts, bytes: Bytes) -> Result<Body> {
    let broken = |error: MultipartError| {
        Error::new(Code::BadRequest, format!("The body is no well-formed multipart form: {}", error.body_text())).param("body")
    };
    let request = Request::from_parts(parts, HttpBody::from(bytes));
    let form = Multipart::from_request(request, state).await;
    let mut form = form.map_err(|error| Error::new(Code::BadRequest, error.body_text()).param("Content-Type"))?;
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let Some(name) = field.name().map(str::to_owned) else { continue };
        let file_name = field.file_name().map(str::to_owned);
        let mime_type = field.content_type().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(broken)?;
        match file_name {
            None => fields.push((name, String::from_utf8_lossy(&bytes).into_owned())),
            // what a browser sends for a file that nobody chose
            Some(file_name) if file_name.is_empty() && bytes.is_empty() => {}
            Some(_) if files.len() == MAX_FILES => {
                return Err(Error::new(Code::TooManyFiles, format!("A request may bring at most {MAX_FILES} files.")).param(name));
            }
            Some(file_name) => files.push(FormFile { field: name, file_name, mime_type, bytes }),
        }
    }
    Ok(Body::Form { fields: first_of_each(fields.into_iter()), files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_written_as_elsewhere_and_without_cookies() {
        let mut given = HeaderMap::new();
        for (name, value) in [("x-event-name", "push"), ("accept", "a"), ("accept", "b"), ("cookie", "ashlar_session=secret"), ("dnt", "1")]
        {
            given.append(name, value.parse().unwrap());
        }
        let headers: Vec<_> = headers(&given).into_iter().collect();
        let expected = [("Accept", "a,b"), ("Dnt", "1"), ("X-Event-Name", "push")];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn texts_are_read_in_their_character_set() {
        let read = |content_type: &str, bytes: &[u8]| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]);
            text(&headers, bytes)
        };
        assert_eq!(read("text/plain", "é".as_bytes()), "é");
        assert_eq!(read("text/plain; charset=ISO-8859-1", b"\xe9"), "é");
        assert_eq!(read("text/plain; charset=\"gbk\"", b"\xc4\xe3"), "你");
        assert_eq!(read("text/plain; charset=none", b"a"), "a");
    }

    #[test]
    fn the_first_of_a_name_counts() {
        let fields = first_of_each(form_urlencoded::parse(b"a=1&b=x+y&a=2&c").into_owned());
        assert_eq!(fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(), ["a=1", "b=x y", "c="]);
    }
}
