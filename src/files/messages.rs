//! The files of messages: stored with a question, listed in histories, read again for the model.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::seen::seen_of_row;
use super::{FileKind, Resolved, TransferMethod, db, links};
use crate::engine::request::{Detail, Part};
use crate::error::Result;
use crate::ids::{FileId, MessageFileId, MessageId, WorkspaceId};
use crate::state::AppState;

/// A file of a message, as histories show it.
#[derive(Debug, Clone)]
pub struct MessageFile(db::MessageFileRow);

impl MessageFile {
    pub fn message_id(&self) -> MessageId {
        self.0.message_id
    }

    /// An element of `message_files` in the service API; the link in it is freshly signed.
    pub fn service_json(&self, state: &AppState) -> Value {
        let row = &self.0;
        let name = row.name.clone().or_else(|| row.url.as_deref().map(super::resolve::name_of_url)).unwrap_or_default();
        let stored_url = row.file_id.map(|id| links::signed_url(state, id, &name));
        json!({
            "id": row.id,
            "filename": name,
            "type": row.kind,
            "url": stored_url.or_else(|| row.url.clone()),
            "mime_type": row.mime_type,
            "size": row.size,
            "transfer_method": row.transfer_method,
            "belongs_to": row.belongs_to,
            "upload_file_id": row.file_id,
        })
    }
}

/// Stores the files of a question; call it in the transaction that stores the message.
pub async fn insert_message_files(
    tx: &mut PgConnection,
    workspace_id: WorkspaceId,
    message_id: MessageId,
    files: &[Resolved],
) -> Result<()> {
    for (position, file) in files.iter().enumerate() {
        let row = db::NewMessageFile {
            id: MessageFileId::new(),
            file_id: file.file_id,
            kind: file.kind,
            transfer_method: file.transfer_method,
            url: file.url.as_deref(),
            belongs_to: "user",
            position: i32::try_from(position).unwrap_or(i32::MAX),
        };
        db::insert_message_file(&mut *tx, workspace_id, message_id, row).await?;
    }
    Ok(())
}

/// A file that an answer brought.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerFile {
    pub id: MessageFileId,
    pub kind: FileKind,
    /// Signed, of a kept file.
    pub url: String,
    file_id: Option<FileId>,
}

impl AnswerFile {
    /// Of a file value.
    pub fn of_value(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let kind = serde_json::from_value(value.get("type").cloned().unwrap_or_default()).unwrap_or(FileKind::Custom);
        let url = if text("url").is_empty() { text("remote_url") } else { text("url") };
        Self { id: MessageFileId::new(), kind, url: url.to_owned(), file_id: text("related_id").parse().ok() }
    }
}

/// Stores the files of an answer; call it in the transaction that finishes the message.
pub async fn insert_answer_files(
    tx: &mut PgConnection,
    workspace_id: WorkspaceId,
    message_id: MessageId,
    files: &[AnswerFile],
) -> Result<()> {
    for (position, file) in files.iter().enumerate() {
        let row = db::NewMessageFile {
            id: file.id,
            file_id: file.file_id,
            kind: file.kind,
            transfer_method: if file.file_id.is_some() { TransferMethod::ToolFile } else { TransferMethod::RemoteUrl },
            url: file.file_id.is_none().then_some(file.url.as_str()),
            belongs_to: "assistant",
            position: i32::try_from(position).unwrap_or(i32::MAX),
        };
        db::insert_message_file(&mut *tx, workspace_id, message_id, row).await?;
    }
    Ok(())
}

/// The files of these messages, in the order they were sent.
pub async fn list_message_files(state: &AppState, workspace_id: WorkspaceId, messages: &[MessageId]) -> Result<Vec<MessageFile>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    Ok(db::list_message_files(&state.db, workspace_id, messages).await?.into_iter().map(MessageFile).collect())
}

/// Which half of a message files belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Question,
    Answer,
}

/// The pictures and videos that these messages' questions or answers held, for a model that is to see them again.
pub async fn seen_of_messages(
    state: &AppState,
    workspace_id: WorkspaceId,
    messages: &[MessageId],
    side: Side,
    detail: Detail,
) -> Result<HashMap<MessageId, Vec<Part>>> {
    let belongs_to = match side {
        Side::Question => "user",
        Side::Answer => "assistant",
    };
    let mut seen: HashMap<MessageId, Vec<Part>> = HashMap::new();
    for MessageFile(row) in list_message_files(state, workspace_id, messages).await? {
        if row.belongs_to == belongs_to
            && let Some(part) = seen_of_row(state, workspace_id, &row, detail).await?
        {
            seen.entry(row.message_id).or_default().push(part);
        }
    }
    Ok(seen)
}
