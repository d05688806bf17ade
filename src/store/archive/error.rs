//! Errors of archives.

use crate::domain::storage_id::StorageId;
use crate::store::StoreError;
use crate::store::error::EngineError;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("cannot {doing} {path}")]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path}, a part of the archive, is damaged: {reason}")]
    Damaged { path: PathBuf, reason: String },
    #[error("{path} belongs to the archive of another version of dtf: {reason}")]
    Newer { path: PathBuf, reason: String },
    /// It is the archive of another data directory.
    #[error("the archive {path} has the identity {found}, and the event log has {expected}")]
    OtherIdentity { path: PathBuf, expected: StorageId, found: StorageId },
    /// The records up to `base` are neither in the log nor in an archive.
    #[error("the event log begins after record {base}, and there is no archive in {path}")]
    Missing { path: PathBuf, base: u64 },
    /// The records between the archive and the log are missing.
    #[error(
        "the archive {path} ends with record {watermark}, and the event log begins after record {base}"
    )]
    Behind { path: PathBuf, watermark: u64, base: u64 },
    /// The file has its digest, so DuckDB is out of memory or disk space.
    #[error("cannot restore the rows of {path}")]
    Rows {
        path: PathBuf,
        #[source]
        source: EngineError,
    },
    #[error("the export of the results database was stopped")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ArchiveError {
    pub(in crate::store) fn file(
        doing: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }
}
