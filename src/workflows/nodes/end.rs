//! `end`: the outputs of a workflow.

use serde::Deserialize;
use serde_json::Value;

use super::{Context, Outcome};
use crate::workflows::template::{Segment, Template};
use crate::workflows::vars::Selector;

#[derive(Debug, Deserialize)]
pub struct End {
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Debug, Deserialize)]
struct Output {
    variable: String,
    #[serde(default)]
    value_selector: Selector,
}

impl End {
    pub fn run(&self, context: &Context) -> Outcome {
        let value = |output: &Output| (output.variable.clone(), context.pool.get_or_null(&output.value_selector));
        let outputs: serde_json::Map<String, Value> = self.outputs.iter().map(value).collect();
        Outcome { inputs: outputs.clone(), response: outputs.clone(), outputs, ..Outcome::default() }
    }

    /// Outputs stream one after the other, a line break between.
    pub fn template(&self) -> Template {
        let mut segments = Vec::new();
        for output in self.outputs.iter().filter(|output| output.value_selector.0.len() >= 2) {
            if !segments.is_empty() {
                segments.push(Segment::Text("\n".into()));
            }
            segments.push(Segment::Variable(output.value_selector.clone()));
        }
        Template(segments)
    }
}
