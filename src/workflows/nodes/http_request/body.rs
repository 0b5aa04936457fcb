//! The body of a request.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::super::{Context, FieldError, NodeError, lenient, read};
use crate::workflows::host::{HttpBody, HttpPart, HttpPartContent};
use crate::workflows::template::{Segment, Template};
use crate::workflows::value;
use crate::workflows::vars::{Pool, Selector};

pub(super) const MULTIPART: &str = "multipart/form-data";

#[derive(Debug)]
pub(super) enum Body {
    None,
    Raw(Template),
    Json(Template),
    Binary(Selector),
    Urlencoded(Vec<Field>),
    FormData(Vec<Field>),
}

#[derive(Debug)]
pub(super) struct Field {
    key: Template,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(Template),
    File(Selector),
}

impl Body {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        let kind = data.get("type").and_then(Value::as_str).unwrap_or("none");
        let items = items(data.get("data").unwrap_or(&Value::Null))?;
        let one = || match items.as_slice() {
            [item] => Ok(item),
            many => Err(FieldError::new("body.data", format!("a body of type {kind} has exactly one item, not {}", many.len()))),
        };
        Ok(match kind {
            "none" | "" => Self::None,
            "raw-text" => Self::Raw(Template::parse(&one()?.value)),
            "json" => Self::Json(Template::parse(&one()?.value)),
            "binary" => Self::Binary(one()?.file.clone()),
            "x-www-form-urlencoded" => Self::Urlencoded(items.iter().map(Item::text_field).collect()),
            "form-data" => {
                Self::FormData(items.iter().map(|item| if item.is_file() { item.file_field() } else { item.text_field() }).collect())
            }
            other => {
                let known = "none, form-data, x-www-form-urlencoded, raw-text, json, binary";
                return Err(FieldError::new("body.type", format!("'{other}' is no type of body: choose one of {known}")));
            }
        })
    }

    /// What the body is, unless the request's headers say something else.
    pub fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::None | Self::Binary(_) => None,
            Self::Raw(_) => Some("text/plain"),
            Self::Json(_) => Some("application/json"),
            Self::Urlencoded(_) => Some("application/x-www-form-urlencoded"),
            Self::FormData(_) => Some(MULTIPART),
        }
    }

    pub async fn render(&self, context: &Context) -> Result<HttpBody, NodeError> {
        let pool = &context.pool;
        Ok(match self {
            Self::None => HttpBody::None,
            Self::Raw(text) => HttpBody::Bytes(text.text(pool).into()),
            Self::Json(text) => HttpBody::Bytes(json(text, pool)?),
            Self::Binary(selector) => {
                let value = pool.get_or_null(selector);
                let [file] = value::files(&value)[..] else {
                    let message = format!("The body must be one file: the variable {selector} is none.");
                    return Err(NodeError::new("FileFetchError", message));
                };
                HttpBody::File { filename: attribute(file, "name"), bytes: context.host.read_file(file).await? }
            }
            Self::Urlencoded(fields) => HttpBody::Form(fields.iter().filter_map(|field| field.text(pool)).collect()),
            Self::FormData(fields) => {
                let mut parts = Vec::new();
                for field in fields {
                    if let Some((name, text)) = field.text(pool) {
                        parts.push(HttpPart { name, content: HttpPartContent::Text(text) });
                    }
                    if let Content::File(selector) = &field.content {
                        let (name, value) = (field.key.text(pool), pool.get_or_null(selector));
                        for file in value::files(&value) {
                            let bytes = context.host.read_file(file).await?;
                            let mime_type = Some(attribute(file, "mime_type")).filter(|t| !t.is_empty());
                            let mime_type = mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                            let content = HttpPartContent::File { filename: attribute(file, "name"), mime_type, bytes };
                            parts.push(HttpPart { name: name.clone(), content });
                        }
                    }
                }
                HttpBody::Multipart(parts)
            }
        })
    }
}

impl Field {
    /// Name and value of a text field; rows that the editor left empty are none.
    fn text(&self, pool: &Pool) -> Option<(String, String)> {
        let Content::Text(value) = &self.content else { return None };
        let (key, value) = (self.key.text(pool), value.text(pool));
        (!key.is_empty() || !value.is_empty()).then_some((key, value))
    }
}

#[derive(Debug, Default, Deserialize)]
struct Item {
    #[serde(default)]
    key: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    file: Selector,
}

impl Item {
    fn is_file(&self) -> bool {
        self.kind == "file"
    }

    fn text_field(&self) -> Field {
        Field { key: Template::parse(&self.key), content: Content::Text(Template::parse(&self.value)) }
    }

    fn file_field(&self) -> Field {
        Field { key: Template::parse(&self.key), content: Content::File(self.file.clone()) }
    }
}

/// Older files have the text itself in place of the list.
fn items(data: &Value) -> Result<Vec<Item>, FieldError> {
    match data {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Item { value: text.clone(), ..Item::default() }]),
        list => read(list)
            .map_err(|e| FieldError::new(format!("body.data{}{}", if e.field.starts_with('[') { "" } else { "." }, e.field), e.message)),
    }
}

/// JSON goes out as it is written. What is none, because variables brought quotes and line breaks into strings, is written
/// again with these escaped; what is none even so is repaired.
fn json(template: &Template, pool: &Pool) -> Result<Bytes, NodeError> {
    let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    let text = template.text(pool).trim().to_owned();
    if text.is_empty() || is_json(&text) {
        return Ok(text.into());
    }
    let escaped = with_escapes(template, pool);
    if is_json(&escaped) {
        return Ok(escaped.into());
    }
    let repaired = lenient::parse(&escaped).or_else(|| lenient::parse(&text));
    let repaired = repaired.ok_or_else(|| NodeError::new("RequestBodyError", format!("Failed to parse JSON: {text}")))?;
    Ok(repaired.to_string().into())
}

/// The template's text with the values of variables that stand inside strings escaped.
fn with_escapes(template: &Template, pool: &Pool) -> String {
    let mut out = String::new();
    let (mut in_string, mut after_backslash) = (false, false);
    for segment in &template.0 {
        match segment {
            Segment::Text(text) => {
                for c in text.chars() {
                    in_string ^= c == '"' && !after_backslash;
                    after_backslash = c == '\\' && !after_backslash;
                }
                out.push_str(text);
            }
            Segment::Variable(_) => {
                let text = Template(vec![segment.clone()]).text(pool);
                if in_string {
                    let quoted = Value::String(text).to_string();
                    out.push_str(&quoted[1..quoted.len() - 1]);
                } else {
                    out.push_str(&text);
                }
            }
        }
    }
    out
}

fn attribute(file: &Value, name: &str) -> String {
    value::file_attribute(file, name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
