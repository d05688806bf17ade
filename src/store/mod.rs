//! The results database: a projection of the event log into DuckDB, for questions that the
//! scheduler's state does not answer.
//!
//! Promises: a batch is stored whole together with its watermark, or not at all; what was
//! stored before is never stored twice; the same events give the same answers, so that the
//! file can be deleted at any time. Never the truth: the event log is. Limits: one writer,
//! `pool::READERS` questions at a time, `MEMORY` of working memory. All calls block.

mod detail;
mod error;
mod history;
mod migrate;
mod open;
mod past;
mod pool;
mod project;
mod query;
mod report;
pub mod rows;
mod tables;
mod templates;
#[cfg(test)]
mod tests;
mod writer;

pub use error::StoreError;
pub use open::set_aside;
pub use writer::Writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the database in a data directory.
pub const FILE_NAME: &str = "results.duckdb";
/// Working memory of the database; larger questions use files beside it.
const MEMORY: &str = "256MB";

/// Answers questions. Clones share one pool of connections.
#[derive(Clone)]
pub struct Store {
    pool: Arc<pool::Pool>,
}

/// An open database.
pub struct Opened {
    pub store: Store,
    /// The only one.
    pub writer: Writer,
    /// Where an unusable file was moved; the database is new and empty then.
    pub rebuilt: Option<PathBuf>,
}

impl Store {
    /// Opens or creates the database. What cannot be used (damaged, of another program, of a
    /// later version) is moved aside and replaced by an empty one: compare
    /// [`Writer::watermark`] with the log and project what is missing.
    ///
    /// # Errors
    /// Another process holds the file, or the disk refuses.
    pub fn open(path: &Path) -> Result<Opened, StoreError> {
        let (connection, rebuilt) = open::open(path)?;
        let store = Self { pool: Arc::new(pool::Pool::new(&connection)?) };
        Ok(Opened { store, writer: Writer::new(connection)?, rebuilt })
    }

    /// Opens an existing database without changing it, for reports when no coordinator runs.
    ///
    /// # Errors
    /// There is none, it is in use, or it is not of this version.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let connection = open::open_read_only(path)?;
        Ok(Self { pool: Arc::new(pool::Pool::new(&connection)?) })
    }
}
