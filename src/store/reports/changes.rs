//! Details of the tests of two sides ([`super::pairs`]), and packages that differ between them.

use crate::domain::id::{RunId, TestId};
use crate::domain::series::SeriesId;
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, Conditions, LAST_ATTEMPTS, filled, get};
use duckdb::Connection;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Details of a test of a side, for those that are listed.
#[derive(Debug, Clone, PartialEq)]
pub struct SideRow {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub message: String,
    pub worker: Option<String>,
    pub series: Option<SeriesId>,
}

/// Maximum number of tests that one query is about.
const AT_ONCE: usize = 20_000;

/// The columns of [`SideRow`].
const SIDES: &str = "SELECT tests.run, tests.test, tests.name, tests.labels, \
    coalesce(ended.message, tried.message, ''), names.name, tried.series_id FROM tests \
    JOIN test_outcomes AS ended ON ended.run = tests.run AND ended.test = tests.test";

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
            let sql = filled(PACKAGES, [&before.0, &after.0, &limit]);
            let mut statement = connection.prepare(&sql).doing("query")?;
            let rows = statement.query_and_then([], |row| {
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
        let sql = filled(sql, [&since.map_or(0, |since| since.0)]);
        self.pool.read(|connection| {
            let mut statement = connection.prepare(&sql).doing("query")?;
            let mut rows = statement.query_and_then([], |row| {
                let ends: (Option<u32>, Option<u32>) = (get(row, 0)?, get(row, 1)?);
                Ok(ends.0.zip(ends.1).map(|(first, last)| (RunId(first), RunId(last))))
            });
            rows.as_mut().map_or(Ok(None), |rows| rows.next().transpose().map(Option::flatten))
        })
    }

    /// Reads the details of tests that have ended.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn sides(&self, tests: &[TestId]) -> Result<HashMap<TestId, SideRow>, StoreError> {
        self.pool.read(|connection| {
            let mut sides = HashMap::new();
            for part in tests.chunks(AT_ONCE) {
                sides.extend(described(connection, part)?);
            }
            Ok(sides)
        })
    }

    /// The names of tests.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn names(&self, tests: &[TestId]) -> Result<HashMap<TestId, String>, StoreError> {
        let select = "SELECT tests.run, tests.test, tests.name FROM tests";
        self.pool.read(|connection| {
            let mut names = HashMap::new();
            for part in tests.chunks(AT_ONCE) {
                let mut conditions = Conditions::default();
                conditions.tests("tests", part);
                names.extend(conditions.query(connection, select, "", |row| {
                    Ok((query::test_id(row, 0, 1)?, get::<String>(row, 2)?))
                })?);
            }
            Ok(names)
        })
    }

    /// Number of ended tests of the judged runs that cannot be compared, because their case is not known.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn count_without_case(&self, (first, last): (RunId, RunId)) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM tests JOIN test_outcomes AS ended \
            ON ended.run = tests.run AND ended.test = tests.test \
            WHERE tests.run BETWEEN ?1 AND ?2 AND tests.case_id IS NULL";
        let sql = filled(sql, [&first.0, &last.0]);
        self.pool.read(|connection| connection.query_row(&sql, [], |row| row.get(0)).doing("query"))
    }

    /// The tests of a run that repeat others to confirm a change.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn repetitions(&self, run: RunId) -> Result<HashSet<TestId>, StoreError> {
        let mut of_run = Conditions::default();
        of_run.and("run = ?", [run.0]);
        of_run.and_plain("confirms IS NOT NULL");
        self.pool.read(|connection| {
            let select = "SELECT run, test FROM tests";
            let rows = of_run.query(connection, select, "", |row| query::test_id(row, 0, 1))?;
            Ok(rows.into_iter().collect())
        })
    }
}

/// Details of tests.
fn described(
    connection: &Connection,
    tests: &[TestId],
) -> Result<HashMap<TestId, SideRow>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.tests("tests", tests);
    let select = format!(
        "{SIDES} LEFT JOIN ({LAST_ATTEMPTS}) AS tried ON tried.run = tests.run \
         AND tried.test = tests.test \
         LEFT JOIN worker_names AS names ON names.worker = tried.worker"
    );
    let rows = conditions.query(connection, &select, "", |row| {
        let side = SideRow {
            name: get(row, 2)?,
            labels: query::labels(row, 3)?,
            message: get(row, 4)?,
            worker: get(row, 5)?,
            series: get::<Option<u64>>(row, 6)?.map(SeriesId),
        };
        Ok((query::test_id(row, 0, 1)?, side))
    })?;
    Ok(rows.into_iter().collect())
}
