//! Arguments of a call, made to fit the parameters of the tool: templates give text, models give anything.

use serde_json::{Map, Number, Value};

use super::{Parameter, ToolError};

/// Arguments of a call.
pub struct Prepared {
    /// Each of the type its schema names, with defaults filled in
    pub known: Map<String, Value>,
    /// Of no parameter, as they came
    pub rest: Map<String, Value>,
}

/// Fits arguments to parameters.
pub fn prepare(parameters: &[Parameter], mut given: Map<String, Value>) -> Result<Prepared, ToolError> {
    let mut known = Map::new();
    for parameter in parameters {
        let name = &parameter.name;
        let wanted = types(&parameter.schema);
        let empty =
            |v: &Value| v.is_null() || v.as_str().is_some_and(|s| s.trim().is_empty()) && !wanted.is_empty() && !wanted.contains(&"string");
        let value = match given.shift_remove(name).filter(|v| !empty(v) || v.is_null() && wanted.contains(&"null")) {
            Some(value) => convert(value, &wanted).map_err(|message| ToolError::argument(name, message))?,
            None => match parameter.schema.get("default").filter(|v| !v.is_null()) {
                Some(default) => default.clone(),
                None if parameter.required => return Err(ToolError::argument(name, "is required")),
                None => continue,
            },
        };
        if let Some(choices) = parameter.schema.get("enum").and_then(Value::as_array).filter(|c| !c.contains(&value)) {
            // an optional choice that the form left empty
            if value.as_str() == Some("") && !parameter.required {
                continue;
            }
            let list: Vec<_> = choices.iter().take(50).map(plain).collect();
            return Err(ToolError::argument(name, format!("must be one of {}, not {}", list.join(", "), shortened(&value))));
        }
        known.insert(name.clone(), value);
    }
    Ok(Prepared { known, rest: given })
}

/// The types that a schema allows; none: any.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn convert(value: Value, wanted: &[&str]) -> Result<Value, String> {
    if wanted.is_empty() || wanted.iter().any(|t| is(&value, t)) {
        return Ok(value);
    }
    wanted.iter().find_map(|t| read(&value, t)).ok_or_else(|| format!("must be {}, not {}", wanted.join(" or "), shortened(&value)))
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// `value` as that type, if it can be read as one.
fn read(value: &Value, kind: &str) -> Option<Value> {
    match (kind, value) {
        ("string", Value::Null) => None,
        ("string", other) => Some(Value::String(plain(other))),
        ("integer", Value::Number(n)) => n.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| Value::from(f as i64)),
        ("number", Value::String(s)) => number(s.trim()),
        ("integer", Value::String(s)) => number(s.trim()).and_then(|n| if is(&n, kind) { Some(n) } else { read(&n, kind) }),
        ("boolean", Value::Number(n)) if n.as_f64() == Some(0.0) || n.as_f64() == Some(1.0) => Some(Value::Bool(n.as_f64() == Some(1.0))),
        ("boolean", Value::String(s)) => match s.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" | "on" => Some(Value::Bool(true)),
            "false" | "no" | "0" | "off" => Some(Value::Bool(false)),
            _ => None,
        },
        ("array" | "object", Value::String(s)) => serde_json::from_str(s).ok().filter(|v| is(v, kind)),
        _ => None,
    }
}

fn number(text: &str) -> Option<Value> {
    text.parse::<i64>().map(Value::from).ok().or_else(|| text.parse().ok().and_then(Number::from_f64).map(Value::Number))
}

/// Text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Form;
    use super::*;

    fn parameter(schema: Value, required: bool) -> Parameter {
        Parameter { name: "a".into(), label: String::new(), description: String::new(), required, form: Form::Llm, schema }
    }

    fn one(schema: Value, required: bool, given: Value) -> Result<Option<Value>, String> {
        let given = if given == json!("absent") { Map::new() } else { Map::from_iter([("a".to_owned(), given)]) };
        prepare(&[parameter(schema, required)], given).map(|mut prepared| prepared.known.shift_remove("a")).map_err(|e| e.to_string())
    }

    #[test]
    fn values_become_what_the_schema_says() {
        for (schema, given, expected) in [
            (json!({"type": "string"}), json!(5), json!("5")),
            (json!({"type": "string"}), json!({"x": [1]}), json!("{\"x\":[1]}")),
            (json!({"type": "string"}), json!(""), json!("")),
            (json!({"type": "integer"}), json!(" 7 "), json!(7)),
            (json!({"type": "integer"}), json!(7.0), json!(7)),
            (json!({"type": "integer"}), json!("7.0"), json!(7)),
            (json!({"type": "number"}), json!("7.5"), json!(7.5)),
            (json!({"type": "boolean"}), json!("False"), json!(false)),
            (json!({"type": "boolean"}), json!(1), json!(true)),
            (json!({"type": "array"}), json!("[1, 2]"), json!([1, 2])),
            (json!({"type": "object"}), json!("{\"k\": 1}"), json!({"k": 1})),
            (json!({"type": ["integer", "null"]}), json!(null), json!(null)),
            (json!({"type": ["null", "string"]}), json!(3), json!("3")),
            (json!({}), json!([1]), json!([1])),
            (json!({"type": "number", "default": 3}), json!(""), json!(3)),
            (json!({"type": "string", "default": "x"}), json!(null), json!("x")),
            (json!({"type": "string", "default": "x"}), json!("absent"), json!("x")),
            (json!({"type": "string", "enum": ["a", "b"]}), json!("b"), json!("b")),
        ] {
            assert_eq!(one(schema.clone(), true, given.clone()), Ok(Some(expected)), "{schema} {given}");
        }
        assert_eq!(one(json!({"type": "number"}), false, json!(" ")), Ok(None));
        assert_eq!(one(json!({"type": "string", "enum": ["a"]}), false, json!("")), Ok(None));
    }

    #[test]
    fn what_does_not_fit_says_so() {
        for (schema, given, expected) in [
            (json!({"type": "string"}), json!("absent"), "argument \"a\" is required"),
            (json!({"type": "integer"}), json!("1.5"), "argument \"a\" must be integer, not \"1.5\""),
            (json!({"type": "number"}), json!("NaN"), "argument \"a\" must be number, not \"NaN\""),
            (json!({"type": "boolean"}), json!("maybe"), "argument \"a\" must be boolean, not \"maybe\""),
            (json!({"type": "array"}), json!("{}"), "argument \"a\" must be array, not \"{}\""),
            (json!({"type": "string", "enum": ["a", "b"]}), json!("c"), "argument \"a\" must be one of a, b, not \"c\""),
        ] {
            assert_eq!(one(schema.clone(), true, given), Err(expected.to_owned()), "{schema}");
        }
    }

    #[test]
    fn unknown_arguments_are_kept_apart() {
        let given = json!({"a": "1", "b": 2}).as_object().unwrap().clone();
        let Prepared { known, rest } = prepare(&[parameter(json!({"type": "integer"}), true)], given).unwrap();
        assert_eq!((Value::Object(known), Value::Object(rest)), (json!({"a": 1}), json!({"b": 2})));
    }
}
