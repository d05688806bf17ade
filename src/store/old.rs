//! The rows that `dtf results gc` removes: those of runs that ended before a time.
//!
//! Promises: a run is removed as a whole, and only if all of its tests have ended; rows about workers,
//! templates, quarantines and acceptances are kept, except for old calibrations.

use super::Store;
use super::error::{Doing, StoreError};
use super::query::get;
use crate::domain::id::RunId;
use crate::domain::storage_id::StorageId;
use crate::domain::time::Timestamp;
use duckdb::{Connection, params};

/// The runs whose rows are left out, and the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    pub runs: Vec<RunId>,
    before: Timestamp,
}

/// Tables with one row for each run, test or attempt.
const OF_RUNS: [&str; 13] = [
    "runs",
    "run_parts",
    "run_cancellations",
    "tests",
    "test_outcomes",
    "attempts",
    "detail_parts",
    "metrics",
    "checks",
    "check_values",
    "cases",
    "out_of_memory",
    "late_results",
];

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

    /// Identity of the data directory of the database. Zero if it has adopted none.
    pub(super) fn identity(&self) -> Result<StorageId, StoreError> {
        let sql = "SELECT max(id) FROM identity";
        let text: Option<String> = self
            .pool
            .read(|connection| connection.query_row(sql, [], |row| row.get(0)).doing("read"))?;
        let known = text.as_deref().and_then(|text| text.parse().ok());
        Ok(known.unwrap_or(StorageId::from_bytes([0; 16])))
    }
}

impl Old {
    /// Creates the temporary table of the conditions, in the transaction of the export.
    pub(super) fn prepare(&self, connection: &Connection) -> Result<(), StoreError> {
        let runs: Vec<String> = self.runs.iter().map(|run| run.0.to_string()).collect();
        let sql = format!(
            "CREATE OR REPLACE TEMP TABLE old_runs AS SELECT unnest([{}]::UINTEGER[]) AS run",
            runs.join(",")
        );
        connection.execute_batch(&sql).doing("list old runs of")
    }

    /// A further condition for the rows of a table that are kept.
    pub(super) fn kept(&self, table: &str) -> String {
        const YOUNG: &str = "run NOT IN (SELECT run FROM old_runs)";
        match table {
            "calibrations" => format!(" AND calibrated_ms >= {}", self.before.0),
            "environments" => format!(
                " AND environment_id IN (SELECT environment_id FROM attempts WHERE {YOUNG})"
            ),
            "quarantined" => format!(" AND {YOUNG}"),
            table if OF_RUNS.contains(&table) => format!(" AND {YOUNG}"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::migrate;

    /// A table that is added later must be considered here.
    #[test]
    fn all_tables_with_runs_are_known() {
        let connection = Connection::open_in_memory().expect("a database");
        migrate(&connection, 0).expect("migrated");
        let sql = "SELECT DISTINCT table_name FROM duckdb_columns() JOIN duckdb_tables() \
            USING (table_name) WHERE column_name = 'run' AND NOT duckdb_tables.internal ORDER BY 1";
        let mut statement = connection.prepare(sql).expect("prepared");
        let names = statement.query_map([], |row| row.get(0)).expect("read");
        let mut with_runs: Vec<String> = names.map(|name| name.expect("a name")).collect();
        with_runs.retain(|name| name != "acceptances" && name != "quarantined");
        let mut known: Vec<String> = OF_RUNS.map(str::to_owned).to_vec();
        known.sort();
        assert_eq!(with_runs, known);
    }
}
