//! The engine thread: owns model, KV cache and scheduler and runs `schedule → forward → commit` until nobody is left.
//!
//! It never waits for a reader: a generation's channel has room for all it can produce. A reader that goes away is seen
//! before the next step. What breaks in a step breaks the sequences of that step and nothing else.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::Sender;

use super::batch::{Batch, Pixels, VisualFeatures};
use super::cache::EncoderCache;
use super::constraint::Constraint;
use super::metrics::{Metrics, QueueSlot};
use super::models::CausalModel;
use super::ops::Tensor;
use super::ops::cache::KvCache;
use super::request::{Done, Event, Failure, FinishReason, Timing, TokenLogprob, Usage};
use super::sampler::{Drawn, Row, Sampler, Scratch};
use super::scheduler::{Chunk, Scheduler, Step};
use super::sequence::{NewSequence, SequenceId};
use super::text::TextStream;
use super::tokenizer::Tokenizer;

pub enum Command {
    Run(Box<Job>),
    /// Breaks off everything and ends the thread.
    Stop,
}

/// A prepared request: everything about a sequence that the scheduler need not know.
pub struct Job {
    pub sequence: Option<NewSequence>,
    pub events: Sender<Result<Event, Failure>>,
    pub sampler: Sampler,
    pub constraint: Option<Constraint>,
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

pub struct Clock {
    pub submitted: Instant,
    pub prepared: Instant,
    pub scheduled: Option<Instant>,
    pub first_token: Option<Instant>,
}

pub struct Worker {
    pub model: Box<dyn CausalModel>,
    pub tokenizer: Arc<Tokenizer>,
    pub scheduler: Scheduler,
    pub kv: KvCache,
    pub encoder: EncoderCache,
    pub commands: Receiver<Command>,
    pub metrics: Arc<Metrics>,
    pub jobs: HashMap<SequenceId, Job>,
    pub batch: Batch,
    pub scratch: Scratch,
    /// Look at every invariant after every step (tests).
    pub checks: bool,
}

impl Worker {
    /// Runs until every handle is gone and every generation has ended, or until told to stop.
    pub fn run(mut self) {
        loop {
            let command = if self.scheduler.is_idle() {
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
                Some(Command::Stop) => {
                    for id in self.jobs.keys().copied().collect::<Vec<_>>() {
                        self.fail(id, Failure::Unloaded);
                    }
                    return;
                }
                None => {}
            }
            self.drop_abandoned();
            if !self.scheduler.is_idle() {
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
                self.jobs.insert(id, job);
            }
            Err(_) => {
                let _ = job.events.try_send(Err(Failure::Overloaded { retry_after_s: self.metrics.retry_after_s() }));
            }
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
        self.scheduler.remove(id);
        if let Some(job) = self.jobs.remove(&id) {
            self.metrics.n_failed.add(1);
            let _ = job.events.try_send(Err(failure));
        }
    }

    fn step(&mut self) {
        let started = Instant::now();
        let Self { jobs, encoder, scheduler, .. } = self;
        let step = scheduler.schedule(|id, input| {
            jobs.get(&id).is_some_and(|job| job.features[input].is_some() || encoder.contains(&job.media[input].hash))
        });
        self.metrics.n_preempted.add(step.preempted.len() as u64);
        for chunk in &step.chunks {
            if let Some(job) = self.jobs.get_mut(&chunk.id)
                && job.clock.scheduled.is_none()
            {
                job.clock.scheduled = Some(started);
                job.slot = None;
                self.metrics.n_queue_waits.observe(started - job.clock.prepared);
            }
        }
        if step.chunks.is_empty() {
            // Only pictures were scheduled, or the pool is too small for what waits: neither happens, but a loop that
            // spins in silence would be the worst way to find out.
            debug_assert!(!step.encode.is_empty() || !step.preempted.is_empty(), "nothing could be scheduled");
        }

        let outcome = self.encode(&step).and_then(|()| {
            let encoded = Instant::now();
            let logits = self.forward(&step)?;
            Ok((logits, encoded))
        });
        let (logits, encoded) = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(error.cause = format!("{error:#}"), step.n_tokens = step.n_tokens, "a step of the model failed");
                let failure = Failure::Internal(Arc::new(error));
                for chunk in &step.chunks {
                    self.fail(chunk.id, failure.clone());
                }
                return;
            }
        };
        if let Some(logits) = logits
            && let Err(error) = self.commit(&step, &logits)
        {
            let failure = Failure::Internal(Arc::new(error));
            for chunk in &step.chunks {
                self.fail(chunk.id, failure.clone());
            }
        }
        let seconds = encoded.elapsed().as_secs_f64();
        self.scheduler.observe(&step, seconds);
        self.metrics.observe_step(&step, started.elapsed());
        if self.checks
            && let Err(error) = self.scheduler.check_integrity()
        {
            panic!("the scheduler broke an invariant: {error}");
        }
    }

    /// Runs the vision tower over the step's new pictures, all in one packed batch, and gives every sequence of the step
    /// the features it reads.
    fn encode(&mut self, step: &Step) -> Result<(), anyhow::Error> {
        let mut fresh: HashMap<[u8; 32], Arc<VisualFeatures>> = HashMap::new();
        if !step.encode.is_empty() {
            let pixels: Vec<Pixels> =
                step.encode.iter().filter_map(|encode| Some(self.jobs.get(&encode.id)?.media[encode.input].clone())).collect();
            let model = &self.model;
            let features = catch_unwind(AssertUnwindSafe(|| model.encode(&pixels))).map_err(panicked)??;
            for (pixels, features) in pixels.iter().zip(features) {
                let features = Arc::new(features);
                self.encoder.insert(pixels.hash, Arc::clone(&features));
                fresh.insert(pixels.hash, features);
            }
            self.metrics.n_encoder_misses.add(pixels.len() as u64);
        }
        for chunk in &step.chunks {
            let (Some(sequence), Some(job)) = (self.scheduler.sequence(chunk.id), self.jobs.get_mut(&chunk.id)) else { continue };
            for run in &sequence.visuals {
                let is_read = run.within(chunk.start, chunk.start + chunk.len).is_some();
                if is_read && job.features[run.input].is_none() {
                    job.features[run.input] = match fresh.get(&run.hash) {
                        Some(features) => Some(Arc::clone(features)),
                        None => {
                            self.metrics.n_encoder_hits.add(1);
                            self.encoder.get(&run.hash)
                        }
                    };
                }
            }
        }
        Ok(())
    }

    /// `None` when no row's logits are wanted.
    fn forward(&mut self, step: &Step) -> Result<Option<Tensor>, anyhow::Error> {
        if step.chunks.is_empty() {
            return Ok(None);
        }
        let Self { batch, scheduler, jobs, model, kv, .. } = self;
        batch
            .fill(step, scheduler, |id, input| jobs.get(&id)?.features[input].clone())
            .ok_or_else(|| anyhow::anyhow!("a step reads a picture that was not encoded"))?;
        let mut constraints: Vec<&mut Constraint> = jobs
            .iter_mut()
            .filter(|(id, job)| job.constraint.is_some() && step.chunks.iter().any(|chunk| chunk.samples && chunk.id == **id))
            .filter_map(|(_, job)| job.constraint.as_mut())
            .collect();
        let mut run = || catch_unwind(AssertUnwindSafe(|| model.forward(batch, kv))).map_err(panicked);
        // Masks are computed while the model computes logits.
        let logits = if constraints.is_empty() {
            run()??
        } else {
            rayon::in_place_scope(|scope| {
                for constraint in constraints.drain(..) {
                    scope.spawn(|_| constraint.prepare());
                }
                run()
            })??
        };
        Ok(Some(logits))
    }

    /// Samples every row, hands out what it says, and ends what is done.
    fn commit(&mut self, step: &Step, logits: &Tensor) -> Result<(), anyhow::Error> {
        let n_rows = step.chunks.iter().filter(|chunk| chunk.samples).count();
        let (values, width) = (logits.to_vec()?, logits.width());
        anyhow::ensure!(values.len() == n_rows * width, "the model gave {} rows of logits for {n_rows}", logits.rows());
        let mut rows = values.chunks_exact(width.max(1));
        for chunk in &step.chunks {
            self.scheduler.commit(chunk);
            self.drop_read_features(chunk);
            if !chunk.samples {
                continue;
            }
            let Some(row) = rows.next() else { continue };
            let outcome = catch_unwind(AssertUnwindSafe(|| self.take_token(chunk.id, row))).map_err(panicked);
            match outcome.and_then(|outcome| outcome) {
                Ok(None) => {}
                Ok(Some(reason)) => self.finish(chunk.id, reason),
                Err(error) => {
                    tracing::error!(error.cause = format!("{error:#}"), "sampling a token failed");
                    self.fail(chunk.id, Failure::Internal(Arc::new(error)));
                }
            }
        }
        Ok(())
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

    /// Samples the next token of a sequence; tells why it ended, if it did.
    fn take_token(&mut self, id: SequenceId, logits: &[f32]) -> Result<Option<FinishReason>, anyhow::Error> {
        let (Some(sequence), Some(job)) = (self.scheduler.sequence(id), self.jobs.get_mut(&id)) else { return Ok(None) };
        let mask = job.constraint.as_mut().map(Constraint::mask).transpose()?;
        let position = sequence.tokens.len() as u64;
        let row = Row { logits, n_tokens: self.tokenizer.n_tokens(), mask, position };
        let Some(drawn) = job.sampler.sample(row, &mut self.scratch) else {
            anyhow::bail!("no token is possible: the model gave no finite number, or the grammar allows none");
        };
        let is_full = sequence.tokens.len() + 1 >= sequence.max_len;
        self.metrics.n_completion_tokens.add(1);
        self.scheduler.push_token(id, drawn.id);
        let now = Instant::now();
        let first = *job.clock.first_token.get_or_insert(now);
        if first == now {
            self.metrics.first_token.observe(now - job.clock.submitted);
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
            let _ = events.try_send(Ok(event));
        });
        Ok(if is_stopped || is_complete {
            Some(FinishReason::Stop)
        } else if is_full {
            Some(FinishReason::Length)
        } else {
            None
        })
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
            let _ = events.try_send(Ok(event));
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
        self.metrics.observe_finished(&usage);
        let _ = job.events.try_send(Ok(Event::Done(Done { finish_reason, usage, timing })));
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

fn panicked(payload: Box<dyn Any + Send>) -> anyhow::Error {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    anyhow::anyhow!("the engine crashed: {message}")
}
