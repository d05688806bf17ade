//! The files that stored rows name.

use super::Store;
use super::error::{Doing, StoreError};
use super::query::get;
use crate::domain::id::RunId;
use duckdb::{Connection, params};

/// The columns that can name a file. The text is part of the program, never input.
const COLUMNS: &[(&str, &str)] =
    &[("attempts", "detail"), ("late_results", "detail"), ("template_versions", "sha256")];
/// Maximum number of rows that are read at a time. Rows can have 1 MiB each, so fewer are read when
/// the memory of the database does not suffice.
const MAX_ROWS: u64 = 1_000;

impl Store {
    /// Size in bytes of the files that the results of a run name. A file counts for each result.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn size_of_files(&self, run: RunId) -> Result<u64, StoreError> {
        let sql = r#"SELECT coalesce(sum(list_sum(
            regexp_extract_all(detail, '"size_bytes" *: *([0-9]{1,15})', 1)::DOUBLE[])), 0)::DOUBLE
            FROM attempts WHERE run = ?"#;
        let sum: f64 = self.pool.read(|connection| {
            connection.query_row(sql, params![run.0], |row| row.get(0)).doing("query")
        })?;
        Ok(sum as u64)
    }

    /// Visits every digest that a stored row names. A digest may be visited several times.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn named_digests(&self, visit: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
        for (table, column) in COLUMNS {
            let last = self.pool.read(|connection| {
                let sql = format!("SELECT coalesce(max(rowid), -1) FROM {table}");
                connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).doing("query")
            })?;
            // There is no row with a negative number.
            let Ok(last) = u64::try_from(last) else { continue };
            let (mut first, mut rows) = (0, MAX_ROWS);
            while first <= last {
                let read = self.pool.read(|c| digests(c, table, column, first, first + rows));
                match read {
                    Ok(digests) => {
                        digests.iter().for_each(|digest| visit(digest));
                        first += rows;
                        rows = (rows * 2).min(MAX_ROWS);
                    }
                    Err(_) if rows > 1 => rows /= 2,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// The digests in the rows from `first` to before `end`.
fn digests(
    connection: &Connection,
    table: &str,
    column: &str,
    first: u64,
    end: u64,
) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT unnest(regexp_extract_all({column}, '[0-9a-f]{{64}}')) FROM {table} \
         WHERE rowid >= ? AND rowid < ?"
    );
    let mut statement = connection.prepare(&sql).doing("query")?;
    let rows = statement.query_and_then(params![first, end], |row| get(row, 0)).doing("query")?;
    rows.collect()
}
