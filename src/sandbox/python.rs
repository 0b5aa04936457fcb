//! Finds the system's Python and which files it needs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Where distributions and the official container images put it. Not `PATH`: version managers put scripts there.
const PLACES: &[&str] = &["/usr/bin/python3", "/usr/local/bin/python3"];
/// Older ones lack what the driver uses.
const OLDEST: (u32, u32) = (3, 8);

/// Asks the interpreter about itself. What its modules are linked with is seen in its memory map once they are loaded.
const QUESTIONS: &str = r#"
import sys, os, json, sysconfig
for name in "_ctypes _hashlib _ssl _decimal _sqlite3 zlib _bz2 _lzma _uuid _zoneinfo unicodedata".split():
    try:
        __import__(name)
    except ImportError:
        pass
mapped = {line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if line.count("/") > 0}
libraries = {path for path in mapped if ".so" in os.path.basename(path)}
loaders = [path for path in libraries if os.path.basename(path).startswith(("ld-", "ld."))]
paths = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), sysconfig.get_config_var("DESTSHARED")]
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "program": os.path.realpath(sys.executable),
    "loader": loaders[0] if loaders else os.path.realpath(sys.executable),
    "readable": sorted({os.path.realpath(path) for path in paths if path} | {os.path.dirname(path) for path in libraries}),
}))
"#;

/// What everybody's programs may read, where it exists.
const COMMON: &[&str] = &["/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom"];

#[derive(Debug, Clone, Deserialize)]
pub struct Python {
    version: (u32, u32, u32),
    pub program: PathBuf,
    /// The dynamic linker, which the kernel executes for it
    pub loader: PathBuf,
    /// Files and folders it reads
    pub readable: Vec<PathBuf>,
    /// Where it finds packages; among what it reads
    #[serde(skip)]
    pub packages: Option<PathBuf>,
}

impl Python {
    pub fn find(configured: Option<&Path>, packages: Option<&Path>) -> Result<Self, String> {
        let mut python = match configured.or_else(|| PLACES.iter().map(Path::new).find(|path| path.exists())) {
            Some(path) => ask(path)?,
            None => return Err("there is no python3 in /usr/bin or /usr/local/bin: install it (apt-get install -y python3)".to_owned()),
        };
        if let Some(packages) = packages {
            let packages = packages.canonicalize().map_err(|error| format!("the packages of Python in {}: {error}", packages.display()))?;
            python.readable.push(packages.clone());
            python.packages = Some(packages);
        }
        Ok(python)
    }
}

fn ask(path: &Path) -> Result<Python, String> {
    let output = Command::new(path)
        .args(["-I", "-S", "-B", "-c", QUESTIONS])
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} can't be started: {error}", path.display()))?;
    let mut python: Python = serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it says nothing about itself");
        format!("{} is not a whole Python 3 (install the package python3, not python3-minimal): {last}", path.display())
    })?;
    let (major, minor, _) = python.version;
    if (major, minor) < OLDEST {
        return Err(format!("{} is Python {major}.{minor}; {}.{} or newer is needed", path.display(), OLDEST.0, OLDEST.1));
    }
    python.readable.extend(COMMON.iter().map(PathBuf::from));
    python.readable.retain(|path| path.exists());
    Ok(python)
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.version;
        write!(f, "{} {major}.{minor}.{patch}", self.program.display())
    }
}
