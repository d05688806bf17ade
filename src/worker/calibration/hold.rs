//! When a worker that is never idle takes no new test, so that it can be calibrated. Pure: the time is an
//! argument.
//!
//! A calibration needs a moment without tests. If none has come for [`PATIENCE`], the worker holds: it
//! finishes the tests that it has and takes no other one until it is calibrated. Limits: a hold ends after
//! `FIRST_HOLD` without a calibration, a later one after twice the time, at most `LONGEST_HOLD`; after
//! it, the worker works for `WORK_FACTOR` times this period. So holds take at most a 25th of its time.

use crate::domain::time::{Millis, Timestamp};

/// Time for which a calibration may be due before the first hold.
pub const PATIENCE: Millis = Millis::from_secs(30 * 60);
/// Maximum length of the first hold. The usual timeout of a test is as long.
const FIRST_HOLD: Millis = Millis::from_secs(10 * 60);
/// Maximum length of every hold.
const LONGEST_HOLD: Millis = Millis::from_secs(3600);
/// Length of the work after a hold, in proportion to the hold.
const WORK_FACTOR: u64 = 24;

/// The holds of a worker.
#[derive(Debug)]
pub struct Holds {
    patience: Millis,
    /// Time from which a hold may begin, while a calibration is due.
    from: Option<Timestamp>,
    /// Start of the present hold.
    since: Option<Timestamp>,
    /// Maximum length of the present or next hold.
    length: Millis,
}

impl Holds {
    /// No hold begins before a calibration has been due for `patience`.
    #[must_use]
    pub fn new(patience: Millis) -> Self {
        Self { patience, from: None, since: None, length: FIRST_HOLD }
    }

    /// Whether the worker takes no new test from `now` on. `is_due`: a calibration is due.
    pub fn update(&mut self, now: Timestamp, is_due: bool) -> bool {
        if !is_due {
            *self = Self::new(self.patience);
            return false;
        }
        let from = *self.from.get_or_insert(now.after(self.patience));
        let Some(since) = self.since else {
            self.since = (now >= from).then_some(now);
            return self.since.is_some();
        };
        if now.since(since) < self.length {
            return true;
        }
        self.since = None;
        self.from = Some(now.after(Millis(self.length.0.saturating_mul(WORK_FACTOR))));
        self.length = Millis(self.length.0.saturating_mul(2)).min(LONGEST_HOLD);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The holds of a worker that is asked every minute, as their first and last minutes.
    fn held(holds: &mut Holds, minutes: u64, is_due: impl Fn(u64) -> bool) -> Vec<(u64, u64)> {
        let mut all: Vec<(u64, u64)> = Vec::new();
        let mut was_held = false;
        for minute in 0..minutes {
            let is_held = holds.update(Timestamp(minute * 60_000), is_due(minute));
            match all.last_mut().filter(|_| was_held) {
                Some(last) if is_held => last.1 = minute,
                _ if is_held => all.push((minute, minute)),
                _ => {}
            }
            was_held = is_held;
        }
        all
    }

    #[test]
    fn a_hold_begins_after_the_patience_and_ends_with_the_calibration() {
        let all = held(&mut Holds::new(PATIENCE), 200, |minute| (5..38).contains(&minute));
        assert_eq!(all, [(35, 37)]);
        // A worker that is idle in time is never held.
        let all = held(&mut Holds::new(PATIENCE), 2000, |minute| minute % 30 != 0);
        assert_eq!(all, []);
    }

    #[test]
    fn holds_without_success_become_longer_and_take_a_25th_of_the_time() {
        let minutes = 30 * 24 * 60;
        let all = held(&mut Holds::new(PATIENCE), minutes, |_| true);
        assert_eq!(all[..2], [(30, 39), (40 + 240, 40 + 240 + 19)]);
        let longest = all.iter().map(|(first, last)| last + 1 - first).max();
        assert_eq!(longest, Some(60));
        let sum: u64 = all.iter().map(|(first, last)| last + 1 - first).sum();
        // The work that follows the last hold is not a part of this time.
        assert!((sum - 60) * 25 <= minutes, "{sum} of {minutes} minutes");
        // After a success, the next hold is short again.
        let mut holds = Holds::new(PATIENCE);
        let all = held(&mut holds, 900, |minute| minute != 700);
        assert_eq!(all.last(), Some(&(731, 740)), "{all:?}");
    }
}
