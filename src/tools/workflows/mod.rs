//! Published workflows as tools: what the published version takes and gives, under the name and with the words that the
//! workspace gave it. Its form may change with each publication; what is said of inputs that are gone is kept for when they
//! come back.
//!
//! Called by whoever knows workflows ([`super::Tool::workflow`]).

pub(super) mod db;
pub(super) mod routes;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Form, OutputVariable, Parameter, ProviderType, ToolError, ToolInfo, ToolRef};
use crate::apps::config::{Field, FieldKind};
use crate::apps::{self, ModelConfig, inputs};
use crate::error::{Code, Error, Result};
use crate::ids::{AppId, WorkspaceId};
use crate::state::AppState;

/// Outputs that every tool has, of which a workflow's own can't take the place.
const RESERVED: [&str; 3] = ["text", "json", "files"];

/// What the workspace says of one input of the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct ParameterSetting {
    /// Variable of the start node
    name: String,
    /// For the model; else its label is shown
    #[serde(default)]
    description: String,
    form: Form,
}

/// The workflow that a reference means: by id, else by its name, since files of other servers bring their ids.
pub(super) async fn find(state: &AppState, workspace_id: WorkspaceId, tool: &ToolRef) -> Result<(ToolInfo, AppId), ToolError> {
    let names = [tool.tool_name.clone(), tool.provider_name.clone()];
    let found = db::find(&state.db, workspace_id, Uuid::parse_str(&tool.provider_id).ok(), &names).await?;
    let missing = || {
        let name = &tool.tool_name;
        ToolError::NotFound(format!("This workspace has no workflow \"{name}\" as a tool: add one of that name, or choose another tool."))
    };
    let row = found.ok_or_else(missing)?;
    let info = describe(&row).map_err(|error| match error.code.status().is_server_error() {
        true => error.into(),
        false => ToolError::NotFound(error.message),
    })?;
    Ok((info, row.app_id))
}

/// What a version takes and gives. The error says why it is no tool.
pub(super) fn describe(row: &db::Row) -> Result<ToolInfo> {
    let config = row.config.as_ref().ok_or_else(|| unusable(format!("the app \"{}\" is not published", row.app_name)))?;
    check_entry(config)?;
    let features = apps::workflow_features(config)?;
    let settings: Vec<ParameterSetting> = serde_json::from_value(row.parameters.clone()).map_err(Error::internal)?;
    Ok(ToolInfo {
        provider_type: ProviderType::Workflow,
        provider_id: row.id.to_string(),
        provider_name: row.name.clone(),
        name: row.name.clone(),
        label: row.label.clone(),
        description: row.description.clone(),
        parameters: parameters(&features, &settings),
        output_variables: outputs(config),
    })
}

fn unusable(why: impl std::fmt::Display) -> Error {
    Error::new(Code::BadRequest, format!("The workflow can't be used as a tool: {why}."))
}

/// A workflow that begins with a trigger can't be called.
fn check_entry(config: &Value) -> Result<()> {
    let nodes = config.pointer("/graph/nodes").and_then(Value::as_array);
    let has_start = nodes.into_iter().flatten().any(|node| node.pointer("/data/type").is_some_and(|kind| kind == "start"));
    if has_start { Ok(()) } else { Err(unusable("it has no start node")) }
}

fn parameters(features: &ModelConfig, settings: &[ParameterSetting]) -> Vec<Parameter> {
    let parameter = |(kind, field): (FieldKind, &Field)| {
        let setting = settings.iter().find(|setting| setting.name == field.variable);
        let label = field.label.as_str().filter(|label| !label.is_empty()).unwrap_or(&field.variable).to_owned();
        let is_file = matches!(kind, FieldKind::File | FieldKind::FileList);
        Parameter {
            name: field.variable.clone(),
            description: setting
                .map(|setting| setting.description.clone())
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| label.clone()),
            label,
            required: field.required,
            // no model makes files up
            form: setting.map_or(if is_file { Form::Form } else { Form::Llm }, |setting| setting.form),
            schema: inputs::schema(kind, field),
        }
    };
    features.form().map(parameter).collect()
}

/// Of all end nodes.
fn outputs(config: &Value) -> Vec<OutputVariable> {
    let nodes = config.pointer("/graph/nodes").and_then(Value::as_array);
    let ends = nodes.into_iter().flatten().filter(|node| node.pointer("/data/type").is_some_and(|kind| kind == "end"));
    let mut found = Map::new();
    for output in ends.filter_map(|node| node.pointer("/data/outputs")?.as_array()).flatten() {
        let Some(name) = output.get("variable").and_then(Value::as_str).filter(|name| !RESERVED.contains(name)) else { continue };
        found.insert(name.to_owned(), output_schema(output.get("value_type").and_then(Value::as_str).unwrap_or_default()));
    }
    found.into_iter().map(|(name, schema)| OutputVariable { name, schema }).collect()
}

/// `array[string]` and the like as a JSON Schema; an unknown type is any.
fn output_schema(value_type: &str) -> Value {
    if let Some(item) = value_type.strip_prefix("array[").and_then(|rest| rest.strip_suffix(']')) {
        return json!({"type": "array", "items": output_schema(item)});
    }
    match value_type {
        "string" | "number" | "boolean" | "object" => json!({"type": value_type}),
        "file" => json!({"type": "object"}),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WorkflowToolId;

    fn row(variables: Value, parameters: Value) -> db::Row {
        let config = json!({"features": {}, "graph": {"edges": [], "nodes": [
            {"id": "s", "data": {"type": "start", "variables": variables}},
            {"id": "e", "data": {"type": "end", "outputs": [
                {"variable": "text", "value_type": "string", "value_selector": ["s", "a"]},
                {"variable": "found", "value_type": "array[object]", "value_selector": ["s", "a"]},
            ]}},
        ]}});
        db::Row {
            id: WorkflowToolId::new(),
            app_id: AppId::new(),
            app_name: "App".into(),
            name: "look_up".into(),
            label: "Look up".into(),
            description: "Looks things up.".into(),
            parameters,
            config: Some(config),
            created_at: chrono::DateTime::UNIX_EPOCH,
            updated_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_form_becomes_parameters() {
        let variables = json!([
            {"variable": "query", "label": "Query", "type": "paragraph", "required": true},
            {"variable": "kind", "label": "Kind", "type": "select", "options": ["a", "b"], "default": "a", "required": false},
            {"variable": "n", "type": "number", "default": 3},
            {"variable": "docs", "label": "Documents", "type": "file-list"},
            {"variable": "extra", "type": "json_object", "json_schema": "{\"type\": \"object\", \"required\": [\"x\"]}"},
        ]);
        let settings = json!([{"name": "query", "description": "What to look for", "form": "llm"}, {"name": "kind", "form": "form"}, {"name": "gone", "form": "llm"}]);
        let info = describe(&row(variables, settings)).unwrap();
        let shown: Vec<_> = info.parameters.iter().map(|p| (p.name.as_str(), p.description.as_str(), p.form, p.required)).collect();
        assert_eq!(
            shown,
            [
                ("query", "What to look for", Form::Llm, true),
                ("kind", "Kind", Form::Form, false),
                ("n", "n", Form::Llm, false),
                ("docs", "Documents", Form::Form, false),
                ("extra", "extra", Form::Llm, false),
            ]
        );
        let schemas: Vec<_> = info.parameters.into_iter().map(|p| p.schema).collect();
        assert_eq!(schemas[1], json!({"type": "string", "enum": ["a", "b"], "default": "a"}));
        assert_eq!((&schemas[2], &schemas[4]), (&json!({"type": "number", "default": 3}), &json!({"type": "object", "required": ["x"]})));
        let outputs: Vec<_> = info.output_variables.into_iter().map(|output| (output.name, output.schema)).collect();
        assert_eq!(outputs, [("found".to_owned(), json!({"type": "array", "items": {"type": "object"}}))]);
    }

    #[test]
    fn what_nobody_can_call_is_no_tool() {
        let mut unpublished = row(json!([]), json!([]));
        unpublished.config = None;
        assert_eq!(describe(&unpublished).unwrap_err().message, "The workflow can't be used as a tool: the app \"App\" is not published.");
        let mut triggered = row(json!([]), json!([]));
        triggered.config = Some(json!({"graph": {"nodes": [{"id": "w", "data": {"type": "trigger-webhook"}}]}}));
        assert_eq!(describe(&triggered).unwrap_err().message, "The workflow can't be used as a tool: it has no start node.");
    }
}
