//! Decides what the next step computes: which sequences, how many of their tokens, which pictures. Integers only: no
//! tensor, no text, no clock, so that it can be tested by the thousand steps.
//!
//! Rules. One token budget a step. Sequences that decode come first with one row each; then prompts that are partly
//! read; then new ones, by priority class and first come first served inside it. A sequence is admitted when the blocks
//! of all its tokens are there, with a few to spare. When a decoding sequence finds no block, the newest sequence of
//! the lowest class gives all of its blocks back and waits again: its full blocks stay in the prefix index, so reading
//! it a second time is mostly a hit.
//!
//! A sequence may have followers: other prompts whose logits decide, together with its own, which token all of them get.
//! They read their prompts up to the last row by themselves and take that and every later row in one step, or none of them
//! does; they are preempted together too, and newer sequences make room for those that are missing. Followers read an unseen
//! token from their leader's slot.
//!
//! A step may be scheduled while the one before it runs. What that one draws is not known then: a sequence counts such a
//! token as *unseen*, and its next row reads it from the sequence's slot on the device. Rows count as launched when they
//! are scheduled and as computed when their step is committed; the device runs steps in order, so blocks of a sequence
//! that ends or is preempted with rows on their way are free at once: whoever gets them writes later. Content is published
//! at commit, when all its tokens are known.

use std::collections::{HashMap, HashSet, VecDeque};

use super::blocks::{BlockHash, BlockPool};
use super::ops::cache::BLOCK_SIZE;
use super::request::Priority;
use super::sequence::{NewSequence, Sequence, SequenceId};

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

/// Prompt rows of a step that the time targets may not push below.
const MIN_CHUNK: usize = 32;
/// Prompt rows of the first steps, before anything was measured.
const FIRST_CHUNK: usize = 512;

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

/// The queue is full.
#[derive(Debug, PartialEq, Eq)]
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

/// Measured cost of steps.
#[derive(Debug, Default)]
struct Pace {
    decode_step_s: Option<f64>,
    prompt_token_s: Option<f64>,
}

impl Pace {
    fn observe(&mut self, n_decode: usize, n_prompt: usize, seconds: f64) {
        let mix = |old: Option<f64>, new: f64| Some(old.map_or(new, |old| 0.75 * old + 0.25 * new));
        if n_prompt == 0 {
            self.decode_step_s = mix(self.decode_step_s, seconds);
        } else {
            let decode_s = if n_decode > 0 { self.decode_step_s.unwrap_or(0.0) } else { 0.0 };
            self.prompt_token_s = mix(self.prompt_token_s, (seconds - decode_s).max(0.0) / n_prompt as f64);
        }
    }

    fn n_prompt_tokens(&self, limits: &Limits, n_decode: usize) -> usize {
        let room = limits.max_step_tokens.saturating_sub(n_decode);
        let Some(token_s) = self.prompt_token_s else { return room.min(FIRST_CHUNK) };
        let time_s = match n_decode {
            0 => limits.idle_step_s,
            _ => limits.target_step_s - self.decode_step_s.unwrap_or(0.0),
        };
        let n = (time_s / token_s.max(1e-9)).max(0.0) as usize;
        n.max(MIN_CHUNK).min(room)
    }
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

    /// Gives a sequence followers with these prompts, for its next `n_tokens` tokens. They take the sequence's place in the
    /// order. It must [wait for its tokens](Sequence::waits_for_tokens), and the pool must hold all of them at once.
    pub fn lead(&mut self, id: SequenceId, prompts: Vec<Vec<u32>>, n_tokens: usize) {
        let Some(leader) = self.sequences.get_mut(&id) else { return };
        debug_assert!(leader.waits_for_tokens && leader.n_unseen == 0 && leader.followers.is_empty());
        let followers: Vec<Sequence> = prompts.into_iter().enumerate().map(|(n, p)| leader.follower(id.follower(n), p, n_tokens)).collect();
        leader.followers = followers.iter().map(|follower| follower.id).collect();
        for follower in followers {
            let id = follower.id;
            self.sequences.insert(id, follower);
            self.queue(id);
        }
    }

    /// Ends what [`lead`](Self::lead) began.
    pub fn dismiss(&mut self, id: SequenceId) {
        let followers = self.sequences.get_mut(&id).map(|leader| std::mem::take(&mut leader.followers));
        for follower in followers.into_iter().flatten() {
            self.remove(follower);
        }
    }

    /// Whom a sequence follows, or itself.
    pub fn leader(&self, id: SequenceId) -> SequenceId {
        self.sequences.get(&id).and_then(|sequence| sequence.leader).unwrap_or(id)
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

    /// A sequence and its followers.
    fn group(&self, leader: SequenceId) -> impl Iterator<Item = SequenceId> {
        let followers = self.sequences.get(&leader).map_or(&[][..], |sequence| &sequence.followers);
        std::iter::once(leader).chain(followers.iter().copied())
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

    /// Waiting sequences of groups that hold blocks already.
    fn missing(&self) -> Vec<SequenceId> {
        let is_missed =
            |id: &SequenceId| self.sequences[id].is_grouped() && self.group(self.leader(*id)).any(|member| self.running.contains(&member));
        self.waiting.iter().flatten().copied().filter(is_missed).collect()
    }

    /// While one of a group waits the others compute nothing, though they hold blocks: whoever came later gives way.
    fn make_room_for_followers(&mut self, step: &mut Step) {
        let key = |sequence: &Sequence| (sequence.priority, sequence.arrival);
        let missing = self.missing();
        for group in missing.chunk_by(|a, b| self.leader(*a) == self.leader(*b)).map(<[_]>::to_vec).collect::<Vec<_>>() {
            let own = key(&self.sequences[&group[0]]);
            let n_blocks: usize = group.iter().map(|id| self.sequences[id].tokens.len().div_ceil(BLOCK_SIZE)).sum();
            let has_room = |scheduler: &Self| {
                n_blocks + scheduler.watermark() <= scheduler.pool.n_available()
                    && scheduler.running.len() + group.len() <= scheduler.limits.max_running
            };
            while !has_room(self) {
                match self.running.last().copied() {
                    Some(victim) if key(&self.sequences[&victim]) > own => self.preempt(victim, step),
                    _ => break,
                }
            }
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

/// The longest sequence of which two, and one of `n_tokens`, fit a pool together: one with its followers.
pub fn group_context_size(n_blocks: usize, n_tokens: usize) -> usize {
    (n_blocks - n_blocks / 100).saturating_sub(n_tokens.div_ceil(BLOCK_SIZE)) / 2 * BLOCK_SIZE
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
mod tests {
    use super::super::sequence::VisualRun;
    use super::*;

    /// A stand-in for the cache and the model: each slot remembers a digest of all tokens up to its own, computed from
    /// the slot before it, so that a wrong block table or a wrongly shared block shows.
    struct Machine {
        scheduler: Scheduler,
        slots: Vec<u64>,
        /// By the sequences' slots.
        last_tokens: Vec<u32>,
        /// Steps are scheduled while the one before is on its way.
        pipelined: bool,
        /// Ends every sequence that draws it.
        end: Option<u32>,
        in_flight: Option<Launched>,
        /// Rows of sequences that had ended or lost their blocks when their step was committed.
        n_dropped: usize,
        /// Every so many steps the device has no room.
        fails_every: usize,
        features: HashSet<(SequenceId, usize)>,
        /// Tokens for which a sequence still has followers.
        led: HashMap<SequenceId, usize>,
        n_computed_rows: usize,
        n_steps: usize,
    }

    /// A step, and the digest at the end of each of its chunks that sample.
    struct Launched {
        step: Step,
        digests: Vec<u64>,
    }

    fn mix(before: u64, token: u64) -> u64 {
        (before ^ token.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(23).wrapping_mul(0xff51_afd7_ed55_8ccd)
    }

    impl Machine {
        fn new(n_blocks: usize, limits: Limits) -> Self {
            Self {
                slots: vec![0; n_blocks * BLOCK_SIZE],
                last_tokens: vec![0; limits.max_running],
                scheduler: Scheduler::new(n_blocks, limits),
                pipelined: false,
                end: None,
                in_flight: None,
                n_dropped: 0,
                fails_every: usize::MAX,
                features: HashSet::new(),
                led: HashMap::new(),
                n_computed_rows: 0,
                n_steps: 0,
            }
        }

        fn pipelined(n_blocks: usize, limits: Limits) -> Self {
            Self { pipelined: true, ..Self::new(n_blocks, limits) }
        }

        fn slot(sequence: &Sequence, row: usize) -> usize {
            sequence.blocks[row / BLOCK_SIZE] as usize * BLOCK_SIZE + row % BLOCK_SIZE
        }

        fn value(sequence: &Sequence, row: usize, token: u32) -> u64 {
            let picture = sequence.visuals.iter().find(|run| run.within(row, row + 1).is_some());
            let picture = picture.map_or(0, |run| u64::from(run.hash[0]) << 32 | (run.feature_start + row - run.start) as u64);
            u64::from(token) ^ picture << 8
        }

        /// Launches a step and commits it, or the one before; returns it and the sequences that ended.
        fn step(&mut self) -> (Step, Vec<SequenceId>) {
            let last_tokens = self.last_tokens.clone();
            let mut launched = self.launch();
            let step = launched.step.clone();
            if self.n_steps.is_multiple_of(self.fails_every) {
                // Rows were computed, tokens were not drawn.
                self.last_tokens = last_tokens;
                self.scheduler.take_back(&step);
                launched = Launched { step: Step::default(), digests: Vec::new() };
            }
            let made_progress = !step.chunks.is_empty() || !step.preempted.is_empty() || self.in_flight.is_some();
            assert!(made_progress || self.scheduler.is_idle(), "nothing could be scheduled");
            let done = if self.pipelined { self.in_flight.replace(launched) } else { Some(launched) };
            if self.in_flight.as_ref().is_some_and(|launched| launched.step.chunks.is_empty()) {
                self.in_flight = None;
            }
            self.scheduler.check_integrity().unwrap();
            let ended = done.map_or(Vec::new(), |done| self.commit(done));
            self.scheduler.check_integrity().unwrap();
            (step, ended)
        }

        /// Schedules and computes, as a device would that knows no more than the launched steps.
        fn launch(&mut self) -> Launched {
            let features = &self.features;
            let step = self.scheduler.schedule(|id, input| features.contains(&(id, input)));
            self.n_steps += 1;
            assert!(step.n_tokens <= self.scheduler.limits.max_step_tokens);
            let encoded: HashSet<[u8; 32]> = step
                .encode
                .iter()
                .map(|e| self.scheduler.sequence(e.id).unwrap().visuals.iter().find(|run| run.input == e.input).unwrap().hash)
                .collect();
            let mut digests = Vec::new();
            for chunk in &step.chunks {
                let sequence = self.scheduler.sequence(chunk.id).unwrap();
                let last = chunk.start + chunk.len - 1;
                assert_eq!(last + 1, sequence.n_launched);
                for run in sequence.visuals.iter().filter(|run| run.within(chunk.start, last + 1).is_some()) {
                    assert!(encoded.contains(&run.hash) || self.features.contains(&(chunk.id, run.input)), "picture not encoded");
                    self.features.insert((chunk.id, run.input));
                }
                assert_eq!(sequence.slot, Some(chunk.slot));
                let drawn_by = self.scheduler.sequence(self.scheduler.leader(chunk.id)).unwrap();
                for row in chunk.start..=last {
                    let before = row.checked_sub(1).map_or(0, |row| self.slots[Self::slot(sequence, row)]);
                    let token = sequence.tokens.get(row).copied();
                    let token = token.unwrap_or_else(|| self.last_tokens[drawn_by.slot.unwrap() as usize]);
                    self.slots[Self::slot(sequence, row)] = mix(before, Self::value(sequence, row, token));
                    self.n_computed_rows += 1;
                }
                if chunk.samples {
                    digests.push((chunk.id, self.slots[Self::slot(sequence, last)]));
                }
            }
            for (id, digest) in &digests {
                let sequence = self.scheduler.sequence(*id).unwrap();
                self.last_tokens[sequence.slot.unwrap() as usize] = Self::token(sequence, *digest, &digests);
            }
            Launched { step, digests: digests.into_iter().map(|(_, digest)| digest).collect() }
        }

        /// All of a group decide together.
        fn token(leader: &Sequence, digest: u64, drawn: &[(SequenceId, u64)]) -> u32 {
            let of = |id: &SequenceId| drawn.iter().find(|(other, _)| other == id).map(|(_, digest)| *digest).expect("drawn together");
            (leader.followers.iter().map(of).fold(digest, mix) % 50) as u32
        }

        fn commit(&mut self, Launched { step, digests }: Launched) -> Vec<SequenceId> {
            let mut digests = digests.into_iter();
            let mut drawn: Vec<(SequenceId, u64)> = Vec::new();
            for chunk in &step.chunks {
                self.scheduler.commit(chunk);
                let digest = chunk.samples.then(|| digests.next().unwrap());
                let sequence = self.scheduler.sequence(chunk.id);
                self.n_dropped += sequence.is_none_or(|sequence| sequence.slot.is_none()) as usize;
                let (Some(sequence), Some(digest)) = (sequence, digest) else { continue };
                let n_rows = chunk.start + chunk.len;
                assert_eq!(sequence.tokens.len(), n_rows);
                let want = (0..n_rows).fold(0, |before, row| mix(before, Self::value(sequence, row, sequence.tokens[row])));
                assert_eq!(digest, want, "the cache held another history");
                drawn.push((chunk.id, digest));
            }
            let mut ended = Vec::new();
            for (id, digest) in &drawn {
                let Some(sequence) = self.scheduler.sequence(*id).filter(|sequence| sequence.leader.is_none()) else { continue };
                let (token, followers) = (Self::token(sequence, *digest, &drawn), sequence.followers.clone());
                for id in followers.iter().chain([id]) {
                    self.scheduler.push_token(*id, token);
                }
                if let Some(n_left) = self.led.get_mut(id) {
                    *n_left -= 1;
                    if *n_left == 0 {
                        self.led.remove(id);
                        self.scheduler.dismiss(*id);
                    }
                }
                let sequence = self.scheduler.sequence(*id).unwrap();
                if self.end == Some(token) || sequence.tokens.len() >= sequence.max_len {
                    ended.push(*id);
                    self.led.remove(id);
                    self.scheduler.remove(*id);
                }
            }
            self.scheduler.observe(&step, 0.001 + step.n_tokens as f64 * 0.0005);
            ended
        }

        fn run(&mut self) {
            while !self.scheduler.is_idle() || self.in_flight.is_some() {
                self.step();
                assert!(self.n_steps < 100_000, "no progress");
            }
        }
    }

    fn sequence(id: u64, prompt: Vec<u32>, max_new_tokens: usize) -> NewSequence {
        NewSequence {
            id: SequenceId(id),
            priority: Priority::Interactive,
            prompt,
            max_new_tokens,
            visuals: Vec::new(),
            positions: None,
            waits_for_tokens: false,
            cache_salt: 0,
            adapter: None,
        }
    }

    fn picture(hash: u8, start: usize, len: usize) -> VisualRun {
        VisualRun { input: 0, hash: [hash; 32], start, len, feature_start: 0, n_patches: 4 * len }
    }

    #[test]
    fn a_step_decodes_first_and_fills_up_with_prompts() {
        let mut machine = Machine::new(64, Limits { max_step_tokens: 64, ..Limits::default() });
        machine.scheduler.add(sequence(1, vec![1; 10], 20)).unwrap();
        machine.step();
        machine.scheduler.add(sequence(2, vec![2; 100], 5)).unwrap();
        let (step, _) = machine.step();
        assert_eq!(step.chunks[0], Chunk { id: SequenceId(1), start: 10, len: 1, samples: true, slot: 0 });
        assert_eq!((step.chunks[1].id, step.chunks[1].start, step.chunks[1].samples), (SequenceId(2), 0, false));
        assert!(step.chunks[1].len <= 63);
        machine.run();
        assert_eq!(machine.scheduler.pool().n_used(), 0);
    }

    #[test]
    fn classes_come_in_order_and_the_newest_of_the_lowest_is_preempted() {
        // Two sequences of 4 blocks each cannot both grow in 6 blocks.
        let mut machine = Machine::new(6, Limits::default());
        let mut batch = sequence(1, vec![1; 60], 60);
        batch.priority = Priority::Batch;
        machine.scheduler.add(batch).unwrap();
        machine.scheduler.add(sequence(2, vec![2; 60], 60)).unwrap();
        let (step, _) = machine.step();
        assert_eq!(step.chunks[0].id, SequenceId(2), "the interactive one goes first");
        let mut preempted = Vec::new();
        while !machine.scheduler.is_idle() {
            preempted.extend(machine.step().0.preempted);
        }
        assert!(!preempted.is_empty() && preempted.iter().all(|id| *id == SequenceId(1)), "{preempted:?}");
    }

    #[test]
    fn a_prompt_seen_before_is_not_computed_again() {
        let mut machine = Machine::new(64, Limits::default());
        let prompt: Vec<u32> = (0..320).collect();
        machine.scheduler.add(sequence(1, prompt.clone(), 1)).unwrap();
        machine.run();
        assert_eq!(machine.n_computed_rows, 320);
        machine.scheduler.add(sequence(2, prompt.clone(), 1)).unwrap();
        machine.step();
        assert_eq!(machine.n_computed_rows, 320 + 32, "the last block is computed for its logits");
        let mut salted = sequence(3, prompt.clone(), 1);
        salted.cache_salt = 9;
        machine.scheduler.add(salted).unwrap();
        machine.step();
        assert_eq!(machine.n_computed_rows, 320 + 32 + 320, "another caller shares nothing");
    }

    #[test]
    fn prompts_that_arrive_together_are_computed_once() {
        let mut machine = Machine::new(64, Limits::default());
        let prompt: Vec<u32> = (0..320).collect();
        for id in 0..4 {
            machine.scheduler.add(sequence(id, prompt.iter().copied().chain([900 + id as u32]).collect(), 1)).unwrap();
        }
        machine.run();
        assert_eq!(machine.n_computed_rows, 321 + 3);
    }

    #[test]
    fn the_same_text_with_another_picture_is_no_hit() {
        let mut machine = Machine::new(64, Limits::default());
        for (id, hash) in [(1, 7), (2, 8), (3, 7)] {
            let mut new = sequence(id, vec![5; 200], 2);
            new.visuals.push(picture(hash, 10, 120));
            machine.scheduler.add(new).unwrap();
            machine.run();
        }
        let cold = 2 * 201;
        assert_eq!(machine.n_computed_rows, cold + 201 - 192);
    }

    #[test]
    fn pictures_over_the_encoder_budget_wait_and_equal_ones_are_encoded_once() {
        let mut machine = Machine::new(256, Limits { max_step_patches: 500, ..Limits::default() });
        for (id, hash) in [(1, 1), (2, 1), (3, 2)] {
            let mut new = sequence(id, vec![id as u32; 150], 1);
            new.visuals.push(picture(hash, 20, 100));
            machine.scheduler.add(new).unwrap();
        }
        let (step, _) = machine.step();
        assert_eq!(step.encode, [Encode { id: SequenceId(1), input: 0 }]);
        let third = step.chunks.iter().find(|chunk| chunk.id == SequenceId(3)).unwrap();
        assert_eq!((third.len, third.samples), (20, false), "the text before the picture is read already");
        let (step, _) = machine.step();
        assert_eq!(step.encode, [Encode { id: SequenceId(3), input: 0 }]);
        machine.run();
    }

    #[test]
    fn a_full_queue_refuses() {
        let mut machine = Machine::new(64, Limits { max_waiting: 1, ..Limits::default() });
        machine.scheduler.add(sequence(1, vec![1], 1)).unwrap();
        assert_eq!(machine.scheduler.add(sequence(2, vec![1], 1)), Err(QueueFull));
        machine.run();
    }

    #[test]
    fn prompts_shrink_while_answers_stream() {
        let mut machine = Machine::new(1024, Limits::default());
        machine.scheduler.add(sequence(1, vec![1; 600], 200)).unwrap();
        machine.step();
        machine.step();
        machine.step();
        machine.scheduler.add(sequence(2, vec![2; 4000], 1)).unwrap();
        let (step, _) = machine.step();
        // 0.5 ms a token and 60 ms a step.
        assert_eq!(step.n_decode, 1);
        assert!((64..=120).contains(&(step.n_tokens - 1)), "{}", step.n_tokens);
        machine.scheduler.remove(SequenceId(1));
        let (step, _) = machine.step();
        assert!((1000..=2100).contains(&step.n_tokens), "{}", step.n_tokens);
    }

    #[test]
    fn an_ending_seen_a_step_late_costs_a_row_and_changes_nothing() {
        let rows = |pipelined: bool| {
            let mut machine = Machine { pipelined, end: Some(7), ..Machine::new(64, Limits::default()) };
            let mut answers = Vec::new();
            for id in 0..8 {
                machine.scheduler.add(sequence(id, vec![id as u32; 40], 100)).unwrap();
            }
            while !machine.scheduler.is_idle() || machine.in_flight.is_some() {
                let tokens: Vec<_> = (0..8).map(|id| machine.scheduler.sequence(SequenceId(id)).map(|s| s.tokens.clone())).collect();
                let (_, ended) = machine.step();
                answers.extend(ended.iter().map(|id| (*id, tokens[id.0 as usize].clone())));
            }
            answers.sort_unstable();
            (answers, machine.n_computed_rows, machine.n_dropped)
        };
        let ((answers, n_rows, n_dropped), (late_answers, n_late_rows, n_late_dropped)) = (rows(false), rows(true));
        assert_eq!(answers, late_answers);
        let n_short = answers.iter().filter(|(_, tokens)| tokens.as_ref().unwrap().len() < 139).count();
        assert!(n_short > 4, "most end by themselves");
        assert_eq!((n_dropped, n_late_dropped, n_late_rows - n_rows), (0, n_short, n_short));
    }

    #[test]
    fn nobody_is_scheduled_past_its_length() {
        let mut machine = Machine::pipelined(64, Limits::default());
        machine.scheduler.add(sequence(1, vec![1; 10], 1)).unwrap();
        assert_eq!(machine.step().0.n_tokens, 10);
        let (step, ended) = machine.step();
        assert_eq!((step.chunks.len(), ended), (0, vec![SequenceId(1)]));
        assert_eq!((machine.n_dropped, machine.scheduler.pool().n_used()), (0, 0));
    }

    #[test]
    fn prefixes_on_their_way_are_waited_for() {
        let mut machine = Machine::pipelined(64, Limits::default());
        let prompt: Vec<u32> = (0..320).collect();
        for id in 0..4 {
            machine.scheduler.add(sequence(id, prompt.iter().copied().chain([900 + id as u32]).collect(), 1)).unwrap();
            machine.step();
        }
        machine.run();
        assert_eq!(machine.n_computed_rows, 321 + 3);
    }

    /// What each of the sequences said, with two followers from its start on and none later.
    fn led(mut machine: Machine, n: u64) -> Vec<Vec<u32>> {
        for id in 0..n {
            machine.scheduler.add(NewSequence { waits_for_tokens: true, ..sequence(id, vec![id as u32; 70], 90) }).unwrap();
            machine.scheduler.lead(SequenceId(id), vec![vec![1, 2], vec![id as u32 + 9; 40]], 50);
            machine.led.insert(SequenceId(id), 50);
        }
        let mut said = vec![Vec::new(); n as usize];
        while !machine.scheduler.is_idle() || machine.in_flight.is_some() {
            for id in 0..n {
                if let Some(sequence) = machine.scheduler.sequence(SequenceId(id)) {
                    said[id as usize] = sequence.tokens.clone();
                }
            }
            machine.step();
        }
        assert_eq!(machine.scheduler.pool().n_used(), 0);
        said
    }

    #[test]
    fn followers_move_in_lockstep_and_nothing_else_changes_what_a_group_says() {
        let alone = led(Machine::new(64, Limits::default()), 1).remove(0);
        assert_eq!(alone.len(), 159, "all but the last token, which ends it");
        let limits = |max_running| Limits { max_running, max_step_tokens: 40, ..Limits::default() };
        // Blocks for one group and a half, slots for one, and both with steps in flight and failing.
        let tight = [Machine::new(17, limits(16)), Machine::new(64, limits(4)), Machine::pipelined(17, limits(5))];
        for machine in tight.into_iter().chain([Machine { fails_every: 7, ..Machine::pipelined(20, limits(7)) }]) {
            assert_eq!(led(machine, 4)[0], alone);
        }
    }

    #[test]
    fn random_work_keeps_every_invariant() {
        for (seed, pipelined) in (0..6u64).flat_map(|seed| [(seed, false), (seed, true)]) {
            let mut state = seed + 1;
            let mut random = move |n: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % n
            };
            let limits = Limits {
                max_step_tokens: 16 + random(200) as usize,
                max_running: 3 + random(13) as usize,
                max_waiting: 30,
                max_step_patches: 300,
                ..Limits::default()
            };
            let n_blocks = 12 + random(30) as usize;
            let limits = Limits { max_running: limits.max_running.min(limits.max_step_tokens), ..limits };
            let mut machine = Machine { pipelined, end: Some(7), fails_every: 13, ..Machine::new(n_blocks, limits) };
            let (mut next_id, mut alive, mut n_preempted, mut n_aborted, mut n_led) = (0, Vec::new(), 0, 0, 0);
            for _ in 0..2500 {
                if random(3) == 0 {
                    let len = 1 + random((n_blocks * BLOCK_SIZE) as u64 / 3) as usize;
                    // Few distinct prefixes, so that blocks are shared.
                    let family = random(3) as u32;
                    let own = random(len as u64 + 1) as usize;
                    let prompt: Vec<u32> = (0..len).map(|i| if i < own { family } else { 100 + random(5) as u32 }).collect();
                    let mut new = sequence(next_id, prompt, 1 + random(80) as usize);
                    new.priority = [Priority::Interactive, Priority::Workflow, Priority::Batch][random(3) as usize];
                    new.cache_salt = u128::from(random(2));
                    // A group of these fits the pool.
                    new.waits_for_tokens = len + new.max_new_tokens < n_blocks * BLOCK_SIZE / 2;
                    if random(2) == 0 && len > 20 {
                        new.visuals.push(picture(random(3) as u8, 3, 1 + random(len as u64 - 10) as usize));
                    }
                    if machine.scheduler.add(new).is_ok() {
                        alive.push(SequenceId(next_id));
                    }
                    next_id += 1;
                }
                if !alive.is_empty() && random(20) == 0 {
                    let id = alive.swap_remove(random(alive.len() as u64) as usize);
                    machine.scheduler.remove(id);
                    machine.led.remove(&id);
                    machine.scheduler.check_integrity().unwrap();
                    n_aborted += 1;
                }
                if random(400) == 0 {
                    machine.scheduler.clear_prefixes();
                }
                let leads = |sequence: &Sequence| sequence.waits_for_tokens && sequence.n_unseen == 0 && sequence.followers.is_empty();
                if let Some(id) = alive.iter().copied().find(|id| machine.scheduler.sequence(*id).is_some_and(leads))
                    && random(10) == 0
                {
                    let n_tokens = 1 + random(20) as usize;
                    let prompts = (0..1 + random(2)).map(|_| vec![random(3) as u32; 1 + random(20) as usize]).collect();
                    machine.scheduler.lead(id, prompts, n_tokens);
                    machine.led.insert(id, n_tokens);
                    n_led += 1;
                }
                let (step, ended) = machine.step();
                n_preempted += step.preempted.len();
                alive.retain(|id| !ended.contains(id));
            }
            machine.run();
            assert_eq!(machine.scheduler.pool().n_used(), 0);
            assert!(n_preempted > 0 && n_aborted > 0 && n_led > 5, "seed {seed} tried too little");
            assert_eq!(machine.n_dropped > 0, pipelined, "seed {seed}");
        }
    }
}
