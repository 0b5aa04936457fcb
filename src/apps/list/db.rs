//! Statements over the list of apps and their tags.

use sqlx::PgExecutor;

use super::{Cursor, Filter, Sort, Tag};
use crate::apps::AppMode;
use crate::apps::routes::AppSummary;
use crate::error::Result;
use crate::ids::{AppId, WorkspaceId};

/// In the filter's order, behind `after`.
pub(super) async fn list_apps(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<AppSummary>> {
    let by_update = filter.sort == Sort::Updated;
    let by_name = filter.sort == Sort::Name;
    let rows = sqlx::query_as!(
        AppSummary,
        r#"select a.id as "id: AppId", a.name, a.description, a.mode as "mode: AppMode", a.icon_type, a.icon, a.icon_background, a.tags,
                  (a.published_version_id is not null) as "published!", c.name as "created_by_name?", a.created_at, a.updated_at
           from apps a left join accounts c on c.id = a.created_by
           where a.workspace_id = $1 and a.deleted_at is null
             and ($2::text is null or a.mode = $2)
             and ($3::text is null or $3 = any(a.tags))
             and ($4::text is null or strpos(lower(a.name || ' ' || a.description), lower($4)) > 0)
             and ($5::uuid is null or a.created_by = $5)
             and ($6::uuid is null
                  or ($7 and (a.updated_at, a.id) < ($8, $6))
                  or ($9 and (lower(a.name), a.id) > (lower($10), $6))
                  or (not $7 and not $9 and a.id < $6))
           order by case when $7 then a.updated_at end desc, case when $9 then lower(a.name) end,
                    case when $9 then a.id end, a.id desc
           limit $11"#,
        workspace_id.0,
        filter.mode.map(AppMode::as_str),
        filter.tag,
        filter.keyword,
        filter.created_by.map(|id| id.0),
        after.map(|cursor| cursor.id),
        by_update,
        after.and_then(|cursor| cursor.updated_at),
        by_name,
        after.and_then(|cursor| cursor.name.as_deref()),
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

pub(super) async fn list_tags(db: impl PgExecutor<'_>, workspace_id: WorkspaceId) -> Result<Vec<Tag>> {
    let rows = sqlx::query_as!(
        Tag,
        r#"select tag as "name!", count(*) as "n_apps!"
           from apps, unnest(tags) tag where workspace_id = $1 and deleted_at is null group by tag order by lower(tag), tag"#,
        workspace_id.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// False when no app carries it.
pub(super) async fn rename_tag(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, tag: &str, name: &str) -> Result<bool> {
    let done = sqlx::query!(
        "update apps set tags = case when $3 = any(tags) and $3 <> $2 then array_remove(tags, $2) else array_replace(tags, $2, $3) end
         where workspace_id = $1 and $2 = any(tags) and deleted_at is null",
        workspace_id.0,
        tag,
        name
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// False when no app carries it.
pub(super) async fn delete_tag(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, tag: &str) -> Result<bool> {
    let done = sqlx::query!(
        "update apps set tags = array_remove(tags, $2) where workspace_id = $1 and $2 = any(tags) and deleted_at is null",
        workspace_id.0,
        tag
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
