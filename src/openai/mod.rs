//! OpenAI's API under `/v1`: chat completions, completions, images, embeddings, rerank, models; the console's playground.
//!
//! An `sk-…` key chooses any model of the catalog, by `provider/name`, by bare name or `default`. An `app-…` key makes the
//! app itself the model: its prompt, its settings and its moderation, over the conversation that the caller sends.
//! Unknown fields are ignored; known ones that are not supported are refused by name. Nothing is stored. A stream that the
//! client leaves is cancelled: nobody can come back for it.

mod answer;
mod body;
mod chat;
mod completions;
mod embeddings;
mod images;
mod models;
mod rerank;
mod stream;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// Largest body: pictures come inside the JSON.
pub const BODY_LIMIT: usize = 64 << 20;

/// The console's route; pictures come inside the JSON.
pub fn console_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(chat::create_playground_completion)).layer(DefaultBodyLimit::max(BODY_LIMIT))
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(chat::create_chat_completion))
        .routes(routes!(completions::create_completion))
        .routes(routes!(images::create_image))
        .routes(routes!(embeddings::create_embedding))
        .routes(routes!(rerank::create_rerank))
        .routes(routes!(models::list_openai_models))
        .routes(routes!(models::get_openai_model))
}
