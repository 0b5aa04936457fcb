//! The code sandbox from the outside: what code gets and gives, how it fails, and what is left of its processes.

mod attacks;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ashlar::sandbox::{Call, Language, Options, Sandbox, SandboxError};
use serde_json::{Map, Value, json};

const TIME_LIMIT: Duration = Duration::from_secs(3);

fn options() -> Options {
    Options {
        program: env!("CARGO_BIN_EXE_ashlar").into(),
        time_limit: TIME_LIMIT,
        memory_mb: 256,
        output_bytes: 1 << 20,
        parallel: 3,
        ..Options::default()
    }
}

fn call(language: Language, code: &str, inputs: Value) -> Call {
    let Value::Object(inputs) = inputs else { panic!("inputs are an object") };
    Call { language, code: code.to_owned(), inputs }
}

async fn python(sandbox: &Sandbox, code: &str) -> Result<Value, SandboxError> {
    sandbox.run(call(Language::Python3, code, json!({}))).await.map(Value::Object)
}

async fn javascript(sandbox: &Sandbox, code: &str) -> Result<Value, SandboxError> {
    sandbox.run(call(Language::JavaScript, code, json!({}))).await.map(Value::Object)
}

fn message(result: Result<Value, SandboxError>) -> String {
    match result {
        Err(SandboxError::Code(message)) => message,
        other => panic!("not an error of the code: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gets_its_inputs_and_gives_a_mapping() {
    let sandbox = Sandbox::start(options());
    let inputs = json!({"text": "héllo \u{1F600}\n\"", "list": [1, 2.5, null, true], "file": {"name": "a.pdf", "size": 3}});
    let code =
        "def main(text, list, file):\n    print('nobody reads this')\n    return {'text': text, 'list': list, 'size': file['size'] * 2}";
    let result = sandbox.run(call(Language::Python3, code, inputs)).await.map(Value::Object);
    assert_eq!(result, Ok(json!({"text": "héllo \u{1F600}\n\"", "list": [1, 2.5, null, true], "size": 6})));

    let modules = "json re datetime math random base64 hashlib hmac collections itertools functools statistics urllib.parse uuid string \
        time decimal fractions csv io textwrap html unicodedata zoneinfo typing dataclasses enum copy operator heapq bisect secrets \
        xml.etree.ElementTree calendar difflib binascii struct zlib gzip asyncio contextlib logging pprint locale ast";
    let code = format!(
        "from __future__ import annotations\nimport dataclasses\nimport {}\n\
         @dataclasses.dataclass\nclass Row:\n    name: str\n\
         async def later():\n    await asyncio.sleep(0.01)\n    return 7\n\
         def main():\n    return {{'sum': hashlib.sha256(b'x').hexdigest()[:8], 'zone': str(zoneinfo.ZoneInfo('Europe/Berlin')),\n\
         'later': asyncio.run(later()), 'row': Row('a').name, 'name': __name__, 'id': len(str(uuid.uuid4())),\n\
         'local': datetime.datetime.now().astimezone().tzname()}}",
        modules.split_whitespace().collect::<Vec<_>>().join(", ")
    );
    let expected =
        json!({"sum": "2d711642", "zone": "Europe/Berlin", "later": 7, "row": "a", "name": "__main__", "id": 36, "local": "UTC"});
    assert_eq!(python(&sandbox, &code).await, Ok(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_gets_its_inputs_and_gives_a_mapping() {
    let sandbox = Sandbox::start(options());
    let inputs = json!({"text": "héllo \u{1F600}\n\"", "list": [1, 2.5, null, true]});
    for code in [
        "function main({text, list}) { console.log('nobody reads this'); return {text, list, n: list.length} }",
        "var main = async (inputs) => { await null; return {...inputs, n: inputs.list.length} }",
        // sloppy mode, as in a script of Node.js
        "const main = function (inputs) { n = inputs.list.length; return Promise.resolve({text: inputs.text, list: inputs.list, n}) }",
    ] {
        let result = sandbox.run(call(Language::JavaScript, code, inputs.clone())).await.map(Value::Object);
        assert_eq!(result, Ok(json!({"text": "héllo \u{1F600}\n\"", "list": [1, 2.5, null, true], "n": 4})), "{code}");
    }
    let code = "const main = () => ({map: [...new Map([[1, 2]])], date: new Date(0).toISOString(), big: String(2n ** 70n),\
        found: 'a1b22'.replaceAll(/\\d+/g, '#'), local: new Date(0).getTimezoneOffset(), last: [1, 2].at(-1), undef: undefined})";
    let expected = json!({"map": [[1, 2]], "date": "1970-01-01T00:00:00.000Z", "big": "1180591620717411303424", "found": "a#b#",
        "local": 0, "last": 2});
    assert_eq!(javascript(&sandbox, code).await, Ok(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_code_are_told_as_its_language_does() {
    let sandbox = Sandbox::start(options());
    let text = message(python(&sandbox, "def helper(x):\n    return 1 / x\n\ndef main():\n    return {'a': helper(0)}\n").await);
    // newer Pythons underline the place
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().chars().all(|c| "^~".contains(c))).collect();
    assert_eq!(
        lines,
        [
            "Traceback (most recent call last):",
            "  File \"main.py\", line 5, in main",
            "    return {'a': helper(0)}",
            "  File \"main.py\", line 2, in helper",
            "    return 1 / x",
            "ZeroDivisionError: division by zero",
        ]
    );
    for (code, expected) in [
        ("def main(:\n", "SyntaxError"),
        ("x = 1", "The code defines no function main."),
        ("def main(): return [1]", "main must return a dict, not list."),
        ("def main(): return None", "main must return a dict, not NoneType."),
        ("def main(a): return {}", "TypeError: main() missing 1 required positional argument: 'a'"),
        ("def main(): return {'a': {1, 2}}", "TypeError: Object of type set is not JSON serializable"),
        ("def main(): return {'a': float('nan')}", "ValueError: Out of range float values are not JSON compliant"),
        ("import sys\ndef main(): sys.exit(3)", "SystemExit: 3"),
        ("import requests\ndef main(): return {}", "ModuleNotFoundError: No module named 'requests'"),
        ("import os\ndef main(): os._exit(0)", "the code ended the interpreter before main returned"),
        ("import os\ndef main(): os.abort()", "the interpreter was ended by SIGABRT"),
        ("def main(): raise Exception('x' * 100000)", "…"),
        ("def main():\n    a = {}\n    for _ in range(500): a = {'a': a}\n    return a", "the result can't be read as JSON"),
    ] {
        let text = message(python(&sandbox, code).await);
        assert!(text.contains(expected), "{code}: {text}");
        assert!(!text.contains("<string>") && text.len() < 10_000, "{code}: {text}");
    }
    for (code, expected) in [
        ("function main({)", "SyntaxError"),
        ("let x = 1", "The code defines no function main."),
        ("const main = () => [1]", "main must return an object, not array."),
        ("const main = () => {}", "main must return an object, not undefined."),
        ("const main = () => null", "main must return an object, not null."),
        ("const main = async () => 'x'", "main must return an object, not string."),
        ("const main = () => main", "main must return an object, not function."),
        ("const main = () => new Promise(() => {})", "The promise of main is never settled."),
        ("const main = () => ({a: 1n})", "TypeError"),
        ("const main = () => { const a = {}; a.a = a; return a }", "TypeError: circular reference"),
        ("const main = () => { throw 'plain' }", "Uncaught plain"),
        ("const main = async () => { throw new RangeError('later') }", "RangeError: later\n    at main (main.js:1"),
        ("\nfunction main() { return undefinedName }", "ReferenceError: undefinedName is not defined\n    at main (main.js:2"),
    ] {
        let text = message(javascript(&sandbox, code).await);
        assert!(text.contains(expected), "{code}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_may_wait_are_refused() {
    let sandbox = Sandbox::start(Options { parallel: 1, queue: 2, ..options() });
    let slow = "import time\ndef main():\n    time.sleep(1)\n    return {}";
    let calls = futures::future::join_all((0..5).map(|_| python(&sandbox, slow))).await;
    assert_eq!(calls.iter().filter(|result| result.is_ok()).count(), 3);
    assert_eq!(calls.iter().filter(|result| **result == Err(SandboxError::Busy(2))).count(), 2);
    assert_eq!(python(&sandbox, "def main(): return {}").await, Ok(json!({})));
}

#[tokio::test]
async fn a_machine_without_python_still_runs_javascript() {
    let sandbox = Sandbox::start(Options { python: Some("/nowhere/python3".into()), ..options() });
    let error = python(&sandbox, "def main(): return {}").await.unwrap_err();
    assert!(matches!(&error, SandboxError::Unavailable(text) if text.contains("/nowhere/python3")), "{error}");
    assert_eq!(javascript(&sandbox, "const main = () => ({})").await, Ok(json!({})));

    let sandbox = Sandbox::start(Options { program: "/nowhere/ashlar".into(), ..options() });
    let error = javascript(&sandbox, "const main = () => ({})").await.unwrap_err();
    assert!(matches!(&error, SandboxError::Unavailable(text) if text.contains("/nowhere/ashlar")), "{error}");
    // something that is not a sandbox
    let sandbox = Sandbox::start(Options { program: "/bin/echo".into(), ..options() });
    let error = javascript(&sandbox, "const main = () => ({})").await.unwrap_err();
    assert!(matches!(error, SandboxError::Unavailable(_)), "{error}");
}

/// Processes with this parent, living ones.
fn children_of(parent: u32) -> Vec<u32> {
    let stat = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let Some(stat) = stat(*pid) else { return false };
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[1] == parent.to_string() && fields[0] != "Z"
    })
    .collect()
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Living sandbox processes with this memory limit, which marks them as one test's own.
fn with_memory_limit(mb: u64) -> usize {
    let marker = format!("\0--memory-mb\0{mb}\0");
    let folders = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    // of one that has ended nothing is left there
    folders.filter(|folder| std::fs::read_to_string(folder.join("cmdline")).is_ok_and(|line| line.contains(&marker))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_nobody_waits_for_any_more_is_ended() {
    let mark = 257;
    let sandbox = Sandbox::start(Options { time_limit: Duration::from_secs(60), memory_mb: mark, ..options() });
    javascript(&sandbox, "const main = () => ({})").await.unwrap();
    let endless = tokio::time::timeout(Duration::from_millis(500), javascript(&sandbox, "for (;;) {}")).await;
    assert!(endless.is_err());
    until("no process waits", || with_memory_limit(mark) > 0).await;
    drop(sandbox);
    until("processes are left", || with_memory_limit(mark) == 0).await;
}

/// Starts a sandbox where the kernel refuses a system call, and gives what calls come to.
fn where_refused(call: i64, first_argument: Option<u64>) -> Vec<SandboxError> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule};
    let is = |value| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value).unwrap();
    let rules: Vec<SeccompRule> = first_argument.map(|value| SeccompRule::new(vec![is(value)]).unwrap()).into_iter().collect();
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new([(call, rules)].into(), SeccompAction::Allow, refuse, arch).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    // a thread's filter binds what it starts: the pool's thread and its processes
    let errors = std::thread::spawn(move || {
        seccompiler::apply_filter(&filter).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sandbox = Sandbox::start(options());
            let python = python(&sandbox, "def main(): return {}").await;
            let javascript = javascript(&sandbox, "const main = () => ({})").await;
            [python, javascript].into_iter().filter_map(Result::err).collect()
        })
    });
    errors.join().unwrap()
}

#[test]
fn where_something_is_missing_nothing_runs() {
    let seccomp_by_prctl = Some(u64::try_from(libc::PR_SET_SECCOMP).unwrap());
    for (call, argument, refused, named) in [
        (libc::SYS_landlock_create_ruleset, None, 2, "Landlock"),
        (libc::SYS_landlock_restrict_self, None, 2, "Landlock"),
        (libc::SYS_seccomp, None, 2, "seccomp"),
        // the last filter, which Python applies itself
        (libc::SYS_prctl, seccomp_by_prctl, 1, "Python can't lock itself down"),
        (libc::SYS_prctl, Some(libc::PR_SET_PDEATHSIG as u64), 2, "asking to end with the server"),
        (libc::SYS_close_range, None, 2, "close_range"),
        (libc::SYS_prlimit64, None, 2, "setting RLIMIT_CORE"),
    ] {
        let errors = where_refused(call, argument);
        assert_eq!(errors.len(), refused, "{named}: {errors:?}");
        for error in errors {
            assert!(matches!(&error, SandboxError::Unavailable(text) if text.contains(named)), "{named}: {error}");
        }
    }
}

/// Not a test: a server that is killed, for the next one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test"]
async fn a_server_with_endless_calls() {
    let sandbox = Sandbox::start(Options { time_limit: Duration::from_secs(60), ..options() });
    tokio::join!(
        python(&sandbox, "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\ndef main():\n    while True: pass"),
        javascript(&sandbox, "const main = () => { for (;;) {} }"),
    )
    .0
    .ok();
}

#[tokio::test]
async fn nothing_is_left_of_a_killed_server() {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sandbox::a_server_with_endless_calls", "--ignored"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // two that run, and at least one that waits for each language
    until("the calls do not start", || children_of(server.id()).len() >= 4).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let children = children_of(server.id());
    server.kill().unwrap();
    assert_eq!(server.wait().unwrap().signal(), Some(9));
    let alive = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
    };
    until("orphans are left", || !children.iter().any(alive)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_held_against_what_is_declared() {
    let sandbox = Sandbox::start(options());
    let declared = serde_json::from_value(json!({"n": {"type": "number"}, "names": {"type": "array[string]", "children": null}})).unwrap();
    let check = |result: &Map<String, Value>| ashlar::sandbox::check_outputs(result, Some(&declared)).map(Value::Object);
    let run = async |code: &str| sandbox.run(call(Language::Python3, code, json!({}))).await.unwrap();
    let good = run("def main(): return {'n': True, 'names': ['a', None]}").await;
    assert_eq!(check(&good), Ok(json!({"n": 1, "names": ["a", null]})));
    let huge = run("def main(): return {'n': 2 ** 100, 'names': []}").await;
    assert!(check(&huge).unwrap_err().starts_with("Output n is out of range"));
    assert_eq!(
        check(&run("def main(): return {'n': 1}").await),
        Err("Output names is missing: return it from main, or remove it from the outputs.".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn python_imports_the_operators_packages_and_nothing_beside_them() {
    let packages = tempfile::tempdir().unwrap();
    std::fs::create_dir(packages.path().join("quarry")).unwrap();
    std::fs::write(packages.path().join("quarry/__init__.py"), "from .stone import NAME\n").unwrap();
    std::fs::write(packages.path().join("quarry/stone.py"), "NAME = 'ashlar'\n").unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    let sandbox = Sandbox::start(Options { python_packages: Some(packages.path().to_owned()), ..options() });
    assert_eq!(python(&sandbox, "import quarry\ndef main():\n    return {'name': quarry.NAME}").await, Ok(json!({"name": "ashlar"})));
    let code = format!("def main():\n    return {{'text': open({:?}).read()}}", secret.path());
    assert!(message(python(&sandbox, &code).await).contains("PermissionError"));
    let code = format!("def main():\n    open({:?}, 'w')\n    return {{}}", packages.path().join("quarry/new.py"));
    assert!(message(python(&sandbox, &code).await).contains("PermissionError"));

    let nowhere = Sandbox::start(Options { python_packages: Some("/nowhere/packages".into()), ..options() });
    match python(&nowhere, "def main(): return {}").await {
        Err(SandboxError::Unavailable(reason)) => assert!(reason.contains("/nowhere/packages"), "{reason}"),
        other => panic!("{other:?}"),
    }
}
