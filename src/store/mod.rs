//! The results database: a projection of the event log into DuckDB, for queries that the state of
//! the scheduler cannot answer.
//!
//! Promises: facts are stored together with their position in the event log, or not at all; no fact
//! is stored twice; the same facts give the same answers. Verdicts that were given are kept, and given
//! anew where they are missing. So the file can be deleted at any time: the event log, with the archive
//! for the records that compaction removed, is the source of truth. Limits: one writer of facts,
//! `pool::MAX_READERS` concurrent queries, `open::MEMORY` of working memory, which no result within the
//! limits of the API exceeds; more of it for a command that reads a database alone. All calls block.

mod ages;
pub mod archive;
mod aside;
mod attempts;
mod check;
mod columns;
mod error;
mod listing;
mod migrate;
mod names;
mod old;
mod open;
mod pool;
mod project;
mod query;
pub mod reports;
pub mod rows;
mod snapshot;
pub mod sql;
mod templates;
#[cfg(test)]
mod tests;
mod weight;
mod writer;

pub use aside::{remove_database, set_aside};
pub use check::{Checked, Numbers};
pub use error::{Cause, StoreError};
pub use old::Old;
pub use open::GROUP_ROWS;
pub use project::summary::{MAX_SPREAD, Summary};
pub use weight::weight;
pub use writer::{MAX_TRANSACTION_BYTES, Writer};

#[cfg(test)]
pub(crate) use tests::fixture;

use crate::domain::storage_id::StorageId;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the database in a data directory.
pub const FILE_NAME: &str = "results.duckdb";

/// Answers queries. Clones share one pool of connections.
#[derive(Clone)]
pub struct Store {
    pool: Arc<pool::Pool>,
    recent: Arc<attempts::recent::Recent>,
    /// Whether verdicts can be kept in it.
    is_writable: bool,
}

/// An open database.
pub struct Opened {
    pub store: Store,
    /// The only writer of the database.
    pub writer: Writer,
    /// The path that an unusable file was moved to. If set, the database is new and empty.
    pub rebuilt: Option<PathBuf>,
}

impl Store {
    /// Opens or creates the database. A file that cannot be used (damaged, of another program, or
    /// of a later version) is moved aside and replaced by an empty database. A database without
    /// identity, from an earlier version, adopts `identity`. Compare [`Writer::watermark`] with the
    /// event log and project the missing records.
    ///
    /// # Errors
    /// The database has another identity, another process holds the file, or the file system reports
    /// an error.
    pub fn open(path: &Path, identity: StorageId) -> Result<Opened, StoreError> {
        let open::Connections { pool, writer, rebuilt } = open::open(path, identity)?;
        let (pool, recent) = (Arc::new(pool), Arc::default());
        let store = Self { pool, recent, is_writable: true };
        Ok(Opened { store, writer, rebuilt })
    }

    /// Closes all connections, also those of clones, after the queries that are running. Further
    /// queries are refused.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Opens an existing database without changing it, for reports while no coordinator runs.
    ///
    /// # Errors
    /// There is no database, it is in use, or it does not have the version of this program.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let connection = open::open_read_only(path)?;
        let pool = Arc::new(pool::Pool::new(connection, None));
        Ok(Self { pool, recent: Arc::default(), is_writable: false })
    }
}
