//! The matrix of a report.
//!
//! Limit: about 100,000 tests of a matrix are in memory together, beside the values of each case.

use super::cells::{CellRow, Cells, Of, TestResult, Words};
use super::details::{CASE_KEY, quoted};
use super::parts::{AT_ONCE, Part, of_tests};
use super::quarantined;
use super::selection::Selection;
use crate::domain::id::{RunId, TestId};
use crate::store::Store;
use crate::store::columns::{numbers, texts, truths};
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, LAST_ATTEMPTS, get};
use duckdb::Connection;
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{Float64Type, UInt32Type, UInt64Type};
use std::collections::HashMap;

/// A column by which the rows of a matrix are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Model,
    Family,
    Worker,
    Dtype,
    Batch,
    Runtime,
    Template,
    Kind,
}

impl Group {
    /// The expression of the names of rows, over `states` and `workers`.
    fn expression(self) -> &'static str {
        match self {
            Self::Model => "states.model",
            Self::Family => "states.family",
            Self::Worker => "workers.name",
            Self::Dtype => "states.dtype",
            Self::Batch => "states.batch::VARCHAR",
            Self::Runtime => "states.runtime",
            Self::Template => "states.template",
            Self::Kind => "states.kind",
        }
    }
}

impl Store {
    /// The cells of the matrix, in the order of rows and columns, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn matrix(
        &self,
        selection: &Selection,
        group: Group,
        metric: &str,
        limit: u32,
    ) -> Result<Vec<CellRow>, StoreError> {
        self.matrix_in_parts(selection, group, metric, limit, AT_ONCE)
    }

    /// As [`Store::matrix`], with the tests of runs that have `at_once` tests together in memory.
    pub(in crate::store) fn matrix_in_parts(
        &self,
        selection: &Selection,
        group: Group,
        metric: &str,
        limit: u32,
        at_once: u64,
    ) -> Result<Vec<CellRow>, StoreError> {
        self.pool.read(|connection| {
            let runs = selection.runs(connection)?;
            if runs.is_empty() {
                return Ok(Vec::new());
            }
            let select = format!(
                "{} SELECT states.run, states.test, {CASE_KEY}, coalesce({}, '(none)'), \
                 CASE WHEN states.backend IS NULL THEN '(none)' \
                 WHEN states.product IS NULL THEN states.backend \
                 ELSE states.backend || ' (' || states.product || ')' END, \
                 states.outcome, states.flaky, \
                 CASE WHEN states.outcome = 'passed' THEN states.median END, states.metric_set \
                 FROM ({STATES}) AS states \
                 LEFT JOIN worker_names AS workers ON workers.worker = states.worker",
                last_attempts(metric),
                group.expression()
            );
            let mut cells = Cells::default();
            for Part { runs, tests } in of_tests(connection, &runs, at_once)? {
                let mut of_part = selection.of_tests(RunId(runs.0), RunId(runs.1));
                of_part.and("states.test BETWEEN ? AND ?", [tests.0, tests.1]);
                of_part.batches(connection, &select, |batch| add(batch, &mut cells))?;
            }
            let quarantined = quarantined::of(connection, &cells.newest())?;
            let is_quarantined = |test| quarantined.contains_key(&test);
            let mut cells =
                cells.finish(&words(connection, metric)?, is_quarantined, limit as usize);
            add_messages(connection, &mut cells)?;
            Ok(cells)
        })
    }
}

/// The tests with how they ended, and their last attempts.
const STATES: &str = "SELECT tests.*, ended.outcome, coalesce(ended.flaky, false) AS flaky, \
    last.worker, last.product, last.median, last.metric_set FROM tests \
    LEFT JOIN test_outcomes AS ended ON ended.run = tests.run AND ended.test = tests.test \
    LEFT JOIN last ON last.run = tests.run AND last.test = tests.test";

/// The beginning of the query of the matrix: the last attempts of tests, with the median of the metric if they passed.
fn last_attempts(metric: &str) -> String {
    format!(
        "WITH sets AS MATERIALIZED (SELECT metric_set, position FROM metric_sets \
           WHERE name = {} AND NOT is_figure AND position > 0), \
         measured AS (SELECT own.run, own.test, own.attempt, own.metric_set, \
           own.medians[sets.position] AS median FROM attempt_metrics AS own \
           JOIN sets ON sets.metric_set = own.metric_set WHERE own.outcome = 'passed' \
           AND isfinite(own.medians[sets.position])), \
         last AS (SELECT own.run, own.test, own.worker, \
           CASE WHEN coalesce(own.devices, '[]') <> '[]' THEN own.device_product END AS product, \
           measured.median, measured.metric_set FROM ({LAST_ATTEMPTS}) AS own \
           LEFT JOIN measured ON measured.run = own.run AND measured.test = own.test \
           AND measured.attempt = own.attempt)",
        quoted(metric)
    )
}

/// Adds the tests of a batch of the query of the matrix.
fn add(batch: &RecordBatch, cells: &mut Cells) -> Result<(), StoreError> {
    let [runs, tests] = [0, 1].map(|at| numbers::<UInt32Type>(batch, at));
    let [keys, sets] = [2, 8].map(|at| numbers::<UInt64Type>(batch, at));
    let [rows, columns, outcomes] = [3, 4, 5].map(|at| texts(batch, at));
    let (flaky, medians) = (truths(batch, 6), numbers::<Float64Type>(batch, 7));
    for row in 0..batch.num_rows() {
        let result = TestResult {
            test: TestId { run: RunId(runs.value(row)), index: tests.value(row) },
            outcome: outcomes.word(row, "outcome")?,
            flaky: flaky.value(row),
            value: medians.get(row).zip(sets.get(row)),
        };
        let (key, name, column) = (keys.value(row), rows.value(row), columns.value(row));
        cells.add(Of { row: name, column, key, result });
    }
    Ok(())
}

/// Unit and direction of a metric in each set that has it.
fn words(connection: &Connection, metric: &str) -> Result<Words, StoreError> {
    let mut of_metric = Conditions::default();
    of_metric.and_texts("name = ?", [metric.to_owned()]);
    of_metric.and_plain("NOT is_figure AND position > 0");
    let select = "SELECT metric_set, unit, better FROM metric_sets";
    let words = of_metric
        .query(connection, select, "", |row| Ok((get(row, 0)?, (get(row, 1)?, get(row, 2)?))))?;
    Ok(words.into_iter().collect())
}

/// Adds the messages of the tests of the cells: those of the tests, which have one if they had no attempt, or of their
/// last attempts. They are read afterwards, because the tests are mostly of the newest runs: a join would read the
/// environments of all attempts of the period.
fn add_messages(connection: &Connection, cells: &mut [CellRow]) -> Result<(), StoreError> {
    let tests: Vec<TestId> = cells.iter().map(|cell| cell.test).collect();
    let mut of_tests = Conditions::default();
    of_tests.tests("ended", &tests);
    of_tests.and_plain("ended.message IS NOT NULL");
    let select = "SELECT ended.run, ended.test, ended.message FROM test_outcomes AS ended";
    let messages = of_tests.query(connection, select, "", |row| {
        Ok((query::test_id(row, 0, 1)?, get::<String>(row, 2)?))
    })?;
    let mut messages: HashMap<TestId, String> = messages.into_iter().collect();
    let mut tried = tried(connection, &tests)?;
    for cell in cells {
        let Tried { message, is_generated, .. } = tried.remove(&cell.test).unwrap_or_default();
        (cell.message, cell.is_generated) =
            (messages.remove(&cell.test).unwrap_or(message), is_generated);
    }
    Ok(())
}

/// The last attempt of a test.
#[derive(Default)]
struct Tried {
    attempt: u16,
    message: String,
    is_generated: bool,
}

/// The last attempts of these tests. Whether a program was generated is only read if it failed.
fn tried(connection: &Connection, tests: &[TestId]) -> Result<HashMap<TestId, Tried>, StoreError> {
    let mut of_tests = Conditions::default();
    of_tests.tests("attempts", tests);
    let select = "SELECT run, test, attempt, message, CASE WHEN outcome = 'failed' \
        THEN coalesce(json_exists(environment, '$.written_by'), false) ELSE false END FROM attempts";
    let tried = of_tests.query(connection, select, "", |row| {
        let (attempt, message, is_generated) = (get(row, 2)?, get(row, 3)?, get(row, 4)?);
        Ok((query::test_id(row, 0, 1)?, Tried { attempt, message, is_generated }))
    })?;
    let mut last: HashMap<TestId, Tried> = HashMap::new();
    for (test, tried) in tried {
        let newest = last.entry(test).or_default();
        if tried.attempt >= newest.attempt {
            *newest = tried;
        }
    }
    Ok(last)
}
