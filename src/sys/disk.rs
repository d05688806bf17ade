//! The space on a disk.

use std::io;
use std::path::Path;

/// The space of the file system that contains a path, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Available to this user.
    pub free: u64,
    pub total: u64,
}

impl DiskSpace {
    /// The space of the file system that contains `path`. `None` where this platform does not
    /// report it.
    ///
    /// # Errors
    /// The path cannot be inspected.
    #[cfg(unix)]
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        let space = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
        Ok(Some(Self { free: bytes(space.f_bavail), total: bytes(space.f_blocks) }))
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "the other platforms can fail")]
    pub fn of(_: &Path) -> io::Result<Option<Self>> {
        Ok(None)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_a_size_and_a_missing_path_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let space = DiskSpace::of(directory.path()).expect("inspected").expect("known");
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
        assert!(DiskSpace::of(&directory.path().join("missing")).is_err());
    }
}
