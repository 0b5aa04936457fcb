//! Where configs name models, tools and knowledge: found, checked against what the workspace has, and replaced.
//!
//! A file from elsewhere names models of providers that this workspace may not have. [`mappings`] says which model runs in
//! their place, and [`missing`] what is left without one. Configs of every mode are read alike: by what an object looks like.

mod db;
pub mod mappings;
pub mod missing;
mod routes;

use serde_json::{Map, Value};

pub(super) use routes::console_routes;

use crate::catalog::ModelRef;
use crate::engine::host::Kind;

/// A place in a config that names a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub at: Spot,
    pub kind: Kind,
    pub reference: ModelRef,
    /// Of the object that names it.
    pointer: String,
    provider_key: &'static str,
    name_keys: Vec<&'static str>,
}

/// Where in a config something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Of a workflow: the node, by id and title.
    pub node: Option<(String, String)>,
    /// Path inside the node's data, or of the config.
    pub field: String,
}

/// Every place in a config that names a model, in the config's order. Those that name none are passed over.
pub fn places(config: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(map) = config.as_object() {
        for (key, value) in map.iter().filter(|(key, _)| *key != "graph") {
            let spot = Spot { node: None, field: key.clone() };
            walk(key, value, format!("/{}", escaped(key)), spot, &mut places);
        }
    }
    for node in nodes(config) {
        for (key, value) in node.data {
            let spot = Spot { node: Some((node.id.to_owned(), node.title.to_owned())), field: key.clone() };
            walk(key, value, format!("{}/{}", node.pointer, escaped(key)), spot, &mut places);
        }
    }
    places
}

/// Names another model in a place that [`places`] found in this config.
pub fn replace(config: &mut Value, place: &Place, by: &ModelRef) {
    let Some(map) = config.pointer_mut(&place.pointer).and_then(Value::as_object_mut) else { return };
    map.insert(place.provider_key.to_owned(), Value::from(by.provider.as_str()));
    for key in &place.name_keys {
        map.insert((*key).to_owned(), Value::from(by.name.as_str()));
    }
}

/// A node of a workflow.
struct Node<'a> {
    id: &'a str,
    title: &'a str,
    data: &'a Map<String, Value>,
    /// Of its data.
    pointer: String,
}

fn nodes(config: &Value) -> impl Iterator<Item = Node<'_>> {
    let nodes = config.pointer("/graph/nodes").and_then(Value::as_array).into_iter().flatten();
    nodes.enumerate().filter_map(|(i, node)| {
        let data = node.get("data")?.as_object()?;
        // notes have none
        data.get("type").and_then(Value::as_str).filter(|type_name| !type_name.is_empty())?;
        let id = node.get("id").and_then(Value::as_str).unwrap_or_default();
        let title = data.get("title").and_then(Value::as_str).filter(|title| !title.is_empty()).unwrap_or(id);
        Some(Node { id, title, data, pointer: format!("/graph/nodes/{i}/data") })
    })
}

fn walk(key: &str, value: &Value, pointer: String, spot: Spot, places: &mut Vec<Place>) {
    match value {
        Value::Object(map) => {
            if let Some((kind, provider_key, name_keys)) = names_model(key, map) {
                let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                let name = name_keys.iter().map(|key| text(key)).find(|name| !name.is_empty()).unwrap_or_default();
                let reference = ModelRef { provider: text(provider_key), name };
                if !reference.provider.is_empty() && !reference.name.is_empty() {
                    places.push(Place { at: spot.clone(), kind, reference, pointer: pointer.clone(), provider_key, name_keys });
                }
            }
            for (key, inner) in map {
                let inside = Spot { field: format!("{}.{key}", spot.field), ..spot.clone() };
                walk(key, inner, format!("{pointer}/{}", escaped(key)), inside, places);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let inside = Spot { field: format!("{}[{i}]", spot.field), ..spot.clone() };
                walk(key, item, format!("{pointer}/{i}"), inside, places);
            }
        }
        _ => {}
    }
}

/// Whether an object under `key` names a model: of which kind, and under which keys. Agents say `model` where others say
/// `name`; some files say both.
fn names_model(key: &str, map: &Map<String, Value>) -> Option<(Kind, &'static str, Vec<&'static str>)> {
    let has = |key: &str| map.get(key).is_some_and(Value::is_string);
    if has("embedding_provider_name") && has("embedding_model_name") {
        return Some((Kind::TextEmbedding, "embedding_provider_name", vec!["embedding_model_name"]));
    }
    if has("reranking_provider_name") && has("reranking_model_name") {
        return Some((Kind::Rerank, "reranking_provider_name", vec!["reranking_model_name"]));
    }
    let name_keys: Vec<&'static str> = ["name", "model"].into_iter().filter(|key| has(key)).collect();
    if !has("provider") || name_keys.is_empty() {
        return None;
    }
    let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = match (key, text("model_type")) {
        ("reranking_model", _) | (_, "rerank") => Kind::Rerank,
        ("embedding_model", _) | (_, "text-embedding" | "embeddings") => Kind::TextEmbedding,
        ("model", _) | (_, "llm") => Kind::Llm,
        _ if map.contains_key("completion_params") || matches!(text("mode"), "chat" | "completion") => Kind::Llm,
        _ => return None,
    };
    Some((kind, "provider", name_keys))
}

/// A key inside a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> Value {
        let node = |id: &str, data: Value| json!({"id": id, "data": data});
        json!({
            "model": {"provider": "openai", "name": "gpt-4o", "mode": "chat"},
            "features": {"suggested_questions_after_answer": {"enabled": true, "model": {"provider": "p", "name": "side", "completion_params": {}}}},
            "tool": {"provider": "x/y/z", "name": "not a model"},
            "graph": {"nodes": [
                node("1", json!({"type": "llm", "title": "Say", "model": {"provider": "p", "name": "m", "model": "m"}})),
                node("2", json!({"type": "agent", "agent_parameters": {"model": {"type": "constant", "value": {"provider": "p", "model": "a", "model_type": "llm"}}}})),
                node("3", json!({"type": "knowledge-retrieval", "multiple_retrieval_config": {
                    "reranking_model": {"provider": "c", "model": "r"}, "weights": {"vector_setting": {"embedding_provider_name": "e", "embedding_model_name": "v"}}},
                    "a/b": {"model": {"provider": "p", "name": "odd"}}})),
                node("4", json!({"type": "llm", "model": {"provider": "", "name": ""}})),
                json!({"id": "note", "data": {"type": "", "model": {"provider": "p", "name": "none"}}}),
            ]},
        })
    }

    #[test]
    fn every_place_is_found() {
        let found: Vec<String> = places(&config())
            .into_iter()
            .map(|p| {
                format!(
                    "{}{} {} {}",
                    p.at.node.map(|(id, title)| format!("{id} {title} ")).unwrap_or_default(),
                    p.at.field,
                    p.kind.as_str(),
                    p.reference
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "model llm openai/gpt-4o",
                "features.suggested_questions_after_answer.model llm p/side",
                "1 Say model llm p/m",
                "2 2 agent_parameters.model.value llm p/a",
                "3 3 multiple_retrieval_config.reranking_model rerank c/r",
                "3 3 multiple_retrieval_config.weights.vector_setting text-embedding e/v",
                "3 3 a/b.model llm p/odd",
            ]
        );
    }

    #[test]
    fn models_are_replaced_where_they_stand() {
        let mut config = config();
        let by = ModelRef::local("default");
        for place in places(&config) {
            replace(&mut config, &place, &by);
        }
        assert!(places(&config).iter().all(|place| place.reference == by));
        assert_eq!(config["graph"]["nodes"][0]["data"]["model"], json!({"provider": "local", "name": "default", "model": "default"}));
        assert_eq!(config["graph"]["nodes"][2]["data"]["a/b"]["model"]["name"], "default");
        assert_eq!(config["tool"]["provider"], "x/y/z");
        assert_eq!(config["graph"]["nodes"][4]["data"]["model"]["name"], "none");
    }
}
