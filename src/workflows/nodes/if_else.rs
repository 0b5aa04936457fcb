//! `if-else`: the first case whose conditions hold decides where the flow goes on.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::condition::{self, Condition, Logic};
use super::{Context, FieldError, NodeError, Outcome, read};

/// Where the flow goes on when no case holds.
const ELSE: &str = "false";

#[derive(Debug)]
pub struct IfElse {
    cases: Vec<Case>,
    /// One unnamed case, written on the node itself.
    is_legacy: bool,
}

#[derive(Debug, Deserialize)]
struct Case {
    #[serde(default)]
    case_id: String,
    #[serde(default)]
    logical_operator: Logic,
    #[serde(default)]
    conditions: Vec<Condition>,
}

impl IfElse {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        #[derive(Deserialize)]
        struct Data {
            cases: Option<Vec<Case>>,
            #[serde(default)]
            logical_operator: Logic,
            #[serde(default)]
            conditions: Vec<Condition>,
        }
        let data: Data = read(data)?;
        let is_legacy = data.cases.is_none();
        let legacy = || vec![Case { case_id: "true".into(), logical_operator: data.logical_operator, conditions: data.conditions }];
        let cases = data.cases.unwrap_or_else(legacy);
        match cases.iter().position(|case| case.case_id.is_empty()) {
            Some(i) => Err(FieldError::new(format!("cases[{i}].case_id"), "must be text that is not empty")),
            None => Ok(Self { cases, is_legacy }),
        }
    }

    /// Ids of the cases, and of the rest.
    pub fn handles(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().map(|case| case.case_id.as_str()).chain([ELSE])
    }

    pub fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let mut inputs = Vec::new();
        let mut results = Vec::new();
        let mut selected = None;
        for case in &self.cases {
            // a case without conditions is being drawn: it holds for nobody
            if case.conditions.is_empty() {
                continue;
            }
            let checked = condition::check(&case.conditions, case.logical_operator, &context.pool).map_err(|message| {
                let shown = Map::from_iter([("conditions".to_owned(), json!(inputs))]);
                NodeError::new("ValueError", message).with_inputs(shown)
            })?;
            let group = if self.is_legacy { json!("default") } else { json!(case.case_id) };
            results.push(json!({"group": group, "results": checked.results, "final_result": checked.result}));
            inputs = checked.inputs;
            if checked.result {
                selected = Some(case.case_id.clone());
                break;
            }
        }
        let outputs = Map::from_iter([("result".to_owned(), json!(selected.is_some())), ("selected_case_id".to_owned(), json!(selected))]);
        Ok(Outcome {
            inputs: Map::from_iter([("conditions".to_owned(), json!(inputs))]),
            process_data: Map::from_iter([("condition_results".to_owned(), json!(results))]),
            outputs,
            handle: Some(selected.unwrap_or_else(|| ELSE.to_owned())),
            ..Outcome::default()
        })
    }
}
