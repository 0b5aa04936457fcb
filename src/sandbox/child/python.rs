//! Python: this process becomes the system's interpreter, which runs `driver.py`.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result};
use nix::unistd::execve;

use super::lock::Files;
use super::{ChildArgs, filter, lock};

/// Finishes the locking, waits for the call, runs it.
const DRIVER: &str = include_str!("driver.py");

/// Returns only when it fails.
pub fn run(program: &Path, loader: &Path, args: &ChildArgs) -> Result<()> {
    // Isolated, no site-packages, no .pyc files written.
    let last_filter = hex::encode(filter::last_filter_of_python()?);
    let packages = args.packages.as_deref().map(|path| path.as_os_str().as_bytes()).unwrap_or_default();
    let words = [program.as_os_str().as_bytes(), b"-I", b"-S", b"-B", b"-c", DRIVER.as_bytes(), last_filter.as_bytes(), packages];
    let words = words.map(CString::new).into_iter().collect::<Result<Vec<_>, _>>().context("the arguments of Python")?;
    let path = CString::new(program.as_os_str().as_bytes())?;

    lock::detach(args.parent)?;
    lock::restrict(&Files { executable: &[program, loader], readable: &args.readable })?;
    lock::limit(args.memory_mb << 20, args.seconds)?;
    filter::lock_python()?;
    execve(&path, &words, &[] as &[CString; 0])
        .with_context(|| format!("{} can't be run as the sandbox's user: use a Python that everybody may execute", program.display()))?;
    Ok(())
}
