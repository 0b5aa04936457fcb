//! `parameter-extractor`: a model reads values out of a text, by calling a function where it can, else as JSON. The node
//! succeeds whatever the model found; `__is_success` and `__reason` say how it went.

mod parameters;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::parameters::{Parameter, extract, schema, strict_schema};
use super::llm::call::{account, failed, failed_at, input, request, shown};
use super::llm::memory::{Memory, fit};
use super::llm::model::{Chosen, ModelSettings};
use super::llm::structured::find_object;
use super::llm::vision::{Vision, parts};
use super::{Context, FieldError, NodeError, Outcome, read};
use crate::catalog::think::without_thoughts;
use crate::engine::request::{Format, Message, Part, Role, Tool, ToolChoice};
use crate::workflows::template;
use crate::workflows::value;
use crate::workflows::vars::{Selector, Vars};

const FUNCTION: &str = "extract_parameters";

#[derive(Debug, Deserialize)]
pub struct ParameterExtractor {
    #[serde(default)]
    model: ModelSettings,
    #[serde(default)]
    query: Selector,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default)]
    instruction: String,
    #[serde(default)]
    reasoning_mode: String,
    memory: Option<Memory>,
    #[serde(default)]
    vision: Vision,
}

impl ParameterExtractor {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        let node: Self = read(data)?;
        node.model.check("model")?;
        for (i, parameter) in node.parameters.iter().enumerate() {
            parameter.check(&format!("parameters[{i}]"))?;
        }
        Ok(node)
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let mut outcome = Outcome::default();
        match self.ask(context, &mut outcome).await {
            Ok(found) => {
                let extracted = extract(&self.parameters, found);
                outcome.outputs.insert("__is_success".into(), json!(u8::from(extracted.reason.is_none())));
                outcome.outputs.insert("__reason".into(), json!(extracted.reason));
                outcome.outputs.insert("__usage".into(), outcome.process_data.get("usage").cloned().unwrap_or_default());
                outcome.outputs.extend(extracted.values);
                Ok(outcome)
            }
            Err(error) => {
                let outputs = json!({"__is_success": 0, "__reason": "Failed to invoke model", "__error": error.message});
                Err(failed_at(outcome, error.with_outputs(outputs.as_object().cloned().unwrap_or_default())))
            }
        }
    }

    /// What the model found; none when its answer can't be read.
    async fn ask(&self, context: &Context, outcome: &mut Outcome) -> Result<Option<Map<String, Value>>, NodeError> {
        let query = value::text(&context.pool.get_or_null(&self.query));
        self.show(context, &query, &mut outcome.inputs)?;
        let chosen = self.model.open(context).await?;
        chosen.describe(&mut outcome.inputs);
        let calls = chosen.model.features().tools && self.reasoning_mode != "prompt";
        let messages = self.messages(context, &chosen, &query, calls).await?;
        outcome.process_data.insert("model_mode".into(), json!(chosen.mode.as_str()));
        outcome.process_data.insert("prompts".into(), shown(&messages));
        chosen.describe(&mut outcome.process_data);
        let mut request = if calls {
            request(&chosen, context, crate::engine::request::Input::Chat(messages))?
        } else {
            request(&chosen, context, input(&chosen, messages))?
        };
        if calls {
            request.tools = vec![Tool {
                name: FUNCTION.to_owned(),
                description: "Takes the parameters that were found in the text.".to_owned(),
                parameters: schema(&self.parameters),
            }];
            request.tool_choice = ToolChoice::Named(FUNCTION.to_owned());
            request.format = Format::Text;
        } else if chosen.model.features().structured_output {
            request.format = Format::JsonSchema(strict_schema(&self.parameters));
        }
        outcome.process_data.insert("function".into(), request.tools.first().map_or_else(|| json!({}), |tool| json!(tool)));
        let answer = chosen.model.answer(request, |_| {}).await.map_err(failed)?;
        account(outcome, &answer.usage);
        let call = answer.tool_calls.first();
        outcome.process_data.insert("tool_call".into(), json!(call));
        outcome.process_data.insert("llm_text".into(), json!(answer.text));
        Ok(match call {
            Some(call) => find_object(&call.arguments),
            None => find_object(&without_thoughts(&answer.text)),
        })
    }

    fn show(&self, context: &Context, query: &str, inputs: &mut Vars) -> Result<(), NodeError> {
        inputs.insert("query".into(), json!(query));
        inputs.insert("files".into(), json!(self.vision.files(&context.pool)?));
        inputs.insert("parameters".into(), context.node.data.get("parameters").cloned().unwrap_or_default());
        inputs.insert("instruction".into(), json!(self.instruction));
        Ok(())
    }

    async fn messages(&self, context: &Context, chosen: &Chosen, query: &str, calls: bool) -> Result<Vec<Message>, NodeError> {
        let instruction = template::render(&self.instruction, &context.pool);
        let pictures = parts(&self.vision.files(&context.pool)?, self.vision.detail(), chosen, context).await?;
        let (memory, history) = match &self.memory {
            Some(memory) => (memory, memory.recall(chosen, context).await?),
            None => (&Memory::default(), Vec::new()),
        };
        let (task, question) = if calls {
            let task = format!("Call the function {FUNCTION} with the values that the text gives. Leave out what it says nothing of.");
            (task, format!("Text: {query}"))
        } else {
            let task = "You extract parameters from text and reply with JSON. Use null for missing values.".to_owned();
            (task, format!("Extract the following parameters as JSON: {}\nText: {query}", value::text(&schema(&self.parameters))))
        };
        fit(chosen, &history, |history| {
            let mut system = task.clone();
            if !instruction.is_empty() {
                system.push_str(&format!("\n\nKeep to these instructions:\n{instruction}"));
            }
            if !history.is_empty() {
                system.push_str(&format!("\n\nThe conversation so far:\n<histories>\n{}\n</histories>", memory.lines(history)));
            }
            let content = pictures.iter().cloned().chain([Part::Text(question.clone())]).collect();
            vec![Message::text(Role::System, system), Message { content, ..Message::text(Role::User, "") }]
        })
        .await
    }
}
