//! Acknowledged records are there, whatever the disk does; damaged ones are refused.

use super::conformance::{self, append, stored};
use super::embedded::EmbeddedLog;
use super::error::LogError;
use super::event_log::EventLog;
use super::memory::MemoryLog;
use super::position::Term;
use super::record;
use crate::domain::storage_id::StorageId;
use crate::scheduler::Scheduler;
use redb::{ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");

const IDENTITY: StorageId = StorageId::from_bytes([7; 16]);

/// Opens the log, which is created when it is missing.
fn open(directory: &Path) -> Result<EmbeddedLog, LogError> {
    if EmbeddedLog::exists(directory).expect("inspected") {
        EmbeddedLog::open(directory, None)
    } else {
        EmbeddedLog::create(directory, IDENTITY)
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
const OLD_LOG: &[u8] = include_bytes!("testdata/events-1.redb");

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
fn a_damaged_snapshot_is_ignored() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut log, term) = new_log(directory.path());
    assert_eq!(log.read_snapshot().expect("none"), None);
    append(&mut log, term, &[1]).expect("stored");
    let pieces = vec![b"one".to_vec(), vec![7; 100_000]];
    log.write_snapshot(1, &mut pieces.clone().into_iter()).expect("written");
    assert_eq!(log.read_snapshot().expect("whole"), Some((1, pieces)));

    let path = directory.path().join("state.snapshot");
    let whole = std::fs::read(&path).expect("the file");
    for (position, cut) in [(0, false), (30, false), (60_000, false), (0, true)] {
        let mut bytes = whole.clone();
        if cut {
            bytes.truncate(bytes.len() - 1);
        } else {
            bytes[position] ^= 1;
        }
        std::fs::write(&path, bytes).expect("written");
        assert_eq!(log.read_snapshot().expect("ignored"), None, "byte {position}");
    }
}

/// A file that fails on demand.
#[derive(Debug)]
struct Failing {
    file: redb::backends::FileBackend,
    switch: Arc<Switch>,
}

#[derive(Debug, Default)]
struct Switch {
    sync: AtomicBool,
    write: AtomicBool,
}

impl Failing {
    fn open(path: &Path, switch: &Arc<Switch>) -> Self {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = redb::backends::FileBackend::new(file.expect("a file")).expect("a backend");
        Self { file, switch: Arc::clone(switch) }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.switch.write.load(Ordering::SeqCst) && len > self.file.len()? {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.switch.sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("input/output error"));
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.switch.write.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.file.write(offset, data)
    }
}

/// Breaks the disk between two records; returns the error of the second one.
fn fails(break_it: impl Fn(&Switch)) -> LogError {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.redb");
    let switch = Arc::new(Switch::default());
    let backend = Failing::open(&path, &switch);
    let mut log = EmbeddedLog::open_on(backend, path.clone(), Some(IDENTITY)).expect("a new log");
    let term = log.begin_term().expect("a term");
    append(&mut log, term, &[1]).expect("stored");
    break_it(&switch);
    let failed = append(&mut log, term, &[2]).expect_err("a broken disk");
    assert!(matches!(append(&mut log, term, &[3]), Err(LogError::Poisoned)));
    switch.sync.store(false, Ordering::SeqCst);
    switch.write.store(false, Ordering::SeqCst);
    assert!(matches!(append(&mut log, term, &[4]), Err(LogError::Poisoned)), "until a restart");
    drop(log);

    let mut log = open(directory.path()).expect("the same log");
    let kept = stored(&log, 0).expect("whole");
    assert_eq!(kept[0], (1, vec![1]), "what was acknowledged is there");
    assert!(kept[1..].iter().all(|record| *record == (2, vec![2])), "and nothing made up");
    let term = log.begin_term().expect("a term");
    let next = append(&mut log, term, &[5]).expect("stored");
    assert_eq!(next, kept.len() as u64 + 1);
    failed
}

#[test]
fn a_failing_sync_acknowledges_nothing_and_poisons() {
    let failed = fails(|switch| switch.sync.store(true, Ordering::SeqCst));
    assert!(matches!(failed, LogError::Storage { .. }), "{failed:?}");
}

#[test]
fn a_full_disk_acknowledges_nothing_and_poisons() {
    let failed = fails(|switch| switch.write.store(true, Ordering::SeqCst));
    assert!(matches!(failed, LogError::Full { .. }), "{failed:?}");
}
