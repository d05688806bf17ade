//! Accepting that the event log has lost records.
//!
//! The snapshot, the witness of the log, the results database and the archive prove which records
//! existed. When an administrator accepts the loss, the log receives a new identity and a fact that
//! moves the numbers of runs, workers and leases past everything that the lost records may have
//! used. Then snapshot and database are renamed, and kept, and so is an archive that has lost records.
//! A file of a log that has no magic number is renamed first, since its records may still be in it.
//!
//! Promises: without a loss nothing changes, nor in a compacted log whose archive cannot be used,
//! because no start would be possible then. Log, identity and fact change in one transaction; when
//! the acceptance is interrupted after it, the next start is refused again, and accepting again
//! completes it. Nothing is deleted.
//! Limit: [`MAX_KEPT`] renamed files of each kind.

use super::error::RecoveryError;
use super::evidence::{Evidence, Numbers};
use super::inventory::{Inventory, Opening};
use crate::blobs::{self, FileBlobs};
use crate::coordinator::standby;
use crate::coordinator::weights;
use crate::domain::fact::Fact;
use crate::domain::id::Epoch;
use crate::domain::storage_id::StorageId;
use crate::log::{self, EmbeddedLog, EventLog, Sequence};
use crate::results::render::figures::counted;
use crate::results::{CatchUpError, uncompared};
use crate::store;
use crate::store::archive::{self, Archive, ArchiveError};
use crate::sys::clock::wall;
use crate::sys::ids;
use std::io;
use std::path::{Path, PathBuf};

/// Distance of the next epoch from the greatest that is known. Leases of the lost records have
/// epochs of which nothing is known; the coordinator would have to grant this number of leases within
/// the lost records to repeat one.
const EPOCH_MARGIN: u64 = 1 << 32;
/// Distance of the next number of a run or worker from the greatest that is known, unless the database
/// or the snapshot covers all records that the witness knows: the newest lost records may have been in
/// no other part.
const NUMBER_MARGIN: u32 = 1_000;
/// The same when neither the database nor the snapshot can be read.
const UNKNOWN_MARGIN: u32 = 1_000_000;
/// Maximum number of renamed files of each kind.
const MAX_KEPT: u32 = 1_000;

/// An accepted loss.
#[derive(Debug)]
struct Accepted {
    /// Last record of the log that was left.
    last: Sequence,
    /// Greatest number of a record of which there was evidence.
    seen: Sequence,
    /// Number of the next run.
    next_run: u32,
    /// The renamed files.
    kept: Vec<PathBuf>,
    /// Parts that could not be read, with the reason.
    unreadable: Vec<String>,
}

/// Accepts the loss of records, if there is one, and reports what was done.
///
/// # Errors
/// The log or another part cannot be read or written.
pub(super) fn accept_and_report(data_dir: &Path) -> Result<(), RecoveryError> {
    let Some(accepted) = accept(data_dir)? else {
        tracing::info!("--accept-lost-records has no effect: no lost records are known");
        return Ok(());
    };
    let Accepted { last, seen, next_run, kept, unreadable } = accepted;
    tracing::warn!(
        "the loss of records is accepted: the event log contained {}, and the other parts prove {}; \
         the next run is r{next_run}",
        counted(last, "record"),
        counted(seen.max(last), "record"),
    );
    for reason in unreadable {
        tracing::warn!("a part could not be read, so the numbers continue further on: {reason}");
    }
    for path in kept {
        tracing::warn!("kept for export: {}", path.display());
    }
    Ok(())
}

fn accept(data_dir: &Path) -> Result<Option<Accepted>, RecoveryError> {
    let inventory = Inventory::of(data_dir)?;
    let opened = match inventory.opening() {
        Opening::Create => return Ok(None),
        Opening::Lost(_) => None,
        Opening::Open => {
            let adopted = inventory.identity.unwrap_or_else(|| StorageId::new(ids::new_id()));
            Some(EmbeddedLog::open_after_loss(data_dir, Some(adopted))?.0)
        }
    };
    let evidence = Evidence::gather(data_dir, inventory.identity);
    let log = match opened {
        None => None,
        Some(log) if evidence.contradicts(log.identity(), log.last()) => Some(log),
        Some(_) => {
            for reason in evidence.unreadable {
                tracing::warn!("a part could not be compared with the event log: {reason}");
            }
            return Ok(None);
        }
    };
    // The file still has the old identity when an earlier acceptance was interrupted.
    let identities: Vec<StorageId> =
        inventory.identity.into_iter().chain(log.as_ref().map(EventLog::identity)).collect();
    if let Some(log) = &log {
        require_archive(data_dir, log, &identities)?;
    }
    let last = log.as_ref().map_or(0, EventLog::last);
    let (state, at) = match &log {
        Some(log) => standby::replayed(log)?,
        None => Default::default(),
    };
    let margin = match evidence.numbers {
        Some(_) if evidence.is_complete(last) => 0,
        Some(_) => NUMBER_MARGIN,
        None => UNKNOWN_MARGIN,
    };
    let known = Numbers::of(&state).max(evidence.numbers.unwrap_or_default());
    let numbers = Numbers {
        next_run: known.next_run.saturating_add(margin),
        next_worker: known.next_worker.saturating_add(margin),
        epoch: known.epoch.saturating_add(EPOCH_MARGIN),
    };
    let fact = Fact::RecordsLost {
        last,
        seen: evidence.seen,
        next_run: numbers.next_run,
        next_worker: numbers.next_worker,
        epoch: Epoch(numbers.epoch),
        at: at.unwrap_or_else(wall),
    };
    let identity = StorageId::new(ids::new_id());
    let mut kept = Vec::new();
    let mut log = if let Some(log) = log {
        log
    } else {
        kept.extend(keep_log(data_dir)?);
        // The renewal replaces this identity, and with it an acceptance that was interrupted here.
        EmbeddedLog::create(data_dir, StorageId::new(ids::new_id()))?
    };
    log.renew(identity, &[fact])?;
    drop(log);
    kept.extend(keep_parts(data_dir, identity, &identities, last)?);
    let (seen, next_run, unreadable) = (evidence.seen, numbers.next_run, evidence.unreadable);
    Ok(Some(Accepted { last, seen, next_run, kept, unreadable }))
}

/// Checks that a compacted log has an archive, which is the only source of the removed records when
/// the database has been renamed. `known`: the identities of this log until now.
fn require_archive(
    data_dir: &Path,
    log: &EmbeddedLog,
    known: &[StorageId],
) -> Result<(), RecoveryError> {
    let (base, last) = (log.base(), log.last());
    if base == 0 {
        return Ok(());
    }
    let path = data_dir.join(archive::DIRECTORY);
    let archive = Archive::newest(&path)?.filter(|Archive { manifest, .. }| {
        (base..=last).contains(&manifest.watermark) && known.contains(&manifest.identity)
    });
    match archive {
        Some(archive) => Ok(archive.verify()?),
        None => Err(ArchiveError::Missing { path, base }.into()),
    }
}

/// Renames a log that has no magic number, and its witness, which has its identity: `dtf log export`
/// finds the records in them. When this is interrupted, the log is missing, which can be accepted.
fn keep_log(data_dir: &Path) -> Result<Vec<PathBuf>, RecoveryError> {
    let Some(log) = keep(&data_dir.join(log::LOG_FILE))? else { return Ok(vec![]) };
    let witness = keep(&data_dir.join(log::WITNESS_FILE))?;
    Ok([log].into_iter().chain(witness).collect())
}

/// Renames the parts with the old identity, and gives the others the new one. `known`: the identities
/// of this log until now. Returns the new names.
fn keep_parts(
    data_dir: &Path,
    identity: StorageId,
    known: &[StorageId],
    last: Sequence,
) -> Result<Vec<PathBuf>, RecoveryError> {
    let mut kept = Vec::new();
    for name in [log::SNAPSHOT_FILE, store::FILE_NAME] {
        kept.extend(keep(&data_dir.join(name))?);
    }
    // It was about the renamed database.
    uncompared::clear(data_dir).map_err(CatchUpError::from)?;
    let archives = data_dir.join(archive::DIRECTORY);
    match Archive::newest(&archives) {
        Ok(None) => {}
        // It is of this log and has no lost record, and a compacted log needs it.
        Ok(Some(mut archive))
            if archive.manifest.watermark <= last && known.contains(&archive.manifest.identity) =>
        {
            archive.adopt(identity)?;
        }
        Ok(Some(_)) | Err(ArchiveError::Damaged { .. }) => kept.extend(keep(&archives)?),
        Err(error) => return Err(error.into()),
    }
    for root in [data_dir.join(blobs::DIRECTORY), weights::root(data_dir)] {
        FileBlobs::adopt(&root, identity)?;
    }
    log::write_identity(data_dir, identity)?;
    Ok(kept)
}

/// Renames a file, and the write-ahead log of a database, to `NAME.lost-records-N`.
fn keep(path: &Path) -> Result<Option<PathBuf>, RecoveryError> {
    let with = |path: &Path, suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let failed = |source| RecoveryError::Directory { path: path.to_owned(), source };
    if !path.try_exists().map_err(failed)? {
        return Ok(None);
    }
    let wal = with(path, ".wal");
    let has_wal = wal.try_exists().map_err(failed)?;
    let names = (1..=MAX_KEPT).map(|number| with(path, &format!(".lost-records-{number}")));
    // A renamed `.wal` alone is the one of this file, if an earlier acceptance was interrupted.
    let mut free = names.filter(|name| !(name.exists() || has_wal && with(name, ".wal").exists()));
    let kept = free.next().ok_or_else(|| failed(io::ErrorKind::AlreadyExists.into()))?;
    if has_wal {
        std::fs::rename(&wal, with(&kept, ".wal")).map_err(failed)?;
    }
    std::fs::rename(path, &kept).map_err(failed)?;
    Ok(Some(kept))
}
