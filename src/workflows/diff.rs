//! What differs between two configs of an app: nodes, edges, variables and features of workflows, settings of other apps.
//! What moves on the canvas only is told apart from what changes what the app does.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::display::{self, Shown};
use super::graph::SOURCE;
use crate::secrets::HIDDEN;

/// Of a value before or after.
const SHOWN: Shown = Shown { bytes: 64 << 10, chars: 20_000, items: 200 };

/// From one config to another.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = VersionDiff)]
pub struct Diff {
    pub nodes: NodeChanges,
    pub edges: EdgeChanges,
    pub variables: Vec<VariableChange>,
    pub features: Vec<Change>,
    /// Of anything else; paths are those of the whole config
    pub others: Vec<Change>,
    /// What the app does is the same
    pub layout_only: bool,
}

#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct NodeChanges {
    pub added: Vec<NodeName>,
    pub removed: Vec<NodeName>,
    pub changed: Vec<ChangedNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeName {
    pub id: String,
    #[serde(rename = "type")]
    pub type_name: String,
    pub title: String,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct ChangedNode {
    #[serde(flatten)]
    pub node: NodeName,
    /// Paths are inside the node
    pub changes: Vec<Change>,
    /// Where and how large it is drawn
    pub layout: Vec<Change>,
    /// `changes` is empty
    pub layout_only: bool,
}

#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct EdgeChanges {
    pub added: Vec<EdgeName>,
    pub removed: Vec<EdgeName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, ToSchema)]
pub struct EdgeName {
    pub source: String,
    pub source_handle: String,
    pub target: String,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct VariableChange {
    pub list: VariableList,
    pub name: String,
    pub kind: ChangeKind,
    /// Of changed ones; paths are inside the variable, secrets are asterisks
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VariableList {
    Environment,
    Conversation,
}

/// One value that differs.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Change {
    /// JSON pointer
    pub path: String,
    pub kind: ChangeKind,
    /// Null of added ones
    #[schema(value_type = Object)]
    pub before: Value,
    /// Null of removed ones
    #[schema(value_type = Object)]
    pub after: Value,
    /// Less than all is shown
    pub truncated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

/// What leads from `before` to `after`.
pub fn diff(before: &Value, after: &Value) -> Diff {
    let mut found = Diff { nodes: nodes(before, after), edges: edges(before, after), ..Diff::default() };
    for (key, list) in [("environment_variables", VariableList::Environment), ("conversation_variables", VariableList::Conversation)] {
        variables(list, before.get(key), after.get(key), &mut found.variables);
    }
    let object = |map: Option<&Map<String, Value>>| Value::Object(map.cloned().unwrap_or_default());
    let features = |config: &Value| object(config.get("features").and_then(Value::as_object));
    compare(&features(before), &features(after), String::new(), &mut found.features);
    let rest = |config: &Value| {
        let mut rest = config.as_object().cloned().unwrap_or_default();
        rest.retain(|key, _| !OWN.contains(&key.as_str()));
        Value::Object(rest)
    };
    compare(&rest(before), &rest(after), String::new(), &mut found.others);
    let nodes = &found.nodes;
    let same_nodes = nodes.added.is_empty() && nodes.removed.is_empty() && nodes.changed.iter().all(|node| node.layout_only);
    let same_edges = found.edges.added.is_empty() && found.edges.removed.is_empty();
    found.layout_only = same_nodes && same_edges && found.variables.is_empty() && found.features.is_empty() && found.others.is_empty();
    found
}

/// Keys of a config that are compared by what they mean.
const OWN: [&str; 4] = ["graph", "environment_variables", "conversation_variables", "features"];

/// Keys of a node that say where it is drawn.
const LAYOUT: [&str; 17] = [
    "position",
    "positionAbsolute",
    "width",
    "height",
    "selected",
    "zIndex",
    "sourcePosition",
    "targetPosition",
    "dragging",
    "resizing",
    "measured",
    "style",
    "extent",
    "draggable",
    "selectable",
    "deletable",
    "className",
];
/// Likewise of its data; keys that begin with `_` are editors' own.
const DATA_LAYOUT: [&str; 3] = ["selected", "width", "height"];

fn list<'a>(config: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    config.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn nodes(before: &Value, after: &Value) -> NodeChanges {
    let name = |node: &Value| {
        let (id, type_name) = (text(node, "/id").to_owned(), text(node, "/data/type"));
        let type_name = if type_name.is_empty() { "note" } else { type_name };
        let title = Some(text(node, "/data/title")).filter(|title| !title.is_empty()).unwrap_or(type_name).to_owned();
        NodeName { id, type_name: type_name.to_owned(), title }
    };
    let old: HashMap<&str, &Value> = list(before, "/graph/nodes").map(|node| (text(node, "/id"), node)).collect();
    let kept: HashSet<&str> = list(after, "/graph/nodes").map(|node| text(node, "/id")).collect();
    let mut found = NodeChanges::default();
    found.removed.extend(list(before, "/graph/nodes").filter(|node| !kept.contains(text(node, "/id"))).map(name));
    for node in list(after, "/graph/nodes") {
        let Some(earlier) = old.get(text(node, "/id")) else {
            found.added.push(name(node));
            continue;
        };
        let (own, layout) = parts(node);
        let (own_before, layout_before) = parts(earlier);
        let mut changed = ChangedNode { node: name(node), changes: Vec::new(), layout: Vec::new(), layout_only: false };
        compare(&own_before, &own, String::new(), &mut changed.changes);
        compare(&layout_before, &layout, String::new(), &mut changed.layout);
        changed.layout_only = changed.changes.is_empty();
        if !changed.changes.is_empty() || !changed.layout.is_empty() {
            found.changed.push(changed);
        }
    }
    found
}

/// A node in two: what it does, and how it is drawn.
fn parts(node: &Value) -> (Value, Value) {
    let (mut own, mut layout) = (Map::new(), Map::new());
    for (key, value) in node.as_object().into_iter().flatten() {
        match value {
            Value::Object(data) if key == "data" => {
                let is_layout = |key: &String| key.starts_with('_') || DATA_LAYOUT.contains(&key.as_str());
                let (drawn, does): (Map<_, _>, Map<_, _>) =
                    data.iter().map(|(k, v)| (k.clone(), v.clone())).partition(|(key, _)| is_layout(key));
                own.insert(key.clone(), Value::Object(does));
                layout.insert(key.clone(), Value::Object(drawn));
            }
            value if LAYOUT.contains(&key.as_str()) => drop(layout.insert(key.clone(), value.clone())),
            value => drop(own.insert(key.clone(), value.clone())),
        }
    }
    (Value::Object(own), Value::Object(layout))
}

fn edges(before: &Value, after: &Value) -> EdgeChanges {
    let name = |edge: &Value| EdgeName {
        source: text(edge, "/source").to_owned(),
        source_handle: Some(text(edge, "/sourceHandle")).filter(|handle| !handle.is_empty()).unwrap_or(SOURCE).to_owned(),
        target: text(edge, "/target").to_owned(),
    };
    let all = |config: &Value| -> Vec<EdgeName> { list(config, "/graph/edges").map(name).collect() };
    let (old, new) = (all(before), all(after));
    let beyond = |edges: &[EdgeName], others: &[EdgeName]| {
        let others: HashSet<&EdgeName> = others.iter().collect();
        edges.iter().filter(|edge| !others.contains(edge)).cloned().collect()
    };
    EdgeChanges { added: beyond(&new, &old), removed: beyond(&old, &new) }
}

/// Variables are known by their names: their ids are anew in each file.
fn variables(list: VariableList, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<VariableChange>) {
    fn by_name(list: Option<&Value>) -> Vec<(&str, &Value)> {
        let items = list.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| Some((item.get("name")?.as_str()?, item))).collect()
    }
    let (old, new) = (by_name(before), by_name(after));
    let find = |of: &[(&str, &Value)], name: &str| of.iter().find(|(known, _)| *known == name).map(|(_, item)| (*item).clone());
    for (name, _) in old.iter().filter(|(name, _)| find(&new, name).is_none()) {
        found.push(VariableChange { list, name: (*name).to_owned(), kind: ChangeKind::Removed, changes: Vec::new() });
    }
    for (name, item) in &new {
        let Some(mut earlier) = find(&old, name) else {
            found.push(VariableChange { list, name: (*name).to_owned(), kind: ChangeKind::Added, changes: Vec::new() });
            continue;
        };
        let mut item = (*item).clone();
        for variable in [&mut earlier, &mut item] {
            variable.as_object_mut().map(|map| map.shift_remove("id"));
        }
        let is_secret = [&earlier, &item].iter().any(|variable| variable.get("value_type").is_some_and(|kind| kind == "secret"));
        let mut changes = Vec::new();
        compare(&earlier, &item, String::new(), &mut changes);
        for change in changes.iter_mut().filter(|change| is_secret && change.path.starts_with("/value") && change.path != "/value_type") {
            (change.before, change.after, change.truncated) = (json!(HIDDEN), json!(HIDDEN), false);
        }
        if !changes.is_empty() {
            found.push(VariableChange { list, name: (*name).to_owned(), kind: ChangeKind::Changed, changes });
        }
    }
}

/// The smallest values that differ. Lists are lined up at their ends, so that an item that came or went is one change.
fn compare(before: &Value, after: &Value, path: String, found: &mut Vec<Change>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let inside = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                match new.get(key) {
                    Some(other) => compare(value, other, inside, found),
                    None => found.push(change(inside, Some(value), None)),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                found.push(change(format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), None, Some(value)));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
            let most = old.len().min(new.len()) - head;
            let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
            let (old_end, new_end) = (old.len() - tail, new.len() - tail);
            for i in head..old_end.max(new_end) {
                let inside = format!("{path}/{i}");
                match (old[..old_end].get(i), new[..new_end].get(i)) {
                    (Some(a), Some(b)) => compare(a, b, inside, found),
                    (a, b) => found.push(change(inside, a, b)),
                }
            }
        }
        _ if before == after => {}
        _ => found.push(change(path, Some(before), Some(after))),
    }
}

fn change(path: String, before: Option<&Value>, after: Option<&Value>) -> Change {
    let kind = match (before, after) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        _ => ChangeKind::Changed,
    };
    let shown = |value: Option<&Value>| value.map(|value| display::shown_value(value, SHOWN)).unwrap_or_default();
    let ((before, a), (after, b)) = (shown(before), shown(after));
    Change { path, kind, before, after, truncated: a || b }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(changes: &[Change]) -> Vec<String> {
        changes.iter().map(|c| format!("{:?} {} {} → {}", c.kind, c.path, c.before, c.after)).collect()
    }

    fn config() -> Value {
        json!({
            "graph": {"nodes": [
                {"id": "s", "type": "custom", "position": {"x": 0, "y": 0}, "data": {"type": "start", "title": "Start", "selected": false}},
                {"id": "m", "type": "custom", "position": {"x": 9, "y": 0}, "data": {"type": "llm", "title": "Ask", "prompt_template": [
                    {"role": "system", "text": "Be brief."}, {"role": "user", "text": "{{#s.q#}}"}]}},
            ], "edges": [{"id": "1", "source": "s", "target": "m"}], "viewport": {"zoom": 1}},
            "features": {"opening_statement": "Hi"},
            "environment_variables": [{"id": "a", "name": "key", "value_type": "secret", "value": "one"}, {"id": "b", "name": "n", "value_type": "number", "value": 1}],
            "hash": "x",
        })
    }

    #[test]
    fn nothing_and_layout_are_no_changes() {
        let before = config();
        assert_eq!(diff(&before, &before), Diff { layout_only: true, ..Diff::default() });
        let mut after = config();
        after["graph"]["nodes"][0]["position"]["x"] = json!(5);
        after["graph"]["nodes"][0]["data"]["selected"] = json!(true);
        after["graph"]["viewport"]["zoom"] = json!(2);
        after["graph"]["edges"][0]["id"] = json!("2");
        after["graph"]["edges"][0]["sourceHandle"] = json!("source");
        after["environment_variables"][0]["id"] = json!("c");
        let found = diff(&before, &after);
        assert!(found.layout_only && found.nodes.changed[0].layout_only, "{found:?}");
        assert_eq!(told(&found.nodes.changed[0].layout), ["Changed /position/x 0 → 5", "Changed /data/selected false → true"]);
    }

    #[test]
    fn changes_are_as_small_as_they_can_be() {
        let before = config();
        let mut after = config();
        after["graph"]["nodes"].as_array_mut().unwrap().push(json!({"id": "e", "data": {"type": "end", "title": "End"}}));
        let ask = &mut after["graph"]["nodes"][1]["data"];
        ask["prompt_template"].as_array_mut().unwrap().insert(0, json!({"role": "system", "text": "Be kind."}));
        ask["prompt_template"][2]["text"] = json!("{{#s.q#}}?");
        ask["a/b"] = json!(null);
        after["graph"]["edges"] = json!([{"source": "m", "sourceHandle": "fail-branch", "target": "e"}]);
        after["features"] = json!({"opening_statement": "Hello"});
        after["environment_variables"] =
            json!([{"name": "key", "value_type": "secret", "value": "two"}, {"name": "new", "value_type": "string", "value": ""}]);
        after["hash"] = json!("y");
        let found = diff(&before, &after);
        assert_eq!(found.nodes.added[0].title, "End");
        assert_eq!(
            told(&found.nodes.changed[0].changes),
            [
                r#"Changed /data/prompt_template/0/text "Be brief." → "Be kind.""#,
                r#"Changed /data/prompt_template/1/role "user" → "system""#,
                r#"Changed /data/prompt_template/1/text "{{#s.q#}}" → "Be brief.""#,
                r#"Added /data/prompt_template/2 null → {"role":"user","text":"{{#s.q#}}?"}"#,
                "Added /data/a~1b null → null",
            ]
        );
        assert_eq!((found.edges.added[0].source_handle.as_str(), found.edges.removed[0].source_handle.as_str()), ("fail-branch", "source"));
        assert_eq!(told(&found.features), [r#"Changed /opening_statement "Hi" → "Hello""#]);
        assert_eq!(told(&found.others), [r#"Changed /hash "x" → "y""#]);
        let variables: Vec<_> = found.variables.iter().map(|v| (v.name.as_str(), v.kind)).collect();
        assert_eq!(variables, [("n", ChangeKind::Removed), ("key", ChangeKind::Changed), ("new", ChangeKind::Added)]);
        assert_eq!(told(&found.variables[1].changes), [r#"Changed /value "********" → "********""#]);
        assert!(!found.layout_only);
    }

    #[test]
    fn one_item_that_came_is_one_change() {
        let (before, after) = (json!({"list": [1, 2, 3]}), json!({"list": [1, 9, 2, 3]}));
        assert_eq!(told(&diff(&before, &after).others), ["Added /list/1 null → 9"]);
        assert_eq!(told(&diff(&after, &before).others), ["Removed /list/1 9 → null"]);
        assert_eq!(told(&diff(&json!({"list": []}), &json!({"list": [{}]})).others), ["Added /list/0 null → {}"]);
        assert_eq!(diff(&Value::Null, &json!({"graph": {"nodes": [{"id": "a"}]}})).nodes.added[0].type_name, "note");
    }
}
