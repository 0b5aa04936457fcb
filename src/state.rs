//! What handlers get: handles to the servers we stand on and to the parts of this process.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sqlx::PgPool;

use crate::blobs::{self, Blobs};
use crate::config::Config;
use crate::engine::host::{Engines, HostOptions};
use crate::live::Live;
use crate::mail::Mailer;
use crate::outbound::Outbound;
use crate::sandbox::Sandbox;
use crate::secrets::Secrets;

/// Cheap to clone; one per process (one per test).
#[derive(Clone)]
pub struct AppState {
    pub config: Arc<Config>,
    pub db: PgPool,
    pub redis: Redis,
    pub live: Live,
    pub secrets: Secrets,
    /// The local models.
    pub engines: Engines,
    /// Uploaded bytes.
    pub blobs: Blobs,
    /// HTTP to places that users name.
    pub outbound: Outbound,
    /// Mail, where a mail server is configured.
    pub mail: Mailer,
    sandbox: Arc<OnceLock<Sandbox>>,
    /// What slices keep for the life of the process.
    pub parts: Parts,
}

/// Parts of the process that a slice makes for itself when it first needs them, by their type: this module stands before the
/// slices and can't name them.
#[derive(Clone, Default)]
pub struct Parts(Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>);

impl Parts {
    /// The one `T` of this process.
    pub fn get<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let part = Arc::clone(parts.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(make())));
        drop(parts);
        #[expect(clippy::expect_used, reason = "what lies under a type's id is of that type")]
        part.downcast().expect("a part has its type")
    }
}

impl AppState {
    /// Inside a runtime: parts of the process start here. Fails when the data directory can't be written, or the mail settings
    /// make no sense.
    pub fn new(config: Config, db: PgPool, redis: Redis, secrets: Secrets) -> anyhow::Result<Self> {
        let engines = Engines::new(host_options(&config));
        let live = Live::start(redis.client.clone(), redis.connection.clone(), &redis.prefix);
        let blobs = blobs::open(&config.data_dir)?;
        let outbound = Outbound::new(&config.allow_networks)?;
        let mail = Mailer::new(&config)?;
        Ok(Self {
            config: Arc::new(config),
            db,
            redis,
            live,
            secrets,
            engines,
            blobs,
            outbound,
            mail,
            sandbox: Arc::default(),
            parts: Parts::default(),
        })
    }

    /// What runs people's code; its processes start when it is first asked for.
    pub fn sandbox(&self) -> &Sandbox {
        self.sandbox.get_or_init(|| Sandbox::start(self.config.sandbox()))
    }
}

/// Where local models lie and how they run, by the configuration.
pub fn host_options(config: &Config) -> HostOptions {
    HostOptions {
        models_dir: config.models_dir(),
        data_dir: config.data_dir.clone(),
        default_model: config.default_model.clone(),
        adapter_bases: config.adapter_bases.clone(),
        engine: config.engine(),
    }
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
        // Fail fast: what Redis holds can be done without, so a caller must not wait for a server that is gone.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_connection_timeout(Some(Duration::from_millis(500)))
            .set_response_timeout(Some(Duration::from_secs(1)));
        let connection = ConnectionManager::new_with_config(client.clone(), config).await?;
        Ok(Self { client, connection, prefix: prefix.into() })
    }

    /// The full key of `name`.
    pub fn key(&self, name: impl std::fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }
}
