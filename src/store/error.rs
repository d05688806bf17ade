//! Errors of the results database.

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
    #[error("{path} is not a results database of this version: {reason}")]
    Foreign { path: PathBuf, reason: String },
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
