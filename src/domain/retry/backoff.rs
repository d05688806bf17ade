//! Exponential back-off with jitter.

use std::time::Duration;

/// The pauses between repeated tries. Each is twice as long as the one before, up to a maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Pause after the first failure.
    pub first: Duration,
    /// Maximum length of a pause.
    pub max: Duration,
}

impl Backoff {
    /// The pause after this number of earlier failures. `fraction` is a random number from 0 to 1:
    /// the pause is between half and all of its length, so that many clients do not repeat at the
    /// same moment.
    #[must_use]
    pub fn pause(self, earlier_failures: u32, fraction: f64) -> Duration {
        let factor = 1u32.checked_shl(earlier_failures).unwrap_or(u32::MAX);
        let half = self.first.saturating_mul(factor).min(self.max) / 2;
        half + half.mul_f64(fraction.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_maximum_and_jitter_takes_at_most_half() {
        let millis = Duration::from_millis;
        let backoff = Backoff { first: millis(100), max: millis(350) };
        let pauses = [0, 1, 2, 3, 40, u32::MAX].map(|failures| backoff.pause(failures, 1.0));
        assert_eq!(pauses, [100, 200, 350, 350, 350, 350].map(millis));
        assert_eq!(backoff.pause(1, 0.0), millis(100));
        assert_eq!(backoff.pause(1, 7.0), millis(200));
    }
}
