//! JSON bodies and queries as Dify's clients send them: `user` in any scalar type, empty values for absent ones.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::extract::{Json, Query};
use crate::error::{Error, Result};
use crate::state::AppState;

/// In a request's extensions: the user, where the door knows better than what the request says.
#[derive(Debug, Clone)]
pub struct KnownUser(pub String);

/// A JSON object and the `user` in it.
pub struct Payload {
    pub user: Option<String>,
    fields: Map<String, Value>,
}

impl FromRequest<AppState> for Payload {
    type Rejection = Error;

    async fn from_request(request: Request, state: &AppState) -> Result<Self> {
        let known = request.extensions().get::<KnownUser>().cloned();
        let Json(Value::Object(mut fields)) = Json::<Value>::from_request(request, state).await? else {
            return Err(Error::new(crate::error::Code::InvalidParam, "The JSON body must be an object."));
        };
        let user = match fields.remove("user") {
            Some(Value::String(user)) => Some(user),
            Some(user @ (Value::Number(_) | Value::Bool(_))) => Some(user.to_string()),
            Some(Value::Null) | None => None,
            Some(other) => Some(other.to_string()),
        };
        let user = known.map(|known| known.0).or(user);
        Ok(Self { user: user.filter(|u| !u.is_empty()), fields })
    }
}

impl Payload {
    /// For routes that demand one.
    pub fn required_user(&self) -> Result<&str> {
        required(self.user.as_deref())
    }

    /// The other fields. Nulls read as absent.
    pub fn fields<T: DeserializeOwned>(self) -> Result<T> {
        let fields = self.fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
        serde_path_to_error::deserialize(Value::Object(fields)).map_err(|e| {
            let path = e.path().to_string();
            let text = e.into_inner().to_string();
            if path == "." { Error::new(crate::error::Code::InvalidParam, text) } else { Error::invalid(&path, format!("{path}: {text}")) }
        })
    }
}

fn required(user: Option<&str>) -> Result<&str> {
    user.ok_or_else(|| Error::new(crate::error::Code::InvalidParam, "Arg user must be provided."))
}

/// A query string. Keys with empty values are absent; unknown keys are nobody's business.
pub struct Params(Vec<(String, String)>);

impl FromRequestParts<AppState> for Params {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let Query(mut pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
        if let Some(KnownUser(user)) = parts.extensions.get() {
            pairs.retain(|(name, _)| name != "user");
            pairs.push(("user".to_owned(), user.clone()));
        }
        Ok(Self(pairs))
    }
}

impl Params {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub fn user(&self) -> Option<&str> {
        self.get("user")
    }

    pub fn required_user(&self) -> Result<&str> {
        required(self.user())
    }

    pub fn uuid(&self, name: &str) -> Result<Option<Uuid>> {
        self.get(name).map(|text| parse_uuid(name, text)).transpose()
    }

    pub fn int(&self, name: &str, default: i64, allowed: std::ops::RangeInclusive<i64>) -> Result<i64> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let value = text.trim().parse().ok().filter(|n| allowed.contains(n));
        value.ok_or_else(|| Error::invalid(name, format!("{name} must be an integer between {} and {}.", allowed.start(), allowed.end())))
    }
}

pub fn parse_uuid(name: &str, text: &str) -> Result<Uuid> {
    Uuid::parse_str(text.trim()).map_err(|_| Error::invalid(name, format!("{name}: '{text}' is not a valid uuid.")))
}
