//! Real app files of other people, where they are at hand: each is imported and run to its end as `ashlar app run` runs it, with
//! models mapped to the bundled one and the services it calls replaced by [`stand_in`]. What can't run says why.
//!
//! `docs/dify-files.md` is made of the table that this test prints.

mod stand_in;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ashlar::apps::dsl;
use ashlar::workflows::cli::{RunArgs, run_file};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::scripted;
use crate::support::{Role, TestApp, eventually};

struct Sample {
    name: &'static str,
    query: &'static str,
    /// `name=value`; `{files}` is where the files are that the tests bring.
    inputs: &'static [&'static str],
    files: &'static [&'static str],
    /// A large model's stand-in, instead of the bundled model.
    model: Option<&'static str>,
    /// What of the file's text is replaced, and by what; `{stand_in}` is the URL of the stand-in.
    replaced: &'static [(&'static str, &'static str)],
    /// Why it does not come to an end.
    fails: Option<&'static str>,
}

const fn asked(name: &'static str, query: &'static str) -> Sample {
    Sample { query, ..given(name, &[]) }
}

const fn given(name: &'static str, inputs: &'static [&'static str]) -> Sample {
    Sample { name, query: "", inputs, files: &[], model: None, replaced: &[], fails: None }
}

const SAMPLES: &[Sample] = &[
    asked("a1sh4-agent-chatflow", "What is an ashlar?"),
    Sample { replaced: &[("https://httpbin.org", "{stand_in}")], ..given("a1sh4-error-handling", &["user_input=Hello"]) },
    Sample {
        replaced: &[("https://<your-dify-domain>", "{stand_in}")],
        ..given("a1sh4-knowledge-base-ingestion", &["File=@{files}/202504_DXSuite利用実績.csv"])
    },
    Sample { files: &["{files}/circle.png"], ..asked("a1sh4-ocr-chatflow", "Read it.") },
    given("a1sh4-starter-workflow", &["user_query=What is an ashlar?"]),
    Sample { model: Some("large/analysis"), ..given("a1sh4-structured-output", &["input_text=What a fine wall."]) },
    given("lazeyliu-broken-if-else-no-false", &["query=x"]),
    given("lazeyliu-broken-question-classifier-routing", &["query=Where is my invoice?"]),
    given("lazeyliu-broken-selector", &[]),
    Sample { fails: Some("waits for a person at Human Input"), ..given("lazeyliu-human-input-approval", &["request_id=7"]) },
    given("lazeyliu-iteration-template", &[]),
    given("lazeyliu-list-operator", &[]),
    given("lazeyliu-loop-assigner", &[]),
    asked("lazeyliu-min-advanced-chat", "Hello"),
    Sample { fails: Some("they begin knowledge pipelines"), ..given("lazeyliu-min-rag-pipeline", &[]) },
    given("lazeyliu-parameter-extractor", &["query=Two stones, please"]),
    given("lazeyliu-question-classifier-routing", &["query=Where is my invoice?"]),
    Sample { replaced: &[("https://example.com", "{stand_in}")], ..given("lazeyliu-trigger-schedule-http", &[]) },
    // its code asks for a variable that the node does not give it
    Sample {
        fails: Some("main() missing 1 required positional argument: 'query'"),
        ..given("lazeyliu-variable-aggregator-fallback", &["query=x"])
    },
    asked("plugins-comfyui-txt2img", "A stone"),
    Sample { files: &["{files}/note.txt"], ..asked("plugins-mineru-demo", "Parse it") },
    Sample { fails: Some("user_input_form[0]: unknown variant `string`"), ..given("rrocean-ai-data-analysis", &["query=x"]) },
    Sample { fails: Some("agent_strategy_name: 'TOD' is not available"), ..asked("svcvit-agentflow", "x") },
    asked("svcvit-artifact", "A red circle"),
    Sample { model: Some("large/text"), ..given("svcvit-book-translation", &["input_text=It was a bright cold day in April."]) },
    Sample { replaced: &[("https://weather.cma.cn", "{stand_in}")], ..asked("svcvit-chart-demo", "Show it") },
    Sample { inputs: &["Research_Theme=Stone walls"], ..asked("svcvit-deep-researcher", "Go on") },
    given("svcvit-document-chat-template", &["input=How do I install it?"]),
    asked("svcvit-form-chat-demo", "{\"username\": \"svcvit\", \"password\": \"x\"}"),
    asked("svcvit-jieba", "我来到北京清华大学"),
    given("svcvit-json-repair", &["llm_string={\"a\": 1,}"]),
    given("svcvit-json-translate", &["json_data={\"title\": \"你好\", \"list\": [\"石头\", 1]}"]),
    given("svcvit-language-consistency-checker", &["url=readme.md", "lang=en-US"]),
    Sample {
        model: Some("large/code"),
        replaced: &[("http://sandbox:8194", "{stand_in}"), ("import pandas as pd", "")],
        ..given("svcvit-run-llm-code", &["File=@{files}/numbers.csv", "query=Add them up"])
    },
    asked("svcvit-search-master", "What is an ashlar?"),
    given("svcvit-seo-slug-generator", &["title=How to cut a stone"]),
    Sample { inputs: &["web_search=开启", "role_def=A mason"], ..asked("svcvit-simple-kimi", "What is an ashlar?") },
    Sample { model: Some("large/couplets"), ..given("svcvit-spring-couplets", &["theme=Spring", "count=五言"]) },
    Sample {
        model: Some("large/couplets"),
        ..given("svcvit-spring-couplets-vision", &["theme=Spring", "count=五言", "enabled_summary=不开启"])
    },
    asked("svcvit-surrounded-by-llm", "#开始"),
    asked("svcvit-surrounded-by-llm-ranking", "#开始"),
    asked("svcvit-thinking-assistant", "Why do walls stand?"),
    given("svcvit-translation-workflow", &["source_lang=English", "target_lang=Chinese", "source_text=A stone wall."]),
    asked("svcvit-travel-demo", "Three days in Oslo"),
];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/dsl-samples");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn every_sample_file_is_run() {
    let Some(folder) = folder() else { return };
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "yml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let document = dsl::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert!(!document.mode.is_workflow() || SAMPLES.iter().any(|s| s.name == name), "{name} is not among the samples of this test");
    }
}

/// An app that can use stand-ins, and where their files are.
async fn app_with_stand_ins(db: PgPool) -> (TestApp, String) {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/python-packages");
    let app = TestApp::start_with(db, |config| {
        config.no_model = false;
        config.sandbox_program = env!("CARGO_BIN_EXE_ashlar").into();
        config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()];
        config.python_packages = packages.is_dir().then_some(packages);
    })
    .await;
    app.state.engines.load(ashlar::engine::host::DEFAULT).await.expect("the bundled model loads");
    let url = stand_in::start().await;
    let admin = app.client(Role::Admin);
    for (plugin, _, _) in stand_in::TOOLS {
        admin.post("/api/tools/mcp", json!({"name": plugin, "url": format!("{url}/mcp/{plugin}")})).await.ok();
    }
    let models: Vec<_> = stand_in::WRITES.iter().map(|(name, _)| json!({"name": name, "kind": "llm", "context_size": 8192})).collect();
    let provider = json!({"name": "large", "base_url": format!("{url}/llm/v1"), "models": models});
    assert_eq!(admin.post("/api/providers", provider).await.status, StatusCode::CREATED);
    (app, url)
}

/// The files that samples are sent.
fn write_files(folder: &Path) {
    let usage = "EU名,プラン,総リクエスト,文字あり,空欄,CBあり,CBなし,エントリー,ElasticSorter,全文読取\nAcme,Basic,10,8,2,1,1,3,0,5\n";
    std::fs::write(folder.join("202504_DXSuite利用実績.csv"), usage).unwrap();
    std::fs::write(folder.join("numbers.csv"), "n\n1\n2\n").unwrap();
    std::fs::write(folder.join("note.txt"), "A note.").unwrap();
    image::RgbImage::from_pixel(56, 56, image::Rgb([200, 30, 30])).save(folder.join("circle.png")).unwrap();
}

#[sqlx::test]
async fn sample_files_run_to_the_end(db: PgPool) {
    let Some(folder) = folder() else { return };
    let (app, url) = app_with_stand_ins(db).await;
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let fill = |text: &str| text.replace("{files}", dir.path().to_str().unwrap()).replace("{stand_in}", &url);
    let (mut table, mut wrong) = ("| File | Nodes | Result |\n|---|---|---|\n".to_owned(), Vec::new());
    for sample in SAMPLES {
        let text = std::fs::read_to_string(folder.join(sample.name).with_extension("yml")).unwrap();
        let (n_nodes, emptied, text) = prepare(&sample.replaced.iter().fold(text, |text, (from, to)| text.replace(from, &fill(to))));
        let file = dir.path().join(sample.name).with_extension("yml");
        std::fs::write(&file, text).unwrap();
        let inputs = sample.inputs.iter().map(|input| fill(input)).map(|input| {
            let (name, value) = input.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        });
        let args = RunArgs {
            file,
            inputs: inputs.collect(),
            files: sample.files.iter().map(|path| fill(path).into()).collect(),
            query: sample.query.to_owned(),
            model: sample.model.map(str::to_owned),
            workspace: Some(app.home.id.to_string()),
        };
        let mut progress = Vec::new();
        let outcome = run_file(&app.state, &args, &mut |line| progress.push(line.to_owned())).await.map_err(|error| format!("{error:#}"));
        let n_run = progress.iter().filter(|line| line.trim_start().starts_with(['✓', '!'])).count();
        let told = match &outcome {
            Ok(_) => format!("ran to the end, {n_run} executions of nodes"),
            Err(error) => error.clone(),
        };
        let emptied = if emptied { "; its knowledge bases are left out" } else { "" };
        writeln!(table, "| {} | {n_nodes} | {told}{emptied} |", sample.name).unwrap();
        let expected = match (&outcome, sample.fails) {
            (Ok(_), None) => true,
            (Err(error), Some(reason)) => error.contains(reason),
            _ => false,
        };
        if !expected {
            wrong.push(format!("{}: {told}, expected {:?}\n{}", sample.name, sample.fails, progress.join("\n")));
        }
    }
    eprintln!("{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Nodes of the graph, whether knowledge bases were taken out, and the file as it runs.
fn prepare(text: &str) -> (usize, bool, String) {
    let mut file: Value = ashlar::yaml::parse(text).unwrap();
    let nodes = file.pointer_mut("/workflow/graph/nodes").and_then(Value::as_array_mut).unwrap();
    let mut emptied = false;
    let mut n_nodes = 0;
    for node in nodes {
        n_nodes += usize::from(node["data"]["type"].as_str().is_some_and(|kind| !kind.is_empty()));
        if let Some(ids) = node.pointer_mut("/data/dataset_ids").and_then(Value::as_array_mut) {
            emptied |= !ids.is_empty();
            ids.clear();
        }
    }
    (n_nodes, emptied, ashlar::yaml::emit(&file).unwrap())
}

/// The one that asks a person, as a published app whose form is answered.
#[sqlx::test]
async fn a_sample_that_waits_for_a_person_ends_when_the_form_is_answered(db: PgPool) {
    let Some(folder) = folder() else { return };
    let app = TestApp::start(db).await;
    let document = dsl::parse(&std::fs::read_to_string(folder.join("lazeyliu-human-input-approval.yml")).unwrap()).unwrap();
    let (_, _, token) = scripted::publish_config(&app.state.db, app.home.id, "workflow", &document.config).await;
    let client = app.with_key(&token);
    let body = client.post("/v1/workflows/run", json!({"inputs": {"request_id": "7"}, "user": "u"})).await.ok();
    assert_eq!(body["data"]["status"], "paused");
    let path = format!("/v1/form/human_input/{}", body["data"]["reasons"][0]["form_token"].as_str().unwrap());
    client.post(&path, json!({"inputs": {"comment": "Fine"}, "action": "approve", "user": "boss"})).await.ok();
    assert_eq!(ashlar::chat::take_up_runs(&app.state).await.unwrap(), 1);
    let run = format!("/v1/workflows/run/{}", body["workflow_run_id"].as_str().unwrap());
    eventually("the run ends", || async { client.get(&run).await.ok()["status"] == "succeeded" }).await;
}
