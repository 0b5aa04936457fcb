//! The node at work, with a provider that follows a script.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Agent;
use crate::catalog::testing::{Turn, features, scripted};
use crate::engine::request::{Message, Role};
use crate::tools::{Form, Parameter, ProviderType, ToolInfo};
use crate::workflows::event::{AgentLog, NodeUsage, RunEvent};
use crate::workflows::nodes::llm::testing::{World, pool};

fn search() -> ToolInfo {
    let parameter = |name: &str, form: Form| Parameter {
        name: name.into(),
        label: String::new(),
        description: String::new(),
        required: form == Form::Llm,
        form,
        schema: json!({"type": "string"}),
    };
    ToolInfo {
        provider_type: ProviderType::Builtin,
        provider_id: "web".into(),
        provider_name: "web".into(),
        name: "search".into(),
        label: "Search".into(),
        description: "Searches".into(),
        parameters: vec![parameter("query", Form::Llm), parameter("zone", Form::Llm), parameter("max", Form::Form)],
        output_variables: Vec::new(),
    }
}

fn data(strategy: &str) -> Value {
    let tool = json!({"enabled": true, "type": "builtin", "provider_name": "org/web/web", "tool_name": "search", "tool_label": "Search",
        "extra": {"description": "Finds {{#s.what#}}"}, "settings": {"max": {"value": {"type": "constant", "value": "3"}}},
        "parameters": {"query": {"auto": 1, "value": null}, "zone": {"auto": 0, "value": {"type": "mixed", "value": "{{#s.zone#}}"}}}});
    let off = json!({"enabled": false, "type": "builtin", "provider_name": "x", "tool_name": "gone"});
    json!({"type": "agent", "title": "Agent", "agent_strategy_provider_name": "langgenius/agent/agent", "agent_strategy_name": strategy,
        "memory": {"window": {"enabled": true, "size": 1}},
        "agent_parameters": {
            "model": {"type": "constant", "value": {"provider": "p", "model": "m", "model_type": "llm", "mode": "chat", "type": "model-selector",
                "completion_params": {"temperature": 0.5}}},
            "tools": {"type": "constant", "value": [tool, off]},
            "instruction": {"type": "constant", "value": "Be {{#s.how#}}."},
            "query": {"type": "mixed", "value": "{{#sys.query#}}"},
            "context": {"type": "variable", "value": ["s", "known"]},
            "maximum_iterations": {"type": "constant", "value": "2"}}})
}

fn logs(events: &[RunEvent]) -> Vec<&AgentLog> {
    events.iter().filter_map(|event| if let RunEvent::AgentLog(log) = event { Some(log) } else { None }).collect()
}

const VALUES: fn() -> Vec<(&'static str, Value)> = || {
    vec![
        ("s.what", json!("anything")),
        ("s.zone", json!("EU")),
        ("s.how", json!("brief")),
        ("s.known", json!(["K"])),
        ("sys.query", json!("Rome?")),
    ]
};

#[tokio::test]
async fn it_calls_tools_and_answers() {
    let turns =
        vec![Turn::Calls("Looking.", vec![("search", json!({"query": "Rome", "zone": "mine"}))]), Turn::Says(vec!["It is ", "big."])];
    let (model, calls) = scripted(features(&["tools"]), 8000, turns).await;
    let history = [("a", "b"), ("c", "d")].map(|(q, a)| [Message::text(Role::User, q), Message::text(Role::Assistant, a)]).concat();
    let tool_usage = NodeUsage { total_tokens: 5, ..NodeUsage::default() };
    let world = Arc::new(World { tools: vec![search()], history, tool_usage, ..World::with(model) });
    let ran = world.clone().run_shared(data("function_calling"), pool(&VALUES())).await;
    assert_eq!(ran.output("text"), "Looking.\nIt is big.");
    assert_eq!(ran.streamed.concat(), "Looking.\nIt is big.");
    assert_eq!((ran.output("usage")["total_tokens"].clone(), ran.outcome().usage.total_tokens), (json!(30), 35), "tools count for the run");
    assert_eq!(ran.output("files"), json!([]));

    let called = world.called.lock().unwrap();
    assert_eq!(called[0].0.provider_name, "web");
    assert_eq!(Value::Object(called[0].1.clone()), json!({"query": "Rome", "zone": "EU", "max": "3"}), "what the author decided stands");
    let body = &calls.all()[0];
    let function = &body["tools"][0]["function"];
    assert_eq!((&function["description"], &function["parameters"]["required"]), (&json!("Finds anything"), &json!(["query"])));
    assert_eq!((body["tools"].as_array().unwrap().len(), &body["temperature"]), (1, &json!(0.5)));
    let messages = calls.last_messages();
    assert!(messages[0].1.starts_with("Be brief.") && messages[0].1.contains("<context>\nK\n</context>"));
    assert_eq!((messages[1].1.as_str(), messages[3].1.as_str()), ("c", "Rome?"));

    let logs = logs(&ran.events);
    let seen: Vec<(&str, &str)> = logs.iter().map(|log| (log.label.as_str(), log.status.as_str())).collect();
    let expected = [
        ("ROUND 1", "start"),
        ("m Thought", "start"),
        ("m Thought", "success"),
        ("CALL search", "start"),
        ("CALL search", "success"),
        ("ROUND 1", "success"),
        ("ROUND 2", "start"),
        ("m Thought", "start"),
        ("m Thought", "success"),
        ("ROUND 2", "success"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(logs[3].parent_id.as_ref(), Some(&logs[0].id));
    assert_eq!((&logs[0].id, &logs[0].node_id), (&logs[5].id, &"node".to_owned()));
    assert_eq!(logs[2].metadata["total_tokens"], 15);
    let json = ran.output("json");
    let json = json.as_array().unwrap();
    assert_eq!((json.len(), &json[0]["label"], &json[5]), (6, &json!("ROUND 1"), &json!({"from": "search"})));
    assert_eq!(ran.outcome().metadata["agent_log"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_model_without_tools_reasons_in_text() {
    let turns = vec![
        Turn::Says(vec!["Thought: look.\nAction: {\"action\": \"search\", \"action_input\": \"Rome\"}"]),
        Turn::Says(vec!["FinalAnswer: Big."]),
    ];
    let (model, _) = scripted(features(&[]), 8000, turns).await;
    let ran = World { tools: vec![search()], ..World::with(model) }.run(data("function_calling"), pool(&VALUES())).await;
    assert_eq!(ran.output("text"), "Big.");
    assert_eq!(ran.streamed.concat(), "Big.");
}

#[tokio::test]
async fn failures_name_what_is_wrong() {
    let (model, _) = scripted(features(&["tools"]), 8000, vec![Turn::Fails(500)]).await;
    let world = Arc::new(World { tools: vec![search()], ..World::with(model) });
    let ran = world.clone().run_shared(data("ReAct"), pool(&VALUES())).await;
    assert_eq!(ran.error().kind, "InvokeServerUnavailableError");
    let mut many = data("ReAct");
    many["agent_parameters"]["maximum_iterations"]["value"] = json!("many");
    assert!(world.clone().run_shared(many, pool(&VALUES())).await.error().message.contains("maximum_iterations"));
    let mut gone = data("ReAct");
    gone["agent_parameters"]["tools"]["value"][1]["enabled"] = json!(true);
    assert_eq!(world.run_shared(gone, pool(&VALUES())).await.error().kind, "ToolRuntimeResolutionError");

    let field = |data: &Value| Agent::parse(data).unwrap_err().field;
    assert_eq!(field(&data("TOD")), "agent_strategy_name");
    let mut bad = data("ReAct");
    bad["agent_parameters"]["tools"]["value"][0]["type"] = json!("unheard-of");
    assert_eq!(field(&bad), "agent_parameters.tools.value[0].type");
    let mut bad = data("ReAct");
    bad["agent_parameters"]["model"]["value"]["completion_params"]["temperature"] = json!(9);
    assert_eq!(field(&bad), "agent_parameters.model.value.completion_params.temperature");
}
