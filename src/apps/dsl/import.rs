//! Import of a DSL file as a new app, with what the person has to know about it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Compatibility, Document, VERSION, parse};
use crate::apps::models::mappings::{self, Mapped, short_name};
use crate::apps::models::missing::{self, Missing};
use crate::apps::{ModelConfig, db, secret_variables};
use crate::error::Result;
use crate::http::text;
use crate::ids::{AccountId, AppId, WorkspaceId};
use crate::state::AppState;

/// The plugin whose agent strategies this server has.
const AGENT_STRATEGIES: &str = "langgenius/agent";

pub struct Import<'a> {
    pub workspace_id: WorkspaceId,
    /// None when the command line does it.
    pub account_id: Option<AccountId>,
    pub yaml: &'a str,
    /// Take it although its version is doubtful.
    pub confirmed: bool,
    /// In place of what the file says.
    pub name: Option<&'a str>,
    pub description: Option<&'a str>,
}

#[derive(Debug)]
pub enum Outcome {
    Created {
        app_id: AppId,
        warnings: Vec<String>,
        /// Models in whose place others run.
        mapped: Vec<Mapped>,
        missing: Missing,
    },
    /// Nothing was made; the file's version needs a confirmation.
    Pending { version: String },
}

/// Reads the file and makes the app of it.
pub async fn import(state: &AppState, import: Import<'_>) -> Result<Outcome> {
    let owned = import.yaml.to_owned();
    // reading 10 MB of YAML takes a while
    let parsed = tokio::task::spawn_blocking(move || parse(&owned)).await.map_err(anyhow::Error::from)?;
    let mut document = parsed?;
    if document.compatibility == Compatibility::Doubtful && !import.confirmed {
        return Ok(Outcome::Pending { version: document.version });
    }
    let name = import.name.unwrap_or(&document.name);
    document.name = text::line("app.name", if name.trim().is_empty() { "Imported app" } else { name }, 100)?;
    if let Some(description) = import.description {
        document.description = description.to_owned();
    }
    let mapped = mappings::adapt(state, import.workspace_id, &mut document.config).await?;
    let draft = secret_variables::seal(&state.secrets, import.workspace_id, document.config.clone(), &Value::Null)?;
    let app_id = AppId::new();
    db::insert_app(
        &state.db,
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
            draft: &draft,
            dsl_extra: &document.extra,
        },
    )
    .await?;
    let mut missing = missing::find(state, import.workspace_id, &document.config).await?;
    let providers = db::provider_names(&state.db, import.workspace_id).await?;
    let is_missed = |plugin: &String| !is_replaced(plugin, &document, &providers, &mapped, &missing);
    missing.plugins = plugins(&document).into_iter().filter(is_missed).collect();
    Ok(Outcome::Created { app_id, warnings: warnings(&document, &missing), mapped, missing })
}

fn warnings(document: &Document, missing: &Missing) -> Vec<String> {
    let mut warnings = Vec::new();
    if document.compatibility != Compatibility::Same {
        warnings.push(format!(
            "The file has DSL version {}, this server writes {VERSION}: check that the app does what you expect.",
            document.version
        ));
    }
    warnings.extend(missing.warnings());
    if let Ok(config) = ModelConfig::parse(&document.config)
        && !document.mode.is_workflow()
    {
        warnings.extend(config.unsupported().into_iter().map(|e| e.message));
    }
    warnings
}

/// Whether something here does what a plugin of Dify did for the app: a provider of its name, models in the place of its
/// own, or tools of its name.
fn is_replaced(plugin: &str, document: &Document, providers: &BTreeSet<String>, mapped: &[Mapped], missing: &Missing) -> bool {
    let is_of = |identifier: &str| identifier == plugin || identifier.strip_prefix(plugin).is_some_and(|rest| rest.starts_with('/'));
    let is_missing = missing.models.iter().any(|model| is_of(&model.provider))
        || missing.tools.iter().any(|tool| is_of(&tool.provider_id) || is_of(&tool.provider_name));
    let tools = missing::tool_places(&document.config);
    let is_used = mapped.iter().any(|mapped| is_of(&mapped.from.provider))
        || tools.iter().any(|(_, tool)| is_of(&tool.provider_id) || is_of(&tool.provider_name));
    plugin == AGENT_STRATEGIES || providers.contains(short_name(plugin)) || (is_used && !is_missing)
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
