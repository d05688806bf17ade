//! When a request is sent again.

use crate::client::failure::ClientError;
use std::time::Duration;

/// Further tries of a request that may be repeated, with exponential back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first one.
    pub times: u32,
    /// Longest pause before the first repeat; doubles with each further one.
    pub first: Duration,
    /// No pause is longer, whatever the coordinator asks for.
    pub most: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { times: 4, first: Duration::from_millis(100), most: Duration::from_secs(5) }
    }
}

impl Retry {
    /// For callers that have their own loop.
    pub const NEVER: Retry = Retry { times: 0, first: Duration::ZERO, most: Duration::ZERO };

    /// How long to wait before repeat number `done + 1`, or `None` to give up.
    /// `fraction` (0 to 1) is the jitter: between half and the whole of the pause.
    #[must_use]
    pub fn pause(&self, done: u32, error: &ClientError, fraction: f64) -> Option<Duration> {
        if done >= self.times || !error.may_pass() {
            return None;
        }
        let doubled = self.first.saturating_mul(1u32.checked_shl(done).unwrap_or(u32::MAX));
        let jittered = doubled.min(self.most).mul_f64(0.5 + fraction.clamp(0.0, 1.0) / 2.0);
        Some(jittered.max(error.retry_after().unwrap_or_default().min(self.most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> ClientError {
        ClientError::Unreachable { url: "http://x".into(), reason: "gone".into(), refused: false }
    }

    #[test]
    fn pauses_double_up_to_the_limit_and_end() {
        let retry =
            Retry { times: 4, first: Duration::from_millis(100), most: Duration::from_millis(350) };
        let pauses: Vec<_> = (0..5).map(|done| retry.pause(done, &unreachable(), 1.0)).collect();
        let millis = |n| Some(Duration::from_millis(n));
        assert_eq!(pauses, [millis(100), millis(200), millis(350), millis(350), None]);
    }

    #[test]
    fn jitter_takes_at_most_half() {
        let retry = Retry::default();
        assert_eq!(retry.pause(0, &unreachable(), 0.0), Some(Duration::from_millis(50)));
    }

    #[test]
    fn what_will_not_pass_is_not_repeated() {
        let bad = ClientError::BadAnswer { what: "status".into(), reason: "not JSON".into() };
        assert_eq!(Retry::default().pause(0, &bad, 0.5), None);
        assert_eq!(Retry::NEVER.pause(0, &unreachable(), 0.5), None);
    }
}
