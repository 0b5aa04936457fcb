//! `context` of a node: text, or what a knowledge node found. Pure.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::workflows::nodes::NodeError;
use crate::workflows::value;
use crate::workflows::vars::{Pool, Selector};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContextSettings {
    enabled: bool,
    variable_selector: Selector,
}

/// What stands for `{{#context#}}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Knowledge {
    pub text: String,
    /// Where it comes from, in the service API's form.
    pub resources: Vec<Value>,
    /// Pictures that belong to the chunks.
    pub files: Vec<Value>,
}

impl ContextSettings {
    pub fn read(&self, pool: &Pool) -> Result<Knowledge, NodeError> {
        if !self.enabled || self.variable_selector.is_empty() {
            return Ok(Knowledge::default());
        }
        of_value(&pool.get_or_null(&self.variable_selector))
    }
}

/// Text, or a list of texts and chunks; anything else is none.
pub fn of_value(value: &Value) -> Result<Knowledge, NodeError> {
    match value {
        Value::String(text) => Ok(Knowledge { text: text.clone(), ..Knowledge::default() }),
        Value::Array(items) => gather(items),
        _ => Ok(Knowledge::default()),
    }
}

fn gather(items: &[Value]) -> Result<Knowledge, NodeError> {
    let mut found = Knowledge::default();
    let mut line = |value: &Value| {
        value::write_text(value, &mut found.text);
        found.text.push('\n');
    };
    for item in items {
        if item.is_string() {
            line(item);
            continue;
        }
        let Some(content) = item.get("content") else {
            let message = format!("Invalid context structure: {item}. Each item must be text or have a content.");
            return Err(NodeError::new("InvalidContextStructureError", message));
        };
        if let Some(summary) = item.get("summary").filter(|summary| !value::is_falsy(summary)) {
            line(summary);
        }
        line(content);
        if item.pointer("/metadata/_source").and_then(Value::as_str) == Some("knowledge") {
            found.resources.push(resource(item));
            found.files.extend(item.get("files").map(value::files).into_iter().flatten().cloned());
        }
    }
    found.text = found.text.trim().to_owned();
    Ok(found)
}

/// An item of a knowledge node's result as `retriever_resources` have it.
fn resource(item: &Value) -> Value {
    let of = |key: &str| item.get(key).cloned().unwrap_or_default();
    let meta = |key: &str| item["metadata"].get(key).cloned().unwrap_or_default();
    json!({
        "position": meta("position"),
        "dataset_id": meta("dataset_id"),
        "dataset_name": meta("dataset_name"),
        "document_id": meta("document_id"),
        "document_name": meta("document_name"),
        "data_source_type": meta("data_source_type"),
        "segment_id": meta("segment_id"),
        "retriever_from": meta("retriever_from"),
        "score": meta("score"),
        "hit_count": meta("segment_hit_count"),
        "word_count": meta("segment_word_count"),
        "segment_position": meta("segment_position"),
        "index_node_hash": meta("segment_index_node_hash"),
        "content": of("content"),
        "page": meta("page"),
        "doc_metadata": meta("doc_metadata"),
        "title": of("title"),
        "files": of("files"),
        "summary": of("summary"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Knowledge, NodeError> {
        let mut pool = Pool::default();
        pool.set("k", "result", value);
        ContextSettings { enabled: true, variable_selector: Selector::new("k", "result") }.read(&pool)
    }

    #[test]
    fn texts_and_chunks_become_lines() {
        assert_eq!(read(json!("as is ")).unwrap().text, "as is ");
        assert_eq!(read(json!(["a", "b"])).unwrap().text, "a\nb");
        assert_eq!(read(json!(null)).unwrap(), Knowledge::default());
        let chunk = json!({"title": "T", "content": "C", "summary": "S", "files": [], "metadata": {"_source": "knowledge", "position": 1,
            "segment_hit_count": 4, "score": 0.5}});
        let found = read(json!([chunk, {"content": "plain", "summary": ""}])).unwrap();
        assert_eq!(found.text, "S\nC\nplain");
        assert_eq!(found.resources.len(), 1);
        assert_eq!((&found.resources[0]["hit_count"], &found.resources[0]["content"]), (&json!(4), &json!("C")));
        assert_eq!(read(json!([{"text": "no content"}])).unwrap_err().kind, "InvalidContextStructureError");
    }
}
