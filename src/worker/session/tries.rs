//! Counts failures in a row, and draws the pause before the next try.

use crate::domain::retry::backoff::Backoff;
use crate::sys::ids;
use std::time::Duration;

const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(200), max: Duration::from_millis(12_800) };

#[derive(Debug, Default)]
pub struct Tries {
    failures: u32,
}

impl Tries {
    /// Counts a failure, and returns the pause before the next try.
    pub fn pause(&mut self) -> Duration {
        let pause = BACKOFF.pause(self.failures, ids::fraction());
        self.failures = self.failures.saturating_add(1);
        pause
    }

    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Number of failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}
