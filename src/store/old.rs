//! The rows that `dtf results gc` removes: those of runs that ended before a time.
//!
//! Promises: a run is removed as a whole, and only if all of its tests have ended; rows about workers,
//! templates, quarantines and acceptances are kept, except for old calibrations.

use super::error::{Doing, StoreError};
use crate::domain::id::RunId;
use crate::domain::time::Timestamp;
use duckdb::Connection;

/// The runs whose rows are left out, and the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    pub runs: Vec<RunId>,
    pub(super) before: Timestamp,
}

/// Tables with one row for each run, test or attempt.
pub(super) const OF_RUNS: [&str; 13] = [
    "runs",
    "run_parts",
    "run_cancellations",
    "tests",
    "test_outcomes",
    "attempts",
    "attempt_metrics",
    "detail_parts",
    "checks",
    "check_values",
    "cases",
    "out_of_memory",
    "late_results",
];

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
            "metric_sets" => {
                format!(" AND metric_set IN (SELECT metric_set FROM attempt_metrics WHERE {YOUNG})")
            }
            "quarantined" => format!(" AND {YOUNG}"),
            table if OF_RUNS.contains(&table) => format!(" AND {YOUNG}"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::{DERIVED, migrate};

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
        with_runs.retain(|name| !DERIVED.contains(&name.as_str()));
        let mut known: Vec<String> = OF_RUNS.map(str::to_owned).to_vec();
        known.sort();
        assert_eq!(with_runs, known);
    }
}
