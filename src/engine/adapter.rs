//! An adapter of a loaded model: what it adds to the model's layers, and the figures of what was asked of it.

use std::path::Path;
use std::sync::{Arc, mpsc};

use anyhow::{Context, Result};
use metrics::{Gauge, gauge};

use super::metrics::Served;
use super::ops::lora::{Prepared, Updates};
use super::weights::Target;
use super::weights::peft::Peft;
use super::worker::Command;
use super::{Engine, Shared};

/// An adapter where its model is. Sequences hold it until they have ended.
#[derive(Debug)]
pub struct Adapter {
    pub updates: Arc<Updates>,
    /// Of its content: prefixes computed with it are nobody else's.
    pub hash: [u8; 32],
    pub served: Served,
    /// Adapters of the model that are in memory.
    loaded: Gauge,
}

impl Drop for Adapter {
    fn drop(&mut self) {
        self.loaded.decrement(1);
    }
}

impl Engine {
    /// The same model answering with the adapter in a folder. Blocks while it is read; generations go on meanwhile.
    pub fn with_adapter(&self, path: &Path) -> Result<Self> {
        let Shared { backend, targets, name, .. } = &*self.0.shared;
        let peft = Peft::open(path)?;
        let prepared = Prepared::new(backend, targets.len(), &peft.updates(targets)?)?;
        let (reply, placed) = mpsc::channel();
        let on_device = backend.clone();
        let place = move || {
            // Nobody waits for it any more if the receiver is gone.
            let _ = reply.send(prepared.place(&on_device));
        };
        self.0.commands.send(Command::Between(Box::new(place))).ok().context("the model was unloaded")?;
        let updates = placed.recv().context("the model was unloaded")??;
        let own_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let loaded = gauge!("engine_adapters_loaded", "model" => name.clone());
        loaded.increment(1);
        let adapter = Adapter { updates: Arc::new(updates), hash: peft.hash, served: Served::new(&own_name), loaded };
        Ok(Self(Arc::clone(&self.0), Some(Arc::new(adapter))))
    }

    /// Layers that adapters may change.
    pub fn adapter_targets(&self) -> &[Target] {
        &self.0.shared.targets
    }

    /// Both are handles of one model in memory.
    pub fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Nobody else has this handle's adapter: no other handle, no sequence.
    pub fn is_only_user(&self) -> bool {
        self.1.as_ref().is_none_or(|adapter| Arc::strong_count(adapter) == 1)
    }
}
