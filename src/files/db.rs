//! Statements over `files` and `message_files`.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::{FileKind, TransferMethod};
use crate::error::Result;
use crate::ids::{AccountId, AppId, EndUserId, FileId, MessageFileId, MessageId, WorkspaceId};

#[derive(Debug, Clone)]
pub struct FileRow {
    pub id: FileId,
    pub workspace_id: WorkspaceId,
    pub end_user_id: Option<EndUserId>,
    pub account_id: Option<AccountId>,
    pub name: String,
    pub extension: String,
    pub mime_type: String,
    pub kind: FileKind,
    pub size: i64,
    pub blob_key: String,
    pub created_at: DateTime<Utc>,
}

pub struct NewFile<'a> {
    pub id: FileId,
    pub app_id: Option<AppId>,
    pub end_user_id: Option<EndUserId>,
    pub account_id: Option<AccountId>,
    pub name: &'a str,
    pub extension: &'a str,
    pub mime_type: &'a str,
    pub kind: FileKind,
    pub size: i64,
    pub sha256: &'a [u8],
    pub blob_key: &'a str,
    pub pixels: Option<(u32, u32)>,
}

pub async fn insert(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, file: NewFile<'_>) -> Result<FileRow> {
    let pixels = file.pixels.map(|(w, h)| (i32::try_from(w).unwrap_or(i32::MAX), i32::try_from(h).unwrap_or(i32::MAX)));
    let row = sqlx::query_as!(
        FileRow,
        r#"insert into files (id, workspace_id, app_id, end_user_id, account_id, name, extension, mime_type, kind, size, sha256, blob_key,
                              width, height)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
           returning id as "id: FileId", workspace_id as "workspace_id: WorkspaceId", end_user_id as "end_user_id: EndUserId",
                     account_id as "account_id: AccountId", name, extension, mime_type, kind as "kind: FileKind", size, blob_key, created_at"#,
        file.id.0,
        workspace_id.0,
        file.app_id.map(|id| id.0),
        file.end_user_id.map(|id| id.0),
        file.account_id.map(|id| id.0),
        file.name,
        file.extension,
        file.mime_type,
        file.kind.as_str(),
        file.size,
        file.sha256,
        file.blob_key,
        pixels.map(|p| p.0),
        pixels.map(|p| p.1)
    )
    .fetch_one(db)
    .await?;
    Ok(row)
}

pub async fn find(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: FileId) -> Result<Option<FileRow>> {
    let row = sqlx::query_as!(
        FileRow,
        r#"select id as "id: FileId", workspace_id as "workspace_id: WorkspaceId", end_user_id as "end_user_id: EndUserId",
                  account_id as "account_id: AccountId", name, extension, mime_type, kind as "kind: FileKind", size, blob_key, created_at
           from files where workspace_id = $1 and id = $2"#,
        workspace_id.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Files that an end user uploaded.
pub async fn count_uploads(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, end_user_id: EndUserId) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from files where workspace_id = $1 and end_user_id = $2"#,
        workspace_id.0,
        end_user_id.0
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// For holders of a signed link, which stands for the permission that a workspace is elsewhere.
pub async fn find_signed(db: impl PgExecutor<'_>, id: FileId) -> Result<Option<FileRow>> {
    let row = sqlx::query_as!(
        FileRow,
        r#"select id as "id: FileId", workspace_id as "workspace_id: WorkspaceId", end_user_id as "end_user_id: EndUserId",
                  account_id as "account_id: AccountId", name, extension, mime_type, kind as "kind: FileKind", size, blob_key, created_at
           from files where id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Who refers to a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Reference {
    Nobody,
    ThisApp,
    AnotherApp,
}

/// Whether a message of this app, or only of others, holds the file.
pub async fn find_reference(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, id: FileId) -> Result<Reference> {
    let this_app = sqlx::query_scalar!(
        r#"select bool_or(m.app_id = $2) from message_files f join messages m on m.id = f.message_id
           where f.workspace_id = $1 and f.file_id = $3"#,
        workspace_id.0,
        app_id.0,
        id.0
    )
    .fetch_one(db)
    .await?;
    Ok(match this_app {
        None => Reference::Nobody,
        Some(true) => Reference::ThisApp,
        Some(false) => Reference::AnotherApp,
    })
}

pub struct NewMessageFile<'a> {
    pub id: MessageFileId,
    pub file_id: Option<FileId>,
    pub kind: FileKind,
    pub transfer_method: TransferMethod,
    pub url: Option<&'a str>,
    pub belongs_to: &'a str,
    pub position: i32,
}

pub async fn insert_message_file(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    message_id: MessageId,
    file: NewMessageFile<'_>,
) -> Result<()> {
    // again after a commit that nobody heard of
    sqlx::query!(
        "insert into message_files (id, workspace_id, message_id, file_id, type, transfer_method, url, belongs_to, position)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (id) do nothing",
        file.id.0,
        workspace_id.0,
        message_id.0,
        file.file_id.map(|id| id.0),
        file.kind.as_str(),
        file.transfer_method.as_str(),
        file.url,
        file.belongs_to,
        file.position
    )
    .execute(db)
    .await?;
    Ok(())
}

#[derive(Debug, Clone)]
pub struct MessageFileRow {
    pub id: MessageFileId,
    pub message_id: MessageId,
    pub file_id: Option<FileId>,
    pub kind: FileKind,
    pub transfer_method: TransferMethod,
    pub url: Option<String>,
    pub belongs_to: String,
    pub name: Option<String>,
    pub mime_type: Option<String>,
    pub size: Option<i64>,
    pub blob_key: Option<String>,
}

/// By message, in the order they were sent.
pub async fn list_message_files(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, messages: &[MessageId]) -> Result<Vec<MessageFileRow>> {
    let ids: Vec<uuid::Uuid> = messages.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        MessageFileRow,
        r#"select m.id as "id: MessageFileId", m.message_id as "message_id: MessageId", m.file_id as "file_id: FileId",
                  m.type as "kind: FileKind", m.transfer_method as "transfer_method: TransferMethod", m.url, m.belongs_to,
                  f.name as "name?", f.mime_type as "mime_type?", f.size as "size?", f.blob_key as "blob_key?"
           from message_files m left join files f on f.id = m.file_id and f.workspace_id = $1
           where m.workspace_id = $1 and m.message_id = any($2)
           order by m.message_id, m.position"#,
        workspace_id.0,
        &ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
