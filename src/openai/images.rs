//! `POST /v1/images/generations`.

use axum::body::Bytes;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Total};
use super::body::{self, invalid, unsupported};
use super::{chat, models};
use crate::accounts::OpenAiCaller;
use crate::engine::request::{Image, Input, Message, Modalities, Request, Role};
use crate::error::{Code, Error, Result};
use crate::files::{self, Owner, Scope};
use crate::http::extract::Json;
use crate::ids::{AppId, WorkspaceId};
use crate::state::AppState;

const MAX_IMAGES: u32 = 10;

#[derive(Deserialize)]
struct ImageBody {
    model: Option<String>,
    prompt: String,
    n: Option<u32>,
    size: Option<String>,
    response_format: Option<String>,
    output_format: Option<String>,
    background: Option<String>,
    stream: Option<bool>,
    seed: Option<i64>,
}

/// Draw pictures
///
/// OpenAI's endpoint. Needs an `sk-…` key and a model that writes pictures, which all have the model's own size. Pictures come
/// as base64 unless `response_format` is `url`: then they are kept as files of the workspace, behind signed links.
#[utoipa::path(post, path = "/v1/images/generations", tag = "openai", request_body = Value,
    responses((status = 200, body = Value), (status = 400), (status = 401), (status = 404), (status = 429)))]
pub(super) async fn create_image(State(state): State<AppState>, caller: OpenAiCaller, body: Bytes) -> Result<Json<Value>> {
    let key = models::model_key(&caller)?;
    let body: ImageBody = body::parse(&body)?;
    let n = match body.n.unwrap_or(1) {
        n @ 1..=MAX_IMAGES => n as usize,
        n => return Err(invalid("n", format_args!("{n} is not between 1 and {MAX_IMAGES}"))),
    };
    let as_url = match body.response_format.as_deref() {
        None | Some("b64_json") => false,
        Some("url") => true,
        Some(_) => return Err(invalid("response_format", "it must be b64_json or url")),
    };
    refuse_unsupported(&body)?;
    let model = models::resolve(&state, key.workspace_id, body.model.as_deref()).await?;
    let Some(side) = model.picture_size().await? else {
        let message = format!("The model '{}' writes no pictures.", model.reference());
        return Err(Error::new(Code::ModelNotSupported, message).param("model"));
    };
    let size = format!("{side}x{side}");
    if body.size.as_deref().is_some_and(|wanted| wanted != "auto" && wanted != size) {
        return Err(unsupported("size", format_args!("this model's pictures are {size}")));
    }
    let mut request = Request::new(Input::Chat(vec![Message::text(Role::User, body.prompt)]));
    request.modalities = Modalities::Image;
    request.sampling = model.default_sampling().await?.unwrap_or_else(body::openai_sampling);
    request.sampling.seed = body.seed.map(i64::cast_unsigned);
    request.cache_salt = key.workspace_id.0.as_u128();

    let events = answer::start(&state, &model, chat::choices(&request, n)).await?;
    let mut total = Total::new(n);
    let mut data = Vec::with_capacity(n);
    for (index, choice) in answer::collect(events, n).await?.into_iter().enumerate() {
        if let Some(done) = &choice.done {
            total.add(index, &done.usage);
        }
        for image in choice.images {
            data.push(match as_url {
                true => json!({"url": keep(&state, key.workspace_id, image).await?}),
                false => json!({"b64_json": STANDARD.encode(&image.bytes)}),
            });
        }
    }
    let usage = total.usage();
    Ok(Json(json!({
        "created": Utc::now().timestamp(),
        "background": "opaque",
        "output_format": "png",
        "size": size,
        "data": data,
        "usage": {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {"image_tokens": usage.image_tokens, "text_tokens": usage.prompt_tokens - usage.image_tokens},
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
    })))
}

fn refuse_unsupported(body: &ImageBody) -> Result<()> {
    if body.prompt.trim().is_empty() {
        return Err(invalid("prompt", "it must not be empty"));
    }
    if body.output_format.as_deref().is_some_and(|format| format != "png") {
        return Err(unsupported("output_format", "pictures are png"));
    }
    if body.background.as_deref().is_some_and(|background| !matches!(background, "auto" | "opaque")) {
        return Err(unsupported("background", "pictures are opaque"));
    }
    if body.stream == Some(true) {
        return Err(unsupported("stream", "a picture comes as a whole"));
    }
    Ok(())
}

/// A signed link to the picture, kept as a file of the workspace.
async fn keep(state: &AppState, workspace_id: WorkspaceId, image: Image) -> Result<Value> {
    // of no app
    let scope = Scope { workspace_id, app_id: AppId(uuid::Uuid::nil()), owner: Owner::Nobody };
    let file = files::keep_value(state, &scope, "picture.png", &image.mime_type, image.bytes).await?;
    Ok(file["url"].clone())
}
