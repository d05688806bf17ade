//! What a worker does when another process goes by its identity.
//!
//! Pure: time is an argument. Promises: a worker that follows one that has died gets its identity
//! within [`PATIENCE`]; two that live with one identity do not take it from each other for long,
//! since the one that is refused, or displaced [`MAX_DISPLACED`] times, stops.

use crate::worker::summary::WorkerError;
use std::time::Duration;
use tokio::time::Instant;

/// How long a refused worker asks again. Longer than a lease, after which the coordinator gives
/// up a worker that has died.
const PATIENCE: Duration = Duration::from_secs(45);
/// Between two of these requests.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
/// How many times another process may displace this one.
const MAX_DISPLACED: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Dispute {
    refused_since: Option<Instant>,
    displaced: u32,
}

impl Dispute {
    /// A registration was refused, because another process has the identity. Returns when to ask
    /// again.
    pub fn refused(&mut self, now: Instant, reason: &str) -> Result<Instant, WorkerError> {
        let since = *self.refused_since.get_or_insert_with(|| {
            let wait_s = PATIENCE.as_secs();
            tracing::warn!(reason, wait_s, "refused; waiting in case that worker has died");
            now
        });
        if now.duration_since(since) >= PATIENCE {
            return Err(WorkerError::IdentityTaken(reason.to_owned()));
        }
        Ok(now + AGAIN_AFTER)
    }

    pub fn registered(&mut self) {
        self.refused_since = None;
    }

    /// Another process has registered with this identity. While this one holds the lock of the
    /// work directory, none should.
    pub fn displaced(&mut self, reason: &str) -> Result<(), WorkerError> {
        self.displaced += 1;
        if self.displaced < MAX_DISPLACED {
            return Ok(());
        }
        Err(WorkerError::IdentityTaken(reason.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_worker_outlasts_a_lease_and_then_stops() {
        let (mut dispute, start) = (Dispute::default(), Instant::now());
        let mut now = start;
        let stopped = loop {
            match dispute.refused(now, "in use") {
                Ok(again) => now = again,
                Err(error) => break error,
            }
        };
        let lease = Duration::from(crate::scheduler::LEASE_TIMEOUT);
        assert!(now - start > lease + AGAIN_AFTER && now - start <= PATIENCE + AGAIN_AFTER);
        assert_eq!(stopped.to_string(), "in use");
        dispute.registered();
        assert!(dispute.refused(now, "in use").is_ok(), "a new dispute");
    }

    #[test]
    fn a_worker_that_is_displaced_again_and_again_stops() {
        let mut dispute = Dispute::default();
        let displaced: Vec<bool> = (0..3).map(|_| dispute.displaced("by whom").is_ok()).collect();
        assert_eq!(displaced, [true, true, false]);
    }
}
