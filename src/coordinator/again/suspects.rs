//! Which tests of a run are run again.

use crate::api::v1::runs::RunView;
use crate::api::v1::test_views::{TestQuery, TestView};
use crate::domain::id::{RunId, TestId, WorkerId};
use crate::domain::launch::CONFIRMS;
use crate::domain::outcome::Outcome;
use crate::domain::test::MAX_TESTS_PER_RUN;
use crate::results::Reader;
use crate::store::StoreError;
use std::collections::BTreeSet;

/// User that submits confirmations.
pub(super) const USER: &str = "dtf";

/// A test to run again, and the worker that ran it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suspect {
    pub test: TestId,
    pub worker: WorkerId,
}

/// The run whose suspects this run confirms, and whether for the second time. `None` for other runs.
pub(super) fn confirmed_by(run: &RunView) -> Option<(RunId, bool)> {
    if run.user != USER {
        return None;
    }
    let rest = run.name.strip_prefix("confirm ")?;
    let (id, is_second) = match rest.strip_suffix(" again") {
        Some(id) => (id, true),
        None => (rest, false),
    };
    Some((id.parse().ok()?, is_second))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::runs::RunCounts;
    use crate::domain::time::Timestamp;

    #[test]
    fn confirmations_are_recognised_by_their_user_and_name() {
        let of = |user: &str, name: &str| {
            confirmed_by(&RunView {
                schema: 1,
                run: RunId(9),
                name: name.to_owned(),
                user: user.to_owned(),
                submitted_at: Timestamp(0),
                finished_at: None,
                cancelled: false,
                counts: RunCounts::default(),
            })
        };
        assert_eq!(of(USER, "confirm r12"), Some((RunId(12), false)));
        assert_eq!(of(USER, "confirm r12 again"), Some((RunId(12), true)));
        assert_eq!(of("anna", "confirm r12"), None);
        assert_eq!(of(USER, "nightly"), None);
    }
}
