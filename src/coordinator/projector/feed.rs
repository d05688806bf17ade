//! The way of records to the projector, and what others know about the results database.

use crate::domain::fact::Fact;
use crate::store::{Cause, weight};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Maximum size of the facts that wait in memory, in bytes. One record may be larger.
pub(super) const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;
/// Maximum number of commits that wait in memory.
const MAX_COMMITS: usize = 1024;

/// One record of the log.
pub(crate) struct Committed {
    pub sequence: u64,
    pub facts: Vec<Fact>,
}

impl Committed {
    /// Approximate size of the facts, in bytes.
    pub fn bytes(&self) -> usize {
        self.facts.iter().map(weight).sum()
    }
}

pub(super) enum Message {
    /// A record and its size.
    Committed(Committed, usize),
    /// A client waits for the record `Progress::wanted`, or has met a fault of the database.
    Wanted,
    Stop,
}

/// The last records of the log and of the database, and whether the database can be read.
#[derive(Debug)]
pub(crate) struct Progress {
    committed: AtomicU64,
    pub(super) projected: watch::Sender<u64>,
    pub(super) wanted: AtomicU64,
    /// Set while the database is checked or rebuilt.
    unavailable: watch::Sender<Option<String>>,
    /// A fault that a reader has met.
    fault: Mutex<Option<Cause>>,
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

    /// Returns when everything that was acknowledged before this call can be read from the database.
    /// False: not within `limit`, or the database is checked or rebuilt.
    pub async fn wait_projected(&self, limit: Duration) -> bool {
        let sequence = self.committed();
        let (mut projected, mut unavailable) =
            (self.projected.subscribe(), self.unavailable.subscribe());
        if unavailable.borrow_and_update().is_some() {
            return false;
        }
        if *projected.borrow_and_update() >= sequence {
            return true;
        }
        self.wanted.fetch_max(sequence, Ordering::AcqRel);
        // A full queue is read soon, and `wanted` with it.
        let _ = self.wake.try_send(Message::Wanted);
        tokio::select! {
            reached = projected.wait_for(|projected| *projected >= sequence) => reached.is_ok(),
            _ = unavailable.wait_for(Option::is_some) => false,
            () = tokio::time::sleep(limit) => false,
        }
    }

    /// The reason why the database cannot be read at present.
    pub fn unavailable(&self) -> Option<String> {
        self.unavailable.borrow().clone()
    }

    pub(super) fn set_unavailable(&self, reason: Option<String>) {
        self.unavailable.send_replace(reason);
    }

    /// Reports that a reader has found damage, or an instance that DuckDB does not use any more.
    pub fn report_fault(&self, cause: Cause) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
        // A full queue is read soon, and the fault with it.
        let _ = self.wake.try_send(Message::Wanted);
    }

    pub(super) fn take_fault(&self) -> Option<Cause> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
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
        let bytes = committed.bytes();
        let queued = self.queued.load(Ordering::Relaxed);
        // A large record alone would be decoded again otherwise. Its tests are those of the scheduler.
        if queued > 0 && queued + bytes > MAX_QUEUED_BYTES {
            return;
        }
        self.queued.fetch_add(bytes, Ordering::Relaxed);
        if self.sender.try_send(Message::Committed(committed, bytes)).is_err() {
            self.queued.fetch_sub(bytes, Ordering::Relaxed);
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

/// The receiving end.
pub(super) struct Queue {
    pub messages: Receiver<Message>,
    /// Size of the records in `messages`, in bytes.
    pub bytes: Arc<AtomicUsize>,
}

/// `committed` and `projected` are the last records of the log and of the database.
pub(super) fn connect(committed: u64, projected: u64) -> (Feed, Queue, Arc<Progress>) {
    let (sender, messages) = sync_channel(MAX_COMMITS);
    let queued = Arc::new(AtomicUsize::new(0));
    let progress = Arc::new(Progress {
        committed: AtomicU64::new(committed),
        projected: watch::Sender::new(projected),
        wanted: AtomicU64::new(0),
        unavailable: watch::Sender::new(None),
        fault: Mutex::new(None),
        wake: sender.clone(),
    });
    (Feed { sender, queued: Arc::clone(&queued) }, Queue { messages, bytes: queued }, progress)
}
