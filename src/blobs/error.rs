//! Errors of the storage of blobs.

use super::digest::BlobDigest;
use crate::domain::storage_id::StorageId;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the content has the digest {actual}, not {expected}")]
    Mismatch { expected: BlobDigest, actual: String },
    #[error("the content is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The next upload of the same content replaces the file.
    #[error("the stored file {path} is damaged: its content does not match its name")]
    Damaged { path: PathBuf },
    /// The disk, or the quota of the user on it, is full.
    #[error("cannot store {path}: the disk is full")]
    Full {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the directory of stored files {path} belongs to the data directory {found}, not to {expected}"
    )]
    OtherIdentity { path: PathBuf, expected: StorageId, found: StorageId },
    /// The file with the identity of the directory is damaged.
    #[error("{path} does not contain the identity of a data directory")]
    InvalidIdentity { path: PathBuf },
    #[error("cannot {doing} {path}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl BlobError {
    /// The error of an operation on a file, such as "write".
    #[must_use]
    pub fn of_io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if is_full(&source) {
            Self::Full { path, source }
        } else {
            Self::Io { doing, path, source }
        }
    }
}

/// The error of an operation on `path`.
pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let path = path.to_owned();
    move |source| BlobError::of_io(doing, &path, source)
}

/// Whether an error means that no more can be written: a full disk, or the quota or the maximum size
/// of files of this user.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
