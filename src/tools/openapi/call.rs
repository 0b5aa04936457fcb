//! A call of an operation: the request its arguments make, and what the answer is worth.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{self, HeaderName, HeaderValue};
use reqwest::multipart::{Form, Part};
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::Serializer;

use super::{Argument, Auth, Encoding, Operation, Place, Provider, Scheme, Style};
use crate::error::Error;
use crate::outbound::{Answer, Limits, Outbound};
use crate::tools::{FileContent, ToolError, ToolFile, ToolOutput};

const MAX_ANSWER: u64 = 10 << 20;
/// Characters of a refusal's text that are shown.
const MAX_REFUSAL: usize = 2000;
/// What a path segment keeps as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b',').remove(b'@').remove(b':');

/// `arguments` went through [`crate::tools::arguments::prepare`].
pub async fn call(
    outbound: &Outbound,
    provider: &Provider,
    operation: &Operation,
    arguments: Map<String, Value>,
) -> Result<ToolOutput, ToolError> {
    let request = request(outbound, provider, operation, &arguments)?;
    let what = format!("The tool's server {}", request.url().host_str().unwrap_or_default());
    let limits = Limits { max_bytes: MAX_ANSWER, timeout: provider.timeout };
    let answer = outbound.execute(request, limits).await.map_err(|refusal| ToolError::refused(&what, refusal))?;
    if answer.status.is_client_error() || answer.status.is_server_error() {
        let text: String = String::from_utf8_lossy(&answer.body).chars().take(MAX_REFUSAL).collect();
        // some servers repeat the key that they refuse
        let text = match &provider.key {
            Some(key) => text.replace(key.as_str(), "…"),
            None => text,
        };
        return Err(ToolError::Failed(format!("{what} answered with HTTP status {}: {}", answer.status.as_u16(), text.trim())));
    }
    Ok(output(answer))
}

fn output(answer: Answer) -> ToolOutput {
    let head = answer.head();
    let essence = head.content_type.as_deref().unwrap_or_default();
    let textual =
        essence.starts_with("text/") || ["json", "xml", "yaml", "javascript", "x-www-form-urlencoded"].iter().any(|s| essence.ends_with(s));
    let is_text = textual || essence.is_empty() || essence == "application/octet-stream" && head.filename.is_none();
    match std::str::from_utf8(&answer.body).ok().filter(|text| is_text && !text.contains('\0')) {
        Some(text) => {
            let json = serde_json::from_str(text).ok().filter(|v: &Value| essence.ends_with("json") || v.is_object() || v.is_array());
            ToolOutput { text: text.to_owned(), json: json.into_iter().collect(), ..ToolOutput::default() }
        }
        None if textual => ToolOutput::text(String::from_utf8_lossy(&answer.body)),
        None => {
            let mime_type = if essence.is_empty() { "application/octet-stream" } else { essence };
            let last = answer.url.path_segments().and_then(|mut s| s.next_back()).filter(|s| !s.is_empty()).unwrap_or("file");
            let name = head.filename.clone().unwrap_or_else(|| match mime_guess::get_mime_extensions_str(mime_type) {
                Some([extension, ..]) if !last.contains('.') => format!("{last}.{extension}"),
                _ => last.to_owned(),
            });
            let file = ToolFile { name, mime_type: mime_type.to_owned(), content: FileContent::Bytes(answer.body) };
            ToolOutput { files: vec![file], ..ToolOutput::default() }
        }
    }
}

fn request(
    outbound: &Outbound,
    provider: &Provider,
    operation: &Operation,
    arguments: &Map<String, Value>,
) -> Result<reqwest::Request, ToolError> {
    let given = |place: Place| {
        operation.arguments.iter().filter(move |a| a.place == place).filter_map(|a| Some((a, arguments.get(&a.parameter.name)?)))
    };
    let mut path = operation.path.clone();
    for (argument, value) in given(Place::Path) {
        path = path.replace(&format!("{{{}}}", argument.wire_name), &segment(argument, value)?);
    }
    let mut url = Url::parse(&format!("{}{path}", operation.server)).map_err(Error::internal)?;
    let mut query: Vec<(String, String)> = given(Place::Query).flat_map(|(argument, value)| pairs(argument, value)).collect();
    if let (Auth::Query { name }, Some(key)) = (&provider.auth, &provider.key) {
        query.push((name.clone(), key.clone()));
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let method = reqwest::Method::from_bytes(operation.method.as_bytes()).map_err(Error::internal)?;
    let mut request = outbound.request(method, &url).map_err(|refusal| ToolError::refused("The tool's server", refusal))?;
    request = request.header(header::ACCEPT, "application/json, text/*;q=0.9, */*;q=0.5");
    for (argument, value) in given(Place::Header) {
        let name = HeaderName::from_bytes(argument.wire_name.as_bytes()).map_err(Error::internal)?;
        let bad = |_| ToolError::argument(&argument.parameter.name, "can't be sent as a header: it must be one line");
        request = request.header(name, HeaderValue::from_str(&joined(value, ",")).map_err(bad)?);
    }
    let cookies: Vec<_> = given(Place::Cookie).flat_map(|(argument, value)| pairs(argument, value)).collect();
    if !cookies.is_empty() {
        let cookie = |(name, value): &(String, String)| format!("{name}={}", utf8_percent_encode(value, SEGMENT));
        request = request.header(header::COOKIE, cookies.iter().map(cookie).collect::<Vec<_>>().join("; "));
    }
    if let (Auth::Header { name, scheme }, Some(key)) = (&provider.auth, &provider.key) {
        let mut value = HeaderValue::from_str(&credentials(*scheme, key)).map_err(Error::internal)?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    if let Some(body) = &operation.body {
        let fields: Vec<_> = given(Place::Field).collect();
        let whole = given(Place::Body).next().map(|(_, value)| value);
        let typed = |request: reqwest::RequestBuilder| request.header(header::CONTENT_TYPE, &body.content_type);
        let has_fields = operation.arguments.iter().any(|a| a.place == Place::Field);
        request = match (body.encoding, whole) {
            (Encoding::Json, None) if has_fields => {
                let object: Map<String, Value> = fields.iter().map(|(a, v)| (a.wire_name.clone(), (*v).clone())).collect();
                typed(request).body(Value::Object(object).to_string())
            }
            (Encoding::Json, Some(value)) => typed(request).body(value.to_string()),
            (Encoding::Form, whole) => {
                let pairs = fields.iter().flat_map(|(argument, value)| pairs(argument, value)).chain(object_pairs(whole));
                typed(request).body(Serializer::new(String::new()).extend_pairs(pairs).finish())
            }
            (Encoding::Multipart, whole) => {
                let mut form = Form::new();
                for (name, value) in fields.iter().map(|(a, v)| (a.wire_name.clone(), plain(v))).chain(object_pairs(whole)) {
                    form = form.part(name, Part::text(value));
                }
                request.multipart(form)
            }
            (Encoding::Raw, Some(value)) => typed(request).body(plain(value)),
            (Encoding::Json | Encoding::Raw, None) => request,
        };
    }
    Ok(request.build().map_err(Error::internal)?)
}

fn credentials(scheme: Scheme, key: &str) -> String {
    use base64::Engine;
    match scheme {
        // base64 has no colon
        Scheme::Basic if key.contains(':') => format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(key)),
        Scheme::Basic => format!("Basic {key}"),
        Scheme::Bearer => format!("Bearer {key}"),
        Scheme::Custom => key.to_owned(),
    }
}

/// One segment of the path: nothing in it can lead to another path.
fn segment(argument: &Argument, value: &Value) -> Result<String, ToolError> {
    let text = joined(value, ",");
    if text.is_empty() || text == "." || text == ".." {
        return Err(ToolError::argument(&argument.parameter.name, format!("can't be part of a path: {text:?}")));
    }
    Ok(utf8_percent_encode(&text, SEGMENT).to_string())
}

/// The pairs that a value makes in a query, cookie or form.
fn pairs(argument: &Argument, value: &Value) -> Vec<(String, String)> {
    let name = &argument.wire_name;
    let one = |text: String| vec![(name.clone(), text)];
    match (argument.style, value) {
        (Style::Json, value) => one(plain(value)),
        (Style::Deep, Value::Object(object)) => object.iter().map(|(key, value)| (format!("{name}[{key}]"), plain(value))).collect(),
        (Style::Exploded | Style::Deep, Value::Array(items)) => items.iter().map(|item| (name.clone(), plain(item))).collect(),
        (Style::Exploded, Value::Object(object)) => object.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        (Style::Spaces, value) => one(joined(value, " ")),
        (Style::Pipes, value) => one(joined(value, "|")),
        (_, value) => one(joined(value, ",")),
    }
}

fn object_pairs(whole: Option<&Value>) -> impl Iterator<Item = (String, String)> {
    whole.and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.clone(), plain(value)))
}

/// Lists and objects as one text.
fn joined(value: &Value, separator: &str) -> String {
    match value {
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(separator),
        Value::Object(object) => object.iter().flat_map(|(key, value)| [key.clone(), plain(value)]).collect::<Vec<_>>().join(separator),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
