//! The tests and values of two sides, joined by their cases and series.

use crate::domain::added::change_limits::{self, ChangeLimit};
use crate::domain::id::{QuarantineId, RunId, TestId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, get};
use crate::store::reports::quarantined::QuarantineRefRow;
use duckdb::{Row, params};
use std::collections::{BTreeMap, HashSet};

/// Maximum number of values of one metric of one series that are judged, the newest.
pub const MAX_HISTORY: u32 = 256;

/// The two sides of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    /// The first and the last run that are judged.
    pub to: (RunId, RunId),
    pub before: Before,
}

/// The tests with which the judged ones are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Those of one run. Cases that are only there are listed, too.
    Run(RunId),
    /// The newest one that precedes the judged one.
    Previous,
    /// The newest one that precedes the judged runs; where there is none, the first one of these runs.
    Period,
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

/// One case with its test of each side.
#[derive(Debug, Clone, PartialEq)]
pub struct PairRow {
    pub case: CaseId,
    pub after: Option<SideRow>,
    pub before: Option<SideRow>,
    /// The quarantine of the judged test; of the one before if the case is not on the judged side.
    pub quarantined: Option<QuarantineRefRow>,
}

/// The values of one metric of one series, the oldest first; those of the judged side are the last.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesRow {
    pub case: CaseId,
    pub series: SeriesId,
    /// Name of the metric, or `CHECK.FIGURE` for a figure of a check.
    pub metric: String,
    pub unit: String,
    /// `lower`, `higher`, or another word.
    pub better: String,
    pub is_figure: bool,
    /// The limits of changes that a judged test sets.
    pub limits: Vec<ChangeLimit>,
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

/// `?1` to `?2` are the judged runs, `?3` to `?4` those before, `?5`: whether these are a named run, `?6`:
/// whether what precedes the judged runs is preferred. A repetition that confirms a change does not show the
/// state of its test, except in its own run.
const PAIRS: &str = "WITH known AS (\
        SELECT states.*, names.name AS worker_name, attempts.series_id, \
        contains(states.labels, '\"confirms\":') AS is_repetition, \
        ?6 AND states.run >= ?1 AS is_within FROM test_states AS states \
        LEFT JOIN worker_names AS names ON names.worker = states.worker \
        LEFT JOIN attempts ON attempts.run = states.run AND attempts.test = states.test \
        AND attempts.attempt = states.attempt \
        WHERE states.case_id IS NOT NULL AND states.outcome IS NOT NULL\
    ), after AS (\
        SELECT * FROM known WHERE run BETWEEN ?1 AND ?2 AND (?1 = ?2 OR NOT is_repetition) \
        QUALIFY row_number() OVER (PARTITION BY case_id ORDER BY run DESC, test DESC) = 1\
    ), before AS (\
        SELECT known.* FROM known LEFT JOIN after ON after.case_id = known.case_id \
        WHERE known.run BETWEEN ?3 AND ?4 AND (?5 OR known.run < after.run \
        OR (known.run = after.run AND known.test < after.test)) AND NOT known.is_repetition \
        QUALIFY row_number() OVER (PARTITION BY known.case_id ORDER BY known.is_within, \
        known.outcome IN ('cancelled', 'skipped', 'expired', 'worker_lost'), \
        CASE WHEN known.is_within THEN known.run ELSE -known.run::BIGINT END, \
        CASE WHEN known.is_within THEN known.test ELSE -known.test::BIGINT END) = 1\
    ) \
    SELECT coalesce(after.case_id, before.case_id) AS case_id, \
    after.run, after.test, after.name, after.labels, after.outcome, after.flaky, after.message, \
    after.worker_name, after.series_id, \
    before.run, before.test, before.name, before.labels, before.outcome, before.flaky, before.message, \
    before.worker_name, before.series_id, marks.quarantine, marks.reason, marks.expires_ms \
    FROM after FULL OUTER JOIN before ON before.case_id = after.case_id \
    LEFT JOIN quarantined ON quarantined.run = coalesce(after.run, before.run) \
    AND quarantined.test = coalesce(after.test, before.test) \
    LEFT JOIN quarantines AS marks ON marks.quarantine = quarantined.quarantine \
    ORDER BY coalesce(after.name, before.name), 1";

/// The values of metrics and the figures of checks as one table.
const POINTS: &str = "SELECT series_id, name, unit, better, false AS is_figure, run, test, attempt, \
    p50 AS value FROM metrics WHERE p50 IS NOT NULL UNION ALL \
    SELECT series_id, concat(name, '.', figure), '', 'lower', true, run, test, attempt, value \
    FROM check_values";

/// A package whose versions differ between two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRow {
    pub package: String,
    /// Versions, separated by commas.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// `?1` is the run before, `?2` the run after, `?3` the maximum number of packages.
const PACKAGES: &str = "WITH used AS (\
        SELECT DISTINCT environments.package, environments.version, attempts.run = ?2 AS is_after \
        FROM attempts JOIN environments \
        ON environments.environment_id = attempts.environment_id WHERE attempts.run IN (?1, ?2)\
    ) \
    SELECT package, string_agg(version, ', ' ORDER BY version) FILTER (NOT is_after) AS before, \
    string_agg(version, ', ' ORDER BY version) FILTER (is_after) AS after \
    FROM used GROUP BY package HAVING before IS DISTINCT FROM after ORDER BY package LIMIT ?3";

impl Store {
    /// Lists the packages whose versions differ between two runs, in the order of their names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn package_changes(
        &self,
        before: RunId,
        after: RunId,
        limit: u32,
    ) -> Result<Vec<PackageRow>, StoreError> {
        self.pool.read(|connection| {
            let mut statement = connection.prepare(PACKAGES).doing("query")?;
            let rows = statement.query_and_then(params![before.0, after.0, limit], |row| {
                let (before, after) = (get(row, 1)?, get(row, 2)?);
                Ok(PackageRow { package: get(row, 0)?, before, after })
            });
            rows.doing("query")?.collect()
        })
    }

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

    /// Pairs the tests of each case on both sides, in the order of their names, and passes each pair to
    /// `visit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pairs(&self, sides: Sides, visit: &mut dyn FnMut(PairRow)) -> Result<(), StoreError> {
        let Sides { to, before } = sides;
        let from = match before {
            Before::Run(run) => (run, run),
            Before::Previous | Before::Period => (RunId(0), to.1),
        };
        let (is_named, is_period) = (matches!(before, Before::Run(_)), before == Before::Period);
        self.pool.read(|connection| {
            let mut statement = connection.prepare(PAIRS).doing("query")?;
            let values = params![to.0.0, to.1.0, from.0.0, from.1.0, is_named, is_period];
            let rows = statement.query_and_then(values, |row| {
                let (after, before) = (side(row, 1)?, side(row, 10)?);
                let quarantined = quarantine(row, 19)?;
                Ok(PairRow { case: CaseId(get(row, 0)?), after, before, quarantined })
            });
            rows.doing("query")?.try_for_each(|row| row.map(&mut *visit))
        })
    }

    /// Number of ended tests of the judged runs that cannot be compared, because their case is not known.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn count_without_case(&self, (first, last): (RunId, RunId)) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM test_states WHERE run BETWEEN ? AND ? \
            AND case_id IS NULL AND outcome IS NOT NULL";
        self.pool.read(|connection| {
            connection.query_row(sql, [first.0, last.0], |row| row.get(0)).doing("query")
        })
    }

    /// The tests of a run that repeat others to confirm a change.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn repetitions(&self, run: RunId) -> Result<HashSet<TestId>, StoreError> {
        let sql = "SELECT run, test FROM tests WHERE run = ? AND contains(labels, '\"confirms\":')";
        self.pool.read(|connection| {
            let mut statement = connection.prepare(sql).doing("query")?;
            let rows = statement.query_and_then([run.0], |row| query::test_id(row, 0, 1));
            rows.doing("query")?.collect()
        })
    }

    /// Lists the values of all metrics of the series that have an attempt in the judged runs, from all runs up to
    /// the last judged one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn values_of(&self, to: (RunId, RunId)) -> Result<Vec<ValuesRow>, StoreError> {
        let sql = format!(
            "WITH judged AS (SELECT attempts.series_id, any_value(tests.case_id) AS case_id, \
             max(CASE WHEN contains(tests.labels, '\"change_limits\":') \
             THEN tests.labels ->> '$.change_limits' END) AS limits \
             FROM attempts JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
             WHERE attempts.run BETWEEN ?1 AND ?2 AND attempts.series_id IS NOT NULL \
             AND tests.case_id IS NOT NULL GROUP BY attempts.series_id) \
             SELECT points.series_id, points.name, points.unit, points.better, points.is_figure, \
             points.run, points.test, attempts.worker, points.value, \
             points.run BETWEEN ?1 AND ?2 AS is_after, judged.case_id, \
             judged.limits \
             FROM ({POINTS}) AS points JOIN judged ON judged.series_id = points.series_id \
             JOIN attempts ON attempts.run = points.run \
             AND attempts.test = points.test AND attempts.attempt = points.attempt \
             WHERE attempts.outcome = 'passed' AND points.run <= ?2 \
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
    let limits: Option<String> = get(row, 11)?;
    Ok(ValuesRow {
        case: CaseId(get(row, 10)?),
        series: SeriesId(get(row, 0)?),
        metric: get(row, 1)?,
        unit: get(row, 2)?,
        better: get(row, 3)?,
        is_figure: get(row, 4)?,
        // They were checked at the submission.
        limits: limits.and_then(|text| change_limits::parse(&text).ok()).unwrap_or_default(),
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

/// Reads a quarantine that starts at a column. `None` for a test without one.
fn quarantine(row: &Row<'_>, start: usize) -> Result<Option<QuarantineRefRow>, StoreError> {
    let Some(id) = get::<Option<u32>>(row, start)? else { return Ok(None) };
    Ok(Some(QuarantineRefRow {
        quarantine: QuarantineId(id),
        reason: get(row, start + 1)?,
        expires_at: Timestamp(get(row, start + 2)?),
    }))
}
