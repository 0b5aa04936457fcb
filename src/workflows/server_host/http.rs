//! Sending what nodes ask for, through the guard.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response};
use url::{Url, form_urlencoded};

use crate::outbound::{Connection, Outbound, Refusal};
use crate::workflows::host::{HttpBody, HttpPart, HttpPartContent, HttpRequest, HttpResponse};
use crate::workflows::nodes::{HTTP_REQUEST_ERROR, HTTP_SIZE_ERROR, NodeError};

/// Any answer is one, whatever its status.
pub async fn send(outbound: &Outbound, request: HttpRequest) -> Result<HttpResponse, NodeError> {
    let url = url(&request)?;
    let shown = shown(&url);
    let refused = |refusal: Refusal| match refusal {
        Refusal::TooLarge(bytes) => {
            NodeError::new(HTTP_SIZE_ERROR, format!("The answer of {shown} is larger than the {} MB that are allowed.", bytes >> 20))
        }
        other => NodeError::new(HTTP_REQUEST_ERROR, format!("The URL {shown} {other}.")),
    };
    let outbound = outbound.with(Connection::new(request.connect_timeout, request.verify_tls)).map_err(refused)?;
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| NodeError::new("InvalidHttpMethodError", format!("Invalid http method {}", request.method)))?;
    let builder = outbound.request(method, &url).map_err(refused)?.headers(headers(&request.headers)?);
    let built = with_body(builder, request.body)?.build().map_err(|error| refused(error.into()))?;
    // connecting, sending, and the first byte
    let opening = request.connect_timeout + request.write_timeout + request.read_timeout;
    let response = within(opening, outbound.open(built)).await.map_err(refused)?;
    let (status, url, headers) = (response.status().as_u16(), response.url().to_string(), joined(response.headers()));
    let body = read(response, request.max_bytes, request.read_timeout).await.map_err(refused)?;
    Ok(HttpResponse { status, headers, body, url })
}

/// The URL with the parameters behind its own.
fn url(request: &HttpRequest) -> Result<Url, NodeError> {
    let mut url =
        Url::parse(&request.url).map_err(|error| NodeError::new("InvalidURLError", format!("'{}' is no URL: {error}.", request.url)))?;
    if !request.params.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.params);
    }
    Ok(url)
}

/// For messages: queries and passwords are secrets.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// What the client decides by itself: how a body goes over the wire, and which packing it can undo. People paste these along
/// with the rest of a browser's headers.
const OURS: [&str; 4] = ["accept-encoding", "connection", "content-length", "transfer-encoding"];

fn headers(given: &[(String, String)]) -> Result<HeaderMap, NodeError> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given.iter().filter(|(name, _)| !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name))) {
        let bad = |what: &str| {
            NodeError::new(HTTP_REQUEST_ERROR, format!("The {what} of the header '{name}' holds characters that headers can't have."))
        };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("name"))?;
        headers.append(key, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad("value"))?);
    }
    Ok(headers)
}

fn with_body(builder: RequestBuilder, body: HttpBody) -> Result<RequestBuilder, NodeError> {
    Ok(match body {
        HttpBody::None => builder,
        HttpBody::Bytes(bytes) | HttpBody::File { bytes, .. } => builder.body(bytes),
        HttpBody::Form(fields) => builder.body(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()),
        HttpBody::Multipart(parts) => {
            let mut form = Form::new();
            for HttpPart { name, content } in parts {
                form = match content {
                    HttpPartContent::Text(text) => form.text(name, text),
                    HttpPartContent::File { filename, mime_type, bytes } => form.part(name, file_part(filename, &mime_type, bytes)),
                };
            }
            builder.multipart(form)
        }
    })
}

/// A file whose type no header can hold goes out without one.
fn file_part(filename: String, mime_type: &str, bytes: Bytes) -> Part {
    let part = |filename| Part::stream_with_length(bytes.clone(), bytes.len() as u64).file_name(filename);
    part(filename.clone()).mime_str(mime_type).unwrap_or_else(|_| part(filename))
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    tokio::time::timeout(time, work).await.unwrap_or(Err(Refusal::Timeout(time.as_secs())))
}

/// `patience`: for each piece, as servers may send for long.
async fn read(mut response: Response, max_bytes: usize, patience: Duration) -> Result<Bytes, Refusal> {
    let too_large = Refusal::TooLarge(max_bytes as u64);
    if response.content_length().is_some_and(|n| n > max_bytes as u64) {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = within(patience, async { Ok(response.chunk().await?) }).await? {
        if body.len() + chunk.len() > max_bytes {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    joined
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::Router;
    use axum::body::Bytes as Body;
    use axum::extract::{Multipart, OriginalUri};
    use axum::http::{HeaderMap as Headers, StatusCode, header};
    use axum::response::{AppendHeaders, IntoResponse, Redirect};
    use axum::routing::{any, get, post};
    use tokio::net::TcpListener;

    use super::*;

    fn outbound() -> Outbound {
        Outbound::new(&["127.0.0.1/32".parse().unwrap()]).unwrap()
    }

    /// What came in, as text.
    async fn echo(method: axum::http::Method, OriginalUri(uri): OriginalUri, headers: Headers, body: Body) -> String {
        let header = |name: &str| headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).unwrap_or_default();
        format!("{method} {uri} {} {} {}", header("x-a"), header("content-type"), String::from_utf8_lossy(&body))
    }

    async fn parts(mut form: Multipart) -> String {
        let mut seen = Vec::new();
        while let Some(field) = form.next_field().await.unwrap() {
            let name = field.name().unwrap_or_default().to_owned();
            let (file, kind) = (field.file_name().map(str::to_owned), field.content_type().map(str::to_owned));
            seen.push(format!("{name} {file:?} {kind:?} {}", field.text().await.unwrap()));
        }
        seen.join("\n")
    }

    async fn serve() -> String {
        let app = Router::new()
            .route("/echo", any(echo))
            .route("/parts", post(parts))
            .route("/to", any(|| async { Redirect::permanent("/echo?to=1") }))
            .route("/away", get(|| async { Redirect::temporary("http://127.0.0.2:9/") }))
            .route(
                "/teapot",
                get(|| async { (StatusCode::IM_A_TEAPOT, AppendHeaders([("X-Twice", "1"), ("x-twice", "2")]), "short and stout") }),
            )
            .route("/slow", get(|| async { tokio::time::sleep(Duration::from_secs(20)).await }))
            .route("/stalls", get(stalls))
            .route("/large", get(|| async { vec![b'x'; 3000] }))
            .route(
                "/endless",
                get(|| async {
                    axum::body::Body::from_stream(futures::stream::repeat_with(|| {
                        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 700]))
                    }))
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    /// Begins its answer and goes silent.
    async fn stalls() -> impl IntoResponse {
        use futures::StreamExt;
        let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"begun"))]);
        ([(header::CONTENT_LENGTH, "10")], axum::body::Body::from_stream(first.chain(futures::stream::pending())))
    }

    fn request(url: String) -> HttpRequest {
        HttpRequest { method: "POST".into(), ..HttpRequest::get(url) }
    }

    #[tokio::test]
    async fn requests_arrive_as_they_were_made() {
        let at = serve().await;
        let headers = [("X-A", "é"), ("Content-Type", "text/plain"), ("Content-Length", "1"), ("Transfer-Encoding", "chunked")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let params = vec![("b".to_owned(), "c d".to_owned()), ("b".to_owned(), "&".to_owned())];
        let form = HttpBody::Form(vec![("k".into(), "v w".into()), ("k".into(), "=".into())]);
        let cases = [
            (
                HttpRequest { headers, params, body: HttpBody::Bytes("hi".into()), ..request(format!("{at}/echo?a=1")) },
                "POST /echo?a=1&b=c+d&b=%26 é text/plain hi",
            ),
            (HttpRequest { body: form, ..request(format!("{at}/echo")) }, "POST /echo   k=v+w&k=%3D"),
            (HttpRequest { method: "OPTIONS".into(), ..request(format!("{at}/echo")) }, "OPTIONS /echo   "),
            (
                HttpRequest { body: HttpBody::File { filename: "a".into(), bytes: "raw".into() }, ..request(format!("{at}/echo")) },
                "POST /echo   raw",
            ),
            // redirects keep method and body where they must
            (HttpRequest { body: HttpBody::Bytes("again".into()), ..request(format!("{at}/to")) }, "POST /echo?to=1   again"),
        ];
        for (request, expected) in cases {
            let answer = send(&outbound(), request).await.unwrap();
            assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (200, expected));
        }
        let file = |mime_type: &str| HttpPartContent::File { filename: "图.txt".into(), mime_type: mime_type.into(), bytes: "abc".into() };
        let parts = vec![
            HttpPart { name: "t".into(), content: HttpPartContent::Text("1".into()) },
            HttpPart { name: "f".into(), content: file("text/plain") },
            HttpPart { name: "f".into(), content: file("no type") },
        ];
        let answer = send(&outbound(), HttpRequest { body: HttpBody::Multipart(parts), ..request(format!("{at}/parts")) }).await.unwrap();
        let expected = "t None None 1\nf Some(\"图.txt\") Some(\"text/plain\") abc\nf Some(\"图.txt\") None abc";
        assert_eq!(String::from_utf8_lossy(&answer.body), expected);
    }

    #[tokio::test]
    async fn any_status_is_an_answer() {
        let at = serve().await;
        let answer = send(&outbound(), HttpRequest::get(format!("{at}/teapot"))).await.unwrap();
        assert_eq!((answer.status, answer.headers["x-twice"].as_str(), &answer.body[..]), (418, "1, 2", &b"short and stout"[..]));
        assert_eq!(answer.url, format!("{at}/teapot"));
    }

    #[tokio::test]
    async fn what_can_not_be_asked_for_is_told_without_secrets() {
        let at = serve().await;
        let outbound = outbound();
        let error = async |request: HttpRequest| {
            let error = send(&outbound, request).await.unwrap_err();
            (error.kind, error.message)
        };
        let (kind, message) = error(HttpRequest::get("http://10.1.2.3/a?token=secret")).await;
        assert_eq!(kind, HTTP_REQUEST_ERROR);
        assert!(message.starts_with("The URL http://10.1.2.3/a points to '10.1.2.3', an address inside a private"), "{message}");
        assert!(error(HttpRequest::get(format!("{at}/away"))).await.1.contains("127.0.0.2"));
        assert_eq!(error(HttpRequest::get("http://")).await.0, "InvalidURLError");
        let (kind, message) =
            error(HttpRequest { headers: vec![("a b".into(), "c".into())], ..HttpRequest::get(format!("{at}/echo")) }).await;
        assert_eq!((kind.as_str(), message.starts_with("The name of the header 'a b'")), (HTTP_REQUEST_ERROR, true));
        let (_, message) = error(HttpRequest { headers: vec![("a".into(), "c\n".into())], ..HttpRequest::get(format!("{at}/echo")) }).await;
        assert!(message.starts_with("The value of the header 'a'"), "{message}");
        let (kind, message) = error(HttpRequest::get("http://127.0.0.1:1/")).await;
        assert_eq!((kind.as_str(), message.starts_with("The URL http://127.0.0.1:1/ could not be read: ")), (HTTP_REQUEST_ERROR, true));
    }

    #[tokio::test]
    async fn size_and_time_are_bounded() {
        let at = serve().await;
        for path in ["large", "endless"] {
            let error = send(&outbound(), HttpRequest { max_bytes: 2000, ..HttpRequest::get(format!("{at}/{path}")) }).await.unwrap_err();
            assert_eq!(error.kind, HTTP_SIZE_ERROR, "{path}");
        }
        let short = Duration::from_millis(200);
        for path in ["slow", "stalls"] {
            let begun = Instant::now();
            let request = HttpRequest {
                connect_timeout: short,
                read_timeout: short,
                write_timeout: short,
                ..HttpRequest::get(format!("{at}/{path}"))
            };
            let error = send(&outbound(), request).await.unwrap_err();
            assert!(error.message.contains("did not answer completely within"), "{}", error.message);
            assert!(begun.elapsed() < Duration::from_secs(5), "{path}");
        }
    }
}
