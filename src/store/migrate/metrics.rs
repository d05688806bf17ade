//! Fills the table of schema 15: the metrics of attempts, from the rows of metrics and checks.
//!
//! Limits: as in [`mod@super::fill`]. A step reads the metrics of whole runs, so that a run with many more than
//! [`MAX_READ`] attempts is read several times. Promise: an interrupted migration fills all rows again.

use super::fill::in_steps;
use crate::domain::id::{AttemptId, RunId, TestId};
use crate::store::project::attempt_metrics::{Measured, MetricRows, Metrics};
use crate::store::project::summary::Summary;
use duckdb::{Connection, Row, params};
use std::collections::HashSet;

/// Number of attempts whose metrics are in memory. There are fewer where they do not fit into the memory of DuckDB.
const MAX_READ: u64 = 512;

/// The runs of the rows from `?1` to `?2` of `attempts`.
const RUNS: &str = "SELECT min(run), max(run) FROM attempts WHERE rowid BETWEEN ?1 AND ?2";

/// The parameters are the first and the last row of `attempts`, and their first and last run, by which DuckDB skips
/// whole blocks.
const READ: &str = "WITH wanted AS MATERIALIZED (\
        SELECT rowid AS id, run, test, attempt, series_id, outcome FROM attempts \
        WHERE rowid BETWEEN ?1 AND ?2), \
    measured AS (\
        SELECT run, test, attempt, false AS is_figure, name, '' AS figure, unit, better, count, spread, min, p50, \
            p90, p99, max, threads, rowid AS place FROM metrics \
            WHERE run BETWEEN ?3::UINTEGER AND ?4::UINTEGER \
        UNION ALL SELECT run, test, attempt, true, name, figure, '', '', 0, NULL, NULL, value, \
            NULL, NULL, NULL, NULL, rowid FROM check_values WHERE run BETWEEN ?3::UINTEGER AND ?4::UINTEGER) \
    SELECT wanted.run, wanted.test, wanted.attempt, wanted.series_id, wanted.outcome, \
        measured.* EXCLUDE (run, test, attempt, place) \
    FROM measured JOIN wanted ON wanted.run = measured.run AND wanted.test = measured.test \
        AND wanted.attempt = measured.attempt \
    ORDER BY wanted.id, measured.is_figure, measured.place";

/// An attempt with its series and its outcome.
type Of = (AttemptId, Option<u64>, String);

/// Fills all rows.
pub(super) fn fill(connection: &Connection) -> duckdb::Result<()> {
    connection.execute_batch("DELETE FROM attempt_metrics")?;
    let sql = "SELECT coalesce(max(rowid) + 1, 0) FROM attempts";
    let rows: u64 = connection.query_row(sql, [], |row| row.get(0))?;
    // Those of the schema before are removed at the end: the version before reads them until then.
    let mut statement = connection.prepare("SELECT DISTINCT metric_set FROM metric_sets")?;
    let known = statement.query_map([], |row| row.get(0))?;
    let mut sets = known.collect::<duckdb::Result<HashSet<u64>>>()?;
    in_steps(rows, MAX_READ, |first, last| fill_rows(connection, &mut sets, first, last))
}

/// Adds the rows of these attempts. `sets` are the sets of metrics that have rows.
fn fill_rows(
    connection: &Connection,
    sets: &mut HashSet<u64>,
    first: u64,
    last: u64,
) -> duckdb::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    // Rows of a transaction that fails do not count.
    let mut added = sets.clone();
    let mut rows = MetricRows::default();
    let mut of_rows = transaction.appender("attempt_metrics")?;
    let mut of_sets = transaction.appender("metric_sets")?;
    for ((attempt, series, outcome), mut metrics) in attempts(&transaction, first, last)? {
        for part in metrics.parts() {
            rows.push(attempt, series, &outcome, &part);
            if rows.is_full() {
                rows.write(&mut of_rows)?;
            }
            if !added.insert(part.set) {
                continue;
            }
            for (position, measured) in part.metrics() {
                let Measured { is_figure, name, unit, better } = measured;
                of_sets.append_row(params![part.set, position, name, unit, better, is_figure])?;
            }
        }
    }
    rows.write(&mut of_rows)?;
    of_rows.flush()?;
    of_sets.flush()?;
    drop((of_rows, of_sets));
    transaction.commit()?;
    *sets = added;
    Ok(())
}

/// The metrics of these attempts, in the order of the rows.
fn attempts(
    connection: &Connection,
    first: u64,
    last: u64,
) -> duckdb::Result<Vec<(Of, Metrics<'static>)>> {
    let runs: (Option<u32>, Option<u32>) =
        connection.query_row(RUNS, params![first, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut statement = connection.prepare(READ)?;
    let mut rows = statement.query(params![first, last, runs.0, runs.1])?;
    let mut attempts: Vec<(Of, Metrics<'static>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let test = TestId { run: RunId(row.get(0)?), index: row.get(1)? };
        let of = (test.attempt(row.get(2)?), row.get(3)?, row.get(4)?);
        if attempts.last().is_none_or(|(last, _)| *last != of) {
            attempts.push((of, Metrics::default()));
        }
        if let Some((_, metrics)) = attempts.last_mut() {
            metrics.push(measured(row)?, summary(row)?, row.get(17)?);
        }
    }
    Ok(attempts)
}

fn measured(row: &Row<'_>) -> duckdb::Result<Measured<'static>> {
    let text = |column| row.get::<_, String>(column);
    if row.get(5)? {
        return Ok(Measured::figure(&text(6)?, &text(7)?));
    }
    let [name, unit, better] = [text(6)?, text(8)?, text(9)?].map(Into::into);
    Ok(Measured { is_figure: false, name, unit, better })
}

fn summary(row: &Row<'_>) -> duckdb::Result<Summary> {
    Ok(Summary {
        count: row.get(10)?,
        spread: row.get(11)?,
        min: row.get(12)?,
        p50: row.get(13)?,
        p90: row.get(14)?,
        p99: row.get(15)?,
        max: row.get(16)?,
    })
}
