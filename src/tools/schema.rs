//! JSON Schemas of a document, made to stand alone: references followed, cycles cut, OpenAPI's own keywords translated.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// Levels of a schema that are kept; below, anything goes.
const MAX_DEPTH: usize = 12;
/// Schemas within one operation that are kept; the rest allows anything.
const MAX_SCHEMAS: usize = 2_000;
/// References to references.
const MAX_HOPS: usize = 20;

/// Reads what a document's references mean.
pub struct Resolver<'a> {
    document: &'a Value,
    left: usize,
}

impl<'a> Resolver<'a> {
    pub fn new(document: &'a Value) -> Self {
        Self { document, left: MAX_SCHEMAS }
    }

    /// `value`, or what its `$ref` leads to; and the last reference followed.
    pub fn follow(&self, value: &'a Value) -> Result<(&'a Value, Option<&'a str>), String> {
        let (mut value, mut last) = (value, None);
        for _ in 0..MAX_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok((value, last)) };
            value = self.target(reference)?;
            last = Some(reference);
        }
        Err(format!("the reference {:?} leads in a circle", last.unwrap_or_default()))
    }

    fn target(&self, reference: &str) -> Result<&'a Value, String> {
        let pointer = reference
            .strip_prefix('#')
            .ok_or_else(|| format!("the reference {reference:?} leads to another document; give one document that holds everything"))?;
        let decoded: Cow<str> = percent_decode_str(pointer).decode_utf8_lossy();
        self.document.pointer(&decoded).ok_or_else(|| format!("the reference {reference:?} leads nowhere"))
    }

    /// A schema that needs no document.
    pub fn schema(&mut self, schema: &'a Value) -> Result<Value, String> {
        self.inline(schema, &mut Vec::new(), 0)
    }

    fn inline(&mut self, schema: &'a Value, open: &mut Vec<&'a str>, depth: usize) -> Result<Value, String> {
        let (target, reference) = self.follow(schema)?;
        let Some(from) = target.as_object() else { return Ok(json!({})) };
        let cyclic = reference.is_some_and(|r| open.contains(&r));
        if depth > MAX_DEPTH || cyclic || self.left == 0 {
            return Ok(from.get("type").filter(|t| t.is_string()).map_or_else(|| json!({}), |t| json!({"type": t})));
        }
        self.left -= 1;
        open.extend(reference);
        let mut out = Map::new();
        for (key, value) in from {
            match key.as_str() {
                "properties" => {
                    let mut properties = Map::new();
                    for (name, property) in value.as_object().into_iter().flatten() {
                        // what only answers have
                        if self.follow(property)?.0.get("readOnly") != Some(&json!(true)) {
                            properties.insert(name.clone(), self.inline(property, open, depth + 1)?);
                        }
                    }
                    out.insert(key.clone(), Value::Object(properties));
                }
                "items" | "additionalProperties" | "not" if value.is_object() => {
                    let inner = self.inline(value, open, depth + 1)?;
                    out.insert(key.clone(), inner);
                }
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    let parts = value.as_array().into_iter().flatten();
                    let parts: Result<Vec<_>, _> = parts.map(|part| self.inline(part, open, depth + 1)).collect();
                    out.insert(key.clone(), Value::Array(parts?));
                }
                "type"
                | "description"
                | "enum"
                | "const"
                | "default"
                | "required"
                | "format"
                | "pattern"
                | "title"
                | "additionalProperties"
                | "minimum"
                | "maximum"
                | "exclusiveMinimum"
                | "exclusiveMaximum"
                | "multipleOf"
                | "minLength"
                | "maxLength"
                | "minItems"
                | "maxItems"
                | "uniqueItems"
                | "nullable" => {
                    out.insert(key.clone(), value.clone());
                }
                // examples, xml, discriminators and the like say nothing about the value
                _ => {}
            }
        }
        if reference.is_some() {
            open.pop();
            // what stands beside a reference (3.1) wins
            if let Some(description) = schema.get("description").filter(|d| d.is_string()) {
                out.insert("description".into(), description.clone());
            }
        }
        merge_all_of(&mut out);
        translate(&mut out);
        Ok(Value::Object(out))
    }
}

/// Makes one object schema of `allOf`, so that its properties can be told one by one.
fn merge_all_of(schema: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = schema.shift_remove("allOf") else { return };
    for part in parts {
        let Value::Object(part) = part else { continue };
        for (key, value) in part {
            match (schema.get_mut(&key), value) {
                (Some(Value::Object(ours)), Value::Object(theirs)) if key == "properties" => ours.extend(theirs),
                (Some(Value::Array(ours)), Value::Array(theirs)) if key == "required" => {
                    let new: Vec<_> = theirs.into_iter().filter(|name| !ours.contains(name)).collect();
                    ours.extend(new);
                }
                (Some(_), _) => {}
                (None, value) => drop(schema.insert(key, value)),
            }
        }
    }
}

/// OpenAPI 3.0's keywords as JSON Schema's.
fn translate(schema: &mut Map<String, Value>) {
    if !schema.contains_key("type") && schema.contains_key("properties") {
        schema.insert("type".into(), json!("object"));
    }
    if schema.shift_remove("nullable") == Some(json!(true))
        && let Some(Value::String(kind)) = schema.get("type").cloned()
    {
        schema.insert("type".into(), json!([kind, "null"]));
        if let Some(Value::Array(choices)) = schema.get_mut("enum").filter(|e| e.as_array().is_some_and(|c| !c.contains(&Value::Null))) {
            choices.push(Value::Null);
        }
    }
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(Value::Bool(exclusive)) = schema.get(flag).cloned() {
            schema.shift_remove(flag);
            if let Some(value) = schema.get(bound).cloned().filter(|_| exclusive) {
                schema.shift_remove(bound);
                schema.insert(flag.into(), value);
            }
        }
    }
}
