//! Thousands of steps over a stand-in for the cache and the model.

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
