//! Holds what a code node's `main` returned against the outputs the node declares, with Dify's rules and limits.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// What a node declares, by name.
pub type Outputs = BTreeMap<String, Output>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    #[serde(rename = "type")]
    pub kind: OutputKind,
    /// What is inside an object, or inside each object of an array; without it anything within the limits
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<Outputs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputKind {
    #[serde(rename = "string")]
    String,
    #[serde(rename = "number")]
    Number,
    #[serde(rename = "boolean")]
    Boolean,
    #[serde(rename = "object")]
    Object,
    #[serde(rename = "array[string]")]
    Strings,
    #[serde(rename = "array[number]")]
    Numbers,
    #[serde(rename = "array[object]")]
    Objects,
    #[serde(rename = "array[boolean]")]
    Booleans,
}

const MOST_CHARACTERS: usize = 400_000;
const MOST_STRINGS: usize = 30;
const MOST_OBJECTS: usize = 30;
const MOST_NUMBERS: usize = 1000;
/// Digits behind the decimal point
const MOST_DECIMALS: i64 = 20;
/// The result itself is the first level.
const MOST_LEVELS: usize = 5;

/// `result` as the node's outputs: exactly the declared ones, each of its type or null; numbers written like `1.5e+10` become
/// numbers. Without a declaration everything is taken as it is, within the limits. Errors name the output.
pub fn check_outputs(result: &Map<String, Value>, declared: Option<&Outputs>) -> Result<Map<String, Value>, String> {
    check_object(result, declared, &Path::Root, 1)
}

fn check_object(object: &Map<String, Value>, declared: Option<&Outputs>, at: &Path, level: usize) -> Result<Map<String, Value>, String> {
    if level > MOST_LEVELS {
        return Err(format!("Output {at} is nested too deeply: at most {MOST_LEVELS} levels are allowed."));
    }
    let Some(declared) = declared else {
        return object.iter().map(|(name, value)| Ok((name.clone(), check_free(value, &at.field(name), level)?))).collect();
    };
    if let Some(missing) = declared.keys().find(|name| !object.contains_key(*name)) {
        return Err(format!("Output {} is missing: return it from main, or remove it from the outputs.", at.field(missing)));
    }
    let check = |(name, value): (&String, &Value)| {
        let output = declared.get(name)?;
        Some(check_declared(value, output, &at.field(name), level).map(|value| (name.clone(), value)))
    };
    let checked: Map<String, Value> = object.iter().filter_map(check).collect::<Result<_, _>>()?;
    if checked.len() < object.len() {
        let extra: Vec<_> = object.keys().filter(|name| !declared.contains_key(*name)).map(|name| at.field(name).to_string()).collect();
        return Err(format!(
            "Not all output parameters are validated. Not declared: {}: add it to the outputs, or do not return it.",
            extra.join(", ")
        ));
    }
    Ok(checked)
}

fn check_declared(value: &Value, output: &Output, at: &Path, level: usize) -> Result<Value, String> {
    let children = output.children.as_ref();
    let object = |value: &Value, at: &Path| match value {
        Value::Object(object) => Ok(Value::Object(check_object(object, children, at, level + 1)?)),
        other => Err(mismatch(at, "an object", other)),
    };
    match output.kind {
        OutputKind::String => nullable(value, at, string),
        OutputKind::Number => nullable(value, at, number),
        OutputKind::Boolean => nullable(value, at, boolean),
        OutputKind::Object => nullable(value, at, object),
        OutputKind::Strings => array(value, at, Some(MOST_STRINGS), "strings", string),
        OutputKind::Numbers => array(value, at, Some(MOST_NUMBERS), "numbers", number),
        OutputKind::Objects => array(value, at, Some(MOST_OBJECTS), "objects", object),
        OutputKind::Booleans => array(value, at, None, "booleans", boolean),
    }
}

/// A value that nothing is declared about.
fn check_free(value: &Value, at: &Path, level: usize) -> Result<Value, String> {
    match value {
        Value::Null | Value::Bool(_) => Ok(value.clone()),
        Value::Number(_) => number(value, at),
        Value::String(text) => Ok(scientific(text).map_or_else(|| string(value, at), |written| number(&written, at))?),
        Value::Object(object) => Ok(Value::Object(check_object(object, None, at, level + 1)?)),
        Value::Array(items) => {
            if level > MOST_LEVELS {
                return Err(format!("Output {at} is nested too deeply: at most {MOST_LEVELS} levels are allowed."));
            }
            // an array in an array is a level, an object in it is one anyway
            let inner = |item: &Value| level + usize::from(item.is_array());
            items.iter().enumerate().map(|(n, item)| check_free(item, &at.item(n), inner(item))).collect::<Result<_, _>>().map(Value::Array)
        }
    }
}

fn nullable(value: &Value, at: &Path, check: impl Fn(&Value, &Path) -> Result<Value, String>) -> Result<Value, String> {
    if value.is_null() { Ok(Value::Null) } else { check(value, at) }
}

fn array(
    value: &Value,
    at: &Path,
    most: Option<usize>,
    of: &str,
    check: impl Fn(&Value, &Path) -> Result<Value, String>,
) -> Result<Value, String> {
    let items = match value {
        Value::Null => return Ok(Value::Null),
        Value::Array(items) => items,
        other => return Err(mismatch(at, &format!("an array of {of}"), other)),
    };
    if let Some(most) = most
        && items.len() > most
    {
        return Err(format!("Output {at} has {} elements; an array of {of} may have at most {most}.", items.len()));
    }
    items.iter().enumerate().map(|(n, item)| nullable(item, &at.item(n), &check)).collect::<Result<_, _>>().map(Value::Array)
}

fn string(value: &Value, at: &Path) -> Result<Value, String> {
    let Value::String(text) = value else {
        return Err(mismatch(at, "a string", value));
    };
    let n = text.chars().count();
    if n > MOST_CHARACTERS {
        return Err(format!("Output {at} has {n} characters; a string may have at most {MOST_CHARACTERS}."));
    }
    // a NUL can't be stored in PostgreSQL
    Ok(Value::String(text.replace('\0', "")))
}

fn boolean(value: &Value, at: &Path) -> Result<Value, String> {
    if value.is_boolean() { Ok(value.clone()) } else { Err(mismatch(at, "a boolean", value)) }
}

fn number(value: &Value, at: &Path) -> Result<Value, String> {
    let number = match value {
        Value::Bool(value) => return Ok(Value::from(u8::from(*value))),
        Value::Number(number) => number.clone(),
        Value::String(text) => match scientific(text) {
            Some(Value::Number(number)) => number,
            _ => return Err(mismatch(at, "a number", value)),
        },
        other => return Err(mismatch(at, "a number", other)),
    };
    if !in_range(&number) {
        return Err(format!("Output {at} is out of range: a number must be between {} and {}.", -i64::MAX, i64::MAX));
    }
    if decimals(&number) > MOST_DECIMALS {
        return Err(format!("Output {at} has more than {MOST_DECIMALS} digits behind the decimal point."));
    }
    Ok(Value::Number(number))
}

fn in_range(number: &Number) -> bool {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole >= -i64::MAX,
        (None, Some(real)) => !number.is_u64() && real.abs() < i64::MAX as f64,
        (None, None) => false,
    }
}

/// Digits behind the point in the shortest way to write the number.
fn decimals(number: &Number) -> i64 {
    let Some(real) = number.as_f64().filter(|_| number.is_f64()) else { return 0 };
    let written = format!("{real:e}");
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let digits = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len() as i64);
    digits - exponent.parse::<i64>().unwrap_or(0)
}

/// The number that a text like `1.5e+10` or `-2E-7` is. The sign of the exponent has to be there: `12e5` may be anything.
fn scientific(text: &str) -> Option<Value> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent = exponent.strip_prefix(['+', '-'])?;
    if whole.is_empty() || exponent.is_empty() || !digits(whole) || !digits(fraction) || !digits(exponent) {
        return None;
    }
    Number::from_f64(text.parse().ok()?).map(Value::Number)
}

fn mismatch(at: &Path, expected: &str, value: &Value) -> String {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("Output {at} must be {expected}, not {got}.")
}

/// Where a value is: `rows[2].name`.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    fn field(&'a self, name: &'a str) -> Self {
        Path::Field(self, name)
    }

    fn item(&'a self, n: usize) -> Self {
        Path::Item(self, n)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, n) => write!(f, "{parent}[{n}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(result: Value, declared: Value) -> Result<Value, String> {
        let declared: Option<Outputs> = serde_json::from_value(declared).unwrap();
        check_outputs(result.as_object().unwrap(), declared.as_ref()).map(Value::Object)
    }

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({"end": 1}), |inner, _| json!({"in": inner}))
    }

    #[test]
    fn takes_what_is_declared() {
        let long = "x".repeat(MOST_CHARACTERS);
        let wide = "字".repeat(MOST_CHARACTERS);
        for (result, declared, expected) in [
            (json!({"a": "x"}), json!({"a": {"type": "string", "children": null}}), json!({"a": "x"})),
            (json!({"a": "x\u{0}y"}), json!({"a": {"type": "string"}}), json!({"a": "xy"})),
            (json!({"a": "1.5e+10"}), json!({"a": {"type": "string"}}), json!({"a": "1.5e+10"})),
            (json!({"a": long.clone()}), json!({"a": {"type": "string"}}), json!({"a": long.clone()})),
            (json!({"a": wide.clone()}), json!({"a": {"type": "string"}}), json!({"a": wide.clone()})),
            (json!({"a": 1, "b": -2.5}), json!({"a": {"type": "number"}, "b": {"type": "number"}}), json!({"a": 1, "b": -2.5})),
            (json!({"a": true, "b": false}), json!({"a": {"type": "number"}, "b": {"type": "number"}}), json!({"a": 1, "b": 0})),
            (json!({"a": "1.5e+10"}), json!({"a": {"type": "number"}}), json!({"a": 1.5e10})),
            (json!({"a": "-2E-7"}), json!({"a": {"type": "number"}}), json!({"a": -2e-7})),
            (
                json!({"a": i64::MAX, "b": -i64::MAX}),
                json!({"a": {"type": "number"}, "b": {"type": "number"}}),
                json!({"a": i64::MAX, "b": -i64::MAX}),
            ),
            (json!({"a": 1e-20}), json!({"a": {"type": "number"}}), json!({"a": 1e-20})),
            (json!({"a": true}), json!({"a": {"type": "boolean"}}), json!({"a": true})),
            (json!({"a": null}), json!({"a": {"type": "boolean"}}), json!({"a": null})),
            (json!({"a": null}), json!({"a": {"type": "array[number]"}}), json!({"a": null})),
            (json!({"a": ["x", null]}), json!({"a": {"type": "array[string]"}}), json!({"a": ["x", null]})),
            (json!({"a": [1, true, null, "1e+2"]}), json!({"a": {"type": "array[number]"}}), json!({"a": [1, 1, null, 100.0]})),
            (json!({"a": vec![0; 1000]}), json!({"a": {"type": "array[number]"}}), json!({"a": vec![0; 1000]})),
            (json!({"a": vec![true; 2000]}), json!({"a": {"type": "array[boolean]"}}), json!({"a": vec![true; 2000]})),
            (json!({"a": {"x": [1, 2], "y": "t"}}), json!({"a": {"type": "object"}}), json!({"a": {"x": [1, 2], "y": "t"}})),
            // inside an object without children nothing is counted but depth, range and length
            (json!({"a": {"x": vec!["s"; 100]}}), json!({"a": {"type": "object"}}), json!({"a": {"x": vec!["s"; 100]}})),
            (
                json!({"a": [{"n": true}, null]}),
                json!({"a": {"type": "array[object]", "children": {"n": {"type": "number"}}}}),
                json!({"a": [{"n": 1}, null]}),
            ),
            (json!({}), json!({}), json!({})),
            (json!({"b": 1, "a": [1, "x", [2]], "c": "2.5e-3"}), json!(null), json!({"b": 1, "a": [1, "x", [2]], "c": 0.0025})),
            (
                json!({"a": "12e5", "b": "e+1", "c": "1.2.3e+4", "d": "1e+"}),
                json!(null),
                json!({"a": "12e5", "b": "e+1", "c": "1.2.3e+4", "d": "1e+"}),
            ),
            (nested(5), json!(null), nested(5)),
        ] {
            assert_eq!(check(result.clone(), declared), Ok(expected), "{:.200}", result.to_string());
        }
    }

    #[test]
    fn says_which_output_is_wrong() {
        let number = json!({"a": {"type": "number"}});
        let child = json!({"a": {"type": "object", "children": {"b": {"type": "object", "children": {"c": {"type": "string"}}}}}});
        let rows = json!({"a": {"type": "array[object]", "children": {"n": {"type": "number"}}}});
        for (result, declared, expected) in [
            (json!({}), number.clone(), "Output a is missing: return it from main, or remove it from the outputs."),
            (
                json!({"a": 1, "b": 2}),
                number.clone(),
                "Not all output parameters are validated. Not declared: b: add it to the outputs, or do not return it.",
            ),
            (
                json!({"x": 1}),
                json!({}),
                "Not all output parameters are validated. Not declared: x: add it to the outputs, or do not return it.",
            ),
            (json!({"a": "1"}), number.clone(), "Output a must be a number, not a string."),
            (json!({"a": [1]}), number.clone(), "Output a must be a number, not an array."),
            (
                json!({"a": u64::MAX}),
                number.clone(),
                "Output a is out of range: a number must be between -9223372036854775807 and 9223372036854775807.",
            ),
            (
                json!({"a": i64::MIN}),
                number.clone(),
                "Output a is out of range: a number must be between -9223372036854775807 and 9223372036854775807.",
            ),
            (
                json!({"a": "1e+300"}),
                number.clone(),
                "Output a is out of range: a number must be between -9223372036854775807 and 9223372036854775807.",
            ),
            (json!({"a": 1e-21}), number.clone(), "Output a has more than 20 digits behind the decimal point."),
            (json!({"a": 1.25e-19}), number.clone(), "Output a has more than 20 digits behind the decimal point."),
            (json!({"a": 5}), json!({"a": {"type": "string"}}), "Output a must be a string, not a number."),
            (
                json!({"a": "x".repeat(MOST_CHARACTERS + 1)}),
                json!({"a": {"type": "string"}}),
                "Output a has 400001 characters; a string may have at most 400000.",
            ),
            (json!({"a": 1}), json!({"a": {"type": "boolean"}}), "Output a must be a boolean, not a number."),
            (json!({"a": []}), json!({"a": {"type": "object"}}), "Output a must be an object, not an array."),
            (json!({"a": {}}), json!({"a": {"type": "array[string]"}}), "Output a must be an array of strings, not an object."),
            (json!({"a": ["x", 1]}), json!({"a": {"type": "array[string]"}}), "Output a[1] must be a string, not a number."),
            (json!({"a": [true, 0]}), json!({"a": {"type": "array[boolean]"}}), "Output a[1] must be a boolean, not a number."),
            (
                json!({"a": vec!["s"; 31]}),
                json!({"a": {"type": "array[string]"}}),
                "Output a has 31 elements; an array of strings may have at most 30.",
            ),
            (json!({"a": vec![json!({}); 31]}), rows.clone(), "Output a has 31 elements; an array of objects may have at most 30."),
            (
                json!({"a": vec![0; 1001]}),
                json!({"a": {"type": "array[number]"}}),
                "Output a has 1001 elements; an array of numbers may have at most 1000.",
            ),
            (json!({"a": [{"n": 1}, {}]}), rows.clone(), "Output a[1].n is missing: return it from main, or remove it from the outputs."),
            (json!({"a": [{"n": 1}, {"n": "x"}]}), rows.clone(), "Output a[1].n must be a number, not a string."),
            (json!({"a": [7]}), rows, "Output a[0] must be an object, not a number."),
            (json!({"a": {"b": {}}}), child.clone(), "Output a.b.c is missing: return it from main, or remove it from the outputs."),
            (json!({"a": {"b": {"c": 1}}}), child.clone(), "Output a.b.c must be a string, not a number."),
            (
                json!({"a": {"b": {"c": "", "d": 1}}}),
                child,
                "Not all output parameters are validated. Not declared: a.b.d: add it to the outputs, or do not return it.",
            ),
            (
                json!({"a": {"x": u64::MAX}}),
                json!({"a": {"type": "object"}}),
                "Output a.x is out of range: a number must be between -9223372036854775807 and 9223372036854775807.",
            ),
            (nested(6), json!(null), "Output in.in.in.in.in is nested too deeply: at most 5 levels are allowed."),
            (json!({"a": [[[[[[1]]]]]]}), json!(null), "Output a[0][0][0][0][0] is nested too deeply: at most 5 levels are allowed."),
        ] {
            assert_eq!(check(result.clone(), declared), Err(expected.to_owned()), "{:.200}", result.to_string());
        }
    }

    #[test]
    fn a_type_that_does_not_exist_is_refused() {
        assert!(serde_json::from_value::<Outputs>(json!({"a": {"type": "text"}})).is_err());
    }
}
