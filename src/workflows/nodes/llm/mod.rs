//! `llm`: a model answers a prompt. What its family shares (`question-classifier`, `parameter-extractor`, `agent`) lies
//! here too: the model and its parameters, memory, pictures, knowledge, the call.

pub mod call;
pub mod knowledge;
pub mod memory;
pub mod model;
mod prompt;
pub mod structured;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod vision;

use serde::Deserialize;
use serde_json::{Value, json};

use self::call::{account, failed, failed_at, request, shown};
use self::knowledge::{ContextSettings, Knowledge};
use self::memory::{Memory, fit};
use self::model::{Chosen, ModelSettings, require, show};
use self::prompt::{Filling, Prompt, PromptTemplate, Rendered};
use self::structured::Schema;
use self::vision::{Vision, parts};
use super::template_transform::NamedSelector;
use super::{Context, FieldError, NodeError, Outcome, read};
use crate::catalog::Answer;
use crate::catalog::think::{Piece, Splitter};
use crate::engine::request::{Format, Message, Part, Role};
use crate::workflows::template::Template;
use crate::workflows::vars::Vars;

/// `metadata` of the node: what the knowledge in its prompt came from, in the service API's form.
pub const RETRIEVER_RESOURCES: &str = "retriever_resources";

#[derive(Debug)]
pub struct Llm {
    model: ModelSettings,
    template: PromptTemplate,
    jinja_variables: Vec<NamedSelector>,
    context: ContextSettings,
    vision: Vision,
    memory: Option<Memory>,
    schema: Option<Schema>,
    separates_reasoning: bool,
}

/// As the file has it.
#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    model: ModelSettings,
    #[serde(default)]
    prompt_template: Value,
    #[serde(default)]
    prompt_config: PromptConfig,
    #[serde(default)]
    context: ContextSettings,
    #[serde(default)]
    vision: Vision,
    memory: Option<Memory>,
    structured_output_enabled: Option<bool>,
    structured_output_switch_on: Option<bool>,
    #[serde(default)]
    reasoning_format: ReasoningFormat,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptConfig {
    jinja2_variables: Vec<NamedSelector>,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReasoningFormat {
    /// Thoughts stay in the text.
    #[default]
    Tagged,
    Separated,
}

impl Llm {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        let parsed: Data = read(data)?;
        parsed.model.check("model")?;
        let is_structured = parsed.structured_output_switch_on.or(parsed.structured_output_enabled).unwrap_or(false);
        let schema = data.get("structured_output").filter(|output| is_structured && !output.is_null());
        let schema = schema.map(|output| Schema::parse(output.get("schema").unwrap_or(&Value::Null), "structured_output.schema"));
        Ok(Self {
            model: parsed.model,
            template: PromptTemplate::parse(&parsed.prompt_template)?,
            jinja_variables: parsed.prompt_config.jinja2_variables,
            context: parsed.context,
            vision: parsed.vision,
            memory: parsed.memory,
            schema: schema.transpose()?,
            separates_reasoning: parsed.reasoning_format == ReasoningFormat::Separated,
        })
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let mut outcome = Outcome::default();
        match self.answer(context, &mut outcome).await {
            Ok(()) => Ok(outcome),
            Err(error) => Err(failed_at(outcome, error)),
        }
    }

    /// Fills the outcome as far as it gets.
    async fn answer(&self, context: &Context, outcome: &mut Outcome) -> Result<(), NodeError> {
        let knowledge = self.collect_inputs(context, &mut outcome.inputs)?;
        if !knowledge.resources.is_empty() {
            outcome.metadata.insert(RETRIEVER_RESOURCES.into(), json!(knowledge.resources));
        }
        let chosen = self.model.open(context).await?;
        chosen.describe(&mut outcome.inputs);
        let prompt = self.prompt(context, &chosen, &knowledge).await?;
        let history = match &self.memory {
            Some(memory) => memory.recall(&chosen, context).await?,
            None => Vec::new(),
        };
        let messages = fit(&chosen, &history, |history| self.with_instructions(&chosen, prompt.messages(history))).await?;
        if messages.is_empty() {
            return Err(NodeError::new("NoPromptFoundError", "The prompt is empty: write one, or check the variables it is made of."));
        }
        outcome.process_data.insert("model_mode".into(), json!(chosen.mode.as_str()));
        outcome.process_data.insert("prompts".into(), shown(&messages));
        chosen.describe(&mut outcome.process_data);
        let mut request = request(&chosen, context, prompt.input(chosen.mode, messages))?;
        if let Some(schema) = self.schema.as_ref().filter(|_| chosen.model.features().structured_output) {
            request.format = Format::JsonSchema(schema.json.clone());
        }
        if request.format == Format::Text && self.schema.is_none() {
            request.modalities = chosen.model.modalities();
        }
        let (answer, reasoning) = self.generate(context, &chosen, request).await?;
        account(outcome, &answer.usage);
        outcome.process_data.insert("finish_reason".into(), json!(answer.finish_reason.as_str()));
        if let Some(schema) = &self.schema {
            outcome.outputs.insert("structured_output".into(), schema.read(&answer.text)?);
        }
        let mut files = Vec::with_capacity(answer.images.len());
        for image in answer.images {
            files.push(context.host.save_file("picture.png", &image.mime_type, image.bytes).await?);
        }
        if !files.is_empty() {
            outcome.outputs.insert("files".into(), Value::Array(files));
        }
        outcome.outputs.extend([
            ("text".into(), Value::String(answer.text)),
            ("reasoning_content".into(), Value::String(reasoning)),
            ("usage".into(), json!(answer.usage)),
            ("finish_reason".into(), json!(answer.finish_reason.as_str())),
        ]);
        Ok(())
    }

    fn filling<'a>(&'a self, context: &'a Context, knowledge: &'a Knowledge) -> Filling<'a> {
        Filling {
            pool: &context.pool,
            knowledge: &knowledge.text,
            jinja_variables: &self.jinja_variables,
            max_chars: context.limits.template_chars,
        }
    }

    fn collect_inputs(&self, context: &Context, inputs: &mut Vars) -> Result<Knowledge, NodeError> {
        let knowledge = self.context.read(&context.pool)?;
        self.template.collect_inputs(&self.filling(context, &knowledge), inputs)?;
        if let Some(memory) = &self.memory {
            let question = Template::parse(&memory.query_prompt_template);
            require(&question, &context.pool)?;
            show(&question, &context.pool, inputs);
        }
        let files = self.vision.files(&context.pool)?;
        if !files.is_empty() {
            inputs.insert("#files#".into(), json!(files));
        }
        if !knowledge.text.is_empty() {
            inputs.insert("#context#".into(), json!(knowledge.text));
        }
        Ok(knowledge)
    }

    async fn prompt(&self, context: &Context, chosen: &Chosen, knowledge: &Knowledge) -> Result<Prompt<'_>, NodeError> {
        let filling = self.filling(context, knowledge);
        let mut files = self.vision.files(&context.pool)?;
        if self.vision.is_on() {
            files.extend(knowledge.files.iter().cloned());
        }
        let pictures = parts(&files, self.vision.detail(), chosen, context).await?;
        Ok(match &self.template {
            PromptTemplate::Chat(messages) => {
                let mut before = Vec::new();
                for rendered in filling.chat(messages)? {
                    before.push(self.message(rendered, chosen, context).await?);
                }
                let question = match &self.memory {
                    Some(memory) => Some(self.message(filling.question(&memory.query_prompt_template), chosen, context).await?),
                    None => None,
                };
                Prompt::Chat { before, question, pictures }
            }
            PromptTemplate::Completion(text) => Prompt::Text { pieces: filling.completion(text)?, memory: self.memory.as_ref(), pictures },
        })
    }

    async fn message(&self, rendered: Rendered, chosen: &Chosen, context: &Context) -> Result<Message, NodeError> {
        let mut message = Message::text(rendered.role, rendered.text);
        message.content.extend(parts(&rendered.files, self.vision.detail(), chosen, context).await?);
        Ok(message)
    }

    /// A model that can't be held to the schema is asked to keep to it.
    fn with_instructions(&self, chosen: &Chosen, mut messages: Vec<Message>) -> Vec<Message> {
        let Some(schema) = self.schema.as_ref().filter(|_| !chosen.model.features().structured_output) else { return messages };
        if messages.is_empty() {
            return messages;
        }
        let instructions = schema.instructions();
        match messages.iter_mut().find(|message| message.role == Role::System) {
            Some(system) => system.content.push(Part::Text(format!("\n\n{instructions}"))),
            None => messages.insert(0, Message::text(Role::System, instructions)),
        }
        messages
    }

    /// The answer, streamed; its text is without thoughts when these are kept apart.
    async fn generate(
        &self,
        context: &Context,
        chosen: &Chosen,
        request: crate::engine::request::Request,
    ) -> Result<(Answer, String), NodeError> {
        if !self.separates_reasoning {
            let answer = chosen.model.answer(request, |piece| context.out.text(context, "text", piece)).await.map_err(failed)?;
            return Ok((answer, String::new()));
        }
        let mut splitter = Splitter::default();
        let mut has_thoughts = false;
        let mut send = |pieces: Vec<Piece>| {
            for piece in pieces {
                match piece {
                    Piece::Text(text) => context.out.text(context, "text", text),
                    Piece::Thought(text) => {
                        has_thoughts = true;
                        context.out.reasoning(context, text, false);
                    }
                }
            }
        };
        let mut answer = chosen.model.answer(request, |piece| send(splitter.push(piece))).await.map_err(failed)?;
        let (pieces, split) = splitter.finish();
        send(pieces);
        if has_thoughts {
            context.out.reasoning(context, "", true);
        }
        answer.text = split.text;
        Ok((answer, split.reasoning))
    }
}
