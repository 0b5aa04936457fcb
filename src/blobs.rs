//! Where uploaded bytes lie: an object store. Knows keys and bytes, no file rows and no names given by users.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

/// Cheap to clone. Writes appear whole or not at all: the local store writes a staged file, syncs it and renames it.
pub type Blobs = Arc<dyn ObjectStore>;

/// The store under `DATA_DIR/blobs`, made when missing.
pub fn open(data_dir: &Path) -> Result<Blobs> {
    let root = data_dir.join("blobs");
    std::fs::create_dir_all(&root).with_context(|| format!("creating {}", root.display()))?;
    let store = LocalFileSystem::new_with_prefix(&root).with_context(|| format!("opening {}", root.display()))?;
    Ok(Arc::new(store.with_fsync(true)))
}
