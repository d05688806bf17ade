//! Decides how a worker reacts when another process uses its identity.
//!
//! Pure: time is an argument.
//!
//! Promises: a worker that replaces one that has exited gets its identity within
//! [`REFUSAL_TIMEOUT`]. Two running workers do not take one identity from each other for long: the
//! one that is refused for that time, or displaced [`MAX_DISPLACED`] times, stops.

use crate::worker::summary::WorkerError;
use std::time::Duration;
use tokio::time::Instant;

/// How long a refused worker repeats its registration. It exceeds the length of a lease, after which
/// the coordinator gives up a worker that has exited.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(45);
/// Time between two of these registrations.
const REGISTER_INTERVAL: Duration = Duration::from_secs(3);
/// How many times another process may displace this one.
const MAX_DISPLACED: u32 = 3;

#[derive(Debug, Default)]
pub struct Dispute {
    refused_since: Option<Instant>,
    displaced: u32,
}

impl Dispute {
    /// A registration was refused because another process has the identity. Returns the time of the
    /// next registration.
    pub fn refused(&mut self, now: Instant, reason: &str) -> Result<Instant, WorkerError> {
        let since = *self.refused_since.get_or_insert_with(|| {
            let wait_s = REFUSAL_TIMEOUT.as_secs();
            tracing::warn!(
                reason,
                wait_s,
                "registration refused; waiting in case the other worker has exited"
            );
            now
        });
        if now.duration_since(since) >= REFUSAL_TIMEOUT {
            return Err(WorkerError::IdentityTaken(reason.to_owned()));
        }
        Ok(now + REGISTER_INTERVAL)
    }

    pub fn registered(&mut self) {
        self.refused_since = None;
    }

    /// Another process has registered with this identity, which the lock of the work directory should
    /// prevent.
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
        assert!(
            now - start > lease + REGISTER_INTERVAL
                && now - start <= REFUSAL_TIMEOUT + REGISTER_INTERVAL
        );
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
