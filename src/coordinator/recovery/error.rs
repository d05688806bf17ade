//! The reasons why a data directory cannot be opened, each with the next step.

use crate::blobs::BlobError;
use crate::log::{LogError, Sequence};
use crate::results::CatchUpError;
use crate::scheduler::{FactError, RestoreError};
use crate::store::StoreError;
use crate::store::archive::ArchiveError;
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
    Inconsistent { sequence: Sequence, error: FactError },
    /// The state that replaces removed records does not fit.
    #[error("the state in the event log, which replaces its oldest records, cannot be used: {0}")]
    Base(#[source] RestoreError),
    #[error(
        "the event log {path} is missing or empty, or its first bytes are damaged, but {other} exists"
    )]
    LogMissing { path: PathBuf, other: PathBuf },
    #[error(transparent)]
    Blobs(#[from] BlobError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive contradicts the log, or is needed and cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("internal error: a panic while {doing}: {message}")]
    Panicked { doing: String, message: String },
}

/// Next step when records of the log were lost.
const LOST: &str = "restore the newest copy of the event log; or continue without the lost records: \
                    `dtf coordinator --accept-lost-records` keeps the old results database and \
                    continues with new run numbers (docs/operate.md)";
/// Next step when there is no log, or one without a magic number.
const LOG_MISSING: &str = "restore the newest copy of the event log; if the file is there, `dtf log export` \
                           copies what is readable; or continue without the lost records: `dtf \
                           coordinator --accept-lost-records` keeps the old files and continues with \
                           new run numbers (docs/operate.md)";
/// Next step when a file is damaged or cannot be read.
const LOG_DAMAGED: &str = "repair the disk or restore the event log from a backup; `dtf coordinator \
                           --check` shows what is damaged, and `dtf log export` copies what is \
                           readable (docs/operate.md)";
const OTHER_IDENTITY: &str = "put back the part that belongs to this data directory; or continue with \
                              the event log that is there: `dtf coordinator --accept-lost-records` \
                              renames the parts that do not belong to it (docs/operate.md)";
const NEWER: &str = "use the version of dtf that wrote it, or a later one";
const FULL: &str = "free disk space and start the coordinator again; nothing acknowledged is lost";
const FILES: &str = "check the permissions of the directory and the disk, and start again";
const REPORT: &str = "please report this, with the output of `dtf coordinator --check`";

impl RecoveryError {
    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Locked(LockError::Held { .. } | LockError::Begun { .. }) => {
                "wait until that process has ended, or use another --data-dir"
            }
            Self::Directory { .. } | Self::Locked(LockError::Io { .. }) => {
                "use a --data-dir that this user may write to"
            }
            Self::Log(error) => of_log(error),
            Self::LogMissing { .. } => LOG_MISSING,
            Self::Inconsistent { .. } | Self::Base(_) => LOG_DAMAGED,
            Self::Blobs(error) => of_blobs(error),
            Self::Store(error) => of_store(error),
            Self::Archive(error) => of_archive(error),
            Self::Panicked { .. } => REPORT,
        }
    }
}

pub(crate) fn of_log(error: &LogError) -> &'static str {
    match error {
        LogError::Lost { .. } | LogError::Diverged { .. } | LogError::Missing { .. } => LOST,
        LogError::OtherIdentity { .. } => OTHER_IDENTITY,
        LogError::Full { .. } => FULL,
        LogError::Newer { .. } => NEWER,
        LogError::Storage { .. }
        | LogError::Damaged { .. }
        | LogError::DamagedBase { .. }
        | LogError::NoIdentity { .. }
        | LogError::NotALog { .. }
        | LogError::DamagedFile { .. }
        | LogError::Compacted { .. } => LOG_DAMAGED,
        LogError::Beside { .. } => {
            "check the permissions and the disk; a file that is damaged can be removed unless it is \
             the event log, and the next start writes it again"
        }
        LogError::Exists { .. } => "use another name, or remove the file",
        LogError::Moved { .. } | LogError::Fenced { .. } => {
            "another coordinator may have taken over; check which ones are running"
        }
        LogError::Poisoned => "start the coordinator again; nothing acknowledged is lost",
        LogError::NotCompactable { .. } => REPORT,
    }
}

fn of_blobs(error: &BlobError) -> &'static str {
    match error {
        BlobError::OtherIdentity { .. } => OTHER_IDENTITY,
        BlobError::InvalidIdentity { .. } => {
            "remove that file if the directory belongs to this data directory; the next start \
             writes it again"
        }
        BlobError::Full { .. } => FULL,
        _ => FILES,
    }
}

fn of_archive(error: &ArchiveError) -> &'static str {
    match error {
        ArchiveError::OtherIdentity { .. } => OTHER_IDENTITY,
        ArchiveError::Newer { .. } => NEWER,
        ArchiveError::Damaged { .. }
        | ArchiveError::Missing { .. }
        | ArchiveError::Behind { .. } => {
            "restore the directory `archive` from a backup, or a copy of the results database; without \
             both, `dtf log export` copies the newer records (docs/operate.md)"
        }
        ArchiveError::Store(error) => of_store(error),
        ArchiveError::File { .. } | ArchiveError::Rows { .. } | ArchiveError::Stopped => FILES,
    }
}

impl From<CatchUpError> for RecoveryError {
    fn from(error: CatchUpError) -> Self {
        match error {
            CatchUpError::Locked(error) => error.into(),
            CatchUpError::Log(error) => error.into(),
            CatchUpError::Store(error) => error.into(),
            CatchUpError::Archive(error) => error.into(),
        }
    }
}

fn of_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::OtherIdentity { .. } => OTHER_IDENTITY,
        StoreError::InUse { .. } => "close the database in the other process",
        _ => {
            "check the permissions and the disk; while no coordinator runs, the results database \
             can be removed, and the next start builds it again"
        }
    }
}
