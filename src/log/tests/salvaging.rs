//! Reading what is readable in a damaged log.

use super::{IDENTITY, append, damage, new_log, open, stored};
use crate::domain::fact::Fact;
use crate::log::embedded::{EmbeddedLog, LOG_FILE, SNAPSHOT_FILE};
use crate::log::error::LogError;
use crate::log::event_log::EventLog;
use crate::log::position::Sequence;
use crate::log::salvage::{Part, Salvage, Scope, Unreadable};
use redb::{ReadableTable, TableDefinition};
use std::fs;
use std::path::Path;

const RECORDS: u32 = 300;

/// A closed log with [`RECORDS`] records of two facts.
fn log_at(directory: &Path) {
    let (mut log, term) = new_log(directory);
    for number in 1..=RECORDS {
        append(&mut log, term, &[number, number + 1000]).expect("stored");
    }
}

fn visit(directory: &Path, scope: Scope) -> (Vec<Sequence>, Vec<Unreadable>) {
    let (mut read, mut gaps) = (Vec::new(), Vec::new());
    let mut salvage = Salvage::open(directory).expect("opened");
    let visited = salvage.visit(scope, 0, &mut |part| {
        match part {
            Part::Record(sequence, facts) => {
                let number = |fact: &Fact| match fact {
                    Fact::TestExpired { test, .. } => u64::from(test.index),
                    other => panic!("not what was stored: {other:?}"),
                };
                let numbers: Vec<u64> = facts.iter().map(number).collect();
                assert_eq!(numbers, [sequence, sequence + 1000]);
                read.push(sequence);
            }
            Part::Unreadable(gap) => gaps.push(gap),
        }
        true
    });
    visited.expect("readable");
    (read, gaps)
}

#[test]
fn a_whole_log_is_read_and_exported_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    log_at(directory.path());
    let all: Vec<Sequence> = (1..=RECORDS.into()).collect();
    assert_eq!(visit(directory.path(), Scope::File), (all, vec![]));
    let copy = tempfile::tempdir().expect("a directory");
    let mut salvage = Salvage::open(directory.path()).expect("opened");
    assert!(salvage.damage().is_none());
    let target = copy.path().join(LOG_FILE);
    let exported = salvage.export(&target).expect("exported");
    assert_eq!((exported.base, exported.last, exported.left_out), (0, RECORDS.into(), 0));
    assert!(matches!(salvage.export(&target), Err(LogError::Exists { .. })));
    let (original, copied) = (open(directory.path()), open(copy.path()));
    let (original, copied) = (original.expect("a log"), copied.expect("a log"));
    assert_eq!(copied.identity(), IDENTITY);
    assert_eq!(stored(&original, 0).expect("whole"), stored(&copied, 0).expect("whole"));
}

#[test]
fn a_compacted_log_is_exported_with_its_state() {
    let directory = tempfile::tempdir().expect("a directory");
    log_at(directory.path());
    let mut log = open(directory.path()).expect("a log");
    let state = vec![b"state".to_vec()];
    log.compact(100, 120, &mut state.clone().into_iter()).expect("compacted");
    drop(log);
    let copy = tempfile::tempdir().expect("a directory");
    let mut salvage = Salvage::open(directory.path()).expect("opened");
    salvage.export(&copy.path().join(LOG_FILE)).expect("exported");
    let copied = open(copy.path()).expect("a log");
    assert_eq!((copied.base(), copied.last()), (100, RECORDS.into()));
    assert_eq!(copied.read_base().expect("whole"), Some((120, state)));
    assert_eq!(stored(&copied, 100).expect("whole").len(), 200);
}

#[test]
fn the_snapshot_replaces_the_state_of_a_compacted_file_that_redb_cannot_open() {
    let directory = tempfile::tempdir().expect("a directory");
    log_at(directory.path());
    let mut log = open(directory.path()).expect("a log");
    let state = vec![b"state".to_vec()];
    log.compact(100, 120, &mut [b"older".to_vec()].into_iter()).expect("compacted");
    log.write_snapshot(200, &mut state.clone().into_iter()).expect("written");
    drop(log);
    let path = directory.path().join(LOG_FILE);
    let mut bytes = fs::read(&path).expect("there");
    bytes[64..320].fill(0x55);
    // The first removed records are still in pages that are free.
    damage_each_copy(&mut bytes, &(50..=60).collect::<Vec<_>>());
    fs::write(&path, &bytes).expect("written");
    let copy = tempfile::tempdir().expect("a directory");
    let mut salvage = Salvage::open(directory.path()).expect("opened");
    let exported = salvage.export(&copy.path().join(LOG_FILE)).expect("exported");
    assert_eq!((exported.base, exported.last), (199, RECORDS.into()));
    let copied = open(copy.path()).expect("a log");
    assert_eq!(copied.read_base().expect("whole"), Some((200, state)));
    assert_eq!(stored(&copied, 199).expect("whole").len() as u32, RECORDS - 199);
}

#[test]
fn a_snapshot_that_cannot_be_read_is_reported_by_an_export_that_needs_it() {
    let directory = tempfile::tempdir().expect("a directory");
    log_at(directory.path());
    let mut log = open(directory.path()).expect("a log");
    log.compact(100, 120, &mut [b"older".to_vec()].into_iter()).expect("compacted");
    log.write_snapshot(200, &mut [b"state".to_vec()].into_iter()).expect("written");
    drop(log);
    let snapshot = directory.path().join(SNAPSHOT_FILE);
    let mut bytes = fs::read(&snapshot).expect("there");
    bytes[45] ^= 1;
    fs::write(&snapshot, &bytes).expect("written");
    let path = directory.path().join(LOG_FILE);
    let mut bytes = fs::read(&path).expect("there");
    bytes[64..320].fill(0x55);
    damage_each_copy(&mut bytes, &(50..=60).collect::<Vec<_>>());
    fs::write(&path, &bytes).expect("written");
    let copy = tempfile::tempdir().expect("a directory");
    let mut salvage = Salvage::open(directory.path()).expect("opened");
    let exported = salvage.export(&copy.path().join(LOG_FILE)).expect("exported");
    assert!(!exported.unreadable.is_empty());
    let reason = exported.unreadable_state.expect("a reason");
    assert!(reason.contains(SNAPSHOT_FILE) && reason.contains("damaged"), "{reason}");
}

/// Flips a bit of the stored state that replaces removed records.
fn damage_state(directory: &Path) {
    const BASE: TableDefinition<u64, &[u8]> = TableDefinition::new("base");
    let database = redb::Database::create(directory.join(LOG_FILE)).expect("the file");
    let transaction = database.begin_write().expect("a writer");
    {
        let mut table = transaction.open_table(BASE).expect("the table");
        let mut piece = table.get(1).expect("read").expect("a piece").value().to_vec();
        piece[5] ^= 1;
        table.insert(1, piece.as_slice()).expect("written");
    }
    transaction.commit().expect("committed");
}

#[test]
fn the_snapshot_replaces_a_damaged_state_of_a_compacted_log() {
    let directory = tempfile::tempdir().expect("a directory");
    log_at(directory.path());
    let mut log = open(directory.path()).expect("a log");
    let state = vec![b"state".to_vec()];
    log.compact(100, 120, &mut [b"older".to_vec()].into_iter()).expect("compacted");
    log.write_snapshot(200, &mut state.clone().into_iter()).expect("written");
    drop(log);
    damage_state(directory.path());
    let copy = tempfile::tempdir().expect("a directory");
    let target = copy.path().join(LOG_FILE);
    let mut salvage = Salvage::open(directory.path()).expect("opened");
    let exported = salvage.export(&target).expect("exported");
    assert_eq!((exported.base, exported.last), (199, RECORDS.into()));
    assert!(exported.unreadable_state.expect("a reason").contains(LOG_FILE));
    let copied = open(copy.path()).expect("a log");
    assert_eq!(copied.read_base().expect("whole"), Some((200, state)));
    drop(copied);
    fs::remove_file(&target).expect("removed");
    fs::remove_file(directory.path().join(SNAPSHOT_FILE)).expect("removed");
    let refused = Salvage::open(directory.path()).expect("opened").export(&target);
    assert!(matches!(refused, Err(LogError::DamagedBase { .. })), "{refused:?}");
}

#[test]
fn a_damaged_record_is_found_in_an_older_copy_of_its_page() {
    let directory = tempfile::tempdir().expect("a directory");
    log_at(directory.path());
    damage(directory.path(), |sequence, bytes| {
        bytes[30] ^= u8::from(sequence == u64::from(RECORDS));
        true
    });
    assert!(matches!(open(directory.path()), Err(LogError::Damaged { .. })));
    let mut records: Vec<Sequence> = (1..=RECORDS.into()).collect();
    assert_eq!(visit(directory.path(), Scope::File), (records.clone(), vec![]));
    // A coordinator does not read that copy.
    let last = records.pop().expect("some");
    let reason = "its checksum does not match".to_owned();
    let gap = Unreadable { records: last..=last, reason };
    assert_eq!(visit(directory.path(), Scope::Tree), (records, vec![gap]));
}

#[test]
fn unreadable_records_are_reported_as_ranges() {
    let directory = tempfile::tempdir().expect("a directory");
    log_at(directory.path());
    let path = directory.path().join(LOG_FILE);
    let mut bytes = fs::read(&path).expect("there");
    damage_each_copy(&mut bytes, &[100, 101, 102, 200, 201]);
    fs::write(&path, bytes).expect("written");
    let (read, gaps) = visit(directory.path(), Scope::File);
    assert_eq!(read.len() as u32, RECORDS - 5, "{gaps:?}");
    let ranges: Vec<_> = gaps.iter().map(|gap| gap.records.clone()).collect();
    assert_eq!(ranges, [100..=102, 200..=201]);
    assert_eq!(gaps[0].reason, "it is not in the file");

    let copy = tempfile::tempdir().expect("a directory");
    let mut salvage = Salvage::open(directory.path()).expect("opened");
    let exported = salvage.export(&copy.path().join(LOG_FILE)).expect("exported");
    assert_eq!((exported.last, exported.left_out), (99, 196));
    assert_eq!(open(copy.path()).expect("a log").last(), 99);
}

/// Flips a bit in the checksum of each whole copy of these records.
fn damage_each_copy(bytes: &mut [u8], records: &[Sequence]) {
    for record in records {
        let mut header = 1u16.to_le_bytes().to_vec();
        header.extend(record.to_le_bytes());
        header.extend(2u32.to_le_bytes());
        let copies: Vec<usize> = bytes
            .windows(header.len())
            .enumerate()
            .filter_map(|(at, window)| (window == header).then_some(at))
            .collect();
        for at in copies {
            bytes[at + 14] ^= 0x80;
        }
    }
}

#[test]
fn records_of_a_file_that_redb_cannot_open_are_found_by_their_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    log_at(directory.path());
    let path = directory.path().join(LOG_FILE);
    let mut bytes = fs::read(&path).expect("there");
    // Both commit slots of the header.
    bytes[64..320].fill(0x55);
    fs::write(&path, &bytes).expect("written");
    let refused = EmbeddedLog::open(directory.path(), None).err().expect("refused");
    assert!(matches!(&refused, LogError::DamagedFile { path: p, .. } if *p == path), "{refused}");
    let all: Vec<Sequence> = (1..=RECORDS.into()).collect();
    assert_eq!(visit(directory.path(), Scope::File), (all, vec![]));
    let copy = tempfile::tempdir().expect("a directory");
    let mut salvage = Salvage::open(directory.path()).expect("opened");
    assert!(matches!(salvage.damage(), Some(LogError::DamagedFile { .. })));
    let exported = salvage.export(&copy.path().join(LOG_FILE)).expect("exported");
    assert_eq!((exported.last, exported.unreadable), (RECORDS.into(), vec![]));
    let copied = open(copy.path()).expect("a log");
    assert_eq!((copied.identity(), copied.last()), (IDENTITY, RECORDS.into()));
}
