//! Which of the workspace's models runs in place of one that a file names: chosen once, remembered for the next file.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::missing::unavailable;
use super::{db, places, replace};
use crate::catalog::{LOCAL, ModelRef};
use crate::error::Result;
use crate::ids::WorkspaceId;
use crate::state::AppState;

/// A model, or all of a provider's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ModelName {
    /// `local`, a provider of the workspace; in files also a plugin (`langgenius/openai/openai`)
    pub provider: String,
    /// Null = every model of the provider; in `to`, the one of the same name
    pub name: Option<String>,
}

/// `to` runs in place of `from`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mapping {
    pub from: ModelName,
    pub to: ModelName,
}

/// A model that another one took the place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mapped {
    pub from: ModelRef,
    pub to: ModelRef,
    /// How often
    pub places: usize,
}

/// What the mappings make of a model: one for the model itself before one for its provider.
pub fn choose(mappings: &[Mapping], reference: &ModelRef) -> Option<ModelRef> {
    let of = |name: Option<&str>| {
        mappings.iter().find(|mapping| mapping.from.provider == reference.provider && mapping.from.name.as_deref() == name)
    };
    let to = &of(Some(&reference.name)).or_else(|| of(None))?.to;
    Some(ModelRef { provider: to.provider.clone(), name: to.name.clone().unwrap_or_else(|| reference.name.clone()) })
}

/// Replaces models wherever `by` says so.
pub fn apply(config: &mut Value, mut by: impl FnMut(&ModelRef) -> Option<ModelRef>) -> Vec<Mapped> {
    let mut mapped: Vec<Mapped> = Vec::new();
    for place in places(config) {
        let Some(to) = by(&place.reference).filter(|to| *to != place.reference) else { continue };
        replace(config, &place, &to);
        match mapped.iter_mut().find(|known| known.from == place.reference) {
            Some(known) => known.places += 1,
            None => mapped.push(Mapped { from: place.reference, to, places: 1 }),
        }
    }
    mapped
}

/// Makes a file's config name the workspace's own models, where it has them: by the remembered mappings, then by the names
/// of providers (`openai` for `langgenius/openai/openai`). What the workspace has under the file's own name stays.
pub async fn adapt(state: &AppState, workspace_id: WorkspaceId, config: &mut Value) -> Result<Vec<Mapped>> {
    let remembered: Vec<Mapping> = db::list_mappings(&state.db, workspace_id).await?.into_iter().map(|row| row.mapping).collect();
    let providers = crate::apps::db::provider_names(&state.db, workspace_id).await?;
    let mut chosen: HashMap<ModelRef, Option<ModelRef>> = HashMap::new();
    for place in places(config) {
        let reference = place.reference;
        if chosen.contains_key(&reference) {
            continue;
        }
        if unavailable(state, workspace_id, &reference, place.kind).await?.is_none() {
            chosen.insert(reference, None);
            continue;
        }
        let short = short_name(&reference.provider);
        let by_name = || {
            let is_here = short == LOCAL || providers.contains(short);
            is_here.then(|| ModelRef { provider: short.to_owned(), name: reference.name.clone() })
        };
        let to = choose(&remembered, &reference).or_else(by_name);
        chosen.insert(reference, to);
    }
    Ok(apply(config, |reference| chosen.get(reference).cloned().flatten()))
}

/// `openai` of `langgenius/openai/openai` and of `langgenius/openai:1.2.3@sha`.
pub fn short_name(identifier: &str) -> &str {
    let path = identifier.split([':', '@']).next().unwrap_or(identifier);
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(provider: &str, name: Option<&str>) -> ModelName {
        ModelName { provider: provider.into(), name: name.map(str::to_owned) }
    }

    fn model(provider: &str, name: &str) -> ModelRef {
        ModelRef { provider: provider.into(), name: name.into() }
    }

    #[test]
    fn a_model_s_own_mapping_comes_first() {
        let mappings = [
            Mapping { from: name("p", None), to: name("q", None) },
            Mapping { from: name("p", Some("m")), to: name("local", Some("default")) },
            Mapping { from: name("r", None), to: name("local", Some("x")) },
        ];
        assert_eq!(choose(&mappings, &model("p", "m")), Some(model("local", "default")));
        assert_eq!(choose(&mappings, &model("p", "n")), Some(model("q", "n")));
        assert_eq!(choose(&mappings, &model("r", "n")), Some(model("local", "x")));
        assert_eq!(choose(&mappings, &model("s", "n")), None);
    }

    #[test]
    fn replaced_models_are_counted() {
        let mut config = json!({"graph": {"nodes": [
            {"id": "1", "data": {"type": "llm", "model": {"provider": "p", "name": "m"}}},
            {"id": "2", "data": {"type": "llm", "model": {"provider": "p", "name": "m"}}},
            {"id": "3", "data": {"type": "llm", "model": {"provider": "p", "name": "n"}}},
        ]}});
        let mapped = apply(&mut config, |model| (model.name == "m").then(|| ModelRef::local("default")));
        assert_eq!(mapped, [Mapped { from: model("p", "m"), to: ModelRef::local("default"), places: 2 }]);
    }

    #[test]
    fn plugins_have_short_names() {
        assert_eq!(short_name("langgenius/openai/openai"), "openai");
        assert_eq!(short_name("langgenius/openai:1.0@abc"), "openai");
    }
}
