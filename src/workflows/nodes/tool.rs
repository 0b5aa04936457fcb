//! `tool`: one tool of the workspace with arguments from variables, templates and constants.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Context, FieldError, NodeError, Outcome, read};
use crate::tools::{FileContent, Parameter, ToolFile, ToolRef};
use crate::workflows::host::{HttpRequest, Invoked};
use crate::workflows::template;
use crate::workflows::vars::{Pool, Selector, Vars};

#[derive(Debug)]
pub struct Tool {
    tool: ToolRef,
    /// What the author fixed, and what is given call by call.
    settings: BTreeMap<String, Argument>,
    parameters: BTreeMap<String, Argument>,
    /// Shown with the execution.
    info: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Argument {
    Variable(Selector),
    /// A template.
    Text(String),
    Constant(Value),
}

impl Tool {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        let provider_type = data.get("provider_type").and_then(Value::as_str).unwrap_or_default();
        let known = ["builtin", "plugin", "api", "workflow", "mcp"];
        if provider_type.is_empty() {
            return Err(FieldError::new("provider_type", "no tool is chosen: choose one"));
        }
        if !known.contains(&provider_type) {
            let message = format!("tools of '{provider_type}' can't be called here: choose a tool of one of {}", known.join(", "));
            return Err(FieldError::new("provider_type", message));
        }
        let info = json!({
            "provider_type": provider_type,
            "provider_id": data.get("provider_id"),
            "plugin_unique_identifier": data.get("plugin_unique_identifier"),
        });
        Ok(Self {
            tool: read(data)?,
            settings: arguments(data, "tool_configurations")?,
            parameters: arguments(data, "tool_parameters")?,
            info,
        })
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let found = context.host.find_tool(&self.tool).await;
        let info = found.map_err(|e| NodeError { message: format!("Failed to get tool runtime: {}", e.message), ..e })?;
        let inputs = self.inputs(&info.parameters, &context.pool)?;
        let called = context.host.invoke_tool(&self.tool, inputs.clone(), Some(context.execution_id)).await;
        let Invoked { output, usage } =
            called.map_err(|e| NodeError { message: format!("Failed to invoke tool: {}", e.message), ..e }.with_inputs(inputs.clone()))?;
        let mut files = Vec::with_capacity(output.files.len());
        for file in output.files {
            files.push(keep(context, file).await.map_err(|error| error.with_inputs(inputs.clone()))?);
        }
        let json = if output.json.is_empty() { vec![json!({"data": []})] } else { output.json };
        let mut outputs = Map::from_iter([
            ("text".to_owned(), Value::String(output.text)),
            ("files".to_owned(), Value::Array(files)),
            ("json".to_owned(), Value::Array(json)),
        ]);
        outputs.extend(output.variables);
        let metadata = Map::from_iter([("tool_info".to_owned(), self.info.clone())]);
        Ok(Outcome { inputs, outputs, metadata, usage, ..Outcome::default() })
    }

    /// The arguments; a variable that is missing is left out, unless the tool can't do without.
    fn inputs(&self, parameters: &[Parameter], pool: &Pool) -> Result<Vars, NodeError> {
        let mut inputs = Vars::new();
        for (name, argument) in self.settings.iter().chain(&self.parameters) {
            let value = match argument {
                Argument::Constant(value) => value.clone(),
                Argument::Text(text) => Value::String(template::render(text, pool)),
                Argument::Variable(selector) => match pool.get(selector) {
                    Some(value) => value.into_owned(),
                    None if parameters.iter().any(|p| p.name == *name && p.required) => {
                        return Err(NodeError::new("ToolParameterError", format!("Variable {selector} does not exist")).with_inputs(inputs));
                    }
                    None => continue,
                },
            };
            inputs.insert(name.clone(), value);
        }
        Ok(inputs)
    }
}

/// Arguments that are written as `{type, value}`, or as the value itself. Nulls are none.
fn arguments(data: &Value, field: &str) -> Result<BTreeMap<String, Argument>, FieldError> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        value: Value,
    }
    let given = match data.get(field) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(FieldError::new(field, "must be an object of arguments by name")),
    };
    let mut arguments = BTreeMap::new();
    for (name, argument) in given.iter().filter(|(_, argument)| !argument.is_null()) {
        let typed = argument.as_object().filter(|o| o.contains_key("type")).and_then(|_| Typed::deserialize(argument).ok());
        let typed = typed.filter(|t| matches!(t.kind.as_str(), "mixed" | "variable" | "constant"));
        let argument = match typed {
            Some(Typed { value: Value::Null, .. }) => continue,
            Some(Typed { kind, value }) if kind == "variable" => {
                let selector = Selector::deserialize(value);
                Argument::Variable(
                    selector
                        .map_err(|_| FieldError::new(format!("{field}.{name}.value"), "must be the path of a variable: a list of names"))?,
                )
            }
            // constants too are rendered, as long as they are text
            Some(Typed { value: Value::String(text), .. }) => Argument::Text(text),
            Some(Typed { kind, .. }) if kind == "mixed" => return Err(FieldError::new(format!("{field}.{name}.value"), "must be text")),
            Some(Typed { value, .. }) => Argument::Constant(value),
            None => Argument::Constant(argument.clone()),
        };
        arguments.insert(name.clone(), argument);
    }
    Ok(arguments)
}

/// A file that a tool made, as a value. What it only points to is fetched: links of tools expire.
pub async fn keep(context: &Context, file: ToolFile) -> Result<Value, NodeError> {
    let bytes = match file.content {
        FileContent::Kept(value) => return Ok(value),
        FileContent::Bytes(bytes) => bytes,
        FileContent::Url(url) => {
            let answer = context.host.send(HttpRequest::get(url)).await;
            let failed =
                |why: String| NodeError::new("ToolFileError", format!("The tool's file '{}' could not be fetched: {why}", file.name));
            match answer {
                Ok(answer) if (200..300).contains(&answer.status) => answer.body,
                Ok(answer) => return Err(failed(format!("HTTP status {}", answer.status))),
                Err(error) => return Err(failed(error.message)),
            }
        }
    };
    context.host.save_file(&file.name, &file.mime_type, bytes).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{Double, EXECUTION, answer, file, refusal, run};
    use super::*;
    use crate::tools::{Form, ProviderType, ToolInfo, ToolOutput};
    use crate::workflows::event::NodeUsage;

    fn data() -> Value {
        json!({
            "type": "tool", "provider_type": "plugin", "provider_id": "langgenius/time/time", "provider_name": "time",
            "tool_name": "current_time", "plugin_unique_identifier": "langgenius/time:1",
            "tool_configurations": {"plain": 3, "typed": {"type": "constant", "value": true}, "object": {"a": 1}, "none": null, "empty": {"type": "mixed", "value": null}},
            "tool_parameters": {
                "text": {"type": "mixed", "value": "n={{#in.n#}}"},
                "whole": {"type": "variable", "value": ["in", "list"]},
                "fixed": {"type": "constant", "value": "{{#in.n#}}"},
                "optional": {"type": "variable", "value": ["in", "gone"]},
            },
        })
    }

    fn info() -> ToolInfo {
        let parameter = |name: &str, required| Parameter {
            name: name.into(),
            label: name.into(),
            description: String::new(),
            required,
            form: Form::Llm,
            schema: json!({"type": "string"}),
        };
        ToolInfo {
            provider_type: ProviderType::Builtin,
            provider_id: "time".into(),
            provider_name: "time".into(),
            name: "current_time".into(),
            label: "Time".into(),
            description: String::new(),
            parameters: vec![parameter("text", true), parameter("optional", false), parameter("needed", true)],
            output_variables: Vec::new(),
        }
    }

    fn pool() -> Pool {
        let mut pool = Pool::default();
        pool.set("in", "n", json!(5));
        pool.set("in", "list", json!([1, 2]));
        pool
    }

    fn host(output: Result<ToolOutput, NodeError>) -> Arc<Double> {
        let usage = NodeUsage { total_tokens: 7, ..NodeUsage::default() };
        let result = output.map(|output| Invoked { output, usage });
        Arc::new(Double { tool: Some(info()), tool_result: Some(result).into(), ..Double::default() })
    }

    #[tokio::test]
    async fn arguments_come_from_variables_templates_and_constants() {
        let host = host(Ok(ToolOutput { text: "now".into(), ..ToolOutput::default() }));
        let outcome = run(&host, &data(), &pool()).await.unwrap();
        let inputs = json!({"object": {"a": 1}, "plain": 3, "typed": true, "fixed": "5", "text": "n=5", "whole": [1, 2]});
        assert_eq!(Value::Object(outcome.inputs), inputs);
        assert_eq!(outcome.usage.total_tokens, 7, "what a workflow took counts for its caller");
        let (tool, arguments, once) = host.tool_calls.lock().unwrap().pop().unwrap();
        assert_eq!(once, Some(EXECUTION));
        assert_eq!(
            (tool.provider_type, tool.provider_id.as_str(), tool.tool_name.as_str()),
            (ProviderType::Builtin, "langgenius/time/time", "current_time")
        );
        assert_eq!(Value::Object(arguments), inputs);
        assert_eq!(Value::Object(outcome.outputs), json!({"text": "now", "files": [], "json": [{"data": []}]}));
        let shown =
            json!({"provider_type": "plugin", "provider_id": "langgenius/time/time", "plugin_unique_identifier": "langgenius/time:1"});
        assert_eq!(outcome.metadata["tool_info"], shown);
    }

    #[tokio::test]
    async fn what_a_tool_gives_becomes_outputs_and_files_are_kept() {
        let made = |name: &str, content| ToolFile { name: name.into(), mime_type: "image/png".into(), content };
        let output = ToolOutput {
            text: String::new(),
            json: vec![json!({"a": 1})],
            files: vec![
                made("a.png", FileContent::Bytes("png".into())),
                made("b.png", FileContent::Url("http://x/b.png".into())),
                made("c.png", FileContent::Kept(json!({"kept": true}))),
            ],
            variables: Map::from_iter([("city".into(), json!("Rome"))]),
        };
        let fetched = host(Ok(output.clone()));
        fetched.answers.lock().unwrap().push_back(Ok(answer(200, &[], b"far")));
        let outputs = run(&fetched, &data(), &pool()).await.unwrap().outputs;
        let files = json!([file("a.png", "image/png"), file("b.png", "image/png"), {"kept": true}]);
        assert_eq!(Value::Object(outputs), json!({"text": "", "json": [{"a": 1}], "files": files, "city": "Rome"}));
        let bytes: Vec<_> = fetched.saved.lock().unwrap().iter().map(|(_, _, bytes)| bytes.clone()).collect();
        assert_eq!(bytes, ["png", "far"]);

        let gone = host(Ok(output));
        gone.answers.lock().unwrap().push_back(Ok(answer(404, &[], b"")));
        let error = run(&gone, &data(), &pool()).await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.message.as_str()),
            ("ToolFileError", "The tool's file 'b.png' could not be fetched: HTTP status 404")
        );
    }

    #[tokio::test]
    async fn failures_say_where_they_happened() {
        let mut needed = data();
        needed["tool_parameters"]["needed"] = json!({"type": "variable", "value": ["in", "gone"]});
        let error = run(&host(Ok(ToolOutput::default())), &needed, &pool()).await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.message.as_str()), ("ToolParameterError", "Variable in.gone does not exist"));

        let error = run(&host(Err(NodeError::new("ToolRuntimeInvocationError", "no"))), &data(), &pool()).await.unwrap_err();
        assert_eq!((error.message.as_str(), &error.partial.inputs["plain"]), ("Failed to invoke tool: no", &json!(3)));

        let error = run(&Arc::new(Double::default()), &data(), &pool()).await.unwrap_err();
        assert!(error.message.starts_with("Failed to get tool runtime: "), "{}", error.message);
    }

    #[test]
    fn mistakes_name_their_field() {
        let with = |pointer: &str, value: Value| {
            let mut data = data();
            *data.pointer_mut(pointer).unwrap() = value;
            refusal(&data)
        };
        let cases = [
            (with("/provider_type", json!("dataset-retrieval")), "provider_type: tools of 'dataset-retrieval'"),
            (with("/tool_parameters/whole/value", json!("in.list")), "tool_parameters.whole.value: "),
            (with("/tool_parameters/text/value", json!(5)), "tool_parameters.text.value: must be text"),
            (with("/tool_configurations", json!([])), "tool_configurations: "),
            (with("/tool_name", Value::Null), "tool_name"),
        ];
        for (message, start) in cases {
            assert!(message.contains(start), "{message}");
        }
    }
}
