//! A run as it is kept: what was asked, by whom, of which version of which app.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::vars::Vars;
use crate::accounts::Door;
use crate::apps::AppMode;
use crate::files::{Owner, Scope};
use crate::ids::{AccountId, AppId, AppVersionId, ConversationId, EndUserId, MessageId, TaskId, WorkflowRunId, WorkspaceId};

/// Everything that is known of a run before it begins, and that it needs to go on in another process.
#[derive(Debug, Clone)]
pub struct NewRun {
    pub id: WorkflowRunId,
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    /// None for a draft.
    pub version_id: Option<AppVersionId>,
    /// Of a draft: its workflow section.
    pub draft_config: Option<Value>,
    pub mode: AppMode,
    pub triggered_from: TriggeredFrom,
    pub source: Source,
    /// Where it starts, when that is not the start node.
    pub entry_node_id: Option<String>,
    /// The caller's, checked, and the system variables as `sys.…`.
    pub inputs: Vars,
    pub creator: Creator,
    /// Of chatflows.
    pub conversation_id: Option<ConversationId>,
    /// Of chatflows.
    pub message_id: Option<MessageId>,
    /// How many runs stand around it, each calling the next as a tool.
    pub call_depth: u32,
    pub task_id: TaskId,
    pub created_at: DateTime<Utc>,
}

impl NewRun {
    /// A member tries a draft: what its nodes give is kept for the member's next steps.
    pub fn is_of_draft(&self) -> bool {
        self.draft_config.is_some() && self.triggered_from == TriggeredFrom::Debugging && self.creator.account_id().is_some()
    }

    /// Whose the files are that its nodes make.
    pub fn scope(&self) -> Scope {
        Scope { workspace_id: self.workspace_id, app_id: self.app_id, owner: self.creator.owner() }
    }
}

/// Who a run is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creator {
    /// `user`: as the caller named it.
    EndUser {
        id: EndUserId,
        user: String,
    },
    Account {
        id: AccountId,
        name: String,
        email: String,
    },
    /// A trigger's run, or one that the OpenAI API asked for.
    Nobody,
}

impl Creator {
    /// Whose its files are.
    pub fn owner(&self) -> Owner {
        match self {
            Self::EndUser { id, .. } => Owner::EndUser(*id),
            Self::Account { id, .. } => Owner::Account(*id),
            Self::Nobody => Owner::Nobody,
        }
    }

    pub fn end_user_id(&self) -> Option<EndUserId> {
        match self {
            Self::EndUser { id, .. } => Some(*id),
            _ => None,
        }
    }

    pub fn account_id(&self) -> Option<AccountId> {
        match self {
            Self::Account { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// `sys.user_id`
    pub fn user(&self) -> String {
        match self {
            Self::EndUser { user, .. } => user.clone(),
            Self::Account { id, .. } => id.to_string(),
            Self::Nobody => String::new(),
        }
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
        #[sqlx(type_name = "text", rename_all = "kebab-case")]
        pub enum $name { $($variant),* }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $text),* })
            }
        }
    };
}

named!(
    /// What made a run begin.
    TriggeredFrom { AppRun = "app-run", Debugging = "debugging", Webhook = "webhook", Schedule = "schedule" }
);
named!(
    /// Through which door it was asked for.
    Source { ServiceApi = "service-api", WebApp = "web-app", Mcp = "mcp", Debugger = "debugger" }
);

impl From<Door> for Source {
    fn from(door: Door) -> Self {
        match door {
            Door::Key => Self::ServiceApi,
            Door::Site => Self::WebApp,
            Door::Mcp => Self::Mcp,
        }
    }
}
