//! Taking in bytes: streamed into the object store under the limit of their kind, checked, then given a row.

use bytes::Bytes;
use futures::Stream;
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio_stream::StreamExt;

use super::check::{self, Content, FileName};
use super::db;
use super::resolve::{Owner, Scope};
use super::{FileKind, db::FileRow};
use crate::error::{Code, Error, Result};
use crate::ids::{AppId, FileId, WorkspaceId};
use crate::state::AppState;

/// Bytes that are enough to tell a file's type.
const HEAD: usize = 8192;

/// Bytes in the store that have no row yet.
#[derive(Debug)]
pub struct Stored {
    pub id: FileId,
    pub name: FileName,
    pub content: Content,
    pub size: u64,
    sha256: [u8; 32],
    key: String,
}

/// Takes in one file. On failure nothing stays behind.
pub async fn take(state: &AppState, workspace_id: WorkspaceId, name: FileName, body: impl Stream<Item = Result<Bytes>>) -> Result<Stored> {
    let id = FileId::new();
    let key = format!("{workspace_id}/{id}");
    let upload = state.blobs.put_multipart(&Path::from(key.as_str())).await.map_err(storage)?;
    let mut writer = WriteMultipart::new(upload);
    match copy(state, &name, &mut writer, body).await {
        Ok((content, size, sha256)) => {
            writer.finish().await.map_err(storage)?;
            Ok(Stored { id, name, content, size, sha256, key })
        }
        Err(error) => {
            if let Err(e) = writer.abort().await {
                tracing::warn!(file.id = %id, error.cause = %e, "a refused upload could not be removed");
            }
            Err(error)
        }
    }
}

async fn copy(
    state: &AppState,
    name: &FileName,
    writer: &mut WriteMultipart,
    body: impl Stream<Item = Result<Bytes>>,
) -> Result<(Content, u64, [u8; 32])> {
    let limit_mb = name.kind().limit_mb(&state.config);
    let limit = limit_mb << 20;
    // of a picture all is kept: its header may point far into the file
    let keep = if name.kind() == FileKind::Image { usize::MAX } else { HEAD };
    let (mut head, mut size, mut hash) = (Vec::new(), 0u64, Sha256::new());
    let mut body = std::pin::pin!(body);
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        size += chunk.len() as u64;
        if size > limit {
            let text = format!("File size exceeded: a file of this kind may have at most {limit_mb} MB.");
            return Err(Error::new(Code::FileTooLarge, text).param("file"));
        }
        hash.update(&chunk);
        head.extend_from_slice(&chunk[..chunk.len().min(keep.saturating_sub(head.len()))]);
        writer.wait_for_capacity(4).await.map_err(storage)?;
        writer.put(chunk);
    }
    if size == 0 {
        return Err(Error::invalid("file", "The file is empty."));
    }
    Ok((check::content(name, &head, &state.config)?, size, hash.finalize().into()))
}

/// Gives stored bytes their row.
pub async fn record(state: &AppState, scope: &Scope, app_id: Option<AppId>, stored: Stored) -> Result<FileRow> {
    let (end_user_id, account_id) = match scope.owner {
        Owner::EndUser(id) => (Some(id), None),
        Owner::Account(id) => (None, Some(id)),
        Owner::Nobody => (None, None),
    };
    let file = db::NewFile {
        id: stored.id,
        app_id,
        end_user_id,
        account_id,
        name: &stored.name.name,
        extension: &stored.name.extension,
        mime_type: &stored.content.mime_type,
        kind: stored.name.kind(),
        size: i64::try_from(stored.size).unwrap_or(i64::MAX),
        sha256: &stored.sha256,
        blob_key: &stored.key,
        pixels: stored.content.pixels,
    };
    db::insert(&state.db, scope.workspace_id, file).await
}

/// Removes bytes that will get no row.
pub async fn discard(state: &AppState, stored: &Stored) {
    if let Err(e) = state.blobs.delete(&Path::from(stored.key.as_str())).await {
        tracing::warn!(file.id = %stored.id, error.cause = %e, "a refused upload could not be removed");
    }
}

/// The whole of a stored file.
pub async fn read(state: &AppState, blob_key: &str) -> Result<Bytes> {
    let found = state.blobs.get(&Path::from(blob_key)).await.map_err(storage)?;
    found.bytes().await.map_err(storage)
}

pub(super) fn storage(error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::new(Code::FileNotFound, "The requested file was not found."),
        other => Error::unavailable("file storage", other),
    }
}
