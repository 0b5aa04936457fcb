//! A version of a workflow app, read once: its graph, form, features and variables. Versions never change, so that those in
//! use are kept in memory.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lru::LruCache;
use serde_json::{Value, json};

use super::graph::{Flow, GraphError, entries};
use super::mask::Mask;
use super::value;
use super::vars::Vars;
use crate::apps::{self, ModelConfig};
use crate::error::{Code, Error, Result};
use crate::ids::{AppId, AppVersionId, WorkspaceId};
use crate::state::AppState;

/// Versions kept; a large one takes a few MiB.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();

pub struct Version {
    /// None for a draft.
    pub id: Option<AppVersionId>,
    /// The features, with the start node's variables as the form.
    pub features: ModelConfig,
    pub environment: Arc<Vars>,
    /// Its secrets.
    pub mask: Arc<Mask>,
    pub conversation_variables: Vec<ConversationVariable>,
    /// The entry is a trigger: nobody calls it.
    pub is_triggered: bool,
    config: Value,
    flow: OnceLock<Result<Arc<Flow>, GraphError>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ConversationVariable {
    pub name: String,
    pub value_type: String,
    pub value: Value,
    pub description: String,
}

type Kept = Mutex<LruCache<(AppId, AppVersionId), Arc<Version>>>;

impl Version {
    /// A version of the app; none when it has no such version.
    pub async fn load(state: &AppState, workspace_id: WorkspaceId, app_id: AppId, id: AppVersionId) -> Result<Option<Arc<Self>>> {
        let kept = state.parts.get(|| Kept::new(LruCache::new(KEPT)));
        let found = kept.lock().unwrap_or_else(PoisonError::into_inner).get(&(app_id, id)).cloned();
        if let Some(found) = found {
            return Ok(Some(found));
        }
        let Some(config) = apps::find_version_config(&state.db, workspace_id, app_id, id).await? else { return Ok(None) };
        let version = Arc::new(Self::open(state, workspace_id, Some(id), config)?);
        kept.lock().unwrap_or_else(PoisonError::into_inner).put((app_id, id), Arc::clone(&version));
        Ok(Some(version))
    }

    /// Reads a workflow section as it is stored.
    pub fn open(state: &AppState, workspace_id: WorkspaceId, id: Option<AppVersionId>, config: Value) -> Result<Self> {
        Self::read(id, apps::secret_variables::open(&state.secrets, workspace_id, config)?)
    }

    /// Reads a workflow section of a file.
    pub fn read(id: Option<AppVersionId>, config: Value) -> Result<Self> {
        let features = apps::workflow_features(&config)?;
        let starts = entries(config.get("graph").unwrap_or(&Value::Null)).unwrap_or_default();
        Ok(Self {
            id,
            features,
            environment: Arc::new(environment(&config)),
            mask: Arc::new(Mask::new(secrets(&config))),
            conversation_variables: conversation_variables(&config),
            is_triggered: !starts.is_empty() && starts.iter().all(|(_, kind)| kind != "start"),
            config,
            flow: OnceLock::new(),
        })
    }

    /// The graph as it runs from `entry`, or from the start node.
    pub fn flow(&self, entry: Option<&str>) -> Result<Arc<Flow>> {
        let built = match entry {
            Some(_) => Flow::build(self.graph(), entry),
            None => self.flow.get_or_init(|| Flow::build(self.graph(), None)).clone(),
        };
        built.map_err(|error| Error::new(Code::AppUnavailable, format!("App unavailable, please check your app configurations. {error}")))
    }

    pub fn graph(&self) -> &Value {
        self.config.get("graph").unwrap_or(&Value::Null)
    }
}

fn variables<'a>(config: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let items = config.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| Some((item.get("name")?.as_str()?, item)))
}

fn value_type(item: &Value) -> &str {
    item.get("value_type").and_then(Value::as_str).unwrap_or("string")
}

fn secrets(config: &Value) -> Vec<String> {
    let secret = variables(config, "environment_variables").filter(|(_, item)| value_type(item) == "secret");
    secret.filter_map(|(_, item)| item.get("value")).map(value::text).collect()
}

/// Numbers may be written as text; secrets are text.
fn environment(config: &Value) -> Vars {
    let value = |item: &Value| match (value_type(item), item.get("value")) {
        ("number" | "integer" | "float", Some(Value::String(text))) => {
            serde_json::from_str(text.trim()).ok().filter(Value::is_number).unwrap_or_else(|| json!(0))
        }
        (kind, None | Some(Value::Null)) => value::zero(kind),
        ("secret", Some(value)) => Value::String(value::text(value)),
        (_, Some(value)) => value.clone(),
    };
    variables(config, "environment_variables").map(|(name, item)| (name.to_owned(), value(item))).collect()
}

fn conversation_variables(config: &Value) -> Vec<ConversationVariable> {
    let read = |(name, item): (&str, &Value)| {
        let value_type = value_type(item).to_owned();
        let value = item.get("value").filter(|value| !value.is_null()).cloned().unwrap_or_else(|| value::zero(&value_type));
        let description = item.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        ConversationVariable { name: name.to_owned(), value_type, value, description }
    };
    variables(config, "conversation_variables").map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_with_their_types() {
        let version = Version::read(
            None,
            json!({
                "graph": {"nodes": [{"id": "t", "data": {"type": "trigger-webhook", "title": "T"}}], "edges": []},
                "environment_variables": [{"name": "n", "value_type": "number", "value": "3"}, {"name": "s", "value_type": "secret", "value": "x"}],
                "conversation_variables": [{"name": "list", "value_type": "array[string]"}, {"name": "c", "value_type": "number", "value": 2}],
            }),
        )
        .unwrap();
        assert_eq!(Value::Object((*version.environment).clone()), json!({"n": 3, "s": "x"}));
        let variables: Vec<_> = version.conversation_variables.iter().map(|v| (v.name.as_str(), v.value.clone())).collect();
        assert_eq!(variables, [("list", json!([])), ("c", json!(2))]);
        assert!(version.is_triggered);
    }
}
