//! The nodes of the family at work: with the bundled model, and with a provider that follows a script.

use serde_json::{Value, json};

use super::testing::{World, model_data, picture, pool};
use crate::catalog::testing::{Turn, bundled, features, scripted};
use crate::engine::request::{Message, Role};
use crate::workflows::event::RunEvent;

fn llm(template: Value, extra: Value) -> Value {
    let mut data = json!({"type": "llm", "title": "LLM", "model": model_data(json!({"temperature": 0})), "prompt_template": template,
        "context": {"enabled": false, "variable_selector": []}, "vision": {"enabled": false}});
    data.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    data
}

fn exchange(question: &str, answer: &str) -> [Message; 2] {
    [Message::text(Role::User, question), Message::text(Role::Assistant, answer)]
}

fn owned(messages: &[(&str, &str)]) -> Vec<(String, String)> {
    messages.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn an_answer_streams_and_is_counted() {
    let (model, calls) = scripted(features(&[]), 8000, vec![Turn::Says(vec!["Ro", "me", "."])]).await;
    let template =
        json!([{"role": "system", "text": "Be {{#s.how#}}."}, {"role": "user", "text": "{{#s.q#}}"}, {"role": "user", "text": ""}]);
    let mut data = llm(template, json!({}));
    data["model"]["completion_params"] = json!({"temperature": "{{#s.t#}}", "stop": ["END"], "max_tokens": 9});
    let values = [("s.how", json!("brief")), ("s.q", json!("Capital of Italy?")), ("s.t", json!(0.25))];
    let ran = World::with(model).run(data, pool(&values)).await;
    assert_eq!(ran.streamed.concat(), "Rome.");
    assert_eq!(
        (ran.output("text"), ran.output("reasoning_content"), ran.output("finish_reason")),
        (json!("Rome."), json!(""), json!("stop"))
    );
    let usage = ran.output("usage");
    assert_eq!((&usage["total_tokens"], &usage["total_price"], &usage["currency"]), (&json!(15), &json!("0.000062"), &json!("USD")));
    assert!(usage["latency"].as_f64().is_some() && usage["time_to_first_token"].as_f64().is_some());
    assert_eq!((ran.outcome().usage.total_tokens, ran.outcome().usage.total_price), (15, 0.000_062));
    let outcome = ran.outcome();
    assert_eq!(outcome.inputs["#s.q#"], "Capital of Italy?");
    assert_eq!((&outcome.inputs["model_provider"], &outcome.inputs["model_name"]), (&json!("scripted"), &json!("m")));
    assert_eq!(outcome.process_data["prompts"][0], json!({"role": "system", "text": "Be brief.", "files": []}));
    let body = &calls.all()[0];
    assert_eq!((&body["temperature"], &body["stop"], &body["max_tokens"]), (&json!(0.25), &json!(["END"]), &json!(9)));
    assert_eq!(calls.last_messages(), owned(&[("system", "Be brief."), ("user", "Capital of Italy?")]));
}

#[tokio::test]
async fn memory_follows_the_prompt_and_is_cut_to_the_context() {
    let template = json!([{"role": "system", "text": "S"}]);
    let memory = json!({"memory": {"window": {"enabled": true, "size": 2}, "query_prompt_template": "Q: {{#sys.query#}}"}});
    let history: Vec<Message> = [exchange("one", "1"), exchange("two", "2"), exchange("three", "3")].concat();
    let (model, calls) = scripted(features(&[]), 8000, vec![Turn::Says(vec!["x"])]).await;
    let world = World { history: history.clone(), ..World::with(model) };
    world.run(llm(template.clone(), memory), pool(&[("sys.query", json!("four"))])).await.outcome();
    let expected = [("system", "S"), ("user", "two"), ("assistant", "2"), ("user", "three"), ("assistant", "3"), ("user", "Q: four")];
    assert_eq!(calls.last_messages(), owned(&expected));

    // 40 tokens of the 80 are kept for the answer; a message takes 5 or 6
    let (model, calls) = scripted(features(&[]), 80, vec![Turn::Says(vec!["x"])]).await;
    let long = [exchange(&"long ".repeat(60), "1"), exchange("two", "2"), exchange("three", "3")].concat();
    let world = World { history: long, ..World::with(model) };
    let all = json!({"memory": {"window": {"enabled": false, "size": 50}}});
    world.run(llm(template, all), pool(&[("sys.query", json!("four"))])).await.outcome();
    let expected = [("system", "S"), ("user", "two"), ("assistant", "2"), ("user", "three"), ("assistant", "3"), ("user", "four")];
    assert_eq!(calls.last_messages(), owned(&expected));
}

#[tokio::test]
async fn a_completion_model_continues_one_text() {
    let (model, calls) = scripted(features(&[]), 8000, vec![Turn::Says(vec!["4"])]).await;
    let mut data =
        llm(json!({"text": "{{#histories#}}\nHuman: {{#sys.query#}}\nAssistant:"}), json!({"memory": {"role_prefix": {"user": "U"}}}));
    data["model"]["mode"] = json!("completion");
    let world = World { history: exchange("1+1", "2").to_vec(), ..World::with(model) };
    let ran = world.run(data, pool(&[("sys.query", json!("2+2"))])).await;
    assert_eq!(ran.output("text"), "4");
    assert_eq!(calls.all()[0]["prompt"], "U: 1+1\nAssistant: 2\nHuman: 2+2\nAssistant:");
}

#[tokio::test]
async fn thoughts_are_kept_apart_while_they_stream() {
    let says = || vec![Turn::Says(vec!["<thi", "nk>Let me ", "see.</th", "ink>\n\nIt is", " blue. "])];
    let template = json!([{"role": "user", "text": "Sky?"}]);
    let (model, _) = scripted(features(&[]), 8000, says()).await;
    let ran = World::with(model).run(llm(template.clone(), json!({"reasoning_format": "separated"})), pool(&[])).await;
    assert_eq!((ran.output("text"), ran.output("reasoning_content")), (json!("It is blue."), json!("Let me see.")));
    assert_eq!(ran.streamed.concat(), "It is blue.");
    let thoughts: Vec<(&str, bool)> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            RunEvent::Reasoning { node_id, text, is_final } if node_id == "node" => Some((text.as_str(), *is_final)),
            _ => None,
        })
        .collect();
    assert_eq!(thoughts, [("Let me ", false), ("see.", false), ("", true)]);

    let (model, _) = scripted(features(&[]), 8000, says()).await;
    let ran = World::with(model).run(llm(template, json!({})), pool(&[])).await;
    assert_eq!(ran.output("text"), "<think>Let me see.</think>\n\nIt is blue. ");
    assert_eq!(ran.streamed.concat(), "<think>Let me see.</think>\n\nIt is blue. ");
    assert!(ran.events.is_empty() && ran.output("reasoning_content") == "");
}

#[tokio::test]
async fn structured_answers_are_held_to_their_schema() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false});
    let extra = json!({"structured_output_enabled": true, "structured_output": {"schema": schema}});
    let template = json!([{"role": "user", "text": "From \"I live in Rome.\" extract city (string). Answer only with JSON."}]);

    let ran = World::with(bundled()).run(llm(template.clone(), extra.clone()), pool(&[])).await;
    assert!(ran.output("structured_output")["city"].is_string(), "{:?}", ran.output("text"));

    let (model, calls) = scripted(features(&["structured_output"]), 8000, vec![Turn::Says(vec!["{\"city\": \"Rome\"}"])]).await;
    let ran = World::with(model).run(llm(template.clone(), extra.clone()), pool(&[])).await;
    assert_eq!(ran.output("structured_output"), json!({"city": "Rome"}));
    assert_eq!(calls.all()[0]["response_format"]["json_schema"]["schema"], schema);
    assert_eq!(calls.last_messages().len(), 1);

    let turns = vec![Turn::Says(vec!["```json\n{\"city\": \"Rome\"}\n```"]), Turn::Says(vec!["Rome!"]), Turn::Says(vec!["{\"town\": 1}"])];
    let (model, calls) = scripted(features(&[]), 8000, turns).await;
    let world = std::sync::Arc::new(World::with(model));
    let ran = world.clone().run_shared(llm(template.clone(), extra.clone()), pool(&[])).await;
    assert_eq!(ran.output("structured_output"), json!({"city": "Rome"}));
    assert!(calls.last_messages()[0].1.contains("JSON Schema") && calls.all()[0].get("response_format").is_none());
    for expected in ["not JSON", "validation failed"] {
        let ran = world.clone().run_shared(llm(template.clone(), extra.clone()), pool(&[])).await;
        let error = ran.error();
        assert!(error.kind == "LLMNodeError" && error.message.contains(expected), "{error}");
        assert_eq!(error.partial.usage.total_tokens, 15, "tokens are spent");
    }
}

#[tokio::test]
async fn pictures_are_seen_by_models_that_see() {
    let (bytes, file) = picture([230, 20, 20]);
    let vision = json!({"vision": {"enabled": true, "configs": {"detail": "high", "variable_selector": ["sys", "files"]}}});
    let template = json!([{"role": "user", "text": "What color is the square?"}]);
    let world = |model| World { files: [("square.png".to_owned(), bytes.clone())].into(), ..World::with(model) };
    let values = [("sys.files", json!([file]))];
    let ran = world(bundled()).run(llm(template.clone(), vision.clone()), pool(&values)).await;
    assert!(ran.output("text").as_str().unwrap().to_lowercase().contains("red"), "{}", ran.output("text"));
    assert_eq!(ran.outcome().inputs["#files#"], json!([file]));

    // a file variable inside the prompt
    let inside = json!([{"role": "user", "text": "What color is the square? {{#s.file#}}"}]);
    let ran = world(bundled()).run(llm(inside, json!({})), pool(&[("s.file", file.clone())])).await;
    assert!(ran.output("text").as_str().unwrap().to_lowercase().contains("red"), "{}", ran.output("text"));

    let (model, calls) = scripted(features(&["vision"]), 8000, vec![Turn::Says(vec!["red"])]).await;
    world(model).run(llm(template.clone(), vision.clone()), pool(&values)).await.outcome();
    assert_eq!(calls.last_messages(), owned(&[("user", "[picture]|What color is the square?")]));
    let (model, calls) = scripted(features(&[]), 8000, vec![Turn::Says(vec!["?"])]).await;
    world(model).run(llm(template.clone(), vision.clone()), pool(&values)).await.outcome();
    assert_eq!(calls.last_messages(), owned(&[("user", "What color is the square?")]));

    let (model, _) = scripted(features(&["vision"]), 8000, vec![]).await;
    let ran = world(model).run(llm(template, vision), pool(&[("sys.files", json!("text"))])).await;
    assert_eq!(ran.error().kind, "InvalidVariableTypeError");
}

#[tokio::test]
async fn knowledge_becomes_context_and_is_cited() {
    let chunk = json!({"title": "Doc", "content": "The code is 7.", "files": null, "metadata": {"_source": "knowledge", "position": 1, "score": 0.5}});
    let (model, calls) = scripted(features(&[]), 8000, vec![Turn::Says(vec!["7"])]).await;
    let context = json!({"context": {"enabled": true, "variable_selector": ["k", "result"]}});
    let template = json!([{"role": "system", "text": "Know: {{#context#}}"}, {"role": "user", "text": "Code?"}]);
    let ran = World::with(model).run(llm(template, context), pool(&[("k.result", json!([chunk]))])).await;
    assert_eq!(calls.last_messages()[0].1, "Know: The code is 7.");
    assert_eq!(ran.outcome().metadata[super::RETRIEVER_RESOURCES][0]["content"], "The code is 7.");
    assert_eq!(ran.outcome().inputs["#context#"], "The code is 7.");
}

#[tokio::test]
async fn failures_have_their_kinds() {
    let run = async |turns, template: Value, name: &str| {
        let (model, _) = scripted(features(&[]), 8000, turns).await;
        let mut data = llm(template, json!({}));
        data["model"]["name"] = json!(name);
        let ran = World::with(model).run(data, pool(&[("s.empty", json!(""))])).await;
        let error = ran.error();
        (error.kind.clone(), error.message.clone())
    };
    let user = |text: &str| json!([{"role": "user", "text": text}]);
    assert_eq!(run(vec![], user("{{#no.where#}}"), "m").await, ("VariableNotFoundError".into(), "Variable #no.where# not found".into()));
    assert_eq!(run(vec![], user("Hi"), "other").await.0, "ModelNotExistError");
    assert_eq!(run(vec![], user("Hi"), "").await.0, "ModelNotExistError");
    assert_eq!(run(vec![], user("{{#s.empty#}}"), "m").await.0, "NoPromptFoundError");
    assert_eq!(run(vec![Turn::Fails(503)], user("Hi"), "m").await.0, "InvokeServerUnavailableError");
    assert_eq!(run(vec![Turn::Fails(429)], user("Hi"), "m").await.0, "InvokeRateLimitError");
    assert_eq!(run(vec![Turn::Fails(401)], user("Hi"), "m").await.0, "InvokeAuthorizationError");
}

#[tokio::test]
async fn a_question_goes_where_its_class_leads() {
    let classes =
        json!([{"id": "1", "name": "{{#s.first#}}"}, {"id": "2", "name": "music", "label": "Tunes"}, {"id": "3", "name": "finance"}]);
    let data = json!({"type": "question-classifier", "model": model_data(json!({"temperature": 0})), "classes": classes,
        "query_variable_selector": ["s", "q"], "instruction": "Mind {{#s.first#}}.", "memory": {"window": {"enabled": false}}});
    let values = [("s.q", json!("I love this piano melody")), ("s.first", json!("refund"))];
    // instructions are more than the bundled model learned
    let mut plain = data.clone();
    plain["instruction"] = json!("");
    let ran = World::with(bundled()).run(plain, pool(&values)).await;
    let outcome = ran.outcome();
    assert_eq!(outcome.handle.as_deref(), Some("2"), "{:?}", outcome.outputs);
    assert_eq!((ran.output("class_id"), ran.output("class_name"), ran.output("class_label")), (json!("2"), json!("music"), json!("Tunes")));
    assert!(outcome.usage.total_tokens > 0 && ran.output("usage")["total_tokens"].as_u64() > Some(0));

    let (model, calls) = scripted(features(&[]), 8000, vec![Turn::Says(vec!["No idea."])]).await;
    let world = World { history: exchange("Hi", "Hello").to_vec(), ..World::with(model) };
    let ran = world.run(data, pool(&values)).await;
    assert_eq!((ran.output("class_name"), ran.output("class_label")), (json!("refund"), json!("CLASS 1")));
    assert_eq!(ran.outcome().handle.as_deref(), Some("1"));
    let system = &calls.last_messages()[0].1;
    assert!(system.contains("Mind refund.") && system.contains("Human: Hi\nAssistant: Hello"), "{system}");
}

#[tokio::test]
async fn parameters_are_read_out_of_a_text() {
    let parameters = json!([{"name": "time", "type": "string", "description": "", "required": true}, {"name": "city", "type": "string"}]);
    let data = |mode: &str| {
        json!({"type": "parameter-extractor", "model": model_data(json!({"temperature": 0})), "parameters": parameters,
            "query": ["s", "q"], "reasoning_mode": mode, "instruction": "Be exact, {{#s.who#}}."})
    };
    let values = [("s.q", json!("We arrive at 15:00.")), ("s.who", json!("please"))];
    for mode in ["prompt", "function_call"] {
        let ran = World::with(bundled()).run(data(mode), pool(&values)).await;
        assert!(ran.output("time").is_string() && ran.output("city").is_string());
        assert_eq!(ran.output("__is_success"), 1, "{mode}: {:?}", ran.outcome().outputs);
        assert_eq!(ran.outcome().process_data["tool_call"].is_object(), mode == "function_call");
    }

    let call = Turn::Calls("", vec![("extract_parameters", json!({"time": "15:00"}))]);
    let (model, calls) = scripted(features(&["tools"]), 8000, vec![call]).await;
    let ran = World::with(model).run(data("function_call"), pool(&values)).await;
    assert_eq!((ran.output("time"), ran.output("city"), ran.output("__reason")), (json!("15:00"), json!(""), json!(null)));
    let body = &calls.all()[0];
    assert_eq!(body["tools"][0]["function"]["parameters"]["required"], json!(["time"]));
    assert!(calls.last_messages()[0].1.contains("Be exact, please."));

    let (model, _) = scripted(features(&[]), 8000, vec![Turn::Says(vec!["Found: {\"time\": 15}"]), Turn::Says(vec!["Nothing."])]).await;
    let world = std::sync::Arc::new(World::with(model));
    let ran = world.clone().run_shared(data("function_call"), pool(&values)).await;
    assert_eq!((ran.output("__is_success"), ran.output("time")), (json!(0), json!("")));
    let ran = world.run_shared(data("function_call"), pool(&values)).await;
    assert!(ran.output("__reason").as_str().unwrap().starts_with("Failed to extract"));
    assert_eq!(ran.output("__usage")["total_tokens"], 15);

    let (model, _) = scripted(features(&["tools"]), 8000, vec![Turn::Fails(500)]).await;
    let ran = World::with(model).run(data("function_call"), pool(&values)).await;
    assert_eq!(ran.error().partial.outputs["__reason"], "Failed to invoke model");
}

#[tokio::test]
async fn knowledge_is_asked_for_unless_the_query_is_empty() {
    let data = json!({"type": "knowledge-retrieval", "query_variable_selector": ["s", "q"], "dataset_ids": ["d1"],
        "retrieval_mode": "multiple", "multiple_retrieval_config": {"top_k": 2},
        "metadata_filtering_conditions": {"conditions": [{"name": "y", "comparison_operator": "=", "value": "{{#s.n#}}"}]}});
    let world = std::sync::Arc::new(World { knowledge: vec![json!({"content": "c"})], ..World::default() });
    let run = async |query: Value| world.clone().run_shared(data.clone(), pool(&[("s.q", query), ("s.n", json!(5))])).await;
    assert_eq!(run(json!("What?")).await.output("result"), json!([{"content": "c"}]));
    assert_eq!(run(json!(" ")).await.output("result"), json!([]));
    assert_eq!(run(json!(null)).await.output("result"), json!([]));
    assert!(run(json!(5)).await.error().message.contains("must be text, not number"));
    let asked = world.asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].query.as_str(), asked[0].dataset_ids.as_slice()), ("What?", &["d1".to_owned()][..]));
    assert_eq!(asked[0].config["multiple_retrieval_config"]["top_k"], 2);
    assert_eq!(asked[0].config["metadata_filtering_conditions"]["conditions"][0]["value"], 5);
}
