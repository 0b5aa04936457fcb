//! What this machine has of what the sandbox needs, for `ashlar doctor`.

use serde_json::Map;

use super::{Call, Language, Options, Sandbox};

/// A name, and what was found or what to do about it.
pub type Finding = (&'static str, Result<String, String>);

/// Looks at the kernel, then really runs a line of each language.
pub async fn examine(options: Options) -> Vec<Finding> {
    let sandbox = Sandbox::start(options);
    let mut findings = vec![("Landlock", landlock()), ("seccomp", seccomp())];
    let javascript = try_out(&sandbox, Language::JavaScript, "const main = () => ({})").await;
    findings.push(("JavaScript", javascript.map(|()| "QuickJS, runs code locked down".to_owned())));
    let mut python = sandbox.python().await.map_err(|error| error.to_string());
    if let Ok(found) = &python {
        python = try_out(&sandbox, Language::Python3, "def main(): return {}").await.map(|()| format!("{found}, runs code locked down"));
    }
    findings.push(("Python", python));
    findings
}

async fn try_out(sandbox: &Sandbox, language: Language, code: &str) -> Result<(), String> {
    let call = Call { language, code: code.to_owned(), inputs: Map::new() };
    sandbox.run(call).await.map(drop).map_err(|error| error.to_string())
}

fn landlock() -> Result<String, String> {
    // SAFETY: with this flag the call reads nothing and gives a version.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, 1u32) };
    match version {
        1.. => Ok(format!("version {version}")),
        _ => Err("this kernel or container does not offer it: code nodes will not run".to_owned()),
    }
}

fn seccomp() -> Result<String, String> {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the call reads the number that the pointer leads to.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0u32, &raw const action) };
    match answer {
        0 => Ok("filters".to_owned()),
        _ => Err("this kernel or container does not offer filters: code nodes will not run".to_owned()),
    }
}
