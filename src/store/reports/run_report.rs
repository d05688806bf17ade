//! The report about the tests of runs: totals, one row per test, and the summaries of its metrics. It
//! reads neither raw values nor details.

use super::selection::Selection;
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use crate::store::columns::{Lists, lists, numbers};
use crate::store::error::StoreError;
use crate::store::listing::test_row;
use crate::store::query::{self, Conditions, get, states};
use crate::store::reports::marks::worker_names;
use crate::store::reports::quarantined::{self, QuarantinedRows};
use crate::store::reports::sets::{Metric, Sets};
use crate::store::rows::{MAX_ROWS, TestRow};
use crate::store::{MAX_SPREAD, Store};
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use duckdb::{Connection, Row};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportRows {
    /// The earliest time of submission, if the report was limited by one.
    pub since: Option<Timestamp>,
    /// The runs of the report, in the order of their ids.
    pub runs: Vec<RunId>,
    pub totals: TotalRows,
    /// The tests in the order of their ids. When there are more tests than the limit, those that passed at the first
    /// attempt are left out before others, then those without a verdict, then flaky ones.
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

impl CaseRows {
    fn add(&mut self, Self { total, failed, errors, skipped, flaky }: Self) {
        self.total += total;
        self.failed += failed;
        self.errors += errors;
        self.skipped += skipped;
        self.flaky += flaky;
    }
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
    pub of: Arc<Metric>,
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
            // One more, to know whether there is one.
            let tests = number_of_tests(connection, (*first, *last))?;
            let mut rows = rows(connection, &of_tests, limit + 1, tests)?;
            let truncated = rows.len() > limit;
            let mut totals =
                if truncated { totals(connection, &of_tests)? } else { totals_of(&rows) };
            totals.late_results = late_results(connection, &selection.of_runs(*first, *last))?;
            if truncated {
                let last = rows.iter().enumerate().max_by_key(|(_, row)| row.place());
                last.map(|(at, _)| at).map(|at| rows.remove(at));
            }
            let runs = if rows.is_empty() { selection.existing_runs(connection)? } else { runs };
            Ok(ReportRows { since, runs, totals, rows, truncated })
        })
    }
}

impl ReportRow {
    /// The place of the test among those that are selected for a report: see [`up_to`].
    fn place(&self) -> (u8, TestId) {
        use Outcome::{Cancelled, Expired, Passed, Skipped};
        let kind = match self.test.outcome {
            Some(Passed) if self.test.flaky => 1,
            Some(Passed) => 3,
            None | Some(Skipped | Cancelled | Expired) => 2,
            Some(_) => 0,
        };
        (kind, self.test.test)
    }
}

/// How tests ended.
type Kind = (Option<Outcome>, Option<Class>);

impl TotalRows {
    /// Adds tests of one kind: their number, those that are flaky, their attempts, and those with one attempt.
    fn add(&mut self, (outcome, class): Kind, [count, flaky, attempts, at_once]: [u64; 4]) {
        self.tests += count;
        self.flaky += flaky;
        self.attempts += attempts;
        match outcome {
            Some(outcome) => *self.outcomes.entry(outcome).or_default() += count,
            None => self.pending += count,
        }
        // A test that was skipped because of its dependencies has no attempt. A test with several
        // attempts had another outcome before, so not all of it was skipped.
        if outcome == Some(Outcome::Skipped) {
            self.all_skipped += at_once;
        }
        if let (Some(Outcome::Error), Some(class)) = (outcome, class) {
            *self.errors.entry(class).or_default() += count;
        }
    }
}

/// The totals of a report that has the rows of all its tests, except for late results.
fn totals_of(rows: &[ReportRow]) -> TotalRows {
    let mut totals = TotalRows::default();
    for ReportRow { test, cases, metrics, .. } in rows {
        let kind = (test.outcome, test.class);
        let (flaky, at_once) = (u64::from(test.flaky), u64::from(test.attempts == 1));
        totals.add(kind, [1, flaky, test.attempts.into(), at_once]);
        if test.quarantined.is_some() {
            totals.quarantined.add(kind, [1, flaky, at_once]);
        }
        if let Some(counts) = cases.filter(|_| test.outcome.is_some()) {
            totals.tests_with_cases += 1;
            totals.cases.add(counts);
        }
        let is_noisy = |metric: &MetricRow| metric.spread.is_some_and(|spread| spread > MAX_SPREAD);
        totals.noisy += u64::from(metrics.iter().any(is_noisy));
    }
    totals
}

/// Number of tests of the runs from the first to the last one.
fn number_of_tests(
    connection: &Connection,
    (first, last): (RunId, RunId),
) -> Result<u64, StoreError> {
    let mut of_runs = Conditions::default();
    of_runs.and("run BETWEEN ? AND ?", [first.0, last.0]);
    let numbers =
        of_runs.query(connection, "SELECT count(*) FROM tests", "", |row| get::<u64>(row, 0))?;
    Ok(numbers.into_iter().sum())
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
    for (kind, counts) in groups {
        totals.add(kind, counts);
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

/// Closes [`PICKED`].
pub(super) fn up_to(limit: usize) -> String {
    format!("{})", first(limit))
}

/// Tests that failed come first, then flaky ones, those without a verdict, and those that passed. [`ReportRow::place`]
/// is the same order.
fn first(limit: usize) -> String {
    format!(
        " ORDER BY CASE WHEN states.outcome = 'passed' THEN CASE WHEN states.flaky THEN 1 ELSE 3 END \
         WHEN states.outcome IS NULL OR states.outcome IN ('skipped', 'cancelled', 'expired') THEN 2 \
         ELSE 0 END, states.run, states.test LIMIT {limit}"
    )
}

/// Columns of the last attempt of a test.
const OF_LAST: &str = ", last.duration_ms, last.peak_memory_bytes, last.weights, last.weights_id, \
    last.would_not_notice, last.first_differs, last.isolation, last.environment, last.devices";

/// The rows of the selected tests, at most `limit` of them. `tests`: number of tests of the runs.
fn rows(
    connection: &Connection,
    of_runs: &Conditions,
    limit: usize,
    tests: u64,
) -> Result<Vec<ReportRow>, StoreError> {
    if tests <= limit as u64 {
        return rows_of(connection, of_runs);
    }
    let select = format!("SELECT states.run, states.test FROM {} AS states", states(""));
    let picked = of_runs.query(connection, &select, &first(limit), |row| query::test_id(row, 0, 1));
    let mut of_tests = Conditions::default();
    of_tests.tests("states", &picked?);
    rows_of(connection, &of_tests)
}

/// The rows of these tests.
fn rows_of(connection: &Connection, of_tests: &Conditions) -> Result<Vec<ReportRow>, StoreError> {
    let select = format!(
        "SELECT states.run, states.test, states.name, states.outcome, states.class, states.flaky, \
         coalesce(states.attempt, 0), states.message, states.finished_ms, states.labels, \
         states.worker, states.attempt, states.duration_ms, states.peak_memory_bytes, states.weights, \
         states.weights_id, states.would_not_notice, states.first_differs, states.isolation, \
         states.environment, states.devices FROM {} AS states",
        states(OF_LAST)
    );
    let workers = worker_names(connection)?;
    let name = |worker: Option<u32>| workers.get(&WorkerId(worker?)).cloned();
    let mut rows = of_tests.query(connection, &select, "", |row| {
        let attempt = get::<Option<u16>>(row, 11)?;
        let row = ReportRow {
            test: test_row(row)?,
            worker: name(get(row, 10)?),
            duration: get::<Option<u64>>(row, 12)?.map(Millis),
            peak_memory_bytes: get(row, 13)?,
            weights: get(row, 14)?,
            weights_id: get(row, 15)?,
            would_not_notice: get(row, 16)?,
            first_differs: get(row, 17)?,
            first_attempt: None,
            isolation: get::<Option<String>>(row, 18)?.unwrap_or_default(),
            environment: get(row, 19)?,
            devices: get(row, 20)?,
            cases: None,
            metrics: Vec::new(),
        };
        Ok((row, attempt))
    })?;
    rows.sort_unstable_by_key(|(row, _)| row.test.test);
    let tests = rows.iter().map(|(row, _)| row.test.test).collect();
    let mut known = quarantined::of(connection, &tests)?;
    let attempts = rows.iter().filter_map(|(row, attempt)| Some((row.test.test, (*attempt)?)));
    let attempts: HashMap<TestId, u16> = attempts.collect();
    let mut firsts = firsts(connection, &attempts, &workers)?;
    let mut cases = cases_of(connection, &attempts)?;
    let mut metrics = metrics(connection, &attempts)?;
    let complete = |(mut row, _): (ReportRow, _)| {
        let test = row.test.test;
        row.test.quarantined = known.remove(&test);
        (row.first_attempt, row.cases) = (firsts.remove(&test), cases.remove(&test));
        row.metrics = metrics.remove(&test).unwrap_or_default();
        row
    };
    Ok(rows.into_iter().map(complete).collect())
}

/// The first attempts of tests that have several.
fn firsts(
    connection: &Connection,
    attempts: &HashMap<TestId, u16>,
    workers: &BTreeMap<WorkerId, String>,
) -> Result<HashMap<TestId, FirstRow>, StoreError> {
    let again = attempts.iter().filter(|(_, last)| **last > 1).map(|(test, _)| *test);
    let again: Vec<TestId> = again.collect();
    if again.is_empty() {
        return Ok(HashMap::new());
    }
    let mut of_tests = Conditions::default();
    of_tests.tests("attempts", &again);
    of_tests.and_plain("attempts.attempt = 1");
    let select = "SELECT run, test, outcome, message, worker FROM attempts";
    let rows = of_tests.query(connection, select, "", |row| {
        let worker = workers.get(&WorkerId(get(row, 4)?)).cloned().unwrap_or_default();
        let Some(outcome) = query::outcome(row, 2)? else { return Ok(None) };
        let first = FirstRow { outcome, message: get(row, 3)?, worker };
        Ok(Some((query::test_id(row, 0, 1)?, first)))
    })?;
    Ok(rows.into_iter().flatten().collect())
}

/// The counts of the cases of these attempts of tests.
fn cases_of(
    connection: &Connection,
    attempts: &HashMap<TestId, u16>,
) -> Result<HashMap<TestId, CaseRows>, StoreError> {
    if !query::has_rows(connection, "cases")? {
        return Ok(HashMap::new());
    }
    let mut of_tests = Conditions::default();
    of_tests.tests("cases", &attempts.keys().copied().collect::<Vec<_>>());
    let select = "SELECT run, test, attempt, total, failed, errors, skipped, flaky FROM cases";
    let rows = of_tests.query(connection, select, "", |row| {
        let (test, attempt) = (query::test_id(row, 0, 1)?, get::<u16>(row, 2)?);
        Ok((test, attempt, case_counts(row, 3)?))
    })?;
    let is_last = |(test, attempt, _): &(TestId, u16, _)| attempts.get(test) == Some(attempt);
    let rows = rows.into_iter().filter(is_last);
    Ok(rows.filter_map(|(test, _, counts)| Some((test, counts?))).collect())
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
    fn metric(&self, row: usize, place: usize, of: &Arc<Metric>) -> Option<MetricRow> {
        let [min, p90, p99, max, spread] = self.figures.each_ref().map(|of| of.get(row, place));
        Some(MetricRow {
            of: Arc::clone(of),
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
            let of_set = sets.of(ids.value(row));
            let metrics = by_test.entry(test).or_default();
            metrics.reserve(of_set.len());
            let of_set = of_set.iter().enumerate();
            metrics.extend(of_set.filter_map(|(place, of)| lists.metric(row, place, of)));
        }
    }
    for metrics in by_test.values_mut() {
        metrics.sort_by(|one, other| one.of.name.cmp(&other.of.name));
    }
    Ok(by_test)
}
