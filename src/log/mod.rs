//! The event log, from which everything else is derived and can be rebuilt.
//!
//! Promises, checked by `conformance` for each implementation: when [`EventLog::append`] returns,
//! its facts are durable, all or none. Only the current term appends, and only after the record
//! that it expects to be the last.
//! Records are numbered without gaps and carry a format version and a checksum; a reader refuses a
//! record that does not match by its number, and never skips or overwrites one. After a
//! failed commit the log is poisoned and takes nothing more. Records are kept for ever. A snapshot
//! only makes a restart quicker.

#[cfg(test)]
mod conformance;
mod embedded;
mod error;
mod event_log;
#[cfg(test)]
pub(crate) mod memory;
mod position;
mod record;
mod snapshot;
#[cfg(test)]
mod tests;

pub use embedded::EmbeddedLog;
pub use error::LogError;
pub use event_log::{EventLog, LogReader, Snapshot};
pub use position::{Sequence, Term};
