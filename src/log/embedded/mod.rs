//! The log on the disk of one coordinator: records in a redb file, with the snapshot and the witness
//! beside it.
//!
//! Promises: the file is created beside its name, so that it exists either whole or not at all. It is
//! opened without a change until its last record is compared with the witness. Damage is an error with
//! the file and the position; a panic of redb is caught. Opening verifies the checksum of each page,
//! which takes about 1.5 s for 1 GiB.

mod base;
mod beside;
mod compare;
mod guarded;
mod handle;
mod open;
mod reader;
mod space;
mod step;
mod tables;

pub use self::beside::{LOG_FILE, SNAPSHOT_FILE, WITNESS_FILE, read_snapshot_file, read_testimony};
pub use self::compare::WitnessFinding;
pub use self::handle::EmbeddedLog;
pub use self::open::LogFile;

pub(super) use self::compare::with_witness;
pub(super) use self::guarded::Guarded;
#[cfg(test)]
pub(super) use self::open::plain;
pub(super) use self::open::{open_read_only, write_log};
pub(super) use self::reader::{Reader, read_base, read_record};
pub(super) use self::tables::Position;
