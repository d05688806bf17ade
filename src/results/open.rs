//! Opens the results database so that the event log continues it.
//!
//! Promise: the log has every record after the watermark of the opened database. If compaction has
//! removed some of them, the database is restored from the archive first; without an archive that
//! can be used, the error names what is missing, and no database with a gap is opened.

use crate::domain::storage_id::StorageId;
use crate::log::{LOG_FILE, LogError, LogReader, Sequence};
use crate::results::error::CatchUpError;
use crate::results::uncompared;
use crate::store::archive::{self, Archive, ArchiveError};
use crate::store::{self, Checked, Opened, Store, StoreError};
use crate::sys::fs::rename_durably;
use std::path::Path;

/// Extension of a database that is being restored.
const RESTORED: &str = "restored.duckdb";

/// Opens or creates the database at `path`. One that ends before the log begins is moved aside
/// and restored from the newest archive in `archives`.
///
/// # Errors
/// The database cannot be opened, the log cannot be read, or the archive is needed and is missing,
/// damaged, or does not fit the log.
pub fn open_database(
    path: &Path,
    archives: &Path,
    identity: StorageId,
    log: &dyn LogReader,
) -> Result<Opened, CatchUpError> {
    let opened = Store::open(path, identity)?;
    let watermark = opened.writer.watermark();
    let Some(base) = missing_up_to(log, watermark)? else { return Ok(opened) };
    let archive = fitting(archives, identity, base)?;
    let mut rebuilt = opened.rebuilt.clone();
    drop(opened);
    tracing::warn!(
        "the results database ends with record {watermark}, and the event log begins after record \
         {base}; restoring it from {}",
        archive.path.display()
    );
    let restored = path.with_extension(RESTORED);
    archive.restore(&restored)?;
    if watermark == 0 {
        // Created above, or by an earlier call that did not get here.
        store::remove_database(path)?;
    } else {
        rebuilt = Some(store::set_aside(path)?);
    }
    let renamed = rename_durably(&restored, path);
    let renaming = "rename the restored results database to";
    renamed.map_err(|source| StoreError::File {
        doing: renaming,
        path: path.to_owned(),
        source,
    })?;
    Ok(Opened { rebuilt, ..Store::open(path, identity)? })
}

/// Opens or creates the database of a data directory whose log ends with `last`, as `open_database`. It
/// is compared with the log, also with the end that the log had when they could not be compared
/// ([`uncompared`]).
///
/// # Errors
/// As for `open_database`. The database proves that the log has lost records.
pub fn open_in(
    data_dir: &Path,
    identity: StorageId,
    log: &dyn LogReader,
    last: Sequence,
) -> Result<Opened, CatchUpError> {
    let path = data_dir.join(store::FILE_NAME);
    let limit = uncompared::limit(data_dir, last)?;
    let (archives, noted) = (data_dir.join(archive::DIRECTORY), (limit < last).then_some(limit));
    let opened = open_compared(&path, &archives, identity, log, noted)?;
    compare(log, &path, last, opened.writer.watermark())?;
    uncompared::clear(data_dir)?;
    Ok(opened)
}

/// As `open_database`, for a database that may contain records after `last`, the last record of the
/// log when the two could not be compared; `None` if they were compared since. They count as compared
/// afterwards.
///
/// # Errors
/// As for `open_database`. The database proves that the log has lost records: the file is unchanged
/// then.
pub fn open_compared(
    path: &Path,
    archives: &Path,
    identity: StorageId,
    log: &dyn LogReader,
    last: Option<Sequence>,
) -> Result<Opened, CatchUpError> {
    let Some(last) = last else { return open_database(path, archives, identity, log) };
    // A file that cannot be read in this way is left to the opening.
    if let Ok(checked) = Checked::open(path) {
        compare(log, path, last, checked.watermark)?;
    }
    let opened = open_database(path, archives, identity, log)?;
    compare(log, path, last, opened.writer.watermark())?;
    // Before records are added, whose numbers are greater.
    uncompared::clear(path.parent().unwrap_or(Path::new("")))?;
    Ok(opened)
}

/// Checks that a database has no record after `last`.
///
/// # Errors
/// The database proves that the log has lost records, or the log cannot be read.
pub(super) fn compare(
    log: &dyn LogReader,
    database: &Path,
    last: Sequence,
    watermark: Sequence,
) -> Result<(), LogError> {
    if watermark > last { Err(lost(log, database, last, watermark)?) } else { Ok(()) }
}

/// The error about a database that contains record `proven`, although the log ended with `last`: it has
/// other records since, or none.
fn lost(
    log: &dyn LogReader,
    database: &Path,
    last: Sequence,
    proven: Sequence,
) -> Result<LogError, LogError> {
    let mut has_others = false;
    log.replay(last, &mut |_, _| {
        has_others = true;
        false
    })?;
    let (path, evidence) = (database.with_file_name(LOG_FILE), database.to_owned());
    Ok(if has_others {
        LogError::Diverged { path, sequence: last + 1, evidence }
    } else {
        LogError::Lost { path, last, evidence, proven }
    })
}

/// The last record that compaction removed, if the record after `watermark` is one of them.
fn missing_up_to(log: &dyn LogReader, watermark: Sequence) -> Result<Option<Sequence>, LogError> {
    match log.replay(watermark, &mut |_, _| false) {
        Ok(()) => Ok(None),
        Err(LogError::Compacted { base, .. }) => Ok(Some(base)),
        Err(error) => Err(error),
    }
}

/// The newest archive, if it covers the records up to `base`.
fn fitting(archives: &Path, identity: StorageId, base: Sequence) -> Result<Archive, ArchiveError> {
    let missing = || ArchiveError::Missing { path: archives.to_owned(), base };
    let archive = Archive::newest(archives)?.ok_or_else(missing)?;
    let (path, manifest) = (archive.path.clone(), &archive.manifest);
    if manifest.identity != identity {
        let (expected, found) = (identity, manifest.identity);
        return Err(ArchiveError::OtherIdentity { path, expected, found });
    }
    if manifest.watermark < base {
        return Err(ArchiveError::Behind { path, watermark: manifest.watermark, base });
    }
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::Fact;
    use crate::domain::id::{RunId, TestId};
    use crate::domain::time::Timestamp;
    use crate::log::EventLog;
    use crate::log::memory::MemoryLog;
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;
    use tempfile::TempDir;

    fn fact(index: u32) -> Fact {
        Fact::TestExpired { test: TestId { run: RunId(1), index }, at: Timestamp(7) }
    }

    /// Four records, of which three are removed.
    fn log() -> MemoryLog {
        let mut log = MemoryLog::new();
        let term = log.begin_term().expect("a term");
        for index in 0..4 {
            log.append(u64::from(index), term, &[fact(index)]).expect("stored");
        }
        log.compact(3, 4, &mut std::iter::once(b"state".to_vec())).expect("compacted");
        log
    }

    struct Place {
        _directory: TempDir,
        file: PathBuf,
        archives: PathBuf,
    }

    fn place() -> Place {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, archives) =
            (directory.path().join("results.duckdb"), directory.path().join("archive"));
        Place { _directory: directory, file, archives }
    }

    /// A database with this number of records, and its archive.
    fn with(records: u32, identity: StorageId) -> (Place, Opened) {
        let place = place();
        let mut opened = Store::open(&place.file, identity).expect("opens");
        let facts: Vec<Fact> = (0..records).map(fact).collect();
        opened.writer.project((1..).zip(facts.iter().map(|fact| [fact]))).expect("projects");
        let stop = AtomicBool::new(false);
        let exported = opened.store.export(&place.archives, identity, Timestamp(1), &stop);
        exported.expect("exports");
        (place, opened)
    }

    fn open(place: &Place, log: &MemoryLog) -> Result<u64, CatchUpError> {
        let opened = open_database(&place.file, &place.archives, log.identity(), &*log.reader())?;
        Ok(opened.writer.watermark())
    }

    #[test]
    fn a_database_that_the_log_continues_is_opened_as_it_is() {
        let log = log();
        for records in [3, 4] {
            let (place, opened) = with(records, log.identity());
            drop(opened);
            std::fs::remove_dir_all(&place.archives).expect("removed");
            assert_eq!(open(&place, &log).expect("opens"), u64::from(records));
        }
    }

    #[test]
    fn a_database_that_ends_before_the_log_begins_is_restored() {
        let log = log();
        let (place, opened) = with(3, log.identity());
        drop(opened);
        let (early, opened) = with(2, log.identity());
        drop(opened);
        std::fs::copy(&early.file, &place.file).expect("copied");
        assert_eq!(open(&place, &log).expect("restored"), 3);
        let aside = place.file.with_file_name("results.duckdb.damaged-1");
        assert!(aside.exists(), "the older database is kept");
    }

    #[test]
    fn an_archive_that_does_not_fit_the_log_is_refused_and_nothing_is_moved() {
        let log = log();
        let refused = |place: &Place| match open(place, &log) {
            Err(CatchUpError::Archive(error)) => error,
            other => panic!("not refused: {other:?}"),
        };
        let (place, opened) = with(2, log.identity());
        drop(opened);
        let error = refused(&place);
        assert!(matches!(error, ArchiveError::Behind { watermark: 2, base: 3, .. }), "{error}");
        assert!(place.file.exists());

        let (other, opened) = with(3, StorageId::from_bytes([9; 16]));
        drop(opened);
        std::fs::remove_dir_all(&place.archives).expect("removed");
        std::fs::rename(&other.archives, &place.archives).expect("moved");
        let error = refused(&place);
        assert!(matches!(error, ArchiveError::OtherIdentity { .. }), "{error}");
        std::fs::remove_dir_all(&place.archives).expect("removed");
        let error = refused(&place);
        assert!(matches!(error, ArchiveError::Missing { base: 3, .. }), "{error}");
        assert!(!place.file.with_file_name("results.duckdb.damaged-1").exists());
    }
}
