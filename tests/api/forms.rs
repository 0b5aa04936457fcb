//! Forms of workflows as people meet them: the page behind a link, and the mail that brings it.

use ashlar::mail::Mailer;
use ashlar::{jobs, server};
use axum::http::header;
use mail_parser::MessageParser;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::smtp::MailServer;
use crate::support::{Client, Role, TestApp, eventually};
use crate::workflows::{App, blocking, edges, graph, node, publish, start};

fn webapp() -> Value {
    json!({"id": "1", "type": "webapp", "enabled": true, "config": {}})
}

fn email(recipients: Value) -> Value {
    json!({"id": "2", "type": "email", "enabled": true, "config": {
        "recipients": recipients, "subject": "Check {{#s.city#}}", "body": "Is **{{#s.city#}}** right? [Open the form]({{#url#}}).", "debug_mode": true}})
}

fn external(addresses: &[&str]) -> Value {
    let items: Vec<Value> = addresses.iter().map(|email| json!({"type": "external", "email": email})).collect();
    json!({"whole_workspace": false, "items": items})
}

/// A form between start and end, which gives the note, the choice and the names of files.
fn asking(delivery_methods: Value) -> Value {
    let variables = json!([{"variable": "city", "label": "City", "type": "text-input", "required": true, "max_length": 48}]);
    let form = json!({
        "type": "human-input", "title": "Check the city",
        "form_content": "# {{#s.city#}}?\n\n{{#$output.note#}} Size: {{#$output.size#}}",
        "inputs": [
            {"type": "paragraph", "output_variable_name": "note", "default": {"type": "variable", "selector": ["s", "city"], "value": ""}},
            {"type": "select", "output_variable_name": "size", "option_source": {"type": "constant", "value": ["S", "M"]}},
            {"type": "file", "output_variable_name": "proof", "allowed_file_types": ["document"], "allowed_file_upload_methods": ["local_file"]},
            {"type": "file-list", "output_variable_name": "pictures", "allowed_file_types": ["image"], "number_limits": 2},
        ],
        "user_actions": [{"id": "ok", "title": "Fine", "button_style": "primary"}, {"id": "no", "title": "No", "button_style": "ghost"}],
        "delivery_methods": delivery_methods, "timeout": 1, "timeout_unit": "hour",
    });
    let text = json!({"type": "document-extractor", "title": "Read", "variable_selector": ["h", "proof"], "is_array_file": false});
    let out = |name: &str, selector: [&str; 2]| json!({"variable": name, "value_selector": selector});
    let outputs = json!([
        out("note", ["h", "note"]),
        out("size", ["h", "size"]),
        out("proof", ["t", "text"]),
        out("action", ["h", "__action_value"])
    ]);
    let end = |id: &str, outputs: &Value| node(id, json!({"type": "end", "title": "End", "outputs": outputs}));
    let nodes = vec![start(variables), node("h", form), node("t", text), end("e", &outputs), end("late", &json!([]))];
    let mut config = graph(nodes, &[]);
    config["graph"]["edges"] = json!(edges(&["s>h", "h:ok>t", "h:no>t", "t>e", "h:__timeout__>late"]));
    config
}

/// Only a note and two actions.
fn short(delivery_methods: Value) -> Value {
    let mut config = asking(delivery_methods);
    let form = &mut config["graph"]["nodes"][1]["data"];
    form["inputs"].as_array_mut().unwrap().truncate(1);
    config["graph"]["nodes"][3]["data"]["outputs"] = json!([{"variable": "note", "value_selector": ["h", "note"]}]);
    config["graph"]["edges"] = json!(edges(&["s>h", "h:ok>e", "h:no>e", "h:__timeout__>late"]));
    config
}

/// Runs the jobs that are due; gives their number.
async fn work(app: &TestApp) -> usize {
    jobs::drain(&app.state.db, &server::job_handlers(&app.state)).await.unwrap()
}

/// Runs the app until it waits; gives the answer to the caller.
async fn pause(flow: &App) -> Value {
    let body = flow.client.post("/v1/workflows/run", blocking(json!({"city": "Oslo"}))).await.ok();
    assert_eq!(body["data"]["status"], "paused", "{body}");
    body
}

fn page_of(token: &str) -> String {
    format!("/api/forms/{token}")
}

fn own_link(paused: &Value) -> String {
    page_of(paused["data"]["reasons"][0]["form_token"].as_str().unwrap())
}

/// Takes the run up; gives its detail when it is over.
async fn finish(app: &TestApp, flow: &App, paused: &Value) -> Value {
    assert_eq!(ashlar::chat::take_up_runs(&app.state).await.unwrap(), 1);
    let path = format!("/v1/workflows/run/{}", paused["workflow_run_id"].as_str().unwrap());
    eventually("the run is over", || async { flow.client.get(&path).await.ok()["finished_at"].is_i64() }).await;
    flow.client.get(&path).await.ok()
}

async fn upload(client: &Client, page: &str, name: &str, bytes: &[u8]) -> crate::support::Reply {
    client.multipart(&format!("{page}/files"), &[], &[("file", name, "application/octet-stream", bytes)]).await
}

#[sqlx::test]
async fn whoever_has_the_link_answers(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", asking(json!([webapp()]))).await;
    let paused = pause(&flow).await;
    let (page, stranger) = (own_link(&paused), app.anonymous());

    let reply = stranger.get(&page).await;
    assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    let form = reply.ok();
    assert_eq!((&form["standing"], &form["title"], &form["app"]["name"]), (&json!("waiting"), &json!("Check the city"), &json!("App")));
    assert_eq!(form["answer"], Value::Null);
    let questions = &form["questions"];
    let expected = json!([
        {"type": "text", "text": "# Oslo?\n\n"}, {"type": "input", "name": "note"}, {"type": "text", "text": " Size: "},
        {"type": "input", "name": "size"}, {"type": "input", "name": "proof"}, {"type": "input", "name": "pictures"},
    ]);
    assert_eq!(questions["content"], expected);
    assert_eq!(questions["inputs"][0], json!({"name": "note", "type": "paragraph", "default": "Oslo", "options": [], "files": null}));
    assert_eq!(questions["inputs"][1]["options"], json!(["S", "M"]));
    let files = &questions["inputs"][2]["files"];
    assert_eq!((&files["methods"], &files["number_limit"], &files["max_mb"]), (&json!(["local_file"]), &json!(1), &json!(15)));
    assert!(files["extensions"].as_array().unwrap().contains(&json!("pdf")));
    assert_eq!(questions["inputs"][3]["files"]["methods"], json!(["local_file", "remote_url"]));
    assert_eq!(questions["actions"][1], json!({"id": "no", "title": "No", "button_style": "ghost"}));

    // files are checked as everywhere, and by what the form takes
    upload(&stranger, &page, "a.exe", b"MZ").await.refused(415, "unsupported_file_type");
    upload(&stranger, &page, "a.png", b"no picture").await.refused(415, "unsupported_file_type");
    upload(&stranger, &page, "a.txt", b"").await.refused(400, "invalid_param");
    let proof = upload(&stranger, &page, "proof.txt", b"It is.").await.ok();
    assert_eq!((&proof["name"], &proof["type"], &proof["size"]), (&json!("proof.txt"), &json!("document"), &json!(6)));

    let file = json!({"type": "document", "transfer_method": "local_file", "upload_file_id": proof["id"]});
    let inputs = json!({"note": "Yes", "size": "M", "proof": file, "pictures": []});
    let answer = async |inputs: &Value, action: &str| stranger.post(&page, json!({"inputs": inputs, "action": action})).await;
    let refusal = answer(&json!({"note": "Yes"}), "ok").await.refused(400, "invalid_form_data");
    assert_eq!(refusal["error"]["message"], "Missing required inputs: size, proof, pictures");
    let mut wrong = inputs.clone();
    wrong["size"] = json!("XL");
    answer(&wrong, "ok").await.refused(400, "invalid_form_data");
    answer(&inputs, "maybe").await.refused(400, "invalid_form_data");
    let given = answer(&inputs, "ok").await.ok();
    assert_eq!((&given["standing"], &given["questions"]), (&json!("answered"), &Value::Null));
    assert_eq!((&given["answer"]["action"], &given["answer"]["is_yours"]), (&json!("Fine"), &json!(true)));
    assert_eq!(given["answer"]["content"], "# Oslo?\n\nYes Size: M");

    // the first answer wins
    answer(&inputs, "no").await.refused(412, "human_input_form_submitted");
    upload(&stranger, &page, "b.txt", b"x").await.refused(412, "human_input_form_submitted");
    // others may have this link too: they see what was chosen, no more
    let seen = stranger.get(&page).await.ok()["answer"].clone();
    assert_eq!((&seen["action"], &seen["is_yours"], &seen["content"]), (&json!("Fine"), &json!(false), &Value::Null));
    let run = finish(&app, &flow, &paused).await;
    assert_eq!(run["outputs"], json!({"note": "Yes", "size": "M", "proof": "It is.", "action": "Fine"}));
}

#[sqlx::test]
async fn a_link_that_leads_nowhere_any_more_says_why(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", short(json!([webapp()]))).await;
    let stranger = app.anonymous();
    let body = || json!({"inputs": {"note": "x"}, "action": "ok"});
    stranger.get("/api/forms/nonsense").await.refused(404, "not_found");
    stranger.post("/api/forms/nonsense", body()).await.refused(404, "not_found");

    let paused = pause(&flow).await;
    let stopped = own_link(&paused);
    upload(&stranger, &stopped, "a.txt", b"x").await.refused(403, "forbidden");
    flow.client.post(&format!("/v1/workflows/tasks/{}/stop", paused["task_id"].as_str().unwrap()), json!({"user": "u"})).await.ok();
    let page = stranger.get(&stopped).await.ok();
    assert_eq!((&page["standing"], &page["questions"]), (&json!("run_ended"), &Value::Null));
    stranger.post(&stopped, body()).await.refused(412, "human_input_form_expired");
    let token = paused["data"]["reasons"][0]["form_token"].as_str().unwrap();
    flow.client.get(&format!("/v1/form/human_input/{token}")).await.refused(412, "human_input_form_expired");

    let paused = pause(&flow).await;
    let expired = own_link(&paused);
    sqlx::query("update human_input_forms set expires_at = now() - interval '1 second'").execute(&app.state.db).await.unwrap();
    assert_eq!(stranger.get(&expired).await.ok()["standing"], "expired");
    stranger.post(&expired, body()).await.refused(412, "human_input_form_expired");

    // a deleted app takes its forms along
    app.client(Role::Owner).delete(&format!("/api/apps/{}", flow.id)).await.ok();
    stranger.get(&expired).await.refused(404, "not_found");
}

#[sqlx::test]
async fn an_address_that_asks_too_often_waits(db: PgPool) {
    let app = TestApp::start(db).await;
    let (guesser, other) = (app.anonymous(), app.anonymous());
    for _ in 0..120 {
        guesser.get("/api/forms/guess").await.refused(404, "not_found");
    }
    let reply = guesser.get("/api/forms/guess").await;
    reply.refused(429, "too_many_requests");
    assert!(reply.headers.contains_key(header::RETRY_AFTER));
    other.get("/api/forms/guess").await.refused(404, "not_found");
}

#[sqlx::test]
async fn links_to_files_in_a_form_are_made_new(db: PgPool) {
    let app = TestApp::start(db).await;
    let flow = publish(&app, &app.home, "workflow", short(json!([webapp()]))).await;
    let paused = pause(&flow).await;
    let uploaded = app.client(Role::Editor).multipart("/api/files", &[], &[("file", "a b.txt", "text/plain", b"x")]).await.ok();
    let url = uploaded["source_url"].as_str().unwrap();
    // as it was when the form was opened, hours ago
    let (path, _) = url.split_once("?expires=").unwrap();
    let id = uploaded["id"].as_str().unwrap();
    let old = format!("{path}?expires=1000&signature={}", app.state.secrets.sign(&format!("files/{id}?expires=1000")));
    let forged = format!("{path}?expires=1000&signature={}", "0".repeat(64));
    sqlx::query("update human_input_forms set form = jsonb_set(form::jsonb, '{form_content}', to_jsonb($1::text))::json")
        .bind(format!("![a]({old}) [b]({forged})"))
        .execute(&app.state.db)
        .await
        .unwrap();
    let page = app.anonymous().get(&own_link(&paused)).await.ok();
    let text = page["questions"]["content"][0]["text"].as_str().unwrap();
    assert!(text.ends_with(&format!(" [b]({forged})")), "{text}");
    let fresh = text.strip_prefix("![a](").unwrap().split(')').next().unwrap();
    let local = fresh.strip_prefix(&app.state.config.base_url()).unwrap();
    assert_eq!(app.anonymous().get(local).await.text(), "x");
}

#[sqlx::test]
async fn everyone_who_is_asked_gets_a_mail_with_a_link_of_their_own(db: PgPool) {
    let mail = MailServer::start().await;
    let app = TestApp::start_with(db, |config| mail.configure(config)).await;
    let recipients = json!({"include_bound_group": true, "items": [
        {"type": "external", "email": "ann@example.org"}, {"type": "external", "email": "OWNER@home.test"}]});
    let flow = publish(&app, &app.home, "workflow", short(json!([email(recipients)]))).await;
    let paused = pause(&flow).await;
    // whoever started the run is not the one who is asked
    let reason = &paused["data"]["reasons"][0];
    assert_eq!(
        (&reason["form_token"], &reason["display_in_ui"], &reason["approval_channels"]),
        (&Value::Null, &json!(false), &json!(["email"]))
    );
    assert_eq!(work(&app).await, 6);
    let received = mail.received();
    let to: Vec<&str> = received.iter().map(|mail| mail.to[0].as_str()).collect();
    assert_eq!(
        to,
        ["admin@home.test", "ann@example.org", "dataset_operator@home.test", "editor@home.test", "normal@home.test", "owner@home.test"]
    );

    let mut links = Vec::new();
    for mail in &received {
        assert_eq!((mail.from.as_str(), mail.to.len()), ("forms@ashlar.test", 1));
        let message = MessageParser::default().parse(&mail.data).unwrap();
        assert_eq!(message.subject(), Some("Check Oslo"));
        assert_eq!(message.from().unwrap().first().unwrap().name(), Some("Ashlar"));
        assert_eq!(message.to().unwrap().first().unwrap().address(), Some(mail.to[0].as_str()));
        assert_eq!(message.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
        assert!(message.message_id().unwrap().ends_with("@ashlar.test"));
        let text = message.body_text(0).unwrap();
        let link =
            text.trim().strip_prefix("Is **Oslo** right? [Open the form](").and_then(|rest| rest.strip_suffix(").")).unwrap().to_owned();
        let html = message.body_html(0).unwrap();
        assert!(html.contains(&format!("Is <strong>Oslo</strong> right? <a href=\"{link}\">Open the form</a>.")), "{html}");
        links.push(page_of(link.strip_prefix("https://ashlar.test/form/").unwrap()));
    }
    let distinct: std::collections::HashSet<&String> = links.iter().collect();
    assert_eq!(distinct.len(), 6);

    // one answers, the others see that it is done, but not what was written
    let (ann, editor) = (app.anonymous(), app.anonymous());
    assert_eq!(editor.get(&links[3]).await.ok()["standing"], "waiting");
    let answer = json!({"inputs": {"note": "Between us"}, "action": "no"});
    assert_eq!(ann.post(&links[1], answer.clone()).await.ok()["answer"]["is_yours"], true);
    editor.post(&links[3], answer).await.refused(412, "human_input_form_submitted");
    assert_eq!(ann.get(&links[1]).await.ok()["answer"]["content"], "# Oslo?\n\nBetween us Size: ");
    let seen = editor.get(&links[3]).await.ok();
    assert_eq!(
        (&seen["standing"], &seen["answer"]["action"], &seen["answer"]["is_yours"]),
        (&json!("answered"), &json!("No"), &json!(false))
    );
    assert_eq!(seen["answer"]["content"], Value::Null);
    assert_eq!(finish(&app, &flow, &paused).await["outputs"], json!({"note": "Between us"}));
    assert_eq!(work(&app).await, 0);
    assert_eq!(process_data(&app, &paused).await, json!({"delivery": [{"type": "email", "recipients": 6, "sent": 6, "failed": 0}]}));
    let forms = list_forms(&app, &flow, &paused).await;
    assert_eq!((&forms[0]["answered_by"], &forms[0]["answer"]["action_text"]), (&json!("ann@example.org"), &json!("No")));
    assert_eq!((&forms[0]["recipients"][0]["email"], &forms[0]["recipients"][0]["status"]), (&json!("admin@home.test"), &json!("sent")));
}

/// Of the node that asked.
async fn process_data(app: &TestApp, paused: &Value) -> Value {
    let run = paused["workflow_run_id"].as_str().unwrap().parse::<Uuid>().unwrap();
    sqlx::query_scalar("select record -> 'process_data' from node_runs where run_id = $1 and node_id = 'h'")
        .bind(run)
        .fetch_one(&app.state.db)
        .await
        .unwrap()
}

async fn list_forms(app: &TestApp, flow: &App, paused: &Value) -> Value {
    let path = format!("/api/apps/{}/runs/{}/forms", flow.id, paused["workflow_run_id"].as_str().unwrap());
    app.client(Role::Editor).get(&path).await.ok()["data"].clone()
}

#[sqlx::test]
async fn mail_that_fails_is_tried_again_and_holds_nothing_up(db: PgPool) {
    let mail = MailServer::start().await;
    let app = TestApp::start_with(db, |config| mail.configure(config)).await;
    mail.refuse("busy@example.org", "451 4.7.1 come back later", 2);
    mail.refuse("gone@example.org", "550 5.1.1 no such user", 99);
    let methods = json!([webapp(), email(external(&["busy@example.org", "gone@example.org", "no address"]))]);
    let flow = publish(&app, &app.home, "workflow", short(methods)).await;
    let paused = pause(&flow).await;
    assert_eq!(work(&app).await, 3);
    let status = async || {
        let forms = list_forms(&app, &flow, &paused).await;
        let one = |r: &Value| format!("{} {}", r["email"].as_str().unwrap(), r["status"].as_str().unwrap());
        forms[0]["recipients"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(status().await, ["busy@example.org queued", "gone@example.org failed", "no address failed"]);
    let forms = list_forms(&app, &flow, &paused).await;
    assert!(forms[0]["recipients"][0]["error"].as_str().unwrap().contains("come back later"), "{forms}");
    assert!(forms[0]["recipients"][1]["error"].as_str().unwrap().contains("no such user"), "{forms}");
    assert!(forms[0]["recipients"][2]["error"].as_str().unwrap().contains("is no e-mail address"), "{forms}");
    // only what may pass is tried again, after a while
    assert_eq!(work(&app).await, 0);
    let hurry = async || sqlx::query("update jobs set run_at = now() where status = 'queued'").execute(&app.state.db).await.unwrap();
    hurry().await;
    assert_eq!((work(&app).await, mail.received().len()), (1, 0));
    hurry().await;
    assert_eq!((work(&app).await, mail.received().len()), (1, 1));
    assert_eq!(status().await[0], "busy@example.org sent");
    // the page works all along
    app.anonymous().post(&own_link(&paused), json!({"inputs": {"note": "x"}, "action": "ok"})).await.ok();
    finish(&app, &flow, &paused).await;
    let told = json!({"delivery": [{"type": "webapp"}, {"type": "email", "recipients": 3, "sent": 1, "failed": 2}]});
    assert_eq!(process_data(&app, &paused).await, told);
    let forms = list_forms(&app, &flow, &paused).await;
    assert_eq!((&forms[0]["status"], &forms[0]["answered_by"]), (&json!("answered"), &Value::Null));
}

#[sqlx::test]
async fn nobody_is_asked_what_is_answered_already(db: PgPool) {
    let mail = MailServer::start().await;
    let app = TestApp::start_with(db, |config| mail.configure(config)).await;
    let flow = publish(&app, &app.home, "workflow", short(json!([webapp(), email(external(&["ann@example.org"]))]))).await;
    let paused = pause(&flow).await;
    app.anonymous().post(&own_link(&paused), json!({"inputs": {"note": "x"}, "action": "ok"})).await.ok();
    assert_eq!((work(&app).await, mail.received().len()), (1, 0));
    assert_eq!(list_forms(&app, &flow, &paused).await[0]["recipients"][0]["status"], "dropped");
}

#[sqlx::test]
async fn without_a_mail_server_the_run_says_so(db: PgPool) {
    let app = TestApp::start(db).await;
    let ann = || email(external(&["ann@example.org"]));
    // the page is enough
    let flow = publish(&app, &app.home, "workflow", short(json!([webapp(), ann()]))).await;
    let paused = pause(&flow).await;
    app.anonymous().post(&own_link(&paused), json!({"inputs": {"note": "x"}, "action": "ok"})).await.ok();
    finish(&app, &flow, &paused).await;
    let told = process_data(&app, &paused).await;
    assert_eq!((&told["delivery"][1]["failed"], &told["delivery"][1]["sent"]), (&json!(1), &json!(0)));
    assert!(told["delivery"][1]["problem"].as_str().unwrap().contains("ASHLAR_SMTP_URL"), "{told}");
    // nobody could answer this one: it would wait in vain
    for (methods, said) in [
        (json!([ann()]), "ASHLAR_SMTP_URL"),
        (json!([]), "switch one of its delivery methods on"),
        (json!([{"type": "email", "enabled": false}]), "switch one of its delivery methods on"),
    ] {
        let flow = publish(&app, &app.home, "workflow", short(methods)).await;
        let body = flow.client.post("/v1/workflows/run", blocking(json!({"city": "Oslo"}))).await.ok();
        let error = body["data"]["error"].as_str().unwrap();
        assert_eq!(body["data"]["status"], "failed");
        assert!(error.contains("The form reaches nobody: ") && error.contains(said), "{error}");
    }
    let left: i64 =
        sqlx::query_scalar("select count(*) from human_input_forms where status = 'waiting'").fetch_one(&app.state.db).await.unwrap();
    assert_eq!(left, 0);
}

#[sqlx::test]
async fn members_of_other_workspaces_are_not_asked(db: PgPool) {
    let mail = MailServer::start().await;
    let app = TestApp::start_with(db, |config| mail.configure(config)).await;
    let item = |id: Uuid| json!({"type": "member", "reference_id": id});
    let (stranger, admin) = (app.foreign.account_id(Role::Owner), app.home.account_id(Role::Admin));
    let flow = publish(&app, &app.home, "workflow", short(json!([email(json!({"items": [item(stranger), item(admin)]}))]))).await;
    pause(&flow).await;
    work(&app).await;
    assert_eq!(mail.received().iter().map(|mail| mail.to[0].clone()).collect::<Vec<_>>(), ["admin@home.test"]);
    let flow = publish(&app, &app.home, "workflow", short(json!([email(json!({"items": [item(stranger)]}))]))).await;
    let body = flow.client.post("/v1/workflows/run", blocking(json!({"city": "Oslo"}))).await.ok();
    assert!(body["data"]["error"].as_str().unwrap().contains("none of its recipients"), "{body}");
}

#[sqlx::test]
async fn whoever_tries_a_draft_is_the_only_one_asked(db: PgPool) {
    let mail = MailServer::start().await;
    let app = TestApp::start_with(db, |config| mail.configure(config)).await;
    let mut config = short(json!([email(json!({"whole_workspace": true, "items": [{"type": "external", "email": "ann@example.org"}]}))]));
    config["graph"]["nodes"][3] = node("e", json!({"type": "answer", "title": "Answer", "answer": "{{#h.note#}}"}));
    config["graph"]["nodes"][4] = node("late", json!({"type": "answer", "title": "Answer", "answer": "Too late"}));
    let flow = publish(&app, &app.home, "advanced-chat", config).await;
    let editor = app.client(Role::Editor);
    let stream = editor.stream(&format!("/api/apps/{}/preview", flow.id), json!({"query": "go", "inputs": {"city": "Oslo"}})).await;
    let events = crate::workflows::data(&stream.rest().await);
    let required = &events.iter().find(|event| event["event"] == "human_input_required").unwrap()["data"];
    // they also see it where they are
    assert_eq!(required["display_in_ui"], true);
    assert_eq!(app.anonymous().get(&page_of(required["form_token"].as_str().unwrap())).await.ok()["standing"], "waiting");
    work(&app).await;
    assert_eq!(mail.received().iter().map(|mail| mail.to[0].clone()).collect::<Vec<_>>(), ["editor@home.test"]);
}

#[sqlx::test]
async fn doctor_tries_the_mail_server(db: PgPool) {
    let mail = MailServer::start().await;
    let app = TestApp::start_with(db, |config| mail.configure(config)).await;
    let found = app.state.mail.check().await.unwrap();
    assert!(found.starts_with("127.0.0.1:") && found.ends_with(", from forms@ashlar.test"), "{found}");
    let mut config = (*app.state.config).clone();
    config.smtp_url = Some(mail.url.replace("word", "wrong").parse().unwrap());
    let error = format!("{:#}", Mailer::new(&config).unwrap().check().await.unwrap_err());
    assert!(error.contains("check ASHLAR_SMTP_URL") && error.contains("wrong password"), "{error}");
}
