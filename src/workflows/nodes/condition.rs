//! Conditions over variables, as if-else nodes, loops and list operators state them. What counts as equal, empty or
//! comparable follows the DSL's reference (Dify).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::workflows::template;
use crate::workflows::value::{self, is_falsy};
use crate::workflows::vars::{Pool, Selector};

#[derive(Debug, Clone, Deserialize)]
pub struct Condition {
    #[serde(default)]
    pub variable_selector: Selector,
    pub comparison_operator: Operator,
    /// A template, a list or a flag.
    #[serde(default)]
    pub value: Value,
    #[serde(default)]
    pub sub_variable_condition: Option<SubConditions>,
}

/// Conditions on an attribute of the files in a list.
#[derive(Debug, Clone, Deserialize)]
pub struct SubConditions {
    #[serde(default)]
    logical_operator: Logic,
    #[serde(default)]
    conditions: Vec<SubCondition>,
}

#[derive(Debug, Clone, Deserialize)]
struct SubCondition {
    key: String,
    comparison_operator: Operator,
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Logic {
    #[default]
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Operator {
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "not contains")]
    NotContains,
    #[serde(rename = "start with")]
    StartWith,
    #[serde(rename = "end with")]
    EndWith,
    #[serde(rename = "is")]
    Is,
    #[serde(rename = "is not")]
    IsNot,
    #[serde(rename = "empty")]
    Empty,
    #[serde(rename = "not empty")]
    NotEmpty,
    #[serde(rename = "in")]
    In,
    #[serde(rename = "not in")]
    NotIn,
    #[serde(rename = "all of")]
    AllOf,
    #[serde(rename = "=", alias = "==")]
    Equal,
    #[serde(rename = "≠", alias = "!=")]
    NotEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "≥", alias = ">=")]
    GreaterOrEqual,
    #[serde(rename = "≤", alias = "<=")]
    LessOrEqual,
    #[serde(rename = "null")]
    Null,
    #[serde(rename = "not null")]
    NotNull,
    #[serde(rename = "exists")]
    Exists,
    #[serde(rename = "not exists")]
    NotExists,
}

impl Operator {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::NotContains => "not contains",
            Self::StartWith => "start with",
            Self::EndWith => "end with",
            Self::Is => "is",
            Self::IsNot => "is not",
            Self::Empty => "empty",
            Self::NotEmpty => "not empty",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::AllOf => "all of",
            Self::Equal => "=",
            Self::NotEqual => "≠",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterOrEqual => "≥",
            Self::LessOrEqual => "≤",
            Self::Null => "null",
            Self::NotNull => "not null",
            Self::Exists => "exists",
            Self::NotExists => "not exists",
        }
    }

    const fn is_negative(self) -> bool {
        matches!(self, Self::NotContains | Self::IsNot | Self::NotEmpty | Self::NotIn | Self::NotNull | Self::NotExists)
    }

    /// Takes no value to compare with.
    const fn is_unary(self) -> bool {
        matches!(self, Self::Empty | Self::NotEmpty | Self::Null | Self::NotNull | Self::Exists | Self::NotExists)
    }
}

/// What came of a list of conditions.
#[derive(Debug, PartialEq)]
pub struct Checked {
    /// Each comparison made: actual and expected value, operator.
    pub inputs: Vec<Value>,
    /// Of each condition that was looked at.
    pub results: Vec<bool>,
    pub result: bool,
}

/// Tests conditions in order until the result is certain. The error says what can't be compared.
pub fn check(conditions: &[Condition], logic: Logic, pool: &Pool) -> Result<Checked, String> {
    let mut checked = Checked { inputs: Vec::new(), results: Vec::new(), result: logic == Logic::And };
    for condition in conditions {
        let actual = pool.get(&condition.variable_selector).ok_or_else(|| not_found(&condition.variable_selector))?;
        let operator = condition.comparison_operator;
        let is_file_list = actual.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(value::is_file));
        let by_attribute = matches!(operator, Operator::Contains | Operator::NotContains | Operator::AllOf);
        let result = match &condition.sub_variable_condition {
            Some(conditions) if by_attribute && (is_file_list || actual.as_array().is_some_and(Vec::is_empty)) => {
                let none = Vec::new();
                check_files(actual.as_array().unwrap_or(&none), conditions)?
            }
            None if by_attribute && is_file_list => return Err("A condition on a list of files needs a condition on an attribute.".into()),
            _ if operator.is_unary() => compare(operator, &actual, &Value::Null)?,
            _ => {
                let expected = expected(&actual, &condition.value, pool)?;
                checked.inputs.push(json!({"actual_value": actual, "expected_value": expected, "comparison_operator": operator.as_str()}));
                compare(operator, &actual, &expected)?
            }
        };
        checked.results.push(result);
        if result == (logic == Logic::Or) {
            checked.result = result;
            return Ok(checked);
        }
    }
    Ok(checked)
}

fn not_found(selector: &Selector) -> String {
    let mut path = String::new();
    value::write_python(&json!(selector), &mut path);
    format!("Variable {path} not found")
}

/// The value to compare with: templates filled in, text read as flags where the variable is one.
fn expected(actual: &Value, expected: &Value, pool: &Pool) -> Result<Value, String> {
    let expected = match expected {
        Value::String(text) => Value::String(template::render(text, pool)),
        other => other.clone(),
    };
    let is_flags = actual.is_boolean() || actual.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_boolean));
    match expected {
        Value::Null => Ok(Value::Null),
        Value::Array(items) if is_flags => items.iter().map(flag).collect::<Result<_, _>>().map(Value::Array),
        single if is_flags => flag(&single),
        other => Ok(other),
    }
}

fn flag(value: &Value) -> Result<Value, String> {
    let refused = || format!("{value} is no boolean: use true, false, 1 or 0.");
    match value {
        Value::Bool(flag) => Ok(Value::Bool(*flag)),
        Value::Number(number) => Ok(Value::Bool(number.as_f64() != Some(0.0))),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            number => number.parse::<i64>().map(|n| Value::Bool(n != 0)).map_err(|_| refused()),
        },
        _ => Err(refused()),
    }
}

/// Whether any file has the attribute, or, for negative operators, all have.
fn check_files(files: &[Value], conditions: &SubConditions) -> Result<bool, String> {
    let mut results = Vec::new();
    for condition in &conditions.conditions {
        let operator = condition.comparison_operator;
        let is_extension = condition.key == "extension";
        let dotted = |value: Value| match value {
            Value::String(text) if is_extension && !text.is_empty() && !text.starts_with('.') => Value::String(format!(".{text}")),
            other => other,
        };
        let expected = match &condition.value {
            Value::Array(items) => Value::Array(items.iter().cloned().map(dotted).collect()),
            single => dotted(single.clone()),
        };
        let mut of_files = Vec::new();
        for file in files {
            let attribute =
                value::file_attribute(file, &condition.key).ok_or_else(|| format!("Files have no attribute '{}'.", condition.key))?;
            of_files.push(compare(operator, &dotted(attribute), &expected)?);
        }
        results.push(if operator.is_negative() { of_files.iter().all(|r| *r) } else { of_files.iter().any(|r| *r) });
    }
    Ok(match conditions.logical_operator {
        Logic::And => results.iter().all(|r| *r),
        Logic::Or => results.iter().any(|r| *r),
    })
}

/// One comparison.
pub fn compare(operator: Operator, actual: &Value, expected: &Value) -> Result<bool, String> {
    use Operator as O;
    Ok(match operator {
        O::Contains => !is_falsy(actual) && contains(actual, expected)?,
        O::NotContains => is_falsy(actual) || !contains(actual, expected)?,
        O::StartWith | O::EndWith if is_falsy(actual) => false,
        O::StartWith | O::EndWith => {
            let (Value::String(text), Value::String(part)) = (actual, expected) else { return Err(wrong(operator, actual, "text")) };
            if operator == O::StartWith { text.starts_with(part.as_str()) } else { text.ends_with(part.as_str()) }
        }
        O::Is | O::IsNot => match actual {
            Value::Null => false,
            Value::String(_) | Value::Bool(_) => (actual == expected) == (operator == O::Is),
            _ => return Err(wrong(operator, actual, "text or a boolean")),
        },
        O::Empty => is_falsy(actual),
        O::NotEmpty => !is_falsy(actual),
        O::In | O::NotIn if is_falsy(actual) => operator == O::NotIn,
        O::In | O::NotIn => {
            let Value::Array(items) = expected else { return Err(format!("'{}' needs a list to look in.", operator.as_str())) };
            items.contains(actual) == (operator == O::In)
        }
        O::AllOf => all_of(actual, expected)?,
        O::Equal | O::NotEqual if actual.is_null() => false,
        O::Equal | O::NotEqual => is_equal(actual, expected)? == (operator == O::Equal),
        O::Greater | O::Less | O::GreaterOrEqual | O::LessOrEqual if actual.is_null() => false,
        O::Greater | O::Less | O::GreaterOrEqual | O::LessOrEqual => {
            let (a, b) = (number(operator, actual)?, to_float(expected)?);
            match operator {
                O::Greater => a > b,
                O::Less => a < b,
                O::GreaterOrEqual => a >= b,
                _ => a <= b,
            }
        }
        O::Null | O::NotExists => actual.is_null(),
        O::NotNull | O::Exists => !actual.is_null(),
    })
}

fn wrong(operator: Operator, actual: &Value, needed: &str) -> String {
    format!("'{}' needs {needed}; the variable is of type {}.", operator.as_str(), value::type_name(actual))
}

fn contains(actual: &Value, expected: &Value) -> Result<bool, String> {
    match (actual, expected) {
        (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
        (Value::String(text), other) => {
            let mut part = String::new();
            value::write_python(other, &mut part);
            Ok(text.contains(&part))
        }
        (Value::Array(items), item) => Ok(items.contains(item)),
        _ => Err(wrong(Operator::Contains, actual, "text or a list")),
    }
}

fn all_of(actual: &Value, expected: &Value) -> Result<bool, String> {
    let Some(parts) = expected.as_array().filter(|p| p.iter().all(Value::is_string) || p.iter().all(Value::is_boolean)) else {
        return Err("'all of' needs a list of texts, or of booleans, to look for.".into());
    };
    Ok(match actual {
        _ if is_falsy(actual) => false,
        Value::Array(items) => parts.iter().all(|part| items.contains(part)),
        Value::String(text) => parts.iter().all(|part| part.as_str().is_some_and(|part| text.contains(part))),
        _ => false,
    })
}

/// The expected value becomes what the actual one is: whole numbers stay whole.
fn is_equal(actual: &Value, expected: &Value) -> Result<bool, String> {
    let refused = |kind: &str| format!("{expected} can't be compared with a {kind}.");
    match actual {
        Value::Bool(flag) => Ok(*flag != is_falsy(expected)),
        Value::Number(n) if !n.is_f64() => {
            let whole = match expected {
                Value::String(text) => text.trim().parse::<i128>().ok(),
                // as Python's int() cuts
                Value::Number(n) => n.as_i64().map(i128::from).or(n.as_u64().map(i128::from)).or(n.as_f64().map(|f| f.trunc() as i128)),
                Value::Bool(flag) => Some(i128::from(*flag)),
                _ => None,
            };
            let own = n.as_i64().map(i128::from).or(n.as_u64().map(i128::from));
            whole.map(|whole| Some(whole) == own).ok_or_else(|| refused("whole number"))
        }
        Value::Number(n) => to_float(expected).map(|expected| n.as_f64() == Some(expected)).map_err(|_| refused("number")),
        _ => Err(wrong(Operator::Equal, actual, "a number or a boolean")),
    }
}

fn number(operator: Operator, actual: &Value) -> Result<f64, String> {
    match actual {
        Value::Number(n) => n.as_f64().ok_or_else(|| wrong(operator, actual, "a number")),
        Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
        _ => Err(wrong(operator, actual, "a number")),
    }
}

fn to_float(value: &Value) -> Result<f64, String> {
    let float = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        _ => None,
    };
    float.ok_or_else(|| format!("Cannot convert {value} to number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, extension: &str) -> Value {
        json!({"dify_model_identity": "__dify__file__", "type": "document", "filename": name, "extension": extension, "size": 10})
    }

    fn one(operator: &str, actual: Value, expected: Value) -> Result<bool, String> {
        let mut pool = Pool::default();
        pool.set("n", "v", actual);
        pool.set("n", "two", json!(2));
        let condition = json!({"variable_selector": ["n", "v"], "comparison_operator": operator, "value": expected});
        check(&[serde_json::from_value(condition).unwrap()], Logic::And, &pool).map(|checked| checked.result)
    }

    #[test]
    fn operators_hold_as_in_the_reference() {
        let t = Ok(true);
        let f = Ok(false);
        let cases = [
            ("contains", json!("abc"), json!("b"), &t),
            ("contains", json!(""), json!(""), &f),
            ("contains", json!(["a"]), json!("a"), &t),
            ("not contains", json!(null), json!("a"), &t),
            ("start with", json!("abc"), json!("ab"), &t),
            ("end with", json!(""), json!("c"), &f),
            ("is", json!("a"), json!("a"), &t),
            ("is", json!(null), json!("a"), &f),
            ("is not", json!(null), json!("a"), &f),
            ("is", json!(true), json!("true"), &t),
            ("is not", json!(false), json!("0"), &f),
            ("empty", json!(0), json!(null), &t),
            ("empty", json!([]), json!(null), &t),
            ("not empty", json!(" "), json!(null), &t),
            ("in", json!("a"), json!(["a", "b"]), &t),
            ("in", json!(""), json!(["a"]), &f),
            ("not in", json!(""), json!(["a"]), &t),
            ("not in", json!("c"), json!(["a"]), &t),
            ("all of", json!(["a", "b"]), json!(["a", "b"]), &t),
            ("all of", json!(["a"]), json!(["a", "b"]), &f),
            ("=", json!(3), json!("3"), &t),
            ("=", json!(2), json!("{{#n.two#}}"), &t),
            ("=", json!(1.5), json!("1.5"), &t),
            ("=", json!(null), json!("1"), &f),
            ("≠", json!(3), json!("4"), &t),
            ("≠", json!(null), json!("4"), &f),
            (">", json!(3), json!("2.5"), &t),
            ("≥", json!(3), json!("3.0"), &t),
            ("<", json!(2.5), json!("3"), &t),
            ("≤", json!(null), json!("3"), &f),
            ("null", json!(null), json!(null), &t),
            ("not null", json!(""), json!(null), &t),
            ("exists", json!(1), json!(null), &t),
            ("not exists", json!(1), json!(null), &f),
        ];
        for (operator, actual, expected, result) in cases {
            assert_eq!(&one(operator, actual.clone(), expected.clone()), result, "{actual} {operator} {expected}");
        }
        let errors = [
            ("=", json!(1), json!("1.5")),
            (">", json!(1), json!("x")),
            (">", json!("1"), json!("1")),
            ("is", json!(1), json!("1")),
            ("in", json!("a"), json!("abc")),
            ("start with", json!(1), json!("1")),
            ("contains", json!(5), json!("5")),
            ("is", json!(true), json!("maybe")),
        ];
        for (operator, actual, expected) in errors {
            assert!(one(operator, actual.clone(), expected.clone()).is_err(), "{actual} {operator} {expected}");
        }
    }

    #[test]
    fn a_missing_variable_is_an_error() {
        let condition = json!({"variable_selector": ["n", "v"], "comparison_operator": "empty"});
        let error = check(&[serde_json::from_value(condition).unwrap()], Logic::And, &Pool::default()).unwrap_err();
        assert_eq!(error, "Variable ['n', 'v'] not found");
    }

    #[test]
    fn files_are_tested_by_attribute() {
        let mut pool = Pool::default();
        pool.set("n", "files", json!([file("a.pdf", ".pdf"), file("b.txt", ".txt")]));
        let run = |operator: &str, key: &str, sub: &str, value: Value| {
            let condition = json!({"variable_selector": ["n", "files"], "comparison_operator": operator, "value": "", "sub_variable_condition":
                {"logical_operator": "and", "conditions": [{"key": key, "comparison_operator": sub, "value": value}]}});
            check(&[serde_json::from_value(condition).unwrap()], Logic::And, &pool).map(|checked| checked.result)
        };
        assert_eq!(run("contains", "extension", "is", json!("pdf")), Ok(true));
        assert_eq!(run("contains", "name", "contains", json!("z")), Ok(false));
        assert_eq!(run("not contains", "name", "not contains", json!("a")), Ok(false));
        assert_eq!(run("contains", "size", ">", json!("5")), Ok(true));
        assert_eq!(run("contains", "type", "in", json!(["image", "document"])), Ok(true));
        assert!(run("contains", "colour", "is", json!("x")).is_err());
    }

    #[test]
    fn the_rest_is_not_looked_at_when_the_result_is_certain() {
        let mut pool = Pool::default();
        pool.set("n", "v", json!("a"));
        let conditions: Vec<Condition> = serde_json::from_value(json!([
            {"variable_selector": ["n", "v"], "comparison_operator": "is", "value": "a"},
            {"variable_selector": ["n", "missing"], "comparison_operator": "is", "value": "a"},
        ]))
        .unwrap();
        let checked = check(&conditions, Logic::Or, &pool).unwrap();
        assert_eq!((checked.result, checked.results.len()), (true, 1));
        assert!(check(&conditions, Logic::And, &pool).is_err());
    }
}
