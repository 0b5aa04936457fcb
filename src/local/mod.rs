//! The private PostgreSQL and Redis of a first run: found, started as children, watched, stopped with the process.
//!
//! The same servers and the same code path as production, reached by unix socket, no root and no TCP port. This module
//! knows nothing of ours: it takes a folder and gives two URLs.

mod binaries;
mod child;
mod postgres;
mod redis;

use std::fs::{File, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Where socket folders are made.
const SOCKETS: &str = "/tmp";

/// What to start, and where to keep it.
#[derive(Debug, Clone)]
pub struct Options {
    pub data_dir: PathBuf,
    pub postgres_bin: Option<PathBuf>,
    pub postgres: bool,
    pub redis: bool,
}

/// How other commands reach the servers of a running process; kept in `DATA_DIR/running.json` while it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    pub pid: u32,
    /// Folder of the servers' sockets.
    pub sockets: PathBuf,
    pub database_url: Option<String>,
    pub redis_url: Option<String>,
}

/// The running servers. Dropping it stops them.
pub struct Services {
    pub running: Running,
    stop: Option<mpsc::Sender<()>>,
    supervisor: Option<JoinHandle<()>>,
    _sockets: SocketDir,
    data_dir: PathBuf,
    _lock: File,
}

/// Takes the data directory for this process and starts what `options` asks for. Blocking: 0.2 s, about 1.2 s the first
/// time. Fails with a message that says what to do when a program is missing or another process has the directory.
pub fn start(options: &Options) -> Result<Services> {
    let lock = lock(&options.data_dir)?;
    remove_leftovers(&options.data_dir);
    let sockets = SocketDir::create()?;
    let owner = child::Owner::choose()?;
    owner.give(sockets.path())?;
    let postgres = if options.postgres { Some(postgres::Postgres::prepare(options, sockets.path(), &owner)?) } else { None };
    let redis = if options.redis { Some(redis::Redis::prepare(options, sockets.path(), &owner)?) } else { None };
    let running = Running {
        pid: std::process::id(),
        sockets: sockets.path().to_owned(),
        database_url: postgres.as_ref().map(postgres::Postgres::url),
        redis_url: redis.as_ref().map(redis::Redis::url),
    };

    // A child gets its parent-death signal when the *thread* that started it ends, so one thread keeps them all.
    let (stop, stopped) = mpsc::channel();
    let (ready, started) = mpsc::channel();
    let supervisor = std::thread::Builder::new()
        .name("local-services".into())
        .spawn(move || supervise(postgres, redis, &ready, &stopped))
        .context("starting the thread that watches the private servers")?;
    started.recv().context("the thread that starts the private servers died")??;

    let services = Services {
        running,
        stop: Some(stop),
        supervisor: Some(supervisor),
        _sockets: sockets,
        data_dir: options.data_dir.clone(),
        _lock: lock,
    };
    let text = serde_json::to_string(&services.running).context("writing running.json")?;
    std::fs::write(running_file(&options.data_dir), text).context("writing running.json")?;
    Ok(services)
}

/// Which programs would be started: for people who ask what is missing.
pub fn programs(postgres_bin: Option<&Path>, data_dir: &Path) -> Result<String> {
    let postgres = binaries::postgres(postgres_bin, data_dir, None)?;
    Ok(format!("{}, {}", postgres.display(), binaries::redis()?.display()))
}

/// The servers of the process that has `data_dir`, if one runs.
pub fn find_running(data_dir: &Path) -> Option<Running> {
    let running: Running = serde_json::from_str(&std::fs::read_to_string(running_file(data_dir)).ok()?).ok()?;
    // The lock, not the file, tells whether the process lives.
    lock(data_dir).is_err().then_some(running)
}

/// The socket folder of a process that was killed; the lock is ours, so it is gone.
fn remove_leftovers(data_dir: &Path) {
    let text = std::fs::read_to_string(running_file(data_dir)).unwrap_or_default();
    if let Ok(old) = serde_json::from_str::<Running>(&text)
        && old.sockets.starts_with(SOCKETS)
    {
        std::fs::remove_dir_all(old.sockets).ok();
    }
}

fn running_file(data_dir: &Path) -> PathBuf {
    data_dir.join("running.json")
}

/// An exclusive lock on the directory for as long as the file is open.
fn lock(data_dir: &Path) -> Result<File> {
    std::fs::create_dir_all(data_dir).with_context(|| format!("creating the data directory {}", data_dir.display()))?;
    let path = data_dir.join("ashlar.lock");
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}; is the data directory writable?", path.display()))?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        file.read_to_string(&mut holder).ok();
        bail!(
            "another ashlar process{} uses the data directory {}: stop it, or give this one its own --data-dir",
            if holder.is_empty() { String::new() } else { format!(" (pid {})", holder.trim()) },
            data_dir.display()
        );
    }
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id())).context("writing the lock file")?;
    Ok(file)
}

/// Starts, watches and at last stops the children. A child that dies is started again, at most once a second.
fn supervise(
    mut postgres: Option<postgres::Postgres>,
    mut redis: Option<redis::Redis>,
    ready: &mpsc::Sender<Result<()>>,
    stop: &mpsc::Receiver<()>,
) {
    let mut start = || -> Result<()> {
        if let Some(server) = &mut postgres {
            server.start()?;
        }
        if let Some(server) = &mut redis {
            server.start()?;
        }
        Ok(())
    };
    let started = start();
    let failed = started.is_err();
    if ready.send(started).is_err() || failed {
        return;
    }
    while let Err(mpsc::RecvTimeoutError::Timeout) = stop.recv_timeout(Duration::from_millis(1000)) {
        if let Some(server) = &mut postgres {
            restart_if_dead("PostgreSQL", server.is_alive(), || server.start());
        }
        if let Some(server) = &mut redis {
            restart_if_dead("Redis", server.is_alive(), || server.start());
        }
    }
    // Redis first: it is quick, and nothing needs it for the database's last writes.
    drop(redis);
    drop(postgres);
}

fn restart_if_dead(name: &str, alive: bool, start: impl FnOnce() -> Result<()>) {
    if alive {
        return;
    }
    tracing::warn!("the private {name} ended unexpectedly; starting it again");
    if let Err(error) = start() {
        tracing::error!(error = format!("{error:#}"), "the private {name} does not start");
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.join().ok();
        }
        std::fs::remove_file(running_file(&self.data_dir)).ok();
    }
}

/// A folder for sockets that only we can enter. Not under the data directory: a socket path holds at most 107 bytes.
struct SocketDir(PathBuf);

impl SocketDir {
    fn create() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("ashlar-").tempdir_in(SOCKETS).context("making a folder for sockets in /tmp")?.keep();
        std::fs::set_permissions(&dir, Permissions::from_mode(0o700)).context("closing the socket folder to others")?;
        Ok(Self(dir))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests;
