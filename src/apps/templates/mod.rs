//! Apps to start from: the DSL files beside this one, which come with the program. `catalog.json` says how each is shown, in every
//! language of the console; what a template does is in its file alone.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use anyhow::Context;
use axum::extract::State;
use axum::http::StatusCode;
use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppMode;
use super::dsl::{self, Import, Outcome};
use super::routes::{App, description, load};
use crate::accounts::{Editor, Reader, Session};
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::state::AppState;

#[derive(RustEmbed)]
#[folder = "src/apps/templates"]
#[include = "*.yml"]
#[include = "catalog.json"]
struct Files;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_templates)).routes(routes!(create_app_from_template))
}

/// How a template is shown in one language.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
struct TemplateText {
    name: String,
    description: String,
}

/// An entry of `catalog.json`.
#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    category: Category,
    texts: BTreeMap<String, TemplateText>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Category {
    Vision,
    Writing,
    Documents,
    Agents,
    Workflows,
}

/// An app to start from.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Template {
    id: String,
    mode: AppMode,
    category: Category,
    icon: String,
    icon_background: String,
    /// It looks at pictures
    vision: bool,
    /// By language: `en-US`, `zh-Hans`
    texts: BTreeMap<String, TemplateText>,
}

/// The text of a template's file; none when there is no such template.
fn file(id: &str) -> Option<String> {
    let file = Files::get(&format!("{id}.yml"))?;
    String::from_utf8(file.data.into_owned()).ok()
}

fn templates() -> Result<&'static [Template]> {
    static TEMPLATES: OnceLock<Vec<Template>> = OnceLock::new();
    if let Some(templates) = TEMPLATES.get() {
        return Ok(templates);
    }
    let read = read_templates().map_err(Error::internal)?;
    Ok(TEMPLATES.get_or_init(|| read))
}

fn read_templates() -> anyhow::Result<Vec<Template>> {
    let catalog = Files::get("catalog.json").context("the catalog of templates is missing")?;
    let entries: Vec<Entry> = serde_json::from_slice(&catalog.data).context("reading the catalog of templates")?;
    let template = |entry: Entry| {
        let text = file(&entry.id).with_context(|| format!("the template {} has no file", entry.id))?;
        let document = dsl::parse(&text).map_err(|e| anyhow::anyhow!("the template {}: {}", entry.id, e.message))?;
        // basic apps say so in their settings, workflows in their model nodes
        let nodes = document.config.pointer("/graph/nodes").and_then(Value::as_array);
        let vision = document.config["file_upload"]["image"]["enabled"] == true
            || nodes.is_some_and(|nodes| nodes.iter().any(|node| node["data"]["vision"]["enabled"] == true));
        Ok(Template {
            id: entry.id,
            mode: document.mode,
            category: entry.category,
            icon: document.icon,
            icon_background: document.icon_background,
            vision,
            texts: entry.texts,
        })
    };
    entries.into_iter().map(template).collect()
}

/// Apps to start from
#[utoipa::path(get, path = "/api/templates", tag = "apps", responses((status = 200, body = List<Template>)))]
async fn list_templates(_session: Session<Reader>) -> Result<Json<List<Template>>> {
    Ok(Json(List::whole(templates()?.to_vec())))
}

/// What the new app is called, in place of the template's own words.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct CreateAppFromTemplate {
    name: Option<String>,
    description: Option<String>,
}

/// Make an app from a template
#[utoipa::path(post, path = "/api/templates/{template_id}/apps", tag = "apps", params(("template_id" = String, Path)),
    request_body = CreateAppFromTemplate, responses((status = 201, body = App), (status = 404)))]
async fn create_app_from_template(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(template_id): Path<String>,
    Json(body): Json<CreateAppFromTemplate>,
) -> Result<(StatusCode, Json<App>)> {
    let known = templates()?.iter().any(|template| template.id == template_id);
    let yaml = file(&template_id).filter(|_| known).ok_or_else(|| Error::not_found("There is no such template."))?;
    let description = body.description.as_deref().map(description).transpose()?;
    let import = Import {
        workspace_id: session.workspace_id,
        account_id: Some(session.account_id),
        yaml: &yaml,
        confirmed: true,
        name: body.name.as_deref(),
        description: description.as_deref(),
    };
    let Outcome::Created { app_id, .. } = dsl::import(&state, import).await? else {
        return Err(Error::internal(anyhow::anyhow!("the template {template_id} waits for a confirmation")));
    };
    session.audit(&state.db, "app.create", ("app", app_id), json!({"template": template_id})).await?;
    Ok((StatusCode::CREATED, load(&state, session.workspace_id, app_id).await?))
}
