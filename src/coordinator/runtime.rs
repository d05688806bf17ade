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

pub(crate) struct Runtime {
    engine: Engine<Senders>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Runtime {
    pub fn new(
        scheduler: Scheduler,
        clock: Clock,
        metrics: Arc<Metrics>,
        snapshots: SnapshotPolicy,
    ) -> Self {
        Self { engine: Engine::new(scheduler, clock.now(), snapshots), clock, metrics }
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
        while running && mailbox.blocking_recv_many(&mut requests, MAX_BATCH) > 0 {
            running = !requests.iter().any(|request| matches!(request, Input::Stop));
            if requests.iter().any(|request| matches!(request, Input::Tick)) {
                self.follow_wall_clock();
            }
            let batch = self.engine.take(self.clock.now(), requests.drain(..), &mut announce)?;
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
