//! What one extraction may use. Parsers ask before they spend.

use std::time::{Duration, Instant};

use super::Problem;

/// Bounds of one extraction. What is over a bound is an error, never a text that ends early: an answer from half a document is
/// wrong without anybody seeing it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of the file as it came.
    pub bytes: u64,
    /// Of everything in it once unpacked.
    pub unpacked_bytes: u64,
    /// Files in an archive.
    pub entries: usize,
    /// Elements within elements, in XML and HTML.
    pub depth: usize,
    /// Elements and pieces of text of one XML or HTML document.
    pub nodes: u32,
    pub pages: usize,
    /// Cells of all tables of a spreadsheet.
    pub cells: usize,
    /// Of the text that comes out, in bytes.
    pub text_bytes: usize,
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 100 << 20,
            unpacked_bytes: 512 << 20,
            entries: 10_000,
            depth: 200,
            nodes: 2_000_000,
            pages: 5_000,
            cells: 1_000_000,
            text_bytes: 32 << 20,
            time: Duration::from_secs(60),
        }
    }
}

/// Limits with the time at which they run out.
#[derive(Debug, Clone)]
pub struct Budget {
    pub limits: Limits,
    deadline: Instant,
}

impl Budget {
    pub fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), deadline: Instant::now() + limits.time }
    }

    pub fn time(&self) -> Result<(), Problem> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(Problem::Timeout { seconds: self.limits.time.as_secs_f32() }) }
    }

    pub fn size(&self, bytes: usize) -> Result<(), Problem> {
        within(bytes as u64, self.limits.bytes, "bytes")
    }

    pub fn unpacked(&self, bytes: u64) -> Result<(), Problem> {
        within(bytes, self.limits.unpacked_bytes, "bytes once unpacked")
    }

    /// How many bytes may still be unpacked when `used` are.
    pub const fn unpacked_left(&self, used: u64) -> u64 {
        self.limits.unpacked_bytes.saturating_sub(used)
    }

    pub fn entries(&self, entries: usize) -> Result<(), Problem> {
        within(entries as u64, self.limits.entries as u64, "files inside")
    }

    pub fn pages(&self, pages: usize) -> Result<(), Problem> {
        within(pages as u64, self.limits.pages as u64, "pages")
    }

    pub fn cells(&self, cells: usize) -> Result<(), Problem> {
        within(cells as u64, self.limits.cells as u64, "cells")
    }

    pub fn length(&self, bytes: usize) -> Result<(), Problem> {
        within(bytes as u64, self.limits.text_bytes as u64, "bytes of text")
    }
}

fn within(value: u64, limit: u64, what: &'static str) -> Result<(), Problem> {
    if value > limit { Err(Problem::TooLarge { what, limit }) } else { Ok(()) }
}
