//! The tools that come with the server, under the names and parameters they have in Dify, so that its files run here.
//!
//! One file per provider; each holds what its tools are and what they do.

mod json;
mod maths;
mod regex;
mod time;
mod webpage;

use serde_json::{Map, Value, json};

use super::{Form, Parameter, ProviderType, ToolError, ToolInfo, ToolOutput, ToolRef};
use crate::state::AppState;

/// Largest text that a built-in tool takes or makes, in bytes.
const MAX_TEXT: usize = 10 << 20;

pub struct Provider {
    pub id: &'static str,
    pub label: &'static str,
    pub description: &'static str,
    pub tools: &'static [Definition],
}

/// In the order in which they are listed.
pub const PROVIDERS: &[Provider] = &[time::PROVIDER, maths::PROVIDER, webpage::PROVIDER, json::PROVIDER, regex::PROVIDER];

pub struct Definition {
    name: &'static str,
    label: &'static str,
    description: &'static str,
    fields: &'static [Field],
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    /// Computes; off the event loop, since the input may be large.
    Pure(fn(&Arguments) -> Result<ToolOutput, ToolError>),
    /// Reads a web page.
    Webpage,
}

/// A parameter. `default`: as JSON.
struct Field {
    name: &'static str,
    label: &'static str,
    description: &'static str,
    kind: &'static str,
    required: bool,
    form: Form,
    default: Option<&'static str>,
    choices: &'static [&'static str],
}

impl Field {
    /// Text that the model fills in and that must be there.
    const fn text(name: &'static str, label: &'static str, description: &'static str) -> Self {
        Self { name, label, description, kind: "string", required: true, form: Form::Llm, default: None, choices: &[] }
    }

    const fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    const fn default(self, json: &'static str) -> Self {
        Self { default: Some(json), ..self }
    }

    const fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    const fn choices(self, choices: &'static [&'static str]) -> Self {
        Self { choices, ..self }
    }

    /// A setting of the author's.
    const fn setting(self) -> Self {
        Self { form: Form::Form, required: false, ..self }
    }

    fn parameter(&self) -> Parameter {
        let mut schema = json!({"type": self.kind});
        if let Some(default) = self.default.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            schema["default"] = default;
        }
        if !self.choices.is_empty() {
            schema["enum"] = json!(self.choices);
        }
        Parameter {
            name: self.name.into(),
            label: self.label.into(),
            description: self.description.into(),
            required: self.required,
            form: self.form,
            schema,
        }
    }
}

impl Definition {
    pub fn info(&self, provider: &Provider) -> ToolInfo {
        ToolInfo {
            provider_type: ProviderType::Builtin,
            provider_id: provider.id.into(),
            provider_name: provider.id.into(),
            name: self.name.into(),
            label: self.label.into(),
            description: self.description.into(),
            parameters: self.fields.iter().map(Field::parameter).collect(),
            output_variables: Vec::new(),
        }
    }

    pub async fn call(&self, state: &AppState, arguments: Map<String, Value>) -> Result<ToolOutput, ToolError> {
        let arguments = Arguments(arguments);
        let run = match self.run {
            Run::Webpage => return webpage::read(state, &arguments).await,
            Run::Pure(run) => run,
        };
        if arguments.0.values().filter_map(Value::as_str).map(str::len).sum::<usize>() > MAX_TEXT {
            return Err(ToolError::Failed(format!("The arguments are larger than {} MB.", MAX_TEXT >> 20)));
        }
        tokio::task::spawn_blocking(move || run(&arguments)).await.map_err(crate::error::Error::internal)?
    }
}

/// Arguments that went through [`super::arguments::prepare`]: each has the type of its field.
struct Arguments(Map<String, Value>);

impl Arguments {
    /// Empty when it is absent.
    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Trimmed; an empty one is refused.
    fn needed(&self, name: &str) -> Result<&str, ToolError> {
        Some(self.text(name).trim()).filter(|t| !t.is_empty()).ok_or_else(|| ToolError::argument(name, "must not be empty"))
    }

    fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Result<f64, ToolError> {
        self.0.get(name).and_then(Value::as_f64).ok_or_else(|| ToolError::argument(name, "must be a number"))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// Of a provider as Dify names it: `time`, or as a plugin `langgenius/time/time`.
pub fn plain_name(provider: &str) -> &str {
    provider.rsplit('/').next().unwrap_or(provider)
}

/// By the provider's plain name (`time`) or as Dify's own plugin (`langgenius/time/time`).
pub fn find(tool: &ToolRef) -> Result<(&'static Provider, &'static Definition), ToolError> {
    let ours = |name: &str| !name.contains('/') || name.starts_with("langgenius/");
    let names = [&tool.provider_id, &tool.provider_name];
    let provider = names.iter().filter(|name| ours(name)).find_map(|name| PROVIDERS.iter().find(|p| p.id == plain_name(name)));
    let provider = provider.ok_or_else(|| {
        let name = names.iter().find(|n| !n.is_empty()).map_or("", |n| n.as_str());
        let ours: Vec<_> = PROVIDERS.iter().map(|p| p.id).collect();
        ToolError::NotFound(format!(
            "The tool provider \"{name}\" is not built in here: {} are. Add a custom tool provider or an MCP server named \"{}\" that has a \
             tool \"{}\", and it runs in its place.",
            ours.join(", "),
            plain_name(name),
            tool.tool_name
        ))
    })?;
    let definition = provider.tools.iter().find(|d| d.name == tool.tool_name).ok_or_else(|| {
        let ours: Vec<_> = provider.tools.iter().map(|d| d.name).collect();
        ToolError::NotFound(format!("\"{}\" has no tool \"{}\". It has {}.", provider.id, tool.tool_name, ours.join(", ")))
    })?;
    Ok((provider, definition))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that a built-in tool gives, through the same preparation of arguments as a real call.
    pub fn run(provider: &str, tool: &str, arguments: Value) -> Result<ToolOutput, String> {
        let (provider, definition) = find(&reference(provider, tool)).map_err(|e| e.to_string())?;
        let given = arguments.as_object().unwrap().clone();
        let prepared = super::super::arguments::prepare(&definition.info(provider).parameters, given).map_err(|e| e.to_string())?;
        match definition.run {
            Run::Pure(run) => run(&Arguments(prepared.known)).map_err(|e| e.to_string()),
            Run::Webpage => unreachable!("needs a network"),
        }
    }

    fn reference(provider: &str, tool: &str) -> ToolRef {
        ToolRef {
            provider_type: ProviderType::Builtin,
            provider_id: provider.into(),
            provider_name: provider.into(),
            tool_name: tool.into(),
        }
    }

    #[test]
    fn tools_are_found_under_every_name_that_files_use() {
        for (provider, tool) in [
            ("time", "current_time"),
            ("langgenius/time/time", "weekday"),
            ("maths", "eval_expression"),
            ("langgenius/json_process/json_process", "parse"),
            ("webscraper", "webscraper"),
            ("langgenius/regex/regex", "regex_extract"),
        ] {
            assert!(find(&reference(provider, tool)).is_ok(), "{provider} {tool}");
        }
        let by_name = ToolRef { provider_id: "b2d1c6b0-0000-0000-0000-000000000000".into(), ..reference("time", "weekday") };
        assert_eq!(find(&by_name).unwrap().0.id, "time");
        for (provider, tool, expected) in [
            ("someone/time/time", "weekday", "\"someone/time/time\" is not built in"),
            ("duckduckgo", "ddgo_search", "\"duckduckgo\" is not built in"),
            ("time", "tomorrow", "\"time\" has no tool \"tomorrow\". It has current_time"),
        ] {
            let error = find(&reference(provider, tool)).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_definition_is_whole() {
        for provider in PROVIDERS {
            for definition in provider.tools {
                let info = definition.info(provider);
                assert!(!info.label.is_empty() && !info.description.is_empty(), "{}", info.name);
                for (field, parameter) in definition.fields.iter().zip(&info.parameters) {
                    assert_eq!(field.default.is_some(), parameter.schema.get("default").is_some(), "{} {}", info.name, field.name);
                    assert!(!parameter.label.is_empty() && !parameter.description.is_empty(), "{} {}", info.name, field.name);
                }
            }
        }
    }
}
