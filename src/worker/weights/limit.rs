//! The settings of the cache of weights.

use crate::sys::disk::DiskSpace;
use crate::worker::weights::layout::Stored;
use crate::worker::weights::room::Space;
use std::io;
use std::path::{Path, PathBuf};

/// Settings of the cache of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    pub directory: PathBuf,
    pub limit: CacheLimit,
    /// Directory of the digests of files that were read before.
    pub digests: PathBuf,
}

/// Maximum size of all weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLimit {
    HalfOfDisk,
    Bytes(u64),
    Unlimited,
}

impl CacheLimit {
    /// The limit in bytes; None for no limit.
    #[must_use]
    pub fn of(bytes: Option<u64>) -> Self {
        bytes.map_or(Self::Unlimited, Self::Bytes)
    }

    /// Bytes for a cache in this directory; None for no limit.
    ///
    /// # Errors
    /// The disk cannot be inspected.
    pub fn bytes(self, directory: &Path) -> io::Result<Option<u64>> {
        match self {
            Self::HalfOfDisk => Ok(DiskSpace::of(directory)?.map(|disk| disk.total / 2)),
            Self::Bytes(bytes) => Ok(Some(bytes)),
            Self::Unlimited => Ok(None),
        }
    }
}

impl CacheSettings {
    /// The largest weights that fit if everything else is removed, in bytes. None if nothing limits
    /// them, or if the disk cannot be inspected. Free space is rounded down to GiB, so that the result
    /// rarely changes; the limit is not, so that weights that fit it are accepted.
    #[must_use]
    pub fn capacity(&self, stored: &[Stored]) -> Option<u64> {
        let existing = self.directory.ancestors().find(|path| path.is_dir())?;
        let inspected = self.limit.bytes(existing).and_then(|limit| Space::of(existing, limit));
        let space = inspected.inspect_err(|error| {
            tracing::warn!(path = %existing.display(), %error, "cannot inspect the disk for weights");
        });
        let space = space.ok()?;
        space.most(stored).map(|most| steady(most, space.limit))
    }
}

/// Rounds free space down to GiB, but not the limit, and nothing below 1 GiB.
fn steady(most: u64, limit: Option<u64>) -> u64 {
    let is_exact = limit == Some(most) || most < 1 << 30;
    if is_exact { most } else { most >> 30 << 30 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact_and_free_space_is_rounded() {
        let gib = 1 << 30;
        assert_eq!(steady(8 * gib + 7, Some(8 * gib + 7)), 8 * gib + 7);
        assert_eq!(steady(8 * gib + 7, Some(9 * gib)), 8 * gib);
        assert_eq!(steady(8 * gib + 7, None), 8 * gib);
        assert_eq!(steady(7, None), 7);
    }
}
