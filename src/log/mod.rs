//! The event log, from which everything else is derived and can be rebuilt.
//!
//! Promises, checked by `conformance` for each implementation: when [`EventLog::append`] returns,
//! its facts are durable, all or none. Only the current term appends, and only after the record
//! that it expects to be the last.
//! Records are numbered without gaps and carry a format version and a checksum; a reader refuses a
//! record that does not match by its number, and never skips or overwrites one. After a
//! failed commit the log is poisoned and takes nothing more. A compaction replaces the oldest records
//! by the state that they led to, which the log then contains. A snapshot only makes a restart
//! quicker.

mod carve;
#[cfg(test)]
mod conformance;
mod embedded;
mod error;
mod event_log;
mod identity;
#[cfg(test)]
pub(crate) mod memory;
mod position;
mod read_only;
mod record;
mod salvage;
mod snapshot;
mod staged;
#[cfg(test)]
mod tests;
mod witness;

pub use embedded::{
    EmbeddedLog, LOG_FILE, LogFile, SNAPSHOT_FILE, WITNESS_FILE, WitnessFinding,
    read_snapshot_file, read_testimony,
};
pub use error::LogError;
pub use event_log::{EventLog, LogReader, Snapshot};
pub use identity::{IDENTITY_FILE, read_identity, write_identity};
pub use position::{Sequence, Term};
pub use read_only::ReadOnlyLog;
pub use salvage::{Exported, Part, Salvage, Scope, Unreadable};
pub use snapshot::{SnapshotError, StoredSnapshot};
pub use witness::{Mark, Testimony};
