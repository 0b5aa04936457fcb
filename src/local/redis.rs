//! The private Redis: append-only file under the data directory, unix socket only.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::child::{Owner, Server, tail};
use super::{Options, binaries};

pub struct Redis {
    program: PathBuf,
    home: PathBuf,
    socket: PathBuf,
    owner: Owner,
    server: Option<Server>,
}

impl Redis {
    pub fn prepare(options: &Options, sockets: &Path, owner: &Owner) -> Result<Self> {
        let home = std::path::absolute(&options.data_dir).context("resolving the data directory")?.join("redis");
        std::fs::create_dir_all(&home).with_context(|| format!("creating {}", home.display()))?;
        owner.give(&home)?;
        Ok(Self { program: binaries::redis()?, home, socket: sockets.join("redis.sock"), owner: owner.clone(), server: None })
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Starts the server and waits until it listens. Waits for one that outlived a killed process: two must never share an
    /// append-only file.
    pub fn start(&mut self) -> Result<()> {
        drop(self.server.take());
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Some(pid) = self.survivor() {
            if Instant::now() > deadline {
                bail!("an old Redis (pid {pid}) still uses {}: stop it", self.home.display());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut command = self.owner.command(&self.program, Signal::SIGTERM);
        command.current_dir(&self.home).args(["--port", "0", "--appendonly", "yes", "--save", "", "--dir"]).arg(&self.home);
        command.arg("--unixsocket").arg(&self.socket).arg("--pidfile").arg(self.pid_file());
        let log = self.home.join("redis.log");
        let mut server = Server::spawn("Redis", command, &log, Signal::SIGTERM)?;
        loop {
            if UnixStream::connect(&self.socket).is_ok() {
                self.server = Some(server);
                return Ok(());
            }
            if !server.is_alive() || Instant::now() > deadline {
                bail!("Redis does not start; the end of {}:\n{}", log.display(), tail(&log));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn is_alive(&mut self) -> bool {
        self.server.as_mut().is_some_and(Server::is_alive)
    }

    fn pid_file(&self) -> PathBuf {
        self.home.join("redis.pid")
    }

    /// The server of an earlier process, if it still runs.
    fn survivor(&self) -> Option<u32> {
        let pid: u32 = std::fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.contains("redis") || name.contains("valkey")).then_some(pid)
    }
}
