//! The log over a file layer that fails.

use super::{IDENTITY, append, open, stored};
use crate::log::embedded::{EmbeddedLog, plain};
use crate::log::error::LogError;
use crate::log::event_log::EventLog;
use crate::log::position::Sequence;
use redb::StorageBackend;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The operations that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Write,
    Sync,
    SetLen,
}

/// Fails one operation. Later ones succeed, as on a disk that has recovered.
#[derive(Debug)]
struct Fault {
    operation: Operation,
    kind: io::ErrorKind,
    /// Number of successful operations before the fault; `usize::MAX` for no fault.
    after: AtomicUsize,
    happened: AtomicUsize,
}

impl Fault {
    fn new(operation: Operation, kind: io::ErrorKind, after: usize) -> Arc<Self> {
        let (after, happened) = (AtomicUsize::new(after), AtomicUsize::new(0));
        Arc::new(Self { operation, kind, after, happened })
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        if operation != self.operation {
            return Ok(());
        }
        if self.after.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.happened.store(1, Ordering::SeqCst);
            return Err(self.kind.into());
        }
        Ok(())
    }

    fn has_happened(&self) -> bool {
        self.happened.load(Ordering::SeqCst) == 1
    }

    fn layer(self: &Arc<Self>, file: File) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(Failing { file: plain(file)?, fault: Arc::clone(self) }))
    }
}

#[derive(Debug)]
struct Failing {
    file: Box<dyn StorageBackend>,
    fault: Arc<Fault>,
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.fault.check(Operation::SetLen)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        // The process does not end, so the content is there without a sync, which takes long.
        self.fault.check(Operation::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fault.check(Operation::Write)?;
        self.file.write(offset, data)
    }
}

/// The records that were acknowledged, and the state that a compaction stored.
#[derive(Default)]
struct Ledger {
    acknowledged: Vec<u32>,
    base: Sequence,
    errors: Vec<LogError>,
}

const STATE: &[u8] = &[9; 5_000];

/// Creates a log, appends, writes a snapshot, compacts and appends again, until an error.
fn use_log(directory: &Path, fault: &Arc<Fault>, ledger: &mut Ledger) -> Result<(), LogError> {
    let layer = |file| fault.layer(file);
    let mut log = EmbeddedLog::create_on(directory, IDENTITY, &layer)?;
    let term = log.begin_term()?;
    for number in 1..=6 {
        append(&mut log, term, &[number])?;
        ledger.acknowledged.push(number);
        if number == 3 {
            log.write_snapshot(3, &mut [STATE.to_vec()].into_iter())?;
        }
        if number == 5 {
            log.compact(2, 4, &mut [STATE.to_vec()].into_iter())?;
            ledger.base = 2;
        }
    }
    drop(log);
    let mut log = EmbeddedLog::open_on(directory, None, &layer)?;
    let term = log.begin_term()?;
    append(&mut log, term, &[7])?;
    ledger.acknowledged.push(7);
    Ok(())
}

/// Runs [`use_log`] with a fault; afterwards the log opens with everything that was acknowledged.
/// Returns false if the fault was not reached.
fn survives(operation: Operation, kind: io::ErrorKind, after: usize) -> bool {
    let directory = tempfile::tempdir().expect("a directory");
    let fault = Fault::new(operation, kind, after);
    let mut ledger = Ledger::default();
    if let Err(error) = use_log(directory.path(), &fault, &mut ledger) {
        assert!(fault.has_happened(), "{error:?}");
        ledger.errors.push(error);
    }
    let context = format!("{operation:?} {after} {kind:?}: {:?}", ledger.errors);
    let mut log = open(directory.path()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    let base = log.base();
    assert!(base == ledger.base || base == 2, "{context}: base {base}");
    if base > 0 {
        let state = log.read_base().expect("whole").expect("there is one");
        assert_eq!(state, (4, vec![STATE.to_vec()]), "{context}");
    }
    let kept = stored(&log, base).expect("whole");
    let expected: Vec<(Sequence, Vec<u32>)> =
        (base as u32 + 1..=log.last() as u32).map(|n| (n.into(), vec![n])).collect();
    assert_eq!(kept, expected, "{context}");
    let acknowledged = ledger.acknowledged.len() as u64;
    assert!(
        (acknowledged..=acknowledged + 1).contains(&log.last()),
        "{context}: {} of {acknowledged} records",
        log.last()
    );
    if let Some((at, _)) = log.read_snapshot().expect("usable") {
        assert_eq!(at, 3, "{context}");
    }
    let term = log.begin_term().expect("a term");
    append(&mut log, term, &[8]).unwrap_or_else(|error| panic!("{context}: {error}"));
    fault.has_happened()
}

/// Fails each operation of this kind once, in turn.
fn each_fault(operation: Operation, kinds: &[io::ErrorKind]) {
    let mut reached = 0;
    for kind in kinds {
        let count = (0..).take_while(|after| survives(operation, *kind, *after)).count();
        assert!(count > 5, "{operation:?}: only {count} faults");
        reached += count;
    }
    println!("{operation:?}: {reached} faults");
}

#[test]
fn each_failing_write_loses_nothing() {
    each_fault(Operation::Write, &[io::ErrorKind::StorageFull, io::ErrorKind::Other]);
}

#[test]
fn each_failing_sync_loses_nothing() {
    each_fault(Operation::Sync, &[io::ErrorKind::Other]);
}

#[test]
fn each_failing_change_of_the_length_loses_nothing() {
    let mut count = 0;
    while survives(Operation::SetLen, io::ErrorKind::StorageFull, count) {
        count += 1;
    }
    assert!(count > 0);
}

/// Fails the operation during the second record; returns the error.
fn append_fails(operation: Operation, kind: io::ErrorKind) -> LogError {
    let directory = tempfile::tempdir().expect("a directory");
    let fault = Fault::new(operation, kind, usize::MAX);
    let layer = |file| fault.layer(file);
    let mut log = EmbeddedLog::create_on(directory.path(), IDENTITY, &layer).expect("a new log");
    let term = log.begin_term().expect("a term");
    append(&mut log, term, &[1]).expect("stored");
    fault.after.store(0, Ordering::SeqCst);
    let failed = append(&mut log, term, &[2]).expect_err("a broken disk");
    for index in 3..5 {
        let refused = append(&mut log, term, &[index]);
        assert!(matches!(refused, Err(LogError::Poisoned)), "until a restart");
    }
    failed
}

#[test]
fn a_failing_sync_acknowledges_nothing_and_poisons() {
    let failed = append_fails(Operation::Sync, io::ErrorKind::Other);
    assert!(matches!(failed, LogError::Storage { .. }), "{failed:?}");
}

#[test]
fn a_full_disk_acknowledges_nothing_and_poisons() {
    let failed = append_fails(Operation::Write, io::ErrorKind::StorageFull);
    assert!(matches!(failed, LogError::Full { .. }), "{failed:?}");
}
