//! Accounts, sessions, members, invitations and API keys.

use axum::http::{Request, StatusCode, header};
use serde_json::json;
use sqlx::PgPool;

use crate::support::{PASSWORD, Role, TestApp};

fn owner() -> serde_json::Value {
    json!({"email": "ann@example.org", "name": " Ann ", "password": "a long password 1", "workspace_name": "Lab", "language": "zh-Hans"})
}

#[sqlx::test]
async fn the_first_run_makes_the_owner(db: PgPool) {
    let app = TestApp::start_empty(db, |_| {}).await;
    let mut browser = app.anonymous();
    assert_eq!(browser.get("/api/setup").await.ok()["needed"], true);
    browser.post("/api/session", json!({"email": "ann@example.org", "password": "x"})).await.refused(409, "setup_needed");

    let reply = browser.post("/api/setup", owner()).await;
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

    browser.cookie = reply.session_cookie();
    assert_eq!(browser.get("/api/session").await.ok()["account"]["email"], "ann@example.org");
    assert_eq!(browser.get("/api/setup").await.ok()["needed"], false);
    app.anonymous().post("/api/setup", owner()).await.refused(409, "setup_done");
}
