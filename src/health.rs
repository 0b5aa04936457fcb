//! What machines ask a server: does it live, is it ready, how is it doing.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use crate::engine::host::{DEFAULT, Status};
use crate::state::AppState;
use crate::telemetry;

pub fn routes() -> Router<AppState> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

/// The process answers.
async fn healthz() -> impl IntoResponse {
    axum::Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// Each thing that requests need, with what is wrong with it; 503 while any of them is not there.
async fn readyz(State(state): State<AppState>) -> impl IntoResponse {
    let database = async { sqlx::query("select 1").execute(&state.db).await.map(drop).map_err(|e| e.to_string()) };
    let redis = async {
        let mut connection = state.redis.connection.clone();
        redis::cmd("PING").query_async::<()>(&mut connection).await.map_err(|e| e.to_string())
    };
    let (database, redis) = tokio::join!(database, redis);
    let engine = engine(&state);
    let ready = database.is_ok() && redis.is_ok() && engine.is_ok();
    let word = |check: Result<(), String>| check.map_or_else(|error| error, |()| "ok".to_owned());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({"ready": ready, "checks": {"database": word(database), "redis": word(redis), "engine": word(engine)}});
    (status, axum::Json(body))
}

/// The default model is in memory, or none is wanted.
fn engine(state: &AppState) -> Result<(), String> {
    if state.config.no_model {
        return Ok(());
    }
    match state.engines.get(DEFAULT).map(|model| model.status) {
        None => Err(format!("there is no model {}", state.engines.default_name())),
        Some(Status::Ready) => Ok(()),
        Some(Status::Available | Status::Loading) => Err("the default model is loading".into()),
        Some(Status::Failed(reason) | Status::Refused(reason)) => Err(reason),
    }
}

async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], telemetry::prometheus().render())
}
