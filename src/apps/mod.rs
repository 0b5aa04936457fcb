//! Apps: their settings as a draft, their published versions, import and export, annotations.
//!
//! - An app has one draft, changed with an optimistic revision, and any number of published versions, which never change;
//!   callers of the API get the current version.
//! - A config is kept as the JSON it came as; [`ModelConfig`] is the typed view of what basic apps use.
//! - Knows no conversations, messages or model calls, which are `chat`'s, and no graphs, which are `workflows`'.

pub mod annotations;
pub mod cli;
pub mod config;
mod db;
pub mod dsl;
pub mod inputs;
mod list;
pub mod models;
pub mod moderation;
mod routes;
pub mod secret_variables;
mod service;
mod templates;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::error::{Code, Error, Result};
use crate::ids::{AppId, AppVersionId, TaskId, WorkspaceId};
use crate::live::Slot;
use crate::state::AppState;

pub use config::ModelConfig;
pub use routes::{AppVersion, PublishApp, publish};
pub use service::SitePage;

/// What kind of app; never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[sqlx(type_name = "text", rename_all = "kebab-case")]
pub enum AppMode {
    Chat,
    Completion,
    AgentChat,
    AdvancedChat,
    Workflow,
}

impl AppMode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "completion",
            Self::AgentChat => "agent-chat",
            Self::AdvancedChat => "advanced-chat",
            Self::Workflow => "workflow",
        }
    }

    /// Has conversations.
    pub const fn is_chat(self) -> bool {
        matches!(self, Self::Chat | Self::AgentChat | Self::AdvancedChat)
    }

    /// Its config is a workflow section, not a `model_config`.
    pub const fn is_workflow(self) -> bool {
        matches!(self, Self::AdvancedChat | Self::Workflow)
    }
}

/// An app as it is about to answer.
#[derive(Debug, Clone)]
pub struct RunnableApp {
    pub id: AppId,
    pub workspace_id: WorkspaceId,
    pub name: String,
    pub mode: AppMode,
    /// None for a draft.
    pub version_id: Option<AppVersionId>,
    /// The `model_config` or `workflow` section as it is stored; read the first with [`RunnableApp::model_config`].
    pub config: Value,
    /// 0 = no limit.
    pub max_active_requests: i32,
    pub annotation_reply: annotations::Settings,
}

/// An app as its callers find it, without the config: that of a version never changes and is read once.
#[derive(Debug, Clone)]
pub struct AppHead {
    pub id: AppId,
    pub workspace_id: WorkspaceId,
    pub name: String,
    pub mode: AppMode,
    /// None when nothing is published.
    pub version_id: Option<AppVersionId>,
    /// 0 = no limit.
    pub max_active_requests: u32,
    pub annotation_reply: annotations::Settings,
}

impl AppHead {
    pub async fn find(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId) -> Result<Self> {
        db::find_head(db, workspace_id, app_id).await?.ok_or_else(not_found)
    }

    /// One of the app's places for running requests; none when it has no limit. 429 when all are taken.
    pub async fn claim_slot(&self, state: &AppState, task_id: TaskId) -> Result<Option<Slot>> {
        claim_slot(state, self.id, self.max_active_requests, task_id).await
    }
}

/// How an app shows itself to people outside.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AppFace {
    pub name: String,
    /// `emoji`, `image` or `link`
    pub icon_type: String,
    pub icon: String,
    pub icon_background: String,
}

impl AppFace {
    pub async fn find(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId) -> Result<Self> {
        db::find_face(db, workspace_id, app_id).await?.ok_or_else(not_found)
    }
}

/// A door of an app that is open to whoever has its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// Its page.
    Site,
    Mcp,
}

/// The app behind the secret part of an address, if that door is open.
pub async fn find_published(db: &PgPool, code: &str, what: Publication) -> Result<Option<(WorkspaceId, AppId)>> {
    if code.contains('\0') {
        return Ok(None);
    }
    db::find_published(db, code, what == Publication::Mcp).await
}

/// What the app says of itself.
pub async fn description(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId) -> Result<String> {
    Ok(db::find_app(db, workspace_id, app_id).await?.ok_or_else(not_found)?.description)
}

/// One of `max` places for running requests of an app; none when there is no limit (0). 429 when all are taken.
pub async fn claim_slot(state: &AppState, app_id: AppId, max: u32, task_id: TaskId) -> Result<Option<Slot>> {
    if max == 0 {
        return Ok(None);
    }
    let slot = state.live.claim_slot(app_id.0, task_id.0, max).await;
    slot.map(Some).ok_or_else(|| {
        let message =
            format!("Too many requests. Please try again later. The current maximum concurrent requests allowed for {app_id} is {max}.");
        Error::new(Code::TooManyRequests, message).retry_after(1)
    })
}

/// What a version, or with none the draft, holds.
pub async fn find_config(
    db: &PgPool,
    workspace_id: WorkspaceId,
    app_id: AppId,
    version_id: Option<AppVersionId>,
) -> Result<(AppMode, Value)> {
    let row = db::find_app(db, workspace_id, app_id).await?.ok_or_else(not_found)?;
    let config = match version_id {
        None => row.draft,
        Some(id) => find_version_config(db, workspace_id, app_id, id).await?.ok_or_else(|| Error::not_found("Version not found."))?,
    };
    Ok((row.mode, config))
}

/// What a version holds; none when it is not the app's.
pub async fn find_version_config(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId, version_id: AppVersionId) -> Result<Option<Value>> {
    Ok(db::find_version(db, workspace_id, app_id, version_id).await?.map(|row| row.config))
}

/// The features of a workflow section as settings of a basic app: with its start node's form, and the model of its first
/// model node for what is asked on the side (titles, suggested questions).
pub fn workflow_features(config: &Value) -> Result<ModelConfig> {
    let mut section = match config.get("features") {
        Some(Value::Object(features)) => features.clone(),
        _ => Default::default(),
    };
    section.insert("user_input_form".into(), service::start_form(config));
    section.remove("model");
    let nodes = config.pointer("/graph/nodes").and_then(Value::as_array);
    let model = nodes.into_iter().flatten().find_map(|node| {
        let model = node.pointer("/data/model")?;
        let text = |key: &str| model.get(key)?.as_str().filter(|text| !text.trim().is_empty());
        Some(serde_json::json!({"provider": text("provider")?, "name": text("name")?}))
    });
    if let Some(model) = model {
        section.insert("model".into(), model);
    }
    ModelConfig::parse(&Value::Object(section))
}

impl RunnableApp {
    /// The published version; 400 `app_unavailable` when there is none.
    pub async fn published(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId) -> Result<Self> {
        let row = db::find_runnable(db, workspace_id, app_id).await?.ok_or_else(not_found)?;
        let (version_id, published) = (row.version_id, row.published.clone());
        Self::of(workspace_id, app_id, row, version_id, published.ok_or_else(unavailable)?)
    }

    /// The draft, or `unsaved` in its place.
    pub async fn draft(state: &AppState, workspace_id: WorkspaceId, app_id: AppId, unsaved: Option<Value>) -> Result<Self> {
        let row = db::find_runnable(&state.db, workspace_id, app_id).await?.ok_or_else(not_found)?;
        let config = match unsaved {
            Some(config) => {
                check_config(row.mode, &config)?;
                secret_variables::seal(&state.secrets, workspace_id, config, &row.draft)?
            }
            None => row.draft.clone(),
        };
        Self::of(workspace_id, app_id, row, None, config)
    }

    fn of(workspace_id: WorkspaceId, id: AppId, row: db::RunnableRow, version_id: Option<AppVersionId>, config: Value) -> Result<Self> {
        let annotation_reply = annotations::Settings::of(&row.annotation_reply);
        let (name, mode, max_active_requests) = (row.name, row.mode, row.max_active_requests);
        Ok(Self { id, workspace_id, name, mode, version_id, config, max_active_requests, annotation_reply })
    }

    /// Of workflows and chatflows: their features.
    pub fn model_config(&self) -> Result<ModelConfig> {
        if self.mode.is_workflow() {
            return workflow_features(&self.config);
        }
        ModelConfig::parse(&self.config)
    }
}

fn unavailable() -> Error {
    Error::new(Code::AppUnavailable, "App unavailable, please check your app configurations.")
}

fn not_found() -> Error {
    Error::not_found("App not found.")
}

/// What every config must fulfil to be stored.
fn check_config(mode: AppMode, config: &Value) -> Result<()> {
    if !mode.is_workflow() {
        return ModelConfig::parse(config).map(drop);
    }
    if !config.get("graph").is_some_and(Value::is_object) {
        return Err(Error::invalid("graph", "graph must be an object with nodes and edges."));
    }
    Ok(())
}

/// What a config must fulfil to be published, beyond [`check_config`].
fn check_publishable(mode: AppMode, config: &Value) -> Result<()> {
    check_config(mode, config)?;
    if mode.is_workflow() {
        return Ok(());
    }
    match ModelConfig::parse(config)?.unsupported().into_iter().next() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Refuses a config that can't be published, for reasons that only those to the right of this slice know: what a graph needs.
pub type PublishCheck = fn(AppMode, &Value) -> Result<()>;

/// The console's routes.
pub fn console_routes() -> OpenApiRouter<AppState> {
    routes::routes().merge(list::routes()).merge(templates::routes()).merge(models::console_routes()).merge(annotations::console_routes())
}

/// The service API's routes.
pub fn service_routes() -> OpenApiRouter<AppState> {
    service::routes().merge(annotations::service_routes())
}
