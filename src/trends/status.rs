//! The change of a test's status against what was before.

use crate::domain::outcome::Outcome;
use serde::{Deserialize, Serialize};

/// The change of the status of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusChange {
    /// It fails now, and did not fail before: it passed, did not run, or is not known from before.
    NewlyFailing,
    /// It failed before, and passes now.
    Fixed,
    StillFailing,
    /// It passed after a failed attempt.
    Flaky,
    /// It did not run now, and ran before or is not known from before.
    NewlyNotRun,
    /// It ran neither before nor now.
    StillNotRun,
    /// It passes, and is not known from before.
    New,
    /// It passed before and passes now.
    Steady,
}

/// How a test ended, as far as its status is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Passed,
    /// Passed after a failed attempt.
    Flaky,
    Failed,
    NotRun,
}

impl Status {
    /// The status of a test. A test that was cancelled or skipped, that waited too long or whose worker was
    /// lost did not run: nothing is known about it.
    #[must_use]
    pub fn of(outcome: Outcome, flaky: bool) -> Self {
        match outcome {
            Outcome::Passed if flaky => Self::Flaky,
            Outcome::Passed => Self::Passed,
            Outcome::Failed | Outcome::ReducedPrecision | Outcome::Error | Outcome::TimedOut => {
                Self::Failed
            }
            Outcome::Cancelled | Outcome::Skipped | Outcome::Expired | Outcome::WorkerLost => {
                Self::NotRun
            }
        }
    }
}

impl StatusChange {
    pub const ALL: [Self; 8] = [
        Self::NewlyFailing,
        Self::Fixed,
        Self::StillFailing,
        Self::Flaky,
        Self::NewlyNotRun,
        Self::StillNotRun,
        Self::New,
        Self::Steady,
    ];

    /// The change from `before` (absent: the test is not known from before) to `after` (absent: the test is
    /// not part of what is judged).
    #[must_use]
    pub fn of(before: Option<Status>, after: Option<Status>) -> Self {
        use Status::{Failed, Flaky, NotRun, Passed};
        match (before, after) {
            (Some(NotRun), None | Some(NotRun)) | (None, None) => Self::StillNotRun,
            (_, None | Some(NotRun)) => Self::NewlyNotRun,
            (_, Some(Flaky)) => Self::Flaky,
            (Some(Failed), Some(Failed)) => Self::StillFailing,
            (_, Some(Failed)) => Self::NewlyFailing,
            (Some(Failed), Some(Passed)) => Self::Fixed,
            (None, Some(Passed)) => Self::New,
            (Some(_), Some(Passed)) => Self::Steady,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewlyFailing => "newly_failing",
            Self::Fixed => "fixed",
            Self::StillFailing => "still_failing",
            Self::Flaky => "flaky",
            Self::NewlyNotRun => "newly_not_run",
            Self::StillNotRun => "still_not_run",
            Self::New => "new",
            Self::Steady => "steady",
        }
    }

    /// The word in texts.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NewlyFailing => "newly failing",
            Self::StillFailing => "still failing",
            Self::NewlyNotRun => "newly not run",
            Self::StillNotRun => "still not run",
            other => other.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Failed, Flaky, NotRun, Passed};

    #[test]
    fn what_did_not_run_is_neither_fixed_nor_new() {
        let of = |before, after| StatusChange::of(before, after);
        assert_eq!(of(Some(Failed), Some(NotRun)), StatusChange::NewlyNotRun);
        assert_eq!(of(Some(Failed), None), StatusChange::NewlyNotRun);
        assert_eq!(of(Some(NotRun), Some(NotRun)), StatusChange::StillNotRun);
        assert_eq!(of(Some(NotRun), Some(Passed)), StatusChange::Steady);
        assert_eq!(of(Some(NotRun), Some(Failed)), StatusChange::NewlyFailing);
        assert_eq!(of(Some(Flaky), Some(Failed)), StatusChange::NewlyFailing);
        assert_eq!(of(Some(Failed), Some(Flaky)), StatusChange::Flaky);
        assert_eq!(of(Some(Failed), Some(Passed)), StatusChange::Fixed);
        assert_eq!(Status::of(Outcome::WorkerLost, false), NotRun);
        assert_eq!(Status::of(Outcome::ReducedPrecision, false), Failed);
    }

    #[test]
    fn a_new_test_is_judged_by_itself() {
        let of = |after| StatusChange::of(None, Some(after));
        assert_eq!(of(Passed), StatusChange::New);
        assert_eq!(of(Failed), StatusChange::NewlyFailing);
        assert_eq!(of(NotRun), StatusChange::NewlyNotRun, "it did not run before as well");
        assert_eq!(of(Flaky), StatusChange::Flaky);
    }

    #[test]
    fn words_are_those_of_json() {
        for change in StatusChange::ALL {
            let json = serde_json::to_value(change).expect("a word");
            assert_eq!(json, change.name());
        }
    }
}
