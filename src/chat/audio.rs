//! Speech in and out. No model for either is configured yet, so valid requests end with the contract's refusals.

use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{DefaultBodyLimit, Multipart, State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::db::messages;
use super::service_caller;
use crate::accounts::ServiceApp;
use crate::error::{Code, Error, Result};
use crate::http::payload::Payload;
use crate::ids::MessageId;
use crate::state::AppState;

const MAX_BYTES: usize = 30 << 20;
const TYPES: [&str; 6] = ["audio/mp3", "audio/mpga", "audio/m4a", "audio/x-m4a", "audio/wav", "audio/amr"];

/// Room for the file and the multipart frame around it.
pub(super) fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(MAX_BYTES + (1 << 20))
}

/// Speech to text.
#[utoipa::path(post, path = "/v1/audio-to-text", tag = "Audio", request_body(content_type = "multipart/form-data", description = "`file`, `user`"), responses((status = 400)))]
pub(super) async fn audio_to_text(_app: ServiceApp, multipart: Result<Multipart, MultipartRejection>) -> Result<Json<Value>> {
    let no_audio = || Error::new(Code::NoAudioUploaded, "Please upload your audio.");
    let too_large = || Error::new(Code::AudioTooLarge, "Audio size larger than 30 mb");
    let mut multipart = multipart.map_err(|_| no_audio())?;
    let broken = |e: axum::extract::multipart::MultipartError| {
        if e.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
            too_large()
        } else {
            Error::new(Code::BadRequest, "The multipart body is broken or incomplete.")
        }
    };
    let mut audio = None;
    while let Some(mut field) = multipart.next_field().await.map_err(broken)? {
        if field.name() != Some("file") {
            continue;
        }
        let mime_type = field.content_type().unwrap_or_default().to_ascii_lowercase();
        let mut size = 0;
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            size += chunk.len();
        }
        audio = Some((mime_type, size));
    }
    let (mime_type, size) = audio.ok_or_else(no_audio)?;
    if !TYPES.contains(&mime_type.split(';').next().unwrap_or_default().trim()) {
        return Err(Error::new(Code::UnsupportedAudioType, "Audio type not allowed."));
    }
    if size > MAX_BYTES {
        return Err(too_large());
    }
    Err(Error::new(Code::ProviderNotSupportSpeechToText, "Provider not support speech to text."))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TextToAudio {
    /// Wins over `text`
    message_id: Option<String>,
    text: Option<String>,
}

/// Text to speech.
#[utoipa::path(post, path = "/v1/text-to-audio", tag = "Audio", request_body = TextToAudio, responses((status = 400)))]
pub(super) async fn text_to_audio(State(state): State<AppState>, app: ServiceApp, payload: Payload) -> Result<Json<Value>> {
    let caller = service_caller(&state, &app, payload.user.as_deref()).await?;
    let body: TextToAudio = payload.fields()?;
    if let Some(id) = body.message_id.as_deref().filter(|id| !id.is_empty()) {
        let message = match id.parse::<MessageId>() {
            Ok(id) => messages::find(&state.db, app.workspace_id, app.app_id, &caller, id).await?,
            Err(_) => None,
        };
        message.ok_or_else(|| Error::not_found("Message Not Exists."))?;
    } else if body.text.as_deref().is_none_or(str::is_empty) {
        return Err(Error::new(Code::InvalidParam, "Text is required"));
    }
    Err(Error::new(Code::InvalidParam, "TTS is not enabled"))
}
