//! What a member's draft last did: each node's last run, from whole runs of the draft and from nodes tried alone, and the
//! values that the member put in place of what came out. Nodes that are tried alone read these.
//!
//! System and conversation variables are kept like nodes, under the names that they have in selectors.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::db::drafts as db;
pub use super::db::drafts::Maker;
use super::display::{self, DETAIL};
use super::event::NodeRecord;
use super::graph;
use super::run_row::NewRun;
use super::vars::{CONVERSATION, SYSTEM, Vars};
use crate::error::{Error, Result};
use crate::ids::WorkflowRunId;
use crate::state::AppState;

/// Of the nodes that one member tried alone in one app; the oldest go.
const MAX_RECORD_BYTES: i64 = 64 << 20;
/// Of the values that one member edited in one app.
const MAX_EDIT_BYTES: i64 = 16 << 20;

/// What a node last gave.
#[derive(Debug, Default)]
pub struct Given {
    pub outputs: Vars,
    /// None of a node that was tried alone.
    pub run_id: Option<WorkflowRunId>,
    pub updated_at: DateTime<Utc>,
}

/// What some nodes gave, by their ids, and what stands in its place.
#[derive(Debug, Default)]
pub struct Values {
    pub given: HashMap<String, Given>,
    pub edits: HashMap<(String, String), (Value, DateTime<Utc>)>,
}

impl Values {
    /// Of these nodes.
    pub async fn load(state: &AppState, maker: Maker, nodes: &[String]) -> Result<Self> {
        let mut given = HashMap::new();
        let mut rows = db::list(&state.db, maker, Some(nodes));
        while let Some(row) = rows.try_next().await? {
            let outputs = outputs_of(&row.record)?;
            given.insert(row.node_id, Given { outputs, run_id: row.run_id, updated_at: row.updated_at });
        }
        Ok(Self { given, edits: edits(state, maker, Some(nodes)).await? })
    }

    /// What a node gave, with the edits.
    pub fn of(&self, node_id: &str) -> Option<Vars> {
        let mut vars = self.given.get(node_id).map(|given| given.outputs.clone());
        for ((node, name), (value, _)) in &self.edits {
            if node == node_id {
                vars.get_or_insert_default().insert(name.clone(), value.clone());
            }
        }
        vars
    }
}

async fn edits(state: &AppState, maker: Maker, nodes: Option<&[String]>) -> Result<HashMap<(String, String), (Value, DateTime<Utc>)>> {
    let rows = db::list_edits(&state.db, maker, nodes).await?;
    Ok(rows.into_iter().map(|edit| ((edit.node_id, edit.name), (edit.value, edit.updated_at))).collect())
}

/// Of a record, or of what stands for one.
fn outputs_of(record: &str) -> Result<Vars> {
    #[derive(Deserialize)]
    struct Kept {
        outputs: Vars,
    }
    let kept: Kept = serde_json::from_str(record).map_err(anyhow::Error::from)?;
    Ok(kept.outputs)
}

/// Every value of a draft as it is shown in a list, without the whole of any being in memory with the others.
pub async fn previews(state: &AppState, maker: Maker) -> Result<Vec<Preview>> {
    let mut edits = edits(state, maker, None).await?;
    let mut previews = Vec::new();
    let mut rows = db::list(&state.db, maker, None);
    while let Some(row) = rows.try_next().await? {
        for (name, last) in outputs_of(&row.record)? {
            let edited = edits.remove(&(row.node_id.clone(), name.clone()));
            previews.push(Preview::new(row.node_id.clone(), name, row.run_id, row.updated_at, Some(&last), edited));
        }
    }
    // of nodes that never ran
    previews.extend(edits.into_iter().map(|((node, name), edit)| Preview::new(node, name, None, edit.1, None, Some(edit))));
    Ok(previews)
}

/// A value, cut.
#[derive(Debug)]
pub struct Preview {
    pub node_id: String,
    pub name: String,
    pub value: Value,
    pub is_cut: bool,
    pub type_name: &'static str,
    pub is_edited: bool,
    pub run_id: Option<WorkflowRunId>,
    pub updated_at: DateTime<Utc>,
}

impl Preview {
    fn new(
        node_id: String,
        name: String,
        run_id: Option<WorkflowRunId>,
        updated_at: DateTime<Utc>,
        last: Option<&Value>,
        edited: Option<(Value, DateTime<Utc>)>,
    ) -> Self {
        let whole = edited.as_ref().map(|(value, _)| value).or(last).unwrap_or(&Value::Null);
        let (value, is_cut) = display::shown_value(whole, display::PREVIEW);
        Self {
            node_id,
            name,
            value,
            is_cut,
            type_name: super::value::type_name(whole),
            is_edited: edited.is_some(),
            run_id,
            updated_at: edited.map_or(updated_at, |(_, at)| at),
        }
    }
}

/// A node's last run; none of one that did not run. `sys` and `conversation` have none.
pub async fn last_run(state: &AppState, maker: Maker, node_id: &str) -> Result<Option<(NodeRecord, Option<WorkflowRunId>)>> {
    let nodes = [node_id.to_owned()];
    let row = db::list(&state.db, maker, Some(&nodes)).try_next().await?;
    let read = |row: db::Row| Ok((serde_json::from_str(&row.record).map_err(anyhow::Error::from)?, row.run_id));
    row.map(read).transpose()
}

/// Keeps what the nodes of a draft's run gave; called when the run came out.
pub async fn keep_run(state: &AppState, run: &NewRun) -> Result<()> {
    let Some(account_id) = run.creator.account_id() else { return Ok(()) };
    let maker = Maker { workspace_id: run.workspace_id, app_id: run.app_id, account_id };
    take_run(state, maker, run, run.draft_config.as_ref()).await
}

/// Makes what the nodes of a run gave the draft's. `section`: the draft.
pub async fn take_run(state: &AppState, maker: Maker, run: &NewRun, section: Option<&Value>) -> Result<()> {
    let prefix = format!("{SYSTEM}.");
    let system: Vars =
        run.inputs.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_owned(), value.clone()))).collect();
    let conversation: Vars = db::conversation_of(&state.db, run.workspace_id, run.id).await?.into_iter().collect();
    let mut tx = state.db.begin().await?;
    db::keep_run(&mut tx, maker, run.id).await?;
    keep_outputs(&mut tx, maker, SYSTEM, &system).await?;
    if !conversation.is_empty() {
        keep_outputs(&mut tx, maker, CONVERSATION, &conversation).await?;
    }
    trim(&mut tx, maker, section).await?;
    tx.commit().await?;
    Ok(())
}

/// Keeps what a node gave that was tried alone; conversation variables that it set are kept too.
pub async fn keep_step(state: &AppState, maker: Maker, section: &Value, record: &NodeRecord, conversation: Option<&Vars>) -> Result<()> {
    let (inputs, _) = display::shown(&record.inputs, DETAIL);
    let (process_data, _) = display::shown(&record.process_data, DETAIL);
    let kept = NodeRecord { inputs, process_data, ..record.clone() };
    let text = serde_json::to_string(&kept).map_err(anyhow::Error::from)?;
    let mut tx = state.db.begin().await?;
    db::keep_record(&mut tx, maker, &record.start.node_id, &text).await?;
    if let Some(conversation) = conversation {
        keep_outputs(&mut tx, maker, CONVERSATION, conversation).await?;
    }
    trim(&mut tx, maker, Some(section)).await?;
    tx.commit().await?;
    Ok(())
}

async fn keep_outputs(tx: &mut PgConnection, maker: Maker, name: &str, outputs: &Vars) -> Result<()> {
    Ok(db::keep_record(tx, maker, name, &json!({"outputs": outputs}).to_string()).await?)
}

async fn trim(tx: &mut PgConnection, maker: Maker, section: Option<&Value>) -> Result<()> {
    let graph = section.and_then(|section| section.get("graph")).unwrap_or(&Value::Null);
    let Ok(nodes) = graph::nodes(graph) else { return Ok(()) };
    let mut names: Vec<String> = nodes.into_iter().map(|node| node.id.to_owned()).collect();
    names.extend([SYSTEM, CONVERSATION].map(str::to_owned));
    Ok(db::trim(tx, maker, &names, MAX_RECORD_BYTES).await?)
}

/// Puts a value in place of what a node gave.
pub async fn edit(state: &AppState, maker: Maker, node_id: &str, name: &str, value: &Value) -> Result<()> {
    let value = crate::apps::inputs::without_nul(value).to_string();
    if db::edit(&state.db, maker, (node_id, name), &value, MAX_EDIT_BYTES).await? {
        return Ok(());
    }
    let text = format!("value: all edited values together may take {} MB: clear some.", MAX_EDIT_BYTES >> 20);
    Err(Error::invalid("value", text))
}

/// Takes an edited value back; false when there is none.
pub async fn reset(state: &AppState, maker: Maker, node_id: &str, name: &str) -> Result<bool> {
    Ok(db::reset(&state.db, maker, node_id, name).await?)
}

/// Forgets what one node gave, or all did.
pub async fn clear(state: &AppState, maker: Maker, node_id: Option<&str>) -> Result<()> {
    Ok(db::clear(&state.db, maker, node_id).await?)
}
