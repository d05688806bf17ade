//! Errors of opening and completing a results database.

use crate::log::LogError;
use crate::store::StoreError;
use crate::store::archive::ArchiveError;
use crate::sys::lock::LockError;

/// Why a results database cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    #[error(transparent)]
    Locked(#[from] LockError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database must be restored from the archive, which cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl CatchUpError {
    /// Whether another process has the database open.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Store(StoreError::InUse { .. }))
    }

    /// Whether the database proves that the log has lost records.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Log(LogError::Lost { .. } | LogError::Diverged { .. }))
    }
}
