//! The newest values of the series that a run has added values to.

use crate::domain::id::{RunId, TestId};
use crate::domain::series::{CONFIRMS, CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, get};
use duckdb::Row;

/// The newest values of one metric of one series, the oldest first. The last one is that of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentRow {
    pub case: CaseId,
    pub series: SeriesId,
    /// Name of the metric, or `CHECK.FIGURE` for a figure of a check.
    pub metric: String,
    pub unit: String,
    /// `lower`, `higher`, or another word.
    pub better: String,
    /// Whether it is a figure of a check.
    pub is_figure: bool,
    /// Name of the newest test.
    pub name: String,
    /// Label of a test that confirms another one.
    pub confirms: Option<String>,
    pub values: Vec<RecentValue>,
}

/// The median of one attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecentValue {
    pub test: TestId,
    pub at: Timestamp,
    pub value: f64,
}

impl Store {
    /// Lists the metrics of passed attempts of a run, each with at most `limit` values of its series up
    /// to that of the run.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recent_values(&self, run: RunId, limit: usize) -> Result<Vec<RecentRow>, StoreError> {
        let mut conditions = Conditions::default();
        let RunId(run) = run;
        conditions.and("touched.run = ?", [run]);
        // Later runs may have ended in the same millisecond.
        let rest = format!(
            "), series AS (SELECT series_id, name, is_figure, max(ended_ms) AS until FROM own GROUP BY ALL) \
             SELECT tests.case_id, points.series_id, points.name, points.unit, points.better, \
             points.is_figure, tests.name, tests.labels, points.run, points.test, attempts.finished_ms, \
             points.value \
             FROM ({POINTS}) AS points \
             JOIN series ON series.series_id = points.series_id AND series.name = points.name \
             AND series.is_figure = points.is_figure \
             JOIN attempts ON attempts.run = points.run AND attempts.test = points.test \
             AND attempts.attempt = points.attempt \
             JOIN tests ON tests.run = points.run AND tests.test = points.test \
             WHERE attempts.outcome = 'passed' AND (attempts.finished_ms < series.until \
             OR (attempts.finished_ms = series.until AND points.run <= {run})) \
             QUALIFY row_number() OVER (PARTITION BY points.series_id, points.name, points.is_figure \
             ORDER BY attempts.finished_ms DESC, points.run DESC, points.test DESC) <= {limit} \
             ORDER BY points.series_id, points.is_figure, points.name, attempts.finished_ms, points.run, \
             points.test"
        );
        let own = format!(
            "WITH own AS (SELECT touched.series_id, touched.name, touched.is_figure, \
             ended.finished_ms AS ended_ms FROM ({POINTS}) AS touched JOIN attempts AS ended \
             ON ended.run = touched.run AND ended.test = touched.test \
             AND ended.attempt = touched.attempt AND ended.outcome = 'passed'"
        );
        self.pool.read(|connection| {
            let mut rows: Vec<RecentRow> = Vec::new();
            conditions.query(connection, &own, &rest, |row| {
                let next = recent(row)?;
                match rows.last_mut() {
                    Some(known) if is_same(known, &next) => {
                        let mut values = std::mem::take(&mut known.values);
                        values.extend_from_slice(&next.values);
                        *known = RecentRow { values, ..next };
                    }
                    _ => rows.push(next),
                }
                Ok(())
            })?;
            Ok(rows)
        })
    }
}

/// The values of metrics and the figures of checks as one table.
const POINTS: &str = "SELECT series_id, name, unit, better, false AS is_figure, run, test, attempt, \
    p50 AS value FROM metrics WHERE series_id IS NOT NULL AND p50 IS NOT NULL UNION ALL \
    SELECT series_id, concat(name, '.', figure), '', 'lower', true, run, test, attempt, value \
    FROM check_values WHERE series_id IS NOT NULL";

fn is_same(known: &RecentRow, next: &RecentRow) -> bool {
    (known.series, known.is_figure) == (next.series, next.is_figure) && known.metric == next.metric
}

/// Reads a row with one value.
fn recent(row: &Row<'_>) -> Result<RecentRow, StoreError> {
    let at = Timestamp(get(row, 10)?);
    let value = RecentValue { test: query::test_id(row, 8, 9)?, at, value: get(row, 11)? };
    Ok(RecentRow {
        case: CaseId(get(row, 0)?),
        series: SeriesId(get(row, 1)?),
        metric: get(row, 2)?,
        unit: get(row, 3)?,
        better: get(row, 4)?,
        is_figure: get(row, 5)?,
        name: get(row, 6)?,
        confirms: query::labels(row, 7)?.remove(CONFIRMS),
        values: vec![value],
    })
}
