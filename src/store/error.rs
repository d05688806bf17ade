//! What can go wrong with the results database.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no results database at {0}")]
    Missing(PathBuf),
    #[error("the results database {path} is in use by another process")]
    InUse {
        path: PathBuf,
        #[source]
        source: duckdb::Error,
    },
    #[error("cannot open the results database {path}")]
    Open {
        path: PathBuf,
        #[source]
        source: duckdb::Error,
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
        source: duckdb::Error,
    },
    #[error("the results database holds {value:?} as {what}, which this version does not know")]
    Value { what: &'static str, value: String },
}

/// Names what was being done when DuckDB refused.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for duckdb::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Query { doing, source })
    }
}

/// What is not named otherwise went wrong between two rows of an answer.
impl From<duckdb::Error> for StoreError {
    fn from(source: duckdb::Error) -> Self {
        StoreError::Query { doing: "read rows of", source }
    }
}
