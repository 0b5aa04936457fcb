//! What handlers get: handles to the servers we stand on and to the parts of this process.

use std::sync::Arc;

use redis::aio::ConnectionManager;
use sqlx::PgPool;

use crate::config::Config;
use crate::secrets::Secrets;

/// Cheap to clone; one per process (one per test).
#[derive(Clone)]
pub struct AppState {
    pub config: Arc<Config>,
    pub db: PgPool,
    pub redis: Redis,
    pub secrets: Secrets,
}

/// A reconnecting connection and the prefix of all our keys.
#[derive(Clone)]
pub struct Redis {
    pub client: redis::Client,
    pub connection: ConnectionManager,
    prefix: Arc<str>,
}

impl Redis {
    pub async fn connect(url: &str, prefix: &str) -> redis::RedisResult<Self> {
        let client = redis::Client::open(url)?;
        let connection = ConnectionManager::new(client.clone()).await?;
        Ok(Self { client, connection, prefix: prefix.into() })
    }

    /// The full key of `name`.
    pub fn key(&self, name: impl std::fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }
}
