//! Published apps as pages: who a visitor is, what they may call, what they see of a run, and what is closed to them.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted::{self, PROVIDER, Provider};
use crate::support::{Client, EventStream, Reply, Role, TestApp};
use crate::workflows::{data, greeting, names, publish};

struct Site {
    app: TestApp,
    _provider: Provider,
    id: Uuid,
    code: String,
}

/// Somebody with the page open.
struct Visitor {
    client: Client,
    code: String,
    token: String,
}

impl Site {
    async fn start(db: PgPool, mode: &str, model: &str, config: Value) -> Self {
        let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
        let provider = Provider::start(&app.state.db, app.home.id).await;
        let (id, _) = scripted::publish(&app.state.db, app.home.id, mode, PROVIDER, model, config).await;
        let code = code_of(&app, id).await;
        Self { app, _provider: provider, id, code }
    }

    async fn visitor(&self) -> Visitor {
        visit(&self.app, &self.code).await
    }

    async fn update(&self, change: Value) -> Value {
        self.app.client(Role::Editor).patch(&format!("/api/apps/{}", self.id), change).await.ok()
    }
}

async fn code_of(app: &TestApp, id: Uuid) -> String {
    sqlx::query_scalar("select site_code from apps where id = $1").bind(id).fetch_one(&app.state.db).await.unwrap()
}

async fn visit(app: &TestApp, code: &str) -> Visitor {
    let client = app.anonymous();
    let opened = client.get(&format!("/api/sites/{code}")).await.ok();
    Visitor { client, code: code.to_owned(), token: opened["visitor"].as_str().unwrap().to_owned() }
}

impl Visitor {
    fn request(&self, method: Method, path: &str, body: &Value) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(format!("/api/site/v1/{path}"))
            .header("x-site-code", &self.code)
            .header("x-site-visitor", &self.token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap()
    }

    async fn get(&self, path: &str) -> Reply {
        self.client.send(self.request(Method::GET, path, &Value::Null)).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.client.send(self.request(Method::POST, path, &body)).await
    }

    async fn stream(&self, path: &str, body: Value) -> Vec<Value> {
        let response = self.client.open(self.request(Method::POST, path, &body)).await;
        data(&EventStream::new(response).rest().await)
    }
}

#[sqlx::test]
async fn a_visitor_is_known_by_a_signed_cookie(db: PgPool) {
    let site = Site::start(db, "chat", "echo", json!({"opening_statement": "Welcome."})).await;
    let client = site.app.anonymous();
    let opened = client.get(&format!("/api/sites/{}", site.code)).await;
    let cookie = opened.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && !cookie.contains("Secure"), "{cookie}");
    let page = opened.ok();
    assert_eq!(
        (&page["mode"], &page["site"]["title"], &page["parameters"]["opening_statement"]),
        (&json!("chat"), &json!("App"), &json!("Welcome."))
    );

    // the cookie alone does as well, and is kept
    let name = cookie.split(';').next().unwrap();
    let asked = |path: &str, cookie: &str| {
        let body = json!({"query": "hello there", "inputs": {}, "auto_generate_name": false});
        Request::post(path)
            .header("x-site-code", &site.code)
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap()
    };
    let answer = client.send(asked("/api/site/v1/chat-messages", name)).await.ok();
    assert_eq!(answer["answer"], "hello there");
    let again = Request::get(format!("/api/sites/{}", site.code)).header(header::COOKIE, name).body(Body::empty()).unwrap();
    assert_eq!(client.send(again).await.ok()["visitor"], page["visitor"]);

    // made up or changed, it is nobody's
    let forged = format!("{}x", &name[..name.len() - 1]);
    for nobody in [forged.as_str(), "ashlar_visitor=", "a=b"] {
        client.send(asked("/api/site/v1/chat-messages", nobody)).await.refused(401, "unauthorized");
    }
    // without the page's code there is nothing, and a code opens nothing else
    let without = Request::get("/api/site/v1/conversations").header(header::COOKIE, name).body(Body::empty()).unwrap();
    client.send(without).await.refused(404, "not_found");
    client.send(asked("/v1/chat-messages", name)).await.refused(401, "unauthorized");
    for closed in ["app/feedbacks", "apps/annotations", "workflows/logs", "end-users/1", "parameters"] {
        let visitor = site.visitor().await;
        assert_eq!(visitor.get(closed).await.status.as_u16(), 404, "{closed}");
    }
}

#[sqlx::test]
async fn visitors_see_their_own_conversations(db: PgPool) {
    let site = Site::start(db, "chat", "echo", json!({})).await;
    let (ann, bob) = (site.visitor().await, site.visitor().await);
    // whatever a visitor says they are called
    let ask = |query: &str| json!({"query": query, "inputs": {}, "user": "someone-else", "auto_generate_name": false});
    let answer = ann.post("chat-messages", ask("mine")).await.ok();
    let conversation = answer["conversation_id"].as_str().unwrap().to_owned();
    let message = answer["message_id"].as_str().unwrap().to_owned();
    assert_eq!(ann.get("conversations").await.ok()["data"][0]["name"], "mine");
    assert_eq!(bob.get("conversations").await.ok()["data"], json!([]));
    bob.get(&format!("messages?conversation_id={conversation}")).await.refused(404, "not_found");
    bob.post(&format!("messages/{message}/feedbacks"), json!({"rating": "like"})).await.refused(404, "not_found");
    ann.post(&format!("messages/{message}/feedbacks"), json!({"rating": "like"})).await.ok();
    assert_eq!(ann.get(&format!("messages?conversation_id={conversation}")).await.ok()["data"][0]["feedback"]["rating"], "like");
    let renamed = ann.post(&format!("conversations/{conversation}/name"), json!({"name": "Ours"})).await.ok();
    assert_eq!(renamed["name"], "Ours");

    // the log knows them as visitors of the page, and the API's users are others
    let log = site.app.client(Role::Editor).get(&format!("/api/apps/{}/conversations?source=web-app", site.id)).await.ok();
    let user = log["data"][0]["asked_by"]["name"].as_str().unwrap();
    assert!(user.starts_with("visitor-") && log["data"].as_array().unwrap().len() == 1, "{log}");
    let kind: String =
        sqlx::query_scalar("select type from end_users where session_id = $1").bind(user).fetch_one(&site.app.state.db).await.unwrap();
    assert_eq!(kind, "browser");

    // the same browser in another app goes by another name
    let (other, _) = scripted::publish(&site.app.state.db, site.app.home.id, "chat", PROVIDER, "echo", json!({})).await;
    let elsewhere = Visitor { client: site.app.anonymous(), code: code_of(&site.app, other).await, token: ann.token.clone() };
    elsewhere.post("chat-messages", ask("there")).await.ok();
    let names: Vec<String> =
        sqlx::query_scalar("select distinct session_id from end_users where type = 'browser'").fetch_all(&site.app.state.db).await.unwrap();
    assert_eq!(names.len(), 3, "Ann here, Bob, and Ann there: {names:?}");
}

#[sqlx::test]
async fn pictures_come_from_the_visitor_who_sent_them(db: PgPool) {
    let upload = json!({"image": {"enabled": true, "number_limits": 2, "transfer_methods": ["local_file"]}});
    let site = Site::start(db, "chat", "echo", json!({"file_upload": upload})).await;
    let (ann, bob) = (site.visitor().await, site.visitor().await);
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(8, 8).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let boundary = "site-test";
    let mut body =
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n")
            .into_bytes();
    body.extend(png.into_inner());
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    let request = Request::post("/api/site/v1/files/upload")
        .header("x-site-code", &site.code)
        .header("x-site-visitor", &ann.token)
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
        .body(Body::from(body))
        .unwrap();
    let file = ann.client.send(request).await.ok();
    let ask = json!({"query": "What is it?", "inputs": {}, "files": [{"type": "image", "transfer_method": "local_file", "upload_file_id": file["id"]}]});
    bob.post("chat-messages", ask.clone()).await.refused(400, "invalid_param");
    let answer = ann.post("chat-messages", ask).await.ok();
    let log =
        site.app.client(Role::Editor).get(&format!("/api/apps/{}/messages/{}", site.id, answer["message_id"].as_str().unwrap())).await.ok();
    assert_eq!((&log["files"][0]["filename"], &log["source"]), (&json!("a.png"), &json!("web-app")));
}

#[sqlx::test]
async fn a_page_closes_and_moves(db: PgPool) {
    let site = Site::start(db, "chat", "echo", json!({})).await;
    let visitor = site.visitor().await;
    let path = format!("/api/sites/{}", site.code);
    site.update(json!({"site": {"title": "Ask us", "default_language": "zh-Hans", "default_theme": "dark", "copyright": "Us"}})).await;
    let page = site.app.anonymous().get(&path).await.ok();
    assert_eq!(
        (&page["site"]["title"], &page["site"]["default_theme"], &page["app"]["name"]),
        (&json!("Ask us"), &json!("dark"), &json!("App"))
    );
    let refused = site.app.client(Role::Editor).patch(&format!("/api/apps/{}", site.id), json!({"site": {"default_theme": "pink"}})).await;
    assert_eq!(refused.refused(400, "invalid_param")["error"]["param"], "site.default_theme");

    site.update(json!({"enable_site": false})).await;
    site.app.anonymous().get(&path).await.refused(404, "not_found");
    visitor.get("conversations").await.refused(404, "not_found");
    site.update(json!({"enable_site": true})).await;
    visitor.get("conversations").await.ok();

    let renewed = site.app.client(Role::Editor).post(&format!("/api/apps/{}/site/renew", site.id), json!({})).await.ok();
    let code = renewed["site_code"].as_str().unwrap();
    assert!(code != site.code && code.len() == 16);
    visitor.get("conversations").await.refused(404, "not_found");
    site.app.anonymous().get(&format!("/api/sites/{code}")).await.ok();
    site.app.anonymous().get("/api/sites/%00").await.refused(404, "not_found");

    // nothing to run
    let empty = site.app.seed_app(&site.app.home, "Empty", "chat").await;
    let code = code_of(&site.app, empty).await;
    site.app.anonymous().get(&format!("/api/sites/{code}")).await.refused(400, "app_unavailable");
}

#[sqlx::test]
async fn visitors_see_that_nodes_work_and_not_on_what(db: PgPool) {
    let site = Site::start(db, "chat", "echo", json!({})).await;
    let flow = publish(&site.app, &site.app.home, "workflow", greeting()).await;
    let visitor = visit(&site.app, &code_of(&site.app, flow.id).await).await;
    let events = visitor.stream("workflows/run", json!({"inputs": {"city": "Oslo"}, "response_mode": "streaming"})).await;
    assert_eq!(names(&events).first(), Some(&"workflow_started"));
    let finished: Vec<_> = events.iter().filter(|event| event["event"] == "node_finished").collect();
    assert_eq!(finished.len(), 3);
    for node in finished {
        for values in ["inputs", "process_data", "outputs", "execution_metadata"] {
            assert_eq!(node["data"][values], json!({}), "{node}");
        }
    }
    assert_eq!(events.last().unwrap()["data"]["outputs"], json!({"text": "Hello Oslo"}));
    let runs = site.app.client(Role::Editor).get(&format!("/api/apps/{}/runs?source=web-app", flow.id)).await.ok();
    assert_eq!((&runs["data"][0]["status"], &runs["data"][0]["source"]), (&json!("succeeded"), &json!("web-app")));

    // others may neither follow nor stop it
    let run = events[0]["workflow_run_id"].as_str().unwrap();
    let stranger = visit(&site.app, &visitor.code).await;
    stranger.get(&format!("workflow/{run}/events")).await.refused(404, "not_found");
}

#[sqlx::test]
async fn an_address_may_ask_so_often(db: PgPool) {
    let site = Site::start(db, "chat", "echo", json!({})).await;
    let visitor = site.visitor().await;
    let ask = json!({"query": "again", "inputs": {}, "auto_generate_name": false});
    for _ in 0..60 {
        assert_eq!(visitor.post("chat-messages", ask.clone()).await.status.as_u16(), 200);
    }
    let refused = visitor.post("chat-messages", ask).await;
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    refused.refused(429, "too_many_requests");
    // looking is still possible
    visitor.get("conversations").await.ok();
}
