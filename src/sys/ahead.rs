//! Lets the system read a part of a file before it is needed, in few large reads. The system itself reads
//! ahead only 128 KiB, which leaves fast disks idle most of the time.

use std::fs::File;

/// Begins to read `length` bytes from `offset`, as far as the file has them, and does not wait. Without
/// effect on systems other than Linux.
pub fn read_ahead(file: &File, offset: u64, length: u64) {
    #[cfg(target_os = "linux")]
    if let Some(length) = std::num::NonZeroU64::new(length) {
        // It is only advice.
        let _ = rustix::fs::fadvise(file, offset, Some(length), rustix::fs::Advice::WillNeed);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset, length);
}
