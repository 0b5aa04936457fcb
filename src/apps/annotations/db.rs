//! Statements over `annotations`, and over the jobs that embed them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::error::Result;
use crate::ids::{AccountId, AnnotationId, AppId, JobId, MessageId, WorkspaceId};

#[derive(Debug, Clone)]
pub struct AnnotationRow {
    pub id: AnnotationId,
    pub question: String,
    pub answer: String,
    pub hit_count: i32,
    pub account_id: Option<AccountId>,
    pub account_name: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// Newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    keyword: Option<&str>,
    (limit, offset): (i64, i64),
) -> Result<Vec<AnnotationRow>> {
    let rows = sqlx::query_as!(
        AnnotationRow,
        r#"select n.id as "id: AnnotationId", n.question, n.answer, n.hit_count, n.account_id as "account_id: AccountId",
                  c.name as "account_name?", n.created_at
           from annotations n left join accounts c on c.id = n.account_id
           where n.workspace_id = $1 and n.app_id = $2
             and ($3::text is null or strpos(lower(n.question || E'\n' || n.answer), lower($3)) > 0)
           order by n.id desc limit $4 offset $5"#,
        workspace_id.0,
        app_id.0,
        keyword,
        limit,
        offset
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// How many [`list`] would give without limit.
pub async fn count(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, keyword: Option<&str>) -> Result<i64> {
    let n = sqlx::query_scalar!(
        r#"select count(*) as "n!" from annotations
           where workspace_id = $1 and app_id = $2
             and ($3::text is null or strpos(lower(question || E'\n' || answer), lower($3)) > 0)"#,
        workspace_id.0,
        app_id.0,
        keyword
    )
    .fetch_one(db)
    .await?;
    Ok(n)
}

/// Older than `before`, newest first.
pub async fn list_before(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    before: Option<AnnotationId>,
    limit: i64,
) -> Result<Vec<AnnotationRow>> {
    let rows = sqlx::query_as!(
        AnnotationRow,
        r#"select n.id as "id: AnnotationId", n.question, n.answer, n.hit_count, n.account_id as "account_id: AccountId",
                  c.name as "account_name?", n.created_at
           from annotations n left join accounts c on c.id = n.account_id
           where n.workspace_id = $1 and n.app_id = $2 and ($3::uuid is null or n.id < $3)
           order by n.id desc limit $4"#,
        workspace_id.0,
        app_id.0,
        before.map(|id| id.0),
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    (account_id, message_id): (Option<AccountId>, Option<MessageId>),
    (question, answer): (&str, &str),
) -> Result<AnnotationRow> {
    let row = sqlx::query_as!(
        AnnotationRow,
        r#"insert into annotations (id, workspace_id, app_id, question, answer, account_id, message_id) values ($1, $2, $3, $4, $5, $6, $7)
           returning id as "id: AnnotationId", question, answer, hit_count, account_id as "account_id: AccountId",
                     (select name from accounts where id = $6) as "account_name?", created_at"#,
        AnnotationId::new().0,
        workspace_id.0,
        app_id.0,
        question,
        answer,
        account_id.map(|id| id.0),
        message_id.map(|id| id.0)
    )
    .fetch_one(db)
    .await?;
    Ok(row)
}

/// A changed question loses its embedding.
pub async fn update(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    id: AnnotationId,
    (question, answer): (&str, &str),
) -> Result<Option<AnnotationRow>> {
    let row = sqlx::query_as!(
        AnnotationRow,
        r#"update annotations n set question = $4, answer = $5, updated_at = now(),
                  embedding = case when question = $4 then embedding end, embedding_model = case when question = $4 then embedding_model end
           where workspace_id = $1 and app_id = $2 and id = $3
           returning id as "id: AnnotationId", question, answer, hit_count, account_id as "account_id: AccountId",
                     (select name from accounts c where c.id = n.account_id) as "account_name?", created_at"#,
        workspace_id.0,
        app_id.0,
        id.0,
        question,
        answer
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

pub async fn delete(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, id: AnnotationId) -> Result<bool> {
    let done = sqlx::query!("delete from annotations where workspace_id = $1 and app_id = $2 and id = $3", workspace_id.0, app_id.0, id.0)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// `text` is normalised as `annotations::normalized` does.
pub async fn find_by_text(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, text: &str) -> Result<Option<AnnotationId>> {
    let id = sqlx::query_scalar!(
        r#"select id as "id: AnnotationId" from annotations
           where workspace_id = $1 and app_id = $2 and lower(btrim(regexp_replace(question, '\s+', ' ', 'g'))) = lower($3)
           order by id desc limit 1"#,
        workspace_id.0,
        app_id.0,
        text
    )
    .fetch_optional(db)
    .await?;
    Ok(id)
}

/// One more hit; gives the row.
pub async fn count_hit(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    id: AnnotationId,
) -> Result<Option<AnnotationRow>> {
    let row = sqlx::query_as!(
        AnnotationRow,
        r#"update annotations n set hit_count = hit_count + 1 where workspace_id = $1 and app_id = $2 and id = $3
           returning id as "id: AnnotationId", question, answer, hit_count, account_id as "account_id: AccountId",
                     (select name from accounts c where c.id = n.account_id) as "account_name?", created_at"#,
        workspace_id.0,
        app_id.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

pub async fn any_embedded(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId) -> Result<bool> {
    let any = sqlx::query_scalar!(
        r#"select exists (select 1 from annotations where workspace_id = $1 and app_id = $2 and embedding is not null) as "any!""#,
        workspace_id.0,
        app_id.0
    )
    .fetch_one(db)
    .await?;
    Ok(any)
}

pub async fn list_embeddings(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    model: &str,
) -> Result<Vec<(AnnotationId, Vec<u8>)>> {
    let rows = sqlx::query!(
        r#"select id as "id: AnnotationId", embedding as "embedding!" from annotations
           where workspace_id = $1 and app_id = $2 and embedding_model = $3 and embedding is not null"#,
        workspace_id.0,
        app_id.0,
        model
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.embedding)).collect())
}

/// Id and question of what `model` has not embedded yet.
pub async fn list_unembedded(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    model: &str,
    limit: i64,
) -> Result<Vec<(AnnotationId, String)>> {
    let rows = sqlx::query!(
        r#"select id as "id: AnnotationId", question from annotations
           where workspace_id = $1 and app_id = $2 and embedding_model is distinct from $3 order by id limit $4"#,
        workspace_id.0,
        app_id.0,
        model,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.question)).collect())
}

/// Unless the question changed meanwhile.
pub async fn set_embedding(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    id: AnnotationId,
    question: &str,
    embedding: &[u8],
    model: &str,
) -> Result<()> {
    sqlx::query!(
        "update annotations set embedding = $4, embedding_model = $5 where workspace_id = $1 and id = $2 and question = $3",
        workspace_id.0,
        id.0,
        question,
        embedding,
        model
    )
    .execute(db)
    .await?;
    Ok(())
}

/// `apps.annotation_reply`; none when there is no such app.
pub async fn find_settings(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId) -> Result<Option<Value>> {
    let settings = sqlx::query_scalar!(
        "select annotation_reply from apps where workspace_id = $1 and id = $2 and deleted_at is null",
        workspace_id.0,
        app_id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(settings)
}

pub async fn set_settings(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, settings: &Value) -> Result<bool> {
    let done = sqlx::query!(
        "update apps set annotation_reply = $3, updated_at = now() where workspace_id = $1 and id = $2 and deleted_at is null",
        workspace_id.0,
        app_id.0,
        settings
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn set_max_attempts(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: JobId, max_attempts: i32) -> Result<()> {
    sqlx::query!("update jobs set max_attempts = $3 where workspace_id = $1 and id = $2", workspace_id.0, id.0, max_attempts)
        .execute(db)
        .await?;
    Ok(())
}

/// Status and error of one of the app's embedding jobs.
pub async fn find_job(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    kind: &str,
    id: JobId,
) -> Result<Option<(String, Option<String>)>> {
    let row = sqlx::query!(
        "select status, error from jobs where workspace_id = $1 and kind = $2 and id = $3 and payload ->> 'app_id' = $4",
        workspace_id.0,
        kind,
        id.0,
        app_id.to_string()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.status, row.error)))
}
