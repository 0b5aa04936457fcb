//! `http-request`: a request to a place that the app's maker names, its answer as text or as a file.
//!
//! The node makes the request ([`body`], [`written`]) and reads the answer ([`answer`]); sending it is the host's, which also
//! refuses private networks and bounds times.

mod answer;
mod body;
mod written;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Context, FieldError, NodeError, Outcome, read};
use crate::workflows::graph::OnError;
use crate::workflows::host::HttpRequest as Request;
use crate::workflows::template::{self, Template};
use crate::workflows::vars::{Pool, Vars};

use body::Body;

/// Largest answer that becomes a file.
const MAX_FILE_BYTES: usize = 10 << 20;
/// Largest answer that becomes text.
const MAX_TEXT_BYTES: usize = 1 << 20;
const MAX_CONNECT_S: u64 = 10;
const MAX_READ_S: u64 = 600;
const MAX_WRITE_S: u64 = 600;

const AUTHORIZATION: &str = "Authorization";
/// Lets a server see that a request came before, from a try or a process that broke off.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// What fail branches are told when the request itself could not be made or sent.
pub const REQUEST_ERROR: &str = "HttpRequestNodeError";
/// … when the answer is too large.
pub const SIZE_ERROR: &str = "ResponseSizeError";

#[derive(Debug)]
pub struct HttpRequest {
    method: &'static str,
    url: Template,
    authorization: Option<Authorization>,
    headers: String,
    params: String,
    body: Body,
    timeouts: Timeouts,
    verify_tls: bool,
    retries: bool,
}

#[derive(Debug)]
struct Authorization {
    scheme: Scheme,
    header: String,
    api_key: Template,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Basic,
    Bearer,
    Custom,
}

#[derive(Debug, Clone, Copy)]
struct Timeouts {
    connect: Duration,
    read: Duration,
    write: Duration,
}

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

impl HttpRequest {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(default)]
            method: String,
            #[serde(default)]
            url: String,
            #[serde(default)]
            headers: String,
            #[serde(default)]
            params: String,
            ssl_verify: Option<bool>,
        }
        let Data { method, url, headers, params, ssl_verify } = read(data)?;
        let method = METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(method.trim())).ok_or_else(|| {
            FieldError::new("method", format!("'{method}' is no method that can be used: choose one of {}", METHODS.join(", ")))
        })?;
        Ok(Self {
            method,
            url: Template::parse(&url),
            authorization: authorization(data)?,
            headers,
            params,
            body: Body::parse(data.get("body").unwrap_or(&Value::Null))?,
            timeouts: timeouts(data.get("timeout").unwrap_or(&Value::Null)),
            verify_tls: ssl_verify.unwrap_or(true),
            retries: data.pointer("/retry_config/retry_enabled").and_then(Value::as_bool).unwrap_or(false),
        })
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let (request, authorization_header) = self.request(context).await?;
        let written = written::text(&request, authorization_header.as_deref());
        let process_data = Map::from_iter([("request".to_owned(), Value::String(written))]);
        let answered = match context.host.send(request).await {
            Ok(response) => answer::outputs_of(context, response).await,
            Err(error) => Err(error),
        };
        let (status, outputs) = match answered {
            Ok(answered) => answered,
            Err(error) => return Err(error.with_process_data(process_data)),
        };
        let fails = self.retries || context.node.on_error != OnError::Fail;
        if fails && !(200..300).contains(&status) {
            let error = NodeError::new("HTTPResponseCodeError", format!("Request failed with status code {status}"));
            return Err(error.with_process_data(process_data).with_outputs(outputs));
        }
        Ok(Outcome { process_data, outputs, ..Outcome::default() })
    }

    /// The request, and the name of the header that must not be shown.
    async fn request(&self, context: &Context) -> Result<(Request, Option<String>), NodeError> {
        let pool = &context.pool;
        let url = self.url.text(pool).trim().to_owned();
        if url.is_empty() {
            return Err(NodeError::new("InvalidURLError", "url is required"));
        }
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(NodeError::new("InvalidURLError", "url should start with http:// or https://"));
        }
        let mut headers = header_lines(&self.headers, pool);
        let mut authorization_header = None;
        if let Some(authorization) = &self.authorization {
            let (name, value) = authorization.header(pool)?;
            set_header(&mut headers, name.clone(), value);
            authorization_header = Some(name);
        }
        let body = self.body.render(context).await?;
        match self.body.content_type() {
            // with the boundary, which only the sender knows
            Some(body::MULTIPART) => headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type")),
            Some(kind) if !has_header(&headers, "content-type") => headers.push(("Content-Type".into(), kind.into())),
            _ => {}
        }
        if !has_header(&headers, IDEMPOTENCY_KEY) {
            headers.push((IDEMPOTENCY_KEY.into(), context.execution_id.to_string()));
        }
        let request = Request {
            method: self.method.to_owned(),
            url,
            headers,
            params: param_lines(&self.params, pool),
            body,
            connect_timeout: self.timeouts.connect,
            read_timeout: self.timeouts.read,
            write_timeout: self.timeouts.write,
            verify_tls: self.verify_tls,
            max_bytes: MAX_FILE_BYTES,
        };
        Ok((request, authorization_header))
    }
}

impl Authorization {
    fn header(&self, pool: &Pool) -> Result<(String, String), NodeError> {
        let key = self.api_key.text(pool);
        if key.trim().is_empty() {
            let message = "API key is required for authorization but was empty. Please provide a valid API key.";
            return Err(NodeError::new("AuthorizationConfigError", message));
        }
        let value = match self.scheme {
            Scheme::Bearer => format!("Bearer {key}"),
            // without a colon the key is taken to be encoded already
            Scheme::Basic if key.contains(':') => format!("Basic {}", STANDARD.encode(&key)),
            Scheme::Basic => format!("Basic {key}"),
            Scheme::Custom => key,
        };
        Ok((self.header.clone(), value))
    }
}

fn authorization(data: &Value) -> Result<Option<Authorization>, FieldError> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "type")]
        scheme: Scheme,
        #[serde(default)]
        api_key: String,
        #[serde(default)]
        header: String,
    }
    let Some(authorization) = data.get("authorization").filter(|a| !a.is_null()) else { return Ok(None) };
    match authorization.get("type").and_then(Value::as_str) {
        None | Some("no-auth") => return Ok(None),
        Some("api-key") => {}
        Some(other) => return Err(FieldError::new("authorization.type", format!("must be no-auth or api-key, not '{other}'"))),
    }
    let config = authorization.get("config").filter(|c| c.is_object());
    let config = config.ok_or_else(|| FieldError::new("authorization.config", "must say type and api_key, or choose no-auth"))?;
    let Config { scheme, api_key, header } =
        read(config).map_err(|e| FieldError::new(format!("authorization.config.{}", e.field), e.message))?;
    let header = if header.trim().is_empty() { AUTHORIZATION.to_owned() } else { header.trim().to_owned() };
    Ok(Some(Authorization { scheme, header, api_key: Template::parse(&api_key) }))
}

/// Seconds; files also write them as text, and leave them empty. Zero means the default, which is also the most.
fn timeouts(data: &Value) -> Timeouts {
    let seconds = |key: &str, most: u64| {
        let given = data.get(key).and_then(|v| v.as_f64().or_else(|| v.as_str()?.trim().parse().ok())).filter(|s| *s > 0.0);
        Duration::try_from_secs_f64(given.unwrap_or(f64::MAX)).unwrap_or(Duration::MAX).min(Duration::from_secs(most))
    };
    Timeouts { connect: seconds("connect", MAX_CONNECT_S), read: seconds("read", MAX_READ_S), write: seconds("write", MAX_WRITE_S) }
}

/// `Name: value` by line, split at the first colon. What a variable brings stays inside its value; a line without a colon
/// may be a variable that holds whole lines.
fn header_lines(text: &str, pool: &Pool) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(':') {
            let one_line = |text: &str| template::render(text, pool).split(['\r', '\n']).map(str::trim).collect::<Vec<_>>().join(" ");
            set_header(&mut headers, one_line(name).trim().to_owned(), one_line(value).trim().to_owned());
            continue;
        }
        for line in template::render(line, pool).lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            set_header(&mut headers, name.trim().to_owned(), value.trim().to_owned());
        }
    }
    headers
}

/// As [`header_lines`], but a key may come again, and values may have several lines.
fn param_lines(text: &str, pool: &Pool) -> Vec<(String, String)> {
    let lines = text.lines().map(|line| line.split_once(':').unwrap_or((line, "")));
    let named = lines.map(|(key, value)| (key.trim(), value.trim())).filter(|(key, _)| !key.is_empty());
    named.map(|(key, value)| (template::render(key, pool), template::render(value, pool))).collect()
}

fn has_header(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// The last one of a name counts.
fn set_header(headers: &mut Vec<(String, String)>, name: String, value: String) {
    if name.is_empty() {
        return;
    }
    match headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
        Some(header) => header.1 = value,
        None => headers.push((name, value)),
    }
}

/// Outputs of an answer, beside its status.
fn outputs(status: u16, body: String, headers: Map<String, Value>, files: Vec<Value>) -> Vars {
    Map::from_iter([
        ("status_code".to_owned(), Value::from(status)),
        ("body".to_owned(), Value::String(body)),
        ("headers".to_owned(), Value::Object(headers)),
        ("files".to_owned(), Value::Array(files)),
    ])
}

#[cfg(test)]
mod tests;
