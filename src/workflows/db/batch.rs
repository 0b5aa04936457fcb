//! What running runs write, many rows a statement. Values come as JSON texts and are kept as they are.
//!
//! A run belongs to the replica that started or claimed it: rows of runs that another replica has taken over are not
//! written, and the ids that come back say which were.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ids::{ConversationId, WorkflowRunId, WorkspaceId};
use crate::workflows::event::NodeRecord;
use crate::workflows::record::{Ended, Paused, Progress};
use crate::workflows::run_row::NewRun;

/// Text for a text column: PostgreSQL takes no NUL.
fn text(text: &str) -> String {
    text.replace('\0', "")
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

/// Runs that begin now, here.
pub async fn insert_running(db: &mut PgConnection, replica: &str, runs: &[&NewRun]) -> sqlx::Result<()> {
    insert(db, Some(replica), runs).await
}

/// Runs that any process may begin.
pub async fn insert_scheduled(db: &mut PgConnection, runs: &[&NewRun]) -> sqlx::Result<()> {
    insert(db, None, runs).await
}

async fn insert(db: &mut PgConnection, replica: Option<&str>, runs: &[&NewRun]) -> sqlx::Result<()> {
    macro_rules! column {
        ($of:expr) => {
            &runs.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query!(
        r#"insert into workflow_runs (id, workspace_id, app_id, app_version_id, config, mode, triggered_from, source, entry_node_id, inputs,
             end_user_id, account_id, conversation_id, message_id, call_depth, task_id, created_at, status, replica, heartbeat_at)
           select id, workspace_id, app_id, app_version_id, config::json, mode, triggered_from, source, entry_node_id, inputs::json,
             end_user_id, account_id, conversation_id, message_id, call_depth, task_id, created_at,
             case when $17::text is null then 'scheduled' else 'running' end, $17, case when $17 is null then null else now() end
           from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
             $11::uuid[], $12::uuid[], $13::uuid[], $14::uuid[], $15::uuid[], $16::timestamptz[], $18::int[])
             as t (id, workspace_id, app_id, app_version_id, config, mode, triggered_from, source, entry_node_id, inputs,
               end_user_id, account_id, conversation_id, message_id, task_id, created_at, call_depth)"#,
        column!(|r| r.id.0),
        column!(|r| r.workspace_id.0),
        column!(|r| r.app_id.0),
        column!(|r| r.version_id.map(|id| id.0)) as &[Option<Uuid>],
        column!(|r| r.draft_config.as_ref().map(json)) as &[Option<String>],
        column!(|r| r.mode.as_str().to_owned()),
        column!(|r| r.triggered_from.to_string()),
        column!(|r| r.source.to_string()),
        column!(|r| r.entry_node_id.as_deref().map(text)) as &[Option<String>],
        column!(|r| json(&r.inputs)),
        column!(|r| r.creator.end_user_id().map(|id| id.0)) as &[Option<Uuid>],
        column!(|r| r.creator.account_id().map(|id| id.0)) as &[Option<Uuid>],
        column!(|r| r.conversation_id.map(|id| id.0)) as &[Option<Uuid>],
        column!(|r| r.message_id.map(|id| id.0)) as &[Option<Uuid>],
        column!(|r| r.task_id.0),
        column!(|r| r.created_at),
        replica,
        column!(|r| r.call_depth.cast_signed()),
    )
    .execute(db)
    .await
    .map(drop)
}

/// A finished node, written out.
#[derive(Debug)]
pub struct NodeRow {
    workspace_id: WorkspaceId,
    pub run_id: WorkflowRunId,
    pub id: Uuid,
    key: String,
    node_id: String,
    node_type: String,
    title: String,
    index: i32,
    status: &'static str,
    record: String,
    elapsed_s: f64,
    created_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
}

impl NodeRow {
    pub fn new(workspace_id: WorkspaceId, run_id: WorkflowRunId, record: &NodeRecord) -> Self {
        let start = &record.start;
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of our time fit")]
        let time = |seconds: f64| DateTime::from_timestamp_micros((seconds * 1e6) as i64).unwrap_or_default();
        Self {
            workspace_id,
            run_id,
            id: start.execution_id,
            key: text(&record.key),
            node_id: text(&start.node_id),
            node_type: text(&start.node_type),
            title: text(&start.title),
            index: start.index.cast_signed(),
            status: record.status.as_str(),
            record: json(record),
            elapsed_s: record.elapsed_s,
            created_at: time(start.started_at),
            finished_at: time(record.finished_at),
        }
    }
}

/// Nodes that finished. What was finished before stays. Gives the runs that are still this replica's.
pub async fn insert_nodes(db: &mut PgConnection, replica: &str, nodes: &[&NodeRow]) -> sqlx::Result<Vec<Uuid>> {
    macro_rules! column {
        ($of:expr) => {
            &nodes.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query_scalar!(
        r#"with given as (
             select * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[], $10::text[],
               $11::text[], $12::float8[], $13::timestamptz[], $14::timestamptz[])
               as t (workspace_id, run_id, id, key, node_id, node_type, title, index, status, record, elapsed_s, created_at, finished_at)
           ), own as (
             select r.id from workflow_runs r where r.id = any($3) and r.replica = $1 and r.status = 'running'
           ), written as (
             insert into node_runs as n (id, workspace_id, run_id, key, node_id, node_type, title, index, status, record, elapsed_s, created_at, finished_at)
             select g.id, g.workspace_id, g.run_id, g.key, g.node_id, g.node_type, g.title, g.index, g.status, g.record::json, g.elapsed_s,
               g.created_at, g.finished_at
             from given g join own on own.id = g.run_id
             on conflict (id) do update set status = excluded.status, record = excluded.record, elapsed_s = excluded.elapsed_s,
               index = excluded.index, created_at = excluded.created_at, finished_at = excluded.finished_at
             where n.status not in ('succeeded', 'exception')
           )
           select id from own"#,
        replica,
        column!(|n| n.workspace_id.0),
        column!(|n| n.run_id.0),
        column!(|n| n.id),
        column!(|n| n.key.as_str()) as &[&str],
        column!(|n| n.node_id.as_str()) as &[&str],
        column!(|n| n.node_type.as_str()) as &[&str],
        column!(|n| n.title.as_str()) as &[&str],
        column!(|n| n.index),
        column!(|n| n.status) as &[&str],
        column!(|n| n.record.as_str()) as &[&str],
        column!(|n| n.elapsed_s),
        column!(|n| n.created_at),
        column!(|n| n.finished_at),
    )
    .fetch_all(db)
    .await
}

/// A conversation variable that a node set.
#[derive(Debug)]
pub struct SetVariable {
    pub workspace_id: WorkspaceId,
    pub conversation_id: ConversationId,
    pub name: String,
    pub value: Value,
}

pub async fn set_variables(db: &mut PgConnection, set: &[&SetVariable]) -> sqlx::Result<()> {
    macro_rules! column {
        ($of:expr) => {
            &set.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query!(
        "update conversation_variables v set value = t.value::jsonb, updated_at = now()
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as t (workspace_id, conversation_id, name, value)
         where v.workspace_id = t.workspace_id and v.conversation_id = t.conversation_id and v.name = t.name",
        column!(|s| s.workspace_id.0),
        column!(|s| s.conversation_id.0),
        column!(|s| text(&s.name)),
        // jsonb takes no NUL either
        column!(|s| json(&crate::apps::inputs::without_nul(&s.value))),
    )
    .execute(db)
    .await
    .map(drop)
}

/// Ends runs. Gives those that were this replica's to end.
pub async fn end(db: &mut PgConnection, replica: &str, ends: &[&Ended]) -> sqlx::Result<Vec<Uuid>> {
    macro_rules! column {
        ($of:expr) => {
            &ends.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query_scalar!(
        r#"update workflow_runs r set status = t.status, outputs = t.outputs::json, error = t.error, elapsed_s = t.elapsed_s,
             total_tokens = t.total_tokens, total_steps = t.total_steps, exceptions_count = t.exceptions_count, sent_text = '',
             last_event = t.last_event, finished_at = t.finished_at, total_price = t.total_price, currency = nullif(t.currency, ''), heartbeat_at = null, forms = null
           from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::int8[], $8::int[], $9::int[], $10::int8[],
             $11::timestamptz[], $12::float8[], $13::text[])
             as t (id, status, outputs, error, elapsed_s, total_tokens, total_steps, exceptions_count, last_event, finished_at, total_price,
               currency)
           where r.id = t.id and r.replica = $1 and r.status = 'running'
           returning r.id"#,
        replica,
        column!(|e| e.run_id.0),
        column!(|e| e.end.status.as_str().to_owned()),
        column!(|e| json(&e.end.outputs)),
        column!(|e| e.end.error.as_deref().map(text)) as &[Option<String>],
        column!(|e| e.end.summary.elapsed_s),
        column!(|e| e.end.summary.usage.total_tokens.cast_signed()),
        column!(|e| e.end.summary.total_steps.cast_signed()),
        column!(|e| e.end.summary.exceptions_count.cast_signed()),
        column!(|e| e.last_event.cast_signed()),
        column!(|e| e.finished_at),
        column!(|e| e.end.summary.usage.total_price),
        column!(|e| e.end.summary.usage.currency.clone()),
    )
    .fetch_all(db)
    .await
}

/// Lets runs wait for people. Gives those that were this replica's.
pub async fn pause(db: &mut PgConnection, replica: &str, pauses: &[&Paused]) -> sqlx::Result<Vec<Uuid>> {
    macro_rules! column {
        ($of:expr) => {
            &pauses.iter().map($of).collect::<Vec<_>>()
        };
    }
    let own = sqlx::query_scalar!(
        r#"update workflow_runs r set status = 'paused', elapsed_s = t.elapsed_s, total_tokens = t.total_tokens, total_steps = t.total_steps,
             exceptions_count = t.exceptions_count, sent_text = t.sent_text, last_event = t.last_event, forms = t.forms::json,
             heartbeat_at = null, resumed_nodes = -1, vain_resumptions = 0
           from unnest($2::uuid[], $3::float8[], $4::int8[], $5::int[], $6::int[], $7::text[], $8::int8[], $9::text[])
             as t (id, elapsed_s, total_tokens, total_steps, exceptions_count, sent_text, last_event, forms)
           where r.id = t.id and r.replica = $1 and r.status = 'running'
           returning r.id"#,
        replica,
        column!(|p| p.run_id.0),
        column!(|p| p.summary.elapsed_s),
        column!(|p| p.summary.usage.total_tokens.cast_signed()),
        column!(|p| p.summary.total_steps.cast_signed()),
        column!(|p| p.summary.exceptions_count.cast_signed()),
        column!(|p| text(&p.sent_text)),
        column!(|p| p.last_event.cast_signed()),
        column!(|p| json(&p.forms)),
    )
    .fetch_all(&mut *db)
    .await?;
    // Who answers locks the run first. So an answer that came before is seen now, and a later one finds the run paused.
    let forms: Vec<Uuid> = pauses.iter().flat_map(|pause| pause.forms.iter().map(|form| form.form_id)).collect();
    sqlx::query!(
        "update workflow_runs set status = 'scheduled' where id = any($1) and status = 'paused'
           and exists (select from human_input_forms f where f.run_id = workflow_runs.id and f.id = any($2) and f.status <> 'waiting')",
        &own,
        &forms
    )
    .execute(db)
    .await?;
    Ok(own)
}

/// What running runs have sent so far.
pub async fn save_progress(db: &mut PgConnection, replica: &str, saved: &[&Progress]) -> sqlx::Result<()> {
    macro_rules! column {
        ($of:expr) => {
            &saved.iter().map($of).collect::<Vec<_>>()
        };
    }
    sqlx::query!(
        "update workflow_runs r set sent_text = t.sent_text, last_event = t.last_event
         from unnest($2::uuid[], $3::text[], $4::int8[]) as t (id, sent_text, last_event)
         where r.id = t.id and r.replica = $1 and r.status = 'running'",
        replica,
        column!(|s| s.run_id.0),
        column!(|s| text(&s.sent_text)),
        column!(|s| s.last_event.cast_signed()),
    )
    .execute(db)
    .await
    .map(drop)
}

/// The sign of life of all runs of a replica.
pub async fn beat(db: &mut PgConnection, replica: &str, runs: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("update workflow_runs set heartbeat_at = now() where id = any($1) and replica = $2 and status = 'running'", runs, replica)
        .execute(db)
        .await
        .map(drop)
}
