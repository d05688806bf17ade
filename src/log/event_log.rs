//! The storage of facts, as the rest of dtf sees it.

use super::error::LogError;
use super::position::{Sequence, Term};
use crate::domain::fact::Fact;
use crate::domain::storage_id::StorageId;
use std::sync::Arc;

/// A snapshot of the state, in pieces, with the last record that it covers.
pub type Snapshot = (Sequence, Vec<Vec<u8>>);

/// Stores facts. One leader appends; readers read at the same time.
pub trait EventLog: Send {
    /// Identity of the data directory, which never changes.
    fn identity(&self) -> StorageId;

    /// Begins a new term, durably. From then on, appends of earlier terms are refused.
    ///
    /// # Errors
    /// The storage fails.
    fn begin_term(&mut self) -> Result<Term, LogError>;

    /// Stores all facts durably as one record, with one commit, and returns its number. `expected`
    /// is the last record that the caller knows. Without facts nothing is stored.
    ///
    /// # Errors
    /// `term` is not the current one, or `expected` is not the last record: nothing is stored then.
    /// The storage fails: nothing of the record counts as stored, and this handle takes no more.
    fn append(
        &mut self,
        expected: Sequence,
        term: Term,
        facts: &[Fact],
    ) -> Result<Sequence, LogError>;

    /// Number of the last record.
    fn last(&self) -> Sequence;

    /// Number of the last record that a compaction removed. 0: the log contains all records.
    fn base(&self) -> Sequence;

    /// The state that replaces the removed records; `None` while the log contains all records.
    ///
    /// # Errors
    /// The state is damaged, or the storage fails.
    fn read_base(&self) -> Result<Option<Snapshot>, LogError>;

    /// Removes the records up to `upto` and stores the state as of record `at` in their place, with
    /// one commit: `base ≤ upto ≤ at ≤ last`. The last record is always kept, so `upto < last`. The state
    /// replaces that of an earlier compaction.
    ///
    /// # Errors
    /// The numbers are out of order: nothing changes then. The storage fails: the log has either
    /// the old or the new form, and this handle takes no more.
    fn compact(
        &mut self,
        upto: Sequence,
        at: Sequence,
        pieces: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogError>;

    /// Reads at the same time as the leader appends, from any thread.
    fn reader(&self) -> Arc<dyn LogReader>;

    /// Replaces the snapshot by one that covers every record up to `at`.
    ///
    /// # Errors
    /// The storage fails. The old snapshot is kept then.
    fn write_snapshot(
        &mut self,
        at: Sequence,
        pieces: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogError>;

    /// The last snapshot; `None` when there is none or it cannot be used. It is never required.
    ///
    /// # Errors
    /// The snapshot proves that the log has lost records.
    fn read_snapshot(&self) -> Result<Option<Snapshot>, LogError>;

    /// Sets the snapshot aside, so that it is never read again, because its content cannot be used
    /// for this reason.
    fn reject_snapshot(&self, reason: &str);
}

/// Reads stored facts.
pub trait LogReader: Send + Sync {
    /// Visits every record after `after`, oldest first, until `visit` returns false.
    ///
    /// # Errors
    /// A record is damaged, missing or of a newer version, or a compaction removed it.
    fn replay(
        &self,
        after: Sequence,
        visit: &mut dyn FnMut(Sequence, Vec<Fact>) -> bool,
    ) -> Result<(), LogError>;
}
