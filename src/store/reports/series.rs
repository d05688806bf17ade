//! The history of one metric of one series.

use crate::domain::id::{AttemptId, RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, Conditions, get};
use crate::store::reports::sets::Metric;
use duckdb::{Connection, params};
use std::collections::{BTreeMap, HashMap};

/// A series, with the name and the labels of its newest test.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow {
    pub series: SeriesId,
    pub case: CaseId,
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

/// An ended attempt of a series, with the median of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct PointRow {
    pub attempt: AttemptId,
    pub finished_at: Timestamp,
    pub outcome: Outcome,
    pub worker: String,
    /// `None`: the attempt has no finite median of the metric.
    pub value: Option<f64>,
}

/// Number and spread of the values of a metric in one attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SampleRow {
    pub count: u64,
    /// Interquartile range in proportion to the median.
    pub spread: Option<f64>,
}

impl Store {
    /// Finds a series by its id or by one of its tests.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn series(
        &self,
        series: Option<SeriesId>,
        test: Option<TestId>,
    ) -> Result<Option<SeriesRow>, StoreError> {
        let newest = " ORDER BY run DESC, test DESC, attempt DESC LIMIT 1";
        self.pool.read(|connection| {
            let mut of_series = Conditions::default();
            of_series.and_plain("series_id IS NOT NULL");
            if let Some(TestId { run, index }) = test {
                let mut of_test = Conditions::default();
                of_test.and("run = ?", [run.0]);
                of_test.and("test = ?", [index]);
                of_test.and_plain("series_id IS NOT NULL");
                let select = "SELECT series_id FROM attempts";
                let found = of_test.query(connection, select, newest, |row| get::<u64>(row, 0))?;
                let Some(series) = found.into_iter().next() else { return Ok(None) };
                of_series.and("series_id = ?", [series]);
            }
            if let Some(SeriesId(series)) = series {
                of_series.and("series_id = ?", [series]);
            }
            // The attempt first: joined to the tests at once, DuckDB would read all of these.
            let select = "SELECT series_id, run, test FROM attempts";
            let found = of_series.query(connection, select, newest, |row| {
                Ok((SeriesId(get(row, 0)?), query::test_id(row, 1, 2)?))
            })?;
            let Some((series, test)) = found.into_iter().next() else { return Ok(None) };
            let mut of_tests = Conditions::default();
            of_tests.and("run = ?", [test.run.0]);
            of_tests.and("test = ?", [test.index]);
            of_tests.and_plain("case_id IS NOT NULL");
            let select = "SELECT case_id, name, labels FROM tests";
            let rows = of_tests.query(connection, select, "", |row| {
                let (case, name) = (CaseId(get(row, 0)?), get(row, 1)?);
                Ok(SeriesRow { series, case, name, labels: query::labels(row, 2)? })
            })?;
            Ok(rows.into_iter().next())
        })
    }

    /// Lists the metrics of a series that have values, in the order of their names; figures of checks are the last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn series_metrics(&self, series: SeriesId) -> Result<Vec<Metric>, StoreError> {
        let sql = "SELECT name, max(unit), max(better), is_figure FROM metric_sets \
            WHERE position > 0 AND metric_set IN \
            (SELECT metric_set FROM attempt_metrics WHERE series_id = ?1) \
            GROUP BY name, is_figure ORDER BY is_figure, name";
        self.pool.read(|connection| {
            let mut statement = connection.prepare(sql).doing("query")?;
            let rows = statement.query_and_then(params![series.0], |row| {
                Ok(Metric {
                    name: get(row, 0)?,
                    unit: get(row, 1)?,
                    better: get(row, 2)?,
                    is_figure: get(row, 3)?,
                })
            });
            rows.doing("query")?.collect()
        })
    }

    /// Lists the newest ended attempts of a series with the median of each of these metrics, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn series_points(
        &self,
        series: SeriesId,
        metrics: &[&Metric],
        limit: u32,
    ) -> Result<Vec<Vec<PointRow>>, StoreError> {
        let names: Vec<&str> = metrics.iter().map(|metric| &*metric.name).collect();
        let names = serde_json::to_string(&names).unwrap_or_default();
        self.pool.read(|connection| {
            let mut statement = connection.prepare(ATTEMPTS).doing("query")?;
            let rows = statement.query_and_then(params![series.0, limit], |row| {
                let outcome = query::outcome(row, 4)?;
                Ok(PointRow {
                    attempt: AttemptId { test: query::test_id(row, 0, 1)?, number: get(row, 2)? },
                    finished_at: Timestamp(get(row, 3)?),
                    outcome: outcome.unwrap_or(Outcome::Error),
                    worker: get(row, 5)?,
                    value: None,
                })
            });
            let mut attempts: Vec<PointRow> =
                rows.doing("query")?.collect::<Result<_, StoreError>>()?;
            attempts.reverse();
            let oldest = attempts.first().map_or(0, |row| row.attempt.test.run.0);
            let mut values = values(connection, series, &names, oldest)?;
            let points = |metric: &&Metric| {
                let name = (metric.name.to_string(), metric.is_figure);
                let measured = values.remove(&name).unwrap_or_default();
                let point = |row: &PointRow| PointRow {
                    value: measured.get(&row.attempt).copied(),
                    ..row.clone()
                };
                attempts.iter().map(point).collect()
            };
            Ok(metrics.iter().map(points).collect())
        })
    }

    /// Reads the number and the spread of the values of a metric in the attempts of a series, from a run on.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn series_samples(
        &self,
        series: SeriesId,
        metric: &str,
        first: RunId,
    ) -> Result<HashMap<AttemptId, SampleRow>, StoreError> {
        let sql = "SELECT run, test, attempt, count::UBIGINT, spread FROM metrics \
            WHERE series_id = ?1 AND run >= ?2::UINTEGER AND name = ?3";
        self.pool.read(|connection| {
            let mut statement = connection.prepare(sql).doing("query")?;
            let rows = statement.query_and_then(params![series.0, first.0, metric], |row| {
                let attempt = AttemptId { test: query::test_id(row, 0, 1)?, number: get(row, 2)? };
                Ok((attempt, SampleRow { count: get(row, 3)?, spread: get(row, 4)? }))
            });
            rows.doing("query")?.collect()
        })
    }
}

/// The parameters are the series and the maximum number.
const ATTEMPTS: &str = "SELECT attempts.run, attempts.test, attempts.attempt, attempts.finished_ms, \
    attempts.outcome, coalesce(names.name, concat('w', attempts.worker)) FROM attempts \
    LEFT JOIN worker_names AS names ON names.worker = attempts.worker \
    WHERE attempts.series_id = ?1 \
    ORDER BY attempts.run DESC, attempts.test DESC, attempts.attempt DESC LIMIT ?2";

/// The parameters are the series, the names of the metrics as JSON, and the first run.
const VALUES: &str = "WITH wanted AS (SELECT metric_set, position, name, is_figure FROM metric_sets \
    WHERE position > 0 AND name IN (SELECT unnest(from_json(?2::VARCHAR, '[\"VARCHAR\"]')))) \
    SELECT own.run, own.test, own.attempt, wanted.name, wanted.is_figure, own.medians[wanted.position] \
    FROM attempt_metrics AS own JOIN wanted ON wanted.metric_set = own.metric_set \
    WHERE own.series_id = ?1 AND own.run >= ?3::UINTEGER";

/// The median of each attempt.
type OfAttempts = HashMap<AttemptId, f64>;

/// The medians by the name of the metric, whether it is a figure of a check, and the attempt.
fn values(
    connection: &Connection,
    series: SeriesId,
    names: &str,
    oldest: u32,
) -> Result<HashMap<(String, bool), OfAttempts>, StoreError> {
    let mut statement = connection.prepare(VALUES).doing("query")?;
    let rows = statement.query_and_then(params![series.0, names, oldest], |row| {
        let attempt = AttemptId { test: query::test_id(row, 0, 1)?, number: get(row, 2)? };
        let name: (String, bool) = (get(row, 3)?, get(row, 4)?);
        Ok::<_, StoreError>((name, attempt, get(row, 5)?))
    });
    let mut values: HashMap<_, OfAttempts> = HashMap::new();
    for row in rows.doing("query")? {
        let (name, attempt, value) = row?;
        values.entry(name).or_default().insert(attempt, value);
    }
    Ok(values)
}
