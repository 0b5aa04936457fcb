//! Those whom forms are sent to by e-mail.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgExecutor;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ids::{AccountId, WorkspaceId};

#[derive(Debug)]
pub struct NewRecipient {
    pub id: Uuid,
    /// Which of the form's delivery methods.
    pub method: i32,
    pub email: String,
    pub account_id: Option<AccountId>,
    pub token: String,
}

/// `problem`: why no mail will be sent.
pub async fn insert(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    form_id: Uuid,
    recipients: &[NewRecipient],
    problem: Option<&str>,
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = recipients.iter().map(|r| r.id).collect();
    let methods: Vec<i32> = recipients.iter().map(|r| r.method).collect();
    let emails: Vec<String> = recipients.iter().map(|r| r.email.clone()).collect();
    let accounts: Vec<Option<Uuid>> = recipients.iter().map(|r| r.account_id.map(|id| id.0)).collect();
    let tokens: Vec<String> = recipients.iter().map(|r| r.token.clone()).collect();
    sqlx::query!(
        "insert into human_input_recipients (id, workspace_id, form_id, method, email, account_id, token, status, error)
         select id, $1, $2, method, email, account_id, token, case when $8::text is null then 'queued' else 'failed' end, $8
         from unnest($3::uuid[], $4::integer[], $5::text[], $6::uuid[], $7::text[]) as new (id, method, email, account_id, token)",
        workspace_id.0,
        form_id,
        &ids,
        &methods,
        &emails,
        &accounts as &[Option<Uuid>],
        &tokens,
        problem
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What a mail is made of.
pub struct Due {
    pub method: i32,
    pub email: String,
    pub token: String,
    pub node_title: String,
    pub delivery_methods: Value,
    /// The form can still be answered.
    pub is_wanted: bool,
}

/// A recipient whose mail was not sent yet.
pub async fn find_due(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: Uuid) -> sqlx::Result<Option<Due>> {
    sqlx::query_as!(
        Due,
        r#"select m.method, m.email, m.token, f.form ->> 'node_title' as "node_title!", f.recipients as delivery_methods,
                  f.status = 'waiting' and f.expires_at > now() and r.status in ('scheduled', 'running', 'paused') as "is_wanted!"
           from human_input_recipients m join human_input_forms f on f.id = m.form_id join workflow_runs r on r.id = f.run_id
           where m.workspace_id = $1 and m.id = $2 and m.status = 'queued'"#,
        workspace_id.0,
        id
    )
    .fetch_optional(db)
    .await
}

/// How a mail fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum MailStatus {
    Queued,
    Sent,
    Failed,
    /// The form was settled before it could be sent.
    Dropped,
}

pub async fn set_status(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    id: Uuid,
    status: MailStatus,
    error: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update human_input_recipients set status = $3, error = $4, sent_at = case when $3 = 'sent' then now() end
         where workspace_id = $1 and id = $2",
        workspace_id.0,
        id,
        status as MailStatus,
        error
    )
    .execute(db)
    .await?;
    Ok(())
}

#[derive(Debug)]
pub struct Tally {
    pub recipients: i64,
    pub sent: i64,
    pub failed: i64,
}

/// How the mails of a form fared.
pub async fn tally(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, form_id: Uuid) -> sqlx::Result<Tally> {
    sqlx::query_as!(
        Tally,
        r#"select count(*) as "recipients!", count(*) filter (where status = 'sent') as "sent!",
                  count(*) filter (where status = 'failed') as "failed!"
           from human_input_recipients where workspace_id = $1 and form_id = $2"#,
        workspace_id.0,
        form_id
    )
    .fetch_one(db)
    .await
}

pub struct Row {
    pub id: Uuid,
    pub form_id: Uuid,
    pub email: String,
    pub status: MailStatus,
    pub error: Option<String>,
    pub sent_at: Option<DateTime<Utc>>,
}

/// Recipients of some forms.
pub async fn list(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, forms: &[Uuid]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select id, form_id, email, status as "status: MailStatus", error, sent_at from human_input_recipients
           where workspace_id = $1 and form_id = any($2) order by email, id"#,
        workspace_id.0,
        forms
    )
    .fetch_all(db)
    .await
}
