//! A copy of the database as a file, for readers elsewhere, while the database is open.
//!
//! Promise: all tables of the copy show the same position in the event log. The rows pass through Parquet
//! files, because DuckDB holds the rows of a transaction in its working memory, which queries need.

use super::archive::ArchiveError;
use super::error::{Doing, StoreError};
use super::{FILE_NAME, Store};
use crate::domain::time::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the directory for the rows, while the copy is written.
const ROWS: &str = "rows";

impl Store {
    /// Writes a copy to `directory`, which must be empty, and returns its path.
    ///
    /// # Errors
    /// The database cannot be read, or the copy cannot be written.
    pub fn snapshot(&self, directory: &Path, now: Timestamp) -> Result<PathBuf, ArchiveError> {
        let (rows, copy) = (directory.join(ROWS), directory.join(FILE_NAME));
        fs::create_dir(&rows).map_err(ArchiveError::file("create", &rows))?;
        self.export_to(&rows, now)?.restore(&copy)?;
        fs::remove_dir_all(&rows).map_err(ArchiveError::file("remove", &rows))?;
        Ok(copy)
    }

    /// Size of the used part of the file, in bytes.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        let sql = "SELECT used_blocks * block_size FROM pragma_database_size() \
            WHERE database_name = current_database()";
        self.pool.read(|connection| {
            connection.query_row(sql, [], |row| row.get(0)).doing("read the size of")
        })
    }
}
