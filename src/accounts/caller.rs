//! Programs: the extractors of routes that are called with an API key. Checks, order and words: the service API's contract.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::api_keys::{self, KeyKind, KnownKey};
use super::db;
use super::end_users::{self, EndUser, EndUserType};
use crate::error::{Code, Error, Result};
use crate::ids::{ApiKeyId, AppId, WorkspaceId};
use crate::state::AppState;

/// An app that somebody calls: it exists, is in order, and the door that they come through is open.
#[derive(Debug, Clone, Copy)]
pub struct ServiceApp {
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    pub door: Door,
}

/// Where callers of an app come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A program with the app's key, which says who its users are.
    Key,
    /// The app's page, open to visitors.
    Site,
    /// An MCP client.
    Mcp,
}

impl Door {
    fn end_user_type(self) -> EndUserType {
        match self {
            Self::Key | Self::Mcp => EndUserType::ServiceApi,
            Self::Site => EndUserType::Browser,
        }
    }
}

impl FromRequestParts<AppState> for ServiceApp {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        // whoever guards another door has let the caller in
        if let Some(app) = parts.extensions.get::<Self>() {
            return Ok(*app);
        }
        match find_key(parts, state).await? {
            Some(KnownKey { workspace_id, kind: KeyKind::App, app_id: Some(app_id), .. }) => Self::open(state, workspace_id, app_id).await,
            _ => Err(unknown_token()),
        }
    }
}

impl ServiceApp {
    async fn open(state: &AppState, workspace_id: WorkspaceId, app_id: AppId) -> Result<Self> {
        let forbidden = |message| Err(Error::new(Code::Forbidden, message));
        match db::find_app_gate(&state.db, workspace_id, app_id).await? {
            None => forbidden("The app no longer exists."),
            Some(gate) if !gate.normal => forbidden("The app's status is abnormal."),
            Some(gate) if !gate.enable_api => forbidden("The app's API service has been disabled."),
            Some(gate) if gate.workspace_archived => forbidden("The workspace's status is archived."),
            Some(_) => Ok(Self { workspace_id, app_id, door: Door::Key }),
        }
    }

    /// The end user that `user` names at this door.
    pub async fn end_user(&self, state: &AppState, user: Option<&str>) -> Result<EndUser> {
        end_users::resolve(&state.db, self.workspace_id, self.app_id, self.door.end_user_type(), user).await
    }
}

/// A key of the workspace's knowledge.
#[derive(Debug, Clone, Copy)]
pub struct DatasetKey {
    pub key_id: ApiKeyId,
    pub workspace_id: WorkspaceId,
}

impl FromRequestParts<AppState> for DatasetKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        match find_key(parts, state).await? {
            Some(KnownKey { id, workspace_id, kind: KeyKind::Dataset, .. }) => {
                check_workspace(state, workspace_id).await?;
                Ok(Self { key_id: id, workspace_id })
            }
            _ => Err(unknown_token()),
        }
    }
}

/// A key that chooses any model of the catalog.
#[derive(Debug, Clone, Copy)]
pub struct ModelKey {
    pub key_id: ApiKeyId,
    pub workspace_id: WorkspaceId,
}

/// Who calls an OpenAI route: with an `sk-…` key the models answer, with an `app-…` key the app itself does.
#[derive(Debug, Clone, Copy)]
pub enum OpenAiCaller {
    Model(ModelKey),
    App(ServiceApp),
}

impl FromRequestParts<AppState> for OpenAiCaller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        match find_key(parts, state).await? {
            Some(KnownKey { id, workspace_id, kind: KeyKind::Model, .. }) => {
                check_workspace(state, workspace_id).await?;
                Ok(Self::Model(ModelKey { key_id: id, workspace_id }))
            }
            Some(KnownKey { workspace_id, kind: KeyKind::App, app_id: Some(app_id), .. }) => {
                ServiceApp::open(state, workspace_id, app_id).await.map(Self::App)
            }
            _ => Err(Error::new(Code::Unauthorized, "Incorrect API key provided. Use a key that starts with sk- or app-.")),
        }
    }
}

async fn check_workspace(state: &AppState, workspace_id: WorkspaceId) -> Result<()> {
    if db::workspace_is_normal(&state.db, workspace_id).await? {
        return Ok(());
    }
    Err(Error::new(Code::Forbidden, "The workspace's status is archived."))
}

async fn find_key(parts: &Parts, state: &AppState) -> Result<Option<KnownKey>> {
    let unauthorized = |message| Error::new(Code::Unauthorized, message);
    let header = parts.headers.get(AUTHORIZATION).map(|v| String::from_utf8_lossy(v.as_bytes()));
    let (scheme, token) = header
        .as_deref()
        .and_then(|h| h.split_once(' '))
        .ok_or_else(|| unauthorized("Authorization header must be provided and start with 'Bearer'"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthorized("Authorization scheme must be 'Bearer'"));
    }
    api_keys::find(state, token.trim()).await
}

fn unknown_token() -> Error {
    Error::new(Code::Unauthorized, "Access token is invalid")
}
