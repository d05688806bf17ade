//! The attempts of tests over time, for the judgement whether they are flaky.

use crate::domain::id::{QuarantineId, RunId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::series::CaseId;
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::columns::{numbers, texts, truths};
use crate::store::error::{Doing, StoreError};
use crate::store::query::{self, get};
use crate::store::reports::quarantined::QuarantineRefRow;
use duckdb::arrow::array::RecordBatch;
use duckdb::arrow::datatypes::{UInt32Type, UInt64Type};
use duckdb::{Connection, Row, params};
use std::collections::HashMap;

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
    /// Number of attempts whose case is not known, which are left out.
    pub unknown: u64,
}

impl Store {
    /// Lists the cases with their newest attempts since a time, at most `limit` of each.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn past_attempts(&self, since: Timestamp, limit: usize) -> Result<PastRows, StoreError> {
        let since = since.0;
        self.pool.read(|connection| {
            let count = |row: &Row<'_>| row.get::<_, u64>(0);
            let without: u64 = connection.query_row(WITHOUT_CASE, [], count).doing("query")?;
            let unknown = match without {
                0 => 0,
                _ => connection.query_row(UNKNOWN, params![since], count).doing("query")?,
            };
            let mut cases = Vec::new();
            let mut statement = connection.prepare(&attempts(limit)).doing("query")?;
            for batch in statement.query_arrow(params![since]).doing("query")? {
                add(&batch, &mut cases)?;
            }
            describe(connection, &mut cases)?;
            Ok(PastRows { cases, unknown })
        })
    }
}

/// Adds the attempts of a batch of [`attempts`] to those of their cases.
fn add(batch: &RecordBatch, cases: &mut Vec<CaseRow>) -> Result<(), StoreError> {
    let ids = numbers::<UInt64Type>(batch, 0);
    let [runs, tests, workers] = [1, 2, 3].map(|at| numbers::<UInt32Type>(batch, at));
    let (outcomes, classes, recovered) = (texts(batch, 4), texts(batch, 5), truths(batch, 6));
    let times = numbers::<UInt64Type>(batch, 7);
    let missing = || StoreError::Value { what: "outcome", value: "NULL".to_owned() };
    for row in 0..batch.num_rows() {
        let case = CaseId(ids.value(row));
        let test = TestId { run: RunId(runs.value(row)), index: tests.value(row) };
        let attempt = PastAttempt {
            worker: WorkerId(workers.value(row)),
            outcome: outcomes.word(row, "outcome")?.ok_or_else(missing)?,
            class: classes.word(row, "class")?,
            recovered: recovered.value(row),
            at: Timestamp(times.value(row)),
        };
        match cases.last_mut().filter(|known| known.case == case) {
            Some(known) => {
                known.test = test;
                known.attempts.push(attempt);
            }
            None => cases.push(CaseRow {
                case,
                backend: None,
                test,
                name: String::new(),
                attempts: vec![attempt],
                quarantined: None,
            }),
        }
    }
    Ok(())
}

/// Adds what is known of the newest tests.
fn describe(connection: &Connection, cases: &mut [CaseRow]) -> Result<(), StoreError> {
    if cases.is_empty() {
        return Ok(());
    }
    let column = |number: fn(&CaseRow) -> u32| {
        let numbers: Vec<String> = cases.iter().map(|case| number(case).to_string()).collect();
        numbers.join(",")
    };
    let ids = params![column(|case| case.test.run.0), column(|case| case.test.index)];
    let mut statement = connection.prepare(NAMES).doing("query")?;
    let described = statement.query_and_then(ids, |row| {
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

/// 1 if there are tests without a case, which belong to a database of an earlier version, otherwise 0.
const WITHOUT_CASE: &str =
    "SELECT count(*) FROM (SELECT 1 FROM tests WHERE case_id IS NULL LIMIT 1)";

/// Counts the attempts without a case. The parameter is the time of the first attempts.
const UNKNOWN: &str = "SELECT count(*) FILTER (tests.case_id IS NULL) FROM attempts \
    JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
    WHERE attempts.finished_ms >= ?1";

/// The newest attempts of each case, in the order of time. The parameter is the time of the first ones.
fn attempts(limit: usize) -> String {
    const KEY: [&str; 4] =
        ["attempts.finished_ms", "attempts.run", "attempts.test", "attempts.attempt"];
    format!(
        "WITH flaky AS (SELECT run, test FROM test_outcomes WHERE flaky) \
         SELECT tests.case_id, attempts.run, attempts.test, attempts.worker, attempts.outcome, \
         attempts.class, flaky.run IS NOT NULL AND attempts.outcome = 'passed', \
         attempts.finished_ms \
         FROM attempts JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
         LEFT JOIN flaky ON flaky.run = attempts.run AND flaky.test = attempts.test \
         WHERE attempts.finished_ms >= ?1 \
         AND tests.run >= (SELECT min(run) FROM attempts WHERE finished_ms >= ?1) \
         AND tests.case_id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY tests.case_id \
         ORDER BY {} DESC) <= {limit} ORDER BY tests.case_id, {}",
        KEY.join(" DESC, "),
        KEY.join(", ")
    )
}

/// The parameters are the runs and the numbers of tests.
const NAMES: &str = "WITH wanted AS (SELECT unnest(string_split(?1::VARCHAR, ','))::UINTEGER AS run, \
        unnest(string_split(?2::VARCHAR, ','))::UINTEGER AS test) \
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
