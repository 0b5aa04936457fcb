//! The engine thread: owns model, KV cache and scheduler and runs `schedule → launch → commit` until nobody is left.
//!
//! On a device that computes by itself the next step is scheduled and its rows are launched while the step before runs;
//! only then are that one's tokens read and handed out. They decide how the next ones are drawn (penalties, grammars), so
//! drawing is launched last, while the device is at the rows: it never waits for the host. What ends with such a token
//! is seen a step late; the token that was drawn behind it is dropped.
//!
//! It never waits for a reader: a generation's channel has room for all it can produce. A reader that goes away is seen
//! before the next step. What breaks in a step breaks the sequences of that step and nothing else.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::Sender;

use super::adapter::Adapter;
use super::batch::{Batch, Pixels, VisualFeatures};
use super::cache::EncoderCache;
use super::constraint::Constraint;
use super::metrics::{Metrics, QueueSlot};
use super::modality::{Modality, Written};
use super::models::CausalModel;
use super::ops::cache::KvCache;
use super::ops::sampling::{self, Drawn, Pending, SampleRow};
use super::ops::{self, Backend, Tensor};
use super::request::{Done, Event, Failure, FinishReason, Guidance, Timing, TokenLogprob, Usage};
use super::sampler::Sampler;
use super::scheduler::{Chunk, Scheduler, Step};
use super::sequence::{NewSequence, SequenceId};
use super::text::TextStream;
use super::tokenizer::Tokenizer;

pub enum Command {
    Run(Box<Job>),
    /// Work on the device that must not meet a step.
    Between(Box<dyn FnOnce() + Send>),
    /// Breaks off everything and ends the thread.
    Stop,
}

/// A prepared request: everything about a sequence that the scheduler need not know.
pub struct Job {
    pub sequence: Option<NewSequence>,
    pub adapter: Option<Arc<Adapter>>,
    pub events: Sender<Result<Output, Failure>>,
    pub sampler: Sampler,
    pub constraint: Option<Constraint>,
    /// Of models that write pictures too.
    pub modality: Option<Modality>,
    /// `None` = pictures are drawn from the sequence's own logits.
    pub guidance: Option<Guidance>,
    pub text: TextStream,
    /// Ends the generation when sampled.
    pub eos: Vec<u32>,
    pub media: Vec<Pixels>,
    /// Encoded media, from their first placeholder's step to their last.
    pub features: Vec<Option<Arc<VisualFeatures>>>,
    pub wants_logprobs: bool,
    pub n_image_tokens: u32,
    pub clock: Clock,
    /// Held while waiting.
    pub slot: Option<QueueSlot>,
    /// Accounts for the memory of `media`.
    pub _memory: Option<OwnedSemaphorePermit>,
}

/// What the engine thread hands out.
pub enum Output {
    Event(Event),
    /// Ids of a picture's codes. Turning them to pixels takes seconds: whoever reads does it.
    Picture(Vec<u32>),
}

pub struct Clock {
    pub submitted: Instant,
    pub prepared: Instant,
    pub scheduled: Option<Instant>,
    pub first_token: Option<Instant>,
}

/// How the thread runs its steps.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    /// Launch a step before the one before it is committed.
    pub pipelined: bool,
    /// Look at every invariant after every step (tests).
    pub checks: bool,
}

/// A step whose rows are computed, and `T`: logits, or the tokens drawn from them.
pub struct Launched<T> {
    step: Step,
    /// A row for each chunk that samples.
    output: T,
    scheduled: Instant,
    /// After the pictures, as far as the host can tell.
    encoded: Instant,
}

pub struct Worker {
    pub model: Box<dyn CausalModel>,
    pub backend: Backend,
    pub tokenizer: Arc<Tokenizer>,
    pub scheduler: Scheduler,
    pub kv: KvCache,
    pub encoder: EncoderCache,
    pub commands: Receiver<Command>,
    pub metrics: Arc<Metrics>,
    pub jobs: HashMap<SequenceId, Job>,
    pub batch: Batch,
    /// Launched and not committed; always `None` between steps that are not pipelined.
    pub in_flight: Option<Launched<Pending>>,
    /// When a step was committed last.
    pub committed: Option<Instant>,
    /// Since when the device has nothing to do though there is work.
    pub free_since: Option<Instant>,
    pub mode: Mode,
}

impl Worker {
    /// Runs until every handle is gone and every generation has ended, or until told to stop.
    pub fn run(mut self) {
        loop {
            let command = if self.scheduler.is_idle() && self.in_flight.is_none() {
                self.free_since = None;
                match self.commands.recv() {
                    Ok(command) => Some(command),
                    Err(_) => return,
                }
            } else {
                self.commands.try_recv().ok()
            };
            match command {
                Some(Command::Run(job)) => {
                    self.add(*job);
                    continue;
                }
                Some(Command::Between(work)) => {
                    work();
                    continue;
                }
                Some(Command::Stop) => {
                    for id in self.jobs.keys().copied().collect::<Vec<_>>() {
                        self.fail(id, Failure::Unloaded);
                    }
                    if let Some(launched) = self.in_flight.take() {
                        // Nobody wants the tokens, but nothing may be freed while the device works with it.
                        let _ = launched.output.wait();
                    }
                    return;
                }
                None => {}
            }
            self.drop_abandoned();
            if !self.scheduler.is_idle() || self.in_flight.is_some() {
                self.step();
            }
            self.publish_metrics();
        }
    }

    fn add(&mut self, mut job: Job) {
        let Some(sequence) = job.sequence.take() else { return };
        let id = sequence.id;
        match self.scheduler.add(sequence) {
            Ok(()) => {
                if job.modality.as_ref().is_some_and(Modality::in_picture) {
                    self.guide(id, &job);
                }
                self.jobs.insert(id, job);
            }
            Err(full) => {
                let _ = job.events.try_send(Err(self.metrics.overloaded(full)));
            }
        }
    }

    /// Begins the guidance of a picture.
    fn guide(&mut self, id: SequenceId, job: &Job) {
        if let (Some(modality), Some(_), Some(sequence)) = (&job.modality, job.guidance, self.scheduler.sequence(id)) {
            let guides = modality.guides(&sequence.tokens);
            self.scheduler.lead(id, guides, modality.n_guided());
        }
    }

    fn drop_abandoned(&mut self) {
        let gone: Vec<SequenceId> = self.jobs.iter().filter(|(_, job)| job.events.is_closed()).map(|(id, _)| *id).collect();
        for id in gone {
            self.scheduler.remove(id);
            self.jobs.remove(&id);
            self.metrics.n_cancelled.add(1);
        }
    }

    fn fail(&mut self, id: SequenceId, failure: Failure) {
        let id = self.scheduler.leader(id);
        self.scheduler.remove(id);
        if let Some(job) = self.jobs.remove(&id) {
            self.metrics.n_failed.add(1);
            let _ = job.events.try_send(Err(failure));
        }
    }

    fn fail_step(&mut self, step: &Step, error: anyhow::Error) {
        tracing::error!(error.cause = format!("{error:#}"), step.n_tokens = step.n_tokens, "a step of the model failed");
        let failure = Failure::Internal(Arc::new(error));
        for chunk in &step.chunks {
            self.fail(chunk.id, failure.clone());
        }
    }

    /// A step could not be launched. If only memory was missing it is tried again with more room: without cached
    /// pictures, and when there are none, without the newest of its sequences, which is refused.
    fn give_up(&mut self, step: &Step, error: anyhow::Error) {
        if !error.downcast_ref::<ops::Error>().is_some_and(ops::Error::is_out_of_memory) {
            return self.fail_step(step, error);
        }
        self.scheduler.take_back(step);
        if self.encoder.n_bytes() > 0 {
            tracing::warn!(encoder.bytes = self.encoder.n_bytes(), "the device is out of memory: forgetting cached pictures");
            return self.encoder.clear();
        }
        tracing::warn!(
            error.cause = format!("{error:#}"),
            step.n_tokens = step.n_tokens,
            "the device is out of memory: refusing a request"
        );
        if let Some(id) = self.scheduler.victim(step) {
            self.fail(id, self.metrics.overloaded("the device is out of memory"));
        }
    }

    fn step(&mut self) {
        let launched = self.launch();
        if let Some(before) = self.in_flight.take() {
            self.commit(before);
            if launched.is_some() {
                self.free_since = None;
            }
        }
        let launched = launched.and_then(|launched| self.draw(launched));
        if self.mode.pipelined {
            self.in_flight = launched;
        } else if let Some(launched) = launched {
            self.commit(launched);
        }
        if self.mode.checks
            && let Err(error) = self.scheduler.check_integrity()
        {
            panic!("the scheduler broke an invariant: {error}");
        }
    }

    /// Schedules a step and sends its rows to the device. `None` if nothing can be scheduled before the step in flight is
    /// committed, or if the step failed.
    fn launch(&mut self) -> Option<Launched<Tensor>> {
        let scheduled = Instant::now();
        let Self { jobs, encoder, scheduler, .. } = self;
        let step = scheduler.schedule(|id, input| {
            jobs.get(&id).is_some_and(|job| job.features[input].is_some() || encoder.contains(&job.media[input].hash))
        });
        self.metrics.n_preempted.add(step.preempted.len() as u64);
        if step.chunks.is_empty() {
            // The pool is too small for what waits: it never is, but a loop that spins in silence would be the worst way
            // to find out.
            let made_progress = self.in_flight.is_some() || !step.preempted.is_empty();
            debug_assert!(made_progress || self.scheduler.is_idle(), "nothing could be scheduled");
            return None;
        }
        for chunk in &step.chunks {
            if let Some(job) = self.jobs.get_mut(&chunk.id)
                && job.clock.scheduled.is_none()
            {
                job.clock.scheduled = Some(scheduled);
                job.slot = None;
                self.metrics.n_queue_waits.observe(scheduled - job.clock.prepared);
            }
        }
        let outcome = caught(|| {
            self.encode(&step)?;
            let encoded = Instant::now();
            Ok((encoded, self.forward(&step)?))
        });
        match outcome {
            Ok((encoded, output)) => Some(Launched { step, output, scheduled, encoded }),
            Err(error) => {
                self.give_up(&step, error);
                None
            }
        }
    }

    /// Sends to the device how the tokens of a step are to be drawn. `None` if that failed.
    fn draw(&mut self, launched: Launched<Tensor>) -> Option<Launched<Pending>> {
        let Launched { step, output: logits, scheduled, encoded } = launched;
        let outcome = caught(|| {
            sampling::guide(&self.backend, &logits, &self.guides(&step))?;
            let rows = self.plan_rows(&step);
            Ok(sampling::sample(&self.backend, &logits, self.tokenizer.n_tokens(), &rows, &mut self.kv)?)
        });
        match outcome {
            Ok(output) => Some(Launched { step, output, scheduled, encoded }),
            Err(error) => {
                self.give_up(&step, error);
                None
            }
        }
    }

    /// Runs the vision tower over the step's new pictures, all in one packed batch, and gives every sequence of the step
    /// the features it reads.
    fn encode(&mut self, step: &Step) -> Result<(), anyhow::Error> {
        // What is cached is taken first: new pictures may push it out.
        let n_hits = self.give_features(step, |encoder, hash| encoder.get(hash));
        self.metrics.n_encoder_hits.add(n_hits);
        if step.encode.is_empty() {
            return Ok(());
        }
        let pixels: Vec<Pixels> =
            step.encode.iter().filter_map(|encode| Some(self.jobs.get(&encode.id)?.media[encode.input].clone())).collect();
        self.device_starts();
        let features = self.model.encode(&pixels)?;
        let mut fresh: HashMap<[u8; 32], Arc<VisualFeatures>> = HashMap::new();
        for (pixels, features) in pixels.iter().zip(features) {
            let features = Arc::new(features);
            self.encoder.insert(pixels.hash, Arc::clone(&features));
            fresh.insert(pixels.hash, features);
        }
        self.metrics.n_encoder_misses.add(pixels.len() as u64);
        self.give_features(step, |_, hash| fresh.get(hash).map(Arc::clone));
        Ok(())
    }

    /// Gives the sequences of a step the features they read and do not have, if `find` knows them; returns how many.
    fn give_features(&mut self, step: &Step, mut find: impl FnMut(&mut EncoderCache, &[u8; 32]) -> Option<Arc<VisualFeatures>>) -> u64 {
        let mut n_given = 0;
        for chunk in &step.chunks {
            let (Some(sequence), Some(job)) = (self.scheduler.sequence(chunk.id), self.jobs.get_mut(&chunk.id)) else { continue };
            for run in &sequence.visuals {
                let is_read = run.within(chunk.start, chunk.start + chunk.len).is_some();
                if is_read && job.features[run.input].is_none() {
                    job.features[run.input] = find(&mut self.encoder, &run.hash);
                    n_given += u64::from(job.features[run.input].is_some());
                }
            }
        }
        n_given
    }

    /// Runs the model over the step's rows: logits of those that end a sequence.
    fn forward(&mut self, step: &Step) -> Result<Tensor, anyhow::Error> {
        let Self { batch, scheduler, jobs, .. } = self;
        batch
            .fill(
                step,
                scheduler,
                |id, input| jobs.get(&id)?.features[input].clone(),
                |id| Some(Arc::clone(&jobs.get(&scheduler.leader(id))?.adapter.as_ref()?.updates)),
            )
            .ok_or_else(|| anyhow::anyhow!("a step reads a picture that was not encoded"))?;
        self.device_starts();
        if let Some(before) = &self.in_flight {
            self.metrics.n_overlapped_steps.add(1);
            self.metrics.n_late_steps.add(before.output.is_ready().into());
        }
        let Self { batch, scheduler, jobs, model, kv, .. } = self;
        // Masks are computed while the model computes logits; now, if all tokens before are known.
        let is_known = |id: SequenceId| scheduler.sequence(id).is_some_and(|sequence| sequence.n_unseen == 1);
        let constraints = constraints(jobs, step, is_known);
        if constraints.is_empty() {
            return Ok(model.forward(batch, kv)?);
        }
        Ok(rayon::in_place_scope(|scope| {
            for constraint in constraints {
                scope.spawn(|_| constraint.prepare());
            }
            model.forward(batch, kv)
        })?)
    }

    /// Which rows of logits decide together.
    fn guides(&self, step: &Step) -> Vec<sampling::Guide> {
        let ids: Vec<SequenceId> = step.chunks.iter().filter(|chunk| chunk.samples).map(|chunk| chunk.id).collect();
        let row_of = |wanted: &SequenceId| ids.iter().position(|id| id == wanted);
        let guides = ids.iter().enumerate().filter_map(|(row, id)| {
            let followers = &self.scheduler.sequence(*id)?.followers;
            let Guidance { image, text } = self.jobs.get(id)?.guidance?;
            let none_row = row_of(followers.first()?)?;
            Some(sampling::Guide { row, none_row, image_row: row_of(followers.last()?)?, image, text })
        });
        guides.collect()
    }

    /// How the token of each row of logits is to be drawn.
    fn plan_rows(&mut self, step: &Step) -> Vec<SampleRow> {
        constraints(&mut self.jobs, step, |_| true).into_par_iter().for_each(Constraint::prepare);
        let mut rows = Vec::new();
        let mut broken = Vec::new();
        for chunk in step.chunks.iter().filter(|chunk| chunk.samples) {
            let position = (chunk.start + chunk.len) as u64;
            let Some(job) = self.jobs.get_mut(&chunk.id) else {
                // It ended while the row was on its way.
                rows.push(SampleRow::greedy(position, chunk.slot));
                continue;
            };
            let n_room = self.scheduler.sequence(chunk.id).map_or(0, |sequence| sequence.max_len - sequence.tokens.len());
            let allowed = job.modality.as_ref().map(|modality| modality.mask(n_room));
            if let (Some(allowed), true) = (allowed, job.modality.as_ref().is_some_and(Modality::in_picture)) {
                rows.push(job.sampler.plan_code(position, chunk.slot, allowed.to_vec()));
                continue;
            }
            let mask = match job.constraint.as_mut().map(Constraint::mask).transpose() {
                Ok(mask) => mask.map(<[u32]>::to_vec),
                Err(error) => {
                    broken.push((chunk.id, error));
                    None
                }
            };
            let mask = match (mask, allowed) {
                (Some(mut mask), Some(allowed)) => {
                    mask.iter_mut().zip(allowed).for_each(|(word, allowed)| *word &= allowed);
                    Some(mask)
                }
                (mask, allowed) => mask.or(allowed.map(<[u32]>::to_vec)),
            };
            rows.push(job.sampler.plan(position, chunk.slot, mask));
        }
        for (id, error) in broken {
            tracing::error!(error.cause = format!("{error:#}"), "a grammar failed");
            self.fail(id, Failure::Internal(Arc::new(error)));
        }
        rows
    }

    /// Ends the time in which the device had nothing to do.
    fn device_starts(&mut self) {
        if let Some(since) = self.free_since.take() {
            self.metrics.launch_gaps.observe(since.elapsed());
        }
    }

    /// Reads a step's tokens, hands out what they say, and ends what is done.
    fn commit(&mut self, launched: Launched<Pending>) {
        let Launched { step, output, scheduled, encoded } = launched;
        let drawn = caught(|| Ok(output.wait()?));
        self.free_since = Some(Instant::now());
        let drawn = match drawn {
            Ok(drawn) => drawn,
            Err(error) => return self.fail_step(&step, error),
        };
        let mut drawn = drawn.into_iter();
        for chunk in &step.chunks {
            self.scheduler.commit(chunk);
            self.drop_read_features(chunk);
            if !chunk.samples {
                continue;
            }
            let drawn = drawn.next().flatten();
            match caught(|| self.take_token(chunk.id, drawn)) {
                Ok(None) => {}
                Ok(Some(reason)) => self.finish(chunk.id, reason),
                Err(error) => {
                    tracing::error!(error.cause = format!("{error:#}"), "taking a token failed");
                    self.fail(chunk.id, Failure::Internal(Arc::new(error)));
                }
            }
        }
        // A step lasts from its launch, or from the end of the one it was launched behind.
        let now = Instant::now();
        let since = |from: Instant| now - self.committed.map_or(from, |committed| committed.max(from));
        self.scheduler.observe(&step, since(encoded).as_secs_f64());
        self.metrics.observe_step(&step, since(scheduled));
        self.committed = Some(now);
    }

    /// Features that no later row of the sequence reads.
    fn drop_read_features(&mut self, chunk: &Chunk) {
        let (Some(sequence), Some(job)) = (self.scheduler.sequence(chunk.id), self.jobs.get_mut(&chunk.id)) else { return };
        if job.features.iter().all(Option::is_none) {
            return;
        }
        for (input, features) in job.features.iter_mut().enumerate() {
            let end = sequence.visuals.iter().filter(|run| run.input == input).map(|run| run.start + run.len).max();
            if end.is_none_or(|end| end <= chunk.start + chunk.len) {
                *features = None;
            }
        }
    }

    /// Takes the next token of a sequence; tells why it ended, if it did. A sequence that has ended since the token's step
    /// was launched takes none.
    fn take_token(&mut self, id: SequenceId, drawn: Option<Drawn>) -> Result<Option<FinishReason>, anyhow::Error> {
        let (Some(sequence), Some(job)) = (self.scheduler.sequence(id), self.jobs.get_mut(&id)) else { return Ok(None) };
        let Some(drawn) = drawn else {
            anyhow::bail!("no token is possible: the model gave no finite number, or the grammar allows none");
        };
        let is_full = sequence.tokens.len() + 1 >= sequence.max_len;
        self.metrics.n_completion_tokens.add(1);
        for follower in sequence.followers.clone() {
            self.scheduler.push_token(follower, drawn.id);
        }
        self.scheduler.push_token(id, drawn.id);
        let now = Instant::now();
        let first = *job.clock.first_token.get_or_insert(now);
        if first == now {
            self.metrics.first_token.observe(now - job.clock.submitted);
        }
        match job.modality.as_mut().map_or(Written::Text, |modality| modality.accept(drawn.id)) {
            Written::Text => job.sampler.accept(drawn.id),
            written => return Ok(self.take_code(id, written, is_full)),
        }
        if job.eos.contains(&drawn.id) {
            return Ok(Some(FinishReason::Stop));
        }
        let is_complete = match &mut job.constraint {
            Some(constraint) => constraint.accept(drawn.id)?,
            None => false,
        };
        let logprob = job.wants_logprobs.then(|| token_logprob(&self.tokenizer, &drawn)).flatten();
        let events = &job.events;
        let is_stopped = job.text.push(drawn.id, logprob, &mut |event| {
            let _ = events.try_send(Ok(Output::Event(event)));
        });
        Ok(if is_stopped || is_complete {
            Some(FinishReason::Stop)
        } else if is_full {
            Some(FinishReason::Length)
        } else {
            None
        })
    }

    /// Goes on behind a token of a picture; tells why the sequence ended, if it did.
    fn take_code(&mut self, id: SequenceId, written: Written, is_full: bool) -> Option<FinishReason> {
        match written {
            Written::PictureBegins => {
                if let Some(mut job) = self.jobs.remove(&id) {
                    // What was held back, as the beginning of a stop string, comes before the picture.
                    let events = &job.events;
                    job.text.finish(&mut |event| {
                        let _ = events.try_send(Ok(Output::Event(event)));
                    });
                    self.guide(id, &job);
                    self.jobs.insert(id, job);
                }
            }
            Written::LastCode => self.scheduler.dismiss(id),
            Written::Picture(ids) => {
                let job = self.jobs.get(&id)?;
                let _ = job.events.try_send(Ok(Output::Picture(ids)));
                if job.modality.as_ref().is_some_and(Modality::is_complete) {
                    return Some(FinishReason::Stop);
                }
            }
            Written::Code | Written::Text => {}
        }
        is_full.then_some(FinishReason::Length)
    }

    fn finish(&mut self, id: SequenceId, reason: FinishReason) {
        let Some(mut job) = self.jobs.remove(&id) else { return };
        let usage = self.scheduler.sequence(id).map(|sequence| Usage {
            prompt_tokens: sequence.n_prompt as u32,
            completion_tokens: (sequence.tokens.len() - sequence.n_prompt) as u32,
            cached_tokens: sequence.n_prefix_hit.unwrap_or(0) as u32,
            image_tokens: job.n_image_tokens,
        });
        let usage = usage.unwrap_or_default();
        self.scheduler.remove(id);
        let events = &job.events;
        job.text.finish(&mut |event| {
            let _ = events.try_send(Ok(Output::Event(event)));
        });
        let finish_reason = match reason {
            FinishReason::Stop if job.text.n_calls() > 0 => FinishReason::ToolCalls,
            reason => reason,
        };
        let clock = &job.clock;
        let since = |at: Option<Instant>, from: Instant| at.map_or(0.0, |at| (at - from).as_secs_f64());
        let timing = Timing {
            prepare_s: (clock.prepared - clock.submitted).as_secs_f64(),
            queue_s: since(clock.scheduled, clock.prepared),
            time_to_first_token_s: since(clock.first_token, clock.submitted),
            total_s: clock.submitted.elapsed().as_secs_f64(),
        };
        self.metrics.observe_finished(&usage, job.adapter.as_ref().map(|adapter| &adapter.served));
        let _ = job.events.try_send(Ok(Output::Event(Event::Done(Done { finish_reason, usage, timing }))));
    }

    fn publish_metrics(&self) {
        let pool = self.scheduler.pool();
        self.metrics.publish(
            self.scheduler.n_waiting(),
            self.scheduler.n_running(),
            pool.n_used(),
            pool.n_indexed(),
            self.encoder.n_bytes(),
        );
    }
}

fn token_logprob(tokenizer: &Tokenizer, drawn: &Drawn) -> Option<TokenLogprob> {
    let text = |id: u32| {
        let bytes = tokenizer.token_bytes(id).to_vec();
        (String::from_utf8_lossy(&bytes).into_owned(), bytes)
    };
    let logprobs = drawn.logprobs.as_ref()?;
    let (token, bytes) = text(drawn.id);
    let top = logprobs.top.iter().map(|&(id, logprob)| {
        let (token, bytes) = text(id);
        (token, bytes, logprob)
    });
    Some(TokenLogprob { token, bytes, logprob: logprobs.chosen, top: top.collect() })
}

/// Grammars of a step's sequences that draw a token and that `wanted` holds for.
fn constraints<'a>(jobs: &'a mut HashMap<SequenceId, Job>, step: &Step, wanted: impl Fn(SequenceId) -> bool) -> Vec<&'a mut Constraint> {
    let draws = |id: SequenceId| step.chunks.iter().any(|chunk| chunk.samples && chunk.id == id);
    jobs.iter_mut().filter_map(|(id, job)| job.constraint.as_mut().filter(|_| draws(*id) && wanted(*id))).collect()
}

/// A panic of `work` as an error.
fn caught<T>(work: impl FnOnce() -> Result<T, anyhow::Error>) -> Result<T, anyhow::Error> {
    catch_unwind(AssertUnwindSafe(work)).map_err(panicked).flatten()
}

fn panicked(payload: Box<dyn Any + Send>) -> anyhow::Error {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    anyhow::anyhow!("the engine crashed: {message}")
}
