//! Fills the columns of schemas 5, 6 and 13 for rows of earlier versions.
//!
//! Limits: at most [`MAX_STEP`] rows in one transaction, fewer where they do not fit into the memory of
//! DuckDB. Promises: rows that are filled are not changed again, so an interrupted migration continues.

use crate::store::error::is_out_of_memory;
use duckdb::{Connection, params};

/// Maximum number of rows of one transaction. DuckDB reads this number of rows at once.
pub(in crate::store) const MAX_STEP: u64 = 2048;

/// Each statement has the first and the last row of a step as `?1` and `?2`.
const METRICS: &[&str] = &[
    "UPDATE metrics SET count = s.count, min = s.min, p50 = s.p50, p90 = s.p90, p99 = s.p99, max = s.max \
     FROM (SELECT id, count(value) AS count, min(value) AS min, quantile_disc(value, 0.5) AS p50, \
         quantile_disc(value, 0.9) AS p90, quantile_disc(value, 0.99) AS p99, max(value) AS max \
         FROM (SELECT rowid AS id, unnest(samples) AS value FROM metrics \
             WHERE rowid BETWEEN ?1 AND ?2 AND count IS NULL) \
         WHERE value IS NOT NULL GROUP BY id) AS s \
     WHERE metrics.rowid = s.id",
    "UPDATE metrics SET count = 0 WHERE rowid BETWEEN ?1 AND ?2 AND count IS NULL",
];

/// The rules of `summary`: a percentile needs enough values, and the spread is about the quartiles.
const SPREADS: &[&str] = &[
    "UPDATE metrics SET p90 = NULL WHERE rowid BETWEEN ?1 AND ?2 AND count < 10 AND p90 IS NOT NULL",
    "UPDATE metrics SET p99 = NULL WHERE rowid BETWEEN ?1 AND ?2 AND count < 100 AND p99 IS NOT NULL",
    "UPDATE metrics SET spread = s.spread \
     FROM (SELECT id, (quantile_disc(value, 0.75) - quantile_disc(value, 0.25)) \
             / nullif(abs(quantile_disc(value, 0.5)), 0) AS spread \
         FROM (SELECT rowid AS id, unnest(samples) AS value FROM metrics \
             WHERE rowid BETWEEN ?1 AND ?2 AND count >= 4 AND spread IS NULL) \
         WHERE value IS NOT NULL GROUP BY id) AS s \
     WHERE metrics.rowid = s.id AND isfinite(s.spread)",
];

/// 8,192 is the value of `detail::MAX_ROW_BYTES` and `detail::MAX_SHOWN_BYTES`.
const ATTEMPTS: &[&str] = &[
    "UPDATE attempts SET environment = s.environment, devices = s.devices \
     FROM (SELECT rowid AS id, TRY(json_extract(detail, '$.environment'))::VARCHAR AS environment, \
         TRY(json_extract(detail, '$.devices'))::VARCHAR AS devices FROM attempts \
         WHERE rowid BETWEEN ?1 AND ?2 AND detail_bytes IS NULL) AS s \
     WHERE attempts.rowid = s.id AND coalesce(strlen(s.environment), 0) <= 8192 \
         AND coalesce(strlen(s.devices), 0) <= 8192",
    "INSERT INTO detail_parts SELECT run, test, attempt, epoch, false, part, \
         substr(detail, part * 8192 + 1, 8192) \
     FROM (SELECT *, unnest(range((length(detail) + 8191) // 8192)) AS part FROM attempts \
         WHERE rowid BETWEEN ?1 AND ?2 AND detail_bytes IS NULL AND strlen(detail) > 8192)",
    "UPDATE attempts SET detail_bytes = coalesce(strlen(detail), 0), \
         file_bytes = coalesce(list_sum(regexp_extract_all( \
             detail, '\"size_bytes\" *: *([0-9]{1,15})', 1)::UBIGINT[]), 0)::UBIGINT, \
         detail = CASE WHEN strlen(detail) <= 8192 THEN detail END \
     WHERE rowid BETWEEN ?1 AND ?2 AND detail_bytes IS NULL",
];

const LATE_RESULTS: &[&str] = &[
    "INSERT INTO detail_parts SELECT run, test, attempt, epoch, true, part, \
         substr(detail, part * 8192 + 1, 8192) \
     FROM (SELECT *, unnest(range((length(detail) + 8191) // 8192)) AS part FROM late_results \
         WHERE rowid BETWEEN ?1 AND ?2 AND strlen(detail) > 8192)",
    "UPDATE late_results SET detail = NULL WHERE rowid BETWEEN ?1 AND ?2 AND strlen(detail) > 8192",
];

/// Fills all rows for schema 5.
pub(in crate::store) fn fill(connection: &Connection) -> duckdb::Result<()> {
    let tables = [("metrics", METRICS), ("attempts", ATTEMPTS), ("late_results", LATE_RESULTS)];
    fill_tables(connection, &tables)
}

/// Fills all rows for schema 6.
pub(in crate::store) fn fill_spreads(connection: &Connection) -> duckdb::Result<()> {
    fill_tables(connection, &[("metrics", SPREADS)])
}

/// The tests that confirm a change, from their labels.
const CONFIRMS: &[&str] = &["UPDATE tests SET confirms = labels ->> '$.confirms' \
    WHERE rowid BETWEEN ?1 AND ?2 AND contains(labels, '\"confirms\":')"];

/// Fills all rows for schema 13.
pub(super) fn fill_confirms(connection: &Connection) -> duckdb::Result<()> {
    fill_tables(connection, &[("tests", CONFIRMS)])
}

pub(super) fn fill_tables(
    connection: &Connection,
    tables: &[(&str, &[&str])],
) -> duckdb::Result<()> {
    for (table, statements) in tables {
        let sql = format!("SELECT coalesce(max(rowid) + 1, 0) FROM {table}");
        let rows: u64 = connection.query_row(&sql, [], |row| row.get(0))?;
        in_steps(rows, MAX_STEP, |first, last| fill_rows(connection, statements, first, last))?;
    }
    Ok(())
}

/// Calls `step` for ranges of at most `most` rows, which are halved as long as one does not fit into memory. A
/// step that fails must change nothing, because its rows are part of the next one.
pub(in crate::store) fn in_steps(
    rows: u64,
    most: u64,
    mut step: impl FnMut(u64, u64) -> duckdb::Result<()>,
) -> duckdb::Result<()> {
    let (mut first, mut size) = (0, most);
    while first < rows {
        match step(first, first + size - 1) {
            Ok(()) => {
                first += size;
                size = (size * 2).min(most);
            }
            Err(error) if size > 1 && is_out_of_memory(&error) => size /= 2,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn fill_rows(
    connection: &Connection,
    statements: &[&str],
    first: u64,
    last: u64,
) -> duckdb::Result<()> {
    // It is rolled back when it is dropped.
    let transaction = connection.unchecked_transaction()?;
    for statement in statements {
        transaction.execute(statement, params![first, last])?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::in_steps;
    use duckdb::Error;

    #[test]
    fn a_step_that_does_not_fit_is_divided_and_no_row_is_taken_twice() {
        let mut taken = Vec::new();
        let steps = in_steps(1000, 256, |first, last| {
            assert!(last - first < 256, "{first} to {last}");
            if (first..=last).contains(&300) && last - first > 20 {
                return Err(Error::InvalidColumnName("Out of Memory Error".to_owned()));
            }
            taken.extend(first..=last);
            Ok(())
        });
        steps.expect("all of them");
        let rows: Vec<u64> = taken.into_iter().filter(|row| *row < 1000).collect();
        assert_eq!(rows, (0..1000).collect::<Vec<_>>());
    }
}
