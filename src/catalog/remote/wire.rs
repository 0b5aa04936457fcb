//! OpenAI's chat and completion format, as a caller: our [`Request`] to their body, their chunks to our [`Event`]s.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::engine::request::{
    Detail, Done, Event, Failure, FinishReason, Format, Image, Input, Message, Part, Request, Role, Timing, TokenLogprob, Tool, ToolCall,
    ToolChoice, Usage, Video,
};

/// Of one clip; providers take some dozens of pictures.
const MAX_FRAMES: usize = 32;

/// Where the request goes below the base URL, and its body.
pub(super) fn body(model: &str, request: &Request, token_limit: &str) -> Result<(&'static str, Value), Failure> {
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    set("model", json!(model));
    let path = match &request.input {
        Input::Chat(messages) => {
            set("messages", messages.iter().map(message).collect());
            "chat/completions"
        }
        Input::Text(prompt) => {
            set("prompt", json!(prompt));
            "completions"
        }
        Input::Tokens(prompt) => {
            set("prompt", json!(prompt));
            "completions"
        }
    };
    let chat = path == "chat/completions";
    set("stream", json!(true));
    set("stream_options", json!({"include_usage": true}));
    if !request.tools.is_empty() {
        set("tools", request.tools.iter().map(tool).collect());
        set("tool_choice", tool_choice(&request.tool_choice));
    }
    match &request.format {
        Format::Text => {}
        Format::JsonObject => set("response_format", json!({"type": "json_object"})),
        Format::JsonSchema(schema) => {
            set("response_format", json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}}));
        }
        Format::Regex(_) => return Err(Failure::Unsupported("remote models can't be held to a regular expression".into())),
    }
    let sampling = &request.sampling;
    set("temperature", number(sampling.temperature));
    // what is at its default is left out: not every provider knows every parameter
    let mut set_unless = |key: &str, value: f32, off: f32| {
        if value != off {
            set(key, number(value));
        }
    };
    set_unless("top_p", sampling.top_p, 1.0);
    set_unless("min_p", sampling.min_p, 0.0);
    set_unless("repetition_penalty", sampling.repetition_penalty, 1.0);
    set_unless("presence_penalty", sampling.presence_penalty, 0.0);
    set_unless("frequency_penalty", sampling.frequency_penalty, 0.0);
    if sampling.top_k != 0 {
        set("top_k", json!(sampling.top_k));
    }
    if let Some(seed) = sampling.seed {
        set("seed", json!(seed));
    }
    if sampling.min_tokens != 0 {
        set("min_tokens", json!(sampling.min_tokens));
    }
    if sampling.ignore_eos {
        set("ignore_eos", json!(true));
    }
    if !sampling.logit_bias.is_empty() {
        set("logit_bias", Value::Object(sampling.logit_bias.iter().map(|(id, bias)| (id.to_string(), number(*bias))).collect()));
    }
    if let Some(max_tokens) = request.max_tokens {
        set(if chat { token_limit } else { "max_tokens" }, json!(max_tokens));
    }
    if !request.stop.is_empty() {
        set("stop", json!(request.stop));
    }
    match request.logprobs {
        Some(n) if chat => {
            set("logprobs", json!(true));
            set("top_logprobs", json!(n));
        }
        Some(n) => set("logprobs", json!(n)),
        None => {}
    }
    Ok((path, Value::Object(body)))
}

/// The shortest decimal that is this f32: 0.7, not 0.699999988079071.
fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number)
}

fn message(message: &Message) -> Value {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let mut out = json!({"role": role, "content": content(&message.content)});
    if !message.tool_calls.is_empty() {
        if out["content"] == "" {
            out["content"] = Value::Null;
        }
        let call = |c: &ToolCall| json!({"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}});
        out["tool_calls"] = message.tool_calls.iter().map(call).collect();
    }
    if let Some(id) = &message.tool_call_id {
        out["tool_call_id"] = json!(id);
    }
    if let Some(name) = &message.name {
        out["name"] = json!(name);
    }
    out
}

/// A string when it is text alone, which every provider takes.
fn content(parts: &[Part]) -> Value {
    if parts.iter().all(|p| matches!(p, Part::Text(_))) {
        return parts.iter().map(|p| if let Part::Text(text) = p { text.as_str() } else { "" }).collect::<String>().into();
    }
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push(json!({"type": "text", "text": text})),
            Part::Image(picture) => out.push(image(picture)),
            Part::Video(video) => {
                for (frame, at) in shown_frames(video) {
                    out.push(json!({"type": "text", "text": format!("<{at:.1} seconds>")}));
                    out.push(image(frame));
                }
            }
        }
    }
    out.into()
}

/// Frames of a clip that a provider is sent: it takes them for pictures, and few at a time.
pub(super) fn shown_frames(video: &Video) -> impl Iterator<Item = (&Image, &f32)> {
    let every = video.frames.len().div_ceil(MAX_FRAMES).max(1);
    video.frames.iter().zip(&video.timestamps_s).step_by(every)
}

fn image(image: &Image) -> Value {
    let url = format!("data:{};base64,{}", image.mime_type, STANDARD.encode(&image.bytes));
    let mut inner = json!({"url": url});
    match image.detail {
        Detail::Auto => {}
        Detail::Low => inner["detail"] = json!("low"),
        Detail::High => inner["detail"] = json!("high"),
    }
    json!({"type": "image_url", "image_url": inner})
}

fn tool(tool: &Tool) -> Value {
    let mut function = json!({"name": tool.name});
    if !tool.description.is_empty() {
        function["description"] = json!(tool.description);
    }
    if !tool.parameters.is_null() {
        function["parameters"] = tool.parameters.clone();
    }
    json!({"type": "function", "function": function})
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::None => json!("none"),
        ToolChoice::Auto => json!("auto"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

/// A chunk of a stream, or a whole answer (`message` instead of `delta`, `text` for completions).
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(alias = "message")]
    delta: Option<Delta>,
    text: Option<String>,
    finish_reason: Option<String>,
    logprobs: Option<Value>,
}

#[derive(Deserialize, Default)]
struct Delta {
    content: Option<String>,
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    index: Option<usize>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    prompt_tokens_details: Option<WireDetails>,
}

#[derive(Deserialize)]
struct WireDetails {
    cached_tokens: Option<u32>,
    image_tokens: Option<u32>,
}

/// Puts a stream's chunks together.
pub(super) struct Assembler {
    calls: BTreeMap<usize, ToolCall>,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    /// Inside a reasoning passage, which is written between `<think>` tags.
    reasoning: bool,
    n_chars: usize,
    wants_logprobs: bool,
}

impl Assembler {
    pub(super) fn new(wants_logprobs: bool) -> Self {
        Self { calls: BTreeMap::new(), finish_reason: None, usage: None, reasoning: false, n_chars: 0, wants_logprobs }
    }

    /// The events that one `data:` makes.
    pub(super) fn push(&mut self, data: &str) -> Result<Vec<Event>, Failure> {
        let chunk: Chunk =
            serde_json::from_str(data).map_err(|e| broken(format!("sent a chunk that is not what OpenAI's API defines ({e})")))?;
        if let Some(error) = &chunk.error
            && !error.is_null()
        {
            let status = error["code"].as_u64().or(error["status"].as_u64()).and_then(|s| u16::try_from(s).ok());
            return Err(Failure::Provider {
                status,
                message: error_text(&json!({"error": error})).unwrap_or_else(|| "the stream broke off".into()),
            });
        }
        if let Some(usage) = chunk.usage {
            let details = usage.prompt_tokens_details;
            self.usage = Some(Usage {
                prompt_tokens: usage.prompt_tokens,
                completion_tokens: usage.completion_tokens,
                cached_tokens: details.as_ref().and_then(|d| d.cached_tokens).unwrap_or(0),
                image_tokens: details.as_ref().and_then(|d| d.image_tokens).unwrap_or(0),
            });
        }
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(Vec::new()) };
        let delta = choice.delta.unwrap_or_default();
        let mut text = String::new();
        if let Some(thought) = delta.reasoning_content.filter(|t| !t.is_empty()) {
            if !std::mem::replace(&mut self.reasoning, true) {
                text.push_str("<think>\n");
            }
            text.push_str(&thought);
        }
        for piece in [delta.content, delta.refusal, choice.text].into_iter().flatten().filter(|t| !t.is_empty()) {
            self.end_reasoning(&mut text);
            text.push_str(&piece);
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.end_reasoning(&mut text);
            self.call(call);
        }
        if let Some(reason) = choice.finish_reason.filter(|r| !r.is_empty()) {
            self.end_reasoning(&mut text);
            self.finish_reason = Some(match reason.as_str() {
                "length" => FinishReason::Length,
                "tool_calls" | "function_call" => FinishReason::ToolCalls,
                "content_filter" => FinishReason::ContentFilter,
                _ => FinishReason::Stop,
            });
        }
        self.n_chars += text.chars().count();
        let logprobs = if self.wants_logprobs { choice.logprobs.as_ref().map(logprobs).unwrap_or_default() } else { Vec::new() };
        if text.is_empty() && logprobs.is_empty() { Ok(Vec::new()) } else { Ok(vec![Event::Text { text, logprobs }]) }
    }

    /// The model has said that it is done; only usage may follow.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.is_some()
    }

    /// The last events. A stream that ends before the model finished is a failure.
    pub(super) fn finish(self, prompt_estimate: impl FnOnce() -> usize, timing: Timing) -> Result<Vec<Event>, Failure> {
        let Some(mut finish_reason) = self.finish_reason else { return Err(broken("ended the stream before the answer was finished")) };
        let usage = self.usage.unwrap_or_else(|| Usage {
            prompt_tokens: u32::try_from(prompt_estimate()).unwrap_or(u32::MAX),
            completion_tokens: u32::try_from(self.n_chars.div_ceil(4)).unwrap_or(u32::MAX),
            ..Usage::default()
        });
        // some providers say `stop` after calls
        if !self.calls.is_empty() && finish_reason == FinishReason::Stop {
            finish_reason = FinishReason::ToolCalls;
        }
        let calls = self.calls.into_values().map(|mut call| {
            if call.arguments.is_empty() {
                call.arguments.push_str("{}");
            }
            Event::ToolCall(call)
        });
        Ok(calls.chain([Event::Done(Done { finish_reason, usage, timing })]).collect())
    }

    fn end_reasoning(&mut self, text: &mut String) {
        if std::mem::take(&mut self.reasoning) {
            text.push_str("\n</think>\n\n");
        }
    }

    /// Pieces of one call share an index; providers that send none send whole calls, told apart by their ids.
    fn call(&mut self, delta: CallDelta) {
        let last = self.calls.last_key_value().map(|(index, call)| (*index, call.id.clone()));
        let index = delta.index.unwrap_or_else(|| match (&last, &delta.id) {
            (Some((index, id)), Some(new)) if id == new => *index,
            (Some((index, _)), None) => *index,
            (Some((index, _)), Some(_)) => index + 1,
            (None, _) => 0,
        });
        let call = self.calls.entry(index).or_insert_with(|| ToolCall { id: String::new(), name: String::new(), arguments: String::new() });
        if let Some(id) = delta.id.filter(|id| !id.is_empty()) {
            call.id = id;
        } else if call.id.is_empty() {
            call.id = format!("call_{}", uuid::Uuid::new_v4().simple());
        }
        let Some(function) = delta.function else { return };
        if let Some(name) = function.name {
            call.name.push_str(&name);
        }
        match function.arguments {
            Some(Value::String(piece)) => call.arguments.push_str(&piece),
            Some(Value::Null) | None => {}
            Some(whole) => call.arguments.push_str(&whole.to_string()),
        }
    }
}

/// Chat's `{"content": [...]}` or completions' parallel arrays.
fn logprobs(wire: &Value) -> Vec<TokenLogprob> {
    let bytes_of = |entry: &Value, token: &str| -> Vec<u8> {
        match entry["bytes"].as_array() {
            Some(bytes) => bytes.iter().filter_map(|b| b.as_u64().and_then(|b| u8::try_from(b).ok())).collect(),
            None => token.as_bytes().to_vec(),
        }
    };
    let value = |entry: &Value| entry["logprob"].as_f64().unwrap_or(f64::NEG_INFINITY) as f32;
    let token = |entry: &Value| entry["token"].as_str().unwrap_or_default().to_owned();
    if let Some(entries) = wire["content"].as_array() {
        let top = |entry: &Value| {
            let alternatives = entry["top_logprobs"].as_array().into_iter().flatten();
            alternatives.map(|t| (token(t), bytes_of(t, &token(t)), value(t))).collect()
        };
        return entries
            .iter()
            .map(|e| TokenLogprob { token: token(e), bytes: bytes_of(e, &token(e)), logprob: value(e), top: top(e) })
            .collect();
    }
    let tokens = wire["tokens"].as_array().into_iter().flatten().enumerate();
    tokens
        .map(|(i, t)| {
            let text = t.as_str().unwrap_or_default().to_owned();
            let top = wire["top_logprobs"][i].as_object().into_iter().flatten();
            TokenLogprob {
                bytes: text.as_bytes().to_vec(),
                logprob: wire["token_logprobs"][i].as_f64().unwrap_or(f64::NEG_INFINITY) as f32,
                top: top.map(|(t, lp)| (t.clone(), t.as_bytes().to_vec(), lp.as_f64().unwrap_or(f64::NEG_INFINITY) as f32)).collect(),
                token: text,
            }
        })
        .collect()
}

fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::Provider { status: None, message: format!("The model provider {what}.") }
}

/// The sentence in an error body, in the shapes that providers use.
pub(super) fn error_text(body: &Value) -> Option<String> {
    let candidates = [&body["error"]["message"], &body["error"], &body["message"], &body["detail"], &body[0]["error"]["message"]];
    candidates.into_iter().find_map(Value::as_str).filter(|t| !t.trim().is_empty()).map(str::to_owned)
}

/// Whether a refusal means that the prompt is too long: OpenAI and vLLM say it in `code` or in words, llama.cpp in `type`.
pub(super) fn is_context_overflow(body: &Value, text: &str) -> bool {
    let words = ["context_length_exceeded", "exceed_context_size_error"];
    let named = [&body["error"]["code"], &body["error"]["type"], &body["code"], &body["type"]];
    let text = text.to_lowercase();
    named.into_iter().filter_map(Value::as_str).any(|code| words.contains(&code))
        || ["maximum context length", "context window", "exceeds the available context", "prompt is too long"]
            .iter()
            .any(|p| text.contains(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[Value]) -> Vec<Event> {
        let mut assembler = Assembler::new(true);
        let mut events: Vec<_> = chunks.iter().flat_map(|c| assembler.push(&c.to_string()).unwrap()).collect();
        events.extend(assembler.finish(|| 7, Timing::default()).unwrap());
        events
    }

    fn done(events: &[Event]) -> &Done {
        match events.last().unwrap() {
            Event::Done(done) => done,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_goes_out_in_openais_words() {
        let mut request = Request::new(Input::Chat(vec![
            Message::text(Role::System, "Be brief."),
            Message {
                content: vec![
                    Part::Text("What is it?".into()),
                    Part::Image(Image { bytes: vec![1, 2, 3].into(), mime_type: "image/png".into(), detail: Detail::Low }),
                ],
                ..Message::text(Role::User, "")
            },
            Message {
                tool_calls: vec![ToolCall { id: "c1".into(), name: "look".into(), arguments: "{}".into() }],
                ..Message::text(Role::Assistant, "")
            },
            Message { tool_call_id: Some("c1".into()), ..Message::text(Role::Tool, "a cat") },
        ]));
        request.tools = vec![Tool { name: "look".into(), description: String::new(), parameters: json!({"type": "object"}) }];
        request.tool_choice = ToolChoice::Named("look".into());
        request.format = Format::JsonSchema(json!({"type": "object"}));
        request.sampling.temperature = 0.7;
        request.sampling.logit_bias = vec![(5, -1.5)];
        request.max_tokens = Some(9);
        request.stop = vec!["\n".into()];
        request.logprobs = Some(2);
        let (path, body) = body("m", &request, "max_tokens").unwrap();
        assert_eq!(path, "chat/completions");
        assert_eq!(
            body,
            json!({
                "model": "m",
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [
                        {"type": "text", "text": "What is it?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID", "detail": "low"}},
                    ]},
                    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
                    {"role": "tool", "content": "a cat", "tool_call_id": "c1"},
                ],
                "stream": true,
                "stream_options": {"include_usage": true},
                "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
                "tool_choice": {"type": "function", "function": {"name": "look"}},
                "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": true}},
                "temperature": 0.7,
                "logit_bias": {"5": -1.5},
                "max_tokens": 9,
                "stop": ["\n"],
                "logprobs": true,
                "top_logprobs": 2,
            })
        );
    }

    #[test]
    fn too_long_is_told_from_other_refusals() {
        let of = |body: Value| is_context_overflow(&body, &error_text(&body).unwrap_or_default());
        assert!(of(json!({"error": {"message": "Too long.", "code": "context_length_exceeded"}})), "OpenAI");
        assert!(of(json!({"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400})), "vLLM");
        assert!(
            of(json!({"error": {"code": 400, "message": "request (9 tokens) exceeds", "type": "exceed_context_size_error"}})),
            "llama.cpp"
        );
        assert!(!of(json!({"error": {"message": "Unknown field 'context'.", "code": "invalid_value"}})));
        assert!(!of(Value::Null));
    }

    #[test]
    fn text_and_usage_come_out() {
        let events = events(&[
            json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
            json!({"choices": [{"delta": {"content": "Hel"}, "logprobs": {"content": [{"token": "Hel", "logprob": -0.5, "bytes": [72, 101, 108], "top_logprobs": []}]}}]}),
            json!({"choices": [{"delta": {"content": "lo"}, "finish_reason": null}]}),
            json!({"choices": [{"delta": {}, "finish_reason": "length"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}}),
        ]);
        assert_eq!(events.len(), 3);
        let Event::Text { text, logprobs } = &events[0] else { panic!() };
        assert_eq!((text.as_str(), logprobs[0].logprob, logprobs[0].bytes.as_slice()), ("Hel", -0.5, b"Hel".as_slice()));
        assert_eq!(done(&events).finish_reason, FinishReason::Length);
        assert_eq!(done(&events).usage, Usage { prompt_tokens: 3, completion_tokens: 2, cached_tokens: 1, image_tokens: 0 });
    }

    #[test]
    fn call_deltas_are_put_together() {
        let piece = |index: usize, id: Value, name: Value, arguments: &str| json!({"choices": [{"delta": {"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}}]});
        let events = events(&[
            piece(0, json!("a"), json!("f"), ""),
            piece(0, Value::Null, Value::Null, "{\"x\""),
            piece(1, json!("b"), json!("g"), "{}"),
            piece(0, Value::Null, Value::Null, ": 1}"),
            json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
        ]);
        assert_eq!(events[0], Event::ToolCall(ToolCall { id: "a".into(), name: "f".into(), arguments: "{\"x\": 1}".into() }));
        assert_eq!(events[1], Event::ToolCall(ToolCall { id: "b".into(), name: "g".into(), arguments: "{}".into() }));
        assert_eq!(done(&events).finish_reason, FinishReason::ToolCalls);
        assert_eq!(done(&events).usage.prompt_tokens, 7, "estimated when the provider counts nothing");
    }

    #[test]
    fn calls_without_an_index_are_whole() {
        let call = |id: &str| json!({"choices": [{"delta": {"tool_calls": [{"id": id, "function": {"name": "f", "arguments": {"id": id}}}]}, "finish_reason": "tool_calls"}]});
        let events = events(&[call("a"), call("b")]);
        assert_eq!(events[0], Event::ToolCall(ToolCall { id: "a".into(), name: "f".into(), arguments: "{\"id\":\"a\"}".into() }));
        assert_eq!(events[1], Event::ToolCall(ToolCall { id: "b".into(), name: "f".into(), arguments: "{\"id\":\"b\"}".into() }));
    }

    #[test]
    fn reasoning_stands_between_think_tags() {
        let events = events(&[
            json!({"choices": [{"delta": {"reasoning_content": "Hm"}}]}),
            json!({"choices": [{"delta": {"reasoning_content": "."}}]}),
            json!({"choices": [{"delta": {"content": "Yes"}, "finish_reason": "stop"}]}),
        ]);
        let text: String =
            events.iter().filter_map(|e| if let Event::Text { text, .. } = e { Some(text.as_str()) } else { None }).collect();
        assert_eq!(text, "<think>\nHm.\n</think>\n\nYes");
    }

    #[test]
    fn what_is_broken_fails() {
        assert!(Assembler::new(false).push("{").is_err());
        let mut assembler = Assembler::new(false);
        assembler.push(r#"{"choices": [{"delta": {"content": "a"}}]}"#).unwrap();
        assert!(assembler.finish(|| 0, Timing::default()).is_err(), "ended early");
        let failure = Assembler::new(false).push(r#"{"error": {"message": "no quota", "code": 402}}"#).unwrap_err();
        assert!(matches!(failure, Failure::Provider { status: Some(402), message } if message == "no quota"));
    }

    #[test]
    fn error_bodies_of_many_shapes() {
        for body in [
            json!({"error": {"message": "x"}}),
            json!({"error": "x"}),
            json!({"message": "x"}),
            json!({"detail": "x"}),
            json!([{"error": {"message": "x"}}]),
        ] {
            assert_eq!(error_text(&body).as_deref(), Some("x"), "{body}");
        }
        assert_eq!(error_text(&json!({"detail": [1]})), None);
    }
}
