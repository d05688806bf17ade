//! A log in memory that fails on demand, for tests.

use super::error::LogError;
use super::event_log::{EventLog, LogReader, Snapshot};
use super::position::{Sequence, Term};
use super::record::{self, Defect};
use crate::domain::fact::Fact;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One handle. [`Self::reopen`] returns another to the same records, as after a restart.
pub(crate) struct MemoryLog {
    disk: Arc<Disk>,
    poisoned: bool,
}

#[derive(Default)]
struct Disk {
    stored: Mutex<Stored>,
    full: AtomicBool,
}

#[derive(Default)]
struct Stored {
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
        self.records.len() as u64
    }
}

impl MemoryLog {
    pub fn new() -> Self {
        Self { disk: Arc::default(), poisoned: false }
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

    fn read_snapshot(&self) -> Option<Snapshot> {
        let stored = self.disk.lock();
        stored.snapshot.clone().filter(|(at, _)| *at <= stored.last())
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
            let bytes = self.0.lock().records.get(sequence as usize - 1).cloned();
            let Some(bytes) = bytes else { break };
            let facts = record::decode(sequence, &bytes).map_err(|defect| match defect {
                Defect::Damaged(reason) => {
                    LogError::Damaged { path: "memory".into(), sequence, reason }
                }
                Defect::Newer(version) => LogError::Newer {
                    path: "memory".into(),
                    sequence,
                    version,
                    known: record::VERSION,
                },
            })?;
            if !visit(sequence, facts) {
                break;
            }
        }
        Ok(())
    }
}
