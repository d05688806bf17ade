//! Appends rows to tables, with one appender per table and batch.

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
    Metrics,
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
}

const TABLES: [&str; 21] = [
    "runs",
    "run_parts",
    "run_cancellations",
    "tests",
    "test_outcomes",
    "attempts",
    "detail_parts",
    "metrics",
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
];

/// Buffers rows. They become visible with [`Tables::flush`].
pub(in crate::store) struct Tables<'a> {
    connection: &'a Connection,
    open: [Option<Appender<'a>>; TABLES.len()],
}

impl<'a> Tables<'a> {
    pub fn new(connection: &'a Connection) -> Self {
        Self { connection, open: [const { None }; TABLES.len()] }
    }

    pub fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// Appends a row with `values` in the order of the columns.
    pub fn append(&mut self, table: Table, values: &[&dyn ToSql]) -> duckdb::Result<()> {
        let open = &mut self.open[table as usize];
        let appender = match open {
            Some(appender) => appender,
            None => open.insert(self.connection.appender(TABLES[table as usize])?),
        };
        appender.append_row(values)
    }

    /// Makes the rows of one table visible.
    pub fn flush_one(&mut self, table: Table) -> duckdb::Result<()> {
        self.open[table as usize].as_mut().map_or(Ok(()), Appender::flush)
    }

    pub fn flush(&mut self) -> duckdb::Result<()> {
        self.open.iter_mut().flatten().try_for_each(Appender::flush)
    }
}
