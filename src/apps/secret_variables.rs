//! Secret environment variables of workflows: sealed where a config is stored, hidden where it is shown, opened where it runs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{Code, Error, Result};
use crate::ids::WorkspaceId;
use crate::secrets::{HIDDEN, Secrets};

/// Begins a stored value; hex follows. A value without it was stored before values were sealed.
const SEALED: &str = "sealed:";

/// The config as it is stored. A value that comes back hidden stays what it is in `before`.
pub fn seal(secrets: &Secrets, workspace_id: WorkspaceId, mut config: Value, before: &Value) -> Result<Value> {
    for variable in of_mut(&mut config) {
        let given = text(&variable["value"]);
        let kept = before_of(variable, before);
        let stored = match (given.as_str(), kept) {
            ("", _) => String::new(),
            (HIDDEN, Some(kept)) => kept,
            (HIDDEN, None) => {
                let name = text(&variable["name"]);
                return Err(Error::invalid("environment_variables", format!("The secret {name} is hidden: write its value.")));
            }
            // entered anew without a change
            (given, Some(kept)) if open_value(secrets, workspace_id, &kept).is_some_and(|kept| kept == given) => kept,
            (given, _) => format!("{SEALED}{}", hex::encode(secrets.seal(given.as_bytes(), &context(workspace_id)))),
        };
        variable["value"] = json!(stored);
    }
    Ok(config)
}

/// The stored config as it is shown.
pub fn hide(mut config: Value) -> Value {
    for variable in of_mut(&mut config) {
        if !text(&variable["value"]).is_empty() {
            variable["value"] = json!(HIDDEN);
        }
    }
    config
}

/// The stored config as it runs.
pub fn open(secrets: &Secrets, workspace_id: WorkspaceId, mut config: Value) -> Result<Value> {
    for variable in of_mut(&mut config) {
        let value = open_value(secrets, workspace_id, &text(&variable["value"])).ok_or_else(|| {
            let name = text(&variable["name"]);
            let message = format!("The environment variable {name} was sealed with another instance key: write its value again.");
            Error::new(Code::AppUnavailable, message)
        })?;
        variable["value"] = json!(value);
    }
    Ok(config)
}

/// A secret variable that has a value.
pub struct SecretVariable {
    pub name: String,
    /// The instance key opens it.
    pub is_readable: bool,
}

/// The secret variables of an app's stored configs, each once, by name. Readable: in all of them.
pub fn list(secrets: &Secrets, workspace_id: WorkspaceId, configs: &[Value]) -> Vec<SecretVariable> {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for variable in configs.iter().flat_map(of) {
        let stored = text(&variable["value"]);
        if !stored.is_empty() {
            *found.entry(text(&variable["name"])).or_insert(true) &= open_value(secrets, workspace_id, &stored).is_some();
        }
    }
    found.into_iter().map(|(name, is_readable)| SecretVariable { name, is_readable }).collect()
}

fn open_value(secrets: &Secrets, workspace_id: WorkspaceId, stored: &str) -> Option<String> {
    let Some(sealed) = stored.strip_prefix(SEALED) else { return Some(stored.to_owned()) };
    let sealed = hex::decode(sealed).ok()?;
    String::from_utf8(secrets.unseal(&sealed, &context(workspace_id)).ok()?).ok()
}

/// Apps are copied within a workspace, with their secrets.
fn context(workspace_id: WorkspaceId) -> Vec<u8> {
    format!("environment variable {workspace_id}").into_bytes()
}

fn is_secret(variable: &Value) -> bool {
    variable["value_type"] == "secret"
}

fn of(config: &Value) -> impl Iterator<Item = &Value> {
    let variables = config.get("environment_variables").and_then(Value::as_array);
    variables.into_iter().flatten().filter(|variable| is_secret(variable))
}

fn of_mut(config: &mut Value) -> impl Iterator<Item = &mut Value> {
    let variables = config.get_mut("environment_variables").and_then(Value::as_array_mut);
    variables.into_iter().flatten().filter(|variable| is_secret(variable))
}

/// What is stored of the same variable, by its id or, with none, its name.
fn before_of(variable: &Value, before: &Value) -> Option<String> {
    let key = if text(&variable["id"]).is_empty() { "name" } else { "id" };
    let variables = before.get("environment_variables").and_then(Value::as_array)?;
    let found = variables.iter().find(|other| is_secret(other) && other[key] == variable[key])?;
    Some(text(&found["value"])).filter(|value| !value.is_empty())
}

/// Files may have numbers in the place of texts.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(value: Value) -> Value {
        json!({"environment_variables": [
            {"id": "1", "name": "key", "value_type": "secret", "value": value},
            {"name": "url", "value_type": "string", "value": "https://example.org"},
        ]})
    }

    fn value(config: &Value) -> &Value {
        &config["environment_variables"][0]["value"]
    }

    #[test]
    fn a_secret_is_sealed_hidden_and_opened() {
        let (secrets, workspace) = (Secrets::new([7; 32]), WorkspaceId::new());
        let stored = seal(&secrets, workspace, config(json!("sk-1")), &Value::Null).unwrap();
        assert!(!stored.to_string().contains("sk-1"));
        assert_eq!(hide(stored.clone()), config(json!(HIDDEN)));
        assert_eq!(open(&secrets, workspace, stored.clone()).unwrap(), config(json!("sk-1")));

        // saved as it was shown, and entered again
        assert_eq!(seal(&secrets, workspace, hide(stored.clone()), &stored).unwrap(), stored);
        assert_eq!(seal(&secrets, workspace, config(json!("sk-1")), &stored).unwrap(), stored);
        let changed = seal(&secrets, workspace, config(json!("sk-2")), &stored).unwrap();
        assert_eq!(value(&open(&secrets, workspace, changed).unwrap()), "sk-2");
        let removed = seal(&secrets, workspace, config(json!("")), &stored).unwrap();
        assert_eq!(hide(removed), config(json!("")));
    }

    #[test]
    fn what_cannot_be_kept_or_opened_is_named() {
        let (secrets, workspace) = (Secrets::new([7; 32]), WorkspaceId::new());
        let error = seal(&secrets, workspace, config(json!(HIDDEN)), &config(json!(""))).unwrap_err();
        assert!(error.message.contains("key"), "{}", error.message);
        let stored = seal(&secrets, workspace, config(json!(12)), &Value::Null).unwrap();
        let error = open(&Secrets::new([8; 32]), workspace, stored.clone()).unwrap_err();
        assert!(error.message.contains("key"), "{}", error.message);
        assert!(open(&secrets, WorkspaceId::new(), stored.clone()).is_err(), "another workspace's");
        assert_eq!(value(&open(&secrets, workspace, stored).unwrap()), "12");
        assert_eq!(value(&open(&secrets, workspace, config(json!("old"))).unwrap()), "old", "stored before values were sealed");
    }
}
