//! From the database to an archive.
//!
//! Each table becomes files with ranges of its rows. A range begins small and grows up to
//! [`MAX_PART_ROWS`]. When one does not fit into the working memory of DuckDB, which reads the values
//! of 2,048 rows at once, the export begins again with smaller ranges of this table.

use super::error::ArchiveError;
use super::manifest::{Manifest, Part};
use super::{Archive, UNFINISHED, digest, quoted, text};
use crate::domain::storage_id::StorageId;
use crate::domain::time::Timestamp;
use crate::store::error::{Doing, is_out_of_memory};
use crate::store::migrate::DERIVED;
use crate::store::old::Old;
use crate::store::pool::Pool;
use crate::store::query::get;
use crate::store::{Store, StoreError, writer};
use crate::sys::fs::{create_private_dir, remove_dir, sync_directory};
use duckdb::Connection;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Maximum number of rows of a file.
const MAX_PART_ROWS: u64 = 65_536;
/// Number of rows of the first file of a table.
const FIRST_PART_ROWS: u64 = 256;
/// Number of rows of a row group, as many as DuckDB reads at once.
pub(super) const GROUP_ROWS: u64 = 2048;
/// Tables whose content is in the manifest.
const DESCRIBED: [&str; 2] = ["schema_version", "identity"];

impl Store {
    /// Writes all rows to a new archive below `archives` and verifies it. All tables show the same
    /// position in the log. An archive of the same record is replaced, older archives are kept. `now`
    /// is the time by the clock of the coordinator. When `stop` becomes true, or the store is closed, the
    /// export ends early.
    ///
    /// # Errors
    /// The database cannot be read, a file cannot be written, or the export ended early. No new archive is
    /// visible then.
    pub fn export(
        &self,
        archives: &Path,
        identity: StorageId,
        now: Timestamp,
        stop: &AtomicBool,
    ) -> Result<Archive, ArchiveError> {
        self.export_without(None, archives, identity, now, stop)
    }

    /// As [`Store::export`], without the rows of old runs.
    ///
    /// # Errors
    /// As for [`Store::export`].
    pub fn export_without(
        &self,
        old: Option<&Old>,
        archives: &Path,
        identity: StorageId,
        now: Timestamp,
        stop: &AtomicBool,
    ) -> Result<Archive, ArchiveError> {
        create_private_dir(archives).map_err(ArchiveError::file("create", archives))?;
        let fresh = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(archives);
        let fresh = fresh.map_err(ArchiveError::file("create a directory in", archives))?;
        let limits = Limits { first: FIRST_PART_ROWS, most: MAX_PART_ROWS };
        let rows = Rows::Facts(old);
        let unnamed = self.write_archive(fresh.path(), limits, rows, identity, now, stop)?;
        let path = archives.join(unnamed.manifest.watermark.to_string());
        // Covers the same record, so it is the one that the caller could not use.
        if path.exists() {
            remove_dir(&path).map_err(ArchiveError::file("remove", &path))?;
        }
        // From here on, the directory is not temporary.
        fs::rename(fresh.keep(), &path).map_err(ArchiveError::file("create", &path))?;
        sync_directory(archives).map_err(ArchiveError::file("sync", archives))?;
        Ok(Archive { path, ..unnamed })
    }

    /// Writes all rows to `directory`, which must be empty: one Parquet file for each table, or several for a
    /// table whose rows do not fit into the working memory of DuckDB together, and `manifest.json`.
    /// [`Archive::at`] reads it.
    ///
    /// # Errors
    /// The database cannot be read, or a file cannot be written.
    pub fn export_to(&self, directory: &Path, now: Timestamp) -> Result<Archive, ArchiveError> {
        let identity = self.identity()?;
        let limits = Limits { first: u64::MAX, most: u64::MAX };
        self.write_archive(directory, limits, Rows::All, identity, now, &AtomicBool::new(false))
    }

    fn write_archive(
        &self,
        directory: &Path,
        limits: Limits,
        rows: Rows<'_>,
        identity: StorageId,
        now: Timestamp,
        stop: &AtomicBool,
    ) -> Result<Archive, ArchiveError> {
        let (watermark, mut parts) = self.write_rows(directory, limits, rows, stop)?;
        for part in &mut parts {
            check(stop)?;
            seal(&directory.join(&part.file), part)?;
        }
        let manifest = Manifest::new(identity, watermark, now, parts);
        manifest.store(directory)?;
        sync_directory(directory).map_err(ArchiveError::file("sync", directory))?;
        let unnamed = Archive { path: directory.to_owned(), manifest };
        unnamed.verify()?;
        Ok(unnamed)
    }

    /// Writes the files. Returns the watermark, and the files without their sizes and digests.
    fn write_rows(
        &self,
        directory: &Path,
        limits: Limits,
        rows: Rows<'_>,
        stop: &AtomicBool,
    ) -> Result<(u64, Vec<Part>), ArchiveError> {
        let mut writing = Writing {
            directory: text(directory)?,
            stop,
            pool: &self.pool,
            limits,
            smaller: BTreeMap::new(),
            rows,
        };
        loop {
            match self.pool.read(|connection| writing.write(connection)) {
                Ok(Written::All(watermark, parts)) => return Ok((watermark, parts)),
                Ok(Written::Stopped) => return Err(ArchiveError::Stopped),
                // It has ended the transaction, so all of it is written again.
                Ok(Written::TooLarge { table, rows }) => {
                    writing.smaller.insert(table, rows.min(MAX_PART_ROWS * 2) / 2);
                    clear(directory).map_err(ArchiveError::file("clear", directory))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn clear(directory: &Path) -> io::Result<()> {
    fs::read_dir(directory)?.try_for_each(|entry| fs::remove_file(entry?.path()))
}

fn check(stop: &AtomicBool) -> Result<(), ArchiveError> {
    if stop.load(Ordering::Relaxed) { Err(ArchiveError::Stopped) } else { Ok(()) }
}

/// Writes the rows of one state of the database.
struct Writing<'a> {
    directory: &'a str,
    stop: &'a AtomicBool,
    /// Closed when the database is opened again, which waits for the export.
    pool: &'a Pool,
    limits: Limits,
    /// Maximum number of rows of a file, for tables with large rows.
    smaller: BTreeMap<String, u64>,
    rows: Rows<'a>,
}

/// The rows that are written.
#[derive(Debug, Clone, Copy)]
enum Rows<'a> {
    All,
    /// Those of facts, without the tables that follow from them, and without the rows of old runs.
    Facts(Option<&'a Old>),
}

impl<'a> Rows<'a> {
    fn old(self) -> Option<&'a Old> {
        match self {
            Self::All => None,
            Self::Facts(old) => old,
        }
    }

    fn has(self, table: &str) -> bool {
        matches!(self, Self::All) || !DERIVED.contains(&table)
    }
}

/// Number of rows of the first file of a table, and the maximum. A file of all rows has no number.
#[derive(Debug, Clone, Copy)]
struct Limits {
    first: u64,
    most: u64,
}

/// The result of one attempt.
enum Written {
    All(u64, Vec<Part>),
    Stopped,
    /// This number of rows of the table does not fit into the working memory of DuckDB.
    TooLarge {
        table: String,
        rows: u64,
    },
}

impl Writing<'_> {
    /// Writes all tables.
    fn write(&self, connection: &Connection) -> Result<Written, StoreError> {
        let mut parts = Vec::new();
        if let Some(old) = self.rows.old() {
            old.prepare(connection)?;
        }
        for table in names(connection)?.into_iter().filter(|table| self.rows.has(table)) {
            if let Some(early) = self.write_table(connection, &table, &mut parts)? {
                return Ok(early);
            }
        }
        Ok(Written::All(writer::watermark(connection)?, parts))
    }

    /// Writes one table. Returns the reason for an early end.
    fn write_table(
        &self,
        connection: &Connection,
        table: &str,
        parts: &mut Vec<Part>,
    ) -> Result<Option<Written>, StoreError> {
        let sql = format!("SELECT coalesce(max(rowid) + 1, 0) FROM {table}");
        let end: u64 = connection.query_row(&sql, [], |row| row.get(0)).doing("export")?;
        let limit = self.smaller.get(table).copied().unwrap_or(self.limits.most);
        let (mut first, mut size) = (0, self.limits.first.min(limit));
        let kept = self.rows.old().map_or_else(String::new, |old| old.kept(table));
        while first < end {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Some(Written::Stopped));
            }
            if self.pool.is_closed() {
                return Err(StoreError::Closed);
            }
            let file = match size {
                u64::MAX => format!("{table}.parquet"),
                _ => format!("{table}-{first}.parquet"),
            };
            let (after, path) =
                (first.saturating_add(size), quoted(&format!("{}/{file}", self.directory)));
            let sql = format!(
                "COPY (SELECT * FROM {table} WHERE rowid >= {first} AND rowid < {after}{kept}) \
                 TO {path} \
                 (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS})"
            );
            match connection.execute(&sql, []) {
                Ok(rows) => parts.push(Part::new(table, file, rows as u64)),
                Err(error) if size > 1 && is_out_of_memory(&error) => {
                    return Ok(Some(Written::TooLarge { table: table.to_owned(), rows: size }));
                }
                Err(error) => return Err(error).doing("export"),
            }
            first = after;
            size = size.saturating_mul(2).min(limit);
        }
        Ok(None)
    }
}

/// Names of the tables with results, in alphabetical order.
pub(super) fn names(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT table_name FROM duckdb_tables() \
               WHERE NOT internal AND database_name = current_database() ORDER BY table_name";
    let mut statement = connection.prepare(sql).doing("list the tables of")?;
    let names = statement.query_and_then([], |row| get::<String>(row, 0));
    let names = names.doing("list the tables of")?.collect::<Result<Vec<_>, _>>()?;
    Ok(names.into_iter().filter(|name| !DESCRIBED.contains(&name.as_str())).collect())
}

/// Makes a file durable and adds its size and digest.
fn seal(path: &Path, part: &mut Part) -> Result<(), ArchiveError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(ArchiveError::file("sync", path))?;
    (part.bytes, part.sha256) = digest(path).map_err(ArchiveError::file("read", path))?;
    Ok(())
}
