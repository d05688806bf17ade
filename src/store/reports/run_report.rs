//! The report about the tests of runs: totals, one row per test, and the summaries of its metrics. It
//! reads neither raw values nor details.

use super::selection::Selection;
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use crate::store::columns::{Lists, lists, numbers};
use crate::store::error::StoreError;
use crate::store::listing::{TEST_COLUMNS, test_row};
use crate::store::query::{self, Conditions, get};
use crate::store::reports::quarantined::{self, QuarantinedRows};
use crate::store::reports::sets::{SetMetric, Sets};
use crate::store::rows::{MAX_ROWS, TestRow};
use crate::store::{MAX_SPREAD, Store};
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use duckdb::{Connection, Row};
use std::collections::{BTreeMap, HashMap, HashSet};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportRows {
    /// The earliest time of submission, if the report was limited by one.
    pub since: Option<Timestamp>,
    /// The runs of the report, in the order of their ids.
    pub runs: Vec<RunId>,
    pub totals: TotalRows,
    /// The tests in the order of their ids. When there are more tests than the limit, tests that
    /// passed at the first attempt are left out before others.
    pub rows: Vec<ReportRow>,
    /// Whether rows were left out.
    pub truncated: bool,
}

/// Counts over all tests of the report, including those whose rows were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TotalRows {
    pub tests: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    /// The tests that ended as `error`, by class.
    pub errors: BTreeMap<Class, u64>,
    pub flaky: u64,
    /// The tests that have not ended.
    pub pending: u64,
    pub attempts: u64,
    pub late_results: u64,
    /// The tests of which every case was skipped. `outcomes` counts them as skipped, too.
    pub all_skipped: u64,
    /// The cases of the last attempts of tests that have ended.
    pub cases: CaseRows,
    /// The tests that have cases.
    pub tests_with_cases: u64,
    /// The tests with a metric whose spread exceeds [`MAX_SPREAD`].
    pub noisy: u64,
    /// The tests in quarantine. The other counts include them.
    pub quarantined: QuarantinedRows,
}

/// Counts of the cases of JUnit files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaseRows {
    pub total: u64,
    pub failed: u64,
    pub errors: u64,
    pub skipped: u64,
    /// The cases that passed, but only when they were run again. They count as passed.
    pub flaky: u64,
}

/// The first attempt of a test that was attempted more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstRow {
    pub outcome: Outcome,
    pub message: String,
    /// Name of the worker.
    pub worker: String,
}

/// One test. Everything that is about an attempt is about the last one, except `first_attempt`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    pub test: TestRow,
    /// Name of the worker.
    pub worker: Option<String>,
    pub duration: Option<Millis>,
    /// Peak memory of the processes of the attempt, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Origin of the weights, as the attempt reported it.
    pub weights: Option<String>,
    /// Identity of the weights, as the attempt reported it.
    pub weights_id: Option<String>,
    /// JSON list of the changes of its model that the test would not notice.
    pub would_not_notice: Option<String>,
    /// JSON object with the module whose output is the first to differ.
    pub first_differs: Option<String>,
    pub first_attempt: Option<FirstRow>,
    /// `warm` or `cold`, empty for plain commands.
    pub isolation: String,
    /// JSON object with versions, threads and memory.
    pub environment: Option<String>,
    /// JSON list of the devices that the attempt held.
    pub devices: Option<String>,
    pub cases: Option<CaseRows>,
    /// The metrics in the order of their names.
    pub metrics: Vec<MetricRow>,
}

/// Summary of the values of a metric. Percentiles are by nearest rank, and `None` for too few values.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    pub name: String,
    pub unit: String,
    pub count: u64,
    /// Interquartile range in proportion to the median.
    pub spread: Option<f64>,
    /// Number of CPU threads that the test reported for this metric.
    pub threads: Option<u32>,
    pub min: f64,
    pub p50: f64,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub max: f64,
}

impl Store {
    /// Reports the selected tests, with at most `limit` rows, and at most [`MAX_ROWS`].
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn run_report(
        &self,
        selection: impl Into<Selection>,
        limit: usize,
    ) -> Result<ReportRows, StoreError> {
        let (selection, limit) = (selection.into(), limit.min(MAX_ROWS));
        let since = selection.since;
        self.pool.read(|connection| {
            let runs = selection.runs(connection)?;
            let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
                return Ok(ReportRows { since, ..ReportRows::default() });
            };
            let of_tests = selection.of_tests(*first, *last);
            let mut totals = totals(connection, &of_tests)?;
            totals.late_results = late_results(connection, &selection.of_runs(*first, *last))?;
            let rows = rows(connection, &of_tests, limit)?;
            let truncated = (rows.len() as u64) < totals.tests;
            Ok(ReportRows { since, runs, totals, rows, truncated })
        })
    }
}

/// Number of late results of the runs.
fn late_results(connection: &Connection, of_runs: &Conditions) -> Result<u64, StoreError> {
    let late = "SELECT count(*) FROM late_results AS states";
    let late = of_runs.query(connection, late, "", |row| get::<u64>(row, 0))?;
    Ok(late.into_iter().sum())
}

fn totals(connection: &Connection, of_runs: &Conditions) -> Result<TotalRows, StoreError> {
    let mut totals = TotalRows::default();
    let tests = "SELECT states.outcome, states.class, count(*), count(*) FILTER (states.flaky), \
        sum(states.attempts)::UBIGINT, count(*) FILTER (states.attempts = 1) \
        FROM test_states AS states";
    let by_kind = " GROUP BY states.outcome, states.class";
    let groups = of_runs.query(connection, tests, by_kind, |row| {
        let kind = (query::outcome(row, 0)?, query::class(row, 1)?);
        let count = |column| get::<u64>(row, column);
        Ok((kind, [count(2)?, count(3)?, count(4)?, count(5)?]))
    })?;
    for ((outcome, class), [count, flaky, attempts, at_once]) in groups {
        totals.tests += count;
        totals.flaky += flaky;
        totals.attempts += attempts;
        match outcome {
            Some(outcome) => *totals.outcomes.entry(outcome).or_default() += count,
            None => totals.pending += count,
        }
        // A test that was skipped because of its dependencies has no attempt. A test with several
        // attempts had another outcome before, so not all of it was skipped.
        if outcome == Some(Outcome::Skipped) {
            totals.all_skipped += at_once;
        }
        if let (Some(Outcome::Error), Some(class)) = (outcome, class) {
            *totals.errors.entry(class).or_default() += count;
        }
    }
    if query::has_rows(connection, "cases")? {
        (totals.tests_with_cases, totals.cases) = cases(connection, of_runs)?;
    }
    let noisy = "SELECT count(DISTINCT (states.run, states.test)) FROM test_states AS states \
        JOIN attempt_metrics AS own ON own.run = states.run AND own.test = states.test \
        AND own.attempt = states.attempt";
    let noisy_only = format!(" AND own.max_spread > {MAX_SPREAD}");
    let noisy = of_runs.query(connection, noisy, &noisy_only, |row| get::<u64>(row, 0))?;
    totals.noisy = noisy.into_iter().sum();
    totals.quarantined = quarantined::totals(connection, of_runs)?;
    Ok(totals)
}

/// Number of ended tests with cases, and the counts of these cases.
fn cases(connection: &Connection, of_runs: &Conditions) -> Result<(u64, CaseRows), StoreError> {
    let select = "SELECT count(*), sum(cases.total)::UBIGINT, sum(cases.failed)::UBIGINT, \
        sum(cases.errors)::UBIGINT, sum(cases.skipped)::UBIGINT, sum(cases.flaky)::UBIGINT \
        FROM test_states AS states JOIN cases ON cases.run = states.run \
        AND cases.test = states.test AND cases.attempt = states.attempt";
    let ended = " AND states.outcome IS NOT NULL";
    let counts = of_runs.query(connection, select, ended, |row| {
        Ok((get::<u64>(row, 0)?, case_counts(row, 1)?.unwrap_or_default()))
    })?;
    Ok(counts.into_iter().next().unwrap_or_default())
}

/// Reads five columns with counts of cases, beginning at `first`. `None` if they are NULL.
fn case_counts(row: &Row<'_>, first: usize) -> Result<Option<CaseRows>, StoreError> {
    let Some(total) = get::<Option<u64>>(row, first)? else { return Ok(None) };
    let count = |column: usize| get::<u64>(row, first + column);
    let (failed, errors, skipped, flaky) = (count(1)?, count(2)?, count(3)?, count(4)?);
    Ok(Some(CaseRows { total, failed, errors, skipped, flaky }))
}

/// The beginning of a query over the tests in the report. The conditions follow it.
pub(super) const PICKED: &str = "WITH picked AS (SELECT * FROM test_states AS states";

/// Closes [`PICKED`]: tests that did not pass at the first attempt precede the others.
pub(super) fn up_to(limit: usize) -> String {
    format!(
        " ORDER BY (states.outcome IS NOT DISTINCT FROM 'passed' AND NOT states.flaky), \
         states.run, states.test LIMIT {limit})"
    )
}

fn rows(
    connection: &Connection,
    of_runs: &Conditions,
    limit: usize,
) -> Result<Vec<ReportRow>, StoreError> {
    let up_to = up_to(limit);
    // The first attempts are selected by the tests that have several: joined at once, those of all tests are read.
    let rest = format!(
        "{up_to}, firsts AS (SELECT attempts.run, attempts.test, attempts.outcome, attempts.message, \
         attempts.worker FROM attempts JOIN picked ON picked.run = attempts.run \
         AND picked.test = attempts.test WHERE picked.attempt > 1 AND attempts.attempt = 1) \
         SELECT {TEST_COLUMNS}, workers.name, states.duration_ms, \
         attempts.peak_memory_bytes, firsts.outcome, firsts.message, attempts.weights, \
         attempts.isolation, \
         attempts.environment, attempts.devices, \
         first_workers.name, \
         cases.total, cases.failed, cases.errors, cases.skipped, cases.flaky, \
         attempts.would_not_notice, attempts.first_differs, attempts.weights_id, states.attempt \
         FROM picked AS states \
         LEFT JOIN worker_names AS workers ON workers.worker = states.worker \
         LEFT JOIN attempts ON attempts.run = states.run AND attempts.test = states.test \
         AND attempts.attempt = states.attempt \
         LEFT JOIN firsts ON firsts.run = states.run AND firsts.test = states.test \
         LEFT JOIN worker_names AS first_workers ON first_workers.worker = firsts.worker \
         LEFT JOIN cases ON cases.run = states.run AND cases.test = states.test \
         AND cases.attempt = states.attempt ORDER BY states.run, states.test"
    );
    let rows = of_runs.query(connection, PICKED, &rest, |row| {
        let test = test_row(row)?;
        let attempt = get::<Option<u16>>(row, 28)?;
        let duration = get::<Option<u64>>(row, 11)?.map(Millis);
        let (worker, peak_memory_bytes) = (get(row, 10)?, get(row, 12)?);
        let first_attempt = match query::outcome(row, 13)? {
            Some(outcome) => {
                let worker = get::<Option<String>>(row, 19)?.unwrap_or_default();
                Some(FirstRow { outcome, message: get(row, 14)?, worker })
            }
            None => None,
        };
        let (weights, cases) = (get(row, 15)?, case_counts(row, 20)?);
        let isolation: Option<String> = get(row, 16)?;
        let row = ReportRow {
            test,
            worker,
            duration,
            peak_memory_bytes,
            weights,
            would_not_notice: get(row, 25)?,
            first_differs: get(row, 26)?,
            weights_id: get(row, 27)?,
            first_attempt,
            isolation: isolation.unwrap_or_default(),
            environment: get(row, 17)?,
            devices: get(row, 18)?,
            cases,
            metrics: Vec::new(),
        };
        Ok((row, attempt))
    })?;
    let tests = rows.iter().map(|(row, _)| row.test.test).collect();
    let mut known = quarantined::of(connection, &tests)?;
    let attempts = rows.iter().filter_map(|(row, attempt)| Some((row.test.test, (*attempt)?)));
    let mut metrics = metrics(connection, &attempts.collect())?;
    let complete = |(mut row, _): (ReportRow, _)| {
        row.test.quarantined = known.remove(&row.test.test);
        row.metrics = metrics.remove(&row.test.test).unwrap_or_default();
        row
    };
    Ok(rows.into_iter().map(complete).collect())
}

/// The lists with the numbers of metrics.
struct Summaries<'a> {
    medians: Lists<'a, Float64Type>,
    counts: Lists<'a, UInt32Type>,
    threads: Lists<'a, UInt32Type>,
    figures: [Lists<'a, Float64Type>; 5],
}

impl<'a> Summaries<'a> {
    /// The lists are the columns from `first` on.
    fn of(batch: &'a RecordBatch, first: usize) -> Self {
        Self {
            medians: lists(batch, first),
            counts: lists(batch, first + 1),
            threads: lists(batch, first + 2),
            figures: [3, 4, 5, 6, 7].map(|at| lists(batch, first + at)),
        }
    }

    /// A metric at its place in the lists of a row. `None` if it has no values.
    fn metric(&self, row: usize, place: usize, of: &SetMetric) -> Option<MetricRow> {
        let [min, p90, p99, max, spread] = self.figures.each_ref().map(|of| of.get(row, place));
        Some(MetricRow {
            name: of.name.clone(),
            unit: of.unit.clone(),
            count: self.counts.get(row, place)?.into(),
            spread,
            threads: self.threads.get(row, place),
            min: min?,
            p50: self.medians.get(row, place)?,
            p90,
            p99,
            max: max?,
        })
    }
}

/// The metrics with values of these attempts of tests, in the order of their names. They are read after the tests,
/// because few of the many rows of a period belong to the tests of a report.
fn metrics(
    connection: &Connection,
    attempts: &HashMap<TestId, u16>,
) -> Result<HashMap<TestId, Vec<MetricRow>>, StoreError> {
    let mut of_tests = Conditions::default();
    of_tests.tests("own", &attempts.keys().copied().collect::<Vec<_>>());
    let select = "SELECT run, test, attempt, metric_set, medians, counts, threads, minima, p90s, \
        p99s, maxima, spreads FROM attempt_metrics AS own";
    let mut batches = Vec::new();
    of_tests.batches(connection, select, |batch| {
        batches.push(batch.clone());
        Ok(())
    })?;
    let ids: HashSet<u64> =
        batches.iter().flat_map(|batch| numbers::<UInt64Type>(batch, 3).all()).copied().collect();
    let sets = Sets::read(connection, &ids)?;
    let mut by_test: HashMap<TestId, Vec<MetricRow>> = HashMap::new();
    for batch in &batches {
        let [runs, tests] = [0, 1].map(|at| numbers::<UInt32Type>(batch, at));
        let (last, ids) = (numbers::<UInt16Type>(batch, 2), numbers::<UInt64Type>(batch, 3));
        let lists = Summaries::of(batch, 4);
        for row in 0..batch.num_rows() {
            let test = TestId { run: RunId(runs.value(row)), index: tests.value(row) };
            if attempts.get(&test) != Some(&last.value(row)) {
                continue;
            }
            let of_set = sets.of(ids.value(row)).iter().enumerate();
            let of_set = of_set.filter_map(|(place, of)| lists.metric(row, place, of));
            by_test.entry(test).or_default().extend(of_set);
        }
    }
    for metrics in by_test.values_mut() {
        metrics.sort_by(|one, other| one.name.cmp(&other.name));
    }
    Ok(by_test)
}
