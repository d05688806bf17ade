//! Makes facts durable, then lets the answers out.
//!
//! Takes everything that has queued up while the disk was busy and stores it with one
//! commit. Promises: answers leave in the order of their batches, and only after the
//! events of their batch are stored; after a failed commit nothing is answered with
//! success any more, and the thread ends.

use crate::coordinator::health::{Health, Part};
use crate::coordinator::live::LiveLogs;
use crate::coordinator::mailbox::{Failed, Release};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::projector::{Committed, Feed, Progress};
use crate::domain::fact::Fact;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// Decided batches that wait for the disk; then the owner of the scheduler waits.
pub const MAX_WAITING: usize = 8;
/// Most events of one commit; a batch is never split.
const MAX_EVENTS: usize = 50_000;

/// Facts, and the answers that stand on them.
#[derive(Default)]
pub(crate) struct Batch {
    pub events: Vec<Fact>,
    pub releases: Vec<Release>,
    /// The state after these events, when it is time to store it.
    pub snapshot: Option<Vec<Vec<u8>>>,
}

impl Batch {
    /// Tells everybody that nothing was stored.
    pub fn give_up(self) {
        for release in self.releases {
            release.give(Err(Failed::NotStored));
        }
    }
}

/// Where events are stored. Implemented by the event log, and by tests that break it.
pub(crate) trait Journal: Send {
    /// Stores all events durably, or fails for good.
    ///
    /// Returns the number of the record that holds them; records are numbered without gaps.
    fn append(&mut self, events: &[Fact]) -> Result<u64, String>;

    /// Replaces the snapshot by one that covers every record up to `at`.
    fn write_snapshot(&mut self, at: u64, pieces: Vec<Vec<u8>>) -> Result<(), String>;
}

/// Who hears of what was stored.
pub(crate) struct Listeners {
    pub progress: Arc<Progress>,
    pub feed: Feed,
    pub live: Arc<LiveLogs>,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
}

/// Until the owner of the scheduler has gone, or a commit fails.
pub(crate) fn run(journal: &mut dyn Journal, batches: Receiver<Batch>, listeners: &Listeners) {
    while let Ok(batch) = batches.recv() {
        let mut batch = with_waiting(batch, &batches);
        let snapshot = batch.snapshot.take();
        if let Err((reason, batch)) = commit(journal, batch, listeners) {
            tracing::error!(%reason, "the event log cannot be written; the coordinator stops");
            let reason = format!("the event log cannot be written: {reason}");
            listeners.health.fail(Part::Log, reason);
            batch.give_up();
            while let Ok(waiting) = batches.try_recv() {
                waiting.give_up();
            }
            return;
        }
        if let Some(pieces) = snapshot {
            write_snapshot(journal, listeners.progress.committed(), pieces);
        }
    }
}

/// A snapshot only makes a restart quick: without it, the log says the same.
fn write_snapshot(journal: &mut dyn Journal, at: u64, pieces: Vec<Vec<u8>>) {
    let begun = Instant::now();
    match journal.write_snapshot(at, pieces) {
        Ok(()) => tracing::info!(at, took_ms = begun.elapsed().as_millis(), "snapshot stored"),
        Err(reason) => tracing::warn!(at, %reason, "no snapshot; the next restart takes longer"),
    }
}

fn with_waiting(mut batch: Batch, batches: &Receiver<Batch>) -> Batch {
    // A snapshot is the state after exactly its own batch.
    while batch.events.len() < MAX_EVENTS && batch.snapshot.is_none() {
        let Ok(mut next) = batches.try_recv() else { break };
        batch.events.append(&mut next.events);
        batch.releases.append(&mut next.releases);
        batch.snapshot = next.snapshot;
    }
    batch
}

fn commit(
    journal: &mut dyn Journal,
    batch: Batch,
    listeners: &Listeners,
) -> Result<(), (String, Batch)> {
    if batch.events.is_empty() {
        release(batch.releases);
        return Ok(());
    }
    let begun = Instant::now();
    let sequence = match journal.append(&batch.events) {
        Ok(sequence) => sequence,
        Err(reason) => return Err((reason, batch)),
    };
    listeners.metrics.count(&batch.events, begun.elapsed());
    listeners.live.ended(&batch.events);
    // In this order: the projector need not read again what is on its way, and who
    // asks after an answer waits for everything up to it.
    listeners.feed.offer(Committed { sequence, events: batch.events });
    listeners.progress.set_committed(sequence);
    release(batch.releases);
    Ok(())
}

fn release(releases: Vec<Release>) {
    for release in releases {
        release.give(Ok(()));
    }
}
