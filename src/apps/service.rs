//! The service API's view of an app: `/v1/parameters`, `/v1/info`, `/v1/meta`, `/v1/site`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AppFace, AppMode, RunnableApp, db, not_found};
use crate::accounts::ServiceApp;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::http::extract::Json;
use crate::ids::{AppId, WorkspaceId};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(get_parameters)).routes(routes!(get_info)).routes(routes!(get_meta)).routes(routes!(get_site))
}

/// What a client needs to draw the app's form
#[utoipa::path(get, path = "/v1/parameters", tag = "service", responses((status = 200, body = Object), (status = 400)))]
async fn get_parameters(State(state): State<AppState>, app: ServiceApp) -> Result<Json<Value>> {
    let runnable = RunnableApp::published(&state.db, app.workspace_id, app.app_id).await?;
    Ok(Json(parameters(&runnable, &state.config)))
}

/// Of the published config, with the contract's defaults for what it lacks.
fn parameters(app: &RunnableApp, limits: &Config) -> Value {
    let is_workflow = app.mode.is_workflow();
    let section = if is_workflow { &app.config["features"] } else { &app.config };
    let or = |key: &str, default: Value| match section.get(key) {
        None | Some(Value::Null) => default,
        Some(Value::Object(given)) if default.is_object() => {
            let mut merged = default.as_object().cloned().unwrap_or_default();
            merged.extend(given.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())));
            Value::Object(merged)
        }
        Some(given) => given.clone(),
    };
    let form = if is_workflow { start_form(&app.config) } else { or("user_input_form", json!([])) };
    json!({
        "opening_statement": or("opening_statement", json!("")),
        "suggested_questions": or("suggested_questions", json!([])),
        "suggested_questions_after_answer": or("suggested_questions_after_answer", json!({"enabled": false})),
        "speech_to_text": or("speech_to_text", json!({"enabled": false})),
        "text_to_speech": or("text_to_speech", json!({"enabled": false, "voice": "", "language": "", "autoPlay": "disabled"})),
        "retriever_resource": or("retriever_resource", json!({"enabled": true})),
        "annotation_reply": {"enabled": app.annotation_reply.enabled},
        "more_like_this": or("more_like_this", json!({"enabled": false})),
        "user_input_form": form,
        "sensitive_word_avoidance": public_moderation(&or("sensitive_word_avoidance", json!({"enabled": false}))),
        "file_upload": or("file_upload", json!({
            "enabled": false, "number_limits": 3, "allowed_file_types": [], "allowed_file_extensions": [],
            "allowed_file_upload_methods": ["remote_url", "local_file"],
            "image": {"enabled": false, "number_limits": 3, "detail": "high", "transfer_methods": ["remote_url", "local_file"]},
        })),
        "system_parameters": {
            "image_file_size_limit": limits.upload_image_mb, "video_file_size_limit": limits.upload_video_mb,
            "audio_file_size_limit": limits.upload_audio_mb, "file_size_limit": limits.upload_file_mb, "workflow_file_upload_limit": 10,
        },
    })
}

/// Which words are watched for is nobody's business outside.
fn public_moderation(moderation: &Value) -> Value {
    json!({"enabled": moderation["enabled"] == true, "type": moderation["type"].as_str().unwrap_or_default(), "configs": []})
}

/// The start node's variables, each as `{<type>: variable}`.
pub(super) fn start_form(config: &Value) -> Value {
    let nodes = config.pointer("/graph/nodes").and_then(Value::as_array);
    let start = nodes.into_iter().flatten().find(|node| node.pointer("/data/type").is_some_and(|t| t == "start"));
    let variables = start.and_then(|node| node.pointer("/data/variables")).and_then(Value::as_array);
    let entries = variables.into_iter().flatten().map(|variable| {
        let kind = variable["type"].as_str().unwrap_or("text-input");
        json!({kind: variable})
    });
    Value::Array(entries.collect())
}

/// Name and description of the app
#[utoipa::path(get, path = "/v1/info", tag = "service", responses((status = 200, body = Object)))]
async fn get_info(State(state): State<AppState>, app: ServiceApp) -> Result<Json<Value>> {
    let row = db::find_app(&state.db, app.workspace_id, app.app_id).await?.ok_or_else(not_found)?;
    Ok(Json(json!({
        "name": row.name,
        "description": row.description,
        "tags": row.tags,
        "mode": row.mode,
        "author_name": row.created_by_name.unwrap_or_default(),
    })))
}

/// Icons of the app's tools
#[utoipa::path(get, path = "/v1/meta", tag = "service", responses((status = 200, body = Object)))]
async fn get_meta(_: ServiceApp) -> Json<Value> {
    // no tool of ours has one
    Json(json!({"tool_icons": {}}))
}

/// How the app's page presents it. Empty texts fall back to the app's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    pub title: String,
    /// `#rgb` or `#rrggbb`; empty or null: ours
    pub chat_color_theme: Option<String>,
    pub chat_color_theme_inverted: bool,
    pub description: Option<String>,
    pub copyright: Option<String>,
    pub privacy_policy: Option<String>,
    pub input_placeholder: Option<String>,
    pub custom_disclaimer: String,
    /// Empty: as the visitor's browser says
    pub default_language: String,
    pub show_workflow_steps: bool,
    /// How the page looks to who has not chosen
    pub default_theme: SiteTheme,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SiteTheme {
    #[default]
    System,
    Light,
    Dark,
}

impl Site {
    pub fn of(app: &db::AppRow) -> Self {
        let site: Self = serde_json::from_value(app.site.clone()).unwrap_or_default();
        let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
        Self { title: or(site.title, &app.name), description: site.description.or_else(|| Some(app.description.clone())), ..site }
    }

    /// Whether a change names known keys with values of their types.
    pub fn check_patch(patch: &Value) -> Result<()> {
        if !patch.is_object() || patch.to_string().len() > 20_000 {
            return Err(Error::invalid("site", "site must be an object of at most 20,000 characters."));
        }
        let site: Self = serde_path_to_error::deserialize(patch.clone()).map_err(|e| {
            let path = format!("site.{}", e.path());
            Error::invalid(&path, format!("{path}: {}.", e.inner()))
        })?;
        let color = site.chat_color_theme.unwrap_or_default();
        let is_hex = |digits: &str| matches!(digits.len(), 3 | 6) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !color.is_empty() && !color.strip_prefix('#').is_some_and(is_hex) {
            return Err(Error::invalid("site.chat_color_theme", "site.chat_color_theme must be a color like #0f766e, or empty."));
        }
        Ok(())
    }
}

/// The page of a published app, as a visitor finds it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SitePage {
    pub mode: AppMode,
    pub app: AppFace,
    pub site: Site,
    /// As `/v1/parameters` gives them
    #[schema(value_type = Object)]
    pub parameters: Value,
}

impl SitePage {
    /// 400 `app_unavailable` when nothing is published.
    pub async fn of(state: &AppState, workspace_id: WorkspaceId, app_id: AppId) -> Result<Self> {
        let runnable = RunnableApp::published(&state.db, workspace_id, app_id).await?;
        let row = db::find_app(&state.db, workspace_id, app_id).await?.ok_or_else(not_found)?;
        let site = Site::of(&row);
        let app = AppFace { name: row.name, icon_type: row.icon_type, icon: row.icon, icon_background: row.icon_background };
        Ok(Self { mode: row.mode, app, site, parameters: parameters(&runnable, &state.config) })
    }
}

/// How the app's page presents it
#[utoipa::path(get, path = "/v1/site", tag = "service", responses((status = 200, body = Object), (status = 403)))]
async fn get_site(State(state): State<AppState>, app: ServiceApp) -> Result<Json<Value>> {
    let row = db::find_app(&state.db, app.workspace_id, app.app_id).await?.ok_or_else(not_found)?;
    if !row.enable_site {
        return Err(Error::new(Code::Forbidden, "The app's site is disabled."));
    }
    let site = Site::of(&row);
    let icon_url = (row.icon_type == "link").then_some(&row.icon);
    Ok(Json(json!({
        "title": site.title, "chat_color_theme": site.chat_color_theme, "chat_color_theme_inverted": site.chat_color_theme_inverted,
        "icon_type": row.icon_type, "icon": row.icon, "icon_background": row.icon_background, "icon_url": icon_url,
        "description": site.description, "copyright": site.copyright, "privacy_policy": site.privacy_policy,
        "input_placeholder": site.input_placeholder, "custom_disclaimer": site.custom_disclaimer,
        "default_language": if site.default_language.is_empty() { "en-US" } else { &site.default_language },
        "show_workflow_steps": site.show_workflow_steps,
        "use_icon_as_answer_icon": row.use_icon_as_answer_icon,
    })))
}
