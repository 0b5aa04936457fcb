//! The system calls that are left. Whatever is not listed fails with EPERM, so that an interpreter turns it into an error of the
//! language; nothing can be installed over it that would allow more.
//!
//! No list has a way to make a process or a thread (`clone`, `clone3`, `fork`), to reach another one (`kill`, `ptrace`), to
//! connect a socket, or to change a file.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

const REFUSE: SeccompAction = SeccompAction::Errno(libc::EPERM as u32);

/// Memory, time, the process itself, and descriptors that are open already: enough for an interpreter inside this program.
const CORE: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
];

/// What Python and its standard library need besides. Which files may be opened is Landlock's to say.
const PYTHON: &[i64] = &[
    // files
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_fadvise64,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    // an event loop: asyncio
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_recvfrom,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    // the process itself
    libc::SYS_set_tid_address,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_sched_getaffinity,
    libc::SYS_getrusage,
    libc::SYS_times,
    libc::SYS_getitimer,
    libc::SYS_setitimer,
];

/// Older forms of the same, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const PYTHON_OLD: &[i64] = &[
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_arch_prctl,
    libc::SYS_time,
    libc::SYS_alarm,
    libc::SYS_getrlimit,
];
#[cfg(not(target_arch = "x86_64"))]
const PYTHON_OLD: &[i64] = &[];

/// For an interpreter inside this program: no file can be opened.
pub fn lock_javascript() -> Result<()> {
    let mut rules = Rules::new();
    allow(&mut rules, CORE);
    rules.insert(libc::SYS_tgkill, vec![own_process()?]);
    apply(&compile(rules, REFUSE, SeccompAction::Allow)?)
}

/// For this process until Python is ready. It may still become Python, and narrow itself once more.
pub fn lock_python() -> Result<()> {
    let mut rules = Rules::new();
    allow(&mut rules, CORE);
    allow(&mut rules, PYTHON);
    allow(&mut rules, PYTHON_OLD);
    allow(&mut rules, &[libc::SYS_execve]);
    rules.insert(libc::SYS_tgkill, vec![own_process()?]);
    rules.insert(libc::SYS_prctl, vec![all(&[is(0, libc::PR_SET_SECCOMP)?])?, all(&[is(0, libc::PR_SET_DUMPABLE)?])?]);
    // to look at its own limits, not to set any
    rules.insert(libc::SYS_prlimit64, vec![all(&[is(0, 0)?, null(2)?])?]);
    rules.insert(libc::SYS_openat, vec![all(&[only_reads(2)?])?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, vec![all(&[only_reads(1)?])?]);
    // not F_SETOWN, which sends signals to others
    let fcntl = [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL, libc::F_DUPFD, libc::F_DUPFD_CLOEXEC];
    rules.insert(libc::SYS_fcntl, any_of(1, &fcntl)?);
    rules.insert(libc::SYS_ioctl, any_of(1, &[libc::TCGETS as i32, libc::FIOCLEX as i32, libc::FIONCLEX as i32, libc::FIONBIO as i32])?);
    // asyncio's own wake-up pair: streams that are connected from the start and send to nobody else
    let stream = SeccompCondition::new(1, Dword, MaskedEq(0xf), libc::SOCK_STREAM as u64)?;
    rules.insert(libc::SYS_socketpair, vec![all(&[is(0, libc::AF_UNIX)?, stream])?]);
    rules.insert(libc::SYS_sendto, vec![all(&[null(4)?])?]);
    apply(&compile(rules, REFUSE, SeccompAction::Allow)?)
}

/// What Python applies to itself when it is ready: from then on it can't become another program. As the kernel wants it.
pub fn last_filter_of_python() -> Result<Vec<u8>> {
    let mut rules = Rules::new();
    allow(&mut rules, &[libc::SYS_execve, libc::SYS_prctl]);
    let program = compile(rules, SeccompAction::Allow, REFUSE)?;
    let bytes = program.iter().flat_map(|step| {
        let [c0, c1] = step.code.to_ne_bytes();
        let [k0, k1, k2, k3] = step.k.to_ne_bytes();
        [c0, c1, step.jt, step.jf, k0, k1, k2, k3]
    });
    Ok(bytes.collect())
}

fn compile(rules: Rules, otherwise: SeccompAction, listed: SeccompAction) -> Result<BpfProgram> {
    let arch: TargetArch = std::env::consts::ARCH.try_into().context("code runs on x86-64 and 64-bit ARM only")?;
    let filter = SeccompFilter::new(rules, otherwise, listed, arch).context("making the system call filter")?;
    filter.try_into().context("compiling the system call filter")
}

fn apply(program: &BpfProgram) -> Result<()> {
    seccompiler::apply_filter(program).context("the kernel refuses the system call filter (seccomp), which code must run under")
}

fn allow(rules: &mut Rules, calls: &[i64]) {
    rules.extend(calls.iter().map(|call| (*call, Vec::new())));
}

fn all(conditions: &[SeccompCondition]) -> Result<SeccompRule> {
    Ok(SeccompRule::new(conditions.to_vec())?)
}

fn any_of(argument: u8, values: &[i32]) -> Result<Vec<SeccompRule>> {
    values.iter().map(|value| all(&[is(argument, *value)?])).collect()
}

fn is(argument: u8, value: i32) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(argument, Dword, Eq, u64::from(value.cast_unsigned()))?)
}

fn null(argument: u8) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(argument, Qword, Eq, 0)?)
}

/// The first argument is this process, which stays the same when it becomes Python: `abort` works, and nothing else can be signalled.
fn own_process() -> Result<SeccompRule> {
    all(&[is(0, std::process::id().cast_signed())?])
}

fn only_reads(flags: u8) -> Result<SeccompCondition> {
    let changes = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY);
    Ok(SeccompCondition::new(flags, Dword, MaskedEq(u64::from(changes.cast_unsigned())), libc::O_RDONLY as u64)?)
}
