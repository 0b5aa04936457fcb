//! Reading request bodies: JSON to types, every error with the path of its field.

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

use crate::engine::request::{Detail, Format, Image, Message, Part, Request, Role, Sampling, Tool, ToolCall, ToolChoice};
use crate::error::{Code, Error, Result};
use crate::files;
use crate::outbound::Limits;
use crate::state::AppState;
use crate::video;

/// Pictures of one request.
const MAX_IMAGES: usize = 64;
/// Choices of one request.
const MAX_CHOICES: u32 = 16;
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);

/// The body as `T`; a wrong field is named by its path.
pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let path = e.path().to_string();
        let error = e.into_inner();
        if error.is_data() {
            let text = error.to_string();
            let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
            return if path == "." {
                Error::new(Code::InvalidParam, reason)
            } else {
                Error::invalid(&path, format!("Invalid value for '{path}': {reason}."))
            };
        }
        Error::new(Code::BadRequest, "We could not parse the JSON body of your request. The API expects a JSON object.")
    })?;
    deserializer.end().map_err(|_| Error::new(Code::BadRequest, "There is something after the JSON body of your request."))?;
    Ok(value)
}

pub(super) fn invalid(path: impl Into<String>, reason: impl std::fmt::Display) -> Error {
    let path = path.into();
    let message = format!("Invalid value for '{path}': {reason}.");
    Error::invalid(path, message)
}

pub(super) fn unsupported(path: impl Into<String>, reason: impl std::fmt::Display) -> Error {
    let path = path.into();
    let message = format!("'{path}' is not supported: {reason}.");
    Error::invalid(path, message)
}

/// What chat completions and completions have in common.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SamplingBody {
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub top_k: Option<i64>,
    pub min_p: Option<f32>,
    pub presence_penalty: Option<f32>,
    pub frequency_penalty: Option<f32>,
    pub repetition_penalty: Option<f32>,
    pub seed: Option<i64>,
    pub stop: Option<Stop>,
    pub logit_bias: Option<Map<String, Value>>,
    pub max_tokens: Option<u32>,
    pub min_tokens: Option<u32>,
    pub ignore_eos: Option<bool>,
    pub n: Option<u32>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamOptions {
    pub include_usage: Option<bool>,
}

/// One stop string or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Stop {
    One(String),
    Many(Vec<String>),
}

impl SamplingBody {
    /// Checks the ranges and writes what is given over what `request` holds.
    pub(super) fn apply(&self, request: &mut Request) -> Result<()> {
        let sampling = &mut request.sampling;
        let set = |path: &str, value: Option<f32>, to: &mut f32, min: f32, max: f32| match value {
            Some(v) if !(min..=max).contains(&v) => Err(invalid(path, format_args!("{v} is not between {min} and {max}"))),
            Some(v) => {
                *to = v;
                Ok(())
            }
            None => Ok(()),
        };
        set("temperature", self.temperature, &mut sampling.temperature, 0.0, 2.0)?;
        set("top_p", self.top_p, &mut sampling.top_p, 0.0, 1.0)?;
        set("min_p", self.min_p, &mut sampling.min_p, 0.0, 1.0)?;
        set("presence_penalty", self.presence_penalty, &mut sampling.presence_penalty, -2.0, 2.0)?;
        set("frequency_penalty", self.frequency_penalty, &mut sampling.frequency_penalty, -2.0, 2.0)?;
        set("repetition_penalty", self.repetition_penalty, &mut sampling.repetition_penalty, 0.01, 10.0)?;
        // only the likeliest token is left
        if sampling.top_p == 0.0 {
            (sampling.top_p, sampling.top_k) = (1.0, 1);
        }
        if let Some(top_k) = self.top_k {
            // -1 is another spelling of "off"
            sampling.top_k = u32::try_from(top_k.max(0)).map_err(|_| invalid("top_k", "it is too large"))?;
        }
        if let Some(seed) = self.seed {
            sampling.seed = Some(seed.cast_unsigned());
        }
        if let Some(bias) = &self.logit_bias {
            sampling.logit_bias = logit_bias(bias)?;
        }
        sampling.min_tokens = self.min_tokens.unwrap_or(sampling.min_tokens);
        sampling.ignore_eos = self.ignore_eos.unwrap_or(sampling.ignore_eos);
        if let Some(max_tokens) = self.max_tokens {
            request.max_tokens = Some(at_least_one("max_tokens", max_tokens)?);
        }
        match &self.stop {
            None => {}
            Some(Stop::One(stop)) => request.stop = vec![stop.clone()],
            Some(Stop::Many(stops)) => request.stop.clone_from(stops),
        }
        if request.stop.len() > 16 || request.stop.iter().any(String::is_empty) {
            return Err(invalid("stop", "it must be up to 16 strings that are not empty"));
        }
        Ok(())
    }

    pub(super) fn choices(&self) -> Result<u32> {
        match self.n.unwrap_or(1) {
            n @ 1..=MAX_CHOICES => Ok(n),
            n => Err(invalid("n", format_args!("{n} is not between 1 and {MAX_CHOICES}"))),
        }
    }

    pub(super) fn streams(&self) -> Result<bool> {
        let stream = self.stream.unwrap_or(false);
        if self.stream_options.is_some() && !stream {
            return Err(invalid("stream_options", "it is only allowed when 'stream' is true"));
        }
        Ok(stream)
    }

    pub(super) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|o| o.include_usage).unwrap_or(false)
    }
}

pub(super) fn at_least_one(path: &str, n: u32) -> Result<u32> {
    if n == 0 { Err(invalid(path, "it must be at least 1")) } else { Ok(n) }
}

fn logit_bias(bias: &Map<String, Value>) -> Result<Vec<(u32, f32)>> {
    let entry = |(token, value): (&String, &Value)| {
        let path = || format!("logit_bias.{token}");
        let id = token.parse().map_err(|_| invalid(path(), "the key must be a token id"))?;
        let value = value.as_f64().filter(|v| (-100.0..=100.0).contains(v));
        Ok((id, value.ok_or_else(|| invalid(path(), "it must be a number between -100 and 100"))? as f32))
    };
    bias.iter().map(entry).collect()
}

/// One entry of `messages`.
#[derive(Debug, Deserialize)]
pub(super) struct MessageBody {
    role: String,
    content: Option<Value>,
    name: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCallBody>>,
    tool_call_id: Option<String>,
    /// Pictures of an earlier answer, as it had them.
    images: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct ToolCallBody {
    id: String,
    function: FunctionCallBody,
}

#[derive(Debug, Deserialize)]
struct FunctionCallBody {
    name: String,
    #[serde(default)]
    arguments: String,
}

/// Messages with their pictures decoded or fetched.
pub(super) async fn messages(state: &AppState, bodies: Vec<MessageBody>) -> Result<Vec<Message>> {
    if bodies.is_empty() {
        return Err(invalid("messages", "it must have at least one message"));
    }
    let mut n_images = 0;
    let mut out = Vec::with_capacity(bodies.len());
    for (i, body) in bodies.into_iter().enumerate() {
        let path = format!("messages[{i}]");
        let role = match body.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            "function" => return Err(unsupported(format!("{path}.role"), "functions are called tools now; use 'tool'")),
            other => {
                return Err(invalid(
                    format!("{path}.role"),
                    format_args!("'{other}' is not one of system, developer, user, assistant, tool"),
                ));
            }
        };
        let mut message = Message { content: Vec::new(), ..Message::text(role, "") };
        message.name = body.name;
        message.content = content(state, &path, role, body.content, &mut n_images).await?;
        for (j, image) in body.images.iter().flatten().enumerate() {
            let path = format!("{path}.images[{j}]");
            message.content.push(content_part(state, &path, role, image, &mut n_images).await?);
        }
        if let Some(refusal) = body.refusal.filter(|_| role == Role::Assistant && message.content.is_empty()) {
            message.content = vec![Part::Text(refusal)];
        }
        let call = |c: ToolCallBody| ToolCall { id: c.id, name: c.function.name, arguments: c.function.arguments };
        message.tool_calls = body.tool_calls.unwrap_or_default().into_iter().map(call).collect();
        if role != Role::Assistant && !message.tool_calls.is_empty() {
            return Err(invalid(format!("{path}.tool_calls"), "only assistant messages have tool calls"));
        }
        message.tool_call_id = body.tool_call_id;
        if role == Role::Tool && message.tool_call_id.is_none() {
            return Err(invalid(format!("{path}.tool_call_id"), "a tool message says which call it answers"));
        }
        out.push(message);
    }
    Ok(out)
}

async fn content(state: &AppState, path: &str, role: Role, content: Option<Value>, n_images: &mut usize) -> Result<Vec<Part>> {
    let path = format!("{path}.content");
    match content {
        Some(Value::String(text)) => Ok(vec![Part::Text(text)]),
        Some(Value::Array(parts)) => {
            let mut out = Vec::with_capacity(parts.len());
            for (i, part) in parts.iter().enumerate() {
                out.push(content_part(state, &format!("{path}[{i}]"), role, part, n_images).await?);
            }
            Ok(out)
        }
        None | Some(Value::Null) if role == Role::Assistant => Ok(Vec::new()),
        None | Some(Value::Null) => Err(invalid(path, "it must be a string or an array of parts")),
        Some(_) => Err(invalid(path, "it must be a string or an array of parts")),
    }
}

async fn content_part(state: &AppState, path: &str, role: Role, part: &Value, n_images: &mut usize) -> Result<Part> {
    let text =
        |field: &str| part[field].as_str().map(str::to_owned).ok_or_else(|| invalid(format!("{path}.{field}"), "it must be a string"));
    match part["type"].as_str() {
        Some("text") => text("text").map(Part::Text),
        Some("refusal") => text("refusal").map(Part::Text),
        Some("image_url") if !matches!(role, Role::User | Role::Assistant) => {
            Err(unsupported(format!("{path}.type"), "only messages of users and assistants hold pictures"))
        }
        Some("video_url") if role != Role::User => Err(unsupported(format!("{path}.type"), "only user messages hold videos")),
        Some(kind @ ("image_url" | "video_url")) => {
            *n_images += 1;
            if *n_images > MAX_IMAGES {
                return Err(invalid(path, format_args!("a request can have {MAX_IMAGES} pictures at most")));
            }
            medium(state, &format!("{path}.{kind}"), &part[kind], kind == "video_url").await
        }
        Some(other @ ("input_audio" | "file")) => {
            Err(unsupported(format!("{path}.type"), format_args!("'{other}' parts can't be read; send text, image_url and video_url")))
        }
        _ => Err(invalid(format!("{path}.type"), "it must be 'text', 'image_url' or 'video_url'")),
    }
}

/// `{url, detail}` or, as some clients send it, the URL alone.
async fn medium(state: &AppState, path: &str, value: &Value, is_video: bool) -> Result<Part> {
    let (url, path) = match value {
        Value::String(url) => (url.as_str(), path.to_owned()),
        other => (other["url"].as_str().unwrap_or_default(), format!("{path}.url")),
    };
    let detail = match value["detail"].as_str() {
        None | Some("auto") => Detail::Auto,
        Some("low") => Detail::Low,
        Some("high" | "original") => Detail::High,
        Some(_) => return Err(invalid(path.replace(".url", ".detail"), "it must be auto, low or high")),
    };
    let (what, example, limit_mb) = match is_video {
        false => ("picture", "data:image/png", state.config.upload_image_mb),
        true => ("video", "data:video/mp4", state.config.upload_video_mb),
    };
    let (bytes, mime_type) = match url.strip_prefix("data:") {
        Some(data) => {
            let (mime_type, encoded) =
                data.split_once(";base64,").ok_or_else(|| invalid(&path, format_args!("a data URL looks like {example};base64,…")))?;
            let kind = if is_video { "video/" } else { "image/" };
            if !mime_type.starts_with(kind) {
                return Err(invalid(&path, format_args!("a data URL of a {what} begins with data:{kind}")));
            }
            if encoded.len() as u64 / 4 * 3 > (limit_mb << 20) + 3 {
                let text = format!("The {what} in '{path}' is larger than {limit_mb} MB.");
                return Err(Error::new(Code::FileTooLarge, text).param(path));
            }
            let engine = if encoded.ends_with('=') { STANDARD } else { STANDARD_NO_PAD };
            let bytes = engine.decode(encoded.trim()).or_else(|_| STANDARD.decode(encoded.trim()));
            (bytes.map_err(|_| invalid(&path, "it is not valid base64"))?.into(), mime_type.to_owned())
        }
        None if url.is_empty() => return Err(invalid(&path, "it must be an http, https or data URL")),
        None => {
            let fetched = state.outbound.get(url, Limits { max_bytes: limit_mb << 20, timeout: FETCH_TIMEOUT }).await;
            let (head, bytes) = fetched.map_err(|refusal| refusal.into_error(&path))?;
            (bytes, head.content_type.unwrap_or_else(|| "application/octet-stream".into()))
        }
    };
    if is_video {
        let clip = video::clip(&bytes, detail).await;
        return clip.map(Part::Video).map_err(|error| files::video_refusal("The video", error).param(path));
    }
    Ok(Part::Image(Image { bytes, mime_type, detail }))
}

/// One entry of `tools`.
#[derive(Debug, Deserialize)]
pub(super) struct ToolBody {
    #[serde(rename = "type")]
    kind: String,
    function: Option<FunctionBody>,
}

#[derive(Debug, Deserialize)]
struct FunctionBody {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
}

pub(super) fn tools(bodies: Vec<ToolBody>) -> Result<Vec<Tool>> {
    let mut tools: Vec<Tool> = Vec::with_capacity(bodies.len());
    for (i, body) in bodies.into_iter().enumerate() {
        let path = format!("tools[{i}]");
        if body.kind != "function" {
            return Err(unsupported(format!("{path}.type"), format_args!("'{}' tools are not offered; use 'function'", body.kind)));
        }
        let function = body.function.ok_or_else(|| invalid(format!("{path}.function"), "it is missing"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if function.name.is_empty() || function.name.len() > 64 || !function.name.chars().all(plain) {
            return Err(invalid(format!("{path}.function.name"), "it must be 1 to 64 letters, digits, '_', '-' or '.'"));
        }
        if tools.iter().any(|t| t.name == function.name) {
            return Err(invalid(format!("{path}.function.name"), format_args!("there are two tools named '{}'", function.name)));
        }
        let parameters = function.parameters.unwrap_or_else(|| serde_json::json!({"type": "object", "properties": {}}));
        if !parameters.is_object() {
            return Err(invalid(format!("{path}.function.parameters"), "it must be a JSON Schema object"));
        }
        tools.push(Tool { name: function.name, description: function.description.unwrap_or_default(), parameters });
    }
    Ok(tools)
}

pub(super) fn tool_choice(value: Option<&Value>, tools: &[Tool]) -> Result<ToolChoice> {
    let need_tools =
        |choice| if tools.is_empty() { Err(invalid("tool_choice", "it is only allowed when 'tools' are given")) } else { Ok(choice) };
    match value {
        None | Some(Value::Null) => Ok(ToolChoice::Auto),
        Some(Value::String(text)) => match text.as_str() {
            "none" => Ok(ToolChoice::None),
            "auto" => Ok(ToolChoice::Auto),
            "required" => need_tools(ToolChoice::Required),
            other => Err(invalid("tool_choice", format_args!("'{other}' is not one of none, auto, required"))),
        },
        Some(value) => match (value["type"].as_str(), value["function"]["name"].as_str()) {
            (Some("function"), Some(name)) if tools.iter().any(|t| t.name == name) => Ok(ToolChoice::Named(name.to_owned())),
            (Some("function"), Some(name)) => Err(invalid("tool_choice.function.name", format_args!("no tool is named '{name}'"))),
            (Some("function"), None) => Err(invalid("tool_choice.function.name", "it must be a string")),
            _ => Err(unsupported("tool_choice.type", "only 'function' can be chosen")),
        },
    }
}

pub(super) fn response_format(value: Option<&Value>) -> Result<Format> {
    let Some(value) = value.filter(|v| !v.is_null()) else { return Ok(Format::Text) };
    match value["type"].as_str() {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::JsonObject),
        Some("json_schema") => {
            let schema = &value["json_schema"]["schema"];
            if !schema.is_object() {
                return Err(invalid("response_format.json_schema.schema", "it must be a JSON Schema object"));
            }
            Ok(Format::JsonSchema(schema.clone()))
        }
        _ => Err(invalid("response_format.type", "it must be text, json_object or json_schema")),
    }
}

/// How a request without any sampling parameter is drawn when the model says nothing itself.
pub(super) fn openai_sampling() -> Sampling {
    Sampling { temperature: 1.0, ..Sampling::default() }
}
