//! Makes facts durable, then gives the replies.
//!
//! Takes all batches that have queued up while the disk was busy and stores them with one
//! commit. Promises: replies are given in the order of their batches, and only after the
//! facts of their batch are stored; after a failed commit no reply reports success
//! any more, and the thread ends.

use crate::coordinator::compaction::order::{Order, Orders};
use crate::coordinator::health::{Health, Part};
use crate::coordinator::live::LiveLogs;
use crate::coordinator::mailbox::{MailboxError, Senders, give};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::projector::{Committed, Feed, Progress};
use crate::domain::causes::with_causes;
use crate::log::{EventLog, LogError, Term};
use crate::scheduler::{Snapshot, engine};
use crate::store::{MAX_TRANSACTION_BYTES, weight};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// Maximum number of decided batches that wait for the disk; then the scheduler waits.
pub const MAX_WAITING: usize = 8;
/// Number of facts beyond which a commit takes no further batch, and likewise
/// [`MAX_TRANSACTION_BYTES`] of facts. A batch is never split.
const MAX_FACTS: usize = 50_000;

type Batch = engine::Batch<Senders>;

/// Replies to all askers that nothing was stored.
pub(crate) fn give_up(batch: Batch) {
    for reply in batch.replies {
        give(reply, Err(MailboxError::NotStored));
    }
}

/// The parts that need to know what was stored.
pub(crate) struct Listeners {
    pub progress: Arc<Progress>,
    pub feed: Feed,
    pub live: Arc<LiveLogs>,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    /// Carried out with the next snapshot.
    pub orders: Arc<Orders>,
}

/// Runs until the scheduler has ended, or a commit fails.
///
/// # Errors
/// A commit fails, or another leader has taken over.
pub(crate) fn run(
    log: &mut dyn EventLog,
    term: Term,
    batches: Receiver<Batch>,
    listeners: &Listeners,
) -> Result<(), LogError> {
    while let Ok(batch) = batches.recv() {
        let mut batch = with_waiting(batch, &batches);
        let snapshot = batch.snapshot.take();
        let stored = commit(log, term, batch, listeners);
        let kept = stored.and_then(|()| snapshot.map_or(Ok(()), |it| keep(log, &it, listeners)));
        if let Err(error) = kept {
            while let Ok(waiting) = batches.try_recv() {
                give_up(waiting);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Stores a snapshot, and carries out the order to compact the log if there is one.
fn keep(
    log: &mut dyn EventLog,
    snapshot: &Snapshot,
    listeners: &Listeners,
) -> Result<(), LogError> {
    write_snapshot(log, snapshot);
    let order = listeners.orders.take();
    order.map_or(Ok(()), |order| compact(log, order, snapshot, listeners))
}

/// Replaces old records by the state of the snapshot. A log that fails meanwhile takes no more
/// records.
fn compact(
    log: &mut dyn EventLog,
    order: Order,
    snapshot: &Snapshot,
    listeners: &Listeners,
) -> Result<(), LogError> {
    let (start, at, Order { upto, done }) = (Instant::now(), log.last(), order);
    let compacted = log.compact(upto, at, &mut snapshot.pieces());
    let took_ms = start.elapsed().as_millis();
    // An asker that has gone needs no answer.
    match compacted {
        Ok(()) => {
            tracing::info!(upto, took_ms, "old records were removed from the event log");
            listeners.metrics.log_base.store(upto, Relaxed);
            let _ = done.send(Ok(()));
        }
        Err(error @ LogError::NotCompactable { .. }) => {
            let _ = done.send(Err(error.to_string()));
        }
        Err(error) => {
            let reason = with_causes(&error);
            tracing::error!(%reason, "cannot compact the event log; the coordinator stops");
            listeners.health.fail(Part::Log, format!("cannot compact the event log: {reason}"));
            return Err(error);
        }
    }
    Ok(())
}

/// A snapshot only makes a restart quicker: without it, the log is replayed.
fn write_snapshot(log: &mut dyn EventLog, snapshot: &Snapshot) {
    let (start, at) = (Instant::now(), log.last());
    match log.write_snapshot(at, &mut snapshot.pieces()) {
        Ok(()) => tracing::info!(at, took_ms = start.elapsed().as_millis(), "snapshot stored"),
        Err(error) => {
            let reason = with_causes(&error);
            tracing::warn!(at, %reason, "cannot store a snapshot; the next restart takes longer");
        }
    }
}

fn with_waiting(mut batch: Batch, batches: &Receiver<Batch>) -> Batch {
    let weigh = |batch: &Batch| batch.facts.iter().map(weight).sum::<usize>();
    let mut bytes = weigh(&batch);
    // A snapshot is the state after exactly its own batch.
    while batch.facts.len() < MAX_FACTS && bytes < MAX_TRANSACTION_BYTES && batch.snapshot.is_none()
    {
        let Ok(mut next) = batches.try_recv() else { break };
        bytes += weigh(&next);
        batch.facts.append(&mut next.facts);
        batch.replies.append(&mut next.replies);
        batch.snapshot = next.snapshot;
    }
    batch
}

fn commit(
    log: &mut dyn EventLog,
    term: Term,
    mut batch: Batch,
    listeners: &Listeners,
) -> Result<(), LogError> {
    if batch.facts.is_empty() {
        give_all(batch);
        return Ok(());
    }
    let start = Instant::now();
    // Nobody else has appended, or the log refuses.
    let sequence = match log.append(listeners.progress.committed(), term, &batch.facts) {
        Ok(sequence) => sequence,
        Err(error) => {
            let reason = with_causes(&error);
            tracing::error!(%reason, "cannot write the event log; the coordinator stops");
            listeners.health.fail(Part::Log, format!("cannot write the event log: {reason}"));
            give_up(batch);
            return Err(error);
        }
    };
    listeners.metrics.count(&batch.facts, start.elapsed());
    listeners.live.ended(&batch.facts);
    // The order matters: the projector does not read again what is on its way, and a client that
    // asks after its answer waits for every fact up to it.
    let facts = std::mem::take(&mut batch.facts);
    listeners.feed.offer(Committed { sequence, facts });
    listeners.progress.set_committed(sequence);
    give_all(batch);
    Ok(())
}

fn give_all(batch: Batch) {
    for reply in batch.replies {
        give(reply, Ok(()));
    }
}
