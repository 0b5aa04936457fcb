//! The tools of one agent under names that models take, with what the app's author fixed of their arguments.

use serde_json::{Map, Value};

use crate::engine::request::Tool;
use crate::tools::{ToolInfo, ToolRef};

/// Providers refuse longer names.
const MAX_NAME: usize = 64;

#[derive(Debug, Default)]
pub struct Toolkit(Vec<Entry>);

#[derive(Debug)]
pub struct Entry {
    /// What the model calls it.
    pub name: String,
    pub label: String,
    pub reference: ToolRef,
    tool: Tool,
    settings: Map<String, Value>,
}

impl Toolkit {
    /// `description` replaces the tool's own unless it is empty; `settings` are arguments that the model does not choose.
    /// Gives the name that the model uses.
    pub fn add(&mut self, info: &ToolInfo, description: &str, settings: Map<String, Value>) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
        let wanted: String = info.name.chars().map(plain).take(MAX_NAME - 4).collect();
        let mut name = wanted.clone();
        let mut n = 1;
        while self.find(&name).is_some() {
            n += 1;
            name = format!("{wanted}_{n}");
        }
        let mut tool = info.for_model(&settings);
        tool.name.clone_from(&name);
        if !description.is_empty() {
            tool.description = description.to_owned();
        }
        let label = if info.label.is_empty() { info.name.clone() } else { info.label.clone() };
        self.0.push(Entry { name: name.clone(), label, reference: info.reference(), tool, settings });
        name
    }

    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }

    /// Names, and what people call the tools.
    pub fn labels(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0.iter().map(|entry| (entry.name.clone(), entry.label.clone()))
    }

    /// As models are told of them.
    pub fn tools(&self) -> Vec<Tool> {
        self.0.iter().map(|entry| entry.tool.clone()).collect()
    }
}

impl Entry {
    /// The model's arguments with the author's, which the model can't change.
    pub fn arguments(&self, mut given: Map<String, Value>) -> Map<String, Value> {
        given.extend(self.settings.clone());
        given
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools::{Form, Parameter, ProviderType};

    fn info(name: &str) -> ToolInfo {
        let parameter = |name: &str, form: Form| Parameter {
            name: name.into(),
            label: String::new(),
            description: String::new(),
            required: true,
            form,
            schema: json!({"type": "string"}),
        };
        ToolInfo {
            provider_type: ProviderType::Builtin,
            provider_id: "p".into(),
            provider_name: "p".into(),
            name: name.into(),
            label: String::new(),
            description: "own".into(),
            parameters: vec![parameter("query", Form::Llm), parameter("zone", Form::Llm), parameter("unit", Form::Form)],
            output_variables: Vec::new(),
        }
    }

    #[test]
    fn names_are_unique_and_settings_are_not_the_model_s() {
        let mut kit = Toolkit::default();
        let settings = json!({"zone": "UTC"}).as_object().unwrap().clone();
        kit.add(&info("get time"), "", settings);
        kit.add(&info("get time"), "another", Map::new());
        let tools = kit.tools();
        assert_eq!(
            tools.iter().map(|t| (t.name.as_str(), t.description.as_str())).collect::<Vec<_>>(),
            [("get_time", "own"), ("get_time_2", "another")]
        );
        assert_eq!(tools[0].parameters["required"], json!(["query"]));
        let arguments = kit.find("get_time").unwrap().arguments(json!({"query": "q", "zone": "mine"}).as_object().unwrap().clone());
        assert_eq!(Value::Object(arguments), json!({"query": "q", "zone": "UTC"}));
    }
}
