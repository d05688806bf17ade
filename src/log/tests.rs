//! What is acknowledged is there, whatever the disk does; what is damaged is refused.

use super::embedded::EmbeddedLog;
use super::{EventLog, LogError, Sequence};
use crate::domain::fact::Fact;
use crate::domain::id::{RunId, TestId};
use crate::domain::time::Timestamp;
use redb::{ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");

fn expired(index: u32) -> Fact {
    Fact::TestExpired { test: TestId { run: RunId(1), index }, at: Timestamp(7) }
}

fn append(log: &mut EmbeddedLog, indices: &[u32]) -> Result<Sequence, LogError> {
    let events: Vec<_> = indices.iter().map(|index| expired(*index)).collect();
    log.append(&mut events.iter())
}

/// Everything stored, as `(sequence, indices)`.
fn stored(log: &EmbeddedLog, after: Sequence) -> Result<Vec<(Sequence, Vec<u32>)>, LogError> {
    let mut records = Vec::new();
    log.reader().replay(after, &mut |sequence, events| {
        let indices = events.iter().map(|event| match event {
            Fact::TestExpired { test, .. } => test.index,
            other => panic!("not what was stored: {other:?}"),
        });
        records.push((sequence, indices.collect()));
        true
    })?;
    Ok(records)
}

#[test]
fn records_are_numbered_and_survive_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut log = EmbeddedLog::open(directory.path()).expect("a new log");
    assert_eq!(log.last(), 0);
    assert_eq!(append(&mut log, &[1, 2]).expect("stored"), 1);
    assert_eq!(append(&mut log, &[3]).expect("stored"), 2);
    drop(log);
    let log = EmbeddedLog::open(directory.path()).expect("the same log");
    assert_eq!(log.last(), 2);
    assert_eq!(stored(&log, 0).expect("whole"), [(1, vec![1, 2]), (2, vec![3])]);
    assert_eq!(stored(&log, 1).expect("whole"), [(2, vec![3])]);
}

#[test]
fn nothing_is_stored_without_facts() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut log = EmbeddedLog::open(directory.path()).expect("a new log");
    assert_eq!(log.append(&mut [].into_iter()).expect("nothing to do"), 0);
    assert!(stored(&log, 0).expect("whole").is_empty());
}

#[test]
fn a_second_owner_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let _log = EmbeddedLog::open(directory.path()).expect("a new log");
    assert!(matches!(EmbeddedLog::open(directory.path()), Err(LogError::Storage { .. })));
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
    let mut log = EmbeddedLog::open(directory.path()).expect("a new log");
    for index in 0..3 {
        append(&mut log, &[index]).expect("stored");
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
        let log = EmbeddedLog::open(directory.path()).expect("the file itself is whole");
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
    let mut log = EmbeddedLog::open(directory.path()).expect("a new log");
    for index in 0..3 {
        append(&mut log, &[index]).expect("stored");
    }
    drop(log);
    damage(directory.path(), |sequence, _| sequence != 2);
    let log = EmbeddedLog::open(directory.path()).expect("the file itself is whole");
    let error = stored(&log, 0).expect_err("a gap");
    assert!(error.to_string().contains("record 2"), "{error}");
}

#[test]
fn a_snapshot_comes_back_and_a_damaged_one_is_ignored() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut log = EmbeddedLog::open(directory.path()).expect("a new log");
    assert_eq!(log.read_snapshot(), None);
    append(&mut log, &[1]).expect("stored");
    let pieces = vec![b"one".to_vec(), vec![7; 100_000]];
    log.write_snapshot(1, &mut pieces.clone().into_iter()).expect("written");
    assert_eq!(log.read_snapshot(), Some((1, pieces)));

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
        assert_eq!(log.read_snapshot(), None, "byte {position}");
    }
    log.write_snapshot(9, &mut std::iter::empty()).expect("written");
    assert_eq!(log.read_snapshot(), None, "it covers records that are not there");
}

/// A file that fails when told to.
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

fn fails(break_it: impl Fn(&Switch)) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.redb");
    let switch = Arc::new(Switch::default());
    let backend = Failing::open(&path, &switch);
    let mut log = EmbeddedLog::open_on(backend, path.clone()).expect("a new log");
    append(&mut log, &[1]).expect("stored");
    break_it(&switch);
    assert!(matches!(append(&mut log, &[2]), Err(LogError::Storage { .. })));
    assert!(matches!(append(&mut log, &[3]), Err(LogError::Poisoned)));
    switch.sync.store(false, Ordering::SeqCst);
    switch.write.store(false, Ordering::SeqCst);
    assert!(matches!(append(&mut log, &[4]), Err(LogError::Poisoned)), "until a restart");
    drop(log);

    let mut log = EmbeddedLog::open(directory.path()).expect("the same log");
    let kept = stored(&log, 0).expect("whole");
    assert_eq!(kept[0], (1, vec![1]), "what was acknowledged is there");
    assert!(kept[1..].iter().all(|record| *record == (2, vec![2])), "and nothing made up");
    let next = append(&mut log, &[5]).expect("stored");
    assert_eq!(next, kept.len() as u64 + 1);
}

#[test]
fn a_failing_sync_acknowledges_nothing_and_poisons() {
    fails(|switch| switch.sync.store(true, Ordering::SeqCst));
}

#[test]
fn a_full_disk_acknowledges_nothing_and_poisons() {
    fails(|switch| switch.write.store(true, Ordering::SeqCst));
}
