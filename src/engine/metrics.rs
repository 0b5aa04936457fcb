//! Counters of one engine, written by its thread and read by anybody; the same figures go to the process's metrics under
//! the model's name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::{Gauge, Histogram, gauge, histogram};

use super::request::{Failure, Usage};
use super::scheduler::Step;

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Number and total of some durations.
pub struct Durations {
    n: Counter,
    micros: Counter,
    exported: Histogram,
}

impl Durations {
    fn new(exported: Histogram) -> Self {
        Self { n: Counter::default(), micros: Counter::default(), exported }
    }

    pub fn observe(&self, duration: Duration) {
        self.exported.record(duration.as_secs_f64());
        self.n.add(1);
        self.micros.add(duration.as_micros() as u64);
    }

    fn mean_s(&self) -> f64 {
        self.micros.get() as f64 / 1e6 / self.n.get().max(1) as f64
    }
}

/// Gauges of the process's metrics, set after every step.
struct Exported {
    running: Gauge,
    waiting: Gauge,
    used_blocks: Gauge,
    served: Served,
}

/// What was asked of a model, or of an adapter by its own name, and answered.
pub struct Served {
    prompt_tokens: metrics::Counter,
    cached_tokens: metrics::Counter,
    completion_tokens: metrics::Counter,
    requests: metrics::Counter,
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Served")
    }
}

impl Served {
    pub fn new(model: &str) -> Self {
        let model = model.to_owned();
        let tokens = |kind: &'static str| metrics::counter!("engine_tokens_total", "model" => model.clone(), "kind" => kind);
        Self {
            prompt_tokens: tokens("prompt"),
            cached_tokens: tokens("cached"),
            completion_tokens: tokens("completion"),
            requests: metrics::counter!("engine_requests_finished_total", "model" => model.clone()),
        }
    }

    fn observe(&self, usage: &Usage) {
        self.requests.increment(1);
        self.prompt_tokens.increment(u64::from(usage.prompt_tokens));
        self.cached_tokens.increment(u64::from(usage.cached_tokens));
        self.completion_tokens.increment(u64::from(usage.completion_tokens));
    }
}

pub struct Metrics {
    exported: Exported,
    started: Instant,
    queue_limit: usize,
    n_blocks: usize,
    /// Requests that were accepted and have not begun.
    n_queued: AtomicU64,
    n_waiting: Counter,
    n_running: Counter,
    n_used_blocks: Counter,
    n_indexed_blocks: Counter,
    encoder_bytes: Counter,
    pub n_completion_tokens: Counter,
    n_prompt_tokens: Counter,
    n_cached_tokens: Counter,
    pub n_encoder_hits: Counter,
    pub n_encoder_misses: Counter,
    n_steps: Counter,
    n_step_tokens: Counter,
    pub n_overlapped_steps: Counter,
    pub n_late_steps: Counter,
    pub n_preempted: Counter,
    n_finished: Counter,
    pub n_cancelled: Counter,
    pub n_failed: Counter,
    pub n_queue_waits: Durations,
    pub first_token: Durations,
    decode_steps: Durations,
    mixed_steps: Durations,
    /// What the device waited for its next step while there was work.
    pub launch_gaps: Durations,
    /// Mean microseconds between the ends of requests, recent ones weighing more.
    finish_interval_us: Counter,
    last_finish_us: Counter,
}

/// What an engine is doing and has done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Snapshot {
    /// Requests being prepared or waiting.
    pub n_queued: u64,
    /// Of those, sequences in the scheduler's queue (preempted ones included).
    pub n_waiting: u64,
    pub n_running: u64,
    pub n_blocks: u64,
    pub n_used_blocks: u64,
    /// Blocks whose content can be reused.
    pub n_indexed_blocks: u64,
    pub encoder_bytes: u64,
    pub n_prompt_tokens: u64,
    pub n_cached_tokens: u64,
    pub n_completion_tokens: u64,
    pub n_encoder_hits: u64,
    pub n_encoder_misses: u64,
    pub n_steps: u64,
    /// Rows of all steps.
    pub n_step_tokens: u64,
    /// Steps launched while the one before was on the device.
    pub n_overlapped_steps: u64,
    /// Of those, steps launched when that one was done already: the device had to wait.
    pub n_late_steps: u64,
    pub n_preempted: u64,
    pub n_finished: u64,
    pub n_cancelled: u64,
    pub n_failed: u64,
    pub mean_queue_s: f64,
    pub mean_first_token_s: f64,
    /// Steps that only decode: the time between two tokens of an answer.
    pub mean_decode_step_s: f64,
    /// Steps that also read prompts.
    pub mean_mixed_step_s: f64,
    /// Between a step's results and the launch of the next, where they do not overlap.
    pub mean_launch_gap_s: f64,
}

impl Metrics {
    /// `model` labels the exported figures.
    pub fn new(queue_limit: usize, n_blocks: usize, model: &str) -> Self {
        let model = model.to_owned();
        let seconds = |name: &'static str| Durations::new(histogram!(name, "model" => model.clone()));
        let step =
            |kind: &'static str| Durations::new(histogram!("engine_step_duration_seconds", "model" => model.clone(), "kind" => kind));
        let exported = Exported {
            running: gauge!("engine_running_sequences", "model" => model.clone()),
            waiting: gauge!("engine_waiting_sequences", "model" => model.clone()),
            used_blocks: gauge!("engine_kv_blocks_used", "model" => model.clone()),
            served: Served::new(&model),
        };
        gauge!("engine_kv_blocks", "model" => model.clone()).set(n_blocks as f64);
        Self {
            exported,
            started: Instant::now(),
            queue_limit,
            n_blocks,
            n_queued: AtomicU64::new(0),
            n_waiting: Counter::default(),
            n_running: Counter::default(),
            n_used_blocks: Counter::default(),
            n_indexed_blocks: Counter::default(),
            encoder_bytes: Counter::default(),
            n_completion_tokens: Counter::default(),
            n_prompt_tokens: Counter::default(),
            n_cached_tokens: Counter::default(),
            n_encoder_hits: Counter::default(),
            n_encoder_misses: Counter::default(),
            n_steps: Counter::default(),
            n_step_tokens: Counter::default(),
            n_overlapped_steps: Counter::default(),
            n_late_steps: Counter::default(),
            n_preempted: Counter::default(),
            n_finished: Counter::default(),
            n_cancelled: Counter::default(),
            n_failed: Counter::default(),
            n_queue_waits: seconds("engine_queue_duration_seconds"),
            first_token: seconds("engine_first_token_seconds"),
            decode_steps: step("decode"),
            mixed_steps: step("mixed"),
            launch_gaps: seconds("engine_launch_gap_seconds"),
            finish_interval_us: Counter::default(),
            last_finish_us: Counter::default(),
        }
    }

    /// A place in the queue, or `None` if it is full.
    pub fn queue_slot(self: &Arc<Self>) -> Option<QueueSlot> {
        let limit = self.queue_limit as u64;
        let taken = self.n_queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1));
        taken.ok().map(|_| QueueSlot(Arc::clone(self)))
    }

    /// What a caller is refused with who may find a place later: in about the time that half of the queue takes.
    pub fn overloaded(&self, reason: impl ToString) -> Failure {
        let interval_s = self.finish_interval_us.get() as f64 / 1e6;
        let wait_s = interval_s * self.n_queued.load(Ordering::Relaxed) as f64 / 2.0;
        Failure::Overloaded { reason: reason.to_string(), retry_after_s: (wait_s.ceil() as u64).clamp(1, 60) }
    }

    pub fn observe_step(&self, step: &Step, duration: Duration) {
        self.n_steps.add(1);
        self.n_step_tokens.add(step.n_tokens as u64);
        let only_decodes = step.n_decode == step.n_tokens;
        if only_decodes { &self.decode_steps } else { &self.mixed_steps }.observe(duration);
    }

    /// `adapter` counts for it if it was asked; otherwise the model itself was.
    pub fn observe_finished(&self, usage: &Usage, adapter: Option<&Served>) {
        self.n_finished.add(1);
        adapter.unwrap_or(&self.exported.served).observe(usage);
        self.n_prompt_tokens.add(u64::from(usage.prompt_tokens));
        self.n_cached_tokens.add(u64::from(usage.cached_tokens));
        let now = self.started.elapsed().as_micros() as u64;
        let interval = now.saturating_sub(self.last_finish_us.get());
        let mean = match self.finish_interval_us.get() {
            0 => interval,
            mean => (mean * 7 + interval) / 8,
        };
        self.finish_interval_us.set(mean.max(1));
        self.last_finish_us.set(now);
    }

    pub fn publish(&self, waiting: usize, running: usize, used: usize, indexed: usize, encoder_bytes: usize) {
        self.exported.waiting.set(waiting as f64);
        self.exported.running.set(running as f64);
        self.exported.used_blocks.set(used as f64);
        self.n_waiting.set(waiting as u64);
        self.n_running.set(running as u64);
        self.n_used_blocks.set(used as u64);
        self.n_indexed_blocks.set(indexed as u64);
        self.encoder_bytes.set(encoder_bytes as u64);
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            n_queued: self.n_queued.load(Ordering::Relaxed),
            n_waiting: self.n_waiting.get(),
            n_running: self.n_running.get(),
            n_blocks: self.n_blocks as u64,
            n_used_blocks: self.n_used_blocks.get(),
            n_indexed_blocks: self.n_indexed_blocks.get(),
            encoder_bytes: self.encoder_bytes.get(),
            n_prompt_tokens: self.n_prompt_tokens.get(),
            n_cached_tokens: self.n_cached_tokens.get(),
            n_completion_tokens: self.n_completion_tokens.get(),
            n_encoder_hits: self.n_encoder_hits.get(),
            n_encoder_misses: self.n_encoder_misses.get(),
            n_steps: self.n_steps.get(),
            n_step_tokens: self.n_step_tokens.get(),
            n_overlapped_steps: self.n_overlapped_steps.get(),
            n_late_steps: self.n_late_steps.get(),
            n_preempted: self.n_preempted.get(),
            n_finished: self.n_finished.get(),
            n_cancelled: self.n_cancelled.get(),
            n_failed: self.n_failed.get(),
            mean_queue_s: self.n_queue_waits.mean_s(),
            mean_first_token_s: self.first_token.mean_s(),
            mean_decode_step_s: self.decode_steps.mean_s(),
            mean_mixed_step_s: self.mixed_steps.mean_s(),
            mean_launch_gap_s: self.launch_gaps.mean_s(),
        }
    }
}

/// One request's place in the queue; given back when dropped.
pub struct QueueSlot(Arc<Metrics>);

impl Drop for QueueSlot {
    fn drop(&mut self) {
        self.0.n_queued.fetch_sub(1, Ordering::Relaxed);
    }
}
