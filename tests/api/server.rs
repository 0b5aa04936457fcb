//! What holds for every surface: error shapes of unknown routes and methods, CORS, request ids.

use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;
use sqlx::PgPool;

use crate::support::TestApp;

#[sqlx::test]
async fn unknown_routes_answer_in_the_shape_of_their_surface(db: PgPool) {
    let app = TestApp::start(db).await;
    let reply = app.anonymous().get("/api/nothing").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.json()["error"]["code"], "not_found");
    assert!(reply.headers.contains_key("x-request-id"));

    let reply = app.anonymous().get("/v1/nothing").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.json(), json!({"code": "not_found", "message": "The requested URL was not found on the server.", "status": 404}));
}

#[sqlx::test]
async fn v1_welcomes_and_is_open_to_any_origin(db: PgPool) {
    let app = TestApp::start(db).await;
    for path in ["/v1", "/v1/"] {
        let reply = app.anonymous().get(path).await;
        assert_eq!(reply.json()["welcome"], "Dify OpenAPI");
        assert_eq!(reply.headers["x-version"], env!("CARGO_PKG_VERSION"));
        assert!(reply.headers.contains_key("x-env"));
    }
    let reply = app.anonymous().post("/v1/", json!({})).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.json()["code"], "method_not_allowed");

    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/v1/")
        .header(header::ORIGIN, "https://example.org")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type,x-app-code")
        .body(axum::body::Body::empty())
        .unwrap();
    let reply = app.anonymous().send(preflight).await;
    assert_eq!(reply.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(reply.headers[header::ACCESS_CONTROL_ALLOW_HEADERS], "authorization,content-type,x-app-code");
}

#[sqlx::test]
async fn a_real_client_reaches_a_spawned_server(db: PgPool) {
    let server = TestApp::start(db).await.spawn().await;
    let reply = reqwest::get(server.url("/v1/")).await.unwrap();
    assert_eq!(reply.status(), 200);
}

#[sqlx::test(migrations = false)]
async fn replicas_that_start_together_migrate_once(db: PgPool) {
    let starts = (0..4).map(|_| ashlar::runtime::migrate(&db));
    futures::future::try_join_all(starts).await.unwrap();
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success").fetch_one(&db).await.unwrap();
    assert_eq!(applied, sqlx::migrate!().iter().count() as i64);
}
