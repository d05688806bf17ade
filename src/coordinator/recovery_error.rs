//! The reasons why a data directory cannot be brought back.

use crate::log::LogError;
use crate::scheduler::{FactError, RestoreError};
use crate::store;
use crate::sys::lock::LockError;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("cannot use the data directory {path}: {source}")]
    Directory { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Locked(#[from] LockError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("record {sequence} of the event log does not fit the records before it: {error}")]
    Inconsistent { sequence: u64, error: FactError },
    #[error("the state that replaces the removed records of the event log cannot be used: {0}")]
    Base(#[source] RestoreError),
    #[error(transparent)]
    Blobs(#[from] crate::blobs::BlobError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
}
