//! Details of the tests of a report: attempts before the last one, earlier results of the same case, and
//! raw values of a metric.
//!
//! Limits: `MAX_ATTEMPTS` attempts and `MAX_PAST` results of a test.

use super::run_report::{PICKED, up_to};
use super::selection::Selection;
use crate::domain::id::{AttemptId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::{Millis, Timestamp};
use crate::store::Store;
use crate::store::attempts;
use crate::store::error::StoreError;
use crate::store::project::detail::{Detail, MAX_NAME_BYTES, cut};
use crate::store::query::{self, Conditions, get};
use crate::store::rows::MAX_ROWS;
use duckdb::Connection;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Maximum number of attempts of a test before the last one.
const MAX_ATTEMPTS: u32 = 20;
/// Maximum number of earlier results of a case, the newest ones.
const MAX_PAST: u32 = 30;
/// Maximum number and size of the details that are read at once.
const MAX_AT_ONCE: usize = 1000;
const MAX_BYTES_AT_ONCE: u64 = 8 * 1024 * 1024;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct DetailRows {
    /// The attempts before the last one, in their order.
    pub earlier: Vec<EarlierRow>,
    /// Earlier results, the oldest first.
    pub past: Vec<PastRow>,
    /// Finite raw values of the metric, in ascending order.
    pub samples: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierRow {
    pub number: u16,
    pub outcome: Outcome,
    pub class: Option<Class>,
    pub message: String,
    pub worker: String,
    pub duration: Millis,
    pub finished_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PastRow {
    pub test: TestId,
    pub outcome: Outcome,
    pub flaky: bool,
    pub finished_at: Timestamp,
    pub worker: Option<String>,
    /// Median of the metric, if it was measured on the same kind of hardware.
    pub value: Option<f64>,
}

impl Store {
    /// Details of the tests of a report with at most `limit` rows; `metric` is that of the values.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn details(
        &self,
        selection: &Selection,
        limit: usize,
        metric: &str,
    ) -> Result<HashMap<TestId, DetailRows>, StoreError> {
        let limit = limit.min(MAX_ROWS);
        self.pool.read(|connection| {
            let runs = selection.runs(connection)?;
            let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
                return Ok(HashMap::new());
            };
            let of_tests = selection.of_tests(*first, *last);
            let mut details: HashMap<TestId, DetailRows> = HashMap::new();
            for (test, row) in earlier(connection, &of_tests, limit)? {
                details.entry(test).or_default().earlier.push(row);
            }
            for (test, row) in past(connection, &of_tests, limit, metric)? {
                details.entry(test).or_default().past.push(row);
            }
            for (test, samples) in samples(connection, &of_tests, limit, metric)? {
                details.entry(test).or_default().samples = samples;
            }
            Ok(details)
        })
    }
}

fn earlier(
    connection: &Connection,
    of_tests: &Conditions,
    limit: usize,
) -> Result<Vec<(TestId, EarlierRow)>, StoreError> {
    let rest = format!(
        "{} SELECT attempts.run, attempts.test, attempts.attempt, attempts.outcome, attempts.class, \
         attempts.message, coalesce(workers.name, ''), attempts.duration_ms, attempts.finished_ms \
         FROM picked JOIN attempts ON attempts.run = picked.run AND attempts.test = picked.test \
         AND attempts.attempt < picked.attempt AND attempts.attempt <= {MAX_ATTEMPTS} \
         LEFT JOIN worker_names AS workers ON workers.worker = attempts.worker \
         ORDER BY attempts.run, attempts.test, attempts.attempt",
        up_to(limit)
    );
    of_tests.query(connection, PICKED, &rest, |row| {
        let earlier = EarlierRow {
            number: get(row, 2)?,
            outcome: required(query::outcome(row, 3)?)?,
            class: query::class(row, 4)?,
            message: get(row, 5)?,
            worker: get(row, 6)?,
            duration: Millis(get(row, 7)?),
            finished_at: Timestamp(get(row, 8)?),
        };
        Ok((query::test_id(row, 0, 1)?, earlier))
    })
}

fn required(outcome: Option<Outcome>) -> Result<Outcome, StoreError> {
    outcome.ok_or_else(|| StoreError::Value { what: "outcome", value: "NULL".to_owned() })
}

/// Tests of one case have the same key. Results of earlier versions have no identity of their case, so
/// their name replaces it.
pub(super) const CASE_KEY: &str = "coalesce(states.case_id, hash(states.name))";

fn past(
    connection: &Connection,
    of_tests: &Conditions,
    limit: usize,
    metric: &str,
) -> Result<Vec<(TestId, PastRow)>, StoreError> {
    let rest = format!(
        "{}, own AS (SELECT states.run, states.test, {CASE_KEY} AS key, attempts.series_id \
           FROM picked AS states LEFT JOIN attempts ON attempts.run = states.run \
           AND attempts.test = states.test AND attempts.attempt = states.attempt), \
         past AS (SELECT states.*, {CASE_KEY} AS key FROM test_states AS states \
           WHERE states.outcome IS NOT NULL \
           AND {CASE_KEY} IN (SELECT key FROM own)), \
         pairs AS (SELECT own.run AS own_run, own.test AS own_test, own.series_id AS own_series, \
           past.* FROM own JOIN past ON past.key = own.key AND past.run < own.run \
           QUALIFY row_number() OVER (PARTITION BY own.run, own.test \
           ORDER BY past.run DESC, past.test DESC) <= {MAX_PAST}) \
         SELECT pairs.own_run, pairs.own_test, pairs.run, pairs.test, pairs.outcome, pairs.flaky, \
         pairs.finished_ms, workers.name, \
         CASE WHEN attempts.series_id IS NOT DISTINCT FROM pairs.own_series THEN metrics.p50 END \
         FROM pairs LEFT JOIN worker_names AS workers ON workers.worker = pairs.worker \
         LEFT JOIN main.attempts AS attempts ON attempts.run = pairs.run \
         AND attempts.test = pairs.test AND attempts.attempt = pairs.attempt \
         LEFT JOIN (SELECT run, test, attempt, p50 FROM main.metrics \
         WHERE name = {} AND isfinite(p50)) AS metrics \
         ON metrics.run = pairs.run AND metrics.test = pairs.test \
         AND metrics.attempt = pairs.attempt \
         ORDER BY pairs.own_run, pairs.own_test, pairs.run, pairs.test",
        up_to(limit),
        quoted(metric)
    );
    of_tests.query(connection, PICKED, &rest, |row| {
        let past = PastRow {
            test: query::test_id(row, 2, 3)?,
            outcome: required(query::outcome(row, 4)?)?,
            flaky: get(row, 5)?,
            finished_at: Timestamp(get(row, 6)?),
            worker: get(row, 7)?,
            value: get(row, 8)?,
        };
        Ok((query::test_id(row, 0, 1)?, past))
    })
}

/// The text as a literal of SQL.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

/// The finite values of a metric, in ascending order. They are in the details, of which a limited size is read at a
/// time.
fn samples(
    connection: &Connection,
    of_tests: &Conditions,
    limit: usize,
    metric: &str,
) -> Result<Vec<(TestId, Vec<f64>)>, StoreError> {
    let rest = format!(
        "{} SELECT attempts.run, attempts.test, attempts.attempt, attempts.detail_bytes \
         FROM picked JOIN attempts ON attempts.run = picked.run AND attempts.test = picked.test \
         AND attempts.attempt = picked.attempt \
         SEMI JOIN metrics ON metrics.run = picked.run AND metrics.test = picked.test \
         AND metrics.attempt = picked.attempt AND metrics.name = {} AND metrics.count > 0 \
         ORDER BY attempts.run, attempts.test",
        up_to(limit),
        quoted(metric)
    );
    let measured = of_tests.query(connection, PICKED, &rest, |row| {
        let attempt = query::test_id(row, 0, 1)?.attempt(get(row, 2)?);
        Ok((attempt, get::<Option<u64>>(row, 3)?.unwrap_or_default()))
    })?;
    let mut samples = Vec::with_capacity(measured.len());
    let mut rest = &measured[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(within(rest));
        rest = later;
        let attempts: Vec<AttemptId> = now.iter().map(|(attempt, _)| *attempt).collect();
        for (attempt, detail) in attempts::details_of(connection, &attempts)? {
            samples.push((attempt.test, finite(&detail, metric)));
        }
    }
    Ok(samples)
}

/// Number of attempts at the front whose details are read at once; at least one.
fn within(attempts: &[(AttemptId, u64)]) -> usize {
    let mut total = 0;
    let fitting = attempts.iter().take(MAX_AT_ONCE).take_while(|(_, size)| {
        total += size;
        total <= MAX_BYTES_AT_ONCE
    });
    fitting.count().max(1)
}

/// The finite values of a metric, in ascending order. A text that is not JSON has none.
fn finite(detail: &str, metric: &str) -> Vec<f64> {
    let Ok(detail) = serde_json::from_str::<&RawValue>(detail) else { return Vec::new() };
    let detail = Detail::parse(Some(detail));
    let measured = detail.metrics.iter().filter(|m| *cut(&m.name, MAX_NAME_BYTES) == *metric);
    let mut values: Vec<f64> = measured.flat_map(|m| m.values.iter().copied().flatten()).collect();
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values
}
