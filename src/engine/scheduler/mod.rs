//! Decides what the next step computes: which sequences, how many of their tokens, which pictures. Integers only: no
//! tensor, no text, no clock, so that it can be tested by the thousand steps.
//!
//! Rules. One token budget a step. Sequences that decode come first with one row each; then prompts that are partly
//! read; then new ones, by priority class and first come first served inside it. A sequence is admitted when the blocks
//! of all its tokens are there, with a few to spare. When a decoding sequence finds no block, the newest sequence of
//! the lowest class gives all of its blocks back and waits again: its full blocks stay in the prefix index, so reading
//! it a second time is mostly a hit.
//!
//! Sequences may move together (`groups`); how many rows of prompts a step has is learnt (`pace`).
//!
//! A step may be scheduled while the one before it runs. What that one draws is not known then: a sequence counts such a
//! token as *unseen*, and its next row reads it from the sequence's slot on the device. Rows count as launched when they
//! are scheduled and as computed when their step is committed; the device runs steps in order, so blocks of a sequence
//! that ends or is preempted with rows on their way are free at once: whoever gets them writes later. Content is published
//! at commit, when all its tokens are known.

mod groups;
mod integrity;
mod pace;

use std::collections::{HashMap, HashSet, VecDeque};

use super::blocks::{BlockHash, BlockPool};
use super::ops::cache::BLOCK_SIZE;
use super::request::Priority;
use super::sequence::{NewSequence, Sequence, SequenceId};
pub use groups::group_context_size;
use pace::Pace;

#[derive(Debug, Clone)]
pub struct Limits {
    /// Rows of one step.
    pub max_step_tokens: usize,
    /// Sequences that hold blocks at once.
    pub max_running: usize,
    /// Sequences that may wait.
    pub max_waiting: usize,
    /// Wanted duration of a step while somebody's answer streams, seconds.
    pub target_step_s: f64,
    /// Wanted duration of a step when nobody's does; bounds how late a newcomer or a cancellation is seen.
    pub idle_step_s: f64,
    /// Patches encoded in one step; a single larger picture is let through alone.
    pub max_step_patches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_step_tokens: 8192, max_running: 256, max_waiting: 256, target_step_s: 0.06, idle_step_s: 1.0, max_step_patches: 16_384 }
    }
}

/// Rows `start..start + len` of one sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub id: SequenceId,
    pub start: usize,
    pub len: usize,
    /// The chunk ends at the last token: its last row gives the next one.
    pub samples: bool,
    /// Where the cache remembers the sequence's last token.
    pub slot: u32,
}

/// A visual input that must be encoded before the step's forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encode {
    pub id: SequenceId,
    pub input: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    pub chunks: Vec<Chunk>,
    pub encode: Vec<Encode>,
    /// Sequences that lost their blocks.
    pub preempted: Vec<SequenceId>,
    /// Rows of decoding sequences; the others read prompts.
    pub n_decode: usize,
    pub n_tokens: usize,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("its queue is full")]
pub struct QueueFull;

#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    pool: BlockPool,
    sequences: HashMap<SequenceId, Sequence>,
    /// By class; inside a class by arrival.
    waiting: [VecDeque<SequenceId>; 3],
    /// By (class, arrival).
    running: Vec<SequenceId>,
    /// Of `limits.max_running`; every running sequence holds one.
    free_slots: Vec<u32>,
    n_arrivals: u64,
    pace: Pace,
}

impl Scheduler {
    pub fn new(n_blocks: usize, limits: Limits) -> Self {
        Self {
            free_slots: (0..limits.max_running as u32).rev().collect(),
            limits,
            pool: BlockPool::new(n_blocks),
            sequences: HashMap::new(),
            waiting: Default::default(),
            running: Vec::new(),
            n_arrivals: 0,
            pace: Pace::default(),
        }
    }

    pub fn pool(&self) -> &BlockPool {
        &self.pool
    }

    pub fn sequence(&self, id: SequenceId) -> Option<&Sequence> {
        self.sequences.get(&id)
    }

    pub fn n_waiting(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    pub fn n_running(&self) -> usize {
        self.running.len()
    }

    pub fn is_idle(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Puts a sequence into its class's queue. Its tokens must fit the pool and its prompt hold at least one token.
    pub fn add(&mut self, new: NewSequence) -> Result<(), QueueFull> {
        debug_assert!(!new.prompt.is_empty());
        debug_assert!((new.prompt.len() + new.max_new_tokens).div_ceil(BLOCK_SIZE) <= self.pool.n_blocks());
        if self.n_waiting() >= self.limits.max_waiting {
            return Err(QueueFull);
        }
        let sequence = Sequence::new(new, self.n_arrivals);
        self.n_arrivals += 1;
        self.waiting[sequence.priority as usize].push_back(sequence.id);
        self.sequences.insert(sequence.id, sequence);
        Ok(())
    }

    /// Puts a sequence into its class's queue behind those that arrived before it.
    fn queue(&mut self, id: SequenceId) {
        let Sequence { priority, arrival, .. } = self.sequences[&id];
        let queue = &mut self.waiting[priority as usize];
        let at = queue.iter().position(|other| self.sequences[other].arrival > arrival).unwrap_or(queue.len());
        queue.insert(at, id);
    }

    /// Forgets a sequence, waiting or running, with its followers, and gives its blocks back. Rows that are on their way are
    /// dropped.
    pub fn remove(&mut self, id: SequenceId) {
        self.dismiss(id);
        let Some(mut sequence) = self.sequences.remove(&id) else { return };
        self.running.retain(|other| *other != id);
        self.waiting[sequence.priority as usize].retain(|other| *other != id);
        self.stop(&mut sequence);
    }

    /// Chooses the next step and takes the blocks it needs. At most one earlier step may be uncommitted. `is_encoded` says
    /// whether a sequence's visual input needs no encoding any more.
    pub fn schedule(&mut self, is_encoded: impl Fn(SequenceId, usize) -> bool) -> Step {
        let mut step = Step::default();
        self.make_room_for_followers(&mut step);
        self.schedule_decodes(&mut step);
        let mut budget = self.pace.n_prompt_tokens(&self.limits, step.n_decode);
        let mut pictures = Pictures { max_patches: self.limits.max_step_patches, n_patches: 0, hashes: HashSet::new() };
        for &id in &self.running {
            if let Some(sequence) = self.sequences.get_mut(&id).filter(|sequence| !sequence.is_decoding()) {
                budget -= schedule_prompt(sequence, budget, &mut pictures, &mut step, &is_encoded);
            }
        }
        if step.preempted.is_empty() {
            self.admit(budget, &mut pictures, &mut step, &is_encoded);
            if step.chunks.is_empty() {
                // The last of a group may have been found in the cache as a whole.
                self.schedule_decodes(&mut step);
            }
        }
        step.n_tokens = step.chunks.iter().map(|chunk| chunk.len).sum();
        step
    }

    fn schedule_decodes(&mut self, step: &mut Step) {
        // Victims come from the end of `running`, so nobody who already has a row loses it.
        let mut i = 0;
        while i < self.running.len() {
            let id = self.running[i];
            let Some(sequence) = self.sequences.get(&id) else { unreachable!("running sequences exist") };
            // Followers go with their leader.
            if sequence.leader.is_some() || !sequence.can_decode() {
                i += 1;
                continue;
            }
            let group: Vec<SequenceId> = self.group(id).collect();
            if !group.iter().all(|member| self.sequences[member].can_decode()) {
                i += 1;
                continue;
            }
            if !self.grow(&group, step) {
                break;
            }
            for member in &group {
                if let Some(sequence) = self.sequences.get_mut(member) {
                    let end = sequence.n_launched + 1;
                    step.chunks.extend(launch(sequence, end));
                    step.n_decode += 1;
                }
            }
            i += 1;
        }
    }

    /// Blocks for one more row of every sequence of a group. False if the group itself had to give way.
    fn grow(&mut self, group: &[SequenceId], step: &mut Step) -> bool {
        for &member in group {
            let Some(sequence) = self.sequences.get(&member) else { return false };
            if sequence.n_launched < sequence.blocks.len() * BLOCK_SIZE {
                continue;
            }
            let block = loop {
                match self.pool.allocate() {
                    Some(block) => break block,
                    None => {
                        let Some(victim) = self.running.last().copied() else { return false };
                        self.preempt(victim, step);
                        if group.contains(&victim) {
                            return false;
                        }
                    }
                }
            };
            if let Some(sequence) = self.sequences.get_mut(&member) {
                sequence.blocks.push(block);
            }
        }
        true
    }

    /// Takes the blocks of a running sequence and of all that move together with it; they wait again.
    fn preempt(&mut self, id: SequenceId, step: &mut Step) {
        let group: Vec<SequenceId> = self.group(self.leader(id)).collect();
        for id in group {
            if !self.running.contains(&id) {
                continue;
            }
            self.running.retain(|other| *other != id);
            let Some(mut sequence) = self.sequences.remove(&id) else { continue };
            self.stop(&mut sequence);
            self.sequences.insert(id, sequence);
            self.queue(id);
            step.preempted.push(id);
        }
    }

    /// Blocks that stay free for those who run.
    fn watermark(&self) -> usize {
        self.pool.n_blocks() / 100
    }

    fn admit(&mut self, mut budget: usize, pictures: &mut Pictures, step: &mut Step, is_encoded: &impl Fn(SequenceId, usize) -> bool) {
        if self.n_waiting() == 0 {
            return;
        }
        // Blocks being computed right now: who needs the same ones waits a step instead of computing them twice.
        let mut in_flight: HashSet<BlockHash> = HashSet::new();
        for id in &self.running {
            if let Some(sequence) = self.sequences.get_mut(id) {
                in_flight.extend(missing_hashes(sequence, sequence.n_published));
            }
        }
        let watermark = self.watermark();
        // Those that a group waits for come before all others.
        let mut queue = self.missing();
        let others: Vec<SequenceId> = self.waiting.iter().flatten().copied().filter(|id| !queue.contains(id)).collect();
        queue.extend(others);
        for id in queue {
            if budget == 0 || self.running.len() >= self.limits.max_running {
                return;
            }
            let Some(sequence) = self.sequences.get_mut(&id) else { unreachable!("waiting sequences exist") };
            debug_assert_eq!(sequence.n_unseen, 0, "a preempted sequence's last step is committed before it comes back");

            // Full blocks of tokens[..len − 1]: at least one token is always left to compute.
            let n_full = (sequence.tokens.len() - 1) / BLOCK_SIZE;
            let mut hits = Vec::new();
            let mut n_unused_hits = 0;
            while hits.len() < n_full
                && let Some(block) = self.pool.find(sequence.block_hash(hits.len()))
            {
                n_unused_hits += usize::from(self.pool.is_unused(block));
                hits.push(block);
            }
            if hits.len() < n_full && in_flight.contains(&sequence.block_hash(hits.len())) {
                continue;
            }
            let n_new = sequence.tokens.len().div_ceil(BLOCK_SIZE) - hits.len();
            let spare = if self.running.is_empty() { 0 } else { watermark };
            if n_new + n_unused_hits + spare > self.pool.n_available() {
                return;
            }

            for &block in &hits {
                self.pool.retain(block);
            }
            sequence.n_published = hits.len();
            sequence.n_computed = hits.len() * BLOCK_SIZE;
            sequence.n_launched = sequence.n_computed;
            sequence.slot = self.free_slots.pop();
            sequence.n_prefix_hit.get_or_insert(sequence.n_computed);
            sequence.blocks = hits;
            for _ in 0..n_new {
                sequence.blocks.extend(self.pool.allocate());
            }
            let missing = missing_hashes(sequence, sequence.n_published);
            in_flight.extend(missing);
            budget -= schedule_prompt(sequence, budget, pictures, step, is_encoded);
            let key = (sequence.priority, sequence.arrival);
            self.waiting[key.0 as usize].retain(|other| *other != id);
            let at_running = self.running.partition_point(|other| {
                let other = &self.sequences[other];
                (other.priority, other.arrival) < key
            });
            self.running.insert(at_running, id);
        }
    }

    /// Takes back a step that was not computed: it must be the last one scheduled. Its sequences keep their blocks.
    pub fn take_back(&mut self, step: &Step) {
        for chunk in &step.chunks {
            if let Some(sequence) = self.sequences.get_mut(&chunk.id) {
                sequence.n_launched = chunk.start;
                sequence.n_unseen -= usize::from(chunk.samples);
            }
        }
    }

    /// The sequence of a step that gives way when the device has no room for it: the last to read its prompt, or else the
    /// last.
    pub fn victim(&self, step: &Step) -> Option<SequenceId> {
        let prompts = step.chunks[step.n_decode..].last();
        prompts.or(step.chunks.last()).map(|chunk| self.leader(chunk.id))
    }

    /// Gives back what a sequence holds while it runs.
    fn stop(&mut self, sequence: &mut Sequence) {
        // Last first: the end of a prompt is of less use to others than its beginning, so it becomes the older entry.
        for block in sequence.blocks.drain(..).rev() {
            self.pool.release(block);
        }
        self.free_slots.extend(sequence.slot.take());
        sequence.n_computed = 0;
        sequence.n_launched = 0;
        sequence.n_published = 0;
    }

    /// The chunk's rows are in the cache: its full blocks can be found by others from now on. Nothing happens to a
    /// sequence that ended or was preempted after the chunk was launched.
    pub fn commit(&mut self, chunk: &Chunk) {
        let Some(sequence) = self.sequences.get_mut(&chunk.id).filter(|sequence| sequence.slot.is_some()) else { return };
        sequence.n_computed = chunk.start + chunk.len;
        while (sequence.n_published + 1) * BLOCK_SIZE <= sequence.n_computed {
            let index = sequence.n_published;
            let hash = sequence.block_hash(index);
            self.pool.publish(sequence.blocks[index], hash);
            sequence.n_published += 1;
        }
    }

    /// The token that the committed rows of a sequence gave, preempted since or not.
    pub fn push_token(&mut self, id: SequenceId, token: u32) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            debug_assert!(sequence.n_unseen > 0);
            sequence.n_unseen -= 1;
            sequence.tokens.push(token);
        }
    }

    /// How long a step took, encoding not counted.
    pub fn observe(&mut self, step: &Step, seconds: f64) {
        self.pace.observe(step.n_decode, step.n_tokens - step.n_decode, seconds);
    }

    /// Forgets all cached prefixes.
    #[cfg(test)]
    pub fn clear_prefixes(&mut self) {
        self.pool.clear_index();
    }
}

/// Names of the full blocks of known tokens that a running sequence has yet to compute, whoever else comes.
fn missing_hashes(sequence: &mut Sequence, from: usize) -> Vec<BlockHash> {
    (from..sequence.n_ready() / BLOCK_SIZE).map(|i| sequence.block_hash(i)).collect()
}

/// Rows of a running sequence from the first that is not launched.
fn launch(sequence: &mut Sequence, end: usize) -> Option<Chunk> {
    let (start, samples) = (sequence.n_launched, end == sequence.len());
    sequence.n_launched = end;
    sequence.n_unseen += usize::from(samples);
    Some(Chunk { id: sequence.id, start, len: end - start, samples, slot: sequence.slot? })
}

/// Pictures taken into the step so far.
struct Pictures {
    max_patches: usize,
    n_patches: usize,
    hashes: HashSet<[u8; 32]>,
}

/// Adds the next rows of a prompt, at most `budget`; returns how many.
fn schedule_prompt(
    sequence: &mut Sequence,
    budget: usize,
    pictures: &mut Pictures,
    step: &mut Step,
    is_encoded: &impl Fn(SequenceId, usize) -> bool,
) -> usize {
    let start = sequence.n_launched;
    let mut end = sequence.n_ready().min(start + budget);
    for run in &sequence.visuals {
        if run.within(start, end).is_none() || is_encoded(sequence.id, run.input) || pictures.hashes.contains(&run.hash) {
            continue;
        }
        if pictures.n_patches > 0 && pictures.n_patches + run.n_patches > pictures.max_patches {
            end = run.start.max(start);
            break;
        }
        pictures.n_patches += run.n_patches;
        pictures.hashes.insert(run.hash);
        step.encode.push(Encode { id: sequence.id, input: run.input });
    }
    if end > start {
        step.chunks.extend(launch(sequence, end));
    }
    end - start
}

#[cfg(test)]
mod tests;
