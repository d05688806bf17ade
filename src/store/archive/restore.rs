//! From an archive to a database.

use super::error::ArchiveError;
use super::export::{GROUP_ROWS, names};
use super::manifest::Part;
use super::{Archive, quoted, text};
use crate::store::check::WITH_IDENTITY;
use crate::store::error::Doing;
use crate::store::{migrate, open, remove_database, writer};
use duckdb::Connection;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time between two lines about the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

impl Archive {
    /// Verifies the archive, and creates a results database at `path` from it, which replaces a file
    /// that an interrupted call left there. The caller renames it. The rows are inserted in slices,
    /// each in its own transaction, because DuckDB holds the rows of a transaction in its working
    /// memory.
    ///
    /// # Errors
    /// The archive is damaged, or the database cannot be written.
    pub fn restore(&self, path: &Path) -> Result<(), ArchiveError> {
        self.verify()?;
        remove_database(path)?;
        let connection = open::connect(path)?;
        self.fill(&connection)?;
        connection.execute_batch("CHECKPOINT").doing("write to")?;
        connection.close().map_err(|(_, error)| error).doing("close")?;
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(ArchiveError::file("sync", path))
    }

    fn fill(&self, connection: &Connection) -> Result<(), ArchiveError> {
        let manifest = &self.manifest;
        migrate::migrate_to(connection, 0, manifest.schema).doing("create")?;
        let tables = names(connection)?;
        if let Some(part) = manifest.parts.iter().find(|part| !tables.contains(&part.table)) {
            let reason = format!("its schema has no table {}", part.table);
            return Err(ArchiveError::damaged(&self.path.join(&part.file), reason));
        }
        if manifest.schema >= WITH_IDENTITY {
            let identity = manifest.identity.to_string();
            connection.execute("INSERT INTO identity VALUES (?)", [identity]).doing("write to")?;
        }
        // The schema has inserted the row of a new database.
        connection.execute_batch("DELETE FROM watermark").doing("write to")?;
        let mut progress = Progress::new(manifest.rows());
        for part in &manifest.parts {
            self.insert(connection, part, &mut progress)?;
        }
        if writer::watermark(connection)? != manifest.watermark {
            return Err(ArchiveError::damaged(&self.path, "its rows have another watermark"));
        }
        Ok(())
    }

    fn insert(
        &self,
        connection: &Connection,
        part: &Part,
        progress: &mut Progress,
    ) -> Result<(), ArchiveError> {
        let (table, rows) = (&part.table, part.rows);
        let file = self.path.join(&part.file);
        let path = quoted(&pattern(text(&file)?));
        for first in (0..rows).step_by(GROUP_ROWS as usize) {
            let after = first + GROUP_ROWS;
            let sql = format!(
                "INSERT INTO {table} BY NAME SELECT * EXCLUDE (file_row_number) \
                 FROM read_parquet({path}, file_row_number = true, hive_partitioning = false) \
                 WHERE file_row_number >= {first} AND file_row_number < {after}"
            );
            let inserted = connection.execute(&sql, []).map_err(|source| ArchiveError::Rows {
                path: file.clone(),
                source: source.into(),
            })? as u64;
            if inserted != (rows - first).min(GROUP_ROWS) {
                let reason = format!("rows are missing after row {first} of {rows}");
                return Err(ArchiveError::damaged(&file, reason));
            }
            progress.add(inserted);
        }
        Ok(())
    }
}

/// A path without wildcards: a character in brackets represents itself.
fn pattern(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[') {
            pattern.extend(['[', c, ']']);
        } else {
            pattern.push(c);
        }
    }
    pattern
}

/// Reports the progress of a long import.
struct Progress {
    done: u64,
    total: u64,
    reported: Instant,
}

impl Progress {
    fn new(total: u64) -> Self {
        Self { done: 0, total, reported: Instant::now() }
    }

    fn add(&mut self, rows: u64) {
        self.done += rows;
        if self.reported.elapsed() >= PROGRESS_INTERVAL {
            self.reported = Instant::now();
            let (done, total) = (self.done, self.total);
            tracing::info!("restoring the results database: row {done} of {total} of the archive");
        }
    }
}
