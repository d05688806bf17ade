//! From a data directory to a running state.
//!
//! Promises: one process at a time; the state is the snapshot plus the records after it,
//! each checked; nothing is dropped silently. Everything here blocks.

use crate::blobs::FileBlobs;
use crate::coordinator::commit::Journal;
use crate::domain::causes::with_causes;
use crate::domain::fact::Fact;
use crate::domain::time::Timestamp;
use crate::log::{EmbeddedLog, EventLog, LogError};
use crate::results::Substitute;
use crate::results::render::figures::counted;
use crate::scheduler::{FactError, Scheduler};
use crate::store;
use crate::store::Store;
use crate::sys::clock::Clock;
use crate::sys::fs::{create_private_dir, write_durably};
use crate::sys::ids;
use crate::sys::lock::{DirectoryLock, LockError};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("cannot use the data directory {path}: {source}")]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Locked(#[from] LockError),
    #[error("{}", with_causes(.0))]
    Log(#[from] LogError),
    #[error("record {sequence} of the event log does not fit the records before it: {error}")]
    Inconsistent { sequence: u64, error: FactError },
    #[error(transparent)]
    Blobs(#[from] crate::blobs::BlobError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

/// Name of the file with the name of the data directory.
const IDENTITY: &str = "identity";

/// What was found in a data directory.
pub(crate) struct Recovered {
    /// Held until the coordinator has stopped.
    pub lock: DirectoryLock,
    pub log: EmbeddedLog,
    pub scheduler: Scheduler,
    pub clock: Clock,
    pub identity: String,
    pub blobs: FileBlobs,
    pub store: store::Opened,
    /// Set if `store` is a substitute for a database that another process has open.
    pub substitute: Option<Substitute>,
    /// Events after the snapshot.
    pub since_snapshot: u64,
}

/// Locks the directory and brings the state back.
pub(crate) fn recover(data_dir: &Path) -> Result<Recovered, RecoveryError> {
    let folder = |source| RecoveryError::Folder { path: data_dir.to_owned(), source };
    create_private_dir(data_dir).map_err(folder)?;
    let lock = DirectoryLock::acquire_after_readers(data_dir)?;
    let identity = identity(data_dir).map_err(folder)?;
    let log = EmbeddedLog::open(data_dir)?;
    let blobs = FileBlobs::new(data_dir.join(crate::blobs::DIRECTORY))?;
    let (after, mut scheduler) = restored(&log);
    let mut since_snapshot = 0;
    let mut latest = Timestamp::default();
    let mut misfit = None;
    log.reader().replay(after, &mut |sequence, facts| {
        for fact in &facts {
            if let Err(error) = scheduler.apply(fact) {
                misfit = Some(RecoveryError::Inconsistent { sequence, error });
                return false;
            }
            latest = latest.max(fact.at());
        }
        since_snapshot += facts.len() as u64;
        true
    })?;
    if let Some(error) = misfit {
        return Err(error);
    }
    let last = log.last();
    scheduler
        .check_invariants()
        .map_err(|error| RecoveryError::Inconsistent { sequence: last, error })?;
    let clock = Clock::start_after(latest);
    scheduler.restarted(clock.now());
    tell(&scheduler, log.last());
    let (store, substitute) = results(&data_dir.join(crate::store::FILE_NAME), log.last())?;
    Ok(Recovered {
        lock,
        log,
        scheduler,
        clock,
        identity,
        blobs,
        store,
        substitute,
        since_snapshot,
    })
}

/// One line about what was there.
fn tell(scheduler: &Scheduler, records: u64) {
    if records == 0 {
        tracing::info!("the data directory is new");
        return;
    }
    let found = scheduler.overview();
    let open = found.tests_blocked + found.tests_waiting + found.tests_leased;
    let workers = found.workers_active + found.workers_draining;
    tracing::info!(
        "restored from {}: {} open with {} to do ({} running or taken ahead), {}",
        counted(records, "record"),
        counted(found.runs_open.into(), "run"),
        counted(open, "test"),
        found.tests_leased,
        counted(workers.into(), "worker")
    );
}

/// The snapshot, if it can be used: the log alone says the same.
fn restored(log: &EmbeddedLog) -> (u64, Scheduler) {
    let Some((at, pieces)) = log.read_snapshot() else { return (0, Scheduler::new()) };
    match Scheduler::restore(pieces.into_iter()) {
        Ok(scheduler) => (at, scheduler),
        Err(error) => {
            tracing::warn!(%error, "the snapshot is passed over; the whole log is read");
            (0, Scheduler::new())
        }
    }
}

/// The results database. One that knows more than the log is of another log: it is moved
/// aside and rebuilt. One that another process has open is replaced by a substitute.
fn results(
    path: &Path,
    last: u64,
) -> Result<(store::Opened, Option<Substitute>), store::StoreError> {
    let opened = match Store::open(path) {
        Err(error @ store::StoreError::InUse { .. }) => {
            tracing::warn!("{error}; it gets the new results as soon as it is free");
            let (substitute, opened) = Substitute::new(path)?;
            return Ok((opened, Some(substitute)));
        }
        opened => opened?,
    };
    if opened.writer.watermark() <= last {
        return Ok((opened, None));
    }
    drop(opened);
    let aside = store::set_aside(path)?;
    tracing::warn!(aside = %aside.display(), "the results database is of another log; rebuilt");
    Ok((Store::open(path)?, None))
}

/// A name for this data directory that stays.
fn identity(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join(IDENTITY);
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Ok(_) => fresh_identity(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fresh_identity(&path),
        Err(error) => Err(error),
    }
}

/// The name of a data directory that is in use or was; `None` where it cannot be read.
#[must_use]
pub fn identity_of(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join(IDENTITY)).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

fn fresh_identity(path: &Path) -> io::Result<String> {
    let identity = ids::new_id().to_string();
    write_durably(path, identity.as_bytes(), false)?;
    Ok(identity)
}

impl Journal for EmbeddedLog {
    fn append(&mut self, events: &[Fact]) -> Result<u64, String> {
        EventLog::append(self, &mut events.iter()).map_err(|error| with_causes(&error))
    }

    fn write_snapshot(&mut self, at: u64, pieces: Vec<Vec<u8>>) -> Result<(), String> {
        let mut pieces = pieces.into_iter();
        EventLog::write_snapshot(self, at, &mut pieces).map_err(|error| with_causes(&error))
    }
}
