//! Feeds the results database from the event log, and repairs it.
//!
//! Limits: the records that wait in memory have a maximum size ([`feed`]); others are read from the log
//! again, at most [`MAX_TRANSACTION_BYTES`] at a time. Facts are written at the latest [`MAX_AGE`] after
//! their commit, and at once when a client waits for them. Promises: facts are projected once each, in
//! order, without gaps; while the database cannot be written, the coordinator is not ready and tries
//! again, after pauses that grow up to [`MAX_PAUSE`]. A database that is damaged, or that DuckDB does not
//! use any more after an error, is opened again, checked, and written anew from the log if it is
//! damaged. Nobody else waits for that.

mod feed;
#[cfg(test)]
mod tests;
pub(crate) use feed::{Committed, Feed, Progress};

use crate::coordinator::health::{Health, Part};
use crate::domain::causes::with_causes;
use crate::log::LogError;
use crate::results::render::figures::grouped;
use crate::store::{Cause, MAX_TRANSACTION_BYTES, StoreError};
use feed::{Message, Queue};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// Maximum age of a fact that is not in the database, while it can be written.
pub const MAX_AGE: Duration = Duration::from_millis(900);
/// Pause after the first of several failures. Each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Maximum pause after a failure.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Time after a repair within which a further fault counts as the same one, so that the pauses grow.
const SAME_FAULT: Duration = Duration::from_secs(600);
/// Number of repairs of the same fault after which the database is written anew without a check.
const MAX_REPAIRS: u32 = 2;
/// Number of missing records at a start from which on the database counts as being rebuilt.
const MAX_BEHIND: u64 = 1000;
/// Time between two lines of the log about the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The results database, as far as the projector is concerned.
pub(crate) trait Projection: Send {
    /// Last record that it has.
    fn watermark(&self) -> u64;
    /// Adds records, which follow each other and the watermark without gaps, and moves the watermark.
    /// After an error, a part of them may be stored, and the same records may be projected again.
    fn project(&mut self, records: &[Committed]) -> Result<(), StoreError>;
    /// Reads records after a number out of the log: about `bytes` of facts, at least one record if
    /// there is one.
    fn reread(&mut self, after: u64, bytes: usize) -> Result<Vec<Committed>, LogError>;
    /// Closes the database and opens it again. If it is damaged, or `anew` is set, it is moved aside
    /// and replaced by an empty one. The watermark may be lower afterwards.
    fn reopen(&mut self, anew: bool) -> Result<(), Box<dyn Error + Send + Sync>>;
    /// Nothing more comes.
    fn finish(&mut self) {}
}

/// Runs on its own thread.
pub(crate) struct Projector {
    projection: Box<dyn Projection>,
    queue: Queue,
    progress: Arc<Progress>,
    health: Arc<Health>,
    /// Continues the database without a gap.
    pending: Vec<Committed>,
    /// Size of `pending`.
    bytes: usize,
    oldest: Option<Instant>,
    /// A fault of the database that is not repaired yet.
    fault: Option<Cause>,
    repairs: Repairs,
    failures: Failures,
    rebuild: Option<Rebuild>,
    stopping: bool,
}

/// The failures since the last success.
#[derive(Default)]
struct Failures {
    count: u32,
    retry_at: Option<Instant>,
}

/// The repairs that followed each other within [`SAME_FAULT`].
#[derive(Default)]
struct Repairs {
    count: u32,
    last: Option<Instant>,
}

/// Records up to `target` are missing in the database.
struct Rebuild {
    target: u64,
    reported: Instant,
}

impl Failures {
    fn add(&mut self) {
        self.retry_at = Some(Instant::now() + pause(self.count));
        self.count += 1;
    }

    /// Time until the next try.
    fn pause(&self) -> Option<Duration> {
        let at = self.retry_at?;
        Some(at.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(failures)).min(MAX_PAUSE)
}

impl Projector {
    /// `committed`: last record of the log.
    pub fn new(
        projection: Box<dyn Projection>,
        committed: u64,
        health: Arc<Health>,
    ) -> (Self, Feed, Arc<Progress>) {
        let (feed, queue, progress) = feed::connect(committed, projection.watermark());
        let projector = Self {
            projection,
            queue,
            progress: Arc::clone(&progress),
            health,
            pending: Vec::new(),
            bytes: 0,
            oldest: None,
            fault: None,
            repairs: Repairs::default(),
            failures: Failures::default(),
            rebuild: None,
            stopping: false,
        };
        (projector, feed, progress)
    }

    /// Runs until the feed is dropped.
    pub fn run(mut self) {
        if self.missing() > MAX_BEHIND {
            self.begin_rebuild();
        }
        while !self.stopping {
            let wait = self.advance();
            self.receive(wait);
        }
        // A rebuild takes longer than a stop may. The next start continues it.
        while self.rebuild.is_none() && self.fault.is_none() && self.has_missing() {
            if !self.catch_up() {
                break;
            }
        }
        if !self.flush() || self.missing() > 0 {
            tracing::warn!("results are missing in the database; the next start adds them");
        }
        self.projection.finish();
    }

    /// Does what is to do now. Returns the time to wait for messages afterwards, `None` for no limit.
    fn advance(&mut self) -> Option<Duration> {
        if let Some(fault) = self.progress.take_fault() {
            self.fault = Some(fault);
        }
        if let Some(pause) = self.failures.pause() {
            return Some(pause);
        }
        let is_done = if self.fault.is_some() {
            self.repair()
        } else if self.has_missing() {
            self.catch_up()
        } else if self.due() {
            self.flush()
        } else {
            return self.oldest.map(|oldest| MAX_AGE.saturating_sub(oldest.elapsed()));
        };
        Some(if is_done { Duration::ZERO } else { self.failures.pause().unwrap_or_default() })
    }

    /// Waits for one message, then takes all that are there.
    fn receive(&mut self, wait: Option<Duration>) {
        let first = match wait {
            Some(wait) => self.queue.messages.recv_timeout(wait),
            None => self.queue.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => self.stopping = true,
        }
        while self.bytes < MAX_TRANSACTION_BYTES
            && let Ok(message) = self.queue.messages.try_recv()
        {
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Committed(committed, bytes) => {
                self.queue.bytes.fetch_sub(bytes, Ordering::Relaxed);
                // Other records are repeats, or follow a gap that `catch_up` fills.
                if committed.sequence == self.next() && self.bytes < MAX_TRANSACTION_BYTES {
                    self.add(committed, bytes);
                }
            }
            Message::Wanted => {}
            Message::Stop => self.stopping = true,
        }
    }

    fn add(&mut self, committed: Committed, bytes: usize) {
        self.bytes += bytes;
        self.pending.push(committed);
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Number of the next record.
    fn next(&self) -> u64 {
        self.progress.projected() + self.pending.len() as u64 + 1
    }

    /// Number of records that are not in the database.
    fn missing(&self) -> u64 {
        self.progress.committed().saturating_sub(self.progress.projected())
    }

    /// Whether there are records that did not fit into memory, or were stored before the start.
    fn has_missing(&self) -> bool {
        self.queue.bytes.load(Ordering::Relaxed) == 0 && self.next() <= self.progress.committed()
    }

    /// Whether the pending facts must be written now.
    fn due(&self) -> bool {
        !self.pending.is_empty()
            && (self.bytes >= MAX_TRANSACTION_BYTES
                || self.failures.count > 0
                || self.progress.wanted.load(Ordering::Acquire) > self.progress.projected()
                || self.oldest.is_some_and(|oldest| oldest.elapsed() >= MAX_AGE))
    }

    /// Reads missing records from the log and writes them.
    fn catch_up(&mut self) -> bool {
        if !self.flush() {
            return false;
        }
        match self.projection.reread(self.progress.projected(), MAX_TRANSACTION_BYTES) {
            Ok(records) if records.is_empty() => {
                self.failed("the event log does not return its records", Cause::Other);
                false
            }
            Ok(records) => {
                for record in records {
                    let bytes = record.bytes();
                    self.add(record, bytes);
                }
                self.flush()
            }
            Err(LogError::Compacted { .. }) => {
                tracing::warn!(
                    "records that are missing in the results database were removed from the event \
                     log meanwhile; restoring it from the archive"
                );
                self.fault = Some(Cause::Damage);
                false
            }
            Err(error) => {
                self.failed(&with_causes(&error), Cause::Other);
                false
            }
        }
    }

    /// Writes the pending facts. Returns false when they could not be written and are still pending.
    fn flush(&mut self) -> bool {
        let Some(last) = self.pending.last().map(|record| record.sequence) else { return true };
        match self.projection.project(&self.pending) {
            Ok(()) => {
                self.progress.projected.send_replace(last);
                self.forget_pending();
                self.failures = Failures::default();
                self.succeeded();
                true
            }
            Err(error) => {
                self.failed(&with_causes(&error), error.cause());
                if error.is_invalidated() {
                    self.fault = Some(error.cause());
                }
                false
            }
        }
    }

    fn forget_pending(&mut self) {
        self.pending.clear();
        self.bytes = 0;
        self.oldest = None;
    }

    fn failed(&mut self, reason: &str, cause: Cause) {
        let reason = match cause {
            Cause::Full => {
                format!("the results database cannot be written, the disk is full: {reason}")
            }
            _ => format!("the results database cannot be written: {reason}"),
        };
        if matches!(cause, Cause::Damage | Cause::Invalidated) {
            self.fault = Some(cause);
        } else {
            self.failures.add();
        }
        tracing::error!("{reason}");
        self.health.fail(Part::Projection, reason);
    }

    /// Opens the database again, after the first fault with a check.
    fn repair(&mut self) -> bool {
        self.not_available("the results database is being checked after a fault".to_owned());
        let again = self.repairs.last.is_some_and(|last| last.elapsed() < SAME_FAULT);
        self.repairs.count = if again { self.repairs.count + 1 } else { 0 };
        // A full disk invalidates the instance each time, but does not damage the file.
        let anew = self.fault != Some(Cause::Full) && self.repairs.count >= MAX_REPAIRS;
        self.forget_pending();
        if let Err(error) = self.projection.reopen(anew) {
            self.failed(&with_causes(&*error), Cause::Other);
            return false;
        }
        // Readers of the closed instance may have reported the same fault.
        let _ = self.progress.take_fault();
        (self.fault, self.repairs.last) = (None, Some(Instant::now()));
        self.progress.projected.send_replace(self.projection.watermark());
        if self.repairs.count > 0 {
            self.failures = Failures { count: self.repairs.count - 1, retry_at: None };
            self.failures.add();
        }
        self.begin_rebuild();
        true
    }

    /// Announces that records are missing, if there are any.
    fn begin_rebuild(&mut self) {
        self.rebuild =
            Some(Rebuild { target: self.progress.committed(), reported: Instant::now() });
        self.succeeded();
    }

    /// Reports the progress of a rebuild, or that the database is complete.
    fn succeeded(&mut self) {
        let projected = self.progress.projected();
        let Some(rebuild) = &mut self.rebuild else {
            self.health.recover(Part::Projection);
            return;
        };
        if projected >= rebuild.target {
            self.rebuild = None;
            tracing::info!("the results database is complete");
            self.progress.set_unavailable(None);
            self.health.recover(Part::Projection);
            return;
        }
        let reason = format!(
            "the results database is being rebuilt: record {} of {}",
            grouped(projected),
            grouped(rebuild.target)
        );
        if rebuild.reported.elapsed() >= PROGRESS_INTERVAL {
            rebuild.reported = Instant::now();
            tracing::info!("{reason}");
        }
        self.not_available(reason);
    }

    fn not_available(&self, reason: String) {
        self.progress.set_unavailable(Some(reason.clone()));
        self.health.fail(Part::Projection, reason);
    }
}
