//! The text side of a request: messages to token ids by the checkpoint's chat template, and sampled tokens back to text,
//! stop strings and tool calls. Knows no pixels, no scheduler.

pub mod python;
mod stream;
mod template;
mod utf8;

use std::sync::Arc;

use serde_json::{Map, Value, json};

pub use stream::{TextStream, ToolSyntax};

use super::request::{Failure, Message, Part, Tool};
use super::tokenizer::{self, Tokenizer};

/// One checkpoint's way with text.
pub struct Text {
    tokenizer: Arc<Tokenizer>,
    template: Option<template::ChatTemplate>,
    /// `bos_token`, `eos_token`, … for the template.
    names: Vec<(String, String)>,
    /// Put before plain prompts.
    add_bos: Option<u32>,
    tool_syntax: Option<ToolSyntax>,
}

impl Text {
    /// Fails if the chat template is no Jinja that we know; says why.
    pub fn new(
        tokenizer: Arc<Tokenizer>,
        chat_template: Option<&tokenizer::ChatTemplate>,
        add_bos: Option<u32>,
    ) -> Result<Self, anyhow::Error> {
        let template = chat_template.map(|chat| template::ChatTemplate::new(&chat.source)).transpose()?;
        let names = chat_template.map(|chat| chat.tokens.clone().into_iter().collect()).unwrap_or_default();
        let tool_syntax = chat_template.and_then(|chat| tool_syntax(&chat.source));
        Ok(Self { tokenizer, template, names, add_bos, tool_syntax })
    }

    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// How the family writes tool calls; `None` = its template knows no tools.
    pub fn tool_syntax(&self) -> Option<ToolSyntax> {
        self.tool_syntax
    }

    /// Ids of a plain prompt. Special tokens written in it are recognised: who sends raw prompts writes them himself.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, Failure> {
        let mut ids: Vec<u32> = self.add_bos.into_iter().collect();
        let encoded = self.tokenizer.encode(text, false).map_err(internal)?;
        if self.add_bos.is_some() && encoded.first() == self.add_bos.as_ref() {
            ids.clear();
        }
        ids.extend(encoded);
        Ok(ids)
    }

    /// Ids of a conversation as the template writes it, up to where the model's answer begins, with one placeholder a
    /// picture or clip. Special tokens come from the template alone: written in a message they stay ordinary text.
    pub fn encode_chat(&self, messages: &[Message], tools: &[Tool]) -> Result<Vec<u32>, Failure> {
        let Some(template) = &self.template else {
            return Err(Failure::Unsupported("this model has no chat template: it only completes text".to_owned()));
        };
        if messages.is_empty() {
            return Err(invalid("messages", "must hold at least one message"));
        }
        let mut context = json!({
            "messages": messages.iter().map(message_json).collect::<Vec<_>>(),
            "add_generation_prompt": true,
        });
        if !tools.is_empty() {
            context["tools"] = tools.iter().map(tool_json).collect();
        }
        let marker = self.neutralise(&mut context)?;
        for (name, token) in &self.names {
            context[name] = json!(token);
        }
        let rendered = template.render(&context).map_err(|error| {
            let detail = error.detail().map_or_else(|| error.to_string(), str::to_owned);
            invalid("messages", format!("the model's chat template refuses them: {detail}"))
        })?;
        match marker {
            None => self.tokenizer.encode(&rendered, false).map_err(internal),
            Some(marker) => self.encode_marked(&rendered, marker),
        }
    }

    /// Breaks up special tokens in every string of the context by a marker character that occurs nowhere in it. `None`
    /// if there are none, which is the rule.
    fn neutralise(&self, context: &mut Value) -> Result<Option<char>, Failure> {
        let specials: Vec<&str> = self.tokenizer.special_tokens().keys().map(String::as_str).filter(|s| !s.is_empty()).collect();
        let mut found = false;
        any_string(context, &mut |text| found |= specials.iter().any(|special| text.contains(special)));
        if !found {
            return Ok(None);
        }
        // Unicode's noncharacters, reserved for such internal use.
        let marker = ('\u{fdd0}'..='\u{fdef}').find(|marker| {
            let mut used = false;
            any_string(context, &mut |text| used |= text.contains(*marker));
            !used
        });
        let marker = marker.ok_or_else(|| invalid("messages", "the text holds all of Unicode's noncharacters"))?;
        mark_strings(context, &specials, marker);
        Ok(Some(marker))
    }

    fn encode_marked(&self, rendered: &str, marker: char) -> Result<Vec<u32>, Failure> {
        let mut ids = Vec::new();
        let mut rest = rendered;
        loop {
            let special = self.tokenizer.find_special(rest);
            let end = special.map_or(rest.len(), |(at, _)| at);
            let plain = rest[..end].replace(marker, "");
            ids.extend(self.tokenizer.encode_plain(&plain).map_err(internal)?);
            let Some((at, _)) = special else { return Ok(ids) };
            // Several special tokens may begin here: the longest is meant.
            let longest = self.tokenizer.special_tokens().iter().filter(|(name, _)| rest[at..].starts_with(name.as_str()));
            let Some((name, id)) = longest.max_by_key(|(name, _)| name.len()) else { return Ok(ids) };
            ids.push(*id);
            rest = &rest[at + name.len()..];
        }
    }
}

fn invalid(field: &str, message: impl Into<String>) -> Failure {
    Failure::Invalid { field: field.to_owned(), message: message.into() }
}

fn internal(error: anyhow::Error) -> Failure {
    Failure::Internal(Arc::new(error))
}

fn tool_syntax(template: &str) -> Option<ToolSyntax> {
    if !template.contains("tools") {
        None
    } else if template.contains("<tool_call>") {
        Some(ToolSyntax::Hermes)
    } else if template.contains("ipython") || template.contains("<|python_tag|>") {
        Some(ToolSyntax::Json)
    } else {
        None
    }
}

/// A message as `transformers` hands it to templates.
fn message_json(message: &Message) -> Value {
    let mut json = Map::new();
    json.insert("role".to_owned(), json!(message.role));
    json.insert("content".to_owned(), content_json(&message.content));
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| Value::String(call.arguments.clone()));
            json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        });
        json.insert("tool_calls".to_owned(), calls.collect());
    }
    if let Some(id) = &message.tool_call_id {
        json.insert("tool_call_id".to_owned(), json!(id));
    }
    if let Some(name) = &message.name {
        json.insert("name".to_owned(), json!(name));
    }
    Value::Object(json)
}

/// Text alone is a string (many templates know nothing else); with pictures it is a list, neighbouring texts joined so
/// that no special token can be put together from two of them.
fn content_json(content: &[Part]) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    let mut text = String::new();
    let flush = |text: &mut String, parts: &mut Vec<Value>| {
        if !text.is_empty() {
            parts.push(json!({"type": "text", "text": std::mem::take(text)}));
        }
    };
    for part in content {
        match part {
            Part::Text(more) => text.push_str(more),
            Part::Image(_) => {
                flush(&mut text, &mut parts);
                parts.push(json!({"type": "image"}));
            }
            Part::Video(_) => {
                flush(&mut text, &mut parts);
                parts.push(json!({"type": "video"}));
            }
        }
    }
    if parts.is_empty() {
        return Value::String(text);
    }
    flush(&mut text, &mut parts);
    Value::Array(parts)
}

fn tool_json(tool: &Tool) -> Value {
    let mut function = Map::new();
    function.insert("name".to_owned(), json!(tool.name));
    if !tool.description.is_empty() {
        function.insert("description".to_owned(), json!(tool.description));
    }
    let parameters = match &tool.parameters {
        Value::Null => json!({"type": "object", "properties": {}}),
        schema => schema.clone(),
    };
    function.insert("parameters".to_owned(), parameters);
    json!({"type": "function", "function": function})
}

fn any_string(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| any_string(item, see)),
        Value::Object(map) => {
            for (key, item) in map {
                see(key);
                any_string(item, see);
            }
        }
        _ => {}
    }
}

fn mark_strings(value: &mut Value, specials: &[&str], marker: char) {
    match value {
        Value::String(text) => *text = marked(text, specials, marker),
        Value::Array(items) => items.iter_mut().for_each(|item| mark_strings(item, specials, marker)),
        Value::Object(map) => {
            for (key, mut item) in std::mem::take(map) {
                mark_strings(&mut item, specials, marker);
                map.insert(marked(&key, specials, marker), item);
            }
        }
        _ => {}
    }
}

/// The marker behind the first character of every special token in the text.
fn marked(text: &str, specials: &[&str], marker: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        out.push(c);
        if specials.iter().any(|special| text[at..].starts_with(special)) {
            out.push(marker);
        }
    }
    out
}
