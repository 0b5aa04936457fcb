//! `document-extractor`: the text of one file, or of each file of a list.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Context, NodeError, Outcome};
use crate::workflows::value;
use crate::workflows::vars::Selector;

const ERROR: &str = "DocumentExtractorError";

#[derive(Debug, Deserialize)]
pub struct DocumentExtractor {
    #[serde(default)]
    variable_selector: Selector,
}

impl DocumentExtractor {
    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let Some(found) = context.pool.get(&self.variable_selector) else {
            return Err(NodeError::new(ERROR, format!("File variable not found for selector: {}", self.variable_selector)));
        };
        // lists of optional files have holes
        let documents: Vec<Value> = match &*found {
            Value::Array(items) => items.iter().filter(|item| !value::is_falsy(item)).cloned().collect(),
            one if value::is_falsy(one) => Vec::new(),
            one => vec![one.clone()],
        };
        let inputs = Map::from_iter([("variable_selector".to_owned(), Value::from(self.variable_selector.0.clone()))]);
        let process_data = Map::from_iter([("documents".to_owned(), Value::Array(documents.clone()))]);
        let failed = |error: NodeError| error.with_inputs(inputs.clone()).with_process_data(process_data.clone());
        if let Some(other) = documents.iter().find(|document| !value::is_file(document)) {
            let message =
                format!("Variable {} must be a file or a list of files; it holds a {}.", self.variable_selector, value::type_name(other));
            return Err(failed(NodeError::new(ERROR, message)));
        }
        let mut texts = Vec::with_capacity(documents.len());
        for document in &documents {
            let text = context.host.extract_text(document).await.map_err(|error| failed(named(document, error)))?;
            texts.push(Value::String(text));
        }
        let text = if value::is_file(&found) { texts.remove(0) } else { Value::Array(texts) };
        Ok(Outcome { outputs: Map::from_iter([("text".to_owned(), text)]), inputs, process_data, ..Outcome::default() })
    }
}

/// The error with the name of the file that it is about.
fn named(document: &Value, error: NodeError) -> NodeError {
    let name = value::file_attribute(document, "name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    if error.message.contains(&name) {
        return error;
    }
    NodeError { message: format!("The file '{name}': {}", error.message), ..error }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::testing::{Double, file, run};
    use super::*;
    use crate::workflows::vars::Pool;

    #[tokio::test]
    async fn one_file_gives_text_and_a_list_gives_texts() {
        let (a, b) = (file("a.pdf", "application/pdf"), file("b.md", "text/markdown"));
        let texts = [("a.pdf", Ok("one")), ("b.md", Ok("two")), ("bad.doc", Err("is damaged")), ("c.xyz", Err("c.xyz: no text in it"))];
        let host = Arc::new(Double { texts: texts.into(), ..Double::default() });
        let try_one = async |value: Option<Value>| {
            let mut pool = Pool::default();
            if let Some(value) = value {
                pool.set("in", "x", value);
            }
            let data = json!({"type": "document-extractor", "variable_selector": ["in", "x"], "is_array_file": true});
            run(&host, &data, &pool).await
        };
        let cases = [
            (a.clone(), json!("one"), json!([a])),
            (json!([a, b]), json!(["one", "two"]), json!([a, b])),
            (json!([null, b]), json!(["two"]), json!([b])),
            (json!([]), json!([]), json!([])),
            (json!(null), json!([]), json!([])),
        ];
        for (value, text, documents) in cases {
            let outcome = try_one(Some(value.clone())).await.unwrap();
            assert_eq!(outcome.outputs["text"], text, "{value}");
            assert_eq!(outcome.inputs["variable_selector"], json!(["in", "x"]));
            assert_eq!(outcome.process_data["documents"], documents);
        }
        let errors = [
            (None, "File variable not found for selector: in.x"),
            (Some(json!("text")), "Variable in.x must be a file or a list of files; it holds a string."),
            (Some(json!([a, 3])), "Variable in.x must be a file or a list of files; it holds a number."),
            (Some(json!([a, file("bad.doc", "")])), "The file 'bad.doc': is damaged"),
            (Some(file("c.xyz", "")), "c.xyz: no text in it"),
        ];
        for (value, message) in errors {
            let error = try_one(value).await.unwrap_err();
            assert_eq!((error.kind.as_str(), error.message.as_str()), (ERROR, message));
        }
    }
}
