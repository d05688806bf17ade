//! The only place that reads the clock.
//!
//! Promise: a [`Clock`] never goes backwards. It takes the wall time once and adds what
//! the monotonic clock counts, so that a stepped wall clock shortens no lease. What the
//! monotonic clock does not count (a suspended machine, on some systems) is missing too.

use crate::domain::time::{Millis, Timestamp};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall_start: Timestamp,
    start: Instant,
}

impl Clock {
    /// Reads the wall clock; a clock before 1970 counts as 1970.
    #[must_use]
    pub fn start() -> Self {
        Self { wall_start: wall(), start: Instant::now() }
    }

    /// Never starts before `latest`, so that times in a log keep growing over restarts
    /// with a wall clock that was set back.
    #[must_use]
    pub fn start_after(latest: Timestamp) -> Self {
        Self { wall_start: wall().max(latest), start: Instant::now() }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wall_start.after(self.uptime())
    }

    /// Since the clock was started.
    #[must_use]
    pub fn uptime(&self) -> Millis {
        self.start.elapsed().into()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
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
    fn it_does_not_start_before_what_the_log_has_seen() {
        let latest = wall().after(Millis::from_secs(3600));
        assert!(Clock::start_after(latest).now() >= latest);
    }
}
