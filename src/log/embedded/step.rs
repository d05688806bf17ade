//! Errors of redb, with the step during which they occurred.
//!
//! redb reports damage by an error, or by a panic if the damage is in a page that it trusts. Both
//! become [`LogError::DamagedFile`].

use crate::log::error::LogError;
use crate::log::position::Sequence;
use crate::sys::panics;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;

/// An operation of the log on its file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Create,
    Open,
    /// Reading of the records after this one.
    ReadAfter(Sequence),
    ReadBase,
    BeginTerm,
    /// Writing of this record.
    Write(Sequence),
    Compact,
}

impl Step {
    /// Continues "cannot … the event log".
    fn doing(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::ReadAfter(_) | Self::ReadBase => "read",
            Self::BeginTerm | Self::Write(_) => "write to",
            Self::Compact => "compact",
        }
    }

    /// Continues "the damage was found".
    fn position(self) -> String {
        match self {
            Self::Create => "while it was created".to_owned(),
            Self::Open => "while it was opened".to_owned(),
            Self::ReadAfter(0) => "before the first record".to_owned(),
            Self::ReadAfter(sequence) => format!("after record {sequence}"),
            Self::ReadBase => "in the state that replaces the removed records".to_owned(),
            Self::BeginTerm => "while a term was begun".to_owned(),
            Self::Write(sequence) => format!("while record {sequence} was written"),
            Self::Compact => "while it was compacted".to_owned(),
        }
    }

    pub fn damaged(self, path: &Path, reason: String) -> LogError {
        LogError::DamagedFile { path: path.to_owned(), position: self.position(), reason }
    }

    /// The error of redb as an error of the log.
    pub fn error(self, path: &Path, source: impl Into<redb::Error>) -> LogError {
        match source.into() {
            redb::Error::Corrupted(reason) => self.damaged(path, reason),
            redb::Error::Io(source) => self.io_error(path, source),
            source => self.storage(path, source),
        }
    }

    pub fn io_error(self, path: &Path, source: io::Error) -> LogError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                LogError::Full { path: path.to_owned() }
            }
            // A page or the whole file is shorter than the header states.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                self.damaged(path, source.to_string())
            }
            _ => self.storage(path, source),
        }
    }

    fn storage<E>(self, path: &Path, source: E) -> LogError
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let path = path.to_owned();
        LogError::Storage { doing: self.doing(), path, source: Box::new(source) }
    }

    /// Runs work over redb. A panic becomes an error.
    pub fn run<T>(
        self,
        path: &Path,
        work: impl FnOnce() -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        panics::catch(AssertUnwindSafe(work))
            .unwrap_or_else(|reason| Err(self.damaged(path, reason)))
    }

    /// As [`Self::run`], for work whose errors are those of redb.
    pub fn run_redb<T>(
        self,
        path: &Path,
        work: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, LogError> {
        self.run(path, || work().map_err(|source| self.error(path, source)))
    }
}
