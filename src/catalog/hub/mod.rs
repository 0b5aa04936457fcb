//! Downloading models with the Hugging Face protocol: `ashlar model pull OWNER/NAME`.
//!
//! The hub says which files a repository has, their sizes and hashes; `config.json` is read first, so that a model this
//! engine can't run costs no download. Files are fetched into `.incomplete/` beside the models, go on where an earlier try
//! stopped, and are checked by hash; only a whole model is moved to its place. Any server that speaks the protocol will do
//! (`HF_ENDPOINT`).

mod fetch;
mod outline;
mod progress;
mod select;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt};
use reqwest::header;
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::config::Config;
use crate::engine::host::inspect;
use crate::engine::weights::peft;
use fetch::{Digest, Wanted};
pub use progress::Progress;

/// What a pulled folder remembers of where it came from.
const MANIFEST: &str = ".source.json";
/// Files fetched at the same time.
const PARALLEL: usize = 4;
/// Kept free on the disk.
const SPARE_BYTES: u64 = 64 << 20;

/// Where to download from and to.
pub struct Hub {
    pub endpoint: Url,
    pub token: Option<String>,
    pub models_dir: PathBuf,
    pub progress: Arc<Progress>,
}

/// `OWNER/NAME[@REVISION]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    pub owner: String,
    pub name: String,
    /// A branch, tag or commit.
    pub revision: String,
}

impl std::str::FromStr for Repo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, revision) = text.split_once('@').unwrap_or((text, "main"));
        let (owner, name) = path.split_once('/').ok_or("a model is named OWNER/NAME, as in Qwen/Qwen3-VL-2B-Instruct")?;
        let plain = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !part.is_empty() && !part.starts_with('.') && !part.contains("..") && part.chars().all(allowed)
        };
        let revision_is_plain = revision.split('/').all(plain);
        if !plain(owner) || !plain(name) || !revision_is_plain {
            return Err("owner, name and revision are made of letters, digits, '-', '_' and '.'".into());
        }
        Ok(Self { owner: owner.into(), name: name.into(), revision: revision.into() })
    }
}

impl std::fmt::Display for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// What a pull did.
#[derive(Debug)]
pub struct Pulled {
    pub path: PathBuf,
    /// The name that `ashlar model list` shows; of several GGUF files the folder's.
    pub name: String,
    pub n_files: usize,
    /// Bytes that came over the network.
    pub n_bytes: u64,
    /// Everything was there already.
    pub up_to_date: bool,
}

/// One file of a repository, as the hub lists it.
#[derive(Debug, Clone, Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Debug, Clone, Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

#[derive(Debug, Deserialize)]
struct Listing {
    /// The commit that the revision stands for.
    sha: String,
    siblings: Vec<Sibling>,
}

/// Contents of [`MANIFEST`].
#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    repo: String,
    commit: String,
    /// Name and hash.
    files: BTreeMap<String, String>,
}

impl Hub {
    /// The hub and the models folder of the configuration.
    pub fn new(config: &Config, progress: Progress) -> Self {
        let (endpoint, token) = (config.hf_endpoint.clone(), config.hf_token.clone());
        Self { endpoint, token, models_dir: config.models_dir(), progress: Arc::new(progress) }
    }

    /// Brings a model into the models folder. `globs` choose files by name (`*Q4_K_M.gguf`); without any, the safetensors
    /// weights are taken, or the GGUF file if there is just one.
    pub async fn pull(&self, repo: &Repo, globs: &[String]) -> Result<Pulled> {
        let http = self.client(Policy::default())?;
        let listing = self.listing(&http, repo).await?;
        ensure!(listing.siblings.iter().all(|s| is_inside(&s.rfilename)), "the hub lists a file name that leaves the model's folder");
        let selection = select::files(&listing.siblings, globs).map_err(|reason| anyhow::anyhow!("{repo}: {reason}"))?;
        self.refuse_unsupported(&http, repo, &listing, &selection).await?;

        let target = self.models_dir.join(&repo.owner).join(&repo.name);
        let present = read_manifest(&target);
        let staging = self.models_dir.join(".incomplete").join(format!("{}--{}", repo.owner, repo.name));
        std::fs::create_dir_all(&staging).with_context(|| format!("creating {}", staging.display()))?;
        let _lock = lock(&staging, repo)?;

        let mut wanted = Vec::new();
        for sibling in &selection {
            wanted.push(self.wanted(repo, &listing.sha, sibling).await?);
        }
        let is_present =
            |file: &Wanted| present.files.get(&file.name) == Some(&file.digest.to_string()) && target.join(&file.name).exists();
        if !wanted.is_empty() && wanted.iter().all(is_present) {
            std::fs::remove_dir_all(&staging).ok();
            return Ok(Pulled { name: repo.to_string(), path: target, n_files: wanted.len(), n_bytes: 0, up_to_date: true });
        }
        // what an older revision shares with this one is linked, not fetched
        for file in wanted.iter().filter(|f| is_present(f)) {
            link(&target.join(&file.name), &staging.join(&file.name))?;
        }
        self.check_space(&wanted, &staging)?;
        self.progress.begin(&wanted);

        let fetch = |file| fetch::file(&http, self.token.as_deref(), file, &staging, &self.progress);
        let fetches: Vec<_> = wanted.iter().map(fetch).collect();
        let n_bytes: u64 =
            futures::stream::iter(fetches).buffer_unordered(PARALLEL).try_fold(0, |sum, n| async move { Ok(sum + n) }).await?;

        let mut manifest = Manifest { repo: repo.to_string(), commit: listing.sha, ..Manifest::default() };
        manifest.files = wanted.iter().map(|f| (f.name.clone(), f.digest.to_string())).collect();
        // one chosen file joins those chosen earlier
        if !globs.is_empty() {
            for (name, digest) in present.files {
                if !manifest.files.contains_key(&name) && target.join(&name).exists() {
                    link(&target.join(&name), &staging.join(&name))?;
                    manifest.files.insert(name, digest);
                }
            }
        }
        let text = serde_json::to_string_pretty(&manifest).context("writing the manifest")?;
        std::fs::write(staging.join(MANIFEST), text).context("writing the manifest")?;
        std::fs::remove_file(staging.join(".lock")).ok();
        place(&staging, &target)?;
        Ok(Pulled { name: repo.to_string(), path: target, n_files: wanted.len(), n_bytes, up_to_date: false })
    }

    fn client(&self, redirects: Policy) -> Result<reqwest::Client> {
        crate::outbound::install_tls_provider();
        let builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(20))
            .user_agent(concat!("Ashlar/", env!("CARGO_PKG_VERSION")))
            .redirect(redirects)
            // sizes and hashes are of the bytes as stored
            .no_gzip();
        builder.build().context("building the HTTP client")
    }

    /// A URL below the endpoint, which may have a path of its own.
    fn url(&self, path: &str) -> Result<Url> {
        let base = self.endpoint.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/{path}")).context("building a URL of the hub")
    }

    async fn listing(&self, http: &reqwest::Client, repo: &Repo) -> Result<Listing> {
        let url = self.url(&format!("api/models/{repo}/revision/{}?blobs=true", encoded(&repo.revision)))?;
        let response = fetch::get(http, self.token.as_deref(), &url, None).await?;
        let response = self.explained(repo, response).await?;
        response.json().await.context("the hub's list of files is not what its API defines")
    }

    /// Success, or the reason in words a person can act on.
    async fn explained(&self, repo: &Repo, response: reqwest::Response) -> Result<reqwest::Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let (code, message) = (header("x-error-code"), header("x-error-message"));
        let page = self.url(&repo.to_string())?;
        match (status.as_u16(), code.as_str()) {
            (_, "RevisionNotFound") => bail!("{repo} has no revision {}", repo.revision),
            (401 | 403, "GatedRepo") | (403, _) => {
                bail!("{repo} is gated: accept its terms at {page}, then set HF_TOKEN to a token of that account")
            }
            (401, _) if self.token.is_some() => bail!("there is no model {repo} at {}, or HF_TOKEN may not read it", self.endpoint),
            (401 | 404, _) => bail!("there is no model {repo} at {}, or it is private: set HF_TOKEN to read private models", self.endpoint),
            _ if message.is_empty() => bail!("the hub answered {status}"),
            _ => bail!("the hub answered {status}: {message}"),
        }
    }

    /// Reads the model's header over the network and stops if the engine can't run it.
    async fn refuse_unsupported(&self, http: &reqwest::Client, repo: &Repo, listing: &Listing, selection: &[Sibling]) -> Result<()> {
        let resolve = |file: &str| self.url(&format!("{repo}/resolve/{}/{}", listing.sha, encoded(file)));
        let reason = if let Some(gguf) = selection.iter().find(|s| s.rfilename.ends_with(".gguf")) {
            let response = self
                .explained(repo, fetch::get(http, self.token.as_deref(), &resolve(&gguf.rfilename)?, Some((0, 64 << 10))).await?)
                .await?;
            inspect::gguf_architecture(&fetch::head_of(response, 64 << 10).await?).and_then(|name| inspect::refusal_of(&name))
        } else {
            let is_adapter = selection.iter().any(|s| s.rfilename == peft::CONFIG);
            let name = if is_adapter { peft::CONFIG } else { "config.json" };
            let response = self.explained(repo, fetch::get(http, self.token.as_deref(), &resolve(name)?, None).await?).await?;
            let config: Value = response.json().await.with_context(|| format!("{name} is not valid JSON"))?;
            match is_adapter {
                true => inspect::from_adapter_config(&config, 0).refused,
                false => inspect::from_config(&config, 0).refused,
            }
        };
        match reason {
            Some(reason) => bail!("{repo} can't be run here: {reason}. Nothing was downloaded."),
            None => Ok(()),
        }
    }

    /// Size and hash of a file: from the listing, else from the headers of the file itself.
    async fn wanted(&self, repo: &Repo, commit: &str, sibling: &Sibling) -> Result<Wanted> {
        let url = self.url(&format!("{repo}/resolve/{commit}/{}", encoded(&sibling.rfilename)))?;
        let name = sibling.rfilename.clone();
        if let Some(lfs) = &sibling.lfs {
            return Ok(Wanted { url, name, size: lfs.size, digest: Digest::Sha256(lfs.sha256.clone()) });
        }
        if let (Some(size), Some(blob)) = (sibling.size, &sibling.blob_id) {
            return Ok(Wanted { url, name, size, digest: Digest::GitBlob(blob.clone()) });
        }
        let response = fetch::head(&self.client(Policy::none())?, self.token.as_deref(), &url).await?;
        let response = if response.status().is_redirection() { response } else { self.explained(repo, response).await? };
        let text = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let etag = text("x-linked-etag").or(text("etag")).unwrap_or_default().trim_start_matches("W/").trim_matches('"');
        let size = text("x-linked-size").or(text(header::CONTENT_LENGTH.as_str())).and_then(|v| v.parse().ok());
        let size = size.with_context(|| format!("the hub does not say how large {name} is"))?;
        let digest = Digest::of_etag(etag).with_context(|| format!("the hub gives no hash of {name}"))?;
        Ok(Wanted { url, name, size, digest })
    }

    fn check_space(&self, wanted: &[Wanted], staging: &Path) -> Result<()> {
        let have = |file: &Wanted| {
            let size = |path: PathBuf| std::fs::metadata(path).map(|m| m.len()).ok();
            size(staging.join(&file.name)).or_else(|| size(fetch::part(staging, &file.name))).unwrap_or(0)
        };
        let needed: u64 = wanted.iter().map(|f| f.size.saturating_sub(have(f))).sum();
        let disk = nix::sys::statvfs::statvfs(staging).context("asking for free disk space")?;
        let free = disk.blocks_available() as u64 * disk.fragment_size() as u64;
        let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
        ensure!(
            needed + SPARE_BYTES <= free,
            "{:.2} GiB are needed and {:.2} GiB are free at {}; make room or set ASHLAR_MODELS_DIR",
            gib(needed),
            gib(free),
            self.models_dir.display()
        );
        Ok(())
    }
}

/// Deletes a model of the models folder: the folder or file that `name` stands for. Returns the path and the bytes freed.
pub fn remove(models_dir: &Path, name: &str) -> Result<(PathBuf, u64)> {
    let found = inspect::places(models_dir).into_iter().find(|(n, _)| n == name);
    let (_, path) = found.with_context(|| format!("there is no model \"{name}\" in {}", models_dir.display()))?;
    let root = models_dir.canonicalize().with_context(|| format!("reading {}", models_dir.display()))?;
    if path.symlink_metadata().with_context(|| format!("reading {}", path.display()))?.is_symlink() {
        // what the link points to belongs to someone else
        std::fs::remove_file(&path).with_context(|| format!("deleting {}", path.display()))?;
        return Ok((path, 0));
    }
    let real = path.canonicalize().with_context(|| format!("reading {}", path.display()))?;
    ensure!(real.starts_with(&root) && real != root, "{} is outside the models folder {}", real.display(), root.display());
    let freed = size_of(&real);
    let deleted = if real.is_dir() { std::fs::remove_dir_all(&real) } else { std::fs::remove_file(&real) };
    deleted.with_context(|| format!("deleting {}", real.display()))?;
    // an owner's folder that is empty now
    if let Some(parent) = real.parent().filter(|p| *p != root) {
        std::fs::remove_dir(parent).ok();
    }
    Ok((path, freed))
}

fn size_of(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| size_of(&e.path())).sum(),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    }
}

/// Held while a pull writes; two pulls of one model would spoil each other's files.
fn lock(staging: &Path, repo: &Repo) -> Result<std::fs::File> {
    let file = std::fs::File::create(staging.join(".lock")).context("creating a lock file")?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => bail!("{repo} is being pulled by another process"),
    }
}

/// Moves the finished folder to its place. A reader sees the old model or the new one.
fn place(staging: &Path, target: &Path) -> Result<()> {
    let parent = target.parent().context("a model has a folder above it")?;
    std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    let old = staging.with_extension("old");
    if target.exists() {
        std::fs::remove_dir_all(&old).ok();
        std::fs::rename(target, &old).with_context(|| format!("moving {} away", target.display()))?;
    }
    std::fs::rename(staging, target).with_context(|| format!("moving the model to {}", target.display()))?;
    std::fs::remove_dir_all(&old).ok();
    Ok(())
}

/// A hard link, or a copy where the file system has none.
fn link(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    }
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(drop)).with_context(|| format!("linking {}", from.display()))
}

fn read_manifest(target: &Path) -> Manifest {
    let text = std::fs::read(target.join(MANIFEST)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Names a file below the folder that it is joined to.
fn is_inside(name: &str) -> bool {
    !name.is_empty() && !name.contains('\\') && Path::new(name).components().all(|c| matches!(c, std::path::Component::Normal(_)))
}

/// A path in a URL; slashes stay.
fn encoded(path: &str) -> String {
    const ESCAPED: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(path, ESCAPED).to_string()
}
