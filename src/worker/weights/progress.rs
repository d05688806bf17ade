//! The progress of one fetch, which all tests that wait for the weights report.

use crate::worker::weights::error::readable;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The current activity of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Another process fetches the same weights, or there is no room yet.
    Waiting,
    /// Files that exist are compared with their digests.
    Checking,
    Fetching,
}

/// Number of bytes, and the current activity. Cheap to update.
#[derive(Debug, Default)]
pub struct Progress {
    step: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    pub fn begin(&self, step: Step, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.step.store(step as u8, Ordering::Relaxed);
    }

    /// Replaces amount and size.
    pub fn reached(&self, step: Step, done: u64, total: u64) {
        self.begin(step, total);
        self.add(done);
    }

    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes back bytes that turned out to be damaged.
    pub fn remove(&self, bytes: u64) {
        self.done.fetch_sub(bytes.min(self.done()), Ordering::Relaxed);
    }

    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Whole percents; None if the size is unknown.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        let (done, total) = (self.done(), self.total.load(Ordering::Relaxed));
        (total > 0).then(|| (u128::from(done.min(total)) * 100 / u128::from(total)) as u64)
    }

    #[must_use]
    pub fn step(&self) -> Step {
        match self.step.load(Ordering::Relaxed) {
            1 => Step::Checking,
            2 => Step::Fetching,
            _ => Step::Waiting,
        }
    }

    /// A sentence for people.
    #[must_use]
    pub fn describe(&self, key: &str) -> String {
        let total = self.total.load(Ordering::Relaxed);
        let amount = || match self.percent() {
            Some(percent) => {
                format!("{percent} % ({} of {})", readable(self.done()), readable(total))
            }
            None => readable(self.done()),
        };
        match self.step() {
            Step::Waiting => {
                format!(
                    "waiting for the weights {key}: another test fetches them, or uses the space"
                )
            }
            Step::Checking => format!("checking the weights {key}: {}", amount()),
            Step::Fetching => format!("fetching the weights {key}: {}", amount()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_sentence() {
        let progress = Progress::default();
        assert!(progress.describe("k").starts_with("waiting for the weights k"));
        progress.begin(Step::Fetching, 4 << 20);
        progress.add(3 << 20);
        progress.remove(1 << 20);
        assert_eq!(progress.describe("k"), "fetching the weights k: 50 % (2.0 MiB of 4.0 MiB)");
        progress.begin(Step::Checking, 0);
        assert_eq!(progress.describe("k"), "checking the weights k: 0 bytes");
    }
}
