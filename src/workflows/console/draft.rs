//! The draft of a workflow or chatflow, as it is saved or as the studio has it.

use std::sync::Arc;

use serde_json::Value;

use crate::accounts::{self, Session};
use crate::apps::{AppHead, RunnableApp};
use crate::error::{Code, Error, Result};
use crate::files::{Owner, Scope};
use crate::ids::AppId;
use crate::state::AppState;
use crate::workflows::drafts::Maker;
use crate::workflows::graph::{self, NodeRef};
use crate::workflows::run_row::Creator;
use crate::workflows::vars::{CONVERSATION, ENVIRONMENT, SYSTEM, Selector};
use crate::workflows::version::Version;

pub struct Draft {
    pub head: AppHead,
    /// The workflow section as it is stored.
    pub section: Value,
    pub version: Arc<Version>,
    pub maker: Maker,
}

impl Draft {
    /// `unsaved` stands for what is saved.
    pub async fn load<R>(state: &AppState, session: &Session<R>, app_id: AppId, unsaved: Option<Value>) -> Result<Self> {
        let head = workflow_head(state, session, app_id).await?;
        let app = RunnableApp::draft(state, session.workspace_id, app_id, unsaved).await?;
        let version = Arc::new(Version::open(state, session.workspace_id, None, app.config.clone())?);
        let maker = Maker { workspace_id: session.workspace_id, app_id, account_id: session.account_id };
        Ok(Self { head, section: app.config, version, maker })
    }

    pub fn graph(&self) -> &Value {
        self.version.graph()
    }

    /// A node of the graph.
    pub fn node(&self, id: &str) -> Result<NodeRef<'_>> {
        let found = self.nodes()?.into_iter().find(|node| node.id == id);
        found.ok_or_else(|| Error::not_found(format!("The draft has no node {id}: save it first.")))
    }

    pub fn nodes(&self) -> Result<Vec<NodeRef<'_>>> {
        graph::nodes(self.graph()).map_err(|error| Error::invalid(&error.field, error.to_string()))
    }

    /// The title of the node that a variable is of.
    pub fn title(&self, selector: &Selector) -> Option<String> {
        Some(self.nodes().ok()?.into_iter().find(|node| node.id == selector.node())?.title.to_owned())
    }

    /// The declared type of a variable; none where none is declared, or for what lies inside of a variable.
    pub fn type_of(&self, selector: &Selector) -> Option<String> {
        let [node, name] = selector.0.as_slice() else { return None };
        let declared = match node.as_str() {
            SYSTEM => system_type(name).to_owned(),
            ENVIRONMENT => self.environment().find(|(known, ..)| known == name)?.1.to_owned(),
            CONVERSATION => self.version.conversation_variables.iter().find(|known| known.name == *name)?.value_type.clone(),
            id => {
                let node = self.nodes().ok()?.into_iter().find(|node| node.id == id)?;
                graph::outputs(node.type_name, node.data).type_of(name)?.to_owned()
            }
        };
        Some(declared).filter(|declared| declared != "any")
    }

    /// Names, types and values of the environment variables.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str, Value)> {
        let items = self.section.get("environment_variables").and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| {
            let name = item.get("name")?.as_str()?;
            let kind = item.get("value_type").and_then(Value::as_str).unwrap_or("string");
            Some((name, kind, self.version.environment.get(name).cloned().unwrap_or_default()))
        })
    }

    /// Whose the files are that are sent and made.
    pub fn scope(&self) -> Scope {
        Scope { workspace_id: self.maker.workspace_id, app_id: self.maker.app_id, owner: Owner::Account(self.maker.account_id) }
    }

    pub async fn creator(&self, state: &AppState) -> Result<Creator> {
        let (email, name) = accounts::email_and_name(&state.db, self.maker.account_id).await?;
        Ok(Creator::Account { id: self.maker.account_id, name, email })
    }
}

/// The app, which must be a workflow or a chatflow.
pub async fn workflow_head<R>(state: &AppState, session: &Session<R>, app_id: AppId) -> Result<AppHead> {
    let head = AppHead::find(&state.db, session.workspace_id, app_id).await?;
    if head.mode.is_workflow() {
        return Ok(head);
    }
    Err(Error::new(Code::NotWorkflowApp, "Only workflows and chatflows have this: the app is of another kind."))
}

fn system_type(name: &str) -> &'static str {
    match name {
        "files" => "array[file]",
        "dialogue_count" | "timestamp" => "number",
        _ => "string",
    }
}
