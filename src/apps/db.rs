//! Statements over `apps` and `app_versions`.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::annotations::Settings;
use super::{AppFace, AppHead, AppMode};
use crate::error::Result;
use crate::ids::{AccountId, AppId, AppVersionId, WorkspaceId};

/// An app with its draft.
#[derive(Debug, Clone)]
pub struct AppRow {
    pub id: AppId,
    pub name: String,
    pub description: String,
    pub mode: AppMode,
    pub icon_type: String,
    pub icon: String,
    pub icon_background: String,
    pub use_icon_as_answer_icon: bool,
    pub tags: Vec<String>,
    pub enable_api: bool,
    pub enable_site: bool,
    pub site_code: String,
    pub enable_mcp: bool,
    pub mcp_code: String,
    pub max_active_requests: i32,
    pub site: Value,
    pub draft: Value,
    pub draft_revision: i64,
    pub published_version_id: Option<AppVersionId>,
    /// The draft is not what is published.
    pub has_unpublished_changes: bool,
    pub annotation_reply: Value,
    pub dsl_extra: Value,
    pub created_by_name: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[cfg(test)]
impl AppRow {
    /// The row that importing `document` makes.
    pub fn example(document: &super::dsl::Document) -> Self {
        let d = document.clone();
        Self {
            id: AppId::new(),
            name: d.name,
            description: d.description,
            mode: d.mode,
            icon_type: d.icon_type,
            icon: d.icon,
            icon_background: d.icon_background,
            use_icon_as_answer_icon: d.use_icon_as_answer_icon,
            tags: Vec::new(),
            enable_api: true,
            enable_site: true,
            site_code: String::new(),
            enable_mcp: false,
            mcp_code: String::new(),
            max_active_requests: 0,
            site: Value::Null,
            draft: d.config,
            draft_revision: 1,
            published_version_id: None,
            has_unpublished_changes: true,
            annotation_reply: Value::Null,
            dsl_extra: d.extra,
            created_by_name: None,
            created_at: Utc::now(),
            updated_at: Utc::now(),
        }
    }
}

pub async fn find_app(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId) -> Result<Option<AppRow>> {
    let row = sqlx::query_as!(
        AppRow,
        r#"select a.id as "id: AppId", a.name, a.description, a.mode as "mode: AppMode", a.icon_type, a.icon, a.icon_background,
                  a.use_icon_as_answer_icon, a.tags, a.enable_api, a.enable_site, a.site_code, a.enable_mcp, a.mcp_code, a.max_active_requests, a.site, a.draft,
                  a.draft_revision, a.published_version_id as "published_version_id: AppVersionId",
                  (v.id is null or v.config <> a.draft) as "has_unpublished_changes!", a.annotation_reply, a.dsl_extra,
                  c.name as "created_by_name?", a.created_at, a.updated_at
           from apps a left join app_versions v on v.id = a.published_version_id left join accounts c on c.id = a.created_by
           where a.workspace_id = $1 and a.id = $2 and a.deleted_at is null"#,
        workspace_id.0,
        app_id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

pub struct NewApp<'a> {
    pub id: AppId,
    pub name: &'a str,
    pub description: &'a str,
    pub mode: AppMode,
    pub icon_type: &'a str,
    pub icon: &'a str,
    pub icon_background: &'a str,
    pub use_icon_as_answer_icon: bool,
    pub draft: &'a Value,
    pub dsl_extra: &'a Value,
}

pub async fn insert_app(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, created_by: Option<AccountId>, app: NewApp<'_>) -> Result<()> {
    sqlx::query!(
        "insert into apps (id, workspace_id, name, description, mode, icon_type, icon, icon_background, use_icon_as_answer_icon,
                           draft, dsl_extra, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        app.id.0,
        workspace_id.0,
        app.name,
        app.description,
        app.mode.as_str(),
        app.icon_type,
        app.icon,
        app.icon_background,
        app.use_icon_as_answer_icon,
        app.draft,
        app.dsl_extra,
        created_by.map(|id| id.0)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A copy of an app's draft and looks under a new id; keys, versions, annotations and messages stay with the first. False
/// when there is no such app.
pub async fn duplicate_app(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    created_by: AccountId,
    (new_id, name): (AppId, &str),
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into apps (id, workspace_id, name, description, mode, icon_type, icon, icon_background, use_icon_as_answer_icon, tags,
                           max_active_requests, site, draft, dsl_extra, created_by)
         select $3, workspace_id, $4, description, mode, icon_type, icon, icon_background, use_icon_as_answer_icon, tags,
                max_active_requests, site, draft, dsl_extra, $5
         from apps where workspace_id = $1 and id = $2 and deleted_at is null",
        workspace_id.0,
        app_id.0,
        new_id.0,
        name,
        created_by.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// New values; none = unchanged.
#[derive(Debug, Default)]
pub struct AppChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub icon_type: Option<String>,
    pub icon: Option<String>,
    pub icon_background: Option<String>,
    pub tags: Option<Vec<String>>,
    pub enable_api: Option<bool>,
    pub enable_site: Option<bool>,
    pub enable_mcp: Option<bool>,
    pub max_active_requests: Option<i32>,
    /// Keys to set.
    pub site: Option<Value>,
}

pub async fn update_app(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, change: AppChange) -> Result<bool> {
    let done = sqlx::query!(
        "update apps set name = coalesce($3, name), description = coalesce($4, description), icon_type = coalesce($5, icon_type),
                icon = coalesce($6, icon), icon_background = coalesce($7, icon_background), tags = coalesce($8, tags),
                enable_api = coalesce($9, enable_api), enable_site = coalesce($10, enable_site),
                max_active_requests = coalesce($11, max_active_requests), site = site || coalesce($12::jsonb, '{}'::jsonb),
                enable_mcp = coalesce($13, enable_mcp), updated_at = now()
         where workspace_id = $1 and id = $2 and deleted_at is null",
        workspace_id.0,
        app_id.0,
        change.name,
        change.description,
        change.icon_type,
        change.icon,
        change.icon_background,
        change.tags.as_deref(),
        change.enable_api,
        change.enable_site,
        change.max_active_requests,
        change.site,
        change.enable_mcp
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// New addresses in place of the old ones. False when there is no such app.
pub async fn renew_code(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, of_mcp: bool) -> Result<bool> {
    let done = sqlx::query!(
        "update apps set mcp_code = case when $3 then md5(gen_random_uuid()::text) else mcp_code end,
                site_code = case when $3 then site_code else substr(md5(gen_random_uuid()::text), 1, 16) end
         where workspace_id = $1 and id = $2 and deleted_at is null",
        workspace_id.0,
        app_id.0,
        of_mcp
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The app behind the code of an address, if that door is open.
pub async fn find_published(db: impl PgExecutor<'_>, code: &str, of_mcp: bool) -> Result<Option<(WorkspaceId, AppId)>> {
    let row = sqlx::query!(
        r#"select a.workspace_id as "workspace_id: WorkspaceId", a.id as "id: AppId"
           from apps a join workspaces w on w.id = a.workspace_id
           where case when $2 then a.mcp_code = $1 and a.enable_mcp else a.site_code = $1 and a.enable_site end
             and a.status = 'normal' and a.deleted_at is null and w.status = 'normal'"#,
        code,
        of_mcp
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.workspace_id, row.id)))
}

/// The rows stay for the messages that point to them.
pub async fn delete_app(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId) -> Result<bool> {
    let done = sqlx::query!(
        "update apps set deleted_at = now() where workspace_id = $1 and id = $2 and deleted_at is null",
        workspace_id.0,
        app_id.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the draft if it still has `revision`; false otherwise.
pub async fn replace_draft(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    revision: i64,
    draft: &Value,
) -> Result<bool> {
    let done = sqlx::query!(
        "update apps set draft = $4, draft_revision = draft_revision + 1, updated_at = now()
         where workspace_id = $1 and id = $2 and draft_revision = $3 and deleted_at is null",
        workspace_id.0,
        app_id.0,
        revision,
        draft
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A published version.
#[derive(Debug, Clone)]
pub struct VersionRow {
    pub id: AppVersionId,
    pub number: i32,
    pub name: String,
    pub note: String,
    pub config: Value,
    pub created_by_name: Option<String>,
    pub created_at: DateTime<Utc>,
    /// The one that callers get.
    pub current: bool,
}

/// Makes a version of the draft and publishes it. None when there is no such app.
pub async fn publish(
    tx: &mut PgConnection,
    workspace_id: WorkspaceId,
    app_id: AppId,
    created_by: Option<AccountId>,
    (name, note): (&str, &str),
) -> Result<Option<AppVersionId>> {
    let locked = sqlx::query_scalar!(
        "select draft from apps where workspace_id = $1 and id = $2 and deleted_at is null for update",
        workspace_id.0,
        app_id.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(draft) = locked else { return Ok(None) };
    let id = AppVersionId::new();
    sqlx::query!(
        "with version as (
             insert into app_versions (id, workspace_id, app_id, number, config, name, note, created_by)
             select $3, $1, $2, coalesce(max(number), 0) + 1, $4, $5, $6, $7 from app_versions where workspace_id = $1 and app_id = $2)
         select 1 as one",
        workspace_id.0,
        app_id.0,
        id.0,
        draft,
        name,
        note,
        created_by.map(|id| id.0)
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "update apps set published_version_id = $3, updated_at = now() where workspace_id = $1 and id = $2",
        workspace_id.0,
        app_id.0,
        id.0
    )
    .execute(&mut *tx)
    .await?;
    Ok(Some(id))
}

pub async fn find_version(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    version_id: AppVersionId,
) -> Result<Option<VersionRow>> {
    let row = sqlx::query_as!(
        VersionRow,
        r#"select v.id as "id: AppVersionId", v.number, v.name, v.note, v.config, c.name as "created_by_name?", v.created_at,
                  (a.published_version_id is not distinct from v.id) as "current!"
           from app_versions v join apps a on a.id = v.app_id left join accounts c on c.id = v.created_by
           where v.workspace_id = $1 and v.app_id = $2 and v.id = $3 and a.deleted_at is null"#,
        workspace_id.0,
        app_id.0,
        version_id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Newest first; `config` is left null.
pub async fn list_versions(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<VersionRow>> {
    let rows = sqlx::query_as!(
        VersionRow,
        r#"select v.id as "id: AppVersionId", v.number, v.name, v.note, 'null'::jsonb as "config!", c.name as "created_by_name?",
                  v.created_at, (a.published_version_id is not distinct from v.id) as "current!"
           from app_versions v join apps a on a.id = v.app_id left join accounts c on c.id = v.created_by
           where v.workspace_id = $1 and v.app_id = $2 and a.deleted_at is null and ($3::int is null or v.number < $3)
           order by v.number desc limit $4"#,
        workspace_id.0,
        app_id.0,
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The draft becomes what the version holds. False when either is not there.
pub async fn restore_version(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, version_id: AppVersionId) -> Result<bool> {
    let done = sqlx::query!(
        "update apps a set draft = v.config, draft_revision = a.draft_revision + 1, updated_at = now()
         from app_versions v
         where a.workspace_id = $1 and a.id = $2 and a.deleted_at is null and v.workspace_id = $1 and v.app_id = a.id and v.id = $3",
        workspace_id.0,
        app_id.0,
        version_id.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a call of the API runs.
pub struct RunnableRow {
    pub name: String,
    pub mode: AppMode,
    pub max_active_requests: i32,
    pub annotation_reply: Value,
    pub draft: Value,
    pub version_id: Option<AppVersionId>,
    pub published: Option<Value>,
}

pub async fn find_runnable(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId) -> Result<Option<RunnableRow>> {
    let row = sqlx::query_as!(
        RunnableRow,
        r#"select a.name, a.mode as "mode: AppMode", a.max_active_requests, a.annotation_reply, a.draft,
                  v.id as "version_id?: AppVersionId", v.config as "published?"
           from apps a left join app_versions v on v.id = a.published_version_id
           where a.workspace_id = $1 and a.id = $2 and a.deleted_at is null"#,
        workspace_id.0,
        app_id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

pub async fn find_head(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId) -> Result<Option<AppHead>> {
    let row = sqlx::query!(
        r#"select name, mode as "mode: AppMode", max_active_requests, annotation_reply, published_version_id as "version_id: AppVersionId"
           from apps where workspace_id = $1 and id = $2 and deleted_at is null"#,
        workspace_id.0,
        app_id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| AppHead {
        id: app_id,
        workspace_id,
        name: row.name,
        mode: row.mode,
        version_id: row.version_id,
        max_active_requests: row.max_active_requests.unsigned_abs(),
        annotation_reply: Settings::of(&row.annotation_reply),
    }))
}

pub async fn find_face(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId) -> Result<Option<AppFace>> {
    let face = sqlx::query_as!(
        AppFace,
        "select name, icon_type, icon, icon_background from apps where workspace_id = $1 and id = $2 and deleted_at is null",
        workspace_id.0,
        app_id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(face)
}

/// Names that `model.provider` of this workspace's apps may hold, without `local`.
pub async fn provider_names(db: impl PgExecutor<'_>, workspace_id: WorkspaceId) -> Result<BTreeSet<String>> {
    let names = sqlx::query_scalar!("select name from providers where workspace_id = $1", workspace_id.0).fetch_all(db).await?;
    Ok(names.into_iter().collect())
}
