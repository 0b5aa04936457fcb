//! `start`: the run's inputs become variables. They were checked against the form before the run began.

use serde::Deserialize;
use serde_json::Value;

use super::{Context, Outcome};
use crate::workflows::vars::SYSTEM;

#[derive(Debug, Deserialize)]
pub struct Start {
    #[serde(default)]
    variables: Vec<Value>,
}

impl Start {
    pub fn run(&self, context: &Context) -> Outcome {
        let mut outcome = entry_outputs(context);
        // what a form declares exists, given or not
        for variable in self.variables.iter().filter_map(|v| v.get("variable")?.as_str()) {
            outcome.outputs.entry(variable).or_insert(Value::Null);
        }
        outcome
    }
}

/// The inputs lie in the pool under the entry's id before it runs; system variables are shown beside them.
pub fn entry_outputs(context: &Context) -> Outcome {
    let given = context.pool.vars(&context.node.id).map(|vars| (**vars).clone()).unwrap_or_default();
    let mut shown = given.clone();
    if let Some(system) = context.pool.vars(SYSTEM) {
        shown.extend(system.iter().map(|(name, value)| (format!("{SYSTEM}.{name}"), value.clone())));
    }
    Outcome { inputs: shown.clone(), outputs: shown, ..Outcome::default() }
}
