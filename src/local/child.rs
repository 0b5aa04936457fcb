//! A server as our child: another user when we are root, a signal when we die, its output in a log file.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use caps::{CapSet, Capability};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, User, setgid, setgroups, setuid};

/// Whose processes the servers are. PostgreSQL refuses to run as root.
#[derive(Clone)]
pub struct Owner(Option<(Uid, Gid)>);

impl Owner {
    /// Ourselves, or, when we are root, `postgres` (made by the package), else `nobody`.
    pub fn choose() -> Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self(None));
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).with_context(|| format!("looking up the user {name}"))? {
                return Ok(Self(Some((user.uid, user.gid))));
            }
        }
        bail!("PostgreSQL can't run as root and there is no user postgres or nobody: start ashlar as an ordinary user")
    }

    /// Makes `path` and all below it theirs. What goes away meanwhile is nobody's: a server whose process was killed may still be
    /// tidying up.
    pub fn give(&self, path: &Path) -> Result<()> {
        let Some((uid, gid)) = self.0 else { return Ok(()) };
        match nix::unistd::chown(path, Some(uid), Some(gid)) {
            Ok(()) => {}
            Err(nix::errno::Errno::ENOENT) => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("giving {} to the servers' user", path.display())),
        }
        if path.is_dir() {
            for entry in std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
                self.give(&entry?.path())?;
            }
        }
        Ok(())
    }

    /// A command that runs as this owner and gets `death_signal` when the thread that starts it ends.
    pub fn command(&self, program: &Path, death_signal: Signal) -> Command {
        let mut command = Command::new(program);
        let owner = self.0;
        // SAFETY: between fork and exec; system calls and small allocations only (glibc makes those safe after fork).
        unsafe {
            command.pre_exec(move || {
                if let Some((uid, gid)) = owner {
                    drop_root(uid, gid).map_err(std::io::Error::other)?;
                }
                prctl::set_pdeathsig(death_signal)?;
                Ok(())
            });
        }
        command.stdin(Stdio::null());
        // A terminal's Ctrl-C is for us; the children are stopped in order afterwards.
        command.process_group(0);
        command
    }
}

/// Becomes `uid`, keeping one right where we have it: to pass through folders that only root may enter (a checkout under
/// /root), which lead to files that are the new user's own.
fn drop_root(uid: Uid, gid: Gid) -> Result<()> {
    let pass = Capability::CAP_DAC_READ_SEARCH;
    let may_pass = caps::has_cap(None, CapSet::Permitted, pass)?;
    if may_pass {
        prctl::set_keepcaps(true)?;
    }
    setgroups(&[])?;
    setgid(gid)?;
    setuid(uid)?;
    if may_pass {
        let only = std::iter::once(pass).collect();
        caps::set(None, CapSet::Effective, &only)?;
        caps::set(None, CapSet::Permitted, &only)?;
        caps::set(None, CapSet::Inheritable, &only)?;
        caps::raise(None, CapSet::Ambient, pass)?;
    }
    Ok(())
}

/// A started server. Dropping it asks it to stop and waits.
pub struct Server {
    name: &'static str,
    child: Child,
    stop_signal: Signal,
}

impl Server {
    pub fn spawn(name: &'static str, mut command: Command, log: &Path, stop_signal: Signal) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log).with_context(|| format!("opening {}", log.display()))?;
        command.stdout(output.try_clone().context("sharing the log file")?).stderr(output);
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { name, child, stop_signal })
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn wait(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.is_alive() {
            return;
        }
        if let Ok(pid) = i32::try_from(self.child.id()) {
            kill(Pid::from_raw(pid), self.stop_signal).ok();
        }
        if !self.wait(Duration::from_secs(20)) {
            tracing::warn!("{} does not stop; killing it", self.name);
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// The last lines of a log, for an error message.
pub fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
