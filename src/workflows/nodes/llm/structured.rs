//! JSON in answers: found, read, and checked against a schema. Pure.

use serde_json::Value;

use crate::catalog::think::without_thoughts;
use crate::workflows::nodes::{FieldError, NodeError};

/// A schema that answers are held to.
#[derive(Debug)]
pub struct Schema {
    pub json: Value,
    validator: jsonschema::Validator,
}

impl Schema {
    /// `field` is where it stands in the node.
    pub fn parse(json: &Value, field: &str) -> Result<Self, FieldError> {
        if !json.is_object() {
            return Err(FieldError::new(field, "must be a JSON Schema: an object"));
        }
        // Dify's is draft 7, whatever a schema says of itself
        let validator = jsonschema::draft7::new(json).map_err(|error| FieldError::new(field, format!("is no JSON Schema: {error}")))?;
        Ok(Self { json: json.clone(), validator })
    }

    /// The answer as the schema wants it.
    pub fn read(&self, answer: &str) -> Result<Value, NodeError> {
        let bad = |message: String| NodeError::new("LLMNodeError", message);
        let text = without_thoughts(answer);
        let value: Value = serde_json::from_str(unfenced(&text))
            .map_err(|error| bad(format!("Failed to parse structured output: the answer is not JSON ({error}).")))?;
        let problem = self.validator.iter_errors(&value).next().map(|error| {
            let path = error.instance_path().to_string();
            format!("Structured output validation failed at '{}': {error}", if path.is_empty() { "/" } else { &path })
        });
        match problem {
            None => Ok(value),
            Some(message) => Err(bad(message)),
        }
    }

    /// For models that can't be held to a schema.
    pub fn instructions(&self) -> String {
        format!("Answer with nothing but a JSON value that is valid against this JSON Schema:\n{}", self.json)
    }
}

/// The content of a code block, if the text is one.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.and_then(|inner| inner.split_once('\n')).map_or(text, |(_, content)| content.trim())
}

/// The first whole JSON object in a text.
pub fn find_object(text: &str) -> Option<serde_json::Map<String, Value>> {
    text.match_indices('{').find_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter();
        values.next()?.ok()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_held_to_their_schema() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
        let schema = Schema::parse(&schema, "structured_output.schema").unwrap();
        for answer in ["{\"n\": 1}", " ```json\n{\"n\": 1}\n``` ", "<think>{}</think>\n{\"n\": 1}"] {
            assert_eq!(schema.read(answer).unwrap(), json!({"n": 1}), "{answer}");
        }
        let message = |answer: &str| schema.read(answer).unwrap_err().message;
        assert!(message("{\"n\": 1").contains("not JSON"));
        assert!(message("{\"n\": \"1\"}").contains("'/n'"), "{}", message("{\"n\": \"1\"}"));
        assert!(message("{}").contains("validation failed at '/'"));
        assert_eq!(Schema::parse(&json!("x"), "s").unwrap_err().field, "s");
        assert!(Schema::parse(&json!({"type": "thing"}), "s").is_err());
    }

    #[test]
    fn objects_are_found_in_prose() {
        let found = |text: &str| find_object(text).map(Value::Object);
        assert_eq!(found("Sure: {x} {\"a\": {\"b\": \"}\"}} and {\"c\": 1}"), Some(json!({"a": {"b": "}"}})));
        assert_eq!(found("{\"a\": 1"), None);
        assert_eq!(found("none"), None);
    }
}
