//! Errors of the results database.

use crate::domain::storage_id::StorageId;
use std::io::ErrorKind;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no results database at {0}")]
    Missing(PathBuf),
    /// Another process has the file open. DuckDB then excludes all others, unless all only read.
    #[error("the results database {path} is in use by {holder}")]
    InUse { path: PathBuf, holder: String },
    #[error("cannot open the results database {path}")]
    Open {
        path: PathBuf,
        #[source]
        source: EngineError,
    },
    /// The database belongs to another data directory.
    #[error(
        "the results database {path} is of another data directory: its identity is {found}, and the \
         event log has {expected}"
    )]
    OtherIdentity { path: PathBuf, expected: StorageId, found: StorageId },
    #[error("{path} is not a results database of this version: {reason}")]
    Foreign { path: PathBuf, reason: String },
    /// The database has the schema of an earlier version.
    #[error("the results database {path} has version {version} of its schema, which is outdated")]
    Outdated { path: PathBuf, version: u32 },
    #[error("cannot {doing} {path}")]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot {doing} the results database")]
    Query {
        doing: &'static str,
        #[source]
        source: EngineError,
    },
    /// The coordinator closed it to open it again.
    #[error("the results database is being opened again")]
    Closed,
    #[error("the results database holds {value:?} as {what}, which this version does not know")]
    Value { what: &'static str, value: String },
}

/// An error of DuckDB. The error type of the `duckdb` crate has a cause that only repeats a number
/// without meaning ("Error code 1: Unknown error code"); this one has no cause.
#[derive(Debug)]
pub struct EngineError(duckdb::Error);

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for EngineError {}

impl From<duckdb::Error> for EngineError {
    fn from(error: duckdb::Error) -> Self {
        Self(error)
    }
}

/// Adds to an error of DuckDB the operation that failed.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for duckdb::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Query { doing, source: source.into() })
    }
}

/// An error without a named operation occurred between two rows of an answer.
impl From<duckdb::Error> for StoreError {
    fn from(source: duckdb::Error) -> Self {
        StoreError::Query { doing: "read rows of", source: source.into() }
    }
}

/// The kind of an error, which decides what helps against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The file is damaged.
    Damage,
    /// DuckDB does not use its instance any more after an earlier error. The file may be whole.
    Invalidated,
    /// The memory of DuckDB did not suffice. The same with less data may succeed.
    Memory,
    /// The disk is full.
    Full,
    /// The file system reports another error.
    Io,
    Other,
}

/// Parts of DuckDB's error messages after which the instance must be opened again.
const INVALIDATED: [&str; 3] = ["has been invalidated", "FATAL Error", "INTERNAL Error"];

/// Beginnings and parts of DuckDB's error messages, which have no other kind than their text. The
/// first match decides.
const CAUSES: &[(&str, Cause)] = &[
    ("No space left", Cause::Full),
    ("Disk quota exceeded", Cause::Full),
    (INVALIDATED[0], Cause::Invalidated),
    (INVALIDATED[1], Cause::Invalidated),
    (INVALIDATED[2], Cause::Invalidated),
    ("Out of Memory Error", Cause::Memory),
    // The error of an appender.
    ("could not allocate block", Cause::Memory),
    ("Corrupt", Cause::Damage),
    ("corrupt", Cause::Damage),
    ("Could not read enough bytes", Cause::Damage),
    ("Could not read all bytes", Cause::Damage),
    ("not a valid DuckDB database file", Cause::Damage),
    ("Serialization Error", Cause::Damage),
    ("IO Error", Cause::Io),
];

impl Cause {
    fn of(message: &str) -> Self {
        let known = CAUSES.iter().find(|(text, _)| message.contains(text));
        known.map_or(Cause::Other, |(_, cause)| *cause)
    }
}

impl StoreError {
    /// The kind of the error.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Open { source, .. } | Self::Query { source, .. } => source.cause(),
            Self::File { source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Cause::Full,
                _ => Cause::Io,
            },
            Self::Foreign { .. } => Cause::Damage,
            Self::Missing(_)
            | Self::Outdated { .. }
            | Self::InUse { .. }
            | Self::OtherIdentity { .. }
            | Self::Closed
            | Self::Value { .. } => Cause::Other,
        }
    }

    /// Whether the database must be checked and opened again.
    #[must_use]
    pub fn needs_reopening(&self) -> bool {
        matches!(self.cause(), Cause::Damage | Cause::Invalidated) || self.is_invalidated()
    }

    /// Whether DuckDB does not use its instance any more, whatever the cause is.
    #[must_use]
    pub fn is_invalidated(&self) -> bool {
        let (Self::Open { source, .. } | Self::Query { source, .. }) = self else { return false };
        let message = source.to_string();
        INVALIDATED.iter().any(|text| message.contains(text))
    }
}

impl EngineError {
    fn cause(&self) -> Cause {
        Cause::of(&self.0.to_string())
    }
}

/// Whether the memory of DuckDB did not suffice.
pub(super) fn is_out_of_memory(error: &duckdb::Error) -> bool {
    Cause::of(&error.to_string()) == Cause::Memory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appender_without_memory_has_this_cause() {
        let message = "Failed to append: could not allocate block of size 32.0 KiB";
        assert_eq!(Cause::of(message), Cause::Memory);
    }

    #[test]
    fn an_instance_that_a_full_disk_invalidated_is_opened_again() {
        let error = |text: &str| {
            let source = duckdb::Error::InvalidColumnName(text.to_owned()).into();
            StoreError::Query { doing: "read", source }
        };
        let full =
            error("FATAL Error: Failed: database has been invalidated: No space left on device");
        assert_eq!((full.cause(), full.needs_reopening()), (Cause::Full, true));
        let attached = error(
            "IO Error: Database \"results\" has been invalidated because checkpointing failed. \
             Original error: could not allocate block of size 256.0 KiB",
        );
        assert_eq!((attached.cause(), attached.needs_reopening()), (Cause::Invalidated, true));
        let usable = error("IO Error: No space left on device");
        assert_eq!((usable.cause(), usable.needs_reopening()), (Cause::Full, false));
    }
}
