//! Appends rows to tables, with one appender per table and batch.

use crate::domain::id::AttemptId;
use crate::store::project::attempt_metrics::{MetricRows, Part};
use duckdb::{Appender, Connection, ToSql};

#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Table {
    Runs,
    RunParts,
    RunCancellations,
    Tests,
    TestOutcomes,
    Attempts,
    DetailParts,
    Checks,
    Cases,
    LateResults,
    Workers,
    WorkerChanges,
    Calibrations,
    TemplateVersions,
    Environments,
    CheckValues,
    OutOfMemory,
    Quarantines,
    Acceptances,
    MarkRemovals,
    AttemptMetrics,
    MetricSets,
}

const TABLES: [&str; 22] = [
    "runs",
    "run_parts",
    "run_cancellations",
    "tests",
    "test_outcomes",
    "attempts",
    "detail_parts",
    "checks",
    "cases",
    "late_results",
    "workers",
    "worker_changes",
    "calibrations",
    "template_versions",
    "environments",
    "check_values",
    "out_of_memory",
    "quarantines",
    "acceptances",
    "mark_removals",
    "attempt_metrics",
    "metric_sets",
];

/// Buffers rows. They become visible with [`Tables::flush`].
pub(in crate::store) struct Tables<'a> {
    connection: &'a Connection,
    open: [Option<Appender<'a>>; TABLES.len()],
    metrics: MetricRows,
}

impl<'a> Tables<'a> {
    pub fn new(connection: &'a Connection) -> Self {
        let open = [const { None }; TABLES.len()];
        Self { connection, open, metrics: MetricRows::default() }
    }

    pub fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// Appends a row with `values` in the order of the columns.
    pub fn append(&mut self, table: Table, values: &[&dyn ToSql]) -> duckdb::Result<()> {
        self.appender(table)?.append_row(values)
    }

    /// Appends a row to the table of the metrics of attempts.
    pub fn append_metrics(
        &mut self,
        attempt: AttemptId,
        series: Option<u64>,
        outcome: &str,
        part: &Part<'_, '_>,
    ) -> duckdb::Result<()> {
        self.metrics.push(attempt, series, outcome, part);
        if self.metrics.is_full() { self.write_metrics() } else { Ok(()) }
    }

    fn write_metrics(&mut self) -> duckdb::Result<()> {
        let mut rows = std::mem::take(&mut self.metrics);
        rows.write(self.appender(Table::AttemptMetrics)?)
    }

    fn appender(&mut self, table: Table) -> duckdb::Result<&mut Appender<'a>> {
        let open = &mut self.open[table as usize];
        match open {
            Some(appender) => Ok(appender),
            None => Ok(open.insert(self.connection.appender(TABLES[table as usize])?)),
        }
    }

    /// Makes the rows of one table visible.
    pub fn flush_one(&mut self, table: Table) -> duckdb::Result<()> {
        self.open[table as usize].as_mut().map_or(Ok(()), Appender::flush)
    }

    pub fn flush(&mut self) -> duckdb::Result<()> {
        if !self.metrics.is_empty() {
            self.write_metrics()?;
        }
        self.open.iter_mut().flatten().try_for_each(Appender::flush)
    }
}
