//! Adapters among the local models: which model each is for, and which of them stay in memory.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, bail};

use super::{Engines, Found, Loaded, Slot, State};
use crate::engine::ops;
use crate::engine::request::Failure;
use crate::engine::weights::peft;

impl Engines {
    /// The model that an adapter is for: the one that the operator names, or the one of the name in its configuration, with
    /// its owner or without.
    pub(super) fn base_of(&self, adapter: &Found, all: &[Found]) -> Option<Result<Arc<Found>, String>> {
        let header = adapter.checkpoint.adapter.as_ref()?;
        let last = |name: &str| name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_lowercase();
        let models = || all.iter().filter(|found| found.checkpoint.adapter.is_none());
        let option = format!("--adapter-base {}=MODEL", adapter.name);
        let named = self.0.options.adapter_bases.iter().find(|(name, _)| *name == adapter.name).map(|(_, base)| base);
        let found: Vec<_> = match (named, &header.base) {
            (Some(base), _) => models().filter(|found| found.name == *base).collect(),
            (None, Some(base)) => match models().find(|found| found.name.eq_ignore_ascii_case(base)) {
                Some(found) => vec![found],
                None => models().filter(|found| last(&found.name) == last(base)).collect(),
            },
            (None, None) => {
                return Some(Err(format!(
                    "its {} does not say which model it is for (`base_model_name_or_path`): say it with {option}",
                    peft::CONFIG
                )));
            }
        };
        let name = named.or(header.base.as_ref()).map_or("", String::as_str);
        Some(match found.as_slice() {
            [one] => Ok(Arc::new((*one).clone())),
            [] => Err(format!("its base model \"{name}\" is not among the local models: get it, or name another with {option}")),
            many => {
                let names: Vec<_> = many.iter().map(|found| found.name.as_str()).collect();
                Err(format!("its base model \"{name}\" may be {}: choose with {option}", names.join(" or ")))
            }
        })
    }

    /// Loads an adapter, and its base first where that is not in memory. Blocks.
    pub(super) fn load_adapter(&self, adapter: &Found, base: &Result<Arc<Found>, String>) -> Result<Loaded> {
        let base = base.as_ref().map_err(|reason| anyhow::anyhow!("{reason}"))?;
        let Loaded::Llm(engine) = futures::executor::block_on(self.loaded(&base.name, false))? else {
            bail!("its base model \"{}\" writes no text", base.name)
        };
        loop {
            match engine.with_adapter(&adapter.path) {
                Err(error) if is_out_of_memory(&error) => {
                    // An idle one makes room.
                    if !forget_one(&mut self.slots(), &base.name) {
                        return Err(
                            error.context("there is no room for it beside the model: load the model again with a larger `--max-adapters`")
                        );
                    }
                }
                outcome => return outcome.map(Loaded::Llm),
            }
        }
    }
}

fn is_out_of_memory(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ops::Error>().is_some_and(ops::Error::is_out_of_memory)
}

/// Whether the model that an adapter was loaded for is still the one in memory.
pub(super) fn has_base(slots: &HashMap<String, Slot>, base: &str, loaded: &Loaded) -> bool {
    match (slots.get(base).map(|slot| &slot.state), loaded) {
        (Some(State::Ready(Loaded::Llm(base))), Loaded::Llm(engine)) => engine.is_of(base),
        _ => false,
    }
}

/// Leaves room for one more adapter of `base` among the `most` that may be in memory; fails while all of them are in use.
pub(super) fn make_room(slots: &mut HashMap<String, Slot>, base: &str, most: usize) -> Result<(), Failure> {
    let is_loaded = |slot: &&Slot| slot.base.as_deref() == Some(base) && !matches!(slot.state, State::Failed(_));
    let n_loaded = slots.values().filter(is_loaded).count();
    if n_loaded < most.max(1) || forget_one(slots, base) {
        return Ok(());
    }
    let reason = format!("every adapter of {base} that may be in memory ({n_loaded}, `--max-adapters`) is in use");
    Err(Failure::Overloaded { reason, retry_after_s: 1 })
}

/// Lets go of the adapter of `base` that nobody uses and that was asked for longest ago. `false`: all are in use.
fn forget_one(slots: &mut HashMap<String, Slot>, base: &str) -> bool {
    let idle = slots.iter().filter(|(_, slot)| {
        slot.base.as_deref() == Some(base) && matches!(&slot.state, State::Ready(Loaded::Llm(engine)) if engine.is_only_user())
    });
    let oldest = idle.min_by_key(|(_, slot)| slot.used).map(|(name, _)| name.clone());
    oldest.is_some_and(|name| slots.remove(&name).is_some())
}
