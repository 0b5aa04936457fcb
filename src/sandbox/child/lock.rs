//! What a process takes away from itself before it sees any code, all but the system call filter (`filter`).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use caps::CapSet;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use nix::sys::prctl;
use nix::sys::resource::{Resource, rlim_t, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Pid, Uid, getppid, setgroups, setresgid, setresuid, setsid};

/// Who a process becomes that was started by root: nobody.
const NOBODY: u32 = 65534;
const MB: u64 = 1 << 20;

/// Files that may be opened; everything else is out of reach.
#[derive(Default)]
pub struct Files<'a> {
    pub executable: &'a [&'a Path],
    pub readable: &'a [PathBuf],
}

/// Ties the process to `parent`'s life, and gives up its descriptors, session, user and capabilities.
pub fn detach(parent: i32) -> Result<()> {
    close_inherited()?;
    setsid().context("starting a session")?;
    std::env::set_current_dir("/").context("leaving the working directory")?;
    // the kernel's first choice when memory runs out; not every container lets one say so
    std::fs::write("/proc/self/oom_score_adj", "1000").ok();
    if Uid::effective().is_root() {
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        setgroups(&[])
            .and_then(|()| setresgid(gid, gid, gid))
            .and_then(|()| setresuid(uid, uid, uid))
            .context("ashlar runs as root, but may not change to an unprivileged user; start it as an ordinary user")?;
    }
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).context("giving up capabilities")?;
    }
    // Changing the user clears this, so it comes after.
    prctl::set_pdeathsig(Signal::SIGKILL).context("asking to end with the server")?;
    prctl::set_no_new_privs().context("giving up set-user-id programs")?;
    prctl::set_dumpable(false).context("closing the process to others of its user")?;
    ensure!(getppid() == Pid::from_raw(parent), "the server has ended");
    Ok(())
}

/// Everything but the three pipes.
fn close_inherited() -> Result<()> {
    // SAFETY: no code of ours has opened a descriptor yet.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    ensure!(done == 0, "the kernel has no close_range: Linux 5.13 or newer is needed");
    Ok(())
}

/// `memory` is in bytes of address space.
pub fn limit(memory: u64, seconds: u64) -> Result<()> {
    let limits: &[(Resource, rlim_t, rlim_t)] = &[
        (Resource::RLIMIT_CORE, 0, 0),
        (Resource::RLIMIT_FSIZE, 0, 0),
        (Resource::RLIMIT_MEMLOCK, 0, 0),
        (Resource::RLIMIT_MSGQUEUE, 0, 0),
        (Resource::RLIMIT_NPROC, 0, 0),
        (Resource::RLIMIT_NOFILE, 64, 64),
        (Resource::RLIMIT_STACK, 8 * MB, 8 * MB),
        // the server ends a call long before: this is for a server that is stopped itself
        (Resource::RLIMIT_CPU, seconds + 2, seconds + 3),
        (Resource::RLIMIT_AS, memory, memory),
    ];
    for &(resource, soft, hard) in limits {
        setrlimit(resource, soft, hard).with_context(|| format!("setting {resource:?}"))?;
    }
    Ok(())
}

/// Landlock: no file but `files`, no network, no signals or sockets to processes outside (the last three where the kernel has
/// them; the system call filter refuses them in any case).
pub fn restrict(files: &Files<'_>) -> Result<()> {
    const MISSING: &str = "the kernel has no Landlock, which keeps code away from files: use Linux 5.13 or newer with `landlock` among \
        /sys/kernel/security/lsm, and a container runtime that allows it (Docker 23 or newer)";
    let newest = ABI::V6;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .context(MISSING)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()
        .context(MISSING)?;
    for path in files.readable {
        let access = if path.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() };
        rules = rules.add_rule(beneath(path, access)?)?;
    }
    for path in files.executable {
        rules = rules.add_rule(beneath(path, AccessFs::ReadFile | AccessFs::Execute)?)?;
    }
    if rules.restrict_self().context(MISSING)?.ruleset == RulesetStatus::NotEnforced {
        bail!(MISSING);
    }
    Ok(())
}

fn beneath(path: &Path, access: impl Into<BitFlags<AccessFs>>) -> Result<PathBeneath<PathFd>> {
    let file = PathFd::new(path).with_context(|| format!("{} can't be opened by the sandbox's user", path.display()))?;
    Ok(PathBeneath::new(file, access))
}
