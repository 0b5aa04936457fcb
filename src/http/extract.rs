//! `Json`, `Query` and `Path` that fail with our [`Error`] instead of axum's plain text.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Code, Error};

/// A JSON body. Wrong content type is 415, broken JSON 400 `bad_request`, a wrong field 400 `invalid_param`.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Error))]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Error))]
pub struct Query<T>(pub T);

#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Error))]
pub struct Path<T>(pub T);

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::JsonSyntaxError(_) => Self::new(Code::BadRequest, "Invalid JSON payload received or JSON payload is empty."),
            JsonRejection::MissingJsonContentType(_) => Self::new(Code::UnsupportedMediaType, "Content-Type must be application/json."),
            JsonRejection::JsonDataError(e) => {
                let text = e.body_text();
                let message = text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail).to_owned();
                Self::new(Code::InvalidParam, message)
            }
            JsonRejection::BytesRejection(e) if e.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(Code::FileTooLarge, "The request body is too large.")
            }
            other => Self::new(Code::BadRequest, other.body_text()),
        }
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        let text = rejection.body_text();
        Self::new(Code::InvalidParam, text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail))
    }
}

/// A path that does not parse names nothing that exists.
impl From<PathRejection> for Error {
    fn from(_: PathRejection) -> Self {
        Self::not_found("Not found.")
    }
}
