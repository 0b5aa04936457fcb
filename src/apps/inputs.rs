//! Checks of a caller's `inputs` against an app's form, with the messages of the service API.

use serde_json::{Map, Number, Value, json};

use super::config::{Field, FieldKind};
use crate::error::{Code, Error, Result};
use crate::files::{self, InputFile, Resolved, Scope};
use crate::state::AppState;

/// The inputs an app works with: exactly the form's variables, defaults filled in, unknown keys dropped, NUL characters
/// removed. Values of file fields are checked for shape only; `files::resolve` reads them.
pub fn validate<'a>(form: impl IntoIterator<Item = (FieldKind, &'a Field)>, inputs: &Map<String, Value>) -> Result<Map<String, Value>> {
    form.into_iter()
        .map(|(kind, field)| {
            let value = check(kind, field, inputs.get(&field.variable))
                .map_err(|message| Error::new(Code::InvalidParam, message).param(format!("inputs.{}", field.variable)))?;
            Ok((field.variable.clone(), value))
        })
        .collect()
}

/// Reads the values of file fields of validated inputs: checked like `files`, kept in the inputs as the service API shows
/// them.
pub async fn resolve_files<'a>(
    state: &AppState,
    scope: &Scope,
    form: impl IntoIterator<Item = (FieldKind, &'a Field)>,
    inputs: &mut Map<String, Value>,
) -> Result<Vec<Resolved>> {
    let mut all = Vec::new();
    for (kind, field) in form {
        let name = &field.variable;
        let given = match (kind, inputs.get(name)) {
            (FieldKind::File, Some(value @ Value::Object(_))) => vec![InputFile::of_value(value, name)?],
            (FieldKind::FileList, Some(Value::Array(values))) => {
                values.iter().map(|v| InputFile::of_value(v, name)).collect::<Result<_>>()?
            }
            _ => continue,
        };
        let resolved = files::resolve(state, scope, Some(&field.upload_rules(kind)), name, &given).await?;
        let mut shown: Vec<Value> = resolved.iter().map(|file| file.output_json(state, scope.workspace_id)).collect();
        let value = if kind == FieldKind::File { shown.pop().unwrap_or_default() } else { Value::Array(shown) };
        inputs.insert(name.clone(), value);
        all.extend(resolved);
    }
    Ok(all)
}

/// The JSON Schema of a field's values.
pub fn schema(kind: FieldKind, field: &Field) -> Value {
    let file = || json!({"type": "object", "description": "A file"});
    let mut schema = match kind {
        FieldKind::TextInput | FieldKind::Paragraph | FieldKind::ExternalDataTool => json!({"type": "string"}),
        FieldKind::Select => json!({"type": "string", "enum": field.options}),
        FieldKind::Number => json!({"type": "number"}),
        FieldKind::Checkbox => json!({"type": "boolean"}),
        FieldKind::File => file(),
        FieldKind::FileList => json!({"type": "array", "items": file()}),
        FieldKind::JsonObject => match &field.json_schema {
            Some(Value::String(text)) => {
                serde_json::from_str(text).ok().filter(Value::is_object).unwrap_or_else(|| json!({"type": "object"}))
            }
            Some(schema @ Value::Object(_)) => schema.clone(),
            _ => json!({"type": "object"}),
        },
    };
    let default = field.default.as_ref().filter(|value| !value.is_null() && **value != "");
    if let (Some(default), Some(schema)) = (default, schema.as_object_mut()) {
        schema.insert("default".to_owned(), default.clone());
    }
    schema
}

fn check(kind: FieldKind, field: &Field, given: Option<&Value>) -> Result<Value, String> {
    use FieldKind as K;
    let name = &field.variable;
    let value = match given.filter(|v| !v.is_null()) {
        Some(value) => without_nul(value),
        None if field.required => return Err(format!("{name} is required in input form")),
        None => field.default.as_ref().map_or(Value::Null, without_nul),
    };
    let is_empty = matches!(&value, Value::Null) || value == "" || (matches!(kind, K::File | K::FileList) && value == Value::Array(vec![]));
    if is_empty && !field.required {
        return Ok(match kind {
            K::TextInput | K::Paragraph | K::Select | K::ExternalDataTool => Value::String(String::new()),
            K::Checkbox => Value::Bool(false),
            K::Number | K::File | K::FileList | K::JsonObject => Value::Null,
        });
    }
    let too_long = |n: usize| field.max_length.filter(|max| *max > 0 && n > *max);
    match kind {
        K::TextInput | K::Paragraph | K::Select | K::ExternalDataTool => {
            let Value::String(text) = &value else {
                return Err(format!("(type '{}') {name} in input form must be a string", kind.as_str()));
            };
            if kind == K::Select && !field.options.contains(text) {
                return Err(format!("{name} in input form must be one of the following: {}", python_list(&field.options)));
            }
            if kind != K::Select
                && let Some(max) = too_long(text.chars().count())
            {
                return Err(format!("{name} in input form must be less than {max} characters"));
            }
            Ok(value)
        }
        K::Number => number(&value).ok_or_else(|| format!("{name} in input form must be a valid number")),
        K::Checkbox => checkbox(&value).map(Value::Bool).ok_or_else(|| format!("{name} in input form must be a valid checkbox value")),
        K::File if value.is_object() => Ok(value),
        K::File => Err(format!("{name} in input form must be a file")),
        K::FileList => match value.as_array() {
            Some(items) if items.iter().all(Value::is_object) => match too_long(items.len()) {
                Some(max) => Err(format!("{name} in input form must be less than {max} files")),
                None => Ok(value),
            },
            _ => Err(format!("{name} in input form must be a list of files")),
        },
        K::JsonObject if value.is_object() => fits_schema(field, &value).map(|()| value),
        K::JsonObject => Err(format!("{name} in input form must be a dict")),
    }
}

/// A schema that is none is the maker's mistake and not the caller's: it refuses nothing.
fn fits_schema(field: &Field, value: &Value) -> Result<(), String> {
    let schema = match &field.json_schema {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(schema) => schema.clone(),
        None => return Ok(()),
    };
    if !schema.is_object() {
        return Ok(());
    }
    let Ok(validator) = jsonschema::draft7::new(&schema) else { return Ok(()) };
    validator.validate(value).map_err(|error| format!("JSON object for '{}' does not match schema: {error}", field.variable))
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => {
            let text = text.trim();
            let whole = text.parse::<i64>().ok().map(Value::from);
            whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number))
        }
        _ => None,
    }
}

fn checkbox(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Number(n) if n.as_f64() == Some(1.0) => Some(true),
        Value::Number(n) if n.as_f64() == Some(0.0) => Some(false),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A copy that PostgreSQL can hold: no NUL in any string or key.
pub fn without_nul(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('\0', "")),
        Value::Array(items) => Value::Array(items.iter().map(without_nul).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.replace('\0', ""), without_nul(v))).collect()),
        other => other.clone(),
    }
}

/// As Python prints a list of strings.
fn python_list(items: &[String]) -> String {
    let quoted = items.iter().map(|item| {
        let quote = if item.contains('\'') && !item.contains('"') { '"' } else { '\'' };
        let escaped = item.replace('\\', "\\\\").replace('\n', "\\n");
        if quote == '\'' { format!("'{}'", escaped.replace('\'', "\\'")) } else { format!("\"{escaped}\"") }
    });
    format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::apps::config::ModelConfig;

    fn run(form: Value, inputs: Value) -> Result<Value, String> {
        let config = ModelConfig::parse(&json!({"user_input_form": form})).unwrap();
        validate(config.form(), inputs.as_object().unwrap()).map(Value::Object).map_err(|e| e.message)
    }

    #[test]
    fn messages_are_the_contract_s() {
        let cases = [
            (json!({"text-input": {"variable": "a", "required": true}}), json!({}), "a is required in input form"),
            (json!({"text-input": {"variable": "a", "required": true}}), json!({"a": null}), "a is required in input form"),
            (json!({"text-input": {"variable": "a"}}), json!({"a": 1}), "(type 'text-input') a in input form must be a string"),
            (json!({"paragraph": {"variable": "a"}}), json!({"a": {}}), "(type 'paragraph') a in input form must be a string"),
            (
                json!({"text-input": {"variable": "a", "max_length": 3}}),
                json!({"a": "四个字符"}),
                "a in input form must be less than 3 characters",
            ),
            (
                json!({"select": {"variable": "a", "options": ["x", "it's"]}}),
                json!({"a": "y"}),
                "a in input form must be one of the following: ['x', \"it's\"]",
            ),
            (json!({"number": {"variable": "a"}}), json!({"a": "three"}), "a in input form must be a valid number"),
            (json!({"number": {"variable": "a"}}), json!({"a": "inf"}), "a in input form must be a valid number"),
            (json!({"number": {"variable": "a"}}), json!({"a": true}), "a in input form must be a valid number"),
            (json!({"checkbox": {"variable": "a"}}), json!({"a": "maybe"}), "a in input form must be a valid checkbox value"),
            (json!({"file": {"variable": "a"}}), json!({"a": "x"}), "a in input form must be a file"),
            (json!({"file-list": {"variable": "a"}}), json!({"a": {}}), "a in input form must be a list of files"),
            (json!({"file-list": {"variable": "a", "max_length": 1}}), json!({"a": [{}, {}]}), "a in input form must be less than 1 files"),
            (json!({"json_object": {"variable": "a"}}), json!({"a": [1]}), "a in input form must be a dict"),
            (
                json!({"json_object": {"variable": "a", "json_schema": "{\"required\": [\"n\"]}"}}),
                json!({"a": {}}),
                "JSON object for 'a' does not match schema: \"n\" is a required property",
            ),
        ];
        for (entry, inputs, message) in cases {
            assert_eq!(run(json!([entry]), inputs.clone()).unwrap_err(), message, "{entry} {inputs}");
        }
    }

    #[test]
    fn values_are_completed_and_cleaned() {
        let form = json!([
            {"text-input": {"variable": "text", "max_length": 0}},
            {"paragraph": {"variable": "filled", "default": "d"}},
            {"select": {"variable": "choice", "options": ["x"]}},
            {"number": {"variable": "n"}},
            {"number": {"variable": "none"}},
            {"checkbox": {"variable": "yes"}},
            {"file-list": {"variable": "files"}},
        ]);
        let inputs = json!({"text": "a\u{0}b", "choice": "", "n": " 2.5 ", "none": "", "yes": "On", "files": [], "other": "dropped"});
        let expected = json!({"text": "ab", "filled": "d", "choice": "", "n": 2.5, "none": null, "yes": true, "files": null});
        assert_eq!(run(form, inputs).unwrap(), expected);
    }
}
