//! API keys: of one app (`app-…`), of the workspace's knowledge (`dataset-…`) and models (`sk-…`). Stored as hashes, shown once.
//!
//! A key is found through Redis for [`CACHE_S`] after its first use, so that a busy key costs no statement, and its last use is
//! noted once in that time. A deleted key leaves a tombstone there, which outlives whatever a replica may have just read.
//! Without Redis every lookup goes to Postgres.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;

use super::{Admin, Editor, Session, db, hash_token};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path};
use crate::http::page::List;
use crate::http::text;
use crate::ids::{AccountId, ApiKeyId, AppId, WorkspaceId};
use crate::state::{AppState, Redis};

const KEYS_PER_APP: i64 = 10;
/// Seconds that a lookup may be remembered in Redis.
const CACHE_S: u64 = 60;
/// What a deleted key leaves in Redis.
const TOMBSTONE: &str = "deleted";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum KeyKind {
    /// One app's service API and the app as an OpenAI model
    App,
    /// The knowledge API of the workspace
    Dataset,
    /// Any model of the catalog, through the OpenAI API
    Model,
}

impl KeyKind {
    /// A new token: prefix and random letters and digits.
    fn new_token(self) -> String {
        let (prefix, length) = match self {
            Self::App => ("app-", 24),
            Self::Dataset => ("dataset-", 24),
            Self::Model => ("sk-", 48),
        };
        rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).fold(prefix.to_owned(), |mut token, c| {
            token.push(c);
            token
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub kind: KeyKind,
    pub name: String,
    /// Prefix and last characters, to tell keys apart
    pub hint: String,
    pub created_at: DateTime<Utc>,
    /// Exact to a minute
    pub last_used_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedApiKey {
    #[serde(flatten)]
    pub key: ApiKey,
    /// The key itself; shown only now
    pub token: String,
}

/// What a new key opens.
#[derive(Debug, Clone, Copy)]
pub enum NewKey {
    App(AppId),
    Dataset,
    Model,
}

/// Makes a key. For an app of another workspace, or a deleted one, "not found"; 409 when it has ten.
pub async fn create_key(
    tx: &mut PgConnection,
    workspace_id: WorkspaceId,
    created_by: Option<AccountId>,
    opens: NewKey,
    name: &str,
) -> Result<CreatedApiKey> {
    let name = text::optional_line("name", name, 80)?;
    let (kind, app_id) = match opens {
        NewKey::App(app_id) => {
            let count = db::lock_app_and_count_keys(tx, workspace_id, app_id).await?.ok_or_else(app_not_found)?;
            if count >= KEYS_PER_APP {
                return Err(Error::new(Code::Conflict, format!("An app has at most {KEYS_PER_APP} keys: delete one first.")));
            }
            (KeyKind::App, Some(app_id))
        }
        NewKey::Dataset => (KeyKind::Dataset, None),
        NewKey::Model => (KeyKind::Model, None),
    };
    let token = kind.new_token();
    let prefix = token.split_inclusive('-').next().unwrap_or_default();
    let hint = format!("{prefix}…{}", &token[token.len() - 4..]);
    let row = db::NewApiKey { workspace_id, kind, app_id, name: &name, token_hash: &hash_token(&token), hint: &hint, created_by };
    Ok(CreatedApiKey { key: db::insert_key(tx, row).await?, token })
}

/// What a known key opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownKey {
    pub id: ApiKeyId,
    pub workspace_id: WorkspaceId,
    pub kind: KeyKind,
    pub app_id: Option<AppId>,
}

/// The key of this token, none when it is unknown.
pub(super) async fn find(state: &AppState, token: &str) -> Result<Option<KnownKey>> {
    let hash = hash_token(token);
    let cached = match read_cache(&state.redis, &hash).await {
        Ok(Some(text)) if text == TOMBSTONE => return Ok(None),
        Ok(cached) => cached,
        Err(e) => {
            tracing::warn!(error.cause = %e, "API keys are looked up in the database: Redis does not answer");
            None
        }
    };
    if let Some(key) = cached.and_then(|text| serde_json::from_str(&text).ok()) {
        return Ok(Some(key));
    }
    let Some(key) = db::find_key(&state.db, &hash).await? else { return Ok(None) };
    if let Err(e) = write_cache(&state.redis, &hash, &key).await {
        tracing::warn!(error.cause = %e, "an API key could not be cached");
    }
    note_use(state.db.clone(), key.id);
    Ok(Some(key))
}

fn cache_key(redis: &Redis, hash: &[u8]) -> String {
    redis.key(format_args!("api-key:{}", hex::encode(hash)))
}

async fn read_cache(redis: &Redis, hash: &[u8]) -> redis::RedisResult<Option<String>> {
    redis::cmd("GET").arg(cache_key(redis, hash)).query_async(&mut redis.connection.clone()).await
}

async fn write_cache(redis: &Redis, hash: &[u8], key: &KnownKey) -> redis::RedisResult<()> {
    let text = serde_json::to_string(key).map_err(|e| redis::RedisError::from(std::io::Error::other(e)))?;
    // NX: a tombstone wins over what was read before the key was deleted
    redis::cmd("SET")
        .arg(cache_key(redis, hash))
        .arg(text)
        .arg("NX")
        .arg("EX")
        .arg(CACHE_S)
        .query_async(&mut redis.connection.clone())
        .await
}

/// After the deletion is committed. A replica that read the key before has at most a request's time to cache it.
async fn bury(redis: &Redis, hash: &[u8]) {
    let buried: redis::RedisResult<()> = redis::cmd("SET")
        .arg(cache_key(redis, hash))
        .arg(TOMBSTONE)
        .arg("EX")
        .arg(2 * CACHE_S)
        .query_async(&mut redis.connection.clone())
        .await;
    if let Err(e) = buried {
        tracing::error!(error.cause = %e, "a deleted API key may work for another minute: Redis does not answer");
    }
}

/// In the background, at most once a minute a key.
fn note_use(db: PgPool, id: ApiKeyId) {
    tokio::spawn(async move {
        if let Err(e) = db::touch_key(&db, id).await {
            tracing::warn!(error.cause = %e, "the last use of an API key could not be noted");
        }
    });
}

fn app_not_found() -> Error {
    Error::not_found("App not found.")
}

fn key_not_found() -> Error {
    Error::not_found("API key not found.")
}

/// Keys of an app
#[utoipa::path(get, path = "/api/apps/{app_id}/keys", tag = "keys", params(("app_id" = AppId, Path)),
    responses((status = 200, body = List<ApiKey>), (status = 404)))]
pub(super) async fn list_app_keys(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
) -> Result<Json<List<ApiKey>>> {
    if !db::app_exists(&state.db, session.workspace_id, app_id).await? {
        return Err(app_not_found());
    }
    Ok(Json(List::whole(db::list_keys(&state.db, session.workspace_id, Some(app_id)).await?)))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct CreateAppKey {
    #[serde(default)]
    name: String,
}

/// Make a key of an app
#[utoipa::path(post, path = "/api/apps/{app_id}/keys", tag = "keys", params(("app_id" = AppId, Path)), request_body = CreateAppKey,
    responses((status = 201, body = CreatedApiKey), (status = 404), (status = 409)))]
pub(super) async fn create_app_key(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<CreateAppKey>,
) -> Result<(StatusCode, Json<CreatedApiKey>)> {
    let mut tx = state.db.begin().await?;
    let created = create_key(&mut tx, session.workspace_id, Some(session.account_id), NewKey::App(app_id), &body.name).await?;
    let detail = json!({"app_id": app_id, "hint": created.key.hint});
    session.audit(&mut *tx, "api_key.create", ("api_key", created.key.id), detail).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Delete a key of an app; it stops working at once
#[utoipa::path(delete, path = "/api/apps/{app_id}/keys/{key_id}", tag = "keys",
    params(("app_id" = AppId, Path), ("key_id" = ApiKeyId, Path)), responses((status = 204), (status = 404)))]
pub(super) async fn delete_app_key(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, key_id)): Path<(AppId, ApiKeyId)>,
) -> Result<StatusCode> {
    delete(&state, &session, Some(app_id), key_id).await
}

/// Keys of the workspace
#[utoipa::path(get, path = "/api/keys", tag = "keys", responses((status = 200, body = List<ApiKey>)))]
pub(super) async fn list_keys(State(state): State<AppState>, session: Session<Admin>) -> Result<Json<List<ApiKey>>> {
    Ok(Json(List::whole(db::list_keys(&state.db, session.workspace_id, None).await?)))
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WorkspaceKeyKind {
    Dataset,
    Model,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct CreateKey {
    kind: WorkspaceKeyKind,
    #[serde(default)]
    name: String,
}

/// Make a key of the workspace
#[utoipa::path(post, path = "/api/keys", tag = "keys", request_body = CreateKey, responses((status = 201, body = CreatedApiKey)))]
pub(super) async fn create_workspace_key(
    State(state): State<AppState>,
    session: Session<Admin>,
    Json(body): Json<CreateKey>,
) -> Result<(StatusCode, Json<CreatedApiKey>)> {
    let opens = match body.kind {
        WorkspaceKeyKind::Dataset => NewKey::Dataset,
        WorkspaceKeyKind::Model => NewKey::Model,
    };
    let mut tx = state.db.begin().await?;
    let created = create_key(&mut tx, session.workspace_id, Some(session.account_id), opens, &body.name).await?;
    let detail = json!({"kind": created.key.kind, "hint": created.key.hint});
    session.audit(&mut *tx, "api_key.create", ("api_key", created.key.id), detail).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Delete a key of the workspace; it stops working at once
#[utoipa::path(delete, path = "/api/keys/{key_id}", tag = "keys", params(("key_id" = ApiKeyId, Path)),
    responses((status = 204), (status = 404)))]
pub(super) async fn delete_key(State(state): State<AppState>, session: Session<Admin>, Path(key_id): Path<ApiKeyId>) -> Result<StatusCode> {
    delete(&state, &session, None, key_id).await
}

async fn delete<R: Sync>(state: &AppState, session: &Session<R>, app_id: Option<AppId>, id: ApiKeyId) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    let hash = db::delete_key(&mut *tx, session.workspace_id, app_id, id).await?.ok_or_else(key_not_found)?;
    session.audit(&mut *tx, "api_key.delete", ("api_key", id), json!({"app_id": app_id})).await?;
    tx.commit().await?;
    bury(&state.redis, &hash).await;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_wire_form() {
        for (kind, prefix, length) in [(KeyKind::App, "app-", 24), (KeyKind::Dataset, "dataset-", 24), (KeyKind::Model, "sk-", 48)] {
            let token = kind.new_token();
            let random = token.strip_prefix(prefix).unwrap();
            assert_eq!(random.len(), length);
            assert!(random.chars().all(|c| c.is_ascii_alphanumeric()));
            assert_ne!(token, kind.new_token());
        }
    }
}
