//! Reads every value of a database, which finds each damaged block.

use crate::store::error::{Doing, StoreError, is_out_of_memory};
use crate::store::migrate::fill::{MAX_STEP, in_steps};
use duckdb::{Connection, params};

/// Reads all tables.
///
/// # Errors
/// A block is damaged, or the file cannot be read.
pub(in crate::store) fn read_all(connection: &Connection) -> Result<(), StoreError> {
    for table in tables(connection)? {
        read_table(connection, &table)?;
    }
    Ok(())
}

/// Names of the tables.
///
/// # Errors
/// The file cannot be read.
pub(in crate::store) fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY table_name";
    names(connection, sql, None)
}

/// Reads a table, one column after the other, and returns the number of rows.
///
/// # Errors
/// A block of the table is damaged, or the file cannot be read.
pub(in crate::store) fn read_table(
    connection: &Connection,
    table: &str,
) -> Result<u64, StoreError> {
    let sql = format!("SELECT count(*), coalesce(max(rowid) + 1, 0) FROM \"{table}\"");
    let (count, end): (u64, u64) = connection
        .query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing("count the rows of")?;
    let sql = "SELECT column_name FROM duckdb_columns() WHERE NOT internal AND table_name = ?";
    for column in names(connection, sql, Some(table))? {
        let sql = format!(
            "SELECT bit_xor(hash(\"{column}\")) FROM \"{table}\" WHERE rowid BETWEEN ? AND ?"
        );
        let read = |first, last| {
            let value = |row: &duckdb::Row<'_>| row.get::<_, Option<u64>>(0);
            connection.query_row(&sql, params![first, last], value).map(drop)
        };
        // DuckDB reads 2,048 rows at once, which may be larger than its memory if they are lists.
        let whole = match read(0, end) {
            Err(error) if is_out_of_memory(&error) => in_steps(end, MAX_STEP, read),
            whole => whole,
        };
        whole.doing("read all rows of")?;
    }
    Ok(count)
}

fn names(
    connection: &Connection,
    sql: &str,
    table: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(sql).doing("list the tables of")?;
    let names = statement.query_map(duckdb::params_from_iter(table), |row| row.get(0));
    names.and_then(Iterator::collect).doing("list the tables of")
}
