//! One file over HTTP: resumed where it stopped, tried again when the network fails, checked by hash.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use reqwest::{Response, StatusCode, header};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::progress::{FileProgress, Progress};

/// No bytes for this long, and the connection is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// Tries that bring nothing before a file is given up.
const MAX_TRIES: u32 = 5;

/// A file with what it must turn out to be.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub url: Url,
    pub name: String,
    pub size: u64,
    pub digest: Digest,
}

/// How the hub names a file's contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Digest {
    /// Files in large-file storage.
    Sha256(String),
    /// Small files: git's SHA-1 of "blob SIZE\0" and the contents.
    GitBlob(String),
}

impl Digest {
    pub(super) fn of_etag(etag: &str) -> Option<Self> {
        let hex = etag.chars().all(|c| c.is_ascii_hexdigit());
        match etag.len() {
            64 if hex => Some(Self::Sha256(etag.to_owned())),
            40 if hex => Some(Self::GitBlob(etag.to_owned())),
            _ => None,
        }
    }

    /// The digest of a file on disk, in the same form.
    fn of_file(&self, path: &Path, size: u64) -> std::io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let mut buffer = vec![0; 1 << 20];
        let mut each = |feed: &mut dyn FnMut(&[u8])| -> std::io::Result<()> {
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(()),
                    n => feed(&buffer[..n]),
                }
            }
        };
        Ok(match self {
            Self::Sha256(_) => {
                let mut hash = Sha256::new();
                each(&mut |bytes| hash.update(bytes))?;
                Self::Sha256(hex::encode(hash.finalize()))
            }
            Self::GitBlob(_) => {
                let mut hash = Sha1::new();
                hash.update(format!("blob {size}\0"));
                each(&mut |bytes| hash.update(bytes))?;
                Self::GitBlob(hex::encode(hash.finalize()))
            }
        })
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "sha256:{hex}"),
            Self::GitBlob(hex) => write!(f, "git:{hex}"),
        }
    }
}

/// Where a file grows until it is whole.
pub(super) fn part(staging: &Path, name: &str) -> PathBuf {
    staging.join(format!("{name}.part"))
}

/// Fetches `wanted` into `staging` unless it is there. Returns the bytes that came over the network.
pub(super) async fn file(http: &reqwest::Client, token: Option<&str>, wanted: &Wanted, staging: &Path, progress: &Progress) -> Result<u64> {
    let done = staging.join(&wanted.name);
    let mut bar = progress.file(wanted);
    if done.exists() {
        bar.finish();
        return Ok(0);
    }
    let part = part(staging, &wanted.name);
    if let Some(parent) = part.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    }
    let mut n_bytes = 0;
    let mut tries = 0;
    let mut corrupt = false;
    loop {
        let before = size_of(&part);
        let outcome = if before < wanted.size { append(http, token, wanted, &part, &mut bar).await } else { Ok(()) };
        let after = size_of(&part);
        n_bytes += after.saturating_sub(before);
        match outcome {
            Ok(()) if after == wanted.size => {
                bar.say("checking");
                if is_whole(wanted, &part).await? {
                    break;
                }
                std::fs::remove_file(&part).with_context(|| format!("deleting {}", part.display()))?;
                if std::mem::replace(&mut corrupt, true) {
                    bail!("{} came with the wrong contents twice: its hash is not {}", wanted.name, wanted.digest);
                }
                tracing::warn!(file.name = wanted.name, "the download is corrupt; it is fetched anew");
            }
            Ok(()) => {}
            Err(Trouble::Final(e)) => return Err(e.context(format!("downloading {}", wanted.name))),
            Err(Trouble::Again(e)) => {
                tries = if after > before { 1 } else { tries + 1 };
                if tries >= MAX_TRIES {
                    return Err(e.context(format!("downloading {} (what came so far is kept; pull again to go on)", wanted.name)));
                }
                bar.say("waiting");
                tokio::time::sleep(Duration::from_millis(300) * 2u32.pow(tries)).await;
            }
        }
    }
    std::fs::rename(&part, &done).with_context(|| format!("renaming {}", part.display()))?;
    bar.finish();
    Ok(n_bytes)
}

/// Why a try ended early.
enum Trouble {
    Again(anyhow::Error),
    Final(anyhow::Error),
}

/// Continues the part file until the connection ends.
async fn append(
    http: &reqwest::Client,
    token: Option<&str>,
    wanted: &Wanted,
    part: &Path,
    bar: &mut FileProgress<'_>,
) -> Result<(), Trouble> {
    let have = size_of(part);
    let range = (have > 0).then_some((have, wanted.size - 1));
    let response = get(http, token, &wanted.url, range).await.map_err(Trouble::Again)?;
    let status = response.status();
    let resumed = status == StatusCode::PARTIAL_CONTENT && starts_at(&response) == Some(have);
    match status {
        StatusCode::OK => {}
        StatusCode::PARTIAL_CONTENT if resumed => {}
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            std::fs::remove_file(part).ok();
            return Err(Trouble::Again(anyhow::anyhow!("the server can't continue the download")));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            return Err(Trouble::Again(anyhow::anyhow!("the server answered {status}")));
        }
        status if status.is_server_error() => return Err(Trouble::Again(anyhow::anyhow!("the server answered {status}"))),
        status => return Err(Trouble::Final(anyhow::anyhow!("the server answered {status}"))),
    }
    let disk = |e: std::io::Error| Trouble::Final(anyhow::Error::new(e).context(format!("writing {}", part.display())));
    let mut out = std::fs::OpenOptions::new().create(true).append(resumed).write(true).truncate(!resumed).open(part).map_err(disk)?;
    let mut at = if resumed { have } else { 0 };
    bar.set(at);
    bar.say("");
    let mut chunks = response.bytes_stream();
    loop {
        let chunk = match tokio::time::timeout(SILENCE, chunks.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(e))) => return Err(Trouble::Again(anyhow::Error::new(e).context("the connection broke"))),
            Ok(None) => break,
            Err(_) => return Err(Trouble::Again(anyhow::anyhow!("no bytes came for {} s", SILENCE.as_secs()))),
        };
        at += chunk.len() as u64;
        if at > wanted.size {
            std::fs::remove_file(part).ok();
            return Err(Trouble::Final(anyhow::anyhow!("it is larger than the {} bytes the hub lists", wanted.size)));
        }
        out.write_all(&chunk).map_err(disk)?;
        bar.set(at);
    }
    out.sync_all().map_err(disk)?;
    if at < wanted.size { Err(Trouble::Again(anyhow::anyhow!("the connection ended early"))) } else { Ok(()) }
}

/// First byte of a `Content-Range`.
fn starts_at(response: &Response) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

async fn is_whole(wanted: &Wanted, part: &Path) -> Result<bool> {
    let (wanted, part) = (wanted.clone(), part.to_owned());
    let found = tokio::task::spawn_blocking(move || wanted.digest.of_file(&part, wanted.size).map(|found| found == wanted.digest)).await;
    found.context("hashing")?.context("reading the download")
}

/// A GET that follows redirects; the token goes to the hub's host only. `range`: first and last byte.
pub(super) async fn get(http: &reqwest::Client, token: Option<&str>, url: &Url, range: Option<(u64, u64)>) -> Result<Response> {
    let mut request = http.get(url.clone());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some((first, last)) = range {
        request = request.header(header::RANGE, format!("bytes={first}-{last}"));
    }
    let host = url.host_str().unwrap_or_default();
    let response = tokio::time::timeout(SILENCE, request.send()).await.with_context(|| format!("{host} does not answer"))?;
    response.with_context(|| format!("reaching {host}; set HF_ENDPOINT to use a mirror"))
}

/// The headers of a file on the hub itself, before it points elsewhere.
pub(super) async fn head(http: &reqwest::Client, token: Option<&str>, url: &Url) -> Result<Response> {
    let mut request = http.head(url.clone());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    tokio::time::timeout(SILENCE, request.send()).await.context("the hub does not answer")?.context("reaching the hub")
}

/// The first `limit` bytes of a body.
pub(super) async fn head_of(response: Response, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunks = response.bytes_stream();
    while bytes.len() < limit
        && let Some(chunk) = chunks.next().await
    {
        bytes.extend_from_slice(&chunk.context("reading the file's beginning")?);
    }
    bytes.truncate(limit);
    Ok(bytes)
}

fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map(|m| m.len()).unwrap_or(0)
}
