//! The parameters that are extracted: what a model is told of them, and what its answer makes of them. Pure.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::workflows::nodes::FieldError;
use crate::workflows::value;

/// Names that the node's own outputs have.
const RESERVED: [&str; 3] = ["__is_success", "__reason", "__usage"];

#[derive(Debug, Clone, Deserialize)]
pub struct Parameter {
    #[serde(default)]
    pub name: String,
    #[serde(rename = "type")]
    kind: ParameterKind,
    #[serde(default)]
    description: String,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum ParameterKind {
    /// `select` in older files, with options.
    #[serde(rename = "string", alias = "select")]
    Text,
    #[serde(rename = "number")]
    Number,
    #[serde(rename = "boolean", alias = "bool")]
    Boolean,
    #[serde(rename = "array[string]")]
    Texts,
    #[serde(rename = "array[number]")]
    Numbers,
    #[serde(rename = "array[boolean]")]
    Booleans,
    #[serde(rename = "array[object]")]
    Objects,
}

impl ParameterKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Texts => "array[string]",
            Self::Numbers => "array[number]",
            Self::Booleans => "array[boolean]",
            Self::Objects => "array[object]",
        }
    }

    /// What the items of a list are.
    const fn item(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Number | Self::Boolean => None,
            Self::Texts => Some("string"),
            Self::Numbers => Some("number"),
            Self::Booleans => Some("boolean"),
            Self::Objects => Some("object"),
        }
    }

    fn fits(self, value: &Value) -> bool {
        match (self.item(), value) {
            (None, value) => value::type_name(value) == self.as_str(),
            (Some(item), Value::Array(items)) => items.iter().all(|value| value::type_name(value) == item),
            (Some(_), _) => false,
        }
    }

    /// The value as this type, where it can be read as one.
    fn convert(self, given: Value) -> Option<Value> {
        match (self.item(), given) {
            (None, given) => convert(self.as_str(), given),
            (Some(item), Value::Array(items)) => Some(items.into_iter().filter_map(|value| convert(item, value)).collect()),
            (Some(_), _) => None,
        }
    }
}

fn convert(kind: &str, given: Value) -> Option<Value> {
    match (kind, given) {
        ("number", Value::Bool(flag)) => Some(json!(u8::from(flag))),
        ("number", Value::String(text)) => serde_json::from_str(text.trim()).ok().filter(Value::is_number),
        ("boolean", Value::Number(number)) => Some(json!(number.as_f64() != Some(0.0))),
        (kind, given) if value::type_name(&given) == kind => Some(given),
        _ => None,
    }
}

/// What became of an answer.
#[derive(Debug, PartialEq)]
pub struct Extracted {
    /// Every parameter; those that are missing or unusable are their type's zero.
    pub values: Map<String, Value>,
    /// Why it is no success.
    pub reason: Option<String>,
}

impl Parameter {
    pub fn check(&self, field: &str) -> Result<(), FieldError> {
        if self.name.is_empty() || RESERVED.contains(&self.name.as_str()) {
            let message = format!("must be a name, and none of {}", RESERVED.join(", "));
            return Err(FieldError::new(format!("{field}.name"), message));
        }
        Ok(())
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind.item() {
            Some(item) => json!({"type": "array", "items": {"type": item}}),
            None => json!({"type": self.kind.as_str()}),
        };
        if !self.description.is_empty() {
            schema["description"] = json!(self.description);
        }
        if !self.options.is_empty() && self.kind == ParameterKind::Text {
            schema["enum"] = json!(self.options);
        }
        schema
    }

    fn problem(&self, given: Option<&Value>) -> Option<String> {
        let name = &self.name;
        match given {
            None if self.required => Some(format!("Parameter {name} is required")),
            None => None,
            Some(given) if !self.kind.fits(given) => {
                let (expected, actual) = (self.kind.as_str(), value::type_name(given));
                Some(format!("Invalid value for parameter {name}: expected {expected}, not {actual}: {given}"))
            }
            Some(Value::String(text)) if !self.options.is_empty() && !self.options.contains(text) => {
                Some(format!("Invalid `select` value for parameter {name}: {text}"))
            }
            Some(_) => None,
        }
    }
}

/// The parameters as a JSON Schema of one object.
pub fn schema(parameters: &[Parameter]) -> Value {
    let properties: Map<String, Value> = parameters.iter().map(|p| (p.name.clone(), p.schema())).collect();
    let required: Vec<&String> = parameters.iter().filter(|p| p.required).map(|p| &p.name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

/// The schema that an answer is held to: every parameter is there, null where the text says nothing of it.
pub fn strict_schema(parameters: &[Parameter]) -> Value {
    let property = |p: &Parameter| {
        let schema = if p.required { p.schema() } else { json!({"anyOf": [p.schema(), {"type": "null"}]}) };
        (p.name.clone(), schema)
    };
    let properties: Map<String, Value> = parameters.iter().map(property).collect();
    let required: Vec<&String> = parameters.iter().map(|p| &p.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// Reads what a model found; none = its answer could not be read at all.
pub fn extract(parameters: &[Parameter], found: Option<Map<String, Value>>) -> Extracted {
    let reason = match &found {
        None => Some("Failed to extract result from function call or text response, using empty result.".to_owned()),
        Some(found) => parameters.iter().find_map(|p| p.problem(found.get(&p.name).filter(|value| !value.is_null()))),
    };
    let mut found = found.unwrap_or_default();
    let value = |p: &Parameter| {
        let given = found.remove(&p.name).and_then(|given| p.kind.convert(given));
        (p.name.clone(), given.unwrap_or_else(|| value::zero(p.kind.as_str())))
    };
    Extracted { values: parameters.iter().map(value).collect(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Vec<Parameter> {
        serde_json::from_value(json!([
            {"name": "city", "type": "string", "description": "Where to", "required": true},
            {"name": "n", "type": "number", "description": "", "required": false},
            {"name": "flag", "type": "bool"},
            {"name": "size", "type": "select", "options": ["S", "M"]},
            {"name": "tags", "type": "array[string]"},
            {"name": "rows", "type": "array[object]"}]))
        .unwrap()
    }

    #[test]
    fn answers_become_values_of_their_types() {
        let zeros = json!({"city": "", "n": 0, "flag": false, "size": "", "tags": [], "rows": []});
        let cases = [
            (json!({"city": "Rome"}), json!({"city": "Rome"}), None),
            (json!({"city": "Rome", "n": null, "other": 1}), json!({"city": "Rome"}), None),
            (json!({}), json!({}), Some("Parameter city is required")),
            (json!({"city": null}), json!({}), Some("Parameter city is required")),
            (json!({"city": 5}), json!({}), Some("Invalid value for parameter city: expected string, not number: 5")),
            (
                json!({"city": "a", "n": "12"}),
                json!({"city": "a", "n": 12}),
                Some("Invalid value for parameter n: expected number, not string: \"12\""),
            ),
            (json!({"city": "a", "size": "XL"}), json!({"city": "a", "size": "XL"}), Some("Invalid `select` value for parameter size: XL")),
            (
                json!({"city": "a", "tags": ["x", 1], "rows": [{"a": 1}]}),
                json!({"city": "a", "tags": ["x"], "rows": [{"a": 1}]}),
                Some("Invalid value for parameter tags: expected array[string], not array[any]: [\"x\",1]"),
            ),
            (
                json!({"city": "a", "flag": 1, "n": true}),
                json!({"city": "a", "flag": true, "n": 1}),
                Some("Invalid value for parameter n: expected number, not boolean: true"),
            ),
        ];
        for (answer, values, reason) in cases {
            let mut expected = zeros.as_object().unwrap().clone();
            expected.extend(values.as_object().unwrap().clone());
            let extracted = extract(&parameters(), Some(answer.as_object().unwrap().clone()));
            assert_eq!((extracted.values, extracted.reason.as_deref()), (expected, reason), "{answer}");
        }
        let extracted = extract(&parameters(), None);
        assert_eq!(Value::Object(extracted.values), zeros);
        assert!(extracted.reason.unwrap().starts_with("Failed to extract"));
    }

    #[test]
    fn models_are_told_of_types_options_and_what_is_required() {
        let schema = schema(&parameters());
        assert_eq!(schema["properties"]["city"], json!({"type": "string", "description": "Where to"}));
        assert_eq!(schema["properties"]["size"], json!({"type": "string", "enum": ["S", "M"]}));
        assert_eq!(schema["properties"]["tags"], json!({"type": "array", "items": {"type": "string"}}));
        assert_eq!(schema["required"], json!(["city"]));
        let strict = strict_schema(&parameters());
        assert_eq!(strict["required"].as_array().unwrap().len(), 6);
        assert_eq!(strict["properties"]["n"], json!({"anyOf": [{"type": "number"}, {"type": "null"}]}));
    }

    #[test]
    fn reserved_names_and_unknown_types_are_refused() {
        let reserved: Parameter = serde_json::from_value(json!({"name": "__reason", "type": "string"})).unwrap();
        assert_eq!(reserved.check("parameters[0]").unwrap_err().field, "parameters[0].name");
        assert!(serde_json::from_value::<Parameter>(json!({"name": "a", "type": "file"})).is_err());
    }
}
