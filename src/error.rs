//! The one error of every HTTP surface: a closed [`Code`] table, rendered by the router it leaves through.
//!
//! `IntoResponse` writes the console's shape and leaves the [`Error`] in the response's extensions, so that the service
//! API router ([`render_dify`]) and the OpenAI router ([`render_openai`]) can write theirs. Nothing here knows a feature.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for programs. `as_str` is the wire name in the console and service APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidParam,
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    UnsupportedMediaType,
    TooManyRequests,
    RateLimit,
    Overloaded,
    ContextOverflow,
    AppUnavailable,
    NotChatApp,
    NotWorkflowApp,
    ConversationCompleted,
    ProviderNotInitialized,
    ProviderQuotaExceeded,
    ModelNotSupported,
    ModelNotFound,
    CompletionRequest,
    NoAudioUploaded,
    AudioTooLarge,
    UnsupportedAudioType,
    ProviderNotSupportSpeechToText,
    NoFileUploaded,
    TooManyFiles,
    FilenameNotExists,
    FileExtensionBlocked,
    FileTooLarge,
    UnsupportedFileType,
    FileNotFound,
    FileAccessDenied,
    EndUserNotFound,
    TriggerWorkflowUnavailable,
    FormSubmitted,
    FormExpired,
    InvalidFormData,
    InvalidWorkflow,
    SetupDone,
    SetupNeeded,
    Unavailable,
    Internal,
}

impl Code {
    /// Wire name and HTTP status.
    const fn row(self) -> (&'static str, StatusCode) {
        use StatusCode as S;
        match self {
            Self::InvalidParam => ("invalid_param", S::BAD_REQUEST),
            Self::BadRequest => ("bad_request", S::BAD_REQUEST),
            Self::Unauthorized => ("unauthorized", S::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", S::FORBIDDEN),
            Self::NotFound => ("not_found", S::NOT_FOUND),
            Self::MethodNotAllowed => ("method_not_allowed", S::METHOD_NOT_ALLOWED),
            Self::Conflict => ("conflict", S::CONFLICT),
            Self::UnsupportedMediaType => ("unsupported_media_type", S::UNSUPPORTED_MEDIA_TYPE),
            Self::TooManyRequests => ("too_many_requests", S::TOO_MANY_REQUESTS),
            Self::RateLimit => ("rate_limit_error", S::TOO_MANY_REQUESTS),
            Self::Overloaded => ("overloaded", S::TOO_MANY_REQUESTS),
            Self::ContextOverflow => ("context_length_exceeded", S::BAD_REQUEST),
            Self::AppUnavailable => ("app_unavailable", S::BAD_REQUEST),
            Self::NotChatApp => ("not_chat_app", S::BAD_REQUEST),
            Self::NotWorkflowApp => ("not_workflow_app", S::BAD_REQUEST),
            Self::ConversationCompleted => ("conversation_completed", S::BAD_REQUEST),
            Self::ProviderNotInitialized => ("provider_not_initialize", S::BAD_REQUEST),
            Self::ProviderQuotaExceeded => ("provider_quota_exceeded", S::BAD_REQUEST),
            Self::ModelNotSupported => ("model_currently_not_support", S::BAD_REQUEST),
            Self::ModelNotFound => ("model_not_found", S::NOT_FOUND),
            Self::CompletionRequest => ("completion_request_error", S::BAD_REQUEST),
            Self::NoAudioUploaded => ("no_audio_uploaded", S::BAD_REQUEST),
            Self::AudioTooLarge => ("audio_too_large", S::PAYLOAD_TOO_LARGE),
            Self::UnsupportedAudioType => ("unsupported_audio_type", S::UNSUPPORTED_MEDIA_TYPE),
            Self::ProviderNotSupportSpeechToText => ("provider_not_support_speech_to_text", S::BAD_REQUEST),
            Self::NoFileUploaded => ("no_file_uploaded", S::BAD_REQUEST),
            Self::TooManyFiles => ("too_many_files", S::BAD_REQUEST),
            Self::FilenameNotExists => ("filename_not_exists_error", S::BAD_REQUEST),
            Self::FileExtensionBlocked => ("file_extension_blocked", S::BAD_REQUEST),
            Self::FileTooLarge => ("file_too_large", S::PAYLOAD_TOO_LARGE),
            Self::UnsupportedFileType => ("unsupported_file_type", S::UNSUPPORTED_MEDIA_TYPE),
            Self::FileNotFound => ("file_not_found", S::NOT_FOUND),
            Self::FileAccessDenied => ("file_access_denied", S::FORBIDDEN),
            Self::EndUserNotFound => ("end_user_not_found", S::NOT_FOUND),
            Self::TriggerWorkflowUnavailable => ("trigger_workflow_service_mode_unavailable", S::FORBIDDEN),
            Self::FormSubmitted => ("human_input_form_submitted", S::PRECONDITION_FAILED),
            Self::FormExpired => ("human_input_form_expired", S::PRECONDITION_FAILED),
            Self::InvalidFormData => ("invalid_form_data", S::BAD_REQUEST),
            Self::InvalidWorkflow => ("invalid_workflow", S::BAD_REQUEST),
            Self::SetupDone => ("setup_done", S::CONFLICT),
            Self::SetupNeeded => ("setup_needed", S::CONFLICT),
            Self::Unavailable => ("unavailable", S::SERVICE_UNAVAILABLE),
            Self::Internal => ("internal_server_error", S::INTERNAL_SERVER_ERROR),
        }
    }

    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// OpenAI's `error.code`, where it has a word of its own.
    const fn openai_code(self) -> &'static str {
        match self {
            Self::Unauthorized => "invalid_api_key",
            Self::InvalidParam | Self::BadRequest => "invalid_value",
            Self::TooManyRequests | Self::RateLimit | Self::Overloaded => "rate_limit_exceeded",
            Self::ProviderQuotaExceeded => "insufficient_quota",
            other => other.as_str(),
        }
    }

    /// OpenAI's `error.type`.
    const fn openai_type(self) -> &'static str {
        match self {
            Self::Unauthorized => "authentication_error",
            Self::Forbidden => "permission_error",
            Self::TooManyRequests | Self::RateLimit | Self::Overloaded | Self::ProviderQuotaExceeded => "rate_limit_error",
            Self::Internal | Self::Unavailable => "server_error",
            _ => "invalid_request_error",
        }
    }
}

/// A refusal or failure with the words a caller sees. The cause, if any, is for the log only.
#[derive(Debug, Clone)]
pub struct Error {
    pub code: Code,
    pub message: String,
    /// The offending field, when one is to blame.
    pub param: Option<String>,
    /// Seconds, sent as `Retry-After`.
    pub retry_after_s: Option<u64>,
    /// What the console shows beside the message: a list of problems.
    pub details: Option<Arc<Value>>,
    cause: Option<Arc<anyhow::Error>>,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None, retry_after_s: None, details: None, cause: None }
    }

    /// 400 `invalid_param` that names the field.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(Code::InvalidParam, message) }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// 500 with fixed text; the cause is logged where the response is made.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self { cause: Some(Arc::new(cause.into())), ..Self::new(Code::Internal, "Internal Server Error, please contact support.") }
    }

    /// 503: a server we stand on does not answer; the caller may try again.
    pub fn unavailable(what: &str, cause: impl Into<anyhow::Error>) -> Self {
        Self {
            cause: Some(Arc::new(cause.into())),
            retry_after_s: Some(2),
            ..Self::new(Code::Unavailable, format!("The {what} is not reachable right now. Please try again."))
        }
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(Arc::new(details));
        self
    }

    /// Notes the cause of a 5xx, once, where the failure is handled.
    pub fn log(&self) {
        if self.code.status().is_server_error() {
            match &self.cause {
                Some(cause) => tracing::error!(error.code = self.code.as_str(), error.cause = format!("{cause:#}"), "request failed"),
                None => tracing::error!(error.code = self.code.as_str(), error.message = self.message, "request failed"),
            }
        }
    }

    /// Dify's envelope, also the data of an SSE `error` event.
    pub fn dify_body(&self) -> Value {
        let mut body = json!({"code": self.code.as_str(), "message": self.message, "status": self.code.status().as_u16()});
        if let Some(param) = &self.param {
            body["params"] = json!(param);
        }
        body
    }

    /// OpenAI's envelope.
    pub fn openai_body(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.code.openai_type(), "param": self.param, "code": self.code.openai_code()}})
    }

    fn console_body(&self) -> Value {
        let mut error = json!({"code": self.code.as_str(), "message": self.message, "type": self.code.openai_type(), "param": self.param});
        if let Some(details) = &self.details {
            error["details"] = (**details).clone();
        }
        json!({"error": error})
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let mut response = (self.code.status(), Json(self.console_body())).into_response();
        if let Some(value) = self.retry_after_s.and_then(|s| HeaderValue::from_str(&s.to_string()).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// For `map_response` on the service API router.
pub async fn render_dify(response: Response) -> Response {
    let mut response = rerender(response, Error::dify_body);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"api\""));
    }
    response
}

/// For `map_response` on the OpenAI router.
pub async fn render_openai(response: Response) -> Response {
    rerender(response, Error::openai_body)
}

fn rerender(response: Response, body: impl Fn(&Error) -> Value) -> Response {
    let Some(error) = response.extensions().get::<Arc<Error>>().cloned() else { return response };
    let mut fresh = (response.status(), Json(body(&error))).into_response();
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            fresh.headers_mut().insert(name, value.clone());
        }
    }
    fresh.extensions_mut().insert(error);
    fresh
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::not_found("Not found."),
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => {
                Self::unavailable("database", error)
            }
            // 57P0x: the server is shutting down or starting
            sqlx::Error::Database(ref db) if db.code().is_some_and(|c| c.starts_with("57P")) => Self::unavailable("database", error),
            // a NUL in a text or jsonb value
            sqlx::Error::Database(ref db) if db.code().is_some_and(|c| c == "22021" || c == "22P05") => {
                Self::new(Code::InvalidParam, "Text must not contain NUL characters.")
            }
            other => Self::internal(other),
        }
    }
}

impl From<redis::RedisError> for Error {
    fn from(error: redis::RedisError) -> Self {
        Self::unavailable("event store", error)
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(error)
    }
}

/// Gives a unique-constraint violation its meaning.
pub trait OnConstraint<T> {
    /// The error to answer with when `constraint` is what the database refused.
    fn on_constraint(self, constraint: &str, error: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for std::result::Result<T, sqlx::Error> {
    fn on_constraint(self, constraint: &str, error: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|e| match &e {
            sqlx::Error::Database(db) if db.constraint() == Some(constraint) => error(),
            _ => e.into(),
        })
    }
}
