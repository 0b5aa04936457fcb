//! `answer`: a piece of a chatflow's message.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Outcome};
use crate::workflows::template::Template;
use crate::workflows::value;

#[derive(Debug, Deserialize)]
pub struct Answer {
    #[serde(default)]
    answer: String,
}

impl Answer {
    pub fn run(&self, context: &Context) -> Outcome {
        let template = self.template();
        let files: Vec<Value> = template
            .variables()
            .filter_map(|s| context.pool.get(s))
            .flat_map(|v| value::files(&v).into_iter().cloned().collect::<Vec<_>>())
            .collect();
        let mut outputs = serde_json::Map::new();
        outputs.insert("answer".into(), Value::String(template.markdown(&context.pool)));
        outputs.insert("files".into(), json!(files));
        Outcome { response: outputs.clone(), outputs, ..Outcome::default() }
    }

    pub fn template(&self) -> Template {
        Template::parse(&self.answer)
    }
}
