//! Makes facts durable, then gives the replies.
//!
//! Takes all batches that have queued up while the disk was busy and stores them with one
//! commit. Promises: replies are given in the order of their batches, and only after the
//! facts of their batch are stored; after a failed commit no reply reports success
//! any more, and the thread ends.

use crate::coordinator::health::{Health, Part};
use crate::coordinator::live::LiveLogs;
use crate::coordinator::mailbox::{MailboxError, Senders, give};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::projector::{Committed, Feed, Progress};
use crate::domain::fact::Fact;
use crate::scheduler::engine;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// Maximum number of decided batches that wait for the disk; then the scheduler waits.
pub const MAX_WAITING: usize = 8;
/// Number of facts beyond which a commit takes no further batch. A batch is never split.
const MAX_FACTS: usize = 50_000;

type Batch = engine::Batch<Senders>;

/// Replies to all askers that nothing was stored.
pub(crate) fn give_up(batch: Batch) {
    for reply in batch.replies {
        give(reply, Err(MailboxError::NotStored));
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

/// The parts that need to know what was stored.
pub(crate) struct Listeners {
    pub progress: Arc<Progress>,
    pub feed: Feed,
    pub live: Arc<LiveLogs>,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
}

/// Runs until the scheduler has ended, or a commit fails.
pub(crate) fn run(journal: &mut dyn Journal, batches: Receiver<Batch>, listeners: &Listeners) {
    while let Ok(batch) = batches.recv() {
        let mut batch = with_waiting(batch, &batches);
        let snapshot = batch.snapshot.take();
        if let Err((reason, batch)) = commit(journal, batch, listeners) {
            tracing::error!(%reason, "the event log cannot be written; the coordinator stops");
            let reason = format!("the event log cannot be written: {reason}");
            listeners.health.fail(Part::Log, reason);
            give_up(batch);
            while let Ok(waiting) = batches.try_recv() {
                give_up(waiting);
            }
            return;
        }
        if let Some(pieces) = snapshot {
            write_snapshot(journal, listeners.progress.committed(), pieces);
        }
    }
}

/// A snapshot only makes a restart quicker: without it, the log is replayed.
fn write_snapshot(journal: &mut dyn Journal, at: u64, pieces: Vec<Vec<u8>>) {
    let begun = Instant::now();
    match journal.write_snapshot(at, pieces) {
        Ok(()) => tracing::info!(at, took_ms = begun.elapsed().as_millis(), "snapshot stored"),
        Err(reason) => tracing::warn!(at, %reason, "no snapshot; the next restart takes longer"),
    }
}

fn with_waiting(mut batch: Batch, batches: &Receiver<Batch>) -> Batch {
    // A snapshot is the state after exactly its own batch.
    while batch.facts.len() < MAX_FACTS && batch.snapshot.is_none() {
        let Ok(mut next) = batches.try_recv() else { break };
        batch.facts.append(&mut next.facts);
        batch.replies.append(&mut next.replies);
        batch.snapshot = next.snapshot;
    }
    batch
}

fn commit(
    journal: &mut dyn Journal,
    mut batch: Batch,
    listeners: &Listeners,
) -> Result<(), (String, Batch)> {
    if batch.facts.is_empty() {
        give_all(batch);
        return Ok(());
    }
    let begun = Instant::now();
    let sequence = match journal.append(&batch.facts) {
        Ok(sequence) => sequence,
        Err(reason) => return Err((reason, batch)),
    };
    listeners.metrics.count(&batch.facts, begun.elapsed());
    listeners.live.ended(&batch.facts);
    // The order matters: the projector does not read again what is on its way, and a client that
    // asks after its answer waits for every fact up to it.
    let facts = std::mem::take(&mut batch.facts);
    listeners.feed.offer(Committed { sequence, events: facts });
    listeners.progress.set_committed(sequence);
    give_all(batch);
    Ok(())
}

fn give_all(batch: Batch) {
    for reply in batch.replies {
        give(reply, Ok(()));
    }
}
