//! Setup, sessions, workspaces, members, invitations, the audit log and the commands for administrators.

use ashlar::accounts::admin::{self, CreateAdmin, ResetPassword};
use ashlar::accounts::{Role as AccountRole, end_users};
use ashlar::ids::{AppId, WorkspaceId};
use ashlar::{jobs, server};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::smtp::MailServer;
use crate::support::{Client, PASSWORD, PrivateRedis, Role, TestApp, eventually};

fn owner() -> Value {
    json!({"email": "ann@example.org", "name": " Ann ", "password": "a long password 1", "workspace_name": "Lab", "language": "zh-Hans"})
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> crate::support::Reply {
    app.anonymous().post("/api/session", json!({"email": email, "password": password})).await
}

/// A browser that got this reply.
fn browser(app: &TestApp, reply: &crate::support::Reply) -> Client {
    let csrf = reply.ok()["csrf_token"].as_str().unwrap().to_owned();
    Client { cookie: reply.session_cookie(), csrf: Some(csrf), ..app.anonymous() }
}

#[sqlx::test]
async fn the_first_run_makes_the_owner(db: PgPool) {
    let app = TestApp::start_empty(db, |_| {}).await;
    assert_eq!(app.anonymous().get("/api/setup").await.ok()["needed"], true);
    sign_in(&app, "ann@example.org", "x").await.refused(409, "setup_needed");

    let reply = app.anonymous().post("/api/setup", owner()).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let session = reply.json();
    assert_eq!(session["account"]["name"], "Ann");
    assert_eq!(session["account"]["language"], "zh-Hans");
    assert_eq!((&session["workspace"]["name"], &session["workspace"]["role"]), (&json!("Lab"), &json!("owner")));
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap();
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains("Secure"));

    assert_eq!(browser(&app, &reply).get("/api/session").await.ok()["account"]["email"], "ann@example.org");
    assert_eq!(app.anonymous().get("/api/setup").await.ok()["needed"], false);
    app.anonymous().post("/api/setup", owner()).await.refused(409, "setup_done");
    assert_eq!(sign_in(&app, "Ann@Example.org", "a long password 1").await.ok()["workspace"]["name"], "Lab");
}

#[sqlx::test]
async fn two_setups_at_once_make_one_owner(db: PgPool) {
    let app = TestApp::start_empty(db, |_| {}).await;
    let other = json!({"email": "bob@example.org", "name": "Bob", "password": "another password 2"});
    let (one, two) = (app.anonymous(), app.anonymous());
    let (one, two) = tokio::join!(one.post("/api/setup", owner()), two.post("/api/setup", other));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let count = |table| sqlx::query_scalar::<_, i64>(table).fetch_one(&app.state.db);
    assert_eq!(count("select count(*) from accounts").await.unwrap(), 1);
    assert_eq!(count("select count(*) from workspaces").await.unwrap(), 1);
}

#[sqlx::test]
async fn setup_names_the_field_it_refuses(db: PgPool) {
    let app = TestApp::start_empty(db, |_| {}).await;
    for (field, value) in [
        ("email", json!("not an address")),
        ("email", json!("a@b\u{0}c")),
        ("name", json!("   ")),
        ("name", json!("a\u{0}b")),
        ("name", json!("x".repeat(81))),
        ("password", json!("short1")),
        ("password", json!("no digits here")),
        ("password", json!("12345678901")),
        ("language", json!("zh_Hans; drop")),
        ("workspace_name", json!("")),
    ] {
        let mut body = owner();
        body[field] = value.clone();
        let refused = app.anonymous().post("/api/setup", body).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], field, "{value}");
    }
    let mut body = owner();
    body["name"] = json!(7);
    app.anonymous().post("/api/setup", body).await.refused(400, "invalid_param");
    let raw = |content_type: Option<&str>, body: &[u8]| {
        let mut request = Request::post("/api/setup");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        request.body(Body::from(body.to_vec())).unwrap()
    };
    let json = Some("application/json");
    app.anonymous().send(raw(json, b"{\"email\": ")).await.refused(400, "bad_request");
    app.anonymous().send(raw(json, b"{\"email\": \"\xff\"}")).await.refused(400, "bad_request");
    app.anonymous().send(raw(json, b"")).await.refused(400, "bad_request");
    app.anonymous().send(raw(None, b"{}")).await.refused(415, "unsupported_media_type");
    assert_eq!(app.anonymous().get("/api/setup").await.ok()["needed"], true);
}

#[sqlx::test]
async fn the_cookie_is_secure_behind_https(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.public_url = Some("https://ashlar.example".parse().unwrap())).await;
    let reply = sign_in(&app, app.home.email(Role::Owner), PASSWORD).await;
    assert!(reply.headers[header::SET_COOKIE].to_str().unwrap().ends_with("; Secure"));
}

#[sqlx::test]
async fn signing_out_ends_the_session(db: PgPool) {
    let app = TestApp::start(db).await;
    let reply = sign_in(&app, app.home.email(Role::Normal), PASSWORD).await;
    let browser = browser(&app, &reply);
    browser.get("/api/session").await.ok();
    let reply = browser.delete("/api/session").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert!(reply.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    browser.get("/api/session").await.refused(401, "unauthorized");
}

#[sqlx::test]
async fn whatever_is_wrong_with_the_credentials_the_answer_is_the_same(db: PgPool) {
    let app = TestApp::start(db).await;
    let email = app.home.email(Role::Owner).to_owned();
    let wrong_password = sign_in(&app, &email, "wrong password 1").await.refused(401, "unauthorized");
    let wrong_email = sign_in(&app, "nobody@example.org", PASSWORD).await.refused(401, "unauthorized");
    let nul = sign_in(&app, "nobody\u{0}@example.org", PASSWORD).await.refused(401, "unauthorized");
    sqlx::query("update accounts set status = 'disabled' where email = $1").bind(&email).execute(&app.state.db).await.unwrap();
    let disabled = sign_in(&app, &email, PASSWORD).await.refused(401, "unauthorized");
    assert!([wrong_email, nul, disabled].iter().all(|other| *other == wrong_password));
    // and a disabled account's sessions are over
    app.client(Role::Owner).get("/api/session").await.refused(401, "unauthorized");
}

#[sqlx::test]
async fn guessing_is_throttled_by_account(db: PgPool) {
    let app = TestApp::start(db).await;
    let email = app.home.email(Role::Owner);
    // the right password clears the count
    for _ in 0..2 {
        for _ in 0..9 {
            sign_in(&app, email, "wrong password 1").await.refused(401, "unauthorized");
        }
        sign_in(&app, email, PASSWORD).await.ok();
    }
    for who in [email, "nobody@example.org"] {
        for _ in 0..10 {
            sign_in(&app, who, "wrong password 1").await.refused(401, "unauthorized");
        }
        let reply = sign_in(&app, &who.to_uppercase(), PASSWORD).await;
        reply.refused(429, "too_many_requests");
        let wait_s: u64 = reply.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=900).contains(&wait_s));
    }
    sign_in(&app, app.home.email(Role::Admin), PASSWORD).await.ok();
}

#[sqlx::test]
async fn guessing_is_throttled_by_address(db: PgPool) {
    let app = TestApp::start(db).await;
    let client = app.anonymous();
    let key = app.state.redis.key(format_args!("sign-in:ip:{}", client.peer.ip()));
    let _: () = redis::cmd("SET").arg(key).arg(100).arg("EX").arg(60).query_async(&mut app.state.redis.connection.clone()).await.unwrap();
    let body = json!({"email": app.home.email(Role::Owner), "password": PASSWORD});
    client.post("/api/session", body.clone()).await.refused(429, "too_many_requests");
    app.anonymous().post("/api/session", body).await.ok();
}

#[sqlx::test]
async fn without_redis_people_sign_in_and_limits_come_back_with_it(db: PgPool) {
    let mut redis = PrivateRedis::start().await;
    let app = TestApp::start_with(db, |config| config.redis_url = Some(redis.url())).await;
    redis.kill();
    for _ in 0..12 {
        sign_in(&app, "nobody@example.org", "wrong password 1").await.refused(401, "unauthorized");
    }
    sign_in(&app, app.home.email(Role::Owner), PASSWORD).await.ok();
    redis.restart().await;
    let email = app.home.email(Role::Admin);
    eventually("the limit works again", || async { sign_in(&app, email, "wrong password 1").await.status == 429 }).await;
}

#[sqlx::test]
async fn changes_need_the_csrf_token(db: PgPool) {
    let app = TestApp::start(db).await;
    let client = app.client(Role::Owner);
    for csrf in [None, Some("wrong".to_owned()), app.client(Role::Admin).csrf] {
        let client = Client { csrf, ..client.clone() };
        client.patch("/api/account", json!({"name": "Mallory"})).await.refused(403, "forbidden");
        client.get("/api/session").await.ok();
    }
    assert_eq!(client.patch("/api/account", json!({"name": "Ann"})).await.ok()["name"], "Ann");
}

#[sqlx::test]
async fn pages_of_other_sites_cannot_sign_a_browser_in(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.public_url = Some("https://ashlar.example".parse().unwrap())).await;
    let body = json!({"email": app.home.email(Role::Owner), "password": PASSWORD}).to_string();
    let status = async |headers: &[(&str, &str)]| {
        let mut request =
            Request::post("/api/session").header(header::CONTENT_TYPE, "application/json").header(header::HOST, "127.0.0.1:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.anonymous().send(request.body(Body::from(body.clone())).unwrap()).await.status.as_u16()
    };
    assert_eq!(status(&[]).await, 200);
    assert_eq!(status(&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8080")]).await, 200);
    assert_eq!(status(&[("origin", "http://127.0.0.1:8080")]).await, 200);
    assert_eq!(status(&[("origin", "https://ashlar.example")]).await, 200);
    assert_eq!(status(&[("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(status(&[("sec-fetch-site", "same-site")]).await, 403);
    assert_eq!(status(&[("origin", "https://evil.example")]).await, 403);
    assert_eq!(status(&[("origin", "null")]).await, 403);
}

#[sqlx::test]
async fn sessions_end_by_idleness_and_by_age(db: PgPool) {
    let app = TestApp::start(db).await;
    let set = async |role: Role, change: &'static str| {
        sqlx::query(sqlx::AssertSqlSafe(format!("update sessions set {change} where account_id = $1")))
            .bind(app.home.account_id(role))
            .execute(&app.state.db)
            .await
            .unwrap();
    };
    set(Role::Owner, "last_seen_at = now() - interval '8 days'").await;
    app.client(Role::Owner).get("/api/session").await.refused(401, "unauthorized");
    set(Role::Admin, "expires_at = now() - interval '1 second'").await;
    app.client(Role::Admin).get("/api/session").await.refused(401, "unauthorized");

    // use keeps it alive, with a write only now and then
    let last_seen = async |role: Role| {
        sqlx::query_scalar::<_, chrono::DateTime<chrono::Utc>>("select last_seen_at from sessions where account_id = $1")
            .bind(app.home.account_id(role))
            .fetch_one(&app.state.db)
            .await
            .unwrap()
    };
    let before = last_seen(Role::Normal).await;
    app.client(Role::Normal).get("/api/session").await.ok();
    assert_eq!(last_seen(Role::Normal).await, before);
    set(Role::Normal, "last_seen_at = now() - interval '1 hour'").await;
    app.client(Role::Normal).get("/api/session").await.ok();
    eventually("the use is noted", || async { last_seen(Role::Normal).await >= before }).await;
}

#[sqlx::test]
async fn a_new_password_ends_the_other_sessions(db: PgPool) {
    let app = TestApp::start(db).await;
    let email = app.home.email(Role::Editor);
    let (here, elsewhere) = (app.client(Role::Editor), browser(&app, &sign_in(&app, email, PASSWORD).await));
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let refused = here.put("/api/account/password", change("wrong password 1", "brand new 22")).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "current_password");
    let refused = here.put("/api/account/password", change(PASSWORD, "weak")).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "new_password");
    here.put("/api/account/password", change(PASSWORD, "brand new 22")).await.ok();
    here.get("/api/session").await.ok();
    elsewhere.get("/api/session").await.refused(401, "unauthorized");
    sign_in(&app, email, PASSWORD).await.refused(401, "unauthorized");
    sign_in(&app, email, "brand new 22").await.ok();
}

#[sqlx::test]
async fn one_account_moves_between_its_workspaces(db: PgPool) {
    let app = TestApp::start(db).await;
    let client = app.client(Role::Owner);
    client.patch("/api/session", json!({"workspace_id": app.foreign.id})).await.refused(404, "not_found");
    sqlx::query("insert into members (workspace_id, account_id, role) values ($1, $2, 'editor')")
        .bind(app.foreign.id)
        .bind(app.home.account_id(Role::Owner))
        .execute(&app.state.db)
        .await
        .unwrap();
    let session = client.patch("/api/session", json!({"workspace_id": app.foreign.id})).await.ok();
    assert_eq!((&session["workspace"]["name"], &session["workspace"]["role"]), (&json!("foreign"), &json!("editor")));
    assert_eq!(session["workspaces"].as_array().unwrap().len(), 2);
    client.get("/api/invitations").await.refused(403, "forbidden");
    // the next sign-in goes where the account was last
    let again = sign_in(&app, app.home.email(Role::Owner), PASSWORD).await.ok();
    assert_eq!(again["workspace"]["name"], "foreign");

    let made = app.client(Role::Admin).post("/api/workspaces", json!({"name": "Second"})).await;
    assert_eq!((made.status, &made.json()["role"]), (StatusCode::CREATED, &json!("owner")));
    let session = app.client(Role::Admin).patch("/api/session", json!({"workspace_id": made.json()["id"]})).await.ok();
    assert_eq!(session["workspace"]["name"], "Second");
}

#[sqlx::test]
async fn a_workspace_has_a_name_and_default_models(db: PgPool) {
    let app = TestApp::start(db).await;
    let client = app.client(Role::Admin);
    let models = json!({"llm": {"provider": "local", "name": "default"}});
    let workspace = client.patch("/api/workspace", json!({"name": "Lab", "default_models": models})).await.ok();
    assert_eq!(workspace, json!({"id": app.home.id, "name": "Lab", "default_models": models}));
    assert_eq!(app.client(Role::Normal).get("/api/workspace").await.ok(), workspace);
    client
        .patch("/api/workspace", json!({"default_models": {"llm": {"provider": "local", "name": ""}}}))
        .await
        .refused(400, "invalid_param");
    client.patch("/api/workspace", json!({"default_models": {"llm": "x"}})).await.refused(400, "invalid_param");
    client.patch("/api/workspace", json!({"name": "\u{0}"})).await.refused(400, "invalid_param");
}

#[sqlx::test]
async fn members_are_listed_page_by_page(db: PgPool) {
    let app = TestApp::start(db).await;
    let client = app.client(Role::Normal);
    let (mut emails, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/api/members?limit=2&cursor={cursor}")).await.ok();
        emails.extend(page["data"].as_array().unwrap().iter().map(|m| m["email"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(emails, Role::ALL.map(|r| app.home.email(r).to_owned()));
    for bad in ["limit=0", "limit=101", "limit=x", "cursor=nonsense"] {
        client.get(&format!("/api/members?{bad}")).await.refused(400, "invalid_param");
    }
}

#[sqlx::test]
async fn there_is_always_one_owner(db: PgPool) {
    let app = TestApp::start(db).await;
    let (owner, admin) = (app.client(Role::Owner), app.client(Role::Admin));
    let path = |role| format!("/api/members/{}", app.home.account_id(role));
    for client in [&owner, &admin] {
        client.delete(&path(Role::Owner)).await.refused(409, "conflict");
        client.patch(&path(Role::Owner), json!({"role": "admin"})).await.refused(409, "conflict");
    }
    admin.patch(&path(Role::Normal), json!({"role": "owner"})).await.refused(403, "forbidden");
    admin.patch(&path(Role::Normal), json!({"role": "emperor"})).await.refused(400, "invalid_param");
    assert_eq!(admin.patch(&path(Role::Normal), json!({"role": "editor"})).await.ok()["role"], "editor");

    assert_eq!(owner.patch(&path(Role::Normal), json!({"role": "owner"})).await.ok()["role"], "owner");
    assert_eq!(owner.get("/api/session").await.ok()["workspace"]["role"], "admin");
    assert_eq!(app.client(Role::Normal).get("/api/session").await.ok()["workspace"]["role"], "owner");
    owner.patch(&path(Role::Owner), json!({"role": "owner"})).await.refused(403, "forbidden");
}

#[sqlx::test]
async fn a_removed_member_is_out_at_once(db: PgPool) {
    let app = TestApp::start(db).await;
    let member = app.client(Role::Editor);
    member.get("/api/session").await.ok();
    let path = format!("/api/members/{}", app.home.account_id(Role::Editor));
    assert_eq!(app.client(Role::Admin).delete(&path).await.status, StatusCode::NO_CONTENT);
    member.get("/api/session").await.refused(401, "unauthorized");
    sign_in(&app, app.home.email(Role::Editor), PASSWORD).await.refused(403, "forbidden");
    app.client(Role::Admin).delete(&path).await.refused(404, "not_found");
    app.client(Role::Admin).delete("/api/members/not-a-uuid").await.refused(404, "not_found");
}

async fn invite(app: &TestApp, email: &str, role: &str) -> (Value, String) {
    let reply = app.client(Role::Admin).post("/api/invitations", json!({"email": email, "role": role})).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let invitation = reply.json();
    let token = invitation["url"].as_str().unwrap().split_once("?token=").unwrap().1.to_owned();
    (invitation, token)
}

async fn accept(app: &TestApp, token: &str) -> crate::support::Reply {
    app.anonymous().post("/api/invitations/accept", json!({"token": token, "name": "Eve", "password": "eve's password 1"})).await
}

#[sqlx::test]
async fn an_invitation_lets_one_newcomer_in_once(db: PgPool) {
    let app = TestApp::start(db).await;
    let (invitation, token) = invite(&app, "eve@example.org", "editor").await;
    assert!(invitation["url"].as_str().unwrap().starts_with("http://127.0.0.1:8080/invite?token="));
    assert_eq!(invitation["is_mailed"], false);
    let listed = app.client(Role::Owner).get("/api/invitations").await.ok();
    assert_eq!(listed["data"][0]["email"], "eve@example.org");
    assert!(listed["data"][0].get("url").is_none() && listed["data"][0].get("token").is_none());
    let preview = app.anonymous().get(&format!("/api/invitations/accept?token={token}")).await.ok();
    assert_eq!(preview, json!({"workspace_name": "home", "email": "eve@example.org", "role": "editor", "account_exists": false}));

    let nameless = json!({"token": token, "password": "eve's password 1"});
    let refused = app.anonymous().post("/api/invitations/accept", nameless).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "name");
    let (one, two) = tokio::join!(accept(&app, &token), accept(&app, &token));
    let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
    lost.refused(404, "not_found");
    assert_eq!(browser(&app, &won).get("/api/session").await.ok()["workspace"]["role"], "editor");
    accept(&app, &token).await.refused(404, "not_found");
    app.anonymous().get(&format!("/api/invitations/accept?token={token}")).await.refused(404, "not_found");
    assert_eq!(app.client(Role::Owner).get("/api/invitations").await.ok()["data"], json!([]));
    sign_in(&app, "eve@example.org", "eve's password 1").await.ok();
}

#[sqlx::test]
async fn an_invitation_goes_by_mail_where_there_is_a_mail_server(db: PgPool) {
    let mail = MailServer::start().await;
    let app = TestApp::start_with(db, |config| mail.configure(config)).await;
    let handlers = server::job_handlers(&app.state);
    let (_, withdrawn) = invite(&app, "eve@example.org", "editor").await;
    let (invitation, token) = invite(&app, "Eve@example.org", "normal").await;
    assert_eq!(invitation["is_mailed"], true);
    let stored: String = sqlx::query_scalar("select string_agg(payload::text, '') from jobs").fetch_one(&app.state.db).await.unwrap();
    assert!(!stored.contains(&token) && !stored.contains(&withdrawn), "no token in the clear");
    assert_eq!(jobs::drain(&app.state.db, &handlers).await.unwrap(), 2);
    let received = mail.received();
    assert_eq!((received.len(), received[0].to[0].as_str()), (1, "eve@example.org"), "one of the two was replaced");
    let message = mail_parser::MessageParser::default().parse(&received[0].data).unwrap();
    assert_eq!(message.subject(), Some("admin invites you to “home”"));
    let link = format!("https://ashlar.test/invite?token={token}");
    assert!(message.body_text(0).unwrap().lines().any(|line| line == link));
    accept(&app, &token).await.ok();
}

#[sqlx::test]
async fn withdrawn_replaced_and_expired_invitations_are_void(db: PgPool) {
    let app = TestApp::start(db).await;
    let (first, old) = invite(&app, "eve@example.org", "editor").await;
    let (_, new) = invite(&app, "EVE@example.org", "normal").await;
    accept(&app, &old).await.refused(404, "not_found");
    assert_eq!(app.client(Role::Admin).get("/api/invitations").await.ok()["data"].as_array().unwrap().len(), 1);
    sqlx::query("update invitations set expires_at = now() - interval '1 second'").execute(&app.state.db).await.unwrap();
    accept(&app, &new).await.refused(404, "not_found");

    let (_, third) = invite(&app, "eve@example.org", "normal").await;
    let path = format!("/api/invitations/{}", first["id"].as_str().unwrap());
    app.client(Role::Admin).delete(&path).await.ok();
    accept(&app, &third).await.refused(404, "not_found");
    app.client(Role::Admin).delete(&path).await.refused(404, "not_found");
}

#[sqlx::test]
async fn somebody_with_an_account_joins_with_its_password(db: PgPool) {
    let app = TestApp::start(db).await;
    let email = app.foreign.email(Role::Editor);
    let (_, token) = invite(&app, email, "normal").await;
    let preview = app.anonymous().get(&format!("/api/invitations/accept?token={token}")).await.ok();
    assert_eq!(preview["account_exists"], true);
    let body = |password: &str| json!({"token": token, "password": password});
    app.anonymous().post("/api/invitations/accept", body("wrong password 1")).await.refused(401, "unauthorized");
    let session = app.anonymous().post("/api/invitations/accept", body(PASSWORD)).await.ok();
    assert_eq!(session["workspace"]["name"], "home");
    assert_eq!(session["workspaces"].as_array().unwrap().len(), 2);

    let admin = app.client(Role::Admin);
    admin.post("/api/invitations", json!({"email": email, "role": "normal"})).await.refused(409, "conflict");
    admin.post("/api/invitations", json!({"email": "x@example.org", "role": "owner"})).await.refused(400, "invalid_param");
    admin.post("/api/invitations", json!({"email": "x", "role": "normal"})).await.refused(400, "invalid_param");
}

#[sqlx::test]
async fn the_audit_log_says_who_did_what(db: PgPool) {
    let app = TestApp::start(db).await;
    let admin = app.client(Role::Admin);
    let (invitation, _) = invite(&app, "eve@example.org", "editor").await;
    admin.patch(&format!("/api/members/{}", app.home.account_id(Role::Normal)), json!({"role": "editor"})).await.ok();
    let log = admin.get("/api/audit-log?limit=1").await.ok();
    let entry = &log["data"][0];
    assert_eq!(entry["action"], "member.update");
    assert_eq!(entry["detail"], json!({"from": "normal", "to": "editor"}));
    assert_eq!(entry["account_email"], app.home.email(Role::Admin));
    assert_eq!(entry["ip"], admin.peer.ip().to_string());
    let log = admin.get(&format!("/api/audit-log?cursor={}", log["next_cursor"].as_str().unwrap())).await.ok();
    assert_eq!((&log["data"][0]["action"], &log["data"][0]["target_id"]), (&json!("invitation.create"), &invitation["id"]));
    assert!(!log.to_string().contains("token="), "the link must not be logged");
    assert_eq!(app.foreigner().get("/api/audit-log").await.ok()["data"], json!([]));
}

#[sqlx::test]
async fn a_real_connection_has_an_address(db: PgPool) {
    let server = TestApp::start(db).await.spawn().await;
    let body = json!({"email": server.app.home.email(Role::Owner), "password": PASSWORD});
    let reply = reqwest::Client::new().post(server.url("/api/session")).json(&body).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let log = server.app.client(Role::Owner).get("/api/audit-log").await.ok();
    assert_eq!((&log["data"][0]["action"], &log["data"][0]["ip"]), (&json!("session.create"), &json!("127.0.0.1")));
}

#[sqlx::test]
async fn administrators_are_made_on_the_command_line(db: PgPool) {
    let app = TestApp::start_empty(db, |_| {}).await;
    let db = &app.state.db;
    let args = |email: &str| CreateAdmin { email: email.into(), name: None, workspace: None };
    let first = admin::create(db, &args("ann@example.org"), "a long password 1".into()).await.unwrap();
    assert_eq!(first.role, AccountRole::Owner);
    let second = admin::create(db, &args("bob@example.org"), "a long password 1".into()).await.unwrap();
    assert_eq!((second.role, second.workspace_id), (AccountRole::Admin, first.workspace_id));
    let again = admin::create(db, &args("BOB@example.org"), "a long password 1".into()).await.unwrap_err();
    assert_eq!(again.code.as_str(), "conflict");
    assert!(admin::create(db, &args("eve@example.org"), "weak".into()).await.is_err());
    assert_eq!(app.anonymous().get("/api/setup").await.ok()["needed"], false);

    let session = browser(&app, &sign_in(&app, "bob@example.org", "a long password 1").await);
    let reset = ResetPassword { email: "bob@example.org".into() };
    admin::reset_password(db, &reset, "a new password 2".into()).await.unwrap();
    session.get("/api/session").await.refused(401, "unauthorized");
    sign_in(&app, "bob@example.org", "a new password 2").await.ok();
    let nobody = ResetPassword { email: "nobody@example.org".into() };
    assert_eq!(admin::reset_password(db, &nobody, "a new password 2".into()).await.unwrap_err().code.as_str(), "not_found");
}

#[sqlx::test]
async fn the_first_account_gets_the_workspace_that_a_script_made(db: PgPool) {
    let app = TestApp::start_empty(db, |_| {}).await;
    let workspace = admin::enter_workspace(&app.state.db, None).await.unwrap();
    assert_eq!(admin::enter_workspace(&app.state.db, None).await.unwrap(), workspace);
    assert!(admin::enter_workspace(&app.state.db, Some("Other")).await.is_err());
    let session = app.anonymous().post("/api/setup", owner()).await.ok();
    assert_eq!(session["workspace"], json!({"id": workspace, "name": "Lab", "role": "owner"}));
}

#[sqlx::test]
async fn an_end_user_is_one_row(db: PgPool) {
    use end_users::EndUserType::{Browser, ServiceApi};
    let app = TestApp::start(db).await;
    let (workspace, app_id) = (WorkspaceId(app.home.id), AppId(app.seed_app(&app.home, "Chat", "chat").await));
    let resolve = |kind, user| end_users::resolve(&app.state.db, workspace, app_id, kind, user);
    let many = futures::future::join_all((0..8).map(|_| resolve(ServiceApi, Some("u-7")))).await;
    let ids: std::collections::HashSet<Uuid> = many.into_iter().map(|u| u.unwrap().id.0).collect();
    assert_eq!(ids.len(), 1);
    let again = resolve(ServiceApi, Some("u-7")).await.unwrap();
    assert!(ids.contains(&again.id.0) && !again.is_anonymous);
    assert_ne!(resolve(Browser, Some("u-7")).await.unwrap().id, again.id);

    let anonymous = resolve(ServiceApi, None).await.unwrap();
    assert_eq!((anonymous.session_id.as_str(), anonymous.is_anonymous), (end_users::DEFAULT_USER, true));
    assert_eq!(resolve(ServiceApi, Some("")).await.unwrap().id, anonymous.id);
    for bad in ["x".repeat(256).leak() as &str, "nul\0"] {
        assert_eq!(resolve(ServiceApi, Some(bad)).await.unwrap_err().code.as_str(), "invalid_param");
    }
}
