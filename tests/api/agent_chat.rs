//! Agent-chat apps through the service API and the console's preview: events, thoughts, stop, refusals.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::scripted::{self, PROVIDER, Provider};
use crate::support::{Client, Event, Role, TestApp};

async fn start(db: PgPool) -> (TestApp, Provider) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let provider = Provider::start(&app.state.db, app.home.id).await;
    (app, provider)
}

fn calculator() -> Value {
    let tool = json!({"enabled": true, "provider_id": "maths", "provider_type": "builtin", "provider_name": "maths",
        "tool_name": "eval_expression", "tool_label": "Calculator", "tool_parameters": {"expression": ""}});
    json!({"pre_prompt": "Be exact.", "agent_mode": {"enabled": true, "strategy": "function_call", "max_iteration": 3, "tools": [tool]}})
}

async fn publish(app: &TestApp, model: &str, config: Value) -> Client {
    let (_, token) = scripted::publish(&app.state.db, app.home.id, "agent-chat", PROVIDER, model, config).await;
    app.with_key(&token)
}

fn ask(query: &str) -> Value {
    json!({"query": query, "inputs": {}, "user": "u-1", "response_mode": "streaming", "auto_generate_name": false})
}

fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.json()["event"].as_str().unwrap().to_owned()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[sqlx::test]
async fn an_agent_tells_what_it_thinks_and_does(db: PgPool) {
    let (app, provider) = start(db).await;
    let client = publish(&app, "caller", calculator()).await;
    let events = client.stream("/v1/chat-messages", ask("6*7?")).await.rest().await;
    let expected = [
        "agent_thought",
        "agent_message",
        "agent_thought",
        "agent_thought",
        "agent_thought",
        "agent_message",
        "agent_message",
        "agent_message",
        "agent_thought",
        "message_end",
    ];
    assert_eq!(names(&events), expected);
    let events: Vec<Value> = events.iter().map(Event::json).collect();
    let common = ["event", "conversation_id", "message_id", "created_at", "task_id", "id"];
    assert_eq!(keys(&events[1]), [&common[..], &["answer"]].concat());
    let fields = ["position", "thought", "observation", "tool", "tool_labels", "tool_input", "message_files"];
    assert_eq!(keys(&events[0]), [&common[..], &fields[..]].concat());
    assert_eq!((&events[0]["position"], &events[0]["thought"], &events[0]["tool"]), (&json!(1), &json!(""), &json!("")));
    assert_eq!(events[0]["id"], events[3]["id"], "a thought is sent again as it fills up");
    assert_eq!(
        (&events[2]["thought"], &events[2]["tool"], &events[2]["observation"]),
        (&json!("Let me compute."), &json!("eval_expression"), &json!(""))
    );
    assert_eq!(events[2]["tool_labels"], json!({"eval_expression": {"en_US": "Evaluate an expression"}}));
    let text = |value: &Value| serde_json::from_str::<Value>(value.as_str().unwrap()).unwrap();
    assert_eq!(text(&events[2]["tool_input"]), json!({"eval_expression": {"expression": "6*7"}}));
    assert_eq!(text(&events[3]["observation"]), json!({"eval_expression": "The result of the expression \"6*7\" is 42"}));
    assert_eq!((&events[4]["position"], &events[8]["thought"]), (&json!(2), &json!("It is 42.")));
    let usage = &events[9]["metadata"]["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["total_tokens"]), (&json!(22), &json!(25)), "both rounds count");

    let calls = provider.calls();
    assert_eq!(calls[0]["tools"][0]["function"]["parameters"]["required"], json!(["expression"]));
    assert_eq!(calls[1]["messages"].as_array().unwrap().last().unwrap()["role"], "tool");

    let conversation = events[0]["conversation_id"].as_str().unwrap();
    let page = client.get(&format!("/v1/messages?conversation_id={conversation}&user=u-1")).await.ok();
    let message = &page["data"][0];
    assert_eq!(message["answer"], "Let me compute.\nIt is 42.");
    let thoughts = message["agent_thoughts"].as_array().unwrap();
    assert_eq!(thoughts.len(), 2);
    let stored =
        ["id", "chain_id", "message_id", "position", "thought", "tool", "tool_labels", "tool_input", "created_at", "observation", "files"];
    assert_eq!(keys(&thoughts[0]), stored);
    assert_eq!((&thoughts[0]["id"], &thoughts[0]["observation"]), (&events[3]["id"], &events[3]["observation"]));
}

#[sqlx::test]
async fn an_agent_is_stopped_and_keeps_what_it_said(db: PgPool) {
    let (app, _provider) = start(db).await;
    let client = publish(&app, "slow", calculator()).await;
    let mut stream = client.stream("/v1/chat-messages", ask("go on")).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(stream.next().await.unwrap().json());
    }
    let task = seen[0]["task_id"].as_str().unwrap();
    client.post(&format!("/v1/chat-messages/{task}/stop"), json!({"user": "u-1"})).await.ok();
    let rest = stream.rest().await;
    assert_eq!(names(&rest).last().unwrap(), "message_end");
    let conversation = seen[0]["conversation_id"].as_str().unwrap();
    let page = client.get(&format!("/v1/messages?conversation_id={conversation}&user=u-1")).await.ok();
    assert!(page["data"][0]["answer"].as_str().unwrap().starts_with("word0 word1"));
    assert_eq!(page["data"][0]["agent_thoughts"][0]["position"], 1);
}

#[sqlx::test]
async fn what_cannot_be_is_refused_before_a_stream_opens(db: PgPool) {
    let (app, _provider) = start(db).await;
    let client = publish(&app, "caller", calculator()).await;
    for mode in [json!("blocking"), Value::Null] {
        let mut body = ask("hi");
        body["response_mode"] = mode;
        let error = client.post("/v1/chat-messages", body).await.refused(400, "invalid_param");
        assert_eq!(error["message"], "Agent Chat App does not support blocking mode");
    }
    let mut config = calculator();
    config["agent_mode"]["tools"][0]["tool_name"] = json!("no_such_tool");
    let client = publish(&app, "caller", config).await;
    client.post("/v1/chat-messages", ask("hi")).await.refused(400, "invalid_param");
}

#[sqlx::test]
async fn a_draft_is_tried_in_the_console(db: PgPool) {
    let (app, _provider) = start(db).await;
    let mut config = calculator();
    config["model"] = json!({"provider": PROVIDER, "name": "caller", "mode": "chat", "completion_params": {}});
    let client = app.sign_in(&app.home, Role::Editor).await;
    let id = app.seed_app(&app.home, "Agent", "agent-chat").await;
    let stream = client.stream(&format!("/api/apps/{id}/preview"), json!({"query": "6*7?", "inputs": {}, "config": config})).await;
    let events = stream.rest().await;
    assert_eq!(names(&events).last().unwrap(), "message_end");
    assert!(names(&events).contains(&"agent_thought".to_owned()));
}
