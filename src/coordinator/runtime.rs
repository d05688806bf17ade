//! The one owner of the scheduler.
//!
//! Takes the requests that wait in the mailbox, has the engine decide them in memory, and hands
//! the facts with the replies to the thread that commits. While that thread waits for the disk, the
//! next batch is decided.
//!
//! Promises: nobody else changes the state; no reply is given before the facts of its
//! batch and of all earlier batches are stored.

use crate::coordinator::announce::announce;
use crate::coordinator::clock;
use crate::coordinator::commit::give_up;
use crate::coordinator::health::{Health, Part};
use crate::coordinator::mailbox::{Request, Senders};
use crate::coordinator::metrics::Metrics;
use crate::scheduler::engine::{Batch, Engine, Input, SnapshotPolicy};
use crate::scheduler::{FactError, Scheduler};
use crate::sys::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc;

/// Maximum number of requests in one batch.
const MAX_BATCH: usize = 1024;
/// Size of the texts in a batch beyond which it takes no further request, in bytes.
const MAX_BATCH_BYTES: usize = 16 << 20;

pub(crate) struct Runtime {
    engine: Engine<Senders>,
    clock: Clock,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Runtime {
    pub fn new(
        scheduler: Scheduler,
        clock: Clock,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        snapshots: SnapshotPolicy,
    ) -> Self {
        Self { engine: Engine::new(scheduler, clock.now(), snapshots), clock, metrics, health }
    }

    /// Runs until a request to stop, until all senders are gone, or until nothing can be stored.
    /// Returns the last state.
    ///
    /// # Errors
    /// A decision contradicted the state, which is a bug. Nothing of its batch is stored, and no
    /// reply of it is given.
    pub fn run(
        mut self,
        mut mailbox: mpsc::Receiver<Request>,
        commits: &SyncSender<Batch<Senders>>,
    ) -> Result<Scheduler, FactError> {
        let mut requests = Vec::with_capacity(MAX_BATCH);
        let mut running = true;
        while running {
            // The requests that did not fit into the last batch come first.
            if requests.is_empty() && mailbox.blocking_recv_many(&mut requests, MAX_BATCH) == 0 {
                break;
            }
            let count = fitting(&requests);
            let has = |kind: fn(&Request) -> bool| requests[..count].iter().any(kind);
            running = !has(|request| matches!(request, Input::Stop));
            if has(|request| matches!(request, Input::Tick)) {
                self.follow_wall_clock();
                if self.health.has_failed(Part::Storage) {
                    self.engine.hold_deadlines();
                }
            }
            let now = self.clock.now();
            let batch = self.engine.take(now, requests.drain(..count), &mut announce)?;
            if let Some(absence) = batch.absence {
                let stopped_ms = absence.0;
                tracing::warn!(
                    stopped_ms,
                    "this process was stopped for a while; leases are renewed"
                );
            }
            self.metrics.claims_open.store(self.engine.open_claims() as u64, Relaxed);
            if batch.is_empty() {
                continue;
            }
            if let Err(refused) = commits.send(batch) {
                give_up(refused.0);
                break;
            }
        }
        Ok(self.engine.into_scheduler())
    }

    fn follow_wall_clock(&mut self) {
        if let Some(from) = self.clock.follow_wall() {
            clock::report_change(from, self.clock.now());
            self.engine.clock_changed(from);
        }
    }
}

/// Number of the first requests that form a batch: at least one, and all of them unless their texts
/// are too large.
fn fitting(requests: &[Request]) -> usize {
    let mut bytes = 0;
    let fits = requests.iter().take_while(|request| {
        let fits = bytes < MAX_BATCH_BYTES;
        if let Input::Command { command, .. } = request {
            bytes += command.text_bytes();
        }
        fits
    });
    fits.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Epoch, LeaseId, RunId, TestId, WorkerId};
    use crate::domain::outcome::Outcome;
    use crate::domain::time::Millis;
    use crate::scheduler::{Command, Finished};
    use serde_json::value::RawValue;
    use tokio::sync::oneshot;
    use uuid::Uuid;

    fn report(bytes: usize) -> Request {
        let attempt = TestId { run: RunId(1), index: 0 }.attempt(1);
        let detail = format!("\"{}\"", "x".repeat(bytes - 2));
        let finished = vec![Finished {
            lease: LeaseId { attempt, epoch: Epoch(1) },
            outcome: Outcome::Passed,
            class: None,
            flaky: false,
            duration: Millis(1),
            detail: RawValue::from_string(detail).ok(),
        }];
        let incarnation = Uuid::nil();
        let returned = Vec::new();
        let command = Command::Report { worker: WorkerId(1), incarnation, finished, returned };
        Input::Command { command, ticket: oneshot::channel().0 }
    }

    #[test]
    fn a_batch_is_bounded_by_its_texts() {
        let third = MAX_BATCH_BYTES / 3 + 1;
        let requests: Vec<Request> = (0..5).map(|_| report(third)).collect();
        assert_eq!(fitting(&requests), 3);
        assert_eq!(fitting(&requests[3..]), 2);
        assert_eq!(fitting(&[report(2 * MAX_BATCH_BYTES), report(2)]), 1);
        let ticks: Vec<Request> = (0..MAX_BATCH).map(|_| Input::Tick).collect();
        assert_eq!(fitting(&ticks), MAX_BATCH);
    }
}
