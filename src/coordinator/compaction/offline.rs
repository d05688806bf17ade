//! `dtf results gc`: removes old runs from the results of a stopped coordinator, and their records from its
//! event log.
//!
//! The steps are those of a compaction, in an order in which an interruption loses nothing: the rows that
//! are kept are exported to an archive, the database is restored from it and replaces the old one, and
//! then the log is compacted. After an interruption, the same call completes the rest.

use crate::coordinator::compaction::choice::{is_in_doubt, last_older};
use crate::coordinator::compaction::time_of;
use crate::coordinator::recovery::{self, error::RecoveryError};
use crate::coordinator::standby::Leader;
use crate::domain::time::{Millis, Timestamp};
use crate::log::{LogError, Sequence};
use crate::results::{CatchUpError, project_until};
use crate::store::archive::{self, Archive, ArchiveError};
use crate::store::{self, Old, Store, StoreError};
use crate::sys::clock::wall;
use crate::sys::fs::rename_durably;
use crate::sys::lock::{LockError, ReadLock};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Extension of the database that replaces the old one.
const KEPT: &str = "kept.duckdb";
/// Period in which a jump of the clock makes the age of records doubtful.
const DOUBTFUL: Duration = Duration::from_secs(24 * 3600);

/// The result of a removal, or what it would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    pub runs: u64,
    /// Rows of these runs.
    pub rows: u64,
    /// Records of the event log.
    pub records: u64,
    /// Size of the results database before and after, in bytes.
    pub bytes: u64,
    pub bytes_after: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    #[error(transparent)]
    Locked(#[from] LockError),
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error(transparent)]
    CatchUp(#[from] CatchUpError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Log(#[from] LogError),
    /// The results are in a substitute.
    #[error("the results database {0} is in use by another process")]
    InUse(PathBuf),
    #[error(
        "the clock is far after earlier records, and may have been set ahead: nothing is removed until a \
         day has passed"
    )]
    Clock,
}

/// Reports what [`remove_old`] would remove from a database. Nothing is changed.
///
/// # Errors
/// A coordinator uses the directory, or its database cannot be read.
pub fn count_old(data_dir: &Path, keep: Millis) -> Result<Removed, RemovalError> {
    let _lock = ReadLock::acquire(data_dir)?;
    let path = data_dir.join(store::FILE_NAME);
    let store = Store::open_read_only(&path)?;
    let old = store.older_than(cutoff(keep))?;
    let bytes = size(&path);
    let (runs, rows) = (old.runs.len() as u64, store.count_old(&old)?);
    Ok(Removed { runs, rows, records: 0, bytes, bytes_after: bytes })
}

/// Removes the runs that ended more than `keep` ago, and the records of the log that are older. `step` receives
/// each step when it begins.
///
/// # Errors
/// A coordinator uses the directory, a part of it cannot be used, or the clock is in doubt.
pub fn remove_old(
    data_dir: &Path,
    keep: Millis,
    step: &mut dyn FnMut(&str),
) -> Result<Removed, RemovalError> {
    step("reading the event log");
    let recovered = recovery::recover(data_dir, false)?;
    let path = data_dir.join(store::FILE_NAME);
    if recovered.substitute.is_some() {
        return Err(RemovalError::InUse(path));
    }
    let mut leader = recovered.leader;
    let (last, reader) = (leader.log.last(), leader.log.reader());
    let store::Opened { store, mut writer, .. } = recovered.store;
    project_until(&mut writer, &*reader, last)?;
    let (before, base) = (cutoff(keep), leader.log.base());
    let time = |sequence| time_of(&*reader, sequence);
    if is_in_doubt(base, last, wall(), Millis(DOUBTFUL.as_millis() as u64), time)? {
        return Err(RemovalError::Clock);
    }
    let old = store.older_than(before)?;
    let upto = last_older(base, last, before, time)?;
    let mut removed = Removed {
        runs: old.runs.len() as u64,
        rows: store.count_old(&old)?,
        records: upto - base,
        bytes: size(&path),
        bytes_after: size(&path),
    };
    if old.runs.is_empty() {
        removed.records = 0;
        return Ok(removed);
    }
    let archive = keep_young(data_dir, &leader, &store, &old, step)?;
    store.close();
    drop((store, writer));
    step("writing the results database anew");
    replace(&archive, &path)?;
    removed.bytes_after = size(&path);
    if upto > base {
        step("compacting the event log");
        compact(&mut leader, upto)?;
    }
    archive.remove_others()?;
    Ok(removed)
}

/// Exports the rows that are kept, as the newest archive.
fn keep_young(
    data_dir: &Path,
    leader: &Leader,
    store: &Store,
    old: &Old,
    step: &mut dyn FnMut(&str),
) -> Result<Archive, RemovalError> {
    step("exporting the results that are kept");
    let (archives, identity) = (data_dir.join(archive::DIRECTORY), leader.log.identity());
    let stop = AtomicBool::new(false);
    let now = leader.clock.now();
    Ok(store.export_without(Some(old), &archives, identity, now, &stop)?)
}

/// Replaces the database, which is closed, by one with the rows of the archive.
fn replace(archive: &Archive, path: &Path) -> Result<(), RemovalError> {
    let kept = path.with_extension(KEPT);
    archive.restore(&kept)?;
    store::remove_database(path)?;
    let failed = |source| StoreError::File { doing: "replace", path: path.to_owned(), source };
    Ok(rename_durably(&kept, path).map_err(failed)?)
}

/// Replaces the records up to `upto` by the present state.
fn compact(leader: &mut Leader, upto: Sequence) -> Result<(), LogError> {
    let (at, snapshot) = (leader.log.last(), leader.scheduler.snapshot());
    leader.log.write_snapshot(at, &mut snapshot.pieces())?;
    leader.log.compact(upto, at, &mut snapshot.pieces())
}

fn cutoff(keep: Millis) -> Timestamp {
    Timestamp(wall().0.saturating_sub(keep.0))
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}
