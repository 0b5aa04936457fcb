//! Which variables a node gives, as far as its data tells: names and types, for forms, menus and checks.

use serde_json::Value;

/// What a node gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Names, with types as the DSL writes them (`any` where the data does not tell).
    pub variables: Vec<(String, String)>,
    /// There may be more than these.
    pub is_open: bool,
}

impl Outputs {
    fn of(variables: &[(&str, &str)]) -> Self {
        Self { variables: variables.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect(), is_open: false }
    }

    fn open(variables: &[(&str, &str)]) -> Self {
        Self { is_open: true, ..Self::of(variables) }
    }

    fn and(mut self, more: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables.extend(more);
        self
    }

    pub fn type_of(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, kind)| kind.as_str())
    }

    /// False only where it is certain that there is no such variable.
    pub fn may_have(&self, name: &str) -> bool {
        self.is_open || self.type_of(name).is_some()
    }
}

/// What a node of that type with that data gives, to nodes that follow it and to those inside of it.
pub fn outputs(type_name: &str, data: &Value) -> Outputs {
    let outputs = match type_name {
        "start" => Outputs::of(&[]).and(form(data)),
        "trigger-webhook" => {
            let headers = named(data, "headers", "name", "type").into_iter().map(|(name, kind)| (name.replace('-', "_"), kind));
            let others = ["params", "body"].into_iter().flat_map(|list| named(data, list, "name", "type"));
            Outputs::of(&[("_webhook_raw", "object")]).and(headers.chain(others))
        }
        "end" => Outputs::of(&[]).and(named(data, "outputs", "variable", "value_type")),
        "answer" => Outputs::of(&[("answer", "string"), ("files", "array[file]")]),
        "llm" => {
            let base = Outputs::of(&[
                ("text", "string"),
                ("reasoning_content", "string"),
                ("usage", "object"),
                ("finish_reason", "string"),
                ("files", "array[file]"),
            ]);
            let is_structured =
                ["structured_output_switch_on", "structured_output_enabled"].iter().any(|key| data.get(*key) == Some(&Value::Bool(true)));
            base.and(is_structured.then(|| ("structured_output".to_owned(), "object".to_owned())))
        }
        "knowledge-retrieval" => Outputs::of(&[("result", "array[object]")]),
        "question-classifier" => {
            Outputs::of(&[("class_name", "string"), ("class_label", "string"), ("class_id", "string"), ("usage", "object")])
        }
        "if-else" => Outputs::of(&[("result", "boolean"), ("selected_case_id", "string")]),
        "code" => match data.get("outputs").and_then(Value::as_object) {
            Some(declared) => Outputs::of(&[]).and(declared.iter().map(|(name, output)| (name.clone(), text(output, "type")))),
            None => Outputs::open(&[]),
        },
        "template-transform" => Outputs::of(&[("output", "string")]),
        "http-request" => Outputs::of(&[("status_code", "number"), ("body", "string"), ("headers", "object"), ("files", "array[file]")]),
        "tool" => Outputs::open(&[("text", "string"), ("files", "array[file]"), ("json", "array[object]")]),
        "agent" => Outputs::open(&[("text", "string"), ("files", "array[file]"), ("json", "array[object]"), ("usage", "object")]),
        "variable-aggregator" | "variable-assigner" => match data.pointer("/advanced_settings/group_enabled") {
            Some(Value::Bool(true)) => {
                let groups = data.pointer("/advanced_settings/groups").and_then(Value::as_array).into_iter().flatten();
                Outputs::of(&[]).and(groups.map(|group| (text(group, "group_name"), "object".to_owned())))
            }
            _ => Outputs::of(&[]).and([("output".to_owned(), text(data, "output_type"))]),
        },
        "assigner" | "loop-end" | "iteration-start" | "loop-start" => Outputs::default(),
        "iteration" => Outputs::of(&[("item", "any"), ("index", "number")]).and([("output".to_owned(), text(data, "output_type"))]),
        "loop" => Outputs::of(&[("loop_round", "number")]).and(named(data, "loop_variables", "label", "var_type")),
        "parameter-extractor" => Outputs::of(&[("__is_success", "number"), ("__reason", "string"), ("__usage", "object")]).and(named(
            data,
            "parameters",
            "name",
            "type",
        )),
        "document-extractor" => {
            let is_list = data.get("is_array_file") == Some(&Value::Bool(true));
            Outputs::of(&[("text", if is_list { "array[string]" } else { "string" })])
        }
        "list-operator" => Outputs::of(&[]).and([
            ("result".to_owned(), text(data, "var_type")),
            ("first_record".to_owned(), text(data, "item_var_type")),
            ("last_record".to_owned(), text(data, "item_var_type")),
        ]),
        "human-input" => {
            let inputs = data.get("inputs").and_then(Value::as_array).into_iter().flatten();
            let kind = |input: &Value| match input.get("type").and_then(Value::as_str) {
                Some("file") => "file",
                Some("file-list") => "array[file]",
                _ => "string",
            };
            Outputs::of(&[("__action_id", "string"), ("__action_value", "string"), ("__rendered_content", "string")])
                .and(inputs.map(|input| (text(input, "output_variable_name"), kind(input).to_owned())))
        }
        _ => Outputs::open(&[]),
    };
    let has_strategy =
        data.get("error_strategy").and_then(Value::as_str).is_some_and(|strategy| !strategy.is_empty() && strategy != "none");
    let of_failure = ["error_message", "error_type"].map(|name| (name.to_owned(), "string".to_owned()));
    outputs.and(has_strategy.then_some(of_failure).into_iter().flatten())
}

/// The variables of a start node's form.
fn form(data: &Value) -> Vec<(String, String)> {
    let fields = data.get("variables").and_then(Value::as_array).into_iter().flatten();
    let kind = |field: &Value| match field.get("type").and_then(Value::as_str) {
        Some("number") => "number",
        Some("checkbox") => "boolean",
        Some("file") => "file",
        Some("file-list") => "array[file]",
        Some("json_object") => "object",
        _ => "string",
    };
    fields.filter_map(|field| Some((field.get("variable")?.as_str()?.to_owned(), kind(field).to_owned()))).collect()
}

/// A list of things that each say a name and a type.
fn named(data: &Value, list: &str, name: &str, kind: &str) -> Vec<(String, String)> {
    let items = data.get(list).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| Some((item.get(name)?.as_str()?.to_owned(), text(item, kind)))).collect()
}

/// Files write types in any case.
fn text(value: &Value, key: &str) -> String {
    match value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
        Some(text) if key.ends_with("type") => match text.to_lowercase().as_str() {
            "bool" => "boolean".to_owned(),
            "select" => "string".to_owned(),
            kind => kind.to_owned(),
        },
        Some(text) => text.to_owned(),
        None => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn outputs_are_read_from_the_data() {
        let of = |data: Value| outputs(data["type"].as_str().unwrap(), &data);
        let code = of(json!({"type": "code", "outputs": {"n": {"type": "number"}}, "error_strategy": "fail-branch"}));
        assert_eq!((code.type_of("n"), code.type_of("error_type"), code.may_have("x")), (Some("number"), Some("string"), false));
        assert!(of(json!({"type": "code", "outputs": null})).may_have("x"));
        assert!(of(json!({"type": "warp"})).may_have("x"));
        let start = of(json!({"type": "start", "variables": [{"variable": "f", "type": "file-list"}]}));
        assert_eq!((start.type_of("f"), start.may_have("g")), (Some("array[file]"), false));
        let hook = of(
            json!({"type": "trigger-webhook", "headers": [{"name": "X-Id", "type": "string"}], "body": [{"name": "n", "type": "number"}]}),
        );
        assert_eq!((hook.type_of("X_Id"), hook.type_of("n"), hook.may_have("x")), (Some("string"), Some("number"), false));
        let groups = json!({"type": "variable-aggregator", "advanced_settings": {"group_enabled": true, "groups": [{"group_name": "g"}]}});
        assert_eq!((of(groups.clone()).type_of("g"), of(groups).may_have("output")), (Some("object"), false));
        let extractor = of(json!({"type": "parameter-extractor", "parameters": [{"name": "a", "type": "Bool"}, {"name": "b"}]}));
        assert_eq!((extractor.type_of("a"), extractor.type_of("b")), (Some("boolean"), Some("any")));
        assert!(!of(json!({"type": "llm"})).may_have("structured_output"));
        assert!(of(json!({"type": "llm", "structured_output_enabled": true})).may_have("structured_output"));
    }
}
