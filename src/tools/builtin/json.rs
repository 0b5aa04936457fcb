//! JSON documents taken apart and changed by JSON path, as Dify's plugin `json_process` does.
//!
//! Paths are RFC 9535's; what Dify's files also write (`a.b`, without the leading `$`) is read as one. Results are formatted as Python's
//! `json` formats them.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Map, Value, json};
use serde_json_path::{JsonPath, PathElement};

use super::{Arguments, Definition, Field, MAX_TEXT, Provider, Run};
use crate::tools::{ToolError, ToolOutput};

pub const PROVIDER: Provider =
    Provider { id: "json_process", label: "JSON", description: "Reads and changes JSON documents by JSON path.", tools: TOOLS };

const CONTENT: Field = Field::text("content", "JSON", "The JSON document.");
const ASCII: Field =
    Field::text("ensure_ascii", "ASCII only", "Write other characters as \\u escapes.").kind("boolean").setting().default("true");

const TOOLS: &[Definition] = &[
    Definition {
        name: "parse",
        label: "Parse",
        description: "Takes values out of a JSON document.",
        fields: &[
            CONTENT,
            Field::text("json_filter", "JSON path", "Which values, as in $.items[0].name. Without it: the whole document.").optional(),
            ASCII,
            Field::text("output_full_parsed_json", "Also as JSON", "Give the values as JSON too, not only as text.")
                .kind("boolean")
                .setting()
                .default("true"),
        ],
        run: Run::Pure(parse),
    },
    Definition {
        name: "json_insert",
        label: "Insert",
        description: "Adds a value to the lists and objects that a JSON path finds, and replaces anything else that it finds.",
        fields: &[
            CONTENT,
            Field::text("query", "JSON path", "Where, as in $.items."),
            Field::text("new_value", "New value", "What to add: JSON, or else text."),
            Field::text("index", "Position", "At which position of a list; at its end without it.").kind("integer").optional(),
            Field::text("create_path", "Create the path", "Whether to make what the path names and the document lacks.")
                .setting()
                .default("\"False\"")
                .choices(&["True", "False"]),
            ASCII,
        ],
        run: Run::Pure(insert),
    },
    Definition {
        name: "json_delete",
        label: "Delete",
        description: "Removes what a JSON path finds.",
        fields: &[CONTENT, Field::text("query", "JSON path", "What to remove, as in $.items[0]."), ASCII],
        run: Run::Pure(delete),
    },
    Definition {
        name: "json_replace",
        label: "Replace",
        description: "Replaces what a JSON path finds: the values, text within them, or the keys.",
        fields: &[
            CONTENT,
            Field::text("query", "JSON path", "What to replace, as in $.items[*].name."),
            Field::text("replace_pattern", "Text to replace", "The text within the values that is replaced; only when text is replaced.")
                .optional(),
            Field::text("replace_value", "Replacement", "What comes in its place."),
            Field::text("replace_model", "What is replaced", "pattern: text within values, key: the keys, value: whole values.")
                .setting()
                .default("\"pattern\"")
                .choices(&["pattern", "key", "value"]),
            Field::text("value_decode", "Replacement is JSON", "Read the replacement as JSON when whole values are replaced.")
                .kind("boolean")
                .setting()
                .default("false"),
            ASCII,
        ],
        run: Run::Pure(replace),
    },
];

fn parse(arguments: &Arguments) -> Result<ToolOutput, ToolError> {
    let document = document(arguments)?;
    let filter = arguments.text("json_filter").trim();
    let found = if filter.is_empty() {
        document
    } else {
        let mut found: Vec<_> = path("json_filter", filter)?.query(&document).all().into_iter().cloned().collect();
        match found.len() {
            0 => return Ok(ToolOutput::default()),
            1 => found.swap_remove(0),
            _ => Value::Array(found),
        }
    };
    let text = match &found {
        Value::String(text) => text.clone(),
        // as Python prints them
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        other => write(other, arguments)?,
    };
    let json = if arguments.flag("output_full_parsed_json") { vec![found] } else { Vec::new() };
    Ok(ToolOutput { text, json, ..ToolOutput::default() })
}

fn insert(arguments: &Arguments) -> Result<ToolOutput, ToolError> {
    let mut document = document(arguments)?;
    let query = arguments.needed("query")?;
    let text = arguments.text("new_value");
    let new = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let places = places(&document, query)?;
    if places.is_empty() {
        if arguments.text("create_path") != "True" {
            return Err(ToolError::argument("query", format!("finds nothing: {query:?}; set create_path to make it")));
        }
        create(&mut document, query, new)?;
        return changed(document, arguments);
    }
    let index = arguments.get("index").and_then(Value::as_u64).and_then(|i| usize::try_from(i).ok());
    for place in places {
        let Some(value) = at(&mut document, &place) else { continue };
        match (value, &new) {
            (Value::Object(object), Value::Object(new)) => object.extend(new.clone()),
            (Value::Object(_), _) => return Err(ToolError::argument("new_value", "must be a JSON object, since the path finds an object")),
            (Value::Array(items), new) => items.insert(index.unwrap_or(items.len()).min(items.len()), new.clone()),
            (other, new) => *other = new.clone(),
        }
    }
    changed(document, arguments)
}

fn delete(arguments: &Arguments) -> Result<ToolOutput, ToolError> {
    let mut document = document(arguments)?;
    let mut places = places(&document, arguments.needed("query")?)?;
    // from the end of each list, so that positions stay true
    places.sort();
    for mut place in places.into_iter().rev() {
        let Some(last) = place.pop() else { return changed(Value::Null, arguments) };
        match (at(&mut document, &place), last) {
            (Some(Value::Object(object)), Step::Name(name)) => drop(object.shift_remove(&name)),
            (Some(Value::Array(items)), Step::Index(index)) if index < items.len() => drop(items.remove(index)),
            _ => {}
        }
    }
    changed(document, arguments)
}

fn replace(arguments: &Arguments) -> Result<ToolOutput, ToolError> {
    let mut document = document(arguments)?;
    let mut places = places(&document, arguments.needed("query")?)?;
    let replacement = arguments.text("replace_value");
    match arguments.text("replace_model") {
        "key" => {
            // the deepest first, so that paths stay true
            places.sort_by_key(|place| std::cmp::Reverse(place.len()));
            for mut place in places {
                if let (Some(Step::Name(name)), Some(Value::Object(object))) = (place.pop(), at(&mut document, &place)) {
                    let renamed = |key: String| if key == name { replacement.to_owned() } else { key };
                    *object = std::mem::take(object).into_iter().map(|(key, value)| (renamed(key), value)).collect();
                }
            }
        }
        "value" => {
            let new = if arguments.flag("value_decode") {
                let bad = |e| ToolError::argument("replace_value", format!("is not JSON: {e}"));
                serde_json::from_str(replacement).map_err(bad)?
            } else {
                json!(replacement)
            };
            for place in places {
                if let Some(value) = at(&mut document, &place) {
                    *value = new.clone();
                }
            }
        }
        _ => {
            let pattern = arguments.text("replace_pattern");
            if pattern.is_empty() {
                return Err(ToolError::argument("replace_pattern", "must not be empty"));
            }
            let mut budget = MAX_TEXT;
            for place in places {
                if let Some(Value::String(text)) = at(&mut document, &place) {
                    let growth = text.matches(pattern).count().saturating_mul(replacement.len());
                    budget = budget.checked_sub(growth).ok_or_else(too_large)?;
                    *text = text.replace(pattern, replacement);
                }
            }
        }
    }
    changed(document, arguments)
}

fn document(arguments: &Arguments) -> Result<Value, ToolError> {
    let text = arguments.needed("content")?;
    serde_json::from_str(text).map_err(|e| ToolError::argument("content", format!("is not JSON: {e}")))
}

fn path(argument: &str, text: &str) -> Result<JsonPath, ToolError> {
    let whole = match text.chars().next() {
        Some('$') => text.to_owned(),
        Some('[' | '.') => format!("${text}"),
        _ => format!("$.{text}"),
    };
    JsonPath::parse(&whole).map_err(|e| ToolError::argument(argument, format!("is not a JSON path: {e}")))
}

/// One step from a value to one of its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Name(String),
    Index(usize),
}

/// Where the query finds something.
fn places(document: &Value, query: &str) -> Result<Vec<Vec<Step>>, ToolError> {
    let step = |element: &PathElement| match element {
        PathElement::Name(name) => Step::Name((*name).to_owned()),
        PathElement::Index(index) => Step::Index(*index),
    };
    let found = path("query", query)?.query_located(document).dedup();
    Ok(found.locations().map(|location| location.iter().map(step).collect()).collect())
}

fn at<'a>(document: &'a mut Value, place: &[Step]) -> Option<&'a mut Value> {
    place.iter().try_fold(document, |value, step| match step {
        Step::Name(name) => value.get_mut(name),
        Step::Index(index) => value.get_mut(*index),
    })
}

/// Longest list that a made path may bring.
const MAX_INDEX: usize = 10_000;

/// Makes the objects and lists of a plain path (`$.a.b[2].c`) and puts `new` at its end.
fn create(document: &mut Value, query: &str, new: Value) -> Result<(), ToolError> {
    let plain = || ToolError::argument("query", format!("can't be created: only names and positions can, as in $.a.b[0], not {query:?}"));
    let mut value = document;
    for part in query.trim_start_matches('$').split(['.', '[']).filter(|part| !part.is_empty()) {
        if let Some(index) = part.strip_suffix(']') {
            let quoted = index.strip_prefix(['\'', '"']).and_then(|i| i.strip_suffix(['\'', '"']));
            if let Some(name) = quoted {
                value = member(value, name).ok_or_else(plain)?;
                continue;
            }
            let index: usize = index.parse().ok().filter(|i| *i <= MAX_INDEX).ok_or_else(plain)?;
            if value.is_null() {
                *value = json!([]);
            }
            let items = value.as_array_mut().ok_or_else(plain)?;
            if items.len() <= index {
                items.resize(index + 1, Value::Null);
            }
            value = &mut items[index];
        } else if part.contains(['*', '?', '(', '@', ',', ':']) {
            return Err(plain());
        } else {
            value = member(value, part).ok_or_else(plain)?;
        }
    }
    *value = new;
    Ok(())
}

fn member<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    Some(value.as_object_mut()?.entry(name).or_insert(Value::Null))
}

fn changed(document: Value, arguments: &Arguments) -> Result<ToolOutput, ToolError> {
    let text = write(&document, arguments)?;
    Ok(ToolOutput { text, json: vec![document], ..ToolOutput::default() })
}

fn write(value: &Value, arguments: &Arguments) -> Result<String, ToolError> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Python { ascii: arguments.flag("ensure_ascii") });
    value.serialize(&mut serializer).map_err(crate::error::Error::internal)?;
    if out.len() > MAX_TEXT {
        return Err(too_large());
    }
    String::from_utf8(out).map_err(|e| crate::error::Error::internal(e).into())
}

fn too_large() -> ToolError {
    ToolError::Failed(format!("The result is larger than {} MB.", MAX_TEXT >> 20))
}

/// A space after commas and colons; other than ASCII escaped on request.
struct Python {
    ascii: bool,
}

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if !self.ascii || fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if c.is_ascii() {
                write!(writer, "{c}")?;
            } else {
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::run;
    use crate::tools::ToolOutput;

    fn call(tool: &str, arguments: Value) -> Result<ToolOutput, String> {
        run("json_process", tool, arguments)
    }

    const DOCUMENT: &str = r#"{"name": "Zoë", "n": 1.5, "on": true, "none": null, "items": [{"k": "a"}, {"k": "b"}, {"k": "c"}]}"#;

    #[test]
    fn values_are_taken_out() {
        for (filter, text, value) in [
            ("$.name", "Zoë", json!("Zoë")),
            ("name", "Zoë", json!("Zoë")),
            ("n", "1.5", json!(1.5)),
            ("on", "True", json!(true)),
            ("none", "None", json!(null)),
            ("$.items[*].k", r#"["a", "b", "c"]"#, json!(["a", "b", "c"])),
            ("$.items[?@.k == 'b']", r#"{"k": "b"}"#, json!({"k": "b"})),
            ("$..k", r#"["a", "b", "c"]"#, json!(["a", "b", "c"])),
            ("items[-1].k", "c", json!("c")),
        ] {
            let output = call("parse", json!({"content": DOCUMENT, "json_filter": filter})).unwrap();
            assert_eq!((output.text.as_str(), output.json), (text, vec![value]), "{filter}");
        }
        let nothing = call("parse", json!({"content": DOCUMENT, "json_filter": "$.nope"})).unwrap();
        assert_eq!(nothing, ToolOutput::default());
        let whole = call("parse", json!({"content": r#"{"a":"é😀","b":[1,2]}"#})).unwrap();
        assert_eq!(whole.text, r#"{"a": "\u00e9\ud83d\ude00", "b": [1, 2]}"#);
        let plain = call("parse", json!({"content": r#"{"a":"é\n"}"#, "ensure_ascii": "false", "output_full_parsed_json": 0})).unwrap();
        assert_eq!((plain.text.as_str(), plain.json.len()), ("{\"a\": \"é\\n\"}", 0));
    }

    #[test]
    fn documents_are_changed() {
        let list = r#"{"a": {"b": [1, 2]}, "s": "x-x", "t": [{"k": 1, "z": 2}, {"k": 3}]}"#;
        for (tool, arguments, expected) in [
            ("json_insert", json!({"query": "$.a.b", "new_value": "3"}), json!({"a": {"b": [1, 2, 3]}})),
            ("json_insert", json!({"query": "a.b", "new_value": "x", "index": 0}), json!({"a": {"b": ["x", 1, 2]}})),
            ("json_insert", json!({"query": "$.a", "new_value": "{\"c\": 4}"}), json!({"a": {"b": [1, 2], "c": 4}})),
            ("json_insert", json!({"query": "$.s", "new_value": "y"}), json!({"s": "y"})),
            (
                "json_insert",
                json!({"query": "$.new.list[1]['k']", "new_value": "[1]", "create_path": "True"}),
                json!({"new": {"list": [null, {"k": [1]}]}}),
            ),
            ("json_delete", json!({"query": "$.a.b[*]"}), json!({"a": {"b": []}})),
            ("json_delete", json!({"query": "$.t[0,1]"}), json!({"t": []})),
            ("json_delete", json!({"query": "$.t[*].k"}), json!({"t": [{"z": 2}, {}]})),
            ("json_delete", json!({"query": "$.nope"}), json!({})),
            ("json_replace", json!({"query": "$.s", "replace_pattern": "x", "replace_value": "yy"}), json!({"s": "yy-yy"})),
            ("json_replace", json!({"query": "$.a.b[0]", "replace_value": "9", "replace_model": "value"}), json!({"a": {"b": ["9", 2]}})),
            (
                "json_replace",
                json!({"query": "$.a", "replace_value": "[9]", "replace_model": "value", "value_decode": true}),
                json!({"a": [9]}),
            ),
            (
                "json_replace",
                json!({"query": "$.t[*].k", "replace_value": "key", "replace_model": "key"}),
                json!({"t": [{"key": 1, "z": 2}, {"key": 3}]}),
            ),
        ] {
            let mut whole = arguments.clone();
            whole["content"] = json!(list);
            let mut document: Value = serde_json::from_str(list).unwrap();
            document.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
            let output = call(tool, whole).unwrap_or_else(|e| panic!("{tool} {arguments}: {e}"));
            assert_eq!(output.json, [document.clone()], "{tool} {arguments}");
            assert_eq!(serde_json::from_str::<Value>(&output.text).unwrap(), document);
        }
        let whole = call("json_delete", json!({"content": "[1]", "query": "$"})).unwrap();
        assert_eq!(whole.text, "null");
        let order = call(
            "json_replace",
            json!({"content": r#"{"a":1,"b":2,"c":3}"#, "query": "$.b", "replace_value": "z", "replace_model": "key"}),
        );
        assert_eq!(order.unwrap().text, r#"{"a": 1, "z": 2, "c": 3}"#);
    }

    #[test]
    fn what_can_not_be_done_says_why() {
        for (tool, arguments, expected) in [
            ("parse", json!({"content": "{"}), "\"content\" is not JSON: EOF"),
            ("parse", json!({"content": ""}), "\"content\" must not be empty"),
            ("parse", json!({"content": "{}", "json_filter": "$.["}), "\"json_filter\" is not a JSON path"),
            ("json_insert", json!({"content": "{}", "query": "$.a", "new_value": "1"}), "finds nothing"),
            ("json_insert", json!({"content": "{}", "query": "$", "new_value": "1"}), "must be a JSON object"),
            ("json_insert", json!({"content": "{}", "query": "$.a[*]", "new_value": "1", "create_path": "True"}), "can't be created"),
            ("json_insert", json!({"content": "{}", "query": "$.a[99999]", "new_value": "1", "create_path": "True"}), "can't be created"),
            (
                "json_insert",
                json!({"content": "{}", "query": "$.a", "new_value": "1", "create_path": "Perhaps"}),
                "must be one of True, False",
            ),
            ("json_replace", json!({"content": "{}", "query": "$.a", "replace_value": "1"}), "\"replace_pattern\" must not be empty"),
            (
                "json_replace",
                json!({"content": "[1]", "query": "$[0]", "replace_value": "{", "replace_model": "value", "value_decode": true}),
                "\"replace_value\" is not JSON",
            ),
        ] {
            let error = call(tool, arguments.clone()).unwrap_err();
            assert!(error.contains(expected), "{tool} {arguments}: {error}");
        }
    }
}
