//! Import of a DSL file as a new app, with what the person has to know about it.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::PgPool;

use super::{Compatibility, Document, VERSION, parse};
use crate::apps::{ModelConfig, db};
use crate::error::Result;
use crate::http::text;
use crate::ids::{AccountId, AppId, WorkspaceId};

pub struct Import<'a> {
    pub workspace_id: WorkspaceId,
    /// None when the command line does it.
    pub account_id: Option<AccountId>,
    pub yaml: &'a str,
    /// Take it although its version is doubtful.
    pub confirmed: bool,
}

#[derive(Debug)]
pub enum Outcome {
    Created {
        app_id: AppId,
        warnings: Vec<String>,
    },
    /// Nothing was made; the file's version needs a confirmation.
    Pending {
        version: String,
    },
}

/// Reads the file and makes the app of it.
pub async fn import(db: &PgPool, import: Import<'_>) -> Result<Outcome> {
    let owned = import.yaml.to_owned();
    // reading 10 MB of YAML takes a while
    let parsed = tokio::task::spawn_blocking(move || parse(&owned)).await.map_err(anyhow::Error::from)?;
    let mut document = parsed?;
    if document.compatibility == Compatibility::Doubtful && !import.confirmed {
        return Ok(Outcome::Pending { version: document.version });
    }
    document.name = text::line("app.name", if document.name.trim().is_empty() { "Imported app" } else { &document.name }, 100)?;
    let providers = db::provider_names(db, import.workspace_id).await?;
    let missing = map_models(&mut document.config, &providers);
    let app_id = AppId::new();
    db::insert_app(
        db,
        import.workspace_id,
        import.account_id,
        db::NewApp {
            id: app_id,
            name: &document.name,
            description: &document.description,
            mode: document.mode,
            icon_type: &document.icon_type,
            icon: &document.icon,
            icon_background: &document.icon_background,
            use_icon_as_answer_icon: document.use_icon_as_answer_icon,
            draft: &document.config,
            dsl_extra: &document.extra,
        },
    )
    .await?;
    Ok(Outcome::Created { app_id, warnings: warnings(&document, &providers, &missing) })
}

fn warnings(document: &Document, providers: &BTreeSet<String>, missing: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut warnings = Vec::new();
    if document.compatibility != Compatibility::Same {
        warnings.push(format!(
            "The file has DSL version {}, this server writes {VERSION}: check that the app does what you expect.",
            document.version
        ));
    }
    for (provider, name) in missing {
        warnings.push(format!("Model '{name}' of provider '{provider}' is not set up here: add the provider or choose another model."));
    }
    for plugin in plugins(document) {
        if !providers.contains(short_name(&plugin)) {
            warnings
                .push(format!("The app was made with the plugin '{plugin}', which does not exist here: what it does has to be replaced."));
        }
    }
    let n_datasets = datasets(&document.config);
    if n_datasets > 0 {
        warnings.push(format!("The app refers to {n_datasets} knowledge base(s) of another server: choose them anew."));
    }
    if let Ok(config) = ModelConfig::parse(&document.config)
        && !document.mode.is_workflow()
    {
        warnings.extend(config.unsupported().into_iter().map(|e| e.message));
    }
    warnings
}

/// Replaces provider identifiers of plugins (`langgenius/openai/openai`) by the workspace's provider of that name; gives the
/// models whose provider is not here.
fn map_models(value: &mut Value, providers: &BTreeSet<String>) -> BTreeSet<(String, String)> {
    let mut missing = BTreeSet::new();
    walk(value, &mut |map| {
        let is_model =
            map.contains_key("completion_params") || matches!(map.get("mode").and_then(Value::as_str), Some("chat" | "completion"));
        // agents say `model`
        let name = map.get("name").or_else(|| map.get("model")).and_then(Value::as_str);
        let (Some(provider), Some(name)) = (map.get("provider").and_then(Value::as_str), name) else {
            return;
        };
        if !is_model || provider == "local" || providers.contains(provider) {
            return;
        }
        let short = short_name(provider).to_owned();
        if short == "local" || providers.contains(&short) {
            map.insert("provider".into(), Value::String(short));
        } else {
            missing.insert((provider.to_owned(), name.to_owned()));
        }
    });
    missing
}

fn walk(value: &mut Value, visit: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            visit(map);
            map.values_mut().for_each(|v| walk(v, visit));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| walk(v, visit)),
        _ => {}
    }
}

/// `openai` of `langgenius/openai/openai` and of `langgenius/openai:1.2.3@sha`.
fn short_name(identifier: &str) -> &str {
    let path = identifier.split([':', '@']).next().unwrap_or(identifier);
    path.rsplit('/').next().unwrap_or(path)
}

fn plugins(document: &Document) -> BTreeSet<String> {
    let dependencies = document.extra.pointer("/file/dependencies").and_then(Value::as_array);
    let identifier = |dependency: &Value| {
        let value = &dependency["value"];
        let keys = ["marketplace_plugin_unique_identifier", "github_plugin_unique_identifier", "plugin_unique_identifier", "repo"];
        let found = keys.iter().find_map(|key| value[*key].as_str())?;
        Some(found.split([':', '@']).next().unwrap_or(found).to_owned())
    };
    dependencies.into_iter().flatten().filter_map(identifier).collect()
}

fn datasets(config: &Value) -> usize {
    let count = |list: Option<&Value>| list.and_then(Value::as_array).map_or(0, Vec::len);
    let nodes = config.pointer("/graph/nodes").and_then(Value::as_array).into_iter().flatten();
    count(config.pointer("/dataset_configs/datasets/datasets")) + nodes.map(|node| count(node.pointer("/data/dataset_ids"))).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn providers_of_plugins_are_mapped_by_name() {
        let mut config = json!({
            "model": {"provider": "langgenius/openai/openai", "name": "gpt-4o", "mode": "chat"},
            "graph": {"nodes": [{"data": {"model": {"provider": "langgenius/tongyi/tongyi", "name": "qwen", "completion_params": {}}}}]},
            "tool": {"provider": "x/y/z", "name": "not a model"},
        });
        let missing = map_models(&mut config, &["openai".to_owned()].into());
        assert_eq!(config["model"]["provider"], "openai");
        assert_eq!(missing, [("langgenius/tongyi/tongyi".to_owned(), "qwen".to_owned())].into());
        assert_eq!(short_name("langgenius/openai:1.0@abc"), "openai");
    }
}
