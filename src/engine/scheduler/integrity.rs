//! What must hold of a scheduler between steps.

use std::collections::HashSet;

use super::{BLOCK_SIZE, Priority, Scheduler};

impl Scheduler {
    /// Checks everything that must hold between steps, whether one is on its way or not. For tests.
    pub fn check_integrity(&self) -> Result<(), String> {
        self.pool.check_integrity(self.sequences.values().map(|sequence| sequence.blocks.as_slice()))?;
        let mut seen = HashSet::new();
        for id in self.running.iter().chain(self.waiting.iter().flatten()) {
            if !seen.insert(*id) || !self.sequences.contains_key(id) {
                return Err(format!("{id:?} is queued twice or unknown"));
            }
        }
        if seen.len() != self.sequences.len() {
            return Err("a sequence is in no queue".to_owned());
        }
        for sequence in self.sequences.values() {
            let group = sequence.followers.iter().filter_map(|id| self.sequences.get(id)).collect::<Vec<_>>();
            if group.len() != sequence.followers.len() || group.iter().any(|follower| follower.leader != Some(sequence.id)) {
                return Err(format!("{:?} leads sequences that do not follow it", sequence.id));
            }
            if group.iter().any(|follower| follower.n_unseen != sequence.n_unseen) {
                return Err(format!("a token of {:?} is not one of all its followers", sequence.id));
            }
            if sequence.leader.is_some_and(|leader| !self.sequences.get(&leader).is_some_and(|l| l.followers.contains(&sequence.id))) {
                return Err(format!("{:?} follows nobody", sequence.id));
            }
        }
        for id in self.waiting.iter().flatten() {
            let sequence = &self.sequences[id];
            if !sequence.blocks.is_empty() || sequence.n_computed != 0 || sequence.n_launched != 0 || sequence.slot.is_some() {
                return Err(format!("{id:?} waits and holds blocks"));
            }
            if sequence.n_unseen > 1 {
                return Err(format!("{id:?} waits for two steps"));
            }
        }
        let mut slots: Vec<u32> =
            self.running.iter().filter_map(|id| self.sequences[id].slot).chain(self.free_slots.iter().copied()).collect();
        slots.sort_unstable();
        if !slots.into_iter().eq(0..self.limits.max_running as u32) {
            return Err("a slot is lost or held twice".to_owned());
        }
        for id in &self.running {
            let sequence = &self.sequences[id];
            if sequence.slot.is_none() {
                return Err(format!("{id:?} has no slot"));
            }
            if sequence.n_launched >= sequence.len() {
                return Err(format!("{id:?} has nothing to compute"));
            }
            if sequence.n_computed > sequence.n_launched || sequence.n_computed > sequence.tokens.len() {
                return Err(format!("{id:?} has computed what was not launched"));
            }
            if sequence.n_unseen > 2 {
                return Err(format!("{id:?} is {} tokens ahead", sequence.n_unseen));
            }
            if sequence.blocks.len() * BLOCK_SIZE < sequence.n_launched.max(sequence.tokens.len() - 1) {
                return Err(format!("{id:?} has too few blocks"));
            }
            if sequence.n_published > sequence.n_computed / BLOCK_SIZE {
                return Err(format!("{id:?} published what is not computed"));
            }
            if sequence.len() > sequence.max_len {
                return Err(format!("{id:?} is longer than allowed"));
            }
        }
        let keys: Vec<(Priority, u64)> = self.running.iter().map(|id| (self.sequences[id].priority, self.sequences[id].arrival)).collect();
        if !keys.is_sorted() {
            return Err("running is out of order".to_owned());
        }
        for queue in &self.waiting {
            if !queue.iter().map(|id| self.sequences[id].arrival).is_sorted() {
                return Err("a queue is out of order".to_owned());
            }
        }
        Ok(())
    }
}
