//! Reading of records, at the same time as the leader appends.

use super::base::{self, BASE, BaseError};
use super::guarded::Guarded;
use super::step::Step;
use super::tables::{self, RECORDS};
use crate::domain::fact::Fact;
use crate::log::error::LogError;
use crate::log::event_log::{LogReader, Snapshot};
use crate::log::position::Sequence;
use crate::log::record::{self, Defect};
use redb::{Database, ReadableDatabase};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

/// Maximum number of records decoded ahead of their visitor during a replay.
const DECODED_AHEAD: usize = 4;
/// Size of the records ahead, as stored, from which on no further record is decoded, in bytes. Decoded, a
/// record takes about three times its size.
const MAX_AHEAD_BYTES: usize = 4 << 20;

pub(in crate::log) struct Reader {
    pub database: Arc<Guarded>,
    pub path: PathBuf,
}

impl Reader {
    /// Gives the bytes of every record to `take`, until it returns false.
    fn read(
        &self,
        after: Sequence,
        take: &mut dyn FnMut(Sequence, &[u8]) -> bool,
    ) -> Result<(), LogError> {
        let mut read = after;
        let result = Step::ReadAfter(after).run(&self.path, || self.read_on(&mut read, take));
        // The position of the damage is the last record that was read.
        match result {
            Err(LogError::DamagedFile { path, reason, .. }) => {
                Err(Step::ReadAfter(read).damaged(&path, reason))
            }
            result => result,
        }
    }

    fn read_on(
        &self,
        read: &mut Sequence,
        take: &mut dyn FnMut(Sequence, &[u8]) -> bool,
    ) -> Result<(), LogError> {
        let after = *read;
        let failed = |source: redb::Error| Step::ReadAfter(after).error(&self.path, source);
        let transaction = self.database.begin_read().map_err(|e| failed(e.into()))?;
        let base = transaction.open_table(BASE).map_err(|e| failed(e.into()))?;
        let header = base::header(&base).map_err(|error| error.at(Step::ReadBase, &self.path))?;
        if let Some(base) = header.map(|header| header.removed).filter(|base| after < *base) {
            return Err(LogError::Compacted { path: self.path.clone(), first: after + 1, base });
        }
        let table = transaction.open_table(RECORDS).map_err(|e| failed(e.into()))?;
        let entries = table.range(after + 1..).map_err(|e| failed(e.into()))?;
        for (expected, entry) in (after + 1..).zip(entries) {
            let (sequence, bytes) = entry.map_err(|e| failed(e.into()))?;
            if sequence.value() != expected {
                let missing = Defect::Damaged("it is missing".into());
                return Err(missing.into_error(&self.path, expected));
            }
            if !take(sequence.value(), bytes.value()) {
                break;
            }
            *read = expected;
        }
        Ok(())
    }
}

impl LogReader for Reader {
    fn replay(
        &self,
        after: Sequence,
        visit: &mut dyn FnMut(Sequence, Vec<Fact>) -> bool,
    ) -> Result<(), LogError> {
        // Decoding takes as long as applying, so it runs ahead on a separate thread.
        std::thread::scope(|scope| {
            let (decoded, records) = mpsc::sync_channel(DECODED_AHEAD);
            let (visited, returned) = mpsc::channel();
            let decoder = scope.spawn(move || {
                let (mut defect, mut ahead) = (None, 0);
                let read = self.read(after, &mut |sequence, bytes| {
                    while ahead >= MAX_AHEAD_BYTES {
                        let Ok(bytes) = returned.recv() else { return false };
                        ahead -= bytes;
                    }
                    ahead += bytes.len();
                    match record::decode(sequence, bytes) {
                        Ok(facts) => decoded.send((sequence, facts, bytes.len())).is_ok(),
                        Err(error) => {
                            defect = Some(error.into_error(&self.path, sequence));
                            false
                        }
                    }
                });
                read.and(defect.map_or(Ok(()), Err))
            });
            for (sequence, facts, bytes) in &records {
                if !visit(sequence, facts) {
                    break;
                }
                // Fails when the decoder has read everything.
                let _ = visited.send(bytes);
            }
            drop((records, visited));
            decoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// The bytes of a record, which are not verified; `None` if there is none with this number.
pub(in crate::log) fn read_record(
    database: &Database,
    sequence: Sequence,
    path: &Path,
) -> Result<Option<Vec<u8>>, LogError> {
    let step = Step::ReadAfter(sequence.saturating_sub(1));
    step.run_redb(path, || tables::record(database, sequence))
}

/// The state that replaces removed records.
pub(in crate::log) fn read_base(
    database: &Database,
    path: &Path,
) -> Result<Option<Snapshot>, LogError> {
    Step::ReadBase.run(path, || {
        let read = || -> Result<_, BaseError> {
            let transaction = database.begin_read()?;
            base::read(&transaction.open_table(BASE)?)
        };
        read().map_err(|error| error.at(Step::ReadBase, path))
    })
}
