//! `loop`: its children run again and again until a condition holds or the count is reached. The rounds are run by
//! `run::loop`.

use serde::Deserialize;
use serde_json::Value;

use super::condition::{Condition, Logic};
use super::{FieldError, read};
use crate::workflows::value;
use crate::workflows::vars::Selector;

const MAX_ROUNDS: usize = 100;

#[derive(Debug, Deserialize)]
pub struct Loop {
    #[serde(default)]
    pub start_node_id: String,
    pub loop_count: usize,
    #[serde(default)]
    pub break_conditions: Vec<Condition>,
    #[serde(default)]
    pub logical_operator: Logic,
    #[serde(default)]
    pub loop_variables: Vec<LoopVariable>,
}

#[derive(Debug, Deserialize)]
pub struct LoopVariable {
    pub label: String,
    #[serde(default)]
    pub var_type: String,
    #[serde(default)]
    value_type: ValueType,
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ValueType {
    Variable,
    #[default]
    Constant,
}

/// Where a loop variable's first value comes from.
pub enum VariableSource {
    Variable(Selector),
    Constant(Value),
}

impl Loop {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        let node: Self = read(data)?;
        if !(1..=MAX_ROUNDS).contains(&node.loop_count) {
            return Err(FieldError::new("loop_count", format!("must be between 1 and {MAX_ROUNDS}, not {}", node.loop_count)));
        }
        for (i, variable) in node.loop_variables.iter().enumerate() {
            variable.source().map_err(|message| FieldError::new(format!("loop_variables[{i}].value"), message))?;
        }
        Ok(node)
    }
}

impl LoopVariable {
    pub fn source(&self) -> Result<VariableSource, String> {
        match (self.value_type, &self.value) {
            (ValueType::Variable, Value::Array(_)) => serde_json::from_value(self.value.clone())
                .map(VariableSource::Variable)
                .map_err(|_| "must be a selector: a list of texts".to_owned()),
            (ValueType::Variable, _) => Err("must be a selector: a list of texts".to_owned()),
            (ValueType::Constant, Value::Null) => Ok(VariableSource::Constant(value::zero(&self.var_type))),
            (ValueType::Constant, Value::String(text)) if self.var_type != "string" => {
                let text = text.trim();
                if text.is_empty() {
                    return Ok(VariableSource::Constant(value::zero(&self.var_type)));
                }
                serde_json::from_str(text)
                    .map(VariableSource::Constant)
                    .map_err(|_| format!("must be a {} written as JSON, not '{text}'", self.var_type))
            }
            (ValueType::Constant, value) => Ok(VariableSource::Constant(value.clone())),
        }
    }
}
