//! Tests of a report that are in quarantine: their counts, and the quarantine of each.

use crate::domain::id::{QuarantineId, TestId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Timestamp;
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, get};
use duckdb::Connection;
use std::collections::{BTreeMap, HashMap};

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
            Ok((query::outcome(row, 0)?, query::class(row, 1)?, counts))
        })?;
    for (outcome, class, [count, flaky, at_once]) in groups {
        totals.tests += count;
        totals.flaky += flaky;
        if let Some(outcome) = outcome {
            *totals.outcomes.entry(outcome).or_default() += count;
        }
        if outcome == Some(Outcome::Skipped) {
            totals.all_skipped += at_once;
        }
        if let (Some(Outcome::Error), Some(class)) = (outcome, class) {
            *totals.errors.entry(class).or_default() += count;
        }
    }
    Ok(totals)
}

/// The quarantine of each test of `of_tests`, which is about a table `states`, that has one.
pub(in crate::store) fn refs(
    connection: &Connection,
    of_tests: &Conditions,
) -> Result<HashMap<TestId, QuarantineRefRow>, StoreError> {
    if !any(connection)? {
        return Ok(HashMap::new());
    }
    let select = "SELECT states.run, states.test, marks.quarantine, marks.reason, marks.expires_ms \
        FROM test_states AS states \
        JOIN quarantined ON quarantined.run = states.run AND quarantined.test = states.test \
        JOIN quarantines AS marks ON marks.quarantine = quarantined.quarantine";
    let rows = of_tests.query(connection, select, "", |row| {
        let quarantine = QuarantineRefRow {
            quarantine: QuarantineId(get(row, 2)?),
            reason: get(row, 3)?,
            expires_at: Timestamp(get(row, 4)?),
        };
        Ok((query::test_id(row, 0, 1)?, quarantine))
    })?;
    Ok(rows.into_iter().collect())
}

/// Whether a test was ever in quarantine. If not, the other queries are left out.
fn any(connection: &Connection) -> Result<bool, StoreError> {
    let plain = Conditions::default();
    let found = plain.query(connection, "SELECT 1 FROM quarantined", " LIMIT 1", |_| Ok(()))?;
    Ok(!found.is_empty())
}
