//! Which tests of a run are run again.

use crate::api::v1::test_views::{TestQuery, TestView};
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::launch::CONFIRMS;
use crate::domain::outcome::Outcome;
use crate::domain::test::MAX_TESTS_PER_RUN;
use crate::results::Reader;
use crate::store::StoreError;
use std::collections::BTreeSet;

/// A test to run again, and the worker that ran it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suspect {
    pub test: TestId,
    pub worker: WorkerId,
}

/// The tests of a run with a metric that is worse than before and not confirmed yet. Tests in quarantine
/// are left out.
pub(super) fn suspects(results: &Reader, run: RunId) -> Result<Vec<Suspect>, StoreError> {
    let changed = results.changed(run)?;
    let tests: BTreeSet<TestId> =
        changed.iter().filter(|changed| changed.is_suspect()).map(|changed| changed.test).collect();
    let mut suspects = Vec::with_capacity(tests.len());
    for test in tests {
        if let Some(worker) = results.store().confirming_worker(test)? {
            suspects.push(Suspect { test, worker });
        }
    }
    Ok(suspects)
}

/// The originals of the tests of a confirmation that gave no value, although their workers ran them.
pub(super) fn without_value(results: &Reader, run: RunId) -> Result<Vec<Suspect>, StoreError> {
    let query = TestQuery { run: Some(run), ..TestQuery::default() };
    let tests = results.tests(&query, None, MAX_TESTS_PER_RUN as usize)?;
    let mut suspects = Vec::new();
    for test in tests.iter().filter(|test| gave_no_value(test)) {
        let original = test.labels.get(CONFIRMS).and_then(|id| id.parse::<TestId>().ok());
        if let (Some(original), Some(worker)) =
            (original, results.store().confirming_worker(test.test)?)
        {
            suspects.push(Suspect { test: original, worker });
        }
    }
    Ok(suspects)
}

fn gave_no_value(test: &TestView) -> bool {
    let outcome = test.outcome.unwrap_or(Outcome::Cancelled);
    !matches!(outcome, Outcome::Passed | Outcome::Cancelled | Outcome::Skipped | Outcome::Expired)
}
