//! Queries for the runs that are older than a time, and for the identity of the database.

use super::Store;
use super::error::{Doing, StoreError};
use super::old::{OF_RUNS, Old};
use super::query::get;
use crate::domain::id::RunId;
use crate::domain::storage_id::StorageId;
use crate::domain::time::Timestamp;
use duckdb::params;

const RUNS: &str = "SELECT runs.run FROM runs \
    LEFT JOIN (SELECT run, sum(tests) AS tests, bool_or(last) AS closed FROM run_parts GROUP BY run) \
        AS parts ON parts.run = runs.run \
    LEFT JOIN (SELECT run, count(*) AS ended, max(finished_ms) AS finished_ms FROM test_outcomes \
        GROUP BY run) AS ends ON ends.run = runs.run \
    LEFT JOIN (SELECT run, max(cancelled_ms) AS cancelled_ms FROM run_cancellations GROUP BY run) \
        AS cancelled ON cancelled.run = runs.run \
    WHERE greatest(runs.submitted_ms, coalesce(ends.finished_ms, 0), \
        coalesce(cancelled.cancelled_ms, 0)) < ? \
    AND coalesce(ends.ended, 0) >= coalesce(parts.tests, 0) \
    AND (coalesce(parts.closed, false) OR cancelled.cancelled_ms IS NOT NULL) \
    ORDER BY runs.run";

impl Store {
    /// The runs that ended before a time.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn older_than(&self, before: Timestamp) -> Result<Old, StoreError> {
        self.pool.read(|connection| {
            let mut statement = connection.prepare(RUNS).doing("find old runs in")?;
            let runs = statement.query_and_then(params![before.0], |row| get(row, 0).map(RunId));
            let runs = runs.doing("find old runs in")?.collect::<Result<_, _>>()?;
            Ok(Old { runs, before })
        })
    }

    /// Number of the rows of these runs.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn count_old(&self, old: &Old) -> Result<u64, StoreError> {
        self.pool.read(|connection| {
            old.prepare(connection)?;
            let counts = OF_RUNS.map(|table| {
                format!("SELECT count(*) AS n FROM {table} WHERE run IN (SELECT run FROM old_runs)")
            });
            let sql = format!("SELECT sum(n)::UBIGINT FROM ({})", counts.join(" UNION ALL "));
            connection.query_row(&sql, [], |row| row.get(0)).doing("count old rows of")
        })
    }

    /// Identity of the data directory of the database.
    pub(super) fn identity(&self) -> Result<StorageId, StoreError> {
        let sql = "SELECT max(id) FROM identity";
        let text: Option<String> = self
            .pool
            .read(|connection| connection.query_row(sql, [], |row| row.get(0)).doing("read"))?;
        let text = text.unwrap_or_default();
        text.parse().map_err(|_| StoreError::Value { what: "its identity", value: text })
    }
}
