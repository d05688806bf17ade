//! The matrix and the summary of a report, as documents of the API.

use crate::api;
use crate::api::v1::matrix::{
    MAX_CELLS, MatrixCell, MatrixView, SlowTest, SummaryView, WorkerHealth,
};
use crate::api::v1::reports::{GroupBy, ReportQuery};
use crate::api::v1::test_views::Better;
use crate::domain::outcome::Outcome;
use crate::results::reader::Reader;
use crate::results::run_report::selection;
use crate::store::StoreError;
use crate::store::reports::cells::CellRow;
use crate::store::reports::matrix as rows;
use crate::store::reports::summary::{SlowRow, WorkerRow};
use std::collections::BTreeSet;

impl Reader {
    /// The matrix of the tests that `query` selects.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn matrix(&self, query: &ReportQuery) -> Result<MatrixView, StoreError> {
        let group_by = query.group_by.unwrap_or_default();
        let metric = query.metric();
        let cells =
            self.store().matrix(&selection(query), group(group_by), metric, MAX_CELLS + 1)?;
        let truncated = cells.len() > MAX_CELLS as usize;
        let cells: Vec<MatrixCell> = cells.into_iter().take(MAX_CELLS as usize).map(cell).collect();
        let names = |of: fn(&MatrixCell) -> &String| {
            let names: BTreeSet<&String> = cells.iter().map(of).collect();
            names.into_iter().cloned().collect()
        };
        Ok(MatrixView {
            schema: api::SCHEMA,
            group_by,
            metric: metric.to_owned(),
            rows: names(|cell| &cell.row),
            columns: names(|cell| &cell.column),
            cells,
            truncated,
        })
    }

    /// The slowest tests and the workers of the tests that `query` selects.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn summary(&self, query: &ReportQuery) -> Result<SummaryView, StoreError> {
        let (store, selection) = (self.store(), selection(query));
        let slow = |row: SlowRow| {
            let SlowRow { test, name, duration, worker } = row;
            SlowTest { test, name, duration_ms: duration, worker }
        };
        let health = |row: WorkerRow| WorkerHealth {
            worker: row.worker,
            attempts: row.attempts,
            failed: row.failed,
            infrastructure: row.infrastructure,
            out_of_memory: row.out_of_memory,
            busy_ms: row.busy,
            last_finished_at: row.last_finished_at,
            noise: row.noise,
        };
        Ok(SummaryView {
            schema: api::SCHEMA,
            slowest: store.slowest(&selection)?.into_iter().map(slow).collect(),
            workers: store.worker_health(&selection)?.into_iter().map(health).collect(),
        })
    }
}

fn group(group_by: GroupBy) -> rows::Group {
    match group_by {
        GroupBy::Model => rows::Group::Model,
        GroupBy::Family => rows::Group::Family,
        GroupBy::Worker => rows::Group::Worker,
        GroupBy::Dtype => rows::Group::Dtype,
        GroupBy::Batch => rows::Group::Batch,
        GroupBy::Runtime => rows::Group::Runtime,
        GroupBy::Template => rows::Group::Template,
        GroupBy::Kind => rows::Group::Kind,
    }
}

fn cell(row: CellRow) -> MatrixCell {
    let better = match row.better.as_deref() {
        Some("lower") => Some(Better::Lower),
        Some("higher") => Some(Better::Higher),
        _ => None,
    };
    let is_script = row.outcome == Some(Outcome::Failed) && row.is_generated;
    let command = if is_script { "debug" } else { "why" };
    MatrixCell {
        row: row.row,
        column: row.column,
        tests: row.tests,
        outcomes: row.outcomes,
        pending: row.pending,
        flaky: row.flaky,
        quarantined: row.quarantined,
        outcome: row.outcome,
        value: row.value.filter(|value| value.is_finite()),
        unit: row.unit,
        better,
        change: row.change.filter(|change| change.is_finite()),
        test: row.test,
        message: row.message,
        reproduce: format!("dtf {command} {}", row.test),
    }
}
