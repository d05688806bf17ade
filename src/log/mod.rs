//! The event log: the only truth. Everything else is derived from it and can be deleted.
//!
//! Promises: when [`EventLog::append`] returns, its events are on disk, all or none.
//! Records are numbered without gaps and carry a format version and a checksum; on reading,
//! whatever does not match is refused by number, never skipped and never overwritten. After a
//! failed commit the log is poisoned and takes nothing more. Records are kept for ever: the
//! results database is rebuilt from them. A snapshot only makes a restart quick.

mod embedded;
mod record;
mod snapshot;
#[cfg(test)]
mod tests;

pub use embedded::EmbeddedLog;

use crate::domain::fact::Fact;
use std::path::PathBuf;
use std::sync::Arc;

/// Number of a record; the first is 1, 0 stands for "before everything".
pub type Sequence = u64;

/// Stores events. One owner appends; readers read beside it.
pub trait EventLog: Send {
    /// Stores the durable ones of `events` as one record, with one commit.
    ///
    /// Returns the number of the last record, which is the old one when nothing was durable.
    ///
    /// # Errors
    /// When the disk refuses. Nothing of the record is there then, and the log is poisoned.
    fn append(&mut self, events: &mut dyn Iterator<Item = &Fact>) -> Result<Sequence, LogError>;

    /// Number of the last record.
    fn last(&self) -> Sequence;

    /// Reads beside the writer, from any thread.
    fn reader(&self) -> Arc<dyn LogReader>;

    /// Replaces the snapshot by one that covers every record up to `at`.
    ///
    /// # Errors
    /// When the disk refuses. The old snapshot is still there then.
    fn write_snapshot(
        &mut self,
        at: Sequence,
        pieces: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), LogError>;

    /// The last snapshot and the record that it reaches to; `None` when there is none, or when
    /// it cannot be used (it is never needed).
    fn read_snapshot(&self) -> Option<(Sequence, Vec<Vec<u8>>)>;
}

/// Reads stored events.
pub trait LogReader: Send + Sync {
    /// Visits every record after `after`, oldest first, until `visit` returns false.
    ///
    /// # Errors
    /// The first record that is damaged, missing or of another version.
    fn replay(
        &self,
        after: Sequence,
        visit: &mut dyn FnMut(Sequence, Vec<Fact>) -> bool,
    ) -> Result<(), LogError>;
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("cannot {doing} the event log {path}")]
    Storage {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("record {sequence} of the event log {path} is damaged: {what}")]
    Damaged { path: PathBuf, sequence: Sequence, what: String },
    #[error(
        "record {sequence} of the event log {path} has format {found}, this version reads up to {known}"
    )]
    Newer { path: PathBuf, sequence: Sequence, found: u16, known: u16 },
    #[error("an earlier commit of the event log failed; it takes nothing more until a restart")]
    Poisoned,
}
