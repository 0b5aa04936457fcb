//! Joins every slice's routes into one router: console API under `/api`, service and OpenAI APIs under `/v1`.

use axum::Router;

use crate::state::AppState;

/// The whole HTTP surface of one process.
pub fn router(state: AppState) -> Router {
    Router::new().with_state(state)
}
