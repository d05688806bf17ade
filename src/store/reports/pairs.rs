//! The tests of two sides, joined by their cases.
//!
//! The tests of each case are chosen by this program: the database would group them twice, and then search how they
//! ended. Limit: about 100,000 tests are in memory together, beside a few of each case.

use crate::domain::id::{RunId, TestId};
use crate::domain::outcome::Outcome;
use crate::domain::series::CaseId;
use crate::store::Store;
use crate::store::columns::{numbers, texts, truths};
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, get, joined};
use crate::store::reports::parts::{AT_ONCE, Part, of_tests};
use crate::store::reports::quarantined::{self, QuarantineRefRow};
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{UInt32Type, UInt64Type};
use duckdb::{Connection, Row};
use foldhash::HashMap;
use std::collections::HashSet;

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

/// Number of runs before the judged ones in which every case is searched.
const RECENT: u32 = 4;
/// Numbers of older runs that are searched, one after the other, for the cases that have no test until then that proves
/// something.
const OLDER: [u32; 2] = [30, u32::MAX];

/// Tests that have ended. The conditions follow.
const ENDED: &str = "FROM tests \
    JOIN test_outcomes AS ended ON ended.run = tests.run AND ended.test = tests.test";
/// A test that ended in one of these ways proves nothing about its case.
const WEAK: [Outcome; 4] =
    [Outcome::Cancelled, Outcome::Skipped, Outcome::Expired, Outcome::WorkerLost];

impl Store {
    /// Pairs the tests of each case on both sides, in the order of their cases.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn pairs(&self, sides: Sides) -> Result<Vec<PairRow>, StoreError> {
        self.pairs_in_parts(sides, AT_ONCE)
    }

    /// As [`Store::pairs`], with `at_once` tests together in memory.
    pub(in crate::store) fn pairs_in_parts(
        &self,
        sides: Sides,
        at_once: u64,
    ) -> Result<Vec<PairRow>, StoreError> {
        self.pool.read(|connection| {
            let cases = match sides.before {
                Before::Run(run) => named(connection, sides.to, run, at_once)?,
                Before::Previous | Before::Period => preceding(connection, sides, at_once)?,
            };
            let pairs = cases.into_iter().map(|(case, found)| {
                let after = found.after.map(|after| after.end);
                (case, after, found.before())
            });
            let mut pairs: Vec<_> = pairs.collect();
            pairs.sort_unstable_by_key(|(case, ..)| case.0);
            let ends = pairs.iter().flat_map(|(_, after, before)| [after, before]).flatten();
            let tests: HashSet<TestId> = ends.map(|end| end.test).collect();
            let marks = quarantined::of(connection, &tests)?;
            let pair = |(case, after, before): (CaseId, Option<EndRow>, Option<EndRow>)| {
                let quarantined = after.or(before).and_then(|end| marks.get(&end.test)).cloned();
                PairRow { case, after, before, quarantined }
            };
            Ok(pairs.into_iter().map(pair).collect())
        })
    }
}

/// A test that has ended.
#[derive(Debug, Clone, Copy)]
struct Ended {
    end: EndRow,
    /// It repeats another one to confirm a change. It does not show the state of its case, except in its own run.
    is_repetition: bool,
}

/// The tests of a case so far.
#[derive(Default)]
struct Found {
    /// The newest one of the judged runs.
    after: Option<Ended>,
    /// The newest one before it that proves something, and the newest one of any kind.
    strong: Option<EndRow>,
    any: Option<EndRow>,
    /// The first one of the judged runs that proves something, and the first one of any kind.
    first_strong: Option<EndRow>,
    first: Option<EndRow>,
}

type Cases = HashMap<CaseId, Found>;

impl Found {
    /// The test of the side before.
    fn before(&self) -> Option<EndRow> {
        self.strong.or(self.any).or(self.first_strong).or(self.first)
    }

    /// Adds a test of the judged runs. Returns the one that is not the newest.
    fn add_after(&mut self, ended: Ended) -> Option<Ended> {
        match self.after {
            Some(after) if after.end.test > ended.end.test => Some(ended),
            _ => self.after.replace(ended),
        }
    }

    /// Adds a test of the side before.
    fn add_before(&mut self, end: EndRow) {
        keep(&mut self.any, end, |known| end.test > known.test);
        if !is_weak(end.outcome) {
            keep(&mut self.strong, end, |known| end.test > known.test);
        }
    }

    /// Adds a test of the judged runs that is not the newest one, for a case that has none before them.
    fn add_within(&mut self, end: EndRow) {
        keep(&mut self.first, end, |known| end.test < known.test);
        if !is_weak(end.outcome) {
            keep(&mut self.first_strong, end, |known| end.test < known.test);
        }
    }
}

/// Keeps a test if there is none, or if it is better than the known one.
fn keep(kept: &mut Option<EndRow>, end: EndRow, is_better: impl FnOnce(&EndRow) -> bool) {
    if kept.as_ref().is_none_or(is_better) {
        *kept = Some(end);
    }
}

fn is_weak(outcome: Outcome) -> bool {
    WEAK.contains(&outcome)
}

/// The tests of the judged runs, and those of one other run.
fn named(
    connection: &Connection,
    to: (RunId, RunId),
    run: RunId,
    at_once: u64,
) -> Result<Cases, StoreError> {
    let mut cases = Cases::default();
    read(connection, to, at_once, |case, ended| {
        if !ended.is_repetition || to.0 == to.1 {
            cases.entry(case).or_default().add_after(ended);
        }
    })?;
    read(connection, (run, run), at_once, |case, ended| {
        if !ended.is_repetition {
            cases.entry(case).or_default().add_before(ended.end);
        }
    })?;
    Ok(cases)
}

/// The tests of the judged runs, and those before them.
fn preceding(
    connection: &Connection,
    Sides { to, before }: Sides,
    at_once: u64,
) -> Result<Cases, StoreError> {
    let recent = RunId(to.0.0.saturating_sub(RECENT));
    let mut cases = Cases::default();
    read(connection, (recent, to.1), at_once, |case, ended| {
        let is_judged = |ended: &Ended| ended.end.test.run >= to.0;
        let found = cases.entry(case).or_default();
        let earlier = match ended {
            Ended { is_repetition: true, .. } if to.0 != to.1 || !is_judged(&ended) => None,
            _ if is_judged(&ended) => found.add_after(ended),
            _ => Some(ended),
        };
        match earlier.filter(|earlier| !earlier.is_repetition) {
            Some(earlier) if before == Before::Period && is_judged(&earlier) => {
                found.add_within(earlier.end);
            }
            Some(earlier) => found.add_before(earlier.end),
            None => {}
        }
    })?;
    cases.retain(|_, found| found.after.is_some());
    add_older(connection, &mut cases, recent.0)?;
    Ok(cases)
}

/// Adds the newest tests before the run `end` of the cases that have none yet that proves something. The database finds
/// them, because such a case may have a test in each run of years.
fn add_older(connection: &Connection, cases: &mut Cases, mut end: u32) -> Result<(), StoreError> {
    let newest = |which: &str| {
        let columns =
            "'run': tests.run, 'test': tests.test, 'outcome': ended.outcome, 'flaky': ended.flaky";
        let newest = format!("(max({{{columns}}}) FILTER ({which}))");
        ["run", "test", "outcome", "flaky"].map(|field| format!("{newest}.{field}")).join(", ")
    };
    let select = format!(
        "SELECT tests.case_id, {}, {} {ENDED}",
        newest("true"),
        newest(&format!("ended.outcome NOT IN ('{}')", WEAK.map(Outcome::name).join("', '")))
    );
    for runs in OLDER {
        let is_missing = |(_, found): &(&CaseId, &Found)| found.strong.is_none();
        let missing = joined(cases.iter().filter(is_missing).map(|(case, _)| case.0));
        if missing.is_empty() || end == 0 {
            break;
        }
        let first = end.saturating_sub(runs);
        let mut of_cases = of_range((first, end - 1), (0, u32::MAX));
        let condition = "tests.case_id IN (SELECT unnest(string_split(?, ','))::UBIGINT)";
        of_cases.and(condition, [missing]);
        of_cases.and_plain("tests.confirms IS NULL");
        let rows = of_cases.query(connection, &select, " GROUP BY tests.case_id", |row| {
            Ok((CaseId(get(row, 0)?), [end_row(row, 1)?, end_row(row, 5)?]))
        })?;
        for (case, ends) in rows {
            let Some(found) = cases.get_mut(&case) else { continue };
            ends.into_iter().flatten().for_each(|end| found.add_before(end));
        }
        end = first;
    }
    Ok(())
}

/// Reads how a test ended from four columns, beginning at `first`. `None` if they are NULL.
fn end_row(row: &Row<'_>, first: usize) -> Result<Option<EndRow>, StoreError> {
    let Some(outcome) = query::outcome(row, first + 2)? else { return Ok(None) };
    let test = query::test_id(row, first, first + 1)?;
    Ok(Some(EndRow { test, outcome, flaky: get(row, first + 3)? }))
}

/// Reads the tests of the runs from the first to the last one, in any order, `at_once` of them at a time.
fn read(
    connection: &Connection,
    (first, last): (RunId, RunId),
    at_once: u64,
    mut visit: impl FnMut(CaseId, Ended),
) -> Result<(), StoreError> {
    let mut between = Conditions::default();
    between.and("run BETWEEN ? AND ?", [first.0, last.0]);
    let select = "SELECT run FROM runs";
    let runs = between.query(connection, select, " ORDER BY run", |row| get(row, 0).map(RunId))?;
    let select = format!(
        "SELECT tests.case_id, tests.run, tests.test, tests.confirms IS NOT NULL, \
         ended.outcome, ended.flaky {ENDED}"
    );
    for Part { runs, tests } in of_tests(connection, &runs, at_once)? {
        let of_part = of_range(runs, tests);
        of_part.batches(connection, &select, |batch| read_batch(batch, &mut visit))?;
    }
    Ok(())
}

/// Conditions of [`ENDED`] about the numbers of runs and of tests. DuckDB skips whole blocks of both tables by them.
fn of_range(runs: (u32, u32), tests: (u32, u32)) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.and_plain("tests.case_id IS NOT NULL");
    conditions.and("tests.run BETWEEN ? AND ?", [runs.0, runs.1]);
    conditions.and("ended.run BETWEEN ? AND ?", [runs.0, runs.1]);
    conditions.and("tests.test BETWEEN ? AND ?", [tests.0, tests.1]);
    conditions.and("ended.test BETWEEN ? AND ?", [tests.0, tests.1]);
    conditions
}

fn read_batch(
    batch: &RecordBatch,
    visit: &mut impl FnMut(CaseId, Ended),
) -> Result<(), StoreError> {
    let cases = numbers::<UInt64Type>(batch, 0);
    let [runs, indices] = [1, 2].map(|at| numbers::<UInt32Type>(batch, at));
    let (repetitions, outcomes, flaky) = (truths(batch, 3), texts(batch, 4), truths(batch, 5));
    for row in 0..batch.num_rows() {
        let test = TestId { run: RunId(runs.value(row)), index: indices.value(row) };
        let missing = || StoreError::Value { what: "outcome", value: "NULL".to_owned() };
        let outcome = outcomes.word(row, "outcome")?.ok_or_else(missing)?;
        let end = EndRow { test, outcome, flaky: flaky.value(row) };
        visit(CaseId(cases.value(row)), Ended { end, is_repetition: repetitions.value(row) });
    }
    Ok(())
}
