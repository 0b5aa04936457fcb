//! The model inside the binary. Development builds read it from the source tree.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "models/ashlar-tiny"]
#[include = "*.json"]
#[include = "*.jinja"]
#[include = "*.safetensors"]
#[exclude = "goldens.json"]
#[exclude = "eval_report.json"]
struct Files;

/// The folder of the bundled model, unpacked below `data_dir` unless it is there. Several processes may do so at once.
pub(super) fn path(data_dir: &Path) -> Result<PathBuf> {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/ashlar-tiny"));
    if cfg!(debug_assertions) && source.join("config.json").exists() {
        return Ok(source.to_owned());
    }
    unpack(data_dir)
}

/// One file of the bundled model.
pub(in crate::engine) fn file(name: &str) -> Result<std::borrow::Cow<'static, [u8]>> {
    Ok(Files::get(name).with_context(|| format!("{name} is not part of the bundled model"))?.data)
}

/// The folder's name ends with a hash of the contents: a new program unpacks its own model beside the old one's.
fn unpack(data_dir: &Path) -> Result<PathBuf> {
    let mut names: Vec<_> = Files::iter().collect();
    names.sort();
    let mut hash = blake3::Hasher::new();
    for name in &names {
        let file = Files::get(name).context("a bundled file is missing")?;
        hash.update(name.as_bytes()).update(&file.metadata.sha256_hash());
    }
    let parent = data_dir.join("bundled");
    let path = parent.join(format!("{}-{}", super::BUNDLED, &hash.finalize().to_hex()[..12]));
    if path.exists() {
        return Ok(path);
    }
    std::fs::create_dir_all(&parent).with_context(|| format!("creating {}", parent.display()))?;
    let staged = tempfile::tempdir_in(&parent).with_context(|| format!("creating a folder in {}", parent.display()))?;
    for name in &names {
        let file = Files::get(name).context("a bundled file is missing")?;
        std::fs::write(staged.path().join(name.as_ref()), &file.data).with_context(|| format!("unpacking {name}"))?;
    }
    // the rename is what makes the model appear; when another process was first, its folder is the same
    match std::fs::rename(staged.path(), &path) {
        Ok(()) => {
            let _renamed = staged.keep();
        }
        Err(_) if path.join("config.json").exists() => {}
        Err(e) => return Err(e).with_context(|| format!("placing {}", path.display())),
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacks_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = unpack(dir.path()).unwrap();
        assert_eq!(unpack(dir.path()).unwrap(), path);
        let index: serde_json::Value = serde_json::from_slice(&std::fs::read(path.join("model.safetensors.index.json")).unwrap()).unwrap();
        for shard in index["weight_map"].as_object().unwrap().values() {
            assert!(path.join(shard.as_str().unwrap()).exists());
        }
        assert!(path.join("tokenizer.json").exists() && !path.join("goldens.json").exists());
        assert_eq!(std::fs::read_dir(dir.path().join("bundled")).unwrap().count(), 1, "no staging folder is left");
    }
}
