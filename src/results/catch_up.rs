//! Brings a results database up to date with the event log.

use crate::domain::storage_id::StorageId;
use crate::log::{LOG_FILE, LogError, LogReader, ReadOnlyLog, read_identity};
use crate::results::error::CatchUpError;
use crate::results::open::{compare, open_database, open_in};
use crate::results::uncompared;
use crate::store::{self, MAX_TRANSACTION_BYTES, Store, StoreError, Writer, archive, weight};
use crate::sys::fs::rename_durably;
use crate::sys::lock::{DirectoryLock, ReadLock};
use std::path::Path;

/// Extension of a database that is being written anew.
const REBUILT: &str = "rebuilt.duckdb";

/// Projects the records of the log up to `last`.
pub fn project_until(
    writer: &mut Writer,
    log: &dyn LogReader,
    last: u64,
) -> Result<(), CatchUpError> {
    while writer.watermark() < last {
        let (mut records, mut read) = (Vec::new(), 0);
        log.replay(writer.watermark(), &mut |sequence, facts| {
            read += facts.iter().map(weight).sum::<usize>();
            records.push((sequence, facts));
            read < MAX_TRANSACTION_BYTES && sequence < last
        })?;
        if records.is_empty() {
            break;
        }
        writer.project(records.iter().map(|(sequence, facts)| (*sequence, facts)))?;
    }
    Ok(())
}

/// Result of completing a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The database already contained all results.
    NothingMissing,
    /// Results were added, or the schema was updated. The database must be opened again.
    Completed,
    /// Results are missing, and cannot be added because another process has the database open.
    InUse,
}

/// Adds the records of the log in `data_dir` that its database does not contain. `watermark` is
/// the last record that the database contains, or `None` if it has the schema of an earlier version, which is updated.
/// Records are missing after a crash, or if another process had the database open until the end of a run.
///
/// # Errors
/// A coordinator uses the directory, there is no log, or log or database cannot be used.
pub fn complete(data_dir: &Path, watermark: Option<u64>) -> Result<Completion, CatchUpError> {
    // A complete database is read without a change to the directory.
    let lock = ReadLock::acquire(data_dir)?;
    let last = ReadOnlyLog::open(data_dir)?.last();
    if watermark.is_some_and(|watermark| last <= watermark) {
        return Ok(Completion::NothingMissing);
    }
    drop(lock);
    let _lock = DirectoryLock::acquire_to_read(data_dir)?;
    let log = ReadOnlyLog::open(data_dir)?;
    let reader = log.reader();
    match open_in(data_dir, identity(&log, data_dir)?, &*reader, log.last()) {
        Err(error) if error.is_in_use() => Ok(Completion::InUse),
        opened => {
            project_until(&mut opened?.writer, &*reader, log.last())?;
            Ok(Completion::Completed)
        }
    }
}

/// Projects the whole log of `data_dir` into a new database at `path`, for readers while another
/// process has the database open. Nothing in the directory changes.
///
/// # Errors
/// A coordinator uses the directory, there is no log, or it cannot be read.
pub fn from_log(data_dir: &Path, path: &Path) -> Result<Store, CatchUpError> {
    let _lock = ReadLock::acquire(data_dir)?;
    let log = ReadOnlyLog::open(data_dir)?;
    let (archives, reader) = (data_dir.join(archive::DIRECTORY), log.reader());
    let mut opened = open_database(path, &archives, identity(&log, data_dir)?, &*reader)?;
    project_until(&mut opened.writer, &*reader, log.last())?;
    Ok(opened.store)
}

/// Writes the database of `data_dir` anew from the log, and from the archive for the records that compaction
/// removed, and replaces the old one by it. Returns the number of records. An interruption leaves the old one, or
/// none, which the next start writes anew.
///
/// # Errors
/// A coordinator uses the directory, the log or the archive cannot be used, or the old database proves that
/// the log has lost records. The old database is unchanged then.
pub fn rebuild(data_dir: &Path) -> Result<u64, CatchUpError> {
    let _lock = DirectoryLock::acquire_to_read(data_dir)?;
    let log = ReadOnlyLog::open(data_dir)?;
    let (path, reader) = (data_dir.join(store::FILE_NAME), log.reader());
    // One that cannot be read proves nothing.
    if let Ok(checked) = store::Checked::open(&path) {
        compare(&*reader, &path, uncompared::limit(data_dir, log.last())?, checked.watermark)?;
    }
    let fresh = path.with_extension(REBUILT);
    store::remove_database(&fresh)?;
    let archives = data_dir.join(archive::DIRECTORY);
    let written = open_database(&fresh, &archives, identity(&log, data_dir)?, &*reader)
        .and_then(|mut opened| project_until(&mut opened.writer, &*reader, log.last()));
    if let Err(error) = written {
        store::remove_database(&fresh)?;
        return Err(error);
    }
    // The old one is never read with the new write-ahead log, nor the reverse.
    let failed = |source| StoreError::File { doing: "replace", path: path.clone(), source };
    store::remove_database(&path)?;
    rename_durably(&fresh, &path).map_err(failed)?;
    uncompared::clear(data_dir)?;
    Ok(log.last())
}

/// The identity of a log. One of an earlier version has none; its directory has.
fn identity(log: &ReadOnlyLog, data_dir: &Path) -> Result<StorageId, LogError> {
    let identity = match log.identity() {
        None => read_identity(data_dir)?,
        known => known,
    };
    identity.ok_or_else(|| LogError::NoIdentity { path: data_dir.join(LOG_FILE) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::Fact;
    use crate::domain::id::{RunId, TestId};
    use crate::domain::time::Timestamp;
    use crate::log::{EmbeddedLog, EventLog};

    #[test]
    fn a_database_of_an_earlier_version_is_migrated_for_a_reader() {
        const SCHEMA_4: &[u8] = include_bytes!("../../tests/data/results-schema-4.duckdb");
        const SCHEMA_4_RECORDS: u32 = 21;
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join(store::FILE_NAME);
        std::fs::write(&file, SCHEMA_4).expect("written");
        let id = StorageId::from_bytes([7; 16]);
        let mut log = EmbeddedLog::create(directory.path(), id).expect("created");
        let term = log.begin_term().expect("a term");
        for number in 1..=SCHEMA_4_RECORDS {
            let (run, name, user) = (RunId(number), "run".into(), "someone".into());
            let at = Timestamp(1500);
            let fact =
                Fact::RunSubmitted { run, name, idempotency: None, user, closed_world: false, at };
            log.append(log.last(), term, &[fact]).expect("stored");
        }
        drop(log);
        let outdated = Store::open_read_only(&file).err();
        assert!(matches!(outdated, Some(StoreError::Outdated { version: 4, .. })), "{outdated:?}");
        assert_eq!(complete(directory.path(), None).expect("migrated"), Completion::Completed);
        let store = Store::open_read_only(&file).expect("opens");
        assert_eq!(store.watermark().expect("read"), u64::from(SCHEMA_4_RECORDS));
        drop(store);
        let opened = Store::open(&file, id).expect("it adopted the identity of the log");
        assert_eq!(opened.rebuilt, None);
    }

    #[test]
    fn a_database_without_results_is_migrated_for_a_reader() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join(store::FILE_NAME);
        let id = StorageId::from_bytes([7; 16]);
        drop(EmbeddedLog::create(directory.path(), id).expect("created"));
        drop(Store::open(&file, id).expect("opens"));
        let connection = duckdb::Connection::open(&file).expect("opens");
        let earlier = "DELETE FROM schema_version WHERE version >= 13";
        connection.execute_batch(earlier).expect("an earlier version");
        drop(connection);
        let outdated = Store::open_read_only(&file).err();
        assert!(matches!(outdated, Some(StoreError::Outdated { .. })), "{outdated:?}");
        assert_eq!(complete(directory.path(), None).expect("migrated"), Completion::Completed);
        assert!(Store::open_read_only(&file).is_ok());
    }

    fn tests_of(run: u32) -> Vec<Fact> {
        let tests = ["a", "b"].map(|name| {
            let spec = format!(
                r#"{{"name":"{name}","launch":{{"run":{{"command":["true"]}},"labels":{{"batch":"4"}}}}}}"#
            );
            std::sync::Arc::new(serde_json::from_str(&spec).expect("a test"))
        });
        let at = Timestamp(1);
        let ended = |index: u32| Fact::AttemptFinished {
            lease: crate::domain::id::LeaseId {
                attempt: TestId { run: RunId(run), index }.attempt(1),
                epoch: crate::domain::id::Epoch(1),
            },
            worker: crate::domain::id::WorkerId(1),
            outcome: crate::domain::outcome::Outcome::Passed,
            class: None,
            duration_ms: crate::domain::time::Millis(7),
            detail: Some(
                serde_json::value::RawValue::from_string(
                    r#"{"environment":{"torch":"2.9.0"},"metrics":[{"name":"m","values":[1,2]}],
                    "checks":[{"name":"c","passed":true,"values":{"rms":0.5}}]}"#
                        .to_owned(),
                )
                .expect("JSON"),
            ),
            next: crate::domain::fact::Next::Done { flaky: false },
            at: Timestamp(2),
        };
        let added = Fact::TestsAdded {
            run: RunId(run),
            first: 0,
            tests: tests.into(),
            last: true,
            part: 0,
            at,
        };
        vec![added, ended(0), ended(1)]
    }

    /// A digest of the rows of each table, in their order.
    fn hashes(path: &Path) -> Vec<String> {
        let connection = duckdb::Connection::open(path).expect("opens");
        let read = |sql: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).expect("prepares");
            let rows = statement.query_map([], |row| row.get(0)).expect("reads");
            rows.map(|row| row.expect("a row")).collect()
        };
        let tables = read("SELECT table_name FROM duckdb_tables() ORDER BY 1");
        let hash = |table: String| {
            let sql = format!(
                "SELECT '{table} ' || count(*) || ' ' || coalesce(bit_xor(hash(own, place))::VARCHAR, '') FROM \
                 (SELECT own, row_number() OVER (ORDER BY own.rowid) AS place FROM {table} AS own)"
            );
            read(&sql)
        };
        tables.into_iter().flat_map(hash).collect()
    }

    #[test]
    fn a_rebuilt_database_has_the_rows_of_the_live_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let (id, path) = (StorageId::from_bytes([7; 16]), directory.path().join(store::FILE_NAME));
        let mut log = EmbeddedLog::create(directory.path(), id).expect("created");
        let term = log.begin_term().expect("a term");
        let records: Vec<Vec<Fact>> = (1..=6).map(tests_of).collect();
        let mut live = Store::open(&path, id).expect("opens");
        for facts in &records {
            let sequence = log.append(log.last(), term, facts).expect("stored");
            // In other transactions than those of the rebuild, which takes all records at once.
            live.writer.project([(sequence, facts)]).expect("projected");
        }
        drop((live, log));
        let before = hashes(&path);
        assert_eq!(rebuild(directory.path()).expect("rebuilt"), 6);
        assert_eq!(hashes(&path), before);
        assert!(before.iter().any(|line| line.starts_with("check_values 12 ")), "{before:?}");

        // A damaged database is replaced, and one that is ahead of the log is not.
        std::fs::write(&path, "damaged").expect("written");
        assert_eq!(rebuild(directory.path()).expect("rebuilt"), 6);
        assert_eq!(hashes(&path), before);
        let mut ahead = Store::open(&path, id).expect("opens");
        ahead.writer.project([(7, &records[0])]).expect("projected");
        drop(ahead);
        let (error, kept) = (rebuild(directory.path()).expect_err("a loss"), hashes(&path));
        assert!(error.is_loss(), "{error}");
        assert_ne!(kept, before);
    }

    /// Records that a reader has added are not evidence of a loss.
    #[test]
    fn a_completed_database_counts_as_compared() {
        let directory = tempfile::tempdir().expect("a directory");
        let id = StorageId::from_bytes([7; 16]);
        let mut log = EmbeddedLog::create(directory.path(), id).expect("created");
        let term = log.begin_term().expect("a term");
        let fact = |run| Fact::TestExpired {
            test: TestId { run: RunId(run), index: 0 },
            at: Timestamp(7),
        };
        for run in 0..3 {
            log.append(log.last(), term, &[fact(run)]).expect("stored");
        }
        drop(log);
        // The coordinator could not compare the database, and was killed after record 3.
        uncompared::note(directory.path(), 1).expect("noted");
        assert_eq!(complete(directory.path(), None).expect("free"), Completion::Completed);
        assert_eq!(uncompared::limit(directory.path(), 3).expect("read"), 3);
        // It has a record more than the log had at that time.
        uncompared::note(directory.path(), 2).expect("noted");
        let mut log = EmbeddedLog::open(directory.path(), None).expect("opens");
        let term = log.begin_term().expect("a term");
        log.append(3, term, &[fact(4)]).expect("stored");
        drop(log);
        let error = complete(directory.path(), Some(3)).expect_err("a loss");
        assert!(error.is_loss(), "{error}");
    }
}
