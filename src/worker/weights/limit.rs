//! The settings of the cache of weights.

use crate::sys::disk::DiskSpace;
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
