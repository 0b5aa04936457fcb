//! The model that a node asks: its name and parameters in the DSL's words, found and filled in when the node runs.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::apps::config::CompletionParams;
use crate::catalog::{Model, ModelRef};
use crate::engine::host::Kind;
use crate::workflows::nodes::{Context, FieldError, NodeError};
use crate::workflows::template::{Segment, Template};
use crate::workflows::vars::{Pool, Vars};

/// `model` of a node.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ModelSettings {
    #[serde(default)]
    provider: String,
    /// Agents say `model`.
    #[serde(default, alias = "model")]
    name: String,
    #[serde(default)]
    pub mode: Mode,
    #[serde(default)]
    completion_params: Map<String, Value>,
}

/// Whether the model reads messages or continues a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Mode {
    #[default]
    Chat,
    Completion,
}

impl From<String> for Mode {
    fn from(mode: String) -> Self {
        if mode == "completion" { Self::Completion } else { Self::Chat }
    }
}

impl Mode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "completion",
        }
    }
}

/// A model that exists, with its parameters.
pub struct Chosen {
    pub model: Model,
    pub mode: Mode,
    pub params: CompletionParams,
}

impl ModelSettings {
    /// Refuses parameters that can never be right. Those with variables are read when these are known.
    pub fn check(&self, field: &str) -> Result<(), FieldError> {
        let fixed = self.completion_params.iter().filter(|(_, value)| !has_variables(value));
        let fixed: Map<String, Value> = fixed.map(|(name, value)| (name.clone(), value.clone())).collect();
        CompletionParams::parse(&Value::Object(fixed)).map(drop).map_err(|error| {
            let path = error.param.unwrap_or_default();
            let at = path.strip_prefix("model").unwrap_or_default();
            FieldError::new(format!("{field}{at}"), error.message.strip_prefix(&format!("{path}: ")).unwrap_or(&error.message))
        })
    }

    pub async fn open(&self, context: &Context) -> Result<Chosen, NodeError> {
        if self.provider.is_empty() || self.name.is_empty() {
            return Err(NodeError::new("ModelNotExistError", "No model is chosen: open the node and choose one."));
        }
        let model = context.host.model(&ModelRef { provider: self.provider.clone(), name: self.name.clone() }).await?;
        if model.kind() != Kind::Llm {
            let message = format!("The model {} is no language model: choose another one.", model.reference());
            return Err(NodeError::new("ModelNotExistError", message));
        }
        let params = CompletionParams::parse(&Value::Object(fill(&self.completion_params, &context.pool)));
        let params = params.map_err(|error| NodeError::new("LLMNodeError", error.message))?;
        Ok(Chosen { model, mode: self.mode, params })
    }
}

impl Chosen {
    /// What nodes show of their model.
    pub fn describe(&self, vars: &mut Vars) {
        let reference = self.model.reference();
        vars.insert("model_provider".into(), Value::String(reference.provider));
        vars.insert("model_name".into(), Value::String(reference.name));
    }
}

fn has_variables(value: &Value) -> bool {
    match value {
        Value::String(text) => Template::parse(text).variables().next().is_some(),
        Value::Array(items) => items.iter().any(has_variables),
        _ => false,
    }
}

/// Texts with their variables filled in. A text that came out as a number or a boolean is one.
fn fill(params: &Map<String, Value>, pool: &Pool) -> Map<String, Value> {
    let filled = |text: &str| Template::parse(text).text(pool);
    let value = |value: &Value| match value {
        Value::String(text) if has_variables(value) => {
            let text = filled(text);
            match serde_json::from_str(text.trim()) {
                Ok(plain @ (Value::Number(_) | Value::Bool(_))) => plain,
                _ => Value::String(text),
            }
        }
        Value::Array(items) if has_variables(value) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.clone(), |text| Value::String(filled(text)))).collect()
        }
        other => other.clone(),
    };
    params.iter().map(|(name, given)| (name.clone(), value(given))).collect()
}

/// A template's variables all exist. Names the first that does not.
pub fn require(template: &Template, pool: &Pool) -> Result<(), NodeError> {
    match template.variables().find(|selector| pool.get(selector).is_none()) {
        Some(missing) => Err(NodeError::new("VariableNotFoundError", format!("Variable #{missing}# not found"))),
        None => Ok(()),
    }
}

/// The variables of a template as a node's inputs show them.
pub fn show(template: &Template, pool: &Pool, inputs: &mut Vars) {
    for selector in template.variables() {
        let shown = match pool.get_or_null(selector) {
            Value::Null => Value::String(String::new()),
            value => value,
        };
        inputs.insert(format!("#{selector}#"), shown);
    }
}

/// The value of a text that is one variable and nothing else; the text otherwise.
pub fn value_of(text: &str, pool: &Pool) -> Value {
    let template = Template::parse(text);
    match template.0.as_slice() {
        [Segment::Variable(selector)] => match pool.get(selector) {
            Some(value) => value.into_owned(),
            None => Value::String(selector.to_string()),
        },
        _ => Value::String(template.text(pool)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_may_hold_variables() {
        let mut pool = Pool::default();
        pool.set("n", "t", json!("0.5"));
        pool.set("n", "k", json!(3));
        pool.set("n", "word", json!("STOP"));
        let settings: ModelSettings = serde_json::from_value(json!({"provider": "p", "model": "m", "mode": "", "completion_params": {
            "temperature": "{{#n.t#}}", "top_k": "{{#n.k#}}", "stop": ["{{#n.word#}}!", "x"], "response_format": "json_{{#n.kind#}}",
            "max_tokens": 7}}))
        .unwrap();
        settings.check("model").unwrap();
        assert_eq!((settings.name.as_str(), settings.mode), ("m", Mode::Chat));
        pool.set("n", "kind", json!("object"));
        let params = CompletionParams::parse(&Value::Object(fill(&settings.completion_params, &pool))).unwrap();
        assert_eq!((params.temperature, params.top_k, params.max_tokens), (Some(0.5), Some(3), Some(7)));
        assert_eq!(params.stop.0, ["STOP!", "x"]);
        assert_eq!(params.format().unwrap(), crate::engine::request::Format::JsonObject);
    }

    #[test]
    fn bad_parameters_are_named() {
        let settings: ModelSettings =
            serde_json::from_value(json!({"provider": "p", "name": "m", "completion_params": {"temperature": 5}})).unwrap();
        let error = settings.check("model").unwrap_err();
        assert_eq!(
            (error.field.as_str(), error.message.as_str()),
            ("model.completion_params.temperature", "must be between 0 and 2, not 5.")
        );
    }

    #[test]
    fn a_variable_alone_keeps_its_type() {
        let mut pool = Pool::default();
        pool.set("a", "b", json!([1]));
        assert_eq!(value_of("{{#a.b#}}", &pool), json!([1]));
        assert_eq!(value_of(" {{#a.b#}}", &pool), json!(" [1]"));
        assert_eq!(value_of("{{#a.c#}}", &pool), json!("a.c"));
    }
}
