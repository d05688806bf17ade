//! Removes old records from the log, in the background
//! ([decision 20](../../../docs/decisions/0020-the-log-is-compacted-behind-an-archive.md)).
//!
//! A separate thread checks every hour ([`Pace`]) whether enough records are older than the
//! retention. It then exports the results database to an archive, and orders the thread that commits
//! to remove the records, together with a snapshot of the state. Promises: no record is removed
//! before a verified archive covers it; a database without errors gets a new archive when the old one
//! is missing or damaged; an error leaves everything as it was, is reported, and the compaction is
//! tried again a day later; nothing is removed while the clock is in doubt. Limits: one archive at a
//! time; at most one export a day.

pub(crate) mod choice;
pub mod offline;
pub(crate) mod order;
pub mod pace;

use crate::coordinator::files::space::{NoSpace, Purpose, Space};
use crate::coordinator::mailbox::{Mailbox, MailboxError};
use crate::coordinator::metrics::Metrics;
use crate::coordinator::projector::Progress;
use crate::domain::causes::with_causes;
use crate::domain::fact::Fact;
use crate::domain::storage_id::StorageId;
use crate::domain::time::{Millis, Timestamp};
use crate::log::{LogError, LogReader, Sequence};
use crate::results::Reader;
use crate::store::StoreError;
use crate::store::archive::{Archive, ArchiveError};
use crate::sys::clock::Clock;
use choice::{is_in_doubt, is_worthwhile, last_older};
use order::Orders;
use pace::Pace;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Why the log was not compacted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompactionError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    #[error(transparent)]
    Space(#[from] NoSpace),
    #[error("the event log was not compacted: {0}")]
    Refused(String),
    /// The coordinator is stopping.
    #[error("the coordinator is stopping")]
    Stopping,
}

impl CompactionError {
    /// Whether the next check may succeed without a change by anybody.
    fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Space(_)
                | Self::Mailbox(MailboxError::Busy)
                | Self::Archive(ArchiveError::Store(StoreError::Closed))
        )
    }
}

/// See the head of this module.
pub(crate) struct Compaction {
    /// Time for which records are kept; `None` keeps all of them.
    pub retention: Option<Millis>,
    pub pace: Pace,
    /// Directory of archives.
    pub archives: PathBuf,
    pub identity: StorageId,
    pub results: Reader,
    pub log: Arc<dyn LogReader>,
    /// The last record that was removed.
    pub base: Sequence,
    pub progress: Arc<Progress>,
    pub mailbox: Mailbox,
    pub orders: Weak<Orders>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub space: Arc<Space>,
    /// Set when the coordinator stops, so that an export ends early.
    pub stopping: Arc<AtomicBool>,
    /// Time of the last verification of the archive.
    pub verified: Option<Timestamp>,
}

/// The running thread.
pub(crate) struct CompactionThread {
    /// Dropped to end a pause.
    pause: SyncSender<()>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl CompactionThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(compaction: Compaction) -> io::Result<Self> {
        let stopping = Arc::clone(&compaction.stopping);
        let (pause, stopped) = sync_channel(1);
        let builder = std::thread::Builder::new().name("dtf-compaction".to_owned());
        let thread = builder.spawn(move || compaction.run(&stopped))?;
        Ok(Self { pause, stopping, thread })
    }

    /// Makes the thread end early. It may still wait for the thread that commits.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Waits for the thread to end.
    ///
    /// # Errors
    /// The thread panicked.
    pub fn join(self) -> std::thread::Result<()> {
        self.stop();
        drop(self.pause);
        self.thread.join()
    }
}

impl Compaction {
    /// Runs until the sender of `stop` is dropped.
    fn run(mut self, stop: &Receiver<()>) {
        let mut wait = self.pace.first_check;
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(wait) {
            wait = self.pace.check_interval;
            match self.check() {
                Ok(_) => {}
                Err(
                    CompactionError::Stopping | CompactionError::Archive(ArchiveError::Stopped),
                ) => {
                    return;
                }
                Err(error) if error.is_passing() => {
                    let reason = with_causes(&error);
                    tracing::info!(%reason, "the event log is compacted later");
                }
                Err(error) => {
                    let reason = with_causes(&error);
                    self.metrics.compactions_failed.fetch_add(1, Relaxed);
                    tracing::warn!(%reason, "cannot compact the event log; it is tried again in a day");
                    wait = self.pace.min_interval;
                }
            }
        }
    }

    /// Compacts the log if that is due. Returns the last removed record if it did.
    ///
    /// # Errors
    /// An archive is needed and cannot be written, or the records cannot be removed.
    fn check(&mut self) -> Result<Option<Sequence>, CompactionError> {
        let (now, last) = (self.clock.now(), self.progress.committed());
        let kept = self.retention.map_or(u64::MAX, |retention| retention.0);
        let cutoff = Timestamp(now.0.saturating_sub(kept));
        let upto = last_older(self.base, last, cutoff, |sequence| self.time(sequence))?;
        let due = is_worthwhile(self.base, upto, last);
        let period = self.pace.min_interval.into();
        if due && is_in_doubt(self.base, last, now, period, |sequence| self.time(sequence))? {
            tracing::warn!(
                "the event log is not compacted: the clock is far after earlier records, and may have \
                 been set ahead. It is compacted when a day has passed"
            );
            return Ok(None);
        }
        if due {
            self.check_space()?;
        }
        let archive = match self.usable_archive(due, now)? {
            Some(archive) if !due || archive.manifest.watermark >= upto => archive,
            Some(archive) if self.is_recent(archive.manifest.created, now) => return Ok(None),
            None if !due && self.base == 0 => return Ok(None),
            _ => self.export(now)?,
        };
        archive.remove_others()?;
        let upto = upto.min(archive.manifest.watermark);
        // The database may be built again at this moment, and needs the records then.
        if !is_worthwhile(self.base, upto, last) || self.progress.projected() < upto {
            return Ok(None);
        }
        self.remove(upto)?;
        Ok(Some(upto))
    }

    /// Whether the disk has room: a removal that fails would stop the coordinator. The maximum size of
    /// the directory does not matter, because a compaction makes room there.
    fn check_space(&self) -> Result<(), NoSpace> {
        match self.space.check(Purpose::Results, 0) {
            Err(NoSpace::DataDir { .. }) | Ok(()) => Ok(()),
            no_space => no_space,
        }
    }

    /// The newest archive; `None` if there is none that can be used.
    fn usable_archive(
        &mut self,
        due: bool,
        now: Timestamp,
    ) -> Result<Option<Archive>, CompactionError> {
        match self.newest_archive(due, now) {
            Err(error @ ArchiveError::Damaged { .. }) => {
                tracing::warn!("{error}; the results database is whole and is exported again");
                Ok(None)
            }
            archive => Ok(archive?),
        }
    }

    /// Verifies the archive before records are removed, and once in a while.
    fn newest_archive(
        &mut self,
        due: bool,
        now: Timestamp,
    ) -> Result<Option<Archive>, ArchiveError> {
        let Some(archive) = Archive::newest(&self.archives)? else { return Ok(None) };
        if archive.manifest.identity != self.identity {
            let (expected, found) = (self.identity, archive.manifest.identity);
            return Err(ArchiveError::OtherIdentity { path: archive.path, expected, found });
        }
        if due || !self.verified.is_some_and(|time| self.is_recent(time, now)) {
            archive.verify()?;
            self.verified = Some(now);
        }
        Ok(Some(archive))
    }

    fn export(&mut self, now: Timestamp) -> Result<Archive, CompactionError> {
        let start = Instant::now();
        tracing::info!("exporting the results database to {}", self.archives.display());
        let store = self.results.store();
        let archive = store.export(&self.archives, self.identity, now, &self.stopping)?;
        self.verified = Some(now);
        let (rows, bytes) = (archive.manifest.rows(), archive.manifest.bytes());
        let took_ms = start.elapsed().as_millis();
        tracing::info!(rows, bytes, took_ms, "archive stored in {}", archive.path.display());
        Ok(archive)
    }

    /// Has the records removed by the thread that commits, with the next snapshot.
    fn remove(&mut self, upto: Sequence) -> Result<(), CompactionError> {
        let result = match self.orders.upgrade() {
            Some(orders) => orders.place(upto),
            None => return Err(CompactionError::Stopping),
        };
        if let Err(error) = self.mailbox.request_snapshot() {
            if let Some(orders) = self.orders.upgrade() {
                drop(orders.take());
            }
            return Err(error.into());
        }
        let removed = result.recv().map_err(|_| CompactionError::Stopping)?;
        removed.map_err(CompactionError::Refused)?;
        self.base = upto;
        Ok(())
    }

    fn is_recent(&self, time: Timestamp, now: Timestamp) -> bool {
        is_recent(time, now, self.pace.min_interval)
    }

    /// The time of a record.
    fn time(&self, sequence: Sequence) -> Result<Timestamp, LogError> {
        time_of(&*self.log, sequence)
    }
}

/// The time of a record.
pub(crate) fn time_of(log: &dyn LogReader, sequence: Sequence) -> Result<Timestamp, LogError> {
    let mut time = Timestamp::default();
    log.replay(sequence - 1, &mut |_, facts| {
        time = facts.iter().map(Fact::at).max().unwrap_or_default();
        false
    })?;
    Ok(time)
}

/// Whether less than `period` has passed since `time`. A time in the future is of a clock that was ahead.
fn is_recent(time: Timestamp, now: Timestamp, period: Duration) -> bool {
    time <= now && Duration::from(now.since(time)) < period
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::database::DatabaseWriter;
    use crate::coordinator::health::Health;
    use crate::coordinator::projector::{Projection, Projector};
    use crate::coordinator::settings::StorageLimits;
    use crate::domain::id::{RunId, TestId};
    use crate::log::EventLog;
    use crate::log::memory::MemoryLog;
    use crate::results::CurrentStore;
    use crate::store::{self, Store};
    use std::path::Path;

    /// A compaction of a log with 200 old records, all of which are in the database. Nobody takes its
    /// orders.
    fn compaction(directory: &Path, limits: StorageLimits) -> Compaction {
        let mut log = MemoryLog::new();
        let term = log.begin_term().expect("a term");
        let path = directory.join(store::FILE_NAME);
        let opened = Store::open(&path, log.identity()).expect("opened");
        let mut writer = opened.writer;
        for index in 0..200 {
            let test = TestId { run: RunId(1), index };
            let facts = [Fact::TestExpired { test, at: Timestamp(7) }];
            let sequence = log.append(u64::from(index), term, &facts).expect("stored");
            writer.project([(sequence, &facts)]).expect("projected");
        }
        let current = CurrentStore::new(opened.store);
        let database = DatabaseWriter {
            path,
            identity: log.identity(),
            writer: Some(writer),
            log: log.reader(),
            current: current.clone(),
            substitute: None,
            uncompared: None,
        };
        assert_eq!(database.watermark(), 200);
        let (_, _, progress) = Projector::new(Box::new(database), 200, Arc::new(Health::new()));
        Compaction {
            retention: Some(Millis(1)),
            pace: Pace::default(),
            archives: directory.join("archive"),
            identity: log.identity(),
            results: Reader::new(current),
            log: log.reader(),
            base: 0,
            progress,
            mailbox: Mailbox::new().0,
            orders: Weak::new(),
            clock: Clock::start(),
            metrics: Arc::default(),
            space: Arc::new(Space::new(directory.to_owned(), limits, Arc::default())),
            stopping: Arc::default(),
            verified: None,
        }
    }

    #[test]
    fn nothing_is_exported_or_removed_without_space_and_the_next_check_may_do_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let limits = StorageLimits { min_free_bytes: Some(u64::MAX), ..StorageLimits::NONE };
        let mut compaction = compaction(directory.path(), limits);
        let error = compaction.check().expect_err("below half of the reserve");
        assert!(matches!(error, CompactionError::Space(NoSpace::Disk { .. })), "{error}");
        assert!(error.is_passing(), "it does not wait for a day");
        assert!(!compaction.archives.exists());

        // A maximum size does not matter: the compaction makes room.
        let limits = StorageLimits { max_data_bytes: Some(1), ..StorageLimits::NONE };
        compaction.space =
            Arc::new(Space::new(directory.path().to_owned(), limits, Arc::default()));
        let error = compaction.check().expect_err("nobody takes the order");
        assert!(matches!(error, CompactionError::Stopping), "{error}");
        let archive = Archive::newest(&compaction.archives).expect("read").expect("exported");
        assert_eq!(archive.manifest.watermark, 200);
    }

    #[test]
    fn an_archive_of_the_future_is_not_recent() {
        let period = Duration::from_millis(100);
        let recent = |time| is_recent(Timestamp(time), Timestamp(1000), period);
        assert!(recent(1000) && recent(901));
        assert!(!recent(900) && !recent(1001));
    }
}
