//! `variable-aggregator`: the first of several variables that exists, of branches that did not all run.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Context, Outcome};
use crate::workflows::vars::{Pool, Selector};

#[derive(Debug, Deserialize)]
pub struct VariableAggregator {
    #[serde(default)]
    variables: Vec<Selector>,
    #[serde(default)]
    advanced_settings: Option<AdvancedSettings>,
}

#[derive(Debug, Deserialize)]
struct AdvancedSettings {
    #[serde(default)]
    group_enabled: bool,
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    #[serde(default)]
    group_name: String,
    #[serde(default)]
    variables: Vec<Selector>,
}

impl VariableAggregator {
    pub fn run(&self, context: &Context) -> Outcome {
        let mut outcome = Outcome::default();
        match self.advanced_settings.as_ref().filter(|settings| settings.group_enabled) {
            Some(settings) => {
                for group in &settings.groups {
                    if let Some((name, value)) = first(&group.variables, &context.pool) {
                        outcome.inputs.insert(name, value.clone());
                        outcome.outputs.insert(group.group_name.clone(), Value::Object(Map::from_iter([("output".to_owned(), value)])));
                    }
                }
            }
            None => {
                if let Some((name, value)) = first(&self.variables, &context.pool) {
                    outcome.inputs.insert(name, value.clone());
                    outcome.outputs.insert("output".into(), value);
                }
            }
        }
        outcome
    }
}

fn first(variables: &[Selector], pool: &Pool) -> Option<(String, Value)> {
    variables.iter().find_map(|selector| {
        let name = selector.0.get(1..)?.join(".");
        Some((name, pool.get(selector)?.into_owned()))
    })
}
