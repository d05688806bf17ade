//! From a data directory to the parts of a running coordinator.
//!
//! Promises: one process at a time; every part has the identity of the log; the state is the snapshot
//! plus the records after it, each checked; nothing is dropped silently. A part that is ahead of the
//! log proves that the log has lost records: the start is refused, and nothing is moved or changed
//! until an administrator accepts the loss ([`losses`]). Parts that can be read without a change are
//! compared before the log is opened for writing ([`beside`]). Everything here blocks.
//!
//! | found at a start | result |
//! | --- | --- |
//! | the log is missing beside other parts | refused ([`inventory`]) |
//! | the file `identity` is missing | it is written again, with a warning |
//! | `identity`, witness, database, archive, blobs or weights have another identity | refused |
//! | witness, snapshot, database or archive are ahead of the log | refused |
//! | a snapshot is damaged or has another identity | it is renamed, and the log is replayed |
//! | a part of a version without identities has none | it receives the identity of the log |

mod beside;
pub mod error;
mod evidence;
mod inventory;
mod losses;
mod steps;
#[cfg(test)]
mod tests;

use self::beside::Beside;
use self::error::RecoveryError;
use self::inventory::{Inventory, Opening};
use self::steps::Steps;
use crate::blobs::{BlobStore, FileBlobs};
use crate::coordinator::leadership::{DirectoryLeadership, Leadership};
use crate::coordinator::standby::{Leader, Standby};
use crate::coordinator::weights::{self, WeightsStore};
use crate::domain::storage_id::StorageId;
use crate::log::{self, EmbeddedLog, EventLog, LogError, LogFile, LogReader};
use crate::results::render::figures::counted;
use crate::results::{CatchUpError, Substitute, open_in, uncompared};
use crate::scheduler::Scheduler;
use crate::store;
use crate::store::archive::{self, Archive, ArchiveError};
use crate::sys::clock::wall;
use crate::sys::fs::create_private_dir;
use crate::sys::ids;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::inventory::is_data_directory;

/// The parts of a data directory.
struct Storage {
    leadership: Box<dyn Leadership>,
    log: EmbeddedLog,
    blobs: Arc<dyn BlobStore>,
    weights: Arc<WeightsStore>,
    /// File of the results database.
    results: PathBuf,
}

/// The recovered parts, which the leader serves.
pub(crate) struct Recovered {
    pub leader: Leader,
    /// Kept until the coordinator has stopped.
    pub leadership: Arc<dyn Leadership>,
    pub identity: String,
    pub blobs: Arc<dyn BlobStore>,
    pub weights: Arc<WeightsStore>,
    pub store: store::Opened,
    /// Set if `store` is a substitute for a database that another process has open.
    pub substitute: Option<Substitute>,
    /// Last record of the log, if that database could not be compared with it.
    pub uncompared: Option<log::Sequence>,
}

/// Opens a data directory, which is created when it is missing, and restores the state from it. With
/// `accept_losses`, a log that has lost records is continued.
///
/// # Errors
/// The directory is in use, or a part of it is missing, damaged, of another directory, or cannot be
/// used. A panic is reported with the step in which it occurred.
pub(crate) fn recover(data_dir: &Path, accept_losses: bool) -> Result<Recovered, RecoveryError> {
    Steps::run(|steps| {
        let storage = Storage::open(data_dir, accept_losses, steps)?;
        lead(storage, steps)
    })
}

impl Storage {
    /// Only one process can open the embedded log, so the leadership is acquired first.
    fn open(
        data_dir: &Path,
        accept_losses: bool,
        steps: &mut Steps,
    ) -> Result<Self, RecoveryError> {
        let directory = |source| RecoveryError::Directory { path: data_dir.to_owned(), source };
        create_private_dir(data_dir).map_err(directory)?;
        let mut leadership = DirectoryLeadership::new(data_dir);
        leadership.acquire()?;
        if accept_losses {
            steps.begin("accepting lost records in", data_dir);
            losses::accept_and_report(data_dir)?;
        }
        steps.begin("opening the event log in", data_dir);
        let log = open_log(data_dir)?;
        let root = data_dir.join(crate::blobs::DIRECTORY);
        steps.begin("opening the files in", &root);
        let blobs = Arc::new(FileBlobs::with_identity(root, log.identity())?);
        let root = weights::root(data_dir);
        steps.begin("opening the weights in", &root);
        let weights = Arc::new(WeightsStore::open(&root, log.identity())?);
        let results = data_dir.join(store::FILE_NAME);
        Ok(Self { leadership: Box::new(leadership), log, blobs, weights, results })
    }
}

/// Opens or creates the log, and the file `identity`.
fn open_log(data_dir: &Path) -> Result<EmbeddedLog, RecoveryError> {
    let inventory = Inventory::of(data_dir)?;
    let log = match inventory.opening() {
        Opening::Create => {
            let identity = inventory.identity.unwrap_or_else(|| StorageId::new(ids::new_id()));
            EmbeddedLog::create(data_dir, identity)?
        }
        Opening::Open => {
            // A log of a version without identities receives this one.
            let identity = inventory.identity.unwrap_or_else(|| StorageId::new(ids::new_id()));
            let beside = Beside::read(data_dir, inventory.identity);
            EmbeddedLog::open_compared(data_dir, Some(identity), &|identity, last| {
                beside.compare(identity, last)
            })?
        }
        Opening::Lost(other) => {
            let path = data_dir.join(log::LOG_FILE);
            return Err(RecoveryError::LogMissing { path, other });
        }
    };
    if inventory.identity.is_none() {
        if inventory.log == LogFile::Present {
            let file = data_dir.join(log::IDENTITY_FILE);
            tracing::warn!(file = %file.display(), "the file is missing; it is written again");
        }
        log::write_identity(data_dir, log.identity())?;
    }
    Ok(log)
}

/// Restores the state from the log, becomes the leader, and opens the results database.
fn lead(storage: Storage, steps: &mut Steps) -> Result<Recovered, RecoveryError> {
    let Storage { mut leadership, log, blobs, weights, results } = storage;
    let identity = log.identity();
    steps.begin("reading the event log beside", &results);
    let reader = log.reader();
    let standby = Standby::open(Box::new(log))?;
    // Before this coordinator appends: a loss is accepted with the log as it is.
    steps.begin("opening the results database", &results);
    let last = standby.followed();
    let (store, substitute, uncompared) = open_results(&results, identity, last, &*reader)?;
    steps.begin("continuing the event log beside", &results);
    let leader = standby.lead(&mut *leadership, wall())?;
    report(&leader.scheduler, leader.log.last());
    let leadership = Arc::from(leadership);
    let identity = identity.to_string();
    Ok(Recovered { leader, leadership, identity, blobs, weights, store, substitute, uncompared })
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

/// Opens the results database. Neither it nor its archive may be ahead of the log. A database that
/// another process has open is replaced by a substitute; the last record that it may contain is
/// returned, too.
fn open_results(
    path: &Path,
    identity: StorageId,
    last: log::Sequence,
    log: &dyn LogReader,
) -> Result<(store::Opened, Option<Substitute>, Option<log::Sequence>), RecoveryError> {
    check_archive(&path.with_file_name(archive::DIRECTORY), identity, last)?;
    let data_dir = path.parent().unwrap_or(Path::new(""));
    match open_in(data_dir, identity, log, last) {
        Err(error) if error.is_in_use() => {
            tracing::warn!("{error}; new results are added as soon as it is free");
            let limit = uncompared::limit(data_dir, last).map_err(CatchUpError::from)?;
            uncompared::note(data_dir, limit).map_err(CatchUpError::from)?;
            let (substitute, opened) = Substitute::new(path, identity, log)?;
            Ok((opened, Some(substitute), Some(limit)))
        }
        opened => Ok((opened?, None, None)),
    }
}

/// Compares the archive with the log. A damaged one does not prevent a start: it is needed only
/// together with a database that cannot be used, and is written again otherwise.
fn check_archive(
    archives: &Path,
    identity: StorageId,
    last: log::Sequence,
) -> Result<(), RecoveryError> {
    let archive = match Archive::newest(archives) {
        Ok(None) => return Ok(()),
        Ok(Some(archive)) => archive,
        Err(error @ ArchiveError::Damaged { .. }) => {
            tracing::warn!("{error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let (path, found) = (archive.path, archive.manifest.identity);
    if found != identity {
        return Err(ArchiveError::OtherIdentity { path, expected: identity, found }.into());
    }
    not_ahead(archives.with_file_name(log::LOG_FILE), last, &path, archive.manifest.watermark)
}

/// Checks that a part has no record that the log does not have.
fn not_ahead(
    log: PathBuf,
    last: log::Sequence,
    part: &Path,
    proven: log::Sequence,
) -> Result<(), RecoveryError> {
    if proven <= last {
        return Ok(());
    }
    Err(LogError::Lost { path: log, last, evidence: part.to_owned(), proven }.into())
}

/// The identity of a data directory that a coordinator has used; `None` if it cannot be read.
#[must_use]
pub fn identity_of(data_dir: &Path) -> Option<String> {
    log::read_identity(data_dir).ok()?.map(|identity| identity.to_string())
}
