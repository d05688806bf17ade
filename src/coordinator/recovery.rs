//! From a data directory to the parts of a running coordinator.
//!
//! Promises: one process at a time; the state is the snapshot plus the records after it,
//! each checked; nothing is dropped silently. Everything here blocks.

use crate::blobs::{BlobStore, FileBlobs};
use crate::coordinator::leadership::{DirectoryLeadership, Leadership};
use crate::coordinator::recovery_error::RecoveryError;
use crate::coordinator::standby::{Leader, Standby};
use crate::domain::storage_id::StorageId;
use crate::log::{EmbeddedLog, EventLog, LogError, LogFile, read_identity, write_identity};
use crate::results::Substitute;
use crate::results::render::figures::counted;
use crate::scheduler::Scheduler;
use crate::store;
use crate::store::Store;
use crate::sys::clock::wall;
use crate::sys::fs::create_private_dir;
use crate::sys::ids;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The parts of a data directory.
pub(crate) struct Storage {
    pub leadership: Box<dyn Leadership>,
    pub log: Box<dyn EventLog>,
    pub blobs: Arc<dyn BlobStore>,
    pub identity: String,
    /// File of the results database.
    pub results: PathBuf,
}

/// The recovered parts, which the leader serves.
pub(crate) struct Recovered {
    pub leader: Leader,
    /// Kept until the coordinator has stopped.
    pub leadership: Arc<dyn Leadership>,
    pub identity: String,
    pub blobs: Arc<dyn BlobStore>,
    pub store: store::Opened,
    /// Set if `store` is a substitute for a database that another process has open.
    pub substitute: Option<Substitute>,
}

impl Storage {
    /// Opens a data directory, which is created when it is missing. Only one process can open the
    /// embedded log, so the leadership is acquired first.
    ///
    /// # Errors
    /// The directory is in use or cannot be used.
    pub fn open(data_dir: &Path) -> Result<Self, RecoveryError> {
        let directory = |source| RecoveryError::Directory { path: data_dir.to_owned(), source };
        create_private_dir(data_dir).map_err(directory)?;
        let mut leadership = DirectoryLeadership::new(data_dir);
        leadership.acquire()?;
        let identity = identity(data_dir)?;
        let log = match EmbeddedLog::inspect(data_dir)? {
            LogFile::Present => EmbeddedLog::open(data_dir, Some(identity))?,
            LogFile::Missing | LogFile::NotBegun => EmbeddedLog::create(data_dir, identity)?,
        };
        Ok(Self {
            leadership: Box::new(leadership),
            identity: identity.to_string(),
            log: Box::new(log),
            blobs: Arc::new(FileBlobs::with_identity(
                data_dir.join(crate::blobs::DIRECTORY),
                identity,
            )?),
            results: data_dir.join(store::FILE_NAME),
        })
    }
}

/// Restores the state from the log, becomes the leader, and opens the results database.
///
/// # Errors
/// Another coordinator leads, or a part of the storage is damaged or cannot be used.
pub(crate) fn recover(storage: Storage) -> Result<Recovered, RecoveryError> {
    let Storage { mut leadership, log, blobs, identity, results } = storage;
    let leader = Standby::open(log)?.lead(&mut *leadership, wall())?;
    report(&leader.scheduler, leader.log.last());
    let (store, substitute) = open_results(&results, &*leader.log)?;
    let leadership = Arc::from(leadership);
    Ok(Recovered { leader, leadership, identity, blobs, store, substitute })
}

/// Logs one line about the restored state.
fn report(scheduler: &Scheduler, records: u64) {
    if records == 0 {
        tracing::info!("the data directory is new");
        return;
    }
    let overview = scheduler.overview();
    let open = overview.tests_blocked + overview.tests_waiting + overview.tests_leased;
    let workers = overview.workers_active + overview.workers_draining;
    tracing::info!(
        "restored from {}: {} open with {} to do ({} leased), {}",
        counted(records, "record"),
        counted(overview.runs_open.into(), "run"),
        counted(open, "test"),
        overview.tests_leased,
        counted(workers.into(), "worker")
    );
}

/// Opens the results database. A database that is ahead of the log belongs to another log: it is
/// moved aside and rebuilt. A database that another process has open is replaced by a substitute.
fn open_results(
    path: &Path,
    log: &dyn EventLog,
) -> Result<(store::Opened, Option<Substitute>), store::StoreError> {
    let (last, identity) = (log.last(), log.identity());
    let opened = match Store::open(path, identity) {
        Err(error @ store::StoreError::InUse { .. }) => {
            tracing::warn!("{error}; new results are added as soon as it is free");
            let (substitute, opened) = Substitute::new(path, identity)?;
            return Ok((opened, Some(substitute)));
        }
        opened => opened?,
    };
    if opened.writer.watermark() <= last {
        return Ok((opened, None));
    }
    drop(opened);
    let aside = store::set_aside(path)?;
    tracing::warn!(aside = %aside.display(), "the results database belongs to another log and is rebuilt");
    Ok((Store::open(path, identity)?, None))
}

/// The identity of this data directory, which never changes.
fn identity(data_dir: &Path) -> Result<StorageId, LogError> {
    if let Some(identity) = read_identity(data_dir)? {
        return Ok(identity);
    }
    let identity = StorageId::new(ids::new_id());
    write_identity(data_dir, identity)?;
    Ok(identity)
}

/// The identity of a data directory that a coordinator has used; `None` if it cannot be read.
#[must_use]
pub fn identity_of(data_dir: &Path) -> Option<String> {
    read_identity(data_dir).ok()?.map(|identity| identity.to_string())
}
