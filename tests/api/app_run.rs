//! `ashlar app run`: files of workflows and chatflows in the terminal.

use std::path::Path;

use ashlar::workflows::cli::{RunArgs, run_file};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;

use crate::support::TestApp;

const WORKFLOW: &str = r"
version: 0.6.0
kind: app
app: {name: Greeter, mode: workflow}
workflow:
  features: {}
  graph:
    nodes:
    - id: s
      data:
        type: start
        title: Start
        variables:
        - {variable: city, label: City, type: text-input, required: true}
        - {variable: count, label: Count, type: number, required: false}
        - {variable: note, label: Note, type: file, required: false, allowed_file_types: [document], allowed_file_upload_methods: [local_file]}
    - id: t
      data:
        type: template-transform
        title: Greet
        template: 'Hello {{ city }}{{ count }}, {{ note.filename }}'
        variables:
        - {variable: city, value_selector: [s, city]}
        - {variable: count, value_selector: [s, count]}
        - {variable: note, value_selector: [s, note]}
    - id: e
      data: {type: end, title: End, outputs: [{variable: text, value_selector: [t, output]}]}
    edges:
    - {source: s, target: t}
    - {source: t, target: e}
";

const CHATFLOW: &str = r"
version: 0.6.0
kind: app
app: {name: Painter, mode: advanced-chat}
workflow:
  features: {}
  graph:
    nodes:
    - {id: s, data: {type: start, title: Start, variables: []}}
    - id: m
      data:
        type: llm
        title: Look
        model: {provider: langgenius/openai/openai, name: gpt-4o, mode: chat, completion_params: {temperature: 0}}
        prompt_template: [{role: user, text: '{{#sys.query#}}'}]
        vision: {enabled: true, configs: {variable_selector: [sys, files], detail: high}}
    - {id: a, data: {type: answer, title: Answer, answer: 'I see: {{#m.text#}}'}}
    edges:
    - {source: s, target: m}
    - {source: m, target: a}
";

fn write(dir: &TempDir, name: &str, text: &str) -> RunArgs {
    let file = dir.path().join(name);
    std::fs::write(&file, text).unwrap();
    RunArgs { file, inputs: Vec::new(), files: Vec::new(), query: String::new(), model: None, workspace: None }
}

async fn run(app: &TestApp, args: &RunArgs) -> (Result<Value, String>, String) {
    let args = RunArgs { workspace: Some(app.home.id.to_string()), ..args.clone() };
    let mut progress = String::new();
    let outcome = run_file(&app.state, &args, &mut |line| {
        progress.push_str(line);
        progress.push('\n');
    })
    .await;
    (outcome.map(Value::Object).map_err(|error| format!("{error:#}")), progress)
}

fn with_inputs(args: &RunArgs, inputs: &[(&str, &str)]) -> RunArgs {
    RunArgs { inputs: inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), ..args.clone() }
}

#[sqlx::test]
async fn a_workflow_is_run_with_its_inputs(db: PgPool) {
    let app = TestApp::start(db).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("note.txt"), "Granite").unwrap();
    let args = write(&dir, "greeter.yml", WORKFLOW);
    let note = format!("@{}", dir.path().join("note.txt").display());
    let (outcome, progress) = run(&app, &with_inputs(&args, &[("city", "Oslo"), ("count", "3"), ("note", &note)])).await;
    assert_eq!(outcome, Ok(json!({"text": "Hello Oslo3, note.txt"})));
    let seen: Vec<_> = progress.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(seen, ["… Start", "✓ Start", "… Greet", "✓ Greet", "… End", "✓ End"]);
    let recorded: i64 = sqlx::query_scalar("select count(*) from workflow_runs").fetch_one(&app.state.db).await.unwrap();
    assert_eq!(recorded, 0, "the terminal has seen it");
}

#[sqlx::test]
async fn what_is_wrong_is_named(db: PgPool) {
    let app = TestApp::start(db).await;
    let dir = tempfile::tempdir().unwrap();
    let args = write(&dir, "greeter.yml", WORKFLOW);
    for (inputs, expected) in [
        (&[][..], "city is required"),
        (&[("town", "Oslo")], "--input town: the form has no such input; it has city, count, note"),
        (&[("city", "Oslo"), ("note", "@/nowhere/note.txt")], "--input note: reading /nowhere/note.txt"),
    ] {
        let (outcome, _) = run(&app, &with_inputs(&args, inputs)).await;
        let error = outcome.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let broken = write(&dir, "broken.yml", &WORKFLOW.replace("template-transform", "teleport"));
    let (outcome, _) = run(&app, &with_inputs(&broken, &[("city", "Oslo")])).await;
    assert!(outcome.as_ref().is_err_and(|error| error.contains("Node 'Greet' (t), type:")), "{outcome:?}");
    let chat = write(&dir, "chat.yml", "app: {name: Chat, mode: chat}\nmodel_config: {model: {provider: local, name: default}}\n");
    assert!(run(&app, &chat).await.0.unwrap_err().contains("only workflows and chatflows are run"));
    let gone = RunArgs { file: Path::new("/nowhere/app.yml").to_owned(), ..args };
    assert!(run(&app, &gone).await.0.unwrap_err().contains("reading /nowhere/app.yml"));
}

#[sqlx::test]
async fn a_chatflow_answers_about_a_picture_with_the_model_at_hand(db: PgPool) {
    let app = TestApp::start_with_model(db).await;
    let dir = tempfile::tempdir().unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/red-circle.png");
    let args = RunArgs { query: "What is in the picture?".into(), files: vec![picture], ..write(&dir, "painter.yml", CHATFLOW) };
    let (outcome, progress) = run(&app, &args).await;
    assert_eq!(outcome, Ok(json!({"answer": "I see: There is a red circle.", "files": []})));
    assert!(progress.starts_with("langgenius/openai/openai/gpt-4o is not set up here: local/default runs in its place\n"), "{progress}");
    assert!(progress.lines().any(|line| line.contains("✓ Look") && line.ends_with("tokens")), "{progress}");

    let refused = RunArgs { model: Some("default".into()), ..args };
    assert!(run(&app, &refused).await.0.unwrap_err().contains("--model: write it as provider/name"));
}
