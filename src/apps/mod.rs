//! Apps: their settings as a draft, their published versions, import and export, annotations.
//!
//! - An app has one draft, changed with an optimistic revision, and any number of published versions, which never change;
//!   callers of the API get the current version.
//! - A config is kept as the JSON it came as; [`ModelConfig`] is the typed view of what basic apps use.
//! - Knows no conversations, messages or model calls: those are `chat`'s.

pub mod annotations;
pub mod cli;
pub mod config;
mod db;
pub mod dsl;
pub mod inputs;
pub mod moderation;
mod routes;
mod service;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::error::{Code, Error, Result};
use crate::ids::{AppId, AppVersionId, WorkspaceId};
use crate::state::AppState;

pub use config::ModelConfig;

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
    /// The `model_config` or `workflow` section; read the first with [`RunnableApp::model_config`].
    pub config: Value,
    /// 0 = no limit.
    pub max_active_requests: i32,
    pub annotation_reply: annotations::Settings,
}

impl RunnableApp {
    /// The published version; 400 `app_unavailable` when there is none.
    pub async fn published(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId) -> Result<Self> {
        let row = db::find_runnable(db, workspace_id, app_id).await?.ok_or_else(not_found)?;
        let (version_id, published) = (row.version_id, row.published.clone());
        Self::of(workspace_id, app_id, row, version_id, published.ok_or_else(unavailable)?)
    }

    /// The draft, or `unsaved` in its place.
    pub async fn draft(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId, unsaved: Option<Value>) -> Result<Self> {
        let row = db::find_runnable(db, workspace_id, app_id).await?.ok_or_else(not_found)?;
        let config = match unsaved {
            Some(config) => {
                check_config(row.mode, &config)?;
                config
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

    /// For chat and completion apps. 400 `app_unavailable` for modes that can't be run yet.
    pub fn model_config(&self) -> Result<ModelConfig> {
        if !matches!(self.mode, AppMode::Chat | AppMode::Completion) {
            let text = format!("Apps of mode {} can't be run by this server yet.", self.mode.as_str());
            return Err(Error::new(Code::AppUnavailable, text));
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

/// The console's routes.
pub fn console_routes() -> OpenApiRouter<AppState> {
    routes::routes().merge(annotations::console_routes())
}

/// The service API's routes.
pub fn service_routes() -> OpenApiRouter<AppState> {
    service::routes().merge(annotations::service_routes())
}
