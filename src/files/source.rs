//! Where the bytes of a file are: in the object store, else behind a URL.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::{FileKind, db, store};
use crate::error::{Code, Error, Result};
use crate::ids::{FileId, WorkspaceId};
use crate::outbound::Limits;
use crate::state::AppState;

const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// A file of a workspace by its id, else by its URL.
pub(super) struct Source<'a> {
    pub file_id: Option<FileId>,
    pub url: Option<&'a str>,
    pub name: &'a str,
    /// What its URL may give at most.
    pub kind: FileKind,
}

impl<'a> Source<'a> {
    /// Of a file value as workflows pass it on.
    pub fn of_value(file: &'a Value) -> Self {
        let text = |key: &str| file.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        Self {
            file_id: text("related_id").and_then(|id| id.parse().ok()),
            url: text("remote_url").or_else(|| text("url")),
            name: text("filename").unwrap_or("file"),
            kind: FileKind::of_extension(text("extension").unwrap_or_default().trim_start_matches('.')),
        }
    }

    pub async fn read(&self, state: &AppState, workspace_id: WorkspaceId) -> Result<Bytes> {
        let name = self.name;
        if let Some(id) = self.file_id {
            let missing = || Error::new(Code::FileNotFound, format!("The file '{name}' does not exist any more."));
            let row = db::find(&state.db, workspace_id, id).await?.ok_or_else(missing)?;
            return store::read(state, &row.blob_key).await;
        }
        let nowhere = || Error::new(Code::FileNotFound, format!("The file '{name}' has neither the id of a stored file nor a URL."));
        let limits = Limits { max_bytes: self.kind.limit_mb(&state.config) << 20, timeout: FETCH_TIMEOUT };
        let fetched = state.outbound.get(self.url.ok_or_else(nowhere)?, limits).await;
        let (_, bytes) = fetched.map_err(|refusal| Error::invalid("url", format!("The URL of the file '{name}' {refusal}.")))?;
        Ok(bytes)
    }
}
