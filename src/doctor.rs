//! `ashlar doctor`: what this machine has of what Ashlar needs, and what to do about the rest.

use std::path::Path;

use anyhow::{Result, bail};

use crate::config::Config;
use crate::engine::ops::Backend;
use crate::local;
use crate::mail::Mailer;
use crate::runtime::Runtime;
use crate::sandbox;
use crate::video;

/// Prints one line a check; fails when the server could not start here.
pub async fn run(config: Config) -> Result<()> {
    let mut report = Report::default();
    report.note("version", env!("CARGO_PKG_VERSION"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    report.note("cores", &cores.to_string());
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    report.note("memory", &format!("{} GiB, {} GiB free", system.total_memory() >> 30, system.available_memory() >> 30));
    report.check("device", device(&config));
    report.check("data directory", writable(&config.data_dir));
    match config.database_url.is_some() && config.redis_url.is_some() {
        true => report.note("servers", "DATABASE_URL and REDIS_URL are set"),
        false => report.check("private servers", local::programs(config.postgres_bin.as_deref(), &config.data_dir)),
    }
    for (name, finding) in sandbox::examine(config.sandbox()).await {
        report.optional(name, finding);
    }
    report.optional("videos", video::examine().await);
    let (mail, links) = (Mailer::new(&config), config.base_url());
    if report.failed == 0 && mail.is_ok() {
        match Runtime::attach(config).await {
            Ok(runtime) => {
                report.check("database", extension(&runtime).await);
                runtime.stop().await;
            }
            Err(error) => report.check("database", Err(error)),
        }
    }
    match mail {
        Ok(mail) if !mail.is_configured() => report.optional("mail", Err("none: set ASHLAR_SMTP_URL to send forms by e-mail".to_owned())),
        Ok(mail) => report.check("mail", mail.check().await.map(|server| format!("{server}; links begin with {links}"))),
        Err(error) => report.check("mail", Err(error)),
    }
    match report.failed {
        0 => Ok(()),
        n => bail!("{n} of the checks failed"),
    }
}

/// Knowledge search uses pgvector where it is; nothing needs it.
async fn extension(runtime: &Runtime) -> Result<String> {
    let version: Option<String> = sqlx::query_scalar("select default_version from pg_available_extensions where name = 'vector'")
        .fetch_optional(&runtime.state.db)
        .await?
        .flatten();
    let server: String = sqlx::query_scalar("show server_version").fetch_one(&runtime.state.db).await?;
    Ok(format!("PostgreSQL {server}, pgvector {}", version.as_deref().unwrap_or("not installed (optional)")))
}

/// What models will run on.
fn device(config: &Config) -> Result<String> {
    let backend = Backend::open(&config.engine().device)?;
    Ok(match backend.memory()? {
        None => "CPU".to_owned(),
        Some(memory) => format!("{}, {} GiB, {} GiB free", backend.name(), memory.total >> 30, memory.free >> 30),
    })
}

fn writable(dir: &Path) -> Result<String> {
    std::fs::create_dir_all(dir)?;
    tempfile::NamedTempFile::new_in(dir)?;
    Ok(std::path::absolute(dir)?.display().to_string())
}

#[derive(Default)]
struct Report {
    failed: usize,
}

impl Report {
    #[expect(clippy::print_stdout, reason = "this command's output")]
    fn note(&self, name: &str, value: &str) {
        println!("  ok    {name:18} {value}");
    }

    /// Something that only a part of the server needs.
    #[expect(clippy::print_stdout, reason = "this command's output")]
    fn optional(&self, name: &str, result: Result<String, String>) {
        match result {
            Ok(value) => self.note(name, &value),
            Err(error) => println!("  --    {name:18} {error}"),
        }
    }

    #[expect(clippy::print_stdout, reason = "this command's output")]
    fn check(&mut self, name: &str, result: Result<String>) {
        match result {
            Ok(value) => self.note(name, &value),
            Err(error) => {
                self.failed += 1;
                println!("  FAIL  {name:18} {error:#}");
            }
        }
    }
}
