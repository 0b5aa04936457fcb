//! `template-transform`: a Jinja2 template over chosen variables.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Context, NodeError, Outcome};
use crate::workflows::template;
use crate::workflows::vars::{Pool, Selector, Vars};

#[derive(Debug, Deserialize)]
pub struct TemplateTransform {
    #[serde(default)]
    template: String,
    #[serde(default)]
    variables: Vec<NamedSelector>,
}

/// A variable under a name of the node's own.
#[derive(Debug, Clone, Deserialize)]
pub struct NamedSelector {
    #[serde(default)]
    pub variable: String,
    #[serde(default)]
    pub value_selector: Selector,
}

/// The chosen variables by name; what does not exist is null.
pub fn named_values(variables: &[NamedSelector], pool: &Pool) -> Vars {
    variables.iter().filter(|v| !v.variable.is_empty()).map(|v| (v.variable.clone(), pool.get_or_null(&v.value_selector))).collect()
}

impl TemplateTransform {
    pub fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let inputs = named_values(&self.variables, &context.pool);
        match template::jinja(&self.template, &inputs, context.limits.template_chars) {
            Ok(text) => {
                let outputs = Map::from_iter([("output".to_owned(), Value::String(text))]);
                Ok(Outcome { inputs, outputs, ..Outcome::default() })
            }
            Err(message) => Err(NodeError::new("TemplateTransformNodeError", message).with_inputs(inputs)),
        }
    }
}
