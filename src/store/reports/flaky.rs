//! The attempts of tests over time, for the judgement whether they are flaky.

use crate::domain::id::{QuarantineId, TestId, WorkerId};
use crate::domain::outcome::{Class, Outcome};
use crate::domain::series::CaseId;
use crate::domain::time::Timestamp;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::query::{self, Conditions, get};
use crate::store::reports::quarantined::QuarantineRefRow;
use duckdb::Row;

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
        let mut conditions = Conditions::default();
        conditions.and("attempts.finished_ms >= ?", [since.0]);
        self.pool.read(|connection| {
            let unknown = conditions.query(connection, UNKNOWN, "", |row| get::<u64>(row, 0))?;
            let mut cases: Vec<CaseRow> = Vec::new();
            conditions.query(connection, ATTEMPTS, &newest(limit), |row| {
                let next = case_row(row)?;
                match cases.last_mut() {
                    Some(known) if known.case == next.case => {
                        let mut attempts = std::mem::take(&mut known.attempts);
                        attempts.extend_from_slice(&next.attempts);
                        *known = CaseRow { attempts, ..next };
                    }
                    _ => cases.push(next),
                }
                Ok(())
            })?;
            Ok(PastRows { cases, unknown: unknown.into_iter().sum() })
        })
    }
}

/// Counts the attempts without a case.
const UNKNOWN: &str = "SELECT count(*) FILTER (tests.case_id IS NULL) FROM attempts \
    JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test";

const ATTEMPTS: &str = "SELECT tests.case_id, attempts.run, attempts.test, tests.name, tests.backend, \
    attempts.worker, attempts.outcome, attempts.class, \
    coalesce(ended.flaky AND attempts.outcome = 'passed', false), attempts.finished_ms, \
    marks.quarantine, marks.reason, marks.expires_ms \
    FROM attempts JOIN tests ON tests.run = attempts.run AND tests.test = attempts.test \
    LEFT JOIN test_outcomes AS ended ON ended.run = attempts.run AND ended.test = attempts.test \
    LEFT JOIN quarantined ON quarantined.run = attempts.run AND quarantined.test = attempts.test \
    LEFT JOIN quarantines AS marks ON marks.quarantine = quarantined.quarantine";

/// Keeps the newest attempts of each case, in the order of time.
fn newest(limit: usize) -> String {
    const KEY: [&str; 4] =
        ["attempts.finished_ms", "attempts.run", "attempts.test", "attempts.attempt"];
    format!(
        " AND tests.case_id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY tests.case_id \
         ORDER BY {} DESC) <= {limit} ORDER BY tests.case_id, {}",
        KEY.join(" DESC, "),
        KEY.join(", ")
    )
}

/// Reads a row of [`ATTEMPTS`] as a case with one attempt.
fn case_row(row: &Row<'_>) -> Result<CaseRow, StoreError> {
    let missing = || StoreError::Value { what: "outcome", value: "NULL".to_owned() };
    let attempt = PastAttempt {
        worker: WorkerId(get(row, 5)?),
        outcome: query::outcome(row, 6)?.ok_or_else(missing)?,
        class: query::class(row, 7)?,
        recovered: get(row, 8)?,
        at: Timestamp(get(row, 9)?),
    };
    Ok(CaseRow {
        case: CaseId(get(row, 0)?),
        test: query::test_id(row, 1, 2)?,
        name: get(row, 3)?,
        backend: get(row, 4)?,
        attempts: vec![attempt],
        quarantined: quarantine(row, 10)?,
    })
}

fn quarantine(row: &Row<'_>, first: usize) -> Result<Option<QuarantineRefRow>, StoreError> {
    let Some(id) = get::<Option<u32>>(row, first)? else { return Ok(None) };
    let (reason, expires_at) = (get(row, first + 1)?, Timestamp(get(row, first + 2)?));
    Ok(Some(QuarantineRefRow { quarantine: QuarantineId(id), reason, expires_at }))
}
