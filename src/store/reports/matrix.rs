//! The matrix of a report, the slowest tests, and the workers that ran its tests.

use super::details::{CASE_KEY, quoted};
use super::selection::Selection;
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::time::{Millis, Timestamp};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, get};
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
                "WITH placed AS (SELECT states.run, states.test, states.attempt, states.outcome, \
                 states.flaky, {CASE_KEY} AS key, coalesce({}, '(none)') AS row_name, \
                 CASE WHEN states.backend IS NULL THEN '(none)' \
                 WHEN attempts.device_product IS NULL OR coalesce(attempts.devices, '[]') = '[]' \
                 THEN states.backend \
                 ELSE states.backend || ' (' || attempts.device_product || ')' END AS column_name \
                 FROM test_states AS states \
                 LEFT JOIN worker_names AS workers ON workers.worker = states.worker \
                 LEFT JOIN attempts ON attempts.run = states.run AND attempts.test = states.test \
                 AND attempts.attempt = states.attempt",
                group.expression()
            );
            let rest = cells(metric, limit);
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

/// The part of the query of the matrix after the conditions: the newest result of each case, preferring
/// verdicts; then one row for each cell.
fn cells(metric: &str, limit: u32) -> String {
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
        "), measured AS (SELECT run, test, attempt, p50, unit, better FROM metrics \
           WHERE name = {} AND isfinite(p50) AND p50 > 0), \
         joined AS (SELECT placed.*, measured.* EXCLUDE (run, test, attempt) FROM placed \
           LEFT JOIN measured ON measured.run = placed.run AND measured.test = placed.test \
           AND measured.attempt = placed.attempt), \
         aged AS (SELECT joined.*, \
           row_number() OVER (PARTITION BY row_name, column_name, key ORDER BY \
           (outcome IS NOT NULL AND outcome NOT IN ('cancelled', 'skipped', 'expired')) \
           DESC, run DESC, test DESC) AS age FROM joined), \
         newest AS (SELECT row_name, column_name, key, max(run) FILTER (age = 1) AS run, \
           max(test) FILTER (age = 1) AS test, max(attempt) FILTER (age = 1) AS attempt, max(outcome) FILTER (age = 1) AS outcome, \
           coalesce(bool_or(flaky) FILTER (age = 1), false) AS flaky, \
           max(p50) FILTER (age = 1 AND outcome = 'passed') AS value, \
           max(unit) FILTER (age = 1 AND outcome = 'passed') AS unit, \
           max(better) FILTER (age = 1 AND outcome = 'passed') AS better, \
           median(p50) FILTER (age > 1 AND outcome = 'passed') AS earlier \
           FROM aged GROUP BY row_name, column_name, key), \
         ranked AS (SELECT newest.*, \
           (newest.run, newest.test) IN (SELECT run, test FROM quarantined) AS is_quarantined, row_number() OVER (PARTITION BY row_name, column_name ORDER BY \
           CASE outcome {} WHEN 'passed' THEN 0 ELSE 1 END DESC, run DESC, test DESC) AS place \
           FROM newest), \
         cells AS (SELECT row_name, column_name, count(*) AS tests, \
           count(*) FILTER (outcome IS NULL) AS pending, \
           count(*) FILTER (outcome = 'passed' AND flaky) AS flaky, \
           CASE count(value) WHEN 1 THEN max(value) ELSE {} END AS value, max(unit) AS unit, max(better) AS better, \
           {} AS change, max(run) FILTER (place = 1) AS run, \
           max(test) FILTER (place = 1) AS test, {} \
           FROM ranked GROUP BY row_name, column_name) \
         SELECT cells.run, cells.test, cells.* EXCLUDE (run, test) FROM cells \
         ORDER BY row_name, column_name LIMIT {limit}",
        quoted(metric),
        places.join(" "),
        geometric("ln(value)"),
        geometric("ln(value) - ln(earlier)"),
        counts.join(", ")
    )
}

/// Adds the messages of the tests of the cells. They are read afterwards, because the tests are mostly of the newest
/// runs: a join would read the environments of all attempts of the period.
fn add_messages(connection: &Connection, cells: &mut [CellRow]) -> Result<(), StoreError> {
    let runs = || cells.iter().map(|cell| cell.test.run.0);
    let (Some(first), Some(last)) = (runs().min(), runs().max()) else { return Ok(()) };
    let ids = cells.iter().map(|cell| format!("({}, {})", cell.test.run.0, cell.test.index));
    let ids = ids.collect::<Vec<_>>().join(", ");
    let mut of_runs = Conditions::default();
    of_runs.and("states.run BETWEEN ? AND ?", [first, last]);
    of_runs.within(RunId(first), RunId(last));
    let select = "SELECT states.run, states.test, states.message, \
        coalesce(json_exists(attempts.environment, '$.written_by'), false) \
        FROM test_states AS states LEFT JOIN attempts ON attempts.run = states.run \
        AND attempts.test = states.test AND attempts.attempt = states.attempt";
    let rest = format!(" AND (states.run, states.test) IN ({ids})");
    let messages = of_runs.query(connection, select, &rest, |row| {
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
