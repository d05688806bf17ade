//! What can go wrong with the results database.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no results database at {0}")]
    Missing(PathBuf),
    /// Another process has it open; for DuckDB that excludes all others, unless all only read.
    #[error("the results database {path} is in use by {holder}")]
    InUse { path: PathBuf, holder: String },
    #[error("cannot open the results database {path}")]
    Open {
        path: PathBuf,
        #[source]
        source: EngineError,
    },
    #[error("{path} is not a results database of this version: {why}")]
    Foreign { path: PathBuf, why: String },
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

/// What DuckDB says. The crate's error has a cause that only repeats a number without meaning
/// ("Error code 1: Unknown error code"); this one has none.
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

/// Names what was being done when DuckDB refused.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for duckdb::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Query { doing, source: source.into() })
    }
}

/// What is not named otherwise went wrong between two rows of an answer.
impl From<duckdb::Error> for StoreError {
    fn from(source: duckdb::Error) -> Self {
        StoreError::Query { doing: "read rows of", source: source.into() }
    }
}
