//! `knowledge-retrieval`: chunks of knowledge that answer a query.

use serde::Deserialize;
use serde_json::{Value, json};

use super::llm::model::value_of;
use super::{Context, NodeError, Outcome};
use crate::workflows::host::Retrieval;
use crate::workflows::value;
use crate::workflows::vars::{Pool, Selector};

#[derive(Debug, Deserialize)]
pub struct KnowledgeRetrieval {
    #[serde(default)]
    query_variable_selector: Selector,
    #[serde(default)]
    query_attachment_selector: Selector,
    #[serde(default)]
    dataset_ids: Vec<String>,
}

impl KnowledgeRetrieval {
    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let mut outcome = Outcome::default();
        let query = context.pool.get_or_null(&self.query_variable_selector);
        let attachments: Vec<Value> =
            value::files(&context.pool.get_or_null(&self.query_attachment_selector)).into_iter().cloned().collect();
        outcome.inputs.insert("query".into(), query.clone());
        if !attachments.is_empty() {
            outcome.inputs.insert("attachments".into(), json!(attachments));
        }
        let query = match query {
            Value::String(query) => query,
            Value::Null => String::new(),
            other => {
                let message = format!(
                    "The query {} must be text, not {}: choose a variable that holds text.",
                    self.query_variable_selector,
                    value::type_name(&other)
                );
                return Err(NodeError::new("KnowledgeRetrievalNodeError", message).with_inputs(outcome.inputs));
            }
        };
        let found = if query.trim().is_empty() && attachments.is_empty() {
            Vec::new()
        } else {
            let config = with_conditions(&context.node.data, &context.pool);
            let asked = Retrieval { query, attachments, dataset_ids: self.dataset_ids.clone(), config };
            context.host.retrieve(asked).await.map_err(|error| error.with_inputs(outcome.inputs.clone()))?
        };
        outcome.outputs.insert("result".into(), Value::Array(found));
        Ok(outcome)
    }
}

/// The node's data with the variables in its metadata conditions filled in.
fn with_conditions(data: &Value, pool: &Pool) -> Value {
    let mut data = data.clone();
    let conditions = data.pointer_mut("/metadata_filtering_conditions/conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        match condition.get_mut("value") {
            Some(value @ Value::String(_)) => *value = value_of(value.as_str().unwrap_or_default(), pool),
            Some(Value::Array(items)) => {
                for item in items.iter_mut().filter(|item| item.is_string()) {
                    *item = value_of(item.as_str().unwrap_or_default(), pool);
                }
            }
            _ => {}
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_may_hold_variables() {
        let mut pool = Pool::default();
        pool.set("s", "year", json!(2024));
        let data = json!({"metadata_filtering_conditions": {"logical_operator": "and", "conditions": [
            {"name": "year", "comparison_operator": "=", "value": "{{#s.year#}}"},
            {"name": "tag", "comparison_operator": "in", "value": ["a", "y{{#s.year#}}"]}, {"name": "x", "comparison_operator": "empty"}]}});
        let filled = with_conditions(&data, &pool);
        let conditions = &filled["metadata_filtering_conditions"]["conditions"];
        assert_eq!((&conditions[0]["value"], &conditions[1]["value"]), (&json!(2024), &json!(["a", "y2024"])));
        assert_eq!(conditions[2], data["metadata_filtering_conditions"]["conditions"][2]);
    }
}
