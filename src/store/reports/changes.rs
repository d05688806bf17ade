//! The tests and values of two sides, joined by their cases and series.

use crate::domain::id::{QuarantineId, RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, get};
use crate::store::reports::quarantined::QuarantineRefRow;
use duckdb::{Row, params};
use std::collections::{BTreeMap, HashSet};

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

/// `?1` to `?2` are the judged runs, `?3` to `?4` those before, `?5`: whether these are a named run, `?6`:
/// whether what precedes the judged runs is preferred. A repetition that confirms a change does not show the
/// state of its test, except in its own run.
const PAIRS: &str = "WITH after AS (\
        SELECT tests.run, tests.test, tests.case_id FROM tests \
        JOIN test_outcomes AS ended ON ended.run = tests.run AND ended.test = tests.test \
        WHERE tests.case_id IS NOT NULL AND tests.run BETWEEN ?1::UINTEGER AND ?2::UINTEGER \
        AND ended.run BETWEEN ?1::UINTEGER AND ?2::UINTEGER \
        AND (?1 = ?2 OR NOT contains(tests.labels, '\"confirms\":')) \
        QUALIFY row_number() OVER \
        (PARTITION BY tests.case_id ORDER BY tests.run DESC, tests.test DESC) = 1\
    ), earlier AS MATERIALIZED (\
        SELECT tests.run, tests.test, tests.case_id, ?6 AND tests.run >= ?1 AS is_within \
        FROM tests LEFT JOIN after ON after.case_id = tests.case_id \
        WHERE tests.case_id IS NOT NULL AND tests.run BETWEEN ?3::UINTEGER AND ?4::UINTEGER \
        AND (?5 OR tests.run < after.run OR (tests.run = after.run AND tests.test < after.test)) \
        AND NOT contains(tests.labels, '\"confirms\":')\
    ), before AS (\
        SELECT unnest(best) FROM (\
        SELECT arg_min({'run': earlier.run, 'test': earlier.test}, (is_within, \
        ended.outcome IN ('cancelled', 'skipped', 'expired', 'worker_lost'), \
        CASE WHEN is_within THEN earlier.run ELSE -earlier.run::BIGINT END, \
        CASE WHEN is_within THEN earlier.test ELSE -earlier.test::BIGINT END)) AS best \
        FROM earlier JOIN test_outcomes AS ended \
        ON ended.run = earlier.run AND ended.test = earlier.test GROUP BY earlier.case_id)\
    ), chosen AS (\
        SELECT run, test FROM after UNION SELECT run, test FROM before\
    ), tried AS (\
        SELECT attempts.run, attempts.test, attempts.worker, attempts.message, attempts.series_id \
        FROM attempts JOIN chosen ON chosen.run = attempts.run AND chosen.test = attempts.test \
        QUALIFY row_number() OVER (PARTITION BY attempts.run, attempts.test \
        ORDER BY attempts.attempt DESC) = 1\
    ), known AS (\
        SELECT tests.run, tests.test, tests.case_id, tests.name, tests.labels, ended.outcome, \
        ended.flaky, coalesce(ended.message, tried.message, '') AS message, \
        names.name AS worker_name, tried.series_id \
        FROM chosen JOIN tests ON tests.run = chosen.run AND tests.test = chosen.test \
        JOIN test_outcomes AS ended ON ended.run = chosen.run AND ended.test = chosen.test \
        LEFT JOIN tried ON tried.run = chosen.run AND tried.test = chosen.test \
        LEFT JOIN worker_names AS names ON names.worker = tried.worker\
    ), later AS (\
        SELECT known.* FROM known \
        SEMI JOIN after ON after.run = known.run AND after.test = known.test\
    ), former AS (\
        SELECT known.* FROM known \
        SEMI JOIN before ON before.run = known.run AND before.test = known.test\
    ) \
    SELECT coalesce(later.case_id, former.case_id) AS case_id, \
    later.* EXCLUDE (case_id), former.* EXCLUDE (case_id), \
    marks.quarantine, marks.reason, marks.expires_ms \
    FROM later FULL OUTER JOIN former ON former.case_id = later.case_id \
    LEFT JOIN quarantined ON quarantined.run = coalesce(later.run, former.run) \
    AND quarantined.test = coalesce(later.test, former.test) \
    LEFT JOIN quarantines AS marks ON marks.quarantine = quarantined.quarantine \
    ORDER BY coalesce(later.name, former.name), 1";

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
