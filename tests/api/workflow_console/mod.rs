//! The console's side of workflows: the draft run, its nodes tried alone, values, runs, checks, versions compared.

mod check;
mod models;
mod replay;
mod run;
mod runs;
mod secrets;
mod step;
mod variables;
mod versions;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::scripted;
use crate::support::{Client, EventStream, Role, TestApp};
use crate::workflows::{names, whole};

/// A workflow app and the editor who builds it.
pub struct Studio {
    pub editor: Client,
    pub app_id: Uuid,
    path: String,
}

impl Studio {
    /// `config` is the app's draft, and published too.
    pub async fn of(app: &TestApp, mode: &str, config: &Value) -> Self {
        let (app_id, ..) = scripted::publish_config(&app.state.db, app.home.id, mode, config).await;
        Self { editor: app.client(Role::Editor), app_id, path: format!("/api/apps/{app_id}") }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.path)
    }

    /// Runs the draft to its end; gives the events.
    pub async fn run(&self, inputs: Value) -> Vec<Value> {
        whole(self.stream("/draft/run", json!({"inputs": inputs})).await).await
    }

    pub async fn stream(&self, rest: &str, body: Value) -> EventStream {
        self.editor.stream(&self.path(rest), body).await
    }

    /// What a node gives when it is tried alone.
    pub async fn try_node(&self, node_id: &str, body: Value) -> Value {
        let mut body = body;
        body["response_mode"] = json!("blocking");
        self.editor.post(&self.path(&format!("/draft/nodes/{node_id}/run")), body).await.ok()
    }

    pub async fn get(&self, rest: &str) -> Value {
        self.editor.get(&self.path(rest)).await.ok()
    }

    /// The draft's variables as `node.name=value`, edited ones with a star.
    pub async fn variables(&self) -> Vec<String> {
        let list = self.get("/draft/variables").await;
        let told = |v: &Value| {
            let star = if v["is_edited"] == true { "*" } else { "" };
            format!("{}.{}{star}={}", v["node_id"].as_str().unwrap(), v["name"].as_str().unwrap(), v["value"])
        };
        list["data"].as_array().unwrap().iter().filter(|v| v["kind"] != "system").map(told).collect()
    }
}

/// A variable of a body: `given("t.output", …)`.
pub fn given(selector: &str, value: Value) -> Value {
    json!({"selector": selector.split('.').collect::<Vec<_>>(), "value": value})
}

/// Ids of the nodes that ended, in order.
pub fn ended(events: &[Value]) -> Vec<&str> {
    let ended = |event: &&Value| matches!(event["event"].as_str(), Some("node_finished" | "iteration_completed" | "loop_completed"));
    events.iter().filter(ended).map(|event| event["data"]["node_id"].as_str().unwrap()).collect()
}

/// What the run came to.
pub fn outcome(events: &[Value]) -> (&str, &Value) {
    assert_eq!(names(events).last(), Some(&"workflow_finished"), "{events:#?}");
    let data = &events.last().unwrap()["data"];
    (data["status"].as_str().unwrap(), &data["outputs"])
}
