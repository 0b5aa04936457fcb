//! What is wrong with a graph, before it is published: everything at once, with the node and field that each is about.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::finding::Finding;
use super::read::{GraphError, Raw, RawGraph, build};
use super::{Reference, SOURCE, outputs, references};
use crate::workflows::nodes::Kind;
use crate::workflows::vars::{CONVERSATION, ENVIRONMENT, SYSTEM, Selector};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Issue {
    pub severity: Severity,
    pub node_id: Option<String>,
    pub title: Option<String>,
    /// Path inside the node's data, or of the graph
    pub field: String,
    pub message: String,
    /// The message as values, where it is one of these
    pub finding: Option<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It can't be published.
    Error,
    /// Probably a mistake.
    Warning,
}

impl Issue {
    pub fn of(severity: Severity, error: GraphError) -> Self {
        let GraphError { node_id, title, field, message } = error;
        Self { severity, node_id, title, field, message, finding: None }
    }

    fn found(severity: Severity, node: &Raw<'_>, field: impl Into<String>, finding: Finding) -> Self {
        Self { finding: Some(finding.clone()), ..Self::of(severity, GraphError::of_node(node, field, finding.to_string())) }
    }

    fn warning(node: &Raw<'_>, field: impl Into<String>, finding: Finding) -> Self {
        Self::found(Severity::Warning, node, field, finding)
    }
}

/// Looks at a workflow section. `is_chat`: of a chatflow, which answers; a workflow has ends.
pub fn check(section: &Value, is_chat: bool) -> Vec<Issue> {
    let graph = section.get("graph").unwrap_or(&Value::Null);
    let raw = match RawGraph::read(graph) {
        Ok(raw) => raw,
        Err(error) => return vec![Issue::of(Severity::Error, error)],
    };
    let mut issues = Vec::new();
    let entries: Vec<&Raw<'_>> = raw.entries().collect();
    let has_start = entries.iter().any(|entry| entry.type_name() == "start");
    for entry in entries.iter().filter(|entry| has_start && entry.type_name() != "start") {
        issues.push(Issue::found(Severity::Error, entry, "type", Finding::StartAndTriggers));
    }
    // what a run would stumble over; each node's data is read below
    for entry in entries.iter().map(|entry| Some(entry.id)).chain(entries.is_empty().then_some(None)) {
        if let Err(error) = build(graph, if has_start { None } else { entry })
            && !issues.iter().any(|issue| issue.node_id == error.node_id && issue.message == error.message)
        {
            issues.push(Issue::of(Severity::Error, error));
        }
        if has_start {
            break;
        }
    }
    let reached = reached(&raw);
    let last = if is_chat { "answer" } else { "end" };
    if !raw.nodes.iter().any(|node| node.type_name() == last && reached.contains(node.id)) {
        let finding = if is_chat { Finding::NoAnswer } else { Finding::NoEnd };
        let issue = Issue::of(Severity::Warning, GraphError::of_graph("graph.nodes", finding.to_string()));
        issues.push(Issue { finding: Some(finding), ..issue });
    }
    let known =
        Known { is_chat, environment: names(section, "environment_variables"), conversation: names(section, "conversation_variables") };
    for node in &raw.nodes {
        check_node(&raw, &known, node, reached.contains(node.id), &mut issues);
    }
    issues
}

/// What there is besides nodes.
struct Known<'a> {
    is_chat: bool,
    environment: HashSet<&'a str>,
    conversation: HashSet<&'a str>,
}

/// Names of the variables in one of the section's lists.
fn names<'a>(section: &'a Value, list: &str) -> HashSet<&'a str> {
    section.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(|item| item.get("name")?.as_str()).collect()
}

/// Ids of the nodes that some entry leads to, the children of containers included.
fn reached<'a>(raw: &RawGraph<'a>) -> HashSet<&'a str> {
    let mut after: HashMap<&str, Vec<&'a str>> = HashMap::new();
    for (source, _, target) in &raw.edges {
        if raw.is_live_edge(source, target) {
            after.entry(source).or_default().push(target);
        }
    }
    let mut open: Vec<&'a str> = raw.entries().map(|entry| entry.id).collect();
    let mut reached: HashSet<&str> = open.iter().copied().collect();
    while let Some(id) = open.pop() {
        let inside = raw.nodes.iter().filter(|node| node.parent == Some(id) && node.is_inner_start()).map(|node| node.id);
        for next in inside.chain(after.get(id).into_iter().flatten().copied()) {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

fn check_node(raw: &RawGraph<'_>, known: &Known<'_>, node: &Raw<'_>, is_reached: bool, issues: &mut Vec<Issue>) {
    if !is_reached {
        issues.push(Issue::warning(node, "edges", Finding::NeverRuns));
        return;
    }
    let wrong = match node.type_name() {
        "end" if known.is_chat => Some(Finding::EndInChatflow),
        "answer" if !known.is_chat => Some(Finding::AnswerInWorkflow),
        _ => None,
    };
    if let Some(finding) = wrong {
        issues.push(Issue::found(Severity::Error, node, "type", finding));
    }
    let kind = match Kind::parse(node.type_name(), node.data) {
        Ok(kind) => kind,
        Err(error) => {
            let error = GraphError::of_node(node, error.field, error.message);
            if !issues.iter().any(|issue| issue.node_id == error.node_id && issue.field == error.field) {
                issues.push(Issue::of(Severity::Error, error));
            }
            return;
        }
    };
    let handles: HashSet<&str> = raw
        .edges
        .iter()
        .filter(|(source, _, target)| *source == node.id && raw.get(target).is_some())
        .map(|(_, handle, _)| *handle)
        .collect();
    for handle in kind.handles() {
        if !handles.contains(handle.as_str()) {
            issues.push(Issue::warning(node, "edges", Finding::OpenHandle { handle }));
        }
    }
    let is_last = handles.is_empty() && !kind.is_branch() && kind.response().is_none() && node.parent.is_none();
    if is_last {
        issues.push(Issue::warning(node, "edges", Finding::UnusedNode));
    }
    if let Some(field) = empty_model(node) {
        issues.push(Issue::found(Severity::Error, node, field, Finding::NoModel));
    }
    for Reference { selector, field } in references(node.type_name(), node.data) {
        if let Some(finding) = missing(raw, known, node, &selector) {
            issues.push(Issue::warning(node, field, finding));
        }
    }
}

/// Where a node that can't run without a model names none.
fn empty_model(node: &Raw<'_>) -> Option<&'static str> {
    let (pointer, field) = match node.type_name() {
        "llm" | "question-classifier" | "parameter-extractor" => ("/model", "model"),
        "agent" => ("/agent_parameters/model/value", "agent_parameters.model"),
        _ => return None,
    };
    let model = node.data.pointer(pointer);
    let has = |key: &str| model.and_then(|model| model.get(key)).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    // agents may take theirs from a variable
    let is_variable = model.is_some_and(Value::is_array);
    (!is_variable && !(has("provider") && (has("name") || has("model")))).then_some(field)
}

/// Why a selector finds nothing, as far as can be told without a run.
fn missing(raw: &RawGraph<'_>, known: &Known<'_>, node: &Raw<'_>, selector: &Selector) -> Option<Finding> {
    let (variable, name) = (selector.to_string(), selector.variable());
    match selector.node() {
        SYSTEM if !SYSTEM_VARIABLES.contains(&name) => return Some(Finding::NoSystemVariable { variable }),
        SYSTEM if !known.is_chat && CHAT_VARIABLES.contains(&name) => return Some(Finding::ChatflowVariable { variable }),
        ENVIRONMENT if !known.environment.contains(name) => return Some(Finding::NoEnvironmentVariable { variable: name.to_owned() }),
        CONVERSATION if !known.conversation.contains(name) => return Some(Finding::NoConversationVariable { variable: name.to_owned() }),
        SYSTEM | ENVIRONMENT | CONVERSATION | "rag" | "$output" => return None,
        _ => {}
    }
    let Some(source) = raw.get(selector.node()) else {
        return Some(Finding::NoSuchNode { variable });
    };
    if source.id != node.id && !raw.is_around(node, source.id) && !runs_before(raw, source, node) {
        return Some(Finding::NotRunBefore { variable, node: source.title().to_owned() });
    }
    // old files ask the entry for system variables
    if raw.entries().any(|entry| entry.id == source.id) && name.starts_with("sys.") {
        return None;
    }
    let gives = outputs(source.type_name(), source.data);
    let variables = || gives.variables.iter().map(|(name, _)| name.clone()).collect();
    (!gives.may_have(name)).then(|| Finding::NoSuchVariable { variable, node: source.title().to_owned(), variables: variables() })
}

/// Of runs of any kind, and of chatflows.
const SYSTEM_VARIABLES: [&str; 9] =
    ["query", "files", "conversation_id", "dialogue_count", "user_id", "app_id", "workflow_id", "workflow_run_id", "timestamp"];
const CHAT_VARIABLES: [&str; 3] = ["query", "conversation_id", "dialogue_count"];

/// Whether edges lead from `source` to `node`, or to a container around it; a container sees its own children's outputs.
fn runs_before(raw: &RawGraph<'_>, source: &Raw<'_>, node: &Raw<'_>) -> bool {
    if source.parent == Some(node.id) {
        return true;
    }
    let mut open = vec![source.id];
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        if id == node.id || raw.is_around(node, id) {
            return true;
        }
        if seen.insert(id) {
            open.extend(raw.edges.iter().filter(|(from, ..)| *from == id).map(|(.., to)| *to));
        }
    }
    false
}

impl Kind {
    /// The handles at which the flow may go on; none where there is only [`SOURCE`].
    fn handles(&self) -> Vec<String> {
        let handles: Vec<String> = match self {
            Self::IfElse(node) => node.handles().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        handles.into_iter().filter(|handle| handle != SOURCE).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(nodes: Value, edges: Value, is_chat: bool) -> Vec<String> {
        let issues = check(&json!({"graph": {"nodes": nodes, "edges": edges}}), is_chat);
        issues
            .into_iter()
            .map(|i| {
                format!(
                    "{} {} {}: {}",
                    if i.severity == Severity::Error { "E" } else { "W" },
                    i.node_id.unwrap_or_default(),
                    i.field,
                    i.message
                )
            })
            .collect()
    }

    fn node(id: &str, data: Value) -> Value {
        json!({"id": id, "data": data})
    }

    #[test]
    fn a_good_graph_has_no_issues() {
        let nodes = json!([
            node("s", json!({"type": "start", "variables": [{"variable": "q"}]})),
            node("e", json!({"type": "end", "outputs": [{"variable": "q", "value_selector": ["s", "q"]}]})),
        ]);
        assert_eq!(messages(nodes, json!([{"source": "s", "target": "e"}]), false), [""; 0]);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let nodes = json!([
            node("s", json!({"type": "start", "variables": []})),
            node("x", json!({"type": "warp"})),
            node(
                "c",
                json!({"type": "if-else", "cases": [{"case_id": "true", "conditions": [
                {"variable_selector": ["gone", "v"], "comparison_operator": "is", "value": "{{#e.q#}}"}]}]})
            ),
            node("e", json!({"type": "answer", "answer": "a"})),
            node("lost", json!({"type": "end", "outputs": []})),
        ]);
        let edges =
            json!([{"source": "s", "target": "c"}, {"source": "c", "sourceHandle": "true", "target": "e"}, {"source": "s", "target": "x"}]);
        let found = messages(nodes, edges, false);
        for expected in [
            "E x type: nodes of type 'warp' can't run here: this server does not know them: replace the node",
            "W  graph.nodes: no end node is reached: runs have no outputs",
            "W c edges: no edge leaves 'false': a run that takes it ends there",
            "W c cases[0].conditions[0].variable_selector: the variable gone.v is of a node that does not exist",
            "W c cases[0].conditions[0].value: the variable e.q is of 'answer', which does not run before this node",
            "E e type: a workflow has no answer nodes: use an end node",
            "W lost edges: nothing leads here: the node never runs",
        ] {
            assert!(found.iter().any(|f| f == expected), "{expected} is not in {found:#?}");
        }
        assert_eq!(found.len(), 7, "{found:#?}");
    }

    #[test]
    fn variables_that_do_not_exist_are_told() {
        let nodes = json!([
            node("s", json!({"type": "start", "variables": [{"variable": "q"}]})),
            node(
                "m",
                json!({"type": "llm", "model": {"provider": "", "name": ""}, "prompt_template": [{"role": "user", "text":
                "{{#s.q#}} {{#s.r#}} {{#sys.query#}} {{#sys.odd#}} {{#env.key#}} {{#env.gone#}} {{#conversation.c#}}"}]})
            ),
            node("e", json!({"type": "end", "outputs": [{"variable": "x", "value_selector": ["m", "answer"]}]})),
        ]);
        let section = json!({"graph": {"nodes": nodes, "edges": [{"source": "s", "target": "m"}, {"source": "m", "target": "e"}]},
            "environment_variables": [{"name": "key"}]});
        let told: Vec<String> = check(&section, false).into_iter().map(|issue| issue.message).collect();
        assert_eq!(
            told,
            [
                "no model is chosen: choose one",
                "the variable s.r does not exist: 'start' gives q",
                "the variable sys.query exists in chatflows only: a workflow is asked through its start node",
                "there is no system variable sys.odd",
                "there is no environment variable gone: add it",
                "there is no conversation variable c: add it",
                "the variable m.answer does not exist: 'llm' gives text, reasoning_content, usage, finish_reason, files",
            ]
        );
    }

    #[test]
    fn a_start_and_triggers_exclude_each_other() {
        let nodes =
            json!([node("s", json!({"type": "start"})), node("t", json!({"type": "trigger-schedule"})), node("e", json!({"type": "end"}))]);
        let found = messages(nodes, json!([{"source": "s", "target": "e"}, {"source": "t", "target": "e"}]), false);
        assert_eq!(found, ["E t type: a workflow begins with a start node or with triggers, not with both"]);
        assert!(
            messages(json!([node("e", json!({"type": "end"}))]), json!([]), false)[0].starts_with("E  graph.nodes: there is no start node")
        );
    }
}
