//! The tests and values of two sides, joined by their cases and series.

use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, get};
use crate::store::rows::MAX_ROWS;
use duckdb::{Row, params};
use std::collections::BTreeMap;

/// Maximum number of values of one metric of one series that are judged, the newest.
pub const MAX_HISTORY: u32 = 256;

/// The runs of two sides, as ranges of ids with both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    /// The runs that are judged.
    pub to: (RunId, RunId),
    /// The runs before. With one run that was named, cases that are only there are listed, too.
    pub from: (RunId, RunId),
    pub is_named: bool,
}

/// One test of a side.
#[derive(Debug, Clone, PartialEq)]
pub struct SideRow {
    pub test: TestId,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub outcome: Outcome,
    pub flaky: bool,
    pub message: String,
    pub worker: Option<String>,
    pub series: Option<SeriesId>,
}

/// One case with its newest test of each side.
#[derive(Debug, Clone, PartialEq)]
pub struct PairRow {
    pub case: CaseId,
    pub after: Option<SideRow>,
    pub before: Option<SideRow>,
}

/// The values of one metric of one series, the oldest first; those of the judged side are the last.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesRow {
    pub series: SeriesId,
    /// Name of the metric, or `CHECK.FIGURE` for a figure of a check.
    pub metric: String,
    pub unit: String,
    /// `lower`, `higher`, or another word.
    pub better: String,
    pub is_figure: bool,
    pub values: Vec<ValueRow>,
}

/// The median of one attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRow {
    pub test: TestId,
    pub worker: WorkerId,
    pub value: f64,
    pub is_after: bool,
}

/// `?1` to `?2` are the judged runs, `?3` to `?4` those before, `?5`: whether these are a named run.
const PAIRS: &str = "WITH known AS (\
        SELECT states.*, names.name AS worker_name, attempts.series_id FROM test_states AS states \
        LEFT JOIN worker_names AS names ON names.worker = states.worker \
        LEFT JOIN attempts ON attempts.run = states.run AND attempts.test = states.test \
        AND attempts.attempt = states.attempt \
        WHERE states.case_id IS NOT NULL AND states.outcome IS NOT NULL \
        AND NOT contains(states.labels, '\"confirms\":')\
    ), after AS (\
        SELECT * FROM known WHERE run BETWEEN ?1 AND ?2 \
        QUALIFY row_number() OVER (PARTITION BY case_id ORDER BY run DESC, test DESC) = 1\
    ), before AS (\
        SELECT known.* FROM known LEFT JOIN after ON after.case_id = known.case_id \
        WHERE known.run BETWEEN ?3 AND ?4 AND (?5 OR known.run < after.run \
        OR (known.run = after.run AND known.test < after.test)) \
        QUALIFY row_number() OVER (PARTITION BY known.case_id ORDER BY known.outcome IN \
        ('cancelled', 'skipped', 'expired', 'worker_lost'), known.run DESC, known.test DESC) = 1\
    ) \
    SELECT coalesce(after.case_id, before.case_id) AS case_id, \
    after.run, after.test, after.name, after.labels, after.outcome, after.flaky, after.message, \
    after.worker_name, after.series_id, \
    before.run, before.test, before.name, before.labels, before.outcome, before.flaky, before.message, \
    before.worker_name, before.series_id \
    FROM after FULL OUTER JOIN before ON before.case_id = after.case_id \
    ORDER BY coalesce(after.name, before.name), 1 LIMIT ?6";

/// The values of metrics and the figures of checks as one table.
const POINTS: &str = "SELECT series_id, name, unit, better, false AS is_figure, run, test, attempt, \
    p50 AS value FROM metrics WHERE p50 IS NOT NULL UNION ALL \
    SELECT series_id, concat(name, '.', figure), '', 'lower', true, run, test, attempt, value \
    FROM check_values";

impl Store {
    /// The ids of the first and the last run; of those submitted at `since` or later, if it is given.
    /// `None` if there is no such run.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn range_of_runs(
        &self,
        since: Option<Timestamp>,
    ) -> Result<Option<(RunId, RunId)>, StoreError> {
        let sql = "SELECT min(run), max(run) FROM runs WHERE submitted_ms >= ?1";
        self.pool.read(|connection| {
            let mut statement = connection.prepare(sql).doing("query")?;
            let since = since.map_or(0, |since| since.0);
            let mut rows = statement.query_and_then(params![since], |row| {
                let ends: (Option<u32>, Option<u32>) = (get(row, 0)?, get(row, 1)?);
                Ok(ends.0.zip(ends.1).map(|(first, last)| (RunId(first), RunId(last))))
            });
            rows.as_mut().map_or(Ok(None), |rows| rows.next().transpose().map(Option::flatten))
        })
    }

    /// Pairs the newest tests of each case on both sides, in the order of their names, at most
    /// [`MAX_ROWS`].
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pairs(&self, sides: Sides) -> Result<Vec<PairRow>, StoreError> {
        let Sides { to, from, is_named } = sides;
        self.pool.read(|connection| {
            let mut statement = connection.prepare(PAIRS).doing("query")?;
            let values = params![to.0.0, to.1.0, from.0.0, from.1.0, is_named, MAX_ROWS];
            let rows = statement.query_and_then(values, |row| {
                let (after, before) = (side(row, 1)?, side(row, 10)?);
                Ok(PairRow { case: CaseId(get(row, 0)?), after, before })
            });
            rows.doing("query")?.collect()
        })
    }

    /// Lists the values of all metrics of the series that have an attempt on the judged side, from all runs up
    /// to the last judged one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn values_of_sides(&self, sides: Sides) -> Result<Vec<ValuesRow>, StoreError> {
        let Sides { to, .. } = sides;
        let sql = format!(
            "SELECT points.series_id, points.name, points.unit, points.better, points.is_figure, \
             points.run, points.test, attempts.worker, points.value, \
             points.run BETWEEN ?1 AND ?2 AS is_after \
             FROM ({POINTS}) AS points JOIN attempts ON attempts.run = points.run \
             AND attempts.test = points.test AND attempts.attempt = points.attempt \
             WHERE points.series_id IN (SELECT series_id FROM attempts WHERE run BETWEEN ?1 AND ?2) \
             AND attempts.outcome = 'passed' \
             AND points.run <= ?2 \
             QUALIFY row_number() OVER (PARTITION BY points.series_id, points.is_figure, points.name \
             ORDER BY is_after DESC, points.run DESC, points.test DESC, points.attempt DESC) \
             <= {MAX_HISTORY} \
             ORDER BY points.series_id, points.is_figure, points.name, is_after, points.run, \
             points.test, points.attempt"
        );
        self.pool.read(|connection| {
            let mut statement = connection.prepare(&sql).doing("query")?;
            let mut joined: Vec<ValuesRow> = Vec::new();
            let rows = statement.query_and_then(params![to.0.0, to.1.0], values_row);
            for row in rows.doing("query")? {
                let row: ValuesRow = row?;
                match joined.last_mut() {
                    Some(known) if is_same(known, &row) => known.values.extend(row.values),
                    _ => joined.push(row),
                }
            }
            Ok(joined)
        })
    }
}

fn is_same(known: &ValuesRow, next: &ValuesRow) -> bool {
    (known.series, known.is_figure) == (next.series, next.is_figure) && known.metric == next.metric
}

/// Reads a row with one value.
fn values_row(row: &Row<'_>) -> Result<ValuesRow, StoreError> {
    let test = query::test_id(row, 5, 6)?;
    let worker = WorkerId(get(row, 7)?);
    let value = ValueRow { test, worker, value: get(row, 8)?, is_after: get(row, 9)? };
    Ok(ValuesRow {
        series: SeriesId(get(row, 0)?),
        metric: get(row, 1)?,
        unit: get(row, 2)?,
        better: get(row, 3)?,
        is_figure: get(row, 4)?,
        values: vec![value],
    })
}

/// Reads a side that starts at a column. `None` if the case is not on that side.
fn side(row: &Row<'_>, start: usize) -> Result<Option<SideRow>, StoreError> {
    let Some(outcome) = query::outcome(row, start + 4)? else { return Ok(None) };
    Ok(Some(SideRow {
        test: query::test_id(row, start, start + 1)?,
        name: get(row, start + 2)?,
        labels: query::labels(row, start + 3)?,
        outcome,
        flaky: get(row, start + 5)?,
        message: get(row, start + 6)?,
        worker: get(row, start + 7)?,
        series: get::<Option<u64>>(row, start + 8)?.map(SeriesId),
    }))
}
