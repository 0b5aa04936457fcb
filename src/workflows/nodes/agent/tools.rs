//! The tools of an agent node: read from its data, found and called through the host.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::agents::toolkit::Toolkit;
use crate::agents::{Observation, Tools};
use crate::tools::{Form, ProviderType, ToolInfo, ToolRef};
use crate::workflows::event::NodeUsage;
use crate::workflows::host::Invoked;
use crate::workflows::nodes::llm::model::value_of;
use crate::workflows::nodes::tool::keep;
use crate::workflows::nodes::{Context, NodeError};
use crate::workflows::template;
use crate::workflows::vars::{Pool, Selector};

#[derive(Debug, Deserialize)]
pub struct AgentTool {
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(rename = "type", alias = "provider_type")]
    provider_type: ProviderType,
    #[serde(default)]
    provider_id: String,
    #[serde(default)]
    provider_name: String,
    tool_name: String,
    /// Of the author's parameters.
    #[serde(default)]
    settings: Map<String, Value>,
    /// Of the model's: `{auto: 1}`, or `{auto: 0, value}` where the author decided.
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    extra: Extra,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extra {
    description: String,
}

fn yes() -> bool {
    true
}

impl AgentTool {
    fn reference(&self) -> ToolRef {
        ToolRef {
            provider_type: self.provider_type,
            provider_id: self.provider_id.clone(),
            provider_name: self.provider_name.clone(),
            tool_name: self.tool_name.clone(),
        }
    }

    /// The arguments that the author decided.
    fn fixed(&self, info: &ToolInfo, pool: &Pool) -> Map<String, Value> {
        let mut fixed = Map::new();
        for (name, given) in &self.settings {
            let value = match given.get("value") {
                Some(inner) if given.get("type").is_none() => value_of_parameter(inner, pool),
                _ => value_of_parameter(given, pool),
            };
            fixed.insert(name.clone(), value);
        }
        for (name, given) in &self.parameters {
            // older files have plain values, which mean something for the author's parameters only
            let is_authors = info.parameters.iter().any(|p| p.name == *name && p.form == Form::Form);
            let value = match given.get("auto") {
                Some(auto) if auto == &json!(0) || auto == &json!(false) => given.get("value").map(|value| value_of_parameter(value, pool)),
                None if is_authors => Some(value_of_parameter(given, pool)),
                _ => None,
            };
            fixed.extend(value.map(|value| (name.clone(), value)));
        }
        fixed.retain(|_, value| !value.is_null());
        fixed
    }
}

/// `{type: constant|mixed|variable, value}`, or the value itself. Texts are templates, however deep they lie.
pub fn value_of_parameter(given: &Value, pool: &Pool) -> Value {
    let kind = given.get("type").and_then(Value::as_str).filter(|_| given.get("value").is_some());
    match kind {
        Some("variable") => Selector::deserialize(&given["value"]).map(|selector| pool.get_or_null(&selector)).unwrap_or_default(),
        Some("mixed" | "constant") => filled(&given["value"], pool),
        _ => filled(given, pool),
    }
}

fn filled(value: &Value, pool: &Pool) -> Value {
    match value {
        Value::String(text) => value_of(text, pool),
        Value::Array(items) => items.iter().map(|item| filled(item, pool)).collect(),
        Value::Object(map) => map.iter().map(|(key, item)| (key.clone(), filled(item, pool))).collect::<Map<_, _>>().into(),
        plain => plain.clone(),
    }
}

/// The node's tools, with the host that runs them.
pub struct HostTools<'a> {
    context: &'a Context,
    pub kit: Toolkit,
    /// What models cost inside of tools.
    usage: Mutex<NodeUsage>,
}

impl<'a> HostTools<'a> {
    pub async fn find(context: &'a Context, tools: &[AgentTool]) -> Result<Self, NodeError> {
        let mut kit = Toolkit::default();
        for tool in tools.iter().filter(|tool| tool.enabled) {
            let info = context.host.find_tool(&tool.reference()).await?;
            let settings = tool.fixed(&info, &context.pool);
            kit.add(&info, &template::render(&tool.extra.description, &context.pool), settings);
        }
        Ok(Self { context, kit, usage: Mutex::default() })
    }

    pub fn usage(&self) -> NodeUsage {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Tools for HostTools<'_> {
    async fn call(&self, name: &str, arguments: Map<String, Value>) -> Result<Observation, String> {
        let Some(entry) = self.kit.find(name) else { return Err(format!("There is no tool named {name:?}.")) };
        // not once: a model may ask for the same twice and mean it
        let given = self.context.host.invoke_tool(&entry.reference, entry.arguments(arguments), None).await;
        let Invoked { output, usage } = given.map_err(|error| error.message)?;
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).add(&usage);
        let mut files = Vec::with_capacity(output.files.len());
        for file in output.files {
            files.push(keep(self.context, file).await.map_err(|error| error.message)?);
        }
        Ok(Observation { text: output.text, json: output.json, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_constants_texts_and_variables() {
        let mut pool = Pool::default();
        pool.set("s", "q", json!("Rome"));
        pool.set("s", "n", json!([1]));
        let cases = [
            (json!({"type": "constant", "value": 4}), json!(4)),
            (json!({"type": "constant", "value": "in {{#s.q#}}"}), json!("in Rome")),
            (json!({"type": "mixed", "value": "{{#s.q#}}!"}), json!("Rome!")),
            (json!({"type": "variable", "value": ["s", "n"]}), json!([1])),
            (json!({"type": "variable", "value": ["s", "none"]}), json!(null)),
            (json!({"type": "constant", "value": [{"a": "{{#s.n#}}"}]}), json!([{"a": [1]}])),
            (json!("{{#s.q#}}"), json!("Rome")),
            (json!({"provider": "p", "type": "model-selector"}), json!({"provider": "p", "type": "model-selector"})),
        ];
        for (given, expected) in cases {
            assert_eq!(value_of_parameter(&given, &pool), expected, "{given}");
        }
    }
}
