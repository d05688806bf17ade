//! Decides how long failed requests for weights are repeated: as long as content arrives, and
//! [`Limits::stall`] beyond. A coordinator may restart meanwhile, and a network may be away.

use crate::domain::retry::backoff::Backoff;
use crate::sys::ids;
use std::time::Duration;
use tokio::time::Instant;

/// Limits of fetching. Tests use shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time without new content after which a fetch is given up.
    pub stall: Duration,
    /// Time to wait for space that other tests use.
    pub room: Duration,
    /// Pauses between tries. A server may ask for longer ones.
    pub backoff: Backoff,
}

impl Default for Limits {
    fn default() -> Self {
        let backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(20) };
        let (stall, room) = (Duration::from_secs(600), Duration::from_secs(600));
        Self { stall, room, backoff }
    }
}

/// The failures of one transfer.
#[derive(Debug)]
pub struct Patience {
    limits: Limits,
    failures: u32,
    /// Amount of content at the last progress, and its time.
    progress: (u64, Instant),
}

impl Patience {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, failures: 0, progress: (0, Instant::now()) }
    }

    /// Waits before the next try, at least for the time that the server asks for. `content` is the
    /// amount of content that has arrived. False if the transfer has stalled.
    pub async fn wait(&mut self, content: u64, asked: Option<Duration>) -> bool {
        let Some(pause) = self.pause(Instant::now(), content, asked) else { return false };
        tokio::time::sleep(pause).await;
        true
    }

    /// The pause before the next try; None if the transfer has stalled.
    fn pause(&mut self, now: Instant, content: u64, asked: Option<Duration>) -> Option<Duration> {
        if content > self.progress.0 {
            (self.progress, self.failures) = ((content, now), 0);
        }
        let pause = self.limits.backoff.pause(self.failures, ids::fraction());
        let pause = pause.max(asked.unwrap_or_default());
        self.failures = self.failures.saturating_add(1);
        (now.duration_since(self.progress.1) + pause <= self.limits.stall).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_may_fail_as_long_as_content_arrives() {
        let mut patience = Patience::new(Limits::default());
        let stall = Limits::default().stall;
        let mut now = Instant::now();
        let end = now + 3 * stall;
        let mut content = 1;
        while now < end {
            now += patience.pause(now, content, None).expect("content has arrived");
            content += 1;
        }
        let stalled = now;
        while let Some(pause) = patience.pause(now, content - 1, None) {
            now += pause;
        }
        let tried = now - stalled;
        assert!(tried > stall - Duration::from_secs(30) && tried <= stall, "{tried:?}");
    }

    #[test]
    fn the_pause_that_a_server_asks_for_is_kept_if_it_is_short_enough() {
        let mut patience = Patience::new(Limits::default());
        let mut pause = |asked| patience.pause(Instant::now(), 0, Some(Duration::from_secs(asked)));
        assert_eq!(pause(90), Some(Duration::from_secs(90)));
        assert_eq!(pause(3600), None);
    }
}
