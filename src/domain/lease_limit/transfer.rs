//! Size and transfer time of files between coordinator, workers and clients.

use std::time::Duration;

/// Maximum size of a file, in bytes.
pub const MAX_BLOB_BYTES: u64 = 256 * 1024 * 1024;
/// The lowest rate at which a file may be transferred, in bytes per second.
const MIN_TRANSFER_RATE: u64 = 256 * 1024;

/// The time that the transfer of this number of bytes may take.
#[must_use]
pub const fn transfer_time(bytes: u64) -> Duration {
    Duration::from_secs(bytes / MIN_TRANSFER_RATE)
}
