//! What agents thought.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::ids::{MessageId, ThoughtId, WorkspaceId};

/// A round of an agent.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: ThoughtId,
    pub message_id: MessageId,
    pub position: i32,
    pub thought: String,
    pub tool: String,
    pub tool_labels: Value,
    pub tool_input: String,
    pub observation: String,
    /// Ids of the message's files.
    pub files: Value,
    pub created_at: DateTime<Utc>,
}

/// Writes a round, over what was there.
pub async fn save(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, row: &Row) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into agent_thoughts (id, workspace_id, message_id, position, thought, tool, tool_labels, tool_input, observation, files, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (id) do update set thought = excluded.thought, tool = excluded.tool, tool_labels = excluded.tool_labels,
             tool_input = excluded.tool_input, observation = excluded.observation, files = excluded.files",
        row.id.0,
        workspace_id.0,
        row.message_id.0,
        row.position,
        row.thought,
        row.tool,
        row.tool_labels,
        row.tool_input,
        row.observation,
        row.files,
        row.created_at,
    )
    .execute(db)
    .await
    .map(drop)
}

/// The rounds behind these messages, in order.
pub async fn list(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, messages: &[MessageId]) -> sqlx::Result<Vec<Row>> {
    let ids: Vec<_> = messages.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        Row,
        r#"select id as "id: ThoughtId", message_id as "message_id: MessageId", position, thought, tool, tool_labels, tool_input, observation,
             files, created_at
           from agent_thoughts where workspace_id = $1 and message_id = any($2) order by message_id, position"#,
        workspace_id.0,
        &ids,
    )
    .fetch_all(db)
    .await
}
