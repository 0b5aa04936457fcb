//! Custom tools: the operations of an OpenAPI document, called over HTTP.
//!
//! `parse.rs` turns a document into [`Operation`]s, which are stored; `call.rs` makes a request of one.

mod call;
mod parse;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Parameter, ProviderType, ToolInfo, db};
use crate::error::{Error, Result};
use crate::state::AppState;

pub use call::call;
pub use parse::{MAX_DOCUMENT, parse, plain_name};

/// What a document describes.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub title: String,
    pub description: String,
    pub operations: Vec<Operation>,
}

/// One request that can be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    pub name: String,
    pub label: String,
    pub description: String,
    /// Upper case
    pub method: String,
    /// Absolute, without a trailing slash
    pub server: String,
    /// With its `{parameters}`
    pub path: String,
    pub arguments: Vec<Argument>,
    pub body: Option<Body>,
}

/// A parameter of the tool and where the request has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Argument {
    #[serde(flatten)]
    pub parameter: Parameter,
    /// The name in the request; the parameter's own differs where two would be equal
    pub wire_name: String,
    pub place: Place,
    pub style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Path,
    Query,
    Header,
    Cookie,
    /// A field of the body.
    Field,
    /// The whole body.
    Body,
}

/// How lists and objects are written outside JSON bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `a=1&a=2`, `k=v&l=w`
    Exploded,
    /// `a=1,2`, `a=k,v`
    Commas,
    /// `a=1 2`
    Spaces,
    /// `a=1|2`
    Pipes,
    /// `a[k]=v`
    Deep,
    /// The value as JSON
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    pub content_type: String,
    pub encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    Json,
    Form,
    Multipart,
    /// As it is
    Raw,
}

impl Operation {
    pub fn info(&self, provider_id: &str, provider_name: &str) -> ToolInfo {
        ToolInfo {
            provider_type: ProviderType::Api,
            provider_id: provider_id.into(),
            provider_name: provider_name.into(),
            name: self.name.clone(),
            label: self.label.clone(),
            description: self.description.clone(),
            parameters: self.arguments.iter().map(|a| a.parameter.clone()).collect(),
            output_variables: Vec::new(),
        }
    }
}

/// How a provider's requests show who sends them. The key itself is kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    #[default]
    None,
    Header {
        /// Of the header
        #[serde(default = "authorization")]
        name: String,
        #[serde(default)]
        scheme: Scheme,
    },
    Query {
        /// Of the query parameter
        name: String,
    },
}

fn authorization() -> String {
    "Authorization".into()
}

/// What stands before the key in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `Basic `; the key is `user:password`, or that in base64
    Basic,
    #[default]
    Bearer,
    /// Nothing
    Custom,
}

/// What is needed to call an operation of a provider.
pub struct Provider {
    pub auth: Auth,
    pub key: Option<String>,
    pub timeout: Duration,
}

impl Provider {
    pub fn open(state: &AppState, row: &db::ProviderRow) -> Result<Self> {
        let auth = serde_json::from_value(row.auth.clone()).map_err(Error::internal)?;
        let key = row.unseal(state)?.map(String::from_utf8).transpose().map_err(Error::internal)?;
        Ok(Self { auth, key, timeout: row.timeout() })
    }
}
