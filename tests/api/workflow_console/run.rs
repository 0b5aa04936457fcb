//! The draft run, stopped, followed; forms answered.

use axum::http::{Request, header};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{Studio, outcome};
use crate::support::{EventStream, Role, TestApp};
use crate::workflows::{asking, data, edges, end, follow, graph, greeting, long, names, node, parrot, start, template, until, whole};

#[sqlx::test]
async fn the_draft_runs_with_the_service_api_s_events(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &greeting()).await;
    let events = studio.run(json!({"city": "Oslo"})).await;
    assert_eq!(
        names(&events),
        [
            "workflow_started",
            "node_started",
            "node_finished",
            "node_started",
            "text_chunk",
            "node_finished",
            "node_started",
            "node_finished",
            "workflow_finished"
        ]
    );
    assert_eq!(outcome(&events), ("succeeded", &json!({"text": "Hello Oslo"})));
    let account = app.home.account_id(Role::Editor).to_string();
    assert_eq!(events[8]["data"]["created_by"]["id"], account);
    assert_eq!(events[0]["data"]["inputs"]["sys.user_id"], account);
    let run = studio.get(&format!("/runs/{}", events[0]["workflow_run_id"].as_str().unwrap())).await;
    assert_eq!((&run["triggered_from"], &run["source"], &run["version_id"]), (&json!("debugging"), &json!("debugger"), &Value::Null));

    // settings not saved yet, blocking
    let mut unsaved = greeting();
    unsaved["graph"]["nodes"][1]["data"]["template"] = json!("Bye {{ c }}");
    let body = json!({"inputs": {"city": "Rome"}, "config": unsaved, "response_mode": "blocking"});
    let reply = studio.editor.post(&studio.path("/draft/run"), body).await.ok();
    assert_eq!((&reply["data"]["status"], &reply["data"]["outputs"]), (&json!("succeeded"), &json!({"text": "Bye Rome"})));
    // the log of published runs knows nothing of it
    let logged: i64 = sqlx::query_scalar("select count(*) from workflow_runs where triggered_from <> 'debugging'")
        .fetch_one(&app.state.db)
        .await
        .unwrap();
    assert_eq!(logged, 0);
}

#[sqlx::test]
async fn what_can_t_run_is_refused(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &greeting()).await;
    let run = async |body: Value| studio.editor.post(&studio.path("/draft/run"), body).await;
    assert_eq!(run(json!({})).await.refused(400, "invalid_param")["error"]["param"], "inputs.city");
    let body = json!({"inputs": {"city": "x"}, "overrides": [{"selector": ["t", "output"], "value": 1}]});
    assert_eq!(run(body).await.refused(400, "invalid_param")["error"]["param"], "overrides");
    let body = json!({"inputs": {"city": "x"}, "entry_node_id": "t"});
    assert_eq!(run(body).await.refused(400, "invalid_param")["error"]["param"], "entry_node_id");
    let mut broken = greeting();
    broken["graph"]["edges"] = json!(edges(&["s>t", "t>e", "e>t"]));
    broken["graph"]["nodes"][2]["data"]["outputs"] = json!([]);
    let refused = run(json!({"inputs": {"city": "x"}, "config": broken})).await.refused(400, "invalid_workflow");
    assert!(refused["error"]["message"].as_str().unwrap().contains("circle"), "{refused}");
    assert_eq!(refused["error"]["details"]["issues"][0]["severity"], "error");
    let chat = Studio::of(&app, "chat", &json!({})).await;
    for (path, body) in [("/draft/run", json!({})), ("/draft/check", json!({})), ("/draft/nodes/s/run", json!({}))] {
        chat.editor.post(&chat.path(path), body).await.refused(400, "not_workflow_app");
    }
    let flow = Studio::of(&app, "advanced-chat", &parrot()).await;
    flow.editor.post(&flow.path("/draft/run"), json!({})).await.refused(400, "not_workflow_app");
    app.client(Role::Normal).post(&studio.path("/draft/run"), json!({"inputs": {"city": "x"}})).await.refused(403, "forbidden");
}

#[sqlx::test]
async fn a_chatflow_s_draft_is_asked_through_its_preview(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = Studio::of(&app, "advanced-chat", &parrot()).await;
    let events = whole(flow.stream("/preview", json!({"query": "hello"})).await).await;
    let text: String = events.iter().filter(|e| e["event"] == "message").map(|e| e["answer"].as_str().unwrap()).collect();
    assert_eq!(text, "You said hello (1)");
    assert_eq!(names(&events)[events.len() - 2..], ["message_end", "workflow_finished"]);
    let runs = flow.get("/runs").await;
    let run = &runs["data"][0];
    assert_eq!((&run["mode"], &run["triggered_from"]), (&json!("advanced-chat"), &json!("debugging")));
    assert_eq!(run["conversation_id"], events[0]["conversation_id"]);
    // its variables are looked at like any draft's
    let variables = flow.variables().await;
    for expected in [r#"t.output="You said hello""#, r#"conversation.said=["nothing","hello"]"#, r#"a.answer="You said hello (1)""#] {
        assert!(variables.iter().any(|v| v == expected), "{expected} is not in {variables:#?}");
    }
}

#[sqlx::test]
async fn a_run_is_stopped_and_followed_by_the_makers(db: PgPool) {
    let app = TestApp::start(db).await;
    let studio = Studio::of(&app, "workflow", &long(450)).await;
    let request = Request::post(studio.path("/draft/run"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-ashlar-resume", "true")
        .body(axum::body::Body::from("{}"))
        .unwrap();
    let mut stream = EventStream::new(studio.editor.open(request).await);
    let next = until(&mut stream, "iteration_next").await;
    let run_id = next["workflow_run_id"].as_str().unwrap().to_owned();
    let events = studio.path(&format!("/runs/{run_id}/events"));
    let mut followed = follow(&studio.editor, &format!("{events}?include_state_snapshot=true"), None).await;
    assert_eq!(followed.next().await.unwrap().json()["event"], "workflow_started");
    app.client(Role::Owner).post(&studio.path(&format!("/runs/{run_id}/stop")), json!({})).await.ok();
    let finished = until(&mut stream, "workflow_finished").await;
    assert_eq!(finished["data"]["status"], "stopped");
    assert_eq!(until(&mut followed, "workflow_finished").await, finished);
    assert_eq!(studio.get(&format!("/runs/{run_id}")).await["status"], "stopped");
    // from where one was
    let again = data(&follow(&studio.editor, &events, Some("1")).await.rest().await);
    assert_eq!((again[0]["event"].as_str(), again.last()), (Some("node_started"), Some(&finished)));
    app.foreigner().post(&studio.path(&format!("/runs/{run_id}/stop")), json!({})).await.refused(404, "not_found");
}

#[sqlx::test]
async fn a_form_of_the_draft_is_answered_in_the_console(db: PgPool) {
    let app = TestApp::start(db).await;
    let mut config = asking(false);
    // whatever its delivery
    config["graph"]["nodes"][2]["data"]["delivery_methods"] = json!([]);
    let studio = Studio::of(&app, "workflow", &config).await;
    let events = studio.run_paused(json!({"city": "Oslo"})).await;
    let run_id = events[0]["workflow_run_id"].as_str().unwrap();
    let forms = studio.get(&format!("/runs/{run_id}/forms")).await;
    let form = &forms["data"][0];
    assert_eq!((&form["node_id"], &form["status"], &form["answer"]), (&json!("h"), &json!("waiting"), &Value::Null));
    assert_eq!(form["form_content"], "Is Oslo right? {{#$output.note#}}");
    let path = studio.path(&format!("/runs/{run_id}/forms/{}", form["id"].as_str().unwrap()));
    studio.editor.post(&path, json!({"inputs": {}, "action": "ok"})).await.refused(400, "invalid_form_data");
    let following = follow(&studio.editor, &studio.path(&format!("/runs/{run_id}/events?continue_on_pause=true")), None).await;
    studio.editor.post(&path, json!({"inputs": {"note": "Yes."}, "action": "ok"})).await.ok();
    studio.editor.post(&path, json!({"inputs": {"note": "No."}, "action": "no"})).await.refused(412, "human_input_form_submitted");
    assert_eq!(ashlar::chat::take_up_runs(&app.state).await.unwrap(), 1);
    let rest = data(&following.rest().await);
    assert_eq!(outcome(&rest), ("succeeded", &json!({"said": "Yes."})));
    let forms = studio.get(&format!("/runs/{run_id}/forms")).await;
    assert_eq!((&forms["data"][0]["status"], &forms["data"][0]["answer"]["action_id"]), (&json!("answered"), &json!("ok")));

    // those of published runs are for others
    sqlx::query("update workflow_runs set triggered_from = 'app-run'").execute(&app.state.db).await.unwrap();
    studio.editor.post(&path, json!({"inputs": {"note": "x"}, "action": "ok"})).await.refused(403, "forbidden");

    // and a run that waits is stopped like others
    let events = studio.run_paused(json!({"city": "Rome"})).await;
    let run_id = events[0]["workflow_run_id"].as_str().unwrap();
    studio.editor.post(&studio.path(&format!("/runs/{run_id}/stop")), json!({})).await.ok();
    assert_eq!(studio.get(&format!("/runs/{run_id}")).await["status"], "stopped");
}

#[sqlx::test]
async fn a_triggered_workflow_is_tried_with_what_its_trigger_would_bring(db: PgPool) {
    let app = TestApp::start(db).await;
    let nodes = vec![
        node("w", json!({"type": "trigger-webhook", "title": "Hook"})),
        node("c", json!({"type": "trigger-schedule", "title": "Clock"})),
        node("t", template("Say", "{{ q }}", &[("q", "w.q")])),
        end(&[("text", "t.output")]),
    ];
    let studio = Studio::of(&app, "workflow", &graph(nodes, &["w>t", "c>t", "t>e"])).await;
    assert_eq!(outcome(&studio.run(json!({"q": "rain"})).await), ("succeeded", &json!({"text": "rain"})));
    let body = json!({"inputs": {"q": "rain"}, "entry_node_id": "c"});
    let events = whole(studio.stream("/draft/run", body).await).await;
    assert_eq!((outcome(&events).0, &events[1]["data"]["node_id"]), ("succeeded", &json!("c")));
}

impl Studio {
    /// Runs the draft to where it waits.
    async fn run_paused(&self, inputs: Value) -> Vec<Value> {
        let events = self.run(inputs).await;
        assert_eq!(names(&events).last(), Some(&"workflow_paused"));
        events
    }
}

#[sqlx::test]
async fn files_of_the_maker_go_into_the_draft(db: PgPool) {
    let app = TestApp::start(db).await;
    let form = json!([{"variable": "doc", "label": "Doc", "type": "file", "required": true, "allowed_file_types": ["document"],
        "allowed_file_upload_methods": ["local_file"]}]);
    let nodes = vec![
        start(form),
        node("x", json!({"type": "document-extractor", "title": "Read", "variable_selector": ["s", "doc"], "is_array_file": false})),
        end(&[("text", "x.text")]),
    ];
    let studio = Studio::of(&app, "workflow", &graph(nodes, &["s>x", "x>e"])).await;
    let upload = studio.editor.multipart("/api/files", &[], &[("file", "a.txt", "text/plain", b"Words inside.")]).await.ok();
    let sent = json!({"type": "document", "transfer_method": "local_file", "upload_file_id": upload["id"]});
    assert_eq!(outcome(&studio.run(json!({"doc": sent})).await), ("succeeded", &json!({"text": "Words inside."})));
    // a node alone takes one too
    let tried = studio.try_node("x", json!({"variables": [super::given("s.doc", sent.clone())]})).await;
    assert_eq!((&tried["status"], &tried["node_run"]["outputs"]["text"]), (&json!("succeeded"), &json!("Words inside.")));
    // and reads again what it last had
    let tried = studio.try_node("x", json!({})).await;
    assert_eq!(tried["node_run"]["outputs"]["text"], "Words inside.");
    let other = json!({"type": "document", "transfer_method": "local_file", "upload_file_id": uuid::Uuid::now_v7()});
    let path = studio.path("/draft/nodes/x/run");
    let refused = studio.editor.post(&path, json!({"variables": [super::given("s.doc", other)]})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "variables[0].value[0]");
}
