//! Which variables a node reads, told from its data alone: every selector and every reference in a text, in those parts of
//! the data that its kind uses. What editors leave behind is passed over.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use super::outputs;
use super::read::{GraphError, Raw, RawGraph};
use crate::workflows::template::Template;
use crate::workflows::vars::{SYSTEM, Selector};

/// A variable that a node reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub selector: Selector,
    /// Path inside the node's data.
    pub field: String,
}

/// A variable that has to be known before a node can run by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    pub selector: Selector,
    /// Who reads it: the node, or one inside of it.
    pub node_id: String,
    pub field: String,
}

/// What a node of that type reads, in the data's order, as often as it does.
pub fn references(type_name: &str, data: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    for key in used_keys(type_name, data) {
        if let Some(value) = data.get(key) {
            walk(key, value, (*key).to_owned(), &mut found);
        }
    }
    if type_name == "llm" && data.get("memory").is_some_and(|memory| memory.is_object() && memory.get("query_prompt_template").is_none()) {
        found.push(Reference { selector: Selector::new(SYSTEM, "query"), field: "memory.query_prompt_template".into() });
    }
    found
}

/// What one node and all that lies inside of it read from elsewhere, each variable once. A start node reads its own form, a
/// webhook what it declares of a request.
pub fn needed(graph: &Value, node_id: &str) -> Result<Vec<Needed>, GraphError> {
    let raw = RawGraph::read(graph)?;
    let node = raw.get(node_id).ok_or_else(|| GraphError::of_graph("graph.nodes", format!("there is no node {node_id}")))?;
    let members: Vec<&Raw<'_>> = raw.nodes.iter().filter(|member| member.id == node.id || raw.is_around(member, node.id)).collect();
    let inside: HashSet<&str> = members.iter().map(|member| member.id).collect();
    let mut seen = HashSet::new();
    let mut needed = Vec::new();
    let mut add = |selector: Selector, reader: &Raw<'_>, field: String| {
        if seen.insert(selector.clone()) {
            needed.push(Needed { selector, node_id: reader.id.to_owned(), field });
        }
    };
    if node.type_name() == "start" {
        let form = node.data.get("variables").and_then(Value::as_array).into_iter().flatten().enumerate();
        for (i, name) in form.filter_map(|(i, field)| Some((i, field.get("variable")?.as_str()?))) {
            add(Selector::new(node.id, name), node, format!("variables[{i}]"));
        }
    }
    if node.type_name() == "trigger-webhook" {
        for (name, _) in outputs(node.type_name(), node.data).variables {
            add(Selector::new(node.id, &name), node, name);
        }
    }
    for member in members {
        for Reference { selector, field } in references(member.type_name(), member.data) {
            if !inside.contains(selector.node()) {
                add(selector, member, field);
            }
        }
    }
    Ok(needed)
}

/// The keys of a node's data under which variables may be named.
fn used_keys(type_name: &str, data: &Value) -> &'static [&'static str] {
    match type_name {
        "end" => &["outputs"],
        "answer" => &["answer"],
        "llm" => &["model", "prompt_template", "prompt_config", "context", "vision", "memory"],
        "knowledge-retrieval" => &["query_variable_selector", "query_attachment_selector", "metadata_filtering_conditions"],
        "question-classifier" => &["query_variable_selector", "model", "classes", "instruction", "instructions", "memory", "vision"],
        "parameter-extractor" => &["query", "model", "instruction", "memory", "vision"],
        "if-else" if data.get("cases").is_none_or(Value::is_null) => &["conditions"],
        "if-else" => &["cases"],
        "code" | "template-transform" => &["variables"],
        "http-request" => &["url", "authorization", "headers", "params", "body"],
        "tool" => &["tool_configurations", "tool_parameters"],
        "agent" => &["agent_parameters", "memory"],
        "variable-aggregator" | "variable-assigner" => match data.pointer("/advanced_settings/group_enabled") {
            Some(Value::Bool(true)) => &["advanced_settings"],
            _ => &["variables"],
        },
        "assigner" => &["assigned_variable_selector", "input_variable_selector", "items"],
        "iteration" => &["iterator_selector", "output_selector"],
        "loop" => &["loop_variables", "break_conditions"],
        "document-extractor" => &["variable_selector"],
        "list-operator" => &["variable", "filter_by", "extract_by"],
        "human-input" => &["form_content", "inputs"],
        _ => &[],
    }
}

/// `key`: under which the value lies, at any depth of lists.
fn walk(key: &str, value: &Value, path: String, found: &mut Vec<Reference>) {
    match value {
        Value::Object(map) => {
            if is_off(map) {
                return;
            }
            let is_variable = ["type", "value_type", "input_type"].iter().any(|kind| map.get(*kind).is_some_and(|kind| kind == "variable"));
            for (key, inner) in map.iter().filter(|(key, _)| !is_unused(key, map)) {
                let path = format!("{path}.{key}");
                match selector(inner) {
                    Some(selector) if is_variable && key == "value" => found.push(Reference { selector, field: path }),
                    _ => walk(key, inner, path, found),
                }
            }
        }
        Value::Array(items) => match selector(value) {
            Some(selector) if names_variable(key) => found.push(Reference { selector, field: path }),
            _ => items.iter().enumerate().for_each(|(i, item)| walk(key, item, format!("{path}[{i}]"), found)),
        },
        Value::String(text) => {
            found.extend(Template::parse(text).variables().map(|selector| Reference { selector: selector.clone(), field: path.clone() }));
        }
        _ => {}
    }
}

/// Keys whose lists of texts are selectors; `variables` holds lists of them.
fn names_variable(key: &str) -> bool {
    key.ends_with("selector") || matches!(key, "variable" | "variables" | "query" | "file")
}

fn selector(value: &Value) -> Option<Selector> {
    value.as_array().filter(|items| items.len() >= 2)?;
    Selector::deserialize(value).ok()
}

/// Switched off by the author.
fn is_off(map: &serde_json::Map<String, Value>) -> bool {
    map.get("enabled") == Some(&Value::Bool(false)) || map.get("type").is_some_and(|kind| kind == "no-auth")
}

/// Of a prompt's two texts only the one of its edition is used; the Jinja2 one names its variables elsewhere.
fn is_unused(key: &str, map: &serde_json::Map<String, Value>) -> bool {
    let is_jinja = map.get("edition_type").is_some_and(|edition| edition == "jinja2");
    key == "jinja2_text" || (is_jinja && key == "text") || matches!(key, "schemas" | "paramSchemas" | "params_schema")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(data: Value) -> Vec<String> {
        let type_name = data["type"].as_str().unwrap().to_owned();
        references(&type_name, &data).into_iter().map(|r| format!("{}: {}", r.field, r.selector)).collect()
    }

    #[test]
    fn every_kind_s_places_are_known() {
        let cases = [
            (
                json!({"type": "llm", "title": "{{#no.t#}}", "memory": {"window": {}}, "vision": {"enabled": false, "configs": {"variable_selector": ["sys", "files"]}},
                    "prompt_template": [{"role": "user", "text": "{{#a.b#}} {{#env.k#}}"}, {"edition_type": "jinja2", "text": "{{#no.x#}}", "jinja2_text": "{{#no.y#}}"}],
                    "prompt_config": {"jinja2_variables": [{"variable": "v", "value_selector": ["c", "d"]}]}, "context": {"enabled": true, "variable_selector": ["k", "result"]}}),
                vec![
                    "prompt_template[0].text: a.b",
                    "prompt_template[0].text: env.k",
                    "prompt_config.jinja2_variables[0].value_selector: c.d",
                    "context.variable_selector: k.result",
                    "memory.query_prompt_template: sys.query",
                ],
            ),
            (
                json!({"type": "code", "code": "{{#no.x#}}", "variables": [{"variable": "v", "value_selector": ["a", "b", "c"]}]}),
                vec!["variables[0].value_selector: a.b.c"],
            ),
            (json!({"type": "template-transform", "template": "{{#no.x#}}", "variables": []}), vec![]),
            (
                json!({"type": "if-else", "conditions": [{"variable_selector": ["no", "x"]}],
                    "cases": [{"conditions": [{"variable_selector": ["a", "b"], "value": ["{{#c.d#}}", "x"]}]}]}),
                vec!["cases[0].conditions[0].variable_selector: a.b", "cases[0].conditions[0].value[0]: c.d"],
            ),
            (
                json!({"type": "http-request", "url": "http://{{#a.host#}}/", "headers": "K:{{#env.key#}}", "authorization": {"type": "no-auth", "config": {"api_key": "{{#no.k#}}"}},
                    "body": {"type": "form-data", "data": [{"type": "file", "file": ["s", "f"]}, {"value": "{{#a.b#}}", "file": []}]}}),
                vec!["url: a.host", "headers: env.key", "body.data[0].file: s.f", "body.data[1].value: a.b"],
            ),
            (
                json!({"type": "tool", "paramSchemas": ["{{#no.x#}}"], "tool_parameters": {"a": {"type": "variable", "value": ["s", "q"]}, "b": {"type": "mixed", "value": "{{#s.r#}}"}, "c": {"type": "constant", "value": ["x", "y"]}}}),
                vec!["tool_parameters.a.value: s.q", "tool_parameters.b.value: s.r"],
            ),
            (
                json!({"type": "agent", "agent_parameters": {"query": {"type": "variable", "value": ["s", "q"]}, "tools": {"type": "constant", "value": [
                    {"enabled": false, "settings": {"k": {"value": "{{#no.k#}}"}}}, {"enabled": true, "settings": {"k": {"value": "{{#a.k#}}"}}, "schemas": [{"x": "{{#no.y#}}"}]}]}}}),
                vec!["agent_parameters.query.value: s.q", "agent_parameters.tools.value[1].settings.k.value: a.k"],
            ),
            (json!({"type": "variable-aggregator", "variables": [["a", "b"], ["c", "d"]]}), vec!["variables[0]: a.b", "variables[1]: c.d"]),
            (
                json!({"type": "variable-assigner", "variables": [["no", "x"]], "advanced_settings": {"group_enabled": true, "groups": [{"variables": [["a", "b"]]}]}}),
                vec!["advanced_settings.groups[0].variables[0]: a.b"],
            ),
            (
                json!({"type": "assigner", "items": [{"variable_selector": ["conversation", "v"], "input_type": "variable", "value": ["a", "b"]}, {"variable_selector": ["conversation", "w"], "input_type": "constant", "value": ["x", "y"]}]}),
                vec!["items[0].variable_selector: conversation.v", "items[0].value: a.b", "items[1].variable_selector: conversation.w"],
            ),
            (
                json!({"type": "loop", "loop_variables": [{"value_type": "variable", "value": ["a", "b"]}]}),
                vec!["loop_variables[0].value: a.b"],
            ),
            (json!({"type": "parameter-extractor", "query": ["a", "b"], "parameters": [{"options": ["x", "y"]}]}), vec!["query: a.b"]),
            (
                json!({"type": "list-operator", "variable": ["a", "b"], "filter_by": {"enabled": false, "conditions": [{"value": "{{#no.x#}}"}]}}),
                vec!["variable: a.b"],
            ),
            (json!({"type": "start", "variables": [{"variable": "{{#no.x#}}"}]}), vec![]),
        ];
        for (data, expected) in cases {
            assert_eq!(of(data.clone()), expected, "{data}");
        }
    }

    #[test]
    fn what_lies_inside_is_not_needed() {
        let graph = json!({"nodes": [
            {"id": "s", "data": {"type": "start", "variables": [{"variable": "q"}]}},
            {"id": "i", "data": {"type": "iteration", "iterator_selector": ["s", "list"], "output_selector": ["t", "output"]}},
            {"id": "t", "parentId": "i", "data": {"type": "answer", "answer": "{{#i.item#}} {{#u.output#}} {{#s.q#}} {{#s.list#}}"}},
            {"id": "u", "parentId": "i", "data": {"type": "answer", "answer": "{{#sys.user_id#}}"}},
        ]});
        let names = |id: &str| -> Vec<String> {
            needed(&graph, id).unwrap().into_iter().map(|n| format!("{} {}: {}", n.node_id, n.field, n.selector)).collect()
        };
        assert_eq!(names("i"), ["i iterator_selector: s.list", "t answer: s.q", "u answer: sys.user_id"]);
        assert_eq!(names("t"), ["t answer: i.item", "t answer: u.output", "t answer: s.q", "t answer: s.list"]);
        assert_eq!(names("s"), ["s variables[0]: s.q"]);
        assert_eq!(needed(&graph, "x").unwrap_err().message, "there is no node x");
    }
}
