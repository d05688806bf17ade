//! The tests and values of two sides, joined by their cases and series.

use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::columns::{numbers, texts, truths};
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, Conditions, LAST_ATTEMPTS, Literal, PLACES, filled, get, joined};
use crate::store::reports::quarantined::{self, QuarantineRefRow};
use duckdb::arrow::datatypes::UInt32Type;
use duckdb::{Connection, Row};
use std::collections::{BTreeMap, HashMap, HashSet};

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

/// How a test of a side ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndRow {
    pub test: TestId,
    pub outcome: Outcome,
    pub flaky: bool,
}

/// One case with how its test of each side ended.
#[derive(Debug, Clone, PartialEq)]
pub struct PairRow {
    pub case: CaseId,
    pub after: Option<EndRow>,
    pub before: Option<EndRow>,
    /// The quarantine of the judged test; of the one before if the case is not on the judged side.
    pub quarantined: Option<QuarantineRefRow>,
}

/// Details of a test of a side, for those that are listed.
#[derive(Debug, Clone, PartialEq)]
pub struct SideRow {
    pub labels: BTreeMap<String, String>,
    pub message: String,
    pub worker: Option<String>,
    pub series: Option<SeriesId>,
}

/// Maximum number of tests that one query is about.
const AT_ONCE: usize = 20_000;

/// The tests of a pair. At least one of them is there.
struct Chosen {
    case: CaseId,
    after: Option<TestId>,
    before: Option<TestId>,
}

/// Number of runs before the judged ones in which every case is searched.
const RECENT: u32 = 4;
/// Numbers of older runs that are searched, one after the other, for the cases that have no test until then.
const OLDER: [u32; 2] = [30, u32::MAX];

/// Whether a test that ended in this way proves nothing about its case.
const IS_WEAK: &str = "ended.outcome IN ('cancelled', 'skipped', 'expired', 'worker_lost')";

/// The ends of tests, with the place of each test.
fn ended() -> String {
    format!(
        "SELECT tests.case_id, tests.run, tests.confirms, {IS_WEAK} AS is_weak, \
         tests.run::UBIGINT * {PLACES}::UBIGINT + tests.test::UBIGINT AS place \
         FROM tests JOIN test_outcomes AS ended \
         ON ended.run = tests.run AND ended.test = tests.test WHERE tests.case_id IS NOT NULL"
    )
}

/// The tests of each case. `?1` to `?2` are the judged runs, `?3` to `?4` those before, `?5`: whether these are a
/// named run, `?6`: whether what precedes the judged runs is preferred. A repetition that confirms a change does not
/// show the state of its test, except in its own run.
fn chosen_sql() -> String {
    let ended = ended();
    let of_runs = |first, last| {
        let bounds = format!("BETWEEN ?{first} AND ?{last}");
        format!("{ended} AND tests.run {bounds} AND ended.run {bounds}")
    };
    format!(
        "WITH after AS MATERIALIZED (SELECT case_id, max(place) AS place FROM ({}) \
            WHERE ?1 = ?2 OR confirms IS NULL GROUP BY case_id), \
        earlier AS (SELECT own.*, ?6 AND own.run >= ?1 AS is_within FROM ({}) AS own \
            LEFT JOIN after ON after.case_id = own.case_id \
            WHERE own.confirms IS NULL AND (?5 OR own.place < after.place)), \
        before AS (SELECT case_id, max(place) FILTER (NOT is_within AND NOT is_weak) AS strong, \
            max(place) FILTER (NOT is_within) AS outside, \
            coalesce(min(place) FILTER (NOT is_weak), min(place)) AS within \
            FROM earlier GROUP BY case_id) \
        SELECT coalesce(after.case_id, before.case_id), after.place, before.strong, \
            before.outside, before.within \
            FROM after FULL OUTER JOIN before ON before.case_id = after.case_id",
        of_runs(1, 2),
        of_runs(3, 4)
    )
}

/// The newest tests of some cases in some runs. The values are the cases, and the first and the last run.
fn older_sql() -> String {
    format!(
        "SELECT case_id, max(place) FILTER (NOT is_weak), max(place) FROM ({} \
         AND tests.case_id IN (SELECT unnest(string_split(?1, ','))::UBIGINT) \
         AND tests.run BETWEEN ?2 AND ?3 \
         AND ended.run BETWEEN ?2 AND ?3) \
         WHERE confirms IS NULL GROUP BY case_id",
        ended()
    )
}

/// The tests of a case before the judged one, as far as they were found.
struct Found {
    case: CaseId,
    after: Option<TestId>,
    /// The newest one before the judged runs that is not weak, and the newest one of any kind.
    strong: Option<TestId>,
    outside: Option<TestId>,
    /// The first one, which may be in the judged runs.
    within: Option<TestId>,
}

/// The tests of each case on both sides, without their names.
fn chosen(connection: &Connection, Sides { to, before }: Sides) -> Result<Vec<Chosen>, StoreError> {
    let from = match before {
        Before::Run(run) => (run.0, run.0),
        Before::Previous | Before::Period => (to.0.0.saturating_sub(RECENT), to.1.0),
    };
    let (is_named, is_period) = (matches!(before, Before::Run(_)), before == Before::Period);
    let values: [&dyn Literal; 6] = [&to.0.0, &to.1.0, &from.0, &from.1, &is_named, &is_period];
    let mut statement = connection.prepare(&filled(&chosen_sql(), values)).doing("query")?;
    let rows = statement.query_and_then([], |row| {
        let case = CaseId(get(row, 0)?);
        let [after, strong, outside, within] = places(row, [1, 2, 3, 4])?;
        Ok(Found { case, after, strong, outside, within })
    });
    let found: Result<Vec<Found>, StoreError> = rows.doing("query")?.collect();
    let found = found?;
    let older = if is_named { HashMap::new() } else { older(connection, &found, from.0)? };
    let choose = |Found { case, after, strong, outside, within }: Found| {
        let (older, oldest) = older.get(&case).copied().unwrap_or_default();
        let before = strong.or(older).or(outside).or(oldest).or(within);
        Chosen { case, after, before }
    };
    Ok(found.into_iter().map(choose).collect())
}

/// The newest test of a case that is not weak, and the newest one of any kind.
type Newest = (Option<TestId>, Option<TestId>);

/// The newest tests before the run `end` of the cases that have no test that is not weak, each with the newest one of
/// any kind.
fn older(
    connection: &Connection,
    found: &[Found],
    mut end: u32,
) -> Result<HashMap<CaseId, Newest>, StoreError> {
    let mut older: HashMap<CaseId, Newest> = HashMap::new();
    for runs in OLDER {
        let is_missing = |found: &&Found| {
            let has_older = older.get(&found.case).is_some_and(|(strong, _)| strong.is_some());
            found.strong.is_none() && !has_older
        };
        let missing = joined(found.iter().filter(is_missing).map(|found| found.case.0));
        if missing.is_empty() || end == 0 {
            break;
        }
        let first = end.saturating_sub(runs);
        let sql = filled(&older_sql(), [&missing, &first, &(end - 1)]);
        let mut statement = connection.prepare(&sql).doing("query")?;
        let rows = statement.query_and_then([], |row| {
            let [strong, any] = places(row, [1, 2])?;
            Ok::<_, StoreError>((CaseId(get(row, 0)?), (strong, any)))
        });
        for row in rows.doing("query")? {
            let (case, (strong, any)) = row?;
            let newest = older.entry(case).or_default();
            *newest = (newest.0.or(strong), newest.1.or(any));
        }
        end = first;
    }
    Ok(older)
}

/// Reads columns with places of tests.
fn places<const N: usize>(
    row: &Row<'_>,
    columns: [usize; N],
) -> Result<[Option<TestId>; N], StoreError> {
    let mut tests = [None; N];
    for (test, column) in tests.iter_mut().zip(columns) {
        *test = get::<Option<u64>>(row, column)?.map(query::at_place);
    }
    Ok(tests)
}

/// The columns of [`SideRow`].
const SIDES: &str = "SELECT tests.run, tests.test, tests.labels, \
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

    /// Pairs the tests of each case on both sides, in any order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pairs(&self, sides: Sides) -> Result<Vec<PairRow>, StoreError> {
        self.pool.read(|connection| {
            let chosen = chosen(connection, sides)?;
            let tests: Vec<TestId> =
                chosen.iter().flat_map(|pair| [pair.after, pair.before]).flatten().collect();
            let ends = ends(connection, &tests)?;
            let marks = quarantined::of(connection, &tests.into_iter().collect())?;
            let end = |test: Option<TestId>| test.and_then(|test| ends.get(&test)).copied();
            let pair = |Chosen { case, after, before }: Chosen| PairRow {
                case,
                after: end(after),
                before: end(before),
                quarantined: after.or(before).and_then(|test| marks.get(&test)).cloned(),
            };
            Ok(chosen.into_iter().map(pair).collect())
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

/// How each of these tests ended.
fn ends(connection: &Connection, tests: &[TestId]) -> Result<HashMap<TestId, EndRow>, StoreError> {
    let select = "SELECT ended.run, ended.test, ended.outcome, ended.flaky \
        FROM test_outcomes AS ended";
    let mut ends = HashMap::with_capacity(tests.len());
    for part in tests.chunks(AT_ONCE) {
        let mut conditions = Conditions::default();
        conditions.tests("ended", part);
        conditions.batches(connection, select, |batch| {
            let [runs, indices] = [0, 1].map(|at| numbers::<UInt32Type>(batch, at));
            let (outcomes, flaky) = (texts(batch, 2), truths(batch, 3));
            for row in 0..batch.num_rows() {
                let test = TestId { run: RunId(runs.value(row)), index: indices.value(row) };
                let missing = || StoreError::Value { what: "outcome", value: "NULL".to_owned() };
                let outcome = outcomes.word(row, "outcome")?.ok_or_else(missing)?;
                ends.insert(test, EndRow { test, outcome, flaky: flaky.value(row) });
            }
            Ok(())
        })?;
    }
    Ok(ends)
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
            labels: query::labels(row, 2)?,
            message: get(row, 3)?,
            worker: get(row, 4)?,
            series: get::<Option<u64>>(row, 5)?.map(SeriesId),
        };
        Ok((query::test_id(row, 0, 1)?, side))
    })?;
    Ok(rows.into_iter().collect())
}
