//! Queries for marks: quarantines with the tests that they covered, and acceptances.

use crate::domain::id::{AcceptanceId, QuarantineId, RunId, TestId, WorkerId};
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::project::marks::{ACCEPTANCE, QUARANTINE};
use crate::store::query::{Conditions, get, time};
use crate::store::rows::MAX_ROWS;
use duckdb::{Connection, Row};
use std::collections::{BTreeMap, HashMap};

/// The removal of a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalRow {
    pub by: String,
    pub at: Timestamp,
}

/// A quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    pub id: QuarantineId,
    pub pattern: String,
    pub worker: Option<String>,
    pub backend: Option<String>,
    pub reason: String,
    pub by: String,
    pub added_at: Timestamp,
    pub expires_at: Timestamp,
    pub removed: Option<RemovalRow>,
    /// Number of ended tests that it covered.
    pub tests: u64,
    /// Number of them that did not pass at the first attempt.
    pub bad: u64,
}

/// One series of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceRow {
    pub id: AcceptanceId,
    pub case: CaseId,
    pub series: SeriesId,
    /// Name of the test of the case in the run, if there is one.
    pub name: Option<String>,
    /// `None`: all metrics.
    pub metric: Option<String>,
    pub run: RunId,
    pub reason: String,
    pub by: String,
    pub accepted_at: Timestamp,
    pub removed: Option<RemovalRow>,
}

/// The runs from which on changes are known: of all metrics of a series (`None`), or of one.
pub type AcceptedRuns = HashMap<SeriesId, Vec<Accepted>>;

/// A metric, `None` for all, and the run from which on its change is accepted.
pub type Accepted = (Option<String>, RunId);

impl Store {
    /// Lists quarantines, the newest first; only those in force at a time if it is given.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn quarantines(&self, at: Option<Timestamp>) -> Result<Vec<QuarantineRow>, StoreError> {
        let mut conditions = Conditions::default();
        if let Some(at) = at {
            conditions.and("marks.expires_ms > ?", [at.0]);
            conditions.and_plain("removals.removed_ms IS NULL");
        }
        let select = format!(
            "WITH counts AS (SELECT quarantined.quarantine, count(*) AS tests, \
             count(*) FILTER (ended.outcome <> 'passed' OR ended.flaky) AS bad \
             FROM quarantined JOIN test_outcomes AS ended ON ended.run = quarantined.run \
             AND ended.test = quarantined.test GROUP BY quarantined.quarantine) \
             SELECT marks.quarantine, marks.pattern, marks.worker, marks.backend, marks.reason, \
             marks.added_by, marks.added_ms, marks.expires_ms, removals.removed_by, \
             removals.removed_ms, coalesce(counts.tests, 0), coalesce(counts.bad, 0) \
             FROM quarantines AS marks LEFT JOIN {} \
             LEFT JOIN counts ON counts.quarantine = marks.quarantine",
            removals(QUARANTINE, "marks.quarantine")
        );
        let rest = format!(" ORDER BY marks.quarantine DESC LIMIT {MAX_ROWS}");
        self.pool.read(|connection| {
            conditions.query(connection, &select, &rest, |row| {
                Ok(QuarantineRow {
                    id: QuarantineId(get(row, 0)?),
                    pattern: get(row, 1)?,
                    worker: get(row, 2)?,
                    backend: get(row, 3)?,
                    reason: get(row, 4)?,
                    by: get(row, 5)?,
                    added_at: Timestamp(get(row, 6)?),
                    expires_at: Timestamp(get(row, 7)?),
                    removed: removal(row, 8)?,
                    tests: get(row, 10)?,
                    bad: get(row, 11)?,
                })
            })
        })
    }

    /// Lists the series of acceptances, the newest acceptance first; without removed ones unless `all`
    /// is set.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn acceptances(&self, all: bool) -> Result<Vec<AcceptanceRow>, StoreError> {
        let mut conditions = Conditions::default();
        if !all {
            conditions.and_plain("removals.removed_ms IS NULL");
        }
        let select = format!(
            "SELECT marks.acceptance, marks.case_id, marks.series_id, \
             (SELECT min(tests.name) FROM tests WHERE tests.run = marks.run \
             AND tests.case_id = marks.case_id), marks.metric, marks.run, marks.reason, \
             marks.accepted_by, marks.accepted_ms, removals.removed_by, removals.removed_ms \
             FROM acceptances AS marks LEFT JOIN {}",
            removals(ACCEPTANCE, "marks.acceptance")
        );
        let rest = format!(" ORDER BY marks.acceptance DESC, 4, marks.metric LIMIT {MAX_ROWS}");
        self.pool.read(|connection| {
            conditions.query(connection, &select, &rest, |row| {
                Ok(AcceptanceRow {
                    id: AcceptanceId(get(row, 0)?),
                    case: CaseId(get(row, 1)?),
                    series: SeriesId(get(row, 2)?),
                    name: get(row, 3)?,
                    metric: get(row, 4)?,
                    run: RunId(get(row, 5)?),
                    reason: get(row, 6)?,
                    by: get(row, 7)?,
                    accepted_at: Timestamp(get(row, 8)?),
                    removed: removal(row, 9)?,
                })
            })
        })
    }
}

impl Store {
    /// The acceptances in force, by series.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn accepted_runs(&self) -> Result<AcceptedRuns, StoreError> {
        let mut conditions = Conditions::default();
        conditions.and_plain("removals.removed_ms IS NULL");
        let select = format!(
            "SELECT marks.series_id, marks.metric, marks.run FROM acceptances AS marks LEFT JOIN {}",
            removals(ACCEPTANCE, "marks.acceptance")
        );
        self.pool.read(|connection| {
            let rows = conditions.query(connection, &select, "", |row| {
                Ok((SeriesId(get(row, 0)?), (get(row, 1)?, RunId(get(row, 2)?))))
            })?;
            let mut accepted = AcceptedRuns::new();
            for (series, of) in rows {
                accepted.entry(series).or_default().push(of);
            }
            Ok(accepted)
        })
    }

    /// The case of a test, and the series of its last attempt. `None` if they are not known.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn series_of(&self, test: TestId) -> Result<Option<(CaseId, SeriesId)>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.and("tests.run = ?", [test.run.0]);
        conditions.and("tests.test = ?", [test.index]);
        conditions.and_plain("tests.case_id IS NOT NULL AND attempts.series_id IS NOT NULL");
        let select = "SELECT tests.case_id, attempts.series_id FROM tests JOIN attempts \
            ON attempts.run = tests.run AND attempts.test = tests.test";
        let newest = " ORDER BY attempts.attempt DESC LIMIT 1";
        self.pool.read(|connection| {
            let series = conditions.query(connection, select, newest, |row| {
                Ok((CaseId(get(row, 0)?), SeriesId(get(row, 1)?)))
            })?;
            Ok(series.into_iter().next())
        })
    }

    /// The names of the metrics of a test, and of the figures of its checks as `CHECK.FIGURE`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn metric_names(&self, test: TestId) -> Result<Vec<String>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.and("own.run = ?", [test.run.0]);
        conditions.and("own.test = ?", [test.index]);
        let select = "SELECT DISTINCT own.name FROM (SELECT run, test, name FROM metrics \
            UNION ALL SELECT run, test, concat(name, '.', figure) FROM check_values) AS own";
        self.pool.read(|connection| {
            conditions.query(connection, select, " ORDER BY own.name", |row| get(row, 0))
        })
    }

    /// The worker of the last attempt of a test. `None` for a test without one, and for a test in
    /// quarantine.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn confirming_worker(&self, test: TestId) -> Result<Option<WorkerId>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.and("attempts.run = ?", [test.run.0]);
        conditions.and("attempts.test = ?", [test.index]);
        conditions
            .and_plain("(attempts.run, attempts.test) NOT IN (SELECT run, test FROM quarantined)");
        let newest = " ORDER BY attempts.attempt DESC LIMIT 1";
        self.pool.read(|connection| {
            let workers =
                conditions.query(connection, "SELECT worker FROM attempts", newest, |row| {
                    get(row, 0).map(WorkerId)
                })?;
            Ok(workers.into_iter().next())
        })
    }

    /// The latest name of each worker.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn worker_names(&self) -> Result<BTreeMap<WorkerId, String>, StoreError> {
        self.pool.read(worker_names)
    }
}

/// As [`Store::worker_names`].
pub(super) fn worker_names(
    connection: &Connection,
) -> Result<BTreeMap<WorkerId, String>, StoreError> {
    let select = "SELECT worker, name FROM worker_names";
    let names = Conditions::default()
        .query(connection, select, "", |row| Ok((WorkerId(get(row, 0)?), get(row, 1)?)))?;
    Ok(names.into_iter().collect())
}

/// The first removal of each mark of a kind, as a table to join.
fn removals(kind: &str, mark: &str) -> String {
    format!(
        "(SELECT mark, arg_min(removed_by, removed_ms) AS removed_by, min(removed_ms) AS removed_ms \
         FROM mark_removals WHERE kind = '{kind}' GROUP BY mark) AS removals ON removals.mark = {mark}"
    )
}

/// Reads two columns, beginning at `first`.
fn removal(row: &Row<'_>, first: usize) -> Result<Option<RemovalRow>, StoreError> {
    let Some(at) = time(row, first + 1)? else { return Ok(None) };
    Ok(Some(RemovalRow { by: get(row, first)?, at }))
}
