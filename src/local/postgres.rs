//! The private PostgreSQL: one cluster under the data directory, trust authentication behind a 0700 socket folder.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::child::{Owner, Server, tail};
use super::{Options, binaries};

/// Role and database.
const NAME: &str = "ashlar";

pub struct Postgres {
    bin: PathBuf,
    cluster: PathBuf,
    sockets: PathBuf,
    log: PathBuf,
    owner: Owner,
    server: Option<Server>,
}

impl Postgres {
    /// Finds the programs and makes the cluster when there is none.
    pub fn prepare(options: &Options, sockets: &Path, owner: &Owner) -> Result<Self> {
        let data_dir = std::path::absolute(&options.data_dir).context("resolving the data directory")?;
        let home = data_dir.join("postgres");
        let cluster = home.join("cluster");
        let version = std::fs::read_to_string(cluster.join("PG_VERSION")).ok();
        let bin = binaries::postgres(options.postgres_bin.as_deref(), &data_dir, version.as_deref().map(str::trim))?;
        let this = Self { bin, cluster, sockets: sockets.to_owned(), log: home.join("postgres.log"), owner: owner.clone(), server: None };
        std::fs::create_dir_all(&home).with_context(|| format!("creating {}", home.display()))?;
        owner.give(&home)?;
        if version.is_none() {
            this.create_cluster(&home)?;
        }
        Ok(this)
    }

    /// Made beside its place and moved there, so that a half-made cluster is never taken for one.
    fn create_cluster(&self, home: &Path) -> Result<()> {
        let fresh = home.join("cluster.new");
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).with_context(|| format!("removing {}", fresh.display()))?;
        }
        let output = self
            .command("initdb", Signal::SIGTERM)
            .arg("-D")
            .arg(&fresh)
            .args(["-A", "trust", "-U", NAME, "--no-locale", "-E", "UTF8", "--no-instructions"])
            .output()
            .context("running initdb")?;
        if !output.status.success() {
            bail!("initdb failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        std::fs::rename(&fresh, &self.cluster).context("moving the new database cluster to its place")
    }

    pub fn url(&self) -> String {
        format!("postgresql:///{NAME}?host={}&user={NAME}", self.sockets.display())
    }

    /// Starts the server, waits until it answers and makes sure the database exists. After a crash the old server may
    /// need a moment to let go of the cluster: retried for 30 s.
    pub fn start(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            drop(self.server.take());
            let mut command = self.command("postgres", Signal::SIGINT);
            command.arg("-D").arg(&self.cluster).args([
                "-c",
                "listen_addresses=",
                "-c",
                "shared_buffers=64MB",
                "-c",
                "max_connections=200",
            ]);
            command.arg("-c").arg(format!("unix_socket_directories={}", self.sockets.display()));
            // SIGINT is PostgreSQL's fast shutdown
            let mut server = Server::spawn("PostgreSQL", command, &self.log, Signal::SIGINT)?;
            let answers = loop {
                if !server.is_alive() || Instant::now() > deadline {
                    break false;
                }
                if UnixStream::connect(self.sockets.join(".s.PGSQL.5432")).is_ok() && self.create_database()? {
                    break true;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            self.server = Some(server);
            if answers {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("PostgreSQL does not start; the end of {}:\n{}", self.log.display(), tail(&self.log));
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    pub fn is_alive(&mut self) -> bool {
        self.server.as_mut().is_some_and(Server::is_alive)
    }

    /// `initdb` makes no database of our name. `false` while the server is still starting.
    fn create_database(&self) -> Result<bool> {
        let output = self
            .command("psql", Signal::SIGTERM)
            .arg("-h")
            .arg(&self.sockets)
            .args(["-U", NAME, "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qtAc"])
            .arg(format!("select 1 from pg_database where datname = '{NAME}'"))
            .output()
            .context("running psql")?;
        if !output.status.success() {
            return Ok(false);
        }
        if output.stdout.trim_ascii() == b"1" {
            return Ok(true);
        }
        let created = self
            .command("psql", Signal::SIGTERM)
            .arg("-h")
            .arg(&self.sockets)
            .args(["-U", NAME, "-d", "postgres", "-qc", &format!("create database {NAME}")])
            .output()
            .context("running psql")?;
        if !created.status.success() {
            bail!("creating the database failed: {}", String::from_utf8_lossy(&created.stderr).trim());
        }
        Ok(true)
    }

    fn command(&self, program: &str, death_signal: Signal) -> Command {
        let mut command = self.owner.command(&self.bin.join(program), death_signal);
        // a folder that the servers' user can be in, and none of the caller's PG* settings
        command.current_dir(&self.sockets).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("PGTZ", "UTC");
        command
    }
}
