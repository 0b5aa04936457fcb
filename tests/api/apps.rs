//! Apps: drafts, versions, import and export, what the service API says about them, annotations.

use ashlar::accounts::NewKey;
use ashlar::apps::annotations;
use ashlar::apps::cli::{ImportArgs, import_file};
use ashlar::ids::{AppId, WorkspaceId};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Client, Role, TestApp};

const CHAT: &str = include_str!("../fixtures/dsl/chat.yml");
const COMPLETION: &str = include_str!("../fixtures/dsl/completion.yml");

async fn create(client: &Client, mode: &str) -> (String, Value) {
    let app = client.post("/api/apps", json!({"name": "App", "mode": mode})).await.ok();
    (format!("/api/apps/{}", app["id"].as_str().unwrap()), app)
}

async fn key_of(app: &TestApp, path: &str) -> Client {
    let id: Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
    app.with_key(&app.seed_key(&app.home, NewKey::App(AppId(id))).await)
}

#[sqlx::test]
async fn an_app_is_made_listed_changed_and_deleted(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    for mode in ["chat", "completion", "agent-chat", "advanced-chat", "workflow"] {
        let (_, made) = create(&editor, mode).await;
        assert_eq!((made["mode"].as_str(), &made["published"], &made["draft_revision"]), (Some(mode), &json!(false), &json!(1)));
    }
    let first = editor.get("/api/apps?limit=2").await.ok();
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    let rest = editor.get(&format!("/api/apps?limit=100&cursor={}", first["next_cursor"].as_str().unwrap())).await.ok();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (3, &Value::Null));
    assert_eq!(editor.get("/api/apps?mode=workflow").await.ok()["data"].as_array().unwrap().len(), 1);

    let (path, _) = create(&editor, "chat").await;
    let change = json!({"name": " Renamed ", "tags": ["a", "b"], "max_active_requests": 3, "site": {"title": "T", "chat_color_theme": "#0F766e"}, "enable_site": false});
    let changed = editor.patch(&path, change).await.ok();
    assert_eq!((&changed["name"], &changed["tags"], &changed["site"]["title"]), (&json!("Renamed"), &json!(["a", "b"]), &json!("T")));
    assert_eq!(editor.get("/api/apps?tag=b&keyword=RENAM").await.ok()["data"][0]["name"], "Renamed");
    assert_eq!(editor.get("/api/apps?keyword=100%25_").await.ok()["data"], json!([]));
    for (bad, param) in [
        (json!({"name": ""}), "name"),
        (json!({"max_active_requests": -1}), "max_active_requests"),
        (json!({"site": {"title": 5}}), "site.title"),
        (json!({"site": {"chat_color_theme": "red"}}), "site.chat_color_theme"),
        (json!({"site": {"chat_color_theme": "#12345g"}}), "site.chat_color_theme"),
        (json!({"tags": ["\n"]}), "tags"),
    ] {
        assert_eq!(editor.patch(&path, bad).await.refused(400, "invalid_param")["error"]["param"], param);
    }
    editor.post("/api/apps", json!({"name": "x", "mode": "agent"})).await.refused(400, "invalid_param");
    let copy = editor.post(&format!("{path}/duplicate"), json!({})).await.ok();
    assert_eq!((&copy["name"], &copy["tags"], &copy["published"]), (&json!("Renamed (copy)"), &json!(["a", "b"]), &json!(false)));

    let key = key_of(&app, &path).await;
    key.get("/v1/info").await.ok();
    assert_eq!(editor.delete(&path).await.status, 204);
    editor.get(&path).await.refused(404, "not_found");
    assert_eq!(key.get("/v1/info").await.refused(403, "forbidden")["message"], "The app no longer exists.");
}

#[sqlx::test]
async fn drafts_are_published_and_restored(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let (path, made) = create(&editor, "chat").await;
    let key = key_of(&app, &path).await;
    key.get("/v1/parameters").await.refused(400, "app_unavailable");

    let mut config = made["draft"].clone();
    config["opening_statement"] = json!("one");
    config["future"] = json!({"kept": [null, 1.5]});
    let draft = |config: &Value, revision: i64| json!({"config": config, "revision": revision});
    let saved = editor.put(&format!("{path}/draft"), draft(&config, 1)).await.ok();
    assert_eq!((&saved["draft"], &saved["draft_revision"]), (&config, &json!(2)));
    let stale = editor.put(&format!("{path}/draft"), draft(&config, 1)).await.refused(409, "conflict");
    assert_eq!(stale["error"]["param"], "revision");

    let first = editor.post(&format!("{path}/publish"), json!({"name": "v1", "note": "first"})).await.ok();
    assert_eq!((&first["number"], &first["current"]), (&json!(1), &json!(true)));
    assert_eq!(key.get("/v1/parameters").await.ok()["opening_statement"], "one");
    assert_eq!(editor.get(&path).await.ok()["has_unpublished_changes"], false);

    config["opening_statement"] = json!("two");
    let saved = editor.put(&format!("{path}/draft"), draft(&config, 2)).await.ok();
    assert_eq!(saved["has_unpublished_changes"], true);
    // callers still get what is published
    assert_eq!(key.get("/v1/parameters").await.ok()["opening_statement"], "one");
    editor.post(&format!("{path}/publish"), json!({})).await.ok();
    assert_eq!(key.get("/v1/parameters").await.ok()["opening_statement"], "two");

    let versions = editor.get(&format!("{path}/versions?limit=1")).await.ok();
    assert_eq!((&versions["data"][0]["number"], &versions["data"][0]["current"]), (&json!(2), &json!(true)));
    let older = editor.get(&format!("{path}/versions?cursor={}", versions["next_cursor"].as_str().unwrap())).await.ok();
    assert_eq!(older["data"][0]["id"], first["id"]);
    let version = format!("{path}/versions/{}", first["id"].as_str().unwrap());
    assert_eq!(editor.get(&version).await.ok()["config"]["opening_statement"], "one");
    let restored = editor.post(&format!("{version}/restore"), json!({})).await.ok();
    assert_eq!((&restored["draft"]["opening_statement"], &restored["draft_revision"]), (&json!("one"), &json!(4)));
    assert_eq!(key.get("/v1/parameters").await.ok()["opening_statement"], "two");
    editor.get(&format!("{path}/versions/{}", Uuid::now_v7())).await.refused(404, "not_found");
}

#[sqlx::test]
async fn a_bad_draft_is_refused_with_its_path(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let (path, _) = create(&editor, "chat").await;
    for (config, param) in [
        (
            json!({"model": {"provider": "local", "name": "default", "completion_params": {"temperature": 9}}}),
            "model.completion_params.temperature",
        ),
        (json!({"user_input_form": [{"text-input": {"variable": 1}}]}), "user_input_form[0].text-input.variable"),
        (json!("text"), "config"),
    ] {
        let body = json!({"config": config, "revision": 1});
        assert_eq!(editor.put(&format!("{path}/draft"), body).await.refused(400, "invalid_param")["error"]["param"], param);
    }
    let moderated = json!({"sensitive_word_avoidance": {"enabled": true, "type": "openai_moderation"}});
    editor.put(&format!("{path}/draft"), json!({"config": moderated, "revision": 1})).await.ok();
    let refused = editor.post(&format!("{path}/publish"), json!({})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "sensitive_word_avoidance.type");

    let (path, _) = create(&editor, "workflow").await;
    let body = json!({"config": {"graph": []}, "revision": 1});
    assert_eq!(editor.put(&format!("{path}/draft"), body).await.refused(400, "invalid_param")["error"]["param"], "graph");
}

#[sqlx::test]
async fn an_export_imports_as_the_same_app(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let mut exports = Vec::new();
    let mut yaml = CHAT.to_owned();
    for _ in 0..2 {
        let imported = editor.post("/api/apps/import", json!({"yaml": yaml})).await.ok();
        assert_eq!((&imported["status"], &imported["warnings"]), (&json!("completed"), &json!([])));
        assert_eq!(imported["app"]["draft"]["unknown_section"], json!({"deep": [1, "two", null, {"three": 3.25}]}));
        let reply = editor.get(&format!("/api/apps/{}/export", imported["app"]["id"].as_str().unwrap())).await;
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with("application/yaml"));
        yaml = reply.text();
        exports.push((imported["app"]["draft"].clone(), yaml.clone()));
    }
    assert_eq!(exports[0], exports[1]);
    assert!(yaml.contains("future_key") && yaml.contains("unknown_top_level") && yaml.contains("图里有什么？"), "{yaml}");
}

#[sqlx::test]
async fn an_old_or_newer_file_is_told_apart(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let older = editor.post("/api/apps/import", json!({"yaml": COMPLETION})).await.ok();
    assert_eq!(older["status"], "completed_with_warnings");
    assert_eq!(older["app"]["icon"], "🤯", "its short code");
    let warnings = older["warnings"].to_string();
    for part in ["0.1.5", "gpt-4o-mini", "langgenius/openai", "1 knowledge base"] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
    // with a provider of that name the model is mapped to it
    let provider = "with p as (insert into providers (id, workspace_id, name, base_url) values ($1, $2, 'openai', 'http://192.0.2.1') returning id)
        insert into provider_models (id, workspace_id, provider_id, name, kind, context_size) select $1, $2, id, 'gpt-4o-mini', 'llm', 8192 from p";
    sqlx::query(provider).bind(Uuid::now_v7()).bind(app.home.id).execute(&app.state.db).await.unwrap();
    let mapped = editor.post("/api/apps/import", json!({"yaml": COMPLETION})).await.ok();
    assert_eq!(mapped["app"]["draft"]["model"]["provider"], "openai");
    assert!(!mapped["warnings"].to_string().contains("gpt-4o-mini"));

    let newer = CHAT.replace("version: 0.6.0", "version: 0.9.0");
    let pending = editor.post("/api/apps/import", json!({"yaml": newer})).await.ok();
    assert_eq!((&pending["status"], &pending["app"]), (&json!("pending"), &Value::Null));
    let confirm = format!("/api/apps/import/{}/confirm", pending["import_id"].as_str().unwrap());
    app.foreigner().post(&confirm, json!({})).await.refused(404, "not_found");
    assert_eq!(editor.post(&confirm, json!({})).await.ok()["app"]["name"], "Picture guide");
    editor.post(&confirm, json!({})).await.refused(404, "not_found");
}

#[sqlx::test]
async fn files_that_are_no_apps_are_refused(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    for (yaml, part) in [
        ("a: [1, 2\nb: c", "line 2"),
        ("- just a list", "mapping"),
        ("version: 0.6\napp: {mode: chat}", "version"),
        ("kind: app", "Missing app data"),
        ("app: {name: x}", "loss app mode"),
        ("app: {name: x, mode: agent}", "Invalid app mode"),
        ("app: {name: x, mode: chat}", "model_config"),
    ] {
        let refused = editor.post("/api/apps/import", json!({"yaml": yaml})).await.refused(400, "invalid_param");
        assert!(refused["error"]["message"].as_str().unwrap().contains(part), "{yaml}: {refused}");
    }
    editor.post("/api/apps/import", json!({})).await.refused(400, "invalid_param");
    let refused = editor.post("/api/apps/import", json!({"url": "http://127.0.0.1:1/app.yml"})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "url");
    editor.post("/api/apps/import", json!({"url": "file:///etc/passwd"})).await.refused(400, "invalid_param");
    assert_eq!(editor.get("/api/apps").await.ok()["data"], json!([]));
}

#[sqlx::test]
async fn a_file_is_imported_by_url_from_an_allowed_network(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let server = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::path("/app.yml"))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_string(CHAT))
        .mount(&server)
        .await;
    let body = json!({"url": format!("{}/app.yml", server.uri())});
    assert_eq!(app.client(Role::Editor).post("/api/apps/import", body).await.ok()["app"]["name"], "Picture guide");
}

#[sqlx::test]
async fn the_command_line_goes_from_nothing_to_a_key(db: PgPool) {
    let app = TestApp::start_empty(db, |_| {}).await;
    let file = app.data_dir.path().join("app.yml");
    std::fs::write(&file, CHAT).unwrap();
    let args = ImportArgs { file, publish: true, print_key: true, workspace: None };
    let imported = import_file(&app.state, &args, ashlar::workflows::check_publishable).await.unwrap();
    let key = app.with_key(&imported.key.unwrap());
    assert_eq!(key.get("/v1/info").await.ok()["name"], "Picture guide");
    assert_eq!(key.get("/v1/parameters").await.ok()["user_input_form"][1]["select"]["options"], json!(["short", "long"]));
    std::fs::write(&args.file, "app: {").unwrap();
    let error = import_file(&app.state, &args, ashlar::workflows::check_publishable).await.unwrap_err().to_string();
    assert!(error.contains("app.yml") && error.contains("line"), "{error}");
}

/// Real files of others, where they are at hand.
#[sqlx::test]
async fn public_files_import_and_come_back(db: PgPool) {
    #[expect(clippy::disallowed_methods, reason = "a setting of this test alone")]
    let folder = std::env::var("ASHLAR_DSL_SAMPLES").unwrap_or_else(|_| "../shared/dsl-samples".to_owned());
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no sample files in {folder}; set ASHLAR_DSL_SAMPLES");
        return;
    };
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    for entry in entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "yml")) {
        let yaml = std::fs::read_to_string(&entry).unwrap();
        let imported = editor.post("/api/apps/import", json!({"yaml": yaml})).await.ok();
        assert_ne!(imported["status"], "pending", "{entry:?}");
        let export =
            async |imported: &Value| editor.get(&format!("/api/apps/{}/export", imported["app"]["id"].as_str().unwrap())).await.text();
        let first = export(&imported).await;
        let again = editor.post("/api/apps/import", json!({"yaml": first})).await.ok();
        assert_eq!(export(&again).await, first, "{entry:?}");
    }
}

#[sqlx::test]
async fn the_service_api_describes_the_app(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let imported = editor.post("/api/apps/import", json!({"yaml": CHAT})).await.ok();
    let path = format!("/api/apps/{}", imported["app"]["id"].as_str().unwrap());
    editor.post(&format!("{path}/publish"), json!({})).await.ok();
    let key = key_of(&app, &path).await;
    let parameters = key.get("/v1/parameters").await.ok();
    assert_eq!(parameters["file_upload"]["image"]["number_limits"], 3);
    assert_eq!(parameters["system_parameters"]["image_file_size_limit"], 10);
    assert_eq!(parameters["text_to_speech"]["autoPlay"], "disabled");
    assert_eq!(parameters["user_input_form"][0]["text-input"]["variable"], "name");
    assert_eq!(parameters["sensitive_word_avoidance"], json!({"enabled": true, "type": "keywords", "configs": []}));
    assert!(!parameters.to_string().contains("forbidden"), "the keywords are not public");
    let info = key.get("/v1/info").await.ok();
    assert_eq!((&info["name"], &info["mode"], &info["tags"]), (&json!("Picture guide"), &json!("chat"), &json!([])));
    assert_eq!(key.get("/v1/meta").await.ok(), json!({"tool_icons": {}}));
    let site = key.get("/v1/site").await.ok();
    assert_eq!((&site["title"], &site["icon"], &site["use_icon_as_answer_icon"]), (&json!("Picture guide"), &json!("🖼️"), &json!(true)));
    editor.patch(&path, json!({"enable_site": false})).await.ok();
    key.get("/v1/site").await.refused(403, "forbidden");
}

#[sqlx::test]
async fn annotations_are_kept_and_answer(db: PgPool) {
    let app = TestApp::start(db).await;
    let editor = app.client(Role::Editor);
    let (path, _) = create(&editor, "chat").await;
    let key = key_of(&app, &path).await;
    let made = key.post("/v1/apps/annotations", json!({"question": "What is  Ashlar?", "answer": "Stone."})).await;
    assert_eq!(made.status, 201);
    let id = made.ok()["id"].as_str().unwrap().to_owned();
    let by_hand = editor.post(&format!("{path}/annotations"), json!({"question": "你好", "answer": "您好"})).await.ok();
    assert_eq!(by_hand["created_by_name"], "editor");
    let page = key.get("/v1/apps/annotations?limit=1&page=2").await.ok();
    assert_eq!((&page["total"], &page["has_more"], &page["data"][0]["id"]), (&json!(2), &json!(false), &json!(id)));
    assert_eq!(key.get("/v1/apps/annotations?keyword=STONE").await.ok()["total"], 1);
    for query in ["limit=0", "limit=101", "page=0"] {
        key.get(&format!("/v1/apps/annotations?{query}")).await.refused(400, "invalid_param");
    }
    key.post("/v1/apps/annotations", json!({"question": " ", "answer": "a"})).await.refused(400, "invalid_param");
    key.put("/v1/apps/annotations/none", json!({"question": "q", "answer": "a"})).await.refused(404, "not_found");
    let changed =
        key.put(&format!("/v1/apps/annotations/{id}"), json!({"question": "What is Ashlar?", "answer": "Dressed stone."})).await.ok();
    assert_eq!(changed["answer"], "Dressed stone.");

    let settings = |enabled: bool| annotations::Settings { enabled, ..Default::default() };
    let app_id = AppId(path.rsplit('/').next().unwrap().parse().unwrap());
    let find = async |settings, query: &str| {
        annotations::find_reply(&app.state, WorkspaceId(app.home.id), app_id, &settings, query).await.unwrap()
    };
    assert!(find(settings(false), "What is Ashlar?").await.is_none());
    assert!(find(settings(true), "Something else").await.is_none());
    let reply = find(settings(true), " what IS\nashlar? ").await.unwrap();
    assert_eq!((reply.answer.as_str(), reply.score, reply.account), ("Dressed stone.", 1.0, None));
    assert_eq!(find(settings(true), "你好").await.unwrap().account.unwrap().1, "editor");
    assert_eq!(key.get("/v1/apps/annotations?keyword=dressed").await.ok()["data"][0]["hit_count"], 1);

    assert_eq!(key.delete(&format!("/v1/apps/annotations/{id}")).await.status, 204);
    key.delete(&format!("/v1/apps/annotations/{id}")).await.refused(404, "not_found");
}

#[sqlx::test]
async fn switching_replies_on_is_a_job_that_says_what_is_missing(db: PgPool) {
    let app = TestApp::start(db).await;
    let (path, _) = create(&app.client(Role::Editor), "chat").await;
    let key = key_of(&app, &path).await;
    key.post("/v1/apps/annotations", json!({"question": "q", "answer": "a"})).await.ok();
    let body = json!({"score_threshold": 0.8, "embedding_provider_name": "nobody", "embedding_model_name": "none"});
    key.post("/v1/apps/annotation-reply/enable", json!({"score_threshold": 0.8})).await.refused(400, "invalid_param");
    let job = key.post("/v1/apps/annotation-reply/enable", body.clone()).await.ok();
    assert_eq!(job["job_status"], "waiting");
    let status = format!("/v1/apps/annotation-reply/enable/status/{}", job["job_id"].as_str().unwrap());
    assert_eq!(key.get(&status).await.ok()["job_status"], "waiting");
    ashlar::jobs::drain(&app.state.db, &ashlar::server::job_handlers(&app.state)).await.unwrap();
    let ended = key.get(&status).await.ok();
    assert_eq!(ended["job_status"], "error");
    assert!(ended["error_msg"].as_str().unwrap().contains("nobody"), "{ended}");
    let refused = key.get(&format!("/v1/apps/annotation-reply/enable/status/{}", Uuid::now_v7())).await.refused(400, "invalid_param");
    assert_eq!(refused["message"], "The job does not exist.");

    let job = key.post("/v1/apps/annotation-reply/disable", body).await.ok();
    ashlar::jobs::drain(&app.state.db, &ashlar::server::job_handlers(&app.state)).await.unwrap();
    let status = format!("/v1/apps/annotation-reply/disable/status/{}", job["job_id"].as_str().unwrap());
    assert_eq!(key.get(&status).await.ok(), json!({"job_id": job["job_id"], "job_status": "completed", "error_msg": ""}));
}

/// Embeds what is about money as one direction and everything else as another.
fn embed(request: &wiremock::Request) -> wiremock::ResponseTemplate {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let texts = body["input"].as_array().cloned().unwrap_or_else(|| vec![body["input"].clone()]);
    let vector = |text: &Value| if text.as_str().unwrap().contains("money") { json!([1.0, 0.1]) } else { json!([0.1, 1.0]) };
    let data: Vec<Value> =
        texts.iter().enumerate().map(|(i, text)| json!({"object": "embedding", "index": i, "embedding": vector(text)})).collect();
    let usage = json!({"prompt_tokens": 1, "total_tokens": 1});
    wiremock::ResponseTemplate::new(200).set_body_json(json!({"object": "list", "model": "emb", "data": data, "usage": usage}))
}

#[sqlx::test]
async fn a_question_of_the_same_meaning_gets_the_annotation(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let server = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::path("/v1/embeddings")).respond_with(embed).mount(&server).await;
    let provider = Uuid::now_v7();
    sqlx::query("insert into providers (id, workspace_id, name, base_url) values ($1, $2, 'remote', $3)")
        .bind(provider)
        .bind(app.home.id)
        .bind(format!("{}/v1", server.uri()))
        .execute(&app.state.db)
        .await
        .unwrap();
    sqlx::query("insert into provider_models (id, workspace_id, provider_id, name, kind) values ($1, $2, $1, 'emb', 'text-embedding')")
        .bind(provider)
        .bind(app.home.id)
        .execute(&app.state.db)
        .await
        .unwrap();
    let (path, _) = create(&app.client(Role::Editor), "chat").await;
    let key = key_of(&app, &path).await;
    key.post("/v1/apps/annotations", json!({"question": "When do I get my money back?", "answer": "In a week."})).await.ok();
    let body = json!({"score_threshold": 0.8, "embedding_provider_name": "remote", "embedding_model_name": "emb"});
    let job = key.post("/v1/apps/annotation-reply/enable", body).await.ok();
    ashlar::jobs::drain(&app.state.db, &ashlar::server::job_handlers(&app.state)).await.unwrap();
    let status = format!("/v1/apps/annotation-reply/enable/status/{}", job["job_id"].as_str().unwrap());
    assert_eq!(key.get(&status).await.ok()["job_status"], "completed");

    let app_id = AppId(path.rsplit('/').next().unwrap().parse().unwrap());
    let model = ashlar::catalog::ModelRef { provider: "remote".into(), name: "emb".into() };
    let settings = annotations::Settings { enabled: true, score_threshold: 0.8, embedding_model: Some(model) };
    let find = async |query: &str| annotations::find_reply(&app.state, WorkspaceId(app.home.id), app_id, &settings, query).await.unwrap();
    let reply = find("Will you return the money?").await.unwrap();
    assert_eq!(reply.answer, "In a week.");
    assert!(reply.score > 0.99 && find("What is the weather?").await.is_none());
    // the model is gone: what it embedded can't be compared, and nobody loses an answer over it
    server.reset().await;
    assert!(find("Will you return the money?").await.is_none());
    assert!(find("when do i get my money back?").await.is_some());
}
