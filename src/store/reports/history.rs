//! The report about earlier tests of a model: how often they failed, how long they took, how much
//! memory they used, and which attempts ran out of memory.

use crate::domain::time::Millis;
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, get};
use crate::store::rows::MAX_ROWS;
use duckdb::{Connection, Row, params};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryRows {
    /// The tests in the order of their names.
    pub tests: Vec<PastRow>,
    /// The attempts that ran out of memory, the newest first.
    pub exhausted: Vec<ExhaustedRow>,
}

/// The latest ended tests of one name. Cancelled, skipped and lost tests do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRow {
    pub name: String,
    pub ended: u64,
    /// The tests that did not pass.
    pub failed: u64,
    /// The tests that passed after a failed attempt.
    pub flaky: u64,
    /// Median duration of the tests that passed.
    pub median: Option<Millis>,
    /// Highest peak memory of the tests that passed, in bytes.
    pub peak_memory_bytes: Option<u64>,
    pub peak_device_memory_bytes: Option<u64>,
}

/// An attempt that ran out of memory, and the memory that was available to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExhaustedRow {
    /// Labels of the test.
    pub labels: BTreeMap<String, String>,
    /// Memory of the worker for tests, in bytes.
    pub memory_bytes: Option<u64>,
    /// Memory of the smallest device that the attempt held, in bytes.
    pub device_memory_bytes: Option<u64>,
}

/// Maximum number of tests of one name that count, the newest first.
const RECENT: u32 = 20;

/// `?1` is a label, written as in the JSON of the labels of a test.
const PAST: &str = "WITH mine AS (\
        SELECT run, test, name FROM tests WHERE contains(labels, ?1)\
    ), ended AS (\
        SELECT mine.*, o.outcome, o.flaky, last.attempt, last.duration_ms, \
        row_number() OVER (PARTITION BY mine.name ORDER BY o.finished_ms DESC) AS age \
        FROM mine \
        JOIN test_outcomes AS o ON o.run = mine.run AND o.test = mine.test \
        JOIN last_attempts AS last ON last.run = mine.run AND last.test = mine.test \
        WHERE o.outcome IN ('passed', 'failed', 'reduced_precision', 'error', 'timed_out')\
    ), recent AS (\
        SELECT * FROM ended WHERE age <= ?2\
    ), peaks AS (\
        SELECT metrics.run, metrics.test, metrics.attempt, \
        max(metrics.max)::UBIGINT AS device FROM metrics \
        JOIN recent ON recent.run = metrics.run AND recent.test = metrics.test \
        AND recent.attempt = metrics.attempt \
        WHERE metrics.name = 'peak_device_memory_bytes' GROUP BY ALL\
    ) \
    SELECT recent.name, count(*), count(*) FILTER (recent.outcome <> 'passed'), \
    count(*) FILTER (recent.flaky), \
    quantile_disc(recent.duration_ms, 0.5) FILTER (recent.outcome = 'passed'), \
    max(attempts.peak_memory_bytes) FILTER (recent.outcome = 'passed'), \
    max(peaks.device) FILTER (recent.outcome = 'passed') \
    FROM recent \
    LEFT JOIN attempts ON attempts.run = recent.run AND attempts.test = recent.test \
    AND attempts.attempt = recent.attempt \
    LEFT JOIN peaks ON peaks.run = recent.run AND peaks.test = recent.test \
    AND peaks.attempt = recent.attempt \
    GROUP BY recent.name ORDER BY recent.name LIMIT ?3";

const EXHAUSTED: &str = "SELECT tests.labels, attempts.environment FROM attempts \
    JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
    WHERE attempts.class = 'out_of_memory' AND contains(tests.labels, ?1) \
    ORDER BY attempts.finished_ms DESC LIMIT ?2";

/// The part of the environment of an attempt that states the available memory.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Memory {
    memory_bytes: Option<u64>,
    device_memory_bytes: Option<u64>,
}

impl Store {
    /// Reports earlier tests with this label (name and value), at most [`MAX_ROWS`] names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn history(&self, label: (&str, &str)) -> Result<HistoryRows, StoreError> {
        let (name, value) = label;
        let encoded = |text: &str| serde_json::Value::from(text).to_string();
        let pattern = format!("{}:{}", encoded(name), encoded(value));
        self.pool.read(|connection| {
            let mut statement = connection.prepare(PAST).doing("read the history from")?;
            let rows = statement.query_and_then(params![pattern, RECENT, MAX_ROWS], past_row);
            let tests = rows.doing("read the history from")?.collect::<Result<_, _>>()?;
            Ok(HistoryRows { tests, exhausted: exhausted(connection, &pattern)? })
        })
    }
}

fn past_row(row: &Row<'_>) -> Result<PastRow, StoreError> {
    Ok(PastRow {
        name: get(row, 0)?,
        ended: get(row, 1)?,
        failed: get(row, 2)?,
        flaky: get(row, 3)?,
        median: get::<Option<u64>>(row, 4)?.map(Millis),
        peak_memory_bytes: get(row, 5)?,
        peak_device_memory_bytes: get(row, 6)?,
    })
}

fn exhausted(connection: &Connection, pattern: &str) -> Result<Vec<ExhaustedRow>, StoreError> {
    let mut statement = connection.prepare(EXHAUSTED).doing("read the history from")?;
    let rows = statement.query_and_then(params![pattern, MAX_ROWS], |row| {
        let environment: Option<String> = get(row, 1)?;
        let memory: Memory =
            environment.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(ExhaustedRow {
            labels: query::labels(row, 0)?,
            memory_bytes: memory.memory_bytes,
            device_memory_bytes: memory.device_memory_bytes,
        })
    });
    rows.doing("read the history from")?.collect()
}
