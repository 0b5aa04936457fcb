//! Everything that code must not do. The attacks run beside harmless calls in the same sandbox, which must go on unharmed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ashlar::sandbox::{Language, Options, Sandbox, SandboxError};
use serde_json::{Value, json};

use super::{TIME_LIMIT, call, javascript, message, options, python};

/// Runs an attack while another task keeps calling harmless functions, which must all succeed.
async fn beside_others<T>(sandbox: &Sandbox, attack: impl Future<Output = T>) -> T {
    let others = sandbox.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let harmless = tokio::spawn(async move {
        let mut calls = 0;
        loop {
            let inputs = json!({"n": calls});
            let python = others.run(call(Language::Python3, "def main(n):\n    return {'n': n + 1}", inputs.clone())).await;
            assert_eq!(python.map(Value::Object), Ok(json!({"n": calls + 1})));
            let javascript = others.run(call(Language::JavaScript, "const main = ({n}) => ({n: n + 1})", inputs)).await;
            assert_eq!(javascript.map(Value::Object), Ok(json!({"n": calls + 1})));
            calls += 1;
            if stopped.try_recv() != Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
                return;
            }
        }
    });
    let result = attack.await;
    drop(stop);
    harmless.await.unwrap();
    result
}

/// For what takes its time until it fills the memory or the stack, on a busy machine above all.
fn slow() -> Options {
    Options { time_limit: Duration::from_secs(60), ..options() }
}

/// Defines `attempt`, which says how a thing that must not work fails.
const ATTEMPT: &str = "
def attempt(f):
    try:
        result = f()
    except BaseException as error:
        return type(error).__name__
    return 'ALLOWED ' + repr(result)[:80]
";

/// Runs Python expressions, each of which must raise one of `errors`.
async fn all_refused(sandbox: &Sandbox, setup: &str, expressions: &[String], errors: &[&str]) {
    let attempts: String = expressions.iter().map(|e| format!("        {}: attempt(lambda: {e}),\n", json!(e))).collect();
    let code = format!("{ATTEMPT}\n{setup}\ndef main():\n    return {{\n{attempts}    }}\n");
    let results = beside_others(sandbox, python(sandbox, &code)).await.unwrap();
    let results = results.as_object().unwrap();
    assert_eq!(results.len(), expressions.iter().collect::<BTreeSet<_>>().len());
    let wrong: Vec<_> = results.iter().filter(|(_, outcome)| !errors.contains(&outcome.as_str().unwrap())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_reads_no_files() {
    let sandbox = Sandbox::start(options());
    let data = tempfile::tempdir().unwrap();
    let secret = data.path().join("instance.key");
    std::fs::write(&secret, "secret").unwrap();
    // readable for everybody, so that it is not the user id that protects it
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(data.path(), everybody).unwrap();
    let binary = env!("CARGO_BIN_EXE_ashlar");
    let mut attempts: Vec<String> = [
        "/etc/passwd",
        "/etc/hostname",
        "/proc/self/environ",
        "/proc/self/maps",
        "/proc/self/mem",
        "/proc/1/status",
        "/proc/1/environ",
        "/proc/meminfo",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/dev/zero",
        "/dev/tty",
        "/dev/shm",
        "/usr/bin/env",
        binary,
        secret.to_str().unwrap(),
        "/proc/self/fd/0",
        "/etc/../etc/passwd",
        "/usr/lib/python3/../../../etc/passwd",
    ]
    .iter()
    .map(|path| format!("open({}, 'rb').read(64)", json!(path)))
    .collect();
    attempts.push("open(f'/proc/{os.getppid()}/environ', 'rb').read(64)".to_owned());
    attempts.push("open(f'/proc/{os.getppid()}/mem', 'rb').read(64)".to_owned());
    for folder in ["/", "/etc", "/proc", "/home", "/tmp", "/usr", ".", data.path().to_str().unwrap()] {
        attempts.push(format!("os.listdir({})", json!(folder)));
    }
    attempts.push("os.listdir(os.path.expanduser('~'))".to_owned());
    attempts.push("os.readlink(f'/proc/{os.getppid()}/exe')".to_owned());
    all_refused(&sandbox, "import os", &attempts, &["PermissionError", "FileNotFoundError", "IsADirectoryError"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_changes_no_files() {
    let sandbox = Sandbox::start(options());
    let data = tempfile::tempdir().unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(data.path(), everybody).unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, "as it was").unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(&file, everybody).unwrap();
    let before = std::fs::metadata(&file).unwrap();
    let (file_, dir) = (json!(file), json!(data.path()));
    let attempts = [
        format!("open({file_}, 'w')"),
        format!("open({file_}, 'a')"),
        format!("open({file_}, 'r+')"),
        format!("open({dir} + '/new', 'w')"),
        "open('/tmp/new', 'w')".to_owned(),
        "open('new', 'w')".to_owned(),
        "open('/dev/shm/new', 'w')".to_owned(),
        format!("os.open({dir}, os.O_RDWR | os.O_TMPFILE)"),
        format!("os.mkdir({dir} + '/d')"),
        format!("os.remove({file_})"),
        format!("os.rename({file_}, {dir} + '/other')"),
        format!("os.link({file_}, {dir} + '/other')"),
        format!("os.symlink('/etc', {dir} + '/other')"),
        format!("os.truncate({file_}, 0)"),
        format!("os.chmod({file_}, 0)"),
        format!("os.chown({file_}, 0, 0)"),
        format!("os.utime({file_})"),
        format!("os.setxattr({file_}, 'user.x', b'x')"),
        format!("os.mkfifo({dir} + '/fifo')"),
        "os.chdir('/tmp')".to_owned(),
        "os.chroot('/tmp')".to_owned(),
        "os.memfd_create('x')".to_owned(),
        "tempfile.TemporaryFile()".to_owned(),
        "multiprocessing.shared_memory.SharedMemory(create=True, size=10)".to_owned(),
    ];
    let setup = "import os, tempfile, multiprocessing.shared_memory";
    all_refused(&sandbox, setup, &attempts, &["PermissionError", "FileNotFoundError", "OSError"]).await;
    let names: Vec<_> = std::fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["file"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "as it was");
    let after = std::fs::metadata(&file).unwrap();
    assert_eq!((before.permissions(), before.modified().unwrap()), (after.permissions(), after.modified().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn python_reaches_no_network() {
    let sandbox = Sandbox::start(options());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let local = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let attempts = [
        "socket.socket(socket.AF_INET, socket.SOCK_STREAM)".to_owned(),
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)".to_owned(),
        "socket.socket(socket.AF_INET6, socket.SOCK_STREAM)".to_owned(),
        "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)".to_owned(),
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)".to_owned(),
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)".to_owned(),
        "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)".to_owned(),
        "socket.socketpair(socket.AF_INET, socket.SOCK_STREAM)".to_owned(),
        format!("socket.socketpair()[0].connect({})", json!(path)),
        format!("socket.socketpair()[0].sendto(b'x', {})", json!(path)),
        "socket.socketpair()[0].sendmsg([b'x'])".to_owned(),
        "socket.socketpair()[0].bind('')".to_owned(),
        "socket.socketpair()[0].listen()".to_owned(),
        format!("socket.create_connection(('127.0.0.1', {port}))"),
        format!("urllib.request.urlopen('http://127.0.0.1:{port}/')"),
        "socket.getaddrinfo('example.com', 80)".to_owned(),
    ];
    all_refused(&sandbox, "import socket, urllib.request", &attempts, &["PermissionError", "URLError", "gaierror"]).await;
    listener.set_nonblocking(true).unwrap();
    local.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err() && local.accept().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn python_starts_and_reaches_no_process() {
    let sandbox = Sandbox::start(options());
    let attempts = [
        "os.fork()",
        "os.forkpty()",
        "os.execv('/bin/sh', ['sh', '-c', 'id'])",
        "os.execv(sys.executable, ['python3', '-c', 'pass'])",
        "os.posix_spawn('/bin/sh', ['sh'], {})",
        "subprocess.run(['id'])",
        "subprocess.run([sys.executable, '-c', 'pass'])",
        "subprocess.run('id', shell=True)",
        "os.popen('id').read()",
        "multiprocessing.Process(target=print).start()",
        "threading.Thread(target=print).start()",
        "concurrent.futures.ThreadPoolExecutor().submit(print)",
        "os.kill(1, 0)",
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "os.killpg(os.getppid(), 9)",
        "os.kill(os.getpid(), 9)",
        "os.pidfd_open(os.getppid())",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.sched_setaffinity(os.getppid(), [0])",
        "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, os.getppid())",
        "fcntl.fcntl(os.pipe()[1], 1031, 1 << 20)",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
        "os.setuid(0)",
        "os.setsid()",
    ]
    .map(str::to_owned);
    let setup = "import os, sys, subprocess, multiprocessing, threading, concurrent.futures, signal, fcntl, resource";
    // threads end in a RuntimeError, limits in a ValueError; subprocess finds no program that it may look at
    let errors = ["PermissionError", "FileNotFoundError", "OSError", "ProcessLookupError", "RuntimeError", "ValueError"];
    all_refused(&sandbox, setup, &attempts, &errors).await;
    let code = "import os\ndef main():\n    return {'code': os.system('id'), 'names': [name for name in os.environ if name != 'LC_CTYPE']}";
    let result = python(&sandbox, code).await.unwrap();
    assert_ne!(result["code"], json!(0));
    assert_eq!(result["names"], json!([]));
}

/// Numbers of system calls, tried with nothing in their arguments: each must fail with EPERM, not for its arguments.
#[cfg(target_arch = "x86_64")]
#[tokio::test(flavor = "multi_thread")]
async fn system_calls_through_ctypes_are_refused() {
    let sandbox = Sandbox::start(options());
    let calls = [
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_sendmsg,
        libc::SYS_recvmsg,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_tgkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_kcmp,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_prctl,
        libc::SYS_seccomp,
        libc::SYS_landlock_create_ruleset,
        libc::SYS_landlock_restrict_self,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_setup,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_memfd_create,
        libc::SYS_memfd_secret,
        libc::SYS_shmget,
        libc::SYS_shmat,
        libc::SYS_msgget,
        libc::SYS_semget,
        libc::SYS_mq_open,
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_openat2,
        libc::SYS_creat,
        libc::SYS_mknod,
        libc::SYS_unlink,
        libc::SYS_rename,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_chmod,
        libc::SYS_fchmod,
        libc::SYS_chown,
        libc::SYS_truncate,
        libc::SYS_ftruncate,
        libc::SYS_setxattr,
        libc::SYS_inotify_init1,
        libc::SYS_fanotify_init,
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setgroups,
        libc::SYS_capset,
        libc::SYS_setpgid,
        libc::SYS_setsid,
        libc::SYS_setrlimit,
        libc::SYS_setpriority,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setaffinity,
        libc::SYS_ioprio_set,
        libc::SYS_personality,
        libc::SYS_reboot,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
        libc::SYS_swapon,
        libc::SYS_sethostname,
        libc::SYS_settimeofday,
        libc::SYS_syslog,
        libc::SYS_acct,
        libc::SYS_quotactl,
        libc::SYS_iopl,
        libc::SYS_ioperm,
        libc::SYS_modify_ldt,
        libc::SYS_timer_create,
        libc::SYS_splice,
        libc::SYS_vmsplice,
        libc::SYS_tee,
        libc::SYS_sendfile,
        libc::SYS_copy_file_range,
        libc::SYS_mlock,
        libc::SYS_mlockall,
        // the same through the other ABI of the architecture
        0x4000_0000 | libc::SYS_socket,
        0x4000_0000 | libc::SYS_execve,
        0x4000_0000 | 520,
        // and one that does not exist
        100_000,
    ];
    let code = format!(
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n\
         def main():\n    results = {{}}\n    for number in {calls:?}:\n        ctypes.set_errno(0)\n        \
         answer = libc.syscall(ctypes.c_long(number), *([ctypes.c_long(0)] * 6))\n        \
         results[str(number)] = [answer, ctypes.get_errno()]\n    return results"
    );
    let results = beside_others(&sandbox, python(&sandbox, &code)).await.unwrap();
    let allowed: Vec<_> = results.as_object().unwrap().iter().filter(|(_, result)| **result != json!([-1, libc::EPERM])).collect();
    assert!(allowed.is_empty(), "{allowed:?}");
    assert_eq!(results.as_object().unwrap().len(), calls.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_burst_alone() {
    let sandbox = Sandbox::start(slow());
    // nothing is tried twice before it is known that the first try is refused
    let once = "import os\ndef main():\n    try:\n        pid = os.fork()\n    except PermissionError:\n        return {'refused': True}\n    \
        if pid == 0:\n        os._exit(0)\n    return {'refused': False}";
    assert_eq!(python(&sandbox, once).await, Ok(json!({"refused": true})));
    let bomb = "import os, threading\ndef main():\n    refused = 0\n    for _ in range(10000):\n        try:\n            os.fork()\n        \
        except PermissionError:\n            refused += 1\n    \
        for _ in range(1000):\n        try:\n            threading.Thread(target=main).start()\n        \
        except RuntimeError:\n            refused += 1\n    return {'refused': refused}";
    assert_eq!(beside_others(&sandbox, python(&sandbox, bomb)).await, Ok(json!({"refused": 11000})));

    for code in [
        "def main():\n    a = []\n    while True:\n        a.append(bytearray(1 << 20))",
        "def main():\n    return {'a': len('x' * (1 << 40))}",
        "def main():\n    a = [0]\n    while True:\n        a += a",
        "def main():\n    return {'a': 'x' * (120 << 20), 'b': 'y' * (120 << 20)}",
    ] {
        assert_eq!(beside_others(&sandbox, python(&sandbox, code)).await, Err(SandboxError::OutOfMemory(256)), "{code}");
    }
    for code in [
        "function main() { const a = []; while (true) a.push(new Array(100000).fill(1)) }",
        "function main() { let a = 'x'; while (true) a += a + Math.random() }",
        "function main() { return {a: new Uint8Array(1 << 30).length} }",
    ] {
        let result = beside_others(&sandbox, javascript(&sandbox, code)).await;
        // QuickJS has a limit of its own for strings
        let contained =
            result == Err(SandboxError::OutOfMemory(256)) || matches!(&result, Err(SandboxError::Code(text)) if text.contains("too long"));
        assert!(contained, "{code}: {result:?}");
    }
    // memory that is shared or mapped counts as well
    let code = "import mmap\ndef main():\n    a = []\n    try:\n        while True:\n            a.append(mmap.mmap(-1, 16 << 20))\n    \
        except OSError:\n        return {'n': len(a)}";
    let mapped = python(&sandbox, code).await.unwrap()["n"].as_u64().unwrap();
    assert!(mapped < 16, "{mapped} maps of 16 MB within 256 MB");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_ended() {
    let sandbox = Sandbox::start(Options { parallel: 16, ..options() });
    let endless_python = [
        "def main():\n    while True: pass",
        "while True: pass",
        "import time\ndef main():\n    time.sleep(60)",
        "import re\ndef main():\n    return {'a': bool(re.match(r'(a+)+$', 'a' * 60 + 'b'))}",
        "def main():\n    return {'a': 7 ** (10 ** 9) % 10}",
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ndef main():\n    time.sleep(60)",
        // catches everything
        "def main():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        // answers a half and holds the pipe
        "import os, time\ndef main():\n    for fd in range(3, 20):\n        try: os.write(fd, b'{\"result\"')\n        except OSError: pass\n    time.sleep(60)",
    ];
    let endless_javascript = [
        "function main() { while (true) {} }",
        "while (true) {}",
        "const main = () => ({a: /^(a+)+$/.test('a'.repeat(60) + 'b')})",
        "const main = async () => { while (true) await null }",
        "const main = () => { for (;;) try { for (;;) {} } catch {} }",
        "const main = () => ({get a() { for (;;) {} }})",
    ];
    let started = Instant::now();
    beside_others(&sandbox, async {
        let python = endless_python.iter().map(|code| (Language::Python3, *code));
        let javascript = endless_javascript.iter().map(|code| (Language::JavaScript, *code));
        let attacks = python.chain(javascript).map(|(language, code)| {
            let sandbox = sandbox.clone();
            async move { (code, sandbox.run(call(language, code, json!({}))).await) }
        });
        for (code, result) in futures::future::join_all(attacks).await {
            assert_eq!(result, Err(SandboxError::TimedOut(TIME_LIMIT)), "{code}");
        }
    })
    .await;
    assert!(started.elapsed() < TIME_LIMIT + Duration::from_secs(30), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_recursion_ends_in_an_error() {
    let sandbox = Sandbox::start(slow());
    let text = message(python(&sandbox, "def main(): return main()").await);
    assert!(text.contains("RecursionError: maximum recursion depth exceeded"), "{text}");
    let code = "import sys\nsys.setrecursionlimit(2**31 - 1)\ndef f(x): return sorted([1], key=lambda _: f(x))\ndef main(): return f(1)";
    let result = beside_others(&sandbox, python(&sandbox, code)).await;
    assert!(matches!(result, Err(SandboxError::Code(_) | SandboxError::OutOfMemory(_) | SandboxError::TimedOut(_))), "{result:?}");
    for code in [
        "function main() { return main() }",
        "const main = () => JSON.parse('['.repeat(1e6))",
        "const main = () => { let a = {}; for (let i = 0; i < 1e5; i++) a = {a}; return a }",
    ] {
        let text = message(beside_others(&sandbox, javascript(&sandbox, code)).await);
        assert!(text.contains("Error"), "{code}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_bounded() {
    let sandbox = Sandbox::start(options());
    let too_large = Err(SandboxError::OutputTooLarge(1 << 20));
    let code = "def main(): return {'a': 'x' * (8 << 20)}";
    assert_eq!(beside_others(&sandbox, python(&sandbox, code)).await, too_large);
    let code = "const main = () => ({a: 'x'.repeat(8 << 20)})";
    assert_eq!(beside_others(&sandbox, javascript(&sandbox, code)).await, too_large);
    let code = "import os\ndef main():\n    while True:\n        for fd in range(3, 20):\n            try: os.write(fd, b' ' * 65536)\n            except OSError: pass";
    assert_eq!(beside_others(&sandbox, python(&sandbox, code)).await, too_large);
    // what is printed goes nowhere, however much
    let code = "import sys, os\ndef main():\n    for _ in range(500):\n        print('x' * 100000)\n        sys.stderr.write('y' * 100000)\n        \
        os.write(1, b'z' * 100000)\n        os.write(2, b'z' * 100000)\n    return {'a': 1}";
    assert_eq!(beside_others(&sandbox, python(&sandbox, code)).await, Ok(json!({"a": 1})));
    // closing everything is no way to hang on
    let code = "import os, time\ndef main():\n    os.closerange(0, 64)\n    time.sleep(60)";
    let started = Instant::now();
    let text = message(python(&sandbox, code).await);
    assert_eq!(text, "the code ended the interpreter before main returned");
    assert!(started.elapsed() < TIME_LIMIT);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_survives_a_call() {
    let sandbox = Sandbox::start(options());
    let tamper = "import builtins, json, sys, os\n\
        builtins.len = lambda x: 666\njson.dumps = lambda *a, **k: '{\"result\": {\"n\": \"forged\"}}'\nsys.path.insert(0, '/tmp')\nos.environ['X'] = 'y'\n\
        def main(): return {'n': len([])}";
    let look = "import sys, os, json\nseen = globals().get('seen', 0) + 1\ndef main(): return {'n': len([1]), 'seen': seen, 'x': os.environ.get('X'), 'tmp': '/tmp' in sys.path}";
    for _ in 0..4 {
        python(&sandbox, tamper).await.ok();
        assert_eq!(python(&sandbox, look).await, Ok(json!({"n": 1, "seen": 1, "x": null, "tmp": false})));
    }
    let tamper = "Object.prototype.n = 666; Array.prototype.map = () => 666; JSON.stringify = () => 'forged'; globalThis.seen = 1;\
        Promise.prototype.then = null; const main = () => ({a: 1})";
    let look = "globalThis.seen = (globalThis.seen ?? 0) + 1; const main = () => ({n: {}.n ?? null, map: [1].map((x) => x + 1), seen})";
    for _ in 0..4 {
        // its own result is written by other means than its JSON
        assert_eq!(javascript(&sandbox, tamper).await, Ok(json!({"a": 1})));
        assert_eq!(javascript(&sandbox, look).await, Ok(json!({"n": null, "map": [2], "seen": 1})));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_has_nothing_but_the_language() {
    let sandbox = Sandbox::start(options());
    let code = "const names = ['require', 'process', 'fetch', 'XMLHttpRequest', 'WebSocket', 'Deno', 'Bun', 'std', 'os', 'module', 'Worker',\
        'scriptArgs', 'print', 'loadScript', '__loadScript', 'WebAssembly'];\
        const main = async () => { const found = names.filter((name) => name in globalThis); const imported = [];\
        for (const name of ['fs', 'os', 'std', 'qjs:os', '/etc/passwd', './x.js']) await import(name).then(() => imported.push(name), () => {});\
        return {found, imported, made: Function('return typeof this.process')()} }";
    assert_eq!(beside_others(&sandbox, javascript(&sandbox, code)).await, Ok(json!({"found": [], "imported": [], "made": "undefined"})));
}
