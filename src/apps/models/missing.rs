//! What a config names and this workspace does not have.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Spot, nodes, places};
use crate::catalog::{self, LOCAL, ModelRef};
use crate::engine::host::{DEFAULT, Kind};
use crate::error::Result;
use crate::ids::WorkspaceId;
use crate::state::AppState;
use crate::tools::{ProviderType, ToolError, ToolRef, Toolbox};

/// What is missing, with the places that name it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Missing {
    pub models: Vec<MissingModel>,
    pub tools: Vec<MissingTool>,
    pub knowledge: Vec<MissingKnowledge>,
    /// Of Dify, that the file says it needs
    pub plugins: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MissingModel {
    pub provider: String,
    pub name: String,
    /// llm, text-embedding or rerank
    pub kind: &'static str,
    /// Why it can't be used, and what to do
    pub message: String,
    pub places: Vec<At>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MissingTool {
    pub provider_type: ProviderType,
    pub provider_id: String,
    pub provider_name: String,
    pub tool_name: String,
    pub message: String,
    pub places: Vec<At>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MissingKnowledge {
    pub dataset_ids: Vec<String>,
    pub message: String,
    pub at: At,
}

/// Where in a config something is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct At {
    /// Of workflows
    pub node_id: Option<String>,
    pub title: Option<String>,
    /// Path inside the node's data, or of the config
    pub field: String,
}

impl From<Spot> for At {
    fn from(spot: Spot) -> Self {
        let (node_id, title) = spot.node.unzip();
        Self { node_id, title, field: spot.field }
    }
}

/// Looks through a config.
pub async fn find(state: &AppState, workspace_id: WorkspaceId, config: &Value) -> Result<Missing> {
    Ok(Missing {
        models: models(state, workspace_id, config).await?,
        tools: tools(state, workspace_id, config).await?,
        knowledge: knowledge(config),
        plugins: Vec::new(),
    })
}

/// Why the workspace can't use a model as one of that kind; none when it can.
pub async fn unavailable(state: &AppState, workspace_id: WorkspaceId, reference: &ModelRef, kind: Kind) -> Result<Option<String>> {
    // whatever it is, by configuration
    if reference.provider == LOCAL && reference.name == DEFAULT && kind == Kind::Llm {
        return Ok(None);
    }
    match catalog::resolve(state, workspace_id, reference).await {
        Ok(model) if model.kind() == kind => Ok(None),
        Ok(model) => {
            let text = format!("The model \"{reference}\" is a {} model: choose a {} model here.", model.kind().as_str(), kind.as_str());
            Ok(Some(text))
        }
        Err(error) if error.code.status().is_server_error() => Err(error),
        Err(error) => Ok(Some(error.message)),
    }
}

async fn models(state: &AppState, workspace_id: WorkspaceId, config: &Value) -> Result<Vec<MissingModel>> {
    let mut known: HashMap<(ModelRef, &'static str), Option<usize>> = HashMap::new();
    let mut missing: Vec<MissingModel> = Vec::new();
    for place in places(config) {
        let key = (place.reference.clone(), place.kind.as_str());
        let at = match known.get(&key) {
            Some(at) => *at,
            None => {
                let why = unavailable(state, workspace_id, &place.reference, place.kind).await?;
                let at = why.map(|message| {
                    let ModelRef { provider, name } = place.reference;
                    missing.push(MissingModel { provider, name, kind: place.kind.as_str(), message, places: Vec::new() });
                    missing.len() - 1
                });
                known.insert(key, at);
                at
            }
        };
        if let Some(at) = at {
            missing[at].places.push(place.at.into());
        }
    }
    Ok(missing)
}

async fn tools(state: &AppState, workspace_id: WorkspaceId, config: &Value) -> Result<Vec<MissingTool>> {
    let toolbox = Toolbox::new(state, workspace_id);
    let mut known: HashMap<ToolRef, Option<usize>> = HashMap::new();
    let mut missing: Vec<MissingTool> = Vec::new();
    for (spot, tool) in tool_places(config) {
        let at = match known.get(&tool) {
            Some(at) => *at,
            None => {
                let at = match toolbox.find(&tool).await {
                    Ok(_) => None,
                    Err(ToolError::Internal(error)) => return Err(error),
                    Err(error) => {
                        let ToolRef { provider_type, provider_id, provider_name, tool_name } = tool.clone();
                        let message = error.to_string();
                        missing.push(MissingTool { provider_type, provider_id, provider_name, tool_name, message, places: Vec::new() });
                        Some(missing.len() - 1)
                    }
                };
                known.insert(tool, at);
                at
            }
        };
        if let Some(at) = at {
            missing[at].places.push(spot.into());
        }
    }
    Ok(missing)
}

/// The tools that a config calls: of tool nodes, and those of agents that are switched on. What can't be read as a tool is
/// told by the checks of its node.
pub fn tool_places(config: &Value) -> Vec<(Spot, ToolRef)> {
    let mut found = Vec::new();
    for node in nodes(config) {
        let spot = |field: String| Spot { node: Some((node.id.to_owned(), node.title.to_owned())), field };
        match node.data.get("type").and_then(Value::as_str) {
            Some("tool") => found.extend(tool(node.data).map(|tool| (spot("tool_name".into()), tool))),
            Some("agent") => {
                let tools = node.data.get("agent_parameters").and_then(|parameters| parameters.pointer("/tools/value"));
                let listed = listed(tools).map(|(i, tool)| (spot(format!("agent_parameters.tools.value[{i}]")), tool));
                found.extend(listed);
            }
            _ => {}
        }
    }
    let of_app = listed(config.pointer("/agent_mode/tools"));
    found.extend(of_app.map(|(i, tool)| (Spot { node: None, field: format!("agent_mode.tools[{i}]") }, tool)));
    found
}

fn listed(tools: Option<&Value>) -> impl Iterator<Item = (usize, ToolRef)> {
    let tools = tools.and_then(Value::as_array).into_iter().flatten().enumerate();
    let on = tools.filter(|(_, tool)| tool.get("enabled") != Some(&Value::Bool(false)));
    on.filter_map(|(i, given)| Some((i, tool(given.as_object()?)?)))
}

/// Agents say `type` where tool nodes say `provider_type`.
fn tool(given: &Map<String, Value>) -> Option<ToolRef> {
    let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let provider_type = given.get("provider_type").or_else(|| given.get("type"))?.clone();
    Some(ToolRef {
        provider_type: serde_json::from_value(provider_type).ok()?,
        provider_id: text("provider_id"),
        provider_name: text("provider_name"),
        tool_name: Some(text("tool_name")).filter(|name| !name.is_empty())?,
    })
}

/// There are no knowledge bases in this version: all that are named are missing.
fn knowledge(config: &Value) -> Vec<MissingKnowledge> {
    let message = || "Knowledge bases are not available in this version: remove them.".to_owned();
    let mut missing = Vec::new();
    for node in nodes(config) {
        let ids = node.data.get("dataset_ids").and_then(Value::as_array).into_iter().flatten();
        let dataset_ids: Vec<String> = ids.filter_map(Value::as_str).map(str::to_owned).collect();
        if !dataset_ids.is_empty() {
            let spot = Spot { node: Some((node.id.to_owned(), node.title.to_owned())), field: "dataset_ids".into() };
            missing.push(MissingKnowledge { dataset_ids, message: message(), at: spot.into() });
        }
    }
    let of_app = config.pointer("/dataset_configs/datasets/datasets").and_then(Value::as_array).into_iter().flatten();
    let dataset_ids: Vec<String> = of_app.filter_map(|entry| entry.pointer("/dataset/id")?.as_str()).map(str::to_owned).collect();
    if !dataset_ids.is_empty() {
        let spot = Spot { node: None, field: "dataset_configs.datasets.datasets".into() };
        missing.push(MissingKnowledge { dataset_ids, message: message(), at: spot.into() });
    }
    missing
}

impl Missing {
    /// In sentences.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for MissingModel { provider, name, .. } in &self.models {
            warnings.push(format!("Model '{name}' of provider '{provider}' is not set up here: add the provider or choose another model."));
        }
        for tool in &self.tools {
            warnings.push(format!("Tool '{}': {}", tool.tool_name, tool.message));
        }
        for plugin in &self.plugins {
            warnings
                .push(format!("The app was made with the plugin '{plugin}', which does not exist here: what it does has to be replaced."));
        }
        let n_datasets: usize = self.knowledge.iter().map(|missing| missing.dataset_ids.len()).sum();
        if n_datasets > 0 {
            warnings.push(format!("The app refers to {n_datasets} knowledge base(s) of another server: choose them anew."));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tools_and_knowledge_are_found_where_they_are_named() {
        let config = json!({
            "agent_mode": {"tools": [{"enabled": true, "provider_type": "api", "provider_id": "x", "tool_name": "a"}, {"current_datetime": {"enabled": true}}]},
            "dataset_configs": {"datasets": {"datasets": [{"dataset": {"enabled": true, "id": "d0"}}]}},
            "graph": {"nodes": [
                {"id": "1", "data": {"type": "tool", "title": "T", "provider_type": "plugin", "provider_id": "time", "tool_name": "now"}},
                {"id": "2", "data": {"type": "agent", "agent_parameters": {"tools": {"value": [
                    {"enabled": false, "type": "mcp", "tool_name": "off"}, {"enabled": true, "type": "mcp", "provider_name": "m", "tool_name": "on"}]}}}},
                {"id": "3", "data": {"type": "knowledge-retrieval", "dataset_ids": ["d1", "d2"]}},
            ]},
        });
        let found: Vec<String> = tool_places(&config)
            .into_iter()
            .map(|(spot, tool)| format!("{} {:?} {}", spot.field, tool.provider_type, tool.tool_name))
            .collect();
        assert_eq!(found, ["tool_name Builtin now", "agent_parameters.tools.value[1] Mcp on", "agent_mode.tools[0] Api a"]);
        let ids: Vec<_> = knowledge(&config).into_iter().map(|missing| (missing.at.node_id, missing.dataset_ids)).collect();
        assert_eq!(ids, [(Some("3".to_owned()), vec!["d1".to_owned(), "d2".to_owned()]), (None, vec!["d0".to_owned()])]);
    }
}
