//! The matrix of a report, the slowest tests, and the workers that ran its tests.
//!
//! Limit: about 100,000 tests of a matrix are in memory together, beside the values of each case.

use super::cells::{CellRow, Cells, Of, TestResult, Words};
use super::details::{CASE_KEY, quoted};
use super::parts::{AT_ONCE, Part, divided};
use super::quarantined;
use super::selection::Selection;
use crate::domain::id::{RunId, TestId};
use crate::domain::time::{Millis, Timestamp};
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowRow {
    pub test: TestId,
    pub name: String,
    pub duration: Millis,
    pub worker: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WorkerRow {
    pub worker: String,
    pub attempts: u64,
    pub failed: u64,
    pub infrastructure: u64,
    pub out_of_memory: u64,
    pub busy: Millis,
    pub last_finished_at: Timestamp,
    pub noise: Option<f64>,
}

/// Maximum number of slow tests, and of workers.
const MAX_SLOW: u32 = 10;
const MAX_WORKERS: u32 = 1_000;

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
            for Part { runs, tests } in parts(connection, &runs, at_once)? {
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

    /// The slowest tests by their slowest results, the slowest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn slowest(&self, selection: &Selection) -> Result<Vec<SlowRow>, StoreError> {
        self.pool.read(|connection| {
            let runs = selection.runs(connection)?;
            let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
                return Ok(Vec::new());
            };
            let select = "SELECT states.run, states.test, states.name, states.duration_ms, \
                coalesce(workers.name, '') FROM test_states AS states \
                LEFT JOIN worker_names AS workers ON workers.worker = states.worker";
            let rest = format!(
                " AND states.duration_ms IS NOT NULL QUALIFY row_number() OVER (PARTITION BY \
                 {CASE_KEY} ORDER BY states.duration_ms DESC, states.run DESC, states.test) = 1 \
                 ORDER BY states.duration_ms DESC, states.run, \
                 states.test LIMIT {MAX_SLOW}"
            );
            selection.of_tests(*first, *last).query(connection, select, &rest, |row| {
                Ok(SlowRow {
                    test: query::test_id(row, 0, 1)?,
                    name: get(row, 2)?,
                    duration: Millis(get(row, 3)?),
                    worker: get(row, 4)?,
                })
            })
        })
    }

    /// The workers that ran attempts of the tests, in the order of their names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn worker_health(&self, selection: &Selection) -> Result<Vec<WorkerRow>, StoreError> {
        self.pool.read(|connection| {
            let runs = selection.runs(connection)?;
            let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
                return Ok(Vec::new());
            };
            let select = "WITH noise AS (SELECT worker, \
                arg_max(greatest(operations_spread, memory_spread), seq) AS noise \
                FROM calibrations GROUP BY worker) \
                SELECT coalesce(workers.name, 'w' || attempts.worker), count(*), \
                count(*) FILTER (attempts.outcome IN ('failed', 'reduced_precision', 'timed_out') \
                OR (attempts.outcome = 'error' AND attempts.class IS DISTINCT FROM 'set_up')), \
                count(*) FILTER (attempts.outcome = 'worker_lost' \
                OR (attempts.outcome = 'error' AND attempts.class = 'set_up')), \
                count(*) FILTER (attempts.class = 'out_of_memory'), \
                sum(attempts.duration_ms)::UBIGINT, max(attempts.finished_ms), \
                any_value(noise.noise) \
                FROM test_states AS states \
                JOIN attempts ON attempts.run = states.run AND attempts.test = states.test \
                LEFT JOIN worker_names AS workers ON workers.worker = attempts.worker \
                LEFT JOIN noise ON noise.worker = attempts.worker";
            let rest =
                format!(" GROUP BY attempts.worker, workers.name ORDER BY 1 LIMIT {MAX_WORKERS}");
            selection.of_tests(*first, *last).query(connection, select, &rest, |row| {
                Ok(WorkerRow {
                    worker: get(row, 0)?,
                    attempts: get(row, 1)?,
                    failed: get(row, 2)?,
                    infrastructure: get(row, 3)?,
                    out_of_memory: get(row, 4)?,
                    busy: Millis(get(row, 5)?),
                    last_finished_at: Timestamp(get(row, 6)?),
                    noise: get(row, 7)?,
                })
            })
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

/// Divides the tests of these runs.
fn parts(connection: &Connection, runs: &[RunId], at_once: u64) -> Result<Vec<Part>, StoreError> {
    let mut sizes: HashMap<RunId, u64> = HashMap::new();
    let mut of_runs = Conditions::default();
    if let (Some(first), Some(last)) = (runs.first(), runs.last()) {
        of_runs.and("run BETWEEN ? AND ?", [first.0, last.0]);
    }
    let select = "SELECT run, tests::UBIGINT FROM run_parts";
    for (run, tests) in of_runs
        .query(connection, select, "", |row| Ok((RunId(get(row, 0)?), get::<u64>(row, 1)?)))?
    {
        *sizes.entry(run).or_default() += tests;
    }
    let size = |run: &RunId| {
        let tests = sizes.get(run).copied().unwrap_or_default();
        (run.0, tests, u32::try_from(tests).unwrap_or(u32::MAX))
    };
    Ok(divided(&runs.iter().map(size).collect::<Vec<_>>(), at_once))
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
    of_metric.and("name = ?", [metric.to_owned()]);
    of_metric.and_plain("NOT is_figure AND position > 0");
    let select = "SELECT metric_set, unit, better FROM metric_sets";
    let words = of_metric
        .query(connection, select, "", |row| Ok((get(row, 0)?, (get(row, 1)?, get(row, 2)?))))?;
    Ok(words.into_iter().collect())
}

/// Adds the messages of the tests of the cells. They are read afterwards, because the tests are mostly of the newest
/// runs: a join would read the environments of all attempts of the period.
fn add_messages(connection: &Connection, cells: &mut [CellRow]) -> Result<(), StoreError> {
    let tests: Vec<TestId> = cells.iter().map(|cell| cell.test).collect();
    let mut of_tests = Conditions::default();
    of_tests.tests("states", &tests);
    let select = "SELECT states.run, states.test, states.message, \
        coalesce(json_exists(attempts.environment, '$.written_by'), false) \
        FROM test_states AS states LEFT JOIN attempts ON attempts.run = states.run \
        AND attempts.test = states.test AND attempts.attempt = states.attempt";
    let messages = of_tests.query(connection, select, "", |row| {
        Ok((query::test_id(row, 0, 1)?, (get::<String>(row, 2)?, get::<bool>(row, 3)?)))
    })?;
    let mut messages: HashMap<TestId, (String, bool)> = messages.into_iter().collect();
    for cell in cells {
        (cell.message, cell.is_generated) = messages.remove(&cell.test).unwrap_or_default();
    }
    Ok(())
}
