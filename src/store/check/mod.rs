//! Reading a database without changing it: what it proves about its event log, and whether all of its
//! rows can be read.
//!
//! Promise: the file is opened read-only, whatever the version of its schema is. All calls block.

pub(super) mod verify;

use crate::domain::storage_id::StorageId;
use crate::store::error::{Doing, StoreError};
use crate::store::migrate::{self, Schema, VERSION};
use crate::store::open;
use crate::store::writer::watermark;
use duckdb::Connection;
use std::path::{Path, PathBuf};

/// First version of the schema whose databases have an identity.
pub(super) const WITH_IDENTITY: u32 = 5;

/// A database that is open for a check.
pub struct Checked {
    connection: Connection,
    path: PathBuf,
    /// Version of the schema, at most the one of this program.
    pub version: u32,
    /// Last record of the event log that the database contains.
    pub watermark: u64,
    /// Absent in databases of versions without identities.
    pub identity: Option<StorageId>,
    /// A part of the record after the watermark is stored, too.
    pub has_part_of_record: bool,
}

/// The greatest numbers that the rows of a database contain; 0 if there are no rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    pub run: u32,
    pub worker: u32,
    pub epoch: u64,
}

impl Checked {
    /// Opens an existing database.
    ///
    /// # Errors
    /// The file is missing, in use, damaged, or of another program or a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let connection = open::connect_read_only(path)?;
        let foreign = |reason| StoreError::Foreign { path: path.to_owned(), reason };
        let version = match migrate::inspect(&connection).doing("read the version of")? {
            Schema::Version(version) => version,
            Schema::Empty => return Err(foreign("it is empty".to_owned())),
            Schema::Foreign(reason) => return Err(foreign(reason)),
        };
        open::check_length(path, &connection)?;
        let watermark = watermark(&connection)?;
        let identity = if version < WITH_IDENTITY { None } else { identity(&connection)? };
        let has_part_of_record = version >= WITH_IDENTITY && facts(&connection)? > 0;
        let path = path.to_owned();
        Ok(Self { connection, path, version, watermark, identity, has_part_of_record })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a coordinator of this version changes the schema at its start.
    #[must_use]
    pub fn is_migrated_at_start(&self) -> bool {
        self.version < VERSION
    }

    /// Reads the greatest numbers.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn numbers(&self) -> Result<Numbers, StoreError> {
        let greatest = |tables: &[(&str, &str)]| -> Result<u64, StoreError> {
            let selects = tables
                .iter()
                .map(|(table, column)| format!("SELECT max({column})::UBIGINT AS n FROM {table}"));
            let union = selects.collect::<Vec<_>>().join(" UNION ALL ");
            let sql = format!("SELECT coalesce(max(n), 0)::UBIGINT FROM ({union})");
            self.connection.query_row(&sql, [], |row| row.get(0)).doing("read numbers of")
        };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let run = [("runs", "run"), ("tests", "run"), ("attempts", "run"), ("late_results", "run")];
        let worker = [("workers", "worker"), ("attempts", "worker"), ("late_results", "worker")];
        let epoch = [("attempts", "epoch"), ("late_results", "epoch")];
        Ok(Numbers {
            run: small(greatest(&run)?),
            worker: small(greatest(&worker)?),
            epoch: greatest(&epoch)?,
        })
    }

    /// Number of rows of a table.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn count(&self, table: &str) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM \"{table}\"");
        self.connection.query_row(&sql, [], |row| row.get(0)).doing("count rows of")
    }

    /// Names of the tables.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn tables(&self) -> Result<Vec<String>, StoreError> {
        verify::tables(&self.connection)
    }

    /// Reads every value of a table, and returns the number of rows.
    ///
    /// # Errors
    /// A block of the table is damaged, or the file cannot be read.
    pub fn read_table(&self, table: &str) -> Result<u64, StoreError> {
        verify::read_table(&self.connection, table)
    }
}

fn identity(connection: &Connection) -> Result<Option<StorageId>, StoreError> {
    let sql = "SELECT max(id) FROM identity";
    let text: Option<String> =
        connection.query_row(sql, [], |row| row.get(0)).doing("read the identity of")?;
    let Some(text) = text else { return Ok(None) };
    let parsed = text.parse().map(Some);
    parsed.map_err(|_| StoreError::Value { what: "its identity", value: text })
}

/// Number of facts of the record after the watermark.
fn facts(connection: &Connection) -> Result<u32, StoreError> {
    connection
        .query_row("SELECT facts FROM watermark", [], |row| row.get(0))
        .doing("read the watermark of")
}
