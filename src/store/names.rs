//! The files that stored rows name.

use super::Store;
use super::error::{Doing, StoreError};
use super::query::get;
use crate::domain::id::RunId;
use duckdb::{Connection, params};

/// The columns that can name a file. The text is part of the program, never input.
const COLUMNS: &[(&str, &str)] = &[
    ("attempts", "detail"),
    ("late_results", "detail"),
    ("detail_parts", "text"),
    ("template_versions", "sha256"),
];
/// Maximum number of rows that are read at a time.
const MAX_ROWS: u64 = 1_000;
/// Number of characters of a digest.
const DIGEST_CHARS: usize = 64;

impl Store {
    /// Size in bytes of the files that the results of a run name. A file counts for each result.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn size_of_files(&self, run: RunId) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(file_bytes), 0)::UBIGINT FROM attempts WHERE run = ?";
        self.pool.read(|connection| {
            connection.query_row(sql, params![run.0], |row| row.get(0)).doing("query")
        })
    }

    /// Visits every digest that a stored row names. A digest may be visited several times.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn named_digests(&self, visit: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
        for (table, column) in COLUMNS {
            let end: u64 = self.pool.read(|connection| {
                let sql = format!("SELECT coalesce(max(rowid) + 1, 0) FROM {table}");
                connection.query_row(&sql, [], |row| row.get(0)).doing("query")
            })?;
            // The parts of a detail follow each other, and a digest may be in two of them.
            let mut before = String::new();
            for first in (0..end).step_by(MAX_ROWS as usize) {
                let texts = self.pool.read(|c| texts(c, table, column, first))?;
                for text in texts {
                    before.push_str(&text);
                    digests(&before).for_each(&mut *visit);
                    let rest = before.len().saturating_sub(DIGEST_CHARS - 1);
                    before.drain(..before.ceil_char_boundary(rest));
                }
            }
        }
        Ok(())
    }
}

/// Every sequence of [`DIGEST_CHARS`] hexadecimal digits in a text, also within longer ones.
fn digests(text: &str) -> impl Iterator<Item = &str> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut digits = 0;
    text.bytes().enumerate().filter_map(move |(position, byte)| {
        digits = if is_digit(&byte) { digits + 1 } else { 0 };
        (digits >= DIGEST_CHARS).then(|| &text[position + 1 - DIGEST_CHARS..=position])
    })
}

/// The texts of at most [`MAX_ROWS`] rows from `first` on, in their order.
fn texts(
    connection: &Connection,
    table: &str,
    column: &str,
    first: u64,
) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT {column} FROM {table} WHERE rowid >= ? AND rowid < ? AND {column} IS NOT NULL \
         ORDER BY rowid"
    );
    let mut statement = connection.prepare(&sql).doing("query")?;
    let rows = statement.query_and_then(params![first, first + MAX_ROWS], |row| get(row, 0));
    rows.doing("query")?.collect()
}
