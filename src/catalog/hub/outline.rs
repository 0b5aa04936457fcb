//! A model's outline: its settings and the headers of its weight files, without the weights. Enough to plan what it takes before it
//! is downloaded.

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use reqwest::redirect::Policy;
use tempfile::TempDir;

use super::{Hub, Listing, PARALLEL, Repo, Sibling, encoded, fetch, is_inside, select};

/// What the header of a safetensors file may take.
const MAX_HEADER_BYTES: u64 = 100 << 20;
/// What of a GGUF file is fetched: its header holds the vocabulary too.
const GGUF_HEADER_BYTES: u64 = 24 << 20;
/// The largest of the small files.
const MAX_CONFIG_BYTES: usize = 32 << 20;

impl Hub {
    /// A folder that reads like the downloaded model as far as headers go: behind them, its weight files are holes.
    pub async fn outline(&self, repo: &Repo, globs: &[String]) -> Result<TempDir> {
        let http = self.client(Policy::default())?;
        let listing = self.listing(&http, repo).await?;
        ensure!(listing.siblings.iter().all(|s| is_inside(&s.rfilename)), "the hub lists a file name that leaves the model's folder");
        let selection = select::files(&listing.siblings, globs).map_err(|reason| anyhow::anyhow!("{repo}: {reason}"))?;
        self.refuse_unsupported(&http, repo, &listing, &selection).await?;
        let folder = tempfile::Builder::new().prefix("outline-").tempdir().context("creating a folder for the outline")?;
        let needed = |s: &&Sibling| {
            let name = s.rfilename.as_str();
            name.ends_with(".safetensors") || name.ends_with(".gguf") || name.ends_with("config.json") || name.ends_with(".index.json")
        };
        let files: Vec<_> =
            selection.iter().filter(needed).map(|sibling| self.outline_file(&http, repo, &listing, sibling, &folder)).collect();
        futures::stream::iter(files).buffer_unordered(PARALLEL).try_collect::<()>().await?;
        Ok(folder)
    }

    async fn outline_file(
        &self,
        http: &reqwest::Client,
        repo: &Repo,
        listing: &Listing,
        sibling: &Sibling,
        folder: &TempDir,
    ) -> Result<()> {
        let name = &sibling.rfilename;
        let url = self.url(&format!("{repo}/resolve/{}/{}", listing.sha, encoded(name)))?;
        let path = folder.path().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
        }
        let range = async |first: u64, last: u64| -> Result<Vec<u8>> {
            let response = fetch::get(http, self.token.as_deref(), &url, Some((first, last))).await?;
            let response = self.explained(repo, response).await?;
            // a server that knows no ranges sends the file from its beginning
            let skip = if response.status() == reqwest::StatusCode::PARTIAL_CONTENT { 0 } else { first };
            let mut bytes = fetch::head_of(response, (last + 1 - first + skip) as usize).await?;
            bytes.drain(..(skip as usize).min(bytes.len()));
            Ok(bytes)
        };
        let is_safetensors = name.ends_with(".safetensors");
        if !is_safetensors && !name.ends_with(".gguf") {
            let response = self.explained(repo, fetch::get(http, self.token.as_deref(), &url, None).await?).await?;
            let bytes = fetch::head_of(response, MAX_CONFIG_BYTES).await?;
            return std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()));
        }
        let size = self.wanted(repo, &listing.sha, sibling).await?.size;
        let header = if is_safetensors {
            let length = range(0, 7).await?;
            let length = u64::from_le_bytes(length.try_into().ok().with_context(|| format!("{name} is too short"))?);
            ensure!(length <= MAX_HEADER_BYTES && length + 8 <= size, "{name} is not a safetensors file");
            range(0, 7 + length).await?
        } else {
            range(0, GGUF_HEADER_BYTES.min(size) - 1).await?
        };
        std::fs::write(&path, header).with_context(|| format!("writing {}", path.display()))?;
        let file = std::fs::OpenOptions::new().write(true).open(&path).with_context(|| format!("opening {}", path.display()))?;
        file.set_len(size).with_context(|| format!("sizing {}", path.display()))
    }
}
