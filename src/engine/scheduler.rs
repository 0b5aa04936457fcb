//! Decides what the next step computes: which sequences, how many of their tokens, which pictures. Integers only: no
//! tensor, no text, no clock, so that it can be tested by the thousand steps.
//!
//! Rules. One token budget a step. Sequences that decode come first with one row each; then prompts that are partly
//! read; then new ones, by priority class and first come first served inside it. A sequence is admitted when the blocks
//! of all its tokens are there, with a few to spare. When a decoding sequence finds no block, the newest sequence of
//! the lowest class gives all of its blocks back and waits again: its full blocks stay in the prefix index, so reading
//! it a second time is mostly a hit.

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
}

/// A visual input that must be encoded before the step's forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encode {
    pub id: SequenceId,
    pub input: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
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

    /// Forgets a sequence, waiting or running, and gives its blocks back.
    pub fn remove(&mut self, id: SequenceId) {
        let Some(mut sequence) = self.sequences.remove(&id) else { return };
        self.running.retain(|other| *other != id);
        self.waiting[sequence.priority as usize].retain(|other| *other != id);
        free_blocks(&mut self.pool, &mut sequence);
    }

    /// Chooses the next step and takes the blocks it needs. `is_encoded` says whether a sequence's visual input needs no
    /// encoding any more.
    pub fn schedule(&mut self, is_encoded: impl Fn(SequenceId, usize) -> bool) -> Step {
        let mut step = Step::default();
        self.schedule_decodes(&mut step);
        let mut budget = self.pace.n_prompt_tokens(&self.limits, step.n_decode);
        let mut pictures = Pictures { max_patches: self.limits.max_step_patches, n_patches: 0, hashes: HashSet::new() };
        for &id in &self.running {
            if let Some(sequence) = self.sequences.get(&id).filter(|sequence| !sequence.is_decoding()) {
                budget -= schedule_prompt(sequence, budget, &mut pictures, &mut step, &is_encoded);
            }
        }
        if step.preempted.is_empty() {
            self.admit(budget, &mut pictures, &mut step, &is_encoded);
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
            if !sequence.is_decoding() {
                i += 1;
                continue;
            }
            let start = sequence.n_computed;
            if start == sequence.blocks.len() * BLOCK_SIZE {
                let block = loop {
                    match self.pool.allocate() {
                        Some(block) => break Some(block),
                        None => {
                            let Some(victim) = self.running.last().copied() else { break None };
                            self.preempt(victim);
                            step.preempted.push(victim);
                            if victim == id {
                                break None;
                            }
                        }
                    }
                };
                let Some(block) = block else { break };
                if let Some(sequence) = self.sequences.get_mut(&id) {
                    sequence.blocks.push(block);
                }
            }
            step.chunks.push(Chunk { id, start, len: 1, samples: true });
            step.n_decode += 1;
            i += 1;
        }
    }

    fn preempt(&mut self, id: SequenceId) {
        self.running.retain(|other| *other != id);
        let Some(sequence) = self.sequences.get_mut(&id) else { return };
        free_blocks(&mut self.pool, sequence);
        let arrival = sequence.arrival;
        let queue = &mut self.waiting[sequence.priority as usize];
        let at = queue.iter().position(|other| self.sequences[other].arrival > arrival).unwrap_or(queue.len());
        queue.insert(at, id);
    }

    fn admit(&mut self, mut budget: usize, pictures: &mut Pictures, step: &mut Step, is_encoded: &impl Fn(SequenceId, usize) -> bool) {
        if self.n_waiting() == 0 {
            return;
        }
        // Blocks being computed right now: who needs the same ones waits a step instead of computing them twice.
        let mut in_flight: HashSet<BlockHash> = HashSet::new();
        for id in &self.running {
            if let Some(sequence) = self.sequences.get_mut(id).filter(|sequence| !sequence.is_decoding()) {
                in_flight.extend(missing_hashes(sequence, sequence.n_published));
            }
        }
        let watermark = self.pool.n_blocks() / 100;
        for class in 0..self.waiting.len() {
            let mut at = 0;
            while at < self.waiting[class].len() {
                if budget == 0 || self.running.len() >= self.limits.max_running {
                    return;
                }
                let id = self.waiting[class][at];
                let Some(sequence) = self.sequences.get_mut(&id) else { unreachable!("waiting sequences exist") };

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
                    at += 1;
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
                sequence.n_prefix_hit.get_or_insert(sequence.n_computed);
                sequence.blocks = hits;
                for _ in 0..n_new {
                    sequence.blocks.extend(self.pool.allocate());
                }
                let missing = missing_hashes(sequence, sequence.n_published);
                in_flight.extend(missing);
                budget -= schedule_prompt(sequence, budget, pictures, step, is_encoded);
                let key = (sequence.priority, sequence.arrival);
                self.waiting[class].remove(at);
                let at_running = self.running.partition_point(|other| {
                    let other = &self.sequences[other];
                    (other.priority, other.arrival) < key
                });
                self.running.insert(at_running, id);
            }
        }
    }

    /// The chunk's rows are in the cache: its full blocks can be found by others from now on.
    pub fn commit(&mut self, chunk: &Chunk) {
        let Some(sequence) = self.sequences.get_mut(&chunk.id) else { return };
        sequence.n_computed = chunk.start + chunk.len;
        while (sequence.n_published + 1) * BLOCK_SIZE <= sequence.n_computed {
            let index = sequence.n_published;
            let hash = sequence.block_hash(index);
            self.pool.publish(sequence.blocks[index], hash);
            sequence.n_published += 1;
        }
    }

    /// The token that the committed rows of a sequence gave.
    pub fn push_token(&mut self, id: SequenceId, token: u32) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
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

    /// Checks everything that must hold between steps. For tests.
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
        for id in self.waiting.iter().flatten() {
            let sequence = &self.sequences[id];
            if !sequence.blocks.is_empty() || sequence.n_computed != 0 {
                return Err(format!("{id:?} waits and holds blocks"));
            }
        }
        for id in &self.running {
            let sequence = &self.sequences[id];
            if sequence.n_computed >= sequence.tokens.len() {
                return Err(format!("{id:?} has nothing to compute"));
            }
            if sequence.blocks.len() * BLOCK_SIZE < sequence.n_computed.max(sequence.tokens.len() - 1) {
                return Err(format!("{id:?} has too few blocks"));
            }
            if sequence.n_published > sequence.n_computed / BLOCK_SIZE {
                return Err(format!("{id:?} published what is not computed"));
            }
            if sequence.tokens.len() > sequence.max_len {
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

fn free_blocks(pool: &mut BlockPool, sequence: &mut Sequence) {
    // Last first: the end of a prompt is of less use to others than its beginning, so it becomes the older entry.
    for block in sequence.blocks.drain(..).rev() {
        pool.release(block);
    }
    sequence.n_computed = 0;
    sequence.n_published = 0;
}

/// Names of the full blocks that a prompt being read has yet to compute.
fn missing_hashes(sequence: &mut Sequence, from: usize) -> Vec<BlockHash> {
    (from..sequence.tokens.len() / BLOCK_SIZE).map(|i| sequence.block_hash(i)).collect()
}

/// Pictures taken into the step so far.
struct Pictures {
    max_patches: usize,
    n_patches: usize,
    hashes: HashSet<[u8; 32]>,
}

/// Adds the next rows of a prompt, at most `budget`; returns how many.
fn schedule_prompt(
    sequence: &Sequence,
    budget: usize,
    pictures: &mut Pictures,
    step: &mut Step,
    is_encoded: &impl Fn(SequenceId, usize) -> bool,
) -> usize {
    let start = sequence.n_computed;
    let mut end = sequence.tokens.len().min(start + budget);
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
        step.chunks.push(Chunk { id: sequence.id, start, len: end - start, samples: end == sequence.tokens.len() });
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
        features: HashSet<(SequenceId, usize)>,
        n_computed_rows: usize,
        n_steps: usize,
    }

    fn mix(before: u64, token: u64) -> u64 {
        (before ^ token.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(23).wrapping_mul(0xff51_afd7_ed55_8ccd)
    }

    impl Machine {
        fn new(n_blocks: usize, limits: Limits) -> Self {
            let scheduler = Scheduler::new(n_blocks, limits);
            Self { scheduler, slots: vec![0; n_blocks * BLOCK_SIZE], features: HashSet::new(), n_computed_rows: 0, n_steps: 0 }
        }

        fn slot(sequence: &Sequence, row: usize) -> usize {
            sequence.blocks[row / BLOCK_SIZE] as usize * BLOCK_SIZE + row % BLOCK_SIZE
        }

        fn value(sequence: &Sequence, row: usize) -> u64 {
            let picture = sequence.visuals.iter().find(|run| run.within(row, row + 1).is_some());
            let picture = picture.map_or(0, |run| u64::from(run.hash[0]) << 32 | (run.feature_start + row - run.start) as u64);
            u64::from(sequence.tokens[row]) ^ picture << 8
        }

        /// One step; returns the sequences that ended.
        fn step(&mut self) -> (Step, Vec<SequenceId>) {
            let features = &self.features;
            let step = self.scheduler.schedule(|id, input| features.contains(&(id, input)));
            self.n_steps += 1;
            assert!(step.n_tokens <= self.scheduler.limits.max_step_tokens);
            let encoded: HashSet<[u8; 32]> = step
                .encode
                .iter()
                .map(|e| self.scheduler.sequence(e.id).unwrap().visuals.iter().find(|run| run.input == e.input).unwrap().hash)
                .collect();
            for chunk in &step.chunks {
                let sequence = self.scheduler.sequence(chunk.id).unwrap();
                assert_eq!(chunk.start, sequence.n_computed);
                for run in sequence.visuals.iter().filter(|run| run.within(chunk.start, chunk.start + chunk.len).is_some()) {
                    assert!(encoded.contains(&run.hash) || self.features.contains(&(chunk.id, run.input)), "picture not encoded");
                    self.features.insert((chunk.id, run.input));
                }
                for row in chunk.start..chunk.start + chunk.len {
                    let before = row.checked_sub(1).map_or(0, |row| self.slots[Self::slot(sequence, row)]);
                    self.slots[Self::slot(sequence, row)] = mix(before, Self::value(sequence, row));
                    self.n_computed_rows += 1;
                }
            }
            let mut ended = Vec::new();
            for chunk in &step.chunks {
                self.scheduler.commit(chunk);
                if !chunk.samples {
                    continue;
                }
                let sequence = self.scheduler.sequence(chunk.id).unwrap();
                let last = sequence.tokens.len() - 1;
                let want = (0..=last).fold(0, |before, row| mix(before, Self::value(sequence, row)));
                assert_eq!(self.slots[Self::slot(sequence, last)], want, "the cache holds another history");
                let token = (want % 50) as u32;
                self.scheduler.push_token(chunk.id, token);
                let sequence = self.scheduler.sequence(chunk.id).unwrap();
                if sequence.tokens.len() >= sequence.max_len {
                    ended.push(chunk.id);
                }
            }
            for id in &ended {
                self.scheduler.remove(*id);
            }
            self.scheduler.observe(&step, 0.001 + step.n_tokens as f64 * 0.0005);
            self.scheduler.check_integrity().unwrap();
            (step, ended)
        }

        fn run(&mut self) {
            while !self.scheduler.is_idle() {
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
            cache_salt: 0,
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
        assert_eq!(step.chunks[0], Chunk { id: SequenceId(1), start: 10, len: 1, samples: true });
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
    fn random_work_keeps_every_invariant() {
        for seed in 0..6u64 {
            let mut state = seed + 1;
            let mut random = move |n: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % n
            };
            let limits = Limits {
                max_step_tokens: 16 + random(200) as usize,
                max_running: 2 + random(14) as usize,
                max_waiting: 30,
                max_step_patches: 300,
                ..Limits::default()
            };
            let n_blocks = 12 + random(30) as usize;
            let limits = Limits { max_running: limits.max_running.min(limits.max_step_tokens), ..limits };
            let mut machine = Machine::new(n_blocks, limits);
            let (mut next_id, mut alive, mut n_preempted, mut n_aborted) = (0, Vec::new(), 0, 0);
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
                    machine.scheduler.check_integrity().unwrap();
                    n_aborted += 1;
                }
                if random(400) == 0 {
                    machine.scheduler.clear_prefixes();
                }
                let (step, ended) = machine.step();
                n_preempted += step.preempted.len();
                alive.retain(|id| !ended.contains(id));
            }
            machine.run();
            assert_eq!(machine.scheduler.pool().n_used(), 0);
            assert!(n_preempted > 0 && n_aborted > 0, "seed {seed} tried too little");
        }
    }
}
