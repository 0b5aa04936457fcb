//! What nodes of a workflow get from the server: files kept and read, requests sent, inside the run's workspace.

use ashlar::files::{Owner, Scope};
use ashlar::ids::{AppId, WorkspaceId};
use ashlar::tools::{ProviderType, ToolRef};
use ashlar::workflows::host::{Host, HttpRequest, Language, Retrieval};
use ashlar::workflows::nested::Caller;
use ashlar::workflows::run_row::Source;
use ashlar::workflows::server_host::ServerHost;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use uuid::Uuid;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::TestApp;

async fn start(db: PgPool) -> TestApp {
    TestApp::start_with(db, |config| {
        config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()];
        config.upload_file_mb = 1;
        config.blocked_extensions = vec!["exe".into()];
        config.sandbox_program = env!("CARGO_BIN_EXE_ashlar").into();
        config.code_timeout_s = 2;
    })
    .await
}

async fn host(app: &TestApp, workspace: Uuid) -> ServerHost {
    let app_id = if workspace == app.home.id { app.seed_app(&app.home, "Flow", "workflow").await } else { Uuid::now_v7() };
    let scope = Scope { workspace_id: WorkspaceId(workspace), app_id: AppId(app_id), owner: Owner::Nobody };
    let caller = Caller::of_scope(&app.state, &scope, Source::Debugger).await.unwrap();
    ServerHost::new(&app.state, scope, caller)
}

#[sqlx::test]
async fn files_of_nodes_are_kept_and_read_in_their_workspace(db: PgPool) {
    let app = start(db).await;
    let (home, foreign) = (host(&app, app.home.id).await, host(&app, app.foreign.id).await);
    let file = home.save_file("notes", "text/x-log", Bytes::from_static(b"made here")).await.unwrap();
    let shown = ["dify_model_identity", "transfer_method", "mime_type", "tenant_id"].map(|key| file[key].as_str().unwrap().to_owned());
    assert_eq!(shown, ["__dify__file__", "tool_file", "text/x-log", &app.home.id.to_string()]);
    assert_eq!(file["size"], 9);
    assert_eq!(home.read_file(&file).await.unwrap(), "made here");
    // whoever has the link may read it
    let link = file["url"].as_str().unwrap();
    let reply = app.anonymous().get(&link[link.find("/files/").unwrap()..]).await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, "made here"));

    let error = foreign.read_file(&file).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.message.contains("does not exist any more")), ("FileError", true));
    let error = home.save_file("run.exe", "application/octet-stream", Bytes::from_static(b"MZ")).await.unwrap_err();
    assert!(error.message.contains(".exe"), "{}", error.message);
    let error = home.save_file("a.txt", "text/plain", vec![b'x'; (1 << 20) + 1].into()).await.unwrap_err();
    assert!(error.message.starts_with("File size exceeded"), "{}", error.message);
    let page = home.save_file("chart.png", "image/png", Bytes::from_static(b"<html>")).await.unwrap();
    assert_eq!((&page["filename"], &page["type"]), (&json!("chart.png.bin"), &json!("custom")));
}

#[sqlx::test]
async fn remote_files_are_read_through_the_guard(db: PgPool) {
    let app = start(db).await;
    let host = host(&app, app.home.id).await;
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path("/a.pdf")).respond_with(ResponseTemplate::new(200).set_body_string("%PDF")).mount(&server).await;
    let file = |url: String| json!({"dify_model_identity": "__dify__file__", "transfer_method": "remote_url", "remote_url": url, "filename": "a.pdf", "extension": ".pdf"});
    assert_eq!(host.read_file(&file(format!("{}/a.pdf", server.uri()))).await.unwrap(), "%PDF");
    for (url, why) in
        [(format!("{}/b.pdf", server.uri()), "answered with HTTP status 404"), ("http://10.0.0.1/a".into(), "private or reserved network")]
    {
        let error = host.read_file(&file(url)).await.unwrap_err();
        assert!(error.message.starts_with("The URL of the file 'a.pdf'") && error.message.contains(why), "{}", error.message);
    }
    let error = host.read_file(&json!({"filename": "x"})).await.unwrap_err();
    assert!(error.message.contains("neither the id"), "{}", error.message);
    assert_eq!(host.send(HttpRequest::get(format!("{}/a.pdf", server.uri()))).await.unwrap().body, "%PDF");
}

#[sqlx::test]
async fn knowledge_is_empty_or_refused(db: PgPool) {
    let app = start(db).await;
    let host = host(&app, app.home.id).await;
    let query = |ids: &[&str]| Retrieval {
        query: "q".into(),
        attachments: Vec::new(),
        dataset_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        config: Value::Null,
    };
    assert!(host.retrieve(query(&[])).await.unwrap().is_empty());
    assert!(host.retrieve(query(&["a"])).await.unwrap_err().message.contains("dataset_ids"));
}

#[sqlx::test]
async fn documents_give_their_text(db: PgPool) {
    let app = start(db).await;
    let host = host(&app, app.home.id).await;
    let mut page = host.save_file("page.html", "text/html", Bytes::from_static(b"<h1>Title</h1><p>One <b>two</b></p>")).await.unwrap();
    let text = host.extract_text(&page).await.unwrap();
    assert!(text.contains("# Title") && text.contains("two"), "{text}");
    // the name may say less than the extension
    page["filename"] = json!("page");
    assert_eq!(host.extract_text(&page).await.unwrap(), text);
    let broken = host.save_file("broken.pdf", "application/pdf", Bytes::from_static(b"%PDF-1.7 and nothing more")).await.unwrap();
    let error = host.extract_text(&broken).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.message.contains("broken.pdf")), ("TextExtractionError", true), "{}", error.message);
}

#[sqlx::test]
async fn code_runs_in_the_sandbox_under_the_configured_limits(db: PgPool) {
    let app = start(db).await;
    let host = host(&app, app.home.id).await;
    let inputs = || Map::from_iter([("n".to_owned(), json!(2))]);
    let python = host.run_code(Language::Python3, "def main(n):\n    return {'twice': n * 2}", inputs()).await;
    assert_eq!(Value::Object(python.unwrap()), json!({"twice": 4}));
    let script = host.run_code(Language::JavaScript, "function main({n}) { return {half: n / 2} }", inputs()).await;
    assert_eq!(Value::Object(script.unwrap()), json!({"half": 1}));
    for (code, why) in [("def main(n):\n    raise ValueError('odd')", "odd"), ("def main(n):\n    while True: pass", "longer than 2 s")] {
        let error = host.run_code(Language::Python3, code, inputs()).await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.message.contains(why)), ("CodeExecutionError", true), "{}", error.message);
    }
}

#[sqlx::test]
async fn tools_of_the_workspace_are_found_and_called(db: PgPool) {
    let app = start(db).await;
    let host = host(&app, app.home.id).await;
    let reference = |tool: &str| ToolRef {
        provider_type: ProviderType::Builtin,
        provider_id: "langgenius/time/time".into(),
        provider_name: "time".into(),
        tool_name: tool.into(),
    };
    let info = host.find_tool(&reference("current_time")).await.unwrap();
    assert!(info.parameters.iter().any(|parameter| parameter.name == "timezone"));
    let output =
        host.invoke_tool(&reference("current_time"), Map::from_iter([("timezone".into(), json!("UTC"))]), None).await.unwrap().output;
    assert!(output.text.starts_with("20"), "{}", output.text);
    let error = host
        .invoke_tool(&reference("current_time"), Map::from_iter([("timezone".into(), json!("Nowhere/Nothing"))]), None)
        .await
        .unwrap_err();
    assert!(!error.message.is_empty());
    assert_eq!(host.find_tool(&reference("no_such_tool")).await.unwrap_err().kind, "ToolRuntimeResolutionError");
}
