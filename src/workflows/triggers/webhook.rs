//! `trigger-webhook`: which requests it takes, and what they become.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::parameters::{Parameter, ParameterType};
use crate::apps::inputs::without_nul;
use crate::error::{Error, Result};
use crate::workflows::nodes::{FieldError, read};
use crate::workflows::vars::Vars;

/// The output that holds the whole request.
const RAW: &str = "_webhook_raw";

/// A node's data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Webhook {
    #[serde(default, deserialize_with = "in_any_case")]
    pub method: Method,
    #[serde(default, deserialize_with = "in_any_case")]
    pub content_type: ContentType,
    #[serde(default)]
    headers: Vec<Parameter>,
    #[serde(default)]
    params: Vec<Parameter>,
    #[serde(default)]
    body: Vec<Parameter>,
    /// Of the answer.
    #[serde(default = "ok")]
    pub status_code: u16,
    /// A template over what the request brought.
    #[serde(default)]
    pub response_body: String,
}

fn ok() -> u16 {
    200
}

/// A name that files write in capitals or not.
fn in_any_case<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?.trim().to_lowercase();
    T::deserialize(text.into_deserializer())
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

/// What a request's body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum ContentType {
    #[default]
    #[serde(rename = "application/json", alias = "")]
    Json,
    #[serde(rename = "multipart/form-data")]
    Multipart,
    #[serde(rename = "application/x-www-form-urlencoded")]
    Urlencoded,
    #[serde(rename = "text/plain")]
    Text,
    #[serde(rename = "application/octet-stream")]
    Octets,
}

impl ContentType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Multipart => "multipart/form-data",
            Self::Urlencoded => "application/x-www-form-urlencoded",
            Self::Text => "text/plain",
            Self::Octets => "application/octet-stream",
        }
    }

    /// Whether a request that says `essence`, a media type without parameters, brings that.
    pub fn takes(self, essence: &str) -> bool {
        essence == self.as_str() || self == Self::Json && essence.starts_with("application/") && essence.ends_with("+json")
    }
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub method: String,
    /// Written `Content-Type`.
    pub headers: BTreeMap<String, String>,
    /// The first of each name.
    pub query: BTreeMap<String, String>,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Json(Value),
    Form {
        /// The first of each name.
        fields: BTreeMap<String, String>,
        files: Vec<FormFile>,
    },
    Text(String),
    /// The body is a file, unless it is empty.
    File(Option<FormFile>),
}

/// A file that a request brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormFile {
    /// The form's name for it.
    pub field: String,
    pub file_name: String,
    pub mime_type: String,
    pub bytes: Bytes,
}

impl Delivery {
    /// Case, hyphens and underscores make no difference.
    fn header(&self, name: &str) -> Option<&str> {
        let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        let wanted = plain(name);
        self.headers.iter().find(|(name, _)| plain(name) == wanted).map(|(_, value)| value.as_str())
    }
}

/// A request that was found good, before its files are kept.
#[derive(Debug)]
pub struct Accepted {
    headers: Map<String, Value>,
    query: Map<String, Value>,
    body: Value,
    pub files: Vec<FormFile>,
}

impl Webhook {
    /// Reads a node's data; names the field that is wrong.
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        let webhook: Self = read(data)?;
        if !(200..=599).contains(&webhook.status_code) {
            return Err(FieldError::new("status_code", format!("must be a status from 200 to 599, not {}", webhook.status_code)));
        }
        for (field, parameters) in [("headers", &webhook.headers), ("params", &webhook.params), ("body", &webhook.body)] {
            for (i, parameter) in parameters.iter().enumerate() {
                if parameter.name.trim().is_empty() {
                    return Err(FieldError::new(format!("{field}[{i}].name"), "must be the name of what the request brings"));
                }
                if parameter.kind == ParameterType::File && field != "body" {
                    return Err(FieldError::new(format!("{field}[{i}].type"), "files come in the body only"));
                }
            }
        }
        Ok(webhook)
    }

    /// Holds a request against what is declared; names what is missing or of another type.
    pub fn check(&self, delivery: &Delivery) -> Result<Accepted> {
        for header in self.headers.iter().filter(|header| header.required) {
            if delivery.header(&header.name).is_none() {
                return Err(Error::invalid(&header.name, format!("Required header missing: {}", header.name)));
            }
        }
        let mut query = Map::new();
        for parameter in &self.params {
            let value = match delivery.query.get(&parameter.name) {
                Some(text) => convert(parameter, text.as_str(), ParameterType::of_text)?,
                None if parameter.required => return Err(missing("parameter", parameter)),
                None => continue,
            };
            query.insert(parameter.name.clone(), value);
        }
        for (name, text) in &delivery.query {
            query.entry(name.clone()).or_insert_with(|| Value::String(text.clone()));
        }
        let (body, files) = self.check_body(&delivery.body)?;
        let headers = delivery.headers.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
        Ok(Accepted { headers, query, body, files })
    }

    fn check_body(&self, body: &Body) -> Result<(Value, Vec<FormFile>)> {
        let required = self.body.iter().find(|parameter| parameter.required);
        match body {
            Body::Json(json) => {
                for parameter in &self.body {
                    match json.get(&parameter.name).filter(|value| !value.is_null()) {
                        Some(value) => drop(convert(parameter, value, ParameterType::of_json)?),
                        None if parameter.required => return Err(missing("body parameter", parameter)),
                        None => {}
                    }
                }
                Ok((without_nul(json), Vec::new()))
            }
            Body::Form { fields, files } => {
                let mut checked = Map::new();
                for parameter in &self.body {
                    let is_there = match parameter.kind {
                        ParameterType::File => files.iter().any(|file| file.field == parameter.name),
                        _ => fields.contains_key(&parameter.name),
                    };
                    if parameter.required && !is_there {
                        return Err(missing("body parameter", parameter));
                    }
                    if let Some(text) = fields.get(&parameter.name) {
                        checked.insert(parameter.name.clone(), convert(parameter, text.as_str(), ParameterType::of_text)?);
                    }
                }
                for (name, text) in fields {
                    checked.entry(name.clone()).or_insert_with(|| Value::String(text.clone()));
                }
                Ok((without_nul(&Value::Object(checked)), files.clone()))
            }
            Body::Text(text) => match required.filter(|_| text.is_empty()) {
                Some(parameter) => Err(no_content(self.content_type, parameter)),
                None => Ok((json!({"raw": text.replace('\0', "")}), Vec::new())),
            },
            Body::File(None) => match required {
                Some(parameter) => Err(no_content(self.content_type, parameter)),
                None => Ok((json!({"raw": null}), Vec::new())),
            },
            // its value comes with the kept file
            Body::File(Some(file)) => Ok((json!({"raw": null}), vec![file.clone()])),
        }
    }

    /// The outputs of the node: every declared name, null where the request had nothing, and the request itself. `files`: the
    /// kept ones, in the order of [`Accepted::files`].
    pub fn outputs(&self, delivery: &Delivery, accepted: Accepted, files: Vec<Value>) -> Vars {
        let Accepted { headers, query, mut body, files: given } = accepted;
        let mut kept: Map<String, Value> = Map::new();
        for (file, value) in given.into_iter().zip(files) {
            match self.content_type {
                ContentType::Octets => body = json!({"raw": value}),
                // the first of a name, as with texts
                _ => drop(kept.entry(file.field).or_insert(value)),
            }
        }
        let mut outputs = Vars::new();
        for header in &self.headers {
            let value = delivery.header(&header.name).map_or(Value::Null, |text| Value::String(text.to_owned()));
            outputs.insert(header.name.replace('-', "_"), value);
        }
        for parameter in &self.params {
            outputs.insert(parameter.name.clone(), query.get(&parameter.name).cloned().unwrap_or_default());
        }
        for parameter in &self.body {
            let value = match (self.content_type, parameter.kind) {
                (ContentType::Text | ContentType::Octets, _) => body.get("raw"),
                (_, ParameterType::File) => kept.get(&parameter.name),
                _ => body.get(&parameter.name),
            };
            outputs.insert(parameter.name.clone(), value.cloned().unwrap_or_default());
        }
        let raw = json!({"method": delivery.method, "headers": headers, "query_params": query, "body": body, "files": kept});
        outputs.insert(RAW.to_owned(), raw);
        outputs
    }
}

fn convert<T: ?Sized>(parameter: &Parameter, given: &T, convert: impl Fn(ParameterType, &T) -> Result<Value, String>) -> Result<Value> {
    let name = &parameter.name;
    convert(parameter.kind, given).map_err(|why| Error::invalid(name, format!("Parameter '{name}' validation failed: {why}")))
}

fn missing(what: &str, parameter: &Parameter) -> Error {
    Error::invalid(&parameter.name, format!("Required {what} missing: {}", parameter.name))
}

fn no_content(content_type: ContentType, parameter: &Parameter) -> Error {
    Error::invalid(&parameter.name, format!("Required body content missing for {} request: {}", content_type.as_str(), parameter.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn delivery(body: Body) -> Delivery {
        Delivery {
            method: "POST".into(),
            headers: texts(&[("X-Event-Name", "push"), ("Content-Type", "x/y")]),
            query: texts(&[("page", "2"), ("extra", "e")]),
            body,
        }
    }

    fn webhook(content_type: &str, body: Value) -> Webhook {
        Webhook::parse(&json!({
            "type": "trigger-webhook", "method": "POST", "content_type": content_type, "webhook_url": null, "async_mode": true,
            "headers": [{"name": "x-event-name", "type": "string", "required": true}, {"name": "x-none", "required": false}],
            "params": [{"name": "page", "type": "number", "required": true}, {"name": "flag", "type": "boolean"}],
            "body": body,
        }))
        .unwrap()
    }

    fn outputs(webhook: &Webhook, body: Body) -> Value {
        let delivery = delivery(body);
        let accepted = webhook.check(&delivery).unwrap();
        let files = accepted.files.iter().map(|file| json!({"kept": file.file_name})).collect();
        Value::Object(webhook.outputs(&delivery, accepted, files))
    }

    fn file(field: &str) -> FormFile {
        FormFile { field: field.into(), file_name: format!("{field}.txt"), mime_type: "text/plain".into(), bytes: Bytes::from_static(b"x") }
    }

    #[test]
    fn declared_names_become_outputs() {
        let webhook =
            webhook("application/json", json!([{"name": "user", "type": "object", "required": true}, {"name": "n", "type": "number"}]));
        let body = json!({"user": {"id": 1}, "other": [true], "n": null});
        assert_eq!(
            outputs(&webhook, Body::Json(body.clone())),
            json!({
                "x_event_name": "push", "x_none": null, "page": 2, "flag": null, "user": {"id": 1}, "n": null,
                "_webhook_raw": {
                    "method": "POST", "headers": {"Content-Type": "x/y", "X-Event-Name": "push"}, "query_params": {"page": 2, "extra": "e"},
                    "body": body, "files": {},
                },
            })
        );
    }

    #[test]
    fn forms_bring_texts_and_files() {
        let webhook =
            webhook("multipart/form-data", json!([{"name": "n", "type": "number"}, {"name": "doc", "type": "file", "required": true}]));
        let form = Body::Form { fields: texts(&[("n", "1.5"), ("note", "hi")]), files: vec![file("doc"), file("more"), file("doc")] };
        let outputs = outputs(&webhook, form);
        assert_eq!((&outputs["n"], &outputs["doc"]), (&json!(1.5), &json!({"kept": "doc.txt"})));
        assert_eq!(outputs["_webhook_raw"]["body"], json!({"n": 1.5, "note": "hi"}));
        assert_eq!(outputs["_webhook_raw"]["files"], json!({"doc": {"kept": "doc.txt"}, "more": {"kept": "more.txt"}}));
    }

    #[test]
    fn texts_and_files_are_the_whole_body() {
        let body = json!([{"name": "content", "type": "string", "required": true}]);
        let text = outputs(&webhook("text/plain", body.clone()), Body::Text("a\0b".into()));
        assert_eq!((&text["content"], &text["_webhook_raw"]["body"]), (&json!("ab"), &json!({"raw": "ab"})));
        let octets = outputs(&webhook("application/octet-stream", body.clone()), Body::File(Some(file("raw"))));
        assert_eq!(octets["content"], json!({"kept": "raw.txt"}));
        assert_eq!((&octets["_webhook_raw"]["body"]["raw"], &octets["_webhook_raw"]["files"]), (&json!({"kept": "raw.txt"}), &json!({})));
        let nothing = outputs(&webhook("application/octet-stream", json!([{"name": "content", "type": "file"}])), Body::File(None));
        assert_eq!(nothing["content"], Value::Null);
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        let refused = |webhook: &Webhook, delivery: &Delivery| {
            let error = webhook.check(delivery).unwrap_err();
            (error.param.unwrap(), error.message)
        };
        let pair = |name: &str, message: &str| (name.to_owned(), message.to_owned());
        let json_hook = webhook("application/json", json!([{"name": "n", "type": "number", "required": true}]));
        let good = delivery(Body::Json(json!({"n": 1})));
        let without_header = Delivery { headers: texts(&[]), ..good.clone() };
        assert_eq!(refused(&json_hook, &without_header), pair("x-event-name", "Required header missing: x-event-name"));
        let without_page = Delivery { query: texts(&[]), ..good.clone() };
        assert_eq!(refused(&json_hook, &without_page), pair("page", "Required parameter missing: page"));
        let bad_page = Delivery { query: texts(&[("page", "two")]), ..good.clone() };
        assert_eq!(refused(&json_hook, &bad_page), pair("page", "Parameter 'page' validation failed: Cannot convert 'two' to number"));
        for body in [json!({}), json!({"n": null}), json!([1]), json!("n")] {
            let bad = delivery(Body::Json(body));
            assert_eq!(refused(&json_hook, &bad), pair("n", "Required body parameter missing: n"));
        }
        let bad = delivery(Body::Json(json!({"n": "1"})));
        assert_eq!(refused(&json_hook, &bad), pair("n", "Parameter 'n' validation failed: Expected number, got string"));
        let form = webhook("multipart/form-data", json!([{"name": "doc", "type": "file", "required": true}]));
        let bad = delivery(Body::Form { fields: texts(&[]), files: vec![file("other")] });
        assert_eq!(refused(&form, &bad), pair("doc", "Required body parameter missing: doc"));
        let bad = delivery(Body::Form { fields: texts(&[("doc", "text")]), files: vec![file("doc")] });
        assert_eq!(refused(&form, &bad), pair("doc", "Parameter 'doc' validation failed: Expected a file, got text"));
        let text = webhook("text/plain", json!([{"name": "content", "required": true}]));
        let bad = delivery(Body::Text(String::new()));
        assert_eq!(refused(&text, &bad), pair("content", "Required body content missing for text/plain request: content"));
    }

    #[test]
    fn nodes_that_can_t_be_read_name_the_field() {
        let field = |data: Value| Webhook::parse(&data).unwrap_err().field;
        assert_eq!(field(json!({"method": "OPTIONS"})), "method");
        assert_eq!(field(json!({"content_type": "text/xml"})), "content_type");
        assert_eq!(field(json!({"status_code": 99})), "status_code");
        assert_eq!(field(json!({"body": [{"name": "a", "type": "array[file]"}]})), "body[0].type");
        assert_eq!(field(json!({"headers": [{"name": ""}]})), "headers[0].name");
        assert_eq!(field(json!({"params": [{"name": "a", "type": "file"}]})), "params[0].type");
        let plain = Webhook::parse(&json!({"title": "T"})).unwrap();
        assert_eq!((plain.method, plain.content_type, plain.status_code), (Method::Get, ContentType::Json, 200));
        assert!(ContentType::Json.takes("application/cloudevents+json") && !ContentType::Text.takes("application/json"));
    }
}
