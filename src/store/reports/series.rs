//! The history of one metric of one series.

use crate::domain::id::{AttemptId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, Conditions, get};
use duckdb::params;
use std::collections::BTreeMap;

/// A series, with the name and the labels of its newest test.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow {
    pub series: SeriesId,
    pub case: CaseId,
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

/// A metric of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesMetricRow {
    /// Name of the metric, or `CHECK.FIGURE` for a figure of a check.
    pub metric: String,
    pub unit: String,
    /// `lower`, `higher`, or another word.
    pub better: String,
    pub is_figure: bool,
}

/// An ended attempt of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct PointRow {
    pub attempt: AttemptId,
    pub finished_at: Timestamp,
    pub outcome: Outcome,
    pub worker: String,
    pub value: Option<f64>,
    pub count: u64,
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
        let mut conditions = Conditions::default();
        conditions.and_plain("attempts.series_id IS NOT NULL AND tests.case_id IS NOT NULL");
        if let Some(SeriesId(series)) = series {
            conditions.and("attempts.series_id = ?", [series]);
        }
        if let Some(TestId { run, index }) = test {
            let of_test = "attempts.series_id IN (SELECT series_id FROM attempts \
                WHERE run = ? AND test = ?)";
            conditions.and(of_test, [run.0, index]);
        }
        let select = "SELECT attempts.series_id, tests.case_id, tests.name, tests.labels FROM attempts \
            JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test";
        let rest = " ORDER BY attempts.run DESC, attempts.test DESC, attempts.attempt DESC LIMIT 1";
        self.pool.read(|connection| {
            let rows = conditions.query(connection, select, rest, |row| {
                Ok(SeriesRow {
                    series: SeriesId(get(row, 0)?),
                    case: CaseId(get(row, 1)?),
                    name: get(row, 2)?,
                    labels: query::labels(row, 3)?,
                })
            })?;
            Ok(rows.into_iter().next())
        })
    }

    /// Lists the metrics of a series, in the order of their names; figures of checks are the last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn series_metrics(&self, series: SeriesId) -> Result<Vec<SeriesMetricRow>, StoreError> {
        let sql = "SELECT name, max(unit), max(better), false AS is_figure FROM metrics \
            WHERE series_id = ?1 AND p50 IS NOT NULL GROUP BY name UNION ALL \
            SELECT concat(name, '.', figure), '', 'lower', true FROM check_values \
            WHERE series_id = ?1 GROUP BY name, figure ORDER BY 4, 1";
        self.pool.read(|connection| {
            let mut statement = connection.prepare(sql).doing("query")?;
            let rows = statement.query_and_then(params![series.0], |row| {
                Ok(SeriesMetricRow {
                    metric: get(row, 0)?,
                    unit: get(row, 1)?,
                    better: get(row, 2)?,
                    is_figure: get(row, 3)?,
                })
            });
            rows.doing("query")?.collect()
        })
    }

    /// Lists the newest ended attempts of a series with the median of a metric, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn series_points(
        &self,
        series: SeriesId,
        metric: &SeriesMetricRow,
        limit: u32,
    ) -> Result<Vec<PointRow>, StoreError> {
        let values = if metric.is_figure {
            "SELECT run, test, attempt, value, 1 AS count, NULL AS spread FROM check_values \
             WHERE series_id = ?1 AND concat(name, '.', figure) = ?2"
        } else {
            "SELECT run, test, attempt, p50 AS value, count, spread FROM metrics \
             WHERE series_id = ?1 AND name = ?2"
        };
        let sql = format!(
            "SELECT * FROM (SELECT attempts.run, attempts.test, attempts.attempt, \
             attempts.finished_ms, attempts.outcome, \
             coalesce(names.name, concat('w', attempts.worker)), points.value, \
             coalesce(points.count, 0)::UBIGINT, points.spread::DOUBLE \
             FROM attempts LEFT JOIN ({values}) AS points ON points.run = attempts.run \
             AND points.test = attempts.test AND points.attempt = attempts.attempt \
             LEFT JOIN worker_names AS names ON names.worker = attempts.worker \
             WHERE attempts.series_id = ?1 \
             ORDER BY attempts.run DESC, attempts.test DESC, attempts.attempt DESC LIMIT ?3) \
             ORDER BY 1, 2, 3"
        );
        self.pool.read(|connection| {
            let mut statement = connection.prepare(&sql).doing("query")?;
            let rows = statement.query_and_then(params![series.0, metric.metric, limit], |row| {
                let outcome = query::outcome(row, 4)?;
                Ok(PointRow {
                    attempt: AttemptId { test: query::test_id(row, 0, 1)?, number: get(row, 2)? },
                    finished_at: Timestamp(get(row, 3)?),
                    outcome: outcome.unwrap_or(Outcome::Error),
                    worker: get(row, 5)?,
                    value: get(row, 6)?,
                    count: get(row, 7)?,
                    spread: get(row, 8)?,
                })
            });
            rows.doing("query")?.collect()
        })
    }
}
