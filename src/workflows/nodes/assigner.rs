//! `assigner`: sets conversation variables, and loop variables inside their loop.

use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use super::{Context, FieldError, NodeError, Outcome, read};
use crate::workflows::event::Write;
use crate::workflows::value;
use crate::workflows::vars::{ENVIRONMENT, Pool, SYSTEM, Selector};

const ERROR: &str = "VariableOperatorNodeError";

#[derive(Debug)]
pub struct Assigner {
    items: Vec<Item>,
    /// As the file has it, for the node's inputs.
    shown: Value,
}

#[derive(Debug, Deserialize)]
struct Item {
    #[serde(default)]
    variable_selector: Selector,
    #[serde(default)]
    input_type: InputType,
    operation: Operation,
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum InputType {
    #[default]
    Variable,
    Constant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operation {
    #[serde(rename = "over-write")]
    OverWrite,
    #[serde(rename = "set")]
    Set,
    #[serde(rename = "clear")]
    Clear,
    #[serde(rename = "append")]
    Append,
    #[serde(rename = "extend")]
    Extend,
    #[serde(rename = "+=")]
    Add,
    #[serde(rename = "-=")]
    Subtract,
    #[serde(rename = "*=")]
    Multiply,
    #[serde(rename = "/=")]
    Divide,
    #[serde(rename = "remove-first")]
    RemoveFirst,
    #[serde(rename = "remove-last")]
    RemoveLast,
}

impl Operation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::OverWrite => "over-write",
            Self::Set => "set",
            Self::Clear => "clear",
            Self::Append => "append",
            Self::Extend => "extend",
            Self::Add => "+=",
            Self::Subtract => "-=",
            Self::Multiply => "*=",
            Self::Divide => "/=",
            Self::RemoveFirst => "remove-first",
            Self::RemoveLast => "remove-last",
        }
    }

    const fn takes_value(self) -> bool {
        !matches!(self, Self::Clear | Self::RemoveFirst | Self::RemoveLast)
    }

    const fn is_arithmetic(self) -> bool {
        matches!(self, Self::Add | Self::Subtract | Self::Multiply | Self::Divide)
    }

    fn applies_to(self, type_name: &str) -> bool {
        match self {
            Self::OverWrite | Self::Clear => true,
            Self::Set => matches!(type_name, "string" | "number" | "object" | "boolean" | "none"),
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide => type_name == "number",
            Self::Append | Self::Extend | Self::RemoveFirst | Self::RemoveLast => type_name.starts_with("array"),
        }
    }
}

impl Assigner {
    /// Of both versions: the first has one variable and a write mode.
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        #[derive(Deserialize)]
        struct Second {
            #[serde(default)]
            items: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct First {
            #[serde(default)]
            assigned_variable_selector: Selector,
            write_mode: Operation,
            #[serde(default)]
            input_variable_selector: Selector,
        }
        let is_first = data.get("assigned_variable_selector").is_some() && data.get("items").is_none();
        let items = if is_first {
            let first: First = read(data)?;
            if !matches!(first.write_mode, Operation::OverWrite | Operation::Append | Operation::Clear) {
                return Err(FieldError::new("write_mode", "must be over-write, append or clear"));
            }
            vec![Item {
                variable_selector: first.assigned_variable_selector,
                input_type: InputType::Variable,
                operation: first.write_mode,
                value: json!(first.input_variable_selector),
            }]
        } else {
            read::<Second>(data)?.items
        };
        for (i, item) in items.iter().enumerate() {
            let field = if is_first { "assigned_variable_selector".to_owned() } else { format!("items[{i}].variable_selector") };
            if item.variable_selector.0.len() < 2 {
                return Err(FieldError::new(field, "must name a variable: choose one"));
            }
            if matches!(item.variable_selector.node(), ENVIRONMENT | SYSTEM) {
                return Err(FieldError::new(field, format!("{} can't be changed", item.variable_selector)));
            }
        }
        let shown = if is_first { Value::Null } else { data.get("items").cloned().unwrap_or_default() };
        Ok(Self { items, shown })
    }

    pub fn targets(&self) -> Vec<&Selector> {
        self.items.iter().map(|item| &item.variable_selector).collect()
    }

    pub fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let inputs = match &self.shown {
            Value::Null => Map::new(),
            items => Map::from_iter([("items".to_owned(), items.clone())]),
        };
        // later items see what earlier ones set
        let mut pool = context.pool.clone();
        let mut set: Vec<Selector> = Vec::new();
        for (i, item) in self.items.iter().enumerate() {
            let value =
                item.apply(&pool).map_err(|message| NodeError::new(ERROR, format!("items[{i}]: {message}")).with_inputs(inputs.clone()))?;
            let Some(value) = value else { continue };
            pool.set(item.variable_selector.node(), item.variable_selector.variable(), value);
            if !set.contains(&item.variable_selector) {
                set.push(item.variable_selector.clone());
            }
        }
        let mut outcome = Outcome { inputs, ..Outcome::default() };
        let mut shown = Vec::new();
        for selector in set {
            let value = pool.get_or_null(&selector);
            shown.push(
                json!({"name": selector.variable(), "selector": selector, "value_type": value::type_name(&value), "new_value": value}),
            );
            outcome.process_data.insert(selector.variable().to_owned(), value.clone());
            outcome.writes.push(Write { selector, value });
        }
        outcome.process_data.insert("updated_variables".into(), Value::Array(shown));
        Ok(outcome)
    }
}

impl Item {
    /// The variable's new value; none when the input is null and the item is passed over.
    fn apply(&self, pool: &Pool) -> Result<Option<Value>, String> {
        let target = &self.variable_selector;
        let current = pool.get(target).ok_or_else(|| format!("the variable {target} does not exist"))?.into_owned();
        let type_name = pool.declared_type(target).unwrap_or_else(|| value::type_name(&current)).to_owned();
        let operation = self.operation;
        if !operation.applies_to(&type_name) {
            return Err(format!("'{}' can't be done to {target}, which is of type {type_name}", operation.as_str()));
        }
        let input = match self.input_type {
            _ if !operation.takes_value() => Value::Null,
            InputType::Variable if self.value.is_array() => {
                let selector: Selector =
                    serde_json::from_value(self.value.clone()).map_err(|_| "value must be a selector: a list of texts".to_owned())?;
                match pool.get(&selector).ok_or_else(|| format!("the variable {selector} does not exist"))?.into_owned() {
                    Value::Null => return Ok(None),
                    value => value,
                }
            }
            InputType::Variable => return Err("value must name a variable: choose one".into()),
            InputType::Constant => self.value.clone(),
        };
        let input = match (type_name.as_str(), input) {
            ("object", Value::String(text)) => {
                serde_json::from_str(&text).map_err(|_| "value must be an object written as JSON".to_owned())?
            }
            ("number", Value::String(text)) if operation.is_arithmetic() || self.input_type == InputType::Constant => {
                number(&text).ok_or_else(|| format!("value must be a number, not '{text}'"))?
            }
            (_, input) => input,
        };
        let takes = |value: &Value, element: bool| {
            if element { value::fits_list(&type_name, value) } else { value::fits(&type_name, value) }
        };
        let refused = || format!("{} does not fit {target}, which is of type {type_name}", value::type_name(&input));
        Ok(Some(match operation {
            Operation::OverWrite | Operation::Set if takes(&input, false) => input,
            Operation::OverWrite | Operation::Set => return Err(refused()),
            Operation::Clear => value::zero(&type_name),
            Operation::Append if takes(&input, true) => with_list(current, |list| list.push(input)),
            Operation::Extend => match input {
                Value::Array(items) if items.iter().all(|item| takes(item, true)) => with_list(current, |list| list.extend(items)),
                _ => return Err(refused()),
            },
            Operation::Append => return Err(refused()),
            Operation::RemoveFirst => with_list(current, |list| drop((!list.is_empty()).then(|| list.remove(0)))),
            Operation::RemoveLast => with_list(current, |list| drop(list.pop())),
            Operation::Add | Operation::Subtract | Operation::Multiply | Operation::Divide => {
                let (Value::Number(a), Value::Number(b)) = (&current, &input) else { return Err(refused()) };
                calculate(operation, a, b)?
            }
        }))
    }
}

fn with_list(current: Value, change: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut list = if let Value::Array(list) = current { list } else { Vec::new() };
    change(&mut list);
    Value::Array(list)
}

fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    let whole = text.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number))
}

/// Whole numbers stay whole, except in a division.
fn calculate(operation: Operation, a: &Number, b: &Number) -> Result<Value, String> {
    let whole = match (a.as_i64(), b.as_i64(), operation) {
        (Some(a), Some(b), Operation::Add) => a.checked_add(b),
        (Some(a), Some(b), Operation::Subtract) => a.checked_sub(b),
        (Some(a), Some(b), Operation::Multiply) => a.checked_mul(b),
        _ => None,
    };
    if let Some(whole) = whole {
        return Ok(Value::from(whole));
    }
    let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
    let result = match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        _ if b == 0.0 => return Err("a number can't be divided by 0".into()),
        _ => a / b,
    };
    Number::from_f64(result).map(Value::Number).ok_or_else(|| format!("the result of '{}' is no number", operation.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(type_name: &str, current: Value, operation: &str, value: Value) -> Result<Option<Value>, String> {
        let mut pool = Pool::default();
        pool.set("conversation", "v", current);
        pool.declare("conversation", "v", type_name);
        pool.set("n", "input", value.clone());
        let arithmetic = matches!(operation, "set" | "+=" | "-=" | "*=" | "/=");
        let item = if arithmetic {
            json!({"variable_selector": ["conversation", "v"], "input_type": "constant", "operation": operation, "value": value})
        } else {
            json!({"variable_selector": ["conversation", "v"], "input_type": "variable", "operation": operation, "value": ["n", "input"]})
        };
        serde_json::from_value::<Item>(item).unwrap().apply(&pool)
    }

    #[test]
    fn operations_do_what_they_say() {
        let cases = [
            ("string", json!("a"), "over-write", json!("b"), json!("b")),
            ("string", json!("a"), "set", json!("b"), json!("b")),
            ("string", json!("a"), "clear", json!(null), json!("")),
            ("number", json!(1), "+=", json!(2), json!(3)),
            ("number", json!(1), "+=", json!("2.5"), json!(3.5)),
            ("number", json!(7), "/=", json!(2), json!(3.5)),
            ("number", json!(7), "*=", json!(2), json!(14)),
            ("number", json!(7), "clear", json!(null), json!(0)),
            ("object", json!({}), "set", json!("{\"a\": 1}"), json!({"a": 1})),
            ("array[string]", json!([]), "append", json!("x"), json!(["x"])),
            ("array[string]", json!(["x"]), "extend", json!(["y"]), json!(["x", "y"])),
            ("array[number]", json!([1, 2]), "remove-first", json!(null), json!([2])),
            ("array[number]", json!([]), "remove-last", json!(null), json!([])),
            ("array[object]", json!([]), "append", json!({"a": 1}), json!([{"a": 1}])),
            ("array[any]", json!([1]), "append", json!("a"), json!([1, "a"])),
        ];
        for (type_name, current, operation, value, expected) in cases {
            assert_eq!(
                apply(type_name, current.clone(), operation, value.clone()),
                Ok(Some(expected)),
                "{type_name} {current} {operation} {value}"
            );
        }
        assert_eq!(apply("string", json!("a"), "over-write", json!(null)), Ok(None));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let cases = [
            ("string", json!("a"), "append", json!("b"), "'append' can't be done to conversation.v, which is of type string"),
            ("number", json!(1), "/=", json!(0), "a number can't be divided by 0"),
            ("array[string]", json!([]), "append", json!(1), "number does not fit conversation.v, which is of type array[string]"),
            ("string", json!("a"), "over-write", json!(1), "number does not fit conversation.v, which is of type string"),
        ];
        for (type_name, current, operation, value, message) in cases {
            assert_eq!(apply(type_name, current, operation, value), Err(message.to_owned()));
        }
    }

    #[test]
    fn both_versions_are_read() {
        let first =
            json!({"assigned_variable_selector": ["conversation", "a"], "write_mode": "append", "input_variable_selector": ["n", "x"]});
        assert_eq!(Assigner::parse(&first).unwrap().items[0].operation, Operation::Append);
        let env = json!({"items": [{"variable_selector": ["env", "a"], "operation": "clear"}]});
        assert_eq!(Assigner::parse(&env).unwrap_err(), FieldError::new("items[0].variable_selector", "env.a can't be changed"));
    }
}
