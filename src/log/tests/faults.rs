//! The log over a file layer that fails.

use super::{IDENTITY, append, open, stored};
use crate::domain::fact::Fact;
use crate::domain::id::RunId;
use crate::domain::time::Timestamp;
use crate::log::embedded::{EmbeddedLog, LOG_FILE, WITNESS_FILE, plain};
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

/// The effect of a fault.
#[derive(Debug, Clone, Copy)]
enum Effect {
    Error(io::ErrorKind),
    /// The panic of redb that finds damage in a page that it trusts.
    Panic,
}

/// Fails one operation. Later ones succeed, as on a disk that has recovered.
#[derive(Debug)]
struct Fault {
    operation: Operation,
    effect: Effect,
    /// Number of successful operations before the fault; `usize::MAX` for no fault.
    after: AtomicUsize,
    happened: AtomicUsize,
}

impl Fault {
    fn new(operation: Operation, effect: Effect, after: usize) -> Arc<Self> {
        let (after, happened) = (AtomicUsize::new(after), AtomicUsize::new(0));
        Arc::new(Self { operation, effect, after, happened })
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        if operation != self.operation {
            return Ok(());
        }
        if self.after.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.happened.store(1, Ordering::SeqCst);
            match self.effect {
                Effect::Error(kind) => return Err(kind.into()),
                Effect::Panic => panic!("a page is damaged"),
            }
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
fn survives(operation: Operation, effect: Effect, after: usize) -> bool {
    let directory = tempfile::tempdir().expect("a directory");
    let fault = Fault::new(operation, effect, after);
    let mut ledger = Ledger::default();
    if let Err(error) = use_log(directory.path(), &fault, &mut ledger) {
        assert!(fault.has_happened(), "{error:?}");
        ledger.errors.push(error);
    }
    let context = format!("{operation:?} {after} {effect:?}: {:?}", ledger.errors);
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

/// More operations than the use of the log has.
const MAX_FAULTS: usize = 1000;

/// Fails each operation once, in turn. The use of the log has at least `expected` of them.
fn each_fault(operation: Operation, effect: Effect, expected: usize) {
    let count = (0..MAX_FAULTS).take_while(|after| survives(operation, effect, *after)).count();
    assert!((expected..MAX_FAULTS).contains(&count), "{operation:?}: {count} faults");
}

const LARGE: u32 = 24;

/// A log whose file is mostly free: one record is left of [`LARGE`] ones of 1 MiB.
fn mostly_free(directory: &Path) {
    let fault = Fault::new(Operation::Sync, Effect::Error(io::ErrorKind::Other), usize::MAX);
    let mut log = EmbeddedLog::create_on(directory, IDENTITY, &|file| fault.layer(file));
    let log = log.as_mut().expect("a new log");
    let term = log.begin_term().expect("a term");
    let name = "x".repeat(1 << 20).into_boxed_str();
    for run in 1..=LARGE {
        let fact = Fact::RunSubmitted {
            run: RunId(run),
            name: name.clone(),
            idempotency: None,
            user: "someone".into(),
            closed_world: false,
            at: Timestamp(7),
        };
        log.append(log.last(), term, &[fact]).expect("stored");
    }
    let last = LARGE.into();
    log.compact(last - 1, last, &mut [STATE.to_vec()].into_iter()).expect("compacted");
}

#[test]
fn space_is_given_back_at_an_opening_and_a_fault_during_it_loses_nothing() {
    let original = tempfile::tempdir().expect("a directory");
    mostly_free(original.path());
    let size = |directory: &Path| directory.join(LOG_FILE).metadata().expect("there").len();
    let before = size(original.path());
    assert!(before > 16 << 20, "{before} bytes");
    let (mut after, mut is_reached) = (0, true);
    while is_reached {
        let directory = tempfile::tempdir().expect("a directory");
        for name in [LOG_FILE, WITNESS_FILE] {
            let (from, to) = (original.path().join(name), directory.path().join(name));
            std::fs::copy(from, to).expect("copied");
        }
        let fault = Fault::new(Operation::Write, Effect::Error(io::ErrorKind::StorageFull), after);
        let opened = EmbeddedLog::open_on(directory.path(), None, &|file| fault.layer(file));
        is_reached = fault.has_happened();
        drop(opened);
        let log = open(directory.path()).unwrap_or_else(|error| panic!("write {after}: {error}"));
        assert_eq!((log.base(), log.last()), (u64::from(LARGE) - 1, LARGE.into()));
        let state = log.read_base().expect("whole");
        assert_eq!(state, Some((LARGE.into(), vec![STATE.to_vec()])));
        let mut records = 0;
        let replayed = log.reader().replay(log.base(), &mut |_, _| {
            records += 1;
            true
        });
        replayed.expect("whole");
        assert_eq!(records, 1);
        drop(log);
        let kept = size(directory.path());
        assert!(kept < before / 2, "{kept} of {before} bytes after a fault at write {after}");
        // The first writes are the header and the pages that move; then every seventh is enough.
        after += if after < 20 { 1 } else { 7 };
    }
    assert!(after > 5, "{after}");
}

#[test]
fn each_failing_write_loses_nothing() {
    each_fault(Operation::Write, Effect::Error(io::ErrorKind::StorageFull), 50);
}

#[test]
fn each_failing_sync_loses_nothing() {
    each_fault(Operation::Sync, Effect::Error(io::ErrorKind::Other), 20);
}

#[test]
fn each_failing_change_of_the_length_loses_nothing() {
    each_fault(Operation::SetLen, Effect::Error(io::ErrorKind::StorageFull), 1);
}

/// Fails the operation during the second record; returns the error.
fn append_fails(operation: Operation, effect: Effect) -> LogError {
    let directory = tempfile::tempdir().expect("a directory");
    let fault = Fault::new(operation, effect, usize::MAX);
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
    let failed = append_fails(Operation::Sync, Effect::Error(io::ErrorKind::Other));
    assert!(matches!(failed, LogError::Storage { .. }), "{failed:?}");
}

#[test]
fn a_full_disk_acknowledges_nothing_and_poisons() {
    let failed = append_fails(Operation::Write, Effect::Error(io::ErrorKind::StorageFull));
    assert!(matches!(failed, LogError::Full { .. }), "{failed:?}");
}

#[test]
fn a_panic_of_redb_is_an_error_with_the_file_and_the_position() {
    let failed = append_fails(Operation::Write, Effect::Panic);
    let text = failed.to_string();
    assert!(matches!(failed, LogError::DamagedFile { .. }), "{failed:?}");
    assert!(text.contains(LOG_FILE) && text.contains("while record 2 was written"), "{text}");
}
