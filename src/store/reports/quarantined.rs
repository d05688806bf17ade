//! Tests of a report that are in quarantine: their counts, and the quarantine of each.

use crate::domain::id::{QuarantineId, RunId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Timestamp;
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, get};
use duckdb::Connection;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Counts of the ended tests that quarantines cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantinedRows {
    pub tests: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Tests that ended as `error`, by class.
    pub errors: BTreeMap<Class, u64>,
    pub flaky: u64,
    /// Tests of which every case was skipped.
    pub all_skipped: u64,
}

/// A quarantine, as far as the row of a test shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRefRow {
    pub quarantine: QuarantineId,
    pub reason: String,
    pub expires_at: Timestamp,
}

/// Counts the tests of `of_tests`, which is about a table `states`.
pub(in crate::store) fn totals(
    connection: &Connection,
    of_tests: &Conditions,
) -> Result<QuarantinedRows, StoreError> {
    let mut totals = QuarantinedRows::default();
    if !any(connection)? {
        return Ok(totals);
    }
    let select = "SELECT states.outcome, states.class, count(*), count(*) FILTER (states.flaky), \
        count(*) FILTER (states.attempts = 1) FROM test_states AS states \
        JOIN quarantined ON quarantined.run = states.run AND quarantined.test = states.test";
    let groups =
        of_tests.query(connection, select, " GROUP BY states.outcome, states.class", |row| {
            let count = |column| get::<u64>(row, column);
            let counts = [count(2)?, count(3)?, count(4)?];
            Ok(((query::outcome(row, 0)?, query::class(row, 1)?), counts))
        })?;
    for (kind, counts) in groups {
        totals.add(kind, counts);
    }
    Ok(totals)
}

impl QuarantinedRows {
    /// Adds tests that ended in one way: their number, those that are flaky, and those with one attempt.
    pub(in crate::store) fn add(
        &mut self,
        (outcome, class): (Option<Outcome>, Option<Class>),
        [count, flaky, at_once]: [u64; 3],
    ) {
        self.tests += count;
        self.flaky += flaky;
        if let Some(outcome) = outcome {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        if outcome == Some(Outcome::Skipped) {
            self.all_skipped += at_once;
        }
        if let (Some(Outcome::Error), Some(class)) = (outcome, class) {
            *self.errors.entry(class).or_default() += count;
        }
    }
}

/// The quarantine of each of these tests that has one.
pub(in crate::store) fn of(
    connection: &Connection,
    tests: &HashSet<TestId>,
) -> Result<HashMap<TestId, QuarantineRefRow>, StoreError> {
    let runs = || tests.iter().map(|test| test.run.0);
    let (Some(first), Some(last)) = (runs().min(), runs().max()) else {
        return Ok(HashMap::new());
    };
    if !any(connection)? {
        return Ok(HashMap::new());
    }
    let mut range = Conditions::default();
    range.and("run BETWEEN ? AND ?", [first, last]);
    let select = "SELECT run, test, quarantine FROM quarantined";
    let covered = range.query(connection, select, "", |row| {
        Ok((query::test_id(row, 0, 1)?, QuarantineId(get(row, 2)?)))
    })?;
    let select = "SELECT quarantine, reason, expires_ms FROM quarantines";
    let marks = Conditions::default().query(connection, select, "", |row| {
        let quarantine = QuarantineId(get(row, 0)?);
        let (reason, expires_at) = (get(row, 1)?, Timestamp(get(row, 2)?));
        Ok((quarantine, QuarantineRefRow { quarantine, reason, expires_at }))
    })?;
    let marks: HashMap<QuarantineId, QuarantineRefRow> = marks.into_iter().collect();
    let wanted = covered.into_iter().filter(|(test, _)| tests.contains(test));
    Ok(wanted.filter_map(|(test, id)| Some((test, marks.get(&id)?.clone()))).collect())
}

/// Numbers of ended tests in quarantine by run and outcome, of the runs from `first` to `last`.
pub(in crate::store) fn by_run(
    connection: &Connection,
    first: RunId,
    last: RunId,
) -> Result<HashMap<RunId, BTreeMap<Outcome, u32>>, StoreError> {
    let mut counts: HashMap<RunId, BTreeMap<Outcome, u32>> = HashMap::new();
    if !any(connection)? {
        return Ok(counts);
    }
    let mut range = Conditions::default();
    range.and("ended.run BETWEEN ? AND ?", [first.0, last.0]);
    let select = "SELECT ended.run, ended.outcome, count(*) FROM test_outcomes AS ended \
        JOIN quarantined ON quarantined.run = ended.run AND quarantined.test = ended.test";
    let rows = range.query(connection, select, " GROUP BY ended.run, ended.outcome", |row| {
        Ok((RunId(get(row, 0)?), query::outcome(row, 1)?, get::<u32>(row, 2)?))
    })?;
    for (run, outcome, count) in rows {
        counts.entry(run).or_default().extend(outcome.map(|outcome| (outcome, count)));
    }
    Ok(counts)
}

/// Whether a test was ever in quarantine.
fn any(connection: &Connection) -> Result<bool, StoreError> {
    query::has_rows(connection, "quarantined")
}
