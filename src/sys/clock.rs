//! The current time. No other module reads the wall clock.
//!
//! Promise: a [`Clock`] never runs backwards. It reads the wall clock once and adds the time that the
//! monotonic clock measures, so that setting the wall clock shortens no lease. On systems whose
//! monotonic clock pauses while the machine is suspended, that time is missing.

use crate::domain::time::{Millis, Timestamp};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall_start: Timestamp,
    start: Instant,
}

impl Clock {
    /// Starts at the wall time. A wall clock before 1970 counts as 1970.
    #[must_use]
    pub fn start() -> Self {
        Self { wall_start: wall(), start: Instant::now() }
    }

    /// Starts at the wall time or at `latest`, whichever is later, so that the times in a log grow
    /// across a restart with a wall clock that was set back.
    #[must_use]
    pub fn start_after(latest: Timestamp) -> Self {
        Self { wall_start: wall().max(latest), start: Instant::now() }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wall_start.after(self.uptime())
    }

    /// The time since the clock was started.
    #[must_use]
    pub fn uptime(&self) -> Millis {
        self.start.elapsed().into()
    }
}

#[expect(clippy::disallowed_methods, reason = "this module reads the wall clock")]
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(Millis::from(since).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_at_the_wall_time_and_grows() {
        let before = wall();
        let clock = Clock::start();
        let first = clock.now();
        assert!(first >= before);
        assert!(clock.now() >= first);
    }

    #[test]
    fn it_does_not_start_before_the_latest_time_of_the_log() {
        let latest = wall().after(Millis::from_secs(3600));
        assert!(Clock::start_after(latest).now() >= latest);
    }
}
