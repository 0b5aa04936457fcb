//! Conversations, their variables, and the end users that hold them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgExecutor, QueryBuilder};

use crate::apps::AppMode;
use crate::chat::Caller;
use crate::ids::{AppId, ConversationId, ConversationVariableId, EndUserId, WorkspaceId};
use crate::workflows::version::ConversationVariable;

#[derive(sqlx::FromRow)]
pub struct Row {
    pub id: ConversationId,
    pub name: String,
    pub inputs: Value,
    pub status: String,
    pub introduction: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A conversation of this caller, unless it was deleted.
pub async fn find(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    caller: &Caller,
    id: ConversationId,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"select id as "id: ConversationId", name, inputs, status, introduction, created_at, updated_at from conversations
           where workspace_id = $1 and app_id = $2 and id = $3 and deleted_at is null
             and end_user_id is not distinct from $4 and account_id is not distinct from $5"#,
        workspace_id.0,
        app_id.0,
        id.0,
        caller.end_user.map(|id| id.0),
        caller.account.map(|id| id.0),
    )
    .fetch_optional(db)
    .await
}

/// How a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub by_update: bool,
    pub descending: bool,
}

/// Conversations of an end user behind `after`.
pub async fn list(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    end_user_id: EndUserId,
    order: Order,
    after: Option<&Row>,
    limit: i64,
) -> sqlx::Result<Vec<Row>> {
    let column = if order.by_update { "updated_at" } else { "created_at" };
    let (direction, compare) = if order.descending { (" desc", " < ") } else { ("", " > ") };
    let mut query = QueryBuilder::new(
        "select id, name, inputs, status, introduction, created_at, updated_at from conversations where deleted_at is null and workspace_id = ",
    );
    query.push_bind(workspace_id.0).push(" and app_id = ").push_bind(app_id.0);
    query.push(" and end_user_id = ").push_bind(end_user_id.0);
    if let Some(after) = after {
        let time = if order.by_update { after.updated_at } else { after.created_at };
        query.push(" and (").push(column).push(", id)").push(compare).push("(");
        query.push_bind(time).push(", ").push_bind(after.id.0).push(")");
    }
    query.push(" order by ").push(column).push(direction).push(", id").push(direction).push(" limit ").push_bind(limit);
    query.build_query_as().fetch_all(db).await
}

/// False when there is none to delete.
pub async fn delete(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ConversationId) -> sqlx::Result<()> {
    sqlx::query!("update conversations set deleted_at = now() where workspace_id = $1 and id = $2", workspace_id.0, id.0)
        .execute(db)
        .await
        .map(drop)
}

/// Gives the row as it is then.
pub async fn rename(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ConversationId, name: &str) -> sqlx::Result<Row> {
    sqlx::query_as!(
        Row,
        r#"update conversations set name = $3, updated_at = now() where workspace_id = $1 and id = $2
           returning id as "id: ConversationId", name, inputs, status, introduction, created_at, updated_at"#,
        workspace_id.0,
        id.0,
        name,
    )
    .fetch_one(db)
    .await
}

/// Names a conversation unless somebody did since it had `old`. Does not count as activity.
pub async fn name_automatically(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    id: ConversationId,
    old: &str,
    name: &str,
) -> sqlx::Result<()> {
    sqlx::query!("update conversations set name = $4 where workspace_id = $1 and id = $2 and name = $3", workspace_id.0, id.0, old, name)
        .execute(db)
        .await
        .map(drop)
}

/// The first question of a conversation.
pub async fn find_first_query(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ConversationId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "select query from messages where workspace_id = $1 and conversation_id = $2 order by created_at, id limit 1",
        workspace_id.0,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// How many questions a conversation has.
pub async fn count_messages(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: ConversationId) -> sqlx::Result<i32> {
    sqlx::query_scalar!("select message_count from conversations where workspace_id = $1 and id = $2", workspace_id.0, id.0)
        .fetch_one(db)
        .await
}

/// Makes the variables that a conversation lacks, in their order.
pub async fn add_variables(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    declared: &[ConversationVariable],
) -> sqlx::Result<()> {
    let ids: Vec<_> = declared.iter().map(|_| ConversationVariableId::new().0).collect();
    let names: Vec<String> = declared.iter().map(|variable| variable.name.clone()).collect();
    let types: Vec<String> = declared.iter().map(|variable| variable.value_type.clone()).collect();
    let values: Vec<Value> = declared.iter().map(|variable| variable.value.clone()).collect();
    let descriptions: Vec<String> = declared.iter().map(|variable| variable.description.clone()).collect();
    sqlx::query!(
        "insert into conversation_variables (id, workspace_id, conversation_id, name, value_type, value, description)
         select id, $1, $2, name, value_type, value, description
         from unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::text[]) as t (id, name, value_type, value, description)
         on conflict (conversation_id, name) do nothing",
        workspace_id.0,
        conversation_id.0,
        &ids,
        &names,
        &types,
        &values,
        &descriptions,
    )
    .execute(db)
    .await
    .map(drop)
}

pub struct VariableRow {
    pub id: ConversationVariableId,
    pub name: String,
    pub value_type: String,
    pub value: Value,
    pub description: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Variables in the order they were made, behind `after`.
pub async fn list_variables(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    name: Option<&str>,
    after: Option<(DateTime<Utc>, ConversationVariableId)>,
    limit: i64,
) -> sqlx::Result<Vec<VariableRow>> {
    sqlx::query_as!(
        VariableRow,
        r#"select id as "id: ConversationVariableId", name, value_type, value, description, created_at, updated_at from conversation_variables
           where workspace_id = $1 and conversation_id = $2 and ($3::text is null or name = $3)
             and ($4::timestamptz is null or (created_at, id) > ($4, $5))
           order by created_at, id limit $6"#,
        workspace_id.0,
        conversation_id.0,
        name,
        after.map(|a| a.0),
        after.map(|a| a.1.0),
        limit,
    )
    .fetch_all(db)
    .await
}

pub async fn find_variable(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    id: ConversationVariableId,
) -> sqlx::Result<Option<VariableRow>> {
    sqlx::query_as!(
        VariableRow,
        r#"select id as "id: ConversationVariableId", name, value_type, value, description, created_at, updated_at from conversation_variables
           where workspace_id = $1 and conversation_id = $2 and id = $3"#,
        workspace_id.0,
        conversation_id.0,
        id.0,
    )
    .fetch_optional(db)
    .await
}

pub async fn update_variable(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    id: ConversationVariableId,
    value: &Value,
) -> sqlx::Result<VariableRow> {
    sqlx::query_as!(
        VariableRow,
        r#"update conversation_variables set value = $3, updated_at = now() where workspace_id = $1 and id = $2
           returning id as "id: ConversationVariableId", name, value_type, value, description, created_at, updated_at"#,
        workspace_id.0,
        id.0,
        value,
    )
    .fetch_one(db)
    .await
}

pub struct EndUserRow {
    pub id: EndUserId,
    pub kind: String,
    pub external_user_id: Option<String>,
    pub name: Option<String>,
    pub is_anonymous: bool,
    pub session_id: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub async fn find_end_user(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    id: EndUserId,
) -> sqlx::Result<Option<EndUserRow>> {
    sqlx::query_as!(
        EndUserRow,
        r#"select id as "id: EndUserId", type as kind, external_user_id, name, is_anonymous, session_id, created_at, updated_at from end_users
           where workspace_id = $1 and app_id = $2 and id = $3"#,
        workspace_id.0,
        app_id.0,
        id.0,
    )
    .fetch_optional(db)
    .await
}

/// What kind of app it is.
pub async fn find_mode(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId) -> sqlx::Result<Option<AppMode>> {
    sqlx::query_scalar!(
        r#"select mode as "mode: AppMode" from apps where workspace_id = $1 and id = $2 and deleted_at is null"#,
        workspace_id.0,
        app_id.0,
    )
    .fetch_optional(db)
    .await
}
