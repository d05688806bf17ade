//! A query with its limits, its answer and its errors.

use duckdb::Error;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Maximum size of a query, in bytes.
pub const MAX_QUERY_BYTES: usize = 256 * 1024;

/// A query, and what it may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    pub database: PathBuf,
    /// Further databases by the name under which the query sees them.
    pub others: Vec<(String, PathBuf)>,
    pub sql: String,
    pub form: Form,
    /// Maximum number of rows.
    pub rows: u64,
    /// Working memory, in bytes.
    pub memory_bytes: u64,
    /// Directory for temporary files of DuckDB. The query can read what is in it, so it has nothing else.
    pub scratch: PathBuf,
    /// File for the rows.
    pub output: PathBuf,
}

/// The form of the rows in the output file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A JSON object with `columns` and `rows`, all cells as texts, for a table.
    Table,
    Csv,
    /// A JSON list of objects.
    Json,
    Parquet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub rows: u64,
    /// Whether there are more rows than the maximum.
    pub is_cut: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    #[error("cannot open the results database {path}: {reason}")]
    Open { path: PathBuf, reason: String },
    #[error("the query is empty")]
    Empty,
    #[error("the query is too large ({size} bytes, maximum {MAX_QUERY_BYTES})")]
    TooLarge { size: usize },
    #[error("only one SELECT is allowed")]
    NotOneSelect,
    #[error(
        "PIVOT needs the values of its column here, such as: ON outcome IN ('passed', 'failed')"
    )]
    PivotWithoutValues,
    #[error("the query has parameters, which have no values here; write the values into it")]
    Parameters,
    /// The message of DuckDB about a query that it cannot run, which names the place in the query.
    #[error("{0}")]
    Mistake(String),
    /// The message of DuckDB about a query that failed while it ran.
    #[error("{0}")]
    Query(String),
    #[error("cannot write {path}")]
    Output {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl SqlError {
    pub(super) fn open(path: &Path, source: Error) -> Self {
        Self::Open { path: path.to_owned(), reason: text(&source) }
    }

    /// The place is left out: it is one in the statement of which the query is a part.
    pub(super) fn query(source: Error) -> Self {
        Self::Query(text(&source).split(PLACE).next().unwrap_or_default().to_owned())
    }

    /// Whether an error is about the text of a query, not about its rows or the machine.
    pub(super) fn is_about_text(error: &Error) -> bool {
        let kinds = ["Parser Error", "Binder Error", "Catalog Error", "Permission Error"];
        kinds.iter().any(|kind| text(error).starts_with(kind))
    }

    pub(super) fn mistake(source: Error) -> Self {
        Self::Mistake(text(&source))
    }

    /// Whether the text of the query is the cause.
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::Empty
            | Self::TooLarge { .. }
            | Self::NotOneSelect
            | Self::PivotWithoutValues
            | Self::Parameters
            | Self::Mistake(_) => true,
            Self::Open { .. } | Self::Query(_) | Self::Output { .. } => false,
        }
    }
}

/// Begin of DuckDB's advice about settings, which a query cannot change.
const ADVICE: &str = "Possible solutions:";

/// Begin of the place of an error in its statement.
const PLACE: &str = "\n\nLINE ";

/// The message of DuckDB without the code, which has no meaning, and without advice about settings.
fn text(error: &Error) -> String {
    match error {
        Error::DuckDBFailure(_, Some(message)) => {
            message.split(ADVICE).next().unwrap_or_default().trim().to_owned()
        }
        other => other.to_string(),
    }
}

impl Question {
    /// The text of the query without the semicolon at its end.
    pub(super) fn query(&self) -> Result<String, SqlError> {
        if self.sql.len() > MAX_QUERY_BYTES {
            return Err(SqlError::TooLarge { size: self.sql.len() });
        }
        let sql = self.sql.trim().trim_end_matches(';').trim_end();
        if sql.is_empty() { Err(SqlError::Empty) } else { Ok(sql.to_owned()) }
    }
}
