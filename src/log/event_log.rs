//! The storage of facts, as the rest of dtf sees it.

use super::error::LogError;
use super::position::{Sequence, Term};
use crate::domain::fact::Fact;
use std::sync::Arc;

/// A snapshot of the state, in pieces, with the last record that it covers.
pub type Snapshot = (Sequence, Vec<Vec<u8>>);

/// Stores facts. One leader appends; readers read at the same time.
pub trait EventLog: Send {
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
    fn read_snapshot(&self) -> Option<Snapshot>;
}

/// Reads stored facts.
pub trait LogReader: Send + Sync {
    /// Visits every record after `after`, oldest first, until `visit` returns false.
    ///
    /// # Errors
    /// A record is damaged, missing or of a newer version.
    fn replay(
        &self,
        after: Sequence,
        visit: &mut dyn FnMut(Sequence, Vec<Fact>) -> bool,
    ) -> Result<(), LogError>;
}
