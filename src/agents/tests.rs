//! Both loops against a provider that follows a script, and with the bundled model.

use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::catalog::testing::{Calls, Turn, bundled, features, scripted};
use crate::engine::request::Role;

/// `add` adds, `broken` fails, `picture` makes a file.
struct Kit;

#[async_trait]
impl Tools for Kit {
    async fn call(&self, name: &str, arguments: Map<String, Value>) -> Result<Observation, String> {
        let number = |key: &str| arguments.get(key).and_then(Value::as_i64).unwrap_or(0);
        match name {
            "add" => Ok(Observation { text: (number("a") + number("b")).to_string(), ..Observation::default() }),
            "picture" => {
                Ok(Observation { files: vec![json!({"filename": "a.png"})], json: vec![json!({"n": 1})], ..Observation::default() })
            }
            "long" => Ok(Observation { text: "é".repeat(100_000), ..Observation::default() }),
            _ => Err("out of order".to_owned()),
        }
    }
}

fn tool(name: &str, properties: Value) -> Tool {
    let parameters = json!({"type": "object", "properties": properties});
    Tool { name: name.into(), description: format!("What {name} does"), parameters }
}

fn task(model: Model, max_iterations: u32) -> Task {
    let number = json!({"type": "integer"});
    Task {
        model,
        strategy: Strategy::FunctionCall,
        request: Request::new(Input::Text(String::new())),
        messages: vec![Message::text(Role::System, "Be exact."), Message::text(Role::User, "2+3?")],
        tools: vec![
            tool("add", json!({"a": number, "b": number})),
            tool("broken", json!({"x": {}})),
            tool("picture", json!({})),
            tool("long", json!({})),
        ],
        max_iterations,
    }
}

struct Ran {
    outcome: Outcome,
    events: Vec<Event>,
    calls: Calls,
}

async fn run_script(tools: bool, max_iterations: u32, turns: Vec<Turn>) -> Ran {
    let (model, calls) = scripted(features(if tools { &["tools"][..] } else { &[] }), 8000, turns).await;
    let events = Mutex::new(Vec::new());
    let outcome = run(&task(model, max_iterations), &Kit, &|event| events.lock().unwrap().push(event)).await.unwrap();
    Ran { outcome, events: events.into_inner().unwrap(), calls }
}

impl Ran {
    fn names(&self) -> Vec<String> {
        let name = |event: &Event| match event {
            Event::RoundStarted { round } => format!("round {round}"),
            Event::Text(text) => format!("text {text}"),
            Event::Thought { thought, calls, .. } => {
                format!(
                    "thought {thought:?} {}",
                    calls.iter().map(|c| format!("{}{}", c.name, c.arguments_text())).collect::<Vec<_>>().join(" ")
                )
            }
            Event::CallStarted { index, .. } => format!("call {index}"),
            Event::CallEnded { index, observed, .. } => match observed {
                Ok(observation) => format!("gave {index} {}", observation.text),
                Err(message) => format!("failed {index} {message}"),
            },
            Event::RoundEnded { round } => format!("end {round}"),
        };
        self.events.iter().map(name).collect()
    }
}

#[tokio::test]
async fn functions_are_called_until_there_is_an_answer() {
    let turns = vec![
        Turn::Calls("Adding.", vec![("add", json!({"a": 2, "b": 3})), ("broken", json!({})), ("nothing", json!({}))]),
        Turn::Says(vec!["It is", " 5."]),
    ];
    let ran = run_script(true, 5, turns).await;
    assert_eq!(ran.outcome.text, "Adding.\nIt is 5.");
    assert_eq!(ran.outcome.usage.total_tokens, 30);
    let names = ran.names();
    assert_eq!(names[..3], ["round 1", "text Adding.", "thought \"Adding.\" add{\"a\":2,\"b\":3} broken{} nothing{}"]);
    for expected in ["gave 0 5", "failed 1 out of order", "end 1"] {
        assert!(names.contains(&expected.to_owned()), "{names:?}");
    }
    assert_eq!(names[names.len() - 5..], ["round 2", "text \n", "text It is", "text  5.", "thought \"It is 5.\" "]);
    let bodies = ran.calls.all();
    assert_eq!(bodies[0]["tools"].as_array().unwrap().len(), 4);
    let messages = bodies[1]["messages"].as_array().unwrap();
    assert_eq!(messages[2]["tool_calls"][0]["function"]["name"], "add");
    assert_eq!(
        (&messages[3]["role"], &messages[3]["content"], &messages[3]["tool_call_id"]),
        (&json!("tool"), &json!("5"), &json!("call_0"))
    );
    assert_eq!(messages[4]["content"], "Error: out of order");
    assert!(messages[5]["content"].as_str().unwrap().starts_with("Error: There is no tool named \"nothing\""));
}

#[tokio::test]
async fn the_last_round_has_no_tools() {
    let call = || Turn::Calls("", vec![("picture", json!({}))]);
    let ran = run_script(true, 2, vec![call(), call(), Turn::Says(vec!["Enough."])]).await;
    assert_eq!((ran.outcome.text.as_str(), ran.outcome.files.len(), ran.outcome.json.len()), ("Enough.", 2, 2));
    let bodies = ran.calls.all();
    assert!(bodies[1].get("tools").is_some() && bodies[2].get("tools").is_none());
}

#[tokio::test]
async fn long_observations_are_cut_to_the_model() {
    let ran = run_script(true, 2, vec![Turn::Calls("", vec![("long", json!({}))]), Turn::Says(vec!["x"])]).await;
    let shown = ran.calls.last_messages().pop().unwrap().1;
    assert!(shown.len() < 2 * 8000 && shown.ends_with("[cut: the rest is too long]"), "{}", shown.len());
}

#[tokio::test]
async fn a_model_without_tools_reasons_in_text() {
    let turns = vec![
        Turn::Says(vec![
            "Thought: I must ",
            "add.\nAction:\n```json\n{\"action\": \"add\", \"action_in",
            "put\": {\"a\": 2, \"b\": 3}}\n```\n",
        ]),
        Turn::Says(vec!["<think>hm</think>Thought: Done.\nFinal", "Answer:", " It is", " 5."]),
    ];
    let ran = run_script(false, 5, turns).await;
    assert_eq!(ran.outcome.text, "It is 5.");
    let expected = [
        "round 1",
        "thought \"I must add.\" add{\"a\":2,\"b\":3}",
        "call 0",
        "gave 0 5",
        "end 1",
        "round 2",
        "text It is",
        "text  5.",
        "thought \"Done.\" ",
    ];
    assert_eq!(ran.names(), expected);
    let body = &ran.calls.all()[1];
    assert_eq!(body["stop"], json!(["Observation:"]));
    let messages = ran.calls.last_messages();
    assert!(messages[0].1.starts_with("Be exact.") && messages[0].1.contains("\"What add does\""));
    let scratchpad = "Thought: I must add.\nAction: {\"action\":\"add\",\"action_input\":{\"a\":2,\"b\":3}}\nObservation: 5\n";
    assert_eq!(messages[2], ("assistant".to_owned(), scratchpad.to_owned()));
}

#[tokio::test]
async fn answers_in_other_forms_are_answers() {
    let answers = [
        ("It is 5.", "It is 5."),
        ("Thought: It is 5.", "It is 5."),
        ("Thought: Done.\nAction: {\"action\": \"Final Answer\", \"action_input\": \"It is 5.\"}", "It is 5."),
        ("Thought: Done.\nFinal Answer: It is {5}.", "It is {5}."),
    ];
    for (written, answer) in answers {
        assert_eq!(run_script(false, 1, vec![Turn::Says(vec![written])]).await.outcome.text, answer, "{written}");
    }
    let one = "Thought: a\nAction: {\"action\": \"broken\", \"action_input\": \"plain\"}";
    let ran = run_script(false, 1, vec![Turn::Says(vec![one]), Turn::Says(vec!["Thought: no way.\nAction: {\"action\": \"add\"}"])]).await;
    assert!(ran.names().contains(&"thought \"a\" broken{\"x\":\"plain\"}".to_owned()), "{:?}", ran.names());
    assert_eq!(ran.outcome.text, "no way.", "its last thought is all there is to say");
}

#[tokio::test]
async fn the_bundled_model_is_an_agent_too() {
    let mut task = task(bundled(), 2);
    task.request.max_tokens = Some(100);
    task.messages = vec![Message::text(Role::User, "What is the weather in Paris?")];
    task.tools = vec![Tool {
        name: "get_weather".into(),
        description: "Get the current weather of a city".into(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    }];
    let events = Mutex::new(Vec::new());
    let outcome = run(&task, &Kit, &|event| events.lock().unwrap().push(event)).await.unwrap();
    assert!(!outcome.text.is_empty() && outcome.usage.total_tokens > 0);
    let called = events.into_inner().unwrap().into_iter().any(|event| matches!(event, Event::CallStarted { .. }));
    assert!(called, "{outcome:?}");
}
