//! What `transformers` says with the bundled model (float32, greedy), case by case.

use base64::Engine as _;
use serde_json::Value;

use super::{read, tiny};
use crate::engine::request::{Detail, Image, Input, Message, Part, Request, Role, Tool, ToolCall};
use crate::engine::{Engine, EngineOptions};

struct Case {
    name: String,
    input: Input,
    tools: Vec<Tool>,
    input_ids: Vec<u32>,
    n_output: usize,
    output: String,
}

fn cases() -> Vec<Case> {
    let json: Value = serde_json::from_slice(&std::fs::read(tiny().join("goldens.json")).unwrap()).unwrap();
    json["cases"].as_array().unwrap().iter().map(case).collect()
}

fn case(json: &Value) -> Case {
    let mut images = json["images"].as_array().into_iter().flatten().map(|image| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(image.as_str().unwrap()).unwrap();
        // The goldens were made at the checkpoint's own limits.
        Part::Image(Image { bytes: bytes.into(), mime_type: "image/png".to_owned(), detail: Detail::High })
    });
    let messages = json["messages"].as_array().unwrap().iter().map(|message| {
        let role: Role = serde_json::from_value(message["role"].clone()).unwrap();
        let content = match &message["content"] {
            Value::Array(parts) => parts
                .iter()
                .map(|part| match part["type"].as_str() {
                    Some("image") => images.next().unwrap(),
                    _ => Part::Text(part["text"].as_str().unwrap().to_owned()),
                })
                .collect(),
            content => vec![Part::Text(content.as_str().unwrap_or_default().to_owned())],
        };
        let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| ToolCall {
            id: String::new(),
            name: call["function"]["name"].as_str().unwrap().to_owned(),
            arguments: call["function"]["arguments"].to_string(),
        });
        Message { role, content, tool_calls: calls.collect(), tool_call_id: None, name: None }
    });
    let messages = messages.collect();
    let tools = json["tools"].as_array().into_iter().flatten().map(|tool| serde_json::from_value(tool["function"].clone()).unwrap());
    Case {
        name: json["name"].as_str().unwrap().to_owned(),
        input: Input::Chat(messages),
        tools: tools.collect(),
        input_ids: serde_json::from_value(json["input_ids"].clone()).unwrap(),
        n_output: json["output_ids"].as_array().unwrap().len(),
        output: json["output"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_model_says_what_transformers_says() {
    let engine = Engine::load(&tiny(), &EngineOptions::default()).unwrap();
    let cases = cases();
    assert!(cases.len() >= 40);
    for case in &cases {
        let (prompt, _) = engine.0.shared.prompt(&case.input, &case.tools).unwrap();
        assert_eq!(prompt.ids, case.input_ids, "{}", case.name);
        assert_eq!(engine.count_tokens(&case.input, &case.tools).unwrap(), case.input_ids.len(), "{}", case.name);
    }
    // All at once: batched, chunked and with shared prefixes.
    let requests = cases.iter().map(|case| {
        let mut request = Request::new(case.input.clone());
        request.tools = case.tools.clone();
        request.max_tokens = Some(case.n_output as u32 + 2);
        let engine = engine.clone();
        async move { read(engine.submit(request).await.unwrap()).await.unwrap() }
    });
    let answers = futures::future::join_all(requests).await;
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let output = case.output.trim();
        if answer.text.trim() != output || answer.done.usage.prompt_tokens as usize != case.input_ids.len() {
            wrong.push(format!("{}: {output:?} expected, got {answer:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
