//! `POST /v1/embeddings`.

use axum::body::Bytes;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{self, invalid, unsupported};
use super::models;
use crate::accounts::OpenAiCaller;
use crate::catalog;
use crate::engine::EmbedInput;
use crate::engine::host::Kind;
use crate::error::Result;
use crate::http::extract::Json;
use crate::state::AppState;

/// Texts of one request.
const MAX_INPUTS: usize = 2048;

#[derive(Deserialize)]
struct EmbeddingBody {
    model: Option<String>,
    input: Value,
    encoding_format: Option<String>,
    dimensions: Option<usize>,
}

/// Turn texts into vectors
///
/// OpenAI's endpoint. Needs an `sk-…` key; `default` is the workspace's default embedding model.
#[utoipa::path(post, path = "/v1/embeddings", tag = "openai", request_body = Value,
    responses((status = 200, body = Value), (status = 400), (status = 401), (status = 404)))]
pub(super) async fn create_embedding(State(state): State<AppState>, caller: OpenAiCaller, body: Bytes) -> Result<Json<Value>> {
    let key = models::model_key(&caller)?;
    let body: EmbeddingBody = body::parse(&body)?;
    let as_base64 = match body.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(invalid("encoding_format", "it must be float or base64")),
    };
    let inputs = inputs(&body.input)?;
    let model = models::resolve_kind(&state, key.workspace_id, body.model.as_deref(), Kind::TextEmbedding).await?.reference();
    let embedded = catalog::embed(&state, key.workspace_id, Some(&model), inputs).await?;
    let n_dimensions = embedded.vectors.first().map_or(0, Vec::len);
    if let Some(wanted) = body.dimensions.filter(|d| *d != n_dimensions) {
        return Err(unsupported("dimensions", format_args!("this model's vectors have {n_dimensions} dimensions, not {wanted}")));
    }
    let entry = |(index, vector): (usize, &Vec<f32>)| {
        let embedding = if as_base64 {
            json!(STANDARD.encode(vector.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()))
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let data: Vec<_> = embedded.vectors.iter().enumerate().map(entry).collect();
    let usage = json!({"prompt_tokens": embedded.n_tokens, "total_tokens": embedded.n_tokens});
    Ok(Json(json!({"object": "list", "data": data, "model": embedded.model.to_string(), "usage": usage})))
}

/// A text, texts, token ids, or lists of token ids.
fn inputs(input: &Value) -> Result<Vec<EmbedInput>> {
    let tokens = |path: &str, ids: &[Value]| -> Result<EmbedInput> {
        let ids: Option<Vec<u32>> = ids.iter().map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect();
        let ids = ids.filter(|ids| !ids.is_empty()).ok_or_else(|| invalid(path, "it must be a text or a list of token ids"))?;
        Ok(EmbedInput::Tokens(ids))
    };
    let one = |path: &str, value: &Value| match value {
        Value::String(text) if text.is_empty() => Err(invalid(path, "it must not be empty")),
        Value::String(text) => Ok(EmbedInput::Text(text.clone())),
        Value::Array(ids) => tokens(path, ids),
        _ => Err(invalid(path, "it must be a text or a list of token ids")),
    };
    match input {
        Value::Array(ids) if ids.first().is_some_and(Value::is_number) => Ok(vec![tokens("input", ids)?]),
        Value::Array(entries) if entries.is_empty() || entries.len() > MAX_INPUTS => {
            Err(invalid("input", format_args!("it must have 1 to {MAX_INPUTS} texts")))
        }
        Value::Array(entries) => entries.iter().enumerate().map(|(i, entry)| one(&format!("input[{i}]"), entry)).collect(),
        value => Ok(vec![one("input", value)?]),
    }
}
