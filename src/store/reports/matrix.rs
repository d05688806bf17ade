//! The matrix of a report, the slowest tests, and the workers that ran its tests.

use super::details::{CASE_KEY, quoted};
use super::selection::Selection;
use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use crate::domain::time::{Millis, Timestamp};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, LAST_ATTEMPTS, PLACES, get};
use duckdb::{Connection, Row};
use std::collections::{BTreeMap, HashMap};

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

/// A cell: the newest result of each case of a group on a kind of hardware.
#[derive(Debug, Clone, PartialEq)]
pub struct CellRow {
    pub row: String,
    pub column: String,
    pub tests: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    pub pending: u64,
    pub flaky: u64,
    /// Cases in quarantine. `outcomes` counts them, too.
    pub quarantined: BTreeMap<Outcome, u64>,
    pub outcome: Option<Outcome>,
    /// Geometric mean of the medians of the metric.
    pub value: Option<f64>,
    pub unit: String,
    /// `lower` or `higher`.
    pub better: Option<String>,
    /// Geometric mean of the ratios of the newest value to the median of the earlier ones.
    pub change: Option<f64>,
    /// The test with the worst outcome.
    pub test: TestId,
    pub message: String,
    /// Whether a script that dtf generated ran that test.
    pub is_generated: bool,
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

/// The outcomes, the worst first. `passed` is the last one, after tests that have not ended.
const WORST_FIRST: [Outcome; 8] = [
    Outcome::Failed,
    Outcome::ReducedPrecision,
    Outcome::Error,
    Outcome::TimedOut,
    Outcome::WorkerLost,
    Outcome::Expired,
    Outcome::Cancelled,
    Outcome::Skipped,
];

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
        self.pool.read(|connection| {
            let runs = selection.runs(connection)?;
            let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
                return Ok(Vec::new());
            };
            let select = format!(
                "{} SELECT states.outcome, states.flaky, {CASE_KEY} AS key, \
                 coalesce({}, '(none)') AS row_name, \
                 CASE WHEN states.backend IS NULL THEN '(none)' \
                 WHEN states.product IS NULL THEN states.backend \
                 ELSE states.backend || ' (' || states.product || ')' END AS column_name, \
                 {} AS place, \
                 CASE WHEN states.outcome = 'passed' THEN states.median END AS median, \
                 states.metric_set \
                 FROM ({STATES}) AS states \
                 LEFT JOIN worker_names AS workers ON workers.worker = states.worker",
                last_attempts(metric),
                group.expression(),
                place()
            );
            let rest = cells(limit);
            let tests = selection.of_tests(*first, *last);
            let mut cells = tests.query(connection, &select, &rest, cell_row)?;
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

/// Added to the places of tests with a verdict, which follow other ends.
const VERDICT: u64 = 1 << 63;

/// The place of a test among the results of its case, the newest one last.
fn place() -> String {
    format!(
        "CASE WHEN states.outcome IS NOT NULL \
         AND states.outcome NOT IN ('cancelled', 'skipped', 'expired') \
         THEN {VERDICT}::UBIGINT ELSE 0::UBIGINT END \
         + states.run::UBIGINT * {PLACES}::UBIGINT + states.test::UBIGINT"
    )
}

/// The beginning of the query of the matrix: the last attempts of tests, with the median of the metric if they passed.
fn last_attempts(metric: &str) -> String {
    format!(
        "WITH sets AS MATERIALIZED (SELECT metric_set, position, unit, better FROM metric_sets \
           WHERE name = {} AND NOT is_figure AND position > 0), \
         measured AS (SELECT own.run, own.test, own.attempt, own.metric_set, \
           own.medians[sets.position] AS median FROM attempt_metrics AS own \
           JOIN sets ON sets.metric_set = own.metric_set WHERE own.outcome = 'passed' \
           AND isfinite(own.medians[sets.position]) AND own.medians[sets.position] > 0), \
         last AS (SELECT own.run, own.test, own.worker, \
           CASE WHEN coalesce(own.devices, '[]') <> '[]' THEN own.device_product END AS product, \
           measured.median, measured.metric_set FROM ({LAST_ATTEMPTS}) AS own \
           LEFT JOIN measured ON measured.run = own.run AND measured.test = own.test \
           AND measured.attempt = own.attempt), \
         placed AS (",
        quoted(metric)
    )
}

/// The part of the query of the matrix after the conditions: the newest result of each case, preferring
/// verdicts; then one row for each cell. A change compares it with the median of the others, which is that of all
/// without one of its value.
fn cells(limit: u32) -> String {
    let count = |outcome: &Outcome, more: &str| {
        format!("count(*) FILTER (outcome = '{}'{more})", outcome.name())
    };
    let mut counts: Vec<String> = Outcome::ALL.iter().map(|outcome| count(outcome, "")).collect();
    counts.extend(Outcome::ALL.iter().map(|outcome| count(outcome, " AND is_quarantined")));
    let place = |(position, outcome): (usize, &Outcome)| {
        format!("WHEN '{}' THEN {}", outcome.name(), WORST_FIRST.len() + 1 - position)
    };
    let places: Vec<String> = WORST_FIRST.iter().enumerate().map(place).collect();
    format!(
        "), grouped AS (SELECT row_name, column_name, key, max(place) AS newest, \
           arg_max_null(outcome, place) AS outcome, arg_max_null(flaky, place) AS flaky, \
           arg_max_null(median, place) AS value, arg_max_null(metric_set, place) AS metric_set, \
           list(median) FILTER (median IS NOT NULL) AS medians \
           FROM placed GROUP BY row_name, column_name, key), \
         newest AS (SELECT row_name, column_name, \
           (newest % {VERDICT} // {PLACES})::UINTEGER AS run, \
           (newest % {PLACES})::UINTEGER AS test, outcome, flaky, value, sets.unit, sets.better, \
           list_aggregate(CASE WHEN value IS NULL THEN medians ELSE list_concat( \
           medians[:list_position(medians, value) - 1], \
           medians[list_position(medians, value) + 1:]) END, 'median') AS earlier \
           FROM grouped LEFT JOIN sets ON sets.metric_set = grouped.metric_set \
           AND grouped.value IS NOT NULL), \
         ranked AS (SELECT newest.*, \
           (newest.run, newest.test) IN (SELECT run, test FROM quarantined) AS is_quarantined, \
           row_number() OVER (PARTITION BY row_name, column_name ORDER BY \
           CASE outcome {} WHEN 'passed' THEN 0 ELSE 1 END DESC, run DESC, test DESC) AS place \
           FROM newest), \
         cells AS (SELECT row_name, column_name, count(*) AS tests, \
           count(*) FILTER (outcome IS NULL) AS pending, \
           count(*) FILTER (outcome = 'passed' AND flaky) AS flaky, \
           CASE count(value) WHEN 1 THEN max(value) ELSE {} END AS value, max(unit) AS unit, \
           max(better) AS better, \
           {} AS change, max(run) FILTER (place = 1) AS run, \
           max(test) FILTER (place = 1) AS test, {} \
           FROM ranked GROUP BY row_name, column_name) \
         SELECT cells.run, cells.test, cells.* EXCLUDE (run, test) FROM cells \
         ORDER BY row_name, column_name LIMIT {limit}",
        places.join(" "),
        geometric("ln(value)"),
        geometric("ln(value) - ln(earlier)"),
        counts.join(", ")
    )
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

/// The geometric mean of values with these logarithms. NULL: it cannot be expressed.
fn geometric(logarithm: &str) -> String {
    format!("CASE WHEN avg({logarithm}) BETWEEN -708 AND 709 THEN exp(avg({logarithm})) END")
}

fn cell_row(row: &Row<'_>) -> Result<CellRow, StoreError> {
    let counts = |first: usize| -> Result<BTreeMap<Outcome, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for (position, outcome) in (first..).zip(Outcome::ALL) {
            let count: u64 = get(row, position)?;
            if count > 0 {
                counts.insert(outcome, count);
            }
        }
        Ok(counts)
    };
    let outcomes = counts(11)?;
    let worst = WORST_FIRST.into_iter().chain([Outcome::Passed]);
    Ok(CellRow {
        test: query::test_id(row, 0, 1)?,
        message: String::new(),
        is_generated: false,
        row: get(row, 2)?,
        column: get(row, 3)?,
        tests: get(row, 4)?,
        pending: get(row, 5)?,
        flaky: get(row, 6)?,
        quarantined: counts(11 + Outcome::ALL.len())?,
        value: get(row, 7)?,
        unit: get::<Option<String>>(row, 8)?.unwrap_or_default(),
        better: get(row, 9)?,
        change: get(row, 10)?,
        outcome: worst.into_iter().find(|outcome| outcomes.contains_key(outcome)),
        outcomes,
    })
}
