//! How far a pull is: bytes for whoever asks, and a bar for each file on a terminal.

use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::fetch::Wanted;

pub struct Progress {
    bars: MultiProgress,
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    fn new(bars: MultiProgress) -> Self {
        Self { bars, done: AtomicU64::new(0), total: AtomicU64::new(0) }
    }

    pub fn on_terminal() -> Self {
        Self::new(MultiProgress::new())
    }

    pub fn silent() -> Self {
        Self::new(MultiProgress::with_draw_target(ProgressDrawTarget::hidden()))
    }

    /// Bytes that are there, and of all files together; 0 of 0 before it is known what is to be fetched.
    pub fn bytes(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    pub(super) fn begin(&self, wanted: &[Wanted]) {
        self.total.store(wanted.iter().map(|file| file.size).sum(), Ordering::Relaxed);
    }

    pub(super) fn file(&self, wanted: &Wanted) -> FileProgress<'_> {
        let style =
            ProgressStyle::with_template("{prefix:40!} {bar:30} {bytes:>10} / {total_bytes:>10} {bytes_per_sec:>12} {eta:>5} {msg}");
        let bar = ProgressBar::new(wanted.size).with_prefix(wanted.name.clone());
        let bar = if let Ok(style) = style { bar.with_style(style) } else { bar };
        FileProgress { progress: self, bar: self.bars.add(bar), size: wanted.size, at: 0 }
    }
}

/// One file's share.
pub(super) struct FileProgress<'a> {
    progress: &'a Progress,
    bar: ProgressBar,
    size: u64,
    at: u64,
}

impl FileProgress<'_> {
    /// So many bytes of the file are there; fewer than before when it begins anew.
    pub(super) fn set(&mut self, at: u64) {
        self.bar.set_position(at);
        if at >= self.at {
            self.progress.done.fetch_add(at - self.at, Ordering::Relaxed);
        } else {
            self.progress.done.fetch_sub(self.at - at, Ordering::Relaxed);
        }
        self.at = at;
    }

    pub(super) fn say(&self, message: &'static str) {
        self.bar.set_message(message);
    }

    pub(super) fn finish(&mut self) {
        self.set(self.size);
        self.bar.finish_and_clear();
    }
}
