//! Acknowledged records are there, whatever the disk does; damaged ones are refused.

mod damaging;
mod faults;
mod opening;
mod salvaging;

use super::conformance::{self, append, stored};
use super::embedded::{EmbeddedLog, LogFile};
use super::error::LogError;
use super::event_log::EventLog;
use super::memory::MemoryLog;
use super::position::Term;
use super::record;
use crate::domain::fact::Fact;
use crate::domain::id::RunId;
use crate::domain::requirement::Requirement;
use crate::domain::storage_id::StorageId;
use crate::domain::test::TestSpec;
use crate::domain::time::Timestamp;
use crate::scheduler::Scheduler;
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");

const IDENTITY: StorageId = StorageId::from_bytes([7; 16]);

/// Opens the log, which is created when it is missing.
fn open(directory: &Path) -> Result<EmbeddedLog, LogError> {
    match EmbeddedLog::inspect(directory).expect("inspected") {
        LogFile::Present => EmbeddedLog::open(directory, None),
        LogFile::Missing | LogFile::NotBegun => EmbeddedLog::create(directory, IDENTITY),
    }
}

fn new_log(directory: &Path) -> (EmbeddedLog, Term) {
    let mut log = open(directory).expect("a new log");
    let term = log.begin_term().expect("a term");
    (log, term)
}

#[test]
fn the_embedded_log_keeps_the_promises_of_an_event_log() {
    let directory = tempfile::tempdir().expect("a directory");
    conformance::check(|| Box::new(open(directory.path()).expect("a log")));
}

#[test]
fn the_log_in_memory_keeps_the_promises_of_an_event_log() {
    let log = MemoryLog::new();
    conformance::check(|| Box::new(log.reopen()));
}

#[test]
fn a_full_log_in_memory_acknowledges_nothing_and_is_poisoned() {
    let mut log = MemoryLog::new();
    let term = log.begin_term().expect("a term");
    append(&mut log, term, &[1]).expect("stored");
    log.set_full(true);
    assert!(matches!(append(&mut log, term, &[2]), Err(LogError::Full { .. })));
    log.set_full(false);
    assert!(matches!(append(&mut log, term, &[3]), Err(LogError::Poisoned)), "until a restart");
    let mut log = log.reopen();
    assert_eq!(append(&mut log, term, &[4]).expect("stored"), 2);
    assert_eq!(stored(&log, 1).expect("whole"), [(2, vec![4])]);
}

/// A log that was written before logs had terms: two runs, of which one was cancelled.
const OLD_LOG: &[u8] = include_bytes!("../testdata/events-1.redb");

#[test]
fn a_log_of_an_older_version_opens_fits_and_would_be_written_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("events.redb"), OLD_LOG).expect("written");
    let error = EmbeddedLog::open(directory.path(), None).err().expect("it has no identity");
    assert!(matches!(error, LogError::NoIdentity { .. }), "{error}");
    let mut log = EmbeddedLog::open(directory.path(), Some(IDENTITY)).expect("an old log");
    assert_eq!((log.identity(), log.base()), (IDENTITY, 0));
    let (mut scheduler, mut encoded) = (Scheduler::new(), Vec::new());
    let replayed = log.reader().replay(0, &mut |sequence, facts| {
        for fact in &facts {
            scheduler.apply(fact).unwrap_or_else(|error| panic!("record {sequence}: {error}"));
        }
        let mut bytes = Vec::new();
        record::encode(sequence, &facts, &mut bytes).expect("a record");
        encoded.push(bytes);
        true
    });
    replayed.expect("whole");
    scheduler.check_invariants().expect("a whole state");
    let runs: Vec<_> = scheduler.runs().map(|run| (run.cancelled, run.counts.total)).collect();
    assert_eq!(runs, [(false, 11), (true, 2)]);
    let last = log.last();
    let term = log.begin_term().expect("a term");
    assert_eq!(term, Term(1));
    assert_eq!(append(&mut log, term, &[1]).expect("stored"), last + 1);
    drop(log);
    assert_eq!(raw_records(directory.path())[..encoded.len()], encoded[..]);
}

/// The stored bytes of all records, in order.
fn raw_records(directory: &Path) -> Vec<Vec<u8>> {
    let database = redb::Database::create(directory.join("events.redb")).expect("the file");
    let transaction = database.begin_read().expect("a reader");
    let table = transaction.open_table(RECORDS).expect("the table");
    let entries = table.iter().expect("entries");
    entries.map(|entry| entry.expect("an entry").1.value().to_vec()).collect()
}

fn test(name: &str, cores: u32) -> Arc<TestSpec> {
    let launch = serde_json::json!({"run": {"command": ["true"]}});
    let requirement = serde_json::json!({"cpu_milli": 1000 * cores});
    let spec = serde_json::json!({"name": name, "requirement": requirement, "launch": launch});
    serde_json::from_value(spec).expect("a test")
}

#[test]
fn tests_that_are_read_share_their_requirements() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut log, term) = new_log(directory.path());
    let tests = vec![test("a", 1), test("b", 1), test("c", 2), test("d", 1)];
    let (run, at) = (RunId(1), Timestamp(7));
    let added = Fact::TestsAdded { run, first: 0, tests, last: true, part: 0, at };
    log.append(0, term, &[added]).expect("stored");
    let mut requirements = Vec::new();
    let replayed = log.reader().replay(0, &mut |_, facts| {
        if let [Fact::TestsAdded { tests, .. }] = &facts[..] {
            requirements.extend(tests.iter().map(|test| Arc::clone(&test.requirement)));
        }
        true
    });
    replayed.expect("whole");
    let is_first = |other: &Arc<Requirement>| Arc::ptr_eq(&requirements[0], other);
    assert_eq!(requirements.iter().map(is_first).collect::<Vec<_>>(), [true, true, false, true]);
}

/// Large records are decoded one at a time, also when the visitor stops between them.
#[test]
fn large_records_are_replayed_whole() {
    const RECORDS: u32 = 4;
    let directory = tempfile::tempdir().expect("a directory");
    let (mut log, term) = new_log(directory.path());
    let name: Box<str> = "x".repeat(5 << 20).into();
    for number in 1..=RECORDS {
        let (run, name, user) = (RunId(number), name.clone(), "someone".into());
        let at = Timestamp(7);
        let fact =
            Fact::RunSubmitted { run, name, idempotency: None, user, closed_world: false, at };
        log.append(log.last(), term, &[fact]).expect("stored");
    }
    for stop in 1..=u64::from(RECORDS) {
        let mut last = 0;
        let replayed = log.reader().replay(0, &mut |sequence, facts| {
            assert_eq!(facts.len(), 1);
            last = sequence;
            sequence < stop
        });
        replayed.expect("whole");
        assert_eq!(last, stop);
    }
}

#[test]
fn a_second_owner_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let _log = open(directory.path()).expect("a new log");
    assert!(matches!(open(directory.path()), Err(LogError::Storage { .. })));
}

/// Changes the stored bytes of records behind the log's back.
fn damage(directory: &Path, change: impl Fn(u64, &mut Vec<u8>) -> bool) {
    let database = redb::Database::create(directory.join("events.redb")).expect("the file");
    let records: Vec<(u64, Vec<u8>)> = {
        let transaction = database.begin_read().expect("a reader");
        let table = transaction.open_table(RECORDS).expect("the table");
        let entries = table.iter().expect("entries");
        entries
            .map(|entry| entry.expect("an entry"))
            .map(|(sequence, bytes)| (sequence.value(), bytes.value().to_vec()))
            .collect()
    };
    let transaction = database.begin_write().expect("a writer");
    {
        let mut table = transaction.open_table(RECORDS).expect("the table");
        for (sequence, mut bytes) in records {
            if change(sequence, &mut bytes) {
                table.insert(sequence, bytes.as_slice()).expect("written");
            } else {
                table.remove(sequence).expect("removed");
            }
        }
    }
    transaction.commit().expect("committed");
}

#[test]
fn every_flipped_byte_is_noticed_by_number() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut log, term) = new_log(directory.path());
    for index in 0..3 {
        append(&mut log, term, &[index]).expect("stored");
    }
    drop(log);
    let mut position = 0;
    loop {
        let length = AtomicUsize::new(0);
        damage(directory.path(), |sequence, bytes| {
            if sequence == 2 {
                length.store(bytes.len(), Ordering::Relaxed);
                bytes[position] ^= 0x20;
            }
            true
        });
        let log = open(directory.path()).expect("the file itself is whole");
        let error = stored(&log, 0).expect_err("a flipped byte");
        assert!(
            matches!(
                error,
                LogError::Damaged { sequence: 2, .. } | LogError::Newer { sequence: 2, .. }
            ),
            "byte {position}: {error}"
        );
        drop(log);
        damage(directory.path(), |sequence, bytes| {
            if sequence == 2 {
                bytes[position] ^= 0x20;
            }
            true
        });
        position += 1;
        if position == length.load(Ordering::Relaxed) {
            break;
        }
    }
}

#[test]
fn a_missing_record_and_a_newer_format_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut log, term) = new_log(directory.path());
    for index in 0..3 {
        append(&mut log, term, &[index]).expect("stored");
    }
    drop(log);
    damage(directory.path(), |sequence, _| sequence != 2);
    let log = open(directory.path()).expect("the file itself is whole");
    let error = stored(&log, 0).expect_err("a gap");
    assert!(error.to_string().contains("record 2"), "{error}");
}

#[test]
fn a_damaged_snapshot_is_set_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut log, term) = new_log(directory.path());
    assert_eq!(log.read_snapshot().expect("none"), None);
    append(&mut log, term, &[1]).expect("stored");
    let pieces = vec![b"one".to_vec(), vec![7; 100_000]];
    log.write_snapshot(1, &mut pieces.clone().into_iter()).expect("written");
    assert_eq!(log.read_snapshot().expect("whole"), Some((1, pieces)));

    let path = directory.path().join("state.snapshot");
    let whole = std::fs::read(&path).expect("the file");
    let mut damaged: Vec<Vec<u8>> = (0..whole.len() - 1)
        .filter(|length| *length < 100 || length % 4096 == 0 || whole.len() - length < 20)
        .map(|length| whole[..length].to_vec())
        .collect();
    damaged.extend((0..50).chain([60_000, whole.len() - 1]).map(|position| {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        bytes
    }));
    for bytes in damaged {
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(log.read_snapshot().expect("ignored"), None);
        assert!(!path.exists(), "it is never read again");
    }
    let aside = std::fs::read_dir(directory.path()).expect("listed").filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().starts_with("state.snapshot.untrusted-")
    });
    assert_eq!(aside.count(), 2, "a limited number is kept");
}
