//! Apps: their settings as a draft, their published versions, import and export, annotations.
//!
//! - An app has one draft, changed with an optimistic revision, and any number of published versions, which never change;
//!   callers of the API get the current version.
//! - A config is kept as the JSON it came as; [`ModelConfig`] is the typed view of what basic apps use.
//! - Knows no conversations, messages or model calls: those are `chat`'s.

pub mod config;
pub mod inputs;
pub mod moderation;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
