//! The wire: what requests and answers look like, and the paths that carry them.
//!
//! Used by both ends, depends on neither. Unknown fields of a message are ignored
//! (a newer peer may send more); plan files are stricter, see `plan`.

use std::time::Duration;

pub mod error;
pub mod page;
pub mod schema;
pub mod v1;

/// Number that every JSON document for machines carries.
pub const SCHEMA: u32 = 1;
/// Largest request body.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Largest blob.
pub const MAX_BLOB_BYTES: u64 = 256 * 1024 * 1024;
/// The slowest transfer of a blob that is waited for, in bytes a second.
const SLOWEST_TRANSFER: u64 = 256 * 1024;

/// What so many bytes may add to the time of a request.
#[must_use]
pub const fn transfer_time(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_TRANSFER)
}
