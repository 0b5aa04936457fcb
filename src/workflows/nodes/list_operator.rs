//! `list-operator`: filters a list, takes one of its items, sorts it, cuts it, in this order.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::condition::{Operator, compare};
use super::{Context, NodeError, Outcome};
use crate::workflows::template;
use crate::workflows::value;
use crate::workflows::vars::{Pool, Selector, Vars};

const ERROR: &str = "ListOperatorError";

#[derive(Debug, Deserialize)]
pub struct ListOperator {
    #[serde(default)]
    variable: Selector,
    #[serde(default)]
    filter_by: Filter,
    #[serde(default)]
    extract_by: Extract,
    #[serde(default)]
    order_by: Order,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Default, Deserialize)]
struct Filter {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    conditions: Vec<FilterCondition>,
}

#[derive(Debug, Deserialize)]
struct FilterCondition {
    /// Of files: the attribute.
    #[serde(default)]
    key: String,
    comparison_operator: Operator,
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Extract {
    #[serde(default)]
    enabled: bool,
    /// A template of a number, 1 for the first item.
    #[serde(default)]
    serial: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Order {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: Direction,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    #[default]
    Asc,
    Desc,
}

#[derive(Debug, Default, Deserialize)]
struct Limit {
    #[serde(default)]
    enabled: bool,
    #[serde(default = "unlimited")]
    size: i64,
}

fn unlimited() -> i64 {
    -1
}

impl ListOperator {
    pub fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let missing = || NodeError::new(ERROR, format!("variable: {} does not exist", self.variable));
        let list = match context.pool.get(&self.variable).ok_or_else(missing)?.into_owned() {
            Value::Array(items) => items,
            empty if value::is_falsy(&empty) => Vec::new(),
            other => {
                let message = format!("variable: {} is of type {}, not a list", self.variable, value::type_name(&other));
                return Err(NodeError::new(ERROR, message));
            }
        };
        let shown = Map::from_iter([("variable".to_owned(), Value::Array(list.clone()))]);
        let list = self.apply(list, &context.pool).map_err(|message| NodeError::new(ERROR, message).with_inputs(shown.clone()))?;
        let outputs: Vars = Map::from_iter([
            ("first_record".to_owned(), list.first().cloned().unwrap_or_default()),
            ("last_record".to_owned(), list.last().cloned().unwrap_or_default()),
            ("result".to_owned(), Value::Array(list)),
        ]);
        Ok(Outcome { inputs: shown.clone(), process_data: shown, outputs, ..Outcome::default() })
    }

    fn apply(&self, mut list: Vec<Value>, pool: &Pool) -> Result<Vec<Value>, String> {
        // nothing can be taken from nothing, and nothing is wrong with that
        if list.is_empty() {
            return Ok(list);
        }
        let kind = value::type_name(&list[0]);
        if !matches!(kind, "string" | "number" | "boolean" | "file") || list.iter().any(|item| value::type_name(item) != kind) {
            return Err("variable: must be a list of texts, of numbers, of booleans or of files".into());
        }
        if self.filter_by.enabled {
            for (i, condition) in self.filter_by.conditions.iter().enumerate() {
                list = condition.filter(list, kind, pool).map_err(|message| format!("filter_by.conditions[{i}]: {message}"))?;
            }
        }
        if self.extract_by.enabled {
            list = vec![self.extract_by.take(list, pool)?];
        }
        if self.order_by.enabled {
            self.order_by.sort(&mut list, kind)?;
        }
        if self.limit.enabled
            && let Ok(size) = usize::try_from(self.limit.size)
        {
            list.truncate(size);
        }
        Ok(list)
    }
}

impl FilterCondition {
    fn filter(&self, list: Vec<Value>, kind: &str, pool: &Pool) -> Result<Vec<Value>, String> {
        let mut expected = match &self.value {
            Value::String(text) => Value::String(template::render(text, pool)),
            other => other.clone(),
        };
        let operator = self.comparison_operator;
        let allowed: &[Operator] = match kind {
            "number" => NUMBER,
            "boolean" => &[Operator::Is, Operator::IsNot],
            "file" if self.key == "size" => NUMBER,
            "file" if matches!(self.key.as_str(), "type" | "transfer_method") => &[Operator::In, Operator::NotIn],
            _ => TEXT,
        };
        if !allowed.contains(&operator) {
            let names: Vec<_> = allowed.iter().map(|o| o.as_str()).collect();
            return Err(format!("comparison_operator: '{}' can't be used here; one of {}", operator.as_str(), names.join(", ")));
        }
        match kind {
            "boolean" => {
                expected = match expected {
                    Value::String(text) if text == "true" || text == "false" => Value::Bool(text == "true"),
                    other => other,
                };
                if !expected.is_boolean() {
                    return Err("value: must be a boolean".into());
                }
            }
            // a text is one value of its own, unless it is looked for in a longer one
            _ if matches!(operator, Operator::In | Operator::NotIn) => {
                if let Value::String(whole) = &expected {
                    let kept = |item: &Value| {
                        attribute(item, kind, &self.key).map(|v| whole.contains(&value::text(&v)) == (operator == Operator::In))
                    };
                    return keep(list, kept);
                }
            }
            _ => {}
        }
        keep(list, |item| {
            let actual = attribute(item, kind, &self.key)?;
            match operator {
                Operator::Equal | Operator::NotEqual => {
                    // lists of numbers are compared as decimals
                    let equal = Operator::GreaterOrEqual;
                    let same = compare(equal, &actual, &expected)? && compare(Operator::LessOrEqual, &actual, &expected)?;
                    Ok(same == (operator == Operator::Equal))
                }
                Operator::Contains | Operator::StartWith | Operator::EndWith if actual == "" => Ok(expected == ""),
                Operator::NotContains if actual == "" => Ok(expected != ""),
                _ => compare(operator, &actual, &expected),
            }
        })
    }
}

const NUMBER: &[Operator] =
    &[Operator::Equal, Operator::NotEqual, Operator::Less, Operator::LessOrEqual, Operator::Greater, Operator::GreaterOrEqual];

const TEXT: &[Operator] = &[
    Operator::Contains,
    Operator::NotContains,
    Operator::StartWith,
    Operator::EndWith,
    Operator::Is,
    Operator::IsNot,
    Operator::In,
    Operator::NotIn,
    Operator::Empty,
    Operator::NotEmpty,
];

/// The item itself, or what of a file is compared; text where the file has none.
fn attribute(item: &Value, kind: &str, key: &str) -> Result<Value, String> {
    if kind != "file" {
        return Ok(item.clone());
    }
    match value::file_attribute(item, key) {
        Some(Value::Null) => Ok(Value::String(String::new())),
        Some(value) => Ok(value),
        None => Err(format!("key: files have no attribute '{key}'")),
    }
}

fn keep(list: Vec<Value>, test: impl Fn(&Value) -> Result<bool, String>) -> Result<Vec<Value>, String> {
    let mut kept = Vec::new();
    for item in list {
        if test(&item)? {
            kept.push(item);
        }
    }
    Ok(kept)
}

impl Extract {
    fn take(&self, mut list: Vec<Value>, pool: &Pool) -> Result<Value, String> {
        let text = match &self.serial {
            Value::String(text) => template::render(text, pool),
            other => value::text(other),
        };
        let n_items = list.len();
        let serial = text.trim().parse::<usize>().ok().filter(|n| (1..=n_items).contains(n));
        let serial = serial.ok_or_else(|| format!("extract_by.serial: must be a number from 1 to {n_items}, not '{}'", text.trim()))?;
        Ok(list.swap_remove(serial - 1))
    }
}

impl Order {
    fn sort(&self, list: &mut [Value], kind: &str) -> Result<(), String> {
        let mut keyed = Vec::with_capacity(list.len());
        for item in list.iter_mut() {
            let key = attribute(item, kind, &self.key).map_err(|message| format!("order_by.{message}"))?;
            keyed.push((key, item.take()));
        }
        keyed.sort_by(|(a, _), (b, _)| match self.value {
            Direction::Asc => order(a, b),
            // items that are equal keep their order, as in Python
            Direction::Desc => order(b, a),
        });
        for (slot, (_, item)) in list.iter_mut().zip(keyed) {
            *slot = item;
        }
        Ok(())
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(list: Value, node: Value) -> Result<Value, String> {
        let node: ListOperator = serde_json::from_value(node).unwrap();
        let mut pool = Pool::default();
        pool.set("n", "two", json!(2));
        node.apply(list.as_array().unwrap().clone(), &pool).map(Value::Array)
    }

    fn filter(key: &str, operator: &str, value: Value) -> Value {
        json!({"filter_by": {"enabled": true, "conditions": [{"key": key, "comparison_operator": operator, "value": value}]}})
    }

    fn file(name: &str, kind: &str, size: u32) -> Value {
        json!({"dify_model_identity": "__dify__file__", "type": kind, "filename": name, "size": size, "extension": ".x"})
    }

    #[test]
    fn lists_are_filtered_by_what_they_hold() {
        let texts = json!(["apple", "banana", ""]);
        let cases = [
            (texts.clone(), filter("", "contains", json!("an")), json!(["banana"])),
            (texts.clone(), filter("", "not empty", json!("")), json!(["apple", "banana"])),
            (texts.clone(), filter("", "in", json!("apple pie")), json!(["apple", ""])),
            (texts, filter("", "is not", json!("apple")), json!(["banana", ""])),
            (json!([1, 2, 3.5]), filter("", "≥", json!("{{#n.two#}}")), json!([2, 3.5])),
            (json!([1, 2]), filter("", "=", json!("2.0")), json!([2])),
            (json!([true, false]), filter("", "is", json!(true)), json!([true])),
        ];
        for (list, node, expected) in cases {
            assert_eq!(apply(list.clone(), node.clone()), Ok(expected), "{list} {node}");
        }
        let files = json!([file("a", "image", 5), file("b", "document", 9)]);
        assert_eq!(apply(files.clone(), filter("type", "in", json!(["image"]))).unwrap().as_array().unwrap().len(), 1);
        assert_eq!(apply(files.clone(), filter("size", ">", json!("6"))).unwrap()[0]["filename"], "b");
        assert!(apply(files, filter("colour", "is", json!("red"))).unwrap_err().contains("no attribute 'colour'"));
        assert!(
            apply(json!([1]), filter("", "contains", json!("1"))).unwrap_err().starts_with("filter_by.conditions[0]: comparison_operator")
        );
        assert!(apply(json!([{"a": 1}]), json!({})).is_err());
    }

    #[test]
    fn items_are_taken_sorted_and_cut() {
        let list = json!(["b", "a", "c"]);
        let run = |node| apply(list.clone(), node);
        assert_eq!(
            run(json!({"order_by": {"enabled": true, "value": "desc"}, "limit": {"enabled": true, "size": 2}})),
            Ok(json!(["c", "b"]))
        );
        assert_eq!(run(json!({"extract_by": {"enabled": true, "serial": "{{#n.two#}}"}})), Ok(json!(["a"])));
        assert_eq!(
            run(json!({"extract_by": {"enabled": true, "serial": "4"}})),
            Err("extract_by.serial: must be a number from 1 to 3, not '4'".to_owned())
        );
        assert_eq!(apply(json!([]), json!({"extract_by": {"enabled": true, "serial": "1"}})), Ok(json!([])));
        let files = json!([file("b", "image", 1), file("a", "image", 2)]);
        let sorted = apply(files, json!({"order_by": {"enabled": true, "key": "name", "value": "asc"}})).unwrap();
        assert_eq!(sorted[0]["filename"], "a");
    }
}
