//! A log in memory that fails on demand, for tests.

use super::error::LogError;
use super::event_log::{EventLog, LogReader, Snapshot};
use super::position::{Sequence, Term};
use super::record;
use crate::domain::fact::Fact;
use crate::domain::storage_id::StorageId;
use crate::sys::ids;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One handle. [`Self::reopen`] returns another to the same records, as after a restart.
pub(crate) struct MemoryLog {
    disk: Arc<Disk>,
    poisoned: bool,
}

struct Disk {
    identity: StorageId,
    stored: Mutex<Stored>,
    full: AtomicBool,
}

#[derive(Default)]
struct Stored {
    /// Number of removed records.
    base: Sequence,
    /// The state that replaces them.
    state: Option<Snapshot>,
    records: Vec<Vec<u8>>,
    term: Term,
    snapshot: Option<Snapshot>,
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_space(&self) -> Result<(), LogError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(LogError::Full { path: "memory".into() });
        }
        Ok(())
    }
}

impl Stored {
    fn last(&self) -> Sequence {
        self.base + self.records.len() as u64
    }

    /// Bytes of a record; `None` after the last one.
    fn record(&self, sequence: Sequence) -> Result<Option<Vec<u8>>, LogError> {
        let base = self.base;
        let index = sequence.checked_sub(base + 1);
        let removed = LogError::Compacted { path: "memory".into(), first: sequence, base };
        Ok(self.records.get(index.ok_or(removed)? as usize).cloned())
    }
}

impl MemoryLog {
    pub fn new() -> Self {
        let (stored, full) = (Mutex::default(), AtomicBool::default());
        let disk = Disk { identity: StorageId::new(ids::new_id()), stored, full };
        Self { disk: Arc::new(disk), poisoned: false }
    }

    pub fn reopen(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), poisoned: false }
    }

    /// From now on, nothing more can be stored, or it can be again.
    pub fn set_full(&self, full: bool) {
        self.disk.full.store(full, Ordering::SeqCst);
    }
}

impl EventLog for MemoryLog {
    fn identity(&self) -> StorageId {
        self.disk.identity
    }

    fn begin_term(&mut self) -> Result<Term, LogError> {
        self.disk.check_space()?;
        let mut stored = self.disk.lock();
        stored.term = Term(stored.term.0 + 1);
        Ok(stored.term)
    }

    fn append(
        &mut self,
        expected: Sequence,
        term: Term,
        facts: &[Fact],
    ) -> Result<Sequence, LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        let mut stored = self.disk.lock();
        if term != stored.term {
            return Err(LogError::Fenced { term, current: stored.term });
        }
        if expected != stored.last() {
            return Err(LogError::Moved { expected, last: stored.last() });
        }
        if facts.is_empty() {
            return Ok(expected);
        }
        if let Err(error) = self.disk.check_space() {
            self.poisoned = true;
            return Err(error);
        }
        let mut bytes = Vec::new();
        record::encode(expected + 1, facts, &mut bytes).expect("facts are JSON");
        stored.records.push(bytes);
        Ok(expected + 1)
    }

    fn last(&self) -> Sequence {
        self.disk.lock().last()
    }

    fn base(&self) -> Sequence {
        self.disk.lock().base
    }

    fn read_base(&self) -> Result<Option<Snapshot>, LogError> {
        Ok(self.disk.lock().state.clone())
    }

    fn compact(
        &mut self,
        upto: Sequence,
        at: Sequence,
        pieces: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        let mut stored = self.disk.lock();
        let (base, last) = (stored.base, stored.last());
        if !(base <= upto && upto <= at && upto < last && at <= last) {
            return Err(LogError::NotCompactable { upto, at, first: base + 1, last });
        }
        if let Err(error) = self.disk.check_space() {
            self.poisoned = true;
            return Err(error);
        }
        stored.records.drain(..(upto - base) as usize);
        stored.base = upto;
        stored.state = Some((at, pieces.collect()));
        Ok(())
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(Reader(Arc::clone(&self.disk)))
    }

    fn write_snapshot(
        &mut self,
        at: Sequence,
        pieces: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogError> {
        self.disk.check_space()?;
        self.disk.lock().snapshot = Some((at, pieces.collect()));
        Ok(())
    }

    fn read_snapshot(&self) -> Result<Option<Snapshot>, LogError> {
        let stored = self.disk.lock();
        let (last, snapshot) = (stored.last(), stored.snapshot.clone());
        match snapshot {
            Some((proven, _)) if proven > last => {
                let (path, evidence) = ("memory".into(), "the snapshot in memory".into());
                Err(LogError::Lost { path, last, evidence, proven })
            }
            // The state in the log is newer.
            snapshot => Ok(snapshot.filter(|(at, _)| *at >= stored.base)),
        }
    }

    fn reject_snapshot(&self, _: &str) {
        self.disk.lock().snapshot = None;
    }
}

struct Reader(Arc<Disk>);

impl LogReader for Reader {
    fn replay(
        &self,
        after: Sequence,
        visit: &mut dyn FnMut(Sequence, Vec<Fact>) -> bool,
    ) -> Result<(), LogError> {
        for sequence in after + 1.. {
            let Some(bytes) = self.0.lock().record(sequence)? else { break };
            let facts = record::decode(sequence, &bytes)
                .map_err(|defect| defect.into_error("memory".as_ref(), sequence))?;
            if !visit(sequence, facts) {
                break;
            }
        }
        Ok(())
    }
}
