//! The current time. No other module reads the wall clock.
//!
//! A [`Clock`] reads the wall clock once and adds the time that the monotonic clock measures, so that
//! small corrections of the wall clock shorten no lease. Promises: it runs backwards, or forward by
//! more than the time that has passed, only when its owner calls [`Clock::follow_wall`] or starts it
//! anew; both return the time that the owner has to store as a change. A wall clock that shows a time
//! before this version of dtf existed is not believed. Clones show the same time.

use crate::domain::time::{Millis, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Difference to the wall clock that is ignored: corrections of a network time service are smaller.
pub const MAX_DRIFT: Millis = Millis::from_secs(60);
/// Time between the last record of a log and a start that is plausible: a longer one is reported,
/// since the wall clock may be ahead.
pub const MAX_PLAUSIBLE_GAP: Millis = Millis::from_secs(30 * 86_400);
/// 2026-01-01. A machine without a battery for its clock starts with an earlier time.
const EARLIEST: Timestamp = Timestamp(1_767_225_600_000);

#[derive(Debug, Clone)]
pub struct Clock {
    /// Time at `start`, in milliseconds since 1970.
    start_ms: Arc<AtomicU64>,
    start: Instant,
}

/// A difference between the wall clock and the last record of a log, at a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The wall clock is behind. It was ahead before, or was set back since.
    Behind,
    /// The wall clock is ahead by more than [`MAX_PLAUSIBLE_GAP`].
    Ahead,
    /// The wall clock is not set, and is not followed.
    NotSet,
}

impl Clock {
    /// Starts at the wall time. A wall clock before 1970 counts as 1970.
    #[must_use]
    pub fn start() -> Self {
        Self::from(wall())
    }

    /// Starts a clock when the wall clock shows `wall`, for a log whose last record is of the time
    /// `latest`; `None` for an empty log.
    #[must_use]
    pub fn start_after(wall: Timestamp, latest: Option<Timestamp>) -> (Self, Option<Finding>) {
        let (start, finding) = start_time(wall, latest);
        (Self::from(start), finding)
    }

    fn from(start: Timestamp) -> Self {
        Self { start_ms: Arc::new(AtomicU64::new(start.0)), start: Instant::now() }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.start_ms.load(Ordering::Relaxed)).after(self.uptime())
    }

    /// The time since the clock was started.
    #[must_use]
    pub fn uptime(&self) -> Millis {
        self.start.elapsed().into()
    }

    /// Follows the wall clock if it was set since. Returns the time that this clock showed before;
    /// `None` if the difference is at most [`MAX_DRIFT`], or if the wall clock is not believed.
    #[must_use = "store the change"]
    pub fn follow_wall(&self) -> Option<Timestamp> {
        self.follow(wall())
    }

    fn follow(&self, wall: Timestamp) -> Option<Timestamp> {
        let before = self.now();
        if wall < EARLIEST || is_near(wall, before) {
            return None;
        }
        let start = wall.0.saturating_sub(self.uptime().0);
        self.start_ms.store(start, Ordering::Relaxed);
        Some(before)
    }
}

fn is_near(one: Timestamp, other: Timestamp) -> bool {
    one.since(other).max(other.since(one)) <= MAX_DRIFT
}

/// The time at which a clock starts, and what is unusual about it.
fn start_time(wall: Timestamp, latest: Option<Timestamp>) -> (Timestamp, Option<Finding>) {
    let Some(latest) = latest else {
        return (wall, (wall < EARLIEST).then_some(Finding::NotSet));
    };
    if wall < EARLIEST {
        return (latest.max(wall), Some(Finding::NotSet));
    }
    if wall < latest {
        let near = is_near(wall, latest);
        return if near { (latest, None) } else { (wall, Some(Finding::Behind)) };
    }
    (wall, (wall.since(latest) > MAX_PLAUSIBLE_GAP).then_some(Finding::Ahead))
}

/// The wall time. A wall clock before 1970 counts as 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this module reads the wall clock")]
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(Millis::from(since).0)
}

/// The wall clock as a time of files, with a precision of a millisecond.
#[must_use]
pub fn file_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(wall().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Millis = Millis::from_secs(86_400);
    /// 2026-12-01.
    const NOW: Timestamp = Timestamp(1_796_083_200_000);

    fn days(count: u64) -> Millis {
        Millis(DAY.0 * count)
    }

    fn before(time: Timestamp, span: Millis) -> Timestamp {
        Timestamp(time.0 - span.0)
    }

    #[test]
    fn it_starts_at_the_wall_time_and_grows() {
        let early = wall();
        let clock = Clock::start();
        let first = clock.now();
        assert!(first >= early);
        assert!(clock.clone().now() >= first);
    }

    #[test]
    fn a_small_step_back_does_not_repeat_times_and_a_large_one_is_followed() {
        assert_eq!(start_time(NOW, None), (NOW, None));
        assert_eq!(start_time(NOW, Some(before(NOW, DAY))), (NOW, None));
        let near = NOW.after(MAX_DRIFT);
        assert_eq!(start_time(NOW, Some(near)), (near, None));
        let ahead = near.after(Millis(1));
        assert_eq!(start_time(NOW, Some(ahead)), (NOW, Some(Finding::Behind)));
        assert_eq!(start_time(NOW, Some(NOW.after(days(400)))), (NOW, Some(Finding::Behind)));
    }

    #[test]
    fn a_wall_clock_far_ahead_of_the_last_record_is_reported() {
        assert_eq!(start_time(NOW, Some(before(NOW, MAX_PLAUSIBLE_GAP))), (NOW, None));
        let long_ago = before(NOW, days(31));
        assert_eq!(start_time(NOW, Some(long_ago)), (NOW, Some(Finding::Ahead)));
    }

    #[test]
    fn a_wall_clock_that_is_not_set_is_not_believed() {
        let unset = Timestamp(1000);
        assert_eq!(start_time(unset, Some(NOW)), (NOW, Some(Finding::NotSet)));
        assert_eq!(start_time(unset, None), (unset, Some(Finding::NotSet)));
        let clock = Clock::from(NOW);
        assert_eq!(clock.follow(unset), None);
        assert!(clock.now() >= NOW);
    }

    #[test]
    fn a_running_clock_follows_a_wall_clock_that_was_set() {
        let clock = Clock::from(NOW);
        let other = clock.clone();
        assert_eq!(clock.follow(NOW.after(Millis::from_secs(30))), None, "a small correction");
        for wall in [NOW.after(days(400)), before(NOW, days(300)), NOW] {
            let shown = clock.now();
            let from = clock.follow(wall).expect("it was set");
            assert!(is_near(from, shown), "{from:?} {shown:?}");
            assert!(is_near(clock.now(), wall) && is_near(other.now(), wall));
        }
    }
}
