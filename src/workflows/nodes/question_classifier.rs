//! `question-classifier`: a model says which class a text is of, and the flow goes on there. Models that can be held to a
//! schema can name nothing but a class; what others say that is no class means the first one.

use serde::Deserialize;
use serde_json::{Value, json};

use super::llm::call::{account, failed, failed_at, input, request, shown};
use super::llm::memory::{Memory, fit};
use super::llm::model::{Chosen, ModelSettings};
use super::llm::structured::find_object;
use super::llm::vision::{Vision, parts};
use super::{Context, FieldError, NodeError, Outcome, read};
use crate::catalog::Model;
use crate::catalog::think::without_thoughts;
use crate::engine::request::{Format, Message, Part, Role};
use crate::workflows::template;
use crate::workflows::value;
use crate::workflows::vars::{Pool, Selector};

/// In words that the bundled model learned; larger ones need no more.
const TASK: &str = "You are a text classification engine. Assign the input to exactly one category and answer with JSON containing category_id and category_name.";

#[derive(Debug, Deserialize)]
pub struct QuestionClassifier {
    #[serde(default)]
    query_variable_selector: Selector,
    #[serde(default)]
    model: ModelSettings,
    #[serde(default)]
    classes: Vec<Class>,
    #[serde(default)]
    instruction: String,
    /// Of older files.
    #[serde(default)]
    instructions: String,
    memory: Option<Memory>,
    #[serde(default)]
    vision: Vision,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Class {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    label: String,
}

impl QuestionClassifier {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        let node: Self = read(data)?;
        node.model.check("model")?;
        if node.classes.is_empty() {
            return Err(FieldError::new("classes", "must have at least one class"));
        }
        Ok(node)
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let mut outcome = Outcome::default();
        match self.classify(context, &mut outcome).await {
            Ok(()) => Ok(outcome),
            Err(error) => Err(failed_at(outcome, error)),
        }
    }

    async fn classify(&self, context: &Context, outcome: &mut Outcome) -> Result<(), NodeError> {
        let query = value::text(&context.pool.get_or_null(&self.query_variable_selector));
        outcome.inputs.insert("query".into(), json!(query));
        let chosen = self.model.open(context).await?;
        chosen.describe(&mut outcome.inputs);
        let classes = self.rendered(&context.pool);
        let messages = self.messages(context, &chosen, &query, &classes).await?;
        outcome.process_data.insert("model_mode".into(), json!(chosen.mode.as_str()));
        outcome.process_data.insert("prompts".into(), shown(&messages));
        chosen.describe(&mut outcome.process_data);
        let mut request = request(&chosen, context, input(&chosen, messages))?;
        request.format = format(&chosen.model, &classes);
        let answer = chosen.model.answer(request, |_| {}).await.map_err(failed)?;
        account(outcome, &answer.usage);
        outcome.process_data.insert("finish_reason".into(), json!(answer.finish_reason.as_str()));
        let at = meant(&answer.text, &classes);
        let class = &classes[at];
        let label = if class.label.is_empty() { format!("CLASS {}", at + 1) } else { class.label.clone() };
        outcome.outputs.extend([
            ("class_name".into(), json!(class.name)),
            ("class_label".into(), json!(label)),
            ("class_id".into(), json!(class.id)),
            ("usage".into(), json!(answer.usage)),
        ]);
        outcome.handle = Some(class.id.clone());
        Ok(())
    }

    fn rendered(&self, pool: &Pool) -> Vec<Class> {
        let rendered = |class: &Class| Class { name: template::render(&class.name, pool), ..class.clone() };
        self.classes.iter().map(rendered).collect()
    }

    async fn messages(&self, context: &Context, chosen: &Chosen, query: &str, classes: &[Class]) -> Result<Vec<Message>, NodeError> {
        let categories: Vec<Value> = classes.iter().map(|class| json!({"category_id": class.id, "category_name": class.name})).collect();
        let instruction = if self.instruction.is_empty() { &self.instructions } else { &self.instruction };
        let instruction = template::render(instruction, &context.pool);
        let pictures = parts(&self.vision.files(&context.pool)?, self.vision.detail(), chosen, context).await?;
        let (memory, history) = match &self.memory {
            Some(memory) => (memory, memory.recall(chosen, context).await?),
            None => (&Memory::default(), Vec::new()),
        };
        let question = value::text(&json!({"input_text": query, "categories": categories}));
        fit(chosen, &history, |history| {
            let mut system = TASK.to_owned();
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

/// What a model may say.
fn format(model: &Model, classes: &[Class]) -> Format {
    let exactly = |class: &Class| {
        json!({
            "type": "object",
            "properties": {"category_id": {"const": class.id}, "category_name": {"const": class.name}},
            "required": ["category_id", "category_name"],
            "additionalProperties": false,
        })
    };
    match model {
        _ if !model.features().structured_output => Format::Text,
        Model::Local(_) => {
            let each: Vec<Value> = classes.iter().map(exactly).collect();
            let compact = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
            Format::JsonSchema(json!({"anyOf": each, "x-guidance": compact}))
        }
        // providers take no alternatives at the top
        Model::Remote(_) => {
            let choice = |of: fn(&Class) -> &String| {
                let mut names: Vec<&String> = classes.iter().map(of).collect();
                names.sort();
                names.dedup();
                json!({"type": "string", "enum": names})
            };
            Format::JsonSchema(json!({
                "type": "object",
                "properties": {"category_id": choice(|class| &class.id), "category_name": choice(|class| &class.name)},
                "required": ["category_id", "category_name"],
                "additionalProperties": false,
            }))
        }
    }
}

/// The class that an answer names by its id.
fn meant(answer: &str, classes: &[Class]) -> usize {
    let named = find_object(&without_thoughts(answer)).filter(|found| found.contains_key("category_name"));
    let id = named.as_ref().and_then(|found| found.get("category_id")).map(value::text);
    id.and_then(|id| classes.iter().position(|class| class.id == id)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_class_means_the_first() {
        let class = |id: &str| Class { id: id.into(), name: format!("name {id}"), label: String::new() };
        let classes = [class("1"), class("2"), class("x")];
        let cases = [
            ("{\"category_id\": \"2\", \"category_name\": \"whatever\"}", 1),
            ("```json\n{\"keywords\": [\"a\"], \"category_id\": \"x\", \"category_name\": \"\"}\n```", 2),
            ("<think>{\"category_id\": \"x\", \"category_name\": \"\"}</think>{\"category_id\": 2, \"category_name\": \"\"}", 1),
            ("{\"category_id\": \"9\", \"category_name\": \"name 2\"}", 0),
            ("{\"category_id\": \"2\"}", 0),
            ("It is the second.", 0),
            ("", 0),
        ];
        for (answer, at) in cases {
            assert_eq!(meant(answer, &classes), at, "{answer}");
        }
    }

    #[test]
    fn a_node_without_classes_is_refused() {
        assert_eq!(QuestionClassifier::parse(&json!({"classes": []})).unwrap_err().field, "classes");
    }
}
