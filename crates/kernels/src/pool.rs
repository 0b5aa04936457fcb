//! Threads for many small parallel regions.
//!
//! A decode step runs hundreds of regions of some ten microseconds, so a worker that runs out of work first spins,
//! then yields, and parks only after [`PATIENCE`]. The caller always works too and waits only for tasks that were
//! started: with fewer free cores than threads a region degrades to the caller doing most of it. Idle pools sleep.
//!
//! Which thread runs a task is left to chance; that must never change a result, so tasks own disjoint outputs.

use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Level;

/// How long a worker looks for work before it parks.
const PATIENCE: Duration = Duration::from_micros(200);
/// How long a thread spins without giving up its core.
const SPIN: Duration = Duration::from_micros(30);

/// A fixed set of threads and the instruction set that kernels use on them.
pub struct Pool {
    level: Level,
    n_threads: usize,
    shared: Arc<Shared>,
    /// Held by the caller whose region runs.
    region: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// `2·region + 1` while a region is open, `2·region` after it.
    state: AtomicU64,
    job: JobCell,
    /// The next task to claim.
    next: AtomicUsize,
    /// Workers that may be looking at `job`.
    active: AtomicUsize,
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    stop: AtomicBool,
    panicked: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct Job {
    n_tasks: usize,
    task: Option<&'static (dyn Fn(usize) + Sync)>,
}

/// Written only by the caller that holds `region`, while no region is open and no worker is active.
#[derive(Default)]
struct JobCell(UnsafeCell<Job>);
// SAFETY: see the struct; reads happen only between an open region's `active` increments and decrements.
unsafe impl Sync for JobCell {}

thread_local! {
    /// This thread is inside a task: a nested region runs in place.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

impl Pool {
    /// A pool of `n_threads` (at least one, the caller's among them) with this machine's best instructions.
    pub fn new(n_threads: usize) -> Pool {
        Pool::with_level(n_threads, Level::detect())
    }

    /// A pool that uses the instructions of `level`; a level that this machine lacks falls back to the best it has.
    pub fn with_level(n_threads: usize, level: Level) -> Pool {
        let level = if Level::available().contains(&level) { level } else { Level::detect() };
        let n_threads = n_threads.max(1);
        let shared = Arc::new(Shared::default());
        let workers = (1..n_threads)
            .map_while(|i| {
                let shared = Arc::clone(&shared);
                let thread = std::thread::Builder::new().name(format!("kernels-{i}"));
                thread.spawn(move || shared.work()).ok()
            })
            .collect::<Vec<_>>();
        let n_threads = workers.len() + 1;
        Pool { level, n_threads, shared, region: Mutex::new(()), workers }
    }

    /// Threads that work in a region, the caller included.
    pub fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// The instructions in use.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Calls `task(i)` once for every `i < n_tasks`, on any thread in any order, and returns when all are done.
    ///
    /// Concurrent callers take turns; a call from within a task runs in place. Panics if a task panicked.
    pub fn run(&self, n_tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if n_tasks <= 1 || self.n_threads == 1 || IN_TASK.get() {
            (0..n_tasks).for_each(task);
            return;
        }
        let _turn = self.region.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: the region is closed and no worker is active, so nobody reads `job`. The borrow is released before
        // this function returns: `Region::drop` closes the region and waits for every active worker.
        unsafe {
            let task = std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(task);
            *shared.job.0.get() = Job { n_tasks, task: Some(task) };
        }
        shared.next.store(0, SeqCst);
        shared.state.fetch_add(1, SeqCst);
        let region = Region(shared);
        if shared.sleepers.load(SeqCst) > 0 {
            let _guard = shared.sleep.lock().unwrap_or_else(PoisonError::into_inner);
            shared.wake.notify_all();
        }
        IN_TASK.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| shared.claim(n_tasks, task)));
        IN_TASK.set(false);
        drop(region);
        let worker_panicked = shared.panicked.swap(false, SeqCst);
        match outcome {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => assert!(!worker_panicked, "a task panicked on a worker thread"),
        }
    }

    /// Cuts `0..n` into at most a few pieces per thread, each a multiple of `grain` long (but the last), and calls
    /// `body(start, end)` for each. One piece runs on the caller without waking anyone.
    pub fn parallel_for(&self, n: usize, grain: usize, body: &(dyn Fn(usize, usize) + Sync)) {
        if n == 0 {
            return;
        }
        let grains = n.div_ceil(grain);
        // A few pieces per thread even out cores that others use; more would only cost claims.
        let pieces = if self.n_threads == 1 { 1 } else { grains.min(self.n_threads * 4) };
        let per_piece = grains.div_ceil(pieces) * grain;
        self.run(n.div_ceil(per_piece), &|i| {
            body(i * per_piece, ((i + 1) * per_piece).min(n));
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        {
            let _guard = self.shared.sleep.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.wake.notify_all();
        }
        for worker in self.workers.drain(..) {
            // A worker's panic was caught in the region it belonged to.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("n_threads", &self.n_threads).field("level", &self.level).finish()
    }
}

/// An open region; closing it waits for the workers in it.
struct Region<'a>(&'a Shared);

impl Drop for Region<'_> {
    fn drop(&mut self) {
        self.0.state.fetch_add(1, SeqCst);
        let mut wait = Wait::new();
        while self.0.active.load(SeqCst) != 0 {
            if wait.pause() > Duration::from_millis(2) {
                // A worker lost its core in the middle of a task.
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }
}

impl Shared {
    fn claim(&self, n_tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        loop {
            let i = self.next.fetch_add(1, SeqCst);
            if i >= n_tasks {
                return;
            }
            task(i);
        }
    }

    /// The life of a worker.
    fn work(&self) {
        IN_TASK.set(true);
        let mut seen = 0;
        while self.await_region(seen) {
            self.active.fetch_add(1, SeqCst);
            // Closing a region stores `state` and then waits for `active` to be zero, so a region that is seen open
            // here stays open until the decrement below.
            let state = self.state.load(SeqCst);
            if state % 2 == 1 && state != seen {
                seen = state;
                // SAFETY: `job` is not written while a region is open.
                let job = unsafe { *self.job.0.get() };
                if let Some(task) = job.task
                    && catch_unwind(AssertUnwindSafe(|| self.claim(job.n_tasks, task))).is_err()
                {
                    self.panicked.store(true, SeqCst);
                }
            }
            self.active.fetch_sub(1, SeqCst);
        }
    }

    /// Waits for an open region other than `seen`; false when the pool stops.
    fn await_region(&self, seen: u64) -> bool {
        let is_new = || {
            let state = self.state.load(SeqCst);
            state % 2 == 1 && state != seen
        };
        let mut wait = Wait::new();
        loop {
            if self.stop.load(SeqCst) {
                return false;
            }
            if is_new() {
                return true;
            }
            if wait.pause() > PATIENCE {
                let mut guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
                self.sleepers.fetch_add(1, SeqCst);
                // A caller opens the region before it looks for sleepers, so either it sees this one or this one
                // sees the region.
                while !is_new() && !self.stop.load(SeqCst) {
                    guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
                }
                self.sleepers.fetch_sub(1, SeqCst);
                drop(guard);
                wait = Wait::new();
            }
        }
    }
}

/// A thread that waits: it spins, then yields its core between looks.
struct Wait {
    since: Instant,
    waited: Duration,
}

impl Wait {
    fn new() -> Wait {
        Wait { since: Instant::now(), waited: Duration::ZERO }
    }

    /// Passes a moment and says how long the wait has been.
    fn pause(&mut self) -> Duration {
        if self.waited < SPIN {
            for _ in 0..8 {
                std::hint::spin_loop();
            }
        } else {
            std::thread::yield_now();
        }
        self.waited = self.since.elapsed();
        self.waited
    }
}

/// A mutable slice that the tasks of one region write to in disjoint parts.
pub(crate) struct Shards<'a, T> {
    start: *mut T,
    len: usize,
    life: std::marker::PhantomData<&'a mut [T]>,
}

// SAFETY: `slice` hands out disjoint parts, so it is as if each were moved to its thread.
unsafe impl<T: Send> Sync for Shards<'_, T> {}

impl<'a, T> Shards<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Shards<'a, T> {
        Shards { start: slice.as_mut_ptr(), len: slice.len(), life: std::marker::PhantomData }
    }

    /// # Safety
    /// Parts that are alive at the same time do not overlap.
    #[expect(clippy::mut_from_ref, reason = "the caller keeps the parts disjoint")]
    pub(crate) unsafe fn slice(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start <= self.len && len <= self.len - start);
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }

    /// The first element, for kernels that write strided parts.
    pub(crate) fn as_ptr(&self) -> *mut T {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        for n_threads in [1, 2, 3, 8] {
            let pool = Pool::new(n_threads);
            for n in [0, 1, 2, 7, 100] {
                for _ in 0..50 {
                    let hits = (0..n).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>();
                    pool.run(n, &|i| {
                        hits[i].fetch_add(1, SeqCst);
                    });
                    assert!(hits.iter().all(|hit| hit.load(SeqCst) == 1));
                }
            }
        }
    }

    #[test]
    fn pieces_cover_the_range() {
        let pool = Pool::new(3);
        for n in [1, 15, 16, 17, 1000] {
            let hits = (0..n).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>();
            pool.parallel_for(n, 16, &|start, end| {
                assert_eq!(start % 16, 0);
                hits[start..end].iter().for_each(|hit| {
                    hit.fetch_add(1, SeqCst);
                });
            });
            assert!(hits.iter().all(|hit| hit.load(SeqCst) == 1));
        }
    }

    #[test]
    fn regions_nest_and_callers_take_turns() {
        let pool = Pool::new(4);
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        pool.run(8, &|_| {
                            pool.run(4, &|i| {
                                let _ = sum.fetch_add(i, SeqCst);
                            })
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * 200 * 8 * 6);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(16, &|i| assert_ne!(i, 11));
        }));
        assert!(outcome.is_err());
        let count = AtomicUsize::new(0);
        pool.run(16, &|_| {
            let _ = count.fetch_add(1, SeqCst);
        });
        assert_eq!(count.into_inner(), 16);
    }

    #[test]
    fn wakes_after_sleep() {
        let pool = Pool::new(2);
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(1));
            let count = AtomicUsize::new(0);
            pool.run(64, &|_| {
                let _ = count.fetch_add(1, SeqCst);
            });
            assert_eq!(count.into_inner(), 64);
        }
    }
}
