//! The report: totals, one row per test, percentiles over raw values.

use super::Store;
use super::error::{Doing, StoreError};
use super::history::{TEST_COLUMNS, test_row};
use super::query::{self, get};
use super::rows::{
    CaseRows, FirstRow, MAX_ROWS, MetricRow, ReportQuery, ReportRow, ReportRows, TotalRows,
};
use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Millis;
use duckdb::{Connection, Row, params};
use std::collections::HashMap;

/// Runs that a report is about, as a condition on a table or view named `states`. The range
/// of ids lets DuckDB skip whole blocks; submission times need not grow with the ids.
const CHOSEN: &str = "states.run BETWEEN ?1 AND ?2 \
    AND states.run IN (SELECT run FROM runs WHERE submitted_ms >= ?3)";

/// Runs of a report.
#[derive(Clone, Copy)]
struct Choice {
    first: u32,
    last: u32,
    since_ms: u64,
}

impl Store {
    /// # Errors
    /// The database cannot be read.
    pub fn report(&self, query: &ReportQuery) -> Result<ReportRows, StoreError> {
        let limit = query.limit.min(MAX_ROWS);
        self.pool.read(|connection| {
            let since = query.since.filter(|_| query.run.is_none());
            let runs = runs(connection, query)?;
            let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
                return Ok(ReportRows { since, ..ReportRows::default() });
            };
            let since_ms = since.map_or(0, |since| since.0);
            let choice = Choice { first: first.0, last: last.0, since_ms };
            let totals = totals(connection, choice)?;
            let rows = rows(connection, choice, limit)?;
            let truncated = (rows.len() as u64) < totals.tests;
            Ok(ReportRows { since, runs, totals, rows, truncated })
        })
    }
}

fn runs(connection: &Connection, query: &ReportQuery) -> Result<Vec<RunId>, StoreError> {
    let (condition, value) = match (query.run, query.since) {
        (Some(run), _) => ("run = ?", run.0.into()),
        (None, since) => ("submitted_ms >= ?", since.map_or(0, |since| since.0)),
    };
    let sql = format!("SELECT run FROM runs WHERE {condition} ORDER BY run");
    connection
        .prepare(&sql)
        .and_then(|mut found| {
            found.query_map(params![value], |row| row.get(0).map(RunId))?.collect()
        })
        .doing("choose the runs of a report from")
}

fn ask<T>(
    connection: &Connection,
    sql: &str,
    choice: Choice,
    read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let Choice { first, last, since_ms } = choice;
    let mut statement = connection.prepare(sql).doing("report from")?;
    statement.query_and_then(params![first, last, since_ms], read).doing("report from")?.collect()
}

fn totals(connection: &Connection, choice: Choice) -> Result<TotalRows, StoreError> {
    let mut totals = TotalRows::default();
    let tests = format!(
        "SELECT states.outcome, states.class, count(*), count(*) FILTER (states.flaky), \
         sum(states.attempts)::UBIGINT, count(*) FILTER (states.attempts = 1) FROM test_states AS states WHERE {CHOSEN} \
         GROUP BY states.outcome, states.class"
    );
    let groups = ask(connection, &tests, choice, |row| {
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
        // What was skipped for its dependencies was never attempted. Where an earlier attempt
        // went another way, the test has not simply been skipped.
        if outcome == Some(Outcome::Skipped) {
            totals.all_skipped += at_once;
        }
        if let (Some(Outcome::Error), Some(class)) = (outcome, class) {
            *totals.errors.entry(class).or_default() += count;
        }
    }
    let late = format!("SELECT count(*) FROM late_results AS states WHERE {CHOSEN}");
    totals.late_results =
        ask(connection, &late, choice, |row| get::<u64>(row, 0))?.into_iter().sum();
    let cases = format!(
        "SELECT count(*), sum(cases.total)::UBIGINT, sum(cases.failed)::UBIGINT, \
         sum(cases.errors)::UBIGINT, sum(cases.skipped)::UBIGINT, sum(cases.flaky)::UBIGINT \
         FROM test_states AS states JOIN cases ON cases.run = states.run \
         AND cases.test = states.test AND cases.attempt = states.attempt \
         WHERE {CHOSEN} AND states.outcome IS NOT NULL"
    );
    let found = ask(connection, &cases, choice, |row| {
        Ok((get::<u64>(row, 0)?, counted(row, 1)?.unwrap_or_default()))
    })?;
    (totals.tests_with_cases, totals.cases) = found.into_iter().next().unwrap_or_default();
    Ok(totals)
}

/// Five columns of counts from `first` on; none where they are NULL.
fn counted(row: &Row<'_>, first: usize) -> Result<Option<CaseRows>, StoreError> {
    let Some(total) = get::<Option<u64>>(row, first)? else { return Ok(None) };
    let count = |column: usize| get::<u64>(row, first + column);
    let (failed, errors, skipped, flaky) = (count(1)?, count(2)?, count(3)?, count(4)?);
    Ok(Some(CaseRows { total, failed, errors, skipped, flaky }))
}

/// The tests of a report: what did not simply pass first, up to the limit. `limit` is a number.
fn picked(limit: usize) -> String {
    format!(
        "WITH picked AS (SELECT * FROM test_states AS states WHERE {CHOSEN} \
         ORDER BY (states.outcome IS NOT DISTINCT FROM 'passed' AND NOT states.flaky), \
         states.run, states.test LIMIT {limit}) "
    )
}

fn rows(
    connection: &Connection,
    choice: Choice,
    limit: usize,
) -> Result<Vec<ReportRow>, StoreError> {
    let mut metrics = metrics(connection, choice, limit)?;
    let picked = picked(limit);
    let sql = format!(
        "{picked} SELECT {TEST_COLUMNS}, workers.name, states.duration_ms, \
         attempts.peak_memory_bytes, firsts.outcome, firsts.message, attempts.weights, \
         attempts.isolation, \
         TRY(json_extract(attempts.detail, '$.environment'))::VARCHAR, \
         TRY(json_extract(attempts.detail, '$.devices'))::VARCHAR, \
         first_workers.name, \
         cases.total, cases.failed, cases.errors, cases.skipped, cases.flaky \
         FROM picked AS states \
         LEFT JOIN worker_names AS workers ON workers.worker = states.worker \
         LEFT JOIN attempts ON attempts.run = states.run AND attempts.test = states.test \
         AND attempts.attempt = states.attempt \
         LEFT JOIN attempts AS firsts ON firsts.run = states.run AND firsts.test = states.test \
         AND firsts.attempt = 1 AND states.attempt > 1 \
         LEFT JOIN worker_names AS first_workers ON first_workers.worker = firsts.worker \
         LEFT JOIN cases ON cases.run = states.run AND cases.test = states.test \
         AND cases.attempt = states.attempt ORDER BY states.run, states.test"
    );
    ask(connection, &sql, choice, |row| {
        let test = test_row(row)?;
        let metrics = metrics.remove(&test.test).unwrap_or_default();
        let duration = get::<Option<u64>>(row, 11)?.map(Millis);
        let (worker, peak_memory_bytes) = (get(row, 10)?, get(row, 12)?);
        let first_attempt = match query::outcome(row, 13)? {
            Some(outcome) => {
                let worker = get::<Option<String>>(row, 19)?.unwrap_or_default();
                Some(FirstRow { outcome, message: get(row, 14)?, worker })
            }
            None => None,
        };
        let (weights, cases) = (get(row, 15)?, counted(row, 20)?);
        let isolation: Option<String> = get(row, 16)?;
        Ok(ReportRow {
            test,
            worker,
            duration,
            peak_memory_bytes,
            weights,
            first_attempt,
            isolation: isolation.unwrap_or_default(),
            environment: get(row, 17)?,
            devices: get(row, 18)?,
            cases,
            metrics,
        })
    })
}

fn metrics(
    connection: &Connection,
    choice: Choice,
    limit: usize,
) -> Result<HashMap<TestId, Vec<MetricRow>>, StoreError> {
    let picked = picked(limit);
    let sql = format!(
        "{picked}, raw AS (SELECT metrics.run, metrics.test, metrics.name, metrics.unit, \
         unnest(metrics.samples) AS value FROM metrics JOIN picked \
         ON picked.run = metrics.run AND picked.test = metrics.test \
         AND picked.attempt = metrics.attempt) \
         SELECT run, test, name, any_value(unit), count(value), min(value), \
         quantile_disc(value, 0.5), quantile_disc(value, 0.9), quantile_disc(value, 0.99), \
         max(value) FROM raw WHERE value IS NOT NULL \
         GROUP BY run, test, name ORDER BY run, test, name"
    );
    let found = ask(connection, &sql, choice, |row| {
        let metric = MetricRow {
            name: get(row, 2)?,
            unit: get(row, 3)?,
            count: get(row, 4)?,
            min: get(row, 5)?,
            p50: get(row, 6)?,
            p90: get(row, 7)?,
            p99: get(row, 8)?,
            max: get(row, 9)?,
        };
        Ok((query::test_id(row, 0, 1)?, metric))
    })?;
    let mut by_test: HashMap<TestId, Vec<MetricRow>> = HashMap::new();
    for (test, metric) in found {
        by_test.entry(test).or_default().push(metric);
    }
    Ok(by_test)
}
