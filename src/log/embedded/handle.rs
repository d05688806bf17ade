//! An open log.

use super::beside::{SNAPSHOT_FILE, WITNESS_FILE, set_untrusted_aside, start_witness};
use super::guarded::Guarded;
use super::reader::{Reader, read_base};
use super::step::Step;
use super::tables;
use crate::domain::fact::Fact;
use crate::domain::storage_id::StorageId;
use crate::log::error::LogError;
use crate::log::event_log::{EventLog, LogReader, Snapshot};
use crate::log::position::{Sequence, Term};
use crate::log::record;
use crate::log::snapshot::{self, SnapshotError, StoredSnapshot};
use crate::log::witness::{Mark, Testimony, Witness};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Size up to which the memory of the buffer is kept between records, in bytes.
const KEPT_BUFFER_BYTES: usize = 1 << 20;

/// See [`EventLog`].
pub struct EmbeddedLog {
    pub(super) database: Arc<Guarded>,
    pub(super) path: PathBuf,
    pub(super) identity: StorageId,
    pub(super) base: Sequence,
    pub(super) last: Sequence,
    pub(super) term: Term,
    /// `None` between [`Self::open_after_loss`] and [`Self::renew`].
    pub(super) witness: Option<Witness>,
    pub(super) poisoned: bool,
    pub(super) buffer: Vec<u8>,
}

impl EmbeddedLog {
    fn snapshot_path(&self) -> PathBuf {
        self.path.with_file_name(SNAPSHOT_FILE)
    }

    /// Gives the log another identity and stores the facts, with one commit. Afterwards, snapshots
    /// and databases of the log before are those of another log. Returns the number of the record.
    ///
    /// # Errors
    /// The storage fails. The log then has either the old or the new identity, and this handle takes
    /// no more.
    pub fn renew(&mut self, identity: StorageId, facts: &[Fact]) -> Result<Sequence, LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        let sequence = self.encode(facts)?;
        self.poisoned = true;
        Step::Write(sequence).run_redb(&self.path, || {
            tables::store_renewal(&self.database, self.identity, identity, sequence, &self.buffer)
        })?;
        let checksum = record::stored_checksum(&self.buffer);
        let testimony = Testimony { identity, mark: Mark { sequence, checksum } };
        self.witness = Some(start_witness(&self.path, testimony)?);
        (self.identity, self.last, self.poisoned) = (identity, sequence, false);
        Ok(sequence)
    }

    /// Writes the next record into the buffer.
    fn encode(&mut self, facts: &[Fact]) -> Result<Sequence, LogError> {
        let sequence = self.last + 1;
        record::encode(sequence, facts, &mut self.buffer).map_err(|source| LogError::Storage {
            doing: "encode a record for",
            path: self.path.clone(),
            source: Box::new(source),
        })?;
        Ok(sequence)
    }

    /// Stores the record in the buffer.
    fn store(&mut self, sequence: Sequence) -> Result<(), LogError> {
        Step::Write(sequence).run_redb(&self.path, || {
            tables::store_record(&self.database, sequence, &self.buffer)
        })?;
        let checksum = record::stored_checksum(&self.buffer);
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER_BYTES);
        let Some(witness) = &mut self.witness else { return Ok(()) };
        witness.record(Mark { sequence, checksum }).map_err(|source| {
            let path = self.path.with_file_name(WITNESS_FILE);
            LogError::Beside { doing: "write", path, source }
        })
    }
}

impl EventLog for EmbeddedLog {
    fn identity(&self) -> StorageId {
        self.identity
    }

    fn begin_term(&mut self) -> Result<Term, LogError> {
        let term = Term(self.term.0 + 1);
        Step::BeginTerm
            .run_redb(&self.path, || tables::store_term(&self.database, term))
            .inspect_err(|_| self.poisoned = true)?;
        self.term = term;
        Ok(term)
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
        if term != self.term {
            return Err(LogError::Fenced { term, current: self.term });
        }
        if expected != self.last {
            return Err(LogError::Moved { expected, last: self.last });
        }
        if facts.is_empty() {
            return Ok(self.last);
        }
        let sequence = self.encode(facts)?;
        if let Err(error) = self.store(sequence) {
            self.poisoned = true;
            return Err(error);
        }
        self.last = sequence;
        Ok(sequence)
    }

    fn last(&self) -> Sequence {
        self.last
    }

    fn base(&self) -> Sequence {
        self.base
    }

    fn read_base(&self) -> Result<Option<Snapshot>, LogError> {
        read_base(&self.database, &self.path)
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
        if !(self.base <= upto && upto <= at && upto < self.last && at <= self.last) {
            let (first, last) = (self.base + 1, self.last);
            return Err(LogError::NotCompactable { upto, at, first, last });
        }
        self.poisoned = true;
        Step::Compact
            .run_redb(&self.path, || tables::store_base(&self.database, upto, at, pieces))?;
        (self.base, self.poisoned) = (upto, false);
        Ok(())
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(Reader { database: Arc::clone(&self.database), path: self.path.clone() })
    }

    fn write_snapshot(
        &mut self,
        at: Sequence,
        pieces: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogError> {
        let path = self.snapshot_path();
        // A witness that is up to date on the disk detects more after a power failure.
        let written = snapshot::write(&path, self.identity, at, pieces)
            .and_then(|()| self.witness.as_ref().map_or(Ok(()), Witness::sync));
        written.map_err(|source| LogError::Beside { doing: "write", path, source })
    }

    fn read_snapshot(&self) -> Result<Option<Snapshot>, LogError> {
        let path = self.snapshot_path();
        match snapshot::read(&path) {
            Ok(stored) if stored.identity != self.identity => {
                let (found, expected) = (stored.identity, self.identity);
                let reason = format!("it belongs to {found}, and the event log to {expected}");
                set_untrusted_aside(&path, &reason);
                Ok(None)
            }
            Ok(StoredSnapshot { snapshot: (at, _), .. }) if at > self.last => {
                let (evidence, proven) = (path, at);
                Err(LogError::Lost { path: self.path.clone(), last: self.last, evidence, proven })
            }
            // The state in the log is newer.
            Ok(StoredSnapshot { snapshot: (at, _), .. }) if at < self.base => Ok(None),
            Ok(stored) => Ok(Some(stored.snapshot)),
            Err(SnapshotError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(SnapshotError::WithoutIdentity) => {
                tracing::info!(path = %path.display(), "the snapshot is of an older version of dtf; the whole log is replayed");
                Ok(None)
            }
            Err(SnapshotError::Io(error)) => {
                tracing::warn!(path = %path.display(), %error, "cannot read the snapshot; the whole log is replayed");
                Ok(None)
            }
            Err(error @ SnapshotError::Damaged(_)) => {
                set_untrusted_aside(&path, &error.to_string());
                Ok(None)
            }
        }
    }

    fn reject_snapshot(&self, reason: &str) {
        set_untrusted_aside(&self.snapshot_path(), reason);
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.witness.as_ref().map(Witness::sync) {
            tracing::warn!(%error, "cannot sync the witness of the event log");
        }
    }
}
