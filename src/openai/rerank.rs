//! `POST /v1/rerank`, in the shape that Cohere and Jina share.

use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::{self, invalid};
use super::models;
use crate::accounts::OpenAiCaller;
use crate::catalog;
use crate::engine::host::Kind;
use crate::error::Result;
use crate::http::extract::Json;
use crate::state::AppState;

/// Documents of one request.
const MAX_DOCUMENTS: usize = 1024;

#[derive(Deserialize)]
struct RerankBody {
    model: Option<String>,
    query: String,
    documents: Vec<Document>,
    top_n: Option<usize>,
    return_documents: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Text(String),
    Object { text: String },
}

/// Order documents by how well they answer a query
#[utoipa::path(post, path = "/v1/rerank", tag = "openai", request_body = Value,
    responses((status = 200, body = Value), (status = 400), (status = 401), (status = 404)))]
pub(super) async fn create_rerank(State(state): State<AppState>, caller: OpenAiCaller, body: Bytes) -> Result<Json<Value>> {
    let key = models::model_key(&caller)?;
    let body: RerankBody = body::parse(&body)?;
    if body.documents.is_empty() || body.documents.len() > MAX_DOCUMENTS {
        return Err(invalid("documents", format_args!("it must have 1 to {MAX_DOCUMENTS} documents")));
    }
    let model = models::resolve_kind(&state, key.workspace_id, body.model.as_deref(), Kind::Rerank).await?;
    let documents: Vec<String> = body
        .documents
        .into_iter()
        .map(|d| match d {
            Document::Text(text) | Document::Object { text } => text,
        })
        .collect();
    let scored = catalog::rerank(&model, body.query, documents.clone()).await?;
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.sort_by(|a, b| scored.scores[*b].total_cmp(&scored.scores[*a]));
    order.truncate(body.top_n.unwrap_or(documents.len()));
    let result = |index: usize| {
        let mut result = json!({"index": index, "relevance_score": scored.scores[index]});
        if body.return_documents.unwrap_or(false) {
            result["document"] = json!({"text": documents[index]});
        }
        result
    };
    let results: Vec<_> = order.into_iter().map(result).collect();
    let usage = json!({"prompt_tokens": scored.n_tokens, "total_tokens": scored.n_tokens});
    Ok(Json(json!({"id": Uuid::new_v4().to_string(), "model": model.reference().to_string(), "results": results, "usage": usage})))
}
