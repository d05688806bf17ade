//! The attempts of tests over time, for the judgement whether they are flaky.
//!
//! Limit: about 250,000 attempts are in memory together, beside the newest attempts of each case.
//!
//! Attempts are joined with their cases, sorted and cut here: to do that in the database takes several times as long.

use crate::domain::id::{AttemptId, QuarantineId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::series::CaseId;
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::columns::{numbers, texts};
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, Conditions, filled, get, joined};
use crate::store::reports::parts::{Part, divided};
use crate::store::reports::quarantined::QuarantineRefRow;
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{UInt16Type, UInt32Type, UInt64Type};
use duckdb::{Connection, Row};
use foldhash::{HashMap, HashSet};

/// Maximum number of attempts that are read at once. Those of one test are not divided.
const AT_ONCE: u64 = 250_000;

/// Attempts of one case that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRow {
    pub case: CaseId,
    pub backend: Option<String>,
    /// The newest test.
    pub test: TestId,
    /// Name of the newest test.
    pub name: String,
    /// The oldest first.
    pub attempts: Vec<PastAttempt>,
    /// The quarantine of the newest test.
    pub quarantined: Option<QuarantineRefRow>,
}

/// One ended attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastAttempt {
    pub worker: WorkerId,
    pub outcome: Outcome,
    pub class: Option<Class>,
    /// The test passed with it, after an earlier attempt or a part of it had failed.
    pub recovered: bool,
    pub at: Timestamp,
}

/// Attempts of all cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PastRows {
    pub cases: Vec<CaseRow>,
    /// Number of attempts of any run whose case is not known, which are left out.
    pub unknown: u64,
}

impl Store {
    /// Lists the cases, or those of the tests of one run, with their newest attempts since a time, at most `limit` of
    /// each, in the order of their ids.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn past_attempts(
        &self,
        since: Timestamp,
        of_run: Option<RunId>,
        limit: usize,
    ) -> Result<PastRows, StoreError> {
        self.past_attempts_in_parts(since, of_run, limit, AT_ONCE)
    }

    /// As [`Store::past_attempts`], with the attempts of runs that have `at_once` attempts together in memory.
    pub(in crate::store) fn past_attempts_in_parts(
        &self,
        since: Timestamp,
        of_run: Option<RunId>,
        limit: usize,
        at_once: u64,
    ) -> Result<PastRows, StoreError> {
        self.pool.read(|connection| {
            let mut gathered = Gathered { limit, ..Gathered::default() };
            if let Some(run) = of_run {
                gathered.only(connection, run)?;
            }
            for part in parts(connection, since, at_once)? {
                gathered.add(connection, since, &part)?;
            }
            let of_cases = gathered.by_case.into_iter();
            let mut cases = of_cases
                .filter_map(|(case, newest)| newest.finish(case, limit))
                .collect::<Vec<_>>();
            cases.sort_unstable_by_key(|row| row.case);
            describe(connection, &mut cases)?;
            Ok(PastRows { cases, unknown: gathered.unknown })
        })
    }
}

/// Divides the attempts that ended since a time.
fn parts(connection: &Connection, since: Timestamp, at_once: u64) -> Result<Vec<Part>, StoreError> {
    let sql = "SELECT run, count(*)::UBIGINT, max(test) FROM attempts WHERE finished_ms >= ?1 \
        GROUP BY run ORDER BY run";
    let mut statement = connection.prepare(&filled(sql, [&since.0])).doing("query")?;
    let rows = statement.query_and_then([], |row| {
        Ok::<_, StoreError>((get::<u32>(row, 0)?, get::<u64>(row, 1)?, get::<u32>(row, 2)?))
    });
    let runs: Result<Vec<_>, _> = rows.doing("query")?.collect();
    Ok(divided(&runs?, at_once))
}

/// The attempts of the runs so far, by case.
#[derive(Default)]
struct Gathered {
    by_case: HashMap<CaseId, Newest>,
    unknown: u64,
    /// Number of attempts of a case that are kept.
    limit: usize,
    /// Only the cases that are in `by_case` already are gathered.
    is_limited: bool,
}

impl Gathered {
    /// Leaves out all cases but those of the tests of a run.
    fn only(&mut self, connection: &Connection, run: RunId) -> Result<(), StoreError> {
        let mut of_run = Conditions::default();
        of_run.and("run = ?", [run.0]);
        of_run.and_plain("case_id IS NOT NULL");
        let select = "SELECT DISTINCT case_id FROM tests";
        let cases = of_run.query(connection, select, "", |row| Ok(CaseId(get(row, 0)?)))?;
        self.by_case = cases.into_iter().map(|case| (case, Newest::default())).collect();
        self.is_limited = true;
        Ok(())
    }

    /// Adds the attempts of a part that ended since a time.
    fn add(
        &mut self,
        connection: &Connection,
        since: Timestamp,
        part: &Part,
    ) -> Result<(), StoreError> {
        let cases = Cases::of(connection, part)?;
        let recovered = recovered(connection, part)?;
        let sql = "SELECT run, test, attempt, worker, outcome, class, finished_ms FROM attempts \
            WHERE finished_ms >= ?1 AND run BETWEEN ?2 AND ?3 AND test BETWEEN ?4 AND ?5";
        let Part { runs, tests } = part;
        let sql = filled(sql, [&since.0, &runs.0, &runs.1, &tests.0, &tests.1]);
        let mut statement = connection.prepare(&sql).doing("query")?;
        for batch in statement.query_arrow([]).doing("query")? {
            self.add_batch(&batch, &cases, &recovered)?;
        }
        Ok(())
    }

    /// Adds the attempts of a batch, which are in no order.
    fn add_batch(
        &mut self,
        batch: &RecordBatch,
        cases: &Cases,
        recovered: &HashSet<TestId>,
    ) -> Result<(), StoreError> {
        let [runs, tests, workers] = [0, 1, 3].map(|at| numbers::<UInt32Type>(batch, at));
        let (attempts, times) = (numbers::<UInt16Type>(batch, 2), numbers::<UInt64Type>(batch, 6));
        let (outcomes, classes) = (texts(batch, 4), texts(batch, 5));
        let limit = self.limit;
        for row in 0..batch.num_rows() {
            let test = TestId { run: RunId(runs.value(row)), index: tests.value(row) };
            let Some((_, case)) = cases.get(test) else { continue };
            let Some(case) = case else {
                self.unknown += 1;
                continue;
            };
            let Some(newest) = self.newest(*case) else { continue };
            let missing = || StoreError::Value { what: "outcome", value: "NULL".to_owned() };
            let outcome = outcomes.word(row, "outcome")?.ok_or_else(missing)?;
            let attempt = PastAttempt {
                worker: WorkerId(workers.value(row)),
                outcome,
                class: classes.word(row, "class")?,
                recovered: outcome == Outcome::Passed && recovered.contains(&test),
                at: Timestamp(times.value(row)),
            };
            newest.add(test.attempt(attempts.value(row)), attempt, limit);
        }
        Ok(())
    }

    /// The attempts of a case; `None` if they are left out.
    fn newest(&mut self, case: CaseId) -> Option<&mut Newest> {
        if self.is_limited {
            return self.by_case.get_mut(&case);
        }
        Some(self.by_case.entry(case).or_default())
    }
}

/// The tests of a part with their cases. A test of an earlier version of the database may have none.
#[derive(Default)]
struct Cases {
    /// In the order of the tests.
    tests: Vec<(TestId, Option<CaseId>)>,
    /// Position of the first test of each run.
    firsts: HashMap<RunId, usize>,
}

impl Cases {
    fn of(connection: &Connection, Part { runs, tests }: &Part) -> Result<Self, StoreError> {
        let sql = "SELECT run, test, case_id FROM tests \
            WHERE run BETWEEN ?1 AND ?2 AND test BETWEEN ?3 AND ?4";
        let sql = filled(sql, [&runs.0, &runs.1, &tests.0, &tests.1]);
        let mut statement = connection.prepare(&sql).doing("query")?;
        let mut cases = Self::default();
        for batch in statement.query_arrow([]).doing("query")? {
            let [runs, tests] = [0, 1].map(|at| numbers::<UInt32Type>(&batch, at));
            let ids = numbers::<UInt64Type>(&batch, 2);
            cases.tests.extend((0..batch.num_rows()).map(|row| {
                let test = TestId { run: RunId(runs.value(row)), index: tests.value(row) };
                (test, ids.get(row).map(CaseId))
            }));
        }
        // Nearly sorted already.
        cases.tests.sort_by_key(|(test, _)| *test);
        let mut at = 0;
        for of_run in cases.tests.chunk_by(|(one, _), (other, _)| one.run == other.run) {
            cases.firsts.insert(of_run[0].0.run, at);
            at += of_run.len();
        }
        Ok(cases)
    }

    /// A test with its case, if there is such a test.
    fn get(&self, test: TestId) -> Option<&(TestId, Option<CaseId>)> {
        let first = *self.firsts.get(&test.run)?;
        // The tests of a run are numbered without gaps, from the first one of the part on.
        let distance = test.index.checked_sub(self.tests[first].0.index)?;
        let near = self.tests.get(first + distance as usize);
        near.filter(|(found, _)| *found == test).or_else(|| {
            let found = self.tests.binary_search_by_key(&test, |(known, _)| *known);
            found.ok().map(|at| &self.tests[at])
        })
    }
}

/// The tests of a part that passed after an earlier attempt or a part of them had failed.
fn recovered(
    connection: &Connection,
    Part { runs, tests }: &Part,
) -> Result<HashSet<TestId>, StoreError> {
    let sql = "SELECT run, test FROM test_outcomes \
        WHERE flaky AND run BETWEEN ?1 AND ?2 AND test BETWEEN ?3 AND ?4";
    let sql = filled(sql, [&runs.0, &runs.1, &tests.0, &tests.1]);
    let mut statement = connection.prepare(&sql).doing("query")?;
    let rows = statement.query_and_then([], |row| query::test_id(row, 0, 1));
    rows.doing("query")?.collect()
}

/// The newest attempts of a case.
#[derive(Default)]
struct Newest(Vec<(AttemptId, PastAttempt)>);

impl Newest {
    /// Adds an attempt. Older ones than `limit` others are dropped from time to time.
    fn add(&mut self, id: AttemptId, attempt: PastAttempt, limit: usize) {
        self.0.push((id, attempt));
        if self.0.len() >= 2 * limit.max(1) {
            self.cut(limit);
        }
    }

    /// Sorts the attempts by time, and keeps the newest ones.
    fn cut(&mut self, limit: usize) {
        self.0.sort_unstable_by_key(|(id, attempt)| (attempt.at, *id));
        self.0.drain(..self.0.len().saturating_sub(limit));
    }

    /// `None` without an attempt.
    fn finish(mut self, case: CaseId, limit: usize) -> Option<CaseRow> {
        self.cut(limit);
        let (newest, _) = self.0.last()?;
        Some(CaseRow {
            case,
            backend: None,
            test: newest.test,
            name: String::new(),
            attempts: self.0.iter().map(|(.., attempt)| *attempt).collect(),
            quarantined: None,
        })
    }
}

/// Adds what is known of the newest tests.
fn describe(connection: &Connection, cases: &mut [CaseRow]) -> Result<(), StoreError> {
    if cases.is_empty() {
        return Ok(());
    }
    let tests = || cases.iter().map(|case| case.test);
    let runs = joined(tests().map(|test| test.run.0));
    let indices = joined(tests().map(|test| test.index));
    let mut statement = connection.prepare(&filled(NAMES, [&runs, &indices])).doing("query")?;
    let described = statement.query_and_then([], |row| {
        let quarantined = quarantine(row, 4)?;
        Ok::<_, StoreError>((query::test_id(row, 0, 1)?, (get(row, 2)?, get(row, 3)?, quarantined)))
    });
    let described: Result<HashMap<TestId, _>, _> = described.doing("query")?.collect();
    let mut described = described?;
    for case in cases {
        if let Some((name, backend, quarantined)) = described.remove(&case.test) {
            (case.name, case.backend, case.quarantined) = (name, backend, quarantined);
        }
    }
    Ok(())
}

/// The values are the runs and the numbers of tests.
const NAMES: &str = "WITH wanted AS (SELECT unnest(string_split(?1, ','))::UINTEGER AS run, \
        unnest(string_split(?2, ','))::UINTEGER AS test) \
    SELECT tests.run, tests.test, tests.name, tests.backend, \
    marks.quarantine, marks.reason, marks.expires_ms \
    FROM tests JOIN wanted ON wanted.run = tests.run AND wanted.test = tests.test \
    LEFT JOIN quarantined ON quarantined.run = tests.run AND quarantined.test = tests.test \
    LEFT JOIN quarantines AS marks ON marks.quarantine = quarantined.quarantine";

fn quarantine(row: &Row<'_>, first: usize) -> Result<Option<QuarantineRefRow>, StoreError> {
    let Some(id) = get::<Option<u32>>(row, first)? else { return Ok(None) };
    let (reason, expires_at) = (get(row, first + 1)?, Timestamp(get(row, first + 2)?));
    Ok(Some(QuarantineRefRow { quarantine: QuarantineId(id), reason, expires_at }))
}
