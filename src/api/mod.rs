//! The API: the requests and answers between coordinator, workers and clients, and their paths.
//!
//! Used by both ends and depends on neither. Unknown fields of a message are ignored, because a
//! newer peer may send more. Plan files are stricter, see `plan`.

use std::time::Duration;

pub mod error;
pub mod page;
pub mod schema;
pub mod v1;

/// Version of the JSON documents, in their field `schema`.
pub const SCHEMA: u32 = 1;
/// Maximum size of a request body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Maximum size of a blob, in bytes.
pub const MAX_BLOB_BYTES: u64 = 256 * 1024 * 1024;
/// The lowest rate at which a blob may be transferred, in bytes per second.
const MIN_TRANSFER_RATE: u64 = 256 * 1024;

/// The time that the transfer of this number of bytes may take.
#[must_use]
pub const fn transfer_time(bytes: u64) -> Duration {
    Duration::from_secs(bytes / MIN_TRANSFER_RATE)
}
