//! `dtf results gc`: removes old runs from the results of a stopped coordinator, and their records from its
//! event log.
//!
//! The steps are those of a compaction, in an order in which an interruption loses nothing: the rows that
//! are kept are exported to an archive, the log is compacted behind it, and then the database is restored from it
//! and replaces the old one. So the old runs are either in the database, and the same call removes them, or
//! nowhere: a database that is written anew begins with the archive.

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
    if old.runs.is_empty() && upto == base {
        return Ok(removed);
    }
    let archive = keep_young(data_dir, &leader, &store, &old, step)?;
    if upto > base {
        step("compacting the event log");
        compact(&mut leader, upto)?;
    }
    store.close();
    drop((store, writer));
    if !old.runs.is_empty() {
        step("writing the results database anew");
        replace(&archive, &path)?;
        removed.bytes_after = size(&path);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::Fact;
    use crate::domain::id::RunId;
    use crate::domain::storage_id::StorageId;
    use crate::log::{EmbeddedLog, EventLog};
    use crate::results;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use tempfile::TempDir;

    const DAY: u64 = 86_400_000;
    const KEEP: Millis = Millis(30 * DAY);

    /// A run with this number of tests that was cancelled this number of days ago.
    fn run(number: u32, days: u64, tests: usize) -> Vec<Fact> {
        let (run, at) = (RunId(number), Timestamp(wall().0 - days * DAY));
        let test = |index: usize| {
            let name = format!("{}/{index}", "x".repeat(300));
            let launch = serde_json::json!({ "run": { "command": ["true"] } });
            let spec = serde_json::json!({ "name": name, "launch": launch });
            Arc::new(serde_json::from_str(&spec.to_string()).expect("a test"))
        };
        let tests = (0..tests).map(test).collect();
        vec![
            Fact::RunSubmitted {
                run,
                name: "a run".into(),
                idempotency: None,
                user: "anna".into(),
                closed_world: false,
                at,
            },
            Fact::TestsAdded { run, first: 0, tests, last: true, part: 0, at },
            Fact::RunCancelled { run, by: "anna".into(), notices: Vec::new(), at },
        ]
    }

    /// A data directory with two old runs and a young one, which the database contains.
    fn data_dir() -> TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        let id = StorageId::from_bytes([7; 16]);
        let mut log = EmbeddedLog::create(directory.path(), id).expect("created");
        let term = log.begin_term().expect("a term");
        for facts in [run(1, 60, 4000), run(2, 50, 1), run(3, 2, 2)] {
            for fact in facts {
                log.append(log.last(), term, &[fact]).expect("stored");
            }
        }
        drop(log);
        restart(directory.path());
        directory
    }

    /// Starts as a coordinator does, and projects everything.
    fn restart(data_dir: &Path) {
        let recovered = recovery::recover(data_dir, false).expect("a start");
        let (last, reader) = (recovered.leader.log.last(), recovered.leader.log.reader());
        let mut opened = recovered.store;
        project_until(&mut opened.writer, &*reader, last).expect("projected");
    }

    fn runs(data_dir: &Path) -> Vec<u32> {
        let store = Store::open_read_only(&data_dir.join(store::FILE_NAME)).expect("opens");
        let runs = store.runs(None, 10).expect("reads");
        runs.into_iter().map(|row| row.run.0).collect()
    }

    #[test]
    fn old_runs_are_removed_for_good_and_the_file_shrinks() {
        let directory = data_dir();
        let path = directory.path();
        assert_eq!(runs(path), [3, 2, 1]);
        let expected = count_old(path, KEEP).expect("counted");
        let removed = remove_old(path, KEEP, &mut |_| {}).expect("removed");
        assert_eq!((removed.runs, removed.rows), (2, expected.rows));
        assert_eq!(removed.records, 6, "the records of both runs");
        assert!(removed.bytes_after < removed.bytes, "{removed:?}");
        assert_eq!(runs(path), [3]);
        for _ in 0..2 {
            restart(path);
            assert_eq!(runs(path), [3], "after a restart");
            results::rebuild(path).expect("rebuilt");
            assert_eq!(runs(path), [3], "written anew");
        }
        let again = remove_old(path, KEEP, &mut |_| {}).expect("nothing to do");
        assert_eq!((again.runs, again.records, again.bytes), (0, 0, again.bytes_after));
        let all = remove_old(path, Millis(DAY), &mut |_| {}).expect("removed");
        assert_eq!((all.runs, runs(path)), (1, Vec::new()));
    }

    #[test]
    fn an_interrupted_removal_loses_nothing_and_is_completed_by_the_next_call() {
        let mut steps = Vec::new();
        let directory = data_dir();
        remove_old(directory.path(), KEEP, &mut |step| steps.push(step.to_owned()))
            .expect("removed");
        assert_eq!(steps.len(), 4, "{steps:?}");
        for interrupted in steps {
            for is_rebuilt in [false, true] {
                let directory = data_dir();
                let path = directory.path();
                let mut step = |step: &str| assert_ne!(step, interrupted, "interrupted");
                let ended = catch_unwind(AssertUnwindSafe(|| remove_old(path, KEEP, &mut step)));
                assert!(ended.is_err(), "{interrupted}");
                restart(path);
                if is_rebuilt {
                    results::rebuild(path).expect("rebuilt");
                }
                assert_eq!(runs(path)[0], 3, "{interrupted}: the young run");
                remove_old(path, KEEP, &mut |_| {}).expect("completed");
                assert_eq!(runs(path), [3], "{interrupted}");
                results::rebuild(path).expect("rebuilt");
                assert_eq!(runs(path), [3], "{interrupted}: written anew");
            }
        }
    }
}
