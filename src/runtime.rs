//! Brings up what a command needs: PostgreSQL and Redis (given, already running here, or private ones), migrations, state.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgPool};

use crate::config::Config;
use crate::local;
use crate::secrets::Secrets;
use crate::state::{AppState, Redis};

/// A connection that was used so recently is not asked whether its server is still there.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// The state with whatever has to live as long as it does.
pub struct Runtime {
    pub state: AppState,
    /// Private servers of this process; stopped when dropped.
    pub services: Option<local::Services>,
}

impl Runtime {
    /// For `serve`: owns the data directory while it runs.
    pub async fn start(config: Config) -> Result<Self> {
        let services = start_services(&config).await?;
        Self::connect(config, services.as_ref().map(|s| s.running.clone()), services).await
    }

    /// For commands beside or without a server: uses the servers of the process that has the data directory, else starts
    /// them for the time of the command.
    pub async fn attach(config: Config) -> Result<Self> {
        match local::find_running(&config.data_dir) {
            Some(running) => Self::connect(config, Some(running), None).await,
            None => Self::start(config).await,
        }
    }

    async fn connect(config: Config, running: Option<local::Running>, services: Option<local::Services>) -> Result<Self> {
        let of_running = |pick: fn(&local::Running) -> Option<String>| running.as_ref().and_then(pick);
        let database_url = config.database_url.clone().or_else(|| of_running(|r| r.database_url.clone()));
        let redis_url = config.redis_url.clone().or_else(|| of_running(|r| r.redis_url.clone()));
        let database_url = database_url.context("no database: set DATABASE_URL")?;
        let redis_url = redis_url.context("no Redis: set REDIS_URL")?;

        let db = connect_database(&database_url).await?;
        migrate(&db).await?;
        let redis = Redis::connect(&redis_url, &config.redis_prefix).await.context("connecting to Redis; check REDIS_URL")?;
        let secrets = Secrets::open(config.instance_key.as_deref(), &config.data_dir)?;
        Ok(Self { state: AppState::new(config, db, redis, secrets)?, services })
    }

    /// Closes the connections, then stops the private servers.
    pub async fn stop(self) {
        self.state.db.close().await;
        drop(self.state);
        if let Some(services) = self.services {
            tokio::task::spawn_blocking(move || drop(services)).await.ok();
        }
    }
}

async fn start_services(config: &Config) -> Result<Option<local::Services>> {
    let options = local::Options {
        data_dir: config.data_dir.clone(),
        postgres_bin: config.postgres_bin.clone(),
        postgres: config.database_url.is_none(),
        redis: config.redis_url.is_none(),
    };
    if !options.postgres && !options.redis {
        std::fs::create_dir_all(&options.data_dir).with_context(|| format!("creating {}", options.data_dir.display()))?;
        return Ok(None);
    }
    Ok(Some(tokio::task::spawn_blocking(move || local::start(&options)).await??))
}

/// `ashlar migrate`.
pub async fn migrate_only(config: Config) -> Result<()> {
    Runtime::attach(config).await?.stop().await;
    Ok(())
}

/// A server that is still starting is waited for, up to 30 s.
async fn connect_database(url: &str) -> Result<PgPool> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let options = PgPoolOptions::new().max_connections(32).acquire_timeout(Duration::from_secs(5));
        // a question to the server before every statement would double what statements cost
        let options = options.test_before_acquire(false).before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
        match options.connect(url).await {
            Ok(pool) => return Ok(pool),
            Err(error) if tokio::time::Instant::now() > deadline => {
                return Err(error).context("connecting to PostgreSQL; check DATABASE_URL");
            }
            Err(error) => {
                tracing::info!(error = %error, "waiting for PostgreSQL");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Replicas that start together take turns (an advisory lock held by sqlx).
pub async fn migrate(db: &PgPool) -> Result<()> {
    sqlx::migrate!().run(db).await.context("migrating the database")
}
