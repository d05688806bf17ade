//! The rule by which a request is sent again.

use crate::client::error::ClientError;
use crate::domain::retry::backoff::Backoff;
use std::time::Duration;

/// How often, and after which pauses, a request that may be repeated is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Maximum number of repeats after the first try.
    pub max_repeats: u32,
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };
        Self { max_repeats: 4, backoff }
    }
}

impl Retry {
    /// No repeats, for callers that repeat requests in their own loop.
    pub const NEVER: Retry =
        Retry { max_repeats: 0, backoff: Backoff { first: Duration::ZERO, max: Duration::ZERO } };

    /// The pause before the next repeat after `repeats` earlier ones; None when the request is not
    /// sent again. The pause is at least what the coordinator asked for, but never longer than the
    /// maximum of the back-off. `fraction` is the jitter, see [`Backoff::pause`].
    #[must_use]
    pub fn pause(&self, repeats: u32, error: &ClientError, fraction: f64) -> Option<Duration> {
        if repeats >= self.max_repeats || !error.is_temporary() {
            return None;
        }
        let requested = error.retry_after().unwrap_or_default().min(self.backoff.max);
        Some(self.backoff.pause(repeats, fraction).max(requested))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> ClientError {
        ClientError::Unreachable { url: "http://x".into(), reason: "gone".into(), refused: false }
    }

    #[test]
    fn pauses_follow_the_back_off_and_end() {
        let millis = Duration::from_millis;
        let backoff = Backoff { first: millis(100), max: millis(350) };
        let retry = Retry { max_repeats: 4, backoff };
        let pauses: Vec<_> = (0..5).map(|done| retry.pause(done, &unreachable(), 1.0)).collect();
        let expected = [Some(100), Some(200), Some(350), Some(350), None];
        assert_eq!(pauses, expected.map(|pause| pause.map(millis)));
    }

    #[test]
    fn permanent_errors_are_not_repeated() {
        let bad = ClientError::BadResponse { what: "status".into(), reason: "not JSON".into() };
        assert_eq!(Retry::default().pause(0, &bad, 0.5), None);
        assert_eq!(Retry::NEVER.pause(0, &unreachable(), 0.5), None);
    }
}
