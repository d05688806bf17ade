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
    /// The largest weights that fit if everything else is removed, in bytes, rounded down to GiB, so
    /// that it rarely changes. None if nothing limits them, or if the disk cannot be inspected.
    #[must_use]
    pub fn capacity(&self, stored: &[Stored]) -> Option<u64> {
        let existing = self.directory.ancestors().find(|path| path.is_dir())?;
        let inspected = self.limit.bytes(existing).and_then(|limit| Space::of(existing, limit));
        let space = inspected.inspect_err(|error| {
            tracing::warn!(path = %existing.display(), %error, "cannot inspect the disk for weights");
        });
        let most = space.ok()?.most(stored)?;
        Some(if most > 1 << 30 { most >> 30 << 30 } else { most })
    }
}
