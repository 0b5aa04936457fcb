//! Apps as YAML files, compatible with Dify's app DSL: import with its version rules, export with its omissions.
//!
//! What we do not know is kept: unknown keys of the config inside it, unknown keys beside it in `apps.dsl_extra`. So import →
//! export → import gives the same app.

mod import;

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

pub use import::{Import, Outcome, import};

use super::AppMode;
use super::db::AppRow;
use crate::error::{Error, Result};
use crate::yaml;

/// The version this server writes and understands best.
pub const VERSION: &str = "0.6.0";

/// A file that was read and holds an app.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub version: String,
    pub compatibility: Compatibility,
    pub mode: AppMode,
    pub name: String,
    pub description: String,
    pub icon_type: String,
    pub icon: String,
    pub icon_background: String,
    pub use_icon_as_answer_icon: bool,
    /// The `model_config` or `workflow` section.
    pub config: Value,
    /// For `apps.dsl_extra`.
    pub extra: Value,
}

/// What a file's version means for its import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    Same,
    /// An older minor version.
    Older,
    /// Newer, or of an older major version: the user has to confirm.
    Doubtful,
}

const APP_KEYS: &[&str] = &["name", "mode", "description", "icon", "icon_type", "icon_background", "use_icon_as_answer_icon"];
const FILE_KEYS: &[&str] = &["version", "kind", "app", "model_config", "workflow"];

/// Reads a file. Errors name the section or key.
pub fn parse(text: &str) -> Result<Document> {
    let Value::Object(mut file) = yaml::parse(text)? else {
        return Err(Error::invalid("yaml", "Invalid YAML format: the file must be a mapping with a section 'app'."));
    };
    let version = match file.get("version") {
        None | Some(Value::Null) => "0.1.0".to_owned(),
        Some(Value::String(version)) => version.clone(),
        Some(other) => {
            return Err(Error::invalid("version", format!("Invalid version type: version must be text, write it in quotes: '{other}'.")));
        }
    };
    let compatibility = compatibility(&version)?;
    let Some(Value::Object(mut app)) = file.remove("app") else {
        return Err(Error::invalid("app", "Missing app data in YAML content"));
    };
    let mode = match app.get("mode") {
        None | Some(Value::Null) => return Err(Error::invalid("app.mode", "loss app mode")),
        Some(mode) => serde_json::from_value::<AppMode>(mode.clone()).map_err(|_| {
            Error::invalid("app.mode", format!("Invalid app mode: {mode}. One of chat, completion, agent-chat, advanced-chat, workflow."))
        })?,
    };
    let section = if mode.is_workflow() { "workflow" } else { "model_config" };
    let config = match file.remove(section) {
        Some(config @ Value::Object(_)) => config,
        None | Some(Value::Null) => {
            return Err(Error::invalid(section, format!("Missing {section} data for an app of mode {}.", mode.as_str())));
        }
        Some(_) => return Err(Error::invalid(section, format!("{section} must be a mapping."))),
    };
    super::check_config(mode, &config)?;

    let text = |key: &str, default: &str| match app.get(key) {
        None | Some(Value::Null) => Ok(default.to_owned()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(Error::invalid(format!("app.{key}"), format!("app.{key} must be text."))),
    };
    let icon_type = text("icon_type", "emoji")?;
    if !matches!(icon_type.as_str(), "emoji" | "image" | "link") {
        return Err(Error::invalid("app.icon_type", "app.icon_type must be emoji, image or link."));
    }
    let (name, description) = (text("name", "")?, text("description", "")?);
    let (mut icon, icon_background) = (text("icon", "🤖")?, text("icon_background", "#FFEAD5")?);
    // older files have the emoji's short code
    if icon_type == "emoji"
        && let Some(emoji) = emojis::get_by_shortcode(&icon)
    {
        icon = emoji.as_str().to_owned();
    }
    let use_icon_as_answer_icon = app.get("use_icon_as_answer_icon").and_then(Value::as_bool).unwrap_or(false);
    app.retain(|key, _| !APP_KEYS.contains(&key.as_str()));
    file.retain(|key, _| !FILE_KEYS.contains(&key.as_str()));
    Ok(Document {
        version,
        compatibility,
        mode,
        name,
        description,
        icon_type,
        icon,
        icon_background,
        use_icon_as_answer_icon,
        config,
        extra: json!({"app": app, "file": file}),
    })
}

/// Writes an app with one of its configs.
pub fn export(app: &AppRow, config: &Value) -> Result<String> {
    let extra = |part: &str| app.dsl_extra.get(part).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut section = extra("app");
    section.insert("name".into(), json!(app.name));
    section.insert("mode".into(), json!(app.mode));
    section.insert("description".into(), json!(app.description));
    section.insert("icon".into(), json!(app.icon));
    section.insert("icon_type".into(), json!(app.icon_type));
    section.insert("icon_background".into(), json!(app.icon_background));
    section.insert("use_icon_as_answer_icon".into(), json!(app.use_icon_as_answer_icon));
    let mut file = Map::new();
    file.insert("dependencies".into(), json!([]));
    file.extend(extra("file"));
    file.insert("version".into(), json!(VERSION));
    file.insert("kind".into(), json!("app"));
    file.insert("app".into(), Value::Object(section));
    let key = if app.mode.is_workflow() { "workflow" } else { "model_config" };
    file.insert(key.into(), without_private_parts(config));
    yaml::emit(&Value::Object(file))
}

fn compatibility(version: &str) -> Result<Compatibility> {
    let invalid = || Error::invalid("version", format!("Invalid DSL version '{version}': write it as '{VERSION}'."));
    let found = numbers(version).ok_or_else(invalid)?;
    let ours = numbers(VERSION).ok_or_else(invalid)?;
    Ok(match found.cmp(&ours) {
        Ordering::Greater => Compatibility::Doubtful,
        Ordering::Less if found[0] < ours[0] => Compatibility::Doubtful,
        Ordering::Less if found[1] < ours[1] => Compatibility::Older,
        Ordering::Less | Ordering::Equal => Compatibility::Same,
    })
}

/// `major.minor.patch`, missing parts 0.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut numbers = [0; 3];
    let mut parts = version.split('.');
    for (slot, part) in numbers.iter_mut().zip(&mut parts) {
        *slot = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The config without what belongs to this workspace alone: credentials, secret values, webhook addresses, uploaded files.
fn without_private_parts(config: &Value) -> Value {
    let mut config = config.clone();
    for tool in items_mut(&mut config, "/agent_mode/tools") {
        remove(tool, "credential_id");
    }
    for variable in items_mut(&mut config, "/environment_variables") {
        if variable["value_type"] == "secret" {
            variable["value"] = json!("");
        }
    }
    for entry in items_mut(&mut config, "/user_input_form") {
        for field in entry.as_object_mut().into_iter().flat_map(Map::values_mut) {
            drop_local_default(field);
        }
    }
    for node in items_mut(&mut config, "/graph/nodes") {
        let Some(data) = node.get_mut("data").filter(|data| data.is_object()) else { continue };
        let kind = data["type"].as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            "start" => items_mut(data, "/variables").for_each(drop_local_default),
            "tool" => remove(data, "credential_id"),
            "agent" => items_mut(data, "/agent_parameters/tools/value").for_each(|tool| remove(tool, "credential_id")),
            "trigger-webhook" => {
                for key in ["webhook_url", "webhook_debug_url"] {
                    blank(data, key);
                }
            }
            "trigger-plugin" => blank(data, "subscription_id"),
            "trigger-schedule" if data.get("config").is_some() => data["config"] = json!({}),
            _ => {}
        }
    }
    config
}

/// A default that points to a file uploaded here means nothing elsewhere.
fn drop_local_default(field: &mut Value) {
    let is_local = |default: &Value| default["transfer_method"] == "local_file";
    match field.get_mut("default") {
        Some(Value::Array(items)) => items.retain(|item| !is_local(item)),
        Some(default) if is_local(default) => *default = Value::Null,
        _ => {}
    }
}

fn items_mut<'a>(value: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten().filter(|item| item.is_object())
}

fn remove(value: &mut Value, key: &str) {
    if let Some(map) = value.as_object_mut() {
        map.remove(key);
    }
}

fn blank(value: &mut Value, key: &str) {
    if let Some(found) = value.get_mut(key) {
        *found = json!("");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHAT: &str = include_str!("../../../tests/fixtures/dsl/chat.yml");
    const COMPLETION: &str = include_str!("../../../tests/fixtures/dsl/completion.yml");

    fn row(document: &Document) -> AppRow {
        AppRow { dsl_extra: document.extra.clone(), ..AppRow::example(document) }
    }

    #[test]
    fn the_second_export_is_the_first() {
        for text in [CHAT, COMPLETION] {
            let first = parse(text).unwrap();
            let exported = export(&row(&first), &first.config).unwrap();
            let second = parse(&exported).unwrap();
            assert_eq!((&first.config, &first.extra, &first.name), (&second.config, &second.extra, &second.name));
            assert_eq!(export(&row(&second), &second.config).unwrap(), exported);
        }
    }

    #[test]
    fn versions_follow_the_rules() {
        let of = |version: &str| {
            parse(&CHAT.replace("version: 0.6.0", &format!("version: {version}"))).map(|d| d.compatibility).map_err(|e| e.message)
        };
        assert_eq!(of("0.6.0"), Ok(Compatibility::Same));
        assert_eq!(of("0.6.3"), Ok(Compatibility::Doubtful));
        assert_eq!(of("1.0.0"), Ok(Compatibility::Doubtful));
        assert_eq!(of("0.1.5"), Ok(Compatibility::Older));
        assert_eq!(of("0.6").unwrap_err(), "Invalid version type: version must be text, write it in quotes: '0.6'.");
        assert!(of("a.b").unwrap_err().contains("Invalid DSL version"));
        let without = CHAT.replace("version: 0.6.0\n", "");
        assert_eq!(parse(&without).unwrap().version, "0.1.0");
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = |text: &str| {
            let error = parse(text).unwrap_err();
            (error.param.unwrap_or_default(), error.message)
        };
        assert_eq!(refused("kind: app").1, "Missing app data in YAML content");
        assert_eq!(refused("app: {name: x}").1, "loss app mode");
        assert_eq!(refused("app: {mode: agent}").0, "app.mode");
        assert_eq!(refused("app: {mode: chat}").0, "model_config");
        assert_eq!(refused("app: {mode: workflow}").0, "workflow");
        assert_eq!(refused("app: {mode: chat}\nmodel_config: {model: {completion_params: {top_p: 7}}}").0, "model.completion_params.top_p");
        assert_eq!(refused("- a").0, "yaml");
        assert_eq!(refused("just text").0, "yaml");
    }

    #[test]
    fn private_parts_stay_here() {
        let config = json!({
            "environment_variables": [{"name": "k", "value_type": "secret", "value": "s3cret"}, {"name": "n", "value_type": "string", "value": "v"}],
            "graph": {"nodes": [
                {"id": "1", "data": {"type": "tool", "credential_id": "c", "x": 1}},
                {"id": "2", "data": {"type": "trigger-webhook", "webhook_url": "http://here"}},
                {"id": "3", "data": {"type": "start", "variables": [{"type": "file", "default": {"transfer_method": "local_file"}}]}},
                {"id": "4", "data": "broken"}, 5]},
        });
        let text = without_private_parts(&config).to_string();
        for private in ["s3cret", "credential_id", "http://here", "local_file"] {
            assert!(!text.contains(private), "{private}: {text}");
        }
        assert!(text.contains("\"x\":1") && text.contains("\"v\""));
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(at in 0usize..CHAT.len(), cut in 0usize..40, insert in "[-:\\[\\]{}&*!|>\"'a0 \n]{0,6}") {
            let bytes = CHAT.as_bytes();
            let end = (at + cut).min(bytes.len());
            let damaged = [&bytes[..at], insert.as_bytes(), &bytes[end..]].concat();
            let _ = parse(&String::from_utf8_lossy(&damaged));
        }
    }
}
