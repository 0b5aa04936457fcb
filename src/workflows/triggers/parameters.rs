//! What a webhook's node declares of a request: a name, a type, whether it must be there.

use serde::Deserialize;
use serde_json::{Number, Value};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Parameter {
    pub name: String,
    #[serde(rename = "type", default)]
    pub kind: ParameterType,
    #[serde(default)]
    pub required: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    #[default]
    String,
    Number,
    Boolean,
    Object,
    #[serde(rename = "array[string]")]
    Strings,
    #[serde(rename = "array[number]")]
    Numbers,
    #[serde(rename = "array[boolean]")]
    Booleans,
    #[serde(rename = "array[object]")]
    Objects,
    File,
}

impl ParameterType {
    const fn words(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Strings => "array of strings",
            Self::Numbers => "array of numbers",
            Self::Booleans => "array of booleans",
            Self::Objects => "array of objects",
            Self::File => "file",
        }
    }

    /// The type of an array's items.
    const fn item(self) -> Option<Self> {
        match self {
            Self::Strings => Some(Self::String),
            Self::Numbers => Some(Self::Number),
            Self::Booleans => Some(Self::Boolean),
            Self::Objects => Some(Self::Object),
            _ => None,
        }
    }

    fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::String, Value::String(_))
            | (Self::Number, Value::Number(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Object, Value::Object(_)) => true,
            (kind, Value::Array(items)) => kind.item().is_some_and(|item| items.iter().all(|value| item.fits(value))),
            _ => false,
        }
    }

    /// A value of a JSON body, which says itself what it is.
    pub fn of_json(self, value: &Value) -> Result<Value, String> {
        if self.fits(value) {
            return Ok(value.clone());
        }
        if self == Self::File {
            return Err("Files come in a multipart/form-data body".to_owned());
        }
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Object(_) => "object",
            Value::Array(_) => "array",
        };
        Err(format!("Expected {}, got {found}", self.words()))
    }

    /// A value of a form or a query, which is text.
    pub fn of_text(self, text: &str) -> Result<Value, String> {
        let cannot = || format!("Cannot convert '{}' to {}", shortened(text), self.words());
        match self {
            Self::String => Ok(Value::String(text.to_owned())),
            Self::Number => number(text.trim()).ok_or_else(cannot),
            Self::Boolean => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Ok(Value::Bool(true)),
                "false" | "0" | "no" => Ok(Value::Bool(false)),
                _ => Err(cannot()),
            },
            Self::File => Err("Expected a file, got text".to_owned()),
            _ => serde_json::from_str(text).ok().filter(|value| self.fits(value)).ok_or_else(cannot),
        }
    }
}

/// Whole ones stay whole.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    let float = text.parse::<f64>().ok()?;
    if float.fract() == 0.0 && float.abs() < 9e15 {
        #[expect(clippy::cast_possible_truncation, reason = "within the range of an i64")]
        return Some(Value::from(float as i64));
    }
    Number::from_f64(float).map(Value::Number)
}

fn shortened(text: &str) -> String {
    if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ParameterType as T;

    #[test]
    fn texts_become_what_is_declared() {
        let cases = [
            (T::String, "5", json!("5")),
            (T::Number, " 5 ", json!(5)),
            (T::Number, "5.0", json!(5)),
            (T::Number, "-2.5e1", json!(-25)),
            (T::Number, "2.5", json!(2.5)),
            (T::Boolean, "Yes", json!(true)),
            (T::Boolean, "0", json!(false)),
            (T::Object, r#"{"a": 1}"#, json!({"a": 1})),
            (T::Numbers, "[1, 2.5]", json!([1, 2.5])),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(kind.of_text(text), Ok(expected), "{text}");
        }
        let refusals = [
            (T::Number, "five", "Cannot convert 'five' to number"),
            (T::Number, "inf", "Cannot convert 'inf' to number"),
            (T::Number, "", "Cannot convert '' to number"),
            (T::Boolean, "maybe", "Cannot convert 'maybe' to boolean"),
            (T::Object, "[]", "Cannot convert '[]' to object"),
            (T::Strings, "[1]", "Cannot convert '[1]' to array of strings"),
            (T::File, "x", "Expected a file, got text"),
        ];
        for (kind, text, message) in refusals {
            assert_eq!(kind.of_text(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn json_must_be_of_the_type() {
        for (kind, value) in [
            (T::String, json!("")),
            (T::Number, json!(1.5)),
            (T::Boolean, json!(false)),
            (T::Object, json!({})),
            (T::Strings, json!([])),
            (T::Objects, json!([{}])),
        ] {
            assert_eq!(kind.of_json(&value), Ok(value.clone()));
        }
        for (kind, value, message) in [
            (T::Number, json!("1"), "Expected number, got string"),
            (T::String, json!(1), "Expected string, got number"),
            (T::Number, json!(true), "Expected number, got boolean"),
            (T::Numbers, json!([1, "2"]), "Expected array of numbers, got array"),
            (T::Object, json!([]), "Expected object, got array"),
            (T::File, json!({"url": "x"}), "Files come in a multipart/form-data body"),
        ] {
            assert_eq!(kind.of_json(&value), Err(message.to_owned()));
        }
    }
}
