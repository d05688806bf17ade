//! The slowest tests of a report, and the workers that ran its tests.
//!
//! Limit: about 100,000 tests are in memory together, beside the slowest one of each case.

use super::details::CASE_KEY;
use super::marks::worker_names;
use super::parts::{self, AT_ONCE, Part};
use super::selection::Selection;
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::time::{Millis, Timestamp};
use crate::store::Store;
use crate::store::columns::numbers;
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, get, states};
use duckdb::Connection;
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{UInt32Type, UInt64Type};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// A test with its slowest result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowRow {
    pub test: TestId,
    pub name: String,
    pub duration: Millis,
    pub worker: String,
}

/// A worker with its attempts.
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
const MAX_SLOW: usize = 10;
const MAX_WORKERS: usize = 1_000;

impl Store {
    /// The slowest tests by their slowest results, the slowest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn slowest(&self, selection: &Selection) -> Result<Vec<SlowRow>, StoreError> {
        self.pool.read(|connection| {
            let runs = selection.runs(connection)?;
            let select = format!(
                "SELECT states.run, states.test, {CASE_KEY}, states.duration_ms, states.worker \
                 FROM {} AS states",
                states(", last.duration_ms")
            );
            let mut slowest = foldhash::HashMap::default();
            for Part { runs, tests } in parts::of_tests(connection, &runs, AT_ONCE)? {
                let mut of_part = selection.of_tests(RunId(runs.0), RunId(runs.1));
                of_part.and("states.test BETWEEN ? AND ?", [tests.0, tests.1]);
                of_part.and_plain("states.duration_ms IS NOT NULL");
                of_part.batches(connection, &select, |batch| {
                    add(batch, &mut slowest);
                    Ok(())
                })?;
            }
            let mut slowest: Vec<Timed> = slowest.into_values().collect();
            slowest.sort_unstable_by_key(|timed| (Reverse(timed.duration), timed.test));
            slowest.truncate(MAX_SLOW);
            named(connection, &slowest)
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
            let select = "SELECT states.worker, count(*), \
                count(*) FILTER (states.outcome IN ('failed', 'reduced_precision', 'timed_out') \
                OR (states.outcome = 'error' AND states.class IS DISTINCT FROM 'set_up')), \
                count(*) FILTER (states.outcome = 'worker_lost' \
                OR (states.outcome = 'error' AND states.class = 'set_up')), \
                count(*) FILTER (states.class = 'out_of_memory'), \
                sum(states.duration_ms)::UBIGINT, max(states.finished_ms) \
                FROM attempts AS states";
            let (names, noise) = (worker_names(connection)?, noise(connection)?);
            let of_attempts = selection.of_attempts(*first, *last);
            let mut rows =
                of_attempts.query(connection, select, " GROUP BY states.worker", |row| {
                    let worker = WorkerId(get(row, 0)?);
                    Ok(WorkerRow {
                        worker: names.get(&worker).cloned().unwrap_or_else(|| worker.to_string()),
                        attempts: get(row, 1)?,
                        failed: get(row, 2)?,
                        infrastructure: get(row, 3)?,
                        out_of_memory: get(row, 4)?,
                        busy: Millis(get(row, 5)?),
                        last_finished_at: Timestamp(get(row, 6)?),
                        noise: noise.get(&worker).copied(),
                    })
                })?;
            rows.sort_unstable_by(|one, other| one.worker.cmp(&other.worker));
            rows.truncate(MAX_WORKERS);
            Ok(rows)
        })
    }
}

/// How long the last attempt of a test took.
#[derive(Debug, Clone, Copy)]
struct Timed {
    test: TestId,
    duration: Millis,
    worker: WorkerId,
}

/// Adds the tests of a batch by their case, of which the slowest one stays, then that of the newest run.
fn add(batch: &RecordBatch, slowest: &mut foldhash::HashMap<u64, Timed>) {
    let [runs, tests, workers] = [0, 1, 4].map(|at| numbers::<UInt32Type>(batch, at));
    let [keys, durations] = [2, 3].map(|at| numbers::<UInt64Type>(batch, at));
    for row in 0..batch.num_rows() {
        let timed = Timed {
            test: TestId { run: RunId(runs.value(row)), index: tests.value(row) },
            duration: Millis(durations.value(row)),
            worker: WorkerId(workers.value(row)),
        };
        let place =
            |Timed { test, duration, .. }: &Timed| (*duration, test.run, Reverse(test.index));
        let known = slowest.entry(keys.value(row)).or_insert(timed);
        if place(&timed) > place(known) {
            *known = timed;
        }
    }
}

/// Adds the names of tests and workers.
fn named(connection: &Connection, slowest: &[Timed]) -> Result<Vec<SlowRow>, StoreError> {
    let ids: Vec<TestId> = slowest.iter().map(|timed| timed.test).collect();
    let mut of_tests = Conditions::default();
    of_tests.tests("tests", &ids);
    let select = "SELECT run, test, name FROM tests";
    let names = of_tests.query(connection, select, "", |row| {
        Ok((query::test_id(row, 0, 1)?, get::<String>(row, 2)?))
    })?;
    let mut names: HashMap<TestId, String> = names.into_iter().collect();
    let workers = worker_names(connection)?;
    let mut row = |timed: &Timed| SlowRow {
        test: timed.test,
        name: names.remove(&timed.test).unwrap_or_default(),
        duration: timed.duration,
        worker: workers.get(&timed.worker).cloned().unwrap_or_default(),
    };
    Ok(slowest.iter().map(&mut row).collect())
}

/// The spread that each worker measured when it was calibrated for the last time.
fn noise(connection: &Connection) -> Result<BTreeMap<WorkerId, f64>, StoreError> {
    let select = "SELECT worker, arg_max(greatest(operations_spread, memory_spread), seq) \
        FROM calibrations";
    let all = Conditions::default();
    let noise = all.query(connection, select, " GROUP BY worker", |row| {
        let worker = WorkerId(get(row, 0)?);
        Ok(get::<Option<f64>>(row, 1)?.map(|noise| (worker, noise)))
    })?;
    Ok(noise.into_iter().flatten().collect())
}
