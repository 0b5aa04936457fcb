//! `code`: the maker's own Python or JavaScript over chosen variables, run by the host's sandbox.

use serde::Deserialize;
use serde_json::Value;

use super::template_transform::{NamedSelector, named_values};
use super::{Context, FieldError, NodeError, Outcome, read};
use crate::sandbox::{Outputs, check_outputs};
use crate::workflows::host::Language;

/// What fail branches are told when the result is not what the node declares.
const OUTPUT_ERROR: &str = "OutputValidationError";

#[derive(Debug)]
pub struct Code {
    language: Language,
    code: String,
    variables: Vec<NamedSelector>,
    /// Without a declaration the result is taken as it is.
    outputs: Option<Outputs>,
}

impl Code {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(default)]
            code: String,
            #[serde(default)]
            variables: Vec<NamedSelector>,
        }
        let Data { code, variables } = read(data)?;
        let language = data.get("code_language").unwrap_or(&Value::Null);
        let language = Language::deserialize(language)
            .map_err(|_| FieldError::new("code_language", format!("must be python3 or javascript, not {language}")))?;
        let outputs = match data.get("outputs") {
            None | Some(Value::Null) => None,
            Some(outputs) => Some(read(outputs).map_err(|e| FieldError::new(format!("outputs.{}", e.field), e.message))?),
        };
        Ok(Self { language, code, variables, outputs })
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let inputs = named_values(&self.variables, &context.pool);
        let result = context.host.run_code(self.language, &self.code, inputs.clone()).await;
        let checked = result
            .and_then(|result| check_outputs(&result, self.outputs.as_ref()).map_err(|message| NodeError::new(OUTPUT_ERROR, message)));
        match checked {
            Ok(outputs) => Ok(Outcome { inputs, outputs, ..Outcome::default() }),
            Err(error) => Err(error.with_inputs(inputs)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::testing::{Double, file, refusal, run};
    use super::*;
    use crate::workflows::vars::Pool;

    fn node(outputs: Value) -> Value {
        let variables = json!([
            {"variable": "a", "value_selector": ["in", "a"]},
            {"variable": "gone", "value_selector": ["in", "gone"]},
            {"variable": "doc", "value_selector": ["in", "doc"]},
        ]);
        json!({"type": "code", "code_language": "python3", "code": "def main(): …", "variables": variables, "outputs": outputs})
    }

    async fn try_one(node: &Value, result: Result<Value, NodeError>) -> Result<Outcome, NodeError> {
        let mut pool = Pool::default();
        pool.set("in", "a", json!(1));
        pool.set("in", "doc", file("a.txt", "text/plain"));
        let result = result.map(|value| value.as_object().unwrap().clone());
        let host = Arc::new(Double { code_result: Some(result).into(), ..Double::default() });
        let outcome = run(&host, node, &pool).await;
        let (language, code, inputs) = host.code_calls.lock().unwrap().pop().unwrap();
        assert_eq!((language, code.as_str()), (Language::Python3, "def main(): …"));
        assert_eq!(Value::Object(inputs), json!({"a": 1, "gone": null, "doc": file("a.txt", "text/plain")}));
        outcome
    }

    #[tokio::test]
    async fn the_result_is_held_to_what_is_declared() {
        let declared = json!({"n": {"type": "number"}, "s": {"type": "string", "children": null}});
        let outcome = try_one(&node(declared.clone()), Ok(json!({"s": null, "n": true}))).await.unwrap();
        assert_eq!(Value::Object(outcome.outputs), json!({"s": null, "n": 1}));
        assert_eq!(outcome.inputs["a"], 1);
        for (result, message) in [
            (json!({"n": 1}), "Output s is missing"),
            (json!({"n": 1, "s": "", "x": 1}), "Not all output parameters are validated."),
            (json!({"n": "1", "s": ""}), "Output n"),
        ] {
            let error = try_one(&node(declared.clone()), Ok(result)).await.unwrap_err();
            assert_eq!((error.kind.as_str(), error.message.starts_with(message)), (OUTPUT_ERROR, true), "{}", error.message);
            assert_eq!(error.partial.inputs["a"], 1);
        }
        let anything = json!({"list": [{"x": 2}], "object": {"a": {"b": null}}});
        let free = try_one(&node(Value::Null), Ok(anything.clone())).await.unwrap();
        assert_eq!(Value::Object(free.outputs), anything);
    }

    #[tokio::test]
    async fn a_failure_of_the_code_is_the_node_s() {
        let error = try_one(&node(json!({})), Err(NodeError::new("CodeExecutionError", "NameError: x"))).await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.message.as_str(), &error.partial.inputs["a"]),
            ("CodeExecutionError", "NameError: x", &json!(1))
        );
    }

    #[test]
    fn mistakes_name_their_field() {
        let mut data = node(json!({"r": {"type": "file"}}));
        assert!(refusal(&data).starts_with("outputs.r.type: "), "{}", refusal(&data));
        data["code_language"] = json!("jinja2");
        assert!(refusal(&data).starts_with("code_language: must be python3 or javascript"));
    }
}
