//! Values that flow between nodes: JSON, with uploaded and produced files as objects of a known shape. How they read as
//! text follows the DSL's reference (Dify), quirks included, except that arrays with objects in them are written as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::engine::python::{self, JsonStyle};

/// Marks the objects that are files.
const FILE_KEY: &str = "dify_model_identity";
const FILE_MARK: &str = "__dify__file__";

const TEXT_STYLE: JsonStyle<'static> = JsonStyle { indent: None, ascii: false, sort_keys: false, item: ", ", key: ": " };
const MARKDOWN_STYLE: JsonStyle<'static> = JsonStyle { indent: Some(2), ascii: false, sort_keys: false, item: ",", key: ": " };

/// Whether a value is a file object.
pub fn is_file(value: &Value) -> bool {
    value.get(FILE_KEY).and_then(Value::as_str) == Some(FILE_MARK)
}

/// The files that a value is or holds directly.
pub fn files(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().filter(|item| is_file(item)).collect(),
        file if is_file(file) => vec![file],
        _ => Vec::new(),
    }
}

/// An attribute of a file as selectors and conditions name it; none for names that no file has.
pub fn file_attribute(file: &Value, name: &str) -> Option<Value> {
    let text = |key: &str| file.get(key).cloned().unwrap_or(Value::Null);
    Some(match name {
        "type" | "mime_type" | "transfer_method" | "extension" | "related_id" => text(name),
        "size" => file.get("size").cloned().unwrap_or_else(|| Value::from(-1)),
        "name" => text("filename"),
        "url" => file.get("url").filter(|url| !url.is_null()).or_else(|| file.get("remote_url")).cloned().unwrap_or(Value::Null),
        _ => return None,
    })
}

/// The type's name as the DSL writes it: `string`, `array[object]`, `none`, …
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "none",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Object(_) if is_file(value) => "file",
        Value::Object(_) => "object",
        Value::Array(items) => {
            let Some(first) = items.first().map(type_name) else { return "array[any]" };
            match first {
                _ if items.iter().any(|item| type_name(item) != first) => "array[any]",
                "string" => "array[string]",
                "number" => "array[number]",
                "boolean" => "array[boolean]",
                "object" => "array[object]",
                "file" => "array[file]",
                _ => "array[any]",
            }
        }
    }
}

/// Whether a value may lie in a variable of that type.
pub fn fits(type_name: &str, value: &Value) -> bool {
    match type_name {
        "none" | "any" => true,
        "secret" => value.is_string(),
        "integer" | "float" => value.is_number(),
        list if list.starts_with("array") => value.as_array().is_some_and(|items| items.iter().all(|item| fits_list(list, item))),
        plain => plain == self::type_name(value),
    }
}

/// Whether a value may be an item of a list of that type.
pub fn fits_list(type_name: &str, item: &Value) -> bool {
    match type_name {
        "array[any]" | "array" => true,
        list => {
            let element = list.strip_prefix("array[").and_then(|rest| rest.strip_suffix(']'));
            element.is_some_and(|element| element == self::type_name(item))
        }
    }
}

/// What an empty variable of that type holds.
pub fn zero(type_name: &str) -> Value {
    match type_name {
        "string" | "secret" => Value::String(String::new()),
        "number" | "integer" | "float" => Value::from(0),
        "boolean" => Value::Bool(false),
        "object" => Value::Object(Map::new()),
        array if array.starts_with("array") => Value::Array(Vec::new()),
        _ => Value::Null,
    }
}

/// What Python calls false: null, false, zero, and whatever is empty.
pub fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// As prompts, requests and conditions see it.
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    write_text(value, &mut out);
    out
}

/// Appends [`text`].
pub fn write_text(value: &Value, out: &mut String) {
    match value {
        Value::Null => {}
        Value::String(text) => out.push_str(text),
        Value::Bool(flag) => out.push_str(if *flag { "True" } else { "False" }),
        Value::Number(_) => TEXT_STYLE.write(value, 0, out),
        Value::Object(_) if is_file(value) => {}
        Value::Object(_) => TEXT_STYLE.write(value, 0, out),
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) if items.iter().all(is_file) => {}
        Value::Array(items) if items.iter().all(Value::is_string) || items.iter().any(Value::is_object) => {
            TEXT_STYLE.write(value, 0, out);
        }
        Value::Array(_) => write_python(value, out),
    }
}

/// As answers show it.
pub fn markdown(value: &Value) -> String {
    match value {
        Value::Object(_) if is_file(value) => file_link(value),
        Value::Object(_) => {
            let mut out = String::new();
            MARKDOWN_STYLE.write(value, 0, &mut out);
            out
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(is_file) => items.iter().map(file_link).collect::<Vec<_>>().join("\n"),
        Value::Array(items) => {
            let line = |item: &Value| {
                let mut out = String::from("- ");
                match item {
                    Value::Null => out.push_str("None"),
                    Value::Object(_) => TEXT_STYLE.write(item, 0, &mut out),
                    item => write_text(item, &mut out),
                }
                out
            };
            items.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        plain => text(plain),
    }
}

fn file_link(file: &Value) -> String {
    let attribute = |name| file_attribute(file, name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let bang = if attribute("type") == "image" { "!" } else { "" };
    format!("{bang}[{}]({})", attribute("name"), attribute("url"))
}

/// As Python's `repr` shows it: what Jinja2 prints for lists and dicts.
pub fn write_python(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(flag) => out.push_str(if *flag { "True" } else { "False" }),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => out.push_str(&python::float(float)),
            None => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_python_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_python(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_python_string(key, out);
                out.push_str(": ");
                write_python(item, out);
            }
            out.push('}');
        }
    }
}

fn write_python_string(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                // memory is the writer
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// Bytes of a value as compact JSON, for limits.
pub fn size(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Bool(_) => 5,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        Value::Object(map) => 2 + map.iter().map(|(key, item)| key.len() + 4 + size(item)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(kind: &str) -> Value {
        json!({"dify_model_identity": "__dify__file__", "type": kind, "filename": "a.png", "extension": ".png", "size": 3,
               "url": null, "remote_url": "http://x/a.png"})
    }

    #[test]
    fn values_read_as_the_reference_writes_them() {
        let cases = [
            (json!("a"), "a", "a"),
            (json!(3), "3", "3"),
            (json!(1.0), "1.0", "1.0"),
            (json!(0.00001), "1e-05", "1e-05"),
            (json!(true), "True", "True"),
            (json!(null), "", ""),
            (json!({"a": "é", "b": [1]}), r#"{"a": "é", "b": [1]}"#, "{\n  \"a\": \"é\",\n  \"b\": [\n    1\n  ]\n}"),
            (json!(["a", "图"]), r#"["a", "图"]"#, "- a\n- 图"),
            (json!([]), "", ""),
            (json!([1, 2.5]), "[1, 2.5]", "- 1\n- 2.5"),
            (json!([true]), "[True]", "- True"),
            (json!([{"a": 1}]), r#"[{"a": 1}]"#, r#"- {"a": 1}"#),
            (json!(["a", null]), "['a', None]", "- a\n- None"),
            (file("image"), "", "![a.png](http://x/a.png)"),
            (json!([file("document")]), "", "[a.png](http://x/a.png)"),
        ];
        for (value, as_text, as_markdown) in cases {
            assert_eq!(text(&value), as_text, "{value}");
            assert_eq!(markdown(&value), as_markdown, "{value}");
        }
    }

    #[test]
    fn python_shows_what_repr_shows() {
        let mut out = String::new();
        write_python(&json!({"it's": ["a\n", null, true, 1e20], "\"'": 1}), &mut out);
        assert_eq!(out, r#"{"it's": ['a\n', None, True, 1e+20], '"\'': 1}"#);
    }

    #[test]
    fn types_have_the_dsl_s_names() {
        let cases = [
            (json!([]), "array[any]"),
            (json!(["a", 1]), "array[any]"),
            (json!(["a"]), "array[string]"),
            (json!([file("image")]), "array[file]"),
            (file("image"), "file"),
            (json!({}), "object"),
        ];
        for (value, name) in cases {
            assert_eq!(type_name(&value), name, "{value}");
        }
    }
}
