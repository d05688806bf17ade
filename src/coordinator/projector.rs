//! Feeds the results database from the event log.
//!
//! Limits: at most [`MAX_QUEUED`] facts wait in memory; others are read from the log again. Facts
//! are written at the latest [`MAX_AGE`] after their commit, and at once when a client waits for
//! them. Promises: facts are projected once each, in order, without gaps; while the database cannot
//! be written, the coordinator is not ready and tries again.

use crate::coordinator::health::{Health, Part};
use crate::domain::causes::with_causes;
use crate::domain::fact::Fact;
use crate::log::LogError;
use crate::store::StoreError;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Maximum number of facts that wait in memory.
pub const MAX_QUEUED: usize = 200_000;
/// Maximum number of commits that wait in memory.
const MAX_COMMITS: usize = 1024;
/// Maximum age of a fact that is not in the database, while it can be written.
pub const MAX_AGE: Duration = Duration::from_millis(900);
/// Number of facts at which a batch is written.
const MAX_BATCH: usize = 50_000;
/// Pause after a failed batch.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// One record of the log.
pub(crate) struct Committed {
    pub sequence: u64,
    pub facts: Vec<Fact>,
}

enum Message {
    Committed(Committed),
    /// A client waits for the record `Progress::wanted`.
    Wanted,
    Stop,
}

/// The results database, as far as the projector is concerned.
pub(crate) trait Projection: Send {
    /// Last record that it has.
    fn watermark(&self) -> u64;
    /// Adds records, which follow each other and the watermark without gaps, and moves the
    /// watermark, in one transaction.
    fn project(&mut self, records: &[Committed]) -> Result<(), StoreError>;
    /// Reads records after a number out of the log: about `most` facts, at least one
    /// record if there is one.
    fn reread(&mut self, after: u64, most: usize) -> Result<Vec<Committed>, LogError>;
    /// Nothing more comes.
    fn finish(&mut self) {}
}

/// The last records of the log and of the database.
#[derive(Debug)]
pub(crate) struct Progress {
    committed: AtomicU64,
    projected: watch::Sender<u64>,
    wanted: AtomicU64,
    wake: SyncSender<Message>,
}

impl Progress {
    /// Last record that is durable.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Last record that the database has.
    pub fn projected(&self) -> u64 {
        *self.projected.borrow()
    }

    pub fn set_committed(&self, sequence: u64) {
        self.committed.store(sequence, Ordering::Release);
    }

    /// Returns when everything that was acknowledged before this call can be read from
    /// the database. False: not within `limit`.
    pub async fn wait_projected(&self, limit: Duration) -> bool {
        let sequence = self.committed();
        let mut projected = self.projected.subscribe();
        if *projected.borrow_and_update() >= sequence {
            return true;
        }
        self.wanted.fetch_max(sequence, Ordering::AcqRel);
        // A full queue is read soon, and `wanted` with it.
        let _ = self.wake.try_send(Message::Wanted);
        let reached = projected.wait_for(|projected| *projected >= sequence);
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }
}

/// The sending end, for the thread that commits.
pub(crate) struct Feed {
    sender: SyncSender<Message>,
    queued: Arc<AtomicUsize>,
}

impl Feed {
    /// Never waits: a commit for which there is no room is read from the log again.
    pub fn offer(&self, committed: Committed) {
        let facts = committed.facts.len();
        if self.queued.load(Ordering::Relaxed) + facts > MAX_QUEUED {
            return;
        }
        self.queued.fetch_add(facts, Ordering::Relaxed);
        if self.sender.try_send(Message::Committed(committed)).is_err() {
            self.queued.fetch_sub(facts, Ordering::Relaxed);
        }
    }
}

impl Drop for Feed {
    /// Makes the projector write what it has and end.
    fn drop(&mut self) {
        // Fails only when the projector has ended.
        let _ = self.sender.send(Message::Stop);
    }
}

/// Runs on its own thread.
pub(crate) struct Projector {
    projection: Box<dyn Projection>,
    messages: Receiver<Message>,
    queued: Arc<AtomicUsize>,
    progress: Arc<Progress>,
    health: Arc<Health>,
    /// Continues the database without a gap.
    pending: Vec<Committed>,
    /// Number of facts in `pending`.
    facts: usize,
    oldest: Option<Instant>,
    stopping: bool,
}

impl Projector {
    /// `committed`: last record of the log.
    pub fn new(
        projection: Box<dyn Projection>,
        committed: u64,
        health: Arc<Health>,
    ) -> (Self, Feed, Arc<Progress>) {
        let (sender, messages) = sync_channel(MAX_COMMITS);
        let queued = Arc::new(AtomicUsize::new(0));
        let progress = Arc::new(Progress {
            committed: AtomicU64::new(committed),
            projected: watch::Sender::new(projection.watermark()),
            wanted: AtomicU64::new(0),
            wake: sender.clone(),
        });
        let projector = Self {
            projection,
            messages,
            queued: Arc::clone(&queued),
            progress: Arc::clone(&progress),
            health,
            pending: Vec::new(),
            facts: 0,
            oldest: None,
            stopping: false,
        };
        (projector, Feed { sender, queued }, progress)
    }

    /// Runs until the feed is dropped.
    pub fn run(mut self) {
        while !self.stopping {
            self.catch_up();
            self.receive();
            if self.due() && !self.flush() {
                // A stop ends the pause.
                self.receive_for(RETRY_INTERVAL);
            }
        }
        self.catch_up();
        if !self.flush() {
            tracing::warn!("results are missing in the database; the next start adds them");
        }
        self.projection.finish();
    }

    /// Number of the next record.
    fn next(&self) -> u64 {
        self.progress.projected() + self.pending.len() as u64 + 1
    }

    /// Waits for one message, then takes all that are there.
    fn receive(&mut self) {
        match self.oldest {
            Some(oldest) => self.receive_for(MAX_AGE.saturating_sub(oldest.elapsed())),
            None => match self.messages.recv() {
                Ok(message) => self.take(message),
                Err(_) => self.stopping = true,
            },
        }
        while self.facts < MAX_BATCH
            && let Ok(message) = self.messages.try_recv()
        {
            self.take(message);
        }
    }

    fn receive_for(&mut self, wait: Duration) {
        match self.messages.recv_timeout(wait) {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.stopping = true,
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Committed(committed) => {
                self.queued.fetch_sub(committed.facts.len(), Ordering::Relaxed);
                // Other records are repeats, or follow a gap that `catch_up` fills.
                if committed.sequence == self.next() && self.facts < MAX_QUEUED {
                    self.add(committed);
                }
            }
            Message::Wanted => {}
            Message::Stop => self.stopping = true,
        }
    }

    fn add(&mut self, committed: Committed) {
        self.facts += committed.facts.len();
        self.pending.push(committed);
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Whether the pending facts must be written now.
    fn due(&self) -> bool {
        self.facts >= MAX_BATCH
            || self.progress.wanted.load(Ordering::Acquire) > self.progress.projected()
            || self.oldest.is_some_and(|oldest| oldest.elapsed() >= MAX_AGE)
    }

    /// Reads records from the log that did not fit into memory, or were stored before the start.
    fn catch_up(&mut self) {
        while self.queued.load(Ordering::Relaxed) == 0 && self.next() <= self.progress.committed() {
            if !self.flush() {
                return;
            }
            match self.projection.reread(self.progress.projected(), MAX_BATCH) {
                Ok(records) if !records.is_empty() => {
                    for record in records {
                        self.add(record);
                    }
                    if !self.flush() {
                        return;
                    }
                }
                Ok(_) => return,
                Err(error) => {
                    self.failed(&error);
                    return;
                }
            }
        }
    }

    /// Writes the pending facts. Returns false when they could not be written and are still
    /// pending.
    fn flush(&mut self) -> bool {
        let Some(last) = self.pending.last().map(|record| record.sequence) else { return true };
        match self.projection.project(&self.pending) {
            Ok(()) => {
                self.progress.projected.send_replace(last);
                self.pending.clear();
                self.facts = 0;
                self.oldest = None;
                self.health.recover(Part::Projection);
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    fn failed(&self, error: &(dyn Error + 'static)) {
        let reason = with_causes(error);
        tracing::error!(reason, "the results database cannot be written");
        let reason = format!("the results database cannot be written: {reason}");
        self.health.fail(Part::Projection, reason);
    }
}
